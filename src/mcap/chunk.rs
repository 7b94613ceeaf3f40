//! A chunk: messages of half a second or so, with a checksum over them.

use super::encode::{message_indexes, prefixed, record, u16, u32, u64};
use super::op;
use std::collections::BTreeMap;

/// Bytes of a chunk before its first message: kind and length of the record, two times, size,
/// checksum, an empty name of the compression, size again.
const HEAD_BYTES: usize = 1 + 8 + 8 + 8 + 8 + 4 + 4 + 8;

/// A message in a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MessageEntry {
    pub(crate) channel: u16,
    pub(crate) time_ns: u64,
    /// Where it begins in the chunk's messages.
    pub(crate) place: u64,
}

/// What the summary tells of a chunk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ChunkEntry {
    /// Times of the first and the last message.
    pub(crate) span_ns: (u64, u64),
    /// Where the chunk begins in the file.
    pub(crate) offset: u64,
    /// Bytes of the record.
    pub(crate) length: u64,
    /// Bytes of the messages.
    pub(crate) size: u64,
    /// Channel and place of each record of the index.
    pub(crate) indexes: Vec<(u16, u64)>,
    /// Bytes of those records.
    pub(crate) indexes_length: u64,
    /// Channel and number of its messages.
    pub(crate) counts: Vec<(u16, u64)>,
}

impl ChunkEntry {
    /// Of a chunk whose index is not known yet. `place` is where it begins and how long it is,
    /// `size` the bytes of its messages.
    pub(crate) fn new(
        span_ns: (u64, u64),
        place: (u64, u64),
        size: usize,
        entries: &[MessageEntry],
    ) -> Self {
        let mut counts = BTreeMap::new();
        for entry in entries {
            *counts.entry(entry.channel).or_insert(0) += 1;
        }
        Self {
            span_ns,
            offset: place.0,
            length: place.1,
            size: size as u64,
            indexes: Vec::new(),
            indexes_length: 0,
            counts: counts.into_iter().collect(),
        }
    }
}

/// A chunk that is being filled. Its buffer serves again and again.
#[derive(Debug)]
pub(crate) struct Chunk {
    bytes: Vec<u8>,
    entries: Vec<MessageEntry>,
}

impl Chunk {
    pub(crate) fn new() -> Self {
        Self {
            bytes: vec![0; HEAD_BYTES],
            entries: Vec::new(),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Bytes so far.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Messages on this channel.
    pub(crate) fn count(&self, channel: u16) -> u64 {
        self.entries.iter().filter(|e| e.channel == channel).count() as u64
    }

    /// Empties it.
    pub(crate) fn clear(&mut self) {
        self.bytes.truncate(HEAD_BYTES);
        self.entries.clear();
    }

    /// Adds a message that says what `body` appends.
    pub(crate) fn message(
        &mut self,
        channel: u16,
        sequence: u32,
        time_ns: u64,
        body: impl FnOnce(&mut Vec<u8>),
    ) {
        let place = (self.bytes.len() - HEAD_BYTES) as u64;
        self.entries.push(MessageEntry {
            channel,
            time_ns,
            place,
        });
        record(&mut self.bytes, op::MESSAGE, |out| {
            u16(out, channel);
            u32(out, sequence);
            u64(out, time_ns);
            u64(out, time_ns);
            body(out);
        });
    }

    /// The chunk and its index as they stand at `offset` in a file; `None` where it is empty.
    pub(crate) fn finish(&mut self, offset: u64) -> Option<(&[u8], ChunkEntry)> {
        let span_ns = span(&self.entries)?;
        let size = (self.bytes.len() - HEAD_BYTES) as u64;
        let mut head = Vec::with_capacity(HEAD_BYTES);
        let crc = crc32fast::hash(&self.bytes[HEAD_BYTES..]);
        record(&mut head, op::CHUNK, |out| {
            u64(out, span_ns.0);
            u64(out, span_ns.1);
            u64(out, size);
            u32(out, crc);
            prefixed::<4>(out, |_| {});
            u64(out, size);
        });
        let length = HEAD_BYTES as u64 + size;
        head[1..9].copy_from_slice(&(length - 9).to_le_bytes());
        self.bytes[..HEAD_BYTES].copy_from_slice(&head);
        let indexes = message_indexes(&mut self.bytes, offset + length, &self.entries);
        let place = (offset, length);
        let entry = ChunkEntry {
            indexes,
            indexes_length: self.bytes.len() as u64 - length,
            ..ChunkEntry::new(span_ns, place, size as usize, &self.entries)
        };
        Some((&self.bytes, entry))
    }
}

fn span(entries: &[MessageEntry]) -> Option<(u64, u64)> {
    let times = || entries.iter().map(|entry| entry.time_ns);
    Some((times().min()?, times().max()?))
}

/// A chunk as it was read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ChunkView<'a> {
    /// Times of the first and the last message, as the chunk says.
    pub(crate) span_ns: (u64, u64),
    /// How the messages are compressed; empty: not at all.
    pub(crate) compression: &'a str,
    /// The messages' records.
    pub(crate) records: &'a [u8],
    crc: u32,
}

impl<'a> ChunkView<'a> {
    /// Takes the contents of a chunk's record; `None` where they make no sense.
    pub(crate) fn parse(body: &'a [u8]) -> Option<Self> {
        let mut rest = Bytes(body);
        let span_ns = (rest.u64()?, rest.u64()?);
        let size = rest.u64()?;
        let crc = rest.u32()?;
        let compression = rest.string()?;
        let length = usize::try_from(rest.u64()?).ok()?;
        let records = rest.take(length)?;
        (!compression.is_empty() || size == length as u64).then_some(Self {
            span_ns,
            compression,
            records,
            crc,
        })
    }

    /// Whether these are the bytes that were written. A checksum of 0 says nothing.
    pub(crate) fn is_intact(&self) -> bool {
        !self.compression.is_empty() || self.crc == 0 || crc32fast::hash(self.records) == self.crc
    }

    /// Channel, time and place of each message; `None` where the records make no sense.
    pub(crate) fn entries(&self) -> Option<Vec<MessageEntry>> {
        let mut entries = Vec::new();
        let mut rest = Bytes(self.records);
        while !rest.0.is_empty() {
            let place = (self.records.len() - rest.0.len()) as u64;
            let (opcode, body) = rest.record()?;
            if opcode == op::MESSAGE {
                let mut body = Bytes(body);
                let channel = body.u16()?;
                body.u32()?;
                let time_ns = body.u64()?;
                entries.push(MessageEntry {
                    channel,
                    time_ns,
                    place,
                });
            }
        }
        Some(entries)
    }
}

/// Bytes that are being read from the front.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bytes<'a>(pub(super) &'a [u8]);

impl<'a> Bytes<'a> {
    pub(super) fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    pub(super) fn u8(&mut self) -> Option<u8> {
        self.array().map(u8::from_le_bytes)
    }

    pub(super) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    pub(super) fn string(&mut self) -> Option<&'a str> {
        let length = self.u32()? as usize;
        std::str::from_utf8(self.take(length)?).ok()
    }

    /// Kind and contents of the next record.
    pub(super) fn record(&mut self) -> Option<(u8, &'a [u8])> {
        let opcode = self.u8()?;
        let length = usize::try_from(self.u64()?).ok()?;
        Some((opcode, self.take(length)?))
    }
}

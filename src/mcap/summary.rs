//! What closes a file: where everything in it is.

use super::chunk::ChunkEntry;
use super::encode::{prefixed, record, string, u16, u32, u64};
use super::{MAGIC, op};
use std::collections::BTreeMap;

/// Collects what a file holds while it is written, or read again, and closes it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Summary {
    /// Records of schemas and channels as they stand in the file.
    schemas: Vec<u8>,
    schema_count: u16,
    channels: Vec<u8>,
    channel_count: u32,
    /// Where metadata are, how long, and their name.
    metadata: Vec<(u64, u64, String)>,
    chunks: Vec<ChunkEntry>,
}

impl Summary {
    /// Takes note of a record, which is not a chunk, at `offset`.
    pub(crate) fn record(&mut self, opcode: u8, offset: u64, body: &[u8]) {
        let repeat = |out: &mut Vec<u8>| record(out, opcode, |out| out.extend_from_slice(body));
        match opcode {
            op::SCHEMA => {
                repeat(&mut self.schemas);
                self.schema_count += 1;
            }
            op::CHANNEL => {
                repeat(&mut self.channels);
                self.channel_count += 1;
            }
            op::METADATA => {
                let name = super::chunk::Bytes(body).string().unwrap_or_default();
                self.metadata
                    .push((offset, 9 + body.len() as u64, name.to_owned()));
            }
            _ => {}
        }
    }

    /// Takes note of a chunk.
    pub(crate) fn chunk(&mut self, entry: ChunkEntry) {
        self.chunks.push(entry);
    }

    /// How many chunks there are.
    pub(crate) fn chunks(&self) -> usize {
        self.chunks.len()
    }

    /// Times of the first and the last message.
    pub(crate) fn span_ns(&self) -> Option<(u64, u64)> {
        let spans = || self.chunks.iter().map(|chunk| chunk.span_ns);
        let first = spans().map(|span| span.0).min()?;
        Some((first, spans().map(|span| span.1).max()?))
    }

    /// Appends all that follows the last chunk, which ends at `offset`.
    pub(crate) fn close(&self, offset: u64, out: &mut Vec<u8>) {
        let begin = out.len();
        let place = |out: &Vec<u8>| offset + (out.len() - begin) as u64;
        record(out, op::DATA_END, |out| u32(out, 0));
        let (summary_at, summary_start) = (out.len(), place(out));
        let mut groups = Vec::new();
        let mut group = |opcode, out: &mut Vec<u8>, put: &dyn Fn(&mut Vec<u8>)| {
            let start = place(out);
            put(out);
            let length = place(out) - start;
            if length > 0 {
                groups.push((opcode, start, length));
            }
        };
        group(op::SCHEMA, out, &|out| {
            out.extend_from_slice(&self.schemas);
        });
        group(op::CHANNEL, out, &|out| {
            out.extend_from_slice(&self.channels);
        });
        group(op::STATISTICS, out, &|out| self.statistics(out));
        group(op::CHUNK_INDEX, out, &|out| self.chunk_indexes(out));
        group(op::METADATA_INDEX, out, &|out| self.metadata_indexes(out));
        let offsets_start = place(out);
        for (opcode, start, length) in groups {
            record(out, op::SUMMARY_OFFSET, |out| {
                out.push(opcode);
                u64(out, start);
                u64(out, length);
            });
        }
        // The footer's checksum covers the summary and the footer up to itself.
        record(out, op::FOOTER, |out| {
            u64(out, summary_start);
            u64(out, offsets_start);
            u32(out, 0);
        });
        let crc_at = out.len() - 4;
        let footer_at = crc_at - 8 - 8 - 8 - 1;
        debug_assert_eq!(out.get(footer_at), Some(&op::FOOTER));
        let crc = crc32fast::hash(&out[summary_at..crc_at]);
        out[crc_at..].copy_from_slice(&crc.to_le_bytes());
        out.extend_from_slice(&MAGIC);
    }

    fn statistics(&self, out: &mut Vec<u8>) {
        let mut counts = BTreeMap::new();
        for (channel, count) in self.chunks.iter().flat_map(|chunk| &chunk.counts) {
            *counts.entry(*channel).or_insert(0) += count;
        }
        let span_ns = self.span_ns().unwrap_or_default();
        record(out, op::STATISTICS, |out| {
            u64(out, counts.values().sum());
            u16(out, self.schema_count);
            u32(out, self.channel_count);
            u32(out, 0);
            u32(out, self.metadata.len() as u32);
            u32(out, self.chunks.len() as u32);
            u64(out, span_ns.0);
            u64(out, span_ns.1);
            prefixed::<4>(out, |out| {
                for (channel, count) in &counts {
                    u16(out, *channel);
                    u64(out, *count);
                }
            });
        });
    }

    fn chunk_indexes(&self, out: &mut Vec<u8>) {
        for chunk in &self.chunks {
            record(out, op::CHUNK_INDEX, |out| {
                u64(out, chunk.span_ns.0);
                u64(out, chunk.span_ns.1);
                u64(out, chunk.offset);
                u64(out, chunk.length);
                prefixed::<4>(out, |out| {
                    for (channel, place) in &chunk.indexes {
                        u16(out, *channel);
                        u64(out, *place);
                    }
                });
                u64(out, chunk.indexes_length);
                string(out, "");
                u64(out, chunk.size);
                u64(out, chunk.size);
            });
        }
    }

    fn metadata_indexes(&self, out: &mut Vec<u8>) {
        for (offset, length, name) in &self.metadata {
            record(out, op::METADATA_INDEX, |out| {
                u64(out, *offset);
                u64(out, *length);
                string(out, name);
            });
        }
    }
}

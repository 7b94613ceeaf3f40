//! Records as bytes.

use super::MessageEntry;
use super::op;

/// Appends one record: its kind, its length and what `body` appends.
pub(super) fn record(out: &mut Vec<u8>, opcode: u8, body: impl FnOnce(&mut Vec<u8>)) {
    out.push(opcode);
    prefixed::<8>(out, body);
}

/// Appends what `body` does, after its length as so many bytes.
pub(super) fn prefixed<const BYTES: usize>(out: &mut Vec<u8>, body: impl FnOnce(&mut Vec<u8>)) {
    let at = out.len();
    out.extend_from_slice(&[0; BYTES]);
    let start = out.len();
    body(out);
    let length = ((out.len() - start) as u64).to_le_bytes();
    out[at..start].copy_from_slice(&length[..BYTES]);
}

pub(super) fn string(out: &mut Vec<u8>, text: &str) {
    prefixed::<4>(out, |out| out.extend_from_slice(text.as_bytes()));
}

pub(super) fn u16(out: &mut Vec<u8>, number: u16) {
    out.extend_from_slice(&number.to_le_bytes());
}

pub(super) fn u32(out: &mut Vec<u8>, number: u32) {
    out.extend_from_slice(&number.to_le_bytes());
}

pub(super) fn u64(out: &mut Vec<u8>, number: u64) {
    out.extend_from_slice(&number.to_le_bytes());
}

/// The first record of a file.
pub(crate) fn header(out: &mut Vec<u8>, library: &str) {
    record(out, op::HEADER, |out| {
        string(out, "");
        string(out, library);
    });
}

/// What the messages of a channel look like. Ids count from 1.
pub(crate) fn schema(out: &mut Vec<u8>, id: u16, name: &str, encoding: &str, data: &[u8]) {
    record(out, op::SCHEMA, |out| {
        u16(out, id);
        string(out, name);
        string(out, encoding);
        prefixed::<4>(out, |out| out.extend_from_slice(data));
    });
}

/// A row of messages about one thing.
pub(crate) fn channel(out: &mut Vec<u8>, id: u16, schema_id: u16, topic: &str, encoding: &str) {
    record(out, op::CHANNEL, |out| {
        u16(out, id);
        u16(out, schema_id);
        string(out, topic);
        string(out, encoding);
        prefixed::<4>(out, |_| {});
    });
}

/// Facts about the file.
pub(crate) fn metadata(out: &mut Vec<u8>, name: &str, pairs: &[(&str, &str)]) {
    record(out, op::METADATA, |out| {
        string(out, name);
        prefixed::<4>(out, |out| {
            for (key, value) in pairs {
                string(out, key);
                string(out, value);
            }
        });
    });
}

/// Where the messages of a chunk are, a record for each channel. Gives channel and place of each record, the first of which begins at
/// `offset` in the file.
pub(crate) fn message_indexes(
    out: &mut Vec<u8>,
    offset: u64,
    entries: &[MessageEntry],
) -> Vec<(u16, u64)> {
    let mut channels: Vec<u16> = entries.iter().map(|entry| entry.channel).collect();
    channels.sort_unstable();
    channels.dedup();
    let begin = out.len();
    let mut places = Vec::with_capacity(channels.len());
    for id in channels {
        places.push((id, offset + (out.len() - begin) as u64));
        record(out, op::MESSAGE_INDEX, |out| {
            u16(out, id);
            prefixed::<4>(out, |out| {
                for entry in entries.iter().filter(|entry| entry.channel == id) {
                    u64(out, entry.time_ns);
                    u64(out, entry.place);
                }
            });
        });
    }
    places
}

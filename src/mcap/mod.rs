//! The container format of recordings, MCAP (<https://mcap.dev/spec>), as far as they need it:
//! without compression, since JPEG does not compress.
//!
//! ```text
//! magic, header, schemas, channels, metadata
//! chunk  (messages, with a checksum)          as many as it takes, each followed
//! message index of each channel in the chunk  by where its messages are
//! data end, summary, footer, magic            only where the file was closed
//! ```
//!
//! It is written here rather than by a crate because a recording must outlive what a crate takes
//! for the end: a failed write must leave a file that ends with its last whole chunk, and a file
//! that a power cut left open is closed where it lies, by the same code that closes others.
//! Tests have two readers of others judge it.

mod chunk;
mod encode;
mod messages;
mod summary;
mod walk;

pub(crate) use chunk::{Chunk, ChunkEntry, ChunkView, MessageEntry};
pub(crate) use encode::{channel, header, message_indexes, metadata, schema};
pub(crate) use messages::{MessageReader, ReadError};
pub(crate) use summary::Summary;
pub(crate) use walk::{Walk, WalkError};

/// What every file begins and ends with.
pub(crate) const MAGIC: [u8; 8] = *b"\x89MCAP0\r\n";

/// The largest chunk that is read or written, in bytes; it holds the largest JPEG.
pub(crate) const CHUNK_BYTES_MAX: u64 = 96 << 20;

/// The largest other record that is read, in bytes.
pub(crate) const RECORD_BYTES_MAX: u64 = 16 << 20;

/// Kinds of records.
pub(crate) mod op {
    pub(crate) const HEADER: u8 = 0x01;
    pub(crate) const FOOTER: u8 = 0x02;
    pub(crate) const SCHEMA: u8 = 0x03;
    pub(crate) const CHANNEL: u8 = 0x04;
    pub(crate) const MESSAGE: u8 = 0x05;
    pub(crate) const CHUNK: u8 = 0x06;
    pub(crate) const MESSAGE_INDEX: u8 = 0x07;
    pub(crate) const CHUNK_INDEX: u8 = 0x08;
    pub(crate) const STATISTICS: u8 = 0x0b;
    pub(crate) const METADATA: u8 = 0x0c;
    pub(crate) const METADATA_INDEX: u8 = 0x0d;
    pub(crate) const SUMMARY_OFFSET: u8 = 0x0e;
    pub(crate) const DATA_END: u8 = 0x0f;
    /// A chunk whose bytes are not those that were written. Readers pass over records of this
    /// kind, as over all from 0x80 on.
    pub(crate) const DAMAGED_CHUNK: u8 = 0x80 | CHUNK;
}

#[cfg(test)]
mod tests;

//! A picture together with what was seen in it, as one message.

use axum::body::Bytes;
use std::time::{Duration, Instant};

/// A picture older than this is not passed off as what is there now.
const FRESH_MAX: Duration = Duration::from_secs(1);

/// A picture and what was seen in it. Made once, shared by all clients.
#[derive(Clone, Debug)]
pub(super) struct Shot {
    message: Bytes,
    json_bytes: usize,
    made_at: Instant,
}

/// Puts a [`Shot`] together: first the JSON, then the JPEG.
#[derive(Debug)]
pub(super) struct ShotBuilder {
    bytes: Vec<u8>,
    json_bytes: usize,
}

/// Bytes of the length before the JSON.
const HEAD_BYTES: usize = size_of::<u32>();

impl ShotBuilder {
    /// With what `write` appends as JSON; white space at its end is left out.
    pub(super) fn new<E>(
        bytes_expected: usize,
        write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
    ) -> Result<Self, E> {
        let mut bytes = Vec::with_capacity(bytes_expected);
        bytes.extend_from_slice(&[0; HEAD_BYTES]);
        write(&mut bytes)?;
        bytes.truncate(bytes.trim_ascii_end().len().max(HEAD_BYTES));
        let json_bytes = bytes.len() - HEAD_BYTES;
        let length = u32::try_from(json_bytes).unwrap_or(u32::MAX);
        bytes[..HEAD_BYTES].copy_from_slice(&length.to_le_bytes());
        Ok(Self { bytes, json_bytes })
    }

    /// Where the JPEG is to be appended.
    pub(super) fn jpeg(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    pub(super) fn finish(self) -> Shot {
        Shot {
            message: self.bytes.into(),
            json_bytes: self.json_bytes,
            made_at: Instant::now(),
        }
    }
}

impl Shot {
    /// The length of the JSON as a little-endian u32, the JSON, the JPEG.
    pub(super) fn message(&self) -> Bytes {
        self.message.clone()
    }

    /// The JPEG alone.
    pub(super) fn jpeg(&self) -> Bytes {
        self.message.slice(HEAD_BYTES + self.json_bytes..)
    }

    /// Whether this may pass for what is there now.
    pub(super) fn is_fresh(&self) -> bool {
        self.made_at.elapsed() < FRESH_MAX
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_parts_come_out_as_they_went_in() {
        let write = |out: &mut Vec<u8>| {
            out.extend_from_slice(b"{\"a\":1}\n");
            Ok::<_, ()>(())
        };
        let mut builder = ShotBuilder::new(0, write).unwrap();
        builder.jpeg().extend_from_slice(b"\xFF\xD8picture\n");
        let shot = builder.finish();
        assert_eq!(&shot.message()[..], b"\x07\0\0\0{\"a\":1}\xFF\xD8picture\n");
        assert_eq!(&shot.jpeg()[..], b"\xFF\xD8picture\n");
        assert!(shot.is_fresh());
        assert!(ShotBuilder::new(0, |_| Err(())).is_err());
    }
}

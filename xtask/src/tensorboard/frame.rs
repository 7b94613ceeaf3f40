//! The frame of a record: its length, a checksum of that, its bytes, a checksum of those.

use super::RECORD_BYTES_MAX;
use super::crc::masked;
use std::io::{self, Read};

/// Bytes before the record.
const HEAD_BYTES: usize = 12;

/// Bytes of a checksum.
const CRC_BYTES: usize = 4;

/// What a file holds at some place.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Frame {
    /// A whole record and the bytes of its frame.
    Record(Vec<u8>, u64),
    /// The file ends here, as it should.
    End,
    /// The file ends within a frame.
    Torn,
    /// The frame is not what its writer wrote.
    Damaged(String),
}

/// Appends the record in its frame.
pub(super) fn push(record: &[u8], out: &mut Vec<u8>) {
    let length = (record.len() as u64).to_le_bytes();
    out.extend_from_slice(&length);
    out.extend_from_slice(&masked(&length).to_le_bytes());
    out.extend_from_slice(record);
    out.extend_from_slice(&masked(record).to_le_bytes());
}

/// Reads one frame.
pub(super) fn next(reader: &mut impl Read) -> io::Result<Frame> {
    let mut head = Vec::with_capacity(HEAD_BYTES);
    reader.take(HEAD_BYTES as u64).read_to_end(&mut head)?;
    if head.is_empty() {
        return Ok(Frame::End);
    }
    let Some((length, crc)) = head.split_first_chunk::<8>() else {
        return Ok(Frame::Torn);
    };
    let Ok(crc) = <[u8; CRC_BYTES]>::try_from(crc) else {
        return Ok(Frame::Torn);
    };
    if u32::from_le_bytes(crc) != masked(length) {
        return Ok(Frame::Damaged("the checksum of its length is wrong".into()));
    }
    let length = u64::from_le_bytes(*length);
    if length > RECORD_BYTES_MAX {
        return Ok(Frame::Damaged(format!("it claims {length} bytes")));
    }
    body(reader, length)
}

fn body(reader: &mut impl Read, length: u64) -> io::Result<Frame> {
    let whole = length + CRC_BYTES as u64;
    let mut bytes = Vec::new();
    reader.take(whole).read_to_end(&mut bytes)?;
    if (bytes.len() as u64) < whole {
        return Ok(Frame::Torn);
    }
    let crc = bytes.split_off(bytes.len() - CRC_BYTES);
    if crc != masked(&bytes).to_le_bytes() {
        return Ok(Frame::Damaged("the checksum of its bytes is wrong".into()));
    }
    Ok(Frame::Record(bytes, HEAD_BYTES as u64 + whole))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn framed(record: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        push(record, &mut bytes);
        bytes
    }

    #[test]
    fn an_endless_length_is_refused() {
        let length = u64::MAX.to_le_bytes();
        let mut bytes = length.to_vec();
        bytes.extend_from_slice(&masked(&length).to_le_bytes());
        let frame = next(&mut bytes.as_slice()).unwrap();
        assert!(matches!(frame, Frame::Damaged(reason) if reason.contains("18446744073709551615")));
    }

    proptest! {
        #[test]
        fn records_come_back_and_cuts_are_seen(record in prop::collection::vec(any::<u8>(), 0..200)) {
            let bytes = framed(&record);
            let size = bytes.len() as u64;
            let read = |bytes: &[u8]| next(&mut { bytes }).unwrap();
            prop_assert_eq!(read(&bytes), Frame::Record(record, size));
            prop_assert_eq!(read(&[]), Frame::End);
            for cut in 1..bytes.len() {
                prop_assert_eq!(read(&bytes[..cut]), Frame::Torn);
            }
        }

        #[test]
        fn a_changed_bit_is_seen(
            record in prop::collection::vec(any::<u8>(), 0..50),
            place in any::<prop::sample::Index>(),
            bit in 0..8,
        ) {
            let mut bytes = framed(&record);
            let place = place.index(bytes.len());
            bytes[place] ^= 1u8 << bit;
            let frame = next(&mut bytes.as_slice()).unwrap();
            prop_assert!(matches!(frame, Frame::Damaged(_)), "{:?}", frame);
        }
    }
}

//! From record to record through a file that may end anywhere.

use super::{CHUNK_BYTES_MAX, MAGIC, RECORD_BYTES_MAX, op};
use std::io::{self, ErrorKind, Read};

/// Bytes of a record before its contents.
const HEAD_BYTES: usize = 9;

/// Why a walk goes no further. The records before are whole.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WalkError {
    /// The file does not begin as one of MCAP.
    #[error("it is no MCAP file")]
    NotMcap,
    /// The next record is not whole, or none.
    #[error("it is torn after byte {0}")]
    Torn(u64),
    /// The file cannot be read.
    #[error(transparent)]
    Read(#[from] io::Error),
}

/// A walk. Holds one record in memory at a time, at most [`CHUNK_BYTES_MAX`].
#[derive(Debug)]
pub(crate) struct Walk<R> {
    reader: R,
    /// Where the next record begins.
    offset: u64,
    body: Vec<u8>,
}

impl<R: Read> Walk<R> {
    /// Begins at the start of a file.
    ///
    /// # Errors
    /// [`WalkError::NotMcap`] where the first bytes are others than MCAP's.
    pub(crate) fn new(mut reader: R) -> Result<Self, WalkError> {
        let mut magic = [0; MAGIC.len()];
        match reader.read_exact(&mut magic) {
            Ok(()) if magic == MAGIC => Ok(Self {
                reader,
                offset: MAGIC.len() as u64,
                body: Vec::new(),
            }),
            Ok(()) => Err(WalkError::NotMcap),
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => Err(WalkError::NotMcap),
            Err(error) => Err(error.into()),
        }
    }

    /// Where the next record begins.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// Goes over to the next record; gives its kind and where it begins. `None`: the messages
    /// are over, because the file was closed here.
    ///
    /// # Errors
    /// [`WalkError::Torn`] at the first byte of what is no whole record.
    pub(crate) fn step(&mut self) -> Result<Option<(u8, u64)>, WalkError> {
        let offset = self.offset;
        let mut head = [0; HEAD_BYTES];
        self.fill(&mut head)?;
        let [opcode, length @ ..] = head;
        let length = u64::from_le_bytes(length);
        let is_known = matches!(opcode, op::HEADER..=op::DATA_END | 0x80..);
        let length_max = match opcode {
            op::CHUNK | op::DAMAGED_CHUNK => CHUNK_BYTES_MAX,
            _ => RECORD_BYTES_MAX,
        };
        if !is_known || length > length_max {
            return Err(WalkError::Torn(offset));
        }
        // Grows with what there is, not with what a torn record says that there is.
        self.body.clear();
        let read = (&mut self.reader)
            .take(length)
            .read_to_end(&mut self.body)?;
        if (read as u64) < length {
            return Err(WalkError::Torn(offset));
        }
        self.offset += HEAD_BYTES as u64 + length;
        Ok((opcode != op::DATA_END).then_some((opcode, offset)))
    }

    /// Contents of the record that the last step came to.
    pub(crate) fn body(&self) -> &[u8] {
        &self.body
    }

    fn fill(&mut self, head: &mut [u8]) -> Result<(), WalkError> {
        self.reader.read_exact(head).map_err(|error| {
            if error.kind() == ErrorKind::UnexpectedEof {
                WalkError::Torn(self.offset)
            } else {
                error.into()
            }
        })
    }
}

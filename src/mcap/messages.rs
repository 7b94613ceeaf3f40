//! The messages of a file, in the order in which they stand in it.

use super::chunk::{Bytes, ChunkView};
use super::op;
use super::walk::{Walk, WalkError};
use std::collections::BTreeMap;
use std::io::Read;
use std::sync::Arc;

/// The most channels and schemas of a file that is read.
const CHANNELS_MAX: usize = 4096;

/// Why messages cannot be read. The message says what to do.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    /// The file is no MCAP file, or cannot be read.
    #[error(transparent)]
    Walk(#[from] WalkError),
    /// Its messages are compressed.
    #[error("its chunks are compressed with {0}; `mcap compress --compression none` undoes that")]
    Compressed(String),
    /// A chunk is damaged; the next call goes on with the one behind it.
    #[error("a chunk is damaged, and left out")]
    Damaged,
    /// There is too much in it.
    #[error("it has more than {CHANNELS_MAX} channels; name a recording of lookout")]
    Channels,
}

/// Where messages belong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Channel {
    /// What they are about.
    pub(crate) topic: String,
    /// What they look like.
    pub(crate) schema: String,
    /// How they are encoded.
    pub(crate) encoding: String,
}

/// One message.
#[derive(Clone, Debug)]
pub(crate) struct Message<'a> {
    /// Where it belongs.
    pub(crate) channel: Arc<Channel>,
    /// Its number on the channel.
    pub(crate) sequence: u32,
    /// Its time, in nanoseconds since 1970 UTC.
    pub(crate) time_ns: u64,
    /// What it says.
    pub(crate) data: &'a [u8],
}

/// Reads messages. Holds one chunk in memory at a time.
#[derive(Debug)]
pub(crate) struct MessageReader<R> {
    walk: Walk<R>,
    /// What of the present chunk, or of a message outside of chunks, is left to give out.
    records: Vec<u8>,
    next: usize,
    schemas: BTreeMap<u16, String>,
    channels: BTreeMap<u16, Arc<Channel>>,
    is_over: bool,
}

impl<R: Read> MessageReader<R> {
    /// Begins at the start of a file.
    ///
    /// # Errors
    /// When it is no MCAP file.
    pub(crate) fn new(reader: R) -> Result<Self, ReadError> {
        Ok(Self {
            walk: Walk::new(reader)?,
            records: Vec::new(),
            next: 0,
            schemas: BTreeMap::new(),
            channels: BTreeMap::new(),
            is_over: false,
        })
    }

    /// The next message. `None`: there are no more, also where the file is torn.
    ///
    /// # Errors
    /// After [`ReadError::Damaged`] the next call goes on; after others it is over.
    pub(crate) fn next(&mut self) -> Result<Option<Message<'_>>, ReadError> {
        loop {
            while self.next < self.records.len() {
                let mut rest = Bytes(&self.records[self.next..]);
                let Some((opcode, body)) = rest.record() else {
                    self.next = self.records.len();
                    return Err(ReadError::Damaged);
                };
                let (body_end, body_len) = (self.records.len() - rest.0.len(), body.len());
                self.next = body_end;
                if opcode != op::MESSAGE {
                    define(&mut self.schemas, &mut self.channels, opcode, body)?;
                    continue;
                }
                let body = body_end - body_len..body_end;
                // Found again below, for the borrow checker's sake.
                if self.message(body.clone()).is_some() {
                    return Ok(self.message(body));
                }
            }
            if self.is_over || !self.load()? {
                self.is_over = true;
                return Ok(None);
            }
        }
    }

    fn message(&self, body: std::ops::Range<usize>) -> Option<Message<'_>> {
        let mut rest = Bytes(self.records.get(body)?);
        let channel = Arc::clone(self.channels.get(&rest.u16()?)?);
        let sequence = rest.u32()?;
        let time_ns = rest.u64()?;
        rest.u64()?;
        Some(Message {
            channel,
            sequence,
            time_ns,
            data: rest.0,
        })
    }

    /// Fetches the next records; `false` where there are none.
    fn load(&mut self) -> Result<bool, ReadError> {
        self.records.clear();
        self.next = 0;
        let (opcode, _) = match self.walk.step() {
            Ok(Some(found)) => found,
            Ok(None) | Err(WalkError::Torn(_)) => return Ok(false),
            Err(error) => {
                self.is_over = true;
                return Err(error.into());
            }
        };
        let body = self.walk.body();
        if opcode == op::MESSAGE {
            super::encode::record(&mut self.records, opcode, |out| out.extend_from_slice(body));
        } else if opcode == op::CHUNK {
            let chunk = ChunkView::parse(body).ok_or(ReadError::Damaged)?;
            if !chunk.compression.is_empty() {
                self.is_over = true;
                return Err(ReadError::Compressed(chunk.compression.to_owned()));
            }
            if !chunk.is_intact() {
                return Err(ReadError::Damaged);
            }
            self.records.extend_from_slice(chunk.records);
        } else {
            define(&mut self.schemas, &mut self.channels, opcode, body)?;
        }
        Ok(true)
    }
}

/// Takes note of a schema or a channel.
fn define(
    schemas: &mut BTreeMap<u16, String>,
    channels: &mut BTreeMap<u16, Arc<Channel>>,
    opcode: u8,
    body: &[u8],
) -> Result<(), ReadError> {
    if schemas.len().max(channels.len()) >= CHANNELS_MAX {
        return Err(ReadError::Channels);
    }
    let mut rest = Bytes(body);
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    let Some(id) = rest.u16() else {
        return Ok(());
    };
    if opcode == op::SCHEMA {
        schemas.insert(id, text(rest.string()));
    } else if opcode == op::CHANNEL {
        let schema = rest.u16().and_then(|id| schemas.get(&id).cloned());
        let channel = Channel {
            topic: text(rest.string()),
            schema: schema.unwrap_or_default(),
            encoding: text(rest.string()),
        };
        channels.insert(id, Arc::new(channel));
    }
    Ok(())
}

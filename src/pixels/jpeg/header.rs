//! The headers of a plain picture.

use super::marker::{APP14, DHT, DQT, DRI, SOF0, SOF1, SOS};
use super::tables::{CUT, Tables};

/// The most components of a plain picture.
const COMPONENTS_MAX: usize = 3;

/// One component of the picture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Component {
    id: u8,
    /// Blocks in an MCU, across and down.
    pub(super) blocks: (usize, usize),
    /// Numbers of its tables.
    pub(super) quantization: usize,
    pub(super) dc: usize,
    pub(super) ac: usize,
}

/// What the headers say of a plain picture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) width: usize,
    pub(super) height: usize,
    /// The first one is luma.
    components: [Component; COMPONENTS_MAX],
    count: usize,
    /// MCUs between two restart markers, 0 for all.
    pub(super) restart_interval: usize,
    /// Offset of the first entropy-coded byte.
    pub(super) scan: usize,
}

impl Header {
    /// Luma, or luma and the two of chroma.
    pub(super) fn components(&self) -> &[Component] {
        &self.components[..self.count]
    }

    /// Blocks of luma in an MCU, across and down.
    pub(super) fn luma_blocks(&self) -> (usize, usize) {
        self.components[0].blocks
    }

    /// Pixels in an MCU, across and down.
    pub(super) fn mcu(&self) -> (usize, usize) {
        let (across, down) = self.luma_blocks();
        (8 * across, 8 * down)
    }

    /// Reads the headers of a whole picture, and its tables into `tables`. `None` when the
    /// picture is not of the plain kind.
    pub(super) fn read(bytes: &[u8], tables: &mut Tables) -> Result<Option<Self>, &'static str> {
        tables.forget();
        let mut header = Self::default();
        let mut at = 2;
        loop {
            let (marker, body) = match bytes.get(at..) {
                Some([0xFF, 0xFF, ..]) => {
                    at += 1;
                    continue;
                }
                // Markers without a segment mean nothing here.
                Some([0xFF, 0x01 | 0xD0..=0xD7, ..]) => {
                    at += 2;
                    continue;
                }
                Some([0xFF, marker, high, low, rest @ ..]) => {
                    let length = usize::from(u16::from_be_bytes([*high, *low]));
                    at += 2 + length;
                    (
                        *marker,
                        length.checked_sub(2).and_then(|length| rest.get(..length)),
                    )
                }
                _ => return Err(CUT),
            };
            let body = body.ok_or(CUT)?;
            let is_plain = match marker {
                SOF0 | SOF1 => header.frame(body)?,
                APP14 => !is_adobe_rgb(body),
                SOS => {
                    header.scan = at;
                    let is_plain = header.scan(body)?;
                    tables.complete(&header)?;
                    return Ok(is_plain.then_some(header));
                }
                DQT => tables.quantization(body).map(|()| true)?,
                DHT => tables.huffman(body).map(|()| true)?,
                DRI => header.restart(body).map(|()| true)?,
                _ => true,
            };
            if !is_plain {
                return Ok(None);
            }
        }
    }

    /// Reads the frame header. False when it is not of a plain picture.
    fn frame(&mut self, body: &[u8]) -> Result<bool, &'static str> {
        if self.count > 0 {
            return Err("two frame headers");
        }
        let &[bits, y1, y0, x1, x0, count, ref rest @ ..] = body else {
            return Err(CUT);
        };
        self.height = usize::from(u16::from_be_bytes([y1, y0]));
        self.width = usize::from(u16::from_be_bytes([x1, x0]));
        let components = rest.as_chunks::<3>().0;
        if bits != 8 || !matches!(count, 1 | 3) || components.len() != usize::from(count) {
            return Ok(false);
        }
        self.count = usize::from(count);
        for (own, &[id, factors, quantization]) in self.components.iter_mut().zip(components) {
            *own = Component {
                id,
                blocks: (usize::from(factors >> 4), usize::from(factors & 15)),
                quantization: usize::from(quantization),
                ..Component::default()
            };
        }
        let [luma, chroma @ ..] = &mut self.components;
        if count == 1 {
            // A lone component is coded block by block, whatever its sampling factors.
            luma.blocks = (1, 1);
            return Ok(true);
        }
        let is_named_rgb = luma.id == b'R' && chroma[0].id == b'G' && chroma[1].id == b'B';
        Ok(!is_named_rgb
            && matches!(luma.blocks, (1 | 2, 1 | 2))
            && chroma.iter().all(|chroma| chroma.blocks == (1, 1)))
    }

    fn restart(&mut self, body: &[u8]) -> Result<(), &'static str> {
        let &[high, low] = body else {
            return Err("a restart interval that is not two bytes long");
        };
        self.restart_interval = usize::from(u16::from_be_bytes([high, low]));
        Ok(())
    }

    /// Reads the scan header. False when it is not of a plain picture.
    fn scan(&mut self, body: &[u8]) -> Result<bool, &'static str> {
        let (Some(&count), Some(rest)) = (body.first(), body.get(1..)) else {
            return Err(CUT);
        };
        if usize::from(count) != self.count || rest.len() != 2 * self.count + 3 {
            return Ok(false);
        }
        let (components, rest) = rest.split_at(2 * self.count);
        for (own, &[id, tables]) in self
            .components
            .iter_mut()
            .zip(components.as_chunks::<2>().0)
        {
            if own.id != id {
                return Ok(false);
            }
            (own.dc, own.ac) = (usize::from(tables >> 4), usize::from(tables & 15));
        }
        Ok(rest == [0, 63, 0])
    }
}

/// Whether an application segment says that the components are R, G and B.
fn is_adobe_rgb(body: &[u8]) -> bool {
    body.starts_with(b"Adobe") && body.get(11) == Some(&0)
}

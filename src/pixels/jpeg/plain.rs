//! Pictures as cameras send them, from bytes to RGB.

use super::bits::Bits;
use super::header::{Component, Header};
use super::idct::{self, Block};
use super::scan::{Scan, ScanFault, check_end, check_running, read_block};
use super::tables::Tables;
use super::{colour, outline::JpegOutline};

/// Decodes plain pictures. Its buffers grow to the largest one and stay.
#[derive(Debug, Default)]
pub(crate) struct PlainDecoder {
    tables: Option<Box<Tables>>,
    scan: Scan,
    planes: [Plane; 3],
    /// A row of each chroma plane, as wide as luma.
    wide: [Vec<u8>; 2],
}

/// One component of a row of MCUs.
#[derive(Clone, Debug, Default)]
struct Plane {
    pixels: Vec<u8>,
    /// Bytes from one row to the next.
    stride: usize,
}

impl Plane {
    fn row(&self, row: usize) -> &[u8] {
        &self.pixels[row * self.stride..][..self.stride]
    }
}

/// Where the reading of a scan has come to.
struct Place<'a> {
    bits: Bits<'a>,
    /// The mean of each component's last block.
    means: [i32; 3],
    /// MCUs until the next restart marker.
    left: usize,
    /// Restart intervals that were begun.
    intervals: usize,
}

impl PlainDecoder {
    /// Decodes the picture that has this outline to `rgb`, which has just the right length.
    /// `None` when it is not of the plain kind; `rgb` is left alone then.
    pub(crate) fn decode(
        &mut self,
        whole: &[u8],
        outline: &JpegOutline,
        rgb: &mut [u8],
    ) -> Result<Option<()>, String> {
        if !outline.is_plain {
            return Ok(None);
        }
        let tables = self.tables.get_or_insert_with(|| Box::new(Tables::new()));
        let Some(header) = Header::read(whole, tables)? else {
            return Ok(None);
        };
        let size = (header.width, header.height);
        if size != (outline.width as usize, outline.height as usize) {
            return Err("its headers contradict each other".into());
        }
        self.scan.read(&whole[header.scan..])?;
        self.decode_scan(&header, rgb)?;
        Ok(Some(()))
    }

    /// Decodes all rows of MCUs.
    fn decode_scan(&mut self, header: &Header, rgb: &mut [u8]) -> Result<(), String> {
        let Self {
            tables,
            scan,
            planes,
            wide,
        } = self;
        let Some(tables) = tables else {
            return Ok(());
        };
        let (mcu_width, mcu_height) = header.mcu();
        let across = header.width.div_ceil(mcu_width);
        let down = header.height.div_ceil(mcu_height);
        let interval = match header.restart_interval {
            0 => across * down,
            interval => interval,
        };
        scan.check((across * down).div_ceil(interval))?;
        for (plane, component) in planes.iter_mut().zip(header.components()) {
            plane.stride = 8 * across * component.blocks.0;
            plane
                .pixels
                .resize(8 * plane.stride * component.blocks.1, 0);
        }
        wide.iter_mut()
            .for_each(|row| row.resize(across * mcu_width, 0));
        let mut place = Place {
            bits: Bits::new(&[]),
            means: [0; 3],
            left: 0,
            intervals: 0,
        };
        for rows in rgb.as_chunks_mut().0.chunks_mut(header.width * mcu_height) {
            for column in 0..across {
                if place.left == 0 {
                    place
                        .restart(scan, interval)
                        .map_err(|fault| fault.to_string())?;
                }
                place.left -= 1;
                place
                    .mcu(header.components(), tables, planes, column)
                    .map_err(|fault| fault.to_string())?;
            }
            convert(header, planes, wide, rows);
        }
        check_end(&place.bits).map_err(|fault| fault.to_string())
    }
}

impl<'a> Place<'a> {
    /// Goes on to the next restart interval.
    fn restart(&mut self, scan: &'a Scan, interval: usize) -> Result<(), ScanFault> {
        check_end(&self.bits)?;
        *self = Self {
            bits: scan.interval(self.intervals),
            means: [0; 3],
            left: interval,
            intervals: self.intervals + 1,
        };
        Ok(())
    }

    /// Decodes the next MCU, which lies in this column of the row.
    fn mcu(
        &mut self,
        components: &[Component],
        tables: &Tables,
        planes: &mut [Plane; 3],
        column: usize,
    ) -> Result<(), ScanFault> {
        for ((component, plane), mean) in components.iter().zip(planes).zip(&mut self.means) {
            let (across, down) = component.blocks;
            let Some(tables) = tables.of(component) else {
                continue;
            };
            for y in 0..down {
                for x in 0..across {
                    let mut block: Block = [0; 64];
                    let last = read_block(&mut self.bits, tables, mean, &mut block)?;
                    let at = 8 * (y * plane.stride + column * across + x);
                    let out = &mut plane.pixels[at..];
                    match last {
                        0 => idct::mean(&block, out, plane.stride),
                        1..10 => idct::quarter(&block, out, plane.stride),
                        _ => idct::whole(&block, out, plane.stride),
                    }
                }
            }
        }
        check_running(&self.bits)
    }
}

/// Converts the rows of pixels in a row of MCUs.
fn convert(header: &Header, planes: &[Plane; 3], wide: &mut [Vec<u8>; 2], rows: &mut [[u8; 3]]) {
    let [luma, chroma @ ..] = planes;
    let (across, down) = header.luma_blocks();
    for (y, out) in rows.chunks_mut(header.width).enumerate() {
        if header.components().len() == 1 {
            colour::grey(luma.row(y), out);
            continue;
        }
        if across == 1 {
            colour::rgb(
                luma.row(y),
                chroma[0].row(y / down),
                chroma[1].row(y / down),
                out,
            );
            continue;
        }
        if y % down == 0 {
            for (plane, wide) in chroma.iter().zip(wide.iter_mut()) {
                colour::widen(plane.row(y / down), wide);
            }
        }
        colour::rgb(luma.row(y), &wide[0], &wide[1], out);
    }
}

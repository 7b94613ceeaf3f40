//! The entropy-coded bytes of a scan, and its blocks.

use super::bits::Bits;
use super::idct::{Block, ORDER};
use super::tables::ComponentTables;

/// Bytes behind the last block of a restart interval that are no sign of damage. Many cameras
/// leave a few.
const LEFT_OVER_MAX: usize = 16;

/// A scan's bytes without stuffing, cut at its restart markers.
#[derive(Clone, Debug, Default)]
pub(super) struct Scan {
    bytes: Vec<u8>,
    /// Where each restart interval ends in `bytes`.
    ends: Vec<usize>,
}

impl Scan {
    /// Takes over the bytes from a scan header to the next marker that is no restart.
    pub(super) fn read(&mut self, stuffed: &[u8]) -> Result<(), String> {
        self.ends.clear();
        if self.bytes.len() < stuffed.len() {
            self.bytes.resize(stuffed.len(), 0);
        }
        let (mut from, mut to) = (0, 0);
        loop {
            let run = copy_run(&stuffed[from..], &mut self.bytes[to..]);
            (from, to) = (from + run, to + run);
            match stuffed.get(from + 1) {
                None => return Err("its scan is cut short".into()),
                // Fill bytes may come before a marker.
                Some(0xFF) => from += 1,
                Some(0x00) => {
                    self.bytes[to] = 0xFF;
                    (from, to) = (from + 2, to + 1);
                }
                Some(&marker) => {
                    let number = self.ends.len() % 8;
                    self.ends.push(to);
                    match marker {
                        0xD0..=0xD7 if usize::from(marker - 0xD0) == number => from += 2,
                        0xD0..=0xD7 => {
                            return Err(format!(
                                "restart marker {} where {number} is due: part of the picture \
                                 was lost",
                                marker - 0xD0
                            ));
                        }
                        _ => return Ok(()),
                    }
                }
            }
        }
    }

    /// Fails unless there are just as many restart intervals. One that is empty may follow:
    /// a marker behind the last MCU does no harm.
    pub(super) fn check(&self, intervals: usize) -> Result<(), String> {
        let is_closed = match *self.ends.as_slice() {
            [.., before, last] => before == last,
            _ => false,
        };
        if self.ends.len() == intervals || (self.ends.len() == intervals + 1 && is_closed) {
            return Ok(());
        }
        Err(format!(
            "it has {} restart intervals instead of {intervals}",
            self.ends.len()
        ))
    }

    /// One restart interval.
    pub(super) fn interval(&self, index: usize) -> Bits<'_> {
        let end = |index: usize| self.ends.get(index).copied().unwrap_or_default();
        let start = index.checked_sub(1).map_or(0, end);
        Bits::new(self.bytes.get(start..end(index)).unwrap_or_default())
    }
}

/// Copies the bytes up to the first FF, or all, and tells how many these are.
fn copy_run(from: &[u8], to: &mut [u8]) -> usize {
    let mut done = 0;
    for (from, to) in from
        .as_chunks::<8>()
        .0
        .iter()
        .zip(to.as_chunks_mut::<8>().0)
    {
        *to = *from;
        let zero_where_ff = !u64::from_le_bytes(*from);
        let found = zero_where_ff.wrapping_sub(0x0101_0101_0101_0101)
            & !zero_where_ff
            & 0x8080_8080_8080_8080;
        if found != 0 {
            return done + found.trailing_zeros() as usize / 8;
        }
        done += 8;
    }
    for (from, to) in from[done..].iter().zip(&mut to[done..]) {
        if *from == 0xFF {
            break;
        }
        *to = *from;
        done += 1;
    }
    done
}

/// What is wrong with a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum ScanFault {
    /// The bits are no code of the table.
    #[error("an invalid Huffman code: the picture is damaged")]
    Code,
    /// More than 64 coefficients.
    #[error("a block of more than 64 coefficients: the picture is damaged")]
    Run,
    /// Blocks are missing.
    #[error("its data ran out early: part of the picture was lost")]
    RanOut,
    /// There is more than blocks.
    #[error("data is left over behind the last block: the picture is damaged")]
    LeftOver,
}

/// Reads a block of zeros' coefficients, dequantized. `mean` is that of the component's block
/// before. Gives the number of the last one in the order of the scan.
#[inline(always)]
pub(super) fn read_block(
    place: &mut Bits<'_>,
    tables: ComponentTables<'_>,
    mean: &mut i32,
    block: &mut Block,
) -> Result<usize, ScanFault> {
    // A copy stays in registers.
    let mut bits = place.clone();
    bits.refill();
    let code = tables.dc.look(&bits).ok_or(ScanFault::Code)?;
    *mean = mean.wrapping_add(bits.value(code.length(), code.size()));
    bits.skip(code.bits());
    block[0] = mean.wrapping_mul(tables.quantization[0]);
    let (mut next, mut last) = (1, 0);
    while next < 64 {
        bits.refill();
        let code = tables.ac.look(&bits).ok_or(ScanFault::Code)?;
        let value = bits.value(code.length(), code.size());
        bits.skip(code.bits());
        next += code.run();
        if next > 63 {
            if code.is_end() {
                break;
            }
            return Err(ScanFault::Run);
        }
        block[usize::from(ORDER[next] & 63)] = value.wrapping_mul(tables.quantization[next]);
        last = next;
        next += 1;
    }
    *place = bits;
    Ok(last)
}

/// Fails when more bits were taken than there are.
#[inline(always)]
pub(super) fn check_running(bits: &Bits<'_>) -> Result<(), ScanFault> {
    if bits.ran_out() {
        return Err(ScanFault::RanOut);
    }
    Ok(())
}

/// Fails when a restart interval holds more than its blocks and padding.
pub(super) fn check_end(bits: &Bits<'_>) -> Result<(), ScanFault> {
    let rest = bits.bytes_left();
    let is_padding = |value: u8| rest.iter().all(|&byte| byte == value);
    if rest.len() <= LEFT_OVER_MAX || is_padding(0) || is_padding(0xFF) {
        return Ok(());
    }
    Err(ScanFault::LeftOver)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(stuffed: &[u8]) -> Result<Vec<Vec<u8>>, String> {
        let mut scan = Scan::default();
        scan.read(stuffed)?;
        Ok((0..scan.ends.len())
            .map(|index| scan.interval(index).bytes_left().to_vec())
            .collect())
    }

    #[test]
    fn markers_cut_a_scan_and_fill_bytes_do_not() {
        let bytes = [
            1, 0xFF, 0, 2, 0xFF, 0xFF, 0xD0, 3, 0xFF, 0xD1, 0xFF, 0xD9, 4,
        ];
        assert_eq!(read(&bytes), Ok(vec![vec![1, 0xFF, 2], vec![3], vec![]]));
        assert!(read(&[1, 0xFF, 0xD1, 0xFF, 0xD9]).is_err());
        assert!(read(&[1, 2, 3]).is_err());
        assert!(read(&[1, 2, 3, 0xFF]).is_err());
        assert!(read(&[]).is_err());
    }

    proptest! {
        #[test]
        fn bytes_survive_their_stuffing(
            intervals in proptest::collection::vec(
                proptest::collection::vec(any::<u8>().prop_map(|byte| byte | ((byte & 1) * 255)), 0..50), 1..20,
            ),
        ) {
            let mut stuffed = Vec::new();
            for (interval, number) in intervals.iter().zip((0..8).cycle()) {
                for &byte in interval {
                    stuffed.push(byte);
                    stuffed.extend((byte == 0xFF).then_some(0));
                }
                stuffed.extend([0xFF, 0xD0 + number]);
            }
            let last = stuffed.len() - 1;
            stuffed[last] = 0xD9;
            prop_assert_eq!(read(&stuffed), Ok(intervals));
        }
    }
}

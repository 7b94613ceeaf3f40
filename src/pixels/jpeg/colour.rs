//! One row of luma and chroma to RGB.
//!
//! JPEG's BT.601, full range, in 16 bits of which 6 are a fraction: within one step of the
//! exact values.

use crate::lanes::for_each_cpu;

/// Fraction bits of a sum.
const BITS: u32 = 6;

/// A factor times 2 to 14, which leaves [`BITS`] when multiplied with chroma times 256 and
/// cut to the upper 16 bits.
const fn factor(exact: f64) -> i32 {
    (exact * (1 << 14) as f64 + 0.5) as i32
}

/// The upper half of a product.
#[inline(always)]
fn times(chroma: i16, factor: i32) -> i16 {
    ((i32::from(chroma) * factor) >> 16) as i16
}

for_each_cpu! {
/// As many pixels as there are of everything.
pub(super) fn rgb(luma: &[u8], blue: &[u8], red: &[u8], out: &mut [[u8; 3]]) {
    let rows = luma.iter().zip(blue.iter().zip(red));
    for (pixel, (&y, (&b, &r))) in out.iter_mut().zip(rows) {
        let y = (i16::from(y) << BITS) + (1 << (BITS - 1));
        let (b, r) = (((i16::from(b) - 128) << 8), ((i16::from(r) - 128) << 8));
        let red = y + times(r, const { factor(1.402) });
        let green = y - times(b, const { factor(0.344_136_286) }) - times(r, const { factor(0.714_136_286) });
        let blue = y + times(b, const { factor(1.772) });
        pixel[0] = (red >> BITS).clamp(0, 255) as u8;
        pixel[1] = (green >> BITS).clamp(0, 255) as u8;
        pixel[2] = (blue >> BITS).clamp(0, 255) as u8;
    }
}
}
for_each_cpu! {
/// Every byte twice.
pub(super) fn widen(row: &[u8], out: &mut [u8]) {
    for (pair, &value) in out.as_chunks_mut().0.iter_mut().zip(row) {
        *pair = [value; 2];
    }
}
}

/// Luma three times.
pub(super) fn grey(luma: &[u8], out: &mut [[u8; 3]]) {
    for (pixel, &y) in out.iter_mut().zip(luma) {
        *pixel = [y; 3];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_colour_is_within_one_step_of_the_formula() {
        let all: Vec<u8> = (0..=255).collect();
        for blue in 0..=255 {
            for red in 0..=255 {
                let mut out = [[0; 3]; 256];
                rgb(&all, &[blue; 256], &[red; 256], &mut out);
                let (b, r) = (f64::from(blue) - 128.0, f64::from(red) - 128.0);
                for (y, pixel) in all.iter().zip(out) {
                    let y = f64::from(*y);
                    let green = y - 0.299 * 1.402 / 0.587 * r - 0.114 * 1.772 / 0.587 * b;
                    for (got, want) in pixel.into_iter().zip([y + 1.402 * r, green, y + 1.772 * b])
                    {
                        let difference = f64::from(got) - want.clamp(0.0, 255.0);
                        assert!(difference.abs() < 0.6, "{y} {blue} {red}: {pixel:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn rows_of_any_width_are_filled() {
        for width in 0..70 {
            let luma: Vec<u8> = (0..width).map(|i| (i * 3) as u8).collect();
            let (mut coloured, mut plain) = (vec![[9; 3]; width], vec![[9; 3]; width]);
            rgb(&luma, &vec![128; width], &vec![128; width], &mut coloured);
            grey(&luma, &mut plain);
            assert!(plain.iter().zip(&luma).all(|(pixel, &y)| *pixel == [y; 3]));
            assert_eq!(coloured, plain);
            let mut wide = vec![0; 2 * width];
            widen(&luma, &mut wide);
            assert!(
                wide.iter()
                    .zip(0..)
                    .all(|(&value, i): (_, usize)| value == luma[i / 2])
            );
        }
    }
}

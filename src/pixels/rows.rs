//! One row of luma and chroma to RGB, in integers.
//!
//! BT.601, limited range (luma 16..=235, chroma 16..=240): what UVC cameras, the Jetson's
//! camera stack and H.264 without colour description deliver. The factors are the standard
//! ones times 256, so results are within one step of the exact ones and the same on every
//! processor.

use crate::lanes::for_each_cpu;

/// One pixel, R, G, B. No branches and no more than 32 bits, so that the loops around it become
/// vectors.
#[inline(always)]
pub(crate) fn rgb_of_yuv(luma: u8, u: u8, v: u8) -> [u8; 3] {
    wide_rgb_of_yuv(luma.into(), u.into(), v.into()).map(|value| value as u8)
}

/// The same for bytes that lie in 32 bits, each `0..=255`, and stay there.
#[inline(always)]
pub(crate) fn wide_rgb_of_yuv(luma: i32, u: i32, v: i32) -> [i32; 3] {
    let y = 298 * (luma - 16) + 128;
    let (u, v) = (u - 128, v - 128);
    let r = (y + 409 * v) >> 8;
    let g = (y - 100 * u - 208 * v) >> 8;
    let b = (y + 516 * u) >> 8;
    [r, g, b].map(|value| value.clamp(0, 255))
}

/// R, G, B as they are.
pub(super) fn rgb(packed: &[u8], out: &mut [[u8; 3]]) {
    for (pixel, rgb) in out.iter_mut().zip(packed.as_chunks::<3>().0) {
        *pixel = *rgb;
    }
}

/// Luma replicated: a pixel for each byte of `luma`.
pub(super) fn grey(luma: &[u8], out: &mut [[u8; 3]]) {
    for (pixel, &y) in out.iter_mut().zip(luma) {
        *pixel = [y; 3];
    }
}

for_each_cpu! {
/// Packed Y0 U Y1 V. `packed` holds as many pixels as `out`, rounded up to a pair.
pub(super) fn yuyv(packed: &[u8], out: &mut [[u8; 3]]) {
    let fours = packed.as_chunks::<4>().0;
    let (pairs, last) = out.as_chunks_mut::<2>();
    for (pair, [y0, u, y1, v]) in pairs.iter_mut().zip(fours) {
        *pair = [rgb_of_yuv(*y0, *u, *v), rgb_of_yuv(*y1, *u, *v)];
    }
    if let ([last], Some([y, u, _, v])) = (last, fours.last()) {
        *last = rgb_of_yuv(*y, *u, *v);
    }
}
}
for_each_cpu! {
/// A row of luma and one of interleaved U V, the latter half as wide, rounded up.
pub(super) fn nv12(luma: &[u8], chroma: &[u8], out: &mut [[u8; 3]]) {
    let chroma = chroma.as_chunks::<2>().0;
    let (pairs, last) = out.as_chunks_mut::<2>();
    let lumas = luma.as_chunks::<2>().0;
    for ((pair, [y0, y1]), [u, v]) in pairs.iter_mut().zip(lumas).zip(chroma) {
        *pair = [rgb_of_yuv(*y0, *u, *v), rgb_of_yuv(*y1, *u, *v)];
    }
    if let ([last], Some(y), Some([u, v])) = (last, luma.last(), chroma.last()) {
        *last = rgb_of_yuv(*y, *u, *v);
    }
}
}
for_each_cpu! {
/// A row of luma, one of U and one of V, the latter two half as wide, rounded up.
pub(super) fn i420(luma: &[u8], u: &[u8], v: &[u8], out: &mut [[u8; 3]]) {
    let (pairs, last) = out.as_chunks_mut::<2>();
    let lumas = luma.as_chunks::<2>().0;
    for ((pair, [y0, y1]), (u, v)) in pairs.iter_mut().zip(lumas).zip(u.iter().zip(v)) {
        *pair = [rgb_of_yuv(*y0, *u, *v), rgb_of_yuv(*y1, *u, *v)];
    }
    if let ([last], Some(y), Some(u), Some(v)) = (last, luma.last(), u.last(), v.last()) {
        *last = rgb_of_yuv(*y, *u, *v);
    }
}
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The textbook formula, in floating point.
    fn exact(y: u8, u: u8, v: u8) -> [u8; 3] {
        let y = 255.0 / 219.0 * (f64::from(y) - 16.0);
        let (u, v) = (f64::from(u) - 128.0, f64::from(v) - 128.0);
        let scale = 255.0 / 112.0;
        let r = y + scale * (1.0 - 0.299) * v;
        let g = y
            - scale * (1.0 - 0.114) * 0.114 / 0.587 * u
            - scale * (1.0 - 0.299) * 0.299 / 0.587 * v;
        let b = y + scale * (1.0 - 0.114) * u;
        [r, g, b].map(|value| value.round().clamp(0.0, 255.0) as u8)
    }

    #[test]
    fn every_colour_is_within_one_step_of_the_formula() {
        for y in (0..=255).step_by(5) {
            for u in (0..=255).step_by(5) {
                for v in (0..=255).step_by(5) {
                    let (y, u, v) = (y as u8, u as u8, v as u8);
                    let mut out = [[0; 3]];
                    i420(&[y], &[u], &[v], &mut out);
                    for (got, want) in out[0].iter().zip(exact(y, u, v)) {
                        assert!(got.abs_diff(want) <= 1, "{y} {u} {v}: {out:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn all_layouts_agree_also_for_odd_widths() {
        for width in 1..=9_usize {
            let luma: Vec<u8> = (0..width).map(|i| (20 + 23 * i) as u8).collect();
            let half = width.div_ceil(2);
            let u: Vec<u8> = (0..half).map(|i| (90 + 17 * i) as u8).collect();
            let v: Vec<u8> = (0..half).map(|i| (190 - 11 * i) as u8).collect();
            let uv: Vec<u8> = u.iter().zip(&v).flat_map(|(&u, &v)| [u, v]).collect();
            let packed: Vec<u8> = (0..half)
                .flat_map(|i| {
                    [
                        luma[2 * i],
                        u[i],
                        luma.get(2 * i + 1).copied().unwrap_or(0),
                        v[i],
                    ]
                })
                .collect();
            let mut outs = vec![vec![[0_u8; 3]; width]; 3];
            i420(&luma, &u, &v, &mut outs[0]);
            nv12(&luma, &uv, &mut outs[1]);
            yuyv(&packed, &mut outs[2]);
            assert_eq!(outs[0], outs[1], "width {width}");
            assert_eq!(outs[0], outs[2], "width {width}");
            let want: Vec<[u8; 3]> = (0..width)
                .map(|i| {
                    let mut pixel = [[0; 3]];
                    i420(&[luma[i]], &[u[i / 2]], &[v[i / 2]], &mut pixel);
                    pixel[0]
                })
                .collect();
            assert_eq!(outs[0], want, "width {width}");
        }
    }
}

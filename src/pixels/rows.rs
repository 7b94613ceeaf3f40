//! One row of luma and chroma to RGB, in integers.
//!
//! BT.601, limited range (luma 16..=235, chroma 16..=240): what UVC cameras, the Jetson's
//! camera stack and H.264 without colour description deliver. The factors are the standard
//! ones times 256, so results are within one step of the exact ones and the same on every
//! processor.

/// What the chroma of one sample adds to R, G and B, times 256 and with the rounding half.
#[derive(Clone, Copy)]
struct Tint {
    r: i32,
    g: i32,
    b: i32,
}

#[inline(always)]
fn tint(u: u8, v: u8) -> Tint {
    let (u, v) = (i32::from(u) - 128, i32::from(v) - 128);
    Tint {
        r: 409 * v + 128,
        g: -100 * u - 208 * v + 128,
        b: 516 * u + 128,
    }
}

#[inline(always)]
fn put(out: &mut [u8], luma: u8, tint: Tint) {
    let y = 298 * (i32::from(luma) - 16);
    // The bounds are in the slice pattern, once, so that the loop around stays branch-free.
    if let [r, g, b] = out {
        *r = ((y + tint.r) >> 8).clamp(0, 255) as u8;
        *g = ((y + tint.g) >> 8).clamp(0, 255) as u8;
        *b = ((y + tint.b) >> 8).clamp(0, 255) as u8;
    }
}

/// Luma replicated: `out` takes 3 bytes for each byte of `luma`.
pub(super) fn grey(luma: &[u8], out: &mut [u8]) {
    for (pixel, &y) in out.chunks_exact_mut(3).zip(luma) {
        pixel.fill(y);
    }
}

/// Packed Y0 U Y1 V. `packed` holds `out.len() / 3` pixels, rounded up to a pair.
pub(super) fn yuyv(packed: &[u8], out: &mut [u8]) {
    let mut pairs = out.chunks_exact_mut(6);
    for (pixels, four) in pairs.by_ref().zip(packed.chunks_exact(4)) {
        let tint = tint(four[1], four[3]);
        put(&mut pixels[..3], four[0], tint);
        put(&mut pixels[3..], four[2], tint);
    }
    let last = pairs.into_remainder();
    if let (3.., [.., y, u, _, v]) = (last.len(), packed) {
        put(&mut last[..3], *y, tint(*u, *v));
    }
}

/// A row of luma and one of interleaved U V, the latter half as wide, rounded up.
pub(super) fn nv12(luma: &[u8], chroma: &[u8], out: &mut [u8]) {
    let mut pairs = out.chunks_exact_mut(6);
    for ((pixels, ys), uv) in pairs
        .by_ref()
        .zip(luma.chunks_exact(2))
        .zip(chroma.chunks_exact(2))
    {
        let tint = tint(uv[0], uv[1]);
        put(&mut pixels[..3], ys[0], tint);
        put(&mut pixels[3..], ys[1], tint);
    }
    let last = pairs.into_remainder();
    if let (3.., [.., y], [.., u, v]) = (last.len(), luma, chroma) {
        put(&mut last[..3], *y, tint(*u, *v));
    }
}

/// A row of luma, one of U and one of V, the latter two half as wide, rounded up.
pub(super) fn i420(luma: &[u8], u: &[u8], v: &[u8], out: &mut [u8]) {
    let mut pairs = out.chunks_exact_mut(6);
    for ((pixels, ys), (&u, &v)) in pairs
        .by_ref()
        .zip(luma.chunks_exact(2))
        .zip(u.iter().zip(v))
    {
        let tint = tint(u, v);
        put(&mut pixels[..3], ys[0], tint);
        put(&mut pixels[3..], ys[1], tint);
    }
    let last = pairs.into_remainder();
    if let (3.., [.., y], [.., u], [.., v]) = (last.len(), luma, u, v) {
        put(&mut last[..3], *y, tint(*u, *v));
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
                    let mut out = [0; 3];
                    i420(&[y], &[u], &[v], &mut out);
                    for (got, want) in out.iter().zip(exact(y, u, v)) {
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
            let mut outs = vec![vec![0_u8; 3 * width]; 3];
            i420(&luma, &u, &v, &mut outs[0]);
            nv12(&luma, &uv, &mut outs[1]);
            yuyv(&packed, &mut outs[2]);
            assert_eq!(outs[0], outs[1], "width {width}");
            assert_eq!(outs[0], outs[2], "width {width}");
            let want: Vec<u8> = (0..width)
                .flat_map(|i| {
                    let mut pixel = [0; 3];
                    i420(&[luma[i]], &[u[i / 2]], &[v[i / 2]], &mut pixel);
                    pixel
                })
                .collect();
            assert_eq!(outs[0], want, "width {width}");
        }
    }
}

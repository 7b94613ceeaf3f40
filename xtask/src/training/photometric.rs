//! Changes of light, colour and sharpness, as cameras and weather make them.

use fastrand::Rng;

/// Changes a planar `[3, height, width]` picture in place. Channels that are no colours are not
/// mixed with each other.
pub(super) fn distort(
    pixels: &mut [u8],
    width: usize,
    height: usize,
    channels_are_colours: bool,
    rng: &mut Rng,
) {
    if rng.f32() < 0.8 {
        tone(pixels, rng);
    }
    if channels_are_colours && rng.f32() < 0.4 {
        saturate(pixels, width * height, rng);
    }
    if rng.f32() < 0.12 {
        for plane in pixels.chunks_exact_mut(width * height) {
            blur(plane, width, height);
        }
    }
    if rng.f32() < 0.12 {
        noise(pixels, rng);
    }
}

/// A random number between `low` and `high`.
fn between(rng: &mut Rng, low: f32, high: f32) -> f32 {
    low + (high - low) * rng.f32()
}

/// Brightness, contrast, gamma and white balance, one table a channel.
fn tone(pixels: &mut [u8], rng: &mut Rng) {
    let brightness = between(rng, -30.0, 30.0);
    let contrast = between(rng, 0.65, 1.35);
    let gamma = between(rng, 0.75, 1.35);
    let plane = pixels.len() / 3;
    for channel in pixels.chunks_exact_mut(plane) {
        let gain = between(rng, 0.92, 1.08);
        let table: [u8; 256] = std::array::from_fn(|value| {
            let value = (value as f32 / 255.0).powf(gamma) * 255.0 * gain;
            ((value - 127.0) * contrast + 127.0 + brightness) as u8
        });
        channel
            .iter_mut()
            .for_each(|value| *value = table[*value as usize]);
    }
}

/// Moves colours towards grey or away from it; 1 in 10 becomes grey, as a night camera's.
fn saturate(pixels: &mut [u8], plane: usize, rng: &mut Rng) {
    let amount = if rng.f32() < 0.1 {
        0.0
    } else {
        between(rng, 0.5, 1.5)
    };
    let (red, rest) = pixels.split_at_mut(plane);
    let (green, blue) = rest.split_at_mut(plane);
    for ((r, g), b) in red.iter_mut().zip(green).zip(blue) {
        let [fr, fg, fb] = [f32::from(*r), f32::from(*g), f32::from(*b)];
        let luma = 0.299 * fr + 0.587 * fg + 0.114 * fb;
        let mixed = |v: f32| (luma + (v - luma) * amount) as u8;
        (*r, *g, *b) = (mixed(fr), mixed(fg), mixed(fb));
    }
}

/// A 1-2-1 filter in both directions; the outermost pixels stay.
fn blur(plane: &mut [u8], width: usize, height: usize) {
    let mean =
        |a: u8, b: u8, c: u8| ((u16::from(a) + 2 * u16::from(b) + u16::from(c) + 2) / 4) as u8;
    for row in plane.chunks_exact_mut(width) {
        let mut left = row[0];
        for x in 1..width - 1 {
            let here = row[x];
            row[x] = mean(left, here, row[x + 1]);
            left = here;
        }
    }
    for x in 0..width {
        let mut above = plane[x];
        for y in 1..height - 1 {
            let here = plane[y * width + x];
            plane[y * width + x] = mean(above, here, plane[(y + 1) * width + x]);
            above = here;
        }
    }
}

fn noise(pixels: &mut [u8], rng: &mut Rng) {
    let amount = between(rng, 4.0, 24.0) as i32;
    let mut random = 0u64;
    for (i, value) in pixels.iter_mut().enumerate() {
        if i % 8 == 0 {
            random = rng.u64(..);
        }
        let byte = (random & 0xff) as i32 - 128;
        random >>= 8;
        *value = (i32::from(*value) + byte * amount / 128).clamp(0, 255) as u8;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_that_are_no_colours_do_not_mix() {
        let (width, height) = (16, 8);
        let plane = width * height;
        let mut mixed = 0;
        for seed in 0..200 {
            // Nothing in the first channel, something in the second, all in the third.
            let of = |channel: u8| std::iter::repeat_n(channel * 100, plane);
            let before: Vec<u8> = (0..3).flat_map(of).collect();
            for colours in [false, true] {
                let mut pixels = before.clone();
                let mut alone = before.clone();
                alone[plane..].fill(0);
                let distorted = |pixels: &mut [u8]| {
                    distort(pixels, width, height, colours, &mut Rng::with_seed(seed));
                };
                distorted(&mut pixels);
                distorted(&mut alone);
                let same = pixels[..plane] == alone[..plane];
                assert!(same || colours, "seed {seed}");
                mixed += usize::from(!same);
            }
        }
        assert!(mixed > 20, "colours were mixed {mixed} times of 200");
    }
}

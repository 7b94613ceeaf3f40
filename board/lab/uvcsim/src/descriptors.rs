//! The USB descriptors of the camera: one video function with one bulk endpoint.

use crate::clip::Format;

/// The endpoint that carries the pictures.
pub const VIDEO_ENDPOINT: u8 = 1;

/// Frame intervals on offer, in units of 100 ns: 30 and 10 frames a second.
pub const INTERVALS_100NS: [u32; 2] = [333_333, 1_000_000];

const GET_IN: u8 = 0x80;
const INTERFACE_ASSOCIATION: u8 = 0x0b;
const CS_INTERFACE: u8 = 0x24;
const CLASS_VIDEO: u8 = 0x0e;
const SUBCLASS_CONTROL: u8 = 1;
const SUBCLASS_STREAMING: u8 = 2;

/// The device descriptor: USB 2.0, class "miscellaneous with association".
pub const DEVICE: [u8; 18] = [
    18, 1, 0x00, 0x02, 0xef, 2, 1, 64, 0x6b, 0x1d, 0x02, 0x01, 0x00, 0x01, 1, 2, 3, 1,
];

/// The string descriptor of the given number, of the camera of the given number; 0 is the
/// list of languages.
pub fn string(index: u8, camera: u8) -> Vec<u8> {
    let serial = format!("SIM000{camera}");
    let text = match index {
        1 => "uvcsim",
        2 => "Simulated dashcam",
        3 => &serial,
        _ => return vec![4, 3, 0x09, 0x04],
    };
    let mut descriptor = vec![2 + 2 * text.len() as u8, 3];
    descriptor.extend(text.bytes().flat_map(|byte| [byte, 0]));
    descriptor
}

/// The configuration descriptor with all that hangs below it.
pub fn configuration(formats: &[Format]) -> Vec<u8> {
    let mut all = vec![9, 2, 0, 0, 2, 1, 0, 0x80, 250];
    all.extend([8, INTERFACE_ASSOCIATION, 0, 2, CLASS_VIDEO, 3, 0, 2]);
    all.extend([9, 4, 0, 0, 0, CLASS_VIDEO, SUBCLASS_CONTROL, 0, 2]);
    // Video control: header (UVC 1.0, 6 MHz clock, streaming interface 1), camera
    // terminal 1, output terminal 2 fed by terminal 1.
    all.extend([
        13,
        CS_INTERFACE,
        1,
        0x00,
        0x01,
        39,
        0,
        0x80,
        0x8d,
        0x5b,
        0,
        1,
        1,
    ]);
    all.extend([
        17,
        CS_INTERFACE,
        2,
        1,
        0x01,
        0x02,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        2,
        0,
        0,
    ]);
    all.extend([9, CS_INTERFACE, 3, 2, 0x01, 0x01, 0, 1, 0]);
    all.extend([9, 4, 1, 0, 1, CLASS_VIDEO, SUBCLASS_STREAMING, 0, 0]);
    all.extend(streaming(formats));
    all.extend([7, 5, GET_IN | VIDEO_ENDPOINT, 2, 0x00, 0x02, 0]);
    let total = (all.len() as u16).to_le_bytes();
    all[2..4].copy_from_slice(&total);
    all
}

/// The class-specific part of the streaming interface: header, formats, frames.
fn streaming(formats: &[Format]) -> Vec<u8> {
    let mut body = Vec::new();
    for (index, format) in formats.iter().enumerate() {
        body.extend(format_descriptor(index as u8 + 1, format.is_mjpeg));
        body.extend(frame_descriptor(format));
    }
    let count = formats.len() as u8;
    let header_bytes = 13 + count;
    let total = u16::from(header_bytes) + body.len() as u16;
    let mut all = vec![header_bytes, CS_INTERFACE, 0x01, count];
    all.extend(total.to_le_bytes());
    all.extend([GET_IN | VIDEO_ENDPOINT, 0, 2, 0, 0, 0, 1]);
    all.resize(usize::from(header_bytes), 0);
    all.extend(body);
    all
}

fn format_descriptor(index: u8, is_mjpeg: bool) -> Vec<u8> {
    if is_mjpeg {
        return vec![11, CS_INTERFACE, 0x06, index, 1, 1, 1, 0, 0, 0, 0];
    }
    let mut all = vec![27, CS_INTERFACE, 0x04, index, 1];
    all.extend(b"YUY2\x00\x00\x10\x00\x80\x00\x00\xaa\x00\x38\x9b\x71");
    all.extend([16, 1, 0, 0, 0, 0]);
    all
}

fn frame_descriptor(format: &Format) -> Vec<u8> {
    let bytes = format.frame_bytes_max();
    let bits_per_second = |interval: u32| {
        let rate = u64::from(bytes) * 8 * 10_000_000 / u64::from(interval);
        u32::try_from(rate).unwrap_or(u32::MAX)
    };
    let [fast, slow] = INTERVALS_100NS;
    let length = 26 + 4 * INTERVALS_100NS.len() as u8;
    let mut all = vec![
        length,
        CS_INTERFACE,
        if format.is_mjpeg { 0x07 } else { 0x05 },
        1,
        0,
    ];
    all.extend(format.width.to_le_bytes());
    all.extend(format.height.to_le_bytes());
    for number in [bits_per_second(slow), bits_per_second(fast), bytes, fast] {
        all.extend(number.to_le_bytes());
    }
    all.push(INTERVALS_100NS.len() as u8);
    all.extend(
        INTERVALS_100NS
            .iter()
            .flat_map(|interval| interval.to_le_bytes()),
    );
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each descriptor begins with its length: walking them must end exactly.
    #[test]
    fn lengths_add_up() {
        let format = |is_mjpeg| Format {
            width: 1280,
            height: 720,
            is_mjpeg,
            frames: vec![],
        };
        let all = configuration(&[format(true), format(false)]);
        assert_eq!(usize::from(u16::from_le_bytes([all[2], all[3]])), all.len());
        let mut at = 0;
        while at < all.len() {
            assert!(all[at] >= 2, "descriptor of length {} at {at}", all[at]);
            at += usize::from(all[at]);
        }
        assert_eq!(at, all.len());
        for index in 0..5 {
            let text = string(index, 1);
            assert_eq!(usize::from(text[0]), text.len());
        }
    }
}

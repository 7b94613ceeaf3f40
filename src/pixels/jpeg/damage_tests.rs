//! Pictures that are damaged, or might be.

#![allow(clippy::unwrap_used)]
use super::header::Header;
use super::marker::{DHT, DQT, SOS};
use super::tables::Tables;
use super::tests::{SAMPLINGS, encode, find, ours, scan_start};
use jpeg_encoder::SamplingFactor;
use proptest::prelude::*;

/// With these bytes before the end marker.
fn with_tail(bytes: &[u8], tail: &[u8]) -> Vec<u8> {
    let (rest, end) = bytes.split_at(bytes.len() - 2);
    [rest, tail, end].concat()
}

#[test]
fn no_picture_lacks_its_lower_part() {
    for (sampling, interval) in SAMPLINGS.into_iter().zip([0, 0, 4, 0]) {
        let bytes = encode((75, 41), sampling, interval);
        for length in scan_start(&bytes)..bytes.len() - 2 {
            let torn = [&bytes[..length], &[0xFF, 0xD9]].concat();
            assert!(
                ours(&torn).is_err(),
                "{sampling:?}: {length} of {}",
                bytes.len()
            );
            assert!(ours(&bytes[..length]).is_err());
        }
    }
}

#[test]
fn restart_markers_must_come_in_their_order_and_number() {
    let bytes = encode((160, 95), SamplingFactor::F_2_2, 5);
    let second = find(&bytes, 0xD1);
    let mut wrong = bytes.clone();
    wrong[second + 1] = 0xD2;
    let error = ours(&wrong).unwrap_err();
    assert!(error.contains("restart marker 2 where 1 is due"), "{error}");
    // One interval lost between two markers.
    let mut lost = bytes.clone();
    lost.drain(second..find(&bytes, 0xD2));
    assert!(ours(&lost).is_err());
    let whole = encode((160, 95), SamplingFactor::F_2_2, 0);
    let mut more = whole.clone();
    more.splice(scan_start(&whole) + 9..scan_start(&whole) + 9, [0xFF, 0xD0]);
    let error = ours(&more).unwrap_err();
    assert!(
        error.contains("2 restart intervals instead of 1"),
        "{error}"
    );
    // A marker behind all MCUs is no fault.
    assert_eq!(ours(&with_tail(&whole, &[0xFF, 0xD0])), ours(&whole));
}

#[test]
fn padding_behind_the_last_block_is_no_fault_but_data_is() {
    let bytes = encode((75, 41), SamplingFactor::F_2_1, 0);
    let want = ours(&bytes);
    for tail in [
        &[0; 500][..],
        &[0xFF; 31],
        &[0xFF, 0].repeat(50),
        &[0x5A; 16],
    ] {
        assert_eq!(ours(&with_tail(&bytes, tail)), want);
    }
    let error = ours(&with_tail(&bytes, &[0x5A; 17])).unwrap_err();
    assert!(error.contains("left over"), "{error}");
}

#[test]
fn tables_that_are_missing_are_the_standard_ones_or_a_fault() {
    let bytes = encode((40, 24), SamplingFactor::F_2_2, 0);
    let without = |marker| {
        let (mut out, mut at) = (bytes[..2].to_vec(), 2);
        while bytes[at + 1] != SOS {
            let end = at + 2 + usize::from(u16::from_be_bytes([bytes[at + 2], bytes[at + 3]]));
            if bytes[at + 1] != marker {
                out.extend(&bytes[at..end]);
            }
            at = end;
        }
        out.extend(&bytes[at..]);
        out
    };
    assert_eq!(ours(&without(DHT)), ours(&bytes));
    let error = ours(&without(DQT)).unwrap_err();
    assert!(error.contains("tables are missing"), "{error}");
}

/// Small pictures of several kinds.
fn samples() -> Vec<Vec<u8>> {
    let sizes = [(17, 9), (40, 24)].into_iter();
    sizes
        .flat_map(|size| SAMPLINGS.map(|sampling| encode(size, sampling, size.0 % 7)))
        .collect()
}

#[test]
fn no_value_of_a_header_byte_makes_it_panic() {
    for bytes in samples() {
        for at in 2..scan_start(&bytes) {
            let mut changed = bytes.clone();
            for value in [0, 1, 2, 0x11, 0x12, 0x22, 0x7F, 0x80, 0xFE, 0xFF] {
                changed[at] = value;
                let _ = ours(&changed);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn changed_bytes_never_panic(
        kind in 0..8_usize, changes in proptest::collection::vec((any::<u16>(), any::<u8>()), 1..10),
    ) {
        let mut bytes = samples().swap_remove(kind);
        for (at, value) in changes {
            let at = usize::from(at) % bytes.len();
            bytes[at] = value;
        }
        let _ = ours(&bytes);
    }

    #[test]
    fn any_scan_is_a_picture_or_a_fault(
        kind in 0..8_usize, scan in proptest::collection::vec(any::<u8>(), 0..1500),
    ) {
        let mut bytes = samples().swap_remove(kind);
        bytes.truncate(scan_start(&bytes));
        bytes.extend(scan.iter().map(|&byte| if byte == 0xFF { 0 } else { byte }));
        bytes.extend([0xFF, 0xD9]);
        let _ = ours(&bytes);
    }

    #[test]
    fn any_headers_are_read_or_a_fault(tail in proptest::collection::vec(any::<u8>(), 0..400)) {
        let whole = [&[0xFF, 0xD8], tail.as_slice()].concat();
        let mut tables = Tables::new();
        let _ = Header::read(&whole, &mut tables);
    }
}

//! Tests of the legacy reader.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use super::*;
use proptest::prelude::*;

fn push_str(out: &mut Vec<u8>, text: &str) {
    out.push(b'X');
    out.extend((text.len() as u32).to_le_bytes());
    out.extend(text.as_bytes());
}

fn push_counts(out: &mut Vec<u8>, counts: &[usize]) {
    out.push(b'(');
    for count in counts {
        out.push(b'J');
        out.extend((*count as i32).to_le_bytes());
    }
    out.push(b't');
}

/// A file with one tensor of floats, as torch would have written it.
fn file(shape: &[usize], strides: &[usize], offset: u8, storage: &[f32]) -> Vec<u8> {
    let mut out = b"\x80\x02\x8a\x0a".to_vec();
    out.extend(MAGIC);
    out.extend(b".\x80\x02M\xe9\x03.\x80\x02}q\x00");
    push_str(&mut out, "little_endian");
    out.extend(b"\x88s.\x80\x02ccollections\nOrderedDict\n)Rq\x01");
    push_str(&mut out, "weight");
    out.extend(b"ctorch._utils\n_rebuild_tensor_v2\n((");
    push_str(&mut out, "storage");
    out.extend(b"ctorch\nFloatStorage\n");
    push_str(&mut out, "7");
    push_str(&mut out, "cpu");
    out.extend([b'K', storage.len() as u8]);
    out.extend([b'N', b't', b'Q', b'K', offset]);
    push_counts(&mut out, shape);
    push_counts(&mut out, strides);
    out.extend(b"\x89ccollections\nOrderedDict\n)RtRs}b.\x80\x02](");
    push_str(&mut out, "7");
    out.extend(b"e.");
    out.extend((storage.len() as u64).to_le_bytes());
    out.extend(storage.iter().flat_map(|value| value.to_le_bytes()));
    out
}

#[test]
fn strided_views_become_row_major() {
    let storage = [9.0, 0.0, 1.0, 2.0, 3.0, 4.0, 5.0];
    let tensors = read(&file(&[2, 3], &[1, 2], 1, &storage)).unwrap();
    let data = vec![0.0, 2.0, 4.0, 1.0, 3.0, 5.0];
    assert_eq!(
        tensors,
        [NamedTensor {
            name: "weight".into(),
            shape: vec![2, 3],
            data
        }]
    );
    let scalar = read(&file(&[], &[], 2, &storage)).unwrap();
    assert_eq!(scalar[0].data, [1.0]);
}

#[test]
fn tensors_that_do_not_fit_are_refused() {
    let storage = [0.0; 6];
    assert!(read(&file(&[2, 3], &[3, 1], 0, &storage)).is_ok());
    assert!(read(&file(&[2, 3], &[3, 1], 1, &storage)).is_err());
    assert!(read(&file(&[2, 3], &[3], 0, &storage)).is_err());
    assert!(read(&file(&[7], &[1], 0, &storage)).is_err());
    // Stride 0 makes endless tensors from one element.
    assert!(read(&file(&[1 << 30], &[0], 0, &storage)).is_err());
    assert!(read(&file(&[1 << 30; 4], &[0; 4], 0, &storage)).is_err());
}

#[test]
fn torn_and_lengthened_files_are_refused() {
    let whole = file(&[2, 3], &[3, 1], 0, &[0.5; 6]);
    for end in 0..whole.len() {
        assert!(read(&whole[..end]).is_err(), "cut at {end}");
    }
    let mut longer = whole.clone();
    longer.push(0);
    assert!(read(&longer).is_err());
}

proptest! {
    #[test]
    fn damaged_files_do_not_panic(
        place in any::<prop::sample::Index>(),
        bytes in prop::collection::vec(any::<u8>(), 1..6),
    ) {
        let mut file = file(&[2, 3], &[3, 1], 0, &[0.5; 6]);
        let start = place.index(file.len());
        for (old, new) in file[start..].iter_mut().zip(bytes) {
            *old = new;
        }
        if let Ok(tensors) = read(&file) {
            for tensor in tensors {
                prop_assert_eq!(tensor.data.len(), tensor.shape.iter().product::<usize>());
            }
        }
    }
}

//! Tests of the pickle reader.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use super::*;
use proptest::prelude::*;

fn run(mut bytes: &[u8]) -> Result<Value, PickleError> {
    load(&mut bytes)
}

#[test]
fn plain_values() {
    assert_eq!(run(b"\x80\x02K\x07."), Ok(Value::Int(7)));
    assert_eq!(run(b"J\xff\xff\xff\xff."), Ok(Value::Int(-1)));
    assert_eq!(run(b"M\x00\x80."), Ok(Value::Int(0x8000)));
    assert_eq!(run(b"\x8a\x01\xff."), Ok(Value::Int(-1)));
    assert_eq!(run(b"\x8a\x00."), Ok(Value::Int(0)));
    assert_eq!(run(b"(K\x01Nt."), run(b"K\x01N\x86."));
    let list = Value::List(vec![Value::Bool(true), Value::Str("a".into())], 1);
    assert_eq!(run(b"]q\x00(\x88X\x01\x00\x00\x00aq\x01e."), Ok(list));
    assert!(matches!(run(b"\x8a\x09123456789."), Ok(Value::LongInt(_))));
}

#[test]
fn load_stops_at_the_end_of_its_pickle() {
    let mut bytes: &[u8] = b"K\x01.K\x02.rest";
    assert_eq!(load(&mut bytes), Ok(Value::Int(1)));
    assert_eq!(load(&mut bytes), Ok(Value::Int(2)));
    assert_eq!(bytes, b"rest");
}

#[test]
fn programs_are_refused() {
    let global = run(b"cos\nsystem\n.");
    assert_eq!(global, Err(PickleError::Global("os.system".into())));
    assert_eq!(run(b"I1\n."), Err(PickleError::Opcode(b'I')));
    assert!(run(b"ctorch\nFloatStorage\n)R.").is_err());
}

#[test]
fn endless_and_deep_pickles_are_refused() {
    let mut deep = vec![b'N'];
    deep.extend([0x85; 1000]);
    assert!(matches!(run(&deep), Err(PickleError::Limit(_))));
    let long = vec![b'N'; OPERATIONS_MAX + 1];
    assert!(matches!(run(&long), Err(PickleError::Limit(_))));
    // A list that holds itself would never be freed.
    assert!(run(b"]q\x00(h\x00e.").is_err());
}

#[test]
fn torn_pickles_are_refused() {
    for bytes in [
        &b""[..],
        b"K",
        b"X\xff\xff\xff\xffa",
        b".",
        b"(.",
        b"t.",
        b"K\x01(R.",
    ] {
        assert!(run(bytes).is_err(), "{bytes:?}");
    }
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = run(&bytes);
    }

    #[test]
    fn no_sequence_of_known_opcodes_panics(
        bytes in prop::collection::vec(
            prop::sample::select(&b"\x80\x02NK\x01M\x8a\x00(t)\x85\x86]e}suRbQq\x00h\x00."[..]),
            0..100,
        )
    ) {
        let _ = run(&bytes);
    }
}

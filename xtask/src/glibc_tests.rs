#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::*;
use proptest::prelude::*;

/// The program that runs these tests: dynamic, with the versions of this system.
fn own_program() -> Vec<u8> {
    std::fs::read(std::env::current_exe().unwrap()).unwrap()
}

fn version(text: &str) -> Version {
    text.parse().unwrap()
}

#[test]
fn our_own_program_is_judged() {
    let needs = inspect(&own_program()).unwrap();
    let expected = if cfg!(target_arch = "aarch64") {
        Machine::Aarch64
    } else {
        Machine::X86_64
    };
    assert_eq!(needs.machine, expected);
    if cfg!(target_feature = "crt-static") {
        assert!(needs.is_static());
        return;
    }
    assert!(
        needs.libraries.iter().any(|library| library == "libc.so.6"),
        "{needs}"
    );
    let glibc = needs.glibc.unwrap();
    assert!(needs.check(glibc).is_ok());
    let older = Version {
        minor: glibc.minor - 1,
        ..glibc
    };
    assert!(matches!(needs.check(older), Err(GlibcError::TooNew { .. })));
    assert!(needs.to_string().contains(&format!("needs GLIBC {glibc}")));
}

#[test]
fn versions_are_ordered_as_numbers() {
    assert!(version("2.4") < version("2.27"));
    assert_eq!(version("2.2.5"), Version { major: 2, minor: 2 });
    for text in ["", "2", "2.x", "-1.2", "two.three"] {
        assert!(text.parse::<Version>().is_err(), "{text}");
    }
}

#[test]
fn symbol_versions_are_judged_by_their_family() {
    let mut needs = Needs {
        machine: Machine::Aarch64,
        libraries: vec![],
        glibc: None,
        unmet: vec![],
    };
    for name in [
        "GLIBC_2.17",
        "GLIBC_2.4",
        "GLIBCXX_3.4",
        "GLIBCXX_3.4.25",
        "GCC_3.0",
    ] {
        judge(name, &mut needs);
    }
    assert_eq!(needs.glibc, Some(version("2.17")));
    assert!(needs.check(GLIBC_MAX).is_ok());
    for name in [
        "GLIBC_ABI_DT_RELR",
        "GLIBC_PRIVATE",
        "GLIBCXX_3.4.26",
        "GLIBCXX_4",
    ] {
        let mut needs = needs.clone();
        judge(name, &mut needs);
        assert!(
            matches!(needs.check(GLIBC_MAX), Err(GlibcError::Unmet(_))),
            "{name}"
        );
    }
    judge("GLIBC_2.34", &mut needs);
    assert!(matches!(
        needs.check(GLIBC_MAX),
        Err(GlibcError::TooNew { .. })
    ));
}

#[test]
fn what_is_no_binary_is_refused() {
    for bytes in [&b""[..], b"\x7fELF", b"#!/bin/sh\n", &[0; 64]] {
        assert!(matches!(inspect(bytes), Err(GlibcError::NotElf(_))));
    }
    assert!(matches!(
        inspect_file(Path::new("/nonexistent")),
        Err(GlibcError::Read { .. })
    ));
}

#[test]
fn damaged_binaries_never_panic() {
    let whole = own_program();
    for length in (0..whole.len().min(4096)).chain([whole.len() / 2, whole.len() - 1]) {
        let _ = inspect(&whole[..length]);
    }
    // Headers, dynamic section and version tables lie at either end of the file.
    let end = whole.len() - 4096;
    let place = prop_oneof![0..65_536usize, end..whole.len()];
    let bytes = std::cell::RefCell::new(whole.clone());
    proptest!(|(at in place, value: u8)| {
        let mut bytes = bytes.borrow_mut();
        let at = at.min(whole.len() - 1);
        bytes[at] = value;
        let _ = inspect(&bytes);
        bytes[at] = whole[at];
    });
}

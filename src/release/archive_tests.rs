#![allow(clippy::unwrap_used)]
use super::*;
use crate::release::testing::{bundle, key, manifest};
use proptest::prelude::*;
use std::fs;
use std::os::unix::fs::PermissionsExt;

fn public() -> PublicKey {
    key().public()
}

fn names(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(names(&path));
        } else {
            found.push(path.display().to_string());
        }
    }
    found
}

#[test]
fn what_was_packed_is_unpacked() {
    let work = tempfile::tempdir().unwrap();
    let manifest = manifest("0.1.0+3.gabc");
    let path = bundle(work.path(), &manifest, &key());
    assert_eq!(
        Bundle::open(&path, &public()).unwrap().verify().unwrap(),
        manifest
    );
    let out = work.path().join("out");
    let unpacked = Bundle::open(&path, &public())
        .unwrap()
        .unpack(&out)
        .unwrap();
    assert_eq!(unpacked, manifest);
    assert_eq!(names(&out).len(), manifest.files.len() + 2);
    for file in &manifest.files {
        let source = fs::read(work.path().join("files").join(&file.path)).unwrap();
        assert_eq!(fs::read(out.join(&file.path)).unwrap(), source);
    }
    // The firmware's user is another than root.
    let mode = |name: &str| fs::metadata(out.join(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode("lookout"), 0o755);
    assert_eq!(mode("models/m"), 0o755);
    assert_eq!(mode("models/m/model.onnx"), 0o644);
    let written = fs::read(out.join(MANIFEST)).unwrap();
    assert!(public().verifies(&written, &fs::read(out.join(SIGNATURE)).unwrap()));
}

#[test]
fn the_same_release_is_the_same_bytes() {
    let work = tempfile::tempdir().unwrap();
    let manifest = manifest("0.1.0+3");
    let once = fs::read(bundle(work.path(), &manifest, &key())).unwrap();
    let twice = fs::read(bundle(work.path(), &manifest, &key())).unwrap();
    assert!(once == twice);
}

#[test]
fn another_key_and_what_is_no_bundle_are_refused() {
    let work = tempfile::tempdir().unwrap();
    let path = bundle(
        work.path(),
        &manifest("0.1.0+3"),
        &SecretKey::from_seed(&[9; 32]),
    );
    let error = Bundle::open(&path, &public()).err().unwrap();
    assert!(matches!(error, ArchiveError::Signature { .. }), "{error}");
    assert!(error.to_string().contains("--replace-key"));
    for text in ["", "hello", "\u{1f}\u{8b}"] {
        let path = work.path().join("x");
        fs::write(&path, text).unwrap();
        assert!(Bundle::open(&path, &public()).is_err(), "{text:?}");
    }
    assert!(Bundle::open(Path::new("/no/such/bundle"), &public()).is_err());
}

/// A bundle with a signed manifest and other members than that lists.
fn forged(folder: &Path, members: &[(&str, EntryType, &[u8])]) -> PathBuf {
    let manifest = manifest("0.1.0+3").to_text().unwrap();
    let path = folder.join("forged");
    let gzip = GzBuilder::new().write(File::create(&path).unwrap(), Compression::fast());
    let mut builder = Builder::new(gzip);
    let signature = key().sign(manifest.as_bytes());
    let head = [
        (MANIFEST, EntryType::Regular, manifest.as_bytes()),
        (SIGNATURE, EntryType::Regular, &signature[..]),
    ];
    for (name, kind, content) in head.iter().chain(members) {
        let mut header = Header::new_ustar();
        // By hand: the crate itself would refuse some of these names.
        header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        header.set_entry_type(*kind);
        header.set_cksum();
        builder.append(&header, *content).unwrap();
    }
    builder.into_inner().unwrap().finish().unwrap();
    path
}

#[test]
fn members_that_are_not_listed_as_they_are_change_nothing_outside() {
    let program: &[u8] = b"program of 0.1.0+3\n";
    let regular = EntryType::Regular;
    let cases: [&[(&str, EntryType, &[u8])]; 7] = [
        &[],
        &[("lookout", regular, b"program of 0.1.0+4\n")],
        &[("lookout", regular, b"short")],
        &[("lookout", EntryType::Symlink, b"")],
        &[("../lookout", regular, program)],
        &[("/lookout", regular, program)],
        &[
            ("long", EntryType::GNULongName, b"lookout"),
            ("x", regular, program),
        ],
    ];
    for (index, members) in cases.iter().enumerate() {
        let work = tempfile::tempdir().unwrap();
        let path = forged(work.path(), members);
        let out = work.path().join("deep/out");
        let verified = Bundle::open(&path, &public()).unwrap().verify();
        assert!(
            matches!(verified, Err(ArchiveError::Damaged { .. })),
            "case {index}"
        );
        let unpacked = Bundle::open(&path, &public()).unwrap().unpack(&out);
        assert!(unpacked.is_err(), "case {index}");
        let outside = names(work.path())
            .into_iter()
            .filter(|name| !name.contains("deep/out"));
        assert_eq!(outside.count(), 1, "case {index}: the bundle alone");
    }
}

#[test]
fn more_members_than_listed_are_refused() {
    let work = tempfile::tempdir().unwrap();
    let listed = [
        ("lookout", "program of 0.1.0+3\n"),
        ("models/m/model.onnx", "model of 0.1.0+3\n"),
        ("units/lookout.service", "unit of 0.1.0+3\n"),
        ("units/lookout-guard.service", "guard of 0.1.0+3\n"),
    ];
    let mut members: Vec<(&str, EntryType, &[u8])> = listed
        .iter()
        .map(|(name, text)| (*name, EntryType::Regular, text.as_bytes()))
        .collect();
    let path = forged(work.path(), &members);
    assert!(Bundle::open(&path, &public()).unwrap().verify().is_ok());
    members.push(("extra", EntryType::Regular, b"x"));
    let path = forged(work.path(), &members);
    let error = Bundle::open(&path, &public())
        .unwrap()
        .verify()
        .unwrap_err();
    assert!(
        error.to_string().contains("more than its manifest"),
        "{error}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn a_damaged_bundle_is_never_taken(at in 10usize..2000, bit in 0u8..8, cut in any::<bool>()) {
        let work = tempfile::tempdir().unwrap();
        let manifest = manifest("0.1.0+3");
        let path = bundle(work.path(), &manifest, &key());
        let mut bytes = fs::read(&path).unwrap();
        let at = at % bytes.len();
        if cut {
            bytes.truncate(at);
        } else {
            bytes[at] ^= 1 << bit;
        }
        fs::write(&path, bytes).unwrap();
        let out = work.path().join("out");
        let taken = Bundle::open(&path, &public()).and_then(|bundle| bundle.unpack(&out));
        if let Ok(taken) = taken {
            // A bit of padding or of the trailer: what was unpacked is right all the same.
            prop_assert_eq!(&taken, &manifest);
            for file in &manifest.files {
                let source = fs::read(work.path().join("files").join(&file.path)).unwrap();
                prop_assert_eq!(fs::read(out.join(&file.path)).unwrap(), source);
            }
        }
    }
}

//! Strict loading, and the search for torn pictures.

use super::folder::Folder;
use xtask::dataset::{Dataset, DatasetError, LoadOptions, Split, check_pictures};

fn folder() -> Folder {
    let folder = Folder::new();
    folder.write("data.yaml", "train: images/train\nnames: [car]\n");
    for name in ["a", "b", "c"] {
        folder
            .picture(&format!("images/train/{name}.jpg"))
            .write(&format!("labels/train/{name}.txt"), "0 0.5 0.5 0.5 0.5\n");
    }
    folder
}

fn load(folder: &Folder) -> Result<Dataset, DatasetError> {
    let options = LoadOptions {
        strict: true,
        ..LoadOptions::TRAINING
    };
    Dataset::load(folder.path(), Split::Train, options)
}

#[test]
fn a_faultless_set_passes() {
    assert_eq!(load(&folder()).unwrap().images.len(), 3);
}

#[test]
fn broken_entries_stop_it_with_their_number() {
    let folder = folder();
    folder.write("labels/train/b.txt", "0 0.5 0.5 0 0\n".repeat(9));
    let error = load(&folder).unwrap_err();
    assert!(matches!(error, DatasetError::Strict { count: 9, .. }));
    let text = error.to_string();
    assert!(text.contains("9 broken entries"), "{text}");
    assert!(
        text.contains("b.txt: line 1: ") && text.contains("line 5: "),
        "{text}"
    );
    assert!(
        !text.contains("line 6: ") && text.contains("--strict"),
        "{text}"
    );
    let loose = Dataset::load(folder.path(), Split::Train, LoadOptions::TRAINING).unwrap();
    assert_eq!(loose.skipped_count, 9);
}

#[test]
fn torn_pictures_are_found_by_decoding_only() {
    let folder = folder();
    let path = folder.path().join("images/train/c.jpg");
    let whole = std::fs::read(&path).unwrap();
    std::fs::write(&path, &whole[..whole.len() - 9]).unwrap();
    let loose = Dataset::load(folder.path(), Split::Train, LoadOptions::TRAINING).unwrap();
    assert_eq!((loose.images.len(), loose.skipped_count), (3, 0));
    let torn = check_pictures(&loose);
    assert_eq!(torn.len(), 1);
    assert!(torn[0].path.ends_with("c.jpg"), "{torn:?}");
    let text = load(&folder).unwrap_err().to_string();
    assert!(
        text.contains("1 broken entries") && text.contains("c.jpg"),
        "{text}"
    );
}

//! Riders that are in one box with their cycle.

use super::folder::{Folder, plain};
use lookout::class::ObjectClass;
use xtask::dataset::{CombinedRiders, Dataset, LoadOptions, RiderBox, Split};

fn folder() -> Folder {
    let folder = Folder::new();
    folder
        .write(
            "data.yaml",
            "train: images\nnames: [cyclist, bicycle, car]\n",
        )
        .write(
            "dataset.toml",
            "name = \"x\"\nlicence = \"y\"\nlabelled = [\"rider\", \"bicycle\", \"car\"]\n\
             rider_box = \"with-cycle\"\n",
        )
        .picture_of("images/a.png", (100, 100))
        .write("labels/a.txt", "0 0.5 0.5 0.4 1.0\n2 0.5 0.5 0.2 0.2\n");
    folder
}

fn load(combined_riders: CombinedRiders) -> Dataset {
    let options = LoadOptions {
        combined_riders,
        ..LoadOptions::TRAINING
    };
    Dataset::load(folder().path(), Split::Train, options).unwrap()
}

#[test]
fn every_rule_says_what_it_did() {
    let class = load(CombinedRiders::Class);
    assert_eq!(class.description.rider_box, RiderBox::WithCycle);
    assert_eq!(class.images[0].objects.len(), 2);
    assert!(
        class
            .summary()
            .contains("in one box with their cycle: 1 (boxes left as they are")
    );

    let split = load(CombinedRiders::Split);
    assert_eq!(
        split.description.rider_box,
        RiderBox::Alone,
        "augmentation learns the box"
    );
    let objects = plain(&split.images[0].objects);
    assert_eq!(
        objects[0],
        (ObjectClass::Rider, [30.0, 0.0, 70.0, 82.0], false)
    );
    let region = [30.0, 0.0, 70.0, 100.0];
    assert_eq!(objects[2..], [(ObjectClass::Bicycle, region, true)]);
    assert_eq!(split.combined_count, 1);

    let ignore = load(CombinedRiders::Ignore);
    let objects = plain(&ignore.images[0].objects);
    assert_eq!(objects.len(), 3);
    assert_eq!(objects[1], (ObjectClass::Rider, region, true));
    assert_eq!(objects[2], (ObjectClass::Bicycle, region, true));
}

#[test]
fn evaluation_leaves_the_boxes_alone() {
    let dataset = folder().load(Split::Train);
    assert_eq!(dataset.combined_riders, CombinedRiders::Class);
    assert_eq!(dataset.images[0].objects.len(), 2);
    assert_eq!(LoadOptions::TRAINING.combined_riders, CombinedRiders::Split);
}

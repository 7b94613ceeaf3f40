//! Whether figures come onto the card of the model that they are of, and onto no other.

#![allow(clippy::unwrap_used)]
use super::*;
use crate::evaluate::SetFigures;
use crate::metrics::{Evaluator, OperatingPoint};
use lookout::class::ObjectClass;
use tempfile::TempDir;

/// A model with its figures, none of which are those of the shipped one.
struct Bench {
    folder: TempDir,
    id: String,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let shipped = crate::workspace::root().join("models/road-lite");
        for file in ["model.toml", "model.onnx"] {
            std::fs::copy(shipped.join(file), folder.path().join(file)).unwrap();
        }
        let card = VerifiedModel::read(folder.path()).unwrap().card;
        Self {
            id: format!("any@{}", &card.onnx.sha256[..ID_DIGITS]),
            folder,
        }
    }

    /// A file of figures on one set: the model's id, its mAP, the split, and the images.
    fn figures(&self, name: &str, id: &str, map: f64, split: &str, images: u64) -> PathBuf {
        let mut metrics = Evaluator::new().finish();
        metrics.map = map;
        let point = OperatingPoint {
            threshold: 0.375,
            precision: 0.5,
            recall: 0.5,
            f1: 0.5,
            objects: 1000,
            right: 500,
            wrong: 500,
        };
        let file = EvaluationFile {
            model: id.into(),
            images,
            metrics: metrics.clone(),
            recommended: [(ObjectClass::Bus, point)].into(),
            sets: vec![SetFigures {
                name: "A city".into(),
                data: "data/city".into(),
                split: split.into(),
                images,
                unreadable: 0,
                metrics,
                comparison: None,
            }],
            comparison: None,
        };
        let path = self.folder.path().join(name);
        std::fs::write(&path, serde_json::to_vec(&file).unwrap()).unwrap();
        path
    }

    fn run(&self, int8: PathBuf, float: PathBuf) -> Result<ModelCard, CardError> {
        run(&CardArgs {
            model: self.folder.path().into(),
            int8,
            float,
            name: Some("other".into()),
        })?;
        Ok(VerifiedModel::read(self.folder.path()).unwrap().card)
    }
}

#[test]
fn figures_replace_those_on_the_card() {
    let bench = Bench::new();
    let int8 = bench.figures("int8.json", &bench.id, 0.25, "val", 7);
    let float = bench.figures("float.json", "float@0", 0.5, "val", 7);
    let card = bench.run(int8, float).unwrap();
    assert_eq!(card.name, "other");
    assert_eq!(card.metrics.keys().collect::<Vec<_>>(), ["city"]);
    let set = &card.metrics["city"];
    assert_eq!((set.images, set.int8.map, set.float.map), (7, 0.25, 0.5));
    assert_eq!(
        card.postprocess.class_thresholds,
        [("bus".into(), 0.375)].into()
    );
}

#[test]
fn figures_of_something_else_leave_the_card_alone() {
    let bench = Bench::new();
    let before = std::fs::read(bench.folder.path().join("model.toml")).unwrap();
    let own = |split, images| bench.figures("int8.json", &bench.id, 0.25, split, images);
    let float = || bench.figures("float.json", "float@0", 0.5, "val", 7);
    let stranger = bench.figures("stranger.json", "any@0123456789ab", 0.25, "val", 7);
    let error = bench.run(stranger, float()).unwrap_err();
    assert!(matches!(error, CardError::OtherModel { .. }), "{error}");
    let error = bench.run(own("val", 8), float()).unwrap_err();
    assert!(matches!(error, CardError::OtherImages(_)), "{error}");
    let error = bench.run(own("train", 7), float()).unwrap_err();
    assert!(matches!(error, CardError::NotValidation(_)), "{error}");
    let after = std::fs::read(bench.folder.path().join("model.toml")).unwrap();
    assert_eq!(before, after);
}

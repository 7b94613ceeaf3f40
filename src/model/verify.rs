//! Reading a model's folder and refusing what does not fit together.

use super::card::{ModelCard, check_normalisation};
use crate::class::ObjectClass;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// File name of a card.
pub const CARD_FILE: &str = "model.toml";

const CARD_BYTES_MAX: u64 = 1 << 20;
const ONNX_BYTES_MAX: u64 = 256 << 20;
const INPUT_SIDE_MAX: u32 = 4096;
const LEVELS_MAX: usize = 8;
const ANCHORS_PER_CELL_MAX: usize = 32;
const CARD_FORMAT: u32 = 1;

/// Why a model cannot be used, and what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// A file is missing or unreadable.
    #[error("{path}: {source}; a model folder holds model.toml and the ONNX file that it names")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file is absurdly large.
    #[error("{path}: larger than {bytes_max} bytes; this is no model of ours")]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The limit.
        bytes_max: u64,
    },
    /// The card is no valid TOML of our form.
    #[error("{path}: {message}; export the model anew with `cargo xtask train-and-export`")]
    Card {
        /// The card.
        path: PathBuf,
        /// What the parser said.
        message: String,
    },
    /// The card is of another version.
    #[error(
        "the card has format {found}, this program reads {CARD_FORMAT}; update the program or export the model anew"
    )]
    Format {
        /// The card's format.
        found: u32,
    },
    /// The ONNX file is not the one that the card describes.
    #[error(
        "{path}: SHA-256 is {found}, the card says {expected}; copy model.onnx and model.toml together again"
    )]
    Hash {
        /// The ONNX file.
        path: PathBuf,
        /// The file's hash.
        found: String,
        /// The card's hash.
        expected: String,
    },
    /// The card's classes are not the library's.
    #[error(
        "the model's classes are [{found}], this program knows [{expected}]; use a model of this version or train one with these classes"
    )]
    Classes {
        /// Classes on the card.
        found: String,
        /// Classes of the library.
        expected: String,
    },
    /// The input's size, mean or deviation is unusable.
    #[error("the card's input {0}; export the model anew")]
    Input(String),
    /// The levels, anchors or thresholds are unusable.
    #[error("the card's {0}; export the model anew")]
    Outputs(String),
    /// The ONNX file is not what the card says, tensor by tensor.
    #[error("model.onnx {0}; card and network do not belong together: export the model anew")]
    Mismatch(String),
    /// The engine cannot load the ONNX file.
    #[error("model.onnx cannot be loaded: {0}; export the model anew with this version")]
    Engine(String),
}

/// A card and the bytes of its network, checked against each other.
#[derive(Clone, Debug)]
pub struct VerifiedModel {
    /// The card.
    pub card: ModelCard,
    /// The bytes of the ONNX file.
    pub onnx: Vec<u8>,
}

impl VerifiedModel {
    /// Reads and checks the model in folder `dir`.
    pub fn read(dir: &Path) -> Result<Self, ModelError> {
        let card_path = dir.join(CARD_FILE);
        let text = read_limited(&card_path, CARD_BYTES_MAX)?;
        let card = parse_card(&text).map_err(|message| ModelError::Card {
            path: card_path.clone(),
            message,
        })?;
        check_card(&card)?;
        let path = dir.join(&card.onnx.file);
        let onnx = read_limited(&path, ONNX_BYTES_MAX)?;
        let found = sha256_hex(&onnx);
        if found != card.onnx.sha256 {
            return Err(ModelError::Hash {
                path,
                found,
                expected: card.onnx.sha256,
            });
        }
        Ok(Self { card, onnx })
    }
}

/// Parses a card from the bytes of its file.
fn parse_card(bytes: &[u8]) -> Result<ModelCard, String> {
    let text = std::str::from_utf8(bytes).map_err(|e| e.to_string())?;
    toml::from_str(text).map_err(|e| e.to_string().trim_end().to_string())
}

fn read_limited(path: &Path, bytes_max: u64) -> Result<Vec<u8>, ModelError> {
    let read = |source| ModelError::Read {
        path: path.to_path_buf(),
        source,
    };
    let file = File::open(path).map_err(read)?;
    let mut bytes = Vec::new();
    file.take(bytes_max + 1)
        .read_to_end(&mut bytes)
        .map_err(read)?;
    if bytes.len() as u64 > bytes_max {
        return Err(ModelError::TooLarge {
            path: path.to_path_buf(),
            bytes_max,
        });
    }
    Ok(bytes)
}

/// SHA-256 as 64 lower-case hexadecimal digits.
pub fn sha256_hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    let mut hex = String::with_capacity(64);
    for byte in Sha256::digest(bytes) {
        // Writing to a string cannot fail.
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}

fn check_card(card: &ModelCard) -> Result<(), ModelError> {
    if card.format != CARD_FORMAT {
        return Err(ModelError::Format { found: card.format });
    }
    let expected: Vec<&str> = ObjectClass::ALL.iter().map(|c| c.name()).collect();
    if card.classes != expected {
        return Err(ModelError::Classes {
            found: card.classes.join(", "),
            expected: expected.join(", "),
        });
    }
    let name = &card.onnx.file;
    if name.is_empty() || name.contains(['/', '\\']) || name == ".." || name == "." {
        return Err(ModelError::Outputs(format!(
            "ONNX file {name:?} is no plain file name"
        )));
    }
    check_input(card)?;
    check_outputs(card)
}

fn check_input(card: &ModelCard) -> Result<(), ModelError> {
    let input = &card.input;
    for (side, name) in [(input.height, "height"), (input.width, "width")] {
        if side == 0 || !side.is_multiple_of(32) || side > INPUT_SIDE_MAX {
            return Err(ModelError::Input(format!(
                "{name} is {side}, not a multiple of 32 up to {INPUT_SIDE_MAX}"
            )));
        }
    }
    check_normalisation(input.mean, input.std).map_err(ModelError::Input)
}

fn check_outputs(card: &ModelCard) -> Result<(), ModelError> {
    let wrong = |text: String| Err(ModelError::Outputs(text));
    if card.levels.is_empty() || card.levels.len() > LEVELS_MAX {
        return wrong(format!(
            "{} levels are not 1 to {LEVELS_MAX}",
            card.levels.len()
        ));
    }
    for level in &card.levels {
        let stride = level.stride;
        if stride == 0
            || !card.input.height.is_multiple_of(stride)
            || !card.input.width.is_multiple_of(stride)
        {
            return wrong(format!("stride {stride} does not divide the input"));
        }
        if level.anchors.is_empty() || level.anchors.len() > ANCHORS_PER_CELL_MAX {
            return wrong(format!(
                "{} anchors of a cell are too few or too many",
                level.anchors.len()
            ));
        }
        if level
            .anchors
            .iter()
            .flatten()
            .any(|v| !(v.is_finite() && *v > 0.0 && *v < 1e5))
        {
            return wrong(format!("anchors of stride {stride} hold an unusable size"));
        }
    }
    let post = &card.postprocess;
    for (value, name) in [
        (post.score_threshold, "score_threshold"),
        (post.nms_iou, "nms_iou"),
    ] {
        if !(0.0..=1.0).contains(&value) {
            return wrong(format!("{name} {value} is not within 0 and 1"));
        }
    }
    for (name, value) in &post.class_thresholds {
        if ObjectClass::from_name(name).is_none() {
            return wrong(format!("class_thresholds name {name:?}, which is no class"));
        }
        if !(0.0..=1.0).contains(value) {
            return wrong(format!(
                "class_thresholds.{name} {value} is not within 0 and 1"
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
pub(crate) mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use crate::anchors::BoxCoding;
    use crate::model::*;
    use proptest::prelude::*;

    pub(crate) fn card(onnx: &[u8]) -> ModelCard {
        ModelCard {
            format: 1,
            name: "test".into(),
            classes: ObjectClass::ALL
                .iter()
                .map(|c| c.name().to_string())
                .collect(),
            input: InputSpec {
                tensor: "input".into(),
                height: 64,
                width: 96,
                mean: PerChannel::all(127.0),
                std: PerChannel::all(128.0),
                layout: PixelLayout::RgbPlanes,
            },
            onnx: OnnxFile {
                file: "model.onnx".into(),
                sha256: sha256_hex(onnx),
                macs_millions: 1.0,
                parameters: 1,
            },
            levels: vec![LevelSpec {
                scores: "scores_32".into(),
                boxes: "boxes_32".into(),
                stride: 32,
                anchors: vec![[30.0, 40.0]],
            }],
            postprocess: Postprocess {
                box_coding: BoxCoding::CentreSize,
                score_threshold: 0.4,
                nms_iou: 0.55,
                class_thresholds: Default::default(),
            },
            training: Training::default(),
            metrics: Default::default(),
        }
    }

    fn write(card: &ModelCard, onnx: &[u8]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join(CARD_FILE), toml::to_string(card).unwrap()).unwrap();
        std::fs::write(dir.path().join("model.onnx"), onnx).unwrap();
        dir
    }

    fn error_of(change: impl FnOnce(&mut ModelCard)) -> ModelError {
        let mut card = card(b"net");
        change(&mut card);
        let dir = write(&card, b"net");
        VerifiedModel::read(dir.path()).unwrap_err()
    }

    #[test]
    fn a_whole_model_is_read() {
        let dir = write(&card(b"net"), b"net");
        let model = VerifiedModel::read(dir.path()).unwrap();
        assert_eq!(model.onnx, b"net");
        assert_eq!(model.card, card(b"net"));
        assert_eq!(model.card.anchor_grid().len(), 2 * 3);
    }

    #[test]
    fn each_mismatch_has_its_own_error() {
        use ModelError::*;
        assert!(matches!(error_of(|c| c.format = 2), Format { found: 2 }));
        assert!(matches!(error_of(|c| c.classes.swap(0, 1)), Classes { .. }));
        assert!(matches!(
            error_of(|c| c.classes.truncate(3)),
            Classes { .. }
        ));
        assert!(matches!(error_of(|c| c.input.width = 100), Input(_)));
        assert!(matches!(error_of(|c| c.input.height = 0), Input(_)));
        for (mean, std) in [
            (f32::NAN, 1.0),
            (-1.0, 1.0),
            (256.0, 1.0),
            (127.0, 0.0),
            (127.0, -1.0),
            (127.0, f32::NAN),
            (127.0, f32::INFINITY),
        ] {
            // One bad channel is enough.
            let error = error_of(|c| (c.input.mean.0[2], c.input.std.0[1]) = (mean, std));
            assert!(matches!(error, Input(_)), "{error}");
        }
        assert!(matches!(error_of(|c| c.levels.clear()), Outputs(_)));
        assert!(matches!(error_of(|c| c.levels[0].stride = 0), Outputs(_)));
        assert!(matches!(
            error_of(|c| c.levels[0].anchors[0][0] = -1.0),
            Outputs(_)
        ));
        assert!(matches!(
            error_of(|c| c.postprocess.nms_iou = 2.0),
            Outputs(_)
        ));
        let threshold = |name: &'static str, value| {
            move |c: &mut ModelCard| {
                c.postprocess.class_thresholds.insert(name.into(), value);
            }
        };
        assert!(matches!(error_of(threshold("car", 1.5)), Outputs(_)));
        assert!(matches!(error_of(threshold("car", f32::NAN)), Outputs(_)));
        assert!(matches!(error_of(threshold("tram", 0.5)), Outputs(_)));
        assert!(matches!(
            error_of(|c| c.onnx.file = "../x".into()),
            Outputs(_)
        ));
        assert!(matches!(
            error_of(|c| c.onnx.sha256 = "0".repeat(64)),
            Hash { .. }
        ));
        assert!(matches!(
            error_of(|c| c.onnx.file = "gone".into()),
            Read { .. }
        ));
    }

    #[test]
    fn thresholds_are_the_classes_own_or_the_common_one() {
        let mut card = card(b"net");
        let old = toml::to_string(&card).unwrap();
        assert!(!old.contains("class_thresholds"), "{old}");
        assert_eq!(card.postprocess.thresholds(), [0.4; ObjectClass::COUNT]);
        let own = [("person".to_string(), 0.25), ("bus".to_string(), 0.5)];
        card.postprocess.class_thresholds = own.into();
        let set = SetMetrics {
            map_small: Some(0.125),
            ap_small: [("car".to_string(), 0.25)].into(),
            ..SetMetrics::default()
        };
        let figures = SplitMetrics {
            images: 1,
            float: SetMetrics::default(),
            int8: set,
        };
        card.metrics.insert("streets".into(), figures);
        let dir = write(&card, b"net");
        let read = VerifiedModel::read(dir.path()).unwrap().card;
        assert_eq!(read, card);
        let thresholds = read.postprocess.thresholds();
        assert_eq!(thresholds, [0.4, 0.4, 0.5, 0.4, 0.4, 0.4, 0.25, 0.4]);
    }

    #[test]
    fn each_channel_may_have_its_own_mean_and_deviation() {
        let mut card = card(b"net");
        card.input.mean = PerChannel([60.0, 127.0, 20.5]);
        card.input.std = PerChannel([50.0, 64.0, 25.25]);
        let dir = write(&card, b"net");
        let read = VerifiedModel::read(dir.path()).unwrap().card;
        assert_eq!(read, card);
        let numbers = read.input.pixel_numbers();
        assert_eq!([numbers[0][110], numbers[1][127]], [1.0, 0.0]);
        assert_eq!(numbers[2][0], -20.5 / 25.25);
    }

    proptest! {
        #[test]
        fn no_card_makes_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            prop_assert!(parse_card(&bytes).is_err());
        }

        #[test]
        fn a_damaged_card_is_refused_or_still_sound(at in 0usize..2000, value: u8) {
            let mut bytes = toml::to_string(&card(b"net")).unwrap().into_bytes();
            let at = at % bytes.len();
            bytes[at] = value;
            if let Ok(card) = parse_card(&bytes) && check_card(&card).is_ok() {
                prop_assert!(!card.anchor_grid().is_empty());
            }
        }
    }
}

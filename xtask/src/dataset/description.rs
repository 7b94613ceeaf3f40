//! `dataset.toml`: what a data set labels and what its boxes hold.

use super::DatasetError;
use lookout::class::ObjectClass;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

/// Name of the file inside a data set's folder.
pub const DESCRIPTION_FILE: &str = "dataset.toml";

/// A description is a few lines; anything longer is some other file.
const DESCRIPTION_BYTES_MAX: u64 = 64 * 1024;

/// The channels of a camera's picture, which is what a set holds unless it says otherwise.
pub const COLOURS: [&str; 3] = ["red", "green", "blue"];

/// Longest name of a channel.
const CHANNEL_NAME_BYTES_MAX: usize = 32;

/// What a box of class `rider` holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RiderBox {
    /// The person alone; the cycle has its own box.
    Alone,
    /// Person and cycle together, in one box.
    WithCycle,
    /// There are no rider boxes: a rider is a person box on a bicycle or motorcycle box.
    None,
}

/// What is known about a data set as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    /// Name for people.
    pub name: String,
    /// Licence; a trained model's card repeats it.
    pub licence: String,
    /// By class index: whether the set labels objects of this class.
    pub labelled: [bool; ObjectClass::COUNT],
    /// Only the classes that have a box in an image count as labelled there.
    pub per_image: bool,
    /// What rider boxes hold.
    pub rider_box: RiderBox,
    /// What a picture's three channels hold, in the file's order; [`COLOURS`] for a camera's.
    pub channels: [String; 3],
    /// Fields of the file that were not understood, and defaults that were assumed.
    pub warnings: Vec<String>,
}

/// The file as it is written.
#[derive(Deserialize)]
struct DescriptionFile {
    name: String,
    licence: String,
    labelled: Vec<String>,
    #[serde(default)]
    per_image: bool,
    rider_box: Option<String>,
    channels: Option<Vec<String>>,
    /// For people only; read so that they are not reported as unknown.
    #[serde(rename = "view")]
    _view: Option<String>,
    #[serde(rename = "note")]
    _note: Option<String>,
    #[serde(flatten)]
    unknown: BTreeMap<String, toml::Value>,
}

impl Description {
    /// Reads `dataset.toml` in `root`; `None` when there is none.
    pub fn read(root: &Path) -> Result<Option<Self>, DatasetError> {
        let path = root.join(DESCRIPTION_FILE);
        if !path.is_file() {
            return Ok(None);
        }
        let mut text = String::new();
        std::fs::File::open(&path)
            .and_then(|file| {
                file.take(DESCRIPTION_BYTES_MAX + 1)
                    .read_to_string(&mut text)
            })
            .map_err(|source| DatasetError::Read {
                path: path.clone(),
                source,
            })?;
        if text.len() as u64 > DESCRIPTION_BYTES_MAX {
            return Err(DatasetError::Description {
                path,
                reason: format!("longer than {DESCRIPTION_BYTES_MAX} bytes"),
            });
        }
        Self::parse(&text)
            .map(Some)
            .map_err(|reason| DatasetError::Description { path, reason })
    }

    /// Parses the text of a `dataset.toml`; the error says which key is wrong and what is allowed.
    pub fn parse(text: &str) -> Result<Self, String> {
        let file: DescriptionFile = toml::from_str(text).map_err(|error| error.to_string())?;
        let mut labelled = [false; ObjectClass::COUNT];
        for name in &file.labelled {
            let class = ObjectClass::from_name(name).ok_or_else(|| {
                let known: Vec<&str> = ObjectClass::ALL.iter().map(|class| class.name()).collect();
                format!("labelled: `{name}` is not one of {}", known.join(", "))
            })?;
            labelled[class.index()] = true;
        }
        let rider_box = match &file.rider_box {
            Some(text) => parse_rider_box(text)?,
            None if labelled[ObjectClass::Rider.index()] => RiderBox::Alone,
            None => RiderBox::None,
        };
        let channels = match &file.channels {
            Some(names) => parse_channels(names)?,
            None => COLOURS.map(str::to_owned),
        };
        let warnings = file
            .unknown
            .keys()
            .map(|key| format!("{DESCRIPTION_FILE}: the field `{key}` is unknown and was ignored"))
            .collect();
        Ok(Self {
            name: file.name,
            licence: file.licence,
            labelled,
            per_image: file.per_image,
            rider_box,
            channels,
            warnings,
        })
    }

    /// Whether the pictures are a camera's. Only such pictures have a saturation, and the mean
    /// and deviation that the body was pretrained with.
    pub fn channels_are_colours(&self) -> bool {
        self.channels == COLOURS
    }

    /// What is assumed where a folder has no `dataset.toml`: every class that the
    /// annotations list is labelled everywhere, and rider boxes hold `rider_box`. Where
    /// nothing is known of them, they hold the person alone; but a set that lists riders
    /// and no cycles at all has these in its riders' boxes.
    pub fn assumed(
        root: &Path,
        labelled: [bool; ObjectClass::COUNT],
        rider_box: Option<RiderBox>,
    ) -> Self {
        let name = root
            .file_name()
            .unwrap_or(root.as_os_str())
            .to_string_lossy()
            .into_owned();
        let lists = |class: ObjectClass| labelled[class.index()];
        let cycles = lists(ObjectClass::Bicycle) || lists(ObjectClass::Motorcycle);
        let rider_box = match rider_box {
            Some(known) => known,
            None if !lists(ObjectClass::Rider) => RiderBox::None,
            None if cycles => RiderBox::Alone,
            None => RiderBox::WithCycle,
        };
        let mut warnings = vec![format!(
            "no {DESCRIPTION_FILE}: all classes that the annotations list are taken as labelled \
             in every image"
        )];
        if rider_box == RiderBox::WithCycle {
            warnings.push(format!(
                "no {DESCRIPTION_FILE}: rider boxes are taken to hold the cycle too; where they \
                 do not, say rider_box = \"alone\" there"
            ));
        }
        Self {
            name,
            licence: "not stated".to_owned(),
            labelled,
            per_image: false,
            rider_box,
            channels: COLOURS.map(str::to_owned),
            warnings,
        }
    }
}

/// Three names, each of which says something else.
fn parse_channels(names: &[String]) -> Result<[String; 3], String> {
    let [a, b, c] = names else {
        return Err(format!(
            "channels: {} names; a picture has three channels, for example [\"depth\", \
             \"ambient\", \"intensity\"]",
            names.len()
        ));
    };
    for name in names {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_".contains(c);
        if name.is_empty() || name.len() > CHANNEL_NAME_BYTES_MAX || !name.chars().all(plain) {
            return Err(format!(
                "channels: {name:?} is no name; use up to {CHANNEL_NAME_BYTES_MAX} lower-case \
                 letters, digits, `-` and `_`"
            ));
        }
    }
    if a == b || b == c || a == c {
        return Err(format!(
            "channels: two of {a}, {b} and {c} are the same; name what each channel holds"
        ));
    }
    let colours = names.iter().filter(|name| COLOURS.contains(&name.as_str()));
    if colours.count() == 3 && names != COLOURS {
        return Err("channels: pictures are read as red, green, blue, in this order".into());
    }
    Ok([a.clone(), b.clone(), c.clone()])
}

/// `alone`, `with-cycle` or `none`. The field may be a sentence for people too, of which
/// the key words count.
fn parse_rider_box(text: &str) -> Result<RiderBox, String> {
    let lower = text.to_lowercase();
    if lower.starts_with("none") {
        Ok(RiderBox::None)
    } else if lower.starts_with("with-cycle") || lower.contains("in one box") {
        Ok(RiderBox::WithCycle)
    } else if lower.contains("alone") {
        Ok(RiderBox::Alone)
    } else {
        Err(format!(
            "rider_box: `{}` must be `alone`, `with-cycle` or `none`",
            text.chars().take(80).collect::<String>()
        ))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    const VALID: &str = r#"
        name = "A set"
        view = "dashcam"
        licence = "CC BY 4.0"
        labelled = ["car", "rider"]
        rider_box = "person and cycle in one box"
        note = "none"
    "#;

    #[test]
    fn fields_are_read() {
        let description = Description::parse(VALID).unwrap();
        assert_eq!(description.name, "A set");
        assert_eq!(description.licence, "CC BY 4.0");
        assert_eq!(
            description.labelled,
            [true, false, false, false, false, false, false, true]
        );
        assert!(!description.per_image);
        assert_eq!(description.rider_box, RiderBox::WithCycle);
        assert!(description.warnings.is_empty());
    }

    #[test]
    fn the_three_rider_boxes_are_told_apart() {
        let text = "rider is the person alone; the bicycle has its own box";
        assert_eq!(parse_rider_box(text), Ok(RiderBox::Alone));
        assert_eq!(
            parse_rider_box("None: a person box on a cycle box"),
            Ok(RiderBox::None)
        );
        assert_eq!(parse_rider_box("with-cycle"), Ok(RiderBox::WithCycle));
        assert_eq!(
            parse_rider_box("person and cycle in one box"),
            Ok(RiderBox::WithCycle)
        );
        assert!(parse_rider_box("both").unwrap_err().contains("rider_box"));
    }

    #[test]
    fn channels_are_colours_unless_three_other_names_are_given() {
        let description = Description::parse(VALID).unwrap();
        assert!(description.channels_are_colours());
        let parse = |channels: &str| Description::parse(&format!("{VALID}\nchannels = {channels}"));
        let colours = parse(r#"["red", "green", "blue"]"#).unwrap();
        assert!(colours.channels_are_colours() && colours.warnings.is_empty());
        let other = parse(r#"["depth", "ambient", "intensity"]"#).unwrap();
        assert_eq!(other.channels, ["depth", "ambient", "intensity"]);
        assert!(!other.channels_are_colours());
        for wrong in [
            r#"[]"#,
            r#"["depth", "ambient"]"#,
            r#"["depth", "ambient", "intensity", "velocity"]"#,
            r#"["depth", "depth", "intensity"]"#,
            r#"["depth", "", "intensity"]"#,
            r#"["Depth", "ambient", "intensity"]"#,
            r#"["blue", "green", "red"]"#,
            r#""depth""#,
        ] {
            let reason = parse(wrong).unwrap_err();
            assert!(reason.contains("channels"), "{reason}");
        }
    }

    #[test]
    fn unknown_fields_warn_and_unknown_classes_are_refused() {
        let more = format!("{VALID}\ncolour = 3\n");
        let warnings = Description::parse(&more).unwrap().warnings;
        assert_eq!(warnings.len(), 1);
        assert!(warnings[0].contains("`colour`"));
        let wrong = VALID.replace("\"car\"", "\"tram\"");
        assert!(
            Description::parse(&wrong)
                .unwrap_err()
                .contains("`tram` is not one of car")
        );
        let partial = VALID.replace("licence", "license");
        assert!(
            Description::parse(&partial)
                .unwrap_err()
                .contains("licence")
        );
    }

    #[test]
    fn without_a_description_riders_hold_what_is_likely() {
        let assumed = |classes: &[ObjectClass], known| {
            let mut labelled = [false; ObjectClass::COUNT];
            classes.iter().for_each(|c| labelled[c.index()] = true);
            Description::assumed(Path::new("/data/set"), labelled, known).rider_box
        };
        use ObjectClass::{Bicycle, Person, Rider};
        assert_eq!(assumed(&[Person, Bicycle], None), RiderBox::None);
        assert_eq!(assumed(&[Rider, Bicycle], None), RiderBox::Alone);
        assert_eq!(assumed(&[Person, Rider], None), RiderBox::WithCycle);
        assert_eq!(assumed(&[Rider], Some(RiderBox::Alone)), RiderBox::Alone);
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in ".{0,200}") {
            let _ = Description::parse(&text);
        }

        #[test]
        fn a_damaged_description_is_read_or_refused(at in 0..VALID.len(), byte in 0u8..128) {
            let mut bytes = VALID.as_bytes().to_vec();
            bytes[at] = byte;
            if let Ok(description) = Description::parse(&String::from_utf8_lossy(&bytes)) {
                prop_assert!(description.labelled.iter().filter(|&&l| l).count() <= 2);
            }
        }
    }
}

//! JSON values that may be anything, of which only the simple ones are kept.

use serde::Deserialize;
use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::fmt;

/// Visitor methods that take a simple JSON value of any type for the same result.
macro_rules! visit_simple_as {
    ($result:expr) => {
        fn visit_unit<E: serde::de::Error>(self) -> Result<Self::Value, E> {
            Ok($result)
        }

        fn visit_bool<E: serde::de::Error>(self, _: bool) -> Result<Self::Value, E> {
            Ok($result)
        }

        fn visit_i64<E: serde::de::Error>(self, _: i64) -> Result<Self::Value, E> {
            Ok($result)
        }

        fn visit_u64<E: serde::de::Error>(self, _: u64) -> Result<Self::Value, E> {
            Ok($result)
        }

        fn visit_f64<E: serde::de::Error>(self, _: f64) -> Result<Self::Value, E> {
            Ok($result)
        }

        fn visit_str<E: serde::de::Error>(self, _: &str) -> Result<Self::Value, E> {
            Ok($result)
        }
    };
}
pub(super) use visit_simple_as;

/// A JSON value of which only simple ones are kept.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Scalar {
    /// The field is missing or null.
    #[default]
    Absent,
    /// A whole number.
    Integer(i64),
    /// Any other number.
    Number(f64),
    /// True or false.
    Bool(bool),
    /// A text.
    Text(Box<str>),
    /// A list or an object.
    Other,
}

impl Scalar {
    /// Longer texts are cut to this: no file name or category is longer.
    pub const TEXT_BYTES_MAX: usize = 4096;

    /// The whole number, also where a writer gave it as `1.0`.
    pub fn integer(&self) -> Option<i64> {
        match *self {
            Self::Integer(value) => Some(value),
            // Above 2^53 a double no longer tells neighbouring ids apart.
            Self::Number(value)
                if value.fract() == 0.0 && value.abs() <= 9_007_199_254_740_992.0 =>
            {
                Some(value as i64)
            }
            _ => None,
        }
    }

    /// The number.
    pub fn number(&self) -> Option<f64> {
        match *self {
            Self::Integer(value) => Some(value as f64),
            Self::Number(value) => Some(value),
            _ => None,
        }
    }

    /// The text.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// A flag given as true/false or 1/0; absent means false.
    pub fn flag(&self) -> Option<bool> {
        match *self {
            Self::Absent => Some(false),
            Self::Bool(value) => Some(value),
            Self::Integer(value) => Some(value != 0),
            Self::Number(value) => Some(value != 0.0),
            _ => None,
        }
    }
}

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ScalarVisitor)
    }
}

struct ScalarVisitor;

impl<'de> Visitor<'de> for ScalarVisitor {
    type Value = Scalar;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Scalar, E> {
        Ok(Scalar::Absent)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Scalar, E> {
        Ok(Scalar::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Scalar, E> {
        Ok(Scalar::Integer(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Scalar, E> {
        Ok(i64::try_from(value).map_or(Scalar::Number(value as f64), Scalar::Integer))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Scalar, E> {
        Ok(Scalar::Number(value))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Scalar, E> {
        let end = value.floor_char_boundary(Scalar::TEXT_BYTES_MAX);
        Ok(Scalar::Text(value[..end].into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Scalar, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Scalar::Other)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Scalar, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Scalar::Other)
    }
}

/// A `bbox` field: four numbers, or nothing usable.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Corners(pub Option<[f64; 4]>);

impl<'de> Deserialize<'de> for Corners {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(CornersVisitor)
    }
}

struct CornersVisitor;

impl<'de> Visitor<'de> for CornersVisitor {
    type Value = Corners;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a box as [x, y, width, height]")
    }

    visit_simple_as!(Corners(None));

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Corners, A::Error> {
        let mut numbers = [0.0; 4];
        let mut usable = true;
        for number in &mut numbers {
            match seq
                .next_element::<Scalar>()?
                .and_then(|value| value.number())
            {
                Some(value) => *number = value,
                None => usable = false,
            }
        }
        while seq.next_element::<IgnoredAny>()?.is_some() {
            usable = false;
        }
        Ok(Corners(usable.then_some(numbers)))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Corners, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Corners(None))
    }
}

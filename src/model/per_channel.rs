//! A number for each channel of the input.

use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// A number for each of the input's three channels. In a card it is one number where all three
/// are equal, else a list of three; both forms are read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PerChannel(pub [f32; 3]);

impl PerChannel {
    /// The same number for all channels.
    pub const fn all(value: f32) -> Self {
        Self([value; 3])
    }

    /// The number of all channels, where it is the same.
    pub fn common(&self) -> Option<f32> {
        let [first, rest @ ..] = self.0;
        rest.iter().all(|value| *value == first).then_some(first)
    }
}

impl fmt::Display for PerChannel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.common(), self.0) {
            (Some(value), _) => write!(f, "{value}"),
            (None, [a, b, c]) => write!(f, "[{a}, {b}, {c}]"),
        }
    }
}

impl Serialize for PerChannel {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.common() {
            Some(value) => serializer.serialize_f32(value),
            None => self.0.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for PerChannel {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OneOrThree)
    }
}

struct OneOrThree;

impl<'de> Visitor<'de> for OneOrThree {
    type Value = PerChannel;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("one number for all channels, or a list of three, one a channel")
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<PerChannel, E> {
        Ok(PerChannel::all(value as f32))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<PerChannel, E> {
        Ok(PerChannel::all(value as f32))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<PerChannel, E> {
        Ok(PerChannel::all(value as f32))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<PerChannel, A::Error> {
        let mut values = [0.0; 3];
        for (index, value) in values.iter_mut().enumerate() {
            let next = list.next_element()?;
            *value = next.ok_or_else(|| A::Error::invalid_length(index, &self))?;
        }
        match list.next_element::<f32>()? {
            Some(_) => Err(A::Error::invalid_length(4, &self)),
            None => Ok(PerChannel(values)),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Card {
        mean: PerChannel,
    }

    fn read(text: &str) -> Result<PerChannel, String> {
        let card: Result<Card, _> = toml::from_str(text);
        card.map(|card| card.mean).map_err(|e| e.to_string())
    }

    #[test]
    fn one_number_and_three_are_read() {
        assert_eq!(read("mean = 127.0"), Ok(PerChannel::all(127.0)));
        assert_eq!(read("mean = 127"), Ok(PerChannel::all(127.0)));
        assert_eq!(read("mean = [1, 2.5, 3]"), Ok(PerChannel([1.0, 2.5, 3.0])));
        for wrong in ["[]", "[1.0, 2.0]", "[1.0, 2.0, 3.0, 4.0]", "\"grey\"", "{}"] {
            let message = read(&format!("mean = {wrong}")).unwrap_err();
            assert!(message.contains("three"), "{message}");
        }
    }

    #[test]
    fn equal_numbers_are_written_as_one() {
        let write = |mean| toml::to_string(&Card { mean }).unwrap();
        assert_eq!(write(PerChannel::all(127.0)), "mean = 127.0\n");
        assert_eq!(
            write(PerChannel([1.0, 2.5, 3.0])),
            "mean = [1.0, 2.5, 3.0]\n"
        );
    }

    proptest! {
        #[test]
        fn numbers_survive_the_card(a in -1e6f32..1e6, b in 1e-6f32..1e6, c: bool) {
            let mean = PerChannel([a, b, if c { a } else { b }]);
            let text = toml::to_string(&Card { mean }).unwrap();
            prop_assert_eq!(read(&text), Ok(mean));
        }
    }
}

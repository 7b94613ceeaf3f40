//! JSON lists whose entries may be anything: what is no object is kept as an empty one, so
//! that it is reported and counted.

use super::scalar::visit_simple_as;
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{
    DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Unexpected, Visitor,
};
use std::fmt;
use std::marker::PhantomData;

/// A list with a limit, of entries that may be anything.
pub struct ListSeed<T> {
    name: &'static str,
    entries_max: usize,
    entry: PhantomData<T>,
}

impl<T> ListSeed<T> {
    /// Messages call the list `name`.
    pub fn new(name: &'static str, entries_max: usize) -> Self {
        Self {
            name,
            entries_max,
            entry: PhantomData,
        }
    }
}

impl<'de, T: Deserialize<'de> + Default> DeserializeSeed<'de> for ListSeed<T> {
    type Value = Vec<T>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Vec<T>, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de, T: Deserialize<'de> + Default> Visitor<'de> for ListSeed<T> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "a list of {}", self.name)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Vec<T>, A::Error> {
        let mut entries = Vec::new();
        while let Some(Lenient(entry)) = seq.next_element::<Lenient<T>>()? {
            if entries.len() == self.entries_max {
                let expected = format!("at most {} {}", self.entries_max, self.name);
                return Err(Error::invalid_value(
                    Unexpected::Other("one more"),
                    &expected.as_str(),
                ));
            }
            entries.push(entry);
        }
        Ok(entries)
    }
}

/// An object, or the default for anything else.
#[derive(Default)]
pub struct Lenient<T>(pub T);

impl<'de, T: Deserialize<'de> + Default> Deserialize<'de> for Lenient<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(LenientVisitor(PhantomData))
    }
}

struct LenientVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de> + Default> Visitor<'de> for LenientVisitor<T> {
    type Value = Lenient<T>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Lenient<T>, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(Lenient)
    }

    visit_simple_as!(Lenient(T::default()));

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Lenient<T>, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Lenient(T::default()))
    }
}

/// A list inside an entry, empty where there is anything else. Longer ones than any picture
/// has are cut.
pub struct LenientList<T>(pub Vec<T>);

impl<T> LenientList<T> {
    /// Entries that are kept.
    const ENTRIES_MAX: usize = 10_000;
}

impl<T> Default for LenientList<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de> + Default> Deserialize<'de> for LenientList<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(LenientListVisitor(PhantomData))
    }
}

struct LenientListVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de> + Default> Visitor<'de> for LenientListVisitor<T> {
    type Value = LenientList<T>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a list")
    }

    visit_simple_as!(LenientList::default());

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<LenientList<T>, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(LenientList::default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<LenientList<T>, A::Error> {
        let mut entries = Vec::new();
        while let Some(Lenient(entry)) = seq.next_element::<Lenient<T>>()? {
            if entries.len() < LenientList::<T>::ENTRIES_MAX {
                entries.push(entry);
            }
        }
        Ok(LenientList(entries))
    }
}

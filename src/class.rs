//! The only list of object classes in the project.
//!
//! Model cards, data sets, the trainer and every sink name classes by the
//! strings given here; a card that lists anything else is refused at load.

use serde::{Deserialize, Serialize};

/// What a detection can be. The discriminant is the class index of a model's
/// score output; COCO category ids of our data sets are `index + 1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[repr(u8)]
pub enum ObjectClass {
    /// Passenger car, van or SUV.
    Car = 0,
    /// Lorry or pick-up.
    Truck = 1,
    /// Bus or coach.
    Bus = 2,
    /// Motorcycle or moped, without its rider.
    Motorcycle = 3,
    /// Bicycle, without its rider.
    Bicycle = 4,
    /// Kick scooter.
    Scooter = 5,
    /// Somebody on foot.
    Person = 6,
    /// Somebody on a bicycle, motorcycle or scooter; the cycle has its own box.
    Rider = 7,
}

/// Classes that are taken for one another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ObjectFamily {
    /// Car, truck, bus.
    Vehicle,
    /// Motorcycle, bicycle, scooter.
    Cycle,
    /// Person, rider.
    Human,
}

impl ObjectClass {
    /// Number of classes.
    pub const COUNT: usize = 8;

    /// All classes, in index order.
    pub const ALL: [Self; Self::COUNT] = [
        Self::Car,
        Self::Truck,
        Self::Bus,
        Self::Motorcycle,
        Self::Bicycle,
        Self::Scooter,
        Self::Person,
        Self::Rider,
    ];

    /// Index into a model's scores, `0..COUNT`.
    pub const fn index(self) -> usize {
        self as usize
    }

    /// The class with this index, `None` when there is none.
    pub const fn from_index(index: usize) -> Option<Self> {
        if index < Self::COUNT {
            Some(Self::ALL[index])
        } else {
            None
        }
    }

    /// The class of this name (lower case, as [`Self::name`] gives it).
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.name() == name)
    }

    /// What it is taken for where it is not recognised. No two objects of a family are in the
    /// same place.
    pub const fn family(self) -> ObjectFamily {
        match self {
            Self::Car | Self::Truck | Self::Bus => ObjectFamily::Vehicle,
            Self::Motorcycle | Self::Bicycle | Self::Scooter => ObjectFamily::Cycle,
            Self::Person | Self::Rider => ObjectFamily::Human,
        }
    }

    /// Lower-case name, as cards, data sets and sinks write it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Car => "car",
            Self::Truck => "truck",
            Self::Bus => "bus",
            Self::Motorcycle => "motorcycle",
            Self::Bicycle => "bicycle",
            Self::Scooter => "scooter",
            Self::Person => "person",
            Self::Rider => "rider",
        }
    }
}

impl std::fmt::Display for ObjectClass {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn index_and_name_are_inverses() {
        for (index, class) in ObjectClass::ALL.into_iter().enumerate() {
            assert_eq!(class.index(), index);
            assert_eq!(ObjectClass::from_index(index), Some(class));
            assert_eq!(ObjectClass::from_name(class.name()), Some(class));
        }
        assert_eq!(ObjectClass::from_index(ObjectClass::COUNT), None);
        assert_eq!(ObjectClass::from_name("tram"), None);
    }
}

//! The one table of other names for our classes.

use lookout::class::ObjectClass;

/// What a data set's category is to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CategoryMeaning {
    /// One of our classes.
    Class(ObjectClass),
    /// It may be any of these classes, or hide them: its boxes are regions to ignore.
    Ignored(&'static [ObjectClass]),
    /// Something else: its boxes are dropped, and what they hold is background.
    Other,
}

/// Names that data sets use for our classes, beside our own. Compared after
/// [`normalised`]; a plural that only adds an `s` is understood too. A name in neither list
/// is dropped, and the drop is counted. Trams and trains are none of ours.
const ALIASES: [(&str, ObjectClass); 49] = [
    ("van", ObjectClass::Car),
    ("suv", ObjectClass::Car),
    ("taxi", ObjectClass::Car),
    ("minivan", ObjectClass::Car),
    ("passenger car", ObjectClass::Car),
    ("sedan", ObjectClass::Car),
    ("hatchback", ObjectClass::Car),
    ("police car", ObjectClass::Car),
    ("lorry", ObjectClass::Truck),
    ("pickup", ObjectClass::Truck),
    ("pickup truck", ObjectClass::Truck),
    ("pick up", ObjectClass::Truck),
    ("semi truck", ObjectClass::Truck),
    ("box truck", ObjectClass::Truck),
    ("heavy truck", ObjectClass::Truck),
    ("coach", ObjectClass::Bus),
    ("minibus", ObjectClass::Bus),
    ("buses", ObjectClass::Bus),
    ("motor", ObjectClass::Motorcycle),
    ("motorbike", ObjectClass::Motorcycle),
    ("moped", ObjectClass::Motorcycle),
    ("motor bike", ObjectClass::Motorcycle),
    ("motor cycle", ObjectClass::Motorcycle),
    ("bike", ObjectClass::Bicycle),
    ("cycle", ObjectClass::Bicycle),
    ("pedal cycle", ObjectClass::Bicycle),
    ("kick scooter", ObjectClass::Scooter),
    ("e scooter", ObjectClass::Scooter),
    ("electric scooter", ObjectClass::Scooter),
    ("escooter", ObjectClass::Scooter),
    ("pedestrian", ObjectClass::Person),
    ("people", ObjectClass::Person),
    ("man", ObjectClass::Person),
    ("woman", ObjectClass::Person),
    ("boy", ObjectClass::Person),
    ("girl", ObjectClass::Person),
    ("child", ObjectClass::Person),
    ("children", ObjectClass::Person),
    ("adult", ObjectClass::Person),
    ("person sitting", ObjectClass::Person),
    ("walker", ObjectClass::Person),
    ("cyclist", ObjectClass::Rider),
    ("bicyclist", ObjectClass::Rider),
    ("motorcyclist", ObjectClass::Rider),
    ("scooterist", ObjectClass::Rider),
    ("biker", ObjectClass::Rider),
    ("scooter rider", ObjectClass::Rider),
    ("bicycle rider", ObjectClass::Rider),
    ("motorcycle rider", ObjectClass::Rider),
];

const VEHICLES: &[ObjectClass] = &[ObjectClass::Car, ObjectClass::Truck, ObjectClass::Bus];
const HUMANS: &[ObjectClass] = &[ObjectClass::Person, ObjectClass::Rider];

/// Names of what may be one of our classes without being one for certain. To learn it as
/// background would be as wrong as to learn it as a car.
const IGNORED: [(&str, &[ObjectClass]); 14] = [
    ("dontcare", &ObjectClass::ALL),
    ("dont care", &ObjectClass::ALL),
    ("don't care", &ObjectClass::ALL),
    ("ignore", &ObjectClass::ALL),
    ("ignored", &ObjectClass::ALL),
    ("ignore region", &ObjectClass::ALL),
    ("ignored region", &ObjectClass::ALL),
    ("misc", &ObjectClass::ALL),
    ("vehicle", VEHICLES),
    ("other vehicle", VEHICLES),
    ("trailer", VEHICLES),
    ("caravan", VEHICLES),
    ("other person", HUMANS),
    ("crowd", HUMANS),
];

/// Lower case, with single spaces where the name has spaces, `_` or `-`.
fn normalised(name: &str) -> String {
    let spaced = name.replace(['_', '-'], " ").to_lowercase();
    spaced.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What a data set's category of this name is to us.
pub fn meaning_of_category(name: &str) -> CategoryMeaning {
    let name = normalised(name);
    let singular = name.strip_suffix('s');
    [Some(name.as_str()), singular]
        .into_iter()
        .flatten()
        .find_map(meaning_of_normalised)
        .unwrap_or(CategoryMeaning::Other)
}

fn meaning_of_normalised(name: &str) -> Option<CategoryMeaning> {
    let alias = || ALIASES.iter().find(|(alias, _)| *alias == name);
    let class = ObjectClass::from_name(name).or_else(|| alias().map(|&(_, class)| class));
    let ignored = || IGNORED.iter().find(|(ignored, _)| *ignored == name);
    class
        .map(CategoryMeaning::Class)
        .or_else(|| ignored().map(|&(_, classes)| CategoryMeaning::Ignored(classes)))
}

/// The class that a data set's category name means, `None` when it is none of ours.
pub fn class_of_category(name: &str) -> Option<ObjectClass> {
    match meaning_of_category(name) {
        CategoryMeaning::Class(class) => Some(class),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_names_and_aliases_are_known_in_any_spelling() {
        for class in ObjectClass::ALL {
            assert_eq!(class_of_category(class.name()), Some(class));
        }
        assert_eq!(class_of_category(" Pedestrian "), Some(ObjectClass::Person));
        assert_eq!(
            class_of_category("Person_sitting"),
            Some(ObjectClass::Person)
        );
        assert_eq!(class_of_category("E-Scooter"), Some(ObjectClass::Scooter));
        assert_eq!(class_of_category("motor"), Some(ObjectClass::Motorcycle));
        assert_eq!(class_of_category("tram"), None);
        assert_eq!(class_of_category(""), None);
        assert_eq!(class_of_category("Cars"), Some(ObjectClass::Car));
        assert_eq!(class_of_category("s"), None);
    }

    /// Every name of the five formats' own class lists, and what becomes of it.
    #[test]
    fn the_class_lists_of_the_known_sets_are_understood() {
        use CategoryMeaning::{Class, Ignored, Other};
        use ObjectClass::{Bicycle, Bus, Car, Motorcycle, Person, Rider, Truck};
        for (name, meaning) in [
            ("Van", Class(Car)),
            ("Truck", Class(Truck)),
            ("Person_sitting", Class(Person)),
            ("Cyclist", Class(Rider)),
            ("Tram", Other),
            ("Misc", Ignored(&ObjectClass::ALL)),
            ("DontCare", Ignored(&ObjectClass::ALL)),
            ("ignored regions", Ignored(&ObjectClass::ALL)),
            ("bike", Class(Bicycle)),
            ("motor", Class(Motorcycle)),
            ("motorbike", Class(Motorcycle)),
            ("bus", Class(Bus)),
            ("rider", Class(Rider)),
            ("other person", Ignored(HUMANS)),
            ("other vehicle", Ignored(VEHICLES)),
            ("trailer", Ignored(VEHICLES)),
            ("caravan", Ignored(VEHICLES)),
            ("train", Other),
            ("traffic light", Other),
            ("traffic sign", Other),
            ("aeroplane", Other),
            ("boat", Other),
        ] {
            assert_eq!(meaning_of_category(name), meaning, "{name}");
        }
    }

    #[test]
    fn no_alias_shadows_a_class_or_another_alias() {
        for (index, (alias, _)) in ALIASES.iter().enumerate() {
            assert_eq!(normalised(alias), *alias);
            assert_eq!(ObjectClass::from_name(alias), None, "{alias}");
            assert!(
                ALIASES[..index].iter().all(|(earlier, _)| earlier != alias),
                "{alias}"
            );
        }
        for (name, _) in IGNORED {
            assert_eq!(normalised(name), name);
            assert_eq!(class_of_category(name), None, "{name}");
        }
    }
}

//! The one table of other names for our classes.

use lookout::class::ObjectClass;

/// Names that data sets use for our classes, beside our own. Compared after
/// [`normalised`]. A name in neither list is dropped, and the drop is counted.
const ALIASES: [(&str, ObjectClass); 34] = [
    ("van", ObjectClass::Car),
    ("suv", ObjectClass::Car),
    ("taxi", ObjectClass::Car),
    ("minivan", ObjectClass::Car),
    ("passenger car", ObjectClass::Car),
    ("lorry", ObjectClass::Truck),
    ("pickup", ObjectClass::Truck),
    ("pickup truck", ObjectClass::Truck),
    ("coach", ObjectClass::Bus),
    ("minibus", ObjectClass::Bus),
    ("motor", ObjectClass::Motorcycle),
    ("motorbike", ObjectClass::Motorcycle),
    ("moped", ObjectClass::Motorcycle),
    ("bike", ObjectClass::Bicycle),
    ("cycle", ObjectClass::Bicycle),
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
    ("person sitting", ObjectClass::Person),
    ("walker", ObjectClass::Person),
    ("cyclist", ObjectClass::Rider),
    ("bicyclist", ObjectClass::Rider),
    ("motorcyclist", ObjectClass::Rider),
    ("scooterist", ObjectClass::Rider),
    ("bicycle rider", ObjectClass::Rider),
    ("motorcycle rider", ObjectClass::Rider),
];

/// Lower case, with single spaces where the name has spaces, `_` or `-`.
fn normalised(name: &str) -> String {
    let spaced = name.replace(['_', '-'], " ").to_lowercase();
    spaced.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The class that a data set's category name means, `None` when it is none of ours.
pub fn class_of_category(name: &str) -> Option<ObjectClass> {
    let name = normalised(name);
    ObjectClass::from_name(&name).or_else(|| {
        ALIASES
            .iter()
            .find(|(alias, _)| *alias == name)
            .map(|&(_, class)| class)
    })
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
    }
}

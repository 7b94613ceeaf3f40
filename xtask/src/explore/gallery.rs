//! Which objects the page shows of each class.

use super::collection::Collection;
use super::faults::label;
use super::finding::Mark;
use super::measure::Measured;
use lookout::class::ObjectClass;

/// Sides of squares that divide small, medium and large objects, in input pixels.
const GROUPS: [(&str, f32); 3] = [("small", 32.0), ("medium", 96.0), ("large", f32::INFINITY)];

/// One object of the gallery.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Item {
    pub image: usize,
    pub class: ObjectClass,
    /// `small`, `medium` or `large`.
    pub group: &'static str,
    /// `[width, height]` in input pixels.
    pub size: [f32; 2],
    pub mark: Mark,
}

/// Chooses at most `items_max` objects of each class, evenly over the sizes of each group, by
/// class and then by rising size.
pub(super) fn choose(
    collection: &Collection,
    measured: &[Measured],
    items_max: usize,
) -> Vec<Item> {
    let mut items = Vec::new();
    for class in ObjectClass::ALL {
        let mut of_class: Vec<&Measured> = measured.iter().filter(|m| m.class == class).collect();
        of_class.sort_by(|a, b| a.side().total_cmp(&b.side()));
        let mut rest = of_class.as_slice();
        for (number, (group, side_max)) in GROUPS.into_iter().enumerate() {
            let (of_group, larger) = rest.split_at(rest.partition_point(|m| m.side() < side_max));
            rest = larger;
            // What does not divide evenly goes to the larger ones, which show more.
            let share = (items_max + number) / GROUPS.len();
            items.extend(spread(of_group, share).map(|one| Item {
                image: one.image,
                class,
                group,
                size: one.size,
                mark: label(&collection.images[one.image].objects[one.object]),
            }));
        }
    }
    items
}

/// At most `count` of the values, from the first to the last.
fn spread<T>(values: &[T], count: usize) -> impl Iterator<Item = &T> {
    let count = count.min(values.len());
    let last = values.len().saturating_sub(1);
    (0..count).filter_map(move |i| {
        let place = (i * last).checked_div(count - 1).unwrap_or(last / 2);
        values.get(place)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ends_and_the_middle_are_chosen() {
        let chosen = |count| {
            spread(&[1, 2, 3, 4, 5], count)
                .copied()
                .collect::<Vec<i32>>()
        };
        assert_eq!(chosen(3), [1, 3, 5]);
        assert_eq!(chosen(1), [3]);
        assert_eq!(chosen(9), [1, 2, 3, 4, 5]);
        assert_eq!(chosen(0), [0; 0]);
        assert_eq!(spread::<u8>(&[], 3).count(), 0);
    }
}

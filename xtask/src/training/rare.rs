//! Where the objects of rare classes are, to paste them elsewhere.

use crate::dataset::ImageEntry;
use fastrand::Rng;
use lookout::class::ObjectClass;

/// A class with fewer objects than this share of the most frequent one's is rare.
const RARE_SHARE: f64 = 0.1;

/// Images by the rare classes that occur in them.
#[derive(Clone, Debug, Default)]
pub(super) struct RareObjects {
    /// Images that show each rare class, by their number.
    images: Vec<Vec<usize>>,
    classes: u8,
}

impl RareObjects {
    /// Looks through the images of a training set, numbered in this order.
    pub(super) fn new<'a>(entries: impl Iterator<Item = &'a ImageEntry>) -> Self {
        let mut counts = [0u64; ObjectClass::COUNT];
        let mut images = vec![Vec::new(); ObjectClass::COUNT];
        for (number, entry) in entries.enumerate() {
            for object in entry.objects.iter().filter(|o| !o.crowd) {
                let class = object.class.index();
                counts[class] += 1;
                if images[class].last() != Some(&number) {
                    images[class].push(number);
                }
            }
        }
        let most = counts.iter().copied().max().unwrap_or(0) as f64;
        let is_rare = |count: u64| count > 0 && (count as f64) < RARE_SHARE * most;
        let classes = (0..ObjectClass::COUNT)
            .filter(|class| is_rare(counts[*class]))
            .fold(0, |bits, class| bits | 1 << class);
        let of_rare = images
            .into_iter()
            .enumerate()
            .filter(|(class, _)| classes & 1 << class != 0)
            .map(|(_, list)| list);
        Self {
            images: of_rare.collect(),
            classes,
        }
    }

    /// One bit for each rare class.
    pub(super) fn classes(&self) -> u8 {
        self.classes
    }

    /// An image with a rare object; every rare class is drawn as often as the others. `None`
    /// where no class is rare.
    pub(super) fn draw(&self, rng: &mut Rng) -> Option<usize> {
        let list = self.images.get(rng.usize(..self.images.len().max(1)))?;
        list.get(rng.usize(..list.len().max(1))).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::GroundTruth;
    use lookout::geometry::BBox;

    fn entry(classes: &[(ObjectClass, usize)]) -> ImageEntry {
        let bbox = BBox::new(0.0, 0.0, 9.0, 9.0);
        let object = |&(class, count): &(ObjectClass, usize)| {
            let (crowd, area) = (false, 81.0);
            std::iter::repeat_n(
                GroundTruth {
                    class,
                    bbox,
                    crowd,
                    area,
                },
                count,
            )
        };
        ImageEntry {
            path: "a".into(),
            id: 1,
            width: 10,
            height: 10,
            objects: classes.iter().flat_map(object).collect(),
            labelled: [true; 8],
        }
    }

    #[test]
    fn rare_classes_are_drawn_alike() {
        use ObjectClass::{Bicycle, Bus, Car};
        let entries = [
            entry(&[(Car, 100)]),
            entry(&[(Bus, 1)]),
            entry(&[(Car, 50), (Bicycle, 2)]),
            entry(&[(Bicycle, 3), (Bus, 2)]),
        ];
        let rare = RareObjects::new(entries.iter());
        assert_eq!(rare.classes(), 1 << Bus.index() | 1 << Bicycle.index());
        let mut rng = Rng::with_seed(1);
        let mut drawn = [0; 4];
        for _ in 0..400 {
            if let Some(image) = rare.draw(&mut rng) {
                drawn[image] += 1;
            }
        }
        assert_eq!(drawn[0], 0);
        assert!(
            drawn[1] > 60 && drawn[2] > 60 && drawn[3] > 140,
            "{drawn:?}"
        );
        assert_eq!(RareObjects::new(entries[..1].iter()).draw(&mut rng), None);
    }
}

//! Things worth a look: how many there are, and the best examples.

use lookout::class::ObjectClass;
use lookout::geometry::BBox;
use serde::Serialize;
use std::collections::BTreeMap;

/// Whose box a [`Mark`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Owner {
    /// The data set's.
    Label,
    /// The detector's.
    Detection,
}

/// A box to be drawn on a picture.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Mark {
    /// Whose it is.
    pub owner: Owner,
    /// What it says that there is.
    pub class: ObjectClass,
    /// How sure the detector is, in `0..=1`; 1 for labels.
    pub score: f32,
    /// Where, in pixels that the image's annotations refer to.
    pub bbox: BBox,
}

/// One case of a [`Finding`].
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Example {
    /// Index of the image, over all sets.
    #[serde(skip)]
    pub image: usize,
    /// The picture, as a path from its data set's folder.
    pub path: String,
    /// File with the whole picture and all boxes, as a path from the report's folder; empty
    /// where the picture cannot be read.
    pub picture: String,
    /// What is odd here, for people.
    pub text: String,
    /// What it is about.
    pub marks: Vec<Mark>,
    /// Those that rank higher are shown first.
    #[serde(skip)]
    pub rank: f32,
}

/// All cases of one kind.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Finding {
    /// What it is called in the JSON file and in the names of files.
    pub id: &'static str,
    /// What it is called on the page.
    #[serde(skip)]
    pub title: &'static str,
    /// What it means and what to do, for people.
    #[serde(skip)]
    pub meaning: &'static str,
    /// How many cases there are.
    pub count: u64,
    /// In how many images.
    pub images: u64,
    /// How many cases of each class: the label's, where there is one, else the detection's.
    pub by_class: BTreeMap<ObjectClass, u64>,
    /// The clearest cases, at most one an image.
    pub examples: Vec<Example>,
    #[serde(skip)]
    last_image: Option<usize>,
    #[serde(skip)]
    examples_max: usize,
}

impl Finding {
    /// Nothing found yet; at most `examples_max` examples are kept.
    pub fn new(
        id: &'static str,
        title: &'static str,
        meaning: &'static str,
        examples_max: usize,
    ) -> Self {
        Self {
            id,
            title,
            meaning,
            count: 0,
            images: 0,
            by_class: BTreeMap::new(),
            examples: Vec::new(),
            last_image: None,
            examples_max,
        }
    }

    /// Counts a case. Cases come by rising image; the first mark tells the class.
    pub fn add(&mut self, image: usize, rank: f32, text: impl FnOnce() -> String, marks: &[Mark]) {
        self.count += 1;
        if let Some(mark) = marks.first() {
            *self.by_class.entry(mark.class).or_default() += 1;
        }
        if self.last_image != Some(image) {
            self.images += 1;
            self.last_image = Some(image);
        }
        // Neither a number that is none nor one that is too low pushes out an example.
        let place = self
            .examples
            .partition_point(|e| e.rank.total_cmp(&rank).is_ge());
        let old = self.examples.iter().position(|e| e.image == image);
        if place >= self.examples_max || old.is_some_and(|old| old < place) {
            return;
        }
        if let Some(old) = old {
            self.examples.remove(old);
        }
        let example = Example {
            image,
            path: String::new(),
            picture: String::new(),
            text: text(),
            marks: marks.to_vec(),
            rank,
        };
        self.examples.insert(place, example);
        self.examples.truncate(self.examples_max);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_best_of_each_image_are_kept_in_order() {
        let mut finding = Finding::new("a", "A", "", 2);
        for (image, rank) in [(0, 0.5), (0, 0.9), (0, 0.1), (1, 0.7), (2, 0.8), (3, 0.2)] {
            finding.add(image, rank, || rank.to_string(), &[]);
        }
        let kept: Vec<_> = finding.examples.iter().map(|e| (e.image, e.rank)).collect();
        assert_eq!(kept, [(0, 0.9), (2, 0.8)]);
        assert_eq!((finding.count, finding.images), (6, 4));
    }

    proptest! {
        #[test]
        fn examples_are_few_and_sorted(
            ranks in proptest::collection::vec((0usize..9, any::<f32>()), 0..40), max in 0usize..5,
        ) {
            let mut finding = Finding::new("a", "A", "", max);
            let mut ranks = ranks;
            ranks.sort_by_key(|(image, _)| *image);
            for (image, rank) in &ranks {
                finding.add(*image, *rank, String::new, &[]);
            }
            prop_assert!(finding.examples.len() <= max);
            prop_assert!(finding.examples.is_sorted_by(|a, b| a.rank.total_cmp(&b.rank).is_ge()));
            let mut images: Vec<_> = finding.examples.iter().map(|e| e.image).collect();
            images.sort_unstable();
            prop_assert!(images.windows(2).all(|pair| pair[0] != pair[1]));
            prop_assert_eq!(finding.count as usize, ranks.len());
        }
    }
}

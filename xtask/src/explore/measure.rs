//! What can be told of the boxes without looking at a picture.

use super::collection::Collection;
use super::distribution::Distribution;
use crate::dataset::ImageEntry;
use lookout::class::ObjectClass;
use lookout::geometry::BBox;
use lookout::letterbox::Letterbox;

/// Boxes of an image that are compared with each other; more are no labels of people.
pub(super) const COMPARED_MAX: usize = 2000;

/// A box this near to the picture's edge touches it, in pixels.
const EDGE_PIXELS: f32 = 1.0;

/// Cells of the map that shows where objects are.
pub(super) const MAP_ROWS: usize = 18;
pub(super) const MAP_COLUMNS: usize = 32;

/// One box, measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Measured {
    /// Index of its image.
    pub image: usize,
    /// Its index in the image.
    pub object: usize,
    pub class: ObjectClass,
    /// `[width, height]` on the model's input, in pixels.
    pub size: [f32; 2],
    /// Largest IoU with another box of the image.
    pub overlap: f32,
    /// Whether it touches the picture's edge.
    pub truncated: bool,
}

impl Measured {
    /// Square root of the area, in input pixels: the side of a square as large.
    pub fn side(&self) -> f32 {
        (self.size[0] * self.size[1]).sqrt()
    }
}

/// Two boxes of an image, by their indices, that overlap.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Pair {
    pub image: usize,
    pub objects: [usize; 2],
    pub iou: f32,
}

/// Measures every box that is no crowd region, and lists pairs of boxes that overlap by more
/// than `duplicate_iou`.
pub(super) fn measure(
    collection: &Collection,
    (height, width): (u32, u32),
    duplicate_iou: f32,
) -> (Vec<Measured>, Vec<Pair>) {
    let (mut measured, mut pairs) = (Vec::new(), Vec::new());
    for (image, entry) in collection.images.iter().enumerate() {
        let view = Letterbox::new(entry.width, entry.height, width, height).view();
        let first = measured.len();
        for (object, truth) in entry.objects.iter().enumerate() {
            if truth.crowd {
                continue;
            }
            let on_input = view.to_input(&truth.bbox, entry.width as f32);
            measured.push(Measured {
                image,
                object,
                class: truth.class,
                size: [on_input.width(), on_input.height()],
                overlap: 0.0,
                truncated: touches_edge(&truth.bbox, entry),
            });
        }
        let of_image = &mut measured[first..];
        compare(entry, of_image, duplicate_iou, &mut pairs);
    }
    (measured, pairs)
}

fn touches_edge(bbox: &BBox, entry: &ImageEntry) -> bool {
    bbox.x0 <= EDGE_PIXELS
        || bbox.y0 <= EDGE_PIXELS
        || bbox.x1 >= entry.width as f32 - EDGE_PIXELS
        || bbox.y1 >= entry.height as f32 - EDGE_PIXELS
}

/// Finds each box's largest overlap with another of the image.
fn compare(entry: &ImageEntry, boxes: &mut [Measured], duplicate_iou: f32, pairs: &mut Vec<Pair>) {
    let compared = boxes.len().min(COMPARED_MAX);
    for a in 0..compared {
        for b in a + 1..compared {
            let [one, other] = [a, b].map(|i| &entry.objects[boxes[i].object]);
            let iou = one.bbox.iou(&other.bbox);
            boxes[a].overlap = boxes[a].overlap.max(iou);
            boxes[b].overlap = boxes[b].overlap.max(iou);
            if iou > duplicate_iou {
                pairs.push(Pair {
                    image: boxes[a].image,
                    objects: [boxes[a].object, boxes[b].object],
                    iou,
                });
            }
        }
    }
}

/// How the boxes of one class are distributed, on the model's input.
#[derive(Clone, Debug)]
pub(super) struct Sizes {
    pub width: Distribution,
    pub height: Distribution,
    pub area: Distribution,
    pub aspect_ratio: Distribution,
}

impl Sizes {
    /// Of the given boxes, on an input of `height` x `width` pixels.
    pub fn new(boxes: &[Measured], (height, width): (u32, u32)) -> Self {
        let of = |value: fn(&Measured) -> f32, range: (f64, f64)| {
            let values: Vec<f64> = boxes.iter().map(|b| f64::from(value(b))).collect();
            Distribution::new(&values, range, true)
        };
        let (height, width) = (f64::from(height), f64::from(width));
        Self {
            width: of(|b| b.size[0], (1.0, width)),
            height: of(|b| b.size[1], (1.0, height)),
            area: of(|b| b.size[0] * b.size[1], (4.0, width * height)),
            aspect_ratio: of(|b| b.size[0] / b.size[1], (0.1, 10.0)),
        }
    }
}

/// For each class index, how many boxes cover the middle of each cell of a grid that is laid
/// over every picture, row by row from the top.
pub(super) fn places(collection: &Collection) -> Vec<Vec<Vec<u64>>> {
    let mut maps = vec![vec![vec![0; MAP_COLUMNS]; MAP_ROWS]; ObjectClass::COUNT];
    for (image, _, object) in collection.objects() {
        let entry = &collection.images[image];
        let columns = covered(object.bbox.x0, object.bbox.x1, entry.width, MAP_COLUMNS);
        for row in covered(object.bbox.y0, object.bbox.y1, entry.height, MAP_ROWS) {
            for column in columns.clone() {
                maps[object.class.index()][row][column] += 1;
            }
        }
    }
    maps
}

/// Cells whose middle lies between `from` and `to`; at least the one that the centre is in.
fn covered(from: f32, to: f32, side: u32, cells: usize) -> std::ops::Range<usize> {
    let cell = |value: f32| value / side.max(1) as f32 * cells as f32;
    // The casts saturate.
    let first = (cell(from) - 0.5).ceil().max(0.0) as usize;
    let last = (cell(to) - 0.5).ceil().max(0.0) as usize;
    if first < last {
        return first.min(cells)..last.min(cells);
    }
    let middle = (cell((from + to) * 0.5).max(0.0) as usize).min(cells - 1);
    middle..middle + 1
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::dataset::GroundTruth;
    use proptest::prelude::*;

    fn truth(class: ObjectClass, bbox: [f32; 4]) -> GroundTruth {
        let [x0, y0, x1, y1] = bbox;
        let bbox = BBox::new(x0, y0, x1, y1);
        GroundTruth {
            class,
            bbox,
            crowd: false,
            area: bbox.area(),
        }
    }

    fn collection(objects: Vec<GroundTruth>) -> Collection {
        Collection {
            images: vec![ImageEntry {
                path: "a.jpg".into(),
                id: 1,
                width: 200,
                height: 100,
                objects,
                labelled: [true; ObjectClass::COUNT],
            }],
            ..Collection::default()
        }
    }

    #[test]
    fn boxes_are_measured_on_the_letterboxed_input() {
        let mut crowd = truth(ObjectClass::Car, [0.0, 0.0, 200.0, 100.0]);
        crowd.crowd = true;
        let all = collection(vec![
            crowd,
            truth(ObjectClass::Car, [20.0, 20.0, 60.0, 40.0]),
            truth(ObjectClass::Bus, [0.5, 50.0, 100.0, 90.0]),
        ]);
        // 200 x 100 in 100 x 100: half the size, with borders above and below.
        let (measured, pairs) = measure(&all, (100, 100), 0.8);
        assert_eq!(measured.len(), 2);
        assert_eq!((measured[0].object, measured[0].size), (1, [20.0, 10.0]));
        assert_eq!(
            (measured[0].truncated, measured[1].truncated),
            (false, true)
        );
        assert!((measured[0].side() - 200f32.sqrt()).abs() < 1e-4);
        assert!(pairs.is_empty());
    }

    #[test]
    fn overlaps_and_duplicates_are_found() {
        let all = collection(vec![
            truth(ObjectClass::Car, [20.0, 20.0, 60.0, 40.0]),
            truth(ObjectClass::Car, [21.0, 20.0, 60.0, 40.0]),
            truth(ObjectClass::Bus, [20.0, 20.0, 60.0, 40.0]),
        ]);
        let (measured, pairs) = measure(&all, (96, 96), 0.85);
        assert_eq!(measured[0].overlap, 1.0, "with the bus");
        let objects: Vec<_> = pairs.iter().map(|pair| pair.objects).collect();
        assert_eq!(objects, [[0, 1], [0, 2], [1, 2]]);
        assert!((pairs[0].iou - 0.975).abs() < 1e-4);
    }

    #[test]
    fn places_are_the_cells_that_are_covered() {
        let all = collection(vec![truth(ObjectClass::Car, [0.0, 50.0, 100.0, 100.0])]);
        let map = &places(&all)[ObjectClass::Car.index()];
        assert_eq!(
            map.iter().flatten().sum::<u64>() as usize,
            MAP_ROWS * MAP_COLUMNS / 4
        );
        assert_eq!((map[MAP_ROWS - 1][0], map[0][0]), (1, 0));
        assert_eq!(covered(100.0, 100.1, 200, 32), 16..17);
    }

    proptest! {
        #[test]
        fn cells_are_inside(from in any::<f32>(), to in any::<f32>(), side in any::<u32>()) {
            prop_assert!(covered(from, to, side, 7).end <= 7);
        }
    }
}

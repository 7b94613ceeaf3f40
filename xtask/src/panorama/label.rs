//! Boxes around what is visible.

use super::canvas::{Canvas, Silhouette};
use super::thing::Scene;
use lookout::class::ObjectClass;
use lookout::geometry::BBox;

/// A labelled road user, or one end of one that lies across the seam.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PanoramaBox {
    /// What it is.
    pub class: ObjectClass,
    /// Around all of its visible pixels and no wider.
    pub bbox: BBox,
    /// Visible share of the pixels that the whole road user covers when nothing is before it;
    /// those beyond the seam count as covered.
    pub visible_fraction: f32,
    /// Its visible pixels inside the box.
    pub visible_pixels: u32,
    /// The same in all frames of a drive; the two ends at the seam share it.
    pub identity: u32,
}

/// Lists the road users of which anything is visible.
pub(super) fn boxes(canvas: &Canvas, scene: &Scene, boxes: &mut Vec<PanoramaBox>) {
    boxes.clear();
    for (thing, halves) in scene.things.iter().zip(&canvas.silhouettes) {
        let Some(class) = thing.class else {
            continue;
        };
        let all = halves[0].join(&halves[1]);
        let mut push = |part: &Silhouette| {
            let Some([left, top, right, bottom]) = part.bounds else {
                return;
            };
            boxes.push(PanoramaBox {
                class,
                bbox: BBox::new(
                    left as f32,
                    top as f32,
                    right as f32 + 1.0,
                    bottom as f32 + 1.0,
                ),
                visible_fraction: part.visible as f32 / all.whole.max(1) as f32,
                visible_pixels: part.visible,
                identity: thing.identity,
            });
        };
        // Ahead the halves meet in the middle of the picture, behind at the seam.
        if thing.origin.z < 0.0 {
            halves.iter().for_each(&mut push);
        } else {
            push(&all);
        }
    }
}

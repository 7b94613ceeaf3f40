//! Losses of the classes and of the boxes, as the recipe chooses them.

use crate::model::Outputs;
use lookout::anchors::LOG_SIZE_MAX;
use tch::{Device, Kind, Tensor, no_grad};
use xtask::recipe::{BoxLoss, ClassLoss, LossRecipe};
use xtask::training::Targets;

const CLASSES: usize = lookout::class::ObjectClass::COUNT;

/// Where smooth-L1 turns from square to linear, in units of the box code.
const SMOOTH_L1_BETA: f64 = 0.1;

/// Background anchors that count for each object by [`ClassLoss::HardNegative`].
const NEGATIVES_PER_OBJECT: usize = 3;

/// As many count where an image shows no object.
const NEGATIVES_MIN: usize = 30;

/// The loss and its options.
pub struct Loss {
    /// Centre x, centre y, width, height of each anchor, `[anchors, 4]`.
    anchors: Tensor,
    /// `[classes]`.
    class_weights: Tensor,
    recipe: LossRecipe,
    device: Device,
}

/// The anchors of a batch that learn an object.
struct Positives {
    /// Number of the anchor in the batch, `[n]`.
    index: Tensor,
    /// Class of the object.
    classes: Vec<i64>,
    /// Corners of the object's box, `[n, 4]`.
    boxes: Tensor,
    /// 1 where the box is to be learnt, `[n, 1]`.
    ours: Tensor,
}

/// Loss of a batch. It stays on the device until somebody asks, because asking waits for it.
pub struct LossParts {
    /// To be minimised, with gradients.
    pub total: Tensor,
    /// Shares of the classes and of the boxes, `[2]`.
    shares: Tensor,
}

impl LossParts {
    /// Shares of the classes and of the boxes.
    pub fn shares(&self) -> (f64, f64) {
        let shares = self.shares.to_device(Device::Cpu);
        (shares.double_value(&[0]), shares.double_value(&[1]))
    }
}

impl Loss {
    /// A loss over the anchors of `grid`.
    pub fn new(
        anchors: &[lookout::geometry::BBox],
        class_weights: [f32; CLASSES],
        recipe: &LossRecipe,
        device: Device,
    ) -> Self {
        let rows: Vec<f32> = anchors
            .iter()
            .flat_map(|a| {
                let (x, y) = a.centre();
                [x, y, a.width(), a.height()]
            })
            .collect();
        Self {
            anchors: Tensor::from_slice(&rows).reshape([-1, 4]).to_device(device),
            class_weights: Tensor::from_slice(&class_weights).to_device(device),
            recipe: recipe.clone(),
            device,
        }
    }

    /// The loss of a batch, both parts per object.
    pub fn of(&self, outputs: &Outputs, targets: &[Targets]) -> LossParts {
        let count: usize = targets.iter().map(|t| t.positives.len()).sum();
        let per_object = 1.0 / count.max(1) as f64;
        let positives = self.positives(targets);
        let class = self.class_loss(outputs, targets, &positives) * per_object;
        let boxes =
            self.box_loss(&outputs.boxes, &positives) * (self.recipe.box_weight * per_object);
        LossParts {
            shares: Tensor::stack(&[class.detach(), boxes.detach()], 0),
            total: class + boxes,
        }
    }

    fn positives(&self, targets: &[Targets]) -> Positives {
        let anchors = self.anchors.size()[0];
        let (mut index, mut classes) = (Vec::new(), Vec::new());
        let (mut boxes, mut ours) = (Vec::new(), Vec::new());
        for (image, t) in targets.iter().enumerate() {
            for ((&anchor, b), &is_ours) in t.positives.iter().zip(&t.boxes).zip(&t.box_is_ours) {
                index.push(image as i64 * anchors + i64::from(anchor));
                classes.push(i64::from(t.labels[anchor as usize]));
                boxes.extend([b.x0, b.y0, b.x1, b.y1]);
                ours.push(f32::from(u8::from(is_ours)));
            }
        }
        let there = |tensor: Tensor| tensor.to_device(self.device);
        Positives {
            index: there(Tensor::from_slice(&index)),
            classes,
            boxes: there(Tensor::from_slice(&boxes).reshape([-1, 4])),
            ours: there(Tensor::from_slice(&ours).reshape([-1, 1])),
        }
    }

    /// Which scores count, 0 or 1, `[images, anchors, classes]`.
    fn counted(&self, targets: &[Targets]) -> Tensor {
        let anchors = self.anchors.size()[0];
        let bits: Vec<u8> = targets.iter().flat_map(|t| &t.counted).copied().collect();
        let class: Vec<u8> = (0..CLASSES).map(|class| 1 << class).collect();
        let there = |bytes: &[u8]| Tensor::from_slice(bytes).to_device(self.device);
        let bits = there(&bits).reshape([targets.len() as i64, anchors, 1]);
        bits.bitwise_and_tensor(&there(&class))
            .not_equal(0)
            .to_kind(Kind::Float)
    }

    /// 1, or the box's quality, at the class of each object, `[images, anchors, classes]`.
    fn truth(&self, boxes: &Tensor, positives: &Positives, like: &Tensor) -> Tensor {
        let truth = like.zeros_like();
        if positives.classes.is_empty() {
            return truth;
        }
        let classes = Tensor::from_slice(&positives.classes).to_device(self.device);
        let place = &positives.index * CLASSES as i64 + classes;
        let ones = || Tensor::ones_like(&positives.ours);
        let value = match self.recipe.class {
            ClassLoss::Focal | ClassLoss::HardNegative => ones(),
            // Where the object's box is unknown, its quality is, too.
            ClassLoss::QualityFocal => no_grad(|| {
                let overlap = iou(&self.decoded(boxes, positives), &positives.boxes);
                &overlap * &positives.ours + (ones() - &positives.ours)
            }),
        };
        let flat = truth
            .view(-1)
            .index_put(&[Some(place)], &value.view(-1), false);
        flat.reshape(like.size())
    }

    fn class_loss(&self, outputs: &Outputs, targets: &[Targets], positives: &Positives) -> Tensor {
        let logits = &outputs.scores;
        let counted = self.counted(targets);
        let truth = self.truth(&outputs.boxes, positives, logits);
        // log-sum form: exact for large logits of either sign.
        let entropy = logits.softplus() - logits * &truth;
        let p = logits.sigmoid();
        let weighted = match self.recipe.class {
            ClassLoss::Focal => {
                let wrong = &p + &truth - (&p * &truth) * 2.0;
                let alpha = self.recipe.alpha;
                let weight = &truth * (2.0 * alpha - 1.0) + (1.0 - alpha);
                weight * wrong.pow_tensor_scalar(self.recipe.gamma) * entropy
            }
            ClassLoss::QualityFocal => {
                let wrong = (&truth - &p).abs();
                wrong.pow_tensor_scalar(self.recipe.gamma) * entropy
            }
            ClassLoss::HardNegative => {
                let kept = hardest(&(&entropy * &counted), targets, self.device);
                entropy * kept
            }
        };
        (weighted * counted * &self.class_weights).sum(Kind::Float)
    }

    /// Boxes that the network predicts where it should, `[n, 4]` corners.
    fn decoded(&self, codes: &Tensor, positives: &Positives) -> Tensor {
        let (codes, anchors) = self.at(codes, positives);
        decode(&codes, &anchors)
    }

    /// Codes and anchors of `positives`.
    fn at(&self, codes: &Tensor, positives: &Positives) -> (Tensor, Tensor) {
        let codes = codes.reshape([-1, 4]).index_select(0, &positives.index);
        let anchor = positives.index.remainder(self.anchors.size()[0]);
        (codes, self.anchors.index_select(0, &anchor))
    }

    fn box_loss(&self, codes: &Tensor, positives: &Positives) -> Tensor {
        if positives.classes.is_empty() {
            return codes.sum(Kind::Float) * 0.0;
        }
        let (codes, anchors) = self.at(codes, positives);
        let loss = match self.recipe.boxes {
            BoxLoss::Giou => giou_loss(&decode(&codes, &anchors), &positives.boxes),
            BoxLoss::SmoothL1 => codes
                .smooth_l1_loss(
                    &encode(&positives.boxes, &anchors),
                    tch::Reduction::None,
                    SMOOTH_L1_BETA,
                )
                .sum_dim_intlist([1i64].as_slice(), true, Kind::Float),
        };
        (loss * &positives.ours).sum(Kind::Float)
    }
}

/// 1 at the anchors of objects and at those background anchors of each image that are most
/// wrong, else 0; `[images, anchors, 1]`.
fn hardest(entropy: &Tensor, targets: &[Targets], device: Device) -> Tensor {
    no_grad(|| {
        let per_anchor = entropy.sum_dim_intlist([2i64].as_slice(), false, Kind::Float);
        let anchors = per_anchor.size()[1];
        let kept: Vec<Tensor> = targets
            .iter()
            .enumerate()
            .map(|(image, t)| {
                let mut is_object = vec![0f32; anchors as usize];
                t.positives
                    .iter()
                    .for_each(|&a| is_object[a as usize] = 1.0);
                let is_object = Tensor::from_slice(&is_object).to_device(device);
                let count = (NEGATIVES_PER_OBJECT * t.positives.len()).max(NEGATIVES_MIN);
                let background: Tensor = per_anchor.get(image as i64) * (1.0 - &is_object);
                let (_, worst) = background.topk(anchors.min(count as i64), 0, true, false);
                let negatives = is_object.zeros_like().index_fill(0, &worst, 1.0);
                is_object.maximum(&negatives)
            })
            .collect();
        Tensor::stack(&kept, 0).unsqueeze(2)
    })
}

fn column(tensor: &Tensor, i: i64) -> Tensor {
    tensor.narrow(1, i, 1)
}

/// `lookout::anchors::BoxCoding::CentreSize` with gradients: `[n, 4]` corners.
fn decode(codes: &Tensor, anchors: &Tensor) -> Tensor {
    let (aw, ah) = (column(anchors, 2), column(anchors, 3));
    let x = column(anchors, 0) + column(codes, 0) * &aw;
    let y = column(anchors, 1) + column(codes, 1) * &ah;
    let size = codes
        .narrow(1, 2, 2)
        .clamp(-f64::from(LOG_SIZE_MAX), f64::from(LOG_SIZE_MAX))
        .exp();
    let (w, h) = (column(&size, 0) * aw * 0.5, column(&size, 1) * ah * 0.5);
    Tensor::cat(&[&x - &w, &y - &h, x + w, y + h], 1)
}

fn encode(boxes: &Tensor, anchors: &Tensor) -> Tensor {
    let (aw, ah) = (column(anchors, 2), column(anchors, 3));
    let (w, h) = (
        column(boxes, 2) - column(boxes, 0),
        column(boxes, 3) - column(boxes, 1),
    );
    let x = (column(boxes, 0) + column(boxes, 2)) * 0.5 - column(anchors, 0);
    let y = (column(boxes, 1) + column(boxes, 3)) * 0.5 - column(anchors, 1);
    Tensor::cat(&[x / &aw, y / &ah, (w / aw).log(), (h / ah).log()], 1)
}

fn extent(low: Tensor, high: Tensor) -> Tensor {
    (high - low).clamp_min(0.0)
}

/// Areas that each pair of boxes shares and covers together, `[n, 1]` each.
fn shared_and_union(a: &Tensor, b: &Tensor) -> (Tensor, Tensor) {
    let area = |t: &Tensor| (column(t, 2) - column(t, 0)) * (column(t, 3) - column(t, 1));
    let inner = |i| {
        extent(
            column(a, i).maximum(&column(b, i)),
            column(a, i + 2).minimum(&column(b, i + 2)),
        )
    };
    let shared = inner(0) * inner(1);
    let union = area(a) + area(b) - &shared + 1e-6;
    (shared, union)
}

/// Intersection over union of each pair of boxes, `[n, 1]`.
fn iou(a: &Tensor, b: &Tensor) -> Tensor {
    let (shared, union) = shared_and_union(a, b);
    shared / union
}

/// 1 - GIoU of each pair of boxes, `[n, 1]`.
fn giou_loss(a: &Tensor, b: &Tensor) -> Tensor {
    let outer = |i| {
        extent(
            column(a, i).minimum(&column(b, i)),
            column(a, i + 2).maximum(&column(b, i + 2)),
        )
    };
    let (shared, union) = shared_and_union(a, b);
    let hull: Tensor = outer(0) * outer(1) + 1e-6;
    let giou: Tensor = shared / &union - (&hull - &union) / &hull;
    1.0 - giou
}

#[cfg(test)]
mod tests {
    use super::*;
    use lookout::anchors::BoxCoding;
    use lookout::geometry::BBox;
    use xtask::training::NO_OBJECT;

    #[test]
    fn torch_decodes_as_the_board_does() {
        let anchor = BBox::from_centre(40.0, 24.0, 18.0, 30.0);
        let object = BBox::new(30.0, 2.0, 61.0, 47.0);
        let code = BoxCoding::CentreSize.encode(&anchor, &object);
        let anchors = Tensor::from_slice(&[40f32, 24.0, 18.0, 30.0]).reshape([1, 4]);
        let decoded = decode(&Tensor::from_slice(&code).reshape([1, 4]), &anchors);
        let truth = Tensor::from_slice(&[30f32, 2.0, 61.0, 47.0]).reshape([1, 4]);
        assert!((&decoded - &truth).abs().max().double_value(&[]) < 1e-3);
        let codes = encode(&truth, &anchors) - Tensor::from_slice(&code);
        assert!(codes.abs().max().double_value(&[]) < 1e-5);
        assert!(giou_loss(&decoded, &truth).double_value(&[]) < 1e-3);
    }

    fn grid() -> Vec<BBox> {
        let centre = |i: usize| BBox::from_centre(8.0 * i as f32 + 4.0, 8.0, 16.0, 16.0);
        (0..40).map(centre).collect()
    }

    /// One object at anchor 3; its class is 2.
    fn targets(count: usize) -> Targets {
        let mut labels = vec![NO_OBJECT; count];
        labels[3] = 2;
        Targets {
            labels,
            counted: vec![0xff; count],
            positives: vec![3],
            boxes: vec![BBox::from_centre(28.0, 8.0, 16.0, 16.0)],
            box_is_ours: vec![true],
        }
    }

    fn class_loss(kind: ClassLoss, change: impl Fn(&mut Targets), logit: f64) -> f64 {
        let anchors = grid();
        let recipe = LossRecipe {
            class: kind,
            ..LossRecipe::default()
        };
        let loss = Loss::new(&anchors, [1.0; CLASSES], &recipe, Device::Cpu);
        let options = (Kind::Float, Device::Cpu);
        let scores = Tensor::full([1, anchors.len() as i64, CLASSES as i64], -6.0, options);
        let _ = scores.get(0).get(3).get(2).fill_(logit);
        let boxes = Tensor::zeros([1, anchors.len() as i64, 4], options);
        let mut targets = targets(anchors.len());
        change(&mut targets);
        loss.of(&Outputs { scores, boxes }, &[targets]).shares().0
    }

    #[test]
    fn every_class_loss_wants_the_object_and_only_there() {
        for kind in [
            ClassLoss::Focal,
            ClassLoss::QualityFocal,
            ClassLoss::HardNegative,
        ] {
            let at = |logit| class_loss(kind, |_| (), logit);
            assert!(at(4.0) < at(0.0) && at(0.0) < at(-4.0), "{kind:?}");
            // The same score without an object is wrong, and nobody's business where it does
            // not count.
            let nothing = |t: &mut Targets| {
                t.positives.clear();
                t.boxes.clear();
                t.box_is_ours.clear();
                t.labels[3] = NO_OBJECT;
            };
            let background = |logit| class_loss(kind, nothing, logit);
            assert!(background(4.0) > background(-4.0), "{kind:?}");
            let silent = |t: &mut Targets| {
                nothing(t);
                t.counted[3] = !(1 << 2);
            };
            let quiet = |logit| class_loss(kind, silent, logit);
            assert!((quiet(4.0) - quiet(-4.0)).abs() < 1e-6, "{kind:?}");
        }
    }

    #[test]
    fn quality_is_the_overlap_of_the_predicted_box() {
        // The box is half as wide as what anchor 3 predicts: an overlap of 0.5, so a score
        // of one half is right, and certainty is not.
        let half = |t: &mut Targets| t.boxes[0] = BBox::from_centre(28.0, 8.0, 8.0, 16.0);
        let at = |logit| class_loss(ClassLoss::QualityFocal, half, logit);
        assert!(at(0.0) < at(4.0) && at(0.0) < at(-4.0));
        // Unless nobody knows the box.
        let unknown = |t: &mut Targets| {
            half(t);
            t.box_is_ours[0] = false;
        };
        let at = |logit| class_loss(ClassLoss::QualityFocal, unknown, logit);
        assert!(at(4.0) < at(0.0));
    }

    #[test]
    fn only_the_hardest_background_counts() {
        let anchors = 500;
        let entropy = Tensor::arange(anchors, (Kind::Float, Device::Cpu)).reshape([1, -1, 1]);
        let mut targets = targets(anchors as usize);
        targets.positives = (0..20).collect();
        let kept = hardest(&entropy, &[targets], Device::Cpu);
        assert_eq!(kept.sum(Kind::Float).double_value(&[]), 80.0);
        assert_eq!(kept.double_value(&[0, 0, 0]), 1.0);
        assert_eq!(kept.double_value(&[0, 439, 0]), 0.0);
        assert_eq!(kept.double_value(&[0, 440, 0]), 1.0);
    }

    #[test]
    fn giou_of_distant_boxes_exceeds_one() {
        let row = |v: [f32; 4]| Tensor::from_slice(&v).reshape([1, 4]);
        let loss = giou_loss(&row([0.0, 0.0, 1.0, 1.0]), &row([3.0, 0.0, 4.0, 1.0]));
        assert!((loss.double_value(&[]) - 1.5).abs() < 1e-3);
    }
}

//! Focal loss of the classes, GIoU or smooth-L1 loss of the boxes.

use crate::model::Outputs;
use lookout::anchors::LOG_SIZE_MAX;
use tch::{Device, Kind, Tensor};
use xtask::train_job::BoxLoss;
use xtask::training::{NO_OBJECT, Targets};

const CLASSES: usize = lookout::class::ObjectClass::COUNT;

/// Share of the focal loss that an object's own class has against the background.
const ALPHA: f64 = 0.25;

/// Weight of the box loss against the class loss.
const BOX_WEIGHT: f64 = 2.0;

/// Where smooth-L1 turns from square to linear, in units of the box code.
const SMOOTH_L1_BETA: f64 = 0.1;

/// The loss and its options.
pub struct Loss {
    /// Centre x, centre y, width, height of each anchor, `[anchors, 4]`.
    anchors: Tensor,
    /// `[classes]`.
    class_weights: Tensor,
    gamma: f64,
    kind: BoxLoss,
    device: Device,
}

/// Loss of a batch.
pub struct LossParts {
    /// To be minimised, with gradients.
    pub total: Tensor,
    /// Share of the classes.
    pub class: f64,
    /// Share of the boxes.
    pub boxes: f64,
}

impl Loss {
    /// A loss over the anchors of `grid`.
    pub fn new(
        anchors: &[lookout::geometry::BBox],
        class_weights: [f32; CLASSES],
        gamma: f64,
        kind: BoxLoss,
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
            gamma,
            kind,
            device,
        }
    }

    /// The loss of a batch, both parts per object.
    pub fn of(&self, outputs: &Outputs, targets: &[Targets]) -> LossParts {
        let positives: usize = targets.iter().map(|t| t.positives.len()).sum();
        let per_object = 1.0 / positives.max(1) as f64;
        let class = self.class_loss(&outputs.scores, targets) * per_object;
        let boxes = self.box_loss(&outputs.boxes, targets) * (BOX_WEIGHT * per_object);
        let parts = Tensor::stack(&[class.detach(), boxes.detach()], 0).to_device(Device::Cpu);
        LossParts {
            total: class + boxes,
            class: parts.double_value(&[0]),
            boxes: parts.double_value(&[1]),
        }
    }

    fn class_loss(&self, logits: &Tensor, targets: &[Targets]) -> Tensor {
        let anchors = self.anchors.size()[0] as usize;
        let (mut truth, mut counted) = (
            vec![0u8; targets.len() * anchors * CLASSES],
            vec![0u8; targets.len() * anchors * CLASSES],
        );
        for (image, t) in targets.iter().enumerate() {
            for (anchor, (&label, &bits)) in t.labels.iter().zip(&t.counted).enumerate() {
                let first = (image * anchors + anchor) * CLASSES;
                for class in 0..CLASSES {
                    counted[first + class] = bits >> class & 1;
                }
                if label != NO_OBJECT {
                    truth[first + label as usize] = 1;
                }
            }
        }
        let shape = [targets.len() as i64, anchors as i64, CLASSES as i64];
        let tensor = |v: &[u8]| {
            Tensor::from_slice(v)
                .reshape(shape)
                .to_device(self.device)
                .to_kind(Kind::Float)
        };
        let (truth, counted) = (tensor(&truth), tensor(&counted));
        // log-sum form: exact for large logits of either sign.
        let entropy = logits.softplus() - logits * &truth;
        let p = logits.sigmoid();
        let wrong = &p + &truth - (&p * &truth) * 2.0;
        let weight = &truth * (2.0 * ALPHA - 1.0) + (1.0 - ALPHA);
        let focal = weight * wrong.pow_tensor_scalar(self.gamma) * entropy;
        (focal * counted * &self.class_weights).sum(Kind::Float)
    }

    fn box_loss(&self, codes: &Tensor, targets: &[Targets]) -> Tensor {
        let anchors = self.anchors.size()[0];
        let (mut index, mut boxes) = (Vec::new(), Vec::new());
        for (image, t) in targets.iter().enumerate() {
            for ((&anchor, b), &ours) in t.positives.iter().zip(&t.boxes).zip(&t.box_is_ours) {
                if ours {
                    index.push(image as i64 * anchors + i64::from(anchor));
                    boxes.extend([b.x0, b.y0, b.x1, b.y1]);
                }
            }
        }
        if index.is_empty() {
            return codes.sum(Kind::Float) * 0.0;
        }
        let index = Tensor::from_slice(&index).to_device(self.device);
        let truth = Tensor::from_slice(&boxes)
            .reshape([-1, 4])
            .to_device(self.device);
        let codes = codes.reshape([-1, 4]).index_select(0, &index);
        let anchors = self.anchors.index_select(0, &index.remainder(anchors));
        match self.kind {
            BoxLoss::Giou => giou_loss(&decode(&codes, &anchors), &truth),
            BoxLoss::SmoothL1 => codes.smooth_l1_loss(
                &encode(&truth, &anchors),
                tch::Reduction::Sum,
                SMOOTH_L1_BETA,
            ),
        }
    }
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

/// Sum over boxes of 1 - GIoU.
fn giou_loss(a: &Tensor, b: &Tensor) -> Tensor {
    let area = |t: &Tensor| (column(t, 2) - column(t, 0)) * (column(t, 3) - column(t, 1));
    let extent = |low: Tensor, high: Tensor| (high - low).clamp_min(0.0);
    let inner = |i| {
        extent(
            column(a, i).maximum(&column(b, i)),
            column(a, i + 2).minimum(&column(b, i + 2)),
        )
    };
    let outer = |i| {
        extent(
            column(a, i).minimum(&column(b, i)),
            column(a, i + 2).maximum(&column(b, i + 2)),
        )
    };
    let shared = inner(0) * inner(1);
    let union = area(a) + area(b) - &shared + 1e-6;
    let hull: Tensor = outer(0) * outer(1) + 1e-6;
    let giou: Tensor = shared / &union - (&hull - &union) / &hull;
    let loss: Tensor = 1.0 - giou;
    loss.sum(Kind::Float)
}

#[cfg(test)]
mod tests {
    use super::*;
    use lookout::anchors::BoxCoding;
    use lookout::geometry::BBox;

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

    #[test]
    fn giou_of_distant_boxes_exceeds_one() {
        let row = |v: [f32; 4]| Tensor::from_slice(&v).reshape([1, 4]);
        let loss = giou_loss(&row([0.0, 0.0, 1.0, 1.0]), &row([3.0, 0.0, 4.0, 1.0]));
        assert!((loss.double_value(&[]) - 1.5).abs() < 1e-3);
    }
}

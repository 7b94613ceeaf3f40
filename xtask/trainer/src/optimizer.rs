//! AdamW and the moving average of the weights, with all their state in the open, so that a
//! checkpoint holds everything and a resumed run goes on as if it had never stopped.

use std::collections::{BTreeMap, BTreeSet};
use tch::{Kind, Tensor, no_grad};
use xtask::recipe::ScheduleRecipe;

const BETA1: f64 = 0.9;
const BETA2: f64 = 0.999;
const EPSILON: f64 = 1e-8;

/// State of the optimiser, by parameter name. The tensors of each map are views of one long
/// tensor, and so are the parameters: a step is a dozen operations, not a dozen for each of
/// some hundred parameters, which would take a GPU longer to start than to compute.
pub struct Optimizer {
    /// Moving averages of gradients.
    pub first: BTreeMap<String, Tensor>,
    /// Moving averages of squared gradients.
    pub second: BTreeMap<String, Tensor>,
    /// Moving averages of parameters; these are exported.
    pub average: BTreeMap<String, Tensor>,
    /// Steps taken.
    pub steps: u64,
    recipe: ScheduleRecipe,
    all: All,
}

/// The same, each in one piece, `[numbers]`.
struct All {
    parameters: Tensor,
    first: Tensor,
    second: Tensor,
    average: Tensor,
    /// Each number's learning rate as a share of the highest.
    rates: Tensor,
    /// 1 where a number shrinks, else 0.
    shrinks: Tensor,
}

impl Optimizer {
    /// A fresh state for `parameters`, whose tensors become views of one long tensor. The
    /// `frozen` ones stay as they are.
    pub fn new(
        parameters: &mut BTreeMap<String, Tensor>,
        frozen: &BTreeSet<String>,
        recipe: &ScheduleRecipe,
    ) -> Self {
        no_grad(|| {
            let flat = in_one_piece(parameters.values());
            let filled = |value: &dyn Fn(&str, &Tensor) -> f64| {
                let parts = parameters.iter();
                let parts = parts.map(|(n, p)| flat_order(p).full_like(value(n, p)));
                Tensor::cat(&parts.collect::<Vec<_>>(), 0)
            };
            let all = All {
                first: flat.zeros_like(),
                second: flat.zeros_like(),
                average: flat.copy(),
                rates: filled(&|name, _| match name {
                    _ if frozen.contains(name) => 0.0,
                    _ if name.starts_with('_') => recipe.body_rate,
                    _ => 1.0,
                }),
                // Norms and biases have one dimension; shrinking them helps nobody.
                shrinks: filled(&|_, tensor| f64::from(u8::from(tensor.dim() > 1))),
                parameters: flat,
            };
            *parameters = views(&all.parameters, parameters);
            Self {
                first: views(&all.first, parameters),
                second: views(&all.second, parameters),
                average: views(&all.average, parameters),
                steps: 0,
                recipe: recipe.clone(),
                all,
            }
        })
    }

    /// One step along `gradients` of the length `norm`, which is finite.
    pub fn step(&mut self, gradients: &Tensor, norm: f64, rate: f64) {
        no_grad(|| {
            self.steps += 1;
            let scale = (self.recipe.gradient_norm_max / norm.max(1e-12)).min(1.0);
            let gradients = gradients * scale;
            let steps = self.steps as i32;
            let All {
                parameters,
                first,
                second,
                average,
                rates,
                shrinks,
            } = &mut self.all;
            let _ = first
                .g_mul_scalar_(BETA1)
                .g_add_(&(&gradients * (1.0 - BETA1)));
            let _ = second
                .g_mul_scalar_(BETA2)
                .g_add_(&(gradients.square() * (1.0 - BETA2)));
            let corrected = rate / (1.0 - BETA1.powi(steps));
            let root = second.sqrt() * (1.0 / (1.0 - BETA2.powi(steps)).sqrt()) + EPSILON;
            let shrink = &*rates * &*shrinks * (-rate * self.recipe.weight_decay) + 1.0;
            let _ = parameters
                .g_mul_(&shrink)
                .g_sub_(&(&*first / root * &*rates * corrected));
            let decay = self.recipe.average_decay;
            let decay = decay.min((1.0 + f64::from(steps)) / (10.0 + f64::from(steps)));
            let _ = average
                .g_mul_scalar_(decay)
                .g_add_(&(&*parameters * (1.0 - decay)));
        });
    }

    /// Exchanges the parameters and their moving average.
    pub fn swap_average(&mut self) {
        no_grad(|| {
            let own = self.all.parameters.copy();
            self.all.parameters.copy_(&self.all.average);
            self.all.average.copy_(&own);
        });
    }
}

/// The gradients of `loss`, in one piece and in the order of an [`Optimizer`] of these
/// parameters. Nothing is left behind in the parameters, so that nothing is to be cleared.
pub fn gradients(loss: &Tensor, parameters: &BTreeMap<String, Tensor>) -> Tensor {
    let learnt: Vec<&Tensor> = parameters.values().filter(|p| p.requires_grad()).collect();
    let mut gradients = Tensor::run_backward(&[loss], &learnt, false, false).into_iter();
    no_grad(|| {
        let parts = parameters.values().map(|parameter| {
            let gradient = parameter.requires_grad().then(|| gradients.next());
            match gradient.flatten().filter(Tensor::defined) {
                Some(gradient) => flat_order(&gradient),
                // It is frozen, or the loss does not depend on it.
                None => flat_order(parameter).zeros_like(),
            }
        });
        Tensor::cat(&parts.collect::<Vec<_>>(), 0)
    })
}

/// Length of a gradient, `[]`.
pub fn norm(gradients: &Tensor) -> Tensor {
    no_grad(|| gradients.square().sum(Kind::Float).sqrt())
}

/// The numbers of a tensor in the order in which they lie in memory, kernels with their
/// channels last.
fn flat_order(tensor: &Tensor) -> Tensor {
    let tensor = tensor.detach();
    if tensor.dim() == 4 {
        return tensor.permute([0, 2, 3, 1]).reshape([-1]);
    }
    tensor.reshape([-1])
}

fn in_one_piece<'a>(tensors: impl Iterator<Item = &'a Tensor>) -> Tensor {
    Tensor::cat(&tensors.map(flat_order).collect::<Vec<_>>(), 0)
}

/// Views of `flat` with the shapes of `like`.
fn views(flat: &Tensor, like: &BTreeMap<String, Tensor>) -> BTreeMap<String, Tensor> {
    let mut first = 0;
    let mut view = |tensor: &Tensor| {
        let numbers = tensor.numel() as i64;
        let part = flat.narrow(0, first, numbers);
        first += numbers;
        match tensor.size()[..] {
            [o, i, h, w] => part.view([o, h, w, i]).permute([0, 3, 1, 2]),
            _ => part.view(tensor.size().as_slice()),
        }
    };
    like.iter()
        .map(|(name, t)| (name.clone(), view(t)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::channels_last;
    use tch::Device;

    fn parameters() -> BTreeMap<String, Tensor> {
        let options = (Kind::Float, Device::Cpu);
        let kernel = Tensor::arange(2 * 3 * 2 * 2, options).reshape([2, 3, 2, 2]);
        BTreeMap::from([
            ("_body.weight".to_string(), channels_last(&kernel)),
            ("norm.bias".to_string(), Tensor::ones([3], options)),
        ])
    }

    #[test]
    fn parameters_keep_shape_and_numbers_as_views() {
        let before = parameters();
        let mut views = parameters();
        let mut optimizer =
            Optimizer::new(&mut views, &BTreeSet::new(), &ScheduleRecipe::default());
        assert_eq!(views, before);
        assert_eq!(optimizer.average, before);
        let _ = optimizer.all.parameters.fill_(7.0);
        assert_eq!(views["norm.bias"].double_value(&[2]), 7.0);
        assert_eq!(views["_body.weight"].double_value(&[1, 2, 0, 1]), 7.0);
    }

    #[test]
    fn a_step_follows_each_gradient_at_its_own_rate() {
        let mut views = parameters();
        let recipe = ScheduleRecipe {
            weight_decay: 0.1,
            ..ScheduleRecipe::default()
        };
        let mut optimizer = Optimizer::new(&mut views, &BTreeSet::new(), &recipe);
        let given: BTreeMap<_, _> = std::mem::take(&mut views)
            .into_iter()
            .map(|(name, tensor)| (name, tensor.set_requires_grad(true)))
            .collect();
        // Only one number of the kernel and one of the offsets have a gradient.
        let loss = given["_body.weight"].get(1).get(2).get(0).get(1) * 3.0
            - given["norm.bias"].get(0) * 4.0;
        let gradients = gradients(&loss, &given);
        let length = norm(&gradients).double_value(&[]);
        assert_eq!(length, 5.0);
        let rate = 0.01;
        optimizer.step(&gradients, length, rate);
        // The first step of Adam is as long as the rate, whatever the gradient.
        let near = |found: f64, expected: f64| assert!((found - expected).abs() < 1e-5, "{found}");
        let kept = 1.0 - 0.1 * rate * recipe.body_rate;
        near(
            given["_body.weight"].double_value(&[1, 2, 0, 1]),
            21.0 * kept - rate * recipe.body_rate,
        );
        near(
            given["_body.weight"].double_value(&[1, 2, 0, 0]),
            20.0 * kept,
        );
        near(given["norm.bias"].double_value(&[0]), 1.0 + rate);
        near(given["norm.bias"].double_value(&[1]), 1.0);
    }

    #[test]
    fn swapping_the_average_twice_changes_nothing() {
        let mut parameters = parameters();
        let mut optimizer = Optimizer::new(
            &mut parameters,
            &BTreeSet::new(),
            &ScheduleRecipe::default(),
        );
        let sum = |p: &BTreeMap<String, Tensor>| p["norm.bias"].sum(Kind::Float).double_value(&[]);
        let _ = optimizer.all.parameters.fill_(5.0);
        optimizer.swap_average();
        assert_eq!(sum(&parameters), 3.0);
        optimizer.swap_average();
        assert_eq!(sum(&parameters), 15.0);
    }
}

//! AdamW and the moving average of the weights, with all their state in the open, so that a
//! checkpoint holds everything and a resumed run goes on as if it had never stopped.

use std::collections::BTreeMap;
use tch::{Tensor, no_grad};
use xtask::recipe::ScheduleRecipe;

const BETA1: f64 = 0.9;
const BETA2: f64 = 0.999;
const EPSILON: f64 = 1e-8;
/// State of the optimiser, by parameter name.
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
}

impl Optimizer {
    /// A fresh state for `parameters`.
    pub fn new(parameters: &BTreeMap<String, Tensor>, recipe: &ScheduleRecipe) -> Self {
        let zeros = || {
            parameters
                .iter()
                .map(|(n, p)| (n.clone(), p.detach().zeros_like()))
                .collect()
        };
        let copies = parameters
            .iter()
            .map(|(n, p)| (n.clone(), p.detach().copy()))
            .collect();
        Self {
            first: zeros(),
            second: zeros(),
            average: copies,
            steps: 0,
            recipe: recipe.clone(),
        }
    }

    /// One step along the gradients that `backward` left; they are cleared. Returns the
    /// gradients' norm; where it is not finite, nothing is changed but the gradients.
    pub fn step(&mut self, parameters: &mut BTreeMap<String, Tensor>, rate: f64) -> f64 {
        no_grad(|| {
            let squares: Vec<Tensor> = parameters
                .values()
                .map(Tensor::grad)
                .filter(Tensor::defined)
                .map(|g| g.square().sum(tch::Kind::Float))
                .collect();
            let norm = Tensor::stack(&squares, 0)
                .sum(tch::Kind::Float)
                .sqrt()
                .double_value(&[]);
            if norm.is_finite() {
                self.steps += 1;
                let scale = (self.recipe.gradient_norm_max / norm.max(1e-12)).min(1.0);
                for (name, parameter) in parameters.iter_mut() {
                    self.update(name, parameter, rate, scale);
                }
            }
            parameters.values_mut().for_each(Tensor::zero_grad);
            norm
        })
    }

    /// Exchanges the parameters and their moving average.
    pub fn swap_average(&mut self, parameters: &mut BTreeMap<String, Tensor>) {
        no_grad(|| {
            for (name, parameter) in parameters.iter_mut() {
                if let Some(average) = self.average.get_mut(name) {
                    let own = parameter.detach().copy();
                    parameter.copy_(average);
                    average.copy_(&own);
                }
            }
        });
    }

    fn update(&mut self, name: &str, parameter: &mut Tensor, rate: f64, scale: f64) {
        let (Some(first), Some(second), Some(average)) = (
            self.first.get_mut(name),
            self.second.get_mut(name),
            self.average.get_mut(name),
        ) else {
            return;
        };
        let gradient = parameter.grad();
        if !gradient.defined() {
            return;
        }
        let gradient = gradient * scale;
        let rate = if name.starts_with('_') {
            rate * self.recipe.body_rate
        } else {
            rate
        };
        let _ = first
            .g_mul_scalar_(BETA1)
            .g_add_(&(&gradient * (1.0 - BETA1)));
        let _ = second
            .g_mul_scalar_(BETA2)
            .g_add_(&(gradient.square() * (1.0 - BETA2)));
        let steps = self.steps as i32;
        let corrected = rate / (1.0 - BETA1.powi(steps));
        let root = second.sqrt() * (1.0 / (1.0 - BETA2.powi(steps)).sqrt()) + EPSILON;
        // Norms and biases have one dimension; shrinking them helps nobody.
        if parameter.dim() > 1 {
            let _ = parameter.g_mul_scalar_(1.0 - rate * self.recipe.weight_decay);
        }
        let _ = parameter.g_sub_(&((&*first / root) * corrected));
        let decay = self.recipe.average_decay;
        let decay = decay.min((1.0 + f64::from(steps)) / (10.0 + f64::from(steps)));
        let _ = average
            .g_mul_scalar_(decay)
            .g_add_(&(&*parameter * (1.0 - decay)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::{Device, Kind};

    #[test]
    fn swapping_the_average_twice_changes_nothing() {
        let options = (Kind::Float, Device::Cpu);
        let mut parameters = BTreeMap::from([("a".to_string(), Tensor::ones([3], options))]);
        let mut optimizer = Optimizer::new(&parameters, &ScheduleRecipe::default());
        let sum = |p: &BTreeMap<String, Tensor>| p["a"].sum(Kind::Float).double_value(&[]);
        let _ = parameters.get_mut("a").map(|p| p.fill_(5.0));
        optimizer.swap_average(&mut parameters);
        assert_eq!(sum(&parameters), 3.0);
        optimizer.swap_average(&mut parameters);
        assert_eq!(sum(&parameters), 15.0);
    }
}

//! Whether a network makes sense, so that nothing behind it needs to ask again.

use super::QuantizeError;
use crate::network::{Conv, INPUT, Layer, Network, Op};
use lookout::model::{PerChannel, check_normalisation};
use std::collections::BTreeMap;

/// Most products in one output value of a convolution: their sum stays below 2^30, and with a
/// bias below that bound as well no `i32` overflows.
pub(super) const PRODUCTS_MAX: usize = 1 << 15;

/// Checks that the input's normalisation is one that a card may hold, that every layer reads earlier layers of the shape that it needs, and that the heads
/// exist.
pub(crate) fn check_network(network: &Network) -> Result<(), QuantizeError> {
    let (mean, std) = (network.input_mean, network.input_std);
    check_normalisation(PerChannel(mean), PerChannel(std)).map_err(QuantizeError::Input)?;
    let mut shapes = BTreeMap::new();
    shapes.insert(INPUT, [3, network.input_height, network.input_width]);
    for layer in &network.layers {
        let inputs: Option<Vec<[usize; 3]>> = layer
            .inputs
            .iter()
            .map(|name| shapes.get(name.as_str()).copied())
            .collect();
        let fits = inputs.is_some_and(|inputs| output_shape(layer, &inputs) == Some(layer.shape));
        if !fits || shapes.insert(&layer.name, layer.shape).is_some() {
            return Err(QuantizeError::Network(layer.name.clone()));
        }
    }
    let outputs = network
        .heads
        .iter()
        .flat_map(|head| [&head.scores, &head.boxes]);
    for name in outputs {
        if network.layer(name).is_none() {
            return Err(QuantizeError::Network(name.clone()));
        }
    }
    Ok(())
}

fn output_shape(layer: &Layer, inputs: &[[usize; 3]]) -> Option<[usize; 3]> {
    match (&layer.op, inputs) {
        (Op::Conv(conv), [input]) => conv_shape(conv, *input),
        (Op::Add, [a, b]) => (a == b).then_some(*a),
        (Op::Upsample2, [[channels, rows, columns]]) => Some([*channels, 2 * rows, 2 * columns]),
        _ => None,
    }
}

fn conv_shape(conv: &Conv, [channels, rows, columns]: [usize; 3]) -> Option<[usize; 3]> {
    let Conv {
        inputs,
        outputs,
        kernel,
        stride,
        groups,
        ..
    } = *conv;
    let sane = groups > 0 && stride > 0 && kernel % 2 == 1 && outputs > 0 && rows * columns > 0;
    let even = sane && inputs % groups == 0 && outputs % groups == 0 && inputs == channels;
    let fits = even && (inputs / groups).saturating_mul(kernel * kernel) <= PRODUCTS_MAX;
    let side = |n: usize| (n - 1) / stride + 1;
    fits.then(|| [outputs, side(rows), side(columns)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::detector;

    #[test]
    fn the_detector_passes_and_a_mangled_one_does_not() {
        let network = detector(96, 160);
        assert_eq!(check_network(&network), Ok(()));
        let refused = |mangle: &dyn Fn(&mut Network)| {
            let mut network = network.clone();
            mangle(&mut network);
            check_network(&network).is_err()
        };
        assert!(refused(&|n| n.layers.reverse()));
        assert!(refused(&|n| n.layers[4].shape[1] += 1));
        assert!(refused(&|n| n.layers[3].inputs.clear()));
        assert!(refused(&|n| n.layers[1].name = n.layers[0].name.clone()));
        assert!(refused(&|n| n.heads[2].boxes.push('x')));
        assert!(refused(&|n| n.input_height = 0));
        assert!(refused(&|n| n.input_mean[1] = -1.0));
        assert!(refused(&|n| n.input_std[2] = 0.0));
        assert!(refused(&|n| n.input_std[0] = f32::NAN));
        for field in 0..3 {
            assert!(refused(&|n| {
                if let Op::Conv(conv) = &mut n.layers[0].op {
                    *[&mut conv.groups, &mut conv.stride, &mut conv.kernel][field] = 0;
                }
            }));
        }
    }
}

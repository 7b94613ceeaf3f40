//! Whether the tensors of a file are those that its card promises.

use crate::model::{ModelCard, ModelError};
use tract_onnx::prelude::*;

/// Checks names, types and extents of all inputs and outputs.
pub(super) fn check_tensors(card: &ModelCard, model: &TypedModel) -> Result<(), ModelError> {
    let (height, width) = (card.input.height as usize, card.input.width as usize);
    let inputs = model
        .input_outlets()
        .map_err(|e| ModelError::Engine(e.to_string()))?;
    let [input] = inputs else {
        return Err(ModelError::Mismatch(format!(
            "has {} inputs instead of one",
            inputs.len()
        )));
    };
    let name = &model.node(input.node).name;
    if *name != card.input.tensor {
        return Err(ModelError::Mismatch(format!(
            "calls its input {name:?}, the card {:?}",
            card.input.tensor
        )));
    }
    check_shape(model, *input, name, &[1, 3, height, width])?;
    let outputs = model
        .output_outlets()
        .map_err(|e| ModelError::Engine(e.to_string()))?
        .to_vec();
    for (level, outlets) in card.levels.iter().zip(outputs.chunks_exact(2)) {
        let (rows, columns) = (
            height / level.stride as usize,
            width / level.stride as usize,
        );
        let shapes = level.anchors.len();
        let scores = [1, shapes * card.classes.len(), rows, columns];
        check_shape(model, outlets[0], &level.scores, &scores)?;
        check_shape(
            model,
            outlets[1],
            &level.boxes,
            &[1, shapes * 4, rows, columns],
        )?;
    }
    Ok(())
}

fn check_shape(
    model: &TypedModel,
    outlet: OutletId,
    name: &str,
    expected: &[usize],
) -> Result<(), ModelError> {
    let fact = model
        .outlet_fact(outlet)
        .map_err(|e| ModelError::Engine(e.to_string()))?;
    let fits = fact
        .shape
        .as_concrete()
        .is_some_and(|shape| shape == expected);
    if fits && fact.datum_type == f32::datum_type() {
        return Ok(());
    }
    Err(ModelError::Mismatch(format!(
        "has {name:?} as {:?} {:?}, the card means F32 {expected:?}",
        fact.datum_type, fact.shape
    )))
}

//! An int8 network in a form that onnxruntime computes exactly on every CPU.

use prost::Message;
use std::collections::BTreeSet;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::{GraphProto, ModelProto, TensorProto, type_proto};

const DEQUANTIZE: &str = "DequantizeLinear";
const CONVOLVE: &str = "QLinearConv";

/// Inputs of [`CONVOLVE`] that are its weights and their zero point.
const WEIGHT_INPUTS: [usize; 2] = [3, 5];

/// The network of the ONNX file `onnx` up to the integers of its outputs, which keep their
/// order, with weights that mean the same and are stored without a sign.
///
/// # Errors
/// What about the file is different.
pub(super) fn exact(onnx: &[u8]) -> Result<Vec<u8>, String> {
    let mut model = ModelProto::decode(onnx).map_err(|e| format!("this is no ONNX file ({e})"))?;
    let graph = model.graph.as_mut().ok_or("the file holds no network")?;
    end_in_integers(graph)?;
    store_without_sign(graph)?;
    Ok(model.encode_to_vec())
}

/// Leaves out the dequantization of the outputs.
fn end_in_integers(GraphProto { node, output, .. }: &mut GraphProto) -> Result<(), String> {
    for output in output.iter_mut() {
        let last = node
            .iter()
            .find(|node| node.op_type == DEQUANTIZE && node.output.contains(&output.name));
        let integers = last.and_then(|node| node.input.first());
        let integers = integers.ok_or_else(|| format!("output {} is not int8", output.name))?;
        output.name.clone_from(integers);
        let tensor = output.r#type.as_mut().and_then(|kind| kind.value.as_mut());
        if let Some(type_proto::Value::TensorType(tensor)) = tensor {
            tensor.elem_type = DataType::Uint8 as i32;
        }
    }
    node.retain(|node| {
        let mut names = output.iter().map(|output| &output.name);
        let ends = names.any(|name| node.input.first() == Some(name));
        node.op_type != DEQUANTIZE || !ends
    });
    Ok(())
}

/// Adds 128 to all weights and to their zero points. Where a CPU has no instruction for it,
/// onnxruntime multiplies `u8` by `i8` in sums that saturate at 16 bits; `u8` by `u8` it
/// widens first.
fn store_without_sign(graph: &mut GraphProto) -> Result<(), String> {
    let convolutions = graph.node.iter().filter(|node| node.op_type == CONVOLVE);
    let names: BTreeSet<String> = convolutions
        .flat_map(|node| WEIGHT_INPUTS.map(|index| node.input.get(index).cloned()))
        .collect::<Option<_>>()
        .ok_or("a convolution without weights")?;
    let mut changed = 0;
    for tensor in &mut graph.initializer {
        if names.contains(&tensor.name) {
            add_128(tensor)?;
            changed += 1;
        }
    }
    if changed != names.len() || changed == 0 {
        return Err("weights of a convolution are not stored in the file".into());
    }
    Ok(())
}

fn add_128(tensor: &mut TensorProto) -> Result<(), String> {
    if tensor.data_type != DataType::Int8 as i32 || tensor.raw_data.is_empty() {
        return Err(format!("{} is not stored as i8", tensor.name));
    }
    tensor.data_type = DataType::Uint8 as i32;
    for byte in &mut tensor.raw_data {
        *byte ^= 0x80;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn shipped() -> Vec<u8> {
        let model = crate::workspace::root().join("models/road-288x512/model.onnx");
        std::fs::read(model).unwrap()
    }

    #[test]
    fn the_shipped_file_ends_in_integers_and_has_no_signs() {
        let before = ModelProto::decode(shipped().as_slice()).unwrap();
        let before = before.graph.unwrap();
        let model = ModelProto::decode(exact(&shipped()).unwrap().as_slice()).unwrap();
        let after = model.graph.unwrap();
        assert_eq!(after.output.len(), before.output.len());
        assert_eq!(after.node.len(), before.node.len() - before.output.len());
        for output in &after.output {
            let maker = after.node.iter().find(|n| n.output.contains(&output.name));
            assert_eq!(maker.unwrap().op_type, CONVOLVE);
        }
        let mut weights = 0;
        for (a, b) in before.initializer.iter().zip(&after.initializer) {
            assert_eq!(a.name, b.name);
            if a.data_type == DataType::Int8 as i32 {
                let signed = a.raw_data.iter().map(|byte| byte.cast_signed());
                let moved = signed.map(|weight| (i16::from(weight) + 128) as u8);
                assert!(moved.eq(b.raw_data.iter().copied()), "{}", a.name);
                weights += 1;
            } else {
                assert_eq!(a, b);
            }
        }
        assert!(weights > 50);
    }

    #[test]
    fn other_files_are_refused() {
        assert!(exact(b"no network").is_err());
        let graph = ModelProto::decode(exact(&shipped()).unwrap().as_slice()).unwrap();
        // Its outputs are integers already.
        assert!(exact(&graph.encode_to_vec()).unwrap_err().contains("int8"));
    }
}

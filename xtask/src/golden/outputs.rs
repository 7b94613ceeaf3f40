//! An int8 network whose outputs are the integers before they become numbers.

use prost::Message;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::{GraphProto, ModelProto, type_proto};

const DEQUANTIZE: &str = "DequantizeLinear";

/// The ONNX file `onnx` without the dequantization of its outputs; these keep their order.
///
/// # Errors
/// What about the file is different.
pub(super) fn integers_of(onnx: &[u8]) -> Result<Vec<u8>, String> {
    let mut model = ModelProto::decode(onnx).map_err(|e| format!("this is no ONNX file ({e})"))?;
    let graph = model.graph.as_mut().ok_or("the file holds no network")?;
    let GraphProto { node, output, .. } = graph;
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
    Ok(model.encode_to_vec())
}

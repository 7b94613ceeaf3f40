//! Puts an ONNX file together, node by node.

use super::OnnxError;
use crate::network::Conv;
use prost::Message;
use std::collections::BTreeSet;
use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::tensor_shape_proto::{Dimension, dimension};
use tract_onnx::pb::{
    AttributeProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto,
    TensorShapeProto, TypeProto, ValueInfoProto, type_proto,
};

/// Version of the file format; 8 is the one that goes with opsets from 13.
const IR_VERSION: i64 = 8;

/// Version of the operators: the first with `QuantizeLinear` per channel, and old enough for
/// every engine.
const OPSET: i64 = 13;

/// Name of the constant that [`Graph::upsample`] shares.
const UPSAMPLE_SCALES: &str = "upsample.scales";

/// A graph under construction. Names of tensors are those that [`Self::node`] and the
/// constants return.
pub(super) struct Graph {
    graph: GraphProto,
    names: BTreeSet<String>,
}

impl Graph {
    pub(super) fn new() -> Self {
        let graph = GraphProto {
            name: "lookout".into(),
            ..GraphProto::default()
        };
        Self {
            graph,
            names: BTreeSet::new(),
        }
    }

    /// Declares an `f32` input `[1, channels, rows, columns]`.
    pub(super) fn input(&mut self, name: &str, shape: [usize; 3]) -> Result<String, OnnxError> {
        self.graph.input.push(value_info(name, shape));
        self.claim(name)
    }

    /// Declares the tensor `name` to be an `f32` output `[1, channels, rows, columns]`.
    pub(super) fn output(&mut self, name: &str, shape: [usize; 3]) {
        self.graph.output.push(value_info(name, shape));
    }

    /// Adds a node; it and its one output are called `name`, which is returned.
    pub(super) fn node(
        &mut self,
        op: &str,
        inputs: &[&str],
        name: &str,
        attribute: Vec<AttributeProto>,
    ) -> Result<String, OnnxError> {
        self.graph.node.push(NodeProto {
            name: name.into(),
            op_type: op.into(),
            input: inputs.iter().map(|input| input.to_string()).collect(),
            output: vec![name.into()],
            attribute,
            ..NodeProto::default()
        });
        self.claim(name)
    }

    /// Every pixel of `input` twice in both directions.
    pub(super) fn upsample(&mut self, input: &str, name: &str) -> Result<String, OnnxError> {
        let scales = self.floats(UPSAMPLE_SCALES, &[4], &[1.0, 1.0, 2.0, 2.0])?;
        let attributes = vec![
            string("mode", "nearest"),
            string("coordinate_transformation_mode", "asymmetric"),
            string("nearest_mode", "floor"),
        ];
        self.node("Resize", &[input, "", &scales], name, attributes)
    }

    /// An `f32` constant.
    pub(super) fn floats(
        &mut self,
        name: &str,
        dims: &[usize],
        values: &[f32],
    ) -> Result<String, OnnxError> {
        let bytes = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        self.constant(name, dims, DataType::Float, bytes)
    }

    /// An `i32` constant.
    pub(super) fn ints(
        &mut self,
        name: &str,
        dims: &[usize],
        values: &[i32],
    ) -> Result<String, OnnxError> {
        let bytes = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        self.constant(name, dims, DataType::Int32, bytes)
    }

    /// An `i8` constant.
    pub(super) fn bytes(
        &mut self,
        name: &str,
        dims: &[usize],
        values: &[i8],
    ) -> Result<String, OnnxError> {
        let bytes = values.iter().map(|v| v.cast_unsigned()).collect();
        self.constant(name, dims, DataType::Int8, bytes)
    }

    /// A single `u8` constant.
    pub(super) fn byte(&mut self, name: &str, value: u8) -> Result<String, OnnxError> {
        self.constant(name, &[], DataType::Uint8, vec![value])
    }

    /// Adds a constant, or returns the name of one with the same value.
    fn constant(
        &mut self,
        name: &str,
        dims: &[usize],
        data_type: DataType,
        raw_data: Vec<u8>,
    ) -> Result<String, OnnxError> {
        let dims: Vec<i64> = dims.iter().map(|d| *d as i64).collect();
        let data_type = data_type as i32;
        let same =
            |t: &&TensorProto| t.data_type == data_type && t.dims == dims && t.raw_data == raw_data;
        if let Some(tensor) = self.graph.initializer.iter().find(same) {
            return Ok(tensor.name.clone());
        }
        let tensor = TensorProto {
            name: name.into(),
            dims,
            data_type,
            raw_data,
            ..TensorProto::default()
        };
        self.graph.initializer.push(tensor);
        self.claim(name)
    }

    fn claim(&mut self, name: &str) -> Result<String, OnnxError> {
        if !self.names.insert(name.to_string()) {
            return Err(OnnxError::Name(name.to_string()));
        }
        Ok(name.to_string())
    }

    /// The bytes of the file.
    pub(super) fn finish(self) -> Vec<u8> {
        let opset = OperatorSetIdProto {
            domain: String::new(),
            version: OPSET,
        };
        ModelProto {
            ir_version: IR_VERSION,
            opset_import: vec![opset],
            producer_name: "lookout".into(),
            producer_version: env!("CARGO_PKG_VERSION").into(),
            graph: Some(self.graph),
            ..ModelProto::default()
        }
        .encode_to_vec()
    }
}

/// Attributes of `Conv` and `QLinearConv`.
pub(super) fn conv_attributes(conv: &Conv) -> Vec<AttributeProto> {
    let (kernel, stride, pad) = (
        conv.kernel as i64,
        conv.stride as i64,
        conv.kernel as i64 / 2,
    );
    let group = AttributeProto {
        name: "group".into(),
        r#type: AttributeType::Int as i32,
        i: conv.groups as i64,
        ..AttributeProto::default()
    };
    vec![
        integers("kernel_shape", &[kernel; 2]),
        integers("strides", &[stride; 2]),
        integers("pads", &[pad; 4]),
        integers("dilations", &[1; 2]),
        group,
    ]
}

fn integers(name: &str, values: &[i64]) -> AttributeProto {
    AttributeProto {
        name: name.into(),
        r#type: AttributeType::Ints as i32,
        ints: values.to_vec(),
        ..AttributeProto::default()
    }
}

fn string(name: &str, value: &str) -> AttributeProto {
    AttributeProto {
        name: name.into(),
        r#type: AttributeType::String as i32,
        s: value.into(),
        ..AttributeProto::default()
    }
}

fn value_info(name: &str, shape: [usize; 3]) -> ValueInfoProto {
    let dimension = |size: &usize| Dimension {
        denotation: String::new(),
        value: Some(dimension::Value::DimValue(*size as i64)),
    };
    let dim = [1].iter().chain(&shape).map(dimension).collect();
    let tensor = type_proto::Tensor {
        elem_type: DataType::Float as i32,
        shape: Some(TensorShapeProto { dim }),
    };
    let value = Some(type_proto::Value::TensorType(tensor));
    let r#type = Some(TypeProto {
        denotation: String::new(),
        value,
    });
    ValueInfoProto {
        name: name.into(),
        r#type,
        ..ValueInfoProto::default()
    }
}

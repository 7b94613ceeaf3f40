//! An ONNX file in the way that rten 0.24 reads it.
//!
//! ONNX is defined in version 2 of the protobuf language, where lists of integers are not
//! packed into one field. Readers should take both, as all but rten do. And rten takes a node
//! for the value that it computes where the two share a name, as they do in our files; names
//! of nodes are optional.

use prost::bytes::Buf;
use prost::encoding::{decode_varint, encode_varint};

const VARINT: u64 = 0;
const FIXED_64: u64 = 1;
const LENGTH: u64 = 2;
const FIXED_32: u64 = 5;

/// A message of `onnx.proto` that holds a list of integers somewhere.
#[derive(Clone, Copy)]
enum Message {
    Model,
    Graph,
    Node,
    Attribute,
    Tensor,
}

/// What a field is, as far as it matters here.
enum Field {
    Inner(Message),
    Integers,
    NodeName,
    Other,
}

impl Message {
    fn field(self, number: u64) -> Field {
        match (self, number) {
            (Self::Model, 7) => Field::Inner(Self::Graph),
            (Self::Graph, 1) => Field::Inner(Self::Node),
            (Self::Graph, 5) | (Self::Attribute, 5) => Field::Inner(Self::Tensor),
            (Self::Node, 5) => Field::Inner(Self::Attribute),
            (Self::Attribute, 8) | (Self::Tensor, 1) => Field::Integers,
            (Self::Node, 3) => Field::NodeName,
            _ => Field::Other,
        }
    }
}

/// The same file with no list packed and no node named; `None` for bytes that are no ONNX
/// file.
pub(super) fn for_rten(onnx: &[u8]) -> Option<Vec<u8>> {
    rewrite(Message::Model, onnx)
}

fn rewrite(message: Message, mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(rest.len());
    while rest.has_remaining() {
        let tag = decode_varint(&mut rest).ok()?;
        let (number, wire) = (tag >> 3, tag & 7);
        let fixed_bytes = match wire {
            VARINT => {
                encode_varint(tag, &mut out);
                encode_varint(decode_varint(&mut rest).ok()?, &mut out);
                continue;
            }
            FIXED_64 => 8,
            FIXED_32 => 4,
            LENGTH => {
                let count = usize::try_from(decode_varint(&mut rest).ok()?).ok()?;
                let content = rest.split_off(..count)?;
                write_content(message.field(number), tag, content, &mut out)?;
                continue;
            }
            _ => return None,
        };
        encode_varint(tag, &mut out);
        out.extend_from_slice(rest.split_off(..fixed_bytes)?);
    }
    Some(out)
}

/// Writes a field of variable length; a packed list as many fields, a node's name not at all.
fn write_content(field: Field, tag: u64, content: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let inner;
    let mut content: &[u8] = content;
    match field {
        Field::Integers => {
            while content.has_remaining() {
                encode_varint(tag & !7 | VARINT, out);
                encode_varint(decode_varint(&mut content).ok()?, out);
            }
            return Some(());
        }
        Field::Inner(message) => {
            inner = rewrite(message, content)?;
            content = &inner;
        }
        Field::NodeName => return Some(()),
        Field::Other => {}
    }
    encode_varint(tag, out);
    encode_varint(content.len() as u64, out);
    out.extend_from_slice(content);
    Some(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use prost::Message as _;
    use tract_onnx::pb::{AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto};

    #[test]
    fn the_file_means_the_same_without_packed_lists_and_names_of_nodes() {
        let attribute = AttributeProto {
            name: "pads".into(),
            ints: vec![1, 300, -1],
            ..AttributeProto::default()
        };
        let node = NodeProto {
            name: "conv".into(),
            output: vec!["conv".into()],
            attribute: vec![attribute.clone()],
            ..NodeProto::default()
        };
        let tensor = TensorProto {
            dims: vec![2, 1],
            raw_data: vec![7, 8],
            ..TensorProto::default()
        };
        let graph = GraphProto {
            node: vec![node],
            initializer: vec![tensor],
            ..GraphProto::default()
        };
        let mut model = ModelProto {
            ir_version: 8,
            graph: Some(graph),
            ..ModelProto::default()
        };
        let bytes = for_rten(&model.encode_to_vec()).unwrap();
        model.graph.as_mut().unwrap().node[0].name.clear();
        assert_eq!(ModelProto::decode(&bytes[..]).unwrap(), model);
        // Field 8, a number, as often as there are numbers.
        let alone = rewrite(Message::Attribute, &attribute.encode_to_vec()).unwrap();
        assert!(alone.windows(3).any(|w| w == [0x40, 1, 0x40]), "{alone:?}");
        assert_eq!(for_rten(&bytes).unwrap(), bytes, "nothing is left to do");
    }

    #[test]
    fn torn_files_are_refused() {
        for bytes in [
            &[0x3a, 9, 1][..],
            &[0x3a],
            &[0x0b],
            &[0x09, 1, 2],
            &[0xff; 12],
        ] {
            assert_eq!(for_rten(bytes), None, "{bytes:?}");
        }
    }
}

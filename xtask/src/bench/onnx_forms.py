"""Other ONNX files of the same integers: a u8 input, and Q/DQ pairs around float operators."""

import numpy
import onnx
from onnx import TensorProto, helper, numpy_helper


def write_u8_input(int8_path, path):
    """The shipped file without its first node: the pixels themselves go in."""
    model = onnx.load(int8_path)
    graph = model.graph
    first = graph.node[0]
    if first.op_type != "QuantizeLinear":
        raise ValueError("the shipped file does not begin with QuantizeLinear")
    graph.input[0].name = first.output[0]
    graph.input[0].type.tensor_type.elem_type = TensorProto.UINT8
    del graph.node[0]
    save(model, path)


def write_qdq(network, path):
    """Every tensor is u8 between QuantizeLinear and DequantizeLinear; the pixels go in."""
    writer = Writer(network)
    for layer in network.layers:
        writer.layer(layer)
    inputs = [info(f"{network.input}.u8", TensorProto.UINT8, network.shapes[network.input])]
    outputs = [info(name, TensorProto.FLOAT, network.shapes[name]) for name in network.outputs]
    graph = helper.make_graph(writer.nodes, "lookout", inputs, outputs, writer.constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    model.ir_version = 8
    save(model, path)


def info(name, kind, shape):
    return helper.make_tensor_value_info(name, kind, [1, *shape])


def save(model, path):
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)


class Writer:
    def __init__(self, network):
        self.network = network
        self.nodes = []
        self.constants = []
        self.constant("scales", numpy.array([1, 1, 2, 2], numpy.float32))
        self.dequantize(network.input)

    def constant(self, name, value):
        self.constants.append(numpy_helper.from_array(numpy.asarray(value), name))
        return name

    def node(self, op, inputs, output, **attributes):
        self.nodes.append(helper.make_node(op, inputs, [output], name=output, **attributes))
        return output

    def scheme(self, name):
        """Constants of scale and zero point; one pair for each tensor."""
        scale, zero = f"{name}.scale", f"{name}.zero_point"
        if not any(t.name == scale for t in self.constants):
            scheme = self.network.schemes[name]
            self.constant(scale, numpy.float32(scheme.scale))
            self.constant(zero, numpy.uint8(scheme.zero_point))
        return [scale, zero]

    def dequantize(self, name):
        self.node("DequantizeLinear", [f"{name}.u8", *self.scheme(name)], name)

    def layer(self, layer):
        name = layer.name
        if layer.op == "conv":
            self.conv(layer)
        elif layer.op == "add":
            self.node("Add", layer.inputs, f"{name}.f32")
        else:
            options = dict(mode="nearest", nearest_mode="floor")
            options["coordinate_transformation_mode"] = "asymmetric"
            self.node("Resize", [layer.inputs[0], "", "scales"], f"{name}.f32", **options)
        self.node("QuantizeLinear", [f"{name}.f32", *self.scheme(name)], f"{name}.u8")
        self.dequantize(name)

    def conv(self, layer):
        name, conv = layer.name, layer.conv
        step = conv.weight_scale * numpy.float32(self.network.schemes[layer.inputs[0]].scale)
        outputs = len(step)
        parts = [
            ("weight", conv.weight_int8, conv.weight_scale, numpy.zeros(outputs, numpy.int8)),
            ("bias", conv.bias_int32, step, numpy.zeros(outputs, numpy.int32)),
        ]
        inputs = [layer.inputs[0]]
        for part, value, scale, zero in parts:
            names = [
                self.constant(f"{name}.{part}_int", value),
                self.constant(f"{name}.{part}_scale", scale),
                self.constant(f"{name}.{part}_zero", zero),
            ]
            inputs.append(self.node("DequantizeLinear", names, f"{name}.{part}", axis=0))
        half = conv.kernel // 2
        options = dict(kernel_shape=[conv.kernel] * 2, strides=[conv.stride] * 2)
        self.node("Conv", inputs, f"{name}.f32", pads=[half] * 4, group=conv.groups, **options)

"""The shipped network as a list of layers, with its integers and with its numbers."""

from dataclasses import dataclass

import numpy
import onnx
from onnx import numpy_helper


@dataclass
class Conv:
    """A convolution, padded by half its kernel on all sides."""

    stride: int
    groups: int
    relu6: bool
    # [outputs, inputs / groups, kernel, kernel] and [outputs], f32.
    weight: numpy.ndarray
    bias: numpy.ndarray
    # The same as i8 and i32, and the size of a weight's step, [outputs].
    weight_int8: numpy.ndarray = None
    bias_int32: numpy.ndarray = None
    weight_scale: numpy.ndarray = None

    @property
    def kernel(self):
        return self.weight.shape[2]

    @property
    def depthwise(self):
        return self.groups > 1


@dataclass
class Layer:
    """One layer; its output bears its name. `conv` is None for "add" and "upsample"."""

    name: str
    op: str
    inputs: list
    conv: Conv = None


@dataclass
class Scheme:
    """A u8 `q` stands for `(q - zero_point) * scale`."""

    scale: float
    zero_point: int

    @property
    def low(self):
        return -self.zero_point * self.scale

    @property
    def high(self):
        return (255 - self.zero_point) * self.scale


class Network:
    """Layers in an order in which they can be computed."""

    def __init__(self, int8_path, float_path):
        model = onnx.load(float_path)
        graph = model.graph
        self.input = graph.input[0].name
        dims = [d.dim_value for d in graph.input[0].type.tensor_type.shape.dim]
        # [channels, rows, columns] of each tensor.
        self.shapes = {self.input: tuple(dims[1:])}
        self.outputs = [output.name for output in graph.output]
        self.layers = []
        self.schemes = {}
        self._read_floats(graph)
        self._read_integers(onnx.load(int8_path).graph)

    def users(self, name):
        """Layers that read tensor `name`."""
        return [layer for layer in self.layers if name in layer.inputs]

    def _read_floats(self, graph):
        constants = {t.name: numpy_helper.to_array(t) for t in graph.initializer}
        clipped = {n.input[0]: n.output[0] for n in graph.node if n.op_type == "Clip"}
        for node in graph.node:
            if node.op_type == "Clip":
                continue
            output = node.output[0]
            name = clipped.get(output, output)
            if node.op_type == "Conv":
                options = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
                weight, bias = (constants[i] for i in node.input[1:3])
                conv = Conv(options["strides"][0], options["group"], name != output, weight, bias)
                half = conv.kernel // 2
                if list(options["pads"]) != [half] * 4:
                    raise ValueError(f"{name}: unforeseen padding")
                layer = Layer(name, "conv", [node.input[0]], conv)
                _, rows, columns = self.shapes[node.input[0]]
                side = lambda n: (n + 2 * half - conv.kernel) // conv.stride + 1
                shape = (weight.shape[0], side(rows), side(columns))
            elif node.op_type == "Add":
                layer = Layer(name, "add", list(node.input))
                shape = self.shapes[node.input[0]]
            elif node.op_type == "Resize":
                layer = Layer(name, "upsample", [node.input[0]])
                channels, rows, columns = self.shapes[node.input[0]]
                shape = (channels, 2 * rows, 2 * columns)
            else:
                raise ValueError(f"{name}: unforeseen operator {node.op_type}")
            self.layers.append(layer)
            self.shapes[name] = shape

    def _read_integers(self, graph):
        constants = {t.name: numpy_helper.to_array(t) for t in graph.initializer}
        by_name = {layer.name: layer for layer in self.layers}
        for node in graph.node:
            name = node.output[0].removesuffix(".u8")
            values = [constants.get(i) for i in node.input]
            if node.op_type == "QuantizeLinear":
                self.schemes[name] = Scheme(float(values[1]), int(values[2]))
            elif node.op_type == "Resize":
                self.schemes[name] = self.schemes[node.input[0].removesuffix(".u8")]
            elif node.op_type == "QLinearConv":
                self.schemes[name] = Scheme(float(values[6]), int(values[7]))
                conv = by_name[name].conv
                conv.weight_int8, conv.weight_scale, conv.bias_int32 = values[3], values[4], values[8]
                back = values[3] * values[4].reshape(-1, 1, 1, 1)
                if not numpy.allclose(back, conv.weight, rtol=1e-5, atol=0):
                    raise ValueError(f"{name}: the two files differ")
        missing = [l.name for l in self.layers if l.name not in self.schemes]
        missing += [l.name for l in self.layers if l.conv and l.conv.weight_int8 is None]
        if missing:
            raise ValueError(f"no integers for {missing}")

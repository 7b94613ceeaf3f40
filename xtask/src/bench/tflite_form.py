"""A .tflite file, channels last: f32, or int8 with each activation the shipped u8 less 128."""

import flatbuffers
import numpy
from ai_edge_litert import schema_py_generated as schema

# Operator and the version of it that takes int8.
VERSIONS = {"CONV_2D": 3, "DEPTHWISE_CONV_2D": 3, "ADD": 2, "PAD": 2, "RESIZE_NEAREST_NEIGHBOR": 2}
TYPES = {"float32": "FLOAT32", "int8": "INT8", "int32": "INT32"}


def write(network, path, int8):
    """Writes the network to `path`."""
    writer = Writer(network, int8)
    for layer in network.layers:
        writer.layer(layer)
    builder = flatbuffers.Builder(1 << 24)
    builder.Finish(writer.finish().Pack(builder), b"TFL3")
    with open(path, "wb") as file:
        file.write(builder.Output())


def quantization(scale, zero_point, axis=0):
    parameters = schema.QuantizationParametersT()
    parameters.scale = numpy.atleast_1d(numpy.asarray(scale, numpy.float32))
    parameters.zeroPoint = numpy.broadcast_to(numpy.int64(zero_point), parameters.scale.shape).copy()
    parameters.quantizedDimension = axis
    return parameters


class Writer:
    def __init__(self, network, int8):
        self.network = network
        self.int8 = int8
        # Buffer 0 is empty by convention.
        self.buffers = [schema.BufferT()]
        self.tensors = []
        self.index = {}
        self.codes = {}
        self.operators = []
        self.activation(network.input)

    def tensor(self, name, shape, kind, parameters=None, buffer=0):
        tensor = schema.TensorT()
        tensor.name, tensor.shape, tensor.buffer = name, numpy.array(shape, numpy.int32), buffer
        tensor.type = getattr(schema.TensorType, TYPES[kind])
        tensor.quantization = parameters
        self.tensors.append(tensor)
        self.index[name] = len(self.tensors) - 1
        return self.index[name]

    def constant(self, name, value, parameters=None):
        value = numpy.ascontiguousarray(value)
        buffer = schema.BufferT()
        buffer.data = numpy.frombuffer(value.tobytes(), numpy.uint8)
        self.buffers.append(buffer)
        return self.tensor(name, value.shape, value.dtype.name, parameters, len(self.buffers) - 1)

    def activation(self, name, border=0):
        """A tensor with the shape of `name`, and `border` more on all sides."""
        channels, rows, columns = self.network.shapes[name]
        shape = [1, rows + 2 * border, columns + 2 * border, channels]
        full_name = f"{name}.padded" if border else name
        if not self.int8:
            return self.tensor(full_name, shape, "float32")
        scheme = self.network.schemes[name]
        parameters = quantization(scheme.scale, scheme.zero_point - 128)
        return self.tensor(full_name, shape, "int8", parameters)

    def operator(self, name, inputs, output, options=None):
        if name not in self.codes:
            self.codes[name] = len(self.codes)
        operator = schema.OperatorT()
        operator.opcodeIndex = self.codes[name]
        operator.inputs = numpy.array(inputs, numpy.int32)
        operator.outputs = numpy.array([output], numpy.int32)
        if options is not None:
            kind = type(options).__name__.removesuffix("T")
            operator.builtinOptionsType = getattr(schema.BuiltinOptions, kind)
            operator.builtinOptions = options
        self.operators.append(operator)

    def layer(self, layer):
        if layer.op == "conv":
            self.conv(layer)
            return
        inputs = [self.index[i] for i in layer.inputs]
        if layer.op == "add":
            self.operator("ADD", inputs, self.activation(layer.name), schema.AddOptionsT())
            return
        _, rows, columns = self.network.shapes[layer.name]
        size = self.constant(f"{layer.name}.size", numpy.array([rows, columns], numpy.int32))
        options = schema.ResizeNearestNeighborOptionsT()
        output = self.activation(layer.name)
        self.operator("RESIZE_NEAREST_NEIGHBOR", [inputs[0], size], output, options)

    def conv(self, layer):
        conv = layer.conv
        source = self.index[layer.inputs[0]]
        padding = schema.Padding.SAME
        if conv.stride > 1 and conv.kernel > 1:
            # SAME would pad an even side on its far end only.
            source, padding = self.padded(layer.inputs[0], conv.kernel // 2), schema.Padding.VALID
        if conv.depthwise:
            name, axis, order = "DEPTHWISE_CONV_2D", 3, (1, 2, 3, 0)
            options = schema.DepthwiseConv2DOptionsT()
            options.depthMultiplier = 1
        else:
            name, axis, order = "CONV_2D", 0, (0, 2, 3, 1)
            options = schema.Conv2DOptionsT()
        options.padding = padding
        options.strideH = options.strideW = conv.stride
        # In int8 the range of the output ends where ReLU6 clips.
        if conv.relu6 and not self.int8:
            options.fusedActivationFunction = schema.ActivationFunctionType.RELU6
        weights = self.weights(layer, axis, order)
        self.operator(name, [source, *weights], self.activation(layer.name), options)

    def weights(self, layer, axis, order):
        conv, names = layer.conv, [f"{layer.name}.weight", f"{layer.name}.bias"]
        if not self.int8:
            values = [conv.weight.transpose(order), conv.bias]
            return [self.constant(n, v) for n, v in zip(names, values)]
        step = conv.weight_scale * numpy.float32(self.network.schemes[layer.inputs[0]].scale)
        weight = conv.weight_int8.transpose(order)
        return [
            self.constant(names[0], weight, quantization(conv.weight_scale, 0, axis)),
            self.constant(names[1], conv.bias_int32, quantization(step, 0)),
        ]

    def padded(self, name, border):
        if f"{name}.padded" in self.index:
            return self.index[f"{name}.padded"]
        border_of = [[0, 0], [border, border], [border, border], [0, 0]]
        borders = self.constant(f"{name}.borders", numpy.array(border_of, numpy.int32))
        output = self.activation(name, border)
        self.operator("PAD", [self.index[name], borders], output, schema.PadOptionsT())
        return output

    def finish(self):
        graph = schema.SubGraphT()
        graph.name = "lookout"
        graph.tensors, graph.operators = self.tensors, self.operators
        graph.inputs = numpy.array([self.index[self.network.input]], numpy.int32)
        graph.outputs = numpy.array([self.index[n] for n in self.network.outputs], numpy.int32)
        model = schema.ModelT()
        model.version, model.description = 3, "lookout"
        model.operatorCodes = [operator_code(name) for name in self.codes]
        model.subgraphs, model.buffers = [graph], self.buffers
        return model


def operator_code(name):
    code = schema.OperatorCodeT()
    code.builtinCode = getattr(schema.BuiltinOperator, name)
    code.deprecatedBuiltinCode = min(code.builtinCode, 127)
    code.version = VERSIONS[name]
    return code

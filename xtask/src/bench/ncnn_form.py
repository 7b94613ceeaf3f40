"""ncnn's .param and .bin.

ncnn's int8 is symmetric: an activation behind ReLU6 uses 0..127 only, and tensors with
values of both signs -127..127 about zero, so its integers cannot be the shipped ones. The
weights are. Where a convolution feeds int8 convolutions only, the tensor between is int8.
"""

import struct

import numpy

TAG_F32 = 0
TAG_INT8 = 0x000D4B38
CONV_OPTIONS = "0={outputs} 1={kernel} 3={stride} 4={pad} 5=1 6={weights}"


def write(network, base, int8, int8_depthwise=True):
    """Writes `base`.param and `base`.bin; depthwise convolutions can be left in f32."""
    writer = Writer(network, int8, int8_depthwise)
    for layer in network.layers:
        writer.layer(layer)
    lines = writer.lines
    text = f"7767517\n{len(lines)} {writer.blobs}\n" + "\n".join(lines) + "\n"
    with open(base + ".param", "w") as file:
        file.write(text)
    with open(base + ".bin", "wb") as file:
        file.write(bytes(writer.data))


def symmetric_scale(scheme):
    """Steps per unit, so that the larger end of the range becomes 127."""
    return numpy.float32(127 / max(-scheme.low, scheme.high))


class Writer:
    def __init__(self, network, int8, int8_depthwise):
        self.network = network
        self.int8 = int8
        self.int8_depthwise = int8_depthwise
        self.lines = []
        self.data = bytearray()
        self.blobs = 0
        # Names under which the users of a tensor read it: a blob has one reader in ncnn.
        self.copies = {}
        self.push("Input", network.input, [], "")

    def push(self, kind, name, inputs, options):
        bottoms = [self.copies[i].pop(0) for i in inputs]
        words = [kind, name, str(len(inputs)), "1", *bottoms, name, options]
        self.lines.append(" ".join(word for word in words if word))
        self.blobs += 1
        users = sum(layer.inputs.count(name) for layer in self.network.users(name))
        self.copies[name] = [name]
        if users > 1:
            copies = [f"{name}.{i}" for i in range(users)]
            split = ["Split", f"{name}.split", "1", str(users), name, *copies]
            self.lines.append(" ".join(split))
            self.blobs += users
            self.copies[name] = copies

    def layer(self, layer):
        if layer.op == "conv":
            self.conv(layer)
        elif layer.op == "add":
            self.push("BinaryOp", layer.name, layer.inputs, "0=0")
        else:
            self.push("Interp", layer.name, layer.inputs, "0=1 1=2.0 2=2.0")

    def conv(self, layer):
        conv, schemes, int8 = layer.conv, self.network.schemes, self.is_int8(layer)
        options = CONV_OPTIONS.format(
            outputs=conv.weight.shape[0],
            kernel=conv.kernel,
            stride=conv.stride,
            pad=conv.kernel // 2,
            weights=conv.weight.size,
        )
        if conv.depthwise:
            options += f" 7={conv.groups}"
        if conv.relu6:
            high = min(6.0, schemes[layer.name].high) if self.int8 else 6.0
            # ncnn takes a number without point and exponent for an integer.
            options += f" 9=3 -23310=2,0.0,{high:.9e}"
        if int8:
            stays_int8 = self.feeds_int8_only(layer.name)
            options += " 8=101" if stays_int8 else " 8=1"
            self.int8_weights(layer, stays_int8)
        else:
            self.data += struct.pack("<I", TAG_F32)
            self.data += conv.weight.tobytes() + conv.bias.tobytes()
        kind = "ConvolutionDepthWise" if conv.depthwise else "Convolution"
        self.push(kind, layer.name, layer.inputs, options)

    def is_int8(self, layer):
        return self.int8 and bool(layer.conv) and (self.int8_depthwise or not layer.conv.depthwise)

    def feeds_int8_only(self, name):
        users = self.network.users(name)
        is_output = name in self.network.outputs
        return bool(users) and not is_output and all(self.is_int8(user) for user in users)

    def int8_weights(self, layer, stays_int8):
        conv, schemes = layer.conv, self.network.schemes
        weight = conv.weight_int8.tobytes()
        self.data += struct.pack("<I", TAG_INT8) + weight + bytes(-len(weight) % 4)
        self.data += conv.bias.tobytes()
        self.data += (1 / conv.weight_scale).astype(numpy.float32).tobytes()
        self.data += symmetric_scale(schemes[layer.inputs[0]]).tobytes()
        if stays_int8:
            self.data += symmetric_scale(schemes[layer.name]).tobytes()

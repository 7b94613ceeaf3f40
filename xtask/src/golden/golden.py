"""Runs an int8 network in onnxruntime just as its file says, for `cargo xtask golden`.

golden.py MODEL NUMBERS OUT: NUMBERS are what goes in, f32, red, green and blue planes; OUT gets
the bytes of all outputs, one after the other. Prints the version of onnxruntime.
"""

import sys

import numpy
import onnxruntime

model, numbers, out = sys.argv[1:]
options = onnxruntime.SessionOptions()
# Fusing would round a residual sum once where the file rounds twice.
options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
options.intra_op_num_threads = 1
session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
tensor = session.get_inputs()[0]
value = numpy.fromfile(numbers, numpy.float32).reshape(tensor.shape)
outputs = session.run(None, {tensor.name: value})
assert all(output.dtype == numpy.uint8 for output in outputs)
with open(out, "wb") as file:
    for output in outputs:
        file.write(output.tobytes())
print(onnxruntime.__version__)

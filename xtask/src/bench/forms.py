"""Writes the shipped network in the forms that other engines read.

forms.py INT8.onnx FLOAT.onnx FOLDER
"""

import os
import sys

import ncnn_form
import onnx_forms
import tflite_form
from network import Network


def main():
    int8_path, float_path, folder = sys.argv[1:]
    network = Network(int8_path, float_path)
    onnx_forms.write_u8_input(int8_path, os.path.join(folder, "int8-u8.onnx"))
    onnx_forms.write_qdq(network, os.path.join(folder, "int8-qdq.onnx"))
    for int8, name in ((True, "int8"), (False, "float")):
        tflite_form.write(network, os.path.join(folder, name + ".tflite"), int8)
        ncnn_form.write(network, os.path.join(folder, name), int8)
    ncnn_form.write(network, os.path.join(folder, "int8-dense"), True, int8_depthwise=False)


main()

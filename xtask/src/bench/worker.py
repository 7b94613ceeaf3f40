"""Runs one network in one engine, as told on standard input.

worker.py JSON, with engine, file, threads, numbers, integers, height, width and outputs. It
answers each line with one line of JSON:
    (start)      load_ms, rss_base_mib, version, input
    check FILE   writes the outputs to FILE: f32, channels first, one after the other
    round N S    up to N inferences in about S seconds: times_ms
    end          rss_peak_mib
"""

import json
import os
import sys
import time

import numpy


class OnnxRuntime:
    def __init__(self, job):
        import onnxruntime

        self.version = onnxruntime.__version__
        self.module, self.job = onnxruntime, job

    def load(self):
        options = self.module.SessionOptions()
        options.intra_op_num_threads = self.job["threads"]
        options.inter_op_num_threads = 1
        self.session = self.module.InferenceSession(
            self.job["file"], options, providers=["CPUExecutionProvider"]
        )
        self.input = self.session.get_inputs()[0]
        self.takes_u8 = "uint8" in self.input.type

    def feed(self, numbers, integers):
        value = integers if self.takes_u8 else numbers
        self.binding = self.session.io_binding()
        value = self.module.OrtValue.ortvalue_from_numpy(value[None])
        self.binding.bind_ortvalue_input(self.input.name, value)
        for name in self.job["outputs"]:
            self.binding.bind_output(name, "cpu")

    def run(self):
        self.session.run_with_iobinding(self.binding)

    def outputs(self):
        return self.binding.copy_outputs_to_cpu()


class OpenVino:
    def __init__(self, job):
        import openvino

        self.version = openvino.__version__.split("-")[0]
        self.module, self.job = openvino, job

    def load(self):
        options = {
            "INFERENCE_NUM_THREADS": self.job["threads"],
            "NUM_STREAMS": 1,
            "PERFORMANCE_HINT": "LATENCY",
            # Nothing less than f32 where a network is not int8.
            "INFERENCE_PRECISION_HINT": "f32",
        }
        model = self.module.Core().compile_model(self.job["file"], "CPU", options)
        self.request = model.create_infer_request()
        self.takes_u8 = model.inputs[0].element_type == self.module.Type.u8
        self.results = {name: model.output(name) for name in self.job["outputs"]}

    def feed(self, numbers, integers):
        value = integers if self.takes_u8 else numbers
        self.request.set_input_tensor(self.module.Tensor(numpy.ascontiguousarray(value[None])))

    def run(self):
        # Unlike infer(), these two copy no outputs.
        self.request.start_async()
        self.request.wait()

    def outputs(self):
        return [self.request.get_tensor(r).data.copy() for r in self.results.values()]


class LiteRt:
    def __init__(self, job):
        import ai_edge_litert.interpreter
        from importlib.metadata import version

        self.version = version("ai-edge-litert")
        self.module, self.job = ai_edge_litert.interpreter, job

    def load(self):
        self.interpreter = self.module.Interpreter(
            self.job["file"], num_threads=self.job["threads"]
        )
        self.interpreter.allocate_tensors()
        self.input = self.interpreter.get_input_details()[0]
        self.takes_u8 = self.input["dtype"] == numpy.int8

    def feed(self, numbers, integers):
        if self.takes_u8:
            value = (integers ^ 0x80).view(numpy.int8)
        else:
            value = numbers
        value = numpy.ascontiguousarray(value.transpose(1, 2, 0)[None])
        self.interpreter.set_tensor(self.input["index"], value)

    def run(self):
        self.interpreter.invoke()

    def outputs(self):
        details = {d["name"]: d for d in self.interpreter.get_output_details()}
        for name in self.job["outputs"]:
            detail = details[name]
            value = self.interpreter.get_tensor(detail["index"]).astype(numpy.float32)
            scale, zero_point = detail["quantization"]
            if detail["dtype"] == numpy.int8:
                value = (value - zero_point) * numpy.float32(scale)
            yield value.transpose(0, 3, 1, 2)


class Ncnn:
    def __init__(self, job):
        import ncnn
        from importlib.metadata import version

        self.version = version("ncnn")
        self.module, self.job = ncnn, job

    def load(self):
        self.net = self.module.Net()
        options = self.net.opt
        options.num_threads = self.job["threads"]
        options.use_vulkan_compute = False
        if self.job["form"] == "f32":
            options.use_fp16_packed = options.use_fp16_storage = False
            options.use_fp16_arithmetic = options.use_bf16_storage = False
        base = self.job["file"].removesuffix(".param")
        if self.net.load_param(base + ".param") or self.net.load_model(base + ".bin"):
            raise ValueError("ncnn refuses the files")
        self.takes_u8 = False

    def feed(self, numbers, integers):
        # A Mat of its own: one made from an array would only borrow its memory.
        self.mat = self.module.Mat(numbers).clone()

    def run(self):
        # Results live as long as their extractor, and another run needs another one.
        extractor = self.net.create_extractor()
        extractor.input(self.job["input_name"], self.mat)
        self.results = [extractor.extract(name) for name in self.job["outputs"]]

    def outputs(self):
        for status, value in self.results:
            if status:
                raise ValueError("ncnn failed to compute an output")
            yield numpy.array(value)


ENGINES = {"onnxruntime": OnnxRuntime, "OpenVINO": OpenVino, "LiteRT": LiteRt, "ncnn": Ncnn}


def rss_mib(key):
    with open("/proc/self/status") as file:
        for line in file:
            if line.startswith(key + ":"):
                return int(line.split()[1]) / 1024
    return None


def run_round(engine, clock, count, limit_s):
    times_ms = []
    end = time.monotonic() + limit_s
    while len(times_ms) < count and (not times_ms or time.monotonic() < end):
        start = clock()
        engine.run()
        times_ms.append((clock() - start) * 1e3)
    return times_ms


def main():
    # What an engine prints on standard output must not get between the answers.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def answer(**values):
        answers.write(json.dumps(values) + "\n")
        answers.flush()

    job = json.loads(sys.argv[1])
    shape = 3, job["height"], job["width"]
    numbers = numpy.fromfile(job["numbers"], numpy.float32).reshape(shape)
    integers = numpy.fromfile(job["integers"], numpy.uint8).reshape(shape)
    engine = ENGINES[job["engine"]](job)
    rss_base_mib = rss_mib("VmRSS")
    start = time.perf_counter()
    engine.load()
    load_ms = (time.perf_counter() - start) * 1e3
    engine.feed(numbers, integers)
    takes = "u8" if engine.takes_u8 else "f32"
    answer(load_ms=load_ms, rss_base_mib=rss_base_mib, version=engine.version, input=takes)
    clock = time.process_time if job["threads"] == 1 else time.perf_counter
    for line in sys.stdin:
        verb, _, rest = line.strip().partition(" ")
        if verb == "check":
            engine.run()
            with open(rest, "wb") as file:
                for value in engine.outputs():
                    file.write(numpy.ascontiguousarray(value, numpy.float32).tobytes())
            answer()
        elif verb == "round":
            count, limit_s = rest.split()
            answer(times_ms=run_round(engine, clock, int(count), float(limit_s)))
        elif verb == "end":
            answer(rss_peak_mib=rss_mib("VmHWM"))
            return
        else:
            raise ValueError(f"unforeseen line {line!r}")


main()

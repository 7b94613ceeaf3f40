//! Who is compared, each in the forms of the network that it runs best.

/// Name of our own engine, which the ratios refer to.
pub(super) const LOOKOUT: &str = "lookout";

/// Name of stock tract.
pub(super) const TRACT: &str = "tract";

/// Name of rten.
pub(super) const RTEN: &str = "rten";

/// Where a contestant runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Host {
    /// This program.
    Ours,
    /// Python, with the engine's package from PyPI.
    Python,
}

/// An engine with a form of the network.
#[derive(Clone, Copy, Debug)]
pub(super) struct Contestant {
    pub(super) engine: &'static str,
    pub(super) form: &'static str,
    /// File in the folder of forms; empty for the model's own folder.
    pub(super) file: &'static str,
    pub(super) host: Host,
}

impl Contestant {
    /// Whether it runs with `--peers` only.
    pub(super) fn is_peer(&self) -> bool {
        self.host == Host::Python
    }
}

const fn ours(engine: &'static str, form: &'static str, file: &'static str) -> Contestant {
    Contestant {
        engine,
        form,
        file,
        host: Host::Ours,
    }
}

const fn theirs(engine: &'static str, form: &'static str, file: &'static str) -> Contestant {
    Contestant {
        engine,
        form,
        file,
        host: Host::Python,
    }
}

/// The shipped network in the folder of forms.
pub(super) const SHIPPED: &str = "int8.onnx";

/// Its weights as numbers.
pub(super) const FLOAT: &str = "float.onnx";

/// The same in the way that rten reads it.
pub(super) const FLOAT_RTEN: &str = "float-rten.onnx";

/// All of them, in the order of the table.
pub(super) const CONTESTANTS: [Contestant; 14] = [
    ours(LOOKOUT, "int8", ""),
    ours(TRACT, "int8", SHIPPED),
    ours(TRACT, "f32", FLOAT),
    ours(RTEN, "f32", FLOAT_RTEN),
    theirs("onnxruntime", "int8", SHIPPED),
    theirs("onnxruntime", "int8, u8 input", "int8-u8.onnx"),
    theirs("onnxruntime", "f32", FLOAT),
    theirs("OpenVINO", "int8, QDQ", "int8-qdq.onnx"),
    theirs("OpenVINO", "f32", FLOAT),
    theirs("LiteRT", "int8", "int8.tflite"),
    theirs("LiteRT", "f32", "float.tflite"),
    theirs("ncnn", "int8", "int8.param"),
    theirs("ncnn", "int8, depthwise f32", "int8-dense.param"),
    // The last of each engine is f32; ncnn's worker knows the form by this name.
    theirs("ncnn", "f32", "float.param"),
];

//! Where the time of an inference goes.

use super::graph::Op;
use super::plan::{Plan, Step, Work};
use std::fmt::Write as _;
use std::time::Duration;

/// One step and its time.
#[derive(Clone, Debug, serde::Serialize)]
pub struct LayerTime {
    /// Name of the layer.
    pub name: String,
    /// Operation, kernel and stride.
    pub operation: String,
    /// Channels, rows and columns of the output.
    pub shape: [usize; 3],
    /// The inner loops.
    pub kernel: String,
    /// Multiply-accumulates.
    pub macs: u64,
    /// Median time on one thread, in nanoseconds.
    pub time_ns: u64,
}

impl LayerTime {
    pub(super) fn new(plan: &Plan, step: &Step, mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        let time = times.get(times.len() / 2).copied().unwrap_or_default();
        let node = &plan.graph.nodes[step.node];
        let shape = step.output.shape;
        let kernel = match &step.work {
            Work::Conv {
                depthwise: true, ..
            } => format!("{} depthwise", plan.kernels()),
            Work::Conv { packed, .. } => {
                let sizes: Vec<String> = packed.blocks.0.iter().map(usize::to_string).collect();
                format!("{} dense {}", plan.kernels(), runs(&sizes))
            }
            Work::Add { .. } => format!("{} add", plan.kernels()),
            Work::Upsample(_) | Work::Copy | Work::MaxPool(_) => "copy".to_owned(),
        };
        Self {
            name: node.name.clone(),
            operation: operation(&node.op),
            shape: [shape.channels, shape.rows, shape.columns],
            kernel,
            macs: node.macs(),
            time_ns: u64::try_from(time.as_nanos()).unwrap_or(u64::MAX),
        }
    }
}

/// `64 64 64 32` as `3x64+32`.
fn runs(sizes: &[String]) -> String {
    let parts = sizes.chunk_by(|a, b| a == b).map(|run| match run.len() {
        1 => run[0].clone(),
        count => format!("{count}x{}", run[0]),
    });
    parts.collect::<Vec<_>>().join("+")
}

fn operation(op: &Op) -> String {
    match op {
        Op::Input(_) => "input".to_owned(),
        Op::Conv(conv) => {
            let [rows, columns] = conv.window.kernel;
            let groups = match conv.groups {
                1 => String::new(),
                groups => format!(" groups {groups}"),
            };
            format!(
                "conv {rows}x{columns} stride {}{groups}",
                conv.window.stride[1]
            )
        }
        Op::Add(_) => "add".to_owned(),
        Op::Upsample([rows, columns]) => format!("upsample {rows}x{columns}"),
        Op::Concat => "concat".to_owned(),
        Op::MaxPool(window) => format!("max pool {}x{}", window.kernel[0], window.kernel[1]),
    }
}

/// All steps of an inference.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Explanation {
    /// The inner loops.
    pub kernels: String,
    /// Bytes of all tensors.
    pub arena_bytes: usize,
    /// The steps in their order.
    pub layers: Vec<LayerTime>,
}

impl Explanation {
    pub(super) fn new(plan: &Plan, layers: Vec<LayerTime>) -> Self {
        Self {
            kernels: plan.kernels().to_owned(),
            arena_bytes: plan.arena_bytes(),
            layers,
        }
    }

    /// As a table. `cycles_per_s` turns times into cycles, where the clock is known.
    pub fn table(&self, cycles_per_s: Option<f64>) -> String {
        let total: u64 = self.layers.iter().map(|l| l.time_ns).sum();
        let macs: u64 = self.layers.iter().map(|l| l.macs).sum();
        let mut text = format!(
            "{:<34} {:<28} {:>14} {:<28} {:>8} {:>9} {:>6} {:>10}\n",
            "layer", "operation", "shape", "kernel", "MMAC", "us", "share", "MAC/cycle"
        );
        let rate = |macs: u64, ns: u64| {
            cycles_per_s.filter(|_| macs > 0 && ns > 0).map_or_else(
                || "-".to_owned(),
                |hz| format!("{:.1}", macs as f64 / (ns as f64 * 1e-9 * hz)),
            )
        };
        for l in &self.layers {
            let [channels, rows, columns] = l.shape;
            // Writing to a string cannot fail.
            let _ = writeln!(
                text,
                "{:<34} {:<28} {:>14} {:<28} {:>8.2} {:>9.1} {:>5.1}% {:>10}",
                l.name,
                l.operation,
                format!("{channels}x{rows}x{columns}"),
                l.kernel,
                l.macs as f64 / 1e6,
                l.time_ns as f64 / 1e3,
                100.0 * l.time_ns as f64 / total.max(1) as f64,
                rate(l.macs, l.time_ns)
            );
        }
        let _ = writeln!(
            text,
            "{} layers, {:.1} MMAC, {:.3} ms, {} MAC/cycle; tensors {:.2} MiB",
            self.layers.len(),
            macs as f64 / 1e6,
            total as f64 / 1e6,
            rate(macs, total),
            self.arena_bytes as f64 / f64::from(1 << 20)
        );
        text
    }
}

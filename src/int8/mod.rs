//! The int8 engine: a quantized network as one operation.
//!
//! tract reads the file and knows the operators; what it computes slowly is taken out of its
//! model and done here. [`extract`] finds the part that works on integers and turns it into a
//! plain [`graph`]; [`Plan`] decides where every tensor lies and which inner loops run;
//! [`Engine`] runs the plan over one arena. [`op`] puts the engine back into tract's model as a
//! single operation, with whatever the engine cannot take around it.

mod affinity;
mod arena;
mod check;
mod cycles;
mod engine;
mod explain;
pub mod extract;
pub mod graph;
pub mod kernel;
mod layout;
pub mod op;
mod plan;
mod pool;
#[cfg(test)]
mod reference;
#[cfg(test)]
mod tests;

pub use cycles::cycles_per_s;
pub use engine::{Engine, InputView, OutputView};
pub use explain::{Explanation, LayerTime};
pub use plan::Plan;
pub use pool::Workers;

/// Why a network cannot run on the engine.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Int8Error {
    /// The graph contradicts itself.
    #[error("{node}: {reason}; export the model anew")]
    Graph {
        /// The node.
        node: String,
        /// What is wrong.
        reason: &'static str,
    },
    /// The tensors need more memory than any model of ours.
    #[error("the network needs {bytes} bytes at once; choose a smaller input")]
    Memory {
        /// What it needs.
        bytes: usize,
    },
    /// A thread cannot be started.
    #[error("cannot start the threads of the network: {0}; ask for fewer")]
    Threads(String),
    /// The CPUs of this machine cannot be told.
    #[error("cannot tell the CPUs that threads could keep to: {0}; run without pinning")]
    Pinning(String),
}

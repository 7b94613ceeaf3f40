//! Verb `mca`: how fast the int8 engine's inner loops could be on ARM processors, as
//! llvm-mca's static models of them say.
//!
//! The loops are cut out of the firmware as it is shipped. No board is needed, and nothing
//! that a board would tell is found out: a model knows neither caches nor memory.

mod loops;
mod report;

use crate::board::{Board, BoardError};
use crate::build::{self, BuildError};
use crate::command::CommandError;
use crate::workspace::{self, WorkspaceError};
use lookout::detector::{Detector, DetectorOptions};
use loops::Loop;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// Options of `cargo xtask mca`.
#[derive(clap::Args, Clone, Debug)]
pub struct McaArgs {
    /// The model whose layers are added up; the report is written there as arm.md
    #[arg(long, value_name = "DIR", default_value = "models/road-288x512")]
    pub model: PathBuf,
}

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum McaError {
    /// A program is missing.
    #[error("not found: {program}; install it, on Debian and Ubuntu: apt-get install {package}")]
    NoProgram {
        /// The program.
        program: &'static str,
        /// The package that brings it.
        package: &'static str,
    },
    /// The board's file cannot be used.
    #[error(transparent)]
    Board(#[from] BoardError),
    /// The firmware cannot be built.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// The workspace cannot be found.
    #[error(transparent)]
    Workspace(#[from] WorkspaceError),
    /// A command could not be started or failed.
    #[error(transparent)]
    Command(#[from] CommandError),
    /// A loop is not where it is looked for.
    #[error("no loop for {0} in the firmware; name it anew in xtask/src/mca/mod.rs")]
    NoLoop(&'static str),
    /// The model cannot be used.
    #[error("{path}: {reason}")]
    Model {
        /// The model's folder.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The report cannot be written.
    #[error("{path}: {source}")]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
}

/// Turns of a loop that are simulated.
const TURNS: u32 = 200;

/// A processor, the board that it is on, and the inner loops that run there.
struct Target {
    cpu: &'static str,
    board: &'static str,
    cores: u32,
    hz: f64,
    /// Nothing but instructions that multiply, independent of each other, and their products.
    peak: fn() -> (String, u64),
    kernels: [Kernel; 4],
}

/// What a loop works off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Work {
    /// Convolutions that are not depthwise, whatever their window.
    Dense,
    /// Depthwise convolutions with windows of this side.
    Depthwise(usize),
    /// Sums of tensors; counted in bytes.
    Add,
}

/// How a loop is found: among the innermost of the functions whose name contains both parts,
/// and of those with `multiplications`, or with the most.
struct Kernel {
    work: Work,
    function: [&'static str; 2],
    /// What the instructions' names begin with.
    mnemonics: &'static [&'static str],
    multiplications: Option<usize>,
    /// Products that count, of a whole turn or of each instruction.
    macs: Macs,
}

/// Products of a loop.
enum Macs {
    PerInstruction(u64),
    PerTurn(u64),
}

const LONG: &[&str] = &["smull", "smlal"];
const SDOT: &[&str] = &["sdot"];
const ROUND: &[&str] = &["fcvtns"];

const TARGETS: [Target; 2] = [
    Target {
        cpu: "cortex-a57",
        board: "Jetson Nano",
        cores: 4,
        hz: 1.43e9,
        peak: || {
            let pair = |i: u32| {
                format!("smull v{i}.8h, v30.8b, v31.8b\nsmlal2 v{i}.8h, v30.16b, v31.16b\n")
            };
            ((0..16).map(pair).collect(), 16 * 16)
        },
        kernels: [
            Kernel {
                work: Work::Dense,
                function: ["neon::long", "dense_row"],
                mnemonics: &["smlal2"],
                multiplications: None,
                // As many `smull` of eight.
                macs: Macs::PerInstruction(16),
            },
            Kernel {
                work: Work::Depthwise(3),
                function: ["neon::long::Neon as", "::depthwise_row"],
                mnemonics: LONG,
                multiplications: Some(36),
                macs: Macs::PerInstruction(8),
            },
            Kernel {
                work: Work::Depthwise(5),
                function: ["neon::long::Neon as", "::depthwise_row"],
                mnemonics: LONG,
                multiplications: Some(100),
                macs: Macs::PerInstruction(8),
            },
            Kernel {
                work: Work::Add,
                function: ["neon::long::Neon as", "::add_row"],
                mnemonics: ROUND,
                multiplications: None,
                macs: Macs::PerTurn(16),
            },
        ],
    },
    Target {
        cpu: "cortex-a78",
        board: "Jetson Orin Nano",
        cores: 6,
        hz: 1.5e9,
        peak: || {
            let dot = |i: u32| format!("sdot v{i}.4s, v30.16b, v31.4b[0]\n");
            ((0..16).map(dot).collect(), 16 * 16)
        },
        kernels: [
            Kernel {
                work: Work::Dense,
                function: ["neon::dot::NeonDot as", "::dense_row"],
                mnemonics: SDOT,
                multiplications: None,
                macs: Macs::PerInstruction(16),
            },
            Kernel {
                work: Work::Depthwise(3),
                function: ["neon::dot::NeonDot as", "::depthwise_row"],
                mnemonics: SDOT,
                multiplications: Some(48),
                // 8 pixels by 8 channels.
                macs: Macs::PerTurn(64 * 9),
            },
            Kernel {
                work: Work::Depthwise(5),
                function: ["neon::dot::NeonDot as", "::depthwise_row"],
                mnemonics: SDOT,
                multiplications: Some(160),
                macs: Macs::PerTurn(64 * 25),
            },
            Kernel {
                work: Work::Add,
                function: ["neon::dot::NeonDot as", "::add_row"],
                mnemonics: ROUND,
                multiplications: None,
                macs: Macs::PerTurn(16),
            },
        ],
    },
];

impl Work {
    fn name(self) -> &'static str {
        match self {
            Self::Dense => "dense, 1x1 and 3x3",
            Self::Depthwise(3) => "depthwise 3x3",
            Self::Depthwise(_) => "depthwise 5x5",
            Self::Add => "add",
        }
    }
}

/// A loop as a processor's model runs it.
#[derive(Clone, Debug)]
struct Timed {
    work: Work,
    instructions: usize,
    macs: u64,
    cycles: f64,
}

impl Timed {
    fn per_cycle(&self) -> f64 {
        self.macs as f64 / self.cycles
    }
}

/// All loops of a target, and the most products a cycle.
struct Measured<'a> {
    target: &'a Target,
    peak: f64,
    loops: Vec<Timed>,
}

/// Runs `cargo xtask mca`.
pub fn run(args: &McaArgs) -> Result<(), McaError> {
    for (program, package) in [
        ("llvm-mca", "llvm"),
        (OBJDUMP, "binutils-aarch64-linux-gnu"),
    ] {
        if !workspace::is_on_path(program) {
            return Err(McaError::NoProgram { program, package });
        }
    }
    let model = workspace::root().join(&args.model);
    let layers = layers(&model)?;
    let firmware = build::build(&Board::load("generic-aarch64")?)?.binary;
    let mut objdump = Command::new(OBJDUMP);
    objdump
        .args(["-d", "--no-show-raw-insn", "-C"])
        .arg(firmware);
    let disassembly = output(&mut objdump, "")?;
    let mut measured = Vec::new();
    for target in &TARGETS {
        measured.push(measure(target, &disassembly)?);
    }
    let version = output(Command::new("llvm-mca").arg("--version"), "")?;
    let version = version.lines().find(|line| line.contains("version"));
    let text = report::text(
        &measured,
        &layers,
        version.unwrap_or_default().trim(),
        &args.model,
    );
    let path = model.join("arm.md");
    std::fs::write(&path, &text).map_err(|source| McaError::Write { path, source })?;
    print!("{text}");
    Ok(())
}

const OBJDUMP: &str = "aarch64-linux-gnu-objdump";

/// What the layers of each kind amount to, as this computer's engine counts it.
fn layers(model: &std::path::Path) -> Result<Vec<(Work, u64)>, McaError> {
    let failed = |reason: String| McaError::Model {
        path: model.to_owned(),
        reason,
    };
    let mut detector = Detector::load(model, &DetectorOptions::default())
        .map_err(|error| failed(error.to_string()))?;
    let explanation = detector
        .explain(1)
        .ok_or_else(|| failed("the int8 engine does not run it".to_owned()))?;
    let mut sums: Vec<(Work, u64)> = Vec::new();
    for layer in &explanation.layers {
        let work = if layer.kernel.ends_with("depthwise") {
            let side = if layer.operation.contains("5x5") {
                5
            } else {
                3
            };
            Work::Depthwise(side)
        } else if layer.operation == "add" {
            Work::Add
        } else if layer.macs > 0 {
            Work::Dense
        } else {
            continue;
        };
        let amount = match work {
            Work::Add => layer.shape.iter().product::<usize>() as u64,
            _ => layer.macs,
        };
        match sums.iter_mut().find(|(known, _)| *known == work) {
            Some((_, sum)) => *sum += amount,
            None => sums.push((work, amount)),
        }
    }
    Ok(sums)
}

fn measure<'a>(target: &'a Target, disassembly: &str) -> Result<Measured<'a>, McaError> {
    let (code, macs) = (target.peak)();
    let peak = macs as f64 / cycles(target.cpu, &code)?;
    let mut loops = Vec::new();
    for kernel in &target.kernels {
        let found = loops::innermost(disassembly, &kernel.function);
        let count = |l: &Loop| l.count(kernel.mnemonics);
        let wanted = kernel
            .multiplications
            .or_else(|| found.iter().map(count).max())
            .filter(|count| *count > 0);
        // Of loops that differ only in their stride, the slower one counts.
        let mut slowest: Option<Timed> = None;
        for l in found.iter().filter(|l| Some(count(l)) == wanted) {
            // Loops of the same length that never add in 16 bits are for weights of -128.
            if kernel.mnemonics == LONG && l.count(&["smlal"]) == 0 {
                continue;
            }
            let timed = Timed {
                work: kernel.work,
                instructions: l.instructions(),
                macs: match kernel.macs {
                    Macs::PerInstruction(macs) => macs * count(l) as u64,
                    Macs::PerTurn(macs) => macs,
                },
                cycles: cycles(target.cpu, &l.assembly())?,
            };
            if slowest.as_ref().is_none_or(|s| timed.cycles > s.cycles) {
                slowest = Some(timed);
            }
        }
        loops.push(slowest.ok_or(McaError::NoLoop(kernel.work.name()))?);
    }
    Ok(Measured {
        target,
        peak,
        loops,
    })
}

/// Cycles of a turn of a loop.
fn cycles(cpu: &str, assembly: &str) -> Result<f64, McaError> {
    let mut mca = Command::new("llvm-mca");
    mca.args(["-mtriple=aarch64", &format!("-mcpu={cpu}")]);
    mca.arg(format!("-iterations={TURNS}"));
    let text = output(&mut mca, assembly)?;
    let total = text
        .lines()
        .find_map(|line| line.strip_prefix("Total Cycles:"))
        .and_then(|number| number.trim().parse::<f64>().ok());
    let total = total.ok_or_else(|| CommandError {
        command: "llvm-mca".to_owned(),
        reason: "it tells no cycles".to_owned(),
    })?;
    Ok(total / f64::from(TURNS))
}

/// What a command prints, given `input`.
fn output(command: &mut Command, input: &str) -> Result<String, CommandError> {
    let name = command.get_program().to_string_lossy().into_owned();
    let failed = |reason: String| CommandError {
        command: name.clone(),
        reason,
    };
    let mut run = || {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        if let Some(mut stdin) = child.stdin.take() {
            stdin.write_all(input.as_bytes())?;
        }
        child.wait_with_output()
    };
    let output = run().map_err(|error| failed(error.to_string()))?;
    if !output.status.success() {
        return Err(failed(output.status.to_string()));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

//! The report of verb `mca`.

use super::{Measured, Work};
use std::fmt::Write as _;
use std::path::Path;

/// The whole report.
pub fn text(
    measured: &[Measured<'_>],
    layers: &[(Work, u64)],
    version: &str,
    model: &Path,
) -> String {
    let mut text = format!(
        "# The inner loops on ARM, by a static model\n\n\
         Nothing here was timed on a board. `cargo xtask mca` cuts the loops out of the firmware\n\
         for aarch64, lets llvm-mca ({version}) run {} turns of each and writes this file.\n\
         llvm-mca knows a processor's pipelines, and neither caches nor memory nor branches that\n\
         were guessed wrong.\n\n\
         Dense loops, 1x1 and 3x3 alike, are one: sixteen inputs of a tile. Depthwise loops\n\
         include the rounding and storing of their outputs, and are given at the slower of\n\
         strides 1 and 2. The peak is what the same model gives for a loop of nothing but the\n\
         instructions that multiply. LLVM 14 and 19 have no schedule of their own for a\n\
         cortex-a78 and take the cortex-a57's: three instructions a cycle, one load. What is said\n\
         of it is that model's word with the dot product added, not a real cortex-a78's.\n",
        super::TURNS
    );
    for m in measured {
        // Writing to a string cannot fail.
        let _ = write!(
            text,
            "\n## {}, peak {:.1} MAC/cycle\n\n\
             | loop | instructions | MAC a turn | cycles a turn | MAC/cycle | of the peak |\n\
             |---|---|---|---|---|---|\n",
            m.target.cpu, m.peak
        );
        for l in &m.loops {
            if l.work == Work::Add {
                continue;
            }
            let _ = writeln!(
                text,
                "| {} | {} | {} | {:.1} | {:.2} | {:.0} % |",
                l.work.name(),
                l.instructions,
                l.macs,
                l.cycles,
                l.per_cycle(),
                100.0 * l.per_cycle() / m.peak
            );
        }
    }
    let _ = write!(
        text,
        "\n## Estimate for {}\n\n\
         **An estimate, not a measurement: expect less.** The layers' multiplications at the\n\
         loops' rates, shared evenly among the cores; no cache misses, no start and end of dense\n\
         tiles, no halos, no decoding of pictures.\n\n\
         | board | cores | dense | depthwise | sums | million cycles | frames/s, one core | frames/s, all |\n\
         |---|---|---|---|---|---|---|---|\n",
        model.file_name().unwrap_or_default().to_string_lossy()
    );
    for m in measured {
        let cycles = |wanted: fn(Work) -> bool| -> f64 {
            let of = |(work, amount): &(Work, u64)| {
                let timed = m.loops.iter().find(|l| l.work == *work);
                timed.map_or(0.0, |l| *amount as f64 / l.per_cycle())
            };
            layers
                .iter()
                .filter(|(work, _)| wanted(*work))
                .map(of)
                .sum()
        };
        let dense = cycles(|work| work == Work::Dense);
        let depthwise = cycles(|work| matches!(work, Work::Depthwise(_)));
        let sums = cycles(|work| work == Work::Add);
        let all = dense + depthwise + sums;
        let _ = writeln!(
            text,
            "| {} | {} x {:.2} GHz | {:.0} % | {:.0} % | {:.0} % | {:.1} | {:.1} | {:.1} |",
            m.target.board,
            m.target.cores,
            m.target.hz / 1e9,
            100.0 * dense / all,
            100.0 * depthwise / all,
            100.0 * sums / all,
            all / 1e6,
            m.target.hz / all,
            m.target.hz / all * f64::from(m.target.cores)
        );
    }
    let _ = writeln!(text);
    for (work, amount) in layers {
        let unit = if *work == Work::Add {
            "million sums"
        } else {
            "MMAC"
        };
        let _ = writeln!(
            text,
            "- {}: {:.1} {unit}",
            work.name(),
            *amount as f64 / 1e6
        );
    }
    text
}

//! How fast the processor's clock runs while it works.

use std::time::Instant;

/// Turns of the counting loop: about a third of a millisecond.
const TURNS: u64 = 1 << 20;

/// Measurements, of which the fastest counts: the others were interrupted.
const TRIES: usize = 20;

/// Cycles per second of this core, now. Counts turns of a loop that takes one cycle each on
/// every processor of the last fifteen years; `None` on other architectures.
pub fn cycles_per_s() -> Option<f64> {
    let seconds = (0..TRIES).map(|_| {
        let begin = Instant::now();
        count().map(|()| begin.elapsed().as_secs_f64())
    });
    let fastest = seconds.collect::<Option<Vec<f64>>>()?;
    let fastest = fastest.into_iter().fold(f64::INFINITY, f64::min);
    (fastest > 0.0).then(|| TURNS as f64 / fastest)
}

#[cfg(target_arch = "x86_64")]
fn count() -> Option<()> {
    // SAFETY: counts a register of its own down.
    unsafe {
        std::arch::asm!(
            "2: dec {0}",
            "jnz 2b",
            inout(reg) TURNS => _,
            options(nomem, nostack)
        );
    }
    Some(())
}

#[cfg(target_arch = "aarch64")]
fn count() -> Option<()> {
    // SAFETY: counts a register of its own down.
    unsafe {
        std::arch::asm!(
            "2: subs {0}, {0}, #1",
            "b.ne 2b",
            inout(reg) TURNS => _,
            options(nomem, nostack)
        );
    }
    Some(())
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn count() -> Option<()> {
    None
}

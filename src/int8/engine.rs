//! Runs a plan: one arena, and a pool of threads that share out the rows of each stage.

use super::Int8Error;
use super::arena::Arena;
use super::explain::{Explanation, LayerTime};
use super::graph::{Shape, Window};
use super::kernel::{CHANNEL_STEP, Kernels, RowIn, RowOut};
use super::plan::{Place, Plan, Step, Work};
use super::pool::{Pool, Workers};
use std::ops::Range;
use std::time::Instant;

/// Rows of a pointwise convolution are run together up to so many bytes of input: a part of
/// the first-level cache.
const MERGED_BYTES_MAX: usize = 16 << 10;

/// Stages cheaper than this, in [`Step::row_cost`]'s unit, are not worth being shared.
const SHARED_COST_MIN: u64 = 4000;

/// Rows of one step.
#[derive(Clone, Debug)]
struct Share {
    step: usize,
    rows: Range<usize>,
}

/// A planned network with its memory.
#[derive(Debug)]
pub struct Engine {
    plan: Plan,
    arena: Arena,
    pool: Pool,
    /// By stage and thread.
    shares: Vec<Vec<Vec<Share>>>,
}

/// An input: pixels of interleaved channels in the arena.
#[derive(Debug)]
pub struct InputView<'a> {
    /// The bytes from the first pixel to the last one, what lies between rows included.
    pub data: &'a mut [u8],
    /// Bytes from a pixel to the next; at least the channels.
    pub pixel_bytes: usize,
    /// Bytes from a row to the next.
    pub row_bytes: usize,
    /// Extent.
    pub shape: Shape,
    /// What every byte must be combined with by exclusive or.
    pub flip: u8,
}

/// An output: pixels of interleaved channels in the arena.
#[derive(Clone, Copy, Debug)]
pub struct OutputView<'a> {
    /// The bytes from the first pixel to the last one.
    pub data: &'a [u8],
    /// Bytes from a pixel to the next; at least the channels.
    pub pixel_bytes: usize,
    /// Bytes from a row to the next.
    pub row_bytes: usize,
    /// Extent.
    pub shape: Shape,
    /// What every byte is combined with by exclusive or.
    pub flip: u8,
}

impl Engine {
    /// An engine for `plan` with so many threads, the caller's included.
    pub fn new(plan: Plan, workers: impl Into<Workers>) -> Result<Self, Int8Error> {
        let arena = Arena::new(plan.arena_bytes())?;
        let pool = Pool::new(workers)?;
        let shares = plan
            .stages
            .iter()
            .map(|stage| share(stage, pool.threads()))
            .collect();
        let mut engine = Self {
            plan,
            arena,
            pool,
            shares,
        };
        for index in 0..engine.plan.places.len() {
            engine.fill_input_halo(index);
        }
        Ok(engine)
    }

    /// The plan.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Threads that work on a frame.
    pub fn threads(&self) -> usize {
        self.pool.threads()
    }

    /// The memory of the input whose node has this index.
    pub fn input(&mut self, node: usize) -> InputView<'_> {
        let place = self.plan.places[node];
        let (first, bytes) = (place.first, extent(&place));
        // SAFETY: the place lies in the arena, and the arena is borrowed for as long as the
        // view lives.
        let data = unsafe { std::slice::from_raw_parts_mut(self.arena.data().add(first), bytes) };
        InputView {
            data,
            pixel_bytes: place.pixel_bytes,
            row_bytes: place.row_bytes,
            shape: place.shape,
            flip: self.plan.kernels.flip(),
        }
    }

    /// The memory of the output whose node has this index, after a run.
    pub fn output(&self, node: usize) -> OutputView<'_> {
        let place = self.plan.places[node];
        let (first, bytes) = (place.first, extent(&place));
        // SAFETY: as in `input`; nothing is written while the engine is borrowed.
        let data = unsafe { std::slice::from_raw_parts(self.arena.data().add(first), bytes) };
        OutputView {
            data,
            pixel_bytes: place.pixel_bytes,
            row_bytes: place.row_bytes,
            shape: place.shape,
            flip: self.plan.kernels.flip(),
        }
    }

    /// Computes all outputs from the inputs. False when a thread has failed, which only a
    /// fault of the program can cause.
    pub fn run(&mut self) -> bool {
        // Inputs may share memory with what is computed later, their halos too.
        for index in 0..self.plan.places.len() {
            self.fill_input_halo(index);
        }
        let (plan, arena, shares) = (&self.plan, &self.arena, &self.shares);
        self.pool.run(&|thread, barrier| {
            for (stage, shares) in plan.stages.iter().zip(shares) {
                for share in &shares[thread] {
                    let step = &stage[share.step];
                    // SAFETY: threads write different rows, of places that no other step of
                    // the stage touches; the barrier keeps stages apart.
                    unsafe { run_rows(plan.kernels, arena, step, share.rows.clone()) };
                }
                if !barrier.wait() {
                    return;
                }
            }
        })
    }

    /// Runs `frames` times on one thread and tells how long each step takes.
    pub fn explain(&mut self, frames: usize) -> Explanation {
        let steps: Vec<&Step> = self.plan.stages.iter().flatten().collect();
        let mut times = vec![Vec::with_capacity(frames); steps.len()];
        for _ in 0..frames.max(1) {
            for (step, times) in steps.iter().zip(&mut times) {
                let begin = Instant::now();
                // SAFETY: one thread, steps in order.
                unsafe {
                    run_rows(
                        self.plan.kernels,
                        &self.arena,
                        step,
                        0..step.output.shape.rows,
                    );
                };
                times.push(begin.elapsed());
            }
        }
        let layers = steps
            .iter()
            .zip(times)
            .map(|(step, times)| LayerTime::new(&self.plan, step, times))
            .collect();
        Explanation::new(&self.plan, layers)
    }

    fn fill_input_halo(&mut self, index: usize) {
        let node = &self.plan.graph.nodes[index];
        if !matches!(node.op, super::graph::Op::Input(_)) {
            return;
        }
        let place = self.plan.places[index];
        for row in 0..place.shape.rows {
            // SAFETY: the place lies in the arena, which is borrowed.
            unsafe { fill_halo(self.arena.data(), &place, row) };
        }
    }
}

/// Bytes from the first pixel of a place to the end of its last.
fn extent(place: &Place) -> usize {
    (place.shape.rows - 1) * place.row_bytes + place.shape.columns * place.pixel_bytes
}

/// Shares the rows of a stage out among threads: each gets about the same cost, in one piece
/// of each step.
fn share(stage: &[Step], threads: usize) -> Vec<Vec<Share>> {
    let total: u64 = stage
        .iter()
        .map(|s| s.row_cost * s.output.shape.rows as u64)
        .sum();
    let parts = if total < SHARED_COST_MIN { 1 } else { threads };
    let mut shares = vec![Vec::new(); threads];
    let mut before = 0;
    for (index, step) in stage.iter().enumerate() {
        let rows = step.output.shape.rows;
        let cost = step.row_cost.max(1);
        // The row at which part `part` begins, as its share of the whole stage's cost.
        let border = |part: usize| {
            let target = (total.max(1) * part as u64 / parts as u64).saturating_sub(before);
            let row = (target + cost / 2) / cost;
            (row as usize).min(rows)
        };
        for (part, shares) in shares.iter_mut().enumerate().take(parts) {
            let end = if part + 1 == parts {
                rows
            } else {
                border(part + 1)
            };
            let part = border(part)..end;
            if !part.is_empty() {
                shares.push(Share {
                    step: index,
                    rows: part,
                });
            }
        }
        before += step.row_cost * rows as u64;
    }
    shares
}

/// Computes some rows of a step, their halo included.
///
/// # Safety
/// The step is of a plan for this arena and these kernels; its inputs are computed, and
/// nobody else uses the rows that are written.
unsafe fn run_rows(kernels: &dyn Kernels, arena: &Arena, step: &Step, rows: Range<usize>) {
    let base = arena.data();
    // SAFETY: places were laid out so that windows, halos and slack lie in the arena.
    unsafe {
        match &step.work {
            Work::Conv {
                packed,
                window,
                depthwise,
            } => {
                let merged = merged_rows(step, window);
                let mut row = rows.start;
                while row < rows.end {
                    let together = merged.min(rows.end - row);
                    let x = row_in(base, &step.inputs[0], window, row);
                    let columns = together * step.output.shape.columns;
                    let x = RowIn { columns, ..x };
                    let y = row_out(base, &step.output, row);
                    if *depthwise {
                        kernels.depthwise_row(packed, x, y);
                    } else {
                        kernels.dense_row(packed, x, y);
                    }
                    row += together;
                }
            }
            Work::Add { add, repeat } => {
                for row in rows.clone() {
                    add_row(kernels, base, step, add, *repeat, row);
                }
            }
            Work::Upsample(repeat) => {
                for row in rows.clone() {
                    let (x, y) = (&step.inputs[0], &step.output);
                    let from = base.add(x.row(row / repeat[0]));
                    repeat_row(from, x.pixel_bytes, repeat[1], base.add(y.row(row)), y);
                }
            }
            Work::Copy => {
                for row in rows.clone() {
                    let (x, y) = (&step.inputs[0], &step.output);
                    repeat_row(
                        base.add(x.row(row)),
                        x.pixel_bytes,
                        1,
                        base.add(y.row(row)),
                        y,
                    );
                }
            }
            Work::MaxPool(window) => {
                for row in rows.clone() {
                    max_pool_row(base, step, window, row, kernels.flip());
                }
            }
        }
        for row in rows {
            fill_halo(base, &step.output, row);
        }
    }
}

/// How many rows can be run as one long one.
fn merged_rows(step: &Step, window: &Window) -> usize {
    let (x, y) = (&step.inputs[0], &step.output);
    let pointwise = window.kernel == [1, 1] && window.stride == [1, 1];
    if pointwise && x.is_seamless() && y.is_seamless() {
        (MERGED_BYTES_MAX / x.row_bytes.max(1)).max(1)
    } else {
        1
    }
}

/// # Safety
/// The place lies in the arena at `base`.
unsafe fn row_in(base: *mut u8, x: &Place, window: &Window, row: usize) -> RowIn {
    let [above, left] = window.before;
    let first = x.first + row * window.stride[0] * x.row_bytes;
    let first = first - above * x.row_bytes - left * x.pixel_bytes;
    RowIn {
        // SAFETY: the halo holds what lies before the first pixel.
        data: unsafe { base.add(first) },
        row_bytes: x.row_bytes,
        pixel_bytes: x.pixel_bytes,
        step_bytes: window.stride[1] * x.pixel_bytes,
        columns: 0,
    }
}

/// # Safety
/// The place lies in the arena at `base`.
unsafe fn row_out(base: *mut u8, y: &Place, row: usize) -> RowOut {
    RowOut {
        // SAFETY: the caller's word.
        data: unsafe { base.add(y.row(row)) },
        pixel_bytes: y.pixel_bytes,
    }
}

/// # Safety
/// As for [`run_rows`].
unsafe fn add_row(
    kernels: &dyn Kernels,
    base: *mut u8,
    step: &Step,
    add: &super::graph::Add,
    repeat: [usize; 2],
    row: usize,
) {
    let (a, b, y) = (&step.inputs[0], &step.inputs[1], &step.output);
    let bytes = y.shape.channels.next_multiple_of(CHANNEL_STEP);
    // SAFETY: all rows lie in the arena; a pixel's padding is part of it.
    unsafe {
        let from = base.add(b.row(row / repeat[0]));
        let (a_row, y_row) = (base.add(a.row(row)), base.add(y.row(row)));
        let even = [a.pixel_bytes, b.pixel_bytes, y.pixel_bytes] == [bytes; 3];
        if even && repeat[1] == 1 {
            kernels.add_row(add, a_row, from, y_row, bytes * y.shape.columns);
        } else if even {
            // The repeated row is written where the sum will be: bytes are read before they
            // are written.
            repeat_row(from, b.pixel_bytes, repeat[1], y_row, y);
            kernels.add_row(add, a_row, y_row, y_row, bytes * y.shape.columns);
        } else {
            for column in 0..y.shape.columns {
                kernels.add_row(
                    add,
                    a_row.add(column * a.pixel_bytes),
                    from.add(column / repeat[1] * b.pixel_bytes),
                    y_row.add(column * y.pixel_bytes),
                    bytes,
                );
            }
        }
    }
}

/// Writes each pixel of `from` `times` times.
///
/// # Safety
/// The row of `y` at `to` can be written, as many pixels as it needs be read.
unsafe fn repeat_row(from: *const u8, pixel_bytes: usize, times: usize, to: *mut u8, y: &Place) {
    for column in 0..y.shape.columns {
        // SAFETY: the caller's word.
        unsafe {
            let pixel = from.add(column / times * pixel_bytes);
            std::ptr::copy_nonoverlapping(pixel, to.add(column * y.pixel_bytes), y.shape.channels);
        }
    }
}

/// # Safety
/// As for [`run_rows`].
unsafe fn max_pool_row(base: *mut u8, step: &Step, window: &Window, row: usize, flip: u8) {
    let (x, y) = (&step.inputs[0], &step.output);
    let inside = |i: usize, at: usize, side: usize| {
        let first = at * window.stride[i];
        first.saturating_sub(window.before[i])
            ..(first + window.kernel[i] - window.before[i].min(first + window.kernel[i])).min(side)
    };
    for column in 0..y.shape.columns {
        // SAFETY: rows and columns are inside the tensor.
        unsafe {
            let to = base.add(y.row(row) + column * y.pixel_bytes);
            for channel in 0..y.shape.channels {
                let mut largest = 0;
                for r in inside(0, row, x.shape.rows) {
                    for c in inside(1, column, x.shape.columns) {
                        let at = x.row(r) + c * x.pixel_bytes + channel;
                        largest = largest.max(*base.add(at) ^ flip);
                    }
                }
                *to.add(channel) = largest ^ flip;
            }
        }
    }
}

/// Fills the halo beside a row, and above the first or below the last one.
///
/// # Safety
/// The place lies in the arena at `base`, and nobody else uses this part of its halo.
unsafe fn fill_halo(base: *mut u8, place: &Place, row: usize) {
    let Place {
        halo, pixel_bytes, ..
    } = *place;
    if halo == super::plan::Halo::default() || place.channel > 0 {
        return;
    }
    let columns = place.shape.columns;
    // SAFETY: the halo is part of the place.
    unsafe {
        let fill = |row: isize| {
            let start = base.offset(place.first as isize + row * place.row_bytes as isize);
            start.sub(halo.left * pixel_bytes)
        };
        let whole = (halo.left + columns + halo.right) * pixel_bytes;
        let begin = fill(row as isize);
        begin.write_bytes(place.fill, halo.left * pixel_bytes);
        begin
            .add((halo.left + columns) * pixel_bytes)
            .write_bytes(place.fill, halo.right * pixel_bytes);
        if row == 0 {
            for above in 1..=halo.top as isize {
                fill(-above).write_bytes(place.fill, whole);
            }
        }
        if row + 1 == place.shape.rows {
            for below in 0..halo.bottom {
                fill((row + 1 + below) as isize).write_bytes(place.fill, whole);
            }
        }
    }
}

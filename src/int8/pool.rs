//! A few threads that work on a frame together and sleep between frames.

use super::Int8Error;
use super::affinity::{allowed_cpus, pin_to};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering};
use std::thread::{JoinHandle, Thread, ThreadId};

/// Most threads: no board has more cores, and every barrier waits for all of them.
pub const THREADS_MAX: usize = 64;

/// Turns of a waiting loop before the processor is given to others.
const SPINS: u32 = 2000;

/// How many threads work, and where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Workers {
    /// Threads, the caller's included; 0 counts as 1.
    pub threads: usize,
    /// Whether each keeps to a CPU of its own, the caller's thread too.
    pub pinned: bool,
}

impl From<usize> for Workers {
    /// So many threads, which run wherever the system wants.
    fn from(threads: usize) -> Self {
        Self {
            threads,
            pinned: false,
        }
    }
}

/// A job: called once by every thread with its number.
type Job<'a> = dyn Fn(usize, &Barrier) + Sync + 'a;

/// Where the threads of a job wait for each other.
#[derive(Debug)]
pub struct Barrier {
    threads: usize,
    waiting: AtomicUsize,
    round: AtomicUsize,
    broken: AtomicBool,
}

impl Barrier {
    fn new(threads: usize) -> Self {
        Self {
            threads,
            waiting: AtomicUsize::new(0),
            round: AtomicUsize::new(0),
            broken: AtomicBool::new(false),
        }
    }

    /// Returns when all threads are here; false when one of them has failed.
    pub fn wait(&self) -> bool {
        if self.threads == 1 {
            return true;
        }
        let round = self.round.load(Ordering::Relaxed);
        if self.waiting.fetch_add(1, Ordering::AcqRel) + 1 == self.threads {
            self.waiting.store(0, Ordering::Relaxed);
            self.round.store(round.wrapping_add(1), Ordering::Release);
        }
        let passed = || self.round.load(Ordering::Acquire) != round;
        wait_until(|| passed() || self.broken.load(Ordering::Acquire));
        !self.broken.load(Ordering::Acquire)
    }
}

fn wait_until(done: impl Fn() -> bool) {
    let mut turns = 0;
    while !done() {
        turns += 1;
        if turns < SPINS {
            std::hint::spin_loop();
        } else {
            std::thread::yield_now();
        }
    }
}

struct Shared {
    barrier: Barrier,
    /// Counts jobs; workers sleep until it changes.
    epoch: AtomicUsize,
    /// Workers that have not finished the job.
    busy: AtomicUsize,
    stop: AtomicBool,
    /// A pointer to the job's reference, which lives on the caller's stack while `busy`.
    job: AtomicPtr<&'static Job<'static>>,
}

/// The threads.
pub struct Pool {
    shared: Arc<Shared>,
    workers: Vec<(Thread, JoinHandle<()>)>,
    /// Where the caller's thread belongs, and which thread is there.
    caller: Option<(usize, Option<ThreadId>)>,
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Pool({})", self.threads())
    }
}

impl Pool {
    /// A pool of so many threads, the caller's included.
    pub fn new(workers: impl Into<Workers>) -> Result<Self, Int8Error> {
        let Workers { threads, pinned } = workers.into();
        let threads = threads.clamp(1, THREADS_MAX);
        let cpus = match pinned {
            true => allowed_cpus().map_err(|e| Int8Error::Pinning(e.to_string()))?,
            false => Vec::new(),
        };
        let cpu_of = |number: usize| cpus.get(number % cpus.len().max(1)).copied();
        let shared = Arc::new(Shared {
            barrier: Barrier::new(threads),
            epoch: AtomicUsize::new(0),
            busy: AtomicUsize::new(0),
            stop: AtomicBool::new(false),
            job: AtomicPtr::new(std::ptr::null_mut()),
        });
        let mut pool = Self {
            shared,
            workers: Vec::new(),
            caller: cpu_of(0).map(|cpu| (cpu, None)),
        };
        for number in 1..threads {
            let (shared, cpu) = (pool.shared.clone(), cpu_of(number));
            let worker = std::thread::Builder::new()
                .name(format!("infer-{number}"))
                .spawn(move || {
                    cpu.into_iter().for_each(keep_to);
                    work(&shared, number);
                })
                .map_err(|e| Int8Error::Threads(e.to_string()))?;
            pool.workers.push((worker.thread().clone(), worker));
        }
        Ok(pool)
    }

    /// Threads, the caller's included.
    pub fn threads(&self) -> usize {
        self.workers.len() + 1
    }

    /// Runs `job` on all threads, and returns when all are done; false when one has failed,
    /// after which the pool does nothing any more.
    pub fn run(&mut self, job: &Job<'_>) -> bool {
        self.pin_caller();
        let shared = &*self.shared;
        if self.workers.is_empty() {
            job(0, &shared.barrier);
            return true;
        }
        if shared.barrier.broken.load(Ordering::Acquire) {
            return false;
        }
        // SAFETY: only the lifetime changes. Workers use the reference while they are busy,
        // and this function does not return, not by a panic either, before none is.
        let mut job: &'static Job<'static> = unsafe { std::mem::transmute(job) };
        shared.job.store(&raw mut job, Ordering::Relaxed);
        shared.busy.store(self.workers.len(), Ordering::Relaxed);
        shared.epoch.fetch_add(1, Ordering::Release);
        self.workers.iter().for_each(|(thread, _)| thread.unpark());
        let own = catch_unwind(AssertUnwindSafe(|| job(0, &shared.barrier)));
        if own.is_err() {
            shared.barrier.broken.store(true, Ordering::Release);
        }
        wait_until(|| shared.busy.load(Ordering::Acquire) == 0);
        !shared.barrier.broken.load(Ordering::Acquire)
    }
}

impl Pool {
    /// Pins the calling thread, once.
    fn pin_caller(&mut self) {
        if let Some((cpu, pinned)) = &mut self.caller {
            let caller = std::thread::current().id();
            if *pinned != Some(caller) {
                keep_to(*cpu);
                *pinned = Some(caller);
            }
        }
    }
}

/// Pins this thread where that is possible: a frame computed elsewhere is better than none.
fn keep_to(cpu: usize) {
    if let Err(error) = pin_to(cpu) {
        log::warn!("a thread of the network does not keep to CPU {cpu}: {error}");
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Release);
        self.shared.epoch.fetch_add(1, Ordering::Release);
        for (thread, handle) in self.workers.drain(..) {
            thread.unpark();
            // A worker that has panicked was reported by `run`.
            drop(handle.join());
        }
    }
}

fn work(shared: &Shared, number: usize) {
    let mut seen = 0;
    loop {
        while shared.epoch.load(Ordering::Acquire) == seen {
            std::thread::park();
        }
        seen = shared.epoch.load(Ordering::Acquire);
        if shared.stop.load(Ordering::Acquire) {
            return;
        }
        // SAFETY: the caller of `run` keeps the reference alive while `busy` counts this
        // thread.
        let job = unsafe { *shared.job.load(Ordering::Relaxed) };
        if catch_unwind(AssertUnwindSafe(|| job(number, &shared.barrier))).is_err() {
            shared.barrier.broken.store(true, Ordering::Release);
        }
        shared.busy.fetch_sub(1, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn all_threads_pass_every_barrier_together() {
        for threads in [1, 2, 5] {
            let mut pool = Pool::new(threads).unwrap();
            let counts: Vec<AtomicUsize> = (0..50).map(|_| AtomicUsize::new(0)).collect();
            for frame in 1..=20 {
                let ran = pool.run(&|_, barrier| {
                    for count in &counts {
                        count.fetch_add(1, Ordering::Relaxed);
                        assert!(barrier.wait());
                        assert_eq!(count.load(Ordering::Relaxed), frame * threads);
                        assert!(barrier.wait());
                    }
                });
                assert!(ran);
            }
        }
    }

    #[test]
    fn pinned_threads_share_out_the_cpus() {
        // The caller is pinned, too, and must not be this test's thread.
        std::thread::spawn(|| {
            let cpus = allowed_cpus().unwrap();
            let workers = Workers {
                threads: 3,
                pinned: true,
            };
            let mut pool = Pool::new(workers).unwrap();
            for _ in 0..2 {
                let ran = pool.run(&|thread, _| {
                    assert_eq!(allowed_cpus().unwrap(), [cpus[thread % cpus.len()]]);
                });
                assert!(ran);
            }
        })
        .join()
        .unwrap();
    }

    #[test]
    fn a_failing_thread_ends_the_job_instead_of_hanging_it() {
        for failing in 0..3 {
            let mut pool = Pool::new(3).unwrap();
            let ran = pool.run(&|thread, barrier| {
                assert_ne!(thread, failing, "as the test wants it");
                barrier.wait();
            });
            assert!(!ran);
            assert!(!pool.run(&|_, _| {}));
        }
    }
}

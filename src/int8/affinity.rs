//! Which CPUs a thread may run on.

use std::io::Error;

/// The CPUs that this thread may run on, by number.
///
/// # Errors
/// What the system said.
pub fn allowed_cpus() -> Result<Vec<usize>, Error> {
    let mut set = empty();
    // SAFETY: the set is as large as is said, and is written only there.
    let answer = unsafe { libc::sched_getaffinity(0, size_of_val(&set), &raw mut set) };
    if answer != 0 {
        return Err(Error::last_os_error());
    }
    let cpus = 0..libc::CPU_SETSIZE as usize;
    // SAFETY: the numbers are within the set.
    Ok(cpus
        .filter(|cpu| unsafe { libc::CPU_ISSET(*cpu, &set) })
        .collect())
}

/// Keeps this thread on one CPU.
///
/// # Errors
/// What the system said, as for a CPU that it lacks or does not allow.
pub fn pin_to(cpu: usize) -> Result<(), Error> {
    if cpu >= libc::CPU_SETSIZE as usize {
        return Err(Error::from_raw_os_error(libc::EINVAL));
    }
    let mut set = empty();
    // SAFETY: the number is within the set, which is read only as far as is said.
    let answer = unsafe {
        libc::CPU_SET(cpu, &mut set);
        libc::sched_setaffinity(0, size_of_val(&set), &raw const set)
    };
    if answer == 0 {
        Ok(())
    } else {
        Err(Error::last_os_error())
    }
}

fn empty() -> libc::cpu_set_t {
    // SAFETY: the set is plain bits, all of them zero.
    unsafe { std::mem::zeroed() }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_pinned_thread_may_run_on_its_cpu_only() {
        // A thread of its own: the affinity ends with it.
        std::thread::spawn(|| {
            let last = *allowed_cpus().unwrap().last().unwrap();
            pin_to(last).unwrap();
            assert_eq!(allowed_cpus().unwrap(), [last]);
        })
        .join()
        .unwrap();
    }

    #[test]
    fn cpus_that_do_not_exist_are_refused() {
        assert!(pin_to(usize::MAX).is_err());
        assert!(pin_to(libc::CPU_SETSIZE as usize - 1).is_err());
        assert!(!allowed_cpus().unwrap().is_empty());
    }
}

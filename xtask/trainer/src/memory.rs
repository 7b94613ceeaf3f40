//! The C library's allocator, which torch takes its CPU tensors from.

/// Keeps freed memory in the process. By default glibc returns every large block to the
/// kernel at once, and the next step faults each of its pages in again: half the time of
/// training on a CPU, and three times fewer images a second.
pub fn keep_freed() {
    #[cfg(target_env = "gnu")]
    // SAFETY: mallopt only sets numbers of the allocator; no other thread runs yet.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, 1 << 30);
        libc::mallopt(libc::M_TRIM_THRESHOLD, i32::MAX);
        libc::mallopt(libc::M_TOP_PAD, 256 << 20);
    }
}

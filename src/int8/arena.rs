//! One block of memory for all tensors: those that live at the same time lie side by side.

use super::Int8Error;
use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::ptr::NonNull;

/// Bytes at whose multiples the arena and every buffer begin: a cache line.
pub const ALIGNMENT: usize = 64;

/// The largest arena.
const ARENA_BYTES_MAX: usize = 1 << 30;

/// Zeroed, aligned memory of fixed size.
#[derive(Debug)]
pub struct Arena {
    data: NonNull<u8>,
    layout: Layout,
}

// SAFETY: the arena owns its memory alone, and hands out a raw pointer only.
unsafe impl Send for Arena {}
// SAFETY: as above: whoever dereferences the pointer answers for it.
unsafe impl Sync for Arena {}

impl Arena {
    /// An arena of `bytes` bytes.
    pub fn new(bytes: usize) -> Result<Self, Int8Error> {
        let too_large = || Int8Error::Memory { bytes };
        if bytes > ARENA_BYTES_MAX {
            return Err(too_large());
        }
        let layout =
            Layout::from_size_align(bytes.max(ALIGNMENT), ALIGNMENT).map_err(|_| too_large())?;
        // SAFETY: the size is not 0.
        let data = unsafe { alloc_zeroed(layout) };
        let Some(data) = NonNull::new(data) else {
            handle_alloc_error(layout)
        };
        Ok(Self { data, layout })
    }

    /// Its first byte.
    pub fn data(&self) -> *mut u8 {
        self.data.as_ptr()
    }
}

impl Drop for Arena {
    fn drop(&mut self) {
        // SAFETY: allocated in `new` with this layout.
        unsafe { dealloc(self.data.as_ptr(), self.layout) }
    }
}

/// A buffer that wants a place: its size, and the first and the last stage that uses it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetime {
    /// Size.
    pub bytes: usize,
    /// Stage that writes it.
    pub first: usize,
    /// Last stage that reads it.
    pub last: usize,
}

/// Offsets of the buffers, and the bytes that all of them need. Buffers whose lifetimes meet
/// do not overlap. Large buffers choose first, each the lowest place that is free.
pub fn place(buffers: &[Lifetime]) -> (Vec<usize>, usize) {
    let mut order: Vec<usize> = (0..buffers.len()).collect();
    order.sort_by_key(|i| std::cmp::Reverse(buffers[*i].bytes));
    let mut offsets = vec![0; buffers.len()];
    let mut placed: Vec<usize> = Vec::with_capacity(buffers.len());
    let mut total = 0;
    for index in order {
        let own = buffers[index];
        let mut taken: Vec<(usize, usize)> = placed
            .iter()
            .filter(|i| buffers[**i].first <= own.last && own.first <= buffers[**i].last)
            .map(|i| (offsets[*i], offsets[*i] + buffers[*i].bytes))
            .collect();
        taken.sort_unstable();
        let mut offset = 0usize;
        for (begin, end) in taken {
            if begin >= offset + own.bytes {
                break;
            }
            offset = offset.max(end.next_multiple_of(ALIGNMENT));
        }
        offsets[index] = offset;
        total = total.max(offset + own.bytes);
        placed.push(index);
    }
    (offsets, total)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn buffers_that_live_together_do_not_overlap(
            sizes in prop::collection::vec((1usize..5000, 0usize..20, 0usize..6), 1..30)
        ) {
            let buffers: Vec<Lifetime> = sizes
                .iter()
                .map(|(bytes, first, length)| Lifetime {
                    bytes: *bytes,
                    first: *first,
                    last: first + length,
                })
                .collect();
            let (offsets, total) = place(&buffers);
            for (i, a) in buffers.iter().enumerate() {
                prop_assert!(offsets[i] % ALIGNMENT == 0 && offsets[i] + a.bytes <= total);
                for (j, b) in buffers.iter().enumerate().skip(i + 1) {
                    let together = a.first <= b.last && b.first <= a.last;
                    let apart = offsets[i] + a.bytes <= offsets[j]
                        || offsets[j] + b.bytes <= offsets[i];
                    prop_assert!(!together || apart);
                }
            }
        }
    }

    #[test]
    fn memory_is_used_again() {
        let chain: Vec<Lifetime> = (0..10)
            .map(|i| Lifetime {
                bytes: 1000,
                first: i,
                last: i + 1,
            })
            .collect();
        assert!(place(&chain).1 <= 2 * 1024);
    }
}

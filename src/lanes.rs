//! One loop, compiled for several kinds of CPU.

/// Makes a function whose body is compiled twice, the second time for CPUs with AVX2, and
/// chosen by what the CPU has. For loops over pixels that a compiler turns into vectors by
/// itself: elsewhere (and on ARM, where vectors are always there) nothing is gained.
macro_rules! for_each_cpu {
    (
        $(#[$doc:meta])*
        $visibility:vis fn $name:ident $(<$(const $n:ident: usize),+>)? (
            $($argument:ident: $kind:ty),* $(,)?
        ) $body:block
    ) => {
        $(#[$doc])*
        $visibility fn $name $(<$(const $n: usize),+>)? ($($argument: $kind),*) {
            #[inline(always)]
            fn plain $(<$(const $n: usize),+>)? ($($argument: $kind),*) $body

            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx2")]
                fn with_avx2 $(<$(const $n: usize),+>)? ($($argument: $kind),*) {
                    plain $(::<$($n),+>)? ($($argument),*);
                }
                if is_x86_feature_detected!("avx2") {
                    // SAFETY: the function needs nothing but the instructions, which are there.
                    return unsafe { with_avx2 $(::<$($n),+>)? ($($argument),*) };
                }
            }
            plain $(::<$($n),+>)? ($($argument),*);
        }
    };
}

pub(crate) use for_each_cpu;

//! Ready bindings of `linux/videodev2.h` in the place of the published `v4l2-sys-mit`,
//! which runs bindgen, and so needs libclang, in every build. `README.md` tells why and
//! how; `generate.sh` writes `bindings.rs`.

#[cfg(not(all(
    target_os = "linux",
    any(target_arch = "x86_64", target_arch = "aarch64")
)))]
compile_error!(
    "v4l2-sys-mit has bindings for Linux on x86_64 and aarch64 only: add the target to generate.sh"
);

#[allow(clippy::all, missing_docs, non_camel_case_types, non_snake_case)]
#[allow(non_upper_case_globals, unreachable_pub)]
#[rustfmt::skip]
mod bindings;

pub use bindings::*;

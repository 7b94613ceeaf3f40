#!/bin/sh
# Writes src/bindings.rs. Needed only to follow a newer kernel header; a build never runs it.
#
# On Debian 12:
#   apt-get install libclang1-14 libclang-common-14-dev linux-libc-dev \
#       linux-libc-dev-arm64-cross libc6-dev-arm64-cross
#   cargo install bindgen-cli --version 0.72.1 --locked
#   LIBCLANG_PATH=/usr/lib/llvm-14/lib ./generate.sh
set -eu
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -r "$work"' EXIT
echo '#include <linux/videodev2.h>' > "$work/wrapper.h"

# The payloads of codec controls are opaque: v4l never looks into them, and they are the
# only part of the header that still changes from one kernel release to the next.
bindings() {
    out=$1
    shift
    bindgen "$work/wrapper.h" --output "$out" \
        --rust-target 1.85 --rust-edition 2021 --no-doc-comments \
        --allowlist-type 'v4l2_.*|timeval|time_t' \
        --allowlist-var 'V4L2_(CAP|CTRL_FLAG|BUF_FLAG|FMT_FLAG|PIX_FMT_FLAG|MODE|IN|STD)_.*' \
        --opaque-type 'v4l2_ctrl_.*' \
        --blocklist-type '_*v4l2_(h264|hevc|vp8|vp9|mpeg2|av1)_.*' -- "$@"
}

bindings "$work/x86_64.rs" --target=x86_64-unknown-linux-gnu
bindings "$work/aarch64.rs" --target=aarch64-unknown-linux-gnu \
    -nostdlibinc -isystem /usr/aarch64-linux-gnu/include

# Both are 64-bit little-endian with the same sizes and alignments, so that one file
# serves both. Should a header ever break that, it shows here and not in a torn buffer.
if ! diff -u "$work/x86_64.rs" "$work/aarch64.rs"; then
    echo "the bindings differ between x86_64 and aarch64: keep one file for each" >&2
    exit 1
fi
mv "$work/x86_64.rs" src/bindings.rs

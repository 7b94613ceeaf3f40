#!/usr/bin/env bash
# Runs a shell script in the guest that build-guest.sh made.
#
#   board/lab/run-in-guest.sh --guest DIR [options] SCRIPT
#
#   --put FILE     copy FILE, or a folder, into the guest's /job (may be repeated)
#   --get DIR      unpack what the guest left in /out into DIR
#   --timeout S    kill the guest after S seconds (default 300)
#   --cpu NAME     QEMU CPU model (default cortex-a57, as in the Jetson Nano)
#   --smp N        guest CPUs (default 2)
#   --mem MIB      guest memory (default 1024)
#   --icount N     the guest's clock counts instructions, each of 2^N ns, and jumps over
#                  idle time: what it measures does not depend on how busy this computer is
#
# Prints what SCRIPT printed and exits with its exit status (124: timed out,
# 125: the guest ended without reporting). Needs qemu-system-arm and cpio.
set -euo pipefail

usage() {
    sed -n '2,16p' "$0" >&2
    exit 2
}

guest='' get='' timeout=300 cpu=cortex-a57 smp=2 mem=1024 icount=''
put=()
while [ $# -gt 1 ]; do
    case $1 in
        --guest)   guest=$2 ;;
        --put)     put+=("$2") ;;
        --get)     get=$2 ;;
        --timeout) timeout=$2 ;;
        --cpu)     cpu=$2 ;;
        --smp)     smp=$2 ;;
        --mem)     mem=$2 ;;
        --icount)  icount=$2 ;;
        *)         usage ;;
    esac
    shift 2
done
if [ $# -ne 1 ] || [ -z "$guest" ]; then usage; fi
if [ ! -f "$guest/guest.env" ]; then
    echo "run-in-guest: no guest in $guest; make one: board/lab/build-guest.sh $guest" >&2
    exit 2
fi
if ! command -v qemu-system-aarch64 >/dev/null; then
    echo "run-in-guest: no qemu-system-aarch64; install: apt-get install qemu-system-arm" >&2
    exit 2
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# 1. The job: a cpio archive of /job, appended to the base initramfs.
mkdir -p "$work/root/job"
if [ ${#put[@]} -gt 0 ]; then cp -r "${put[@]}" "$work/root/job/"; fi
cp "$1" "$work/root/job/run"
(cd "$work/root" && find . | cpio --quiet -o -H newc -R 0:0) > "$work/job.cpio"
cat "$guest/base.cpio" "$work/job.cpio" > "$work/initrd"
rm -rf "$work/root" "$work/job.cpio"

# 2. The machine.
threads=multi
if [ -n "$icount" ]; then threads=single; fi
machine=(-M virt -cpu "$cpu" -smp "$smp" -m "$mem" -accel "tcg,thread=$threads"
    -nodefaults -no-reboot -display none -serial stdio
    -kernel "$guest/vmlinuz" -initrd "$work/initrd"
    -append "console=ttyAMA0 quiet loglevel=3 panic=-1 rdinit=/init")
if [ -n "$icount" ]; then machine+=(-icount "shift=$icount,sleep=off"); fi
if [ -n "$get" ]; then
    truncate -s 512M "$work/out.img"
    machine+=(-drive "file=$work/out.img,format=raw,if=none,id=out,cache=unsafe"
        -device "virtio-blk-pci,drive=out")
fi

# 3. Run it, and show only what lies between the two markers.
set +e
timeout "$timeout" qemu-system-aarch64 "${machine[@]}" < /dev/null 2> "$work/qemu.err" |
    tr -d '\r' | tee "$work/console" |
    awk '/^@@guest-exit/ {on = 0} on {print; fflush()} /^@@guest-start/ {on = 1}'
status=${PIPESTATUS[0]}
set -e
awk '/^@@guest-start/ {boot = $2}
     /^@@guest-exit/ {printf "guest: booted in %s s, up %s s\n", boot, $3}' "$work/console" >&2
code=$(awk '/^@@guest-exit/ {print $2}' "$work/console")
if [ -z "$code" ]; then
    cat "$work/qemu.err" >&2
    tail -n 20 "$work/console" >&2
    [ "$status" = 124 ] && exit 124
    exit 125
fi
if [ -n "$get" ]; then
    mkdir -p "$get"
    # The archive ends where the zeros of the disk begin; a job that left
    # nothing leaves an empty disk, which is not an archive.
    tar -xf "$work/out.img" -C "$get" 2>/dev/null || true
fi
exit "$code"

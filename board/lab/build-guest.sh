#!/usr/bin/env bash
# Builds a small QEMU guest that has real V4L2 cameras in it.
#
#   board/lab/build-guest.sh OUT_DIR
#
# The guest is a stock Debian arm64 kernel and an uncompressed initramfs with
# busybox, v4l2-ctl and the kernel modules that camera tests need:
#   vivid                 the kernel's virtual camera (capture, output, loop-back)
#   uvcvideo, vhci-hcd    the kernel's USB camera driver and a USB/IP host port,
#                         to which uvcsim plugs its simulated camera
#   virtio_blk            the disk through which results come back
#
# Result in OUT_DIR: vmlinuz, base.cpio, and guest.env, written last.
# Needs mmdebstrap, cpio, kmod and xz-utils. Packages are unpacked and never
# configured, so no foreign code runs and the host's own apt is left alone.
set -euo pipefail

if [ $# -ne 1 ]; then
    sed -n '2,16p' "$0" >&2
    exit 2
fi
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"
out=$(cd "$1" && pwd)
suite=bookworm
modules=(vivid uvcvideo vhci-hcd virtio_pci virtio_mmio virtio_blk)

missing=()
for tool in mmdebstrap cpio depmod modprobe unxz; do
    command -v "$tool" >/dev/null || PATH="$PATH:/usr/sbin:/sbin" command -v "$tool" >/dev/null || missing+=("$tool")
done
if [ ${#missing[@]} -gt 0 ]; then
    echo "build-guest: not found: ${missing[*]}; install: apt-get install mmdebstrap cpio kmod xz-utils" >&2
    exit 1
fi
PATH="$PATH:/usr/sbin:/sbin"

work=$(mktemp -d)
trap 'rm -rf --one-file-system "$work"' EXIT
rm -f "$out/guest.env"

# 1. Kernel and user space in one go. The "cloud" kernels have no vivid.
if ! mmdebstrap --quiet --variant=extract --arch=arm64 \
    --aptopt='Acquire::Retries "3"' --include=linux-image-arm64,busybox-static,v4l-utils \
    "$suite" "$work/debian.tar" 2> "$work/mmdebstrap.log"; then
    cat "$work/mmdebstrap.log" >&2
    echo "build-guest: mmdebstrap failed: the Debian archive must be reachable" >&2
    exit 1
fi
# By way of an archive, because without root the tree itself would belong to others.
mkdir "$work/debian"
tar -xf "$work/debian.tar" -C "$work/debian" --no-same-owner --exclude='./dev/*'
rm "$work/debian.tar"
kernels=("$work"/debian/boot/vmlinuz-*)
version=${kernels[0]##*/vmlinuz-}
cp "${kernels[0]}" "$out/vmlinuz"

# 2. User space: only what the shell, v4l2-ctl and their libraries need.
root=$work/root
mkdir -p "$root"/{dev,proc,sys,tmp,run,out,job,sbin}
mkdir -p "$root/usr/bin" "$root/bin"
cp "$work/debian/bin/busybox" "$root/bin/"
cp "$work/debian/usr/bin/v4l2-ctl" "$root/usr/bin/"
cp -a "$work/debian/lib" "$root/"
rm -rf "$root/lib"/{modules,firmware,systemd,udev,modprobe.d,terminfo,init,lsb}
mkdir -p "$root/usr"
cp -a "$work/debian/usr/lib" "$root/usr/"
find "$root/usr/lib" -mindepth 1 -maxdepth 1 ! -name aarch64-linux-gnu -exec rm -rf {} +
rm -rf "$root"/usr/lib/aarch64-linux-gnu/{perl-base,perl,gconv,systemd,security}

# 3. The wanted modules and whatever they depend on, decompressed: the guest's
#    emulated CPU unpacks ten times slower than the host's.
depmod -b "$work/debian" "$version"
modules_from=$work/debian/lib/modules/$version
modules_to=$root/lib/modules/$version
for module in "${modules[@]}"; do
    # A module that is built into the kernel lists nothing to copy.
    modprobe -S "$version" -d "$work/debian" --show-depends "$module" |
        awk '$1 == "insmod" {print $2}'
done | sort -u > "$work/modules"
while read -r path; do
    relative=${path##*/lib/modules/"$version"/}
    mkdir -p "$modules_to/$(dirname "$relative")"
    cp "$path" "$modules_to/$relative"
done < "$work/modules"
find "$modules_to" -name '*.ko.xz' -exec unxz {} +
cp "$modules_from"/modules.{order,builtin,builtin.modinfo} "$modules_to/"
depmod -b "$root" "$version"

# 4. Our init, and the archive, not compressed for the same reason.
install -m 755 "$here/guest-init" "$root/init"
(cd "$root" && find . | LC_ALL=C sort | cpio --quiet -o -H newc -R 0:0) > "$out/base.cpio"
echo "GUEST_KERNEL=$version" > "$out/guest.env.new"
mv "$out/guest.env.new" "$out/guest.env"
echo "guest: $out (Linux $version, initramfs $(du -h "$out/base.cpio" | cut -f1))"

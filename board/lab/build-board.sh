#!/usr/bin/env bash
# Builds the disk of a virtual board: Debian arm64 with systemd, udev and sshd.
#
#   board/lab/build-board.sh OUT_DIR
#
# The board is as stock as a new Jetson: nothing of ours is on it. It has
#   root and jetson       who log in with the same ssh key; jetson may sudo
#   vivid                 the kernel's virtual camera, there at every boot
#   dbus                  so that jetson may ask systemd as well
#   uvcvideo, vhci-hcd    for uvcsim, which the lab copies to it
#   softdog               a watchdog device
#
# Result in OUT_DIR: vmlinuz, initrd.cpio, disk.img (ext4, no partitions), key and
# key.pub, host.pub (the board's own key), and board.env, written last.
# Needs root, because the files of the disk belong to several users, and mmdebstrap,
# qemu-user-static, e2fsprogs, cpio, kmod, xz-utils and openssh-client. Packages are
# configured under qemu-user; the host's own apt is left alone.
set -euo pipefail

if [ $# -ne 1 ]; then
    sed -n '2,19p' "$0" >&2
    exit 2
fi
mkdir -p "$1"
out=$(cd "$1" && pwd)
suite=bookworm
disk_bytes=1G
# jetson's and root's only password is the key.
packages=systemd-sysv,udev,dbus,kmod,openssh-server,sudo,e2fsprogs
modules=(vivid uvcvideo vhci-hcd softdog virtio_net virtio_pci virtio_mmio virtio_blk
    virtio_rng ext4)
PATH="$PATH:/usr/sbin:/sbin"

missing=()
for tool in mmdebstrap mkfs.ext4 cpio depmod modprobe unxz ssh-keygen dpkg-deb; do
    command -v "$tool" > /dev/null || missing+=("$tool")
done
if [ ${#missing[@]} -gt 0 ]; then
    echo "build-board: not found: ${missing[*]}; install: apt-get install mmdebstrap" \
        "e2fsprogs cpio kmod xz-utils openssh-client" >&2
    exit 1
fi
if [ "$(id -u)" != 0 ]; then
    echo "build-board: must be root, because the disk's files belong to several users" >&2
    exit 1
fi

# Packages run programs of their own while they are configured.
if [ "$(uname -m)" != aarch64 ]; then
    binfmt=/proc/sys/fs/binfmt_misc
    [ -e $binfmt/register ] || mount -t binfmt_misc none $binfmt
    if [ ! -e $binfmt/qemu-aarch64 ]; then
        rule=/usr/lib/binfmt.d/qemu-aarch64.conf
        if [ ! -e $rule ]; then
            echo "build-board: no $rule; install: apt-get install qemu-user-static" >&2
            exit 1
        fi
        cat $rule > $binfmt/register
    fi
fi

work=$(mktemp -d)
trap 'rm -rf --one-file-system "$work"' EXIT
chmod 755 "$work"
rm -f "$out/board.env" "$out/key" "$out/key.pub"
ssh-keygen -q -t ed25519 -N '' -C lookout-lab -f "$out/key"

# What has to happen inside: run by mmdebstrap with the new root folder.
# Keys made here spare sshd's package to make them under emulation, which takes long.
cat > "$work/before" << 'HOOK'
#!/bin/sh
mkdir -p "$1/etc/ssh"
exec ssh-keygen -A -f "$1"
HOOK
# The kernel is fetched with the same package lists, and unpacked only: its package asks
# for a generator of initramfs images.
cat > "$work/after" << 'HOOK'
#!/bin/sh
set -e
cd "$KERNEL_DIR"
export APT_CONFIG="$MMDEBSTRAP_APT_CONFIG"
kernel=$(apt-cache depends linux-image-arm64 | awk '/Depends: linux-image/ {print $2; exit}')
apt-get -qq -o APT::Sandbox::User=root -o Acquire::Retries=3 download "$kernel" busybox-static
HOOK
chmod 755 "$work/before" "$work/after"
mkdir "$work/debs"

# 1. The root file system.
if ! KERNEL_DIR=$work/debs mmdebstrap --quiet --mode=root --skip=check/qemu --variant=essential --arch=arm64 \
    --include="$packages" --aptopt='Acquire::Retries "3"' --dpkgopt=force-unsafe-io \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/info/*' \
    --essential-hook="$work/before \"\$1\"" --customize-hook="$work/after" \
    "$suite" "$work/root" 2> "$work/mmdebstrap.log"; then
    cat "$work/mmdebstrap.log" >&2
    echo "build-board: mmdebstrap failed: the Debian archive must be reachable" >&2
    exit 1
fi
root=$work/root

# 2. The kernel and what the board needs of its modules, decompressed: the emulated CPU
#    unpacks ten times slower than the host's.
dpkg-deb -x "$work"/debs/linux-image-*.deb "$work/kernel"
[ -d "$work/kernel/lib/modules" ] || ln -s usr/lib "$work/kernel/lib"
kernels=("$work"/kernel/boot/vmlinuz-*)
version=${kernels[0]##*/vmlinuz-}
cp "${kernels[0]}" "$out/vmlinuz"
modules_from=$work/kernel/lib/modules/$version
depmod -b "$work/kernel" "$version"

# Copies modules and whatever they depend on into the folder $1.
copy_modules() {
    local to=$1/lib/modules/$version module path relative
    shift
    for module in "$@"; do
        # A module that is built into the kernel lists nothing to copy.
        modprobe -S "$version" -d "$work/kernel" --show-depends "$module" |
            awk '$1 == "insmod" {print $2}'
    done | sort -u > "$work/modules"
    mkdir -p "$to"
    while read -r path; do
        relative=${path##*/lib/modules/"$version"/}
        mkdir -p "$to/$(dirname "$relative")"
        cp "$path" "$to/$relative"
    done < "$work/modules"
    find "$to" -name '*.ko.xz' -exec unxz {} +
    cp "$modules_from"/modules.{order,builtin,builtin.modinfo} "$to/"
    depmod -b "${to%/lib/modules/*}" "$version"
}
copy_modules "$root" "${modules[@]}"

# 3. Settings. The network is QEMU's, which has fixed addresses.
etc=$root/etc
chroot "$root" useradd --create-home --shell /bin/bash --groups sudo jetson
echo 'jetson ALL=(ALL) NOPASSWD: ALL' > "$etc/sudoers.d/jetson"
chmod 440 "$etc/sudoers.d/jetson"
for home in root home/jetson; do
    mkdir -p -m 700 "$root/$home/.ssh"
    cp "$out/key.pub" "$root/$home/.ssh/authorized_keys"
done
chroot "$root" chown -R jetson:jetson /home/jetson
echo board > "$etc/hostname"
printf '127.0.0.1 localhost\n127.0.1.1 board\n' > "$etc/hosts"
echo '/dev/vda / ext4 defaults,noatime 0 1' > "$etc/fstab"
cat > "$etc/systemd/network/10-qemu.network" << 'NETWORK'
[Match]
Name=e*
[Network]
Address=10.0.2.15/24
Gateway=10.0.2.2
LinkLocalAddressing=no
NETWORK
printf 'virtio_net\nvivid\nsoftdog\n' > "$etc/modules-load.d/board.conf"
echo 'options vivid n_devs=1 node_types=0x1 num_inputs=1 input_types=0' > "$etc/modprobe.d/vivid.conf"
printf 'UseDNS no\nMaxStartups 50\n' > "$etc/ssh/sshd_config.d/board.conf"
units=$etc/systemd/system
mkdir -p "$units/multi-user.target.wants"
ln -sf /lib/systemd/system/systemd-networkd.service "$units/multi-user.target.wants/"
# Emulated seconds are dear: no timers, no consoles, no sessions.
for unit in apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer \
    e2scrub_reap.service fstrim.timer systemd-networkd-wait-online.service getty@tty1.service \
    getty-static.service serial-getty@ttyAMA0.service systemd-logind.service \
    proc-sys-fs-binfmt_misc.automount; do
    ln -sf /dev/null "$units/$unit"
done
cp "$etc/ssh/ssh_host_ed25519_key.pub" "$out/host.pub"
rm -rf "$root"/var/cache/apt/* "$root"/var/lib/apt/lists/* "$root"/usr/share/{doc,man,locale}/*

# 4. The disk, straight from the folder: no mount, no loop device.
rm -f "$out/disk.img"
truncate -s "$disk_bytes" "$out/disk.img"
mkfs.ext4 -q -F -L board -d "$root" "$out/disk.img"

# 5. A first stage that knows one disk and one file system.
first=$work/first
mkdir -p "$first"/{bin,dev,proc,sys,new}
dpkg-deb --fsys-tarfile "$work"/debs/busybox-static_*.deb | tar -x -C "$first" ./bin/busybox
# ext4 asks for crc32c by an alias, which depmod does not follow.
copy_modules "$first" virtio_pci virtio_mmio virtio_blk crc32c_generic ext4
cat > "$first/init" << 'INIT'
#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t devtmpfs dev /dev
mount -t proc proc /proc
mount -t sysfs sys /sys
modprobe -a virtio_pci virtio_mmio virtio_blk crc32c_generic ext4 2> /dev/null
n=0
while [ ! -b /dev/vda ] && [ $n -lt 100 ]; do
    sleep 0.05
    n=$((n + 1))
done
mount -t ext4 -o noatime /dev/vda /new || poweroff -f
umount /sys
umount /proc
mount --move /dev /new/dev
exec switch_root /new /sbin/init
INIT
chmod 755 "$first/init"
(cd "$first" && find . | LC_ALL=C sort | cpio --quiet -o -H newc -R 0:0) > "$out/initrd.cpio"

echo "BOARD_KERNEL=$version" > "$out/board.env.new"
mv "$out/board.env.new" "$out/board.env"
echo "board: $out (Linux $version, files $(du -sh --apparent-size "$root" | cut -f1))"

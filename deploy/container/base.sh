#!/usr/bin/env bash
# Build a base image from Debian packages, for networks without access to an image registry:
#
#     sudo deploy/container/base.sh base.tar.gz [SUITE] [MIRROR]
#     docker import base.tar.gz ecsync-base      # or: podman import
#
# SUITE: default bookworm (Python 3.11); trixie has Python 3.13. MIRROR: default that of debootstrap.
# PACKAGES=a,b: also install these packages, such as openssh-client for ssh.Dockerfile.
# APT_SOURCES=FILE: also install updates from this list (a plain mirror does not have bookworm-security).
set -euo pipefail

out=${1:?the output file is missing, such as base.tar.gz}
suite=${2:-bookworm}
mirror=${3:-}
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

command -v debootstrap >/dev/null || { echo "debootstrap is not installed: apt-get install debootstrap" >&2; exit 1; }
[ "$(id -u)" = 0 ] || { echo "debootstrap requires root (chroot, device nodes): use sudo" >&2; exit 1; }

root=$(mktemp -d)
trap 'rm -rf --one-file-system "$root"' EXIT
chmod 755 "$root"  # it becomes /, so every user must have access

debootstrap --variant=minbase --keyring="$keyring" --include="python3,python3-venv,ca-certificates${PACKAGES:+,$PACKAGES}" \
  "$suite" "$root" ${mirror:+"$mirror"} >&2

if [ -n "${APT_SOURCES:-}" ]; then
  rm -f "$root"/etc/apt/sources.list
  install -m 644 "$APT_SOURCES" "$root/etc/apt/sources.list.d/"
  install -m 644 /etc/resolv.conf "$root/etc/resolv.conf"
  chroot "$root" apt-get update -q >&2
  chroot "$root" env DEBIAN_FRONTEND=noninteractive apt-get dist-upgrade -qy >&2
fi

# Remove files that only package management and interactive use need. Keep licences.
rm -rf "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/* "$root"/var/cache/debconf/* "$root"/var/log/* \
  "$root"/usr/share/man/* "$root"/usr/share/info/* "$root"/usr/share/locale/* "$root"/etc/resolv.conf \
  "$root"/etc/apt/sources.list.d/*
: >"$root/etc/hostname"
find "$root/usr/share/doc" -type f ! -name copyright -delete

tar --create --numeric-owner --sort=name --one-file-system --directory "$root" \
  --exclude='./dev/*' --exclude='./proc/*' --exclude='./sys/*' --exclude='./tmp/*' . | gzip -9n >"$out"
echo "$out: $(stat -c %s "$out") bytes, $suite, $(chroot "$root" python3 --version)" >&2

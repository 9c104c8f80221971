#!/usr/bin/env bash
# Make a base image out of Debian's packages, for where no image registry is reachable:
#
#     sudo deploy/container/base.sh base.tar.gz [SUITE] [MIRROR]
#     docker import base.tar.gz ecsync-base      # or: podman import
#
# SUITE is bookworm (Python 3.11) unless given; trixie has 3.13. MIRROR is debootstrap's own default unless given.
# APT_SOURCES=FILE takes the suite's updates from that list as well (bookworm-security is on no plain mirror).
set -euo pipefail

out=${1:?where to write the base, such as base.tar.gz}
suite=${2:-bookworm}
mirror=${3:-}
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

command -v debootstrap >/dev/null || { echo "debootstrap is missing: apt-get install debootstrap" >&2; exit 1; }
[ "$(id -u)" = 0 ] || { echo "debootstrap needs root, for chroot and device nodes: use sudo" >&2; exit 1; }

root=$(mktemp -d)
trap 'rm -rf --one-file-system "$root"' EXIT
chmod 755 "$root"  # it becomes /, which every user must be able to enter

debootstrap --variant=minbase --keyring="$keyring" --include=python3,python3-venv,ca-certificates \
  "$suite" "$root" ${mirror:+"$mirror"} >&2

if [ -n "${APT_SOURCES:-}" ]; then
  rm -f "$root"/etc/apt/sources.list
  install -m 644 "$APT_SOURCES" "$root/etc/apt/sources.list.d/"
  install -m 644 /etc/resolv.conf "$root/etc/resolv.conf"
  chroot "$root" apt-get update -q >&2
  chroot "$root" env DEBIAN_FRONTEND=noninteractive apt-get dist-upgrade -qy >&2
fi

# What only packaging and people at a terminal need; licences stay.
rm -rf "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/* "$root"/var/cache/debconf/* "$root"/var/log/* \
  "$root"/usr/share/man/* "$root"/usr/share/info/* "$root"/usr/share/locale/* "$root"/etc/resolv.conf \
  "$root"/etc/apt/sources.list.d/*
: >"$root/etc/hostname"
find "$root/usr/share/doc" -type f ! -name copyright -delete

tar --create --numeric-owner --sort=name --one-file-system --directory "$root" \
  --exclude='./dev/*' --exclude='./proc/*' --exclude='./sys/*' --exclude='./tmp/*' . | gzip -9n >"$out"
echo "$out: $(stat -c %s "$out") bytes, $suite, $(chroot "$root" python3 --version)" >&2

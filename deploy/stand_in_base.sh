#!/bin/sh
# Makes an image that stands in for the official Python slim image where no image registry can be reached:
# a minimal Debian bookworm with its Python 3.11, made from Debian's packages and tagged with the same name.
# Needs root, debootstrap and buildah; takes three minutes and 200 MB. A different distribution of Python
# (/usr instead of /usr/local, OpenSSL and SQLite of Debian in both), so it shows that the Dockerfile works,
# not that the official image is the same.
#
#   deploy/stand_in_base.sh python:3.11-slim-bookworm
set -eu

tag=${1:?usage: deploy/stand_in_base.sh TAG}
folder=$(mktemp -d)
container=
clean() {
    [ -z "$container" ] || buildah rm "$container" >/dev/null
    rm -rf "$folder"
}
trap clean EXIT
trap 'exit 130' INT TERM

echo "Making $tag from Debian's packages ..."
# debootstrap cannot choose between packages that provide the same (python3-distutils): Python comes by apt.
debootstrap --variant=minbase bookworm "$folder/root" >"$folder/log" 2>&1 || { tail -n 5 "$folder/log"; exit 1; }
chroot "$folder/root" sh -eu -c '
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq
    apt-get install -qq --no-install-recommends ca-certificates python3 python3-venv >/dev/null
    apt-get clean
    rm -rf /var/lib/apt/lists/* /var/cache/debconf/* /usr/share/doc/* /usr/share/man/* /usr/share/locale/*
    rm -f /var/log/*.log /var/log/apt/* /etc/hostname /etc/resolv.conf
    python3 -c "import sys, venv; assert sys.version_info[:2] == (3, 11)"
'
container=$(buildah from scratch)
buildah add --quiet "$container" "$folder/root" / >/dev/null
buildah config --env PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin --env LANG=C.UTF-8 \
    --cmd python3 --label org.opencontainers.image.title="stand-in for $tag (Debian bookworm, Python 3.11)" "$container"
buildah commit --quiet "$container" "$tag" >/dev/null
echo "Made $tag."

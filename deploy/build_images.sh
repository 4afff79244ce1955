#!/bin/sh
# Builds the images of compose.yaml: `browse-assets` and `browse-assets-proxy`. `make image` calls it.
#
# With Docker where its engine answers, else with buildah (which needs no engine, and takes none here either).
#   BASE          the Python image that both start from (python:3.11-slim-bookworm); with its digest to pin it
#   TAG           tag of the images (latest)
#   PIP_CONF      a pip.conf with your own package index; stays out of the image
#   CA_BUNDLE     certificates to trust while building; stays out of the image
#   STAND_IN=1    makes BASE from Debian's packages first (deploy/stand_in_base.sh): no image registry is asked
set -eu
cd "$(dirname "$0")/.."

base=${BASE:-python:3.11-slim-bookworm}
tag=${TAG:-latest}
revision=$(git rev-parse --short=12 HEAD 2>/dev/null || echo unknown)
version=$(sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)

if docker info >/dev/null 2>&1; then
    builder=docker
elif command -v buildah >/dev/null; then
    builder=buildah
else
    echo "Neither a Docker engine answers nor is buildah installed: install Docker, or apt install buildah." >&2
    exit 2
fi

if [ -n "${STAND_IN:-}" ]; then
    [ "$builder" = buildah ] || { echo "STAND_IN is for machines without Docker." >&2; exit 2; }
    buildah inspect --type image "$base" >/dev/null 2>&1 || deploy/stand_in_base.sh "$base"
fi

build() { # target, name
    set -- --target "$1" --tag "$2:$tag" --build-arg "BASE=$base" --build-arg "VERSION=$version" \
        --build-arg "REVISION=$revision"
    if [ -n "${PIP_CONF:-}" ]; then set -- "$@" --secret "id=pip.conf,src=$PIP_CONF"; fi
    if [ -n "${CA_BUNDLE:-}" ]; then set -- "$@" --secret "id=ca.pem,src=$CA_BUNDLE"; fi
    if [ "$builder" = docker ]; then
        DOCKER_BUILDKIT=1 docker build "$@" .
    else
        # chroot: no namespaces or cgroups needed, so it works in a container and in CI too. docker: the format
        # that keeps HEALTHCHECK.
        buildah bud --isolation chroot --network host --format docker --layers \
            ${STAND_IN:+--pull-never} "$@" .
    fi
}

started=$(date +%s)
build app browse-assets
build proxy browse-assets-proxy
echo "Built browse-assets:$tag and browse-assets-proxy:$tag with $builder in $(($(date +%s) - started)) s."

#!/bin/sh
# Makes the release of the last commit twice and compares every byte: in two
# clones in folders of different names and depths, the second with an empty
# build cache. Each clone finds its version stamp for itself.
set -eu
cd "$(dirname "$0")/../.."
work=$(mktemp -d)
trap 'rm -rf "$work" || true' EXIT

second="$work/another place/deep down/clone"
mkdir -p "$work/another place/deep down"
git clone --quiet . "$work/a"
git clone --quiet . "$second"
make --no-print-directory -C "$work/a" release
GOCACHE="$work/cache" make --no-print-directory -C "$second" release >/dev/null

test -s "$work/a/dist/SHA256SUMS"
(cd "$second/dist" && sha256sum --check --quiet "$work/a/dist/SHA256SUMS")
diff -r "$work/a/dist" "$second/dist"
echo "two builds, $(wc -l <"$work/a/dist/SHA256SUMS") artefacts, the same bytes"

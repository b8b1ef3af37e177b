#!/bin/sh
# What a lock file pins, with its digests, into a virtual environment: packages.sh FOLDER_OF_ITS_PYTHON LOCK_FILE
# With uv, which needs a quarter of pip's time; with pip where uv cannot get at the packages. uv does not read pip's
# settings: it is told the index.
set -eu
bin=$1
lock=$2
pip() { "$bin/python" -m pip --disable-pip-version-check "$@"; }
install="install --quiet --no-compile --no-deps --require-hashes"

pin=$(mktemp)
trap 'rm -f "$pin"' EXIT
awk '/^[^ #]/ { wanted = /^uv==/ } wanted' "$lock" >"$pin"
index=${PIP_INDEX_URL:-$(pip config get global.index-url 2>/dev/null || true)}
if [ -n "$index" ]; then export UV_DEFAULT_INDEX="${UV_DEFAULT_INDEX:-$index}"; fi
# shellcheck disable=SC2086 # a list of options
pip $install -r "$pin" && "$bin/uv" pip install --quiet --python "$bin/python" --no-deps --require-hashes -r "$lock" && exit 0
echo "uv could not install the packages; pip does." >&2
# shellcheck disable=SC2086
pip $install -r "$lock"

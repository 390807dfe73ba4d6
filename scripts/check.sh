#!/usr/bin/env bash
# The whole gate, cheapest first; CI runs nothing else. Run scripts/setup.sh --tests before.
set -euo pipefail
cd "$(dirname "$0")/.."

step() {
  echo
  echo "== $1 ($((SECONDS / 60)) min)"
}

step "format, imports, banned names"
scripts/lint.sh

step "declared dependencies are imported, and documented"
scripts/targets.py --check

if [ -x scripts/generate.sh ]; then
  # Another protoc writes other code; what's checked in is what these versions write.
  versions="$(protoc --version) $(protoc-c --version | sed -n 1p)"
  if [[ "$versions" = "libprotoc 3.21.12 protobuf-c 1.4.1"* ]]; then
    step "generated code is up to date"
    scripts/generate.sh --check
  else
    echo "check: generated code not compared (made by protoc 3.21.12 and protobuf-c 1.4.1)"
  fi
fi

# One configuration for everything: what is built once is tested by unit and by end-to-end tests.
# A target that imports what its manifest entry doesn't name fails here.
step "build"
swift build --build-tests --explicit-target-dependency-import-check error
swift build --product bridge-proxy

step "unit tests"
swift test --skip-build

# The codec alone is built a second time, for AddressSanitizer; NIO isn't. What fuzzing has found runs here
# too. No fuzzing as such: it would find other things each time, and fail changes that have nothing to do
# with them. That's `make fuzz`.
step "codec and routing under AddressSanitizer, with what fuzzing has found"
# XCTest's own runner leaks, and there is nothing for it to run.
if ! swift test --disable-xctest --package-path Fuzz --sanitize address; then
  echo "check: if a trap ended it: Fuzz/.build/replayed.txt names the input that was the last one" >&2
  exit 1
fi

step "conformance"
scripts/conformance.sh

step "differential tests"
scripts/differential.sh

if [ -d Tests/EndToEnd ]; then
  step "end-to-end tests"
  BRIDGE_PROXY_BINARY="$(swift build --show-bin-path)/bridge-proxy" \
    .venv/bin/python -m pytest Tests/EndToEnd -q -n 2 --dist loadfile
fi

step "all is well"

#!/usr/bin/env bash
# The complete gate, cheapest checks first; CI runs nothing else. Run scripts/setup.sh --tests first.
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
  # Other versions of protoc generate different code; the checked-in code is from these versions.
  versions="$(protoc --version) $(protoc-c --version | sed -n 1p)"
  if [[ "$versions" = "libprotoc 3.21.12 protobuf-c 1.4.1"* ]]; then
    step "generated code is up to date"
    scripts/generate.sh --check
  else
    echo "check: generated code not compared (made by protoc 3.21.12 and protobuf-c 1.4.1)"
  fi
fi

# One build configuration for everything: unit and end-to-end tests use the same build. A target that
# imports a module missing from its manifest entry fails here.
step "build"
swift build --build-tests --explicit-target-dependency-import-check error
swift build --product bridge-proxy

step "libraries that the program loads, and its manual page"
built=$(swift build --show-bin-path)
scripts/libraries.py "$built/bridge-proxy" \
  --objects "$built/bridge-proxy.product/Objects.LinkFileList"
scripts/man.sh --check

step "unit tests"
swift test --skip-build

step "instructions and allocations per call"
.venv/bin/python Benchmarks/budget.py "$built/bridge-proxy"

# Only the codec is built a second time, for AddressSanitizer; NIO isn't. Inputs found by fuzzing are
# replayed here. No fuzzing itself: it would find something different each time, and fail unrelated
# changes. That's `make fuzz`.
step "codec and routing under AddressSanitizer, with what fuzzing has found"
# XCTest's own runner leaks, and has nothing to run here.
if ! swift test --disable-xctest --package-path Fuzz --sanitize address; then
  echo "check: if it crashed, Fuzz/.build/replayed.txt names the last input" >&2
  exit 1
fi

step "conformance"
scripts/conformance.sh

step "differential tests"
scripts/differential.sh

if [ -d Tests/EndToEnd ]; then
  step "end-to-end tests"
  BRIDGE_PROXY_BINARY="$built/bridge-proxy" \
    .venv/bin/python -m pytest Tests/EndToEnd -q -n 2 --dist loadfile
fi

step "all is well"

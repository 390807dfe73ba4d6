#!/usr/bin/env bash
# Runs the differential tests: random messages through the codec, Python's protobuf and libprotobuf-c.
# Arguments are passed to pytest, for example `-k encoding`.
#
#   DIFFERENTIAL_COUNT   messages of each type in each test, 25 by default
#   DIFFERENTIAL_SEED    the first seed, 1 by default; a failure reports the seed that reproduces it
set -euo pipefail
cd "$(dirname "$0")/.."

if [ ! -x .venv/bin/python ]; then
  echo "differential: no .venv found; run scripts/setup.sh --tests" >&2
  exit 1
fi
swift build --product conformance-testee
CONFORMANCE_TESTEE="$(swift build --show-bin-path)/conformance-testee" \
  exec .venv/bin/python -m pytest Tests/Differential -q "$@"

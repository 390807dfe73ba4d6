#!/usr/bin/env bash
# Builds and runs the benchmarks: Envoy's gRPC-JSON transcoder and the bridge, side by side.
#
#   scripts/bench.sh              JSON over HTTP/1.1, clients over HTTP/2 (with nginx), footprint, and scale
#   scripts/bench.sh OPTION...    only the first, with options of Benchmarks/bench.py: --peer, --payload,
#                                 --connections, …
#
# BENCH_SECONDS (5) and BENCH_WARMUP (1) set the measurement and warm-up time of each table cell.
set -euo pipefail
cd "$(dirname "$0")/.."

environment=.venv-bench
requirements=Benchmarks/requirements.txt

if ! command -v wrk >/dev/null || ! command -v protoc >/dev/null || ! command -v h2load >/dev/null \
  || ! [ -x /usr/sbin/nginx ]; then
  as_root=()
  if [ "$(id -u)" -ne 0 ]; then as_root=(sudo); fi
  "${as_root[@]}" apt-get update -qq
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends \
    wrk nghttp2-client nginx-light protobuf-compiler python3-venv >/dev/null
fi
if ! command -v swift >/dev/null; then
  echo "bench: no Swift toolchain found; get one at https://swift.org/install" >&2
  exit 1
fi

if ! cmp -s "$requirements" "$environment/requirements.txt"; then
  python3 -m venv --clear "$environment"
  "$environment/bin/pip" install --quiet --disable-pip-version-check -r "$requirements"
  cp "$requirements" "$environment/requirements.txt"
fi

scripts/release.sh
swift build -c release --product bench-upstream
programs=$(swift build -c release --show-bin-path)

python=$environment/bin/python
bridge=.build-release/bridge-proxy
upstream=$programs/bench-upstream
"$python" Benchmarks/bench.py --bridge "$bridge" --upstream "$upstream" "$@"
if [ $# -eq 0 ]; then
  "$python" Benchmarks/http2.py "$bridge" "$upstream"
  "$python" Benchmarks/footprint.py "$bridge" "$upstream"
  "$python" Benchmarks/scale.py "$bridge" "$upstream"
fi

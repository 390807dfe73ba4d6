#!/usr/bin/env bash
# Long runs with a release build: servers restarted under load.
#
#   scripts/soak.sh [options of Tests/Soak/rolling_restart.py: --seconds, --rate]
set -euo pipefail
cd "$(dirname "$0")/.."

if ! command -v wrk > /dev/null; then
  as_root=()
  if [ "$(id -u)" -ne 0 ]; then as_root=(sudo); fi
  "${as_root[@]}" apt-get update -qq
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq wrk > /dev/null
fi
# Not the released program: this one checks for overlapping accesses.
swift build -c release --product bridge-proxy
exec .venv/bin/python Tests/Soak/rolling_restart.py \
  "$(swift build -c release --show-bin-path)/bridge-proxy" "$@"

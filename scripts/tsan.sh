#!/usr/bin/env bash
# Runs the unit tests that use several threads under ThreadSanitizer: those with `async`, real event loops or
# threads. All others run on one embedded event loop, where there are no races.
#
# Not part of scripts/check.sh: the first build takes about a quarter of an hour on two cores, because all
# dependencies are instrumented too; the tests take one minute.
#
# ClusterTests crashes in ThreadSanitizer itself, at `using: &generator`: Swift 6.3 marks accesses to an empty
# `inout` argument (SystemRandomNumberGenerator), which has no address.
#
#   scripts/tsan.sh [suite...]   the suites to run instead, by name
#
#   TSAN_SCRATCH_PATH   the build folder, .build/tsan by default
set -euo pipefail
cd "$(dirname "$0")/.."

if [ $# -eq 0 ]; then
  mapfile -t files < <(
    grep -rlE --include='*Tests.swift' '\basync\b|MultiThreadedEventLoopGroup|Thread\b' \
      Tests/BridgeProxyTests | sort
  )
  set -- "${files[@]##*/}"
  set -- "${@%.swift}"
fi
suites=$(IFS='|' && echo "$*")

flags=(--sanitize thread --scratch-path "${TSAN_SCRATCH_PATH:-.build/tsan}")
swift build --build-tests "${flags[@]}"
TSAN_OPTIONS="suppressions=$PWD/scripts/tsan-suppressions.txt" \
  exec swift test --skip-build --disable-xctest "${flags[@]}" --filter "^BridgeProxyTests\.($suites)/"

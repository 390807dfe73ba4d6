#!/usr/bin/env bash
# Fuzzes the codec and the routing with libFuzzer and AddressSanitizer.
#
#   scripts/fuzz.sh                       each target for FUZZ_SECONDS (600)
#   scripts/fuzz.sh --only round-trip --seconds 60
#   scripts/fuzz.sh --merge               takes what was found into Fuzz/Corpus, as few files as it takes
#   scripts/fuzz.sh --only round-trip FILE…   runs these inputs once each
#
# A run begins with Fuzz/Corpus and writes what's new and interesting into Fuzz/.build/corpus, where later
# runs find it and --merge picks from. What breaks a target is written into Fuzz/FailCases, to be named
# and committed with the fix: `make test` runs all of that folder.
set -euo pipefail
cd "$(dirname "$0")/.."

targets=(json-to-wire wire-to-json round-trip descriptor-set path-template)
seconds=${FUZZ_SECONDS:-600}
merge=no
files=()
while [ $# -gt 0 ]; do
  case "$1" in
    --only)
      if [[ " ${targets[*]} " != *" ${2:-} "* ]]; then
        echo "fuzz: no target \"${2:-}\"; they are ${targets[*]}" >&2
        exit 64
      fi
      targets=("$2")
      shift
      ;;
    --seconds)
      if [[ ! "${2:-}" =~ ^[0-9]+$ ]]; then
        echo "fuzz: --seconds takes a number" >&2
        exit 64
      fi
      seconds=$2
      shift
      ;;
    --merge) merge=yes ;;
    -*)
      echo "fuzz: unknown argument $1; they are --only, --seconds and --merge" >&2
      exit 64
      ;;
    *) files+=("$(realpath "$1")") ;;
  esac
  shift
done

build=Fuzz/.build/fuzz
BRIDGE_PROXY_FUZZES=1 swift build -c release --package-path Fuzz --scratch-path "$build" \
  --sanitize address --sanitize fuzzer

# Swift's own backtraces would come between libFuzzer and the crash.
export SWIFT_BACKTRACE=enable=no
status=0

# run TARGET [libFuzzer's arguments]: an input may take 10 s and 2 GB, and has so many bytes at most.
run() {
  local target=$1 longest=2048
  shift
  if [ "$target" = path-template ]; then longest=512; fi
  "$build/release/fuzz-$target" -timeout=10 -rss_limit_mb=2048 "-max_len=$longest" \
    "-artifact_prefix=Fuzz/FailCases/$target/" "$@" < /dev/null
}

for target in "${targets[@]}"; do
  found=Fuzz/.build/corpus/$target
  log=Fuzz/.build/$target.log
  mkdir -p "$found" "Fuzz/Corpus/$target" "Fuzz/FailCases/$target"
  if [ ${#files[@]} -gt 0 ]; then
    run "$target" "${files[@]}" || status=1
  elif [ "$merge" = yes ]; then
    # Edges alone: counting how often each was taken would keep ten times as many files.
    rm -rf "$found.merged"
    mkdir "$found.merged"
    run "$target" -set_cover_merge=1 -use_counters=0 "$found.merged" "Fuzz/Corpus/$target" "$found" \
      > "$log" 2>&1
    rm -rf "Fuzz/Corpus/$target"
    mv "$found.merged" "Fuzz/Corpus/$target"
    echo "fuzz: $target: $(find "Fuzz/Corpus/$target" -type f | wc -l) inputs"
  else
    echo "fuzz: $target for $seconds s"
    dictionary=()
    if [ -e "Fuzz/Dictionaries/$target.dict" ]; then
      dictionary=("-dict=Fuzz/Dictionaries/$target.dict")
    fi
    if run "$target" "-max_total_time=$seconds" "${dictionary[@]}" "$found" "Fuzz/Corpus/$target" \
      > "$log" 2>&1; then
      grep -a '^#.*DONE' "$log"
    else
      status=1
      grep -aE 'Fatal error|ERROR:|SUMMARY|Test unit written' "$log" >&2 || tail -n 20 "$log" >&2
      echo "fuzz: $target has found something; the whole log is $log" >&2
    fi
  fi
done
exit $status

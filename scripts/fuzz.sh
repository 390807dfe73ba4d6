#!/usr/bin/env bash
# Fuzzes the codec, the routing and the HTTP front end with libFuzzer and AddressSanitizer.
#
#   scripts/fuzz.sh                       each target for FUZZ_SECONDS (600)
#   scripts/fuzz.sh --only round-trip --seconds 60
#   scripts/fuzz.sh --merge               merges what was found into Fuzz/Corpus, with as few files as possible
#   scripts/fuzz.sh --only round-trip FILE…   runs each of these inputs once
#
# A run starts from Fuzz/Corpus and writes new interesting inputs to Fuzz/.build/corpus, from which later
# runs start and --merge selects. Inputs that break a target are written to Fuzz/FailCases, to be named
# and committed with the fix: `make test` runs all of that folder. The front end's targets (front-…) have
# their folders in Fuzz/Front and share one program; its first build takes longer than the bridge's,
# because it includes NIO.
set -euo pipefail
cd "$(dirname "$0")/.."

targets=(
  json-to-wire wire-to-json round-trip descriptor-set path-template
  front-http1 front-http2-client front-http2-endpoint front-websocket front-query front-yaml
)
seconds=${FUZZ_SECONDS:-600}
merge=no
files=()
while [ $# -gt 0 ]; do
  case "$1" in
    --only)
      if [[ " ${targets[*]} " != *" ${2:-} "* ]]; then
        echo "fuzz: no target \"${2:-}\"; the targets are ${targets[*]}" >&2
        exit 64
      fi
      targets=("$2")
      shift
      ;;
    --seconds)
      if [[ ! "${2:-}" =~ ^[0-9]+$ ]]; then
        echo "fuzz: --seconds requires a number" >&2
        exit 64
      fi
      seconds=$2
      shift
      ;;
    --merge) merge=yes ;;
    -*)
      echo "fuzz: unknown argument $1; the arguments are --only, --seconds and --merge" >&2
      exit 64
      ;;
    *) files+=("$(realpath "$1")") ;;
  esac
  shift
done

build=Fuzz/.build/fuzz
front_build=.build-fuzz
if [[ " ${targets[*]}" = *" "[!f]* ]]; then
  BRIDGE_PROXY_FUZZES=1 swift build -c release --package-path Fuzz --scratch-path "$build" \
    --sanitize address --sanitize fuzzer
fi
if [[ " ${targets[*]} " = *" front-"* ]]; then
  BRIDGE_PROXY_FUZZES=1 swift build -c release --scratch-path "$front_build" \
    --sanitize address --sanitize fuzzer --product fuzz-front
fi

# Swift's own backtraces would interfere with libFuzzer's crash handling.
export SWIFT_BACKTRACE=enable=no
status=0

# run TARGET [LIBFUZZER-ARGUMENT...]: an input may take 10 s and 2 GB; its size is limited per target.
run() {
  local target=$1 program=$build/release/fuzz-$1 longest=2048
  shift
  case "$target" in
    path-template) longest=512 ;;
    front-*)
      program=$front_build/release/fuzz-front
      longest=8192
      ;;
  esac
  FUZZ_TARGET=${target#front-} "$program" -timeout=10 -rss_limit_mb=2048 "-max_len=$longest" \
    "-artifact_prefix=$fail_cases/" "$@" < /dev/null
}

for target in "${targets[@]}"; do
  folder=Fuzz
  name=${target#front-}
  if [[ "$target" = front-* ]]; then folder=Fuzz/Front; fi
  corpus=$folder/Corpus/$name
  fail_cases=$folder/FailCases/$name
  dictionary_file=$folder/Dictionaries/$name.dict
  found=Fuzz/.build/corpus/$target
  log=Fuzz/.build/$target.log
  mkdir -p "$found" "$corpus" "$fail_cases"
  if [ ${#files[@]} -gt 0 ]; then
    run "$target" "${files[@]}" || status=1
  elif [ "$merge" = yes ]; then
    # Edge coverage without counters: with them ten times as many files would be kept.
    rm -rf "$found.merged"
    mkdir "$found.merged"
    run "$target" -set_cover_merge=1 -use_counters=0 "$found.merged" "$corpus" "$found" \
      > "$log" 2>&1
    rm -rf "$corpus"
    mv "$found.merged" "$corpus"
    echo "fuzz: $target: $(find "$corpus" -type f | wc -l) inputs"
  else
    echo "fuzz: $target for $seconds s"
    dictionary=()
    if [ -e "$dictionary_file" ]; then
      dictionary=("-dict=$dictionary_file")
    fi
    if run "$target" "-max_total_time=$seconds" "${dictionary[@]}" "$found" "$corpus" \
      > "$log" 2>&1; then
      grep -a '^#.*DONE' "$log"
    else
      status=1
      grep -aE 'Fatal error|ERROR:|SUMMARY|Test unit written' "$log" >&2 || tail -n 20 "$log" >&2
      echo "fuzz: $target found a failure; the full log is $log" >&2
    fi
  fi
done
exit $status

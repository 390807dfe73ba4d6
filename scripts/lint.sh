#!/usr/bin/env bash
# The checks that need no build: format, imports, forbidden names.
set -euo pipefail
cd "$(dirname "$0")/.."

status=0

swift format lint --strict -r Package.swift Sources Tests Benchmarks \
  Fuzz/Package.swift Fuzz/Sources/Fuzz* Fuzz/Sources/fuzz-* Fuzz/Tests/FuzzTests Fuzz/Front || status=1

# refuse REASON PATTERN PATH...: fails if a Swift line under the paths matches, outside comments.
refuse() {
  local reason=$1 pattern=$2 found
  shift 2
  found=$(grep -rnE --include='*.swift' "$pattern" "$@" | grep -vE '^[^:]*:[0-9]+: *//' || true)
  if [ -n "$found" ]; then
    echo "lint: $reason:" >&2
    echo "$found" >&2
    status=1
  fi
}

refuse "an import needs an access level" '^ *(@preconcurrency +)?import ' Sources
refuse "Codec does no I/O and must not depend on Foundation" 'import Foundation' Sources/Codec
refuse "Foundation allocates too much for a serving process" \
  'import Foundation' Sources
refuse "standard output is the access log's: log, or write to standard error" \
  '(^|[^A-Za-z0-9_.])(print|debugPrint|dump)\(' Sources
refuse "throw for what external input can cause; use a precondition for a bug of ours" \
  '(^|[^A-Za-z0-9_])(fatalError\(|try! |as! )' Sources
refuse "the loop's clock or ContinuousClock: Date is wall time" '(^|[^A-Za-z0-9_])Date\(\)' Sources
refuse "a test's name is a sentence in backquotes (docs/STYLE.md)" \
  '@Test\("|@Test(\(.*\))? func [^`]' Tests Fuzz/Tests
refuse "dispatch queues hop threads: use the event loops" 'DispatchQueue' Sources

# Words of docs/STYLE.md's glossary that have a plain one, in comments and in documents.
found=$(grep -rnE --include='*.swift' \
  '//.*\b([Aa] person|[Aa]gain and again|[Tt]old|[Ss]igns? of life|[Ww]hoever|[Cc]an.t be had)\b' \
  Sources || true)
found+=$(grep -nE '\b([Aa] person|[Aa]gain and again|[Ss]igns? of life|[Cc]an.t be had)\b' \
  README.md docs/*.md | grep -v '^docs/STYLE.md' || true)
if [ -n "$found" ]; then
  echo "lint: say it plainly (docs/STYLE.md):" >&2
  echo "$found" >&2
  status=1
fi

exit $status

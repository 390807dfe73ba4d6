#!/usr/bin/env bash
# Regenerates deploy/man/bridge-proxy.1: the commands and options by swift-argument-parser, from the debug
# build, and the sections of deploy/man/sections.mdoc. With --check it fails if the page differs.
set -euo pipefail
cd "$(dirname "$0")/.."

page=deploy/man/bridge-proxy.1
generated=.build/plugins/GenerateManual/outputs/bridge-proxy/bridge-proxy.1
rm -f "$generated"
swift package generate-manual --configuration debug > /dev/null
{
  # The page has the date of its last change, not that of its generation.
  sed -e '/^\.Sh "EXIT STATUS"/,$d' -e "s/^\.Dd .*/$(grep '^\.Dd ' "$page" 2> /dev/null \
    || date -u '+.Dd %B %-d, %Y')/" "$generated"
  cat deploy/man/sections.mdoc
} > "$generated.whole"

if [ "${1-}" = --check ]; then
  if ! cmp -s "$generated.whole" "$page"; then
    echo "man: $page differs from the program's options: run scripts/man.sh and commit the result" >&2
    exit 1
  fi
else
  cp "$generated.whole" "$page"
fi

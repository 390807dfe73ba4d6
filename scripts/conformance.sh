#!/usr/bin/env bash
# Runs Protobuf's official conformance runner against the codec. Every case with JSON on either side
# counts; Tests/Conformance/known-failures.txt lists those that may fail, and is empty.
#
# scripts/conformance-runner.sh provides the runner and the test protos. The runner needs glibc 2.38; if
# the system's is older, newer Debian libraries are unpacked into a separate folder, from the mirror that
# apt uses here, and the runner uses those. The testee uses the system's libraries.
set -euo pipefail
cd "$(dirname "$0")/.."

folder=.build/conformance
scripts/conformance-runner.sh
runner=("$folder/runner/protoc/_bin/conformance_test_runner")

# The runner's C library.
needs_newer_libraries() {
  local have
  have=$(getconf GNU_LIBC_VERSION | sed 's/^glibc //')
  [ "$(printf '%s\n2.38\n' "$have" | sort -V | sed -n 1p)" != 2.38 ]
}

unpack_libraries() {
  local state="$PWD/$folder/apt" mirror
  # From deb822 files or from classic lists; the main archive, not that of security updates.
  mirror=$(find /etc/apt -name '*.sources' -o -name '*.list' | sort | xargs cat \
    | sed -n -E 's/^URIs: *([^ ]+).*/\1/p; s/^deb +(\[[^]]*\] +)?([^ ]+).*/\2/p' \
    | awk '!/security/ && !found { print; found = 1 }')
  rm -rf "$state"
  mkdir -p "$state/lists/partial" "$state/cache/archives/partial" "$state/packages"
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror trixie main" \
    > "$state/sources.list"
  local options=(
    -qq -o "Dir::Etc::sourcelist=$state/sources.list" -o Dir::Etc::sourceparts=/dev/null
    -o "Dir::State::lists=$state/lists" -o "Dir::Cache=$state/cache"
    -o APT::Sandbox::User=root
  )
  apt-get "${options[@]}" update
  (cd "$state/packages" && apt-get "${options[@]}" download libc6 libstdc++6 libgcc-s1)
  for package in "$state"/packages/*.deb; do dpkg-deb -x "$package" "$folder/libraries"; done
  rm -rf "$state"
}

find_loader() {
  find "$folder/libraries" -name ld-linux-x86-64.so.2 -path '*x86_64*' | sed -n 1p
}

if needs_newer_libraries; then
  mkdir -p "$folder/libraries"
  if [ -z "$(find_loader)" ]; then unpack_libraries; fi
  loader=$(find_loader)
  runner=("$loader" --library-path "$(dirname "$loader")" "${runner[@]}")
fi

# The message types of the cases. Two of them use a future edition, despite --maximum_edition.
include="$folder/runner/protoc/include"
"$folder/runner/protoc/_bin/protoc" -I "$include" --include_imports --experimental_editions \
  --descriptor_set_out="$folder/messages.binpb" \
  conformance/messages/test_messages_proto2.proto \
  conformance/messages/test_messages_proto3.proto \
  conformance/messages/test_messages_proto2_editions.proto \
  conformance/messages/test_messages_proto3_editions.proto \
  conformance/messages/test_messages_edition2023.proto \
  conformance/messages/test_messages_edition_unstable.proto

swift build --product conformance-testee
testee="$(swift build --show-bin-path)/conformance-testee"

"${runner[@]}" --enforce_recommended --maximum_edition 2023 --output_dir "$folder" \
  --failure_list Tests/Conformance/known-failures.txt \
  "$testee" "$folder/messages.binpb" 2>&1 | tee "$folder/log" | grep -E '^(ERROR|CONFORMANCE SUITE)' || true

# The suite of binary and JSON cases runs first; the second one, for text format, is skipped entirely. The
# exact number counts: a case that the testee skips isn't a failure on its own.
cases=2814
if ! grep -qF "CONFORMANCE SUITE PASSED: $cases successes, " "$folder/log" \
  || grep -q 'CONFORMANCE SUITE FAILED' "$folder/log"; then
  echo "conformance: not all $cases cases passed; the full log is $folder/log" >&2
  exit 1
fi

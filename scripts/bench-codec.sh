#!/usr/bin/env bash
# Builds and runs the codec benchmark: the codec, swift-protobuf and simdjson on the same texts.
#
#   scripts/bench-codec.sh [options of bench-codec: --only, --rounds, --loop, …; see --help]
#   scripts/bench-codec.sh --generate    regenerate the sources (needed after a change of
#                                        Protos/bench/codec.proto; builds swift-protobuf's plugin)
set -euo pipefail
cd "$(dirname "$0")/.."

package=Benchmarks/Codec
sources=$package/Sources/bench-codec

if [ "${1:-}" = "--generate" ]; then
  # The plugin of the swift-protobuf version that the benchmark uses.
  swift package --package-path "$package" resolve
  swift build -c release --package-path "$package/.build/checkouts/swift-protobuf" \
    --scratch-path "$package/.build/plugin" --product protoc-gen-swift
  protoc -I Protos/bench -I schemas \
    --plugin="$package/.build/plugin/release/protoc-gen-swift" \
    --swift_out="$sources/Generated" codec.proto
  exit
fi

missing=()
command -v g++ > /dev/null || missing+=(g++)
[ -e /usr/include/simdjson.h ] || missing+=(libsimdjson-dev)
if [ ${#missing[@]} -gt 0 ]; then
  as_root=()
  if [ "$(id -u)" -ne 0 ]; then as_root=(sudo); fi
  "${as_root[@]}" apt-get update -qq
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "${missing[@]}" > /dev/null
fi

# simdjson selects its scanner at run time, but the part of it that reads values is inlined and compiled
# for the compiler's target: so it's compiled for this machine's processor. g++, because its code is
# faster than clang's here.
reader=$PWD/$package/.build/reader
source=$package/Sources/CReader/reader.cpp
mkdir -p "$reader"
if [ ! -e "$reader/libCReader.so" ] || [ "$source" -nt "$reader/libCReader.so" ]; then
  g++ -O3 -march=native -std=c++17 -DNDEBUG -Wall -Wextra -shared -fPIC "$source" -lsimdjson \
    -o "$reader/libCReader.so"
fi

# Without checks of exclusive access, as scripts/release.sh builds the program.
swift build -c release --package-path "$package" --product bench-codec \
  -Xswiftc -enforce-exclusivity=unchecked \
  -Xlinker "-L$reader" -Xlinker -rpath -Xlinker "$reader"
exec "$package/.build/release/bench-codec" --schema Tests/Cases/codec.binpb "$@"

#!/usr/bin/env bash
# Regenerates the generated sources:
#   Sources/CDescriptor   C code of Protos/projection.proto, by protoc and protoc-gen-c, and the
#                         built-in schemas (schemas/google) as one embedded descriptor set
#   Sources/CTables       constant tables of the codec
#   Sources/DemoBackend   the schema of the demo, as one embedded descriptor set
#   Tests/Cases           the descriptor sets of the test protos, of the codec's benchmark and of the
#                         showcase
# `scripts/generate.sh --check` generates into a temporary folder and fails if a file differs.
set -euo pipefail
cd "$(dirname "$0")/.."

check=no
if [ "${1:-}" = "--check" ]; then check=yes; fi

out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
mkdir -p "$out/CDescriptor/include" "$out/CTables" "$out/DemoBackend"

protoc -I Protos --c_out="$out/CDescriptor" Protos/projection.proto
mv "$out/CDescriptor/projection.pb-c.h" "$out/CDescriptor/include/"

find schemas/google -name '*.proto' | LC_ALL=C sort > "$out/files"
# shellcheck disable=SC2046
protoc -I schemas --include_imports --descriptor_set_out="$out/builtin.binpb" \
  $(sed 's|^schemas/||' "$out/files")
python3 scripts/embed.py bridge_built_in_schemas "$out/builtin.binpb" \
  > "$out/CDescriptor/built_in_schemas.c"
protoc -I Protos/test -I schemas --include_imports --descriptor_set_out="$out/test.binpb" \
  everything.proto legacy.proto
protoc -I Protos/bench -I schemas --include_imports --descriptor_set_out="$out/codec.binpb" \
  codec.proto
protoc -I schemas/showcase -I schemas --include_imports \
  --descriptor_set_out="$out/showcase.binpb" showcase.proto
protoc -I schemas --encode=google.protobuf.FileDescriptorSet google/protobuf/descriptor.proto \
  < Protos/test/editions.txtpb > "$out/editions.binpb"
protoc -I schemas/demo -I schemas --descriptor_set_out="$out/demo.binpb" catalogue.proto
python3 scripts/embed_swift.py CatalogueSchema "$out/demo.binpb" \
  "The descriptor set of schemas/demo/catalogue.proto, its imports left to the built-in schemas." \
  > "$out/DemoBackend/CatalogueSchema.swift"
python3 scripts/tables.py > "$out/CTables/tables.c"

status=0
place() {
  if [ "$check" = yes ]; then
    if ! cmp -s "$out/$1" "$2"; then
      echo "$2 is not what scripts/generate.sh generates: run it and commit the result" >&2
      status=1
    fi
  else
    mkdir -p "$(dirname "$2")"
    cp "$out/$1" "$2"
  fi
}
place CDescriptor/include/projection.pb-c.h Sources/CDescriptor/include/projection.pb-c.h
place CDescriptor/projection.pb-c.c Sources/CDescriptor/projection.pb-c.c
place CDescriptor/built_in_schemas.c Sources/CDescriptor/built_in_schemas.c
place DemoBackend/CatalogueSchema.swift Sources/DemoBackend/CatalogueSchema.swift
place CTables/tables.c Sources/CTables/tables.c
place test.binpb Tests/Cases/test.binpb
place codec.binpb Tests/Cases/codec.binpb
place editions.binpb Tests/Cases/editions.binpb
place showcase.binpb Tests/Cases/showcase.binpb
exit $status

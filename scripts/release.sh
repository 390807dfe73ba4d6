#!/usr/bin/env bash
# Builds the released program: one stripped file with Swift's runtime in it, and its debug symbols beside it.
#
#   scripts/release.sh            .build-release/bridge-proxy, for systems with the C library of this one
#   scripts/release.sh --static   .build-release/static/bridge-proxy, for every Linux of this processor
#
# Run scripts/setup.sh first. Checks of exclusive access are off here and on in every test
# (docs/decisions/009-exclusivity-checks.md).
set -euo pipefail
cd "$(dirname "$0")/.."

folder=.build-release

is_static=no
case "${1-}" in
  "") ;;
  --static) is_static=yes ;;
  *)
    echo "release: unknown argument $1; the argument is --static" >&2
    exit 64
    ;;
esac

# The linker takes a shared library before an archive of the same folder, so the archives get a folder of
# their own. pkg-config names it first.
archives=$PWD/$folder/archives
mkdir -p "$archives/pkgconfig"
# archive PACKAGE NAME: makes libNAME.a the library of a pkg-config package; without a package if it's "-".
archive() {
  local path
  path=$(clang -print-file-name="lib$2.a")
  if [ ! -f "$path" ]; then
    echo "release: there is no lib$2.a; run scripts/setup.sh" >&2
    exit 1
  fi
  ln -sf "$(realpath "$path")" "$archives/lib$2.a"
  if [ "$1" != - ]; then
    printf 'Name: %s\nDescription: %s\nVersion: %s\nLibs: -L%s -l%s\n' \
      "$1" "$1" "$(pkg-config --modversion "$1")" "$archives" "$2" > "$archives/pkgconfig/$1.pc"
  fi
}
archive libnghttp2 nghttp2
archive libprotobuf-c protobuf-c
archive yaml-0.1 yaml
archive zlib z
archive - stdc++
export PKG_CONFIG_PATH=$archives/pkgconfig

# A section per function lets the linker drop those that nothing calls; it keeps what the program exports,
# and nothing loads symbols from this one.
build=(
  swift build -c release --product bridge-proxy --scratch-path "$folder" --static-swift-stdlib
  -Xswiftc -enforce-exclusivity=unchecked -Xswiftc -Xfrontend -Xswiftc -function-sections
  -Xcc -ffunction-sections -Xcc -fdata-sections
  -Xswiftc -use-ld=lld -Xlinker --no-export-dynamic
)
"${build[@]}"
built=$("${build[@]}" --show-bin-path)

# split PROGRAM TARGET: copies a program without its symbols, which go to TARGET.debug. gdb and perf find
# them there.
split() {
  objcopy --only-keep-debug "$1" "$2.debug"
  objcopy --strip-all "$1" "$2"
  (cd "$(dirname "$2")" && objcopy --add-gnu-debuglink="$(basename "$2").debug" "$(basename "$2")")
}

if [ "$is_static" = no ]; then
  split "$built/bridge-proxy" "$folder/bridge-proxy"
  scripts/libraries.py "$folder/bridge-proxy" \
    --objects "$built/bridge-proxy.product/Objects.LinkFileList" --released
else
  # The same objects. `swift build` would compile everything again for another way to link.
  mkdir -p "$folder/static"
  swiftc -static-executable -emit-executable -o "$folder/static/linked" \
    "@$built/bridge-proxy.product/Objects.LinkFileList" \
    -use-ld=lld -L "$archives" -Xlinker --gc-sections -Xlinker --defsym -Xlinker main=bridge_proxy_main \
    -lnghttp2 -lprotobuf-c -lyaml -lz -lstdc++ -lresolv -lm
  split "$folder/static/linked" "$folder/static/bridge-proxy"
  rm "$folder/static/linked"
fi

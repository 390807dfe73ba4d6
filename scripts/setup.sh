#!/usr/bin/env bash
# Installs missing dependencies for building, testing and measuring; a second run does nothing.
#
#   scripts/setup.sh           what building and running need
#   scripts/setup.sh --tests   and what the tests need: the Python environment (.venv) of the
#                              end-to-end and differential tests, a browser, a C compiler, protoc-c
set -euo pipefail
cd "$(dirname "$0")/.."

packages=(
  ca-certificates curl pkg-config # the demo prints curl commands
  libnghttp2-dev libprotobuf-c-dev libyaml-dev zlib1g-dev
  protobuf-compiler # bridge-proxy runs protoc for .proto files
)
tests=no
for argument in "$@"; do
  case "$argument" in
    --tests)
      tests=yes
      packages+=(
        protobuf-c-compiler gcc libc6-dev
        valgrind # counts instructions and allocations per call
        dnsmasq-base # the name server of the SRV record tests
        groff-base # formats the manual page
      )
      # Ubuntu has no browser package; its tests are skipped there.
      if grep -qs '^ID=debian' /etc/os-release; then packages+=(chromium-headless-shell); fi
      ;;
    *)
      echo "setup: unknown argument $argument; the argument is --tests" >&2
      exit 64
      ;;
  esac
done

fail() {
  echo "setup: $1" >&2
  exit 1
}

# Swift first: without it nothing else is worth installing.
if ! command -v swift > /dev/null; then
  fail "there is no Swift toolchain (no program 'swift' in PATH).
       Install Swift 6.3 or later from https://www.swift.org/install/linux/ and run this again."
fi
version=$(swift --version 2> /dev/null | sed -n 's/.*Swift version \([0-9]*\.[0-9]*\).*/\1/p' | sed -n 1p)
case "$version" in
  [0-5].* | 6.[0-2])
    fail "this is Swift $version; 6.3 or later is needed: https://www.swift.org/install/linux/"
    ;;
esac

is_installed() {
  [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2> /dev/null || true)" = installed ]
}

install_packages() {
  local missing=() package run=()
  for package in "$@"; do
    if ! is_installed "$package"; then missing+=("$package"); fi
  done
  if [ ${#missing[@]} -eq 0 ]; then return; fi
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo > /dev/null \
      || fail "these packages are missing: ${missing[*]}
       and there is no sudo. As root: apt-get update && apt-get install ${missing[*]}"
    run=(sudo)
  fi
  echo "setup: installing ${missing[*]}"
  "${run[@]}" apt-get update -qq
  "${run[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends "${missing[@]}" > /dev/null
}

if command -v dpkg-query > /dev/null && command -v apt-get > /dev/null; then
  install_packages "${packages[@]}"
elif ! command -v protoc > /dev/null || ! pkg-config --exists libnghttp2 libprotobuf-c yaml-0.1 zlib; then
  fail "this system has no apt; install by its own means what these Debian packages hold:
       ${packages[*]}"
fi

# make_environment FOLDER REQUIREMENTS [PIP-OPTION...]: a Python environment, recreated when its
# requirements or the interpreter change.
make_environment() {
  local folder=$1 requirements=$2 python=python3 wanted
  shift 2
  # A self-built or pyenv Python has venv and ensurepip; Debian's needs a package for them.
  if ! "$python" -c 'import ensurepip, venv' 2> /dev/null; then
    if command -v apt-get > /dev/null; then install_packages python3 python3-venv; fi
    if ! "$python" -c 'import ensurepip, venv' 2> /dev/null; then python=/usr/bin/python3; fi
    "$python" -c 'import ensurepip, venv' \
      || fail "python3 can't make virtual environments (modules venv and ensurepip)"
  fi
  wanted="$("$python" --version) $(cksum < "$requirements")"
  if [ -x "$folder/bin/python" ] && [ "$(cat "$folder/stamp" 2> /dev/null || true)" = "$wanted" ]; then
    return
  fi
  echo "setup: making the Python environment $folder"
  rm -rf "$folder"
  "$python" -m venv "$folder"
  "$folder/bin/python" -m pip install --quiet --disable-pip-version-check "$@" -r "$requirements"
  echo "$wanted" > "$folder/stamp"
}

if [ "$tests" = yes ] && [ -f Tests/EndToEnd/requirements.txt ]; then
  make_environment .venv Tests/EndToEnd/requirements.txt
  # The vendors' clients of the simulated services, each with its own requirements.
  make_environment .venv-nacos Tests/EndToEnd/requirements-nacos.txt
  make_environment .venv-eas Tests/EndToEnd/requirements-eas.txt --no-deps
fi

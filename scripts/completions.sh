#!/usr/bin/env bash
# Installs the completions that a program generates for bash, zsh and fish.
#
#   scripts/completions.sh PROGRAM SHARE     SHARE is a folder such as /usr/local/share
set -euo pipefail

program=$1
share=$2

# complete SHELL FILE
complete() {
  mkdir -p "$(dirname "$share/$2")"
  "$program" --generate-completion-script "$1" > "$share/$2"
  chmod 644 "$share/$2"
}
complete bash bash-completion/completions/bridge-proxy
complete zsh zsh/site-functions/_bridge-proxy
complete fish fish/vendor_completions.d/bridge-proxy.fish

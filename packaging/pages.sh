#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Writes what the program says about itself where a system looks for it: packaging/pages.sh TRIB FOLDER, with FOLDER the
# share/ of a prefix. Manual pages in man/, completions for bash, zsh and fish. Nothing else has to be kept in step: the
# pages come from the program's own tables.
set -eu
[ $# -eq 2 ] || {
    echo "usage: packaging/pages.sh TRIB FOLDER" >&2
    exit 2
}
trib=$1 share=$2
install -d "$share/man/man1" "$share/man/man5" "$share/bash-completion/completions" "$share/zsh/vendor-completions" \
    "$share/fish/vendor_completions.d"

"$trib" help --man >"$share/man/man1/trib.1"
"$trib" help --man trib.conf >"$share/man/man5/trib.conf.5"
names=$("$trib" help --json | grep -o '"name":"[^"]*","args"' | sed 's/^"name":"//; s/","args"$//')
[ -n "$names" ]
echo "$names" | while read -r name; do
    # shellcheck disable=SC2086 # the words of the name are words of the command line
    "$trib" help --man $name >"$share/man/man1/trib-$(echo "$name" | tr ' ' -).1"
done
"$trib" completion bash >"$share/bash-completion/completions/trib"
"$trib" completion zsh >"$share/zsh/vendor-completions/_trib"
"$trib" completion fish >"$share/fish/vendor_completions.d/trib.fish"

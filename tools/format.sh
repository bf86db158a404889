#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Lays out the C sources as .clang-format says and wraps what is too wide in comments. tools/format.sh [FILE...]
# Tables (*_table.h) are laid out by hand.
set -eu
export LC_ALL=C
cd "$(dirname "$0")/.."
tool=clang-format
if command -v clang-format-14 >/dev/null 2>&1; then tool=clang-format-14; fi
command -v "$tool" >/dev/null 2>&1 || {
    echo "$tool is not installed; \`apt-get install clang-format-14\` brings it" >&2
    exit 1
}
case $($tool --version) in
*'version 14.'*) ;;
*) echo "note: $($tool --version); the tree is kept in the layout of version 14, others differ in details" ;;
esac
new=$(mktemp)
trap 'rm -f "$new" "$new.before"' EXIT
if [ $# -eq 0 ]; then set -- $(git ls-files -co --exclude-standard '*.c' '*.h' | grep -v '_table\.h$'); fi
for file in "$@"; do
    [ -f "$file" ] || continue
    cp "$file" "$new"
    for pass in 1 2 3 4; do # what one step moves, the other may have to lay out again
        mv "$new" "$new.before"
        "$tool" --assume-filename="$file" <"$new.before" | awk -f tools/checks/wrap.awk | sed 's/[ \t]*$//' >"$new"
        cmp -s "$new" "$new.before" && break
    done
    [ -s "$new" ] || { # a step failed
        echo "$file could not be laid out; it is left as it is" >&2
        exit 1
    }
    cmp -s "$new" "$file" || cat "$new" >"$file"
done

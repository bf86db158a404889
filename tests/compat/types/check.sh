#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Compiles what `trib stream types --typescript` prints, and a program that uses it: check.sh TRIB TSC. Silent if all is well.
set -eu
[ $# -eq 2 ] || {
    echo "usage: tests/compat/types/check.sh TRIB TSC" >&2
    exit 2
}
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$1" stream types --built-in --typescript >"$work/stream-types.ts"
cp "$here/use.ts" "$work/"
cd "$work"
echo '{"type":"module"}' >package.json
"$2" --noEmit --strict --exactOptionalPropertyTypes --noUnusedLocals --target es2022 --module nodenext stream-types.ts use.ts

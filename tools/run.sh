#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Plays the food order with build/trib: `trib demo` starts a server of its own and leaves it up until Ctrl-C. Its data go
# to TRIB_DATA, else to a new folder below build/, so that every run starts empty. Arguments are handed on (--exit ends).
set -eu
cd "$(dirname "$0")/.."
[ -x build/trib ] || {
    echo "build/trib is missing: run make first" >&2
    exit 1
}
data=${TRIB_DATA:-}
[ -n "$data" ] || data=$(mktemp -d build/demo-data.XXXXXX)
exec build/trib demo --data "$data" "$@"

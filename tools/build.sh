#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Builds one CMake preset: tools/build.sh PRESET [ninja arguments]. Makes SQLite first, configures when needed.
# The release build is also reachable as build/trib. TRIB_JOBS limits how many compilers run at once.
set -eu
cd "$(dirname "$0")/.."
[ $# -ge 1 ] || {
    echo "usage: tools/build.sh PRESET [ninja arguments]   (presets: release dev tsan fuzz coverage analyze clang)" >&2
    exit 2
}
preset=$1
shift

tools/sqlite-build.sh
if [ ! -f "build/$preset/build.ninja" ] || [ CMakePresets.json -nt "build/$preset/build.ninja" ]; then
    cmake --preset "$preset"
fi
ninja -C "build/$preset" ${TRIB_JOBS:+-j "$TRIB_JOBS"} "$@"
if [ "$preset" = release ] && [ -x build/release/trib ]; then ln -sfn release/trib build/trib; fi

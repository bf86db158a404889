#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# clang-tidy over src/ with the checks of .clang-tidy; any finding is an error. tools/tidy.sh [FILE...]
set -eu
cd "$(dirname "$0")/.."
tools/build.sh clang
if [ $# -eq 0 ]; then set -- $(git ls-files 'src/*.c'); fi
printf '%s\n' "$@" | xargs -n 1 -P "${TRIB_JOBS:-$(nproc)}" clang-tidy -p build/clang --quiet --warnings-as-errors='*' \
    --extra-arg=-DTRIB_ANALYZE # one file each: with several, this version takes every va_list for uninitialised

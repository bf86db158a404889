#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What following a stream costs the server: tests/bench/tails.sh [READERS [SECONDS]]   (`make bench-tails`)
# Prints the rows of a table for docs/benchmarks.md.
set -eu
cd "$(dirname "$0")/../.."
. tests/bench/lib.sh
bench_begin
TRIB_BIN="$PWD/$trib" TMPDIR="$PWD/$work" build/release/tests/bench/bench_tails "${1:-1000}" "${2:-$seconds}"

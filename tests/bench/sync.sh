#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What a replica's sync costs in a database of 1 GB: tests/bench/sync.sh [MEGABYTES [TIMES]]   (`make bench-sync`)
# Prints the rows of docs/benchmarks.md. Needs as much room below build/bench as the database, twice.
set -eu
cd "$(dirname "$0")/../.."
. tests/bench/lib.sh
bench_begin
TRIB_BIN="$PWD/$trib" TMPDIR="$PWD/$work" build/release/tests/bench/bench_sync "${1:-1024}" "${2:-1000}"

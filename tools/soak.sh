#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The long harnesses with their full figures. Each step that passed is noted in build/soak/done and not run again, so an
# interrupted soak goes on where it was; tools/soak.sh --restart forgets. The report, with machine and date, goes to
# docs/soak-report.md and is meant to be committed.
set -eu
cd "$(dirname "$0")/.."
export TRIB_TEST_DEALS="${TRIB_TEST_DEALS:-1000}" TRIB_TEST_RIDES="${TRIB_TEST_RIDES:-1000}"
export TRIB_TEST_CRASH_CYCLES="${TRIB_TEST_CRASH_CYCLES:-500}" TRIB_TEST_POWER_CUTS="${TRIB_TEST_POWER_CUTS:-100000}"
export TRIB_TEST_SESSION_STEPS="${TRIB_TEST_SESSION_STEPS:-1000000}" TRIB_TEST_FUZZ_SECONDS="${TRIB_TEST_FUZZ_SECONDS:-600}"
export TRIB_TEST_SYNC_ROUNDS="${TRIB_TEST_SYNC_ROUNDS:-100000}" TRIB_TEST_CHANGES="${TRIB_TEST_CHANGES:-100000}" TRIB_SOAK=1
export TRIB_TEST_TAIL_CYCLES="${TRIB_TEST_TAIL_CYCLES:-500}" TRIB_TEST_COMMAND_RUNS="${TRIB_TEST_COMMAND_RUNS:-100}"
export TRIB_TEST_ARCHIVE_RUNS="${TRIB_TEST_ARCHIVE_RUNS:-100}" TRIB_TEST_DURABLE_KILLS="${TRIB_TEST_DURABLE_KILLS:-500}"
state=build/soak
report=docs/soak-report.md
[ "${1:-}" != --restart ] || rm -rf "$state"
mkdir -p "$state"
touch "$state/done"
commit=$(git rev-parse --short HEAD)

row() { grep "^$1 " "$state/done" | tail -n 1; }

for stage in rules release unit fault integration tsan clang fuzz swift compat; do
    case "$(row $stage)" in "$stage $commit "*) echo "$stage: passed already at $commit" && continue ;; esac
    begin=$(date +%s)
    status=passed
    TRIB_TEST_STAGES=$stage tools/test.sh >"$state/$stage.log" 2>&1 || status=FAILED
    counts=$(tail -n 1 "$state/$stage.log")
    echo "$stage: $counts"
    grep -v "^$stage " "$state/done" >"$state/new" || :
    if [ $status = passed ]; then echo "$stage $commit $(($(date +%s) - begin)) $counts" >>"$state/new"; fi
    mv "$state/new" "$state/done"
    [ $status = passed ] || echo "$stage $counts" >>"$state/failed"
done

{
    echo "# Soak report"
    echo
    echo "$(date -u +%Y-%m-%d), commit $commit, $(nproc) cores ($(uname -m)), $(sed -n 's/^PRETTY_NAME="\(.*\)"/\1/p' /etc/os-release)."
    echo "Crash loop $TRIB_TEST_CRASH_CYCLES cycles, power cut $TRIB_TEST_POWER_CUTS cuts, sessions $TRIB_TEST_SESSION_STEPS steps, replicas" \
        "$TRIB_TEST_SYNC_ROUNDS syncs, tails $TRIB_TEST_TAIL_CYCLES kills, fuzzing" \
        "$TRIB_TEST_FUZZ_SECONDS s a target."
    echo
    echo "| stage | seconds | result |"
    echo "|---|---|---|"
    while read -r stage at took counts; do echo "| $stage | $took | $counts |"; done <"$state/done"
    if [ -f "$state/failed" ]; then while read -r stage counts; do echo "| $stage | | **FAILED**: $counts |"; done <"$state/failed"; fi
} >"$report"
cat "$report"
[ ! -f "$state/failed" ] || {
    rm -f "$state/failed"
    exit 1
}

#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The CI set, stage by stage, at most 20 minutes on 2 cores. Ends with a table, what was left out, and as its last line
# "N passed, N failed", counting test programs (a build or a check of the rules counts as one). Exit status 1 if any failed.
#
#   TRIB_TEST_STAGES="rules unit"   only these stages (default: all of ALL below)
#   TRIB_TEST_FUZZ_SECONDS=10 TRIB_TEST_CRASH_CYCLES=50 TRIB_TEST_POWER_CUTS=5000
#   TRIB_TEST_SESSION_STEPS=50000 TRIB_TEST_SYNC_ROUNDS=1500   how long the long ones run; tests read the last four
#
# Logs are kept in build/test-logs. A stage for which nothing is written yet says so and counts nothing.
set -u
cd "$(dirname "$0")/.." || exit 2
ALL="rules release unit fault integration tsan clang fuzz swift compat"
export TRIB_TEST_FUZZ_SECONDS="${TRIB_TEST_FUZZ_SECONDS:-10}"
export TRIB_TEST_CRASH_CYCLES="${TRIB_TEST_CRASH_CYCLES:-50}"
export TRIB_TEST_POWER_CUTS="${TRIB_TEST_POWER_CUTS:-5000}"
export TRIB_TEST_SESSION_STEPS="${TRIB_TEST_SESSION_STEPS:-50000}"
export TRIB_TEST_SYNC_ROUNDS="${TRIB_TEST_SYNC_ROUNDS:-1500}"
export ASAN_OPTIONS="${ASAN_OPTIONS:-detect_stack_use_after_return=1}"
export UBSAN_OPTIONS="${UBSAN_OPTIONS:-print_stacktrace=1}"
export TSAN_OPTIONS="${TSAN_OPTIONS:-halt_on_error=1 second_deadlock_stack=1}"
logs=build/test-logs
jobs=${TRIB_JOBS:-$(nproc)}
# Sanitizers of these compilers lose to address randomisation with many bits; without the right to turn it off they try.
steady=
setarch -R true 2>/dev/null && steady="setarch -R"

# Every stage appends to $log and sets passed, failed and, where there is nothing to do, note.
build() {
    if tools/build.sh "$@" >>"$log" 2>&1; then return 0; fi
    failed=$((failed + 1))
    note="does not build"
    return 1
}

# Runs ctest in build/$1 with the other arguments and adds up what it says.
run_ctest() {
    folder=$1
    shift
    part=$log.ctest
    $steady ctest --test-dir "build/$folder" -j "$jobs" --output-on-failure --timeout 600 "$@" >"$part" 2>&1 </dev/null
    cat "$part" >>"$log"
    counts=$(sed -n 's/^[0-9]*% tests passed, \([0-9]*\) tests failed out of \([0-9]*\)$/\1 \2/p' "$part")
    # what those that failed have printed
    awk '/\*\*\*/ { show = 1 } / Start +[0-9]+:| Passed / { show = 0 } show' "$part" | cut -c 1-400 | tail -n 200 >>"$log.ends"
    rm -f "$part"
    [ -n "$counts" ] || return 0 # nothing was chosen
    failed=$((failed + ${counts% *}))
    passed=$((passed + ${counts#* } - ${counts% *}))
}

# Runs one program as one test, bounded in time.
run_one() {
    part=$log.one
    begin=$(date +%s)
    if timeout -k 10 "${limit_s:-600}" "$@" >"$part" 2>&1 </dev/null; then
        passed=$((passed + 1))
        word=ok
    else
        failed=$((failed + 1))
        word=FAILED
    fi
    { printf '\n== %s\n' "$*" && cat "$part"; } >>"$log"
    if [ "$word" = FAILED ]; then
        { printf '\n== %s, its end:\n' "$*" && tail -n 40 "$part" | cut -c 1-400; } >>"$log.ends"
    fi
    rm -f "$part"
    printf '== %s after %s s\n' "$word" "$(($(date +%s) - begin))" >>"$log"
    [ "$word" = ok ]
}

# Runs each program as one test, as many at once as there are jobs.
run_each() {
    rm -f "$logs"/one-*
    printf '%s\n' "$@" | xargs -n 1 -P "$jobs" "$0" --run-one
    for program in "$@"; do
        one=$logs/one-${program##*/}.log
        if [ -f "$one" ]; then cat "$one" >>"$log"; fi
        if [ -f "$one.ends" ]; then cat "$one.ends" >>"$log.ends"; fi
        if grep -qs '^== ok after' "$one"; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
        rm -f "$one" "$one.ends"
    done
}

stage_rules() {
    for check in layers mirrors text spdx scripts errors links locks format; do run_one tools/check $check; done
    run_one tools/check-selftest
}

stage_release() {
    build release || return
    passed=$((passed + 1))
    run_one tools/check symbols
    run_one tools/check globals
}

stage_unit() {
    build dev || return
    run_ctest dev -LE 'fault|soak|integration'
}

stage_fault() {
    build dev || return
    run_ctest dev -L fault -LE soak
}

# The threaded tests (those with the label tsan, and those whose names fit a line of tools/tsan-tests.txt), and the
# program itself.
stage_tsan() {
    names=$(grep -v -e '^#' -e '^ *$' tools/tsan-tests.txt 2>/dev/null | paste -s -d '|' -)
    build tsan || return
    run_ctest tsan -L tsan -LE soak
    [ -z "$names" ] || run_ctest tsan -R "$names" -LE 'tsan|soak'
    for program in demo_test.sh tenant_test.sh token_test.sh; do # the whole program, with all its threads
        TRIB_BIN="$PWD/build/tsan/trib" run_one $steady "tests/integration/$program"
    done
}

stage_clang() {
    build clang || return
    passed=$((passed + 1))
}

fuzz_one() {
    name=$1
    seeds=
    for folder in "tests/fuzz/seeds/$name" "tests/fuzz/seeds/${name%_fuzz}"; do [ -d "$folder" ] && seeds=$folder; done
    mkdir -p "build/fuzz-corpus/$name"
    $steady "build/fuzz/tests/fuzz/$name" -max_total_time="$TRIB_TEST_FUZZ_SECONDS" -timeout=20 -rss_limit_mb=2048 \
        -print_final_stats=1 -artifact_prefix="$logs/$name-" "build/fuzz-corpus/$name" $seeds \
        >"$logs/fuzz-$name.log" 2>&1 </dev/null
    code=$?
    [ $code -eq 0 ] && word=ok || word=FAILED
    echo "$word $name $(sed -n 's/^stat::number_of_executed_units: *//p' "$logs/fuzz-$name.log") inputs"
}

stage_fuzz() {
    ls tests/fuzz/*_fuzz.c >/dev/null 2>&1 || return
    build fuzz || return
    ls tests/fuzz/*_fuzz.c | sed 's|.*/||; s|\.c$||' | xargs -n 1 -P "$jobs" "$0" --fuzz-one >"$log.fuzz"
    cat "$log.fuzz" >>"$log"
    passed=$(grep -c '^ok ' "$log.fuzz")
    failed=$(grep -c '^FAILED ' "$log.fuzz")
    for name in $(sed -n 's/^FAILED \([^ ]*\).*/\1/p' "$log.fuzz"); do tail -n 60 "$logs/fuzz-$name.log" >>"$log"; done
    rm -f "$log.fuzz"
}

stage_integration() {
    [ -f src/server/main.c ] || return
    build dev || return
    TRIB_BIN="$PWD/build/dev/trib" run_each build/dev/tests/integration/*_test tests/integration/*_test.sh
    run_ctest dev -L integration -LE soak
}

stage_swift() {
    build dev || return
    if [ ! -e /usr/lib/python3/dist-packages/swift/proxy/server.py ]; then
        note="python3-swift is not installed"
        return
    fi
    TRIB_BIN="$PWD/build/dev/trib" run_one tests/swift/run.sh
}

stage_compat() {
    [ -x tests/compat/run.sh ] && [ -f src/server/main.c ] || return
    build dev || return
    limit_s=900 TRIB_BIN="$PWD/build/dev/trib" run_one tests/compat/run.sh
    # its own count, where it ends with one, says more than that it ran
    counts=$(sed -n 's/^\([0-9]*\) passed, \([0-9]*\) failed$/\1 \2/p' "$log" | tail -n 1)
    [ -z "$counts" ] || [ $failed -gt "${counts#* }" ] || { passed=${counts% *} && failed=${counts#* }; }
}

run_stage() {
    passed=0 failed=0 note=
    log=$logs/$1.log
    : >"$log"
    : >"$log.ends" # of the tests that failed
    begin_stage=$(date +%s)
    printf '%-12s ...\n' "$1"
    "stage_$1"
    took=$(($(date +%s) - begin_stage))
    if [ $failed -gt 0 ]; then
        result="FAILED${note:+ ($note)}"
        printf '%s\n' "---- $log:"
        if [ -s "$log.ends" ]; then cat "$log.ends"; else tail -n 60 "$log"; fi
        printf '%s\n' ----
    elif [ $passed -eq 0 ]; then
        result="${note:-nothing yet}"
    else
        result=ok
    fi
    rm -f "$log.ends"
    printf '%-12s %6s %6s %6ss  %s\n' "$1" "$passed" "$failed" "$took" "$result" >>"$table"
    all_passed=$((all_passed + passed))
    all_failed=$((all_failed + failed))
}

left_out() {
    cat <<TEXT

Left out here, and run in full by 'make soak': crash loop ($TRIB_TEST_CRASH_CYCLES kill cycles of 500), power cut ($TRIB_TEST_POWER_CUTS cuts of
100,000), sessions against plain SQLite ($TRIB_TEST_SESSION_STEPS steps of 1,000,000), replicas ($TRIB_TEST_SYNC_ROUNDS syncs of 100,000), fuzzing ($TRIB_TEST_FUZZ_SECONDS s a target of 600 s), one run per client instead of many. 'make analyze' and 'make tidy' apart.
TEXT
}

if [ "${1:-}" = --fuzz-one ]; then
    fuzz_one "$2"
    exit 0
fi
if [ "${1:-}" = --run-one ]; then
    log=$logs/one-${2##*/}.log
    passed=0 failed=0
    run_one "$2"
    exit 0
fi
mkdir -p "$logs"
table=$logs/table
: >"$table"
all_passed=0 all_failed=0
started=$(date +%s)
for stage in ${TRIB_TEST_STAGES:-$ALL}; do
    case " $ALL " in *" $stage "*) ;; *)
        echo "tools/test.sh: no stage '$stage' (known: $ALL)" >&2
        exit 2
        ;;
    esac
done
for stage in ${TRIB_TEST_STAGES:-$ALL}; do run_stage "$stage"; done
printf '\n%-12s %6s %6s %7s  %s\n' stage passed failed time result
cat "$table"
printf '%s s in all; logs in %s\n' "$(($(date +%s) - started))" "$logs"
left_out
echo "$all_passed passed, $all_failed failed"
[ "$all_failed" -eq 0 ]

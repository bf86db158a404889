#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh disable=SC2034,SC2154
# sourced by the scripts of tests/bench, from the project's root, with set -eu: what they share.
#
# Everything binds to 127.0.0.1 on free ports, works in a new folder below build/bench ($work) and is ended by its process
# id. Seconds a figure: TRIB_TEST_BENCH_SECONDS (5). On a machine that does other work only the CPU times mean something.
export LC_ALL=C
seconds=${TRIB_TEST_BENCH_SECONDS:-5}
trib=build/release/trib
loadgen=build/release/tests/bench/bench_loadgen
direct=build/release/tests/bench/bench_sqlite
work=
server_pid=
nginx_pid=
watch_pid=
hz=$(getconf CLK_TCK)
pin_server= pin_generator=
pinned=false
load_before=$(cut -d ' ' -f 1 /proc/loadavg)

die() {
    printf 'tests/bench: %s\n' "$*" >&2
    exit 1
}

end_all() {
    status=$?
    trap - EXIT INT TERM
    for pid in $watch_pid $server_pid $nginx_pid; do kill -TERM "$pid" 2>/dev/null || true; done
    for pid in $watch_pid $server_pid $nginx_pid; do wait "$pid" 2>/dev/null || true; done
    [ -z "$work" ] || rm -rf "$work"
    exit $status
}
trap end_all EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# Builds the release with its benchmarks, and makes $work.
bench_begin() {
    cmake --preset release -DTRIB_BENCH=ON >/dev/null
    tools/build.sh release >build/bench-build.log 2>&1 || {
        tail -n 30 build/bench-build.log >&2
        die "the build failed; see build/bench-build.log"
    }
    mkdir -p build/bench
    work=$(mktemp -d build/bench/run.XXXXXX)
}

# One core for the server, the other for the generator.
choose_cores() {
    if [ "$(nproc)" -ge 2 ] && command -v taskset >/dev/null; then
        cores=$(taskset -cp $$ | sed 's/.*: //' | tr ',' '\n' |
            awk -F- '{ for (i = $1; i <= (NF > 1 ? $2 : $1); i++) print i }' | head -n 2 | tr '\n' ' ')
        # shellcheck disable=SC2086
        set -- $cores
        pin_server="taskset -c $1" pin_generator="taskset -c $2"
        pinned=true
    else
        echo "Only one core (or no taskset): server and generator share it, so requests/s are too low." >&2
    fi
}

# number FILE KEY: the first number after "KEY" in a line of JSON
number() {
    sed -n "s/^[^\"]*.*\"$2\": *\\([0-9.]*\\).*/\\1/p" "$1" | head -n 1
}

# ms FILE KEY: the first of that name (the latency of what was shed comes behind), in ms
ms() {
    awk -v key="\"$2\": " '{ at = index($0, key); printf "%.2f", substr($0, at + length(key)) / 1000; exit }' "$1"
}

# CPU time of a process in clock ticks (user + system), all its threads
cpu_ticks() {
    sed 's/.*) //' "/proc/$1/stat" | awk '{ print $12 + $13 }'
}

# resident memory of the server in KiB
resident_kib() {
    sed -n 's/^VmRSS:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$server_pid/status"
}

# load NAME PID ARGUMENTS...: runs the generator against the process and leaves its report in $work/NAME.json, with
# the CPU microseconds a request
load() {
    name=$1 pid=$2
    shift 2
    before=$(cpu_ticks "$pid")
    $pin_generator "$loadgen" "$@" >"$work/report.json" ||
        die "$name: requests failed or were refused: $(cat "$work/report.json")"
    after=$(cpu_ticks "$pid")
    awk -v ticks=$((after - before)) -v hz="$hz" -v all="$(number "$work/report.json" all_requests)" '
        { sub(/}$/, ""); printf "%s, \"cpu_us_per_request\": %.2f}\n", $0, ticks / hz * 1e6 / all }
    ' "$work/report.json" >"$work/$name.json"
}

# start_server PIN [OPTIONS...]: $address, $admin, $server_pid, $ready_ms
start_server() {
    pin=$1
    shift
    rm -f "$work/server.out"
    began=$(date +%s%N)
    $pin "$trib" serve --data "$work/data" --listen 127.0.0.1:0 --admin-listen 127.0.0.1:0 "$@" >"$work/server.out" \
        2>>"$work/trib.log" &
    server_pid=$!
    i=0
    until grep -qs '^admin ' "$work/server.out"; do
        kill -0 "$server_pid" 2>/dev/null && [ $i -lt 2000 ] || die "trib did not start: $(tail -n 5 "$work/trib.log")"
        i=$((i + 1))
        sleep 0.005
    done
    ready_ms=$((($(date +%s%N) - began) / 1000000))
    address=$(sed -n 's|^listening http://\(.*\)/|\1|p' "$work/server.out")
    admin=$(sed -n 's|^admin http://\(.*\)/|\1|p' "$work/server.out")
}

stop_server() {
    kill -TERM "$server_pid"
    wait "$server_pid" || die "trib did not end well: $(tail -n 5 "$work/trib.log")"
    server_pid=
}

# pipeline FILE SQL [ARGS [SQL [ARGS]]...]: a body of one execute per statement, then close
pipeline() {
    file=$1
    shift
    printf '{"requests":[' >"$file"
    while [ $# -gt 0 ]; do
        printf '{"type":"execute","stmt":{"sql":"%s","args":[%s]}},' "$1" "${2:-}" >>"$file"
        shift
        [ $# -eq 0 ] || shift
    done
    printf '{"type":"close"}]}' >>"$file"
}

# pb_select FILE SQL: the same in protobuf, of one short statement with the argument 7
pb_select() {
    n=${#2}
    printf "$(printf '\\022\\%03o\\022\\%03o\\012\\%03o\\012\\%03o' $((n + 10)) $((n + 8)) $((n + 6)) "$n")" >"$1"
    printf '%s\032\002\020\016\022\004\012\002\170\001' "$2" >>"$1"
}

# pb_bytes FIELD FILE: a field of protobuf with the file's bytes, at most 16 KiB of them
pb_bytes() {
    n=$(wc -c <"$2")
    # shellcheck disable=SC2059
    if [ "$n" -lt 128 ]; then printf "$(printf '\\%03o\\%03o' $(($1 * 8 + 2)) "$n")"
    else printf "$(printf '\\%03o\\%03o\\%03o' $(($1 * 8 + 2)) $((n % 128 + 128)) $((n / 128)))"; fi
    cat "$2"
}

# ws_messages SQL: what a WebSocket says to run one short statement with the argument 7, in JSON ($work/ws*.json) and in
# protobuf ($work/ws*.pb): hello, open_stream, execute
ws_messages() {
    printf '{"type":"hello","jwt":"%s"}' "$token" >"$work/ws1.json"
    printf '{"type":"request","request_id":1,"request":{"type":"open_stream","stream_id":1}}' >"$work/ws2.json"
    printf '{"type":"request","request_id":7,"request":{"type":"execute","stream_id":1,"stmt":{"sql":"%s","args":[%s]}}}' \
        "$1" '{"type":"integer","value":"7"}' >"$work/ws3.json"
    printf '%s' "$token" >"$work/part"
    pb_bytes 1 "$work/part" >"$work/hello"
    pb_bytes 1 "$work/hello" >"$work/ws1.pb"
    printf '\022\006\010\001\022\002\010\001' >"$work/ws2.pb"
    printf '%s' "$1" >"$work/part"
    { pb_bytes 1 "$work/part" && printf '\032\002\020\016\050\001'; } >"$work/stmt"
    { printf '\010\001' && pb_bytes 2 "$work/stmt"; } >"$work/execute"
    { printf '\010\007' && pb_bytes 4 "$work/execute"; } >"$work/part"
    pb_bytes 2 "$work/part" >"$work/ws3.pb"
    # and in a stream of its own, as @libsql/client does it: the three at once
    printf '{"type":"request","request_id":1,"request":{"type":"open_stream","stream_id":2}}' >"$work/ws4.json"
    sed 's/"stream_id":1/"stream_id":2/' "$work/ws3.json" >"$work/ws5.json"
    printf '{"type":"request","request_id":8,"request":{"type":"close_stream","stream_id":2}}' >"$work/ws6.json"
}

# ws_requests NAME CLIENTS SUBPROTOCOL EXPECT [own-stream] ARGUMENTS...: the messages of ws_messages to the tenant `bench`
ws_requests() {
    name=$1 clients=$2 protocol=$3 expect=$4 kind=json body=ws3
    shift 4
    [ "$protocol" != hrana3-protobuf ] || kind=pb
    if [ "${1:-}" = own-stream ]; then
        shift
        body=ws4
        set -- "$@" --then-file "$work/ws5.json" --then-file "$work/ws6.json"
    fi
    load "$name" "$server_pid" --address "$address" --connections "$clients" --path /bench --ws "$protocol" \
        --first-file "$work/ws1.$kind" --first-file "$work/ws2.$kind" --body-file "$work/$body.$kind" --expect "$expect" "$@"
}

# requests NAME CLIENTS PATH EXPECT ARGUMENTS...: $work/body.json to the server
requests() {
    name=$1 clients=$2 path=$3 expect=$4
    shift 4
    load "$name" "$server_pid" --address "$address" --connections "$clients" --path "$path" \
        --header "Content-Type: application/json" --header "Authorization: Bearer $token" --body-file "$work/body.json" \
        --expect "$expect" "$@"
}

# row NAME TITLE: one line of the table
row() {
    [ -s "$work/$1.json" ] || return 0
    printf '%-44s %10s %12s %10s %10s\n' "$2" "$(number "$work/$1.json" requests_per_s)" \
        "$(number "$work/$1.json" cpu_us_per_request)" "$(number "$work/$1.json" p50)" "$(number "$work/$1.json" p99)"
    names="${names:-} $1"
}

table_head() {
    printf '%-44s %10s %12s %10s %10s\n' '' 'requests/s' 'CPU us/req' 'p50 us' 'p99 us'
}

# write_result FILE: what every `row` has shown, with the machine; facts are lines of JSON members in $work/facts
write_result() {
    {
        printf '{"date": "%s", "commit": "%s", "kernel": "%s", "cpu": "%s", "cores": %s, "pinned": %s, ' \
            "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$(git rev-parse --short HEAD 2>/dev/null || echo unknown)" "$(uname -r)" \
            "$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)" "$(nproc)" "$pinned"
        printf '"load_before": %s' "$load_before"
        [ ! -s "$work/facts" ] || sed 's/^/,\n /' "$work/facts"
        for name in ${names:-}; do printf ',\n "%s": %s' "$name" "$(cat "$work/$name.json")"; done
        printf '}\n'
    } >"$1"
    echo "In full: $1"
}

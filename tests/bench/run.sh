#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Measures what docs/benchmarks.md tells about: tests/bench/run.sh   (`make bench`)
#
#   select         one row by its key through POST /v2/pipeline, 32 keep-alive connections, one tenant, with a token; the
#                  whole server is pinned to one core, the load generator to the other
#   static         nginx with a static file of 300 bytes, pinned and loaded in the same way, right before and after
#   insert 1, 64   one durable row a request into one tenant, 1 and 64 clients; the server may use every core
#
# Prints a table and writes build/bench/result.json. Everything binds to 127.0.0.1 on free ports, works in a new folder
# below build/bench, and is ended by its process id. Seconds a figure: TRIB_TEST_BENCH_SECONDS (5). On a machine that does
# other work only the CPU times mean something.
set -eu
export LC_ALL=C
cd "$(dirname "$0")/../.."

seconds=${TRIB_TEST_BENCH_SECONDS:-5}
connections=32
trib=build/release/trib
loadgen=build/release/tests/bench/bench_loadgen
work=
server_pid=
nginx_pid=

die() {
    printf 'tests/bench/run.sh: %s\n' "$*" >&2
    exit 1
}

end_all() {
    status=$?
    trap - EXIT INT TERM
    for pid in $server_pid $nginx_pid; do kill -TERM "$pid" 2>/dev/null || true; done
    for pid in $server_pid $nginx_pid; do wait "$pid" 2>/dev/null || true; done
    [ -z "$work" ] || rm -rf "$work"
    exit $status
}
trap end_all EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# number FILE KEY: the first number after "KEY" in a line of JSON
number() {
    sed -n "s/.*\"$2\": *\\([0-9.]*\\).*/\\1/p" "$1" | head -n 1
}

# CPU time of a process in clock ticks (user + system), all its threads
cpu_ticks() {
    sed 's/.*) //' "/proc/$1/stat" | awk '{ print $12 + $13 }'
}

# load NAME PID ARGUMENTS...: runs the generator against the process and leaves its report in $work/NAME.json, with
# the CPU microseconds a request and the share of a core that the process used
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

# ---- building ----

cmake --preset release -DTRIB_BENCH=ON >/dev/null
tools/build.sh release >build/bench-build.log 2>&1 || {
    tail -n 30 build/bench-build.log >&2
    die "the build failed; see build/bench-build.log"
}
mkdir -p build/bench
work=$(mktemp -d build/bench/run.XXXXXX)
hz=$(getconf CLK_TCK)

# ---- cores ----

pin_server= pin_generator=
pinned=false
if [ "$(nproc)" -ge 2 ] && command -v taskset >/dev/null; then
    cores=$(taskset -cp $$ | sed 's/.*: //' | tr ',' '\n' |
        awk -F- '{ for (i = $1; i <= (NF > 1 ? $2 : $1); i++) print i }' | head -n 2 | tr '\n' ' ')
    set -- $cores
    pin_server="taskset -c $1" pin_generator="taskset -c $2"
    pinned=true
else
    echo "Only one core (or no taskset): server and generator share it, so requests/s are too low." >&2
fi

# ---- servers ----

# start_server PIN: $address, $server_pid
start_server() {
    $1 "$trib" serve --data "$work/data" --listen 127.0.0.1:0 --admin-listen 127.0.0.1:0 >>"$work/trib.log" 2>&1 &
    server_pid=$!
    i=0
    while [ ! -s "$work/data/server.json" ]; do
        kill -0 "$server_pid" 2>/dev/null && [ $i -lt 100 ] || die "trib did not start: $(cat "$work/trib.log")"
        i=$((i + 1))
        sleep 0.1
    done
    address=$(sed -n 's|.*"url":"http://\([^/]*\)/".*|\1|p' "$work/data/server.json")
}

stop_server() {
    kill -TERM "$server_pid"
    wait "$server_pid" || die "trib did not end well: $(tail -n 5 "$work/trib.log")"
    server_pid=
}

# sql TEXT: one statement of the tenant, over HTTP, once
sql() {
    printf '{"requests":[{"type":"execute","stmt":{"sql":"%s"}},{"type":"close"}]}' "$1" >"$work/body.json"
    "$loadgen" --address "$address" --connections 1 --requests 1 --path /bench/v2/pipeline \
        --header "Authorization: Bearer $token" --header "Content-Type: application/json" \
        --body-file "$work/body.json" --expect '"ok"' >"$work/report.json" || die "refused: $1"
}

start_nginx() {
    command -v nginx >/dev/null || return 1
    root=$(cd "$work" && pwd)
    head -c 300 /dev/zero | tr '\0' 'x' >"$root/300.txt"
    nginx_port=0
    for port in 18317 28317 38317 48317; do
        cat >"$root/nginx.conf" <<CONF
daemon off;
master_process off;
worker_processes 1;
pid $root/nginx.pid;
error_log $root/nginx.log warn;
events { worker_connections 1024; }
http {
    access_log off;
    client_body_temp_path $root; proxy_temp_path $root; fastcgi_temp_path $root; uwsgi_temp_path $root;
    scgi_temp_path $root;
    keepalive_requests 1000000000;
    sendfile on; tcp_nopush on; tcp_nodelay on;
    open_file_cache max=10; open_file_cache_valid 60s;
    server { listen 127.0.0.1:$port; root $root; default_type text/plain; }
}
CONF
        $pin_server nginx -p "$root" -c "$root/nginx.conf" 2>>"$root/nginx.log" &
        nginx_pid=$!
        sleep 0.5
        if kill -0 "$nginx_pid" 2>/dev/null; then
            nginx_port=$port
            return 0
        fi
        wait "$nginx_pid" || true
        nginx_pid=
    done
    echo "nginx is installed but did not start: $(tail -n 3 "$root/nginx.log")" >&2
    return 1
}

static_load() {
    load "$1" "$nginx_pid" --address "127.0.0.1:$nginx_port" --connections $connections --duration-s "$seconds" \
        --path /300.txt
}

pipeline_load() {
    name=$1 clients=$2
    printf '{"requests":[{"type":"execute","stmt":{"sql":"%s","args":[%s]}},{"type":"close"}]}' "$3" "$4" \
        >"$work/body.json"
    load "$name" "$server_pid" --address "$address" --connections "$clients" --duration-s "$seconds" \
        --path /bench/v2/pipeline --header "Authorization: Bearer $token" \
        --header "Content-Type: application/json" --body-file "$work/body.json" --expect "$5"
}

# ---- measuring ----

integer_7='{"type":"integer","value":"7"}'
text_20='{"type":"text","value":"twenty bytes of text"}'
load_before=$(cut -d ' ' -f 1 /proc/loadavg)

start_server "$pin_server"
"$trib" tenant create bench --data "$work/data" >/dev/null
token=$("$trib" token create bench --data "$work/data")
sql 'CREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT NOT NULL, price INTEGER NOT NULL)'
sql 'CREATE TABLE entry (id INTEGER PRIMARY KEY, text TEXT NOT NULL)'
sql "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000) \
INSERT INTO item SELECT i, 'the name of item ' || i, i * 10 FROM n"

with_nginx=false
if start_nginx; then with_nginx=true; else echo "nginx is not installed: no figure beside ours." >&2; fi
[ $with_nginx = false ] || static_load static_before
pipeline_load select $connections 'SELECT id, name, price FROM item WHERE id = ?' "$integer_7" 'the name of item 7"'
[ $with_nginx = false ] || static_load static_after
stop_server
start_server ''
pipeline_load insert_1 1 'INSERT INTO entry (text) VALUES (?)' "$text_20" '"affected_row_count":1'
pipeline_load insert_64 64 'INSERT INTO entry (text) VALUES (?)' "$text_20" '"affected_row_count":1'
stop_server

# ---- reporting ----

row() {
    [ -s "$work/$1.json" ] || return 0
    printf '%-34s %10s %12s %10s %10s\n' "$2" "$(number "$work/$1.json" requests_per_s)" \
        "$(number "$work/$1.json" cpu_us_per_request)" "$(number "$work/$1.json" p50)" "$(number "$work/$1.json" p99)"
}

result=build/bench/result.json
{
    printf '{"date": "%s", "commit": "%s", "kernel": "%s", "cpu": "%s", "cores": %s, "pinned": %s, ' \
        "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$(git rev-parse --short HEAD 2>/dev/null || echo unknown)" "$(uname -r)" \
        "$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)" "$(nproc)" "$pinned"
    printf '"load_before": %s' "$load_before"
    for name in static_before select static_after insert_1 insert_64; do
        [ ! -s "$work/$name.json" ] || printf ',\n "%s": %s' "$name" "$(cat "$work/$name.json")"
    done
    printf '}\n'
} >$result

printf '%-34s %10s %12s %10s %10s\n' '' 'requests/s' 'CPU us/req' 'p50 us' 'p99 us'
row static_before "nginx, 300 bytes, $connections clients"
row select "SELECT of one row, $connections clients"
row static_after "nginx again"
row insert_1 'durable INSERT, 1 client'
row insert_64 'durable INSERT, 64 clients'
awk -v one="$(number "$work/insert_1.json" requests_per_s)" -v many="$(number "$work/insert_64.json" requests_per_s)" \
    'BEGIN { printf "64 clients make %.1f times the INSERTs of one.\n", many / one }'
echo "In full: $result"

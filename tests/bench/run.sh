#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Measures what docs/benchmarks.md tells about: tests/bench/run.sh   (`make bench`)
#
# Every row is one kind of request to the whole server over sockets. Beside it, in the same run: nginx with a static file
# of 300 bytes, right before and right after; the same SQL straight on SQLite in C; and, where the compatibility tests are
# installed (make test does that), npm's libsql in its process. Prints a table and writes build/bench/result.json.
#
# The rows of one statement that reads have the whole server pinned to one core and the load generator to the other; for
# the others the server may use every core. tests/bench/lib.sh has the rest.
set -eu
cd "$(dirname "$0")/../.."
. tests/bench/lib.sh
connections=32
tenants=1000

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

# timed NAME CLIENTS PATH EXPECT ARGUMENTS...
timed() {
    requests "$@" --duration-s "$seconds"
}

# ws_timed NAME SUBPROTOCOL UNDER_WAY: the one-row SELECT over WebSockets
ws_timed() {
    ws_requests "$1" $connections "$2" 'the name of item 7' --pipeline "$3" --duration-s "$seconds"
}

# once PATH COUNT: $work/body.json to each of COUNT tenants, once
once() {
    requests setup 16 "$1" ok --requests "$2" --number "next:$2"
}

# The same statements straight on SQLite, on a copy that nobody else has open.
measure_sqlite() {
    file=$(find "$work/data/db" -name '*.db' -size +30k | head -n 1)
    cp "$file" "$work/direct.db"
    for what in select select100 insert batch20; do
        $pin_server "$direct" $what "$work/direct.db" "$seconds" >"$work/sqlite_$what.json"
    done
}

measure_libsql() {
    node=tests/compat/node_modules/node/bin/node
    [ -x "$node" ] || return 0
    $pin_server "$node" tests/bench/libsql.js "$work/direct.db" "$seconds" "$work" || die "npm's libsql failed"
}

integer_7='{"type":"integer","value":"7"}'
text_20='{"type":"text","value":"twenty bytes of text"}'
insert='INSERT INTO entry (text) VALUES (?)'
one_row='"affected_row_count":1'

bench_begin
choose_cores

# ---- one core: what a small read costs ----

start_server "$pin_server"
"$trib" tenant create bench --data "$work/data" >/dev/null
token=$("$trib" token create --all --data "$work/data")
pipeline "$work/body.json" 'CREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT NOT NULL, price INTEGER NOT NULL)' '' \
    'CREATE TABLE entry (id INTEGER PRIMARY KEY, text TEXT NOT NULL)' '' \
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000) \
INSERT INTO item SELECT i, 'the name of item ' || i, i * 10 FROM n"
requests setup 1 /bench/v2/pipeline '"affected_row_count":1000' --requests 1
with_nginx=false
if start_nginx; then with_nginx=true; else echo "nginx is not installed: no figure beside ours." >&2; fi
[ $with_nginx = false ] || static_load static_before
pipeline "$work/body.json" 'SELECT id, name, price FROM item WHERE id = ?' "$integer_7"
timed select $connections /bench/v2/pipeline 'the name of item 7"'
[ $with_nginx = false ] || static_load static_after
pb_select "$work/body.json" 'SELECT id, name, price FROM item WHERE id = ?'
timed select_pb $connections /bench/v3-protobuf/pipeline 'the name of item 7'
ws_messages 'SELECT id, name, price FROM item WHERE id = ?'
ws_timed ws_select hrana3 1
ws_timed ws_select_pb hrana3-protobuf 1
ws_timed ws_select_16 hrana3 16
ws_timed ws_select_pb_16 hrana3-protobuf 16
pipeline "$work/body.json" 'SELECT id, name, price FROM item WHERE id > ? ORDER BY id LIMIT 100' "$integer_7"
timed select100 $connections /bench/v2/pipeline 'the name of item 8"'
stop_server
measure_sqlite
measure_libsql

# ---- every core: writes ----

start_server ''
pipeline "$work/body.json" "$insert" "$text_20"
timed insert_1 1 /bench/v2/pipeline "$one_row"
timed insert_64 64 /bench/v2/pipeline "$one_row"
set --
for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    set -- "$@" ",{\"stmt\":{\"sql\":\"$insert\",\"args\":[$text_20]},\"condition\":{\"type\":\"ok\",\"step\":$#}}"
done
printf '{"requests":[{"type":"batch","batch":{"steps":[{"stmt":{"sql":"BEGIN IMMEDIATE"}}%s,%s]}},{"type":"close"}]}' \
    "$(printf '%s' "$@")" '{"stmt":{"sql":"COMMIT"},"condition":{"type":"ok","step":20}}' >"$work/body.json"
timed batch20_1 1 /bench/v2/pipeline "$one_row"
timed batch20_16 16 /bench/v2/pipeline "$one_row"

# ---- every core: many tenants ----

printf '{}' >"$work/create.json"
key=$(cat "$work/data/admin.key")
load create "$server_pid" --address "$admin" --connections 16 --requests $tenants --number next:$tenants \
    --path /v1/namespaces/t%n/create --header "Authorization: Basic $key" --body-file "$work/create.json"
pipeline "$work/body.json" 'CREATE TABLE entry (id INTEGER PRIMARY KEY, text TEXT NOT NULL)' '' "$insert" "$text_20"
once /t%n/v2/pipeline $tenants
pipeline "$work/body.json" "$insert" "$text_20"
timed insert_64_many 64 /t%n/v2/pipeline "$one_row" --number uniform:$tenants
pipeline "$work/body.json" 'SELECT text FROM entry WHERE id = ?' '{"type":"integer","value":"1"}'
timed select_zipf 64 /t%n/v2/pipeline 'twenty bytes' --number zipf:$tenants
printf '{"requests":[{"type":"execute","stmt":{"sql":"BEGIN IMMEDIATE"}}]}' >"$work/body.json"
printf '{"baton":"%%b","requests":[{"type":"execute","stmt":{"sql":"%s","args":[%s]}}]}' "$insert" "$text_20" >"$work/2.json"
printf '{"baton":"%%b","requests":[{"type":"execute","stmt":{"sql":"COMMIT"}},{"type":"close"}]}' >"$work/3.json"
timed interactive_16 16 /t%n/v2/pipeline '"baton":null' --number uniform:$tenants --then-file "$work/2.json" \
    --then-file "$work/3.json"
stop_server

# ---- memory, and the first request after a start ----

start_server ''
kib_before=$(resident_kib)
pipeline "$work/body.json" 'SELECT text FROM entry WHERE id = ?' '{"type":"integer","value":"1"}'
requests cold 1 /t%n/v2/pipeline 'twenty bytes' --requests 500 --number next:$tenants
kib_open=$(resident_kib)
held() { # ARGUMENTS...: $kib_held, resident memory while the connections are there and idle
    rm -f "$work/held.json"
    "$loadgen" --address "$address" --hold-s 3 "$@" >"$work/held.json" &
    held=$!
    until [ -s "$work/held.json" ]; do
        kill -0 $held 2>/dev/null || break
        sleep 0.1
    done
    sleep 1
    kib_held=$(resident_kib)
    wait $held || die "idle connections failed: $(cat "$work/held.json")"
}
held --connections 2000 --requests 2000 --path /health
kib_held_http=$kib_held
stop_server
start_server ''
kib_ws_before=$(resident_kib)
sockets=10000
[ "$(ulimit -n)" = unlimited ] || [ "$(ulimit -n)" -gt 10100 ] || sockets=$(($(ulimit -n) - 100))
held --connections $sockets --path /bench --ws hrana3 --first-file "$work/ws1.json"
stop_server
printf '"kib_per_open_database": %s\n' "$(awk -v a="$kib_before" -v b="$kib_open" 'BEGIN { printf "%.0f", (b - a) / 500 }')" \
    >"$work/facts"
printf '"kib_per_idle_connection": %s\n' "$(awk -v a="$kib_open" -v b="$kib_held_http" 'BEGIN { printf "%.1f", (b - a) / 2000 }')" \
    >>"$work/facts"
printf '"idle_websockets": %s\n"kib_per_idle_websocket": %s\n' "$sockets" \
    "$(awk -v a="$kib_ws_before" -v b="$kib_held" -v n="$sockets" 'BEGIN { printf "%.1f", (b - a) / n }')" >>"$work/facts"

# ---- reporting ----

table_head
row static_before "nginx, 300 bytes, $connections clients"
row select "SELECT of one row, $connections clients"
row static_after "nginx again"
row select_pb "the same in protobuf"
row ws_select "the same over WebSocket"
row ws_select_pb "the same over WebSocket in protobuf"
row ws_select_16 "over WebSocket, 16 under way on each"
row ws_select_pb_16 "over WebSocket in protobuf, 16 under way"
row sqlite_select "the same on SQLite in C, one thread"
row libsql_select "the same in node with npm's libsql"
row select100 "SELECT of 100 rows, $connections clients"
row sqlite_select100 "the same on SQLite in C"
row libsql_select100 "the same in node with npm's libsql"
row insert_1 'durable INSERT, 1 client'
row sqlite_insert 'the same on SQLite in C'
row libsql_insert "the same in node with npm's libsql"
row insert_64 'durable INSERT, 64 clients, one tenant'
row insert_64_many "durable INSERT, 64 clients, $tenants tenants"
row batch20_1 'transaction of 20 INSERTs, 1 client'
row sqlite_batch20 'the same on SQLite in C'
row batch20_16 'transaction of 20 INSERTs, 16 clients'
row interactive_16 'interactive transaction, 3 requests, 16 clients'
row create 'tenants created, 16 clients'
row cold 'first SELECT of a tenant, 1 client'
row select_zipf "SELECT by Zipf over $tenants tenants, 64 clients"
awk -v one="$(number "$work/insert_1.json" requests_per_s)" -v many="$(number "$work/insert_64.json" requests_per_s)" \
    'BEGIN { printf "64 clients make %.1f times the INSERTs of one.\n", many / one }'
sed 's/"//g' "$work/facts"
write_result build/bench/result.json

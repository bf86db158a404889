#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Many tenants on one server: tests/bench/fleet.sh   (`make bench-fleet`)
#
#   created      through the admin API; resident memory with all of them registered and idle
#   written      the first write of 10,000 of them, then kill -9 and the start on what that left
#   cold         the first SELECT of each after that start, one client
#   zipf         SELECTs over all that were written, for TRIB_TEST_BENCH_ZIPF_S seconds (30; the full figure is 1800): memory
#                and descriptors at the beginning, at the end, and the most and least of them in the second half
#
# TRIB_TEST_BENCH_TENANTS is how many there are (100000). Prints a table and writes build/bench/fleet.json.
set -eu
cd "$(dirname "$0")/../.."
. tests/bench/lib.sh
tenants=${TRIB_TEST_BENCH_TENANTS:-100000}
written=10000
[ "$written" -le "$tenants" ] || written=$tenants
zipf_s=${TRIB_TEST_BENCH_ZIPF_S:-30}

descriptors() {
    find "/proc/$server_pid/fd" -mindepth 1 | wc -l
}

# watch FILE: a line of resident KiB and descriptors every second, until it is ended
watch() {
    while sleep 1; do
        printf '%s %s\n' "$(resident_kib)" "$(descriptors)" >>"$1"
    done
}

# span FILE COLUMN NAME: the least and the most of that column in the second half of the file, as facts
span() {
    tail -n "$(($(wc -l <"$1") / 2 + 1))" "$1" | awk -v c="$2" -v name="$3" '
        NR == 1 || $c < least { least = $c }
        NR == 1 || $c > most { most = $c }
        END { printf "\"%s_least\": %d\n\"%s_most\": %d\n", name, least, name, most }' >>"$work/facts"
}

# fact NAME VALUE
fact() {
    printf '"%s": %s\n' "$1" "$2" >>"$work/facts"
}

bench_begin
start_server ''
token=$("$trib" token create --all --data "$work/data")
key=$(cat "$work/data/admin.key")
printf '{}' >"$work/create.json"
load create "$server_pid" --address "$admin" --connections 16 --requests "$tenants" --number "next:$tenants" \
    --path /v1/namespaces/t%n/create --header "Authorization: Basic $key" --body-file "$work/create.json"
fact idle_kib "$(resident_kib)"

pipeline "$work/body.json" 'CREATE TABLE entry (id INTEGER PRIMARY KEY, text TEXT NOT NULL)' '' \
    'INSERT INTO entry (text) VALUES (?)' '{"type":"text","value":"twenty bytes of text"}'
requests first_write 16 /t%n/v2/pipeline '"affected_row_count":1' --requests "$written" --number "next:$written"
fact written_kib "$(resident_kib)"
fact written_descriptors "$(descriptors)"
kill -KILL "$server_pid"
wait "$server_pid" || true
start_server ''
fact ready_after_kill_ms "$ready_ms"

pipeline "$work/body.json" 'SELECT text FROM entry WHERE id = ?' '{"type":"integer","value":"1"}'
requests cold 1 /t%n/v2/pipeline 'twenty bytes' --requests "$written" --number "next:$written"
fact zipf_begin_kib "$(resident_kib)"
fact zipf_begin_descriptors "$(descriptors)"
watch "$work/watch" &
watch_pid=$!
requests zipf 64 /t%n/v2/pipeline 'twenty bytes' --duration-s "$zipf_s" --number "zipf:$written"
kill "$watch_pid"
wait "$watch_pid" || true
watch_pid=
span "$work/watch" 1 zipf_kib
span "$work/watch" 2 zipf_descriptors
fact zipf_end_kib "$(resident_kib)"
fact zipf_end_descriptors "$(descriptors)"
began=$(date +%s%N)
stop_server
fact stop_ms $((($(date +%s%N) - began) / 1000000))

table_head
row create "$tenants tenants created, 16 clients"
row first_write "first write of $written tenants, 16 clients"
row cold "first SELECT of $written tenants, 1 client"
row zipf "SELECT by Zipf over $written tenants, 64 clients"
sed 's/"//g' "$work/facts"
write_result build/bench/fleet.json

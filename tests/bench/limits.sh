#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The figures behind docs/reference/limits.md: tests/bench/limits.sh [PART...]   (or TRIB_TEST_BENCH_PARTS)
#
#   open     a database that was closed, from asking for it to its first row; memory and descriptors while it stays open
#   loops    a request without SQL, at even intervals on a loop of its own core, while 32 connections send bodies of 60 KB:
#            how long the loop lets it wait
#   turn     a session keeps the turn and falls silent: how long a writer waits, in a tenant and in a database of the server
#   stuck    endless statements of 6 tenants, 4 each: how many run after 3 s, and when the first was interrupted
#   log      short reads without a pause on 8 connections beside 8 writers: longest log, slowest read
#   read     a read transaction that falls silent: when it has ended (30 s; not among the parts unless asked for)
#
# Prints a table: what was measured, the limit, and whether it was kept; writes build/bench/limits.json. Ends with 1 when
# one was not kept, which on a machine that does other work may be that work's fault.
set -eu
cd "$(dirname "$0")/../.."
. tests/bench/lib.sh
parts=${*:-${TRIB_TEST_BENCH_PARTS:-open loops turn stuck log}}
bad=0

# fact KEY NUMBER LIMIT TITLE: a line of the table and of the JSON; LIMIT as LEAST..MOST
fact() {
    kept=$(awk -v n="$2" -v limit="$3" 'BEGIN { split(limit, at, /\.\./); print (n + 0 >= at[1] + 0 && n + 0 <= at[2] + 0) ? "kept" : "NOT KEPT" }')
    [ "$kept" = kept ] || bad=1
    printf '%-64s %12s %14s  %s\n' "$4" "$2" "$3" "$kept"
    printf '"%s": {"value": %s, "limit": "%s", "kept": %s}\n' "$1" "$2" "$3" "$([ "$kept" = kept ] && echo true || echo false)" >>"$work/facts"
}

wants() { case " $parts " in *" $1 "*) ;; *) return 1 ;; esac; }
now_ms() { echo $(($(date +%s%N) / 1000000)); }

# sql TENANT SQL [BATON]: the answer in $said
sql() {
    said=$(curl -s -m 60 -H "Authorization: Bearer $token" "http://$address/$1/v2/pipeline" -d \
        "{\"baton\":${3:-null},\"requests\":[{\"type\":\"execute\",\"stmt\":{\"sql\":\"$2\"}}]}")
}
baton() { printf '%s' "$said" | sed -n 's/.*"baton":\("[^"]*"\).*/\1/p'; }

# yields TENANT: ms that a writer waits for a session that holds the turn and says nothing more
yields() {
    case $1 in streams) table=bench_limits ;; *) table=entry ;; esac
    sql "$1" "CREATE TABLE IF NOT EXISTS $table (text TEXT)"
    sql "$1" "BEGIN IMMEDIATE"
    began=$(now_ms)
    sql "$1" "INSERT INTO $table VALUES ('mine')"
    printf '%s' "$said" | grep -q '"affected_row_count":1' || die "the writer was not let in: $said"
    echo $(($(now_ms) - began))
}

bench_begin
printf '%-64s %12s %14s\n' '' measured limit

if wants open; then
    limits=build/release/tests/bench/bench_limits
    "$limits" make "$work/open" 500
    "$limits" read "$work/open" 500 >"$work/open.json"
    fact open_cpu_us "$(number "$work/open.json" cpu_p50)" 0..1000 'opening a database and reading a row, p50, us of processor'
    fact open_p50_us "$(number "$work/open.json" p50)" 0..1000 'the same with its waits (a sync of the folder), p50, us'
    fact open_p99_us "$(number "$work/open.json" p99)" 0..10000 'with them, p99, us'
    fact open_kib "$(number "$work/open.json" open_kib)" 0..325 'memory of a database that is open, KiB'
    fact open_both_kib "$(number "$work/open.json" writer_and_reader_kib)" 0..325 'with a connection that reads and one that writes, KiB'
    fact open_both_fds "$(number "$work/open.json" writer_and_reader_fds)" 0..5.01 'descriptors of both'
fi

start_server ''
token=$("$trib" token create --all --data "$work/data")
for i in 1 2 3 4 5 6; do "$trib" tenant create "t$i" --data "$work/data" >/dev/null; done

if wants loops; then
    sql t1 'SELECT 1'
    awk 'BEGIN { printf "{\"requests\":[{\"type\":\"execute\",\"stmt\":{\"sql\":\"SELECT 1\",\"args\":["
        for (i = 0; i < 1200; i++) printf "%s{\"type\":\"integer\",\"value\":\"%d\"}", i ? "," : "", i
        printf "]}},{\"type\":\"close\"}]}" }' >"$work/large.json"
    "$loadgen" --address "$address" --connections 32 --duration-s "$((seconds + 1))" --path /t1/v2/pipeline \
        --header "Authorization: Bearer $token" --body-file "$work/large.json" --expect '"results"' \
        >"$work/loops_load.json" 2>/dev/null &
    watch_pid=$!
    "$loadgen" --address "$address" --connections 4 --rate 200 --duration-s "$seconds" --warmup-ms 300 --path /health \
        >"$work/loops.json" || die "/health failed: $(cat "$work/loops.json")"
    wait "$watch_pid" || true
    watch_pid=
    fact loop_p99_ms "$(ms "$work/loops.json" p99)" 0..5 'a request without SQL beside large bodies, p99, ms'
fi

if wants turn; then
    fact turn_ms "$(yields t1)" 4900..5500 'a silent transaction keeps a tenant'"'"'s turn, ms'
    fact turn_system_ms "$(yields streams)" 900..1500 'and that of a database of the server, ms'
fi

if wants stuck; then
    endless='WITH RECURSIVE c(x) AS (VALUES (1) UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c'
    pids=
    began=$(now_ms)
    for i in 1 2 3 4 5 6; do
        for n in 1 2 3 4; do
            { sql "t$i" "$endless"; printf '%s %s\n' $(($(now_ms) - began)) "$(printf '%s' "$said" | sed -n 's/.*"code":"\([A-Z_]*\)".*/\1/p')" >>"$work/stuck"; } &
            pids="$pids $!"
        done
    done
    sleep 3
    first=$(head -n 1 "$work/stuck" 2>/dev/null || echo '0 none')
    case $first in *STATEMENT_TIMEOUT) ;; *) die "nothing was interrupted within 3 s: $first" ;; esac
    "$trib" token rotate-keys --drop-all --data "$work/data" >/dev/null # nothing new is asked
    fact stuck_running "$((24 - $(wc -l <"$work/stuck")))" 0..16 'endless statements of 24 that run after 3 s'
    fact stuck_first_ms "${first% *}" 50..3000 'the first was interrupted after, ms'
    for pid in $pids; do kill "$pid" 2>/dev/null || true; done
    for pid in $pids; do wait "$pid" 2>/dev/null || true; done
    token=$("$trib" token create --all --data "$work/data")
fi

if wants log; then
    pipeline "$work/body.json" 'CREATE TABLE IF NOT EXISTS log (id INTEGER PRIMARY KEY, text TEXT)' ''
    requests setup 1 /t2/v2/pipeline '"results"' --requests 1
    pipeline "$work/body.json" 'INSERT INTO log (text) VALUES (hex(randomblob(1500)))' ''
    "$loadgen" --address "$address" --connections 8 --duration-s "$seconds" --path /t2/v2/pipeline \
        --header "Authorization: Bearer $token" --body-file "$work/body.json" --expect '"affected_row_count":1' \
        >"$work/log_writes.json" 2>&1 &
    watch_pid=$!
    (
        most=0
        while [ ! -e "$work/log_done" ]; do
            size=$(find "$work/data/db" -name '*.db-wal' -printf '%s\n' | sort -n | tail -n 1)
            [ "${size:-0}" -le "$most" ] || most=$size
            echo "$most" >"$work/log_most"
            sleep 0.05
        done
    ) &
    watcher=$!
    pipeline "$work/read.json" 'SELECT text FROM log ORDER BY id DESC LIMIT 5' ''
    "$loadgen" --address "$address" --connections 8 --duration-s "$seconds" --warmup-ms 200 --path /t2/v2/pipeline \
        --header "Authorization: Bearer $token" --body-file "$work/read.json" --expect '"results"' >"$work/log_reads.json" ||
        die "reads failed: $(cat "$work/log_reads.json")"
    wait "$watch_pid" || true
    watch_pid=
    : >"$work/log_done"
    wait "$watcher"
    fact log_mib "$(awk -v bytes="$(cat "$work/log_most")" 'BEGIN { printf "%.1f", bytes / 1048576 }')" 0..64 'longest log beside reads without a pause, MiB'
    fact log_read_p99_ms "$(ms "$work/log_reads.json" p99)" 0..50 'such a read, p99: a reset holds reads back 20 ms, ms'
fi

if wants read; then
    sql t3 'CREATE TABLE IF NOT EXISTS entry (text TEXT)'
    sql t3 'BEGIN'
    sql t3 'SELECT count(*) FROM entry' "$(baton)"
    began=$(now_ms)
    until printf '%s' "$said" | grep -q SNAPSHOT_TOO_OLD || [ $(($(now_ms) - began)) -gt 40000 ]; do
        sleep 0.5
        sql t3 'SELECT count(*) FROM entry' "$(baton)"
    done
    fact read_ms $(($(now_ms) - began)) 29000..31500 'a read transaction lives, ms'
fi

stop_server
write_result build/bench/limits.json
exit $bad

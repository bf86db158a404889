#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What a neighbour feels of hostile tenants: tests/bench/isolation.sh [BOMB...]   (`make bench-isolation`)
#
#   bombs       two bystanders' SELECT and INSERT of one row, at even intervals (open loop), alone and beside every bomb of
#               tests/hostile/bombs.txt on 64 connections; each bomb has a tenant of its own. Two, because a SELECT waits
#               until the commits that it sees are durable: on one tenant both figures would be the disk's
#
# The bystander's generators run above the server's priority and the attackers below it, where the system lets them: on
# a machine of its own neither would take the server's cores. BOMB... or TRIB_TEST_BENCH_PARTS="bombs" choose.
# Prints tables and writes build/bench/isolation.json.
set -eu
cd "$(dirname "$0")/../.."
. tests/bench/lib.sh
hostile=build/release/tests/bench/bench_hostile
catalogue=tests/hostile/bombs.txt
parts=${TRIB_TEST_BENCH_PARTS:-bombs}
seconds=${TRIB_TEST_BENCH_SECONDS:-3}
select_rate=400 insert_rate=100
first=
if nice -n -5 true 2>/dev/null; then first='nice -n -5'; fi

# bystand NAME: both loads at once, for $seconds; $work/NAME_{select,insert}.json. Errors are counted, not fatal.
bystand() {
    for what in select insert; do
        rate=$select_rate
        [ $what = select ] || rate=$insert_rate
        $first "$loadgen" --address "$address" --connections 32 --rate $rate --duration-s "$seconds" --warmup-ms 300 \
            --path "/by-$what/v2/pipeline" --header "Content-Type: application/json" \
            --header "Authorization: Bearer $token" --body-file "$work/by_$what.json" \
            --expect "$(cat "$work/by_$what.expect")" >"$work/$1_$what.json" 2>"$work/$1_$what.err" &
        eval "bystand_$what=$!"
    done
    wait "$bystand_select" || true
    wait "$bystand_insert" || true
}

# errors NAME: of the bystander, of any kind
errors() {
    cat "$work/$1_select.json" "$work/$1_insert.json" | awk '
        { n = split("non_2xx wrong broken shed never_started", keys, " ")
          for (i = 1; i <= n; i++) if (match($0, "\"" keys[i] "\": [0-9]+")) {
              v = substr($0, RSTART, RLENGTH); sub(/.*: /, "", v); sum += v } }
        END { print sum + 0 }'
}

# ms FILE KEY: the first of that name (the latency of what was shed comes behind), in ms
ms() {
    awk -v key="\"$2\": " '{ at = index($0, key); printf "%.2f", substr($0, at + length(key)) / 1000; exit }' "$1"
}

# show NAME: a line of the table
show() {
    printf '%-24s' "$1"
    for what in select insert; do
        for key in p50 p99 max; do printf ' %8s' "$(ms "$work/$1_$what.json" $key)"; done
    done
    printf ' %6s' "$(errors "$1")"
    [ ! -s "$work/$1_attack.json" ] || printf ' %9s %9s %7s %6s' "$(number "$work/$1_attack.json" answered)" \
        "$(number "$work/$1_attack.json" sql_errors)" "$(number "$work/$1_attack.json" shed)" \
        "$(number "$work/$1_attack.json" broken)"
    printf ' %8s\n' "$(($(resident_kib) / 1024))"
    {
        printf '"%s": {"bystander_errors": %s, "server_mib": %s, "select": %s, "insert": %s' "$1" "$(errors "$1")" \
            "$(($(resident_kib) / 1024))" "$(cat "$work/$1_select.json")" "$(cat "$work/$1_insert.json")"
        [ ! -s "$work/$1_attack.json" ] || printf ', "attack": %s' "$(cat "$work/$1_attack.json")"
        printf '}\n'
    } >>"$work/facts"
}

measure_bomb() {
    "$trib" tenant create "x-$1" --data "$work/data" >/dev/null
    throw="$hostile $catalogue $1 ${address##*:} x-$1"
    $throw "Bearer $token" 64 0 || die "the set-up of $1 failed"
    nice -n 5 $throw "Bearer $token" 64 $((seconds + 2)) >"$work/$1_attack.json" &
    attack=$!
    sleep 1
    bystand "$1"
    wait $attack || die "the attack failed"
    show "$1"
    kill -0 "$server_pid" 2>/dev/null || die "the server is gone after $1"
}

measure_bombs() {
    printf '%-24s %26s %26s %6s %9s %9s %7s %6s %8s\n' '' 'SELECT p50  p99  max, ms' 'INSERT p50  p99  max, ms' errors \
        answered 'errors' shed broken 'MiB'
    bystand idle
    show idle
    for bomb in ${*:-$("$hostile" --list "$catalogue")}; do measure_bomb "$bomb"; done
    sleep 1
    bystand idle_again
    show idle_again
}

bench_begin
start_server ''
token=$("$trib" token create --all --data "$work/data")
pipeline "$work/body.json" 'CREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT NOT NULL)' '' \
    'CREATE TABLE entry (id INTEGER PRIMARY KEY, text TEXT NOT NULL)' '' "INSERT INTO item VALUES (7, 'the seventh')"
for what in select insert; do
    "$trib" tenant create "by-$what" --data "$work/data" >/dev/null
    requests setup 1 "/by-$what/v2/pipeline" '"affected_row_count":1' --requests 1
done
pipeline "$work/by_select.json" 'SELECT id, name FROM item WHERE id = ?' '{"type":"integer","value":"7"}'
printf 'the seventh' >"$work/by_select.expect"
pipeline "$work/by_insert.json" 'INSERT INTO entry (text) VALUES (?)' '{"type":"text","value":"twenty bytes of text"}'
printf '"affected_row_count":1' >"$work/by_insert.expect"
for part in $parts; do
    case $part in
        bombs) measure_bombs "$@" ;;
        *) die "there is no part $part" ;;
    esac
done
write_result build/bench/isolation.json

#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What a neighbour feels of hostile tenants: tests/bench/isolation.sh [BOMB...]   (`make bench-isolation`)
#
#   bombs       two bystanders' SELECT and INSERT of one row, at even intervals (open loop), alone and beside every bomb of
#               tests/hostile/bombs.txt on 64 connections; each bomb has a tenant of its own. Two, because a SELECT waits
#               until the commits that it sees are durable: on one tenant both figures would be the disk's
#   disk        what the disk does by itself: a sync of 4 KiB 100 times a second, beside threads that write and sync
#               megabytes. What an INSERT waits more than that beside a tenant that writes is the server's
#   overload    a statement of about a millisecond, the server on one core and the generator on the other: the peak of a
#               closed loop, then an open loop at 0.5 to 5 times that on 2,000 connections: what was answered (goodput),
#               how soon the rest was refused, and how a modest load fares from 2 seconds after the overload on
#   peers       the bystanders beside 10,000 slow-loris and 10,000 idle connections (fewer where `ulimit -n` is low),
#               peers that read one byte at a time or nothing, and bodies in chunks of one byte
#
# The bystander's generators run above the server's priority, and the attackers take hardly more than what nobody else wants
# of the cores (a session of their own whose weight is the least: autogroup), where the system lets them: on machines of
# their own neither would take the server's cores. They are not SCHED_IDLE in the server's session: beside such threads
# Linux 6.18 leaves threads of the kernel waiting for a core that this session uses, for up to a second, and with them
# what finishes a sync.
# BOMB... or TRIB_TEST_BENCH_PARTS="bombs disk overload peers" choose: bombs by name, or parts.
# Prints tables and writes build/bench/isolation.json, and isolation.md with the rows of docs/benchmarks.md.
set -eu
cd "$(dirname "$0")/../.."
. tests/bench/lib.sh
hostile=build/release/tests/bench/bench_hostile
catalogue=tests/hostile/bombs.txt
parts=${TRIB_TEST_BENCH_PARTS:-bombs disk overload peers}
disk=build/release/tests/bench/bench_disk
peers=build/release/tests/bench/bench_peers
seconds=${TRIB_TEST_BENCH_SECONDS:-3}
select_rate=400 insert_rate=100
first= sets_session=false
if [ "$(cat /proc/sys/kernel/sched_autogroup_enabled 2>/dev/null)" = 1 ] && setsid -w true 2>/dev/null; then sets_session=true; fi
if nice -n -5 true 2>/dev/null; then first='nice -n -5'; fi

# behind COMMAND...: behind everybody else
behind() {
    if $sets_session; then setsid -w sh -c 'echo 19 >/proc/self/autogroup || true; exec nice -n 5 "$@"' behind "$@"
    else nice -n 5 "$@"; fi
}

# scrape FILE: the server's metrics; an empty file where there is no curl
scrape() {
    curl -sf -m 5 -H "Authorization: Basic $(cat "$work/data/admin.key")" "http://$admin/metrics" >"$1" || true
}

# longest_sync: of tenants' logs while the last `bystand` ran, in ms: the upper edge of its bucket, so it took more than half
# of that. An INSERT that waited for longer did not wait for the disk alone.
longest_sync() {
    awk '/^trib_sync_seconds_bucket.database="tenants"/ {
             edge = $0; sub(/.*le="/, "", edge); sub(/".*/, "", edge)
             if (FILENAME == ARGV[1]) before[edge] = $NF
             else { edges[++n] = edge; count[n] = $NF - before[edge] } }
         END { for (i = 1; i < n && count[i] < count[n]; i++) continue
               print !n || !count[n] ? 0 : edges[i] == "+Inf" ? 9999 : edges[i] * 1000 }' "$work/before" "$work/after"
}

# stolen_ms: what the cores of this (virtual) machine have waited for those of its host, since its start. An answer that is
# late while much of that is added waited for the host.
stolen_ms() {
    awk -v hz="$hz" '/^cpu / { print int($9 * 1000 / hz) }' /proc/stat
}

# bystand NAME: both loads at once, for $seconds; $work/NAME_{select,insert}.json. Errors are counted, not fatal.
bystand() {
    scrape "$work/before"
    stolen_before=$(stolen_ms)
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
    stolen=$(($(stolen_ms) - stolen_before))
    scrape "$work/after"
}

# error_kinds WHAT NAME: one a line, with its number: what the generator counts as an error of the bystander
error_kinds() {
    awk -v what="$1" '
        { n = split("non_2xx wrong broken shed unanswered never_started", keys, " ")
          for (i = 1; i <= n; i++) if (match($0, "\"" keys[i] "\": [0-9]+")) {
              v = substr($0, RSTART, RLENGTH); sub(/.*: /, "", v)
              if (v + 0 > 0) print what, keys[i], v } }' "$work/$2_$1.json"
    [ -s "$work/$2_$1.json" ] || echo "$1 died 1"
}

# errors NAME: of the bystander, of any kind
errors() {
    { error_kinds select "$1" && error_kinds insert "$1"; } | awk '{ sum += $3 } END { print sum + 0 }'
}

# why NAME: which errors, and what the first of them was
why() {
    for what in select insert; do
        kinds=$(error_kinds $what "$1")
        [ -z "$kinds" ] || { echo "$kinds" && head -c 2000 "$work/$1_$what.err"; } | sed 's/^/    /'
    done
}

# show NAME: a line of the table
show() {
    printf '%-24s' "$1"
    for what in select insert; do
        for key in p50 p99 max; do printf ' %8s' "$(ms "$work/$1_$what.json" $key)"; done
    done
    printf ' %6s %8s %7s' "$(errors "$1")" "$(longest_sync)" "$stolen"
    [ ! -s "$work/$1_attack.json" ] || printf ' %9s %9s %7s %6s' "$(number "$work/$1_attack.json" answered)" \
        "$(number "$work/$1_attack.json" sql_errors)" "$(number "$work/$1_attack.json" shed)" \
        "$(number "$work/$1_attack.json" broken)"
    printf ' %8s\n' "$(($(resident_kib) / 1024))"
    why "$1"
    {
        printf '"%s": {"bystander_errors": %s, "longest_sync_ms": %s, "stolen_ms": %s, "server_mib": %s, "select": %s, "insert": %s' \
            "$1" "$(errors "$1")" "$(longest_sync)" "$stolen" "$(($(resident_kib) / 1024))" \
            "$(cat "$work/$1_select.json")" "$(cat "$work/$1_insert.json")"
        [ ! -s "$work/$1_attack.json" ] || printf ', "attack": %s' "$(cat "$work/$1_attack.json")"
        printf '}\n'
    } >>"$work/facts"
    printf '| %s | %s / %s / %s | %s / %s / %s | %s |\n' "$1" \
        "$(ms "$work/$1_select.json" p50)" "$(ms "$work/$1_select.json" p99)" "$(ms "$work/$1_select.json" max)" \
        "$(ms "$work/$1_insert.json" p50)" "$(ms "$work/$1_insert.json" p99)" "$(ms "$work/$1_insert.json" max)" \
        "$(errors "$1")" >>"$work/table.md"
}

measure_bomb() {
    "$trib" tenant create "x-$1" --data "$work/data" >/dev/null
    throw="$hostile $catalogue $1 ${address##*:} x-$1"
    $throw "Bearer $token" 64 0 || die "the set-up of $1 failed"
    behind $throw "Bearer $token" 64 $((seconds + 2)) >"$work/$1_attack.json" &
    attack=$!
    sleep 1
    bystand "$1"
    wait $attack || die "the attack failed"
    show "$1"
    kill -0 "$server_pid" 2>/dev/null || die "the server is gone after $1"
}

measure_bombs() {
    printf '%-24s %26s %26s %6s %8s %7s %9s %9s %7s %6s %8s\n' '' 'SELECT p50  p99  max, ms' 'INSERT p50  p99  max, ms' \
        errors 'sync <=' 'host ms' answered 'errors' shed broken 'MiB'
    bystand idle
    show idle
    for bomb in ${*:-$("$hostile" --list "$catalogue")}; do measure_bomb "$bomb"; done
    sleep 1
    bystand idle_again
    show idle_again
}

# ---- the disk ----

measure_disk() {
    printf '\n%-24s %26s %12s\n' 'the disk by itself' '4 KiB p50  p99  max, ms' 'bulk MB/s'
    for load in "0 4" "1 1024" "1 5120" "2 5120"; do
        name=disk_$(echo "$load" | tr ' ' _)
        # shellcheck disable=SC2086
        $first "$disk" "$work" $load "$seconds" >"$work/$name.json"
        printf '%-24s' "${load%% *} x ${load##* } KiB"
        for key in p50 p99 max; do printf ' %8s' "$(ms "$work/$name.json" $key)"; done
        printf ' %12s\n' "$(number "$work/$name.json" bulk_mb_per_s)"
        printf '"%s": %s\n' "$name" "$(cat "$work/$name.json")" >>"$work/facts"
    done
}

# ---- overload ----

# over NAME ARGUMENTS...: the statement of the overload, whatever it is answered
over() {
    name=$1
    shift
    $pin_generator $first "$loadgen" --address "$address" --path /overload/v2/pipeline --header "Content-Type: application/json" \
        --header "Authorization: Bearer $token" --body-file "$work/over.json" "$@" >"$work/$name.json" 2>>"$work/over.err" || true
}

# shed_ms FILE KEY: of the answers 429 and 503
shed_ms() {
    sed 's/.*"shed_latency_us"//' "$1" >"$work/shed"
    ms "$work/shed" "$2"
}

over_row() {
    printf '%-24s %10s %10s %10s %10s %10s %10s\n' "$1" "$(number "$work/$2.json" requests_per_s)" \
        "$(number "$work/$2.json" shed)" "$(ms "$work/$2.json" p50)" "$(ms "$work/$2.json" p99)" \
        "$(shed_ms "$work/$2.json" p50)" "$(shed_ms "$work/$2.json" p99)"
    printf '"%s": %s\n' "$2" "$(cat "$work/$2.json")" >>"$work/facts"
}

measure_overload() {
    stop_server
    choose_cores
    start_server "$pin_server" --max-connections 50000
    "$trib" tenant create overload --data "$work/data" >/dev/null
    pipeline "$work/over.json" 'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 8000) SELECT max(i) FROM n'
    over over_peak --connections 64 --duration-s "$seconds"
    peak=$(number "$work/over_peak.json" requests_per_s)
    printf '\n%-24s %10s %10s %10s %10s %10s %10s\n' 'overload' 'answered/s' 'shed' 'p50 ms' 'p99 ms' 'shed p50' 'shed p99'
    over_row 'closed loop, 64' over_peak
    over over_before --connections 64 --rate $((peak / 5)) --duration-s "$seconds"
    over_row '0.2 x, before' over_before
    for tenths in 5 10 20 30 50; do
        over "over_$tenths" --connections 2000 --rate $((peak * tenths / 10)) --duration-s "$seconds"
        over_row "$((tenths / 10)).$((tenths % 10)) x" "over_$tenths"
    done
    over over_peak_again --connections 64 --duration-s "$seconds"
    over_row 'closed loop again' over_peak_again
    over over_after --connections 64 --rate $((peak / 5)) --duration-s "$seconds" --warmup-ms 2000
    over_row '0.2 x, 2 s after' over_after
    stop_server
    pin_generator=
    start_server '' --max-connections 50000
}

# ---- slow and silent peers ----

# attach KIND COUNT SECONDS [PATH]: in the background; returns once all are connected
attach() {
    behind "$peers" "$1" "$2" "${address##*:}" "$3" "${4:-/}" "Bearer $token" >"$work/peers_$1.out" &
    attached="$attached $!"
    i=0
    until grep -qs open "$work/peers_$1.out"; do
        i=$((i + 1))
        [ $i -lt 600 ] || die "peers of kind $1 did not connect"
        sleep 0.1
    done
}

fact() {
    printf '"%s": %s\n' "$1" "$2" >>"$work/facts"
}

measure_peers() {
    "$trib" tenant create slow --data "$work/data" >/dev/null
    limit=$(ulimit -n)
    count=$(((limit - 1000) / 2))
    [ $count -le 10000 ] || count=10000
    attached=
    printf '\nslow peers: %s of loris and idle each (`ulimit -n` is %s)\n' $count "$limit"
    printf '%-24s %26s %26s %6s %8s %7s\n' '' 'SELECT p50  p99  max, ms' 'INSERT p50  p99  max, ms' errors 'sync <=' 'host ms'
    bystand peers_none
    show peers_none
    kib_before=$(resident_kib)
    attach idle $count $((25 + 2 * seconds))
    kib_idle=$(resident_kib)
    bystand peers_with_idle
    show peers_with_idle
    attach loris $count 20
    bystand peers_with_both
    show peers_with_both
    for pid in $attached; do wait "$pid" || die "the peers failed"; done
    attached=
    for kind in crawl zero crumbs; do
        attach $kind 100 40 /slow/v3/cursor
        bystand peers_$kind
        show peers_$kind
    done
    for pid in $attached; do wait "$pid" || die "the peers failed"; done
    fact peers_bytes_per_idle_connection "$(((kib_idle - kib_before) * 1024 / count))"
    for kind in idle loris crawl zero crumbs; do
        tail -n 1 "$work/peers_$kind.out"
        fact "peers_${kind}_end" "$(tail -n 1 "$work/peers_$kind.out")"
    done
    grep peers_bytes "$work/facts"
}

bench_begin
# as many descriptors as the system gives us, for the server and for each generator
# shellcheck disable=SC3045
ulimit -n "$(ulimit -H -n)" 2>/dev/null || true
start_server '' --max-connections 50000
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
        disk) measure_disk ;;
        overload) measure_overload ;;
        peers) measure_peers ;;
        *) die "there is no part $part" ;;
    esac
done
[ ! -s "$work/table.md" ] || cp "$work/table.md" build/bench/isolation.md
write_result build/bench/isolation.json

#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A short city: on a server of its own, against a running one, against one that dies.
. "$(dirname "$0")/lib.sh"
city() {
    status=0
    output=$("$TRIB" demo --data "$data" --listen 127.0.0.1:0 --admin-listen 127.0.0.1:0 "$@" 2>"$work/city_err") ||
        status=$?
    # with --json nothing but the object; what its server logs is no part of it
    case " $* " in *" --json "*) ;; *) output="$output
$(cat "$work/city_err")" ;; esac
}
# number KEY: of the JSON in $output
number() {
    printf '%s\n' "$output" | sed -n "s/.*\"$1\":\([0-9.-]*\).*/\1/p"
}
# at_least KEY LEAST
at_least() {
    checks=$((checks + 1))
    awk -v a="$(number "$1")" -v b="$2" 'BEGIN { exit !(a != "" && a >= b) }' || failed "$1 is at least $2"
}

city --city 12 --duration 4 --rate 0.5 --archive-after 1s --json
ok "a city on a server that it starts"
played=$output
[ "$(printf '%s\n' "$output" | wc -l)" -eq 1 ] || failed "one object on one line"
has '"ok":true' "nothing was wrong"
has '"errors":0,"errors_by_code":{},"broken":0' "no error, nothing broken"
at_least deals 4
at_least events 30
at_least pings 100
at_least append_p99_ms 0.01
at_least events_per_sync 0.5
at_least streams_peak_bytes 4096
at_least memory_bytes 1000000
at_least cpu_seconds 0.01
[ ! -e "$data/server.json" ] || failed "its server has ended"

# again on the same data, for people; the archive has taken what ended in the first
city --city 8 --duration 6 --rate 0.25
ok "again on the same data"
has "Everything is as it must be." "says so"
has " deals/s " "lines while it plays"
has "  append        " "and a summary"
has "  archive       " "of what was archived"

start_server --archive-after 1s
city --city 6 --duration 3 --rate 0.3 --json
ok "against the server of the data folder"
output=$played
valid_json "what it says with --json"
kill -0 "$server_pid" || failed "which goes on"
status=0
output=$(curl -s -m 20 "$admin_url/metrics" -H "authorization: Basic $(cat "$data/admin.key")" 2>&1) || status=$?
for name in 'trib_syncs_total{database="streams"}' 'trib_synced_commits_total{database="streams"}' \
    'trib_sync_seconds_count{database="streams"}' 'trib_stream_database_bytes' 'trib_stream_free_bytes' 'trib_stream_log_bytes' 'trib_stream_events_total{type="food"}' \
    'trib_archive_backlog' 'trib_consumers_lag_events' 'trib_process_resident_bytes' 'trib_process_cpu_seconds'; do
    has "$name " "/metrics says it"
done

# a driver who takes two jobs is noticed: the claim is undone behind the server's back
t shell --each "city-driver-*" -c "CREATE TRIGGER twice AFTER UPDATE OF availability ON points WHEN NEW.availability <> 'idle' BEGIN UPDATE points SET availability = 'idle', openNow = true WHERE id = NEW.id; END"
ok "drivers do not keep what they are"
city --city 40 --duration 6 --rate 2 --json
[ "$status" -eq 1 ] || failed "a broken rule is a failure"
lacks '"broken":0' "and is counted"

# the server dies
victim=$server_pid
(sleep 4; kill -9 "$victim") &
killer=$!
began=$(date +%s)
city --city 12 --duration 60 --rate 0.5
took=$(($(date +%s) - began))
wait "$killer" || true
wait "$victim" 2>/dev/null || true
server_pid=
fails_with 3 "a server that dies ends the city"
has "the server is not there any more" "which says so"
[ "$took" -lt 40 ] || failed "at once, not after $took s"

city --city 0
fails_with 2 "no deals"
city --city 5 --rate no
fails_with 2 "no rate"
city --city 5 --duration 0
fails_with 2 "no time"
finish

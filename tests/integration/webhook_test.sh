#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Webhooks to a receiver that checks every signature and fails in each way; kill -9 while it is sent to; addresses that are
# not sent to.
. "$(dirname "$0")/lib.sh"
receiver=
end_receiver() {
    if [ -n "$receiver" ]; then kill "$receiver" 2>/dev/null || true; fi
    cleanup
}
trap end_receiver EXIT
secret=whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw
node "$(dirname "$0")/webhook_receiver.js" "$work" $secret &
receiver=$!
start_server --no-auth --webhook-private
tries=0
while [ ! -s "$work/port" ] && [ $tries -lt 100 ]; do sleep 0.1 && tries=$((tries + 1)); done
hook=http://127.0.0.1:$(cat "$work/port")/hook

call() {
    method=$1 path=$2
    shift 2
    status=0
    output=$(curl -s -m 20 -w ' [%{http_code}]' -X "$method" "${url}streams/api$path" "$@") || status=$?
}
# events STREAM COUNT [OPCODE]
events() {
    i=0
    while [ $i -lt "$2" ]; do
        call POST "/streams/$1/events" -d "{\"events\":[{\"opcode\":${3:-9}}]}"
        has '[201]' "an event of $1"
        i=$((i + 1))
    done
}
# got COUNT WHAT: so many different events have arrived, within half a minute
got() {
    checks=$((checks + 1))
    tries=0
    while [ "$(sort -u "$work/got" 2>/dev/null | wc -l)" -lt "$1" ]; do
        tries=$((tries + 1))
        [ $tries -lt 300 ] || { call GET /subscriptions/h; failed "$2 ($(sort -u "$work/got" 2>/dev/null | wc -l) of $1 have arrived)"; }
        sleep 0.1
    done
}
# failing COUNT: so many tries in a row have failed
failing() {
    tries=0
    until call GET /subscriptions/h && case $output in *'"failures":0,'*) false ;; *'"failures":'[1-9]*) true ;; *) false ;; esac; do
        tries=$((tries + 1))
        [ $tries -lt 250 ] || failed "the webhook has failed"
        sleep 0.1
    done
}

call PUT /subscriptions/h -d "{\"maxRetries\":1,\"webhook\":{\"url\":\"$hook\",\"secret\":\"$secret\"}}"
has '[201]' "a webhook"
events a 5
events b 3
got 8 "all events arrive"
call GET /subscriptions/h
has '"failures":0,' "without a failure"
lacks 'whsec' "and the secret is not shown"

seen=8
for fault in 500 drop redirect; do
    echo $fault >"$work/FAULT"
    events $fault 2
    failing
    call GET /subscriptions/h
    has '"parked":0' "$fault: nothing is parked while nothing gets through"
    echo none >"$work/FAULT"
    seen=$((seen + 2))
    got $seen "$fault: all of it arrives later"
done
output=$(cat "$work/tries")
lacks 'elsewhere' "redirects are not followed"

# ---- one event that is refused ----
echo 422 >"$work/FAULT"
events refused 1 4
events refused 1 9
got $((seen + 1)) "what is behind a refused event arrives"
call GET /subscriptions/h/parked
has '"streamId":"refused","tries":2,"reason":"HTTP status 422"' "which is parked"
echo none >"$work/FAULT"
call POST /subscriptions/h/replay -d '{}'
has '{"replaying":1}' "and replayed"
seen=$((seen + 2))
got $seen "arrives as well"

# ---- kill -9 while it is sent to ----
echo stall >"$work/FAULT"
events killed 3
tries=0
until grep -q stall "$work/tries" || [ $tries -gt 100 ]; do sleep 0.1 && tries=$((tries + 1)); done
kill -9 "$server_pid"
wait "$server_pid" 2>/dev/null || true
echo none >"$work/FAULT"
start_server --no-auth --webhook-private
seen=$((seen + 3))
got $seen "what was in hand is sent by the next server"
events more 2
seen=$((seen + 2))
got $seen "and what comes later"

# ---- in order in their streams, each with a good signature ----
checks=$((checks + 1))
awk '$2 != "refused" { if (!($1 in seen)) { if ($3 != last[$2] + 1) bad = 1; last[$2] = $3; seen[$1] = 1 } } END { exit bad }' "$work/got" ||
    failed "events of a stream arrive in order"
[ ! -e "$work/bad" ] || failed "a delivery was not as it should be: $(sort "$work/bad" | uniq -c)"
output=$(curl -s "${admin_url}metrics")
has 'trib_webhook_deliveries_total{outcome="ok"}' "deliveries are counted"

# ---- an end while a delivery stalls does not take its time-out ----
echo stall >"$work/FAULT"
events end 1
tries=0
until tail -1 "$work/tries" | grep -q stall || [ $tries -gt 100 ]; do sleep 0.1 && tries=$((tries + 1)); done
began=$(date +%s)
stop_server
[ $(($(date +%s) - began)) -lt 6 ] || failed "the server ends soon"
echo none >"$work/FAULT"

# ---- addresses that are not public ----
start_server --no-auth
for host in "127.0.0.1:${hook##*:}" "localhost:${hook##*:}" "169.254.169.254" "[::1]"; do
    host=${host%/hook}
    call PUT /subscriptions/h -d "{\"webhook\":{\"url\":\"http://$host/hook\"}}"
    has '[400]' "http://$host is no URL of a webhook"
    n=$(wc -l <"$work/got")
    call PUT /subscriptions/h -d "{\"webhook\":{\"url\":\"https://$host/hook\"}}"
    has '[200]' "https://$host is"
    events private 1
    failing
    has 'at no address of the public internet' "but it is not sent to"
    [ "$(wc -l <"$work/got")" = "$n" ] || failed "nothing arrives"
done
finish

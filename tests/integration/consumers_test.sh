#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Subscriptions over sockets: what a tenant gets, claims that wait, what is refused, metrics.
. "$(dirname "$0")/lib.sh"
start_server
people ali bab-hara stranger streams
t token create ali --read-only
ok "a token that only reads"
printf '%s' "$output" >"$work/reader.token"

# call WHO TENANT METHOD PATH [CURL ARGUMENT...]
call() {
    who=$1 tenant=$2 method=$3 path=$4
    shift 4
    status=0
    output=$(curl -s -m 40 -w ' [%{http_code}]' -X "$method" -H "authorization: Bearer $(cat "$work/$who.token")" \
        "$url$tenant/api$path" "$@") || status=$?
}
# sub WHO METHOD PATH [CURL ARGUMENT...]
sub() {
    who=$1 method=$2 path=$3
    shift 3
    call "$who" "$who" "$method" "/subscriptions$path" "$@"
}
order() {
    call ali ali POST "/streams/$1/events" \
        -d "{\"events\":[{\"opcode\":501,\"nodeId\":\"$1\",\"delta\":5,\"payload\":{\"customer\":\"ali\",\"restaurant\":\"bab-hara\",\"items\":[{\"qty\":1,\"price\":5}]}}]}"
    has '[201]' "an order"
}

# ---- each tenant its own ----
for who in ali bab-hara stranger streams; do
    sub $who PUT /work -d '{"type":"food"}'
    has '[201]' "a subscription of $who"
done
sub ali PUT /work -d '{"type":"food"}'
has '[200]' "again: it is there"
order o-1
sub bab-hara POST /work/claim -d '{"max":5}'
has '"event":{"id"' "the restaurant gets its order"
has '"streamId":"o-1"' "that one"
sub streams POST /work/claim -d '{}'
has '"streamId":"o-1"' "so does who sees everything"
sub stranger POST /work/claim -d '{}'
has '{"events":[],' "a stranger gets nothing"
sub stranger GET /other
has 'SUBSCRIPTION_NOT_FOUND' "nor sees what is not its own"
sub ali GET ''
has '{"subscriptions":[{"name":"work","type":"food"' "a list"
has '"lag":1' "that says how far behind it is"

# ---- waiting ----
(sleep 0.5; call ali ali POST /streams/o-1/events -d '{"events":[{"opcode":311}]}'; printf '%s' "$output" >"$work/later") &
sub bab-hara POST /work/ack -d '{"leases":["1.1"]}'
has '{"done":1} [200]' "the first is done"
sub bab-hara POST /work/claim -d '{"waitMs":20000}'
has '"opcode":311' "the next comes while the claim waits"
wait $!
sub bab-hara POST /work/claim -d '{"waitMs":300}'
has '{"events":[],' "and a claim that waits in vain ends"

# ---- what is refused ----
sub bab-hara POST /work/ack -d '{"leases":["1.1"]}'
has '"code":"LEASE_LOST"' "an ack of what is over"
has '[409]' "is a conflict"
call reader ali POST /subscriptions/work/claim -d '{}'
has 'FORBIDDEN' "a token that reads claims nothing"
call reader ali GET /subscriptions/work
has '[200]' "but looks"
refused() {
    sub ali "$1" "$2" -d "$3"
    has 'BAD_REQUEST' "$1 $2 $3"
    has '[400]' "$1 $2 $3"
}
refused PUT /a%20b '{}'
refused PUT /x '{"tipe":"food"}'
refused PUT /x '{"opcodes":[]}'
refused PUT /x '{"opcodes":["501"]}'
refused PUT /x '{"from":"yesterday"}'
refused PUT /x '{"leaseMs":10}'
refused PUT /x '{"maxRetries":101}'
refused PUT /x '{"webhook":{}}'
refused PUT /x '{"webhook":{"url":"http://example.com/"}}'
refused PUT /x '{"webhook":{"url":"ftp://example.com/"}}'
refused PUT /x '{"webhook":{"url":"https://example.com/","secret":"abc"}}'
refused POST /work/claim '{"max":0}'
refused POST /work/claim '{"max":101}'
refused POST /work/claim '{"waitMs":60000}'
refused POST /work/ack '{}'
refused POST /work/ack '{"leases":[]}'
refused POST /work/ack '{"leases":["x"]}'
refused POST /work/nack '{"leases":["1.1"]}'
refused POST /work/nack '{"leases":["1.1"],"action":"drop"}'
refused POST /work/replay '{"positions":["a"]}'
sub ali GET '/work/parked?limit=0'
has '[400]' "a page of nothing"
sub ali PUT /x -d '{'
has 'BAD_JSON' "no JSON"

# ---- parked, replayed, metrics, deleted ----
sub ali POST /work/claim -d '{}'
has '"lease":"1.1"' "a claim"
sub ali POST /work/nack -d '{"leases":["1.1"],"action":"park","reason":"no \"paper\""}'
has '{"done":1}' "is parked"
sub ali GET /work/parked
has '"reason":"no \"paper\""' "with its reason"
sub ali POST /work/replay -d '{}'
has '{"replaying":1}' "and comes back"
sub ali POST /work/claim -d '{"max":9}'
has '"pos":1' "as it was"
sleep 5.5
api GET /metrics
has 'trib_consumers 4' "four subscriptions"
has 'trib_consumers_events_total{what="parked"} 1' "one was parked"
has 'trib_consumers_events_total{what="lease_lost"} 1' "one lease was lost"
has 'trib_consumers_parked_events 1' "and is until it is done"
has 'trib_consumers_lag_events 2' "the one that sees nothing is behind"
has 'trib_timers_due 0' "no timer is due"
sub ali DELETE /work
has '{"deleted":true}' "deleted"
sub ali GET /work
has '[404]' "is gone"
i=0
while [ $i -lt 64 ]; do
    sub stranger PUT "/n$i" -d '{}'
    i=$((i + 1))
done
has '[429]' "a tenant has 64 of them"

# ---- a claim that waits does not hold up the end ----
(sub bab-hara POST /work/claim -d '{"waitMs":30000}'; printf '%s' "$output" >"$work/waited") &
waiter=$!
sleep 1
began=$(date +%s)
stop_server
wait $waiter
[ $(($(date +%s) - began)) -lt 6 ] || failed "the server ends soon"
output=$(cat "$work/waited")
has '{"events":[],' "and answers who waits"
finish

#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Streams that are followed over real sockets: who may, what ends it, what /metrics says. (That nothing is skipped:
# tests/fault/tails_test.c.)
. "$(dirname "$0")/lib.sh"
start_server
people ali bab-hara stranger
# call WHO PATH [CURL ARGUMENT...]: the answer and [STATUS] in $output.
call() {
    who=$1 path=$2
    shift 2
    status=0
    output=$(curl -sN -m 20 -w ' [%{http_code}]' -H "authorization: Bearer $(cat "$work/$who.token")" "$url$who/api/streams$path" "$@") ||
        status=$?
}
place='{"events":[{"id":"e1","opcode":501,"nodeId":"o","delta":46,"payload":{"customer":"ali","restaurant":"bab-hara","items":[{"qty":2,"price":18},{"qty":1,"price":10}]}}]}'

call ali /o/events -d "$place"
has '[201]' "an order"
call stranger '/o?live=sse'
has '[404]' "who is no member cannot follow it"
call stranger '/o?live=long-poll'
has '[404]' "nor wait for it"
call ali '/o?live=sse&offset=5'
has '[400]' "nor from where nothing is"
call ali '/o?live=long-poll&timeout=0'
has '[{"id":"e1",' "a long poll has what is there"
call ali '/o?live=long-poll&timeout=0&offset=1'
has ' [204]' "and nothing where there is no more"

# ---- a member follows until its token is revoked ----
: >"$work/sse"
curl -sN -m 20 -H "authorization: Bearer $(cat "$work/bab-hara.token")" "${url}bab-hara/api/streams/o?live=sse" >"$work/sse" &
reader=$!
tries=0
until grep -q '^id: 1$' "$work/sse" || [ $tries -ge 100 ]; do tries=$((tries + 1)) && sleep 0.05; done
call ali /o/events -d '{"events":[{"opcode":203,"nodeId":"o","delta":46}]}'
has '[201]' "it is paid"
until grep -q '^id: 2$' "$work/sse" || [ $tries -ge 200 ]; do tries=$((tries + 1)) && sleep 0.05; done
t token revoke bab-hara
ok "tokens are revoked"
wait $reader || :
status=0 output=$(cat "$work/sse")
has 'id: 2' "the second event has come"
has 'event: ended' "and then the end"
has 'AUTH_JWT_INVALID' "with its reason"

# ---- the command ----
t stream tail o --tenant ali --json --offset 1 --timeout 1
ok "the command shows what is there"
has '"opcode":203' "the event behind the offset"
lacks '"id":"e1"' "and none before it"
t stream show o --tenant ali
ok "a stream is shown"
has '501' "with its events"
t stream state o --tenant ali
has '"status":"placed"' "its state"
t stream verify o --tenant ali
ok "its chain holds"
has 'ok' "as it says"
t stream append o --tenant bab-hara --opcode 301 --node o
ok "an event is appended"
t stream append o --tenant bab-hara --opcode 305
fails_with 1 "one that does not fit is refused"
has 'BAD_TRANSITION' "with the reason"
t stream show unknown --tenant ali
fails_with 4 "a stream that is not there"

# ---- the index ----
t token create --all
ok "a token for all"
printf '%s' "$output" >"$work/streams.token"
call streams '?tenant=ali'
has '"streamId":"o"' "the streams of a tenant"
call streams '?tenant=stranger'
has '"streams":[]' "another one has none"
call streams '?opcode=203'
has '"streamId":"o"' "streams with an opcode"
call streams '?opcode=502'
has '"streams":[]' "no stream has this one"
call ali '?tenant=ali'
has '[403]' "only who sees all may ask for a tenant"

api GET /metrics
has 'trib_stream_events_total{type="food"} 3' "events are counted by type"
has 'trib_stream_tails{kind="long_poll"} 0' "nobody waits any more"
has 'trib_stream_tails_ended_total{why="refused"} ' "why they ended"

# ---- what comes after the end ----
t stream continue o --tenant ali
ok "which stream takes what comes"
[ "$output" = o ] || failed "an open one itself"
call streams /o/close -d '{}'
has '[200]' "it is closed"
t stream continue o --tenant ali
ok "and now"
[ "$output" = o~2 ] || failed "what continues it"
t stream continue o --json
ok "by who sees all"
has '{"streamId":"o~2","continues":"o","version":1}' "the same, as the server says it"
t stream tail o --tenant ali
ok "a tail ends"
has 'it goes on in o~2' "and says where the deal goes on"
t stream continue o --tenant stranger
fails_with 4 "who is no member"
stop_server
finish

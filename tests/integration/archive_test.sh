#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The archive in a local folder: an order reads the same before and after, for its members only; what is refused; a restart;
# a damaged and a foreign object; back into the database; streams that are archived by themselves.
. "$(dirname "$0")/lib.sh"
start_server
people ali bab-hara rami stranger streams
# call WHO METHOD PATH [CURL ARGUMENT...]
call() {
    who=$1 method=$2 path=$3
    shift 3
    as "$who" "$method" "/api/streams$path" "$@"
}
append() {
    call "$1" POST "/$2/events" -d "$3"
    has '[201]' "append to $2"
}
# keep FILE WHO PATH: body and head, without what differs between any two answers.
keep() {
    curl -s -m 20 -D "$1.head.raw" -o "$1" -H "authorization: Bearer $(cat "$work/$2.token")" "$url$2/api/streams$3"
    grep -vi '^date:\|^x-request-id:' "$1.head.raw" >"$1.head"
}
# until_state STREAM STATE: waits for it.
until_state() {
    for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30; do
        call streams GET "/$1/archive"
        case $output in *"\"state\":\"$2\""*) break ;; esac
        sleep 0.2
    done
    has "\"state\":\"$2\"" "$1 becomes $2"
}
same() { # FILE FILE WHAT
    cmp -s "$1" "$2" || failed "$3: $(cmp "$1" "$2" 2>&1)"
    cmp -s "$1.head" "$2.head" || failed "$3: $(diff "$1.head" "$2.head")"
}
order() { # STREAM: a food order from its first event to its last
    append ali "$1" "{\"events\":[{\"id\":\"$1-1\",\"opcode\":501,\"nodeId\":\"$1\",\"delta\":46,\"payload\":{\"customer\":\"ali\",\"restaurant\":\"bab-hara\",\"items\":[{\"qty\":2,\"price\":18},{\"qty\":1,\"price\":10}]}},{\"opcode\":203,\"nodeId\":\"$1\",\"delta\":46,\"payload\":{\"method\":\"card\"}}]}"
    append bab-hara "$1" "{\"events\":[{\"opcode\":301,\"nodeId\":\"$1\"},{\"opcode\":303},{\"opcode\":305}]}"
    append streams "$1" "{\"events\":[{\"opcode\":302,\"nodeId\":\"rami\",\"payload\":{\"driver\":\"rami\"}}]}"
    append rami "$1" "{\"events\":[{\"opcode\":502,\"nodeId\":\"$1\"},{\"opcode\":503,\"nodeId\":\"$1\"}]}"
    append streams "$1" '{"events":[{"opcode":402,"nodeId":"rami","delta":12},{"opcode":401,"nodeId":"rest-01","delta":34}]}'
}

# ---- the same before and after ----
order ord-1
call ali POST /ord-2/events -d '{"events":[{"opcode":501,"nodeId":"ord-2","delta":46,"payload":{"customer":"ali","restaurant":"bab-hara","items":[{"qty":1,"price":46}]}}]}'
call ali POST /ord-2/archive
has 'BAD_TRANSITION' "a member cannot archive a deal that goes on"
call streams POST /ord-1/close
has '"closed":true' "the order is closed"
# follow WHO STREAM NAME: over server-sent events, and by long polls from the first event and behind the last.
follow() {
    for part in 'sse&offset=0' 'long-poll&offset=0' 'long-poll&offset=10'; do
        case $part in sse*) file=sse ;; *=0) file=poll ;; *) file=poll2 ;; esac
        curl -sNi -m 20 -H "authorization: Bearer $(cat "$work/$1.token")" "$url$1/api/streams/$2?live=$part" >"$work/$3.$file"
    done
}
follow ali ord-1 before
for who in ali bab-hara rami; do
    keep "$work/before.$who" $who /ord-1
    keep "$work/before.$who.page" $who '/ord-1?after=2&limit=3'
    keep "$work/before.$who.state" $who /ord-1/state
    keep "$work/before.$who.verify" $who /ord-1/verify
done
call stranger POST /ord-1/archive
has 'STREAM_NOT_FOUND' "a stranger cannot archive"
call ali GET /ord-1/archive
has '[404]' "nobody has asked yet"
call ali POST /ord-1/archive
has '[202]' "a member archives it"
until_state ord-1 archived
for who in ali bab-hara rami; do
    for part in '' page state verify; do
        name=$who${part:+.$part}
        case $part in '') path= ;; page) path='?after=2&limit=3' ;; *) path=/$part ;; esac
        keep "$work/after.$name" $who "/ord-1$path"
        same "$work/before.$name" "$work/after.$name" "$who reads $part the same"
    done
done
cmp -s "$work/before.ali" "$data/archive/ord-1.json" || failed "the object is the body of GET"
call ali GET /ord-1/verify
has '{"ok":true,"events":10,"version":10}' "the chain of the object leads to the head"
call stranger GET /ord-1
has 'STREAM_NOT_FOUND' "a stranger gets what he got before"
has '[404]' "which is 404"
for path in /ord-1/state /ord-1/verify /ord-1/archive; do
    call stranger GET $path
    has '[404]' "also at $path"
done
call ali GET ''
has '"streamId":"ord-1","type":"food","status":"settled","version":10,"events":10' "it is in the list of its members"
call stranger GET ''
has '{"streams":[],"next":null}' "and in no other"
call ali GET /ord-1 -H "if-none-match: $(sed -n 's/^[Ee][Tt]ag: \(.*\)\r$/\1/p' "$work/head" | head -1)"
etag=$(grep -i '^etag:' "$work/before.ali.head" | tr -d '\r' | cut -d' ' -f2)
call ali GET /ord-1 -H "if-none-match: $etag"
has '[304]' "who has it already is told so"

# ---- nothing is appended ----
call ali POST /ord-1/events -d '{"events":[{"opcode":311}]}'
has 'STREAM_CLOSED' "nothing is appended to it"
call stranger POST /ord-1/events -d '{"events":[{"opcode":311}]}'
has 'STREAM_NOT_FOUND' "a stranger does not learn that it is there"
output=$(curl -s -m 20 -H "authorization: Bearer $(cat "$work/streams.token")" "${url}streams/v2/pipeline" \
    -d "{\"requests\":[{\"type\":\"execute\",\"stmt\":{\"sql\":\"INSERT INTO events VALUES ('x','ord-1',311,NULL,NULL,NULL,NULL,'')\"}},{\"type\":\"close\"}]}")
has 'the stream is closed' "nor by SQL"
output=$(curl -s -m 20 -H "authorization: Bearer $(cat "$work/streams.token")" "${url}streams/v2/pipeline" \
    -d "{\"requests\":[{\"type\":\"execute\",\"stmt\":{\"sql\":\"SELECT count(*) FROM events WHERE streamId = 'ord-1'\"}},{\"type\":\"close\"}]}")
has '"value":"0"' "its events have left the database"
call ali POST /ord-1/archive
has '[200]' "it is archived once"

follow ali ord-1 after
for part in sse poll poll2; do
    sed '/^date:/Id; /^x-request-id:/Id' "$work/before.$part" >"$work/before.$part.clean"
    sed '/^date:/Id; /^x-request-id:/Id' "$work/after.$part" >"$work/after.$part.clean"
    checks=$((checks + 1))
    cmp -s "$work/before.$part.clean" "$work/after.$part.clean" ||
        failed "whoever follows it hears the same ($part): $(diff "$work/before.$part.clean" "$work/after.$part.clean")"
done
output=$(cat "$work/after.sse")
has 'id: 10' "all events"
has 'event: closed' "and the end"
call streams GET '/ord-1?live=sse&offset=8'
has 'id: 9' "who sees all is shown them, too"
has 'event: closed' "to the end"
call stranger GET '/ord-1?live=long-poll&offset=0'
has '[404]' "and a stranger hears nothing"
call ali GET '/ord-1?live=long-poll&offset=10'
has '[204]' "who has all of it is at the end"

# ---- what comes after the end: a continuation ----
call stranger POST /ord-1/continue
has '[404]' "a stranger continues nothing"
call ali POST /ord-1/continue
has '[201]' "a member opens what takes a late event"
has '{"streamId":"ord-1~2","continues":"ord-1","version":1}' "a stream of its own"
call bab-hara POST /ord-1/continue
has '[200]' "once"
has '{"streamId":"ord-1~2","continues":"ord-1","version":1}' "and says which"
call ali POST /ord-1~2/continue
has '"streamId":"ord-1~2"' "an open one takes it itself"
keep "$work/continued.ali" ali /ord-1
cmp -s "$work/before.ali" "$work/continued.ali" || failed "the archived stream stays as it was"
output=$(cat "$work/continued.ali.head")
has 'Stream-Continued-By: ord-1~2' "and says where it goes on"
call ali GET /ord-1~2/state
has '"status":"settled","final":true,"version":1,"misfits":0,"currency":null,"charged":46,"paid":46,"refunded":0,"paidOut":46,"balance":0,"members":{"customer":"ali","merchant":"bab-hara","driver":"rami"}' "which begins where it ended"
for who in bab-hara rami; do
    call $who GET /ord-1~2
    has '"opcode":1000000,"nodeId":"ord-1"' "$who is a member of it"
done
call stranger GET /ord-1~2
has '[404]' "a stranger is not"
call ali POST /ord-1~2/events -d '{"events":[{"opcode":1000000,"payload":{}}]}'
has 'BAD_EVENT' "nobody writes the server's event"
call ali POST /ord-9/events -d '{"events":[{"opcode":1000000,"payload":{"streamType":"food"}}]}'
has 'BAD_EVENT' "nor begins with it"
call streams POST /ord-1~2/events -d '{"events":[{"opcode":207,"delta":10}]}'
has 'more than may be refunded' "nothing is refunded that was paid out"
append streams ord-1~2 '{"events":[{"opcode":405,"nodeId":"rest-01","delta":10},{"opcode":207,"delta":10}]}'
call ali GET /ord-1~2/state
has '"refunded":10,"paidOut":36,"balance":0' "a late refund, and the ledger is zero"
call ali GET /ord-1~2/verify
has '{"ok":true,"events":3,"version":3,"continues":"ord-1"}' "its chain holds, to the head of the other"
call ali GET /ord-1/verify
has '"ok":true,"events":10,"version":10,"continuedBy":"ord-1~2"}' "and that one's, too"
keep "$work/open.ali" ali /ord-1~2
call ali POST /ord-1~2/archive
until_state ord-1~2 archived
[ -f "$data/archive/ord-1~7E2.json" ] || failed "it has an object of its own: $(ls "$data/archive")"
keep "$work/gone.ali" ali /ord-1~2
cmp -s "$work/open.ali" "$work/gone.ali" || failed "it reads the same from the archive"
call ali GET /ord-1~2/verify
has '"ok":true,"events":3,"version":3,"continues":"ord-1"}' "and verifies from there"
call ali POST /ord-1/continue
has '{"streamId":"ord-1~3","continues":"ord-1~2","version":1}' "what comes then goes behind it"
call ali GET /ord-1~3/state
has '"refunded":10,"paidOut":36' "with all that has happened"
t archive verify
ok "both objects are whole, and fit each other"
output=$(curl -s -m 20 -H "authorization: Bearer $(cat "$work/streams.token")" "${url}streams/v2/pipeline" \
    -d "{\"requests\":[{\"type\":\"execute\",\"stmt\":{\"sql\":\"DELETE FROM events WHERE streamId = 'ord-1~3'\"}},{\"type\":\"close\"}]}")
has '"affected_row_count":1' "the operator deletes one"
call ali POST /ord-1/continue
has '[201]' "and another one takes its place"
has '{"streamId":"ord-1~4","continues":"ord-1~2","version":1}' "behind the one before"

# ---- a restart ----
stop_server
start_server
keep "$work/again.ali" ali /ord-1
same "$work/continued.ali" "$work/again.ali" "after a restart"

# ---- back ----
call ali POST /ord-1/restore
has 'FORBIDDEN' "a member does not restore"
call streams POST /ord-1/restore
has '"state":"restored"' "the operator does"
keep "$work/restored.ali" ali /ord-1
same "$work/continued.ali" "$work/restored.ali" "restored"
call stranger GET /ord-1
has '[404]' "restored, still its members' only"
call streams POST /ord-1/archive
has '[202]' "archived again"
until_state ord-1 archived
keep "$work/twice.ali" ali /ord-1
same "$work/continued.ali" "$work/twice.ali" "archived twice"

# ---- another object, and a damaged one ----
printf '[]' >"$data/archive/ord-3.json"
order ord-3
call streams POST /ord-3/archive
until_state ord-3 stopped
has 'other bytes than the stream' "why"
[ "$(cat "$data/archive/ord-3.json")" = '[]' ] || failed "nothing is overwritten"
call ali GET /ord-3
has '"id":"ord-3-1"' "the stream stays in the database"
rm "$data/archive/ord-3.json"
call streams POST /ord-3/archive
until_state ord-3 archived
t archive verify
ok "all objects are whole"
has '3 objects' "and as many as there are archived streams"
chmod 600 "$data/archive/ord-3.json"
printf ' ' >>"$data/archive/ord-3.json"
t archive verify
fails_with 7 "a damaged object is found"
has 'ord-3' "and named"
call ali GET /ord-3
has 'CHAIN_BROKEN' "and never shown"

# ---- by the command ----
append streams ord%204%20%C3%B6 '{"events":[{"opcode":9,"payload":{"text":"\u0000 \" \ud83d\ude00"}}]}'
t stream archive 'ord 4 ö'
ok "trib stream archive"
has 'archived' "waits until it is"
[ -f "$data/archive/ord~204~20~C3~B6.json" ] || failed "the key of an id with other characters: $(ls "$data/archive")"
t archive status
ok "trib archive status"
has "$data/archive" "says where the archive is"
t --json archive status
has '"backlog":0' "and what waits"
finish

#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Shared streams: a food order written by its members, by a gateway over SQL and by both; who sees it; what is refused.
. "$(dirname "$0")/lib.sh"
start_server
people ali bab-hara rami stranger streams

# call WHO METHOD PATH [CURL ARGUMENT...]: as a tenant, or as `streams` who may see all.
call() {
    who=$1 method=$2 path=$3
    shift 3
    as "$who" "$method" "/api/streams$path" "$@"
}
# append WHO STREAM BODY [CURL ARGUMENT...]
append() {
    who=$1 stream=$2 body=$3
    shift 3
    call "$who" POST "/$stream/events" -d "$body" "$@"
}
# sql SQL: as the gateway.
sql() {
    status=0
    output=$(curl -s -m 20 -H "authorization: Bearer $(cat "$work/streams.token")" "${url}streams/v2/pipeline" \
        -d "{\"requests\":[{\"type\":\"execute\",\"stmt\":{\"sql\":\"$1\"}},{\"type\":\"close\"}]}") || status=$?
}
place='"opcode":501,"nodeId":"ord-1","delta":46,"payload":{"customer":"ali","restaurant":"bab-hara","items":[{"qty":2,"price":18},{"qty":1,"price":10}]}'

# ---- an order, by its members ----
append ali ord-1 "{\"expected\":\"none\",\"events\":[{\"id\":\"e1\",$place}]}"
has '"first":1,"last":1,"version":1' "the customer places the order"
has '[201]' "which is made"
append ali ord-1 "{\"expected\":\"none\",\"events\":[{$place}]}"
has 'VERSION_CONFLICT' "not a second time"
has '[409]' "which is a conflict"
append ali ord-1 '{"events":[{"opcode":203,"nodeId":"ord-1","delta":46.0,"payload":"{\"method\":\"card\"}"}]}'
has '"version":2' "the customer pays"
append rami ord-1 '{"events":[{"opcode":311,"payload":{"text":"hi"}}]}'
has 'STREAM_NOT_FOUND' "a driver who is not assigned cannot write"
call rami GET /ord-1
has 'STREAM_NOT_FOUND' "nor read"
call rami GET /ord-unknown
has '[404]' "as where there is nothing"
append bab-hara ord-1 '{"events":[{"opcode":305}]}'
has 'BAD_TRANSITION' "the kitchen cannot be done before it starts"
has '[422]' "which is refused"
append ali ord-1 '{"events":[{"opcode":301}]}'
has 'FORBIDDEN' "the customer cannot accept for the restaurant"
append bab-hara ord-1 '{"expected":2,"events":[{"opcode":301,"nodeId":"ord-1","payload":{"task":"kitchen-prep"}},{"opcode":303},{"opcode":305},{"opcode":305}]}'
has 'events[3]' "all or nothing"
call ali GET /ord-1/state
has '"version":2' "nothing of it was written"
append bab-hara ord-1 '{"expected":2,"events":[{"opcode":301,"nodeId":"ord-1"},{"opcode":303},{"opcode":305}]}'
has '"first":3,"last":5,"version":5' "the kitchen works"

# ---- the same key twice ----
append streams ord-1 '{"events":[{"opcode":302,"nodeId":"rami","payload":{"driver":"rami"}}]}' -H 'idempotency-key: k1'
has '"version":6,' "dispatch assigns a driver"
has '"duplicate":false' "for the first time"
append streams ord-1 '{"events":[{"opcode":302,"nodeId":"rami","payload":{"driver":"rami"}}]}' -H 'idempotency-key: k1'
has '"version":6,' "again: the first answer"
has '"duplicate":true} [200]' "as a duplicate"
append streams ord-1 '{"events":[{"opcode":302,"nodeId":"ali"}]}' -H 'idempotency-key: k1'
has 'IDEMPOTENCY_MISMATCH' "another request with the key"
append ali ord-1 '{"events":[{"opcode":311}]}' -H 'idempotency-key: k1'
has '"version":7,' "the same key of somebody else is another key"

# ---- by SQL, mixed with the API ----
sql "INSERT INTO events VALUES ('e8','ord-1',502,'ord-1',NULL,0,'{\\\"pickedUpBy\\\":\\\"rami\\\"}','2026-01-01T12:49:00Z')"
has '"affected_row_count":1' "a gateway writes by SQL"
call rami GET /ord-1/state
has '"status":"shipped","final":false,"version":8' "and everybody sees what it amounts to"
append rami ord-1 '{"expected":8,"events":[{"opcode":503,"nodeId":"ord-1"}]}'
has '"version":9' "the driver delivers"
call ali POST /ord-1/close
has 'BAD_TRANSITION' "a member closes only what has ended"
sql "INSERT INTO events VALUES ('e10','ord-1',402,'rami',NULL,12,'{}','2026'),('e11','ord-1',401,'rest-01',NULL,34,'{}','2026')"
has '"affected_row_count":2' "payouts"
call ali GET /ord-1
cp "$work/head" "$work/head.ali"
all=$output
has '[{"id":"e1","streamId":"ord-1","opcode":501,"nodeId":"ord-1","pointId":null,"delta":46,"payload":"{\"customer\":\"ali\"' "the eight members in their order"
grep -qi '^x-stream-status: settled' "$work/head" || failed "the status is in the head"
for who in bab-hara rami streams; do
    call $who GET /ord-1
    [ "$output" = "$all" ] || failed "everybody reads the same: $who"
done
etag=$(sed -n 's/^[Ee][Tt]ag: *\(.*\)\r$/\1/p' "$work/head.ali")
call rami GET /ord-1 -H "if-none-match: $etag"
has '[304]' "who has it is told so"
call stranger GET /ord-1
has '[404]' "a stranger sees nothing"
call rami GET '/ord-1?after=10&limit=5'
has '[{"id":"e11"' "a page"
lacks 'e10' "behind the tenth"
call rami GET /ord-1/verify
has '{"ok":true,"events":11,"version":11}' "the chain holds"
call stranger GET /ord-1/verify
has '[404]' "for its members to see"

# ---- lists ----
append stranger s-1 "{\"events\":[{$(echo "$place" | sed 's/ali/stranger/; s/ord-1/s-1/')}]}"
has '[201]' "another order"
call rami GET ''
has '{"streams":[{"streamId":"ord-1","type":"food","status":"settled","version":11,"events":11,' "a driver's streams"
lacks 's-1' "and no others"
call bab-hara GET '?limit=1'
has '"next":"ord-1"' "a page of streams"
call bab-hara GET '?limit=1&after=ord-1'
has '"streamId":"s-1"' "and the next"
call bab-hara GET '?status=placed'
lacks '"ord-1"' "by status"
call streams GET ''
has '"s-1"' "the gateway sees all"

# ---- closed, deleted ----
call ali POST /ord-1/close
has '"closed":true' "what has ended is closed"
call ali POST /ord-1/close
has '[200]' "once more changes nothing"
append streams ord-1 '{"events":[{"opcode":311}]}'
has 'STREAM_CLOSED' "nothing comes any more"
sql "INSERT INTO events VALUES ('e99','ord-1',311,NULL,NULL,0,'{}','2026')"
has 'the stream is closed' "by SQL neither"
sql "DELETE FROM events WHERE id = 'e8'"
has 'a stream is deleted as a whole or not at all' "no event is deleted alone"
sql "UPDATE events SET delta = 1000 WHERE id = 'e11'"
has 'events never change' "nor changed"
sql "INSERT OR REPLACE INTO events VALUES ('e8','ord-1',1,NULL,NULL,0,'{}','2026')"
has 'an event of this id exists' "nor replaced"
sql "INSERT OR IGNORE INTO events VALUES ('e8','other',1,NULL,NULL,0,'{}','2026')"
has 'an event of this id exists' "nor dropped in silence"
sql "DROP TABLE events"
has 'is the shared log' "the table stays"
sql "SELECT * FROM _trib_stream"
has 'no such table' "what stands beside it is the server's own"
sql "DELETE FROM events WHERE streamId = 's-1'"
has '"affected_row_count":1' "a whole stream is deleted"
call stranger GET /s-1
has '[404]' "and gone"
append stranger s-1 "{\"events\":[{$(echo "$place" | sed 's/ali/stranger/; s/ord-1/s-1/')}]}"
has '"first":2' "its numbers go on"
call stranger GET /s-1/verify
has '{"ok":true,"events":1,"version":2}' "and its chain"

# ---- a name that somebody else has now ----
append ali ord-2 "{\"events\":[{$(echo "$place" | sed 's/ord-1/ord-2/')}]}"
has '[201]' "an order"
append streams ord-2 '{"events":[{"opcode":301},{"opcode":302,"nodeId":"rami","payload":{"driver":"rami"}}]}'
has '[201]' "with a driver"
t tenant delete rami --now --yes
ok "a tenant goes"
t tenant create rami
ok "another one gets its name"
t token create rami
printf '%s' "$output" >"$work/rami.token"
call rami GET /ord-1
has '[404]' "and is no member of what the former was"
call rami GET ''
has '{"streams":[],"next":null}' "of nothing"
append ali ord-2 '{"events":[{"opcode":311,"payload":{"text":"where are you?"}}]}'
has '[201]' "a later event"
call rami GET /ord-2
has '[404]' "makes it no member either"
call rami GET ''
has '{"streams":[],"next":null}' "of nothing still"

# ---- a start anew keeps everything; bad requests ----
stop_server
start_server
call ali GET /ord-1
[ "$output" = "$all" ] || failed "the same after a restart"
for body in 'x' '{}' '{"events":[]}' '{"events":[{"opcode":"501"}]}' '{"events":[{"opcode":311,"colour":"red"}]}' '{"events":[{"opcode":311,"payload":"{"}]}' '{"expected":-1,"events":[{"opcode":311}]}'; do
    append streams s-2 "$body"
    has '[400]' "refused: $body"
done
finish

#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Durable streams go along with their tenant: by fork, export and import. A file that brings something else under their names is
# not served.
. "$(dirname "$0")/lib.sh"
start_server
TMPDIR=$work
export TMPDIR
t tenant create one
ok "a tenant"
t token create --all
ok "a token"
token=$output
# call TENANT METHOD PATH [CURL ARGUMENT...]: the answer and [STATUS] in $output.
call() {
    where=$1 method=$2 path=$3
    shift 3
    status=0
    output=$(curl -s -m 20 -w ' [%{http_code}]' -X "$method" -H "authorization: Bearer $token" -H 'content-type: text/plain' \
        "$url$where/v1/stream/$path" "$@") || status=$?
}
call one PUT a -d 'hello'
has '[201]' "a stream"
call one POST a -d ' world' -H 'Producer-Id: p' -H 'Producer-Epoch: 3' -H 'Producer-Seq: 0'
has '[200]' "and more of it"

t tenant fork one two
ok "the tenant is forked"
call two GET a
has 'hello world [200]' "with the stream"
call two POST a -d '!' -H 'Producer-Id: p' -H 'Producer-Epoch: 2' -H 'Producer-Seq: 0'
has 'PRODUCER_FENCED' "and its producers"
call two POST a -d '!'
has '[204]' "which goes on by itself"
call one GET a
has 'hello world [200]' "so that the first one does not see it"

t export one "$work/one.db"
ok "the tenant is exported"
t import db "$work/one.db" three
ok "and imported"
call three GET a
has 'hello world [200]' "with the stream"
call three PUT b -d 'new'
has '[201]' "others can be made there"

cp "$work/one.db" "$work/evil.db"
sqlite3 "$work/evil.db" "CREATE TABLE mine(a); CREATE TRIGGER more AFTER INSERT ON _trib_ds_part BEGIN INSERT INTO mine VALUES (1); END;"
t import db "$work/evil.db" evil
ok "a file with a trigger on the tables is imported"
call evil GET a
has 'under names that begin with _trib_ds_' "but its streams are not served"
call evil POST a -d 'x'
has '[500]' "nor written"
sqlite3 "$work/view.db" "CREATE TABLE t(a); CREATE VIEW _trib_ds_stream AS SELECT 1;"
t import db "$work/view.db" view
ok "a file with something else under such a name"
call view PUT a
has 'under names that begin with _trib_ds_' "likewise"
# ---- the shared log of deals, by both faces ----
curl -s -m 20 -H "authorization: Bearer $token" -X POST "${url}one/api/streams/ord-1/events" -d '{"events":[{"opcode":501,
"nodeId":"ord-1","delta":46,"payload":{"customer":"one","restaurant":"two","items":[{"qty":2,"price":18},{"qty":1,"price":10}]}},
{"opcode":203,"nodeId":"ord-1","delta":46}]}' >/dev/null
wanted=$(curl -s -m 20 -H "authorization: Bearer $token" "${url}one/api/streams/ord-1")
# deal_reads WHERE: as a whole, from an offset, at its end, and not by a stranger.
deal_reads() {
    call one GET deals/ord-1
    has "$wanted [200]" "a deal is read as a durable stream, $1"
    call one GET deals/ord-1?offset=0000000000000000_0000000000000001
    lacks '"opcode":501' "from an offset on"
    has '"opcode":203' "which is the number of an event"
    call one GET deals/ord-1?offset=0000000000000000_0000000000000002
    has '[] [200]' "up to its end"
    call three GET deals/ord-1
    has 'STREAM_NOT_FOUND' "not by who is no member"
}
deal_reads "as by its own face"
call one POST deals/ord-1 -d 'x'
has '[405]' "and it is not written there"
call one GET 'deals/ord-1?offset=now&live=sse'
has 'followed at /api/streams' "nor followed"
t stream archive ord-1
ok "the deal is archived"
deal_reads "from its object, too"

finish

#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What an operator does with a tenant that is in use: settings, names, the end and the way back, by `trib tenant` and by the admin API.
. "$(dirname "$0")/lib.sh"
start_server
t tenant create acme
t shell acme --sql 'CREATE TABLE n (a); INSERT INTO n VALUES (1), (2), (3);'
ok "a tenant with three rows"

# ---- settings ----

t tenant set acme max_bytes=64KiB statement_timeout_ms=200ms
ok "settings are changed"
has "max_bytes            65536" "and shown"
has "statement_timeout_ms 200" "in their units"
t shell acme --sql "INSERT INTO n SELECT randomblob(1000) FROM n, n AS b, n AS c, n AS d"
fails_with 1 "the size limit holds at once"
has DATABASE_FULL "and says so"
t shell acme --sql 'WITH RECURSIVE c(x) AS (VALUES (1) UNION ALL SELECT x + 1 FROM c) SELECT max(x) FROM c'
fails_with 1 "a long statement is stopped"
has STATEMENT_TIMEOUT "after the tenant's time"
t tenant set acme max_bytes=default statement_timeout_ms=
ok "and are at their defaults again"
t shell acme --sql "INSERT INTO n SELECT randomblob(1000) FROM n, n AS b, n AS c, n AS d"
ok "what was over the limit now fits"
t shell acme --sql 'DELETE FROM n WHERE length(a) = 1000'

t tenant set acme block_writes=true "block_reason=unpaid since June"
ok "writes are blocked"
t shell acme --sql 'INSERT INTO n VALUES (4)'
fails_with 1 "a write is refused"
has "unpaid since June" "with the reason"
t shell acme --sql 'SELECT count(*) FROM n'
ok "reads go on"
t tenant set acme block_reads=true
t shell acme --sql 'SELECT count(*) FROM n'
fails_with 5 "with reads blocked nothing goes"
has "unpaid since June" "and the reason is told"
api GET v1/namespaces/acme
has '"block_reads":true' "the API shows it"
has '"block_reason":"unpaid since June"' "with the reason"
stop_server
start_server
t shell acme --sql 'SELECT count(*) FROM n'
fails_with 5 "a block survives a restart"
t tenant set acme block_reads=false block_writes=false block_reason=
ok "and is lifted"
t shell acme --sql 'INSERT INTO n VALUES (4)'
ok "at once"

t tenant set acme max_bites=1GiB
fails_with 2 "an unknown setting is refused"
has 'did you mean "max_bytes"' "with the one that was meant"
t tenant set acme max_bytes=much
fails_with 2 "a value that is none"
has "500MB" "is told how it looks"
t tenant set acme max_bytes
fails_with 2 "a word without a value is wrong usage"
t tenant set nobody block_reads=true
fails_with 4 "an unknown tenant"
t tenant set streams block_reads=true
fails_with 4 "the server's own databases have no settings"
t tenant show acme --json
has '"durability":"strong"' "a description says how durable writes are"
t tenant set acme durability=relaxed
has "durability           relaxed" "a weaker mode is set on purpose"
api GET v1/namespaces/acme/config
has '"durability_mode":"relaxed"' "and shown under sqld's name too"
t shell acme --sql 'INSERT INTO n VALUES (5); SELECT count(*) FROM n;'
ok "writes go on in it"

api PATCH v1/namespaces/acme -d '{"durability":null,"txn_steal_ms":"2s"}'
has '"durability":"strong"' "null is the default"
has '"txn_steal_ms":2000' "times may have units"
api PATCH v1/namespaces/acme -d '{}'
has '[400]' "a change of nothing is a mistake"
api PATCH v1/namespaces/acme -d '{"block_reads":"yes"}'
has '[400]' "a switch is true or false"
api PATCH v1/namespaces/acme -d '{"statement_timeout_ms":99999999999}'
has '[400]' "a number past its bound is refused"
api POST v1/namespaces/acme/config -d '{"block_reads":false,"block_writes":true,"block_reason":"moving","max_db_size":"1MB"}'
has '[200]' "sqld's object"
has '"max_db_size":"1000000 B"' "with a size as a text"
has '"txn_timeout_s":null' "resets what sqld resets"
api POST v1/namespaces/acme/config -d '{"block_reads":false,"block_writes":false}'
has '"max_db_size":"1000000 B"' "and keeps what sqld keeps"
has '"block_reason":null' "the reason is reset"
api POST v1/namespaces/acme/config -d '{"block_reads":false}'
has '[400]' "both switches are required, as in sqld"
api POST v1/namespaces/acme/config -d '{"block_reads":false,"block_writes":false,"jwt_key":"x"}'
has 'jwt_key' "what is no key is refused"

# ---- names ----

# pipeline TENANT TOKEN REQUESTS [BATON]: a request on the clients' listener
pipeline() {
    status=0
    output=$(curl -s -m 20 -w ' [%{http_code}]' -H "authorization: Bearer $2" "$url$1/v2/pipeline" \
        -d "{\"baton\":${4:-null},\"requests\":[$3]}" 2>&1) || status=$?
}
one='{"type":"execute","stmt":{"sql":"SELECT count(*) FROM n"}}'
token=$("$TRIB" token create acme --data "$data")
all=$("$TRIB" token create --all --data "$data")
pipeline acme "$all" '{"type":"execute","stmt":{"sql":"BEGIN"}},{"type":"execute","stmt":{"sql":"INSERT INTO n VALUES (6)"}}'
baton=$(echo "$output" | sed -n 's/.*"baton":\("[^"]*"\).*/\1/p')
[ -n "$baton" ] || failed "a session with an open transaction"
t tenant rename acme apex
ok "a tenant is renamed"
has "${url}apex/" "and found under the new name"
t tenant show acme
fails_with 4 "the old name is nobody's"
pipeline apex "$all" '{"type":"execute","stmt":{"sql":"COMMIT"}},{"type":"close"}' "$baton"
has '[200]' "an open session goes on under the new name"
lacks '"error"' "with its transaction"
pipeline acme "$token" "$one"
has '[404]' "a token for the old name opens nothing"
pipeline apex "$token" "$one"
has '[404]' "nor the new name"
t tenant create acme
ok "another tenant may take the old name"
pipeline acme "$token" "$one"
has '[401]' "and the old token does not open it"
token=$("$TRIB" token create apex --data "$data")
pipeline apex "$token" "$one"
has '"value":"6"' "a new token opens the renamed one with all its rows"
t tenant rename apex acme
fails_with 6 "a taken name is a conflict"
t tenant rename apex 'Not Good'
fails_with 2 "a bad one is refused"
t tenant rename nobody somebody
fails_with 4 "an unknown tenant"
t tenant rename streams mine
fails_with 4 "the server's own have their names for ever"
api POST v1/namespaces/apex/rename -d '{}'
has '[400]' "without a name there is nothing to do"
stop_server
start_server
pipeline apex "$token" "$one"
has '"value":"6"' "the name survives a restart"

# ---- the end, and the way back ----

files() { find "$data/db" -type f -name '*.db' | wc -l; }
before=$(files)
pipeline apex "$token" '{"type":"execute","stmt":{"sql":"BEGIN IMMEDIATE"}}'
baton=$(echo "$output" | sed -n 's/.*"baton":\("[^"]*"\).*/\1/p')
t tenant delete apex --yes
ok "a tenant is deleted"
has "can come back until" "and the time of grace is told"
[ "$(files)" -eq "$before" ] || failed "its files stay"
pipeline apex "$token" "$one" "$baton"
has '[404]' "it is unknown at once, also to its open sessions"
t tenant list
lacks apex "it is not listed"
t tenant list --deleted
has apex "but among the deleted ones"
t tenant list --deleted --json
has '"purge_at":"' "with its time"
t tenant undelete apex
ok "it comes back"
pipeline apex "$token" "$one"
has '"value":"6"' "with its data and its token"
pipeline apex "$token" "$one" "$baton"
has '[400]' "its sessions have ended"
t tenant delete apex --yes
t tenant create apex
ok "the name of a deleted tenant is free"
pipeline apex "$token" "$one"
has '[401]' "its token does not open the new one"
t tenant undelete apex
fails_with 6 "the deleted one cannot come back under a taken name"
has "--as NAME" "and the way out is told"
stop_server
start_server --delete-grace 1s
t tenant undelete apex --as apex-old
ok "it comes back under another name, after a restart too"
t shell apex-old --sql 'SELECT count(*) FROM n'
has 6 "with its data"
t tenant undelete nobody
fails_with 4 "what never was cannot come back"
t tenant delete apex --yes
t tenant delete apex-old --yes
has "can come back until" "a short grace"
tries=0
while [ "$(files)" -ge "$before" ] && [ "$tries" -lt 100 ]; do
    sleep 0.1
    tries=$((tries + 1))
done
[ "$(files)" -lt "$before" ] || failed "when it is over, the files go while the server runs"
t tenant undelete apex-old
fails_with 4 "then nothing comes back"
api DELETE v1/namespaces/acme -d '{"now":true,"keep_backup":false}'
has '"files_removed":true' "at once, if asked, with sqld's member or without"
api DELETE v1/namespaces/acme -d '{"now":"yes"}'
has '[400]' "a switch is true or false"
t tenant create last
t shell last --sql 'CREATE TABLE n (a)'
t tenant delete last --yes
stop_server
sleep 1.1
start_server
tries=0
while [ "$(files)" -gt 0 ] && [ "$tries" -lt 100 ]; do
    sleep 0.1
    tries=$((tries + 1))
done
[ "$(files)" -eq 0 ] || failed "a grace that ended while the server was down"
t tenant list --deleted
lacks last "leaves nothing"

# ---- slow statements ----

stop_server
start_server --slow-statement-ms 50 --log-format json
t tenant create slow
token=$("$TRIB" token create slow --data "$data")
long='WITH RECURSIVE c(x) AS (VALUES (1) UNION ALL SELECT x + 1 FROM c WHERE x < 1000000) SELECT count(*), ? FROM c'
pipeline slow "$token" "{\"type\":\"execute\",\"stmt\":{\"sql\":\"$long\",\"args\":[{\"type\":\"text\",\"value\":\"my-secret\"}]}},
    {\"type\":\"execute\",\"stmt\":{\"sql\":\"SELECT 'quick'\"}},{\"type\":\"close\"}"
has '[200]' "a slow statement and a quick one"
output=$(grep slow_statement "$work/err" || true)
has '"tenant":"slow"' "the slow one is logged with its tenant"
has '"duration_ms":' "its time"
has '"rows_read":1' "its rows"
has 'WITH RECURSIVE c(x)' "its text"
has '"request_id":"' "and its request"
lacks my-secret "but never with values"
lacks quick "the quick one is not"
[ "$(echo "$output" | wc -l)" -eq 1 ] || failed "one line"
t shell slow --sql "SELECT 1; WITH RECURSIVE c(x) AS (VALUES (1) UNION ALL SELECT x + 1 FROM c WHERE x < 1000001) SELECT count(*) FROM c;"
output=$(grep slow_statement "$work/err" || true)
has '1000001' "in scripts too"

finish

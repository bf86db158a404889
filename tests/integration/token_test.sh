#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Tokens: what each kind may do, when it ends, and that a rotated key ends all.
. "$(dirname "$0")/lib.sh"
start_server
t tenant create acme other
ok "two tenants"

# sql TOKEN TENANT SQL
sql() {
    status=0
    output=$(curl -s -m 20 -w ' [%{http_code}]' -H "authorization: Bearer $1" "$url$2/v2/pipeline" \
        -d "{\"requests\":[{\"type\":\"execute\",\"stmt\":{\"sql\":\"$3\"}},{\"type\":\"close\"}]}") || status=$?
}
token() {
    t token create "$@"
    ok "a token is made: $*"
    made=$output
}

token acme
rw=$made
sql "$rw" acme 'CREATE TABLE t(a)'
has '"type":"ok"' "a token writes to its tenant"
sql "$rw" other 'SELECT 1'
has '[404]' "another tenant looks unknown to it"
unknown=$(echo "$output" | sed 's/other/X/g; s/"request_id":"[^"]*"//')
sql "$rw" nobody 'SELECT 1'
[ "$(echo "$output" | sed 's/nobody/X/g; s/"request_id":"[^"]*"//')" = "$unknown" ] || failed "exactly like one that is not there"

token acme --read-only --expires 30d
ro=$made
sql "$ro" acme 'SELECT * FROM t'
has '"type":"ok"' "a read-only token reads"
sql "$ro" acme 'INSERT INTO t VALUES (1)'
has '"type":"error"' "and does not write"

token acme --expires 1s
short=$made
sql "$short" acme 'SELECT 1'
has '[200]' "a short token works"
sleep 7
sql "$short" acme 'SELECT 1'
has '[401]' "until it has expired"

token acme other --read-only
two=$made
sql "$two" acme 'SELECT 1'
has '[200]' "a token for two reads the first"
sql "$two" other 'SELECT 1'
has '[200]' "and the second"
sql "$two" streams 'SELECT 1'
has '[404]' "and no third"
token --all
all=$made
sql "$all" streams 'CREATE TABLE IF NOT EXISTS x(a)'
has '"type":"ok"' "a token for all writes everywhere"

t token create nobody
fails_with 4 "no token for an unknown tenant"
t token create acme nobody
fails_with 4 "not in a list either"
t token create
fails_with 2 "a token is for somebody"
t token create acme --all
fails_with 2 "for some or for all, not both"
t token create acme --expires tomorrow
fails_with 2 "a life time is a duration"
t token create acme --json
has '"expires_at":null' "JSON tells when it ends"

t token revoke acme
ok "tokens are revoked"
sql "$rw" acme 'SELECT 1'
has '[401]' "the old ones are void"
sql "$two" acme 'SELECT 1'
has '[200]' "those for several tenants are not, as documented"
token acme
sql "$made" acme 'SELECT 1'
has '[200]' "a new one works"

t token rotate-keys
ok "a new key signs"
sql "$made" acme 'SELECT 1'
has '[200]' "what the old one signed is still good"
old=$made
token acme
sql "$made" acme 'SELECT 1'
has '[200]' "and so is what the new one signs"
t token rotate-keys --drop-old --drop-all
fails_with 2 "old and all at once is refused"
t token rotate-keys --drop-old
ok "the old keys are dropped"
sql "$made" acme 'SELECT 1'
has '[200]' "what was made since the rotation is still good"
for each in "$old" "$two" "$all"; do
    sql "$each" acme 'SELECT 1'
    has '[401]' "what an older key signed is void"
done
t token rotate-keys --drop-old
fails_with 2 "there is nothing to drop any more"
has 'no older key' "and it says so"
sql "$made" acme 'SELECT 1'
has '[200]' "the present key stays"
t token rotate-keys --drop-all
ok "all keys are dropped"
sql "$made" acme 'SELECT 1'
has '[401]' "every token made before is void"

# a name that is used again: no token of the first tenant opens the second
t tenant create twin
token twin
alone=$made
token twin acme
listed=$made
token --all
all=$made
for each in "$alone" "$listed" "$all"; do
    sql "$each" twin 'SELECT 1'
    has '[200]' "the tokens work"
done
t tenant delete twin --yes
t tenant create twin
ok "a tenant is made again"
sql "$alone" twin 'SELECT 1'
has '[401]' "the token for the first alone is void"
sql "$listed" twin 'SELECT 1'
has '[404]' "for a token that lists its name it is not there"
sql "$listed" acme 'SELECT 1'
has '[200]' "the others in the list are"
sql "$all" twin 'SELECT 1'
has '[200]' "a token for all is for later ones, too"
token twin acme
sql "$made" twin 'SELECT 1'
has '[200]' "a new list works"
token acme
keep=$made
stop_server
start_server
sql "$keep" acme 'SELECT 1'
has '[200]' "a token outlives a restart"
sql "$old" acme 'SELECT 1'
has '[401]' "a dropped key stays dropped"
finish

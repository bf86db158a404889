#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# docs/coming-from-sqld.md, word by word: its command blocks are taken out of the page and run against a folder in sqld's
# layout, made with sqlite3: logs that were not taken in, a metastore, names that do not fit. Only the paths and systemctl
# are put in other words. Then the data is looked at through the server, and what stands in an import's way is tried.
. "$(dirname "$0")/lib.sh"
page=$(cd "$(dirname "$0")/../../docs" && pwd)/coming-from-sqld.md
sqld=$work/sqld
TMPDIR=$work
export TMPDIR

# killed FILE SQL: a database of a program that was killed: what SQL wrote is in the -wal alone
killed() {
    mkdir -p "$(dirname "$1")"
    cat >"$work/make.sql" <<EOF
PRAGMA journal_mode=WAL;
PRAGMA wal_autocheckpoint=0;
.dbconfig defensive off
$2
.shell cp '$work/live.db' '$1'
.shell cp '$work/live.db-wal' '$1-wal'
EOF
    rm -f "$work"/live.db*
    sqlite3 "$work/live.db" <"$work/make.sql" >/dev/null
    echo a replication log >"$(dirname "$1")/wallog"
    echo '{"id":"0"}' >"$(dirname "$1")/stats.json"
    : >"$(dirname "$1")/.sentinel"
}
orders="CREATE TABLE orders (id INTEGER PRIMARY KEY, text TEXT);
WITH RECURSIVE c(x) AS (VALUES (1) UNION ALL SELECT x + 1 FROM c WHERE x < 3000) INSERT INTO orders SELECT x, 'order ' || x FROM c;"
killed "$sqld/dbs/acme/data" "$orders"
killed "$sqld/dbs/default/data" "CREATE TABLE one (a); INSERT INTO one VALUES (1);"
killed "$sqld/dbs/My Shop/data" "CREATE TABLE two (a); INSERT INTO two VALUES (2);"
killed "$sqld/dbs/vectors/data" "CREATE TABLE m (a INTEGER PRIMARY KEY, e BLOB); INSERT INTO m VALUES (1, x'0000803f');
CREATE INDEX v ON m (e); PRAGMA writable_schema=ON; UPDATE sqlite_schema SET sql = 'CREATE INDEX v ON m (libsql_vector_idx(e))' WHERE name = 'v';"
killed "$sqld/dbs/left/data" "CREATE TABLE nobody (a);"
# tokens as sqld's operators make them: with a key of their own, for one namespace and for all
openssl genpkey -algorithm ed25519 -out "$work/acme.key"
openssl genpkey -algorithm ed25519 -out "$work/all.key"
acme_public=$(openssl pkey -in "$work/acme.key" -pubout)
openssl pkey -in "$work/all.key" -pubout >"$work/all.pem"
base64url() { openssl base64 -A | tr '+/' '-_' | tr -d '='; }
# sign KEY CLAIMS
sign() {
    printf '%s.%s' "$(printf '{"alg":"EdDSA","typ":"JWT"}' | base64url)" "$(printf '%s' "$2" | base64url)" >"$work/claims"
    openssl pkeyutl -sign -inkey "$1" -rawin -in "$work/claims" -out "$work/signature"
    printf '%s.%s' "$(cat "$work/claims")" "$(base64url <"$work/signature")"
}
hex() { od -An -v -tx1 | tr -d ' \n'; }
acme_token=$(sign "$work/acme.key" '{"id":"acme","a":"rw"}')
vectors_token=$(sign "$work/all.key" '{"id":"vectors","a":"ro","iat":1700000000}')
# block_writes, "unpaid", 2048 pages, txn_timeout_s 7; a key; nothing
killed "$sqld/metastore/data" "CREATE TABLE namespace_configs (namespace TEXT NOT NULL PRIMARY KEY, config BLOB NOT NULL);
INSERT INTO namespace_configs VALUES ('acme', x'10011a06756e706169642080104007'||x'3a$(printf %02x ${#acme_public})$(printf %s "$acme_public" | hex)'), ('My Shop', x'3a036b657948012080808080808008'),
('vectors', x''), ('empty', x'');"
snapshot() { find "$sqld" -type f -exec cksum {} + | sort -k 3; }
snapshot >"$work/before"

# ---- a sqld that runs: its connection to the metastore is open ----

mkfifo "$work/hold"
run_sqld() {
    cp -r "$sqld" "$work/kept"
    sqlite3 "$sqld/metastore/data" <"$work/hold" >/dev/null &
    sqld_pid=$!
    exec 9>"$work/hold"
    echo "BEGIN; SELECT count(*) FROM namespace_configs;" >&9
    sleep 0.5
}
stop_sqld() {
    kill -9 "$sqld_pid" 2>/dev/null
    wait "$sqld_pid" 2>/dev/null || true
    exec 9>&-
    rm -rf "$sqld"
    mv "$work/kept" "$sqld"
}
run_sqld
t import sqld "$sqld" --dry-run
fails_with 1 "a sqld that runs is noticed"
has "stop sqld first" "and it is said"

# ---- the page ----

systemctl() {
    case "$*" in
    "stop sqld") stop_sqld ;;
    "start sqld") failed "the page's move needs no sqld" ;;
    "start tributary") start_server --auth-jwt-key-file "$work/all.pem" ;;
    *) failed "the page says systemctl $*" ;;
    esac
}
trib() { "$TRIB" "$@"; }
# the blocks of sections 1 to 4: lines with four blanks in front, one command each; what the program prints is no command
sed -n '/^## 1/,/^## 5/s/^    //p' "$page" | grep -v '^default: ' >"$work/commands"
[ "$(wc -l <"$work/commands")" -eq 10 ] || failed "the page has ten commands"
while IFS= read -r command; do
    here=$(printf '%s\n' "$command" | sed "s#/var/lib/sqld#$sqld#g; s#/var/lib/tributary#$data#g")
    status=0
    eval "$here" >"$work/said" 2>&1 || status=$?
    output=$(cat "$work/said")
    case $command in
    *--dry-run*/tributary)
        fails_with 2 "the first look finds names that do not fit"
        has "default: no tenant can have this name; for example --rename 'default=db-default'" "as the page shows"
        has "My Shop=my-shop" "each of them"
        ;;
    *--dry-run*)
        ok "$command"
        has "would import acme (" "what would be imported"
        has '{"block_writes":true,"block_reason":"unpaid","max_bytes":8388608,"txn_steal_ms":7000,"jwt_key":"-----BEGIN PUBLIC KEY-----' "with its settings"
        has "left: note: left out" "what would not"
        has "5 would be imported, 1 skipped, 0 failed" "all in all"
        [ ! -e "$data" ] || failed "a look makes nothing"
        ;;
    *"import sqld"*)
        ok "$command"
        has "my-shop: note: jwt_key is not taken over" "what is not taken over"
        has "5 imported, 1 skipped, 0 failed" "all in all"
        snapshot | cmp -s - "$work/before" || failed "nothing in sqld's folder has changed"
        ;;
    sqlite3*"count(*)"* | *shell*"count(*)"*) ok "$command"; has 3000 "$command" ;;
    *) ok "$command" ;;
    esac
done <"$work/commands"

# ---- what came ----

rm -rf "$sqld/dbs/acme"
t shell app --sql 'SELECT a FROM one' --mode csv
has 1 "the database of a sqld without namespaces"
t shell my-shop --sql 'SELECT a FROM two' --mode csv
has 2 "a name that did not fit"
t shell empty --sql 'SELECT count(*) FROM sqlite_schema' --mode csv
has 0 "a namespace without a file"
t shell vectors --sql "INSERT INTO m VALUES (2, x'00'); SELECT count(*) FROM m; PRAGMA integrity_check" --mode csv
has ok "a table that had a vector index"
t shell acme --sql "DELETE FROM orders"
has "Operation was blocked: unpaid" "blocks are in force"
t tenant show left
fails_with 4 "what sqld did not serve is not there"
token=$("$TRIB" token create acme --data "$data")
output=$(curl -s -m 20 -H "authorization: Bearer $token" "${url}dev/acme/v2/pipeline" \
    -d '{"requests":[{"type":"execute","stmt":{"sql":"SELECT text FROM orders WHERE id = 2999"}}]}')
has '"order 2999"' "clients read it, by sqld's path too"

# ---- tokens that were made for sqld ----

# ask TENANT TOKEN SQL
ask() {
    output=$(curl -s -m 20 -H "authorization: Bearer $2" "${url}$1/v2/pipeline" -d "{\"requests\":[{\"type\":\"execute\",\"stmt\":{\"sql\":\"$3\"}}]}")
}
ask acme "$acme_token" "SELECT text FROM orders WHERE id = 2998"
has '"order 2998"' "an old token works, by the key of its namespace"
ask vectors "$vectors_token" "SELECT 'in '||count(*) FROM m"
has '"in 2"' "an old token works, by the key of all namespaces"
ask vectors "$vectors_token" "DELETE FROM m"
has 'SQLITE_READONLY' "with its right"
ask app "$acme_token" "SELECT 'in'"
has '"AUTH_JWT_INVALID"' "the key of one opens no other"
ask acme "$(sign "$work/all.key" "{\"id\":\"acme\",\"a\":\"rw\",\"iat\":$(date +%s)}")" "SELECT 'in'"
has '"TENANT_NOT_FOUND"' "and one with a key of its own is not opened by that of all"
ask app "$(sign "$work/all.key" '{}')" "SELECT 'in'"
has '"AUTH_JWT_INVALID"' "a token without claims opens nothing"
t tenant create later
later_token=$(sign "$work/all.key" '{"id":"later","a":"rw"}')
ask later "$later_token" "SELECT 'in'"
has '"AUTH_JWT_INVALID"' "a token that says no time opens no tenant that was made later"
ask later "$(sign "$work/all.key" "{\"id\":\"later\",\"a\":\"rw\",\"iat\":$(date +%s)}")" "SELECT 'in '||'here'"
has '"in here"' "one made since does"
t tenant set later old_tokens=true
ask later "$later_token" "SELECT 'in '||'here'"
has '"in here"' "or every one, where its operator says so"
t token revoke acme
ask acme "$acme_token" "SELECT 'in'"
has '"AUTH_JWT_INVALID"' "revoking ends old tokens too"
ask acme "$(sign "$work/acme.key" "{\"id\":\"acme\",\"a\":\"rw\",\"iat\":$(($(date +%s) + 2))}")" "SELECT 'in '||'here'"
has '"in here"' "not those made since"
output=$(curl -s -m 20 -H "authorization: Basic $(cat "$data/admin.key")" -d '{"block_reads":false,"block_writes":false}' "${admin_url}v1/namespaces/acme/config")
has '"jwt_key":null' "sqld's config without jwt_key takes it away"
output=$(curl -s -m 20 -H "authorization: Basic $(cat "$data/admin.key")" -d "{\"jwt_key\":null}" "${admin_url}v1/keys/import")
has '"imported_keys":1' "the key of the setting stays whatever the API drops"
output=$(curl -s -m 20 -H "authorization: Basic $(cat "$data/admin.key")" "${admin_url}v1/keys")
has '"from":"auth_jwt_key_file"' "and is shown"

# ---- again, and with something in the way ----

killed "$sqld/dbs/new/data" "$orders"
killed "$sqld/dbs/random/data" "CREATE TABLE r (a); PRAGMA writable_schema=ON; UPDATE sqlite_schema SET sql = sql || ' RANDOM ROWID';"
killed "$sqld/dbs/utf16/data" "PRAGMA encoding='UTF-16'; CREATE TABLE u (a);"
sqlite3 "$sqld/metastore/data" "INSERT INTO namespace_configs VALUES ('new', x''), ('random', x'ff'), ('utf16', x'')"
t import sqld "$sqld" --rename 'default=app,My Shop=my-shop'
fails_with 1 "something is in the way"
has "skipped, there already: app" "what is there is skipped"
has "imported new" "what is not there is imported"
has "imported random" "libSQL's own tables too"
has 'utf16: the texts of the database are UTF-16' "what cannot be is told"
t shell random --sql 'INSERT INTO r VALUES (1); SELECT rowid > 1000 FROM r' --mode csv
has 1 "and their rowids are drawn"
t import sqld "$sqld" --rename 'default=new,My Shop=my-shop'
fails_with 2 "two that would be one tenant"
t import sqld "$sqld" --only 'new' --rename new=newer --json
has '"tenant":"newer","result":"imported"' "one alone, for programs"
t import sqld "$work" --dry-run
fails_with 4 "a folder that is none of sqld's"

# ---- before 0.18: one database in the folder itself ----

old=$work/old
killed "$old/data" "CREATE TABLE three (a); INSERT INTO three VALUES (3);"
t import sqld "$old" --rename default=old
ok "the older layout"
t shell old --sql 'SELECT a FROM three' --mode csv
has 3 "with its log"
[ -z "$(find "$work" -maxdepth 1 -name 'trib-*')" ] || failed "no copy is left"
finish

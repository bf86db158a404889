#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Imports and exports with a server and without: what comes in goes out equal, what is refused leaves nothing, a kill on
# the way leaves nothing half.
. "$(dirname "$0")/lib.sh"
start_server
TMPDIR=$work
export TMPDIR
sum='SELECT count(*), sum(a), sum(length(b)) FROM n'

# a database in use: its newest rows are in the -wal that a second connection keeps from being emptied
sqlite3 "$work/shop.db" "PRAGMA journal_mode=WAL; CREATE TABLE n (a INTEGER PRIMARY KEY, b BLOB);
WITH RECURSIVE c(x) AS (VALUES (1) UNION ALL SELECT x + 1 FROM c WHERE x < 20000) INSERT INTO n SELECT x, randomblob(400) FROM c;
CREATE VIRTUAL TABLE words USING fts5(w); INSERT INTO words VALUES ('hello world'), ('good bye');
CREATE VIEW v AS SELECT count(*) AS n FROM n; PRAGMA user_version=7;" >/dev/null
mkfifo "$work/hold"
sqlite3 -cmd ".timeout 10000" "$work/shop.db" <"$work/hold" >/dev/null &
holder=$!
exec 9>"$work/hold"
echo "PRAGMA wal_autocheckpoint=0; BEGIN; SELECT count(*) FROM n;" >&9
echo "PRAGMA wal_autocheckpoint=0; INSERT INTO n VALUES (20001, zeroblob(9)); SELECT count(*) FROM n;" | sqlite3 -cmd ".timeout 10000" "$work/shop.db" >/dev/null
[ -s "$work/shop.db-wal" ] || failed "the file has a -wal"
wanted=$(sqlite3 -csv "$work/shop.db" "$sum")

# ---- db ----

t import db "$work/shop.db" shop
ok "a file in use is imported"
has "now at ${url}shop/" "and its URL is told"
exec 9>&-
wait "$holder" || true
same_sum() { # TENANT WHAT
    t shell "$1" --sql "$sum" --mode csv
    checks=$((checks + 1))
    [ "$(printf '%s\n' "$output" | tail -n 1 | tr -d '\r')" = "$wanted" ] || failed "$2 (wanted $wanted)"
}
same_sum shop "all rows are there, those of the -wal too"
t shell shop --sql "SELECT w FROM words WHERE words MATCH 'hello'" --mode csv
has "hello world" "full-text tables work"
t shell shop --sql "INSERT INTO n VALUES (99999, x'00'); DELETE FROM n WHERE a = 99999; PRAGMA integrity_check"
has ok "it is written like any other"
t import db "$work/shop.db" shop
fails_with 6 "a taken name is a conflict"
t import db "$work/shop.db" 'Not Good'
fails_with 2 "a bad name"
t import db "$work/none.db" other
fails_with 4 "a file that is not there"
echo "this is no database, but long enough to be looked at by anybody who wants to" >"$work/text.db"
t import db "$work/text.db" other
fails_with 1 "no database"
has IMPORT_REFUSED "is said to be none"
sqlite3 "$work/utf16.db" "PRAGMA encoding='UTF-16'; CREATE TABLE a(b)"
t import db "$work/utf16.db" other
has "UTF-16" "UTF-16 is refused"
sqlite3 "$work/pages.db" "PRAGMA page_size=1024; CREATE TABLE a(b INTEGER PRIMARY KEY); INSERT INTO a VALUES (1), (2)"
t import db "$work/pages.db" pages
ok "other pages become ours"
has "pages of 1024 bytes became pages of 4,096" "and it is said"
t shell pages --sql 'SELECT count(*) FROM a' --mode csv
has 2 "with their rows"
: >"$work/empty.db"
t import db "$work/empty.db" empty
ok "an empty file is an empty tenant"
t shell empty --sql 'CREATE TABLE a(b); SELECT count(*) FROM a'
ok "which can be used"
# two pages of a table change places: the pages' own checks pass, the tree is wrong
cp "$work/shop.db" "$work/broken.db"
dd if=/dev/urandom of="$work/broken.db" bs=4096 seek=9 count=40 conv=notrunc 2>/dev/null
t import db "$work/broken.db" broken
fails_with 1 "a damaged file"
has IMPORT_REFUSED "is refused"
t tenant show broken
fails_with 4 "and is no tenant"
t import db "$(find "$data/db" -name '*.db' | head -n 1)" stolen
has DATA_FOLDER_LOCKED "the files of a running server are not taken from behind it"
random=$work/random.db
# newer shells of SQLite keep their hands off the schema otherwise
undefended() { sqlite3 -cmd '.dbconfig defensive off' "$@" >"$work/undefended"; }
undefended "$random" "CREATE TABLE r(a); CREATE TABLE s(a); PRAGMA writable_schema=ON; UPDATE sqlite_schema SET sql = sql || ' RANDOM ROWID' WHERE name = 'r'"
t import db "$random" random
ok "a file that only libSQL reads"
t shell random --sql "INSERT INTO r VALUES (1); INSERT INTO s VALUES (1); SELECT (SELECT min(rowid) > 1000 FROM r) || (SELECT rowid FROM s)" --mode csv
has 11 "its rowids are still drawn, those of other tables are counted"
undefended "$work/vector.db" "CREATE TABLE m(a INTEGER PRIMARY KEY, e BLOB); INSERT INTO m VALUES (1, x'00'); CREATE INDEX vec ON m(e); PRAGMA writable_schema=ON;
UPDATE sqlite_schema SET sql = 'CREATE INDEX vec ON m (libsql_vector_idx(e))' WHERE name = 'vec'"
t import db "$work/vector.db" vector
ok "a table with a vector index"
has 'the vector index "vec" of the table "m" is left out' "comes without it, and it is said"
t shell vector --sql "INSERT INTO m VALUES (2, x'01'); SELECT count(*) FROM m" --mode csv
has 2 "and is written"

# ---- sql ----

sqlite3 "$work/shop.db" .dump >"$work/shop.sql"
t import sql "$work/shop.sql" fromsql
ok "a dump of sqlite3"
same_sum fromsql "has the same rows"
t shell fromsql --sql "SELECT w FROM words WHERE words MATCH 'bye'" --mode csv
has "good bye" "and full-text tables"
output=$(printf 'CREATE TABLE a(b);\n\n-- comment; with semicolon\nINSERT INTO a VALUES (1);\nINSERT INTO missing VALUES (1);\n' |
    "$TRIB" import sql - bad --data "$data" 2>&1) && failed "an error in the text ends it"
has "line 5: SQLite error: no such table: missing" "an error has its line"
t tenant show bad
fails_with 4 "and nothing is there"
output=$(head -c 100000 "$work/shop.sql" | "$TRIB" import sql - bad --data "$data" 2>&1) && failed "half a dump is refused"
has "cut off" "half a dump is told"
output=$(printf 'BEGIN;\nCREATE TABLE a(b);\nROLLBACK; -- due to errors\n' | "$TRIB" import sql - bad --data "$data" 2>&1) && failed "ROLLBACK"
has "could not finish it" "a dump that undoes itself is refused"
output=$(echo "ATTACH '$work/stolen.db' AS x; CREATE TABLE x.a(b)" | "$TRIB" import sql - bad --data "$data" 2>&1) && failed "ATTACH"
has SQL_DENIED "a dump cannot reach other files"
[ ! -e "$work/stolen.db" ] || failed "nothing was made"
printf 'CREATE TABLE a(b);INSERT INTO a VALUES (1)' | "$TRIB" import sql - bare --data "$data" --quiet >/dev/null || failed "plain statements"
t shell bare --sql 'SELECT count(*) FROM a' --mode csv
has 1 "without BEGIN, and without the last semicolon"

# ---- export ----

t export shop "$work/out.db"
ok "an export"
[ "$(sqlite3 -csv "$work/out.db" "$sum")" = "$wanted" ] || failed "has the same rows"
[ "$(sqlite3 "$work/out.db" 'PRAGMA integrity_check; PRAGMA journal_mode; PRAGMA user_version' | tr '\n' ' ')" = "ok delete 7 " ] || failed "and is one whole file"
t export shop "$work/out.db"
fails_with 2 "a file that exists is not written over"
t export shop "$work/out.db" --force
ok "unless it is asked for"
t export nobody "$work/nobody.db"
fails_with 4 "an unknown tenant"
[ ! -e "$work/nobody.db" ] && [ ! -e "$work/nobody.db.part" ] || failed "leaves no file"
"$TRIB" export shop - --format sql --data "$data" >"$work/out.sql" || failed "SQL to a pipe"
rm -f "$work/again.db"
sqlite3 "$work/again.db" <"$work/out.sql"
[ "$(sqlite3 -csv "$work/again.db" "$sum")" = "$wanted" ] || failed "sqlite3 reads the SQL"
t import sql "$work/out.sql" again
ok "and so do we"
same_sum again "to the same rows"
t export --all "$work/all"
ok "all tenants"
[ "$(find "$work/all" -name '*.db' | wc -l)" -eq 8 ] || failed "a file each"

# ---- the API by itself ----

api POST v1/namespaces/parts/import
has '"chunk_bytes":4194304' "an import begins"
id=$(printf '%s' "$output" | sed 's/.*"import":"\([^"]*\).*/\1/')
api POST "v1/imports/$id?offset=5" --data-binary "@$work/pages.db"
has '[400]' "pieces come in order"
api POST "v1/imports/$id?offset=0" --data-binary "@$work/pages.db"
has '"bytes":2048' "a piece"
api POST "v1/imports/$id/finish"
has 'IMPORT_REFUSED' "pages of 1,024 bytes are not served"
api POST "v1/imports/$id/finish"
has '[404]' "what failed is over"
api POST v1/namespaces/parts/import
id=$(printf '%s' "$output" | sed 's/.*"import":"\([^"]*\).*/\1/')
head -c 8192 "$work/out.db" >"$work/cut.db"
api POST "v1/imports/$id?offset=0" --data-binary "@$work/cut.db"
api POST "v1/imports/$id/finish" -d '{"blok_writes":true}'
has 'block_writes' "a wrong setting is told, and the import goes on"
api POST "v1/imports/$id/finish"
has 'IMPORT_REFUSED' "a file that is cut off"
for i in 1 2 3 4; do api POST "v1/namespaces/part$i/import"; ids="${ids:-} $(printf '%s' "$output" | sed 's/.*"import":"\([^"]*\).*/\1/')"; done
api POST v1/namespaces/part5/import
has '[429]' "at most four at once"
for id in $ids; do api DELETE "v1/imports/$id"; done
has '"deleted":true' "they can be given up"
[ "$(find "$data/db" -name '*.tmp' | wc -l)" -eq 0 ] || sleep 1
[ "$(find "$data/db" -name '*.tmp' | wc -l)" -eq 0 ] || failed "with their files"

# ---- dump_url, as sqld has it ----

mkdir "$work/dumps"
cp "$work/shop.sql" "$work/dumps/shop.sql"
ln -s "$work/shop.sql" "$work/dumps/link.sql"
api POST v1/namespaces/dumped/create -d "{\"dump_url\":\"file://$work/dumps/shop.sql\"}"
has '[400]' "without dump_folder no file is read"
has 'dump_folder' "and it is said"
stop_server
start_server --dump-folder "$work/dumps"
api POST v1/namespaces/dumped/create -d "{\"dump_url\":\"file://$work/dumps/shop.sql\"}"
has '[200]' "a dump below dump_folder"
same_sum dumped "has the same rows"
for other in "$work/shop.sql" "$work/dumps/link.sql" "$work/dumps/../shop.sql" "$work/dumps/%2e%2e/shop.sql" "$work/dumps" /etc/passwd; do
    api POST v1/namespaces/stolen/create -d "{\"dump_url\":\"file://$other\"}"
    has '[400]' "not $other"
done
api POST v1/namespaces/dumped/create -d "{\"dump_url\":\"file://$work/dumps/shop.sql\"}"
has TENANT_EXISTS "a taken name"
head -c 90000 "$work/shop.sql" >"$work/dumps/half.sql"
api POST v1/namespaces/half/create -d "{\"dump_url\":\"file://$work/dumps/half.sql\"}"
has "cut off" "half a dump"
echo "ATTACH '/etc/passwd' AS x" >"$work/dumps/attach.sql"
api POST v1/namespaces/half/create -d "{\"dump_url\":\"file://$work/dumps/attach.sql\"}"
has SQL_DENIED "a dump cannot reach other files of the server"
api POST v1/namespaces/half/create -d '{"dump_url":"http://127.0.0.1:1/"}'
has CONNECT_FAILED "nobody there"
api POST v1/namespaces/half/create -d "{\"dump_url\":\"${url}nobody/dump\"}"
has "HTTP status 401" "an answer that is none"
api POST v1/namespaces/half/create -d '{"dump_url":"gopher://x/"}'
has '[400]' "another kind of URL"
t tenant show half
fails_with 4 "nothing is there"
# over HTTP: from a server without tokens, by its own /dump
"$TRIB" dev app --data "$work/dev" --listen 127.0.0.1:0 --admin-listen 127.0.0.1:0 --log-level error >"$work/dev.out" 2>&1 &
dev=$!
for i in 1 2 3 4 5 6 7 8 9 10; do grep -q LIBSQL_URL "$work/dev.out" && break; sleep 0.3; done
dev_url=$(sed -n 's/^LIBSQL_URL=//p' "$work/dev.out")
"$TRIB" shell "$dev_url" --sql "CREATE TABLE a(b); INSERT INTO a VALUES (41)" >/dev/null
api POST v1/namespaces/web/create -d "{\"dump_url\":\"${dev_url}dump\"}"
has '[200]' "a dump over HTTP"
t shell web --sql 'SELECT b FROM a' --mode csv
has 41 "with its rows"
kill "$dev"
wait "$dev" || true
[ "$(find "$data/db" -name '*.tmp*' | wc -l)" -eq 0 ] || sleep 1
[ "$(find "$data/db" -name '*.tmp*' | wc -l)" -eq 0 ] || failed "what failed left no files"

# ---- killed on the way ----

whole=0 nothing=0
for pause in 0.05 0.1 0.15 0.2 0.3 0.4 0.6 0.9; do
    "$TRIB" import db "$work/shop.db" f --data "$data" >/dev/null 2>&1 &
    import=$!
    sleep "$pause"
    kill -9 "$server_pid"
    wait "$server_pid" 2>/dev/null || true
    wait "$import" 2>/dev/null || true
    server_pid=
    start_server
    t tenant show f
    if [ "$status" -eq 0 ]; then
        whole=$((whole + 1))
        same_sum f "what is there after a kill is whole (after $pause s)"
        t tenant delete f --yes --now
    else
        nothing=$((nothing + 1))
    fi
    [ "$(find "$data/db" -name '*.tmp' | wc -l)" -eq 0 ] || failed "no file of it is left (after $pause s)"
done
echo "$whole imports whole, $nothing undone by a kill"
stop_server

# ---- without a server ----

t import db "$work/shop.db" offline
ok "into the data folder of a stopped server"
t export offline "$work/offline.db"
ok "and out of it"
[ "$(sqlite3 -csv "$work/offline.db" "$sum")" = "$wanted" ] || failed "the same rows"
mkdir "$work/elsewhere"
status=0
output=$(cd "$work/elsewhere" && "$TRIB" import db "$work/shop.db" offline 2>&1) || status=$?
fails_with 3 "but no data folder is made that nobody named"
[ -z "$(find "$work" -maxdepth 1 -name 'trib-*')" ] || failed "no file on its way is left"
start_server
same_sum offline "the server has it"
finish

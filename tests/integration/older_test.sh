#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The older libSQL faces over sockets, with the clients that people use: curl for HTTP v0, v1 and compressed answers, the
# sqlite3 shell for dumps. $TRIB_BIN is the program.
. "$(dirname "$0")/lib.sh"

start_server --no-auth
t tenant create acme
ok "a tenant is made"
user=${url%/}
post() { # URL BODY
    output=$(curl -s -d "$2" "$1")
}

# ---- v0, and what the root answers ----

v0() { # STATEMENTS
    post "$user/acme/" "{\"statements\":[$1]}"
}
v0 '"CREATE TABLE t(a, b TEXT)","INSERT INTO t VALUES (1,'"'it''s'"'),(2.5,NULL)","SELECT a, b FROM t"'
has '"columns":["a","b"],"rows":[[1,"it'"'"'s"],[2.5,null]]' "v0 answers rows as plain JSON"
v0 '{"q":"SELECT :a, ?2","params":[7,"x"]},{"q":"SELECT $n","params":{"n":true}},"SELECT nope","SELECT 1"'
has '[[7,"x"]]' "v0 takes positional parameters"
has '[[1]]' "and named ones"
has '{"error":"' "an error is a string"
has ',null]' "and what follows it is not run"
post "$user/acme" '{"statements":["SELECT 40+2"]}'
has '[[42]]' "v0 is found without the slash too"
output=$(curl -s -H 'x-namespace: acme' -d '{"statements":["SELECT 40+3"]}' "$user/")
has '[[43]]' "and by x-namespace at the root"
output=$(curl -s -d '{"statements":["SELECT 1"]}' "$user/")
has 'TENANT_MISSING' "but not for nobody"
output=$(curl -s -o /dev/null -w '%{http_code}' "$user/")
has 404 "GET / has nothing"

# ---- v1 ----

post "$user/acme/v1/execute" '{"stmt":{"sql":"SELECT ? AS x","args":[{"type":"text","value":"y"}]}}'
has '{"result":{"cols":[{"name":"x","decltype":null}],"rows":[[{"type":"text","value":"y"}]],' "v1 executes"
post "$user/acme/v1/batch" '{"batch":{"steps":[{"stmt":{"sql":"SELECT 1"}},{"stmt":{"sql":"SELECT nope"}}]}}'
has '"step_errors":[null,{"message":"SQL input error: no such column: nope' "v1 runs batches"
output=$(curl -s -o /dev/null -w '%{http_code}' "$user/v1")
has 200 "v1 is spoken here"

# ---- dump ----

v0 '"CREATE TABLE k(id INTEGER PRIMARY KEY AUTOINCREMENT, r REAL, x, g AS (id*2))",
    "INSERT INTO k(id,r,x) VALUES (5,0.1,x'"'00ff'"'),(9,1e999,char(13,10)||'"'cr lf'"'),(12,-0.5,'"'a'"'||char(0)||'"'b'"')",
    "CREATE VIRTUAL TABLE ft USING fts5(body)","INSERT INTO ft VALUES ('"'the quick fox'"')",
    "CREATE TABLE w(a PRIMARY KEY, b) WITHOUT ROWID","INSERT INTO w VALUES ('"'z'"',1),('"'y'"',2)",
    "CREATE VIEW v AS SELECT x FROM k","CREATE INDEX i ON k(r)",
    "CREATE TRIGGER g AFTER INSERT ON w BEGIN INSERT INTO t VALUES (new.a, new.b); END",
    "DELETE FROM t WHERE a=1"'
lacks '"error"' "v0 made the tables"
curl -sf "$user/acme/dump" >"$work/dump.sql" || failed "curl could not fetch the dump"
sqlite3 "$work/restored.db" <"$work/dump.sql" || failed "the sqlite3 shell could not restore it"
sql() { output=$(sqlite3 "$work/restored.db" "$1"); }
sql "SELECT group_concat(id || ' ' || typeof(r) || ' ' || r || ' ' || hex(x) || ' ' || g, '; ') FROM k"
has "5 real 0.1 00FF 10; 9 real Inf 0D0A6372206C66 18; 12 real -0.5 610062 24" "the sqlite3 shell restores every value"
sql "SELECT seq FROM sqlite_sequence WHERE name='k'"
has 12 "and sequences"
sql "SELECT rowid FROM t"
has 2 "and rowids"
sql "SELECT body FROM ft('fox')"
has "the quick fox" "and a full-text index"
sql "INSERT INTO w VALUES ('new', 3); SELECT a FROM t WHERE b=3; PRAGMA integrity_check;"
has "new
ok" "and triggers"
sql "SELECT count(*) FROM v, w"
has 9 "and views and tables without rowid"
sqlite3 "$work/restored.db" "DELETE FROM w WHERE b=3; DELETE FROM t WHERE b=3" 2>/dev/null
sqlite3 "$work/restored.db" ".schema --nosys" | sort >"$work/a"
sqlite3 "$work/again.db" <"$work/dump.sql"
sqlite3 "$work/again.db" ".schema --nosys" | sort >"$work/b"
cmp "$work/a" "$work/b" || failed "a dump restores to different schemas"

# ---- gzip ----

rows='{"stmt":{"sql":"WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM c LIMIT 2000) SELECT n FROM c"}}'
output=$(curl -s -D - -o "$work/plain" -d "$rows" "$user/acme/v1/execute")
lacks 'Content-Encoding' "without Accept-Encoding nothing is compressed"
has 'Vary: Accept-Encoding' "but caches are told"
output=$(curl -s -D - -o "$work/packed" -H 'Accept-Encoding: gzip' -d "$rows" "$user/acme/v1/execute")
has 'Content-Encoding: gzip' "with it long answers are"
gzip -dc <"$work/packed" | cmp - "$work/plain" || failed "the compressed answer is another one"
[ "$(wc -c <"$work/packed")" -lt $(($(wc -c <"$work/plain") / 4)) ] || failed "the compressed answer is not small"
output=$(curl -s -D - -o /dev/null -H 'Accept-Encoding: gzip;q=0' -d "$rows" "$user/acme/v1/execute")
lacks 'Content-Encoding' "q=0 is a refusal"
output=$(curl -s -D - -o /dev/null --compressed -d '{"stmt":{"sql":"SELECT 1"}}' "$user/acme/v1/execute")
lacks 'Content-Encoding' "short answers are never compressed"
cursor='{"batch":{"steps":[{"stmt":{"sql":"WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM c LIMIT 100000) SELECT n FROM c"}}]}}'
curl -s -d "$cursor" "$user/acme/v3/cursor" | tail -n +2 >"$work/plain"
curl -s --compressed -D "$work/head" -d "$cursor" "$user/acme/v3/cursor" | tail -n +2 >"$work/packed"
cmp "$work/plain" "$work/packed" || failed "the compressed cursor is another one"
output=$(cat "$work/head")
has 'Content-Encoding: gzip' "cursors are compressed"
has 'Transfer-Encoding: chunked' "and sent in chunks"
v0 '"CREATE TABLE big(a, b)","INSERT INTO big SELECT value, '"'row '"'||value FROM (WITH RECURSIVE c(value) AS (SELECT 1 UNION ALL SELECT value+1 FROM c LIMIT 50000) SELECT value FROM c)"'
curl -sf "$user/acme/dump" >"$work/plain"
curl -sf -D "$work/head" -H 'Accept-Encoding: gzip' "$user/acme/dump" | gzip -dc >"$work/packed"
cmp "$work/plain" "$work/packed" || failed "the compressed dump is another one"
output=$(cat "$work/head")
has 'Content-Encoding: gzip' "dumps are compressed"

finish

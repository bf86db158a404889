#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# trib dev and trib shell: tenants made at first use, output forms, transactions over lines, errors that end a script.
. "$(dirname "$0")/lib.sh"
"$TRIB" dev shop --data "$data" --listen 127.0.0.1:0 --admin-listen 127.0.0.1:0 --log-level warn >"$work/out" 2>"$work/err" &
server_pid=$!
tries=0
while ! grep -q '^LIBSQL_URL=' "$work/out"; do
    tries=$((tries + 1))
    kill -0 "$server_pid" 2>/dev/null && [ "$tries" -lt 300 ] || { cat "$work/err"; exit 1; }
    sleep 0.1
done
url=$(sed -n 's/^listening //p' "$work/out")
grep -q "^LIBSQL_URL=${url}shop/\$" "$work/out" || failed "dev prints the tenant's URL for .env, with the slash"

sh_in() {
    status=0
    output=$("$TRIB" shell "${url}shop/" "$@" 2>&1) || status=$?
}
sh_in <<'SQL'
CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT, c);
INSERT INTO t VALUES (1, 'x;y', 1.5), (2, NULL, x'0aff');
.mode json
SELECT * FROM t;
.mode csv
SELECT a, 46.0 AS d FROM t;
.tables
.schema t
SQL
ok "a script runs on a tenant that nobody has made"
has '[{"a":1,"b":"x;y","c":1.5},{"a":2,"b":null,"c":"Cv8"}]' "JSON"
has '1,46' "CSV"
has 't,table' "the tables"
has 'CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT, c);' "the schema, fit to be run again"

sh_in --mode csv <<'SQL'
BEGIN;
INSERT INTO t (a) VALUES (3);
SELECT count(*) AS inside FROM t; ROLLBACK;
SELECT count(*) AS after FROM t;
CREATE TRIGGER tr AFTER INSERT ON t BEGIN UPDATE t SET b = CASE WHEN 1 THEN 'k' END WHERE a = new.a; END;
INSERT INTO t (a) VALUES (9); SELECT b FROM t WHERE a = 9
SQL
ok "one session for all lines"
has "inside
3" "a transaction sees its rows"
has "after
2" "and a rollback takes them back"
has "b
k" "a trigger's semicolons do not end it; the last statement needs none"

sh_in <<'SQL'
SELECT * FROM nope;
SELECT 'not reached';
SQL
fails_with 1 "the first error ends a script"
has "no such table: nope" "with its reason"
lacks "not reached" "and nothing after it runs"
sh_in --sql 'SELECT 1 AS one; SELECT 2 AS two' --mode csv
has "one
1
two
2" "--sql runs several"
echo "INSERT INTO t (a) VALUES (77);" >"$work/in.sql"
printf '.read %s\nSELECT count(*) AS n FROM t WHERE a = 77;\n' "$work/in.sql" >"$work/outer.sql"
sh_in --mode csv <"$work/outer.sql"
has "n
1" ".read runs a file"
printf '.read %s\n' "$work/loop.sql" >"$work/loop.sql"
sh_in <"$work/loop.sql"
fails_with 1 "a file that reads itself ends"
status=0
output=$("$TRIB" shell http://127.0.0.1:1/x/ --sql 'SELECT 1' 2>&1) || status=$?
fails_with 3 "a server that is not there is said so"
status=0
output=$("$TRIB" dev --listen 0.0.0.0:0 --data "$work/other" 2>&1) || status=$?
fails_with 2 "dev never listens to the network"
finish

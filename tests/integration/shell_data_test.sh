#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What trib shell does with a lot of data at once: .import, .dump and back again, .explain, many tenants, .output, .timer,
# .connect, and the forms for people.
. "$(dirname "$0")/lib.sh"
start_server
t tenant create acme copy shop-1 shop-2 shop-3

# sh_in TARGET [OPTION...]: standard input into a shell
sh_in() {
    status=0
    output=$("$TRIB" shell "$@" --data "$data" 2>&1) || status=$?
}

# ---- forms ----

sh_in acme --mode box --sql "SELECT 1 AS n, '日本' AS name UNION ALL SELECT NULL, 'x'"
[ "$output" = "┌──────┬──────┐
│ n    │ name │
├──────┼──────┤
│    1 │ 日本 │
│ NULL │ x    │
└──────┴──────┘" ] || failed "a box is as wide as a terminal shows it"
sh_in acme --mode markdown --sql "SELECT 'a|b' AS t, 1 AS n"
[ "$output" = "| t    |   n |
|------|----:|
| a\\|b |   1 |" ] || failed "Markdown"
sh_in acme --mode line -c "SELECT 1 AS id, NULL AS name"
[ "$output" = "  id = 1
name = NULL" ] || failed "lines, and -c for --sql"
sh_in acme -x 'SELECT 1'
fails_with 2 "another letter is no option"
sh_in acme --sql 'SELECT * FROM nope'
has "trib help errors SQLITE_ERROR" "an error names its page"
sh_in nobody --sql 'SELECT 1'
fails_with 4 "an unknown tenant"
sh_in acme <<'SQL'
.timer on
SELECT 1 AS one;
SQL
has "time: " ".timer tells how long it took"
printf '.output %s\nSELECT 5 AS five;\n.output\nSELECT 6 AS six;\n' "$work/out.txt" >"$work/in.sql"
sh_in acme --mode csv <"$work/in.sql"
[ "$output" = "six
6" ] || failed ".output sends rows to a file, and back"
output=$(cat "$work/out.txt")
has "five
5" "which has them"
printf '.connect copy\nCREATE TABLE only_here (a);\n.connect nobody\n' >"$work/in.sql"
sh_in acme <"$work/in.sql"
fails_with 4 ".connect to a tenant that is not there"
sh_in copy --sql '.tables'
has "only_here" ".connect goes to another tenant"
sh_in copy --sql 'DROP TABLE only_here'

# ---- import ----

cat >"$work/rows.csv" <<'CSV'
id,name,note
1,"a ""quoted"", word",
2,"two
lines",""
3,plain,é
CSV
printf 'CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT NOT NULL, note TEXT, kind DEFAULT 9);\n.import %s people\n' \
    "$work/rows.csv" >"$work/in.sql"
sh_in acme <"$work/in.sql"
ok "CSV with a header"
has "3 rows imported into people" "is counted"
sh_in acme --mode json --sql 'SELECT * FROM people'
[ "$output" = '[{"id":1,"name":"a \"quoted\", word","note":null,"kind":9},{"id":2,"name":"two\nlines","note":"","kind":9},{"id":3,"name":"plain","note":"é","kind":9}]' ] ||
    failed "nothing is NULL, two quotes are the empty text, columns that are not there have their default"
printf '{"id":10,"name":"j","kind":null}\n{"id":11,"name":["a",1]}\n' >"$work/rows.ndjson"
printf '[{"id":12,"name":"x","kind":true},\n {"id":9007199254740993,"name":"big","kind":1.5}]' >"$work/rows.json"
printf '.import %s people\n.import %s people\n' "$work/rows.ndjson" "$work/rows.json" >"$work/in.sql"
sh_in acme <"$work/in.sql"
ok "NDJSON and an array of objects"
sh_in acme --mode csv --sql 'SELECT id, name, kind FROM people WHERE id > 9'
[ "$output" = 'id,name,kind
10,j,
11,"[""a"",1]",9
12,x,1
9007199254740993,big,1.5' ] || failed "with their types, to 64 bits"
{ echo 'id,name' && seq 1001 2300 | sed 's/.*/&,n&/' && echo '1001,twice' && echo '2400,behind'; } >"$work/long.csv"
sh_in acme --sql ".import $work/long.csv people"
fails_with 1 "a row that is refused"
has "row 1301 (line 1302) was not taken: SQLite error: UNIQUE constraint failed: people.id" "is named, with its line and why"
has "--skip 1000" "and how to go on"
sh_in acme --mode csv --sql 'SELECT count(*) AS n FROM people WHERE id BETWEEN 1001 AND 2400'
has "n
1000" "the batches before it are in, its own is not"
sed -i 's/^1001,twice/2399,once/' "$work/long.csv"
sh_in acme --sql ".import --skip 1000 $work/long.csv people"
ok "going on"
has "302 rows imported" "imports the rest"
printf 'BEGIN;\n.import %s people\nROLLBACK;\nSELECT count(*) AS n FROM people WHERE id < 4;\n' "$work/rows.csv" >"$work/in.sql"
sh_in acme --sql 'DELETE FROM people WHERE id < 4'
sh_in acme --mode csv <"$work/in.sql"
has "n
0" "an import belongs to the transaction around it"
for each in 'a,b
1,2,3=row 1 (line 2) was not taken: it has 3 fields, and 2 are wanted' 'id,name
1,"open=line 2: a quote is opened here and never closed' 'nope,name
1,x=the header'"'"'s column'; do
    printf '%s\n' "${each%%=*}" | sed 's/^a,b$/id,name/' >"$work/bad.csv"
    sh_in acme --sql ".import --header $work/bad.csv people"
    [ "$status" -ne 0 ] || failed "malformed CSV"
    has "${each#*=}" "malformed CSV says where and why"
done
printf '{"id":1,"name":"x"}\n{"id":2,"nme":"x"}\n' >"$work/bad.json"
sh_in acme --sql ".import $work/bad.json people"
has "row 2 (line 2) was not taken: the table has no column nme" "so does JSON"
sh_in acme --sql ".import $work/rows.csv nope"
fails_with 4 "a table that is not there"
sh_in acme --sql ".import $work/rows.csv"
fails_with 2 "a table is wanted"

# ---- dump ----

cat >"$work/all.sql" <<'SQL'
PRAGMA user_version=7;
CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, a TEXT, b REAL, c BLOB, d);
INSERT INTO t VALUES (2, 'é' || char(10) || 'line; --', 0.1, x'', 46.0), (3, char(0) || 'x', 9e999, NULL, -9223372036854775808),
    (4, CAST(x'ff41' AS TEXT), 1e-300, 'text', 5e-324), (100, 'z', 0, 1, 2);
DELETE FROM t WHERE id = 100;
CREATE TABLE w (a TEXT COLLATE NOCASE, b INT, c, PRIMARY KEY (b DESC, a)) WITHOUT ROWID;
WITH RECURSIVE r(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM r WHERE i < 1700) INSERT INTO w SELECT 'k' || i, i % 7, i FROM r;
CREATE TABLE plain ("a b", "q""q"); INSERT INTO plain (rowid, "a b") VALUES (5, 'x'), (-3, 'it''s');
CREATE TABLE no_rowid_name (rowid, oid, _rowid_);
WITH RECURSIVE r(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM r WHERE i < 1100) INSERT INTO no_rowid_name SELECT i, -i, NULL FROM r;
CREATE TABLE gen (a INT, b INT AS (a * 2) STORED, c INT AS (a + 1)); INSERT INTO gen (a) VALUES (1), (2);
CREATE VIRTUAL TABLE ft USING fts5(title, body); INSERT INTO ft (rowid, title, body) VALUES (3, 'hello world', 'it''s'), (8, 'two', 'x');
CREATE VIRTUAL TABLE fx USING fts5(a, content='t', content_rowid='id'); INSERT INTO fx (fx) VALUES ('rebuild');
CREATE VIRTUAL TABLE rt USING rtree(id, x0, x1); INSERT INTO rt VALUES (1, 0.5, 1.5), (7, -3, 4);
CREATE TABLE child (p REFERENCES parent (id)); CREATE TABLE parent (id INTEGER PRIMARY KEY);
INSERT INTO parent VALUES (1); INSERT INTO child VALUES (1);
CREATE VIEW v AS SELECT a FROM t -- with a comment
;
CREATE TRIGGER tr AFTER INSERT ON child BEGIN INSERT INTO plain ("a b") VALUES ('from a trigger'); END;
CREATE TRIGGER trv INSTEAD OF INSERT ON v BEGIN SELECT 1; END;
CREATE UNIQUE INDEX i1 ON t (a, b DESC) WHERE a > 'a';
CREATE TABLE "odd ""name'" (x); INSERT INTO "odd ""name'" VALUES ('v');
SQL
sh_in acme --sql 'DROP TABLE people'
sh_in acme <"$work/all.sql"
ok "a database with a bit of everything"
"$TRIB" shell acme --data "$data" -c .dump >"$work/one.sql"
sh_in copy <"$work/one.sql"
ok "its dump runs on another tenant"
"$TRIB" shell copy --data "$data" -c .dump >"$work/two.sql"
output=$(diff "$work/one.sql" "$work/two.sql" | head -n 20)
[ -s "$work/one.sql" ] && [ -z "$output" ] || failed "and makes an equal database"
: >"$work/file.db"
sh_in "$work/file.db" <"$work/one.sql"
ok "or on a file"
"$TRIB" shell "$work/file.db" -c .dump >"$work/three.sql"
output=$(diff "$work/one.sql" "$work/three.sql" | head -n 20)
[ -z "$output" ] || failed "equal, too"
check="SELECT (SELECT count(*) FROM w) || ' ' || (SELECT group_concat(rowid) FROM plain) || ' ' || (SELECT seq FROM sqlite_sequence) || ' ' ||
    (SELECT hex(a) || b FROM t WHERE id = 3) || ' ' || (SELECT sum(b + c) FROM gen) || ' ' || (SELECT group_concat(rowid) FROM ft WHERE ft MATCH 'hello') ||
    ' ' || (SELECT count(*) FROM fx WHERE fx MATCH 'line') || ' ' || (SELECT hex(a) FROM t WHERE id = 4) AS x; PRAGMA integrity_check; PRAGMA user_version"
sh_in acme --mode csv --sql "$check"
before=$output
has "1700 -3,5 100 0078Inf 11 3 1 FF41" "rows, rowids, sequence, texts with zeros, infinity, generated columns, full text"
has "ok" "the database is sound"
sh_in copy --mode csv --sql "$check"
[ "$output" = "$before" ] || failed "the copy answers the same"
sh_in acme --sql '.dump plain'
has "CREATE TABLE plain" ".dump TABLE"
lacks "CREATE TABLE w" "is that table alone"
sh_in acme --sql '.dump nope'
fails_with 4 "a table that is not there"

# ---- explain ----

printf '%s\n' "CREATE TABLE orders (id INTEGER PRIMARY KEY, state, at);" ".explain SELECT * FROM orders WHERE state = 'open' ORDER BY at;" >"$work/in.sql"
sh_in shop-1 <"$work/in.sql"
has "QUERY PLAN
├─ SCAN orders
└─ USE TEMP B-TREE FOR ORDER BY" ".explain is a tree"
hint=$(echo "$output" | sed -n 's/^hint: [^:]*: //p')
[ "$hint" = "CREATE INDEX orders_state_at ON orders (state, at);" ] || failed "with the index that is missing"
echo "$hint" >"$work/in.sql"
echo ".explain SELECT * FROM orders WHERE state = 'open' ORDER BY at" >>"$work/in.sql"
sh_in shop-1 <"$work/in.sql"
has "SEARCH orders USING COVERING INDEX orders_state_at (state=?)" "which helps"
lacks "hint" "and nothing is left to say"
sh_in shop-1 --json --sql '.explain SELECT * FROM orders WHERE at = 5'
has '"hints":["hint: every row is read to find a few: CREATE INDEX orders_at ON orders (at);"]' "JSON"
valid_json "of one line"
sh_in shop-1 --sql 'EXPLAIN QUERY PLAN SELECT 1'
has "QUERY PLAN" "EXPLAIN QUERY PLAN is a tree too"
sh_in shop-1 --sql 'DROP TABLE orders'

# ---- many tenants ----

t shell --each 'shop-*' -c 'CREATE TABLE o (a); INSERT INTO o VALUES (1)'
ok "one text on many tenants"
t shell --each 'shop-*' --mode csv -c 'SELECT count(*) AS n FROM o'
[ "$output" = "tenant,n
shop-1,1
shop-2,1
shop-3,1" ] || failed "CSV has a column for the tenant"
t shell --each 'shop-[12]' -c 'SELECT a FROM o'
[ "$output" = "-- shop-1
a
-
1
-- shop-2
a
-
1" ] || failed "tables have a line with its name"
t shell --each 'shop-3,nobody,shop-1' --json -c 'SELECT a FROM o'
fails_with 4 "one that fails is in the exit status"
has '{"tenant":"shop-1","rows":[{"a":1}]}' "the others are asked"
has '{"tenant":"nobody","error":' "its error is a line"
valid_json "each a line of JSON"
t shell --each 'shop-*' -c 'SELECT * FROM nope'
fails_with 1 "SQL that fails everywhere"
has "shop-2: Error: SQLite error: no such table: nope" "is told for each"
has "3 of 3 tenants done, 3 failed" "and counted"
t shell --each '*' --mode csv -c 'SELECT 1 AS x'
lacks "discovery" "a pattern leaves the system's databases out"
t shell --each 'zzz*' -c 'SELECT 1'
fails_with 4 "a pattern that fits nobody"
t shell --each 'shop-*'
fails_with 2 "SQL is wanted"
t shell acme --each 'shop-*' -c 'SELECT 1'
fails_with 2 "a tenant and a pattern are too much"
printf ".each shop-1,shop-2 SELECT a + 41 AS b FROM o;\n.each shop-1\n" >"$work/in.sql"
sh_in acme --mode csv <"$work/in.sql"
has "shop-2,42" ".each inside a shell"
has ".each takes tenants and SQL" "and its usage"
finish

#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# trib dev and trib shell: tenants made at first use, output forms, commands with a dot, transactions over lines, errors that end
# a script, exit statuses; and what every command has in common: --json, --help, suggestions.
. "$(dirname "$0")/lib.sh"

# ---- dev ----

(cd "$work" && exec "$TRIB" dev shop --listen 127.0.0.1:0 --admin-listen 127.0.0.1:0 --log-level warn >out 2>err) &
server_pid=$!
tries=0
while ! grep -q 'Ctrl-C' "$work/out" 2>/dev/null; do
    tries=$((tries + 1))
    kill -0 "$server_pid" 2>/dev/null && [ "$tries" -lt 300 ] || { cat "$work/err"; exit 1; }
    sleep 0.1
done
data=$work/dev-data
url=$(sed -n 's/^listening //p' "$work/out")
admin_url=$(sed -n 's/^admin //p' "$work/out")
status=0 output=$(cat "$work/out")
has "listening $url
admin $admin_url

For your .env:

LIBSQL_URL=${url}shop/
LIBSQL_AUTH_TOKEN=
" "dev prints where it listens and lines for .env, the URL with the slash"
case $url in http://127.0.0.1:*/) ;; *) failed "dev listens on this machine" ;; esac
[ -d "$data" ] || failed "dev keeps its data in dev-data"
t tenant list
lacks shop "nobody has made the tenant"
t shell "${url}shop/" --sql 'SELECT 1'
ok "it can be used all the same"
t tenant list
has shop "and is made by that"

sh_in() {
    status=0
    output=$("$TRIB" shell "${url}shop/" "$@" 2>&1) || status=$?
}

# ---- output ----

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

sh_in --sql "SELECT 1 AS n, 'a' AS text, NULL AS none, 46.5 AS real, x'0aff' AS blob UNION ALL SELECT -12, 'b' || char(27, 10) || 'é', 'x', 0.5, NULL"
ok "a table is the usual form"
[ "$output" = "$(
    cat <<'TABLE'
n    text  none  real  blob
---  ----  ----  ----  -------
  1  a     NULL  46.5  x'0aff'
-12  b??é  x      0.5  NULL
TABLE
)" ] || failed "columns side by side, numbers to the right, nothing that steers a terminal"
sh_in --mode csv --sql "SELECT 'a,b' AS \"x,y\", 'say \"hi\"' AS q, '' AS empty, NULL AS none"
[ "$output" = '"x,y",q,empty,none
"a,b","say ""hi""","",' ] || failed "CSV quotes what must be quoted, and tells an empty text from NULL"
sh_in --mode json --sql "SELECT 9007199254740993 AS big, 'zeile' || char(10) || '\"' AS text, 1e300 AS real; SELECT 1 AS n WHERE 0"
has '[{"big":9007199254740993,"text":"zeile\n\"","real":1e+300}]
[]' "JSON keeps 64 bits and escapes; no row is an empty array"
json_at=${url}shop/
valid_json "every answer is JSON"
sh_in --mode json --sql "SELECT 9e999 AS big, -9e999 AS small"
[ "$output" = '[{"big":null,"small":null}]' ] || failed "infinities are null, as in the protocol"
sh_in --json --sql 'SELECT 1 AS one'
[ "$output" = '[{"one":1}]' ] || failed "--json is --mode json"
sh_in --sql 'CREATE TABLE IF NOT EXISTS quiet (a)'
[ -z "$output" ] || failed "what has no columns prints nothing"
sh_in --mode xml --sql 'SELECT 1'
fails_with 2 "an unknown mode is a wrong option"
has "table, box, markdown, json, csv or line" "and the known ones are told"

# ---- commands with a dot ----

sh_in <<'SQL'
CREATE VIEW v AS SELECT a FROM t;
CREATE INDEX t_b ON t (b);
.tables
.schema
.schema v
.schema "t"
.help
.quit
SELECT 'not reached';
SQL
ok "commands with a dot"
has "quiet  table" ".tables lists tables"
has "v      view" "and views"
has "CREATE INDEX t_b ON t (b);" ".schema tells indexes"
has "CREATE VIEW v AS SELECT a FROM t;" "and views"
for each in .tables .schema .mode .read .help .quit; do
    has "
$each " ".help lists $each"
done
lacks "not reached" ".quit ends"
for each in '.tabels' '.mode xml' '.read'; do
    echo "$each" >"$work/dot.sql"
    sh_in <"$work/dot.sql"
    fails_with 2 "$each is a wrong command"
done
has ".read takes the name of a file" "and it says what is right"
echo ".read $work/none.sql" >"$work/dot.sql"
sh_in <"$work/dot.sql"
fails_with 4 "a file that is not there"
has "No such file" "is said so"
echo "INSERT INTO t (a) VALUES (77);" >"$work/in.sql"
printf '.read %s\nSELECT count(*) AS n FROM t WHERE a = 77;\n' "$work/in.sql" >"$work/outer.sql"
sh_in --mode csv <"$work/outer.sql"
has "n
1" ".read runs a file"
printf '.read "%s"\n' "$work/loop.sql" >"$work/loop.sql"
sh_in <"$work/loop.sql"
fails_with 2 "a file that reads itself ends"
has "too deeply" "and says why"

# ---- statements ----

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
4" "a transaction sees its rows"
has "after
3" "and a rollback takes them back"
has "b
k" "a trigger's semicolons do not end it; the last statement needs none"
sh_in --mode csv <<'SQL'
-- a comment; with a semicolon
SELECT 'a;b' AS "c;d", /* ; */
    1 AS n;
-- nothing behind
SQL
ok "comments are no statements"
has 'c;d,n
a;b,1' "a statement may go over lines"

sh_in <<'SQL'
SELECT * FROM nope;
SELECT 'not reached';
SQL
fails_with 1 "the first error ends a script"
has "Error: SQLite error: no such table: nope" "with its reason"
has "code: SQLITE_ERROR" "and its code"
lacks "not reached" "and nothing after it runs"
sh_in --json --sql 'SELECT * FROM nope'
fails_with 1 "also with --json"
has '"code":"SQLITE_ERROR"' "as an object"
valid_json "that is JSON"
sh_in --sql 'BEGIN; INSERT INTO t (a) VALUES (500)'
sh_in --mode csv --sql 'SELECT count(*) AS n FROM t WHERE a = 500'
has "n
0" "what was not committed is rolled back at the end"
sh_in --sql 'SELECT 1 AS one; SELECT 2 AS two' --mode csv
has "one
1
two
2" "--sql runs several"
printf 'SELECT * FROM nope;\nSELECT 40 + 2 AS answer;\n.quit\n' >"$work/typed"
status=0
output=$(script -qec "'$TRIB' shell ${url}shop/" /dev/null <"$work/typed" 2>&1) || status=$?
ok "on a terminal"
has "trib> " "it asks"
has "no such table: nope" "shows an error"
has "42" "and goes on"

# ---- the server and the token ----

t shell http://127.0.0.1:1/x/ --sql 'SELECT 1'
fails_with 3 "a server that is not there is said so"
t shell --sql 'SELECT 1'
fails_with 2 "a shell is for a tenant"
t dev --listen 0.0.0.0:0
fails_with 2 "dev never listens to the network"
t dev 'No Name'
fails_with 2 "nor prints a URL that cannot work"
stop_server
data=$work/data
start_server
t tenant create acme other
t shell acme --sql 'CREATE TABLE n (a); INSERT INTO n VALUES (1)'
ok "a name is a tenant of the server on the data folder"
t shell nobody --sql 'SELECT 1'
fails_with 4 "an unknown tenant"
t shell "${url}acme/" --sql 'SELECT 1'
fails_with 5 "a URL needs a token"
t token create acme --read-only
token=$output
t shell "${url}acme/" --token "$token" --mode csv --sql 'SELECT a FROM n'
has "a
1" "--token"
status=0
output=$(TRIB_TOKEN=$token "$TRIB" shell "${url}acme/" --sql 'INSERT INTO n VALUES (2)' 2>&1) || status=$?
fails_with 1 "TRIB_TOKEN; a read-only one does not write"
has "READONLY" "and that is why"
t shell "${url}other/" --token "$token" --sql 'SELECT 1'
fails_with 4 "another tenant looks unknown"
t shell "${url}acme/" --token nonsense --sql 'SELECT 1'
fails_with 5 "a token that is none"

# ---- a file ----

local_in() {
    status=0
    output=$("$TRIB" shell "$@" 2>&1) || status=$?
}
: >"$work/own.db"
local_in "$work/own.db" <<'SQL'
CREATE TABLE t (a INTEGER PRIMARY KEY, b);
INSERT INTO t VALUES (1, 'é'), (2, x'00ff');
BEGIN; INSERT INTO t VALUES (3, 9e999); COMMIT;
BEGIN; DELETE FROM t;
SQL
ok "a file can be written"
local_in "$work/own.db" --mode json --sql 'SELECT * FROM t'
[ "$output" = '[{"a":1,"b":"é"},{"a":2,"b":"AP8"},{"a":3,"b":null}]' ] || failed "and read; what was not committed is not there"
(cd "$work" && printf '.tables\n.schema t\n' | "$TRIB" shell own.db) >"$work/told" 2>&1
output=$(cat "$work/told")
has "t     table" "the commands with a dot work there"
has "CREATE TABLE t (a INTEGER PRIMARY KEY, b);" "too"
local_in "$work/own.db" --sql 'SELECT * FROM nope'
fails_with 1 "an error of a file"
has "Error: SQLite error: no such table: nope" "looks as one of a server"
local_in "$work/none.db" --sql 'SELECT 1'
fails_with 4 "a file that is not there is not made"
[ ! -e "$work/none.db" ] || failed "it was made"
echo 'no database, but long enough to be looked at as one by somebody who reads a hundred bytes of it, or a few more' >"$work/text.db"
local_in "$work/text.db" --sql 'SELECT 1'
fails_with 1 "a file that is no database"
has "file is not a database" "is told"
file=$(find "$data/db" -name '*.db' | head -n 1)
local_in "$file" --sql 'SELECT 1'
fails_with 1 "a running server's file is refused"
has "a server runs on the data folder" "and why"
has "trib shell TENANT --data" "and what to do"
stop_server
local_in "$file" --mode csv --sql 'INSERT INTO n VALUES (50); SELECT count(*) AS c FROM n'
has "c
2" "a stopped server's file may be opened"
start_server
t shell acme --mode csv --sql 'SELECT max(a) AS m FROM n'
has "m
50" "and its server sees what was written"

# ---- all commands ----

json_at=acme
for each in "version" "help" "help tenant" "tenant list" "tenant show acme" "tenant create made" "tenant delete made --yes" \
    "token create acme" "token revoke acme" "token rotate-keys"; do
    # shellcheck disable=SC2086
    case $each in version | help*) status=0 output=$("$TRIB" $each --json 2>&1) || status=$? ;; *) t $each --json ;; esac
    ok "trib $each --json"
    # a list may go over lines
    output=$(printf '%s' "$output" | tr -d '\n')
    valid_json "trib $each --json"
done
t config show --json
valid_json "trib config show --json"
t tenant show nobody --json
fails_with 4 "an error"
valid_json "is JSON too"
"$TRIB" help --json | tr '}' '\n' | sed -n 's/.*"name":"\([a-z-]*\( [a-z-]*\)*\)","args".*/\1/p' >"$work/commands"
[ "$(wc -l <"$work/commands")" -ge 14 ] || failed "trib help --json names every command"
{ cat "$work/commands" && sed -n 's/ .*//p' "$work/commands" | sort -u && echo; } >"$work/helped"
while read -r each; do
    status=0
    # shellcheck disable=SC2086
    output=$("$TRIB" $each --help 2>&1) || status=$?
    ok "trib $each --help"
    has "Examples:
  " "trib $each --help has examples"
done <"$work/helped"
for each in "tennant=trib tenant" "tenant crate=trib tenant create" "shel=trib shell" "demo --exti=--exit" "token create --read-ony=--read-only" \
    "serve --admin-lisen x=--admin-listen"; do
    status=0
    # shellcheck disable=SC2086
    output=$("$TRIB" ${each%%=*} 2>&1) || status=$?
    fails_with 2 "trib ${each%%=*}"
    has "did you mean" "is answered with a suggestion"
    has "${each#*=}" "the right one"
done
status=0
output=$(TRIB_LISEN=x "$TRIB" config show 2>&1) || status=$?
fails_with 2 "a mistyped variable"
has "did you mean TRIB_LISTEN?" "too"
stop_server
t serve --listen 127.0.0.1:99999
fails_with 2 "a wrong address is a wrong setting"
: >"$work/out"
"$TRIB" serve --json --data "$data" --listen 127.0.0.1:0 --admin-listen "unix:$work/admin.sock" >"$work/out" 2>"$work/err" &
server_pid=$!
tries=0
while [ ! -s "$work/out" ] && [ "$tries" -lt 300 ]; do tries=$((tries + 1)) && sleep 0.1; done
output=$(cat "$work/out")
has "\"admin_url\":\"unix:$work/admin.sock\"" "trib serve --json tells where it listens"
valid_json "as one object"
t tenant show acme
ok "operators come by the socket file"
finish

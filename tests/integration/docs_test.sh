#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The reference says what the program says: settings and their defaults, routes, exit statuses, pragmas, limits, error codes as a
# server answers them. (tests/compat runs the programs of the tutorial; tools/check errors compares the list of codes.)
. "$(dirname "$0")/lib.sh"
docs=$(cd "$(dirname "$0")/../../docs" && pwd)
src=$(cd "$(dirname "$0")/../../src" && pwd)

# same WHAT WANTED SEEN: two lists are equal
same() {
    checks=$((checks + 1))
    [ -n "$2" ] && [ "$2" = "$3" ] && return
    output=$(printf '%s\n' "$2" >"$work/program" && printf '%s\n' "$3" >"$work/page" && diff "$work/program" "$work/page" || true)
    failed "$1 (< the program, > the page)"
}

# ---- settings ----

"$TRIB" config show | sed 's/^\([a-z0-9_]*\) = \(.*\)$/\1 \2/; s/ ""$/ /' >"$work/settings"
same "reference/config.md has every setting with its default, in order" "$(cat "$work/settings")" \
    "$(sed -n 's/^| `\([a-z0-9_]*\)` | \(`\([^`]*\)`\)\{0,1\} *|.*/\1 \3/p' "$docs/reference/config.md")"
for key in $(sed 's/ .*//' "$work/settings"); do
    flag=--$(echo "$key" | tr _ -)
    output=$("$TRIB" serve --help)
    has "  $flag" "trib serve --help has $flag"
done
output=$(tr '\n' ' ' <"$docs/reference/config.md")
for each in "0 it worked" "1 it did not" "2 wrong words or settings" "3 the server cannot be reached" "4 not found" "5 not allowed" \
    "6 exists already or is busy"; do has "$each" "reference/config.md has the exit statuses"; done

# ---- the shell's commands ----

: >"$work/any.db"
"$TRIB" shell "$work/any.db" -c .help | sed -n 's/  */ /g; /^\./p' >"$work/dots"
same "reference/shell.md has every command with a dot, with what it does" "$(cat "$work/dots")" \
    "$(sed -n 's/^| `\(\.[a-z]*[^`,]*\)` | \(..*\) |$/\1 \2/p' "$docs/reference/shell.md" | sed 's/\\|/|/g')"

# ---- the checks of doctor: every row as the program has it ----

"$TRIB" doctor --list --json | sed 's/},{/}\
{/g' | sed -n 's/.*"id":"\([^"]*\)","severity":"\([^"]*\)","looks_at":"\([^"]*\)","why":"\([^"]*\)","fix":"\([^"]*\)","fixable":\([a-z]*\)}.*/| `\1` | \2 \6 | \3 | \4 | \5 |/
    s/ true |/, `--fix` |/; s/ false |/ |/; /^| `/p' >"$work/checks"
[ "$(wc -l <"$work/checks")" -ge 40 ] || failed "the table of checks was not found"
same "reference/doctor.md has every check with all that the program says" "$(cat "$work/checks")" \
    "$(sed -n '/^## What is looked at/,/^## What clients/{/^| `/p}' "$docs/reference/doctor.md")"

# ---- stream types: the page is what the program prints ----

same "reference/stream-types.md is what trib stream types --built-in --markdown prints" "$("$TRIB" stream types --built-in --markdown)" \
    "$(cat "$docs/reference/stream-types.md")"

# ---- codes of damage ----

same "how-to/damaged-database.md has every code of damage" \
    "$(sed -n 's/^ *X([A-Z_]*, "\([A-Z_]*\)", "\(.*\)").*/| `\1` | \2 |/p' "$src/store/quarantine.h")" \
    "$(sed -n '/^| `[A-Z_]*` |/p' "$docs/how-to/damaged-database.md")"

# ---- routes: both directions ----

routes() { # LISTENER-less list "METHOD /path" of the tables in the source, namespaced as on the page
    sed -n 's/.*{ *"\([A-Z]*\)", *"\(\/[^"]*\)".*/\1 \2/p' "$src"/features/*/routes.c | sort -u
}
routes >"$work/routes"
[ -s "$work/routes" ] || failed "the route tables were not found"
while read -r method path; do
    output=$(cat "$docs/reference/http-api.md" "$docs/reference/libsql.md")
    # the page may shorten what comes behind the tenant, as in `.../config`
    tail=/${path##*/}
    case $output in
    *"$method $path"* | *"\`$path\`"* | *"$method /<tenant>$path"* | *"\`$path?"* | *"/$path"* | *"...$tail\`"*) checks=$((checks + 1)) ;;
    *) failed "no page has the route $method $path" ;;
    esac
done <"$work/routes"

# ---- pragmas ----

output=$(cat "$docs/reference/limits.md")
sed -n 's/^ *{"\([a-z_]*\)", *[A-Z_]*, *[A-Z_]*},*$/\1/p' "$src/store/policy_pragma.c" >"$work/pragmas"
[ "$(wc -l <"$work/pragmas")" -ge 30 ] || failed "the table of pragmas was not found"
while read -r pragma; do has "\`$pragma\`" "reference/limits.md has the pragma $pragma"; done <"$work/pragmas"

# ---- limits: the number that a constant has stands in the row that speaks of it ----

# limit NAME: the value of an enum constant of a header, as a number
limit() {
    text=$(grep -rhE --include='*.h' "(^|[ {])$1 =" "$src" | sed -n "s/^.*\b$1 = *\([^,/}]*\).*/\1/p" | head -n 1)
    echo $((${text:--1}))
}
# row WHAT NUMBER: the row of limits.md that begins with WHAT has the number, with commas or as KiB, MiB
row() {
    checks=$((checks + 1))
    [ "$2" -ge 0 ] || failed "the constant for '$1' was not found"
    line=$(grep -F "$1" "$docs/reference/limits.md" | head -n 1)
    plain=$(echo "$line" | tr -d ,)
    for text in "$2" "$(($2 / 1024)) KiB" "$(($2 / 1048576)) MiB" "$(($2 / 1000)) s" "$(($2 / 60000)) minutes"; do
        case $text in "0 "*) continue ;; esac
        case " $plain " in *[!0-9]"$text"[!0-9]*) return ;; esac
    done
    output=$line
    failed "reference/limits.md: '$1' is $2 in the program"
}
# constants and tests that the page names are there; a name may be cut with ...
for name in $(grep -oE '\b(TRIB|TENANTS)_[A-Z0-9_]+' "$docs/reference/limits.md" | sort -u); do
    checks=$((checks + 1))
    grep -rqw "$name" "$src" || failed "reference/limits.md names $name, which the program has not"
done
for name in $(grep -oE '[a-z]+(_[a-z0-9]+){3,}' "$docs/reference/limits.md" | sort -u); do
    checks=$((checks + 1))
    grep -rq "$name" "$src/../tests" "$src" || failed "reference/limits.md names $name, which no test is called"
done
row "TLS handshake" "$(limit TRIB_CONN_HANDSHAKE_TIMEOUT_MS)"
row "TLS handshake" "$(limit TRIB_CONN_HANDSHAKE_MAX_BYTES)"
row "requests in a pipeline" "$(limit TRIB_HRANA_REQUESTS_MAX)"
row "steps in a batch" "$(limit TRIB_HRANA_STEPS_MAX)"
row "nesting of conditions" "$(limit TRIB_HRANA_COND_DEPTH_MAX)"
row "answer of a pipeline, row" "$(limit TRIB_HRANA_RESPONSE_MAX_BYTES)"
row "answer of a pipeline, row" "$(limit TRIB_HRANA_ROW_MAX_BYTES)"
row "body | by route" "$(limit TRIB_HRANA_BODY_MAX_BYTES)"
row "sessions of the process" "$(limit TRIB_SESSIONS_MAX)"
row "stored SQL per session" "$(limit TRIB_SESSION_STORED_SQL_MAX)"
row "idle session" "$(limit TRIB_SESSION_IDLE_MS_DEFAULT)"
row "idle session" "$(limit TRIB_SESSION_REMEMBER_MAX)"
row "idle session" "$(limit TRIB_SESSION_REMEMBER_MS)"
row "page of the tenant list" "$(limit TRIB_CONTROL_PAGE_MAX)"
row "signing keys kept" "$(limit TRIB_SIGNING_KEYS_MAX)"
row "tenant name" "$(limit TRIB_TENANT_NAME_MAX_BYTES)"
row "| token |" "$(limit TRIB_JWT_MAX_BYTES)"
row "| token |" "$(limit TRIB_JWT_LEEWAY_S)"
row "jobs waiting per tenant" "$(limit TRIB_TENANT_QUEUE_MAX)"
row "jobs running per tenant" "$(limit TRIB_TENANT_RUNNING_MAX)"
row "statements over 50 ms" "$(limit TRIB_STUCK_WORKERS_MAX)"
row "statements over 50 ms" "$(limit TRIB_STUCK_STATEMENT_MS)"
row "writers waiting" "$(limit TRIB_TURN_QUEUE_MAX)"
row "connections per database" "$(limit TRIB_HANDLES_PER_DB_MAX)"
row "connections per database" "$(limit TRIB_HANDLE_QUEUE_MAX)"
row "connections per database" "$(limit TRIB_HANDLE_WAIT_MS)"
row "write transaction while others wait" "$(limit TRIB_TXN_STEAL_MS_DEFAULT)"
row "write transaction while others wait" "$(limit TRIB_TXN_STEAL_MS_SYSTEM)"
row "read transaction |" "$(limit TRIB_READ_TXN_MAX_MS)"
row "read transaction |" "$(limit TRIB_LOG_TIGHT_BYTES)"
row "forks at once" "$(limit TRIB_FORKS_MAX)"
row "imports at once, of the process" "$(limit TENANTS_IMPORTS_MAX)"
row "imports at once, of the process" "$(limit TENANTS_IMPORT_IDLE_MS)"
row "imports at once, of the process" "$(limit TENANTS_IMPORT_CHUNK_BYTES)"
row "log of a database while" "$(limit TRIB_COPY_LOG_MAX_BYTES)"
row "log of a database |" "$(limit TRIB_LOG_MAX_BYTES)"
row "text of a statement" "$(limit TRIB_SQL_MAX_BYTES)"
row "| columns |" "$(limit TRIB_SQL_COLUMNS_MAX)"
row "depth of an expression" "$(limit TRIB_SQL_EXPR_DEPTH_MAX)"
row "terms of a compound" "$(limit TRIB_SQL_COMPOUND_MAX)"
row "LIKE and GLOB" "$(limit TRIB_SQL_LIKE_PATTERN_MAX)"
row "program of a statement" "$(limit TRIB_SQL_VDBE_OPS_MAX)"
row "trigger recursion" "$(limit TRIB_SQL_TRIGGER_DEPTH_MAX)"
row "arguments of a function" "$(limit TRIB_SQL_FUNCTION_ARGS_MAX)"
row "| arguments |" "$(limit TRIB_STMT_ARGS_MAX)"
row "file of a stream type" "$(limit TRIB_DEAL_FILE_MAX_BYTES)"
row "stream types of a server" "$(limit TRIB_DEAL_TYPES_MAX)"
row "statuses, roles" "$(limit TRIB_DEAL_STATUSES_MAX)"
row "opcodes; moves" "$(limit TRIB_DEAL_OPS_MAX)"
row "opcodes; moves" "$(limit TRIB_DEAL_TIMERS_MAX)"
row "name of a type" "$(limit TRIB_DEAL_NAME_MAX_BYTES)"
row "payload schema" "$(limit TRIB_DEAL_SCHEMA_DEPTH_MAX)"
row "problems told" "$(limit TRIB_DEAL_PROBLEMS_MAX)"
row "payload of an event" "$(limit TRIB_DEAL_PAYLOAD_MAX_BYTES)"
row "tenant or task in an event" "$(limit TRIB_DEAL_ID_MAX_BYTES)"
row "tasks of a stream" "$(limit TRIB_DEAL_TASKS_MAX)"
row "tasks of a stream" "$(limit TRIB_DEAL_STOCK_MAX)"
row "connections per listener" "$(sed -n 's/^max_connections //p' "$work/settings")"

# ---- errors: what a server answers is what the page shows as its example ----

start_server
t tenant create acme
token=$("$TRIB" token create acme --data "$data")
key=$(cat "$data/admin.key")
# answers CODE STATUS CURL-ARGUMENT...: the answer has this code and status, and the page's example the same message
answers() {
    code=$1 wanted=$2
    shift 2
    status=0
    output=$(curl -s -m 20 -w '\n%{http_code}' "$@") || status=$?
    [ "${output##*
}" = "$wanted" ] || failed "$code has the status $wanted"
    has "\"code\":\"$code\"" "$code is answered"
    message=$(printf '%s' "$output" | sed -n 's/.*"message":"\(\([^"\\]\|\\.\)*\)".*/\1/p' | head -n 1)
    checks=$((checks + 1))
    page=$(cat "$docs/errors/$code.md")
    case $page in *"$message"*) ;; *) failed "errors/$code.md shows the message: $message" ;; esac
}
bearer="authorization: Bearer $token"
body='{"requests":[{"type":"execute","stmt":{"sql":"SELECT 1"}}]}'
stmt() { printf '{"requests":[{"type":"execute","stmt":{"sql":"%s"%s}}]}' "$1" "${2:-}"; }
answers TENANT_MISSING 400 -H "authorization: Bearer $("$TRIB" token create --all --data "$data")" "${url}v2/pipeline" -d "$body"
answers TENANT_AMBIGUOUS 400 -H "$bearer" -H 'x-namespace: globex' "${url}acme/v2/pipeline" -d "$body"
answers AUTH_HEADER_NOT_FOUND 401 "${url}acme/v2/pipeline" -d "$body"
answers AUTH_HTTP_HEADER_INVALID 401 -H 'authorization: Basic x' "${url}acme/v2/pipeline" -d "$body"
answers UNAUTHORIZED 401 "${admin_url}v1/namespaces"
answers FORBIDDEN 403 -H "authorization: Basic $key" -H 'origin: http://elsewhere' "${admin_url}v1/namespaces"
answers NOT_FOUND 404 "${url}acme/v9"
answers METHOD_NOT_ALLOWED 405 "${url}acme/v2/pipeline"
answers TENANT_EXISTS 400 -X POST -H "authorization: Basic $key" "${admin_url}v1/namespaces/acme/create"
answers TENANT_NAME_INVALID 400 -X POST -H "authorization: Basic $key" "${admin_url}v1/namespaces/Acme/create"
answers BAD_REQUEST 400 -H "authorization: Basic $key" "${admin_url}v1/namespaces/acme/tokens" -d '{"access":"rw","expires":"tomorrow"}'
answers BATON_INVALID 400 -H "$bearer" "${url}acme/v2/pipeline" -d '{"baton":"x","requests":[]}'
answers HRANA_PROTO_ERROR 400 -H "$bearer" "${url}acme/v2/pipeline" -d "$(stmt 'SELECT ?' ',"args":[{"type":"int"}]')"
answers BAD_HTTP 400 -H "$bearer" -H 'transfer-encoding: chunked' -H 'content-length: 5' "${url}acme/v2/pipeline" -d "$body"
answers UNSUPPORTED_HTTP 501 -H "$bearer" -H 'transfer-encoding: gzip' -H 'content-length:' "${url}acme/v2/pipeline" -d "$body"
answers HEADERS_TOO_LARGE 431 -H "x: $(printf '%017000d' 0)" "${url}health"
answers URI_TOO_LONG 414 "${url}$(printf '%09000d' 0)"
answers BODY_TOO_LARGE 413 -H "authorization: Basic $key" "${admin_url}v1/namespaces/acme/tokens" -d "$(printf '%070000d' 0)"
answers ARGS_INVALID 200 -H "$bearer" "${url}acme/v2/pipeline" -d "$(stmt 'SELECT :qty')"
answers ARGS_BOTH_POSITIONAL_AND_NAMED 200 -H "$bearer" "${url}acme/v2/pipeline" \
    -d "$(stmt 'SELECT ?' ',"args":[{"type":"null"}],"named_args":[{"name":"a","value":{"type":"null"}}]')"
answers SQL_MANY_STATEMENTS 200 -H "$bearer" "${url}acme/v2/pipeline" -d "$(stmt 'SELECT 1; SELECT 2')"
answers SQL_NO_STATEMENT 200 -H "$bearer" "${url}acme/v2/pipeline" -d "$(stmt '-- nothing')"
answers SQL_INPUT_ERROR 200 -H "$bearer" "${url}acme/v2/pipeline" -d "$(stmt 'SELECT qtty')"
answers SQL_PARSE_ERROR 200 -H "$bearer" "${url}acme/v2/pipeline" -d "$(stmt "ATTACH 'x.db' AS y")"
answers SQL_DENIED 200 -H "$bearer" "${url}acme/v2/pipeline" -d "$(stmt 'CREATE TABLE _trib_orders(a)')"
answers RESPONSE_TOO_LARGE 200 -H "$bearer" "${url}acme/v2/pipeline" \
    -d "$(stmt 'WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c LIMIT 9) SELECT zeroblob(1000000) FROM c')"
t tenant list --admin-url http://127.0.0.1:1/
has "cannot reach http://127.0.0.1:1/v1/namespaces: Connection refused" "CONNECT_FAILED"
grep -q "Connection refused; start the server there, or correct the address and port" "$docs/errors/CONNECT_FAILED.md" ||
    failed "errors/CONNECT_FAILED.md shows the message"
status=0
output=$("$TRIB" serve --data "$data" --listen 127.0.0.1:0 --admin-listen 127.0.0.1:0 2>&1) || status=$?
fails_with 1 "DATA_FOLDER_LOCKED"
has "another process uses the data folder" "is told as its page shows"
finish

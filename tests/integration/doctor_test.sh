#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# trib doctor on a real folder: of a stopped server, of a running one, with --fix; ids, exit statuses, JSON. (What each check
# of the folder finds: tests/unit/server/doctor_test.c.)
. "$(dirname "$0")/lib.sh"

# doctor OPTION...: with limits that fit this machine; findings about the machine itself are not ours.
doctor() {
    status=0
    output=$("$TRIB" doctor --data "$data" --max-connections 100 "$@" 2>&1) || status=$?
}

doctor
fails_with 7 "a folder that is not there is an error"
has "error data-folder-missing" "with its id"
doctor --json
has '"id":"data-folder-missing","severity":"error"' "also as JSON"

start_server
json_at=streams
t tenant create acme globex
t shell acme --sql "CREATE TABLE n (a); INSERT INTO n VALUES (1)"
doctor
has "a server runs on it (process $server_pid)" "it sees the server"
lacks "data-folder-missing" "and the folder"
lacks "orphan-files" "a running server's files belong to it"
lacks "mode-of" "its modes are right"
doctor --json
valid_json "one object"

# what clients do wrong, by its form
lacks "client-" "nobody did anything wrong"
body='{"requests":[]}'
token=$("$TRIB" token create --all --data "$data")
wrong() { curl -s -m 10 -o /dev/null -H "authorization: Bearer $token" "$@" || true; }
wrong "${url}v2/pipeline" -d "$body"
wrong "${url}v2/pipeline" -d "$body"
wrong -H 'x-namespace: globex' "${url}acme/v2/pipeline" -d "$body"
wrong "${url}acme/pipeline" -d "$body"
wrong -H 'connection: upgrade' -H 'upgrade: websocket' "${url}acme/v7"
wrong "${url}v1/namespaces"
wrong "${admin_url}acme/v2/pipeline" -d "$body"
wrong -k "https${url#http}health"
doctor
has "warning client-url-without-slash: 2 since the server started" "a URL without the slash, twice"
for each in client-names-two-tenants client-path-without-version client-speaks-websocket client-admin-path client-data-on-admin \
    client-tls-on-plain; do
    has "$each: 1 since the server started" "$each"
done
lacks "client-wants-replica" "nothing that did not happen"
api GET metrics
has 'trib_client_mistakes_total{mistake="url-without-slash"} 2' "metrics have it"

# a file that nobody knows, while the server runs
mkdir -p "$data/db/ab/cd"
echo data >"$data/db/ab/cd/abcd0000000000000000000000000000.db"
doctor --fix
lacks "orphan-files" "it may be on its way"
touch -d '1 hour ago' "$data/db/ab/cd/abcd0000000000000000000000000000.db"
doctor --fix
has "warning orphan-files: 1 entry" "an old one is told"
[ -f "$data/db/ab/cd/abcd0000000000000000000000000000.db" ] || failed "and not moved while a server runs"
rm -r "$data/db/ab"
t shell globex --sql "CREATE TABLE g (a)"
t tenant delete globex --yes
find "$data/db" -name '*.db' -exec touch -d '1 hour ago' {} +
doctor
lacks "orphan-files" "a deleted tenant's files have an owner while they can come back"
stop_server

doctor
has "no server runs on it" "after the end"
lacks "server-file-stale" "nothing is left"
lacks "orphan-files" "files of tenants are no orphans"
mkdir -p "$data/db/ab/cd"
orphan=$data/db/ab/cd/abcd0000000000000000000000000000
echo data >"$orphan.db"
: >"$orphan.db-wal"
chmod 644 "$data/control.db"
: >"$data/control.map.tmp"
doctor
fails_with 7 "open secrets are an error"
has "warning orphan-files: 2 entries" "orphans are found"
has "(--fix does it)" "and --fix is named"
has "mode-of-secrets" "open secrets are found"
has "temporary-files" "leftovers are found"
[ -f "$orphan.db" ] || failed "nothing was changed"
doctor --fix
has "mended orphan-files" "--fix mends them"
lacks "error " "no error is left"
[ ! -e "$orphan.db" ] && [ "$(cat "$data/lost-and-found/abcd0000000000000000000000000000.db")" = data ] ||
    failed "the orphan lies in lost-and-found, as it was"
[ ! -e "$data/control.map.tmp" ] || failed "the leftover is gone"
doctor
lacks "mode-of" "the second look finds nothing"
lacks "orphan-files" "of what was mended"
has "info lost-and-found" "but what was moved aside"

# a kill leaves a server.json
start_server
t shell acme --sql "SELECT sum(a) FROM n" --mode csv
has 1 "the data is as it was"
kill -9 "$server_pid"
wait "$server_pid" 2>/dev/null || true
server_pid=
doctor
has "warning server-file-stale" "a server.json of a killed server is found"
doctor --fix
has "mended server-file-stale" "and mended"

status=0
output=$("$TRIB" doctor --list) || status=$?
ok "--list"
[ "$(echo "$output" | wc -l)" -ge 40 ] || failed "--list has every check"
finish

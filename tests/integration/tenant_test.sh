#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Tenants by `trib tenant` and by the admin API: made, listed in pages, shown, deleted, and there again after a restart.
. "$(dirname "$0")/lib.sh"
t tenant list
fails_with 3 "without a server there is a clear failure"
has "trib serve --data" "and it says how to start one"

start_server
t tenant create acme
ok "a tenant is created"
has "${url}acme/" "its URL is printed with the slash at the end"
t tenant create acme
fails_with 6 "a second one of that name is a conflict"
t tenant create 'No Name'
fails_with 2 "a bad name is refused"
t tenant create streams
fails_with 6 "system databases cannot be created"
t tenant delete streams --yes
fails_with 2 "nor deleted"
t tenant create a1 a2 a3 a4 a5
ok "several at once"

t tenant create b1 a1 b2
fails_with 6 "one of several that exists is a conflict"
has "created b1" "those before it are made"
t tenant show b2
fails_with 4 "those behind it are not"
t tenant delete b1 --yes
t tenant create b1 b2 --json
valid_json "with --json each is one object on a line"
t tenant delete b1 --yes
t tenant delete b2 --yes
t tenant delete b2 --yes
fails_with 4 "what is gone cannot be deleted"

t tenant list
ok "the list"
for name in acme a1 a2 a3 a4 a5 streams discovery; do has "$name" "holds $name"; done
t tenant list --limit 2 --after a2 --json
has '"name":"a3"' "a page begins behind its cursor"
has '"name":"a4"' "and has as many as asked for"
lacks '"name":"a5"' "and no more"
lacks '"name":"a2"' "and not the cursor itself"
t tenant list --limit 0
fails_with 2 "a limit of nothing is a wrong option"
status=0
output=$("$TRIB" tenant list --data "$work/nothing" 2>&1) || status=$?
fails_with 3 "a folder without a server"
status=0
output=$(TRIB_ADMIN_KEY=wrong "$TRIB" tenant list --admin-url "$admin_url" 2>&1) || status=$?
fails_with 5 "a wrong key"
lacks NAME "shows no list"

[ "$(stat -c %a "$data/admin.key")" = 600 ] || failed "the admin key is for its owner alone"
api POST v1/namespaces/viaapi/create -H 'content-type: application/json' -d '{}'
has '[200]' "the API creates"
api POST v1/namespaces/viaapi/create -d '{}'
has '[400]' "and answers 400 for a taken name, as sqld does"
api POST v1/namespaces/other/create -d '{"heartbeat_url":"http://x/"}'
has '[400]' "an unsupported member is refused"
has 'heartbeat_url' "by its name"
api POST v1/namespaces/other/create -d '{"dumpurl":"http://x/"}'
has 'dumpurl' "an unknown one too"
api POST v1/namespaces/other/create -d '{"shared_schema":false,"allow_attach":false,"jwt_key":null}'
has '[200]' "sqld's defaults are accepted"
api POST v1/namespaces/third/create -d '[]'
has '[400]' "a body that is no object is refused"

# pages: every name once
seen= cursor=
while :; do
    api GET "v1/namespaces?limit=3${cursor:+&cursor=$cursor}"
    seen="$seen$(echo "$output" | grep -o '"name":"[^"]*"' | tr '\n' ' ')"
    cursor=$(echo "$output" | sed -n 's/.*"next_cursor":"\([^"]*\)".*/\1/p')
    [ -n "$cursor" ] || break
done
[ "$(echo "$seen" | tr ' ' '\n' | grep -c name)" -eq 10 ] || failed "the pages together hold ten names: $seen"
[ "$(echo "$seen" | tr ' ' '\n' | grep name | sort -u | wc -l)" -eq 10 ] || failed "each once: $seen"
api GET 'v1/namespaces?limit=0'
has '[400]' "a limit of 0 is refused"
api GET 'v1/namespaces?limit=5000'
has '[400]' "and one past the page"

t shell acme --sql 'CREATE TABLE n (a); INSERT INTO n VALUES (1), (2), (3);'
ok "a new tenant can be used at once"
api GET v1/namespaces/acme/stats
has '"rows_written_count":3' "the stats count rows"
api GET v1/namespaces/acme
has '"commit_no":2' "and commits"
api GET v1/namespaces/acme/config
has '"durability_mode":"strong"' "the settings have sqld's names"
api GET v1/namespaces/nobody
has '[404]' "an unknown tenant is 404"

status=0
output=$(curl -s -m 20 -w ' [%{http_code}]' "${admin_url}v1/namespaces") || status=$?
has '[401]' "without the key nothing is told"
output=$(curl -s -m 20 -w ' [%{http_code}]' -H "authorization: Basic wrong" "${admin_url}v1/namespaces") || status=$?
has '[401]' "nor with a wrong one"
output=$(curl -s -m 20 -w ' [%{http_code}]' -H "authorization: Basic $(cat "$data/admin.key")" "${url}v1/namespaces") || status=$?
has '[404]' "and never on the clients' listener"

t tenant delete a1 </dev/null
fails_with 2 "deleting asks, and where nobody can be asked it needs --yes"
t tenant delete a1 --yes
ok "a tenant is deleted"
t tenant delete acme --yes --now
ok "and one with data, for good"
t tenant show acme
fails_with 4 "it is gone"
[ "$(find "$data/db" -type f | wc -l)" -eq 0 ] || failed "its files are gone too"
t tenant create acme
ok "the name can be taken again"
t shell acme --sql 'SELECT count(*) FROM n'
fails_with 1 "and is empty"

stop_server
start_server
t tenant list
has a2 "tenants are there after a restart"
lacks a1 "deleted ones are not"
t tenant show a2 --json
has "\"url\":\"${url}a2/\"" "with the URL of the new port"
finish

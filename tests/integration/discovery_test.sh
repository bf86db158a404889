#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Discovery: tenants publish, everybody searches; drivers move; a server that is killed in between goes on where it was.
. "$(dirname "$0")/lib.sh"
start_server
people ali bab-hara rami discovery
t tenant set bab-hara publish=true
ok "the shop publishes"
t tenant set rami publish=true
ok "and the driver"

# sql WHO SQL
sql() {
    as "$1" POST /v2/pipeline -d "{\"requests\":[{\"type\":\"execute\",\"stmt\":{\"sql\":\"$2\"}},{\"type\":\"close\"}]}"
    has '"type":"ok"' "$2"
}
# soon WHAT WORD WHO PATH: the answer holds the word within some seconds
soon() {
    for try in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30; do
        as "$3" GET "$4"
        case $output in *"$2"*) break ;; esac
        sleep 0.2
    done
    has "$2" "$1"
}
for who in bab-hara rami; do
    sql $who "CREATE TABLE nodes (id TEXT PRIMARY KEY, parentId TEXT, nodeType TEXT NOT NULL, title TEXT, createdAt TEXT, payload TEXT)"
    sql $who "CREATE TABLE points (id TEXT PRIMARY KEY, nodeId TEXT NOT NULL, qty REAL, price REAL, currency TEXT, availability TEXT, locationText TEXT, lat REAL, lng REAL, openNow BOOLEAN)"
done
sql bab-hara "INSERT INTO nodes (id, nodeType, title, payload) VALUES ('rest-01', 'restaurant', 'Bab Al Hara', json_object('published', json('true'))), ('prod-shw', 'product', 'Chicken Shawarma', json_object('published', json('true'), 'lowStock', 5)), ('ord-1', 'order', 'Shawarma for Ali', '{}')"
sql bab-hara "INSERT INTO points (id, nodeId, qty, price, availability, lat, lng, openNow) VALUES ('at', 'rest-01', NULL, NULL, 'open', 25.2650, 55.3320, true), ('pt-shw', 'prod-shw', 200, 18, 'in-stock', NULL, NULL, true)"
sql rami "INSERT INTO nodes (id, nodeType, title, payload) VALUES ('rami', 'driver', 'Rami', json_object('published', json('true')))"
sql rami "INSERT INTO points (id, nodeId, availability, lat, lng, openNow) VALUES ('pt-rami-loc', 'rami', 'idle', 25.2640, 55.3310, true)"

# ---- search ----
soon "what is published is found, with its distance" '"distance_m":59' ali '/api/search?q=shawarma&near=25.26,55.33&facets=1'
has '"id":"prod-shw"' "by its name"
has '"facets":{"nodeType":[{"value":"product","count":1}]}' "orders are private"
soon "the nearest driver is found" '"workspaceId":"rami"' ali '/api/nearest?near=25.2650,55.3320&type=driver'
as ali GET '/api/search?near=1,1'
has '[400]' "a search has words"
status=0
output=$(curl -s -m 20 -w ' [%{http_code}]' "${url}ali/api/search?q=x") || status=$?
has '[401]' "a token must be there"
sql discovery "SELECT workspaceId FROM points WHERE nodeId IN (SELECT id FROM nodes WHERE nodeType = 'driver') AND openNow = true AND availability = 'idle' ORDER BY ABS(lat - 25.2650) + ABS(lng - 55.3320) LIMIT 1"
has '"value":"rami"' "the documents' statement finds the driver"
sql discovery "SELECT id FROM nearest(25.2650, 55.3320, 1, 500, 'driver')"
has '"value":"pt-rami-loc"' "so does the function"

# ---- motion ----
as rami POST /api/motion -d '{"lat":25.1,"lng":55.2}'
has '{"ok":true} [200]' "a driver moves"
as rami POST /api/motion -d '{"lat":25.1}'
has '[400]' "to a place on earth"
as ali POST /api/motion -d '{"lat":25.1,"lng":55.2}'
has '[200]' "who has no point is told later"
sleep 1
for try in 1 2 3 4 5 6 7 8 9 10; do
    as ali POST /api/motion -d '{"lat":25.1,"lng":55.2}'
    case $output in *'[404]'*) break ;; esac
    sleep 0.3
done
has '[404]' "a customer has no position"
sql rami "SELECT lat FROM points"
has '25.1' "the position is in the driver's own database"
as ali GET '/api/nearest?near=25.2650,55.3320&type=driver'
has '"lat":25.264,' "and not in discovery"

# ---- killed in between ----
sql bab-hara "UPDATE points SET qty = 4 WHERE id = 'pt-shw'"
kill -9 "$server_pid"
wait "$server_pid" 2>/dev/null || true
server_pid=
start_server
soon "what was not carried over is now" 'low-stock' ali '/api/search?q=shawarma'
as ali GET '/api/search?q=hara'
before=$output
api POST /v1/discovery/rebuild -d '{}'
has '[202]' "the operator has it read anew"
sleep 1
as ali GET '/api/search?q=hara'
[ "$output" = "$before" ] || failed "the same is found ($before)"
sql discovery "DELETE FROM points"
sql discovery "DELETE FROM nodes"
soon "somebody has emptied it by hand" '{"items":[]}' ali '/api/search?q=hara'
t discovery rebuild
ok "trib discovery rebuild"
has 'is read anew' "it says what happens"
soon "everything is there again" "$before" ali '/api/search?q=hara'
t tenant set bab-hara publish=false
ok "the shop goes"
soon "nobody finds it" '{"items":[]}' ali '/api/search?q=hara'
# ---- what is written to all the time is published all the same ----
people busy
for table in "nodes (id TEXT PRIMARY KEY, parentId TEXT, nodeType TEXT NOT NULL, title TEXT, createdAt TEXT, payload TEXT)" "points (id TEXT PRIMARY KEY, nodeId TEXT NOT NULL, qty REAL, price REAL, currency TEXT, availability TEXT, locationText TEXT, lat REAL, lng REAL, openNow BOOLEAN)" "w (i INTEGER)"; do
    sql busy "CREATE TABLE $table"
done
sql busy "INSERT INTO nodes (id, nodeType, title, payload) VALUES ('stall', 'shop', 'Hummingbird', json_object('published', json('true')))"
yes 'INSERT INTO w VALUES (1);' | head -n 20000 >"$work/writes.sql"
writers=
for _ in 1 2 3 4 5 6; do
    "$TRIB" shell busy --data "$data" <"$work/writes.sql" >/dev/null 2>&1 &
    writers="$writers $!"
done
sleep 1
t tenant set busy publish=true
ok "it publishes while six write"
soon "and is found before they have ended" '"id":"stall"' ali '/api/search?q=hummingbird'
for writer in $writers; do
    kill "$writer" 2>/dev/null || failed "they had ended before it was found"
    wait "$writer" 2>/dev/null || true
done
finish

#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Drivers for deals, over sockets: an offer to the nearest, declined, not answered, accepted, accepted twice; who may not; a deal that
# waits until somebody is free; at once without asking; a deal that is cancelled, given away or not looked after any more
# meanwhile; a ride that is given back; a timer that looks; after kill -9.
. "$(dirname "$0")/lib.sh"
mkdir -p "$data/stream-types"
sed 's/"status": "ready", "after": "30m"/"status": "ready", "after": "1s"/' "$(dirname "$0")/../../src/deal/types/food.json" \
    >"$data/stream-types/food.json"
start_server
people="ali bab-hara rami sara zaid stranger bike"
# shellcheck disable=SC2086
t tenant create $people
ok "tenants"
for who in $people streams; do
    if [ $who = streams ]; then t token create --all; else t token create $who; fi
    ok "a token"
    printf '%s' "$output" >"$work/$who.token"
done

# call WHO METHOD PATH [CURL ARGUMENT...]: the answer and [STATUS] in $output.
call() {
    who=$1 method=$2 path=$3
    shift 3
    status=0
    output=$(curl -s -m 40 -w ' [%{http_code}]' -X "$method" -H "authorization: Bearer $(cat "$work/$who.token")" \
        "$url$who/api/$path" "$@") || status=$?
}
post() {
    who=$1 path=$2 body=${3:-}
    [ $# -lt 3 ] && shift 2 || shift 3
    call "$who" POST "$path" -d "$body" "$@"
}
does() { # WHO PATH BODY TEXT WHAT
    post "$1" "$2" "$3"
    has "$4" "$5"
    case $output in *'[200]' | *'[201]') ;; *) failed "$5 (not refused)" ;; esac
}
no() {
    post "$1" "$2" "$3"
    has "$4" "$5"
    case $output in *'[200]' | *'[201]') failed "$5 (refused)" ;; esac
}
rows() { # TENANT SQL WANTED WHAT
    t shell "$1" --mode csv --sql "SELECT ($2) AS v"
    has "v
$3" "$4"
}
# soon TENANT SQL WANTED WHAT: the value comes within some seconds
soon() {
    tries=0
    while :; do
        t shell "$1" --mode csv --sql "SELECT ($2) AS v"
        case $output in *"v
$3"*) break ;; esac
        tries=$((tries + 1))
        [ $tries -lt 100 ] || failed "$4 (wanted: $3)"
        sleep 0.2
    done
    checks=$((checks + 1))
}
# offer WHO STREAM WHAT: he gets an offer of it; its id in $offer
offer() {
    tries=0
    while :; do
        call "$1" GET "offers?wait=10"
        case $output in *"\"streamId\":\"$2\""*) break ;; esac
        tries=$((tries + 1))
        [ $tries -lt 3 ] || failed "$3 (an offer of $2)"
    done
    checks=$((checks + 1))
    offer=$(printf '%s' "$output" | sed 's/.*"id":"\([0-9-]*\)".*/\1/')
}
here() { # WHO LAT LNG: says where he is
    does "$1" motion "{\"lat\":$2,\"lng\":$3}" '[200]' "a position"
}
point='SELECT availability || openNow FROM points'

schema="CREATE TABLE nodes(id TEXT PRIMARY KEY, parentId TEXT, nodeType TEXT, title TEXT, createdAt TEXT, payload TEXT);
CREATE TABLE points(id TEXT PRIMARY KEY, nodeId TEXT, qty REAL, price REAL, currency TEXT, availability TEXT, locationText TEXT, lat REAL, lng REAL, openNow BOOLEAN)"
for who in $people; do
    t shell $who --mode csv --sql "$schema"
    ok "tables"
done
for who in rami sara zaid; do
    t shell $who --mode csv --sql "INSERT INTO nodes(id, nodeType) VALUES ('$who', 'driver'); INSERT INTO points(id, nodeId, availability, openNow) VALUES ('pt-$who', '$who', 'idle', true)"
    ok "a driver"
done
t shell bike --mode csv --sql "INSERT INTO nodes(id, nodeType) VALUES ('bike', 'picker'); INSERT INTO points(id, nodeId, availability, openNow) VALUES ('pt-bike', 'bike', 'idle', true)"
t shell bab-hara --mode csv --sql "INSERT INTO nodes(id, nodeType) VALUES ('rest-01', 'restaurant'), ('prod', 'product'); INSERT INTO points(id, nodeId, qty, price) VALUES ('pt-prod', 'prod', 500, 10); INSERT INTO points(id, nodeId, lat, lng) VALUES ('pt-rest', 'rest-01', 25.265, 55.332)"
ok "a restaurant"
order() { # ID: paid and accepted
    does ali orders "{\"id\":\"$1\",\"restaurant\":\"bab-hara\",\"items\":[{\"id\":\"prod\",\"qty\":1}],\"fees\":5}" '"placed"' "an order"
    does ali "orders/$1/pay" '' '"paid":15' "paid"
    [ "${2:-}" = placed ] || does bab-hara "orders/$1/accept" '' '"accepted"' "accepted"
}

# ---- what is refused ----
order ord-1 placed
no bab-hara dispatch '{"streamId":"ord-1"}' 'BAD_TRANSITION' "too early"
does bab-hara orders/ord-1/accept '' '"accepted"' "accepted"
no bab-hara dispatch '{"streamId":"no-such"}' 'STREAM_NOT_FOUND' "no such deal"
no stranger dispatch '{"streamId":"ord-1"}' 'STREAM_NOT_FOUND' "a stranger sees no deal"
no ali dispatch '{"streamId":"ord-1"}' 'FORBIDDEN' "the customer does not give the job away"
no bab-hara dispatch '{"streamId":"ord-1","role":"pilot"}' 'BAD_REQUEST' "no such role"
no bab-hara dispatch '{"streamId":"ord-1","details":{"colour":1}}' 'BAD_REQUEST' "a detail that nothing reads"
no bab-hara dispatch '{"streamId":"ord-1","details":{"fee":16}}' 'BAD_REQUEST' "a fee above the whole"
no bab-hara dispatch '{"streamId":"ord-1","details":{"vehicle":5}}' 'BAD_EVENT' "a detail that the type refuses"
no bab-hara dispatch '{"streamId":"ord-1","offerSeconds":0}' 'BAD_REQUEST' "no time to answer"
no bab-hara dispatch '{"streamId":"ord-1","lat":91,"lng":0}' 'BAD_REQUEST' "no place"
no rami offers/1-1/accept '' 'NOT_AVAILABLE' "no offer yet"

# ---- it waits, is offered to the nearest, declined, offered to the next ----
does bab-hara dispatch '{"streamId":"ord-1","details":{"fee":3,"vehicle":"Motorcycle","pickupAddress":"Al Rigga"}}' '"lat":25.265' "a driver is looked for where the restaurant is"
has '[201]' "that is new"
does bab-hara dispatch '{"streamId":"ord-1"}' '"duplicate":true' "twice is once"
call ali GET dispatch/ord-1
has '"status":"waiting"' "it waits"
call stranger GET dispatch/ord-1
has '[404]' "a stranger sees nothing"
here bike 25.265 55.332
here sara 25.275 55.332
here rami 25.266 55.332
offer rami ord-1 "the nearest driver"
has '"details":{"fee":3,"vehicle":"Motorcycle","pickupAddress":"Al Rigga"}' "with what he must know"
rows rami "$point" offered1 "his point says so"
call sara GET offers
has '{"offers":[]}' "the other one has none"
no sara "offers/$offer/accept" '' 'NOT_AVAILABLE' "who may not take his"
no bab-hara orders/ord-1/assign '{"driver":"rami"}' 'NOT_AVAILABLE' "nor can he be assigned by name"
first=$offer
does rami "offers/$first/decline" '' '"status":"declined"' "Rami does not want it"
rows rami "$point" idle1 "and is idle again"
no rami "offers/$first/accept" '' 'NOT_AVAILABLE' "it is too late to want it"
offer sara ord-1 "the next"
does sara "offers/$offer/accept" '' '"status":"accepted"' "Sara takes it"
rows sara "SELECT availability || openNow || (SELECT nodeType FROM nodes WHERE id = 'ord-1') FROM points" en-route0delivery "and has it"
no sara "offers/$offer/accept" '' 'NOT_AVAILABLE' "once"
call ali GET streams/ord-1/state
has '"driver":"sara"' "everybody sees it"
call ali GET dispatch/ord-1
has '"searches":[]' "nobody is looked for any more"
no bab-hara dispatch '{"streamId":"ord-1"}' 'BAD_TRANSITION' "somebody has it"

# ---- not answered: taken back, offered to somebody else ----
order ord-2
does bab-hara dispatch '{"streamId":"ord-2","offerSeconds":1,"details":{"fee":3}}' '"offerSeconds":1' "another one"
offer rami ord-2 "Rami, who does not answer"
soon rami "$point" idle1 "it is taken back"
no rami "offers/$offer/accept" '' 'NOT_AVAILABLE' "too late"
call ali GET dispatch/ord-2
has '"status":"waiting"' "it waits"
does bab-hara orders/ord-1/start '{"chef":"H"}' '"preparing"' "the first goes on"
here zaid 25.3 55.3
offer zaid ord-2 "somebody new"
post zaid "offers/$offer/accept" '' -H 'idempotency-key: k1'
has '"status":"accepted"' "accepted with a key"
post zaid "offers/$offer/accept" '' -H 'idempotency-key: k1'
has '"duplicate":true' "and again: the same answer"
rows streams "SELECT count(*) FROM events WHERE streamId = 'ord-2' AND opcode = 302" 1 "once"

# ---- a driver who becomes free gets what waits ----
t shell rami --mode csv --sql "UPDATE points SET openNow = false"
ok "Rami goes home"
order ord-3
does bab-hara dispatch '{"streamId":"ord-3","offerSeconds":60}' '[201]' "nobody is free"
does bab-hara orders/ord-1/done '' '"ready"' "ready"
does sara orders/ord-1/pickup '' '"shipped"' "picked up"
here sara 25.275 55.332
call ali GET dispatch/ord-3
has '"status":"waiting"' "it waits"
does sara orders/ord-1/deliver '' '"settled"' "delivered, with the fee"
offer sara ord-3 "Sara is free again"

# ---- a deal that is cancelled while it is offered, for a minute ----
does ali orders/ord-3/cancel '{"reason":"late"}' '"cancelled"' "the customer cancels"
soon sara "$point" idle1 "and she is idle"
no sara "offers/$offer/accept" '' 'NOT_AVAILABLE' "there is nothing to take"

# ---- so where somebody else gets the job, or the search is given up ----
order ord-6
here sara 25.275 55.332
does bab-hara dispatch '{"streamId":"ord-6","offerSeconds":600}' '[201]' "Sara is asked"
offer sara ord-6 "she has an offer"
t shell rami --mode csv --sql "UPDATE points SET openNow = true"
does bab-hara orders/ord-6/assign '{"driver":"rami"}' '"duplicate":false' "the restaurant sends Rami"
soon sara "$point" idle1 "Sara is idle"
call bab-hara GET dispatch/ord-6
has '"searches":[]' "nobody is looked for"
does ali orders/ord-6/cancel '' '"cancelled"' "cancelled"
rows rami "$point" idle1 "Rami is idle"
t shell rami --mode csv --sql "UPDATE points SET openNow = false"
order ord-7
here sara 25.275 55.332
does bab-hara dispatch '{"streamId":"ord-7","offerSeconds":600}' '[201]' "Sara is asked again"
offer sara ord-7 "she has an offer"
call bab-hara DELETE dispatch/ord-7
has '"stopped":1' "given up"
soon sara "$point" idle1 "Sara is idle"

# ---- a ride that its driver gives back ----
here sara 25.275 55.332
does ali rides '{"id":"ride-1","from":{"lat":25.27,"lng":55.33},"to":"x","fare":20}' '"requested"' "a ride"
does ali dispatch '{"streamId":"ride-1","offerSeconds":60}' '[201]' "a driver is looked for"
offer sara ride-1 "Sara"
does sara "offers/$offer/accept" '' '"accepted"' "takes it"
does sara rides/ride-1/release '{"reason":"flat tyre"}' '"requested"' "gives it back"
rows sara "$point" idle1 "is idle"
call ali GET dispatch/ride-1
has '"status":"waiting"' "somebody else is looked for"
t shell rami --mode csv --sql "UPDATE points SET openNow = true"
here rami 25.266 55.332
offer rami ride-1 "who is found"
call sara GET offers
has '{"offers":[]}' "she is not asked again"
does rami "offers/$offer/accept" '' '"accepted"' "and takes it"
does ali rides/ride-1/cancel '' '"cancelled"' "the passenger stays at home"
rows rami "$point" idle1 "Rami is idle"
call ali GET dispatch/ride-1
has '"searches":[]' "and nobody is looked for"
t shell rami --mode csv --sql "UPDATE points SET openNow = false"

# ---- a picker need not say which of his points he means ----
here bike 25.265 55.332
soon bike "SELECT lat FROM points" 25.265 "the picker's position is written"

# ---- at once, without asking ----
order ord-4
here sara 25.275 55.332
does bab-hara dispatch '{"streamId":"ord-4","auto":true,"details":{"fee":2}}' '[201]' "whoever is next gets it"
soon sara "$point" en-route0 "Sara has it"
call ali GET streams/ord-4/state
has '"driver":"sara"' "everybody sees it"

# ---- the search is given up ----
order ord-5
does bab-hara dispatch '{"streamId":"ord-5"}' '[201]' "looked for"
no ali dispatch '{"streamId":"ord-5"}' 'FORBIDDEN' "not by the customer"
call ali DELETE dispatch/ord-5
has 'FORBIDDEN' "nor given up by him"
call bab-hara DELETE dispatch/ord-5
has '"stopped":1' "given up"
call bab-hara GET dispatch/ord-5
has '"searches":[]' "gone"

# ---- a timer looks; the place is the restaurant's; and all of it is there after kill -9 ----
does bab-hara orders/ord-5/start '' '"preparing"' "cooking"
does bab-hara orders/ord-5/done '' '"ready"' "nobody thinks of a driver"
tries=0
while :; do
    call bab-hara GET dispatch/ord-5
    case $output in *'"lat":25.265'*) break ;; esac
    tries=$((tries + 1))
    [ $tries -lt 50 ] || failed "the timer does"
    sleep 0.2
done
has '"status":"waiting"' "the timer does, where the restaurant is"
t shell rami --mode csv --sql "UPDATE points SET openNow = true"
ok "Rami works again"
here rami 25.266 55.332
soon rami "$point" offered1 "and is offered it, though nobody has told that he does"
kill -9 "$server_pid"
wait "$server_pid" 2>/dev/null || true
start_server
rows rami "$point" offered1 "the offer is there after a kill"
offer rami ord-5 "and can be read"
does rami "offers/$offer/accept" '' '"accepted"' "and taken"
rows rami "$point" en-route0 "he is on his way"

output=$(cat "$work/err")
lacks timer_action_missing "the timers began when dispatch was there"

# ---- counted ----
api GET /metrics
for name in trib_dispatch_offers_total trib_dispatch_assigned_total trib_dispatch_waiting trib_dispatch_oldest_wait_seconds; do
    has "$name" "$name is told"
done
finish

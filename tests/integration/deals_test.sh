#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Deals as commands, over sockets: all six kinds from the first step to the ledger's zero; who may not, what is out of stock, taken or
# too early; the same request twice; cancelling at every stage; what it leaves in the tenants' rows.
. "$(dirname "$0")/lib.sh"
start_server
members="ali bab-hara rami stranger shop pia guest host prov"
# shellcheck disable=SC2086
people $members bare streams

# call WHO METHOD PATH [CURL ARGUMENT...]: as a tenant, or as `streams`, the platform.
call() {
    who=$1 method=$2 path=$3
    shift 3
    as "$who" "$method" "/api/$path" "$@"
}
# post WHO PATH [BODY] [CURL ARGUMENT...]
post() {
    who=$1 path=$2 body=${3:-}
    [ $# -lt 3 ] && shift 2 || shift 3
    call "$who" POST "$path" -d "$body" "$@"
}
# does WHO PATH BODY TEXT WHAT: it works, and the answer has TEXT
does() {
    post "$1" "$2" "$3"
    has "$4" "$5"
    case $output in *'[200]' | *'[201]') ;; *) failed "$5 (not refused)" ;; esac
}
# no WHO PATH BODY TEXT WHAT: it is refused with TEXT
no() {
    post "$1" "$2" "$3"
    has "$4" "$5"
    case $output in *'[200]' | *'[201]') failed "$5 (refused)" ;; esac
}
sql() { t shell "$1" --mode csv --sql "$2"; }
# rows TENANT SQL WANTED WHAT: one value
rows() {
    sql "$1" "SELECT ($2) AS v"
    has "v
$3" "$4"
}
state() {
    call streams GET "streams/$1/state"
    has "\"status\":\"$2\"" "$1 is $2"
}
opcodes() { # STREAM WANTED WHAT
    call streams GET "streams/$1"
    output=$(printf '%s' "$output" | grep -o '"opcode":[0-9]*' | sed 's/.*://' | tr '\n' ' ')
    checks=$((checks + 1))
    [ "$output" = "$2 " ] || failed "$3 (wanted: $2)"
}

# ---- without the tables ----
no bare orders '{"restaurant":"bab-hara","items":[{"id":"prod-shw"}]}' '[404]' "a tenant that sells nothing takes no orders"
has 'TENANT_NOT_FOUND' "and looks like none"
schema="CREATE TABLE nodes(id TEXT PRIMARY KEY, parentId TEXT, nodeType TEXT, title TEXT, createdAt TEXT, payload TEXT);
CREATE TABLE points(id TEXT PRIMARY KEY, nodeId TEXT, qty REAL, price REAL, currency TEXT, availability TEXT, locationText TEXT, lat REAL, lng REAL, openNow BOOLEAN)"
for who in $members; do
    sql $who "$schema"
    ok "tables"
done
worker() { # TENANT TYPE
    sql "$1" "INSERT INTO nodes(id, nodeType) VALUES ('$1', '$2'); INSERT INTO points(id, nodeId, availability, lat, lng, openNow) VALUES ('pt-$1-loc', '$1', 'idle', 25.264, 55.331, true)"
    ok "a $2"
}
sql bab-hara "INSERT INTO nodes(id, nodeType) VALUES ('rest-01', 'restaurant'), ('prod-shw', 'product'), ('prod-lbn', 'product');
INSERT INTO points(id, nodeId, qty, price, currency) VALUES ('pt-shw', 'prod-shw', 200, 18, 'AED'), ('pt-lbn', 'prod-lbn', 150, 5, 'AED')"
ok "a restaurant"
sql shop "INSERT INTO nodes(id, nodeType) VALUES ('shop-01', 'store'), ('milk', 'product');
INSERT INTO points(id, nodeId, qty, price, currency) VALUES ('pt-milk', 'milk', 10, 1.1, 'EUR')"
ok "a store"
sql prov "INSERT INTO nodes(id, nodeType, payload) VALUES ('prov', 'provider', NULL), ('slot-9', 'slot', '{\"start\":\"2026-03-01T09:00:00Z\",\"end\":\"2026-03-01T10:00:00Z\"}');
INSERT INTO points(id, nodeId, qty, price, currency) VALUES ('pt-slot-9', 'slot-9', 1, 120, 'EUR')"
ok "a provider"
sql host "INSERT INTO nodes(id, nodeType) VALUES ('host', 'host'), ('flat', 'place');
INSERT INTO points(id, nodeId, price, currency) VALUES ('pt-flat', 'flat', 80, 'EUR')"
ok "a host"
worker rami driver
worker pia picker

# ---- the food order, as the documents have it ----
items='"items":[{"id":"prod-shw","qty":2},{"id":"prod-lbn","qty":1}]'
place="{\"id\":\"ord-1\",\"restaurant\":\"bab-hara\",$items,\"total\":46,\"deliveryAddress\":\"Marina Walk\",\"notes\":\"\",\"channel\":\"app\"}"
no bare orders "$(echo "$place" | sed s/ord-1/ord-b/)" 'TABLES_MISSING' "who orders needs the tables"
has 'CREATE TABLE nodes' "and is told how they are made"
post ali orders "$place" -H 'idempotency-key: k1'
has '"id":"ord-1","type":"food","status":"placed","version":1,"total":46,"paid":0' "Ali orders"
has '"rows":{"ali":1,"bab-hara":1},"duplicate":false} [201]' "a node in both databases"
post ali orders "$place" -H 'idempotency-key: k1'
has '"version":1,' "again, with the same key"
has '"duplicate":true} [200]' "it is the same order"
no ali orders "$place" 'VERSION_CONFLICT' "without the key it is another order of the same id"
post ali orders '{"restaurant":"bab-hara","items":[]}' -H 'idempotency-key: k1'
has 'IDEMPOTENCY_MISMATCH' "the key with another request"
no stranger orders/ord-1/pay '' 'STREAM_NOT_FOUND' "a stranger sees no order"
no ali rides/ord-1/pay '' 'STREAM_NOT_FOUND' "it is no ride"
no ali orders/ord-1/eat '' 'there are: pay accept start done assign pickup deliver cancel comment' "there is no such step"
no bab-hara orders/ord-1/pay '' 'FORBIDDEN' "the restaurant does not pay"
no ali orders/ord-1/accept '' 'FORBIDDEN' "Ali does not cook"
no ali orders/ord-1/pay '{"colour":"red"}' 'BAD_REQUEST' "a member that nothing reads"
no ali orders/ord-1/pay '{"amount":47}' 'BAD_EVENT' "not more than there is to pay"
does ali orders/ord-1/pay '{"method":"card","cardLast4":"4242"}' '"paid":46' "Ali pays"
no ali orders/ord-1/pay '' 'everything is paid' "once"
no bab-hara orders/ord-1/done '' 'BAD_TRANSITION' "nothing is done before it starts"
does bab-hara orders/ord-1/accept '{"estMinutes":15}' '"status":"accepted"' "the restaurant accepts"
does bab-hara orders/ord-1/start '{"chef":"Hassan","station":"grill"}' '"rows":{"bab-hara":2}' "the kitchen starts, stock leaves"
rows bab-hara "SELECT sum(qty) FROM points" 347 "three pieces less"
does bab-hara orders/ord-1/done '{"actualMinutes":12}' '"status":"ready"' "the kitchen is done"
no rami orders/ord-1/pickup '' 'STREAM_NOT_FOUND' "a driver who is not assigned is no member"
no bab-hara orders/ord-1/assign '{"driver":"stranger"}' 'NOT_AVAILABLE' "a tenant without a driver"
no bab-hara orders/ord-1/assign '{"driver":"nobody"}' 'NOT_AVAILABLE' "looks like no tenant"
no bab-hara orders/ord-1/assign '{"driver":"rami","fee":47}' 'BAD_REQUEST' "a fee above the whole"
does bab-hara orders/ord-1/assign '{"driver":"rami","vehicle":"Motorcycle","eta":20,"fee":12,"pickupAddress":"Al Rigga St"}' '"rows":{"rami":2}' "Rami is taken"
rows rami "SELECT availability || openNow || (SELECT nodeType || payload FROM nodes WHERE id = 'ord-1') FROM points" \
    '"en-route0delivery{""restaurant"":""bab-hara"",""pickupAddress"":""Al Rigga St"",""deliverTo"":""Marina Walk""}"' "with a delivery"
no bab-hara orders/ord-1/assign '{"driver":"rami"}' 'NOT_AVAILABLE' "he has one job at a time"
does rami orders/ord-1/pickup '' '"status":"shipped"' "Rami picks up"
no ali orders/ord-1/cancel '' 'BAD_TRANSITION' "what is on its way cannot be cancelled"
does rami orders/ord-1/deliver '{"lat":25.078,"lng":55.135,"totalMinutes":35}' '"status":"settled"' "delivered, and paid out"
rows rami "SELECT availability || openNow || lat || lng FROM points" 'idle125.07855.135' "Rami is idle where he delivered"
opcodes ord-1 "501 203 301 303 102 102 305 302 502 503 402 401" "the twelve events of the documents"
call ali GET streams/ord-1
all=$output
for part in '"payload":"{\"customer\":\"ali\",\"restaurant\":\"bab-hara\",\"items\":[{\"id\":\"prod-shw\",\"qty\":2,\"price\":18},{\"id\":\"prod-lbn\",\"qty\":1,\"price\":5}],\"deliveryAddress\":\"Marina Walk\",\"notes\":\"\",\"channel\":\"app\"}"' \
    '"nodeId":"ord-1","pointId":null,"delta":46,"payload":"{\"method\":\"card\",\"cardLast4\":\"4242\"}"' \
    '"payload":"{\"task\":\"kitchen-prep\",\"estMinutes\":15}"' '"payload":"{\"chef\":\"Hassan\",\"station\":\"grill\"}"' \
    '"opcode":102,"nodeId":"prod-shw","pointId":"pt-shw","delta":-2,"payload":"{\"reason\":\"order-sale\"}"' \
    '"opcode":302,"nodeId":"rami","pointId":null,"delta":0,"payload":"{\"task\":\"delivery\",\"driver\":\"rami\",\"vehicle\":\"Motorcycle\",\"eta\":20}"' \
    '"payload":"{\"pickedUpBy\":\"rami\",\"confirmedItems\":3}"' \
    '"payload":"{\"deliveredBy\":\"rami\",\"confirmedBy\":\"ali\",\"totalMinutes\":35}"' \
    '"opcode":402,"nodeId":"rami","pointId":null,"delta":12,"payload":"{\"type\":\"delivery-fee\",\"currency\":\"AED\"}"' \
    '"opcode":401,"nodeId":"rest-01","pointId":null,"delta":34,"payload":"{\"type\":\"order-revenue\",\"currency\":\"AED\"}"'; do
    has "$part" "payloads as the documents have them"
done
for who in bab-hara rami; do
    call $who GET streams/ord-1
    checks=$((checks + 1))
    [ "$output" = "$all" ] || failed "all three read the same bytes: $who"
done
call stranger GET streams/ord-1
has '[404]' "a fourth sees none of it"
call ali GET streams/ord-1/state
has '"balance":0' "the ledger is zero"
call ali GET streams/ord-1/verify
has '{"ok":true,"events":12' "the chain holds"

# ---- who pays what ----
no ali orders '{"restaurant":"bab-hara","items":[{"id":"prod-shw","qty":1,"price":17}]}' 'the price' "a price that is not of now"
no ali orders '{"restaurant":"bab-hara","items":[{"id":"rest-01"}]}' 'sells no' "what has no price"
no ali orders '{"restaurant":"bab-hara","items":[{"id":"prod-shw"}],"total":17}' 'BAD_REQUEST' "a total below the items"
no ali orders '{"restaurant":"bab-hara","items":[{"id":"prod-shw","qty":-1}]}' 'BAD_REQUEST' "a quantity below zero"
no ali orders '{"restaurant":"bab-hara","items":[]}' 'BAD_REQUEST' "nothing"
no ali orders '{"restaurant":"ali","items":[{"id":"prod-shw"}]}' 'nobody deals with himself' "with himself"
no ali orders '{"restaurant":"streams","items":[{"id":"prod-shw"}]}' 'TENANT_NOT_FOUND' "with the server"
no ali orders '{"customer":"rami","restaurant":"bab-hara","items":[{"id":"prod-shw"}]}' 'FORBIDDEN' "for another one"
no ali orders '{"id":"ord-x","restaurant":"bab-hara","items":[{"id":"prod-shw","qty":199}]}' 'OUT_OF_STOCK' "more than there is"
rows ali "SELECT count(*) FROM nodes" 1 "nothing of it was written"
does streams orders '{"id":"ord-s","customer":"ali","restaurant":"bab-hara","items":[{"id":"prod-lbn","qty":1}],"fees":{"delivery":2.5}}' '"total":7.5' "the platform orders for a customer"
post ali orders '{"restaurant":"bab-hara","items":[{"id":"prod-lbn"}]}'
has '"id":"ord-' "a name is given"

# ---- out of stock: two orders for what is enough for one ----
for n in 1 2; do
    does ali orders "{\"id\":\"big-$n\",\"restaurant\":\"bab-hara\",\"items\":[{\"id\":\"prod-lbn\",\"qty\":1},{\"id\":\"prod-shw\",\"qty\":150}]}" '"placed"' "a big order"
done
does bab-hara orders/big-1/accept '{"chef":"Hassan"}' '"version":5' "the first is accepted and started at once"
no bab-hara orders/big-2/accept '{"start":true}' 'OUT_OF_STOCK' "the second finds too little"
state big-2 placed

# ---- cancelling at every stage ----
stock() { sql bab-hara "SELECT 'pt-shw=' || qty FROM points WHERE id = 'pt-shw'"; }
stock
has 'pt-shw=48' "and nothing of it was taken"
does bab-hara orders/big-1/cancel '{"reason":"no"}' '"status":"cancelled"' "the big one is cancelled"
does bab-hara orders/big-2/cancel '' '"status":"cancelled"' "the other too, which nobody has begun"
opcodes big-2 "501 504 309" "nothing had to be given back"
stock
has 'pt-shw=198' "the stock is back"
for stage in 0 1 2 3 4 5 6; do
    id=can-$stage
    does ali orders "{\"id\":\"$id\",\"restaurant\":\"bab-hara\",\"items\":[{\"id\":\"prod-shw\",\"qty\":3}]}" '"placed"' "an order"
    [ $stage -lt 1 ] || does ali orders/$id/pay '' '"paid":54' "paid"
    [ $stage -lt 2 ] || does bab-hara orders/$id/accept '' '"accepted"' "accepted"
    [ $stage -lt 3 ] || does bab-hara orders/$id/assign '{"driver":"rami","fee":5}' '"rami":2' "assigned"
    [ $stage -lt 4 ] || does bab-hara orders/$id/start '' '"preparing"' "started"
    [ $stage -lt 5 ] || does bab-hara orders/$id/done '' '"ready"' "done"
    by=ali
    [ $((stage % 2)) = 0 ] || by=bab-hara
    [ $stage -lt 6 ] || by=streams
    does $by orders/$id/cancel '{"reason":"changed my mind"}' '"status":"cancelled"' "cancelled at stage $stage by $by"
    does $by orders/$id/cancel '' '"events":[]' "again: nothing more is done"
    call ali GET streams/$id/state
    has '"balance":0' "the money is back"
    stock
    has 'pt-shw=198' "the stock is back"
    rows rami "SELECT availability || openNow || (SELECT count(*) FROM nodes WHERE id = '$id') FROM points" 'idle10' "Rami is idle and has no delivery"
done
opcodes can-6 "501 203 301 302 303 102 305 504 103 207 309" "each step of it is an event"
call rami GET streams/can-6
has '[404]' "a driver who was released sees it no more"
does ali orders '{"id":"raw-1","restaurant":"bab-hara","items":[{"id":"prod-shw","qty":1}]}' '"placed"' "an order"
does ali orders/raw-1/pay '' '"paid":18' "paid"
post ali streams/raw-1/events '{"events":[{"opcode":504,"payload":{}}]}'
has '[201]' "cancelled by a plain event"
state raw-1 cancelling
does ali orders/raw-1/cancel '' '"status":"cancelled"' "the command gives back what is owed"
opcodes raw-1 "501 203 504 207" "and nothing twice"
does ali orders '{"id":"due-1","restaurant":"bab-hara","items":[{"id":"prod-shw","qty":1}]}' '"placed"' "an order that is not paid"
does bab-hara orders/due-1/accept '{"start":true}' '"preparing"' "made"
does bab-hara orders/due-1/done '' '"ready"' "ready"
does bab-hara orders/due-1/assign '{"driver":"rami"}' '"rami":2' "assigned"
does rami orders/due-1/pickup '' '"shipped"' "under way"
no rami orders/due-1/deliver '' '18.00 is left to pay' "is not handed over unpaid"
does streams orders/due-1/pay '{"method":"cash"}' '"paid":18' "paid at the door, says the platform"
does ali orders/due-1/deliver '' '"settled"' "the customer confirms"
opcodes due-1 "501 301 303 102 305 302 502 203 503 401" "without a fee all goes to the restaurant"
does ali orders/due-1/comment '{"text":"thanks"}' '"TASK_COMMENT"' "a remark"

# ---- a ride ----
does ali rides '{"id":"r-1","from":{"lat":25.2,"lng":55.3},"to":"Marina","fare":30,"currency":"AED"}' '"status":"requested"' "Ali asks for a ride"
no ali rides/r-1/assign '{"driver":"rami","commission":1}' 'FORBIDDEN' "the passenger does not say what the platform gets"
does streams rides/r-1/assign '{"driver":"rami","vehicle":"Car","eta":4,"commission":6}' '"status":"matched"' "Rami gets it"
does rami rides/r-1/release '{"reason":"flat tyre"}' '"status":"requested"' "gives it back"
no rami rides/r-1/arrive '' 'STREAM_NOT_FOUND' "and is out of it"
does streams rides/r-1/assign '{"driver":"rami","commission":6}' '"status":"matched"' "takes it after all"
does rami rides/r-1/arrive '{"note":"at the door"}' '"matched"' "arrives"
does rami rides/r-1/start '' '"riding"' "drives"
no ali rides/r-1/cancel '' 'BAD_TRANSITION' "too late to cancel"
does rami rides/r-1/finish '{"fare":32.5,"distanceKm":11,"minutes":20,"lat":25.1,"lng":55.1}' '"status":"done"' "arrives"
rows rami "SELECT availability || lat FROM points" 'idle25.1' "and is idle there"
does ali rides/r-1/pay '{"method":"card"}' '"status":"settled"' "Ali pays"
opcodes r-1 "601 302 309 302 304 602 603 203 402 401" "driver and platform are paid"
call ali GET streams/r-1/state
has '"paidOut":32.5,"balance":0' "all of it"
does ali rides '{"id":"r-2","fare":10}' '"requested"' "another ride"
does ali rides/r-2/assign '{"driver":"rami"}' '"matched"' "matched"
does rami rides/r-2/cancel '' '"status":"cancelled"' "the driver cancels"
rows rami "SELECT availability FROM points" 'idle' "and is idle"

# ---- groceries, with a picker ----
does ali groceries '{"id":"g-1","store":"shop","items":[{"id":"milk","qty":3}],"fees":2}' '"total":5.3' "groceries: cents are exact"
does ali groceries/g-1/pay '' '"paid":5.3' "paid"
does shop groceries/g-1/accept '' '"accepted"' "accepted"
no shop groceries/g-1/start '' 'FORBIDDEN' "the store has no picker yet"
does shop groceries/g-1/pick '{"picker":"pia","fee":1}' '"rows":{"pia":2}' "Pia picks"
does pia groceries/g-1/start '' '"picking"' "starts"
does pia groceries/g-1/done '' '"ready"' "packs"
rows pia "SELECT availability FROM points" 'idle' "Pia is idle again"
rows shop "SELECT qty FROM points" '7' "the stock fell"
does shop groceries/g-1/assign '{"driver":"rami","fee":1.5}' '"rami":2' "Rami drives"
does rami groceries/g-1/pickup '' '"shipped"' "under way"
does rami groceries/g-1/deliver '' '"settled"' "delivered"
opcodes g-1 "501 203 301 302 303 102 305 302 502 503 402 402 401" "all are paid"
does ali groceries '{"id":"g-2","store":"shop","items":[{"id":"milk","qty":7}]}' '"placed"' "groceries"
does shop groceries/g-2/accept '' '"accepted"' "accepted"
does shop groceries/g-2/pick '{"picker":"pia"}' '"pia":2' "with a picker"
does pia groceries/g-2/start '' '"picking"' "who has begun"
does ali groceries/g-2/cancel '' '"cancelled"' "cancelled"
rows pia "SELECT availability || (SELECT count(*) FROM nodes) FROM points" 'idle2' "Pia is idle; what she picked before is there"
rows shop "SELECT qty FROM points" '7' "no stock was taken"

# ---- a parcel ----
does ali parcels '{"id":"p-1","seller":"shop","items":[{"id":"milk","qty":2}],"deliveryAddress":"Marina"}' '"placed"' "a parcel"
does shop parcels/p-1/accept '' '"accepted"' "accepted"
does shop parcels/p-1/pack '' '"packed"' "packed"
no shop parcels/p-1/assign '{"courier":"rami"}' 'NOT_AVAILABLE' "a driver is no courier"
sql stranger "INSERT INTO nodes(id, nodeType) VALUES ('stranger', 'courier')"
does shop parcels/p-1/assign '{"courier":"stranger","tracking":"T1","fee":1}' '"stranger":1' "a courier"
does stranger parcels/p-1/pickup '' '"shipped"' "has it"
does stranger parcels/p-1/scan '{"hub":"DXB"}' '"shipped"' "a hub"
does stranger parcels/p-1/fail '{"reason":"nobody at home"}' '"shipped"' "nobody there"
does ali parcels/p-1/pay '' '"paid":2.2' "paid on the way"
does stranger parcels/p-1/deliver '' '"settled"' "delivered"
opcodes p-1 "501 301 102 305 302 502 304 306 203 503 402 401" "a parcel's events"
does ali parcels '{"id":"p-2","seller":"shop","items":[{"id":"milk","qty":2}]}' '"placed"' "a parcel"
does ali parcels/p-2/pay '' '"paid":2.2' "paid"
does shop parcels/p-2/accept '' '"accepted"' "accepted"
does shop parcels/p-2/pack '' '"packed"' "packed"
does shop parcels/p-2/assign '{"courier":"stranger"}' '"stranger":1' "a courier"
does stranger parcels/p-2/pickup '' '"shipped"' "has it"
no ali parcels/p-2/return '' 'FORBIDDEN' "only the platform says that it is lost"
does streams parcels/p-2/return '{"reason":"refused"}' '"cancelled"' "refused: all goes back"
rows shop "SELECT qty FROM points" '5' "the stock too"

# ---- a booking ----
does ali bookings '{"id":"b-1","provider":"prov","slot":"pt-slot-9"}' '"status":"booked","version":2,"total":120' "a slot is booked"
no guest bookings '{"id":"b-2","provider":"prov","slot":"pt-slot-9"}' 'NOT_AVAILABLE' "once"
rows guest "SELECT count(*) FROM nodes" 0 "who came second has nothing"
does prov bookings/b-1/accept '' '"confirmed"' "accepted"
does ali bookings/b-1/cancel '' '"cancelled"' "cancelled"
does guest bookings '{"id":"b-2","provider":"prov","slot":"pt-slot-9"}' '"booked"' "the slot is free again"
does guest bookings/b-2/pay '{"amount":100}' '"paid":100' "a part is paid"
does prov bookings/b-2/accept '' '"confirmed"' "accepted"
does prov bookings/b-2/start '' '"running"' "work"
does prov bookings/b-2/charge '{"amount":30,"invoiceRef":"m-1"}' '"total":150' "with material"
does prov bookings/b-2/done '' '"done"' "done"
does guest bookings/b-2/confirm '' '"completed"' "confirmed, but not all paid"
does guest bookings/b-2/pay '' '"settled"' "paid: and paid out"
opcodes b-2 "611 102 203 301 303 201 305 612 203 401" "a booking's events"
sql prov "UPDATE points SET qty = 1"
does ali bookings '{"id":"b-3","provider":"prov","slot":"pt-slot-9"}' '"booked"' "a booking"
does ali bookings/b-3/pay '' '"paid":120' "paid"
does prov bookings/b-3/accept '' '"confirmed"' "accepted"
no ali bookings/b-3/no-show '' 'BAD_EVENT' "somebody was missing: who?"
does ali bookings/b-3/no-show '{"missing":"provider"}' '"cancelled"' "all is given back"

# ---- a rental ----
stay() { does "$1" rentals "{\"id\":\"$2\",\"host\":\"host\",\"thing\":\"flat\",\"start\":\"$3\",\"end\":\"$4\"}" '"requested"' "$1 asks for $3 to $4"; }
stay guest s-1 2026-05-01 2026-05-04
has '"total":240' "three nights"
stay ali s-2 2026-05-03 2026-05-06
stay ali s-3 2026-05-04 2026-05-06
does host rentals/s-1/accept '' '"confirmed"' "the host takes the first"
no host rentals/s-2/accept '' 'NOT_AVAILABLE' "days do not overlap"
state s-2 requested
does host rentals/s-3/accept '' '"confirmed"' "one may come on the day when the other goes"
no guest rentals '{"host":"host","thing":"flat","start":"2026-05-02","end":"2026-05-03"}' 'NOT_AVAILABLE' "nobody asks for taken days"
no guest rentals '{"host":"host","thing":"flat","start":"2026-05-09","end":"2026-05-09"}' 'BAD_REQUEST' "no night"
does ali rentals/s-3/cancel '' '"cancelled"' "cancelled"
no host rentals/s-2/accept '' 'NOT_AVAILABLE' "the first still stands"
does guest rentals/s-1/pay '' '"paid":240' "paid"
does host rentals/s-1/start '' '"staying"' "handed over"
does guest rentals/s-1/end '' '"settled"' "given back, paid out"
opcodes s-1 "611 301 102 203 621 622 401" "a rental's events"
does ali rentals/s-2/cancel '' '"cancelled"' "the other request ends"
rows host "SELECT group_concat(id || ' ' || (payload ->> 'status')) FROM (SELECT * FROM nodes WHERE nodeType = 'rental' ORDER BY id)" '"s-1 ended,s-2 cancelled,s-3 cancelled"' "the host's rows say so"

# ---- a tenant that got a seller's name later ----
does ali orders '{"id":"late-1","restaurant":"bab-hara","items":[{"id":"prod-shw","qty":1}]}' '"placed"' "an order"
does ali orders/late-1/pay '' '"paid":18' "paid"
does bab-hara orders/late-1/accept '{"start":true}' '"preparing"' "made"
t tenant delete bab-hara --now --yes
ok "the restaurant goes"
t tenant create bab-hara
ok "another one gets its name"
sql bab-hara "$schema; INSERT INTO points(id, nodeId, qty) VALUES ('pt-shw', 'x', 7)"
does ali orders/late-1/cancel '' '"cancelled"' "the money comes back all the same"
rows bab-hara "SELECT qty FROM points" 7 "and nothing goes to the one that has the name now"

# ---- a start anew keeps it, a read-only token writes nothing ----
stop_server
start_server
call ali GET streams/ord-1
[ "$output" = "$all" ] || failed "the same after a restart"
t token create ali --read-only
ok "a token that reads"
printf '%s' "$output" >"$work/ali.token"
no ali orders "$place" 'FORBIDDEN' "does not order"
finish

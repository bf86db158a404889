#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The food order: on a server of its own, twice on the same data, and against a running server.
. "$(dirname "$0")/lib.sh"
demo() {
    status=0
    output=$("$TRIB" demo --data "$data" --exit "$@" 2>&1) || status=$?
}
free="--listen 127.0.0.1:0 --admin-listen 127.0.0.1:0"

# shellcheck disable=SC2086
demo $free
ok "the order is played on a server that the demo starts"
for step in 0 1 2 3 4 5 6 7 8 9 10 11; do has "
Step $step " "step $step is printed"; done
has "$(
    cat <<'TABLE'
#   opcode  name             nodeId    delta  payload                                                       ts
--  ------  ---------------  --------  -----  ------------------------------------------------------------  --------
 1     501  ORDER_CREATE     ord-5001     46  {"customer":"ali","restaurant":"bab-hara","items":[{"id":"p…  12:30:00
 2     203  INVOICE_PAYMENT  ord-5001     46  {"method":"card","cardLast4":"4242"}                          12:30:10
 3     301  TASK_CREATE      ord-5001      0  {"task":"kitchen-prep","estMinutes":15}                       12:31:00
 4     303  TASK_START       ord-5001      0  {"chef":"Hassan","station":"grill"}                           12:32:00
 5     102  SALE_OUT         prod-shw     -2  {"reason":"order-sale"}                                       12:32:05
 6     102  SALE_OUT         prod-lbn     -1  {"reason":"order-sale"}                                       12:32:06
 7     305  TASK_DONE        ord-5001      0  {"task":"kitchen-prep","actualMinutes":12}                    12:43:00
 8     302  TASK_ASSIGN      rami          0  {"task":"delivery","driver":"rami","vehicle":"Motorcycle","…  12:43:30
 9     502  ORDER_SHIP       ord-5001      0  {"pickedUpBy":"rami","confirmedItems":3}                      12:49:00
10     503  ORDER_DELIVER    ord-5001      0  {"deliveredBy":"rami","confirmedBy":"ali","totalMinutes":35}  13:05:30
11     402  ACCOUNT_PAYOUT   rami         12  {"type":"delivery-fee","currency":"AED"}                      13:06:00
12     401  ACCOUNT_PAYIN    rest-01      34  {"type":"order-revenue","currency":"AED"}                     13:06:00
TABLE
)" "the twelve events are shown, in order"
has "
  streams (all events)           12       12
  ali (customer)                  1        1
  bab-hara (restaurant)           3        3
  rami (driver)                   3        3
  discovery                       2        2
  total                          21       21
  GPS pings (rami only)         200      200
" "12, 1, 3, 3 and 2 rows were written, and 200 pings apart"
for at in 50 100 150 200; do has "ping $(printf %3d $at) of 200" "the pings' progress is shown"; done
has "rami       ~ point pt-rami-loc  25.2650, 55.3320" "the server has written where he stands at the restaurant"
has "rami       ~ point pt-rami-loc  25.0780, 55.1350" "and at the end"
has "$(printf '%s bytes each, equal byte for byte' "$(wc -c <"$data/archive/streams-archive/ord-5001.json")")" \
    "three connections read the same, as many bytes as the archive has"
has "bab-hara   ? stock: 198 Chicken Shawarma, 149 Laban" "the stock is what is left"
has "nearest idle driver to 25.2650, 55.3320: rami" "the driver was looked up"
lacks "The server stays up" "with --exit it ends"
[ ! -e "$data/server.json" ] || failed "and leaves no server"
has "equal byte for byte" "three connections read the same"
has "equal to what the three read" "the archive too"
grep -q '"opcode":401,"nodeId":"rest-01","pointId":null,"delta":34,"payload":"{' "$data/archive/streams-archive/ord-5001.json" ||
    failed "the archive holds JSON rows: numbers as JavaScript prints them, the payload a string"
cp "$data/archive/streams-archive/ord-5001.json" "$work/first.json"

# shellcheck disable=SC2086
demo $free --json
ok "it can be played again"
played=$output
has '"ok":true' "with the same result"
has '"rows_written":{"streams":12,"ali":1,"bab-hara":3,"rami":3,"discovery":2}' "and the same numbers"
cmp -s "$work/first.json" "$data/archive/streams-archive/ord-5001.json" || failed "and the same archive"

start_server
output=$played
valid_json "with --json it prints one object and nothing else"
[ "$(echo "$played" | wc -l)" -eq 1 ] || failed "on one line"
# what stands in the archive, as the program that reads it would see it
{
    printf "SELECT key + 1 AS n, value ->> 'id' AS id, value ->> 'streamId' AS stream, value ->> 'opcode' AS op,"
    printf " value ->> 'nodeId' AS node, value ->> 'pointId' AS point, value ->> 'delta' AS delta, value ->> 'ts' AS ts,"
    printf " json_valid(value ->> 'payload') AS ok, value ->> 'payload' AS payload FROM json_each('"
    cat "$work/first.json"
    printf "');"
} >"$work/archive.sql"
output=$("$TRIB" shell streams --data "$data" --mode csv <"$work/archive.sql" 2>&1) || status=$?
[ "$output" = "$(
    cat <<'ROWS'
n,id,stream,op,node,point,delta,ts,ok,payload
1,evt-5001-01,ord-5001,501,ord-5001,,46,2026-02-20T12:30:00.000Z,1,"{""customer"":""ali"",""restaurant"":""bab-hara"",""items"":[{""id"":""prod-shw"",""qty"":2,""price"":18},{""id"":""prod-lbn"",""qty"":1,""price"":5}],""deliveryAddress"":""Marina Walk"",""notes"":"""",""channel"":""app""}"
2,evt-5001-02,ord-5001,203,ord-5001,,46,2026-02-20T12:30:10.000Z,1,"{""method"":""card"",""cardLast4"":""4242""}"
3,evt-5001-03,ord-5001,301,ord-5001,,0,2026-02-20T12:31:00.000Z,1,"{""task"":""kitchen-prep"",""estMinutes"":15}"
4,evt-5001-04,ord-5001,303,ord-5001,,0,2026-02-20T12:32:00.000Z,1,"{""chef"":""Hassan"",""station"":""grill""}"
5,evt-5001-05,ord-5001,102,prod-shw,pt-shw,-2,2026-02-20T12:32:05.000Z,1,"{""reason"":""order-sale""}"
6,evt-5001-06,ord-5001,102,prod-lbn,pt-lbn,-1,2026-02-20T12:32:06.000Z,1,"{""reason"":""order-sale""}"
7,evt-5001-07,ord-5001,305,ord-5001,,0,2026-02-20T12:43:00.000Z,1,"{""task"":""kitchen-prep"",""actualMinutes"":12}"
8,evt-5001-08,ord-5001,302,rami,,0,2026-02-20T12:43:30.000Z,1,"{""task"":""delivery"",""driver"":""rami"",""vehicle"":""Motorcycle"",""eta"":20}"
9,evt-5001-09,ord-5001,502,ord-5001,,0,2026-02-20T12:49:00.000Z,1,"{""pickedUpBy"":""rami"",""confirmedItems"":3}"
10,evt-5001-10,ord-5001,503,ord-5001,,0,2026-02-20T13:05:30.000Z,1,"{""deliveredBy"":""rami"",""confirmedBy"":""ali"",""totalMinutes"":35}"
11,evt-5001-11,ord-5001,402,rami,,12,2026-02-20T13:06:00.000Z,1,"{""type"":""delivery-fee"",""currency"":""AED""}"
12,evt-5001-12,ord-5001,401,rest-01,,34,2026-02-20T13:06:00.000Z,1,"{""type"":""order-revenue"",""currency"":""AED""}"
ROWS
)" ] || failed "the archive is the stream, column by column"
checks=$((checks + 1))
demo --archive "$work/elsewhere"
ok "a server that runs on the data folder is used"
[ -s "$work/elsewhere/streams-archive/ord-5001.json" ] || failed "the archive goes where it is told"
kill -0 "$server_pid" || failed "and the server is left up"
cmp -s "$work/first.json" "$work/elsewhere/streams-archive/ord-5001.json" || failed "with the same bytes"
t shell discovery --mode csv --sql "SELECT n.title, p.availability, p.openNow, p.lat, p.lng FROM points p JOIN nodes n ON n.workspaceId = p.workspaceId AND n.id = p.nodeId WHERE p.workspaceId = 'rami'"
has "Rami,idle,1,25.078,55.135" "which discovery has heard from his database"
t shell rami --mode csv --sql "SELECT availability, openNow, lat, lng FROM points; SELECT count(*) AS n FROM nodes WHERE id = 'ord-5001'"
has "idle,1,25.078,55.135" "the driver stands where he delivered"
t shell streams --mode csv --sql "SELECT count(*) AS n FROM events"
has "n
0" "the stream is deleted"
status=0
output=$(TRIB_ADMIN_KEY=$(cat "$data/admin.key") "$TRIB" demo --url "$url" --admin-url "$admin_url" --archive "$work/third" --exit 2>&1) ||
    status=$?
ok "a server that is named by its URLs"
cmp -s "$work/first.json" "$work/third/streams-archive/ord-5001.json" || failed "also from afar the same bytes"
has "Everything is as it must be." "gives the same"
status=0
output=$(TRIB_ADMIN_KEY=wrong "$TRIB" demo --url "$url" --admin-url "$admin_url" --archive "$work/third" --exit 2>&1) || status=$?
fails_with 5 "a wrong admin key is told apart"

# a driver who can be found and is not to be had: the demo must notice
t shell rami --sql "CREATE TRIGGER home BEFORE UPDATE OF availability ON points BEGIN SELECT RAISE(IGNORE); END"
ok "he does not take it"
demo
fails_with 6 "a driver who is taken meanwhile"
has "NOT_AVAILABLE" "is told"
t shell rami --sql "DROP TRIGGER home"
ok "he stays"

# ---- the other kinds ----
demo --vertical all
ok "all kinds of deals are played"
for line in "ride       ride-7001    settled      8 events, ledger zero" "grocery    gro-7002     settled     14 events, ledger zero" \
    "parcel     par-7003     settled     11 events, ledger zero" "booking    bkg-7004     settled      8 events, ledger zero" \
    "rental     rent-7005    settled      7 events, ledger zero" "total                          21       21"; do has "$line" "each settles"; done
demo --vertical booking --json
ok "one of them, again"
has '"deals":[{"vertical":"booking","stream":"bkg-7004","status":"settled","events":8,"ledger_zero":true}]' "by itself"
valid_json "as one object"
demo --vertical flight
fails_with 2 "one that is not there"
finish

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
has "equal byte for byte" "three connections read the same"
has "equal to what the three read" "the archive too"
has "total                          21       21" "the server counted 21 rows"
has "(203 with the pings)" "and 203 for the driver"
grep -q '"opcode":401,"nodeId":"rest-01","pointId":null,"delta":34,"payload":"{' "$data/archive/streams-archive/ord-5001.json" ||
    failed "the archive holds JSON rows: numbers as JavaScript prints them, the payload a string"
cp "$data/archive/streams-archive/ord-5001.json" "$work/first.json"

# shellcheck disable=SC2086
demo $free --json
ok "it can be played again"
has '"ok":true' "with the same result"
has '"rows_written":{"streams":12,"ali":1,"bab-hara":3,"rami":203,"discovery":2}' "and the same numbers"
cmp -s "$work/first.json" "$data/archive/streams-archive/ord-5001.json" || failed "and the same archive"

start_server
demo --archive "$work/elsewhere"
ok "a server that runs on the data folder is used"
[ -s "$work/elsewhere/streams-archive/ord-5001.json" ] || failed "the archive goes where it is told"
kill -0 "$server_pid" || failed "and the server is left up"
status=0
output=$(TRIB_ADMIN_KEY=$(cat "$data/admin.key") "$TRIB" demo --url "$url" --admin-url "$admin_url" --archive "$work/third" --exit 2>&1) ||
    status=$?
ok "a server that is named by its URLs"
has "Everything is as it must be." "gives the same"
status=0
output=$(TRIB_ADMIN_KEY=wrong "$TRIB" demo --url "$url" --admin-url "$admin_url" --archive "$work/third" --exit 2>&1) || status=$?
fails_with 5 "a wrong admin key is told apart"

# another writer spoils the count: the demo must notice
t token create streams
spoil=$output
(
    i=0
    while [ "$i" -lt 400 ] && kill -0 "$server_pid" 2>/dev/null && [ ! -e "$work/stop" ]; do
        i=$((i + 1))
        curl -s -m 5 -o /dev/null -H "authorization: Bearer $spoil" "${url}streams/v2/pipeline" \
            -d '{"requests":[{"type":"execute","stmt":{"sql":"CREATE TABLE IF NOT EXISTS spoil(a)"}},{"type":"execute","stmt":{"sql":"INSERT INTO spoil VALUES (1)"}},{"type":"close"}]}' || true
    done
) &
spoiler=$!
sleep 0.3
demo
touch "$work/stop"
wait "$spoiler" || true
fails_with 1 "a number that differs is a failure"
has "WRONG" "and is shown"
finish

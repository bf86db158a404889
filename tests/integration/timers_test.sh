#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Timers of a stream type on a real clock: over HTTP, by SQL, across kill -9; once each, and not where the status was left.
. "$(dirname "$0")/lib.sh"
mkdir -p "$data/stream-types"
cat >"$data/stream-types/quick.json" <<'END'
{
  "type": "quick", "title": "Quick", "about": "a deal that ends by itself", "decimals": 2,
  "roles": {"owner": {"about": "who asks", "payload": "owner"}, "platform": "ends it"},
  "statuses": {"open": "waits", "kept": "somebody cares", "over": "nobody did"},
  "final": ["kept", "over"],
  "opcodes": [
    {"opcode": 9001, "name": "BEGIN", "roles": ["owner"], "delta": "0", "moves": [{"from": "start", "to": "open"}]},
    {"opcode": 9002, "name": "KEEP", "roles": ["owner"], "delta": "0", "moves": [{"from": "open", "to": "kept"}]},
    {"opcode": 9003, "name": "END", "roles": ["platform"], "delta": "0", "moves": [{"from": "open", "to": "over"}]}
  ],
  "timers": [{"name": "nobody", "status": "open", "after": "2s", "opcode": 9003},
             {"name": "look", "status": "open", "after": "1s", "action": "look-for-driver"}]
}
END
sed 's/look-for-driver/no-such-action/' "$data/stream-types/quick.json" >"$data/wrong.json"
status=0
output=$("$TRIB" stream check "$data/wrong.json" 2>&1) || status=$?
fails_with 1 "an action that nobody does is told"
has 'the server has no action "no-such-action"' "and which one"
status=0
output=$("$TRIB" stream check "$data/stream-types/quick.json" 2>&1) || status=$?
ok "the type is fine"
start_server --no-auth

call() {
    method=$1 path=$2
    shift 2
    status=0
    output=$(curl -s -m 20 -X "$method" "${url}streams/api/streams/$path" "$@") || status=$?
}
append() {
    call POST "$1/events" -d "{\"events\":[{\"opcode\":$2,\"payload\":{\"owner\":\"ali\"}}]}"
    has '"last"' "an event of $1"
}
# until_says ID TEXT WHAT: within 15 s
until_says() {
    checks=$((checks + 1))
    tries=0
    until call GET "$1/state" && case $output in *"$2"*) true ;; *) false ;; esac; do
        tries=$((tries + 1))
        [ $tries -lt 150 ] || failed "$3"
        sleep 0.1
    done
}

append a 9001
append kept 9001
append kept 9002
curl -s "${url}streams/v2/pipeline" -d '{"requests":[{"type":"execute","stmt":{"sql":"INSERT INTO events VALUES ('"'e1','sql'"',9001,NULL,NULL,0,'"'{}','2026'"')"}},{"type":"close"}]}' >/dev/null
call GET a/state
has '"status":"open"' "it is open at first"
until_says a '"status":"over"' "a stream that nobody cares for ends"
until_says sql '"status":"over"' "so does one that came by SQL and was never read"
call GET kept/state
has '"status":"kept"' "one that somebody cares for does not"
has '"version":2' "and has no event more"

# ---- down while it falls due, and killed around it ----
append down 9001
kill -9 "$server_pid"
wait "$server_pid" 2>/dev/null || true
sleep 3
start_server --no-auth
until_says down '"status":"over"' "what fell due while the server was down happens at the next start"
for i in 1 2 3 4 5 6; do append "k$i" 9001; done
for pause in 1.9 0.1 0.2; do
    sleep $pause
    kill -9 "$server_pid"
    wait "$server_pid" 2>/dev/null || true
    start_server --no-auth
done
for i in 1 2 3 4 5 6; do until_says "k$i" '"status":"over"' "k$i ends"; done
sleep 1
for id in a sql down k1 k2 k3 k4 k5 k6; do
    call GET "$id/state"
    has '"version":2' "$id: once"
    call GET "$id/verify"
    has '"ok":true' "$id: its chain holds"
done
output=$(curl -s "${admin_url}metrics")
has 'trib_timers_due 0' "nothing is due any more"
has 'trib_timers_total{outcome="unknown_action"}' "actions that nobody offers are counted"
finish

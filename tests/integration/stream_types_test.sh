#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Stream types from the command line: the list, the check with its lines and statuses, files of the data folder, the worked example
# of the how-to as it is printed there, and TypeScript's compiler over the types where it is installed (tests/compat).
. "$(dirname "$0")/lib.sh"
root=$(cd "$(dirname "$0")/../.." && pwd)
page=$root/docs/how-to/write-a-stream-type.md
cd "$work"

# check FILE...: in the working folder, so that messages have short paths
check() {
    status=0
    output=$("$TRIB" stream check "$@" 2>&1) || status=$?
}

# ---- the list ----

t stream types
ok "types are listed without a data folder"
for type in food ride grocery parcel service rental; do has "$type " "$type is built in"; done
t stream types food
ok "one type is shown"
has "| 501 | ORDER_CREATE | - | placed | customer | sum of items + fees |" "with its opcodes"
t stream types fodo
fails_with 4 "an unknown type"
has "did you mean food?" "is told with the nearest name"
t stream types --markdown --typescript
fails_with 2 "two forms at once"
t stream types --file
fails_with 2 "a file of which type?"
"$TRIB" stream types ride --file >ride.json
cmp -s ride.json "$root/src/deal/types/ride.json" || failed "--file prints the file of a type as it is"
for file in "$root"/src/deal/types/*.json; do
    check "$file"
    ok "${file##*/} is right"
done

# ---- the how-to: its file, and what it says about it ----

awk '/^```json$/ { on = 1; next } /^```$/ { on = 0 } on' "$page" >flowers.json
[ -s flowers.json ] || failed "the how-to has no example"
check flowers.json
ok "the example of the how-to is right"
grep -qxF "    $output" "$page" || failed "the how-to shows what the check says"
sed 's/"to": "placed"/"to": "place"/; s/"after": "2d", "opcode": 504/"after": "2d", "opcode": 505/' flowers.json >broken.json
check broken.json
fails_with 1 "a file with mistakes"
checks=$((checks + 1))
printf '%s\n' "$output" | grep '^broken' | while read -r line; do
    grep -qxF "    $line" "$page" || { output=$line && failed "the how-to shows each problem"; }
done
[ "$(printf '%s\n' "$output" | grep -c '^broken.json:[0-9]*:[0-9]*: ')" -eq 2 ] || failed "two mistakes are two lines"
has "code: STREAM_TYPE_INVALID" "the error has its page"
status=0
output=$("$TRIB" stream check --json flowers.json broken.json 2>&1) || status=$?
fails_with 1 "mistakes as JSON"
has '[{"file":"broken.json","line":' "are an array of places"
output=$("$TRIB" stream check --json flowers.json)
[ "$output" = "[]" ] || failed "a right file is an empty array"
check nowhere.json
fails_with 4 "a file that is not there"
check flowers.json nowhere.json broken.json
fails_with 4 "the first failure counts"
has "flowers.json: ok" "and the others are checked"
has "broken.json:" "all of them"

# ---- files of the data folder ----

mkdir -p "$data/stream-types"
cp flowers.json "$data/stream-types/"
t stream types
ok "a file adds a type"
has "$data/stream-types/flowers.json" "and is named"
t stream types --json
ok "as JSON"
has '"type":"flowers"' "with the added type"
start_server
valid_json "the list is JSON"
t stream types --built-in
lacks "flowers" "--built-in leaves files out"
sed 's/"flowers"/"food"/' flowers.json >"$data/stream-types/flowers.json"
t stream types --typescript
ok "a file replaces a built-in type"
has 'export type FoodStatus = "placed" | "tying"' "everywhere"
cp broken.json "$data/stream-types/z.json"
t stream types
fails_with 1 "a wrong file in the folder"
has "$data/stream-types/z.json:" "is told with its line"

# ---- TypeScript ----

tsc=$root/tests/compat/node_modules/.bin/tsc
if [ -x "$tsc" ]; then
    status=0
    output=$("$root/tests/compat/types/check.sh" "$TRIB" "$tsc" 2>&1) || status=$?
    ok "TypeScript takes the types, and refuses what is wrong"
else
    echo "note: no tsc in tests/compat; tests/compat/run.sh compiles the types"
fi
finish

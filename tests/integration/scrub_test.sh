#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A file is damaged for real under a running server: the scrub finds it, that tenant is out of service with a code, the others
# do not notice, and the restored file is back in service without a restart.
. "$(dirname "$0")/lib.sh"
start_server
json_at=streams
t tenant create acme bolt corp
for name in acme bolt corp; do
    t shell $name --sql "CREATE TABLE n (a INTEGER PRIMARY KEY, b TEXT); CREATE INDEX n_b ON n (b);
WITH RECURSIVE c(x) AS (VALUES (1) UNION ALL SELECT x + 1 FROM c WHERE x < 3000) INSERT INTO n SELECT x, hex(randomblob(100)) FROM c;"
    ok "$name has data"
done
stop_server # everything is in the database files
start_server

t scrub --all --rate 0
ok "a scrub of good databases"
has "done: 6 databases" "reads all, the system's too"
has "damaged 0" "and finds nothing"
t quarantine list
has "no database is out of service" "none is out of service"
t scrub
fails_with 2 "what to scrub must be said"
t scrub nobody
fails_with 4 "an unknown tenant"

# the middle of acme's file becomes garbage, while the server has it open
t shell acme --sql "SELECT count(*) AS n FROM n" --mode csv
has 3000 "it is open"
id=$(t tenant show acme && echo "$output" | sed -n 's/^id *//p')
file=$data/db/$(echo "$id" | cut -c1-2)/$(echo "$id" | cut -c3-4)/$id.db
[ -f "$file" ] || failed "tenant show tells the id, and so the file: $file"
size=$(stat -c %s "$file")
cp "$file" "$work/good.db"
head -c 65536 /dev/urandom | dd of="$file" bs=4096 seek=20 conv=notrunc 2>/dev/null

# the others work all the time
(
    while [ ! -e "$work/enough" ]; do
        "$TRIB" shell bolt --data "$data" --sql "INSERT INTO n(b) VALUES ('x')" >/dev/null 2>"$work/bolt.err" || echo failed >>"$work/bolt.failed"
        echo done >>"$work/bolt.done"
    done
) &
others=$!
t scrub --all --rate 0
: >"$work/enough"
wait "$others"
fails_with 7 "damage is a status of its own"
has "damaged acme: " "it names the tenant"
has "damaged 1" "only this one"
has "done: 6 databases" "and goes on with the others"
[ ! -e "$work/bolt.failed" ] && [ -s "$work/bolt.done" ] || failed "others did not notice: $(cat "$work/bolt.err")"
checks=$((checks + 1))
t shell acme --sql "SELECT 1"
has "DATABASE_QUARANTINED" "the tenant is out of service"
t shell corp --sql "SELECT count(*) AS n FROM n" --mode csv
has 3000 "the other is in service"
t quarantine list
has "acme" "the list has it"
has "CHECK_TREE" "with the code"
lacks "bolt" "and nobody else"
t quarantine list --json
output=$(echo "$output" | tr '\n' ' ')
valid_json "as JSON"
t quarantine show acme
has "$id" "show tells the files"
t doctor --max-connections 100
fails_with 7 "doctor calls it an error"
has "error quarantined-databases" "which is out of service"
has "error scrub-found-damage" "and what the scrub found"
api GET metrics
has "trib_scrub_damaged_total 1" "metrics count it"
has "trib_databases_quarantined 1" "metrics count what went out of service"
grep -q database_quarantined "$work/err" || failed "the log has the line"

# it stays so over a restart, and the damaged file does not come back
stop_server
start_server
t shell acme --sql "SELECT 1"
has "DATABASE_QUARANTINED" "also after a restart"
t quarantine release acme
fails_with 1 "a damaged file is not put into service"
has "DATABASE_QUARANTINED" "it says why"
t shell acme --sql "SELECT 1"
has "DATABASE_QUARANTINED" "and stays out"

# the backup in its place
cp "$work/good.db" "$file"
rm -f "${file}-wal"
[ "$(stat -c %s "$file")" = "$size" ] || failed "the file is whole again"
t quarantine release acme
ok "the good file is put into service"
has "acme is in service" "without a restart"
t shell acme --sql "SELECT count(*) AS n FROM n" --mode csv
has 3000 "with its data"
t shell acme --sql "INSERT INTO n(b) VALUES ('back')"
ok "and takes writes"
t quarantine list
has "no database is out of service" "the list is empty"
t scrub acme --rate 0
ok "the scrub passes it"
t quarantine release acme
ok "releasing what is in service does nothing"

# pace, stop, status, going on after a restart
t scrub --all --rate 4KiB --no-wait
ok "it starts"
t scrub --status
has "running" "and runs"
t scrub bolt
fails_with 1 "one at a time"
has "a scrub is under way" "is told"
stop_server
start_server
t scrub --status
has "running" "it goes on after a restart"
t scrub --stop
ok "it is stopped"
sleep 0.3
t scrub --status
has "(stopped)" "and says so"
finish

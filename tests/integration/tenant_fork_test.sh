#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Forks of tenants over sockets: the data of one moment, the source in use meanwhile, and no half tenant after a kill.
. "$(dirname "$0")/lib.sh"
start_server
t tenant create acme
t shell acme --sql "CREATE TABLE n (a INTEGER PRIMARY KEY, b BLOB);
WITH RECURSIVE c(x) AS (VALUES (1) UNION ALL SELECT x + 1 FROM c WHERE x < 20000) INSERT INTO n SELECT x, randomblob(4000) FROM c;"
ok "a tenant of 80 MB"
sum='SELECT count(*) || '"' '"' || sum(a) || '"' '"' || sum(length(b)) AS sum FROM n'
t shell acme --sql "$sum" --mode csv
ok "its sum"
wanted=$output

t tenant fork acme copy
ok "it is forked"
has "${url}copy/" "and the fork has its URL"
t shell copy --sql "$sum" --mode csv
[ "$output" = "$wanted" ] || failed "the fork has the same rows at once"
t shell copy --sql 'PRAGMA integrity_check'
has ok "and is whole"
t shell copy --sql 'DELETE FROM n WHERE a > 10'
t shell acme --sql "$sum" --mode csv
[ "$output" = "$wanted" ] || failed "each has its own from then on"
t tenant fork acme copy
fails_with 6 "a taken name is a conflict"
t tenant fork nobody other
fails_with 4 "an unknown source"
t tenant fork acme 'Not Good'
fails_with 2 "a bad name"
t tenant fork streams mine
fails_with 2 "the server's own are not forked"
api POST v1/namespaces/acme/fork/api-copy
has '[200]' "sqld's route"
api POST v1/namespaces/acme/fork/later -d '{"timestamp":"2026-01-01T00:00:00"}'
has 'timestamp' "a point in time is not to be had, and it is said"
t tenant delete api-copy --yes --now
t tenant delete copy --yes --now

# Files of a fork that did not come to be are removed by a worker, soon after the start.
only_one_file() {
    for _ in $(seq 100); do
        [ "$(find "$data/db" -name '*.db' -o -name '*.tmp' | wc -l)" -eq 1 ] && return 0
        sleep 0.1
    done
    return 1
}

# ---- killed on the way: the fork is there as a whole, or there is nothing of it ----

whole=0 nothing=0
for pause in 0.02 0.1 0.2 0.4 0.8 1.2 1.6 2 3 4; do
    "$TRIB" tenant fork acme "f" --data "$data" >/dev/null 2>&1 &
    fork=$!
    sleep "$pause"
    kill -9 "$server_pid"
    wait "$server_pid" 2>/dev/null || true
    wait "$fork" 2>/dev/null || true
    server_pid=
    start_server
    t tenant show f
    if [ "$status" -eq 0 ]; then
        whole=$((whole + 1))
        t shell f --sql "$sum" --mode csv
        [ "$output" = "$wanted" ] || failed "what is there after a kill is whole (after $pause s)"
        t tenant delete f --yes --now
    else
        nothing=$((nothing + 1))
        fails_with 4 "or is unknown"
    fi
    only_one_file || failed "no file of it is left (after $pause s)"
    t shell acme --sql "$sum" --mode csv
    [ "$output" = "$wanted" ] || failed "the source is as it was"
done
[ "$nothing" -ge 2 ] || failed "some kills came on the way ($nothing of 10; $whole whole)"
echo "$whole forks whole, $nothing undone by a kill"
finish

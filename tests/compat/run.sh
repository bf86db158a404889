#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Real libSQL clients against a running server: starts $TRIB_BIN (default build/dev/trib, then build/release/trib) on loopback
# with an empty data folder, gives every client tenants of its own, runs clients/*.js one after another and ends the server.
# Prints a table; its last line is "N passed, N failed", counting tests. Exit status 1 if any failed.
#
#   tests/compat/run.sh [CLIENT...]     only these, e.g. libsql-client-http
#   COMPAT_CLIENT_SECONDS=120           how long one client may take
#   COMPAT_KEEP=1                       keep the data folder and the logs, and say where they are
#   COMPAT_WRITE_PAGE=1                 write docs/reference/compatibility.md from what passed, instead of comparing it
set -u
cd "$(dirname "$0")" || exit 2
root=$(cd ../.. && pwd)
bin=${TRIB_BIN:-}
for candidate in "$root/build/dev/trib" "$root/build/release/trib"; do
    [ -n "$bin" ] || { [ -x "$candidate" ] && bin=$candidate; }
done
[ -n "$bin" ] && [ -x "$bin" ] || {
    echo "tests/compat/run.sh: no server to test at '${bin:-build/dev/trib}'; build it (make) or set TRIB_BIN" >&2
    exit 2
}
# The server takes every TRIB_ variable for a setting and refuses those it does not know; none of ours is meant for it.
for variable in $(env | sed -n 's/^\(TRIB_[A-Za-z0-9_]*\)=.*/\1/p'); do unset "$variable"; done
client_s=${COMPAT_CLIENT_SECONDS:-120}

# install_with NPM...: what package-lock.json pins.
install_with() {
    "$@" ci --no-progress --loglevel=error --fetch-retries=2 --fetch-retry-mintimeout=1000 --fetch-retry-maxtimeout=10000 \
        --fetch-timeout=60000 && touch node_modules/.package-lock.json
}
major_of() { "$1" -p 'process.versions.node.split(".")[0]'; }

# npm leaves out, without a word, optional packages that are not for the Node that it runs on. Where that is older than the
# pinned one, which runs the clients, it is done once more on that one.
install_twice() {
    install_with npm || return 1
    [ "$(major_of node)" -lt "$(major_of node_modules/.bin/node)" ] || return 0
    mkdir -p ../../build
    cp "$(readlink -f node_modules/.bin/node)" ../../build/pinned-node
    install_with ../../build/pinned-node "$(readlink -f "$(command -v npm)")"
}

# Installs what package-lock.json pins. Without the registry nothing here can run: that is a failure, told with its cure.
install_packages() {
    command -v npm >/dev/null 2>&1 || {
        echo "tests/compat/run.sh: npm is missing; install it (apt-get install npm)" >&2
        return 1
    }
    echo "npm ci ..."
    install_twice && return
    cat >&2 <<TEXT
tests/compat/run.sh: the client packages could not be installed, so no client was tested. npm's reason is above.
Missing, as pinned in tests/compat/package-lock.json:
$(sed -n '/"dependencies"/,/}/s/^ *"\(.*\)": "\(.*\)",*$/  \1 \2/p' package.json)
npm asks $(npm config get registry 2>/dev/null). If this machine cannot reach it, do one of these:
  - name a mirror: npm_config_registry=URL (and npm_config_proxy=URL for a proxy), then run this again
  - run 'npm ci' in tests/compat on a machine of the same kind that can, and copy its node_modules here
TEXT
    return 1
}
# npm writes this file last, so that it is newer than a lock file that it was made from.
if [ ! -f node_modules/.package-lock.json ] || [ package-lock.json -nt node_modules/.package-lock.json ]; then
    install_packages || exit 2
fi
node=$PWD/node_modules/.bin/node

work=$(mktemp -d) || exit 2
server=
finish() {
    [ -z "$server" ] || { kill "$server" 2>/dev/null && wait "$server" 2>/dev/null; }
    if [ -n "${COMPAT_KEEP:-}" ]; then echo "kept: $work"; else rm -rf "$work"; fi
}
trap finish EXIT
trap 'exit 130' INT TERM

# debug: the page says which requests each client sent, and the log is where they are seen; webhooks go to receivers on this machine
"$bin" serve --log-level debug --test-hooks --webhook-private --listen 127.0.0.1:0 --admin-listen 127.0.0.1:0 --data "$work/data" >"$work/out" 2>"$work/server.log" &
server=$!
url='' admin='' waited=0
while [ -z "$url" ] || [ -z "$admin" ]; do
    if ! kill -0 "$server" 2>/dev/null || [ $waited -ge 300 ]; then
        echo "tests/compat/run.sh: the server did not start; its log:" >&2
        cat "$work/out" "$work/server.log" >&2
        exit 2
    fi
    sleep 0.1
    waited=$((waited + 1))
    url=$(sed -n 's/^listening \(http:.*\)$/\1/p' "$work/out")
    admin=$(sed -n 's/^admin \(http:.*\)$/\1/p' "$work/out")
done
export COMPAT_URL="$url" COMPAT_ADMIN_URL="$admin" COMPAT_BIN="$bin"
COMPAT_ADMIN_KEY=$(cat "$work/data/admin.key") || exit 2
export COMPAT_ADMIN_KEY

# What the programs that a flow started said, requests apart.
show_own() {
    [ ! -f "$1" ] || { grep -v ' DEBUG request ' "$1" | tail -n 40; }
    return 0
}

# How the server ended: from a sanitizer's report on, where there is one.
show_end() {
    if grep -q 'ERROR: .*Sanitizer' "$1"; then sed -n '/ERROR: .*Sanitizer/,$p' "$1" | grep -v ' DEBUG request ' | head -n 100
    else tail -n 60 "$1"; fi
}

all_passed=0 all_failed=0
: >"$work/table"
whole=$#
[ $# -gt 0 ] || set -- $(ls clients | sed -n 's/\.js$//p')
for client in "$@"; do
    begin=$(date +%s)
    log=$work/$client.log
    printf '%-26s ...\n' "$client"
    # every client has its own tenants, so that none sees what another wrote
    COMPAT_OWN_LOG=$work/$client.own timeout -k 5 "$client_s" "$node" lib/run-client.js "$client" >"$log" 2>&1 </dev/null
    code=$?
    passed=$(sed -n 's/^# pass \([0-9]*\)$/\1/p' "$log" | tail -n 1)
    failed=$(sed -n 's/^# fail \([0-9]*\)$/\1/p' "$log" | tail -n 1)
    cancelled=$(sed -n 's/^# cancelled \([0-9]*\)$/\1/p' "$log" | tail -n 1)
    passed=${passed:-0} failed=$((${failed:-0} + ${cancelled:-0}))
    # one that ended otherwise (timeout, crash, nothing run) has failed once at least
    { [ $code -eq 0 ] && [ "$passed" -gt 0 ]; } || [ $failed -gt 0 ] || failed=1
    [ $failed -eq 0 ] || { echo "---- $client:" && grep -v '^# Subtest' "$log" && show_own "$work/$client.own" && echo ----; }
    kill -0 "$server" 2>/dev/null || { echo "---- the server ended during $client; its log:" && tail -n 60 "$work/server.log"; }
    printf '%-26s %6s %6s %6ss\n' "$client" "$passed" "$failed" "$(($(date +%s) - begin))" >>"$work/table"
    all_passed=$((all_passed + passed))
    all_failed=$((all_failed + failed))
done

# The types that the program prints for those who append events: TypeScript's own compiler reads them.
if [ "$whole" -eq 0 ]; then
    if PATH=$PWD/node_modules/.bin:$PATH types/check.sh "$bin" "$PWD/node_modules/.bin/tsc" >"$work/types.log" 2>&1; then
        all_passed=$((all_passed + 1))
        printf '%-26s %6s %6s\n' "stream types compile" 1 0 >>"$work/table"
    else
        all_failed=$((all_failed + 1))
        printf '%-26s %6s %6s\n' "stream types compile" 0 1 >>"$work/table"
        echo "---- stream types:" && cat "$work/types.log"
    fi
fi

# SIGTERM must end the server cleanly; under a sanitizer this is also where leaks would be told.
kill "$server" 2>/dev/null
wait "$server"
code=$?
server=
if [ $code -eq 0 ]; then
    all_passed=$((all_passed + 1))
    printf '%-26s %6s %6s\n' "server ends cleanly" 1 0 >>"$work/table"
else
    all_failed=$((all_failed + 1))
    printf '%-26s %6s %6s\n' "server ends cleanly" 0 1 >>"$work/table"
    echo "---- the server ended with status $code; its log:"
    tail -n 60 "$work/server.log"
fi
# The page says what this run shows; a part of a run, or one with failures, shows nothing new.
page=$root/docs/reference/compatibility.md
if [ "$whole" -eq 0 ] && [ $all_failed -eq 0 ]; then
    [ -z "${COMPAT_WRITE_PAGE:-}" ] || "$node" lib/page.js write "$work" "$page"
    if "$node" lib/page.js check "$work" "$page"; then
        all_passed=$((all_passed + 1))
        printf '%-26s %6s %6s\n' "the page says the same" 1 0 >>"$work/table"
    else
        all_failed=$((all_failed + 1))
        printf '%-26s %6s %6s\n' "the page says the same" 0 1 >>"$work/table"
    fi
fi
printf '\n%-26s %6s %6s %7s\n' client passed failed time
cat "$work/table"
echo "$all_passed passed, $all_failed failed"
[ $all_failed -eq 0 ]

#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# sourced by the integration tests: a server of the real binary ($TRIB_BIN) on free ports, ended by its process id.
# A test sources it, calls start_server [SETTING...], checks with is/has/fails_with, and ends with finish.
set -eu
TRIB=${TRIB_BIN:?the path of the built binary}
unset TRIB_URL TRIB_TOKEN TRIB_ADMIN_URL TRIB_ADMIN_KEY TRIB_CONFIG TRIB_DATA 2>/dev/null || true
work=$(mktemp -d)
data=$work/data
server_pid=
checks=0

stop_server() {
    [ -n "$server_pid" ] || return 0
    kill "$server_pid" 2>/dev/null || true
    wait "$server_pid" || { echo "FAILED: the server ended with status $?"; cat "$work/err"; exit 1; }
    server_pid=
}

cleanup() {
    status=$?
    if [ -n "$server_pid" ]; then
        kill "$server_pid" 2>/dev/null || true
        wait "$server_pid" 2>/dev/null || true # it may still write into the folder
    fi
    rm -rf "$work"
    exit "$status"
}
trap cleanup EXIT

# start_server [SERVE OPTION...]: sets url and admin_url.
start_server() {
    : >"$work/out"
    "$TRIB" serve --data "$data" --listen 127.0.0.1:0 --admin-listen 127.0.0.1:0 --log-level warn "$@" \
        >"$work/out" 2>"$work/err" &
    server_pid=$!
    tries=0
    while ! grep -q '^admin ' "$work/out"; do
        tries=$((tries + 1))
        kill -0 "$server_pid" 2>/dev/null && [ "$tries" -lt 300 ] || { echo "the server did not start"; cat "$work/err"; exit 1; }
        sleep 0.1
    done
    url=$(sed -n 's/^listening //p' "$work/out")
    admin_url=$(sed -n 's/^admin //p' "$work/out")
}

# t COMMAND...: the binary on our data folder; status and output land in $status and $output.
t() {
    status=0
    output=$("$TRIB" "$@" --data "$data" 2>&1) || status=$?
}

# api METHOD PATH [CURL ARGUMENT...]: a request to the admin listener; answer and [STATUS] land in $output.
api() {
    method=$1 path=$2
    shift 2
    status=0
    output=$(curl -s -m 20 -w ' [%{http_code}]' -X "$method" -H "authorization: Basic $(cat "$data/admin.key")" \
        "$admin_url$path" "$@" 2>&1) || status=$?
}

# people NAME...: tenants, and a token of each in $work/NAME.token. The server's own databases are there; who acts in the
# name of one has a token for all.
people() {
    for who in "$@"; do
        case $who in
        streams | discovery) t token create --all ;;
        *)
            t tenant create "$who"
            ok "the tenant $who"
            t token create "$who"
            ;;
        esac
        ok "a token of $who"
        printf '%s' "$output" >"$work/$who.token"
    done
}

# as WHO METHOD PATH [CURL ARGUMENT...]: a request by one of them to its own database; the answer and [STATUS] in $output,
# the head in $work/head.
as() {
    who=$1 method=$2 path=$3
    shift 3
    status=0
    output=$(curl -sN -m 40 -D "$work/head" -w ' [%{http_code}]' -X "$method" \
        -H "authorization: Bearer $(cat "$work/$who.token")" "$url$who$path" "$@") || status=$?
}

failed() {
    echo "FAILED: $1"
    echo "  status ${status:-}; output:"
    printf '%s\n' "${output:-}" | sed 's/^/  | /'
    exit 1
}

# ok WHAT: the last command worked. fails_with STATUS WHAT. has TEXT WHAT, lacks TEXT WHAT: in its output.
ok() {
    checks=$((checks + 1))
    [ "$status" -eq 0 ] || failed "$1"
}
fails_with() {
    checks=$((checks + 1))
    [ "$status" -eq "$1" ] || failed "$2 (wanted status $1)"
}
has() {
    checks=$((checks + 1))
    case $output in *"$1"*) ;; *) failed "$2 (wanted: $1)" ;; esac
}
lacks() {
    checks=$((checks + 1))
    case $output in *"$1"*) failed "$2 (not wanted: $1)" ;; *) ;; esac
}

# valid_json WHAT: every line of the last output is JSON, by SQLite's own parser in the shell at $json_at (a tenant of the
# server on our data folder, or a URL).
json_at=streams
valid_json() {
    checks=$((checks + 1))
    [ -n "$output" ] || failed "$1 (no output)"
    printf '%s\n' "$output" | sed "s/'/''/g; s/^/SELECT json_valid('/; s/\$/') AS valid;/" >"$work/valid.sql"
    verdict=$("$TRIB" shell "$json_at" --data "$data" --mode csv <"$work/valid.sql" 2>&1) || verdict="$verdict status $?"
    [ "$(echo "$verdict" | sort -u | tr '\n' ' ')" = "1 valid " ] || failed "$1 (not JSON: $verdict)"
}

finish() {
    stop_server
    echo "$checks passed, 0 failed"
}

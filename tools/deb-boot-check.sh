#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What the service does under a real systemd; tools/deb-test.sh boot runs it inside a container, as root, with older.deb and
# newer.deb beside it. Every line of the output says what held; the last one is "N passed, 0 failed" and means all of it.
set -eu
export LC_ALL=C DEBIAN_FRONTEND=noninteractive TRIB_DATA=/var/lib/tributary
cd "$(dirname "$0")"
checks=0

failed() {
    echo "FAILED: $1"
    systemctl status --no-pager -l tributary.service tributary.socket tributary-admin.socket 2>&1 | tail -n 60
    journalctl --no-pager -n 40 -u tributary.service 2>&1 | tail -n 40
    exit 1
}
ok() { # WHAT COMMAND...
    what=$1
    shift
    checks=$((checks + 1))
    "$@" >last 2>&1 || { cat last && failed "$what"; }
    echo "ok     $what"
}
is() { # WHAT WANTED SEEN
    checks=$((checks + 1))
    [ "$2" = "$3" ] || failed "$1: wanted '$2', saw '$3'"
    echo "ok     $1"
}
pid() { systemctl show -P MainPID tributary.service; }
row() { trib shell acme --sql 'SELECT text FROM note' --mode csv | tail -n 1 | tr -d '\r'; }
status_of() { sed -n "s/^$1:[[:space:]]*//p" "/proc/$(pid)/status" | tr '\t' ' '; }

# load COMMAND...: runs it while a client asks its tenant as fast as it can, over a new connection each time; sets $asked and
# $lost. What is refused or cut off is lost. (Not /health: it says 503 from the moment on that a server drains.)
query='{"requests":[{"type":"execute","stmt":{"sql":"SELECT text FROM note"}},{"type":"close"}]}'
load() {
    rm -f stop asked lost
    (
        asked=0 lost=0
        while [ ! -e stop ]; do
            asked=$((asked + 1))
            curl -sf -m 20 -o /dev/null -w '%{http_code} %{errormsg}\n' -H "authorization: Bearer $token" \
                http://127.0.0.1:8080/acme/v2/pipeline -d "$query" >answer && continue
            lost=$((lost + 1))
            echo "       lost: $(cat answer)"
        done
        echo $asked >asked && echo $lost >lost
    ) &
    sleep 1
    ok "under load: $*" "$@"
    sleep 1
    : >stop
    wait
    asked=$(cat asked) lost=$(cat lost)
}

# ---- installed: runs, shut in ----
ok "installs" dpkg -i older.deb
is "is active, having said that it is ready" "active running" "$(systemctl show -P ActiveState tributary) $(systemctl show -P SubState tributary)"
ok "answers" curl -sf http://127.0.0.1:8080/health
ok "a tenant" trib tenant create acme
ok "a row" trib shell acme --sql "CREATE TABLE note (text TEXT); INSERT INTO note VALUES ('here')"
token=$(trib token create acme)
ok "the whole demo runs inside the sandbox" env TRIB_ADMIN_KEY="$(cat /var/lib/tributary/admin.key)" trib demo --exit \
    --url http://127.0.0.1:8080/ --admin-url http://127.0.0.1:8081/ --archive /tmp/archive
is "as its own user" "$(id -u tributary)" "$(status_of Uid | cut -d ' ' -f 1)"
is "without a capability" 0000000000000000 "$(status_of CapBnd)"
is "without a way to new privileges" 1 "$(status_of NoNewPrivs)"
is "with a filter of system calls" 2 "$(status_of Seccomp)"
# as configured: a container without CAP_SYS_RESOURCE cannot raise what its host gave it
is "with descriptors for all its connections" 65536 "$(systemctl show -P LimitNOFILE tributary)"
is "with the right to come back from nice 19" 20 "$(systemctl show -P LimitNICE tributary)"
is "its folder is its own" "700 tributary" "$(stat -c '%a %U' /var/lib/tributary)"

# ---- reload, crash ----
before=$(pid)
load systemctl reload tributary
is "a reload keeps the process" "$before" "$(pid)"
is "and loses none of the requests" 0 "$lost"
kill -9 "$before"
sleep 4
is "a crash is answered by a restart" active "$(systemctl is-active tributary)"
is "and the row is there" here "$(row)"

# ---- sockets ----
ok "stops" systemctl stop tributary.service
ok "systemd takes the ports" systemctl enable --now tributary.socket tributary-admin.socket
ok "the first client starts the server" curl -sf -m 20 http://127.0.0.1:8080/health
ok "and it says that it is ready" systemctl start tributary.service
is "the row is there" here "$(row)"
before=$(pid)
load systemctl restart tributary.service
[ "$(pid)" != "$before" ] || failed "a restart makes a new process"
is "a restart loses none of the requests" 0 "$lost"
echo "       $asked requests"
before=$(pid)
load dpkg -i --force-confold newer.deb
[ "$(pid)" != "$before" ] || failed "an upgrade restarts the server"
is "nor does an upgrade" 0 "$lost"
echo "       $asked requests"
is "the sockets are still there" "active active" "$(systemctl is-active tributary.socket tributary-admin.socket | paste -s -d ' ' -)"
is "and the row is there" here "$(row)"

# ---- a refused downgrade, a purge ----
version=$(dpkg-query -W -f '${Version}' tributary)
load sh -c '! dpkg -i older.deb'
is "a downgrade is refused, and the newer version stays" "ii  $version" \
    "$(dpkg-query -W -f '${db:Status-Abbrev} ${Version}' tributary)"
is "it runs" active "$(systemctl is-active tributary)"
is "and no client noticed" 0 "$lost"
ok "purges" dpkg --purge tributary
if systemctl is-active tributary.service tributary.socket tributary-admin.socket >last; then failed "all units are stopped"; fi
ok "the data stay" test -s /var/lib/tributary/control.db
echo "$checks passed, 0 failed"

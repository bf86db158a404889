#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# sourced by tests/swift/run.sh: OpenStack Swift with its s3api, from Debian's python3-swift, as a bucket on loopback.
#
#   swift_start    proxy, account, container and object server, one process each, rings of one device; sets swift_port
#   swift_stop     ends them by their process ids
#
# Only the library is needed: the packages swift-proxy and so on bring services that an installation starts. All files lie
# in $work/swift. As root the servers become nobody. Without memcached: the cache is told a port where nobody listens, and
# what it cannot fetch it does without.
swift_pids=
swift_key=test:tester
swift_secret=testing
swift_python=/usr/bin/python3

# Objects keep their headers in extended attributes, which some file systems of temporary folders do not have.
swift_folder_fits() {
    "$swift_python" -c 'import os, sys
path = sys.argv[1] + "/probe"
open(path, "w").close()
os.setxattr(path, "user.swift.probe", b"1")' "$1" 2>/dev/null
}

# The lines that all four servers begin with.
swift_common() {
    cat <<CONF
[DEFAULT]
bind_ip = 127.0.0.1
bind_port = $1
workers = 0
user = $swift_user
swift_dir = $swift_home
devices = $swift_home/devices
mount_check = false
disable_fallocate = true
fallocate_reserve = 0
db_preallocation = off
log_level = WARNING

CONF
}

swift_write_settings() {
    for part in account container object; do
        case $part in account) port=$((swift_base + 1)) ;; container) port=$((swift_base + 2)) ;; *) port=$((swift_base + 3)) ;; esac
        {
            swift_common $port
            printf '[pipeline:main]\npipeline = %s-server\n\n[app:%s-server]\nuse = egg:swift#%s\n' $part $part $part
            # without daemons that come later what a listing needs must be there at once
            [ $part != object ] || printf 'container_update_timeout = 10\n'
        } >"$swift_home/$part.conf"
    done
    {
        swift_common "$swift_port"
        cat <<CONF
[pipeline:main]
pipeline = catch_errors gatekeeper cache s3api tempauth bulk slo dlo proxy-server

[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true

[filter:catch_errors]
use = egg:swift#catch_errors

[filter:gatekeeper]
use = egg:swift#gatekeeper

[filter:cache]
use = egg:swift#memcache
memcache_servers = 127.0.0.1:$((swift_base + 9))

[filter:s3api]
use = egg:swift#s3api
location = $swift_region
storage_domain = localhost

[filter:tempauth]
use = egg:swift#tempauth
user_test_tester = $swift_secret .admin

[filter:bulk]
use = egg:swift#bulk

[filter:slo]
use = egg:swift#slo

[filter:dlo]
use = egg:swift#dlo
CONF
    } >"$swift_home/proxy.conf"
    printf '[swift-hash]\nswift_hash_path_prefix = tributary\nswift_hash_path_suffix = tributary\n' >"$swift_home/swift.conf"
}

swift_make_rings() {
    (cd "$swift_home" && "$swift_python" -c 'import sys
from swift.common.ring import RingBuilder
for number, name in enumerate(("account", "container", "object")):
    builder = RingBuilder(1, 1, 0)
    builder.add_dev({"id": 0, "region": 1, "zone": 1, "weight": 1.0, "ip": "127.0.0.1", "device": "d",
                     "port": int(sys.argv[1]) + 1 + number})
    builder.rebalance()
    builder.get_ring().save(name + ".ring.gz")' "$swift_base")
}

# swift_run PART: in the background; the settings of the hash are told before anything is loaded.
swift_run() {
    "$swift_python" -c 'import sys, time
real_time, skew_s = time.time, float(sys.argv[3])
time.time = lambda: real_time() + skew_s
import swift.common.utils as utils
utils.SWIFT_CONF_FILE = sys.argv[2] + "/swift.conf"
from swift.common.wsgi import run_wsgi
more = {}
if sys.argv[1] == "object":
    from swift.obj import server
    more["global_conf_callback"] = server.global_conf_callback
role = "proxy" if sys.argv[1] == "second" else sys.argv[1]
sys.exit(run_wsgi(sys.argv[2] + "/" + sys.argv[1] + ".conf", role + "-server", **more))' \
        "$1" "$swift_home" "${swift_skew_s:-0}" >"$swift_home/$1.log" 2>&1 </dev/null &
    swift_pids="$swift_pids $!"
}

# swift_second_proxy: another one, to the same devices, with a clock that is $swift_skew_s ahead; sets swift_second_port.
swift_second_proxy() {
    swift_second_port=$((swift_base + 4))
    sed "s/^bind_port = .*/bind_port = $swift_second_port/" "$swift_home/proxy.conf" >"$swift_home/second.conf"
    swift_run second
    for _ in $(seq 1 100); do
        if curl -s -o "$work/answer" -m 5 "http://127.0.0.1:$swift_second_port/healthcheck"; then return 0; fi
        sleep 0.2
    done
    failed "a second proxy starts"
}

swift_stop() {
    for pid in $swift_pids; do kill "$pid" 2>/dev/null || :; done
    for pid in $swift_pids; do wait "$pid" 2>/dev/null || :; done
    swift_pids=
}

# True once all four listen; false where one of them has ended, its port taken by somebody else.
swift_is_up() {
    for _ in $(seq 1 150); do
        for pid in $swift_pids; do kill -0 "$pid" 2>/dev/null || return 1; done
        up=yes
        for port in $((swift_base + 1)) $((swift_base + 2)) $((swift_base + 3)) "$swift_port"; do
            # any answer will do
            curl -s -o "$work/answer" -m 5 "http://127.0.0.1:$port/healthcheck" || up=
        done
        [ -z "$up" ] || return 0
        sleep 0.2
    done
    return 1
}

# swift_start REGION: rings name ports, so they are chosen here, below those that the system gives out by itself.
swift_start() {
    swift_region=$1
    swift_home=$work/swift
    swift_user=$(id -un)
    mkdir -p "$swift_home/devices/d"
    swift_folder_fits "$swift_home" || { echo "FAILED: $work has no extended attributes; set TMPDIR to a folder on ext4 or xfs" && exit 1; }
    if [ "$(id -u)" -eq 0 ]; then
        swift_user=nobody
        chmod 711 "$work"
        chown -R nobody "$swift_home"
    fi
    for try in 1 2 3 4 5; do
        swift_base=$(awk -v seed="$$$try" 'BEGIN { srand(seed); print 10 * int(2000 + rand() * 1200) }')
        swift_port=$swift_base
        swift_write_settings
        swift_make_rings
        for part in account container object proxy; do swift_run $part; done
        if swift_is_up; then return 0; fi
        swift_stop
    done
    echo "FAILED: Swift does not start"
    tail -n 20 "$swift_home"/*.log
    exit 1
}

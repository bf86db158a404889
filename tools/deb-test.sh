#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What the Debian package promises, shown in a bare Debian: installed, the server started by hand (no systemd runs in such a
# folder), a tenant and a row made; upgraded while the server runs and the settings were edited; a downgrade refused; removed,
# purged and installed again; the row is there each time. `make deb-test` calls it: as root, with debootstrap, about 3 minutes.
#
#   TRIB_DEB_SUITE=bookworm   the Debian to install in; TRIB_DEBIAN_MIRROR where it comes from (default: as this machine's apt)
#   TRIB_DEB_PACKAGE=FILE     the package (default: that of build/deb); it fits the Debian that it was built on
#
# tools/deb-test.sh boot (`make deb-boot-test`): the same bare Debian, booted in a container of systemd-nspawn, where
# tools/deb-boot-check.sh looks at the service under a real systemd: sandbox, reload, crash, sockets, restart and upgrade under load.
#
# Each command runs in a mount namespace of its own, which takes its /proc along when it ends: nothing is left mounted.
set -eu
export LC_ALL=C
cd "$(dirname "$0")/.."
suite=${TRIB_DEB_SUITE:-bookworm}
out=build/deb
checks=0
server_pid=
base=

say() { printf 'deb-test: %s\n' "$*"; }
die() {
    printf 'tools/deb-test.sh: FAILED: %s\n' "$*" >&2
    [ ! -s "${log:-}" ] || tail -n 25 "$log" >&2
    exit 1
}

stop_server() {
    [ -n "$server_pid" ] || return 0
    kill "$(cat "$root/run/trib.pid")" 2>/dev/null || true
    wait "$server_pid" || die "the server ended with status $?"
    server_pid=
}

cleanup() {
    status=$?
    if [ -n "$server_pid" ] && [ -s "$root/run/trib.pid" ]; then kill "$(cat "$root/run/trib.pid")" 2>/dev/null || true; fi
    if [ -n "$base" ] && ! grep -q " $base" /proc/self/mounts; then rm -rf --one-file-system "$base"; fi
    exit "$status"
}

# inside COMMAND...: as root in the folder, with /proc. The output goes to $log.
inside() {
    unshare --mount --propagation private sh -c 'root=$1; shift; mount -t proc proc "$root/proc" && exec chroot "$root" "$@"' \
        inside "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root DEBIAN_FRONTEND=noninteractive \
        TRIB_DATA=/var/lib/tributary "$@" >"$log" 2>&1 </dev/null
}

ok() { # WHAT COMMAND...
    what=$1
    shift
    checks=$((checks + 1))
    inside "$@" || die "$what"
}
refused() {
    what=$1
    shift
    checks=$((checks + 1))
    if inside "$@"; then die "$what"; fi
}
has() { # TEXT WHAT: in the output of the last command
    checks=$((checks + 1))
    grep -q -F -e "$1" "$log" || die "$2 (wanted: $1)"
}

find_mirror() {
    mirror=${TRIB_DEBIAN_MIRROR:-$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' "Origin: Debian" \
        2>/dev/null | grep -v security | head -n 1)}
    mirror=${mirror:-http://deb.debian.org/debian}
}

# A bare system, kept as an archive for the next time.
lay_out() {
    archive=$out/bare-$suite.tar
    base=$(mktemp -d /tmp/deb-XXXXXX)
    root=$base/root
    log=$base/log
    mkdir "$root"
    if [ ! -f "$archive" ]; then
        say "debootstrap of $suite from $mirror"
        debootstrap --variant=minbase "$suite" "$root" "$mirror" >"$log" 2>&1 || die "debootstrap did not work"
        apt-config dump | grep '^Acquire::.*[Pp]roxy' >"$root/etc/apt/apt.conf.d/proxy" || true
        tar -C "$root" -c --one-file-system . >"$archive.new" && mv "$archive.new" "$archive"
    else
        tar -C "$root" -x -p -f "$archive"
    fi
    cp /etc/resolv.conf "$root/etc/resolv.conf"
}

# The same package under a higher version, with one line more in its settings.
make_newer() {
    rm -rf "$base/newer"
    dpkg-deb -R "$package" "$base/newer"
    old=$(dpkg-deb -f "$package" Version)
    new=$old.upgraded
    sed -i "s/^Version: .*/Version: $new/" "$base/newer/DEBIAN/control"
    echo "# a line that the newer version brings" >>"$base/newer/etc/tributary/trib.conf"
    (cd "$base/newer" && find . -path ./DEBIAN -prune -o -type f -printf '%P\0' | xargs -0 md5sum >DEBIAN/md5sums)
    dpkg-deb --root-owner-group -b "$base/newer" "$root/root/newer.deb" >"$log" 2>&1 || die "the newer package"
    cp "$package" "$root/root/older.deb"
}

# By hand what the unit does: the user of the package, his folder, the settings of the package; ports of its own, because this
# machine may have a server.
start_server() {
    ok "the data folder" install -d -m 0700 -o tributary -g tributary /var/lib/tributary
    rm -f "$root/run/trib.pid" "$root/run/trib.out"
    unshare --mount --propagation private sh -c 'mount -t proc proc "$1/proc" && exec chroot "$1" env -i PATH=/usr/bin:/bin \
        TRIB_LISTEN=127.0.0.1:0 TRIB_ADMIN_LISTEN=127.0.0.1:0 setpriv --reuid tributary --regid tributary --init-groups \
        trib serve --config /etc/tributary/trib.conf' inside "$root" >"$root/run/trib.out" 2>"$base/server.log" </dev/null &
    server_pid=$!
    echo "$server_pid" >"$root/run/trib.pid" # each program in the row execs the next one
    for _ in $(seq 150); do
        if grep -q '^admin ' "$root/run/trib.out"; then return 0; fi
        kill -0 "$server_pid" 2>/dev/null || break
        sleep 0.2
    done
    cp "$base/server.log" "$log"
    die "the server did not start"
}

row_is_there() { # WHEN
    ok "a query $1" trib shell acme --sql 'SELECT text FROM note' --mode csv
    has "hello from the first version" "the row is there $1"
}

version_is() {
    ok "dpkg knows the package" dpkg-query -W -f '${db:Status-Abbrev} ${Version}' tributary
    has "ii  $1" "$2"
}

test_install() {
    ok "apt-get update" apt-get -q update
    ok "installing with what it depends on" apt-get -q install -y --no-install-recommends /root/older.deb
    ok "the user is there" getent passwd tributary
    has ":/var/lib/tributary:" "his home is the data folder"
    ok "the settings are good" trib config show --config /etc/tributary/trib.conf --origin
    has "data = /var/lib/tributary" "they name the data folder"
    ok "the units are enabled as they should be" systemctl is-enabled tributary.service
    refused "the sockets are for those who want them" systemctl is-enabled tributary.socket
    ok "systemd understands the units" systemd-analyze verify --man=no tributary.service tributary.socket tributary-admin.socket
    [ ! -s "$log" ] || die "systemd-analyze verify is silent"
    for file in bin/trib share/man/man1/trib-serve.1.gz share/man/man5/trib.conf.5.gz share/doc/tributary/copyright \
        share/bash-completion/completions/trib share/zsh/vendor-completions/_trib \
        share/fish/vendor_completions.d/trib.fish lib/sysusers.d/tributary.conf; do
        ok "/usr/$file is there" test -s "/usr/$file"
    done
    start_server
    ok "a tenant" trib tenant create acme
    ok "a table" trib shell acme --sql 'CREATE TABLE note (text TEXT)'
    ok "a row" trib shell acme --sql "INSERT INTO note VALUES ('hello from the first version')"
    row_is_there "after the installation"
    ok "the data are for their user alone" stat -c '%a %U' /var/lib/tributary /var/lib/tributary/control.db
    has "700 tributary" "the folder"
    has "600 tributary" "the control database"
}

test_upgrade() {
    echo "drain_timeout = 5s" >>"$root/etc/tributary/trib.conf"
    ok "an upgrade under a running server" apt-get -q install -y --no-install-recommends -o Dpkg::Options::=--force-confold \
        /root/newer.deb
    version_is "$new" "the newer version is installed"
    row_is_there "while the old server still runs"
    ok "the edited settings" cat /etc/tributary/trib.conf
    has "drain_timeout = 5s" "are kept"
    stop_server
    start_server
    row_is_there "after the upgrade"
    refused "a downgrade is refused" dpkg -i /root/older.deb
    has "does not go over version" "and says why"
    version_is "$new" "the newer version is still installed and configured"
    row_is_there "after the refused downgrade"
    ok "an operator may insist" touch /etc/tributary/allow-downgrade
    ok "and then goes back" dpkg -i --force-confold /root/older.deb
    version_is "$old" "the older version"
    row_is_there "after the downgrade"
    stop_server
}

test_purge() {
    ok "the package is removed" apt-get -q remove -y tributary
    ok "the settings stay until a purge" test -s /etc/tributary/trib.conf
    ok "the data stay" test -s /var/lib/tributary/control.db
    ok "a secret of the operator" sh -c 'echo TRIB_ADMIN_KEY=x >/etc/tributary/environment'
    ok "the package is purged" apt-get -q purge -y tributary
    has "are kept" "the purge says that the data stay"
    refused "the configuration is gone" test -e /etc/tributary
    ok "the data are not" test -s /var/lib/tributary/control.db
    ok "nor the user whose they are" getent passwd tributary
    ok "installing again" dpkg -i /root/older.deb
    start_server
    row_is_there "after a purge and a new installation"
    stop_server
    ok "purged once more" apt-get -q purge -y tributary
    ok "the program is gone" test ! -e /usr/bin/trib
    ok "and the data are not" test -s /var/lib/tributary/control.db
}

# Boots the folder and waits until the check inside has run and turned it off.
test_boot() {
    ok "apt-get update" apt-get -q update
    # shellcheck disable=SC2046 # names of packages
    ok "what a booting system needs, and the package's own dependencies" apt-get -q install -y --no-install-recommends systemd \
        systemd-sysv dbus curl procps $(dpkg-deb -f "$package" Depends | tr , '\n' | sed 's/|.*//; s/(.*//')
    cp tools/deb-boot-check.sh "$root/root/check.sh"
    cat >"$root/etc/systemd/system/check.service" <<UNIT
[Unit]
Description=Check of the package
SuccessAction=poweroff
FailureAction=poweroff
[Service]
Type=oneshot
TimeoutStartSec=300
WorkingDirectory=/root
ExecStart=/root/check.sh
StandardOutput=file:/root/check.log
StandardError=inherit
[Install]
WantedBy=multi-user.target
UNIT
    ok "the check starts with the system" systemctl enable check.service
    say "booting"
    timeout -k 10 400 systemd-nspawn --quiet --register=no --keep-unit --private-network -b -D "$root" >"$base/boot.log" 2>&1 \
        </dev/null || { tail -n 20 "$base/boot.log" >&2 && die "the container did not end by itself"; }
    cat "$root/root/check.log"
    log=
    grep -q '^[0-9]* passed, 0 failed$' "$root/root/check.log" || die "the service under systemd (see above)"
}

mode=${1:-}
case $mode in
'') tools="debootstrap unshare chroot dpkg-deb" goal=deb-test ;;
boot) tools="debootstrap unshare chroot dpkg-deb systemd-nspawn" goal=deb-boot-test ;;
*) die "unknown argument $mode (there is only boot)" ;;
esac
[ "$(id -u)" -eq 0 ] || die "this needs root: chroot and dpkg"
for tool in $tools; do
    command -v $tool >/dev/null || die "$tool is missing (tools/setup.sh $goal installs it)"
done
package=${TRIB_DEB_PACKAGE:-$(ls "$out"/tributary_*.deb 2>/dev/null | head -n 1)}
[ -n "$package" ] || die "there is no package in $out; run make deb"
trap cleanup EXIT
find_mirror
lay_out
make_newer
say "$package in a bare $suite"
if [ "$mode" = boot ]; then
    test_boot
    exit 0
fi
test_install
say "installed: ok"
test_upgrade
say "upgraded, downgrade refused: ok"
test_purge
say "removed and purged: ok"
echo "$checks passed, 0 failed"

#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Builds the Debian package into build/deb and has lintian look at it; `make deb` calls it.
#
# The version comes from the tree: X.Y.Z of CMakeLists.txt on the commit that has the tag vX.Y.Z, and before it
# X.Y.Z~gitN.HASH, N being the number of commits, so that each build is newer than the last one and older than the release.
# TRIB_DEB_VERSION overrides it, for a test; who publishes packages names himself in TRIB_DEB_MAINTAINER ("NAME <ADDRESS>").
# The tree is copied first: what the build makes never lands in it.
set -eu
export LC_ALL=C
cd "$(dirname "$0")/.."
out=build/deb

die() {
    printf 'tools/deb.sh: %s\n' "$*" >&2
    exit 1
}

find_version() {
    base=$(sed -n 's/^project(tributary VERSION \([0-9.]*\) .*/\1/p' CMakeLists.txt)
    [ -n "$base" ] || die "CMakeLists.txt has no version"
    version=${TRIB_DEB_VERSION:-$base}
    [ -z "${TRIB_DEB_VERSION:-}" ] && [ -e .git ] || return 0
    [ "$(git describe --tags --exact-match HEAD 2>/dev/null)" = "v$base" ] && return 0
    version=$base~git$(git rev-list --count HEAD).$(git rev-parse --short=8 HEAD)
}

# What belongs to the tree, also what is not committed yet; of an unpacked archive everything but what a build makes.
list_files() {
    if [ -e .git ]; then
        git ls-files -co --exclude-standard
    else
        find . -path ./build -prune -o -path ./.deps -prune -o -type f -print
    fi | grep -v -E '^(\./)?(tests|web|examples|\.ci)/' | while read -r file; do [ -f "$file" ] && echo "$file"; done
}

lay_out() {
    rm -rf "$out/src"
    mkdir -p "$out/src/.deps"
    list_files | tar -c -T - | tar -x -C "$out/src"
    cp -r .deps/sqlite "$out/src/.deps/"
    mv "$out/src/packaging/debian" "$out/src/debian"
    for unit in tributary.service tributary.socket tributary-admin.socket; do
        case $unit in
        tributary-admin.socket) cp "$out/src/packaging/$unit" "$out/src/debian/tributary.tributary-admin.socket" ;;
        *) cp "$out/src/packaging/$unit" "$out/src/debian/$unit" ;;
        esac
    done
    cp "$out/src/packaging/sysusers.conf" "$out/src/debian/tributary.sysusers"
    libraries=$(awk -F' *[|] *' '$1 == "build" && $3 ~ /-dev$/ && $3 !~ /^(libc6|dpkg)-dev$/ { print $3 }' tools/packages.txt |
        sort | paste -s -d , - | sed 's/,/, /g')
    sed -i "s/@LIBRARIES@/$libraries/" "$out/src/debian/control"
    sed -i "s/@SQLITE_VERSION@/$(sed 's/ .*//' .deps/sqlite/version)/" "$out/src/debian/copyright"
    [ -z "${TRIB_DEB_MAINTAINER:-}" ] || sed -i "s/^Maintainer: .*/Maintainer: $TRIB_DEB_MAINTAINER/" "$out/src/debian/control"
    date=$(git log -1 --format=%cD 2>/dev/null || date -R)
    cat >"$out/src/debian/changelog" <<CHANGELOG
tributary ($version) unstable; urgency=medium

  * Built from the tree${commit:+ at commit $commit}; the history is in git.

 -- $(sed -n 's/^Maintainer: //p' "$out/src/debian/control")  $date
CHANGELOG
}

main() {
    for tool in dpkg-buildpackage dh lintian cmake; do
        command -v $tool >/dev/null || die "$tool is missing (tools/setup.sh deb installs it)"
    done
    tools/sqlite-build.sh
    find_version
    commit=$(git rev-parse --short=8 HEAD 2>/dev/null || :)
    rm -f "$out"/*.deb "$out"/*.changes "$out"/*.buildinfo
    lay_out
    mkdir -p "$out"
    log=$out/build.log
    jobs=${TRIB_JOBS:-$(nproc)}
    if ! (cd "$out/src" && DEB_BUILD_OPTIONS="${DEB_BUILD_OPTIONS:-} parallel=$jobs" dpkg-buildpackage -b -us -uc) \
        >"$log" 2>&1 </dev/null; then
        grep -v '^\[[0-9]*/' "$log" | tail -n 40 | cut -c 1-240 >&2 # without the calls of the compiler
        die "the package does not build; $log has it all"
    fi
    rm -rf "$out/src"
    allow_root=
    [ "$(id -u)" -ne 0 ] || allow_root=--allow-root
    lintian $allow_root --fail-on error,warning "$out"/*.changes || die "lintian is not content (see above)"
    for package in "$out"/*.deb; do echo "$package"; done
}

main "$@"

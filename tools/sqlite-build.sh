#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Makes .deps/sqlite/sqlite3.c and sqlite3.h from the source package "sqlite3" of Debian 13 (trixie + trixie-security).
#
#   tools/sqlite-build.sh            make it, or do nothing when it is there
#   tools/sqlite-build.sh --refresh  ask the mirror again and rebuild when Debian has a newer version
#
# apt runs with a state folder of its own below .deps: the machine's package lists, sources and cache are not touched, and
# no root is needed. What is taken from the machine is where its Debian mirror is, how to reach it (proxy), and Debian's
# signing keys. apt checks the signature of the index and the hash of the source package against it, dpkg-source the hash
# of every part. Where the machine has none of that (Ubuntu), it is named in the environment: TRIB_DEBIAN_MIRROR,
# TRIB_DEBIAN_SECURITY_MIRROR (folders with dists/ and pool/) and TRIB_DEBIAN_KEYRING (a file).
set -eu
export LC_ALL=C

SUITE=trixie
RECIPE=1 # raise it when the steps below change, so that old results are rebuilt

root=$(cd "$(dirname "$0")/.." && pwd)
mkdir -p "$root/.deps"
deps=$(cd "$root/.deps" && pwd -P)
out="$deps/sqlite"
stamp="$out/version"
work="$deps/sqlite-work"

say() { printf 'sqlite: %s\n' "$*"; }
die() {
    printf 'tools/sqlite-build.sh: %s\n' "$*" >&2
    exit 1
}

is_ready() { [ -f "$out/sqlite3.c" ] && [ -f "$out/sqlite3.h" ] && grep -qs "recipe $RECIPE\$" "$stamp"; }

need_tools() {
    missing=
    for tool in apt-get apt-config dpkg-source tclsh cc make flock; do
        command -v "$tool" >/dev/null 2>&1 || missing="$missing $tool"
    done
    [ -z "$missing" ] || die "these programs are missing:$missing (tools/setup.sh run installs them)"
}

# Prints the machine's Debian mirror ($1 = main) or its security mirror ($1 = security), as apt itself understands its
# sources, in either file format. Without downloaded lists apt does not know the origin: then the path has to tell.
machine_mirror() {
    apt-get indextargets --format '$(RELEASE) $(COMPONENT) $(ORIGIN) $(REPO_URI)' 2>/dev/null | awk -v want="$1" '
        $2 != "main" || $4 ~ /^(cdrom|file|copy):/ { next }
        $3 !~ /^\$/ && $3 != "Debian" { next }
        $3 ~ /^\$/ && $4 !~ /\/debian(-security)?(\.list)?(\/|$)/ { next }
        { kind = ($1 ~ /-security$/ || $4 ~ /debian-security/) ? "security" : "main" }
        kind == "main" && $1 ~ /-(updates|backports|proposed)/ { next }
        kind == want { print $4; exit }'
}

find_mirrors() {
    main=${TRIB_DEBIAN_MIRROR:-$(machine_mirror main)}
    security=${TRIB_DEBIAN_SECURITY_MIRROR:-$(machine_mirror security)}
    [ -n "$main" ] || die "this machine's apt sources name no Debian mirror. Set TRIB_DEBIAN_MIRROR (and
  TRIB_DEBIAN_SECURITY_MIRROR) to the URL of one, the folder that holds dists/ and pool/, and run this again."
    guessed=
    if [ -z "$security" ]; then # a minimal system often names the main archive only; mirrors keep both side by side
        security="${main%/}-security"
        guessed=yes
    fi
}

find_keyring() {
    for keyring in "${TRIB_DEBIAN_KEYRING:-}" /usr/share/keyrings/debian-archive-keyring.pgp \
        /usr/share/keyrings/debian-archive-keyring.gpg; do
        [ -f "$keyring" ] && return
    done
    die "Debian's signing keys are missing: install the package debian-archive-keyring (tools/setup.sh run does)"
}

write_sources() {
    echo "deb-src [signed-by=$keyring] ${main%/} $SUITE main" >"$work/sources.list"
    [ -z "$security" ] || echo "deb-src [signed-by=$keyring] ${security%/} $SUITE-security main" >>"$work/sources.list"
}

# The machine's way to its mirrors (proxies, timeouts) is copied; its hooks and its lists of what to fetch are not.
write_config() {
    apt-config dump | grep '^Acquire::' | grep -v -e '^Acquire::IndexTargets' -e '^Acquire::CompressionTypes' \
        >"$work/apt.conf" || :
    mkdir -p "$work/etc" "$work/state/lists/partial" "$work/cache/archives/partial"
    : >"$work/state/status"
    cat >>"$work/apt.conf" <<CONF
Dir::Etc::Main "/dev/null";
Dir::Etc::Parts "$work/etc";
Dir::Etc::SourceList "$work/sources.list";
Dir::Etc::SourceParts "$work/etc";
Dir::Etc::Preferences "/dev/null";
Dir::Etc::PreferencesParts "$work/etc";
Dir::State "$work/state";
Dir::State::Lists "$work/state/lists";
Dir::State::Status "$work/state/status";
Dir::Cache "$work/cache";
Dir::Log "$work";
APT::Sandbox::User "root";
Acquire::Languages "none";
CONF
}

own_apt() { APT_CONFIG="$work/apt.conf" apt-get -q -o Dir::Etc::Parts="$work/etc" "$@"; }

# apt-get update says 0 when an index is missing, so the errors are read too.
update_lists() {
    if own_apt update >"$work/update.log" 2>&1 && ! grep -q -e '^[EW]: Failed' -e '^Err' "$work/update.log"; then return 0; fi
    grep -q NO_PUBKEY "$work/update.log" && die "this system's debian-archive-keyring does not know Debian 13's keys yet:
  upgrade it (apt-get update && apt-get install debian-archive-keyring), or name a newer key file in
  TRIB_DEBIAN_KEYRING, and run this again"
    return 1
}

fetch() {
    find_mirrors
    find_keyring
    write_sources
    write_config
    say "reading the package index of Debian 13"
    if ! update_lists; then
        [ -n "$guessed" ] && security= && write_sources && update_lists || {
            cat "$work/update.log" >&2
            die "the package index could not be read from $main (the lines above say why). Check the network or proxy, or
  name another mirror in TRIB_DEBIAN_MIRROR."
        }
        say "no security archive beside $main: using the point release alone (TRIB_DEBIAN_SECURITY_MIRROR names one)"
    fi
    (cd "$work" && own_apt source --download-only --only-source sqlite3) >"$work/fetch.log" 2>&1 || {
        cat "$work/fetch.log" >&2
        die "the source package could not be fetched"
    }
    set -- "$work"/sqlite3_*.dsc
    [ $# -eq 1 ] && [ -f "$1" ] || die "expected one .dsc in $work"
    dsc=$1
    version=$(sed -n 's/^Version: //p' "$dsc" | head -n 1)
}

unpack_and_make() {
    say "unpacking $version"
    dpkg-source --no-check -x "$dsc" "$work/src" >"$work/unpack.log" 2>&1 || {
        cat "$work/unpack.log" >&2
        die "dpkg-source refused the package"
    }
    say "making the amalgamation"
    (cd "$work/src" && ./configure --disable-tcl --disable-readline --disable-load-extension && make sqlite3.c) \
        >"$work/make.log" 2>&1 </dev/null || {
        tail -n 40 "$work/make.log" >&2
        die "SQLite's own build failed (the lines above say why)"
    }
    grep -q "define SQLITE_VERSION  *\"${version%%-*}\"" "$work/src/sqlite3.h" ||
        die "sqlite3.h is not of version ${version%%-*}"
}

# The stamp goes last and the files come by rename: a half-made result is never taken for a whole one.
keep() {
    mkdir -p "$out"
    rm -f "$stamp"
    mv "$work/src/sqlite3.c" "$work/src/sqlite3.h" "$out/"
    echo "$version recipe $RECIPE" >"$stamp.new"
    mv "$stamp.new" "$stamp"
}

main() {
    refresh=
    case ${1:-} in
    '') ;;
    --refresh) refresh=yes ;;
    *) die "unknown argument $1 (there is only --refresh)" ;;
    esac
    if is_ready && [ -z "$refresh" ]; then return 0; fi
    need_tools
    exec 9>"$deps/sqlite.lock"
    flock 9
    if is_ready && [ -z "$refresh" ]; then return 0; fi # somebody else made it while we waited
    umask 077                                           # a proxy line may hold a password
    rm -rf "$work"
    mkdir -p "$work"
    fetch
    if is_ready && grep -qx "$version recipe $RECIPE" "$stamp"; then
        say "$version is the newest already"
    else
        unpack_and_make
        umask 022
        keep
        chmod 755 "$out" && chmod 644 "$out"/*
        say "$version is ready in .deps/sqlite"
    fi
    rm -rf "$work"
}

main "$@"

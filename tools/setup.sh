#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Sees to it that what a goal needs is installed: tools/setup.sh GOAL, with GOAL one of those in groups_of() below.
# tools/packages.txt says what belongs to a goal and how it is looked for. Nothing missing: says nothing, in a moment.
# On Debian >= 12 and Ubuntu >= 24.04 the missing packages are installed with apt-get, as root or through sudo.
# Elsewhere, or with TRIB_NO_INSTALL=1, they are listed and the exit status is 1.
set -eu
export LC_ALL=C
cd "$(dirname "$0")/.."

die() {
    printf 'tools/setup.sh: %s\n' "$*" >&2
    exit 1
}

groups_of() {
    case $1 in
    build | run | analyze) echo build ;;
    test | soak) echo build unit clang http shells node browser swift ;;
    swift-test) echo build unit http swift ;;
    tsan) echo build unit ;;
    fuzz) echo build clang ;;
    tidy) echo build unit clang tidy ;;
    format) echo format ;;
    bench) echo build bench ;;
    deb) echo build deb ;;
    deb-test) echo build deb deb-test ;;
    deb-boot-test) echo build deb deb-test boot ;;
    *) die "unknown goal '$1' (known: build run test swift-test soak bench deb deb-test deb-boot-test tsan fuzz analyze tidy format)" ;;
    esac
}

# Sets $system to debian, ubuntu or empty, and $label to what the system calls itself.
read_system() {
    system=
    label=$(uname -s)
    [ -r /etc/os-release ] || return 0
    ID= VERSION_ID= PRETTY_NAME=
    . /etc/os-release
    label=${PRETTY_NAME:-$ID}
    case $ID in
    debian) [ -n "$VERSION_ID" ] && [ "${VERSION_ID%%.*}" -lt 12 ] || system=debian ;; # testing and sid carry no number
    ubuntu) [ "${VERSION_ID%%.*}" -lt 24 ] || system=ubuntu ;;
    esac
}

has_file() {
    for file in "$@"; do
        [ -e "$file" ] && return 0
    done
    return 1
}

is_there() {
    case $1 in
    cmd:*) command -v "${1#cmd:}" >/dev/null 2>&1 ;;
    lib:*) pkg-config --exists "${1#lib:}" 2>/dev/null ;;
    any:@CLANG_RES@*) # unquoted on purpose: the shell expands the pattern
        command -v clang >/dev/null 2>&1 && has_file $(clang -print-resource-dir)${1#any:@CLANG_RES@} ;;
    any:*) has_file ${1#any:} ;;
    *) die "tools/packages.txt: unknown way to look for something: $1" ;;
    esac
}

# Sets $missing to the packages and prints the table's line for each on descriptor 1.
find_missing() {
    missing=
    while IFS='|' read -r group probe package why; do
        case $group in '#'* | '') continue ;; esac
        group=${group%% *}
        case " $wanted " in *" $group "*) ;; *) continue ;; esac
        probe=$(echo $probe) package=$(echo $package) # trims
        is_there "$probe" && continue
        missing="$missing $package"
        printf '  %-26s %s\n' "$(echo "$package" | sed 's/@LLVM@/NN/')" "${why# }"
    done <tools/packages.txt
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        env DEBIAN_FRONTEND=noninteractive "$@"
    else
        sudo env DEBIAN_FRONTEND=noninteractive "$@"
    fi
}

install_missing() {
    log=$(mktemp)
    as_root apt-get -q update >"$log" 2>&1 || echo "apt-get update had trouble; going on with the lists that are there"
    llvm=$(apt-cache depends clang 2>/dev/null | sed -n 's/.*Depends: clang-\([0-9][0-9]*\)$/\1/p' | head -n 1)
    packages=$(echo "$missing" | sed "s/@LLVM@/${llvm:-14}/g")
    if ! as_root apt-get -q install -y --no-install-recommends $packages >>"$log" 2>&1 </dev/null; then
        tail -n 40 "$log" >&2
        rm -f "$log"
        die "apt-get could not install:$packages (the lines above say why)"
    fi
    rm -f "$log"
}

main() {
    [ $# -eq 1 ] || die "usage: tools/setup.sh GOAL"
    wanted=$(groups_of "$1")
    read_system
    # there it is a snap: the test says how to name another browser
    [ "$system" != ubuntu ] || wanted=$(echo "$wanted" | sed 's/ browser//')
    listing=$(mktemp)
    trap 'rm -f "$listing"' EXIT
    find_missing >"$listing"
    [ -n "$missing" ] || return 0
    echo "Missing for 'make $1' on $label:"
    cat "$listing"
    if [ -z "$system" ]; then
        die "packages are installed for Debian 12 or newer and Ubuntu 24.04 or newer only: please install the above
  (Debian's names) with your own system's tools and run this again"
    fi
    command="apt-get install --no-install-recommends$(echo "$missing" | sed 's/@LLVM@/NN/')"
    [ -z "${TRIB_NO_INSTALL:-}" ] || die "TRIB_NO_INSTALL is set. To install them: $command"
    if [ "$(id -u)" -ne 0 ] && ! command -v sudo >/dev/null 2>&1; then
        die "neither root nor sudo here. As root, run: $command"
    fi
    echo "Installing them with apt-get ..."
    install_missing
    find_missing >"$listing"
    [ -z "$missing" ] || die "installed, but still not found: $(cat "$listing")"
}

main "$@"

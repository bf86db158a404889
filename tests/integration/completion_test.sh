#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Completion as somebody at a keyboard has it: real bash, zsh and fish read the scripts of `trib completion`, on a terminal
# where a Tab is typed (fish: asked by `complete -C`). Tenants come from a running server. A missing shell is a failure.
. "$(dirname "$0")/lib.sh"
for tool in bash zsh fish script; do
    command -v $tool >/dev/null || failed "$tool is needed here (tools/setup.sh test installs it)"
done
mkdir -p "$work/bin" "$work/home" "$work/folder"
ln -s "$(cd "$(dirname "$TRIB")" && pwd)/$(basename "$TRIB")" "$work/bin/trib"
: >"$work/folder/settings.conf"
: >"$work/folder/other file.conf"
PATH=$work/bin:$PATH
export HOME="$work/home" TRIB_DATA="$data" ASAN_OPTIONS="${ASAN_OPTIONS:-}"
cd "$work/folder"
for shell in bash zsh fish; do trib completion $shell >"$work/trib.$shell"; done

start_server
t tenant create acme acorn globex

# keys SHELL TEXT...: types each text (ended by Tab), then turns the line into arguments of `says` and runs it; what it says
# lands in $output. Tabs wait a little, as a person does, and the shell has said "ready" before.
keys() {
    shell=$1
    shift
    : >"$work/typed"
    case $shell in
    bash) start="bash --norc --noprofile -i" ;;
    zsh) start="zsh -f -i" ;;
    esac
    {
        for _ in $(seq 100); do
            grep -q 'shell-is-ready' "$work/screen" 2>/dev/null && break
            sleep 0.1
        done
        for text in "$@"; do
            printf '%s\t' "$text"
            sleep 0.8
        done
        printf '\001says \005\n'
        for _ in $(seq 50); do
            [ -s "$work/typed" ] && break
            sleep 0.1
        done
        printf '\nexit\n'
    } | (
        rm -f "$work/screen"
        cat >"$work/rc" <<RC
says() { printf '<%s>' "\$@" >"$work/typed"; echo; }
RC
        [ "$shell" = zsh ] && echo 'bindkey -e; autoload -Uz compinit; compinit -u -D; setopt no_always_last_prompt' >>"$work/rc"
        echo ". '$work/trib.$shell'; PS1='> '; echo shell-is-''ready" >>"$work/rc"
        { printf '. %s\n' "$work/rc"; cat; } | TERM=dumb timeout 60 script -qfec "$start" "$work/screen" >/dev/null 2>&1 || true
    )
    output=$(cat "$work/typed")
    [ -n "$output" ] || output="nothing was run; the screen: $(tail -c 800 "$work/screen")"
}

for shell in bash zsh; do
    keys $shell "trib ten" "cr" "--adm"
    has "<trib><tenant><create>" "$shell completes commands word by word"
    has "<--admin-" "$shell completes options as far as they agree"
    keys $shell "trib serve --log-l" "w"
    has "<trib><serve><--log-level><warn>" "$shell completes an option and its value"
    keys $shell "trib serve --log-level=d"
    has "<trib><serve><--log-level=debug>" "$shell completes a value behind ="
    keys $shell "trib serve --config se"
    has "<--config><settings.conf>" "$shell completes files"
    keys $shell "trib config show --config=oth"
    has "<--config=other file.conf>" "$shell completes files behind =, and quotes them"
    keys $shell "trib tenant show gl"
    has "<trib><tenant><show><globex>" "$shell completes tenants of the server"
    keys $shell "trib tenant show --admin-key x --admin-url http://127.0.0.1:1/ gl"
    has "<http://127.0.0.1:1/><gl>" "$shell is silent without a server"
done

fish_offers() { # LINE: what fish has for it, without descriptions
    output=$(fish --no-config -c "source $work/trib.fish; complete -C '$1'" 2>&1 | cut -f 1 | tr '\n' ' ')
}
fish_offers "trib ten"
[ "$output" = "tenant " ] || failed "fish completes commands"
fish_offers "trib tenant "
has "create delete fork list rename reset-replicas set show undelete " "fish completes the second word"
fish_offers "trib serve --log-l"
[ "$output" = "--log-level " ] || failed "fish completes options"
fish_offers "trib serve --log-level="
has "--log-level=warn " "fish completes a value behind ="
fish_offers "trib serve --config se"
[ "$output" = "settings.conf " ] || failed "fish completes files"
fish_offers "trib serve --config=se"
[ "$output" = "--config=settings.conf " ] || failed "fish completes files behind ="
fish_offers "trib tenant show ac"
[ "$output" = "acme acorn " ] || failed "fish completes tenants of the server"
fish_offers "trib tenant show --data /nonexistent ac"
[ -z "$output" ] || failed "fish is silent without a server"
checks=$((checks + 6))
finish

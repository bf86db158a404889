#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The manual pages: all are there, and neither mandoc nor groff has anything to say about them. Missing tools are a failure.
. "$(dirname "$0")/lib.sh"
packaging=$(cd "$(dirname "$0")/../../packaging" && pwd)
for tool in mandoc groff; do
    command -v $tool >/dev/null || failed "$tool is needed here (tools/setup.sh test installs it)"
done
"$packaging/pages.sh" "$TRIB" "$work/share"

pages=0
for page in "$work"/share/man/man1/*.1 "$work"/share/man/man5/*.5; do
    pages=$((pages + 1))
    status=0
    output=$(mandoc -T lint "$page" 2>&1) || status=$?
    ok "mandoc -T lint is silent about ${page##*/}"
    [ -z "$output" ] || failed "mandoc -T lint is silent about ${page##*/}"
    output=$(groff -man -Tutf8 -ww -b -z "$page" 2>&1) || status=$?
    ok "groff reads ${page##*/}"
    [ -z "$output" ] || failed "groff -ww is silent about ${page##*/}"
done

# as many as there are commands, and two; each says its own name and every option that --help shows
commands=$("$TRIB" help --json | grep -o '"name":"[^"]*","args"' | wc -l)
[ "$pages" -eq $((commands + 2)) ] && [ "$commands" -gt 9 ] || failed "$pages pages for $commands commands"
for page in "$work"/share/man/man1/trib-*.1; do
    name=$(basename "$page" .1)
    output=$(mandoc -T utf8 "$page" | sed 's/.\x08//g')
    has "$name - " "the page of $name begins with it"
    # shellcheck disable=SC2046 # its words
    for option in $("$TRIB" $(sed -n 's/^\.B trib //p' "$page" | head -n 1 | sed 's/\\-/-/g') --help | sed -n 's/^  \(--[a-z-]*\).*/\1/p'); do
        has "$option" "$name(1) has $option"
    done
done
finish

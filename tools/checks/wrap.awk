# SPDX-License-Identifier: Apache-2.0
# Wraps C comments that are wider than 120 columns, which clang-format cannot do without spoiling drawings and contracts.
# What hangs over goes to the next line of the same paragraph, or onto a line of its own. A comment behind code moves above
# it. Left alone: drawings (three spaces or box characters inside the text), macros, and comments that go on behind code.
BEGIN { MAX = 120 }

{ line[NR] = $0 }

function width(s) {
    gsub(/[\200-\277]/, "", s)
    return length(s)
}

function spaces(n) {
    return sprintf("%" n "s", "")
}

# Splits "    /* Owns:   text" into first (what its first line begins with), hang (what the following begin with) and text.
function take_apart(s,    lead, body, key) {
    lead = ""
    if (!match(s, /^ *(\/\*\*?|\*|\/\/) +/)) return 0
    lead = substr(s, 1, RLENGTH)
    body = substr(s, RLENGTH + 1)
    first = lead
    hang = lead
    sub(/\/\*/, " *", hang)
    key = 0
    if (match(body, /^[A-Z][a-z]+: +/)) key = RLENGTH
    else if (match(body, /^(-|[0-9]+\.|[a-z_]+  +) */)) key = RLENGTH
    if (key > 16) key = 0
    if (key) {
        first = first substr(body, 1, key)
        hang = hang spaces(key)
        body = substr(body, key + 1)
    }
    text = body
    return 1
}

# True when s goes on in the paragraph whose lines begin with prefix.
function goes_on(s, prefix,    rest) {
    if (index(s, prefix) != 1) return 0
    rest = substr(s, length(prefix) + 1)
    return rest ~ /^[^ *\/-]/ && rest !~ /^[A-Z][a-z]+: / && rest !~ /   / && rest !~ /^[a-z_]+  /
}

# Prints s, wrapped; what is left over is joined to the line after number at, or printed as a line of its own.
function wrap(s, at,    n, word, i, out, opened, tail) {
    opened = take_apart(s)
    if (!opened || text ~ /   / || text ~ /\342\224/) { print s; return }
    n = split(text, word, " ")
    out = first word[1]
    for (i = 2; i <= n && width(out " " word[i]) <= MAX; i++) out = out " " word[i]
    if (i == n && word[n] == "*/" && i > 2) { # not the end mark alone on a line
        sub(/ [^ ]*$/, "", out)
        i--
    }
    if (i > n || i < 2) { print s; return }
    print out
    tail = word[i]
    for (i++; i <= n; i++) tail = tail " " word[i]
    if (tail !~ /\*\/$/ && at < NR && goes_on(line[at + 1], hang)) {
        line[at + 1] = hang tail " " substr(line[at + 1], length(hang) + 1)
    } else if (width(hang tail) > MAX) {
        wrap(hang tail, at)
    } else {
        print hang tail
    }
}

END {
    for (at = 1; at <= NR; at++) {
        s = line[at]
        if (width(s) <= MAX || s ~ /\\$/) { print s; continue }
        if (s ~ /^ *(\/\*|\*|\/\/) /) { wrap(s, at); continue }
        if (match(s, / +\/\* [^\/]*\*\/$/) && substr(s, 1, RSTART - 1) !~ /"[^"]*$/) {
            code = substr(s, 1, RSTART - 1)
            comment = substr(s, RSTART)
            sub(/^ +/, "", comment)
            match(code, /^ */)
            above = substr(code, 1, RLENGTH) comment
            if (width(above) > MAX) wrap(above, 0)
            else print above
            print code
            continue
        }
        print s
    }
}

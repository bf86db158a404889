# SPDX-License-Identifier: Apache-2.0
# Layers: awk -f layers.awk layers.txt CMakeLists.txt src/...; prints each #include (or trib_room line) that points the wrong
# way. The files are told apart by their names.
function complain(text, cure) {
    printf "%s:%d: %s; %s\n", FILENAME, FNR, text, cure
}

function room_of(path,    part, n) { # of "src/a/b.c" or "a/b.h"
    sub(/^src\//, "", path)
    n = split(path, part, "/")
    return n > 1 ? part[1] : ""
}

function feature_of(path,    part) { # the folder below features
    sub(/^src\//, "", path)
    split(path, part, "/")
    return part[1] == "features" && part[3] != "" ? part[2] : ""
}

function is_listed(list, word) {
    return index(" " list " ", " " word " ") > 0
}

FNR == 1 { is_table = FILENAME ~ /layers\.txt$/; is_cmake = FILENAME ~ /CMakeLists\.txt$/ }

is_table && /^room / {
    name = $2
    list = $0
    sub(/^[^:]*: */, "", list)
    known[name] = 1
    allowed[name] = list
    next
}

is_table && /^header / {
    list = $0
    sub(/^[^:]*: */, "", list)
    places[$2] = list
    next
}

is_table { next }

# CMake's list of a room must be the table's, or the linker would allow what the table forbids.
is_cmake && /^trib_room\(/ {
    line = $0
    sub(/^trib_room\(/, "", line)
    sub(/\).*$/, "", line)
    sub(/ LIBS .*$/, "", line)
    n = split(line, word, " ")
    for (i = 3; i <= n; i++) {
        if (!is_listed(allowed[word[1]], word[i])) {
            complain("room " word[1] " links " word[i] ", which tools/layers.txt does not allow",
                     "change the one that is wrong")
        }
    }
    next
}

is_cmake { next }

/^[ \t]*#[ \t]*include[ \t]*"/ {
    path = $0
    sub(/^[^"]*"/, "", path)
    sub(/".*$/, "", path)
    me = room_of(FILENAME)
    other = room_of(path)
    if (path ~ /^tributary\//) next # the public API
    if (other == "" || path ~ /\.\./) {
        complain("\"" path "\" does not name its room", "write the path from src/, as in \"base/str.h\"")
        next
    }
    if (!(me in known) || !(other in known)) {
        complain("the room of \"" path "\" or of this file is not in tools/layers.txt", "add it there, or move the file")
        next
    }
    if (me == "features" && other == "features" && feature_of(FILENAME) != feature_of(path)) {
        complain("feature " feature_of(FILENAME) " includes feature " feature_of(path),
                 "let them meet in core (bus, commands, module list)")
        next
    }
    if (me != other && !is_listed(allowed[me], other)) {
        complain(me " may not include " other " (\"" path "\")",
                 "includes only point down: move the code, or pass a function pointer down")
        next
    }
    if (path ~ /_int\.h$/ && me != other) {
        complain("\"" path "\" is private to " other, "use its public header")
    }
    next
}

/^[ \t]*#[ \t]*include[ \t]*</ {
    path = $0
    sub(/^[^<]*</, "", path)
    sub(/>.*$/, "", path)
    best = ""
    for (prefix in places) {
        if (index(path, prefix) == 1 && length(prefix) > length(best)) best = prefix
    }
    if (best == "") next
    n = split(places[best], place, " ")
    ok = 0
    for (i = 1; i <= n; i++) {
        if (index(FILENAME, place[i]) == 1) ok = 1
    }
    if (!ok) complain("<" path "> belongs to " places[best] " alone", "go through that room's interface")
}

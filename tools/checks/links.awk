# SPDX-License-Identifier: Apache-2.0
# Relative links of Markdown files: the file must be there, and a #heading must be one of its headings.
# awk -f links.awk FILE.md...; reads other files itself. Code (indented, fenced or in backquotes) has no links.

function complain(text, cure) {
    printf "%s:%d: %s; %s\n", FILENAME, FNR, text, cure
}

# FILENAME's folder with `target` behind it, "." and ".." resolved; "" if it leaves the tree.
function resolve(target,    all, part, n, i, out, depth) {
    all = FILENAME
    if (!sub(/\/[^\/]*$/, "/", all)) all = ""
    n = split(all target, part, "/")
    depth = 0
    for (i = 1; i <= n; i++) {
        if (part[i] == "" || part[i] == ".") continue
        if (part[i] != "..") out[++depth] = part[i]
        else if (--depth < 0) return ""
    }
    all = depth ? out[1] : "."
    for (i = 2; i <= depth; i++) all = all "/" out[i]
    return all
}

# A path of ours goes to the shell: refuse what would need quoting.
function exists(path) {
    if (path !~ /^[A-Za-z0-9_.\/-]+$/) return 0
    if (!(path in known)) known[path] = system("test -e " path) == 0
    return known[path]
}

# A heading as the usual renderers make an anchor of it.
function anchor(heading) {
    heading = tolower(heading)
    gsub(/[^a-z0-9 _-]/, "", heading)
    gsub(/ /, "-", heading)
    return heading
}

function has_heading(path, name,    line, fenced) {
    if (!(path in read_already)) {
        read_already[path] = 1
        while ((getline line < path) > 0) {
            if (line ~ /^```/) fenced = !fenced
            if (!fenced && sub(/^#+ +/, "", line)) headings[path, anchor(line)] = 1
        }
        close(path)
    }
    return (path, name) in headings
}

function check(target,    path, name) {
    if (target ~ /^[A-Za-z][A-Za-z0-9+.-]*:/) return # another site
    name = ""
    if (index(target, "#")) {
        name = substr(target, index(target, "#") + 1)
        target = substr(target, 1, index(target, "#") - 1)
    }
    path = target == "" ? FILENAME : resolve(target)
    if (path == "" || !exists(path)) {
        complain("the link to " target " leads nowhere", "correct or remove it")
    } else if (name != "" && path ~ /\.md$/ && !has_heading(path, name)) {
        complain("there is no heading #" name " in " path, "correct the link or the heading")
    }
}

FNR == 1 { in_fence = 0 }
/^ *```/ { in_fence = !in_fence; next }
in_fence || /^    / { next }
{
    line = $0
    gsub(/`[^`]*`/, "", line)
    while (match(line, /\]\([^) ]+\)/)) {
        check(substr(line, RSTART + 2, RLENGTH - 3))
        line = substr(line, RSTART + RLENGTH)
    }
}

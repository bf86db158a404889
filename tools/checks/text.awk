# SPDX-License-Identifier: Apache-2.0
# The text of C files: banned functions, length of files, functions and lines. awk -f text.awk files...
# Comments and strings are cut out before names are looked for. A function is what starts in column 0 and ends with "}" in
# column 0, which is how this code is laid out.
BEGIN {
    MAX_FILE = 800
    MAX_FUNCTION = 80
    MAX_COLUMNS = 120
    n = split("strcpy strcat sprintf vsprintf strtok atoi atol atoll gets localtime localtime_r gmtime asctime ctime alloca " \
              "stpcpy strncpy strncat scanf sscanf", list, " ")
    for (i = 1; i <= n; i++) banned[list[i]] = 1
}

function complain(line, text, cure) {
    printf "%s:%d: %s; %s\n", FILENAME, line, text, cure
}

# The line without comments and without what strings and character constants hold.
function code_of(s,    out, c, two, quote, i, n) {
    out = ""
    quote = ""
    n = length(s)
    for (i = 1; i <= n; i++) {
        c = substr(s, i, 1)
        two = substr(s, i, 2)
        if (in_comment) {
            if (two == "*/") { in_comment = 0; i++ }
        } else if (quote != "") {
            if (c == "\\") i++
            else if (c == quote) { quote = ""; out = out c }
        } else if (two == "/*") { in_comment = 1; i++
        } else if (two == "//") { break
        } else {
            if (c == "\"" || c == "'") quote = c
            out = out c
        }
    }
    return out
}

function close_file() {
    if (file != "" && lines > MAX_FILE) {
        printf "%s:%d: the file has %d lines, at most %d; split it by what its parts do\n", file, lines, lines, MAX_FILE
    }
}

FNR == 1 {
    close_file()
    file = FILENAME
    in_comment = 0
    start = 0
    is_table = FILENAME ~ /_table\.h$/ # X-macro tables are laid out by hand
}

{ lines = FNR }

{
    text = $0
    gsub(/[\200-\277]/, "", text) # a UTF-8 character is one column
    if (length(text) > MAX_COLUMNS && !is_table) {
        complain(FNR, "the line has " length(text) " columns, at most " MAX_COLUMNS, "wrap it")
    }
    if (text ~ /[ \t]$/) complain(FNR, "white space at the end of the line", "remove it")
    if (text ~ /\t/) complain(FNR, "a tab", "indent with 4 spaces")
}

# Most lines hold nothing to look at; the slow cut-out is for the others.
in_comment || /["'\/]/ { code = code_of($0) }
!(in_comment || /["'\/]/) { code = $0 }

code ~ /[a-z]/ && code ~ /(str|printf|ato|gets|time|alloca|stpcpy|scanf)/ {
    rest = code
    while (match(rest, /[A-Za-z_][A-Za-z_0-9]*[ ]*\(/)) {
        name = substr(rest, RSTART, RLENGTH - 1)
        sub(/ +$/, "", name)
        if (name in banned) {
            complain(FNR, name "() is banned", "use trib_str, trib_buf, snprintf, trib_str_i64 or env's clock")
        }
        rest = substr(rest, RSTART + RLENGTH)
    }
}

code ~ /__attribute__.*[( ,]_*cleanup_*[( ]/ {
    complain(FNR, "the cleanup attribute is banned", "free at one label named out (tools cannot see through the attribute)")
}

# First line of something with a body: a name with "(" in column 0, kept until "{" or ";" ends the head.
start == 0 && code ~ /^[A-Za-z_].*\(/ && code !~ /^(typedef|struct|enum|union|extern "C"|#)/ && code !~ /;[ ]*$/ && code !~ /=/ {
    start = FNR
}
start && code ~ /;[ ]*$/ && code ~ /^[^{]*$/ && !body { start = 0 }
start && code ~ /\{[ ]*$/ { body = 1 }
start && code ~ /^\}/ {
    if (body && FNR - start + 1 > MAX_FUNCTION) {
        complain(start, "the function has " (FNR - start + 1) " lines, at most " MAX_FUNCTION, "split it")
    }
    start = 0
    body = 0
}

END { close_file() }

# SPDX-License-Identifier: Apache-2.0
# Writes src/base/words_table.h, the facts about characters that src/base/words.c needs, from the Unicode Character Database
# (Debian's package unicode-data). Run by hand when Unicode has grown:
#
#   cd /usr/share/unicode && awk -f .../tools/words-table.awk UnicodeData.txt CaseFolding.txt > .../src/base/words_table.h
#
# Classes: T belongs to words, M a mark of the character before, A a word of its own, D passed over.
BEGIN {
    FS = ";"
    for (i = 0; i < 16; i++) digit_of[substr("0123456789ABCDEF", i + 1, 1)] = i
    LAST = hex("323AF")
    dropped = ranges("AD-AD 300-36F 483-489 640-640 1AB0-1AFF 1DC0-1DFF 200B-200F 202A-202E 2060-2064 2066-206F 20D0-20FF " \
                     "FE00-FE0F FE20-FE2F FEFF-FEFF E0100-E01EF")
    # Nonspacing marks of these scripts are reading aids: points of Hebrew, harakat of Arabic, Syriac; Thaana's stay
    aids = ranges("591-5C7 610-61A 64B-670 6D6-6ED 711-74A 898-8FF")
    # Written without blanks between words: each character is a word, a query of several is a phrase
    unspaced = ranges("E00-EFF 1000-109F 1780-17FF 3005-3007 3041-30FF 3105-312F 31A0-31BF 31F0-31FF 3400-4DBF 4E00-9FFF " \
                      "AC00-D7A3 F900-FAFF FF66-FF9D 1B000-1B16F 20000-323AF")
    emoji = ranges("2600-27BF 1F300-1FAFF")
    folded = ranges("B2-24F 370-6FF 900-DFF 10A0-10FF 1C90-1CBF 1E00-1FFF 2070-209C 2C60-2C7F 3041-30FF F900-FAFF FB00-FB06 " \
                    "FE70-FEFF FF10-FF9F")
    # Letters that people write for one another
    n = split("F8:6F 111:64 142:6C 127:68 167:74 131:69 E6:61+65 153:6F+65 FE:74+68 F0:64 671:627 649:64A 629:647 6A9:643 " \
              "6CC:64A 6C1:647 6BE:647 6D5:647 6C3:647", pairs, " ")
    for (i = 1; i <= n; i++) {
        split(pairs[i], two, ":")
        same[hex(two[1])] = hexes(two[2], "+")
    }
}

function hex(text, i, n) {
    n = 0
    for (i = 1; i <= length(text); i++) n = n * 16 + digit_of[substr(text, i, 1)]
    return n
}
function hexes(text, by, parts, count, i, out) { # to decimal numbers with blanks between
    count = split(text, parts, by)
    for (i = 1; i <= count; i++) out = out (i > 1 ? " " : "") hex(parts[i])
    return out
}
function ranges(text, parts, count, i, ends, id) {
    id = ++range_sets
    range_count[id] = count = split(text, parts, " ")
    for (i = 1; i <= count; i++) {
        split(parts[i], ends, "-")
        range_first[id, i] = hex(ends[1])
        range_last[id, i] = hex(ends[2])
    }
    return id
}
function within(cp, id, i) {
    for (i = 1; i <= range_count[id]; i++) if (cp >= range_first[id, i] && cp <= range_last[id, i]) return 1
    return 0
}

# ---- the database ----

FILENAME ~ /UnicodeData/ {
    cp = hex($1)
    from = $2 ~ /, Last>$/ ? previous : cp
    for (i = from; i <= cp; i++) category[i] = $3
    if ($6 != "") {
        compatible = $6
        sub(/^<[^>]*> /, "", compatible)
        decomposition[cp] = hexes(compatible, " ")
    }
    if ($7 != "") decimal[cp] = $7
    previous = cp + 1
}
FILENAME ~ /CaseFolding/ && /^[0-9A-F]/ {
    gsub(/ /, "", $2)
    sub(/^ /, "", $3)
    if ($2 == "C" || $2 == "F") folding[hex($1)] = hexes($3, " ")
    if (!version) version = header_version
}
FILENAME ~ /CaseFolding/ && /^# CaseFolding-/ {
    header_version = $0
    sub(/^# CaseFolding-/, "", header_version)
    sub(/\.txt.*/, "", header_version)
}

# ---- the rules ----

function class_of(cp, cat) {
    cat = cp in category ? category[cp] : "Cn"
    if (within(cp, dropped) || (cat == "Mn" && within(cp, aids))) return "D"
    if (cat == "So" && within(cp, emoji)) return "A"
    if (cp >= 65536 && !within(cp, emoji) && !within(cp, unspaced)) return cp < 126976 ? "T" : ""
    if (cat ~ /^M/) return within(cp, unspaced) ? "M" : "T"
    if (cat ~ /^[LN]/) return within(cp, unspaced) && cat != "Nd" ? "A" : "T"
    return ""
}
function decompose(text, parts, count, i, out) { # NFKD, but for the order of marks
    count = split(text, parts, " ")
    for (i = 1; i <= count; i++)
        out = out (i > 1 ? " " : "") (parts[i] + 0 in decomposition ? decompose(decomposition[parts[i] + 0]) : parts[i])
    return out
}
function casefold(text, parts, count, i, out) {
    count = split(text, parts, " ")
    for (i = 1; i <= count; i++)
        out = out (i > 1 ? " " : "") (parts[i] + 0 in folding ? folding[parts[i] + 0] : parts[i])
    return out
}
function is_ascii_word(cp) { return (cp >= 48 && cp <= 57) || (cp >= 65 && cp <= 90) || (cp >= 97 && cp <= 122) }
function fold(cp, parts, count, i, c, out, n, to) {
    if (cp in decimal) return 48 + decimal[cp]
    count = split(decompose(casefold(decompose(cp))), parts, " ")
    for (i = 1; i <= count; i++) {
        c = parts[i] + 0
        if (c >= 128 && class_of(c) == "D") continue
        if (c < 128 ? !is_ascii_word(c) : class_of(c) == "") return cp
        out = out " " (c in decimal ? 48 + decimal[c] : c in same ? same[c] : c)
    }
    n = split(out, to, " ")
    if (class_of(cp) == "A")
        for (i = 2; i <= n; i++) if (class_of(to[i] + 0) != "M") return cp
    return n >= 1 && n <= 3 ? substr(out, 2) : cp
}

# ---- the tables ----

function note_class(cp, c, x, fits) {
    fits = classes && class_is[classes] == c
    for (x = class_last[classes] + 1; fits && x < cp; x++) fits = !(x in category)
    if (!fits) class_first[++classes] = cp
    class_last[classes] = cp
    class_is[classes] = c
}
function note_run(cp, to, step, to_step, k) {
    if (runs && run_first[runs] == run_last[runs])
        for (step = 1; step <= 2; step++)
            for (k = 0; k < 2; k++) {
                to_step = k * step
                if (cp != run_first[runs] + step || to != run_to[runs] + to_step) continue
                run_last[runs] = cp
                run_step[runs] = step
                run_to_step[runs] = to_step
                return
            }
    else if (runs && cp == run_last[runs] + run_step[runs] &&
             to == run_to[runs] + (cp - run_first[runs]) / run_step[runs] * run_to_step[runs]) {
        run_last[runs] = cp
        return
    }
    run_first[++runs] = run_last[runs] = cp
    run_step[runs] = 1
    run_to[runs] = to
    run_to_step[runs] = 0
}
function begin_rows(type_and_name) {
    printf "static const %s[] = {\n", type_and_name
    line = "   "
}
function add_row(text) {
    if (length(line) + length(text) > 117) {
        print line
        line = "   "
    }
    line = line " " text ","
}
function end_rows() { printf "%s\n};\n\n", line }

END {
    category_end = hex("E01EF")
    for (cp = 128; cp <= LAST; cp++) {
        c = class_of(cp)
        if (c != "") note_class(cp, c)
        if (c !~ /^[TAM]$/ || cp >= 65536 || !(within(cp, folded) || cp in decimal)) continue
        to = fold(cp)
        if (to == cp) continue
        if (to ~ / /) several[++severals] = cp " " to
        else note_run(cp, to + 0)
    }
    class_first[++classes] = hex("E0100")
    class_last[classes] = category_end
    class_is[classes] = "D"
    print "/* SPDX-License-Identifier: Apache-2.0 */"
    print "/* Facts about characters from U+0080 on, for words.c alone: written by tools/words-table.awk from the Unicode Character"
    printf " * Database, version %s. */\n", version
    print "#ifndef TRIB_BASE_WORDS_TABLE_H\n#define TRIB_BASE_WORDS_TABLE_H\n\n#include <stdint.h>\n"
    print "/* T: belongs to words. M: a mark of the character before. A: a word of its own. D: passed over. What is in no range"
    print " * stands between words. */"
    print "typedef struct words_class {\n    uint32_t first, last;\n    char is;\n} words_class;"
    begin_rows("words_class words_classes")
    for (i = 1; i <= classes; i++) add_row(sprintf("{0x%X, 0x%X, '%s'}", class_first[i], class_last[i], class_is[i]))
    end_rows()
    print "/* first, first + step ... last become to, to + to_step ... */"
    print "typedef struct words_run {\n    uint32_t first, last, step, to, to_step;\n} words_run;"
    begin_rows("words_run words_runs")
    for (i = 1; i <= runs; i++)
        add_row(sprintf("{0x%X, 0x%X, %d, 0x%X, %d}", run_first[i], run_last[i], run_step[i], run_to[i], run_to_step[i]))
    end_rows()
    print "/* One that becomes several; 0: no more. */"
    print "typedef struct words_several {\n    uint32_t from, to[3];\n} words_several;"
    begin_rows("words_several words_severals")
    for (i = 1; i <= severals; i++) {
        split(several[i], to4, " ")
        add_row(sprintf("{0x%X, {0x%X, 0x%X, 0x%X}}", to4[1], to4[2], to4[3], to4[4] + 0))
    }
    end_rows()
    print "#endif"
}

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes src/base/words_table.h, the facts about characters that src/base/words.c needs, from Python's copy of the
Unicode Character Database. Run it by hand when Unicode has grown:

    tools/words_table.py > src/base/words_table.h
"""
import unicodedata as u

TOKEN, MARK, ALONE, DROP = "T", "M", "A", "D"

DROPPED = [(0xAD, 0xAD), (0x300, 0x36F), (0x483, 0x489), (0x640, 0x640), (0x1AB0, 0x1AFF), (0x1DC0, 0x1DFF),
           (0x200B, 0x200F), (0x202A, 0x202E), (0x2060, 0x2064), (0x2066, 0x206F), (0x20D0, 0x20FF),
           (0xFE00, 0xFE0F), (0xFE20, 0xFE2F), (0xFEFF, 0xFEFF), (0xE0100, 0xE01EF)]
# Nonspacing marks of these scripts are reading aids: points of Hebrew, harakat of Arabic, Syriac, Thaana's stay
AIDS = [(0x591, 0x5C7), (0x610, 0x61A), (0x64B, 0x670), (0x6D6, 0x6ED), (0x711, 0x74A), (0x898, 0x8FF)]
# Written without blanks between words: each character is a word, a query of several is a phrase
UNSPACED = [(0xE00, 0xEFF), (0x1000, 0x109F), (0x1780, 0x17FF), (0x3005, 0x3007), (0x3041, 0x30FF), (0x3105, 0x312F),
            (0x31A0, 0x31BF), (0x31F0, 0x31FF), (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xAC00, 0xD7A3),
            (0xF900, 0xFAFF), (0xFF66, 0xFF9D), (0x1B000, 0x1B16F), (0x20000, 0x323AF)]
EMOJI = [(0x2600, 0x27BF), (0x1F300, 0x1FAFF)]
FOLDED = [(0xB2, 0x24F), (0x370, 0x6FF), (0x900, 0xDFF), (0x10A0, 0x10FF), (0x1C90, 0x1CBF), (0x1E00, 0x1FFF),
          (0x2070, 0x209C), (0x2C60, 0x2C7F), (0x3041, 0x30FF), (0xF900, 0xFAFF), (0xFB00, 0xFB06), (0xFE70, 0xFEFF),
          (0xFF10, 0xFF9F)]
SAME = {"ø": "o", "đ": "d", "ł": "l", "ħ": "h", "ŧ": "t", "ı": "i", "æ": "ae", "œ": "oe", "þ": "th", "ð": "d",
        "\u0671": "\u0627", "\u0649": "\u064A", "\u0629": "\u0647", "\u06A9": "\u0643", "\u06CC": "\u064A",
        "\u06C1": "\u0647", "\u06BE": "\u0647", "\u06D5": "\u0647", "\u06C3": "\u0647"}
LAST = 0x323AF + 1


def within(cp, ranges):
    return any(a <= cp <= b for a, b in ranges)


def class_of(cp):
    cat = u.category(chr(cp))
    if within(cp, DROPPED) or (cat == "Mn" and within(cp, AIDS)):
        return DROP
    if cat == "So" and within(cp, EMOJI):
        return ALONE
    if cp >= 0x10000 and not within(cp, EMOJI + UNSPACED):
        return TOKEN if cp < 0x1F000 else None
    if cat in ("Mn", "Mc", "Me"):
        return MARK if within(cp, UNSPACED) else TOKEN
    if cat[0] in "LN":
        return ALONE if within(cp, UNSPACED) and cat != "Nd" else TOKEN
    return None


def fold(cp):
    digit = u.decimal(chr(cp), None)
    if digit is not None:
        return [0x30 + digit]
    text = u.normalize("NFKD", u.normalize("NFKD", chr(cp)).casefold())
    out = []
    for c in text:
        if ord(c) >= 0x80 and class_of(ord(c)) == DROP:
            continue
        if ord(c) < 0x80 and not c.isalnum():
            return [cp]
        if ord(c) >= 0x80 and class_of(ord(c)) is None:
            return [cp]
        digit = u.decimal(c, None)
        out += [ord(x) for x in (str(digit) if digit is not None else SAME.get(c, c))]
    if class_of(cp) == ALONE and any(class_of(x) != MARK for x in out[1:]):
        return [cp]
    return out if 1 <= len(out) <= 3 else [cp]


def main():
    classes, runs, several = [], [], []
    for cp in range(0x80, LAST):
        c = class_of(cp)
        if c:
            same = classes and classes[-1][2] == c
            if same and all(u.category(chr(x)) == "Cn" for x in range(classes[-1][1] + 1, cp)):
                classes[-1][1] = cp
            else:
                classes.append([cp, cp, c])
        folds = within(cp, FOLDED) or u.decimal(chr(cp), None) is not None
        if c not in (TOKEN, ALONE, MARK) or cp >= 0x10000 or not folds:
            continue
        to = fold(cp)
        if to == [cp]:
            continue
        if len(to) > 1:
            several.append((cp, to))
            continue
        if runs:
            r = runs[-1]  # first, last, step, to, to_step
            for step in (1, 2):
                for to_step in (0, step):
                    if r[0] == r[1] and cp == r[0] + step and to[0] == r[3] + to_step:
                        r[1], r[2], r[4] = cp, step, to_step
                        break
                else:
                    continue
                break
            else:
                if r[0] != r[1] and cp == r[1] + r[2] and to[0] == r[3] + (cp - r[0]) // r[2] * r[4]:
                    r[1] = cp
                else:
                    runs.append([cp, cp, 1, to[0], 0])
            continue
        runs.append([cp, cp, 1, to[0], 0])
    classes.append([0xE0100, 0xE01EF, DROP])
    print("/* SPDX-License-Identifier: Apache-2.0 */")
    print("/* Facts about characters from U+0080 on, for words.c alone: written by tools/words_table.py from the Unicode "
          "Character\n * Database, version %s. */" % u.unidata_version)
    print("#ifndef TRIB_BASE_WORDS_TABLE_H\n#define TRIB_BASE_WORDS_TABLE_H\n\n#include <stdint.h>\n")
    print("/* T: belongs to words. M: a mark of the character before. A: a word of its own. D: passed over. What is in no "
          "range\n * stands between words. */")
    print("typedef struct words_class {\n    uint32_t first, last;\n    char is;\n} words_class;")
    rows("words_class words_classes", ["{0x%X, 0x%X, '%s'}" % tuple(c) for c in classes])
    print("/* first, first + step ... last become to, to + to_step ... */")
    print("typedef struct words_run {\n    uint32_t first, last, step, to, to_step;\n} words_run;")
    rows("words_run words_runs", ["{0x%X, 0x%X, %d, 0x%X, %d}" % tuple(r) for r in runs])
    print("/* One that becomes several; 0: no more. */")
    print("typedef struct words_several {\n    uint32_t from, to[3];\n} words_several;")
    rows("words_several words_severals", ["{0x%X, {%s}}" % (f, ", ".join("0x%X" % x for x in (t + [0, 0])[:3]))
                                          for f, t in several])
    print("#endif")


def rows(name, texts):
    print("static const %s[] = {" % name)
    line = "   "
    for text in texts:
        if len(line) + len(text) > 117:
            print(line)
            line = "   "
        line += " " + text + ","
    print(line + "\n};\n")


main()

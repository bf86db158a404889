/* SPDX-License-Identifier: Apache-2.0 */
/* Places of JSON values; see json_where.h. The text was parsed before, so that the walk need not doubt it: tokens are
 * skipped by their first character. Depth is bounded by the reader (TRIB_JSON_MAX_DEPTH). */
#include "wire/json_where.h"

#include <string.h>

typedef struct walk {
    trib_str text;
    const trib_json *wanted;
    bool wants_key;
} walk;

static size_t skip_space(trib_str text, size_t at) {
    while (at < text.len && memchr(" \t\r\n", text.ptr[at], 4)) at++;
    return at;
}

static size_t skip_string(trib_str text, size_t at) {
    for (at++; at < text.len && text.ptr[at] != '"'; at++) {
        if (text.ptr[at] == '\\') at++;
    }
    return at + 1;
}

static size_t skip_scalar(trib_str text, size_t at) {
    if (at < text.len && text.ptr[at] == '"') return skip_string(text, at);
    while (at < text.len && !memchr(",]} \t\r\n", text.ptr[at], 7)) at++;
    return at;
}

/* Walks the value at `at`; true when the wanted one was reached, then *ret_at is its place, else the byte behind. */
static bool walk_value(const walk *w, const trib_json *value, size_t at, size_t *ret_at) {
    trib_str text = w->text;
    at = skip_space(text, at);
    *ret_at = at;
    if (value == w->wanted && !w->wants_key) return true;
    if (value->kind != TRIB_JSON_ARRAY && value->kind != TRIB_JSON_OBJECT) {
        *ret_at = skip_scalar(text, at);
        return false;
    }
    at++; /* the bracket */
    for (const trib_json *child = trib_json_first(value); child; child = child->next) {
        at = skip_space(text, at);
        if (at < text.len && text.ptr[at] == ',') at = skip_space(text, at + 1);
        if (value->kind == TRIB_JSON_OBJECT) {
            *ret_at = at;
            if (child == w->wanted && w->wants_key) return true;
            at = skip_space(text, skip_string(text, at)) + 1; /* the colon */
        } else if (child == w->wanted) {
            *ret_at = at;
            return true;
        }
        if (walk_value(w, child, at, &at)) {
            *ret_at = at;
            return true;
        }
    }
    *ret_at = skip_space(text, at) + 1;
    return false;
}

trib_json_place trib_json_place_at(trib_str text, size_t offset) {
    trib_json_place place = {.offset = offset < text.len ? offset : text.len, .line = 1, .column = 1};
    for (size_t i = 0; i < place.offset; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (c == '\n') {
            place.line++;
            place.column = 1;
        } else if ((c & 0xC0) != 0x80) {
            place.column++; /* not inside a character */
        }
    }
    return place;
}

static bool find(walk w, const trib_json *root, trib_json_place *ret) {
    size_t at = 0;
    if (!root || !w.wanted) return false;
    if (w.wanted == root) w.wants_key = false;
    if (!walk_value(&w, root, 0, &at)) return false;
    *ret = trib_json_place_at(w.text, at);
    return true;
}

bool trib_json_place_of(trib_str text, const trib_json *root, const trib_json *value, trib_json_place *ret) {
    return find((walk){.text = text, .wanted = value}, root, ret);
}

bool trib_json_place_of_key(trib_str text, const trib_json *root, const trib_json *member, trib_json_place *ret) {
    return find((walk){.text = text, .wanted = member, .wants_key = true}, root, ret);
}

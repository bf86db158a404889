// SPDX-License-Identifier: Apache-2.0
// Fuzz target of the JSON reader and writer.
// rooms: wire base
//
// What is read, written and read again is the same tree, and what is written is a fixed point. A refusal has a place
// inside the text and a message. The unique reader accepts a part of what the other accepts, and small budgets only
// ever end in TRIB_NOMEM. Any bytes, written as a string, come back when they are UTF-8.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "wire/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok) {
    if (!ok) abort();
}

static bool same_double(const trib_json *a, const trib_json *b) {
    double x = 0, y = 0;
    bool has_x = trib_json_f64(a, &x), has_y = trib_json_f64(b, &y);
    return has_x == has_y && memcmp(&x, &y, sizeof x) == 0;
}

static bool same(const trib_json *a, const trib_json *b) {
    if (a->kind != b->kind || !trib_str_eq(a->key, b->key) || trib_json_count(a) != trib_json_count(b)) return false;
    switch ((trib_json_kind)a->kind) {
    case TRIB_JSON_NULL: return true;
    case TRIB_JSON_BOOL: return a->is_true == b->is_true;
    case TRIB_JSON_NUMBER: return a->is_integer == b->is_integer && same_double(a, b);
    case TRIB_JSON_STRING: return trib_str_eq(a->u.str, b->u.str);
    case TRIB_JSON_ARRAY:
    case TRIB_JSON_OBJECT: break;
    }
    a = trib_json_first(a);
    b = trib_json_first(b);
    for (; a && b; a = a->next, b = b->next) {
        if (!same(a, b)) return false;
    }
    return !a && !b;
}

static void write_tree(const trib_json *root, trib_buf *buf) {
    trib_json_writer w;
    trib_buf_init(buf, 64 << 20);
    trib_jw_init(&w, buf);
    trib_jw_value(&w, root);
    check(trib_jw_done(&w) && !buf->failed);
}

/* The double of a number, written and read, is the same double. */
static void check_doubles(const trib_json *v) {
    double value, back;
    char out[TRIB_F64_BYTES];
    if (trib_json_f64(v, &value)) {
        trib_str text = {out, trib_f64_format(value, out)};
        check(trib_f64_parse(text, &back) && back == value);
    }
    for (v = trib_json_first(v); v; v = v->next) check_doubles(v);
}

static void check_accepted(const trib_json *root) {
    trib_arena arena;
    trib_buf once, twice;
    const trib_json *again = NULL;
    trib_arena_init(&arena, 64 << 20);
    check_doubles(root);
    write_tree(root, &once);
    check(trib_json_parse(&arena, trib_buf_str(&once), &again, NULL) == TRIB_OK);
    check(same(root, again));
    write_tree(again, &twice);
    check(trib_str_eq(trib_buf_str(&once), trib_buf_str(&twice)));
    trib_buf_deinit(&once);
    trib_buf_deinit(&twice);
    trib_arena_deinit(&arena);
}

static void check_budgets(trib_str text, trib_code want, size_t budget) {
    trib_arena arena;
    const trib_json *root;
    trib_arena_init(&arena, budget);
    trib_code code = trib_json_parse(&arena, text, &root, NULL);
    check(code == want || (code == TRIB_NOMEM && arena.failed));
    trib_arena_deinit(&arena);
}

static void check_string(trib_str text) {
    trib_arena arena;
    trib_buf buf;
    trib_json_writer w;
    const trib_json *root;
    trib_str back = {0};
    trib_arena_init(&arena, 64 << 20);
    trib_buf_init(&buf, 64 << 20);
    trib_jw_init(&w, &buf);
    trib_jw_str(&w, text);
    check(trib_json_parse(&arena, trib_buf_str(&buf), &root, NULL) == TRIB_OK && trib_json_str(root, &back));
    check(trib_str_eq(back, text) == trib_str_utf8_valid(text));
    trib_buf_deinit(&buf);
    trib_arena_deinit(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    trib_str text = {(const char *)data, size};
    trib_arena arena;
    trib_error err = {0};
    const trib_json *root = NULL, *unique = NULL;
    trib_arena_init(&arena, 64 << 20);
    trib_code code = trib_json_parse(&arena, text, &root, &err);
    trib_code unique_code = trib_json_parse_unique(&arena, text, &unique, NULL);
    if (code == TRIB_OK) {
        check_accepted(root);
        if (unique_code == TRIB_OK) check(same(root, unique));
        else check(unique_code == TRIB_BAD_JSON);
    } else {
        check(code == TRIB_BAD_JSON && unique_code == TRIB_BAD_JSON && root == NULL);
        check(err.detail >= 0 && (size_t)err.detail <= size && trib_str_utf8_valid(trib_str_c(err.message)));
    }
    check_budgets(text, code, size ? (size_t)data[0] * 16 : 0);
    check_string(text);
    trib_arena_deinit(&arena);
    return 0;
}

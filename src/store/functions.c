/* SPDX-License-Identifier: Apache-2.0 */
/* Built-ins whose cost SQLite's progress handler cannot interrupt, because it looks only between machine steps and one
 * call is one step:
 *
 *   replaced  instr, replace, trim, ltrim, rtrim, LIKE, GLOB: the built-ins take |text| x |pattern| steps. Ours give
 *             the same answers, search in linear time where they can, and look at the clock where they cannot.
 *   guarded   everything that is linear in large values (length, hex, json ...): the clock is looked at before each
 *             call with large arguments, and two built-ins with a product of lengths in their cost get a bound on it.
 *
 * LIKE and GLOB are in functions_like.c. */
#include "store/functions.h"

#include <stdlib.h>
#include <string.h>

#include "store/sqlite_seam.h"

enum { GUARD_BYTES = 16 << 10 }; /* calls with less to do are not worth a look at the clock */

void trib_functions_stop(sqlite3_context *ctx) {
    sqlite3_result_error_code(ctx, SQLITE_INTERRUPT);
}

static bool is_continuation(unsigned char c) {
    return (c & 0xc0) == 0x80;
}

/* ---- instr ---- */

/* First place of needle at which a character begins, as bytes from the start, or SIZE_MAX. */
static size_t find_text(trib_policy *policy, trib_str hay, trib_str needle, bool text, bool *ret_stopped) {
    uint64_t work = 0;
    size_t from = 0;
    while (from + needle.len <= hay.len) {
        const char *at = memmem(hay.ptr + from, hay.len - from, needle.ptr, needle.len);
        if (!at) return SIZE_MAX;
        size_t place = (size_t)(at - hay.ptr);
        if (!text || place == 0 || !is_continuation((unsigned char)*at)) return place;
        if (!trib_policy_work(policy, &work, place - from + 64)) {
            *ret_stopped = true;
            return SIZE_MAX;
        }
        from = place + 1;
    }
    return SIZE_MAX;
}

static void fn_instr(sqlite3_context *ctx, int count, sqlite3_value **values) {
    (void)count;
    trib_policy *policy = sqlite3_user_data(ctx);
    int hay_type = sqlite3_value_type(values[0]), needle_type = sqlite3_value_type(values[1]);
    if (hay_type == SQLITE_NULL || needle_type == SQLITE_NULL) return;
    bool text = hay_type != SQLITE_BLOB || needle_type != SQLITE_BLOB;
    trib_str hay, needle;
    hay.ptr = text ? (const char *)sqlite3_value_text(values[0]) : sqlite3_value_blob(values[0]);
    hay.len = (size_t)sqlite3_value_bytes(values[0]);
    needle.ptr = text ? (const char *)sqlite3_value_text(values[1]) : sqlite3_value_blob(values[1]);
    needle.len = (size_t)sqlite3_value_bytes(values[1]);
    if (needle.len == 0) {
        sqlite3_result_int(ctx, 1);
        return;
    }
    if (!needle.ptr || (hay.len > 0 && !hay.ptr)) {
        sqlite3_result_error_nomem(ctx);
        return;
    }
    bool stopped = false;
    size_t place = find_text(policy, hay, needle, text, &stopped);
    if (stopped) {
        trib_functions_stop(ctx);
        return;
    }
    sqlite3_int64 number = place == SIZE_MAX ? 0 : 1;
    for (size_t i = 1; place != SIZE_MAX && i <= place; i++)
        number += !text || !is_continuation((unsigned char)hay.ptr[i]);
    sqlite3_result_int64(ctx, number);
}

/* ---- replace ---- */

/* Copies text with every `what` replaced; two passes, so that the size is known before memory is taken. */
static char *replaced(trib_str text, trib_str what, trib_str with, size_t hits, size_t *ret_len) {
    *ret_len = text.len - hits * what.len + hits * with.len;
    char *out = sqlite3_malloc64(*ret_len + 1), *to = out;
    if (!out) return NULL;
    const char *from = text.ptr, *end = text.ptr + text.len, *hit;
    while ((hit = memmem(from, (size_t)(end - from), what.ptr, what.len)) != NULL) {
        memcpy(to, from, (size_t)(hit - from));
        to += hit - from;
        if (with.len > 0) memcpy(to, with.ptr, with.len);
        to += with.len;
        from = hit + what.len;
    }
    memcpy(to, from, (size_t)(end - from));
    out[*ret_len] = '\0';
    return out;
}

static trib_str value_text(sqlite3_value *value) {
    trib_str text;
    text.ptr = (const char *)sqlite3_value_text(value);
    text.len = text.ptr ? (size_t)sqlite3_value_bytes(value) : 0;
    return text;
}

static void fn_replace(sqlite3_context *ctx, int count, sqlite3_value **values) {
    (void)count;
    trib_str text = value_text(values[0]);
    if (!text.ptr) return;
    trib_str what = value_text(values[1]);
    if (!what.ptr) return;
    if (what.len == 0 || what.ptr[0] == '\0') {
        sqlite3_result_text64(ctx, text.ptr, text.len, SQLITE_TRANSIENT, SQLITE_UTF8);
        return;
    }
    trib_str with = value_text(values[2]);
    if (!with.ptr) return;
    size_t hits = 0;
    const char *from = text.ptr, *end = text.ptr + text.len;
    while ((from = memmem(from, (size_t)(end - from), what.ptr, what.len)) != NULL) {
        hits++;
        from += what.len;
    }
    size_t limit = (size_t)sqlite3_limit(sqlite3_context_db_handle(ctx), SQLITE_LIMIT_LENGTH, -1);
    if (hits > 0 && with.len > what.len && hits > (limit + text.len) / (with.len - what.len)) {
        sqlite3_result_error_toobig(ctx);
        return;
    }
    size_t len;
    char *out = replaced(text, what, with, hits, &len);
    if (!out) sqlite3_result_error_nomem(ctx);
    else sqlite3_result_text64(ctx, out, len, sqlite3_free, SQLITE_UTF8);
}

/* ---- trim(X, Y) ---- */

/* Bytes of the first character of `set`, by SQLite's reading of UTF-8. */
static size_t char_len(trib_str set) {
    size_t n = 1;
    if ((unsigned char)set.ptr[0] >= 0xc0)
        while (n < set.len && is_continuation((unsigned char)set.ptr[n])) n++;
    return n;
}

/* Length of the character of `set` that text begins (or ends) with; 0: none. */
static size_t match_set(trib_str text, trib_str set, bool at_end) {
    while (set.len > 0) {
        size_t n = char_len(set);
        if (n <= text.len && memcmp(at_end ? text.ptr + text.len - n : text.ptr, set.ptr, n) == 0) return n;
        set = trib_str_sub(set, n, set.len);
    }
    return 0;
}

static void trim(sqlite3_context *ctx, sqlite3_value **values, bool left, bool right) {
    trib_policy *policy = sqlite3_user_data(ctx);
    if (sqlite3_value_type(values[0]) == SQLITE_NULL) return;
    trib_str text = value_text(values[0]), set = value_text(values[1]);
    if (!text.ptr || !set.ptr) return;
    set.len = strlen(set.ptr);
    uint64_t work = 0;
    size_t n;
    while (left && text.len > 0 && (n = match_set(text, set, false)) > 0) {
        text = trib_str_sub(text, n, text.len);
        if (trib_policy_work(policy, &work, set.len)) continue;
        trib_functions_stop(ctx);
        return;
    }
    while (right && text.len > 0 && (n = match_set(text, set, true)) > 0) {
        text.len -= n;
        if (trib_policy_work(policy, &work, set.len)) continue;
        trib_functions_stop(ctx);
        return;
    }
    sqlite3_result_text64(ctx, text.ptr, text.len, SQLITE_TRANSIENT, SQLITE_UTF8);
}

static void fn_trim(sqlite3_context *ctx, int count, sqlite3_value **values) {
    (void)count;
    trim(ctx, values, true, true);
}

static void fn_ltrim(sqlite3_context *ctx, int count, sqlite3_value **values) {
    (void)count;
    trim(ctx, values, true, false);
}

static void fn_rtrim(sqlite3_context *ctx, int count, sqlite3_value **values) {
    (void)count;
    trim(ctx, values, false, true);
}

/* ---- guarded built-ins ---- */

typedef struct guard {
    trib_policy *policy;
    const char *name;
    bool product; /* the built-in's cost is the product of its two arguments' lengths */
} guard;

static size_t large_bytes(sqlite3_value *value) {
    int type = sqlite3_value_type(value);
    return type == SQLITE_TEXT || type == SQLITE_BLOB ? (size_t)sqlite3_value_bytes(value) : 0;
}

static void fn_guarded(sqlite3_context *ctx, int count, sqlite3_value **values) {
    const guard *g = sqlite3_user_data(ctx);
    size_t bytes = 0;
    for (int i = 0; i < count; i++) bytes += large_bytes(values[i]);
    if (bytes > GUARD_BYTES) {
        if (g->policy->armed > 0 && trib_policy_must_stop(g->policy)) {
            trib_functions_stop(ctx);
            return;
        }
        if (g->product && large_bytes(values[0]) * large_bytes(values[1]) > TRIB_SQL_PRODUCT_MAX) {
            sqlite3_result_error(ctx, "the arguments are too large to be combined", -1);
            sqlite3_result_error_code(ctx, SQLITE_TOOBIG);
            return;
        }
    }
    trib_sqlite_call_builtin(ctx, g->name, count, values);
}

static const struct {
    const char *name;
    int args;
    bool product;
} guarded[] = {
    {"json_patch", 2, true},
    {"jsonb_patch", 2, true},
    {"unhex", 2, true},
    {"length", 1, false},
    {"hex", 1, false},
    {"unhex", 1, false},
    {"quote", 1, false},
    {"upper", 1, false},
    {"lower", 1, false},
    {"substr", 2, false},
    {"substr", 3, false},
    {"substring", 2, false},
    {"substring", 3, false},
    {"printf", -1, false},
    {"format", -1, false},
    {"concat_ws", -1, false},
    {"trim", 1, false},
    {"ltrim", 1, false},
    {"rtrim", 1, false},
    {"json", 1, false},
    {"jsonb", 1, false},
    {"json_extract", -1, false},
    {"jsonb_extract", -1, false},
    {"->", 2, false},
    {"->>", 2, false},
    {"json_set", -1, false},
    {"json_insert", -1, false},
    {"json_replace", -1, false},
    {"json_remove", -1, false},
    {"jsonb_set", -1, false},
    {"jsonb_insert", -1, false},
    {"jsonb_replace", -1, false},
    {"jsonb_remove", -1, false},
    {"json_type", 1, false},
    {"json_type", 2, false},
    {"json_valid", 1, false},
    {"json_valid", 2, false},
    {"json_array_length", 1, false},
    {"json_array_length", 2, false},
    {"json_pretty", 1, false},
    {"json_pretty", 2, false},
    {"json_quote", 1, false},
    {"json_error_position", 1, false},
    {"json_array", -1, false},
    {"json_object", -1, false},
};

static int register_guards(sqlite3 *sqlite, trib_policy *policy) {
    for (size_t i = 0; i < sizeof guarded / sizeof guarded[0]; i++) {
        guard *g = malloc(sizeof *g);
        if (!g) return SQLITE_NOMEM;
        *g = (guard){policy, guarded[i].name, guarded[i].product};
        int rc = trib_sqlite_guard(sqlite, guarded[i].name, guarded[i].args, g, fn_guarded, free);
        if (rc != SQLITE_OK && rc != SQLITE_NOTFOUND) return rc;
    }
    return SQLITE_OK;
}

/* ---- libSQL ---- */

/* The tenant's name; NULL until the core hands it down. */
static void fn_server_database_name(sqlite3_context *ctx, int count, sqlite3_value **values) {
    (void)count, (void)values;
    sqlite3_result_null(ctx);
}

int trib_functions_register(trib_handle *handle) {
    /* INNOCUOUS: they stay usable in views, triggers, CHECKs and indexes with an untrusted schema, as the built-ins
     * are. */
    enum { FLAGS = SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS };
    static const struct {
        const char *name;
        int args, flags;
        void (*call)(sqlite3_context *, int, sqlite3_value **);
    } functions[] = {
        {"instr", 2, FLAGS, fn_instr}, {"replace", 3, FLAGS, fn_replace},
        {"trim", 2, FLAGS, fn_trim},   {"ltrim", 2, FLAGS, fn_ltrim},
        {"rtrim", 2, FLAGS, fn_rtrim}, {"libsql_server_database_name", 0, SQLITE_UTF8, fn_server_database_name},
    };
    for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++) {
        int rc = sqlite3_create_function_v2(handle->sqlite, functions[i].name, functions[i].args, functions[i].flags,
                                            handle->policy, functions[i].call, NULL, NULL, NULL);
        if (rc != SQLITE_OK) return rc;
    }
    int rc = trib_functions_register_like(handle);
    return rc == SQLITE_OK ? register_guards(handle->sqlite, handle->policy) : rc;
}

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

#include "store/nearest.h"
#include "store/sqlite_seam.h"

enum { GUARD_BYTES = 16 << 10 }; /* calls with less to do are not worth a look at the clock */

void trib_functions_stop(sqlite3_context *ctx) {
    sqlite3_result_error_code(ctx, SQLITE_INTERRUPT);
}

static bool is_continuation(unsigned char c) {
    return (c & 0xc0) == 0x80;
}

/* The first place of `what` in [from, end), or NULL. memmem is linear, but has a start-up cost that short pieces by the
 * million should not pay. */
static const char *find(const char *from, const char *end, trib_str what) {
    enum { SHORT_BYTES = 8 };
    if (what.len > SHORT_BYTES) return memmem(from, (size_t)(end - from), what.ptr, what.len);
    while ((size_t)(end - from) >= what.len) {
        from = memchr(from, what.ptr[0], (size_t)(end - from) - what.len + 1);
        if (!from || memcmp(from, what.ptr, what.len) == 0) return from;
        from++;
    }
    return NULL;
}

/* ---- instr ---- */

/* First place of needle at which a character begins, as bytes from the start, or SIZE_MAX. */
static size_t find_text(trib_policy *policy, trib_str hay, trib_str needle, bool text, bool *ret_stopped) {
    uint64_t work = 0;
    size_t from = 0;
    while (from + needle.len <= hay.len) {
        const char *at = find(hay.ptr + from, hay.ptr + hay.len, needle);
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
    while ((hit = find(from, end, what)) != NULL) {
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
    size_t hits = 0, most = SIZE_MAX;
    if (with.len > what.len) {
        size_t limit = (size_t)sqlite3_limit(sqlite3_context_db_handle(ctx), SQLITE_LIMIT_LENGTH, -1);
        most = (limit + text.len) / (with.len - what.len); /* with more, the answer is past the limit */
    }
    const char *from = text.ptr, *end = text.ptr + text.len;
    while (hits <= most && (from = find(from, end, what)) != NULL) {
        hits++;
        from += what.len;
    }
    if (hits > most) {
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

typedef enum guard_kind {
    LINEAR,
    PRODUCT,   /* the built-in's cost is the product of its two arguments' lengths */
    JSON,      /* takes JSONB */
    JSON_EDIT, /* and makes what its paths name: the 2nd, 4th ... argument, by recursion */
    JSON_MERGE /* JSON and PRODUCT */
} guard_kind;

typedef struct guard {
    trib_policy *policy;
    const char *name;
    guard_kind kind;
} guard;

static size_t large_bytes(sqlite3_value *value) {
    int type = sqlite3_value_type(value);
    return type == SQLITE_TEXT || type == SQLITE_BLOB ? (size_t)sqlite3_value_bytes(value) : 0;
}

/* Why the call cannot be let through; NULL: it can. */
static const char *refusal(const guard *g, int count, sqlite3_value **values) {
    if (g->kind >= JSON && trib_sqlite_json_is_deep(count, values)) return "malformed JSON";
    for (int i = 1; g->kind == JSON_EDIT && i < count; i += 2)
        if (large_bytes(values[i]) > TRIB_SQL_JSON_PATH_MAX) return "JSON path too long";
    bool product = g->kind == PRODUCT || g->kind == JSON_MERGE;
    if (product && (uint64_t)large_bytes(values[0]) * large_bytes(values[1]) > TRIB_SQL_PRODUCT_MAX)
        return "the arguments are too large to be combined";
    return NULL;
}

static void fn_guarded(sqlite3_context *ctx, int count, sqlite3_value **values) {
    const guard *g = sqlite3_user_data(ctx);
    size_t bytes = 0;
    for (int i = 0; i < count; i++) bytes += large_bytes(values[i]);
    if (bytes > GUARD_BYTES && g->policy->armed > 0 && trib_policy_must_stop(g->policy)) {
        trib_functions_stop(ctx);
        return;
    }
    const char *why = bytes > TRIB_SQL_JSON_PATH_MAX / 2 ? refusal(g, count, values) : NULL;
    if (why) sqlite3_result_error(ctx, why, -1);
    else trib_sqlite_call_builtin(ctx, g->name, count, values);
}

static const struct {
    const char *name;
    int args;
    guard_kind kind;
} guarded[] = {
    {"unhex", 2, PRODUCT},
    {"length", 1, LINEAR},
    {"hex", 1, LINEAR},
    {"unhex", 1, LINEAR},
    {"quote", 1, LINEAR},
    {"upper", 1, LINEAR},
    {"lower", 1, LINEAR},
    {"substr", 2, LINEAR},
    {"substr", 3, LINEAR},
    {"substring", 2, LINEAR},
    {"substring", 3, LINEAR},
    {"printf", -1, LINEAR},
    {"format", -1, LINEAR},
    {"concat_ws", -1, LINEAR},
    {"trim", 1, LINEAR},
    {"ltrim", 1, LINEAR},
    {"rtrim", 1, LINEAR},
    {"json", 1, JSON},
    {"jsonb", 1, JSON},
    {"json_extract", -1, JSON},
    {"jsonb_extract", -1, JSON},
    {"->", 2, JSON},
    {"->>", 2, JSON},
    {"json_set", -1, JSON_EDIT},
    {"json_insert", -1, JSON_EDIT},
    {"json_replace", -1, JSON_EDIT},
    {"json_remove", -1, JSON},
    {"jsonb_set", -1, JSON_EDIT},
    {"jsonb_insert", -1, JSON_EDIT},
    {"jsonb_replace", -1, JSON_EDIT},
    {"jsonb_remove", -1, JSON},
    {"json_type", 1, JSON},
    {"json_type", 2, JSON},
    {"json_valid", 1, JSON},
    {"json_valid", 2, JSON},
    {"json_array_length", 1, JSON},
    {"json_array_length", 2, JSON},
    {"json_pretty", 1, JSON},
    {"json_pretty", 2, JSON},
    {"json_quote", 1, JSON},
    {"json_error_position", 1, JSON},
    {"json_array", -1, JSON},
    {"json_object", -1, JSON},
    {"jsonb_array", -1, JSON},
    {"jsonb_object", -1, JSON},
    {"json_patch", 2, JSON_MERGE},
    {"jsonb_patch", 2, JSON_MERGE},
};

static int register_guards(sqlite3 *sqlite, trib_policy *policy) {
    for (size_t i = 0; i < sizeof guarded / sizeof guarded[0]; i++) {
        guard *g = malloc(sizeof *g);
        if (!g) return SQLITE_NOMEM;
        *g = (guard){policy, guarded[i].name, guarded[i].kind};
        int rc = trib_sqlite_guard(sqlite, guarded[i].name, guarded[i].args, g, fn_guarded, free);
        if (rc != SQLITE_OK && rc != SQLITE_NOTFOUND) return rc;
    }
    return SQLITE_OK;
}

/* ---- libSQL ---- */

/* The tenant's name as the session has it; NULL where nobody said one (the registry's own work). */
static void fn_server_database_name(sqlite3_context *ctx, int count, sqlite3_value **values) {
    (void)count, (void)values;
    const trib_policy *policy = sqlite3_user_data(ctx);
    const trib_session_vars *vars = policy->handle->vars;
    if (vars && vars->database_name) sqlite3_result_text(ctx, vars->database_name, -1, SQLITE_TRANSIENT);
    else sqlite3_result_null(ctx);
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
        {"instr", 2, FLAGS, fn_instr},
        {"replace", 3, FLAGS, fn_replace},
        {"trim", 2, FLAGS, fn_trim},
        {"ltrim", 2, FLAGS, fn_ltrim},
        {"rtrim", 2, FLAGS, fn_rtrim},
        {"libsql_server_database_name", 0, SQLITE_UTF8 | SQLITE_INNOCUOUS, fn_server_database_name},
    };
    for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++) {
        int rc = sqlite3_create_function_v2(handle->sqlite, functions[i].name, functions[i].args, functions[i].flags,
                                            handle->policy, functions[i].call, NULL, NULL, NULL);
        if (rc != SQLITE_OK) return rc;
    }
    int rc = trib_functions_register_like(handle);
    if (rc == SQLITE_OK) rc = trib_functions_register_log(handle);
    if (rc == SQLITE_OK) rc = trib_functions_register_geo(handle);
    if (rc == SQLITE_OK) rc = trib_functions_register_fts(handle->sqlite, handle->policy);
    if (rc == SQLITE_OK) rc = trib_nearest_register(handle);
    if (rc == SQLITE_OK) rc = trib_sqlite_guard_json(handle->sqlite);
    return rc == SQLITE_OK ? register_guards(handle->sqlite, handle->policy) : rc;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Hrana messages from JSON (docs/reference/libsql.md, "Data model"). Unknown members are ignored, absent ones are null;
 * whatever else deviates breaks the protocol and fails the whole request, so that a client's mistake never
 * half-runs. */
#include <math.h>
#include <string.h>

#include "features/hrana/hrana_int.h"
#include "wire/base64.h"

static const char *const request_names[] = {
    [HRANA_EXECUTE] = "execute",
    [HRANA_BATCH] = "batch",
    [HRANA_SEQUENCE] = "sequence",
    [HRANA_DESCRIBE] = "describe",
    [HRANA_STORE_SQL] = "store_sql",
    [HRANA_CLOSE_SQL] = "close_sql",
    [HRANA_GET_AUTOCOMMIT] = "get_autocommit",
    [HRANA_CLOSE] = "close",
};

const char *hrana_request_name(hrana_request_type type) {
    return request_names[type];
}

static trib_code bad(trib_error *err, const char *what) {
    return trib_error_set(err, TRIB_PROTOCOL, "Cannot deserialize client message from JSON: %s", what);
}

/* {"type":"integer","value":"42"} and the other forms. A blob is decoded into the arena, text borrows from the body. */
static trib_code decode_value(trib_arena *arena, const trib_json *json, trib_value *ret, trib_error *err) {
    trib_str type, text;
    if (!trib_json_str(trib_json_get(json, "type"), &type)) return bad(err, "a value needs a \"type\"");
    const trib_json *value = trib_json_get(json, "value");
    if (trib_str_eq_c(type, "null")) {
        *ret = (trib_value){.type = TRIB_VALUE_NULL};
    } else if (trib_str_eq_c(type, "integer")) {
        ret->type = TRIB_VALUE_INTEGER;
        if (!trib_json_str(value, &text) || !trib_str_i64(text, &ret->integer)) {
            return bad(err, "the value of an integer is a string with a decimal 64-bit number");
        }
    } else if (trib_str_eq_c(type, "float")) {
        ret->type = TRIB_VALUE_REAL;
        if (!trib_json_f64(value, &ret->real)) return bad(err, "the value of a float is a finite number");
    } else if (trib_str_eq_c(type, "text")) {
        ret->type = TRIB_VALUE_TEXT;
        if (!trib_json_str(value, &ret->bytes)) return bad(err, "the value of a text is a string");
    } else if (trib_str_eq_c(type, "blob")) {
        ret->type = TRIB_VALUE_BLOB;
        if (!trib_json_str(trib_json_get(json, "base64"), &text)) return bad(err, "a blob needs a string \"base64\"");
        if (!trib_base64_decode_arena(TRIB_BASE64_STD, TRIB_BASE64_LENIENT, text, arena, &ret->bytes)) {
            return arena->failed ? trib_hrana_decode_nomem(err) : bad(err, "the \"base64\" of a blob is not Base64");
        }
    } else {
        return trib_error_set(err, TRIB_PROTOCOL, "Value type not recognized: \"%.*s\"",
                              TRIB_STR_ARG(trib_str_sub(type, 0, 64)));
    }
    return TRIB_OK;
}

/* An absent member, or an array; false for anything else. */
static bool optional_array(const trib_json *json, size_t *ret_count) {
    *ret_count = trib_json_count(json);
    return trib_json_absent(json) || trib_json_is(json, TRIB_JSON_ARRAY);
}

static trib_code decode_args(trib_arena *arena, const trib_json *json, hrana_stmt *ret, trib_error *err) {
    const trib_json *args = trib_json_get(json, "args"), *named = trib_json_get(json, "named_args");
    size_t arg_count, named_count;
    if (!optional_array(args, &arg_count) || !optional_array(named, &named_count)) {
        return bad(err, "\"args\" and \"named_args\" are arrays");
    }
    ret->has_positional = arg_count > 0;
    ret->has_named = named_count > 0;
    ret->arg_count = arg_count + named_count;
    ret->args = trib_arena_zalloc(arena, ret->arg_count, sizeof *ret->args);
    if (arena->failed) return trib_hrana_decode_nomem(err);
    trib_arg *arg = ret->args;
    if (arg_count) {
        for (const trib_json *at = trib_json_first(args); at; at = trib_json_next(at), arg++) {
            trib_code code = decode_value(arena, at, &arg->value, err);
            if (code != TRIB_OK) return code;
        }
    }
    if (named_count) {
        for (const trib_json *at = trib_json_first(named); at; at = trib_json_next(at), arg++) {
            if (!trib_json_str(trib_json_get(at, "name"), &arg->name) || arg->name.len == 0) {
                return bad(err, "a named argument needs a \"name\"");
            }
            trib_code code = decode_value(arena, trib_json_get(at, "value"), &arg->value, err);
            if (code != TRIB_OK) return code;
        }
    }
    return TRIB_OK;
}

/* "sql" and "sql_id" of any object. */
static trib_code decode_sql(const trib_json *json, hrana_stmt *ret, trib_error *err) {
    const trib_json *sql = trib_json_get(json, "sql"), *sql_id = trib_json_get(json, "sql_id");
    int64_t id;
    if (!trib_json_absent(sql)) {
        if (!trib_json_str(sql, &ret->sql)) return bad(err, "\"sql\" is a string");
        ret->has_sql = true;
    }
    if (!trib_json_absent(sql_id)) {
        if (!trib_json_i64(sql_id, &id) || id < INT32_MIN || id > INT32_MAX)
            return bad(err, "\"sql_id\" is a 32-bit integer");
        ret->sql_id = (int32_t)id;
        ret->has_sql_id = true;
    }
    return TRIB_OK;
}

static trib_code decode_stmt(trib_arena *arena, const trib_json *json, hrana_stmt *ret, trib_error *err) {
    if (!trib_json_is(json, TRIB_JSON_OBJECT)) return bad(err, "\"stmt\" is an object");
    trib_code code = decode_sql(json, ret, err);
    if (code == TRIB_OK) code = trib_hrana_check_sql(ret, err);
    if (code != TRIB_OK) return code;
    const trib_json *want_rows = trib_json_get(json, "want_rows");
    ret->want_rows = true;
    if (!trib_json_absent(want_rows) && !trib_json_bool(want_rows, &ret->want_rows))
        return bad(err, "\"want_rows\" is a boolean");
    return decode_args(arena, json, ret, err);
}

static trib_code decode_cond(trib_arena *arena, const trib_json *json, size_t step, unsigned depth, hrana_cond **ret,
                             trib_error *err);

/* and, or: a list of children. */
static trib_code decode_conds(trib_arena *arena, const trib_json *list, size_t step, unsigned depth, hrana_cond *parent,
                              trib_error *err) {
    hrana_cond **tail = &parent->first;
    if (!trib_json_is(list, TRIB_JSON_ARRAY)) return bad(err, "\"conds\" is an array");
    for (const trib_json *at = trib_json_first(list); at; at = trib_json_next(at)) {
        trib_code code = decode_cond(arena, at, step, depth + 1, tail, err);
        if (code != TRIB_OK) return code;
        tail = &(*tail)->next;
    }
    return TRIB_OK;
}

static trib_code decode_cond(trib_arena *arena, const trib_json *json, size_t step, unsigned depth, hrana_cond **ret,
                             trib_error *err) {
    trib_str type;
    int64_t target;
    if (depth > TRIB_HRANA_COND_DEPTH_MAX) return bad(err, "the conditions are nested too deeply");
    if (!trib_json_str(trib_json_get(json, "type"), &type)) return bad(err, "a condition needs a \"type\"");
    hrana_cond *cond = trib_arena_zalloc(arena, 1, sizeof *cond);
    if (!cond) return trib_hrana_decode_nomem(err);
    *ret = cond;
    if (trib_str_eq_c(type, "ok") || trib_str_eq_c(type, "error")) {
        cond->type = trib_str_eq_c(type, "ok") ? HRANA_COND_OK : HRANA_COND_ERROR;
        if (!trib_json_i64(trib_json_get(json, "step"), &target) || target < 0 || (uint64_t)target >= step) {
            return trib_hrana_bad_reference(err);
        }
        cond->step = (uint32_t)target;
        return TRIB_OK;
    }
    if (trib_str_eq_c(type, "not")) {
        cond->type = HRANA_COND_NOT;
        return decode_cond(arena, trib_json_get(json, "cond"), step, depth + 1, &cond->first, err);
    }
    if (trib_str_eq_c(type, "and") || trib_str_eq_c(type, "or")) {
        cond->type = trib_str_eq_c(type, "and") ? HRANA_COND_AND : HRANA_COND_OR;
        return decode_conds(arena, trib_json_get(json, "conds"), step, depth, cond, err);
    }
    if (trib_str_eq_c(type, "is_autocommit")) {
        cond->type = HRANA_COND_IS_AUTOCOMMIT;
        return TRIB_OK;
    }
    return trib_error_set(err, TRIB_PROTOCOL, "BatchCond type not recognized: \"%.*s\"",
                          TRIB_STR_ARG(trib_str_sub(type, 0, 64)));
}

static trib_code decode_batch(trib_arena *arena, const trib_json *json, hrana_batch *ret, trib_error *err) {
    const trib_json *steps = trib_json_get(json, "steps");
    if (!trib_json_is(steps, TRIB_JSON_ARRAY)) return bad(err, "\"batch\" needs an array \"steps\"");
    ret->count = trib_json_count(steps);
    if (trib_hrana_check_steps(ret->count, err) != TRIB_OK) return TRIB_PROTOCOL;
    ret->steps = trib_arena_zalloc(arena, ret->count, sizeof *ret->steps);
    if (!ret->steps) return trib_hrana_decode_nomem(err);
    size_t i = 0;
    for (const trib_json *at = trib_json_first(steps); at; at = trib_json_next(at), i++) {
        const trib_json *condition = trib_json_get(at, "condition");
        trib_code code = decode_stmt(arena, trib_json_get(at, "stmt"), &ret->steps[i].stmt, err);
        if (code == TRIB_OK && !trib_json_absent(condition)) {
            code = decode_cond(arena, condition, i, 0, &ret->steps[i].condition, err);
        }
        if (code != TRIB_OK) return code;
    }
    return TRIB_OK;
}

static trib_code decode_request(trib_arena *arena, const trib_json *json, hrana_request *ret, trib_error *err) {
    trib_str type;
    if (!trib_json_str(trib_json_get(json, "type"), &type)) return bad(err, "a request needs a \"type\"");
    size_t n = sizeof request_names / sizeof request_names[0], i = 0;
    while (i < n && !trib_str_eq_c(type, request_names[i])) i++;
    if (i == n) {
        return trib_error_set(err, TRIB_PROTOCOL, "StreamRequest type not recognized: \"%.*s\"",
                              TRIB_STR_ARG(trib_str_sub(type, 0, 64)));
    }
    ret->type = (hrana_request_type)i;
    trib_code code;
    switch (ret->type) {
    case HRANA_EXECUTE: return decode_stmt(arena, trib_json_get(json, "stmt"), &ret->stmt, err);
    case HRANA_BATCH: return decode_batch(arena, trib_json_get(json, "batch"), &ret->batch, err);
    case HRANA_SEQUENCE:
    case HRANA_DESCRIBE:
        code = decode_sql(json, &ret->stmt, err);
        return code == TRIB_OK ? trib_hrana_check_sql(&ret->stmt, err) : code;
    case HRANA_STORE_SQL:
    case HRANA_CLOSE_SQL:
        code = decode_sql(json, &ret->stmt, err);
        if (code != TRIB_OK) return code;
        if (!ret->stmt.has_sql_id) return bad(err, "\"sql_id\" is missing");
        if (ret->type == HRANA_STORE_SQL && !ret->stmt.has_sql) return bad(err, "\"sql\" is missing");
        return TRIB_OK;
    case HRANA_GET_AUTOCOMMIT:
    case HRANA_CLOSE: return TRIB_OK;
    }
    return TRIB_OK;
}

static trib_code decode_root(trib_arena *arena, trib_str body, const trib_json **ret, trib_str *ret_baton,
                             trib_error *err) {
    trib_code code = trib_json_parse(arena, body, ret, err);
    if (code != TRIB_OK) return code;
    if (!trib_json_is(*ret, TRIB_JSON_OBJECT)) return bad(err, "the body is an object");
    const trib_json *baton = trib_json_get(*ret, "baton");
    *ret_baton = (trib_str){0};
    if (!trib_json_absent(baton) && !trib_json_str(baton, ret_baton)) return bad(err, "\"baton\" is a string or null");
    return trib_hrana_check_baton(*ret_baton, err);
}

trib_code hrana_decode_pipeline(trib_arena *arena, trib_str body, hrana_pipeline *ret, trib_error *err) {
    const trib_json *root;
    trib_code code = decode_root(arena, body, &root, &ret->baton, err);
    if (code != TRIB_OK) return code;
    const trib_json *requests = trib_json_get(root, "requests");
    if (!trib_json_is(requests, TRIB_JSON_ARRAY)) return bad(err, "the array \"requests\" is missing");
    ret->count = trib_json_count(requests);
    if (trib_hrana_check_requests(ret->count, err) != TRIB_OK) return TRIB_PROTOCOL;
    ret->requests = trib_arena_zalloc(arena, ret->count, sizeof *ret->requests);
    if (!ret->requests) return trib_hrana_decode_nomem(err);
    size_t i = 0;
    for (const trib_json *at = trib_json_first(requests); at; at = trib_json_next(at), i++) {
        code = decode_request(arena, at, &ret->requests[i], err);
        if (code != TRIB_OK) return code;
    }
    return TRIB_OK;
}

trib_code hrana_decode_cursor(trib_arena *arena, trib_str body, trib_str *ret_baton, hrana_batch *ret,
                              trib_error *err) {
    const trib_json *root;
    trib_code code = decode_root(arena, body, &root, ret_baton, err);
    if (code != TRIB_OK) return code;
    return decode_batch(arena, trib_json_get(root, "batch"), ret, err);
}

static trib_code need_text(const hrana_stmt *stmt, trib_error *err) {
    if (!stmt->has_sql_id) return TRIB_OK;
    return trib_error_set(err, TRIB_PROTOCOL,
                          "SQL text %d not found: HTTP v1 has no sessions that could store one; send the text as `sql`",
                          (int)stmt->sql_id);
}

trib_code hrana_decode_v1(trib_arena *arena, trib_str body, hrana_request_type type, hrana_request *ret,
                          trib_error *err) {
    const trib_json *root;
    trib_code code = trib_json_parse(arena, body, &root, err);
    if (code != TRIB_OK) return code;
    if (!trib_json_is(root, TRIB_JSON_OBJECT)) return bad(err, "the body is an object");
    ret->type = type;
    if (type == HRANA_EXECUTE) {
        code = decode_stmt(arena, trib_json_get(root, "stmt"), &ret->stmt, err);
        return code == TRIB_OK ? need_text(&ret->stmt, err) : code;
    }
    code = decode_batch(arena, trib_json_get(root, "batch"), &ret->batch, err);
    for (size_t i = 0; code == TRIB_OK && i < ret->batch.count; i++) code = need_text(&ret->batch.steps[i].stmt, err);
    return code;
}

/* ---- WebSocket ---- */

static trib_code need_i32(const trib_json *json, const char *key, int32_t *ret, trib_error *err) {
    int64_t value;
    if (!trib_json_i64(trib_json_get(json, key), &value) || value < INT32_MIN || value > INT32_MAX) {
        return trib_error_set(err, TRIB_PROTOCOL,
                              "Cannot deserialize client message from JSON: \"%s\" is a 32-bit integer", key);
    }
    *ret = (int32_t)value;
    return TRIB_OK;
}

static trib_code decode_fetch(const trib_json *json, hrana_client_msg *ret, trib_error *err) {
    int64_t max_count;
    if (!trib_json_i64(trib_json_get(json, "max_count"), &max_count) || max_count < 0 || max_count > UINT32_MAX)
        return bad(err, "\"max_count\" is an unsigned 32-bit integer");
    ret->max_count = (uint32_t)max_count;
    return need_i32(json, "cursor_id", &ret->cursor_id, err);
}

/* A request that HTTP has too. */
static trib_code decode_shared(trib_arena *arena, const trib_json *json, trib_str type, hrana_client_msg *ret,
                               trib_error *err) {
    bool known = false;
    for (size_t i = 0; i < HRANA_CLOSE; i++) known = known || trib_str_eq_c(type, request_names[i]);
    if (!known) {
        return trib_error_set(err, TRIB_PROTOCOL, "Request type not recognized: \"%.*s\"",
                              TRIB_STR_ARG(trib_str_sub(type, 0, 64)));
    }
    ret->type = HRANA_MSG_REQUEST;
    trib_code code = decode_request(arena, json, &ret->request, err);
    if (code != TRIB_OK || ret->request.type == HRANA_STORE_SQL || ret->request.type == HRANA_CLOSE_SQL) return code;
    return need_i32(json, "stream_id", &ret->stream_id, err);
}

static trib_code decode_ws_request(trib_arena *arena, const trib_json *json, hrana_client_msg *ret, trib_error *err) {
    trib_str type;
    if (!trib_json_str(trib_json_get(json, "type"), &type)) return bad(err, "a request needs a \"type\"");
    if (trib_str_eq_c(type, "open_stream") || trib_str_eq_c(type, "close_stream")) {
        ret->type = trib_str_eq_c(type, "open_stream") ? HRANA_MSG_OPEN_STREAM : HRANA_MSG_CLOSE_STREAM;
        return need_i32(json, "stream_id", &ret->stream_id, err);
    }
    if (trib_str_eq_c(type, "open_cursor")) {
        ret->type = HRANA_MSG_OPEN_CURSOR;
        ret->request.type = HRANA_BATCH;
        trib_code code = need_i32(json, "stream_id", &ret->stream_id, err);
        if (code == TRIB_OK) code = need_i32(json, "cursor_id", &ret->cursor_id, err);
        return code == TRIB_OK ? decode_batch(arena, trib_json_get(json, "batch"), &ret->request.batch, err) : code;
    }
    if (trib_str_eq_c(type, "close_cursor")) {
        ret->type = HRANA_MSG_CLOSE_CURSOR;
        return need_i32(json, "cursor_id", &ret->cursor_id, err);
    }
    if (trib_str_eq_c(type, "fetch_cursor")) {
        ret->type = HRANA_MSG_FETCH_CURSOR;
        return decode_fetch(json, ret, err);
    }
    return decode_shared(arena, json, type, ret, err);
}

trib_code hrana_decode_client_msg(trib_arena *arena, trib_str text, hrana_client_msg *ret, trib_error *err) {
    const trib_json *root;
    trib_str type;
    *ret = (hrana_client_msg){0};
    trib_code code = trib_json_parse(arena, text, &root, err);
    if (code != TRIB_OK) return code;
    if (!trib_json_str(trib_json_get(root, "type"), &type)) return bad(err, "a message needs a \"type\"");
    if (trib_str_eq_c(type, "hello")) {
        const trib_json *jwt = trib_json_get(root, "jwt");
        ret->type = HRANA_MSG_HELLO;
        if (!trib_json_absent(jwt) && !trib_json_str(jwt, &ret->jwt)) return bad(err, "\"jwt\" is a string or null");
        return TRIB_OK;
    }
    if (!trib_str_eq_c(type, "request")) {
        return trib_error_set(err, TRIB_PROTOCOL, "ClientMsg type not recognized: \"%.*s\"",
                              TRIB_STR_ARG(trib_str_sub(type, 0, 64)));
    }
    code = need_i32(root, "request_id", &ret->request_id, err);
    return code == TRIB_OK ? decode_ws_request(arena, trib_json_get(root, "request"), ret, err) : code;
}

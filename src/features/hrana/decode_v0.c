/* SPDX-License-Identifier: Apache-2.0 */
/* The body of HTTP v0, written for curl: statements as plain texts or with parameters, values as plain JSON.
 *
 *   {"statements":["SELECT 1", {"q":"SELECT ?","params":[1,"x",null,true,{"base64":"AQID"}]},
 *                  {"q":"SELECT :a","params":{":a":1.5}}]}
 *
 * Nobody can come back to a transaction that such a request leaves open, so a list that would do that is refused before
 * anything runs. */
#include "features/hrana/hrana_int.h"
#include "store/stmt_kind.h"
#include "wire/base64.h"

static trib_code bad(trib_error *err, const char *what) {
    return trib_error_set(err, TRIB_BAD_REQUEST, "the body is not a list of statements: %s", what);
}

/* {"base64":"AQID"}, padded or not. */
static trib_code decode_blob(trib_arena *arena, const trib_json *json, trib_value *ret, trib_error *err) {
    trib_str text;
    ret->type = TRIB_VALUE_BLOB;
    if (!trib_json_str(trib_json_get(json, "base64"), &text))
        return bad(err, "a parameter that is an object is a blob, {\"base64\":\"...\"}");
    if (trib_base64_decode_arena(TRIB_BASE64_STD, TRIB_BASE64_LENIENT, text, arena, &ret->bytes)) return TRIB_OK;
    return arena->failed ? trib_hrana_decode_nomem(err) : bad(err, "the \"base64\" of a blob is not Base64");
}

static trib_code decode_value(trib_arena *arena, const trib_json *json, trib_value *ret, trib_error *err) {
    bool flag;
    *ret = (trib_value){.type = TRIB_VALUE_NULL};
    if (trib_json_is_null(json)) return TRIB_OK;
    if (trib_json_bool(json, &flag)) {
        *ret = (trib_value){.type = TRIB_VALUE_INTEGER, .integer = flag};
        return TRIB_OK;
    }
    if (trib_json_str(json, &ret->bytes)) {
        ret->type = TRIB_VALUE_TEXT;
        return TRIB_OK;
    }
    if (trib_json_i64(json, &ret->integer)) {
        ret->type = TRIB_VALUE_INTEGER;
        return TRIB_OK;
    }
    if (trib_json_f64(json, &ret->real)) {
        ret->type = TRIB_VALUE_REAL;
        return TRIB_OK;
    }
    if (trib_json_is(json, TRIB_JSON_OBJECT)) return decode_blob(arena, json, ret, err);
    return bad(err, "a parameter is null, a boolean, a finite number, a string or a blob");
}

static trib_code decode_params(trib_arena *arena, const trib_json *params, hrana_stmt *ret, trib_error *err) {
    bool named = trib_json_is(params, TRIB_JSON_OBJECT);
    if (trib_json_absent(params)) return TRIB_OK;
    if (!named && !trib_json_is(params, TRIB_JSON_ARRAY)) return bad(err, "\"params\" is an array or an object");
    ret->arg_count = trib_json_count(params);
    ret->has_named = named && ret->arg_count > 0;
    ret->has_positional = !named && ret->arg_count > 0;
    ret->args = trib_arena_zalloc(arena, ret->arg_count, sizeof *ret->args);
    if (arena->failed) return trib_hrana_decode_nomem(err);
    trib_arg *arg = ret->args;
    for (const trib_json *at = trib_json_first(params); at; at = trib_json_next(at), arg++) {
        if (named && at->key.len == 0) return bad(err, "a named parameter needs a name");
        if (named) arg->name = at->key;
        trib_code code = decode_value(arena, at, &arg->value, err);
        if (code != TRIB_OK) return code;
    }
    return TRIB_OK;
}

static trib_code decode_statement(trib_arena *arena, const trib_json *json, hrana_stmt *ret, trib_error *err) {
    ret->has_sql = ret->want_rows = true;
    if (trib_json_str(json, &ret->sql)) return TRIB_OK;
    if (!trib_json_is(json, TRIB_JSON_OBJECT)) return bad(err, "a statement is a string or an object");
    if (!trib_json_str(trib_json_get(json, "q"), &ret->sql)) return bad(err, "a statement needs a string \"q\"");
    return decode_params(arena, trib_json_get(json, "params"), ret, err);
}

/* What the statement does to a transaction, as far as its first words tell; SQLite judges the rest when it runs. */
static trib_code follow_transaction(trib_str sql, bool *open, trib_error *err) {
    trib_str first = trib_sql_without_lead(sql);
    size_t len = trib_sql_first_len(first);
    if (!trib_sql_is_blank(trib_str_sub(first, len, first.len)))
        return trib_error_set(err, TRIB_SQL_MANY_STATEMENTS, NULL);
    trib_stmt_head head = trib_stmt_head_of(first);
    if (head.explain) return TRIB_OK;
    if (head.kind == TRIB_STMT_RELEASE || head.kind == TRIB_STMT_ROLLBACK_TO)
        return trib_error_set(err, TRIB_BAD_REQUEST,
                              "Query error: RELEASE and ROLLBACK TO are not supported in HTTP queries; "
                              "use /v2/pipeline");
    if (head.kind == TRIB_STMT_BEGIN || head.kind == TRIB_STMT_BEGIN_READONLY ||
        head.kind == TRIB_STMT_BEGIN_IMMEDIATE || head.kind == TRIB_STMT_SAVEPOINT)
        *open = true;
    if (head.kind == TRIB_STMT_COMMIT || head.kind == TRIB_STMT_ROLLBACK) *open = false;
    return TRIB_OK;
}

trib_code hrana_decode_v0(trib_arena *arena, trib_str body, hrana_batch *ret, trib_error *err) {
    const trib_json *root;
    trib_code code = trib_json_parse(arena, body, &root, err);
    if (code != TRIB_OK) return code;
    const trib_json *list = trib_json_get(root, "statements");
    if (!trib_json_is(list, TRIB_JSON_ARRAY)) return bad(err, "the array \"statements\" is missing");
    ret->count = trib_json_count(list);
    if (ret->count > TRIB_HRANA_STEPS_MAX) {
        return trib_error_set(err, TRIB_BAD_REQUEST, "a list of %zu statements is over the limit of %d; send several",
                              ret->count, TRIB_HRANA_STEPS_MAX);
    }
    ret->steps = trib_arena_zalloc(arena, ret->count, sizeof *ret->steps);
    if (!ret->steps) return trib_hrana_decode_nomem(err);
    bool open = false;
    size_t i = 0;
    for (const trib_json *at = trib_json_first(list); at; at = trib_json_next(at), i++) {
        code = decode_statement(arena, at, &ret->steps[i].stmt, err);
        if (code == TRIB_OK) code = follow_transaction(ret->steps[i].stmt.sql, &open, err);
        if (code != TRIB_OK) return code;
    }
    if (!open) return TRIB_OK;
    return trib_error_set(err, TRIB_BAD_REQUEST,
                          "Query error: interactive transaction not allowed in HTTP queries; end the list with COMMIT "
                          "or ROLLBACK, or use /v2/pipeline");
}

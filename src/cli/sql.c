/* SPDX-License-Identifier: Apache-2.0 */
/* SQL over Hrana; see sql.h. Values travel as the protocol has them: integers as decimal strings, blobs as Base64. */
#include "cli/sql.h"

#include <string.h>

#include "wire/base64.h"

/* ---- writing ---- */

static void write_value(trib_json_writer *w, const trib_value *value) {
    static const char *const names[] = {[TRIB_VALUE_NULL] = "null",
                                        [TRIB_VALUE_INTEGER] = "integer",
                                        [TRIB_VALUE_REAL] = "float",
                                        [TRIB_VALUE_TEXT] = "text",
                                        [TRIB_VALUE_BLOB] = "blob"};
    trib_jw_object_begin(w);
    trib_jw_member_str(w, "type", trib_str_c(names[value->type]));
    if (value->type != TRIB_VALUE_NULL) trib_jw_key_c(w, value->type == TRIB_VALUE_BLOB ? "base64" : "value");
    switch (value->type) {
    case TRIB_VALUE_NULL: break;
    case TRIB_VALUE_INTEGER: trib_jw_i64_string(w, value->integer); break;
    case TRIB_VALUE_REAL: trib_jw_f64(w, value->real); break;
    case TRIB_VALUE_TEXT: trib_jw_str(w, value->bytes); break;
    case TRIB_VALUE_BLOB: trib_jw_base64(w, value->bytes.ptr, value->bytes.len); break;
    }
    trib_jw_object_end(w);
}

static void write_stmt(trib_json_writer *w, const trib_sql_stmt *stmt) {
    trib_jw_key_c(w, "stmt");
    trib_jw_object_begin(w);
    trib_jw_member_str(w, "sql", stmt->sql);
    if (stmt->arg_count) {
        trib_jw_key_c(w, "args");
        trib_jw_array_begin(w);
        for (size_t i = 0; i < stmt->arg_count; i++) write_value(w, &stmt->args[i]);
        trib_jw_array_end(w);
    }
    trib_jw_object_end(w);
}

static void begin_pipeline(trib_json_writer *w, trib_buf *body, const char *baton) {
    trib_jw_init(w, body);
    trib_jw_object_begin(w);
    trib_jw_key_c(w, "baton");
    if (baton && baton[0]) trib_jw_str_c(w, baton);
    else trib_jw_null(w);
    trib_jw_key_c(w, "requests");
    trib_jw_array_begin(w);
}

static void end_pipeline(trib_json_writer *w, bool close) {
    if (close) {
        trib_jw_object_begin(w);
        trib_jw_member_str(w, "type", TRIB_STR("close"));
        trib_jw_object_end(w);
    }
    trib_jw_array_end(w);
    trib_jw_object_end(w);
}

void trib_sql_write_execute(trib_buf *body, const char *baton, bool close, const trib_sql_stmt *stmt) {
    trib_json_writer w;
    begin_pipeline(&w, body, baton);
    if (stmt) {
        trib_jw_object_begin(&w);
        trib_jw_member_str(&w, "type", TRIB_STR("execute"));
        write_stmt(&w, stmt);
        trib_jw_object_end(&w);
    }
    end_pipeline(&w, close);
}

/* {"type":"ok","step":n}, under "not" if asked. */
static void write_condition(trib_json_writer *w, size_t step, bool negate) {
    trib_jw_key_c(w, "condition");
    trib_jw_object_begin(w);
    if (negate) {
        trib_jw_member_str(w, "type", TRIB_STR("not"));
        trib_jw_key_c(w, "cond");
        trib_jw_object_begin(w);
    }
    trib_jw_member_str(w, "type", TRIB_STR("ok"));
    trib_jw_member_i64(w, "step", (int64_t)step);
    if (negate) trib_jw_object_end(w);
    trib_jw_object_end(w);
}

static void write_step(trib_json_writer *w, size_t index, const trib_sql_stmt *stmt, bool negate) {
    trib_jw_object_begin(w);
    if (index) write_condition(w, index - 1, negate);
    write_stmt(w, stmt);
    trib_jw_object_end(w);
}

void trib_sql_write_batch(trib_buf *body, const trib_sql_stmt *stmts, size_t count) {
    const trib_sql_stmt begin = {.sql = TRIB_STR("BEGIN IMMEDIATE")}, commit = {.sql = TRIB_STR("COMMIT")},
                        rollback = {.sql = TRIB_STR("ROLLBACK")};
    trib_json_writer w;
    begin_pipeline(&w, body, NULL);
    trib_jw_object_begin(&w);
    trib_jw_member_str(&w, "type", TRIB_STR("batch"));
    trib_jw_key_c(&w, "batch");
    trib_jw_object_begin(&w);
    trib_jw_key_c(&w, "steps");
    trib_jw_array_begin(&w);
    write_step(&w, 0, &begin, false);
    for (size_t i = 0; i < count; i++) write_step(&w, i + 1, &stmts[i], false);
    write_step(&w, count + 1, &commit, false);
    write_step(&w, count + 2, &rollback, true);
    trib_jw_array_end(&w);
    trib_jw_object_end(&w);
    trib_jw_object_end(&w);
    end_pipeline(&w, true);
}

/* ---- reading ---- */

static trib_code not_hrana(trib_error *err, const char *what) {
    return trib_error_set(err, TRIB_REMOTE,
                          "the server's answer is no Hrana: %s; is the URL that of a tenant, like "
                          "http://127.0.0.1:8080/acme/ ?",
                          what);
}

static bool read_value(const trib_json *json, trib_arena *arena, trib_value *ret) {
    trib_str type, text;
    const trib_json *value = trib_json_get(json, "value");
    if (!trib_json_str(trib_json_get(json, "type"), &type)) return false;
    if (trib_str_eq_c(type, "null")) {
        *ret = (trib_value){.type = TRIB_VALUE_NULL};
        return true;
    }
    if (trib_str_eq_c(type, "integer")) {
        ret->type = TRIB_VALUE_INTEGER;
        return trib_json_str(value, &text) && trib_str_i64(text, &ret->integer);
    }
    if (trib_str_eq_c(type, "float")) {
        if (trib_json_absent(value)) { /* an infinity, which JSON cannot say */
            *ret = (trib_value){.type = TRIB_VALUE_NULL};
            return true;
        }
        ret->type = TRIB_VALUE_REAL;
        return trib_json_f64(value, &ret->real);
    }
    if (trib_str_eq_c(type, "text")) {
        ret->type = TRIB_VALUE_TEXT;
        return trib_json_str(value, &ret->bytes);
    }
    ret->type = TRIB_VALUE_BLOB;
    return trib_str_eq_c(type, "blob") && trib_json_str(trib_json_get(json, "base64"), &text) &&
           trib_base64_decode_arena(TRIB_BASE64_STD, TRIB_BASE64_LENIENT, text, arena, &ret->bytes);
}

trib_code trib_sql_read_rows(const trib_json *result, trib_arena *arena, trib_sql_rows *ret, trib_error *err) {
    const trib_json *cols = trib_json_get(result, "cols"), *rows = trib_json_get(result, "rows");
    trib_sql_rows out = {0};
    if (!trib_json_is(cols, TRIB_JSON_ARRAY) || !trib_json_is(rows, TRIB_JSON_ARRAY))
        return not_hrana(err, "no cols or rows");
    out.col_count = trib_json_count(cols);
    out.row_count = trib_json_count(rows);
    trib_json_i64(trib_json_get(result, "affected_row_count"), &out.affected_rows);
    out.cols = trib_arena_zalloc(arena, out.col_count, sizeof *out.cols);
    size_t cells = 0;
    if (__builtin_mul_overflow(out.row_count, out.col_count, &cells)) return not_hrana(err, "too many values");
    out.values = trib_arena_zalloc(arena, cells, sizeof *out.values);
    if (arena->failed) return trib_error_set(err, TRIB_NOMEM, NULL);
    const trib_json *col = trib_json_first(cols);
    for (size_t i = 0; col; i++, col = trib_json_next(col)) trib_json_str(trib_json_get(col, "name"), &out.cols[i]);
    trib_value *at = out.values;
    for (const trib_json *row = trib_json_first(rows); row; row = trib_json_next(row)) {
        if (trib_json_count(row) != out.col_count)
            return not_hrana(err, "a row has another number of values than there are columns");
        for (const trib_json *value = trib_json_first(row); value; value = trib_json_next(value)) {
            if (!read_value(value, arena, at++)) return not_hrana(err, "a value cannot be read");
        }
    }
    *ret = out;
    return TRIB_OK;
}

/* A Hrana error object. */
static trib_code sql_error(const trib_json *error, trib_error *err) {
    trib_str message = TRIB_STR("the server gave no reason"), text_code = {0};
    trib_json_str(trib_json_get(error, "message"), &message);
    trib_json_str(trib_json_get(error, "code"), &text_code);
    trib_error_set(err, TRIB_REMOTE, "%.*s", TRIB_STR_ARG(message));
    size_t n = text_code.len < TRIB_ERROR_CODE_BYTES - 1 ? text_code.len : TRIB_ERROR_CODE_BYTES - 1;
    if (n) memcpy(err->text_code, text_code.ptr, n);
    err->text_code[n] = '\0';
    return TRIB_REMOTE;
}

/* The `result` of the first request of a pipeline. */
static trib_code first_result(const trib_json *root, const trib_json **ret, trib_error *err) {
    const trib_json *first = trib_json_first(trib_json_get(root, "results"));
    trib_str type;
    if (!trib_json_str(trib_json_get(first, "type"), &type)) return not_hrana(err, "no results");
    if (trib_str_eq_c(type, "error")) return sql_error(trib_json_get(first, "error"), err);
    *ret = trib_json_get(trib_json_get(first, "response"), "result");
    return TRIB_OK;
}

static void keep_baton(trib_sql_session *session, const trib_json *root) {
    trib_str baton = {0};
    trib_json_str(trib_json_get(root, "baton"), &baton);
    if (baton.len >= sizeof session->baton) baton.len = 0;
    if (baton.len) memcpy(session->baton, baton.ptr, baton.len);
    session->baton[baton.len] = '\0';
}

static trib_code post(const trib_remote *db, trib_buf *body, trib_arena *arena, const trib_json **ret,
                      trib_error *err) {
    if (body->failed) return trib_error_set(err, TRIB_NOMEM, NULL);
    return trib_remote_call(db, "POST", "v3/pipeline", trib_buf_str(body), arena, ret, err);
}

trib_code trib_sql_execute(const trib_remote *db, trib_sql_session *session, const trib_sql_stmt *stmt,
                           trib_arena *arena, trib_sql_rows *ret, trib_error *err) {
    const trib_json *root = NULL, *result = NULL;
    trib_buf body;
    trib_buf_init(&body, TRIB_SQL_BODY_MAX_BYTES);
    trib_sql_write_execute(&body, session ? session->baton : NULL, !session, stmt);
    trib_code code = post(db, &body, arena, &root, err);
    trib_buf_deinit(&body);
    /* whatever the server refused, the connection behind the baton is not ours any more */
    if (session) keep_baton(session, root);
    if (code == TRIB_OK) code = first_result(root, &result, err);
    return code == TRIB_OK ? trib_sql_read_rows(result, arena, ret, err) : code;
}

trib_code trib_sql_batch(const trib_remote *db, const trib_sql_stmt *stmts, size_t count, trib_arena *arena,
                         trib_sql_rows *ret, trib_error *err) {
    const trib_json *root = NULL, *result = NULL;
    trib_buf body;
    if (count > TRIB_SQL_BATCH_MAX)
        return trib_error_set(err, TRIB_BAD_REQUEST, "at most %d statements in a batch", TRIB_SQL_BATCH_MAX);
    trib_buf_init(&body, TRIB_SQL_BODY_MAX_BYTES);
    trib_sql_write_batch(&body, stmts, count);
    trib_code code = post(db, &body, arena, &root, err);
    trib_buf_deinit(&body);
    if (code == TRIB_OK) code = first_result(root, &result, err);
    if (code != TRIB_OK) return code;
    const trib_json *item = trib_json_first(trib_json_get(result, "step_results"));
    const trib_json *error = trib_json_first(trib_json_get(result, "step_errors"));
    size_t steps = count + 3, i = 0;
    for (; i < steps && item && error; i++, item = trib_json_next(item), error = trib_json_next(error)) {
        if (!trib_json_is_null(error)) return sql_error(error, err);
        if (i + 1 == steps) break; /* ROLLBACK is skipped */
        if (trib_json_is_null(item)) return not_hrana(err, "a step of the batch was skipped without an error");
        if (!ret || i == 0 || i > count) continue;
        code = trib_sql_read_rows(item, arena, &ret[i - 1], err);
        if (code != TRIB_OK) return code;
    }
    return i + 1 == steps ? TRIB_OK : not_hrana(err, "the batch has another number of results than steps");
}

void trib_sql_session_close(const trib_remote *db, trib_sql_session *session, trib_arena *arena) {
    const trib_json *root = NULL;
    trib_error err;
    trib_buf body;
    if (!session->baton[0]) return;
    trib_buf_init(&body, TRIB_SQL_BODY_MAX_BYTES);
    trib_sql_write_execute(&body, session->baton, true, NULL);
    post(db, &body, arena, &root, &err);
    trib_buf_deinit(&body);
    session->baton[0] = '\0';
}

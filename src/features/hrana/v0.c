/* SPDX-License-Identifier: Apache-2.0 */
/* POST /: the first HTTP interface of sqld, which database tools still speak. Statements run in order, each only if the
 * one before it succeeded; the session ends with the request, and with it a transaction that a failure left open.
 *
 *   200 [ {"results":{"columns":["a"],"rows":[[1]],"rows_read":1,"rows_written":0,"query_duration_ms":0.1}},
 *         {"error":"no such table: t"},
 *         null ]                                   was not run
 *
 * The error is a string: that is what sqld sends and what DBeaver's driver reads. */
#include <math.h>
#include <string.h>

#include "features/hrana/codec.h"

enum { NS_PER_US = 1000, US_PER_MS = 1000 };

/* 46.0, not 46: readers tell the types by it. */
static void encode_real(trib_json_writer *w, double value) {
    char text[TRIB_F64_BYTES + 2];
    if (!isfinite(value) || (value == 0 && signbit(value))) {
        trib_jw_f64(w, value);
        return;
    }
    size_t len = trib_f64_format(value, text);
    bool whole = !memchr(text, '.', len) && !memchr(text, 'e', len);
    if (whole) memcpy(text + len, ".0", 2);
    trib_jw_raw(w, trib_str_make(text, whole ? len + 2 : len));
}

static void encode_value(trib_json_writer *w, trib_value value) {
    switch (value.type) {
    case TRIB_VALUE_NULL: trib_jw_null(w); break;
    case TRIB_VALUE_INTEGER: trib_jw_i64(w, value.integer); break;
    case TRIB_VALUE_REAL: encode_real(w, value.real); break;
    case TRIB_VALUE_TEXT: trib_jw_str(w, value.bytes); break;
    case TRIB_VALUE_BLOB:
        trib_jw_object_begin(w);
        trib_jw_key(w, TRIB_STR("base64"));
        trib_jw_base64(w, value.bytes.ptr, value.bytes.len);
        trib_jw_object_end(w);
        break;
    }
}

static void v0_begin(hrana_exec *x, const trib_stmt *stmt) {
    int count = trib_stmt_col_count(stmt);
    trib_jw_object_begin(&x->w);
    trib_jw_key(&x->w, TRIB_STR("results"));
    trib_jw_object_begin(&x->w);
    trib_jw_key(&x->w, TRIB_STR("columns"));
    trib_jw_array_begin(&x->w);
    for (int i = 0; i < count; i++) trib_jw_str(&x->w, trib_stmt_col_name(stmt, i));
    trib_jw_array_end(&x->w);
    trib_jw_key(&x->w, TRIB_STR("rows"));
    trib_jw_array_begin(&x->w);
}

static void v0_row(hrana_exec *x, const trib_stmt *stmt) {
    int count = trib_stmt_col_count(stmt);
    trib_jw_array_begin(&x->w);
    for (int i = 0; i < count; i++) encode_value(&x->w, trib_stmt_col_value(stmt, i));
    trib_jw_array_end(&x->w);
}

static void v0_end(hrana_exec *x, const trib_stmt *stmt) {
    trib_stmt_counts counts;
    trib_stmt_get_counts(stmt, &counts);
    int64_t us = (trib_env_mono_ns(x->http->app->env) - x->started_ns) / NS_PER_US;
    trib_jw_array_end(&x->w);
    trib_jw_key(&x->w, TRIB_STR("rows_read"));
    trib_jw_u64(&x->w, counts.rows_read);
    trib_jw_key(&x->w, TRIB_STR("rows_written"));
    trib_jw_u64(&x->w, counts.rows_written);
    trib_jw_key(&x->w, TRIB_STR("query_duration_ms"));
    encode_real(&x->w, (double)us / (double)US_PER_MS);
    trib_jw_object_end(&x->w);
    trib_jw_object_end(&x->w);
}

static const hrana_sink v0_sink = {0, v0_begin, v0_row, v0_end};

static trib_code work(trib_db_job *job, trib_handle *handle, trib_error *err) {
    hrana_exec *x = (hrana_exec *)(void *)job;
    for (; x->step < x->batch->count; x->step++) {
        trib_error failure;
        if (x->failed) {
            trib_jw_null(&x->w);
            continue;
        }
        x->started_ns = trib_env_mono_ns(x->http->app->env);
        trib_code code = hrana_run_stmt(x, handle, &x->batch->steps[x->step].stmt, &v0_sink, false, &failure);
        if (code == TRIB_OK) continue;
        if (code == TRIB_AGAIN) return code;
        if (hrana_is_fatal(code)) {
            *err = failure;
            return code;
        }
        x->failed = true;
        trib_jw_object_begin(&x->w);
        trib_jw_member_str(&x->w, "error", trib_str_c(failure.message));
        trib_jw_object_end(&x->w);
    }
    trib_jw_array_end(&x->w);
    job->close_session = true; /* which rolls back what is open */
    hrana_pack_whole(x);
    return TRIB_OK;
}

static trib_code decode(hrana_exec *x, trib_error *err) {
    x->decoded = trib_arena_zalloc(x->arena, 1, sizeof *x->decoded);
    if (!x->decoded) return trib_error_set(err, TRIB_NOMEM, NULL);
    trib_code code = hrana_decode_v0(x->arena, x->http->body, x->decoded, err);
    return code == TRIB_OK ? hrana_batch_check(x, x->decoded, err) : code;
}

static trib_code begin(hrana_exec *x, trib_error *err) {
    trib_code code = hrana_exec_open(x, (trib_str){0}, err);
    if (code != TRIB_OK) return code;
    x->batch = x->decoded;
    trib_jw_init(&x->w, &x->out);
    trib_jw_array_begin(&x->w);
    return TRIB_OK;
}

void hrana_handle_v0(trib_http_request *http) {
    static const hrana_way way = {&hrana_codec_json, decode, begin, work, hrana_exec_finish, NULL};
    hrana_exec_serve(http, &way);
}

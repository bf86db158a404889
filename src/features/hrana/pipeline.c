/* SPDX-License-Identifier: Apache-2.0 */
/* POST /v2/pipeline and /v3/pipeline: requests of one session, one after another; each has a result or an error, and a
 * failure does not stop the next one. Work that must wait for the write turn goes on where it stopped: `index` and
 * `step` say where. */
#include "features/hrana/hrana_int.h"

static void ok_begin(hrana_exec *x, hrana_request_type type) {
    trib_jw_object_begin(&x->w);
    trib_jw_member_str(&x->w, "type", TRIB_STR("ok"));
    trib_jw_key(&x->w, TRIB_STR("response"));
    trib_jw_object_begin(&x->w);
    trib_jw_key(&x->w, TRIB_STR("type"));
    trib_jw_str_c(&x->w, hrana_request_name(type));
}

static void ok_end(hrana_exec *x) {
    trib_jw_object_end(&x->w);
    trib_jw_object_end(&x->w);
}

static void write_error(hrana_exec *x, const trib_error *err) {
    trib_jw_object_begin(&x->w);
    trib_jw_member_str(&x->w, "type", TRIB_STR("error"));
    trib_jw_key(&x->w, TRIB_STR("error"));
    hrana_encode_error(&x->w, err);
    trib_jw_object_end(&x->w);
}

/* OK, AGAIN, or a statement's error in *err: then everything since `mark` is taken back by the caller. */
static trib_code run_execute(hrana_exec *x, trib_handle *handle, const hrana_request *request, trib_error *err) {
    ok_begin(x, HRANA_EXECUTE);
    trib_jw_key(&x->w, TRIB_STR("result"));
    trib_code code = hrana_run_stmt(x, handle, &request->stmt, &hrana_result_sink, false, err);
    if (code == TRIB_OK) ok_end(x);
    return code;
}

static trib_code run_batch(hrana_exec *x, trib_handle *handle, const hrana_request *request, trib_error *err) {
    if (!x->batch) {
        ok_begin(x, HRANA_BATCH);
        trib_jw_key(&x->w, TRIB_STR("result"));
    }
    trib_code code = hrana_run_batch(x, handle, &request->batch, err);
    if (code == TRIB_OK) ok_end(x);
    return code;
}

/* A script: every statement to its end, no results; stops at the first failure, what ran stays. */
static trib_code run_sequence(hrana_exec *x, trib_handle *handle, const hrana_request *request, trib_error *err) {
    trib_code code;
    if (!x->script_begun) {
        code = hrana_sql_of(x, &request->stmt, &x->script, err);
        if (code != TRIB_OK) return code;
        x->script_begun = true;
    }
    for (;;) {
        trib_str rest = x->script;
        trib_stmt *stmt = NULL;
        bool row = true;
        trib_slow_begin(&x->slow, x->job.app);
        code = trib_db_job_take_pending(&x->job, err);
        if (code == TRIB_OK && trib_db_job_is_cancelled(&x->job)) code = trib_error_set(err, TRIB_CANCELLED, NULL);
        if (code == TRIB_OK) code = trib_stmt_prepare_next(handle, &rest, &stmt, err);
        if (code == TRIB_OK && !stmt) break;
        if (code == TRIB_OK) code = trib_stmt_bind(stmt, NULL, 0, err);
        while (code == TRIB_OK && row) code = trib_stmt_step(stmt, &row, err);
        trib_slow_end(&x->slow, x->job.app, x->job.tenant, x->http->request_id,
                      trib_str_sub(x->script, 0, x->script.len - rest.len), stmt, code);
        trib_stmt_free(stmt);
        if (code != TRIB_OK) break;
        x->script = rest;
    }
    if (code != TRIB_AGAIN) x->script_begun = false;
    if (code != TRIB_OK) return hrana_refused(x, code, err);
    ok_begin(x, HRANA_SEQUENCE);
    ok_end(x);
    return TRIB_OK;
}

static trib_code run_describe(hrana_exec *x, trib_handle *handle, const hrana_request *request, trib_error *err) {
    trib_str sql;
    trib_stmt *stmt = NULL;
    trib_code code = trib_db_job_take_pending(&x->job, err);
    if (code == TRIB_OK) code = hrana_sql_of(x, &request->stmt, &sql, err);
    if (code == TRIB_OK) code = trib_stmt_prepare(handle, sql, &stmt, err);
    if (code == TRIB_OK) {
        ok_begin(x, HRANA_DESCRIBE);
        trib_jw_key(&x->w, TRIB_STR("result"));
        hrana_encode_describe(&x->w, stmt);
        ok_end(x);
    }
    trib_stmt_free(stmt);
    return hrana_refused(x, code, err);
}

static trib_code run_request(hrana_exec *x, trib_handle *handle, const hrana_request *request, trib_error *err) {
    trib_code code = TRIB_OK;
    switch (request->type) {
    case HRANA_EXECUTE: return run_execute(x, handle, request, err);
    case HRANA_BATCH: return run_batch(x, handle, request, err);
    case HRANA_SEQUENCE: return run_sequence(x, handle, request, err);
    case HRANA_DESCRIBE: return run_describe(x, handle, request, err);
    case HRANA_STORE_SQL:
        code = trib_session_store_sql(x->job.session, request->stmt.sql_id, request->stmt.sql, err);
        break;
    case HRANA_CLOSE_SQL: trib_session_close_sql(x->job.session, request->stmt.sql_id); break;
    case HRANA_CLOSE: x->closed = true; break;
    case HRANA_GET_AUTOCOMMIT: break;
    }
    if (code != TRIB_OK) return code;
    ok_begin(x, request->type);
    if (request->type == HRANA_GET_AUTOCOMMIT)
        trib_jw_member_bool(&x->w, "is_autocommit", trib_handle_autocommit(handle));
    ok_end(x);
    return TRIB_OK;
}

static trib_code work(trib_db_job *job, trib_handle *handle, trib_error *err) {
    hrana_exec *x = (hrana_exec *)(void *)job;
    for (; x->index < x->pipeline.count; x->index++) {
        trib_error failure;
        size_t mark = x->out.len;
        trib_json_writer writer = x->w;
        bool in_batch = x->batch != NULL;
        if (x->closed) return trib_error_set(err, TRIB_PROTOCOL, "Stream for this baton was closed");
        if (x->out.failed) return hrana_output_full(x, err);
        trib_code code = run_request(x, handle, &x->pipeline.requests[x->index], &failure);
        if (code == TRIB_OK) continue;
        /* a batch has been opened and waits inside it; anything else starts again */
        if (code != TRIB_AGAIN || (!x->batch && !in_batch)) {
            x->out.len = mark;
            x->w = writer;
        }
        if (code == TRIB_AGAIN) return code;
        if (hrana_is_fatal(code)) {
            *err = failure;
            return code;
        }
        write_error(x, &failure);
    }
    job->close_session = x->closed;
    hrana_pack_whole(x);
    return TRIB_OK;
}

static void finished(trib_db_job *job) {
    hrana_exec *x = (hrana_exec *)(void *)job;
    char baton[TRIB_BATON_BYTES];
    if (!hrana_exec_settle(x, !x->closed, baton)) return;
    trib_jw_array_end(&x->w);
    trib_jw_key(&x->w, TRIB_STR("baton"));
    if (baton[0]) trib_jw_str_c(&x->w, baton);
    else trib_jw_null(&x->w);
    trib_jw_object_end(&x->w);
    hrana_exec_answer(x, "application/json");
}

static trib_code decode(hrana_exec *x, trib_error *err) {
    trib_code code = hrana_decode_pipeline(x->arena, x->http->body, &x->pipeline, err);
    for (size_t i = 0; code == TRIB_OK && i < x->pipeline.count; i++) {
        code = hrana_batch_check(x, &x->pipeline.requests[i].batch, err);
    }
    return code;
}

static trib_code begin(hrana_exec *x, trib_error *err) {
    trib_code code = hrana_exec_open(x, x->pipeline.baton, err);
    if (code != TRIB_OK) return code;
    trib_jw_init(&x->w, &x->out);
    trib_jw_object_begin(&x->w);
    trib_jw_member_null(&x->w, "base_url");
    trib_jw_key(&x->w, TRIB_STR("results"));
    trib_jw_array_begin(&x->w);
    return TRIB_OK;
}

void hrana_handle_pipeline(trib_http_request *http) {
    static const hrana_way way = {decode, begin, work, finished, NULL};
    hrana_exec_serve(http, &way);
}

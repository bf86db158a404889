/* SPDX-License-Identifier: Apache-2.0 */
/* Runs one request of a session, whatever transport it came by, and writes its answer. Work that must wait for the
 * write turn goes on where it stopped. */
#include "features/hrana/codec.h"

/* OK, AGAIN, or a statement's error in *err: then everything since `mark` is taken back by the caller. */
static trib_code run_execute(hrana_exec *x, trib_handle *handle, const hrana_request *request, trib_error *err) {
    x->envelope->begin(x, HRANA_EXECUTE);
    trib_code code = hrana_run_stmt(x, handle, &request->stmt, &x->codec->result, false, err);
    if (code == TRIB_OK) x->envelope->end(x);
    return code;
}

static trib_code run_batch(hrana_exec *x, trib_handle *handle, const hrana_request *request, trib_error *err) {
    if (!x->batch) {
        x->envelope->begin(x, HRANA_BATCH);
    }
    trib_code code = hrana_run_batch(x, handle, &request->batch, err);
    if (code == TRIB_OK) x->envelope->end(x);
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
        trib_slow_end(&x->slow, x->job.app, x->job.tenant, x->request_id,
                      trib_str_sub(x->script, 0, x->script.len - rest.len), stmt, code);
        trib_stmt_free(stmt);
        if (code != TRIB_OK) break;
        x->script = rest;
    }
    if (code != TRIB_AGAIN) x->script_begun = false;
    if (code != TRIB_OK) return hrana_refused(x, code, err);
    x->envelope->begin(x, HRANA_SEQUENCE);
    x->envelope->end(x);
    return TRIB_OK;
}

static trib_code run_describe(hrana_exec *x, trib_handle *handle, const hrana_request *request, trib_error *err) {
    trib_str sql;
    trib_stmt *stmt = NULL;
    trib_code code = trib_db_job_take_pending(&x->job, err);
    if (code == TRIB_OK) code = hrana_sql_of(x, &request->stmt, &sql, err);
    if (code == TRIB_OK) code = trib_stmt_prepare(handle, sql, &stmt, err);
    if (code == TRIB_OK) {
        x->envelope->begin(x, HRANA_DESCRIBE);
        x->codec->describe(x, stmt);
        x->envelope->end(x);
    }
    trib_stmt_free(stmt);
    return hrana_refused(x, code, err);
}

static trib_code run_any(hrana_exec *x, trib_handle *handle, const hrana_request *request, trib_error *err) {
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
    x->envelope->begin(x, request->type);
    if (request->type == HRANA_GET_AUTOCOMMIT) x->codec->autocommit(x, trib_handle_autocommit(handle));
    x->envelope->end(x);
    return TRIB_OK;
}

trib_code hrana_run_request(hrana_exec *x, trib_handle *handle, const hrana_request *request, trib_error *err) {
    trib_error failure;
    hrana_mark mark = hrana_mark_take(x);
    bool in_batch = x->batch != NULL;
    if (x->closed) return trib_error_set(err, TRIB_PROTOCOL, "Stream for this baton was closed");
    if (x->out.failed) return hrana_output_full(x, err);
    trib_code code = run_any(x, handle, request, &failure);
    if (code == TRIB_OK) return TRIB_OK;
    /* a batch has been opened and waits inside it; anything else starts again */
    if (code != TRIB_AGAIN || (!x->batch && !in_batch)) hrana_mark_back(x, &mark);
    if (code == TRIB_AGAIN) return code;
    if (hrana_is_fatal(code)) {
        *err = failure;
        return code;
    }
    x->envelope->error(x, &failure);
    return TRIB_OK;
}

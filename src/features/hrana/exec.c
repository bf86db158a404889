/* SPDX-License-Identifier: Apache-2.0 */
/* Runs Hrana statements inside a database job. A statement that needs the write turn answers AGAIN before anything has
 * happened; it is then put back and prepared again (from the handle's cache) when the turn is there, so that nothing
 * prepared is kept across a wait in which the store may have replaced the handle's connection. */
#include "features/hrana/codec.h"

#include <stdlib.h>
#include <string.h>

trib_code hrana_sql_of(const hrana_exec *x, const hrana_stmt *stmt, trib_str *ret, trib_error *err) {
    if (stmt->has_sql) {
        *ret = stmt->sql;
        return TRIB_OK;
    }
    return trib_session_get_sql(x->job.session, stmt->sql_id, ret, err);
}

static trib_code prepare(hrana_exec *x, trib_handle *handle, const hrana_stmt *stmt, trib_stmt **ret, trib_error *err) {
    trib_str sql;
    trib_code code = hrana_sql_of(x, stmt, &sql, err);
    if (code == TRIB_OK && stmt->has_positional && stmt->has_named) {
        code = trib_error_set(err, TRIB_ARGS_BOTH, "give either \"args\" or \"named_args\", not both");
    }
    if (code == TRIB_OK) code = trib_stmt_prepare(handle, sql, ret, err);
    if (code == TRIB_OK) code = trib_stmt_bind(*ret, stmt->args, stmt->arg_count, err);
    return code;
}

/* The output is bounded; past the bound, or without memory, the statement fails and its result is taken back. What is
 * handed over in chunks is bounded by them. */
trib_code hrana_output_full(const hrana_exec *x, trib_error *err) {
    if (x->out.failed) {
        return trib_error_set(err, TRIB_RESPONSE_TOO_LARGE,
                              "the answer does not fit the server's memory or limit of %zu bytes; "
                              "add LIMIT or select fewer columns",
                              x->max_response_bytes);
    }
    return trib_error_set(err, TRIB_RESPONSE_TOO_LARGE,
                          "the answer is over the limit of %zu bytes; add LIMIT or read in pages",
                          x->max_response_bytes);
}

/* Before a step, which may be the one that commits: what is written behind the last row must fit then. Statements
 * without rows (COMMIT, ROLLBACK, most writes) may use what is kept free behind the limit. */
static trib_code check_room(hrana_exec *x, const hrana_sink *sink, const trib_stmt *prepared, trib_error *err) {
    size_t limit = x->max_response_bytes + (trib_stmt_col_count(prepared) == 0 ? x->max_row_bytes : 0);
    if (x->out.len > limit && !sink->chunk_bytes) return hrana_output_full(x, err);
    return trib_buf_reserve(&x->out, TRIB_HRANA_RESULT_END_BYTES) ? TRIB_OK : hrana_output_full(x, err);
}

static trib_code check_row(hrana_exec *x, size_t row_start, trib_error *err) {
    size_t row_bytes = x->out.len - row_start;
    if (x->out.failed) return hrana_output_full(x, err);
    if (row_bytes <= x->max_row_bytes) return TRIB_OK;
    x->out.len = row_start; /* a cursor keeps the rows before it, not this one */
    return trib_error_set(err, TRIB_ROW_TOO_LARGE,
                          "a row of %zu bytes is over the limit of %zu; select fewer columns or use "
                          "substr()",
                          row_bytes, x->max_row_bytes);
}

/* A statement that ends here before its last row is taken back when it is freed, as if it had failed. */
static trib_code step_rows(hrana_exec *x, trib_stmt *prepared, const hrana_stmt *stmt, const hrana_sink *sink,
                           trib_error *err) {
    bool row;
    for (;;) {
        trib_code code = check_room(x, sink, prepared, err);
        if (code == TRIB_OK) code = trib_stmt_step(prepared, &row, err);
        if (code != TRIB_OK) return code;
        if (!x->begun) sink->begin(x, prepared);
        x->begun = true;
        if (!row) break;
        if (!stmt->want_rows) continue;
        size_t start = x->out.len;
        sink->row(x, prepared);
        code = check_row(x, start, err);
        if (code != TRIB_OK) return code;
        if (sink->chunk_bytes && x->out.len >= sink->chunk_bytes) {
            return hrana_chunk(x);
        }
    }
    sink->end(x, prepared);
    return x->out.failed ? hrana_output_full(x, err) : TRIB_OK;
}

trib_code hrana_refused(const hrana_exec *x, trib_code code, trib_error *err) {
    if (code != TRIB_SQL_ERROR || x->blocked.code != TRIB_BLOCKED ||
        strcmp(trib_error_wire_code(err), "SQLITE_READONLY") != 0)
        return code;
    *err = x->blocked;
    return TRIB_BLOCKED;
}

static void end_timing(hrana_exec *x, const hrana_stmt *stmt, const trib_stmt *prepared, trib_code code) {
    trib_str sql = {0};
    if (x->job.app->settings.slow_statement_ms) (void)hrana_sql_of(x, stmt, &sql, NULL);
    trib_slow_end(&x->slow, x->job.app, x->job.tenant, x->request_id, sql, prepared, code);
}

trib_code hrana_run_stmt(hrana_exec *x, trib_handle *handle, const hrana_stmt *stmt, const hrana_sink *sink,
                         bool keep_partial, trib_error *err) {
    trib_stmt *prepared = x->running;
    hrana_mark mark = hrana_mark_take(x);
    x->running = NULL;
    trib_slow_begin(&x->slow, x->job.app);
    if (!prepared) x->begun = false;
    /* once the answer is lost nothing more may happen */
    trib_code code = x->out.failed ? hrana_output_full(x, err) : trib_db_job_take_pending(&x->job, err);
    bool lost = x->out.failed;
    if (code == TRIB_OK && trib_db_job_is_cancelled(&x->job)) code = trib_error_set(err, TRIB_CANCELLED, NULL);
    if (code == TRIB_OK && !prepared) code = prepare(x, handle, stmt, &prepared, err);
    if (code == TRIB_OK) code = step_rows(x, prepared, stmt, sink, err);
    end_timing(x, stmt, prepared, code);
    if (code == TRIB_AGAIN && x->job.chunk) {
        x->running = prepared;
        return code;
    }
    trib_stmt_free(prepared);
    code = hrana_refused(x, code, err);
    if (code != TRIB_OK && !lost && (!keep_partial || x->out.failed)) {
        hrana_mark_back(x, &mark);
        x->out.failed = false;
    }
    return code;
}

bool hrana_cond_true(const hrana_exec *x, const trib_handle *handle, const hrana_cond *cond) {
    if (!cond) return true;
    switch (cond->type) {
    case HRANA_COND_OK: return x->step_state[cond->step] == HRANA_STEP_OK;
    /* also true for a skipped step, as every server in use does it */
    case HRANA_COND_ERROR: return x->step_state[cond->step] != HRANA_STEP_OK;
    case HRANA_COND_NOT: return !hrana_cond_true(x, handle, cond->first);
    case HRANA_COND_AND:
        for (const hrana_cond *at = cond->first; at; at = at->next) {
            if (!hrana_cond_true(x, handle, at)) return false;
        }
        return true;
    case HRANA_COND_OR:
        for (const hrana_cond *at = cond->first; at; at = at->next) {
            if (hrana_cond_true(x, handle, at)) return true;
        }
        return false;
    case HRANA_COND_IS_AUTOCOMMIT: return trib_handle_autocommit(handle);
    }
    return false;
}

trib_code hrana_batch_begin(hrana_exec *x, const hrana_batch *batch, trib_error *err) {
    x->step_state = trib_arena_zalloc(x->arena, batch->count, sizeof *x->step_state);
    x->step_errors = trib_arena_zalloc(x->arena, batch->count, sizeof(trib_error *));
    if (x->arena->failed) return trib_error_set(err, TRIB_NOMEM, NULL);
    x->batch = batch;
    x->step = 0;
    return TRIB_OK;
}

trib_code hrana_batch_check(const hrana_exec *x, const hrana_batch *batch, trib_error *err) {
    if (batch->count <= x->max_batch_steps) return TRIB_OK;
    return trib_error_set(err, TRIB_PROTOCOL,
                          "a batch of %zu steps is over this server's limit of %zu (max_batch_steps); send several",
                          batch->count, x->max_batch_steps);
}

void hrana_batch_failed(hrana_exec *x, const trib_error *err) {
    trib_error *kept = trib_arena_alloc(x->arena, sizeof *kept);
    if (kept) *kept = *err;
    x->step_errors[x->step] = kept;
    x->step_state[x->step] = HRANA_STEP_FAILED;
}

const trib_error *hrana_batch_error(const hrana_exec *x, size_t step) {
    static const trib_error lost = {.code = TRIB_NOMEM, .message = "no memory for the reason"};
    if (x->step_state[step] != HRANA_STEP_FAILED) return NULL;
    return x->step_errors[step] ? x->step_errors[step] : &lost;
}

/* The job was cancelled or is doomed while a statement's rows were on their way. */
static void stop(trib_db_job *job, trib_handle *handle) {
    hrana_exec *x = (hrana_exec *)(void *)job;
    if (handle) trib_stmt_free(x->running);
    else trib_stmt_drop(x->running);
    x->running = NULL;
}

/* The connection is gone while the job waits or runs. */
void hrana_exec_init(hrana_exec *x, trib_app *app, trib_home *home, trib_tenant *tenant, trib_principal *principal,
                     trib_arena *arena) {
    const trib_settings *settings = &app->settings;
    trib_error err;
    x->arena = arena;
    x->codec = &hrana_codec_json;
    x->envelope = x->codec->http;
    x->max_response_bytes = settings->max_response_bytes ? settings->max_response_bytes : TRIB_HRANA_RESPONSE_MAX_BYTES;
    x->max_row_bytes = settings->max_row_bytes ? settings->max_row_bytes : TRIB_HRANA_ROW_MAX_BYTES;
    x->max_batch_steps = settings->max_batch_steps ? settings->max_batch_steps : TRIB_HRANA_STEPS_MAX;
    /* a row is checked after it was written, and an error must still fit behind a full answer */
    trib_buf_init(&x->out, x->max_response_bytes + x->max_row_bytes + 65536);
    x->w.buf = x->pw.buf = &x->out;
    x->job.app = app;
    x->job.tenant = tenant;
    x->job.job.home = home;
    trib_code code = trib_may(principal, tenant, TRIB_ACTION_WRITE, trib_env_wall_ms(app->env), &err);
    x->job.access = code == TRIB_OK ? TRIB_ACCESS_WRITE : TRIB_ACCESS_READ;
    if (code == TRIB_BLOCKED) x->blocked = err;
    x->job.principal = principal;
    x->job.stop = stop;
}

hrana_exec *hrana_exec_new(trib_http_request *http) {
    trib_error err;
    bool full = trib_work_queue_is_full(http->tenant->queue); /* refusing before decoding is what keeps it cheap */
    hrana_exec *x = full ? NULL : calloc(1, sizeof *x);
    if (!x) {
        if (full) trib_work_queue_full_error(&err);
        else trib_error_set(&err, TRIB_NOMEM, NULL);
        trib_http_answer_error(http, &err);
        return NULL;
    }
    hrana_exec_init(x, http->app, http->home, http->tenant, http->principal, http->arena);
    x->http = http;
    x->request_id = http->request_id;
    x->gzip_wanted = trib_gzip_accepted(http->accept_encoding);
    return x;
}

void hrana_exec_deinit(hrana_exec *x) {
    trib_buf_deinit(&x->out);
    trib_buf_deinit(&x->packed);
    trib_gzip_free(x->gzip);
}

void hrana_exec_free(hrana_exec *x) {
    hrana_exec_deinit(x);
    free(x);
}

void hrana_exec_fail(hrana_exec *x, const trib_error *err) {
    trib_http_request *http = x->http;
    int status = x->status_of ? x->status_of(err->code) : trib_code_http(err->code);
    http->on_cancel = NULL;
    if (x->job.session) trib_session_close(http->app->sessions, x->job.session);
    hrana_exec_free(x);
    trib_http_answer_error_as(http, err, status);
}

trib_code hrana_exec_open(hrana_exec *x, trib_str baton, trib_error *err) {
    trib_http_request *http = x->http;
    trib_sessions *sessions = http->app->sessions;
    x->by_baton = baton.len > 0;
    if (baton.len) return trib_session_acquire(sessions, baton, http->tenant, http->principal, &x->job.session, err);
    return trib_session_new(sessions, http->tenant, http->principal, &x->job.session, err);
}

void hrana_exec_submit(hrana_exec *x, trib_code (*work)(trib_db_job *, trib_handle *, trib_error *),
                       void (*finished)(trib_db_job *)) {
    trib_error err;
    x->job.work = work;
    x->job.finished = finished;
    if (trib_db_job_submit_for(&x->job, x->http, &err) != TRIB_OK) hrana_exec_fail(x, &err);
}

/* ---- from the body to the job ---- */

/* Nothing of it runs, and a session that was there before keeps its baton. */
static void drop(hrana_exec *x) {
    trib_http_request *http = x->http;
    hrana_exec_free(x);
    trib_http_answer_send(http, &(trib_http_answer){.drop = true});
}

static void start(hrana_exec *x, trib_code code, trib_error *err) {
    if (code == TRIB_OK && hrana_hook_drops(x)) {
        drop(x);
        return;
    }
    if (code == TRIB_OK && x->http->cancelled) code = trib_error_set(err, TRIB_CANCELLED, NULL);
    if (code == TRIB_OK) code = x->way->begin(x, err);
    if (code == TRIB_AGAIN) return;
    if (code == TRIB_OK) hrana_exec_submit(x, x->way->work, x->way->finished);
    else hrana_exec_fail(x, err);
}

void hrana_exec_go_on(hrana_exec *x) {
    trib_error err;
    start(x, TRIB_OK, &err);
}

static trib_job_verdict decode_on_worker(trib_job *job) {
    hrana_exec *x = (hrana_exec *)(void *)job;
    x->job.code = x->way->decode(x, &x->job.err);
    return TRIB_JOB_DONE;
}

static void decoded(trib_job *job) {
    hrana_exec *x = (hrana_exec *)(void *)job;
    trib_error err = x->job.err;
    start(x, x->job.code, &err);
}

void hrana_exec_serve(trib_http_request *http, const hrana_way *way) {
    trib_error err;
    hrana_exec *x = hrana_exec_new(http);
    if (!x) return;
    x->way = way;
    x->codec = way->codec;
    x->status_of = way->status_of;
    if (http->body.len <= TRIB_HRANA_LOOP_BODY_MAX_BYTES) {
        start(x, way->decode(x, &err), &err);
        return;
    }
    x->job.job.run = decode_on_worker;
    x->job.job.done = decoded;
    x->job.job.queue = http->tenant->queue;
    if (trib_job_submit(&x->job.job, &err) != TRIB_OK) hrana_exec_fail(x, &err);
}

bool hrana_exec_settle(hrana_exec *x, bool keep, char ret_baton[TRIB_BATON_BYTES]) {
    trib_sessions *sessions = x->http->app->sessions;
    trib_error err = x->job.err;
    trib_code code = x->job.code;
    x->http->on_cancel = NULL;
    ret_baton[0] = '\0';
    /* who lost the connection may come back for a session that was there before; a new one nobody can name */
    bool lives_on = code == TRIB_CANCELLED && x->by_baton;
    if (lives_on) (void)trib_session_release(sessions, x->job.session, ret_baton, NULL);
    else if (code != TRIB_OK || !keep) trib_session_close(sessions, x->job.session);
    else code = trib_session_release(sessions, x->job.session, ret_baton, &err);
    x->job.session = NULL;
    /* not OUT_OF_MEMORY, which invites to send the same again: some of it has been done */
    if (code == TRIB_OK && x->out.failed) code = hrana_output_full(x, &err);
    if (code == TRIB_OK) return true;
    hrana_exec_fail(x, &err);
    return false;
}

void hrana_exec_answer(hrana_exec *x, const char *content_type) {
    trib_http_answer answer = {.status = 200,
                               .content_type = content_type,
                               .extra_headers = hrana_pack_headers(x),
                               .body = hrana_pack_finish(x)};
    trib_http_answer_send(x->http, &answer);
    hrana_exec_free(x);
}

void hrana_exec_finish(trib_db_job *job) {
    hrana_exec *x = (hrana_exec *)(void *)job;
    char baton[TRIB_BATON_BYTES];
    if (hrana_exec_settle(x, false, baton)) hrana_exec_answer(x, "application/json");
}

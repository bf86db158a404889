/* SPDX-License-Identifier: Apache-2.0 */
/* GET /v1/namespaces/:ns/export: the database of one moment as a SQLite file that needs no other file. A large one is
 * copied to disk first, so that no transaction waits for the reader; the tenant stays in use. A broken connection is
 * the only sign of a failure while it goes out: the transfer coding says whether the end was reached. */
#include "core/snapshot.h"
#include "core/spooled.h"
#include "features/tenants/tenants_int.h"

enum { HEADER_VERSIONS_AT = 18 };

typedef struct export_call {
    trib_db_job job; /* first */
    trib_http_request *http;
    trib_snapshot snapshot;
    trib_buf out;
    trib_spool *spool; /* of what was in `out` before, of a large one */
} export_call;

static const trib_http_answer answer_head = {.status = 200, .content_type = "application/vnd.sqlite3"};

static trib_code add_page(void *ctx, trib_str page, trib_error *err) {
    export_call *call = ctx;
    bool first = call->snapshot.page == 0;
    size_t at = call->out.len;
    trib_buf_add(&call->out, page);
    if (call->out.failed) return trib_error_set(err, TRIB_NOMEM, NULL);
    /* no WAL goes with it: readers need not make one */
    if (first && page.len > HEADER_VERSIONS_AT + 1)
        call->out.ptr[at + HEADER_VERSIONS_AT] = call->out.ptr[at + HEADER_VERSIONS_AT + 1] = 1;
    return TRIB_OK;
}

static trib_code work(trib_db_job *job, trib_handle *handle, trib_error *err) {
    export_call *call = (export_call *)(void *)job;
    bool done = false;
    trib_code code = trib_db_job_take_pending(job, err);
    if (code == TRIB_OK)
        code = trib_snapshot_read(&call->snapshot, handle, TRIB_SPOOLED_SLICE_BYTES, add_page, call, &done, err);
    if (code == TRIB_OK && (call->spool || !done || call->out.len > TRIB_SPOOLED_FROM_BYTES))
        code = trib_spooled_add(&call->spool, job->app, job->tenant, &call->out, err);
    if (code != TRIB_OK) return code;
    job->chunk = !done;
    return done ? TRIB_OK : TRIB_AGAIN;
}

static void handed(trib_db_job *job) {
    trib_db_job_continue(job);
}

static void finished(trib_db_job *job) {
    export_call *call = (export_call *)(void *)job;
    trib_http_request *http = call->http;
    trib_http_answer answer = answer_head;
    trib_error err = job->err;
    http->on_cancel = NULL;
    if (job->code != TRIB_OK) {
        trib_buf_deinit(&call->out);
        trib_spool_free(call->spool);
        trib_http_answer_error(http, &err);
    } else if (call->spool) {
        trib_buf_deinit(&call->out);
        trib_spooled_send(http, job->tenant, &answer, call->spool);
    } else {
        trib_buf out = call->out; /* the call ends with its request */
        answer.body = &out;
        trib_http_answer_send(http, &answer);
        trib_buf_deinit(&out);
    }
}

void tenants_handle_export(trib_http_request *http) {
    trib_tenant *tenant = NULL;
    trib_error err;
    trib_code code = tenants_find(http, &tenant, &err);
    export_call *call = code == TRIB_OK ? trib_arena_zalloc(http->arena, 1, sizeof *call) : NULL;
    if (code == TRIB_OK && !call) code = trib_error_set(&err, TRIB_NOMEM, NULL);
    if (code == TRIB_OK && trib_str_eq_c(http->method, "HEAD")) { /* nobody would see what a job reads */
        trib_tenant_unref(tenant);
        trib_http_stream_begin(http, &answer_head, NULL);
        trib_http_stream_end(http, false);
        return;
    }
    if (code == TRIB_OK) {
        trib_buf_init(&call->out, TRIB_SPOOLED_OUT_MAX_BYTES);
        call->http = http;
        call->job.tenant = tenant;
        call->job.access = TRIB_ACCESS_SYSTEM;
        call->job.work = work;
        call->job.handed = handed;
        call->job.finished = finished;
        code = trib_db_job_submit_for(&call->job, http, &err);
        if (code != TRIB_OK) http->on_cancel = NULL;
    }
    trib_tenant_unref(tenant);
    if (code != TRIB_OK) trib_http_answer_error(http, &err);
}

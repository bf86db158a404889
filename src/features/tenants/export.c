/* SPDX-License-Identifier: Apache-2.0 */
/* GET /v1/namespaces/:ns/export: the database of one moment as a SQLite file that needs no other file. It goes out
 * while it is read, in chunks; the tenant stays in use. A broken connection is the only sign of a failure on the way:
 * the transfer coding says whether the end was reached. */
#include "core/snapshot.h"
#include "features/tenants/tenants_int.h"

enum { HEADER_VERSIONS_AT = 18 };

typedef struct export_call {
    trib_db_job job; /* first */
    trib_http_request *http;
    trib_snapshot snapshot;
    trib_buf out;
    bool streaming, starved;
} export_call;

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
        code = trib_snapshot_read(&call->snapshot, handle, TENANTS_EXPORT_CHUNK_BYTES, add_page, call, &done, err);
    if (code != TRIB_OK) return code;
    job->chunk = !done;
    return done ? TRIB_OK : TRIB_AGAIN;
}

static void on_credit(trib_http_request *http) {
    export_call *call = http->feature;
    if (http->cancelled) {
        trib_db_job_cancel(&call->job);
        return;
    }
    if (!call->starved) return;
    call->starved = false;
    trib_db_job_continue(&call->job);
}

static void on_cancel(trib_http_request *http) {
    trib_db_job_cancel(&((export_call *)http->feature)->job);
}

static void begin(export_call *call) {
    trib_http_answer head = {.status = 200, .content_type = "application/vnd.sqlite3"};
    call->streaming = true;
    trib_http_stream_begin(call->http, &head, on_credit);
}

static void handed(trib_db_job *job) {
    export_call *call = (export_call *)(void *)job;
    if (!call->streaming) begin(call);
    call->starved = !trib_http_stream_chunk(call->http, &call->out);
    if (!call->starved) trib_db_job_continue(job);
}

static void finished(trib_db_job *job) {
    export_call *call = (export_call *)(void *)job;
    trib_http_request *http = call->http;
    trib_error err = job->err;
    bool failed = job->code != TRIB_OK;
    http->on_cancel = NULL;
    if (!call->streaming && failed) {
        trib_buf_deinit(&call->out);
        trib_http_answer_error(http, &err);
        return;
    }
    if (!call->streaming) begin(call);
    if (!failed && call->out.len) (void)trib_http_stream_chunk(http, &call->out);
    trib_buf_deinit(&call->out);
    trib_http_stream_end(http, failed);
}

void tenants_handle_export(trib_http_request *http) {
    trib_tenant *tenant = NULL;
    trib_error err;
    trib_code code = tenants_find(http, &tenant, &err);
    export_call *call = code == TRIB_OK ? trib_arena_zalloc(http->arena, 1, sizeof *call) : NULL;
    if (code == TRIB_OK && !call) code = trib_error_set(&err, TRIB_NOMEM, NULL);
    if (code == TRIB_OK && trib_str_eq_c(http->method, "HEAD")) { /* nobody would see what a job reads */
        call->http = http;
        begin(call);
        trib_tenant_unref(tenant);
        trib_http_stream_end(http, false);
        return;
    }
    if (code == TRIB_OK) {
        trib_buf_init(&call->out, 2 * (size_t)TENANTS_EXPORT_CHUNK_BYTES);
        call->http = http;
        call->job.app = http->app;
        call->job.tenant = tenant;
        call->job.access = TRIB_ACCESS_SYSTEM;
        call->job.job.home = http->home;
        call->job.work = work;
        call->job.handed = handed;
        call->job.finished = finished;
        http->feature = call;
        http->on_cancel = on_cancel;
        code = trib_db_job_submit(&call->job, &err);
        if (code != TRIB_OK) http->on_cancel = NULL;
    }
    trib_tenant_unref(tenant);
    if (code != TRIB_OK) trib_http_answer_error(http, &err);
}

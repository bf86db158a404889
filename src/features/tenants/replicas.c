/* SPDX-License-Identifier: Apache-2.0 */
/* POST /v1/namespaces/:ns/replicas/reset: a new generation, so that every replica of the tenant loads the database
 * anew. Answers when it has begun, durably. */
#include "core/db_job.h"
#include "features/tenants/tenants_int.h"
#include "store/pages.h"

typedef struct reset_call {
    trib_db_job job; /* first */
    trib_http_request *http;
    uint32_t generation;
} reset_call;

static trib_code work(trib_db_job *job, trib_handle *handle, trib_error *err) {
    reset_call *call = (reset_call *)(void *)job;
    trib_code code = trib_db_job_take_pending(job, err);
    /* first the one that was: a number that replicas may have */
    if (code == TRIB_OK) code = trib_db_get_generation(trib_handle_db(handle), &call->generation, err);
    if (code == TRIB_OK) code = trib_pages_renew(handle, err);
    return code == TRIB_OK ? trib_db_get_generation(trib_handle_db(handle), &call->generation, err) : code;
}

static void finished(trib_db_job *job) {
    reset_call *call = (reset_call *)(void *)job;
    trib_http_request *http = call->http;
    trib_error err = job->err;
    tenants_reply reply;
    http->on_cancel = NULL;
    if (job->code != TRIB_OK) {
        trib_http_answer_error(http, &err);
        return;
    }
    tenants_reply_begin(&reply);
    trib_jw_member_str(&reply.w, "name", trib_str_c(atomic_load(&job->tenant->name)));
    trib_jw_member_i64(&reply.w, "generation", call->generation);
    tenants_reply_send(&reply, http);
}

void tenants_handle_reset_replicas(trib_http_request *http) {
    static const char *const members[] = {NULL};
    const trib_json *body = NULL;
    trib_tenant *tenant = NULL;
    trib_error err;
    trib_code code = tenants_parse_body(http, members, &body, &err);
    if (code == TRIB_OK) code = tenants_find(http, &tenant, &err);
    reset_call *call = code == TRIB_OK ? trib_arena_zalloc(http->arena, 1, sizeof *call) : NULL;
    if (code == TRIB_OK && !call) code = trib_error_set(&err, TRIB_NOMEM, NULL);
    if (call) {
        call->http = http;
        call->job.tenant = tenant;
        call->job.access = TRIB_ACCESS_SYSTEM;
        call->job.work = work;
        call->job.finished = finished;
        code = trib_db_job_submit_for(&call->job, http, &err);
        if (code != TRIB_OK) http->on_cancel = NULL;
    }
    trib_tenant_unref(tenant);
    if (code != TRIB_OK) trib_http_answer_error(http, &err);
}

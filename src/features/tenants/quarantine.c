/* SPDX-License-Identifier: Apache-2.0 */
/* Databases that are out of service: which, why, and back again. The notes lie on the disk, so a worker reads them; a
 * list looks at a page of tenants, whether or not one of them is out of service. */
#include "store/quarantine.h"

#include "base/time.h"
#include "core/control.h"
#include "features/tenants/tenants_int.h"
#include "wire/url.h"

typedef struct quarantine_row {
    trib_tenant *tenant; /* a reference */
    trib_quarantine note;
    bool found;
} quarantine_row;

typedef struct quarantine_call {
    trib_job job; /* first */
    trib_http_request *http;
    quarantine_row *rows;
    size_t count;
    bool list, more;
    bool release, unchecked;
    trib_code code;
    trib_error err;
} quarantine_call;

static void let_go(quarantine_call *call) {
    for (size_t i = 0; i < call->count; i++) trib_tenant_unref(call->rows[i].tenant);
    call->count = 0;
}

static void write_row(trib_json_writer *w, const quarantine_row *row) {
    char since[TRIB_TIME_ISO_BYTES];
    trib_jw_member_str(w, "name", trib_str_c(row->tenant->name));
    trib_jw_member_str(w, "id", trib_str_c(row->tenant->id));
    trib_jw_member_bool(w, "quarantined", row->found);
    if (!row->found) return;
    trib_jw_member_str(w, "damage", trib_str_c(row->note.code));
    trib_jw_member_str(w, "reason", trib_str_c(row->note.reason));
    trib_time_to_iso(row->note.since_ms, since);
    if (row->note.since_ms) trib_jw_member_str(w, "since", trib_str_c(since));
    else trib_jw_member_null(w, "since");
}

static void write_list(trib_json_writer *w, const quarantine_call *call) {
    trib_jw_key_c(w, "quarantined");
    trib_jw_array_begin(w);
    for (size_t i = 0; i < call->count; i++) {
        if (!call->rows[i].found) continue;
        trib_jw_object_begin(w);
        write_row(w, &call->rows[i]);
        trib_jw_object_end(w);
    }
    trib_jw_array_end(w);
    trib_jw_key_c(w, "next_cursor");
    if (call->more && call->count) trib_jw_str_c(w, call->rows[call->count - 1].tenant->name);
    else trib_jw_null(w);
}

static trib_job_verdict run(trib_job *job) {
    quarantine_call *call = (quarantine_call *)(void *)job;
    trib_store *store = call->http->app->store;
    call->code = TRIB_OK;
    for (size_t i = 0; i < call->count && call->code == TRIB_OK; i++) {
        quarantine_row *row = &call->rows[i];
        trib_str id = trib_str_c(row->tenant->id);
        if (call->release) call->code = trib_store_release(store, id, call->unchecked, &call->err);
        if (call->code == TRIB_OK)
            call->code = trib_store_quarantine_get(store, id, &row->note, &row->found, &call->err);
    }
    return TRIB_JOB_DONE;
}

static void done(trib_job *job) {
    quarantine_call *call = (quarantine_call *)(void *)job;
    tenants_reply reply;
    if (call->code == TRIB_OK) {
        tenants_reply_begin(&reply);
        if (call->list) write_list(&reply.w, call);
        else write_row(&reply.w, &call->rows[0]);
    }
    let_go(call);
    if (call->code == TRIB_OK) tenants_reply_send(&reply, call->http);
    else trib_http_answer_error(call->http, &call->err);
}

/* Takes the references of its rows, also when it fails; answers then. */
static void start(trib_http_request *http, quarantine_call *call) {
    trib_error err;
    call->http = http;
    call->job.run = run;
    call->job.done = done;
    call->job.home = http->home;
    call->job.queue = call->rows[0].tenant->queue;
    if (trib_job_submit(&call->job, &err) == TRIB_OK) return;
    let_go(call);
    trib_http_answer_error(http, &err);
}

static quarantine_call *call_new(trib_http_request *http, size_t rows, trib_error *err) {
    quarantine_call *call = trib_arena_zalloc(http->arena, 1, sizeof *call);
    if (call) call->rows = trib_arena_zalloc(http->arena, rows, sizeof *call->rows);
    if (call && call->rows) return call;
    trib_error_set(err, TRIB_NOMEM, NULL);
    return NULL;
}

/* ---- the handlers ---- */

void tenants_handle_quarantined(trib_http_request *http) {
    trib_tenant **page = trib_arena_zalloc(http->arena, TENANTS_PAGE_DEFAULT * 10 + 1, sizeof *page);
    size_t limit = (size_t)TENANTS_PAGE_DEFAULT * 10;
    trib_error err;
    trib_query query;
    trib_code code = trib_query_parse(http->arena, http->query, &query, &err);
    quarantine_call *call = code == TRIB_OK ? call_new(http, limit, &err) : NULL;
    if (!call || !page) {
        if (code == TRIB_OK) trib_error_set(&err, TRIB_NOMEM, NULL);
        trib_http_answer_error(http, &err);
        return;
    }
    const trib_str *cursor = trib_query_get(&query, "cursor");
    size_t count = trib_control_list(http->app->control, cursor ? *cursor : (trib_str){0}, limit + 1, page);
    call->list = true;
    call->more = count > limit;
    if (call->more) trib_tenant_unref(page[limit]);
    call->count = call->more ? limit : count;
    for (size_t i = 0; i < call->count; i++) call->rows[i].tenant = page[i];
    if (call->count) {
        start(http, call);
        return;
    }
    tenants_reply reply;
    tenants_reply_begin(&reply);
    write_list(&reply.w, call);
    tenants_reply_send(&reply, http);
}

static void start_one(trib_http_request *http, bool release, bool unchecked) {
    trib_tenant *tenant = NULL;
    trib_error err;
    trib_code code = tenants_find(http, &tenant, &err);
    quarantine_call *call = code == TRIB_OK ? call_new(http, 1, &err) : NULL;
    if (!call) {
        trib_tenant_unref(tenant);
        trib_http_answer_error(http, &err);
        return;
    }
    call->rows[0].tenant = tenant;
    call->count = 1;
    call->release = release;
    call->unchecked = unchecked;
    start(http, call);
}

void tenants_handle_quarantine(trib_http_request *http) {
    start_one(http, false, false);
}

void tenants_handle_release(trib_http_request *http) {
    static const char *const members[] = {"unchecked", NULL};
    const trib_json *body = NULL;
    trib_error err;
    bool unchecked = false;
    trib_code code = tenants_parse_body(http, members, &body, &err);
    const trib_json *member = code == TRIB_OK ? trib_json_get(body, "unchecked") : NULL;
    if (code == TRIB_OK && !trib_json_absent(member) && !trib_json_bool(member, &unchecked))
        code = trib_error_set(&err, TRIB_BAD_REQUEST, "\"unchecked\" must be true or false");
    if (code != TRIB_OK) trib_http_answer_error(http, &err);
    else start_one(http, true, unchecked);
}

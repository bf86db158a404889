/* SPDX-License-Identifier: Apache-2.0 */
/* What only reads: the list, one tenant, its counters, its settings. The list and the settings come from memory; sizes
 * and commit numbers come from the store, which may have to open the database, so a worker asks. */
#include "core/control.h"
#include "features/tenants/tenants_int.h"
#include "wire/url.h"

/* ---- list ---- */

typedef struct list_ask {
    size_t limit;
    bool deleted;
    trib_str after, after_id; /* the id only of deleted ones, whose names may repeat: "name/id" */
} list_ask;

static trib_code parse_page(trib_http_request *http, list_ask *ret, trib_error *err) {
    trib_query query;
    uint64_t limit = TENANTS_PAGE_DEFAULT;
    trib_code code = trib_query_parse(http->arena, http->query, &query, err);
    if (code != TRIB_OK) return code;
    const trib_str *text = trib_query_get(&query, "limit");
    if (text && (!trib_str_u64(*text, &limit) || limit == 0 || limit > TRIB_CONTROL_PAGE_MAX)) {
        return trib_error_set(err, TRIB_BAD_REQUEST, "\"limit\" must be a number from 1 to %d", TRIB_CONTROL_PAGE_MAX);
    }
    const trib_str *deleted = trib_query_get(&query, "deleted");
    if (deleted && !trib_str_eq_c(*deleted, "true") && !trib_str_eq_c(*deleted, "false"))
        return trib_error_set(err, TRIB_BAD_REQUEST, "\"deleted\" must be true or false");
    const trib_str *cursor = trib_query_get(&query, "cursor");
    *ret = (list_ask){.limit = (size_t)limit,
                      .deleted = deleted && trib_str_eq_c(*deleted, "true"),
                      .after = cursor ? *cursor : (trib_str){0}};
    size_t slash = trib_str_find(ret->after, '/');
    if (!ret->deleted || slash == SIZE_MAX) return TRIB_OK;
    ret->after_id = trib_str_sub(ret->after, slash + 1, ret->after.len);
    ret->after = trib_str_sub(ret->after, 0, slash);
    return TRIB_OK;
}

static void write_page(tenants_reply *reply, const trib_http_request *http, const list_ask *ask, trib_tenant **page,
                       size_t count) {
    size_t shown = count < ask->limit ? count : ask->limit;
    trib_jw_key_c(&reply->w, "namespaces");
    trib_jw_array_begin(&reply->w);
    for (size_t i = 0; i < shown; i++) {
        trib_jw_object_begin(&reply->w);
        if (ask->deleted) {
            trib_jw_member_str(&reply->w, "name", trib_str_c(page[i]->name));
            tenants_write_deleted(&reply->w, page[i]);
        } else {
            tenants_write_registry(&reply->w, http->app, page[i]);
        }
        trib_jw_object_end(&reply->w);
    }
    trib_jw_array_end(&reply->w);
    trib_jw_key_c(&reply->w, "next_cursor");
    const trib_tenant *last = count > ask->limit ? page[ask->limit - 1] : NULL;
    if (!last) trib_jw_null(&reply->w);
    else if (ask->deleted) trib_jw_str(&reply->w, trib_arena_printf(http->arena, "%s/%s", last->name, last->id));
    else trib_jw_str_c(&reply->w, last->name);
}

void tenants_handle_list(trib_http_request *http) {
    list_ask ask = {0};
    tenants_reply reply;
    trib_error err;
    trib_code code = parse_page(http, &ask, &err);
    /* one more than the page: whether there is a next one */
    trib_tenant **page = code == TRIB_OK ? trib_arena_zalloc(http->arena, ask.limit + 1, sizeof *page) : NULL;
    if (code == TRIB_OK && !page) code = trib_error_set(&err, TRIB_NOMEM, NULL);
    if (code != TRIB_OK) {
        trib_http_answer_error(http, &err);
        return;
    }
    trib_control *control = http->app->control;
    size_t count = ask.deleted ? trib_control_list_deleted(control, ask.after, ask.after_id, ask.limit + 1, page)
                               : trib_control_list(control, ask.after, ask.limit + 1, page);
    tenants_reply_begin(&reply);
    write_page(&reply, http, &ask, page, count);
    for (size_t i = 0; i < count; i++) trib_tenant_unref(page[i]);
    tenants_reply_send(&reply, http);
}

/* ---- one tenant, with the store's numbers ---- */

typedef struct stats_call {
    trib_job job; /* first */
    trib_http_request *http;
    trib_tenant *tenant;
    trib_db_stats stats;
    trib_code code;
    trib_error err;
    void (*write)(tenants_reply *reply, const struct stats_call *call);
} stats_call;

static trib_job_verdict stats_run(trib_job *job) {
    stats_call *call = (stats_call *)(void *)job;
    trib_db *db = NULL;
    trib_db_settings settings = trib_tenant_db_settings(call->tenant);
    call->code = trib_store_db_get(call->http->app->store, trib_str_c(call->tenant->id), &settings, &db, &call->err);
    if (call->code != TRIB_OK) return TRIB_JOB_DONE;
    trib_db_get_stats(db, &call->stats);
    trib_db_unref(db);
    return TRIB_JOB_DONE;
}

static void stats_done(trib_job *job) {
    stats_call *call = (stats_call *)(void *)job;
    trib_tenant *tenant = call->tenant;
    tenants_reply reply;
    if (call->code != TRIB_OK) {
        trib_http_answer_error(call->http, &call->err);
    } else {
        tenants_reply_begin(&reply);
        call->write(&reply, call);
        tenants_reply_send(&reply, call->http);
    }
    trib_tenant_unref(tenant);
}

static void stats_start(trib_http_request *http, void (*write)(tenants_reply *, const stats_call *)) {
    trib_tenant *tenant = NULL;
    trib_error err;
    trib_code code = tenants_find(http, &tenant, &err);
    stats_call *call = code == TRIB_OK ? trib_arena_zalloc(http->arena, 1, sizeof *call) : NULL;
    if (code == TRIB_OK && !call) code = trib_error_set(&err, TRIB_NOMEM, NULL);
    if (call) {
        call->http = http;
        call->tenant = tenant;
        call->write = write;
        call->job.run = stats_run;
        call->job.done = stats_done;
        call->job.home = http->home;
        call->job.queue = tenant->queue;
        code = trib_job_submit(&call->job, &err);
    }
    if (code == TRIB_OK) return;
    trib_tenant_unref(tenant);
    trib_http_answer_error(http, &err);
}

static void member_u64(trib_json_writer *w, const char *key, uint64_t value) {
    trib_jw_key_c(w, key);
    trib_jw_u64(w, value);
}

static void write_show(tenants_reply *reply, const stats_call *call) {
    tenants_write_registry(&reply->w, call->http->app, call->tenant);
    member_u64(&reply->w, "rows_read", atomic_load(&call->tenant->rows_read));
    member_u64(&reply->w, "rows_written", atomic_load(&call->tenant->rows_written));
    member_u64(&reply->w, "requests", atomic_load(&call->tenant->requests));
    member_u64(&reply->w, "storage_bytes", call->stats.database_bytes + call->stats.log_bytes);
    member_u64(&reply->w, "commit_no", call->stats.commit_no);
}

/* sqld's names; what is not measured per query yet is there and empty, so that its clients can read the object. */
static void write_stats(tenants_reply *reply, const stats_call *call) {
    trib_json_writer *w = &reply->w;
    trib_jw_member_str(w, "id", trib_str_c(call->tenant->name));
    member_u64(w, "rows_read_count", atomic_load(&call->tenant->rows_read));
    member_u64(w, "rows_written_count", atomic_load(&call->tenant->rows_written));
    member_u64(w, "storage_bytes_used", call->stats.database_bytes + call->stats.log_bytes);
    member_u64(w, "write_requests_delegated", 0);
    member_u64(w, "replication_index", call->stats.commit_no);
    member_u64(w, "embedded_replica_frames_replicated", 0);
    member_u64(w, "query_count", atomic_load(&call->tenant->requests));
    member_u64(w, "elapsed_ms", 0);
    trib_jw_key_c(w, "top_queries");
    trib_jw_array_begin(w);
    trib_jw_array_end(w);
    trib_jw_key_c(w, "slowest_queries");
    trib_jw_array_begin(w);
    trib_jw_array_end(w);
    trib_jw_member_null(w, "queries");
}

void tenants_handle_show(trib_http_request *http) {
    stats_start(http, write_show);
}

void tenants_handle_stats(trib_http_request *http) {
    stats_start(http, write_stats);
}

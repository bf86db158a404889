/* SPDX-License-Identifier: Apache-2.0 */
/* What there is to read: the offers of a tenant, also by waiting for one, and how far the search for somebody is.
 *
 *   GET -> job on `streams` -> an answer
 *             ^                └ no offer, ?wait= -> waiters -> one is made to this tenant, or the time is over -┐
 *             └---------------------------------------------------------------------------------------------------┘
 *
 * No thread and no connection to the database is held while a request waits. */
#include <stdlib.h>
#include <string.h>

#include "base/time.h"
#include "features/dispatch/dispatch_int.h"
#include "wire/url.h"

enum { LOOK_MS = 500 /* between two looks at whose time is over */ };

typedef struct dispatch_read dispatch_read;
struct dispatch_read {
    trib_db_job job; /* first */
    trib_http_request *http;
    dispatch_module *module;
    trib_stream_txn txn;
    trib_arena arena;
    bool empty;
    trib_code (*body)(dispatch_read *read, trib_error *err);
    trib_buf out;
    int64_t until_ns; /* waits until then at most */
    uint32_t seen;    /* offers that had been made when it looked */
    trib_waiter waiter;
};

static void submit(dispatch_read *read);

static void read_free(dispatch_read *read) {
    trib_buf_deinit(&read->out);
    trib_arena_deinit(&read->arena);
    free(read);
}

static void refuse(dispatch_read *read, const trib_error *why) {
    trib_http_request *http = read->http;
    trib_error err = *why;
    http->on_cancel = NULL;
    read_free(read);
    trib_http_answer_error(http, &err);
}

static void answer(dispatch_read *read) {
    trib_http_request *http = read->http;
    trib_http_answer what = {.status = 200, .content_type = "application/json", .body = &read->out};
    http->on_cancel = NULL;
    trib_http_answer_send(http, &what);
    read_free(read);
}

/* ---- waiting ---- */

/* On the loop. */
static void woken(trib_waiter *waiter) {
    dispatch_read *read = TRIB_LIST_ITEM(waiter, dispatch_read, waiter);
    const trib_app *app = read->module->app;
    trib_error err;
    if (read->http->cancelled) {
        trib_error_set(&err, TRIB_CANCELLED, NULL);
        refuse(read, &err);
    } else if (trib_env_mono_ns(app->env) >= read->until_ns || atomic_load(&app->draining)) {
        answer(read);
    } else {
        submit(read);
    }
}

static bool is_this(trib_waiter *waiter, const void *ctx) {
    return waiter == ctx;
}

/* False: it is answered as it is. */
static bool wait_for_offer(dispatch_read *read) {
    dispatch_module *m = read->module;
    if (trib_env_mono_ns(m->app->env) >= read->until_ns || atomic_load(&m->app->draining) || read->http->cancelled)
        return false;
    read->waiter.http = read->http;
    read->waiter.woken = woken;
    if (!trib_waiters_add(&m->waiters, &read->waiter)) return false;
    /* one was made since it looked, perhaps to this one */
    if (atomic_load(&m->offers_made) != read->seen) trib_waiters_wake(&m->waiters, 1, is_this, &read->waiter);
    return true;
}

static bool is_of_tenant(trib_waiter *waiter, const void *ctx) {
    return strcmp(waiter->http->tenant->id, ctx) == 0;
}

void dispatch_offer_made(dispatch_module *m, const char *tenant_id) {
    atomic_fetch_add(&m->offers_made, 1);
    trib_waiters_wake(&m->waiters, SIZE_MAX, is_of_tenant, tenant_id);
}

static bool is_over(trib_waiter *waiter, const void *ctx) {
    return *(const int64_t *)ctx >= TRIB_LIST_ITEM(waiter, dispatch_read, waiter)->until_ns;
}

void dispatch_offers_tick(dispatch_module *m) {
    int64_t now_ns = trib_env_mono_ns(m->app->env);
    bool draining = atomic_load(&m->app->draining);
    if (now_ns < m->waiters_ns && !draining) return;
    m->waiters_ns = now_ns + (int64_t)LOOK_MS * 1000000;
    int64_t until_ns = draining ? INT64_MAX : now_ns;
    trib_waiters_wake(&m->waiters, SIZE_MAX, is_over, &until_ns);
}

/* ---- one look ---- */

static trib_code run_body(void *ctx, trib_error *err) {
    dispatch_read *read = ctx;
    trib_buf_clear(&read->out);
    read->empty = false;
    trib_code code = read->body(read, err);
    return code == TRIB_OK && read->out.failed ? trib_error_set(err, TRIB_RESPONSE_TOO_LARGE, NULL) : code;
}

static trib_code work(trib_db_job *job, trib_handle *handle, trib_error *err) {
    dispatch_read *read = (dispatch_read *)(void *)job;
    return trib_stream_txn_run(&read->txn, job, handle, run_body, read, err);
}

static void finished(trib_db_job *job) {
    dispatch_read *read = (dispatch_read *)(void *)job;
    if (job->code != TRIB_OK) {
        trib_error err = job->err;
        refuse(read, &err);
        return;
    }
    if (read->empty && wait_for_offer(read)) return;
    answer(read);
}

static void submit(dispatch_read *read) {
    trib_error err;
    memset(&read->job, 0, sizeof read->job);
    read->txn.begun = false;
    read->seen = atomic_load(&read->module->offers_made);
    read->job.tenant = read->module->tenant;
    read->job.access = TRIB_ACCESS_SYSTEM;
    read->job.work = work;
    read->job.finished = finished;
    if (trib_db_job_submit_for(&read->job, read->http, &err) != TRIB_OK) refuse(read, &err);
}

static dispatch_read *read_new(trib_http_request *http, trib_code (*body)(dispatch_read *, trib_error *),
                               trib_error *err) {
    dispatch_read *read = calloc(1, sizeof *read);
    bool may_write;
    if (!read) {
        trib_error_set(err, TRIB_NOMEM, NULL);
        trib_http_answer_error(http, err);
        return NULL;
    }
    read->http = http;
    read->module = http->module_state;
    read->body = body;
    trib_buf_init(&read->out, DISPATCH_ANSWER_MAX_BYTES);
    trib_arena_init(&read->arena, TRIB_STREAM_ARENA_MAX_BYTES);
    read->txn = (trib_stream_txn){.app = http->app, .arena = &read->arena};
    if (trib_stream_txn_name_asker(&read->txn, http, &may_write, err) == TRIB_OK) return read;
    refuse(read, err);
    return NULL;
}

/* ---- GET /api/offers ---- */

static void write_place(trib_json_writer *w, const dispatch_row *row) {
    trib_jw_key_c(w, "lat");
    if (row->has_place) trib_jw_f64_js(w, row->lat);
    else trib_jw_null(w);
    trib_jw_key_c(w, "lng");
    if (row->has_place) trib_jw_f64_js(w, row->lng);
    else trib_jw_null(w);
}

static void write_offer(trib_json_writer *w, const dispatch_row *row, trib_arena *arena) {
    char until[TRIB_TIME_ISO_BYTES];
    trib_time_to_iso(row->until_ms, until);
    trib_jw_object_begin(w);
    trib_jw_member_str(w, "id", trib_arena_printf(arena, "%lld-%lld", (long long)row->no, (long long)row->generation));
    trib_jw_member_str(w, "streamId", row->deal_id);
    trib_jw_member_str(w, "role", row->role);
    trib_jw_member_str(w, "until", trib_str_c(until));
    if (row->point.len) trib_jw_member_str(w, "pointId", row->point);
    write_place(w, row);
    trib_jw_key_c(w, "details");
    trib_jw_raw(w, row->body);
    trib_jw_object_end(w);
}

static trib_code read_offers(dispatch_read *read, trib_error *err) {
    dispatch_row *rows = trib_arena_zalloc(&read->arena, DISPATCH_OFFERS_MAX, sizeof *rows);
    trib_arg id = trib_stream_text(read->txn.tenant_id);
    bool all = read->txn.tenant_id.len == 0;
    trib_json_writer w;
    size_t count = 0;
    if (!rows) return trib_error_set(err, TRIB_NOMEM, NULL);
    trib_code code = dispatch_rows_load(
        &read->txn, all ? "tenantId IS NOT NULL ORDER BY until_ms" : "tenantId = ?1 ORDER BY until_ms", &id,
        all ? 0 : 1, DISPATCH_OFFERS_MAX, rows, &count, err);
    if (code != TRIB_OK) return code;
    trib_jw_init(&w, &read->out);
    trib_jw_object_begin(&w);
    trib_jw_key_c(&w, "offers");
    trib_jw_array_begin(&w);
    for (size_t i = 0; i < count; i++) write_offer(&w, &rows[i], &read->arena);
    trib_jw_array_end(&w);
    trib_jw_object_end(&w);
    read->empty = count == 0;
    return read->arena.failed ? trib_error_set(err, TRIB_NOMEM, NULL) : TRIB_OK;
}

void dispatch_handle_offers(trib_http_request *http) {
    trib_query query;
    trib_error err;
    int64_t seconds = 0;
    dispatch_read *read = read_new(http, read_offers, &err);
    if (!read) return;
    trib_code code = trib_query_parse(http->arena, http->query, &query, &err);
    const trib_str *wait = code == TRIB_OK ? trib_query_get(&query, "wait") : NULL;
    if (wait && (!trib_str_i64(*wait, &seconds) || seconds < 0 || seconds > DISPATCH_WAIT_MAX_S))
        code = trib_error_set(&err, TRIB_BAD_REQUEST, "\"wait\" must be seconds, from 0 to %d", DISPATCH_WAIT_MAX_S);
    read->until_ns = trib_env_mono_ns(http->app->env) + seconds * 1000000000;
    if (code == TRIB_OK) submit(read);
    else refuse(read, &err);
}

/* ---- GET /api/dispatch/:id ---- */

static trib_code read_search(dispatch_read *read, trib_error *err) {
    trib_str id = read->http->path_params[0];
    dispatch_row rows[DISPATCH_JOBS_MAX];
    trib_json_writer w;
    trib_stream s;
    size_t count = 0;
    trib_arg arg = trib_stream_text(id);
    trib_code code = trib_stream_open(&read->txn, id, &s, err);
    if (code == TRIB_OK)
        code =
            dispatch_rows_load(&read->txn, "streamId = ?1 ORDER BY no", &arg, 1, DISPATCH_JOBS_MAX, rows, &count, err);
    if (code != TRIB_OK) return code;
    trib_jw_init(&w, &read->out);
    trib_jw_object_begin(&w);
    trib_jw_member_str(&w, "streamId", id);
    trib_jw_key_c(&w, "searches");
    trib_jw_array_begin(&w);
    for (size_t i = 0; i < count; i++) {
        char since[TRIB_TIME_ISO_BYTES];
        trib_time_to_iso(rows[i].since_ms, since);
        trib_jw_object_begin(&w);
        trib_jw_member_str(&w, "role", rows[i].role);
        trib_jw_member_str(&w, "since", trib_str_c(since));
        trib_jw_member_str(&w, "status", rows[i].tenant_id.len ? TRIB_STR("offered") : TRIB_STR("waiting"));
        trib_jw_member_i64(&w, "offers", rows[i].generation);
        write_place(&w, &rows[i]);
        trib_jw_object_end(&w);
    }
    trib_jw_array_end(&w);
    trib_jw_object_end(&w);
    return TRIB_OK;
}

void dispatch_handle_show(trib_http_request *http) {
    trib_error err;
    dispatch_read *read = read_new(http, read_search, &err);
    trib_str id = http->path_params[0];
    if (!read) return;
    if (id.len > 0 && id.len <= TRIB_STREAM_ID_MAX_BYTES) {
        submit(read);
        return;
    }
    trib_stream_not_found(id, &err);
    refuse(read, &err);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* One request about a durable stream: a job with one transaction on the tenant's database, then one answer. What it has
 * read or written is durable by then (core/db_job.h).
 *
 *   BEGIN -> body -> COMMIT -> housekeeping: slices of removed streams, the time of use (its failures fail nobody) */
#include <stdlib.h>
#include <string.h>

#include "features/durable/sub_int.h"

static durable_ask *of_job(trib_db_job *job) {
    return (durable_ask *)(void *)job;
}

void durable_ask_free(durable_ask *ask) {
    trib_buf_deinit(&ask->out);
    trib_buf_deinit(&ask->headers);
    trib_buf_deinit(&ask->messages);
    trib_arena_deinit(&ask->arena);
    trib_arena_deinit(&ask->json);
    free(ask);
}

static trib_code run(trib_handle *handle, const char *sql, trib_error *err) {
    return trib_stmt_run(handle, sql, NULL, 0, NULL, NULL, err);
}

/* ---- on a worker ---- */

static trib_code transaction(durable_ask *ask, trib_error *err) {
    ask->nudges = false;
    trib_arena_reset(&ask->arena);
    trib_buf_clear(&ask->out);
    trib_buf_clear(&ask->headers);
    trib_code code = run(ask->handle, ask->writes ? "BEGIN IMMEDIATE" : "BEGIN", err);
    if (code != TRIB_OK) return code; /* AGAIN: the turn is not there yet */
    ask->now_ms = trib_env_wall_ms(ask->job.app->env);
    if (!ask->is_deal) code = durable_tables_check(ask, err);
    if (code == TRIB_OK) code = ask->body(ask, err);
    if (code == TRIB_OK && (ask->out.failed || ask->headers.failed || ask->arena.failed))
        code = trib_error_set(err, ask->out.failed ? TRIB_RESPONSE_TOO_LARGE : TRIB_NOMEM, NULL);
    if (code == TRIB_OK) return run(ask->handle, "COMMIT", err);
    trib_error ignored;
    (void)run(ask->handle, "ROLLBACK", &ignored);
    if (code != TRIB_AGAIN || ask->writes || !ask->deals.writes) return code;
    ask->writes = true; /* the members of a deal are brought up to date by whoever reads it */
    return transaction(ask, err);
}

/* AGAIN or OK. */
static trib_code keep_house(durable_ask *ask) {
    trib_error ignored;
    trib_code code = TRIB_OK;
    if (ask->touch_id) {
        code = durable_touch(ask, &ignored);
        if (code == TRIB_AGAIN) return code;
        ask->touch_id = 0;
    }
    for (bool more = true; more && ask->slices > 0 && code == TRIB_OK;) {
        if (trib_db_job_is_cancelled(&ask->job)) break;
        code = durable_sweep(ask, &more, &ignored);
        if (code == TRIB_AGAIN) return code;
        ask->slices--;
    }
    return TRIB_OK;
}

/* What is parsed before the turn is taken does not hold it. */
static trib_code prepare(durable_ask *ask, trib_error *err) {
    if (ask->has_messages || !ask->writes || ask->op == DURABLE_CALL || !durable_media_is_json(ask->head.type))
        return TRIB_OK;
    return durable_take_body(ask, true, err);
}

trib_code durable_ask_work(trib_db_job *job, trib_handle *handle, trib_error *err) {
    durable_ask *ask = of_job(job);
    trib_code code = trib_db_job_take_pending(job, err);
    if (code != TRIB_OK) return ask->done ? TRIB_OK : code;
    ask->handle = handle;
    if (!ask->done) {
        code = prepare(ask, err);
        if (code == TRIB_OK) code = transaction(ask, err);
        if (code != TRIB_OK) return code;
        ask->done = true;
        if (trib_tenant_get(job->tenant, TRIB_TENANT_BLOCK_WRITES)) ask->touch_id = 0;
    }
    return keep_house(ask);
}

/* ---- on the loop ---- */

static void failed(durable_ask *ask, const trib_error *err) {
    if (ask->head.live != DURABLE_LIVE_NOT) durable_live_failed(ask, err);
    else durable_answer_error(ask, err);
}

/* That the tenant has subscriptions is noted; now for what was asked. */
static void go_on(durable_ask *ask) {
    trib_error err;
    ask->body = ask->next;
    ask->next = NULL;
    ask->is_deal = false;
    if (durable_rounds_add(durable_module_rounds(ask->module), ask->tenant, &err) == TRIB_OK) durable_ask_submit(ask);
    else failed(ask, &err);
}

static void finished(trib_db_job *job) {
    durable_ask *ask = of_job(job);
    ask->http->on_cancel = NULL;
    durable_module_count(ask->module, ask->counted, 1);
    if (job->code != TRIB_OK) {
        trib_error err = job->err;
        failed(ask, &err);
        return;
    }
    if (ask->next) {
        go_on(ask);
        return;
    }
    if (ask->nudges) durable_rounds_nudge(durable_module_rounds(ask->module), ask->tenant);
    if (ask->tells) durable_live_tell(ask);
    if (ask->head.live != DURABLE_LIVE_NOT) durable_live_go_on(ask);
    else durable_answer(ask);
}

void durable_ask_submit(durable_ask *ask) {
    trib_http_request *http = ask->http;
    trib_error err;
    ask->job = (trib_db_job){.tenant = ask->is_deal ? durable_module_deals(ask->module) : ask->tenant,
                             .access = TRIB_ACCESS_SYSTEM,
                             .work = durable_ask_work,
                             .finished = finished};
    ask->done = false;
    if (trib_db_job_submit_for(&ask->job, http, &err) != TRIB_OK) failed(ask, &err);
}

/* Whoever shows the token of a wake works for the tenant: what blocks the tenant blocks him. */
static trib_code check_own_key(const trib_tenant *tenant, trib_error *err) {
    if (!trib_tenant_get(tenant, TRIB_TENANT_BLOCK_READS) && !trib_tenant_get(tenant, TRIB_TENANT_BLOCK_WRITES))
        return TRIB_OK;
    return trib_error_set(err, TRIB_BLOCKED, NULL);
}

static trib_code check(const trib_http_request *http, bool reads, bool is_deal, trib_error *err) {
    if (is_deal) return TRIB_OK; /* by trib_stream_txn_name_asker */
    if (http->route->auth == TRIB_AUTH_OWN_KEY) return check_own_key(http->tenant, err);
    trib_action action = reads ? TRIB_ACTION_READ : TRIB_ACTION_WRITE;
    trib_code code = trib_may(http->principal, http->tenant, action, trib_env_wall_ms(http->app->env), err);
    if (code != TRIB_OK || !http->tenant->system) return code;
    return trib_error_set(err, TRIB_BAD_REQUEST, "the database \"%s\" has no durable streams; name a tenant",
                          http->tenant->name);
}

durable_ask *durable_ask_new(durable_module *module, trib_http_request *http, trib_tenant *tenant) {
    durable_ask *ask = calloc(1, sizeof *ask);
    if (!ask) return NULL;
    ask->http = http;
    ask->tenant = tenant;
    ask->module = module;
    if (http) ask->bytes = http->body;
    trib_buf_init(&ask->out, DURABLE_OUT_MAX_BYTES);
    trib_buf_init(&ask->headers, DURABLE_HEADERS_MAX_BYTES);
    trib_buf_init(&ask->messages, DURABLE_BODY_MAX_BYTES * 2);
    trib_arena_init(&ask->arena, DURABLE_ARENA_MAX_BYTES);
    trib_arena_init(&ask->json, DURABLE_JSON_ARENA_MAX_BYTES);
    trib_list_init(&ask->in_entry);
    trib_list_init(&ask->in_slot);
    return ask;
}

void durable_ask_start(trib_http_request *http, durable_op op, const durable_head *head,
                       trib_code (*body)(durable_ask *ask, trib_error *err)) {
    trib_error err;
    bool is_deal = body == durable_read_deal, may_write;
    bool reads = trib_str_eq_c(http->method, "GET") || trib_str_eq_c(http->method, "HEAD");
    trib_code code = check(http, reads, is_deal, &err);
    durable_ask *ask = code == TRIB_OK ? durable_ask_new(http->module_state, http, http->tenant) : NULL;
    if (code == TRIB_OK && !ask) trib_error_set(&err, TRIB_NOMEM, NULL);
    if (!ask) {
        durable_refuse(http, &err);
        return;
    }
    ask->op = op;
    ask->head = *head;
    ask->body = body;
    ask->writes = !reads;
    ask->slices = op == DURABLE_REMOVE ? DURABLE_SWEEP_SLICES : op == DURABLE_CREATE ? DURABLE_SWEEP_SLICES_OTHER : 0;
    ask->is_deal = is_deal;
    ask->deals = (trib_stream_txn){.app = http->app, .arena = &ask->arena};
    if (is_deal) trib_arena_init(&ask->arena, TRIB_STREAM_ARENA_MAX_BYTES);
    if (is_deal) code = trib_stream_txn_name_asker(&ask->deals, http, &may_write, &err);
    if (body == durable_sub_put && !durable_rounds_knows(durable_module_rounds(ask->module), ask->tenant)) {
        ask->is_deal = true; /* a job on `streams` first */
        ask->body = durable_sub_register;
        ask->next = durable_sub_put;
    }
    if (head->live != DURABLE_LIVE_NOT) code = durable_live_join(ask, &err);
    if (code == TRIB_OK) durable_ask_submit(ask);
    else durable_answer_error(ask, &err);
}

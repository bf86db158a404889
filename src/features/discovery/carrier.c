/* SPDX-License-Identifier: Apache-2.0 */
/* Carries what tenants publish over to discovery, in rounds that the ticks drive:
 *
 *   marked tenants (core/outbox.h), DISCOVERY_SLOTS at once
 *     -> one job on discovery: how far each has come (_trib_applied)
 *     -> a job on each tenant: what comes behind that
 *     -> one job on discovery: all of it, with the new numbers, in one commit
 *
 * What is applied and how far it goes are one commit, so a stop anywhere costs nothing but doing a part of it again,
 * and a change that is applied twice is the same row. A tenant that has come to 0 (new, renamed, to be rebuilt) loses
 * its rows first. One that publishes no more, or is no more, loses them for good.
 *
 * The tick thread has the carrier; while a job is under way, a worker has its slot, or all of them. */
#include <stdlib.h>
#include <string.h>

#include "core/control.h"
#include "core/db_start.h"
#include "core/outbox.h"
#include "core/stream.h"
#include "features/discovery/outbox_int.h"

typedef struct slot {
    trib_db_job job; /* first */
    discovery_carrier *carrier;
    trib_tenant *tenant;
    char name[TRIB_TENANT_NAME_BYTES + 1];
    char old_name[TRIB_TENANT_NAME_BYTES + 1]; /* as it was applied */
    bool known;                                /* it has something in discovery */
    bool publishes, failed;
    int64_t seq;
    discovery_batch batch;
    bool more_gone; /* than one round removes */
} slot;

typedef enum phase { IDLE, LOOKING, READING, APPLYING } phase;

enum { PAGE_OF_NAMES = 256, RETRY_MS = 1000 };

struct discovery_carrier {
    discovery_module *module;
    trib_db_job job;
    phase phase;
    slot slots[DISCOVERY_SLOTS];
    int used, under_way;
    int64_t not_before_ns;
    /* the sweep: every tenant that publishes is marked */
    _Atomic bool sweep_asked;
    bool sweeping;
    char after[TRIB_TENANT_NAME_BYTES + 1];
};

static trib_code run(trib_handle *handle, const char *sql, const trib_arg *args, size_t count, trib_error *err) {
    return trib_stmt_run(handle, sql, args, count, NULL, NULL, err);
}

static discovery_carrier *of_job(trib_db_job *job) {
    return (discovery_carrier *)(void *)((char *)job - offsetof(discovery_carrier, job));
}

static trib_arg text(const char *s) {
    return trib_stream_text(trib_str_c(s));
}

/* ---- the end of a round ---- */

static void end_round(discovery_carrier *c, trib_code code) {
    const trib_app *app = c->module->app;
    bool failed = code != TRIB_OK;
    for (int i = 0; i < c->used; i++) {
        slot *s = &c->slots[i];
        failed = failed || s->failed;
        /* once more for what is gone, when it has been carried */
        bool again = s->batch.more || s->more_gone || s->batch.gone >= DISCOVERY_PRUNE_MIN;
        if (code != TRIB_OK || s->failed || again) trib_outbox_mark(app->outbox, s->tenant);
        trib_arena_deinit(&s->batch.arena);
        trib_tenant_unref(s->tenant);
    }
    c->used = 0;
    c->phase = IDLE;
    if (failed) c->not_before_ns = trib_env_mono_ns(app->env) + (int64_t)RETRY_MS * 1000000;
}

static bool submit(discovery_carrier *c, trib_db_job *job, trib_tenant *tenant,
                   trib_code (*work)(trib_db_job *, trib_handle *, trib_error *), void (*finished)(trib_db_job *)) {
    trib_app *app = c->module->app;
    memset(job, 0, sizeof *job);
    job->app = app;
    job->tenant = tenant;
    job->access = TRIB_ACCESS_SYSTEM;
    job->unpublished = true;
    job->work = work;
    job->finished = finished;
    job->job.home = trib_control_take_home(app->control);
    if (trib_db_job_submit(job, NULL) == TRIB_OK) return true;
    trib_control_give_home(app->control);
    return false;
}

/* ---- applying ---- */

/* Rows under a name belong to the tenant that has it now, if another one has. */
static trib_code clear(trib_handle *handle, const char *name, const char *id, trib_error *err) {
    static const char *const sql[] = {"DELETE FROM points WHERE workspaceId = ?1 AND NOT EXISTS (SELECT 1 FROM "
                                      "_trib_applied WHERE workspaceId = ?1 AND "
                                      "tenantId <> ?2)",
                                      "DELETE FROM nodes WHERE workspaceId = ?1 AND NOT EXISTS (SELECT 1 FROM "
                                      "_trib_applied WHERE workspaceId = ?1 AND "
                                      "tenantId <> ?2)"};
    trib_arg args[] = {text(name), text(id)};
    trib_code code = TRIB_OK;
    for (size_t i = 0; code == TRIB_OK && i < 2; i++) code = run(handle, sql[i], args, 2, err);
    return code;
}

static trib_code apply_change(trib_handle *handle, const char *name, const discovery_change *change, trib_error *err) {
    static const char *const gone[] = {"DELETE FROM nodes WHERE workspaceId = ?1 AND id = ?2",
                                       "DELETE FROM points WHERE workspaceId = ?1 AND id = ?2"};
    static const char *const shown[] = {
        "INSERT INTO nodes(workspaceId, id, parentId, nodeType, title, createdAt, payload) VALUES (?1, ?2, ?3, "
        "coalesce(?4, ''), ?5, ?6, ?7) ON CONFLICT (workspaceId, id) DO UPDATE SET parentId = excluded.parentId, "
        "nodeType = "
        "excluded.nodeType, title = excluded.title, createdAt = excluded.createdAt, payload = excluded.payload",
        "INSERT INTO points(workspaceId, id, nodeId, qty, price, currency, availability, locationText, lat, lng, "
        "openNow) "
        "VALUES (?1, ?2, coalesce(?3, ''), ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) ON CONFLICT (workspaceId, id) DO UPDATE "
        "SET "
        "nodeId = excluded.nodeId, qty = excluded.qty, price = excluded.price, currency = excluded.currency, "
        "availability = "
        "excluded.availability, locationText = excluded.locationText, lat = excluded.lat, lng = excluded.lng, openNow "
        "= "
        "excluded.openNow"};
    trib_arg args[1 + DISCOVERY_COLUMNS_MAX] = {text(name)};
    size_t count = change->is_point ? DISCOVERY_POINT_COLUMNS : DISCOVERY_NODE_COLUMNS;
    memcpy(args + 1, change->values, count * sizeof *args);
    if (change->gone) return run(handle, gone[change->is_point], args, 2, err);
    return run(handle, shown[change->is_point], args, 1 + count, err);
}

static trib_code apply_slot(trib_handle *handle, slot *s, trib_error *err) {
    const char *id = s->tenant->id;
    trib_arg args[] = {text(id), text(s->name), trib_stream_integer(s->batch.seq)};
    trib_code code = TRIB_OK;
    if (s->failed || (!s->publishes && !s->known)) return code;
    bool renamed = s->known && strcmp(s->name, s->old_name) != 0;
    if (s->known && (renamed || !s->publishes)) code = clear(handle, s->old_name, id, err);
    if (code == TRIB_OK && !s->publishes)
        return run(handle, "DELETE FROM _trib_applied WHERE tenantId = ?1", args, 1, err);
    if (code == TRIB_OK && s->seq == 0) {
        /* it has the name now: whoever had it before loses the rows */
        code = run(handle, "DELETE FROM points WHERE workspaceId = ?2 AND ?1 IS NOT NULL", args, 2, err);
        if (code == TRIB_OK)
            code = run(handle, "DELETE FROM nodes WHERE workspaceId = ?2 AND ?1 IS NOT NULL", args, 2, err);
    }
    for (const discovery_change *c = s->batch.first; code == TRIB_OK && c; c = c->next)
        code = apply_change(handle, s->name, c, err);
    if (code != TRIB_OK) return code;
    return run(handle,
               "INSERT INTO _trib_applied(tenantId, workspaceId, seq) VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET "
               "workspaceId = excluded.workspaceId, seq = excluded.seq",
               args, 3, err);
}

/* Nothing to do costs no write. */
static bool has_work(const slot *s) {
    if (s->failed) return false;
    if (!s->publishes) return s->known;
    return !s->known || s->seq == 0 || s->batch.first || s->batch.seq != s->seq;
}

static trib_code apply(trib_db_job *job, trib_handle *handle, trib_error *err) {
    discovery_carrier *c = of_job(job);
    trib_error ignored;
    trib_code code = trib_db_job_take_pending(job, err);
    if (code == TRIB_OK) code = run(handle, "BEGIN IMMEDIATE", NULL, 0, err);
    if (code != TRIB_OK) return code;
    for (int i = 0; code == TRIB_OK && i < c->used; i++)
        if (has_work(&c->slots[i])) code = apply_slot(handle, &c->slots[i], err);
    if (code == TRIB_OK) return run(handle, "COMMIT", NULL, 0, err);
    (void)run(handle, "ROLLBACK", NULL, 0, &ignored);
    return code;
}

static void tell_failure(discovery_carrier *c, const char *tenant, const trib_error *err) {
    trib_log_event(c->module->app->log, TRIB_LOG_WARN, "publish_failed", TRIB_LOG_C("tenant", tenant),
                   TRIB_LOG_C("error", err->message));
}

static void applied(trib_db_job *job) {
    discovery_carrier *c = of_job(job);
    if (job->code != TRIB_OK) tell_failure(c, "discovery", &job->err);
    end_round(c, job->code);
}

/* ---- reading ---- */

static trib_code read_tenant(trib_db_job *job, trib_handle *handle, trib_error *err) {
    slot *s = (slot *)(void *)job;
    trib_code code = trib_db_job_take_pending(job, err);
    bool wants = trib_tenant_get(s->tenant, TRIB_TENANT_PUBLISH) != 0;
    s->publishes = false;
    if (code == TRIB_OK && !wants) return discovery_outbox_remove(handle, err);
    if (code == TRIB_OK) code = discovery_outbox_install(handle, &s->publishes, err);
    if (code == TRIB_OK && s->publishes && s->seq > 0)
        code = discovery_outbox_prune(handle, s->seq, &s->more_gone, err);
    if (code == TRIB_OK && s->publishes) code = discovery_outbox_read(handle, s->seq, &s->batch, err);
    return code;
}

static void after_reading(discovery_carrier *c) {
    bool any = false;
    for (int i = 0; i < c->used; i++) any = any || has_work(&c->slots[i]);
    c->phase = APPLYING;
    if (!any) end_round(c, TRIB_OK);
    else if (!submit(c, &c->job, c->module->tenant, apply, applied)) end_round(c, TRIB_SHUTTING_DOWN);
}

static void has_read(trib_db_job *job) {
    slot *s = (slot *)(void *)job;
    discovery_carrier *c = s->carrier;
    s->failed = job->code != TRIB_OK && !atomic_load(&s->tenant->deleted);
    if (s->failed) tell_failure(c, s->name, &job->err);
    if (--c->under_way == 0) after_reading(c);
}

/* ---- looking up ---- */

static trib_code take_applied(void *ctx, const trib_stmt *stmt, trib_error *err) {
    slot *s = ctx;
    trib_str name = trib_str_sub(trib_stmt_col_value(stmt, 0).bytes, 0, TRIB_TENANT_NAME_BYTES);
    (void)err;
    s->known = true;
    memcpy(s->old_name, name.ptr, name.len);
    s->old_name[name.len] = '\0';
    s->seq = trib_stmt_col_value(stmt, 1).integer;
    return TRIB_OK;
}

static trib_code look(trib_db_job *job, trib_handle *handle, trib_error *err) {
    discovery_carrier *c = of_job(job);
    trib_code code = trib_db_job_take_pending(job, err);
    for (int i = 0; code == TRIB_OK && i < c->used; i++) {
        slot *s = &c->slots[i];
        trib_arg id = text(s->tenant->id);
        code = trib_stmt_run(handle, "SELECT workspaceId, seq FROM _trib_applied WHERE tenantId = ?1", &id, 1,
                             take_applied, s, err);
        if (s->known && strcmp(s->name, s->old_name) != 0) s->seq = 0;
    }
    return code;
}

static void looked(trib_db_job *job) {
    discovery_carrier *c = of_job(job);
    if (job->code != TRIB_OK) {
        tell_failure(c, "discovery", &job->err);
        end_round(c, job->code);
        return;
    }
    c->phase = READING;
    c->under_way = 1; /* ours, so that the round does not go on before all are on their way */
    for (int i = 0; i < c->used; i++) {
        slot *s = &c->slots[i];
        if (atomic_load(&s->tenant->deleted)) continue; /* publishes nothing */
        c->under_way++;
        if (submit(c, &s->job, s->tenant, read_tenant, has_read)) continue;
        c->under_way--;
        s->failed = true;
    }
    if (--c->under_way == 0) after_reading(c);
}

/* ---- the ticks ---- */

static void begin_round(discovery_carrier *c) {
    const trib_app *app = c->module->app;
    trib_tenant *tenant;
    while (c->used < DISCOVERY_SLOTS && (tenant = trib_outbox_take(app->outbox)) != NULL) {
        slot *s = &c->slots[c->used];
        if (tenant->system) {
            trib_tenant_unref(tenant);
            continue;
        }
        memset(s, 0, sizeof *s);
        s->carrier = c;
        s->tenant = tenant;
        trib_str name = trib_str_sub(trib_str_c(tenant->name), 0, TRIB_TENANT_NAME_BYTES);
        memcpy(s->name, name.ptr, name.len);
        trib_arena_init(&s->batch.arena, DISCOVERY_BATCH_MAX_BYTES);
        c->used++;
    }
    if (c->used == 0) return;
    c->phase = LOOKING;
    if (!submit(c, &c->job, c->module->tenant, look, looked)) end_round(c, TRIB_SHUTTING_DOWN);
}

static void sweep_some(discovery_carrier *c) {
    trib_tenant *page[PAGE_OF_NAMES];
    const trib_app *app = c->module->app;
    size_t count = trib_control_list(app->control, trib_str_c(c->after), PAGE_OF_NAMES, page);
    for (size_t i = 0; i < count; i++) {
        trib_str name = trib_str_sub(trib_str_c(page[i]->name), 0, TRIB_TENANT_NAME_BYTES);
        memcpy(c->after, name.ptr, name.len);
        c->after[name.len] = '\0';
        if (trib_tenant_get(page[i], TRIB_TENANT_PUBLISH)) trib_outbox_mark(app->outbox, page[i]);
        trib_tenant_unref(page[i]);
    }
    c->sweeping = count == PAGE_OF_NAMES;
}

static void tick(void *ctx) {
    discovery_carrier *c = ctx;
    const trib_app *app = c->module->app;
    if (atomic_load(&app->draining)) return;
    if (atomic_exchange(&c->sweep_asked, false)) {
        c->sweeping = true;
        c->after[0] = '\0';
    }
    if (c->sweeping) sweep_some(c);
    if (c->phase == IDLE && trib_env_mono_ns(app->env) >= c->not_before_ns) begin_round(c);
}

/* ---- life ---- */

typedef struct strays {
    const trib_app *app;
    trib_arena arena;
    discovery_change *first; /* values: tenantId, workspaceId */
} strays;

static trib_code take_stray(void *ctx, const trib_stmt *stmt, trib_error *err) {
    strays *to = ctx;
    trib_str id = trib_stmt_col_value(stmt, 0).bytes, name = trib_stmt_col_value(stmt, 1).bytes;
    trib_tenant *tenant = trib_control_find(to->app->control, name);
    bool same = tenant && trib_str_eq_c(id, tenant->id);
    trib_tenant_unref(tenant);
    if (same) return TRIB_OK;
    discovery_change *stray = trib_arena_zalloc(&to->arena, 1, sizeof *stray);
    if (!stray) return trib_error_set(err, TRIB_NOMEM, NULL);
    stray->values[0] = trib_stream_text(trib_arena_dup(&to->arena, id));
    stray->values[1] = trib_stream_text(trib_arena_dup(&to->arena, name));
    stray->next = to->first;
    to->first = stray;
    return to->arena.failed ? trib_error_set(err, TRIB_NOMEM, NULL) : TRIB_OK;
}

/* Tenants that were deleted or renamed while nobody looked: who has another name now comes anew. */
static trib_code drop_strays(void *ctx, trib_handle *handle, trib_error *err) {
    strays *s = ctx;
    trib_code code =
        trib_db_start_run(handle, "SELECT tenantId, workspaceId FROM _trib_applied", NULL, 0, take_stray, s, err);
    if (code != TRIB_OK || !s->first) return code;
    code = trib_db_start_run(handle, "BEGIN IMMEDIATE", NULL, 0, NULL, NULL, err);
    for (const discovery_change *stray = s->first; code == TRIB_OK && stray; stray = stray->next) {
        code = clear(handle, stray->values[1].value.bytes.ptr, stray->values[0].value.bytes.ptr, err);
        if (code == TRIB_OK) code = run(handle, "DELETE FROM _trib_applied WHERE tenantId = ?1", stray->values, 1, err);
    }
    return code == TRIB_OK ? trib_db_start_run(handle, "COMMIT", NULL, 0, NULL, NULL, err) : code;
}

trib_code discovery_carrier_new(discovery_module *module, discovery_carrier **ret, trib_error *err) {
    strays s = {.app = module->app};
    trib_arena_init(&s.arena, DISCOVERY_BATCH_MAX_BYTES);
    trib_code code = trib_db_start(module->app, module->tenant, drop_strays, &s, err);
    trib_arena_deinit(&s.arena);
    if (code != TRIB_OK) return code;
    discovery_carrier *c = calloc(1, sizeof *c);
    if (!c) return trib_error_set(err, TRIB_NOMEM, NULL);
    c->module = module;
    atomic_store(&c->sweep_asked, true);
    if (trib_app_add_ticker(module->app, tick, c)) {
        *ret = c;
        return TRIB_OK;
    }
    free(c);
    return trib_error_set(err, TRIB_INTERNAL, "too many modules want ticks; TRIB_APP_TICKERS_MAX");
}

void discovery_carrier_free(discovery_carrier *carrier) {
    free(carrier);
}

bool discovery_carrier_is_busy(discovery_carrier *c) {
    trib_tenant *tenant = trib_outbox_take(c->module->app->outbox);
    if (tenant) trib_outbox_mark(c->module->app->outbox, tenant);
    trib_tenant_unref(tenant);
    return tenant || c->phase != IDLE || c->sweeping || atomic_load(&c->sweep_asked);
}

void discovery_carrier_sweep(discovery_carrier *c) {
    atomic_store(&c->sweep_asked, true);
}

/* ---- POST /v1/discovery/rebuild ---- */

typedef struct rebuild {
    trib_db_job job; /* first */
    trib_http_request *http;
    discovery_carrier *carrier;
} rebuild;

static trib_code forget_all(trib_db_job *job, trib_handle *handle, trib_error *err) {
    trib_code code = trib_db_job_take_pending(job, err);
    return code == TRIB_OK ? run(handle, "UPDATE _trib_applied SET seq = 0", NULL, 0, err) : code;
}

static void rebuild_finished(trib_db_job *job) {
    rebuild *r = (rebuild *)(void *)job;
    if (job->code == TRIB_OK) discovery_carrier_sweep(r->carrier);
    if (job->code == TRIB_OK) trib_http_answer_text(r->http, 202, "application/json", TRIB_STR("{\"ok\":true}"));
    else trib_http_answer_error(r->http, &job->err);
    free(r);
}

void discovery_handle_rebuild(trib_http_request *http) {
    discovery_module *module = http->module_state;
    trib_error err;
    rebuild *r = calloc(1, sizeof *r);
    trib_code code = r ? TRIB_OK : trib_error_set(&err, TRIB_NOMEM, NULL);
    if (r) {
        r->http = http;
        r->carrier = module->carrier;
        r->job.app = http->app;
        r->job.tenant = module->tenant;
        r->job.access = TRIB_ACCESS_SYSTEM;
        r->job.work = forget_all;
        r->job.finished = rebuild_finished;
        r->job.job.home = http->home;
        code = trib_db_job_submit(&r->job, &err);
    }
    if (code == TRIB_OK) return;
    free(r);
    trib_http_answer_error(http, &err);
}

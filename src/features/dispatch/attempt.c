/* SPDX-License-Identifier: Apache-2.0 */
/* What a round has decided, each as a command of its own, so that a tenant whose database is busy holds up nobody else:
 *
 *   OFFER   the worker's point: idle -> offered, the row: to him (or the whole claim at once, where nobody is asked)
 *   PLACE   the row: where the job begins
 *   FREE    the worker's point: offered -> idle, after his offer was taken back */
#include <stdio.h>
#include <string.h>

#include "features/dispatch/dispatch_int.h"

static dispatch_attempt *of_command(trib_command *command) {
    return (dispatch_attempt *)(void *)command;
}

static trib_code note(void *ctx, const trib_stmt *stmt, trib_error *err) {
    (void)stmt, (void)err;
    *(bool *)ctx = true;
    return TRIB_OK;
}

/* ---- offers ---- */

typedef struct first_point {
    char *point;
    size_t cap;
    bool found;
} first_point;

static trib_code take_point(void *ctx, const trib_stmt *stmt, trib_error *err) {
    first_point *to = ctx;
    trib_value value = trib_stmt_col_value(stmt, 0);
    (void)err;
    if (value.type != TRIB_VALUE_TEXT || value.bytes.len >= to->cap) return TRIB_OK;
    memcpy(to->point, value.bytes.ptr, value.bytes.len);
    to->point[value.bytes.len] = '\0';
    to->found = true;
    return TRIB_OK;
}

/* He has no such tables: he does no such work. */
static trib_code no_worker(dispatch_attempt *a, trib_error *err) {
    a->no_worker = true;
    return trib_error_set(err, TRIB_NOT_AVAILABLE, "the tenant has nobody who does such work");
}

static trib_code take_worker(dispatch_attempt *a, trib_handle *handle, const trib_deal_job *job, char *point,
                             size_t cap, trib_error *err) {
    trib_arg args[] = {trib_stream_text(trib_str_c(job->worker)),
                       trib_stream_text(a->point[0] ? trib_str_c(a->point) : (trib_str){0})};
    first_point first = {.point = point, .cap = cap};
    bool works = false, taken = false;
    trib_error why;
    trib_code code =
        trib_stmt_run(handle, "SELECT 1 FROM nodes WHERE nodeType = ?1 LIMIT 1", args, 1, note, &works, &why);
    if (code != TRIB_OK || !works) return no_worker(a, err);
    point[0] = '\0';
    if (!job->one_at_a_time) return TRIB_OK;
    code = trib_stmt_run(handle,
                         "SELECT p.id FROM nodes n JOIN points p ON p.nodeId = n.id WHERE n.nodeType = ?1 AND "
                         "p.availability = 'idle' AND p.openNow AND (?2 IS NULL OR p.id = ?2) ORDER BY p.id LIMIT 1",
                         args, 2, take_point, &first, &why);
    if (code != TRIB_OK) return no_worker(a, err);
    trib_arg id = trib_stream_text(trib_str_c(point));
    if (first.found)
        code = trib_stmt_run(handle,
                             "UPDATE points SET availability = 'offered' WHERE id = ?1 AND availability = 'idle' AND "
                             "openNow RETURNING 1",
                             &id, 1, note, &taken, &why);
    if (code != TRIB_OK) return trib_error_set(err, code, "%s", why.message);
    return taken ? TRIB_OK : trib_error_set(err, TRIB_NOT_AVAILABLE, "this worker is not idle");
}

static trib_code offer(dispatch_attempt *a, trib_stream_txn *txn, trib_handle *handle, const dispatch_row *row,
                       const trib_deal_job *job, trib_error *err) {
    char point[TRIB_MOTION_POINT_MAX_BYTES + 1];
    trib_code code = take_worker(a, handle, job, point, sizeof point, err);
    a->until_ms = trib_env_wall_ms(txn->app->env) + row->offer_ms;
    if (code == TRIB_OK)
        code = dispatch_row_offer(txn, row, trib_str_c(a->tenant_id), trib_str_c(point), a->until_ms, err);
    a->outcome = DISPATCH_OFFERED;
    return code;
}

static trib_code assign(dispatch_attempt *a, trib_stream_txn *txn, trib_handle *const *handles, const dispatch_row *row,
                        const trib_deal_job *job, trib_error *err) {
    const trib_deal_jobs *jobs = &txn->app->deal_jobs;
    uint64_t version;
    trib_deal_claim claim = {.command = &a->command,
                             .txn = txn,
                             .handles = handles,
                             .deal_id = row->deal_id,
                             .role = row->role,
                             .worker = trib_str_c(atomic_load(&a->tenant->name)),
                             .point = trib_str_c(a->point),
                             .availability = "idle"};
    trib_code code = trib_json_parse(txn->arena, row->body, &claim.body, err);
    /* before the deal changes, so that nobody need look at it for this row */
    if (code == TRIB_OK) code = dispatch_row_give(txn, row, job->may_come_back, err);
    if (code == TRIB_OK) code = jobs->claim(jobs->deals, &claim, &version, err);
    a->waited_ms = trib_env_wall_ms(txn->app->env) - row->since_ms;
    a->outcome = DISPATCH_ASSIGNED;
    return code;
}

/* Whether the deal still wants somebody; if it does not, its row goes. */
static trib_code look_at_deal(dispatch_attempt *a, trib_stream_txn *txn, dispatch_row *row, trib_stream *s,
                              trib_deal_job *job, bool *ret_wanted, trib_error *err) {
    const trib_deal_jobs *jobs = &txn->app->deal_jobs;
    trib_error why;
    *ret_wanted = false;
    a->outcome = DISPATCH_STALE;
    trib_code code = dispatch_row_load(txn, a->no, row, err);
    if (code != TRIB_OK || !row->found || row->tenant_id.len) return code;
    code = trib_stream_load(txn, row->deal_id, s, err);
    if (code != TRIB_OK) return code;
    code = jobs->find(jobs->deals, txn, s, row->role, job, &why);
    *ret_wanted = code == TRIB_OK && !s->is_closed;
    if (*ret_wanted) return TRIB_OK;
    if (code != TRIB_OK && code != TRIB_BAD_REQUEST && code != TRIB_BAD_TRANSITION)
        return trib_error_set(err, code, "%s", why.message);
    a->outcome = DISPATCH_GONE;
    return dispatch_row_delete(txn, a->no, err);
}

/* Who deals does not work for it, too. */
static bool is_party(const trib_stream *s, trib_str name) {
    for (size_t i = 0; i < s->type->role_count; i++)
        if (trib_str_eq(s->state.role_tenants[i], name)) return true;
    return false;
}

static trib_code work_offer(trib_command *command, trib_stream_txn *txn, trib_handle *const *handles, trib_error *err) {
    dispatch_attempt *a = of_command(command);
    dispatch_row row;
    trib_stream s;
    trib_deal_job job;
    bool wanted;
    a->no_worker = false;
    trib_code code = look_at_deal(a, txn, &row, &s, &job, &wanted, err);
    if (code != TRIB_OK || !wanted) return code;
    if (is_party(&s, trib_str_c(atomic_load(&a->tenant->name))))
        return dispatch_row_pass(txn, row.no, trib_str_c(a->tenant_id), (trib_str){0}, INT64_MAX, err);
    a->keeps = job.one_at_a_time;
    return row.automatic ? assign(a, txn, handles, &row, &job, err) : offer(a, txn, handles[0], &row, &job, err);
}

/* ---- where it begins ---- */

typedef struct place {
    double at[2];
    bool found;
} place;

static trib_code take_place(void *ctx, const trib_stmt *stmt, trib_error *err) {
    place *p = ctx;
    (void)err;
    for (int i = 0; i < 2; i++) {
        trib_value v = trib_stmt_col_value(stmt, i);
        if (v.type != TRIB_VALUE_REAL && v.type != TRIB_VALUE_INTEGER) return TRIB_OK;
        p->at[i] = v.type == TRIB_VALUE_REAL ? v.real : (double)v.integer;
    }
    p->found = p->at[0] >= -90 && p->at[0] <= 90 && p->at[1] >= -180 && p->at[1] <= 180;
    return TRIB_OK;
}

trib_code dispatch_find_place(const trib_stream *s, const trib_deal_job *job, trib_arena *arena, trib_handle *seller,
                              dispatch_row *row, trib_error *err) {
    trib_value payload = s->events[0].values[TRIB_STREAM_COL_PAYLOAD];
    const trib_json *opening = NULL;
    place p = {.found = false};
    trib_error ignored;
    if (payload.type == TRIB_VALUE_TEXT && trib_json_parse(arena, payload.bytes, &opening, &ignored) != TRIB_OK)
        opening = NULL;
    const trib_json *from = opening ? trib_json_get(opening, "from") : NULL;
    if (from && trib_json_is(from, TRIB_JSON_OBJECT))
        p.found = trib_json_f64(trib_json_get(from, "lat"), &p.at[0]) &&
                  trib_json_f64(trib_json_get(from, "lng"), &p.at[1]) && p.at[0] >= -90 && p.at[0] <= 90 &&
                  p.at[1] >= -180 && p.at[1] <= 180;
    trib_arg node = trib_stream_text(job->seller_node);
    if (!p.found && seller && job->seller_node.len)
        (void)trib_stmt_run(seller,
                            "SELECT lat, lng FROM points WHERE nodeId = ?1 AND lat IS NOT NULL AND lng IS NOT NULL "
                            "ORDER BY id LIMIT 1",
                            &node, 1, take_place, &p, &ignored);
    row->is_placed = true;
    row->has_place = p.found;
    row->lat = p.at[0];
    row->lng = p.at[1];
    return arena->failed ? trib_error_set(err, TRIB_NOMEM, NULL) : TRIB_OK;
}

static trib_code work_place(trib_command *command, trib_stream_txn *txn, trib_handle *const *handles, trib_error *err) {
    dispatch_attempt *a = of_command(command);
    dispatch_row row;
    trib_stream s;
    trib_deal_job job;
    trib_error ignored;
    bool wanted;
    trib_code code = look_at_deal(a, txn, &row, &s, &job, &wanted, err);
    if (code != TRIB_OK || !wanted) return code;
    if (command->tenant_count == 0 && job.seller.len) {
        size_t at;
        if (trib_command_add(command, job.seller, &at, &ignored) == TRIB_OK) return TRIB_AGAIN;
    }
    code = dispatch_find_place(&s, &job, txn->arena, command->tenant_count ? handles[0] : NULL, &row, err);
    trib_arg args[] = {trib_stream_integer(row.no),
                       {.value = {.type = row.has_place ? TRIB_VALUE_REAL : TRIB_VALUE_NULL, .real = row.lat}},
                       {.value = {.type = row.has_place ? TRIB_VALUE_REAL : TRIB_VALUE_NULL, .real = row.lng}}};
    a->outcome = DISPATCH_DONE;
    return code == TRIB_OK ? dispatch_run(txn, "UPDATE _trib_dispatch SET placed = 1, lat = ?2, lng = ?3 WHERE no = ?1",
                                          args, 3, err)
                           : code;
}

/* ---- idle again ---- */

void dispatch_set_idle(trib_handle *worker, trib_str point) {
    trib_arg id = trib_stream_text(point);
    trib_error ignored;
    if (point.len)
        (void)trib_stmt_run(worker,
                            "UPDATE points SET availability = 'idle' WHERE id = ?1 AND availability = 'offered' "
                            "RETURNING 1",
                            &id, 1, NULL, NULL, &ignored);
}

static trib_code work_free(trib_command *command, trib_stream_txn *txn, trib_handle *const *handles, trib_error *err) {
    dispatch_attempt *a = of_command(command);
    trib_arg args[] = {trib_stream_text(trib_str_c(a->tenant_id)), trib_stream_text(trib_str_c(a->point))};
    int64_t offered = 0;
    a->outcome = DISPATCH_DONE;
    /* he said by himself that he is idle, and has another offer since */
    trib_code code = dispatch_get_integer(txn, "SELECT 1 FROM _trib_dispatch WHERE tenantId = ?1 AND point = ?2", args,
                                          2, &offered, err);
    if (code == TRIB_OK && !offered && command->tenant_count > 0) dispatch_set_idle(handles[0], trib_str_c(a->point));
    return code == TRIB_OK
               ? dispatch_run(txn, "DELETE FROM _trib_dispatch_owed WHERE tenantId = ?1 AND point = ?2", args, 2, err)
               : code;
}

/* ---- the end of an attempt ---- */

static trib_str deal_key(const dispatch_attempt *a, char space[32]) {
    snprintf(space, 32, "d/%lld", (long long)a->no);
    return trib_str_c(space);
}

static bool is_deals_fault(trib_code code) {
    static const trib_code list[] = {TRIB_BAD_TRANSITION, TRIB_BAD_EVENT,          TRIB_BAD_REQUEST, TRIB_STREAM_CLOSED,
                                     TRIB_FORBIDDEN,      TRIB_RESPONSE_TOO_LARGE, TRIB_CHAIN_BROKEN};
    for (size_t i = 0; i < sizeof list / sizeof *list; i++)
        if (code == list[i]) return true;
    return false;
}

/* So that the next rounds leave it to this attempt, or do not try again at once. */
static void hold_owed(const dispatch_attempt *a, int64_t until_ms) {
    char space[DISPATCH_OWED_KEY_BYTES];
    dispatch_hold(a->module->holds, trib_str_c(a->tenant_id), dispatch_owed_key(trib_str_c(a->point), space),
                  (trib_str){0}, until_ms);
}

static void after_failure(dispatch_attempt *a, trib_str deal, int64_t now_ms) {
    dispatch_module *m = a->module;
    const trib_command *command = &a->command;
    trib_str id = trib_str_c(a->tenant_id), point = trib_str_c(a->point);
    /* what is said of a tenant is nothing that the operator must hear of */
    bool quiet = command->code == TRIB_NOT_AVAILABLE || command->code == TRIB_BLOCKED ||
                 command->code == TRIB_TENANT_NOT_FOUND || command->code == TRIB_SHUTTING_DOWN ||
                 command->code == TRIB_CANCELLED;
    if (is_deals_fault(command->code) || a->kind == DISPATCH_PLACE)
        dispatch_hold(m->holds, deal, TRIB_STR(""), (trib_str){0}, now_ms + DISPATCH_IDLE_MS);
    else if (a->kind == DISPATCH_OFFER) (void)dispatch_holds_end(m->holds, deal);
    if (a->kind == DISPATCH_OFFER && is_deals_fault(command->code)) (void)dispatch_holds_end(m->holds, id);
    else if (a->no_worker) dispatch_hold_on(m->holds, id, point, trib_str_c(a->worker), now_ms + DISPATCH_NO_WORKER_MS);
    else if (a->kind != DISPATCH_PLACE) dispatch_hold_on(m->holds, id, point, (trib_str){0}, now_ms + DISPATCH_BUSY_MS);
    if (command->kept_by && command->kept_by == a->tenant)
        dispatch_hold_firmly(m->holds, id, now_ms + DISPATCH_STUCK_MS);
    if (a->kind == DISPATCH_FREE) hold_owed(a, now_ms + DISPATCH_BUSY_MS);
    if (!quiet)
        trib_log_event(m->app->log, TRIB_LOG_WARN, "dispatch_failed", TRIB_LOG_I("no", a->no),
                       TRIB_LOG_C("worker", a->tenant_id), TRIB_LOG_ERR(&command->err));
}

/* The worker may have moved on already: he is held longer only where nothing was heard of him since the attempt
 * began. */
static void after_success(dispatch_attempt *a, trib_str deal, int64_t now_ms) {
    dispatch_module *m = a->module;
    trib_str id = trib_str_c(a->tenant_id), point = trib_str_c(a->point);
    if (a->kind != DISPATCH_FREE) (void)dispatch_holds_end(m->holds, deal);
    if (a->kind == DISPATCH_PLACE) return;
    if (a->outcome == DISPATCH_OFFERED) {
        int64_t left_ms = a->until_ms - trib_env_wall_ms(m->app->env);
        dispatch_hold_on(m->holds, id, point, (trib_str){0}, now_ms + (left_ms > 0 ? left_ms : 0) + DISPATCH_ROUND_MS);
        if (a->until_ms < m->next_ms) m->next_ms = a->until_ms;
        dispatch_count(m->offered, 1);
        dispatch_offer_made(m, a->tenant_id);
    } else if (a->outcome == DISPATCH_ASSIGNED) {
        if (a->keeps) dispatch_hold_on(m->holds, id, point, (trib_str){0}, now_ms + DISPATCH_IDLE_MS);
        else (void)dispatch_holds_end(m->holds, id);
        dispatch_count(m->assigned, 1);
        dispatch_count(m->waited_ms, a->waited_ms > 0 ? (uint64_t)a->waited_ms : 0);
    } else {
        (void)dispatch_holds_end(m->holds, id);
        if (a->outcome == DISPATCH_GONE) dispatch_count(m->withdrawn, 1);
    }
}

static void end(dispatch_attempt *a) {
    dispatch_module *m = a->module;
    char space[32];
    trib_str deal = deal_key(a, space);
    if (a->command.code == TRIB_OK) after_success(a, deal, dispatch_mono_ms(m));
    else after_failure(a, deal, dispatch_mono_ms(m));
    trib_command_deinit(&a->command);
    trib_tenant_unref(a->tenant);
    a->tenant = NULL;
    a->used = false;
    m->used--;
    atomic_store(&m->news, true);
}

static void finished(trib_command *command) {
    end(of_command(command));
}

/* ---- the beginning ---- */

static void copy(char *to, size_t cap, trib_str from) {
    from = trib_str_sub(from, 0, cap - 1);
    if (from.len) memcpy(to, from.ptr, from.len);
    to[from.len] = '\0';
}

static void submit(dispatch_attempt *a) {
    static trib_code (*const works[])(trib_command *, trib_stream_txn *, trib_handle *const *, trib_error *) = {
        [DISPATCH_OFFER] = work_offer, [DISPATCH_PLACE] = work_place, [DISPATCH_FREE] = work_free};
    trib_command *command = &a->command;
    trib_app *app = a->module->app;
    size_t at;
    command->app = app;
    command->work = works[a->kind];
    command->finished = finished;
    trib_code code = TRIB_OK;
    if (a->tenant) code = trib_command_add(command, trib_str_c(atomic_load(&a->tenant->name)), &at, &command->err);
    if (code == TRIB_OK && a->tenant && command->tenants[0] != a->tenant)
        code = trib_error_set(&command->err, TRIB_TENANT_NOT_FOUND, NULL);
    if (code == TRIB_OK) {
        command->job.home = trib_control_take_home(app->control);
        code = trib_command_submit(command, &command->err);
        if (code == TRIB_OK) return;
        trib_control_give_home(app->control);
    }
    command->code = code;
    end(a);
}

void dispatch_attempt_start(dispatch_module *m, dispatch_todo *todo) {
    int64_t until_ms = dispatch_mono_ms(m) + DISPATCH_IDLE_MS;
    dispatch_attempt *a = NULL;
    char space[32];
    for (size_t i = 0; i < DISPATCH_ATTEMPTS_MAX && !a; i++)
        if (!m->attempts[i].used) a = &m->attempts[i];
    if (!a) { /* the next round finds it again */
        trib_tenant_unref(todo->tenant);
        return;
    }
    memset(a, 0, sizeof *a);
    a->module = m;
    a->kind = todo->kind;
    a->used = true;
    a->no = todo->no;
    a->tenant = todo->tenant;
    copy(a->tenant_id, sizeof a->tenant_id, todo->tenant_id);
    copy(a->point, sizeof a->point, todo->point);
    copy(a->worker, sizeof a->worker, todo->worker);
    m->used++;
    if (a->kind != DISPATCH_FREE) dispatch_hold(m->holds, deal_key(a, space), TRIB_STR(""), (trib_str){0}, until_ms);
    if (a->kind != DISPATCH_PLACE)
        dispatch_hold(m->holds, trib_str_c(a->tenant_id), trib_str_c(a->point), (trib_str){0}, until_ms);
    if (a->kind == DISPATCH_FREE) hold_owed(a, until_ms);
    submit(a);
}

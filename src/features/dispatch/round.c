/* SPDX-License-Identifier: Apache-2.0 */
/* A round: one transaction on `streams` that ends the offers whose time is over, asks the deals that have changed
 * (look.c) and looks at rows that wait, the oldest and some of the others in turn; then who is near each of them, and
 * who gets which, all of them together (match.c).
 * The attempts that come of it are commands, which go on while the next round looks.
 *
 * It comes DISPATCH_ROUND_MS after the one before if there is news, else every DISPATCH_POLL_MS while anybody waits. An
 * idle server does nothing. */
#include <stdio.h>
#include <string.h>

#include "features/dispatch/dispatch_int.h"

/* ---- offers whose time is over ---- */

static trib_code expire(dispatch_module *m, trib_error *err) {
    dispatch_row *rows = trib_arena_zalloc(&m->arena, DISPATCH_EXPIRE_MAX, sizeof *rows);
    trib_arg now = trib_stream_integer(m->now_ms);
    size_t count = 0;
    if (!rows) return trib_error_set(err, TRIB_NOMEM, NULL);
    trib_code code = dispatch_rows_load(&m->txn, "tenantId IS NOT NULL AND until_ms <= ?1 ORDER BY until_ms", &now, 1,
                                        DISPATCH_EXPIRE_MAX, rows, &count, err);
    if (code == TRIB_OK && count > 0 && !m->txn.writes) {
        m->txn.writes = true;
        return TRIB_AGAIN;
    }
    for (size_t i = 0; code == TRIB_OK && i < count; i++) {
        code = dispatch_row_take_back(&m->txn, &rows[i], m->now_ms + DISPATCH_PASSED_MS, true, err);
        (void)dispatch_holds_end(m->holds, rows[i].tenant_id);
    }
    m->round.expired = count;
    m->round.more = count == DISPATCH_EXPIRE_MAX;
    return code;
}

/* ---- what is to be done ---- */

static void add(dispatch_round *round, const dispatch_todo *todo) {
    if (round->count < round->places) round->todos[round->count++] = *todo;
    else trib_tenant_unref(todo->tenant);
}

static trib_code take_owed(void *ctx, const trib_stmt *stmt, trib_error *err) {
    dispatch_module *m = ctx;
    trib_str id = trib_stmt_col_value(stmt, 0).bytes, point = trib_stmt_col_value(stmt, 1).bytes;
    char space[DISPATCH_OWED_KEY_BYTES];
    trib_str key = dispatch_owed_key(point, space);
    m->round.owed++;
    if (m->round.count == m->round.places || dispatch_is_held(m->holds, id, key, (trib_str){0}, dispatch_mono_ms(m)))
        return TRIB_OK;
    dispatch_todo todo = {.kind = DISPATCH_FREE,
                          .tenant_id = trib_arena_dup(&m->arena, id),
                          .point = trib_arena_dup(&m->arena, point),
                          .tenant = trib_control_find_id(m->app->control, id)};
    add(&m->round, &todo);
    return m->arena.failed ? trib_error_set(err, TRIB_NOMEM, NULL) : TRIB_OK;
}

static bool deal_is_held(const dispatch_module *m, int64_t no) {
    char key[32];
    snprintf(key, sizeof key, "d/%lld", (long long)no);
    return dispatch_is_held(m->holds, trib_str_c(key), TRIB_STR(""), (trib_str){0}, dispatch_mono_ms(m));
}

/* ---- who is near ---- */

typedef struct passed {
    trib_str tenant_id, point;
} passed;

typedef struct near {
    dispatch_module *m;
    const dispatch_row *row;
    passed passed[DISPATCH_PASSED_MAX];
    size_t passed_count;
    int64_t now_ms;
} near;

static trib_code take_passed(void *ctx, const trib_stmt *stmt, trib_error *err) {
    near *n = ctx;
    passed *p = &n->passed[n->passed_count++];
    p->tenant_id = trib_arena_dup(&n->m->arena, trib_stmt_col_value(stmt, 0).bytes);
    p->point = trib_arena_dup(&n->m->arena, trib_stmt_col_value(stmt, 1).bytes);
    return n->m->arena.failed ? trib_error_set(err, TRIB_NOMEM, NULL) : TRIB_OK;
}

/* Under motion's lock. */
static bool wants(void *ctx, const trib_tenant *tenant, trib_str point) {
    const near *n = ctx;
    trib_str id = trib_str_c(tenant->id);
    if (tenant->system || dispatch_is_held(n->m->holds, id, point, n->row->worker, n->now_ms)) return false;
    for (size_t i = 0; i < n->passed_count; i++)
        if (trib_str_eq(n->passed[i].tenant_id, id) &&
            (!point.len || !n->passed[i].point.len || trib_str_eq(n->passed[i].point, point)))
            return false;
    return true;
}

static size_t find_near(near *n, trib_motion_found ret[DISPATCH_NEAR], trib_error *err, trib_code *ret_code) {
    const dispatch_row *row = n->row;
    trib_arg args[] = {trib_stream_integer(row->no), trib_stream_integer(n->m->now_ms),
                       trib_stream_integer(DISPATCH_PASSED_MAX)};
    n->passed_count = 0;
    *ret_code = trib_stmt_run(n->m->txn.handle,
                              "SELECT tenantId, point FROM _trib_dispatch_passed WHERE no = ?1 AND until_ms > ?2 "
                              "ORDER BY until_ms DESC LIMIT ?3",
                              args, 3, take_passed, n, err);
    if (*ret_code != TRIB_OK) return 0;
    return trib_motion_nearest_of(n->m->app->motion, row->has_place ? row->lat : 0, row->has_place ? row->lng : 0,
                                  row->has_place ? row->max_m : -1, DISPATCH_NEAR, wants, n, ret);
}

/* ---- who gets which ---- */

typedef struct matching {
    const dispatch_row *rows[DISPATCH_MATCH_JOBS_MAX];
    size_t row_count;
    trib_motion_found workers[DISPATCH_MATCH_WORKERS_MAX]; /* references, until they are used or released */
    size_t worker_count;
    dispatch_edge edges[DISPATCH_MATCH_WORKERS_MAX];
    size_t edge_count;
} matching;

static size_t number_of(matching *all, trib_motion_found *found) {
    for (size_t i = 0; i < all->worker_count; i++)
        if (all->workers[i].tenant == found->tenant && strcmp(all->workers[i].point, found->point) == 0) {
            trib_tenant_unref(found->tenant);
            return i;
        }
    all->workers[all->worker_count] = *found;
    return all->worker_count++;
}

static trib_code collect(dispatch_module *m, matching *all, const dispatch_row *row, trib_error *err) {
    near n = {.m = m, .row = row, .now_ms = dispatch_mono_ms(m)};
    trib_motion_found found[DISPATCH_NEAR];
    trib_code code;
    size_t count = find_near(&n, found, err, &code);
    if (count == 0) return code;
    for (size_t i = 0; i < count; i++) {
        double m_away = found[i].distance_m;
        size_t worker = number_of(all, &found[i]);
        all->edges[all->edge_count++] = (dispatch_edge){all->row_count, worker, m_away};
    }
    all->rows[all->row_count++] = row;
    return code;
}

static void share_out(dispatch_module *m, matching *all) {
    int worker_of[DISPATCH_MATCH_JOBS_MAX];
    dispatch_match(all->edges, all->edge_count, all->row_count, all->worker_count, worker_of);
    for (size_t i = 0; i < all->row_count; i++) {
        if (worker_of[i] < 0) continue;
        trib_motion_found *found = &all->workers[worker_of[i]];
        dispatch_todo todo = {.kind = DISPATCH_OFFER,
                              .no = all->rows[i]->no,
                              .worker = all->rows[i]->worker,
                              .tenant_id = trib_arena_dup(&m->arena, trib_str_c(found->tenant->id)),
                              .point = trib_arena_dup(&m->arena, trib_str_c(found->point)),
                              .tenant = trib_tenant_ref(found->tenant)};
        add(&m->round, &todo);
    }
    trib_motion_found_release(all->workers, all->worker_count);
}

/* ---- rows that wait ---- */

static trib_code load_waiting(dispatch_module *m, dispatch_row *rows, size_t *ret_count, trib_error *err) {
    size_t head = 0, walk = 0;
    trib_code code =
        dispatch_rows_load(&m->txn, "tenantId IS NULL ORDER BY no", NULL, 0, DISPATCH_HEAD, rows, &head, err);
    int64_t last = head == DISPATCH_HEAD ? rows[head - 1].no : INT64_MAX;
    trib_arg after = trib_stream_integer(m->after > last ? m->after : last);
    m->round.after = 0;
    if (code == TRIB_OK && head == DISPATCH_HEAD)
        code = dispatch_rows_load(&m->txn, "tenantId IS NULL AND no > ?1 ORDER BY no", &after, 1, DISPATCH_WALK,
                                  rows + head, &walk, err);
    if (walk == DISPATCH_WALK) m->round.after = rows[head + walk - 1].no;
    *ret_count = head + walk;
    return code;
}

static trib_code serve_waiting(dispatch_module *m, trib_error *err) {
    dispatch_row *rows = trib_arena_zalloc(&m->arena, DISPATCH_HEAD + DISPATCH_WALK, sizeof *rows);
    matching *all = trib_arena_zalloc(&m->arena, 1, sizeof *all);
    size_t count = 0;
    if (!rows || !all) return trib_error_set(err, TRIB_NOMEM, NULL);
    trib_code code = load_waiting(m, rows, &count, err);
    for (size_t i = 0; code == TRIB_OK && i < count; i++) {
        const dispatch_row *row = &rows[i];
        size_t wanted = m->round.count + all->row_count;
        if (wanted >= m->round.places) break;
        if (deal_is_held(m, row->no)) continue;
        dispatch_todo todo = {.kind = DISPATCH_PLACE, .no = row->no};
        if (!row->is_placed) add(&m->round, &todo);
        else code = collect(m, all, row, err);
    }
    share_out(m, all);
    return code;
}

static trib_code look_ahead(dispatch_module *m, trib_error *err) {
    dispatch_round *round = &m->round;
    trib_arg most = trib_stream_integer(DISPATCH_COUNTED);
    int64_t first_ms = 0;
    round->next_ms = INT64_MAX;
    trib_code code = dispatch_get_integer(
        &m->txn, "SELECT count(*) FROM (SELECT 1 FROM _trib_dispatch WHERE tenantId IS NULL LIMIT ?1)", &most, 1,
        &round->waiting, err);
    if (code == TRIB_OK)
        code = dispatch_get_integer(
            &m->txn, "SELECT count(*) FROM (SELECT 1 FROM _trib_dispatch WHERE tenantId IS NOT NULL LIMIT ?1)", &most,
            1, &round->open, err);
    if (code == TRIB_OK && round->open)
        code = dispatch_get_integer(&m->txn,
                                    "SELECT until_ms FROM _trib_dispatch WHERE tenantId IS NOT NULL ORDER BY until_ms "
                                    "LIMIT 1",
                                    NULL, 0, &round->next_ms, err);
    if (code == TRIB_OK && round->waiting)
        code = dispatch_get_integer(&m->txn,
                                    "SELECT since_ms FROM _trib_dispatch WHERE tenantId IS NULL ORDER BY no LIMIT 1",
                                    NULL, 0, &first_ms, err);
    round->oldest_ms = round->waiting ? m->now_ms - first_ms : 0;
    return code;
}

static void drop_todos(dispatch_round *round) {
    for (size_t i = 0; i < round->count; i++) trib_tenant_unref(round->todos[i].tenant);
    round->count = 0;
}

trib_code dispatch_round_run(void *module, trib_error *err) {
    dispatch_module *m = module;
    trib_arg most = trib_stream_integer(DISPATCH_OWED_MAX);
    size_t places = m->round.places;
    bool sweeps = m->round.sweeps;
    drop_todos(&m->round); /* of a run before AGAIN */
    m->round = (dispatch_round){.places = places, .sweeps = sweeps};
    trib_code code = sweeps ? expire(m, err) : TRIB_OK;
    if (code == TRIB_OK && sweeps) code = dispatch_look(m, err);
    if (code == TRIB_OK)
        code = trib_stmt_run(m->txn.handle, "SELECT tenantId, point FROM _trib_dispatch_owed LIMIT ?1", &most, 1,
                             take_owed, m, err);
    /* not with the turn that all deals share in hand: the next round does */
    if (code == TRIB_OK && m->round.count < places && !m->txn.writes) code = serve_waiting(m, err);
    else m->round.after = m->after;
    return code == TRIB_OK ? look_ahead(m, err) : code;
}

/* ---- when ---- */

static dispatch_module *of_job(trib_db_job *job) {
    return (dispatch_module *)(void *)((char *)job - offsetof(dispatch_module, job));
}

static trib_code work(trib_db_job *job, trib_handle *handle, trib_error *err) {
    dispatch_module *m = of_job(job);
    return trib_stream_txn_run(&m->txn, job, handle, dispatch_round_run, m, err);
}

static void take_result(dispatch_module *m) {
    dispatch_round *round = &m->round;
    m->next_ms = round->next_ms;
    m->after = round->after;
    atomic_store(&m->waiting, round->waiting);
    atomic_store(&m->open, round->open);
    atomic_store(&m->oldest_ms, round->oldest_ms);
    dispatch_count(m->timed_out, round->expired);
    dispatch_count(m->withdrawn, round->withdrawn);
    if (round->more || round->expired || round->withdrawn) atomic_store(&m->news, true);
    m->swept = m->txn.writes;
    /* until a round has looked at what ends and found nothing; those between serve who waits */
    if (m->swept || !round->sweeps) atomic_store(&m->changed, true);
    m->walks = m->walks && round->after;
    for (size_t i = 0; i < round->count; i++) dispatch_attempt_start(m, &round->todos[i]);
    round->count = 0;
}

static void finished(trib_db_job *job) {
    dispatch_module *m = of_job(job);
    int64_t now_ns = trib_env_mono_ns(m->app->env);
    m->under_way = false;
    m->not_before_ns = now_ns + (int64_t)DISPATCH_ROUND_MS * 1000000;
    m->look_ns = now_ns + (int64_t)DISPATCH_POLL_MS * 1000000;
    if (job->code == TRIB_OK) {
        take_result(m);
        if (m->round.waiting + m->round.owed == 0) m->look_ns = now_ns + (int64_t)DISPATCH_IDLE_MS * 1000000;
    } else {
        drop_todos(&m->round);
        atomic_store(&m->news, true);
        m->swept = m->round.sweeps; /* who waits need not wait for what has failed there */
        m->not_before_ns = now_ns + (int64_t)DISPATCH_RETRY_MS * 1000000;
        if (job->code != TRIB_SHUTTING_DOWN && job->code != TRIB_CANCELLED)
            trib_log_event(m->app->log, TRIB_LOG_WARN, "dispatch_failed", TRIB_LOG_ERR(&job->err));
    }
    trib_arena_deinit(&m->arena);
}

static void submit(dispatch_module *m) {
    trib_control *control = m->app->control;
    /* not after a round that has ended something, for that one has served nobody who waits */
    m->round = (dispatch_round){.places = DISPATCH_ATTEMPTS_MAX - m->used, .sweeps = !m->swept};
    m->txn = (trib_stream_txn){.app = m->app, .arena = &m->arena};
    trib_arena_init(&m->arena, TRIB_STREAM_ARENA_MAX_BYTES);
    memset(&m->job, 0, sizeof m->job);
    m->job.app = m->app;
    m->job.tenant = m->tenant;
    m->job.access = TRIB_ACCESS_SYSTEM;
    m->job.work = work;
    m->job.finished = finished;
    m->job.job.home = trib_control_take_home(control);
    m->under_way = true;
    /* news are worth a walk through all that wait; without, they come in turn, one part a look */
    m->walks = atomic_exchange(&m->news, false) || m->walks;
    atomic_store(&m->changed, false);
    if (trib_db_job_submit(&m->job, NULL) == TRIB_OK) return;
    trib_control_give_home(control);
    trib_arena_deinit(&m->arena);
    m->under_way = false;
    atomic_store(&m->news, true);
    m->not_before_ns = trib_env_mono_ns(m->app->env) + (int64_t)DISPATCH_RETRY_MS * 1000000;
}

void dispatch_tick(void *module) {
    dispatch_module *m = module;
    int64_t now_ns = trib_env_mono_ns(m->app->env), asked_ns = atomic_load(&m->asked_ns);
    dispatch_offers_tick(m);
    if (m->under_way || now_ns < m->not_before_ns || m->used == DISPATCH_ATTEMPTS_MAX) return;
    if (atomic_load(&m->app->draining)) return;
    m->now_ms = trib_env_wall_ms(m->app->env);
    /* what a timer has written is there a little later */
    bool asked = asked_ns && now_ns - asked_ns < (int64_t)DISPATCH_POLL_MS * 3 * 1000000;
    bool news = atomic_load(&m->news) || atomic_load(&m->changed);
    if (!news && !m->walks && !asked && m->now_ms < m->next_ms && now_ns < m->look_ns) return;
    submit(m);
}

void dispatch_freed(void *module, const trib_tenant *tenant) {
    dispatch_module *m = module;
    if (tenant == m->tenant) { /* a deal has changed; without an offer, nobody waits for that */
        if (atomic_load(&m->open) > 0) atomic_store(&m->changed, true);
    } else if (dispatch_holds_end(m->holds, trib_str_c(tenant->id))) {
        atomic_store(&m->news, true);
    }
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The fold of a stream's events; see state.h. An event is planned first (check.c), then all memory is taken, and only
 * then is anything changed: whatever fails leaves the state as it was. */
#include "deal/state.h"

#include <string.h>

#include "deal/continuation.h"
#include "deal/state_int.h"

void trib_deal_state_init(trib_deal_state *state, trib_arena *arena) {
    *state = (trib_deal_state){.status = TRIB_DEAL_NO_STATUS, .arena = arena};
}

trib_code trib_deal_state_copy(const trib_deal_state *state, trib_arena *arena, trib_deal_state *ret, trib_error *err) {
    trib_deal_state copy = *state;
    copy.arena = arena;
    copy.task_cap = copy.task_count;
    copy.stock_cap = copy.stock_count;
    copy.tasks = trib_arena_zalloc(arena, copy.task_count, sizeof *copy.tasks);
    copy.stock = trib_arena_zalloc(arena, copy.stock_count, sizeof *copy.stock);
    for (size_t i = 0; copy.tasks && i < copy.task_count; i++) {
        copy.tasks[i] = state->tasks[i];
        copy.tasks[i].name = trib_arena_dup(arena, state->tasks[i].name);
        copy.tasks[i].tenant = trib_arena_dup(arena, state->tasks[i].tenant);
    }
    for (size_t i = 0; copy.stock && i < copy.stock_count; i++) {
        copy.stock[i] = state->stock[i];
        copy.stock[i].id = trib_arena_dup(arena, state->stock[i].id);
    }
    for (size_t i = 0; i < TRIB_DEAL_ROLES_MAX; i++) {
        if (state->role_tenants[i].len) copy.role_tenants[i] = trib_arena_dup(arena, state->role_tenants[i]);
    }
    if (arena->failed) return trib_error_set(err, TRIB_NOMEM, NULL);
    *ret = copy;
    return TRIB_OK;
}

int64_t trib_deal_balance(const trib_deal_state *state) {
    return state->paid - state->refunded - state->paid_out;
}

bool trib_deal_is_compensated(const trib_deal_type *type, const trib_deal_state *state) {
    if (trib_deal_balance(state) != 0) return false;
    for (size_t i = 0; i < state->stock_count; i++) {
        if (state->stock[i].balance != 0) return false;
    }
    for (size_t i = 0; i < state->task_count; i++) {
        if (!trib_deal_task_is_over(state->tasks[i].state)) return false;
    }
    for (size_t i = 0; i < type->role_count; i++) {
        if (type->roles[i].is_assignable && state->role_tenants[i].len) return false;
    }
    return true;
}

bool trib_deal_is_final(const trib_deal_type *type, const trib_deal_state *state) {
    return state->status >= 0 && type->statuses[state->status].is_final;
}

/* ---- memory, before anything changes ---- */

/* Room for one more; the old array stays in the arena, which ends with the state. */
static void *grown(trib_arena *arena, void *items, size_t count, size_t *cap, size_t size) {
    if (count < *cap) return items;
    size_t more = *cap ? *cap * 2 : 4;
    void *bigger = trib_arena_zalloc(arena, more, size);
    if (!bigger) return NULL;
    if (count) memcpy(bigger, items, count * size);
    *cap = more;
    return bigger;
}

/* What the plan borrows from the event becomes the state's. False: no memory; the state reads as before. */
static bool take_memory(const trib_deal_type *type, trib_deal_state *state, trib_deal_plan *plan) {
    trib_arena *arena = state->arena;
    trib_str tenant = plan->task_tenant;
    for (size_t i = 0; i < type->role_count; i++) {
        trib_str *after = &plan->role_tenants[i];
        if (after->len && after->ptr != state->role_tenants[i].ptr) *after = trib_arena_dup(arena, *after);
    }
    if (tenant.len) plan->task_tenant = trib_arena_dup(arena, tenant);
    if (plan->task == state->task_count) {
        void *tasks = grown(arena, state->tasks, state->task_count, &state->task_cap, sizeof *state->tasks);
        if (!tasks) return false;
        state->tasks = tasks;
        plan->task_name = trib_arena_dup(arena, plan->task_name);
    }
    if (plan->stock != SIZE_MAX && plan->stock == state->stock_count) {
        void *stock = grown(arena, state->stock, state->stock_count, &state->stock_cap, sizeof *state->stock);
        if (!stock) return false;
        state->stock = stock;
        plan->stock_id = trib_arena_dup(arena, plan->stock_id);
    }
    return !arena->failed;
}

/* ---- changes, which cannot fail ---- */

static void change_tasks(trib_deal_state *state, const trib_deal_plan *plan) {
    if (plan->void_tasks) {
        for (size_t i = 0; i < state->task_count; i++) {
            if (!trib_deal_task_is_over(state->tasks[i].state)) state->tasks[i].state = TRIB_DEAL_TASK_VOID;
        }
    }
    if (plan->task == SIZE_MAX) return;
    if (plan->task == state->task_count) state->tasks[state->task_count++] = (trib_deal_task){.name = plan->task_name};
    state->tasks[plan->task].state = plan->op->task;
    if (plan->task_tenant.len) state->tasks[plan->task].tenant = plan->task_tenant;
}

static void change_stock(trib_deal_state *state, const trib_deal_plan *plan) {
    if (plan->stock == SIZE_MAX) return;
    if (plan->stock == state->stock_count) state->stock[state->stock_count++] = (trib_deal_stock){.id = plan->stock_id};
    state->stock[plan->stock].balance += plan->qty;
}

static bool holds(const trib_deal_type *type, const trib_deal_state *state, trib_deal_when when) {
    switch (when) {
    case TRIB_DEAL_WHEN_ALWAYS: break;
    case TRIB_DEAL_WHEN_LEDGER_ZERO: return trib_deal_balance(state) == 0;
    case TRIB_DEAL_WHEN_COMPENSATED: return trib_deal_is_compensated(type, state);
    }
    return true;
}

static void carry_out(const trib_deal_type *type, trib_deal_state *state, const trib_deal_plan *plan) {
    state->version++;
    if (!plan->op) return;
    size_t index = (size_t)(plan->op - type->ops);
    state->seen[index / 64] |= UINT64_C(1) << (index % 64);
    state->charged = plan->charged;
    state->paid = plan->paid;
    state->refunded = plan->refunded;
    state->paid_out = plan->paid_out;
    memcpy(state->currency, plan->currency, sizeof state->currency);
    memcpy(state->role_tenants, plan->role_tenants, sizeof state->role_tenants);
    change_tasks(state, plan);
    change_stock(state, plan);
    /* last: the condition is about the state with this event in it */
    if (plan->move->to >= 0 && holds(type, state, plan->move->when)) state->status = plan->move->to;
}

trib_code trib_deal_apply(const trib_deal_type *type, trib_deal_state *state, const trib_deal_event *event,
                          trib_deal_refusal *ret, trib_error *err) {
    trib_deal_plan plan;
    trib_deal_refusal refusal;
    if (event->opcode == TRIB_DEAL_CONTINUES && state->version == 0 && event->actor.is_trusted)
        return trib_deal_continuation_begin(type, state, event->payload, err);
    trib_code code = trib_deal_plan_make(type, state, event, &plan, ret ? ret : &refusal, err);
    if (code == TRIB_OK) {
        if (take_memory(type, state, &plan)) carry_out(type, state, &plan);
        else code = trib_error_set(err, TRIB_NOMEM, NULL);
    }
    trib_deal_plan_deinit(&plan);
    return code;
}

trib_code trib_deal_replay(const trib_deal_type *type, trib_deal_state *state, const trib_deal_event *event,
                           trib_error *err) {
    trib_deal_event stored = *event;
    trib_error why = {0};
    stored.actor.is_trusted = true; /* whoever wrote it was let in then */
    trib_code code = trib_deal_apply(type, state, &stored, NULL, &why);
    if (code == TRIB_OK) return TRIB_OK;
    if (code == TRIB_NOMEM) return trib_error_set(err, TRIB_NOMEM, NULL);
    state->version++;
    state->misfits++;
    return TRIB_OK;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The end of a deal: money goes to who earned it, or everything goes back to where it came from. What is still to be
 * done is read off the state, so that either can be asked for again after a part of it was done. */
#include "features/deals/deals_int.h"

enum { PAYIN = 401, PAYOUT = 402, REFUND = 207, RETURN = 103, VOID = 309 };

static int64_t left_to_pay(const trib_deal_state *state) {
    return state->charged - (state->paid - state->refunded);
}

trib_code deals_check_paid(const deals_run *run, trib_error *err) {
    char left[TRIB_DEAL_AMOUNT_BYTES];
    int64_t amount = left_to_pay(&run->s.state);
    if (amount == 0) return TRIB_OK;
    size_t len = trib_deal_amount_format_fixed(amount, run->type->decimals, left);
    return trib_error_set(err, TRIB_BAD_TRANSITION,
                          "%.*s is left to pay; pay first, since it is paid out with this step", (int)len, left);
}

/* Whether the status lets an opcode follow. */
static bool may_follow(const deals_run *run, int32_t opcode) {
    int32_t allowed[TRIB_DEAL_ALLOWED_MAX];
    size_t count = trib_deal_allowed(run->type, &run->s.state, UINT32_MAX, allowed);
    for (size_t i = 0; i < count; i++)
        if (allowed[i] == opcode) return true;
    return false;
}

static trib_code draft_money(deals_run *run, int32_t opcode, trib_str node, int64_t amount, const char *member,
                             const char *word, trib_error *err) {
    trib_json_writer w;
    trib_buf buf;
    trib_buf_init(&buf, 1024);
    trib_jw_init(&w, &buf);
    trib_jw_object_begin(&w);
    trib_jw_member_str(&w, member, trib_str_c(word));
    if (run->facts.currency.len) trib_jw_member_str(&w, "currency", run->facts.currency);
    trib_jw_object_end(&w);
    trib_str payload = trib_arena_dup(run->txn->arena, trib_buf_str(&buf));
    bool failed = buf.failed || !payload.ptr;
    trib_buf_deinit(&buf);
    if (failed) return trib_error_set(err, TRIB_NOMEM, NULL);
    return deals_draft(run, opcode, node, (trib_str){0}, deals_amount(amount, run->type->decimals), payload, true, err);
}

/* ---- payouts ---- */

/* A ride: the driver gets the fare less what the platform takes. */
static trib_code pay_ride(deals_run *run, int64_t balance, trib_error *err) {
    const deals_worker *worker = run->facts.worker_count ? &run->facts.workers[0] : NULL;
    int64_t commission = worker && worker->fee < balance ? worker->fee : worker ? balance : 0;
    trib_str driver = worker ? worker->tenant : deals_role(run->type, &run->s.state, "driver");
    const char *fee = worker ? worker->job->fee : "ride-fare";
    trib_code code = TRIB_OK;
    if (balance - commission > 0) code = draft_money(run, PAYOUT, driver, balance - commission, "type", fee, err);
    if (code != TRIB_OK || (commission == 0 && balance > 0)) return code;
    return draft_money(run, PAYIN, TRIB_STR("platform"), commission, "type", run->ask->vertical->revenue, err);
}

/* Anything else: who works gets his fee, the seller the rest. */
static trib_code pay_seller(deals_run *run, int64_t balance, trib_error *err) {
    trib_str node = run->facts.seller_node;
    int64_t rest = balance;
    trib_code code = TRIB_OK;
    if (!node.len) node = deals_role(run->type, &run->s.state, run->ask->vertical->seller);
    for (size_t i = 0; code == TRIB_OK && i < run->facts.worker_count; i++) {
        const deals_worker *worker = &run->facts.workers[i];
        int64_t fee = worker->fee < rest ? worker->fee : rest;
        rest -= fee;
        if (fee > 0) code = draft_money(run, PAYOUT, worker->tenant, fee, "type", worker->job->fee, err);
    }
    if (code != TRIB_OK || (rest == 0 && balance > 0)) return code;
    return draft_money(run, PAYIN, node, rest, "type", run->ask->vertical->revenue, err);
}

trib_code deals_pay_out(deals_run *run, trib_error *err) {
    trib_code code = deals_flush(run, err);
    if (code != TRIB_OK || !may_follow(run, PAYIN) || left_to_pay(&run->s.state) != 0) return code;
    int64_t balance = trib_deal_balance(&run->s.state);
    return run->ask->vertical->seller ? pay_seller(run, balance, err) : pay_ride(run, balance, err);
}

/* ---- what a cancellation gives back ---- */

/* The node of the event that took a point's stock. */
static trib_str node_of(const deals_run *run, trib_str point) {
    for (size_t i = run->s.count; i-- > 0;) {
        const trib_value *v = run->s.events[i].values;
        if (v[TRIB_STREAM_COL_POINT].type == TRIB_VALUE_TEXT && v[TRIB_STREAM_COL_NODE].type == TRIB_VALUE_TEXT &&
            v[TRIB_STREAM_COL_OPCODE].integer == 102 && trib_str_eq(v[TRIB_STREAM_COL_POINT].bytes, point))
            return v[TRIB_STREAM_COL_NODE].bytes;
    }
    return point;
}

static trib_code give_back(deals_run *run, size_t at, const trib_deal_stock *stock, trib_error *err) {
    trib_value qty = deals_amount(-stock->balance, TRIB_DEAL_QTY_DECIMALS);
    uint64_t rows = 0;
    trib_code code = deals_draft(run, RETURN, node_of(run, stock->id), stock->id, qty,
                                 TRIB_STR("{\"reason\":\"cancelled\"}"), true, err);
    if (code != TRIB_OK || run->ask->vertical->opening == DEALS_OF_DAYS) return code;
    trib_arg args[] = {trib_stream_text(stock->id), {.value = qty}};
    code = deals_sql(run, at, "UPDATE points SET qty = qty + ?2 WHERE id = ?1 RETURNING 1", args, 2, NULL, NULL, &rows,
                     err);
    run->rows[at] += rows;
    return code;
}

/* To a seller that is there; where he is not, the events alone say it. */
static trib_code give_back_all(deals_run *run, trib_error *err) {
    const deals_step days = {.kind = DEALS_DAYS, .word = "cancelled"};
    const trib_deal_state *state = &run->s.state;
    const char *seller = run->ask->vertical->seller;
    size_t at = 0;
    bool there = false, any = false;
    trib_code code = TRIB_OK;
    for (size_t i = 0; i < state->stock_count; i++) any = any || state->stock[i].balance < 0;
    if (any && seller) code = deals_tenant(run, deals_role(run->type, state, seller), &at, &there, err);
    for (size_t i = 0; code == TRIB_OK && i < state->stock_count; i++) {
        const trib_deal_stock *stock = &state->stock[i];
        if (stock->balance >= 0) continue;
        if (there) code = give_back(run, at, stock, err);
        else
            code = deals_draft(run, RETURN, node_of(run, stock->id), stock->id,
                               deals_amount(-stock->balance, TRIB_DEAL_QTY_DECIMALS),
                               TRIB_STR("{\"reason\":\"cancelled\"}"), true, err);
    }
    if (code == TRIB_OK && run->ask->vertical->opening == DEALS_OF_DAYS) code = deals_set_days(run, &days, err);
    return code;
}

static bool has_open_tasks(const trib_deal_state *state) {
    for (size_t i = 0; i < state->task_count; i++) {
        trib_deal_task_state task = state->tasks[i].state;
        if (task != TRIB_DEAL_TASK_DONE && task != TRIB_DEAL_TASK_FAILED && task != TRIB_DEAL_TASK_VOID) return true;
    }
    return false;
}

static bool has_workers(const deals_run *run) {
    for (size_t i = 0; i < run->type->role_count; i++)
        if (run->type->roles[i].is_assignable && run->s.state.role_tenants[i].len) return true;
    return false;
}

trib_code deals_undo(deals_run *run, trib_error *err) {
    trib_code code = deals_flush(run, err);
    if (code != TRIB_OK || !trib_str_eq_c(trib_deal_status_name(run->type, run->s.state.status), "cancelling"))
        return code;
    const trib_deal_state *state = &run->s.state;
    int64_t balance = trib_deal_balance(state);
    size_t before = run->draft_count;
    bool voids = has_open_tasks(state) || has_workers(run);
    for (size_t i = 0; code == TRIB_OK && i < run->facts.worker_count; i++) {
        const deals_worker *worker = &run->facts.workers[i];
        if (trib_str_eq(deals_role(run->type, state, worker->job->role), worker->tenant))
            code = deals_free(run, worker, true, err);
    }
    if (code == TRIB_OK) code = give_back_all(run, err);
    if (code == TRIB_OK && balance > 0)
        code = draft_money(run, REFUND, run->ask->deal_id, balance, "reason", "cancelled", err);
    /* last: the status follows from an event that finds everything given back */
    if (code == TRIB_OK && (voids || run->draft_count == before))
        code = deals_draft(run, VOID, run->ask->deal_id, (trib_str){0}, deals_amount(0, 0),
                           TRIB_STR("{\"reason\":\"cancelled\"}"), true, err);
    return code;
}

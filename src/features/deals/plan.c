/* SPDX-License-Identifier: Apache-2.0 */
/* Which tenants' databases an action writes, found out before their turns are taken: from the request alone, or where
 * that does not say it by a look at the stream. What is missed, work names again (deals_tenant); what may not be done,
 * work refuses. */
#include "features/deals/deals_int.h"

trib_str deals_role(const trib_deal_type *type, const trib_deal_state *state, const char *role) {
    int index = trib_deal_role_find(type, trib_str_c(role));
    return index < 0 ? (trib_str){0} : state->role_tenants[index];
}

trib_str deals_text(const trib_json *body, trib_str member) {
    trib_str text = {0};
    (void)trib_json_str(trib_json_get_str(body, member), &text);
    return text;
}

trib_str deals_member(const trib_deal_type *type, const char *role) {
    int index = trib_deal_role_find(type, trib_str_c(role));
    return index < 0 || !type->roles[index].payload.len ? trib_str_c(role) : type->roles[index].payload;
}

/* One that is not there, or blocked, is work's to refuse, or to do without. */
static trib_code add(trib_command *command, trib_str name, trib_error *err) {
    size_t at;
    if (name.len == 0) return TRIB_OK;
    trib_code code = trib_command_add(command, name, &at, err);
    bool is_works = code == TRIB_TENANT_NOT_FOUND || code == TRIB_BAD_REQUEST || code == TRIB_BLOCKED;
    return is_works ? TRIB_OK : code;
}

static trib_code plan_opening(deals_ask *ask, trib_error *err) {
    trib_command *command = &ask->command;
    const deals_vertical *vertical = ask->vertical;
    const trib_deal_type *type = trib_deal_registry_get(command->app->stream_types, trib_str_c(vertical->type));
    if (!type) return TRIB_OK;
    trib_str buyer =
        command->tenant_name.len ? command->tenant_name : deals_text(ask->body, deals_member(type, vertical->buyer));
    trib_code code = add(command, buyer, err);
    if (code == TRIB_OK && vertical->seller)
        code = add(command, deals_text(ask->body, deals_member(type, vertical->seller)), err);
    return code;
}

static trib_code plan_step(deals_ask *ask, const deals_step *step, const trib_stream *s, const deals_facts *facts,
                           trib_error *err) {
    trib_command *command = &ask->command;
    const deals_worker *worker;
    trib_str seller = ask->vertical->seller ? deals_role(s->type, &s->state, ask->vertical->seller) : (trib_str){0};
    trib_code code = TRIB_OK;
    switch (step->kind) {
    case DEALS_EVENT:
    case DEALS_PAID:
    case DEALS_PAYOUT: break;
    case DEALS_STOCK:
    case DEALS_DAYS: return add(command, seller, err);
    case DEALS_CLAIM: return add(command, deals_text(ask->body, trib_str_c(step->job->role)), err);
    case DEALS_FREE:
        worker = deals_facts_worker(facts, step->job);
        return worker ? add(command, worker->tenant, err) : TRIB_OK;
    case DEALS_UNDO:
        if (s->state.stock_count > 0) code = add(command, seller, err);
        for (size_t i = 0; code == TRIB_OK && i < facts->worker_count; i++) {
            worker = &facts->workers[i];
            if (trib_str_eq(deals_role(s->type, &s->state, worker->job->role), worker->tenant))
                code = add(command, worker->tenant, err);
        }
        break;
    }
    return code;
}

/* What a step writes can be told from the request alone: nothing but events, the worker that the body names, or the
 * asker's own rows, where he is the one whose rows they are. A driver who delivers is most likely he; where the
 * customer says so, work names the driver. */
static bool step_is_plain(const deals_ask *ask, const deals_step *step) {
    bool by_tenant = ask->command.tenant_name.len > 0;
    const char *seller = ask->vertical->seller;
    switch (step->kind) {
    case DEALS_EVENT:
    case DEALS_PAID:
    case DEALS_PAYOUT:
    case DEALS_CLAIM: return true;
    case DEALS_STOCK:
    case DEALS_DAYS: return by_tenant && seller && trib_str_eq_c(trib_str_c(seller), ask->action->who);
    case DEALS_FREE: return by_tenant && deals_lists(ask->action->who, trib_str_c(step->job->role));
    case DEALS_UNDO: return false;
    }
    return false;
}

trib_code deals_guess(deals_ask *ask, bool *ret_all, trib_error *err) {
    trib_command *command = &ask->command;
    const deals_action *action = ask->action;
    trib_code code = TRIB_OK;
    *ret_all = true;
    if (!action) return plan_opening(ask, err);
    for (size_t i = 0; i < action->step_count; i++) *ret_all = *ret_all && step_is_plain(ask, &action->steps[i]);
    for (size_t i = 0; code == TRIB_OK && *ret_all && i < action->step_count; i++) {
        const deals_step *step = &action->steps[i];
        if (step->kind == DEALS_CLAIM) code = add(command, deals_text(ask->body, trib_str_c(step->job->role)), err);
        bool own = step->kind == DEALS_STOCK || step->kind == DEALS_DAYS || step->kind == DEALS_FREE;
        if (code == TRIB_OK && own) code = add(command, command->tenant_name, err);
    }
    return code;
}

trib_code deals_plan(trib_command *command, trib_stream_txn *txn, trib_error *err) {
    deals_ask *ask = (deals_ask *)(void *)command;
    trib_stream s;
    trib_str response;
    deals_facts facts;
    bool found = false, is_member = txn->tenant_id.len == 0;
    trib_code code = TRIB_OK;
    if (ask->key.len) code = trib_stream_recall(txn, ask->key, ask->request, &response, &found, err);
    if (code != TRIB_OK || found) return code; /* nothing will be written */
    code = trib_stream_load(txn, ask->deal_id, &s, err);
    if (code != TRIB_OK) return code;
    for (size_t i = 0; s.type && i < s.type->role_count; i++)
        is_member = is_member || trib_str_eq(s.state.role_tenants[i], txn->tenant_name);
    if (s.count == 0 || !s.type || !is_member) return trib_stream_not_found(ask->deal_id, err);
    code = deals_facts_load(txn, ask->vertical, ask->deal_id, &facts, err);
    for (size_t i = 0; code == TRIB_OK && i < ask->action->step_count; i++)
        code = plan_step(ask, &ask->action->steps[i], &s, &facts, err);
    return code;
}

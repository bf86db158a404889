/* SPDX-License-Identifier: Apache-2.0 */
/* The jobs of deals for who finds workers (core/deal_jobs.h): which action's claim gives which one away, and that claim
 * as a part of somebody else's command. */
#include "features/deals/deals_int.h"

static const deals_vertical *vertical_of(const trib_stream *s) {
    for (size_t i = 0; s->type && i < deals_vertical_count; i++)
        if (trib_str_eq_c(s->type->name, deals_verticals[i].type)) return &deals_verticals[i];
    return NULL;
}

static const deals_step *claim_of(const deals_action *action) {
    for (size_t i = 0; i < action->step_count; i++)
        if (action->steps[i].kind == DEALS_CLAIM) return &action->steps[i];
    return NULL;
}

static bool may_follow(const trib_stream *s, int32_t opcode) {
    int32_t allowed[TRIB_DEAL_ALLOWED_MAX];
    size_t count = trib_deal_allowed(s->type, &s->state, UINT32_MAX, allowed);
    for (size_t i = 0; i < count; i++)
        if (allowed[i] == opcode) return true;
    return false;
}

/* Its task is done: whoever had the job is free again, and nobody need do it twice. */
static bool is_done(const trib_stream *s, const deals_step *claims) {
    static const char word[] = "task=";
    trib_str name = trib_str_c(claims->payload);
    if (!trib_str_starts(name, TRIB_STR(word))) return false;
    name = trib_str_sub(name, sizeof word - 1, trib_str_find(name, ' '));
    for (size_t i = 0; i < s->state.task_count; i++)
        if (trib_str_eq(s->state.tasks[i].name, name)) return s->state.tasks[i].state == TRIB_DEAL_TASK_DONE;
    return false;
}

/* The action of the role, or the first one whose role nobody has. */
static trib_code find_action(const trib_stream *s, trib_str role, const deals_vertical **ret_vertical,
                             const deals_action **ret, const deals_step **ret_step, trib_error *err) {
    const deals_vertical *vertical = s->count ? vertical_of(s) : NULL;
    const deals_action *found = NULL;
    const deals_step *claims = NULL;
    bool known = false;
    for (size_t i = 0; vertical && i < vertical->action_count && !found; i++) {
        const deals_action *action = &vertical->actions[i];
        const deals_step *step = claim_of(action);
        if (!step || (role.len && !trib_str_eq_c(role, step->job->role))) continue;
        known = true;
        if (deals_role(s->type, &s->state, step->job->role).len > 0 || is_done(s, step)) continue; /* taken */
        found = action;
        claims = step;
    }
    if (!known)
        return trib_error_set(err, TRIB_BAD_REQUEST, "a deal of this type needs nobody%s%.*s", role.len ? " as " : "",
                              TRIB_STR_ARG(role));
    if (!found || !claims) return trib_error_set(err, TRIB_BAD_TRANSITION, "somebody has the job already");
    if (!may_follow(s, claims->opcode))
        return trib_error_set(err, TRIB_BAD_TRANSITION, "a deal that is \"%.*s\" needs nobody now",
                              TRIB_STR_ARG(trib_deal_status_name(s->type, s->state.status)));
    *ret_vertical = vertical;
    *ret = found;
    *ret_step = claims;
    return TRIB_OK;
}

/* Who has it may give it back while the deal goes on. */
static bool may_come_back(const deals_vertical *vertical, const deals_job *job) {
    for (size_t i = 0; i < vertical->action_count; i++)
        for (size_t k = 0; k < vertical->actions[i].step_count; k++) {
            const deals_step *step = &vertical->actions[i].steps[k];
            if (step->kind == DEALS_FREE && step->job == job && step->word) return true;
        }
    return false;
}

static trib_code find(void *deals, trib_stream_txn *txn, const trib_stream *s, trib_str role, trib_deal_job *ret,
                      trib_error *err) {
    const deals_vertical *vertical;
    const deals_action *action;
    const deals_step *step;
    deals_facts facts;
    (void)deals;
    trib_code code = find_action(s, role, &vertical, &action, &step, err);
    if (code == TRIB_OK) code = deals_facts_load(txn, vertical, s->id, &facts, err);
    if (code != TRIB_OK) return code;
    const deals_job *job = step->job;
    *ret = (trib_deal_job){.role = job->role,
                           .worker = job->worker,
                           .who = action->who,
                           .one_at_a_time = job->word != NULL,
                           .may_come_back = may_come_back(vertical, job),
                           .seller_node = facts.seller_node};
    if (vertical->seller) ret->seller = deals_role(s->type, &s->state, vertical->seller);
    return TRIB_OK;
}

/* ---- a claim ---- */

typedef struct claim_work {
    deals_ask ask;
    deals_run run;
    trib_stream_txn txn; /* the platform's: the job was given away by who may */
    const deals_step *step;
    const trib_json *none;
} claim_work;

static trib_code load(claim_work *w, trib_error *err) {
    deals_run *run = &w->run;
    const deals_vertical *vertical;
    const deals_action *action;
    trib_code code = trib_stream_load(&w->txn, w->ask.deal_id, &run->s, err);
    if (code == TRIB_OK) code = find_action(&run->s, run->given.role, &vertical, &action, &w->step, err);
    if (code != TRIB_OK) return code;
    w->ask.vertical = vertical;
    w->ask.action = action;
    run->type = run->s.type;
    return deals_load_opening(run, err);
}

static claim_work *work_new(void *deals, const trib_stream_txn *txn, trib_str deal_id, trib_str role,
                            const trib_json *body, trib_error *err) {
    claim_work *w = trib_arena_zalloc(txn->arena, 1, sizeof *w);
    if (!w || trib_json_parse(txn->arena, TRIB_STR("{}"), &w->none, err) != TRIB_OK) {
        trib_error_set(err, TRIB_NOMEM, NULL);
        return NULL;
    }
    w->txn = *txn;
    w->txn.tenant_id = w->txn.tenant_name = (trib_str){0};
    w->ask.module = deals;
    w->ask.deal_id = deal_id;
    w->ask.body = body ? body : w->none;
    w->run.ask = &w->ask;
    w->run.txn = &w->txn;
    w->run.given.role = role;
    return w;
}

static trib_code claim(void *deals, const trib_deal_claim *c, uint64_t *ret_version, trib_error *err) {
    claim_work *w = work_new(deals, c->txn, c->deal_id, c->role, c->body, err);
    if (!w) return TRIB_NOMEM;
    deals_run *run = &w->run;
    run->command = c->command;
    run->handles = c->handles;
    run->given.worker = c->worker;
    run->given.point = c->point;
    run->given.availability = c->availability;
    trib_code code = load(w, err);
    if (code == TRIB_OK) code = deals_claim(run, w->step, err);
    if (code == TRIB_OK) code = deals_flush(run, err);
    if (code == TRIB_OK) *ret_version = run->s.version;
    return code;
}

/* ---- may it be given away? ---- */

static trib_code check_members(const deals_action *action, const deals_step *step, const trib_json *body,
                               trib_error *err) {
    for (const trib_json *m = trib_json_first(body); m; m = trib_json_next(m)) {
        bool known = !trib_str_eq_c(m->key, step->job->role) &&
                     (deals_lists(action->members, m->key) || deals_payload_takes(step->payload, m->key) ||
                      deals_payload_takes(step->job->payload, m->key));
        if (!known)
            return trib_error_set(err, TRIB_BAD_REQUEST, "\"%s\" has no member \"%.*s\"", action->name,
                                  TRIB_STR_ARG(trib_str_sub(m->key, 0, 64)));
    }
    return TRIB_OK;
}

/* The event as it would be, on a copy of the state. */
static trib_code try_event(claim_work *w, const trib_stream *s, trib_error *err) {
    deals_run *run = &w->run;
    const deals_step *step = w->step;
    deals_worker worker = {.job = step->job, .tenant = TRIB_STR("somebody")};
    trib_deal_event event;
    trib_deal_state state;
    trib_str payload;
    run->claimed = &worker;
    trib_code code = deals_fee_of(run, &worker, err);
    if (code == TRIB_OK) code = deals_payload(run, step->payload, TRIB_DEAL_PAYLOAD_MAX_BYTES, &payload, err);
    run->claimed = NULL;
    if (code == TRIB_OK)
        code = deals_draft(run, step->opcode, worker.tenant, (trib_str){0}, deals_amount(0, 0), payload, true, err);
    if (code == TRIB_OK) code = trib_deal_state_copy(&s->state, run->txn->arena, &state, err);
    if (code != TRIB_OK) return code;
    trib_stream_deal_event(run->txn->arena, run->drafts[0].values, &event);
    return trib_deal_apply(s->type, &state, &event, NULL, err);
}

static trib_code check(void *deals, trib_stream_txn *txn, const trib_stream *s, trib_str role, const trib_json *body,
                       trib_error *err) {
    claim_work *w = work_new(deals, txn, s->id, role, body, err);
    if (!w) return TRIB_NOMEM;
    trib_code code = load(w, err);
    if (code != TRIB_OK) return code;
    w->run.txn = txn; /* who asks */
    code = deals_check_asker(&w->run, err);
    if (code == TRIB_OK) code = check_members(w->ask.action, w->step, w->ask.body, err);
    return code == TRIB_OK ? try_event(w, &w->run.s, err) : code;
}

void deals_jobs_offer(deals_module *module) {
    trib_deal_jobs *jobs = &module->app->deal_jobs;
    jobs->deals = module;
    jobs->find = find;
    jobs->check = check;
    jobs->claim = claim;
}

void deals_jobs_freed(const deals_ask *ask) {
    const trib_deal_jobs *jobs = &ask->module->app->deal_jobs;
    const trib_command *command = &ask->command;
    bool frees = false;
    for (size_t i = 0; ask->action && i < ask->action->step_count; i++)
        frees = frees || ask->action->steps[i].kind == DEALS_FREE || ask->action->steps[i].kind == DEALS_UNDO;
    if (!jobs->dispatch) return;
    jobs->freed(jobs->dispatch, ask->module->tenant); /* the deal itself has changed */
    for (size_t i = 0; frees && i < command->tenant_count; i++) jobs->freed(jobs->dispatch, command->tenants[i]);
}

trib_code deals_jobs_come_back(deals_run *run, const deals_worker *worker, trib_error *err) {
    const trib_deal_jobs *jobs = &run->txn->app->deal_jobs;
    size_t at = 0;
    bool there = false;
    if (!jobs->dispatch) return TRIB_OK;
    trib_code code = deals_flush(run, err);
    if (code == TRIB_OK) code = deals_tenant(run, worker->tenant, &at, &there, err);
    if (code != TRIB_OK) return code;
    return jobs->come_back(jobs->dispatch, run->txn, run->ask->deal_id, trib_str_c(worker->job->role),
                           there ? run->command->tenants[at] : NULL, err);
}

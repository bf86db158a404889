/* SPDX-License-Identifier: Apache-2.0 */
/* What a command of a deal does, in one transaction on each database: who asks -> the steps of the action -> events ->
 * the answer, kept by its Idempotency-Key. It may run several times; everything is in the command's arena. */
#include <stdio.h>
#include <string.h>

#include "base/time.h"
#include "core/stream_timer.h"
#include "features/deals/deals_int.h"

static trib_value text_value(trib_str text) {
    if (!text.len) return (trib_value){.type = TRIB_VALUE_NULL};
    return (trib_value){.type = TRIB_VALUE_TEXT, .bytes = text};
}

/* ---- amounts ---- */

trib_value deals_amount(int64_t amount, unsigned decimals) {
    char digits[TRIB_DEAL_AMOUNT_BYTES];
    double number = 0;
    size_t len = trib_deal_amount_format(amount, decimals, digits);
    (void)trib_f64_parse(trib_str_make(digits, len), &number);
    return (trib_value){.type = TRIB_VALUE_REAL, .real = number};
}

trib_code deals_body_amount(const deals_run *run, const char *member, int64_t *ret, bool *ret_there, trib_error *err) {
    const trib_json *value = trib_json_get(run->ask->body, member);
    trib_str token;
    if (ret_there) *ret_there = !trib_json_absent(value);
    if (ret_there && !*ret_there) return TRIB_OK;
    if (trib_json_number_token(value, &token) && trib_deal_amount_parse(token, run->type->decimals, ret) && *ret >= 0)
        return TRIB_OK;
    return trib_error_set(err, TRIB_BAD_REQUEST, "\"%s\" must be an amount from 0 with at most %u decimals", member,
                          run->type->decimals);
}

/* ---- events ---- */

/* "ts" and "eventIds" of the body: a text for all events, or a list of one each. */
static trib_code own_text(const deals_run *run, const char *member, bool is_for_all, trib_value *ret, trib_error *err) {
    const trib_json *value = trib_json_get(run->ask->body, member);
    trib_str text = {0};
    bool is_list = trib_json_is(value, TRIB_JSON_ARRAY);
    *ret = (trib_value){.type = TRIB_VALUE_NULL};
    if (trib_json_absent(value)) return TRIB_OK;
    if (is_list) value = trib_json_at(value, run->draft_count);
    if (is_list && trib_json_absent(value)) return TRIB_OK;
    if ((!is_list && !is_for_all) || !trib_json_str(value, &text) || text.len == 0 ||
        text.len > TRIB_STREAM_ID_MAX_BYTES)
        return trib_error_set(err, TRIB_BAD_REQUEST, "\"%s\" must be a list of texts of 1 to %d bytes%s", member,
                              TRIB_STREAM_ID_MAX_BYTES, is_for_all ? ", or one text" : "");
    *ret = text_value(text);
    return TRIB_OK;
}

trib_code deals_draft(deals_run *run, int32_t opcode, trib_str node, trib_str point, trib_value delta, trib_str payload,
                      bool by_platform, trib_error *err) {
    int64_t ignored;
    if (run->draft_count == TRIB_STREAM_EVENTS_MAX)
        return trib_error_set(err, TRIB_BAD_REQUEST, "this would write more than %d events at once",
                              TRIB_STREAM_EVENTS_MAX);
    trib_stream_draft *draft = &run->drafts[run->draft_count];
    *draft = (trib_stream_draft){.by_platform = by_platform || run->ask->timer};
    draft->values[TRIB_STREAM_COL_OPCODE] = (trib_value){.type = TRIB_VALUE_INTEGER, .integer = opcode};
    draft->values[TRIB_STREAM_COL_NODE] = text_value(node);
    draft->values[TRIB_STREAM_COL_POINT] = text_value(point);
    draft->values[TRIB_STREAM_COL_DELTA] = delta;
    draft->values[TRIB_STREAM_COL_PAYLOAD] = text_value(payload);
    trib_value *ts = &draft->values[TRIB_STREAM_COL_TS];
    trib_code code = own_text(run, "eventIds", false, &draft->values[TRIB_STREAM_COL_ID], err);
    if (code == TRIB_OK) code = own_text(run, "ts", true, ts, err);
    if (code == TRIB_OK && ts->type == TRIB_VALUE_TEXT && !trib_time_from_iso(ts->bytes, &ignored))
        code = trib_error_set(err, TRIB_BAD_REQUEST, "\"ts\" must be a time as 2026-01-31T12:30:00Z");
    if (code == TRIB_OK) run->draft_count++;
    return code;
}

trib_code deals_flush(deals_run *run, trib_error *err) {
    const trib_json *expected = trib_json_get(run->ask->body, "expected");
    int64_t version = 0;
    trib_stream_append_ask ask = {.expected = TRIB_STREAM_EXPECT_ANY,
                                  .events = run->drafts + run->flushed_count,
                                  .count = run->draft_count - run->flushed_count};
    bool is_first = run->flushed_count == 0;
    if (ask.count == 0) return TRIB_OK;
    if (is_first && !run->ask->action) ask.expected = TRIB_STREAM_EXPECT_NONE;
    if (is_first && run->ask->action && !trib_json_absent(expected)) {
        if (!trib_json_i64(expected, &version) || version < 0)
            return trib_error_set(err, TRIB_BAD_REQUEST, "\"expected\" must be the stream's version, a number from 0");
        ask.expected = TRIB_STREAM_EXPECT_VERSION;
        ask.expected_version = (uint64_t)version;
    }
    run->flushed_count = run->draft_count;
    trib_code code = trib_stream_append(run->txn, &run->s, &ask, err);
    if (code == TRIB_VERSION_CONFLICT && ask.expected == TRIB_STREAM_EXPECT_NONE)
        return trib_error_set(err, code, "there is a deal \"%.*s\" already; take another id",
                              TRIB_STR_ARG(run->ask->deal_id));
    return code;
}

trib_code deals_now(deals_run *run, trib_str *ret, trib_error *err) {
    char now[TRIB_TIME_ISO_BYTES];
    size_t first = run->flushed_count;
    if (first < run->draft_count && run->drafts[first].values[TRIB_STREAM_COL_TS].type == TRIB_VALUE_TEXT) {
        *ret = run->drafts[first].values[TRIB_STREAM_COL_TS].bytes;
        return TRIB_OK;
    }
    trib_time_to_iso(trib_env_wall_ms(run->txn->app->env), now);
    *ret = trib_arena_dup(run->txn->arena, trib_str_c(now));
    return ret->ptr ? TRIB_OK : trib_error_set(err, TRIB_NOMEM, NULL);
}

/* ---- steps ---- */

static trib_code delta_of(const deals_run *run, const deals_step *step, trib_value *ret, trib_error *err) {
    const trib_deal_state *state = &run->s.state;
    int64_t amount = 0, left = state->charged - (state->paid - state->refunded);
    bool there = false;
    trib_code code = TRIB_OK;
    switch (step->delta) {
    case DEALS_ZERO: break;
    case DEALS_LEFT:
        code = deals_body_amount(run, "amount", &amount, &there, err);
        if (code == TRIB_OK && !there && left <= 0 && state->charged > 0)
            return trib_error_set(err, TRIB_BAD_TRANSITION, "everything is paid already");
        if (!there) amount = left;
        break;
    case DEALS_FARE:
        code = deals_body_amount(run, "fare", &amount, &there, err);
        if (there || code != TRIB_OK) break;
        *ret = run->s.events[0].values[TRIB_STREAM_COL_DELTA];
        return TRIB_OK;
    case DEALS_AMOUNT: code = deals_body_amount(run, "amount", &amount, NULL, err); break;
    }
    *ret = deals_amount(amount, run->type->decimals);
    return code;
}

/* Nobody did it: neither who confirms nor who has delivered can be told from it. */
static trib_code timer_payload(const deals_run *run, trib_str *ret, trib_error *err) {
    *ret = trib_arena_printf(run->txn->arena, "{\"reason\":\"%s\"}", run->ask->timer->name);
    return ret->ptr ? TRIB_OK : trib_error_set(err, TRIB_NOMEM, NULL);
}

static trib_code do_event(deals_run *run, const deals_step *step, trib_error *err) {
    trib_value delta;
    trib_str payload;
    trib_code code = delta_of(run, step, &delta, err);
    if (code == TRIB_OK && run->ask->timer) code = timer_payload(run, &payload, err);
    else if (code == TRIB_OK) code = deals_payload(run, step->payload, TRIB_DEAL_PAYLOAD_MAX_BYTES, &payload, err);
    if (code != TRIB_OK) return code;
    return deals_draft(run, step->opcode, run->ask->deal_id, (trib_str){0}, delta, payload, step->by_platform, err);
}

static bool is_wanted(deals_run *run, const deals_step *step) {
    const trib_json *body = run->ask->body;
    bool start = false;
    if (!step->if_asked) return true;
    (void)trib_json_bool(trib_json_get(body, "start"), &start);
    run->asked = run->asked || start || (step->kind == DEALS_EVENT && deals_payload_asked(step->payload, body));
    return run->asked;
}

/* A cancellation that was begun elsewhere is only finished, one that is finished stays as it is. */
static bool is_begun(const deals_run *run, const deals_step *step) {
    const deals_action *action = run->ask->action;
    bool undoes = action->steps[action->step_count - 1].kind == DEALS_UNDO;
    trib_str status = trib_deal_status_name(run->type, run->s.state.status);
    return undoes && step->kind == DEALS_EVENT &&
           (trib_str_eq_c(status, "cancelling") || trib_str_eq_c(status, "cancelled"));
}

/* The step's word: the deal wants somebody else for the job. */
static trib_code free_worker(deals_run *run, const deals_step *step, trib_error *err) {
    const deals_worker *worker = deals_facts_worker(&run->facts, step->job);
    if (!worker) return TRIB_OK;
    trib_code code = deals_free(run, worker, step->word != NULL, err);
    return code == TRIB_OK && step->word ? deals_jobs_come_back(run, worker, err) : code;
}

static trib_code do_step(deals_run *run, const deals_step *step, trib_error *err) {
    if (!is_wanted(run, step) || is_begun(run, step)) return TRIB_OK;
    switch (step->kind) {
    case DEALS_EVENT: return do_event(run, step, err);
    case DEALS_STOCK: return deals_take_stock(run, err);
    case DEALS_CLAIM: return deals_claim(run, step, err);
    case DEALS_FREE: return free_worker(run, step, err);
    case DEALS_DAYS: return deals_set_days(run, step, err);
    case DEALS_PAID: return deals_check_paid(run, err);
    case DEALS_PAYOUT: return deals_pay_out(run, err);
    case DEALS_UNDO: return deals_undo(run, err);
    }
    return TRIB_OK;
}

/* ---- who asks ---- */

/* A member that may not is told so; who is no member has been told that there is no such stream. */
trib_code deals_check_asker(const deals_run *run, trib_error *err) {
    const deals_action *action = run->ask->action;
    trib_str me = run->txn->tenant_name;
    if (run->txn->tenant_id.len == 0 || deals_lists(action->who, TRIB_STR("any"))) return TRIB_OK;
    for (size_t i = 0; i < run->type->role_count; i++)
        if (trib_str_eq(run->s.state.role_tenants[i], me) && deals_lists(action->who, run->type->roles[i].name))
            return TRIB_OK;
    return trib_error_set(err, TRIB_FORBIDDEN, "%s is for: %s; tenant \"%.*s\" is not that in this deal", action->name,
                          action->who, TRIB_STR_ARG(me));
}

trib_code deals_load_opening(deals_run *run, trib_error *err) {
    const deals_ask *ask = run->ask;
    trib_value payload = run->s.events[0].values[TRIB_STREAM_COL_PAYLOAD];
    trib_str text = payload.type == TRIB_VALUE_TEXT ? payload.bytes : TRIB_STR("{}");
    trib_code code = trib_json_parse(run->txn->arena, text, &run->opening, err);
    if (code == TRIB_OK) code = deals_read_items(run->opening, run->items, &run->item_count, err);
    return code == TRIB_OK ? deals_facts_load(run->txn, ask->vertical, ask->deal_id, &run->facts, err) : code;
}

static trib_code load(deals_run *run, trib_error *err) {
    const deals_ask *ask = run->ask;
    trib_code code = trib_stream_open(run->txn, ask->deal_id, &run->s, err);
    if (code != TRIB_OK) return code;
    if (run->s.count == 0 || !run->s.type || !trib_str_eq_c(run->s.type->name, ask->vertical->type))
        return trib_stream_not_found(ask->deal_id, err);
    run->type = run->s.type;
    code = deals_check_asker(run, err);
    return code == TRIB_OK ? deals_load_opening(run, err) : code;
}

/* ---- the answer ---- */

static void write_events(const deals_run *run, trib_json_writer *w) {
    trib_jw_key_c(w, "events");
    trib_jw_array_begin(w);
    for (size_t i = run->s.count - run->draft_count; i < run->s.count; i++) {
        const trib_stream_event *event = &run->s.events[i];
        int64_t opcode = event->values[TRIB_STREAM_COL_OPCODE].integer;
        const trib_deal_op *op = trib_deal_op_get(run->type, opcode);
        trib_jw_object_begin(w);
        trib_jw_member_i64(w, "seq", (int64_t)event->seq);
        trib_jw_member_str(w, "id", event->values[TRIB_STREAM_COL_ID].bytes);
        trib_jw_member_i64(w, "opcode", opcode);
        if (op) trib_jw_member_str(w, "name", op->name);
        trib_jw_object_end(w);
    }
    trib_jw_array_end(w);
}

static void write_money(const deals_run *run, trib_json_writer *w, const char *key, int64_t amount) {
    char digits[TRIB_DEAL_AMOUNT_BYTES];
    size_t len = trib_deal_amount_format(amount, run->type->decimals, digits);
    trib_jw_key_c(w, key);
    trib_jw_raw(w, trib_str_make(digits, len));
}

static void write_answer(const deals_run *run, bool duplicate, trib_buf *out) {
    const trib_command *command = run->command;
    const trib_deal_state *state = &run->s.state;
    trib_json_writer w;
    trib_jw_init(&w, out);
    trib_jw_object_begin(&w);
    trib_jw_member_str(&w, "id", run->ask->deal_id);
    trib_jw_member_str(&w, "type", run->type->name);
    trib_jw_member_str(&w, "status", trib_deal_status_name(run->type, state->status));
    trib_jw_member_i64(&w, "version", (int64_t)run->s.version);
    write_money(run, &w, "total", state->charged);
    write_money(run, &w, "paid", state->paid - state->refunded);
    write_events(run, &w);
    trib_jw_key_c(&w, "rows");
    trib_jw_object_begin(&w);
    for (size_t i = 0; i < command->tenant_count; i++)
        if (run->rows[i]) trib_jw_member_i64(&w, atomic_load(&command->tenants[i]->name), (int64_t)run->rows[i]);
    trib_jw_object_end(&w);
    trib_jw_member_bool(&w, "duplicate", duplicate);
    trib_jw_object_end(&w);
}

/* What comes again with the key is the same answer with `duplicate`. */
static trib_code answer(deals_run *run, trib_error *err) {
    deals_ask *ask = run->ask;
    trib_buf buf;
    trib_str again;
    trib_buf_init(&buf, DEALS_ANSWER_MAX_BYTES);
    write_answer(run, false, &buf);
    ask->response = trib_arena_dup(run->txn->arena, trib_buf_str(&buf));
    trib_buf_clear(&buf);
    write_answer(run, true, &buf);
    again = trib_buf_str(&buf);
    trib_code code = TRIB_OK;
    if (buf.failed || !ask->response.ptr) code = trib_error_set(err, TRIB_NOMEM, NULL);
    else if (ask->key.len) code = trib_stream_remember(run->txn, ask->deal_id, ask->key, ask->request, again, err);
    trib_buf_deinit(&buf);
    return code;
}

trib_code deals_work(trib_command *command, trib_stream_txn *txn, trib_handle *const *handles, trib_error *err) {
    deals_ask *ask = (deals_ask *)(void *)command;
    ask->is_duplicate = false;
    trib_code code = TRIB_OK;
    if (ask->key.len) code = trib_stream_recall(txn, ask->key, ask->request, &ask->response, &ask->is_duplicate, err);
    if (code != TRIB_OK || ask->is_duplicate) return code;
    deals_run *run = trib_arena_zalloc(txn->arena, 1, sizeof *run);
    if (!run) return trib_error_set(err, TRIB_NOMEM, NULL);
    run->ask = ask;
    run->command = command;
    run->txn = txn;
    run->handles = handles;
    if (ask->action) {
        bool is_due = true;
        code = load(run, err);
        if (code == TRIB_OK && ask->timer) code = trib_stream_timer_take(txn, ask->timer, &is_due, err);
        if (code != TRIB_OK || !is_due) return code; /* somebody was quicker */
        for (size_t i = 0; code == TRIB_OK && i < ask->action->step_count; i++)
            code = do_step(run, &ask->action->steps[i], err);
    } else {
        code = deals_open(run, err);
    }
    if (code == TRIB_OK) code = deals_flush(run, err);
    return code == TRIB_OK ? answer(run, err) : code;
}

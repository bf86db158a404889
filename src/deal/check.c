/* SPDX-License-Identifier: Apache-2.0 */
/* Whether an event may follow, and what it will do; see state.h and state_int.h. The rules are asked in the order in
 * which they help most: unknown opcode, status, role, then what the event holds. Nothing here changes the state. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "deal/state_int.h"

typedef struct check {
    const trib_deal_type *type;
    const trib_deal_state *state;
    const trib_deal_event *event;
    trib_deal_plan *plan;
    trib_deal_refusal *refusal;
    trib_error *err;
} check;

static trib_code code_of(trib_deal_refusal_kind kind) {
    switch (kind) {
    case TRIB_DEAL_REFUSED_NONE: break;
#define X(id, code, what)                                                                                              \
    case TRIB_DEAL_REFUSED_##id: return TRIB_##code;
        TRIB_DEAL_REFUSALS(X)
#undef X
    }
    return TRIB_INTERNAL;
}

static trib_code refuse(check *c, trib_deal_refusal_kind kind, const char *path, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
static trib_code refuse(check *c, trib_deal_refusal_kind kind, const char *path, const char *format, ...) {
    char text[TRIB_ERROR_MESSAGE_BYTES];
    va_list args;
    c->refusal->kind = kind;
    if (path) snprintf(c->refusal->path, sizeof c->refusal->path, "%s", path);
    c->refusal->allowed_count = trib_deal_allowed(c->type, c->state, UINT32_MAX, c->refusal->allowed);
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (!c->plan->op) return trib_error_set(c->err, code_of(kind), "opcode %" PRId64 ": %s", c->event->opcode, text);
    return trib_error_set(c->err, code_of(kind), "opcode %" PRId64 " (%.*s): %s", c->event->opcode,
                          TRIB_STR_ARG(c->plan->op->name), text);
}

/* ---- status and role ---- */

static const trib_deal_move *move_from(const trib_deal_op *op, int status) {
    for (size_t i = 0; i < op->move_count; i++) {
        const trib_deal_move *move = &op->moves[i];
        if (status < 0 ? move->opens : (move->from >> status & 1) != 0) return move;
    }
    return NULL;
}

size_t trib_deal_allowed(const trib_deal_type *type, const trib_deal_state *state, uint32_t roles,
                         int32_t ret[TRIB_DEAL_ALLOWED_MAX]) {
    size_t count = 0;
    for (size_t i = 0; i < type->op_count; i++) {
        const trib_deal_op *op = &type->ops[i];
        bool again = op->once && (state->seen[i / 64] >> (i % 64) & 1);
        if (!again && (op->roles & roles) && move_from(op, state->status)) ret[count++] = op->opcode;
    }
    return count;
}

/* "203 204 301" of what the status allows. */
static void allowed_text(const check *c, char *out, size_t size) {
    int32_t allowed[TRIB_DEAL_ALLOWED_MAX];
    size_t count = trib_deal_allowed(c->type, c->state, UINT32_MAX, allowed), len = 0;
    snprintf(out, size, "no opcode");
    for (size_t i = 0; i < count; i++) {
        int n = snprintf(out + len, size - len, "%s%" PRId32, len ? " " : "", allowed[i]);
        if (n < 0 || (size_t)n >= size - len) return;
        len += (size_t)n;
    }
}

static trib_code check_transition(check *c) {
    char allowed[200];
    const trib_deal_op *op = c->plan->op;
    size_t index = (size_t)(op - c->type->ops);
    c->plan->move = move_from(op, c->state->status);
    if (!c->plan->move) {
        allowed_text(c, allowed, sizeof allowed);
        if (c->state->status < 0)
            return refuse(c, TRIB_DEAL_REFUSED_TRANSITION, NULL, "a stream cannot begin with it, only with %s",
                          allowed);
        return refuse(c, TRIB_DEAL_REFUSED_TRANSITION, NULL, "may not follow in status %.*s; here are allowed: %s",
                      TRIB_STR_ARG(c->refusal->from), allowed);
    }
    if (op->once && (c->state->seen[index / 64] >> (index % 64) & 1))
        return refuse(c, TRIB_DEAL_REFUSED_REPEATED, NULL, "may be written once, and is in the stream already");
    for (size_t i = 0; i < c->type->role_count; i++) {
        if ((op->needs_assigned >> i & 1) && !c->state->role_tenants[i].len)
            return refuse(c, TRIB_DEAL_REFUSED_NOT_ASSIGNED, NULL, "no %.*s is assigned yet; assign one first",
                          TRIB_STR_ARG(c->type->roles[i].name));
    }
    return TRIB_OK;
}

static trib_code check_role(check *c) {
    const trib_deal_actor *actor = &c->event->actor;
    uint32_t usable = c->plan->op->roles & actor->roles;
    if (actor->is_trusted) return TRIB_OK;
    if (c->plan->op->roles == UINT32_MAX && actor->roles) return TRIB_OK;
    if (!usable) return refuse(c, TRIB_DEAL_REFUSED_ROLE, NULL, "is not for the role of this member");
    /* who has a role that is assigned acts in it only as the one that it is assigned to */
    for (size_t i = 0; i < c->type->role_count; i++) {
        if ((usable >> i & 1) && c->type->roles[i].is_assignable &&
            !trib_str_eq(c->state->role_tenants[i], actor->tenant))
            usable &= ~(UINT32_C(1) << i);
    }
    if (!usable) return refuse(c, TRIB_DEAL_REFUSED_ROLE, NULL, "is for the assigned member only");
    return TRIB_OK;
}

/* ---- columns and payload ---- */

static trib_code check_ids(check *c) {
    const trib_deal_event *e = c->event;
    if (c->plan->op && c->plan->op->needs_node && !e->node_id.len)
        return refuse(c, TRIB_DEAL_REFUSED_NODE, "nodeId", "nodeId is missing");
    if (c->plan->op && c->plan->op->needs_point && !e->point_id.len)
        return refuse(c, TRIB_DEAL_REFUSED_POINT, "pointId", "pointId is missing");
    if (e->node_id.len > TRIB_DEAL_ID_MAX_BYTES)
        return refuse(c, TRIB_DEAL_REFUSED_NODE, "nodeId", "nodeId has more than %d bytes", TRIB_DEAL_ID_MAX_BYTES);
    if (e->point_id.len > TRIB_DEAL_ID_MAX_BYTES)
        return refuse(c, TRIB_DEAL_REFUSED_POINT, "pointId", "pointId has more than %d bytes", TRIB_DEAL_ID_MAX_BYTES);
    return TRIB_OK;
}

static trib_code check_payload(check *c) {
    trib_str text = c->event->payload;
    trib_error why = {0};
    char path[TRIB_DEAL_PATH_BYTES];
    if (text.len > TRIB_DEAL_PAYLOAD_MAX_BYTES)
        return refuse(c, TRIB_DEAL_REFUSED_PAYLOAD, "$", "the payload has %zu bytes, at most %d are allowed", text.len,
                      TRIB_DEAL_PAYLOAD_MAX_BYTES);
    if (text.len) {
        /* two members of one name would be read differently by different readers */
        trib_code code = trib_json_parse_unique(&c->plan->arena, text, &c->plan->payload, &why);
        if (code == TRIB_NOMEM) return trib_error_set(c->err, TRIB_NOMEM, NULL);
        if (code != TRIB_OK)
            return refuse(c, TRIB_DEAL_REFUSED_PAYLOAD, "$", "the payload is no JSON: %s (byte %d)", why.message,
                          why.detail);
    }
    if (!c->plan->op || !c->plan->op->payload) return TRIB_OK;
    if (trib_deal_schema_check(c->plan->op->payload, c->plan->payload, path, &why) == TRIB_OK) return TRIB_OK;
    return refuse(c, TRIB_DEAL_REFUSED_PAYLOAD, path, "payload: %s", why.message);
}

/* A string of the payload that becomes part of the state; empty if there is none. */
static trib_code payload_id(check *c, trib_str member, trib_str *ret) {
    char path[TRIB_DEAL_PATH_BYTES];
    trib_str text = {0};
    (void)trib_json_str(trib_json_get_str(c->plan->payload, member), &text);
    if (text.len > TRIB_DEAL_ID_MAX_BYTES) {
        snprintf(path, sizeof path, "$.%.*s", TRIB_STR_ARG(member));
        return refuse(c, TRIB_DEAL_REFUSED_PAYLOAD, path, "%s has more than %d bytes", path, TRIB_DEAL_ID_MAX_BYTES);
    }
    *ret = text;
    return TRIB_OK;
}

/* ---- delta ---- */

/* A number of the payload as an amount. */
static bool amount_of(const trib_json *value, unsigned decimals, int64_t *ret) {
    trib_str token;
    return trib_json_number_token(value, &token) && trib_deal_amount_parse(token, decimals, ret);
}

/* The items of a sum that have a price; *ret_all: each has one. */
static bool sum_items(const trib_json *items, unsigned decimals, int64_t *ret, bool *ret_all) {
    for (const trib_json *item = trib_json_first(items); item; item = item->next) {
        const trib_json *qty_at = trib_json_get(item, "qty"), *price_at = trib_json_get(item, "price");
        int64_t qty = 1000000, price = 0, line = 0;
        if (trib_json_absent(price_at)) *ret_all = false;
        else if ((qty_at && !amount_of(qty_at, TRIB_DEAL_QTY_DECIMALS, &qty)) || !amount_of(price_at, decimals, &price))
            return false;
        if (!trib_deal_amount_times(qty, price, &line) || !trib_deal_amount_add(*ret, line, ret)) return false;
    }
    return true;
}

/* Fees: a number, or an object of numbers. */
static bool sum_fees(const trib_json *fees, unsigned decimals, int64_t *ret) {
    int64_t fee = 0;
    if (!trib_json_is(fees, TRIB_JSON_OBJECT))
        return amount_of(fees, decimals, &fee) && trib_deal_amount_add(*ret, fee, ret);
    for (const trib_json *f = trib_json_first(fees); f; f = f->next) {
        if (!amount_of(f, decimals, &fee) || !trib_deal_amount_add(*ret, fee, ret)) return false;
    }
    return true;
}

/* With all prices and fees in the payload, delta is their sum; where a part is not told, it is not below the rest. */
static trib_code check_sum(check *c, int64_t delta) {
    const trib_deal_op *op = c->plan->op;
    const trib_json *items = trib_json_get_str(c->plan->payload, op->sum_items),
                    *fees = op->sum_fees.len ? trib_json_get_str(c->plan->payload, op->sum_fees) : NULL;
    bool all = trib_json_is(items, TRIB_JSON_ARRAY) && !(op->sum_fees.len && trib_json_absent(fees));
    char sum_text[TRIB_DEAL_AMOUNT_BYTES + 1] = "";
    int64_t sum = 0;
    if (!sum_items(items, c->type->decimals, &sum, &all) ||
        (!trib_json_absent(fees) && !sum_fees(fees, c->type->decimals, &sum)))
        return refuse(c, TRIB_DEAL_REFUSED_DELTA, "delta",
                      "the items and fees cannot be summed: a price or fee is no number with at most %u decimals, or "
                      "too large",
                      c->type->decimals);
    if (delta == sum || (!all && delta > sum)) return TRIB_OK;
    (void)trib_deal_amount_format(sum, c->type->decimals, sum_text);
    return refuse(c, TRIB_DEAL_REFUSED_DELTA, "delta", "delta is %.*s, but items and fees in the payload make %s%s",
                  TRIB_STR_ARG(c->event->delta), all ? "" : "at least ", sum_text);
}

static bool delta_fits(trib_deal_delta rule, int64_t delta) {
    switch (rule) {
    case TRIB_DEAL_DELTA_ANY: return true;
    case TRIB_DEAL_DELTA_ZERO: return delta == 0;
    case TRIB_DEAL_DELTA_POSITIVE: return delta > 0;
    case TRIB_DEAL_DELTA_NEGATIVE: return delta < 0;
    case TRIB_DEAL_DELTA_NOT_NEGATIVE:
    case TRIB_DEAL_DELTA_SUM: break;
    }
    return delta >= 0;
}

static const char *delta_meaning(trib_deal_delta rule) {
    static const char *const words[] = {
#define X(id, word, meaning) meaning,
        TRIB_DEAL_DELTAS(X)
#undef X
    };
    return words[rule];
}

static trib_code check_delta(check *c, int64_t *ret) {
    const trib_deal_op *op = c->plan->op;
    bool is_money = op->ledger != TRIB_DEAL_LEDGER_NONE || op->delta == TRIB_DEAL_DELTA_SUM;
    unsigned decimals = is_money ? c->type->decimals : TRIB_DEAL_QTY_DECIMALS;
    if (c->event->delta.len && !trib_deal_amount_parse(c->event->delta, decimals, ret)) {
        if (op->delta == TRIB_DEAL_DELTA_ANY && !is_money && !op->moves_stock) return TRIB_OK; /* counts nowhere */
        return refuse(c, TRIB_DEAL_REFUSED_DELTA, "delta",
                      "delta must be a number with at most %u digits behind the point and 15 in all", decimals);
    }
    if (!delta_fits(op->delta, *ret))
        return refuse(c, TRIB_DEAL_REFUSED_DELTA, "delta", "delta must be %s", delta_meaning(op->delta));
    return op->delta == TRIB_DEAL_DELTA_SUM ? check_sum(c, *ret) : TRIB_OK;
}

/* ---- ledger ---- */

static trib_code check_currency(check *c) {
    trib_deal_plan *plan = c->plan;
    trib_str text = {0};
    const trib_json *value = trib_json_get(plan->payload, "currency");
    if (trib_json_absent(value)) return TRIB_OK;
    bool fits = trib_json_str(value, &text) && text.len == TRIB_DEAL_CURRENCY_BYTES - 1;
    for (size_t i = 0; fits && i < text.len; i++) fits = text.ptr[i] >= 'A' && text.ptr[i] <= 'Z';
    if (!fits)
        return refuse(c, TRIB_DEAL_REFUSED_CURRENCY, "$.currency", "$.currency must be three upper-case letters");
    if (plan->currency[0] && !trib_str_eq_c(text, plan->currency))
        return refuse(c, TRIB_DEAL_REFUSED_CURRENCY, "$.currency", "$.currency is %.*s, but the stream is in %s",
                      TRIB_STR_ARG(text), plan->currency);
    memcpy(plan->currency, text.ptr, text.len);
    plan->currency[text.len] = 0;
    return TRIB_OK;
}

static trib_code too_much(check *c, const char *what, int64_t left) {
    char text[TRIB_DEAL_AMOUNT_BYTES + 1] = "";
    text[trib_deal_amount_format_fixed(left, c->type->decimals, text)] = 0;
    return refuse(c, TRIB_DEAL_REFUSED_MONEY, "delta", "%s; %s is left", what, text);
}

static trib_code check_ledger(check *c, int64_t delta) {
    trib_deal_plan *plan = c->plan;
    int64_t net = plan->paid - plan->refunded, balance = net - plan->paid_out;
    bool fits = true;
    switch (plan->op->ledger) {
    case TRIB_DEAL_LEDGER_NONE: return TRIB_OK;
    case TRIB_DEAL_LEDGER_CHARGE:
        fits = trib_deal_amount_add(plan->charged, delta, &plan->charged);
        if (fits && plan->charged < net)
            return refuse(c, TRIB_DEAL_REFUSED_MONEY, "delta", "the total would be below what is paid; refund first");
        break;
    case TRIB_DEAL_LEDGER_PAYMENT:
        if (delta > plan->charged - net) return too_much(c, "this is more than is to be paid", plan->charged - net);
        fits = trib_deal_amount_add(plan->paid, delta, &plan->paid);
        break;
    case TRIB_DEAL_LEDGER_REFUND:
        if (delta > balance) return too_much(c, "this is more than may be refunded", balance);
        fits = trib_deal_amount_add(plan->refunded, delta, &plan->refunded);
        break;
    case TRIB_DEAL_LEDGER_PAYOUT:
        if (delta > balance) return too_much(c, "this is more than may be paid out", balance);
        fits = trib_deal_amount_add(plan->paid_out, delta, &plan->paid_out);
        break;
    case TRIB_DEAL_LEDGER_PAYBACK:
        if (delta > plan->paid_out) return too_much(c, "this is more than was paid out", plan->paid_out);
        plan->paid_out -= delta;
        break;
    }
    if (!fits) return refuse(c, TRIB_DEAL_REFUSED_MONEY, "delta", "the stream's sums would have more than 15 digits");
    return check_currency(c);
}

/* ---- roles, tasks, stock ---- */

/* Who is named when the stream opens, and who is assigned or released. */
static trib_code plan_roles(check *c) {
    trib_deal_plan *plan = c->plan;
    const trib_deal_op *op = plan->op;
    bool single = (op->assigns & (op->assigns - 1)) == 0, found = false;
    trib_code code = TRIB_OK;
    for (size_t i = 0; i < c->type->role_count && code == TRIB_OK; i++) {
        const trib_deal_role *role = &c->type->roles[i];
        bool assigns = op->assigns >> i & 1;
        trib_str tenant = {0};
        if (op->releases >> i & 1) plan->role_tenants[i] = (trib_str){0};
        if (!assigns && !plan->move->opens) continue;
        if (role->payload.len) code = payload_id(c, role->payload, &tenant);
        if (assigns && single && !tenant.len) tenant = c->event->node_id;
        if (!tenant.len || code != TRIB_OK) continue;
        if (assigns && c->state->role_tenants[i].len && plan->role_tenants[i].len)
            return refuse(c, TRIB_DEAL_REFUSED_ALREADY_ASSIGNED, NULL, "%.*s is assigned already, to %.*s",
                          TRIB_STR_ARG(role->name), TRIB_STR_ARG(plan->role_tenants[i]));
        plan->role_tenants[i] = tenant;
        if (assigns) plan->task_tenant = tenant;
        found |= assigns;
    }
    if (code == TRIB_OK && op->assigns && !found)
        return refuse(c, TRIB_DEAL_REFUSED_PAYLOAD, "$", "the payload names nobody to assign");
    return code;
}

bool trib_deal_task_is_over(trib_deal_task_state state) {
    return state == TRIB_DEAL_TASK_DONE || state == TRIB_DEAL_TASK_FAILED || state == TRIB_DEAL_TASK_VOID;
}

/* The latest task that is not over, of this name if there is one, else rather one that is not somebody's; SIZE_MAX:
 * none. */
static size_t find_task(const trib_deal_state *state, trib_str name) {
    size_t assigned = SIZE_MAX;
    for (size_t i = state->task_count; i-- > 0;) {
        const trib_deal_task *task = &state->tasks[i];
        if (trib_deal_task_is_over(task->state) || (name.len && !trib_str_eq(task->name, name))) continue;
        if (name.len || !task->tenant.len) return i;
        if (assigned == SIZE_MAX) assigned = i;
    }
    return assigned;
}

static trib_code plan_task(check *c) {
    trib_deal_plan *plan = c->plan;
    const trib_deal_op *op = plan->op;
    if (op->task == TRIB_DEAL_TASK_STATE_COUNT) return TRIB_OK;
    trib_code code = payload_id(c, TRIB_STR("task"), &plan->task_name);
    if (code != TRIB_OK) return code;
    if (!plan->task_name.len) plan->task_name = op->task_name;
    if (!plan->task_name.len && op->task == TRIB_DEAL_TASK_VOID) {
        plan->void_tasks = true;
        return TRIB_OK;
    }
    bool makes = op->task == TRIB_DEAL_TASK_OPEN || op->task == TRIB_DEAL_TASK_ASSIGNED;
    if (makes && !plan->task_name.len) plan->task_name = TRIB_STR("task");
    plan->task = find_task(c->state, plan->task_name);
    /* one that nobody announced exists from now on, if it has a name and is not already over */
    if (plan->task != SIZE_MAX || !plan->task_name.len || trib_deal_task_is_over(op->task)) return TRIB_OK;
    if (c->state->task_count == TRIB_DEAL_TASKS_MAX)
        return refuse(c, TRIB_DEAL_REFUSED_LIMIT, NULL, "the stream has %d tasks, as many as it may",
                      TRIB_DEAL_TASKS_MAX);
    plan->task = c->state->task_count;
    return TRIB_OK;
}

static trib_code plan_stock(check *c, int64_t qty) {
    trib_deal_plan *plan = c->plan;
    const trib_deal_state *state = c->state;
    int64_t after = qty;
    if (!plan->op->moves_stock) return TRIB_OK;
    plan->qty = qty;
    plan->stock_id = c->event->point_id.len ? c->event->point_id : c->event->node_id;
    plan->stock = 0;
    while (plan->stock < state->stock_count && !trib_str_eq(state->stock[plan->stock].id, plan->stock_id))
        plan->stock++;
    if (plan->stock < state->stock_count && !trib_deal_amount_add(state->stock[plan->stock].balance, qty, &after))
        return refuse(c, TRIB_DEAL_REFUSED_DELTA, "delta", "the moved quantity would have more than 15 digits");
    if (plan->stock == TRIB_DEAL_STOCK_MAX)
        return refuse(c, TRIB_DEAL_REFUSED_LIMIT, NULL, "the stream moves the stock of %d points, as many as it may",
                      TRIB_DEAL_STOCK_MAX);
    return TRIB_OK;
}

/* ---- all of it ---- */

static void init_plan(const trib_deal_state *state, trib_deal_plan *plan) {
    *plan = (trib_deal_plan){.charged = state->charged,
                             .paid = state->paid,
                             .refunded = state->refunded,
                             .paid_out = state->paid_out,
                             .task = SIZE_MAX,
                             .stock = SIZE_MAX};
    memcpy(plan->currency, state->currency, sizeof plan->currency);
    memcpy(plan->role_tenants, state->role_tenants, sizeof plan->role_tenants);
    trib_arena_init(&plan->arena, TRIB_DEAL_CHECK_ARENA_BYTES);
}

trib_code trib_deal_plan_make(const trib_deal_type *type, const trib_deal_state *state, const trib_deal_event *event,
                              trib_deal_plan *plan, trib_deal_refusal *refusal, trib_error *err) {
    check c = {.type = type, .state = state, .event = event, .plan = plan, .refusal = refusal, .err = err};
    int64_t delta = 0;
    *refusal = (trib_deal_refusal){.opcode = event->opcode, .from = trib_deal_status_name(type, state->status)};
    init_plan(state, plan);
    plan->op = trib_deal_op_get(type, event->opcode);
    if (!plan->op && !type->is_open)
        return refuse(&c, TRIB_DEAL_REFUSED_UNKNOWN_OPCODE, NULL, "streams of type %.*s do not have it",
                      TRIB_STR_ARG(type->name));
    trib_code code = TRIB_OK;
    if (plan->op) code = check_transition(&c);
    if (plan->op && code == TRIB_OK) code = check_role(&c);
    if (code == TRIB_OK) code = check_ids(&c);
    if (code == TRIB_OK) code = check_payload(&c);
    if (!plan->op || code != TRIB_OK) return code;
    code = check_delta(&c, &delta);
    if (code == TRIB_OK) code = check_ledger(&c, delta);
    if (code == TRIB_OK) code = plan_roles(&c);
    if (code == TRIB_OK) code = plan_task(&c);
    return code == TRIB_OK ? plan_stock(&c, delta) : code;
}

void trib_deal_plan_deinit(trib_deal_plan *plan) {
    trib_arena_deinit(&plan->arena);
}

trib_code trib_deal_check(const trib_deal_type *type, const trib_deal_state *state, const trib_deal_event *event,
                          trib_deal_refusal *ret, trib_error *err) {
    trib_deal_plan plan;
    trib_deal_refusal refusal;
    trib_code code = trib_deal_plan_make(type, state, event, &plan, ret ? ret : &refusal, err);
    trib_deal_plan_deinit(&plan);
    return code;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* What the members of a stream type must keep together; see type_int.h. Each rule is about something that would
 * otherwise show only when a deal is stuck: a status nobody reaches or leaves, a role that nobody fills, money that
 * cannot move. */
#include "deal/type_int.h"

static uint32_t bit(int status) {
    return UINT32_C(1) << status;
}

static uint32_t all_final(const trib_deal_type *type) {
    uint32_t bits = 0;
    for (size_t i = 0; i < type->status_count; i++) bits |= type->statuses[i].is_final ? bit((int)i) : 0;
    return bits;
}

static void check_op_moves(trib_deal_reading *r, const trib_deal_op *op, const trib_json *at) {
    const trib_json *move_at = trib_json_first(trib_json_get(at, "moves"));
    for (size_t i = 0; i < op->move_count && move_at; i++, move_at = move_at->next) {
        const trib_deal_move *move = &op->moves[i];
        if (move->opens && !trib_json_get(move_at, "to"))
            trib_deal_problems_add(r->problems, move_at, "a move from \"start\" needs \"to\", the first status");
        if (move->opens && move->when != TRIB_DEAL_WHEN_ALWAYS)
            trib_deal_problems_add(r->problems, move_at, "a move from \"start\" takes no \"when\"");
        if (move->to >= 0 && (move->from & all_final(r->type) & ~bit(move->to)))
            trib_deal_problems_add(r->problems, move_at,
                                   "this leaves a final status; take it out of \"from\" or of \"final\"");
    }
}

/* Delta, ledger and stock of one opcode. */
static void check_op_numbers(trib_deal_reading *r, const trib_deal_op *op, const trib_json *at) {
    bool counts = op->ledger != TRIB_DEAL_LEDGER_NONE && op->ledger != TRIB_DEAL_LEDGER_CHARGE;
    if (op->ledger != TRIB_DEAL_LEDGER_NONE && op->moves_stock)
        trib_deal_problems_add(r->problems, at,
                               "\"ledger\" and \"stock\" exclude each other: delta is money or a quantity");
    if (op->delta == TRIB_DEAL_DELTA_SUM && op->moves_stock)
        trib_deal_problems_add(r->problems, at, "a \"sum\" is money, but \"stock\" is a quantity");
    if ((op->ledger != TRIB_DEAL_LEDGER_NONE || op->moves_stock) && op->delta == TRIB_DEAL_DELTA_ZERO)
        trib_deal_problems_add(r->problems, at, "with \"delta\": \"0\" nothing can be %s",
                               op->moves_stock ? "moved in stock" : "booked in the ledger");
    if (counts && op->delta != TRIB_DEAL_DELTA_POSITIVE && op->delta != TRIB_DEAL_DELTA_NOT_NEGATIVE)
        trib_deal_problems_add(r->problems, at, "a %s needs \"delta\": \">0\" or \">=0\"",
                               trib_deal_ledger_text(op->ledger));
    if (op->moves_stock && !op->needs_node && !op->needs_point)
        trib_deal_problems_add(r->problems, at,
                               "\"stock\" needs \"pointId\": true (or nodeId), to say whose stock it is");
}

static bool is_filled_at_start(const trib_deal_role *role) {
    return role->payload.len > 0;
}

static void check_op_roles(trib_deal_reading *r, const trib_deal_op *op, const trib_json *at) {
    const trib_deal_type *type = r->type;
    bool several = (op->assigns & (op->assigns - 1)) != 0;
    for (size_t i = 0; i < type->role_count; i++) {
        const trib_deal_role *role = &type->roles[i];
        if ((op->needs_assigned >> i & 1) && !role->is_assignable && !is_filled_at_start(role))
            trib_deal_problems_add(r->problems, at, "no opcode assigns the role %.*s that is needed here",
                                   TRIB_STR_ARG(role->name));
        if ((op->releases >> i & 1) && !role->is_assignable)
            trib_deal_problems_add(r->problems, at, "no opcode assigns the role %.*s that is released here",
                                   TRIB_STR_ARG(role->name));
        if (several && (op->assigns >> i & 1) && !role->payload.len)
            trib_deal_problems_add(
                r->problems, at, "of several roles to assign, %.*s needs \"payload\", the member that names its tenant",
                TRIB_STR_ARG(role->name));
    }
    if (op->assigns && !several && !op->needs_node) {
        for (size_t i = 0; i < type->role_count; i++) {
            if ((op->assigns >> i & 1) && !type->roles[i].payload.len)
                trib_deal_problems_add(
                    r->problems, at,
                    "nothing says who gets the role %.*s: add \"nodeId\": true, or \"payload\" to the "
                    "role",
                    TRIB_STR_ARG(type->roles[i].name));
        }
    }
}

/* Statuses that are reached from `bits` (with `forward`), or from which they are reached. */
static uint32_t spread(const trib_deal_type *type, uint32_t bits, bool forward) {
    for (uint32_t before = 0; before != bits;) {
        before = bits;
        for (size_t i = 0; i < type->op_count; i++) {
            for (size_t k = 0; k < type->ops[i].move_count; k++) {
                const trib_deal_move *move = &type->ops[i].moves[k];
                if (move->to < 0) continue;
                if (forward && (move->from & bits)) bits |= bit(move->to);
                if (!forward && (bits & bit(move->to))) bits |= move->from;
            }
        }
    }
    return bits;
}

static void check_graph(trib_deal_reading *r) {
    const trib_deal_type *type = r->type;
    uint32_t first = 0;
    for (size_t i = 0; i < type->op_count; i++) {
        for (size_t k = 0; k < type->ops[i].move_count; k++) {
            const trib_deal_move *move = &type->ops[i].moves[k];
            if (move->opens && move->to >= 0) first |= bit(move->to);
        }
    }
    if (!first) {
        trib_deal_problems_add_key(r->problems, trib_json_get(r->root, "opcodes"),
                                   "no opcode opens a stream: one needs a move from \"start\" to a status");
        return;
    }
    uint32_t reached = spread(type, first, true), ending = spread(type, all_final(type), false);
    for (size_t i = 0; i < type->status_count; i++) {
        trib_str name = type->statuses[i].name;
        if (!(reached & bit((int)i)))
            trib_deal_problems_add_key(r->problems, r->status_at[i],
                                       "the status %.*s is never reached; add a move to it, or remove it",
                                       TRIB_STR_ARG(name));
        else if (!(ending & bit((int)i)))
            trib_deal_problems_add_key(r->problems, r->status_at[i],
                                       "from the status %.*s no final status is reached; add a move that leads on",
                                       TRIB_STR_ARG(name));
    }
}

static bool allows(const trib_deal_op *op, int status) {
    for (size_t i = 0; i < op->move_count; i++) {
        if (op->moves[i].from & bit(status)) return true;
    }
    return false;
}

static void check_timers(trib_deal_reading *r) {
    const trib_deal_type *type = r->type;
    for (size_t i = 0; i < type->timer_count; i++) {
        const trib_deal_timer *timer = &type->timers[i];
        const trib_json *at = r->timer_at[i], *opcode_at = trib_json_get(at, "opcode");
        for (size_t k = 0; k < i; k++) {
            if (timer->name.len && trib_str_eq(type->timers[k].name, timer->name))
                trib_deal_problems_add(r->problems, at, "there is another timer %.*s; choose another name",
                                       TRIB_STR_ARG(timer->name));
        }
        if (timer->status >= 0 && type->statuses[timer->status].is_final)
            trib_deal_problems_add(r->problems, at, "a timer in a final status has nothing to do; remove it");
        if (!timer->opcode) continue;
        const trib_deal_op *op = trib_deal_op_get(type, timer->opcode);
        if (!op)
            trib_deal_problems_add(r->problems, opcode_at, "there is no opcode %d in this type; add it to \"opcodes\"",
                                   timer->opcode);
        else if (timer->status >= 0 && !allows(op, timer->status))
            trib_deal_problems_add(r->problems, opcode_at, "opcode %d is not allowed in the timer's status %.*s",
                                   timer->opcode, TRIB_STR_ARG(type->statuses[timer->status].name));
    }
}

/* Money that comes in must be able to be asked for, and to go out again. */
static void check_ledger(trib_deal_reading *r) {
    bool has[TRIB_DEAL_LEDGER_PAYBACK + 1] = {0};
    const trib_json *ops = trib_json_get(r->root, "opcodes");
    for (size_t i = 0; i < r->type->op_count; i++) has[r->type->ops[i].ledger] = true;
    if (has[TRIB_DEAL_LEDGER_PAYMENT] && !has[TRIB_DEAL_LEDGER_CHARGE])
        trib_deal_problems_add_key(r->problems, ops,
                                   "a payment needs an opcode with \"ledger\": \"charge\": nothing is to "
                                   "be paid otherwise");
    if ((has[TRIB_DEAL_LEDGER_PAYOUT] || has[TRIB_DEAL_LEDGER_REFUND]) && !has[TRIB_DEAL_LEDGER_PAYMENT])
        trib_deal_problems_add_key(r->problems, ops,
                                   "payouts and refunds need an opcode with \"ledger\": \"payment\" before them");
    if (has[TRIB_DEAL_LEDGER_PAYBACK] && !has[TRIB_DEAL_LEDGER_PAYOUT])
        trib_deal_problems_add_key(r->problems, ops, "a payback needs an opcode with \"ledger\": \"payout\" before it");
    if (has[TRIB_DEAL_LEDGER_PAYMENT] && !has[TRIB_DEAL_LEDGER_PAYOUT] && !has[TRIB_DEAL_LEDGER_REFUND])
        trib_deal_problems_add_key(r->problems, ops,
                                   "what is paid must go out again: add a \"payout\" or a \"refund\"");
}

void trib_deal_check_type(trib_deal_reading *r) {
    for (size_t i = 0; i < r->type->op_count; i++) {
        check_op_moves(r, &r->type->ops[i], r->op_at[i]);
        check_op_numbers(r, &r->type->ops[i], r->op_at[i]);
        check_op_roles(r, &r->type->ops[i], r->op_at[i]);
    }
    /* with broken opcodes, what follows from them would only be noise */
    if (r->type->op_count && !r->problems->total) check_graph(r);
    if (!r->problems->total) check_ledger(r);
    check_timers(r);
}

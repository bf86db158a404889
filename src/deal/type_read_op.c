/* SPDX-License-Identifier: Apache-2.0 */
/* The reader of a stream type's opcodes; see type_int.h. A table of members, one function each. */
#include <string.h>

#include "deal/type_int.h"

typedef void read_member(trib_deal_reading *r, const trib_json *value, trib_deal_op *op);

/* The words of an X-macro table; -1 and a problem if `value` is none of them. */
static int read_word(trib_deal_reading *r, const trib_json *value, const char *const *words, int count) {
    char list[160] = "";
    trib_str word = {0};
    (void)trib_json_str(value, &word);
    for (int i = 0; i < count; i++) {
        if (trib_str_eq_c(word, words[i])) return i;
    }
    for (int i = 0; i < count; i++) {
        size_t len = strlen(list), more = strlen(words[i]);
        if (len + more + 2 > sizeof list) break;
        if (len) list[len++] = ' ';
        memcpy(list + len, words[i], more + 1);
    }
    trib_deal_problems_add(r->problems, value, "\"%.*s\" must be one of: %s", TRIB_STR_ARG(value->key), list);
    return -1;
}

static void read_opcode(trib_deal_reading *r, const trib_json *value, trib_deal_op *op) {
    int64_t number = 0;
    if (!trib_json_i64(value, &number) || number < 1 || number > TRIB_DEAL_OPCODE_MAX)
        trib_deal_problems_add(r->problems, value, "\"opcode\" must be a whole number from 1 to %d",
                               TRIB_DEAL_OPCODE_MAX);
    else op->opcode = (int32_t)number;
}

static void read_name(trib_deal_reading *r, const trib_json *value, trib_deal_op *op) {
    op->name = trib_deal_read_text(r, value, "name");
    if (!trib_deal_is_name(op->name, true))
        trib_deal_problems_add(r->problems, value,
                               "\"name\" of an opcode must be upper-case letters, digits and underscores, as in "
                               "ORDER_CREATE");
}

static void read_about(trib_deal_reading *r, const trib_json *value, trib_deal_op *op) {
    op->about = trib_deal_read_text(r, value, "about");
}

static uint32_t read_role_list(trib_deal_reading *r, const trib_json *value) {
    uint32_t bits = 0;
    if (!trib_json_is(value, TRIB_JSON_ARRAY) || !trib_json_count(value))
        trib_deal_problems_add(r->problems, value, "\"%.*s\" must be an array of roles, at least one",
                               TRIB_STR_ARG(value->key));
    for (const trib_json *c = trib_json_first(value); c && value->kind == TRIB_JSON_ARRAY; c = c->next) {
        int role = trib_deal_read_role(r, c);
        if (role >= 0) bits |= UINT32_C(1) << role;
    }
    return bits;
}

static void read_roles(trib_deal_reading *r, const trib_json *value, trib_deal_op *op) {
    trib_str word = {0};
    if (trib_json_str(value, &word) && trib_str_eq_c(word, "any")) op->roles = UINT32_MAX;
    else op->roles = read_role_list(r, value);
}

static void read_needs(trib_deal_reading *r, const trib_json *value, trib_deal_op *op) {
    op->needs_assigned = read_role_list(r, value);
}

static void read_assigns(trib_deal_reading *r, const trib_json *value, trib_deal_op *op) {
    op->assigns = read_role_list(r, value);
    for (size_t i = 0; i < r->type->role_count; i++) {
        if (op->assigns >> i & 1) r->type->roles[i].is_assignable = true;
    }
}

static void read_releases(trib_deal_reading *r, const trib_json *value, trib_deal_op *op) {
    op->releases = read_role_list(r, value);
}

/* "start", "any", "placed" or an array of statuses */
static void read_from(trib_deal_reading *r, const trib_json *value, trib_deal_move *move) {
    trib_str word = {0};
    int status = -1;
    if (trib_json_str(value, &word)) {
        if (trib_str_eq_c(word, "start")) move->opens = true;
        else if (trib_str_eq_c(word, "any")) move->from = UINT32_MAX;
        else if ((status = trib_deal_read_status(r, value)) >= 0) move->from = UINT32_C(1) << status;
    } else if (!trib_json_is(value, TRIB_JSON_ARRAY) || !trib_json_count(value)) {
        trib_deal_problems_add(r->problems, value,
                               "\"from\" must be \"start\", \"any\", a status or an array of statuses");
    }
    for (const trib_json *c = trib_json_first(value); c && value->kind == TRIB_JSON_ARRAY; c = c->next) {
        status = trib_deal_read_status(r, c);
        if (status < 0) continue;
        uint32_t bit = UINT32_C(1) << status;
        if (move->from & bit) trib_deal_problems_add(r->problems, c, "this status stands here twice; remove one");
        move->from |= bit;
    }
    /* bits past the last status would be rules about nothing */
    if (r->type->status_count < TRIB_DEAL_STATUSES_MAX) move->from &= (UINT32_C(1) << r->type->status_count) - 1;
}

static void read_move(trib_deal_reading *r, const trib_json *value, trib_deal_move *move) {
    static const char *const known[] = {"from", "to", "when", NULL};
    static const char *const whens[] = {
#define X(id, word, meaning) word,
        TRIB_DEAL_WHENS(X)
#undef X
    };
    const trib_json *from = trib_json_get(value, "from"), *to = trib_json_get(value, "to"),
                    *when = trib_json_get(value, "when");
    move->to = TRIB_DEAL_NO_STATUS;
    if (!trib_json_is(value, TRIB_JSON_OBJECT)) {
        trib_deal_problems_add(r->problems, value,
                               "a move must be an object, as in {\"from\": \"start\", \"to\": "
                               "\"placed\"}");
        return;
    }
    trib_deal_check_members(r, value, "a move", known);
    if (from) read_from(r, from, move);
    else trib_deal_problems_add(r->problems, value, "a move needs \"from\"");
    if (to) move->to = trib_deal_read_status(r, to);
    if (when && !to) trib_deal_problems_add(r->problems, when, "\"when\" without \"to\" does nothing; remove it");
    int word = when ? read_word(r, when, whens, (int)(sizeof whens / sizeof *whens)) : 0;
    if (word >= 0) move->when = (trib_deal_when)word;
}

static void read_moves(trib_deal_reading *r, const trib_json *value, trib_deal_op *op) {
    size_t count = trib_json_count(value);
    if (!trib_json_is(value, TRIB_JSON_ARRAY) || !count || count > TRIB_DEAL_MOVES_MAX) {
        trib_deal_problems_add(r->problems, value, "\"moves\" must be an array of 1 to %d objects",
                               TRIB_DEAL_MOVES_MAX);
        return;
    }
    for (const trib_json *c = trib_json_first(value); c; c = c->next) {
        trib_deal_move move = {0};
        uint32_t before = 0;
        bool opens = false;
        for (size_t i = 0; i < op->move_count; i++) {
            before |= op->moves[i].from;
            opens |= op->moves[i].opens;
        }
        read_move(r, c, &move);
        if ((before & move.from) || (opens && move.opens))
            trib_deal_problems_add(r->problems, c,
                                   "a status stands in two moves of this opcode: which one counts? Keep it in one");
        op->moves[op->move_count++] = move;
    }
}

static void read_delta(trib_deal_reading *r, const trib_json *value, trib_deal_op *op) {
    static const char *const known[] = {"sum", "fees", NULL};
    static const char *const words[] = {
#define X(id, word, meaning) word,
        TRIB_DEAL_DELTAS(X)
#undef X
    };
    if (trib_json_is(value, TRIB_JSON_OBJECT)) {
        trib_deal_check_members(r, value, "\"delta\"", known);
        op->delta = TRIB_DEAL_DELTA_SUM;
        op->sum_items = trib_deal_read_text(r, trib_json_get(value, "sum"), "sum");
        op->sum_fees = trib_deal_read_text(r, trib_json_get(value, "fees"), "fees");
        if (!op->sum_items.len)
            trib_deal_problems_add(r->problems, value,
                                   "\"sum\" must name the array of the payload that is summed, as in \"items\"");
        return;
    }
    /* "sum" is written as an object */
    int word = read_word(r, value, words, TRIB_DEAL_DELTA_SUM);
    if (word >= 0) op->delta = (trib_deal_delta)word;
}

static void read_ledger(trib_deal_reading *r, const trib_json *value, trib_deal_op *op) {
    static const char *const words[] = {
#define X(id, word, meaning) word,
        TRIB_DEAL_LEDGERS(X)
#undef X
    };
    int word = read_word(r, value, words, (int)(sizeof words / sizeof *words));
    if (word >= 0) op->ledger = (trib_deal_ledger)word;
}

static void read_stock(trib_deal_reading *r, const trib_json *value, trib_deal_op *op) {
    trib_deal_read_bool(r, value, "stock", &op->moves_stock);
}
static void read_once(trib_deal_reading *r, const trib_json *value, trib_deal_op *op) {
    trib_deal_read_bool(r, value, "once", &op->once);
}
static void read_node(trib_deal_reading *r, const trib_json *value, trib_deal_op *op) {
    trib_deal_read_bool(r, value, "nodeId", &op->needs_node);
}
static void read_point(trib_deal_reading *r, const trib_json *value, trib_deal_op *op) {
    trib_deal_read_bool(r, value, "pointId", &op->needs_point);
}

/* "started", or {"state": "done", "name": "delivery"} */
static void read_task(trib_deal_reading *r, const trib_json *value, trib_deal_op *op) {
    static const char *const known[] = {"state", "name", NULL};
    static const char *const words[] = {
#define X(id, word) word,
        TRIB_DEAL_TASK_STATES(X)
#undef X
    };
    const trib_json *state = value;
    if (trib_json_is(value, TRIB_JSON_OBJECT)) {
        trib_deal_check_members(r, value, "\"task\"", known);
        state = trib_json_get(value, "state");
        op->task_name = trib_deal_read_text(r, trib_json_get(value, "name"), "name");
        if (op->task_name.len > TRIB_DEAL_NAME_MAX_BYTES)
            trib_deal_problems_add(r->problems, value, "the name of a task has at most %d bytes",
                                   TRIB_DEAL_NAME_MAX_BYTES);
    }
    if (!state) {
        trib_deal_problems_add(r->problems, value, "\"task\" needs a \"state\"");
        return;
    }
    int word = read_word(r, state, words, TRIB_DEAL_TASK_STATE_COUNT);
    if (word >= 0) op->task = (trib_deal_task_state)word;
}

static void read_payload(trib_deal_reading *r, const trib_json *value, trib_deal_op *op) {
    trib_deal_schema_read(r->arena, value, r->problems, &op->payload);
}

static const struct {
    const char *name;
    read_member *read;
} members[] = {
    {"opcode", read_opcode},   {"name", read_name},         {"about", read_about},   {"roles", read_roles},
    {"moves", read_moves},     {"delta", read_delta},       {"ledger", read_ledger}, {"stock", read_stock},
    {"once", read_once},       {"nodeId", read_node},       {"pointId", read_point}, {"needs", read_needs},
    {"assigns", read_assigns}, {"releases", read_releases}, {"task", read_task},     {"payload", read_payload},
};
enum { MEMBERS = sizeof members / sizeof *members };

static void read_op(trib_deal_reading *r, const trib_json *value, trib_deal_op *op) {
    static const char *const needed[] = {"opcode", "name", "roles", "moves"};
    const char *known[MEMBERS + 1] = {0};
    for (size_t i = 0; i < MEMBERS; i++) known[i] = members[i].name;
    *op = (trib_deal_op){.task = TRIB_DEAL_TASK_STATE_COUNT};
    if (!trib_json_is(value, TRIB_JSON_OBJECT)) {
        trib_deal_problems_add(r->problems, value, "an opcode must be an object, not %s", trib_json_kind_text(value));
        return;
    }
    for (const trib_json *m = trib_json_first(value); m; m = m->next) {
        size_t i = 0;
        while (i < MEMBERS && !trib_str_eq_c(m->key, members[i].name)) i++;
        if (i < MEMBERS) members[i].read(r, m, op);
        else trib_deal_unknown_member(r, m, "an opcode", known);
    }
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++) {
        if (!trib_json_get(value, needed[i]))
            trib_deal_problems_add(r->problems, value, "this opcode has no \"%s\"; add it", needed[i]);
    }
}

/* Puts the opcode where it belongs by number, or says that it is there already. */
static void insert(trib_deal_reading *r, const trib_deal_op *op, const trib_json *at) {
    trib_deal_type *type = r->type;
    size_t i = type->op_count;
    for (size_t k = 0; k < type->op_count; k++) {
        if (op->opcode && type->ops[k].opcode == op->opcode)
            trib_deal_problems_add(r->problems, at, "opcode %d is defined a second time (first as %.*s); remove one",
                                   op->opcode, TRIB_STR_ARG(type->ops[k].name));
        if (op->name.len && trib_str_eq(type->ops[k].name, op->name))
            trib_deal_problems_add(r->problems, at, "the name %.*s is that of opcode %d already; choose another",
                                   TRIB_STR_ARG(op->name), type->ops[k].opcode);
    }
    for (; i > 0 && type->ops[i - 1].opcode > op->opcode; i--) {
        type->ops[i] = type->ops[i - 1];
        r->op_at[i] = r->op_at[i - 1];
    }
    type->ops[i] = *op;
    r->op_at[i] = at;
    type->op_count++;
}

void trib_deal_read_ops(trib_deal_reading *r, const trib_json *value) {
    size_t count = trib_json_count(value);
    if (!trib_json_is(value, TRIB_JSON_ARRAY) || !count || count > TRIB_DEAL_OPS_MAX) {
        trib_deal_problems_add(r->problems, value ? value : r->root, "\"opcodes\" must be an array of 1 to %d objects",
                               TRIB_DEAL_OPS_MAX);
        return;
    }
    r->type->ops = trib_arena_zalloc(r->arena, count, sizeof *r->type->ops);
    if (!r->type->ops) return;
    for (const trib_json *c = trib_json_first(value); c; c = c->next) {
        trib_deal_op op;
        read_op(r, c, &op);
        insert(r, &op, c);
    }
}

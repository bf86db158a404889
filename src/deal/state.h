/* SPDX-License-Identifier: Apache-2.0 */
/* The state of a deal: what its events, folded in order, amount to; and the question whether one more may follow.
 *
 *   trib_deal_state_init(&state, &arena);
 *   for each stored event:  trib_deal_replay(type, &state, &event, &err);
 *   for a new one:          trib_deal_apply(type, &state, &event, &refusal, &err)    refused: the state is as before
 *
 * fold(prefix) + event = fold(prefix + event), whatever the prefix. Pure: no clock, no look-ups; whether stock is there
 * and a claim stands is for the command that writes the event. */
#ifndef TRIB_DEAL_STATE_H
#define TRIB_DEAL_STATE_H

#include "deal/type.h"

enum {
    TRIB_DEAL_PAYLOAD_MAX_BYTES = 64 * 1024, /* of an event */
    TRIB_DEAL_CHECK_ARENA_BYTES = 8 << 20,   /* of a payload's tree while it is checked */
    TRIB_DEAL_ID_MAX_BYTES = 200,            /* of nodeId, pointId, a tenant, a task: they live in the state */
    TRIB_DEAL_TASKS_MAX = 64,                /* of a stream: looked up by walking */
    TRIB_DEAL_STOCK_MAX = 512,               /* points whose stock a stream moves: looked up by walking */
    TRIB_DEAL_CURRENCY_BYTES = 4,            /* "AED" and a NUL */
    TRIB_DEAL_ALLOWED_MAX = TRIB_DEAL_OPS_MAX
};

/* Who writes an event. */
typedef struct trib_deal_actor {
    trib_str tenant;
    uint32_t roles;  /* what it is in this stream: bits of trib_deal_role_bit */
    bool is_trusted; /* a full-access token: rules about roles do not hold it */
} trib_deal_actor;

/* The columns of `events` that count here; ptr NULL is SQL's NULL. */
typedef struct trib_deal_event {
    int64_t opcode;
    trib_str node_id, point_id;
    trib_str delta;   /* a JSON number; of a double: trib_f64_format. Empty: 0 */
    trib_str payload; /* JSON text; empty: none */
    trib_deal_actor actor;
} trib_deal_event;

typedef struct trib_deal_task {
    trib_str name, tenant; /* tenant: who it is assigned to, or empty */
    trib_deal_task_state state;
} trib_deal_task;

typedef struct trib_deal_stock {
    trib_str id;     /* pointId, or nodeId where there is none */
    int64_t balance; /* TRIB_DEAL_QTY_DECIMALS; below zero: taken out */
} trib_deal_stock;

/* Read freely; changed by the functions below only. Money in smallest units of the type's decimals. */
typedef struct trib_deal_state {
    int status;       /* index, or TRIB_DEAL_NO_STATUS */
    uint64_t version; /* events folded in */
    uint64_t misfits; /* of these, stored events that the type would have refused: counted, without effect */
    int64_t charged, paid, refunded, paid_out;
    char currency[TRIB_DEAL_CURRENCY_BYTES];    /* the first one named; empty: none was */
    trib_str role_tenants[TRIB_DEAL_ROLES_MAX]; /* of roles that are filled, else empty */
    uint64_t seen[TRIB_DEAL_OPS_MAX / 64];      /* bit i: type->ops[i] is in the stream */
    trib_deal_task *tasks;
    size_t task_count, task_cap;
    trib_deal_stock *stock;
    size_t stock_count, stock_cap;
    trib_arena *arena; /* borrowed: everything above that is no number */
} trib_deal_state;

/* Why an event may not follow. X(id, code, what) with code the trib_code of the answer. */
#define TRIB_DEAL_REFUSALS(X)                                                                                          \
    X(UNKNOWN_OPCODE, BAD_EVENT, "the type does not have this opcode")                                                 \
    X(TRANSITION, BAD_TRANSITION, "the status does not allow this opcode")                                             \
    X(REPEATED, BAD_TRANSITION, "the opcode may be written once")                                                      \
    X(NOT_ASSIGNED, BAD_TRANSITION, "a role must be assigned first")                                                   \
    X(ALREADY_ASSIGNED, BAD_TRANSITION, "the role is assigned already")                                                \
    X(ROLE, FORBIDDEN, "this member may not write this opcode")                                                        \
    X(NODE, BAD_EVENT, "nodeId is missing or too long")                                                                \
    X(POINT, BAD_EVENT, "pointId is missing or too long")                                                              \
    X(DELTA, BAD_EVENT, "delta breaks its rule")                                                                       \
    X(PAYLOAD, BAD_EVENT, "the payload does not fit its schema")                                                       \
    X(MONEY, BAD_EVENT, "more is paid, paid out or refunded than there is")                                            \
    X(CURRENCY, BAD_EVENT, "the stream has another currency")                                                          \
    X(LIMIT, BAD_EVENT, "the stream has as many tasks or points as it may")

typedef enum trib_deal_refusal_kind {
    TRIB_DEAL_REFUSED_NONE,
#define X(id, code, what) TRIB_DEAL_REFUSED_##id,
    TRIB_DEAL_REFUSALS(X)
#undef X
} trib_deal_refusal_kind;

typedef struct trib_deal_refusal {
    trib_deal_refusal_kind kind;
    int64_t opcode;
    trib_str from;                   /* status, "-" for none; borrowed from the type */
    char path[TRIB_DEAL_PATH_BYTES]; /* "$.items[2].qty" in the payload; "delta", "nodeId", "pointId"; empty: none */
    int32_t allowed[TRIB_DEAL_ALLOWED_MAX]; /* opcodes that the status allows, ascending (whoever may write them) */
    size_t allowed_count;
} trib_deal_refusal;

/* The state of a stream without events. The arena must outlive it and be its alone while it changes. */
void trib_deal_state_init(trib_deal_state *state, trib_arena *arena);
/* A copy with memory of its own in `arena`, to try several events on and keep or drop. Errors: NOMEM. */
trib_code trib_deal_state_copy(const trib_deal_state *state, trib_arena *arena, trib_deal_state *ret, trib_error *err);

/* Whether the event may follow. ret (may be NULL) says more where it may not.
 * Errors: BAD_TRANSITION, BAD_EVENT, FORBIDDEN; NOMEM. Thread: any, also several on one state that nobody changes. */
trib_code trib_deal_check(const trib_deal_type *type, const trib_deal_state *state, const trib_deal_event *event,
                          trib_deal_refusal *ret, trib_error *err);
/* Checks, and folds the event in. After any error the state is as it was. */
trib_code trib_deal_apply(const trib_deal_type *type, trib_deal_state *state, const trib_deal_event *event,
                          trib_deal_refusal *ret, trib_error *err);
/* An event that is stored already: as trib_deal_apply for a trusted actor, and what does not fit is counted in
 * `misfits`. Errors: NOMEM. */
trib_code trib_deal_replay(const trib_deal_type *type, trib_deal_state *state, const trib_deal_event *event,
                           trib_error *err);

/* Money that is neither paid out nor refunded yet; 0 in every settled stream. */
int64_t trib_deal_balance(const trib_deal_state *state);
/* Ledger zero, all stock back, no task open, nobody assigned. */
bool trib_deal_is_compensated(const trib_deal_type *type, const trib_deal_state *state);
/* True when the stream may be closed and archived: it is in a final status. */
bool trib_deal_is_final(const trib_deal_type *type, const trib_deal_state *state);
/* Opcodes that the status allows members with one of `roles` (all ones: anybody), ascending; returns how many. */
size_t trib_deal_allowed(const trib_deal_type *type, const trib_deal_state *state, uint32_t roles,
                         int32_t ret[TRIB_DEAL_ALLOWED_MAX]);

/* {"type","status","final","version","misfits","currency","charged","paid","refunded","paidOut","balance","members":{},
 * "tasks":[],"stock":[],"allowed":[]}; money as decimals. (state_write.c) */
void trib_deal_state_write(const trib_deal_type *type, const trib_deal_state *state, trib_json_writer *w);
/* Its parts that others write too: a member of money or quantity, as JavaScript prints the number; and "members". */
void trib_deal_write_amount(trib_json_writer *w, const char *key, int64_t amount, unsigned decimals);
void trib_deal_write_members(const trib_deal_type *type, const trib_deal_state *state, trib_json_writer *w);

#endif

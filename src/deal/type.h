/* SPDX-License-Identifier: Apache-2.0 */
/* A stream type: which events a deal of this kind may have, who writes them, and what they do. Read from a JSON file
 * (docs/reference/stream-types.md has every member; docs/how-to/write-a-stream-type.md builds one).
 *
 *   file -> problems (line, column)          and, if there are none:
 *        -> type: statuses  placed -> accepted -> ... -> settled        bits of a mask, in the file's order
 *                 roles     customer merchant driver ...                bits of a mask, in the file's order
 *                 opcodes   501 301 ...  each with moves, delta rule, ledger and stock rule, payload schema
 *                 timers    placed --15m--> 504
 *
 * Everything is immutable after reading and lives in one arena: any number of threads may read it. Pure. */
#ifndef TRIB_DEAL_TYPE_H
#define TRIB_DEAL_TYPE_H

#include "deal/amount.h"
#include "deal/schema.h"

enum {
    TRIB_DEAL_FILE_MAX_BYTES = 256 * 1024, /* a type is small; a path to something else is a mistake */
    TRIB_DEAL_TYPE_ARENA_BYTES = 16 << 20, /* of one file's tree and table */
    TRIB_DEAL_STATUSES_MAX = 32,           /* a bit each */
    TRIB_DEAL_ROLES_MAX = 32,              /* a bit each */
    TRIB_DEAL_OPS_MAX = 128,               /* a bit each in a state's memory of what was written */
    TRIB_DEAL_MOVES_MAX = 8,               /* of an opcode */
    TRIB_DEAL_TIMERS_MAX = 32,
    TRIB_DEAL_NAME_MAX_BYTES = 48, /* of types, statuses, roles, opcodes: they stand in tables and messages */
    TRIB_DEAL_OPCODE_MAX = 999999
};
#define TRIB_DEAL_TIMER_MAX_MS (INT64_C(400) * 24 * 3600 * 1000) /* 400 days: later is a typing error */

/* Status of a stream without events. */
#define TRIB_DEAL_NO_STATUS (-1)

/* X(id, word, meaning) */
#define TRIB_DEAL_DELTAS(X)                                                                                            \
    X(ANY, "any", "any number")                                                                                        \
    X(ZERO, "0", "zero")                                                                                               \
    X(POSITIVE, ">0", "above zero")                                                                                    \
    X(NEGATIVE, "<0", "below zero")                                                                                    \
    X(NOT_NEGATIVE, ">=0", "zero or above")                                                                            \
    X(SUM, "sum", "the sum of the items and fees in the payload")

#define TRIB_DEAL_LEDGERS(X)                                                                                           \
    X(NONE, "none", "no money moves")                                                                                  \
    X(CHARGE, "charge", "raises what is to be paid")                                                                   \
    X(PAYMENT, "payment", "money comes in; not above what is to be paid")                                              \
    X(REFUND, "refund", "money goes back to who paid; not above what is left")                                         \
    X(PAYOUT, "payout", "money goes out to who earned it; not above what is left")                                     \
    X(PAYBACK, "payback", "money that was paid out comes back; not above what was")

#define TRIB_DEAL_WHENS(X)                                                                                             \
    X(ALWAYS, "always", "always")                                                                                      \
    X(LEDGER_ZERO, "ledger-zero", "payments = payouts + refunds")                                                      \
    X(COMPENSATED, "compensated", "ledger zero, all stock back, no task open, nobody assigned")

#define TRIB_DEAL_TASK_STATES(X)                                                                                       \
    X(OPEN, "open")                                                                                                    \
    X(ASSIGNED, "assigned")                                                                                            \
    X(STARTED, "started")                                                                                              \
    X(BLOCKED, "blocked")                                                                                              \
    X(DONE, "done")                                                                                                    \
    X(FAILED, "failed")                                                                                                \
    X(VOID, "void")

/* What a timer's "action" may be: X(id, word, writes, meaning). `writes`: the timer's "opcode" is the event that comes
 * of it. Whoever does one registers it (core/stream_timer.h). */
#define TRIB_DEAL_ACTIONS(X)                                                                                           \
    X(REMIND_PAYMENT, "remind-payment", true,                                                                          \
      "where something is left to pay, writes the opcode, with `left` and `currency` in its payload")                  \
    X(LOOK_FOR_DRIVER, "look-for-driver", false, "offers the job to drivers who are near")

typedef enum trib_deal_delta {
#define X(id, word, meaning) TRIB_DEAL_DELTA_##id,
    TRIB_DEAL_DELTAS(X)
#undef X
} trib_deal_delta;

typedef enum trib_deal_ledger {
#define X(id, word, meaning) TRIB_DEAL_LEDGER_##id,
    TRIB_DEAL_LEDGERS(X)
#undef X
} trib_deal_ledger;

typedef enum trib_deal_when {
#define X(id, word, meaning) TRIB_DEAL_WHEN_##id,
    TRIB_DEAL_WHENS(X)
#undef X
} trib_deal_when;

typedef enum trib_deal_task_state {
#define X(id, word) TRIB_DEAL_TASK_##id,
    TRIB_DEAL_TASK_STATES(X)
#undef X
        TRIB_DEAL_TASK_STATE_COUNT /* as an opcode's effect: none */
} trib_deal_task_state;

typedef struct trib_deal_role {
    trib_str name, about;
    trib_str payload;   /* member of a payload that names the role's tenant; empty: none does */
    bool is_assignable; /* an opcode assigns it: only the assigned tenant acts in it */
} trib_deal_role;

typedef struct trib_deal_status {
    trib_str name, about;
    bool is_final; /* no event moves a stream out of it */
} trib_deal_status;

/* From one of `from`, the status becomes `to` when `when` holds after the event, else it stays. */
typedef struct trib_deal_move {
    uint32_t from; /* bits of statuses; 0 with `opens` */
    bool opens;    /* "start": the first event of a stream */
    int to;        /* TRIB_DEAL_NO_STATUS: stays */
    trib_deal_when when;
} trib_deal_move;

typedef struct trib_deal_op {
    int32_t opcode;
    trib_str name, about;
    uint32_t roles; /* bits; all ones: every member */
    trib_deal_move moves[TRIB_DEAL_MOVES_MAX];
    size_t move_count;
    trib_deal_delta delta;
    trib_str sum_items, sum_fees; /* members of the payload, for TRIB_DEAL_DELTA_SUM */
    trib_deal_ledger ledger;
    bool moves_stock;                /* delta is a quantity of pointId (or nodeId) */
    bool once;                       /* at most one in a stream */
    bool needs_node, needs_point;    /* nodeId, pointId must be there */
    uint32_t needs_assigned;         /* roles that must be assigned before */
    uint32_t assigns, releases;      /* roles that are assigned (by payload or nodeId), or free again */
    trib_deal_task_state task;       /* what becomes of the task, or TRIB_DEAL_TASK_STATE_COUNT */
    trib_str task_name;              /* where the payload names none; empty: the latest open one */
    const trib_deal_schema *payload; /* NULL: any */
} trib_deal_op;

/* A stream that is `after_ms` in `status` without leaving it gets `opcode` from the platform, or `action` is called. */
typedef struct trib_deal_timer {
    trib_str name;
    int status;
    int64_t after_ms;
    int32_t opcode;  /* 0: none; with an action, what that writes */
    trib_str action; /* of TRIB_DEAL_ACTIONS; empty: the opcode is written */
} trib_deal_timer;

typedef struct trib_deal_type {
    trib_str name, title, about;
    bool is_open;      /* opcodes that are not listed are stored, and change nothing but the version */
    unsigned decimals; /* of money */
    trib_deal_status *statuses;
    size_t status_count;
    trib_deal_role *roles;
    size_t role_count;
    trib_deal_op *ops; /* by opcode */
    size_t op_count;
    trib_deal_timer *timers;
    size_t timer_count;
} trib_deal_type;

/* Reads and checks a file: names, limits, that every status can be reached and a final one can be reached from it, that
 * opcodes are unique and timers name opcodes that fit their status.
 * Owns:   *ret and the problems' texts live in `arena` and borrow from `text`.
 * Errors: STREAM_TYPE_INVALID with the first problem (problems has them all); NOMEM.
 * Thread: any. */
trib_code trib_deal_type_read(trib_arena *arena, trib_str text, trib_deal_problems *problems,
                              const trib_deal_type **ret, trib_error *err);

/* NULL, -1: there is none. */
const trib_deal_op *trib_deal_op_get(const trib_deal_type *type, int64_t opcode);
int trib_deal_status_find(const trib_deal_type *type, trib_str name);
int trib_deal_role_find(const trib_deal_type *type, trib_str name);
/* The role's bit for trib_deal_actor; 0: the type has no such role. */
uint32_t trib_deal_role_bit(const trib_deal_type *type, trib_str name);
/* "-" for TRIB_DEAL_NO_STATUS. */
trib_str trib_deal_status_name(const trib_deal_type *type, int status);
/* The timers of a status, one after another: NULL, then the last answer. NULL: no more. */
const trib_deal_timer *trib_deal_timer_next(const trib_deal_type *type, int status, const trib_deal_timer *after);

/* The words of the tables above. */
const char *trib_deal_delta_text(trib_deal_delta delta);
const char *trib_deal_ledger_text(trib_deal_ledger ledger);
const char *trib_deal_when_text(trib_deal_when when);
const char *trib_deal_task_text(trib_deal_task_state state);

/* For people and programs, from the same table (type_write.c): a chapter of Markdown, TypeScript declarations, JSON. */
void trib_deal_type_markdown(const trib_deal_type *type, trib_buf *out);
void trib_deal_type_typescript(const trib_deal_type *type, trib_buf *out);
void trib_deal_type_json(const trib_deal_type *type, trib_json_writer *w);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* What an event will do to a state: made by the check (check.c), carried out by the fold (state.c). */
#ifndef TRIB_DEAL_STATE_INT_H
#define TRIB_DEAL_STATE_INT_H

#include "deal/state.h"

typedef struct trib_deal_plan {
    const trib_deal_op *op;                     /* NULL: an unknown opcode of an open type */
    const trib_deal_move *move;                 /* that applies */
    const trib_json *payload;                   /* NULL: none */
    int64_t charged, paid, refunded, paid_out;  /* afterwards */
    int64_t qty;                                /* moved in stock */
    char currency[TRIB_DEAL_CURRENCY_BYTES];    /* afterwards */
    trib_str role_tenants[TRIB_DEAL_ROLES_MAX]; /* afterwards; borrowed from the event where they are new */
    trib_str task_name, task_tenant;
    size_t task;     /* index; task_count: a new one; SIZE_MAX: none */
    bool void_tasks; /* all that are open become void */
    trib_str stock_id;
    size_t stock;     /* index; stock_count: a new one; SIZE_MAX: none */
    trib_arena arena; /* of the payload's tree */
} trib_deal_plan;

/* Checks the event and says what it does. Owns: trib_deal_plan_deinit, also after an error.
 * Errors: as trib_deal_check. */
trib_code trib_deal_plan_make(const trib_deal_type *type, const trib_deal_state *state, const trib_deal_event *event,
                              trib_deal_plan *plan, trib_deal_refusal *refusal, trib_error *err);
void trib_deal_plan_deinit(trib_deal_plan *plan);

/* Done, failed or void. */
bool trib_deal_task_is_over(trib_deal_task_state state);

#endif

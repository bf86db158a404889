/* SPDX-License-Identifier: Apache-2.0 */
/* What the reader of a stream type (type_read.c, type_read_op.c) and its checks (type_check.c) share. */
#ifndef TRIB_DEAL_TYPE_INT_H
#define TRIB_DEAL_TYPE_INT_H

#include "deal/type.h"

typedef struct trib_deal_reading {
    trib_arena *arena;
    trib_deal_problems *problems;
    trib_deal_type *type;
    const trib_json *root;
    /* where in the file: beside the arrays of the type */
    const trib_json *role_at[TRIB_DEAL_ROLES_MAX];
    const trib_json *status_at[TRIB_DEAL_STATUSES_MAX];
    const trib_json *op_at[TRIB_DEAL_OPS_MAX];
    const trib_json *timer_at[TRIB_DEAL_TIMERS_MAX];
} trib_deal_reading;

/* A string that is a name: [a-z][a-z0-9-]*, or with `upper` [A-Z][A-Z0-9_]*, at most TRIB_DEAL_NAME_MAX_BYTES. */
bool trib_deal_is_name(trib_str text, bool upper);
/* The string at `value`, empty and a problem if it is none; `what` is the member's name. */
trib_str trib_deal_read_text(trib_deal_reading *r, const trib_json *value, const char *what);
void trib_deal_read_bool(trib_deal_reading *r, const trib_json *value, const char *what, bool *ret);
/* An index, or -1 and a problem that suggests the nearest. */
int trib_deal_read_status(trib_deal_reading *r, const trib_json *value);
int trib_deal_read_role(trib_deal_reading *r, const trib_json *value);
/* Says that a member is not known; `known` are the names that are, NULL at the end. */
void trib_deal_unknown_member(trib_deal_reading *r, const trib_json *member, const char *where,
                              const char *const *known);
/* The members that are not in `known` are problems. */
void trib_deal_check_members(trib_deal_reading *r, const trib_json *object, const char *where,
                             const char *const *known);

/* "opcodes": type_read_op.c */
void trib_deal_read_ops(trib_deal_reading *r, const trib_json *value);
/* What the members together must keep: type_check.c */
void trib_deal_check_type(trib_deal_reading *r);

#endif

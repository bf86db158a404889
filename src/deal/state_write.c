/* SPDX-License-Identifier: Apache-2.0 */
/* A state as JSON; see state.h. Money and quantities are decimals, written as JavaScript prints them. */
#include "deal/state.h"

void trib_deal_write_amount(trib_json_writer *w, const char *key, int64_t amount, unsigned decimals) {
    char text[TRIB_DEAL_AMOUNT_BYTES];
    trib_jw_key_c(w, key);
    trib_jw_raw(w, trib_str_make(text, trib_deal_amount_format(amount, decimals, text)));
}

void trib_deal_write_members(const trib_deal_type *type, const trib_deal_state *state, trib_json_writer *w) {
    trib_jw_key_c(w, "members");
    trib_jw_object_begin(w);
    for (size_t i = 0; i < type->role_count; i++) {
        if (!state->role_tenants[i].len) continue;
        trib_jw_key(w, type->roles[i].name);
        trib_jw_str(w, state->role_tenants[i]);
    }
    trib_jw_object_end(w);
}

static void write_tasks(const trib_deal_state *state, trib_json_writer *w) {
    trib_jw_key_c(w, "tasks");
    trib_jw_array_begin(w);
    for (size_t i = 0; i < state->task_count; i++) {
        const trib_deal_task *task = &state->tasks[i];
        trib_jw_object_begin(w);
        trib_jw_member_str(w, "task", task->name);
        trib_jw_member_str(w, "state", trib_str_c(trib_deal_task_text(task->state)));
        if (task->tenant.len) trib_jw_member_str(w, "tenant", task->tenant);
        trib_jw_object_end(w);
    }
    trib_jw_array_end(w);
}

static void write_stock(const trib_deal_state *state, trib_json_writer *w) {
    trib_jw_key_c(w, "stock");
    trib_jw_array_begin(w);
    for (size_t i = 0; i < state->stock_count; i++) {
        trib_jw_object_begin(w);
        trib_jw_member_str(w, "id", state->stock[i].id);
        trib_deal_write_amount(w, "moved", state->stock[i].balance, TRIB_DEAL_QTY_DECIMALS);
        trib_jw_object_end(w);
    }
    trib_jw_array_end(w);
}

void trib_deal_state_write(const trib_deal_type *type, const trib_deal_state *state, trib_json_writer *w) {
    int32_t allowed[TRIB_DEAL_ALLOWED_MAX];
    trib_jw_object_begin(w);
    trib_jw_member_str(w, "type", type->name);
    if (state->status < 0) trib_jw_member_null(w, "status");
    else trib_jw_member_str(w, "status", trib_deal_status_name(type, state->status));
    trib_jw_member_bool(w, "final", trib_deal_is_final(type, state));
    trib_jw_member_i64(w, "version", (int64_t)state->version);
    trib_jw_member_i64(w, "misfits", (int64_t)state->misfits);
    if (state->currency[0]) trib_jw_member_str(w, "currency", trib_str_c(state->currency));
    else trib_jw_member_null(w, "currency");
    trib_deal_write_amount(w, "charged", state->charged, type->decimals);
    trib_deal_write_amount(w, "paid", state->paid, type->decimals);
    trib_deal_write_amount(w, "refunded", state->refunded, type->decimals);
    trib_deal_write_amount(w, "paidOut", state->paid_out, type->decimals);
    trib_deal_write_amount(w, "balance", trib_deal_balance(state), type->decimals);
    trib_deal_write_members(type, state, w);
    write_tasks(state, w);
    write_stock(state, w);
    trib_jw_key_c(w, "allowed");
    trib_jw_array_begin(w);
    size_t count = trib_deal_allowed(type, state, UINT32_MAX, allowed);
    for (size_t i = 0; i < count; i++) trib_jw_i64(w, allowed[i]);
    trib_jw_array_end(w);
    trib_jw_object_end(w);
}

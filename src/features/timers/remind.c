/* SPDX-License-Identifier: Apache-2.0 */
/* The action remind-payment: where something is left to pay, the platform writes the timer's opcode into the stream, so
 * that whoever follows it, or consumes it to send a message, hears of it. */
#include "deal/amount.h"
#include "features/timers/timers_int.h"

static const trib_deal_timer *find_timer(const trib_stream *s, trib_str name) {
    const trib_deal_timer *timer = NULL;
    while ((timer = trib_deal_timer_next(s->type, s->state.status, timer)) != NULL)
        if (trib_str_eq(timer->name, name)) return timer;
    return NULL;
}

static trib_str payload_of(trib_arena *arena, const trib_stream *s, int64_t left) {
    char digits[TRIB_DEAL_AMOUNT_BYTES];
    trib_json_writer w;
    trib_buf buf;
    size_t len = trib_deal_amount_format(left, s->type->decimals, digits);
    trib_buf_init(&buf, 1024);
    trib_jw_init(&w, &buf);
    trib_jw_object_begin(&w);
    trib_jw_key_c(&w, "left");
    trib_jw_raw(&w, trib_str_make(digits, len));
    if (s->state.currency[0]) trib_jw_member_str(&w, "currency", trib_str_c(s->state.currency));
    trib_jw_object_end(&w);
    trib_str payload = buf.failed ? (trib_str){0} : trib_arena_dup(arena, trib_buf_str(&buf));
    trib_buf_deinit(&buf);
    return payload;
}

trib_code timers_remind_payment(void *ctx, trib_stream_txn *txn, trib_stream *s, trib_str name, trib_error *err) {
    const trib_deal_timer *timer = find_timer(s, name);
    int64_t left = s->state.charged - (s->state.paid - s->state.refunded);
    (void)ctx;
    if (!timer || !timer->opcode || left <= 0) return TRIB_OK; /* the type is another one since, or all is paid */
    const trib_deal_op *op = trib_deal_op_get(s->type, timer->opcode);
    trib_str payload = payload_of(txn->arena, s, left);
    if (!payload.ptr) return trib_error_set(err, TRIB_NOMEM, NULL);
    return timers_append(txn, s, op, timer->opcode, payload, err);
}

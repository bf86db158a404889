/* SPDX-License-Identifier: Apache-2.0 */
/* The first event of a continuation, written and read; see continuation.h. */
#include "deal/continuation.h"

#include <string.h>

/* The sums that are carried, under their names in the state's JSON. */
enum { SUM_COUNT = 4 };
static const char *const sum_names[SUM_COUNT] = {"charged", "paid", "refunded", "paidOut"};

/* ---- writing ---- */

static void write_origin(trib_json_writer *w, const trib_deal_origin *origin) {
    static const char digits[] = "0123456789abcdef";
    char head[2 * TRIB_DEAL_LINK_BYTES];
    for (size_t i = 0; i < TRIB_DEAL_LINK_BYTES; i++) {
        head[2 * i] = digits[origin->head[i] >> 4];
        head[2 * i + 1] = digits[origin->head[i] & 15];
    }
    trib_jw_key_c(w, "continues");
    trib_jw_object_begin(w);
    trib_jw_member_str(w, "streamId", origin->stream_id);
    trib_jw_member_i64(w, "version", (int64_t)origin->version);
    trib_jw_member_str(w, "head", trib_str_make(head, sizeof head));
    trib_jw_object_end(w);
}

void trib_deal_continuation_write(const trib_deal_type *type, const trib_deal_state *state,
                                  const trib_deal_origin *origin, trib_buf *out) {
    trib_json_writer w;
    trib_jw_init(&w, out);
    trib_jw_object_begin(&w);
    if (type) trib_jw_member_str(&w, "streamType", type->name);
    write_origin(&w, origin);
    if (type) {
        const int64_t sums[SUM_COUNT] = {state->charged, state->paid, state->refunded, state->paid_out};
        trib_jw_member_str(&w, "status", trib_deal_status_name(type, state->status));
        if (state->currency[0]) trib_jw_member_str(&w, "currency", trib_str_c(state->currency));
        for (size_t i = 0; i < SUM_COUNT; i++) trib_deal_write_amount(&w, sum_names[i], sums[i], type->decimals);
        trib_deal_write_members(type, state, &w);
    }
    trib_jw_object_end(&w);
}

/* ---- reading ---- */

static int digit_of(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool read_head(trib_str text, uint8_t ret[TRIB_DEAL_LINK_BYTES]) {
    if (text.len != 2 * (size_t)TRIB_DEAL_LINK_BYTES) return false;
    for (size_t i = 0; i < TRIB_DEAL_LINK_BYTES; i++) {
        int high = digit_of(text.ptr[2 * i]), low = digit_of(text.ptr[2 * i + 1]);
        if (high < 0 || low < 0) return false;
        ret[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

bool trib_deal_continuation_read(trib_arena *arena, int64_t opcode, trib_str payload, trib_deal_origin *ret) {
    const trib_json *root;
    trib_str head;
    int64_t version;
    if (opcode != TRIB_DEAL_CONTINUES || !payload.len || payload.len > TRIB_DEAL_CONTINUATION_MAX_BYTES ||
        trib_json_parse_unique(arena, payload, &root, NULL) != TRIB_OK)
        return false;
    const trib_json *origin = trib_json_get(root, "continues");
    if (!trib_json_str(trib_json_get(origin, "streamId"), &ret->stream_id) ||
        !trib_json_i64(trib_json_get(origin, "version"), &version) || version < 0 ||
        !trib_json_str(trib_json_get(origin, "head"), &head) || !read_head(head, ret->head))
        return false;
    ret->version = (uint64_t)version;
    return true;
}

static bool read_amount(const trib_json *root, const char *name, unsigned decimals, int64_t *ret) {
    trib_str token;
    return trib_json_number_token(trib_json_get(root, name), &token) && trib_deal_amount_parse(token, decimals, ret);
}

static bool read_members(const trib_deal_type *type, const trib_json *members, trib_deal_state *ret) {
    for (const trib_json *m = trib_json_first(members); m; m = trib_json_next(m)) {
        int role = trib_deal_role_find(type, m->key);
        trib_str tenant;
        if (role < 0 || !trib_json_str(m, &tenant) || tenant.len > TRIB_DEAL_ID_MAX_BYTES) return false;
        ret->role_tenants[role] = trib_arena_dup(ret->arena, tenant);
    }
    return true;
}

static bool read_state(const trib_deal_type *type, const trib_json *root, trib_deal_state *ret) {
    int64_t *const sums[SUM_COUNT] = {&ret->charged, &ret->paid, &ret->refunded, &ret->paid_out};
    trib_str status, currency;
    if (!trib_json_str(trib_json_get(root, "status"), &status)) return false;
    ret->status = trib_deal_status_find(type, status);
    for (size_t i = 0; i < SUM_COUNT; i++)
        if (!read_amount(root, sum_names[i], type->decimals, sums[i])) return false;
    if (trib_json_str(trib_json_get(root, "currency"), &currency)) {
        if (currency.len != TRIB_DEAL_CURRENCY_BYTES - 1) return false;
        memcpy(ret->currency, currency.ptr, currency.len);
    }
    return ret->status >= 0 && read_members(type, trib_json_get(root, "members"), ret);
}

trib_code trib_deal_continuation_begin(const trib_deal_type *type, trib_deal_state *state, trib_str payload,
                                       trib_error *err) {
    trib_arena arena;
    trib_deal_origin origin;
    trib_deal_state begun;
    const trib_json *root = NULL;
    trib_deal_state_init(&begun, state->arena);
    trib_arena_init(&arena, TRIB_DEAL_CHECK_ARENA_BYTES);
    bool fits = trib_deal_continuation_read(&arena, TRIB_DEAL_CONTINUES, payload, &origin) &&
                trib_json_parse_unique(&arena, payload, &root, NULL) == TRIB_OK && read_state(type, root, &begun);
    bool full = arena.failed || state->arena->failed;
    trib_arena_deinit(&arena);
    if (full) return trib_error_set(err, TRIB_NOMEM, NULL);
    if (!fits)
        return trib_error_set(err, TRIB_BAD_EVENT, "opcode %d: the payload does not say what type %.*s goes on from",
                              TRIB_DEAL_CONTINUES, TRIB_STR_ARG(type->name));
    begun.version = 1;
    *state = begun;
    return TRIB_OK;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of src/deal/check.c: every refusal, with its code, kind and place; on the built-in type food. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "deal_support.h"

typedef struct refused_row {
    size_t after; /* events of the documents' order before it */
    step event;
    trib_code code;
    trib_deal_refusal_kind kind;
    const char *path, *message; /* a part of it */
} refused_row;

#define OPENING(members) "{\"customer\":\"ali\",\"restaurant\":\"bab-hara\"," members "}"

static const refused_row rows[] = {
    {0,
     {999, "o", NULL, "0", NULL, NULL, NULL, NULL},
     TRIB_BAD_EVENT,
     TRIB_DEAL_REFUSED_UNKNOWN_OPCODE,
     "",
     "streams of type food do not have it"},
    {0,
     {503, "o", NULL, "0", NULL, NULL, NULL, NULL},
     TRIB_BAD_TRANSITION,
     TRIB_DEAL_REFUSED_TRANSITION,
     "",
     "a stream cannot begin with it, only with 501"},
    {1,
     {501, "o", NULL, "1", NULL, NULL, NULL, NULL},
     TRIB_BAD_TRANSITION,
     TRIB_DEAL_REFUSED_TRANSITION,
     "",
     "may not follow in status placed; here are allowed: 203 204 301 311 504"},
    {2,
     {502, "o", NULL, "0", NULL, NULL, NULL, NULL},
     TRIB_BAD_TRANSITION,
     TRIB_DEAL_REFUSED_TRANSITION,
     "",
     "ORDER_SHIP"},
    {4, {301, "o", NULL, "0", NULL, NULL, NULL, NULL}, TRIB_BAD_TRANSITION, TRIB_DEAL_REFUSED_TRANSITION, "", "301"},
    {7,
     {502, "o", NULL, "0", NULL, "driver", "rami", NULL},
     TRIB_BAD_TRANSITION,
     TRIB_DEAL_REFUSED_NOT_ASSIGNED,
     "",
     "no driver is assigned yet"},
    {8,
     {302, "o", NULL, "0", "{\"driver\":\"zoe\"}", "dispatch", "hub", NULL},
     TRIB_BAD_TRANSITION,
     TRIB_DEAL_REFUSED_ALREADY_ASSIGNED,
     "",
     "driver is assigned already, to rami"},
    {8,
     {502, "o", NULL, "0", NULL, "driver", "zoe", NULL},
     TRIB_FORBIDDEN,
     TRIB_DEAL_REFUSED_ROLE,
     "",
     "assigned member only"},
    {2, {301, "o", NULL, "0", NULL, "customer", "ali", NULL}, TRIB_FORBIDDEN, TRIB_DEAL_REFUSED_ROLE, "", "role"},
    {0,
     {501, NULL, NULL, "46", OPENING("\"items\":[{}]"), "customer", "ali", NULL},
     TRIB_BAD_EVENT,
     TRIB_DEAL_REFUSED_NODE,
     "nodeId",
     "nodeId is missing"},
    {4,
     {102, "n", NULL, "-1", NULL, "merchant", "b", NULL},
     TRIB_BAD_EVENT,
     TRIB_DEAL_REFUSED_POINT,
     "pointId",
     "pointId is missing"},
    {4,
     {102, "n", "p", "1", NULL, "merchant", "b", NULL},
     TRIB_BAD_EVENT,
     TRIB_DEAL_REFUSED_DELTA,
     "delta",
     "delta must be below zero"},
    {4,
     {102, "n", "p", "-0.0000001", NULL, "merchant", "b", NULL},
     TRIB_BAD_EVENT,
     TRIB_DEAL_REFUSED_DELTA,
     "delta",
     "at most 6 digits"},
    {2, {301, "n", NULL, "1", NULL, "merchant", "b", NULL}, TRIB_BAD_EVENT, TRIB_DEAL_REFUSED_DELTA, "delta", "zero"},
    {1,
     {203, "n", NULL, "1.005", NULL, "customer", "ali", NULL},
     TRIB_BAD_EVENT,
     TRIB_DEAL_REFUSED_DELTA,
     "delta",
     "at most 2 digits"},
    {1,
     {203, "n", NULL, "46.01", NULL, "customer", "ali", NULL},
     TRIB_BAD_EVENT,
     TRIB_DEAL_REFUSED_MONEY,
     "delta",
     "46.00 is left"},
    {2,
     {203, "n", NULL, "0.01", NULL, "customer", "ali", NULL},
     TRIB_BAD_EVENT,
     TRIB_DEAL_REFUSED_MONEY,
     "delta",
     "0.00 is left"},
    {10,
     {402, "rami", NULL, "46.01", NULL, "platform", "hub", NULL},
     TRIB_BAD_EVENT,
     TRIB_DEAL_REFUSED_MONEY,
     "delta",
     "more than may be paid out; 46.00 is left"},
    {11,
     {401, "rest", NULL, "34", "{\"currency\":\"EUR\"}", "platform", "hub", NULL},
     TRIB_BAD_EVENT,
     TRIB_DEAL_REFUSED_CURRENCY,
     "$.currency",
     "the stream is in AED"},
    {11,
     {401, "rest", NULL, "34", "{\"currency\":\"dirham\"}", "platform", "hub", NULL},
     TRIB_BAD_EVENT,
     TRIB_DEAL_REFUSED_CURRENCY,
     "$.currency",
     "three upper-case letters"},
    {12,
     {203, "n", NULL, "1", NULL, "customer", "ali", NULL},
     TRIB_BAD_TRANSITION,
     TRIB_DEAL_REFUSED_TRANSITION,
     "",
     "settled; here are allowed: 207 311 405"},
    {0,
     {501, "o", NULL, "46", "{\"customer\":", "customer", "ali", NULL},
     TRIB_BAD_EVENT,
     TRIB_DEAL_REFUSED_PAYLOAD,
     "$",
     "no JSON"},
    {0,
     {501, "o", NULL, "46", OPENING("\"items\":[{}],\"customer\":\"eve\""), "customer", "ali", NULL},
     TRIB_BAD_EVENT,
     TRIB_DEAL_REFUSED_PAYLOAD,
     "$",
     "no JSON"},
    {0,
     {501, "o", NULL, "46", NULL, "customer", "ali", NULL},
     TRIB_BAD_EVENT,
     TRIB_DEAL_REFUSED_PAYLOAD,
     "$.customer",
     "$.customer is missing"},
    {0,
     {501, "o", NULL, "46", OPENING("\"items\":[{},{\"qty\":\"2\"}]"), "customer", "ali", NULL},
     TRIB_BAD_EVENT,
     TRIB_DEAL_REFUSED_PAYLOAD,
     "$.items[1].qty",
     "$.items[1].qty is a string, but a number is wanted"},
    {0,
     {501, "o", NULL, "46", OPENING("\"items\":[{\"qty\":2,\"price\":18},{\"price\":5}],\"fees\":4"), "customer", "ali",
      NULL},
     TRIB_BAD_EVENT,
     TRIB_DEAL_REFUSED_DELTA,
     "delta",
     "delta is 46, but items and fees in the payload make 45"},
    {0,
     {501, "o", NULL, "40.99", OPENING("\"items\":[{\"qty\":2,\"price\":18},{\"price\":5}]"), "customer", "ali", NULL},
     TRIB_BAD_EVENT,
     TRIB_DEAL_REFUSED_DELTA,
     "delta",
     "make at least 41"},
    {0,
     {501, "o", NULL, "5", OPENING("\"items\":[{\"price\":5.001}]"), "customer", "ali", NULL},
     TRIB_BAD_EVENT,
     TRIB_DEAL_REFUSED_DELTA,
     "delta",
     "cannot be summed"},
    {0,
     {501, "o", NULL, "-1", OPENING("\"items\":[{}]"), "customer", "ali", NULL},
     TRIB_BAD_EVENT,
     TRIB_DEAL_REFUSED_DELTA,
     "delta",
     "delta must be the sum"},
};

/* The state after the first events of the documents' order. */
static void play(const trib_deal_type *food, trib_deal_state *state, trib_arena *arena, size_t count) {
    trib_arena_init(arena, 1 << 20);
    trib_deal_state_init(state, arena);
    for (size_t i = 0; i < count; i++) {
        trib_deal_event event = event_of(food, &documents_order[i]);
        assert_int_equal(trib_deal_apply(food, state, &event, NULL, NULL), TRIB_OK);
    }
}

static void each_refusal_says_what_where_and_what_is_allowed(void **unused) {
    trib_deal_registry registry;
    (void)unused;
    assert_int_equal(trib_deal_registry_init(&registry, NULL), TRIB_OK);
    const trib_deal_type *food = trib_deal_registry_get(&registry, TRIB_STR("food"));
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        trib_arena arena;
        trib_deal_state state;
        trib_deal_refusal refusal;
        trib_error err = {0};
        play(food, &state, &arena, rows[i].after);
        trib_deal_event event = event_of(food, &rows[i].event);
        trib_code code = trib_deal_check(food, &state, &event, &refusal, &err);
        if (code != rows[i].code || refusal.kind != rows[i].kind || strcmp(refusal.path, rows[i].path) != 0 ||
            !strstr(err.message, rows[i].message))
            fail_msg("row %zu: code %d, kind %d, path %s, %s", i, (int)code, (int)refusal.kind, refusal.path,
                     err.message);
        assert_int_equal(refusal.opcode, rows[i].event.opcode);
        assert_true(trib_str_eq(refusal.from, trib_deal_status_name(food, state.status)));
        int32_t allowed[TRIB_DEAL_ALLOWED_MAX];
        assert_int_equal(refusal.allowed_count, trib_deal_allowed(food, &state, UINT32_MAX, allowed));
        assert_memory_equal(refusal.allowed, allowed, refusal.allowed_count * sizeof *allowed);
        trib_arena_deinit(&arena);
    }
    trib_deal_registry_deinit(&registry);
}

static void sums_with_all_prices_and_fees_are_exact(void **unused) {
    static const struct {
        const char *delta, *payload;
    } good[] = {
        {"46", OPENING("\"items\":[{\"qty\":2,\"price\":18.0},{\"qty\":1,\"price\":5}],\"fees\":5")},
        {"46", OPENING("\"items\":[{\"qty\":2,\"price\":18.0},{\"price\":5}],\"fees\":{\"delivery\":4.5,\"bag\":0.5}")},
        {"46", OPENING("\"items\":[{\"qty\":2,\"price\":18.0},{\"price\":5}]")}, /* what is above is fees */
        {"3.33", OPENING("\"items\":[{\"qty\":0.333,\"price\":10}],\"fees\":0")},
        {"8", OPENING("\"items\":[{\"price\":10}],\"fees\":-2")}, /* a discount */
        {"0.3", OPENING("\"items\":[{\"price\":0.1},{\"price\":0.2}],\"fees\":0")},
    };
    trib_deal_registry registry;
    (void)unused;
    assert_int_equal(trib_deal_registry_init(&registry, NULL), TRIB_OK);
    const trib_deal_type *food = trib_deal_registry_get(&registry, TRIB_STR("food"));
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        trib_arena arena;
        trib_deal_state state;
        trib_error err = {0};
        const step opening = {501, "o", NULL, good[i].delta, good[i].payload, NULL, NULL, NULL};
        trib_deal_event event = event_of(food, &opening);
        play(food, &state, &arena, 0);
        if (trib_deal_check(food, &state, &event, NULL, &err) != TRIB_OK) fail_msg("row %zu: %s", i, err.message);
        trib_arena_deinit(&arena);
    }
    trib_deal_registry_deinit(&registry);
}

static void limits_of_what_a_state_holds_are_kept(void **unused) {
    trib_deal_registry registry;
    trib_arena arena;
    trib_deal_state state;
    char point[16];
    static char large[TRIB_DEAL_PAYLOAD_MAX_BYTES + 2];
    trib_deal_refusal refusal;
    (void)unused;
    assert_int_equal(trib_deal_registry_init(&registry, NULL), TRIB_OK);
    const trib_deal_type *food = trib_deal_registry_get(&registry, TRIB_STR("food"));
    play(food, &state, &arena, 4);
    const step sale = {102, "n", point, "-1", NULL, NULL, NULL, NULL};
    for (int i = 0; i <= TRIB_DEAL_STOCK_MAX; i++) {
        snprintf(point, sizeof point, "p%d", i);
        trib_deal_event event = event_of(food, &sale);
        trib_code code = trib_deal_apply(food, &state, &event, &refusal, NULL);
        assert_int_equal(code, i < TRIB_DEAL_STOCK_MAX ? TRIB_OK : TRIB_BAD_EVENT);
    }
    assert_int_equal(refusal.kind, TRIB_DEAL_REFUSED_LIMIT);
    memset(large, ' ', sizeof large - 1);
    const step comment = {311, NULL, NULL, NULL, large, NULL, NULL, NULL};
    trib_deal_event event = event_of(food, &comment);
    assert_int_equal(trib_deal_check(food, &state, &event, &refusal, NULL), TRIB_BAD_EVENT);
    assert_int_equal(refusal.kind, TRIB_DEAL_REFUSED_PAYLOAD);
    event.payload = TRIB_STR("{\"text\":\"x\"}");
    assert_int_equal(trib_deal_check(food, &state, &event, &refusal, NULL), TRIB_OK);
    event.node_id = trib_str_make(large, TRIB_DEAL_ID_MAX_BYTES + 1);
    assert_int_equal(trib_deal_check(food, &state, &event, &refusal, NULL), TRIB_BAD_EVENT);
    assert_int_equal(refusal.kind, TRIB_DEAL_REFUSED_NODE);
    trib_arena_deinit(&arena);
    trib_deal_registry_deinit(&registry);
}

static void what_a_member_may_write_depends_on_its_roles(void **unused) {
    trib_deal_registry registry;
    trib_arena arena;
    trib_deal_state state;
    int32_t allowed[TRIB_DEAL_ALLOWED_MAX];
    (void)unused;
    assert_int_equal(trib_deal_registry_init(&registry, NULL), TRIB_OK);
    const trib_deal_type *food = trib_deal_registry_get(&registry, TRIB_STR("food"));
    play(food, &state, &arena, 1);
    assert_int_equal(trib_deal_allowed(food, &state, trib_deal_role_bit(food, TRIB_STR("merchant")), allowed), 3);
    assert_int_equal(allowed[0], 301);
    assert_int_equal(allowed[1], 311);
    assert_int_equal(allowed[2], 504);
    /* a stranger, who has no role at all, may not even comment */
    const step comment = {311, NULL, NULL, NULL, NULL, "nobody", "eve", NULL};
    trib_deal_event event = event_of(food, &comment);
    assert_int_equal(trib_deal_check(food, &state, &event, NULL, NULL), TRIB_FORBIDDEN);
    trib_arena_deinit(&arena);
    trib_deal_registry_deinit(&registry);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_refusal_says_what_where_and_what_is_allowed),
        cmocka_unit_test(sums_with_all_prices_and_fees_are_exact),
        cmocka_unit_test(limits_of_what_a_state_holds_are_kept),
        cmocka_unit_test(what_a_member_may_write_depends_on_its_roles),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

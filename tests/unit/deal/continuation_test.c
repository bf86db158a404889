/* SPDX-License-Identifier: Apache-2.0 */
/* The first event of a continuation carries what the ended deal amounted to, and the same rules go on from there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "deal/continuation.h"
#include "unit/deal/deal_support.h"

typedef struct fixture {
    trib_deal_registry registry;
    const trib_deal_type *food;
    trib_arena arena;
    trib_deal_state ended, begun;
    trib_deal_origin origin;
    trib_buf payload;
} fixture;

static int setup(void **state) {
    static fixture f;
    trib_error err;
    memset(&f, 0, sizeof f);
    trib_arena_init(&f.arena, 8 << 20);
    trib_buf_init(&f.payload, TRIB_DEAL_CONTINUATION_MAX_BYTES);
    if (trib_deal_registry_init(&f.registry, &err) != TRIB_OK) return -1;
    f.food = trib_deal_registry_get(&f.registry, TRIB_STR("food"));
    trib_deal_state_init(&f.ended, &f.arena);
    trib_deal_state_init(&f.begun, &f.arena);
    for (size_t i = 0; i < DOCUMENTS_STEPS; i++) {
        trib_deal_event event = event_of(f.food, &documents_order[i]);
        if (trib_deal_replay(f.food, &f.ended, &event, &err) != TRIB_OK) return -1;
    }
    f.origin = (trib_deal_origin){.stream_id = TRIB_STR("ord-5001"), .version = 12, .head = {0x9f, 1}};
    trib_deal_continuation_write(f.food, &f.ended, &f.origin, &f.payload);
    *state = &f;
    return f.payload.failed ? -1 : 0;
}

static int teardown(void **state) {
    fixture *f = *state;
    trib_buf_deinit(&f->payload);
    trib_arena_deinit(&f->arena);
    trib_deal_registry_deinit(&f->registry);
    return 0;
}

static trib_code begin(fixture *f, const char *payload, bool trusted) {
    trib_deal_event event = {.opcode = TRIB_DEAL_CONTINUES,
                             .payload = payload ? trib_str_c(payload) : trib_buf_str(&f->payload),
                             .actor = {.is_trusted = trusted}};
    return trib_deal_apply(f->food, &f->begun, &event, NULL, NULL);
}

static trib_code late(fixture *f, int opcode, const char *delta) {
    trib_deal_event event = {
        .opcode = opcode, .node_id = TRIB_STR("n"), .delta = trib_str_c(delta), .actor = {.is_trusted = true}};
    return trib_deal_apply(f->food, &f->begun, &event, NULL, NULL);
}

static void what_is_written_is_read(void **state) {
    fixture *f = *state;
    trib_deal_origin origin;
    assert_true(trib_deal_continuation_read(&f->arena, TRIB_DEAL_CONTINUES, trib_buf_str(&f->payload), &origin));
    assert_true(trib_str_eq(origin.stream_id, f->origin.stream_id));
    assert_int_equal(origin.version, 12);
    assert_memory_equal(origin.head, f->origin.head, sizeof origin.head);
    assert_false(trib_deal_continuation_read(&f->arena, 501, trib_buf_str(&f->payload), &origin));
    assert_ptr_equal(trib_deal_registry_opened_by(&f->registry, TRIB_DEAL_CONTINUES, trib_buf_str(&f->payload)),
                     f->food);
}

static void it_goes_on_where_the_deal_has_ended(void **state) {
    fixture *f = *state;
    assert_int_equal(begin(f, NULL, true), TRIB_OK);
    assert_int_equal(f->begun.version, 1);
    assert_int_equal(f->begun.status, f->ended.status);
    assert_int_equal(f->begun.charged, 4600);
    assert_int_equal(f->begun.paid, 4600);
    assert_int_equal(f->begun.paid_out, 4600);
    assert_string_equal(f->begun.currency, "AED");
    for (size_t i = 0; i < f->food->role_count; i++)
        assert_true(trib_str_eq(f->begun.role_tenants[i], f->ended.role_tenants[i]));
    assert_int_equal(f->begun.task_count, 0);
}

static void a_late_refund_needs_what_was_paid_out_back(void **state) {
    fixture *f = *state;
    assert_int_equal(begin(f, NULL, true), TRIB_OK);
    assert_int_equal(late(f, 207, "10"), TRIB_BAD_EVENT); /* all of it was paid out */
    assert_int_equal(late(f, 405, "46.5"), TRIB_BAD_EVENT);
    assert_int_equal(late(f, 405, "10"), TRIB_OK);
    assert_int_equal(trib_deal_balance(&f->begun), 1000);
    assert_int_equal(late(f, 207, "10"), TRIB_OK);
    assert_int_equal(trib_deal_balance(&f->begun), 0);
    assert_int_equal(f->begun.refunded, 1000);
    assert_int_equal(f->begun.paid_out, 3600);
    assert_true(trib_deal_is_final(f->food, &f->begun));
}

static void nobody_but_the_server_begins_so_and_only_at_the_beginning(void **state) {
    fixture *f = *state;
    assert_int_equal(begin(f, NULL, false), TRIB_BAD_EVENT);
    assert_int_equal(f->begun.version, 0);
    assert_int_equal(begin(f, NULL, true), TRIB_OK);
    assert_int_equal(begin(f, NULL, true), TRIB_BAD_EVENT);
    assert_int_equal(f->begun.version, 1);
}

static void a_payload_of_another_shape_is_refused(void **state) {
#define ORIGIN                                                                                                         \
    "{\"continues\":{\"streamId\":\"a\",\"version\":1,\"head\":"                                                       \
    "\"0000000000000000000000000000000000000000000000000000000000000000\"}"
    static const char *const rows[] = {
        "",
        "[]",
        "{}",
        ORIGIN "}", /* no state */
        ORIGIN ",\"status\":\"nowhere\",\"charged\":1,\"paid\":1,\"refunded\":0,\"paidOut\":1}",
        ORIGIN ",\"status\":\"settled\",\"charged\":1,\"paid\":1,\"refunded\":0}",
        ORIGIN ",\"status\":\"settled\",\"charged\":1.234,\"paid\":1,\"refunded\":0,\"paidOut\":1}",
        ORIGIN ",\"status\":\"settled\",\"charged\":1,\"paid\":1,\"refunded\":0,\"paidOut\":1,\"currency\":\"EURO\"}",
        ORIGIN
        ",\"status\":\"settled\",\"charged\":1,\"paid\":1,\"refunded\":0,\"paidOut\":1,\"members\":{\"x\":\"y\"}}",
        "{\"continues\":{\"streamId\":\"a\",\"version\":1,\"head\":\"00\"},\"status\":\"settled\",\"charged\":1,"
        "\"paid\":1,\"refunded\":0,\"paidOut\":1}",
    };
    fixture *f = *state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (begin(f, rows[i], true) != TRIB_BAD_EVENT) fail_msg("row %zu is taken", i);
        assert_int_equal(f->begun.version, 0);
    }
    assert_int_equal(
        begin(f, ORIGIN ",\"status\":\"settled\",\"charged\":1,\"paid\":1,\"refunded\":0,\"paidOut\":1}", true),
        TRIB_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_written_is_read, setup, teardown),
        cmocka_unit_test_setup_teardown(it_goes_on_where_the_deal_has_ended, setup, teardown),
        cmocka_unit_test_setup_teardown(a_late_refund_needs_what_was_paid_out_back, setup, teardown),
        cmocka_unit_test_setup_teardown(nobody_but_the_server_begins_so_and_only_at_the_beginning, setup, teardown),
        cmocka_unit_test_setup_teardown(a_payload_of_another_shape_is_refused, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

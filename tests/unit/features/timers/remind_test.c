/* SPDX-License-Identifier: Apache-2.0 */
/* A stream that waits for its payment gets an event that says so, and one that is paid does not. */
#include "unit/features/timers/timers_test.h"

static const char reminders[] = "SELECT streamId || ' ' || payload FROM events WHERE opcode = 208 ORDER BY streamId";

static void pay(const char *id, int amount) {
    char statement[200];
    snprintf(statement, sizeof statement,
             "INSERT INTO events VALUES ('%s-pay', '%s', 203, '%s', NULL, %d, '{\"currency\":\"AED\"}', '2026')", id,
             id, id, amount);
    sql(statement);
}

static void who_has_not_paid_is_reminded_once_of_what_is_left(void **state) {
    (void)state;
    place("all");
    pay("all", 5);
    place("none");
    place("some");
    pay("some", 2);
    tick();
    pass_ms(29 * MINUTE);
    tick();
    assert_string_equal(look(reminders), "");
    pass_ms(2 * MINUTE);
    tick();
    assert_string_equal(look(reminders), "none {\"left\":5} some {\"left\":3,\"currency\":\"AED\"}");
    assert_string_equal(look("SELECT count(*) FROM _trib_timer WHERE name = 'unpaid' AND outcome = 'fired'"), "3");
    pass_ms(30 * MINUTE);
    tick();
    assert_string_equal(look("SELECT count(*) FROM events WHERE opcode = 208"), "2");
    assert_string_equal(look("SELECT DISTINCT status FROM _trib_stream"), "placed");
    assert_string_equal(look("SELECT DISTINCT v.actor FROM _trib_ev v JOIN events e ON e.id = v.id WHERE opcode = 208"),
                        "platform");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(who_has_not_paid_is_reminded_once_of_what_is_left, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

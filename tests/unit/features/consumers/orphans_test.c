/* SPDX-License-Identifier: Apache-2.0 */
/* Subscriptions go with their tenant, and not before: a deleted one may come back. */
#include "unit/features/consumers/consumers_test.h"

static void tick(void) {
    for (int i = 0; i < 2000; i++) {
        trib_app_tick(&t.app);
        if (!module->orphans.under_way && module->orphans.seen == trib_control_count_gone(t.app.control) + 1) return;
        usleep(500);
    }
    fail_msg("it does not come to an end");
}

static void put(const char *who, const char *name, const char *body) {
    ask_as(who, consumers_handle_put, name, body);
    assert_int_equal(status, 201);
}

static void remove_tenant(const char *name, bool now) {
    trib_control_op op = {.type = TRIB_CONTROL_DELETE, .now = now};
    assert_int_equal(app_test_run(&t, &op, name, NULL), TRIB_OK);
}

static const char subs[] = "SELECT count(*) FROM _trib_sub";

static void begin(void) {
    static const char *const names[] = {"ali", "bob"};
    for (int i = 0; i < 2; i++) assert_int_equal(app_test_change(&t, TRIB_CONTROL_CREATE, names[i], NULL), TRIB_OK);
    put("streams", "all", "{}");
    put("bob", "own", "{}");
    put("ali", "one", "{}");
    put("ali", "two", "{\"webhook\":{\"url\":\"https://example.com/\"}}");
    sql("INSERT INTO _trib_parked SELECT id, 1, 's', 1, 'no', 1, 0 FROM _trib_sub");
    tick();
    assert_int_equal(number(subs), 4);
}

static void they_go_when_their_tenant_is_purged(void **state) {
    (void)state;
    begin();
    t.app.settings.delete_grace_ms = 3600 * 1000;
    remove_tenant("ali", false);
    tick();
    assert_int_equal(number(subs), 4);
    remove_tenant("ali", true);
    tick();
    assert_int_equal(number(subs), 2);
    assert_int_equal(number("SELECT count(*) FROM _trib_cursor"), 2);
    assert_int_equal(number("SELECT count(*) FROM _trib_parked"), 2);
    assert_int_equal(atomic_load(&module->subs), 2);
    assert_int_equal(app_test_change(&t, TRIB_CONTROL_CREATE, "ali", NULL), TRIB_OK);
    put("ali", "one", "{}");
    tick();
    assert_int_equal(number(subs), 3);
}

static void those_that_a_stop_has_left_go_at_the_start(void **state) {
    (void)state;
    begin();
    sql("UPDATE _trib_sub SET owner = '00112233445566778899aabbccddeeff' WHERE owner_name = 'bob'");
    restart();
    tick();
    assert_int_equal(number(subs), 3);
    assert_int_equal(number("SELECT count(*) FROM _trib_sub WHERE owner_name = 'bob'"), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(they_go_when_their_tenant_is_purged, consumers_setup, consumers_teardown),
        cmocka_unit_test_setup_teardown(those_that_a_stop_has_left_go_at_the_start, consumers_setup,
                                        consumers_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

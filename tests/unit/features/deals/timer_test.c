/* SPDX-License-Identifier: Apache-2.0 */
/* A deal that its timer ends gives back what a cancelled one does, in one step, once; also across a stop. */
#include "core/commands.h"
#include "features/deals/deals.h"
#include "unit/features/timers/timers_test.h"

static void *deals_state;

static int setup_deals(void **state) {
    static const char *const names[] = {"ali", "doc"};
    if (setup(state) != 0) return -1;
    for (int i = 0; i < 2; i++) assert_int_equal(app_test_change(&t, TRIB_CONTROL_CREATE, names[i], NULL), TRIB_OK);
    return trib_deals_module.start(&t.app, &deals_state, NULL) == TRIB_OK ? 0 : -1;
}

static int teardown_deals(void **state) {
    stop_app();
    trib_deals_module.stop(deals_state);
    app_test_cleanup(&t);
    (void)state;
    return 0;
}

static void restart_deals(void) {
    int64_t offset = atomic_load(&t.env.offset_ns);
    stop_app();
    trib_deals_module.stop(deals_state);
    assert_int_equal(app_test_start(&t, false, NULL), TRIB_OK);
    start_modules();
    assert_int_equal(trib_deals_module.start(&t.app, &deals_state, NULL), TRIB_OK);
    atomic_store(&t.env.offset_ns, offset);
}

static void of_doc(const char *statement) {
    trib_tenant *doc = trib_control_find(t.app.control, TRIB_STR("doc"));
    trib_error err;
    if (trib_db_start(&t.app, doc, run_sql, (void *)(uintptr_t)statement, &err) != TRIB_OK)
        fail_msg("%s: %s", statement, err.message);
    trib_tenant_unref(doc);
}

static const char *look_at_doc(const char *statement) {
    trib_tenant *doc = trib_control_find(t.app.control, TRIB_STR("doc"));
    text[0] = '\0';
    assert_int_equal(trib_db_start(&t.app, doc, run_ask, (void *)(uintptr_t)statement, NULL), TRIB_OK);
    trib_tenant_unref(doc);
    return text;
}

/* Until the commands of timers have ended, too. */
static void tick_all(void) {
    do {
        tick();
        trib_commands_tick(t.app.commands);
    } while (timers_runs_count(m));
}

/* Booked and paid; the slot is taken. */
static void book(void) {
    of_doc("CREATE TABLE nodes(id TEXT PRIMARY KEY, parentId TEXT, nodeType TEXT, title TEXT, createdAt TEXT, payload "
           "TEXT)");
    of_doc("CREATE TABLE points(id TEXT PRIMARY KEY, nodeId TEXT, qty REAL, price REAL, currency TEXT, availability "
           "TEXT, locationText TEXT, lat REAL, lng REAL, openNow BOOLEAN)");
    of_doc("INSERT INTO points(id, nodeId, qty, price) VALUES ('nine', 'slot', 0, 20)");
    sql("INSERT INTO events VALUES ('b-1', 'b', 611, 'slot', 'nine', 20, '{\"streamType\":\"service\",\"customer\":"
        "\"ali\",\"provider\":\"doc\",\"start\":\"2026-01-01T09:00:00Z\",\"end\":\"2026-01-01T10:00:00Z\","
        "\"items\":[{\"id\":\"slot\",\"qty\":1,\"price\":20}]}', '2026')");
    sql("INSERT INTO events VALUES ('b-2', 'b', 102, 'slot', 'nine', -1, '{}', '2026')");
    sql("INSERT INTO events VALUES ('b-3', 'b', 203, 'b', NULL, 20, '{\"currency\":\"AED\"}', '2026')");
    tick_all();
}

static void expect_cancelled(void) {
    assert_string_equal(look("SELECT status FROM _trib_stream"), "cancelled");
    assert_string_equal(look("SELECT group_concat(opcode) FROM (SELECT opcode FROM events ORDER BY rowid)"),
                        "611,102,203,613,103,207");
    assert_string_equal(look("SELECT payload FROM events WHERE opcode = 613"), "{\"reason\":\"not-accepted\"}");
    assert_string_equal(look("SELECT DISTINCT actor FROM _trib_ev WHERE seq > 3"), "platform");
    assert_string_equal(look_at_doc("SELECT CAST(qty AS INTEGER) FROM points"), "1");
}

static void a_booking_that_nobody_accepts_gives_everything_back(void **state) {
    (void)state;
    book();
    pass_ms((int64_t)23 * 60 * MINUTE);
    tick_all();
    assert_string_equal(look("SELECT status FROM _trib_stream"), "booked");
    pass_ms((int64_t)61 * MINUTE);
    tick_all();
    expect_cancelled();
    pass_ms((int64_t)48 * 60 * MINUTE);
    tick_all();
    restart_deals();
    tick_all();
    expect_cancelled();
}

/* The server stops while the round, or the command, is under way: what the next start finds is done once. */
static void a_stop_beside_it_changes_nothing(void **state) {
    for (int ticks = 1; ticks < 8; ticks++) {
        book();
        pass_ms((int64_t)25 * 60 * MINUTE);
        m->not_before_ns = 0;
        atomic_store(&m->news, true);
        for (int i = 0; i < ticks; i++) {
            trib_app_tick(&t.app);
            usleep(500);
        }
        restart_deals();
        tick_all();
        tick_all();
        expect_cancelled();
        teardown_deals(state);
        assert_int_equal(setup_deals(state), 0);
    }
}

static void where_the_tables_are_gone_the_event_is_written_alone(void **state) {
    (void)state;
    book();
    of_doc("DROP TABLE points");
    pass_ms((int64_t)25 * 60 * MINUTE);
    tick_all();
    tick_all();
    assert_string_equal(look("SELECT status FROM _trib_stream"), "cancelling");
    assert_string_equal(look("SELECT count(*) FROM events WHERE opcode = 613"), "1");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_deals, teardown_deals)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_booking_that_nobody_accepts_gives_everything_back),
        TEST(a_stop_beside_it_changes_nothing),
        TEST(where_the_tables_are_gone_the_event_is_written_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

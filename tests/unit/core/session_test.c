/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions: batons that work once and for one tenant and principal, expiry that is remembered, stored SQL and its
 * bounds, the end of the server. What a session keeps between two jobs is tested in tests/unit/features/hrana and
 * tests/fault/sessions_test.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/app_test.h"

static app_test t;
static trib_tenant *ali, *ben;
static trib_principal me, other;
static trib_sessions *sessions;

static int setup(void **state) {
    (void)state;
    if (app_test_start(&t, true, NULL) != TRIB_OK) return -1;
    if (app_test_change(&t, TRIB_CONTROL_CREATE, "ali", NULL) != TRIB_OK) return -1;
    if (app_test_change(&t, TRIB_CONTROL_CREATE, "ben", NULL) != TRIB_OK) return -1;
    ali = trib_control_find(t.app.control, TRIB_STR("ali"));
    ben = trib_control_find(t.app.control, TRIB_STR("ben"));
    app_test_principal(&me, 1);
    app_test_principal(&other, 2);
    sessions = t.app.sessions;
    return 0;
}

static int teardown(void **state) {
    (void)state;
    trib_tenant_unref(ali);
    trib_tenant_unref(ben);
    app_test_stop(&t);
    app_test_cleanup(&t);
    return 0;
}

static trib_session *make(void) {
    trib_session *session = NULL;
    assert_int_equal(trib_session_new(sessions, ali, &me, &session, NULL), TRIB_OK);
    return session;
}

/* A new session that was released: its baton. */
static void make_idle(char baton[TRIB_BATON_BYTES]) {
    assert_int_equal(trib_session_release(sessions, make(), baton, NULL), TRIB_OK);
}

static trib_code acquire(const char *baton, trib_session **ret) {
    trib_error err = {0};
    trib_code code = trib_session_acquire(sessions, trib_str_c(baton), ali, &me, ret, &err);
    if (code != TRIB_OK) assert_int_equal(err.code, code);
    return code;
}

static void pass_ms(int64_t ms) {
    t.env.offset_ns += ms * 1000000;
    trib_sessions_tick(sessions);
}

static void a_baton_works_once_and_every_release_gives_a_new_one(void **state) {
    (void)state;
    char first[TRIB_BATON_BYTES], second[TRIB_BATON_BYTES];
    trib_session *session = NULL, *again = NULL;
    make_idle(first);
    assert_int_equal(strlen(first), TRIB_BATON_BYTES - 1);
    assert_int_equal(acquire(first, &session), TRIB_OK);
    assert_int_equal(acquire(first, &again), TRIB_BATON_REUSED); /* while it is busy */
    assert_int_equal(trib_session_release(sessions, session, second, NULL), TRIB_OK);
    assert_string_not_equal(first, second);
    assert_int_equal(acquire(first, &again), TRIB_BATON_REUSED);
    assert_int_equal(acquire(second, &again), TRIB_OK);
    assert_ptr_equal(session, again);
    trib_session_close(sessions, again);
    assert_int_equal(acquire(second, &again), TRIB_BATON_INVALID);
}

static void whoever_else_has_it_the_baton_looks_unknown(void **state) {
    (void)state;
    char baton[TRIB_BATON_BYTES];
    trib_session *session = NULL;
    trib_error wrong_tenant = {0}, wrong_principal = {0}, unknown = {0};
    make_idle(baton);
    assert_int_equal(trib_session_acquire(sessions, trib_str_c(baton), ben, &me, &session, &wrong_tenant),
                     TRIB_BATON_INVALID);
    assert_int_equal(trib_session_acquire(sessions, trib_str_c(baton), ali, &other, &session, &wrong_principal),
                     TRIB_BATON_INVALID);
    baton[3] = baton[3] == 'A' ? 'B' : 'A';
    assert_int_equal(trib_session_acquire(sessions, trib_str_c(baton), ali, &me, &session, &unknown),
                     TRIB_BATON_INVALID);
    assert_string_equal(wrong_tenant.message, unknown.message);
    assert_string_equal(wrong_principal.message, unknown.message);
}

static void what_is_no_baton_is_refused(void **state) {
    (void)state;
    static const char *const texts[] = {"",
                                        "x",
                                        "AAAAAAAAAAAAAAAAAAAAAAAAAAA",
                                        "AAAAAAAAAAAAAAAAAAAAAAAAAAB",
                                        "AAAAAAAAAAAAAAAAAAAAAAAAAA=",
                                        "AAAAAAAAAAAAAAAAAAAAAAAAAAAA",
                                        "!!!!!!!!!!!!!!!!!!!!!!!!!!!"};
    trib_session *session = NULL;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        assert_int_equal(acquire(texts[i], &session), TRIB_BATON_INVALID);
}

static void a_forged_count_is_a_used_baton_not_a_session(void **state) {
    (void)state;
    char baton[TRIB_BATON_BYTES];
    trib_session *session = NULL;
    make_idle(baton);
    baton[TRIB_BATON_BYTES - 2] = baton[TRIB_BATON_BYTES - 2] == 'E' ? 'I' : 'E'; /* the last bits are the count's */
    trib_code code = acquire(baton, &session);
    assert_true(code == TRIB_BATON_REUSED || code == TRIB_BATON_INVALID);
}

static void an_idle_session_expires_and_is_told_so_for_a_while(void **state) {
    (void)state;
    char baton[TRIB_BATON_BYTES], kept[TRIB_BATON_BYTES];
    trib_session *session = NULL;
    make_idle(baton);
    pass_ms(TRIB_SESSION_IDLE_MS_DEFAULT - 1000);
    make_idle(kept);
    assert_int_equal(trib_sessions_count(sessions), 2);
    pass_ms(1001);
    assert_int_equal(trib_sessions_count(sessions), 1);
    assert_int_equal(acquire(baton, &session), TRIB_STREAM_EXPIRED);
    assert_int_equal(acquire(kept, &session), TRIB_OK);
    trib_session_close(sessions, session);
    pass_ms(TRIB_SESSION_REMEMBER_MS + 1);
    assert_int_equal(acquire(baton, &session), TRIB_BATON_INVALID);
}

static void a_busy_session_does_not_expire(void **state) {
    (void)state;
    char baton[TRIB_BATON_BYTES];
    trib_session *session = NULL;
    make_idle(baton);
    assert_int_equal(acquire(baton, &session), TRIB_OK);
    pass_ms(10 * TRIB_SESSION_IDLE_MS_DEFAULT);
    assert_int_equal(trib_session_release(sessions, session, baton, NULL), TRIB_OK);
    assert_int_equal(acquire(baton, &session), TRIB_OK);
    trib_session_close(sessions, session);
}

static void the_setting_decides_how_long_is_too_long(void **state) {
    (void)state;
    char baton[TRIB_BATON_BYTES];
    trib_session *session = NULL;
    t.app.settings.session_idle_ms = 500;
    make_idle(baton);
    pass_ms(501);
    assert_int_equal(acquire(baton, &session), TRIB_STREAM_EXPIRED);
}

static void an_announced_baton_is_the_one_that_release_gives(void **state) {
    (void)state;
    char announced[TRIB_BATON_BYTES], released[TRIB_BATON_BYTES];
    trib_session *session = make(), *again = NULL;
    assert_int_equal(trib_session_announce(sessions, session, announced, NULL), TRIB_OK);
    assert_int_equal(acquire(announced, &again), TRIB_BATON_REUSED); /* still busy */
    assert_int_equal(trib_session_release(sessions, session, released, NULL), TRIB_OK);
    assert_string_equal(announced, released);
    assert_int_equal(acquire(released, &again), TRIB_OK);
    trib_session_close(sessions, again);
}

static void stored_sql_has_its_bounds(void **state) {
    (void)state;
    trib_session *session = make();
    trib_error err = {0};
    trib_str sql;
    assert_int_equal(trib_session_store_sql(session, -7, TRIB_STR("SELECT 1"), &err), TRIB_OK);
    assert_int_equal(trib_session_store_sql(session, 2, TRIB_STR(""), &err), TRIB_OK);
    assert_int_equal(trib_session_get_sql(session, -7, &sql, &err), TRIB_OK);
    assert_true(trib_str_eq_c(sql, "SELECT 1"));
    assert_int_equal(trib_session_get_sql(session, 2, &sql, &err), TRIB_OK);
    assert_int_equal(sql.len, 0);
    assert_int_equal(trib_session_store_sql(session, 2, TRIB_STR("x"), &err), TRIB_PROTOCOL);
    assert_string_equal(err.message, "SQL text 2 already exists");
    assert_int_equal(trib_session_get_sql(session, 3, &sql, &err), TRIB_PROTOCOL);
    assert_string_equal(err.message, "SQL text 3 not found");
    trib_session_close_sql(session, 3); /* unknown: fine */
    trib_session_close_sql(session, 2);
    for (int32_t i = 100; i < 100 + TRIB_SESSION_STORED_SQL_MAX - 1; i++)
        assert_int_equal(trib_session_store_sql(session, i, TRIB_STR("x"), &err), TRIB_OK);
    assert_int_equal(trib_session_store_sql(session, 99, TRIB_STR("x"), &err), TRIB_SQL_STORE_TOO_MANY);
    for (int32_t i = 100; i < 100 + TRIB_SESSION_STORED_SQL_MAX; i++) trib_session_close_sql(session, i);
    char *big = calloc(1, TRIB_SESSION_STORED_BYTES_MAX);
    trib_str text = trib_str_make(big, TRIB_SESSION_STORED_BYTES_MAX - 8);
    assert_int_equal(trib_session_store_sql(session, 1, trib_str_make(big, text.len + 1), &err),
                     TRIB_SQL_STORE_TOO_LARGE);
    assert_int_equal(trib_session_store_sql(session, 1, text, &err), TRIB_OK); /* beside the 8 bytes of -7 */
    assert_int_equal(trib_session_store_sql(session, 2, TRIB_STR("x"), &err), TRIB_SQL_STORE_TOO_LARGE);
    trib_session_close_sql(session, 1);
    assert_int_equal(trib_session_store_sql(session, 2, TRIB_STR("x"), &err), TRIB_OK);
    free(big);
    trib_session_close(sessions, session);
}

/* ---- sessions that their clients name ---- */

static int woken;

static void count_woken(trib_session_waiter *waiter) {
    (void)waiter;
    woken++;
}

static trib_code enter(const char *name, trib_tenant *tenant, const trib_principal *who, trib_session_waiter *waiter,
                       trib_session **ret) {
    *waiter = (trib_session_waiter){.home = &t.home, .again = count_woken};
    return trib_session_acquire_named(sessions, trib_str_c(name), tenant, who, waiter, ret, NULL);
}

static void a_name_means_a_session_of_one_tenant_and_principal(void **state) {
    (void)state;
    trib_session_waiter waiter;
    trib_session *session[4] = {0};
    char none[TRIB_BATON_BYTES];
    assert_int_equal(enter("c", ali, &me, &waiter, &session[0]), TRIB_OK);
    assert_int_equal(enter("c", ben, &me, &waiter, &session[1]), TRIB_OK);
    assert_int_equal(enter("c", ali, &other, &waiter, &session[2]), TRIB_OK);
    assert_int_equal(enter("d", ali, &me, &waiter, &session[3]), TRIB_OK);
    assert_int_equal(trib_sessions_count(sessions), 4);
    for (int i = 0; i < 4; i++) assert_int_equal(trib_session_release(sessions, session[i], none, NULL), TRIB_OK);
    assert_int_equal(trib_sessions_count(sessions), 0); /* they have no state */
}

static void who_comes_second_waits_and_may_leave(void **state) {
    (void)state;
    trib_session_waiter waiters[TRIB_SESSION_WAITERS_MAX + 1], first;
    trib_session *session = NULL, *none = NULL;
    woken = 0;
    assert_int_equal(enter("c", ali, &me, &first, &session), TRIB_OK);
    for (int i = 0; i < TRIB_SESSION_WAITERS_MAX; i++)
        assert_int_equal(enter("c", ali, &me, &waiters[i], &none), TRIB_AGAIN);
    assert_int_equal(enter("c", ali, &me, &waiters[TRIB_SESSION_WAITERS_MAX], &none), TRIB_TOO_MANY_REQUESTS);
    assert_true(trib_session_stop_waiting(sessions, &waiters[3]));
    assert_false(trib_session_stop_waiting(sessions, &waiters[3]));
    assert_int_equal(enter("c", ali, &me, &waiters[3], &none), TRIB_AGAIN);
    trib_session_close(sessions, session);
    assert_false(trib_session_stop_waiting(sessions, &waiters[0])); /* it is on its way */
    for (int i = 0; i < TRIB_SESSION_WAITERS_MAX; i++) app_test_pump(&t);
    assert_int_equal(woken, TRIB_SESSION_WAITERS_MAX);
    assert_int_equal(trib_sessions_count(sessions), 0);
}

static void a_draining_server_ends_idle_sessions_and_gives_no_more_batons(void **state) {
    (void)state;
    char baton[TRIB_BATON_BYTES], none[TRIB_BATON_BYTES] = "x";
    trib_session *busy = make(), *session = NULL;
    make_idle(baton);
    trib_sessions_drain(sessions);
    assert_int_equal(acquire(baton, &session), TRIB_SHUTTING_DOWN);
    assert_int_equal(trib_session_release(sessions, busy, none, NULL), TRIB_OK);
    assert_string_equal(none, "");
    assert_int_equal(trib_sessions_count(sessions), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_baton_works_once_and_every_release_gives_a_new_one),
        TEST(whoever_else_has_it_the_baton_looks_unknown),
        TEST(what_is_no_baton_is_refused),
        TEST(a_forged_count_is_a_used_baton_not_a_session),
        TEST(an_idle_session_expires_and_is_told_so_for_a_while),
        TEST(a_busy_session_does_not_expire),
        TEST(the_setting_decides_how_long_is_too_long),
        TEST(an_announced_baton_is_the_one_that_release_gives),
        TEST(stored_sql_has_its_bounds),
        TEST(a_name_means_a_session_of_one_tenant_and_principal),
        TEST(who_comes_second_waits_and_may_leave),
        TEST(a_draining_server_ends_idle_sessions_and_gives_no_more_batons),
    };
    return cmocka_run_group_tests_name("core/session", tests, NULL, NULL);
}

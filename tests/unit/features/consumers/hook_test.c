/* SPDX-License-Identifier: Apache-2.0 */
/* Webhooks against a receiver that is a function: order, retries, what is parked and what is kept, giving up, and what
 * a restart sends again. */
#include "features/consumers/hook_int.h"
#include "unit/features/consumers/consumers_test.h"

/* ---- the receiver ---- */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char got[8192];          /* " 1 4": positions, as they came */
static int answer_status;       /* of all; 0: nobody is there */
static int bad_pos, bad_status; /* of one */
static int sent;

static trib_code fake_send(void *ctx, void *session, const trib_outbound_request *request, int *ret_status,
                           trib_error *err) {
    char body[2000];
    (void)ctx, (void)session;
    snprintf(body, sizeof body, "%.*s", TRIB_STR_ARG(request->body));
    int pos = (int)strtol(strstr(body, "\"pos\":") + 6, NULL, 10);
    pthread_mutex_lock(&lock);
    sent++;
    *ret_status = pos == bad_pos ? bad_status : answer_status;
    size_t n = strlen(got);
    if (*ret_status >= 200 && *ret_status < 300) snprintf(got + n, sizeof got - n, " %d", pos);
    pthread_mutex_unlock(&lock);
    return *ret_status ? TRIB_OK : trib_error_set(err, TRIB_CONNECT, "nobody is there");
}

static int setup(void **state) {
    got[0] = '\0';
    answer_status = 200;
    bad_pos = bad_status = sent = 0;
    int result = consumers_setup(state);
    t.app.outbound.send = fake_send;
    t.app.settings.webhook_private = true;
    return result;
}

static void again(void) {
    restart();
    t.app.outbound.send = fake_send;
    t.app.settings.webhook_private = true;
}

static void put_hook(const char *more) {
    char body[300];
    snprintf(body, sizeof body, "{\"webhook\":{\"url\":\"http://127.0.0.1/h\"}%s}", more);
    ask(consumers_handle_put, "h", body);
    if (status != 201 && status != 200) fail_msg("%s", answer);
}

/* Until the sql says `want`; the clock moves a second every few rounds. */
static void tick_until(const char *query, int64_t want) {
    for (int i = 0; i < 4000; i++) {
        trib_app_tick(&t.app);
        usleep(200);
        if (i % 20 == 0 && number(query) == want) return;
        if (i % 20 == 19) pass_ms(1000);
    }
    fail_msg("%s stays %lld", query, (long long)number(query));
}

static const char all_done[] = "SELECT (SELECT max(pos) FROM _trib_ev) - c.pos + (SELECT count(*) FROM _trib_flight) "
                               "FROM _trib_cursor c";

static void events_come_in_order_in_their_streams(void **state) {
    (void)state;
    events("a", 3);
    events("b", 1);
    put_hook("");
    assert_non_null(strstr(answer, "\"secret\":\"whsec_"));
    events("a", 1);
    tick_until(all_done, 0);
    const char *at = got;
    for (int i = 1; i <= 3; i++) {
        char want[8];
        snprintf(want, sizeof want, " %d", i);
        at = strstr(at, want);
        assert_non_null(at);
    }
    assert_non_null(strstr(at, " 5"));
    assert_non_null(strstr(got, " 4"));
    assert_int_equal(sent, 5);
    EXPECT(consumers_handle_get, "h", "", "\"failures\":0");
    assert_null(strstr(answer, "whsec_"));
}

static void an_event_that_is_refused_is_parked_and_others_go_on(void **state) {
    (void)state;
    bad_pos = 1;
    bad_status = 422;
    put_hook(",\"maxRetries\":2");
    events("a", 2);
    events("b", 1);
    tick_until("SELECT parked FROM _trib_cursor", 1);
    tick_until(all_done, 0);
    assert_non_null(strstr(got, " 2"));
    assert_non_null(strstr(got, " 3"));
    EXPECT(consumers_handle_parked, "h", "", "\"pos\":1,\"streamId\":\"a\",\"tries\":3,\"reason\":\"HTTP status 422\"");
}

static void a_receiver_that_is_down_loses_nothing_and_is_not_parked(void **state) {
    (void)state;
    answer_status = 0;
    put_hook(",\"maxRetries\":1");
    events("a", 2);
    events("b", 2);
    tick_until("SELECT failures >= 6 FROM _trib_sub", 1);
    assert_int_equal(number("SELECT parked FROM _trib_cursor"), 0);
    EXPECT(consumers_handle_get, "h", "", "nobody is there");
    answer_status = 200;
    tick_until(all_done, 0);
    assert_int_equal(strlen(got), 8);
    assert_int_equal(number("SELECT failures FROM _trib_sub"), 0);
}

static void a_receiver_that_is_gone_is_not_asked_again(void **state) {
    (void)state;
    answer_status = 410;
    put_hook("");
    events("a", 1);
    tick_until("SELECT disabled_ms IS NOT NULL FROM _trib_sub", 1);
    events("b", 1);
    for (int i = 0; i < 50; i++) trib_app_tick(&t.app);
    assert_int_equal(sent, 1);
    EXPECT(consumers_handle_get, "h", "", "\"disabled\":true");
    answer_status = 200;
    put_hook(""); /* enables it */
    tick_until(all_done, 0);
    assert_int_equal(strlen(got), 4);
}

static void without_success_for_days_it_is_given_up(void **state) {
    (void)state;
    answer_status = 500;
    put_hook("");
    events("a", 1);
    tick_until("SELECT failures >= 1 FROM _trib_sub", 1);
    pass_ms(HOOK_GIVE_UP_MS);
    tick_until("SELECT disabled_ms IS NOT NULL FROM _trib_sub", 1);
    assert_int_equal(number("SELECT count(*) FROM _trib_flight"), 1); /* nothing is lost */
}

static void what_was_in_hand_when_the_server_ended_is_sent_again(void **state) {
    (void)state;
    answer_status = 500;
    put_hook("");
    events("a", 1);
    tick_until("SELECT failures >= 1 FROM _trib_sub", 1);
    sql("UPDATE _trib_flight SET generation = 9, due_ms = due_ms + 500000"); /* as after kill -9 while it was sent */
    again();
    answer_status = 200;
    tick_until(all_done, 0);
    assert_string_equal(got, " 1");
}

static void a_deleted_webhook_sends_nothing_more(void **state) {
    (void)state;
    put_hook("");
    ask(consumers_handle_delete, "h", "");
    events("a", 1);
    for (int i = 0; i < 50; i++) {
        trib_app_tick(&t.app);
        usleep(200);
    }
    assert_int_equal(sent, 0);
    assert_true(consumers_hooks_is_empty(module->hooks));
}

static void a_tenant_that_is_deleted_is_sent_nothing_and_one_that_is_renamed_is(void **state) {
    (void)state;
    static const char body[] = "{\"webhook\":{\"url\":\"http://127.0.0.1/h\"}}";
    trib_control_op rename = {.type = TRIB_CONTROL_RENAME, .new_name = TRIB_STR("alice")};
    assert_int_equal(app_test_change(&t, TRIB_CONTROL_CREATE, "ali", NULL), TRIB_OK);
    assert_int_equal(app_test_change(&t, TRIB_CONTROL_CREATE, "bob", NULL), TRIB_OK);
    ask_as("ali", consumers_handle_put, "h", body);
    ask_as("bob", consumers_handle_put, "h", body);
    assert_int_equal(app_test_change(&t, TRIB_CONTROL_DELETE, "bob", NULL), TRIB_OK);
    assert_int_equal(app_test_run(&t, &rename, "ali", NULL), TRIB_OK);
    sql("INSERT INTO events VALUES ('y', 'o-1', 501, 'o-1', NULL, 5, "
        "'{\"customer\":\"alice\",\"restaurant\":\"bob\",\"items\":[{\"qty\":1,\"price\":5}]}', '2026')");
    tick_until("SELECT count(*) FROM _trib_sub s JOIN _trib_cursor c ON c.sub = s.id WHERE owner_name = 'ali' AND "
               "pos = 1 AND ok_ms IS NOT NULL",
               1);
    for (int i = 0; i < 50; i++) trib_app_tick(&t.app);
    assert_string_equal(got, " 1");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, consumers_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(events_come_in_order_in_their_streams),
        TEST(an_event_that_is_refused_is_parked_and_others_go_on),
        TEST(a_receiver_that_is_down_loses_nothing_and_is_not_parked),
        TEST(a_receiver_that_is_gone_is_not_asked_again),
        TEST(without_success_for_days_it_is_given_up),
        TEST(what_was_in_hand_when_the_server_ended_is_sent_again),
        TEST(a_deleted_webhook_sends_nothing_more),
        TEST(a_tenant_that_is_deleted_is_sent_nothing_and_one_that_is_renamed_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

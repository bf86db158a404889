/* SPDX-License-Identifier: Apache-2.0 */
/* The SQL texts that break a connection: off by default, and which request asks for what. */
#include "ws_talk.h"

static hrana_hook of(const char *sql) {
    hrana_request request = {.type = HRANA_EXECUTE, .stmt = {.has_sql = true, .sql = trib_str_c(sql)}};
    return hrana_hook_of(&t.app, &request);
}

static hrana_hook of_batch(const char *sql) {
    hrana_step steps[] = {{.stmt = {.has_sql = true, .sql = TRIB_STR("SELECT 1")}},
                          {.stmt = {.has_sql = true, .sql = trib_str_c(sql)}}};
    hrana_request request = {.type = HRANA_BATCH, .batch = {.steps = steps, .count = 2}};
    return hrana_hook_of(&t.app, &request);
}

static void hooks_are_off_by_default(void **state) {
    (void)state;
    assert_int_equal(of(".close_ws"), HRANA_HOOK_NONE);
    assert_int_equal(of_batch(".close_tcp"), HRANA_HOOK_NONE);
}

static void a_text_is_a_hook_as_a_whole_only(void **state) {
    (void)state;
    t.app.settings.test_hooks = true;
    assert_int_equal(of(".close_ws"), HRANA_HOOK_CLOSE_WS);
    assert_int_equal(of(".close_tcp"), HRANA_HOOK_CLOSE_TCP);
    assert_int_equal(of_batch(".close_ws"), HRANA_HOOK_CLOSE_WS);
    assert_int_equal(of_batch("SELECT 2"), HRANA_HOOK_NONE);
    assert_int_equal(of(".close_tcp "), HRANA_HOOK_NONE);
    assert_int_equal(of("SELECT '.close_tcp'"), HRANA_HOOK_NONE);
}

static trib_principal me;

static bool drops(void (*handle)(trib_http_request *), const char *body, const char *want) {
    http_test h;
    app_test_principal(&me, 1);
    http_test_begin(&t, &h, handle, tenant, &me, body);
    http_test_wait(&t, &h);
    bool dropped = h.dropped;
    if (want && !strstr(h.body.ptr, want)) fail_msg("%s", h.body.ptr);
    http_test_end(&h);
    return dropped;
}

#define PIPELINE(sql) "{\"requests\":[{\"type\":\"execute\",\"stmt\":{\"sql\":\"" sql "\"}},{\"type\":\"close\"}]}"
#define CURSOR(sql)   "{\"batch\":{\"steps\":[{\"stmt\":{\"sql\":\"" sql "\"}}]}}"

static void over_http_only_close_tcp_drops_the_connection_and_nothing_of_the_request_runs(void **state) {
    (void)state;
    assert_false(drops(hrana_handle_pipeline, PIPELINE(".close_tcp"), "syntax error"));
    t.app.settings.test_hooks = true;
    assert_true(drops(hrana_handle_pipeline, PIPELINE(".close_tcp"), NULL));
    assert_true(drops(hrana_handle_cursor, CURSOR(".close_tcp"), NULL));
    assert_false(drops(hrana_handle_pipeline, PIPELINE(".close_ws"), "syntax error"));
    assert_true(drops(hrana_handle_pipeline,
                      "{\"requests\":[{\"type\":\"execute\",\"stmt\":{\"sql\":\"CREATE TABLE a (x)\"}},"
                      "{\"type\":\"execute\",\"stmt\":{\"sql\":\".close_tcp\"}}]}",
                      NULL));
    assert_false(drops(hrana_handle_pipeline, PIPELINE("SELECT * FROM a"), "no such table: a"));
}

static void on_a_websocket_both_end_it_in_their_ways(void **state) {
    (void)state;
    t.app.settings.test_hooks = true;
    greet(HRANA3);
    ws_test_say(&w, EXECUTE(2, 1, ".close_ws"));
    is_closed(TRIB_WS_CLOSE_NORMAL, ".close_ws");
    ws_test_leave(&w);
    greet(HRANA3);
    ws_test_say(&w, EXECUTE(2, 1, ".close_tcp"));
    assert_true(w.aborted);
    ws_test_leave(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(hooks_are_off_by_default, setup, teardown),
        cmocka_unit_test_setup_teardown(a_text_is_a_hook_as_a_whole_only, setup, teardown),
        cmocka_unit_test_setup_teardown(over_http_only_close_tcp_drops_the_connection_and_nothing_of_the_request_runs,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(on_a_websocket_both_end_it_in_their_ways, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

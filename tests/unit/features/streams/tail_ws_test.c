/* SPDX-License-Identifier: Apache-2.0 */
/* A WebSocket that follows streams: what it is told, that a peer which does not read is kept nothing for, its end. */
#include "support/ws_app_test.h"
#include "unit/features/streams/streams_test.h"

static ws_test w;

static int setup(void **state) {
    return streams_setup(state) == 0 && start_module(NULL) == TRIB_OK ? 0 : -1;
}

static void handle(trib_http_request *request) {
    static trib_principal principal;
    app_test_principal(&principal, 1);
    request->tenant = trib_tenant_ref(streams_tenant());
    request->principal = trib_principal_ref(&principal);
    request->module_state = module;
    streams_handle_socket(request);
    w.ws.tenant = request->tenant; /* as net does, before the handler hears of anything */
    w.ws.principal = request->principal;
}

static void open_socket(void) {
    ws_test_open(&t, &w, handle, 0);
    assert_true(w.accepted);
}

static void hears(const char *text) {
    trib_str said = ws_test_hear(&w);
    if (!memmem(said.ptr, said.len, text, strlen(text))) fail_msg("wanted %s, got %.*s", text, TRIB_STR_ARG(said));
}

static void append(const char *id) {
    expect(streams_handle_append, id, "{\"events\":[{\"opcode\":9}]}", "\"version\":");
}

static void many_streams_share_a_socket(void **state) {
    (void)state;
    open_socket();
    append("a");
    ws_test_say(&w, "{\"type\":\"subscribe\",\"streamId\":\"a\"}");
    hears("{\"type\":\"subscribed\",\"streamId\":\"a\",\"offset\":0,\"version\":1}");
    hears("{\"type\":\"events\",\"streamId\":\"a\",\"first\":1,\"last\":1,\"events\":[{\"id\":");
    ws_test_say(&w, "{\"type\":\"subscribe\",\"streamId\":\"b\",\"offset\":\"now\"}");
    hears("{\"type\":\"subscribed\",\"streamId\":\"b\",\"offset\":0,\"version\":0}");
    append("b");
    hears("\"streamId\":\"b\",\"first\":1,\"last\":1");
    append("a");
    hears("\"streamId\":\"a\",\"first\":2,\"last\":2");
    ws_test_say(&w, "{\"type\":\"unsubscribe\",\"streamId\":\"a\"}");
    hears("{\"type\":\"unsubscribed\",\"streamId\":\"a\",\"offset\":2}");
    append("a");
    expect(streams_handle_close, "b", "{}", "\"closed\":true");
    hears("{\"type\":\"closed\",\"streamId\":\"b\",\"offset\":1}");
    expect(streams_handle_continue, "b", "{}", "\"b~2\"");
    ws_test_say(&w, "{\"type\":\"subscribe\",\"streamId\":\"b\",\"offset\":1}");
    hears("{\"type\":\"subscribed\",\"streamId\":\"b\"");
    hears("{\"type\":\"closed\",\"streamId\":\"b\",\"offset\":1,\"continuedBy\":\"b~2\"}");
    ws_test_leave(&w);
}

static void what_cannot_be_done_is_said_and_the_socket_goes_on(void **state) {
    (void)state;
    open_socket();
    ws_test_say(&w, "{");
    hears("\"type\":\"error\",\"code\":\"BAD_JSON\"");
    ws_test_say(&w, "{\"type\":\"subscribe\"}");
    hears("streamId");
    ws_test_say(&w, "{\"type\":\"follow\",\"streamId\":\"a\"}");
    hears("\"streamId\":\"a\",\"code\":\"BAD_REQUEST\"");
    ws_test_say(&w, "{\"type\":\"unsubscribe\",\"streamId\":\"a\"}");
    hears("does not follow");
    ws_test_say(&w, "{\"type\":\"subscribe\",\"streamId\":\"a\",\"offset\":3}");
    hears("\"type\":\"error\",\"streamId\":\"a\",\"code\":\"BAD_REQUEST\"");
    ws_test_say(&w, "{\"type\":\"subscribe\",\"streamId\":\"a\"}");
    ws_test_say(&w, "{\"type\":\"subscribe\",\"streamId\":\"a\"}");
    hears("already");
    hears("subscribed");
    ws_test_leave(&w);
}

static void a_socket_has_so_many_streams_at_most(void **state) {
    (void)state;
    static char text[STREAMS_TAILS_OF_SOCKET_MAX + 1][80];
    open_socket();
    for (int i = 0; i <= STREAMS_TAILS_OF_SOCKET_MAX; i++) {
        snprintf(text[i], sizeof text[i], "{\"type\":\"subscribe\",\"streamId\":\"s%d\",\"offset\":\"now\"}", i);
        ws_test_say(&w, text[i]);
    }
    for (int i = 0; i < STREAMS_TAILS_OF_SOCKET_MAX + 1; i++) {
        trib_str said = ws_test_hear(&w);
        if (memmem(said.ptr, said.len, "TOO_MANY_REQUESTS", 17)) {
            ws_test_leave(&w);
            return;
        }
    }
    fail_msg("all were taken");
}

static void a_peer_that_does_not_read_goes_on_where_it_stopped(void **state) {
    (void)state;
    http_test other;
    open_socket();
    ws_test_say(&w, "{\"type\":\"subscribe\",\"streamId\":\"a\"}");
    hears("subscribed");
    append("a");
    hears("\"first\":1,\"last\":1");
    w.full = true;
    follow(&other, "a", "live=sse&offset=1");
    for (int i = 0; i < 30; i++) append("a");
    until(&other, "id: 31\n");
    assert_int_equal(w.sent, w.heard); /* nothing was kept for it */
    w.full = false;
    w.ws.handler->credit(&w.ws);
    hears("\"first\":2,\"last\":31");
    append("a");
    hears("\"first\":32,\"last\":32");
    leave(&other);
    ws_test_leave(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(many_streams_share_a_socket, setup, streams_teardown),
        cmocka_unit_test_setup_teardown(what_cannot_be_done_is_said_and_the_socket_goes_on, setup, streams_teardown),
        cmocka_unit_test_setup_teardown(a_socket_has_so_many_streams_at_most, setup, streams_teardown),
        cmocka_unit_test_setup_teardown(a_peer_that_does_not_read_goes_on_where_it_stopped, setup, streams_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of the client of many calls at once, against a server that answers by path. */
#include "io/http_many.h"

#include "conn_test.h"

enum { CALLS = 40, CONNECTIONS = 4 };

static size_t serve(trib_conn *conn, trib_str bytes) {
    size_t used = 0;
    for (;;) {
        const char *from = bytes.ptr + used;
        const char *end = memmem(from, bytes.len - used, "\r\n\r\n", 4);
        if (!end) return used;
        used = (size_t)(end + 4 - bytes.ptr);
        if (memmem(from, (size_t)(end - from), "/silent", 7)) continue;
        if (memmem(from, (size_t)(end - from), "/cut", 4)) {
            trib_conn_write(conn, TRIB_STR("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this"));
            trib_conn_close(conn);
            return bytes.len;
        }
        if (memmem(from, (size_t)(end - from), "/last", 5)) {
            trib_conn_write(conn, TRIB_STR("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok"));
            trib_conn_close(conn);
            return bytes.len;
        }
        bool bad = memmem(from, (size_t)(end - from), "/bad", 4) != NULL;
        if (bad) trib_conn_write(conn, TRIB_STR("HTTP/1.1 409 Conflict\r\nContent-Length: 3\r\n\r\nbad"));
        else
            trib_conn_write(conn,
                            TRIB_STR("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"));
    }
}

static const trib_conn_handler handler = {.on_open = note_open, .on_data = serve, .on_close = note_close};

typedef struct asked {
    trib_http_many_call call; /* first */
    trib_http_many *many;
    int done, status, again;
    trib_code code;
    char body[16];
} asked;

static void take(trib_http_many_call *call, const trib_http_many_answer *answer) {
    asked *a = (asked *)(void *)call;
    a->done++;
    a->code = answer->code;
    a->status = answer->status;
    snprintf(a->body, sizeof a->body, "%.*s", TRIB_STR_ARG(answer->body));
    if (answer->took_ns < 0 || (answer->code != TRIB_OK && !answer->reason)) abort();
    if (a->again-- > 0) trib_http_many_send(a->many, call);
}

#define GET(path) TRIB_STR("GET " path " HTTP/1.1\r\nHost: x\r\n\r\n")

static uint16_t port_of(const server *s) {
    return (uint16_t)strtoul(strrchr(trib_listener_address(s->listener), ':') + 1, NULL, 10);
}

static trib_http_many *start(server *s, uint32_t timeout_ms) {
    trib_http_many *many = NULL;
    trib_error err;
    memset(s, 0, sizeof *s);
    server_start(s, &handler, (trib_conn_limits){0});
    assert_int_equal(trib_http_many_new("127.0.0.1", port_of(s), CONNECTIONS, timeout_ms, &many, &err), TRIB_OK);
    return many;
}

static void run(trib_http_many *many) {
    while (trib_http_many_open(many) > 0) trib_http_many_run(many, 1000);
}

static void many_calls_share_few_connections_that_stay_open(void **state) {
    server s;
    asked all[CALLS] = {0};
    trib_http_many *many = start(&s, 10000);
    (void)state;
    for (int i = 0; i < CALLS; i++) {
        all[i].call = (trib_http_many_call){.request = i % 3 ? GET("/") : GET("/bad"), .done = take};
        trib_http_many_send(many, &all[i].call);
    }
    assert_int_equal(trib_http_many_open(many), CALLS);
    assert_int_equal(trib_http_many_waiting(many), CALLS);
    run(many);
    for (int i = 0; i < CALLS; i++) {
        assert_int_equal(all[i].done, 1);
        assert_int_equal(all[i].code, TRIB_OK);
        assert_int_equal(all[i].status, i % 3 ? 200 : 409);
        assert_string_equal(all[i].body, i % 3 ? "ok" : "bad");
    }
    assert_int_equal(atomic_load(&s.opened), CONNECTIONS);
    trib_http_many_free(many);
    server_stop(&s, 1000);
}

static void a_call_may_be_sent_again_from_its_end(void **state) {
    server s;
    asked one = {.again = 5};
    (void)state;
    one.many = start(&s, 10000);
    one.call = (trib_http_many_call){.request = GET("/"), .done = take};
    trib_http_many_send(one.many, &one.call);
    run(one.many);
    assert_int_equal(one.done, 6);
    assert_int_equal(atomic_load(&s.opened), 1); /* the one that was used last is taken first */
    trib_http_many_free(one.many);
    server_stop(&s, 1000);
}

static void a_connection_that_the_server_ends_is_opened_anew(void **state) {
    server s;
    asked last = {0}, cut = {0}, next = {0};
    trib_http_many *many = start(&s, 10000);
    (void)state;
    last.call = (trib_http_many_call){.request = GET("/last"), .done = take};
    trib_http_many_send(many, &last.call);
    run(many);
    assert_int_equal(last.code, TRIB_OK);
    assert_string_equal(last.body, "ok");
    cut.call = (trib_http_many_call){.request = GET("/cut"), .done = take};
    trib_http_many_send(many, &cut.call);
    run(many);
    assert_int_equal(cut.code, TRIB_CONNECT);
    next.call = (trib_http_many_call){.request = GET("/"), .done = take};
    trib_http_many_send(many, &next.call);
    run(many);
    assert_int_equal(next.code, TRIB_OK);
    trib_http_many_free(many);
    server_stop(&s, 1000);
}

static void a_silent_server_is_given_up(void **state) {
    server s;
    asked silent = {0};
    trib_http_many *many = start(&s, 50);
    (void)state;
    silent.call = (trib_http_many_call){.request = GET("/silent"), .done = take};
    trib_http_many_send(many, &silent.call);
    run(many);
    assert_int_equal(silent.code, TRIB_REQUEST_TIMEOUT);
    trib_http_many_free(many);
    server_stop(&s, 1000);
}

static void nobody_there_is_a_failure_of_each_call(void **state) {
    server s;
    asked all[2] = {0};
    trib_http_many *many = start(&s, 10000);
    (void)state;
    server_stop(&s, 1000);
    for (int i = 0; i < 2; i++) {
        all[i].call = (trib_http_many_call){.request = GET("/"), .done = take};
        trib_http_many_send(many, &all[i].call);
    }
    run(many);
    for (int i = 0; i < 2; i++) assert_int_equal(all[i].code, TRIB_CONNECT);
    trib_http_many_free(many);
    trib_http_many_free(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_calls_share_few_connections_that_stay_open),
        cmocka_unit_test(a_call_may_be_sent_again_from_its_end),
        cmocka_unit_test(a_connection_that_the_server_ends_is_opened_anew),
        cmocka_unit_test(a_silent_server_is_given_up),
        cmocka_unit_test(nobody_there_is_a_failure_of_each_call),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

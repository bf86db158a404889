/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP connections without sockets: order, splitting, refusals, streams, ends. The carrier is http_loopback.h. */
#include "http_loopback.h"

static trib_http_request *held; /* what the handler of /v3/cursor kept */
static int cancels, credits;

static void answer_health(trib_http_request *request) {
    trib_http_answer_text(request, 200, "text/plain", TRIB_STR("fine"));
}

/* Says back what it was asked. */
static void answer_echo(trib_http_request *request) {
    trib_buf body;
    assert_non_null(request->principal);
    assert_non_null(request->tenant);
    trib_buf_init(&body, 4096);
    trib_buf_printf(&body, "[%.*s|%.*s|%.*s]", TRIB_STR_ARG(request->path), TRIB_STR_ARG(request->query),
                    TRIB_STR_ARG(request->body));
    trib_http_answer answer = {.status = 200, .content_type = "application/json", .body = &body};
    trib_http_answer_send(request, &answer);
    trib_buf_deinit(&body);
}

static void answer_param(trib_http_request *request) {
    assert_int_equal(request->path_param_count, 1);
    trib_http_answer_text(request, 200, "text/plain", request->path_params[0]);
}

static void note_cancel(trib_http_request *request) {
    (void)request;
    cancels++;
}

static void hold(trib_http_request *request) {
    held = request;
    request->on_cancel = note_cancel;
}

static void note_credit(trib_http_request *request) {
    (void)request;
    credits++;
}

static void begin_stream(trib_http_request *request) {
    trib_http_answer head = {.status = 200, .content_type = "text/plain"};
    held = request;
    trib_http_stream_begin(request, &head, note_credit);
}

static const trib_route routes[] = {
    {"GET", "/health", TRIB_LISTENER_USER | TRIB_LISTENER_ADMIN, TRIB_AUTH_NONE, 0, answer_health, ""},
    {"POST", "/v2/pipeline", TRIB_LISTENER_USER, TRIB_AUTH_TENANT, 1000, answer_echo, ""},
    {"POST", "/v3/cursor", TRIB_LISTENER_USER, TRIB_AUTH_TENANT, 1000, hold, ""},
    {"GET", "/dump", TRIB_LISTENER_USER, TRIB_AUTH_TENANT, 0, begin_stream, ""},
    {"GET", "/v1/jobs/:id", TRIB_LISTENER_USER, TRIB_AUTH_TENANT, 0, answer_param, ""},
    {"POST", "/v1/jobs/:id", TRIB_LISTENER_ADMIN, TRIB_AUTH_ADMIN, 0, answer_param, ""},
};
static const trib_module module = {.name = "test", .routes = routes, .route_count = sizeof routes / sizeof *routes};

#define START(l, kind)                                                                                                 \
    loopback l;                                                                                                        \
    held = NULL;                                                                                                       \
    cancels = credits = 0;                                                                                             \
    loop_start(&l, &module, kind)

#define GET_HEALTH      "GET /health HTTP/1.1\r\nHost: a\r\n\r\n"
#define POST_ECHO(body) "POST /acme/v2/pipeline HTTP/1.1\r\nHost: a\r\nContent-Length: " body "\r\n\r\n"
#define POST_HELD       "POST /acme/v3/cursor HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}"

static void a_request_gets_one_answer_and_the_connection_stays(void **state) {
    (void)state;
    START(l, TRIB_LISTENER_USER);
    loop_feed(&l, GET_HEALTH);
    assert_true(loop_has(&l, "HTTP/1.1 200 OK\r\nDate: Tue, 14 Nov 2023 22:13:21 GMT\r\n"));
    assert_true(loop_has(&l, "\r\nContent-Type: text/plain\r\n"));
    assert_true(loop_has(&l, "\r\nContent-Length: 4\r\n\r\nfine"));
    assert_false(loop_has(&l, "access-control"));
    assert_false(loop_has(&l, "Connection:"));
    assert_false(l.closing);
    assert_int_equal(l.idle_ms, TRIB_HTTP_IDLE_TIMEOUT_MS);
    loop_end(&l);
}

static void the_answers_do_not_depend_on_how_the_bytes_were_cut(void **state) {
    (void)state;
    static const char bytes[] =
        POST_ECHO("5") "hello" GET_HEALTH "POST /acme/v2/pipeline HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "
                       "chunked\r\n\r\n3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n"
                       "GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n";
    char whole[4096] = "";
    for (size_t step = sizeof bytes; step > 0; step = step > 64 ? 64 : step - 1) {
        START(l, TRIB_LISTENER_USER);
        for (size_t at = 0; at < sizeof bytes - 1; at += step) {
            size_t n = step < sizeof bytes - 1 - at ? step : sizeof bytes - 1 - at;
            trib_buf_add_bytes(&l.in, bytes + at, n);
            loop_pump(&l);
        }
        assert_true(loop_has(&l, "[/v2/pipeline||hello]"));
        assert_true(loop_has(&l, "[/v2/pipeline||abcdefg]"));
        /* nothing of a request outlives its answer */
        assert_true(l.conn->arena.used_bytes <= (TRIB_ASAN ? 0 : TRIB_ARENA_CHUNK_BYTES));
        if (whole[0]) assert_string_equal(loop_text(&l), whole);
        else snprintf(whole, sizeof whole, "%s", loop_text(&l));
        loop_end(&l);
    }
}

static void pipelined_requests_wait_for_the_one_in_flight(void **state) {
    (void)state;
    START(l, TRIB_LISTENER_USER);
    loop_feed(&l, POST_HELD GET_HEALTH GET_HEALTH);
    assert_non_null(held);
    assert_int_equal(l.out.len, 0);
    assert_false(l.reading);
    assert_int_equal(l.idle_ms, 0);
    assert_true(trib_str_eq_c(held->body, "{}"));
    assert_true(trib_str_eq_c(held->path, "/v3/cursor"));
    assert_true(trib_str_eq_c(trib_http_header(held, "content-length"), "2"));
    trib_http_answer_text(held, 200, "text/plain", TRIB_STR("first"));
    assert_true(l.reading);
    loop_pump(&l);
    assert_int_equal(loop_count(&l, "HTTP/1.1 200 OK"), 3);
    assert_true(strstr(loop_text(&l), "first") < strstr(loop_text(&l), "fine"));
    loop_end(&l);
}

static void the_tenant_is_taken_off_the_path(void **state) {
    (void)state;
    static const char *const targets[] = {"/acme/v2/pipeline?x=1", "/acme//v2/pipeline?x=1",
                                          "/dev/acme/v2/pipeline?x=1", "/%61cme/v2/pipeline?x=1", "/v2/pipeline?x=1"};
    for (size_t i = 0; i < sizeof targets / sizeof *targets; i++) {
        char request[256];
        START(l, TRIB_LISTENER_USER);
        snprintf(request, sizeof request,
                 "POST %s HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer t\r\nContent-Length: 0\r\n\r\n", targets[i]);
        loop_feed(&l, request);
        assert_true(loop_has(&l, "[/v2/pipeline|x=1|]"));
        assert_string_equal(auth.authorization, "Bearer t");
        if (i < 4) assert_non_null(strstr(auth.path, "acme/v2"));
        loop_end(&l);
    }
}

static void head_has_the_length_of_get_and_no_body(void **state) {
    (void)state;
    START(l, TRIB_LISTENER_USER);
    loop_feed(&l, "HEAD /health HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_true(loop_has(&l, "Content-Length: 4\r\n\r\n"));
    assert_false(loop_has(&l, "fine"));
    loop_end(&l);
}

static void unknown_paths_and_methods_are_told_apart_and_keep_the_connection(void **state) {
    (void)state;
    START(l, TRIB_LISTENER_USER);
    loop_feed(&l, "POST /acme/v9/what HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc");
    assert_true(loop_has(&l, "HTTP/1.1 404 "));
    assert_true(loop_has(&l, "\"code\":\"NOT_FOUND\",\"docs\":\"trib help errors NOT_FOUND\",\"request_id\":\""));
    assert_true(loop_has(&l, "Content-Type: application/json\r\n"));
    loop_feed(&l, "DELETE /health HTTP/1.1\r\nHost: a\r\n\r\n" GET_HEALTH);
    assert_true(loop_has(&l, "HTTP/1.1 405 "));
    assert_true(loop_has(&l, "\r\nallow: GET, HEAD, OPTIONS\r\n"));
    assert_true(loop_has(&l, "fine"));
    assert_false(l.closing);
    loop_end(&l);
}

static void a_refused_principal_is_told_before_its_body_is_kept(void **state) {
    (void)state;
    START(l, TRIB_LISTENER_USER);
    auth.code = TRIB_AUTH_JWT_INVALID;
    loop_feed(&l, POST_ECHO("5") "hello" GET_HEALTH);
    assert_true(loop_has(&l, "HTTP/1.1 401 "));
    assert_false(l.closing);
    loop_feed(&l, POST_ECHO("900000"));
    assert_int_equal(loop_count(&l, "HTTP/1.1 401 "), 3);
    assert_true(loop_has(&l, "Connection: close\r\n"));
    assert_true(l.closing);
    loop_end(&l);
}

#define POST_CALL(more)                                                                                                \
    "POST /acme/v2/pipeline HTTP/1.1\r\nHost: a\r\nContent-Type: application/grpc-web\r\n" more                        \
    "Content-Length: 0\r\n\r\n"

static void a_grpc_client_names_its_token_otherwise_and_reads_refusals_in_trailers(void **state) {
    (void)state;
    START(l, TRIB_LISTENER_USER);
    loop_feed(&l, POST_CALL("x-authorization: Bearer one\r\n"));
    assert_string_equal(auth.authorization, "Bearer one");
    loop_feed(&l, POST_CALL("x-authorization: Bearer one\r\nauthorization: Bearer two\r\n"));
    assert_string_equal(auth.authorization, "Bearer two");
    auth.code = TRIB_AUTH_JWT_INVALID;
    loop_feed(&l, POST_CALL("x-authorization: Bearer one\r\n"));
    assert_false(loop_has(&l, "HTTP/1.1 401 "));
    assert_true(loop_has(&l, "Content-Type: application/grpc-web+proto\r\n"));
    assert_int_equal(loop_count(&l, "HTTP/1.1 200 "), 3);
    assert_int_equal(l.stats.by_class[2]->value, 2);
    assert_int_equal(l.stats.by_class[4]->value, 1); /* what was meant is counted */
    loop_end(&l);
}

static void a_body_above_the_routes_limit_is_refused(void **state) {
    (void)state;
    START(l, TRIB_LISTENER_USER);
    loop_feed(&l, POST_ECHO("1001"));
    assert_true(loop_has(&l, "HTTP/1.1 413 "));
    assert_true(l.closing);
    loop_end(&l);
}

static void expect_100_is_answered_only_when_the_body_is_wanted(void **state) {
    (void)state;
    START(l, TRIB_LISTENER_USER);
    loop_feed(&l, "POST /acme/v2/pipeline HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
    assert_string_equal(loop_text(&l), "HTTP/1.1 100 Continue\r\n\r\n");
    loop_feed(&l, "ab");
    assert_true(loop_has(&l, "[/v2/pipeline||ab]"));
    auth.code = TRIB_UNAUTHORIZED;
    loop_feed(&l, "POST /acme/v2/pipeline HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
    assert_int_equal(loop_count(&l, "100 Continue"), 1);
    assert_true(loop_has(&l, "HTTP/1.1 401 "));
    assert_true(l.closing);
    loop_end(&l);
}

static void sane_request_ids_are_echoed_and_others_replaced(void **state) {
    (void)state;
    START(l, TRIB_LISTENER_USER);
    loop_feed(&l, "GET /nope HTTP/1.1\r\nHost: a\r\nX-Request-Id: abc-1.2\r\n\r\n");
    assert_true(loop_has(&l, "\r\nx-request-id: abc-1.2\r\n"));
    assert_true(loop_has(&l, "\"request_id\":\"abc-1.2\""));
    loop_feed(&l, "GET /nope HTTP/1.1\r\nHost: a\r\nX-Request-Id: <script>\r\n\r\n");
    assert_false(loop_has(&l, "script"));
    loop_end(&l);
}

static void a_preflight_is_answered_without_a_token(void **state) {
    (void)state;
    START(l, TRIB_LISTENER_USER);
    auth.code = TRIB_UNAUTHORIZED;
    loop_feed(&l,
              "OPTIONS /acme/v2/pipeline HTTP/1.1\r\nHost: a\r\nOrigin: https://app.example\r\n"
              "Access-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: authorization, x-new\r\n\r\n");
    assert_true(loop_has(&l, "HTTP/1.1 204 "));
    assert_true(loop_has(&l, "\r\naccess-control-allow-origin: *\r\n"));
    assert_true(loop_has(&l, "\r\naccess-control-allow-headers: authorization, x-new\r\n"));
    assert_true(loop_has(&l, "\r\nallow: POST, OPTIONS\r\n"));
    assert_false(loop_has(&l, "Content-Length"));
    loop_end(&l);
}

static void a_preflight_that_asks_for_nothing_gets_the_usual_headers(void **state) {
    (void)state;
    START(l, TRIB_LISTENER_USER);
    loop_feed(&l, "OPTIONS /acme/v2/pipeline HTTP/1.1\r\nHost: a\r\nOrigin: null\r\n\r\n");
    assert_true(loop_has(&l, "authorization, content-type, x-turso-encryption-key, x-namespace"));
    loop_end(&l);
}

static void the_admin_listener_answers_no_foreign_pages(void **state) {
    (void)state;
    static const struct {
        const char *headers;
        const char *want;
    } rows[] = {
        {"Host: 127.0.0.1:8081\r\n", "200"},
        {"Host: localhost:8081\r\n", "200"},
        {"Host: [::1]:8081\r\n", "200"},
        {"Host: evil.example:8081\r\n", "403"},
        {"Host: 127.0.0.1:8081\r\nOrigin: http://127.0.0.1:8081\r\n", "200"},
        {"Host: 127.0.0.1:8081\r\nOrigin: http://evil.example\r\n", "403"},
        {"Host: 127.0.0.1:8081\r\nOrigin: null\r\n", "403"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char request[256], want[32];
        START(l, TRIB_LISTENER_ADMIN);
        snprintf(request, sizeof request, "GET /health HTTP/1.1\r\n%s\r\n", rows[i].headers);
        snprintf(want, sizeof want, "HTTP/1.1 %s ", rows[i].want);
        loop_feed(&l, request);
        assert_true(loop_has(&l, want));
        assert_false(loop_has(&l, "access-control"));
        loop_end(&l);
    }
}

static void a_tenant_that_a_worker_loads_delays_only_the_answer(void **state) {
    (void)state;
    START(l, TRIB_LISTENER_USER);
    auth.code = TRIB_AGAIN;
    loop_feed(&l, POST_ECHO("5") "hello" GET_HEALTH);
    assert_non_null(auth.waiting);
    assert_int_equal(l.out.len, 0);
    auth_come_home();
    auth.code = TRIB_OK;
    loop_pump(&l);
    assert_true(loop_has(&l, "[/v2/pipeline||hello]"));
    assert_true(loop_has(&l, "fine"));
    loop_end(&l);
}

static void a_tenant_that_cannot_be_loaded_is_refused(void **state) {
    (void)state;
    START(l, TRIB_LISTENER_USER);
    auth.code = TRIB_AGAIN;
    auth.again_code = TRIB_TENANT_NOT_FOUND;
    loop_feed(&l, POST_ECHO("5") "hello");
    auth_come_home();
    loop_pump(&l);
    assert_true(loop_has(&l, "HTTP/1.1 404 "));
    loop_end(&l);
}

static void a_peer_that_leaves_while_its_tenant_is_loaded_leaks_nothing(void **state) {
    (void)state;
    START(l, TRIB_LISTENER_USER);
    auth.code = TRIB_AGAIN;
    loop_feed(&l, POST_ECHO("5") "hello");
    loop_lose(&l);
    auth_come_home();
    loop_end(&l);
}

static void send_chunk(const char *text, bool want_credit) {
    trib_buf chunk;
    trib_buf_init(&chunk, 1 << 20);
    trib_buf_add_c(&chunk, text);
    assert_int_equal(trib_http_stream_chunk(held, &chunk), want_credit);
    trib_buf_deinit(&chunk);
}

static void a_stream_goes_out_in_chunks(void **state) {
    (void)state;
    START(l, TRIB_LISTENER_USER);
    loop_feed(&l, "GET /acme/dump HTTP/1.1\r\nHost: a\r\n\r\n" GET_HEALTH);
    send_chunk("abc", true);
    send_chunk("de", true);
    assert_false(loop_has(&l, "fine"));
    trib_http_stream_end(held, false);
    loop_pump(&l);
    assert_true(
        loop_has(&l, "Transfer-Encoding: chunked\r\n\r\n00000003\r\nabc\r\n00000002\r\nde\r\n0\r\n\r\nHTTP/1.1 200"));
    assert_true(loop_has(&l, "fine"));
    loop_end(&l);
}

static void a_stream_to_an_old_client_ends_with_the_connection(void **state) {
    (void)state;
    START(l, TRIB_LISTENER_USER);
    loop_feed(&l, "GET /acme/dump HTTP/1.0\r\n\r\n");
    send_chunk("abc", true);
    trib_http_stream_end(held, false);
    assert_true(loop_has(&l, "\r\n\r\nabc"));
    assert_false(loop_has(&l, "chunked"));
    assert_true(l.closing);
    loop_end(&l);
}

static void a_reader_that_is_too_slow_gets_no_more_until_it_took_some(void **state) {
    (void)state;
    static char big[TRIB_HTTP_UNSENT_MAX_BYTES / 2];
    memset(big, 'x', sizeof big - 1);
    START(l, TRIB_LISTENER_USER);
    l.stuck = true;
    loop_feed(&l, "GET /acme/dump HTTP/1.1\r\nHost: a\r\n\r\n");
    send_chunk(big, true);
    send_chunk(big, false);
    assert_int_equal(credits, 0);
    trib_buf_clear(&l.out);
    trib_http_conn_drained(l.conn);
    assert_int_equal(credits, 1);
    send_chunk("end", true);
    trib_http_stream_end(held, false);
    loop_end(&l);
}

static void an_aborted_stream_shows_that_something_is_missing(void **state) {
    (void)state;
    START(l, TRIB_LISTENER_USER);
    loop_feed(&l, "GET /acme/dump HTTP/1.1\r\nHost: a\r\n\r\n");
    send_chunk("abc", true);
    trib_http_stream_end(held, true);
    assert_true(l.aborted);
    assert_false(loop_has(&l, "0\r\n\r\n"));
    loop_end(&l);
}

static void a_request_can_be_dropped_without_an_answer(void **state) {
    (void)state;
    START(l, TRIB_LISTENER_USER);
    loop_feed(&l, "GET /health HTTP/1.1\r\nHost: a\r\n\r\n" POST_HELD "GET /health HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_true(loop_has(&l, "fine"));
    trib_buf_clear(&l.out);
    trib_http_answer_send(held, &(trib_http_answer){.drop = true});
    assert_true(l.aborted);
    assert_int_equal(l.out.len, 0);
    loop_end(&l);
}

static void a_peer_that_leaves_cancels_and_its_answer_is_dropped(void **state) {
    (void)state;
    START(l, TRIB_LISTENER_USER);
    loop_feed(&l, POST_HELD);
    loop_lose(&l);
    assert_int_equal(cancels, 1);
    assert_true(held->cancelled);
    trib_http_answer_text(held, 200, "text/plain", TRIB_STR("late"));
    assert_int_equal(l.out.len, 0);
    loop_end(&l);
}

static void a_peer_that_leaves_a_stream_is_noticed_by_its_writer(void **state) {
    (void)state;
    START(l, TRIB_LISTENER_USER);
    loop_feed(&l, "GET /acme/dump HTTP/1.1\r\nHost: a\r\n\r\n");
    loop_lose(&l);
    assert_int_equal(credits, 1);
    assert_true(held->cancelled);
    send_chunk("late", true);
    trib_http_stream_end(held, false);
    loop_end(&l);
}

static void a_half_closed_peer_still_gets_its_answer(void **state) {
    (void)state;
    START(l, TRIB_LISTENER_USER);
    loop_feed(&l, POST_HELD);
    trib_http_conn_eof(l.conn);
    assert_int_equal(l.deadline_ms, TRIB_HTTP_HALF_CLOSED_MS);
    trib_http_answer_text(held, 200, "text/plain", TRIB_STR("still"));
    assert_true(loop_has(&l, "Connection: close\r\n"));
    assert_true(loop_has(&l, "still"));
    assert_true(l.closing);
    loop_end(&l);
}

static int warnings;
static char last_line[512];

static void note_line(void *ctx, trib_log_level level, const char *line, size_t len) {
    (void)ctx;
    warnings += level == TRIB_LOG_WARN;
    snprintf(last_line, sizeof last_line, "%.*s", (int)len, line);
}

static void what_the_server_could_not_do_is_logged_with_its_request_id(void **state) {
    (void)state;
    static const int statuses[] = {200, 404, 500};
    for (int i = 0; i < 3; i++) {
        trib_log log;
        START(l, TRIB_LISTENER_USER);
        trib_log_init(&log, &l.env.env, TRIB_LOG_INFO, TRIB_LOG_JSON, note_line, NULL);
        l.app.log = &log;
        warnings = 0;
        loop_feed(&l, "POST /acme/v3/cursor HTTP/1.1\r\nHost: a\r\nx-request-id: my-7\r\nContent-Length: 2\r\n\r\n{}");
        trib_http_answer_text(held, statuses[i], "text/plain", TRIB_STR("x"));
        assert_int_equal(warnings, statuses[i] == 500);
        loop_end(&l);
    }
    assert_non_null(strstr(last_line, "\"request_id\":\"my-7\""));
    assert_non_null(strstr(last_line, "\"status\":500"));
}

static void a_stream_whose_job_is_at_work_is_not_idle(void **state) {
    (void)state;
    START(l, TRIB_LISTENER_USER);
    loop_feed(&l, "GET /acme/dump HTTP/1.1\r\nHost: a\r\n\r\n");
    trib_http_conn_timeout(l.conn);
    assert_false(l.aborted);
    l.stuck = true;
    send_chunk("more", true);
    trib_http_conn_timeout(l.conn);
    assert_true(l.aborted);
    loop_lose(&l);
    trib_http_stream_end(held, true);
    loop_end(&l);
}

static void a_reader_that_trickles_has_a_deadline(void **state) {
    (void)state;
    static char big[TRIB_HTTP_UNSENT_MAX_BYTES + 1];
    memset(big, 'x', sizeof big - 1);
    START(l, TRIB_LISTENER_USER);
    loop_feed(&l, "GET /acme/dump HTTP/1.1\r\nHost: a\r\n\r\n");
    send_chunk("abc", true);
    assert_int_equal(l.deadline_ms, 0);
    l.stuck = true;
    send_chunk(big, false);
    assert_int_equal(l.deadline_ms, TRIB_HTTP_CREDIT_TIMEOUT_MS);
    trib_buf_clear(&l.out);
    trib_http_conn_drained(l.conn);
    assert_int_equal(l.deadline_ms, 0);
    assert_int_equal(credits, 1);
    send_chunk(big, false);
    l.stuck = false;
    trib_http_stream_end(held, false); /* the rest is the write timeout's business */
    assert_int_equal(l.deadline_ms, 0);
    loop_end(&l);
}

static void a_half_closed_peer_is_gone_when_its_time_is_over(void **state) {
    (void)state;
    START(l, TRIB_LISTENER_USER);
    loop_feed(&l, POST_HELD);
    trib_http_conn_eof(l.conn);
    trib_http_conn_timeout(l.conn);
    assert_true(l.aborted);
    loop_lose(&l);
    assert_int_equal(cancels, 1);
    trib_http_answer_text(held, 200, "text/plain", TRIB_STR("late"));
    loop_end(&l);
}

static void the_end_inside_a_message_is_an_error(void **state) {
    (void)state;
    static const char *const rows[] = {"GET /heal", POST_ECHO("10") "abc"};
    for (size_t i = 0; i < 2; i++) {
        START(l, TRIB_LISTENER_USER);
        loop_feed(&l, rows[i]);
        trib_http_conn_eof(l.conn);
        assert_true(loop_has(&l, "HTTP/1.1 400 "));
        assert_true(l.closing);
        loop_end(&l);
    }
}

static void slow_heads_and_bodies_time_out_and_idle_connections_close_silently(void **state) {
    (void)state;
    START(l, TRIB_LISTENER_USER);
    loop_feed(&l, "GET /heal");
    assert_int_equal(l.deadline_ms, TRIB_HTTP_HEAD_TIMEOUT_MS);
    loop_feed(&l, "th HTTP/1.1\r\n");
    trib_http_conn_timeout(l.conn);
    assert_true(loop_has(&l, "HTTP/1.1 408 "));
    loop_end(&l);
    START(b, TRIB_LISTENER_USER);
    loop_feed(&b, POST_ECHO("10") "abc");
    assert_int_equal(b.deadline_ms, TRIB_HTTP_BODY_TIMEOUT_MS);
    trib_http_conn_timeout(b.conn);
    assert_true(loop_has(&b, "HTTP/1.1 408 "));
    loop_end(&b);
    START(i, TRIB_LISTENER_USER);
    loop_feed(&i, GET_HEALTH);
    assert_int_equal(i.deadline_ms, 0);
    trib_buf_clear(&i.out);
    trib_http_conn_timeout(i.conn);
    assert_int_equal(i.out.len, 0);
    assert_true(i.closing);
    loop_end(&i);
}

static void a_drain_closes_idle_connections_soon_and_finishes_the_others(void **state) {
    (void)state;
    START(l, TRIB_LISTENER_USER);
    trib_http_conn_drain(l.conn);
    assert_false(l.closing); /* a request may be on its way */
    assert_int_equal(l.deadline_ms, TRIB_HTTP_DRAIN_IDLE_MS);
    trib_http_conn_timeout(l.conn);
    assert_true(l.closing);
    assert_int_equal(l.out.len, 0);
    loop_end(&l);
    START(late, TRIB_LISTENER_USER);
    loop_feed(&late, GET_HEALTH);
    trib_buf_clear(&late.out);
    trib_http_conn_drain(late.conn);
    loop_feed(&late, POST_HELD);
    assert_int_equal(late.deadline_ms, 0); /* the job takes what it takes */
    trib_http_answer_text(held, 200, "text/plain", TRIB_STR("done"));
    assert_true(loop_has(&late, "HTTP/1.1 200 "));
    assert_true(loop_has(&late, "Connection: close\r\n"));
    assert_true(late.closing);
    loop_end(&late);
    START(b, TRIB_LISTENER_USER);
    loop_feed(&b, POST_HELD);
    trib_http_conn_drain(b.conn);
    assert_false(b.closing);
    trib_http_answer_text(held, 200, "text/plain", TRIB_STR("done"));
    assert_true(loop_has(&b, "Connection: close\r\n"));
    assert_true(b.closing);
    loop_end(&b);
}

/* Its head said that the connection stays, so the client may go on to use it. */
static void a_stream_that_ends_during_a_drain_leaves_time_for_one_more_request(void **state) {
    (void)state;
    START(l, TRIB_LISTENER_USER);
    loop_feed(&l, "GET /acme/dump HTTP/1.1\r\nHost: a\r\n\r\n");
    trib_http_conn_drain(l.conn);
    assert_int_equal(l.deadline_ms, 0);
    trib_http_stream_end(held, false);
    assert_false(l.closing);
    assert_int_equal(l.deadline_ms, TRIB_HTTP_DRAIN_IDLE_MS);
    trib_buf_clear(&l.out);
    loop_feed(&l, GET_HEALTH);
    assert_true(loop_has(&l, "Connection: close\r\n"));
    assert_true(l.closing);
    loop_end(&l);
}

static void a_client_that_never_reads_is_not_read_from_either(void **state) {
    (void)state;
    START(l, TRIB_LISTENER_USER);
    l.stuck = true;
    for (int i = 0; i < 20000 && l.reading; i++) loop_feed(&l, GET_HEALTH);
    assert_false(l.reading);
    assert_true(l.out.len < 2 * TRIB_HTTP_UNSENT_MAX_BYTES);
    size_t waiting = l.in.len;
    trib_buf_clear(&l.out);
    trib_http_conn_drained(l.conn);
    loop_pump(&l);
    assert_true(l.in.len == 0 || l.in.len < waiting);
    loop_end(&l);
}

static void malformed_bytes_are_refused_and_end_the_connection(void **state) {
    (void)state;
    static const char *const rows[] = {
        "\x16\x03\x01 hello\r\n\r\n",
        "GET  /health HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /health HTTP/1.1\r\n\r\n",
        "GET /health HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        "GET /a%00b HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /a%2fb HTTP/1.1\r\nHost: a\r\n\r\n"};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        START(l, TRIB_LISTENER_USER);
        loop_feed(&l, rows[i]);
        assert_true(loop_has(&l, "HTTP/1.1 400 "));
        assert_true(loop_has(&l, "\"request_id\":\""));
        if (i < 4) assert_true(l.closing);
        loop_end(&l);
    }
}

static void path_parameters_reach_the_handler(void **state) {
    (void)state;
    START(l, TRIB_LISTENER_USER);
    loop_feed(&l, "GET /acme/v1/jobs/77 HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_true(loop_has(&l, "Content-Length: 2\r\n\r\n77"));
    loop_end(&l);
}

static void every_answer_is_counted_by_its_class(void **state) {
    (void)state;
    START(l, TRIB_LISTENER_USER);
    loop_feed(&l, GET_HEALTH GET_HEALTH "GET /nope HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_int_equal(l.stats.by_class[2]->value, 2);
    assert_int_equal(l.stats.by_class[4]->value, 1);
    assert_int_equal(l.stats.open_connections, 1);
    loop_end(&l);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_gets_one_answer_and_the_connection_stays),
        cmocka_unit_test(the_answers_do_not_depend_on_how_the_bytes_were_cut),
        cmocka_unit_test(pipelined_requests_wait_for_the_one_in_flight),
        cmocka_unit_test(the_tenant_is_taken_off_the_path),
        cmocka_unit_test(head_has_the_length_of_get_and_no_body),
        cmocka_unit_test(unknown_paths_and_methods_are_told_apart_and_keep_the_connection),
        cmocka_unit_test(a_refused_principal_is_told_before_its_body_is_kept),
        cmocka_unit_test(a_grpc_client_names_its_token_otherwise_and_reads_refusals_in_trailers),
        cmocka_unit_test(a_body_above_the_routes_limit_is_refused),
        cmocka_unit_test(expect_100_is_answered_only_when_the_body_is_wanted),
        cmocka_unit_test(sane_request_ids_are_echoed_and_others_replaced),
        cmocka_unit_test(a_preflight_is_answered_without_a_token),
        cmocka_unit_test(a_preflight_that_asks_for_nothing_gets_the_usual_headers),
        cmocka_unit_test(the_admin_listener_answers_no_foreign_pages),
        cmocka_unit_test(a_tenant_that_a_worker_loads_delays_only_the_answer),
        cmocka_unit_test(a_tenant_that_cannot_be_loaded_is_refused),
        cmocka_unit_test(a_peer_that_leaves_while_its_tenant_is_loaded_leaks_nothing),
        cmocka_unit_test(what_the_server_could_not_do_is_logged_with_its_request_id),
        cmocka_unit_test(a_stream_whose_job_is_at_work_is_not_idle),
        cmocka_unit_test(a_reader_that_trickles_has_a_deadline),
        cmocka_unit_test(a_stream_goes_out_in_chunks),
        cmocka_unit_test(a_stream_to_an_old_client_ends_with_the_connection),
        cmocka_unit_test(a_reader_that_is_too_slow_gets_no_more_until_it_took_some),
        cmocka_unit_test(an_aborted_stream_shows_that_something_is_missing),
        cmocka_unit_test(a_request_can_be_dropped_without_an_answer),
        cmocka_unit_test(a_peer_that_leaves_cancels_and_its_answer_is_dropped),
        cmocka_unit_test(a_peer_that_leaves_a_stream_is_noticed_by_its_writer),
        cmocka_unit_test(a_half_closed_peer_still_gets_its_answer),
        cmocka_unit_test(a_half_closed_peer_is_gone_when_its_time_is_over),
        cmocka_unit_test(the_end_inside_a_message_is_an_error),
        cmocka_unit_test(slow_heads_and_bodies_time_out_and_idle_connections_close_silently),
        cmocka_unit_test(a_drain_closes_idle_connections_soon_and_finishes_the_others),
        cmocka_unit_test(a_stream_that_ends_during_a_drain_leaves_time_for_one_more_request),
        cmocka_unit_test(a_client_that_never_reads_is_not_read_from_either),
        cmocka_unit_test(malformed_bytes_are_refused_and_end_the_connection),
        cmocka_unit_test(path_parameters_reach_the_handler),
        cmocka_unit_test(every_answer_is_counted_by_its_class),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

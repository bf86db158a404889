/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of the blocking HTTP client against a server that answers by path and shows what it was sent. */
#include "io/http_client.h"

#include "conn_test.h"

enum { BIG_BYTES = 3000000 };

static void answer(trib_conn *conn, const char *status, trib_str body) {
    trib_buf out;
    trib_buf_init(&out, BIG_BYTES + 1000);
    trib_buf_printf(&out, "HTTP/1.1 %s\r\nContent-Length: %zu\r\nX-Two:  padded value \r\n\r\n", status, body.len);
    trib_buf_add(&out, body);
    trib_conn_write_buf(conn, &out);
    trib_buf_deinit(&out);
}

static void answer_big(trib_conn *conn, const char *status) {
    char *big = malloc(BIG_BYTES);
    if (!big) abort();
    for (size_t i = 0; i < BIG_BYTES; i++) big[i] = (char)('a' + i % 23);
    answer(conn, status, trib_str_make(big, BIG_BYTES));
    free(big);
}

/* Good enough for curl's well-formed requests: a head, then content-length bytes. */
static size_t serve(trib_conn *conn, trib_str bytes) {
    char text[8192] = {0};
    if (bytes.len >= sizeof text) abort();
    memcpy(text, bytes.ptr, bytes.len);
    char *head_end = strstr(text, "\r\n\r\n");
    if (!head_end) return 0;
    const char *length = strstr(text, "Content-Length: ");
    size_t total = (size_t)(head_end + 4 - text) + (length ? strtoul(length + 16, NULL, 10) : 0);
    if (bytes.len < total) return 0;
    const char *path = strchr(text, ' ') + 1;
    if (strncmp(path, "/echo", 5) == 0) answer(conn, "200 OK", trib_str_make(text, total));
    else if (strncmp(path, "/big", 4) == 0) answer_big(conn, "200 OK");
    else if (strncmp(path, "/bad", 4) == 0) answer(conn, "503 Busy", TRIB_STR("try later"));
    else if (strncmp(path, "/move", 5) == 0) {
        trib_conn_write(conn, TRIB_STR("HTTP/1.1 302 Found\r\nLocation: /echo\r\nContent-Length: 0\r\n\r\n"));
    } else if (strncmp(path, "/hint", 5) == 0) {
        trib_conn_write(conn, TRIB_STR("HTTP/1.1 103 Early Hints\r\nX-Two: wrong\r\n\r\n"));
        answer(conn, "200 OK", TRIB_STR("after a hint"));
    } else if (strncmp(path, "/cut", 4) == 0) {
        trib_conn_write(conn, TRIB_STR("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this"));
        trib_conn_close(conn);
    } else if (strncmp(path, "/silent", 7) != 0) {
        answer(conn, "404 Not Found", TRIB_STR(""));
    }
    return total;
}

static const trib_conn_handler http_handler = {.on_open = note_open, .on_data = serve, .on_close = note_close};

typedef struct scene {
    server s;
    trib_http_client *client;
    trib_http_client_reply reply;
    trib_error err;
    char url[200];
} scene;

static void scene_start(scene *t) {
    memset(t, 0, sizeof *t);
    server_start(&t->s, &http_handler, (trib_conn_limits){0});
    assert_int_equal(trib_http_client_new(&t->client, &t->err), TRIB_OK);
}

static void scene_stop(scene *t) {
    trib_http_client_free(t->client);
    server_stop(&t->s, 1000);
}

static trib_code call_path(scene *t, const char *path, trib_http_client_request request) {
    snprintf(t->url, sizeof t->url, "http://%s%s", trib_listener_address(t->s.listener), path);
    if (!request.url) request.url = t->url;
    return trib_http_client_call(t->client, &request, &t->reply, &t->err);
}

static bool contains(const trib_buf *buf, const char *text) {
    return memmem(buf->ptr, buf->len, text, strlen(text)) != NULL;
}

static void a_request_arrives_as_it_was_given(void **state) {
    (void)state;
    scene t;
    scene_start(&t);
    const trib_http_client_header headers[] = {{TRIB_STR("Authorization"), TRIB_STR("Bearer abc")},
                                               {TRIB_STR("Content-Type"), TRIB_STR("application/json")},
                                               {TRIB_STR("X-Empty"), TRIB_STR("")}};
    trib_http_client_request r = {
        .method = "PATCH", .headers = headers, .header_count = 3, .body = TRIB_STR("{\"a\":1}")};
    assert_int_equal(call_path(&t, "/echo/../x?q=1", r), TRIB_OK);
    assert_int_equal(t.reply.status, 200);
    assert_memory_equal(t.reply.body.ptr, "PATCH /echo/../x?q=1 HTTP/1.1\r\n", 31);
    assert_true(contains(&t.reply.body, "\r\nAuthorization: Bearer abc\r\n"));
    assert_true(contains(&t.reply.body, "\r\nContent-Type: application/json\r\n"));
    assert_true(contains(&t.reply.body, "\r\nX-Empty:\r\n"));
    assert_true(contains(&t.reply.body, "\r\n\r\n{\"a\":1}"));
    assert_false(contains(&t.reply.body, "Expect:"));
    assert_true(trib_str_eq_c(trib_http_client_reply_header(&t.reply, "x-two"), "padded value"));
    assert_int_equal(trib_http_client_reply_header(&t.reply, "X-None").len, 0);
    trib_http_client_reply_deinit(&t.reply);
    scene_stop(&t);
}

static void methods_follow_the_body_and_nothing_leaks_into_the_next_call(void **state) {
    (void)state;
    scene t;
    scene_start(&t);
    assert_int_equal(call_path(&t, "/echo", (trib_http_client_request){.body = TRIB_STR("data")}), TRIB_OK);
    assert_memory_equal(t.reply.body.ptr, "POST /echo ", 11);
    assert_false(contains(&t.reply.body, "Content-Type"));
    trib_http_client_reply_deinit(&t.reply);
    assert_int_equal(call_path(&t, "/echo", (trib_http_client_request){0}), TRIB_OK);
    assert_memory_equal(t.reply.body.ptr, "GET /echo ", 10);
    assert_false(contains(&t.reply.body, "Content-Length"));
    trib_http_client_reply_deinit(&t.reply);
    assert_int_equal(call_path(&t, "/echo", (trib_http_client_request){.method = "POST"}), TRIB_OK);
    assert_true(contains(&t.reply.body, "Content-Length: 0"));
    trib_http_client_reply_deinit(&t.reply);
    assert_int_equal(t.s.opened, 1); /* all over one connection */
    scene_stop(&t);
}

static void any_status_is_an_answer_and_redirects_are_not_followed(void **state) {
    (void)state;
    scene t;
    scene_start(&t);
    static const struct {
        const char *path, *body;
        int status;
    } rows[] = {{"/bad", "try later", 503}, {"/none", "", 404}, {"/move", "", 302}, {"/hint", "after a hint", 200}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(call_path(&t, rows[i].path, (trib_http_client_request){0}), TRIB_OK);
        assert_int_equal(t.reply.status, rows[i].status);
        assert_true(trib_str_eq_c(trib_buf_str(&t.reply.body), rows[i].body));
        if (t.reply.status != 302) {
            assert_true(trib_str_eq_c(trib_http_client_reply_header(&t.reply, "X-Two"), "padded value"));
        }
        trib_http_client_reply_deinit(&t.reply);
    }
    scene_stop(&t);
}

typedef struct sink {
    size_t bytes, stop_after;
    bool wrong;
} sink;

static bool take(void *ctx, trib_str bytes) {
    sink *k = ctx;
    for (size_t i = 0; i < bytes.len; i++) k->wrong |= bytes.ptr[i] != (char)('a' + (k->bytes + i) % 23);
    k->bytes += bytes.len;
    return !k->stop_after || k->bytes < k->stop_after;
}

static void a_stream_is_not_bounded_but_a_kept_body_is(void **state) {
    (void)state;
    scene t;
    scene_start(&t);
    sink k = {0};
    trib_http_client_request r = {.on_body = take, .on_body_ctx = &k, .max_body_bytes = 1000};
    assert_int_equal(call_path(&t, "/big", r), TRIB_OK);
    assert_int_equal(k.bytes, BIG_BYTES);
    assert_false(k.wrong);
    assert_int_equal(t.reply.body.len, 0);
    trib_http_client_reply_deinit(&t.reply);

    assert_int_equal(call_path(&t, "/bad", r), TRIB_OK); /* an error's body is kept, not streamed */
    assert_int_equal(k.bytes, BIG_BYTES);
    assert_int_equal(t.reply.body.len, 9);
    trib_http_client_reply_deinit(&t.reply);

    assert_int_equal(call_path(&t, "/big", (trib_http_client_request){.max_body_bytes = 1000}),
                     TRIB_RESPONSE_TOO_LARGE);
    k = (sink){.stop_after = 10};
    assert_int_equal(call_path(&t, "/big", r), TRIB_CANCELLED);
    scene_stop(&t);
}

static void a_readable_descriptor_cancels_and_the_client_goes_on(void **state) {
    (void)state;
    scene t;
    int ends[2];
    char byte;
    scene_start(&t);
    assert_int_equal(pipe(ends), 0);
    trib_http_client_request r = {.cancel_fd = &ends[0]};
    assert_int_equal(call_path(&t, "/echo", r), TRIB_OK); /* as any other call while nothing comes */
    assert_true(contains(&t.reply.body, "GET /echo"));
    trib_http_client_reply_deinit(&t.reply);
    assert_int_equal(call_path(&t, "/cut", r), TRIB_CONNECT);

    assert_int_equal(write(ends[1], "x", 1), 1);
    assert_int_equal(call_path(&t, "/silent", r), TRIB_CANCELLED); /* nobody ever answers this path */
    assert_int_equal(read(ends[0], &byte, 1), 1);
    assert_int_equal(call_path(&t, "/bad", r), TRIB_OK);
    assert_int_equal(t.reply.status, 503);
    trib_http_client_reply_deinit(&t.reply);
    close(ends[0]);
    close(ends[1]);
    scene_stop(&t);
}

static void a_refused_connection_says_what_why_and_how_without_tokens(void **state) {
    (void)state;
    scene t;
    scene_start(&t);
    /* a port that was just given back refuses */
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    getsockname(fd, (struct sockaddr *)&at, &len);
    close(fd);
    char url[200], shown[100];
    snprintf(shown, sizeof shown, "http://127.0.0.1:%u/db/", (unsigned)ntohs(at.sin_port));
    snprintf(url, sizeof url, "http://me:pass%%40word@127.0.0.1:%u/db/?authToken=topsecret#frag",
             (unsigned)ntohs(at.sin_port));
    assert_int_equal(call_path(&t, "", (trib_http_client_request){.url = url}), TRIB_CONNECT);
    assert_non_null(strstr(t.err.message, shown));
    assert_non_null(strstr(t.err.message, "Connection refused"));
    assert_non_null(strstr(t.err.message, "start the server"));
    assert_null(strstr(t.err.message, "topsecret"));
    assert_null(strstr(t.err.message, "pass"));
    assert_null(strstr(t.err.message, "frag"));
    scene_stop(&t);
}

static void broken_answers_and_bad_requests_have_their_own_codes(void **state) {
    (void)state;
    scene t;
    scene_start(&t);
    assert_int_equal(call_path(&t, "/cut", (trib_http_client_request){0}), TRIB_CONNECT);
    assert_int_equal(call_path(&t, "/silent", (trib_http_client_request){.timeout_ms = 50}), TRIB_REQUEST_TIMEOUT);
    assert_int_equal(call_path(&t, "", (trib_http_client_request){.url = "ftp://127.0.0.1/"}), TRIB_USAGE);
    assert_int_equal(call_path(&t, "", (trib_http_client_request){.url = "file:///etc/passwd"}), TRIB_USAGE);
    assert_int_equal(call_path(&t, "", (trib_http_client_request){.url = "http://127.0.0.1:99999/"}), TRIB_USAGE);
    static const trib_http_client_header bad[] = {
        {TRIB_STR("X"), TRIB_STR("a\r\nY: b")}, {TRIB_STR("X: y"), TRIB_STR("z")}, {TRIB_STR(""), TRIB_STR("z")}};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        trib_http_client_request r = {.headers = &bad[i], .header_count = 1};
        assert_int_equal(call_path(&t, "/echo", r), TRIB_USAGE);
        assert_non_null(strstr(t.err.message, "header 1"));
    }
    scene_stop(&t);
}

static void a_unix_socket_carries_requests_too(void **state) {
    (void)state;
    char folder[] = "/tmp/trib-io-XXXXXX", path[64], address[80];
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/sock", folder);
    snprintf(address, sizeof address, "unix:%s", path);
    scene t;
    memset(&t, 0, sizeof t);
    server_start_at(&t.s, address, &http_handler, (trib_conn_limits){0}, 0);
    assert_int_equal(trib_http_client_new(&t.client, &t.err), TRIB_OK);
    trib_http_client_request r = {.url = "http://some.tenant/echo", .unix_socket = path};
    assert_int_equal(call_path(&t, "", r), TRIB_OK);
    assert_true(contains(&t.reply.body, "Host: some.tenant\r\n"));
    trib_http_client_reply_deinit(&t.reply);
    scene_stop(&t);

    assert_int_equal(trib_http_client_new(&t.client, &t.err), TRIB_OK);
    assert_int_equal(trib_http_client_call(t.client, &r, &t.reply, &t.err), TRIB_CONNECT);
    assert_non_null(strstr(t.err.message, path));
    trib_http_client_free(t.client);
    rmdir(folder);
}

static void urls_are_shown_without_secrets(void **state) {
    (void)state;
    static const struct {
        const char *url, *shown;
    } rows[] = {
        {"http://h:1/p", "http://h:1/p"},
        {"http://u:p@h:1/p?q#f", "http://h:1/p"},
        {"http://u:p@x@h", "http://h"},
        {"http://h/at@path", "http://h/at@path"},
        {"https://h?token=a@b", "https://h"},
        {"u:p@h/x", "h/x"},
        {"h?x=://secret", "h"},
        {"", ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        trib_buf out;
        trib_buf_init(&out, 100);
        trib_http_client_show_url(&out, rows[i].url);
        if (!trib_str_eq_c(trib_buf_str(&out), rows[i].shown)) {
            fail_msg("%s -> %.*s", rows[i].url, TRIB_STR_ARG(trib_buf_str(&out)));
        }
        trib_buf_deinit(&out);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_arrives_as_it_was_given),
        cmocka_unit_test(methods_follow_the_body_and_nothing_leaks_into_the_next_call),
        cmocka_unit_test(any_status_is_an_answer_and_redirects_are_not_followed),
        cmocka_unit_test(a_stream_is_not_bounded_but_a_kept_body_is),
        cmocka_unit_test(a_readable_descriptor_cancels_and_the_client_goes_on),
        cmocka_unit_test(a_refused_connection_says_what_why_and_how_without_tokens),
        cmocka_unit_test(broken_answers_and_bad_requests_have_their_own_codes),
        cmocka_unit_test(a_unix_socket_carries_requests_too),
        cmocka_unit_test(urls_are_shown_without_secrets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

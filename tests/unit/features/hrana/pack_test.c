/* SPDX-License-Identifier: Apache-2.0 */
/* Compressed answers of every face: who gets them, what is in them, and that a chunk can be read when it arrives. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "features/hrana/hrana_int.h"
#include "support/ask_test.h"
#include "support/gunzip.h"

static trib_buf plain;

static int setup(void **state) {
    trib_buf_init(&plain, 64 << 20);
    return ask_setup(state);
}

static int teardown(void **state) {
    trib_buf_deinit(&plain);
    return ask_teardown(state);
}

/* Decodes what has come so far into `plain`, with a NUL behind it. */
static bool decode(const char *bytes, size_t len) {
    bool whole;
    trib_buf_clear(&plain);
    assert_true(gunzip(trib_str_make(bytes, len), &plain, &whole));
    trib_buf_add_char(&plain, '\0');
    return whole;
}

#define NUMBERS(n) "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM c LIMIT " #n ") SELECT n FROM c"
#define EXEC(sql)  "{\"requests\":[{\"type\":\"execute\",\"stmt\":{\"sql\":\"" sql "\"}}]}"

static const struct {
    const char *name;
    void (*handle)(trib_http_request *);
    const char *small, *large, *begin, *end;
} faces[] = {
    {"pipeline", hrana_handle_pipeline, EXEC("SELECT 1"), EXEC(NUMBERS(5000)), "{\"base_url\":null,\"results\":[",
     "\"}"},
    {"v1 execute", hrana_handle_v1_execute, "{\"stmt\":{\"sql\":\"SELECT 1\"}}",
     "{\"stmt\":{\"sql\":\"" NUMBERS(5000) "\"}}", "{\"result\":{\"cols\":", "}}"},
    {"v1 batch", hrana_handle_v1_batch, "{\"batch\":{\"steps\":[]}}",
     "{\"batch\":{\"steps\":[{\"stmt\":{\"sql\":\"" NUMBERS(5000) "\"}}]}}", "{\"result\":{\"step_results\":[", "}}"},
    {"v0", hrana_handle_v0, "{\"statements\":[]}", "{\"statements\":[\"" NUMBERS(5000) "\"]}", "[{\"results\":", "}}]"},
    {"short cursor", hrana_handle_cursor, "{\"batch\":{\"steps\":[]}}",
     "{\"batch\":{\"steps\":[{\"stmt\":{\"sql\":\"" NUMBERS(100) "\"}}]}}", "{\"baton\":\"",
     "\"replication_index\":null}\n"},
    {"long cursor", hrana_handle_cursor, "{\"batch\":{\"steps\":[]}}",
     "{\"batch\":{\"steps\":[{\"stmt\":{\"sql\":\"" NUMBERS(20000) "\"}}]}}", "{\"baton\":\"",
     "\"replication_index\":null}\n"},
};

static void long_answers_are_compressed_for_those_who_take_it(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof faces / sizeof faces[0]; i++) {
        a.app.accept_encoding = NULL;
        assert_int_equal(ask(&a, faces[i].handle, faces[i].large), 200);
        assert_string_equal(a.last.extra_headers, "Vary: Accept-Encoding\r\n");
        assert_int_equal(strncmp(a.body, faces[i].begin, strlen(faces[i].begin)), 0);
        size_t plain_bytes = a.body_len;
        a.app.accept_encoding = "gzip, deflate";
        assert_int_equal(ask(&a, faces[i].handle, faces[i].large), 200);
        assert_string_equal(a.last.extra_headers, "Content-Encoding: gzip\r\nVary: Accept-Encoding\r\n");
        assert_true(a.body_len < plain_bytes / 3);
        if (!decode(a.body, a.body_len)) fail_msg("%s is not whole", faces[i].name);
        /* v0 tells a duration, whose digits are not always as many */
        size_t decoded = plain.len - 1, slack = faces[i].handle == hrana_handle_v0 ? 16 : 0;
        if (decoded > plain_bytes + slack || decoded + slack < plain_bytes)
            fail_msg("%s: %zu of %zu", faces[i].name, decoded, plain_bytes);
        assert_int_equal(strncmp(plain.ptr, faces[i].begin, strlen(faces[i].begin)), 0);
        assert_string_equal(plain.ptr + decoded - strlen(faces[i].end), faces[i].end);
    }
}

static void short_answers_and_errors_stay_as_they_are(void **state) {
    (void)state;
    a.app.accept_encoding = "gzip";
    for (size_t i = 0; i < sizeof faces / sizeof faces[0]; i++) {
        assert_int_equal(ask(&a, faces[i].handle, faces[i].small), 200);
        assert_string_equal(a.last.extra_headers, "");
        assert_true(a.body[0] == '{' || a.body[0] == '[');
        assert_int_equal(ask(&a, faces[i].handle, "{"), 400);
        ask_has(&a, "\"code\":\"BAD_JSON\"");
    }
}

static void a_baton_of_a_compressed_answer_works(void **state) {
    (void)state;
    char body[200];
    a.app.accept_encoding = "gzip";
    assert_int_equal(ask(&a, hrana_handle_pipeline, EXEC(NUMBERS(3000))), 200);
    assert_true(decode(a.body, a.body_len));
    const char *baton = strstr(plain.ptr, "\"baton\":\"");
    assert_non_null(baton);
    snprintf(body, sizeof body, "{\"baton\":\"%.27s\",\"requests\":[{\"type\":\"close\"}]}", baton + 9);
    assert_int_equal(ask(&a, hrana_handle_pipeline, body), 200);
    ask_has(&a, "\"baton\":null");
}

static void a_chunk_can_be_read_when_it_arrives(void **state) {
    (void)state;
    http_test h;
    a.app.accept_encoding = "gzip";
    http_test_begin(&a.app, &h, hrana_handle_cursor, a.tenant, &a.me,
                    "{\"batch\":{\"steps\":[{\"stmt\":{\"sql\":\"" NUMBERS(20000) "\"}}]}}");
    h.hold = true;
    for (int chunk = 1; chunk < 6; chunk++) {
        while (h.chunks < chunk) app_test_pump(&a.app);
        assert_false(decode(h.body.ptr, h.body.len));
        assert_true(plain.len >= (size_t)chunk * TRIB_HRANA_CHUNK_BYTES);
        assert_int_equal(plain.ptr[plain.len - 2], '\n'); /* whole entries */
        h.on_credit(&h.request);
    }
    h.hold = false;
    http_test_wait(&a.app, &h);
    http_test_end(&h);
}

static void make_rows(void) {
    a.app.accept_encoding = NULL;
    assert_int_equal(ask(&a, hrana_handle_v0,
                         "{\"statements\":[\"CREATE TABLE m(a INTEGER PRIMARY KEY, b)\","
                         "\"INSERT INTO m SELECT n, 'row ' || n FROM (" NUMBERS(20000) ")\"]}"),
                     200);
}

static void a_dump_is_compressed_too(void **state) {
    (void)state;
    make_rows();
    assert_int_equal(ask(&a, hrana_handle_dump, ""), 200);
    size_t plain_bytes = a.body_len;
    a.app.accept_encoding = "gzip";
    assert_int_equal(ask(&a, hrana_handle_dump, ""), 200);
    assert_true(a.last.chunks > 5);
    assert_true(decode(a.body, a.body_len));
    assert_int_equal(plain.len - 1, plain_bytes);
    assert_string_equal(plain.ptr + plain_bytes - 8, "COMMIT;\n");
}

static void a_failure_behind_chunks_is_told_in_the_same_stream(void **state) {
    (void)state;
    http_test h;
    make_rows();
    a.app.accept_encoding = "gzip";
    http_test_begin(&a.app, &h, hrana_handle_dump, a.tenant, &a.me, "");
    h.hold = true;
    while (!h.chunks) app_test_pump(&a.app);
    a.app.env.offset_ns += (TRIB_READ_TXN_MAX_MS + 1000) * INT64_C(1000000);
    trib_store_tick(a.app.app.store);
    h.hold = false;
    h.on_credit(&h.request);
    http_test_wait(&a.app, &h);
    assert_true(h.aborted);
    decode(h.body.ptr, h.body.len - 1);
    assert_non_null(strstr(plain.ptr, "\nROLLBACK; -- due to errors: SNAPSHOT_TOO_OLD\n"));
    assert_null(strstr(plain.ptr, "COMMIT"));
    http_test_end(&h);
}

static void a_client_that_leaves_costs_nothing_more(void **state) {
    (void)state;
    http_test h;
    make_rows();
    a.app.accept_encoding = "gzip";
    http_test_begin(&a.app, &h, hrana_handle_dump, a.tenant, &a.me, "");
    h.hold = true;
    while (!h.chunks) app_test_pump(&a.app);
    http_test_leave(&h);
    http_test_wait(&a.app, &h);
    assert_true(h.aborted);
    assert_int_equal(h.chunks, 1);
    http_test_end(&h);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(long_answers_are_compressed_for_those_who_take_it),
        TEST(short_answers_and_errors_stay_as_they_are),
        TEST(a_baton_of_a_compressed_answer_works),
        TEST(a_chunk_can_be_read_when_it_arrives),
        TEST(a_dump_is_compressed_too),
        TEST(a_failure_behind_chunks_is_told_in_the_same_stream),
        TEST(a_client_that_leaves_costs_nothing_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The replica faces against the real store: positions, what each answer holds, long polls, pinned revisions, pushes in
 * several parts. Real clients run in tests/compat. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "features/hrana/hrana_int.h"
#include "features/replica/replica_int.h"
#include "support/ask_test.h"
#include "wire/pb_write.h"

static void *module_state;

static void begin(void (*handle)(trib_http_request *), trib_str body, const char *const *params) {
    http_test *h = &a.last;
    ask_test_forget(&a);
    memset(h, 0, sizeof *h);
    trib_arena_init(&h->arena, 8 << 20);
    trib_buf_init(&h->body, 32 << 20);
    h->request = (trib_http_request){.app = &a.app.app,
                                     .home = &a.app.home,
                                     .arena = &h->arena,
                                     .body = body,
                                     .tenant = a.tenant,
                                     .principal = &a.me,
                                     .module_state = module_state,
                                     .request_id = TRIB_STR("test")};
    for (unsigned i = 0; params && params[i]; i++) {
        h->request.path_params[i] = trib_str_c(params[i]);
        h->request.path_param_count = i + 1;
    }
    handle(&h->request);
}

static int end(void) {
    http_test_wait(&a.app, &a.last);
    a.body = a.last.body.ptr;
    a.body_len = a.last.body.len - 1;
    return a.status = a.last.status;
}

static int get(void (*handle)(trib_http_request *), const char *x, const char *y, const char *z) {
    const char *params[] = {x, y, z, NULL};
    begin(handle, TRIB_STR(""), params);
    return end();
}

static void sql(const char *text) {
    char body[1000];
    snprintf(body, sizeof body, "{\"stmt\":{\"sql\":\"%s\"}}", text);
    if (ask(&a, hrana_handle_v1_execute, body) != 200) fail_msg("%s: %s", text, a.body);
}

static int setup(void **state) {
    int rc = ask_setup(state);
    assert_int_equal(replica_polls_start(&a.app.app, &module_state, NULL), TRIB_OK);
    return rc;
}

static int teardown(void **state) {
    a.app.app.ticker_count = 0;
    replica_polls_stop(module_state);
    return ask_teardown(state);
}

/* The frames that one more sync brings. */
static size_t sync_from(size_t start) {
    char from[32], to[32];
    snprintf(from, sizeof from, "%zu", start);
    snprintf(to, sizeof to, "%zu", start + 128);
    if (get(replica_handle_sync, "1", from, to) != 200) return 0;
    assert_int_equal(a.body_len % REPLICA_FRAME_BYTES, 0);
    size_t n = a.body_len / REPLICA_FRAME_BYTES;
    for (size_t i = 1; i < n; i++) { /* behind the transaction, only its last page again, as transactions */
        const char *before = a.body + (i - 1) * REPLICA_FRAME_BYTES;
        const char *frame = before + REPLICA_FRAME_BYTES;
        if (before[7] != 0) assert_memory_equal(frame, before, REPLICA_FRAME_BYTES);
    }
    assert_true(a.body[(n - 1) * REPLICA_FRAME_BYTES + 7] != 0);
    return n;
}

static void sync_brings_as_many_frames_as_were_written(void **state) {
    (void)state;
    assert_int_equal(get(replica_handle_info, NULL, NULL, NULL), 200);
    assert_string_equal(a.body, "{\"current_generation\":1}");
    assert_int_equal(get(replica_handle_export, "1", NULL, NULL), 200);
    assert_int_equal(a.body_len, 4096);
    assert_memory_equal(a.body, "SQLite format 3", 16);
    assert_int_equal(get(replica_handle_sync, "1", "1", "129"), 400);
    assert_string_equal(a.body, "{\"generation\":1}");
    sql("CREATE TABLE t(id INTEGER PRIMARY KEY, v)");
    size_t have = sync_from(1);
    assert_true(have >= 2);
    for (int i = 0; i < 20; i++) sql("INSERT INTO t(v) VALUES ('x')");
    size_t more = sync_from(have + 1);
    assert_int_equal(more, 20); /* one page, twenty times: positions are counts */
    assert_int_equal(sync_from(have + more + 1), 0);
    assert_string_equal(a.body, "{\"generation\":1}");
    assert_int_equal(get(replica_handle_export, "7", NULL, NULL), 404);
    assert_int_equal(get(replica_handle_sync, "1", "0", "1"), 400);
    assert_int_equal(get(replica_handle_sync, "1", "5", "5"), 400);
    assert_int_equal(get(replica_handle_sync, "x", "1", "5"), 400);
}

static void a_tenant_of_v1_has_no_info(void **state) {
    (void)state;
    trib_tenant_set(a.tenant, TRIB_TENANT_REPLICA_V1, 1);
    assert_int_equal(get(replica_handle_info, NULL, NULL, NULL), 404);
}

/* ---- pushes ---- */

static uint8_t image[40][4096];

/* Frame `page` of what the server has, ending a transaction if size is not 0. */
static void frame(uint8_t *to, uint8_t page, uint8_t size) {
    memset(to, 0, REPLICA_FRAME_HEADER_BYTES);
    to[3] = page;
    to[7] = size;
    memcpy(to + REPLICA_FRAME_HEADER_BYTES, image[page - 1], 4096);
}

static int push(const char *start, const char *end_, const char *baton, const uint8_t *frames, size_t n) {
    const char *params[] = {"1", start, end_, baton, NULL};
    begin(replica_handle_push, trib_str_make((const char *)frames, n * REPLICA_FRAME_BYTES), params);
    return end();
}

static void transaction_in_two_parts_is_taken_as_one_and_conflicts_are_told(void **state) {
    (void)state;
    static uint8_t frames[2][REPLICA_FRAME_BYTES];
    char baton[64] = "";
    sql("CREATE TABLE t(id INTEGER PRIMARY KEY, v)");
    sql("INSERT INTO t(v) VALUES ('abc')");
    size_t have = sync_from(1);
    assert_int_equal(have, 3);
    assert_int_equal(get(replica_handle_export, "1", NULL, NULL), 200);
    assert_int_equal(a.body_len, 2 * 4096);
    memcpy(image, a.body, a.body_len);
    uint8_t *text = memmem(image[1], 4096, "abc", 3);
    assert_non_null(text);
    memcpy(text, "xyz", 3);
    frame(frames[0], 2, 0);
    frame(frames[1], 2, 2);
    assert_int_equal(push("4", "5", NULL, frames[0], 1), 200);
    const char *at = strstr(a.body, "\"baton\":\"");
    assert_non_null(at);
    snprintf(baton, sizeof baton, "%.32s", at + 9);
    sql("SELECT v FROM t");
    ask_has(&a, "abc"); /* not before it is whole */
    assert_int_equal(push("5", "6", "00000000000000000000000000000000", frames[1], 1), 400);
    assert_int_equal(push("5", "6", baton, frames[1], 1), 200);
    assert_string_equal(a.body, "{\"status\":\"ok\",\"generation\":1,\"max_frame_no\":5}");
    sql("SELECT v FROM t");
    ask_has(&a, "xyz");
    assert_int_equal(sync_from(6), 0);
    assert_int_equal(sync_from(4), 2); /* for the others */
    /* the same again is answered again; anything else from there is a conflict */
    memcpy(frames[0], frames[1], sizeof frames[1]);
    assert_int_equal(push("4", "6", NULL, frames[0], 2), 200);
    assert_string_equal(a.body, "{\"status\":\"ok\",\"generation\":1,\"max_frame_no\":5}");
    frames[1][REPLICA_FRAME_BYTES - 1] ^= 1;
    assert_int_equal(push("4", "6", NULL, frames[0], 2), 200);
    assert_string_equal(a.body, "{\"status\":\"conflict\",\"generation\":1,\"max_frame_no\":5}");
    assert_int_equal(push("6", "8", NULL, frames[0], 1), 400);
}

static void garbage_is_not_taken(void **state) {
    (void)state;
    static uint8_t frames[2][REPLICA_FRAME_BYTES];
    sql("CREATE TABLE t(id INTEGER PRIMARY KEY, v)");
    sql("INSERT INTO t(v) VALUES ('abc')");
    memset(frames, 0xee, sizeof frames);
    memset(frames[0], 0, 24);
    frames[0][3] = frames[0][7] = 2;
    assert_int_equal(push("4", "5", NULL, frames[0], 1), 400);
    ask_has(&a, "refused");
    sql("SELECT v FROM t");
    ask_has(&a, "abc");
}

/* ---- /pull-updates ---- */

static char revision[64];

/* How many pages come; the revision is kept. */
static size_t pull(const char *client, const char *server, trib_str pages, uint32_t poll_ms, bool zstd) {
    trib_buf body;
    trib_pb_writer w;
    trib_buf_init(&body, 4096);
    trib_pw_init(&w, &body);
    if (zstd) trib_pw_u64(&w, 1, 1);
    if (server) trib_pw_bytes(&w, 2, trib_str_c(server));
    if (client) trib_pw_bytes(&w, 3, trib_str_c(client));
    if (poll_ms) trib_pw_u64(&w, 4, poll_ms);
    if (pages.len) trib_pw_bytes(&w, 5, pages);
    begin(replica_handle_pull_updates, trib_buf_str(&body), NULL);
    end();
    trib_buf_deinit(&body);
    if (a.status != 200) return SIZE_MAX;
    size_t n = 0;
    for (size_t at = 0; at < a.body_len; n++) {
        size_t length = 0;
        for (int shift = 0;; shift += 7) {
            uint8_t byte = (uint8_t)a.body[at++];
            length |= (size_t)(byte & 0x7f) << shift;
            if (!(byte & 0x80)) break;
        }
        if (n == 0) snprintf(revision, sizeof revision, "%.*s", (int)a.body[at + 1], a.body + at + 2);
        at += length;
        assert_true(at <= a.body_len);
    }
    return n - 1;
}

static void pull_brings_what_changed_since_a_revision(void **state) {
    (void)state;
    static const char second[] = "\x3a\x30\0\0\x01\0\0\0\0\0\0\0\x10\0\0\0\x01\0"; /* page 1, counted from 0 */
    trib_str only = trib_str_make(second, sizeof second - 1);
    sql("CREATE TABLE t(id INTEGER PRIMARY KEY, v)");
    assert_int_equal(pull(NULL, NULL, (trib_str){0}, 0, false), 2);
    size_t raw = a.body_len;
    assert_int_equal(pull(NULL, NULL, (trib_str){0}, 0, true), 2);
    assert_true(a.body_len < raw / 4);
    assert_int_equal(pull(NULL, NULL, only, 0, false), 1);
    char first[64];
    memcpy(first, revision, sizeof first);
    sql("INSERT INTO t(v) VALUES (1)");
    assert_int_equal(pull(first, NULL, (trib_str){0}, 0, false), 1);
    assert_int_equal(pull(revision, NULL, (trib_str){0}, 0, false), 0);
    assert_int_equal(pull("0123456789abcdef-1", NULL, (trib_str){0}, 0, false), 2); /* of another epoch: all */
    /* the first revision's page 1 is gone, its page 0 would still be the same but tells nothing alone */
    assert_true(pull(NULL, first, only, 0, false) == SIZE_MAX);
    assert_int_equal(pull(NULL, revision, only, 0, false), 1);
    assert_true(pull(NULL, NULL, TRIB_STR("garbage"), 0, false) == SIZE_MAX);
}

static void long_poll_ends_with_the_next_commit_or_its_time(void **state) {
    (void)state;
    sql("CREATE TABLE t(id INTEGER PRIMARY KEY, v)");
    assert_int_equal(pull(NULL, NULL, (trib_str){0}, 0, false), 2);
    char have[64], body[80];
    memcpy(have, revision, sizeof have);
    trib_buf request;
    trib_pb_writer w;
    trib_buf_init(&request, sizeof body);
    trib_pw_init(&w, &request);
    trib_pw_bytes(&w, 3, trib_str_c(have));
    trib_pw_u64(&w, 4, 3600000);
    begin(replica_handle_pull_updates, trib_buf_str(&request), NULL);
    app_test_pump(&a.app); /* the job: nothing is new, it waits */
    assert_false(a.last.answered);
    a.app.app.tickers[0].tick(a.app.app.tickers[0].ctx);
    http_test_leave(&a.last); /* the peer goes */
    assert_true(a.last.answered);
    end();
    begin(replica_handle_pull_updates, trib_buf_str(&request), NULL);
    app_test_pump(&a.app);
    assert_false(a.last.answered);
    http_test waiting = a.last;
    (void)waiting;
    a.app.app.draining = true; /* the server ends: nobody waits any more */
    a.app.app.tickers[0].tick(a.app.app.tickers[0].ctx);
    assert_int_equal(end(), 200);
    a.app.app.draining = false;
    trib_buf_deinit(&request);
    assert_int_equal(pull(have, NULL, (trib_str){0}, 0, false), 0);
}

int main(void) {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(sync_brings_as_many_frames_as_were_written),
        T(a_tenant_of_v1_has_no_info),
        T(transaction_in_two_parts_is_taken_as_one_and_conflicts_are_told),
        T(garbage_is_not_taken),
        T(pull_brings_what_changed_since_a_revision),
        T(long_poll_ends_with_the_next_commit_or_its_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

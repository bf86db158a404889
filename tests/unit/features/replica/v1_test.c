/* SPDX-License-Identifier: Apache-2.0 */
/* wal_log.ReplicationLog against the real store, with a replica that keeps pages as the real one does: only up to
 * frames that end a commit. Real clients run in tests/compat. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <trib_proto/replication.pb-c.h>

#include "features/hrana/hrana_int.h"
#include "features/replica/replica_int.h"
#include "support/ask_test.h"
#include "support/grpc_test.h"
#include "wire/pb_int.h"
#include "wire/pb_replica.h"
#include "wire/pb_write.h"

enum { PAGES = 8000 };

static void *module_state;
static char token[64], log_id[64];
static uint64_t newest;

static trib_str header(const trib_http_request *request, const char *name) {
    (void)request;
    return strcmp(name, "x-session-token") == 0 ? trib_str_c(token) : (trib_str){0};
}

static int setup(void **state) {
    int rc = ask_setup(state);
    assert_int_equal(replica_polls_start(&a.app.app, &module_state, NULL), TRIB_OK);
    a.app.app.http.header = header;
    return rc;
}

static int teardown(void **state) {
    a.app.app.ticker_count = 0;
    replica_polls_stop(module_state);
    return ask_teardown(state);
}

static void sql(const char *text) {
    char body[1000];
    snprintf(body, sizeof body, "{\"stmt\":{\"sql\":\"%s\"}}", text);
    if (ask(&a, hrana_handle_v1_execute, body) != 200) fail_msg("%s: %s", text, a.body);
}

/* ---- calls ---- */

static grpc_test call;

static void begin(void (*handle)(trib_http_request *), uint64_t next_offset) {
    trib_buf message;
    trib_pb_writer w;
    trib_buf_init(&message, 100);
    trib_pw_init(&w, &message);
    if (next_offset) trib_pw_u64(&w, 1, next_offset);
    trib_str bytes = message.len ? trib_buf_str(&message) : TRIB_STR("");
    grpc_begin(&a.app, &call, handle, a.tenant, &a.me, module_state, bytes);
    trib_buf_deinit(&message);
}

static int ask_frames(void (*handle)(trib_http_request *), uint64_t next_offset) {
    begin(handle, next_offset);
    return grpc_wait(&a.app, &call);
}

static void forget(void) {
    http_test_end(&call.http);
}

static void hello(void) {
    trib_str message;
    trib_arena arena;
    assert_int_equal(ask_frames(replica_handle_hello, 1), 0); /* a handshake of version 1 */
    assert_true(grpc_next(&call, &message));
    trib_arena_init(&arena, 1 << 20);
    const Trib__Replication__HelloResponse *said =
        (const void *)trib_pb_unpack(&arena, &trib__replication__hello_response__descriptor, message);
    assert_non_null(said);
    assert_true(said->has_current_replication_index);
    newest = said->current_replication_index;
    snprintf(token, sizeof token, "%.*s", TRIB_STR_ARG(trib_pb_str(said->session_token)));
    snprintf(log_id, sizeof log_id, "%.*s", TRIB_STR_ARG(trib_pb_str(said->log_id)));
    trib_arena_deinit(&arena);
    forget();
}

/* ---- a replica ---- */

typedef struct replica {
    uint64_t received, committed; /* next offsets: one more than the last frame */
    uint32_t page_count;
    char (*pages)[4096], (*pending)[4096]; /* as committed; with what came since */
} replica;

static void replica_begin(replica *r) {
    *r = (replica){.pages = calloc(PAGES, 4096), .pending = calloc(PAGES, 4096)};
    assert_true(r->pages && r->pending);
}

static void replica_end(replica *r) {
    free(r->pages);
    free(r->pending);
}

static uint64_t le(const uint8_t *p, unsigned bytes) {
    uint64_t v = 0;
    for (unsigned i = bytes; i > 0; i--) v = v << 8 | p[i - 1];
    return v;
}

/* Frame.data. Numbers only grow. */
static void take_frame(replica *r, trib_str data) {
    const uint8_t *head = (const uint8_t *)data.ptr;
    assert_int_equal(data.len, 24 + 4096);
    uint64_t number = le(head, 8), page = le(head + 16, 4), size = le(head + 20, 4);
    assert_true(number >= r->received && page > 0 && page < PAGES);
    memcpy(r->pending[page], data.ptr + 24, 4096);
    r->received = number + 1;
    if (size == 0) return;
    r->committed = r->received;
    r->page_count = (uint32_t)size;
    memcpy(r->pages, r->pending, (size_t)PAGES * 4096);
}

static size_t take_batch(replica *r) {
    trib_str message;
    trib_arena arena;
    assert_true(grpc_next(&call, &message));
    trib_arena_init(&arena, 64 << 20);
    const Trib__Replication__Frames *frames =
        (const void *)trib_pb_unpack(&arena, &trib__replication__frames__descriptor, message);
    assert_non_null(frames);
    size_t n = frames->n_frames;
    assert_true(n <= REPLICA_BATCH_FRAMES_MAX);
    for (size_t i = 0; i < n; i++) take_frame(r, trib_pb_str(frames->frames[i]->data));
    trib_arena_deinit(&arena);
    assert_false(grpc_next(&call, &message));
    forget();
    return n;
}

static size_t batch(replica *r) {
    assert_int_equal(ask_frames(replica_handle_batch_log_entries, r->received), 0);
    return take_batch(r);
}

static void sync_all(replica *r) {
    hello();
    while (r->committed <= newest) (void)batch(r);
    assert_int_equal(batch(r), 0);
}

/* Byte for byte what the database is. */
static void equals_database(const replica *r) {
    const char *generation[] = {"1", NULL};
    http_test *h = &a.last;
    ask_test_forget(&a);
    memset(h, 0, sizeof *h);
    trib_arena_init(&h->arena, 8 << 20);
    trib_buf_init(&h->body, 64 << 20);
    h->request = (trib_http_request){.app = &a.app.app,
                                     .home = &a.app.home,
                                     .arena = &h->arena,
                                     .tenant = a.tenant,
                                     .principal = &a.me,
                                     .module_state = module_state,
                                     .path_params = {trib_str_c(generation[0])},
                                     .path_param_count = 1};
    replica_handle_export(&h->request);
    http_test_wait(&a.app, h);
    a.body = h->body.ptr;
    assert_int_equal(h->status, 200);
    assert_int_equal(h->body.len - 1, (size_t)r->page_count * 4096);
    for (uint32_t page = 1; page <= r->page_count; page++)
        if (memcmp(r->pages[page], h->body.ptr + (size_t)(page - 1) * 4096, 4096) != 0) fail_msg("page %u", page);
}

static void a_replica_that_asks_on_has_the_database(void **state) {
    (void)state;
    replica r;
    replica_begin(&r);
    sql("CREATE TABLE dish (id INTEGER PRIMARY KEY, name, photo)");
    sync_all(&r);
    equals_database(&r);
    for (int i = 0; i < 20; i++) {
        sql("INSERT INTO dish (name, photo) VALUES ('kibbeh', zeroblob(9000))");
        if (i % 3 == 0) sql("UPDATE dish SET photo = NULL WHERE id % 5 = 1");
        if (i % 7 == 0) sql("CREATE INDEX IF NOT EXISTS by_name ON dish (name)");
        sync_all(&r);
        equals_database(&r);
    }
    sql("DELETE FROM dish");
    sync_all(&r);
    equals_database(&r);
    replica_end(&r);
}

static void what_is_written_between_two_parts_of_a_commit_comes_as_well(void **state) {
    (void)state;
    replica r;
    replica_begin(&r);
    sql("CREATE TABLE big (id INTEGER PRIMARY KEY, bytes)");
    sql("INSERT INTO big WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 1500) "
        "SELECT i, randomblob(4500) FROM c");
    hello();
    assert_int_equal(batch(&r), REPLICA_BATCH_FRAMES_MAX);
    assert_int_equal(r.committed, 0); /* half a commit is none */
    sql("UPDATE big SET bytes = randomblob(4500) WHERE id IN (3, 1400)");
    sql("DELETE FROM big WHERE id BETWEEN 700 AND 720");
    while (r.committed <= newest) {
        (void)batch(&r);
        sql("UPDATE big SET bytes = randomblob(10) WHERE id = 5");
    }
    sync_all(&r);
    equals_database(&r);
    replica_end(&r);
}

static void without_its_token_nobody_gets_frames(void **state) {
    (void)state;
    sql("CREATE TABLE t (a)");
    hello();
    char mine[sizeof token];
    memcpy(mine, token, sizeof mine);
    static void (*const handlers[])(trib_http_request *) = {replica_handle_batch_log_entries,
                                                            replica_handle_log_entries, replica_handle_snapshot};
    for (int i = 0; i < 3; i++) {
        token[0] = '\0';
        assert_int_equal(ask_frames(handlers[i], 0), 9);
        assert_string_equal(call.message, "NO_HELLO");
        forget();
        memcpy(token, mine, sizeof token);
        token[3] = token[3] == '0' ? '1' : '0';
        assert_int_equal(ask_frames(handlers[i], newest + 1), 9);
        forget();
        memcpy(token, mine, sizeof token);
        assert_int_equal(ask_frames(handlers[i], newest + 2), 11);
        forget();
    }
    trib_tenant_set(a.tenant, TRIB_TENANT_BLOCK_WRITES, 1); /* they shall hear of it */
    assert_int_equal(ask_frames(replica_handle_batch_log_entries, 0), 9);
    forget();
    hello();
    assert_string_not_equal(token, mine);
    assert_int_equal(ask_frames(replica_handle_batch_log_entries, 0), 0);
    forget();
}

static void a_log_keeps_its_name_and_its_replicas_while_the_epoch_lasts(void **state) {
    (void)state;
    char first[sizeof log_id];
    sql("CREATE TABLE t (a)");
    hello();
    memcpy(first, log_id, sizeof first);
    uint64_t before = newest;
    sql("INSERT INTO t VALUES (1)");
    hello();
    assert_string_equal(log_id, first);
    assert_true(newest > before);
    assert_string_not_equal(token, log_id);
}

static void a_snapshot_comes_newest_first_and_ends_with_the_size(void **state) {
    (void)state;
    trib_str message, data;
    uint64_t last = UINT64_MAX;
    sql("CREATE TABLE t (a)");
    sql("INSERT INTO t VALUES (zeroblob(20000))");
    hello();
    assert_int_equal(ask_frames(replica_handle_snapshot, 0), 0);
    for (size_t n = 0; grpc_next(&call, &message); n++) {
        assert_int_equal(message.len, TRIB_REPLICA_FRAME_MESSAGE_BYTES);
        data = trib_str_sub(message, 3, message.len);
        const uint8_t *head = (const uint8_t *)data.ptr;
        if (n == 0) assert_int_equal(le(head, 8), newest);
        assert_true(le(head, 8) < last);
        last = le(head, 8);
        assert_int_equal(le(head + 20, 4) != 0, call.frames.len == 0);
    }
    assert_true(last != UINT64_MAX);
    forget();
}

static void a_stream_of_entries_waits_for_the_next_commit(void **state) {
    (void)state;
    replica r;
    trib_str message;
    replica_begin(&r);
    sql("CREATE TABLE t (a)");
    sync_all(&r);
    begin(replica_handle_log_entries, r.received);
    for (int i = 0; i < 3 && !call.http.answered; i++) trib_app_tick(&a.app.app);
    app_test_pump(&a.app); /* its plan: nothing is new */
    trib_app_tick(&a.app.app);
    assert_false(call.http.answered);
    sql("INSERT INTO t VALUES (1)");
    trib_app_tick(&a.app.app);
    assert_int_equal(grpc_wait(&a.app, &call), 0);
    while (grpc_next(&call, &message)) take_frame(&r, trib_str_sub(message, 3, message.len));
    forget();
    equals_database(&r);
    begin(replica_handle_log_entries, r.received);
    app_test_pump(&a.app);
    a.app.env.offset_ns += (REPLICA_LONG_POLL_MAX_MS + 1) * 1000000LL;
    trib_app_tick(&a.app.app);
    assert_int_equal(grpc_wait(&a.app, &call), 0);
    assert_int_equal(call.frames.len, 0);
    forget();
    replica_end(&r);
}

static void malformed_calls_are_told_so(void **state) {
    (void)state;
    static const trib_str bodies[] = {
        TRIB_STR(""),
        TRIB_STR("\0\0\0\0"),
        TRIB_STR("\0\0\0\0\5\x08"),
        TRIB_STR("\1\0\0\0\2\x08\1"),
        TRIB_STR("\0\0\0\0\1\x08"),
        TRIB_STR("\0\0\0\0\2\x08\1\0\0\0\0\0"),
        TRIB_STR("\0\xff\xff\xff\xff\x08\1"),
    };
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        grpc_begin_bytes(&a.app, &call, replica_handle_batch_log_entries, a.tenant, &a.me, module_state, bodies[i]);
        if (grpc_wait(&a.app, &call) != 3) fail_msg("body %zu: %d %s", i, call.status, call.message);
        forget();
    }
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_replica_that_asks_on_has_the_database),
        TEST(what_is_written_between_two_parts_of_a_commit_comes_as_well),
        TEST(without_its_token_nobody_gets_frames),
        TEST(a_log_keeps_its_name_and_its_replicas_while_the_epoch_lasts),
        TEST(a_snapshot_comes_newest_first_and_ends_with_the_size),
        TEST(a_stream_of_entries_waits_for_the_next_commit),
        TEST(malformed_calls_are_told_so),
    };
    return cmocka_run_group_tests_name("features/replica/v1", tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The two codecs: protobuf byte for byte against vectors made by hand from the protocol's tables, and both against each
 * other: the same random statements, run in two tenants, must read the same however they were encoded. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "features/hrana/codec.h"
#include "support/app_test.h"
#include "support/hrana_pb.h"

static app_test t;
static trib_tenant *in_json, *in_pb;
static trib_principal me;
static trib_buf request, json, pb; /* scratch */

static int setup(void **state) {
    (void)state;
    if (app_test_start_with_tenant(&t, "json", &in_json) != TRIB_OK) return -1;
    if (app_test_change(&t, TRIB_CONTROL_CREATE, "pb", NULL) != TRIB_OK) return -1;
    in_pb = trib_control_find(t.app.control, TRIB_STR("pb"));
    app_test_principal(&me, 1);
    trib_buf_init(&request, 1 << 24);
    trib_buf_init(&json, 1 << 24);
    trib_buf_init(&pb, 1 << 24);
    return in_pb ? 0 : -1;
}

static int teardown(void **state) {
    (void)state;
    trib_buf_deinit(&request);
    trib_buf_deinit(&json);
    trib_buf_deinit(&pb);
    trib_tenant_unref(in_pb);
    app_test_end_with_tenant(&t, in_json);
    return 0;
}

static int ask(void (*handle)(trib_http_request *), trib_tenant *tenant, trib_str body, trib_buf *ret,
               const char *type) {
    http_test h;
    http_test_begin_bytes(&t, &h, handle, tenant, &me, body);
    http_test_wait(&t, &h);
    trib_buf_clear(ret);
    trib_buf_add_bytes(ret, h.body.ptr, h.body.len - 1);
    if (type) assert_string_equal(h.content_type, type);
    int status = h.status;
    http_test_end(&h);
    return status;
}

/* ---- requests, in both encodings ---- */

typedef struct ask_list {
    const hrana_request *requests;
    size_t count;
} ask_list;

static hrana_stmt sql(const char *text) {
    return (hrana_stmt){.has_sql = true, .want_rows = true, .sql = trib_str_c(text)};
}

static void batch_to_json(trib_json_writer *w, const hrana_batch *batch) {
    trib_jw_key_c(w, "batch");
    trib_jw_object_begin(w);
    trib_jw_key_c(w, "steps");
    trib_jw_array_begin(w);
    for (size_t i = 0; i < batch->count; i++) {
        const hrana_cond *cond = batch->steps[i].condition;
        trib_jw_object_begin(w);
        if (cond) {
            trib_jw_key_c(w, "condition");
            trib_jw_object_begin(w);
            trib_jw_member_str(w, "type", cond->type == HRANA_COND_OK ? TRIB_STR("ok") : TRIB_STR("error"));
            trib_jw_member_i64(w, "step", cond->step);
            trib_jw_object_end(w);
        }
        trib_jw_key_c(w, "stmt");
        trib_jw_object_begin(w);
        trib_jw_member_str(w, "sql", batch->steps[i].stmt.sql);
        trib_jw_object_end(w);
        trib_jw_object_end(w);
    }
    trib_jw_array_end(w);
    trib_jw_object_end(w);
}

static trib_str to_json(ask_list list) {
    trib_json_writer w;
    trib_buf_clear(&request);
    trib_jw_init(&w, &request);
    trib_jw_object_begin(&w);
    trib_jw_key_c(&w, "requests");
    trib_jw_array_begin(&w);
    for (size_t i = 0; i < list.count; i++) {
        const hrana_request *at = &list.requests[i];
        trib_jw_object_begin(&w);
        trib_jw_key_c(&w, "type");
        trib_jw_str_c(&w, hrana_request_name(at->type));
        if (at->type == HRANA_BATCH) batch_to_json(&w, &at->batch);
        if (at->type == HRANA_EXECUTE) {
            trib_jw_key_c(&w, "stmt");
            trib_jw_object_begin(&w);
        }
        if (at->stmt.has_sql) trib_jw_member_str(&w, "sql", at->stmt.sql);
        if (at->type == HRANA_EXECUTE) trib_jw_object_end(&w);
        if (at->stmt.has_sql_id) trib_jw_member_i64(&w, "sql_id", at->stmt.sql_id);
        trib_jw_object_end(&w);
    }
    trib_jw_array_end(&w);
    trib_jw_object_end(&w);
    return trib_buf_str(&request);
}

static void batch_to_pb(trib_pb_writer *w, uint32_t field, const hrana_batch *batch) {
    trib_pw_open(w, field);
    for (size_t i = 0; i < batch->count; i++) {
        const hrana_cond *cond = batch->steps[i].condition;
        trib_pw_open(w, 1);
        if (cond) {
            trib_pw_open(w, 1);
            trib_pw_u64(w, cond->type == HRANA_COND_OK ? 1 : 2, cond->step);
            trib_pw_close(w);
        }
        trib_pw_open(w, 2);
        trib_pw_str(w, 1, batch->steps[i].stmt.sql);
        trib_pw_close(w);
        trib_pw_close(w);
    }
    trib_pw_close(w);
}

static trib_str to_pb(ask_list list) {
    static const unsigned char fields[] = {
        [HRANA_CLOSE] = 1,    [HRANA_EXECUTE] = 2,   [HRANA_BATCH] = 3,     [HRANA_SEQUENCE] = 4,
        [HRANA_DESCRIBE] = 5, [HRANA_STORE_SQL] = 6, [HRANA_CLOSE_SQL] = 7, [HRANA_GET_AUTOCOMMIT] = 8,
    };
    trib_pb_writer w;
    trib_buf_clear(&request);
    trib_pw_init(&w, &request);
    for (size_t i = 0; i < list.count; i++) {
        const hrana_request *at = &list.requests[i];
        bool stored = at->type == HRANA_STORE_SQL || at->type == HRANA_CLOSE_SQL;
        trib_pw_open(&w, 2);
        trib_pw_open(&w, fields[at->type]);
        if (at->type == HRANA_BATCH) batch_to_pb(&w, 1, &at->batch);
        if (at->type == HRANA_EXECUTE) trib_pw_open(&w, 1);
        if (at->stmt.has_sql) trib_pw_str(&w, stored ? 2 : 1, at->stmt.sql);
        if (at->stmt.has_sql_id) trib_pw_i64(&w, stored ? 1 : 2, at->stmt.sql_id);
        while (w.depth) trib_pw_close(&w);
    }
    return trib_buf_str(&request);
}

/* Only JSON says which constraint failed: the protobuf message has no field for it. */
static void drop_extended_codes(trib_buf *text) {
    static const char member[] = ",\"extended_code\":\"";
    trib_buf_add_char(text, '\0');
    text->len--;
    char *at = text->ptr;
    while ((at = strstr(at, member)) != NULL) {
        const char *behind = strchr(at + sizeof member - 1, '"') + 1;
        memmove(at, behind, (size_t)(text->ptr + text->len + 1 - behind));
        text->len -= (size_t)(behind - at);
    }
}

/* Runs them in both tenants and compares. */
static void both_say_the_same(ask_list list, size_t steps) {
    trib_arena arena;
    trib_buf told;
    int status = ask(hrana_handle_pipeline, in_json, to_json(list), &json, NULL);
    assert_int_equal(ask(hrana_handle_pipeline_pb, in_pb, to_pb(list), &pb, NULL), status);
    assert_int_equal(status, 200);
    trib_arena_init(&arena, 64 << 20);
    trib_buf_init(&told, 1 << 24);
    assert_true(hrana_pb_pipeline(&arena, trib_buf_str(&pb), steps, &told));
    drop_extended_codes(&json);
    if (!trib_str_eq(trib_buf_str(&told), trib_buf_str(&json))) {
        size_t at = 0;
        while (at < told.len && at < json.len && told.ptr[at] == json.ptr[at]) at++;
        at = at > 60 ? at - 60 : 0;
        fail_msg("protobuf: %.300s\njson:     %.300s", told.ptr + at, json.ptr + at);
    }
    trib_buf_deinit(&told);
    trib_arena_deinit(&arena);
}

/* ---- tests ---- */

static void every_request_answers_the_same_in_both(void **state) {
    (void)state;
    hrana_cond failed = {.type = HRANA_COND_ERROR, .step = 1}, went_well = {.type = HRANA_COND_OK, .step = 1};
    hrana_step steps[] = {
        {NULL, sql("INSERT INTO d VALUES (-9, 'x', 2.5)")},
        {NULL, sql("INSERT INTO d VALUES (-9, 'x', 2.5)")},
        {&went_well, sql("SELECT 'never'")},
        {&failed, sql("SELECT *, a + 1 AS more FROM d")},
        {NULL, sql("DELETE FROM d WHERE 0")},
    };
    const hrana_request requests[] = {
        {.type = HRANA_SEQUENCE, .stmt = sql("CREATE TABLE d(a INTEGER PRIMARY KEY, b TEXT UNIQUE, c REAL)")},
        {.type = HRANA_BATCH, .batch = {steps, sizeof steps / sizeof steps[0]}},
        {.type = HRANA_EXECUTE, .stmt = sql("SELECT * FROM nowhere")},
        {.type = HRANA_EXECUTE, .stmt = sql("")},
        {.type = HRANA_DESCRIBE, .stmt = sql("SELECT a, b || ? AS x FROM d WHERE c > :limit AND a < ?5")},
        {.type = HRANA_DESCRIBE, .stmt = sql("EXPLAIN DELETE FROM d")},
        {.type = HRANA_DESCRIBE, .stmt = sql("SELEC")},
        {.type = HRANA_STORE_SQL,
         .stmt = {.has_sql = true, .has_sql_id = true, .sql_id = -3, .sql = TRIB_STR("SELECT 1")}},
        {.type = HRANA_DESCRIBE, .stmt = {.has_sql_id = true, .sql_id = -3}},
        {.type = HRANA_CLOSE_SQL, .stmt = {.has_sql_id = true, .sql_id = -3}},
        {.type = HRANA_GET_AUTOCOMMIT},
        {.type = HRANA_EXECUTE, .stmt = sql("BEGIN")},
        {.type = HRANA_GET_AUTOCOMMIT},
        {.type = HRANA_CLOSE},
    };
    both_say_the_same((ask_list){requests, sizeof requests / sizeof requests[0]}, sizeof steps / sizeof steps[0]);
}

static uint64_t seed = 88172645463325252u;
static uint64_t random_below(uint64_t n) {
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed % n;
}

static void add_random_literal(trib_buf *out) {
    size_t n = random_below(8) ? random_below(40) : random_below(600);
    switch (random_below(7)) {
    case 0: trib_buf_add_c(out, "NULL"); break;
    case 1:
        trib_buf_printf(out, "%lld", (long long)((int64_t)(random_below(UINT64_MAX) >> random_below(64)) / 2));
        break;
    case 2: trib_buf_printf(out, "-%lld", (long long)((random_below(UINT64_MAX) >> 1) >> random_below(63))); break;
    case 3: trib_buf_printf(out, "%.17ge%d", (double)random_below(1000000) / 7.0, (int)random_below(500) - 250); break;
    case 4: /* text, some of it no UTF-8 */
        trib_buf_add_c(out, "CAST(x'");
        for (size_t i = 0; i < n; i++)
            trib_buf_printf(out, "%02x", (unsigned)random_below(random_below(4) ? 127 : 256));
        trib_buf_add_c(out, "' AS TEXT)");
        break;
    case 5: trib_buf_printf(out, "replace(hex(zeroblob(%zu)), '00', 'h\xc3\xa9')", n); break;
    default:
        trib_buf_add_c(out, "x'");
        for (size_t i = 0; i < n; i++) trib_buf_printf(out, "%02x", (unsigned)random_below(256));
        trib_buf_add_c(out, "'");
        break;
    }
}

static void random_results_read_the_same_in_both(void **state) {
    (void)state;
    for (int round = 0; round < 60; round++) {
        trib_buf text;
        trib_buf_init(&text, 1 << 22);
        size_t cols = 1 + random_below(8), rows = random_below(20);
        trib_buf_add_c(&text, "WITH r AS (");
        for (size_t r = 0; r <= rows; r++) {
            trib_buf_add_c(&text, r ? " UNION ALL SELECT " : "SELECT ");
            for (size_t c = 0; c < cols; c++) {
                if (c) trib_buf_add_c(&text, ", ");
                add_random_literal(&text);
            }
        }
        trib_buf_add_c(&text, ") SELECT * FROM r");
        trib_buf_add_char(&text, '\0');
        assert_false(text.failed);
        hrana_step steps[] = {{NULL, sql(text.ptr)}, {NULL, sql("SELECT 1 WHERE 0")}, {NULL, sql(text.ptr)}};
        const hrana_request requests[] = {{.type = HRANA_EXECUTE, .stmt = sql(text.ptr)},
                                          {.type = HRANA_BATCH, .batch = {steps, 3}},
                                          {.type = HRANA_CLOSE}};
        both_say_the_same((ask_list){requests, 3}, 3);
        trib_buf_deinit(&text);
    }
}

static void a_pipeline_has_the_bytes_of_the_tables(void **state) {
    (void)state;
    const hrana_request requests[] = {{.type = HRANA_EXECUTE, .stmt = sql("SELECT -1 AS a")}, {.type = HRANA_CLOSE}};
    assert_int_equal(
        ask(hrana_handle_pipeline_pb, in_pb, to_pb((ask_list){requests, 2}), &pb, "application/x-protobuf"), 200);
    static const char bytes[] = "\x1a\x13\x0a\x11\x12\x0f\x0a\x0d" /* results, ok, execute, result */
                                "\x0a\x03\x0a\x01"
                                "a"                        /* a column, its name */
                                "\x12\x04\x0a\x02\x10\x01" /* a row, a value, -1 */
                                "\x30\x01"                 /* one row read */
                                "\x1a\x04\x0a\x02\x0a\x00" /* results, ok, close */;
    assert_int_equal(pb.len, sizeof bytes - 1);
    assert_memory_equal(pb.ptr, bytes, sizeof bytes - 1);
}

static void a_cursor_has_the_bytes_of_the_tables(void **state) {
    (void)state;
    trib_pb_writer w;
    hrana_step steps[] = {{NULL, sql("CREATE TABLE k(i INTEGER PRIMARY KEY)")},
                          {NULL, sql("INSERT INTO k VALUES (41)")},
                          {NULL, sql("SELECT i FROM k")},
                          {NULL, sql("SELECT * FROM n")}};
    trib_buf_clear(&request);
    trib_pw_init(&w, &request);
    batch_to_pb(&w, 2, &(hrana_batch){steps, 4});
    assert_int_equal(ask(hrana_handle_cursor_pb, in_pb, trib_buf_str(&request), &pb, "application/octet-stream"), 200);
    static const char want[] =
        "\x02\x0a\x00\x02\x12\x00"                             /* step 0 begins and ends */
        "\x04\x0a\x02\x08\x01\x06\x12\x04\x08\x01\x10\x29"     /* rowid 41, and not 82 */
        "\x12\x0a\x10\x08\x02\x12\x0c\x0a\x01i\x12\x07INTEGER" /* step 2: a column with its type */
        "\x06\x22\x04\x0a\x02\x10\x52"                         /* the row */
        "\x02\x12\x00";
    trib_str body = trib_buf_str(&pb), first;
    assert_true(trib_pb_take_message(&body, &first));
    assert_int_equal(first.len, 2 + TRIB_BATON_BYTES - 1); /* the baton, and nothing else */
    assert_memory_equal(first.ptr, "\x0a\x1b", 2);
    assert_true(body.len > sizeof want);
    assert_memory_equal(body.ptr, want, sizeof want - 1);
    body = trib_str_sub(body, sizeof want - 1, body.len);
    assert_true(trib_pb_take_message(&body, &first) && body.len == 0); /* step_error, and no end mark */
    assert_memory_equal(first.ptr, "\x1a", 1);
    assert_non_null(memmem(first.ptr, first.len, "no such table: n", 16));
}

static void a_cursor_comes_in_chunks_that_read_the_same(void **state) {
    (void)state;
    trib_arena arena;
    trib_pb_writer w;
    trib_buf told;
    trib_str rest, entry;
    hrana_step steps[] = {{NULL, sql("WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 30000) "
                                     "SELECT n, 'r' || n FROM c")}};
    trib_buf_clear(&request);
    trib_pw_init(&w, &request);
    batch_to_pb(&w, 2, &(hrana_batch){steps, 1});
    assert_int_equal(ask(hrana_handle_cursor_pb, in_pb, trib_buf_str(&request), &pb, NULL), 200);
    assert_true(pb.len > 4 * TRIB_HRANA_CHUNK_BYTES);
    rest = trib_buf_str(&pb);
    assert_true(trib_pb_take_message(&rest, &entry));
    trib_buf_init(&told, 4096);
    size_t count = 0;
    for (; trib_pb_take_message(&rest, &entry); count++) {
        char want[200];
        trib_arena_init(&arena, 1 << 16);
        trib_buf_clear(&told);
        assert_true(hrana_pb_entry(&arena, entry, &told));
        snprintf(want, sizeof want,
                 "{\"type\":\"row\",\"row\":[{\"type\":\"integer\",\"value\":\"%zu\"},{\"type\":\"text\",\"value\":\"r%"
                 "zu\"}]}",
                 count, count);
        if (count >= 1 && count <= 30000 && !trib_str_eq_c(trib_buf_str(&told), want))
            fail_msg("%.*s\nwant %s", TRIB_STR_ARG(trib_buf_str(&told)), want);
        trib_arena_deinit(&arena);
    }
    assert_int_equal(rest.len, 0);
    assert_int_equal(count, 30002);
    trib_buf_deinit(&told);
}

/* What stands open in the output is still there when the turn comes. */
static void a_batch_that_waits_for_the_turn_is_whole(void **state) {
    (void)state;
    http_test waiting;
    trib_arena arena;
    char body[200], baton[TRIB_BATON_BYTES] = "";
    hrana_step steps[] = {
        {NULL, sql("SELECT 'before'")}, {NULL, sql("CREATE TABLE w(a)")}, {NULL, sql("SELECT 'after'")}};
    const hrana_request requests[] = {
        {.type = HRANA_GET_AUTOCOMMIT}, {.type = HRANA_BATCH, .batch = {steps, 3}}, {.type = HRANA_CLOSE}};
    assert_int_equal(ask(hrana_handle_pipeline, in_pb,
                         TRIB_STR("{\"requests\":[{\"type\":\"execute\",\"stmt\":{\"sql\":\"BEGIN IMMEDIATE\"}}]}"),
                         &json, NULL),
                     200);
    trib_buf_add_char(&json, '\0');
    const char *at = strstr(json.ptr, "\"baton\":\"");
    assert_non_null(at);
    snprintf(baton, sizeof baton, "%.27s", at + 9);
    http_test_begin_bytes(&t, &waiting, hrana_handle_pipeline_pb, in_pb, &me, to_pb((ask_list){requests, 3}));
    snprintf(
        body, sizeof body,
        "{\"baton\":\"%s\",\"requests\":[{\"type\":\"execute\",\"stmt\":{\"sql\":\"COMMIT\"}},{\"type\":\"close\"}]}",
        baton);
    assert_int_equal(ask(hrana_handle_pipeline, in_pb, trib_str_c(body), &json, NULL), 200);
    http_test_wait(&t, &waiting);
    assert_int_equal(waiting.status, 200);
    trib_arena_init(&arena, 1 << 20);
    trib_buf_clear(&json);
    assert_true(hrana_pb_pipeline(&arena, trib_str_make(waiting.body.ptr, waiting.body.len - 1), 3, &json));
    trib_buf_add_char(&json, '\0');
    assert_non_null(strstr(json.ptr, "\"is_autocommit\":true"));
    assert_non_null(strstr(json.ptr, "\"value\":\"before\""));
    assert_non_null(strstr(json.ptr, "\"value\":\"after\""));
    assert_non_null(strstr(json.ptr, "\"step_errors\":[null,null,null]"));
    trib_arena_deinit(&arena);
    http_test_end(&waiting);
}

static void what_is_no_protobuf_fails_the_request(void **state) {
    (void)state;
    assert_int_equal(ask(hrana_handle_pipeline_pb, in_pb, TRIB_STR("{\"requests\":[]}"), &pb, "application/json"), 400);
    trib_buf_add_char(&pb, '\0');
    assert_non_null(strstr(pb.ptr, "Could not decode client message from Protobuf: "));
    assert_int_equal(ask(hrana_handle_cursor_pb, in_pb, TRIB_STR("\x12\x02\x0a\x00"), &pb, "application/json"), 400);
}

static void a_websockets_frames_have_the_bytes_of_the_tables(void **state) {
    (void)state;
    hrana_exec x = {.message_id = 7};
    trib_error err;
    trib_buf_init(&x.out, 4096);
    trib_pw_init(&x.pw, &x.out);
    hrana_pb_hello(&x.out, NULL);
    assert_true(trib_str_eq(trib_buf_str(&x.out), TRIB_STR("\x0a\x00")));
    trib_buf_clear(&x.out);
    hrana_pb_response_ok(&x.out, 7, HRANA_MSG_CLOSE_STREAM);
    assert_true(trib_str_eq(trib_buf_str(&x.out), TRIB_STR("\x1a\x04\x08\x07\x1a\x00")));
    trib_buf_clear(&x.out);
    hrana_pb_fetched(&x.out, 7, TRIB_STR("\x0a\x02\x12\x00"), true);
    assert_true(trib_str_eq(trib_buf_str(&x.out), TRIB_STR("\x1a\x0a\x08\x07\x42\x06\x0a\x02\x12\x00\x10\x01")));
    trib_buf_clear(&x.out);
    hrana_pb_ws_envelope.begin(&x, HRANA_GET_AUTOCOMMIT);
    hrana_codec_pb.autocommit(&x, true);
    hrana_pb_ws_envelope.end(&x);
    assert_true(trib_str_eq(trib_buf_str(&x.out), TRIB_STR("\x1a\x06\x08\x07\x6a\x02\x08\x01")));
    trib_buf_clear(&x.out);
    trib_error_set(&err, TRIB_PROTOCOL, "no");
    hrana_pb_ws_envelope.error(&x, &err);
    assert_true(
        trib_str_eq(trib_buf_str(&x.out), TRIB_STR("\x22\x1b\x08\x07\x12\x17\x0a\x02no\x12\x11HRANA_PROTO_ERROR")));
    trib_buf_clear(&x.out);
    hrana_pb_hello(&x.out, &err);
    assert_true(trib_str_eq(trib_buf_str(&x.out), TRIB_STR("\x12\x19\x0a\x17\x0a\x02no\x12\x11HRANA_PROTO_ERROR")));
    trib_buf_deinit(&x.out);
}

#define TEST(f) cmocka_unit_test(f)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(every_request_answers_the_same_in_both),      TEST(random_results_read_the_same_in_both),
        TEST(a_pipeline_has_the_bytes_of_the_tables),      TEST(a_cursor_has_the_bytes_of_the_tables),
        TEST(a_cursor_comes_in_chunks_that_read_the_same), TEST(a_batch_that_waits_for_the_turn_is_whole),
        TEST(what_is_no_protobuf_fails_the_request),       TEST(a_websockets_frames_have_the_bytes_of_the_tables),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Appends that race: one winner a version, every event once, no gap. (What is allowed:
 * tests/integration/streams_test.sh.) */
#include "core/db_start.h"
#include "unit/features/streams/streams_test.h"

enum { WRITERS = 16, ROUNDS = 6 };

static int setup(void **state) {
    return streams_setup(state) == 0 && start_module(NULL) == TRIB_OK ? 0 : -1;
}

static void one_of_many_writers_wins_a_version(void **state) {
    (void)state;
    static http_test h[WRITERS];
    char body[200];
    for (int round = 0; round < ROUNDS; round++) {
        int won = 0;
        snprintf(body, sizeof body, "{\"expected\":%d,\"events\":[{\"opcode\":9}]}", round);
        for (int i = 0; i < WRITERS; i++) ask(&h[i], streams_handle_append, "s", body);
        for (int i = 0; i < WRITERS; i++) {
            http_test_wait(&t, &h[i]);
            if (h[i].status == 201) won++;
            else assert_int_equal(h[i].status, 409);
            http_test_end(&h[i]);
        }
        assert_int_equal(won, 1);
    }
    expect(streams_handle_verify, "s", "", "{\"ok\":true,\"events\":6,\"version\":6}");
}

static void writers_that_expect_nothing_all_get_a_number_of_their_own(void **state) {
    (void)state;
    static http_test h[WRITERS];
    unsigned long seen = 0, first;
    for (int i = 0; i < WRITERS; i++) ask(&h[i], streams_handle_append, "s", "{\"events\":[{\"opcode\":9}]}");
    for (int i = 0; i < WRITERS; i++) {
        const char *answer = http_test_wait(&t, &h[i]);
        assert_memory_equal(answer, "{\"first\":", 9);
        first = strtoul(answer + 9, NULL, 10);
        assert_in_range(first, 1, WRITERS);
        assert_false(seen & 1UL << first);
        seen |= 1UL << first;
        http_test_end(&h[i]);
    }
    expect(streams_handle_verify, "s", "", "{\"ok\":true,\"events\":16,\"version\":16}");
}

static void an_append_with_a_wrong_event_leaves_nothing(void **state) {
    (void)state;
    expect(streams_handle_append, "s",
           "{\"events\":[{\"opcode\":501,\"nodeId\":\"s\",\"delta\":1,\"payload\":{\"customer\":\"a\",\"restaurant\":"
           "\"b\","
           "\"items\":[{\"qty\":1,\"price\":1}]}},{\"opcode\":503}]}",
           "events[1]");
    expect(streams_handle_events, "s", "", "[]");
    expect(streams_handle_append, "s", "{\"events\":[{\"id\":\"x\",\"opcode\":9},{\"id\":\"x\",\"opcode\":9}]}",
           "an event of this id exists");
    expect(streams_handle_events, "s", "", "[]");
}

static void times_of_the_server_do_not_go_back_in_a_stream(void **state) {
    (void)state;
    expect(streams_handle_append, "s",
           "{\"events\":[{\"opcode\":9,\"ts\":\"2999-01-01T00:00:00.000Z\"},{\"opcode\":9}]}", "\"last\":2");
    expect(streams_handle_append, "s", "{\"events\":[{\"opcode\":9}]}", "\"last\":3");
    expect(streams_handle_state, "s", "", "\"version\":3");
    http_test h;
    ask(&h, streams_handle_events, "s", "");
    const char *at = http_test_wait(&t, &h);
    for (int i = 0; i < 3; i++) assert_non_null(at = strstr(at + 1, "\"ts\":\"2999-01-01T00:00:00.000Z\""));
    http_test_end(&h);
}

/* ---- what an append leaves in hand ---- */

typedef struct draft_row {
    int64_t opcode;
    const char *node, *point;
    double delta;
    const char *payload;
} draft_row;

/* A food order, an append a line; NULL ends one. */
static const draft_row order[] = {
    {501, "o", NULL, 46, "{\"customer\":\"a\",\"restaurant\":\"b\",\"items\":[{\"qty\":1,\"price\":46}]}"},
    {0},
    {203, "o", NULL, 46, "{\"method\":\"card\"}"},
    {0},
    {301, "o", NULL, 0, "{\"task\":\"kitchen-prep\"}"},
    {303, "o", NULL, 0, "{\"chef\":\"h\"}"},
    {102, "p", "pt", -2, "{\"reason\":\"order-sale\"}"},
    {0},
    {305, "o", NULL, 0, "{\"task\":\"kitchen-prep\"}"},
    {302, "r", NULL, 0, "{\"task\":\"delivery\",\"driver\":\"r\"}"},
    {0},
    {502, "o", NULL, 0, "{\"pickedUpBy\":\"r\"}"},
    {0},
    {503, "o", NULL, 0, "{\"deliveredBy\":\"r\"}"},
    {0},
    {402, "r", NULL, 12, "{\"type\":\"delivery-fee\"}"},
    {401, "b", NULL, 34, "{\"type\":\"order-revenue\"}"},
    {0},
};

static trib_value text_of(const char *text) {
    trib_value value = {.type = text ? TRIB_VALUE_TEXT : TRIB_VALUE_NULL};
    if (text) value.bytes = trib_str_c(text);
    return value;
}

static void write_state(const trib_stream *s, trib_buf *out) {
    trib_json_writer w;
    trib_buf_clear(out);
    trib_jw_init(&w, out);
    assert_non_null(s->type);
    trib_deal_state_write(s->type, &s->state, &w);
}

static void is_same_stream(const trib_stream *a, const trib_stream *b) {
    trib_buf left, right;
    trib_buf_init(&left, 1 << 16);
    trib_buf_init(&right, 1 << 16);
    write_state(a, &left);
    write_state(b, &right);
    assert_true(trib_str_eq(trib_buf_str(&left), trib_buf_str(&right)));
    assert_int_equal(a->version, b->version);
    assert_int_equal(a->count, b->count);
    assert_int_equal(a->folded, b->folded);
    assert_int_equal(a->status_seq, b->status_seq);
    assert_int_equal(a->status_at_ms, b->status_at_ms);
    assert_memory_equal(a->head, b->head, sizeof a->head);
    assert_memory_equal(a->role_ms, b->role_ms, sizeof a->role_ms);
    for (size_t i = 0; i < a->count; i++) {
        assert_int_equal(a->events[i].seq, i + 1);
        assert_int_equal(a->events[i].seq, b->events[i].seq);
        assert_int_equal(a->events[i].at_ms, b->events[i].at_ms);
        assert_memory_equal(a->events[i].link, b->events[i].link, sizeof a->events[i].link);
        assert_true(trib_str_eq(a->events[i].values[0].bytes, b->events[i].values[0].bytes));
    }
    trib_buf_deinit(&left);
    trib_buf_deinit(&right);
}

static trib_code play_order(void *ctx, trib_handle *handle, trib_error *err) {
    trib_arena arena;
    trib_stream_draft drafts[4] = {0};
    trib_stream s, fresh;
    size_t count = 0;
    (void)ctx;
    trib_arena_init(&arena, 1 << 20);
    trib_stream_txn txn = {.app = &t.app, .handle = handle, .arena = &arena, .writes = true};
    assert_int_equal(trib_stmt_run(handle, "BEGIN IMMEDIATE", NULL, 0, NULL, NULL, err), TRIB_OK);
    assert_int_equal(trib_stream_load(&txn, TRIB_STR("o"), &s, err), TRIB_OK);
    for (size_t i = 0; i < sizeof order / sizeof *order; i++) {
        if (order[i].opcode) {
            trib_value *v = drafts[count++].values;
            memset(v, 0, sizeof drafts->values);
            v[TRIB_STREAM_COL_ID] = v[TRIB_STREAM_COL_TS] = v[TRIB_STREAM_COL_STREAM] = text_of(NULL);
            v[TRIB_STREAM_COL_OPCODE] = (trib_value){.type = TRIB_VALUE_INTEGER, .integer = order[i].opcode};
            v[TRIB_STREAM_COL_NODE] = text_of(order[i].node);
            v[TRIB_STREAM_COL_POINT] = text_of(order[i].point);
            v[TRIB_STREAM_COL_DELTA] = (trib_value){.type = TRIB_VALUE_REAL, .real = order[i].delta};
            v[TRIB_STREAM_COL_PAYLOAD] = text_of(order[i].payload);
            continue;
        }
        trib_stream_append_ask more = {.expected = TRIB_STREAM_EXPECT_ANY, .events = drafts, .count = count};
        assert_int_equal(trib_stream_append(&txn, &s, &more, err), TRIB_OK);
        assert_int_equal(trib_stream_load(&txn, TRIB_STR("o"), &fresh, err), TRIB_OK);
        is_same_stream(&s, &fresh);
        count = 0;
    }
    assert_true(trib_str_eq_c(trib_deal_status_name(s.type, s.state.status), "settled"));
    trib_arena_deinit(&arena);
    return trib_stmt_run(handle, "COMMIT", NULL, 0, NULL, NULL, err);
}

static void an_append_leaves_in_hand_what_a_fresh_look_finds(void **state) {
    trib_error err;
    (void)state;
    assert_int_equal(trib_db_start(&t.app, streams_tenant(), play_order, NULL, &err), TRIB_OK);
    expect(streams_handle_verify, "o", "", "\"ok\":true");
    expect(streams_handle_state, "o", "", "\"status\":\"settled\"");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, streams_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(an_append_leaves_in_hand_what_a_fresh_look_finds),
        TEST(one_of_many_writers_wins_a_version),
        TEST(writers_that_expect_nothing_all_get_a_number_of_their_own),
        TEST(an_append_with_a_wrong_event_leaves_nothing),
        TEST(times_of_the_server_do_not_go_back_in_a_stream),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

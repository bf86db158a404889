/* SPDX-License-Identifier: Apache-2.0 */
/* A reader's place under news that come at the worst moment: while it reads, behind a gap, twice, in part, too late.
 * Each event must come once, in order. (With real readers and a killed server: tests/fault/tails_test.c.) */
#include "unit/features/streams/streams_test.h"

typedef struct probe {
    streams_tail tail; /* first */
    uint64_t seen[64];
    int count, reads;
    bool full, over;
    streams_tail_end why;
} probe;

static probe p;
static trib_principal principal;

static void opened(streams_tail *tail, const streams_news *news) {
    (void)tail, (void)news;
}

static bool show(streams_tail *tail, const streams_news *news, size_t from) {
    (void)tail;
    for (uint64_t seq = news->first + from; seq <= news->last; seq++) p.seen[p.count++] = seq;
    return !p.full;
}

static void beat(streams_tail *tail, int64_t now_ns) {
    (void)tail, (void)now_ns;
}

static void ended(streams_tail *tail, streams_tail_end why, const trib_error *err) {
    (void)tail, (void)err;
    p.over = true;
    p.why = why;
}

static const streams_tail_ops ops = {
    .kind = STREAMS_TAIL_SSE, .opened = opened, .show = show, .beat = beat, .ended = ended};

static int setup(void **state) {
    if (streams_setup(state) != 0 || start_module(NULL) != TRIB_OK) return -1;
    p = (probe){0};
    app_test_principal(&principal, 1);
    p.tail = (streams_tail){.ops = &ops,
                            .module = module,
                            .home = &t.home,
                            .tenant = streams_tenant(),
                            .principal = &principal,
                            .id = TRIB_STR("s")};
    return 0;
}

static void append(void) {
    assert_int_equal(sql("INSERT INTO events VALUES (hex(randomblob(8)), 's', 9, NULL, NULL, 0, NULL, 't')", NULL),
                     TRIB_OK);
}

/* News as the pump would have made them. */
static void hear(uint64_t first, uint64_t last, uint64_t version) {
    streams_news news = {
        .first = first, .last = last, .count = last ? last - first + 1 : 0, .version = version, .exists = true};
    streams_tail_hear(&p.tail, &news, 0);
}

static void until_live(void) {
    while (p.tail.state != STREAMS_TAIL_LIVE) app_test_pump(&t);
}

static void has_seen(int count) {
    assert_int_equal(p.count, count);
    for (int i = 0; i < count; i++) assert_int_equal(p.seen[i], i + 1);
}

static void finish(void) {
    streams_tail_finish(&p.tail, STREAMS_END_LEFT, NULL);
    while (!p.over) app_test_pump(&t);
}

static void news_while_it_reads_are_not_lost(void **state) {
    (void)state;
    append();
    assert_int_equal(streams_tail_begin(&p.tail, NULL), TRIB_OK);
    while (trib_list_is_empty(&t.posted)) usleep(1000); /* the read has seen 1, and waits to come home */
    append();
    hear(2, 2, 2);
    has_seen(0);
    until_live();
    has_seen(2);
    finish();
}

static void news_behind_a_gap_are_not_shown_before_it_is_filled(void **state) {
    (void)state;
    append();
    assert_int_equal(streams_tail_begin(&p.tail, NULL), TRIB_OK);
    until_live();
    trib_commits_remove(&t.app.commits, p.tail.module->hub); /* the pump is late */
    append();
    append();
    append();
    hear(4, 4, 4);
    has_seen(1);
    until_live();
    has_seen(4);
    finish();
}

static void news_that_come_twice_in_part_or_late_are_shown_once(void **state) {
    (void)state;
    assert_int_equal(streams_tail_begin(&p.tail, NULL), TRIB_OK);
    until_live();
    hear(1, 3, 3);
    hear(1, 3, 3);
    hear(2, 5, 5);
    hear(1, 4, 4);
    hear(3, 5, 5);
    has_seen(5);
    finish();
}

static void without_room_nothing_is_shown_until_there_is(void **state) {
    (void)state;
    append();
    p.full = true;
    assert_int_equal(streams_tail_begin(&p.tail, NULL), TRIB_OK);
    while (p.count == 0) app_test_pump(&t);
    assert_int_equal(p.tail.state, STREAMS_TAIL_RESTING);
    trib_commits_remove(&t.app.commits, p.tail.module->hub);
    append();
    hear(2, 2, 2);
    has_seen(1);
    p.full = false;
    streams_tail_go_on(&p.tail);
    until_live();
    has_seen(2);
    finish();
}

static void a_closing_while_it_reads_is_not_lost(void **state) {
    (void)state;
    append();
    assert_int_equal(streams_tail_begin(&p.tail, NULL), TRIB_OK);
    while (trib_list_is_empty(&t.posted)) usleep(1000);
    assert_int_equal(sql("UPDATE _trib_stream SET closed_ms = 1", NULL), TRIB_OK);
    streams_news news = {.version = 1, .exists = true, .is_closed = true};
    streams_tail_hear(&p.tail, &news, 0);
    while (!p.over) app_test_pump(&t);
    assert_int_equal(p.why, STREAMS_END_CLOSED);
    has_seen(1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(news_while_it_reads_are_not_lost, setup, streams_teardown),
        cmocka_unit_test_setup_teardown(news_behind_a_gap_are_not_shown_before_it_is_filled, setup, streams_teardown),
        cmocka_unit_test_setup_teardown(news_that_come_twice_in_part_or_late_are_shown_once, setup, streams_teardown),
        cmocka_unit_test_setup_teardown(without_room_nothing_is_shown_until_there_is, setup, streams_teardown),
        cmocka_unit_test_setup_teardown(a_closing_while_it_reads_is_not_lost, setup, streams_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

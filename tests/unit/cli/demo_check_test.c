/* SPDX-License-Identifier: Apache-2.0 */
/* The demo notices a stream that is not the order's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/demo.h"

enum { COLUMNS = 8 };

typedef struct stream {
    trib_str cols[COLUMNS];
    trib_value values[DEMO_EVENTS * COLUMNS];
    char times[DEMO_EVENTS][32];
    trib_sql_rows rows;
} stream;

static trib_value text(const char *s) {
    return (trib_value){.type = TRIB_VALUE_TEXT, .bytes = trib_str_c(s)};
}

static void fill(stream *s) {
    static const char *const names[COLUMNS] = {"id",      "streamId", "opcode",  "nodeId",
                                               "pointId", "delta",    "payload", "ts"};
    for (int i = 0; i < COLUMNS; i++) s->cols[i] = trib_str_c(names[i]);
    for (int i = 0; i < DEMO_EVENTS; i++) {
        trib_value *row = &s->values[i * COLUMNS];
        snprintf(s->times[i], sizeof s->times[i], "2026-02-20T%s.000Z", demo_events[i].time);
        row[0] = text("evt");
        row[1] = text(DEMO_ORDER);
        row[2] = (trib_value){.type = TRIB_VALUE_INTEGER, .integer = demo_events[i].opcode};
        row[3] = text(demo_events[i].node);
        row[4] = (trib_value){.type = TRIB_VALUE_NULL};
        row[5] = (trib_value){.type = TRIB_VALUE_REAL, .real = demo_events[i].delta};
        row[6] = text("{}");
        row[7] = text(s->times[i]);
    }
    s->rows = (trib_sql_rows){.col_count = COLUMNS, .row_count = DEMO_EVENTS, .cols = s->cols, .values = s->values};
}

static void the_twelve_events_in_order_match(void **state) {
    stream s;
    (void)state;
    fill(&s);
    assert_true(demo_events_match(&s.rows));
}

static void every_difference_is_noticed(void **state) {
    stream s;
    (void)state;
    fill(&s);
    s.rows.row_count--;
    assert_false(demo_events_match(&s.rows));
    /* the two payouts have the same time: their order is part of the stream */
    fill(&s);
    for (int col = 0; col < COLUMNS; col++) {
        trib_value other = s.values[10 * COLUMNS + col];
        s.values[10 * COLUMNS + col] = s.values[11 * COLUMNS + col];
        s.values[11 * COLUMNS + col] = other;
    }
    assert_false(demo_events_match(&s.rows));
    fill(&s);
    s.values[5].real = 46.5;
    assert_false(demo_events_match(&s.rows));
    fill(&s);
    s.values[7] = text("2026-02-20T12:30:01.000Z");
    assert_false(demo_events_match(&s.rows));
    fill(&s);
    s.cols[4] = TRIB_STR("point");
    assert_false(demo_events_match(&s.rows));
}

static void the_clock_is_cut_out_of_the_time(void **state) {
    (void)state;
    assert_true(trib_str_eq_c(demo_clock(TRIB_STR("2026-02-20T13:06:00.000Z")), "13:06:00"));
    assert_true(trib_str_eq_c(demo_clock(TRIB_STR("odd")), "odd"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_twelve_events_in_order_match),
        cmocka_unit_test(every_difference_is_noticed),
        cmocka_unit_test(the_clock_is_cut_out_of_the_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

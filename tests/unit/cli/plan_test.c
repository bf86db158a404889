/* SPDX-License-Identifier: Apache-2.0 */
/* Plans as trees, and the indexes that hints propose for them. */
#include "cli/plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "catalog_support.h"

enum { STEPS_MAX = 8 };

/* Rows of a plan: "id parent detail" each. */
typedef struct step {
    int id, parent;
    const char *detail;
} step;

static trib_sql_rows make_plan(trib_value values[STEPS_MAX * 4], const step *steps) {
    trib_sql_rows rows = {.col_count = 4, .values = values};
    for (; rows.row_count < STEPS_MAX && steps[rows.row_count].detail; rows.row_count++) {
        trib_value *row = values + rows.row_count * 4;
        row[0] = (trib_value){.type = TRIB_VALUE_INTEGER, .integer = steps[rows.row_count].id};
        row[1] = (trib_value){.type = TRIB_VALUE_INTEGER, .integer = steps[rows.row_count].parent};
        row[2] = (trib_value){.type = TRIB_VALUE_INTEGER};
        row[3] = catalog_text(steps[rows.row_count].detail);
    }
    return rows;
}

static void steps_hang_below_what_they_are_for(void **state) {
    static const step steps[] = {{3, 0, "MATERIALIZE x"}, {5, 3, "SCAN orders"}, {9, 3, "USE TEMP B-TREE"},
                                 {20, 0, "SCAN x"},       {25, 0, "SCAN items"}, {0, 0, NULL}};
    trib_value values[STEPS_MAX * 4];
    trib_sql_rows rows = make_plan(values, steps);
    trib_buf buf;
    (void)state;
    trib_buf_init(&buf, 4096);
    trib_plan_write_tree(&buf, &rows);
    trib_buf_add_char(&buf, '\0');
    assert_string_equal(buf.ptr, "QUERY PLAN\n"
                                 "├─ MATERIALIZE x\n"
                                 "│  ├─ SCAN orders\n"
                                 "│  └─ USE TEMP B-TREE\n"
                                 "├─ SCAN x\n"
                                 "└─ SCAN items\n");
    trib_buf_deinit(&buf);
}

static void names_in_a_plan_do_not_steer_the_terminal(void **state) {
    const trib_value values[] = {catalog_text("a\x1b[2J"), catalog_text("table"), catalog_text("b")};
    const trib_sql_rows columns = {.col_count = 3, .row_count = 1, .values = (trib_value *)(uintptr_t)values};
    static const step steps[] = {{2, 0, "SCAN x"}, {3, 0, "SCAN \x1b[2J"}, {0, 0, NULL}};
    trib_value plan_values[STEPS_MAX * 4];
    trib_sql_rows plan = make_plan(plan_values, steps);
    trib_catalog catalog;
    trib_buf buf;
    (void)state;
    trib_catalog_init(&catalog);
    trib_catalog_set(&catalog, &columns, NULL);
    trib_buf_init(&buf, 65536);
    trib_plan_write_tree(&buf, &plan);
    assert_null(memchr(buf.ptr, 0x1b, buf.len));
    assert_int_equal(
        trib_plan_write_hints(&buf, &plan, TRIB_STR("SELECT * FROM \"a\x1b[2J\" AS x WHERE x.b = 1"), &catalog), 0);
    trib_buf_deinit(&buf);
    trib_catalog_deinit(&catalog);
}

static void a_plan_that_points_at_itself_ends(void **state) {
    static const step steps[] = {{0, 0, "a"}, {1, 0, "b"}, {2, 1, "c"}, {1, 2, "d"}, {0, 0, NULL}};
    trib_value values[STEPS_MAX * 4];
    trib_sql_rows rows = make_plan(values, steps);
    trib_buf buf;
    (void)state;
    trib_buf_init(&buf, 1 << 20);
    trib_plan_write_tree(&buf, &rows);
    assert_true(buf.len > 0);
    trib_buf_deinit(&buf);
}

static void hints_name_the_index_that_is_missing(void **state) {
    static const struct {
        const char *sql;
        step steps[STEPS_MAX];
        const char *hints;
    } rows[] = {
        {"SELECT * FROM orders WHERE state = 'open'",
         {{2, 0, "SCAN orders"}},
         "hint: every row is read to find a few: CREATE INDEX orders_state ON orders (state);\n"},
        {"SELECT * FROM orders o WHERE 5 < o.created_at AND o.state = ? AND created_at < 7",
         {{2, 0, "SCAN o"}},
         "hint: every row is read to find a few: CREATE INDEX orders_state_created_at ON orders (state, "
         "created_at);\n"},
        {"SELECT * FROM orders WHERE state IN ('a', 'b') OR customer = 5",
         {{2, 0, "SCAN orders"}},
         "hint: each side of OR needs an index: CREATE INDEX orders_state ON orders (state);\n"
         "hint: each side of OR needs an index: CREATE INDEX orders_customer ON orders (customer);\n"},
        {"SELECT * FROM orders ORDER BY created_at DESC LIMIT 5",
         {{2, 0, "SCAN orders"}, {9, 0, "USE TEMP B-TREE FOR ORDER BY"}},
         "hint: all rows are sorted for ORDER BY: CREATE INDEX orders_created_at ON orders (created_at);\n"},
        {"SELECT * FROM orders WHERE state = 'open' ORDER BY created_at DESC, customer",
         {{2, 0, "SCAN orders"}, {9, 0, "USE TEMP B-TREE FOR ORDER BY"}},
         "hint: all rows are sorted for ORDER BY: CREATE INDEX orders_state_created_at_customer ON orders (state, "
         "created_at DESC, customer);\n"},
        {"SELECT customer, count(*) FROM orders GROUP BY customer ORDER BY 2",
         {{2, 0, "SCAN orders"}, {9, 0, "USE TEMP B-TREE FOR GROUP BY"}},
         "hint: all rows are sorted for GROUP BY: CREATE INDEX orders_customer ON orders (customer);\n"},
        {"SELECT * FROM items i JOIN orders o ON o.customer = i.qty",
         {{2, 0, "SCAN i"}, {5, 0, "SEARCH o USING AUTOMATIC COVERING INDEX (customer=?)"}},
         "hint: SQLite makes this index anew for each statement: CREATE INDEX orders_customer ON orders (customer);\n"},
        {"SELECT * FROM items i CROSS JOIN orders o ON i.qty = o.customer",
         {{2, 0, "SCAN i"}, {5, 0, "SCAN o"}},
         "hint: every row is read to find a few: CREATE INDEX orders_customer ON orders (customer);\n"},
        {"DELETE FROM items WHERE qty = 0",
         {{2, 0, "SCAN items"}},
         "hint: every row is read to find a few: CREATE INDEX items_qty ON items (qty);\n"},
        /* nothing to say */
        {"SELECT * FROM orders", {{2, 0, "SCAN orders"}}, ""},
        {"SELECT * FROM orders WHERE id = 5", {{2, 0, "SEARCH orders USING INTEGER PRIMARY KEY (rowid=?)"}}, ""},
        {"SELECT * FROM orders WHERE lower(state) = 'open'", {{2, 0, "SCAN orders"}}, ""},
        {"SELECT * FROM orders WHERE state <> 'open' AND customer IS NOT NULL", {{2, 0, "SCAN orders"}}, ""},
        {"SELECT 'WHERE state = 1' FROM orders", {{2, 0, "SCAN orders"}}, ""},
        {"SELECT * FROM items WHERE order_id = 5", {{2, 0, "SCAN items"}}, ""}, /* has that index: SQLite knew */
        {"SELECT * FROM orders ORDER BY lower(state)",
         {{2, 0, "SCAN orders"}, {9, 0, "USE TEMP B-TREE FOR ORDER BY"}},
         ""},
        {"SELECT * FROM orders ORDER BY state COLLATE NOCASE",
         {{2, 0, "SCAN orders"}, {9, 0, "USE TEMP B-TREE FOR ORDER BY"}},
         ""},
        {"UPDATE orders SET state = 'x'", {{2, 0, "SCAN orders"}}, ""},
    };
    trib_catalog catalog;
    (void)state;
    make_catalog(&catalog);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        trib_value values[STEPS_MAX * 4];
        trib_sql_rows plan = make_plan(values, rows[i].steps);
        trib_buf buf;
        trib_buf_init(&buf, 65536);
        trib_plan_write_hints(&buf, &plan, trib_str_c(rows[i].sql), &catalog);
        if (!trib_str_eq_c(trib_buf_str(&buf), rows[i].hints))
            fail_msg("%s:\n%.*s", rows[i].sql, TRIB_STR_ARG(trib_buf_str(&buf)));
        trib_buf_deinit(&buf);
    }
    trib_catalog_deinit(&catalog);
}

static void a_plan_with_a_name_of_two_words_gets_no_wrong_hint(void **state) {
    const trib_value values[] = {catalog_text("my table"), catalog_text("table"), catalog_text("a \"b\"")};
    trib_sql_rows columns = {.col_count = 3, .row_count = 1, .values = (trib_value *)(uintptr_t)values};
    static const step steps[] = {{2, 0, "SCAN my table"}, {0, 0, NULL}};
    trib_value plan_values[STEPS_MAX * 4];
    trib_sql_rows plan = make_plan(plan_values, steps);
    trib_catalog catalog;
    trib_buf buf;
    (void)state;
    trib_catalog_init(&catalog);
    trib_catalog_set(&catalog, &columns, NULL);
    trib_buf_init(&buf, 65536);
    /* "SCAN my table" cannot be told from a table called my: nothing is said rather than something wrong */
    assert_int_equal(trib_plan_write_hints(&buf, &plan, TRIB_STR("SELECT * FROM \"my table\" WHERE 1"), &catalog), 0);
    trib_buf_deinit(&buf);
    trib_catalog_deinit(&catalog);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_hang_below_what_they_are_for),
        cmocka_unit_test(names_in_a_plan_do_not_steer_the_terminal),
        cmocka_unit_test(a_plan_that_points_at_itself_ends),
        cmocka_unit_test(hints_name_the_index_that_is_missing),
        cmocka_unit_test(a_plan_with_a_name_of_two_words_gets_no_wrong_hint),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

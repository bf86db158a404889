/* SPDX-License-Identifier: Apache-2.0 */
/* Tables and columns, and which of them a text of SQL speaks of. */
#include "cli/catalog.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "catalog_support.h"

static void tables_have_their_columns(void **state) {
    trib_catalog catalog;
    (void)state;
    make_catalog(&catalog);
    assert_int_equal(catalog.table_count, 3);
    const trib_catalog_table *orders = trib_catalog_find(&catalog, TRIB_STR("ORDERS"));
    assert_non_null(orders);
    assert_int_equal(orders->col_count, 4);
    assert_true(trib_catalog_has_column(orders, TRIB_STR("State")));
    assert_false(trib_catalog_has_column(orders, TRIB_STR("qty")));
    assert_true(trib_catalog_find(&catalog, TRIB_STR("open_orders"))->is_view);
    assert_null(trib_catalog_find(&catalog, TRIB_STR("nope")));
    trib_catalog_deinit(&catalog);
}

static void tables_of_a_text_are_found_with_their_aliases(void **state) {
    static const struct {
        const char *sql, *refs;
    } rows[] = {
        {"SELECT * FROM orders", "orders=orders "},
        {"select * from ORDERS o where o.id = 1", "orders=o "},
        {"SELECT * FROM orders AS o JOIN items i ON i.order_id = o.id", "orders=o items=i "},
        {"SELECT * FROM orders, items AS x, nope", "orders=orders items=x "},
        {"SELECT * FROM main.\"orders\" WHERE 1", "orders=orders "},
        {"SELECT * FROM orders LEFT JOIN items USING (id)", "orders=orders items=items "},
        {"UPDATE orders SET state = 'from items' WHERE id IN (SELECT order_id FROM items)",
         "orders=orders items=items "},
        {"INSERT INTO items (id) VALUES (1)", "items=items "},
        {"DELETE FROM items", "items=items "},
        {"SELECT id, state FROM (SELECT * FROM orders) x", "orders=orders "},
        {"SELECT * FROM orders NOT INDEXED", "orders=orders "},
        {"SELECT 1", ""},
        {"SELECT * FROM orders -- , items\n", "orders=orders "},
    };
    trib_catalog catalog;
    (void)state;
    make_catalog(&catalog);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        trib_catalog_ref refs[TRIB_CATALOG_REFS_MAX];
        char got[200] = "";
        size_t count = trib_catalog_refs(&catalog, trib_str_c(rows[i].sql), refs), at = 0;
        for (size_t k = 0; k < count; k++)
            at += (size_t)snprintf(got + at, sizeof got - at, "%.*s=%.*s ", TRIB_STR_ARG(refs[k].table->name),
                                   TRIB_STR_ARG(refs[k].alias));
        if (!trib_str_eq_c(trib_str_c(got), rows[i].refs)) fail_msg("%s: %s", rows[i].sql, got);
    }
    trib_catalog_deinit(&catalog);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tables_have_their_columns),
        cmocka_unit_test(tables_of_a_text_are_found_with_their_aliases),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* A small shop's catalog for tests: orders (id, state, customer, created_at), items (id, order_id, qty) and a view. */
#ifndef TRIB_TEST_CATALOG_SUPPORT_H
#define TRIB_TEST_CATALOG_SUPPORT_H

#include "cli/catalog.h"

static inline trib_value catalog_text(const char *text) {
    return (trib_value){.type = TRIB_VALUE_TEXT, .bytes = trib_str_c(text)};
}

static inline void make_catalog(trib_catalog *catalog) {
    static const char *const columns[] = {
        "items", "table",       "id",     "items", "table",    "order_id", "items", "table",
        "qty",   "open_orders", "view",   "id",    "orders",   "table",    "id",    "orders",
        "table", "state",       "orders", "table", "customer", "orders",   "table", "created_at",
    };
    static const char *const indexes[] = {"items", "items_order", "order_id"};
    trib_value values[sizeof columns / sizeof *columns], more[3];
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++) values[i] = catalog_text(columns[i]);
    for (size_t i = 0; i < 3; i++) more[i] = catalog_text(indexes[i]);
    trib_sql_rows rows = {.col_count = 3, .row_count = sizeof columns / sizeof *columns / 3, .values = values};
    trib_sql_rows index_rows = {.col_count = 3, .row_count = 1, .values = more};
    trib_catalog_init(catalog);
    trib_catalog_set(catalog, &rows, &index_rows);
}

#endif

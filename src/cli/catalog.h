/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of a database and their columns, as completion and index hints want them, and which of them a text of SQL
 * speaks of. Pure: the rows come from whoever can ask. */
#ifndef TRIB_CLI_CATALOG_H
#define TRIB_CLI_CATALOG_H

#include "base/arena.h"
#include "cli/sql.h"

/* Rows for trib_catalog_set: a column each, and (SQL_INDEXES) an index each with its columns and commas between. */
#define TRIB_CATALOG_SQL                                                                                               \
    "SELECT m.name, m.type, p.name FROM sqlite_schema AS m, pragma_table_xinfo(m.name) AS p WHERE m.type IN "          \
    "('table', 'view') AND m.name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY m.name, p.cid LIMIT 20000"
#define TRIB_CATALOG_SQL_INDEXES                                                                                       \
    "SELECT m.name, l.name, group_concat(i.name) FROM sqlite_schema AS m, pragma_index_list(m.name) AS l, "            \
    "pragma_index_info(l.name) AS i WHERE m.type = 'table' AND NOT l.partial GROUP BY 1, 2 LIMIT 20000"

enum {
    TRIB_CATALOG_ARENA_BYTES = 16 << 20, /* a schema made to fill the shell's memory is cut off */
    TRIB_CATALOG_REFS_MAX = 32
};

typedef struct trib_catalog_table {
    trib_str name;
    bool is_view;
    trib_str *cols;
    size_t col_count;
} trib_catalog_table;

typedef struct trib_catalog_index {
    trib_str table, name, cols; /* cols: "a,b" */
} trib_catalog_index;

typedef struct trib_catalog {
    trib_arena arena;
    trib_catalog_table *tables;
    size_t table_count;
    trib_catalog_index *indexes;
    size_t index_count;
} trib_catalog;

/* A table in a text: FROM orders AS o. */
typedef struct trib_catalog_ref {
    const trib_catalog_table *table;
    trib_str alias; /* the table's own name where it has none */
} trib_catalog_ref;

void trib_catalog_init(trib_catalog *catalog);
void trib_catalog_deinit(trib_catalog *catalog);
/* Copies the rows in; what does not fit is left out. indexes may be NULL. */
void trib_catalog_set(trib_catalog *catalog, const trib_sql_rows *columns, const trib_sql_rows *indexes);

/* NULL: there is none. Letter case does not count. */
const trib_catalog_table *trib_catalog_find(const trib_catalog *catalog, trib_str name);
bool trib_catalog_has_column(const trib_catalog_table *table, trib_str name);
/* The tables that `sql` names behind FROM, JOIN, INTO and UPDATE; returns how many, at most TRIB_CATALOG_REFS_MAX. */
size_t trib_catalog_refs(const trib_catalog *catalog, trib_str sql, trib_catalog_ref ret[TRIB_CATALOG_REFS_MAX]);

#endif

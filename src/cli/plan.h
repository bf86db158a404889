/* SPDX-License-Identifier: Apache-2.0 */
/* How SQLite would run a statement: the rows of EXPLAIN QUERY PLAN as a tree, and which index would spare it work. The
 * hints read the statement's words, not its meaning: they are for the usual WHERE, ON and ORDER BY on columns, and say
 * nothing where they are not sure. Pure. */
#ifndef TRIB_CLI_PLAN_H
#define TRIB_CLI_PLAN_H

#include "cli/catalog.h"

enum { TRIB_PLAN_DEPTH_MAX = 32, TRIB_PLAN_COLUMNS_MAX = 8 };

/* "QUERY PLAN" and a line a step, in order; rows: id, parent, notused, detail. */
void trib_plan_write_tree(trib_buf *buf, const trib_sql_rows *rows);
/* Lines of advice: what costs, and the CREATE INDEX that would help. Returns how many. */
size_t trib_plan_write_hints(trib_buf *buf, const trib_sql_rows *rows, trib_str sql, const trib_catalog *catalog);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* The log of slow statements: one line for each that ran at least `slow_statement_ms`, with what an operator needs to
 * find it. Never values of arguments: they are the tenants' data. What stands in the SQL text itself is written, up to
 * a bound.
 *
 *   WARN slow_statement tenant=acme request_id=... duration_ms=1234 rows_read=100000 rows_written=0 sql="SELECT ..." */
#ifndef TRIB_CORE_SLOW_H
#define TRIB_CORE_SLOW_H

#include "core/app.h"
#include "core/tenant.h"
#include "store/stmt.h"

enum { TRIB_SLOW_SQL_MAX_BYTES = 1000 }; /* of the text in a line: a flood of long statements must not fill the disk */

/* The time that one statement runs, without what it waits for the turn or for its reader. Begins zeroed. */
typedef struct trib_slow {
    int64_t since_ns, run_ns;
} trib_slow;

/* It runs from here on. Nothing where the setting is off. Thread: the worker. */
static inline void trib_slow_begin(trib_slow *slow, const trib_app *app) {
    if (app->settings.slow_statement_ms) slow->since_ns = trib_env_mono_ns(app->env);
}
/* It stops: for now (code AGAIN), or for good; then the line is written if it was slow. stmt: for its counts, NULL if
 * it was not prepared. */
void trib_slow_end(trib_slow *slow, const trib_app *app, const trib_tenant *tenant, trib_str request_id, trib_str sql,
                   const trib_stmt *stmt, trib_code code);

#endif

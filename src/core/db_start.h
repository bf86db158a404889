/* SPDX-License-Identifier: Apache-2.0 */
/* Work on a system database while the server starts: before the loops and workers have anything to do, so it may block;
 * only a checkpoint of what the last stop has left may have the turn for a moment. */
#ifndef TRIB_CORE_DB_START_H
#define TRIB_CORE_DB_START_H

#include "core/app.h"
#include "core/tenant.h"
#include "store/stmt.h"

/* Opens the tenant's database, runs `work` inside a handle, with TRIB_ACCESS_SYSTEM, and waits until what it wrote is
 * durable. Errors: as the store's and work's. Thread: the one that starts the server. */
trib_code trib_db_start(trib_app *app, const trib_tenant *tenant,
                        trib_code (*work)(void *ctx, trib_handle *handle, trib_error *err), void *ctx, trib_error *err);
/* Inside `work`: runs one statement to its end; each row is given to `row` (may be NULL). */
trib_code trib_db_start_run(trib_handle *handle, const char *sql, const trib_arg *args, size_t arg_count,
                            trib_code (*row)(void *ctx, const trib_stmt *stmt, trib_error *err), void *ctx,
                            trib_error *err);
/* The same with several statements, without rows: a part's tables. */
trib_code trib_db_start_run_all(trib_handle *handle, const char *const *sql, size_t count, trib_error *err);

#endif

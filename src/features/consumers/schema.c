/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of subscriptions, beside those of the streams. */
#include "core/db_start.h"
#include "features/consumers/consumers_int.h"

static const char *const steps[] = {
    "CREATE TABLE IF NOT EXISTS _trib_sub("
    "id INTEGER PRIMARY KEY AUTOINCREMENT, owner TEXT NOT NULL, name TEXT NOT NULL, owner_name TEXT NOT NULL, "
    "type TEXT, prefix TEXT, opcodes TEXT, lease_ms INTEGER NOT NULL, max_retries INTEGER NOT NULL, url TEXT, "
    "secret BLOB, created_ms INTEGER NOT NULL, failures INTEGER NOT NULL DEFAULT 0, failing_ms INTEGER, "
    "ok_ms INTEGER, last_error TEXT, disabled_ms INTEGER, UNIQUE(owner, name))",
    /* a row of its own: it changes with every claim */
    "CREATE TABLE IF NOT EXISTS _trib_cursor("
    "sub INTEGER PRIMARY KEY, pos INTEGER NOT NULL, generation INTEGER NOT NULL, parked INTEGER NOT NULL)",
    "CREATE TABLE IF NOT EXISTS _trib_flight("
    "sub INTEGER NOT NULL, streamId TEXT NOT NULL, pos INTEGER NOT NULL, after INTEGER NOT NULL, "
    "generation INTEGER NOT NULL, due_ms INTEGER NOT NULL, tries INTEGER NOT NULL, replay INTEGER NOT NULL, "
    "PRIMARY KEY(sub, streamId)) WITHOUT ROWID",
    "CREATE UNIQUE INDEX IF NOT EXISTS _trib_flight_pos ON _trib_flight(sub, pos)",
    "CREATE TABLE IF NOT EXISTS _trib_parked("
    "sub INTEGER NOT NULL, pos INTEGER NOT NULL, streamId TEXT NOT NULL, tries INTEGER NOT NULL, reason TEXT NOT NULL, "
    "at_ms INTEGER NOT NULL, again INTEGER NOT NULL, PRIMARY KEY(sub, pos)) WITHOUT ROWID",
    "CREATE INDEX IF NOT EXISTS _trib_parked_again ON _trib_parked(sub, streamId, pos) WHERE again = 1",
    /* what webhooks of an earlier process had in hand: nobody will say any more whether it arrived */
    "UPDATE _trib_flight SET generation = 0, due_ms = 0 WHERE generation > 0 AND "
    "sub IN (SELECT id FROM _trib_sub WHERE url IS NOT NULL)",
};

static trib_code prepare(void *ctx, trib_handle *handle, trib_error *err) {
    (void)ctx;
    trib_code code = trib_db_start_run(handle, "BEGIN IMMEDIATE", NULL, 0, NULL, NULL, err);
    for (size_t i = 0; code == TRIB_OK && i < sizeof steps / sizeof *steps; i++)
        code = trib_db_start_run(handle, steps[i], NULL, 0, NULL, NULL, err);
    return code == TRIB_OK ? trib_db_start_run(handle, "COMMIT", NULL, 0, NULL, NULL, err) : code;
}

trib_code consumers_prepare(trib_app *app, const trib_tenant *streams, trib_error *err) {
    return trib_db_start(app, streams, prepare, NULL, err);
}

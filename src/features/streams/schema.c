/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of the system database `streams`, and the triggers that make a plain INSERT of SQL a full citizen.
 *
 *   events          the eight columns that applications insert and read. Everything else stands beside it:
 *   _trib_ev        an event's place: `pos` in the whole database (never reused), `seq` in its stream (from 1, no gap),
 *                   its link in the hash chain (deal/chain.h), and who brought it when
 *   _trib_stream    a stream: version (the last seq), head of the chain, counts, closed, deleted
 *                   (base: what they were when it was deleted last). What its events amount to, by the type's rules
 *                   (load.c), as of version `folded`: type, status, and the rows of _trib_member
 *   _trib_idem      answers to appends with an Idempotency-Key, as long as the stream is there
 *   _trib_partial   streams that a transaction has deleted in part; its foreign key has no parent, so such a
 *                   transaction cannot commit
 *
 * An event never changes, an id is never used twice, and a stream is deleted as a whole or not at all. After that its
 * version and its head stay, and a later event goes on from there. */
#include "core/db_start.h"
#include "features/streams/streams_int.h"

/* The format is said by a table of our own: clients may set PRAGMA user_version. */
static const char *const tables[] = {
    "CREATE TABLE IF NOT EXISTS _trib_format(version INTEGER NOT NULL)",
    "CREATE TABLE IF NOT EXISTS events("
    "id TEXT PRIMARY KEY NOT NULL, streamId TEXT NOT NULL, opcode INTEGER NOT NULL, nodeId TEXT, pointId TEXT, "
    "delta REAL, payload TEXT, ts TEXT) STRICT",
    "CREATE INDEX _trib_events_of ON events(streamId, ts)",
    "CREATE TABLE _trib_ev("
    "pos INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, streamId TEXT NOT NULL, seq INTEGER NOT NULL, "
    "link BLOB NOT NULL, at_ms INTEGER NOT NULL, actor TEXT, UNIQUE(streamId, seq))",
    "CREATE TABLE _trib_stream("
    "streamId TEXT PRIMARY KEY NOT NULL, version INTEGER NOT NULL, head BLOB NOT NULL, base_version INTEGER NOT NULL, "
    "base_head BLOB NOT NULL, count INTEGER NOT NULL, bytes INTEGER NOT NULL, opened_ms INTEGER NOT NULL, "
    "closed_ms INTEGER, deleted_ms INTEGER, folded INTEGER NOT NULL, type TEXT, status TEXT) WITHOUT ROWID",
    "CREATE INDEX _trib_stream_unfolded ON _trib_stream(streamId) WHERE folded < version",
    "CREATE TABLE _trib_member(tenant TEXT NOT NULL, streamId TEXT NOT NULL, role TEXT NOT NULL, "
    "PRIMARY KEY(tenant, streamId, role)) WITHOUT ROWID",
    "CREATE INDEX _trib_member_of ON _trib_member(streamId)",
    "CREATE TABLE _trib_idem(actor TEXT NOT NULL, key TEXT NOT NULL, streamId TEXT NOT NULL, request BLOB NOT NULL, "
    "response TEXT NOT NULL, PRIMARY KEY(actor, key)) WITHOUT ROWID",
    "CREATE INDEX _trib_idem_of ON _trib_idem(streamId)",
    "CREATE TABLE _trib_never(id INTEGER PRIMARY KEY)",
    "CREATE TABLE _trib_partial(streamId TEXT PRIMARY KEY NOT NULL, "
    "never INTEGER NOT NULL REFERENCES _trib_never(id) DEFERRABLE INITIALLY DEFERRED) WITHOUT ROWID",
};

#define NOW_MS "CAST(unixepoch('subsec') * 1000 AS INTEGER)"
#define BYTES_OF(row)                                                                                                  \
    "(octet_length(" row ".id) + coalesce(octet_length(" row ".payload), 0) + octet_length(" row ".streamId))"

/* A stream whose count is 0 already is deleted as a whole by who has set that (core/archive_step.c): it puts in order
 * itself what is beside the events, and what is said here of each event is not done a thousand times. */
static const char event_out[] =
    "CREATE TRIGGER _trib_event_out AFTER DELETE ON events "
    "WHEN (SELECT count FROM _trib_stream WHERE streamId = OLD.streamId) > 0 BEGIN "
    "DELETE FROM _trib_ev WHERE id = OLD.id; "
    "UPDATE _trib_stream SET count = count - 1, bytes = bytes - " BYTES_OF(
        "OLD") " WHERE streamId = OLD.streamId; "
               "INSERT OR IGNORE INTO _trib_partial SELECT OLD.streamId, 1 FROM _trib_stream "
               "WHERE streamId = OLD.streamId AND count > 0; "
               "DELETE FROM _trib_partial WHERE streamId = OLD.streamId "
               "AND (SELECT count FROM _trib_stream WHERE streamId = OLD.streamId) = 0; "
               "UPDATE _trib_stream SET deleted_ms = " NOW_MS
               ", base_version = version, base_head = head, folded = 0, type = NULL, "
               "status = NULL WHERE streamId = OLD.streamId AND count = 0; "
               "DELETE FROM _trib_idem WHERE streamId = OLD.streamId "
               "AND EXISTS (SELECT 1 FROM _trib_stream WHERE streamId = OLD.streamId AND count = 0); "
               "DELETE FROM _trib_member WHERE streamId = OLD.streamId "
               "AND EXISTS (SELECT 1 FROM _trib_stream WHERE streamId = OLD.streamId AND count = 0); END";

static const char *const triggers[] = {
    "CREATE TRIGGER _trib_event_new BEFORE INSERT ON events BEGIN "
    "SELECT RAISE(ABORT, 'an event of this id exists; events never change: give a new one a new id') "
    "WHERE EXISTS (SELECT 1 FROM events WHERE id = NEW.id); "
    "SELECT RAISE(ABORT, 'the stream is closed; begin another one that refers to it') "
    "WHERE (SELECT closed_ms FROM _trib_stream WHERE streamId = NEW.streamId) IS NOT NULL; END",

    "CREATE TRIGGER _trib_event_in AFTER INSERT ON events BEGIN "
    "INSERT OR IGNORE INTO _trib_stream VALUES (NEW.streamId, 0, zeroblob(32), 0, zeroblob(32), 0, 0, " NOW_MS ", "
    "NULL, NULL, 0, NULL, NULL); "
    "INSERT INTO _trib_ev(id, streamId, seq, link, at_ms) SELECT NEW.id, NEW.streamId, version + 1, "
    "_trib_link(head, version + 1, NEW.id, NEW.streamId, NEW.opcode, NEW.nodeId, NEW.pointId, NEW.delta, NEW.payload, "
    "NEW.ts), " NOW_MS " FROM _trib_stream WHERE streamId = NEW.streamId; "
    "UPDATE _trib_stream SET version = version + 1, count = count + 1, bytes = bytes + " BYTES_OF(
        "NEW") ", "
               "deleted_ms = NULL, head = (SELECT link FROM _trib_ev WHERE id = NEW.id) WHERE streamId = "
               "NEW.streamId; END",

    "CREATE TRIGGER _trib_event_fixed BEFORE UPDATE ON events BEGIN "
    "SELECT RAISE(ABORT, 'events never change; append one that corrects it'); END",

    event_out,
};

/* Whatever a new stream is called must be a segment of a path (trib_stream_check_new_id); what is there by then stays.
 * Made at each start: behind what is taken over, and in databases of earlier versions. */
static const char name_trigger[] =
    "CREATE TRIGGER IF NOT EXISTS _trib_event_name BEFORE INSERT ON events "
    "WHEN NEW.streamId IN ('', '.', '..', 'live') OR octet_length(NEW.streamId) > 200 OR instr(NEW.streamId, '/') "
    "OR NEW.streamId GLOB '*[' || char(1) || '-' || char(31) || char(127) || ']*' BEGIN "
    "SELECT RAISE(ABORT, 'a stream has an id of 1 to 200 bytes, without / and control characters, that is not live, . "
    "or ..: no URL could name it') "
    "WHERE NOT EXISTS (SELECT 1 FROM _trib_stream WHERE streamId = NEW.streamId); END";

/* Events of before, which an application kept in a table of its own making: they get their places in the order in which
 * they came. The columns are copied by position, as the application inserts them. */
static const char *const take_over[] = {
    "CREATE TABLE _trib_before AS SELECT * FROM events ORDER BY rowid",
    "DROP TABLE events",
};
static const char *const put_back[] = {
    "INSERT INTO events SELECT * FROM _trib_before",
    "DROP TABLE _trib_before",
};

static trib_code run_all(trib_handle *handle, const char *const *sql, size_t count, trib_error *err) {
    trib_code code = TRIB_OK;
    for (size_t i = 0; code == TRIB_OK && i < count; i++)
        code = trib_db_start_run(handle, sql[i], NULL, 0, NULL, NULL, err);
    return code;
}
#define RUN_ALL(handle, list, err) run_all(handle, list, sizeof(list) / sizeof *(list), err)

static trib_code take_integer(void *ctx, const trib_stmt *stmt, trib_error *err) {
    (void)err;
    *(int64_t *)ctx = trib_stmt_col_value(stmt, 0).integer;
    return TRIB_OK;
}

static trib_code ask(trib_handle *handle, const char *sql, int64_t *ret, trib_error *err) {
    *ret = 0;
    return trib_db_start_run(handle, sql, NULL, 0, take_integer, ret, err);
}

static trib_code make(trib_handle *handle, bool had_events, trib_error *err) {
    trib_code code = trib_db_start_run(handle, "BEGIN IMMEDIATE", NULL, 0, NULL, NULL, err);
    if (code == TRIB_OK && had_events) code = RUN_ALL(handle, take_over, err);
    if (code == TRIB_OK) code = RUN_ALL(handle, tables, err);
    if (code == TRIB_OK) code = RUN_ALL(handle, triggers, err);
    if (code == TRIB_OK && had_events) code = RUN_ALL(handle, put_back, err);
    if (code == TRIB_OK)
        code = trib_db_start_run(handle, "INSERT INTO _trib_format VALUES (2)", NULL, 0, NULL, NULL, err);
    return code == TRIB_OK ? trib_db_start_run(handle, "COMMIT", NULL, 0, NULL, NULL, err) : code;
}

/* From format 1, whose _trib_event_out ran for every event that went. */
static trib_code bring_up(trib_handle *handle, trib_error *err) {
    const char *const sql[] = {"BEGIN IMMEDIATE", "DROP TRIGGER IF EXISTS _trib_event_out", event_out,
                               "UPDATE _trib_format SET version = 2", "COMMIT"};
    return RUN_ALL(handle, sql, err);
}

static trib_code name(trib_handle *handle, trib_error *err) {
    return trib_db_start_run(handle, name_trigger, NULL, 0, NULL, NULL, err);
}

static trib_code prepare(void *ctx, trib_handle *handle, trib_error *err) {
    int64_t has_format, columns, version = 0;
    (void)ctx;
    trib_code code = ask(handle, "SELECT count(*) FROM sqlite_schema WHERE name = '_trib_format'", &has_format, err);
    if (code == TRIB_OK && has_format) code = ask(handle, "SELECT version FROM _trib_format", &version, err);
    if (code == TRIB_OK && version > STREAMS_FORMAT)
        return trib_error_set(err, TRIB_CONFIG,
                              "the database of the streams was used by a newer version of trib (format %lld, this one "
                              "knows %d); start that version",
                              (long long)version, STREAMS_FORMAT);
    if (code == TRIB_OK && version == 1) {
        code = bring_up(handle, err);
        version = STREAMS_FORMAT;
    }
    if (code != TRIB_OK || version == STREAMS_FORMAT) return code == TRIB_OK ? name(handle, err) : code;
    code = ask(handle, "SELECT count(*) FROM pragma_table_info('events')", &columns, err);
    if (code == TRIB_OK && columns != 0 && columns != TRIB_STREAM_COLUMNS)
        return trib_error_set(err, TRIB_CONFIG,
                              "the database streams has a table events of %lld columns, the shared log has %d; rename "
                              "it with the version of trib that made it",
                              (long long)columns, TRIB_STREAM_COLUMNS);
    if (code == TRIB_OK) code = make(handle, columns != 0, err);
    return code == TRIB_OK ? name(handle, err) : code;
}

trib_code streams_prepare(trib_app *app, const trib_tenant *tenant, trib_error *err) {
    return trib_db_start(app, tenant, prepare, NULL, err);
}

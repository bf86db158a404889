/* SPDX-License-Identifier: Apache-2.0 */
/* The archive: streams that have ended go into objects (base/objects.h) and leave the database, exactly once.
 *
 *   asked    the stream is closed, so nothing comes any more; a row in _trib_archive says that it waits
 *   claimed  one thread has it for a lease; its generation, counted up, makes whatever an older one still does void
 *   put      <streamId>.json, the bytes of GET /api/streams/:id, where nothing is
 *   read     back, whole: size and SHA-256 must be those of what was put
 *   done     one transaction marks it archived and deletes its events
 *
 * Each step may be repeated, and is after a crash at any point. An object that has other bytes ends it with an alarm:
 * nothing is ever overwritten, and nothing is deleted on doubt. Members, type, status, version and head stay in the
 * database, so that the same may read, by the same URL.
 *
 * Threads of its own do what blocks: calls of the object store, and tasks that read from it for others. */
#ifndef TRIB_CORE_ARCHIVE_H
#define TRIB_CORE_ARCHIVE_H

#include "base/objects.h"
#include "core/stream.h"

enum {
    TRIB_ARCHIVE_THREADS = 4,                /* that archive: as many streams are under way */
    TRIB_ARCHIVE_READERS = 4,                /* that work for requests: a store that hangs holds so many */
    TRIB_ARCHIVE_TASKS_MAX = 1024,           /* that wait for them: memory, while the store hangs */
    TRIB_ARCHIVE_LEASE_MS = 30 * 60 * 1000,  /* for one stream; past it others may try */
    TRIB_ARCHIVE_RETRY_MS = 250,             /* after a failure; doubles ... */
    TRIB_ARCHIVE_RETRY_MAX_MS = 600 * 1000,  /* ... up to this */
    TRIB_ARCHIVE_LOG_MS = 10 * 1000,         /* between two lines of the log about streams that failed */
    TRIB_ARCHIVE_SWEEP_MAX_MS = 60 * 1000,   /* how often streams that have ended are looked for, at most apart */
    TRIB_ARCHIVE_PAGE = 256,                 /* streams looked at in one transaction */
    TRIB_ARCHIVE_ASK = 8,                    /* streams asked for in one that writes: appends wait for it */
    TRIB_ARCHIVE_BODY_MAX_BYTES = 256 << 20, /* of an object: it is kept in memory, by each thread */
    TRIB_ARCHIVE_ARENA_MAX_BYTES = 768 << 20 /* its events, and the tree that they are read back as */
};

typedef struct trib_archive trib_archive;
typedef struct trib_archive_task trib_archive_task;

/* Fills what app->settings say; the tables are made. Errors: as trib_db_start. Owns: *ret by trib_archive_free.
 * Thread: the one that starts the server. */
trib_code trib_archive_new(trib_app *app, trib_archive **ret, trib_error *err);
/* Ends its threads: tasks that wait come home with SHUTTING_DOWN, what is under way is left for the next start. Before
 * the workers end. Takes NULL; idempotent. */
void trib_archive_stop(trib_archive *archive);
void trib_archive_free(trib_archive *archive);
/* There is something to do. Thread: any. */
void trib_archive_wake(trib_archive *archive);
/* Ends as soon as nothing is left that could be done now; for tests. False: not within the time. */
bool trib_archive_settle(trib_archive *archive, int64_t timeout_ms);

/* ---- tasks: work for a request that may block, on a thread of the archive ---- */

struct trib_archive_task {
    trib_job job; /* first; home and done are set by the caller: done runs on the home loop, exactly once */
    void (*run)(trib_archive_task *task); /* on a reader; not called after SHUTTING_DOWN */
    trib_code code;                       /* run's; or SHUTTING_DOWN */
    trib_error err;
    trib_list link; /* private */
};

/* Errors: TOO_MANY_REQUESTS, SHUTTING_DOWN: nothing has moved. Thread: any. */
trib_code trib_archive_submit(trib_archive *archive, trib_archive_task *task, trib_error *err);

typedef trib_code trib_archive_body(trib_stream_txn *txn, void *ctx, trib_error *err);
/* One transaction on the database of the streams, begun anew when `body` answers AGAIN after setting txn->writes, and
 * waited for until it is durable. `who`: tenant and arena are taken from it; its arena keeps what body leaves there.
 * Errors: body's, the store's, SHUTTING_DOWN. Thread: a task's or the archive's own, never a loop or a worker. */
trib_code trib_archive_txn(trib_archive *archive, const trib_stream_txn *who, bool writes, trib_archive_body *body,
                           void *ctx, trib_error *err);

/* ---- rows (archive_rows.c) ---- */

#define TRIB_ARCHIVE_STATES(X)                                                                                         \
    X(WAITING, "waiting")     /* asked for, or to be tried again */                                                    \
    X(ARCHIVING, "archiving") /* somebody has it */                                                                    \
    X(STOPPED, "stopped")     /* an alarm: `why` says what a person must look at */                                    \
    X(ARCHIVED, "archived")                                                                                            \
    X(RESTORED, "restored") /* its events are in the database again, and its object where it was */

typedef enum trib_archive_state {
#define X(name, text) TRIB_ARCHIVE_##name,
    TRIB_ARCHIVE_STATES(X)
#undef X
} trib_archive_state;
const char *trib_archive_state_text(trib_archive_state state);

typedef struct trib_archive_row {
    trib_str stream_id, key, type, status, why; /* in the transaction's arena */
    trib_archive_state state;
    int64_t generation, lease_ms, next_ms, tries, asked_ms, archived_ms;
    uint64_t version, base_version, count, size;
    uint8_t head[TRIB_DEAL_LINK_BYTES], base_head[TRIB_DEAL_LINK_BYTES], sha256[TRIB_SHA256_BYTES];
    int64_t last_at_ms; /* when its last event came */
} trib_archive_row;

/* The key of a stream's object: unreserved characters as they are, others as ~XX; long ones end in a hash.
 * "ord-5001" -> "ord-5001.json". Errors: NOMEM. */
trib_code trib_archive_key(trib_str stream_id, trib_buf *out, trib_error *err);
trib_code trib_archive_make_tables(trib_handle *handle, trib_error *err);
/* *ret_found false: nobody has asked for it. */
trib_code trib_archive_find(trib_stream_txn *txn, trib_str stream_id, trib_archive_row *ret, bool *ret_found,
                            trib_error *err);
/* Closes the stream and has it archived; again as often as you like. `s` was loaded in this transaction, and has
 * events. Errors: the store's. */
trib_code trib_archive_ask(trib_stream_txn *txn, const trib_stream *s, trib_error *err);
/* True where the stream is at its end by itself: closed, or in a final status. */
bool trib_archive_has_ended(const trib_stream *s);

/* ---- reading (archive_read.c). Thread: as trib_archive_txn ---- */

/* The object of an archived stream, with the hash of its row. Errors: CHAIN_BROKEN (not there, or other bytes), the
 * object store's; RESPONSE_TOO_LARGE (more than ret takes). */
trib_code trib_archive_read(trib_archive *archive, const trib_archive_row *row, trib_buf *ret, trib_error *err);
/* Type and status as of the row, for a stream without its events. */
void trib_archive_describe(const trib_app *app, const trib_archive_row *row, trib_stream *s);
/* The stream as it was when it was archived, made from its object. Errors: as trib_stream_read_events. */
trib_code trib_archive_read_stream(trib_stream_txn *txn, const trib_archive_row *row, trib_str text, trib_stream *ret,
                                   trib_error *err);

/* The three steps of whoever shows an archived stream. In a transaction: its row. Errors: INTERNAL (it has none), the
 * store's. */
trib_code trib_archive_find_object(trib_stream_txn *txn, trib_str id, trib_archive_row *ret, trib_error *err);
/* The task whose run calls trib_archive_load. Errors: as trib_archive_submit; INTERNAL (there is no archive). */
trib_code trib_archive_submit_for(trib_app *app, trib_archive_task *task, trib_error *err);
/* Object and stream; `text` must live as long as *ret. Errors: as trib_archive_read and trib_archive_read_stream. */
trib_code trib_archive_load(trib_stream_txn *txn, const trib_archive_row *row, trib_buf *text, trib_stream *ret,
                            trib_error *err);

/* Puts the events back. The stream stays closed, the object stays where it is.
 * Errors: as trib_archive_read; STREAM_NOT_FOUND (no archived stream). */
trib_code trib_archive_restore(trib_archive *archive, trib_str stream_id, trib_error *err);
/* The store and what it is called. */
const trib_objects *trib_archive_objects(const trib_archive *archive);

typedef struct trib_archive_counts {
    uint64_t waiting, stopped; /* streams, as of the last look */
} trib_archive_counts;
trib_archive_counts trib_archive_count(const trib_archive *archive);

#endif

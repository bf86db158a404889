/* SPDX-License-Identifier: Apache-2.0 */
/* A shared stream inside one transaction on the database `streams`: what it is now, who may see it, and more events for
 * it. HTTP, commands, archive and consumers all go through here; features/streams/schema.c has the tables.
 *
 *   trib_stream_load -> trib_stream_admit            reading, as somebody who asks
 *   trib_stream_load -> [admit] -> trib_stream_append   writing; load again, or go on with what append has left
 *
 * Thread: the worker that is inside the handle. */
#ifndef TRIB_CORE_STREAM_H
#define TRIB_CORE_STREAM_H

#include "core/app.h"
#include "core/db_job.h"
#include "crypto/hash.h"
#include "deal/chain.h"
#include "deal/registry.h"
#include "deal/state.h"
#include "store/stmt.h"

enum {
    TRIB_STREAM_COLUMNS = 8,               /* of `events` */
    TRIB_STREAM_ID_MAX_BYTES = 200,        /* of a stream: it becomes the name of an archive's object */
    TRIB_STREAM_EVENTS_MAX = 100,          /* of one append: it holds the turn of the database that all deals share */
    TRIB_STREAM_KEY_MAX_BYTES = 200,       /* of an Idempotency-Key, which is kept */
    TRIB_STREAM_ARENA_MAX_BYTES = 96 << 20 /* of one transaction: the events of a stream while they are folded */
};

/* The columns of `events`, in their order. */
enum {
    TRIB_STREAM_COL_ID,
    TRIB_STREAM_COL_STREAM,
    TRIB_STREAM_COL_OPCODE,
    TRIB_STREAM_COL_NODE,
    TRIB_STREAM_COL_POINT,
    TRIB_STREAM_COL_DELTA,
    TRIB_STREAM_COL_PAYLOAD,
    TRIB_STREAM_COL_TS
};

/* Who works on streams, in which transaction. */
typedef struct trib_stream_txn {
    trib_app *app;
    trib_handle *handle;
    trib_arena *arena;               /* what is loaded lives here */
    trib_str tenant_id, tenant_name; /* who asks; empty: who may see and write everything */
    bool writes;                     /* the transaction may write. Set together with AGAIN: it must */
    bool keeps_arena;                /* what is in the arena stays when a transaction begins */
    bool begun;                      /* of stream_txn.c; false again, by the owner, where it is used for another job */
} trib_stream_txn;

typedef struct trib_stream_event {
    trib_value values[TRIB_STREAM_COLUMNS];
    uint64_t seq;
    int64_t at_ms;
    uint8_t link[TRIB_DEAL_LINK_BYTES];
} trib_stream_event;

/* A stream as it is now, in the transaction's arena. */
typedef struct trib_stream {
    trib_str id;
    bool exists; /* has events, or had some */
    uint64_t version, folded, base_version;
    uint8_t head[TRIB_DEAL_LINK_BYTES], base_head[TRIB_DEAL_LINK_BYTES];
    bool is_closed, is_deleted;
    bool is_archived; /* its events are in an object (archive.h); it has none here, and `count` is 0 */
    trib_stream_event *events;
    size_t count;
    const trib_deal_type *type;           /* NULL: no type opens with its first event */
    trib_deal_state state;                /* valid with a type */
    int64_t role_ms[TRIB_DEAL_ROLES_MAX]; /* when the event came that gave a role to the tenant who has it */
    /* With a type: the number and the time of the event that brought it into its status, for timers (stream_timer.h) */
    uint64_t status_seq;
    int64_t status_at_ms;
} trib_stream;

/* ---- stream_txn.c ---- */

/* The work of a job: takes what is pending, begins, calls body, commits; rolls back after a failure. The same txn is
 * given again while the job waits for the turn. body runs again from its start after AGAIN with txn->writes set by
 * itself. Errors: AGAIN (as it is, the job's own AGAIN), body's, and the store's. Thread: the worker that is inside the
 * handle. */
trib_code trib_stream_txn_run(trib_stream_txn *txn, trib_db_job *job, trib_handle *handle,
                              trib_code (*body)(void *ctx, trib_error *err), void *ctx, trib_error *err);
/* Who names the database itself sees everything: both are empty; who names a tenant sees that tenant's streams. Borrows
 * from the tenant. Errors: as trib_may; BAD_REQUEST (another system database). Thread: any. */
trib_code trib_stream_name_asker(const trib_app *app, const trib_principal *principal, const trib_tenant *tenant,
                                 trib_str *ret_id, trib_str *ret_name, trib_error *err);
/* Sets who asks from a request whose tenant and principal are named. Owns: the names live as long as the request and
 * its tenant. Errors: as trib_may; BAD_REQUEST (another system database), NOMEM. Thread: a loop. */
trib_code trib_stream_txn_name_asker(trib_stream_txn *txn, const trib_http_request *http, bool *ret_may_write,
                                     trib_error *err);

trib_arg trib_stream_text(trib_str text); /* ptr NULL: NULL */
trib_arg trib_stream_integer(int64_t integer);
/* BAD_REQUEST for an id that no stream can have. */
trib_code trib_stream_check_id(trib_str id, trib_error *err);
/* STREAM_NOT_FOUND, the same for a stream that is not there and for one of others. */
trib_code trib_stream_not_found(trib_str id, trib_error *err);

/* ---- stream_load.c ---- */

/* What a statement finds: the first column of its rows, at most `max`, as texts in the transaction's arena.
 * Errors: NOMEM, and the store's. */
trib_code trib_stream_find_ids(trib_stream_txn *txn, const char *sql, const trib_arg *args, size_t arg_count,
                               size_t max, trib_str **ret, size_t *ret_count, trib_error *err);

/* Any stream, without a look at who asks; one that is not there has no events. `id` is borrowed.
 * Errors: RESPONSE_TOO_LARGE (to be folded), CHAIN_BROKEN (events are missing), NOMEM, and the store's. */
trib_code trib_stream_load(trib_stream_txn *txn, trib_str id, trib_stream *ret, trib_error *err);
/* Brings its members up to date and looks for who asks among them.
 * Errors: AGAIN (after setting txn->writes: begin once more, to write), STREAM_NOT_FOUND. */
trib_code trib_stream_admit(trib_stream_txn *txn, const trib_stream *s, trib_error *err);
/* As trib_stream_load, but without its events and its state: what there is to say of a stream in one row. One that must
 * be folded for trib_stream_admit is loaded whole, *ret_whole says so. */
trib_code trib_stream_look(trib_stream_txn *txn, trib_str id, trib_stream *ret, bool *ret_whole, trib_error *err);
/* Both. */
trib_code trib_stream_open(trib_stream_txn *txn, trib_str id, trib_stream *ret, trib_error *err);
/* Writes type, status and members as of the state. */
trib_code trib_stream_store_fold(trib_stream_txn *txn, const trib_stream *s, trib_error *err);
/* The same where `before` is the stream as it was before its last events, in this transaction: what is as it was then
 * is not written again. NULL: all of it is. */
trib_code trib_stream_store_more(trib_stream_txn *txn, const trib_stream *s, const trib_stream *before,
                                 trib_error *err);
/* `s` is as of an earlier moment of this transaction, and its state is its alone: reads and folds what came since.
 * Errors: as trib_stream_load. */
trib_code trib_stream_load_more(trib_stream_txn *txn, trib_stream *s, trib_error *err);
/* Fills type and state from s->events. Errors: NOMEM. */
trib_code trib_stream_fold(trib_stream_txn *txn, trib_stream *s, trib_error *err);
/* The object of eight members, as JSON.stringify writes the row that a client gets by SQL. */
void trib_stream_write_event(trib_json_writer *w, const trib_value values[TRIB_STREAM_COLUMNS]);
/* A row as the rules see it, by a trusted actor. Errors: none; arena->failed. */
void trib_stream_deal_event(trib_arena *arena, const trib_value values[TRIB_STREAM_COLUMNS], trib_deal_event *ret);

/* ---- stream_json.c ---- */

/* The array of all of its events. */
void trib_stream_write_events(const trib_stream *s, trib_buf *out);
/* The reverse: `events`, with their numbers and links as the chain makes them behind s->base_version, and from those
 * type, state and count. `id` and base_* are set; at_ms is nobody's business any more. `text` lives as long as the
 * arena, txn->handle is not looked at. Errors: CHAIN_BROKEN (it does not lead to s->version and s->head), BAD_JSON,
 * RESPONSE_TOO_LARGE, NOMEM. Thread: any. */
trib_code trib_stream_read_events(trib_stream_txn *txn, trib_str text, trib_stream *s, trib_error *err);

/* ---- stream_append.c ---- */

typedef enum trib_stream_expected {
    TRIB_STREAM_EXPECT_ANY,
    TRIB_STREAM_EXPECT_NONE, /* the stream has no events yet */
    TRIB_STREAM_EXPECT_EXISTS,
    TRIB_STREAM_EXPECT_VERSION
} trib_stream_expected;

/* An event that comes. `id` NULL: gets a random one; `streamId` is that of the stream; `ts` NULL: the clock's, never
 * below what the stream has. */
typedef struct trib_stream_draft {
    trib_value values[TRIB_STREAM_COLUMNS];
    bool by_platform; /* the server's own doing in a command: rules about roles do not hold it */
} trib_stream_draft;

typedef struct trib_stream_append_ask {
    trib_stream_expected expected;
    uint64_t expected_version;
    const trib_stream_draft *events;
    size_t count;
} trib_stream_append_ask;

/* Whether a new stream may be called so: a segment of a path, and no route's own. The database says the same to who
 * inserts (features/streams/schema.c). Errors: BAD_REQUEST. */
trib_code trib_stream_check_new_id(trib_str id, trib_error *err);
/* All events, or with an error none (the caller rolls back). `s` was loaded in this transaction, and is loaded anew.
 * Errors: STREAM_CLOSED, VERSION_CONFLICT, BAD_TRANSITION, BAD_EVENT, FORBIDDEN, BAD_REQUEST (the id of a new stream),
 * SQL_ERROR (an id that is there), NOMEM. */
trib_code trib_stream_append(trib_stream_txn *txn, trib_stream *s, const trib_stream_append_ask *ask, trib_error *err);

/* The request's Idempotency-Key (empty: none), in its arena, and the hash of `whole`, by which requests are told apart;
 * `whole` with ptr NULL: there was no memory for it. Errors: BAD_REQUEST (too long), NOMEM. Thread: a loop. */
trib_code trib_stream_take_key(const trib_http_request *http, trib_str whole, trib_str *ret_key,
                               uint8_t ret_request[TRIB_SHA256_BYTES], trib_error *err);
/* What was answered to a request with an Idempotency-Key. `request` tells requests apart.
 * *ret_found false: it has not come yet. Errors: IDEMPOTENCY_MISMATCH; NOMEM. */
trib_code trib_stream_recall(trib_stream_txn *txn, trib_str key, const uint8_t request[TRIB_SHA256_BYTES],
                             trib_str *ret_response, bool *ret_found, trib_error *err);
/* Kept as long as the stream. */
trib_code trib_stream_remember(trib_stream_txn *txn, trib_str stream_id, trib_str key,
                               const uint8_t request[TRIB_SHA256_BYTES], trib_str response, trib_error *err);

#endif

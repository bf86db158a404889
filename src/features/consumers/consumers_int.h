/* SPDX-License-Identifier: Apache-2.0 */
/* Private to features/consumers.
 *
 *   _trib_ev   1 2 3 4 5 6 7 8 9 ...                 pos, of all streams
 *                      ^ _trib_cursor.pos: looked through up to here
 *   _trib_flight       a row for each STREAM that has an event handed out, or waiting to be handed out again:
 *                      stream a: pos 2, lease 2.7 until 12:00      stream b: pos 4, again at 12:05
 *   _trib_parked       events that were given up
 *
 * What came for a stream that has a row stays in the log; when the row's event is done, the row goes on to the stream's
 * next one up to the cursor. So the state is bounded by streams, not by events, and order in a stream comes by
 * itself. */
#ifndef TRIB_FEATURES_CONSUMERS_CONSUMERS_INT_H
#define TRIB_FEATURES_CONSUMERS_CONSUMERS_INT_H

#include "core/app.h"
#include "core/control.h"
#include "core/db_job.h"
#include "core/metrics.h"
#include "core/stream.h"
#include "core/waiters.h"
#include "features/consumers/consumers.h"

enum {
    CONSUMERS_NAME_MAX_BYTES = 100,
    CONSUMERS_BODY_MAX_BYTES = 64 * 1024,
    CONSUMERS_ANSWER_MAX_BYTES = 32 << 20,
    CONSUMERS_PER_OWNER_MAX = 64,    /* subscriptions of a tenant: each is work with every event */
    CONSUMERS_MAX = 4096,            /* of the server: their webhooks are in memory */
    CONSUMERS_OPCODES_MAX = 64,      /* in a filter */
    CONSUMERS_CLAIM_MAX = 100,       /* events of one claim: they are read with the turn of all deals */
    CONSUMERS_CLAIM_BYTES = 4 << 20, /* and no more after so many */
    CONSUMERS_FLIGHT_MAX = 1000,     /* streams with an event handed out: a consumer that only claims fills no disk */
    CONSUMERS_PARKED_MAX = 10000, /* then nothing more is handed out: a broken consumer must not park the whole log */
    CONSUMERS_SCAN_CHUNK = 128,   /* events read at once while looking for those that fit */
    CONSUMERS_SCAN_MAX = 1024,    /* looked through by one claim */
    CONSUMERS_SCAN_SAVE = 64,     /* looked through in vain: the cursor is written */
    CONSUMERS_FOLDS_MAX = 32,     /* streams that came by SQL, brought up to date by one claim */
    CONSUMERS_FOLD_BYTES = 32 << 20, /* memory for one of them; a larger one is passed over */
    CONSUMERS_LEASE_MIN_MS = 1000,
    CONSUMERS_LEASE_DEFAULT_MS = 30 * 1000,
    CONSUMERS_LEASE_MAX_MS = 12 * 3600 * 1000,
    CONSUMERS_DELAY_MAX_MS = 12 * 3600 * 1000, /* of a nack */
    CONSUMERS_RETRIES_DEFAULT = 5,
    CONSUMERS_RETRIES_MAX = 100,
    CONSUMERS_REASON_MAX_BYTES = 500,  /* of a nack, kept with a parked event */
    CONSUMERS_WAIT_MAX_MS = 30 * 1000, /* of a claim: below the usual timeouts of proxies */
    CONSUMERS_WAITERS_MAX = 1024,      /* claims that wait, of the server; more are answered at once */
    CONSUMERS_WAKES_MAX = 64,          /* of them looked at again in one tick */
    CONSUMERS_LOOK_MS = 1000,          /* a waiting claim is looked at as often: leases end without a commit */
    CONSUMERS_WATCH_MS = 50,           /* at most so often the log is looked at while somebody waits */
    CONSUMERS_STATS_MS = 5000,
    CONSUMERS_ORPHANS_CHUNK = 256, /* subscriptions whose tenants are looked for at once */
    CONSUMERS_PAGE_MAX = 1000,     /* parked events of one answer, of one replay */
    CONSUMERS_URL_MAX_BYTES = 1000,
    CONSUMERS_SECRET_BYTES = 32, /* of one that the server makes */
    CONSUMERS_SECRET_MIN_BYTES = 24,
    CONSUMERS_SECRET_MAX_BYTES = 64
};

typedef struct consumers_hooks consumers_hooks;

/* orphans.c: looks for subscriptions whose tenants are gone. The tick's; a worker's while under way. */
typedef struct consumers_orphans {
    trib_db_job job; /* first */
    struct consumers_module *module;
    trib_stream_txn txn;
    trib_arena arena;
    bool under_way;
    uint64_t seen, wanted; /* of trib_control_count_gone, and one more */
    int64_t not_before_ns, after, last;
    size_t looked, count;
    int64_t ids[CONSUMERS_ORPHANS_CHUNK];
} consumers_orphans;

/* One for the process. */
typedef struct consumers_module {
    trib_app *app;
    trib_tenant *tenant; /* `streams`; the registry's */
    consumers_hooks *hooks;
    trib_waiters waiters;          /* claims: consumers_ask.waiter */
    _Atomic bool news, stats_news; /* `streams` has commits that the watch, the stats have not seen */
    _Atomic int64_t head;          /* the newest pos that the watch has seen */
    _Atomic uint64_t subs;         /* subscriptions that there are; not below */
    _Atomic int64_t lag, parked;   /* of the last stats: the greatest lag, all parked events */
    struct trib_counter *handed, *acked, *retried, *parked_now, *lost;
    struct trib_counter *hook_ok, *hook_failed, *hook_gone;

    /* the tick's */
    bool watching;
    int64_t watch_ns, stats_ns;
    /* the watch job's, between submission and finished */
    trib_db_job watch;
    trib_stream_txn watch_txn;
    trib_arena watch_arena;
    bool watch_stats;
    int64_t seen[4];
    consumers_orphans orphans;
} consumers_module;

/* orphans.c */
void consumers_orphans_tick(consumers_module *m);

/* ---- sub.c: subscriptions ---- */

typedef struct consumers_sub {
    int64_t id;
    trib_str owner, owner_name, name; /* owner: a tenant's id; empty: who sees everything */
    trib_str type, prefix;            /* ptr NULL: any */
    trib_str opcodes;                 /* "[501,301]"; ptr NULL: any */
    int64_t opcode[CONSUMERS_OPCODES_MAX];
    size_t opcode_count;
    int64_t lease_ms, max_retries, created_ms;
    trib_str url, secret; /* url.ptr NULL: claimed by the consumer */
    int64_t failures, failing_ms, ok_ms, disabled_ms;
    trib_str last_error;
    int64_t cursor, generation, parked; /* _trib_cursor */
} consumers_sub;

/* Strings live in txn->arena. Errors: SUBSCRIPTION_NOT_FOUND. */
trib_code consumers_sub_load(trib_stream_txn *txn, trib_str owner, trib_str name, consumers_sub *ret, trib_error *err);
trib_code consumers_sub_load_id(trib_stream_txn *txn, int64_t id, consumers_sub *ret, trib_error *err);
/* Writes cursor, generation and parked. */
trib_code consumers_sub_save(trib_stream_txn *txn, const consumers_sub *sub, trib_error *err);
/* Everything of it. */
trib_code consumers_sub_delete(trib_stream_txn *txn, int64_t id, trib_error *err);
/* As GET shows it, but for the brace at its end. Reads its counts. */
trib_code consumers_sub_write(trib_stream_txn *txn, const consumers_sub *sub, trib_json_writer *w, trib_error *err);
void consumers_handle_put(trib_http_request *http);
void consumers_handle_get(trib_http_request *http);
void consumers_handle_list(trib_http_request *http);
void consumers_handle_delete(trib_http_request *http);

/* ---- schema.c ---- */

/* Makes the tables, and lets go of what webhooks of an earlier process had in hand. Thread: the one that starts. */
trib_code consumers_prepare(trib_app *app, const trib_tenant *streams, trib_error *err);

/* ---- claim.c, settle.c: the engine, inside a transaction ---- */

typedef struct consumers_event {
    int64_t pos, generation, tries;
    int64_t seq, at_ms;
    trib_value values[TRIB_STREAM_COLUMNS]; /* bytes in txn->arena */
} consumers_event;

typedef struct consumers_batch {
    consumers_event *events; /* in txn->arena */
    size_t count, max, bytes;
    bool is_stalled; /* too many are parked */
} consumers_batch;

/* A row of _trib_flight. */
typedef struct consumers_row {
    trib_str stream_id;
    int64_t pos, after, generation, due_ms, tries;
    bool replay; /* of a parked event: `after` is where the stream goes on, not pos */
} consumers_row;

/* Hands out up to `max` events that nobody has. sub was loaded in this transaction.
 * Errors: AGAIN (after setting txn->writes). */
trib_code consumers_claim(trib_stream_txn *txn, consumers_sub *sub, size_t max, consumers_batch *ret, trib_error *err);
/* The stream's row goes on to its next event, or goes. */
trib_code consumers_release(trib_stream_txn *txn, const consumers_sub *sub, const consumers_row *row, trib_error *err);
/* Given up: into _trib_parked, and the row is released. Counts in sub->parked. */
trib_code consumers_park(trib_stream_txn *txn, consumers_sub *sub, const consumers_row *row, trib_str reason,
                         trib_error *err);
/* Statements that ask for one row of _trib_flight select these, in this order. */
#define CONSUMERS_ROW_COLUMNS "streamId, pos, after, generation, due_ms, tries, replay"
void consumers_row_take(trib_arena *arena, const trib_stmt *stmt, consumers_row *ret);

typedef enum consumers_verdict { CONSUMERS_ACK, CONSUMERS_RETRY, CONSUMERS_PARK, CONSUMERS_SKIP } consumers_verdict;

typedef struct consumers_settlement {
    int64_t pos, generation; /* the lease */
    consumers_verdict verdict;
    int64_t delay_ms;
    trib_str reason;
    bool keeps;  /* RETRY: as often as it takes */
    bool undone; /* RETRY: it was not tried */
} consumers_settlement;
/* Ends a lease. *ret_held false: it had ended already, nothing was done. Changes sub->parked. */
trib_code consumers_settle(trib_stream_txn *txn, consumers_sub *sub, const consumers_settlement *s, bool *ret_held,
                           trib_error *err);
void consumers_handle_claim(trib_http_request *http);
void consumers_handle_ack(trib_http_request *http);
void consumers_handle_nack(trib_http_request *http);
void consumers_handle_parked(trib_http_request *http);
void consumers_handle_replay(trib_http_request *http);

/* {"pos","seq","atMs","event"} without the braces. */
void consumers_event_write(const consumers_event *event, trib_json_writer *w);

/* ---- ask.c: a request is a job with one transaction ---- */

typedef struct consumers_ask consumers_ask;
struct consumers_ask {
    trib_db_job job; /* first */
    trib_http_request *http;
    consumers_module *module;
    trib_str name;       /* of the subscription */
    trib_stream_txn txn; /* with who asks */
    bool may_write;
    trib_code (*body)(consumers_ask *ask, trib_error *err);
    void (*after)(consumers_ask *ask); /* on the loop, when it is durable; may be NULL */
    void *own;
    trib_arena arena;
    trib_buf out;
    int status;
    /* of a claim that waits: wait.c */
    bool empty; /* set by body: there was nothing; run again when there may be */
    int64_t until_ns, look_ns, seen;
    trib_waiter waiter;
};
/* NULL: it has been answered. */
consumers_ask *consumers_ask_new(trib_http_request *http, bool writes, trib_error *err);
/* Answers in the end, whatever happens. Thread: the request's loop. */
void consumers_ask_submit(consumers_ask *ask);
/* Answers with the error; the ask is gone. */
void consumers_ask_refuse(consumers_ask *ask, const trib_error *err);
/* Answers with what body has written; the ask is gone. */
void consumers_ask_answer(consumers_ask *ask);
/* The body as an object whose members are all in `known` (NULL at the end). *ret NULL: an empty body.
 * Errors: BAD_JSON, BAD_REQUEST. */
trib_code consumers_ask_json(const consumers_ask *ask, const char *const *known, const trib_json **ret,
                             trib_error *err);
/* *ret stays as it is where the member is absent. Errors: BAD_REQUEST. */
trib_code consumers_ask_number(const trib_json *object, const char *member, int64_t least, int64_t most, int64_t *ret,
                               trib_error *err);

/* ---- wait.c ---- */

/* On the loop: rests until there may be something, or its time is over. False: it cannot, answer now. */
bool consumers_wait(consumers_ask *ask);
/* A commit of `streams` is durable. Thread: a sync thread. */
void consumers_heard(void *module);
/* The module's ticker. */
void consumers_tick(void *module);

/* ---- hook.c: webhooks ---- */

trib_code consumers_hooks_new(consumers_module *module, trib_error *err);
/* Nothing is sent any more (trib_senders_stop). */
void consumers_hooks_free(consumers_hooks *hooks);
/* A webhook is there, or is other than it was. Thread: any. */
trib_code consumers_hooks_add(consumers_hooks *hooks, int64_t id, trib_str owner, trib_str owner_name, trib_error *err);
void consumers_hooks_remove(consumers_hooks *hooks, int64_t id);
/* It has something to do that is not behind the log's head. Thread: any. */
void consumers_hooks_wake(consumers_hooks *hooks, int64_t id);
void consumers_hooks_tick(consumers_hooks *hooks);
bool consumers_hooks_is_empty(consumers_hooks *hooks);

/* ---- hook_send.c ---- */

/* One delivery: a request in the format of Standard Webhooks. Pure but for the call. *ret_status 0: none came. */
typedef struct consumers_message {
    trib_str id, body, url, secret;
    uint32_t timeout_ms;
} consumers_message;
trib_code consumers_hook_send(trib_app *app, void *session, const consumers_message *message, const _Atomic bool *stop,
                              int *ret_status, trib_error *err);
/* "v1,BASE64" of id.timestamp.body. Errors: NOMEM. */
trib_code consumers_hook_sign(trib_str secret, trib_str id, int64_t timestamp_s, trib_str body, trib_buf *out,
                              trib_error *err);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Private to sub_*.c: subscriptions of the protocol (its sections 6 and 7). A subscription wakes somebody when streams
 * that it is linked to have something that was not acknowledged.
 *
 *            an append to a linked stream: link.pending
 *   IDLE ------------------------------------------------> WAKE (generation + 1, a new wake_id)
 *     ^                                                     | next_ms: sent, or written to the wake stream, then
 *     |  acknowledged with done, released, lease over       v
 *     └------------------------------------------------- LEASED until until_ms (a webhook), or ANNOUNCED and then
 *                                                        LEASED with a holder (pull-wake: claim)
 *
 * All of it stands in the tenant's database, and what changes it is a transaction there: an append only sets `pending`,
 * together with its bytes. A round (sub_round.c) is a transaction that looks at all subscriptions of a tenant, begins
 * wakes, ends leases, and takes what is to be sent; sub_rounds.c knows which tenants are due. */
#ifndef TRIB_FEATURES_DURABLE_SUB_INT_H
#define TRIB_FEATURES_DURABLE_SUB_INT_H

#include "core/senders.h"
#include "features/durable/durable_int.h"
#include "wire/json.h"

enum {
    DURABLE_SUB_BODY_MAX_BYTES = 64 * 1024, /* is read before it is known who sends it */
    DURABLE_SUB_ARENA_MAX_BYTES = 4 << 20,  /* to read it */
    DURABLE_SUB_NAME_MAX_BYTES = 200,
    DURABLE_SUB_URL_MAX_BYTES = 1000,
    DURABLE_SUB_TEXT_MAX_BYTES = 1000,   /* of a description, of a worker's name */
    DURABLE_SUBS_PER_TENANT_MAX = 64,    /* each append looks at their patterns */
    DURABLE_SUB_STREAMS_MAX = 100,       /* named in one request */
    DURABLE_SUB_EXPLICIT_MAX = 10000,    /* streams linked by name: rows that no stream pays for */
    DURABLE_SUB_BACKFILL_MAX = 10000,    /* streams looked at when it is made: the transaction holds the turn */
    DURABLE_SUB_SHOWN_MAX = 1000,        /* streams in one message, one answer; those with something pending first */
    DURABLE_SUB_OUT_MAX_BYTES = 4 << 20, /* of them */
    DURABLE_SUB_ACKS_MAX = 1000,
    DURABLE_LEASE_MIN_MS = 1000,
    DURABLE_LEASE_DEFAULT_MS = 30 * 1000,
    DURABLE_LEASE_MAX_MS = 10 * 60 * 1000,
    DURABLE_SEND_TIMEOUT_MS = 10 * 1000, /* of one webhook */
    DURABLE_SEND_ANSWER_MAX_BYTES = 4096,
    DURABLE_RETRY_MAX_MS = 60 * 1000, /* between two tries */
    DURABLE_RETRY_CHANCE = 20,        /* percent of it */
    DURABLE_REST_MS =
        1000, /* after a wake that ended without progress: who always gives up is not asked without a pause */
    DURABLE_ROUND_SENDS_MAX = 16,        /* webhooks of one tenant that one round takes */
    DURABLE_ROUNDS_MAX = 16,             /* under way at once: they are in the queues of all work */
    DURABLE_ROUND_RETRY_MS = 1000,       /* after a failure of the database */
    DURABLE_ROUND_ABSENT_MS = 60 * 1000, /* a tenant that is blocked is looked at as often */
    DURABLE_ROUND_LOOK_MS = 100,         /* all that wait for a time are looked at as often */
    DURABLE_WAKE_ID_BYTES = 35           /* "w_" and 32 digits, with a NUL */
};

typedef struct durable_ack {
    trib_str path;
    uint64_t position;
} durable_ack;

/* What a request about a subscription says; in its arena. */
typedef struct durable_call {
    trib_str name;
    trib_str stream; /* DELETE .../streams/PATH */
    /* PUT; POST .../streams has `streams` */
    bool is_hook;
    trib_str pattern, url, wake_stream, description; /* ptr NULL: none */
    trib_str *streams;
    size_t stream_count;
    int64_t lease_ms;
    char config[2 * 32 + 1]; /* a hash of all that */
    trib_str worker;         /* claim */
    /* callback, ack, release */
    int64_t token_generation, generation;
    trib_str wake;
    durable_ack *acks;
    size_t ack_count;
    bool done;
    /* for the answer of a claim that comes second */
    char holder[DURABLE_SUB_TEXT_MAX_BYTES + 1];
    int64_t held_generation;
} durable_call;

/* A row of _trib_ds_sub; texts are in the transaction's arena. Times: -1 none. */
typedef struct durable_sub {
    int64_t id;
    trib_str name, pattern, url, wake_stream, description, config; /* ptr NULL: none. url NULL: pull-wake */
    int64_t lease_ms, created_ms;
    /* the state */
    int64_t generation;
    trib_str wake, holder;     /* ptr NULL: none */
    int64_t next_ms, until_ms; /* to be sent or announced at; the lease ends at */
    int64_t failures;          /* in a row */
    trib_str last_error;
    bool changed;
} durable_sub;

/* What became of one webhook. */
typedef struct durable_sent {
    int64_t sub;
    char wake[DURABLE_WAKE_ID_BYTES];
    int64_t until_ms; /* of the lease that began with it */
    bool is_over;     /* sub_rounds.c, under its lock */
    bool is_unsent;   /* the server ends */
    bool ok, done;    /* 2xx; and the receiver says that it has done it */
    char why[160];
} durable_sent;

typedef struct durable_delivery {
    trib_send_task task; /* first */
    trib_list link;      /* in its home's list; under lock */
    struct durable_home *home;
    durable_sent sent;
    trib_app *app;
    char owner[TRIB_DB_ID_BYTES + 1];
    trib_buf url, body;
} durable_delivery;

/* An append that the server has made itself, to a wake stream. */
typedef struct durable_announcement {
    trib_list link;
    trib_str path; /* in the round's arena */
    uint64_t from, to;
    bool json, text;
    trib_buf raw;
} durable_announcement;

/* A round's transaction. */
typedef struct durable_round {
    durable_ask *ask;
    const char *tenant_name;
    bool may_send;
    const durable_sent *const *settled; /* what became of deliveries */
    size_t settled_count;
    const int64_t *busy; /* subscriptions that are being sent for */
    size_t busy_count;
    /* results */
    durable_delivery *deliveries[DURABLE_ROUND_SENDS_MAX]; /* to be sent when it is durable */
    size_t delivery_count;
    trib_list announcements;
    int64_t due_ms; /* when the next one is needed, by the wall clock; INT64_MAX: not by itself */
    uint64_t ok, failed, expired;
} durable_round;

/* ---- sub_head.c: what a request says; on the loop. Errors: BAD_REQUEST, BAD_JSON, WEBHOOK_URL_REJECTED, NOMEM.
 *  ---- */
trib_code durable_call_put(trib_http_request *http, durable_call *ret, trib_error *err);
trib_code durable_call_streams(trib_http_request *http, durable_call *ret, trib_error *err);
trib_code durable_call_claim(trib_http_request *http, durable_call *ret, trib_error *err);
/* callback, ack, release. Errors also: TOKEN_INVALID, the same whether there is such a tenant or subscription or
 * not. */
trib_code durable_call_wake(trib_http_request *http, durable_call *ret, trib_error *err);
/* Only the subscription's name, and a stream where the path has one. */
trib_code durable_call_name(trib_http_request *http, durable_call *ret, trib_error *err);
/* Errors: WEBHOOK_URL_REJECTED. `local`: http:// to this machine is allowed. Pure. */
trib_code durable_check_url(trib_str url, bool local, trib_error *err);

/* ---- sub_rows.c: in a transaction ---- */
/* Errors: SUBSCRIPTION_NOT_FOUND. */
trib_code durable_sub_load(durable_ask *ask, trib_str name, durable_sub *ret, trib_error *err);
/* All of the tenant, in the arena. */
trib_code durable_sub_load_all(durable_ask *ask, durable_sub **ret, size_t *ret_count, trib_error *err);
trib_code durable_sub_insert(durable_ask *ask, const durable_call *call, durable_sub *ret, trib_error *err);
/* The state, if it has changed. */
trib_code durable_sub_save(durable_ask *ask, durable_sub *sub, trib_error *err);
trib_code durable_sub_delete(durable_ask *ask, const durable_sub *sub, trib_error *err);
/* By name, at the end of the stream as it is now. One that is there already stays where it is. */
trib_code durable_link_add(durable_ask *ask, const durable_sub *sub, trib_str path, bool is_explicit, trib_error *err);
trib_code durable_link_remove(durable_ask *ask, const durable_sub *sub, trib_str path, trib_error *err);
/* What matches the pattern of `sub` now. */
trib_code durable_link_backfill(durable_ask *ask, const durable_sub *sub, trib_error *err);
/* Whether any linked stream has something that is not acknowledged. */
trib_code durable_link_pending(durable_ask *ask, const durable_sub *sub, trib_str *ret_path, trib_error *err);
/* "streams":[...] of a message (whole) or of GET; those with something pending first. `tell`: what is said is noted,
 * for durable_link_ack_told. */
trib_code durable_link_write(durable_ask *ask, const durable_sub *sub, bool whole, bool tell, trib_json_writer *w,
                             trib_error *err);
/* Errors: INVALID_OFFSET; then nothing may be committed. */
trib_code durable_link_ack(durable_ask *ask, const durable_sub *sub, const durable_ack *ack, trib_error *err);
trib_code durable_link_ack_told(durable_ask *ask, const durable_sub *sub, trib_error *err);

/* ---- sub_wake.c: the state, in a transaction ---- */
trib_code durable_wake_begin(durable_ask *ask, durable_sub *sub, trib_error *err);
void durable_wake_end(durable_sub *sub);
/* The same, and the next one begins a little later: nothing was acknowledged. */
void durable_wake_give_up(const durable_ask *ask, durable_sub *sub);
/* The bodies of the calls. */
trib_code durable_sub_put(durable_ask *ask, trib_error *err);
trib_code durable_sub_get(durable_ask *ask, trib_error *err);
trib_code durable_sub_list(durable_ask *ask, trib_error *err);
trib_code durable_sub_remove(durable_ask *ask, trib_error *err);
trib_code durable_sub_link(durable_ask *ask, trib_error *err);
trib_code durable_sub_unlink(durable_ask *ask, trib_error *err);
trib_code durable_sub_claim(durable_ask *ask, trib_error *err);
trib_code durable_sub_callback(durable_ask *ask, trib_error *err);
trib_code durable_sub_ack(durable_ask *ask, trib_error *err);
trib_code durable_sub_release(durable_ask *ask, trib_error *err);
/* On the database `streams`: this tenant has subscriptions from now on. */
trib_code durable_sub_register(durable_ask *ask, trib_error *err);

/* ---- sub_round.c ---- */
trib_code durable_round_run(durable_round *round, trib_error *err);
void durable_delivery_free(durable_delivery *delivery);
void durable_round_deinit(durable_round *round);

/* ---- sub_send.c ---- */
/* Sends one webhook; fills delivery->sent but for is_over. Thread: one that may block. */
void durable_delivery_send(durable_delivery *delivery, void *session, const _Atomic bool *stop);
/* ".../v1/stream/__ds/" and `rest`, as the server's clients reach it. */
void durable_sub_url(const trib_app *app, const char *tenant_name, trib_buf *out);

/* ---- sub_answer.c ---- */
/* {"error":{"code","message"},"request_id"}: the protocol's own form. */
void durable_call_error_body(trib_buf *out, const trib_error *err, const durable_call *call, trib_str request_id);
void durable_handle_jwks(trib_http_request *http);
void durable_handle_sub_put(trib_http_request *http);
void durable_handle_sub_get(trib_http_request *http);
void durable_handle_sub_list(trib_http_request *http);
void durable_handle_sub_delete(trib_http_request *http);
void durable_handle_sub_link(trib_http_request *http);
void durable_handle_sub_unlink(trib_http_request *http);
void durable_handle_sub_claim(trib_http_request *http);
void durable_handle_sub_callback(trib_http_request *http);
void durable_handle_sub_ack(trib_http_request *http);
void durable_handle_sub_release(trib_http_request *http);

#endif

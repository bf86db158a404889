/* SPDX-License-Identifier: Apache-2.0 */
/* Private to features/streams.
 *
 *   routes.c   request -> streams_ask      ask.c: a job on the database `streams`, one transaction, one answer
 *                 body ->  read.c, list.c, append.c
 *                           load.c: a stream, its state and its members */
#ifndef TRIB_FEATURES_STREAMS_STREAMS_INT_H
#define TRIB_FEATURES_STREAMS_STREAMS_INT_H

#include "core/app.h"
#include "core/db_job.h"
#include "crypto/hash.h"
#include "deal/chain.h"
#include "deal/registry.h"
#include "deal/state.h"
#include "features/streams/streams.h"
#include "wire/url.h"

enum {
    STREAMS_FORMAT = 1,                  /* of the database, schema.c */
    STREAMS_COLUMNS = 8,                 /* of `events` */
    STREAMS_ID_MAX_BYTES = 200,          /* of a stream: it becomes the name of an archive's object */
    STREAMS_EVENTS_MAX = 100,            /* of one append: it holds the turn of the database that all deals share */
    STREAMS_BODY_MAX_BYTES = 1 << 20,    /* of one append */
    STREAMS_KEY_MAX_BYTES = 200,         /* of an Idempotency-Key, which is kept */
    STREAMS_PAGE_MAX = 1000,             /* events or streams of one answer with `limit` */
    STREAMS_PAGE_DEFAULT = 100,          /* of a list of streams */
    STREAMS_ANSWER_MAX_BYTES = 64 << 20, /* a whole stream; a longer one is read in pages */
    STREAMS_ARENA_MAX_BYTES = 96 << 20,  /* of one request: the events of a stream while they are folded */
    STREAMS_FOLDS_MAX = 256              /* streams that one list brings up to date before it shows what it has */
};

/* One for the process. */
typedef struct streams_module {
    trib_app *app;
    const trib_deal_registry *registry;
    trib_deal_registry built_in; /* where the server gives none */
    trib_tenant *tenant;         /* the system database; the registry's */
} streams_module;

typedef struct streams_ask streams_ask;
struct streams_ask {
    trib_db_job job; /* first */
    trib_http_request *http;
    streams_module *module;
    trib_str stream_id, tenant_id, tenant_name; /* who asks; the id is empty for who may see everything */
    bool may_write;
    bool writes; /* the transaction needs the turn */
    bool begun;
    uint64_t after, limit; /* limit 0: all */
    /* In the transaction, on a worker. AGAIN after setting `writes`: once more in a transaction that may write. */
    trib_code (*body)(streams_ask *ask, trib_handle *handle, trib_error *err);
    void *own;        /* the body's */
    trib_arena arena; /* of the transaction: empty when body begins */
    trib_buf out;
    int status;
    char headers[400];
};

/* A stream as it is now, in the ask's arena. */
typedef struct streams_event {
    trib_value values[STREAMS_COLUMNS];
    uint64_t seq;
    int64_t at_ms;
    uint8_t link[TRIB_DEAL_LINK_BYTES];
} streams_event;
typedef struct streams_loaded {
    bool exists; /* has events, or had some */
    uint64_t version, folded, base_version;
    uint8_t head[TRIB_DEAL_LINK_BYTES], base_head[TRIB_DEAL_LINK_BYTES];
    bool is_closed, is_deleted;
    streams_event *events;
    size_t count;
    const trib_deal_type *type; /* NULL: no type opens with its first event */
    trib_deal_state state;      /* valid with a type */
} streams_loaded;

/* schema.c: makes the tables, or takes over those of an application. Errors: CONFIG (of a newer version, or of another
 * shape), and as trib_db_start. Thread: the one that starts the server. */
trib_code streams_prepare(trib_app *app, const trib_tenant *tenant, trib_error *err);

/* ask.c. NULL: it has been answered. */
streams_ask *streams_ask_new(trib_http_request *http, trib_error *err);
/* Answers in the end, whatever happens. Thread: the request's loop. */
void streams_ask_submit(streams_ask *ask);
/* Answers with the error; the ask is gone. */
void streams_ask_refuse(streams_ask *ask, const trib_error *err);
/* X-Stream-Version and its kin. */
void streams_ask_describe(streams_ask *ask, const streams_loaded *s);
/* ?limit= into the ask, which stays as it is without it. Errors: BAD_REQUEST. */
trib_code streams_ask_limit(streams_ask *ask, const trib_query *query, trib_error *err);
/* ?after=&limit= into the ask. Errors: BAD_REQUEST, NOMEM. */
trib_code streams_ask_page(streams_ask *ask, trib_error *err);

/* load.c, in the transaction */

/* The stream with all its events and its state; brings members and status up to date, for which it may ask for a
 * transaction that may write (AGAIN). Errors: STREAM_NOT_FOUND for who is no member, as for a stream that is not there;
 * a stream that is not there is no error for who sees everything. */
trib_code streams_load(streams_ask *ask, trib_handle *handle, streams_loaded *ret, trib_error *err);
/* Its two halves: any stream, without a look at who asks; and for ask->stream_id, the members brought up to date and
 * who asks among them. */
trib_code streams_load_any(streams_ask *ask, trib_handle *handle, trib_str id, streams_loaded *ret, trib_error *err);
trib_code streams_admit(streams_ask *ask, trib_handle *handle, const streams_loaded *s, trib_error *err);
/* Writes type, status and members as of the state. */
trib_code streams_store_fold(streams_ask *ask, trib_handle *handle, trib_str id, const streams_loaded *s,
                             trib_error *err);
trib_code streams_not_found(trib_str id, trib_error *err);
void streams_deal_event(streams_ask *ask, const trib_value values[STREAMS_COLUMNS], trib_deal_event *ret);
trib_arg streams_text(trib_str text);
trib_arg streams_integer(int64_t integer);

/* read.c. Errors: FORBIDDEN. */
trib_code streams_check_write(const streams_ask *ask, trib_error *err);

/* read.c, list.c, append.c: handlers of routes.c */
void streams_write_event(trib_json_writer *w, const trib_value values[STREAMS_COLUMNS]);
void streams_handle_events(trib_http_request *http);
void streams_handle_state(trib_http_request *http);
void streams_handle_verify(trib_http_request *http);
void streams_handle_close(trib_http_request *http);
void streams_handle_list(trib_http_request *http);
void streams_handle_append(trib_http_request *http);

#endif

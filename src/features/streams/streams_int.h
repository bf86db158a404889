/* SPDX-License-Identifier: Apache-2.0 */
/* Private to features/streams.
 *
 *   routes.c   request -> streams_ask      ask.c: a job on the database `streams`, one transaction, one answer
 *                 body ->  read.c, list.c, append.c, with core/stream.h */
#ifndef TRIB_FEATURES_STREAMS_STREAMS_INT_H
#define TRIB_FEATURES_STREAMS_STREAMS_INT_H

#include "core/app.h"
#include "core/archive.h"
#include "core/db_job.h"
#include "core/stream_continue.h"
#include "features/streams/streams.h"
#include "wire/url.h"

enum {
    STREAMS_FORMAT = 2,                  /* of the database, schema.c */
    STREAMS_BODY_MAX_BYTES = 1 << 20,    /* of one append */
    STREAMS_PAGE_MAX = 1000,             /* events or streams of one answer with `limit` */
    STREAMS_PAGE_DEFAULT = 100,          /* of a list of streams */
    STREAMS_ANSWER_MAX_BYTES = 64 << 20, /* a whole stream; a longer one is read in pages */
    STREAMS_FOLDS_MAX = 256              /* streams that one list brings up to date before it shows what it has */
};

/* One for the process. */
typedef struct streams_module {
    trib_app *app;
    trib_tenant *tenant;     /* the system database; the registry's */
    struct streams_hub *hub; /* who follows streams: tails_int.h */
    struct streams_counts *counts;
} streams_module;

typedef struct streams_ask streams_ask;
/* What is answered from a stream, wherever its events come from; neither handle nor turn are there. */
typedef trib_code streams_show(streams_ask *ask, const trib_stream *s, trib_error *err);
struct streams_ask {
    trib_db_job job; /* first */
    trib_http_request *http;
    streams_module *module;
    trib_str stream_id;
    trib_stream_txn txn; /* with who asks */
    bool may_write;
    uint64_t after, limit; /* limit 0: all */
    /* In the transaction, on a worker. AGAIN after setting txn.writes: once more in a transaction that may write. */
    trib_code (*body)(streams_ask *ask, trib_error *err);
    void *own; /* the body's */
    /* Of a stream that is archived (archived.c): set by the body; what shows it then runs behind the transaction */
    bool is_archived;
    streams_show *show;
    trib_archive_row row;
    trib_archive_task fetch;
    trib_arena arena; /* of the transaction: empty when body begins */
    trib_buf out;
    int status;
    char headers[400];
    trib_buf links; /* headers that name the stream's neighbours, as of the transaction */
    trib_stream_links neighbours;
};

/* schema.c: makes the tables, or takes over those of an application. Errors: CONFIG (of a newer version, or of another
 * shape), and as trib_db_start. Thread: the one that starts the server. */
trib_code streams_prepare(trib_app *app, const trib_tenant *tenant, trib_error *err);

/* ask.c. NULL: it has been answered. */
streams_ask *streams_ask_new(trib_http_request *http, trib_error *err);
/* Answers in the end, whatever happens. Thread: the request's loop. */
void streams_ask_submit(streams_ask *ask);
/* Answers with the error; the ask is gone. */
void streams_ask_refuse(streams_ask *ask, const trib_error *err);
/* X-Stream-Version and its kin. next: the last event of the answer, or what was before it. */
void streams_ask_describe(streams_ask *ask, const trib_stream *s, uint64_t next);
/* A header that names a stream; `name` with colon and space. Nothing of it where the id is empty. */
void streams_add_link(trib_buf *headers, const char *name, trib_str id);
/* Has what continues the stream and what it continues in all answers to come. Borrows their ids. */
void streams_ask_link(streams_ask *ask, const trib_stream_links *links);
/* The same of a stream, in this transaction. Errors: the store's. */
trib_code streams_ask_find_links(streams_ask *ask, trib_str id, trib_error *err);
/* ?limit= into the ask, which stays as it is without it. Errors: BAD_REQUEST. */
trib_code streams_ask_limit(streams_ask *ask, const trib_query *query, trib_error *err);
/* ?after=&limit= into the ask. Errors: BAD_REQUEST, NOMEM. */
trib_code streams_ask_page(streams_ask *ask, trib_error *err);

/* archived.c: shows an archived stream, loaded in this transaction, from its object. show NULL: the object's bytes are
 * the answer. Errors: INTERNAL, NOMEM. */
trib_code streams_ask_archived(streams_ask *ask, trib_stream *s, streams_show *show, trib_error *err);
/* archived.c: behind the transaction, on the loop; answers in the end. */
void streams_ask_fetch(streams_ask *ask);
/* ask.c: the ask's answer; the ask is gone. */
void streams_ask_answer(streams_ask *ask);

/* read.c. Errors: FORBIDDEN. */
trib_code streams_check_write(const streams_ask *ask, trib_error *err);
/* A request without a body that writes: `body` in a transaction that may, if who asks may. Thread: the request's
 * loop. */
void streams_ask_write(trib_http_request *http, trib_code (*body)(streams_ask *ask, trib_error *err));

/* read.c, list.c, append.c: handlers of routes.c */
void streams_handle_events(trib_http_request *http);
void streams_handle_state(trib_http_request *http);
void streams_handle_verify(trib_http_request *http);
void streams_handle_close(trib_http_request *http);
void streams_handle_list(trib_http_request *http);
void streams_handle_append(trib_http_request *http);
void streams_handle_continue(trib_http_request *http); /* continue.c */

#endif

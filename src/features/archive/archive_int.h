/* SPDX-License-Identifier: Apache-2.0 */
/* Private to features/archive.
 *
 *   routes.c   request -> archive_ask      ask.c: run on a reader of the archive, which may block
 *                 run ->  stream.c (one stream), all.c (many, and whether their objects are whole) */
#ifndef TRIB_FEATURES_ARCHIVE_ARCHIVE_INT_H
#define TRIB_FEATURES_ARCHIVE_ARCHIVE_INT_H

#include "core/archive.h"
#include "features/archive/archive.h"
#include "wire/url.h"

enum {
    ARCHIVE_BODY_MAX_BYTES = 4096,
    ARCHIVE_ANSWER_MAX_BYTES = 4 << 20,
    ARCHIVE_ASK_MAX = 1000,          /* streams that one request marks: it holds the turn of the database */
    ARCHIVE_VERIFY_MAX = 100,        /* objects that one request reads */
    ARCHIVE_VERIFY_BYTES = 64 << 20, /* after so many it answers, and the next request goes on */
    ARCHIVE_SHOWN_MAX = 100          /* problems, or stopped streams, in one answer */
};

/* One for the process. */
typedef struct archive_module {
    trib_app *app;
    trib_tenant *streams; /* the system database; the registry's */
    trib_archive *archive;
} archive_module;

typedef struct archive_ask archive_ask;
struct archive_ask {
    trib_archive_task task; /* first */
    trib_http_request *http;
    archive_module *module;
    trib_str stream_id, after;
    uint64_t limit;
    trib_stream_txn who;
    bool may_write;
    trib_code (*run)(archive_ask *ask, trib_error *err); /* on a reader */
    trib_arena arena;                                    /* run's */
    trib_buf out;
    trib_json_writer w;
    int status;
};

/* ask.c. Of who asks as a tenant, or as an operator (listener of the admin API). Answers in the end. */
void archive_start(trib_http_request *http, bool writes, trib_code (*run)(archive_ask *ask, trib_error *err));

/* stream.c, all.c: handlers of routes.c */
void archive_handle_ask(trib_http_request *http);
void archive_handle_show(trib_http_request *http);
void archive_handle_restore(trib_http_request *http);
void archive_handle_ask_all(trib_http_request *http);
void archive_handle_status(trib_http_request *http);
void archive_handle_verify(trib_http_request *http);
void archive_handle_unknown(trib_http_request *http);
void archive_member_hex(trib_json_writer *w, const char *key, const uint8_t bytes[TRIB_SHA256_BYTES]);

#endif

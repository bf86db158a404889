/* SPDX-License-Identifier: Apache-2.0 */
/* Private to features/discovery.
 *
 *   routes.c   request -> discovery_ask    ask.c: a job on the database `discovery`, one read transaction, one answer
 *                 body ->  search.c, nearest.c */
#ifndef TRIB_FEATURES_DISCOVERY_DISCOVERY_INT_H
#define TRIB_FEATURES_DISCOVERY_DISCOVERY_INT_H

#include "core/app.h"
#include "core/db_job.h"
#include "features/discovery/discovery.h"
#include "wire/json.h"
#include "wire/url.h"

enum {
    DISCOVERY_FORMAT = 1,         /* of the database, schema.c */
    DISCOVERY_LIMIT_DEFAULT = 20, /* rows of an answer */
    DISCOVERY_LIMIT_MAX = 100,    /* and at most; each comes with its payload and points */
    DISCOVERY_WORDS_MAX = 16,     /* of a question: each is a walk through the index */
    DISCOVERY_QUESTION_MAX_BYTES = 1000,
    DISCOVERY_MATCHES_MAX = 1000, /* the best by rank, which are counted, measured and sorted: a word that is in
                                      * everything must not be looked up everywhere */
    DISCOVERY_POINTS_MAX = 10,    /* of one node in an answer */
    DISCOVERY_ANSWER_MAX_BYTES = 16 << 20
};

/* One for the process. */
typedef struct discovery_carrier discovery_carrier;
typedef struct discovery_module {
    trib_app *app;
    trib_tenant *tenant; /* the system database; the registry's */
    discovery_carrier *carrier;
} discovery_module;

typedef struct discovery_ask discovery_ask;
struct discovery_ask {
    trib_db_job job; /* first */
    trib_http_request *http;
    discovery_module *module;
    trib_query query;
    /* In the transaction, on a worker. */
    trib_code (*body)(discovery_ask *ask, trib_handle *handle, trib_error *err);
    trib_str question, type; /* ptr NULL: not asked */
    bool has_near, facets;
    double lat, lng, max_m; /* max_m < 0: any */
    int64_t limit;
    trib_buf out;
};

/* schema.c: makes the tables, or takes over those of an application. Errors: CONFIG (of a newer version, or of another
 * shape), and as trib_db_start. Thread: the one that starts the server. */
trib_code discovery_prepare(trib_app *app, const trib_tenant *tenant, trib_error *err);

/* ask.c: answers in the end, whatever happens. `read` takes the parameters of the query. Thread: the request's loop. */
void discovery_ask_run(trib_http_request *http, trib_code (*read)(discovery_ask *, trib_error *),
                       trib_code (*body)(discovery_ask *, trib_handle *, trib_error *));
/* near=lat,lng, max_m, type, limit into the ask. Errors: BAD_REQUEST. */
trib_code discovery_ask_read(discovery_ask *ask, int64_t limit_max, trib_error *err);

/* search.c */
void discovery_write_value(trib_json_writer *w, const char *key, trib_value value);
/* NULL where it is not there. */
trib_arg discovery_number(bool is_there, double number);
/* search.c, nearest.c: handlers of routes.c */
void discovery_handle_search(trib_http_request *http);
void discovery_handle_nearest(trib_http_request *http);
/* search.c. The expression of FTS5 for what somebody typed: all words must be there, the last may go on. false: it has
 * no words. */
bool discovery_match(trib_buf *out, trib_str question, trib_str type);

#endif

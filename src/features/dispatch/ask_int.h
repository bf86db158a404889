/* SPDX-License-Identifier: Apache-2.0 */
/* Between ask.c (a request is a command) and the handlers that say what it does. */
#ifndef TRIB_FEATURES_DISPATCH_ASK_INT_H
#define TRIB_FEATURES_DISPATCH_ASK_INT_H

#include "features/dispatch/dispatch_int.h"

typedef struct dispatch_ask dispatch_ask;
struct dispatch_ask {
    trib_command command; /* first; plan and work are the handler's */
    trib_http_request *http;
    dispatch_module *module;
    const trib_json *body; /* an object */
    trib_str key;          /* Idempotency-Key; empty: none */
    uint8_t request[TRIB_SHA256_BYTES];
    /* of POST /api/dispatch */
    trib_str deal_id, role;
    dispatch_row row;
    const trib_json *details;
    bool has_seller;
    /* of an answer to an offer */
    int64_t no, generation;
    bool accepts;
    void (*after)(dispatch_ask *ask); /* the command has ended, and the request has not been answered; may be NULL */
    /* of the last run of work */
    trib_str response;
    int status;
    trib_error late; /* what work has changed stays, and the answer is this error. code OK: none */
    int64_t waited_ms;
    trib_str taken_back[DISPATCH_JOBS_MAX]; /* ids of those who were offered what is no longer looked for */
    size_t taken_back_count;
};

/* NULL: it was answered. Errors: as trib_may; BAD_REQUEST, BAD_JSON. Thread: the request's loop. */
dispatch_ask *dispatch_ask_new(trib_http_request *http, trib_error *err);
void dispatch_ask_refuse(dispatch_ask *ask, const trib_error *why);
void dispatch_ask_submit(dispatch_ask *ask);
/* The answer, in the command's arena. Owns: takes the buffer. Errors: NOMEM. */
trib_code dispatch_ask_respond(dispatch_ask *ask, trib_arena *arena, trib_buf *buf, trib_error *err);

#endif

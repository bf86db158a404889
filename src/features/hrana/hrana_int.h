/* SPDX-License-Identifier: Apache-2.0 */
/* Private types of the Hrana face: the executor that runs messages (wire/hrana.h) inside a database job, and the codecs
 * that read them and write their answers. Protocol: docs/reference/libsql.md; field names are the protocol's. */
#ifndef TRIB_FEATURES_HRANA_INT_H
#define TRIB_FEATURES_HRANA_INT_H

#include "base/arena.h"
#include "base/value.h"
#include "core/db_job.h"
#include "core/http.h"
#include "core/session.h"
#include "core/slow.h"
#include "wire/gzip.h"
#include "wire/hrana.h"
#include "wire/json.h"
#include "wire/pb_proxy.h"
#include "wire/pb_write.h"

enum {
    TRIB_HRANA_BODY_MAX_BYTES = 16 << 20,
    TRIB_HRANA_LOOP_BODY_MAX_BYTES = 8 << 10, /* longer ones are decoded on a worker: stops bodies that block a loop */
    TRIB_HRANA_RESPONSE_MAX_BYTES = 10 << 20,
    TRIB_HRANA_ROW_MAX_BYTES = 5 << 20,
    TRIB_HRANA_RESULT_END_BYTES = 512, /* what follows a result's last row; kept free before each step */
    /* A cursor hands its rows over when so many bytes of them are written: what a reader that never reads makes us keep
     * is this, a row, and TRIB_HTTP_UNSENT_MAX_BYTES. */
    TRIB_HRANA_CHUNK_BYTES = 64 << 10
};

/* ---- decode_json.c: everything lives in the arena or borrows from `body` ----
 * Errors: BAD_JSON, PROTOCOL, NOMEM. */
trib_code hrana_decode_pipeline(trib_arena *arena, trib_str body, hrana_pipeline *ret, trib_error *err);
trib_code hrana_decode_cursor(trib_arena *arena, trib_str body, trib_str *ret_baton, hrana_batch *ret, trib_error *err);
/* HTTP v1, {"stmt":...} or {"batch":...}: `type` is EXECUTE or BATCH. There is no session, so no stored SQL. */
trib_code hrana_decode_v1(trib_arena *arena, trib_str body, hrana_request_type type, hrana_request *ret,
                          trib_error *err);
/* A message of a WebSocket. */
trib_code hrana_decode_client_msg(trib_arena *arena, trib_str text, hrana_client_msg *ret, trib_error *err);
const char *hrana_request_name(hrana_request_type type);

/* ---- decode_v0.c: the body of HTTP v0 as a batch without conditions; as above ----
 * Errors also: SQL_MANY_STATEMENTS; BAD_REQUEST for a list that would leave a transaction open, or uses RELEASE or
 * ROLLBACK TO. */
trib_code hrana_decode_v0(trib_arena *arena, trib_str body, hrana_batch *ret, trib_error *err);

/* ---- exec.c ---- */

typedef struct hrana_exec hrana_exec;
typedef struct hrana_codec hrana_codec;       /* codec.h */
typedef struct hrana_envelope hrana_envelope; /* codec.h */
typedef struct hrana_sink hrana_sink;         /* codec.h */

/* One request of the Hrana face on its way: over HTTP freed in `finished`. */
struct hrana_exec {
    trib_db_job job;         /* first */
    trib_http_request *http; /* NULL: it came over a WebSocket; only what is said to be for HTTP needs it */
    trib_arena *arena;       /* the request's */
    trib_str request_id;     /* for the log of slow statements */
    const hrana_codec *codec;
    const hrana_envelope *envelope;
    trib_buf out;     /* the answer's body, or what of it is not packed yet */
    bool gzip_wanted; /* the client takes it */
    trib_gzip *gzip;  /* the answer is compressed; NULL: not, or not yet */
    trib_buf packed;
    trib_json_writer w; /* the codec's, one of the two */
    trib_pb_writer pw;
    bool entries_nested; /* a cursor's entries stand inside of something */
    int32_t message_id;  /* WebSocket: request_id of the message, for the envelope */
    size_t max_response_bytes, max_row_bytes, max_batch_steps;
    trib_error blocked; /* code BLOCKED: why the tenant takes no writes; else OK */
    bool by_baton;      /* the session was there before */
    /* The HTTP status of a request that fails as a whole; NULL: the error table's. */
    int (*status_of)(trib_code code);

    const struct hrana_way *way;
    hrana_pipeline pipeline;
    hrana_batch *decoded; /* of the bodies that are one batch */
    trib_str baton;
    size_t index; /* request that runs */
    bool closed;  /* a close request was done */

    /* the batch that runs, if any */
    const hrana_batch *batch;
    size_t step;
    unsigned char *step_state; /* hrana_step_state per step */
    trib_error **step_errors;

    bool failed;        /* HTTP v0: a statement failed, the rest does not run */
    int64_t started_ns; /* HTTP v0: the statement that runs */

    trib_proxy_req proxy;     /* proxy.Proxy */
    trib_session_waiter wait; /* for its session */
    size_t frame_place;       /* where the message of its answer begins */

    trib_str script; /* what is left of a sequence */
    bool script_begun;

    trib_stmt *running;      /* a cursor's or dump's statement while its rows are handed over */
    bool begun;              /* it has written its columns */
    trib_slow slow;          /* of the statement at hand */
    struct hrana_dump *dump; /* how far a dump is */
    /* what the connection of an answer in chunks has; loop only */
    bool streaming; /* the head is sent */
    bool starved;   /* the next chunk waits for credit */
};

typedef enum hrana_step_state { HRANA_STEP_SKIPPED, HRANA_STEP_OK, HRANA_STEP_FAILED } hrana_step_state;

/* A place in the output to go back to. What was open there must still be open. */
typedef struct hrana_mark {
    size_t len;
    trib_json_writer w;
    unsigned depth; /* of pw: where open messages began does not change while they are open */
} hrana_mark;

static inline hrana_mark hrana_mark_take(const hrana_exec *x) {
    return (hrana_mark){x->out.len, x->w, x->pw.depth};
}
static inline void hrana_mark_back(hrana_exec *x, const hrana_mark *mark) {
    x->out.len = mark->len;
    x->w = mark->w;
    x->pw.depth = mark->depth;
}

/* Runs one statement, or goes on with x->running. OK: its result is written. AGAIN: it needs the turn, nothing was
 * written; or, with job.chunk, the output is to be handed over. Other: *err is the statement's error and nothing of its
 * result is left in the output (a cursor keeps what it has sent: keep_partial). */
trib_code hrana_run_stmt(hrana_exec *x, trib_handle *handle, const hrana_stmt *stmt, const hrana_sink *sink,
                         bool keep_partial, trib_error *err);
/* RESPONSE_TOO_LARGE: the output is at its bound, or there was no memory for it. */
trib_code hrana_output_full(const hrana_exec *x, trib_error *err);
/* Evaluates a condition of the running batch. */
bool hrana_cond_true(const hrana_exec *x, const trib_handle *handle, const hrana_cond *cond);
/* Prepares x->step_state for `batch`. Errors: NOMEM. */
trib_code hrana_batch_begin(hrana_exec *x, const hrana_batch *batch, trib_error *err);
void hrana_batch_failed(hrana_exec *x, const trib_error *err);
/* Why a step of the running batch failed; NULL if it did not. */
const trib_error *hrana_batch_error(const hrana_exec *x, size_t step);
/* Errors: PROTOCOL, more steps than the server's setting allows. */
trib_code hrana_batch_check(const hrana_exec *x, const hrana_batch *batch, trib_error *err);
/* A write that was refused because the tenant is blocked is told so, with the operator's reason; else `code`. */
trib_code hrana_refused(const hrana_exec *x, trib_code code, trib_error *err);
/* Codes that end the whole request, not only a statement. */
static inline bool hrana_is_fatal(trib_code code) {
    return code == TRIB_PROTOCOL || code == TRIB_CANCELLED;
}

/* ---- request.c ----
 * Runs a request, or goes on with the one that answered AGAIN, and writes its answer: its result, or its error in the
 * envelope. Errors: AGAIN (call it again), PROTOCOL, CANCELLED, RESPONSE_TOO_LARGE: all of it fails. */
trib_code hrana_run_request(hrana_exec *x, trib_handle *handle, const hrana_request *request, trib_error *err);

/* ---- hook.c: --test-hooks ---- */
typedef enum hrana_hook { HRANA_HOOK_NONE, HRANA_HOOK_CLOSE_WS, HRANA_HOOK_CLOSE_TCP } hrana_hook;
/* What one of its texts asks for; NONE without --test-hooks. */
hrana_hook hrana_hook_of(const trib_app *app, const hrana_request *request);
/* What was decoded asks for the connection to be dropped. HTTP only. */
bool hrana_hook_drops(const hrana_exec *x);

/* ---- cursor.c ----
 * Runs x->batch (hrana_batch_begin), or goes on with it, and writes its entries. Errors: AGAIN, also to hand over a
 * chunk (job.chunk); CANCELLED, RESPONSE_TOO_LARGE. */
trib_code hrana_run_cursor(hrana_exec *x, trib_handle *handle, trib_error *err);

/* ---- result.c ---- */

/* Runs a batch, or goes on with x->batch, and writes its result. AGAIN: it waits inside the batch (x->batch is set).
 * A step's failure is in the result. Errors: NOMEM, CANCELLED. */
trib_code hrana_run_batch(hrana_exec *x, trib_handle *handle, const hrana_batch *batch, trib_error *err);

/* ---- exec.c ---- */

/* SQL text of a statement: given or stored. */
trib_code hrana_sql_of(const hrana_exec *x, const hrana_stmt *stmt, trib_str *ret, trib_error *err);

/* Fills a zeroed exec: limits, access by trib_may, JSON as the codec. The job's session is still to be set. */
void hrana_exec_init(hrana_exec *x, trib_app *app, trib_home *home, trib_tenant *tenant, trib_principal *principal,
                     trib_arena *arena);
void hrana_exec_deinit(hrana_exec *x);

/* The rest of exec.c is for HTTP.
 * Makes the exec of a request. NULL: the request has been answered. */
hrana_exec *hrana_exec_new(trib_http_request *http);
/* Its session: by the baton, or a new one where that is empty. */
trib_code hrana_exec_open(hrana_exec *x, trib_str baton, trib_error *err);
/* How a route with a JSON body is served. */
typedef struct hrana_way {
    const hrana_codec *codec;
    /* http->body into x. Touches nothing but x: on the loop, or for a long body on a worker. */
    trib_code (*decode)(hrana_exec *x, trib_error *err);
    /* The session and what stands before the first result. AGAIN: it calls hrana_exec_go_on later. Loop. */
    trib_code (*begin)(hrana_exec *x, trib_error *err);
    trib_code (*work)(trib_db_job *job, trib_handle *handle, trib_error *err);
    void (*finished)(trib_db_job *job);
    int (*status_of)(trib_code code); /* as in hrana_exec */
} hrana_way;
/* Everything from the request to its job; on failure answers. `way` is borrowed for as long as the request lives. */
void hrana_exec_serve(trib_http_request *http, const hrana_way *way);
/* way->begin once more. */
void hrana_exec_go_on(hrana_exec *x);
/* Hands the job over; on failure answers and frees. */
void hrana_exec_submit(hrana_exec *x, trib_code (*work)(trib_db_job *, trib_handle *, trib_error *),
                       void (*finished)(trib_db_job *));
/* Answers with the error, ends the session if x has one, frees x. */
void hrana_exec_fail(hrana_exec *x, const trib_error *err);
/* After the job: the next baton, or empty when the session ended. On failure answers with the error, frees x, returns
 * false. */
bool hrana_exec_settle(hrana_exec *x, bool keep, char ret_baton[TRIB_BATON_BYTES]);
/* Sends the output as the answer and frees x. */
void hrana_exec_answer(hrana_exec *x, const char *content_type);
/* `finished` of a request whose session ends with it and whose output is all of the answer. */
void hrana_exec_finish(trib_db_job *job);
void hrana_exec_free(hrana_exec *x);

/* ---- pack.c: compressed answers, for clients that take them ---- */

/* On the worker: what is to be handed over. Then the output is empty and `packed` has it. */
void hrana_pack_chunk(hrana_exec *x);
/* On the worker, when its work is done: all of the answer but what the loop adds, if it is long enough. */
void hrana_pack_whole(hrana_exec *x);
/* On the loop: what is sent now, to be emptied by the caller. */
trib_buf *hrana_pack_take(hrana_exec *x);
/* On the loop: what was not sent must not be seen. */
void hrana_pack_drop(hrana_exec *x);
/* On the loop: ends the answer; what is to be sent. */
trib_buf *hrana_pack_finish(hrana_exec *x);
/* The headers that the answer needs for it; before hrana_pack_finish. */
trib_str hrana_pack_headers(const hrana_exec *x);

/* ---- stream.c: an answer that goes out while it is made ---- */

/* For work: the output is to be handed over. Returns AGAIN. */
trib_code hrana_chunk(hrana_exec *x);
/* All of `handed`: sends the output, after the head if it is the first; the job goes on when there is room for more. */
void hrana_stream_hand_over(hrana_exec *x);
/* Sends what is left and frees x. aborted: the peer shall see that something is missing. */
void hrana_stream_end(hrana_exec *x, bool aborted);

/* ---- handlers ---- */
void hrana_handle_pipeline(trib_http_request *http);
void hrana_handle_cursor(trib_http_request *http);
void hrana_handle_pipeline_pb(trib_http_request *http);
void hrana_handle_cursor_pb(trib_http_request *http);
void hrana_handle_v1_execute(trib_http_request *http);
void hrana_handle_v1_batch(trib_http_request *http);
void hrana_handle_v0(trib_http_request *http);
void hrana_handle_dump(trib_http_request *http);
void hrana_handle_proxy_execute(trib_http_request *http);
void hrana_handle_proxy_describe(trib_http_request *http);
void hrana_handle_proxy_disconnect(trib_http_request *http);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* The messages of Hrana that clients send, independent of their encoding: what the decoders for JSON
 * (features/hrana/decode_json.c) and protobuf (wire/pb_hrana.c) make. Field names are the protocol's. Everything lives
 * in the arena that it was decoded into, or borrows from the bytes that it was decoded from. */
#ifndef TRIB_WIRE_HRANA_H
#define TRIB_WIRE_HRANA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/str.h"
#include "base/value.h"

enum {
    TRIB_HRANA_REQUESTS_MAX = 1000, /* of one pipeline: stops a single body from holding a database for hours */
    TRIB_HRANA_STEPS_MAX = 10000,   /* of one batch */
    TRIB_HRANA_COND_DEPTH_MAX = 32  /* nesting of conditions: they are walked by recursion */
};

typedef struct hrana_stmt {
    bool has_sql, has_sql_id, want_rows;
    int32_t sql_id;
    trib_str sql;
    trib_arg *args;
    size_t arg_count;
    bool has_positional, has_named;
} hrana_stmt;

typedef enum hrana_cond_type {
    HRANA_COND_OK,
    HRANA_COND_ERROR,
    HRANA_COND_NOT,
    HRANA_COND_AND,
    HRANA_COND_OR,
    HRANA_COND_IS_AUTOCOMMIT
} hrana_cond_type;

typedef struct hrana_cond hrana_cond;
struct hrana_cond {
    hrana_cond_type type;
    uint32_t step;     /* OK, ERROR */
    hrana_cond *first; /* NOT, AND, OR: children */
    hrana_cond *next;
};

typedef struct hrana_step {
    hrana_cond *condition; /* NULL: always */
    hrana_stmt stmt;
} hrana_step;

typedef struct hrana_batch {
    hrana_step *steps;
    size_t count;
} hrana_batch;

typedef enum hrana_request_type {
    HRANA_EXECUTE,
    HRANA_BATCH,
    HRANA_SEQUENCE,
    HRANA_DESCRIBE,
    HRANA_STORE_SQL,
    HRANA_CLOSE_SQL,
    HRANA_GET_AUTOCOMMIT,
    HRANA_CLOSE
} hrana_request_type;

typedef struct hrana_request {
    hrana_request_type type;
    hrana_stmt stmt; /* EXECUTE; SEQUENCE, DESCRIBE, STORE_SQL, CLOSE_SQL use its sql and sql_id */
    hrana_batch batch;
} hrana_request;

typedef struct hrana_pipeline {
    trib_str baton; /* len 0: a new session */
    hrana_request *requests;
    size_t count;
} hrana_pipeline;

/* ---- WebSocket ---- */

typedef enum hrana_msg_type {
    HRANA_MSG_HELLO,
    HRANA_MSG_REQUEST, /* one that HTTP has too, but close */
    HRANA_MSG_OPEN_STREAM,
    HRANA_MSG_CLOSE_STREAM,
    HRANA_MSG_OPEN_CURSOR,
    HRANA_MSG_CLOSE_CURSOR,
    HRANA_MSG_FETCH_CURSOR
} hrana_msg_type;

typedef struct hrana_client_msg {
    hrana_msg_type type;
    trib_str jwt;          /* HELLO; ptr NULL: none */
    int32_t request_id;    /* all but HELLO */
    int32_t stream_id;     /* OPEN_STREAM, CLOSE_STREAM, OPEN_CURSOR; REQUEST but STORE_SQL and CLOSE_SQL */
    int32_t cursor_id;     /* OPEN_CURSOR, CLOSE_CURSOR, FETCH_CURSOR */
    uint32_t max_count;    /* FETCH_CURSOR */
    hrana_request request; /* REQUEST; OPEN_CURSOR: its batch */
} hrana_client_msg;

/* ---- what every decoder checks ---- Errors: PROTOCOL, but where another is named */

/* Either `sql` or `sql_id`, not both. */
trib_code trib_hrana_check_sql(const hrana_stmt *stmt, trib_error *err);
trib_code trib_hrana_check_steps(size_t count, trib_error *err);
trib_code trib_hrana_check_requests(size_t count, trib_error *err);
/* An empty baton that was sent (ptr not NULL) is BATON_INVALID. */
trib_code trib_hrana_check_baton(trib_str baton, trib_error *err);
/* A condition that asks for its own step or a later one. */
trib_code trib_hrana_bad_reference(trib_error *err);
/* NOMEM, in the words for a request that is too large. */
trib_code trib_hrana_decode_nomem(trib_error *err);

#endif

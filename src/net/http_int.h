/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of an HTTP connection, for http_*.c of this folder.
 *
 *   IDLE --head--> BODY --message--> HANDLING --answer--> IDLE          answers may come inside route->handle
 *     │              ^                  └--begin--> STREAMING --end--> IDLE
 *     └--head--> AUTH┘ (tenant loaded by a worker)
 *     └--upgrade--> SOCKET                   the bytes are a WebSocket's from now on (ws_conn.h)
 *   CLOSING: the last answer is on its way.   GONE: no socket any more; freed when nothing is owed. */
#ifndef TRIB_NET_HTTP_INT_H
#define TRIB_NET_HTTP_INT_H

#include "net/http_conn.h"
#include "wire/http1.h"

/* X(state, reads): may the parser go on? */
#define HTTP_STATE_TABLE(X)                                                                                            \
    X(IDLE, true)       /* between messages, or inside a head */                                                       \
    X(AUTH, false)      /* head is known, a worker finds the tenant */                                                 \
    X(BODY, true)       /* head is accepted or refused, the body arrives */                                            \
    X(HANDLING, false)  /* the handler owes an answer */                                                               \
    X(STREAMING, false) /* the answer has begun */                                                                     \
    X(SOCKET, false)    /* a WebSocket */                                                                              \
    X(CLOSING, false)   /* nothing more is read or written */                                                          \
    X(GONE, false)      /* the socket is closed */

typedef enum http_state {
#define X(state, reads) HTTP_##state,
    HTTP_STATE_TABLE(X)
#undef X
} http_state;

struct trib_http_conn {
    trib_http_hub *hub;
    const trib_http_transport *transport;
    void *transport_ctx;
    trib_listener_kind listener;
    http_state state;

    trib_http1_parser parser;
    trib_arena arena; /* of the request */
    trib_buf body;    /* a body that came in pieces or chunks */
    trib_buf out;     /* what the current callback wrote; flushed at its end */
    trib_http_request request;
    trib_auth_wait wait;
    trib_auth_memo memo; /* of the token that came last */
    trib_route_match match;
    trib_str full_path; /* with the tenant prefix */
    trib_error refusal; /* if refused: what is answered once the body is out of the way */
    char id_text[40];   /* a request id of ours */
    int64_t started_ns;
    uint64_t body_seen; /* when the body's deadline was last set */
    uint64_t answer_bytes;
    int answer_status;
    uint32_t idle_timeout_ms;
    void (*on_credit)(trib_http_request *request);
    struct trib_ws_conn *ws; /* NULL: not upgraded, or released */

    bool in_input; /* inside trib_http_conn_input: answers do not flush or resume by themselves */
    bool owes;     /* route->handle was called (or a worker has the auth wait) and no answer came yet */
    bool refused;
    bool must_close; /* after the current answer */
    bool draining, peer_eof;
    bool head_armed; /* the deadline of the head runs */
    bool chunked, bodiless;
    bool wants_credit;
    bool paused;
};

/* http_answer.c */
/* Answers the current message with an error; closes if the message has not been read whole. */
void trib_http_refuse(trib_http_conn *conn, const trib_error *err);
/* Answers OPTIONS: CORS preflight and Allow. */
void trib_http_answer_options(trib_http_conn *conn);
void trib_http_flush(trib_http_conn *conn);
/* The peer cannot be answered any more: tells the feature. */
void trib_http_cancel(trib_http_conn *conn);

/* http_conn.c */
/* The message is answered: back to IDLE, or closes. */
void trib_http_conn_finish(trib_http_conn *conn);
/* The request is answered with 101: what comes is for `ws`, which has taken the tenant and the principal over. The
 * connection is kept until trib_ws_release. */
void trib_http_conn_hand_over(trib_http_conn *conn, struct trib_ws_conn *ws);
/* Sends what is there and closes. */
void trib_http_conn_close(trib_http_conn *conn);
/* 0: none. Cheap when it stays the same. */
void trib_http_conn_set_idle_timeout(trib_http_conn *conn, uint32_t timeout_ms);
/* Frees it if it is GONE and owes nothing. */
void trib_http_conn_try_free(trib_http_conn *conn);

/* http_hub.c */
/* The current Date header, formatted once a second. */
trib_str trib_http_hub_date(trib_http_hub *hub);
/* The client's id if it is sane, else a new one written to `out`. */
trib_str trib_http_hub_request_id(trib_http_hub *hub, trib_str given, char out[40]);
/* Counts and logs a finished request. */
void trib_http_hub_record(trib_http_hub *hub, const trib_http_conn *conn);

#endif

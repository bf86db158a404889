/* SPDX-License-Identifier: Apache-2.0 */
/* Private types of Hrana over WebSocket. "Stream" is the wire's word for what is a session here.
 *
 *   message -> ws.c: decode, hello -> ws_request.c: stored SQL -> session's queue -> ws_session.c: one job at a time
 *                     └ worker, if it is long        ws_cursor.c: entries, as they are asked for ┘         └> answer
 *
 * Sessions run beside each other, the requests of one in their order. Everything here: the socket's loop. */
#ifndef TRIB_FEATURES_HRANA_WS_INT_H
#define TRIB_FEATURES_HRANA_WS_INT_H

#include "core/ws.h"
#include "features/hrana/codec.h"

enum {
    TRIB_HRANA_WS_HELLO_MS = 15 * 1000,        /* to say hello in: stops sockets that never do */
    TRIB_HRANA_WS_HELLO_MAX_BYTES = 20 * 1024, /* of a message before that: a stranger gets no room for more */
    TRIB_HRANA_WS_RECHECK_MS = 10 * 1000,      /* how soon an idle socket ends whose token has ended */
    TRIB_HRANA_WS_RETRY_MS = 20,      /* a long message whose tenant has no room for another job: asks again as often */
    TRIB_HRANA_WS_SESSIONS_MAX = 128, /* of a socket: stops one from taking every connection of a database */
    TRIB_HRANA_WS_PENDING_MAX = 256,  /* requests of a socket that are not answered; then it is not read */
    TRIB_HRANA_WS_PENDING_MAX_BYTES = 16 << 20, /* and what they take: stops a sender that is faster than its SQL */
    TRIB_HRANA_WS_ARENA_MAX_BYTES = 64 << 20,   /* of one decoded request */
    TRIB_HRANA_WS_FETCH_MAX = 65536             /* entries of one fetch, whatever it asks for */
};

typedef struct hrana_ws hrana_ws;
typedef struct hrana_ws_session hrana_ws_session;
typedef struct hrana_ws_request hrana_ws_request;

/* An encoding's messages; request answers are the envelope's. */
typedef struct hrana_ws_codec {
    bool is_text;
    const char *name; /* of the other kind of message, for the error */
    const hrana_codec *codec;
    const hrana_envelope *envelope;
    /* Lives in the arena or borrows from `bytes`. Errors: BAD_JSON, PROTOCOL, NOMEM. */
    trib_code (*decode)(trib_arena *arena, trib_str bytes, hrana_client_msg *ret, trib_error *err);
    void (*hello)(trib_buf *out, const trib_error *err); /* NULL: hello_ok */
    void (*response_ok)(trib_buf *out, int32_t request_id, hrana_msg_type type);
    void (*response_error)(trib_buf *out, int32_t request_id, const trib_error *err);
    /* The answer to FETCH_CURSOR, of `entries` as split has cut them off. */
    void (*fetched)(trib_buf *out, int32_t request_id, trib_str entries, bool done);
    /* The codec writes entries inside of something. */
    bool nested;
    /* Bytes of the first entry in `entries`, which is not empty; *ret_skip: it is none that clients know. */
    size_t (*split)(trib_str entries, bool *ret_skip);
} hrana_ws_codec;

extern const hrana_ws_codec hrana_ws_json, hrana_ws_pb;

typedef enum hrana_ws_state { HRANA_WS_NEW, HRANA_WS_HELLO, HRANA_WS_READY } hrana_ws_state;

struct hrana_ws {
    trib_ws *ws;
    int version;
    const hrana_ws_codec *codec;
    hrana_ws_state state; /* HELLO: a token is being looked at for the first time */
    bool greeting;        /* a token is being looked at */
    trib_session *texts;  /* the socket's stored SQL */
    trib_list sessions;   /* hrana_ws_session.link */
    unsigned session_count, pending, jobs;
    size_t pending_bytes;
    bool open_failed; /* an open_stream was refused: requests to streams that do not exist may have come before that was
                         known */
    hrana_ws_request *undecoded; /* a long message, at a worker (decoding) or waiting for one; nothing is read then */
    bool decoding;
    bool paused, draining;
};

struct hrana_ws_session {
    hrana_ws *owner;
    trib_list link;
    int32_t id;
    bool named;      /* the client may still use the id; else close_stream is on its way */
    bool has_cursor; /* as the client sees it: between open_cursor and close_cursor */
    int32_t cursor_id;
    trib_session *session;
    trib_list queue;           /* hrana_ws_request.link */
    hrana_ws_request *running; /* is not answered */
    hrana_ws_request *cursor;  /* its open_cursor */
    bool busy;                 /* a job is out: of `running`, or of `cursor`, also while that rests */
    bool over;                 /* ends as soon as its job is home */
};

struct hrana_ws_request {
    hrana_exec x;     /* first */
    hrana_ws *socket; /* for a message that is decoded on a worker: then it has no session yet */
    const hrana_ws_codec *codec;
    hrana_ws_session *session;
    trib_list link;
    trib_arena arena;
    trib_buf bytes; /* the message */
    hrana_client_msg msg;
    size_t charged_bytes;
    /* of an open_cursor */
    trib_buf entries; /* handed over, not fetched */
    size_t entries_at;
    bool started, finished, resting;
    bool closing; /* written while the job rests: its work is over */
};

/* ws.c */
void hrana_ws_close(hrana_ws *c, uint16_t code, const char *why);
/* Messages come while there is room for more requests, and nothing must be done before the next. */
void hrana_ws_update_reading(hrana_ws *c);
/* Counts what the request takes. */
void hrana_ws_charge(hrana_ws *c, hrana_ws_request *r);
/* The protocol's code for a token that is not there, and its words before the reason. */
void hrana_ws_rephrase(const trib_error *from, trib_error *ret);
void hrana_ws_request_free(hrana_ws *c, hrana_ws_request *r);
/* Sends what is in `out` and empties it. */
void hrana_ws_send(hrana_ws *c, trib_buf *out);
/* Answers a request without a result, or with its error, and frees it. */
void hrana_ws_answer_ok(hrana_ws *c, hrana_ws_request *r);
void hrana_ws_answer_error(hrana_ws *c, hrana_ws_request *r, const trib_error *err);
/* A job came home, or a session ended: frees the socket if it is gone and nothing is out. */
void hrana_ws_settle(hrana_ws *c);

/* ws_request.c: a request that is decoded, after hello. Owns: r moves. */
void hrana_ws_on_request(hrana_ws *c, hrana_ws_request *r);

/* ws_session.c */
/* Errors: TOO_MANY_REQUESTS, NOMEM. */
trib_code hrana_ws_session_open(hrana_ws *c, int32_t id, trib_error *err);
hrana_ws_session *hrana_ws_session_find(const hrana_ws *c, int32_t id);
hrana_ws_session *hrana_ws_session_of_cursor(const hrana_ws *c, int32_t cursor_id);
/* Owns: `r` moves. */
void hrana_ws_session_push(hrana_ws_session *s, hrana_ws_request *r);
/* Runs what can run now. May free the session. */
void hrana_ws_session_advance(hrana_ws_session *s);
/* The socket is gone. May free the session. */
void hrana_ws_session_abandon(hrana_ws_session *s);
/* True while a request waits or runs. */
bool hrana_ws_session_works(const hrana_ws_session *s);
/* Prepares the request's job. */
void hrana_ws_exec_init(hrana_ws_session *s, hrana_ws_request *r);
/* The session's job is home. May free the session. */
void hrana_ws_session_came_home(hrana_ws_session *s);
/* Ends the session; answers `running`, a close_stream, if there is one. */
void hrana_ws_session_end(hrana_ws_session *s);

/* ws_cursor.c: of the session's cursor */
void hrana_ws_cursor_open(hrana_ws_session *s, hrana_ws_request *r);
/* `running` is a fetch. */
void hrana_ws_cursor_fetch(hrana_ws_session *s);
/* True: it is closed. False: its job comes home first, and then hrana_ws_session_came_home. */
bool hrana_ws_cursor_close(hrana_ws_session *s);

void hrana_ws_accept(trib_http_request *http);

#endif

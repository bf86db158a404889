/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP/1.1 parser without I/O for both sides (RFC 9110, RFC 9112): bytes in, events out. Writing is http1_write.h.
 *
 *   input  [ head .................. | body or chunks ... | next message ... ]
 *            ^ slices point in here    ^ borrowed if whole   ^ from *ret_used on
 *
 * The caller owns one contiguous input buffer and calls trib_http1_parser_next() with all of it, again after each read.
 * The parser remembers how far it looked, so that a byte at a time costs as much as everything at once, and the events
 * do not depend on how the bytes were cut. It is strict where leniency lets two servers disagree (request smuggling):
 * CRLF only, no folding, no space before a colon, one Content-Length or one `Transfer-Encoding: chunked`, never both.
 *
 *   for (;;) {
 *       size_t used;
 *       switch (trib_http1_parser_next(&p, trib_buf_str(&in), &used, &err)) {
 *       case TRIB_HTTP1_NEED:    trib_buf_consume(&in, used); ... read more; break;
 *       case TRIB_HTTP1_HEAD:    route by p.head; trib_http1_parser_set_body(&p, &body, route->max_body_bytes); break;
 *       case TRIB_HTTP1_MESSAGE: answer p.head and p.body; trib_buf_consume(&in, used); break;
 *       case TRIB_HTTP1_ERROR:   answer err, close the connection; return;
 *       }
 *   }
 */
#ifndef TRIB_WIRE_HTTP1_H
#define TRIB_WIRE_HTTP1_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/str.h"

enum {
    TRIB_HTTP1_MAX_HEAD_BYTES = 16 * 1024,      /* heads that never end; field offsets are 16 bits wide */
    TRIB_HTTP1_MAX_TARGET_BYTES = 8 * 1024,     /* endless targets; RFC 9112 §3 asks for at least 8,000 */
    TRIB_HTTP1_MAX_METHOD_BYTES = 32,           /* endless methods */
    TRIB_HTTP1_MAX_HEADERS = 100,               /* thousands of tiny headers that cost a look-up each */
    TRIB_HTTP1_MAX_CHUNK_LINE_BYTES = 1024,     /* one endless chunk extension */
    TRIB_HTTP1_MAX_CHUNK_EXT_BYTES = 16 * 1024, /* many one-byte chunks with long extensions, outside the body limit */
    TRIB_HTTP1_MAX_TRAILER_BYTES = 8 * 1024,    /* trailers that never end */
    TRIB_HTTP1_MAX_INTERIM = 16,                /* a server that sends 1xx answers for ever */
};

/* Headers that are found while parsing: X(id, lower-case name, may appear only once). Ordered by length.
 * Once: a second one is an error, because two readers could pick different ones. */
#define TRIB_HTTP1_KNOWN_TABLE(X)                                                                                      \
    X(HOST, "host", 1)                                                                                                 \
    X(EXPECT, "expect", 0)                                                                                             \
    X(ORIGIN, "origin", 1)                                                                                             \
    X(UPGRADE, "upgrade", 0)                                                                                           \
    X(CONNECTION, "connection", 0)                                                                                     \
    X(X_NAMESPACE, "x-namespace", 1)                                                                                   \
    X(CONTENT_TYPE, "content-type", 1)                                                                                 \
    X(X_REQUEST_ID, "x-request-id", 0)                                                                                 \
    X(AUTHORIZATION, "authorization", 1)                                                                               \
    X(CONTENT_LENGTH, "content-length", 1)                                                                             \
    X(X_NAMESPACE_BIN, "x-namespace-bin", 1)                                                                           \
    X(X_AUTHORIZATION, "x-authorization", 1)                                                                           \
    X(ACCEPT_ENCODING, "accept-encoding", 0)                                                                           \
    X(TRANSFER_ENCODING, "transfer-encoding", 1)

typedef enum trib_http1_known {
#define X(id, name, once) TRIB_HTTP1_##id,
    TRIB_HTTP1_KNOWN_TABLE(X)
#undef X
        TRIB_HTTP1_KNOWN_COUNT
} trib_http1_known;

/* How the body's end is found (RFC 9112 §6.3). */
typedef enum trib_http1_framing {
    TRIB_HTTP1_NO_BODY,
    TRIB_HTTP1_LENGTH,
    TRIB_HTTP1_CHUNKED,
    TRIB_HTTP1_UNTIL_CLOSE, /* responses only */
} trib_http1_framing;

/* Offsets into head.bytes. */
typedef struct trib_http1_field {
    uint16_t name_at, name_len, value_at, value_len;
} trib_http1_field;

typedef struct trib_http1_head {
    const char *bytes; /* where the head starts; all strings of the head point in here */
    /* request */
    trib_str method; /* case-sensitive token; CONNECT is refused */
    trib_str target; /* as sent */
    trib_str path;   /* target without scheme and authority: starts with '/', or is "*" (OPTIONS) */
    /* response */
    int status; /* 200..599 or 101; 0 in a request */
    trib_str reason;
    /* both */
    uint8_t minor_version; /* HTTP/1.x: 0 or 1 */
    bool keep_alive;       /* the connection may be used again after this message (RFC 9112 §9.3) */
    bool expect_continue;  /* `Expect: 100-continue` from a 1.1 client */
    bool upgrade;          /* `Connection: upgrade` and an Upgrade header; what follows may be the new protocol */
    trib_http1_framing framing;
    uint64_t content_length; /* of the header, 0 without; the length of the body only with TRIB_HTTP1_LENGTH */
    uint16_t field_count;
    uint8_t known[TRIB_HTTP1_KNOWN_COUNT]; /* index of the first such field + 1, or 0; use trib_http1_known_get */
    trib_http1_field fields[TRIB_HTTP1_MAX_HEADERS];
} trib_http1_head;

typedef enum trib_http1_event {
    TRIB_HTTP1_NEED,    /* drop *ret_used bytes of the input, call again when there is more */
    TRIB_HTTP1_HEAD,    /* the head is complete; set the body's place and limit, call again with the same input */
    TRIB_HTTP1_MESSAGE, /* the message is complete; when done with it, drop *ret_used bytes and call for the next */
    TRIB_HTTP1_ERROR,   /* sticks; the connection must be closed after the answer */
} trib_http1_event;

typedef struct trib_http1_parser {
    trib_http1_head head; /* valid from TRIB_HTTP1_HEAD on */
    trib_str body;        /* valid at TRIB_HTTP1_MESSAGE */
    /* private */
    trib_code code;
    uint8_t state, interim_count;
    bool is_response, answers_head, peer_closed, head_is_copy, skipped_crlf;
    size_t start, pos, scan; /* in the input: where the head starts, the next byte to parse, the next byte to look at */
    uint16_t start_at[4], start_len[4]; /* method/reason, target, path as offsets */
    uint64_t body_left, body_bytes, max_body_bytes;
    size_t side_bytes; /* chunk extensions or trailers so far */
    trib_buf *body_buf;
    trib_buf head_copy;
} trib_http1_parser;

/* is_response: reads responses (client side). No allocation. */
void trib_http1_parser_init(trib_http1_parser *parser, bool is_response);
void trib_http1_parser_deinit(trib_http1_parser *parser);

/* The next event in `in`, which holds every received byte that was not yet dropped, starting where the last call
 * stopped.
 * Owns:   `in` is borrowed. Head and body slices point into it (or into memory of the parser or the body buffer) and
 *         are good until the next call, or until the caller moves or drops the input. Moving it between HEAD and the
 *         next call is allowed: the next call moves the slices along.
 * Errors: TRIB_HTTP1_ERROR with err: BAD_HTTP, HEADERS_TOO_LARGE, URI_TOO_LONG, NOT_IMPLEMENTED_HTTP, HTTP_VERSION,
 *         BODY_TOO_LARGE, NOMEM. *ret_used is 0 and p->body means nothing then.
 * Thread: one at a time. */
trib_http1_event trib_http1_parser_next(trib_http1_parser *parser, trib_str in, size_t *ret_used, trib_error *err);

/* Where this message's body goes and how long it may be; call it at HEAD. Without the call no body is accepted.
 * A Content-Length body that is already whole in the input is borrowed from there and `body` stays untouched;
 * everything else is appended to `body`, decoded. A streaming caller may take what is in `body` and clear it whenever
 * next() returned TRIB_HTTP1_NEED; the limit counts all bytes. body NULL: the bytes are counted and thrown away.
 * Owns:   `body` is borrowed until MESSAGE or ERROR; give it empty. */
void trib_http1_parser_set_body(trib_http1_parser *parser, trib_buf *body, uint64_t max_body_bytes);

/* Copies the head into the parser's own memory, so that head slices no longer depend on the input; they then hold until
 * the next message starts. */
trib_code trib_http1_parser_keep_head(trib_http1_parser *parser, trib_error *err);

/* The peer will send no more bytes; call next() once more. Ends a TRIB_HTTP1_UNTIL_CLOSE body; inside any other message
 * it is BAD_HTTP; between messages next() says NEED. */
void trib_http1_parser_set_closed(trib_http1_parser *parser);

/* Client side: the response to come answers a HEAD request and has no body. Holds for one message. */
void trib_http1_parser_set_answers_head(trib_http1_parser *parser);

/* True between messages: no byte of a next message has been seen. For choosing between the idle and the request
 * timeout. */
bool trib_http1_parser_is_idle(const trib_http1_parser *parser);

/* Borrowed. Absent: ptr is NULL. Present and empty: ptr is not NULL. */
trib_str trib_http1_known_get(const trib_http1_head *head, trib_http1_known known);
/* The first header of that name, in any case; ptr NULL if there is none. */
trib_str trib_http1_header(const trib_http1_head *head, const char *name);
/* The i-th header in the order sent; i < head->field_count. */
trib_str trib_http1_field_name(const trib_http1_head *head, size_t i);
trib_str trib_http1_field_value(const trib_http1_head *head, size_t i);

/* The byte class of a header name and a method (RFC 9110 §5.6.2); at least one byte. */
bool trib_http1_is_token(trib_str s);
/* Characters that may stand in a target, in "host" or "host:port"; true for the empty string. */
bool trib_http1_is_target(trib_str s);
bool trib_http1_is_host(trib_str s);
/* No control characters except TAB (RFC 9110 §5.5): safe as a header value. */
bool trib_http1_is_field_text(trib_str s);

#endif

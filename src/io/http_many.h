/* SPDX-License-Identifier: Apache-2.0 */
/* Many HTTP/1.1 calls at once to one server, on one thread: a fixed number of connections that are kept open, one call
 * at a time on each. For programs that play a crowd of clients; who makes one call after the other takes
 * io/http_client.h.
 *
 *   send -> [queue] -> a free connection, opened if need be -> bytes out, answer in -> done(call, answer)
 *   run  -> waits for what the sockets say, and calls `done` of what has ended
 *
 * A call that fails is not sent again: the server may have done it. Plain TCP only. */
#ifndef TRIB_IO_HTTP_MANY_H
#define TRIB_IO_HTTP_MANY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/str.h"

typedef struct trib_http_many trib_http_many;
typedef struct trib_http_many_call trib_http_many_call;

enum {
    TRIB_HTTP_MANY_CONNECTIONS_MAX = 20000,
    TRIB_HTTP_MANY_BODY_MAX_BYTES = 1 << 20 /* of an answer: stops an endless one */
};

typedef struct trib_http_many_answer {
    trib_code code; /* OK: an answer came, with any status; else CONNECT, REQUEST_TIMEOUT, BAD_HTTP, NOMEM ... */
    int status;
    trib_str body;      /* borrowed for the call of `done` */
    int64_t took_ns;    /* since send */
    const char *reason; /* of a failure, for people */
} trib_http_many_answer;

/* A part of the caller's own object; it stays where it is from send to done. */
struct trib_http_many_call {
    trib_str request; /* head and body as they go over the wire; borrowed until done */
    void (*done)(trib_http_many_call *call, const trib_http_many_answer *answer); /* may send again */
    int64_t sent_ns;                                                              /* private, from here on */
    trib_http_many_call *next;
};

/* host: a name or an address. timeout_ms: of a call, from the moment when it has a connection.
 * Owns: *ret is the caller's (trib_http_many_free). Errors: USAGE (the host is unknown), IO, NOMEM. */
trib_code trib_http_many_new(const char *host, uint16_t port, unsigned connections, uint32_t timeout_ms,
                             trib_http_many **ret, trib_error *err);
/* Calls that are under way are dropped without `done`. Takes NULL. */
void trib_http_many_free(trib_http_many *many);

/* Never calls `done` itself. */
void trib_http_many_send(trib_http_many *many, trib_http_many_call *call);
/* Does what can be done, waits for at most so long (0: not at all) where that is nothing. Not from inside `done`. */
void trib_http_many_run(trib_http_many *many, int timeout_ms);
/* Calls that were sent and are not done; those of them that wait for a connection. */
size_t trib_http_many_open(const trib_http_many *many);
size_t trib_http_many_waiting(const trib_http_many *many);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Blocking HTTP/1.1 client for command line tools, tests and demos. A client keeps its connections open between calls.
 *
 *   trib_http_client_new -> trib_http_client_call ... -> trib_http_client_free
 *
 * Redirects are not followed and no proxy of the environment is used: a token never goes anywhere but to the given
 * URL. */
#ifndef TRIB_IO_HTTP_CLIENT_H
#define TRIB_IO_HTTP_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/str.h"

typedef struct trib_http_client trib_http_client;

enum {
    TRIB_HTTP_CLIENT_CONNECT_TIMEOUT_MS = 10 * 1000,
    TRIB_HTTP_CLIENT_TIMEOUT_MS = 60 * 1000,
    TRIB_HTTP_CLIENT_MAX_HEAD_BYTES = 64 * 1024,       /* stops a server that sends headers for ever */
    TRIB_HTTP_CLIENT_MAX_BODY_BYTES = 64 * 1024 * 1024 /* kept in memory; stops an endless answer */
};

typedef struct trib_http_client_header {
    trib_str name, value;
} trib_http_client_header;

/* Everything is borrowed for the call; 0 and NULL mean the default or none. */
typedef struct trib_http_client_request {
    const char *method; /* NULL: GET, or POST with a body */
    const char *url;    /* http:// or https:// */
    const trib_http_client_header *headers;
    size_t header_count;
    trib_str body;
    const char *tls_pin;     /* "sha256//BASE64": the server has this key, instead of a certificate that is trusted */
    const char *unix_socket; /* path; the URL's host is sent but not connected to */
    uint32_t connect_timeout_ms;
    uint32_t timeout_ms; /* for the whole call; with on_body: without any byte */
    size_t max_body_bytes;
    /* Gets the body of a 2xx answer as it comes, without a limit; reply.body stays empty then. false: stop
     * (CANCELLED). */
    bool (*on_body)(void *ctx, trib_str bytes);
    void *on_body_ctx;
    /* A descriptor; when it can be read, the call ends at once with CANCELLED and its connection is closed, which is
     * how the server learns of it. NULL: none. */
    const int *cancel_fd;
    /* Looked at about once a second: true ends the call with CANCELLED. NULL: none. */
    const _Atomic bool *stop;
    /* Only addresses of the public internet (io/public_address.h) are connected to, whatever the name resolves to; all
     * calls of a client must have the same. Refused: CONNECT. */
    bool public_only;
} trib_http_client_request;

typedef struct trib_http_client_reply {
    int status;
    trib_buf head; /* the lines of the final answer's head, as they came */
    trib_buf body;
} trib_http_client_reply;

/* Owns: *ret is the caller's. Errors: NOMEM. Thread: a client is used by one thread at a time. */
trib_code trib_http_client_new(trib_http_client **ret, trib_error *err);
void trib_http_client_free(trib_http_client *client);

/* Sends the request and waits for the whole answer. Any status is TRIB_OK.
 * Owns: on TRIB_OK *ret_reply is the caller's (trib_http_client_reply_deinit); untouched on failure.
 * Errors: CONNECT (nobody answers, TLS fails, the connection broke; message with what, why, fix), REQUEST_TIMEOUT,
 * RESPONSE_TOO_LARGE, USAGE (the URL or a header cannot be used), CANCELLED, NOMEM. Messages show the URL without user,
 * password, query and fragment, since tokens travel there. */
trib_code trib_http_client_call(trib_http_client *client, const trib_http_client_request *request,
                                trib_http_client_reply *ret_reply, trib_error *err);

/* Value of the first header of that name (any case), trimmed; empty if there is none. Borrowed from the reply. */
trib_str trib_http_client_reply_header(const trib_http_client_reply *reply, const char *name);
/* Takes NULL and a zeroed reply. */
void trib_http_client_reply_deinit(trib_http_client_reply *reply);

/* The URL as messages may show it: without user, password, query and fragment. Appends to `out`. */
void trib_http_client_show_url(trib_buf *out, const char *url);

#endif

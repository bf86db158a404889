/* SPDX-License-Identifier: Apache-2.0 */
/* What a feature sees of an HTTP request: a parsed message, the tenant and the principal, and a way to answer. `net`
 * fills it; features never see a socket.
 *
 * Life: net parses head and body -> finds the route -> core/auth names principal and tenant -> route->handle(request)
 *       on the
 * home loop -> exactly one trib_http_answer (at once, or later from a job's `done`, on the same loop) -> net writes. */
#ifndef TRIB_CORE_HTTP_H
#define TRIB_CORE_HTTP_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/str.h"

typedef struct trib_app trib_app;
typedef struct trib_tenant trib_tenant;
typedef struct trib_principal trib_principal;
typedef struct trib_home trib_home;
typedef struct trib_http_request trib_http_request;

/* What must be known before the handler runs. */
typedef enum trib_auth_class {
    TRIB_AUTH_NONE,   /* anybody: /health, /version */
    TRIB_AUTH_TENANT, /* a tenant is named and the principal may read it; writes are checked per statement */
    /* A tenant is named, and is NULL where there is none: the handler asks for a key of its own, which is in the
     * request, and says nothing to who has none that would tell whether the tenant is there */
    TRIB_AUTH_OWN_KEY,
    TRIB_AUTH_ADMIN /* admin listener: the admin key, a local socket, or --no-auth */
} trib_auth_class;

typedef enum trib_listener_kind { TRIB_LISTENER_USER = 1, TRIB_LISTENER_ADMIN = 2 } trib_listener_kind;

typedef struct trib_route {
    const char *method; /* "POST"; "GET" also serves HEAD */
    const char *path;   /* "/v2/pipeline"; a segment ":name" matches one segment, readable by trib_http_path_param */
    unsigned listeners; /* TRIB_LISTENER_USER | TRIB_LISTENER_ADMIN */
    trib_auth_class auth;
    size_t max_body_bytes;
    void (*handle)(trib_http_request *request);
    const char *summary; /* one line for the docs */
} trib_route;

enum { TRIB_HTTP_PATH_PARAMS_MAX = 4 };

struct trib_http_request {
    trib_app *app;
    trib_home *home; /* the connection's loop; where jobs of this request come back */
    const trib_route *route;
    trib_arena *arena;            /* lives until the answer is written */
    trib_str method, path, query; /* path: without the tenant prefix, percent-decoded, "//" collapsed */
    trib_str body;                /* whole, decoded; lives until the answer */
    trib_str content_type, request_id, host;
    trib_str accept_encoding; /* ptr NULL: no such header */
    trib_str tenant_named;    /* the segment of the path that names the tenant; empty: it is named otherwise */
    trib_str path_params[TRIB_HTTP_PATH_PARAMS_MAX];
    unsigned path_param_count;
    trib_tenant *tenant;       /* NULL unless TRIB_AUTH_TENANT, OWN_KEY; a reference is held until the answer */
    trib_principal *principal; /* never NULL once handle runs */
    unsigned listener;         /* which kind it came in by */
    bool cancelled;            /* the peer is gone; the answer will be dropped. Loop thread only */
    /* Set by a feature that wants to hear of it, to cancel its job; the answer is still owed. Loop thread. May stay
     * NULL. */
    void (*on_cancel)(trib_http_request *request);
    void *module_state; /* what the module's start gave */
    void *feature;      /* the feature's own */
    void *conn;         /* net's own */
};

/* A header by lower-case name; empty if absent. Loop thread only, before the answer. */
trib_str trib_http_header(const trib_http_request *request, const char *name);

typedef struct trib_http_answer {
    int status;
    int meant_status; /* for logs and metrics, where `status` tells a protocol's peer something else; 0: status */
    const char *content_type; /* exactly as sent; libSQL clients compare it verbatim. NULL: none */
    trib_buf *body;           /* moved: emptied by the call. NULL: empty */
    trib_str extra_headers;   /* "name: value\r\n"...; borrowed */
    bool close;               /* close the connection afterwards */
    bool drop;                /* no answer: breaks the connection off, the rest is not looked at */
} trib_http_answer;

/* Exactly once a request, on its home loop. The request is gone afterwards. */
void trib_http_answer_send(trib_http_request *request, const trib_http_answer *answer);
/* {"error","message","code","request_id"} with application/json and the table's status; Retry-After where a retry
 * helps. */
void trib_http_answer_error(trib_http_request *request, const trib_error *err);
/* The same with another status, for a protocol that has its own. */
void trib_http_answer_error_as(trib_http_request *request, const trib_error *err, int status);
/* That answer, not sent yet; `body` is not initialised and is made. To a gRPC-web call (core/grpc.h) it is HTTP 200
 * with the reason in trailers. */
trib_http_answer trib_http_error_answer(const trib_http_request *request, const trib_error *err, int status,
                                        trib_buf *body);
/* Text or JSON without a buffer of one's own. */
void trib_http_answer_text(trib_http_request *request, int status, const char *content_type, trib_str text);

/* Streaming: begin (chunked transfer coding; head->body is the first chunk), then chunks, then end. A chunk may be sent
 *            when
 * trib_http_stream_chunk answered true or on_credit was called since; the connection holds at most about
 * TRIB_HTTP_UNSENT_MAX_BYTES. When the peer goes away on_credit is called once more, with request->cancelled. on_credit
 * may call stream_chunk and stream_end. Loop thread only. */
enum { TRIB_HTTP_UNSENT_MAX_BYTES = 256 * 1024 };
void trib_http_stream_begin(trib_http_request *request, const trib_http_answer *head,
                            void (*on_credit)(trib_http_request *));
bool trib_http_stream_chunk(trib_http_request *request, trib_buf *chunk); /* true: there is credit for another now */
/* The same with bytes that stay the caller's: many readers may share them. */
bool trib_http_stream_bytes(trib_http_request *request, trib_str bytes);
void trib_http_stream_end(trib_http_request *request, bool aborted); /* the request is gone afterwards */

/* net fills these when it starts; features and core only call the functions above. */
typedef struct trib_http_ops {
    trib_str (*header)(const trib_http_request *request, const char *name);
    void (*send)(trib_http_request *request, const trib_http_answer *answer);
    void (*stream_begin)(trib_http_request *request, const trib_http_answer *head,
                         void (*on_credit)(trib_http_request *));
    bool (*stream_chunk)(trib_http_request *request, trib_buf *chunk);
    bool (*stream_bytes)(trib_http_request *request, trib_str bytes);
    void (*stream_end)(trib_http_request *request, bool aborted);
} trib_http_ops;

/* Writes the JSON error body {"error","message","code","request_id"} into buf. */
void trib_http_error_body(trib_buf *buf, const trib_error *err, trib_str request_id);

/* A feature, as server/modules.c lists it. */
typedef struct trib_module {
    const char *name;
    const trib_route *routes;
    size_t route_count;
    trib_code (*start)(trib_app *app, void **ret_state, trib_error *err); /* may be NULL */
    void (*stop)(void *state);                                            /* may be NULL */
} trib_module;

#endif

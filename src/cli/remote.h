/* SPDX-License-Identifier: Apache-2.0 */
/* One server as a command sees it: a base URL, how to say who asks, and JSON calls that turn refusals into errors.
 *
 *   admin:   http://127.0.0.1:8081/ or unix:/run/trib/admin.sock    Authorization: Basic KEY
 *   tenant:  http://127.0.0.1:8080/acme/                            Authorization: Bearer TOKEN */
#ifndef TRIB_CLI_REMOTE_H
#define TRIB_CLI_REMOTE_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/str.h"
#include "io/http_client.h"
#include "io/tls.h"
#include "wire/json.h"

enum {
    TRIB_REMOTE_URL_BYTES = 1024,
    TRIB_REMOTE_SECRET_BYTES = 9216 /* a token has at most 8192 */
};

typedef struct trib_remote {
    trib_http_client *http;                       /* borrowed; several remotes may share one on one thread */
    char url[TRIB_REMOTE_URL_BYTES];              /* with a slash at its end */
    char unix_socket[TRIB_REMOTE_URL_BYTES];      /* empty: TCP */
    char authorization[TRIB_REMOTE_SECRET_BYTES]; /* the header's value; empty: none */
    uint32_t timeout_ms;                          /* for connecting and for a whole call; 0: the client's own */
    const int *cancel_fd;                         /* as in trib_http_client_request; the caller's, NULL after init */
    char tls_pin[TRIB_TLS_PIN_BYTES];             /* empty: the system's trusted certificates */
} trib_remote;

/* url: http://, https://, libsql:// (https), ws:// and wss:// (as http and https), or unix:PATH. A slash is added at
 * its end. path (may be empty): appended, "acme/" for a tenant. Errors: USAGE. */
trib_code trib_remote_init(trib_remote *remote, trib_http_client *http, const char *url, const char *path,
                           trib_error *err);
/* The key that the server of an https URL must have, as server.json says it, instead of a trusted certificate; "":
 * none. */
void trib_remote_set_pin(trib_remote *remote, const char pin[TRIB_TLS_PIN_BYTES]);
/* NULL or "": no Authorization. Errors: USAGE when it is too long or has control characters. */
trib_code trib_remote_set_token(trib_remote *remote, const char *token, trib_error *err);
trib_code trib_remote_set_admin_key(trib_remote *remote, const char *key, trib_error *err);

/* path: without the leading slash, percent-coded by the caller. body: JSON, or empty for none.
 * Owns:   *ret lives in `arena`; NULL when the answer has no body.
 * Errors: when the answer is not 2xx, the server's message and its code where it is one of ours, else REMOTE; text_code
 *         = its code, detail = the HTTP status. CONNECT and the others of trib_http_client_call; BAD_JSON. */
trib_code trib_remote_call(const trib_remote *remote, const char *method, const char *path, trib_str body,
                           trib_arena *arena, const trib_json **ret, trib_error *err);

/* GET of a body that may be of any size: given to on_body as it comes; false there ends it. Errors: as above;
 * CANCELLED.
 */
trib_code trib_remote_download(const trib_remote *remote, const char *path, bool (*on_body)(void *ctx, trib_str bytes),
                               void *ctx, trib_arena *arena, trib_error *err);

#endif

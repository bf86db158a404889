/* SPDX-License-Identifier: Apache-2.0 */
/* URLs: percent coding, the target of an HTTP request, query parameters, and the URLs of servers (RFC 3986). */
#ifndef TRIB_WIRE_URL_H
#define TRIB_WIRE_URL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/str.h"

/* Most parameters of one query. Stops queries of "&a&a&a..." from becoming large arrays and slow look-ups. */
#define TRIB_QUERY_MAX_PARAMS 100

/* Longest host name (RFC 1035 §2.3.4). */
#define TRIB_URL_MAX_HOST_BYTES 255

/* ---- percent coding ---- */

/* Decodes %XX (and '+' to a space if asked, for queries) to `out`, which has s.len bytes and may be s.ptr itself.
 * False: an escape is cut off or not hexadecimal; *ret_n is then untouched. Any byte may come out, NUL too. */
bool trib_percent_decode(trib_str s, bool plus_is_space, char *out, size_t *ret_n);
/* Appends `s` with everything but unreserved characters (RFC 3986 §2.3) as %XX; failure sticks in `buf`. */
void trib_percent_encode(trib_str s, trib_buf *buf);

/* ---- request target ---- */

typedef struct trib_target {
    trib_str path;      /* decoded, begins with '/', "//" collapsed, no "." or ".." segment; "*" for "OPTIONS *" */
    trib_str query;     /* behind '?', not decoded; empty if there is none */
    trib_str authority; /* host[:port] of an absolute target, overrides Host (RFC 9112 §3.2.2); else empty */
    /* Where `path` has the first slash that was written as %2F; SIZE_MAX: nowhere. What was meant as part of a name
     * must not part names: whoever takes segments for names refuses it */
    size_t slash_at;
} trib_target;

/* Splits a request target in origin form (/path?query), absolute form (http://host/path?query) or "*".
 * The path is decoded once and never again, so what it would hide is refused: NUL and control characters, "."
 * and ".." segments in any spelling, bad escapes, bytes that are not UTF-8.
 * Owns:   the path is in `arena` or borrowed from `target`, the rest is borrowed from `target`.
 * Errors: TRIB_BAD_REQUEST; TRIB_NOMEM. */
trib_code trib_target_parse(trib_arena *arena, trib_str target, trib_target *ret, trib_error *err);

/* Takes the first segment off a path: "/ali/v2/pipeline" gives "ali" and leaves "/v2/pipeline"; "/ali" leaves "/".
 * Empty when there is none. */
trib_str trib_path_take_segment(trib_str *path);

/* ---- query ---- */

typedef struct trib_query_param {
    trib_str name, value; /* decoded; value is empty without '=' */
} trib_query_param;

typedef struct trib_query {
    const trib_query_param *params;
    size_t count;
} trib_query;

/* Decodes name=value pairs between '&' ('+' is a space).
 * Owns:   *ret is in `arena`.
 * Errors: TRIB_BAD_REQUEST for bad escapes, NUL, text that is not UTF-8 or too many parameters; TRIB_NOMEM. */
trib_code trib_query_parse(trib_arena *arena, trib_str query, trib_query *ret, trib_error *err);
/* The first value of this name; NULL if it is absent. */
const trib_str *trib_query_get(const trib_query *query, const char *name);

/* ---- URLs of servers ---- */

typedef enum trib_url_scheme {
    TRIB_URL_HTTP,
    TRIB_URL_HTTPS,
    TRIB_URL_LIBSQL,
    TRIB_URL_WS,
    TRIB_URL_WSS,
} trib_url_scheme;

typedef struct trib_url {
    trib_url_scheme scheme;
    bool tls;      /* https, wss, and libsql unless it says ?tls=0 */
    bool is_ipv6;  /* host is an IPv6 address; it stands here without its brackets */
    uint16_t port; /* 80 or 443 if the URL has none */
    trib_str host;
    trib_str path;  /* as written, at least "/" */
    trib_str query; /* as written, without '?' */
} trib_url;

/* Parses the URL of a server. A user name or password and a fragment are refused: they would be ignored in silence.
 * Owns:   everything in *ret is borrowed from `text` or static.
 * Errors: TRIB_BAD_REQUEST. */
trib_code trib_url_parse(trib_str text, trib_url *ret, trib_error *err);
const char *trib_url_scheme_text(trib_url_scheme scheme);

#endif

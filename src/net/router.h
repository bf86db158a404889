/* SPDX-License-Identifier: Apache-2.0 */
/* Finds the route of a request: the modules' route tables, checked and compiled once at start.
 *
 *   exact paths   sorted array, binary search:  "/health" "/v2/pipeline" "/v3/cursor" ...  each with its methods
 *   patterns      by number of segments:        "/v1/namespaces/:name/create" ...          tried in the order given
 *
 *   rests         a star as the last segment takes all that is left, one segment or more; after the patterns
 *
 * An exact path wins over a pattern. Paths come in without the tenant prefix and decoded. */
#ifndef TRIB_NET_ROUTER_H
#define TRIB_NET_ROUTER_H

#include "base/buf.h"
#include "base/error.h"
#include "core/http.h"

enum {
    TRIB_ROUTES_MAX = 512,        /* of all modules; a table gone wrong, not an attack */
    TRIB_ROUTE_SEGMENTS_MAX = 12, /* paths with more never match: stops paths of 4,000 slashes from costing time */
};

typedef struct trib_router trib_router;

typedef struct trib_route_match {
    const trib_route *route;
    size_t route_index;                         /* below trib_router_count; for counters beside the table */
    size_t module_index;                        /* in the list given to trib_router_new */
    trib_str params[TRIB_HTTP_PATH_PARAMS_MAX]; /* borrow from the path */
    unsigned param_count;
} trib_route_match;

/* Compiles the tables; `modules` and their routes must outlive the router.
 * Owns:   *ret is the caller's (trib_router_free).
 * Errors: INTERNAL when a route is wrong (no handler, path without '/', first segment that is not one of the server's
 *         own names, more than TRIB_HTTP_PATH_PARAMS_MAX parameters) or is there twice; NOMEM. */
trib_code trib_router_new(const trib_module *const *modules, size_t module_count, trib_router **ret, trib_error *err);
void trib_router_free(trib_router *router);

size_t trib_router_count(const trib_router *router);
const trib_route *trib_router_at(const trib_router *router, size_t index);

/* The route for method and path on a listener (a trib_listener_kind). HEAD finds GET.
 * Errors: NOT_FOUND; METHOD_NOT_ALLOWED (trib_router_allow has the methods). Thread: any. */
trib_code trib_router_find(const trib_router *router, unsigned listener, trib_str method, trib_str path,
                           trib_route_match *ret, trib_error *err);
/* Appends the methods that the path takes: "GET, HEAD, OPTIONS"; nothing but OPTIONS where there is no such path. */
void trib_router_allow(const trib_router *router, unsigned listener, trib_str path, trib_buf *buf);

#endif

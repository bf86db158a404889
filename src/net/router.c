/* SPDX-License-Identifier: Apache-2.0 */
/* Route look-up; see router.h. */
#include "net/router.h"

#include <stdlib.h>
#include <string.h>

#include "core/auth.h"

typedef struct route_entry {
    const trib_route *route;
    trib_str path;
    size_t module_index, index;
    unsigned segments, param_count;
    bool rest; /* its last segment is a star, which takes what is left of the path */
} route_entry;

struct trib_router {
    size_t count, exact_count;
    const trib_route *by_index[TRIB_ROUTES_MAX];
    /* [0, exact_count): exact paths, sorted; behind them the patterns in the order given */
    route_entry entries[TRIB_ROUTES_MAX];
};

/* Number of '/': "/a/b" has two. */
static unsigned count_segments(trib_str path) {
    unsigned n = 0;
    for (size_t i = 0; i < path.len; i++) n += path.ptr[i] == '/';
    return n;
}

static int compare_entries(const void *a, const void *b) {
    const route_entry *x = a, *y = b;
    bool x_pattern = x->param_count > 0, y_pattern = y->param_count > 0;
    if (x_pattern != y_pattern) return x_pattern ? 1 : -1;
    if (x->rest != y->rest) return x->rest ? 1 : -1;
    int order = x_pattern ? 0 : trib_str_cmp(x->path, y->path);
    if (order) return order;
    return x->index < y->index ? -1 : x->index > y->index;
}

static trib_code check_route(const trib_module *module, const trib_route *route, route_entry *entry, trib_error *err) {
    const char *fault = NULL;
    trib_str path = trib_str_c(route->path);
    trib_str first = trib_str_sub(path, 1, path.len);
    size_t end = trib_str_find(first, '/');
    if (end != SIZE_MAX) first = trib_str_sub(first, 0, end);
    for (size_t i = 0; i + 1 < path.len; i++) entry->param_count += path.ptr[i] == '/' && path.ptr[i + 1] == ':';
    entry->rest = trib_str_ends(path, TRIB_STR("/*"));
    entry->param_count += entry->rest;
    entry->path = path;
    entry->route = route;
    entry->segments = count_segments(path);
    if (!route->handle || !route->method || !route->listeners) fault = "has no method, listener or handler";
    else if (path.len == 0 || path.ptr[0] != '/') fault = "does not start with '/'";
    else if (first.len && !trib_auth_is_own_name(first)) fault = "starts with a name that a tenant could have";
    else if (entry->segments > TRIB_ROUTE_SEGMENTS_MAX) fault = "has too many segments";
    else if (entry->param_count > TRIB_HTTP_PATH_PARAMS_MAX) fault = "has too many parameters";
    if (!fault) return TRIB_OK;
    return trib_error_set(err, TRIB_INTERNAL, "module %s: the route %s %s; correct its table", module->name,
                          route->path, fault);
}

static trib_code check_twice(const trib_router *router, trib_error *err) {
    for (size_t i = 0; i < router->count; i++) {
        for (size_t k = i + 1; k < router->count; k++) {
            const trib_route *a = router->by_index[i], *b = router->by_index[k];
            if (strcmp(a->path, b->path) || strcmp(a->method, b->method) || !(a->listeners & b->listeners)) continue;
            return trib_error_set(err, TRIB_INTERNAL, "two modules serve %s %s; remove one", a->method, a->path);
        }
    }
    return TRIB_OK;
}

static trib_code fill(trib_router *router, const trib_module *const *modules, size_t module_count, trib_error *err) {
    for (size_t m = 0; m < module_count; m++) {
        for (size_t r = 0; r < modules[m]->route_count; r++) {
            if (router->count == TRIB_ROUTES_MAX) return trib_error_set(err, TRIB_INTERNAL, "too many routes");
            route_entry *entry = &router->entries[router->count];
            trib_code code = check_route(modules[m], &modules[m]->routes[r], entry, err);
            if (code) return code;
            entry->module_index = m;
            entry->index = router->count;
            router->exact_count += entry->param_count == 0;
            router->by_index[router->count++] = entry->route;
        }
    }
    qsort(router->entries, router->count, sizeof *router->entries, compare_entries);
    return check_twice(router, err);
}

trib_code trib_router_new(const trib_module *const *modules, size_t module_count, trib_router **ret, trib_error *err) {
    trib_router *router = calloc(1, sizeof *router);
    if (!router) return trib_error_set(err, TRIB_NOMEM, NULL);
    trib_code code = fill(router, modules, module_count, err);
    if (code) {
        trib_router_free(router);
        return code;
    }
    *ret = router;
    return TRIB_OK;
}

void trib_router_free(trib_router *router) {
    free(router);
}

size_t trib_router_count(const trib_router *router) {
    return router->count;
}

const trib_route *trib_router_at(const trib_router *router, size_t index) {
    return router->by_index[index];
}

/* Index of the first exact entry with this path, or exact_count. */
static size_t find_exact(const trib_router *router, trib_str path) {
    size_t low = 0, high = router->exact_count;
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (trib_str_cmp(router->entries[mid].path, path) < 0) low = mid + 1;
        else high = mid;
    }
    if (low < router->exact_count && trib_str_eq(router->entries[low].path, path)) return low;
    return router->exact_count;
}

/* The segment that starts at *at (behind a '/'); *at moves behind the next '/'. */
static trib_str next_segment(trib_str path, size_t *at) {
    size_t from = *at, to = from;
    while (to < path.len && path.ptr[to] != '/') to++;
    *at = to + 1;
    return trib_str_sub(path, from, to);
}

static bool match_pattern(const route_entry *entry, trib_str path, trib_route_match *ret) {
    size_t pattern_at = 1, path_at = 1;
    ret->param_count = 0;
    for (unsigned i = 0; i < entry->segments; i++) {
        trib_str want = next_segment(entry->path, &pattern_at);
        if (entry->rest && i + 1 == entry->segments) {
            if (path_at >= path.len) return false;
            ret->params[ret->param_count++] = trib_str_sub(path, path_at, path.len);
            return true;
        }
        trib_str have = next_segment(path, &path_at);
        if (want.len && want.ptr[0] == ':') {
            if (have.len == 0) return false;
            ret->params[ret->param_count++] = have;
        } else if (!trib_str_eq(want, have)) {
            return false;
        }
    }
    return true;
}

/* Calls `visit` for every entry that matches the path until it answers true. */
static bool visit_path(const trib_router *router, unsigned listener, trib_str path, trib_route_match *match,
                       bool (*visit)(void *ctx, const route_entry *entry), void *ctx) {
    for (size_t i = find_exact(router, path); i < router->exact_count; i++) {
        const route_entry *entry = &router->entries[i];
        if (!trib_str_eq(entry->path, path)) break;
        if ((entry->route->listeners & listener) && visit(ctx, entry)) return true;
    }
    unsigned segments = count_segments(path);
    for (size_t i = router->exact_count; i < router->count; i++) {
        const route_entry *entry = &router->entries[i];
        bool fits = entry->rest ? entry->segments <= segments : entry->segments == segments;
        if (!fits || !(entry->route->listeners & listener)) continue;
        if (match_pattern(entry, path, match) && visit(ctx, entry)) return true;
    }
    return false;
}

typedef struct find_ctx {
    trib_str method;
    bool path_known;
    const route_entry *found;
} find_ctx;

static bool visit_find(void *ctx, const route_entry *entry) {
    find_ctx *find = ctx;
    trib_str method = trib_str_eq_c(find->method, "HEAD") ? TRIB_STR("GET") : find->method;
    find->path_known = true;
    if (!trib_str_eq_c(method, entry->route->method)) return false;
    find->found = entry;
    return true;
}

trib_code trib_router_find(const trib_router *router, unsigned listener, trib_str method, trib_str path,
                           trib_route_match *ret, trib_error *err) {
    find_ctx find = {.method = method};
    *ret = (trib_route_match){0};
    if (!visit_path(router, listener, path, ret, visit_find, &find)) {
        if (!find.path_known) return trib_error_set(err, TRIB_NOT_FOUND, NULL);
        return trib_error_set(err, TRIB_METHOD_NOT_ALLOWED, "%.*s does not take %.*s; see the Allow header",
                              TRIB_STR_ARG(path), TRIB_STR_ARG(method));
    }
    ret->route = find.found->route;
    ret->route_index = find.found->index;
    ret->module_index = find.found->module_index;
    if (find.found->param_count == 0) ret->param_count = 0;
    return TRIB_OK;
}

static bool visit_allow(void *ctx, const route_entry *entry) {
    trib_buf *buf = ctx;
    trib_buf_add_c(buf, entry->route->method);
    trib_buf_add_c(buf, strcmp(entry->route->method, "GET") == 0 ? ", HEAD, " : ", ");
    return false;
}

void trib_router_allow(const trib_router *router, unsigned listener, trib_str path, trib_buf *buf) {
    trib_route_match match = {0};
    visit_path(router, listener, path, &match, visit_allow, buf);
    trib_buf_add_c(buf, "OPTIONS");
}

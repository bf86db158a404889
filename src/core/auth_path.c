/* SPDX-License-Identifier: Apache-2.0 */
/* Which part of a path names a tenant; pure. Kept apart from auth.c so that routing can be tested without keys and tenants. */
#include "core/auth.h"

/* First segments that belong to the server, today's and those that its protocols need later: a tenant of such a name could
 * never be reached by path, and a path that starts with one never names a tenant. Sorted by nothing but meaning. */
static const char *const own_names[] = {
    "v1", "v2", "v3", "v3-protobuf", "health", "version", "metrics", "dev", "info", "export", "sync", "pull-updates",
    "console", "dump", "beta", "admin", "api", "static", "favicon.ico", "robots.txt", ".well-known", "wal_log.ReplicationLog",
    "proxy.Proxy", "admin_shell.AdminShellService", "ws", "live", "streams", "discovery-api", "profile", "log-filter",
};

bool trib_auth_is_own_name(trib_str segment) {
    for (size_t i = 0; i < sizeof own_names / sizeof *own_names; i++) {
        if (trib_str_eq_c(segment, own_names[i])) return true;
    }
    return false;
}

/* "/acme/v2" -> "acme", "/v2"; the rest is "/" when nothing follows. */
static trib_str first_segment(trib_str path, trib_str *ret_rest) {
    trib_str behind = trib_str_sub(path, 1, path.len);
    size_t end = trib_str_find(behind, '/');
    if (end == SIZE_MAX) {
        *ret_rest = TRIB_STR("/");
        return behind;
    }
    *ret_rest = trib_str_sub(behind, end, behind.len);
    return trib_str_sub(behind, 0, end);
}

void trib_auth_split_path(trib_str path, trib_str *ret_tenant, trib_str *ret_rest) {
    trib_str rest;
    trib_str first = path.len ? first_segment(path, &rest) : path;
    *ret_tenant = (trib_str){0};
    *ret_rest = path;
    if (first.len == 0) return;
    if (trib_str_eq_c(first, "dev")) first = first_segment(rest, &rest);
    else if (trib_auth_is_own_name(first)) return;
    if (first.len == 0) return;
    *ret_tenant = first;
    *ret_rest = rest;
}

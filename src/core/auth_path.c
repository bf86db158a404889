/* SPDX-License-Identifier: Apache-2.0 */
/* Which part of a path names a tenant; pure. Kept apart from auth.c so that routing can be tested without keys and tenants. */
#include "core/auth.h"

#include "wire/tenant_name.h"

/* First segments that belong to the server although they are no tenant names: dotted ones. The others are
 * trib_tenant_name_reserved. `streams` and `discovery` are not among them: they are system databases, reached by path. */
static const char *const dotted_names[] = {
    "favicon.ico", "robots.txt", ".well-known", "wal_log.ReplicationLog", "proxy.Proxy", "admin_shell.AdminShellService",
};

bool trib_auth_is_own_name(trib_str segment) {
    if (trib_tenant_name_reserved(segment)) return true;
    for (size_t i = 0; i < sizeof dotted_names / sizeof *dotted_names; i++) {
        if (trib_str_eq_c(segment, dotted_names[i])) return true;
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

/* SPDX-License-Identifier: Apache-2.0 */
/* Which part of a path names a tenant; pure. Kept apart from auth.c so that routing can be tested without keys and
 * tenants. */
#include "core/auth.h"

#include "wire/tenant_name.h"
#include "wire/url.h"

/* Besides the reserved words every name with a dot (wal_log.ReplicationLog, favicon.ico): no tenant can be called so,
 * and gRPC services are. `streams` and `discovery` are not own names: they are system databases, reached by path. */
bool trib_auth_is_own_name(trib_str segment) {
    return trib_tenant_name_reserved(segment) || trib_str_find(segment, '.') != SIZE_MAX;
}

void trib_auth_split_path(trib_str path, trib_str *ret_tenant, trib_str *ret_rest) {
    trib_str rest = path;
    trib_str first = trib_path_take_segment(&rest);
    *ret_tenant = (trib_str){0};
    *ret_rest = path;
    /* sqld's own form of a path with a tenant in it: /dev/<tenant>/v2/pipeline */
    if (trib_str_eq_c(first, "dev")) first = trib_path_take_segment(&rest);
    else if (trib_auth_is_own_name(first)) return;
    if (first.len == 0) return;
    *ret_tenant = first;
    *ret_rest = rest;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Tenant names; see tenant_name.h. `/<tenant>/v2/pipeline` and the server's own paths share one root, so every first
 * path word of the server is in the table below: a face that serves a new one adds it here. */
#include "wire/tenant_name.h"

#include <string.h>

static const char *const reserved[] = {
    /* libSQL: protocol versions, replication, sync, extras */
    "v0",
    "v1",
    "v2",
    "v3",
    "v3-protobuf",
    "v4",
    "dev",
    "info",
    "export",
    "sync",
    "pull-updates",
    "beta",
    "console",
    "dump",
    "jobs",
    "proxy",
    "wal_log",
    "replication",
    "admin_shell",
    "libsql",
    /* operations */
    "health",
    "healthz",
    "ready",
    "readyz",
    "live",
    "livez",
    "version",
    "metrics",
    "status",
    "diagnostics",
    "profile",
    "log-filter",
    "debug",
    "admin",
    "config",
    /* faces of Tributary and what stands beside them on a web host */
    "api",
    "auth",
    "login",
    "logout",
    "token",
    "tokens",
    "tenant",
    "tenants",
    "namespace",
    "namespaces",
    "organization",
    "organizations",
    "group",
    "groups",
    "database",
    "databases",
    "deploy",
    "records",
    "archive",
    "events",
    "orders",
    "provisioning",
    "dashboard",
    "docs",
    "assets",
    "static",
    "favicon",
    "robots",
    "www",
    "ws",
    "trib",
    "tributary",
    "system",
    /* clients send these when nobody named a database: a tenant of this name would get strangers' data */
    "default",
    "localhost",
    "127",
};

static const char *const system_names[] = {"control", "streams", "discovery"};

static bool in_list(trib_str name, const char *const *list, size_t n) {
    if (name.len == 0) return false;
    for (size_t i = 0; i < n; i++) {
        /* every request asks this: most words are told apart by their first byte */
        if (list[i][0] == name.ptr[0] && trib_str_eq_c(name, list[i])) return true;
    }
    return false;
}

bool trib_tenant_name_reserved(trib_str name) {
    return in_list(name, reserved, sizeof reserved / sizeof reserved[0]);
}

bool trib_tenant_name_system(trib_str name) {
    return in_list(name, system_names, sizeof system_names / sizeof system_names[0]);
}

static bool is_name_byte(char c, bool first) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (!first && (c == '-' || c == '_'));
}

trib_code trib_tenant_name_check(trib_str name, trib_error *err) {
    static const char allowed[] = "1 to 64 lower-case letters, digits, '-' and '_', beginning with a letter or digit";
    const trib_code code = TRIB_TENANT_NAME_INVALID;
    if (name.len == 0) return trib_error_set(err, code, "the tenant name is empty; use %s", allowed);
    if (name.len > TRIB_TENANT_NAME_MAX_BYTES) {
        return trib_error_set(err, code, "the tenant name has %zu bytes; use %s", name.len, allowed);
    }
    for (size_t i = 0; i < name.len; i++) {
        if (is_name_byte(name.ptr[i], i == 0)) continue;
        /* by number: the byte may be half a character, and the message must stay UTF-8 */
        unsigned byte = (unsigned char)name.ptr[i];
        return trib_error_set(err, code, "the tenant name has byte 0x%02X at position %zu; use %s", byte, i, allowed);
    }
    if (trib_tenant_name_reserved(name)) {
        return trib_error_set(err, code, "the server itself uses the name '%.*s'; choose another one",
                              TRIB_STR_ARG(name));
    }
    return TRIB_OK;
}

bool trib_tenant_name_valid(trib_str name) {
    return trib_tenant_name_check(name, NULL) == TRIB_OK;
}

bool trib_tenant_host_label(trib_str host, trib_str domain, char out[TRIB_TENANT_NAME_MAX_BYTES], trib_str *ret) {
    size_t colon = trib_str_find(host, ':');
    if (colon != SIZE_MAX) host = trib_str_sub(host, 0, colon);
    /* a trailing dot makes a name absolute, it is the same host */
    if (host.len && host.ptr[host.len - 1] == '.') host.len--;
    if (domain.len == 0 || host.len < domain.len + 2) return false;
    size_t n = host.len - domain.len - 1;
    if (n > TRIB_TENANT_NAME_MAX_BYTES || host.ptr[n] != '.') return false;
    if (!trib_str_ieq(trib_str_sub(host, n + 1, host.len), domain)) return false;
    for (size_t i = 0; i < n; i++) {
        char c = host.ptr[i];
        if (c == '.') return false;
        out[i] = c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
    }
    *ret = (trib_str){out, n};
    return true;
}

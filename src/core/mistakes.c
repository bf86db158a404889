/* SPDX-License-Identifier: Apache-2.0 */
/* Recognises and counts what clients do wrong; see mistakes.h. */
#include "core/mistakes.h"

#include <string.h>

static const char *const ids[] = {
#define X(name, id, meaning) id,
    TRIB_MISTAKE_TABLE(X)
#undef X
};
static const char *const labels[] = {
#define X(name, id, meaning) "mistake=\"" id "\"",
    TRIB_MISTAKE_TABLE(X)
#undef X
};

const char *trib_mistake_id(trib_mistake mistake) {
    return mistake < TRIB_MISTAKE_COUNT ? ids[mistake] : "";
}

void trib_mistakes_init(trib_mistakes *mistakes, trib_metrics *metrics) {
    for (int i = 0; i < TRIB_MISTAKE_COUNT; i++)
        mistakes->counters[i] = trib_metrics_add_counter(
            metrics, "trib_client_mistakes", "Refused requests with a wrong URL, by kind (trib doctor)", labels[i]);
}

void trib_mistakes_note(trib_mistakes *mistakes, trib_mistake mistake, int64_t now_ms) {
    if (mistake >= TRIB_MISTAKE_COUNT || !mistakes->counters[mistake]) return;
    trib_counter_add(mistakes->counters[mistake], 1);
    atomic_store_explicit(&mistakes->last_ms[mistake], now_ms, memory_order_relaxed);
}

/* ---- recognising ---- */

static bool ends(trib_str path, const char *end) {
    return trib_str_ends(path, trib_str_c(end));
}

/* The last part of a path, and the one before it. */
static trib_str last_part(trib_str path, trib_str *ret_before) {
    const char *slash = path.len ? memrchr(path.ptr, '/', path.len) : NULL;
    size_t at = slash ? (size_t)(slash - path.ptr) : 0;
    *ret_before = trib_str_sub(path, 0, at);
    return trib_str_sub(path, slash ? at + 1 : 0, path.len);
}

static bool is_one_of(trib_str word, const char *const *words) {
    for (; *words; words++) {
        if (trib_str_eq_c(word, *words)) return true;
    }
    return false;
}

/* "/acme/pipeline": a route's name where no version stands before it. */
static bool lacks_version(trib_str path) {
    static const char *const names[] = {"pipeline", "cursor", "execute", "batch", "query", NULL};
    static const char *const versions[] = {"v1", "v2", "v3", NULL};
    trib_str before, rest;
    if (!is_one_of(last_part(path, &before), names)) return false;
    return !is_one_of(last_part(before, &rest), versions);
}

/* Embedded replicas of libSQL: gRPC calls below /wal_log.ReplicationLog/ and /proxy.Proxy/, and the sync protocol. */
static bool is_replica(trib_str path) {
    static const char *const parts[] = {"/wal_log.", "/proxy.Proxy", "/sync/", "/frames", "/pull-updates"};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        if (path.len && memmem(path.ptr, path.len, parts[i], strlen(parts[i]))) return true;
    }
    return false;
}

static bool is_data(trib_str path) {
    return ends(path, "/pipeline") || ends(path, "/cursor") || ends(path, "/v1/execute") || ends(path, "/v1/batch");
}

static bool is_admin(trib_str path) {
    static const char *const starts[] = {"/v1/namespaces", "/v1/tokens", "/v1/keys", "/metrics"};
    for (size_t i = 0; i < sizeof starts / sizeof *starts; i++) {
        if (trib_str_starts(path, trib_str_c(starts[i]))) return true;
    }
    return false;
}

trib_mistake trib_mistake_of_request(const trib_error *err, bool admin_listener, trib_str path, bool upgrade) {
    if (err->code == TRIB_TENANT_AMBIGUOUS) return TRIB_MISTAKE_TWICE;
    if (err->code == TRIB_TENANT_MISSING) return TRIB_MISTAKE_SLASH;
    if (err->code != TRIB_NOT_FOUND && err->code != TRIB_METHOD_NOT_ALLOWED) return TRIB_MISTAKE_COUNT;
    if (upgrade) return TRIB_MISTAKE_WEBSOCKET;
    if (is_replica(path)) return TRIB_MISTAKE_REPLICA;
    if (err->code != TRIB_NOT_FOUND) return TRIB_MISTAKE_COUNT;
    if (admin_listener) return is_data(path) ? TRIB_MISTAKE_TENANT : TRIB_MISTAKE_COUNT;
    if (is_admin(path)) return TRIB_MISTAKE_ADMIN;
    return lacks_version(path) ? TRIB_MISTAKE_PATH : TRIB_MISTAKE_COUNT;
}

trib_mistake trib_mistake_of_bytes(trib_str first) {
    /* RFC 8446 §5.1: a handshake record of any version of TLS */
    bool tls = first.len >= 2 && first.ptr[0] == 0x16 && first.ptr[1] == 0x03;
    return tls ? TRIB_MISTAKE_TLS : TRIB_MISTAKE_COUNT;
}

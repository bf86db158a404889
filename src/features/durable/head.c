/* SPDX-License-Identifier: Apache-2.0 */
/* What a request says, before anything is looked up: header fields and query parameters of the protocol. */
#include <string.h>

#include "base/time.h"
#include "features/durable/durable_int.h"
#include "wire/url.h"

static trib_code bad(trib_error *err, const char *what) {
    return trib_error_set(err, TRIB_BAD_REQUEST, "%s", what);
}

/* Copied: the head of the message is gone when a job runs. ptr NULL: there is no such header. */
static trib_code take(trib_http_request *http, const char *name, size_t most, trib_str *ret, trib_error *err) {
    trib_str value = trib_http_header(http, name);
    *ret = (trib_str){0};
    if (!value.ptr) return TRIB_OK;
    if (value.len > most) return trib_error_set(err, TRIB_BAD_REQUEST, "%s has at most %zu bytes", name, most);
    *ret = trib_arena_dup(http->arena, value);
    return ret->ptr ? TRIB_OK : trib_error_set(err, TRIB_NOMEM, NULL);
}

bool durable_path_is_deal(trib_str path) {
    return trib_str_starts(path, TRIB_STR(DURABLE_DEALS));
}

trib_code durable_head_path(trib_http_request *http, durable_head *ret, trib_error *err) {
    ret->path = http->path_param_count > 0 ? http->path_params[0] : (trib_str){0};
    if (trib_str_starts(ret->path, TRIB_STR("__ds/")))
        return trib_error_set(err, TRIB_NOT_FOUND,
                              "paths that begin with __ds/ are the protocol's own, and this is none of them");
    bool reads = trib_str_eq_c(http->method, "GET") || trib_str_eq_c(http->method, "HEAD");
    if (!reads && durable_path_is_deal(ret->path))
        return trib_error_set(err, TRIB_METHOD_NOT_ALLOWED,
                              "the streams of deals are only read here; append to them at /api/streams/ID/events");
    if (ret->path.len > 0 && ret->path.len <= DURABLE_PATH_MAX_BYTES) return TRIB_OK;
    return trib_error_set(err, TRIB_BAD_REQUEST, "the path of a stream has 1 to %d bytes", DURABLE_PATH_MAX_BYTES);
}

/* Content-Type and Stream-Closed, which both kinds of writing have. */
static trib_code read_common(trib_http_request *http, durable_head *ret, trib_error *err) {
    if (http->body.len > DURABLE_BODY_MAX_BYTES)
        return trib_error_set(err, TRIB_BODY_TOO_LARGE, "an append has at most %d bytes; send it in parts",
                              DURABLE_BODY_MAX_BYTES);
    trib_code code = durable_head_path(http, ret, err);
    if (code == TRIB_OK) code = take(http, "content-type", DURABLE_TYPE_MAX_BYTES, &ret->type, err);
    if (code == TRIB_OK && ret->type.len > 0 && durable_media_type(ret->type).len == 0)
        code = bad(err, "Content-Type must be a media type, as in text/plain");
    ret->closes = trib_str_ieq_c(trib_http_header(http, "stream-closed"), "true");
    return code;
}

static trib_code read_expiry(trib_http_request *http, durable_head *ret, trib_error *err) {
    trib_str ttl = trib_http_header(http, "stream-ttl"), at = trib_http_header(http, "stream-expires-at");
    ret->has_ttl = ttl.ptr != NULL;
    ret->has_expires = at.ptr != NULL;
    if (ret->has_ttl && ret->has_expires)
        return bad(err, "Stream-TTL and Stream-Expires-At exclude each other; send one of them");
    if (ret->has_ttl && !durable_number_read(ttl, DURABLE_TTL_MAX_S, &ret->ttl_s))
        return bad(err,
                   "Stream-TTL must be seconds, a number without sign, point or leading zeros, of at most a hundred "
                   "years");
    if (ret->has_expires && (!trib_time_from_iso(at, &ret->expires_ms) || trib_str_find(at, ':') == SIZE_MAX))
        return bad(err, "Stream-Expires-At must be a time as in 2026-11-21T14:28:00Z");
    return TRIB_OK;
}

/* The source is named by its path, by a URL's path, or by a whole URL: what stands behind /v1/stream/. Of this tenant
 * in any case. */
static trib_str source_path(trib_str named) {
    static const char mount[] = "/v1/stream/";
    for (size_t i = 0; i + sizeof mount - 1 <= named.len; i++)
        if (trib_str_starts(trib_str_sub(named, i, named.len), trib_str_c(mount)))
            return trib_str_sub(named, i + sizeof mount - 1, named.len);
    return named.len > 0 && named.ptr[0] == '/' ? trib_str_sub(named, 1, named.len) : named;
}

static trib_code read_fork(trib_http_request *http, durable_head *ret, trib_error *err) {
    trib_str from, offset = trib_http_header(http, "stream-fork-offset");
    trib_str sub = trib_http_header(http, "stream-fork-sub-offset");
    trib_code code = take(http, "stream-forked-from", 3 * DURABLE_PATH_MAX_BYTES, &from, err);
    if (code != TRIB_OK) return code;
    if (!from.ptr && (offset.ptr || sub.ptr))
        return bad(err,
                   "Stream-Fork-Offset and Stream-Fork-Sub-Offset say where to fork: send Stream-Forked-From, too");
    if (!from.ptr) return TRIB_OK;
    from = source_path(from);
    char *decoded = trib_arena_alloc(http->arena, from.len + 1);
    size_t n;
    if (!decoded) return trib_error_set(err, TRIB_NOMEM, NULL);
    if (from.len == 0 || !trib_percent_decode(from, false, decoded, &n) || n > DURABLE_PATH_MAX_BYTES ||
        !trib_str_utf8_valid(trib_str_make(decoded, n)))
        return bad(err, "Stream-Forked-From must be the path of a stream");
    ret->fork_of = trib_str_make(decoded, n);
    ret->has_fork_position = offset.ptr != NULL;
    if (ret->has_fork_position && !durable_offset_read(offset, &ret->fork_position))
        return bad(err, "Stream-Fork-Offset must be an offset that the source has told");
    if (sub.ptr && !durable_number_read(sub, DURABLE_POSITION_MAX, &ret->fork_sub))
        return bad(err, "Stream-Fork-Sub-Offset must be a number without sign, point or leading zeros");
    return TRIB_OK;
}

trib_code durable_head_create(trib_http_request *http, durable_head *ret, trib_error *err) {
    trib_code code = read_common(http, ret, err);
    if (code == TRIB_OK) code = read_expiry(http, ret, err);
    return code == TRIB_OK ? read_fork(http, ret, err) : code;
}

static trib_code read_producer(trib_http_request *http, durable_head *ret, trib_error *err) {
    trib_str epoch = trib_http_header(http, "producer-epoch"), seq = trib_http_header(http, "producer-seq");
    trib_code code = take(http, "producer-id", DURABLE_PRODUCER_MAX_BYTES, &ret->producer, err);
    if (code != TRIB_OK) return code;
    if (!ret->producer.ptr && !epoch.ptr && !seq.ptr) return TRIB_OK;
    if (ret->producer.len == 0 || !epoch.ptr || !seq.ptr)
        return bad(err, "Producer-Id (not empty), Producer-Epoch and Producer-Seq come together");
    if (!durable_number_read(epoch, DURABLE_COUNT_MAX, &ret->epoch) ||
        !durable_number_read(seq, DURABLE_COUNT_MAX, &ret->producer_seq))
        return bad(err, "Producer-Epoch and Producer-Seq must be numbers from 0 to 9007199254740991");
    return TRIB_OK;
}

trib_code durable_head_append(trib_http_request *http, durable_head *ret, trib_error *err) {
    trib_code code = read_common(http, ret, err);
    if (code == TRIB_OK) code = take(http, "stream-seq", DURABLE_SEQ_MAX_BYTES, &ret->seq, err);
    if (code == TRIB_OK) code = read_producer(http, ret, err);
    if (code != TRIB_OK) return code;
    if (ret->seq.ptr && !trib_str_utf8_valid(ret->seq)) return bad(err, "Stream-Seq must be UTF-8");
    if (!trib_str_utf8_valid(ret->producer)) return bad(err, "Producer-Id must be UTF-8");
    if (http->body.len == 0 && !ret->closes)
        return bad(err, "the body is empty: an append has bytes, or closes the stream with Stream-Closed: true");
    if (http->body.len > 0 && ret->type.len == 0) return bad(err, "an append needs a Content-Type, that of its stream");
    return TRIB_OK;
}

/* ---- reading ---- */

static trib_code read_offset(const trib_query *query, durable_head *ret, trib_error *err) {
    const trib_str *offset = NULL;
    for (size_t i = 0; i < query->count; i++) {
        if (!trib_str_eq_c(query->params[i].name, "offset")) continue;
        if (offset) return bad(err, "\"offset\" is there twice");
        offset = &query->params[i].value;
    }
    if (!offset && ret->live != DURABLE_LIVE_NOT)
        return bad(err, "a live read needs an offset: one that the stream has told, -1 (its begin) or now (its end)");
    ret->from = DURABLE_FROM_START;
    if (!offset || trib_str_eq_c(*offset, "-1")) return TRIB_OK;
    ret->from = DURABLE_FROM_NOW;
    if (trib_str_eq_c(*offset, "now")) return TRIB_OK;
    ret->from = DURABLE_FROM_POSITION;
    if (durable_offset_read(*offset, &ret->position)) return TRIB_OK;
    return bad(err, "\"offset\" must be one that the stream has told, -1 (its begin) or now (its end)");
}

trib_code durable_head_read(trib_http_request *http, durable_head *ret, trib_error *err) {
    trib_query query;
    trib_code code = durable_head_path(http, ret, err);
    ret->is_head = trib_str_eq_c(http->method, "HEAD");
    if (code != TRIB_OK || ret->is_head) return code;
    code = trib_query_parse(http->arena, http->query, &query, err);
    if (code != TRIB_OK) return code;
    const trib_str *live = trib_query_get(&query, "live"), *cursor = trib_query_get(&query, "cursor");
    const trib_str *timeout = trib_query_get(&query, "timeout");
    uint64_t timeout_s;
    if (live && trib_str_eq_c(*live, "long-poll")) ret->live = DURABLE_LIVE_POLL;
    else if (live && trib_str_eq_c(*live, "sse")) ret->live = DURABLE_LIVE_SSE;
    else if (live) return bad(err, "\"live\" must be long-poll or sse");
    if (live && durable_path_is_deal(ret->path))
        return bad(err, "the streams of deals are followed at /api/streams/ID?live=sse or long-poll");
    ret->timeout_ms = DURABLE_LONG_POLL_MS;
    if (timeout && (!durable_number_read(*timeout, DURABLE_LONG_POLL_MAX_S, &timeout_s) || timeout_s == 0))
        return trib_error_set(err, TRIB_BAD_REQUEST, "\"timeout\" must be seconds from 1 to %d",
                              DURABLE_LONG_POLL_MAX_S);
    if (timeout) ret->timeout_ms = (uint32_t)timeout_s * 1000;
    /* a cursor of somebody else's making says nothing to us */
    if (cursor && !durable_number_read(*cursor, INT64_MAX, &ret->cursor)) ret->cursor = 0;
    code = read_offset(&query, ret, err);
    return code == TRIB_OK ? take(http, "if-none-match", 4096, &ret->if_none_match, err) : code;
}

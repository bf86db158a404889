/* SPDX-License-Identifier: Apache-2.0 */
/* What a request about a subscription says, before anything is looked up. */
#include <stdlib.h>
#include <string.h>

#include "crypto/hash.h"
#include "features/durable/glob.h"
#include "features/durable/keys.h"
#include "features/durable/sub_int.h"

static trib_code bad(trib_error *err, const char *what) {
    return trib_error_set(err, TRIB_BAD_REQUEST, "%s", what);
}

/* ---- texts ---- */

/* Slashes around a path say nothing. */
static trib_str trim_slashes(trib_str path) {
    while (path.len > 0 && path.ptr[0] == '/') path = trib_str_sub(path, 1, path.len);
    while (path.len > 0 && path.ptr[path.len - 1] == '/') path.len--;
    return path;
}

static trib_code read_path(trib_str text, const char *what, trib_str *ret, trib_error *err) {
    *ret = trim_slashes(text);
    bool own = trib_str_eq_c(*ret, "__ds") || trib_str_starts(*ret, TRIB_STR("__ds/"));
    if (ret->len > 0 && ret->len <= DURABLE_PATH_MAX_BYTES && !own && trib_str_utf8_valid(*ret)) return TRIB_OK;
    return trib_error_set(err, TRIB_BAD_REQUEST,
                          "\"%s\" must be the path of a stream, 1 to %d bytes behind /v1/stream/", what,
                          DURABLE_PATH_MAX_BYTES);
}

/* *ret.ptr NULL: it is absent. */
static trib_code read_text(const trib_json *body, const char *member, size_t most, trib_str *ret, trib_error *err) {
    const trib_json *value = trib_json_get(body, member);
    *ret = (trib_str){0};
    if (trib_json_absent(value)) return TRIB_OK;
    if (trib_json_str(value, ret) && ret->len > 0 && ret->len <= most) return TRIB_OK;
    return trib_error_set(err, TRIB_BAD_REQUEST, "\"%s\" must be a text of 1 to %zu bytes", member, most);
}

static trib_code read_body(trib_http_request *http, trib_arena *arena, const trib_json **ret, trib_error *err) {
    trib_str text = http->body.len > 0 ? http->body : TRIB_STR("{}");
    trib_code code = trib_json_parse_unique(arena, text, ret, err);
    if (code == TRIB_NOMEM) return trib_error_set(err, TRIB_BODY_TOO_LARGE, "the body has too many values");
    if (code != TRIB_OK) return code;
    return trib_json_is(*ret, TRIB_JSON_OBJECT) ? TRIB_OK : bad(err, "the body must be a JSON object");
}

trib_code durable_call_name(trib_http_request *http, durable_call *ret, trib_error *err) {
    ret->name = http->path_param_count > 0 ? http->path_params[0] : (trib_str){0};
    if (ret->name.len == 0 || ret->name.len > DURABLE_SUB_NAME_MAX_BYTES || !trib_str_utf8_valid(ret->name))
        return trib_error_set(err, TRIB_BAD_REQUEST, "the id of a subscription has 1 to %d bytes",
                              DURABLE_SUB_NAME_MAX_BYTES);
    return http->path_param_count > 1 ? read_path(http->path_params[1], "path", &ret->stream, err) : TRIB_OK;
}

/* ---- where webhooks may go ---- */

/* The rest is judged when the name is resolved (public_only): here is refused what says by itself that it is private,
 * or hides where it leads. So hosts are names: an address in any of its spellings is none. */
static bool is_number(trib_str host) {
    size_t at = host.len;
    while (at > 0 && host.ptr[at - 1] != '.') at--;
    trib_str last = trib_str_sub(host, at, host.len);
    return last.len > 0 && last.ptr[0] >= '0' && last.ptr[0] <= '9';
}

static bool is_loopback(trib_str host) {
    return trib_str_ieq_c(host, "localhost") || (trib_str_starts(host, TRIB_STR("127.")) && is_number(host));
}

trib_code durable_check_url(trib_str text, bool local, trib_error *err) {
    trib_url url;
    trib_error why;
    if (trib_url_parse(text, &url, &why) != TRIB_OK)
        return trib_error_set(err, TRIB_WEBHOOK_URL_REJECTED, "\"webhook.url\" cannot be read: %.150s", why.message);
    if (url.scheme == TRIB_URL_HTTP && local && !url.is_ipv6 && is_loopback(url.host)) return TRIB_OK;
    if (url.scheme != TRIB_URL_HTTPS)
        return trib_error_set(err, TRIB_WEBHOOK_URL_REJECTED,
                              "a webhook's URL begins with https://: what it is sent is nobody else's business");
    bool ends_local =
        trib_str_ieq_c(trib_str_sub(url.host, url.host.len > 10 ? url.host.len - 10 : 0, url.host.len), ".localhost");
    if (url.is_ipv6 || is_number(url.host) || trib_str_ieq_c(url.host, "localhost") || ends_local)
        return trib_error_set(err, TRIB_WEBHOOK_URL_REJECTED,
                              "a webhook's URL names a host of the public internet, and no address");
    return TRIB_OK;
}

/* ---- PUT ---- */

static int compare(const void *a, const void *b) {
    return trib_str_cmp(*(const trib_str *)a, *(const trib_str *)b);
}

/* Sorted, each once. */
static trib_code read_streams(trib_http_request *http, const trib_json *value, durable_call *ret, trib_error *err) {
    if (trib_json_absent(value)) return TRIB_OK;
    size_t count = trib_json_count(value);
    if (!trib_json_is(value, TRIB_JSON_ARRAY) || count > DURABLE_SUB_STREAMS_MAX)
        return trib_error_set(err, TRIB_BAD_REQUEST, "\"streams\" must be an array of at most %d paths",
                              DURABLE_SUB_STREAMS_MAX);
    ret->streams = trib_arena_alloc(http->arena, (count + 1) * sizeof *ret->streams);
    if (!ret->streams) return trib_error_set(err, TRIB_NOMEM, NULL);
    for (const trib_json *v = trib_json_first(value); v; v = trib_json_next(v)) {
        trib_str text = {0};
        (void)trib_json_str(v, &text);
        trib_code code = read_path(text, "streams", &ret->streams[ret->stream_count], err);
        if (code != TRIB_OK) return code;
        ret->stream_count++;
    }
    if (ret->stream_count > 0) qsort(ret->streams, ret->stream_count, sizeof *ret->streams, compare);
    size_t kept = 0;
    for (size_t i = 0; i < ret->stream_count; i++)
        if (kept == 0 || !trib_str_eq(ret->streams[kept - 1], ret->streams[i])) ret->streams[kept++] = ret->streams[i];
    ret->stream_count = kept;
    return TRIB_OK;
}

static trib_code read_target(trib_http_request *http, const trib_json *body, durable_call *ret, trib_error *err) {
    trib_str type = {0};
    const trib_json *hook = trib_json_get(body, "webhook");
    trib_code code = read_text(body, "type", 20, &type, err);
    if (code != TRIB_OK) return code;
    ret->is_hook = trib_str_eq_c(type, "webhook");
    if (!ret->is_hook && !trib_str_eq_c(type, "pull-wake"))
        return bad(err, "\"type\" must be \"webhook\" or \"pull-wake\"");
    if (ret->is_hook) {
        if (!trib_json_absent(trib_json_get(body, "wake_stream")))
            return bad(err, "\"wake_stream\" is for subscriptions of the type \"pull-wake\"");
        code = read_text(hook, "url", DURABLE_SUB_URL_MAX_BYTES, &ret->url, err);
        if (code == TRIB_OK && !ret->url.ptr) code = bad(err, "a webhook needs \"webhook\":{\"url\":...}");
        if (code == TRIB_OK) code = durable_check_url(ret->url, http->app->settings.webhook_private, err);
        return code;
    }
    if (!trib_json_absent(hook)) return bad(err, "\"webhook\" is for subscriptions of the type \"webhook\"");
    code = read_text(body, "wake_stream", DURABLE_PATH_MAX_BYTES, &ret->wake_stream, err);
    if (code == TRIB_OK && !ret->wake_stream.ptr) code = bad(err, "\"pull-wake\" needs a \"wake_stream\"");
    if (code == TRIB_OK) code = read_path(ret->wake_stream, "wake_stream", &ret->wake_stream, err);
    if (code == TRIB_OK && durable_path_is_deal(ret->wake_stream))
        code = bad(err, "the streams of deals are only read here; take another \"wake_stream\"");
    return code;
}

/* Two PUTs that say the same have the same: each text with its length before it. */
static trib_code hash_config(durable_call *call, trib_error *err) {
    trib_buf text;
    uint8_t digest[TRIB_SHA256_BYTES];
    const trib_str parts[] = {call->pattern, call->url, call->wake_stream, call->description};
    trib_buf_init(&text, DURABLE_SUB_BODY_MAX_BYTES * 2);
    trib_buf_printf(&text, "%d %lld", call->is_hook, (long long)call->lease_ms);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        trib_buf_printf(&text, " %lld:", parts[i].ptr ? (long long)parts[i].len : -1);
        trib_buf_add(&text, parts[i]);
    }
    for (size_t i = 0; i < call->stream_count; i++) {
        trib_buf_printf(&text, " %zu:", call->streams[i].len);
        trib_buf_add(&text, call->streams[i]);
    }
    trib_code code = text.failed ? TRIB_NOMEM : trib_crypto_sha256(trib_buf_str(&text), digest);
    trib_buf_deinit(&text);
    if (code != TRIB_OK) return trib_error_set(err, code, NULL);
    for (size_t i = 0; i < sizeof digest; i++) {
        call->config[2 * i] = "0123456789abcdef"[digest[i] >> 4];
        call->config[2 * i + 1] = "0123456789abcdef"[digest[i] & 15];
    }
    return TRIB_OK;
}

trib_code durable_call_put(trib_http_request *http, durable_call *ret, trib_error *err) {
    const trib_json *body = NULL, *lease;
    trib_code code = durable_call_name(http, ret, err);
    ret->lease_ms = DURABLE_LEASE_DEFAULT_MS;
    if (code == TRIB_OK) code = read_body(http, http->arena, &body, err);
    if (code == TRIB_OK && !trib_json_absent(trib_json_get(body, "filter")))
        code = bad(err, "\"filter\" is not served here; leave it out, and look at the events themselves");
    if (code == TRIB_OK) code = read_target(http, body, ret, err);
    if (code == TRIB_OK) code = read_text(body, "pattern", DURABLE_PATH_MAX_BYTES, &ret->pattern, err);
    if (code == TRIB_OK && ret->pattern.ptr) code = read_path(ret->pattern, "pattern", &ret->pattern, err);
    if (code == TRIB_OK) code = read_streams(http, trib_json_get(body, "streams"), ret, err);
    if (code == TRIB_OK) code = read_text(body, "description", DURABLE_SUB_TEXT_MAX_BYTES, &ret->description, err);
    if (code != TRIB_OK) return code;
    lease = trib_json_get(body, "lease_ttl_ms");
    if (!trib_json_absent(lease) && (!trib_json_i64(lease, &ret->lease_ms) || ret->lease_ms < DURABLE_LEASE_MIN_MS ||
                                     ret->lease_ms > DURABLE_LEASE_MAX_MS))
        return trib_error_set(err, TRIB_BAD_REQUEST, "\"lease_ttl_ms\" must be a whole number from %d to %d",
                              DURABLE_LEASE_MIN_MS, DURABLE_LEASE_MAX_MS);
    if (!ret->pattern.ptr && ret->stream_count == 0)
        return bad(err, "a subscription needs a \"pattern\" or \"streams\"");
    return hash_config(ret, err);
}

trib_code durable_call_streams(trib_http_request *http, durable_call *ret, trib_error *err) {
    const trib_json *body;
    trib_code code = durable_call_name(http, ret, err);
    if (code == TRIB_OK) code = read_body(http, http->arena, &body, err);
    if (code == TRIB_OK) code = read_streams(http, trib_json_get(body, "streams"), ret, err);
    if (code == TRIB_OK && ret->stream_count == 0) code = bad(err, "\"streams\" must name at least one stream");
    return code;
}

/* ---- claim, callback, ack, release ---- */

trib_code durable_call_claim(trib_http_request *http, durable_call *ret, trib_error *err) {
    const trib_json *body;
    trib_code code = durable_call_name(http, ret, err);
    if (code == TRIB_OK) code = read_body(http, http->arena, &body, err);
    if (code == TRIB_OK) code = read_text(body, "worker", DURABLE_SUB_TEXT_MAX_BYTES, &ret->worker, err);
    if (code == TRIB_OK && !ret->worker.ptr) code = bad(err, "\"worker\" must name who claims");
    return code;
}

static trib_code read_acks(trib_http_request *http, const trib_json *value, durable_call *ret, trib_error *err) {
    if (trib_json_absent(value)) return TRIB_OK;
    size_t count = trib_json_count(value);
    if (!trib_json_is(value, TRIB_JSON_ARRAY) || count > DURABLE_SUB_ACKS_MAX)
        return trib_error_set(err, TRIB_BAD_REQUEST, "\"acks\" must be an array of at most %d", DURABLE_SUB_ACKS_MAX);
    ret->acks = trib_arena_alloc(http->arena, (count + 1) * sizeof *ret->acks);
    if (!ret->acks) return trib_error_set(err, TRIB_NOMEM, NULL);
    for (const trib_json *v = trib_json_first(value); v; v = trib_json_next(v)) {
        trib_str path = {0}, offset = {0};
        durable_ack *ack = &ret->acks[ret->ack_count];
        (void)trib_json_str(trib_json_get(v, "stream"), &path);
        (void)trib_json_str(trib_json_get(v, "offset"), &offset);
        trib_code code = read_path(path, "acks", &ack->path, err);
        if (code != TRIB_OK) return code;
        if (!durable_offset_read(offset, &ack->position))
            return trib_error_set(err, TRIB_INVALID_OFFSET, "\"offset\" must be one that the stream has told");
        ret->ack_count++;
    }
    return TRIB_OK;
}

static trib_code check_token(trib_http_request *http, durable_call *ret, trib_error *err) {
    static const char scheme[] = "bearer ";
    trib_str given = trib_http_header(http, "authorization");
    bool fine = given.len > sizeof scheme - 1 && trib_str_ieq_c(trib_str_sub(given, 0, sizeof scheme - 1), scheme);
    const trib_tenant *tenant = http->tenant;
    /* the same work and the same answer where there is no such tenant */
    trib_str id = tenant && !tenant->system ? trib_str_c(tenant->id) : TRIB_STR("nobody");
    if (fine) {
        trib_str token = trib_str_trim(trib_str_sub(given, sizeof scheme - 1, given.len));
        fine = durable_keys_token_read(http->app, id, ret->name, token, &ret->token_generation);
    }
    if (fine && tenant && !tenant->system) return TRIB_OK;
    return trib_error_set(err, TRIB_TOKEN_INVALID,
                          "this needs the token that came with the wake: `Authorization: Bearer TOKEN`");
}

trib_code durable_call_wake(trib_http_request *http, durable_call *ret, trib_error *err) {
    const trib_json *body;
    trib_code code = durable_call_name(http, ret, err);
    if (code == TRIB_OK) code = check_token(http, ret, err);
    if (code == TRIB_OK) code = read_body(http, http->arena, &body, err);
    if (code == TRIB_OK) code = read_text(body, "wake_id", 100, &ret->wake, err);
    if (code != TRIB_OK) return code;
    if (!ret->wake.ptr || !trib_json_i64(trib_json_get(body, "generation"), &ret->generation))
        return bad(err, "\"wake_id\" and \"generation\" must be those of the wake");
    (void)trib_json_bool(trib_json_get(body, "done"), &ret->done);
    return read_acks(http, trib_json_get(body, "acks"), ret, err);
}

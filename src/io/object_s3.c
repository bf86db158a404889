/* SPDX-License-Identifier: Apache-2.0 */
/* A bucket: made from settings, and what only reads it; see object_s3.h. */
#include "io/object_s3.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "io/object_s3_int.h"
#include "wire/url.h"

enum { BUCKET_MIN_BYTES = 3, BUCKET_MAX_BYTES = 63, HOST_MAX_BYTES = 400 };

/* ---- new ---- */

/* All four in a row; NULL without memory. */
static char *joined(const char *a, const char *b, const char *c, const char *d) {
    size_t n = strlen(a) + strlen(b) + strlen(c) + strlen(d) + 1;
    char *text = malloc(n);
    if (text) snprintf(text, n, "%s%s%s%s", a, b, c, d);
    return text;
}

static bool is_bucket(const char *name) {
    size_t n = name ? strlen(name) : 0;
    return n >= BUCKET_MIN_BYTES && n <= BUCKET_MAX_BYTES &&
           strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789.-_ABCDEFGHIJKLMNOPQRSTUVWXYZ") == n;
}

/* What is signed as the host must be what is sent. */
static trib_code name_host(trib_object_s3 *s3, const trib_object_s3_config *config, trib_error *err) {
    char amazon[HOST_MAX_BYTES], host[HOST_MAX_BYTES + 80];
    trib_url url;
    snprintf(amazon, sizeof amazon, "https://s3.%s.amazonaws.com", s3->region);
    const char *endpoint = config->endpoint ? config->endpoint : amazon;
    if (trib_url_parse(trib_str_c(endpoint), &url, NULL) != TRIB_OK ||
        (url.scheme != TRIB_URL_HTTP && url.scheme != TRIB_URL_HTTPS) || !trib_str_eq_c(url.path, "/") ||
        url.query.len || url.host.len > TRIB_URL_MAX_HOST_BYTES)
        return trib_error_set(err, TRIB_CONFIG,
                              "archive_s3_endpoint: \"%s\" is not http[s]://HOST[:PORT] without a path; the bucket is "
                              "named in archive",
                              endpoint);
    char port[8] = "";
    if (url.port != (url.tls ? 443 : 80)) snprintf(port, sizeof port, ":%u", url.port);
    snprintf(host, sizeof host, "%s%s%s%.*s%s%s", config->virtual_host ? config->bucket : "",
             config->virtual_host ? "." : "", url.is_ipv6 ? "[" : "", TRIB_STR_ARG(url.host), url.is_ipv6 ? "]" : "",
             port);
    s3->host = strdup(host);
    s3->scheme_host = joined(url.tls ? "https" : "http", "://", host, "");
    s3->where = joined("s3://", s3->bucket, "/", s3->prefix);
    return s3->host && s3->scheme_host && s3->where ? TRIB_OK : trib_error_set(err, TRIB_NOMEM, NULL);
}

static trib_code fill(trib_object_s3 *s3, const trib_object_s3_config *config, trib_error *err) {
    if (!is_bucket(config->bucket))
        return trib_error_set(err, TRIB_CONFIG, "archive: \"%s\" is no name of a bucket", config->bucket);
    if (!config->credentials_file)
        return trib_error_set(err, TRIB_CONFIG, "archive_s3_credentials must name a file, see trib.conf");
    if (access(config->credentials_file, R_OK) != 0)
        return trib_error_set(err, TRIB_CONFIG, "archive_s3_credentials: %s cannot be read: %s",
                              config->credentials_file, strerror(errno));
    s3->region = strdup(config->region ? config->region : "us-east-1");
    s3->bucket = strdup(config->bucket);
    s3->prefix = strdup(config->prefix ? config->prefix : "");
    s3->credentials_file = strdup(config->credentials_file);
    s3->virtual_host = config->virtual_host;
    s3->timeout_ms = config->timeout_ms ? config->timeout_ms : TRIB_OBJECT_S3_TIMEOUT_MS;
    s3->tries = config->tries ? config->tries : TRIB_OBJECT_S3_TRIES;
    s3->retry_ms = config->retry_ms ? config->retry_ms : TRIB_OBJECT_S3_RETRY_MS;
    s3->multipart_bytes = config->multipart_bytes ? config->multipart_bytes : TRIB_OBJECT_S3_MULTIPART_BYTES;
    s3->part_bytes = config->part_bytes ? config->part_bytes : TRIB_OBJECT_S3_PART_BYTES;
    s3->lock = trib_mutex_new(s3->env);
    s3->stopping = trib_cond_new(s3->env);
    s3->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    bool ok = s3->region && s3->bucket && s3->prefix && s3->credentials_file && s3->lock && s3->stopping;
    if (!ok || s3->stop_fd < 0) return trib_error_set(err, TRIB_NOMEM, NULL);
    return name_host(s3, config, err);
}

trib_code trib_object_s3_new(const trib_object_s3_config *config, trib_object_s3 **ret, trib_error *err) {
    trib_object_s3 *s3 = calloc(1, sizeof *s3);
    if (!s3) return trib_error_set(err, TRIB_NOMEM, NULL);
    s3->env = config->env;
    s3->stop_fd = -1;
    trib_code code = fill(s3, config, err);
    if (code == TRIB_OK) *ret = s3;
    else trib_object_s3_free(s3);
    return code;
}

void trib_object_s3_free(trib_object_s3 *s3) {
    if (!s3) return;
    for (size_t i = 0; i < s3->idle_count; i++) trib_http_client_free(s3->idle[i]);
    if (s3->stop_fd >= 0) close(s3->stop_fd);
    trib_cond_free(s3->env, s3->stopping);
    trib_mutex_free(s3->env, s3->lock);
    free(s3->scheme_host);
    free(s3->host);
    free(s3->region);
    free(s3->bucket);
    free(s3->prefix);
    free(s3->credentials_file);
    free(s3->where);
    free(s3);
}

static void stop(void *ctx) {
    trib_object_s3 *s3 = ctx;
    uint64_t one = 1;
    trib_mutex_lock(s3->env, s3->lock);
    s3->stopped = true;
    trib_cond_broadcast(s3->env, s3->stopping);
    trib_mutex_unlock(s3->env, s3->lock);
    if (write(s3->stop_fd, &one, sizeof one) < 0) return; /* it can be read already */
}

/* ---- get, head ---- */

static trib_code get(void *ctx, trib_str key, trib_buf *ret, bool *ret_found, trib_error *err) {
    trib_http_client_reply reply = {0};
    const s3_call call = {.method = "GET", .key = key, .max_body_bytes = ret->max_bytes - ret->len};
    trib_code code = trib_s3_call(ctx, &call, &reply, err);
    if (code != TRIB_OK) return code;
    if (reply.status == 200) {
        *ret_found = true;
        if (ret->len == 0 && ret->cap == 0) { /* moved, not copied */
            size_t most = ret->max_bytes;
            *ret = reply.body;
            ret->max_bytes = most;
            reply.body = (trib_buf){0};
        } else trib_buf_add(ret, trib_buf_str(&reply.body));
        if (ret->failed) code = trib_error_set(err, TRIB_NOMEM, NULL);
    } else if (reply.status == 404) *ret_found = false;
    else code = trib_s3_refused(&call, &reply, err);
    trib_http_client_reply_deinit(&reply);
    return code;
}

/* An answer to HEAD has no body that says why: the same question by GET has. */
static void ask_why(trib_object_s3 *s3, trib_str key, trib_http_client_reply *reply) {
    trib_http_client_reply again = {0};
    const s3_call call = {.method = "GET", .key = key, .max_body_bytes = S3_XML_MAX_BYTES};
    if (trib_s3_once(s3, &call, &again, NULL) != TRIB_OK) return;
    if (again.status == reply->status) {
        trib_http_client_reply_deinit(reply);
        *reply = again;
    } else trib_http_client_reply_deinit(&again);
}

trib_code trib_s3_head(void *ctx, trib_str key, uint64_t *ret_size, bool *ret_found, trib_error *err) {
    trib_http_client_reply reply = {0};
    const s3_call call = {.method = "HEAD", .key = key, .max_body_bytes = S3_XML_MAX_BYTES};
    trib_code code = trib_s3_call(ctx, &call, &reply, err);
    if (code != TRIB_OK) return code;
    *ret_found = reply.status == 200;
    if (reply.status == 200) {
        if (!trib_str_u64(trib_http_client_reply_header(&reply, "content-length"), ret_size)) *ret_size = UINT64_MAX;
    } else if (reply.status != 404) {
        if (reply.status < 500) ask_why(ctx, key, &reply);
        code = trib_s3_refused(&call, &reply, err);
    }
    trib_http_client_reply_deinit(&reply);
    return code;
}

/* ---- list ---- */

typedef struct listing {
    trib_object_s3 *s3;
    bool (*take)(void *ctx, trib_str key, uint64_t size);
    void *take_ctx;
    trib_buf token; /* of the next page; empty: there is none */
    trib_str after; /* with the prefix */
} listing;

/* &amp; and its kin, of a token. */
static void add_decoded(trib_str text, trib_buf *out) {
    static const struct {
        trib_str name;
        char c;
    } entities[] = {
        {{"&amp;", 5}, '&'}, {{"&lt;", 4}, '<'}, {{"&gt;", 4}, '>'}, {{"&quot;", 6}, '"'}, {{"&apos;", 6}, '\''}};
    while (text.len) {
        size_t i = 0, count = sizeof entities / sizeof *entities;
        while (i < count && !trib_str_starts(text, entities[i].name)) i++;
        trib_buf_add_char(out, i < count ? entities[i].c : text.ptr[0]);
        text = trib_str_sub(text, i < count ? entities[i].name.len : 1, text.len);
    }
}

/* False: that is enough. */
static bool take_page(listing *l, trib_str text) {
    size_t at = 0, prefix = strlen(l->s3->prefix);
    bool more = true;
    for (trib_str item; more && (item = trib_s3_xml(text, "Contents", &at)).ptr;) {
        size_t key_at = 0, size_at = 0;
        uint64_t size = 0;
        trib_str key = trib_s3_xml(item, "Key", &key_at);
        (void)trib_str_u64(trib_s3_xml(item, "Size", &size_at), &size);
        if (key.len > prefix) more = l->take(l->take_ctx, trib_str_sub(key, prefix, key.len), size);
    }
    at = 0;
    trib_str truncated = trib_s3_xml(text, "IsTruncated", &at);
    at = 0;
    trib_str token = trib_s3_xml(text, "NextContinuationToken", &at);
    trib_buf_clear(&l->token);
    if (trib_str_eq_c(truncated, "true")) add_decoded(token, &l->token);
    return more && l->token.len > 0;
}

static trib_code list_page(listing *l, bool *ret_more, trib_error *err) {
    trib_http_client_reply reply = {0};
    s3_call call = {.method = "GET",
                    .query = {{TRIB_STR("list-type"), TRIB_STR("2")}, {TRIB_STR("prefix"), trib_str_c(l->s3->prefix)}},
                    .query_count = 2,
                    .max_body_bytes = S3_XML_MAX_BYTES};
    if (l->token.len)
        call.query[call.query_count++] = (trib_sigv4_pair){TRIB_STR("continuation-token"), trib_buf_str(&l->token)};
    else if (l->after.len) call.query[call.query_count++] = (trib_sigv4_pair){TRIB_STR("start-after"), l->after};
    trib_code code = trib_s3_call(l->s3, &call, &reply, err);
    if (code != TRIB_OK) return code;
    if (reply.status == 200) *ret_more = take_page(l, trib_buf_str(&reply.body));
    else code = trib_s3_refused(&call, &reply, err);
    trib_http_client_reply_deinit(&reply);
    return code;
}

static trib_code list(void *ctx, trib_str after, bool (*take)(void *take_ctx, trib_str key, uint64_t size),
                      void *take_ctx, trib_error *err) {
    listing l = {.s3 = ctx, .take = take, .take_ctx = take_ctx};
    trib_buf from;
    bool more = true;
    trib_buf_init(&from, S3_KEY_MAX_BYTES);
    trib_buf_init(&l.token, 16 << 10);
    if (after.len) {
        trib_buf_add_c(&from, l.s3->prefix);
        trib_buf_add(&from, after);
        l.after = trib_buf_str(&from);
    }
    trib_code code = from.failed ? trib_error_set(err, TRIB_NOMEM, NULL) : TRIB_OK;
    while (code == TRIB_OK && more) code = list_page(&l, &more, err);
    trib_buf_deinit(&l.token);
    trib_buf_deinit(&from);
    return code;
}

trib_objects trib_object_s3_objects(trib_object_s3 *s3) {
    return (trib_objects){.ctx = s3,
                          .put = trib_s3_put,
                          .get = get,
                          .head = trib_s3_head,
                          .list = list,
                          .stop = stop,
                          .where = s3->where};
}

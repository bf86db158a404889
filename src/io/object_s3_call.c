/* SPDX-License-Identifier: Apache-2.0 */
/* One signed call to S3; see object_s3_int.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/object_s3_int.h"

/* ---- credentials ---- */

typedef struct credentials {
    char text[TRIB_OBJECT_S3_CREDENTIALS_MAX_BYTES + 1];
    trib_sigv4_credentials parts;
} credentials;

static void take_line(credentials *c, trib_str line) {
    static const char *const names[] = {"aws_access_key_id", "aws_secret_access_key", "aws_session_token"};
    trib_str *const to[] = {&c->parts.key_id, &c->parts.secret, &c->parts.session_token};
    size_t equals = trib_str_find(line, '=');
    if (equals == SIZE_MAX) return;
    trib_str name = trib_str_trim(trib_str_sub(line, 0, equals));
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (trib_str_eq_c(name, names[i])) *to[i] = trib_str_trim(trib_str_sub(line, equals + 1, line.len));
}

static trib_code read_credentials(const trib_object_s3 *s3, credentials *c, trib_error *err) {
    FILE *file = fopen(s3->credentials_file, "re");
    if (!file)
        return trib_error_set(err, TRIB_CONFIG, "archive_s3_credentials: %s cannot be opened: %s", s3->credentials_file,
                              strerror(errno));
    size_t n = fread(c->text, 1, sizeof c->text - 1, file);
    fclose(file);
    trib_str rest = trib_str_make(c->text, n);
    unsigned sections = 0;
    while (rest.len && sections < 2) {
        size_t end = trib_str_find(rest, '\n');
        trib_str line = trib_str_sub(rest, 0, end == SIZE_MAX ? rest.len : end);
        rest = trib_str_sub(rest, line.len + 1, rest.len);
        if (line.len && line.ptr[line.len - 1] == '\r') line.len--;
        line = trib_str_trim(line);
        if (line.len && line.ptr[0] == '[') sections++;
        else if (line.len && line.ptr[0] != '#' && line.ptr[0] != ';') take_line(c, line);
    }
    if (c->parts.key_id.len && c->parts.secret.len) return TRIB_OK;
    return trib_error_set(err, TRIB_CONFIG,
                          "archive_s3_credentials: %s has no lines aws_access_key_id = ... and aws_secret_access_key "
                          "= ... in its first section",
                          s3->credentials_file);
}

/* ---- clients ---- */

static trib_http_client *take_client(trib_object_s3 *s3, bool *ret_stopped, trib_error *err) {
    trib_http_client *client = NULL;
    trib_mutex_lock(s3->env, s3->lock);
    *ret_stopped = s3->stopped;
    if (s3->idle_count && !s3->stopped) client = s3->idle[--s3->idle_count];
    trib_mutex_unlock(s3->env, s3->lock);
    if (!client && !*ret_stopped) (void)trib_http_client_new(&client, err);
    return client;
}

static void give_client(trib_object_s3 *s3, trib_http_client *client) {
    trib_mutex_lock(s3->env, s3->lock);
    if (s3->idle_count < S3_CLIENTS_MAX) {
        s3->idle[s3->idle_count++] = client;
        client = NULL;
    }
    trib_mutex_unlock(s3->env, s3->lock);
    trib_http_client_free(client);
}

/* ---- once ---- */

typedef struct sending {
    trib_buf path, url, authorization;
    trib_sigv4_pair headers[S3_HEADERS_MAX + 5];
    size_t header_count;
    char time[TRIB_SIGV4_TIME_BYTES], hash[2 * TRIB_SHA256_BYTES + 1];
} sending;

static void add_header(sending *s, const char *name, trib_str value) {
    s->headers[s->header_count++] = (trib_sigv4_pair){trib_str_c(name), value};
}

static trib_code sign(trib_object_s3 *s3, const s3_call *call, const credentials *who, sending *s, trib_error *err) {
    trib_code code = TRIB_OK;
    if (call->sha256) snprintf(s->hash, sizeof s->hash, "%s", call->sha256);
    else code = trib_sigv4_payload_hash(call->body, s->hash, err);
    if (code != TRIB_OK) return code;
    trib_sigv4_time(trib_env_wall_ms(s3->env), s->time);
    for (size_t i = 0; i < call->header_count; i++) s->headers[s->header_count++] = call->headers[i];
    add_header(s, "host", trib_str_c(s3->host));
    add_header(s, "x-amz-content-sha256", trib_str_c(s->hash));
    add_header(s, "x-amz-date", trib_str_c(s->time));
    if (who->parts.session_token.len) add_header(s, "x-amz-security-token", who->parts.session_token);
    trib_buf_add_char(&s->path, '/');
    if (!s3->virtual_host) trib_buf_add_c(&s->path, s3->bucket);
    if (call->key.len) {
        if (!s3->virtual_host) trib_buf_add_char(&s->path, '/');
        trib_buf_add_c(&s->path, s3->prefix);
        trib_buf_add(&s->path, call->key);
    }
    trib_buf_add_c(&s->url, s3->scheme_host);
    trib_sigv4_target(trib_buf_str(&s->path), call->query, call->query_count, &s->url);
    trib_buf_add_char(&s->url, '\0');
    const trib_sigv4_request request = {.method = trib_str_c(call->method),
                                        .path = trib_buf_str(&s->path),
                                        .query = call->query,
                                        .query_count = call->query_count,
                                        .headers = s->headers,
                                        .header_count = s->header_count,
                                        .payload_hash = trib_str_c(s->hash),
                                        .region = trib_str_c(s3->region),
                                        .service = TRIB_STR("s3"),
                                        .time = s->time};
    if (s->path.failed || s->url.failed) return trib_error_set(err, TRIB_NOMEM, NULL);
    code = trib_sigv4_sign(&request, &who->parts, &s->authorization, err);
    add_header(s, "authorization", trib_buf_str(&s->authorization));
    return code;
}

static trib_code send(trib_object_s3 *s3, const s3_call *call, const sending *s, trib_http_client_reply *ret,
                      trib_error *err) {
    trib_http_client_header headers[S3_HEADERS_MAX + 5];
    for (size_t i = 0; i < s->header_count; i++)
        headers[i] = (trib_http_client_header){s->headers[i].name, s->headers[i].value};
    uint64_t more_ms = (call->body.len + call->max_body_bytes / 8) / 1049; /* a second for a MiB */
    const trib_http_client_request request = {.method = call->method,
                                              .url = s->url.ptr,
                                              .headers = headers,
                                              .header_count = s->header_count,
                                              .body = call->body,
                                              .timeout_ms = s3->timeout_ms + (uint32_t)(call->body.len ? more_ms : 0),
                                              .connect_timeout_ms = s3->timeout_ms < 10000 ? s3->timeout_ms : 10000,
                                              .max_body_bytes = call->max_body_bytes,
                                              .cancel_fd = &s3->stop_fd};
    bool stopped = false;
    trib_http_client *client = take_client(s3, &stopped, err);
    if (stopped) return trib_error_set(err, TRIB_CANCELLED, "the server is ending");
    if (!client) return trib_error_set(err, TRIB_NOMEM, NULL);
    trib_code code = trib_http_client_call(client, &request, ret, err);
    if (code == TRIB_OK) give_client(s3, client);
    else trib_http_client_free(client); /* its connection is in an unknown state */
    return code;
}

trib_code trib_s3_once(trib_object_s3 *s3, const s3_call *call, trib_http_client_reply *ret, trib_error *err) {
    credentials *who = calloc(1, sizeof *who);
    sending s = {0};
    if (!who) return trib_error_set(err, TRIB_NOMEM, NULL);
    trib_buf_init(&s.path, S3_KEY_MAX_BYTES + 256);
    trib_buf_init(&s.url, 16 << 10);
    trib_buf_init(&s.authorization, 4 << 10);
    trib_code code = read_credentials(s3, who, err);
    if (code == TRIB_OK) code = sign(s3, call, who, &s, err);
    if (code == TRIB_OK) code = send(s3, call, &s, ret, err);
    trib_crypto_wipe(who, sizeof *who);
    free(who);
    trib_buf_deinit(&s.path);
    trib_buf_deinit(&s.url);
    trib_buf_deinit(&s.authorization);
    return code;
}

/* ---- again ---- */

bool trib_s3_may_help(trib_code code, int status) {
    if (code == TRIB_OK) return status >= 500 ? status != 501 : status == 429 || status == 408;
    return code == TRIB_CONNECT || code == TRIB_REQUEST_TIMEOUT;
}

bool trib_s3_pause(trib_object_s3 *s3, uint32_t try) {
    uint32_t random = 0, shift = try < 8 ? try - 1 : 7;
    (void)trib_env_random(s3->env, &random, sizeof random);
    int64_t most_ms = (int64_t)s3->retry_ms << shift;
    int64_t until_ns = trib_env_mono_ns(s3->env) + (most_ms ? (int64_t)(random % most_ms) * 1000000 : 0);
    trib_mutex_lock(s3->env, s3->lock);
    while (!s3->stopped) {
        int64_t left_ns = until_ns - trib_env_mono_ns(s3->env);
        if (left_ns <= 0) break;
        trib_cond_wait(s3->env, s3->stopping, s3->lock, left_ns);
    }
    bool go_on = !s3->stopped;
    trib_mutex_unlock(s3->env, s3->lock);
    return go_on;
}

trib_code trib_s3_call(trib_object_s3 *s3, const s3_call *call, trib_http_client_reply *ret, trib_error *err) {
    for (uint32_t try = 1;; try++) {
        trib_http_client_reply reply = {0};
        trib_code code = trib_s3_once(s3, call, &reply, err);
        if (try >= s3->tries || !trib_s3_may_help(code, reply.status) || !trib_s3_pause(s3, try)) {
            if (code == TRIB_OK) *ret = reply;
            return code;
        }
        trib_http_client_reply_deinit(&reply);
    }
}

/* ---- answers ---- */

trib_str trib_s3_xml(trib_str text, const char *name, size_t *at) {
    char open[64], close[64];
    size_t n = (size_t)snprintf(open, sizeof open, "<%s>", name);
    size_t m = (size_t)snprintf(close, sizeof close, "</%s>", name);
    if (*at >= text.len) return (trib_str){0};
    const char *begin = memmem(text.ptr + *at, text.len - *at, open, n);
    if (!begin) return (trib_str){0};
    begin += n;
    const char *end = memmem(begin, (size_t)(text.ptr + text.len - begin), close, m);
    if (!end) return (trib_str){0};
    *at = (size_t)(end - text.ptr) + m;
    return trib_str_make(begin, (size_t)(end - begin));
}

static const char *fix_for(int status) {
    if (status == 403) return "check the key, its rights on the bucket, the region and this machine's clock";
    if (status == 404) return "check the bucket's name and the endpoint";
    if (status == 301 || status == 307 || status == 400) return "check region, endpoint and archive_s3_style";
    return "it is tried again later";
}

trib_code trib_s3_refused(const s3_call *call, const trib_http_client_reply *reply, trib_error *err) {
    size_t at = 0;
    trib_str why = trib_s3_xml(trib_buf_str(&reply->body), "Code", &at);
    trib_error_set(err, TRIB_REMOTE, "the object store answers %s with HTTP status %d%s%.*s; %s", call->method,
                   reply->status, why.len ? " " : "", TRIB_STR_ARG(trib_str_sub(why, 0, 64)), fix_for(reply->status));
    if (err) err->detail = reply->status;
    return TRIB_REMOTE;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* JSON calls to a server; see remote.h. */
#include "cli/remote.h"

#include <stdio.h>
#include <string.h>

#include "wire/url.h"

static trib_code too_long(trib_error *err) {
    return trib_error_set(err, TRIB_USAGE, "the URL is longer than %d bytes", TRIB_REMOTE_URL_BYTES);
}

/* libsql, ws and wss are what other tools call the same server. */
static const char *http_scheme(const trib_url *url) {
    return url->tls ? "https" : "http";
}

trib_code trib_remote_init(trib_remote *remote, trib_http_client *http, const char *url, const char *path,
                           trib_error *err) {
    trib_url parts;
    trib_str text = trib_str_c(url);
    memset(remote, 0, sizeof *remote);
    remote->http = http;
    if (trib_str_starts(text, TRIB_STR("unix:"))) {
        int n = snprintf(remote->unix_socket, sizeof remote->unix_socket, "%s", url + 5);
        int m = snprintf(remote->url, sizeof remote->url, "http://localhost/%s", path);
        return n <= 0 || n >= (int)sizeof remote->unix_socket || m >= (int)sizeof remote->url ? too_long(err) : TRIB_OK;
    }
    trib_error why;
    /* the URL itself is not shown: it may hold a password */
    if (trib_url_parse(text, &parts, &why) != TRIB_OK)
        return trib_error_set(err, TRIB_USAGE,
                              "the server's URL cannot be used: %s; write it like http://127.0.0.1:8080/", why.message);
    bool slash = trib_str_ends(parts.path, TRIB_STR("/"));
    int n = snprintf(remote->url, sizeof remote->url, "%s://%s%.*s%s:%u%.*s%s%s", http_scheme(&parts),
                     parts.is_ipv6 ? "[" : "", TRIB_STR_ARG(parts.host), parts.is_ipv6 ? "]" : "", (unsigned)parts.port,
                     TRIB_STR_ARG(parts.path), slash ? "" : "/", path);
    return n <= 0 || n >= (int)sizeof remote->url ? too_long(err) : TRIB_OK;
}

void trib_remote_set_pin(trib_remote *remote, const char pin[TRIB_TLS_PIN_BYTES]) {
    memcpy(remote->tls_pin, pin, sizeof remote->tls_pin);
}

static trib_code set_authorization(trib_remote *remote, const char *scheme, const char *secret, trib_error *err) {
    remote->authorization[0] = '\0';
    if (!secret || !secret[0]) return TRIB_OK;
    for (const char *c = secret; *c; c++) {
        if ((unsigned char)*c > ' ' && (unsigned char)*c < 0x7f) continue;
        return trib_error_set(err, TRIB_USAGE,
                              "the token or key has a blank or a control character in it; was it copied whole?");
    }
    int n = snprintf(remote->authorization, sizeof remote->authorization, "%s %s", scheme, secret);
    if (n > 0 && n < (int)sizeof remote->authorization) return TRIB_OK;
    remote->authorization[0] = '\0';
    return trib_error_set(err, TRIB_USAGE, "the token or key is longer than %d bytes", TRIB_REMOTE_SECRET_BYTES);
}

trib_code trib_remote_set_token(trib_remote *remote, const char *token, trib_error *err) {
    return set_authorization(remote, "Bearer", token, err);
}

trib_code trib_remote_set_admin_key(trib_remote *remote, const char *key, trib_error *err) {
    return set_authorization(remote, "Basic", key, err);
}

/* Our own code of this text, so that exit statuses fit; REMOTE for others. */
static trib_code known_code(trib_str text_code) {
    for (int code = TRIB_OK + 1; code < TRIB_CODE_COUNT; code++) {
        if (trib_str_eq_c(text_code, trib_code_text((trib_code)code))) return (trib_code)code;
    }
    return TRIB_REMOTE;
}

/* The server's own words where it gave any. */
static trib_code refused(const trib_json *body, trib_str raw, int status, const char *url, trib_error *err) {
    trib_str message = {0}, text_code = {0}, id = {0};
    trib_json_str(trib_json_get(body, "message"), &message);
    if (!message.len) trib_json_str(trib_json_get(body, "error"), &message);
    trib_json_str(trib_json_get(body, "code"), &text_code);
    trib_json_str(trib_json_get(body, "request_id"), &id);
    if (!message.len) message = trib_str_sub(trib_str_trim(raw), 0, 200);
    if (message.len) {
        trib_error_set(err, TRIB_REMOTE, "%.*s", TRIB_STR_ARG(message));
    } else {
        trib_error_set(err, TRIB_REMOTE, "%s answered HTTP status %d without a word", url, status);
    }
    size_t n = text_code.len < TRIB_ERROR_CODE_BYTES - 1 ? text_code.len : TRIB_ERROR_CODE_BYTES - 1;
    if (n) memcpy(err->text_code, text_code.ptr, n);
    err->text_code[n] = '\0';
    err->detail = status;
    return err->code = known_code(text_code);
}

/* A call as trib_http_client takes it. */
typedef struct prepared {
    char url[2 * TRIB_REMOTE_URL_BYTES];
    trib_http_client_header headers[2];
    trib_http_client_request request;
} prepared;

static trib_code prepare(const trib_remote *remote, const char *method, const char *path, trib_str body, prepared *ret,
                         trib_error *err) {
    size_t count = 0;
    int n = snprintf(ret->url, sizeof ret->url, "%s%s", remote->url, path);
    if (n <= 0 || n >= (int)sizeof ret->url) return too_long(err);
    if (body.len)
        ret->headers[count++] = (trib_http_client_header){TRIB_STR("content-type"), TRIB_STR("application/json")};
    if (remote->authorization[0])
        ret->headers[count++] = (trib_http_client_header){TRIB_STR("authorization"), trib_str_c(remote->authorization)};
    ret->request = (trib_http_client_request){.method = method,
                                              .url = ret->url,
                                              .headers = ret->headers,
                                              .header_count = count,
                                              .body = body,
                                              .connect_timeout_ms = remote->timeout_ms,
                                              .timeout_ms = remote->timeout_ms,
                                              .cancel_fd = remote->cancel_fd,
                                              .tls_pin = remote->tls_pin[0] ? remote->tls_pin : NULL,
                                              .unix_socket = remote->unix_socket[0] ? remote->unix_socket : NULL};
    return TRIB_OK;
}

static trib_code read_answer(const trib_remote *remote, const trib_http_client_reply *reply, trib_arena *arena,
                             const trib_json **ret, trib_error *err) {
    const trib_json *root = NULL;
    trib_code code = TRIB_OK;
    trib_str raw = trib_arena_dup(arena, trib_buf_str(&reply->body));
    bool good = reply->status >= 200 && reply->status < 300;
    if (arena->failed) code = trib_error_set(err, TRIB_NOMEM, NULL);
    if (code == TRIB_OK && trib_str_trim(raw).len) {
        code = trib_json_parse(arena, raw, &root, err);
        if (code != TRIB_OK && !good) code = TRIB_OK;
    }
    if (code == TRIB_OK && !good) code = refused(root, raw, reply->status, remote->url, err);
    if (code == TRIB_OK) *ret = root;
    return code;
}

trib_code trib_remote_call(const trib_remote *remote, const char *method, const char *path, trib_str body,
                           trib_arena *arena, const trib_json **ret, trib_error *err) {
    trib_http_client_reply reply = {0};
    prepared call;
    trib_code code = prepare(remote, method, path, body, &call, err);
    if (code == TRIB_OK) code = trib_http_client_call(remote->http, &call.request, &reply, err);
    if (code != TRIB_OK) return code;
    code = read_answer(remote, &reply, arena, ret, err);
    trib_http_client_reply_deinit(&reply);
    return code;
}

trib_code trib_remote_download(const trib_remote *remote, const char *path, bool (*on_body)(void *ctx, trib_str bytes),
                               void *ctx, trib_arena *arena, trib_error *err) {
    trib_http_client_reply reply = {0};
    const trib_json *nothing = NULL;
    prepared call;
    trib_code code = prepare(remote, "GET", path, (trib_str){0}, &call, err);
    if (code != TRIB_OK) return code;
    call.request.on_body = on_body;
    call.request.on_body_ctx = ctx;
    code = trib_http_client_call(remote->http, &call.request, &reply, err);
    if (code != TRIB_OK) return code;
    code = read_answer(remote, &reply, arena, &nothing, err);
    trib_http_client_reply_deinit(&reply);
    return code;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The features' side of a WebSocket; see ws.h. Sending and closing go to whoever carries the bytes (app->ws); naming
 * the principal is done here, over core/auth, with what was kept of the handshake. */
#include "core/ws.h"

#include <stdlib.h>
#include <string.h>

#include "core/app.h"
#include "core/auth.h"

enum { TOKEN_MAX_BYTES = 16 * 1024 /* as a head's: a longer token is none */ };

/* Kept for the WebSocket's life: 10,000 idle ones have one each, so the large part is made only while it is needed. */
struct trib_ws_who {
    trib_auth_query query; /* its strings lie in `text`, the authorization in `bearer` */
    trib_auth_memo memo;
    char *bearer;
    trib_auth_wait *wait;
    char *next_bearer;
    void (*resolved)(trib_ws *ws, trib_code code, const trib_error *err);
    char text[];
};

static trib_str keep(char **at, trib_str s) {
    if (!s.ptr) return s;
    char *to = *at;
    if (s.len) memcpy(to, s.ptr, s.len);
    *at += s.len;
    return trib_str_make(to, s.len);
}

trib_code trib_ws_who_new(trib_str path, trib_str host, trib_str x_namespace, trib_str x_namespace_bin,
                          trib_str authorization, trib_auth_class auth_class, trib_listener_kind listener,
                          trib_ws_who **ret, trib_error *err) {
    size_t bytes = path.len + host.len + x_namespace.len + x_namespace_bin.len + 1;
    trib_ws_who *who = calloc(1, sizeof *who + bytes);
    if (!who) return trib_error_set(err, TRIB_NOMEM, NULL);
    char *at = who->text;
    who->query = (trib_auth_query){.auth_class = auth_class, .listener = listener};
    who->query.path = keep(&at, path);
    who->query.host = keep(&at, host);
    who->query.x_namespace = keep(&at, x_namespace);
    who->query.x_namespace_bin = keep(&at, x_namespace_bin);
    if (authorization.len) {
        who->bearer = malloc(authorization.len);
        if (!who->bearer) {
            trib_ws_who_free(who);
            return trib_error_set(err, TRIB_NOMEM, NULL);
        }
        memcpy(who->bearer, authorization.ptr, authorization.len);
        who->query.authorization = trib_str_make(who->bearer, authorization.len);
    }
    *ret = who;
    return TRIB_OK;
}

void trib_ws_who_free(trib_ws_who *who) {
    if (!who) return;
    trib_auth_memo_deinit(&who->memo);
    free(who->bearer);
    free(who->next_bearer);
    free(who->wait);
    free(who);
}

/* ---- tokens ---- */

/* References of a resolve that succeeded become the WebSocket's, or are given back. */
static trib_code adopt(trib_ws *ws, trib_tenant *tenant, trib_principal *principal, trib_error *err) {
    trib_auth *auth = ws->app->auth;
    if (ws->tenant && tenant != ws->tenant) {
        trib_auth_release(auth, tenant, principal);
        return trib_error_set(err, TRIB_TENANT_AMBIGUOUS,
                              "the token is for another tenant than this WebSocket was opened for; open a new one");
    }
    trib_auth_release(auth, ws->tenant, ws->principal);
    ws->tenant = tenant;
    ws->principal = principal;
    return TRIB_OK;
}

static trib_code resolve(trib_ws *ws, trib_auth_query *query, trib_error *err) {
    trib_tenant *tenant = NULL;
    trib_principal *principal = NULL;
    trib_str rest;
    query->now_ms = trib_env_wall_ms(ws->app->env);
    query->memo = &ws->who->memo;
    trib_code code = trib_auth_resolve(ws->app->auth, query, &tenant, &principal, &rest, err);
    return code == TRIB_OK ? adopt(ws, tenant, principal, err) : code;
}

trib_code trib_ws_recheck(trib_ws *ws, trib_error *err) {
    trib_code code = resolve(ws, &ws->who->query, err);
    /* it was there: what would have to be made again is gone */
    return code == TRIB_AGAIN ? trib_error_set(err, TRIB_TENANT_NOT_FOUND, NULL) : code;
}

/* The new token counts from now on, if it was good. */
static void settle(trib_ws *ws, trib_code code, const trib_error *err) {
    trib_ws_who *who = ws->who;
    void (*resolved)(trib_ws *, trib_code, const trib_error *) = who->resolved;
    if (code == TRIB_OK) {
        free(who->bearer);
        who->bearer = who->next_bearer;
    } else {
        free(who->next_bearer);
    }
    who->next_bearer = NULL;
    who->resolved = NULL;
    resolved(ws, code, err);
}

static void on_resolved(trib_auth_wait *wait) {
    trib_ws *ws = wait->owner;
    trib_ws_who *who = ws->who;
    trib_error err = wait->err;
    trib_code code = wait->code;
    trib_auth_query query = wait->query;
    if (code == TRIB_OK) code = adopt(ws, wait->tenant, wait->principal, &err);
    free(wait);
    who->wait = NULL;
    if (code == TRIB_OK) who->query = query;
    trib_ws_set_reading(ws, true);
    settle(ws, code, &err);
}

static trib_code resolve_later(trib_ws *ws, const trib_auth_query *query, trib_error *err) {
    trib_auth_wait *wait = calloc(1, sizeof *wait);
    if (!wait) return trib_error_set(err, TRIB_NOMEM, NULL);
    wait->query = *query;
    wait->home = ws->home;
    wait->resolved = on_resolved;
    wait->owner = ws;
    ws->who->wait = wait;
    trib_code code = trib_auth_resolve_async(ws->app->auth, wait, err);
    if (code == TRIB_OK) {
        trib_ws_set_reading(ws, false);
        return TRIB_OK;
    }
    ws->who->wait = NULL;
    free(wait);
    return code;
}

static trib_code set_bearer(trib_ws_who *who, trib_str token, trib_auth_query *query, trib_error *err) {
    static const char scheme[] = "Bearer ";
    size_t n = sizeof scheme - 1;
    query->authorization = (trib_str){0};
    if (!token.ptr) return TRIB_OK;
    if (token.len > TOKEN_MAX_BYTES) return trib_error_set(err, TRIB_AUTH_JWT_INVALID, "The JWT is too long");
    who->next_bearer = malloc(n + token.len);
    if (!who->next_bearer) return trib_error_set(err, TRIB_NOMEM, NULL);
    memcpy(who->next_bearer, scheme, n);
    if (token.len) memcpy(who->next_bearer + n, token.ptr, token.len);
    query->authorization = trib_str_make(who->next_bearer, n + token.len);
    return TRIB_OK;
}

void trib_ws_authenticate(trib_ws *ws, trib_str token,
                          void (*resolved)(trib_ws *ws, trib_code code, const trib_error *err)) {
    trib_ws_who *who = ws->who;
    trib_error err;
    trib_auth_query query = who->query;
    query.auth_class = TRIB_AUTH_TENANT;
    who->resolved = resolved;
    trib_code code = set_bearer(who, token, &query, &err);
    if (code == TRIB_OK) code = resolve(ws, &query, &err);
    if (code == TRIB_AGAIN) {
        code = resolve_later(ws, &query, &err);
        if (code == TRIB_OK) return;
    }
    if (code == TRIB_OK) who->query = query;
    settle(ws, code, &err);
}

/* ---- to net ---- */

trib_ws *trib_ws_accept(trib_http_request *request, const trib_ws_handler *handler, size_t max_message_bytes) {
    return request->app->ws.accept(request, handler, max_message_bytes);
}

bool trib_ws_is_asked(const trib_http_request *request) {
    return request->app->ws.is_asked(request);
}

bool trib_ws_send(trib_ws *ws, bool is_text, trib_buf *bytes) {
    return ws->app->ws.send(ws, is_text, bytes);
}

bool trib_ws_send_bytes(trib_ws *ws, bool is_text, trib_str bytes) {
    return ws->app->ws.send_bytes(ws, is_text, bytes);
}

void trib_ws_hold(trib_ws *ws, bool on) {
    ws->app->ws.hold(ws, on);
}

bool trib_ws_has_credit(const trib_ws *ws) {
    return ws->app->ws.has_credit(ws);
}

void trib_ws_close(trib_ws *ws, uint16_t code, trib_str reason) {
    ws->app->ws.close(ws, code, reason);
}

void trib_ws_abort(trib_ws *ws) {
    ws->app->ws.abort(ws);
}

void trib_ws_set_reading(trib_ws *ws, bool on) {
    ws->app->ws.set_reading(ws, on);
}

void trib_ws_set_max_message(trib_ws *ws, size_t max_message_bytes) {
    ws->app->ws.set_max_message(ws, max_message_bytes);
}

void trib_ws_set_timer(trib_ws *ws, uint32_t delay_ms) {
    ws->app->ws.set_timer(ws, delay_ms);
}

void trib_ws_release(trib_ws *ws) {
    ws->app->ws.release(ws);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* What a feature sees of a WebSocket: whole messages in, messages out with a bound on what is not sent yet, a timer,
 * and who is asking. `net` carries it; features never see frames or sockets.
 *
 *   GET route -> handle(request) -> trib_ws_accept: 101, the request is gone, the WebSocket begins
 *       message ... message         in order, never while reading is switched off
 *       trib_ws_send: true --- false -> credit -> ...
 *       closed                      exactly once, whoever ended it; the socket is gone, the trib_ws is still there
 *   trib_ws_release                 by the feature, in `closed` or when its jobs are home; the trib_ws is gone
 *
 * Pings, pongs, the closing handshake, fragments, UTF-8 and the size of messages are seen to below. A socket that moved
 * no byte for TRIB_WS_PING_MS is pinged and given up after as long again. When the server ends, `drain` is called, or
 * the WebSocket is closed with 1001. All functions: the home loop's thread. */
#ifndef TRIB_CORE_WS_H
#define TRIB_CORE_WS_H

#include "core/http.h"
#include "wire/ws.h"

enum {
    TRIB_WS_UNSENT_MAX_BYTES = 256 * 1024, /* then send says false and nothing is read: stops a peer that never reads */
    TRIB_WS_PING_MS = 30 * 1000,           /* without a byte moved; stops sockets whose peer has vanished */
    TRIB_WS_CLOSE_TIMEOUT_MS = 5 * 1000, /* for the peer's half of the closing handshake: stops one that never closes */
    TRIB_WS_MESSAGE_TIMEOUT_MS = 20 * 1000, /* for each TRIB_WS_MESSAGE_STEP_BYTES of a message that has begun */
    TRIB_WS_MESSAGE_STEP_BYTES = 16 * 1024  /* with the above: stops messages that trickle and are kept for it */
};

typedef struct trib_ws trib_ws;
typedef struct trib_ws_who trib_ws_who;

typedef struct trib_ws_handler {
    /* Subprotocols, the preferred one first. A client that offers none at all is accepted (trib_ws.protocol -1). */
    const char *const *protocols;
    int protocol_count;
    /* A message. It may be moved out (trib_buf copied and re-initialised); what is left in it is freed. */
    void (*message)(trib_ws *ws, bool is_text, trib_buf *bytes);
    /* May be NULL. After a send that said false: there is room for more. */
    void (*credit)(trib_ws *ws);
    /* May be NULL. The time of trib_ws_set_timer came. */
    void (*due)(trib_ws *ws);
    /* May be NULL (then closed with 1001). The server ends: close when the work in hand is done. */
    void (*drain)(trib_ws *ws);
    /* The code of the closing handshake, or TRIB_WS_CLOSE_ABNORMAL. Nothing else is called afterwards, but an
     * authentication still comes home. */
    void (*closed)(trib_ws *ws, uint16_t close_code);
} trib_ws_handler;

struct trib_ws {
    trib_app *app;
    trib_home *home;
    const trib_ws_handler *handler;
    int protocol;        /* index in handler->protocols; -1: the client offered none */
    trib_str id;         /* the request id of its handshake, for logs */
    bool gone;           /* closed was called: sends are dropped */
    bool closing;        /* trib_ws_close was called, or the peer closes: sends are dropped, no message comes */
    trib_tenant *tenant; /* as the route's auth class named them, or trib_ws_authenticate; references are held */
    trib_principal *principal;
    trib_ws_who *who;
    void *module_state;
    void *feature; /* the feature's own */
};

/* Begins a WebSocket on the request's connection: answers 101; the route decides who may (its auth class). NULL: the
 * request asked for it wrongly, or there was no memory, and has been answered so. The request is gone either way. Only
 * inside route->handle. */
trib_ws *trib_ws_accept(trib_http_request *request, const trib_ws_handler *handler, size_t max_message_bytes);
/* Does the request want a WebSocket at all? */
bool trib_ws_is_asked(const trib_http_request *request);

/* Sends one message. Owns: `bytes` stays the caller's and is empty afterwards. False: TRIB_WS_UNSENT_MAX_BYTES wait to
 * be sent; produce no more until `credit`. A message whose buffer failed breaks the connection off. */
bool trib_ws_send(trib_ws *ws, bool is_text, trib_buf *bytes);
/* The same with bytes that stay the caller's: many readers may share them. */
bool trib_ws_send_bytes(trib_ws *ws, bool is_text, trib_str bytes);
/* On: what is sent waits, so that several messages cost one write; off: it goes out. Between the two nothing may block,
 * and the WebSocket must not be released. What is sent inside `message` is joined anyway. */
void trib_ws_hold(trib_ws *ws, bool on);
/* True while there is room for more. */
bool trib_ws_has_credit(const trib_ws *ws);
/* Sends what is waiting and a close frame (the reason is cut to 123 bytes), and ends when the peer has answered it. */
void trib_ws_close(trib_ws *ws, uint16_t code, trib_str reason);
/* Ends now, without a close frame. */
void trib_ws_abort(trib_ws *ws);
/* Off: no message comes until it is on again; the peer is held back by TCP. */
void trib_ws_set_reading(trib_ws *ws, bool on);
/* For messages that have not begun. */
void trib_ws_set_max_message(trib_ws *ws, size_t max_message_bytes);
/* Calls `due` once, so long from now; 0: not. */
void trib_ws_set_timer(trib_ws *ws, uint32_t delay_ms);
/* Exactly once, after `closed`, and after an authentication has come home. */
void trib_ws_release(trib_ws *ws);

/* ---- who is asking (core/auth.h), for protocols that bring their token in a message ---- */

/* Names tenant and principal by a token (ptr NULL: without one), as a request to the URL of the handshake would. Calls
 * `resolved` exactly once, perhaps before it returns, perhaps after `closed`. No message comes until then. On success
 * ws->tenant and ws->principal are those of the token, else as before. A token for another tenant than the one before
 * is TENANT_AMBIGUOUS. One at a time. */
void trib_ws_authenticate(trib_ws *ws, trib_str token,
                          void (*resolved)(trib_ws *ws, trib_code code, const trib_error *err));
/* Asks again what may have changed since: expiry, revocation, keys, the tenant. Costs what a request's check costs.
 * Errors: as trib_auth_resolve. */
trib_code trib_ws_recheck(trib_ws *ws, trib_error *err);

/* ---- for net ---- */

typedef struct trib_ws_ops {
    trib_ws *(*accept)(trib_http_request *request, const trib_ws_handler *handler, size_t max_message_bytes);
    bool (*is_asked)(const trib_http_request *request);
    bool (*send)(trib_ws *ws, bool is_text, trib_buf *bytes);
    bool (*send_bytes)(trib_ws *ws, bool is_text, trib_str bytes);
    void (*hold)(trib_ws *ws, bool on);
    bool (*has_credit)(const trib_ws *ws);
    void (*close)(trib_ws *ws, uint16_t code, trib_str reason);
    void (*abort)(trib_ws *ws);
    void (*set_reading)(trib_ws *ws, bool on);
    void (*set_max_message)(trib_ws *ws, size_t max_message_bytes);
    void (*set_timer)(trib_ws *ws, uint32_t delay_ms);
    void (*release)(trib_ws *ws);
} trib_ws_ops;

/* What the handshake says about its tenant, kept. Path with the tenant prefix; authorization as sent. Errors: NOMEM. */
trib_code trib_ws_who_new(trib_str path, trib_str host, trib_str x_namespace, trib_str x_namespace_bin,
                          trib_str authorization, trib_auth_class auth_class, trib_listener_kind listener,
                          trib_ws_who **ret, trib_error *err);
void trib_ws_who_free(trib_ws_who *who);

#endif

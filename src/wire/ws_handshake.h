/* SPDX-License-Identifier: Apache-2.0 */
/* The server's side of the WebSocket opening handshake (RFC 6455 §4.2), over a parsed HTTP head. Pure. */
#ifndef TRIB_WIRE_WS_HANDSHAKE_H
#define TRIB_WIRE_WS_HANDSHAKE_H

#include "wire/http1.h"

enum { TRIB_WS_ACCEPT_BYTES = 29 /* 28 characters and a NUL */ };

/* True for a request that wants a WebSocket, also if it then asks for it wrongly. */
bool trib_ws_handshake_asked(const trib_http1_head *head);
/* Checks the request and computes Sec-WebSocket-Accept.
 * Errors: BAD_REQUEST; UPGRADE_REQUIRED for a version other than 13 (the answer then names 13); NOMEM. */
trib_code trib_ws_handshake_check(const trib_http1_head *head, char ret_accept[TRIB_WS_ACCEPT_BYTES], trib_error *err);
/* Index of the first of `spoken` (the server's preference) that the client offers; -1: it offers none by name.
 * Errors: BAD_REQUEST: it offers only others. */
trib_code trib_ws_handshake_choose(const trib_http1_head *head, const char *const *spoken, int count, int *ret_index,
                                   trib_error *err);

#endif

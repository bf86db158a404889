/* SPDX-License-Identifier: Apache-2.0 */
/* A WebSocket on an HTTP connection that was upgraded: what core/ws.h promises, over wire/ws and the connection's
 * transport. The HTTP connection keeps the socket and hands everything that happens to it over:
 *
 *   transport -> trib_http_conn (HTTP_SOCKET) -> trib_ws_conn -> wire/ws -> handler->message
 *
 * All functions: the loop's thread. */
#ifndef TRIB_NET_WS_CONN_H
#define TRIB_NET_WS_CONN_H

#include "core/ws.h"
#include "net/http_conn.h"

typedef struct trib_ws_conn trib_ws_conn;

/* Bytes that were not used yet. Returns how many are used now. */
size_t trib_ws_conn_input(trib_ws_conn *conn, trib_str bytes);
/* Unsent bytes fell low. */
void trib_ws_conn_drained(trib_ws_conn *conn);
/* The peer sends no more. */
void trib_ws_conn_eof(trib_ws_conn *conn);
/* No byte moved for the idle timeout. */
void trib_ws_conn_idle(trib_ws_conn *conn);
/* The transport's deadline came. */
void trib_ws_conn_deadline(trib_ws_conn *conn);
/* The server ends. */
void trib_ws_conn_drain(trib_ws_conn *conn);
/* The socket is gone. Frees the WebSocket if its feature releases it at once. */
void trib_ws_conn_closed(trib_ws_conn *conn);

/* What core/ws.h forwards to. */
extern const trib_ws_ops trib_ws_conn_ops;

#endif

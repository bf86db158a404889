/* SPDX-License-Identifier: Apache-2.0 */
/* A WebSocket client over a socket that does what a test wants, right or wrong. */
#ifndef TRIB_TESTS_INTEGRATION_WS_CLIENT_H
#define TRIB_TESTS_INTEGRATION_WS_CLIENT_H

#include <stdint.h>

#include "integration/server.h"
#include "support/ws_frame.h"

enum { WS_CLIENT_BYTES = 1 << 18 };

typedef struct ws_client {
    int fd;
    unsigned opcode; /* of the frame that came last */
    unsigned close_code;
    size_t len;
    char payload[WS_CLIENT_BYTES]; /* NUL behind it */
    char head[2048];               /* the answer to the handshake */
} ws_client;

static inline bool ws_read_bytes(const ws_client *c, void *to, size_t n) {
    for (char *at = to; n;) {
        ssize_t got = recv(c->fd, at, n, 0);
        if (got <= 0) return false;
        at += got;
        n -= (size_t)got;
    }
    return true;
}

/* The next frame; false: the connection ended. */
static inline bool ws_read(ws_client *c) {
    unsigned char head[10];
    if (!ws_read_bytes(c, head, 2)) return false;
    uint64_t n = head[1] & 127;
    size_t more = n == 126 ? 2 : n == 127 ? 8 : 0;
    if (more && !ws_read_bytes(c, head + 2, more)) return false;
    if (more) n = 0;
    for (size_t i = 0; i < more; i++) n = n << 8 | head[2 + i];
    c->opcode = head[0] & 15;
    if ((head[0] & 0x70) || !(head[0] & 0x80) || (head[1] & 0x80)) die("a frame that no server may send");
    if (n >= sizeof c->payload) die("a frame that is longer than expected");
    c->len = (size_t)n;
    if (!ws_read_bytes(c, c->payload, c->len)) return false;
    c->payload[n] = '\0';
    c->close_code = 1005;
    if (c->opcode == 8 && n >= 2)
        c->close_code = (unsigned)(unsigned char)c->payload[0] << 8 | (unsigned char)c->payload[1];
    return true;
}

static inline bool ws_send_frame(const ws_client *c, ws_frame f, const void *payload, size_t n) {
    unsigned char *frame = malloc(n + WS_FRAME_HEAD_MAX_BYTES);
    if (!frame) die("no memory");
    bool sent = server_send(c->fd, (char *)frame, ws_frame_write(f, payload, n, frame));
    free(frame);
    return sent;
}

static inline bool ws_say(const ws_client *c, const char *message) {
    return ws_send_frame(c, (ws_frame){.fin = true, .opcode = 1, .masked = true}, message, strlen(message));
}

/* Sends the handshake and reads its answer; more: header lines with their ends. True: 101. */
static inline bool ws_ask(ws_client *c, int port, const char *path, const char *more) {
    char request[1024];
    size_t n = 0;
    c->fd = server_connect(port);
    if (c->fd < 0) return false;
    snprintf(request, sizeof request,
             "GET %s HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
             "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n%s\r\n",
             path, more);
    server_say(c->fd, request);
    while (n + 1 < sizeof c->head && recv(c->fd, c->head + n, 1, 0) == 1) {
        c->head[++n] = '\0';
        if (n >= 4 && memcmp(c->head + n - 4, "\r\n\r\n", 4) == 0) break;
    }
    return strncmp(c->head, "HTTP/1.1 101 ", 13) == 0;
}

static inline ws_client *ws_open(int port, const char *protocol) {
    char more[128];
    ws_client *c = calloc(1, sizeof *c);
    if (!c) die("no memory");
    snprintf(more, sizeof more, "Sec-WebSocket-Version: 13\r\n%s%s%s", protocol ? "Sec-WebSocket-Protocol: " : "",
             protocol ? protocol : "", protocol ? "\r\n" : "");
    if (!ws_ask(c, port, "/acme", more)) die(c->head);
    return c;
}

static inline void ws_hang_up(ws_client *c) {
    close(c->fd);
    free(c);
}

/* The next text has `want`. */
static inline bool ws_hears(ws_client *c, const char *want) {
    if (!ws_read(c)) {
        printf("       the connection ended instead of %s\n", want);
        return false;
    }
    bool fine = c->opcode == 1 && strstr(c->payload, want);
    if (!fine) printf("       opcode %u, %s\n", c->opcode, c->opcode == 8 ? c->payload + 2 : c->payload);
    return fine;
}

/* The next frame closes with this code and a reason that has `why`, and then the connection ends. */
static inline bool ws_is_closed(ws_client *c, unsigned code, const char *why) {
    if (!ws_read(c)) return code == 0;
    bool fine = c->opcode == 8 && c->close_code == code && strstr(c->len > 2 ? c->payload + 2 : "", why);
    if (!fine) printf("       opcode %u, close code %u, %s\n", c->opcode, c->close_code, c->payload + 2);
    if (fine) ws_send_frame(c, (ws_frame){.fin = true, .opcode = 8, .masked = true}, c->payload, 2);
    char byte;
    return fine && recv(c->fd, &byte, 1, 0) <= 0;
}

#endif

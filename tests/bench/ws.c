/* SPDX-License-Identifier: Apache-2.0 */
/* See ws.h. RFC 6455; the server under test checks frames strictly, so what is sent here is always right or refused. */
#include "ws.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/types.h>

enum { HEAD_BYTES = 8192, MASKED_HEAD_MAX_BYTES = 8 /* of a message up to 64 KiB */ };

static const unsigned char mask[4] = {0x37, 0xfa, 0x21, 0x3d};

static size_t write_frame(char *to, const char *message, size_t len, bool is_text) {
    size_t at = 0;
    to[at++] = (char)(is_text ? 0x81 : 0x82);
    if (len < 126) {
        to[at++] = (char)(0x80 | len);
    } else {
        to[at++] = (char)(0x80 | 126);
        to[at++] = (char)(len >> 8);
        to[at++] = (char)len;
    }
    memcpy(to + at, mask, sizeof mask);
    at += sizeof mask;
    for (size_t i = 0; i < len; i++) to[at++] = (char)(message[i] ^ mask[i % 4]);
    return at;
}

char *ws_frames(const char *message, bool is_text, unsigned count, size_t *ret_frame_bytes) {
    size_t len = strlen(message);
    char *frames = len < 65536 ? malloc(count * (len + MASKED_HEAD_MAX_BYTES)) : NULL;
    if (!frames) {
        fprintf(stderr, "no memory, or a message of 64 KiB and more\n");
        exit(2);
    }
    size_t bytes = write_frame(frames, message, len, is_text);
    for (unsigned i = 1; i < count; i++) memcpy(frames + i * bytes, frames, bytes);
    *ret_frame_bytes = bytes;
    return frames;
}

static bool send_all(int fd, const char *bytes, size_t n) {
    while (n > 0) {
        ssize_t sent = send(fd, bytes, n, MSG_NOSIGNAL);
        if (sent <= 0) return false;
        bytes += sent;
        n -= (size_t)sent;
    }
    return true;
}

/* One answer that holds no error; nothing is read behind it, because nothing more was asked. */
static bool await_answer(int fd) {
    ws_answers answers = {0};
    char bytes[HEAD_BYTES];
    for (;;) {
        ssize_t got = recv(fd, bytes, sizeof bytes, 0);
        if (got <= 0) return false;
        if (memmem(bytes, (size_t)got, "error", 5)) {
            fprintf(stderr, "refused: %.*s\n", (int)got, bytes);
            return false;
        }
        int ended = ws_feed(&answers, bytes, (size_t)got);
        if (ended != 0) return ended == 1;
    }
}

bool ws_open(int fd, const char *host, const char *path, const char *protocol, char *const *firsts,
             const size_t *first_bytes, unsigned first_count) {
    char head[HEAD_BYTES];
    int n = snprintf(head, sizeof head,
                     "GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                     "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                     "Sec-WebSocket-Protocol: %s\r\n\r\n",
                     path, host, protocol);
    if (n < 0 || (size_t)n >= sizeof head || !send_all(fd, head, (size_t)n)) return false;
    size_t len = 0;
    while (len < sizeof head) { /* a byte at a time: what follows the head is frames */
        if (recv(fd, head + len, 1, 0) != 1) return false;
        if (++len >= 4 && memcmp(head + len - 4, "\r\n\r\n", 4) == 0) break;
    }
    if (len < 12 || memcmp(head, "HTTP/1.1 101", 12) != 0) {
        fprintf(stderr, "refused: %.*s\n", (int)len, head);
        return false;
    }
    for (unsigned i = 0; i < first_count; i++) {
        if (!send_all(fd, firsts[i], first_bytes[i]) || !await_answer(fd)) return false;
    }
    return true;
}

int ws_feed(ws_answers *a, const char *bytes, size_t n) {
    int ended = 0;
    while (n > 0) {
        if (!a->in_payload) {
            a->head[a->head_len++] = (uint8_t)*bytes++;
            n--;
            unsigned short_len = a->head_len > 1 ? a->head[1] : 0;
            unsigned need = short_len == 127 ? 10 : short_len == 126 ? 4 : 2;
            if (a->head_len < 2 || a->head_len < need) continue;
            if (a->head[0] != 0x81 && a->head[0] != 0x82) return -1; /* no whole message */
            a->left = need == 2 ? short_len : 0;
            for (unsigned i = 2; i < need; i++) a->left = a->left << 8 | a->head[i];
            a->in_payload = true;
        }
        size_t take = n < a->left ? n : (size_t)a->left;
        a->left -= take;
        bytes += take;
        n -= take;
        if (a->left) break;
        a->in_payload = false;
        a->head_len = 0;
        ended++;
    }
    return ended;
}

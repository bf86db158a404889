/* SPDX-License-Identifier: Apache-2.0 */
/* The client's side of a WebSocket, as far as a load needs it: the handshake, messages that are asked before the load
 * begins, one masked frame that is sent again and again, and answers counted. */
#ifndef TRIB_BENCH_WS_H
#define TRIB_BENCH_WS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { WS_HEAD_MAX_BYTES = 10 /* of a frame that is not masked */ };

/* Where the reading of answers is. */
typedef struct ws_answers {
    uint8_t head[WS_HEAD_MAX_BYTES];
    unsigned head_len;
    uint64_t left; /* of the payload */
    bool in_payload;
} ws_answers;

/* A masked frame of `count` times the message, each a frame of its own; text: as its protocol wants it. Caller frees.
 * *ret_frame_bytes: of one. */
char *ws_frames(const char *message, bool is_text, unsigned count, size_t *ret_frame_bytes);
/* Blocking: opens a WebSocket on a connected socket, then sends the messages (frames) one after another and waits for
 * each one's answer. false: refused, or an answer was an error. */
bool ws_open(int fd, const char *host, const char *path, const char *protocol, char *const *firsts,
             const size_t *first_bytes, unsigned first_count);
/* Takes bytes; returns how many messages have ended in them, or -1: the server closes, or this is no frame. */
int ws_feed(ws_answers *a, const char *bytes, size_t n);

#endif

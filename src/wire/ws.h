/* SPDX-License-Identifier: Apache-2.0 */
/* WebSocket frames and messages without I/O (RFC 6455), for both sides: bytes in, events out. The opening handshake is
 * ws_handshake.h. libwslay, which takes a frame's head apart and unmasks, is known only to ws.c.
 *
 *   bytes -> frame (wslay) -> head: mask, reserved bits, opcode, length -> fragments joined, UTF-8 -> event
 *
 *   for (;;) {
 *       switch (trib_ws_reader_next(&r, in, &used, &err)) {
 *       case TRIB_WS_NEED:    ... read more; break;
 *       case TRIB_WS_MESSAGE: use r.payload, r.is_text; break;
 *       case TRIB_WS_PING:    trib_ws_write(&out, TRIB_WS_OP_PONG, r.payload); break;
 *       case TRIB_WS_PONG:    break;
 *       case TRIB_WS_CLOSE:   answer with trib_ws_write_close(&out, r.close_code, ""), close the connection; return;
 *       case TRIB_WS_ERROR:   trib_ws_write_close(&out, r.close_code, err.message), close the connection; return;
 *       }
 *       in = what is behind `used`
 *   }
 *
 * Strict: what RFC 6455 forbids is an error with the close code that it names. Extensions are not spoken, so reserved
 * bits are always an error. The events do not depend on how the bytes were cut. */
#ifndef TRIB_WIRE_WS_H
#define TRIB_WIRE_WS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/str.h"

enum {
    TRIB_WS_CONTROL_MAX_BYTES = 125,    /* RFC 6455 §5.5 */
    TRIB_WS_FRAGMENTS_MAX = 128 * 1024, /* of one message: stops a message that never ends, in frames without bytes */
    TRIB_WS_HEAD_MAX_BYTES = 10         /* of a frame that is not masked */
};

typedef enum trib_ws_opcode {
    TRIB_WS_OP_CONTINUATION = 0,
    TRIB_WS_OP_TEXT = 1,
    TRIB_WS_OP_BINARY = 2,
    TRIB_WS_OP_CLOSE = 8,
    TRIB_WS_OP_PING = 9,
    TRIB_WS_OP_PONG = 10
} trib_ws_opcode;

/* RFC 6455 §7.4.1 */
enum {
    TRIB_WS_CLOSE_NORMAL = 1000,
    TRIB_WS_CLOSE_GOING_AWAY = 1001,
    TRIB_WS_CLOSE_PROTOCOL = 1002,
    TRIB_WS_CLOSE_UNSUPPORTED = 1003,
    TRIB_WS_CLOSE_NONE = 1005,     /* never on the wire: a close without a code */
    TRIB_WS_CLOSE_ABNORMAL = 1006, /* never on the wire: the connection broke */
    TRIB_WS_CLOSE_BAD_DATA = 1007,
    TRIB_WS_CLOSE_POLICY = 1008,
    TRIB_WS_CLOSE_TOO_BIG = 1009,
    TRIB_WS_CLOSE_INTERNAL = 1011
};

typedef enum trib_ws_event {
    TRIB_WS_NEED,    /* all bytes were taken */
    TRIB_WS_MESSAGE, /* payload, is_text */
    TRIB_WS_PING,    /* payload */
    TRIB_WS_PONG,    /* payload */
    TRIB_WS_CLOSE,   /* close_code (TRIB_WS_CLOSE_NONE: the peer gave none), payload: the reason. The last event */
    TRIB_WS_ERROR    /* close_code: what to tell the peer. Sticks */
} trib_ws_event;

/* Must stay where it is once bytes were given to it. */
typedef struct trib_ws_reader {
    trib_str payload; /* borrowed until the next call */
    uint16_t close_code;
    bool is_text;
    /* private */
    bool masked; /* what the peer must do */
    bool in_head, in_frame, in_message, ended;
    uint8_t control_len;
    trib_code code;
    uint32_t fragments;
    struct wslay_frame_context *frame; /* NULL between frames: its buffer is 4 KB */
    trib_str in;                       /* what is left of the input of this call */
    uint64_t frame_bytes, frame_at;    /* payload of the frame: all, and what of it came */
    trib_buf message;
    size_t valid_bytes; /* of `message`: checked UTF-8 */
    char control[TRIB_WS_CONTROL_MAX_BYTES];
} trib_ws_reader;

/* from_client: the frames must be masked; else they must not. No allocation. A longer message is an error (1009). */
void trib_ws_reader_init(trib_ws_reader *reader, bool from_client, size_t max_message_bytes);
void trib_ws_reader_deinit(trib_ws_reader *reader);

/* The next event of the bytes that came since the last call returned; *ret_used says how many of `in` were taken.
 * Between messages nothing is allocated.
 * Errors: TRIB_WS_ERROR with err: BAD_REQUEST, BODY_TOO_LARGE, NOMEM. Thread: one at a time. */
trib_ws_event trib_ws_reader_next(trib_ws_reader *reader, trib_str in, size_t *ret_used, trib_error *err);
/* After TRIB_WS_MESSAGE: moves the message out. Owns: the caller (trib_buf_deinit); payload borrows from it then. */
void trib_ws_reader_take(trib_ws_reader *reader, trib_buf *ret_message);
/* Another limit, for messages that have not begun. */
void trib_ws_reader_set_max(trib_ws_reader *reader, size_t max_message_bytes);
/* True inside a message or a frame. */
bool trib_ws_reader_is_partial(const trib_ws_reader *reader);

/* One unmasked frame, as servers send it; failure sticks in `out`. */
void trib_ws_write(trib_buf *out, trib_ws_opcode opcode, trib_str payload);
/* Only the frame's head, for a payload of so many bytes that follows by other means. */
void trib_ws_write_head(trib_buf *out, trib_ws_opcode opcode, uint64_t payload_bytes);
/* A close frame; `reason` is cut to what fits, at the end of a character. A code that is never on the wire: no code. */
void trib_ws_write_close(trib_buf *out, uint16_t code, trib_str reason);

#endif

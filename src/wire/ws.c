/* SPDX-License-Identifier: Apache-2.0 */
/* WebSocket frames and messages; see ws.h.
 *
 * wslay's frame layer reads heads (shortest length form, control frames whole and short) and unmasks, in pieces of up
 * to its buffer of 4 KB. That buffer is the reason why its context lives only while a frame is under way: ten thousand
 * idle sockets would keep 40 MB of them. It would also read ahead, and what it holds nobody could leave to the kernel
 * when reading pauses; so it is given a head byte by byte, and then no more than the frame's payload. */
#include "wire/ws.h"

#include <string.h>
#include <wslay/wslay.h>

void trib_ws_reader_init(trib_ws_reader *reader, bool from_client, size_t max_message_bytes) {
    *reader = (trib_ws_reader){.masked = from_client};
    trib_buf_init(&reader->message, max_message_bytes);
}

void trib_ws_reader_set_max(trib_ws_reader *reader, size_t max_message_bytes) {
    reader->message.max_bytes = max_message_bytes;
}

static void forget_frame(trib_ws_reader *reader) {
    if (reader->frame) wslay_frame_context_free(reader->frame);
    reader->frame = NULL;
    reader->in_head = reader->in_frame = false;
}

void trib_ws_reader_deinit(trib_ws_reader *reader) {
    forget_frame(reader);
    trib_buf_deinit(&reader->message);
}

bool trib_ws_reader_is_partial(const trib_ws_reader *reader) {
    return reader->in_message || reader->in_frame || reader->in_head;
}

void trib_ws_reader_take(trib_ws_reader *reader, trib_buf *ret_message) {
    *ret_message = reader->message;
    trib_buf_init(&reader->message, ret_message->max_bytes);
}

static ssize_t on_recv(uint8_t *buf, size_t len, int flags, void *user) {
    trib_ws_reader *reader = user;
    uint64_t wanted = reader->in_frame ? reader->frame_bytes - reader->frame_at : 1;
    size_t n = reader->in.len < len ? reader->in.len : len;
    (void)flags;
    if (n > wanted) n = (size_t)wanted;
    if (n == 0) return -1; /* wslay then says that it wants more */
    memcpy(buf, reader->in.ptr, n);
    reader->in = trib_str_sub(reader->in, n, reader->in.len);
    if (!reader->in_frame) reader->in_head = true;
    return (ssize_t)n;
}

static const struct wslay_frame_callbacks callbacks = {.recv_callback = on_recv};

/* ---- errors ---- */

static trib_ws_event refuse(trib_ws_reader *reader, uint16_t close_code, trib_code code, const char *why,
                            trib_error *err) {
    reader->ended = true;
    reader->code = code;
    reader->close_code = close_code;
    reader->payload = (trib_str){0};
    forget_frame(reader);
    trib_buf_deinit(&reader->message);
    (void)trib_error_set(err, code, "%s", why);
    return TRIB_WS_ERROR;
}

static trib_ws_event broken(trib_ws_reader *reader, const char *why, trib_error *err) {
    return refuse(reader, TRIB_WS_CLOSE_PROTOCOL, TRIB_BAD_REQUEST, why, err);
}

static trib_ws_event bad_text(trib_ws_reader *reader, trib_error *err) {
    return refuse(reader, TRIB_WS_CLOSE_BAD_DATA, TRIB_BAD_REQUEST, "the text of a WebSocket message is not UTF-8",
                  err);
}

static trib_ws_event no_memory(trib_ws_reader *reader, trib_error *err) {
    return refuse(reader, TRIB_WS_CLOSE_INTERNAL, TRIB_NOMEM, trib_code_meaning(TRIB_NOMEM), err);
}

/* ---- heads ---- */

static bool is_control(uint8_t opcode) {
    return opcode & 8;
}

/* What RFC 6455 §5.2 and §5.4 ask of a frame's head, beyond what wslay has checked. */
static const char *fault_of(const trib_ws_reader *reader, const struct wslay_frame_iocb *head) {
    if (head->rsv) return "a WebSocket frame has reserved bits set, and no extension was agreed on";
    if (reader->masked && !head->mask) return "a WebSocket frame of a client must be masked";
    if (!reader->masked && head->mask) return "a WebSocket frame of a server must not be masked";
    switch (head->opcode) {
    case TRIB_WS_OP_CONTINUATION:
        return reader->in_message ? NULL : "a WebSocket continuation frame without a message to go on with";
    case TRIB_WS_OP_TEXT:
    case TRIB_WS_OP_BINARY:
        return reader->in_message ? "a new WebSocket message began before the last one had ended" : NULL;
    case TRIB_WS_OP_CLOSE:
    case TRIB_WS_OP_PING:
    case TRIB_WS_OP_PONG: return NULL;
    default: return "a WebSocket frame has an opcode that does not exist";
    }
}

/* NEED: the frame may come. */
static trib_ws_event begin_frame(trib_ws_reader *reader, const struct wslay_frame_iocb *head, trib_error *err) {
    const char *fault = fault_of(reader, head);
    if (fault) return broken(reader, fault, err);
    reader->in_head = false;
    reader->in_frame = true;
    reader->frame_bytes = head->payload_length;
    reader->frame_at = 0;
    if (is_control(head->opcode)) {
        reader->control_len = 0;
        return TRIB_WS_NEED;
    }
    if (head->opcode != TRIB_WS_OP_CONTINUATION) {
        reader->in_message = true;
        reader->is_text = head->opcode == TRIB_WS_OP_TEXT;
        reader->fragments = 0;
        reader->valid_bytes = 0;
        trib_buf_clear(&reader->message);
    }
    if (++reader->fragments > TRIB_WS_FRAGMENTS_MAX)
        return refuse(reader, TRIB_WS_CLOSE_TOO_BIG, TRIB_BODY_TOO_LARGE,
                      "a WebSocket message has too many fragments; send larger ones", err);
    if (head->payload_length > reader->message.max_bytes - reader->message.len)
        return refuse(reader, TRIB_WS_CLOSE_TOO_BIG, TRIB_BODY_TOO_LARGE,
                      "a WebSocket message is over the server's limit; send less at once", err);
    return TRIB_WS_NEED;
}

/* ---- payloads ---- */

/* How many bytes at the end of `text` are a character that has begun and may be completed by what follows: 0..3. */
static size_t unfinished_bytes(trib_str text) {
    for (size_t back = 1; back <= 3 && back <= text.len; back++) {
        unsigned char c = (unsigned char)text.ptr[text.len - back];
        if (c < 0x80) return 0;
        if (c < 0xc0) continue;
        size_t whole = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;
        return whole > back ? back : 0;
    }
    return 0;
}

/* Each byte is looked at once, whatever the fragments are. */
static bool check_text(trib_ws_reader *reader, bool last) {
    if (reader->message.len == reader->valid_bytes) return true;
    trib_str fresh = trib_str_sub(trib_buf_str(&reader->message), reader->valid_bytes, reader->message.len);
    size_t later = last ? 0 : unfinished_bytes(fresh);
    reader->valid_bytes += fresh.len - later;
    return trib_str_utf8_valid(trib_str_sub(fresh, 0, fresh.len - later));
}

static trib_ws_event add_payload(trib_ws_reader *reader, const struct wslay_frame_iocb *piece, trib_error *err) {
    if (is_control(piece->opcode)) {
        memcpy(reader->control + reader->control_len, piece->data, piece->data_length);
        reader->control_len = (uint8_t)(reader->control_len + piece->data_length);
        return TRIB_WS_NEED;
    }
    trib_buf_add_bytes(&reader->message, piece->data, piece->data_length);
    if (reader->message.failed) return no_memory(reader, err);
    if (reader->is_text && !check_text(reader, false)) return bad_text(reader, err);
    return TRIB_WS_NEED;
}

/* RFC 6455 §7.4.2, and what IANA has registered since. */
static bool is_wire_code(uint16_t code) {
    if (code >= 3000 && code <= 4999) return true;
    if (code == 1004 || code == TRIB_WS_CLOSE_NONE || code == TRIB_WS_CLOSE_ABNORMAL) return false;
    return code >= 1000 && code <= 1014;
}

static trib_ws_event end_close(trib_ws_reader *reader, trib_error *err) {
    trib_str body = trib_str_make(reader->control, reader->control_len);
    reader->close_code = TRIB_WS_CLOSE_NONE;
    reader->payload = trib_str_sub(body, 2, body.len);
    if (body.len == 1) return broken(reader, "a WebSocket close frame has half a close code", err);
    if (body.len >= 2) {
        reader->close_code = (uint16_t)((unsigned char)body.ptr[0] << 8 | (unsigned char)body.ptr[1]);
        if (!is_wire_code(reader->close_code))
            return broken(reader, "a WebSocket close frame has a code that may not be sent", err);
        if (!trib_str_utf8_valid(reader->payload)) return bad_text(reader, err);
    }
    reader->ended = true;
    forget_frame(reader);
    trib_buf_deinit(&reader->message);
    return TRIB_WS_CLOSE;
}

/* NEED: a fragment that was not the last. */
static trib_ws_event end_frame(trib_ws_reader *reader, const struct wslay_frame_iocb *frame, trib_error *err) {
    reader->in_frame = false;
    if (is_control(frame->opcode)) {
        reader->payload = trib_str_make(reader->control, reader->control_len);
        if (frame->opcode == TRIB_WS_OP_CLOSE) return end_close(reader, err);
        return frame->opcode == TRIB_WS_OP_PING ? TRIB_WS_PING : TRIB_WS_PONG;
    }
    if (!frame->fin) return TRIB_WS_NEED;
    if (reader->is_text && !check_text(reader, true)) return bad_text(reader, err);
    reader->in_message = false;
    reader->payload = trib_buf_str(&reader->message);
    return TRIB_WS_MESSAGE;
}

/* ---- the loop ---- */

/* One piece of a frame. */
static trib_ws_event take_piece(trib_ws_reader *reader, const struct wslay_frame_iocb *piece, trib_error *err) {
    trib_ws_event event = reader->in_frame ? TRIB_WS_NEED : begin_frame(reader, piece, err);
    if (event == TRIB_WS_NEED && piece->data_length) event = add_payload(reader, piece, err);
    if (event != TRIB_WS_NEED) return event;
    reader->frame_at += piece->data_length;
    if (reader->frame_at < piece->payload_length) return TRIB_WS_NEED;
    return end_frame(reader, piece, err);
}

/* At rest a reader keeps nothing, also not the memory of its last message. */
static trib_ws_event rest(trib_ws_reader *reader) {
    if (!reader->in_head && !reader->in_frame) forget_frame(reader);
    if (!reader->in_message) trib_buf_deinit(&reader->message);
    return TRIB_WS_NEED;
}

static trib_ws_event read_frames(trib_ws_reader *reader, trib_error *err) {
    for (;;) {
        struct wslay_frame_iocb piece = {0};
        if (!reader->frame && reader->in.len == 0) return rest(reader);
        if (!reader->frame && wslay_frame_context_init(&reader->frame, &callbacks, reader)) {
            reader->frame = NULL;
            return no_memory(reader, err);
        }
        ssize_t got = wslay_frame_recv(reader->frame, &piece);
        if (got == WSLAY_ERR_WANT_READ) {
            if (reader->in.len == 0) return rest(reader);
            continue;
        }
        if (got < 0) return broken(reader, "a WebSocket frame's head is malformed", err);
        trib_ws_event event = take_piece(reader, &piece, err);
        if (event != TRIB_WS_NEED) return event;
    }
}

trib_ws_event trib_ws_reader_next(trib_ws_reader *reader, trib_str in, size_t *ret_used, trib_error *err) {
    *ret_used = in.len;
    if (reader->code) {
        (void)trib_error_set(err, reader->code, "the WebSocket was refused before");
        return TRIB_WS_ERROR;
    }
    if (reader->ended) return TRIB_WS_NEED;
    reader->in = in;
    trib_ws_event event = read_frames(reader, err);
    *ret_used = in.len - reader->in.len;
    reader->in = (trib_str){0};
    return event;
}

/* ---- writing ---- */

void trib_ws_write_head(trib_buf *out, trib_ws_opcode opcode, uint64_t payload_bytes) {
    unsigned char head[TRIB_WS_HEAD_MAX_BYTES] = {(unsigned char)(0x80u | (unsigned)opcode)};
    size_t more = payload_bytes > UINT16_MAX ? 8 : payload_bytes > 125 ? 2 : 0;
    head[1] = more == 8 ? 127 : more == 2 ? 126 : (unsigned char)payload_bytes;
    for (size_t i = 0; i < more; i++) head[2 + i] = (unsigned char)(payload_bytes >> (8 * (more - 1 - i)));
    trib_buf_add_bytes(out, head, 2 + more);
}

void trib_ws_write(trib_buf *out, trib_ws_opcode opcode, trib_str payload) {
    trib_ws_write_head(out, opcode, payload.len);
    trib_buf_add(out, payload);
}

void trib_ws_write_close(trib_buf *out, uint16_t code, trib_str reason) {
    char body[TRIB_WS_CONTROL_MAX_BYTES] = {(char)(unsigned char)(code >> 8), (char)(unsigned char)code};
    if (!is_wire_code(code)) {
        trib_ws_write_head(out, TRIB_WS_OP_CLOSE, 0);
        return;
    }
    reason = trib_str_sub(reason, 0, sizeof body - 2);
    reason.len -= unfinished_bytes(reason);
    if (!trib_str_utf8_valid(reason)) reason.len = 0;
    if (reason.len) memcpy(body + 2, reason.ptr, reason.len);
    trib_ws_write(out, TRIB_WS_OP_CLOSE, trib_str_make(body, 2 + reason.len));
}

/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP/1.1 events and bodies; see http1.h. Lines of a head are read in http1_head.c.
 *
 *   FIRST_LINE -> FIELDS -> HEAD_DONE -> NO BODY ----------------------------------> DONE
 *                                     -> LENGTH ----------------------------------->
 *                                     -> CHUNK_SIZE <-> CHUNK_DATA, CHUNK_END
 *                                             -> TRAILERS -------------------------->
 *                                     -> UNTIL_CLOSE ------------------------------>
 *
 * A step returns TRIB_OK to go on, TRIB_AGAIN when the input ends too early, or the error. A step decides only on
 * bytes that later bytes cannot change, so that the outcome is the same however the input was cut. */
#include "wire/http1.h"

#include <assert.h>
#include <string.h>

#include "wire/http1_int.h"

typedef enum parser_state {
    FIRST_LINE,
    FIELDS,
    HEAD_DONE,
    LENGTH,
    CHUNK_SIZE,
    CHUNK_DATA,
    CHUNK_END,
    TRAILERS,
    UNTIL_CLOSE,
    DONE,
    FAILED,
} parser_state;

enum {
    /* "METHOD SP TARGET SP HTTP/1.1 CRLF" */
    MAX_REQUEST_LINE_BYTES = TRIB_HTTP1_MAX_METHOD_BYTES + 1 + TRIB_HTTP1_MAX_TARGET_BYTES + 1 + 8 + 2,
    MAX_CHUNK_DIGITS = 16,
};

void trib_http1_parser_init(trib_http1_parser *p, bool is_response) {
    *p = (trib_http1_parser){.is_response = is_response, .state = FIRST_LINE};
    trib_buf_init(&p->head_copy, TRIB_HTTP1_MAX_HEAD_BYTES);
}

void trib_http1_parser_deinit(trib_http1_parser *p) {
    if (p) trib_buf_deinit(&p->head_copy);
}

void trib_http1_parser_set_body(trib_http1_parser *p, trib_buf *body, uint64_t max_body_bytes) {
    p->body_buf = body;
    p->max_body_bytes = max_body_bytes;
}

void trib_http1_parser_set_closed(trib_http1_parser *p) {
    p->peer_closed = true;
}

void trib_http1_parser_set_answers_head(trib_http1_parser *p) {
    p->answers_head = true;
}

bool trib_http1_parser_is_idle(const trib_http1_parser *p) {
    return p->state == DONE || (p->state == FIRST_LINE && p->scan == 0);
}

/* The bytes at [pos, CRLF), no more than max_bytes with the CRLF; `too_long` is what to say beyond that. */
static trib_code take_line(trib_http1_parser *p, trib_str in, size_t max_bytes, trib_code too_long, trib_str *ret_line,
                           trib_error *err) {
    if (p->scan == in.len) return TRIB_AGAIN;
    const char *lf = memchr(in.ptr + p->scan, '\n', in.len - p->scan);
    size_t end = lf ? (size_t)(lf - in.ptr) + 1 : in.len;
    size_t have = end - p->pos;
    if (have > max_bytes) return trib_error_set(err, too_long, NULL);
    p->scan = end;
    if (!lf) return TRIB_AGAIN;
    /* RFC 9112 §2.2 allows a bare LF; what one server ends at LF another one may read on, so it is refused */
    if (have < 2 || lf[-1] != '\r') return trib_error_set(err, TRIB_BAD_HTTP, "a line does not end with CR LF");
    *ret_line = trib_str_make(in.ptr + p->pos, have - 2);
    p->pos = end;
    return TRIB_OK;
}

static trib_code take_first_line(trib_http1_parser *p, trib_str in, trib_error *err) {
    trib_str line = {NULL, 0};
    trib_code code = p->is_response ? take_line(p, in, TRIB_HTTP1_MAX_HEAD_BYTES, TRIB_HEADERS_TOO_LARGE, &line, err)
                                    : take_line(p, in, MAX_REQUEST_LINE_BYTES, TRIB_URI_TOO_LONG, &line, err);
    if (code) return code;
    /* RFC 9112 §2.2: one empty line before a request is forgiven (old clients end a body with it) */
    if (line.len == 0 && !p->is_response && !p->skipped_crlf) {
        p->skipped_crlf = true;
        p->start = p->pos;
        return TRIB_OK;
    }
    p->state = FIELDS;
    return p->is_response ? trib_http1_head_status_line(p, line, err) : trib_http1_head_request_line(p, line, err);
}

static trib_code take_field(trib_http1_parser *p, trib_str in, trib_error *err) {
    size_t at = p->pos - p->start;
    trib_str line = {NULL, 0};
    trib_code code = take_line(p, in, TRIB_HTTP1_MAX_HEAD_BYTES - at, TRIB_HEADERS_TOO_LARGE, &line, err);
    if (code) return code;
    if (line.len) return trib_http1_head_field(p, line, at, err);
    trib_http1_head_set_bytes(p, in.ptr + p->start);
    code = trib_http1_head_finish(p, err);
    if (code) return code;
    p->state = HEAD_DONE;
    int status = p->head.status;
    if (!p->is_response || status >= 200 || status == 101) return TRIB_OK;
    /* RFC 9110 §15.2: interim answers are skipped; the real one follows */
    if (++p->interim_count > TRIB_HTTP1_MAX_INTERIM)
        return trib_error_set(err, TRIB_BAD_HTTP, "the server sends 1xx answers without end");
    trib_http1_head_clear(p);
    p->start = p->pos;
    p->state = FIRST_LINE;
    return TRIB_OK;
}

static trib_code begin_body(trib_http1_parser *p, trib_error *err) {
    switch (p->head.framing) {
    case TRIB_HTTP1_NO_BODY: p->state = DONE; break;
    case TRIB_HTTP1_LENGTH:
        if (p->head.content_length > p->max_body_bytes) return trib_error_set(err, TRIB_BODY_TOO_LARGE, NULL);
        p->body_left = p->head.content_length;
        p->state = LENGTH;
        break;
    case TRIB_HTTP1_CHUNKED: p->state = CHUNK_SIZE; break;
    case TRIB_HTTP1_UNTIL_CLOSE: p->state = UNTIL_CLOSE; break;
    }
    return TRIB_OK;
}

/* Moves the next n input bytes to the body. */
static trib_code deliver(trib_http1_parser *p, trib_str in, size_t n, trib_error *err) {
    if (n > p->max_body_bytes - p->body_bytes) return trib_error_set(err, TRIB_BODY_TOO_LARGE, NULL);
    trib_buf *body = p->body_buf;
    if (body && !trib_buf_reserve(body, n)) {
        bool full = n > body->max_bytes || body->len > body->max_bytes - n;
        return trib_error_set(err, full ? TRIB_BODY_TOO_LARGE : TRIB_NOMEM, NULL);
    }
    if (body) trib_buf_add_bytes(body, in.ptr + p->pos, n);
    p->body_bytes += n;
    p->pos += n;
    p->scan = p->pos;
    return TRIB_OK;
}

static size_t available(const trib_http1_parser *p, trib_str in) {
    size_t have = in.len - p->pos;
    return have < p->body_left ? have : (size_t)p->body_left;
}

static trib_code take_length(trib_http1_parser *p, trib_str in, trib_error *err) {
    size_t n = available(p, in);
    if (n == 0) return TRIB_AGAIN;
    if (n == p->body_left && p->body_bytes == 0 && p->body_buf) {
        /* the hot path: nothing is copied */
        p->body = trib_str_make(in.ptr + p->pos, n);
        p->pos += n;
        p->state = DONE;
        return TRIB_OK;
    }
    trib_code code = deliver(p, in, n, err);
    if (code) return code;
    p->body_left -= n;
    if (p->body_left == 0) p->state = DONE;
    return TRIB_OK;
}

static int hex_value(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

/* RFC 9112 §7.1: size [;extensions]. Extensions are ignored, but not for free. */
static trib_code take_chunk_size(trib_http1_parser *p, trib_str in, trib_error *err) {
    trib_str line = {NULL, 0};
    trib_code code = take_line(p, in, TRIB_HTTP1_MAX_CHUNK_LINE_BYTES, TRIB_BAD_HTTP, &line, err);
    if (code) return code;
    uint64_t size = 0;
    size_t i = 0;
    for (int digit; i < line.len && i < MAX_CHUNK_DIGITS && (digit = hex_value(line.ptr[i])) >= 0; i++)
        size = size << 4 | (uint64_t)digit;
    trib_str ext = trib_str_sub(line, i, line.len);
    if (i == 0 || (ext.len && ext.ptr[0] != ';') || !trib_http1_is_field_text(ext))
        return trib_error_set(err, TRIB_BAD_HTTP, "a chunk does not start with its size in hexadecimal digits");
    p->side_bytes += ext.len;
    if (p->side_bytes > TRIB_HTTP1_MAX_CHUNK_EXT_BYTES)
        return trib_error_set(err, TRIB_BAD_HTTP, "the chunk extensions are too large");
    if (size > p->max_body_bytes - p->body_bytes) return trib_error_set(err, TRIB_BODY_TOO_LARGE, NULL);
    p->body_left = size;
    p->state = size ? CHUNK_DATA : TRAILERS;
    if (!size) p->side_bytes = 0;
    return TRIB_OK;
}

static trib_code take_chunk_data(trib_http1_parser *p, trib_str in, trib_error *err) {
    size_t n = available(p, in);
    if (n == 0) return TRIB_AGAIN;
    trib_code code = deliver(p, in, n, err);
    if (code) return code;
    p->body_left -= n;
    if (p->body_left == 0) p->state = CHUNK_END;
    return TRIB_OK;
}

static trib_code take_chunk_end(trib_http1_parser *p, trib_str in, trib_error *err) {
    size_t have = in.len - p->pos;
    if ((have > 0 && in.ptr[p->pos] != '\r') || (have > 1 && in.ptr[p->pos + 1] != '\n'))
        return trib_error_set(err, TRIB_BAD_HTTP, "a chunk is longer than its size says");
    if (have < 2) return TRIB_AGAIN;
    p->pos += 2;
    p->scan = p->pos;
    p->state = CHUNK_SIZE;
    return TRIB_OK;
}

/* RFC 9112 §7.1.2: checked and dropped, so that a trailer can never change who the request is from or where it ends. */
static trib_code take_trailer(trib_http1_parser *p, trib_str in, trib_error *err) {
    size_t left = TRIB_HTTP1_MAX_TRAILER_BYTES - p->side_bytes;
    size_t before = p->pos;
    trib_str line = {NULL, 0};
    trib_code code = take_line(p, in, left, TRIB_HEADERS_TOO_LARGE, &line, err);
    if (code) return code;
    p->side_bytes += p->pos - before;
    if (line.len == 0) {
        p->state = DONE;
        return TRIB_OK;
    }
    trib_http1_field field = {0};
    return trib_http1_field_split(line, &field, err);
}

static trib_code take_until_close(trib_http1_parser *p, trib_str in, trib_error *err) {
    size_t n = in.len - p->pos;
    if (n) return deliver(p, in, n, err);
    if (!p->peer_closed) return TRIB_AGAIN;
    p->state = DONE;
    return TRIB_OK;
}

static trib_code take_step(trib_http1_parser *p, trib_str in, trib_error *err) {
    switch ((parser_state)p->state) {
    case FIRST_LINE: return take_first_line(p, in, err);
    case FIELDS: return take_field(p, in, err);
    case HEAD_DONE: return begin_body(p, err);
    case LENGTH: return take_length(p, in, err);
    case CHUNK_SIZE: return take_chunk_size(p, in, err);
    case CHUNK_DATA: return take_chunk_data(p, in, err);
    case CHUNK_END: return take_chunk_end(p, in, err);
    case TRAILERS: return take_trailer(p, in, err);
    case UNTIL_CLOSE: return take_until_close(p, in, err);
    case DONE:
    case FAILED: break;
    }
    return trib_error_set(err, TRIB_INTERNAL, NULL);
}

/* The caller has dropped the last message: what is left starts the next one. */
static void begin_message(trib_http1_parser *p) {
    trib_http1_head_clear(p);
    p->body = (trib_str){NULL, 0};
    p->body_buf = NULL;
    p->body_left = p->body_bytes = p->max_body_bytes = 0;
    p->side_bytes = 0;
    p->interim_count = 0;
    p->head_is_copy = p->skipped_crlf = false;
    p->start = p->pos = p->scan = 0;
    p->state = FIRST_LINE;
}

trib_code trib_http1_parser_keep_head(trib_http1_parser *p, trib_error *err) {
    if (p->head_is_copy || !p->head.bytes) return TRIB_OK;
    /* up to the last value: the empty line is not needed; a head without fields ends with its first line */
    size_t end = 0;
    for (size_t i = 0; i < 4; i++)
        if ((size_t)p->start_at[i] + p->start_len[i] > end) end = (size_t)p->start_at[i] + p->start_len[i];
    if (p->head.field_count) {
        const trib_http1_field *last = &p->head.fields[p->head.field_count - 1];
        end = (size_t)last->value_at + last->value_len;
    }
    trib_buf_clear(&p->head_copy);
    trib_buf_add_bytes(&p->head_copy, p->head.bytes, end);
    if (p->head_copy.failed) return trib_error_set(err, TRIB_NOMEM, NULL);
    trib_http1_head_set_bytes(p, p->head_copy.ptr);
    p->head_is_copy = true;
    return TRIB_OK;
}

static trib_http1_event fail(trib_http1_parser *p, trib_code code) {
    p->code = code;
    p->state = FAILED;
    return TRIB_HTTP1_ERROR;
}

/* The input is used up. What was parsed may be dropped; a finished head is saved first. */
static trib_http1_event need_more(trib_http1_parser *p, trib_str in, size_t *ret_used, trib_error *err) {
    bool in_head = p->state == FIRST_LINE || p->state == FIELDS;
    if (p->peer_closed && !(p->state == FIRST_LINE && in.len == p->start))
        return fail(p, trib_error_set(err, TRIB_BAD_HTTP, "the connection was closed inside a message"));
    if (!in_head) {
        trib_code code = trib_http1_parser_keep_head(p, err);
        if (code) return fail(p, code);
    }
    *ret_used = in_head ? p->start : p->pos;
    p->start = 0;
    p->pos -= *ret_used;
    p->scan -= *ret_used;
    return TRIB_HTTP1_NEED;
}

trib_http1_event trib_http1_parser_next(trib_http1_parser *p, trib_str in, size_t *ret_used, trib_error *err) {
    *ret_used = 0;
    if (p->state == FAILED) {
        trib_error_set(err, p->code, NULL);
        return TRIB_HTTP1_ERROR;
    }
    if (p->state == DONE) begin_message(p);
    assert(in.len >= p->scan);
    if (p->head.bytes && !p->head_is_copy) trib_http1_head_set_bytes(p, in.ptr + p->start);
    do {
        trib_code code = take_step(p, in, err);
        if (code == TRIB_AGAIN) return need_more(p, in, ret_used, err);
        if (code) return fail(p, code);
        if (p->state == HEAD_DONE) return TRIB_HTTP1_HEAD;
    } while (p->state != DONE);
    if (p->body_bytes && p->body_buf) p->body = trib_buf_str(p->body_buf);
    p->answers_head = false; /* here, not in begin_message: the caller may already have set it for the next response */
    *ret_used = p->pos;
    return TRIB_HTTP1_MESSAGE;
}

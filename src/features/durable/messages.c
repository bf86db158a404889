/* SPDX-License-Identifier: Apache-2.0 */
/* Messages of JSON streams, and events of event streams; see durable_int.h. Pure.
 *
 * A message is kept as it is written by wire/json.h: without line ends between its tokens, and those in texts are
 * escaped. So a line end parts messages, and nothing has to be read again to count or to cut them. */
#include <string.h>

#include "features/durable/durable_int.h"
#include "wire/base64.h"
#include "wire/json.h"

static trib_code too_many(trib_error *err) {
    return trib_error_set(err, TRIB_BODY_TOO_LARGE, "the body has too many values for one append; send fewer at once");
}

trib_code durable_messages_split(trib_arena *arena, trib_str text, trib_buf *ret, uint64_t *ret_count,
                                 trib_error *err) {
    const trib_json *root;
    trib_json_writer w;
    uint64_t count = 0;
    trib_code code = trib_json_parse(arena, text, &root, err);
    if (code == TRIB_NOMEM && arena->used_bytes + text.len > arena->budget_bytes / 2) return too_many(err);
    if (code != TRIB_OK) return code;
    bool many = trib_json_is(root, TRIB_JSON_ARRAY);
    for (const trib_json *message = many ? trib_json_first(root) : root; message;
         message = many ? trib_json_next(message) : NULL) {
        if (count++ > 0) trib_buf_add_char(ret, '\n');
        trib_jw_init(&w, ret);
        trib_jw_value(&w, message);
    }
    if (ret->failed) return too_many(err);
    *ret_count = count;
    return TRIB_OK;
}

uint64_t durable_messages_add(trib_str lines, uint64_t skip, uint64_t most, size_t limit, trib_buf *out) {
    uint64_t count = 0;
    size_t at = 0;
    while (at <= lines.len && count < most) {
        trib_str rest = trib_str_sub(lines, at, lines.len);
        trib_str line = trib_str_sub(rest, 0, trib_str_find(rest, '\n'));
        at += line.len + 1;
        if (skip > 0) {
            skip--;
            continue;
        }
        if (out->len > 0 && out->len + 1 + line.len > limit) break;
        if (out->len > 0) trib_buf_add_char(out, ',');
        trib_buf_add(out, line);
        count++;
    }
    return count;
}

/* The length of the line end at `at`: CR LF, LF or CR; 0: there is none. */
static size_t line_end(trib_str text, size_t at) {
    if (text.ptr[at] == '\n') return 1;
    if (text.ptr[at] != '\r') return 0;
    return at + 1 < text.len && text.ptr[at + 1] == '\n' ? 2 : 1;
}

void durable_event_text(trib_str text, trib_buf *out) {
    trib_buf_add(out, TRIB_STR("event: data\n"));
    size_t begin = 0;
    for (size_t at = 0; at <= text.len;) {
        size_t end = at < text.len ? line_end(text, at) : 1;
        if (end == 0) {
            at++;
            continue;
        }
        trib_str line = trib_str_sub(text, begin, at);
        trib_buf_add(out, TRIB_STR("data:"));
        /* a reader drops one space behind the colon */
        if (line.len > 0 && line.ptr[0] == ' ') trib_buf_add_char(out, ' ');
        trib_buf_add(out, line);
        trib_buf_add_char(out, '\n');
        at += end;
        begin = at;
    }
    trib_buf_add_char(out, '\n');
}

void durable_event_base64(trib_str bytes, trib_buf *out) {
    trib_buf_add(out, TRIB_STR("event: data\ndata:"));
    trib_base64_encode_buf(TRIB_BASE64_STD, true, bytes.ptr, bytes.len, out);
    trib_buf_add(out, TRIB_STR("\n\n"));
}

void durable_event_control(const char *offset, uint64_t cursor, bool up_to_date, bool closed, trib_buf *out) {
    trib_json_writer w;
    trib_buf_add(out, TRIB_STR("event: control\ndata:"));
    trib_jw_init(&w, out);
    trib_jw_object_begin(&w);
    trib_jw_member_str(&w, "streamNextOffset", trib_str_c(offset));
    if (!closed) {
        char space[TRIB_U64_DIGITS];
        trib_jw_member_str(&w, "streamCursor", trib_str_of_u64(cursor, space));
    }
    if (up_to_date) trib_jw_member_bool(&w, "upToDate", true);
    if (closed) trib_jw_member_bool(&w, "streamClosed", true);
    trib_jw_object_end(&w);
    trib_buf_add(out, TRIB_STR("\n\n"));
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a piece of a stream. A fork has its own parts from fork_position on; what stands before that is read where it
 * was written:
 *
 *   source   [ part | part | part | part ...        (what it gets later is its own)
 *   fork           fork_position ^ [ part | part ]  */
#include <string.h>

#include "features/durable/durable_int.h"

typedef struct segment {
    int64_t stream;
    uint64_t from, to;
} segment;

typedef struct reading {
    durable_ask *ask;
    size_t limit;
    uint64_t position, to; /* the next unit; where the segment ends */
    bool full;
} reading;

/* A cut that the limit made must not part a character: readers decode each piece by itself. */
static size_t whole_characters(const durable_ask *ask, trib_str bytes, size_t n) {
    if (!ask->text_mode || n >= bytes.len) return n;
    size_t back = n;
    while (back > 0 && n - back < 4 && ((unsigned char)bytes.ptr[back] & 0xc0) == 0x80) back--;
    return back > 0 && n - back < 4 ? back : n;
}

static trib_code take_part(void *ctx, const trib_stmt *stmt, trib_error *err) {
    reading *r = ctx;
    trib_buf *out = &r->ask->out;
    uint64_t begin = (uint64_t)trib_stmt_col_value(stmt, 0).integer;
    uint64_t end = begin + (uint64_t)trib_stmt_col_value(stmt, 1).integer;
    trib_str data = trib_stmt_col_value(stmt, 2).bytes;
    if (end > r->to) end = r->to;
    if (begin > r->position) return trib_error_set(err, TRIB_INTERNAL, "a part of a durable stream is missing");
    if (end <= r->position) return TRIB_OK;
    uint64_t skip = r->position - begin, most = end - r->position, got;
    if (r->ask->json_mode) {
        got = durable_messages_add(data, skip, most, r->limit, out);
    } else {
        trib_str bytes = trib_str_sub(data, (size_t)skip, (size_t)(skip + most));
        size_t room = r->limit > out->len ? r->limit - out->len : 0;
        got = bytes.len < room ? bytes.len : whole_characters(r->ask, bytes, room);
        trib_buf_add(out, trib_str_sub(bytes, 0, (size_t)got));
    }
    r->position += got;
    r->full = got < most;
    return r->full ? TRIB_CANCELLED : TRIB_OK; /* ends the statement; it is no failure */
}

static trib_code read_segment(reading *r, const segment *from, trib_error *err) {
    trib_arg args[3];
    uint64_t numbers[3] = {(uint64_t)from->stream, r->position, from->to};
    for (size_t i = 0; i < 3; i++)
        args[i] = (trib_arg){.value = {.type = TRIB_VALUE_INTEGER, .integer = (int64_t)numbers[i]}};
    r->to = from->to;
    trib_code code = trib_stmt_run(r->ask->handle,
                                   "SELECT position, length, data FROM _trib_ds_part WHERE stream = ?1 AND position >= "
                                   "coalesce((SELECT max(position) FROM _trib_ds_part WHERE stream = ?1 AND position "
                                   "<= ?2), ?2) AND position < ?3 ORDER BY position",
                                   args, 3, take_part, r, err);
    return code == TRIB_CANCELLED && r->full ? TRIB_OK : code;
}

trib_code durable_pieces_read(durable_ask *ask, const durable_stream *s, uint64_t position, size_t limit,
                              uint64_t *ret_end, trib_error *err) {
    segment segments[DURABLE_FORK_DEPTH_MAX + 1];
    size_t count = 0;
    durable_stream at = *s;
    uint64_t to = s->tail;
    while (count <= DURABLE_FORK_DEPTH_MAX) {
        uint64_t from = at.source != 0 ? at.fork_position : 0;
        if (from < to) segments[count++] = (segment){at.id, from, to};
        if (from < to) to = from;
        if (to <= position || at.source == 0) break;
        trib_code code = durable_load_by_id(ask, at.source, &at, err);
        if (code == TRIB_OK && !at.exists) code = trib_error_set(err, TRIB_INTERNAL, "the source of a fork is missing");
        if (code != TRIB_OK) return code;
    }
    reading r = {.ask = ask, .limit = limit, .position = position};
    trib_code code = TRIB_OK;
    while (code == TRIB_OK && count > 0 && !r.full) {
        const segment *next = &segments[--count];
        if (next->to > r.position) code = read_segment(&r, next, err);
    }
    *ret_end = r.position;
    return code;
}

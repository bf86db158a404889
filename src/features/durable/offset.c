/* SPDX-License-Identifier: Apache-2.0 */
/* Offsets, cursors, numbers and media types; see offset.h. */
#include "features/durable/offset.h"

#include <stdio.h>

enum {
    DIGITS = 16, /* of each part of an offset */
    CURSOR_INTERVAL_MS = 20000,
    CURSOR_JITTER = 180 /* intervals: an hour */
};
/* 2024-10-09T00:00:00Z, where the protocol begins to count intervals */
#define CURSOR_EPOCH_MS INT64_C(1728432000000)

void durable_offset_write(uint64_t position, char ret[DURABLE_OFFSET_BYTES]) {
    if (position > DURABLE_POSITION_MAX) position = DURABLE_POSITION_MAX;
    snprintf(ret, DURABLE_OFFSET_BYTES, "%016u_%016llu", 0U, (unsigned long long)position);
}

bool durable_offset_read(trib_str text, uint64_t *ret) {
    uint64_t generation, position;
    if (text.len != 2 * DIGITS + 1 || text.ptr[DIGITS] != '_') return false;
    if (!trib_str_u64(trib_str_sub(text, 0, DIGITS), &generation)) return false;
    if (!trib_str_u64(trib_str_sub(text, DIGITS + 1, text.len), &position)) return false;
    /* of a generation to come: behind all that is here */
    *ret = generation > 0 ? DURABLE_POSITION_MAX : position;
    return true;
}

bool durable_number_read(trib_str text, uint64_t most, uint64_t *ret) {
    uint64_t value;
    if (text.len == 0 || (text.len > 1 && text.ptr[0] == '0')) return false;
    if (!trib_str_u64(text, &value) || value > most) return false;
    *ret = value;
    return true;
}

trib_str durable_media_type(trib_str content_type) {
    size_t end = trib_str_find(content_type, ';');
    trib_str media = trib_str_trim(trib_str_sub(content_type, 0, end));
    size_t slash = trib_str_find(media, '/');
    if (slash == SIZE_MAX || slash == 0 || slash + 1 == media.len) return (trib_str){0};
    for (size_t i = 0; i < media.len; i++)
        if (media.ptr[i] <= ' ' || media.ptr[i] >= 0x7f || media.ptr[i] == '"' || media.ptr[i] == ',')
            return (trib_str){0};
    return media;
}

bool durable_media_is_json(trib_str content_type) {
    return trib_str_ieq_c(durable_media_type(content_type), "application/json");
}

bool durable_media_is_text(trib_str content_type) {
    trib_str media = durable_media_type(content_type);
    return trib_str_ieq_c(trib_str_sub(media, 0, 5), "text/") || durable_media_is_json(content_type);
}

bool durable_media_same(trib_str a, trib_str b) {
    return trib_str_ieq(durable_media_type(a), durable_media_type(b));
}

uint64_t durable_cursor(int64_t wall_ms, uint64_t client_cursor, uint32_t random) {
    uint64_t now = wall_ms > CURSOR_EPOCH_MS ? (uint64_t)((wall_ms - CURSOR_EPOCH_MS) / CURSOR_INTERVAL_MS) : 0;
    return client_cursor < now ? now : client_cursor + 1 + random % CURSOR_JITTER;
}

bool durable_etag_listed(trib_str list, trib_str etag) {
    while (list.len > 0) {
        size_t end = trib_str_find(list, ',');
        trib_str item = trib_str_trim(trib_str_sub(list, 0, end));
        list = end == SIZE_MAX ? (trib_str){0} : trib_str_sub(list, end + 1, list.len);
        if (trib_str_starts(item, TRIB_STR("W/"))) item = trib_str_sub(item, 2, item.len);
        if (trib_str_eq(item, etag) || trib_str_eq_c(item, "*")) return true;
    }
    return false;
}

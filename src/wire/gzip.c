/* SPDX-License-Identifier: Apache-2.0 */
/* gzip over zlib's raw deflate. Head, checksum and trailer are written here, so that a piece can be taken back: the
 * pieces end at a byte, and deflateReset forgets what later ones could refer to. */
#include "wire/gzip.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <zlib.h>

enum {
    LEVEL =
        1, /* 200-500 MB/s on rows as JSON, which it makes six times smaller; level 6 is three times slower for 15 % */
    WINDOW_BITS = 13,
    MEMORY_LEVEL = 6,
    ROOM_BYTES = 4096 /* at least so much free space for each call of deflate */
};

typedef struct gzip_place {
    bool begun; /* the head is written */
    uLong crc;
    uint32_t total;
} gzip_place;

struct trib_gzip {
    z_stream z;
    gzip_place now, kept;
    size_t taken_bytes;
};

/* ---- Accept-Encoding ---- */

/* "q=0.5" as thousandths; -1: that is no weight. */
static int read_weight(trib_str text) {
    if (text.len < 3 || text.len > 7 || !trib_str_ieq_c(trib_str_sub(text, 0, 2), "q=")) return -1;
    text = trib_str_sub(text, 2, text.len);
    if ((text.ptr[0] != '0' && text.ptr[0] != '1') || (text.len > 1 && text.ptr[1] != '.')) return -1;
    int weight = (text.ptr[0] - '0') * 1000;
    for (size_t i = 2, unit = 100; i < text.len; i++, unit /= 10) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9') return -1;
        weight += (text.ptr[i] - '0') * (int)unit;
    }
    return weight <= 1000 ? weight : -1;
}

/* Takes the part before the next `end` off the text, without blanks around it. */
static trib_str take_part(trib_str *text, char end) {
    size_t at = trib_str_find(*text, end);
    trib_str part = trib_str_trim(trib_str_sub(*text, 0, at));
    *text = at == SIZE_MAX ? (trib_str){0} : trib_str_sub(*text, at + 1, text->len);
    return part;
}

bool trib_gzip_accepted(trib_str accept_encoding) {
    int gzip = -1, any = -1, identity = -1;
    while (accept_encoding.len) {
        trib_str item = take_part(&accept_encoding, ',');
        trib_str coding = take_part(&item, ';');
        int weight = item.len ? read_weight(trib_str_trim(item)) : 1000;
        if (weight < 0) continue; /* nobody knows what is meant: as if it were not there */
        if (trib_str_ieq_c(coding, "gzip") || trib_str_ieq_c(coding, "x-gzip")) gzip = weight;
        else if (trib_str_eq_c(coding, "*")) any = weight;
        else if (trib_str_ieq_c(coding, "identity")) identity = weight;
    }
    if (gzip < 0) gzip = any;
    return gzip > 0 && gzip >= identity;
}

/* ---- the stream ---- */

static voidpf take_memory(voidpf ctx, uInt count, uInt size) {
    trib_gzip *gzip = ctx;
    size_t bytes = (size_t)count * size;
    if (bytes > TRIB_GZIP_MEMORY_BYTES - gzip->taken_bytes) return NULL;
    gzip->taken_bytes += bytes;
    return malloc(bytes);
}

static void give_memory(voidpf ctx, voidpf memory) {
    (void)ctx;
    free(memory);
}

trib_gzip *trib_gzip_new(void) {
    trib_gzip *gzip = calloc(1, sizeof *gzip);
    if (!gzip) return NULL;
    gzip->z.zalloc = take_memory;
    gzip->z.zfree = give_memory;
    gzip->z.opaque = gzip;
    gzip->now.crc = crc32(0, NULL, 0);
    gzip->kept = gzip->now;
    if (deflateInit2(&gzip->z, LEVEL, Z_DEFLATED, -WINDOW_BITS, MEMORY_LEVEL, Z_DEFAULT_STRATEGY) == Z_OK) return gzip;
    free(gzip);
    return NULL;
}

void trib_gzip_free(trib_gzip *gzip) {
    if (!gzip) return;
    (void)deflateEnd(&gzip->z);
    free(gzip);
}

static void add_u32(trib_buf *out, uint32_t value) {
    for (int i = 0; i < 4; i++, value >>= 8) trib_buf_add_char(out, (char)(value & 0xff));
}

static void run(trib_gzip *gzip, int flush, trib_buf *out) {
    z_stream *z = &gzip->z;
    int rc;
    do {
        if (!trib_buf_reserve(out, ROOM_BYTES)) return;
        size_t room = out->cap - out->len;
        z->next_out = (Bytef *)out->ptr + out->len;
        z->avail_out = room > UINT_MAX ? UINT_MAX : (uInt)room;
        uInt before = z->avail_out;
        rc = deflate(z, flush);
        out->len += before - z->avail_out;
    } while (rc == Z_OK && z->avail_out == 0);
    if (rc != (flush == Z_FINISH ? Z_STREAM_END : Z_OK)) out->failed = true;
}

void trib_gzip_add(trib_gzip *gzip, trib_str bytes, bool end, trib_buf *out) {
    static const char head[] = {'\x1f', '\x8b', 8, 0, 0, 0, 0, 0, 0, '\xff'}; /* no name, no time, no system */
    if (bytes.len > UINT_MAX) out->failed = true;
    if (out->failed || (!bytes.len && !end)) return;
    if (!gzip->now.begun) trib_buf_add_bytes(out, head, sizeof head);
    gzip->now.begun = true;
    gzip->z.next_in = (Bytef *)(uintptr_t)bytes.ptr;
    gzip->z.avail_in = (uInt)bytes.len;
    if (bytes.len) gzip->now.crc = crc32(gzip->now.crc, gzip->z.next_in, gzip->z.avail_in);
    gzip->now.total += (uint32_t)bytes.len;
    run(gzip, end ? Z_FINISH : Z_SYNC_FLUSH, out);
    if (!end) return;
    add_u32(out, (uint32_t)gzip->now.crc);
    add_u32(out, gzip->now.total);
}

void trib_gzip_keep(trib_gzip *gzip) {
    gzip->kept = gzip->now;
}

void trib_gzip_drop(trib_gzip *gzip) {
    gzip->now = gzip->kept;
    (void)deflateReset(&gzip->z);
}

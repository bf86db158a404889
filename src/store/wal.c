/* SPDX-License-Identifier: Apache-2.0 */
/* Reads a -wal file. See wal.h. */
#include "store/wal.h"

#include <stdlib.h>
#include <string.h>

static uint32_t word(const uint8_t *p, bool big_end) {
    return big_end ? trib_be32(p) : (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | (uint32_t)p[0];
}

/* The running checksum of the format: n is a multiple of 8. */
static void checksum(bool big_end, const uint8_t *bytes, size_t n, uint32_t sum[2]) {
    uint32_t s0 = sum[0];
    uint32_t s1 = sum[1];
    for (size_t i = 0; i < n; i += 8) {
        s0 += word(bytes + i, big_end) + s1;
        s1 += word(bytes + i + 4, big_end) + s0;
    }
    sum[0] = s0;
    sum[1] = s1;
}

bool trib_wal_header_parse(const uint8_t *bytes, trib_wal_header *ret) {
    enum { MAGIC = 0x377f0682, VERSION = 3007000 };
    uint32_t magic = trib_be32(bytes);
    uint32_t page = trib_be32(bytes + 8);
    if ((magic & ~1U) != MAGIC || trib_be32(bytes + 4) != VERSION || page < 512 || page > 65536 || (page & (page - 1)))
        return false;
    trib_wal_header h = {.page_bytes = page, .big_end = magic & 1U};
    h.salt[0] = trib_be32(bytes + 16);
    h.salt[1] = trib_be32(bytes + 20);
    checksum(h.big_end, bytes, 24, h.cksum);
    if (h.cksum[0] != trib_be32(bytes + 24) || h.cksum[1] != trib_be32(bytes + 28)) return false;
    *ret = h;
    return true;
}

typedef struct scan {
    uint32_t *pages; /* of the frames since the last commit */
    size_t count, cap;
} scan;

static bool scan_add(scan *s, uint32_t page) {
    if (s->count == s->cap) {
        size_t cap = s->cap ? s->cap * 2 : 64;
        uint32_t *pages = realloc(s->pages, cap * sizeof *pages);
        if (!pages) return false;
        s->pages = pages;
        s->cap = cap;
    }
    s->pages[s->count++] = page;
    return true;
}

/* Checks one frame and moves the checksum on. */
static bool frame_valid(const trib_wal_header *h, const uint8_t *frame, uint32_t sum[2]) {
    if (trib_be32(frame) == 0 || trib_be32(frame + 8) != h->salt[0] || trib_be32(frame + 12) != h->salt[1])
        return false;
    checksum(h->big_end, frame, 8, sum);
    checksum(h->big_end, frame + TRIB_WAL_FRAME_HEADER_BYTES, h->page_bytes, sum);
    return sum[0] == trib_be32(frame + 16) && sum[1] == trib_be32(frame + 20);
}

static trib_code read_error(int rc, trib_error *err) {
    return trib_error_set(err, (rc & 0xff) == SQLITE_NOMEM || rc == SQLITE_IOERR_NOMEM ? TRIB_NOMEM : TRIB_IO,
                          "a log could not be read (%s); look at the disk", sqlite3_errstr(rc));
}

/* A lost frame need not be the last: each one's header is looked at, to the end of the file. */
static trib_code look_for_tail(sqlite3_file *file, uint64_t size, uint8_t *space, trib_wal_scan_result *r,
                               trib_error *err) {
    for (uint32_t i = r->frames + 1; !r->has_tail; i++) {
        uint64_t at = trib_wal_frame_offset(r->header.page_bytes, i);
        if (at + TRIB_WAL_FRAME_HEADER_BYTES > size) break;
        int rc = file->pMethods->xRead(file, space, TRIB_WAL_FRAME_HEADER_BYTES, (sqlite3_int64)at);
        if (rc != SQLITE_OK) return read_error(rc, err);
        r->has_tail = trib_be32(space + 8) == r->header.salt[0] && trib_be32(space + 12) == r->header.salt[1];
    }
    return TRIB_OK;
}

static trib_code scan_frames(sqlite3_file *file, uint64_t size, trib_wal_on_commit on_commit, void *ctx,
                             trib_wal_scan_result *r, trib_error *err) {
    size_t frame_bytes = TRIB_WAL_FRAME_HEADER_BYTES + r->header.page_bytes;
    uint8_t *frame = malloc(frame_bytes);
    scan s = {0};
    trib_code code = frame ? TRIB_OK : trib_error_set(err, TRIB_NOMEM, NULL);
    uint32_t sum[2] = {r->header.cksum[0], r->header.cksum[1]};
    for (uint32_t i = 1; code == TRIB_OK; i++) {
        uint64_t at = trib_wal_frame_offset(r->header.page_bytes, i);
        if (at + frame_bytes > size) break;
        int rc = file->pMethods->xRead(file, frame, (int)frame_bytes, (sqlite3_int64)at);
        if (rc != SQLITE_OK) {
            code = read_error(rc, err);
            break;
        }
        if (!frame_valid(&r->header, frame, sum)) break;
        if (!scan_add(&s, trib_be32(frame))) {
            code = trib_error_set(err, TRIB_NOMEM, NULL);
            break;
        }
        uint32_t size_after = trib_be32(frame + 4);
        if (size_after == 0) continue;
        if (on_commit) code = on_commit(ctx, r->frames + 1, i, s.pages, size_after);
        r->frames = i;
        r->commits++;
        r->end = at + frame_bytes;
        s.count = 0;
    }
    if (code == TRIB_OK) code = look_for_tail(file, size, frame, r, err);
    free(s.pages);
    free(frame);
    return code;
}

trib_code trib_wal_scan(sqlite3_file *file, trib_wal_on_commit on_commit, void *ctx, trib_wal_scan_result *ret,
                        trib_error *err) {
    trib_wal_scan_result r = {0};
    sqlite3_int64 size = 0;
    uint8_t header[TRIB_WAL_HEADER_BYTES];
    int rc = file->pMethods->xFileSize(file, &size);
    if (rc == SQLITE_OK && size >= TRIB_WAL_HEADER_BYTES) {
        rc = file->pMethods->xRead(file, header, sizeof header, 0);
        r.has_header = rc == SQLITE_OK && trib_wal_header_parse(header, &r.header);
    }
    if (rc != SQLITE_OK) return read_error(rc, err);
    trib_code code = TRIB_OK;
    if (r.has_header) code = scan_frames(file, (uint64_t)size, on_commit, ctx, &r, err);
    if (code == TRIB_OK) *ret = r;
    return code;
}

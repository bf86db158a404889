/* SPDX-License-Identifier: Apache-2.0 */
/* A replica of /pull-updates: whole or in pieces of one revision, raw or with zstd, now and then waiting for news. */
#include <zstd.h>

#include "fault/replicas_pb.h"

enum { PIECE_PAGES = 64, PIECES_MAX = 4096, LONG_POLL_MS = 300, PIECES_FAILED_MAX = 8 };

static void forget(replica *r) {
    r->has_image = false;
    r->position = 0;
    r->revision[0] = '\0';
    image_clear(&r->image);
}

/* Pages first .. first + PIECE_PAGES - 1, from 0, of one container: a RoaringBitmap of sorted numbers. */
static void add_selector(text *to, unsigned first) {
    text set = {0};
    static const unsigned char head[] = {0x3a, 0x30, 0, 0, 1, 0, 0, 0};
    for (size_t i = 0; i < sizeof head; i++) add_byte(&set, head[i]);
    unsigned words[] = {first >> 16, PIECE_PAGES - 1, 16, 0}; /* key, count - 1, where the numbers begin */
    for (size_t i = 0; i < 4; i++) add_byte(&set, words[i] & 255), add_byte(&set, words[i] >> 8);
    for (unsigned p = first; p < first + PIECE_PAGES; p++) add_byte(&set, p & 255), add_byte(&set, p >> 8 & 255);
    add_bytes(to, 5, set.ptr, set.len);
    free(set.ptr);
}

typedef struct answer {
    char revision[64];
    uint64_t pages;
    size_t count; /* of pages that came */
    bool zstd;
} answer;

static void take_header(cursor *c, answer *a) {
    cursor h = take_bytes(c);
    while (!h.bad && h.p < h.end) {
        uint64_t key = take_varint(&h);
        if (key == (2 << 3)) {
            a->pages = take_varint(&h);
            continue;
        }
        if ((key & 7) == 0) {
            (void)take_varint(&h);
            continue;
        }
        cursor value = take_bytes(&h);
        size_t n = (size_t)(value.end - value.p);
        if (key == (1 << 3 | 2) && n < sizeof a->revision) memcpy(a->revision, value.p, n), a->revision[n] = '\0';
        if (key == (4 << 3 | 2)) a->zstd = true;
    }
    c->bad |= h.bad || !a->revision[0] || a->pages > 1u << 20;
}

static void take_page(cursor *c, answer *a, image *to) {
    uint8_t plain[REPLICA_PAGE];
    uint64_t id = 0;
    cursor m = take_bytes(c), bytes = {0};
    while (!m.bad && m.p < m.end) {
        if (take_varint(&m) >> 3 == 1) id = take_varint(&m);
        else bytes = take_bytes(&m);
    }
    size_t n = (size_t)(bytes.end - bytes.p);
    if (a->zstd && n > 0) {
        n = ZSTD_decompress(plain, sizeof plain, bytes.p, n);
        bytes.p = plain;
    }
    if (m.bad || n != REPLICA_PAGE || id >= a->pages) {
        c->bad = true;
        return;
    }
    image_put(to, (uint32_t)id + 1, bytes.p);
    a->count++;
}

/* first: of a piece, UINT32_MAX for all pages. Pages go to r->image. */
static sync_outcome pull(replica *r, unsigned first, const char *pinned, unsigned wait_ms, answer *ret) {
    text body = {0};
    *ret = (answer){.zstd = false};
    if (r->no % 3 == 0) add_varint(&body, 1, 1);
    if (pinned) add_bytes(&body, 2, pinned, strlen(pinned));
    if (r->revision[0]) add_bytes(&body, 3, r->revision, strlen(r->revision));
    if (wait_ms) add_varint(&body, 4, wait_ms);
    if (first != UINT32_MAX) add_selector(&body, first);
    int status = replica_ask(r, "POST", "/t/pull-updates", body.ptr ? body.ptr : "", body.len);
    free(body.ptr);
    if (status != 200 && talk_says(&r->talk, "SNAPSHOT_TOO_OLD")) return SYNC_AGAIN;
    if (status != 200) return replica_unexpected(r, "/pull-updates");
    cursor c = {(const uint8_t *)r->talk.body, (const uint8_t *)r->talk.body + r->talk.body_len, false};
    take_header(&c, ret);
    while (!c.bad && c.p < c.end) take_page(&c, ret, &r->image);
    if (c.bad) {
        replica_fail(&r->torture->broken, r, "an answer of %zu bytes is not one of pull-updates", r->talk.body_len);
        return SYNC_BROKEN;
    }
    return SYNC_NEWS;
}

static void stand(replica *r, const answer *a) {
    image_resize(&r->image, (size_t)a->pages);
    snprintf(r->revision, sizeof r->revision, "%s", a->revision);
    r->position = replica_hash(2, r->revision, strlen(r->revision));
}

/* Piece after piece; one that is of another revision already makes all of them void. */
static sync_outcome bootstrap_in_pieces(replica *r) {
    answer first, a;
    sync_outcome outcome = pull(r, 0, NULL, 0, &first);
    unsigned pieces = (unsigned)((first.pages + PIECE_PAGES - 1) / PIECE_PAGES);
    for (unsigned i = 1; outcome == SYNC_NEWS && i < pieces && i < PIECES_MAX; i++) {
        outcome = pull(r, i * PIECE_PAGES, first.revision, 0, &a);
        if (outcome == SYNC_NEWS && (strcmp(a.revision, first.revision) != 0 || a.pages != first.pages)) {
            replica_fail(&r->torture->broken, r, "a piece of %s is of %s", first.revision, a.revision);
            outcome = SYNC_BROKEN;
        }
    }
    if (outcome == SYNC_NEWS) stand(r, &first);
    else forget(r);
    r->pieces_failed = outcome == SYNC_NEWS ? 0 : r->pieces_failed + 1;
    return outcome;
}

static sync_outcome pull_sync(replica *r) {
    answer a;
    if (!r->has_image) {
        bool pieces = r->no % 2 == 0 && r->pieces_failed < PIECES_FAILED_MAX;
        sync_outcome outcome = pieces ? bootstrap_in_pieces(r) : pull(r, UINT32_MAX, NULL, 0, &a);
        if (outcome != SYNC_NEWS) return outcome;
        if (!pieces) stand(r, &a);
        r->has_image = true;
        atomic_fetch_add(&r->torture->bootstraps, 1);
        return SYNC_NEWS;
    }
    bool waits = r->torture->phase == RUN && replica_random(&r->random) % 3 == 0;
    sync_outcome outcome = pull(r, UINT32_MAX, NULL, waits ? LONG_POLL_MS : 0, &a);
    if (outcome != SYNC_NEWS) return outcome;
    bool same = strcmp(a.revision, r->revision) == 0;
    if (same && a.count > 0) {
        replica_fail(&r->torture->broken, r, "%zu pages came with the revision that it has", a.count);
        return SYNC_BROKEN;
    }
    stand(r, &a);
    return same ? SYNC_CURRENT : SYNC_NEWS;
}

const protocol replica_pull = {
    .name = "pull", .type = "application/protobuf", .share = 5, .sync = pull_sync, .forget = forget};

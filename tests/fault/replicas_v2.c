/* SPDX-License-Identifier: Apache-2.0 */
/* A replica of V2, as its clients behave: /info, /export, /sync, climbing generations one by one, and for those that
 * write offline the push of frames, after whose conflict everything is forgotten. */
#include "fault/replicas.h"

enum { WINDOW = 128, PATH_BYTES = 160 };

static void forget(replica *r) {
    r->has_image = r->climbing = false;
    r->generation = r->have = r->position = 0;
    image_clear(&r->image);
    text_clear(&r->frames);
}

static void stand(replica *r) {
    char name[64];
    int n = snprintf(name, sizeof name, "v2 %llu %llu", (unsigned long long)r->generation, (unsigned long long)r->have);
    r->position = r->climbing ? 0 : replica_hash(1, name, (size_t)n);
}

static sync_outcome bootstrap(replica *r) {
    char path[PATH_BYTES];
    int status = replica_ask(r, "GET", "/t/info", NULL, 0);
    if (status != 200) return replica_unexpected(r, "/info");
    r->generation = replica_number(r, "current_generation");
    snprintf(path, sizeof path, "/t/export/%llu", (unsigned long long)r->generation);
    status = replica_ask(r, "GET", path, NULL, 0);
    if (status == 404) return SYNC_AGAIN; /* the generation has just ended */
    if (status != 200) return replica_unexpected(r, "/export");
    if (r->talk.body_len == 0 || r->talk.body_len % REPLICA_PAGE != 0) {
        replica_fail(&r->torture->broken, r, "an export has %zu bytes", r->talk.body_len);
        return SYNC_BROKEN;
    }
    image_resize(&r->image, r->talk.body_len / REPLICA_PAGE);
    memcpy(r->image.bytes, r->talk.body, r->talk.body_len);
    r->has_image = true;
    r->have = 0;
    r->position = 0;
    atomic_fetch_add(&r->torture->bootstraps, 1);
    return SYNC_NEWS;
}

static uint32_t be32(const uint8_t *p) {
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | (uint32_t)p[3];
}

static sync_outcome apply(replica *r) {
    size_t count = r->talk.body_len / REPLICA_FRAME;
    const uint8_t *frames = (const uint8_t *)r->talk.body;
    bool whole = count > 0 && r->talk.body_len % REPLICA_FRAME == 0 && be32(frames + (count - 1) * REPLICA_FRAME + 4);
    for (size_t i = 0; whole && i < count; i++) {
        const uint8_t *frame = frames + i * REPLICA_FRAME;
        uint32_t page = be32(frame), size = be32(frame + 4);
        whole = page > 0 && page < 1u << 20;
        if (whole) image_put(&r->image, page, frame + 24);
        if (whole && size) image_resize(&r->image, size);
    }
    if (!whole) {
        replica_fail(&r->torture->broken, r, "frames of %zu bytes are no whole transactions", r->talk.body_len);
        return SYNC_BROKEN;
    }
    r->have += count;
    stand(r);
    return SYNC_NEWS;
}

/* 400: nothing at that place. */
static sync_outcome no_frames(replica *r) {
    uint64_t now = replica_number(r, "generation");
    if (now == r->generation) {
        stand(r);
        return SYNC_CURRENT;
    }
    if (now < r->generation) {
        replica_fail(&r->torture->broken, r, "generation %llu of the server is behind %llu", (unsigned long long)now,
                     (unsigned long long)r->generation);
        return SYNC_BROKEN;
    }
    r->generation++;
    r->have = 0;
    r->position = 0;
    r->climbing = r->generation < now;
    atomic_fetch_add(&r->torture->climbs, 1);
    return SYNC_NEWS;
}

/* What was written offline goes out in pieces; one that ends with a transaction is done with its answer. */
static sync_outcome push(replica *r) {
    char baton[64] = "", path[PATH_BYTES];
    for (size_t at = 0; r->frames.len > 0;) {
        size_t count = r->frames.len / REPLICA_FRAME - at, n = count < WINDOW ? count : WINDOW;
        unsigned long long start = r->have + at + 1;
        snprintf(path, sizeof path, "/t/sync/%llu/%llu/%llu%s%s", (unsigned long long)r->generation, start, start + n,
                 baton[0] ? "/" : "", baton);
        int status = replica_ask(r, "POST", path, r->frames.ptr + at * REPLICA_FRAME, n * REPLICA_FRAME);
        if (status == 400 && talk_says(&r->talk, "not known any more")) return SYNC_AGAIN; /* a stash of another life */
        if (status != 200) return replica_unexpected(r, "a push");
        if (talk_says(&r->talk, "\"conflict\"")) {
            atomic_fetch_add(&r->torture->conflicts, 1);
            forget(r);
            return SYNC_AGAIN;
        }
        if (replica_number(r, "max_frame_no") != start + n - 1) {
            replica_fail(&r->torture->broken, r, "a push is answered by %.200s", r->talk.body);
            return SYNC_BROKEN;
        }
        talk_text(&r->talk, "baton", baton, sizeof baton);
        at += n;
        if (baton[0]) continue;
        r->have += at;
        r->frames.len -= at * REPLICA_FRAME;
        memmove(r->frames.ptr, r->frames.ptr + at * REPLICA_FRAME, r->frames.len);
        at = 0;
    }
    image_copy(&r->image, &r->local);
    stand(r);
    atomic_fetch_add(&r->torture->pushes, 1);
    return SYNC_NEWS;
}

/* Some push at once and mostly win, others later and mostly find that somebody wrote meanwhile. While the writers rest,
 * those that write offline have the database to themselves. */
static sync_outcome write_offline(replica *r, sync_outcome outcome) {
    int now = atomic_load(&r->torture->phase);
    uint64_t dice = replica_random(&r->random);
    if ((now != RUN && now != DRAIN) || r->tries > REPLICA_DRAIN_TRIES || dice % 4 > 0) return outcome;
    image_copy(&r->local, &r->image);
    if (!image_write(&r->local, &r->random, r->no, &r->frames)) {
        replica_fail(&r->torture->damaged, r, "it cannot be written offline");
        return SYNC_BROKEN;
    }
    return dice % 8 ? push(r) : outcome;
}

static sync_outcome v2_sync(replica *r) {
    char path[PATH_BYTES];
    if (!r->has_image) return bootstrap(r);
    if (r->frames.len > 0) return push(r);
    snprintf(path, sizeof path, "/t/sync/%llu/%llu/%llu", (unsigned long long)r->generation,
             (unsigned long long)r->have + 1, (unsigned long long)r->have + 1 + WINDOW);
    int status = replica_ask(r, "GET", path, NULL, 0);
    sync_outcome outcome = status == 200 ? apply(r) : status == 400 ? no_frames(r) : replica_unexpected(r, "/sync");
    bool knows = outcome == SYNC_CURRENT || (outcome == SYNC_NEWS && r->position);
    return r->offline && knows ? write_offline(r, outcome) : outcome;
}

const protocol replica_v2 = {
    .name = "v2", .type = "application/octet-stream", .share = 5, .sync = v2_sync, .forget = forget};

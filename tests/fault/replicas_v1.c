/* SPDX-License-Identifier: Apache-2.0 */
/* A replica of V1 (gRPC-web), as its clients behave: Hello, then BatchLogEntries from where it stands. Frames are kept
 * aside until one with a size ends them; another log id makes it begin anew. */
#include "fault/replicas_pb.h"

enum { BATCHES_MAX = 400, STATUS_FAILED_PRECONDITION = 9, STATUS_UNAVAILABLE = 14, STATUS_EXHAUSTED = 8 };

static void forget(replica *r) {
    r->has_image = false;
    r->position = r->have = 0;
    r->revision[0] = r->log_id[0] = '\0';
    image_clear(&r->image);
    image_clear(&r->local);
}

/* The status of gRPC; -1: no answer, or none that gRPC-web knows. *ret_message: what the data frame holds. */
static int call(replica *r, const char *method, const text *message, cursor *ret_message) {
    char path[80], extra[140];
    text body = {0};
    const uint8_t *end;
    size_t n = message->len;
    *ret_message = (cursor){0};
    snprintf(path, sizeof path, "/t/wal_log.ReplicationLog/%s", method);
    snprintf(extra, sizeof extra, "%s%s%s", r->revision[0] ? "x-session-token: " : "", r->revision,
             r->revision[0] ? "\r\n" : "");
    for (int i = 0; i < 5; i++) add_byte(&body, i == 0 ? 0 : (unsigned)(n >> (32 - 8 * i)) & 255);
    for (size_t i = 0; i < n; i++) add_byte(&body, (unsigned char)message->ptr[i]);
    r->talk.extra = extra;
    int status = replica_ask(r, "POST", path, body.ptr, body.len);
    r->talk.extra = NULL;
    free(body.ptr);
    if (status != 200) return -1;
    const char *in_head = strcasestr(r->talk.head, "\r\ngrpc-status:");
    if (in_head) return (int)strtol(in_head + 14, NULL, 10);
    const uint8_t *p = (const uint8_t *)r->talk.body;
    for (end = p + r->talk.body_len; end - p >= 5;) {
        size_t len = (size_t)p[1] << 24 | (size_t)p[2] << 16 | (size_t)p[3] << 8 | p[4];
        const uint8_t *frame = p;
        p += 5;
        if (len > (size_t)(end - p)) break;
        if (frame[0] == 0) *ret_message = (cursor){p, p + len, false};
        if (frame[0] == 0x80 && len >= 13) return (int)strtol((const char *)p + 12, NULL, 10);
        p += len;
    }
    return -1;
}

static sync_outcome failed(replica *r, const char *method, int status) {
    if (status == STATUS_FAILED_PRECONDITION) r->revision[0] = '\0'; /* Hello again */
    if (status == STATUS_FAILED_PRECONDITION || status == STATUS_UNAVAILABLE || status == STATUS_EXHAUSTED)
        return SYNC_AGAIN;
    if (status < 0) return replica_unexpected(r, method);
    replica_fail(&r->torture->broken, r, "%s is answered with status %d", method, status);
    return SYNC_BROKEN;
}

static sync_outcome hello(replica *r) {
    text message = {0};
    cursor m;
    char log_id[64] = "", token[64] = "";
    add_varint(&message, 1, 1);
    int status = call(r, "Hello", &message, &m);
    free(message.ptr);
    if (status != 0) return failed(r, "Hello", status);
    while (!m.bad && m.p < m.end) {
        uint64_t key = take_varint(&m);
        if ((key & 7) == 0) {
            (void)take_varint(&m);
            continue;
        }
        cursor value = take_bytes(&m);
        size_t n = (size_t)(value.end - value.p);
        char *to = key >> 3 == 3 ? log_id : key >> 3 == 4 ? token : NULL;
        if (to && n < sizeof log_id) memcpy(to, value.p, n), to[n] = '\0';
    }
    if (m.bad || !log_id[0] || !token[0]) return failed(r, "Hello", 999);
    if (strcmp(log_id, r->log_id) != 0) {
        forget(r);
        atomic_fetch_add(&r->torture->bootstraps, 1);
    }
    snprintf(r->log_id, sizeof r->log_id, "%s", log_id);
    snprintf(r->revision, sizeof r->revision, "%s", token);
    return SYNC_NEWS;
}

static uint64_t le(const uint8_t *p, int n) {
    uint64_t v = 0;
    while (n-- > 0) v = v << 8 | p[n];
    return v;
}

/* Applies a message Frames to r->local; *ret_whole: it ended with the end of a commit. False: it is none. */
static bool apply(replica *r, cursor m, bool *ret_whole) {
    *ret_whole = true;
    while (!m.bad && m.p < m.end) {
        const uint8_t *data = NULL;
        bool is_frame = take_varint(&m) == (1 << 3 | 2);
        cursor frame = take_bytes(&m);
        while (is_frame && !frame.bad && frame.p < frame.end) {
            uint64_t key = take_varint(&frame);
            if ((key & 7) == 0) {
                (void)take_varint(&frame);
                continue;
            }
            cursor value = take_bytes(&frame);
            if (key >> 3 == 1 && value.end - value.p == REPLICA_FRAME) data = value.p;
        }
        if (!data || frame.bad) return false;
        uint64_t frame_no = le(data, 8), page = le(data + 16, 4), size = le(data + 20, 4);
        if (frame_no < r->have || page == 0 || page > 1u << 20 || size > 1u << 20) return false;
        image_put(&r->local, (uint32_t)page, data + 24);
        if (size) image_resize(&r->local, size);
        r->have = frame_no + 1;
        *ret_whole = size != 0;
    }
    return !m.bad;
}

static sync_outcome v1_sync(replica *r) {
    sync_outcome outcome = SYNC_NEWS;
    bool whole = false, news = false;
    if (!r->revision[0] || replica_random(&r->random) % 2 == 0) outcome = hello(r);
    if (outcome != SYNC_NEWS) return outcome;
    for (int i = 0; i < BATCHES_MAX && !whole; i++) {
        text message = {0};
        cursor m;
        if (r->have > 0) add_varint(&message, 1, r->have);
        int status = call(r, "BatchLogEntries", &message, &m);
        free(message.ptr);
        if (status != 0) return failed(r, "BatchLogEntries", status);
        news = news || m.p < m.end;
        if (!apply(r, m, &whole)) return failed(r, "BatchLogEntries", 998);
    }
    if (!whole) return SYNC_AGAIN;
    if (news) image_copy(&r->image, &r->local);
    char name[128];
    int n = snprintf(name, sizeof name, "v1 %s %llu", r->log_id, (unsigned long long)r->have);
    r->position = replica_hash(3, name, (size_t)n);
    r->has_image = true;
    return news ? SYNC_NEWS : SYNC_CURRENT;
}

const protocol replica_v1 = {
    .name = "v1", .type = "application/grpc-web", .share = 3, .sync = v1_sync, .forget = forget};

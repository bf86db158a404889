/* SPDX-License-Identifier: Apache-2.0 */
/* V1: replicas that speak gRPC-web, the service wal_log.ReplicationLog (docs/reference/replicas.md). What they write
 * goes to proxy.Proxy (features/hrana).
 *
 *   Hello             the log's id, a token for the calls that follow, the newest frame
 *   BatchLogEntries   from a frame on, REPLICA_BATCH_FRAMES_MAX at most, in one message
 *   LogEntries        the same as a stream, all of them; waits for the next commit where there are none
 *   Snapshot          all pages, newest first
 *
 * No log is kept: a frame is the newest version of a page, at the number of its last change (trib_replica_frame_of).
 * Whoever has everything before frame n gets what stands at n or behind it, ascending. A part of that without the last
 * frame is no commit to the client, which asks on from where it stands: what changes meanwhile moves to higher numbers
 * and comes again, what does not was right, so the last part makes it equal to the newest snapshot.
 *
 * The log's id is made from the page map's epoch, the token from that, a secret of this run and the tenant's blocks. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/ids.h"
#include "core/grpc.h"
#include "crypto/hash.h"
#include "features/replica/replica_int.h"
#include "wire/grpcweb.h"
#include "wire/pb_replica.h"

enum { SEED_BYTES = 128 };

/* ---- names: UUIDs of what they stand for (RFC 9562 §5.8) ---- */

/* A tenant's id is 32 characters at most: it all fits. */

static trib_code name_of(trib_str secret, const trib_tenant *tenant, uint64_t epoch, bool blocks,
                         char ret[TRIB_ID_UUID_BYTES], trib_error *err) {
    char seed[SEED_BYTES];
    uint8_t digest[TRIB_SHA256_BYTES];
    trib_id id;
    int held = blocks ? (int)trib_tenant_get(tenant, TRIB_TENANT_BLOCK_WRITES) : 0;
    int n = snprintf(seed + REPLICA_SECRET_BYTES, sizeof seed - REPLICA_SECRET_BYTES, "%s %llx %d", tenant->id,
                     (unsigned long long)epoch, held);
    memset(seed, 0, REPLICA_SECRET_BYTES);
    if (secret.len) memcpy(seed, secret.ptr, REPLICA_SECRET_BYTES);
    trib_code code = trib_crypto_sha256(trib_str_make(seed, REPLICA_SECRET_BYTES + (size_t)n), digest);
    if (code != TRIB_OK) return trib_error_set(err, code, NULL);
    memcpy(id.bytes, digest, sizeof id.bytes);
    id.bytes[6] = (uint8_t)((id.bytes[6] & 0x0f) | 0x80);
    id.bytes[8] = (uint8_t)((id.bytes[8] & 0x3f) | 0x80);
    trib_id_to_uuid(id, ret);
    return TRIB_OK;
}

static trib_code token_of(const replica_feed *feed, char ret[TRIB_ID_UUID_BYTES], trib_error *err) {
    return name_of(trib_replica_secret(feed->http), feed->job.tenant, feed->point.epoch, true, ret, err);
}

static uint64_t newest(const replica_feed *feed) {
    return trib_replica_newest_frame(feed->point.frame_no, feed->point.page_count);
}

/* ---- Hello ---- */

static trib_code write_hello(replica_feed *feed, trib_error *err) {
    char log[TRIB_ID_UUID_BYTES], token[TRIB_ID_UUID_BYTES];
    const trib_tenant *tenant = feed->job.tenant;
    trib_code code = name_of((trib_str){0}, tenant, feed->point.epoch, false, log, err);
    if (code == TRIB_OK) code = token_of(feed, token, err);
    if (code != TRIB_OK) return code;
    trib_replica_hello hello = {.generation_id = trib_str_c(log),
                                .log_id = trib_str_c(log),
                                .session_token = trib_str_c(token),
                                .has_index = feed->point.page_count > 0,
                                .current_replication_index = newest(feed),
                                .block_writes = trib_tenant_get(tenant, TRIB_TENANT_BLOCK_WRITES) != 0};
    if (hello.block_writes) hello.block_reason = trib_str_c(atomic_load(&tenant->block_reason));
    size_t place = trib_grpcweb_begin(&feed->out);
    trib_replica_write_hello(&feed->out, &hello);
    trib_grpcweb_end(&feed->out, place);
    return feed->out.failed ? trib_error_set(err, TRIB_NOMEM, NULL) : TRIB_OK;
}

/* Where the database stands is known from memory; only one that was just made is opened. */
static bool hello_is_known(replica_feed *feed) {
    bool done = write_hello(feed, NULL) == TRIB_OK;
    if (!done) trib_buf_clear(&feed->out);
    return done;
}

static trib_code plan_hello(replica_feed *feed, trib_handle *handle, trib_error *err) {
    (void)handle;
    return write_hello(feed, err);
}

/* ---- which frames ---- */

static trib_code check_token(const replica_feed *feed, trib_error *err) {
    char token[TRIB_ID_UUID_BYTES];
    trib_code code = token_of(feed, token, err);
    if (code == TRIB_OK && !trib_str_eq_c(feed->token, token)) code = trib_error_set(err, TRIB_NO_HELLO, NULL);
    return code;
}

static int by_number(const void *a, const void *b) {
    const trib_page_change *x = a, *y = b;
    return x->frame_no < y->frame_no ? -1 : x->frame_no > y->frame_no;
}

static int by_number_down(const void *a, const void *b) {
    return by_number(b, a);
}

/* `changed` (ascending by page: what has changed in this epoch) and the pages that have not, as frames from feed->start
 * on. */
static void number(replica_feed *feed, const trib_buf *changed) {
    const trib_page_change *at = (const void *)changed->ptr, *end = at + changed->len / sizeof *at;
    for (uint32_t page = 1; page <= feed->point.page_count; page++) {
        bool has = at < end && at->page == page;
        trib_page_change frame = {.frame_no = trib_replica_frame_of(has ? at->frame_no : 0, page), .page = page};
        if (has) at++;
        if (frame.frame_no < feed->start || page == TRIB_PAGE_OF_LOCK) continue;
        trib_buf_add_bytes(&feed->changes, &frame, sizeof frame);
    }
}

/* Appends what stands at feed->start or behind it. Past the pages that have never changed only the map's newest parts
 * are looked at. */
static trib_code collect(replica_feed *feed, trib_handle *handle, trib_error *err) {
    trib_code code;
    if (feed->start > TRIB_REPLICA_FRAMES_FROM) {
        code = trib_pages_list(handle, &feed->point, feed->start - TRIB_REPLICA_FRAMES_FROM - 1, &feed->changes, err);
        trib_page_change *frames = (void *)feed->changes.ptr;
        for (size_t i = 0; i < feed->changes.len / sizeof *frames; i++)
            frames[i].frame_no = trib_replica_frame_of(frames[i].frame_no, frames[i].page);
    } else {
        trib_buf changed;
        trib_buf_init(&changed, REPLICA_LIST_MAX_BYTES);
        code = trib_pages_list(handle, &feed->point, 0, &changed, err);
        if (code == TRIB_OK) number(feed, &changed);
        trib_buf_deinit(&changed);
    }
    return code == TRIB_OK && feed->changes.failed ? trib_error_set(err, TRIB_NOMEM, NULL) : code;
}

static void sift_down(trib_page_change *heap, size_t count) {
    for (size_t at = 0, child = 1; child < count; child = 2 * at + 1) {
        if (child + 1 < count && heap[child + 1].frame_no > heap[child].frame_no) child++;
        if (heap[at].frame_no >= heap[child].frame_no) return;
        trib_page_change lower = heap[at];
        heap[at] = heap[child];
        heap[child] = lower;
        at = child;
    }
}

/* The `keep` lowest come first: a heap of them with the highest on top, so that a large database is not sorted for each
 * of its many parts. */
static void keep_lowest(trib_page_change *frames, size_t count, size_t keep) {
    qsort(frames, keep, sizeof *frames, by_number_down); /* which is a heap */
    for (size_t i = keep; i < count; i++) {
        if (frames[i].frame_no >= frames[0].frame_no) continue;
        frames[0] = frames[i];
        sift_down(frames, keep);
    }
}

/* Fills feed->changes, ascending: `most` frames, then feed->partial; or all of them, and the last one has the number of
 * the newest commit. */
static trib_code list(replica_feed *feed, trib_handle *handle, size_t most, trib_error *err) {
    trib_code code = collect(feed, handle, err);
    if (code == TRIB_OK && feed->changes.len == 0) { /* numbers that were skipped: any page makes them good */
        trib_page_change frame = {.frame_no = newest(feed), .page = 1};
        trib_buf_add_bytes(&feed->changes, &frame, sizeof frame);
        if (feed->changes.failed) code = trib_error_set(err, TRIB_NOMEM, NULL);
    }
    if (code != TRIB_OK) return code;
    trib_page_change *frames = (void *)feed->changes.ptr;
    size_t count = feed->changes.len / sizeof *frames;
    feed->partial = count > most;
    if (feed->partial) {
        keep_lowest(frames, count, most);
        feed->changes.len = most * sizeof *frames;
        count = most;
    }
    qsort(frames, count, sizeof *frames, by_number);
    if (!feed->partial) frames[count - 1].frame_no = newest(feed);
    return TRIB_OK;
}

/* OK with nothing listed: the replica has all of it. */
static trib_code plan_frames(replica_feed *feed, trib_handle *handle, size_t most, trib_error *err) {
    uint64_t next = newest(feed) + 1;
    trib_code code = check_token(feed, err);
    if (code != TRIB_OK || feed->start == next) return code;
    if (feed->start > next)
        return trib_error_set(err, TRIB_REPLICA_AHEAD, "frame %llu is wanted and the newest is %llu",
                              (unsigned long long)feed->start, (unsigned long long)(next - 1));
    return list(feed, handle, most, err);
}

/* ---- BatchLogEntries ---- */

static void write_batch_head(replica_feed *feed, size_t frames) {
    trib_grpcweb_head(&feed->out, (uint32_t)(frames * TRIB_REPLICA_FRAME_ELEMENT_BYTES));
}

static bool batch_is_current(replica_feed *feed) {
    if (check_token(feed, NULL) != TRIB_OK || feed->start != newest(feed) + 1) return false;
    write_batch_head(feed, 0);
    return true;
}

static trib_code plan_batch(replica_feed *feed, trib_handle *handle, trib_error *err) {
    trib_code code = plan_frames(feed, handle, REPLICA_BATCH_FRAMES_MAX, err);
    if (code == TRIB_OK) write_batch_head(feed, feed->changes.len / sizeof(trib_page_change));
    return code;
}

/* ---- LogEntries, Snapshot ---- */

static trib_code plan_entries(replica_feed *feed, trib_handle *handle, trib_error *err) {
    trib_code code = plan_frames(feed, handle, SIZE_MAX, err);
    if (code != TRIB_OK || feed->changes.len > 0 || feed->poll_until_ns == 0) return code;
    return replica_poll_plan(feed, err);
}

static trib_code plan_snapshot(replica_feed *feed, trib_handle *handle, trib_error *err) {
    trib_code code = plan_frames(feed, handle, SIZE_MAX, err);
    if (code == TRIB_OK && feed->changes.len > 0)
        qsort(feed->changes.ptr, feed->changes.len / sizeof(trib_page_change), sizeof(trib_page_change),
              by_number_down);
    return code;
}

/* ---- the calls ---- */

static void write_page(replica_feed *feed, const trib_page_change *change, size_t at, const uint8_t *bytes) {
    bool last = at + 1 == feed->count && !feed->partial;
    trib_replica_frame frame = {.frame_no = change->frame_no,
                                .page_no = change->page,
                                .size_after = last ? feed->point.page_count : 0,
                                .page = trib_str_make((const char *)bytes, TRIB_PAGE_BYTES)};
    bool element = feed->plan == plan_batch;
    if (!element) trib_grpcweb_head(&feed->out, TRIB_REPLICA_FRAME_MESSAGE_BYTES);
    trib_replica_write_frame(&feed->out, &frame, element);
}

static void write_end(replica_feed *feed) {
    trib_grpcweb_trailer(&feed->out, 0, (trib_str){0});
}

static replica_feed *feed_of(trib_http_request *http, trib_code code, const trib_error *err) {
    if (code != TRIB_OK) {
        trib_http_answer_error(http, err);
        return NULL;
    }
    replica_feed *feed = replica_feed_new(http);
    if (!feed) return NULL;
    feed->content_type = TRIB_GRPC_CONTENT_TYPE;
    feed->page = write_page;
    feed->end_with = write_end;
    return feed;
}

void replica_handle_hello(trib_http_request *http) {
    trib_str message;
    uint64_t version;
    trib_error err;
    trib_code code = trib_grpc_message(http, &message, &err);
    if (code == TRIB_OK) code = trib_replica_decode_hello(http->arena, message, &version, &err);
    replica_feed *feed = feed_of(http, code, &err);
    if (!feed) return;
    feed->plan = plan_hello;
    feed->is_current = hello_is_known;
    replica_feed_submit(feed);
}

static replica_feed *frames_of(trib_http_request *http) {
    trib_str message;
    trib_replica_offset offset;
    trib_error err;
    trib_code code = trib_grpc_message(http, &message, &err);
    if (code == TRIB_OK) code = trib_replica_decode_offset(http->arena, message, &offset, &err);
    replica_feed *feed = feed_of(http, code, &err);
    if (!feed) return NULL;
    feed->start = offset.next_offset;
    feed->token = trib_http_header(http, "x-session-token");
    return feed;
}

void replica_handle_batch_log_entries(trib_http_request *http) {
    replica_feed *feed = frames_of(http);
    if (!feed) return;
    feed->plan = plan_batch;
    feed->is_current = batch_is_current;
    replica_feed_submit(feed);
}

void replica_handle_log_entries(trib_http_request *http) {
    replica_feed *feed = frames_of(http);
    if (!feed) return;
    feed->plan = plan_entries;
    feed->poll_until_ns = trib_env_mono_ns(http->app->env) + REPLICA_LONG_POLL_MAX_MS * 1000000LL;
    replica_feed_submit(feed);
}

void replica_handle_snapshot(trib_http_request *http) {
    replica_feed *feed = frames_of(http);
    if (!feed) return;
    feed->plan = plan_snapshot;
    replica_feed_submit(feed);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* V2: replicas that count frames from 1 in a generation (docs/reference/replicas.md).
 *
 *   GET /info                       {"current_generation":G}
 *   GET /export/G                   the database file, to begin with
 *   GET /sync/G/start/end           frames from `start` on; 400 {"generation":G} when there are none
 *
 * No log is kept. Frame n of a generation is frame n of the page map's epoch; who has n-1 frames gets the newest
 * version of each page that changed since, and the last one again and again, so that the number of frames comes out
 * right. A client climbs generations one by one. A new epoch makes two: in the first one, whatever is asked for is
 * answered with the whole database, once; the second is where the frames of the epoch are counted. */
#include <string.h>

#include "features/replica/replica_int.h"

void replica_write_generation(trib_buf *out, uint32_t generation) {
    trib_buf_printf(out, "{\"generation\":%u}", generation);
}

bool replica_path_number(const trib_http_request *http, unsigned index, uint64_t most, uint64_t *ret) {
    uint64_t n = 0;
    trib_str text = index < http->path_param_count ? http->path_params[index] : (trib_str){0};
    if (text.len == 0 || text.len > 19) return false;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9') return false;
        n = n * 10 + (uint64_t)(text.ptr[i] - '0');
    }
    *ret = n;
    return n <= most;
}

static void refuse_path(trib_http_request *http) {
    trib_error err;
    trib_error_set(&err, TRIB_BAD_REQUEST, "the path must be /sync/GENERATION/START/END with 1 <= START < END");
    trib_http_answer_error(http, &err);
}

/* ---- /info ---- */

static trib_code plan_info(replica_feed *feed, trib_handle *handle, trib_error *err) {
    (void)handle, (void)err;
    trib_buf_printf(&feed->out, "{\"current_generation\":%u}", feed->generation);
    return TRIB_OK;
}

void replica_handle_info(trib_http_request *http) {
    trib_error err;
    if (trib_tenant_get(http->tenant, TRIB_TENANT_REPLICA_V1)) {
        trib_error_set(&err, TRIB_NOT_FOUND, "replicas of this tenant speak the older protocol (gRPC-web)");
        trib_http_answer_error(http, &err);
        return;
    }
    replica_feed *feed = replica_feed_new(http);
    if (!feed) return;
    feed->content_type = "application/json";
    feed->plan = plan_info;
    replica_feed_submit(feed);
}

/* ---- /export ---- */

static trib_code plan_export(replica_feed *feed, trib_handle *handle, trib_error *err) {
    (void)handle;
    if (feed->generation_wanted != feed->generation)
        return trib_error_set(err, TRIB_NOT_FOUND, "the current generation is %u; ask /info for it", feed->generation);
    for (uint32_t page = 1; page <= feed->point.page_count; page++) {
        trib_page_change change = {.page = page};
        trib_buf_add_bytes(&feed->changes, &change, sizeof change);
    }
    return feed->changes.failed ? trib_error_set(err, TRIB_NOMEM, NULL) : TRIB_OK;
}

static void export_page(replica_feed *feed, const trib_page_change *change, size_t at, const uint8_t *bytes) {
    (void)change, (void)at;
    trib_buf_add_bytes(&feed->out, bytes, TRIB_PAGE_BYTES);
}

void replica_handle_export(trib_http_request *http) {
    uint64_t generation = 0;
    trib_error err;
    if (!replica_path_number(http, 0, UINT32_MAX, &generation)) {
        trib_error_set(&err, TRIB_BAD_REQUEST, "the path must be /export/GENERATION");
        trib_http_answer_error(http, &err);
        return;
    }
    replica_feed *feed = replica_feed_new(http);
    if (!feed) return;
    feed->content_type = "application/vnd.sqlite3";
    feed->generation_wanted = (uint32_t)generation;
    feed->plan = plan_export;
    feed->page = export_page;
    replica_feed_submit(feed);
}

/* ---- /sync ---- */

static trib_code no_frames(replica_feed *feed) {
    feed->status = 400;
    feed->content_type = "application/json";
    replica_write_generation(&feed->out, feed->generation);
    return TRIB_OK;
}

static bool is_current(replica_feed *feed) {
    bool current = feed->generation_wanted == feed->generation && feed->start - 1 == feed->point.frame_no;
    if (current) (void)no_frames(feed);
    return current;
}

static trib_code plan_sync(replica_feed *feed, trib_handle *handle, trib_error *err) {
    uint64_t have = feed->start - 1;
    bool anew = feed->generation_wanted + 1 == feed->generation && have == 0;
    uint64_t last = feed->point.frame_no;
    if (anew) return trib_pages_list(handle, &feed->point, TRIB_FRAME_NONE, &feed->changes, err);
    if (feed->generation_wanted != feed->generation || have >= last) return no_frames(feed);
    trib_code code = trib_pages_list(handle, &feed->point, have, &feed->changes, err);
    if (code != TRIB_OK) return code;
    if (feed->changes.len == 0) { /* numbers that were skipped: any page makes them good */
        trib_page_change change = {.frame_no = last, .page = 1};
        trib_buf_add_bytes(&feed->changes, &change, sizeof change);
    }
    feed->padding = last - have - feed->changes.len / sizeof(trib_page_change);
    return feed->changes.failed ? trib_error_set(err, TRIB_NOMEM, NULL) : TRIB_OK;
}

static void put_be32(uint8_t *p, uint32_t v) {
    p[0] = (uint8_t)(v >> 24);
    p[1] = (uint8_t)(v >> 16);
    p[2] = (uint8_t)(v >> 8);
    p[3] = (uint8_t)v;
}

/* Clients look at the first two numbers of a frame's header only. Each repeat of the last page is a transaction of its
 * own: within one, a client's log has a page once, and it would count less frames there than it has received. Then it
 * takes what it writes offline for frames that the server has, and never pushes them. */
static void sync_page(replica_feed *feed, const trib_page_change *change, size_t at, const uint8_t *bytes) {
    uint8_t header[REPLICA_FRAME_HEADER_BYTES] = {0};
    bool last = at + 1 == feed->count;
    put_be32(header, change->page);
    if (last) put_be32(header + 4, feed->point.page_count);
    trib_buf_add_bytes(&feed->out, header, sizeof header);
    trib_buf_add_bytes(&feed->out, bytes, TRIB_PAGE_BYTES);
}

void replica_handle_sync(trib_http_request *http) {
    uint64_t generation = 0, start = 0, end = 0;
    if (!replica_path_number(http, 0, UINT32_MAX, &generation) || !replica_path_number(http, 1, UINT32_MAX, &start) ||
        !replica_path_number(http, 2, UINT64_MAX, &end) || start == 0 || end <= start) {
        refuse_path(http);
        return;
    }
    replica_feed *feed = replica_feed_new(http);
    if (!feed) return;
    feed->content_type = "application/octet-stream";
    feed->generation_wanted = (uint32_t)generation;
    feed->start = start;
    feed->end = end;
    feed->plan = plan_sync;
    feed->is_current = is_current;
    feed->page = sync_page;
    replica_feed_submit(feed);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* POST /pull-updates: pages that changed since a revision, as protobuf messages behind their lengths.
 *
 *   revision: "EPOCH-FRAME" in hex; an unknown epoch, or none, means everything
 *
 * A client that fetches a database in pieces names the revision of its first piece in the next ones. Old contents are
 * not kept; a page that did not change since that revision is what it was then, and is sent; if a page that is asked
 * for has changed, the request fails and the client begins again from the newest revision. So what a client puts
 * together is always one snapshot. */
#include <stdio.h>
#include <string.h>

#include "features/replica/replica_int.h"

static void write_revision(const trib_db_point *point, char *to, size_t size) {
    snprintf(to, size, "%016llx-%llx", (unsigned long long)point->epoch, (unsigned long long)point->frame_no);
}

static bool read_hex(trib_str text, uint64_t *ret) {
    uint64_t n = 0;
    if (text.len == 0 || text.len > 16) return false;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        unsigned digit = c >= '0' && c <= '9'   ? (unsigned)(c - '0')
                         : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10
                                                : 16;
        if (digit == 16) return false;
        n = n << 4 | digit;
    }
    *ret = n;
    return true;
}

/* The frame that a revision names in this epoch; TRIB_FRAME_NONE: none of it. */
static uint64_t frame_of(trib_str revision, const trib_db_point *point) {
    uint64_t epoch = 0, frame_no = 0;
    if (revision.len < 18 || revision.ptr[16] != '-' || !read_hex(trib_str_sub(revision, 0, 16), &epoch) ||
        !read_hex(trib_str_sub(revision, 17, revision.len), &frame_no))
        return TRIB_FRAME_NONE;
    return epoch == point->epoch && frame_no <= point->frame_no ? frame_no : TRIB_FRAME_NONE;
}

static bool wants(const replica_feed *feed, uint32_t page) {
    return feed->pull.server_pages_selector.len == 0 || trib_roaring_has(&feed->pages, page - 1);
}

static void keep_wanted(replica_feed *feed) {
    trib_page_change *all = (trib_page_change *)(void *)feed->changes.ptr;
    size_t n = feed->changes.len / sizeof *all;
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        if (wants(feed, all[i].page)) all[kept++] = all[i];
    }
    feed->changes.len = kept * sizeof *all;
}

static trib_code gone(trib_error *err) {
    return trib_error_set(err, TRIB_SNAPSHOT_TOO_OLD,
                          "pages of this revision have been overwritten since; pull the newest revision");
}

/* Pages of a revision of before: only if they are still the same. */
static trib_code plan_pinned(replica_feed *feed, trib_handle *handle, uint64_t frame_no, trib_error *err) {
    trib_buf newer;
    trib_buf_init(&newer, REPLICA_LIST_MAX_BYTES);
    trib_code code = trib_pages_list(handle, &feed->point, frame_no, &newer, err);
    for (size_t at = 0; code == TRIB_OK && at < newer.len; at += sizeof(trib_page_change)) {
        trib_page_change change;
        memcpy(&change, newer.ptr + at, sizeof change);
        /* page 1 tells the size */
        if (change.page == 1 || wants(feed, change.page)) code = gone(err);
    }
    trib_buf_deinit(&newer);
    feed->point.frame_no = frame_no;
    return code;
}

static trib_code write_header(replica_feed *feed, trib_error *err) {
    char revision[REPLICA_REVISION_BYTES];
    write_revision(&feed->point, revision, sizeof revision);
    trib_pull_header header = {.server_revision = trib_str_c(revision),
                               .db_pages = feed->point.page_count,
                               .encoding = feed->zstd ? TRIB_PULL_ZSTD : TRIB_PULL_RAW,
                               .zstd_level = TRIB_ZSTD_LEVEL};
    trib_pull_write_header(&feed->out, &header);
    return feed->out.failed ? trib_error_set(err, TRIB_NOMEM, NULL) : TRIB_OK;
}

static trib_code plan(replica_feed *feed, trib_handle *handle, trib_error *err) {
    const trib_pull_req *pull = &feed->pull;
    uint64_t since = frame_of(pull->client_revision, &feed->point);
    trib_code code = TRIB_OK;
    if (pull->server_revision.len > 0) {
        uint64_t pinned = frame_of(pull->server_revision, &feed->point);
        if (pinned == TRIB_FRAME_NONE) return gone(err);
        if (pinned < feed->point.frame_no) code = plan_pinned(feed, handle, pinned, err);
    }
    bool idle = since != TRIB_FRAME_NONE && since >= feed->point.frame_no;
    if (code == TRIB_OK && !idle) code = trib_pages_list(handle, &feed->point, since, &feed->changes, err);
    if (code != TRIB_OK) return code;
    keep_wanted(feed);
    if (idle && feed->poll_until_ns != 0) (void)replica_poll_plan(feed, err);
    return write_header(feed, err);
}

/* For who waits, and for who asks for another revision, a snapshot is opened. */
static bool is_current(replica_feed *feed) {
    const trib_pull_req *pull = &feed->pull;
    return pull->server_revision.len == 0 && feed->poll_until_ns == 0 &&
           frame_of(pull->client_revision, &feed->point) == feed->point.frame_no && write_header(feed, NULL) == TRIB_OK;
}

static void page(replica_feed *feed, const trib_page_change *change, size_t at, const uint8_t *bytes) {
    (void)at;
    trib_str raw = trib_str_make((const char *)bytes, TRIB_PAGE_BYTES);
    if (!feed->zstd) {
        trib_pull_write_page(&feed->out, change->page - 1, raw);
        return;
    }
    trib_buf packed;
    trib_buf_init(&packed, 2 * TRIB_PAGE_BYTES);
    trib_zstd_add(feed->zstd, raw, &packed);
    if (packed.failed) feed->out.failed = true;
    else trib_pull_write_page(&feed->out, change->page - 1, trib_buf_str(&packed));
    trib_buf_deinit(&packed);
}

static trib_code read_request(replica_feed *feed, trib_error *err) {
    trib_http_request *http = feed->http;
    trib_pull_req *pull = &feed->pull;
    trib_code code = trib_pull_decode(http->arena, http->body, pull, err);
    if (code != TRIB_OK) return code;
    if (pull->encoding > TRIB_PULL_ZSTD || pull->stream_kind != 0)
        return trib_error_set(err, TRIB_BAD_REQUEST, "only pages are sent (stream_kind 0), raw (0) or with zstd (1)");
    if (!trib_roaring_read(pull->server_pages_selector, &feed->pages))
        return trib_error_set(err, TRIB_BAD_REQUEST, "server_pages_selector is not a RoaringBitmap");
    if (pull->encoding == TRIB_PULL_ZSTD && !(feed->zstd = trib_zstd_new()))
        return trib_error_set(err, TRIB_NOMEM, NULL);
    uint32_t ms = pull->long_poll_timeout_ms;
    if (ms > REPLICA_LONG_POLL_MAX_MS) ms = REPLICA_LONG_POLL_MAX_MS;
    if (ms > 0) feed->poll_until_ns = trib_env_mono_ns(http->app->env) + ms * 1000000LL;
    return TRIB_OK;
}

void replica_handle_pull_updates(trib_http_request *http) {
    trib_error err;
    replica_feed *feed = replica_feed_new(http);
    if (!feed) return;
    feed->content_type = "application/protobuf";
    feed->plan = plan;
    feed->is_current = is_current;
    feed->page = page;
    if (read_request(feed, &err) != TRIB_OK) {
        replica_feed_free(feed);
        trib_http_answer_error(http, &err);
        return;
    }
    replica_feed_submit(feed);
}

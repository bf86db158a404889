/* SPDX-License-Identifier: Apache-2.0 */
/* One answer made of pages of one snapshot; see replica_int.h. */
#include <stdlib.h>
#include <string.h>

#include "features/replica/replica_int.h"

static replica_feed *of_job(trib_db_job *job) {
    return (replica_feed *)(void *)job;
}

void replica_feed_free(replica_feed *feed) {
    if (!feed) return;
    trib_buf_deinit(&feed->out);
    trib_spool_free(feed->spool);
    trib_buf_deinit(&feed->changes);
    trib_zstd_free(feed->zstd);
    free(feed);
}

void replica_feed_reset(replica_feed *feed) {
    trib_buf_clear(&feed->out);
    trib_buf_clear(&feed->changes);
    feed->open = feed->planned = feed->partial = false;
    feed->count = feed->next = 0;
    feed->padding = 0;
}

replica_feed *replica_feed_new(trib_http_request *http) {
    trib_error err;
    int64_t now_ms = trib_env_wall_ms(http->app->env);
    trib_code code = trib_may(http->principal, http->tenant, TRIB_ACTION_READ, now_ms, &err);
    replica_feed *feed = code == TRIB_OK ? calloc(1, sizeof *feed) : NULL;
    if (code == TRIB_OK && !feed) trib_error_set(&err, TRIB_NOMEM, NULL);
    if (!feed) {
        trib_http_answer_error(http, &err);
        return NULL;
    }
    feed->http = http;
    feed->status = 200;
    trib_buf_init(&feed->out, TRIB_SPOOLED_OUT_MAX_BYTES);
    trib_buf_init(&feed->changes, REPLICA_LIST_MAX_BYTES);
    feed->job.app = http->app;
    feed->job.tenant = http->tenant;
    feed->job.access = TRIB_ACCESS_SYSTEM;
    feed->job.job.home = http->home;
    trib_list_init(&feed->link);
    return feed;
}

/* ---- on a worker ---- */

/* AGAIN: reads are held back for a moment. */
static trib_code begin(replica_feed *feed, trib_handle *handle, trib_error *err) {
    trib_code code = trib_db_get_generation(trib_handle_db(handle), &feed->generation, err);
    trib_handle_get_point(handle, &feed->point);
    if (code == TRIB_OK && feed->is_current && feed->point.page_count > 0 && feed->is_current(feed)) {
        feed->planned = true;
        return code;
    }
    if (code == TRIB_OK) code = trib_pages_open(handle, &feed->point, err);
    if (code != TRIB_OK) return code;
    feed->open = true;
    trib_handle_set_copying(handle);
    uint32_t generation = 0; /* of the snapshot: an epoch may have begun since the first look */
    code = trib_db_get_generation(trib_handle_db(handle), &generation, err);
    if (code == TRIB_OK && generation != feed->generation)
        code = trib_error_set(err, TRIB_TOO_MANY_REQUESTS, "the generation has just changed; try again");
    if (code != TRIB_OK) return code;
    code = feed->plan(feed, handle, err);
    feed->count = feed->changes.len / sizeof(trib_page_change);
    feed->planned = true;
    return code;
}

static trib_code send_page(replica_feed *feed, trib_handle *handle, trib_buf *page, trib_error *err) {
    trib_page_change change;
    memcpy(&change, feed->changes.ptr + feed->next * sizeof change, sizeof change);
    page->len = 0;
    trib_code code = trib_pages_read(handle, change.page, page, err);
    if (code != TRIB_OK) return code;
    const uint8_t *bytes = (const uint8_t *)page->ptr;
    feed->page(feed, &change, feed->next, bytes);
    if (feed->next + 1 == feed->count && feed->padding > 0) feed->padding--; /* the same once more */
    else feed->next++;
    return feed->out.failed ? trib_error_set(err, TRIB_NOMEM, NULL) : TRIB_OK;
}

/* The last page with many repeats: they take no room on the disk. */
static trib_code send_last_often(replica_feed *feed, trib_handle *handle, trib_buf *page, trib_error *err) {
    uint64_t times = feed->padding;
    size_t before = feed->out.len;
    feed->padding = 0;
    trib_code code = send_page(feed, handle, page, err);
    size_t n = feed->out.len - before;
    if (code == TRIB_OK) code = trib_spooled_add(&feed->spool, feed->job.app, feed->http->tenant, &feed->out, err);
    if (code == TRIB_OK) trib_spool_repeat(feed->spool, n, times);
    return code;
}

/* A slice of the pages; those of a large answer go to disk. */
static trib_code send_slice(replica_feed *feed, trib_handle *handle, trib_error *err) {
    trib_code code = TRIB_OK;
    trib_buf page;
    size_t moved = 0;
    trib_buf_init(&page, 2 * TRIB_PAGE_BYTES);
    while (code == TRIB_OK && feed->next < feed->count && moved < TRIB_SPOOLED_SLICE_BYTES) {
        if (feed->next + 1 == feed->count && feed->padding > TRIB_SPOOLED_FROM_BYTES / REPLICA_FRAME_BYTES) {
            code = send_last_often(feed, handle, &page, err);
            break;
        }
        code = send_page(feed, handle, &page, err);
        bool all = feed->next == feed->count;
        if (code != TRIB_OK || (feed->spool ? !all && feed->out.len < TRIB_SPOOLED_FROM_BYTES
                                            : all || feed->out.len < TRIB_SPOOLED_FROM_BYTES))
            continue;
        moved += feed->out.len;
        code = trib_spooled_add(&feed->spool, feed->job.app, feed->http->tenant, &feed->out, err);
    }
    trib_buf_deinit(&page);
    return code;
}

static trib_code work(trib_db_job *job, trib_handle *handle, trib_error *err) {
    replica_feed *feed = of_job(job);
    trib_code code = trib_db_job_take_pending(job, err);
    if (code == TRIB_OK && !feed->planned) code = begin(feed, handle, err);
    if (code == TRIB_OK) code = send_slice(feed, handle, err);
    if (code != TRIB_OK) return code;
    if (feed->next < feed->count) {
        job->chunk = true;
        return TRIB_AGAIN;
    }
    if (feed->end_with) feed->end_with(feed);
    if (feed->out.failed) code = trib_error_set(err, TRIB_NOMEM, NULL);
    if (code == TRIB_OK && feed->spool && feed->out.len > 0)
        code = trib_spooled_add(&feed->spool, job->app, job->tenant, &feed->out, err);
    if (code != TRIB_OK || !feed->open) return code;
    feed->open = false;
    return trib_pages_close(handle, err);
}

/* ---- on the loop ---- */

/* It goes on at once: what was read is on its way to disk, not to the client. */
static void handed(trib_db_job *job) {
    trib_db_job_continue(job);
}

void replica_feed_answer(replica_feed *feed) {
    trib_http_answer answer = {.status = feed->status, .content_type = feed->content_type};
    trib_http_request *http = feed->http;
    trib_spool *spool = feed->spool;
    http->on_cancel = NULL;
    feed->spool = NULL;
    if (spool) {
        trib_spooled_send(http, http->tenant, &answer, spool);
    } else {
        answer.body = &feed->out;
        trib_http_answer_send(http, &answer);
    }
    replica_feed_free(feed);
}

static void finished(trib_db_job *job) {
    replica_feed *feed = of_job(job);
    trib_http_request *http = feed->http;
    trib_code code = feed->job.code;
    if (code == TRIB_OK && feed->watched) {
        replica_poll_wait(feed);
        return;
    }
    if (code == TRIB_OK) {
        replica_feed_answer(feed);
        return;
    }
    trib_error err = feed->job.err;
    http->on_cancel = NULL;
    trib_db_unref(feed->watched);
    replica_feed_free(feed);
    trib_http_answer_error(http, &err);
}

void replica_feed_submit(replica_feed *feed) {
    trib_http_request *http = feed->http;
    trib_error err;
    feed->job.work = work;
    feed->job.handed = handed;
    feed->job.finished = finished;
    if (trib_db_job_submit_for(&feed->job, http, &err) == TRIB_OK) return;
    replica_feed_free(feed);
    trib_http_answer_error(http, &err);
}

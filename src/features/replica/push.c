/* SPDX-License-Identifier: Apache-2.0 */
/* POST /sync/GENERATION/START/END[/BATON]: what a replica has written offline, as frames [START, END).
 *
 *   ends with a transaction  -> all of it becomes one commit -> {"status":"ok","generation","max_frame_no":END-1}
 *   ends inside of one       -> kept for the next request    -> the same with "baton", which that one names
 *   somebody wrote meanwhile -> nothing                      -> {"status":"conflict","generation","max_frame_no"}
 *
 * The first frames are taken for what follows frame START-1, so a replica may push only if nothing has changed since it
 * pulled. A push that is sent again because its answer was lost is answered as the first time. */
#include <stdlib.h>
#include <string.h>

#include "features/replica/frames.h"
#include "features/replica/replica_int.h"
#include "features/replica/stash.h"

typedef struct push {
    trib_db_job job; /* first */
    trib_http_request *http;
    uint32_t generation_wanted;
    uint64_t start, end; /* of all requests of this push */
    trib_buf stashed;    /* the frames of earlier requests, and then this one's; empty: http->body is all */
    replica_frames frames;
    uint32_t generation;
    trib_push_outcome outcome;
    trib_db_point point;
} push;

static void push_free(push *p) {
    trib_buf_deinit(&p->stashed);
    free(p);
}

static void fail(push *p, const trib_error *err) {
    trib_http_request *http = p->http;
    http->on_cancel = NULL;
    push_free(p);
    trib_http_answer_error(http, err);
}

static void answer(push *p, bool ok, uint64_t last, const char *baton) {
    trib_http_request *http = p->http;
    trib_buf body;
    trib_buf_init(&body, 1024);
    trib_buf_printf(&body, "{\"status\":\"%s\",\"generation\":%u,\"max_frame_no\":%llu", ok ? "ok" : "conflict",
                    p->generation, (unsigned long long)last);
    if (baton) trib_buf_printf(&body, ",\"baton\":\"%s\"", baton);
    trib_buf_add_c(&body, "}");
    trib_http_answer reply = {.status = 200, .content_type = "application/json", .body = &body};
    http->on_cancel = NULL;
    push_free(p);
    trib_http_answer_send(http, &reply);
    trib_buf_deinit(&body);
}

static trib_code work(trib_db_job *job, trib_handle *handle, trib_error *err) {
    push *p = (push *)(void *)job;
    trib_db *db = trib_handle_db(handle);
    trib_code code = trib_db_job_take_pending(job, err);
    if (code == TRIB_OK) code = trib_db_get_generation(db, &p->generation, err);
    if (code != TRIB_OK) return code;
    trib_handle_get_point(handle, &p->point);
    uint32_t generation = 0; /* the point's: an epoch may have begun since the first look */
    code = trib_db_get_generation(db, &generation, err);
    if (code != TRIB_OK) return code;
    if (p->generation_wanted != p->generation ||
        generation != p->generation) { /* it must climb to ours first, by pulling */
        p->outcome = TRIB_PUSH_CONFLICT;
        return TRIB_OK;
    }
    trib_pages_push pages = {.epoch = p->point.epoch,
                             .since = p->start - 1,
                             .until = p->end - 1,
                             .pages = p->frames.pages,
                             .count = p->frames.page_count,
                             .page_count = p->frames.size_after};
    code = trib_pages_apply(handle, &pages, &p->outcome, err);
    if (code == TRIB_OK) trib_handle_get_point(handle, &p->point);
    return code;
}

static void finished(trib_db_job *job) {
    push *p = (push *)(void *)job;
    bool ok = p->outcome != TRIB_PUSH_CONFLICT;
    if (job->code != TRIB_OK) {
        trib_error err = job->err;
        fail(p, &err);
        return;
    }
    answer(p, ok, ok ? p->end - 1 : p->point.frame_no, NULL);
}

/* The transaction goes on in the next request. */
static void keep(push *p, trib_str frames) {
    trib_http_request *http = p->http;
    char baton[REPLICA_BATON_BYTES];
    trib_error err;
    p->generation = p->generation_wanted;
    trib_code code =
        replica_stash_put(trib_replica_stash(http), http->tenant, p->generation, p->start, frames, baton, &err);
    if (code != TRIB_OK) fail(p, &err);
    else answer(p, true, p->end - 1, baton);
}

static bool read_path(const trib_http_request *http, push *p) {
    uint64_t generation = 0;
    bool ok = replica_path_number(http, 0, UINT32_MAX, &generation) &&
              replica_path_number(http, 1, UINT32_MAX, &p->start) && replica_path_number(http, 2, UINT32_MAX, &p->end);
    p->generation_wanted = (uint32_t)generation;
    return ok && p->start >= 1 && p->end > p->start;
}

/* *ret: all frames of the push, with those of the requests before. */
static trib_code read_request(push *p, trib_str *ret, trib_error *err) {
    trib_http_request *http = p->http;
    if (!read_path(http, p) || http->body.len != (p->end - p->start) * REPLICA_FRAME_BYTES)
        return trib_error_set(err, TRIB_BAD_REQUEST,
                              "the path must be /sync/GENERATION/START/END and the body the frames START to END-1");
    *ret = http->body;
    if (http->path_param_count < 4) return TRIB_OK;
    uint64_t first = 0;
    trib_code code = replica_stash_take(trib_replica_stash(http), http->tenant, p->generation_wanted, p->start,
                                        http->path_params[3], &p->stashed, &first, err);
    if (code != TRIB_OK) return code;
    trib_buf_add(&p->stashed, http->body);
    if (p->stashed.failed)
        return trib_error_set(err, TRIB_BODY_TOO_LARGE, "the transaction has more than %d frames",
                              REPLICA_STASH_MAX_BYTES / REPLICA_FRAME_BYTES);
    p->start = first;
    *ret = trib_buf_str(&p->stashed);
    return TRIB_OK;
}

void replica_handle_push(trib_http_request *http) {
    trib_error err;
    trib_str frames = {0};
    int64_t now_ms = trib_env_wall_ms(http->app->env);
    trib_code code = trib_may(http->principal, http->tenant, TRIB_ACTION_WRITE, now_ms, &err);
    push *p = code == TRIB_OK ? calloc(1, sizeof *p) : NULL;
    if (!p) {
        if (code == TRIB_OK) trib_error_set(&err, TRIB_NOMEM, NULL);
        trib_http_answer_error(http, &err);
        return;
    }
    p->http = http;
    trib_buf_init(&p->stashed, REPLICA_STASH_MAX_BYTES);
    code = read_request(p, &frames, &err);
    if (code == TRIB_OK) code = replica_frames_read(http->arena, frames, &p->frames, &err);
    if (code != TRIB_OK) {
        fail(p, &err);
        return;
    }
    if (p->frames.size_after == 0) {
        keep(p, frames);
        return;
    }
    p->job.tenant = http->tenant;
    p->job.access = TRIB_ACCESS_SYSTEM;
    p->job.work = work;
    p->job.finished = finished;
    if (trib_db_job_submit_for(&p->job, http, &err) != TRIB_OK) fail(p, &err);
}

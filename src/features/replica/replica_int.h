/* SPDX-License-Identifier: Apache-2.0 */
/* Private to the replica faces: a feed, which is one answer made of pages of one snapshot, whatever protocol it is for.
 *
 *   worker: snapshot open -> plan (which pages) -> page, page, ... -> snapshot closed -> gate -> sent
 *                                                   └ past TRIB_SPOOLED_FROM_BYTES: to disk, sent from there
 *
 * A protocol fills a feed with three functions and submits it; it needs no thread, lock or socket of its own. */
#ifndef TRIB_FEATURES_REPLICA_INT_H
#define TRIB_FEATURES_REPLICA_INT_H

#include "base/list.h"
#include "core/db_job.h"
#include "core/http.h"
#include "core/spooled.h"
#include "features/replica/frames.h"
#include "features/replica/stash.h"
#include "store/pages.h"
#include "wire/pb_pull.h"
#include "wire/roaring.h"
#include "wire/zstd.h"

enum {
    REPLICA_LIST_MAX_BYTES = 1 << 30, /* pages of a database of 256 GiB, 16 bytes each */
    REPLICA_PUSH_FRAMES_MAX = 1024,   /* of one request; clients send 128 */
    REPLICA_PUSH_BODY_MAX_BYTES = REPLICA_PUSH_FRAMES_MAX * REPLICA_FRAME_BYTES,
    REPLICA_PULL_BODY_MAX_BYTES = 1 << 20, /* selectors of pages: a bit a page of a database of 32 GiB */
    REPLICA_LONG_POLL_MAX_MS = 60000,
    REPLICA_POLLS_MAX = 1000,        /* that wait at once; each keeps a database open */
    REPLICA_BATCH_FRAMES_MAX = 1000, /* in one message: below the 4 MiB that gRPC clients take by default */
    REPLICA_CALL_MAX_BYTES = 1024,   /* body of a V1 call: a number or two */
    REPLICA_SECRET_BYTES = 16,       /* of the module's, in the tokens of V1 */
    REPLICA_REVISION_BYTES = 48
};

typedef struct replica_feed replica_feed;
struct replica_feed {
    trib_db_job job; /* first */
    trib_http_request *http;
    /* ---- set by the protocol ---- */
    const char *content_type;
    /* On a worker, inside, when feed->point and ->generation are known and the snapshot is open: fills `changes`, or
     * sets `status` and writes a body without pages. */
    trib_code (*plan)(replica_feed *feed, trib_handle *handle, trib_error *err);
    /* With feed->point and ->generation known from memory, before a snapshot is opened: true if the client has all of
     * it, and the answer is written. It has seen that point behind the gate. May be NULL. On a worker. */
    bool (*is_current)(replica_feed *feed);
    /* One page, number `at` of feed->count; the last one feed->padding times more. */
    void (*page)(replica_feed *feed, const trib_page_change *change, size_t at, const uint8_t *bytes);
    void (*end_with)(replica_feed *feed); /* what stands behind the last page; NULL: nothing */
    /* ---- what the request said ---- */
    trib_str token; /* V1 */
    uint32_t generation_wanted;
    uint64_t start, end;
    trib_pull_req pull;
    trib_roaring pages;    /* wanted, where pull has a selector */
    trib_zstd *zstd;       /* NULL: raw */
    int64_t poll_until_ns; /* a long poll: 0 for none */
    /* ---- the answer ---- */
    int status;
    trib_buf out;
    trib_spool *spool; /* of what was in `out` before, of a large answer */
    bool open;         /* the snapshot is open */
    bool planned;
    trib_db_point point;
    uint32_t generation;
    trib_buf changes; /* trib_page_change */
    size_t count, next;
    uint64_t padding; /* repeats of the last page that follow it */
    bool partial;     /* V1: more follows in another answer */
    /* ---- waiting (poll.c) ---- */
    trib_db *watched; /* a reference; set by `plan` where nothing is new and the client waits */
    trib_list link;   /* in the list of those who wait */
    trib_job wake;
};

/* For a request of a principal that may read. NULL: it has been answered. */
replica_feed *replica_feed_new(trib_http_request *http);
/* Hands it over; it answers and frees itself. */
void replica_feed_submit(replica_feed *feed);
void replica_feed_free(replica_feed *feed);

/* Back to before its first submit: with what was asked, and nothing answered. */
void replica_feed_reset(replica_feed *feed);
/* Answers with what is written and frees it. */
void replica_feed_answer(replica_feed *feed);

/* ---- poll.c: requests that wait for the next commit ---- */
typedef struct replica_polls replica_polls;
trib_code replica_polls_start(trib_app *app, void **ret_state, trib_error *err);
void replica_polls_stop(void *state);
/* In `plan`, where nothing is new: the feed will wait. Errors: those of opening; none where too many wait already, who
 * are answered at once. */
trib_code replica_poll_plan(replica_feed *feed, trib_error *err);
/* In `finished` of a feed that has feed->watched: it waits, and is answered or submitted again by itself. */
void replica_poll_wait(replica_feed *feed);

/* ---- v2.c ---- */
void replica_handle_info(trib_http_request *http);
void replica_handle_export(trib_http_request *http);
void replica_handle_sync(trib_http_request *http);
/* {"generation":N} */
void replica_write_generation(trib_buf *out, uint32_t generation);
/* A number of a path, at most `most`. */
bool replica_path_number(const trib_http_request *http, unsigned index, uint64_t most, uint64_t *ret);

/* ---- v1.c ---- */
void replica_handle_hello(trib_http_request *http);
void replica_handle_batch_log_entries(trib_http_request *http);
void replica_handle_log_entries(trib_http_request *http);
void replica_handle_snapshot(trib_http_request *http);
/* The module's: random, of this run. */
trib_str trib_replica_secret(const trib_http_request *http);

/* ---- push.c ---- */
void replica_handle_push(trib_http_request *http);

/* ---- pull_updates.c ---- */
void replica_handle_pull_updates(trib_http_request *http);

#endif

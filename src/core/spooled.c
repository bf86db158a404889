/* SPDX-License-Identifier: Apache-2.0 */
/* Large answers at their reader's pace; see spooled.h. */
#include "core/spooled.h"

#include <stdlib.h>

typedef struct sending {
    trib_job job; /* first */
    trib_http_request *http;
    trib_tenant *tenant; /* a reference: the job stands in its queue */
    trib_spool *spool;
    trib_buf piece;
    trib_code code;
    bool resting; /* at home, no room at the peer; home loop only */
    bool ending;  /* read to the end, failed or cancelled: set by the worker */
} sending;

trib_code trib_spooled_add(trib_spool **spool, trib_app *app, const trib_tenant *tenant, trib_buf *out,
                           trib_error *err) {
    trib_code code = out->failed ? trib_error_set(err, TRIB_NOMEM, NULL) : TRIB_OK;
    if (code == TRIB_OK && !*spool) code = trib_spool_open(app->store, trib_str_c(tenant->id), spool, err);
    if (code == TRIB_OK) code = trib_spool_add(*spool, trib_buf_str(out), err);
    if (code == TRIB_OK) trib_buf_clear(out);
    return code;
}

static trib_job_verdict run(trib_job *job) {
    sending *s = (sending *)(void *)job;
    if (!atomic_load(&job->cancelled)) {
        trib_buf_clear(&s->piece);
        s->code = trib_spool_read(s->spool, TRIB_SPOOLED_CHUNK_BYTES, &s->piece, NULL);
    }
    s->ending = atomic_load(&job->cancelled) || s->code != TRIB_OK || s->piece.len == 0;
    if (s->ending) return TRIB_JOB_DONE;
    trib_job_post_home(job);
    return TRIB_JOB_GONE;
}

static void done(trib_job *job) {
    sending *s = (sending *)(void *)job;
    trib_http_request *http = s->http;
    if (s->ending) {
        trib_tenant *tenant = s->tenant;
        bool broken = s->code != TRIB_OK || http->cancelled;
        trib_spool_free(s->spool);
        trib_buf_deinit(&s->piece);
        free(s);
        trib_http_stream_end(http, broken);
        trib_tenant_unref(tenant);
        return;
    }
    s->resting = !http->cancelled && !trib_http_stream_chunk(http, &s->piece);
    if (!s->resting) trib_job_requeue(job);
}

static void on_credit(trib_http_request *http) {
    sending *s = http->feature;
    if (http->cancelled) trib_job_cancel(&s->job);
    if (!s->resting) return;
    s->resting = false;
    trib_job_requeue(&s->job);
}

void trib_spooled_send(trib_http_request *http, trib_tenant *tenant, const trib_http_answer *head, trib_spool *spool) {
    trib_error err;
    sending *s = calloc(1, sizeof *s);
    if (!s) {
        trib_spool_free(spool);
        trib_error_set(&err, TRIB_NOMEM, NULL);
        trib_http_answer_error(http, &err);
        return;
    }
    trib_buf_init(&s->piece, 2 * (size_t)TRIB_SPOOLED_CHUNK_BYTES);
    s->http = http;
    s->spool = spool;
    s->tenant = tenant;
    s->job.run = run;
    s->job.done = done;
    s->job.home = http->home;
    s->job.queue = tenant->queue;
    trib_tenant_ref(tenant);
    atomic_init(&s->job.cancelled, http->cancelled);
    http->feature = s;
    http->on_cancel = NULL;
    trib_http_stream_begin(http, head, on_credit);
    if (trib_job_submit(&s->job, &err) == TRIB_OK) return;
    s->ending = true;
    s->code = err.code;
    done(&s->job);
}

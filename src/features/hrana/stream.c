/* SPDX-License-Identifier: Apache-2.0 */
/* An answer that goes out while it is made, for cursors and dumps, in chunks of TRIB_HRANA_CHUNK_BYTES. Between two of
 * them the job rests without a thread, its statement open, until the connection has room:
 *
 *   worker: rows --chunk--> gate --> loop: sent --room?--> continue ... finished: the rest, the end
 *                                      └ none: `starved`, until on_credit */
#include "features/hrana/hrana_int.h"

trib_code hrana_chunk(hrana_exec *x) {
    x->job.chunk = true;
    return TRIB_AGAIN;
}

static void on_credit(trib_http_request *http) {
    hrana_exec *x = http->feature;
    if (http->cancelled) {
        trib_db_job_cancel(&x->job);
        return;
    }
    if (!x->starved) return;
    x->starved = false;
    trib_db_job_continue(&x->job);
}

void hrana_stream_hand_over(hrana_exec *x) {
    if (!x->streaming) {
        trib_http_answer head = {.status = 200, .content_type = "text/plain"};
        trib_http_stream_begin(x->http, &head, on_credit);
        x->streaming = true;
    }
    x->starved = !trib_http_stream_chunk(x->http, &x->out);
    if (!x->starved) trib_db_job_continue(&x->job);
}

void hrana_stream_end(hrana_exec *x, bool aborted) {
    trib_http_request *http = x->http;
    http->on_cancel = NULL;
    if (x->out.len || x->out.failed) (void)trib_http_stream_chunk(http, &x->out);
    trib_http_stream_end(http, aborted);
    hrana_exec_free(x);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* An answer that goes out while it is made, for cursors and dumps, in chunks of TRIB_HRANA_CHUNK_BYTES. Between two of
 * them the job rests without a thread, its statement open, until the connection has room:
 *
 *   worker: rows --chunk--> gate --> loop: sent --room?--> continue ... finished: the rest, the end
 *                                      └ none: `starved`, until on_credit */
#include "features/hrana/codec.h"

trib_code hrana_chunk(hrana_exec *x) {
    x->job.chunk = true;
    hrana_pack_chunk(x);
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
        x->streaming = true;
        trib_http_answer head = {
            .status = 200, .content_type = x->codec->cursor_type, .extra_headers = hrana_pack_headers(x)};
        trib_http_stream_begin(x->http, &head, on_credit);
    }
    x->starved = !trib_http_stream_chunk(x->http, hrana_pack_take(x));
    if (!x->starved) trib_db_job_continue(&x->job);
}

void hrana_stream_end(hrana_exec *x, bool aborted) {
    trib_http_request *http = x->http;
    http->on_cancel = NULL;
    trib_buf *last = aborted && !x->out.len ? &x->out : hrana_pack_finish(x);
    if (last->len || last->failed) (void)trib_http_stream_chunk(http, last);
    trib_http_stream_end(http, aborted);
    hrana_exec_free(x);
}

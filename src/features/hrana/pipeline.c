/* SPDX-License-Identifier: Apache-2.0 */
/* POST /v2/pipeline, /v3/pipeline and /v3-protobuf/pipeline: requests of one session, one after another; each has a
 * result or an error, and a failure does not stop the next one. Work that must wait for the write turn goes on where it
 * stopped: `index` and `step` say where. */
#include "features/hrana/codec.h"

static trib_code work(trib_db_job *job, trib_handle *handle, trib_error *err) {
    hrana_exec *x = (hrana_exec *)(void *)job;
    for (; x->index < x->pipeline.count; x->index++) {
        trib_code code = hrana_run_request(x, handle, &x->pipeline.requests[x->index], err);
        if (code != TRIB_OK) return code;
    }
    job->close_session = x->closed;
    hrana_pack_whole(x);
    return TRIB_OK;
}

static void finished(trib_db_job *job) {
    hrana_exec *x = (hrana_exec *)(void *)job;
    char baton[TRIB_BATON_BYTES];
    if (!hrana_exec_settle(x, !x->closed, baton)) return;
    x->codec->pipeline_end(x, baton);
    hrana_exec_answer(x, x->codec->pipeline_type);
}

static trib_code decode(hrana_exec *x, trib_error *err) {
    trib_code code = x->codec->decode_pipeline(x->arena, x->http->body, &x->pipeline, err);
    for (size_t i = 0; code == TRIB_OK && i < x->pipeline.count; i++) {
        code = hrana_batch_check(x, &x->pipeline.requests[i].batch, err);
    }
    return code;
}

static trib_code begin(hrana_exec *x, trib_error *err) {
    x->envelope = x->codec->http;
    trib_code code = hrana_exec_open(x, x->pipeline.baton, err);
    if (code == TRIB_OK) x->codec->pipeline_begin(x);
    return code;
}

void hrana_handle_pipeline(trib_http_request *http) {
    static const hrana_way way = {&hrana_codec_json, decode, begin, work, finished, NULL};
    hrana_exec_serve(http, &way);
}

void hrana_handle_pipeline_pb(trib_http_request *http) {
    static const hrana_way way = {&hrana_codec_pb, decode, begin, work, finished, NULL};
    hrana_exec_serve(http, &way);
}

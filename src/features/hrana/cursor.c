/* SPDX-License-Identifier: Apache-2.0 */
/* POST /v3/cursor and /v3-protobuf/cursor: a batch whose rows come as they are found: first the baton, then an entry
 * for each row, and for the begin and end of each step. A short answer is one message, a longer one goes out while it
 * is made (stream.c). */
#include "features/hrana/codec.h"

trib_code hrana_run_cursor(hrana_exec *x, trib_handle *handle, trib_error *err) {
    for (; x->step < x->batch->count; x->step++) {
        const hrana_step *step = &x->batch->steps[x->step];
        trib_error failure;
        if (x->out.failed && !x->running) return hrana_output_full(x, err);
        if (!x->running && x->out.len >= TRIB_HRANA_CHUNK_BYTES) return hrana_chunk(x);
        if (!x->running && !hrana_cond_true(x, handle, step->condition)) continue;
        trib_code code = hrana_run_stmt(x, handle, &step->stmt, &x->codec->entry, true, &failure);
        if (code == TRIB_AGAIN) return code;
        if (hrana_is_fatal(code)) {
            *err = failure;
            return code;
        }
        if (code == TRIB_OK) {
            x->step_state[x->step] = HRANA_STEP_OK;
            continue;
        }
        hrana_batch_failed(x, &failure);
        x->codec->step_error(x, &failure);
    }
    x->codec->cursor_last(x);
    return TRIB_OK;
}

static trib_code work(trib_db_job *job, trib_handle *handle, trib_error *err) {
    hrana_exec *x = (hrana_exec *)(void *)job;
    trib_code code = hrana_run_cursor(x, handle, err);
    if (code == TRIB_OK) hrana_pack_whole(x);
    return code;
}

/* ---- on the loop ---- */

static void handed(trib_db_job *job) {
    hrana_stream_hand_over((hrana_exec *)(void *)job);
}

/* The rest of a stream. What failed before a commit was durable must not be seen; the reason must. */
static void finish_stream(hrana_exec *x) {
    trib_sessions *sessions = x->http->app->sessions;
    char baton[TRIB_BATON_BYTES];
    trib_code code = x->job.code;
    bool gone = code == TRIB_CANCELLED;
    if (code == TRIB_OK || (gone && x->by_baton)) (void)trib_session_release(sessions, x->job.session, baton, NULL);
    else trib_session_close(sessions, x->job.session);
    if (code != TRIB_OK) hrana_pack_drop(x);
    if (code != TRIB_OK && !gone) x->codec->cursor_error(x, &x->job.err);
    hrana_stream_end(x, gone);
}

static void finished(trib_db_job *job) {
    hrana_exec *x = (hrana_exec *)(void *)job;
    char baton[TRIB_BATON_BYTES];
    if (x->streaming) finish_stream(x);
    else if (hrana_exec_settle(x, true, baton)) hrana_exec_answer(x, x->codec->cursor_type);
}

/* The first message. The next baton exists from here on, but the session is busy until the end. */
static trib_code write_first(hrana_exec *x, trib_error *err) {
    char baton[TRIB_BATON_BYTES];
    trib_code code = trib_session_announce(x->http->app->sessions, x->job.session, baton, err);
    if (code != TRIB_OK) return code;
    x->codec->cursor_first(x, baton);
    return x->out.failed ? trib_error_set(err, TRIB_NOMEM, NULL) : TRIB_OK;
}

static void handle(trib_http_request *http, const hrana_codec *codec) {
    trib_error err;
    trib_str baton;
    hrana_batch *batch = trib_arena_zalloc(http->arena, 1, sizeof *batch);
    hrana_exec *x = hrana_exec_new(http);
    if (!x) return;
    x->codec = codec;
    trib_code code = batch ? codec->decode_cursor(http->arena, http->body, &baton, batch, &err)
                           : trib_error_set(&err, TRIB_NOMEM, NULL);
    if (code == TRIB_OK) code = hrana_batch_check(x, batch, &err);
    if (code == TRIB_OK) code = hrana_batch_begin(x, batch, &err);
    if (code == TRIB_OK) code = hrana_exec_open(x, baton, &err);
    if (code == TRIB_OK) code = write_first(x, &err);
    if (code != TRIB_OK) {
        hrana_exec_fail(x, &err);
        return;
    }
    x->job.handed = handed;
    hrana_exec_submit(x, work, finished);
}

void hrana_handle_cursor(trib_http_request *http) {
    handle(http, &hrana_codec_json);
}

void hrana_handle_cursor_pb(trib_http_request *http) {
    handle(http, &hrana_codec_pb);
}

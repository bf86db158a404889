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

static trib_code decode(hrana_exec *x, trib_error *err) {
    x->decoded = trib_arena_zalloc(x->arena, 1, sizeof *x->decoded);
    if (!x->decoded) return trib_error_set(err, TRIB_NOMEM, NULL);
    trib_code code = x->codec->decode_cursor(x->arena, x->http->body, &x->baton, x->decoded, err);
    return code == TRIB_OK ? hrana_batch_check(x, x->decoded, err) : code;
}

static trib_code begin(hrana_exec *x, trib_error *err) {
    trib_code code = hrana_batch_begin(x, x->decoded, err);
    if (code == TRIB_OK) code = hrana_exec_open(x, x->baton, err);
    if (code == TRIB_OK) code = write_first(x, err);
    x->job.handed = handed;
    return code;
}

void hrana_handle_cursor(trib_http_request *http) {
    static const hrana_way way = {&hrana_codec_json, decode, begin, work, finished, NULL};
    hrana_exec_serve(http, &way);
}

void hrana_handle_cursor_pb(trib_http_request *http) {
    static const hrana_way way = {&hrana_codec_pb, decode, begin, work, finished, NULL};
    hrana_exec_serve(http, &way);
}

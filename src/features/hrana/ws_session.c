/* SPDX-License-Identifier: Apache-2.0 */
/* A session of a WebSocket and its queue: requests run one after another, each as a job like one of HTTP.
 *
 *   push -> queue -> advance: running --job--> worker ... came_home: answered -> advance
 *
 * A new job waits while the socket has no room for answers: what a peer that never reads makes us keep is one answer of
 * each session, and TRIB_WS_UNSENT_MAX_BYTES. */
#include <stdlib.h>

#include "features/hrana/ws_int.h"

trib_code hrana_ws_session_open(hrana_ws *c, int32_t id, trib_error *err) {
    if (c->session_count >= TRIB_HRANA_WS_SESSIONS_MAX) {
        return trib_error_set(err, TRIB_TOO_MANY_REQUESTS,
                              "this WebSocket has %u streams open, which is the most; close some, or open another "
                              "WebSocket",
                              c->session_count);
    }
    hrana_ws_session *s = calloc(1, sizeof *s);
    if (!s) return trib_error_set(err, TRIB_NOMEM, NULL);
    trib_code code = trib_session_new(c->ws->app->sessions, c->ws->tenant, c->ws->principal, &s->session, err);
    if (code != TRIB_OK) {
        free(s);
        return code;
    }
    s->owner = c;
    s->id = id;
    s->named = true;
    trib_list_init(&s->queue);
    trib_list_push_back(&c->sessions, &s->link);
    c->session_count++;
    return TRIB_OK;
}

hrana_ws_session *hrana_ws_session_find(const hrana_ws *c, int32_t id) {
    TRIB_LIST_EACH(link, &c->sessions) {
        hrana_ws_session *s = TRIB_LIST_ITEM(link, hrana_ws_session, link);
        if (s->named && s->id == id) return s;
    }
    return NULL;
}

hrana_ws_session *hrana_ws_session_of_cursor(const hrana_ws *c, int32_t cursor_id) {
    TRIB_LIST_EACH(link, &c->sessions) {
        hrana_ws_session *s = TRIB_LIST_ITEM(link, hrana_ws_session, link);
        if (s->named && s->has_cursor && s->cursor_id == cursor_id) return s;
    }
    return NULL;
}

bool hrana_ws_session_works(const hrana_ws_session *s) {
    return s->running || !trib_list_is_empty(&s->queue);
}

void hrana_ws_session_end(hrana_ws_session *s) {
    hrana_ws *c = s->owner;
    hrana_ws_request *r = s->running;
    trib_session_close(c->ws->app->sessions, s->session);
    trib_list_remove(&s->link);
    c->session_count--;
    for (trib_list *link; (link = trib_list_take_first(&s->queue));)
        hrana_ws_request_free(c, TRIB_LIST_ITEM(link, hrana_ws_request, link));
    if (s->cursor) hrana_ws_request_free(c, s->cursor);
    if (r && s->over) hrana_ws_request_free(c, r);
    else if (r) hrana_ws_answer_ok(c, r);
    free(s);
    hrana_ws_settle(c);
}

/* ---- jobs ---- */

static trib_code work(trib_db_job *job, trib_handle *handle, trib_error *err) {
    hrana_ws_request *r = (hrana_ws_request *)(void *)job;
    return hrana_run_request(&r->x, handle, &r->msg.request, err);
}

static void finished(trib_db_job *job) {
    hrana_ws_request *r = (hrana_ws_request *)(void *)job;
    hrana_ws_session *s = r->session;
    hrana_ws *c = s->owner;
    trib_error err = job->err;
    trib_code code = job->code;
    s->running = NULL;
    /* what follows at once, as the end of the session, shares the write; and the next job starts before it */
    c->jobs++;
    trib_ws_hold(c->ws, true);
    /* not OUT_OF_MEMORY, which invites to send the same again: some of it has been done */
    if (code == TRIB_OK && r->x.out.failed) code = hrana_output_full(&r->x, &err);
    if (code != TRIB_OK) {
        hrana_ws_answer_error(c, r, &err);
    } else {
        hrana_ws_send(c, &r->x.out);
        hrana_ws_request_free(c, r);
    }
    hrana_ws_session_came_home(s);
    trib_ws_hold(c->ws, false);
    c->jobs--;
    hrana_ws_settle(c);
}

void hrana_ws_exec_init(hrana_ws_session *s, hrana_ws_request *r) {
    hrana_ws *c = s->owner;
    trib_ws *ws = c->ws;
    hrana_exec_init(&r->x, ws->app, ws->home, ws->tenant, ws->principal, &r->arena);
    r->x.codec = c->codec->codec;
    r->x.envelope = c->codec->envelope;
    r->x.request_id = ws->id;
    r->x.message_id = r->msg.request_id;
    r->x.job.session = s->session;
}

static void run(hrana_ws_session *s, hrana_ws_request *r) {
    trib_error err;
    hrana_ws_exec_init(s, r);
    r->x.job.work = work;
    r->x.job.finished = finished;
    trib_code code = hrana_batch_check(&r->x, &r->msg.request.batch, &err);
    if (code == TRIB_OK) code = trib_db_job_submit(&r->x.job, &err);
    if (code != TRIB_OK) {
        hrana_ws_answer_error(s->owner, r, &err);
        return;
    }
    s->running = r;
    s->busy = true;
    s->owner->jobs++;
}

void hrana_ws_session_came_home(hrana_ws_session *s) {
    hrana_ws *c = s->owner;
    s->busy = false;
    c->jobs--;
    if (s->over || (s->running && s->running->msg.type == HRANA_MSG_CLOSE_STREAM)) {
        hrana_ws_session_end(s);
        return;
    }
    hrana_ws_session_advance(s);
    hrana_ws_settle(c);
}

/* ---- the queue ---- */

/* False: the session is gone. */
static bool start(hrana_ws_session *s, hrana_ws_request *r) {
    hrana_ws *c = s->owner;
    switch (r->msg.type) {
    case HRANA_MSG_REQUEST: run(s, r); break;
    case HRANA_MSG_OPEN_CURSOR: hrana_ws_cursor_open(s, r); break;
    case HRANA_MSG_FETCH_CURSOR:
        s->running = r;
        hrana_ws_cursor_fetch(s);
        break;
    case HRANA_MSG_CLOSE_CURSOR:
        s->running = r;
        if (!hrana_ws_cursor_close(s)) break;
        s->running = NULL;
        hrana_ws_answer_ok(c, r);
        break;
    case HRANA_MSG_CLOSE_STREAM:
        s->running = r;
        if (!hrana_ws_cursor_close(s)) break;
        hrana_ws_session_end(s);
        return false;
    case HRANA_MSG_HELLO:
    case HRANA_MSG_OPEN_STREAM: hrana_ws_request_free(c, r); break; /* never queued */
    }
    return true;
}

void hrana_ws_session_advance(hrana_ws_session *s) {
    while (!s->running && !s->over && trib_ws_has_credit(s->owner->ws)) {
        trib_list *link = trib_list_take_first(&s->queue);
        if (!link || !start(s, TRIB_LIST_ITEM(link, hrana_ws_request, link))) return;
    }
}

void hrana_ws_session_push(hrana_ws_session *s, hrana_ws_request *r) {
    r->session = s;
    trib_list_push_back(&s->queue, &r->link);
    hrana_ws_session_advance(s);
}

void hrana_ws_session_abandon(hrana_ws_session *s) {
    s->over = true;
    if (!s->busy) {
        hrana_ws_session_end(s);
        return;
    }
    hrana_ws_request *out = s->running && s->running->msg.type == HRANA_MSG_REQUEST ? s->running : s->cursor;
    trib_db_job_cancel(&out->x.job);
}

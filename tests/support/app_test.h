/* SPDX-License-Identifier: Apache-2.0 */
/* A running server without sockets, for tests of the core and of features: the real store in a fresh folder, real
 * workers, and a home loop that is the test's own thread. Requests are handed to a route's handler; the answer is
 * caught. */
#ifndef TRIB_TESTS_SUPPORT_APP_TEST_H
#define TRIB_TESTS_SUPPORT_APP_TEST_H

#include <ftw.h>
#include <unistd.h>

#include "core/app.h"
#include "core/auth.h"
#include "core/control.h"
#include "core/session.h"
#include "support/env_test.h"

enum { APP_TEST_WORKERS = 2 };

typedef struct app_test {
    trib_env_test env;
    trib_app app;
    trib_home home;
    char folder[200];
    trib_mutex *lock;
    trib_cond *cond;
    trib_list posted;            /* jobs that came home */
    const char *accept_encoding; /* of the requests to come; NULL: none */
} app_test;

typedef struct http_test {
    trib_http_request request; /* first */
    trib_arena arena;
    bool answered, dropped;
    int status;
    char content_type[64], extra_headers[256];
    trib_buf body; /* NUL-terminated behind its length */
    /* of an answer that comes in chunks */
    bool hold; /* the reader takes nothing: no credit after a chunk */
    bool aborted;
    int chunks;
    size_t largest_chunk;
    void (*on_credit)(trib_http_request *request);
} http_test;

static inline void app_test_post(trib_home *home, trib_job *job) {
    app_test *t = home->ctx;
    trib_mutex_lock(&t->env.env, t->lock);
    trib_list_init(&job->link);
    trib_list_push_back(&t->posted, &job->link);
    trib_cond_broadcast(&t->env.env, t->cond);
    trib_mutex_unlock(&t->env.env, t->lock);
}

/* Waits for one job to come home and ends it on this thread. */
static inline void app_test_pump(app_test *t) {
    trib_mutex_lock(&t->env.env, t->lock);
    while (trib_list_is_empty(&t->posted)) trib_cond_wait(&t->env.env, t->cond, t->lock, -1);
    trib_job *job = TRIB_LIST_ITEM(trib_list_take_first(&t->posted), trib_job, link);
    trib_mutex_unlock(&t->env.env, t->lock);
    job->done(job);
}

static inline trib_str http_test_header(const trib_http_request *request, const char *name) {
    (void)request;
    (void)name;
    return (trib_str){0};
}

static inline void http_test_head(http_test *h, const trib_http_answer *head) {
    h->status = head->status;
    snprintf(h->content_type, sizeof h->content_type, "%s", head->content_type ? head->content_type : "");
    snprintf(h->extra_headers, sizeof h->extra_headers, "%.*s", TRIB_STR_ARG(head->extra_headers));
}

static inline void http_test_send(trib_http_request *request, const trib_http_answer *answer) {
    http_test *h = (http_test *)(void *)request;
    h->answered = true;
    h->dropped = answer->drop;
    http_test_head(h, answer);
    if (answer->body) trib_buf_add(&h->body, trib_buf_str(answer->body));
    trib_buf_add_char(&h->body, '\0');
    if (answer->body) trib_buf_deinit(answer->body);
}

static inline bool http_test_bytes(trib_http_request *request, trib_str bytes) {
    http_test *h = (http_test *)(void *)request;
    h->chunks++;
    if (bytes.len > h->largest_chunk) h->largest_chunk = bytes.len;
    trib_buf_add(&h->body, bytes);
    return !h->hold;
}

static inline bool http_test_chunk(trib_http_request *request, trib_buf *chunk) {
    bool credit = http_test_bytes(request, trib_buf_str(chunk));
    trib_buf_clear(chunk);
    return credit;
}

static inline void http_test_stream(trib_http_request *request, const trib_http_answer *head,
                                    void (*on_credit)(trib_http_request *)) {
    http_test *h = (http_test *)(void *)request;
    http_test_head(h, head);
    h->on_credit = on_credit;
    if (head->body) trib_buf_add(&h->body, trib_buf_str(head->body));
}

static inline void http_test_stream_end(trib_http_request *request, bool aborted) {
    http_test *h = (http_test *)(void *)request;
    h->answered = true;
    h->aborted = aborted;
    trib_buf_add_char(&h->body, '\0');
}

static inline int app_test_remove(const char *path, const struct stat *st, int type, struct FTW *at) {
    (void)st;
    (void)type;
    (void)at;
    return remove(path);
}

/* Starts on t->folder: new when `fresh`, else what a former start left there. */
static inline trib_code app_test_start(app_test *t, bool fresh, trib_error *err) {
    char folder[sizeof t->folder];
    memcpy(folder, t->folder, sizeof folder);
    memset(t, 0, sizeof *t);
    memcpy(t->folder, folder, sizeof folder);
    trib_env_test_init(&t->env, true, (uint64_t)getpid());
    if (fresh) trib_test_folder_make(t->folder, sizeof t->folder);
    t->lock = trib_mutex_new(&t->env.env);
    t->cond = trib_cond_new(&t->env.env);
    trib_list_init(&t->posted);
    t->home = (trib_home){.ctx = t, .post = app_test_post};
    t->app.env = &t->env.env;
    t->app.settings.data_dir = t->folder;
    t->app.settings.worker_threads = APP_TEST_WORKERS;
    t->app.http.header = http_test_header;
    t->app.http.send = http_test_send;
    t->app.http.stream_begin = http_test_stream;
    t->app.http.stream_chunk = http_test_chunk;
    t->app.http.stream_bytes = http_test_bytes;
    t->app.http.stream_end = http_test_stream_end;
    return trib_app_start(&t->app, err);
}

static inline void app_test_stop(app_test *t) {
    trib_app_stop(&t->app);
    trib_cond_free(&t->env.env, t->cond);
    trib_mutex_free(&t->env.env, t->lock);
}

static inline void app_test_cleanup(app_test *t) {
    nftw(t->folder, app_test_remove, 16, FTW_DEPTH | FTW_PHYS);
}

/* A change of the registry, to its end. */
static inline void app_test_op_finished(trib_control_op *op) {
    *(bool *)op->owner = true;
}

/* type and what belongs to it are set; the reference that it brings is given up. */
static inline trib_code app_test_run(app_test *t, trib_control_op *op, const char *name, trib_error *err) {
    bool finished = false;
    op->home = &t->home;
    op->finished = app_test_op_finished;
    op->owner = &finished;
    snprintf(op->name, sizeof op->name, "%s", name);
    trib_code code = trib_control_submit(t->app.control, op, err);
    if (code != TRIB_OK) return code;
    while (!finished) app_test_pump(t);
    trib_tenant_unref(op->tenant);
    if (op->code != TRIB_OK && err) *err = op->err;
    return op->code;
}

static inline trib_code app_test_change(app_test *t, trib_control_op_type type, const char *name, trib_error *err) {
    trib_control_op op = {.type = type};
    return app_test_run(t, &op, name, err);
}

/* What most tests begin with: a fresh app and one tenant. Owns: *ret is the caller's. */
static inline trib_code app_test_start_with_tenant(app_test *t, const char *name, trib_tenant **ret) {
    trib_code code = app_test_start(t, true, NULL);
    if (code == TRIB_OK) code = app_test_change(t, TRIB_CONTROL_CREATE, name, NULL);
    if (code == TRIB_OK) *ret = trib_control_find(t->app.control, trib_str_c(name));
    return code;
}

static inline void app_test_end_with_tenant(app_test *t, trib_tenant *tenant) {
    trib_tenant_unref(tenant);
    app_test_stop(t);
    app_test_cleanup(t);
}

/* A principal that may do everything. */
static inline void app_test_principal(trib_principal *principal, uint64_t fingerprint) {
    memset(principal, 0, sizeof *principal);
    atomic_store(&principal->refs, 1000);
    principal->everything = true;
    principal->fingerprint[0] = fingerprint;
}

/* Gives a request to a handler; http_test_wait brings the answer. */
static inline void http_test_begin_bytes(app_test *t, http_test *h, void (*handle)(trib_http_request *),
                                         trib_tenant *tenant, trib_principal *principal, trib_str body) {
    memset(h, 0, sizeof *h);
    trib_arena_init(&h->arena, 8 << 20);
    trib_buf_init(&h->body, 32 << 20);
    h->request = (trib_http_request){.app = &t->app,
                                     .home = &t->home,
                                     .arena = &h->arena,
                                     .body = body,
                                     .accept_encoding = trib_str_c(t->accept_encoding),
                                     .tenant = tenant,
                                     .principal = principal,
                                     .request_id = TRIB_STR("test")};
    handle(&h->request);
}

static inline void http_test_begin(app_test *t, http_test *h, void (*handle)(trib_http_request *), trib_tenant *tenant,
                                   trib_principal *principal, const char *body) {
    http_test_begin_bytes(t, h, handle, tenant, principal, trib_str_c(body));
}

/* The connection is gone. */
static inline void http_test_leave(http_test *h) {
    h->request.cancelled = true;
    if (h->request.on_cancel) h->request.on_cancel(&h->request);
}

static inline const char *http_test_wait(app_test *t, http_test *h) {
    while (!h->answered) app_test_pump(t);
    return h->body.ptr;
}

static inline void http_test_end(http_test *h) {
    trib_arena_deinit(&h->arena);
    trib_buf_deinit(&h->body);
}

#endif

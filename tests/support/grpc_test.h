/* SPDX-License-Identifier: Apache-2.0 */
/* gRPC-web calls to a handler without a socket: the message goes in a frame, the answer is taken apart. */
#ifndef TRIB_TESTS_SUPPORT_GRPC_TEST_H
#define TRIB_TESTS_SUPPORT_GRPC_TEST_H

#include "core/grpc.h"
#include "support/app_test.h"
#include "wire/grpcweb.h"

typedef struct grpc_test {
    http_test http; /* first */
    char body[4096];
    int status;
    char message[600]; /* as sent */
    trib_str frames;   /* of data, all of them */
} grpc_test;

static inline void grpc_begin_bytes(app_test *t, grpc_test *g, void (*handle)(trib_http_request *), trib_tenant *tenant,
                                    trib_principal *me, void *module_state, trib_str body) {
    memset(g, 0, sizeof *g);
    http_test *h = &g->http;
    trib_arena_init(&h->arena, 8 << 20);
    trib_buf_init(&h->body, 64 << 20);
    memcpy(g->body, body.ptr, body.len);
    h->request = (trib_http_request){.app = &t->app,
                                     .home = &t->home,
                                     .arena = &h->arena,
                                     .body = trib_str_make(g->body, body.len),
                                     .content_type = TRIB_STR("application/grpc-web"),
                                     .tenant = tenant,
                                     .principal = me,
                                     .module_state = module_state,
                                     .request_id = TRIB_STR("test")};
    handle(&h->request);
}

static inline void grpc_begin(app_test *t, grpc_test *g, void (*handle)(trib_http_request *), trib_tenant *tenant,
                              trib_principal *me, void *module_state, trib_str message) {
    trib_buf body;
    trib_buf_init(&body, 4096);
    trib_grpcweb_head(&body, (uint32_t)message.len);
    trib_buf_add(&body, message);
    grpc_begin_bytes(t, g, handle, tenant, me, module_state, trib_buf_str(&body));
    trib_buf_deinit(&body);
}

/* Waits for the answer; its grpc-status. */
static inline int grpc_wait(app_test *t, grpc_test *g) {
    http_test_wait(t, &g->http);
    trib_str whole = trib_str_make(g->http.body.ptr, g->http.body.len - 1), rest = whole, frame;
    uint8_t flags = 0;
    size_t data = 0;
    while (trib_grpcweb_take(&rest, &flags, &frame) && flags == 0) data = whole.len - rest.len;
    g->frames = trib_str_sub(whole, 0, data);
    g->status = -1;
    if (flags != TRIB_GRPCWEB_TRAILER || rest.len > 0) return -1;
    static const char status[] = "grpc-status:", message[] = "grpc-message:";
    char trailer[1000];
    snprintf(trailer, sizeof trailer, "%.*s", TRIB_STR_ARG(frame));
    if (strncmp(trailer, status, sizeof status - 1) == 0)
        g->status = (int)strtol(trailer + sizeof status - 1, NULL, 10);
    const char *said = strstr(trailer, message);
    if (said)
        snprintf(g->message, sizeof g->message, "%.*s", (int)strcspn(said, "\r") - (int)sizeof message + 1,
                 said + sizeof message - 1);
    return g->status;
}

/* The next message of the answer; false: there is none. */
static inline bool grpc_next(grpc_test *g, trib_str *ret) {
    uint8_t flags;
    return trib_grpcweb_take(&g->frames, &flags, ret);
}

#endif

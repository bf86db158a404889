/* SPDX-License-Identifier: Apache-2.0 */
/* Hrana over a WebSocket without a socket: an app with the tenant `ali`, and messages in JSON. */
#ifndef TRIB_TESTS_UNIT_FEATURES_HRANA_WS_TALK_H
#define TRIB_TESTS_UNIT_FEATURES_HRANA_WS_TALK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "features/hrana/ws_int.h"
#include "support/ws_app_test.h"

enum { PROTOBUF, HRANA3, HRANA2, HRANA1 }; /* indexes of the handler's protocols */

static app_test t;
static trib_tenant *tenant;
static ws_test w;

static inline int setup(void **state) {
    (void)state;
    return app_test_start_with_tenant(&t, "ali", &tenant) == TRIB_OK ? 0 : -1;
}

static inline int teardown(void **state) {
    (void)state;
    app_test_end_with_tenant(&t, tenant);
    return 0;
}

#define ASK(id, request) "{\"type\":\"request\",\"request_id\":" #id ",\"request\":{" request "}}"
#define OPEN(id, stream) ASK(id, "\"type\":\"open_stream\",\"stream_id\":" #stream)
#define EXECUTE(id, stream, sql)                                                                                       \
    ASK(id, "\"type\":\"execute\",\"stream_id\":" #stream ",\"stmt\":{\"sql\":\"" sql "\"}")

static inline void hears(const char *want) {
    trib_str got = ws_test_hear(&w);
    if (!got.len || !memmem(got.ptr, got.len, want, strlen(want)))
        fail_msg("instead of %s: \"%.*s\" (closed with %u %s)", want, TRIB_STR_ARG(trib_str_sub(got, 0, 400)),
                 w.close_code, w.close_reason);
}

static inline void asks(const char *message, const char *want) {
    ws_test_say(&w, message);
    hears(want);
}

static inline void is_closed(uint16_t code, const char *why) {
    assert_int_equal(ws_test_hear(&w).len, 0);
    if (w.close_code != code || !strstr(w.close_reason, why))
        fail_msg("closed with %u %s", w.close_code, w.close_reason);
}

/* With one stream, 1. */
static inline void greet(int protocol) {
    ws_test_greet(&t, &w, hrana_ws_accept, protocol);
    asks(OPEN(1, 1), "\"request_id\":1,");
}

#endif

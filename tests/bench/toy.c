/* SPDX-License-Identifier: Apache-2.0 */
/* The fastest server that the io room allows: answers 300 bytes to every read that ends a request head, and parses
 * nothing. It is the ceiling for every face; what a real answer costs on top is the price of parsing and of the store.
 *
 *   toy [address] [loops]        prints the address; ends on SIGTERM or SIGINT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/env_native.h"
#include "io/listener.h"
#include "io/signal.h"

enum { BODY_BYTES = 300, LOOPS_MAX = 16, GRACE_MS = 1000 };

typedef struct toy {
    trib_loop *loops[LOOPS_MAX];
    trib_listener *listener;
    trib_signals *signals;
    bool stopping;
    char answer[512];
    size_t answer_len;
} toy;

static size_t on_data(trib_conn *conn, trib_str bytes) {
    const toy *t = trib_conn_listener_user(conn);
    if (bytes.len < 4 || memcmp(bytes.ptr + bytes.len - 4, "\r\n\r\n", 4) != 0) return 0;
    trib_conn_write(conn, trib_str_make(t->answer, t->answer_len));
    return bytes.len;
}

static const trib_conn_handler handler = {.on_data = on_data};

static void on_closed(void *ctx) {
    toy *t = ctx;
    trib_loop_stop(t->loops[0]);
}

static void on_stop(void *ctx, int signal_no) {
    (void)signal_no;
    toy *t = ctx;
    if (!t->stopping) trib_listener_close(t->listener, GRACE_MS, on_closed, t);
    t->stopping = true;
}

int main(int argc, char **argv) {
    static toy t;
    unsigned loops = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 1;
    if (loops < 1 || loops > LOOPS_MAX) return 2;
    char body[BODY_BYTES + 1];
    memset(body, 'x', BODY_BYTES);
    body[BODY_BYTES] = '\0';
    t.answer_len = (size_t)snprintf(t.answer, sizeof t.answer,
                                    "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n%s",
                                    (int)BODY_BYTES, body);
    trib_error err = {0};
    trib_code code = TRIB_OK;
    for (unsigned i = 0; i < loops && code == TRIB_OK; i++) {
        code = trib_loop_new(trib_env_native(), "loop", &t.loops[i], &err);
    }
    trib_listener_config config = {.address = argc > 1 ? argv[1] : "127.0.0.1:0",
                                   .loops = t.loops,
                                   .loop_count = loops,
                                   .handler = &handler,
                                   .user = &t};
    if (code == TRIB_OK) code = trib_signals_open(t.loops[0], on_stop, &t, &t.signals, &err);
    if (code == TRIB_OK) code = trib_listener_open(&config, &t.listener, &err);
    for (unsigned i = 1; i < loops && code == TRIB_OK; i++) code = trib_loop_start(t.loops[i], &err);
    if (code != TRIB_OK) {
        fprintf(stderr, "toy: %s\n", err.message);
        return 1;
    }
    printf("%s\n", trib_listener_address(t.listener));
    fflush(stdout);
    trib_loop_run(t.loops[0]);
    trib_signals_close(t.signals);
    for (unsigned i = 1; i < loops; i++) trib_loop_stop(t.loops[i]);
    for (unsigned i = 0; i < loops; i++) trib_loop_free(t.loops[loops - 1 - i]);
    return 0;
}

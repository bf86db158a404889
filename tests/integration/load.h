/* SPDX-License-Identifier: Apache-2.0 */
/* For tests of the real program: clients on threads that send the same request again and again, and count every one
 * that did not get a whole answer of status 200. They do what a good client does: keep their connection, close it when
 * the answer says so, and never send a request twice.
 *
 *   load_start(&load) ... load_stop(&load)  ->  load.answered, load.failed */
#ifndef TRIB_TESTS_INTEGRATION_LOAD_H
#define TRIB_TESTS_INTEGRATION_LOAD_H

#include <openssl/ssl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <strings.h>

#include "integration/server.h"

enum { LOAD_CLIENTS = 4, LOAD_ANSWER_BYTES = 8192 };

/* One connection, plain or with TLS. */
typedef struct wire {
    int fd; /* -1: none */
    SSL *ssl;
} wire;

typedef struct load {
    int port;
    SSL_CTX *tls; /* NULL: plain */
    const char *request;
    atomic_bool stop;
    atomic_int answered, failed, connected;
    pthread_t threads[LOAD_CLIENTS];
    atomic_int next_client;
} load;

static inline void wire_close(wire *w) {
    SSL_free(w->ssl);
    if (w->fd >= 0) close(w->fd);
    *w = (wire){.fd = -1};
}

static inline bool wire_open(wire *w, int port, SSL_CTX *tls) {
    *w = (wire){.fd = server_connect(port)};
    if (w->fd < 0 || !tls) return w->fd >= 0;
    w->ssl = SSL_new(tls);
    if (w->ssl && SSL_set_fd(w->ssl, w->fd) == 1 && SSL_connect(w->ssl) == 1) return true;
    wire_close(w);
    return false;
}

static inline bool wire_send(wire *w, const char *bytes, size_t n) {
    size_t sent;
    return w->ssl ? SSL_write_ex(w->ssl, bytes, n, &sent) == 1 : server_send(w->fd, bytes, n);
}

static inline bool wire_read(wire *w, char *out, size_t cap, size_t *at) {
    size_t got = 0;
    if (!w->ssl) {
        ssize_t n = server_recv(w->fd, out + *at, cap - 1 - *at);
        got = n > 0 ? (size_t)n : 0;
    } else if (SSL_read_ex(w->ssl, out + *at, cap - 1 - *at, &got) != 1) {
        got = 0;
    }
    *at += got;
    out[*at] = '\0';
    return got > 0;
}

/* Sends a request and reads its answer, which has a Content-Length; the status, 0 if no whole answer came. */
static inline int wire_ask(wire *w, const char *request, char answer[LOAD_ANSWER_BYTES]) {
    size_t at = 0, want = 0;
    char *body = NULL;
    answer[0] = '\0';
    if (!wire_send(w, request, strlen(request))) return 0;
    while (!body || at < want) {
        if (at + 1 >= LOAD_ANSWER_BYTES || !wire_read(w, answer, LOAD_ANSWER_BYTES, &at)) return 0;
        body = strstr(answer, "\r\n\r\n");
        const char *length = strcasestr(answer, "\r\ncontent-length:");
        if (body && length) want = (size_t)(body + 4 - answer) + strtoul(length + 17, NULL, 10);
    }
    if (strcasestr(answer, "\r\nconnection: close\r\n")) wire_close(w);
    return strncmp(answer, "HTTP/1.1 ", 9) == 0 ? (int)strtol(answer + 9, NULL, 10) : 0;
}

/* Client 0 never rests, 1 connects anew for each request, 2 rests a little, 3 as long as a kept connection may. */
static inline void *load_client(void *arg) {
    static const unsigned rests_us[LOAD_CLIENTS] = {0, 0, 3000, 100000};
    load *l = arg;
    int me = atomic_fetch_add(&l->next_client, 1);
    wire w = {.fd = -1};
    char answer[LOAD_ANSWER_BYTES];
    while (!atomic_load(&l->stop)) {
        if (w.fd < 0 && wire_open(&w, l->port, l->tls)) atomic_fetch_add(&l->connected, 1);
        int status = w.fd < 0 ? -1 : wire_ask(&w, l->request, answer);
        if (status == 200 && strstr(answer, "\"type\":\"error\"")) status = 1;
        if (status == 200) {
            atomic_fetch_add(&l->answered, 1);
        } else {
            fprintf(stderr, "client %d: %s: %.300s\n", me,
                    status < 0    ? "no connection"
                    : status == 0 ? "no whole answer"
                                  : "an error",
                    status < 0 ? strerror(errno) : answer);
            atomic_fetch_add(&l->failed, 1);
            wire_close(&w);
        }
        if (me == 1) wire_close(&w);
        if (rests_us[me]) usleep(rests_us[me]);
    }
    wire_close(&w);
    return NULL;
}

/* port, tls and request are set before. */
static inline void load_start(load *l) {
    signal(SIGPIPE, SIG_IGN); /* OpenSSL writes without MSG_NOSIGNAL */
    for (int i = 0; i < LOAD_CLIENTS; i++) {
        if (pthread_create(&l->threads[i], NULL, load_client, l)) die("no thread");
    }
}

static inline void load_stop(load *l) {
    atomic_store(&l->stop, true);
    for (int i = 0; i < LOAD_CLIENTS; i++) pthread_join(l->threads[i], NULL);
}

/* Waits until `more` requests were answered from now on; false if that takes longer than 20 s. */
static inline bool load_await(load *l, int more) {
    int from = atomic_load(&l->answered);
    for (int i = 0; i < 20000; i++) {
        if (atomic_load(&l->answered) - from >= more) return true;
        usleep(1000);
    }
    return false;
}

#endif

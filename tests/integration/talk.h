/* SPDX-License-Identifier: Apache-2.0 */
/* For tests of the real program: HTTP as a client speaks it, one request at a time on a connection that is kept.
 *
 *   talk_ask(&talk, "POST", "/acme/v2/pipeline", token, body)  ->  talk.status, talk.body; 0: no whole answer came
 *
 * A connection that was closed is opened again by the next request. */
#ifndef TRIB_TESTS_INTEGRATION_TALK_H
#define TRIB_TESTS_INTEGRATION_TALK_H

#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <strings.h>

#include "integration/server.h"

typedef struct talk {
    int port;
    atomic_int *moves; /* where the server's port stands, in whichever life it is; NULL: it has one */
    int fd;            /* -1: none */
    const char *host;  /* of the Host header; NULL: 127.0.0.1 */
    const char *extra; /* more header lines, each with its CRLF; may be NULL */
    bool new_connection;
    int status;
    bool any_byte; /* something of the answer came, though perhaps not all */
    char *body;    /* NUL behind it */
    size_t body_len;
    char head[4096];
    char *buf;
    size_t cap;
} talk;

static inline void talk_init(talk *t, int port) {
    *t = (talk){.port = port, .fd = -1};
}

/* With a server that is killed and starts again: each request goes to the port that stands there then. */
static inline void talk_follow(talk *t, atomic_int *port) {
    talk_init(t, atomic_load(port));
    t->moves = port;
}

static inline void talk_hang_up(talk *t) {
    if (t->fd >= 0) close(t->fd);
    t->fd = -1;
}

static inline void talk_deinit(talk *t) {
    talk_hang_up(t);
    free(t->buf);
    t->buf = NULL;
}

/* Grows a heap string by a formatted piece. */
typedef struct text {
    char *ptr;
    size_t len, cap;
} text;

__attribute__((format(printf, 2, 3))) static inline void text_add(text *to, const char *format, ...) {
    va_list args;
    for (;;) {
        va_start(args, format);
        size_t room = to->cap - to->len;
        int n = vsnprintf(to->ptr ? to->ptr + to->len : NULL, room, format, args);
        va_end(args);
        if (n < 0) die("a text could not be made");
        if ((size_t)n < room) {
            to->len += (size_t)n;
            return;
        }
        to->cap = (to->len + (size_t)n + 1) * 2;
        to->ptr = realloc(to->ptr, to->cap);
        if (!to->ptr) die("no memory");
    }
}

static inline void text_clear(text *to) {
    to->len = 0;
    if (to->ptr) to->ptr[0] = '\0';
}

/* To the server's next life. */
static inline void talk_move(talk *t) {
    int port = t->moves ? atomic_load(t->moves) : t->port;
    if (port != t->port) talk_hang_up(t);
    t->port = port;
}

static inline bool talk_fill(talk *t, size_t *have) {
    if (t->cap - *have < 4096) {
        t->cap = t->cap ? t->cap * 2 : 65536;
        t->buf = realloc(t->buf, t->cap);
        if (!t->buf) die("no memory");
    }
    ssize_t got = server_recv(t->fd, t->buf + *have, t->cap - 1 - *have);
    if (got <= 0) return false;
    *have += (size_t)got;
    t->buf[*have] = '\0';
    t->any_byte = true;
    return true;
}

/* Reads a body in chunks (RFC 9112 section 7.1) and leaves it as one at t->buf + at. */
static inline bool talk_read_chunks(talk *t, size_t at, size_t have) {
    const size_t first = at;
    size_t out = at;
    for (;;) {
        const char *end = NULL;
        while (!(end = memchr(t->buf + at, '\n', have - at))) {
            if (!talk_fill(t, &have)) return false;
        }
        size_t begin = (size_t)(end - t->buf) + 1, n = strtoul(t->buf + at, NULL, 16);
        while (have < begin + n + 2) {
            if (!talk_fill(t, &have)) return false;
        }
        memmove(t->buf + out, t->buf + begin, n);
        out += n;
        at = begin + n + 2;
        if (n == 0) break;
    }
    t->body_len = out - first;
    t->buf[out] = '\0';
    return true;
}

/* Reads one answer with a Content-Length, in chunks, or without a body. */
static inline bool talk_read(talk *t) {
    size_t have = 0, want = 0;
    char *end = NULL;
    while (!end) {
        if (!talk_fill(t, &have)) return false;
        end = strstr(t->buf, "\r\n\r\n");
    }
    size_t head = (size_t)(end - t->buf) + 4, kept = head < sizeof t->head ? head : sizeof t->head - 1;
    memcpy(t->head, t->buf, kept);
    t->head[kept] = '\0';
    const char *length = strcasestr(t->head, "\r\ncontent-length:");
    if (length) want = strtoul(length + 17, NULL, 10);
    if (strcasestr(t->head, "\r\ntransfer-encoding: chunked\r\n")) {
        if (!talk_read_chunks(t, head, have)) return false;
    } else {
        while (have < head + want) {
            if (!talk_fill(t, &have)) return false;
        }
        t->body_len = want;
        t->buf[head + want] = '\0';
    }
    t->body = t->buf + head;
    t->status = strncmp(t->head, "HTTP/1.1 ", 9) == 0 ? (int)strtol(t->head + 9, NULL, 10) : -1;
    if (strcasestr(t->head, "\r\nconnection: close\r\n")) talk_hang_up(t);
    return true;
}

/* There was no whole answer: a server that is starting again is not asked all the time. */
static inline int talk_nobody(talk *t) {
    t->status = 0;
    talk_hang_up(t);
    if (t->moves) usleep(20000);
    return 0;
}

/* A request with a body of any bytes; type NULL: without one. authorization: the whole value, may be NULL. Returns the
 * status, 0 if no whole answer came. */
static inline int talk_ask_bytes(talk *t, const char *method, const char *path, const char *authorization,
                                 const char *type, const void *body, size_t body_len) {
    text head = {0};
    t->status = 0;
    t->any_byte = false;
    t->body = NULL;
    t->body_len = 0;
    t->head[0] = '\0';
    talk_move(t);
    t->new_connection = t->fd < 0;
    if (t->fd < 0) t->fd = server_connect(t->port);
    if (t->fd < 0) return talk_nobody(t);
    text_add(&head, "%s %s HTTP/1.1\r\nHost: %s\r\n%s", method, path, t->host ? t->host : "127.0.0.1",
             t->extra ? t->extra : "");
    if (authorization) text_add(&head, "Authorization: %s\r\n", authorization);
    if (type) text_add(&head, "Content-Type: %s\r\nContent-Length: %zu\r\n", type, body_len);
    text_add(&head, "\r\n");
    if (type && body_len > 0) {
        char *whole = realloc(head.ptr, head.len + body_len);
        if (!whole) die("no memory");
        memcpy(whole + head.len, body, body_len);
        head.ptr = whole;
        head.len += body_len;
    }
    bool fine = server_send(t->fd, head.ptr, head.len) && talk_read(t);
    free(head.ptr);
    return fine ? t->status : talk_nobody(t);
}

/* The same with JSON, or without a body: NULL. */
static inline int talk_ask(talk *t, const char *method, const char *path, const char *authorization, const char *body) {
    return talk_ask_bytes(t, method, path, authorization, body ? "application/json" : NULL, body,
                          body ? strlen(body) : 0);
}

/* The string member `name` of the last answer, copied; empty if it is not there. No escapes are undone. */
static inline void talk_text(const talk *t, const char *name, char *out, size_t cap) {
    char key[64];
    out[0] = '\0';
    if (!t->body) return;
    snprintf(key, sizeof key, "\"%s\":\"", name);
    const char *at = strstr(t->body, key);
    if (!at) return;
    at += strlen(key);
    size_t n = strcspn(at, "\"");
    if (n >= cap) n = cap - 1;
    memcpy(out, at, n);
    out[n] = '\0';
}

static inline bool talk_says(const talk *t, const char *what) {
    return t->body && strstr(t->body, what) != NULL;
}

/* "Basic KEY" out of the server's data folder. */
static inline void talk_admin_key(const server *s, char *out, size_t cap) {
    char path[200], key[128] = "";
    snprintf(path, sizeof path, "%s/data/admin.key", s->folder);
    FILE *file = fopen(path, "r");
    if (!file || !fgets(key, sizeof key, file)) die("no admin key");
    fclose(file);
    key[strcspn(key, "\r\n")] = '\0';
    snprintf(out, cap, "Basic %s", key);
}

#endif

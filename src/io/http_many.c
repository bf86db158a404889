/* SPDX-License-Identifier: Apache-2.0 */
/* Many HTTP calls at once; see http_many.h.
 *
 *   CLOSED --take--> CONNECTING --> BUSY <--take-- IDLE        free list: the one used last is taken first, so that
 *                        └── failed ──┴--> CLOSED  ^            few connections do what few can do
 *                                     └── answer ──┘ */
#include "io/http_many.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/env_native.h"
#include "wire/http1.h"

enum { EVENTS = 256, READ_BYTES = 64 * 1024, LOOK_EVERY_MS = 100 /* for calls whose time is over */ };

typedef enum connection_state { CLOSED, CONNECTING, BUSY, IDLE } connection_state;

typedef struct connection {
    int fd; /* -1: none */
    connection_state state;
    bool wants_write;
    struct connection *next_free;
    trib_http_many_call *call;
    int64_t began_ns;
    size_t sent;
    trib_buf in, body;
    trib_http1_parser parser;
} connection;

struct trib_http_many {
    struct sockaddr_storage address;
    socklen_t address_len;
    int epoll;
    connection *connections, *free;
    unsigned count;
    int64_t timeout_ns, looked_ns;
    trib_http_many_call *first, *last; /* wait for a connection */
    size_t open, waiting;
    char *bytes;
};

static int64_t now_ns(void) {
    return trib_env_mono_ns(trib_env_native());
}

/* ---- the end of a call ---- */

static void close_socket(connection *c) {
    if (c->fd >= 0) close(c->fd);
    c->fd = -1;
    c->state = CLOSED;
    c->wants_write = false;
    trib_buf_clear(&c->in);
    trib_buf_clear(&c->body);
    trib_http1_parser_deinit(&c->parser);
    trib_http1_parser_init(&c->parser, true);
}

/* The connection is free before `done` may send the next call. */
static void finish(trib_http_many *m, connection *c, trib_http_many_answer *answer) {
    trib_http_many_call *call = c->call;
    c->call = NULL;
    c->next_free = m->free;
    m->free = c;
    m->open--;
    answer->took_ns = now_ns() - call->sent_ns;
    call->done(call, answer);
}

static void fail(trib_http_many *m, connection *c, trib_code code, const char *reason) {
    trib_http_many_answer answer = {.code = code, .reason = reason};
    bool busy = c->call != NULL;
    close_socket(c);
    if (busy) finish(m, c, &answer);
}

/* ---- sending ---- */

static void watch(trib_http_many *m, connection *c, bool writes) {
    struct epoll_event event = {.events = EPOLLIN | (writes ? (uint32_t)EPOLLOUT : 0), .data.ptr = c};
    if (c->wants_write == writes) return;
    c->wants_write = writes;
    epoll_ctl(m->epoll, EPOLL_CTL_MOD, c->fd, &event);
}

static void write_more(trib_http_many *m, connection *c) {
    trib_str request = c->call->request;
    while (c->sent < request.len) {
        ssize_t n = send(c->fd, request.ptr + c->sent, request.len - c->sent, MSG_NOSIGNAL);
        if (n > 0) {
            c->sent += (size_t)n;
        } else if (errno == EAGAIN) {
            watch(m, c, true);
            return;
        } else if (errno != EINTR) {
            fail(m, c, TRIB_CONNECT, "the connection broke while the request was sent");
            return;
        }
    }
    watch(m, c, false);
}

static bool begin_connect(trib_http_many *m, connection *c) {
    c->fd = socket(m->address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (c->fd < 0) return false;
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT, .data.ptr = c};
    if (connect(c->fd, (struct sockaddr *)&m->address, m->address_len) != 0 && errno != EINPROGRESS) return false;
    c->state = CONNECTING;
    c->wants_write = true;
    return epoll_ctl(m->epoll, EPOLL_CTL_ADD, c->fd, &event) == 0;
}

static void start(trib_http_many *m, connection *c, trib_http_many_call *call) {
    c->call = call;
    c->sent = 0;
    c->began_ns = now_ns();
    if (c->state == IDLE) {
        c->state = BUSY;
        write_more(m, c);
    } else if (!begin_connect(m, c)) {
        fail(m, c, TRIB_CONNECT, strerror(errno));
    }
}

void trib_http_many_send(trib_http_many *m, trib_http_many_call *call) {
    call->next = NULL;
    call->sent_ns = now_ns();
    m->open++;
    m->waiting++;
    if (m->last) m->last->next = call;
    else m->first = call;
    m->last = call;
}

/* Connections that are free get calls that wait. */
static void assign(trib_http_many *m) {
    while (m->first && m->free) {
        trib_http_many_call *call = m->first;
        connection *c = m->free;
        m->first = call->next;
        if (!m->first) m->last = NULL;
        m->waiting--;
        m->free = c->next_free;
        start(m, c, call);
    }
}

/* ---- reading ---- */

/* The answer is whole. */
static void answered(trib_http_many *m, connection *c, size_t used) {
    trib_http_many_answer answer = {.status = c->parser.head.status, .body = c->parser.body};
    trib_buf in = c->in, body = c->body; /* what `answer` points into, while the connection may be used again */
    bool keeps = c->parser.head.keep_alive && used == in.len && c->sent == c->call->request.len;
    trib_buf_init(&c->in, in.max_bytes);
    trib_buf_init(&c->body, body.max_bytes);
    c->state = IDLE;
    if (!keeps) close_socket(c);
    finish(m, c, &answer);
    if (c->in.cap == 0 && c->body.cap == 0) { /* nobody has needed new ones */
        c->in = in;
        c->body = body;
        trib_buf_clear(&c->in);
        trib_buf_clear(&c->body);
    } else {
        trib_buf_deinit(&in);
        trib_buf_deinit(&body);
    }
}

static void parse(trib_http_many *m, connection *c) {
    trib_error err;
    for (;;) {
        size_t used = 0;
        switch (trib_http1_parser_next(&c->parser, trib_buf_str(&c->in), &used, &err)) {
        case TRIB_HTTP1_NEED: trib_buf_consume(&c->in, used); return;
        case TRIB_HTTP1_HEAD: trib_http1_parser_set_body(&c->parser, &c->body, TRIB_HTTP_MANY_BODY_MAX_BYTES); break;
        case TRIB_HTTP1_MESSAGE: answered(m, c, used); return;
        case TRIB_HTTP1_ERROR: fail(m, c, err.code, "the server's answer is no HTTP"); return;
        }
    }
}

static void read_more(trib_http_many *m, connection *c) {
    ssize_t n = recv(c->fd, m->bytes, READ_BYTES, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (c->state == IDLE || n <= 0) { /* idle: the server ends what it no longer wants to keep */
        fail(m, c, TRIB_CONNECT, "the server closed the connection before it had answered");
        return;
    }
    trib_buf_add_bytes(&c->in, m->bytes, (size_t)n);
    if (c->in.failed) fail(m, c, TRIB_NOMEM, "no memory for the answer");
    else parse(m, c);
}

static void connected(trib_http_many *m, connection *c) {
    int why = 0;
    socklen_t len = sizeof why;
    if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &why, &len) != 0) why = errno;
    if (why) {
        fail(m, c, TRIB_CONNECT, strerror(why));
        return;
    }
    c->state = BUSY;
    write_more(m, c);
}

static void expire(trib_http_many *m) {
    int64_t now = now_ns();
    if (now - m->looked_ns < LOOK_EVERY_MS * INT64_C(1000000)) return;
    m->looked_ns = now;
    for (unsigned i = 0; i < m->count; i++) {
        connection *c = &m->connections[i];
        if (c->call && now - c->began_ns > m->timeout_ns) fail(m, c, TRIB_REQUEST_TIMEOUT, "the server did not answer");
    }
}

void trib_http_many_run(trib_http_many *m, int timeout_ms) {
    struct epoll_event events[EVENTS];
    assign(m);
    int wait_ms = m->open && (timeout_ms < 0 || timeout_ms > LOOK_EVERY_MS) ? LOOK_EVERY_MS : timeout_ms;
    int n = epoll_wait(m->epoll, events, EVENTS, wait_ms);
    for (int i = 0; i < n; i++) {
        connection *c = events[i].data.ptr;
        if (c->fd < 0) continue; /* closed by an event before this one */
        if (c->state == CONNECTING) connected(m, c);
        else if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) read_more(m, c);
        else if (c->call) write_more(m, c);
    }
    expire(m);
    assign(m);
}

size_t trib_http_many_open(const trib_http_many *m) {
    return m->open;
}

size_t trib_http_many_waiting(const trib_http_many *m) {
    return m->waiting;
}

/* ---- life ---- */

static trib_code resolve(trib_http_many *m, const char *host, uint16_t port, trib_error *err) {
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found = NULL;
    char text[8];
    snprintf(text, sizeof text, "%u", (unsigned)port);
    int rc = getaddrinfo(host, text, &hints, &found);
    if (rc != 0) return trib_error_set(err, TRIB_USAGE, "the host %s is not known: %s", host, gai_strerror(rc));
    memcpy(&m->address, found->ai_addr, found->ai_addrlen);
    m->address_len = found->ai_addrlen;
    freeaddrinfo(found);
    return TRIB_OK;
}

trib_code trib_http_many_new(const char *host, uint16_t port, unsigned connections, uint32_t timeout_ms,
                             trib_http_many **ret, trib_error *err) {
    trib_http_many *m = calloc(1, sizeof *m);
    if (!m) return trib_error_set(err, TRIB_NOMEM, NULL);
    m->timeout_ns = (int64_t)timeout_ms * 1000000;
    m->epoll = epoll_create1(EPOLL_CLOEXEC);
    m->bytes = malloc(READ_BYTES);
    m->connections = calloc(connections, sizeof *m->connections);
    trib_code code = TRIB_OK;
    if (!m->bytes || !m->connections) code = trib_error_set(err, TRIB_NOMEM, NULL);
    for (unsigned i = connections; code == TRIB_OK && i-- > 0;) {
        connection *c = &m->connections[i];
        c->fd = -1;
        trib_buf_init(&c->in, TRIB_HTTP_MANY_BODY_MAX_BYTES + TRIB_HTTP1_MAX_HEAD_BYTES + READ_BYTES);
        trib_buf_init(&c->body, TRIB_HTTP_MANY_BODY_MAX_BYTES);
        trib_http1_parser_init(&c->parser, true);
        c->next_free = m->free;
        m->free = c;
        m->count++;
    }
    if (code == TRIB_OK && m->epoll < 0)
        code = trib_error_set(err, TRIB_IO, "the system gives no epoll: %s", strerror(errno));
    if (code == TRIB_OK) code = resolve(m, host, port, err);
    if (code == TRIB_OK) *ret = m;
    else trib_http_many_free(m);
    return code;
}

void trib_http_many_free(trib_http_many *m) {
    if (!m) return;
    for (unsigned i = 0; i < m->count; i++) {
        close_socket(&m->connections[i]);
        trib_buf_deinit(&m->connections[i].in);
        trib_buf_deinit(&m->connections[i].body);
        trib_http1_parser_deinit(&m->connections[i].parser);
    }
    if (m->epoll >= 0) close(m->epoll);
    free(m->connections);
    free(m->bytes);
    free(m);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Slow and silent peers: opens many connections of one kind, keeps them for a while, and tells what became of them.
 *
 *   peers KIND COUNT PORT SECONDS [PATH AUTHORIZATION]
 *
 *   loris    sends a head, one byte a second, and never ends it
 *   idle     asks for /health once and then keeps the connection
 *   crawl    asks for PATH (a large answer) and reads one byte in 10 ms
 *   zero     asks for PATH and reads nothing
 *   crumbs   sends a body in chunks of one byte, one in 10 ms
 *
 * Prints "open" once all are connected, and at the end one JSON object: how many the server closed, and the seconds
 * from the first byte to that. Client addresses come out of 127.0.0.0/8, so that ports do not run out. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { PEERS_MAX = 20000, PER_ADDRESS = 8000, REQUEST_BYTES = 1024, TICK_MS = 10, READ_BYTES = 65536, EVENTS = 512 };

typedef enum peer_kind { LORIS, IDLE, CRAWL, ZERO, CRUMBS, KINDS } peer_kind;
static const char *const kind_names[KINDS] = {"loris", "idle", "crawl", "zero", "crumbs"};

typedef struct peer {
    int fd; /* -1: over */
    int64_t began_ms, step_ms;
    size_t sent;
} peer;

typedef struct run {
    peer_kind kind;
    unsigned count, open, closed, refused;
    int port, epoll;
    char request[REQUEST_BYTES];
    size_t request_len;
    double shortest_s, longest_s;
    peer *peers;
} run;

static void die(const char *what) {
    fprintf(stderr, "peers: %s (%s)\n", what, strerror(errno));
    exit(2);
}

static int64_t now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void over(run *r, peer *p) {
    double s = (double)(now_ms() - p->began_ms) / 1000.0;
    if (!r->closed || s < r->shortest_s) r->shortest_s = s;
    if (s > r->longest_s) r->longest_s = s;
    r->closed++;
    r->open--;
    close(p->fd);
    p->fd = -1;
}

/* Small windows where the peer reads badly: what the kernel takes off the server's hands must not hide it. */
static bool peer_connect(run *r, unsigned index) {
    struct sockaddr_in from = {.sin_family = AF_INET},
                       to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)r->port)};
    peer *p = &r->peers[index];
    p->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (p->fd < 0) die("socket; raise `ulimit -n`");
    from.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1 + (uint32_t)r->kind * 256 + index / PER_ADDRESS);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(p->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &(int){1}, sizeof(int));
    if (r->kind == CRAWL || r->kind == ZERO) setsockopt(p->fd, SOL_SOCKET, SO_RCVBUF, &(int){4096}, sizeof(int));
    if (bind(p->fd, (struct sockaddr *)&from, sizeof from) != 0 ||
        connect(p->fd, (struct sockaddr *)&to, sizeof to) != 0) {
        close(p->fd);
        p->fd = -1;
        return false;
    }
    fcntl(p->fd, F_SETFL, O_NONBLOCK);
    p->began_ms = p->step_ms = now_ms();
    struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP, .data.ptr = p};
    if (r->kind == CRAWL || r->kind == ZERO) event.events = EPOLLRDHUP;
    epoll_ctl(r->epoll, EPOLL_CTL_ADD, p->fd, &event);
    r->open++;
    return true;
}

static bool say(run *r, peer *p, const char *bytes, size_t n) {
    ssize_t sent = send(p->fd, bytes, n, MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN) {
        over(r, p);
        return false;
    }
    return true;
}

static void step(run *r, peer *p, int64_t now) {
    char byte;
    switch (r->kind) {
    case IDLE:
    case ZERO:
        if (p->sent == 0 && say(r, p, r->request, r->request_len)) p->sent = r->request_len;
        break;
    case LORIS:
        if (now < p->step_ms) return;
        p->step_ms = now + 1000;
        /* the bytes that follow come evenly over the second, not as they connected */
        if (p->sent == 0) p->step_ms += (p - r->peers) * 1000 / r->count;
        if (say(r, p, p->sent < r->request_len ? r->request + p->sent : "x", 1)) p->sent++;
        break;
    case CRAWL:
        if (p->sent == 0 && say(r, p, r->request, r->request_len)) p->sent = r->request_len;
        if (p->fd >= 0 && recv(p->fd, &byte, 1, 0) == 0) over(r, p);
        break;
    case CRUMBS:
        if (p->sent == 0 && say(r, p, r->request, r->request_len)) p->sent = r->request_len;
        if (p->fd >= 0) say(r, p, "1\r\nx\r\n", 6);
        break;
    case KINDS: break;
    }
}

static void serve_events(run *r, char *bytes) {
    struct epoll_event events[EVENTS];
    int n = epoll_wait(r->epoll, events, EVENTS, TICK_MS);
    for (int i = 0; i < n; i++) {
        peer *p = events[i].data.ptr;
        if (p->fd < 0) continue;
        if (r->kind == CRAWL || r->kind == ZERO) { /* RDHUP or an error */
            over(r, p);
            continue;
        }
        ssize_t got = recv(p->fd, bytes, READ_BYTES, 0);
        if (got == 0 || (got < 0 && errno != EAGAIN)) over(r, p);
    }
}

static void write_request(run *r, int argc, char **argv) {
    const char *path = argc > 5 ? argv[5] : "/", *authorization = argc > 6 ? argv[6] : "";
    static const char body[] = "{\"batch\":{\"steps\":[{\"stmt\":{\"sql\":\"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL "
                               "SELECT i + 1 FROM n) SELECT hex(zeroblob(500)) FROM n\"}}]}}";
    int n = 0;
    if (r->kind == IDLE) n = snprintf(r->request, REQUEST_BYTES, "GET /health HTTP/1.1\r\nHost: a\r\n\r\n");
    if (r->kind == LORIS) n = snprintf(r->request, REQUEST_BYTES, "GET /health HTTP/1.1\r\nHost: a\r\nx-slow: ");
    if (r->kind == CRAWL || r->kind == ZERO)
        n = snprintf(r->request, REQUEST_BYTES,
                     "POST %s HTTP/1.1\r\nHost: a\r\nAuthorization: %s\r\nContent-Length: %zu\r\n\r\n%s", path,
                     authorization, sizeof body - 1, body);
    if (r->kind == CRUMBS)
        n = snprintf(r->request, REQUEST_BYTES,
                     "POST %s HTTP/1.1\r\nHost: a\r\nAuthorization: %s\r\nTransfer-Encoding: chunked\r\n\r\n", path,
                     authorization);
    if (n <= 0 || n >= REQUEST_BYTES) die("the request is too long");
    r->request_len = (size_t)n;
}

int main(int argc, char **argv) {
    static run r;
    static char bytes[READ_BYTES];
    signal(SIGPIPE, SIG_IGN);
    if (argc < 5) die("see the head of peers.c for its arguments");
    while (r.kind < KINDS && strcmp(kind_names[r.kind], argv[1]) != 0) r.kind++;
    r.count = (unsigned)strtoul(argv[2], NULL, 10);
    r.port = (int)strtol(argv[3], NULL, 10);
    int64_t hold_ms = strtoll(argv[4], NULL, 10) * 1000;
    if (r.kind == KINDS || !r.count || r.count > PEERS_MAX) die("no such kind, or more than 20000 of it");
    write_request(&r, argc, argv);
    r.peers = calloc(r.count, sizeof *r.peers);
    r.epoll = epoll_create1(EPOLL_CLOEXEC);
    if (!r.peers || r.epoll < 0) die("no memory");
    for (unsigned i = 0; i < r.count; i++) {
        if (!peer_connect(&r, i)) r.refused++;
        else step(&r, &r.peers[i], now_ms());
    }
    printf("open\n");
    fflush(stdout);
    for (int64_t end = now_ms() + hold_ms, now; (now = now_ms()) < end && r.open;) {
        for (unsigned i = 0; i < r.count; i++) {
            if (r.peers[i].fd >= 0) step(&r, &r.peers[i], now);
        }
        serve_events(&r, bytes);
    }
    printf("{\"kind\": \"%s\", \"count\": %u, \"refused\": %u, \"closed\": %u, \"still_open\": %u, "
           "\"closed_first_s\": %.1f, \"closed_last_s\": %.1f}\n",
           argv[1], r.count, r.refused, r.closed, r.open, r.shortest_s, r.longest_s);
    free(r.peers);
    return 0;
}

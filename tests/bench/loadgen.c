/* SPDX-License-Identifier: Apache-2.0 */
/* Closed-loop HTTP/1.1 load generator: N keep-alive connections, each with one request under way, on one thread over
 * epoll.
 *
 *   loadgen --address 127.0.0.1:8080 [--connections 64] [--duration-s 5 | --requests N] [--warmup-ms 500]
 *           [--path /t%c/v2/pipeline] [--method POST] [--header "Name: value"]... [--body TEXT | --body-file FILE]
 *           [--expect TEXT]
 *
 * %c in the path becomes the connection's number (0...N-1), so that connections can talk to different tenants. Requests
 * are made once, before the start; an answer is read just far enough to know where it ends. With --expect, answers that
 * come in one piece must hold the text (a refused statement is a 200 too), else they count as wrong. Prints one JSON
 * object.
 * Latency is from the send call to the last byte; a closed loop slows down with its server, so its tail looks better
 * than the tail of an open system would.
 *
 * It refuses addresses that are not loopback: it is a tool for measuring, not for flooding. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    CONNECTIONS_MAX = 20000,
    HEAD_MAX_BYTES = 8192,
    HEADERS_MAX_BYTES = 8192,
    READ_BYTES = 256 * 1024,
    EVENTS = 256,
    RECONNECTS_MAX = 1000 /* after so many lost connections the server is taken for dead */
};

/* ---- latencies: 64 buckets for every doubling, so a value is known to 1.6 % ---- */

enum { SUB_BITS = 6, SUBS = 1 << SUB_BITS, BUCKETS = (64 - SUB_BITS) * SUBS };

typedef struct histogram {
    uint64_t buckets[BUCKETS], count, sum_ns, max_ns;
} histogram;

static size_t bucket_of(uint64_t ns) {
    if (ns < SUBS) return (size_t)ns;
    unsigned shift = 63u - (unsigned)__builtin_clzll(ns) - SUB_BITS;
    return (size_t)(shift + 1) * SUBS + (size_t)((ns >> shift) - SUBS);
}

static uint64_t bucket_top(size_t bucket) {
    if (bucket < SUBS) return bucket;
    unsigned shift = (unsigned)(bucket / SUBS) - 1;
    return ((uint64_t)(bucket % SUBS + SUBS + 1) << shift) - 1;
}

static void histogram_add(histogram *h, uint64_t ns) {
    h->buckets[bucket_of(ns)]++;
    h->count++;
    h->sum_ns += ns;
    if (ns > h->max_ns) h->max_ns = ns;
}

static double percentile_us(const histogram *h, double percent) {
    uint64_t want = (uint64_t)((double)h->count * percent / 100.0), seen = 0;
    for (size_t i = 0; i < BUCKETS; i++) {
        seen += h->buckets[i];
        if (seen > want) return (double)(bucket_top(i) < h->max_ns ? bucket_top(i) : h->max_ns) / 1000.0;
    }
    return (double)h->max_ns / 1000.0;
}

/* ---- what to do ---- */

typedef struct options {
    struct sockaddr_storage address;
    socklen_t address_len;
    const char *address_text, *path, *method, *expect;
    char headers[HEADERS_MAX_BYTES];
    size_t headers_len;
    char *body;
    size_t body_len;
    unsigned connections, warmup_ms;
    double duration_s;
    uint64_t requests; /* 0: by duration */
} options;

typedef enum reading { READ_HEAD, READ_LENGTH, READ_CHUNK_SIZE, READ_CHUNK, READ_TRAILER } reading;

typedef struct client {
    int fd;
    char *request;
    size_t request_len, sent;
    uint64_t start_ns;
    reading reading;
    bool waiting; /* a request is under way */
    bool last;    /* the server said Connection: close */
    char head[HEAD_MAX_BYTES];
    size_t head_len;
    uint64_t left; /* of the body or the chunk, its line end included */
    int status;
} client;

typedef struct run {
    options o;
    client *clients;
    int epoll;
    char *bytes;
    histogram latency;
    uint64_t started, finished, non_2xx, wrong, broken, received_bytes;
    bool measuring, over;
} run;

static uint64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void die(const char *what, const char *why) {
    fprintf(stderr, "loadgen: %s%s%s\n", what, *why ? ": " : "", why);
    exit(2);
}

static void *need(void *memory) {
    if (!memory) die("no memory", "");
    return memory;
}

/* ---- one connection ---- */

static bool client_connect(run *r, client *c) {
    c->fd = socket(r->o.address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->fd < 0) die("socket", strerror(errno));
    if (connect(c->fd, (struct sockaddr *)&r->o.address, r->o.address_len) != 0) {
        close(c->fd);
        c->fd = -1;
        return false;
    }
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    fcntl(c->fd, F_SETFL, O_NONBLOCK);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
    epoll_ctl(r->epoll, EPOLL_CTL_ADD, c->fd, &event);
    c->waiting = c->last = false;
    return true;
}

static bool more_wanted(const run *r) {
    return !r->over && (!r->o.requests || r->started < r->o.requests);
}

static void client_lost(run *r, client *c);

static void client_send(run *r, client *c) {
    while (c->sent < c->request_len) {
        ssize_t n = send(c->fd, c->request + c->sent, c->request_len - c->sent, MSG_NOSIGNAL);
        if (n < 0 && errno == EAGAIN) {
            struct epoll_event event = {.events = EPOLLIN | EPOLLOUT, .data.ptr = c};
            epoll_ctl(r->epoll, EPOLL_CTL_MOD, c->fd, &event);
            return;
        }
        if (n < 0) {
            client_lost(r, c);
            return;
        }
        c->sent += (size_t)n;
    }
}

static void client_start(run *r, client *c) {
    if (!more_wanted(r)) return;
    r->started++;
    c->sent = 0;
    c->head_len = 0;
    c->reading = READ_HEAD;
    c->waiting = true;
    c->start_ns = now_ns();
    client_send(r, c);
}

static void client_lost(run *r, client *c) {
    close(c->fd);
    c->fd = -1;
    r->broken++;
    if (r->broken > RECONNECTS_MAX) r->over = true;
    if (more_wanted(r) && client_connect(r, c)) client_start(r, c);
}

static void client_done(run *r, client *c) {
    if (r->measuring) {
        histogram_add(&r->latency, now_ns() - c->start_ns);
        if (c->status < 200 || c->status > 299) r->non_2xx++;
    }
    r->finished++;
    c->waiting = false;
    if (c->last) {
        close(c->fd);
        c->fd = -1;
        if (!more_wanted(r) || !client_connect(r, c)) return;
    }
    client_start(r, c);
}

/* The value of a header in a NUL-terminated head, or NULL. */
static const char *header(const char *head, const char *name) {
    size_t n = strlen(name);
    for (const char *line = strstr(head, "\r\n"); line && line[2]; line = strstr(line + 2, "\r\n")) {
        if (strncasecmp(line + 2, name, n) != 0 || line[2 + n] != ':') continue;
        line += 3 + n;
        return line + strspn(line, " \t");
    }
    return NULL;
}

/* Takes head bytes; returns how many belonged to it, or -1 if this is no HTTP. */
static ssize_t read_head(client *c, const char *bytes, size_t n) {
    size_t before = c->head_len, room = HEAD_MAX_BYTES - 1 - before;
    size_t take = n < room ? n : room;
    memcpy(c->head + before, bytes, take);
    c->head_len += take;
    const char *end = memmem(c->head, c->head_len, "\r\n\r\n", 4);
    if (!end) return c->head_len == HEAD_MAX_BYTES - 1 ? -1 : (ssize_t)take;
    size_t head_bytes = (size_t)(end - c->head) + 4;
    c->head[head_bytes] = '\0';
    if (strncmp(c->head, "HTTP/1.", 7) != 0 || c->head_len < 12) return -1;
    c->status = (int)strtol(c->head + 9, NULL, 10);
    const char *connection = header(c->head, "Connection"), *length = header(c->head, "Content-Length");
    const char *coding = header(c->head, "Transfer-Encoding");
    c->last = connection && strncasecmp(connection, "close", 5) == 0;
    c->left = length ? strtoull(length, NULL, 10) : 0;
    c->reading = coding && strncasecmp(coding, "chunked", 7) == 0 ? READ_CHUNK_SIZE : READ_LENGTH;
    c->head_len = 0; /* from here on it holds chunk size lines */
    return (ssize_t)(head_bytes - before);
}

/* Takes the bytes of one line; true when it is complete (then head[0..head_len) is the line without its end). */
static bool read_line(client *c, const char **bytes, size_t *n) {
    while (*n > 0 && c->head_len < HEAD_MAX_BYTES - 1) {
        char byte = *(*bytes)++;
        (*n)--;
        if (byte == '\n') {
            c->head[c->head_len] = '\0';
            return true;
        }
        if (byte != '\r') c->head[c->head_len++] = byte;
    }
    return false;
}

/* false: not HTTP. *ret_done: the answer is complete. */
static bool client_feed(client *c, const char *bytes, size_t n, bool *ret_done) {
    *ret_done = false;
    while (n > 0 || (c->reading == READ_LENGTH && c->left == 0)) {
        if (c->reading == READ_HEAD) {
            ssize_t used = read_head(c, bytes, n);
            if (used < 0) return false;
            bytes += used;
            n -= (size_t)used;
        } else if (c->reading == READ_LENGTH || c->reading == READ_CHUNK) {
            size_t take = n < c->left ? n : (size_t)c->left;
            c->left -= take;
            bytes += take;
            n -= take;
            if (c->left) continue;
            if (c->reading == READ_LENGTH) {
                *ret_done = true;
                return n == 0; /* bytes that nobody asked for */
            }
            c->reading = READ_CHUNK_SIZE;
        } else if (read_line(c, &bytes, &n)) {
            bool empty = c->head_len == 0;
            c->head_len = 0;
            if (c->reading == READ_TRAILER) {
                if (!empty) continue;
                *ret_done = true;
                return n == 0;
            }
            c->left = strtoull(c->head, NULL, 16);
            c->reading = c->left ? READ_CHUNK : READ_TRAILER;
            c->left += 2;
        } else if (n > 0) {
            return false; /* an endless line */
        }
    }
    return true;
}

static void client_readable(run *r, client *c) {
    ssize_t got = recv(c->fd, r->bytes, READ_BYTES, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got > 0 && r->measuring) r->received_bytes += (uint64_t)got;
    bool done = false, whole = got > 0 && c->reading == READ_HEAD && c->head_len == 0;
    if (got <= 0 || !c->waiting || !client_feed(c, r->bytes, (size_t)got, &done)) client_lost(r, c);
    else if (done) {
        if (whole && r->o.expect && !memmem(r->bytes, (size_t)got, r->o.expect, strlen(r->o.expect))) r->wrong++;
        client_done(r, c);
    }
}

static void client_writable(run *r, client *c) {
    client_send(r, c);
    if (c->fd < 0 || c->sent < c->request_len) return;
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
    epoll_ctl(r->epoll, EPOLL_CTL_MOD, c->fd, &event);
}

/* ---- the whole run ---- */

static char *make_request(const options *o, unsigned number, size_t *ret_len) {
    char path[4096];
    size_t n = 0;
    for (const char *p = o->path; *p && n < sizeof path - 16; p++) {
        if (p[0] == '%' && p[1] == 'c') {
            n += (size_t)snprintf(path + n, sizeof path - n, "%u", number);
            p++;
        } else {
            path[n++] = *p;
        }
    }
    path[n] = '\0';
    size_t cap = sizeof path + HEADERS_MAX_BYTES + 512 + o->body_len;
    char *request = need(malloc(cap));
    int len = snprintf(request, cap, "%s %s HTTP/1.1\r\nHost: %s\r\n%.*s", o->method, path, o->address_text,
                       (int)o->headers_len, o->headers);
    size_t at = (size_t)len;
    if (o->body) at += (size_t)snprintf(request + at, cap - at, "Content-Length: %zu\r\n", o->body_len);
    at += (size_t)snprintf(request + at, cap - at, "\r\n");
    if (o->body_len) memcpy(request + at, o->body, o->body_len);
    *ret_len = at + o->body_len;
    return request;
}

static double run_all(run *r) {
    uint64_t begin = now_ns(), measured_from = begin + r->o.warmup_ms * UINT64_C(1000000);
    uint64_t end = r->o.requests ? UINT64_MAX : measured_from + (uint64_t)(r->o.duration_s * 1e9);
    if (r->o.requests) measured_from = begin;
    for (unsigned i = 0; i < r->o.connections; i++) client_start(r, &r->clients[i]);
    struct epoll_event events[EVENTS];
    uint64_t now = begin;
    while (!r->over) {
        int n = epoll_wait(r->epoll, events, EVENTS, 100);
        now = now_ns();
        if (!r->measuring && now >= measured_from) {
            r->measuring = true;
            measured_from = now;
        }
        if (now >= end) break;
        for (int i = 0; i < n; i++) {
            client *c = events[i].data.ptr;
            if (events[i].events & EPOLLOUT) client_writable(r, c);
            if (c->fd >= 0 && events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) client_readable(r, c);
        }
        if (r->o.requests && r->finished + r->broken >= r->o.requests) r->over = true;
    }
    return (double)(now_ns() - measured_from) / 1e9;
}

static void report(const run *r, double seconds) {
    const histogram *h = &r->latency;
    double mean_us = h->count ? (double)h->sum_ns / (double)h->count / 1000.0 : 0;
    printf("{\"connections\": %u, \"seconds\": %.3f, \"requests\": %llu, \"all_requests\": %llu, "
           "\"requests_per_s\": %.0f, \"non_2xx\": %llu, \"wrong\": %llu, \"broken\": %llu, \"received_bytes\": %llu, "
           "\"latency_us\": {\"mean\": %.1f, \"p50\": %.1f, \"p99\": %.1f, \"p999\": %.1f, \"max\": %.1f}}\n",
           r->o.connections, seconds, (unsigned long long)h->count, (unsigned long long)r->finished,
           seconds > 0 ? (double)h->count / seconds : 0, (unsigned long long)r->non_2xx, (unsigned long long)r->wrong,
           (unsigned long long)r->broken, (unsigned long long)r->received_bytes, mean_us, percentile_us(h, 50),
           percentile_us(h, 99), percentile_us(h, 99.9), (double)h->max_ns / 1000.0);
}

/* ---- the command line ---- */

static void read_address(options *o, const char *text) {
    const char *colon = strrchr(text, ':');
    char ip[64];
    if (!colon || (size_t)(colon - text) >= sizeof ip) die("--address needs ip:port", text);
    memcpy(ip, text, (size_t)(colon - text));
    ip[colon - text] = '\0';
    unsigned long port = strtoul(colon + 1, NULL, 10);
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
    if (inet_pton(AF_INET, ip, &v4.sin_addr) == 1 && ntohl(v4.sin_addr.s_addr) >> 24 == 127) {
        memcpy(&o->address, &v4, sizeof v4);
        o->address_len = sizeof v4;
    } else if (strcmp(ip, "[::1]") == 0) {
        v6.sin6_addr = in6addr_loopback;
        memcpy(&o->address, &v6, sizeof v6);
        o->address_len = sizeof v6;
    } else {
        die("only loopback addresses (127.x.x.x, [::1]) are measured", text);
    }
    o->address_text = text;
}

static void read_body_file(options *o, const char *path) {
    FILE *file = fopen(path, "rb");
    if (!file) die(path, strerror(errno));
    size_t cap = 0;
    for (size_t got = 1; got > 0; o->body_len += got) {
        if (cap - o->body_len < READ_BYTES) o->body = need(realloc(o->body, cap += READ_BYTES));
        got = fread(o->body + o->body_len, 1, cap - o->body_len, file);
    }
    fclose(file);
}

static void read_option(options *o, const char *name, const char *value) {
    if (strcmp(name, "--address") == 0) read_address(o, value);
    else if (strcmp(name, "--connections") == 0) o->connections = (unsigned)strtoul(value, NULL, 10);
    else if (strcmp(name, "--duration-s") == 0) o->duration_s = strtod(value, NULL);
    else if (strcmp(name, "--requests") == 0) o->requests = strtoull(value, NULL, 10);
    else if (strcmp(name, "--warmup-ms") == 0) o->warmup_ms = (unsigned)strtoul(value, NULL, 10);
    else if (strcmp(name, "--path") == 0) o->path = value;
    else if (strcmp(name, "--method") == 0) o->method = value;
    else if (strcmp(name, "--expect") == 0) o->expect = value;
    else if (strcmp(name, "--body-file") == 0) read_body_file(o, value);
    else if (strcmp(name, "--body") == 0) {
        o->body = need(strdup(value));
        o->body_len = strlen(value);
    } else if (strcmp(name, "--header") == 0) {
        size_t room = sizeof o->headers - o->headers_len;
        int n = snprintf(o->headers + o->headers_len, room, "%s\r\n", value);
        if (n < 0 || (size_t)n >= room) die("too many headers", "");
        o->headers_len += (size_t)n;
    } else {
        die("unknown option (see the head of loadgen.c)", name);
    }
}

int main(int argc, char **argv) {
    static run r;
    r.o = (options){.connections = 64, .duration_s = 5, .warmup_ms = 500, .path = "/"};
    for (int i = 1; i < argc; i += 2) {
        if (i + 1 == argc) die("option without a value", argv[i]);
        read_option(&r.o, argv[i], argv[i + 1]);
    }
    if (!r.o.address_text) die("--address ip:port is needed", "");
    if (!r.o.connections || r.o.connections > CONNECTIONS_MAX) die("--connections must be 1 to 20000", "");
    if (!r.o.method) r.o.method = r.o.body ? "POST" : "GET";
    r.epoll = epoll_create1(EPOLL_CLOEXEC);
    r.bytes = need(malloc(READ_BYTES));
    r.clients = need(calloc(r.o.connections, sizeof *r.clients));
    for (unsigned i = 0; i < r.o.connections; i++) {
        r.clients[i].request = make_request(&r.o, i, &r.clients[i].request_len);
        if (!client_connect(&r, &r.clients[i])) die(r.o.address_text, strerror(errno));
    }
    double seconds = run_all(&r);
    report(&r, seconds);
    for (unsigned i = 0; i < r.o.connections; i++) {
        if (r.clients[i].fd >= 0) close(r.clients[i].fd);
        free(r.clients[i].request);
    }
    free(r.clients);
    free(r.bytes);
    free(r.o.body);
    close(r.epoll);
    return r.broken || r.non_2xx || r.wrong ? 1 : 0;
}

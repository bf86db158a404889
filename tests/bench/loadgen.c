/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP/1.1 load generator: N keep-alive connections on one thread over epoll, closed or open loop.
 *
 *   loadgen --address 127.0.0.1:8080 [--connections 64] [--duration-s 5 | --requests N] [--warmup-ms 500] [--rate N]
 *           [--path /t%c/v2/pipeline] [--method POST] [--header "Name: value"]... [--number next|uniform|zipf:N]
 *           [--body TEXT | --body-file FILE] [--then-file FILE]... [--expect TEXT] [--hold-s N]
 *           [--ws SUBPROTOCOL [--first-file FILE]... [--pipeline N]]
 *
 * Places in path and bodies: %c becomes the connection's number (0...N-1), so that connections can talk to different
 * tenants; %n seven digits drawn for each request, in order, evenly, or by Zipf's law; %b the baton of the answer
 * before.
 * --then-file adds a request to every round, so a round may be a whole transaction; its latency is that of all of it.
 *
 * Without --rate each connection starts its next round when the last ends. Such a loop slows down with its server, so
 * its tail looks better than the tail of an open system would. With --rate rounds fall due at even intervals, whatever
 * the server does; those that find no free connection wait, and latency counts from when they were due. Answers 429 and
 * 503 are then counted apart, as shed. What is under way at the end may still be answered for 2 s; after that it is
 * counted as unanswered.
 *
 * An answer is read just far enough to know where it ends. With --expect, answers that come in one piece must hold the
 * text (a refused statement is a 200 too), else they count as wrong. Prints one JSON object. --hold-s keeps the
 * connections open without work after that, to see what they cost. Of each kind of error the first one is told on
 * standard error.
 *
 * With --ws each connection is a WebSocket: the messages of --first-file are asked once, then the body is sent as one
 * message again and again, N of them under way. With --then-file a round is several messages, sent at once. They are
 * not changed from one round to the next, and there is no --rate and no --number for them.
 *
 * It refuses addresses that are not loopback: it is a tool for measuring, not for flooding. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "answer.h"
#include "base/latency.h"
#include "request.h"
#include "ws.h"

enum {
    CONNECTIONS_MAX = 20000,
    HEADERS_MAX_BYTES = 8192,
    STEPS_MAX = 8,
    PIPELINE_MAX = 64,
    READ_BYTES = 256 * 1024,
    EVENTS = 256,
    LAST_LOOK_MS = 10,      /* what falls due so late may not have been looked at when the time is over */
    LAST_ANSWERS_MS = 2000, /* with --rate: how long answers are waited for at the end */
    TOLD_MAX_BYTES = 600,   /* of the first error of a kind */
    RECONNECTS_MAX = 1000   /* after so many lost connections the server is taken for dead */
};

typedef struct options {
    struct sockaddr_storage address;
    socklen_t address_len;
    const char *address_text, *path, *method, *expect;
    char headers[HEADERS_MAX_BYTES];
    size_t headers_len;
    char *bodies[STEPS_MAX];
    unsigned steps, connections, warmup_ms, hold_s;
    double duration_s, rate;
    uint64_t requests; /* 0: by duration */
    bool numbered;
    numbers numbers;
    const char *ws; /* subprotocol */
    char *firsts[STEPS_MAX];
    size_t first_bytes[STEPS_MAX];
    unsigned first_count, pipeline;
    char *frames; /* `pipeline` times the message */
    size_t frame_bytes;
} options;

typedef struct client {
    int fd;
    request steps[STEPS_MAX];
    unsigned step;
    size_t sent;
    uint64_t start_ns;
    bool waiting; /* a request is under way */
    answer answer;
    struct client *next_free;
    /* a WebSocket */
    ws_answers answers;
    size_t to_send;
    unsigned under_way, first_start, answered;
    uint64_t starts_ns[PIPELINE_MAX]; /* a ring: answers come in the order of their requests */
} client;

typedef struct run {
    options o;
    client *clients, *free;
    int epoll;
    char *bytes;
    trib_latency latency, shed_latency;
    uint64_t started, finished, non_2xx, shed, wrong, broken, unanswered, received_bytes;
    uint64_t first_due_ns, due; /* open loop */
    double never_started;
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

/* Counts an error; the first of its kind is told. */
static void count_error(uint64_t *counter, const char *what, const char *bytes, size_t len) {
    if ((*counter)++ == 0)
        fprintf(stderr, "the first %s: %.*s\n", what, (int)(len < TOLD_MAX_BYTES ? len : TOLD_MAX_BYTES), bytes);
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
    if (r->o.ws &&
        !ws_open(c->fd, r->o.address_text, r->o.path, r->o.ws, r->o.firsts, r->o.first_bytes, r->o.first_count))
        die("the WebSocket was refused", r->o.ws);
    c->answers = (ws_answers){0};
    c->under_way = c->answered = 0;
    c->sent = c->to_send = 0;
    fcntl(c->fd, F_SETFL, O_NONBLOCK);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
    epoll_ctl(r->epoll, EPOLL_CTL_ADD, c->fd, &event);
    c->waiting = c->answer.last = false;
    return true;
}

static bool more_wanted(const run *r) {
    return !r->over && (!r->o.requests || r->started < r->o.requests);
}

static void client_lost(run *r, client *c, const char *why);

/* false: no more for now, or lost. */
static bool send_part(run *r, client *c, const char *bytes, size_t len) {
    ssize_t n = send(c->fd, bytes, len, MSG_NOSIGNAL);
    if (n < 0 && errno == EAGAIN) {
        struct epoll_event event = {.events = EPOLLIN | EPOLLOUT, .data.ptr = c};
        epoll_ctl(r->epoll, EPOLL_CTL_MOD, c->fd, &event);
        return false;
    }
    if (n < 0) {
        client_lost(r, c, strerror(errno));
        return false;
    }
    c->sent += (size_t)n;
    return true;
}

static void client_send(run *r, client *c) {
    const request *step = &c->steps[c->step];
    while (c->sent < step->len && send_part(r, c, step->bytes + c->sent, step->len - c->sent)) continue;
}

static void client_step(run *r, client *c) {
    c->sent = 0;
    c->waiting = true;
    answer_begin(&c->answer);
    client_send(r, c);
}

static void client_start(run *r, client *c, uint64_t start_ns) {
    r->started++;
    if (r->o.numbered) {
        uint32_t number = numbers_draw(&r->o.numbers);
        for (unsigned i = 0; i < r->o.steps; i++) request_set_number(&c->steps[i], number);
    }
    c->step = 0;
    c->start_ns = start_ns;
    client_step(r, c);
}

/* ---- WebSockets ---- */

static void ws_client_send(run *r, client *c) {
    while (c->sent < c->to_send) {
        size_t at = c->sent % r->o.frame_bytes, room = r->o.pipeline * r->o.frame_bytes - at;
        size_t left = c->to_send - c->sent;
        if (!send_part(r, c, r->o.frames + at, left < room ? left : room)) return;
    }
    c->sent = c->to_send = 0;
}

/* As many as are missing. */
static void ws_client_start(run *r, client *c) {
    uint64_t now = now_ns();
    while (c->under_way < r->o.pipeline && more_wanted(r)) {
        c->starts_ns[(c->first_start + c->under_way++) % PIPELINE_MAX] = now;
        c->to_send += r->o.frame_bytes;
        r->started++;
    }
    ws_client_send(r, c);
}

static void ws_client_readable(run *r, client *c) {
    ssize_t got = recv(c->fd, r->bytes, READ_BYTES, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    bool whole = c->answers.head_len == 0;
    int ended = got > 0 ? ws_feed(&c->answers, r->bytes, (size_t)got) : -1;
    if (ended < 0 || (unsigned)ended > c->under_way * r->o.steps) {
        client_lost(r, c, got < 0 ? strerror(errno) : got == 0 ? "closed by the server" : "these are no answers");
        return;
    }
    if (r->measuring) r->received_bytes += (uint64_t)got;
    if (whole && ended == (int)r->o.steps && r->o.expect &&
        !memmem(r->bytes, (size_t)got, r->o.expect, strlen(r->o.expect)))
        count_error(&r->wrong, "answer without what was expected", r->bytes, (size_t)got);
    c->answered += (unsigned)ended;
    for (uint64_t now = now_ns(); c->answered >= r->o.steps; c->answered -= r->o.steps) {
        if (r->measuring) trib_latency_add(&r->latency, now - c->starts_ns[c->first_start]);
        c->first_start = (c->first_start + 1) % PIPELINE_MAX;
        c->under_way--;
        r->finished++;
    }
    ws_client_start(r, c);
}

/* A connection without work: the closed loop gives it the next at once, the open one keeps it for what falls due. */
static void client_ready(run *r, client *c) {
    if (r->o.rate > 0) {
        c->next_free = r->free;
        r->free = c;
    } else if (r->o.ws) {
        ws_client_start(r, c);
    } else if (more_wanted(r)) {
        client_start(r, c, now_ns());
    }
}

static void client_lost(run *r, client *c, const char *why) {
    close(c->fd);
    c->fd = -1;
    count_error(&r->broken,
                c->waiting || c->under_way ? "connection that broke while it waited for an answer"
                                           : "connection that broke while nothing was asked",
                why, strlen(why));
    if (r->broken > RECONNECTS_MAX) r->over = true;
    if (more_wanted(r) && client_connect(r, c)) client_ready(r, c);
}

static void client_done(run *r, client *c, size_t got) {
    int status = c->answer.status;
    bool shed = r->o.rate > 0 && (status == 429 || status == 503), good = status >= 200 && status <= 299;
    c->waiting = false;
    if (good && ++c->step < r->o.steps && !c->answer.last) {
        if (request_set_baton(&c->steps[c->step], r->bytes, got)) {
            client_step(r, c);
            return;
        }
        count_error(&r->wrong, "answer without a baton", r->bytes, got);
    }
    if (r->measuring) {
        trib_latency_add(shed ? &r->shed_latency : &r->latency, now_ns() - c->start_ns);
        if (shed) count_error(&r->shed, "answer that sheds load", r->bytes, got);
        else if (!good) count_error(&r->non_2xx, "answer that is no 2xx", r->bytes, got);
    }
    r->finished++;
    if (c->answer.last) {
        close(c->fd);
        c->fd = -1;
        if (!more_wanted(r) || !client_connect(r, c)) return;
    }
    client_ready(r, c);
}

static void client_readable(run *r, client *c) {
    if (r->o.ws) {
        ws_client_readable(r, c);
        return;
    }
    ssize_t got = recv(c->fd, r->bytes, READ_BYTES, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got > 0 && r->measuring) r->received_bytes += (uint64_t)got;
    bool done = false, whole = got > 0 && c->answer.state == ANSWER_HEAD && c->answer.head_len == 0;
    if (got <= 0 || !c->waiting || !answer_feed(&c->answer, r->bytes, (size_t)got, &done)) {
        client_lost(r, c, got < 0 ? strerror(errno) : got == 0 ? "closed by the server" : "this is no answer");
        return;
    }
    if (!done) return;
    bool last = c->step + 1 == r->o.steps && c->answer.status < 300;
    if (whole && last && r->o.expect && !memmem(r->bytes, (size_t)got, r->o.expect, strlen(r->o.expect)))
        count_error(&r->wrong, "answer without what was expected", r->bytes, (size_t)got);
    client_done(r, c, (size_t)got);
}

static void client_writable(run *r, client *c) {
    if (r->o.ws) ws_client_send(r, c);
    else client_send(r, c);
    if (c->fd < 0 || c->sent < (r->o.ws ? c->to_send : c->steps[c->step].len)) return;
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
    epoll_ctl(r->epoll, EPOLL_CTL_MOD, c->fd, &event);
}

/* ---- the whole run ---- */

/* Starts what is due and finds a connection; returns how long there is to wait for the next. */
static int64_t start_due(run *r) {
    double interval_ns = 1e9 / r->o.rate;
    for (;;) {
        uint64_t due_ns = r->first_due_ns + (uint64_t)((double)r->due * interval_ns), now = now_ns();
        if (due_ns > now) return (int64_t)(due_ns - now);
        client *c = r->free;
        if (!c || !more_wanted(r)) return 100000000;
        r->free = c->next_free;
        r->due++;
        client_start(r, c, due_ns);
    }
}

static void serve_events(run *r, int64_t wait_ns) {
    struct epoll_event events[EVENTS];
    struct timespec wait = {.tv_sec = wait_ns / 1000000000, .tv_nsec = wait_ns % 1000000000};
    int n = epoll_pwait2(r->epoll, events, EVENTS, &wait, NULL);
    for (int i = 0; i < n; i++) {
        client *c = events[i].data.ptr;
        if (c->fd >= 0 && events[i].events & EPOLLOUT) client_writable(r, c);
        if (c->fd >= 0 && events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) client_readable(r, c);
    }
}

static uint64_t count_waiting(const run *r) {
    uint64_t count = 0;
    for (unsigned i = 0; i < r->o.connections; i++) count += r->clients[i].fd >= 0 && r->clients[i].waiting;
    return count;
}

/* With --rate: what is under way is answered, or never will be. A request that hangs has no latency to be seen by. */
static void take_last_answers(run *r, uint64_t end_ns) {
    uint64_t until = end_ns + LAST_ANSWERS_MS * UINT64_C(1000000), first_ns = UINT64_MAX;
    r->over = true;
    while (count_waiting(r) && now_ns() < until) serve_events(r, 10000000);
    for (unsigned i = 0; i < r->o.connections; i++) {
        const client *c = &r->clients[i];
        if (c->fd < 0 || !c->waiting) continue;
        r->unanswered++;
        if (c->start_ns < first_ns) first_ns = c->start_ns;
    }
    if (r->unanswered)
        fprintf(stderr, "the first request without an answer: it has waited for %.0f ms\n",
                (double)(now_ns() - first_ns) / 1e6);
}

static double run_all(run *r) {
    uint64_t begin = now_ns(), measured_from = begin + r->o.warmup_ms * UINT64_C(1000000);
    uint64_t end = r->o.requests ? UINT64_MAX : measured_from + (uint64_t)(r->o.duration_s * 1e9);
    if (r->o.requests) measured_from = begin;
    r->first_due_ns = begin;
    for (unsigned i = 0; i < r->o.connections; i++) client_ready(r, &r->clients[i]);
    while (!r->over) {
        uint64_t now = now_ns();
        if (!r->measuring && now >= measured_from) {
            r->measuring = true;
            measured_from = now;
        }
        if (now >= end) break;
        serve_events(r, r->o.rate > 0 ? start_due(r) : 100000000);
        if (r->o.requests && r->finished + r->broken >= r->o.requests) r->over = true;
    }
    uint64_t ended = now_ns();
    if (r->o.rate > 0 && !r->o.requests) {
        double s = (double)(ended - r->first_due_ns) / 1e9 - LAST_LOOK_MS / 1e3;
        double behind = s * r->o.rate - (double)r->due;
        r->never_started = behind > 0 ? behind : 0;
        take_last_answers(r, ended);
    }
    return (double)(ended - measured_from) / 1e9;
}

static void report_latency(const char *name, const trib_latency *h) {
    printf(", \"%s\": {\"mean\": %.1f, \"p50\": %.1f, \"p99\": %.1f, \"p999\": %.1f, \"max\": %.1f}", name,
           trib_latency_mean_us(h), trib_latency_us(h, 50), trib_latency_us(h, 99), trib_latency_us(h, 99.9),
           (double)h->max_ns / 1000.0);
}

static void report(const run *r, double seconds) {
    printf("{\"connections\": %u, \"seconds\": %.3f, \"requests\": %llu, \"all_requests\": %llu, "
           "\"requests_per_s\": %.0f, \"non_2xx\": %llu, \"wrong\": %llu, \"broken\": %llu, \"received_bytes\": %llu",
           r->o.connections, seconds, (unsigned long long)r->latency.count, (unsigned long long)r->finished,
           seconds > 0 ? (double)r->latency.count / seconds : 0, (unsigned long long)r->non_2xx,
           (unsigned long long)r->wrong, (unsigned long long)r->broken, (unsigned long long)r->received_bytes);
    report_latency("latency_us", &r->latency);
    if (r->o.rate > 0) {
        printf(", \"rate\": %.0f, \"shed\": %llu, \"unanswered\": %llu, \"never_started\": %.0f", r->o.rate,
               (unsigned long long)r->shed, (unsigned long long)r->unanswered, r->never_started);
        report_latency("shed_latency_us", &r->shed_latency);
    }
    printf("}\n");
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

static char *read_file(const char *path) {
    FILE *file = fopen(path, "rb");
    if (!file) die(path, strerror(errno));
    char *text = NULL;
    size_t cap = 0, len = 0;
    for (size_t got = 1; got > 0; len += got) {
        if (cap - len < READ_BYTES) text = need(realloc(text, (cap += READ_BYTES) + 1));
        got = fread(text + len, 1, cap - len, file);
    }
    fclose(file);
    text[len] = '\0';
    return text;
}

static void add_step(options *o, char *body) {
    if (o->steps == STEPS_MAX) die("too many steps", "");
    o->bodies[o->steps++] = body;
}

static void add_header(options *o, const char *line) {
    size_t room = sizeof o->headers - o->headers_len;
    int n = snprintf(o->headers + o->headers_len, room, "%s\r\n", line);
    if (n < 0 || (size_t)n >= room) die("too many headers", "");
    o->headers_len += (size_t)n;
}

static bool is_text(const options *o) {
    return strcmp(o->ws, "hrana3-protobuf") != 0;
}

static void add_first(options *o, char *message) {
    if (o->first_count == STEPS_MAX) die("too many messages before the load", "");
    if (!o->ws) die("--ws comes before --first-file", "");
    o->firsts[o->first_count] = ws_frames(&message, 1, is_text(o), 1, &o->first_bytes[o->first_count]);
    o->first_count++;
    free(message);
}

static void read_option(options *o, const char *name, const char *value) {
    if (strcmp(name, "--address") == 0) read_address(o, value);
    else if (strcmp(name, "--connections") == 0) o->connections = (unsigned)strtoul(value, NULL, 10);
    else if (strcmp(name, "--duration-s") == 0) o->duration_s = strtod(value, NULL);
    else if (strcmp(name, "--rate") == 0) o->rate = strtod(value, NULL);
    else if (strcmp(name, "--requests") == 0) o->requests = strtoull(value, NULL, 10);
    else if (strcmp(name, "--warmup-ms") == 0) o->warmup_ms = (unsigned)strtoul(value, NULL, 10);
    else if (strcmp(name, "--hold-s") == 0) o->hold_s = (unsigned)strtoul(value, NULL, 10);
    else if (strcmp(name, "--path") == 0) o->path = value;
    else if (strcmp(name, "--method") == 0) o->method = value;
    else if (strcmp(name, "--expect") == 0) o->expect = value;
    else if (strcmp(name, "--body") == 0) add_step(o, need(strdup(value)));
    else if (strcmp(name, "--body-file") == 0 || strcmp(name, "--then-file") == 0) add_step(o, read_file(value));
    else if (strcmp(name, "--header") == 0) add_header(o, value);
    else if (strcmp(name, "--ws") == 0) o->ws = value;
    else if (strcmp(name, "--first-file") == 0) add_first(o, read_file(value));
    else if (strcmp(name, "--pipeline") == 0) o->pipeline = (unsigned)strtoul(value, NULL, 10);
    else if (strcmp(name, "--number") == 0) {
        o->numbered = numbers_init(&o->numbers, value);
        if (!o->numbered) die("--number needs next:N, uniform:N or zipf:N, N at most 9999999", value);
    } else {
        die("unknown option (see the head of loadgen.c)", name);
    }
}

static void make_client(run *r, unsigned number) {
    client *c = &r->clients[number];
    for (unsigned i = 0; i < r->o.steps; i++)
        request_init(&c->steps[i], r->o.method, r->o.path, r->o.address_text, r->o.headers, r->o.bodies[i], number);
    if (!client_connect(r, c)) die(r->o.address_text, strerror(errno));
}

/* What a load of WebSockets needs, and what cannot go with it. */
static void check_ws(options *o) {
    if (!o->ws) {
        if (o->pipeline != 1) die("--pipeline needs --ws", "");
        return;
    }
    if (o->rate > 0 || o->numbered) die("--ws takes no --rate and no --number", "");
    if (!o->pipeline || o->pipeline > PIPELINE_MAX) die("--pipeline must be 1 to 64", "");
    if (o->steps) o->frames = ws_frames(o->bodies, o->steps, is_text(o), o->pipeline, &o->frame_bytes);
}

static void free_client(run *r, client *c) {
    if (c->fd >= 0) close(c->fd);
    for (unsigned i = 0; i < r->o.steps; i++) request_deinit(&c->steps[i]);
}

int main(int argc, char **argv) {
    static run r;
    r.o = (options){.connections = 64, .duration_s = 5, .warmup_ms = 500, .path = "/", .pipeline = 1};
    for (int i = 1; i < argc; i += 2) {
        if (i + 1 == argc) die("option without a value", argv[i]);
        read_option(&r.o, argv[i], argv[i + 1]);
    }
    if (!r.o.address_text) die("--address ip:port is needed", "");
    if (!r.o.connections || r.o.connections > CONNECTIONS_MAX) die("--connections must be 1 to 20000", "");
    check_ws(&r.o);
    if (!r.o.method) r.o.method = r.o.steps ? "POST" : "GET";
    if (!r.o.steps) r.o.steps = 1; /* without a body */
    r.epoll = epoll_create1(EPOLL_CLOEXEC);
    r.bytes = need(malloc(READ_BYTES));
    r.clients = need(calloc(r.o.connections, sizeof *r.clients));
    for (unsigned i = 0; i < r.o.connections; i++) make_client(&r, i);
    bool only_held = r.o.ws && !r.o.frames;
    double seconds = only_held ? 0 : run_all(&r);
    report(&r, seconds);
    fflush(stdout);
    if (r.o.hold_s) sleep(r.o.hold_s);
    for (unsigned i = 0; i < r.o.connections; i++) free_client(&r, &r.clients[i]);
    for (unsigned i = 0; i < r.o.steps; i++) free(r.o.bodies[i]);
    for (unsigned i = 0; i < r.o.first_count; i++) free(r.o.firsts[i]);
    free(r.o.frames);
    numbers_deinit(&r.o.numbers);
    free(r.clients);
    free(r.bytes);
    close(r.epoll);
    return r.broken || r.non_2xx || r.wrong || r.unanswered ? 1 : 0;
}

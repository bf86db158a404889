/* SPDX-License-Identifier: Apache-2.0 */
/* What following a stream costs: the server's CPU time per event that it sends to a reader.
 *
 *   tails READERS SECONDS      $TRIB_BIN is the server; one is started here, in a folder of its own below $TMPDIR
 *
 * For each kind: a stream with 60 events/s and READERS readers, 10 of which do not read; the same events on a stream
 * that nobody follows are measured first and taken off. The CPU time is that of all threads of the server
 * (/proc/PID/task/N/schedstat). Prints the rows of a table, and fails if a reader has missed an event. */
#include <sys/epoll.h>
#include <sys/resource.h>

#include "bench/measure.h"
#include "integration/talk.h"
#include "integration/ws_client.h"

enum { EVENTS_PER_S = 60, SLOW = 10, READ_BYTES = 64 << 10, SPARE_FDS = 200, EVENTS_MAX = 36000 };

/* Every event's object begins so, in each form. */
static const char mark[] = "{\"id\":\"";

typedef struct reader {
    int fd;
    unsigned matched; /* of the mark */
    unsigned long events;
} reader;

typedef struct bench {
    server server;
    talk talk;
    reader *readers;
    unsigned count;
    int epoll;
    unsigned long delivered;
    double latency_ms, sent_ms[EVENTS_MAX];
} bench;

static void append(bench *b, const char *stream) {
    char path[100];
    snprintf(path, sizeof path, "/streams/api/streams/%s/events", stream);
    int status =
        talk_ask(&b->talk, "POST", path, NULL,
                 "{\"events\":[{\"opcode\":9,\"nodeId\":\"node-0001\",\"delta\":46,\"payload\":{\"customer\":\"ali\","
                 "\"restaurant\":\"bab-hara\",\"items\":[{\"id\":\"item-1\",\"qty\":2,\"price\":18}]}}]}");
    if (status != 201) die("an append failed");
}

/* ---- readers ---- */

static void open_reader(bench *b, reader *r, const char *stream, bool socket, bool slow) {
    char request[300];
    if (socket) {
        ws_client *c = calloc(1, sizeof *c);
        if (!c || !ws_ask(c, b->server.port, "/streams/api/streams/live", "Sec-WebSocket-Version: 13\r\n"))
            die("no WebSocket");
        snprintf(request, sizeof request, "{\"type\":\"subscribe\",\"streamId\":\"%s\"}", stream);
        if (!ws_say(c, request)) die("not subscribed");
        r->fd = c->fd;
        free(c);
    } else {
        r->fd = server_connect(b->server.port);
        snprintf(request, sizeof request, "GET /streams/api/streams/%s?live=sse HTTP/1.1\r\nHost: a\r\n\r\n", stream);
        if (r->fd < 0 || !server_say(r->fd, request)) die("not connected");
    }
    if (slow) return;
    fcntl(r->fd, F_SETFL, fcntl(r->fd, F_GETFL) | O_NONBLOCK);
    struct epoll_event on = {.events = EPOLLIN, .data.ptr = r};
    epoll_ctl(b->epoll, EPOLL_CTL_ADD, r->fd, &on);
}

static void take(bench *b, reader *r) {
    static char bytes[READ_BYTES];
    for (ssize_t n; (n = recv(r->fd, bytes, sizeof bytes, 0)) > 0;) {
        for (ssize_t i = 0; i < n; i++) {
            r->matched = bytes[i] == mark[r->matched] ? r->matched + 1 : bytes[i] == mark[0];
            if (r->matched < sizeof mark - 1) continue;
            r->matched = 0;
            b->latency_ms += measure_now_ms() - b->sent_ms[r->events++];
            b->delivered++;
        }
    }
}

/* Takes what comes until then. */
static void take_until(bench *b, double until_ms) {
    struct epoll_event ready[256];
    for (double left; (left = until_ms - measure_now_ms()) > 0;) {
        int n = epoll_wait(b->epoll, ready, 256, left < 1 ? 1 : (int)left);
        for (int i = 0; i < n; i++) take(b, ready[i].data.ptr);
    }
}

/* 60 events a second; the CPU time that they cost, all told. */
static double play(bench *b, const char *stream, unsigned seconds) {
    double cpu = measure_cpu_ms(b->server.pid), begin = measure_now_ms();
    for (unsigned i = 0; i < seconds * EVENTS_PER_S; i++) {
        b->sent_ms[i] = measure_now_ms();
        append(b, stream);
        take_until(b, begin + 1000.0 * (i + 1) / EVENTS_PER_S);
    }
    return measure_cpu_ms(b->server.pid) - cpu;
}

static void measure(bench *b, const char *name, bool socket, unsigned seconds) {
    char stream[64], alone[64];
    snprintf(stream, sizeof stream, "%s", name);
    snprintf(alone, sizeof alone, "%s-alone", name);
    double base = play(b, alone, seconds);
    b->epoll = epoll_create1(EPOLL_CLOEXEC);
    b->delivered = 0;
    b->latency_ms = 0;
    memset(b->readers, 0, b->count * sizeof *b->readers);
    for (unsigned i = 0; i < b->count; i++) open_reader(b, &b->readers[i], stream, socket, i < SLOW);
    take_until(b, measure_now_ms() + 1000);
    double cpu = play(b, stream, seconds);
    take_until(b, measure_now_ms() + 500);
    for (unsigned i = 0; i < b->count; i++) {
        if (i >= SLOW && b->readers[i].events != seconds * EVENTS_PER_S) die("a reader has missed an event");
        close(b->readers[i].fd);
    }
    close(b->epoll);
    unsigned long sent = (unsigned long)b->count * seconds * EVENTS_PER_S;
    printf("| %s | %u, %d of them slow | %lu | %.2f | %.1f |\n", name, b->count, SLOW, sent,
           (cpu - base) * 1000 / (double)sent, b->latency_ms / (double)b->delivered);
    fflush(stdout);
}

int main(int argc, char **argv) {
    static const char *const extra[] = {"--no-auth", "--log-level", "warn", NULL};
    static bench b;
    struct rlimit files;
    b.count = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 1000;
    unsigned seconds = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 5;
    if (seconds == 0 || seconds * EVENTS_PER_S > EVENTS_MAX) die("SECONDS: 1 to 600");
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    if (b.count <= SLOW || b.count + SPARE_FDS > files.rlim_cur) die("READERS: more than 10, and descriptors for all");
    b.readers = calloc(b.count, sizeof *b.readers);
    if (!b.readers) die("no memory");
    signal(SIGPIPE, SIG_IGN);
    b.server = server_start(extra);
    talk_init(&b.talk, b.server.port);
    printf("| readers by | readers | events sent | server CPU per sent event, us | from append to reader, ms |\n");
    printf("|---|---|---|---|---|\n");
    measure(&b, "sse", false, seconds);
    measure(&b, "websocket", true, seconds);
    talk_deinit(&b.talk);
    free(b.readers);
    return server_stop(&b.server) ? 0 : 1;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Readers of one stream never skip and never repeat, whatever happens to the server.
 *
 *   64 writers   append with `expected`: of those that expect a version, exactly one may get it
 *   readers      by server-sent events, long polls, WebSocket and pages, each with a place of its own, which it keeps
 *                when the server is killed and comes back
 *   main         kills the server (SIGKILL) some times, then lets the stream be closed: every reader must have come to
 *                its end and have seen the same event under each number
 *
 * TRIB_TEST_TAIL_CYCLES: how often it is killed; 0: never, one round. TRIB_TEST_TAIL_MUTATION=skip or =repeat: a reader
 * of this test that does so by itself, which must be noticed. */
#include <pthread.h>
#include <stdatomic.h>

#include "integration/talk.h"
#include "integration/ws_client.h"

enum {
    WRITERS = 64,
    READERS_OF_KIND = 3,
    KILLS_PER_ROUND = 5,
    EVENTS_MAX = 4000, /* of a round: then its writers rest */
    ID_BYTES = 24,
    ROUND_SECONDS = 120, /* for all readers to come to the end */
    LINE_BYTES = 4096
};

typedef enum kind { SSE, POLL, SOCKET, PAGES, KINDS } kind;
static const char *const kind_names[] = {"sse", "long-poll", "websocket", "pages"};

typedef struct reader {
    pthread_t thread;
    struct torture *all;
    kind kind;
    unsigned long seq;
    atomic_bool ended;
    unsigned long comebacks, taken;
    bool restless; /* hangs up every few events and comes back */
    int mutation;  /* 1: skips, 2: repeats */
} reader;

typedef struct writer {
    pthread_t thread;
    struct torture *all;
    int index;
    unsigned long won, lost, unknown;
} writer;

typedef struct torture {
    server server;
    atomic_int port;
    char stream[32];
    atomic_bool writing;
    atomic_ulong version, failures;
    pthread_mutex_t lock;
    char seen[EVENTS_MAX * 2][ID_BYTES];   /* by a reader, under its number */
    char winner[EVENTS_MAX * 2][ID_BYTES]; /* the writer's that was told 201 */
    reader readers[KINDS * READERS_OF_KIND];
    writer writers[WRITERS];
} torture;

__attribute__((format(printf, 2, 3))) static void fail(torture *all, const char *format, ...) {
    va_list args;
    va_start(args, format);
    fprintf(stderr, "FAILED: ");
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    atomic_fetch_add(&all->failures, 1);
}

/* The same event under a number, for whoever says so. */
static void note(torture *all, char table[][ID_BYTES], unsigned long seq, const char *id, const char *who) {
    if (seq == 0 || seq >= EVENTS_MAX * 2) {
        fail(all, "%s: event %s has the number %lu", who, id, seq);
        return;
    }
    pthread_mutex_lock(&all->lock);
    if (!table[seq][0]) snprintf(table[seq], ID_BYTES, "%s", id);
    bool same = strcmp(table[seq], id) == 0;
    pthread_mutex_unlock(&all->lock);
    if (!same) fail(all, "%s: number %lu is %s, and was %s", who, seq, id, table[seq]);
}

/* ---- writers ---- */

static void learn_version(torture *all, unsigned long version) {
    unsigned long known = atomic_load(&all->version);
    while (known < version && !atomic_compare_exchange_weak(&all->version, &known, version)) {}
}

static void *writer_main(void *arg) {
    writer *w = arg;
    torture *all = w->all;
    talk t;
    char path[80], body[160], id[ID_BYTES];
    talk_init(&t, 0);
    snprintf(path, sizeof path, "/streams/api/streams/%s/events", all->stream);
    for (unsigned n = 0; atomic_load(&all->writing); n++) {
        unsigned long expected = atomic_load(&all->version);
        if (expected >= EVENTS_MAX) break;
        t.port = atomic_load(&all->port);
        snprintf(id, sizeof id, "w%d-%u", w->index, n);
        snprintf(body, sizeof body, "{\"expected\":%lu,\"events\":[{\"id\":\"%s-%s\",\"opcode\":9}]}", expected,
                 all->stream, id);
        int status = talk_ask(&t, "POST", path, NULL, body);
        const char *at = t.body ? strstr(t.body, "at version ") : NULL;
        if (status == 201) {
            w->won++;
            note(all, all->winner, expected + 1, id, "a writer");
            learn_version(all, expected + 1);
        } else if (status == 409 && at) {
            w->lost++;
            learn_version(all, strtoul(at + 11, NULL, 10));
        } else if (status == 0 || status == 503 || status == 429) {
            w->unknown++;
            usleep(20000);
        } else {
            fail(all, "an append was answered %d: %s", status, t.body);
        }
        usleep(1000 * (unsigned)(1 + w->index % 8));
    }
    talk_deinit(&t);
    return NULL;
}

/* ---- readers ---- */

static bool hangs_up(const reader *r) {
    return r->restless && r->taken % 4 == 3;
}

/* The events of a JSON text, in its order: the ids begin with the stream's name. */
static void take_events(reader *r, const char *json, unsigned long first) {
    char mark[64];
    torture *all = r->all;
    unsigned long seq = first;
    snprintf(mark, sizeof mark, "{\"id\":\"%s-", all->stream);
    for (const char *at = json; (at = strstr(at, mark)) != NULL; seq++) {
        char id[ID_BYTES];
        at += strlen(mark);
        snprintf(id, sizeof id, "%.*s", (int)strcspn(at, "\""), at);
        if (seq != r->seq + 1) fail(all, "%s: behind %lu came %lu", kind_names[r->kind], r->seq, seq);
        note(all, all->seen, seq, id, kind_names[r->kind]);
        r->seq = seq;
    }
    r->taken += seq - first;
    if (r->mutation == 0 || r->seq < 20) return;
    if (r->mutation == 1) r->seq++;
    else r->seq--;
    r->mutation = 0;
}

static void read_sse(reader *r) {
    char request[256], line[LINE_BYTES];
    unsigned long id = 0;
    int fd = server_connect(atomic_load(&r->all->port));
    if (fd < 0) return;
    snprintf(request, sizeof request,
             "GET /streams/api/streams/%s?live=sse&offset=3 HTTP/1.0\r\nHost: a\r\nLast-Event-ID: %lu\r\n\r\n",
             r->all->stream, r->seq);
    FILE *in = server_say(fd, request) ? fdopen(fd, "r") : NULL;
    while (in && fgets(line, sizeof line, in)) {
        if (strncmp(line, "HTTP/1.1 204", 12) == 0 || strncmp(line, "event: closed", 13) == 0)
            atomic_store(&r->ended, true);
        if (strncmp(line, "id: ", 4) == 0) id = strtoul(line + 4, NULL, 10);
        if (strncmp(line, "data: {\"id\"", 11) == 0 && strchr(line, '\n')) {
            take_events(r, line, id);
            if (hangs_up(r)) break;
        }
    }
    if (in) fclose(in);
    else close(fd);
}

/* Long polls, or pages of 7. */
static void read_pages(reader *r) {
    char path[128];
    talk t;
    talk_init(&t, atomic_load(&r->all->port));
    for (int status = 200; (status == 200 || status == 204) && !atomic_load(&r->ended);) {
        if (r->kind == POLL)
            snprintf(path, sizeof path, "/streams/api/streams/%s?live=long-poll&timeout=1&offset=%lu", r->all->stream,
                     r->seq);
        else snprintf(path, sizeof path, "/streams/api/streams/%s?limit=7&after=%lu", r->all->stream, r->seq);
        status = talk_ask(&t, "GET", path, NULL, NULL);
        const char *next = strcasestr(t.head, "stream-next-offset: ");
        if (status == 200 && t.body) take_events(r, t.body, r->seq + 1);
        if (status == 200 && next && r->mutation == 0 && strtoul(next + 20, NULL, 10) != r->seq)
            fail(r->all, "%s: the next offset is not %lu", kind_names[r->kind], r->seq);
        if ((status == 200 || status == 204) && strcasestr(t.head, "stream-closed: true") &&
            strcasestr(t.head, "stream-up-to-date: true"))
            atomic_store(&r->ended, true);
        if (r->kind == PAGES) usleep(5000);
    }
    talk_deinit(&t);
}

static void read_socket(reader *r) {
    char say[128];
    ws_client *c = calloc(1, sizeof *c);
    if (!c) die("no memory");
    if (ws_ask(c, atomic_load(&r->all->port), "/streams/api/streams/live", "Sec-WebSocket-Version: 13\r\n")) {
        snprintf(say, sizeof say, "{\"type\":\"subscribe\",\"streamId\":\"%s\",\"offset\":%lu}", r->all->stream,
                 r->seq);
        bool said = ws_say(c, say);
        while (said && !atomic_load(&r->ended) && ws_read(c)) {
            const char *first = strstr(c->payload, "\"first\":");
            if (c->opcode == 1 && first) take_events(r, c->payload, strtoul(first + 8, NULL, 10));
            if (first && hangs_up(r)) break;
            if (c->opcode == 1 && strstr(c->payload, "{\"type\":\"closed\"")) atomic_store(&r->ended, true);
            if (c->opcode != 1 || !strstr(c->payload, "\"type\":\"error\"")) continue;
            if (strstr(c->payload, "\"TOO_MANY_REQUESTS\"")) break; /* the server has much to do: it comes again */
            fail(r->all, "websocket: %s", c->payload);
        }
    }
    if (c->fd >= 0) close(c->fd);
    free(c);
}

static void *reader_main(void *arg) {
    reader *r = arg;
    while (!atomic_load(&r->ended)) {
        if (r->kind == SSE) read_sse(r);
        else if (r->kind == SOCKET) read_socket(r);
        else read_pages(r);
        r->comebacks++;
        if (!atomic_load(&r->ended)) usleep(hangs_up(r) ? 1000 : 20000);
    }
    return NULL;
}

/* ---- a round ---- */

static void start_all(torture *all, int round, int mutation) {
    snprintf(all->stream, sizeof all->stream, "s%d", round);
    atomic_store(&all->version, 0);
    atomic_store(&all->writing, true);
    memset(all->seen, 0, sizeof all->seen);
    memset(all->winner, 0, sizeof all->winner);
    for (int i = 0; i < KINDS * READERS_OF_KIND; i++) {
        all->readers[i] =
            (reader){.all = all, .kind = (kind)(i % KINDS), .mutation = i == 1 ? mutation : 0, .restless = i >= KINDS};
        if (pthread_create(&all->readers[i].thread, NULL, reader_main, &all->readers[i])) die("no thread");
    }
    for (int i = 0; i < WRITERS; i++) {
        all->writers[i] = (writer){.all = all, .index = i};
        if (pthread_create(&all->writers[i].thread, NULL, writer_main, &all->writers[i])) die("no thread");
    }
}

static void kill_and_start(torture *all, const char *const *extra) {
    kill(all->server.pid, SIGKILL);
    waitpid(all->server.pid, NULL, 0);
    server_start_again(&all->server, extra);
    atomic_store(&all->port, all->server.port);
}

static unsigned long close_stream(torture *all) {
    talk t;
    char path[80];
    unsigned long version = 0;
    talk_init(&t, all->server.port);
    snprintf(path, sizeof path, "/streams/api/streams/%s/close", all->stream);
    if (talk_ask(&t, "POST", path, NULL, "{}") != 200) fail(all, "the stream could not be closed: %s", t.body);
    const char *at = t.body ? strstr(t.body, "\"version\":") : NULL;
    if (at) version = strtoul(at + 10, NULL, 10);
    snprintf(path, sizeof path, "/streams/api/streams/%s/verify", all->stream);
    if (talk_ask(&t, "GET", path, NULL, NULL) != 200 || !talk_says(&t, "\"ok\":true"))
        fail(all, "the chain does not hold: %s", t.body);
    talk_deinit(&t);
    return version;
}

static void join_readers(torture *all, unsigned long version) {
    int waits = ROUND_SECONDS * 20;
    for (int i = 0; i < KINDS * READERS_OF_KIND; i++) {
        reader *r = &all->readers[i];
        while (!atomic_load(&r->ended) && waits-- > 0) usleep(50000);
        if (!atomic_load(&r->ended)) {
            fail(all, "%s: still at %lu of %lu", kind_names[r->kind], r->seq, version);
            exit(1);
        }
        pthread_join(r->thread, NULL);
        if (r->taken != version) fail(all, "%s: took %lu events of %lu", kind_names[r->kind], r->taken, version);
        if (r->seq != version) fail(all, "%s: ended at %lu of %lu", kind_names[r->kind], r->seq, version);
    }
}

/* Every number is there once, and is the one that its writer was told. */
static void check_all(torture *all, unsigned long version) {
    unsigned long acked = 0;
    for (unsigned long seq = 1; seq <= version; seq++) {
        if (!all->seen[seq][0]) fail(all, "nobody has seen %lu", seq);
        if (!all->winner[seq][0]) continue; /* its answer was lost when the server was killed */
        acked++;
        if (strcmp(all->winner[seq], all->seen[seq]) != 0)
            fail(all, "%lu was promised to %s and is %s", seq, all->winner[seq], all->seen[seq]);
        for (unsigned long other = 1; other < seq; other++)
            if (strcmp(all->seen[other], all->seen[seq]) == 0) fail(all, "%s is there twice", all->seen[seq]);
    }
    for (unsigned long seq = version + 1; seq < EVENTS_MAX * 2; seq++)
        if (all->winner[seq][0]) fail(all, "%lu was acknowledged and is not there", seq);
    unsigned long won = 0, lost = 0, unknown = 0, comebacks = 0;
    for (int i = 0; i < WRITERS; i++) {
        won += all->writers[i].won;
        lost += all->writers[i].lost;
        unknown += all->writers[i].unknown;
    }
    for (int i = 0; i < KINDS * READERS_OF_KIND; i++) comebacks += all->readers[i].comebacks;
    printf("%s: %lu events, %lu acknowledged, %lu conflicts, %lu without an answer; readers began %lu times\n",
           all->stream, version, acked, lost, unknown, comebacks);
    if (won != acked) fail(all, "%lu appends won %lu versions", won, acked);
}

/* Until some more events are there, and anywhere in the next one; where nothing moves, not for ever. */
static void wait_for_events(torture *all) {
    unsigned long until = atomic_load(&all->version) + 1 + (unsigned long)random() % 30;
    for (int i = 0; i < 800 && atomic_load(&all->version) < until; i++) usleep(1000);
    usleep((useconds_t)(random() % 20000));
}

static void run_round(torture *all, int round, int kills, int mutation, const char *const *extra) {
    start_all(all, round, mutation);
    for (int i = 0; i < kills; i++) {
        wait_for_events(all);
        kill_and_start(all, extra);
    }
    usleep(kills > 0 ? 600000 : 2000000);
    atomic_store(&all->writing, false);
    for (int i = 0; i < WRITERS; i++) pthread_join(all->writers[i].thread, NULL);
    unsigned long version = close_stream(all);
    join_readers(all, version);
    check_all(all, version);
}

int main(void) {
    static torture all;
    static const char *const extra[] = {"--no-auth", "--log-level", "warn", NULL};
    const char *cycles_text = getenv("TRIB_TEST_TAIL_CYCLES"), *word = getenv("TRIB_TEST_TAIL_MUTATION");
    long cycles = cycles_text ? strtol(cycles_text, NULL, 10) : 15;
    int mutation = !word ? 0 : strcmp(word, "skip") == 0 ? 1 : 2;
    signal(SIGPIPE, SIG_IGN);
    srandom((unsigned)time(NULL));
    pthread_mutex_init(&all.lock, NULL);
    all.server = server_start(extra);
    atomic_store(&all.port, all.server.port);
    run_round(&all, 0, 0, mutation, extra); /* first without a kill */
    for (long done = 0, round = 1; done < cycles && atomic_load(&all.failures) == 0; round++) {
        int kills = cycles - done < KILLS_PER_ROUND ? (int)(cycles - done) : KILLS_PER_ROUND;
        run_round(&all, (int)round, kills, mutation, extra);
        done += kills;
    }
    if (!server_stop(&all.server)) fail(&all, "the server did not end cleanly");
    if (atomic_load(&all.failures) > 0) return 1;
    printf("tails: %ld kills, no event skipped, repeated or lost\n", cycles);
    return 0;
}

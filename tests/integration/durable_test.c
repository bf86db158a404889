/* SPDX-License-Identifier: Apache-2.0 */
/* Durable streams over sockets: what was acknowledged survives SIGKILL, producers write once, readers that wait hear of
 * every append, slow ones lose nothing, and the server ends while they wait. (What each call answers: the protocol's
 * own suite, tests/compat/clients/durable-streams.js.) */
#include <pthread.h>
#include <stdatomic.h>

#include "integration/talk.h"

enum { REMOVERS = 4, REMOVALS = 100 };
enum { READERS = 200, SLOW_APPENDS = 160, SLOW_BYTES = 60000 };

static int failed;
static const char *const no_auth[] = {"--no-auth", "--log-level", "error", NULL};

static void check(bool fine, const char *what) {
    if (!fine) failed++;
    printf("%s %s\n", fine ? "ok    " : "FAILED", what);
}

static int put(talk *t, const char *path, const char *type) {
    t->extra = NULL;
    return talk_ask_bytes(t, "PUT", path, NULL, type, "", 0);
}

/* As a producer; answers the status. */
static int append(talk *t, const char *path, int epoch, int seq, const char *body) {
    char extra[160];
    snprintf(extra, sizeof extra, "Producer-Id: p\r\nProducer-Epoch: %d\r\nProducer-Seq: %d\r\n", epoch, seq);
    t->extra = extra;
    int status = talk_ask_bytes(t, "POST", path, NULL, "text/plain", body, strlen(body));
    t->extra = NULL;
    return status;
}

static void restart_hard(server *s, talk *t) {
    kill(s->pid, SIGKILL);
    waitpid(s->pid, NULL, 0);
    talk_hang_up(t);
    server_start_again(s, no_auth);
    t->port = s->port;
}

static void what_was_acknowledged_survives_and_is_there_once(void) {
    text want = {0};
    char body[32], raw[400];
    talk t;
    int again = 0;
    server s = server_start(no_auth);
    server_create_tenant(&s, "ds");
    talk_init(&t, s.port);
    check(put(&t, "/ds/v1/stream/log", "text/plain") == 201, "a stream is made");
    for (int seq = 0; seq < 12; seq++) {
        snprintf(body, sizeof body, "<%d>", seq);
        text_add(&want, "%s", body);
        if (seq % 2 == 0) {
            /* acknowledged, then killed: it is there, and sending it again changes nothing */
            if (append(&t, "/ds/v1/stream/log", 0, seq, body) != 200) failed++;
            restart_hard(&s, &t);
            if (append(&t, "/ds/v1/stream/log", 0, seq, body) != 204) failed++;
        } else {
            /* killed before anybody knows: whether it is there or not, sending it again makes it be there once */
            snprintf(raw, sizeof raw,
                     "POST /ds/v1/stream/log HTTP/1.1\r\nHost: a\r\nContent-Type: text/plain\r\nProducer-Id: p\r\n"
                     "Producer-Epoch: 0\r\nProducer-Seq: %d\r\nContent-Length: %zu\r\n\r\n%s",
                     seq, strlen(body), body);
            int fd = server_connect(s.port);
            server_say(fd, raw);
            usleep((useconds_t)(seq * 150));
            restart_hard(&s, &t);
            close(fd);
            int status = append(&t, "/ds/v1/stream/log", 0, seq, body);
            if (status != 200 && status != 204) failed++;
            again += status == 204;
        }
        talk_ask(&t, "GET", "/ds/v1/stream/log", NULL, NULL);
        if (t.status != 200 || strcmp(t.body, want.ptr) != 0) {
            printf("FAILED after append %d: %d %s\n", seq, t.status, t.body ? t.body : "no answer");
            failed++;
        }
    }
    check(failed == 0, "twelve times killed: what was acknowledged is there, and everything once");
    printf("       (%d of 6 unacknowledged appends had been written)\n", again);
    check(append(&t, "/ds/v1/stream/log", 1, 0, "new") == 200, "the producer begins another epoch");
    restart_hard(&s, &t);
    check(append(&t, "/ds/v1/stream/log", 0, 12, "old") == 403, "after that and a kill the old one is fenced off");
    check(talk_says(&t, "PRODUCER_FENCED") && strcasestr(t.head, "\r\nproducer-epoch: 1\r\n"), "and told the epoch");
    free(want.ptr);
    talk_deinit(&t);
    check(server_stop(&s), "and it ends cleanly");
}

static void a_tenant_sees_its_own_streams_only(const server *s) {
    talk t;
    talk_init(&t, s->port);
    check(put(&t, "/a/v1/stream/x/y", "text/plain") == 201, "a stream of one tenant");
    check(talk_ask(&t, "GET", "/b/v1/stream/x/y", NULL, NULL) == 404, "is not there for another one");
    check(put(&t, "/b/v1/stream/x/y", "application/json") == 201, "who has the same path to himself");
    talk_ask(&t, "POST", "/a/v2/pipeline", NULL,
             "{\"requests\":[{\"type\":\"execute\",\"stmt\":{\"sql\":\"SELECT * FROM _trib_ds_stream\"}}]}");
    check(talk_says(&t, "\"type\":\"error\""), "SQL of a client does not see the tables");
    t.extra = "Stream-Forked-From: /v1/stream/only-a\r\n";
    check(put(&t, "/a/v1/stream/only-a", "text/plain") == 201, "a stream that only one of them has");
    t.extra = "Stream-Forked-From: /a/v1/stream/only-a\r\n";
    check(talk_ask_bytes(&t, "PUT", "/b/v1/stream/stolen", NULL, "text/plain", "", 0) == 404,
          "another one cannot fork it");
    talk_deinit(&t);
}

static int begin_reading(const server *s, const char *target) {
    char request[256];
    int fd = server_connect(s->port);
    if (fd < 0) die("no connection");
    snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: a\r\n\r\n", target);
    server_say(fd, request);
    return fd;
}

static void everybody_who_waits_hears_of_an_append(const server *s) {
    static int readers[READERS];
    char answer[4096];
    talk t;
    int heard = 0;
    talk_init(&t, s->port);
    put(&t, "/a/v1/stream/news", "application/json");
    put(&t, "/a/v1/stream/other", "text/plain");
    for (int i = 0; i < READERS; i++) {
        readers[i] = begin_reading(s, i % 2 ? "/a/v1/stream/news?offset=now&live=sse"
                                            : "/a/v1/stream/news?offset=now&live=long-poll");
        if (i % 2) server_read(readers[i], answer, sizeof answer, "upToDate");
    }
    usleep(300000);
    /* neither another stream's appends nor other commits wake them */
    talk_ask_bytes(&t, "POST", "/a/v1/stream/other", NULL, "text/plain", "x", 1);
    talk_ask(&t, "POST", "/a/v2/pipeline", NULL,
             "{\"requests\":[{\"type\":\"execute\",\"stmt\":{\"sql\":\"CREATE TABLE t(a)\"}}]}");
    talk_ask(&t, "POST", "/a/v1/stream/news", NULL, "[{\"n\":1},{\"n\":2}]");
    check(t.status == 204, "an append while readers wait");
    for (int i = 0; i < READERS; i++) {
        bool fine = server_read(readers[i], answer, sizeof answer, i % 2 ? "\"upToDate\":true}\n\n" : "]");
        const char *what = i % 2 ? "data:[{\"n\":1},{\"n\":2}]\n\nevent: control\n" : "[{\"n\":1},{\"n\":2}]";
        if (fine && strstr(answer, what) && !strstr(answer, "HTTP/1.1 204")) heard++;
        else if (heard == i) printf("FAILED reader %d got: %s\n", i, answer);
        close(readers[i]);
    }
    check(heard == READERS, "two hundred readers hear of it, by event stream and by long poll");
    talk_deinit(&t);
}

static void a_slow_reader_gets_everything_and_holds_up_nobody(const server *s) {
    static char body[SLOW_BYTES + 1];
    size_t want = 0, got = 0;
    talk t;
    talk_init(&t, s->port);
    put(&t, "/a/v1/stream/much", "text/plain");
    int slow = begin_reading(s, "/a/v1/stream/much?offset=-1&live=sse");
    usleep(100000);
    for (int i = 0; i < SLOW_APPENDS; i++) {
        memset(body, 'a' + i % 26, SLOW_BYTES);
        if (talk_ask_bytes(&t, "POST", "/a/v1/stream/much", NULL, "text/plain", body, SLOW_BYTES) != 204) failed++;
        want += SLOW_BYTES;
    }
    check(failed == 0, "ten million bytes are appended while a reader takes none");
    t.extra = "Stream-Closed: true\r\n";
    check(talk_ask(&t, "POST", "/a/v1/stream/much", NULL, NULL) == 204, "and the stream is closed");
    char *all = malloc(want * 2), *at = all;
    if (!all) die("no memory");
    check(server_read(slow, all, want * 2, "\"streamClosed\":true"), "then it reads to the end");
    while ((at = strstr(at, "data:"))) {
        at += 5;
        while (*at >= 'a' && *at <= 'z' && *at == 'a' + (char)(got / SLOW_BYTES % 26)) at++, got++;
    }
    check(got == want, "and has all of it, in order");
    free(all);
    close(slow);
    talk_deinit(&t);
}

static atomic_int removers_port, removed;

static void *make_and_remove(void *arg) {
    char path[64];
    talk t;
    talk_follow(&t, &removers_port);
    for (int i = 0; i < REMOVALS; i++) {
        snprintf(path, sizeof path, "/a/v1/stream/short-%d-%d", (int)(intptr_t)arg, i);
        int made = put(&t, path, "text/plain"), appended = append(&t, path, 0, 0, "x"),
            gone = talk_ask(&t, "DELETE", path, NULL, NULL);
        if (made != 201 || appended != 200 || gone != 204) {
            printf("FAILED %s: %d, %d, %d %s\n", path, made, appended, gone, t.body ? t.body : "no answer");
            break;
        }
        atomic_fetch_add(&removed, 1);
    }
    talk_deinit(&t);
    return NULL;
}

/* Each removal is followed by sweeps, which want the turn of the same database. */
static void many_are_removed_at_once(const server *s) {
    pthread_t threads[REMOVERS];
    atomic_store(&removers_port, s->port);
    for (int i = 0; i < REMOVERS; i++)
        if (pthread_create(&threads[i], NULL, make_and_remove, (void *)(intptr_t)i)) die("no thread");
    for (int i = 0; i < REMOVERS; i++) pthread_join(threads[i], NULL);
    check(atomic_load(&removed) == REMOVERS * REMOVALS, "streams are made and removed by many at once");
}

static void an_end_of_time_is_an_end(const server *s) {
    talk t;
    talk_init(&t, s->port);
    put(&t, "/a/v1/stream/quiet", "text/plain");
    int64_t begin = time(NULL);
    check(talk_ask(&t, "GET", "/a/v1/stream/quiet?offset=now&live=long-poll&timeout=1", NULL, NULL) == 204,
          "a long poll ends without anything");
    check(time(NULL) - begin <= 10 && strcasestr(t.head, "stream-up-to-date: true"), "when its time is over");
    int waits = begin_reading(s, "/a/v1/stream/quiet?offset=now&live=sse");
    char answer[2048];
    server_read(waits, answer, sizeof answer, "upToDate");
    check(talk_ask(&t, "DELETE", "/a/v1/stream/quiet", NULL, NULL) == 204, "a stream is removed while one reads it");
    check(server_read(waits, answer, sizeof answer, "0\r\n\r\n"), "whose answer ends");
    check(talk_ask(&t, "GET", "/a/v1/stream/quiet?offset=now&live=sse", NULL, NULL) == 404, "and is not found again");
    close(waits);
    talk_deinit(&t);
}

int main(void) {
    static int waiting[20];
    setvbuf(stdout, NULL, _IOLBF, 0);
    what_was_acknowledged_survives_and_is_there_once();
    server s = server_start(no_auth);
    server_create_tenant(&s, "a");
    server_create_tenant(&s, "b");
    a_tenant_sees_its_own_streams_only(&s);
    everybody_who_waits_hears_of_an_append(&s);
    a_slow_reader_gets_everything_and_holds_up_nobody(&s);
    an_end_of_time_is_an_end(&s);
    many_are_removed_at_once(&s);
    for (int i = 0; i < 20; i++)
        waiting[i] = begin_reading(&s, i % 2 ? "/a/v1/stream/news?offset=now&live=sse"
                                             : "/a/v1/stream/news?offset=now&live=long-poll");
    usleep(300000);
    check(server_stop(&s), "the server ends cleanly while readers wait");
    for (int i = 0; i < 20; i++) close(waiting[i]);
    printf(failed ? "%d FAILED\n" : "all passed\n", failed);
    return failed != 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Durable streams while the server is killed: writers with Producer-Id, a webhook and a worker that claims.
 *
 *   writer i -> stream d/i -> subscription "hook" -> receiver: acknowledges by callback, or in its answer
 *                          -> subscription "pull" -> worker: claims, acknowledges
 *   main: SIGKILL, start again, TRIB_TEST_DURABLE_KILLS times (20)
 *
 * In the end every message is in its stream once and in order; nothing was told as new after its acknowledgement was
 * answered; and everything was acknowledged, so nothing that was not was forgotten.
 * TRIB_TEST_DURABLE_MUTATION=twice|forget: a writer repeats himself, a reader thinks that he has acknowledged more: the
 * test must fail. */
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>

#include "integration/talk.h"

enum { WRITERS = 4, LEASE_MS = 1000, DONE_SECONDS = 60, MUTATED_SECONDS = 5 /* it cannot be done, then */ };

static const char *const args[] = {"--no-auth", "--webhook-private", "--log-level", "error", NULL};
static atomic_int port, told, hook_acks, pull_acks, repeats, wrong;
static atomic_bool writers_end, readers_end;
static int written[WRITERS];
static const char *mutation;

static void complain(const char *who, int stream, long long got, long long want) {
    atomic_fetch_add(&wrong, 1);
    printf("FAILED: %s: stream %d is at %lld, not behind %lld\n", who, stream, got, want);
}

/* ---- writers ---- */

static void *write_messages(void *arg) {
    int i = (int)(intptr_t)arg;
    char path[60], body[60], extra[120];
    talk t;
    talk_follow(&t, &port);
    snprintf(path, sizeof path, "/ds/v1/stream/d/%d", i);
    while (!atomic_load(&writers_end)) {
        int status;
        snprintf(extra, sizeof extra, "Producer-Id: w%d\r\nProducer-Epoch: 0\r\nProducer-Seq: %d\r\n", i, written[i]);
        snprintf(body, sizeof body, "{\"n\":%d}", written[i]);
        t.extra = extra;
        do status = talk_ask(&t, "POST", path, NULL, body);
        while (status != 200 && status != 204);
        if (status == 204) atomic_fetch_add(&repeats, 1); /* it was there: only nobody had said so */
        t.extra = NULL;
        if (mutation && strcmp(mutation, "twice") == 0 && written[i] == 3) talk_ask(&t, "POST", path, NULL, body);
        written[i]++;
        usleep(5000);
    }
    talk_deinit(&t);
    return NULL;
}

/* ---- readers ---- */

typedef struct reader {
    const char *name;
    long long acked[WRITERS]; /* that an answer has confirmed */
    long long tail[WRITERS];  /* of the wake at hand */
    char wake[64], token[120];
    long long generation;
} reader;

static long long number_behind(const char *from, const char *key) {
    const char *at = from ? strstr(from, key) : NULL;
    return at ? strtoll(at + strlen(key), NULL, 10) : -1;
}

static void text_behind(const char *from, const char *key, char *out, size_t n) {
    const char *at = strstr(from, key);
    snprintf(out, n, "%.*s", at ? (int)strcspn(at + strlen(key), "\"") : 0, at ? at + strlen(key) : "");
}

/* Reads a wake: nothing that was acknowledged is told as new. */
static void take_wake(reader *r, const char *said, const char *token_key) {
    text_behind(said, "\"wake_id\":\"", r->wake, sizeof r->wake);
    text_behind(said, token_key, r->token, sizeof r->token);
    r->generation = number_behind(said, "\"generation\":");
    for (int i = 0; i < WRITERS; i++) {
        char key[40];
        snprintf(key, sizeof key, "\"path\":\"d/%d\"", i);
        const char *link = strstr(said, key);
        long long acked = number_behind(link, "\"acked_offset\":\"0000000000000000_");
        r->tail[i] = link ? number_behind(link, "\"tail_offset\":\"0000000000000000_") : r->acked[i];
        if (link && acked < r->acked[i]) complain(r->name, i, acked, r->acked[i]);
    }
    atomic_fetch_add(&told, 1);
}

/* 200: all of the wake is done. */
static int acknowledge(reader *r, talk *t, const char *action) {
    char path[120], extra[200];
    text body = {0};
    snprintf(path, sizeof path, "/ds/v1/stream/__ds/subscriptions/%s/%s", r->name, action);
    snprintf(extra, sizeof extra, "Authorization: Bearer %s\r\n", r->token);
    text_add(&body, "{\"wake_id\":\"%s\",\"generation\":%lld,\"done\":true,\"acks\":[", r->wake, r->generation);
    const char *comma = "";
    for (int i = 0; i < WRITERS; i++) {
        if (r->tail[i] <= r->acked[i]) continue;
        text_add(&body, "%s{\"stream\":\"d/%d\",\"offset\":\"0000000000000000_%016lld\"}", comma, i, r->tail[i]);
        comma = ",";
    }
    text_add(&body, "]}");
    t->extra = extra;
    int status = talk_ask(t, "POST", path, NULL, body.ptr);
    t->extra = NULL;
    free(body.ptr);
    if (status != 200) return status;
    for (int i = 0; i < WRITERS; i++)
        if (r->tail[i] > r->acked[i]) r->acked[i] = r->tail[i];
    if (mutation && strcmp(mutation, "forget") == 0) r->acked[0] += 1000;
    return status;
}

static void *work(void *arg) {
    reader r = {.name = "pull"};
    talk t;
    (void)arg;
    talk_follow(&t, &port);
    while (!atomic_load(&readers_end)) {
        if (talk_ask(&t, "POST", "/ds/v1/stream/__ds/subscriptions/pull/claim", NULL, "{\"worker\":\"w\"}") != 200) {
            usleep(10000);
            continue;
        }
        take_wake(&r, t.body, "\"token\":\"");
        if (acknowledge(&r, &t, "ack") == 200) atomic_fetch_add(&pull_acks, 1);
    }
    talk_deinit(&t);
    return NULL;
}

/* One message of the server's, as it came; its answer says done with every third. */
static void serve(int fd, reader *r, talk *t) {
    static char buf[1 << 16];
    static int count;
    size_t have = 0, want = sizeof buf - 1;
    for (ssize_t n; have < want && (n = server_recv(fd, buf + have, want - have)) > 0;) {
        have += (size_t)n;
        buf[have] = '\0';
        const char *body = strstr(buf, "\r\n\r\n");
        long long length = number_behind(strcasestr(buf, "content-length:"), ":");
        if (body && length >= 0) want = (size_t)(body + 4 - buf) + (size_t)length;
    }
    if (have < want) return;
    take_wake(r, buf, "\"callback_token\":\"");
    bool done = ++count % 3 == 0;
    server_say(fd, done ? "HTTP/1.1 200 OK\r\nContent-Length: 13\r\nConnection: close\r\n\r\n{\"done\":true}"
                        : "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
    if (!done && acknowledge(r, t, "callback") == 200) atomic_fetch_add(&hook_acks, 1);
}

static int listen_on;

static void *receive(void *arg) {
    reader r = {.name = "hook"};
    talk t;
    (void)arg;
    talk_follow(&t, &port);
    while (!atomic_load(&readers_end)) {
        struct pollfd waits = {.fd = listen_on, .events = POLLIN};
        if (poll(&waits, 1, 100) <= 0) continue;
        int fd = accept(listen_on, NULL, NULL);
        if (fd < 0) continue;
        serve(fd, &r, &t);
        close(fd);
    }
    talk_deinit(&t);
    return NULL;
}

static int begin_listening(void) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof at;
    listen_on = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (listen_on < 0 || bind(listen_on, (struct sockaddr *)&at, sizeof at) || listen(listen_on, 16) ||
        getsockname(listen_on, (struct sockaddr *)&at, &n))
        die("no receiver");
    return ntohs(at.sin_port);
}

/* ---- the whole ---- */

static void set_up(talk *t, int hook_port) {
    char body[300];
    bool fine = talk_ask_bytes(t, "PUT", "/ds/v1/stream/wake", NULL, "application/json", "", 0) == 201;
    for (int i = 0; i < WRITERS; i++) {
        snprintf(body, sizeof body, "/ds/v1/stream/d/%d", i);
        fine = fine && talk_ask_bytes(t, "PUT", body, NULL, "application/json", "", 0) == 201;
    }
    snprintf(
        body, sizeof body,
        "{\"type\":\"webhook\",\"pattern\":\"d/*\",\"lease_ttl_ms\":%d,\"webhook\":{\"url\":\"http://127.0.0.1:%d/\"}}",
        LEASE_MS, hook_port);
    fine = fine && talk_ask(t, "PUT", "/ds/v1/stream/__ds/subscriptions/hook", NULL, body) == 201;
    snprintf(body, sizeof body,
             "{\"type\":\"pull-wake\",\"pattern\":\"d/*\",\"lease_ttl_ms\":%d,\"wake_stream\":\"wake\"}", LEASE_MS);
    fine = fine && talk_ask(t, "PUT", "/ds/v1/stream/__ds/subscriptions/pull", NULL, body) == 201;
    if (!fine) die("it could not be set up");
}

/* Whether the subscription has everything acknowledged. */
static bool is_done(talk *t, const char *name) {
    char path[80], want[100];
    snprintf(path, sizeof path, "/ds/v1/stream/__ds/subscriptions/%s", name);
    if (talk_ask(t, "GET", path, NULL, NULL) != 200) return false;
    for (int i = 0; i < WRITERS; i++) {
        snprintf(want, sizeof want,
                 "{\"path\":\"d/%d\",\"link_type\":\"glob\",\"acked_offset\":\"0000000000000000_%016d\"", i,
                 written[i]);
        if (!talk_says(t, want)) return false;
    }
    return true;
}

static void check_streams(talk *t) {
    for (int i = 0; i < WRITERS; i++) {
        char path[60];
        text want = {0};
        snprintf(path, sizeof path, "/ds/v1/stream/d/%d", i);
        for (int n = 0; n < written[i]; n++) text_add(&want, "%s{\"n\":%d}", n ? "," : "[", n);
        text_add(&want, "]");
        bool fine = talk_ask(t, "GET", path, NULL, NULL) == 200 && strcmp(t->body, want.ptr) == 0;
        if (!fine) printf("FAILED: stream %d has not each of its %d messages once and in order\n", i, written[i]);
        atomic_fetch_add(&wrong, !fine);
        free(want.ptr);
    }
}

int main(void) {
    pthread_t threads[WRITERS + 2];
    const char *given = getenv("TRIB_TEST_DURABLE_KILLS");
    int kills = given ? (int)strtol(given, NULL, 10) : 20;
    unsigned seed = 1;
    talk t;
    mutation = getenv("TRIB_TEST_DURABLE_MUTATION");
    server s = server_start(args);
    server_create_tenant(&s, "ds");
    atomic_store(&port, s.port);
    talk_follow(&t, &port);
    set_up(&t, begin_listening());
    for (int i = 0; i < WRITERS; i++) pthread_create(&threads[i], NULL, write_messages, (void *)(intptr_t)i);
    pthread_create(&threads[WRITERS], NULL, receive, NULL);
    pthread_create(&threads[WRITERS + 1], NULL, work, NULL);
    for (int k = 0; k < kills; k++) {
        usleep((useconds_t)(50000 + rand_r(&seed) % 400000));
        kill(s.pid, SIGKILL);
        waitpid(s.pid, NULL, 0);
        server_start_again(&s, args);
        atomic_store(&port, s.port);
    }
    usleep(kills == 0 ? 1500000 : 300000);
    atomic_store(&writers_end, true);
    for (int i = 0; i < WRITERS; i++) pthread_join(threads[i], NULL);
    bool done = false;
    for (int i = 0; i < (mutation ? MUTATED_SECONDS : DONE_SECONDS) * 10 && !done; i++) {
        done = is_done(&t, "hook") && is_done(&t, "pull");
        if (!done) usleep(100000);
    }
    atomic_store(&readers_end, true);
    pthread_join(threads[WRITERS], NULL);
    pthread_join(threads[WRITERS + 1], NULL);
    if (!done) {
        printf("FAILED: not everything was told and acknowledged: %s\n", t.body ? t.body : "no answer");
        atomic_fetch_add(&wrong, 1);
    }
    check_streams(&t);
    printf("%d kills, %d + %d + %d + %d messages (%d were there when they were repeated), %d wakes, %d callbacks, %d "
           "acks\n",
           kills, written[0], written[1], written[2], written[3], atomic_load(&repeats), atomic_load(&told),
           atomic_load(&hook_acks), atomic_load(&pull_acks));
    talk_deinit(&t);
    close(listen_on);
    if (!server_stop(&s)) atomic_fetch_add(&wrong, 1);
    return atomic_load(&wrong) ? 1 : 0;
}

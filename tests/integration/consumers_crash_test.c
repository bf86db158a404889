/* SPDX-License-Identifier: Apache-2.0 */
/* 64 writers and 8 consumers of one subscription, while the server is killed and started again: every event that was
 * written is handed out, in order in its stream, and none again after its ack was answered. */
#include <pthread.h>
#include <stdatomic.h>

#include "integration/talk.h"

enum { WRITERS = 64, EVENTS = 20, CONSUMERS = 8, KILLS = 6, CLAIM = 16 };

static atomic_int port, writers_done, handed, again, lost;
static atomic_bool finished;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
/* Of each stream, by seq from 1; under lock. */
static struct { bool handed[EVENTS + 2], tried[EVENTS + 2], acked[EVENTS + 2]; } streams[WRITERS];
static int wrong;

static void complain(const char *what, int stream, int seq) {
    wrong++;
    printf("FAILED: %s (stream %d, event %d)\n", what, stream, seq);
}

static void *write_events(void *arg) {
    int stream = (int)(intptr_t)arg;
    char path[80], key[80];
    talk t;
    talk_follow(&t, &port);
    t.extra = key;
    snprintf(path, sizeof path, "/streams/api/streams/s%d/events", stream);
    for (int i = 0; i < EVENTS; i++) {
        int status;
        snprintf(key, sizeof key, "Idempotency-Key: %d-%d\r\n", stream, i);
        do status = talk_ask(&t, "POST", path, NULL, "{\"events\":[{\"opcode\":9}]}");
        while (status != 200 && status != 201);
    }
    talk_deinit(&t);
    atomic_fetch_add(&writers_done, 1);
    return NULL;
}

static void note_handed(int stream, int seq) {
    pthread_mutex_lock(&lock);
    if (streams[stream].acked[seq]) complain("handed out after its ack was answered", stream, seq);
    if (seq > 1 && !streams[stream].tried[seq - 1]) complain("handed out before the one before it", stream, seq);
    if (streams[stream].handed[seq]) atomic_fetch_add(&again, 1);
    else atomic_fetch_add(&handed, 1);
    streams[stream].handed[seq] = true;
    pthread_mutex_unlock(&lock);
}

static void acknowledge(talk *t, int stream, int seq, const char *lease) {
    char body[100];
    snprintf(body, sizeof body, "{\"leases\":[\"%s\"]}", lease);
    pthread_mutex_lock(&lock);
    streams[stream].tried[seq] = true;
    pthread_mutex_unlock(&lock);
    int status = talk_ask(t, "POST", "/streams/api/subscriptions/all/ack", NULL, body);
    if (status == 409) atomic_fetch_add(&lost, 1);
    if (status != 200) return;
    pthread_mutex_lock(&lock);
    streams[stream].acked[seq] = true;
    pthread_mutex_unlock(&lock);
}

static void *consume(void *arg) {
    talk t, acks;
    (void)arg;
    talk_follow(&t, &port);
    talk_follow(&acks, &port);
    while (!atomic_load(&finished)) {
        if (talk_ask(&t, "POST", "/streams/api/subscriptions/all/claim", NULL, "{\"max\":16,\"waitMs\":500}") != 200)
            continue;
        const char *at = t.body;
        while ((at = strstr(at, "\"lease\":\"")) != NULL) {
            char lease[64];
            snprintf(lease, sizeof lease, "%.*s", (int)strcspn(at + 9, "\""), at + 9);
            int seq = (int)strtol(strstr(at, "\"seq\":") + 6, NULL, 10);
            int stream = (int)strtol(strstr(at, "\"streamId\":\"s") + 13, NULL, 10);
            at += 9;
            note_handed(stream, seq);
            if (seq % 7 == 3 && rand() % 4 == 0) continue; /* a consumer that forgets: its lease ends */
            acknowledge(&acks, stream, seq, lease);
        }
    }
    talk_deinit(&t);
    talk_deinit(&acks);
    return NULL;
}

static bool all_acked(void) {
    bool all = true;
    pthread_mutex_lock(&lock);
    for (int s = 0; s < WRITERS; s++)
        for (int e = 1; e <= EVENTS; e++) all = all && streams[s].acked[e];
    pthread_mutex_unlock(&lock);
    return all;
}

int main(void) {
    const char *const extra[] = {"--no-auth", "--log-level", "error", NULL};
    pthread_t writers[WRITERS], consumers[CONSUMERS];
    talk t;
    server s = server_start(extra);
    atomic_store(&port, s.port);
    talk_follow(&t, &port);
    if (talk_ask(&t, "PUT", "/streams/api/subscriptions/all", NULL, "{\"leaseMs\":1500,\"maxRetries\":100}") != 201)
        die("no subscription");
    for (intptr_t i = 0; i < CONSUMERS; i++) pthread_create(&consumers[i], NULL, consume, NULL);
    for (intptr_t i = 0; i < WRITERS; i++) pthread_create(&writers[i], NULL, write_events, (void *)i);
    for (int i = 0; i < KILLS; i++) {
        usleep(700000);
        kill(s.pid, SIGKILL);
        waitpid(s.pid, NULL, 0);
        server_start_again(&s, extra);
        atomic_store(&port, s.port);
    }
    for (int i = 0; i < WRITERS; i++) pthread_join(writers[i], NULL);
    /* an ack whose answer was lost in a kill is not known to us: its event never comes again, and is done */
    for (int i = 0; i < 900 && !all_acked(); i++) {
        usleep(100000);
        if (i % 20 == 19 && talk_ask(&t, "GET", "/streams/api/subscriptions/all", NULL, "") == 200 &&
            strstr(t.body, "\"lag\":0,\"inFlight\":0,"))
            break;
    }
    atomic_store(&finished, true);
    for (int i = 0; i < CONSUMERS; i++) pthread_join(consumers[i], NULL);
    if (talk_ask(&t, "GET", "/streams/api/subscriptions/all", NULL, "") != 200 ||
        !strstr(t.body, "\"lag\":0,\"inFlight\":0,") || !strstr(t.body, "\"parked\":0,")) {
        wrong++;
        printf("FAILED: not all is done: %s\n", t.body ? t.body : "");
    }
    talk_deinit(&t);
    if (atomic_load(&handed) != WRITERS * EVENTS) {
        wrong++;
        printf("FAILED: %d of %d events were handed out\n", atomic_load(&handed), WRITERS * EVENTS);
    }
    printf("%s %d events of %d writers, %d kills: all handed out in order, %d of them again, %d leases lost\n",
           wrong ? "FAILED" : "ok    ", atomic_load(&handed), WRITERS, KILLS, atomic_load(&again), atomic_load(&lost));
    if (!server_stop(&s)) wrong++;
    return wrong ? 1 : 0;
}

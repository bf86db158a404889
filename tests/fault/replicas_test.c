/* SPDX-License-Identifier: Apache-2.0 */
/* Replica torture: 50 replicas of one tenant, over every protocol, while it is written to at random and the server
 * ($TRIB_BIN) is killed, started again and now and then robbed of its page map.
 *
 *   start -> RUN: writers, all replicas sync -> SIGKILL --------------------------------------> start ...
 *                                            -> DRAIN (offline writes out) -> SETTLE (all up to date)
 *                                               -> PARK -> end -> compare with the file itself -> start ...
 *
 * Checked after each sync: replicas that stand at the same position are equal, page by page (history), and for some
 * integrity_check and that no half transaction is seen. At a check point all contents of every replica are compared
 * with those that plain SQLite finds in the tenant's file once the server has ended. A replica that does not get up to
 * date in bounded tries is stuck. A round is a sync that brought something.
 *
 *   replicas_test [--rounds N] [--seed N]   TRIB_TEST_SYNC_ROUNDS is the default of --rounds */
#include <inttypes.h>

#include "fault/replicas.h"

enum { TRIES_MAX = 3000, WAIT_MAX_MS = 120000 };

static const protocol *const protocols[] = {&replica_v2, &replica_pull, &replica_v1};
enum { PROTOCOLS = sizeof protocols / sizeof *protocols };

uint64_t replica_random(uint64_t *state) {
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15); /* splitmix64 */
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

uint64_t replica_hash(uint64_t h, const void *bytes, size_t n) {
    const uint8_t *p = bytes;
    uint64_t word;
    h ^= n;
    for (; n >= 8; n -= 8, p += 8) {
        memcpy(&word, p, 8);
        h = (h ^ word) * UINT64_C(0x9e3779b97f4a7c15);
        h ^= h >> 29;
    }
    for (; n > 0; n--, p++) h = (h ^ *p) * UINT64_C(0x100000001b3);
    return h ? h : 1;
}

void replica_fail(atomic_ulong *counter, const replica *r, const char *format, ...) {
    va_list args;
    char what[600];
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    if (r) fprintf(stderr, "FAILED: replica %d (%s): %s\n", r->no, r->protocol->name, what);
    else fprintf(stderr, "FAILED: %s\n", what);
    atomic_fetch_add(counter, 1);
}

int replica_ask(replica *r, const char *method, const char *path, const void *body, size_t body_len) {
    int port = atomic_load(&r->torture->port);
    if (r->talk.port != port) talk_hang_up(&r->talk);
    r->talk.port = port;
    int status = 0;
    if (port) status = talk_ask_bytes(&r->talk, method, path, NULL, body ? r->protocol->type : NULL, body, body_len);
    return status;
}

sync_outcome replica_unexpected(replica *r, const char *what) {
    int status = r->talk.port ? r->talk.status : 0;
    if (status == 0) atomic_fetch_add(&r->torture->unanswered, 1);
    if (status == 0 || status == 429 || status == 503) return SYNC_AGAIN;
    replica_fail(&r->torture->broken, r, "%s is answered with %d %.300s", what, status,
                 r->talk.body ? r->talk.body : "");
    return SYNC_BROKEN;
}

uint64_t replica_number(const replica *r, const char *name) {
    char key[64];
    snprintf(key, sizeof key, "\"%s\":", name);
    const char *at = r->talk.body ? strstr(r->talk.body, key) : NULL;
    return at ? strtoull(at + strlen(key), NULL, 10) : 0;
}

static unsigned long failures(const torture *t) {
    return atomic_load(&t->differences) + atomic_load(&t->damaged) + atomic_load(&t->broken) + atomic_load(&t->stuck);
}

/* ---- a replica ---- */

/* Is it what others had at this position? */
static void compare_history(replica *r) {
    torture *t = r->torture;
    uint64_t sum = image_sum(&r->image);
    known *place = &t->history[r->position % REPLICA_HISTORY];
    pthread_mutex_lock(&t->lock);
    known before = *place;
    *place = (known){r->position, sum, r->no};
    pthread_mutex_unlock(&t->lock);
    if (before.position != r->position) return;
    atomic_fetch_add(&t->same_place, 1);
    if (before.sum != sum)
        replica_fail(&t->differences, r,
                     "it differs from replica %d at the same position (%s, generation %" PRIu64 ", %" PRIu64 ")",
                     before.who, r->revision, r->generation, r->have);
}

static void look(replica *r, bool whole) {
    char why[400];
    if (r->position) compare_history(r);
    if (!whole) return;
    if (!image_check(&r->image, NULL, why, sizeof why))
        replica_fail(&r->torture->damaged, r, "%s (generation %" PRIu64 ", %" PRIu64 ", %s)", why, r->generation,
                     r->have, r->revision);
}

/* Returns true where the phase asks no more of it. */
static bool one_sync(replica *r, phase now) {
    torture *t = r->torture;
    if (now == RUN && replica_random(&r->random) % 400 == 0) r->protocol->forget(r);
    bool offline_left = r->frames.len > 0;
    sync_outcome outcome = r->protocol->sync(r);
    if (outcome == SYNC_NEWS || outcome == SYNC_CURRENT)
        look(r, outcome == SYNC_NEWS && replica_random(&r->random) % 12 == 0);
    if (outcome == SYNC_NEWS) atomic_fetch_add(&t->news, 1);
    if (outcome == SYNC_CURRENT) atomic_fetch_add(&t->current, 1);
    if (outcome == SYNC_AGAIN) usleep(5000);
    r->tries++;
    bool drained = !offline_left && r->frames.len == 0 && (!r->offline || r->tries > REPLICA_DRAIN_TRIES);
    return (now == DRAIN && drained) || (now == SETTLE && outcome == SYNC_CURRENT);
}

static void *replica_thread(void *ctx) {
    replica *r = ctx;
    torture *t = r->torture;
    for (;;) {
        phase now = (phase)atomic_load(&t->phase);
        if (now == OVER) return NULL;
        if (atomic_load(&r->reached) == (int)now || now == PARK) {
            atomic_store(&r->reached, (int)now);
            usleep(1000);
            continue;
        }
        if (now == RUN) r->tries = 0;
        if (failures(t) == 0 && one_sync(r, now)) {
            r->tries = 0;
            atomic_store(&r->reached, (int)now);
        }
        if (failures(t) > 0) usleep(1000);
        if (now == RUN) usleep((useconds_t)(replica_random(&r->random) % 60000));
        else if (r->tries == TRIES_MAX) replica_fail(&t->stuck, r, "it is not up to date after %d tries", TRIES_MAX);
    }
}

/* ---- the server's lives ---- */

static void start(torture *t) {
    server_start_again(&t->server, (const char *const[]){"--no-auth", "--log-level", "warn", NULL});
    atomic_store(&t->port, t->server.port);
}

static void end(torture *t, bool kindly) {
    int status = 0;
    atomic_store(&t->port, 0);
    if (kindly) {
        kill(t->server.pid, SIGTERM);
        status = server_wait(&t->server, 20);
    } else if (waitpid(t->server.pid, &status, WNOHANG) == 0) {
        kill(t->server.pid, SIGKILL);
        waitpid(t->server.pid, &status, 0);
        status = 0;
    } else {
        status = 1;
    }
    if (status == 0) return;
    server_show_log(&t->server);
    replica_fail(&t->broken, NULL, "the server ended by itself, or badly");
}

/* In the server's folder. */
static bool run_shell(const torture *t, const char *what) {
    char command[500];
    snprintf(command, sizeof command, "cd '%s' && %s", t->server.folder, what);
    return system(command) == 0;
}

static void lose_map(const torture *t) {
    if (!run_shell(t, "find data/db -name '*.map' -delete")) die("no page map to lose");
}

static bool all_reach(torture *t, phase wanted) {
    atomic_store(&t->phase, (int)wanted);
    for (int ms = 0; ms < WAIT_MAX_MS && failures(t) == 0; ms++) {
        int there = 0;
        for (int i = 0; i < REPLICAS; i++) there += atomic_load(&t->replicas[i].reached) == (int)wanted;
        if (there == REPLICAS) return true;
        usleep(1000);
    }
    for (int i = 0; failures(t) == 0 && i < REPLICAS; i++) {
        const replica *r = &t->replicas[i];
        if (atomic_load(&r->reached) != (int)wanted)
            replica_fail(&t->stuck, r, "%d s and it is not there", WAIT_MAX_MS / 1000);
    }
    return false;
}

/* The server has ended: what plain SQLite finds in the tenant's file is what all of them must hold. */
static void compare_all(torture *t) {
    text primary = {0}, mine = {0};
    char path[200], why[400];
    static const char copy[] =
        "rm -f copy.db copy.db-wal && for f in $(find data/db -name '*.db' -o -name '*.db-wal'); "
        "do case $f in *-wal) cp $f copy.db-wal ;; *) cp $f copy.db ;; esac; done";
    if (!run_shell(t, copy)) die("the tenant's file cannot be copied");
    snprintf(path, sizeof path, "%s/copy.db", t->server.folder);
    if (!image_check_file(path, &primary, why, sizeof why))
        replica_fail(&t->damaged, NULL, "the tenant's file: %s", why);
    for (int i = 0; failures(t) == 0 && i < REPLICAS; i++) {
        replica *r = &t->replicas[i];
        if (!image_check(&r->image, &mine, why, sizeof why)) replica_fail(&t->damaged, r, "%s", why);
        else if (mine.len != primary.len || memcmp(mine.ptr, primary.ptr, mine.len) != 0)
            replica_fail(&t->differences, r, "it differs from the tenant's file: %zu bytes of a dump, %zu", mine.len,
                         primary.len);
    }
    atomic_fetch_add(&t->checks, 1);
    free(primary.ptr);
    free(mine.ptr);
}

static void make_tables(torture *t) {
    static const char sql[] =
        "{\"requests\":[{\"type\":\"sequence\",\"sql\":\"CREATE TABLE account(id INTEGER PRIMARY KEY, amount INTEGER "
        "NOT "
        "NULL); CREATE TABLE item(id INTEGER PRIMARY KEY, writer, tag, body); CREATE INDEX item_tag ON item(tag); "
        "CREATE "
        "VIRTUAL TABLE word USING fts5(text); WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < "
        "20) INSERT INTO account SELECT i, 0 FROM n\"},{\"type\":\"close\"}]}";
    talk user;
    server_create_tenant(&t->server, "t");
    talk_init(&user, t->server.port);
    if (talk_ask(&user, "POST", "/t/v2/pipeline", NULL, sql) != 200 || talk_says(&user, "\"type\":\"error\""))
        die("the tables could not be made");
    talk_deinit(&user);
}

/* One life of the server, from RUN on. Ends the server. */
static void one_life(torture *t, uint64_t *random) {
    pthread_t writers[REPLICA_WRITERS];
    atomic_store(&t->writing, true);
    atomic_store(&t->phase, RUN);
    for (int i = 0; i < REPLICA_WRITERS; i++) {
        if (pthread_create(&writers[i], NULL, replica_writer, t)) die("no thread");
    }
    usleep((useconds_t)(100000 + replica_random(random) % 900000));
    bool settles = replica_random(random) % 3 == 0;
    if (!settles) end(t, replica_random(random) % 4 == 0);
    atomic_store(&t->writing, false);
    for (int i = 0; i < REPLICA_WRITERS; i++) pthread_join(writers[i], NULL);
    if (!settles) return;
    bool there = all_reach(t, DRAIN) && all_reach(t, SETTLE) && all_reach(t, PARK);
    end(t, replica_random(random) % 2 == 0);
    if (there) compare_all(t);
}

static void report(const torture *t, unsigned kills, unsigned maps, uint64_t seed) {
    printf("seed %" PRIu64 ": %d replicas, %u lives, %u page maps lost, %lu commits, %lu refused or unanswered\n", seed,
           REPLICAS, kills, maps, atomic_load(&t->commits), atomic_load(&t->refused));
    printf("%lu began anew, %lu generations climbed, %lu pushes, %lu conflicts, %lu syncs unanswered\n",
           atomic_load(&t->bootstraps), atomic_load(&t->climbs), atomic_load(&t->pushes), atomic_load(&t->conflicts),
           atomic_load(&t->unanswered));
    printf("%lu sync rounds (and %lu with nothing new), %lu times two at one position, %lu check points of all\n",
           atomic_load(&t->news), atomic_load(&t->current), atomic_load(&t->same_place), atomic_load(&t->checks));
    printf("%lu differences, %lu damaged, %lu broken answers, %lu stuck\n", atomic_load(&t->differences),
           atomic_load(&t->damaged), atomic_load(&t->broken), atomic_load(&t->stuck));
}

static void begin(torture *t, uint64_t *random) {
    int shares = 0, next = 0;
    for (int p = 0; p < PROTOCOLS; p++) shares += protocols[p]->share;
    for (int p = 0; p < PROTOCOLS; p++) {
        int n = p + 1 < PROTOCOLS ? REPLICAS * protocols[p]->share / shares : REPLICAS - next;
        for (int i = 0; i < n; i++, next++) {
            replica *r = &t->replicas[next];
            *r = (replica){.torture = t, .protocol = protocols[p], .no = next, .random = replica_random(random)};
            r->offline = i % 3 == 0;
            atomic_store(&r->reached, OVER);
            talk_init(&r->talk, 0);
            if (pthread_create(&r->thread, NULL, replica_thread, r)) die("no thread");
        }
    }
}

int main(int argc, char **argv) {
    static torture t;
    const char *text_rounds = getenv("TRIB_TEST_SYNC_ROUNDS");
    unsigned long rounds = text_rounds ? strtoul(text_rounds, NULL, 10) : 3000;
    uint64_t seed = (uint64_t)time(NULL), random;
    unsigned lives = 0, maps = 0;
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--rounds") == 0) rounds = strtoul(argv[i + 1], NULL, 10);
        else if (strcmp(argv[i], "--seed") == 0) seed = strtoull(argv[i + 1], NULL, 10);
    }
    random = seed;
    signal(SIGPIPE, SIG_IGN);
    pthread_mutex_init(&t.lock, NULL);
    server_make_folder(&t.server);
    start(&t);
    make_tables(&t);
    begin(&t, &random);
    while (failures(&t) == 0 && (atomic_load(&t.news) < rounds || atomic_load(&t.checks) < 2)) {
        if (lives > 0) {
            bool lose = replica_random(&random) % 4 == 0;
            if (lose) lose_map(&t);
            maps += lose;
            start(&t);
        }
        one_life(&t, &random);
        lives++;
    }
    atomic_store(&t.phase, OVER);
    for (int i = 0; i < REPLICAS; i++) {
        replica *r = &t.replicas[i];
        pthread_join(r->thread, NULL);
        talk_deinit(&r->talk);
        image_deinit(&r->image);
        image_deinit(&r->local);
        free(r->frames.ptr);
    }
    report(&t, lives, maps, seed);
    if (failures(&t) > 0) {
        if (atomic_load(&t.port)) end(&t, false);
        fprintf(stderr, "FAILED: the folder %s is kept\n", t.server.folder);
        return 1;
    }
    return run_shell(&t, "rm -rf \"$PWD\"") ? 0 : 1;
}

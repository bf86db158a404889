/* SPDX-License-Identifier: Apache-2.0 */
/* Many rides at once for few drivers, while the real program ($TRIB_BIN) serves them, or is killed and started again:
 *
 *   passengers: ask for a ride, ask for a driver        drivers: look at offers - accept, decline, say nothing - and,
 *   of every second ride the driver is not asked                 from the second part on, drive and finish
 *
 *   part 1   without kills, nobody finishes: every driver has exactly one ride, all other rides wait
 *   part 2   drivers finish: every ride is driven in the end, or was cancelled: with kills the passenger of each eighth
 *            tries to, whether it waits, is offered or has a driver
 *
 * In the end: each ride has one driver and was driven once; no driver had two at a time; all drivers are idle; nobody
 * is looked for and no offer is open.
 *
 *   fault_dispatch [--rides N] [--drivers N] [--kills 1] [--seed N]
 *   TRIB_TEST_RIDES is the default of --rides, of drivers there are a tenth as many. */
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>

#include "integration/talk.h"

/* Without kills nothing that dispatch waits for takes half as long. */
enum { STALL_SECONDS = 45 };
enum { PASSENGERS = 4, CLIENTS = 4, CHAUFFEURS = 3, RIDES_MAX = 20000, DRIVERS_MAX = 1000 };

static int rides = 60, drivers;
static bool kills;
static uint64_t seed = 1;
static atomic_int next_ride, port, lost, declined, ignored, accepted, cancelled;
static atomic_bool failed, may_finish, over;
static bool driven[RIDES_MAX];

typedef struct client {
    talk talk;
    int no;
    long requests;
    uint64_t random;
    pthread_t thread;
} client;

static int below(uint64_t *state, int n) {
    *state += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t z = (*state ^ (*state >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (int)((z ^ (z >> 31)) % (uint64_t)n);
}

__attribute__((format(printf, 1, 2))) static void fail(const char *format, ...) {
    va_list args;
    va_start(args, format);
    fprintf(stderr, "FAILED: ");
    vfprintf(stderr, format, args);
    fprintf(stderr, "\n");
    va_end(args);
    atomic_store(&failed, true);
}

/* Sends it until there is an answer that says what has become of it. key: may not be done twice. */
static int ask(client *c, const char *method, const char *path, bool key, const char *body) {
    char line[80];
    snprintf(line, sizeof line, "Idempotency-Key: k-%d-%ld\r\n", c->no, c->requests++);
    for (int tries = 0; tries < 3000 && !atomic_load(&failed); tries++) {
        c->talk.extra = key ? line : NULL;
        int status = talk_ask(&c->talk, method, path, NULL, body);
        if (status == 500) fail("%s %s: %s", path, body ? body : "", c->talk.body);
        if (status != 0 && status != 503 && status != 429) return status;
        atomic_fetch_add(&lost, status == 0);
        usleep(10000);
    }
    if (!atomic_load(&failed)) fail("%s: never answered", path);
    return 0;
}

static bool sql(client *c, const char *tenant, const char *statement) {
    char path[64];
    text body = {0};
    snprintf(path, sizeof path, "/%s/v2/pipeline", tenant);
    text_add(&body, "{\"requests\":[{\"type\":\"execute\",\"stmt\":{\"sql\":\"");
    for (const char *s = statement; *s; s++) text_add(&body, "%s%c", *s == '"' || *s == '\\' ? "\\" : "", *s);
    text_add(&body, "\"}},{\"type\":\"close\"}]}");
    bool ok = ask(c, "POST", path, false, body.ptr) == 200 && !talk_says(&c->talk, "\"type\":\"error\"");
    if (!ok) fail("SQL on %s: %s: %s", tenant, statement, c->talk.body ? c->talk.body : "");
    free(body.ptr);
    return ok;
}

/* The first value, as text; "" for none. */
static void value_of(client *c, const char *tenant, const char *query, char *out, size_t cap) {
    const char *rows, *at = "";
    if (sql(c, tenant, query) && (rows = strstr(c->talk.body, "\"rows\":[[")) && (at = strstr(rows, "\"value\":")))
        at += 8 + (at[8] == '"');
    snprintf(out, cap, "%.*s", at ? (int)strcspn(at, "\"}") : 0, at ? at : "");
}

static void must(client *c, const char *tenant, const char *query, const char *value, const char *what) {
    char seen[80];
    value_of(c, tenant, query, seen, sizeof seen);
    if (strcmp(seen, value) != 0) fail("%s: %s is %s, not %s (%s)", what, tenant, seen, value, query);
}

/* ---- passengers ---- */

static bool may_be_cancelled(int no) {
    return kills && no % 8 == 5;
}

static void cancel(client *c, int no) {
    char path[64];
    usleep((useconds_t)below(&c->random, 400000));
    snprintf(path, sizeof path, "/p%d/api/rides/ride-%d/cancel", no % PASSENGERS, no);
    int status = ask(c, "POST", path, true, "{}");
    bool too_late = status == 422 && talk_says(&c->talk, "BAD_TRANSITION");
    if (status != 200 && !too_late) fail("%s: %d %s", path, status, c->talk.body ? c->talk.body : "");
    atomic_fetch_add(&cancelled, status == 200);
}

static void *passenger(void *ctx) {
    client *c = ctx;
    for (int no; (no = atomic_fetch_add(&next_ride, 1)) < rides && !atomic_load(&failed);) {
        char path[64], body[300];
        snprintf(path, sizeof path, "/p%d/api/rides", no % PASSENGERS);
        snprintf(body, sizeof body, "{\"id\":\"ride-%d\",\"from\":{\"lat\":25.%03d,\"lng\":55.%03d},\"fare\":10}", no,
                 below(&c->random, 400), below(&c->random, 400));
        int status = ask(c, "POST", path, true, body);
        if (status != 201 && status != 200) fail("%s: %d %s", body, status, c->talk.body);
        snprintf(path, sizeof path, "/p%d/api/dispatch", no % PASSENGERS);
        snprintf(body, sizeof body, "{\"streamId\":\"ride-%d\",\"maxDistance\":150000,\"auto\":%s,\"offerSeconds\":%d}",
                 no, no % 2 ? "true" : "false", kills ? 3 : 60);
        status = ask(c, "POST", path, false, body);
        /* it was there, its answer was lost, and somebody has it by now */
        bool again = status == 422 && talk_says(&c->talk, "BAD_TRANSITION");
        if (status != 201 && status != 200 && !again) fail("%s: %d %s", body, status, c->talk.body);
        if (may_be_cancelled(no)) cancel(c, no);
    }
    return NULL;
}

/* ---- drivers ---- */

static void answer_offer(client *c, int driver) {
    char path[80];
    const char *id = c->talk.body ? strstr(c->talk.body, "\"id\":\"") : NULL;
    if (!id) return;
    id += 6;
    int luck = kills ? below(&c->random, 30) : 29;
    if (luck == 0) {
        atomic_fetch_add(&ignored, 1);
        return; /* and perhaps the next time he looks it is still there */
    }
    snprintf(path, sizeof path, "/w%d/api/offers/%.*s/%s", driver, (int)strcspn(id, "\""), id,
             luck == 1 ? "decline" : "accept");
    int status = ask(c, "POST", path, true, NULL);
    if (status == 200) atomic_fetch_add(luck == 1 ? &declined : &accepted, 1);
    else if (status != 409) fail("%s: %d %s", path, status, c->talk.body ? c->talk.body : "");
}

/* Drives what he has: a node of a ride that is not driven yet. */
static void drive(client *c, int driver) {
    static const char *const steps[] = {"start", "finish"};
    char name[16], ride[80], path[96];
    snprintf(name, sizeof name, "w%d", driver);
    value_of(c, name,
             "SELECT coalesce((SELECT n.id FROM nodes n, points p WHERE n.nodeType = 'ride' AND "
             "p.availability = 'en-route' ORDER BY n.rowid DESC LIMIT 1), '')",
             ride, sizeof ride);
    if (!ride[0]) return;
    int no = (int)strtol(ride + 5, NULL, 10);
    for (size_t i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "/w%d/api/rides/%.60s/%s", driver, ride, steps[i]);
        int status = ask(c, "POST", path, true, "{}");
        if (may_be_cancelled(no) && (status == 403 || status == 404 || status == 422)) return; /* just now */
        if (status != 200) fail("%s: %d %s", path, status, c->talk.body ? c->talk.body : "");
    }
    if (no < 0 || no >= rides || driven[no]) fail("%s was driven twice", ride);
    else driven[no] = true;
}

static void *chauffeur(void *ctx) {
    client *c = ctx;
    while (!atomic_load(&over) && !atomic_load(&failed)) {
        for (int i = c->no % CHAUFFEURS; i < drivers && !atomic_load(&over) && !atomic_load(&failed); i += CHAUFFEURS) {
            char path[64];
            snprintf(path, sizeof path, "/w%d/api/offers", i);
            int status = ask(c, "GET", path, false, NULL);
            if (status != 200) fail("%s: %d %s", path, status, c->talk.body ? c->talk.body : "");
            answer_offer(c, i);
            if (atomic_load(&may_finish)) drive(c, i);
        }
        usleep(20000);
    }
    return NULL;
}

/* They tell where they are: of course also right after a start. */
static void *radio(void *ctx) {
    client *c = ctx;
    int told = 0;
    for (int round = 0; !atomic_load(&over) && !atomic_load(&failed); round++) {
        if (told != atomic_load(&port) || round % 50 == 0) {
            told = atomic_load(&port);
            for (int i = 0; i < drivers && told == atomic_load(&port); i++) {
                char path[64], body[80];
                snprintf(path, sizeof path, "/w%d/api/motion", i);
                snprintf(body, sizeof body, "{\"lat\":25.%03d,\"lng\":55.%03d}", below(&c->random, 400),
                         below(&c->random, 400));
                if (ask(c, "POST", path, false, body) != 200) fail("%s: %s", path, c->talk.body);
            }
        }
        usleep(100000);
    }
    return NULL;
}

/* ---- what must hold ---- */

static int count_assigned(client *c) {
    char seen[32];
    value_of(c, "streams", "SELECT count(*) FROM events WHERE opcode = 302", seen, sizeof seen);
    return (int)strtol(seen, NULL, 10);
}

static void check_all_have_one(client *c) {
    char value[16];
    int tries = 0, waiting = 0;
    while (count_assigned(c) < drivers && tries++ < 600 && !atomic_load(&failed)) usleep(100000);
    usleep(1500000); /* nothing more comes of it */
    snprintf(value, sizeof value, "%d", drivers);
    must(c, "streams", "SELECT count(*) FROM events WHERE opcode = 302", value, "as many rides as drivers have one");
    must(c, "streams", "SELECT count(DISTINCT nodeId) FROM events WHERE opcode = 302", value, "each driver has one");
    must(c, "streams", "SELECT count(DISTINCT streamId) FROM events WHERE opcode = 302", value, "of another ride");
    for (int i = 0; i < rides && !atomic_load(&failed); i++) {
        char path[64];
        snprintf(path, sizeof path, "/streams/api/dispatch/ride-%d", i);
        if (ask(c, "GET", path, false, NULL) != 200) fail("%s: %s", path, c->talk.body);
        waiting += talk_says(&c->talk, "\"status\":\"waiting\"");
    }
    if (waiting != rides - drivers) fail("%d rides wait, not %d", waiting, rides - drivers);
    printf("%d rides, %d drivers: each has one, %d rides wait\n", rides, drivers, waiting);
}

static void check_end(client *c) {
    char value[16], name[16];
    snprintf(value, sizeof value, "%d", rides - atomic_load(&cancelled));
    must(c, "streams",
         "SELECT count(*) FROM events WHERE opcode = 302 AND streamId NOT IN (SELECT streamId FROM events WHERE "
         "opcode = 604)",
         value, "each ride has one driver");
    must(c, "streams", "SELECT count(*) - count(DISTINCT streamId) FROM events WHERE opcode = 302", "0", "each one");
    must(c, "streams", "SELECT count(DISTINCT streamId) FROM events WHERE opcode = 603", value, "each was driven");
    must(
        c, "streams",
        "WITH j AS (SELECT a.nodeId w, a.rowid x, coalesce((SELECT r.rowid FROM events r WHERE r.streamId = a.streamId "
        "AND r.opcode IN (603, 604)), 1e15) y FROM events a WHERE a.opcode = 302) SELECT count(*) FROM j p JOIN j q ON "
        "p.w = q.w AND p.x < q.x AND q.x < p.y",
        "0", "no driver has two rides");
    for (int i = 0; i < drivers && !atomic_load(&failed); i++) {
        snprintf(name, sizeof name, "w%d", i);
        must(c, name, "SELECT group_concat(availability || openNow) FROM points", "idle1", "all are idle");
    }
    if (ask(c, "GET", "/streams/api/offers", false, NULL) != 200 || !talk_says(&c->talk, "{\"offers\":[]}"))
        fail("open offers: %s", c->talk.body ? c->talk.body : "");
    for (int i = 0; i < rides && !atomic_load(&failed); i++) {
        char path[64];
        snprintf(path, sizeof path, "/streams/api/dispatch/ride-%d", i);
        if (ask(c, "GET", path, false, NULL) != 200 || !talk_says(&c->talk, "\"searches\":[]"))
            fail("%s: %s", path, c->talk.body ? c->talk.body : "");
    }
}

/* ---- the server's lives ---- */

static const char *const options[] = {"--log-level", "error", "--no-auth", NULL};

static void make_tenant(const server *s, client *c, const char *name, bool drives) {
    server_create_tenant(s, name);
    sql(c, name,
        "CREATE TABLE nodes(id TEXT PRIMARY KEY, parentId TEXT, nodeType TEXT, title TEXT, createdAt TEXT, payload "
        "TEXT)");
    sql(c, name,
        "CREATE TABLE points(id TEXT PRIMARY KEY, nodeId TEXT, qty REAL, price REAL, currency TEXT, availability TEXT, "
        "locationText TEXT, lat REAL, lng REAL, openNow BOOLEAN)");
    if (!drives) return;
    sql(c, name, "INSERT INTO nodes(id, nodeType) VALUES ('d','driver')");
    sql(c, name, "INSERT INTO points(id, nodeId, availability, openNow) VALUES ('pd','d','idle',1)");
}

static void read_options(int argc, char **argv) {
    const char *count = getenv("TRIB_TEST_RIDES");
    if (count) rides = (int)strtol(count, NULL, 10);
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--rides") == 0) rides = (int)strtol(argv[i + 1], NULL, 10);
        else if (strcmp(argv[i], "--drivers") == 0) drivers = (int)strtol(argv[i + 1], NULL, 10);
        else if (strcmp(argv[i], "--seed") == 0) seed = strtoull(argv[i + 1], NULL, 10);
        else if (strcmp(argv[i], "--kills") == 0) kills = argv[i + 1][0] != '0';
    }
    if (!drivers) drivers = rides / 10 > 5 ? rides / 10 : 5;
    if (rides < drivers || rides > RIDES_MAX || drivers < 1 || drivers > DRIVERS_MAX) die("--rides, --drivers");
}

static int live(server *s, client *main_client) {
    int lives = 1, over_before = 0;
    char value[16];
    time_t moved = time(NULL);
    for (int i = 0; count_assigned(main_client) >= 0 && !atomic_load(&failed); i++) {
        value_of(main_client, "streams", "SELECT count(*) FROM events WHERE opcode IN (603, 604)", value, sizeof value);
        int over_now = (int)strtol(value, NULL, 10);
        if (over_now >= rides) return lives;
        if (over_now > over_before) moved = time(NULL);
        over_before = over_now;
        if (i > 3000) fail("rides are still waiting");
        if (!kills && time(NULL) - moved > STALL_SECONDS) fail("drivers are idle and rides wait");
        usleep(kills ? (useconds_t)(50000 + below(&seed, 500000)) : 100000);
        if (!kills) continue;
        kill(s->pid, SIGKILL);
        waitpid(s->pid, NULL, 0);
        server_start_again(s, options);
        atomic_store(&port, s->port);
        lives++;
    }
    return lives;
}

static void begin(client *c, void *(*run)(void *), int no, uint64_t *random) {
    *c = (client){.no = no, .random = *random + (uint64_t)no};
    talk_follow(&c->talk, &port);
    if (pthread_create(&c->thread, NULL, run, c)) die("no thread");
}

static void join(client *c) {
    pthread_join(c->thread, NULL);
    talk_deinit(&c->talk);
}

int main(int argc, char **argv) {
    static client passengers[CLIENTS], chauffeurs[CHAUFFEURS], on_air, own = {.no = 99};
    server s = {0};
    char name[16];
    read_options(argc, argv);
    signal(SIGPIPE, SIG_IGN);
    server_make_folder(&s);
    server_start_again(&s, options);
    atomic_store(&port, s.port);
    talk_follow(&own.talk, &port);
    for (int i = 0; i < PASSENGERS + drivers; i++) {
        snprintf(name, sizeof name, "%c%d", i < PASSENGERS ? 'p' : 'w', i < PASSENGERS ? i : i - PASSENGERS);
        make_tenant(&s, &own, name, i >= PASSENGERS);
    }
    atomic_store(&may_finish, kills);
    begin(&on_air, radio, 50, &seed);
    for (int i = 0; i < CHAUFFEURS; i++) begin(&chauffeurs[i], chauffeur, 60 + i, &seed);
    for (int i = 0; i < CLIENTS; i++) begin(&passengers[i], passenger, i, &seed);
    if (!kills) {
        for (int i = 0; i < CLIENTS; i++) join(&passengers[i]);
        check_all_have_one(&own);
        atomic_store(&may_finish, true);
    }
    int lives = live(&s, &own);
    if (kills)
        for (int i = 0; i < CLIENTS; i++) join(&passengers[i]);
    usleep(kills ? 2000000
                 : 200000); /* who was offered what is cancelled is idle again, long before his time is over */
    atomic_store(&over, true);
    join(&on_air);
    for (int i = 0; i < CHAUFFEURS; i++) join(&chauffeurs[i]);
    check_end(&own);
    talk_deinit(&own.talk);
    printf("%d rides, %d drivers, %d lives of the server: %d accepted, %d declined, %d left alone, %d rides "
           "cancelled, %d requests without an answer\n",
           rides, drivers, lives, atomic_load(&accepted), atomic_load(&declined), atomic_load(&ignored),
           atomic_load(&cancelled), atomic_load(&lost));
    if (atomic_load(&failed)) {
        kill(s.pid, SIGKILL);
        fprintf(stderr, "the folder %s is kept\n", s.folder);
        return 1;
    }
    return server_stop(&s) ? 0 : 1;
}

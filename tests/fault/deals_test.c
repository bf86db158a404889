/* SPDX-License-Identifier: Apache-2.0 */
/* Deals of all kinds at random, by several clients at once, while the real program ($TRIB_BIN) is killed and started
 * again; then what must hold of them all.
 *
 *   client: begin -> step -> step ... -> settled        at each step perhaps: cancel -> cancelled
 *           a request without an answer is sent again, with the same Idempotency-Key, until there is one
 *   main:   SIGKILL after some more requests -> start -> SIGKILL ...
 *
 * In the end: each deal is settled or cancelled, at the version that its client was told, with a ledger of zero and a
 * chain that holds; its node is in both databases, or in none where it was refused; stock is what it was plus what the
 * events say; no worker had two jobs, no day two guests; all workers are idle.
 *
 *   deals_test [--deals N] [--seed N] [--kills 0]     TRIB_TEST_DEALS is the default of --deals */
#include <inttypes.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>

#include "integration/talk.h"

enum {
    CLIENTS = 3,
    SELLERS = 2,
    WORKERS = 3,
    SLOTS = 40,
    STOCK = 100000,
    STEPS_MAX = 12,
    DEALS_MAX = 20000,
    KILL_EVERY = 60,
    KILL_OFTEN = 24
};

/* who: b the buyer, s the seller, d driver, p picker, c courier, P the platform. `job`: the body names a worker. */
typedef struct step {
    char who;
    const char *action, *body, *job;
} step;
typedef struct kind {
    const char *path, *open; /* $i: id, $s: seller, $n $m: numbers; in steps' bodies $w: the worker */
    bool has_seller;
    step steps[STEPS_MAX];
} kind;

static const kind kinds[] = {
    {"orders",
     "{\"id\":\"$i\",\"restaurant\":\"$s\",\"items\":[{\"id\":\"prod-$s\",\"qty\":$n}],\"fees\":$m}",
     true,
     {{'b', "pay", "{}", NULL},
      {'s', "accept", "{}", NULL},
      {'s', "start", "{}", NULL},
      {'s', "done", "{}", NULL},
      {'s', "assign", "{\"driver\":\"$w\",\"fee\":1.25}", "d"},
      {'d', "pickup", "{}", NULL},
      {'d', "deliver", "{}", NULL}}},
    {"rides",
     "{\"id\":\"$i\",\"from\":\"$s\",\"to\":\"$s\",\"fare\":$n.$m}",
     false,
     {{'P', "assign", "{\"driver\":\"$w\",\"commission\":1}", "d"},
      {'d', "arrive", "{}", NULL},
      {'d', "start", "{}", NULL},
      {'d', "finish", "{}", NULL},
      {'b', "pay", "{}", NULL}}},
    {"groceries",
     "{\"id\":\"$i\",\"store\":\"$s\",\"items\":[{\"id\":\"prod-$s\",\"qty\":$n}],\"fees\":$m}",
     true,
     {{'b', "pay", "{}", NULL},
      {'s', "accept", "{}", NULL},
      {'s', "pick", "{\"picker\":\"$w\",\"fee\":0.5}", "p"},
      {'p', "start", "{}", NULL},
      {'p', "done", "{}", NULL},
      {'s', "assign", "{\"driver\":\"$w\",\"fee\":0.7}", "d"},
      {'d', "pickup", "{}", NULL},
      {'d', "deliver", "{}", NULL}}},
    {"parcels",
     "{\"id\":\"$i\",\"seller\":\"$s\",\"items\":[{\"id\":\"prod-$s\",\"qty\":$n}],\"fees\":$m}",
     true,
     {{'s', "accept", "{}", NULL},
      {'s', "pack", "{}", NULL},
      {'b', "pay", "{}", NULL},
      {'s', "assign", "{\"courier\":\"$w\",\"fee\":1}", "c"},
      {'c', "pickup", "{}", NULL},
      {'c', "deliver", "{}", NULL}}},
    {"bookings",
     "{\"id\":\"$i\",\"provider\":\"$s\",\"slot\":\"slot-$s-$n\",\"fees\":$m}",
     true,
     {{'b', "pay", "{}", NULL},
      {'s', "accept", "{}", NULL},
      {'s', "start", "{}", NULL},
      {'s', "done", "{}", NULL},
      {'b', "confirm", "{}", NULL}}},
    {"rentals",
     "{\"id\":\"$i\",\"host\":\"$s\",\"thing\":\"flat-$s\",\"start\":\"2026-01-$n\",\"end\":\"2026-02-$m\"}",
     true,
     {{'s', "accept", "{}", NULL}, {'b', "pay", "{}", NULL}, {'s', "start", "{}", NULL}, {'b', "end", "{}", NULL}}},
};
enum { KINDS = sizeof kinds / sizeof *kinds };

typedef struct deal {
    char id[24];
    int buyer, seller, kind;
    bool opened;
    long version; /* as it was told last */
} deal;

static deal deals[DEALS_MAX];
static atomic_int next_deal, port, busy, lost, repeated, refused, asked;
static atomic_bool failed;
static int wanted = 20;
static uint64_t seed;

typedef struct client {
    talk talk;
    uint64_t random;
    int no;
    long requests;
    char driver[16], picker[16], courier[16]; /* of the last assignment */
    pthread_t thread;
} client;

static uint64_t draw(uint64_t *state) {
    *state += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t z = (*state ^ (*state >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}
static int below(uint64_t *state, int n) {
    return (int)(draw(state) % (uint64_t)n);
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

/* ---- clients ---- */

/* Sends it until there is an answer that says what has become of it. */
static int post(client *c, const char *path, const char *body) {
    char key[80];
    bool again = false;
    snprintf(key, sizeof key, "Idempotency-Key: k-%d-%ld\r\n", c->no, c->requests++);
    c->talk.extra = key;
    atomic_fetch_add(&asked, 1);
    for (int tries = 0; tries < 3000 && !atomic_load(&failed); tries++) {
        int status = talk_ask(&c->talk, "POST", path, NULL, body);
        if (status == 500) fail("%s %s: %s", path, body, c->talk.body);
        /* a database of the server's own lets nobody keep its turn for more than a second, on a slow machine neither */
        bool waits = status == 503 || status == 429 || (status == 400 && talk_says(&c->talk, "TRANSACTION_TIMEOUT"));
        if (status != 0 && !waits) {
            if (again && talk_says(&c->talk, "\"duplicate\":true")) atomic_fetch_add(&repeated, 1);
            if (status >= 300) atomic_fetch_add(&refused, 1);
            return status;
        }
        if (status == 0) atomic_fetch_add(&lost, 1);
        else atomic_fetch_add(&busy, 1);
        again = true;
        usleep(10000);
    }
    fail("%s: never answered", path);
    return 0;
}

static void note_version(const client *c, deal *d) {
    const char *at = c->talk.body ? strstr(c->talk.body, "\"version\":") : NULL;
    if (at) d->version = strtol(at + 10, NULL, 10);
}

/* A template with its words filled in; numbers have two digits, as days have. */
static void fill(char *out, size_t cap, const char *from, const char *id, const char *name, int n, int m) {
    size_t at = 0;
    for (; *from && at + 24 < cap; from++) {
        if (*from != '$') {
            out[at++] = *from;
            continue;
        }
        from++;
        if (*from == 'n' || *from == 'm') at += (size_t)snprintf(out + at, cap - at, "%02d", *from == 'n' ? n : m);
        else at += (size_t)snprintf(out + at, cap - at, "%.20s", *from == 'i' ? id : name);
    }
    out[at] = '\0';
}

static int act(client *c, deal *d, const char *who, const char *action, const char *body) {
    char path[160];
    snprintf(path, sizeof path, "/%s/api/%s/%s/%s", who, kinds[d->kind].path, d->id, action);
    int status = post(c, path, body);
    if (status == 200) note_version(c, d);
    return status;
}

static const char *name_of(client *c, const deal *d, char who) {
    static const char *const buyers[] = {"c0", "c1", "c2"}, *const sellers[] = {"m0", "m1"};
    if (who == 'b') return buyers[d->buyer];
    if (who == 's') return sellers[d->seller];
    return who == 'd' ? c->driver : who == 'p' ? c->picker : who == 'c' ? c->courier : "streams";
}

/* One who is free, within some tries. */
static int assign(client *c, deal *d, const step *s) {
    char body[128], *worker = *s->job == 'd' ? c->driver : *s->job == 'p' ? c->picker : c->courier;
    int status = 409;
    for (int tries = 0; tries < 10 && status == 409; tries++) {
        snprintf(worker, sizeof c->driver, "w%d", below(&c->random, WORKERS));
        fill(body, sizeof body, s->body, d->id, worker, 0, 0);
        status = act(c, d, name_of(c, d, s->who), s->action, body);
        if (status == 409) usleep(5000);
    }
    return status;
}

static void play(client *c, deal *d) {
    const kind *k = &kinds[d->kind];
    char path[64], body[300];
    int n = below(&c->random, 6) + 10, m = below(&c->random, 19) + 10;
    const char *seller = name_of(c, d, 's');
    if (strcmp(k->path, "bookings") == 0) n = 10 + below(&c->random, SLOTS);
    if (strcmp(k->path, "rentals") == 0) n += below(&c->random, 16);
    snprintf(path, sizeof path, "/%s/api/%s", name_of(c, d, 'b'), k->path);
    fill(body, sizeof body, k->open, d->id, seller, n, m);
    int status = post(c, path, body);
    d->opened = status == 200 || status == 201;
    if (!d->opened) {
        if (status != 409) fail("%s was refused: %d %s", body, status, c->talk.body ? c->talk.body : "");
        return;
    }
    note_version(c, d);
    int stop = below(&c->random, 2 * STEPS_MAX); /* where somebody changes his mind */
    for (int i = 0; i < STEPS_MAX && k->steps[i].action && !atomic_load(&failed); i++) {
        const step *s = &k->steps[i];
        if (i == stop) status = 409;
        else if (s->job) status = assign(c, d, s);
        else status = act(c, d, name_of(c, d, s->who), s->action, s->body);
        if (status == 200) continue;
        if (status != 409) fail("%s %s/%s: %d %s", d->id, k->path, s->action, status, c->talk.body);
        status = act(c, d, name_of(c, d, 'b'), "cancel", "{}");
        if (status == 200) return;
        if (status != 422) fail("%s cancel: %d", d->id, status);
        i--; /* too late to cancel: it goes on */
        stop = -1;
    }
}

static void *run_client(void *ctx) {
    client *c = ctx;
    for (;;) {
        int no = atomic_fetch_add(&next_deal, 1);
        if (no >= wanted || atomic_load(&failed)) return NULL;
        deal *d = &deals[no];
        snprintf(d->id, sizeof d->id, "deal-%d", no);
        d->kind = below(&c->random, KINDS);
        d->buyer = below(&c->random, 3);
        d->seller = below(&c->random, SELLERS);
        play(c, d);
    }
}

/* ---- what must hold ---- */

static void sql(talk *t, const char *tenant, const char *statement) {
    char path[64];
    text body = {0};
    snprintf(path, sizeof path, "/%s/v2/pipeline", tenant);
    text_add(&body, "{\"requests\":[{\"type\":\"execute\",\"stmt\":{\"sql\":\"");
    for (const char *c = statement; *c; c++) text_add(&body, "%s%c", *c == '"' || *c == '\\' ? "\\" : "", *c);
    text_add(&body, "\"}},{\"type\":\"close\"}]}");
    if (talk_ask(t, "POST", path, NULL, body.ptr) != 200 || talk_says(t, "\"type\":\"error\""))
        fail("SQL on %s: %s: %d %s", tenant, statement, t->status, t->body ? t->body : "");
    free(body.ptr);
}

/* One value, as text. */
static void must(talk *t, const char *tenant, const char *query, const char *value, const char *what) {
    char seen[80];
    sql(t, tenant, query);
    const char *rows = t->body ? strstr(t->body, "\"rows\":[[") : NULL, *at = rows ? strstr(rows, "\"value\":") : NULL;
    if (at) at += 8 + (at[8] == '"');
    else at = "";
    snprintf(seen, sizeof seen, "%.*s", (int)strcspn(at, "\"}"), at);
    if (strcmp(seen, value) != 0) fail("%s: %s is %s, not %s (%s)", what, tenant, seen, value, query);
}

static void check_deal(talk *t, const deal *d) {
    char path[96], version[48];
    snprintf(path, sizeof path, "/streams/api/streams/%.23s/state", d->id);
    snprintf(version, sizeof version, "\"version\":%ld,\"misfits\":0,", d->version);
    int status = talk_ask(t, "GET", path, NULL, NULL);
    if (!d->opened) {
        if (status != 404) fail("%s was refused and is there", d->id);
        return;
    }
    if (status != 200 || !talk_says(t, "\"final\":true") || !talk_says(t, "\"balance\":0,") || !talk_says(t, version))
        fail("%s (%s) should have ended at %ld: %s", d->id, kinds[d->kind].path, d->version, t->body ? t->body : "");
    snprintf(path, sizeof path, "/streams/api/streams/%.23s/verify", d->id);
    if (talk_ask(t, "GET", path, NULL, NULL) != 200 || !talk_says(t, "\"ok\":true")) fail("%s: chain", d->id);
}

static void check_nodes(talk *t) {
    static const char query[] = "SELECT count(*) FROM nodes WHERE id LIKE 'deal-%'";
    char name[16], count[24];
    for (int i = 0; i < 3 + SELLERS; i++) {
        int n = 0;
        for (int d = 0; d < wanted; d++) {
            bool has = i < 3 ? deals[d].buyer == i : kinds[deals[d].kind].has_seller && deals[d].seller == i - 3;
            n += deals[d].opened && has;
        }
        snprintf(name, sizeof name, "%c%d", i < 3 ? 'c' : 'm', i < 3 ? i : i - 3);
        snprintf(count, sizeof count, "%d", n);
        must(t, name, query, count, "each deal has its node, and only those");
    }
}

static void check_stock(talk *t) {
    char query[400], name[16], value[32];
    for (int i = 0; i < SELLERS; i++) {
        snprintf(name, sizeof name, "m%d", i);
        snprintf(query, sizeof query,
                 "SELECT CAST(coalesce(sum(delta), 0) + %d AS INTEGER) FROM events WHERE opcode IN (102, 103) "
                 "AND pointId = 'pt-%s'",
                 STOCK, name);
        sql(t, "streams", query);
        const char *at = t->body ? strstr(t->body, "\"value\":\"") : NULL;
        snprintf(value, sizeof value, "%.*s", at ? (int)strcspn(at + 9, "\"") : 0, at ? at + 9 : "");
        snprintf(query, sizeof query, "SELECT CAST(qty AS INTEGER) FROM points WHERE id = 'pt-%s'", name);
        must(t, name, query, value, "stock + deltas");
        must(t, name, "SELECT count(*) FROM points WHERE qty < 0 OR (id LIKE 'slot-%' AND qty > 1)", "0", "stock");
    }
}

static void check_all(talk *t) {
    char name[16];
    for (int d = 0; d < wanted && !atomic_load(&failed); d++) check_deal(t, &deals[d]);
    check_nodes(t);
    check_stock(t);
    for (int i = 0; i < WORKERS; i++) {
        snprintf(name, sizeof name, "w%d", i);
        must(t, name, "SELECT count(*) FROM points WHERE availability = 'idle' AND openNow", "2", "all are idle");
    }
    must(
        t, "streams",
        "WITH j AS (SELECT streamId s, nodeId w, rowid a, e.payload ->> 'picker' IS NOT NULL p, (SELECT min(r.rowid) "
        "FROM "
        "events r WHERE r.streamId = e.streamId AND r.rowid > e.rowid AND (r.opcode = 309 OR (e.payload ->> 'picker' "
        "IS "
        "NULL AND r.opcode IN (503, 603)) OR (e.payload ->> 'picker' IS NOT NULL AND r.opcode = 305))) b FROM events e "
        "WHERE opcode = 302 AND payload ->> 'courier' IS NULL) SELECT count(*) FROM j x JOIN j y ON x.w = y.w AND "
        "x.p = y.p AND x.a < y.a AND y.a < coalesce(x.b, 1e15)",
        "0", "no worker has two jobs");
    must(t, "streams",
         "WITH r AS (SELECT o.nodeId n, o.payload ->> 'start' f, o.payload ->> 'end' u, a.rowid a, (SELECT "
         "min(z.rowid) FROM "
         "events z WHERE z.streamId = a.streamId AND z.opcode IN (622, 623)) b FROM events a JOIN events o ON "
         "o.streamId = "
         "a.streamId AND o.opcode = 611 AND o.payload ->> 'streamType' = 'rental' WHERE a.opcode = 301) SELECT "
         "count(*) FROM "
         "r x JOIN r y ON x.n = y.n AND x.a < y.a AND y.a < coalesce(x.b, 1e15) AND x.f < y.u AND y.f < x.u",
         "0", "no day has two guests");
    must(t, "streams",
         "SELECT count(*) FROM (SELECT 1 FROM events WHERE opcode IN (501, 601, 611, 503, 603, 504, 604, 613, 623) "
         "GROUP BY streamId, opcode HAVING count(*) > 1)",
         "0", "each event once");
}

/* ---- the server's lives ---- */

static const char *const options[] = {"--log-level", "error", "--no-auth", NULL};

static void make_tenant(const server *s, talk *t, const char *name) {
    server_create_tenant(s, name);
    sql(t, name,
        "CREATE TABLE nodes(id TEXT PRIMARY KEY, parentId TEXT, nodeType TEXT, title TEXT, createdAt TEXT, payload "
        "TEXT)");
    sql(t, name,
        "CREATE TABLE points(id TEXT PRIMARY KEY, nodeId TEXT, qty REAL, price REAL, currency TEXT, availability TEXT, "
        "locationText TEXT, lat REAL, lng REAL, openNow BOOLEAN)");
}

static void make_tenants(const server *s, talk *t) {
    char name[16], rows[900];
    for (int i = 0; i < 3 + SELLERS + WORKERS; i++) {
        int no = i < 3 ? i : i < 3 + SELLERS ? i - 3 : i - 3 - SELLERS;
        snprintf(name, sizeof name, "%c%d", i < 3 ? 'c' : i < 3 + SELLERS ? 'm' : 'w', no);
        make_tenant(s, t, name);
        if (*name == 'm') {
            snprintf(rows, sizeof rows,
                     "INSERT INTO nodes(id, nodeType, payload) VALUES ('a','restaurant',NULL),('b','store',NULL),"
                     "('c','provider',NULL),('d','host',NULL),('prod-%s','product',NULL),('flat-%s','place',NULL),"
                     "('slot','slot','{\"start\":\"2026-03-01\",\"end\":\"2026-03-02\"}')",
                     name, name);
            sql(t, name, rows);
            snprintf(rows, sizeof rows,
                     "INSERT INTO points(id, nodeId, qty, price) VALUES "
                     "('pt-%s','prod-%s',%d,3.35),('pf-%s','flat-%s',NULL,80)",
                     name, name, STOCK, name, name);
            sql(t, name, rows);
            snprintf(
                rows, sizeof rows,
                "WITH RECURSIVE n(i) AS (SELECT 10 UNION ALL SELECT i + 1 FROM n WHERE i < %d) INSERT INTO points(id, "
                "nodeId, qty, price) SELECT 'slot-%s-' || i, 'slot', 1, 120 FROM n",
                SLOTS + 9, name);
            sql(t, name, rows);
        } else if (*name == 'w') {
            sql(t, name, "INSERT INTO nodes(id, nodeType) VALUES ('d','driver'),('p','picker'),('c','courier')");
            sql(t, name,
                "INSERT INTO points(id, nodeId, availability, openNow) VALUES ('pd','d','idle',1),('pp','p','idle',1)");
        }
    }
}

/* False: all is asked for that will be. By requests, not by time: how long they take is the machine's. */
static bool go_on_until(int request) {
    while (atomic_load(&asked) < request) {
        if (atomic_load(&next_deal) >= wanted + CLIENTS || atomic_load(&failed)) return false;
        usleep(500);
    }
    return true;
}

int main(int argc, char **argv) {
    server s = {0};
    talk t;
    static client clients[CLIENTS];
    bool kills = true;
    int lives = 1, every = KILL_EVERY;
    const char *count = getenv("TRIB_TEST_DEALS");
    if (count) wanted = (int)strtol(count, NULL, 10);
    seed = (uint64_t)time(NULL);
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--deals") == 0) wanted = (int)strtol(argv[i + 1], NULL, 10);
        else if (strcmp(argv[i], "--seed") == 0) seed = strtoull(argv[i + 1], NULL, 10);
        else if (strcmp(argv[i], "--kills") == 0) kills = argv[i + 1][0] != '0';
    }
    if (wanted < 1 || wanted > DEALS_MAX) die("--deals");
    if (wanted < KILL_EVERY) every = KILL_OFTEN; /* also a short run is to see some */
    signal(SIGPIPE, SIG_IGN);
    server_make_folder(&s);
    server_start_again(&s, options);
    atomic_store(&port, s.port);
    talk_init(&t, s.port);
    make_tenants(&s, &t);
    uint64_t random = seed;
    for (int i = 0; i < CLIENTS; i++) {
        clients[i] = (client){.no = i, .random = draw(&random)};
        talk_follow(&clients[i].talk, &port);
        if (pthread_create(&clients[i].thread, NULL, run_client, &clients[i])) die("no thread");
    }
    while (kills && go_on_until(atomic_load(&asked) + 1 + below(&random, every))) {
        usleep((useconds_t)below(&random, 3000)); /* anywhere in a request */
        kill(s.pid, SIGKILL);
        waitpid(s.pid, NULL, 0);
        server_start_again(&s, options);
        atomic_store(&port, s.port);
        lives++;
    }
    for (int i = 0; i < CLIENTS; i++) {
        pthread_join(clients[i].thread, NULL);
        talk_deinit(&clients[i].talk);
    }
    talk_hang_up(&t);
    t.port = s.port;
    check_all(&t);
    talk_deinit(&t);
    printf("seed %" PRIu64
           ": %d deals, %d lives of the server, %d requests without an answer, %d told to wait, %d done "
           "before their answer was lost, %d refused\n",
           seed, wanted, lives, atomic_load(&lost), atomic_load(&busy), atomic_load(&repeated), atomic_load(&refused));
    /* a quick machine must not be done before the first kill */
    if (kills && wanted >= 20 && lives < 3) fail("it was killed %d times only", lives - 1);
    if (atomic_load(&failed)) {
        kill(s.pid, SIGKILL);
        fprintf(stderr, "the folder %s is kept\n", s.folder);
        return 1;
    }
    return server_stop(&s) ? 0 : 1;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The crash loop: the real program ($TRIB_BIN) is written to over sockets, killed at random moments and started again
 * on the same folder; then every tenant is compared with what was sent.
 *
 *   start (some starts are killed too) -> verify -> clients and an administrator at work -> SIGKILL | SIGTERM | both
 *     ^                                                                                              |
 *     `----------------------------------------------------------------------------------------------'
 *
 * Checked after every restart: an acknowledged commit is there (lost); what is there was sent, whole, and was not
 * refused or rolled back (phantom); rows are as they were sent and in their client's order, integrity_check (corrupt);
 * the same for tenants, revocations and signing keys. After SIGTERM alone the status is 0 and what was not answered was
 * not done. SIGKILL leaves the page cache alone, so a missing fsync is not seen here but by the power cuts.
 *
 *   crashloop_test [--cycles N] [--seed N] [--only KIND]   TRIB_TEST_CRASH_CYCLES is the default of --cycles; KIND is a
 *   number of `life` below, to look at one kind of end alone */
#include <inttypes.h>

#include "fault/crashloop.h"

enum { TENANT_LIFE = 6 }; /* cycles; then it is deleted, so that the loop's length does not make it slower */

typedef enum life { KILL, KILL_HEAVY, TERM, TERM_KILL, FIRST_START, KIND_COUNT } life;

static const char *const kind_names[KIND_COUNT] = {
    [KILL] = "killed",
    [KILL_HEAVY] = "killed with a large log",
    [TERM] = "ended by SIGTERM",
    [TERM_KILL] = "killed while ending",
    [FIRST_START] = "killed in the first start",
};

typedef struct loop {
    server server;
    crash_run run;
    crash_totals totals;
    uint64_t random, serial;
    long start_us; /* how long a start takes */
    unsigned lives;
    int only; /* a kind, or KIND_COUNT for all */
    unsigned long counts[KIND_COUNT], killed_starts;
} loop;

static long below(loop *l, long n) {
    return n <= 0 ? 0 : (long)(crash_random(&l->random) % (uint64_t)n);
}

static long now_us(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static unsigned long failures(const loop *l) {
    return atomic_load(&l->totals.lost) + atomic_load(&l->totals.phantom) + atomic_load(&l->totals.corrupt) +
           atomic_load(&l->totals.other);
}

/* SIGKILL and the end of it; false if it had ended by itself. */
static bool kill_and_wait(const server *s) {
    int status;
    bool alive = waitpid(s->pid, &status, WNOHANG) == 0;
    if (!alive) return false;
    kill(s->pid, SIGKILL);
    waitpid(s->pid, &status, 0);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
}

static void killed_start(loop *l, server *s) {
    int out;
    server_spawn(s, (const char *const[]){"--log-level", "warn", NULL}, &out);
    usleep((useconds_t)below(l, l->start_us * 5 / 4));
    if (!kill_and_wait(s)) crash_fail(&l->totals.other, "start", "a start that was to be killed ended by itself");
    close(out);
    l->killed_starts++;
}

static void started(loop *l, server *s) {
    long begin = now_us();
    server_start_again(s, (const char *const[]){"--log-level", "warn", NULL});
    long took = now_us() - begin;
    l->start_us = l->start_us ? (l->start_us * 7 + took) / 8 : took;
}

/* A new folder whose first starts are killed must come up in the end, and work. */
static void first_start(loop *l) {
    server s = {0};
    crash_run run = {.server = &s, .totals = &l->totals};
    char token[CRASH_TOKEN_BYTES];
    talk admin, user;
    server_make_folder(&s);
    for (long n = 1 + below(l, 3); n > 0; n--) killed_start(l, &s);
    started(l, &s);
    talk_admin_key(&s, run.admin_key, sizeof run.admin_key);
    talk_init(&admin, s.admin_port);
    talk_init(&user, s.port);
    if (talk_ask(&admin, "POST", "/v1/namespaces/first/create", run.admin_key, "{}") != 200 ||
        !crash_make_token(&run, &admin, "first", token) || !crash_sql(&user, "first", token, "CREATE TABLE t(a)"))
        crash_fail(&l->totals.other, "first start", "no tenant, token or table: %d %.200s", admin.status, admin.body);
    talk_deinit(&admin);
    talk_deinit(&user);
    if (!server_stop(&s)) crash_fail(&l->totals.other, "first start", "it did not end cleanly");
}

/* Deletes the tenant in the place, if any, and makes another. */
static void renew_tenant(loop *l, talk *admin, talk *user, int i) {
    static const char schema[] =
        "CREATE TABLE log(n INTEGER PRIMARY KEY AUTOINCREMENT, client INTEGER NOT NULL, seq INTEGER NOT NULL, "
        "unit INTEGER NOT NULL, k INTEGER NOT NULL, m INTEGER NOT NULL, r INTEGER NOT NULL, body TEXT NOT NULL, "
        "UNIQUE(client, seq))";
    char path[96];
    crash_tenant *tenant = l->run.tenants[i];
    if (tenant) {
        snprintf(path, sizeof path, "/v1/namespaces/%s", tenant->name);
        if (talk_ask(admin, "DELETE", path, l->run.admin_key, "{\"now\":true}") != 200)
            crash_fail(&l->totals.other, "admin", "DELETE %s: %d", path, admin->status);
        crash_tenant_deinit(tenant);
    }
    l->run.tenants[i] = tenant = calloc(1, sizeof *tenant);
    if (!tenant) die("no memory");
    tenant->serial = l->serial++;
    for (int c = 0; c < CRASH_CLIENTS; c++) tenant->slots[c].last_present = -1;
    snprintf(tenant->name, sizeof tenant->name, "d%" PRIu64, tenant->serial);
    snprintf(path, sizeof path, "/v1/namespaces/%s/create", tenant->name);
    if (talk_ask(admin, "POST", path, l->run.admin_key, "{}") != 200 ||
        !crash_make_token(&l->run, admin, tenant->name, tenant->token) ||
        !crash_sql(user, tenant->name, tenant->token, schema))
        die("a tenant could not be made");
}

static void verify(loop *l) {
    talk admin, user;
    talk_init(&admin, l->server.admin_port);
    talk_init(&user, l->server.port);
    talk_admin_key(&l->server, l->run.admin_key, sizeof l->run.admin_key);
    crash_names_verify(&l->run, &user, &admin, &l->random);
    for (int i = 0; i < CRASH_TENANTS; i++) {
        crash_tenant *tenant = l->run.tenants[i];
        if (tenant) crash_tenant_verify(&l->run, &user, tenant);
        if (!tenant || ++tenant->age > TENANT_LIFE + i) renew_tenant(l, &admin, &user, i);
    }
    talk_deinit(&admin);
    talk_deinit(&user);
}

static void end_server(loop *l, life kind) {
    static const long pauses_us[KIND_COUNT] = {[TERM_KILL] = 40000};
    l->run.graceful = kind == TERM;
    atomic_store(&l->run.ending, true);
    if (kind == TERM || kind == TERM_KILL) kill(l->server.pid, SIGTERM);
    if (kind == TERM_KILL) usleep((useconds_t)below(l, pauses_us[kind]));
    if (kind == TERM) {
        int status = server_wait(&l->server, 20);
        if (status != 0) {
            crash_fail(&l->totals.other, "SIGTERM", "the server ended with status %d", status);
            server_show_log(&l->server);
            kill_and_wait(&l->server);
        }
    } else if (!kill_and_wait(&l->server) && kind != TERM_KILL) {
        crash_fail(&l->totals.other, "crash", "the server ended before it was killed");
        server_show_log(&l->server);
    }
}

static void one_life(loop *l, life kind) {
    crash_client clients[CRASH_CLIENTS + 1];
    l->run.heavy = kind == KILL_HEAVY;
    l->run.graceful = false;
    l->lives++;
    atomic_store(&l->run.ending, false);
    for (int i = 0; i <= CRASH_CLIENTS; i++) {
        clients[i] = (crash_client){.run = &l->run, .no = i, .random = crash_random(&l->random)};
        clients[i].request = (uint32_t)l->lives << 16; /* a request's number is its own in the whole loop */
        if (pthread_create(&clients[i].thread, NULL, i < CRASH_CLIENTS ? crash_writer : crash_admin, &clients[i]))
            die("no thread");
    }
    usleep((useconds_t)below(l, kind == KILL_HEAVY ? 700000 : 250000));
    end_server(l, kind);
    for (int i = 0; i <= CRASH_CLIENTS; i++) pthread_join(clients[i].thread, NULL);
}

static void cycle(loop *l) {
    static const life often[] = {KILL,       KILL, KILL, KILL,      KILL,      KILL_HEAVY,
                                 KILL_HEAVY, TERM, TERM, TERM_KILL, TERM_KILL, FIRST_START};
    life kind = often[below(l, sizeof often / sizeof *often)];
    if (l->only != KIND_COUNT) kind = (life)l->only;
    l->counts[kind]++;
    if (kind == FIRST_START) {
        first_start(l);
        return;
    }
    for (long n = below(l, 4) ? 0 : 1 + below(l, 3); n > 0; n--) killed_start(l, &l->server);
    started(l, &l->server);
    verify(l);
    one_life(l, kind);
}

/* Deletes every tenant and kills the server: what the kill left of their files must go with the next start. */
static void nothing_is_left_of_deleted_tenants(loop *l) {
    char path[200];
    talk admin;
    talk_init(&admin, l->server.admin_port);
    for (size_t i = 0; i < l->run.name_count + CRASH_TENANTS; i++) {
        const char *name = i < CRASH_TENANTS ? l->run.tenants[i]->name : l->run.names[i - CRASH_TENANTS].name;
        snprintf(path, sizeof path, "/v1/namespaces/%s", name);
        if (talk_ask(&admin, "DELETE", path, l->run.admin_key, "{\"now\":true}") != 200)
            crash_fail(&l->totals.other, "end", "DELETE %s: %d", path, admin.status);
    }
    talk_deinit(&admin);
    kill_and_wait(&l->server);
    started(l, &l->server);
    snprintf(path, sizeof path, "find '%s/data/db' -type f", l->server.folder);
    FILE *files = popen(path, "r");
    while (files && fgets(path, sizeof path, files))
        crash_fail(&l->totals.other, "end", "of a deleted tenant there is %.*s", (int)strcspn(path, "\n"), path);
    if (files) pclose(files);
}

/* True if the server wrote of something that must not happen. */
static bool log_is_bad(const server *s) {
    static const char *const words[] = {"Sanitizer", "runtime error", "quarantin", "Assertion"};
    char path[160], line[512];
    bool bad = false;
    snprintf(path, sizeof path, "%s/log", s->folder);
    FILE *log = fopen(path, "r");
    while (log && fgets(line, sizeof line, log)) {
        for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
            if (!strstr(line, words[i])) continue;
            if (!bad) fprintf(stderr, "FAILED: log: %s", line);
            bad = true;
        }
    }
    if (log) fclose(log);
    return bad;
}

static void report(const loop *l, unsigned long cycles, uint64_t seed) {
    const crash_totals *t = &l->totals;
    printf("seed %" PRIu64 ":", seed);
    for (int i = 0; i < KIND_COUNT; i++) printf(" %lu %s,", l->counts[i], kind_names[i]);
    printf(" %lu more starts killed\n", l->killed_starts);
    printf("refused %lu, unanswered %lu, rows compared %lu, tenants made %lu, deleted %lu, revocations %lu\n",
           atomic_load(&t->refused), atomic_load(&t->unanswered), atomic_load(&t->rows_checked),
           atomic_load(&t->tenants_made), atomic_load(&t->tenants_deleted), atomic_load(&t->revoked));
    printf("%lu cycles, %lu commits acknowledged, %lu lost, %lu phantom, %lu corrupt, %lu other failures\n", cycles,
           atomic_load(&t->acked), atomic_load(&t->lost), atomic_load(&t->phantom), atomic_load(&t->corrupt),
           atomic_load(&t->other));
}

int main(int argc, char **argv) {
    static loop l;
    const char *cycles_text = getenv("TRIB_TEST_CRASH_CYCLES");
    unsigned long cycles = cycles_text ? strtoul(cycles_text, NULL, 10) : 50, done = 0;
    uint64_t seed = (uint64_t)time(NULL);
    int only = KIND_COUNT;
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--cycles") == 0) cycles = strtoul(argv[i + 1], NULL, 10);
        else if (strcmp(argv[i], "--seed") == 0) seed = strtoull(argv[i + 1], NULL, 10);
        else if (strcmp(argv[i], "--only") == 0) only = (int)strtol(argv[i + 1], NULL, 10) % KIND_COUNT;
    }
    l.random = seed;
    l.only = only;
    l.run.server = &l.server;
    l.run.totals = &l.totals;
    signal(SIGPIPE, SIG_IGN);
    server_make_folder(&l.server);
    started(&l, &l.server);
    end_server(&l, KILL);
    for (; done < cycles && failures(&l) == 0; done++) cycle(&l);
    started(&l, &l.server);
    verify(&l);
    if (failures(&l) == 0) nothing_is_left_of_deleted_tenants(&l);
    for (int i = 0; i < CRASH_TENANTS; i++) crash_tenant_deinit(l.run.tenants[i]);
    free(l.run.names);
    if (log_is_bad(&l.server)) atomic_fetch_add(&l.totals.other, 1);
    if (failures(&l) == 0 && !server_stop(&l.server)) crash_fail(&l.totals.other, "end", "it did not end cleanly");
    report(&l, done, seed);
    if (failures(&l) == 0) return 0;
    kill_and_wait(&l.server);
    fprintf(stderr, "FAILED: the folder %s is kept\n", l.server.folder);
    return 1;
}

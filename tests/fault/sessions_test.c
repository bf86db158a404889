/* SPDX-License-Identifier: Apache-2.0 */
/* The session oracle: many sessions of several tenants, interleaved at random over the real core and Hrana face, must
 * each answer as the same session alone on its own plain SQLite connection (sessions_model.c). Nothing of one session
 * may show in another: settings, counters, transactions, temporary objects, stored SQL, also not through a connection
 * that was given back and lent again.
 *
 *   sessions_test --steps 50000 --seed 1
 *
 * A round sends one request to one session of each tenant, or to several at once that cannot disturb each other. What
 * must wait for the turn is known from the models: such a request stays in flight while others go on, and its answer
 * comes when the owner ends its transaction, closes, expires, or loses it. Changes of the shared table are compared by
 * the order of their commits. */
#include "sessions.h"

enum {
    WAIT_MS = 60000,             /* an answer that takes longer is lost */
    STEAL_OFF_MS = 24 * 3600000, /* transactions are taken away only where the models know of it */
    BURST_MAX = 4,
    SHARED_CHECK_ROWS = 400
};

typedef struct world {
    app_test app;
    trib_principal me;
    ss_random random;
    uint64_t seed, steps, requests, waits, early_busy, steals, expiries, restarts, bursts, sessions, shared;
    bool verbose;
    ss_tenant tenants[SS_TENANTS];
    ss_slot slots[SS_TENANTS][SS_SLOTS];
} world;

static world *the_world; /* for ss_fail */

_Noreturn void ss_fail(const char *format, ...) {
    va_list args;
    va_start(args, format);
    fprintf(stderr, "seed %llu, step %llu: ", (unsigned long long)the_world->seed,
            (unsigned long long)the_world->steps);
    vfprintf(stderr, format, args);
    fprintf(stderr, "\n");
    va_end(args);
    fflush(NULL);
    _exit(1);
}

/* ---- asking ---- */

static void begin(world *w, ss_slot *slot) {
    slot->body = ss_body_of(slot, &slot->request);
    ss_model_begin(slot);
    if (w->verbose)
        printf("%llu %s/%s%s %s\n", (unsigned long long)w->steps, slot->tenant->name, slot->prefix,
               slot->request.reader ? " (reader)" : "", slot->body);
    trib_tenant *tenant = slot->tenant->tenant;
    trib_tenant_set(tenant, TRIB_TENANT_BLOCK_WRITES, slot->request.reader);
    http_test_begin(&w->app, &slot->http, slot->request.cursor ? hrana_handle_cursor : hrana_handle_pipeline, tenant,
                    &w->me, slot->body);
    trib_tenant_set(tenant, TRIB_TENANT_BLOCK_WRITES, false);
    w->requests++;
    w->steps += ss_statements_of(&slot->request);
}

/* Ends one job that came home; false: none came within WAIT_MS. */
static bool pump(world *w) {
    app_test *t = &w->app;
    trib_mutex_lock(&t->env.env, t->lock);
    if (trib_list_is_empty(&t->posted)) trib_cond_wait(&t->env.env, t->cond, t->lock, (int64_t)WAIT_MS * 1000000);
    trib_list *link = trib_list_take_first(&t->posted);
    trib_mutex_unlock(&t->env.env, t->lock);
    if (!link) return false;
    trib_job *job = TRIB_LIST_ITEM(link, trib_job, link);
    job->done(job);
    return true;
}

const char *ss_answer_of(ss_slot *slot) {
    while (!slot->http.answered)
        if (!pump(the_world)) ss_fail("no answer for %s to %s", slot->prefix, slot->body);
    return slot->http.body.ptr;
}

static bool is_home(world *w) {
    app_test *t = &w->app;
    trib_mutex_lock(&t->env.env, t->lock);
    bool home = !trib_list_is_empty(&t->posted);
    trib_mutex_unlock(&t->env.env, t->lock);
    return home;
}

static const char *skip_counters(const char *got) {
    static const char reads[] = ",\"rows_read\":", writes[] = ",\"rows_written\":";
    if (strncmp(got, reads, sizeof reads - 1) != 0) return got;
    got += sizeof reads - 1;
    got += strspn(got, "0123456789");
    if (strncmp(got, writes, sizeof writes - 1) != 0) return got;
    got += sizeof writes - 1;
    return got + strspn(got, "0123456789");
}

/* Where `got` goes on behind `want`, or NULL: they differ. Messages that the model does not know may be any. */
static const char *compare(trib_str want, const char *got) {
    static const char any[] = "\"*ANY*\"";
    for (size_t i = 0; i < want.len; i++) {
        got = skip_counters(got);
        if (want.len - i >= sizeof any - 1 && memcmp(want.ptr + i, any, sizeof any - 1) == 0) {
            const char *end = *got == '"' ? strstr(got, "\",\"code\":") : NULL;
            if (!end || end == got + 1) return NULL;
            got = end + 1;
            i += sizeof any - 2;
        } else if (*got++ != want.ptr[i]) {
            return NULL;
        }
    }
    return got;
}

static void mismatch(const ss_slot *slot, const char *what) {
    ss_fail("%s of %s (tenant %s)\n  asked    %s\n  expected %.*s\n  got %d  %s", what, slot->prefix,
            slot->tenant->name, slot->body, TRIB_STR_ARG(trib_buf_str(&slot->expected)), slot->http.status,
            slot->http.body.ptr);
}

static void take_baton(ss_slot *slot, const char *at) {
    char baton[TRIB_BATON_BYTES];
    if (*at != '"' || strlen(at) < TRIB_BATON_BYTES) mismatch(slot, "the baton");
    snprintf(baton, sizeof baton, "%s", at + 1);
    if (strcmp(baton, slot->baton) == 0) mismatch(slot, "the baton did not change: the answer");
    memcpy(slot->baton, baton, sizeof baton);
}

static void check_answer(ss_slot *slot) {
    const char *got = slot->http.body.ptr;
    if (slot->broken) {
        if (slot->http.status != 400 || !strstr(got, "HRANA_PROTO_ERROR")) mismatch(slot, "the breach");
        ss_model_close(slot);
        return;
    }
    static const char head[] = "{\"baton\":";
    const char *baton = NULL;
    if (slot->http.status != 200) mismatch(slot, "the status");
    if (slot->request.cursor) {
        if (strncmp(got, head, sizeof head - 1) != 0 || !strchr(got, '\n')) mismatch(slot, "the first line");
        baton = got + sizeof head - 1;
        got = strchr(got, '\n') + 1;
    }
    got = compare(trib_buf_str(&slot->expected), got);
    if (!got || (baton && *got)) mismatch(slot, "the answer");
    if (slot->closed) {
        if (strcmp(got, "null}") != 0) mismatch(slot, "the closing answer");
        ss_model_close(slot);
        return;
    }
    take_baton(slot, baton ? baton : got);
}

static void finish(world *w, ss_slot *slot) {
    (void)ss_answer_of(slot);
    check_answer(slot);
    w->early_busy += slot->early_busy;
    slot->early_busy = 0;
    http_test_end(&slot->http);
    free(slot->body);
    slot->body = NULL;
}

/* ---- the turn ---- */

/* The model says that this request waits: it must be seen doing so, in its place. */
static void park(world *w, ss_slot *slot) {
    ss_tenant *tenant = slot->tenant;
    trib_db_stats stats;
    tenant->queue[tenant->waiting++] = slot;
    w->waits++;
    for (int i = 0;; i++) {
        trib_db_get_stats(tenant->db, &stats);
        if (stats.turn_waiters == tenant->waiting) return;
        if (i % 100 == 99 && is_home(w)) (void)pump(w);
        if (slot->http.answered) mismatch(slot, "nothing waited for the turn: the answer");
        if (i > WAIT_MS * 10)
            ss_fail("%s should wait for the turn of %s (%u wait, %zu should): %s", slot->prefix,
                    tenant->owner ? tenant->owner->prefix : "nobody", stats.turn_waiters, tenant->waiting, slot->body);
        usleep(100);
    }
}

/* While nobody has the turn, the first that waits gets it and goes on. */
static void settle(world *w, ss_tenant *tenant) {
    while (!tenant->owner && tenant->waiting > 0) {
        ss_slot *next = tenant->queue[0];
        tenant->waiting--;
        memmove(tenant->queue, tenant->queue + 1, tenant->waiting * sizeof *tenant->queue);
        /* it has the turn for its next statement, whoever waits behind it */
        tenant->owner = next;
        if (ss_model_continue(next)) {
            finish(w, next);
            if (tenant->owner == next && (!next->db || sqlite3_txn_state(next->db, "main") != SQLITE_TXN_WRITE))
                tenant->owner = NULL;
        } else {
            park(w, next);
        }
    }
}

static bool is_waiting(const ss_slot *slot) {
    for (size_t i = 0; i < slot->tenant->waiting; i++)
        if (slot->tenant->queue[i] == slot) return true;
    return false;
}

static void resolve(world *w, ss_slot *slot, bool steal) {
    ss_tenant *tenant = slot->tenant;
    if (ss_model_continue(slot)) {
        finish(w, slot);
    } else if (steal && tenant->owner) {
        w->steals++;
        tenant->queue[tenant->waiting++] = slot;
        ss_model_lose(tenant->owner, "TRANSACTION_TIMEOUT");
    } else {
        park(w, slot);
    }
    settle(w, tenant);
}

/* ---- sessions ---- */

static void ensure_session(world *w, ss_slot *slot) {
    if (slot->db) return;
    ss_model_open(slot);
    w->sessions++;
}

static void ask_script(world *w, ss_slot *slot, const char *sql) {
    char *text = malloc(SS_SQL_BYTES);
    ensure_session(w, slot);
    ss_fill(&w->random, slot, sql, text, SS_SQL_BYTES);
    ss_make_script(slot, text, &slot->request);
    free(text);
    begin(w, slot);
    resolve(w, slot, false);
}

/* A request without a model, for what only the test wants to know; *ret is the caller's. */
static int ask_plain(world *w, ss_tenant *tenant, const char *baton, const char *requests, char **ret) {
    char *body = malloc(strlen(requests) + 200);
    if (baton) snprintf(body, strlen(requests) + 200, "{\"baton\":\"%s\",\"requests\":[%s]}", baton, requests);
    else snprintf(body, strlen(requests) + 200, "{\"requests\":[%s]}", requests);
    http_test h;
    http_test_begin(&w->app, &h, hrana_handle_pipeline, tenant->tenant, &w->me, body);
    while (!h.answered)
        if (!pump(w)) ss_fail("no answer to %s", body);
    *ret = strdup(h.body.ptr);
    http_test_end(&h);
    free(body);
    return h.status;
}

/* A baton that was used: refused, and the session does not mind. */
static void use_old_baton(world *w, ss_slot *slot) {
    char *answer;
    char old[TRIB_BATON_BYTES];
    memcpy(old, slot->baton, sizeof old);
    ask_script(w, slot, " -- nothing");
    if (!slot->db || slot->baton[0] == '\0') return;
    int status = ask_plain(w, slot->tenant, old, "{\"type\":\"execute\",\"stmt\":{\"sql\":\"ROLLBACK\"}}", &answer);
    if (status != 400 || !strstr(answer, "BATON_REUSED")) ss_fail("a used baton answered %d %s", status, answer);
    free(answer);
}

static bool anybody_waits(const world *w) {
    for (int t = 0; t < SS_TENANTS; t++)
        if (w->tenants[t].waiting > 0) return true;
    return false;
}

static void close_models(world *w) {
    for (int t = 0; t < SS_TENANTS; t++)
        for (int s = 0; s < SS_SLOTS; s++) ss_model_close(&w->slots[t][s]);
}

static void expire_all(world *w) {
    char *answer;
    w->app.env.offset_ns += INT64_C(61000) * 1000000;
    trib_sessions_tick(w->app.app.sessions);
    for (int t = 0; t < SS_TENANTS; t++) {
        ss_slot *slot = &w->slots[t][ss_below(&w->random, SS_SLOTS)];
        if (!slot->db || !slot->baton[0]) continue;
        int status = ask_plain(w, slot->tenant, slot->baton, "{\"type\":\"get_autocommit\"}", &answer);
        if (status != 400 || !strstr(answer, "STREAM_EXPIRED")) ss_fail("an expired session answered %s", answer);
        free(answer);
    }
    close_models(w);
    trib_store_tick(w->app.app.store);
    w->expiries++;
}

/* ---- the shared table ---- */

/* The tags that the server has must be those that the models committed, in that order. */
static void check_shared(world *w, ss_tenant *tenant) {
    char requests[300], *answer, *at;
    while (tenant->log_checked < tenant->log_count) {
        snprintf(
            requests, sizeof requests,
            "{\"type\":\"execute\",\"stmt\":{\"sql\":\"SELECT who FROM sharedlog WHERE id>%zu ORDER BY id LIMIT %d\"}},"
            "{\"type\":\"close\"}",
            tenant->log_checked, SHARED_CHECK_ROWS);
        if (ask_plain(w, tenant, NULL, requests, &answer) != 200) ss_fail("the shared log: %s", answer);
        at = answer;
        size_t n = 0;
        for (; n < SHARED_CHECK_ROWS && (at = strstr(at, "\"text\",\"value\":\"")) != NULL; n++) {
            at += strlen("\"text\",\"value\":\"");
            const char *want = tenant->log_checked < tenant->log_count ? tenant->log[tenant->log_checked] : "nothing";
            if (strncmp(at, want, strlen(want)) != 0 || at[strlen(want)] != '"')
                ss_fail("shared change %zu of tenant %s is %.24s instead of %s", tenant->log_checked + 1, tenant->name,
                        at, want);
            tenant->log_checked++;
        }
        if (n == 0) ss_fail("shared change %zu of tenant %s is missing", tenant->log_checked + 1, tenant->name);
        w->shared += n;
        free(answer);
    }
    int status = ask_plain(w, tenant, NULL,
                           "{\"type\":\"execute\",\"stmt\":{\"sql\":\"SELECT (SELECT count(*) FROM sharedlog), (SELECT "
                           "count(*) FROM shared s WHERE n<>coalesce((SELECT sum(d) FROM sharedlog l WHERE "
                           "l.k=s.k),0))\"}},{\"type\":\"close\"}",
                           &answer);
    char want[100];
    snprintf(want, sizeof want, "{\"type\":\"integer\",\"value\":\"%zu\"},{\"type\":\"integer\",\"value\":\"0\"}",
             tenant->log_count);
    if (status != 200 || !strstr(answer, want)) ss_fail("the shared table: %s instead of %s", answer, want);
    free(answer);
}

/* ---- the run ---- */

static void take_tenants(world *w) {
    trib_error err;
    for (int i = 0; i < SS_TENANTS; i++) {
        ss_tenant *tenant = &w->tenants[i];
        tenant->tenant = trib_control_find(w->app.app.control, trib_str_c(tenant->name));
        trib_tenant_set(tenant->tenant, TRIB_TENANT_TXN_STEAL_MS, STEAL_OFF_MS);
        trib_db_settings settings = trib_tenant_db_settings(tenant->tenant);
        ss_check(trib_store_db_get(w->app.app.store, trib_str_c(tenant->tenant->id), &settings, &tenant->db, &err) ==
                     TRIB_OK,
                 "a database does not open");
    }
}

static void leave_tenants(world *w) {
    for (int i = 0; i < SS_TENANTS; i++) {
        trib_db_unref(w->tenants[i].db);
        trib_tenant_unref(w->tenants[i].tenant);
    }
}

static void start(world *w, bool fresh) {
    trib_error err = {0};
    if (app_test_start(&w->app, fresh, &err) != TRIB_OK) ss_fail("start: %s", err.message);
    w->app.app.settings.max_response_bytes = SS_MAX_RESPONSE;
    w->app.app.settings.max_row_bytes = SS_MAX_ROW;
    for (int i = 0; fresh && i < SS_TENANTS; i++) {
        snprintf(w->tenants[i].name, sizeof w->tenants[i].name, "tenant%d", i);
        if (app_test_change(&w->app, TRIB_CONTROL_CREATE, w->tenants[i].name, &err) != TRIB_OK)
            ss_fail("%s", err.message);
    }
    take_tenants(w);
}

static void restart(world *w) {
    close_models(w);
    leave_tenants(w);
    app_test_stop(&w->app);
    start(w, false);
    w->restarts++;
}

static void set_up(world *w) {
    char *answer;
    app_test_principal(&w->me, 1);
    start(w, true);
    char requests[1000];
    snprintf(requests, sizeof requests, "{\"type\":\"sequence\",\"sql\":\"%s\"},{\"type\":\"close\"}",
             ss_shared_schema);
    for (int t = 0; t < SS_TENANTS; t++) {
        if (ask_plain(w, &w->tenants[t], NULL, requests, &answer) != 200 || strstr(answer, "\"error\""))
            ss_fail("%s", answer);
        free(answer);
        for (int s = 0; s < SS_SLOTS; s++) {
            ss_slot *slot = &w->slots[t][s];
            slot->tenant = &w->tenants[t];
            snprintf(slot->prefix, sizeof slot->prefix, "s%d_", s);
            snprintf(slot->path, sizeof slot->path, "%s/model-%d-%d.db", w->app.folder, t, s);
            trib_buf_init(&slot->expected, 1 << 20);
            ask_script(w, slot, ss_schema_of_slot());
        }
    }
}

static void tear_down(world *w) {
    close_models(w);
    leave_tenants(w);
    app_test_stop(&w->app);
    for (int t = 0; t < SS_TENANTS; t++) {
        for (int s = 0; s < SS_SLOTS; s++) {
            sqlite3_close(w->slots[t][s].rival);
            trib_buf_deinit(&w->slots[t][s].expected);
        }
        free(w->tenants[t].log);
    }
    app_test_cleanup(&w->app);
}

/* Several sessions of one tenant at once, none in a transaction, each with requests that concern only itself. */
static void burst(world *w, ss_tenant *tenant, ss_slot *slots) {
    ss_slot *chosen[BURST_MAX];
    size_t count = 0;
    for (int s = 0; s < SS_SLOTS && count < BURST_MAX; s++) {
        ss_slot *slot = &slots[s];
        if (ss_chance(&w->random, 40) || (slot->db && !sqlite3_get_autocommit(slot->db))) continue;
        ensure_session(w, slot);
        ss_make_request(&w->random, slot, SS_CALM, &slot->request);
        begin(w, slot);
        chosen[count++] = slot;
    }
    for (size_t i = 0; i < count; i++) {
        ss_check(ss_model_continue(chosen[i]), "a calm request waits for the turn");
        finish(w, chosen[i]);
    }
    (void)tenant;
    w->bursts++;
}

static void one_round(world *w) {
    ss_slot *asked[SS_TENANTS] = {NULL};
    bool steals[SS_TENANTS] = {false};
    for (int t = 0; t < SS_TENANTS; t++) {
        ss_tenant *tenant = &w->tenants[t];
        ss_slot *slot = &w->slots[t][ss_below(&w->random, SS_SLOTS)];
        if (is_waiting(slot) || ss_chance(&w->random, 30)) continue;
        if (!tenant->owner && ss_chance(&w->random, 10)) {
            burst(w, tenant, w->slots[t]);
            continue;
        }
        if (slot->db && slot->baton[0] && ss_chance(&w->random, 1) && !tenant->waiting) {
            use_old_baton(w, slot);
            continue;
        }
        ensure_session(w, slot);
        bool contended = (tenant->owner && tenant->owner != slot) || tenant->waiting > 0;
        steals[t] = contended && tenant->owner != slot && ss_chance(&w->random, 5);
        if (steals[t]) {
            trib_tenant_set(tenant->tenant, TRIB_TENANT_TXN_STEAL_MS, 1);
            usleep(2000);
        }
        ss_make_request(&w->random, slot, contended ? SS_CONTENDED : SS_FREE, &slot->request);
        begin(w, slot);
        asked[t] = slot;
    }
    for (int t = 0; t < SS_TENANTS; t++) {
        if (asked[t]) resolve(w, asked[t], steals[t]);
        trib_tenant_set(w->tenants[t].tenant, TRIB_TENANT_TXN_STEAL_MS, STEAL_OFF_MS);
    }
}

static void run(world *w, uint64_t steps) {
    set_up(w);
    while (w->steps < steps) {
        one_round(w);
        if (ss_below(&w->random, 200) == 0) check_shared(w, &w->tenants[ss_below(&w->random, SS_TENANTS)]);
        if (ss_below(&w->random, 100) == 0 && !anybody_waits(w)) expire_all(w);
        if (ss_below(&w->random, 700) == 0 && !anybody_waits(w)) restart(w);
    }
    /* whoever holds a turn ends, so that all that wait are answered */
    for (int t = 0; t < SS_TENANTS; t++) {
        while (w->tenants[t].waiting > 0) {
            if (w->tenants[t].owner) ask_script(w, w->tenants[t].owner, "ROLLBACK");
            else settle(w, &w->tenants[t]);
        }
        check_shared(w, &w->tenants[t]);
    }
    tear_down(w);
}

int main(int argc, char **argv) {
    static world w;
    const char *figure = getenv("TRIB_TEST_SESSION_STEPS");
    uint64_t steps = figure ? strtoull(figure, NULL, 10) : 50000;
    w.seed = 1;
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--steps") == 0) steps = strtoull(argv[i + 1], NULL, 10);
        else if (strcmp(argv[i], "--seed") == 0) w.seed = strtoull(argv[i + 1], NULL, 10);
        else if (strcmp(argv[i], "--verbose") == 0) w.verbose = strcmp(argv[i + 1], "1") == 0;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    the_world = &w;
    /* syncs are not what is looked at, and each of them would wait for a disk */
    if (access("/dev/shm", W_OK) == 0) setenv("TMPDIR", "/dev/shm", 0);
    w.random.state = w.seed;
    run(&w, steps);
    printf("%llu steps in %llu requests of %llu sessions, %llu waited for the turn, %llu transactions taken away, %llu "
           "bursts, %llu shared changes, %llu times all expired, %llu restarts, %llu busy without a commit, seed %llu: "
           "ok\n",
           (unsigned long long)w.steps, (unsigned long long)w.requests, (unsigned long long)w.sessions,
           (unsigned long long)w.waits, (unsigned long long)w.steals, (unsigned long long)w.bursts,
           (unsigned long long)w.shared, (unsigned long long)w.expiries, (unsigned long long)w.restarts,
           (unsigned long long)w.early_busy, (unsigned long long)w.seed);
    if (w.early_busy > 3 + w.requests / 1000) ss_fail("too many snapshots were lost to checkpoints");
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The crash loop's clients: each thread has one connection and one request in flight, and writes into its slots what it
 * has sent before it sends it. */
#include <inttypes.h>

#include "fault/crashloop.h"

#define INSERT_SQL "INSERT INTO log(client,seq,unit,k,m,r,body) VALUES(?,?,?,?,?,?,?)"

typedef struct writer {
    crash_client *client;
    crash_run *run;
    talk talk;
    crash_tenant *tenant;
    crash_slot *slot;
    char path[64], cursor_path[64];
    text body;
} writer;

static uint32_t pick(writer *w, uint32_t below) {
    return (uint32_t)(crash_random(&w->client->random) % below);
}

static uint32_t repeats(writer *w) {
    return w->run->heavy && pick(w, 2) ? 512 + pick(w, 2048) : 1 + pick(w, 20);
}

static void add_repeated(text *to, const char *tag, uint32_t r) {
    for (uint32_t i = 0; i < r; i++) text_add(to, "%s", tag);
}

/* {"sql":...,"args":[...]} of row k of a unit. */
static void add_insert(writer *w, uint32_t unit, uint32_t k) {
    const crash_unit *at = &w->slot->units[unit];
    char tag[17];
    uint32_t seq = at->first_seq + k, r = repeats(w);
    crash_tag(w->tenant, w->client->no, seq, unit, k, at->rows, r, tag);
    text_add(&w->body, "{\"sql\":\"" INSERT_SQL "\",\"args\":[");
    const uint32_t numbers[] = {(uint32_t)w->client->no, seq, unit, k, at->rows, r};
    for (size_t i = 0; i < 6; i++) text_add(&w->body, "{\"type\":\"integer\",\"value\":\"%u\"},", numbers[i]);
    text_add(&w->body, "{\"type\":\"text\",\"value\":\"");
    add_repeated(&w->body, tag, r);
    text_add(&w->body, "\"}]}");
}

/* A whole answer that is an error: fine where the server says that it has too much to do or goes away. */
static bool expected_error(const talk *t) {
    static const char *const codes[] = {"TRANSACTION_BUSY", "TRANSACTION_TIMEOUT", "TOO_MANY_REQUESTS",
                                        "SHUTTING_DOWN",    "OVERLOADED",          "SQLITE_BUSY"};
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        if (talk_says(t, codes[i])) return true;
    }
    return false;
}

static void complain(writer *w, const char *what) {
    crash_fail(&w->run->totals->other, what, "client %d on %s: status %d: %.300s", w->client->no, w->tenant->name,
               w->talk.status, w->talk.body ? w->talk.body : "no answer");
    atomic_store(&w->run->unquiet, true);
}

/* Sends w->body. 200: true. Else what a lost connection or an error means: *ret_outcome. */
static bool ask(writer *w, const char *path, crash_outcome *ret_outcome) {
    int status = talk_ask(&w->talk, "POST", path, w->tenant->token, w->body.ptr);
    *ret_outcome = CRASH_UNKNOWN;
    if (status == 200) return true;
    if (status == 0) {
        if (getenv("DBG"))
            fprintf(stderr, "dbg: client %d tenant %s seq %zu new %d errno %d any %d fd %d: %.60s\n", w->client->no,
                    w->tenant->name, w->slot->seq_count, w->talk.new_connection, errno, w->talk.any_byte, w->talk.fd,
                    w->body.ptr);
        if (!atomic_load(&w->run->ending)) complain(w, "connection lost while the server should live");
        else if (w->run->graceful && w->talk.any_byte) complain(w, "an answer was cut at the graceful end");
        return false;
    }
    if (!expected_error(&w->talk)) complain(w, "unexpected answer");
    if (!talk_says(&w->talk, "COMMIT_OUTCOME_UNKNOWN")) *ret_outcome = CRASH_REFUSED;
    return false;
}

/* ---- the ways to write ---- */

/* One to four statements in one pipeline, each its own commit. */
static void write_singles(writer *w) {
    static const char ok[] = "{\"type\":\"ok\"", error[] = "{\"type\":\"error\"";
    uint32_t count = 1 + (pick(w, 3) ? 0 : pick(w, 4)), first = 0;
    crash_outcome outcome;
    text_clear(&w->body);
    text_add(&w->body, "{\"requests\":[");
    for (uint32_t i = 0; i < count; i++) {
        uint32_t unit = crash_unit_add(w->slot, 1, w->client->request);
        if (i == 0) first = unit;
        text_add(&w->body, "{\"type\":\"execute\",\"stmt\":");
        add_insert(w, unit, 0);
        text_add(&w->body, "},");
    }
    text_add(&w->body, "{\"type\":\"close\"}]}");
    bool whole = ask(w, w->path, &outcome);
    const char *at = w->talk.body;
    for (uint32_t i = 0; i < count; i++) {
        if (whole) {
            const char *next_ok = at ? strstr(at, ok) : NULL, *next_error = at ? strstr(at, error) : NULL;
            bool done = next_ok && (!next_error || next_ok < next_error);
            outcome = done ? CRASH_ACKED : CRASH_REFUSED;
            at = done ? next_ok + 1 : next_error ? next_error + 1 : NULL;
            if (!done && !expected_error(&w->talk)) complain(w, "a statement failed");
        }
        crash_unit_set(w->run, w->slot, first + i, outcome);
    }
}

/* The steps as clients' batch() makes them: BEGIN, each row if the one before it worked, COMMIT, else ROLLBACK. */
static void add_transaction(writer *w, uint32_t unit, bool fails) {
    uint32_t rows = w->slot->units[unit].rows, last;
    text_add(&w->body, "{\"steps\":[{\"stmt\":{\"sql\":\"BEGIN%s\"}}", pick(w, 2) ? " IMMEDIATE" : "");
    for (uint32_t k = 0; k < rows; k++) {
        text_add(&w->body, ",{\"condition\":{\"type\":\"ok\",\"step\":%u},\"stmt\":", k);
        add_insert(w, unit, k);
        text_add(&w->body, "}");
    }
    last = rows;
    if (fails) { /* the last row once more: against UNIQUE */
        text_add(&w->body, ",{\"condition\":{\"type\":\"ok\",\"step\":%u},\"stmt\":", last++);
        add_insert(w, unit, rows - 1);
        text_add(&w->body, "}");
    }
    text_add(&w->body,
             ",{\"condition\":{\"type\":\"ok\",\"step\":%u},\"stmt\":{\"sql\":\"COMMIT\"}},{\"condition\":{\"type\":"
             "\"not\",\"cond\":{\"type\":\"ok\",\"step\":%u}},\"stmt\":{\"sql\":\"ROLLBACK\"}}]}",
             last, last + 1);
}

static void write_batch(writer *w, bool cursor) {
    bool fails = pick(w, 5) == 0;
    crash_outcome outcome;
    uint32_t unit = crash_unit_add(w->slot, 1 + pick(w, CRASH_UNIT_ROWS_MAX), w->client->request);
    text_clear(&w->body);
    text_add(&w->body, cursor ? "{\"batch\":" : "{\"requests\":[{\"type\":\"batch\",\"batch\":");
    add_transaction(w, unit, fails);
    text_add(&w->body, cursor ? "}" : "},{\"type\":\"close\"}]}");
    if (ask(w, cursor ? w->cursor_path : w->path, &outcome)) {
        const talk *t = &w->talk;
        bool error = cursor ? talk_says(t, "\"type\":\"step_error\"") || talk_says(t, "\"type\":\"error\"")
                            : talk_says(t, "\"type\":\"error\"") || talk_says(t, "\"message\":");
        bool end = cursor ? talk_says(t, "\"type\":\"replication_index\"") : talk_says(t, "\"step_errors\":[");
        bool expected = expected_error(t) || (fails && talk_says(t, "SQLITE_CONSTRAINT"));
        outcome = error ? CRASH_REFUSED : CRASH_ACKED;
        if (!end || (error && !expected) || (fails && !error)) complain(w, "a batch went wrong");
    }
    crash_unit_set(w->run, w->slot, unit, outcome);
}

static void write_script(writer *w) {
    crash_outcome outcome;
    uint32_t rows = 1 + pick(w, 4), unit = crash_unit_add(w->slot, rows, w->client->request);
    text_clear(&w->body);
    text_add(&w->body, "{\"requests\":[{\"type\":\"sequence\",\"sql\":\"BEGIN;");
    for (uint32_t k = 0; k < rows; k++) {
        char tag[17];
        uint32_t seq = w->slot->units[unit].first_seq + k, r = repeats(w);
        crash_tag(w->tenant, w->client->no, seq, unit, k, rows, r, tag);
        text_add(&w->body, " INSERT INTO log(client,seq,unit,k,m,r,body) VALUES(%d,%u,%u,%u,%u,%u,'", w->client->no,
                 seq, unit, k, rows, r);
        add_repeated(&w->body, tag, r);
        text_add(&w->body, "');");
    }
    text_add(&w->body, " COMMIT;\"},{\"type\":\"close\"}]}");
    if (ask(w, w->path, &outcome)) {
        bool error = talk_says(&w->talk, "\"type\":\"error\"");
        outcome = error ? CRASH_REFUSED : CRASH_ACKED;
        if (error && !expected_error(&w->talk)) complain(w, "a script failed");
    }
    crash_unit_set(w->run, w->slot, unit, outcome);
}

/* A transaction over several requests; ends by COMMIT, or by ROLLBACK, or by closing the session. */
static void write_interactive(writer *w) {
    char baton[64] = "";
    uint32_t rows = 2 + pick(w, 3), unit = crash_unit_add(w->slot, rows, w->client->request), way = pick(w, 6);
    crash_outcome outcome = CRASH_OPEN;
    for (uint32_t k = 0; k < rows; k++) {
        text_clear(&w->body);
        if (k == 0) {
            text_add(&w->body, "{\"requests\":[{\"type\":\"batch\",\"batch\":{\"steps\":[{\"stmt\":{\"sql\":\"BEGIN "
                               "IMMEDIATE\"}},{\"condition\":{\"type\":\"ok\",\"step\":0},\"stmt\":");
        } else {
            text_add(&w->body, "{\"baton\":\"%s\",\"requests\":[{\"type\":\"execute\",\"stmt\":", baton);
        }
        add_insert(w, unit, k);
        text_add(&w->body, k == 0 ? "}]}}]}" : "}]}");
        bool fine = ask(w, w->path, &outcome);
        if (fine && talk_says(&w->talk, "\"message\":")) {
            if (!expected_error(&w->talk)) complain(w, "a statement of a transaction failed");
            fine = false;
            way = 1; /* give it up in good order */
        }
        talk_text(&w->talk, "baton", baton, sizeof baton);
        /* its commit was not sent, so whatever the answer would have been, it must not be there; a server that ends
         * answers without a baton, and with that the session is over */
        if (!baton[0]) {
            if (fine && !w->run->graceful && !atomic_load(&w->run->ending)) complain(w, "a session was closed unasked");
            crash_unit_set(w->run, w->slot, unit, CRASH_REFUSED);
            return;
        }
        if (!fine) break;
    }
    static const char *const ends[] = {"", "{\"type\":\"execute\",\"stmt\":{\"sql\":\"ROLLBACK\"}},"};
    const char *end = way < 2 ? ends[way] : "{\"type\":\"execute\",\"stmt\":{\"sql\":\"COMMIT\"}},";
    text_clear(&w->body);
    text_add(&w->body, "{\"baton\":\"%s\",\"requests\":[%s{\"type\":\"close\"}]}", baton, end);
    bool answered = ask(w, w->path, &outcome);
    if (way < 2) {
        outcome = CRASH_REFUSED;
    } else if (answered) {
        bool error = talk_says(&w->talk, "\"type\":\"error\"");
        outcome = error ? CRASH_REFUSED : CRASH_ACKED;
        if (error && !expected_error(&w->talk)) complain(w, "a COMMIT failed");
    }
    crash_unit_set(w->run, w->slot, unit, outcome);
}

/* A client must see what it was told is written, and nothing that it was told is not. */
static void read_own(writer *w) {
    char want[48];
    crash_outcome outcome;
    text_clear(&w->body);
    text_add(&w->body,
             "{\"requests\":[{\"type\":\"execute\",\"stmt\":{\"sql\":\"SELECT 'seq '||coalesce(max(seq),-1) FROM log "
             "WHERE client=%d\"}},{\"type\":\"close\"}]}",
             w->client->no);
    if (!ask(w, w->path, &outcome)) return;
    snprintf(want, sizeof want, "\"value\":\"seq %" PRId64 "\"", w->slot->last_present);
    if (!talk_says(&w->talk, want)) complain(w, want);
}

void *crash_writer(void *arg) {
    crash_client *client = arg;
    writer w = {.client = client, .run = client->run};
    talk_init(&w.talk, client->run->server->port);
    text_clear(&w.body);
    while (!atomic_load(&client->run->unquiet)) {
        /* after the signal one goes on until it is shut out, so that requests are under way in every state */
        w.tenant = client->run->tenants[pick(&w, CRASH_TENANTS)];
        w.slot = &w.tenant->slots[client->no];
        snprintf(w.path, sizeof w.path, "/%s/%s/pipeline", w.tenant->name, pick(&w, 2) ? "v2" : "v3");
        snprintf(w.cursor_path, sizeof w.cursor_path, "/%s/v3/cursor", w.tenant->name);
        client->request++;
        uint32_t way = pick(&w, 16);
        if (way < 6) write_singles(&w);
        else if (way < 10) write_batch(&w, way == 9);
        else if (way < 12) write_script(&w);
        else if (way < 15) write_interactive(&w);
        else read_own(&w);
        if (w.talk.fd < 0 && atomic_load(&client->run->ending)) break;
    }
    talk_deinit(&w.talk);
    free(w.body.ptr);
    return NULL;
}

/* ---- tenants and tokens ---- */

bool crash_make_token(crash_run *run, talk *admin, const char *name, char token[CRASH_TOKEN_BYTES]) {
    char path[96], made[CRASH_TOKEN_BYTES - 8];
    snprintf(path, sizeof path, "/v1/namespaces/%s/tokens", name);
    if (talk_ask(admin, "POST", path, run->admin_key, "{}") != 200) return false;
    talk_text(admin, "token", made, sizeof made);
    snprintf(token, CRASH_TOKEN_BYTES, "Bearer %s", made);
    return made[0] != '\0';
}

static crash_name *new_name(crash_run *run, uint64_t *random) {
    if (run->name_count == run->name_cap) {
        run->name_cap = run->name_cap ? run->name_cap * 2 : 64;
        run->names = realloc(run->names, run->name_cap * sizeof *run->names);
        if (!run->names) die("no memory");
    }
    crash_name *at = &run->names[run->name_count];
    *at = (crash_name){.serial = crash_random(random) >> 16, .touched = true};
    /* few different names, so that deleted ones come again */
    snprintf(at->name, sizeof at->name, "n%u", (unsigned)(crash_random(random) % 200));
    for (size_t i = 0; i < run->name_count; i++) {
        if (strcmp(run->names[i].name, at->name) == 0) return NULL; /* also if it was deleted in this very cycle */
    }
    run->name_count++;
    return at;
}

/* False: no answer. */
static bool admin_ask(crash_run *run, talk *admin, const char *method, const crash_name *at, const char *what) {
    char path[96];
    snprintf(path, sizeof path, "/v1/namespaces/%s%s", at->name, what);
    const char *body = strcmp(method, "DELETE") == 0 ? "{\"now\":true}" : "{}";
    int status = talk_ask(admin, method, path, run->admin_key, body);
    if (status != 200 && status != 0) {
        crash_fail(&run->totals->other, "admin", "%s %s: %d %.300s", method, path, status, admin->body);
        atomic_store(&run->unquiet, true);
    } else if (status == 0 && !atomic_load(&run->ending)) {
        crash_fail(&run->totals->other, "admin", "%s %s: no answer while the server should live", method, path);
        atomic_store(&run->unquiet, true);
    }
    return status == 200;
}

static void make_one(crash_run *run, talk *admin, talk *user, uint64_t *random) {
    char sql[96];
    crash_name *at = new_name(run, random);
    if (!at) return;
    at->state = NAME_CREATING;
    if (!admin_ask(run, admin, "POST", at, "/create")) return;
    at->state = NAME_THERE;
    atomic_fetch_add(&run->totals->tenants_made, 1);
    if (!crash_make_token(run, admin, at->name, at->token)) return;
    memcpy(at->old_token, at->token, sizeof at->old_token);
    if (crash_random(random) % 3 == 0) return;
    at->row = STEP_SENT;
    if (!crash_sql(user, at->name, at->token, "CREATE TABLE t(v)")) return;
    snprintf(sql, sizeof sql, "INSERT INTO t VALUES (%" PRIu64 ")", at->serial);
    if (crash_sql(user, at->name, at->token, sql)) at->row = STEP_ACKED;
}

static void revoke_one(crash_run *run, talk *admin, crash_name *at) {
    at->touched = true;
    if (at->state != NAME_THERE || !at->old_token[0] || at->revoke == STEP_ACKED) return;
    at->revoke = STEP_SENT;
    if (!admin_ask(run, admin, "POST", at, "/tokens/revoke")) return;
    at->revoke = STEP_ACKED;
    atomic_fetch_add(&run->totals->revoked, 1);
    if (!crash_make_token(run, admin, at->name, at->token)) at->token[0] = '\0';
}

static void delete_one(crash_run *run, talk *admin, crash_name *at) {
    at->touched = true;
    if (at->state != NAME_THERE) return;
    at->state = NAME_DELETING;
    if (!admin_ask(run, admin, "DELETE", at, "")) return;
    at->state = NAME_GONE;
    atomic_fetch_add(&run->totals->tenants_deleted, 1);
}

void *crash_admin(void *arg) {
    enum { ALIVE_MAX = 30, ROTATIONS_MAX = 8 }; /* 16 keys are kept: with more rotations old tokens would end */
    crash_client *client = arg;
    crash_run *run = client->run;
    talk admin, user;
    talk_init(&admin, run->server->admin_port);
    talk_init(&user, run->server->port);
    while (!atomic_load(&run->unquiet)) {
        uint64_t what = crash_random(&client->random) % 16;
        crash_name *at = run->name_count ? &run->names[crash_random(&client->random) % run->name_count] : NULL;
        if (!at || (what < 8 && run->name_count < ALIVE_MAX)) {
            make_one(run, &admin, &user, &client->random);
        } else if (what < 11) {
            revoke_one(run, &admin, at);
        } else if (what == 11 && run->rotations < ROTATIONS_MAX) {
            run->rotations++;
            talk_ask(&admin, "POST", "/v1/keys/rotate", run->admin_key, "{}");
        } else {
            delete_one(run, &admin, at);
        }
        if (atomic_load(&run->ending)) {
            /* when all names are used up and gone, nothing else would notice that the server is */
            talk_ask(&admin, "GET", "/health", run->admin_key, "");
            if (admin.fd < 0 || user.fd < 0) break;
        }
        usleep((useconds_t)(crash_random(&client->random) % 3000));
    }
    talk_deinit(&admin);
    talk_deinit(&user);
    return NULL;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* What the crash loop knows to have been sent, and the comparison with what a restarted server has. */
#include <inttypes.h>

#include "fault/crashloop.h"

void crash_fail(atomic_ulong *counter, const char *kind, const char *format, ...) {
    va_list args;
    if (atomic_fetch_add(counter, 1) >= 20) return; /* the first ones tell enough */
    char line[1024];
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    fprintf(stderr, "FAILED: %s: %s\n", kind, line);
}

uint64_t crash_random(uint64_t *state) {
    uint64_t x = *state += 0x9E3779B97F4A7C15u;
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
    return x ^ (x >> 31);
}

void crash_tag(const crash_tenant *tenant, int client, uint32_t seq, uint32_t unit, uint32_t k, uint32_t m, uint32_t r,
               char out[17]) {
    uint64_t state = tenant->serial;
    const uint64_t parts[] = {(uint64_t)client, seq, unit, k, m, r};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) state = crash_random(&state) ^ parts[i];
    snprintf(out, 17, "%016" PRIx64, crash_random(&state));
}

uint32_t crash_unit_add(crash_slot *slot, uint32_t rows, uint32_t request) {
    if (slot->unit_count == slot->unit_cap) {
        slot->unit_cap = slot->unit_cap ? slot->unit_cap * 2 : 64;
        slot->units = realloc(slot->units, slot->unit_cap * sizeof *slot->units);
    }
    if (slot->seq_count + rows > slot->seq_cap) {
        slot->seq_cap = (slot->seq_cap + rows) * 2;
        slot->unit_of_seq = realloc(slot->unit_of_seq, slot->seq_cap * sizeof *slot->unit_of_seq);
    }
    if (!slot->units || !slot->unit_of_seq) die("no memory");
    uint32_t unit = (uint32_t)slot->unit_count++;
    slot->units[unit] = (crash_unit){.first_seq = (uint32_t)slot->seq_count, .rows = rows, .request = request};
    for (uint32_t i = 0; i < rows; i++) slot->unit_of_seq[slot->seq_count++] = unit;
    return unit;
}

void crash_unit_set(crash_run *run, crash_slot *slot, uint32_t unit, crash_outcome outcome) {
    crash_unit *at = &slot->units[unit];
    /* a graceful end answers what it does: no answer means that nothing was done */
    if (outcome == CRASH_UNKNOWN && run->graceful) outcome = CRASH_SHUT_OUT;
    at->outcome = outcome;
    if (outcome == CRASH_ACKED) {
        slot->last_present = (int64_t)at->first_seq + at->rows - 1;
        atomic_fetch_add(&run->totals->acked, 1);
    } else if (outcome == CRASH_REFUSED) {
        atomic_fetch_add(&run->totals->refused, 1);
    } else {
        atomic_fetch_add(&run->totals->unanswered, 1);
    }
}

void crash_tenant_deinit(crash_tenant *tenant) {
    for (int i = 0; i < CRASH_CLIENTS; i++) {
        free(tenant->slots[i].units);
        free(tenant->slots[i].unit_of_seq);
    }
    free(tenant);
}

/* ---- rows ---- */

typedef struct row {
    int64_t n;
    uint32_t client, seq, unit, k, m, r;
    size_t length, rest;
    char tag[17];
} row;

#define ROW_SQL                                                                                                        \
    "SELECT n||' '||client||' '||seq||' '||unit||' '||k||' '||m||' '||r||' '||length(body)||' '||"                     \
    "length(replace(body, substr(body, 1, 16), ''))||' '||substr(body, 1, 16) FROM log ORDER BY n"

/* The next row in the answer and the place behind it, or NULL. */
static const char *next_row(const char *at, row *ret) {
    static const char before[] = "\"value\":\"";
    uint64_t numbers[9];
    at = strstr(at, before);
    if (!at) return NULL;
    at += sizeof before - 1;
    for (size_t i = 0; i < 9; i++) {
        char *end;
        numbers[i] = strtoull(at, &end, 10);
        at = *end == ' ' ? end + 1 : end;
    }
    *ret = (row){.n = (int64_t)numbers[0], .length = numbers[7], .rest = numbers[8]};
    uint32_t *const small[] = {&ret->client, &ret->seq, &ret->unit, &ret->k, &ret->m, &ret->r};
    for (size_t i = 0; i < 6; i++) *small[i] = numbers[i + 1] > UINT32_MAX ? UINT32_MAX : (uint32_t)numbers[i + 1];
    size_t n = strcspn(at, "\"");
    memcpy(ret->tag, at, n < 16 ? n : 16);
    return at;
}

static void check_row(crash_run *run, crash_tenant *tenant, const row *r, int64_t last_seq[CRASH_CLIENTS]) {
    char tag[17];
    if (r->client >= CRASH_CLIENTS || r->seq >= tenant->slots[r->client].seq_count) {
        crash_fail(&run->totals->phantom, "phantom", "%s: row %" PRId64 " (client %u, seq %u) was never sent",
                   tenant->name, r->n, r->client, r->seq);
        return;
    }
    crash_slot *slot = &tenant->slots[r->client];
    uint32_t number = slot->unit_of_seq[r->seq];
    crash_unit *unit = &slot->units[number];
    crash_tag(tenant, (int)r->client, r->seq, r->unit, r->k, r->m, r->r, tag);
    if (number != r->unit || r->m != unit->rows || r->k != r->seq - unit->first_seq || r->length != (size_t)r->r * 16 ||
        r->rest != 0 || strcmp(tag, r->tag) != 0) {
        crash_fail(&run->totals->corrupt, "corrupt", "%s: row %" PRId64 " (client %u, seq %u) is not what was sent",
                   tenant->name, r->n, r->client, r->seq);
    }
    if ((int64_t)r->seq <= last_seq[r->client]) {
        crash_fail(&run->totals->corrupt, "order", "%s: client %u: seq %u stands behind %" PRId64, tenant->name,
                   r->client, r->seq, last_seq[r->client]);
    }
    last_seq[r->client] = r->seq;
    unit->found++;
}

static const char *const outcome_names[] = {"with its commit not sent", "unanswered", "acknowledged", "refused",
                                            "unanswered at a graceful end"};

static void settle_unit(crash_run *run, const crash_tenant *tenant, int client, crash_slot *slot, size_t i,
                        bool gap_before) {
    crash_unit *unit = &slot->units[i];
    const char *was = outcome_names[unit->outcome];
    if (unit->found && unit->found != unit->rows) {
        crash_fail(&run->totals->phantom, "half", "%s: client %d unit %zu (%s): %u of %u rows", tenant->name, client, i,
                   was, unit->found, unit->rows);
    } else if (unit->found && unit->outcome != CRASH_ACKED && unit->outcome != CRASH_UNKNOWN) {
        crash_fail(&run->totals->phantom, "phantom", "%s: client %d unit %zu (%s) is there", tenant->name, client, i,
                   was);
    } else if (!unit->found && unit->outcome == CRASH_ACKED) {
        crash_fail(&run->totals->lost, "lost", "%s: client %d unit %zu of %u rows", tenant->name, client, i,
                   unit->rows);
    } else if (unit->found && unit->outcome == CRASH_UNKNOWN && gap_before) {
        crash_fail(&run->totals->lost, "hole", "%s: client %d unit %zu is there, one before it in its request is not",
                   tenant->name, client, i);
    }
    unit->outcome = unit->found ? CRASH_ACKED : CRASH_REFUSED;
    if (unit->found) slot->last_present = (int64_t)unit->first_seq + unit->rows - 1;
}

static void settle(crash_run *run, crash_tenant *tenant) {
    for (int client = 0; client < CRASH_CLIENTS; client++) {
        crash_slot *slot = &tenant->slots[client];
        slot->last_present = -1;
        for (size_t i = 0; i < slot->unit_count; i++) {
            bool gap = false;
            for (size_t k = i; k-- > 0 && slot->units[k].request == slot->units[i].request && !gap;)
                gap = slot->units[k].outcome == CRASH_REFUSED;
            settle_unit(run, tenant, client, slot, i, gap);
        }
    }
}

static void ask_sql(talk *t, const char *name, const char *token, const char *sql) {
    char path[64];
    text body = {0};
    snprintf(path, sizeof path, "/%s/v2/pipeline", name);
    text_add(&body, "{\"requests\":[{\"type\":\"execute\",\"stmt\":{\"sql\":\"%s\"}},{\"type\":\"close\"}]}", sql);
    talk_ask(t, "POST", path, token, body.ptr);
    free(body.ptr);
}

bool crash_sql(talk *t, const char *name, const char *token, const char *sql) {
    ask_sql(t, name, token, sql);
    return t->status == 200 && talk_says(t, "\"type\":\"ok\"") && !talk_says(t, "\"type\":\"error\"");
}

void crash_tenant_verify(crash_run *run, talk *t, crash_tenant *tenant) {
    int64_t last_seq[CRASH_CLIENTS];
    for (int i = 0; i < CRASH_CLIENTS; i++) {
        last_seq[i] = -1;
        for (size_t u = 0; u < tenant->slots[i].unit_count; u++) tenant->slots[i].units[u].found = 0;
    }
    if (!crash_sql(t, tenant->name, tenant->token, "PRAGMA integrity_check") || !talk_says(t, "\"value\":\"ok\"")) {
        crash_fail(&run->totals->corrupt, "integrity", "%s: %d %.400s", tenant->name, t->status,
                   t->body ? t->body : "no answer");
        return;
    }
    if (!crash_sql(t, tenant->name, tenant->token, ROW_SQL)) {
        crash_fail(&run->totals->lost, "unreadable", "%s: %d %.400s", tenant->name, t->status,
                   t->body ? t->body : "no answer");
        return;
    }
    row r;
    for (const char *at = t->body; (at = next_row(at, &r)) != NULL;) {
        atomic_fetch_add(&run->totals->rows_checked, 1);
        check_row(run, tenant, &r, last_seq);
    }
    settle(run, tenant);
}

/* ---- the registry ---- */

static crash_name *find_name(crash_run *run, const char *name) {
    for (size_t i = run->name_count; i-- > 0;) {
        if (strcmp(run->names[i].name, name) == 0) return &run->names[i];
    }
    return NULL;
}

static void read_list(crash_run *run, talk *admin) {
    for (size_t i = 0; i < run->name_count; i++) run->names[i].listed = false;
    if (talk_ask(admin, "GET", "/v1/namespaces?limit=1000", run->admin_key, NULL) != 200 ||
        !talk_says(admin, "\"next_cursor\":null")) {
        crash_fail(&run->totals->lost, "registry", "the list of tenants: %d %.300s", admin->status,
                   admin->body ? admin->body : "no answer");
        return;
    }
    static const char before[] = "\"name\":\"";
    for (const char *at = admin->body; (at = strstr(at, before)) != NULL;) {
        char name[32] = "";
        at += sizeof before - 1;
        size_t n = strcspn(at, "\"");
        if (n < sizeof name) memcpy(name, at, n);
        bool known = strcmp(name, "streams") == 0 || strcmp(name, "discovery") == 0;
        for (int i = 0; i < CRASH_TENANTS; i++)
            known = known || (run->tenants[i] && !strcmp(run->tenants[i]->name, name));
        crash_name *record = known ? NULL : find_name(run, name);
        if (record) record->listed = true;
        else if (!known) crash_fail(&run->totals->phantom, "registry", "tenant \"%s\" was never made", name);
    }
}

/* Its one row, and what its tokens may. */
static void check_name(crash_run *run, talk *user, talk *admin, crash_name *at) {
    char want[64];
    if (!at->token[0] && !crash_make_token(run, admin, at->name, at->token)) {
        crash_fail(&run->totals->lost, "registry", "no token for \"%s\": %.300s", at->name,
                   admin->body ? admin->body : "no answer");
        return;
    }
    if (at->old_token[0]) {
        ask_sql(user, at->name, at->old_token, "SELECT 1");
        bool good = user->status == 200;
        if (user->status != 200 && user->status != 401)
            crash_fail(&run->totals->lost, "registry", "\"%s\" answers %d", at->name, user->status);
        if (good && at->revoke == STEP_ACKED)
            crash_fail(&run->totals->lost, "revocation", "\"%s\": a token that was revoked is good again", at->name);
        if (!good && at->revoke == STEP_NOT_SENT)
            crash_fail(&run->totals->phantom, "revocation", "\"%s\": a token is void that nobody revoked", at->name);
        at->revoke = good ? STEP_NOT_SENT : STEP_ACKED;
        if (!good && strcmp(at->token, at->old_token) == 0 && !crash_make_token(run, admin, at->name, at->token))
            return;
    }
    bool fine = crash_sql(user, at->name, at->token, "SELECT 'row '||max(v) FROM t");
    snprintf(want, sizeof want, "\"value\":\"row %" PRIu64 "\"", at->serial);
    bool there = fine && talk_says(user, want), empty = fine && talk_says(user, "\"type\":\"null\"");
    empty = empty || talk_says(user, "no such table: t");
    if (!there && (!empty || at->row == STEP_ACKED)) {
        crash_fail(&run->totals->lost, "lost", "tenant \"%s\": its row is not there: %d %.300s", at->name, user->status,
                   user->body ? user->body : "no answer");
    } else if (there && at->row == STEP_NOT_SENT) {
        crash_fail(&run->totals->phantom, "phantom", "tenant \"%s\": a row that was not sent", at->name);
    }
    at->row = there ? STEP_ACKED : STEP_NOT_SENT;
}

void crash_names_verify(crash_run *run, talk *user, talk *admin, uint64_t *random) {
    read_list(run, admin);
    for (size_t i = 0; i < run->name_count; i++) {
        crash_name *at = &run->names[i];
        if (at->state == NAME_THERE && !at->listed)
            crash_fail(&run->totals->lost, "lost", "tenant \"%s\" was acknowledged and is gone", at->name);
        if (at->state == NAME_GONE && at->listed)
            crash_fail(&run->totals->phantom, "phantom", "tenant \"%s\" was deleted and is back", at->name);
        at->state = at->listed ? NAME_THERE : NAME_GONE;
        if (at->listed && (at->touched || crash_random(random) % 8 == 0)) check_name(run, user, admin, at);
        at->touched = false;
    }
    /* what is gone is forgotten: a name may be used again, and then its data must be new */
    size_t kept = 0;
    for (size_t i = 0; i < run->name_count; i++) {
        if (run->names[i].state == NAME_THERE) run->names[kept++] = run->names[i];
    }
    run->name_count = kept;
}

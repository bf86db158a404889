/* SPDX-License-Identifier: Apache-2.0 */
/* The cross-tenant matrix against the real program: every way of naming a tenant x every kind of token x every tenant x
 * every endpoint. Each tenant holds a marker of its own; an answer may hold the marker of the tenant that was named and
 * only if the token may read it, and a tenant that the token may not see must look exactly like one that is not there.
 * What is right is computed here from the token's description alone (`expected`). */
#include "integration/forge.h"

enum { TENANTS = 7, TOKENS_MAX = 48, ANSWER_BYTES = 8192 };

/* Names of one length, so that also the lengths of answers can be compared. */
static const char *const tenants[TENANTS] = {"alpha", "bravo", "delta", "fenix", "ghost", "never", "contr"};
#define GHOST "ghost" /* was deleted */
#define NEVER "never" /* never was */
static const char *const existing = " alpha bravo delta fenix contr ";

typedef struct token {
    const char *what;
    const char *refusal; /* code of the 401 that it gets everywhere; NULL: it is good */
    const char *key_of;  /* signed by this tenant's jwt_key: refused where that one is not named beside the token */
    const char *id;      /* the tenant that it names by itself */
    const char *grants;  /* " alpha bravo ", "*" */
    const char *void_on; /* tenant on which it was revoked */
    bool write;
    char authorization[1600];
} token;

static token tokens[TOKENS_MAX];
static size_t token_count;
static server s;
static char admin_key[160], markers[TENANTS][48], dead_marker[48];
static unsigned long checks, failed;
static size_t written[TENANTS];

/* ---- what is right ---- */

typedef struct verdict {
    int status;
    const char *code;
} verdict;

static bool among(const char *list, const char *name) {
    char word[80];
    if (!list || !name) return false;
    snprintf(word, sizeof word, " %s ", name);
    return strcmp(list, "*") == 0 || strstr(list, word) != NULL;
}

static const char *refusal_of(const token *k, const char *named) {
    bool other = k->key_of && (!named || strcmp(k->key_of, named) != 0);
    return other ? "AUTH_JWT_INVALID" : k->refusal;
}

static verdict expected(const token *t, const char *tenant) {
    if (refusal_of(t, tenant)) return (verdict){401, refusal_of(t, tenant)};
    if (!tenant) return (verdict){400, "TENANT_MISSING"};
    if (!among(existing, tenant) || !among(t->grants, tenant)) return (verdict){404, "TENANT_NOT_FOUND"};
    if (t->void_on && strcmp(t->void_on, tenant) == 0) return (verdict){401, "AUTH_JWT_INVALID"};
    return (verdict){200, NULL};
}

/* The pattern with its %s, if it has one, replaced. */
static void fill(char *out, size_t cap, const char *pattern, const char *value) {
    const char *hole = strstr(pattern, "%s");
    size_t n = hole ? (size_t)(hole - pattern) : strlen(pattern);
    snprintf(out, cap, "%.*s%s%s", (int)n, pattern, hole ? value : "", hole ? hole + 2 : "");
}

__attribute__((format(printf, 3, 4))) static void fail(const talk *t, const char *what, const char *format, ...) {
    char line[512];
    va_list args;
    if (++failed > 20) return;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    fprintf(stderr, "FAILED: %s: %s\n  answered %d %.400s\n", what, line, t->status, t->body ? t->body : "nothing");
}

/* No marker but the one allowed (may be NULL); true if that is there. */
static bool check_markers(const talk *t, const char *allowed, const char *what, const char *where) {
    bool there = false;
    for (int i = 0; i < TENANTS; i++) {
        if (!talk_says(t, markers[i])) continue;
        if (allowed && strcmp(markers[i], allowed) == 0) there = true;
        else fail(t, where, "%s sees the data of %s", what, tenants[i]);
    }
    if (talk_says(t, dead_marker)) fail(t, where, "%s sees the data of a tenant that was deleted", what);
    return there;
}

static bool check_verdict(const talk *t, verdict want, const char *what, const char *where, const char *tenant) {
    char code[64];
    checks++;
    talk_text(t, "code", code, sizeof code);
    if (t->status == want.status && (!want.code || strcmp(code, want.code) == 0)) return true;
    fail(t, where, "%s on %s: wanted %d %s", what, tenant ? tenant : "nobody", want.status, want.code ? want.code : "");
    return false;
}

/* Answers repeat it, so that they have one length. */
#define ONE_ID "x-request-id: the-same\r\n"

/* The answer without what must differ: the name that was asked for and the time. */
static void normal_form(const talk *t, const char *name, char out[ANSWER_BYTES]) {
    size_t n = 0;
    for (const char *at = t->head; *at;) {
        const char *end = strstr(at, "\r\n");
        size_t len = end ? (size_t)(end - at) + 2 : strlen(at);
        bool skip = strncasecmp(at, "date:", 5) == 0;
        if (!skip && n + len < ANSWER_BYTES / 2) {
            memcpy(out + n, at, len);
            n += len;
        }
        at += len;
    }
    for (const char *at = t->body ? t->body : ""; *at && n + 2 < ANSWER_BYTES;) {
        if (name && strncmp(at, name, strlen(name)) == 0) {
            at += strlen(name);
            out[n++] = '#';
        } else {
            out[n++] = *at++;
        }
    }
    out[n] = '\0';
}

/* ---- ways and endpoints ---- */

typedef enum naming {
    PATH,
    DEV,
    HOST,
    UPPER_HOST,
    HEADER,
    SLASHES,
    ESCAPED,
    ABSOLUTE,
    ALL_AGREE,
    OTHER_BIN,
    BIN,
    WAYS
} naming;
static const char *const way_names[WAYS] = {
    "path",        "/dev/ path",      "host",      "host in capitals",         "x-namespace",          "path with //",
    "path with %", "absolute target", "all three", "path and x-namespace-bin", "x-namespace-bin alone"};

typedef struct endpoint {
    const char *path, *body;
} endpoint;
#define EXECUTE(sql) "{\"requests\":[{\"type\":\"execute\",\"stmt\":{\"sql\":\"" sql "\"}},{\"type\":\"close\"}]}"
#define CURSOR(sql)  "{\"batch\":{\"steps\":[{\"stmt\":{\"sql\":\"" sql "\"}}]}}"
static const endpoint reads[] = {
    {"v2/pipeline", EXECUTE("SELECT v FROM secret")},
    {"v3/pipeline", EXECUTE("SELECT v FROM secret")},
    {"v3/cursor", CURSOR("SELECT v FROM secret")},
};
static const endpoint writes[] = {
    {"v2/pipeline", EXECUTE("INSERT INTO visits VALUES (1)")},
    {"v3/cursor", CURSOR("INSERT INTO visits VALUES (1)")},
};

static const char *base64_of(const char *name) {
    static char out[64];
    size_t n = trib_base64_encode(TRIB_BASE64_STD, false, name, strlen(name), out);
    out[n] = '\0';
    return out;
}

/* Asks for `tenant` in this way; returns the tenant that counts then (NULL: nobody is named). */
static const char *ask_in_way(talk *t, naming way, const token *who, const char *tenant, const endpoint *at) {
    static char path[200], host[100], extra[200];
    const char *counts = tenant;
    snprintf(path, sizeof path, "/%s", at->path);
    snprintf(host, sizeof host, "127.0.0.1:%d", s.port);
    snprintf(extra, sizeof extra, ONE_ID);
    switch (way) {
    case PATH: snprintf(path, sizeof path, "/%s/%s", tenant, at->path); break;
    case DEV: snprintf(path, sizeof path, "/dev/%s/%s", tenant, at->path); break;
    case SLASHES: snprintf(path, sizeof path, "//%s//%s", tenant, at->path); break;
    case ESCAPED: snprintf(path, sizeof path, "/%%%02x%s/%s", (unsigned)tenant[0], tenant + 1, at->path); break;
    case HOST: snprintf(host, sizeof host, "%s.db.test", tenant); break;
    case UPPER_HOST:
        snprintf(host, sizeof host, "%s.DB.Test:80", tenant);
        host[0] = (char)(host[0] - 32);
        break;
    case HEADER: snprintf(extra, sizeof extra, ONE_ID "x-namespace: %s\r\n", tenant); break;
    case ABSOLUTE:
        snprintf(path, sizeof path, "http://%s.db.test/%s", tenant, at->path);
        snprintf(host, sizeof host, "%s.db.test", tenant);
        break;
    case ALL_AGREE:
        snprintf(path, sizeof path, "/%s/%s", tenant, at->path);
        snprintf(host, sizeof host, "%s.db.test", tenant);
        snprintf(extra, sizeof extra, ONE_ID "x-namespace: %s\r\n", tenant);
        break;
    case OTHER_BIN:
        snprintf(path, sizeof path, "/%s/%s", tenant, at->path);
        snprintf(extra, sizeof extra, ONE_ID "x-namespace-bin: %s\r\n",
                 base64_of(strcmp(tenant, "bravo") ? "bravo" : "alpha"));
        break;
    case BIN:
        snprintf(extra, sizeof extra, ONE_ID "x-namespace-bin: %s\r\n", base64_of(tenant));
        if (who->id && !who->key_of) counts = who->id;
        break;
    case WAYS: break;
    }
    t->host = host;
    t->extra = extra;
    talk_ask(t, "POST", path, who->authorization[0] ? who->authorization : NULL, at->body);
    return counts;
}

static int index_of(const char *tenant) {
    for (int i = 0; tenant && i < TENANTS; i++) {
        if (strcmp(tenants[i], tenant) == 0) return i;
    }
    return -1;
}

/* ---- the matrix ---- */

static void every_way_token_and_tenant(talk *t) {
    for (size_t who = 0; who < token_count; who++) {
        for (int w = 0; w < WAYS; w++) {
            for (size_t e = 0; e < sizeof reads / sizeof *reads; e++) {
                char unknown[ANSWER_BYTES], this[ANSWER_BYTES];
                const token *k = &tokens[who];
                const char *named = ask_in_way(t, (naming)w, k, NEVER, &reads[e]);
                normal_form(t, named, unknown);
                for (int i = 0; i < TENANTS; i++) {
                    named = ask_in_way(t, (naming)w, k, tenants[i], &reads[e]);
                    verdict want = expected(k, named);
                    int at = index_of(named);
                    bool may = want.status == 200 && at >= 0;
                    if (!check_verdict(t, want, k->what, way_names[w], named)) continue;
                    bool saw = check_markers(t, may ? markers[at] : NULL, k->what, way_names[w]);
                    if (may && !saw) fail(t, way_names[w], "%s does not see the data of %s", k->what, named);
                    if (want.status == 200) continue;
                    if (want.status != 404 && !refusal_of(k, named)) continue;
                    if (k->key_of && want.status == 404) continue; /* its key's own tenant is known to its holder */
                    normal_form(t, named, this);
                    if (w != BIN && strcmp(this, unknown) != 0)
                        fail(t, way_names[w], "%s can tell %s from one that is not there:\n%s\n%s", k->what, named,
                             this, unknown);
                }
            }
        }
    }
}

static void every_token_writes_where_it_may(talk *t) {
    for (size_t who = 0; who < token_count; who++) {
        const token *k = &tokens[who];
        for (int i = 0; i < TENANTS; i++) {
            for (size_t e = 0; e < sizeof writes / sizeof *writes; e++) {
                ask_in_way(t, PATH, k, tenants[i], &writes[e]);
                verdict want = expected(k, tenants[i]);
                if (!check_verdict(t, want, k->what, "write", tenants[i])) continue;
                check_markers(t, NULL, k->what, "write");
                if (want.status != 200) continue;
                bool wrote = talk_says(t, "\"affected_row_count\":1"), refused = talk_says(t, "SQLITE_READONLY");
                if (wrote != k->write || refused == k->write) fail(t, "write", "%s on %s", k->what, tenants[i]);
                written[i] += k->write;
            }
        }
    }
}

static void places_that_disagree_are_refused(talk *t) {
    char path[64], host[64], extra[64];
    for (size_t who = 0; who < token_count; who++) {
        for (int i = 0; i < TENANTS; i++) {
            for (int k = 0; k < TENANTS * 3; k++) {
                const char *other = tenants[k / 3];
                if (other == tenants[i]) continue;
                bool path_named = k % 3 != 2, host_named = k % 3 != 1;
                snprintf(path, sizeof path, path_named ? "/%s/v2/pipeline" : "/v2/pipeline", tenants[i]);
                snprintf(host, sizeof host, host_named ? "%s.db.test" : "localhost", path_named ? other : tenants[i]);
                snprintf(extra, sizeof extra, ONE_ID "x-namespace: %s\r\n", k % 3 == 0 ? tenants[i] : other);
                t->host = host;
                t->extra = extra;
                talk_ask(t, "POST", path, tokens[who].authorization[0] ? tokens[who].authorization : NULL,
                         reads[0].body);
                verdict want = {400, "TENANT_AMBIGUOUS"};
                if (refusal_of(&tokens[who], NULL)) want = (verdict){401, refusal_of(&tokens[who], NULL)};
                check_verdict(t, want, tokens[who].what, "disagreeing places", tenants[i]);
                check_markers(t, NULL, tokens[who].what, "disagreeing places");
            }
        }
    }
}

static void a_token_alone_names_its_tenant_or_nobody(talk *t) {
    t->host = NULL;
    t->extra = ONE_ID;
    for (size_t who = 0; who < token_count; who++) {
        for (size_t e = 0; e < sizeof reads / sizeof *reads; e++) {
            char path[64];
            const token *k = &tokens[who];
            snprintf(path, sizeof path, "/%s", reads[e].path);
            talk_ask(t, "POST", path, k->authorization[0] ? k->authorization : NULL, reads[e].body);
            verdict want = expected(k, k->key_of ? NULL : k->id);
            int at = index_of(k->id);
            if (!check_verdict(t, want, k->what, "nothing named", k->id)) continue;
            bool saw = check_markers(t, want.status == 200 && at >= 0 ? markers[at] : NULL, k->what, "nothing named");
            if (want.status == 200 && !saw) fail(t, "nothing named", "%s does not see its data", k->what);
        }
    }
}

/* The registry is nobody's tenant, whatever a token says; the other databases of the server are for "*" alone. */
static void databases_of_the_server_are_no_tenants(talk *t) {
    static const char *const names[] = {"control", "streams", "discovery"};
    static const endpoint probe = {"v2/pipeline", EXECUTE("SELECT 1")};
    for (size_t who = 0; who < token_count; who++) {
        for (size_t i = 0; i < 3; i++) {
            for (int w = 0; w < 2; w++) {
                const token *k = &tokens[who];
                bool all = k->grants && strcmp(k->grants, "*") == 0 && i > 0;
                verdict want = all ? (verdict){200, NULL} : (verdict){404, "TENANT_NOT_FOUND"};
                if (refusal_of(k, names[i])) want = (verdict){401, refusal_of(k, names[i])};
                ask_in_way(t, w ? HEADER : PATH, k, names[i], &probe);
                check_verdict(t, want, k->what, "the server's own", names[i]);
            }
        }
    }
}

/* ---- listeners and routes ---- */

typedef struct route {
    const char *method, *path, *body;
} route;
static const route admin_routes[] = {
    {"GET", "/v1/namespaces", NULL},
    {"GET", "/v1/namespaces/%s", NULL},
    {"GET", "/v1/namespaces/%s/stats", NULL},
    {"GET", "/v1/namespaces/%s/config", NULL},
    {"POST", "/v1/namespaces/%s/create", "{}"},
    {"POST", "/v1/namespaces/%s/tokens", "{}"},
    {"POST", "/v1/namespaces/%s/tokens/revoke", "{}"},
    {"DELETE", "/v1/namespaces/%s", "{}"},
    {"POST", "/v1/tokens", "{\"namespaces\":[\"*\"]}"},
    {"GET", "/v1/keys", NULL},
    {"POST", "/v1/keys/rotate", "{}"},
    {"POST", "/v1/keys/import", "{\"jwt_key\":null}"},
    {"GET", "/metrics", NULL},
};

/* The same answer for a tenant that is there and for one that is not, whoever asks. */
static void same_for_all(talk *t, const route *r, const char *authorization, int status, const char *where) {
    char first[ANSWER_BYTES] = "", this[ANSWER_BYTES], path[100];
    for (int i = 0; i < TENANTS; i++) {
        fill(path, sizeof path, r->path, tenants[i]);
        talk_ask(t, r->method, path, authorization, r->body);
        check_verdict(t, (verdict){status, NULL}, r->path, where, tenants[i]);
        check_markers(t, NULL, r->path, where);
        normal_form(t, tenants[i], this);
        if (i == 0) memcpy(first, this, sizeof first);
        else if (strcmp(first, this) != 0) fail(t, where, "%s tells %s from others", r->path, tenants[i]);
    }
}

static void admin_routes_are_for_the_admin_key(talk *t, talk *admin) {
    t->host = admin->host = NULL;
    t->extra = admin->extra = ONE_ID;
    for (size_t i = 0; i < sizeof admin_routes / sizeof *admin_routes; i++) {
        const route *r = &admin_routes[i];
        for (size_t who = 0; who < token_count; who++) {
            const char *authorization = tokens[who].authorization[0] ? tokens[who].authorization : NULL;
            bool key = authorization && strstr(authorization, admin_key + strlen("Basic "));
            same_for_all(t, r, authorization, 404, "admin route on the user listener");
            if (!key) same_for_all(admin, r, authorization, 401, "admin route with a token");
        }
    }
    for (int i = 0; i < TENANTS; i++) {
        char path[64];
        for (size_t e = 0; e < sizeof reads / sizeof *reads; e++) {
            snprintf(path, sizeof path, "/%s/%s", tenants[i], reads[e].path);
            for (size_t who = 0; who <= token_count; who++) {
                const char *authorization = who < token_count ? tokens[who].authorization : admin_key;
                talk_ask(admin, "POST", path, authorization, reads[e].body);
                check_verdict(admin, (verdict){404, "NOT_FOUND"}, "any key", "user route on the admin listener", path);
                check_markers(admin, NULL, "any key", "user route on the admin listener");
            }
        }
    }
}

static void probes_and_wrong_methods_tell_nothing(talk *t) {
    static const route rows[] = {
        {"GET", "/%s/v2", NULL},           {"GET", "/%s/v3", NULL},        {"OPTIONS", "/%s/v2/pipeline", NULL},
        {"GET", "/%s/v2/pipeline", NULL},  {"PUT", "/%s/v3/cursor", "{}"}, {"GET", "/%s/", NULL},
        {"POST", "/%s/v9/pipeline", "{}"}, {"HEAD", "/%s/v2", NULL}};
    static const int status[] = {200, 200, 204, 405, 405, 404, 404, 200};
    t->host = NULL;
    t->extra = ONE_ID;
    for (size_t i = 0; i + 1 < sizeof rows / sizeof *rows; i++) {
        same_for_all(t, &rows[i], NULL, status[i], "probe");
        same_for_all(t, &rows[i], tokens[0].authorization, status[i], "probe with a token");
    }
}

/* ---- sessions ---- */

static void batons_are_for_their_token_and_tenant(talk *t) {
    static const char *const owners[][2] = {{"alpha rw", "alpha"}, {"alpha and bravo", "bravo"}, {"all ro", "delta"}};
    for (size_t o = 0; o < 3; o++) {
        char baton[64], body[256], path[64];
        const token *owner = &tokens[0];
        for (size_t i = 0; i < token_count; i++) {
            if (strcmp(tokens[i].what, owners[o][0]) == 0) owner = &tokens[i];
        }
        t->host = NULL;
        t->extra = ONE_ID;
        snprintf(path, sizeof path, "/%s/v2/pipeline", owners[o][1]);
        talk_ask(t, "POST", path, owner->authorization,
                 "{\"requests\":[{\"type\":\"execute\",\"stmt\":{\"sql\":\"BEGIN\"}},{\"type\":\"execute\",\"stmt\":{"
                 "\"sql\":\"SELECT v FROM secret\"}}]}");
        talk_text(t, "baton", baton, sizeof baton);
        if (!baton[0]) fail(t, "baton", "none was given to %s", owner->what);
        snprintf(body, sizeof body,
                 "{\"baton\":\"%s\",\"requests\":[{\"type\":\"execute\",\"stmt\":{\"sql\":\"SELECT v FROM secret\"}}]}",
                 baton);
        endpoint at[2] = {{"v3/pipeline", body}, {"v3/cursor", NULL}};
        char cursor[256];
        snprintf(cursor, sizeof cursor, "{\"baton\":\"%s\",\"batch\":{\"steps\":[{\"stmt\":{\"sql\":\"SELECT 1\"}}]}}",
                 baton);
        at[1].body = cursor;
        for (size_t who = 0; who < token_count; who++) {
            for (int i = 0; i < TENANTS * 2; i++) {
                const char *tenant = tenants[i / 2];
                verdict want = expected(&tokens[who], tenant);
                bool own = strcmp(tokens[who].authorization, owner->authorization) == 0;
                if (own && strcmp(tenant, owners[o][1]) == 0) continue;
                if (want.status == 200) want = (verdict){400, "BATON_INVALID"};
                ask_in_way(t, i % 4 < 2 ? PATH : HEADER, &tokens[who], tenant, &at[i % 2]);
                check_verdict(t, want, tokens[who].what, "somebody else's baton", tenant);
                check_markers(t, NULL, tokens[who].what, "somebody else's baton");
            }
        }
        ask_in_way(t, PATH, owner, owners[o][1], &at[0]);
        check_verdict(t, (verdict){200, NULL}, owner->what, "own baton, after all those tries", owners[o][1]);
        check_markers(t, markers[index_of(owners[o][1])], owner->what, "own baton");
    }
}

/* ---- ATTACH ---- */

#define ATTACHABLE " bravo delta " /* tenants that allow it */
#define ATTACH_AND_READ                                                                                                \
    "{\"requests\":[{\"type\":\"execute\",\"stmt\":{\"sql\":\"ATTACH '%s' AS o\"}},"                                   \
    "{\"type\":\"execute\",\"stmt\":{\"sql\":\"SELECT v FROM o.secret\"}},{\"type\":\"close\"}]}"

/* What ATTACH of `other` answers in a session of a tenant that the token may read; NULL: it is attached. */
static const char *attach_refusal(const token *k, const char *tenant, const char *other) {
    verdict want = expected(k, other);
    if (strcmp(tenant, other) == 0) return among(ATTACHABLE, other) ? "SQLITE_ERROR" : "FORBIDDEN";
    /* the session stands, so who asks is known: a tenant's own key opens nothing else */
    if (k->key_of && strcmp(k->key_of, other) != 0) return "TENANT_NOT_FOUND";
    if (want.status != 200) return want.code;
    return among(ATTACHABLE, other) ? NULL : "FORBIDDEN";
}

static void attach(talk *t, naming way, const token *k, int tenant, int other, char unknown[ANSWER_BYTES]) {
    char body[400], this[ANSWER_BYTES], code[64];
    fill(body, sizeof body, ATTACH_AND_READ, tenants[other]);
    const char *named = ask_in_way(t, way, k, tenants[tenant], &(endpoint){"v2/pipeline", body});
    if (!check_verdict(t, expected(k, named), k->what, "ATTACH", named) || t->status != 200 || index_of(named) < 0)
        return;
    const char *refusal = attach_refusal(k, named, tenants[other]);
    bool saw = check_markers(t, refusal ? NULL : markers[other], k->what, "ATTACH");
    talk_text(t, "code", code, sizeof code);
    checks++;
    if (refusal ? strcmp(code, refusal) != 0 : !saw)
        fail(t, "ATTACH", "%s, in %s, of %s: wanted %s", k->what, named, tenants[other],
             refusal ? refusal : "its data");
    if (!refusal || strcmp(refusal, "TENANT_NOT_FOUND") != 0) return;
    normal_form(t, tenants[other], this);
    if (strcmp(tenants[other], NEVER) == 0) snprintf(unknown, ANSWER_BYTES, "%s", this);
    else if (unknown[0] && strcmp(this, unknown) != 0)
        fail(t, "ATTACH", "%s can tell %s from one that is not there", k->what, tenants[other]);
}

static void every_token_attaches_what_it_may(talk *t) {
    static const naming ways[] = {PATH, HOST, HEADER, BIN};
    for (size_t who = 0; who < token_count; who++) {
        for (size_t w = 0; w < sizeof ways / sizeof *ways; w++) {
            for (int i = 0; i < TENANTS; i++) {
                char unknown[ANSWER_BYTES] = "";
                attach(t, ways[w], &tokens[who], i, index_of(NEVER), unknown);
                for (int other = 0; other < TENANTS; other++) attach(t, ways[w], &tokens[who], i, other, unknown);
            }
        }
    }
    static const char *const own[] = {"control", "streams", "discovery"}; /* not even for who may read everything */
    for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
        char body[400];
        fill(body, sizeof body, ATTACH_AND_READ, own[i]);
        for (size_t who = 0; who < token_count; who++) {
            ask_in_way(t, PATH, &tokens[who], "alpha", &(endpoint){"v2/pipeline", body});
            checks++;
            if (t->status == 200 && !talk_says(t, "TENANT_NOT_FOUND"))
                fail(t, "ATTACH", "%s: %s", tokens[who].what, own[i]);
        }
    }
}

/* ---- SQL ---- */

static void sql_does_not_reach_other_files(talk *t) {
    char id[300] = "", line[300], command[300], sql[512];
    snprintf(command, sizeof command, "find '%s/data/db' -name '*.db'", s.folder);
    FILE *files = popen(command, "r"); /* of every tenant; alpha's is among them and may not be attached either */
    static const char *const forms[] = {"ATTACH '%s' AS b",
                                        "ATTACH 'file:%s?mode=ro' AS b",
                                        "VACUUM INTO '%s.copy'",
                                        "SELECT readfile('%s')",
                                        "SELECT load_extension('%s')",
                                        "SELECT * FROM \\\"%s\\\".secret",
                                        "PRAGMA temp_store_directory='%s'"};
    while (files && fgets(line, sizeof line, files)) {
        line[strcspn(line, "\n")] = '\0';
        memcpy(id, line, sizeof id);
        for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
            char text_of[400];
            fill(text_of, sizeof text_of, forms[i], line);
            snprintf(sql, sizeof sql, "{\"requests\":[{\"type\":\"execute\",\"stmt\":{\"sql\":\"%s\"}}]}", text_of);
            ask_in_way(t, PATH, &tokens[0], "alpha", &(endpoint){"v2/pipeline", sql});
            checks++;
            if (t->status != 200 || !talk_says(t, "\"type\":\"error\"")) fail(t, "SQL", "%s was not refused", text_of);
            check_markers(t, NULL, text_of, "SQL");
        }
    }
    if (files) pclose(files);
    if (!id[0]) fail(t, "SQL", "no database file was found");
    static const char *const plain[] = {EXECUTE("ATTACH 'bravo' AS b"),
                                        EXECUTE("SELECT * FROM bravo.secret"),
                                        EXECUTE("ATTACH '' AS b"),
                                        EXECUTE("ATTACH ':memory:' AS b"),
                                        EXECUTE("SELECT * FROM sqlite_dbpage"),
                                        EXECUTE("SELECT * FROM tenant"),
                                        EXECUTE("PRAGMA database_list"),
                                        EXECUTE("SELECT * FROM signing_key"),
                                        EXECUTE("SELECT file FROM pragma_database_list"),
                                        EXECUTE("CREATE TEMP TABLE x(a)")};
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++) {
        ask_in_way(t, PATH, &tokens[0], "alpha", &(endpoint){"v2/pipeline", plain[i]});
        checks++;
        check_markers(t, NULL, plain[i], "SQL");
        if (t->status != 200 || talk_says(t, s.folder)) fail(t, "SQL", "%s tells a path", plain[i]);
    }
}

/* ---- the stage ---- */

static void must(talk *admin, const char *method, const char *path, const char *body, const char *what) {
    if (talk_ask(admin, method, path, admin_key, body) == 200) return;
    fprintf(stderr, "%s %s: %d %s\n", method, path, admin->status, admin->body ? admin->body : "");
    die(what);
}

static token *add_token(token k, const char *authorization) {
    if (token_count == TOKENS_MAX) die("too many tokens");
    token *at = &tokens[token_count++];
    *at = k;
    snprintf(at->authorization, sizeof at->authorization, "%s", authorization);
    return at;
}

static void add_made(talk *admin, const char *path, const char *body, token k) {
    char made[1500], authorization[1600];
    must(admin, "POST", path, body, "no token");
    talk_text(admin, "token", made, sizeof made);
    snprintf(authorization, sizeof authorization, "Bearer %s", made);
    add_token(k, authorization);
}

static void make_tenant(talk *admin, talk *user, const char *name, char marker[48]) {
    char path[64], sql[300], made[1500], authorization[1600];
    snprintf(path, sizeof path, "/v1/namespaces/%s/create", name);
    must(admin, "POST", path, "{}", "no tenant");
    snprintf(path, sizeof path, "/v1/namespaces/%s/tokens", name);
    must(admin, "POST", path, "{}", "no token");
    talk_text(admin, "token", made, sizeof made);
    snprintf(authorization, sizeof authorization, "Bearer %s", made);
    snprintf(marker, 48, "MARKER-%lx-%s", random(), name);
    snprintf(sql, sizeof sql,
             "{\"requests\":[{\"type\":\"sequence\",\"sql\":\"CREATE TABLE secret(v); CREATE TABLE visits(a); "
             "INSERT INTO secret VALUES ('%s');\"},{\"type\":\"close\"}]}",
             marker);
    snprintf(path, sizeof path, "/%s/v2/pipeline", name);
    if (talk_ask(user, "POST", path, authorization, sql) != 200 || talk_says(user, "error")) die("no marker");
}

static void set_stage(talk *admin, talk *user) {
    add_made(admin, "/v1/tokens", "{\"namespaces\":[\"streams\"]}",
             (token){.what = "streams alone", .grants = " streams "});
    token_count = 0; /* only to have one more key than the tests know */
    for (int i = 0; i < TENANTS; i++) {
        if (among(existing, tenants[i]) || strcmp(tenants[i], GHOST) == 0)
            make_tenant(admin, user, tenants[i], markers[i]);
        else snprintf(markers[i], sizeof markers[i], "MARKER-nothing-%s", tenants[i]);
    }
    add_made(admin, "/v1/namespaces/alpha/tokens", "{}",
             (token){.what = "of a dropped key", .refusal = "AUTH_JWT_INVALID"});
    must(admin, "POST", "/v1/keys/rotate", "{}", "no rotation");
    must(admin, "POST", "/v1/keys/rotate", "{\"drop_old\":true}", "no dropping");
    token dropped = tokens[--token_count];
    add_made(admin, "/v1/namespaces/alpha/tokens", "{}",
             (token){.what = "alpha rw", .id = "alpha", .grants = " alpha ", .write = true});
    add_token(dropped, dropped.authorization);
    add_made(admin, "/v1/namespaces/alpha/tokens", "{\"expires\":\"1h\"}",
             (token){.what = "alpha rw, another", .id = "alpha", .grants = " alpha ", .write = true});
    add_made(admin, "/v1/namespaces/alpha/tokens", "{\"access\":\"ro\"}",
             (token){.what = "alpha ro", .id = "alpha", .grants = " alpha "});
    add_made(admin, "/v1/namespaces/bravo/tokens", "{}",
             (token){.what = "bravo rw", .id = "bravo", .grants = " bravo ", .write = true});
    add_made(admin, "/v1/tokens", "{\"namespaces\":[\"alpha\",\"bravo\"]}",
             (token){.what = "alpha and bravo", .grants = " alpha bravo ", .write = true});
    add_made(admin, "/v1/tokens", "{\"namespaces\":[\"alpha\"],\"access\":\"ro\"}",
             (token){.what = "a list of alpha, ro", .grants = " alpha "});
    add_made(admin, "/v1/tokens", "{\"namespaces\":[\"*\"]}", (token){.what = "all rw", .grants = "*", .write = true});
    add_made(admin, "/v1/tokens", "{\"namespaces\":[\"*\"],\"access\":\"ro\"}",
             (token){.what = "all ro", .grants = "*"});
    add_made(admin, "/v1/namespaces/delta/tokens", "{}",
             (token){.what = "revoked", .id = "delta", .grants = " delta ", .void_on = "delta", .write = true});
    must(admin, "POST", "/v1/namespaces/delta/tokens/revoke", "{}", "no revocation");
    add_made(admin, "/v1/namespaces/delta/tokens", "{}",
             (token){.what = "made after the revocation", .id = "delta", .grants = " delta ", .write = true});
    add_made(admin, "/v1/namespaces/ghost/tokens", "{}",
             (token){.what = "of a deleted tenant", .id = "ghost", .grants = " ghost ", .write = true});
    must(admin, "DELETE", "/v1/namespaces/ghost", "{}", "no deletion");
    add_made(
        admin, "/v1/namespaces/fenix/tokens", "{}",
        (token){.what = "of the former fenix", .id = "fenix", .grants = " fenix ", .void_on = "fenix", .write = true});
    add_made(admin, "/v1/tokens", "{\"namespaces\":[\"fenix\",\"alpha\"]}",
             (token){.what = "a list with the former fenix", .grants = " alpha ", .write = true});
    memcpy(dead_marker, markers[index_of("fenix")], sizeof dead_marker);
    must(admin, "DELETE", "/v1/namespaces/fenix", "{}", "no deletion"); /* all of this may happen in one millisecond */
    make_tenant(admin, user, "fenix", markers[index_of("fenix")]);
    must(admin, "PATCH", "/v1/namespaces/bravo", "{\"allow_attach\":true}", "no allow_attach");
    must(admin, "PATCH", "/v1/namespaces/delta", "{\"allow_attach\":true}", "no allow_attach");
    add_made(admin, "/v1/namespaces/fenix/tokens", "{}",
             (token){.what = "of the new fenix", .id = "fenix", .grants = " fenix ", .write = true});
}

static void add_forged(const trib_ed25519_key *key, const char *payload, token k) {
    text made = {0};
    char authorization[1600];
    forge(&made, key, FORGE_HEADER, payload);
    snprintf(authorization, sizeof authorization, "Bearer %s", made.ptr);
    add_token(k, authorization);
    free(made.ptr);
}

/* Signed by the server's own key, so that only the claims decide. */
static void add_more_tokens(const trib_ed25519_key *key) {
    char basic[1600];
    add_forged(key, "{\"id\":\"alpha\",\"a\":\"rw\",\"exp\":1000000000}",
               (token){.what = "expired", .refusal = "AUTH_JWT_EXPIRED"});
    add_forged(key, "{\"id\":\"alpha\",\"a\":\"rw\",\"nbf\":4000000000}",
               (token){.what = "not valid yet", .refusal = "AUTH_JWT_IMMATURE"});
    add_forged(key, "{\"id\":\"alpha\"}", (token){.what = "without a", .refusal = "AUTH_JWT_INVALID"});
    add_forged(key, "{\"a\":\"rw\"}", (token){.what = "without id", .refusal = "AUTH_JWT_INVALID"});
    add_forged(key, "{\"id\":\"alpha\",\"a\":\"rw\"}",
               (token){.what = "without gen", .id = "alpha", .grants = " alpha ", .void_on = "alpha"});
    add_forged(key, "{\"id\":\"control\",\"a\":\"rw\"}",
               (token){.what = "for control", .id = "control", .grants = " control "});
    add_forged(key, "{\"id\":\"../alpha\",\"a\":\"rw\"}",
               (token){.what = "for a path", .id = "../alpha", .grants = ""});
    add_forged(key, "{\"id\":\"ALPHA\",\"a\":\"rw\"}", (token){.what = "in capitals", .id = "ALPHA", .grants = ""});
    add_forged(key, "{\"id\":\"*\",\"a\":\"rw\"}", (token){.what = "id *", .id = "*", .grants = ""});
    add_forged(key, "{\"id\":\"alpha\",\"a\":\"rw\",\"p\":{}}", (token){.what = "p without rights", .grants = ""});
    add_forged(key, "{\"p\":{\"rw\":{\"ns\":[\"alpha\"]}}}", (token){.what = "a list without gen", .grants = ""});
    add_forged(key, "{\"p\":{\"rw\":{\"ns\":[\"alpha*\",\"a\",\"alpha \"]}},\"gen\":9000000000000}",
               (token){.what = "near misses", .grants = ""});
    add_forged(key, "{\"p\":{\"ro\":{\"ns\":[\"alpha\"]},\"roa\":{\"ns\":[\"bravo\"]}},\"gen\":9000000000000}",
               (token){.what = "alpha ro, bravo roa", .grants = " alpha bravo "});
    add_forged(key, "{\"p\":{\"rwa\":{\"ns\":[\"bravo\",\"delta\",\"fenix\"]}},\"gen\":9000000000000}",
               (token){.what = "three rwa", .grants = " bravo delta fenix ", .write = true});
    add_token((token){.what = "no header", .refusal = "AUTH_HEADER_NOT_FOUND"}, "");
    add_token((token){.what = "garbage", .refusal = "AUTH_JWT_INVALID"}, "Bearer garbage");
    add_token((token){.what = "the admin key", .refusal = "AUTH_HTTP_HEADER_INVALID"}, admin_key);
    snprintf(basic, sizeof basic, "Bearer %s", admin_key + strlen("Basic "));
    add_token((token){.what = "the admin key as a token", .refusal = "AUTH_JWT_INVALID"}, basic);
    snprintf(basic, sizeof basic, "Basic %.1500s", tokens[0].authorization + strlen("Bearer "));
    add_token((token){.what = "a token as a key", .refusal = "AUTH_HTTP_HEADER_INVALID"}, basic);
    add_token((token){.what = "an empty token", .refusal = "AUTH_HTTP_HEADER_INVALID"}, "Bearer ");
}

/* Signed by others, whose keys the operator took: one of bravo alone, one of all tenants. */
static void add_tokens_of_others(talk *admin) {
    trib_ed25519_key *of_bravo = NULL, *of_all = NULL;
    char body[200], path[] = "/v1/namespaces/bravo";
    struct {
        trib_ed25519_key **key;
        const char *method, *path;
    } places[] = {{&of_bravo, "PATCH", path}, {&of_all, "POST", "/v1/keys/import"}};
    for (int i = 0; i < 2; i++) {
        char encoded[64];
        uint8_t raw[TRIB_ED25519_KEY_BYTES];
        if (trib_ed25519_key_new_random(places[i].key, NULL) != TRIB_OK) die("no key");
        trib_ed25519_pub_get_raw(trib_ed25519_key_get_pub(*places[i].key), raw);
        size_t n = trib_base64_encode(TRIB_BASE64_URL, false, raw, sizeof raw, encoded);
        snprintf(body, sizeof body, "{\"jwt_key\":\"%.*s\"}", (int)n, encoded);
        must(admin, places[i].method, places[i].path, body, "no key was taken");
    }
    add_forged(of_bravo, "{\"id\":\"bravo\",\"a\":\"rw\"}",
               (token){.what = "bravo's key", .key_of = "bravo", .id = "bravo", .grants = " bravo ", .write = true});
    add_forged(of_bravo, "{\"p\":{\"rw\":{\"ns\":[\"alpha\",\"bravo\",\"streams\",\"*\"]}}}",
               (token){.what = "bravo's key, a list", .key_of = "bravo", .grants = " bravo ", .write = true});
    add_forged(of_bravo, "{\"id\":\"alpha\",\"a\":\"rw\",\"gen\":0}",
               (token){.what = "bravo's key for alpha", .key_of = "bravo", .id = "alpha", .grants = ""});
    char payload[200];
    long long now_s = time(NULL);
    snprintf(payload, sizeof payload, "{\"id\":\"alpha\",\"a\":\"ro\",\"iat\":%lld}", now_s);
    add_forged(of_all, payload, (token){.what = "the key of all, alpha ro", .id = "alpha", .grants = " alpha "});
    snprintf(payload, sizeof payload, "{\"id\":\"bravo\",\"a\":\"rw\",\"iat\":%lld}", now_s);
    add_forged(of_all, payload, (token){.what = "the key of all, for one with its own", .id = "bravo", .grants = ""});
    snprintf(payload, sizeof payload, "{\"id\":\"streams\",\"a\":\"rw\",\"iat\":%lld}", now_s);
    add_forged(of_all, payload, (token){.what = "the key of all, streams", .id = "streams", .grants = ""});
    snprintf(payload, sizeof payload,
             "{\"p\":{\"rw\":{\"ns\":[\"alpha\",\"bravo\",\"delta\",\"ghost\",\"*\"]}},\"iat\":%lld}", now_s + 2);
    add_forged(of_all, payload, (token){.what = "the key of all, a list", .grants = " alpha delta ", .write = true});
    add_forged(of_all, "{\"p\":{\"rw\":{\"ns\":[\"alpha\",\"fenix\"]}},\"iat\":1700000000}",
               (token){.what = "the key of all, an old list", .grants = ""});
    add_forged(of_all, "{\"id\":\"fenix\",\"a\":\"rw\"}",
               (token){.what = "the key of all, without iat", .id = "fenix", .grants = " fenix ", .void_on = "fenix"});
    trib_ed25519_key_free(of_bravo);
    trib_ed25519_key_free(of_all);
}

static void nothing_else_was_written(talk *t) {
    char want[64];
    for (int i = 0; i < TENANTS; i++) {
        for (size_t who = 0; who < token_count; who++) {
            if (expected(&tokens[who], tenants[i]).status != 200) continue;
            ask_in_way(t, PATH, &tokens[who], tenants[i],
                       &(endpoint){"v2/pipeline", EXECUTE("SELECT 'visits '||count(*) FROM visits")});
            snprintf(want, sizeof want, "visits %zu", written[i]);
            checks++;
            if (!talk_says(t, want)) fail(t, "writes", "%s should have %s", tenants[i], want);
            break;
        }
    }
}

int main(void) {
    static const char *const extra[] = {"--tenant-domain", "db.test", "--log-level", "warn", NULL};
    char kid[64];
    talk admin, user;
    s = server_start(extra);
    talk_admin_key(&s, admin_key, sizeof admin_key);
    talk_init(&admin, s.admin_port);
    talk_init(&user, s.port);
    set_stage(&admin, &user);
    talk_deinit(&admin);
    talk_deinit(&user);
    trib_ed25519_key *key = forge_take_key(&s, kid, extra);
    add_more_tokens(key);
    trib_ed25519_key_free(key);
    talk_init(&admin, s.admin_port);
    talk_init(&user, s.port);
    add_tokens_of_others(&admin);
    every_way_token_and_tenant(&user);
    every_token_writes_where_it_may(&user);
    places_that_disagree_are_refused(&user);
    a_token_alone_names_its_tenant_or_nobody(&user);
    databases_of_the_server_are_no_tenants(&user);
    batons_are_for_their_token_and_tenant(&user);
    every_token_attaches_what_it_may(&user);
    sql_does_not_reach_other_files(&user);
    probes_and_wrong_methods_tell_nothing(&user);
    admin_routes_are_for_the_admin_key(&user, &admin);
    nothing_else_was_written(&user);
    talk_deinit(&admin);
    talk_deinit(&user);
    if (!server_stop(&s)) failed++;
    printf("%zu tokens, %d ways, %d tenants: %lu answers as they should be, %lu not\n", token_count, WAYS, TENANTS,
           checks - (failed < checks ? failed : checks), failed);
    return failed ? 1 : 0;
}

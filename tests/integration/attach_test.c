/* SPDX-License-Identifier: Apache-2.0 */
/* ATTACH against the real program over sockets: how long a session's attachment lasts, what ends it, and that only what
 * is executed attaches anything. Who may attach whom is in isolation_test.c. */
#include "integration/talk.h"

static int failed;
static server s;
static talk admin;
static char admin_key[160], wide[1600], wide_ro[1600];

static void check(bool fine, const char *what, const talk *t) {
    if (!fine) failed++;
    printf("%s %s\n", fine ? "ok    " : "FAILED", what);
    if (!fine && t && t->body) printf("       %d %s\n", t->status, t->body);
}

/* A session: a connection of its own, and its newest baton. */
typedef struct session {
    talk t;
    char baton[64];
    const char *tenant, *token;
} session;

static session session_new(const char *tenant, const char *token) {
    session made = {.tenant = tenant, .token = token};
    talk_init(&made.t, s.port);
    return made;
}

static void session_end(session *x) {
    talk_deinit(&x->t);
}

/* Requests of a pipeline, without the brackets; the answer is in x->t. */
static talk *ask(session *x, const char *requests) {
    text body = {0};
    char path[64];
    snprintf(path, sizeof path, "/%s/v2/pipeline", x->tenant);
    if (x->baton[0]) text_add(&body, "{\"baton\":\"%s\",", x->baton);
    else text_add(&body, "{");
    text_add(&body, "\"requests\":[%s]}", requests);
    talk_ask(&x->t, "POST", path, x->token, body.ptr);
    talk_text(&x->t, "baton", x->baton, sizeof x->baton);
    free(body.ptr);
    return &x->t;
}

static talk *run(session *x, const char *sql) {
    text request = {0};
    text_add(&request, "{\"type\":\"execute\",\"stmt\":{\"sql\":\"%s\"}}", sql);
    talk *t = ask(x, request.ptr);
    free(request.ptr);
    return t;
}

static bool says(session *x, const char *sql, const char *want) {
    return talk_says(run(x, sql), want);
}

static void must(const char *method, const char *path, const char *body) {
    if (talk_ask(&admin, method, path, admin_key, body) == 200) return;
    fprintf(stderr, "%s %s: %d %s\n", method, path, admin.status, admin.body ? admin.body : "");
    die("no stage");
}

static void token_of(const char *body, char out[1600]) {
    char made[1500];
    must("POST", "/v1/tokens", body);
    talk_text(&admin, "token", made, sizeof made);
    snprintf(out, 1600, "Bearer %s", made);
}

static void make_tenant(const char *name, const char *body) {
    char path[80];
    snprintf(path, sizeof path, "/v1/namespaces/%s/create", name);
    must("POST", path, body);
}

static void set_stage(void) {
    static const char *const others[] = {"other", "gone", "named"};
    make_tenant("mine", "{}");
    for (size_t i = 0; i < 3; i++) make_tenant(others[i], "{\"allow_attach\":true}");
    token_of("{\"namespaces\":[\"mine\",\"other\",\"gone\",\"named\"]}", wide);
    token_of("{\"namespaces\":[\"mine\",\"other\"],\"access\":\"ro\"}", wide_ro);
    for (size_t i = 0; i < 3; i++) {
        session x = session_new(others[i], wide);
        run(&x, "CREATE TABLE t(v)");
        check(says(&x, "INSERT INTO t VALUES('there')", "\"affected_row_count\":1"), others[i], &x.t);
        session_end(&x);
    }
    session x = session_new("mine", wide);
    check(says(&x, "CREATE TABLE m(v)", "\"type\":\"ok\""), "mine", &x.t);
    session_end(&x);
}

#define READ "SELECT v FROM o.t"

static void an_attachment_is_the_session_s_own(void) {
    session a = session_new("mine", wide), b = session_new("mine", wide), c = session_new("mine", wide);
    check(says(&a, "ATTACH 'other' AS o", "\"type\":\"ok\""), "a session attaches", &a.t);
    check(says(&a, READ, "there"), "and reads with its next request", &a.t);
    check(says(&b, READ, "no such table: o.t"), "another session does not", &b.t);
    check(says(&a, "PRAGMA database_list", "\"value\":\"o\""), "it is listed, without a file", &a.t);
    check(!talk_says(&a.t, ".db"), "and no path is told", &a.t);
    ask(&a, "{\"type\":\"close\"}");
    for (int i = 0; i < 4; i++) check(says(&c, READ, "no such table: o.t"), "nor whoever gets its handle", &c.t);
    session_end(&a);
    session_end(&b);
    session_end(&c);
    session one = session_new("mine", wide);
    ask(&one, "{\"type\":\"sequence\",\"sql\":\"ATTACH 'other' AS o; INSERT INTO m SELECT v FROM o.t; DETACH o\"},"
              "{\"type\":\"execute\",\"stmt\":{\"sql\":\"SELECT v FROM m\"}}");
    check(talk_says(&one.t, "there"), "a script attaches, copies and detaches", &one.t);
    session_end(&one);
}

static void only_what_is_executed_attaches(void) {
    session a = session_new("mine", wide);
    ask(&a, "{\"type\":\"describe\",\"sql\":\"ATTACH 'other' AS o\"},"
            "{\"type\":\"execute\",\"stmt\":{\"sql\":\"" READ "\"}}");
    check(talk_says(&a.t, "\"is_readonly\":false") && talk_says(&a.t, "no such table: o.t"), "describe does not", &a.t);
    ask(&a, "{\"type\":\"describe\",\"sql\":\"ATTACH 'nobody' AS o\"}");
    check(!talk_says(&a.t, "error"), "and does not tell who is there", &a.t);
    ask(&a, "{\"type\":\"execute\",\"stmt\":{\"sql\":\"ATTACH ? AS "
            "o\",\"args\":[{\"type\":\"text\",\"value\":\"other\"}]}}");
    check(talk_says(&a.t, "SQL_PARSE_ERROR") && talk_says(&a.t, "parameter"), "a parameter is no name", &a.t);
    static const char *const names[] = {":memory:", "",         "other.db", "/etc/passwd", "file:other?mode=ro",
                                        "OTHER",    "../other", "other ",   "%other",      "http://x/"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char sql[80];
        snprintf(sql, sizeof sql, "ATTACH '%s' AS o", names[i]);
        check(says(&a, sql, "SQL_PARSE_ERROR") && talk_says(&a.t, "no tenant's name"), sql, &a.t);
    }
    session_end(&a);
}

static void a_reader_attaches_too_and_nobody_writes(void) {
    session a = session_new("mine", wide_ro), b = session_new("mine", wide);
    check(says(&a, "ATTACH 'other' AS o", "\"type\":\"ok\""), "a token that reads attaches", &a.t);
    check(says(&a, READ, "there"), "and reads", &a.t);
    run(&b, "ATTACH 'other' AS o");
    check(says(&b, "INSERT INTO o.t VALUES(1)", "SQLITE_READONLY"), "one that may write there does not write", &b.t);
    check(says(&b, "BEGIN IMMEDIATE", "\"type\":\"ok\""), "its own it may write", &b.t);
    check(says(&b, "INSERT INTO m SELECT v FROM o.t", "\"affected_row_count\":1"), "from there", &b.t);
    check(says(&b, "COMMIT", "\"type\":\"ok\""), "and commit", &b.t);
    session_end(&a);
    session_end(&b);
}

/* Each of these ends the attachments of a session that is in a transaction. */
static void ends(const char *what, const char *tenant, const char *method, const char *path, const char *body,
                 const char *code) {
    char sql[80];
    session a = session_new("mine", wide);
    snprintf(sql, sizeof sql, "ATTACH '%s' AS o", tenant);
    run(&a, sql);
    run(&a, "BEGIN");
    run(&a, "INSERT INTO m VALUES('lost')");
    check(says(&a, READ, "there"), what, &a.t);
    must(method, path, body);
    bool told = says(&a, READ, code);
    check(told, "the next statement is told why", &a.t);
    /* of one that was deleted at once, the store may have closed the connection before */
    if (strcmp(method, "DELETE") != 0) check(talk_says(&a.t, "attached in this session"), "and of what", &a.t);
    check(says(&a, READ, "no such table: o.t"), "and it is gone", &a.t);
    check(says(&a, "SELECT count(*) FROM m WHERE v='lost'", "\"value\":\"0\""), "with the transaction", &a.t);
    check(says(&a, sql, code), "ATTACH says the same", &a.t);
    session_end(&a);
}

static void what_is_taken_back_ends_at_the_next_request(void) {
    ends("not allowed any more", "other", "PATCH", "/v1/namespaces/other", "{\"allow_attach\":false}", "FORBIDDEN");
    must("PATCH", "/v1/namespaces/other", "{\"allow_attach\":true}");
    ends("blocked", "other", "PATCH", "/v1/namespaces/other", "{\"block_reads\":true,\"block_reason\":\"unpaid\"}",
         "Operation was blocked: unpaid");
    must("PATCH", "/v1/namespaces/other", "{\"block_reads\":false,\"block_reason\":null}");
    ends("renamed", "named", "POST", "/v1/namespaces/named/rename", "{\"name\":\"renamed\"}", "TENANT_NOT_FOUND");
    ends("deleted", "gone", "DELETE", "/v1/namespaces/gone", "{\"now\":true}", "TENANT_NOT_FOUND");
}

static void the_setting_is_shown_and_kept(void) {
    check(talk_ask(&admin, "GET", "/v1/namespaces/other", admin_key, NULL) == 200 &&
              talk_says(&admin, "\"allow_attach\":true"),
          "a tenant shows its setting", &admin);
    check(talk_ask(&admin, "GET", "/v1/namespaces/mine/config", admin_key, NULL) == 200 &&
              talk_says(&admin, "\"allow_attach\":false"),
          "sqld's object too, and it is off by default", &admin);
    must("POST", "/v1/namespaces/mine/config", "{\"block_reads\":false,\"block_writes\":false,\"allow_attach\":true}");
    check(talk_says(&admin, "\"allow_attach\":true"), "sqld's object switches it on", &admin);
    must("POST", "/v1/namespaces/mine/config", "{\"block_reads\":false,\"block_writes\":false}");
    check(talk_says(&admin, "\"allow_attach\":false"), "and off where it is absent", &admin);
}

static void a_tenant_that_nobody_wrote_to_reads_empty(void) {
    session a = session_new("mine", wide);
    make_tenant("empty", "{\"allow_attach\":true}");
    char all[1600];
    token_of("{\"namespaces\":[\"mine\",\"empty\"]}", all);
    a.token = all;
    session w = session_new("empty", all);
    check(says(&a, "ATTACH 'empty' AS o", "\"type\":\"ok\""), "a tenant without files", &a.t);
    check(says(&a, "SELECT count(*) FROM o.sqlite_schema", "\"value\":\"0\""), "has nothing", &a.t);
    run(&w, "CREATE TABLE t(v)");
    run(&w, "INSERT INTO t VALUES('first')");
    check(says(&a, READ, "first"), "until it is written to", &a.t);
    session_end(&a);
    session_end(&w);
}

int main(void) {
    static const char *const extra[] = {"--log-level", "warn", NULL};
    s = server_start(extra);
    talk_admin_key(&s, admin_key, sizeof admin_key);
    talk_init(&admin, s.admin_port);
    set_stage();
    an_attachment_is_the_session_s_own();
    only_what_is_executed_attaches();
    a_reader_attaches_too_and_nobody_writes();
    what_is_taken_back_ends_at_the_next_request();
    the_setting_is_shown_and_kept();
    a_tenant_that_nobody_wrote_to_reads_empty();
    talk_deinit(&admin);
    if (!server_stop(&s)) failed++;
    printf("%d failed\n", failed);
    return failed ? 1 : 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* libSQL's SQL against the real program over sockets: what one session changes in the schema the others see, savepoints
 * obey the turn, and a dump makes the same tables again. */
#include "integration/talk.h"

static int failed;
static server s;

static void check(bool fine, const char *what, const talk *t) {
    if (!fine) failed++;
    printf("%s %s\n", fine ? "ok    " : "FAILED", what);
    if (!fine && t && t->body) printf("       %s\n", t->body);
}

/* A session: a connection of its own, and its newest baton. */
typedef struct session {
    talk t;
    char baton[64];
    const char *tenant;
} session;

static session session_new(const char *tenant) {
    session made = {.tenant = tenant};
    talk_init(&made.t, s.port);
    return made;
}

static void session_end(session *x) {
    talk_deinit(&x->t);
}

/* One statement; the answer is in x->t. */
static talk *run(session *x, const char *sql) {
    text body = {0};
    char path[64];
    snprintf(path, sizeof path, "/%s/v2/pipeline", x->tenant);
    if (x->baton[0]) text_add(&body, "{\"baton\":\"%s\",", x->baton);
    else text_add(&body, "{");
    text_add(&body, "\"requests\":[{\"type\":\"execute\",\"stmt\":{\"sql\":\"%s\"}}]}", sql);
    talk_ask(&x->t, "POST", path, NULL, body.ptr);
    talk_text(&x->t, "baton", x->baton, sizeof x->baton);
    free(body.ptr);
    return &x->t;
}

static bool says(session *x, const char *sql, const char *want) {
    return talk_says(run(x, sql), want);
}

#define COLUMN_TYPE "SELECT type||' '||\\\"notnull\\\" AS a FROM pragma_table_info('t') WHERE name='a'"

static void open_sessions_see_an_altered_column(void) {
    session a = session_new("acme"), b = session_new("acme"), reader = session_new("acme");
    run(&a, "CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT)");
    check(says(&b, COLUMN_TYPE, "TEXT 0"), "a session knows the column", &b.t);
    check(says(&b, "INSERT INTO t(a) VALUES(NULL)", "\"affected_row_count\":1"), "and writes it", &b.t);
    run(&reader, "BEGIN");
    check(says(&reader, COLUMN_TYPE, "TEXT 0"), "another reads in a transaction", &reader.t);
    check(says(&a, "ALTER TABLE t ALTER COLUMN a TO a INT NOT NULL", "\"type\":\"ok\""), "the column is altered", &a.t);
    check(says(&b, COLUMN_TYPE, "INT 1"), "the open session sees it", &b.t);
    check(says(&b, "INSERT INTO t(a) VALUES(NULL)", "NOT NULL constraint failed: t.a"), "and obeys it", &b.t);
    check(says(&reader, COLUMN_TYPE, "TEXT 0"), "the transaction keeps its snapshot", &reader.t);
    run(&reader, "COMMIT");
    check(says(&reader, COLUMN_TYPE, "INT 1"), "until it ends", &reader.t);
    run(&a, "BEGIN");
    run(&a, "ALTER TABLE t ALTER COLUMN a TO a BLOB");
    check(says(&a, COLUMN_TYPE, "BLOB 0") && says(&b, COLUMN_TYPE, "INT 1"),
          "before COMMIT only its own session sees it", &b.t);
    run(&a, "ROLLBACK");
    check(says(&a, COLUMN_TYPE, "INT 1"), "and after ROLLBACK nobody", &a.t);
    check(says(&a, "PRAGMA integrity_check", "NULL value in t.a"), "the row from before is told of", &a.t);
    run(&a, "UPDATE t SET a=1 WHERE typeof(a)='null'");
    check(says(&a, "PRAGMA integrity_check", "\"value\":\"ok\""), "and nothing else", &a.t);
    session_end(&a);
    session_end(&b);
    session_end(&reader);
}

static void savepoints_hold_the_turn_and_lose_it_like_transactions(void) {
    session a = session_new("acme"), b = session_new("acme");
    run(&a, "CREATE TABLE sp(x)");
    run(&a, "SAVEPOINT one");
    check(says(&a, "SELECT count(*) FROM sp", "\"value\":\"0\""), "a savepoint outside a transaction reads", &a.t);
    check(says(&b, "INSERT INTO sp VALUES('b')", "\"affected_row_count\":1"), "and holds nobody up", &b.t);
    check(says(&a, "INSERT INTO sp VALUES('a')", "SQLITE_BUSY"), "its snapshot is too old to write by then", &a.t);
    run(&a, "ROLLBACK");
    run(&a, "SAVEPOINT one");
    run(&a, "INSERT INTO sp VALUES('a1')");
    run(&a, "SAVEPOINT two");
    run(&a, "INSERT INTO sp VALUES('a2')");
    run(&a, "ROLLBACK TO two");
    check(says(&a, "RELEASE one", "\"type\":\"ok\""), "the outermost RELEASE commits", &a.t);
    check(says(&b, "SELECT group_concat(x) FROM sp", "\"b,a1\""), "what was not rolled back", &b.t);
    run(&a, "SAVEPOINT held");
    run(&a, "INSERT INTO sp VALUES('lost')");
    /* waits until the turn of the idle session is overdue, 5 s */
    check(says(&b, "INSERT INTO sp VALUES('b2')", "\"affected_row_count\":1"), "a writer who waits takes the turn",
          &b.t);
    check(says(&a, "RELEASE held", "TRANSACTION_TIMEOUT"), "and the idle one is told", &a.t);
    check(says(&a, "SELECT group_concat(x) FROM sp", "\"b,a1,b2\""), "what it wrote is gone", &a.t);
    session_end(&a);
    session_end(&b);
}

static void a_dump_makes_random_rowid_tables_again(void) {
    session a = session_new("acme"), b = session_new("copy");
    static char dump[65536];
    run(&a, "CREATE TABLE r(x) RANDOM ROWID");
    run(&a, "INSERT INTO r VALUES(1),(2)");
    check(says(&a, "SELECT min(rowid)>1000 AND max(rowid)<>2 FROM r", "\"value\":\"1\""), "rowids are drawn", &a.t);
    int fd = server_connect(s.port);
    server_say(fd, "GET /acme/dump HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    server_read(fd, dump, sizeof dump, NULL);
    close(fd);
    check(strstr(dump, "CREATE TABLE IF NOT EXISTS r(/* RANDOM ROWID */x);") != NULL, "a dump says so", NULL);
    run(&b, "CREATE TABLE IF NOT EXISTS r(/* RANDOM ROWID */x)"); /* as there */
    run(&b, "INSERT INTO r VALUES(1),(2)");
    check(says(&b, "SELECT min(rowid)>1000 AND max(rowid)<>2 FROM r", "\"value\":\"1\""), "and drawn in the copy",
          &b.t);
    check(says(&b, "SELECT libsql_server_database_name()", "\"value\":\"copy\""), "which knows its own name", &b.t);
    session_end(&a);
    session_end(&b);
}

static void all_of_it_is_there_after_a_kill(void) {
    session a = session_new("acme");
    run(&a, "ALTER TABLE t ALTER COLUMN a TO a REAL DEFAULT 1.5");
    session_end(&a);
    kill(s.pid, SIGKILL);
    waitpid(s.pid, NULL, 0);
    server_start_again(&s, (const char *const[]){"--no-auth", NULL});
    a = session_new("acme");
    check(says(&a, COLUMN_TYPE, "REAL 0"), "an altered column is there after a kill", &a.t);
    run(&a, "DELETE FROM r");
    run(&a, "INSERT INTO r VALUES(1)");
    check(says(&a, "SELECT rowid>1000 FROM r", "\"value\":\"1\""), "and so is RANDOM ROWID", &a.t);
    session_end(&a);
}

int main(void) {
    s = server_start((const char *const[]){"--no-auth", NULL});
    server_create_tenant(&s, "acme");
    server_create_tenant(&s, "copy");
    open_sessions_see_an_altered_column();
    savepoints_hold_the_turn_and_lose_it_like_transactions();
    a_dump_makes_random_rowid_tables_again();
    all_of_it_is_there_after_a_kill();
    check(server_stop(&s), "the server ends cleanly", NULL);
    printf("%d failed\n", failed);
    return failed ? 1 : 0;
}

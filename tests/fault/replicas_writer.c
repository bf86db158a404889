/* SPDX-License-Identifier: Apache-2.0 */
/* Writers of the replica torture: SQL at random over /v2/pipeline, whatever the server answers. What was acknowledged
 * is not followed up here; the crash loop does that. Every transaction leaves sum(account.amount) at 0. */
#include "fault/replicas.h"

enum { ITEMS_KEPT = 500, TABLES = 6 };

static const char recursive[] = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %u)";

static void add_insert(text *sql, int who, unsigned rows, unsigned bytes) {
    text_add(sql, "INSERT INTO item(writer, tag, body) ");
    text_add(sql, recursive, rows);
    text_add(sql, " SELECT %d, 'tag' || (i * 7 %% 13), randomblob(%u) FROM n;", who, bytes);
}

static void add_transfer(text *sql, uint64_t dice) {
    unsigned amount = (unsigned)(dice >> 40) % 100;
    text_add(sql, "BEGIN; UPDATE account SET amount = amount - %u WHERE id = %u;", amount,
             1 + (unsigned)(dice >> 8) % 20);
    if (dice % 3 == 0) text_add(sql, "SAVEPOINT s; DELETE FROM item; DELETE FROM account; ROLLBACK TO s; RELEASE s;");
    text_add(sql, "UPDATE account SET amount = amount + %u WHERE id = %u; COMMIT;", amount,
             1 + (unsigned)(dice >> 16) % 20);
}

static void add_schema_change(text *sql, uint64_t dice) {
    unsigned table = (unsigned)(dice >> 8) % TABLES;
    switch ((dice >> 16) % 4) {
    case 0: text_add(sql, "DROP TABLE IF EXISTS extra%u;", table); break;
    case 1:
        text_add(sql,
                 "CREATE TABLE IF NOT EXISTS extra%u(a INTEGER PRIMARY KEY, b, c); INSERT INTO extra%u(b, c) "
                 "VALUES (random(), randomblob(200));",
                 table, table);
        break;
    case 2: text_add(sql, "CREATE INDEX IF NOT EXISTS extra%u_b ON extra%u(b);", table, table); break;
    default: text_add(sql, "ALTER TABLE extra%u ADD COLUMN d%u;", table, (unsigned)(dice >> 24) % 100); break;
    }
}

static void add_sql(text *sql, int who, uint64_t dice) {
    switch ((dice >> 52) % 16) {
    case 0:
    case 1: add_insert(sql, who, 1, 20); break;
    case 2: add_insert(sql, who, 1 + (unsigned)(dice >> 8) % 20, 1 + (unsigned)(dice >> 16) % 2000); break;
    case 3: add_insert(sql, who, 1 + (unsigned)(dice >> 8) % 8, 20000); break;
    case 4:
        text_add(sql, "UPDATE item SET body = randomblob(%u), tag = 'x' WHERE id %% 17 = %u;",
                 1 + (unsigned)(dice >> 8) % 3000, (unsigned)(dice >> 24) % 17);
        break;
    case 5: text_add(sql, "DELETE FROM item WHERE id %% 11 = %u;", (unsigned)(dice >> 8) % 11); break;
    case 6: text_add(sql, "DELETE FROM item WHERE id < (SELECT max(id) - %d FROM item);", ITEMS_KEPT); break;
    case 7:
        text_add(sql, "BEGIN; DELETE FROM item; UPDATE account SET amount = 1; CREATE TABLE gone(a); ROLLBACK;");
        break;
    case 8: add_schema_change(sql, dice); break;
    case 9: text_add(sql, dice % 8 ? "REINDEX item_tag;" : "VACUUM;"); break;
    case 10:
        text_add(sql, "INSERT INTO word(text) VALUES ('one two %u'); DELETE FROM word WHERE rowid %% 5 = %u;",
                 (unsigned)(dice >> 8) % 1000, (unsigned)(dice >> 20) % 5);
        break;
    default: add_transfer(sql, dice); break;
    }
}

void *replica_writer(void *ctx) {
    torture *t = ctx;
    static atomic_uint serial;
    unsigned who = atomic_fetch_add(&serial, 1);
    uint64_t random = who + (uint64_t)(uintptr_t)pthread_self();
    talk user;
    text sql = {0}, body = {0};
    talk_init(&user, 0);
    while (atomic_load(&t->writing)) {
        int port = atomic_load(&t->port);
        uint64_t dice = replica_random(&random);
        if (port != user.port) talk_hang_up(&user);
        user.port = port;
        text_clear(&sql);
        text_clear(&body);
        add_sql(&sql, (int)who, dice);
        text_add(&body, "{\"requests\":[{\"type\":\"sequence\",\"sql\":\"%s\"},{\"type\":\"close\"}]}", sql.ptr);
        int status = port ? talk_ask(&user, "POST", "/t/v2/pipeline", NULL, body.ptr) : 0;
        bool fine = status == 200 && !talk_says(&user, "\"type\":\"error\"");
        atomic_fetch_add(fine ? &t->commits : &t->refused, 1);
        usleep((useconds_t)(dice >> 30) % 20000);
    }
    talk_deinit(&user);
    free(sql.ptr);
    free(body.ptr);
    return NULL;
}

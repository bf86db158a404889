/* SPDX-License-Identifier: Apache-2.0 */
/* ATTACH in the store: reads of another database, never a write, and what the other one may still do meanwhile: sync
 * and fail to, checkpoint, end old reads, be deleted. On a simulated disk, one thread. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store/attach.h"
#include "support/sim_disk.h"
#include "support/store_test.h"

static const char id_a[] = "00112233445566778899aabbccddeeff";
static const char id_b[] = "11112233445566778899aabbccddeeff";

typedef struct fixture {
    trib_attacher attacher; /* first */
    trib_env_test env;
    sim_disk *disk;
    trib_store *store;
    trib_db *a, *b;
    trib_handle *h; /* of a, inside */
    trib_session_vars vars, other_vars;
    trib_error err;
    int owners; /* given out and not released */
    char ids[12][TRIB_DB_ID_BYTES + 1];
} fixture;

static void release(void *owner) {
    --*(int *)owner;
}

/* "b" is the second database, "a" the first, "0" to "9" are empty ones. */
static trib_code find(trib_attacher *attacher, trib_str name, trib_attach_target *ret, trib_error *err) {
    fixture *f = (fixture *)(void *)attacher;
    const char *id = trib_str_eq_c(name, "b") ? id_b : trib_str_eq_c(name, "a") ? id_a : NULL;
    if (!id && name.len == 1 && name.ptr[0] >= '0' && name.ptr[0] <= '9') {
        char *made = f->ids[name.ptr[0] - '0'];
        snprintf(made, sizeof f->ids[0], "%c2222233445566778899aabbccddeeff", name.ptr[0]);
        id = made;
    }
    if (!id) return trib_error_set(err, TRIB_TENANT_NOT_FOUND, "no such one");
    memcpy(ret->id, id, TRIB_DB_ID_BYTES + 1);
    ret->owner = &f->owners;
    ret->release = release;
    f->owners++;
    return TRIB_OK;
}

static trib_code enter(fixture *f) {
    trib_code code = trib_handle_enter(f->h, TRIB_ACCESS_WRITE, &f->vars, &f->err);
    if (code == TRIB_OK) trib_handle_set_attacher(f->h, &f->attacher);
    return code;
}

/* Runs a script; the first column of the last row into ret ("" without one). */
static trib_code run_on(trib_handle *h, const char *sql, char *ret, size_t size, trib_error *err) {
    trib_str rest = trib_str_c(sql);
    if (ret) *ret = '\0';
    *err = (trib_error){.code = TRIB_OK};
    for (;;) {
        trib_stmt *stmt = NULL;
        bool row = true;
        trib_code code = trib_stmt_prepare_next(h, &rest, &stmt, err);
        if (code != TRIB_OK || !stmt) return code;
        while (code == TRIB_OK && row) {
            code = trib_stmt_step(stmt, &row, err);
            if (code != TRIB_OK || !row || !ret) continue;
            trib_value v = trib_stmt_col_value(stmt, 0);
            if (v.type == TRIB_VALUE_INTEGER) snprintf(ret, size, "%lld", (long long)v.integer);
            else snprintf(ret, size, "%.*s", TRIB_STR_ARG(v.bytes));
        }
        trib_stmt_free(stmt);
        if (code != TRIB_OK) return code;
    }
}

static trib_code try_sql(fixture *f, const char *sql) {
    return run_on(f->h, sql, NULL, 0, &f->err);
}

static void ok(fixture *f, const char *sql) {
    if (try_sql(f, sql) != TRIB_OK) fail_msg("%s: %s", sql, f->err.message);
}

static void gives(fixture *f, const char *sql, const char *want) {
    char got[200];
    if (run_on(f->h, sql, got, sizeof got, &f->err) != TRIB_OK) fail_msg("%s: %s", sql, f->err.message);
    assert_string_equal(got, want);
}

static void fails(fixture *f, const char *sql, trib_code code, const char *text) {
    assert_int_equal(try_sql(f, sql), code);
    if (!strstr(f->err.message, text)) fail_msg("%s: %s", sql, f->err.message);
}

/* As another session of b. */
static trib_code in_b(fixture *f, const char *sql, char *ret, size_t size) {
    trib_handle *h = NULL;
    trib_error err;
    trib_code code = trib_handle_take(f->b, &h, &err);
    if (code != TRIB_OK) return code;
    code = trib_handle_enter(h, TRIB_ACCESS_WRITE, &f->other_vars, &err);
    if (code == TRIB_OK) {
        code = run_on(h, sql, ret, size, &err);
        trib_handle_leave(h);
    }
    trib_handle_give(h);
    return code;
}

static void write_b(fixture *f, const char *sql) {
    assert_int_equal(in_b(f, sql, NULL, 0), TRIB_OK);
}

static trib_db *get(fixture *f, const char *id) {
    trib_db *db = NULL;
    assert_int_equal(trib_store_db_get(f->store, trib_str_c(id), NULL, &db, NULL), TRIB_OK);
    return db;
}

static int setup(void **state) {
    fixture *f = calloc(1, sizeof *f);
    f->attacher.find = find;
    trib_env_test_init(&f->env, false, 9);
    f->disk = sim_disk_new("sim-attach", 3);
    trib_store_config config = {.data_dir = SIM_DISK_ROOT,
                                .base_vfs = "sim-attach",
                                .disk = sim_disk_folders(f->disk),
                                .inline_sync = true,
                                .checkpoint_log_bytes = 64 << 10};
    assert_int_equal(trib_store_new(&config, &f->env.env, NULL, &f->store, &f->err), TRIB_OK);
    f->a = get(f, id_a);
    f->b = get(f, id_b);
    assert_int_equal(trib_handle_take(f->a, &f->h, NULL), TRIB_OK);
    assert_int_equal(enter(f), TRIB_OK);
    ok(f, "CREATE TABLE mine(x); INSERT INTO mine VALUES (1)");
    write_b(f, "CREATE TABLE t(x); INSERT INTO t VALUES (7),(8); CREATE VIEW v AS SELECT x + 1 AS y FROM t;"
               "CREATE INDEX ti ON t(x)");
    trib_store_run_pending(f->store);
    *state = f;
    return 0;
}

static int teardown(void **state) {
    fixture *f = *state;
    if (f->h) {
        trib_handle_leave(f->h);
        trib_handle_give(f->h);
    }
    trib_db_unref(f->a);
    trib_db_unref(f->b);
    trib_store_free(f->store);
    assert_int_equal(f->owners, 0);
    assert_int_equal(sim_disk_open_files(f->disk), 0);
    sim_disk_free(f->disk);
    free(f);
    return 0;
}

static void attached_tables_are_read_and_joined(void **state) {
    fixture *f = *state;
    fails(f, "SELECT * FROM o.t", TRIB_SQL_ERROR, "no such table");
    ok(f, "ATTACH 'b' AS o");
    gives(f, "SELECT sum(x) FROM o.t", "15");
    gives(f, "SELECT y FROM o.v WHERE y = 9", "9");
    gives(f, "SELECT count(*) FROM mine, o.t", "2");
    gives(f, "SELECT name FROM pragma_table_info('t', 'o')", "x");
    gives(f, "PRAGMA database_list", "2");
    ok(f, "INSERT INTO mine SELECT x FROM o.t");
    gives(f, "SELECT sum(x) FROM mine", "16");
    write_b(f, "ALTER TABLE t ADD COLUMN z DEFAULT 'new'"); /* another schema, seen by the next statement */
    gives(f, "SELECT z FROM o.t", "new");
    ok(f, "DETACH o");
    fails(f, "SELECT * FROM o.t", TRIB_SQL_ERROR, "no such table");
    assert_int_equal(f->b->guest_count, 0);
}

static void every_way_to_write_to_it_is_refused(void **state) {
    fixture *f = *state;
    static const char *const texts[] = {
        "INSERT INTO o.t VALUES (1)",
        "UPDATE o.t SET x = 2",
        "DELETE FROM o.t",
        "CREATE TABLE o.u(x)",
        "CREATE VIEW o.w AS SELECT 1",
        "CREATE INDEX o.i ON t(x)",
        "CREATE TRIGGER o.g AFTER INSERT ON t BEGIN SELECT 1; END",
        "CREATE VIRTUAL TABLE o.f USING fts5(x)",
        "DROP TABLE o.t",
        "DROP VIEW o.v",
        "ALTER TABLE o.t RENAME TO u",
        "ALTER TABLE o.t ADD COLUMN q",
        "REINDEX o.t",
        "PRAGMA o.user_version = 3",
        "INSERT INTO t VALUES (1)", /* no such table here, so SQLite takes the attached one */
        "WITH c AS (SELECT 1) INSERT INTO o.t SELECT * FROM c",
    };
    ok(f, "ATTACH DATABASE \"b\" AS o");
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (try_sql(f, texts[i]) == TRIB_OK) fail_msg("%s", texts[i]);
        if (strcmp(trib_error_wire_code(&f->err), "SQLITE_READONLY") != 0) fail_msg("%s: %s", texts[i], f->err.message);
    }
    assert_int_not_equal(try_sql(f, "ALTER TABLE o.t ALTER COLUMN x TO x TEXT"), TRIB_OK);
    /* below SQL: the pager is read-only, whatever the authorizer says */
    assert_int_equal(sqlite3_db_readonly(f->h->sqlite, "o"), 1);
    assert_int_equal(sqlite3_exec(f->h->sqlite, "DELETE FROM o.t", NULL, NULL, NULL), SQLITE_READONLY);
    ok(f, "BEGIN IMMEDIATE; INSERT INTO mine VALUES (2); COMMIT"); /* its own one it may write */
    gives(f, "SELECT count(*) FROM o.t", "2");
    ok(f, "DETACH o");
}

static void what_is_no_name_is_refused_with_a_cure(void **state) {
    fixture *f = *state;
    fails(f, "ATTACH ? AS o", TRIB_SQL_PARSE_ERROR, "parameter");
    fails(f, "ATTACH :name AS o", TRIB_SQL_PARSE_ERROR, "parameter");
    fails(f, "ATTACH 'b' || '' AS o", TRIB_SQL_PARSE_ERROR, "expression");
    fails(f, "ATTACH (SELECT 'b') AS o", TRIB_SQL_PARSE_ERROR, "expression");
    fails(f, "ATTACH 'b' AS o KEY 'x'", TRIB_SQL_PARSE_ERROR, "in this form");
    fails(f, "ATTACH 'b'", TRIB_SQL_PARSE_ERROR, "in this form");
    fails(f, "ATTACH 'b' AS ?", TRIB_SQL_PARSE_ERROR, "in this form");
    fails(f, "EXPLAIN ATTACH 'b' AS o", TRIB_SQL_PARSE_ERROR, "EXPLAIN");
    fails(f, "ATTACH 'b' AS ''", TRIB_SQL_PARSE_ERROR, "alias");
    fails(f, "ATTACH 'b' AS \"a\"\"b\"", TRIB_SQL_PARSE_ERROR, "alias");
    fails(f, "DETACH ?", TRIB_SQL_PARSE_ERROR, "DETACH alias");
    fails(f, "ATTACH '' AS o", TRIB_SQL_PARSE_ERROR, "no tenant's name");
    fails(f, "ATTACH ':memory:' AS o", TRIB_SQL_PARSE_ERROR, "no tenant's name");
    fails(f, "ATTACH 'file:b?mode=rw' AS o", TRIB_SQL_PARSE_ERROR, "no tenant's name");
    fails(f, "ATTACH '/disk/db/b.db' AS o", TRIB_SQL_PARSE_ERROR, "no tenant's name");
    fails(f, "ATTACH 'nobody' AS o", TRIB_TENANT_NOT_FOUND, "no such one");
    fails(f, "ATTACH 'b' AS main", TRIB_SQL_ERROR, "already in use");
    fails(f, "ATTACH 'b' AS Temp", TRIB_SQL_ERROR, "already in use");
    fails(f, "ATTACH 'a' AS o", TRIB_SQL_ERROR, "own database");
    fails(f, "DETACH o", TRIB_SQL_ERROR, "no such database: o");
    fails(f, "DETACH main", TRIB_SQL_ERROR, "cannot detach database");
    ok(f, "ATTACH b AS [o o]");
    fails(f, "ATTACH 'b' AS 'O o'", TRIB_SQL_ERROR, "already in use");
    fails(f, "ATTACH 'b' AS p", TRIB_SQL_ERROR, "already attached as o o");
    ok(f, "DETACH DATABASE `o O`");
    trib_handle_set_attacher(f->h, NULL);
    fails(f, "ATTACH 'b' AS o", TRIB_SQL_PARSE_ERROR, "sessions");
    assert_int_equal(f->b->guest_count, 0);
}

static void preparing_attaches_nothing(void **state) {
    fixture *f = *state;
    trib_stmt *stmt = NULL;
    assert_int_equal(trib_stmt_prepare(f->h, TRIB_STR("ATTACH 'b' AS o"), &stmt, &f->err), TRIB_OK);
    assert_false(trib_stmt_is_readonly(stmt));
    assert_int_equal(trib_stmt_col_count(stmt), 0);
    trib_stmt_free(stmt);
    assert_int_equal(f->b->guest_count, 0);
    assert_int_equal(f->owners, 0);
}

static void number_of_attached_databases_is_bounded(void **state) {
    fixture *f = *state;
    char sql[64];
    for (int i = 0; i < TRIB_ATTACHED_MAX; i++) {
        snprintf(sql, sizeof sql, "ATTACH '%d' AS o%d; SELECT count(*) FROM o%d.sqlite_schema", i, i, i);
        ok(f, sql); /* without files: they show nothing, and none are made */
    }
    fails(f, "ATTACH 'b' AS o", TRIB_SQL_ERROR, "too many attached databases - max 8");
    ok(f, "DETACH o3");
    fails(f, "ATTACH 'b' AS o", TRIB_SQL_ERROR, "detached in this one count"); /* its gate still counts */
    trib_gate_need needs[TRIB_ATTACHED_MAX];
    size_t count = trib_handle_take_needs(f->h, needs);
    assert_int_equal(count, TRIB_ATTACHED_MAX);
    while (count > 0) trib_db_unref(needs[--count].db);
    ok(f, "ATTACH 'b' AS o");
    gives(f, "SELECT count(*) FROM o.t", "2");
}

static void places_of_a_database_for_others_are_bounded(void **state) {
    fixture *f = *state;
    f->b->guest_count += TRIB_GUESTS_PER_DB_MAX;
    fails(f, "ATTACH 'b' AS o", TRIB_TOO_MANY_REQUESTS, "try again later");
    f->b->guest_count -= TRIB_GUESTS_PER_DB_MAX;
}

static void in_a_transaction_it_has_one_snapshot(void **state) {
    fixture *f = *state;
    ok(f, "BEGIN READONLY");
    ok(f, "ATTACH 'b' AS o");
    gives(f, "SELECT count(*) FROM o.t", "2");
    write_b(f, "INSERT INTO t VALUES (9)");
    gives(f, "SELECT count(*) FROM o.t", "2");
    fails(f, "DETACH o", TRIB_SQL_ERROR, "database o is locked");
    ok(f, "COMMIT");
    gives(f, "SELECT count(*) FROM o.t", "3");
    ok(f, "DETACH o");
}

static void session_keeps_its_handle_and_the_next_one_sees_nothing(void **state) {
    fixture *f = *state;
    ok(f, "ATTACH 'b' AS o");
    assert_true(trib_handle_stateful(f->h));
    assert_false(trib_handle_may_part(f->h));
    trib_handle_leave(f->h);
    assert_int_equal(f->b->inside_count, 0);
    assert_int_equal(enter(f), TRIB_OK);
    gives(f, "SELECT count(*) FROM o.t", "2");
    trib_handle_leave(f->h);
    trib_handle_give(f->h);
    assert_int_equal(f->owners, 0);
    assert_int_equal(f->b->guest_count, 0);
    for (int i = 0; i < 3; i++) { /* whichever of the handles it gets */
        assert_int_equal(trib_handle_take(f->a, &f->h, NULL), TRIB_OK);
        assert_int_equal(enter(f), TRIB_OK);
        fails(f, "SELECT * FROM o.t", TRIB_SQL_ERROR, "no such table");
        assert_false(trib_handle_stateful(f->h));
        trib_handle_leave(f->h);
        trib_handle_give(f->h);
    }
    f->h = NULL;
}

static void answer_passes_both_gates(void **state) {
    fixture *f = *state;
    trib_gate_need needs[TRIB_ATTACHED_MAX];
    store_test_wait w;
    ok(f, "ATTACH 'b' AS o");
    write_b(f, "INSERT INTO t VALUES (9)"); /* not durable yet */
    gives(f, "SELECT count(*) FROM o.t", "3");
    ok(f, "DETACH o"); /* does not help */
    assert_int_equal(trib_gate_wait(f->a, trib_handle_ticket(f->h), NULL), TRIB_OK);
    assert_int_equal(trib_handle_take_needs(f->h, needs), 1);
    assert_ptr_equal(needs[0].db, f->b);
    store_test_wait_init(&w);
    assert_int_equal(trib_gate_wait(needs[0].db, needs[0].ticket, &w.gate), TRIB_AGAIN);
    trib_store_run_pending(f->store);
    assert_int_equal(w.code, TRIB_OK);
    trib_db_unref(needs[0].db);
    assert_int_equal(trib_handle_take_needs(f->h, needs), 0);
}

static void commit_made_of_it_waits_until_that_is_durable(void **state) {
    fixture *f = *state;
    ok(f, "ATTACH 'b' AS o");
    write_b(f, "INSERT INTO t VALUES (9)");
    uint64_t durable = f->b->durable_no;
    ok(f, "INSERT INTO mine SELECT x FROM o.t");
    assert_int_equal(f->b->durable_no, durable + 1); /* inside the commit of a */
    trib_store_run_pending(f->store);                /* the next sync is that of b */
    write_b(f, "INSERT INTO t VALUES (10)");
    sim_disk_fail_sync_at(f->disk, 1, 0);
    fails(f, "INSERT INTO mine SELECT x FROM o.t", TRIB_NOT_COMMITTED, "");
    trib_handle_leave(f->h);
    trib_store_run_pending(f->store);
    trib_code code = enter(f);
    if (code != TRIB_OK) assert_int_equal(enter(f), TRIB_OK);
    gives(f, "SELECT count(*) FROM mine WHERE x = 10", "0");
}

static void failed_sync_of_it_closes_the_session_s_connection(void **state) {
    fixture *f = *state;
    char got[32];
    ok(f, "ATTACH 'b' AS o");
    ok(f, "BEGIN; INSERT INTO mine VALUES (5)");
    write_b(f, "INSERT INTO t VALUES (9)");
    gives(f, "SELECT count(*) FROM o.t", "3");
    trib_gate_need needs[TRIB_ATTACHED_MAX];
    assert_int_equal(trib_handle_take_needs(f->h, needs), 1);
    trib_handle_leave(f->h);
    sim_disk_fail_sync_at(f->disk, 1, 0);
    trib_store_run_pending(f->store);
    assert_true(sim_disk_sync_failed(f->disk));
    assert_null(f->h->sqlite);
    assert_int_equal(f->b->guest_count, 0);
    assert_int_equal(f->owners, 0);
    assert_int_equal(f->b->state, TRIB_DB_READY); /* recovered */
    assert_int_equal(trib_gate_wait(f->b, needs[0].ticket, NULL), TRIB_NOT_COMMITTED);
    trib_db_unref(needs[0].db);
    assert_int_equal(enter(f), TRIB_NOT_COMMITTED); /* told once */
    assert_int_equal(enter(f), TRIB_OK);
    gives(f, "SELECT count(*) FROM mine WHERE x = 5", "0");
    fails(f, "SELECT * FROM o.t", TRIB_SQL_ERROR, "no such table");
    assert_int_equal(in_b(f, "SELECT count(*) FROM t", got, sizeof got), TRIB_OK);
    assert_string_equal(got, "2");
    ok(f, "ATTACH 'b' AS o");
    gives(f, "SELECT count(*) FROM o.t", "2");
}

static void failed_sync_of_it_stops_a_statement_inside(void **state) {
    fixture *f = *state;
    trib_stmt *stmt = NULL;
    bool row = false;
    ok(f, "ATTACH 'b' AS o");
    assert_int_equal(trib_stmt_prepare(f->h, TRIB_STR("SELECT x FROM o.t"), &stmt, &f->err), TRIB_OK);
    assert_int_equal(trib_stmt_step(stmt, &row, &f->err), TRIB_OK);
    write_b(f, "INSERT INTO t VALUES (9)");
    sim_disk_fail_sync_at(f->disk, 1, 0);
    trib_store_run_pending(f->store);
    assert_int_equal(f->b->state, TRIB_DB_FAILING); /* waits for us */
    assert_int_equal(trib_stmt_step(stmt, &row, &f->err), TRIB_NOT_COMMITTED);
    trib_stmt_free(stmt);
    trib_handle_leave(f->h);
    trib_store_run_pending(f->store);
    assert_int_equal(f->b->state, TRIB_DB_READY);
    assert_null(f->h->sqlite);
    assert_int_equal(enter(f), TRIB_NOT_COMMITTED);
    assert_int_equal(enter(f), TRIB_OK);
    gives(f, "SELECT count(*) FROM mine", "1");
}

static void failed_sync_of_the_session_s_own_leaves_it_alone(void **state) {
    fixture *f = *state;
    ok(f, "ATTACH 'b' AS o");
    gives(f, "SELECT count(*) FROM o.t", "2");
    ok(f, "INSERT INTO mine VALUES (5)");
    trib_handle_leave(f->h);
    sim_disk_fail_sync_at(f->disk, 1, 0);
    trib_store_run_pending(f->store);
    assert_int_equal(f->a->state, TRIB_DB_READY);
    assert_int_equal(f->b->state, TRIB_DB_READY);
    assert_int_equal(f->b->guest_count, 0);
    assert_int_equal(f->owners, 0);
    assert_int_equal(enter(f), TRIB_NOT_COMMITTED);
    assert_int_equal(enter(f), TRIB_OK);
    gives(f, "SELECT count(*) FROM mine", "1");
}

/* Each has a session that has attached the other, and both syncs fail. */
static void two_that_attached_each_other_both_recover(void **state) {
    fixture *f = *state;
    trib_handle *hb = NULL;
    trib_error err;
    ok(f, "ATTACH 'b' AS o; BEGIN");
    gives(f, "SELECT count(*) FROM o.t", "2");
    assert_int_equal(trib_handle_take(f->b, &hb, NULL), TRIB_OK);
    assert_int_equal(trib_handle_enter(hb, TRIB_ACCESS_WRITE, &f->other_vars, NULL), TRIB_OK);
    trib_handle_set_attacher(hb, &f->attacher);
    assert_int_equal(run_on(hb, "ATTACH 'a' AS p; BEGIN; SELECT * FROM p.mine", NULL, 0, &err), TRIB_OK);
    trib_handle_leave(f->h);
    trib_handle_leave(hb);
    trib_fail_begin(f->a);
    trib_fail_begin(f->b);
    assert_int_equal(enter(f), TRIB_NOT_COMMITTED);
    trib_store_run_pending(f->store);
    assert_int_equal(f->a->state, TRIB_DB_READY);
    assert_int_equal(f->b->state, TRIB_DB_READY);
    assert_int_equal(f->a->guest_count + f->b->guest_count, 0);
    assert_int_equal(f->a->inside_count + f->b->inside_count, 0);
    trib_handle_give(hb);
    assert_int_equal(enter(f), TRIB_NOT_COMMITTED);
    assert_int_equal(enter(f), TRIB_OK);
    gives(f, "SELECT count(*) FROM mine", "1");
}

static void while_it_is_being_recovered_nobody_gets_in_by_the_back_door(void **state) {
    fixture *f = *state;
    ok(f, "ATTACH 'b' AS o");
    trib_handle_leave(f->h);
    trib_fail_begin(f->b); /* not run yet */
    assert_int_equal(enter(f), TRIB_NOT_COMMITTED);
    assert_non_null(strstr(f->err.message, "attached database o"));
    assert_int_equal(f->a->inside_count, 0);
    trib_store_run_pending(f->store);
    (void)enter(f);
    assert_int_equal(enter(f), TRIB_OK);
}

static void quarantine_of_it_is_told_and_the_session_s_own_goes_on(void **state) {
    fixture *f = *state;
    ok(f, "ATTACH 'b' AS o");
    trib_handle_leave(f->h);
    trib_db_quarantine(f->b, TRIB_DAMAGE_MALFORMED, "a test");
    assert_int_equal(enter(f), TRIB_DATABASE_QUARANTINED);
    trib_handle_give(f->h); /* what the core does with it */
    assert_int_equal(f->owners, 0);
    assert_int_equal(f->b->handle_count, f->b->idle_count);
    assert_int_equal(trib_handle_take(f->a, &f->h, NULL), TRIB_OK);
    assert_int_equal(enter(f), TRIB_OK);
    fails(f, "ATTACH 'b' AS o", TRIB_DATABASE_QUARANTINED, "a test");
    gives(f, "SELECT count(*) FROM mine", "1");
    assert_int_equal(f->owners, 0);
}

static void old_read_of_it_is_ended(void **state) {
    fixture *f = *state;
    ok(f, "ATTACH 'b' AS o; BEGIN; INSERT INTO mine VALUES (3)");
    gives(f, "SELECT count(*) FROM o.t", "2");
    trib_handle_leave(f->h);
    f->env.offset_ns += (int64_t)(TRIB_READ_TXN_MAX_MS - 1000) * 1000000;
    trib_turn_end_old_reads(f->b);
    assert_int_equal(sqlite3_txn_state(f->h->sqlite, "o"), SQLITE_TXN_READ);
    f->env.offset_ns += INT64_C(2000) * 1000000;
    trib_turn_end_old_reads(f->b);
    assert_int_equal(sqlite3_txn_state(f->h->sqlite, "o"), SQLITE_TXN_NONE);
    assert_false(f->h->has_turn); /* its own transaction went with it */
    assert_int_equal(enter(f), TRIB_SNAPSHOT_TOO_OLD);
    assert_int_equal(enter(f), TRIB_OK);
    gives(f, "SELECT count(*) FROM mine", "1");
    gives(f, "SELECT count(*) FROM o.t", "2"); /* still attached */
    ok(f, "BEGIN; SELECT * FROM o.t");
    f->env.offset_ns += (int64_t)(TRIB_READ_TXN_MAX_MS + 1000) * 1000000;
    trib_turn_end_old_reads(f->b); /* with us inside: the next statement hears of it */
    fails(f, "SELECT * FROM mine", TRIB_SNAPSHOT_TOO_OLD, "");
    assert_true(trib_handle_autocommit(f->h));
    gives(f, "SELECT count(*) FROM mine", "1");
}

static void checkpoint_copies_past_readers_and_begins_anew_behind_them(void **state) {
    fixture *f = *state;
    char got[32];
    ok(f, "ATTACH 'b' AS o; BEGIN");
    gives(f, "SELECT count(*) FROM o.t", "2");
    trib_handle_leave(f->h);
    for (int i = 0; i < 40; i++) {
        write_b(f, "INSERT INTO t VALUES (randomblob(3000))");
        trib_store_run_pending(f->store);
    }
    assert_true(atomic_load(&f->b->log.bytes) > 128 << 10); /* could not begin anew: the snapshot needs it */
    assert_int_equal(enter(f), TRIB_OK);
    gives(f, "SELECT count(*) FROM o.t", "2");
    ok(f, "COMMIT");
    gives(f, "SELECT count(*) FROM o.t", "42");
    f->env.offset_ns += INT64_C(1000) * 1000000;
    write_b(f, "INSERT INTO t VALUES (1)");
    trib_store_run_pending(f->store);
    trib_store_tick(f->store);
    trib_store_run_pending(f->store);
    assert_int_equal(atomic_load(&f->b->log.bytes), 0);
    write_b(f, "INSERT INTO t VALUES (1)");
    gives(f, "SELECT count(*) FROM o.t", "44");
    assert_int_equal(in_b(f, "PRAGMA integrity_check", got, sizeof got), TRIB_OK);
    assert_string_equal(got, "ok");
    gives(f, "PRAGMA o.integrity_check", "ok");
}

static void deleting_it_ends_the_attachment_but_not_a_statement(void **state) {
    fixture *f = *state;
    ok(f, "ATTACH 'b' AS o");
    gives(f, "SELECT count(*) FROM o.t", "2");
    trib_db_unref(f->b);
    assert_int_equal(trib_store_db_delete(f->store, trib_str_c(id_b), &f->err), TRIB_TRANSACTION_BUSY); /* inside */
    gives(f, "SELECT count(*) FROM o.t", "2");
    trib_gate_need need;
    assert_int_equal(trib_handle_take_needs(f->h, &need), 1);
    trib_db_unref(need.db);
    trib_handle_leave(f->h);
    if (trib_store_db_delete(f->store, trib_str_c(id_b), &f->err) != TRIB_OK) fail_msg("%s", f->err.message);
    assert_null(f->h->sqlite);
    assert_int_equal(f->owners, 0);
    assert_int_equal(enter(f), TRIB_TENANT_NOT_FOUND);
    assert_int_equal(enter(f), TRIB_OK);
    gives(f, "SELECT count(*) FROM mine", "1");
    f->b = get(f, id_b);
}

static void renewed_handle_has_nothing_attached(void **state) {
    fixture *f = *state;
    ok(f, "ATTACH 'b' AS o; BEGIN; INSERT INTO mine VALUES (2)");
    assert_ptr_equal(trib_handle_attached_at(f->h, 0), &f->owners);
    assert_null(trib_handle_attached_at(f->h, 1));
    assert_int_equal(trib_handle_renew(f->h, &f->err), TRIB_OK);
    assert_null(trib_handle_attached_at(f->h, 0));
    assert_false(f->h->has_turn);
    gives(f, "SELECT count(*) FROM mine", "1");
}

static void left_open_until_the_end_of_the_store(void **state) {
    fixture *f = *state;
    ok(f, "ATTACH 'b' AS o; BEGIN; SELECT * FROM o.t");
    trib_handle_leave(f->h); /* lost by its owner: the store closes it, in whatever order it closes databases */
    f->h = NULL;
}

/* SQLite's VFS keeps notes of a real file until its last connection closes; who attached it may be gone by then. */
static void what_connections_of_a_file_share_is_charged_to_nobody(void **state) {
    (void)state;
    char folder[256], out[16];
    fixture f = {.attacher.find = find};
    trib_handle *reader;
    trib_test_folder_make(folder, sizeof folder);
    trib_env_test_init(&f.env, false, 7);
    const trib_store_config config = {.data_dir = folder, .inline_sync = true};
    assert_int_equal(trib_store_new(&config, &f.env.env, NULL, &f.store, &f.err), TRIB_OK);
    f.a = get(&f, id_a);
    f.b = get(&f, id_b);
    write_b(&f, "CREATE TABLE t(x); INSERT INTO t VALUES (7)");
    assert_int_equal(trib_handle_take(f.b, &reader, NULL), TRIB_OK);
    assert_int_equal(trib_handle_enter(reader, TRIB_ACCESS_READ, &f.other_vars, NULL), TRIB_OK);
    assert_int_equal(run_on(reader, "BEGIN; SELECT count(*) FROM t", out, sizeof out, &f.err), TRIB_OK);
    assert_int_equal(trib_handle_take(f.a, &f.h, NULL), TRIB_OK);
    assert_int_equal(enter(&f), TRIB_OK);
    gives(&f, "ATTACH 'b' AS o; SELECT x FROM o.t", "7");
    assert_true(atomic_load(&f.a->account.used_bytes) > 0);
    trib_handle_leave(f.h);
    trib_handle_give(f.h); /* closes it, for what was attached */
    assert_int_equal(atomic_load(&f.a->account.used_bytes), 0);
    trib_handle_leave(reader);
    trib_handle_give(reader);
    trib_db_unref(f.a);
    trib_db_unref(f.b);
    trib_store_free(f.store);
    store_test_remove_folder(folder);
}

#define attach_test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        attach_test(attached_tables_are_read_and_joined),
        attach_test(every_way_to_write_to_it_is_refused),
        attach_test(what_is_no_name_is_refused_with_a_cure),
        attach_test(preparing_attaches_nothing),
        attach_test(number_of_attached_databases_is_bounded),
        attach_test(places_of_a_database_for_others_are_bounded),
        attach_test(in_a_transaction_it_has_one_snapshot),
        attach_test(session_keeps_its_handle_and_the_next_one_sees_nothing),
        attach_test(answer_passes_both_gates),
        attach_test(commit_made_of_it_waits_until_that_is_durable),
        attach_test(failed_sync_of_it_closes_the_session_s_connection),
        attach_test(failed_sync_of_it_stops_a_statement_inside),
        attach_test(failed_sync_of_the_session_s_own_leaves_it_alone),
        attach_test(two_that_attached_each_other_both_recover),
        attach_test(while_it_is_being_recovered_nobody_gets_in_by_the_back_door),
        attach_test(quarantine_of_it_is_told_and_the_session_s_own_goes_on),
        attach_test(old_read_of_it_is_ended),
        attach_test(checkpoint_copies_past_readers_and_begins_anew_behind_them),
        attach_test(deleting_it_ends_the_attachment_but_not_a_statement),
        attach_test(renewed_handle_has_nothing_attached),
        attach_test(left_open_until_the_end_of_the_store),
        cmocka_unit_test(what_connections_of_a_file_share_is_charged_to_nobody),
    };
    if (trib_policy_init_process(NULL) != TRIB_OK) return 1; /* before the simulated disk wakes SQLite */
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Untrusted SQL: one test per line of the list (ARCHITECTURE.md, Store), and one row per pragma. */
#include "unit/store/store_support.h"

static void defensive_mode_is_on(void **state) {
    store_fixture *f = *state;
    static const struct {
        int id, want;
    } rows[] = {{SQLITE_DBCONFIG_DEFENSIVE, 1},
                {SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0},
                {SQLITE_DBCONFIG_WRITABLE_SCHEMA, 0},
                {SQLITE_DBCONFIG_ENABLE_FTS3_TOKENIZER, 0},
                {SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int value = -1;
        assert_int_equal(sqlite3_db_config(f->handle.sqlite, rows[i].id, -1, &value), SQLITE_OK);
        assert_int_equal(value, rows[i].want);
    }
}

static void the_schema_table_cannot_be_written(void **state) {
    store_fixture *f = *state;
    expect_ok(f, "CREATE TABLE t(x)");
    expect_error(f, "UPDATE sqlite_schema SET sql='x'", TRIB_SQL_ERROR, "may not be modified");
    expect_error(f, "INSERT INTO sqlite_master VALUES('table','a','a',2,'x')", TRIB_SQL_ERROR, "may not be modified");
    expect_error(f, "DELETE FROM sqlite_schema", TRIB_SQL_ERROR, "may not be modified");
    expect_error(f, "PRAGMA writable_schema=1", TRIB_SQL_PARSE_ERROR, "unsupported statement");
}

static void shadow_tables_cannot_be_written(void **state) {
    store_fixture *f = *state;
    expect_ok(f, "CREATE VIRTUAL TABLE ft USING fts5(b)");
    expect_error(f, "DELETE FROM ft_data", TRIB_SQL_ERROR, "may not be modified");
    expect_error(f, "DROP TABLE ft_data", TRIB_SQL_ERROR, "may not be dropped");
}

static void extensions_and_tokenizers_cannot_be_loaded(void **state) {
    store_fixture *f = *state;
    expect_error(f, "SELECT load_extension('x')", TRIB_SQL_INPUT_ERROR, "no such function");
    expect_error(f, "SELECT fts3_tokenizer('x')", TRIB_SQL_INPUT_ERROR, "no such function");
    expect_error(f, "SELECT sqlite_log(1, 'x')", TRIB_SQL_DENIED, "sqlite_log");
}

static void other_files_cannot_be_reached(void **state) {
    store_fixture *f = *state;
    static const char *const sqls[] = {
        "ATTACH ':memory:' AS a",
        "ATTACH DATABASE 'file:x?mode=memory' AS b",
        "ATTACH '/tmp/x.db' AS c",
        "DETACH main",
        "VACUUM",
        "VACUUM INTO '/tmp/x.db'",
        "EXPLAIN VACUUM",
        "/**/ -- \n vacuum main",
        "ANALYZE",
        "ANALYZE main",
        "EXPLAIN ATTACH 'x' AS y",
    };
    for (size_t i = 0; i < sizeof sqls / sizeof sqls[0]; i++) {
        expect_error(f, sqls[i], TRIB_SQL_PARSE_ERROR, "SQL string could not be parsed: unsupported statement: ");
        assert_string_equal(trib_error_wire_code(&f->err), "SQL_PARSE_ERROR");
    }
    assert_int_equal(sqlite3_limit(f->handle.sqlite, SQLITE_LIMIT_ATTACHED, -1), TRIB_ATTACHED_MAX);
}

static void temporary_objects_are_refused(void **state) {
    store_fixture *f = *state;
    expect_ok(f, "CREATE TABLE t(x)");
    static const char *const sqls[] = {
        "CREATE TEMP TABLE a(x)",
        "CREATE TEMPORARY VIEW a AS SELECT 1",
        "CREATE TABLE temp.a(x)",
        "CREATE VIEW temp.a AS SELECT 1",
        "CREATE TEMP TRIGGER a AFTER INSERT ON t BEGIN SELECT 1; END",
        "CREATE TEMP TABLE a AS SELECT 1",
        "CREATE TRIGGER temp.a AFTER INSERT ON t BEGIN SELECT 1; END",
        "CREATE /* */ temp TABLE a(x)",
    };
    for (size_t i = 0; i < sizeof sqls / sizeof sqls[0]; i++)
        expect_error(f, sqls[i], TRIB_SQL_PARSE_ERROR, "unsupported statement");
    expect_error(f, "CREATE VIRTUAL TABLE temp.a USING fts5(x)", TRIB_SQL_PARSE_ERROR, "unsupported statement");
    expect_rows(f, "SELECT count(*) FROM sqlite_temp_schema", "0");
}

static void the_servers_tables_are_invisible(void **state) {
    store_fixture *f = *state;
    fixture_access(f, TRIB_ACCESS_SYSTEM);
    expect_ok(f, "CREATE TABLE _trib_outbox(x); INSERT INTO _trib_outbox VALUES(1);"
                 "CREATE TABLE t(x); CREATE INDEX _trib_i ON t(x); CREATE TRIGGER _trib_tr AFTER INSERT ON t"
                 " BEGIN INSERT INTO _trib_outbox VALUES(new.x); END; CREATE VIEW v AS SELECT * FROM _trib_outbox");
    fixture_access(f, TRIB_ACCESS_WRITE);
    static const char *const hidden[] = {
        "SELECT * FROM _trib_outbox",
        "SELECT count(*) FROM _TRIB_OUTBOX",
        "SELECT x FROM \"_trib_outbox\"",
        "SELECT * FROM v",
        "INSERT INTO _trib_outbox VALUES(2)",
        "UPDATE _trib_outbox SET x=2",
        "DELETE FROM _trib_outbox",
        "DROP TABLE _trib_outbox",
        "ALTER TABLE t RENAME TO [_trib_b]",
        "CREATE INDEX j ON _trib_outbox(x)",
        "CREATE TRIGGER k AFTER INSERT ON _trib_outbox BEGIN SELECT 1; END",
        "DROP TRIGGER _trib_tr",
        "DROP INDEX _trib_i",
        "PRAGMA table_info(_trib_outbox)",
        "PRAGMA main.table_xinfo('_trib_outbox')",
        "SELECT * FROM pragma_table_info('_trib_outbox')",
        "SELECT 1 WHERE EXISTS (SELECT 1 FROM _trib_outbox)",
        "REINDEX _trib_i",
        "EXPLAIN SELECT * FROM _trib_outbox",
        "ALTER TABLE _trib_outbox RENAME TO mine",
        "ALTER TABLE _trib_outbox ADD COLUMN y",
        "ALTER TABLE _trib_outbox DROP COLUMN x",
        "WITH q AS (SELECT * FROM _trib_outbox) SELECT * FROM q",
        "CREATE TABLE copy AS SELECT * FROM _trib_outbox",
        "INSERT INTO t SELECT x FROM _trib_outbox",
    };
    for (size_t i = 0; i < sizeof hidden / sizeof hidden[0]; i++) {
        trib_code code = run_into(f, hidden[i], NULL, 0);
        if (code != TRIB_SQL_ERROR && code != TRIB_SQL_DENIED) fail_msg("%s: %s", hidden[i], trib_code_name(code));
        if (!strstr(f->err.message, "no such table: _") && !strstr(f->err.message, "reserved"))
            fail_msg("%s: %s", hidden[i], f->err.message);
    }
    expect_ok(f, "CREATE TRIGGER mine AFTER DELETE ON t BEGIN INSERT INTO _trib_outbox VALUES(old.x); END");
    expect_error(f, "DELETE FROM t", TRIB_SQL_ERROR, "no such table: _trib_outbox");
    expect_error(f, "CREATE VIRTUAL TABLE e USING fts5(x, content='_trib_outbox'); SELECT * FROM e", TRIB_SQL_ERROR,
                 "_trib_outbox");
    expect_error(f, "CREATE TABLE _trib_mine(x)", TRIB_SQL_DENIED, "reserved");
    expect_error(f, "CREATE TRIGGER _trib_x AFTER INSERT ON t BEGIN SELECT 1; END", TRIB_SQL_DENIED, "reserved");
    expect_error(f, "CREATE VIEW \"_Trib_v\" AS SELECT 1", TRIB_SQL_DENIED, "reserved");
    expect_error(f, "CREATE VIRTUAL TABLE _trib_v USING fts5(x)", TRIB_SQL_DENIED, "reserved");
    /* The server's trigger works for the client that fires it. */
    expect_ok(f, "INSERT INTO t VALUES(7)");
    fixture_access(f, TRIB_ACCESS_SYSTEM);
    expect_rows(f, "SELECT group_concat(x) FROM _trib_outbox", "1,7");
}

static void raw_pages_cannot_be_seen(void **state) {
    store_fixture *f = *state;
    expect_error(f, "SELECT * FROM sqlite_dbpage", TRIB_SQL_DENIED, "sqlite_dbpage");
    expect_error(f, "SELECT count(*) FROM sqlite_dbpage", TRIB_SQL_DENIED, "sqlite_dbpage");
    expect_error(f, "SELECT * FROM dbstat", TRIB_SQL_DENIED, "dbstat");
    expect_error(f, "UPDATE sqlite_dbpage SET data=zeroblob(4096)", TRIB_SQL_DENIED, "sqlite_dbpage");
    expect_error(f, "CREATE VIRTUAL TABLE x USING dbstat(main)", TRIB_SQL_DENIED, "dbstat");
    expect_error(f, "CREATE VIRTUAL TABLE x USING sqlite_dbpage", TRIB_SQL_DENIED, "sqlite_dbpage");
}

static void every_limit_is_in_force(void **state) {
    store_fixture *f = *state;
    static const struct {
        int id, want;
    } rows[] = {
        {SQLITE_LIMIT_LENGTH, TRIB_SQL_VALUE_MAX_BYTES},
        {SQLITE_LIMIT_SQL_LENGTH, TRIB_SQL_MAX_BYTES},
        {SQLITE_LIMIT_COLUMN, TRIB_SQL_COLUMNS_MAX},
        {SQLITE_LIMIT_EXPR_DEPTH, TRIB_SQL_EXPR_DEPTH_MAX},
        {SQLITE_LIMIT_COMPOUND_SELECT, TRIB_SQL_COMPOUND_MAX},
        {SQLITE_LIMIT_VDBE_OP, TRIB_SQL_VDBE_OPS_MAX},
        {SQLITE_LIMIT_FUNCTION_ARG, TRIB_SQL_FUNCTION_ARGS_MAX},
        {SQLITE_LIMIT_ATTACHED, TRIB_ATTACHED_MAX},
        {SQLITE_LIMIT_LIKE_PATTERN_LENGTH, TRIB_SQL_LIKE_PATTERN_MAX},
        {SQLITE_LIMIT_VARIABLE_NUMBER, 32766},
        {SQLITE_LIMIT_TRIGGER_DEPTH, TRIB_SQL_TRIGGER_DEPTH_MAX},
        {SQLITE_LIMIT_WORKER_THREADS, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(sqlite3_limit(f->handle.sqlite, rows[i].id, -1), rows[i].want);
    expect_error(f, "SELECT ?32767", TRIB_SQL_INPUT_ERROR, "variable number must be between");
}

static void every_pragma_behaves_as_its_row_says(void **state) {
    store_fixture *f = *state;
    expect_ok(f, "CREATE TABLE t(x)");
    const trib_pragma_row *row;
    for (size_t i = 0; (row = trib_pragma_row_at(i)) != NULL; i++) {
        char sql[128], before[512], first[512], after[512];
        snprintf(sql, sizeof sql, "PRAGMA %s", row->name);
        assert_int_equal(row->without_arg, TRIB_PRAGMA_READ);
        trib_code code = run_into(f, sql, before, sizeof before);
        if (code != TRIB_OK) fail_msg("%s: %s", sql, f->err.message);
        memcpy(first, before, sizeof first);
        bool small = row->with_arg == TRIB_PRAGMA_SET || row->with_arg == TRIB_PRAGMA_WRITE;
        for (int form = 0; form < 2; form++) {
            snprintf(sql, sizeof sql, form ? "PRAGMA main.%s(%s)" : "PRAGMA %s=%s", row->name,
                     small                               ? "1"
                     : row->with_arg == TRIB_PRAGMA_READ ? "t"
                                                         : "3");
            char ask[128];
            snprintf(ask, sizeof ask, "PRAGMA %s", row->name);
            if (small) assert_int_equal(run_into(f, ask, before, sizeof before), TRIB_OK);
            /* Describe: nothing happens. */
            trib_stmt *stmt = NULL;
            code = trib_stmt_prepare(&f->handle, trib_str_c(sql), &stmt, &f->err);
            trib_stmt_free(stmt);
            if ((code == TRIB_OK) != (row->with_arg != TRIB_PRAGMA_REFUSED))
                fail_msg("%s: %s", sql, trib_code_name(code));
            assert_int_equal(run_into(f, ask, after, sizeof after), TRIB_OK);
            if (strcmp(before, after) != 0) fail_msg("%s changed %s to %s while prepared", sql, before, after);
            /* Run. */
            char answer[512];
            code = run_into(f, sql, answer, sizeof answer);
            if ((code == TRIB_OK) != (row->with_arg != TRIB_PRAGMA_REFUSED))
                fail_msg("%s: %s", sql, trib_code_name(code));
            assert_int_equal(run_into(f, ask, after, sizeof after), TRIB_OK);
            if (small && strcmp(after, "1") != 0) fail_msg("%s: now %s", sql, after);
            if (!small && strcmp(before, after) != 0) fail_msg("%s changed %s to %s", sql, before, after);
            if (row->with_arg == TRIB_PRAGMA_FIXED && strcmp(answer, before) != 0)
                fail_msg("%s answers %s", sql, answer);
        }
        if (row->with_arg == TRIB_PRAGMA_WRITE) continue;
        assert_int_equal(trib_policy_reset(&f->handle, &f->err), TRIB_OK);
        assert_false(f->handle.settings_changed);
        snprintf(sql, sizeof sql, "PRAGMA %s", row->name);
        assert_int_equal(run_into(f, sql, after, sizeof after), TRIB_OK);
        if (strcmp(first, after) != 0) fail_msg("%s is %s after the reset, was %s", row->name, after, first);
    }
}

/* What sqld lets clients say, by its own three classes, and where this server answers otherwise on purpose. A pragma
 * that sqld refuses to set and that is the server's here answers the value in force instead of failing. */
static void clients_may_say_every_pragma_that_sqld_lets_them_say(void **state) {
    (void)state;
    static const char *const any[] = {
        "table_list",     "index_list",         "table_info",     "table_xinfo",      "index_info",
        "index_xinfo",    "defer_foreign_keys", "foreign_keys",   "foreign_key_list", "foreign_key_check",
        "collation_list", "data_version",       "freelist_count", "integrity_check",  "legacy_file_format",
        "page_count",     "quick_check",        "stats",          "user_version",     "encoding"};
    static const char *const bare[] = {"pragma_list",
                                       "compile_options",
                                       "database_list",
                                       "function_list",
                                       "module_list",
                                       "schema_version",
                                       "analysis_limit",
                                       "application_id",
                                       "auto_vacuum",
                                       "automatic_index",
                                       "busy_timeout",
                                       "cache_size",
                                       "cache_spill",
                                       "cell_size_check",
                                       "checkpoint_fullfsync",
                                       "fullfsync",
                                       "hard_heap_limit",
                                       "journal_mode",
                                       "journal_size_limit",
                                       "legacy_alter_table",
                                       "locking_mode",
                                       "max_page_count",
                                       "mmap_size",
                                       "page_size",
                                       "query_only",
                                       "read_uncommitted",
                                       "recursive_triggers",
                                       "reverse_unordered_selects",
                                       "secure_delete",
                                       "soft_heap_limit",
                                       "synchronous",
                                       "temp_store",
                                       "threads",
                                       "trusted_schema",
                                       "wal_autocheckpoint"};
    static const char *const refused[] = {
        "case_sensitive_like", "ignore_check_constraints", "incremental_vacuum", "optimize",       "parser_trace",
        "shrink_memory",       "wal_checkpoint",           "no_such_pragma",     "writable_schema"};
    size_t known = 0;
    for (size_t i = 0; i < sizeof any / sizeof any[0]; i++) {
        if (trib_pragma_class_of(trib_str_c(any[i]), false) != TRIB_PRAGMA_READ) fail_msg("%s", any[i]);
        if (trib_pragma_class_of(trib_str_c(any[i]), true) == TRIB_PRAGMA_REFUSED) fail_msg("%s = 1", any[i]);
    }
    for (size_t i = 0; i < sizeof bare / sizeof bare[0]; i++)
        if (trib_pragma_class_of(trib_str_c(bare[i]), false) != TRIB_PRAGMA_READ) fail_msg("%s", bare[i]);
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
        for (int arg = 0; arg < 2; arg++)
            if (trib_pragma_class_of(trib_str_c(refused[i]), arg) != TRIB_PRAGMA_REFUSED) fail_msg("%s", refused[i]);
    while (trib_pragma_row_at(known)) known++;
    assert_int_equal(known, sizeof any / sizeof any[0] + sizeof bare / sizeof bare[0]); /* and no other */
}

static void unknown_and_dangerous_pragmas_are_refused_in_every_form(void **state) {
    store_fixture *f = *state;
    static const char *const names[] = {
        "writable_schema",
        "wal_checkpoint",
        "incremental_vacuum",
        "optimize",
        "shrink_memory",
        "parser_trace",
        "vdbe_trace",
        "vdbe_debug",
        "vdbe_listing",
        "vdbe_addoptrace",
        "temp_store_directory",
        "data_store_directory",
        "activate_extensions",
        "hexkey",
        "key",
        "rekey",
        "lock_status",
        "count_changes",
        "full_column_names",
        "short_column_names",
        "empty_result_callbacks",
        "default_cache_size",
        "case_sensitive_like",
        "ignore_check_constraints",
        "lock_proxy_file",
        "reset_database",
        "no_such_pragma",
    };
    static const char *const forms[] = {"PRAGMA %s",        "PRAGMA %s=1",         "PRAGMA %s(1)",
                                        "PRAGMA main.%s=1", "EXPLAIN PRAGMA %s=1", "pragma /* x */ \"%s\" = on",
                                        "PRAGMA [%s]",      ";;PRAGMA\n`%s`(full)"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        for (size_t j = 0; j < sizeof forms / sizeof forms[0]; j++) {
            char sql[128];
            snprintf(sql, sizeof sql, "%s", forms[j]);
            char *at = strstr(sql, "%s");
            snprintf(at, sizeof sql - (size_t)(at - sql), "%s%s", names[i], strstr(forms[j], "%s") + 2);
            trib_code code = run_into(f, sql, NULL, 0);
            if (code != TRIB_SQL_PARSE_ERROR) fail_msg("%s: %s", sql, trib_code_name(code));
        }
    }
    expect_error(f, "PRAGMA hard_heap_limit=1", TRIB_SQL_PARSE_ERROR, "PRAGMA hard_heap_limit");
    expect_error(f, "PRAGMA soft_heap_limit(1)", TRIB_SQL_PARSE_ERROR, "PRAGMA soft_heap_limit");
    expect_error(f, "EXPLAIN PRAGMA foreign_keys=1", TRIB_SQL_PARSE_ERROR, "EXPLAIN PRAGMA foreign_keys");
    expect_error(f, "EXPLAIN PRAGMA journal_mode=off", TRIB_SQL_PARSE_ERROR, "EXPLAIN PRAGMA journal_mode");
}

static void pragma_tables_show_only_what_the_statement_may_show(void **state) {
    store_fixture *f = *state;
    expect_ok(f, "CREATE TABLE t(x, y); CREATE INDEX i ON t(y)");
    expect_rows(f, "SELECT group_concat(name) FROM pragma_table_info('t')", "x,y");
    expect_rows(f, "SELECT name FROM pragma_index_list('t')", "i");
    expect_rows(f, "SELECT * FROM pragma_user_version", "0");
    expect_rows(f, "PRAGMA database_list", "0|main|");
    expect_error(f, "SELECT * FROM pragma_database_list", TRIB_SQL_PARSE_ERROR, "database_list");
    expect_error(f, "SELECT * FROM pragma_wal_checkpoint", TRIB_SQL_ERROR, "no such table");
    expect_error(f, "SELECT * FROM pragma_optimize(1)", TRIB_SQL_PARSE_ERROR, "optimize");
    expect_error(f, "SELECT * FROM pragma_hard_heap_limit(5)", TRIB_SQL_ERROR, "too many arguments");
    assert_true(sqlite3_hard_heap_limit64(-1) == 0);
}

static void pragmas_inside_the_session_keep_it_on_its_handle(void **state) {
    store_fixture *f = *state;
    assert_false(f->handle.settings_changed);
    expect_ok(f, "PRAGMA foreign_keys=off");
    assert_true(f->handle.settings_changed);
    expect_ok(f, "PRAGMA foreign_keys=1");
    assert_false(f->handle.settings_changed); /* as it was: nothing to keep the handle for */
    expect_ok(f, "BEGIN; PRAGMA defer_foreign_keys=on");
    assert_true(f->handle.settings_changed);
    expect_ok(f, "COMMIT");
    assert_false(f->handle.settings_changed);
    expect_ok(f, "PRAGMA query_only=1");
    expect_error(f, "CREATE TABLE t(a)", TRIB_SQL_ERROR, "attempt to write a readonly database");
    assert_int_equal(trib_policy_reset(&f->handle, &f->err), TRIB_OK);
    expect_ok(f, "CREATE TABLE t(a)");
}

static void foreign_keys_are_enforced_without_asking(void **state) {
    store_fixture *f = *state;
    expect_rows(f, "PRAGMA foreign_keys", "1");
    expect_ok(f, "CREATE TABLE p(id INTEGER PRIMARY KEY); CREATE TABLE c(p REFERENCES p(id))");
    expect_error(f, "INSERT INTO c VALUES(1)", TRIB_SQL_ERROR, "FOREIGN KEY constraint failed");
    expect_ok(f, "PRAGMA foreign_keys=off; INSERT INTO c VALUES(1)");
    assert_int_equal(trib_policy_reset(&f->handle, &f->err), TRIB_OK);
    expect_error(f, "INSERT INTO c VALUES(2)", TRIB_SQL_ERROR, "FOREIGN KEY constraint failed");
}

/* As clients do it: one statement, kept prepared for the next time. */
static void run_kept(store_fixture *f, const char *sql) {
    trib_stmt *stmt = NULL;
    bool row = true;
    assert_int_equal(trib_stmt_prepare(&f->handle, trib_str_c(sql), &stmt, &f->err), TRIB_OK);
    while (row) assert_int_equal(trib_stmt_step(stmt, &row, &f->err), TRIB_OK);
    trib_stmt_free(stmt);
}

static void a_setting_with_a_syntax_error_behind_it_reaches_kept_statements_too(void **state) {
    store_fixture *f = *state;
    expect_ok(f, "CREATE TABLE t(a); CREATE TRIGGER up AFTER INSERT ON t WHEN new.a < 4 BEGIN "
                 "INSERT INTO t VALUES(new.a + 1); END");
    run_kept(f, "INSERT INTO t VALUES(1)");
    expect_rows(f, "SELECT count(*) FROM t", "2");
    expect_error(f, "PRAGMA recursive_triggers(1) 'x'", TRIB_SQL_INPUT_ERROR, "syntax error");
    run_kept(f, "INSERT INTO t VALUES(1)");
    expect_rows(f, "SELECT count(*) FROM t", "6");
}

static void a_journal_mode_asked_for_is_answered_and_not_taken(void **state) {
    store_fixture *f = *state;
    char mode[64];
    assert_int_equal(run_into(f, "PRAGMA journal_mode", mode, sizeof mode), TRIB_OK);
    expect_rows(f, "PRAGMA journal_mode=wal2", mode);
    expect_rows(f, "PRAGMA journal_mode = off;", mode);
    expect_rows(f, "PRAGMA synchronous=OFF", "2");
    expect_rows(f, "PRAGMA synchronous", "2");
}

static void statements_stop_at_their_deadline(void **state) {
    store_fixture *f = *state;
    f->db.settings.statement_timeout_ms = 50;
    expect_error(f, "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM c) SELECT count(*) FROM c",
                 TRIB_STATEMENT_TIMEOUT, "50 ms");
    expect_rows(f, "SELECT 1", "1");
}

static int yields;

static void count_yield(void *ctx) {
    (void)ctx;
    yields++;
}

static void statements_of_a_heavy_tenant_yield_and_others_do_not(void **state) {
    store_fixture *f = *state;
    trib_pace pace = {.env = &f->env};
    trib_pace_lane lane = {.pace = &pace};
    f->env.thread_yield = count_yield;
    f->handle.lane = &lane;
    f->db.settings.statement_timeout_ms = 50;
    for (int heavy = 0; heavy <= 1; heavy++) {
        atomic_store(&lane.heavy, heavy == 1);
        yields = 0;
        expect_error(f, "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM c) SELECT count(*) FROM c",
                     TRIB_STATEMENT_TIMEOUT, "50 ms");
        assert_true(heavy ? yields > 3 : yields == 0);
        yields = 0;
        f->handle.yields_ns = 0;
        expect_rows(f, "SELECT 1", "1"); /* too short for the progress handler */
        assert_int_equal(yields > 0, heavy);
    }
    f->handle.lane = NULL;
}

static void an_interrupt_stops_with_the_code_it_was_given(void **state) {
    store_fixture *f = *state;
    f->handle.interrupt_code = TRIB_CANCELLED;
    atomic_store(&f->handle.interrupted, true);
    expect_error(f, "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM c) SELECT count(*) FROM c",
                 TRIB_CANCELLED, "");
    atomic_store(&f->handle.interrupted, false);
    expect_rows(f, "SELECT 1", "1");
}

static void a_database_past_its_size_limit_is_full_and_nothing_else(void **state) {
    store_fixture *f = *state;
    expect_ok(f, "CREATE TABLE t(x)");
    f->db.settings.max_bytes = 256 << 10;
    fixture_access(f, TRIB_ACCESS_WRITE);
    expect_error(f,
                 "INSERT INTO t SELECT randomblob(1000) FROM json_each('[1,2,3,4,5,6,7,8,9]'), "
                 "(WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM c WHERE x<100) SELECT x FROM c)",
                 TRIB_DATABASE_FULL, "size limit");
    expect_rows(f, "SELECT count(*) FROM t", "0");
    expect_ok(f, "INSERT INTO t VALUES(1)");
    f->db.settings.max_bytes = 0;
    fixture_access(f, TRIB_ACCESS_WRITE);
    expect_ok(f, "INSERT INTO t VALUES(randomblob(1000000))");
}

static void what_applications_use_works(void **state) {
    store_fixture *f = *state;
    expect_rows(f,
                "CREATE VIRTUAL TABLE ft USING fts5(b); INSERT INTO ft VALUES('quick brown'),('lazy dog');"
                "SELECT b FROM ft WHERE ft MATCH 'dog'",
                "lazy dog");
    expect_rows(f,
                "CREATE VIRTUAL TABLE r USING rtree(id, x0, x1); INSERT INTO r VALUES(1,0,10),(2,20,30);"
                "SELECT id FROM r WHERE x0>15",
                "2");
    expect_rows(f, "SELECT json_extract('{\"a\":[5]}', '$.a[0]'), value FROM json_each('[7]')", "5|7");
    expect_rows(f, "SELECT round(sqrt(2), 3), mod(7, 4), pi() > 3", "1.4139999999999999|3|1");
    expect_rows(f, "CREATE TABLE p(id INTEGER PRIMARY KEY, n); INSERT INTO p(n) VALUES('a'),('b') RETURNING id", "1;2");
    expect_rows(f,
                "ALTER TABLE p RENAME COLUMN n TO m; ALTER TABLE p ADD COLUMN z DEFAULT 3; ALTER TABLE p RENAME TO q;"
                "ALTER TABLE q DROP COLUMN m; SELECT id, z FROM q",
                "1|3;2|3");
    expect_rows(f, "SELECT \"double quoted text\"", "double quoted text");
    expect_rows(f, "SELECT libsql_server_database_name()", "null");
    f->vars.database_name = "acme";
    expect_ok(f, "CREATE VIEW who AS SELECT libsql_server_database_name() AS name");
    expect_rows(f, "SELECT name FROM who", "acme");
    expect_rows(f, "SELECT count(*) FROM (SELECT row_number() OVER (ORDER BY id) FROM q)", "2");
    expect_rows(f, "CREATE VIRTUAL TABLE fv USING fts5vocab(ft, row); SELECT term FROM fv WHERE term='dog'", "dog");
    expect_rows(f, "INSERT INTO ft(ft) VALUES('optimize'); INSERT INTO ft(ft) VALUES('integrity-check'); SELECT 1",
                "1");
    expect_rows(f, "PRAGMA integrity_check", "ok");
    expect_rows(f, "REINDEX; PRAGMA user_version=12; PRAGMA user_version", "12");
    expect_rows(f, "SELECT name FROM sqlite_schema WHERE name='q'", "q");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        store_test(defensive_mode_is_on),
        store_test(the_schema_table_cannot_be_written),
        store_test(shadow_tables_cannot_be_written),
        store_test(extensions_and_tokenizers_cannot_be_loaded),
        store_test(other_files_cannot_be_reached),
        store_test(temporary_objects_are_refused),
        store_test(the_servers_tables_are_invisible),
        store_test(raw_pages_cannot_be_seen),
        store_test(every_limit_is_in_force),
        store_test(every_pragma_behaves_as_its_row_says),
        store_test(clients_may_say_every_pragma_that_sqld_lets_them_say),
        store_test(unknown_and_dangerous_pragmas_are_refused_in_every_form),
        store_test(pragma_tables_show_only_what_the_statement_may_show),
        store_test(pragmas_inside_the_session_keep_it_on_its_handle),
        store_test(foreign_keys_are_enforced_without_asking),
        store_test(a_setting_with_a_syntax_error_behind_it_reaches_kept_statements_too),
        store_test(a_journal_mode_asked_for_is_answered_and_not_taken),
        store_test(statements_stop_at_their_deadline),
        store_test(statements_of_a_heavy_tenant_yield_and_others_do_not),
        store_test(an_interrupt_stops_with_the_code_it_was_given),
        store_test(a_database_past_its_size_limit_is_full_and_nothing_else),
        store_test(what_applications_use_works),
    };
    return cmocka_run_group_tests_name("store/policy", tests, NULL, NULL);
}

// SPDX-License-Identifier: Apache-2.0
// Fuzz target of untrusted SQL: any bytes as a script, through prepare, policy, bind and step.
// rooms: store base
//
// The database is in memory, so every file that is asked for is an escape: the only VFS ends the program when it is
// asked for a name. Behind each input: no temporary object and no other database on the connection, memory within the
// account, every setting back at its default after the reset, and a reader has changed nothing.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "store/policy.h"
#include "store/stmt.h"
#include "store/stmt_kind.h"
#include "store/store_int.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
    INPUT_MAX = 1 << 16,
    STATEMENTS_MAX = 40,
    ROWS_MAX = 1000,
    STATEMENT_MS = 20,
    HEAP_BYTES = 32 << 20,
    PRAGMAS_MAX = 80,
    VALUE_BYTES = 64
};

static void check(bool ok, const char *what) {
    if (ok) return;
    fprintf(stderr, "%s\n", what);
    abort();
}

/* ---- what the connection side of the store would give ---- */

struct trib_db {
    trib_mem_account account;
    _Atomic uint64_t schema_version;
};

trib_code trib_handle_before_step(trib_handle *handle, bool needs_turn, trib_error *err) {
    (void)handle, (void)needs_turn, (void)err;
    return TRIB_OK;
}
void trib_handle_after_step(trib_handle *handle, int rc) {
    (void)handle, (void)rc;
}
void trib_handle_count_rows(trib_handle *handle, uint64_t read, uint64_t written) {
    (void)handle, (void)read, (void)written;
}
trib_code trib_handle_attach(trib_handle *handle, trib_str name, trib_str alias, trib_error *err) {
    (void)handle, (void)name, (void)alias;
    return trib_error_set(err, TRIB_SQL_PARSE_ERROR, "SQL string could not be parsed: unsupported statement: attach");
}
trib_code trib_handle_detach(trib_handle *handle, trib_str alias, trib_error *err) {
    (void)handle, (void)alias;
    return trib_error_set(err, TRIB_SQL_PARSE_ERROR, "SQL string could not be parsed: unsupported statement: detach");
}
void trib_handle_take_interrupts(trib_handle *handle) {
    (void)handle;
}
void trib_handle_list_databases(const trib_handle *handle, trib_buf *ret) {
    (void)handle;
    trib_buf_add_c(ret, "SELECT 0 AS seq, 'main' AS name, '' AS file");
}
trib_mem_account *trib_db_account(trib_db *db) {
    return &db->account;
}
trib_db_settings trib_db_settings_of(trib_db *db) {
    (void)db;
    return (trib_db_settings){.statement_timeout_ms = STATEMENT_MS};
}
_Atomic uint64_t *trib_db_schema_version(trib_db *db) {
    return &db->schema_version;
}

static int64_t mono_ns(void *ctx) {
    (void)ctx;
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}
static bool fixed_random(void *ctx, void *out, size_t n) {
    (void)ctx;
    memset(out, 7, n);
    return true;
}

/* ---- a VFS without files ---- */

static int no_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out) {
    (void)vfs, (void)file, (void)flags, (void)out;
    fprintf(stderr, "a file was opened: %s\n", name ? name : "(temporary)");
    abort();
}
static int no_delete(sqlite3_vfs *vfs, const char *name, int sync) {
    (void)vfs, (void)sync;
    fprintf(stderr, "a file was deleted: %s\n", name);
    abort();
}
static int no_access(sqlite3_vfs *vfs, const char *name, int flags, int *out) {
    (void)vfs, (void)flags, (void)out;
    fprintf(stderr, "a file was looked for: %s\n", name);
    abort();
}

static void init_once(void) {
    static bool done;
    static sqlite3_vfs none;
    if (done) return;
    done = true;
    check(trib_policy_init_process(NULL) == TRIB_OK, "SQLite does not start");
    none = *sqlite3_vfs_find(NULL);
    none.zName = "none";
    none.pNext = NULL;
    none.xOpen = no_open;
    none.xDelete = no_delete;
    none.xAccess = no_access;
    none.xDlOpen = NULL;
    sqlite3_vfs_register(&none, 1);
}

/* ---- one input ---- */

typedef struct fixture {
    trib_env env;
    trib_db db;
    trib_handle handle;
    trib_session_vars vars;
} fixture;

static void ask(sqlite3 *sqlite, const char *sql, char ret[VALUE_BYTES]) {
    sqlite3_stmt *stmt = NULL;
    ret[0] = '\0';
    if (sqlite3_prepare_v2(sqlite, sql, -1, &stmt, NULL) == SQLITE_OK && sqlite3_step(stmt) == SQLITE_ROW)
        snprintf(ret, VALUE_BYTES, "%s", (const char *)sqlite3_column_text(stmt, 0));
    sqlite3_finalize(stmt);
}

/* The settings of the connection, those of the file apart. */
static void read_settings(fixture *f, char ret[PRAGMAS_MAX][VALUE_BYTES]) {
    const trib_pragma_row *row;
    char sql[100];
    for (size_t i = 0; (row = trib_pragma_row_at(i)) != NULL && i < PRAGMAS_MAX; i++) {
        ret[i][0] = '\0';
        if (row->with_arg != TRIB_PRAGMA_SET && row->with_arg != TRIB_PRAGMA_FIXED) continue;
        snprintf(sql, sizeof sql, "PRAGMA %s", row->name);
        ask(f->handle.sqlite, sql, ret[i]);
    }
}

static char fresh[PRAGMAS_MAX][VALUE_BYTES]; /* the settings of a new connection */
static bool fresh_known;

static void open_it(fixture *f, bool reader) {
    trib_error err;
    memset(f, 0, sizeof *f);
    f->env = (trib_env){.mono_ns = mono_ns, .random = fixed_random};
    f->db.account.limit_bytes = HEAP_BYTES;
    f->handle.db = &f->db;
    f->handle.env = &f->env;
    trib_policy_set_account(&f->db.account);
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
    check(sqlite3_open_v2(":memory:", &f->handle.sqlite, flags, NULL) == SQLITE_OK, "no database");
    sqlite3_extended_result_codes(f->handle.sqlite, 1);
    check(trib_policy_attach(&f->handle, &err) == TRIB_OK, "no policy");
    check(trib_stmt_cache_new(&f->handle, &f->handle.cache, &err) == TRIB_OK, "no cache");
    check(sqlite3_exec(f->handle.sqlite,
                       "CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT, c REFERENCES t); CREATE INDEX i ON t(b);"
                       "INSERT INTO t VALUES(1,'one',NULL),(2,'two',1); CREATE VIEW v AS SELECT * FROM t;"
                       "CREATE TABLE _trib_secret(x); INSERT INTO _trib_secret VALUES('hidden');",
                       NULL, NULL, NULL) == SQLITE_OK,
          "no tables");
    if (!fresh_known) read_settings(f, fresh);
    fresh_known = true;
    f->handle.access = reader ? TRIB_ACCESS_READ : TRIB_ACCESS_WRITE;
    f->handle.vars = &f->vars;
    trib_stmt_enter(&f->handle);
}

static bool has_secret(trib_value value) {
    return value.type >= TRIB_VALUE_TEXT && value.bytes.len == 6 && memcmp(value.bytes.ptr, "hidden", 6) == 0;
}

static void run(fixture *f, trib_stmt *stmt, bool may_say_hidden) {
    trib_arg args[16];
    trib_error err = {0};
    int params = trib_stmt_param_count(stmt);
    for (int i = 0; i < params && i < 16; i++)
        args[i] = (trib_arg){.value = {.type = TRIB_VALUE_INTEGER, .integer = i}};
    bool row = params <= 16 && trib_stmt_bind(stmt, args, (size_t)params, &err) == TRIB_OK;
    for (int rows = 0; row && rows < ROWS_MAX; rows++) {
        if (trib_stmt_step(stmt, &row, &err) != TRIB_OK) {
            check(err.message[0] != '\0' && trib_str_utf8_valid(trib_str_c(err.message)), "an error without words");
            break;
        }
        for (int i = 0; row && i < trib_stmt_col_count(stmt); i++)
            check(may_say_hidden || !has_secret(trib_stmt_col_value(stmt, i)), "a hidden table was read");
    }
    (void)f;
    trib_stmt_free(stmt);
}

/* ALTER COLUMN writes the schema, which nothing else may; what it leaves must be a schema, and its switches off. */
static void check_schema(sqlite3 *sqlite) {
    static const struct {
        int id, want;
    } rows[] = {{SQLITE_DBCONFIG_DEFENSIVE, 1},
                {SQLITE_DBCONFIG_WRITABLE_SCHEMA, 0},
                {SQLITE_DBCONFIG_ENABLE_TRIGGER, 1},
                {SQLITE_DBCONFIG_ENABLE_FKEY, 1}};
    char value[VALUE_BYTES];
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int is = -1;
        sqlite3_db_config(sqlite, rows[i].id, -1, &is);
        check(is == rows[i].want, "a switch of the connection stayed");
    }
    sqlite3_exec(sqlite, "PRAGMA schema_version", NULL, NULL, NULL);
    ask(sqlite, "SELECT count(*) FROM sqlite_schema", value);
    check(value[0] != '\0', "the schema cannot be read");
    ask(sqlite, "PRAGMA integrity_check", value);
    check(strstr(value, "missing from index") == NULL && strstr(value, "wrong # of entries") == NULL, "a torn index");
}

static void check_left(fixture *f, bool reader) {
    char value[VALUE_BYTES], after[PRAGMAS_MAX][VALUE_BYTES];
    sqlite3 *sqlite = f->handle.sqlite;
    trib_stmt_leave(&f->handle);
    trib_policy_set_account(&f->db.account);
    if (!sqlite3_get_autocommit(sqlite)) sqlite3_exec(sqlite, "ROLLBACK", NULL, NULL, NULL);
    check(sqlite3_get_autocommit(sqlite) != 0, "a transaction cannot be ended");
    check(trib_policy_reset(&f->handle, NULL) == TRIB_OK, "no reset");
    read_settings(f, after);
    for (size_t i = 0; i < PRAGMAS_MAX && trib_pragma_row_at(i); i++) {
        if (strcmp(fresh[i], after[i]) == 0) continue;
        fprintf(stderr, "%s was %s and is %s\n", trib_pragma_row_at(i)->name, fresh[i], after[i]);
        abort();
    }
    ask(sqlite, "SELECT count(*) FROM sqlite_temp_schema", value);
    check(strcmp(value, "0") == 0, "a temporary object");
    ask(sqlite, "SELECT count(*) FROM pragma_database_list WHERE name NOT IN ('main','temp')", value);
    check(strcmp(value, "0") == 0, "another database");
    ask(sqlite, "SELECT group_concat(x) FROM _trib_secret", value);
    check(strcmp(value, "hidden") == 0, "a hidden table was changed");
    check_schema(sqlite);
    if (reader) check(sqlite3_total_changes64(sqlite) <= 3, "a reader has written");
    check(atomic_load(&f->db.account.used_bytes) <= HEAP_BYTES, "more memory than allowed");
    trib_stmt_cache_free(f->handle.cache);
    trib_policy_detach(&f->handle);
    check(sqlite3_close(sqlite) == SQLITE_OK, "something is still open");
    trib_policy_set_account(NULL);
    check(atomic_load(&f->db.account.used_bytes) == 0, "memory was lost");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fixture f;
    if (size < 1 || size > INPUT_MAX) return 0;
    init_once();
    bool reader = data[0] & 1, single = data[0] & 2;
    trib_str sql = {(const char *)data + 1, size - 1};
    bool may_say_hidden = memmem(sql.ptr, sql.len, "hidden", 6) != NULL; /* or what could build the word */
    open_it(&f, reader);
    for (int i = 0; i < STATEMENTS_MAX; i++) {
        trib_stmt *stmt = NULL;
        trib_error err = {0};
        trib_str before = sql;
        trib_code code = single ? trib_stmt_prepare(&f.handle, sql, &stmt, &err)
                                : trib_stmt_prepare_next(&f.handle, &sql, &stmt, &err);
        check(code == TRIB_OK || err.message[0] != '\0', "an error without words");
        if (code != TRIB_OK || !stmt) break;
        check(single || sql.len < before.len, "a statement without text");
        run(&f, stmt, may_say_hidden);
        if (single && i > 0) break; /* a second time from the cache */
    }
    check_left(&f, reader);
    return 0;
}

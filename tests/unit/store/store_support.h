/* SPDX-License-Identifier: Apache-2.0 */
/* A handle on an in-memory database for tests of the statement side, without the connection side: the seam functions of
 * store_int.h that it would give are small fakes here. */
#ifndef TRIB_TESTS_STORE_SUPPORT_H
#define TRIB_TESTS_STORE_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "store/policy.h"
#include "store/stmt.h"
#include "store/store_int.h"

struct trib_db {
    trib_mem_account account;
    trib_db_settings settings;
    trib_code before_step; /* what a statement that needs the turn is told */
    int turns_asked, after_steps;
    uint64_t rows_read, rows_written;
    _Atomic uint64_t schema_version;
};

trib_code trib_handle_before_step(trib_handle *handle, bool needs_turn, trib_error *err) {
    if (!needs_turn) return TRIB_OK;
    handle->db->turns_asked++;
    return handle->db->before_step == TRIB_OK ? TRIB_OK : trib_error_set(err, handle->db->before_step, NULL);
}
void trib_handle_after_step(trib_handle *handle, int rc) {
    (void)rc;
    handle->db->after_steps++;
}
void trib_handle_count_rows(trib_handle *handle, uint64_t read, uint64_t written) {
    handle->db->rows_read += read;
    handle->db->rows_written += written;
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
    return db->settings;
}

_Atomic uint64_t *trib_db_schema_version(trib_db *db) {
    return &db->schema_version;
}

static int64_t support_mono_ns(void *ctx) {
    (void)ctx;
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}
static bool support_random(void *ctx, void *out, size_t n) {
    (void)ctx;
    memset(out, 7, n);
    return true;
}

typedef struct store_fixture {
    trib_env env;
    trib_db db;
    trib_handle handle;
    trib_session_vars vars;
    trib_error err;
} store_fixture;

static inline void fixture_enter(store_fixture *f, trib_access access) {
    f->handle.access = access;
    f->handle.vars = &f->vars;
    trib_stmt_enter(&f->handle);
}

static inline void fixture_access(store_fixture *f, trib_access access) {
    trib_stmt_leave(&f->handle);
    fixture_enter(f, access);
}

static inline void fixture_init(store_fixture *f) {
    memset(f, 0, sizeof *f);
    trib_policy_init_process(NULL); /* the second call of a process fails, and that is well */
    f->env = (trib_env){.mono_ns = support_mono_ns, .random = support_random};
    f->db.account.limit_bytes = 64 << 20;
    f->handle.db = &f->db;
    f->handle.env = &f->env;
    assert_int_equal(sqlite3_open_v2("", &f->handle.sqlite, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL),
                     SQLITE_OK);
    assert_int_equal(trib_policy_attach(&f->handle, &f->err), TRIB_OK);
    assert_int_equal(trib_stmt_cache_new(&f->handle, &f->handle.cache, &f->err), TRIB_OK);
    fixture_enter(f, TRIB_ACCESS_WRITE);
}

static inline void fixture_deinit(store_fixture *f) {
    trib_stmt_leave(&f->handle);
    trib_stmt_cache_free(f->handle.cache);
    trib_policy_detach(&f->handle);
    assert_int_equal(sqlite3_close(f->handle.sqlite), SQLITE_OK);
}

static inline int fixture_setup(void **state) {
    store_fixture *f = malloc(sizeof *f);
    fixture_init(f);
    *state = f;
    return 0;
}
static inline int fixture_teardown(void **state) {
    fixture_deinit(*state);
    free(*state);
    return 0;
}
#define store_test(f) cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)

/* Runs a script to its end and gives the last statement's first value as text, "" without a row. Error: its code, text
 * in f->err. */
static inline trib_code run_into(store_fixture *f, const char *sql, char *ret, size_t ret_bytes) {
    trib_str rest = trib_str_c(sql);
    if (ret_bytes) ret[0] = '\0';
    memset(&f->err, 0, sizeof f->err);
    for (;;) {
        trib_stmt *stmt = NULL;
        trib_code code = trib_stmt_prepare_next(&f->handle, &rest, &stmt, &f->err);
        if (code != TRIB_OK || !stmt) return code;
        if (ret_bytes) ret[0] = '\0';
        bool row = true;
        size_t used = 0;
        while ((code = trib_stmt_step(stmt, &row, &f->err)) == TRIB_OK && row) {
            if (!ret_bytes) continue;
            for (int i = 0; i < trib_stmt_col_count(stmt); i++) {
                trib_value v = trib_stmt_col_value(stmt, i);
                const char *sep = used == 0 ? "" : i == 0 ? ";" : "|";
                int n = 0;
                char *at = ret + used;
                size_t left = ret_bytes - used;
                if (v.type == TRIB_VALUE_NULL) n = snprintf(at, left, "%snull", sep);
                if (v.type == TRIB_VALUE_INTEGER) n = snprintf(at, left, "%s%lld", sep, (long long)v.integer);
                if (v.type == TRIB_VALUE_REAL) n = snprintf(at, left, "%s%.17g", sep, v.real);
                if (v.type == TRIB_VALUE_TEXT || v.type == TRIB_VALUE_BLOB)
                    n = snprintf(at, left, "%s%.*s", sep, TRIB_STR_ARG(v.bytes));
                used = (size_t)n >= left ? ret_bytes - 1 : used + (size_t)n;
            }
        }
        trib_stmt_free(stmt);
        if (code != TRIB_OK) return code;
    }
}

static inline void expect_ok(store_fixture *f, const char *sql) {
    trib_code code = run_into(f, sql, NULL, 0);
    if (code != TRIB_OK) fail_msg("%s: %s: %s", sql, trib_code_name(code), f->err.message);
}
/* Rows as a|b;c|d */
static inline void expect_rows(store_fixture *f, const char *sql, const char *want) {
    char got[4096];
    trib_code code = run_into(f, sql, got, sizeof got);
    if (code != TRIB_OK) fail_msg("%s: %s: %s", sql, trib_code_name(code), f->err.message);
    if (strcmp(got, want) != 0) fail_msg("%s: got '%s', want '%s'", sql, got, want);
}
/* message: a part of it */
static inline void expect_error(store_fixture *f, const char *sql, trib_code want, const char *message) {
    trib_code code = run_into(f, sql, NULL, 0);
    if (code != want)
        fail_msg("%s: got %s (%s), want %s", sql, trib_code_name(code), f->err.message, trib_code_name(want));
    if (!strstr(f->err.message, message)) fail_msg("%s: '%s' does not have '%s'", sql, f->err.message, message);
}

#endif

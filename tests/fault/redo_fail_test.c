/* SPDX-License-Identifier: Apache-2.0 */
/* The n-th allocation fails while row changes are noted, taken or done again, for every n: either there is an error and
 * nothing has changed, or what was taken is whole. A change that was missed without an error would be lost in a
 * crash. */
#include "unit/store/store_support.h"

#include "store/redo_int.h"
#include "support/alloc_fail.h"

static const char schema[] = "CREATE TABLE a(id TEXT PRIMARY KEY, n, g AS (n + 1) STORED); CREATE TABLE log(x);"
                             "CREATE TABLE w(k TEXT PRIMARY KEY, v) WITHOUT ROWID; INSERT INTO w VALUES('k', 1);"
                             "CREATE VIRTUAL TABLE find USING fts5(t); CREATE TRIGGER a_in AFTER INSERT ON a BEGIN "
                             "INSERT INTO log VALUES(new.id); INSERT INTO find VALUES(new.id); END";
static const char *const changes[] = {"INSERT INTO a(id, n) VALUES('order one', randomblob(900)), ('order two', 2)",
                                      "UPDATE w SET k = 'other', v = zeroblob(3000)", "DELETE FROM a WHERE n = 2"};

static trib_code note(store_fixture *f, trib_buf *ret) {
    trib_code code = trib_redo_begin(&f->handle, &f->err);
    for (size_t i = 0; i < sizeof changes / sizeof *changes && code == TRIB_OK; i++)
        code = trib_stmt_run(&f->handle, changes[i], NULL, 0, NULL, NULL, &f->err);
    if (code == TRIB_OK) code = trib_redo_take(&f->handle, ret, &f->err);
    trib_redo_end(&f->handle);
    return code;
}

static void make(store_fixture *f) {
    fixture_init(f);
    expect_ok(f, schema);
    fixture_access(f, TRIB_ACCESS_SYSTEM);
    expect_ok(f, "BEGIN IMMEDIATE");
}

static void end(store_fixture *f) {
    trib_redo_end(&f->handle);
    trib_redo_free(f->handle.redo);
    f->handle.redo = NULL;
    fixture_deinit(f);
}

static void expect_all(store_fixture *f) {
    expect_rows(f, "SELECT count(*), min(id) FROM a", "1|order one");
    expect_rows(f, "SELECT count(*) FROM log", "2");
    expect_rows(f, "SELECT k, length(v) FROM w", "other|3000");
    expect_rows(f, "SELECT count(*) FROM find('order')", "2");
}

/* *ret_struck: it had so many allocations. */
static void one_case(uint64_t n, bool in_apply, bool sticky, bool *ret_struck) {
    store_fixture a, b;
    trib_buf redo;
    static const int ids[] = {SQLITE_DBCONFIG_DEFENSIVE, SQLITE_DBCONFIG_ENABLE_TRIGGER};
    trib_buf_init(&redo, TRIB_REDO_MAX_BYTES);
    make(&a);
    make(&b);
    for (size_t i = 0; i < 2; i++) sqlite3_db_config(b.handle.sqlite, ids[i], 0, NULL);
    if (!in_apply) alloc_fail_at(n, sticky);
    trib_code code = note(&a, &redo);
    *ret_struck = alloc_fail_struck();
    alloc_fail_at(0, false);
    if (code == TRIB_OK) {
        if (in_apply) alloc_fail_at(n, sticky);
        code = trib_redo_apply(&b.handle, trib_buf_str(&redo), &b.err);
        if (in_apply) *ret_struck = alloc_fail_struck();
        alloc_fail_at(0, false);
        if (!in_apply && code != TRIB_OK) fail_msg("allocation %d: %s", (int)n, b.err.message);
        if (code == TRIB_COMMAND_CONFLICT) fail_msg("allocation %d called a conflict: %s", (int)n, b.err.message);
        if (code == TRIB_OK) expect_all(&b);
    }
    trib_buf_deinit(&redo);
    end(&a);
    end(&b);
}

static void every_allocation(bool in_apply, bool sticky) {
    bool struck = true;
    uint64_t n = 0;
    while (struck) one_case(++n, in_apply, sticky, &struck);
    print_message("%d allocations\n", (int)n - 1);
    assert_true(n > 100);
}

static void what_is_taken_is_whole(void **state) {
    (void)state;
    every_allocation(false, false);
    every_allocation(false, true);
}

static void lack_of_memory_is_no_conflict(void **state) {
    (void)state;
    every_allocation(true, false);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_taken_is_whole),
        cmocka_unit_test(lack_of_memory_is_no_conflict),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

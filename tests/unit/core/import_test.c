/* SPDX-License-Identifier: Apache-2.0 */
/* Imports: a file in pieces becomes a tenant at its end and not before; what does not end so leaves nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/import.h"
#include "store/plain_file.h"
#include "support/app_test.h"

static app_test t;
static trib_tenant *ali;
static trib_buf file; /* a database of SQLite's */
static bool done;

static void on_done(trib_import *import) {
    (void)import;
    done = true;
}

static void run(trib_plain_file *to, const char *sql) {
    trib_plain_rows rows;
    trib_arena arena;
    trib_arena_init(&arena, 1 << 20);
    assert_int_equal(trib_plain_file_execute(to, trib_str_c(sql), NULL, 0, &arena, &rows, NULL), TRIB_OK);
    trib_arena_deinit(&arena);
}

static void make_file(void) {
    char path[] = "/tmp/trib-import-XXXXXX";
    char piece[4096];
    trib_plain_file *to = NULL;
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(trib_plain_file_open(path, &to, NULL), TRIB_OK);
    run(to, "CREATE TABLE n(a INTEGER PRIMARY KEY, b)");
    run(to, "WITH RECURSIVE c(x) AS (VALUES (1) UNION ALL SELECT x + 1 FROM c WHERE x < 500) "
            "INSERT INTO n SELECT x, zeroblob(300) FROM c");
    trib_plain_file_close(to);
    trib_buf_init(&file, 16 << 20);
    for (ssize_t n; (n = read(fd, piece, sizeof piece)) > 0;) trib_buf_add_bytes(&file, piece, (size_t)n);
    close(fd);
    unlink(path);
}

static int setup(void **state) {
    (void)state;
    make_file();
    return app_test_start_with_tenant(&t, "ali", &ali) == TRIB_OK ? 0 : -1;
}

static int teardown(void **state) {
    (void)state;
    trib_buf_deinit(&file);
    app_test_end_with_tenant(&t, ali);
    return 0;
}

static trib_code wait_for(trib_import *import, trib_code code) {
    if (code != TRIB_OK) return code;
    while (!done) app_test_pump(&t);
    return import->code;
}

static trib_import *begin(const char *name, trib_code wanted) {
    trib_import *import = NULL;
    assert_int_equal(trib_import_new(&t.app, trib_str_c(name), &import, NULL), TRIB_OK);
    import->home = &t.home;
    import->done = on_done;
    done = false;
    assert_int_equal(wait_for(import, trib_import_begin(import, NULL)), wanted);
    if (wanted == TRIB_OK) return import;
    trib_import_free(import);
    return NULL;
}

static trib_code add(trib_import *import, trib_str bytes) {
    done = false;
    return wait_for(import, trib_import_add(import, bytes, NULL));
}

static trib_code finish(trib_import *import) {
    done = false;
    return wait_for(import, trib_import_finish(import, NULL));
}

static bool known(const char *name) {
    trib_tenant *tenant = trib_control_find(t.app.control, trib_str_c(name));
    trib_tenant_unref(tenant);
    return tenant != NULL;
}

static int files;

static int count_file(const char *path, const struct stat *st, int type, struct FTW *at) {
    (void)st, (void)at;
    if (type == FTW_F && strstr(path, "/db/")) files++;
    return 0;
}

static int count_files(void) {
    files = 0;
    nftw(t.folder, count_file, 16, FTW_PHYS);
    return files;
}

static void leaves_nothing(trib_import *import) {
    trib_import_abandon(import);
    for (int i = 0; i < 2000 && count_files() > 0; i++) {
        trib_control_tick(t.app.control);
        usleep(1000);
    }
    assert_int_equal(count_files(), 0);
}

static void a_file_in_pieces_is_a_tenant_at_the_end(void **state) {
    (void)state;
    trib_tenant_change change = {.given = 1U << TRIB_TENANT_BLOCK_WRITES, .has_reason = true, .reason = "moving"};
    change.values[TRIB_TENANT_BLOCK_WRITES] = 1;
    trib_import *import = begin("shop", TRIB_OK);
    for (size_t at = 0; at < file.len; at += 5000)
        assert_int_equal(add(import, trib_str_sub(trib_buf_str(&file), at, at + 5000)), TRIB_OK);
    assert_int_equal(import->bytes, file.len);
    assert_false(known("shop"));
    import->change = &change;
    assert_int_equal(finish(import), TRIB_OK);
    assert_string_equal(import->tenant->name, "shop");
    assert_int_equal(trib_tenant_get(import->tenant, TRIB_TENANT_BLOCK_WRITES), 1);
    assert_string_equal(import->tenant->block_reason, "moving");
    trib_db *db = NULL;
    assert_int_equal(trib_store_db_get(t.app.store, trib_str_c(import->tenant->id), NULL, &db, NULL), TRIB_OK);
    trib_db_stats stats;
    trib_db_get_stats(db, &stats);
    assert_int_equal(stats.database_bytes, file.len);
    trib_db_unref(db);
    trib_tenant_unref(import->tenant);
    trib_import_free(import);
    /* its settings are in the registry, not in memory only */
    trib_tenant_unref(ali);
    app_test_stop(&t);
    assert_int_equal(app_test_start(&t, false, NULL), TRIB_OK);
    ali = trib_control_find(t.app.control, TRIB_STR("shop"));
    assert_non_null(ali);
    assert_int_equal(trib_tenant_get(ali, TRIB_TENANT_BLOCK_WRITES), 1);
    assert_string_equal(ali->block_reason, "moving");
}

static void nothing_is_an_empty_tenant(void **state) {
    (void)state;
    trib_import *import = begin("shop", TRIB_OK);
    assert_int_equal(finish(import), TRIB_OK);
    trib_tenant_unref(import->tenant);
    trib_import_free(import);
    assert_true(known("shop"));
    assert_int_equal(count_files(), 0);
}

static void refuse(const char *why, size_t at, const char *bytes, size_t n, size_t len) {
    trib_buf bad;
    trib_buf_init(&bad, 16 << 20);
    trib_buf_add(&bad, trib_str_sub(trib_buf_str(&file), 0, len));
    memcpy(bad.ptr + at, bytes, n);
    trib_import *import = begin("shop", TRIB_OK);
    assert_int_equal(add(import, trib_buf_str(&bad)), TRIB_OK);
    assert_int_equal(finish(import), TRIB_IMPORT_REFUSED);
    if (!strstr(import->err.message, why)) fail_msg("%s: %s", why, import->err.message);
    assert_false(known("shop"));
    leaves_nothing(import);
    trib_buf_deinit(&bad);
}

static void what_is_no_whole_database_is_refused_and_leaves_nothing(void **state) {
    (void)state;
    char zeros[4096] = {0};
    refuse("begin like a SQLite database", 0, "sqlite", 6, file.len);
    refuse("4,096 bytes", 16, "\x20", 1, file.len);
    refuse("UTF-16", 59, "\x02", 1, file.len);
    refuse("whole number", 0, "S", 1, file.len - 100);
    refuse("", 0, "S", 1, file.len - 4096);        /* the last page is missing */
    refuse("", 4096 * 3, zeros, 4096, file.len);   /* a page of the table is lost */
    refuse("", 4096 + 3, "\xff\xff", 2, file.len); /* more cells than a page has */
}

static void names_are_checked_at_both_ends(void **state) {
    (void)state;
    begin("ali", TRIB_TENANT_EXISTS);
    begin("No Name", TRIB_TENANT_NAME_INVALID);
    trib_import *import = begin("shop", TRIB_OK);
    assert_int_equal(add(import, trib_buf_str(&file)), TRIB_OK);
    assert_int_equal(app_test_change(&t, TRIB_CONTROL_CREATE, "shop", NULL), TRIB_OK); /* somebody was faster */
    assert_int_equal(finish(import), TRIB_TENANT_EXISTS);
    leaves_nothing(import);
}

static void what_a_stop_leaves_goes_at_the_next_start(void **state) {
    (void)state;
    trib_import *import = begin("shop", TRIB_OK);
    assert_int_equal(add(import, trib_buf_str(&file)), TRIB_OK);
    assert_int_equal(count_files(), 1);
    trib_tenant_unref(ali);
    app_test_stop(&t);
    trib_import_free(import); /* as the modules are stopped: behind the store */
    assert_int_equal(count_files(), 0);
    assert_int_equal(app_test_start(&t, false, NULL), TRIB_OK);
    ali = trib_control_find(t.app.control, TRIB_STR("ali"));
    assert_false(known("shop"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_file_in_pieces_is_a_tenant_at_the_end, setup, teardown),
        cmocka_unit_test_setup_teardown(nothing_is_an_empty_tenant, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_no_whole_database_is_refused_and_leaves_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(names_are_checked_at_both_ends, setup, teardown),
        cmocka_unit_test_setup_teardown(what_a_stop_leaves_goes_at_the_next_start, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Changes of tenants in the registry: settings that are kept, and folders of an older version. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "store/plain_file.h"
#include "store/stmt.h"
#include "support/app_test.h"

static app_test t;

static int setup(void **state) {
    (void)state;
    return app_test_start(&t, true, NULL) == TRIB_OK ? 0 : -1;
}

static int teardown(void **state) {
    (void)state;
    app_test_stop(&t);
    app_test_cleanup(&t);
    return 0;
}

static void restart(void) {
    app_test_stop(&t);
    assert_int_equal(app_test_start(&t, false, NULL), TRIB_OK);
}

static trib_tenant *find(const char *name) {
    trib_tenant *tenant = trib_control_find(t.app.control, trib_str_c(name));
    assert_non_null(tenant);
    trib_tenant_unref(tenant); /* the registry keeps it */
    return tenant;
}

static void create(const char *name) {
    assert_int_equal(app_test_change(&t, TRIB_CONTROL_CREATE, name, NULL), TRIB_OK);
}

static trib_code set(const char *name, trib_tenant_change change, trib_error *err) {
    trib_control_op op = {.type = TRIB_CONTROL_SETTINGS, .change = &change};
    return app_test_run(&t, &op, name, err);
}

#define GIVE(setting, value) .given = 1U << (setting), .values[setting] = (value)

/* ---- settings ---- */

static void settings_take_effect_at_once_and_survive_a_restart(void **state) {
    (void)state;
    create("ali");
    trib_tenant_change change = {GIVE(TRIB_TENANT_MAX_BYTES, 1 << 20), .has_reason = true, .reason = "unpaid"};
    assert_int_equal(set("ali", change, NULL), TRIB_OK);
    assert_int_equal(set("ali", (trib_tenant_change){GIVE(TRIB_TENANT_RELAXED, 1)}, NULL), TRIB_OK);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(trib_tenant_get(find("ali"), TRIB_TENANT_MAX_BYTES), 1 << 20);
        assert_int_equal(trib_tenant_get(find("ali"), TRIB_TENANT_RELAXED), 1);
        assert_int_equal(trib_tenant_get(find("ali"), TRIB_TENANT_BLOCK_READS), 0);
        assert_string_equal(find("ali")->block_reason, "unpaid");
        restart();
    }
    assert_int_equal(set("ali", (trib_tenant_change){.has_reason = true}, NULL), TRIB_OK);
    assert_string_equal(find("ali")->block_reason, "");
}

static void an_open_database_hears_of_its_settings_without_another_job(void **state) {
    (void)state;
    trib_db *db = NULL;
    create("ali");
    trib_db_settings settings = trib_tenant_db_settings(find("ali"));
    assert_int_equal(trib_store_db_get(t.app.store, trib_str_c(find("ali")->id), &settings, &db, NULL), TRIB_OK);
    assert_int_equal(set("ali", (trib_tenant_change){GIVE(TRIB_TENANT_TXN_STEAL_MS, 77)}, NULL), TRIB_OK);
    trib_db_get_settings(db, &settings);
    assert_int_equal(settings.txn_steal_ms, 77);
    trib_db_unref(db);
}

static void one_change_of_a_tenant_at_a_time(void **state) {
    (void)state;
    bool finished = false;
    trib_error err;
    trib_tenant_change change = {GIVE(TRIB_TENANT_BLOCK_READS, 1)};
    trib_control_op first = {.type = TRIB_CONTROL_SETTINGS, .change = &change, .name = "ali"};
    create("ali");
    create("rami");
    first.home = &t.home;
    first.finished = app_test_op_finished;
    first.owner = &finished;
    assert_int_equal(trib_control_submit(t.app.control, &first, NULL), TRIB_OK);
    assert_int_equal(app_test_change(&t, TRIB_CONTROL_DELETE, "ali", &err), TRIB_TOO_MANY_REQUESTS);
    assert_int_equal(app_test_change(&t, TRIB_CONTROL_REVOKE, "rami", &err), TRIB_OK);
    while (!finished) app_test_pump(&t);
    trib_tenant_unref(first.tenant);
    assert_int_equal(app_test_change(&t, TRIB_CONTROL_DELETE, "ali", &err), TRIB_OK);
}

static void settings_of_nobody_and_of_the_server_are_refused(void **state) {
    (void)state;
    trib_tenant_change change = {GIVE(TRIB_TENANT_BLOCK_READS, 1)};
    assert_int_equal(set("nobody", change, NULL), TRIB_TENANT_NOT_FOUND);
    assert_int_equal(set("streams", change, NULL), TRIB_TENANT_NOT_FOUND);
}

/* ---- names ---- */

static trib_code rename_to(const char *old, const char *name, trib_error *err) {
    trib_control_op op = {.type = TRIB_CONTROL_RENAME, .new_name = trib_str_c(name)};
    return app_test_run(&t, &op, old, err);
}

static void a_renamed_tenant_keeps_its_data_and_frees_its_name(void **state) {
    (void)state;
    char id[TRIB_DB_ID_BYTES + 1];
    create("ali");
    snprintf(id, sizeof id, "%s", find("ali")->id);
    assert_int_equal(rename_to("ali", "rami", NULL), TRIB_OK);
    assert_null(trib_control_find(t.app.control, TRIB_STR("ali")));
    assert_string_equal(find("rami")->id, id);
    create("ali");
    assert_string_not_equal(find("ali")->id, id);
    restart();
    assert_string_equal(find("rami")->id, id);
    assert_string_not_equal(find("ali")->id, id);
    assert_int_equal(trib_control_count(t.app.control), 4); /* with streams and discovery */
}

static void a_new_name_must_be_free_and_good(void **state) {
    (void)state;
    trib_error err;
    create("ali");
    create("rami");
    assert_int_equal(rename_to("ali", "rami", &err), TRIB_TENANT_EXISTS);
    assert_non_null(strstr(err.message, "rami"));
    assert_int_equal(rename_to("ali", "streams", &err), TRIB_TENANT_EXISTS);
    assert_int_equal(rename_to("ali", "No Name", &err), TRIB_TENANT_NAME_INVALID);
    assert_int_equal(rename_to("streams", "mine", &err), TRIB_TENANT_NOT_FOUND);
    assert_int_equal(rename_to("nobody", "mine", &err), TRIB_TENANT_NOT_FOUND);
    find("ali");
}

/* Memory does not know yet that the name is taken; the file does. */
static void two_tenants_that_want_one_name_do_not_both_get_it(void **state) {
    (void)state;
    bool finished[2] = {false, false};
    trib_control_op ops[2] = {{.type = TRIB_CONTROL_RENAME, .name = "ali", .new_name = TRIB_STR("best")},
                              {.type = TRIB_CONTROL_CREATE, .name = "best"}};
    create("ali");
    for (int i = 0; i < 2; i++) {
        ops[i].home = &t.home;
        ops[i].finished = app_test_op_finished;
        ops[i].owner = &finished[i];
        assert_int_equal(trib_control_submit(t.app.control, &ops[i], NULL), TRIB_OK);
    }
    while (!finished[0] || !finished[1]) app_test_pump(&t);
    assert_true((ops[0].code == TRIB_OK) != (ops[1].code == TRIB_OK));
    assert_true(ops[0].code == TRIB_TENANT_EXISTS || ops[1].code == TRIB_TENANT_EXISTS);
    for (int i = 0; i < 2; i++) trib_tenant_unref(ops[i].tenant);
    find("best");
    assert_int_equal(trib_control_find(t.app.control, TRIB_STR("ali")) != NULL, ops[0].code != TRIB_OK);
    if (ops[0].code != TRIB_OK) trib_tenant_unref(find("ali"));
}

/* ---- the end of a tenant ---- */

enum { GRACE_MS = 60000 };

static bool known(const char *name) {
    trib_tenant *tenant = trib_control_find(t.app.control, trib_str_c(name));
    trib_tenant_unref(tenant);
    return tenant != NULL;
}

static trib_code undelete(const char *name, const char *id, const char *as, trib_error *err) {
    trib_control_op op = {.type = TRIB_CONTROL_UNDELETE, .id = trib_str_c(id), .new_name = trib_str_c(as)};
    return app_test_run(&t, &op, name, err);
}

/* A table with one row, so that there are files. */
static void fill(const char *name) {
    static const char *const sql[] = {"CREATE TABLE t(x)", "INSERT INTO t VALUES (1)"};
    trib_session_vars vars = {0};
    trib_handle *handle = NULL;
    trib_db *db = NULL;
    assert_int_equal(trib_store_db_get(t.app.store, trib_str_c(find(name)->id), NULL, &db, NULL), TRIB_OK);
    assert_int_equal(trib_handle_take(db, &handle, NULL), TRIB_OK);
    for (size_t i = 0; i < 2; i++) {
        trib_stmt *stmt = NULL;
        bool row = false;
        assert_int_equal(trib_handle_enter(handle, TRIB_ACCESS_WRITE, &vars, NULL), TRIB_OK);
        assert_int_equal(trib_stmt_prepare(handle, trib_str_c(sql[i]), &stmt, NULL), TRIB_OK);
        assert_int_equal(trib_stmt_step(stmt, &row, NULL), TRIB_OK);
        trib_stmt_free(stmt);
        trib_handle_leave(handle);
    }
    trib_handle_give(handle);
    trib_db_unref(db);
}

static bool has_files(const char *id) {
    char path[400];
    snprintf(path, sizeof path, "%s/db/%.2s/%.2s/%s.db", t.folder, id, id + 2, id);
    return access(path, F_OK) == 0;
}

/* Ticks until the files are gone; false: they stay. */
static bool files_go(const char *id) {
    for (int i = 0; i < 2000 && has_files(id); i++) {
        trib_control_tick(t.app.control);
        usleep(1000);
    }
    return !has_files(id);
}

static size_t count_deleted(void) {
    trib_tenant *page[8];
    size_t count = trib_control_list_deleted(t.app.control, (trib_str){0}, (trib_str){0}, 8, page);
    for (size_t i = 0; i < count; i++) trib_tenant_unref(page[i]);
    return count;
}

static void a_deleted_tenant_comes_back_whole_while_its_grace_lasts(void **state) {
    (void)state;
    char id[TRIB_DB_ID_BYTES + 1];
    t.app.settings.delete_grace_ms = GRACE_MS;
    create("ali");
    fill("ali");
    snprintf(id, sizeof id, "%s", find("ali")->id);
    uint32_t epoch = atomic_load(&find("ali")->token_epoch);
    assert_int_equal(app_test_change(&t, TRIB_CONTROL_DELETE, "ali", NULL), TRIB_OK);
    assert_false(known("ali"));
    assert_int_equal(app_test_change(&t, TRIB_CONTROL_REVOKE, "ali", NULL), TRIB_TENANT_NOT_FOUND);
    restart();
    assert_false(known("ali"));
    assert_int_equal(count_deleted(), 1);
    trib_control_tick(t.app.control);
    assert_int_equal(undelete("ali", "", "", NULL), TRIB_OK);
    assert_int_equal(count_deleted(), 0);
    for (int i = 0; i < 2; i++) {
        assert_string_equal(find("ali")->id, id);
        assert_false(atomic_load(&find("ali")->deleted));
        assert_int_equal(atomic_load(&find("ali")->token_epoch), epoch);
        assert_true(has_files(id));
        restart();
    }
}

static void the_files_go_when_the_grace_is_over(void **state) {
    (void)state;
    char id[TRIB_DB_ID_BYTES + 1];
    t.app.settings.delete_grace_ms = GRACE_MS;
    create("ali");
    fill("ali");
    snprintf(id, sizeof id, "%s", find("ali")->id);
    assert_int_equal(app_test_change(&t, TRIB_CONTROL_DELETE, "ali", NULL), TRIB_OK);
    t.env.offset_ns += (int64_t)(GRACE_MS - 1000) * 1000000;
    for (int i = 0; i < 20; i++) trib_control_tick(t.app.control);
    assert_true(has_files(id));
    t.env.offset_ns += INT64_C(2000) * 1000000;
    assert_true(files_go(id));
    assert_int_equal(count_deleted(), 0);
    assert_int_equal(undelete("ali", "", "", NULL), TRIB_TENANT_NOT_FOUND);
    restart();
    assert_int_equal(undelete("ali", "", "", NULL), TRIB_TENANT_NOT_FOUND);
    assert_false(known("ali"));
}

static void files_in_use_go_when_they_are_free(void **state) {
    (void)state;
    char id[TRIB_DB_ID_BYTES + 1];
    trib_db *db = NULL;
    t.app.settings.delete_grace_ms = GRACE_MS;
    create("ali");
    fill("ali");
    snprintf(id, sizeof id, "%s", find("ali")->id);
    assert_int_equal(trib_store_db_get(t.app.store, trib_str_c(id), NULL, &db, NULL), TRIB_OK);
    assert_int_equal(app_test_change(&t, TRIB_CONTROL_DELETE, "ali", NULL), TRIB_OK);
    t.env.offset_ns += INT64_C(2) * GRACE_MS * 1000000;
    for (int i = 0; i < 200; i++) {
        trib_control_tick(t.app.control);
        usleep(1000);
    }
    assert_int_equal(count_deleted(), 0);
    assert_true(has_files(id));
    trib_db_unref(db);
    t.env.offset_ns += INT64_C(2) * TRIB_CONTROL_RETRY_MS * 1000000;
    assert_true(files_go(id));
}

static void the_name_of_a_deleted_tenant_is_free_and_it_comes_back_under_another(void **state) {
    (void)state;
    char ids[2][TRIB_DB_ID_BYTES + 1];
    trib_error err;
    t.app.settings.delete_grace_ms = GRACE_MS;
    for (int i = 0; i < 2; i++) {
        create("ali");
        snprintf(ids[i], sizeof ids[i], "%s", find("ali")->id);
        assert_int_equal(app_test_change(&t, TRIB_CONTROL_DELETE, "ali", NULL), TRIB_OK);
    }
    assert_int_equal(count_deleted(), 2);
    assert_int_equal(undelete("ali", "", "", &err), TRIB_BAD_REQUEST);
    assert_non_null(strstr(err.message, "2 deleted tenants"));
    create("ali");
    assert_int_equal(undelete("ali", ids[0], "", &err), TRIB_TENANT_EXISTS);
    assert_non_null(strstr(err.message, "another name"));
    assert_int_equal(undelete("ali", ids[0], "ali-old", &err), TRIB_OK);
    assert_string_equal(find("ali-old")->id, ids[0]);
    assert_int_equal(undelete("ali", "ffff", "other", &err), TRIB_TENANT_NOT_FOUND);
    restart();
    assert_string_equal(find("ali-old")->id, ids[0]);
    assert_string_not_equal(find("ali")->id, ids[1]);
    assert_int_equal(count_deleted(), 1);
}

static void now_is_for_good_also_for_what_was_deleted_before(void **state) {
    (void)state;
    trib_control_op now = {.type = TRIB_CONTROL_DELETE, .now = true};
    t.app.settings.delete_grace_ms = GRACE_MS;
    create("ali");
    assert_int_equal(app_test_run(&t, &now, "ali", NULL), TRIB_OK);
    assert_int_equal(count_deleted(), 0);
    create("ali");
    assert_int_equal(app_test_change(&t, TRIB_CONTROL_DELETE, "ali", NULL), TRIB_OK);
    assert_int_equal(app_test_change(&t, TRIB_CONTROL_DELETE, "ali", NULL), TRIB_TENANT_NOT_FOUND);
    now = (trib_control_op){.type = TRIB_CONTROL_DELETE, .now = true};
    assert_int_equal(app_test_run(&t, &now, "ali", NULL), TRIB_OK);
    assert_int_equal(count_deleted(), 0);
    restart();
    assert_int_equal(count_deleted(), 0);
}

static void lists_of_names_do_not_come_back_with_a_tenant(void **state) {
    (void)state;
    t.app.settings.delete_grace_ms = GRACE_MS;
    create("ali");
    int64_t before = atomic_load(&find("ali")->named_ms);
    assert_int_equal(app_test_change(&t, TRIB_CONTROL_DELETE, "ali", NULL), TRIB_OK);
    t.env.offset_ns += 5000000;
    assert_int_equal(undelete("ali", "", "", NULL), TRIB_OK);
    assert_true(atomic_load(&find("ali")->named_ms) > before); /* another one may have had the name meanwhile */
}

static void a_new_tenant_of_a_name_is_later_than_lists_of_the_former_whatever_the_clock_does(void **state) {
    (void)state;
    for (int i = 0; i < 3; i++) {
        create("ali");
        int64_t list_ms = trib_control_naming_ms(t.app.control);
        assert_true(list_ms >= atomic_load(&find("ali")->named_ms));
        assert_int_equal(app_test_change(&t, TRIB_CONTROL_DELETE, "ali", NULL), TRIB_OK);
        t.env.offset_ns -= 3600 * INT64_C(1000000000);
        create("ali");
        assert_true(atomic_load(&find("ali")->named_ms) > list_ms);
        assert_int_equal(app_test_change(&t, TRIB_CONTROL_DELETE, "ali", NULL), TRIB_OK);
    }
}

/* ---- the file's format ---- */

static void run(trib_plain_file *file, const char *sql) {
    trib_arena arena;
    trib_plain_rows rows;
    trib_error err;
    trib_arena_init(&arena, 1 << 20);
    trib_code code = trib_plain_file_execute(file, trib_str_c(sql), NULL, 0, &arena, &rows, &err);
    if (code != TRIB_OK) fprintf(stderr, "%s: %s\n", sql, err.message);
    assert_int_equal(code, TRIB_OK);
    trib_arena_deinit(&arena);
}

/* control.db as the first version made it, or with `sql` done to ours. */
static void write_control(bool anew, const char *const *sql, size_t count) {
    char path[300], wal[320];
    trib_plain_file *file = NULL;
    app_test_stop(&t);
    snprintf(path, sizeof path, "%s/control.db", t.folder);
    snprintf(wal, sizeof wal, "%s-wal", path);
    if (anew) {
        unlink(path);
        unlink(wal);
        snprintf(wal, sizeof wal, "%s/control.map", t.folder);
        unlink(wal);
        FILE *empty = fopen(path, "w");
        assert_non_null(empty);
        fclose(empty);
    }
    assert_int_equal(trib_plain_file_open(path, &file, NULL), TRIB_OK);
    if (anew) run(file, "PRAGMA journal_mode = WAL");
    for (size_t i = 0; i < count; i++) run(file, sql[i]);
    trib_plain_file_close(file);
}

static void a_registry_of_the_first_version_is_taken_over(void **state) {
    (void)state;
    static const char *const old[] = {
        "CREATE TABLE tenant(name TEXT PRIMARY KEY, id TEXT NOT NULL UNIQUE, created_ms INTEGER NOT NULL,"
        " token_epoch INTEGER NOT NULL DEFAULT 0, block_reads INTEGER NOT NULL DEFAULT 0,"
        " block_writes INTEGER NOT NULL DEFAULT 0, block_reason TEXT NOT NULL DEFAULT '',"
        " max_bytes INTEGER NOT NULL DEFAULT 0, txn_steal_ms INTEGER NOT NULL DEFAULT 0,"
        " statement_timeout_ms INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID",
        "CREATE TABLE signing_key(kid TEXT PRIMARY KEY, seed BLOB NOT NULL, created_ms INTEGER NOT NULL)",
        "CREATE TABLE setting(name TEXT PRIMARY KEY, value TEXT NOT NULL)",
        "CREATE TABLE removal(id TEXT PRIMARY KEY) WITHOUT ROWID",
        "CREATE TRIGGER tenant_removal AFTER DELETE ON tenant BEGIN INSERT OR IGNORE INTO removal VALUES (old.id); END",
        "INSERT INTO tenant VALUES ('ali', '00112233445566778899aabbccddeeff', 5, 9, 0, 1, 'late', 4096, 70, 80)",
        "INSERT INTO setting VALUES ('admin_key', 'kept')",
    };
    write_control(true, old, sizeof old / sizeof *old);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(app_test_start(&t, false, NULL), TRIB_OK);
        const trib_tenant *ali = find("ali");
        assert_string_equal(ali->id, "00112233445566778899aabbccddeeff");
        assert_int_equal(ali->created_ms, 5);
        assert_int_equal(ali->named_ms, 5);
        assert_int_equal(ali->token_epoch, 9);
        assert_int_equal(trib_tenant_get(ali, TRIB_TENANT_BLOCK_WRITES), 1);
        assert_int_equal(trib_tenant_get(ali, TRIB_TENANT_TXN_STEAL_MS), 70);
        assert_int_equal(trib_tenant_get(ali, TRIB_TENANT_STATEMENT_TIMEOUT_MS), 80);
        assert_string_equal(ali->block_reason, "late");
        assert_string_equal(trib_control_admin_key(t.app.control), "kept");
        if (i == 0) app_test_stop(&t);
    }
}

static void a_registry_of_a_later_version_is_left_alone(void **state) {
    (void)state;
    static const char *const later[] = {"PRAGMA user_version = 99"}, *const back[] = {"PRAGMA user_version = 5"};
    trib_error err;
    write_control(false, later, 1);
    assert_int_equal(app_test_start(&t, false, &err), TRIB_CONFIG);
    assert_non_null(strstr(err.message, "newer version"));
    write_control(false, back, 1);
    assert_int_equal(app_test_start(&t, false, NULL), TRIB_OK);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(settings_take_effect_at_once_and_survive_a_restart),
        TEST(an_open_database_hears_of_its_settings_without_another_job),
        TEST(one_change_of_a_tenant_at_a_time),
        TEST(settings_of_nobody_and_of_the_server_are_refused),
        TEST(a_renamed_tenant_keeps_its_data_and_frees_its_name),
        TEST(a_new_name_must_be_free_and_good),
        TEST(two_tenants_that_want_one_name_do_not_both_get_it),
        TEST(a_deleted_tenant_comes_back_whole_while_its_grace_lasts),
        TEST(the_files_go_when_the_grace_is_over),
        TEST(files_in_use_go_when_they_are_free),
        TEST(the_name_of_a_deleted_tenant_is_free_and_it_comes_back_under_another),
        TEST(now_is_for_good_also_for_what_was_deleted_before),
        TEST(lists_of_names_do_not_come_back_with_a_tenant),
        TEST(a_new_tenant_of_a_name_is_later_than_lists_of_the_former_whatever_the_clock_does),
        TEST(a_registry_of_the_first_version_is_taken_over),
        TEST(a_registry_of_a_later_version_is_left_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

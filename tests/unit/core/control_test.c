/* SPDX-License-Identifier: Apache-2.0 */
/* The registry: tenants are usable when create returns, survive a restart, and never leave a trace of a refused
 * change. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "support/app_test.h"

static app_test t;

static int setup(void **state) {
    trib_error err;
    (void)state;
    if (app_test_start(&t, true, &err) == TRIB_OK) return 0;
    fprintf(stderr, "%s\n", err.message);
    return -1;
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

static bool known(const char *name) {
    trib_tenant *tenant = trib_control_find(t.app.control, trib_str_c(name));
    trib_tenant_unref(tenant);
    return tenant != NULL;
}

static void a_created_tenant_is_there_at_once_and_after_a_restart(void **state) {
    (void)state;
    assert_false(known("ali"));
    assert_int_equal(app_test_change(&t, TRIB_CONTROL_CREATE, "ali", NULL), TRIB_OK);
    assert_true(known("ali"));
    restart();
    assert_true(known("ali"));
}

static void a_deleted_tenant_stays_deleted(void **state) {
    (void)state;
    assert_int_equal(app_test_change(&t, TRIB_CONTROL_CREATE, "gone", NULL), TRIB_OK);
    trib_tenant *held = trib_control_find(t.app.control, TRIB_STR("gone"));
    assert_int_equal(app_test_change(&t, TRIB_CONTROL_DELETE, "gone", NULL), TRIB_OK);
    assert_true(atomic_load(&held->deleted));
    trib_tenant_unref(held);
    assert_false(known("gone"));
    restart();
    assert_false(known("gone"));
}

/* A crash may come between the two: what is left goes at the next start, and nothing else does. */
static void files_of_deleted_tenants_go_at_the_next_start(void **state) {
    (void)state;
    char paths[2][400], folder[300];
    static const char *const names[] = {"kept", "left"};
    for (int i = 0; i < 2; i++) {
        assert_int_equal(app_test_change(&t, TRIB_CONTROL_CREATE, names[i], NULL), TRIB_OK);
        trib_tenant *tenant = trib_control_find(t.app.control, trib_str_c(names[i]));
        snprintf(folder, sizeof folder, "%s/db", t.folder);
        mkdir(folder, 0700);
        snprintf(folder, sizeof folder, "%s/db/%.2s", t.folder, tenant->id);
        mkdir(folder, 0700);
        snprintf(folder, sizeof folder, "%s/db/%.2s/%.2s", t.folder, tenant->id, tenant->id + 2);
        mkdir(folder, 0700);
        snprintf(paths[i], sizeof paths[i], "%s/%s.db", folder, tenant->id);
        trib_tenant_unref(tenant);
        FILE *file = fopen(paths[i], "w");
        assert_non_null(file);
        fclose(file);
    }
    assert_int_equal(app_test_change(&t, TRIB_CONTROL_DELETE, "left", NULL), TRIB_OK);
    assert_int_equal(access(paths[1], F_OK), 0);
    restart();
    assert_int_equal(access(paths[0], F_OK), 0);
    assert_int_not_equal(access(paths[1], F_OK), 0);
}

static void a_name_is_given_once(void **state) {
    (void)state;
    trib_error err;
    assert_int_equal(app_test_change(&t, TRIB_CONTROL_CREATE, "twin", NULL), TRIB_OK);
    assert_int_equal(app_test_change(&t, TRIB_CONTROL_CREATE, "twin", &err), TRIB_TENANT_EXISTS);
    assert_non_null(strstr(err.message, "twin"));
}

static void two_creates_at_once_give_one_tenant(void **state) {
    (void)state;
    bool finished[2] = {false, false};
    trib_control_op ops[2] = {0};
    for (int i = 0; i < 2; i++) {
        ops[i] = (trib_control_op){
            .type = TRIB_CONTROL_CREATE, .home = &t.home, .finished = app_test_op_finished, .owner = &finished[i]};
        snprintf(ops[i].name, sizeof ops[i].name, "race");
        assert_int_equal(trib_control_submit(t.app.control, &ops[i], NULL), TRIB_OK);
    }
    while (!finished[0] || !finished[1]) app_test_pump(&t);
    assert_true((ops[0].code == TRIB_OK) != (ops[1].code == TRIB_OK));
    assert_true(ops[0].code == TRIB_TENANT_EXISTS || ops[1].code == TRIB_TENANT_EXISTS);
    for (int i = 0; i < 2; i++) trib_tenant_unref(ops[i].tenant);
}

static void bad_names_and_system_names_are_refused(void **state) {
    (void)state;
    static const char *const bad[] = {"", "A", "a.b", "../x", "health", "v2", "default", "a b"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(app_test_change(&t, TRIB_CONTROL_CREATE, bad[i], NULL), TRIB_TENANT_NAME_INVALID);
    }
    assert_int_equal(app_test_change(&t, TRIB_CONTROL_CREATE, "streams", NULL), TRIB_TENANT_EXISTS);
    assert_int_equal(app_test_change(&t, TRIB_CONTROL_DELETE, "streams", NULL), TRIB_TENANT_NOT_FOUND);
    assert_int_equal(app_test_change(&t, TRIB_CONTROL_CREATE, "control", NULL), TRIB_TENANT_EXISTS);
    assert_false(known("control"));
}

static void a_list_comes_in_pages_by_name(void **state) {
    (void)state;
    static const char *const names[] = {"c", "a", "d", "b"};
    trib_tenant *page[3];
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(app_test_change(&t, TRIB_CONTROL_CREATE, names[i], NULL), TRIB_OK);
    }
    assert_int_equal(trib_control_list(t.app.control, (trib_str){0}, 3, page), 3);
    assert_string_equal(page[0]->name, "a");
    assert_string_equal(page[2]->name, "c");
    for (int i = 0; i < 3; i++) trib_tenant_unref(page[i]);
    assert_int_equal(trib_control_list(t.app.control, TRIB_STR("c"), 3, page), 3);
    assert_string_equal(page[0]->name, "d");
    assert_string_equal(page[1]->name, "discovery");
    assert_string_equal(page[2]->name, "streams");
    for (int i = 0; i < 3; i++) trib_tenant_unref(page[i]);
}

static void keys_survive_a_restart_and_rotate(void **state) {
    (void)state;
    trib_control_keys *keys = trib_control_get_keys(t.app.control);
    char first[40], admin[80];
    snprintf(first, sizeof first, "%s", keys->kids[0]);
    snprintf(admin, sizeof admin, "%s", trib_control_admin_key(t.app.control));
    trib_control_keys_release(keys);
    restart();
    assert_string_equal(admin, trib_control_admin_key(t.app.control));
    assert_int_equal(app_test_change(&t, TRIB_CONTROL_ROTATE_KEY, "", NULL), TRIB_OK);
    keys = trib_control_get_keys(t.app.control);
    assert_int_equal(keys->count, 2);
    assert_string_not_equal(keys->kids[0], first);
    assert_string_equal(keys->kids[1], first);
    trib_control_keys_release(keys);
}

static void signing_kid(char out[40]) {
    trib_control_keys *keys = trib_control_get_keys(t.app.control);
    snprintf(out, 40, "%s", keys->kids[0]);
    trib_control_keys_release(keys);
}

static size_t key_count(void) {
    trib_control_keys *keys = trib_control_get_keys(t.app.control);
    size_t count = keys->count;
    trib_control_keys_release(keys);
    return count;
}

static void dropping_old_keys_keeps_the_one_that_signs(void **state) {
    (void)state;
    char signs[40], after[40];
    trib_error err;
    assert_int_equal(app_test_change(&t, TRIB_CONTROL_DROP_OLD_KEYS, "", &err), TRIB_BAD_REQUEST);
    assert_non_null(strstr(err.message, "no older key"));
    for (int i = 0; i < 3; i++) assert_int_equal(app_test_change(&t, TRIB_CONTROL_ROTATE_KEY, "", NULL), TRIB_OK);
    signing_kid(signs);
    assert_int_equal(key_count(), 4);
    assert_int_equal(app_test_change(&t, TRIB_CONTROL_DROP_OLD_KEYS, "", NULL), TRIB_OK);
    assert_int_equal(key_count(), 1);
    signing_kid(after);
    assert_string_equal(after, signs);
    restart();
    assert_int_equal(key_count(), 1);
    signing_kid(after);
    assert_string_equal(after, signs);
}

static void the_newest_key_signs_also_when_the_clock_was_set_back(void **state) {
    (void)state;
    char signs[40], after[40];
    t.env.offset_ns -= INT64_C(3600) * 1000000000;
    assert_int_equal(app_test_change(&t, TRIB_CONTROL_ROTATE_KEY, "", NULL), TRIB_OK);
    signing_kid(signs);
    restart();
    signing_kid(after);
    assert_string_equal(after, signs);
    assert_int_equal(key_count(), 2);
}

static void keys_change_one_change_at_a_time(void **state) {
    (void)state;
    bool finished = false;
    trib_error err;
    trib_control_op first = {.type = TRIB_CONTROL_ROTATE_KEY,
                             .drop_all = true,
                             .home = &t.home,
                             .finished = app_test_op_finished,
                             .owner = &finished};
    assert_int_equal(trib_control_submit(t.app.control, &first, NULL), TRIB_OK);
    assert_int_equal(app_test_change(&t, TRIB_CONTROL_ROTATE_KEY, "", &err), TRIB_TOO_MANY_REQUESTS);
    while (!finished) app_test_pump(&t);
    assert_int_equal(first.code, TRIB_OK);
    assert_int_equal(key_count(), 1); /* drop_all */
    assert_int_equal(app_test_change(&t, TRIB_CONTROL_ROTATE_KEY, "", NULL), TRIB_OK);
    assert_int_equal(key_count(), 2);
}

static void a_tenant_made_again_does_not_take_the_tokens_of_the_first(void **state) {
    (void)state;
    uint32_t epochs[2];
    for (int i = 0; i < 2; i++) {
        assert_int_equal(app_test_change(&t, TRIB_CONTROL_CREATE, "again", NULL), TRIB_OK);
        trib_tenant *tenant = trib_control_find(t.app.control, TRIB_STR("again"));
        epochs[i] = atomic_load(&tenant->token_epoch);
        trib_tenant_unref(tenant);
        assert_int_equal(app_test_change(&t, TRIB_CONTROL_DELETE, "again", NULL), TRIB_OK);
    }
    assert_int_not_equal(epochs[0], epochs[1]);
}

static void a_revocation_is_counted_for_good(void **state) {
    (void)state;
    assert_int_equal(app_test_change(&t, TRIB_CONTROL_CREATE, "rev", NULL), TRIB_OK);
    trib_tenant *tenant = trib_control_find(t.app.control, TRIB_STR("rev"));
    uint32_t before = atomic_load(&tenant->token_epoch);
    trib_tenant_unref(tenant);
    assert_int_equal(app_test_change(&t, TRIB_CONTROL_REVOKE, "rev", NULL), TRIB_OK);
    restart();
    tenant = trib_control_find(t.app.control, TRIB_STR("rev"));
    assert_int_equal(atomic_load(&tenant->token_epoch), before + 1);
    trib_tenant_unref(tenant);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_created_tenant_is_there_at_once_and_after_a_restart),
        TEST(a_deleted_tenant_stays_deleted),
        TEST(files_of_deleted_tenants_go_at_the_next_start),
        TEST(a_name_is_given_once),
        TEST(two_creates_at_once_give_one_tenant),
        TEST(bad_names_and_system_names_are_refused),
        TEST(a_list_comes_in_pages_by_name),
        TEST(keys_survive_a_restart_and_rotate),
        TEST(dropping_old_keys_keeps_the_one_that_signs),
        TEST(the_newest_key_signs_also_when_the_clock_was_set_back),
        TEST(keys_change_one_change_at_a_time),
        TEST(a_tenant_made_again_does_not_take_the_tokens_of_the_first),
        TEST(a_revocation_is_counted_for_good),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The tenants that there are: found by name and by id, and listed in order, also while names come, change and go. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/app_test.h"

enum { TENANTS = 60, PAGE = 7 };

static app_test t;
static char names[TENANTS + 2][TRIB_TENANT_NAME_BYTES + 1]; /* and the server's own */
static size_t name_count;

static int by_bytes(const void *a, const void *b) {
    return strcmp(a, b);
}

static void note(const char *name) {
    snprintf(names[name_count++], sizeof names[0], "%s", name);
}

static int setup(void **state) {
    (void)state;
    char name[20];
    if (app_test_start(&t, true, NULL) != TRIB_OK) return -1;
    name_count = 0;
    note("discovery");
    note("streams");
    for (unsigned i = 0; i < TENANTS; i++) { /* by no order */
        snprintf(name, sizeof name, "%c%u", "tea"[i % 3], i * 37 % TENANTS);
        if (app_test_change(&t, TRIB_CONTROL_CREATE, name, NULL) != TRIB_OK) return -1;
        note(name);
    }
    return 0;
}

static int teardown(void **state) {
    (void)state;
    app_test_stop(&t);
    app_test_cleanup(&t);
    return 0;
}

static void assert_listed(void) {
    char after[TRIB_TENANT_NAME_BYTES + 1] = "";
    trib_tenant *page[PAGE];
    size_t at = 0, count = PAGE;
    qsort(names, name_count, sizeof names[0], by_bytes);
    while (count == PAGE) {
        count = trib_control_list(t.app.control, trib_str_c(after), PAGE, page);
        for (size_t i = 0; i < count; i++) {
            assert_true(at < name_count);
            assert_string_equal(page[i]->name, names[at++]);
            snprintf(after, sizeof after, "%s", (const char *)atomic_load(&page[i]->name));
            trib_tenant_unref(page[i]);
        }
    }
    assert_int_equal(at, name_count);
}

static void lists_are_in_order_through_all_changes(void **state) {
    (void)state;
    assert_listed();
    for (size_t i = 0; i < name_count; i += 5) {
        char new_name[TRIB_TENANT_NAME_BYTES + 1];
        if (names[i][1] > '9') continue; /* the server's own */
        snprintf(new_name, sizeof new_name, "m%zu", i);
        trib_control_op op = {.type = TRIB_CONTROL_RENAME, .new_name = trib_str_c(new_name)};
        assert_int_equal(app_test_run(&t, &op, names[i], NULL), TRIB_OK);
        memcpy(names[i], new_name, sizeof new_name);
    }
    assert_listed();
    for (size_t i = name_count; i-- > 0;) {
        if (i % 3 || names[i][1] > '9') continue;
        assert_int_equal(app_test_change(&t, TRIB_CONTROL_DELETE, names[i], NULL), TRIB_OK);
        memcpy(names[i], names[--name_count], sizeof names[0]);
    }
    assert_listed();
    app_test_stop(&t);
    assert_int_equal(app_test_start(&t, false, NULL), TRIB_OK);
    assert_listed();
}

static void a_list_begins_behind_any_text(void **state) {
    (void)state;
    char longest[200];
    trib_tenant *first;
    memset(longest, 's', sizeof longest);
    assert_int_equal(trib_control_list(t.app.control, TRIB_STR("f"), 1, &first), 1); /* no tenant's name */
    assert_string_equal(first->name, "streams");
    trib_tenant_unref(first);
    assert_int_equal(trib_control_list(t.app.control, trib_str_make(longest, sizeof longest), 1, &first), 1);
    assert_string_equal(first->name, "streams");
    trib_tenant_unref(first);
    assert_int_equal(trib_control_list(t.app.control, TRIB_STR("zz"), 1, &first), 0);
    assert_int_equal(trib_control_list(t.app.control, TRIB_STR("a"), 0, &first), 0);
}

static void an_id_outlives_a_rename_and_ends_with_its_tenant(void **state) {
    (void)state;
    char id[TRIB_DB_ID_BYTES + 1];
    trib_tenant *tenant = trib_control_find(t.app.control, TRIB_STR("t0"));
    assert_non_null(tenant);
    memcpy(id, tenant->id, sizeof id);
    trib_tenant_unref(tenant);
    trib_control_op op = {.type = TRIB_CONTROL_RENAME, .new_name = TRIB_STR("other")};
    assert_int_equal(app_test_run(&t, &op, "t0", NULL), TRIB_OK);
    tenant = trib_control_find_id(t.app.control, trib_str_c(id));
    assert_non_null(tenant);
    assert_string_equal(tenant->name, "other");
    trib_tenant_unref(tenant);
    assert_int_equal(app_test_change(&t, TRIB_CONTROL_DELETE, "other", NULL), TRIB_OK);
    assert_null(trib_control_find_id(t.app.control, trib_str_c(id)));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(lists_are_in_order_through_all_changes, setup, teardown),
        cmocka_unit_test_setup_teardown(a_list_begins_behind_any_text, setup, teardown),
        cmocka_unit_test_setup_teardown(an_id_outlives_a_rename_and_ends_with_its_tenant, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

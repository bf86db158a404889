/* SPDX-License-Identifier: Apache-2.0 */
/* A tenant in memory: texts that change while others hold them, settings as the store hears them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "support/app_test.h"

static app_test t;
static trib_tenant *tenant;

static int start(void **state) {
    (void)state;
    return app_test_start_with_tenant(&t, "ali", &tenant) == TRIB_OK ? 0 : -1;
}

static int stop(void **state) {
    (void)state;
    app_test_end_with_tenant(&t, tenant);
    return 0;
}

static void a_name_that_somebody_holds_stays_readable(void **state) {
    (void)state;
    const char *held = tenant->name;
    assert_int_equal(trib_tenant_set_name(tenant, TRIB_STR("rami"), NULL), TRIB_OK);
    assert_string_equal(held, "ali");
    assert_string_equal(tenant->name, "rami");
    assert_int_equal(trib_tenant_set_name(tenant, TRIB_STR("ali"), NULL), TRIB_OK);
    assert_ptr_equal(tenant->name, held); /* the same text is kept once */
}

static void texts_are_bounded_and_known_ones_go_on(void **state) {
    (void)state;
    char reason[32];
    trib_error err;
    for (int i = 1; i < TRIB_TENANT_TEXTS_MAX; i++) { /* one is the name */
        snprintf(reason, sizeof reason, "reason %d", i);
        assert_int_equal(trib_tenant_set_reason(tenant, trib_str_c(reason), &err), TRIB_OK);
    }
    assert_int_equal(trib_tenant_set_reason(tenant, TRIB_STR("one more"), &err), TRIB_TOO_MANY_REQUESTS);
    assert_string_equal(tenant->block_reason, reason);
    assert_int_equal(trib_tenant_set_reason(tenant, TRIB_STR("reason 1"), &err), TRIB_OK);
    assert_int_equal(trib_tenant_set_reason(tenant, TRIB_STR(""), &err), TRIB_OK);
    assert_string_equal(tenant->block_reason, "");
}

static void the_store_hears_every_setting_that_is_its(void **state) {
    (void)state;
    trib_tenant_set(tenant, TRIB_TENANT_MAX_BYTES, 1 << 20);
    trib_tenant_set(tenant, TRIB_TENANT_STATEMENT_TIMEOUT_MS, 7);
    trib_tenant_set(tenant, TRIB_TENANT_TXN_STEAL_MS, 8);
    trib_tenant_set(tenant, TRIB_TENANT_RELAXED, 1);
    trib_db_settings settings = trib_tenant_db_settings(tenant);
    assert_int_equal(settings.max_bytes, 1 << 20);
    assert_int_equal(settings.statement_timeout_ms, 7);
    assert_int_equal(settings.txn_steal_ms, 8);
    assert_true(settings.relaxed);
    assert_false(settings.system);
}

static void every_setting_has_a_row(void **state) {
    (void)state;
    for (size_t i = 0; i < TRIB_TENANT_SETTING_COUNT; i++) {
        const trib_tenant_setting_row *row = trib_tenant_setting_row_at(i);
        assert_true(strlen(row->name) > 0 && strlen(row->meaning) > 0);
        assert_true(row->least <= row->most);
    }
    assert_true(TRIB_TENANT_SETTING_COUNT <= 32); /* bits of trib_tenant_change.given */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_name_that_somebody_holds_stays_readable, start, stop),
        cmocka_unit_test_setup_teardown(texts_are_bounded_and_known_ones_go_on, start, stop),
        cmocka_unit_test_setup_teardown(the_store_hears_every_setting_that_is_its, start, stop),
        cmocka_unit_test(every_setting_has_a_row),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

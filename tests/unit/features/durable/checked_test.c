/* SPDX-License-Identifier: Apache-2.0 */
/* What is remembered of databases that were looked at. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "features/durable/checked.h"
#include "support/env_test.h"

static trib_env_test env;

static void a_version_is_known_once_it_was_looked_at(void **state) {
    unsigned has = 0;
    (void)state;
    trib_env_test_init(&env, false, 1);
    durable_checked *c = durable_checked_new(&env.env);
    assert_non_null(c);
    assert_false(durable_checked_get(c, TRIB_STR("a"), 1, &has));
    durable_checked_set(c, TRIB_STR("a"), 1, DURABLE_HAS_STREAMS | DURABLE_HAS_SUBS);
    assert_true(durable_checked_get(c, TRIB_STR("a"), 1, &has));
    assert_int_equal(has, DURABLE_HAS_STREAMS | DURABLE_HAS_SUBS);
    assert_false(durable_checked_get(c, TRIB_STR("a"), 2, &has));
    assert_false(durable_checked_get(c, TRIB_STR("b"), 1, &has));
    durable_checked_set(c, TRIB_STR("a"), 2, 0);
    assert_false(durable_checked_get(c, TRIB_STR("a"), 1, &has));
    assert_true(durable_checked_get(c, TRIB_STR("a"), 2, &has));
    assert_int_equal(has, 0);
    durable_checked_free(c);
    durable_checked_free(NULL);
}

static void it_does_not_grow_for_ever(void **state) {
    char id[32];
    unsigned has;
    (void)state;
    trib_env_test_init(&env, false, 1);
    durable_checked *c = durable_checked_new(&env.env);
    for (int i = 0; i <= DURABLE_CHECKED_MAX; i++) {
        snprintf(id, sizeof id, "%d", i);
        durable_checked_set(c, trib_str_c(id), 1, DURABLE_HAS_STREAMS | DURABLE_HAS_SUBS);
    }
    assert_true(durable_checked_get(c, trib_str_c(id), 1, &has));
    assert_false(durable_checked_get(c, TRIB_STR("0"), 1, &has));
    durable_checked_free(c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_version_is_known_once_it_was_looked_at),
        cmocka_unit_test(it_does_not_grow_for_ever),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

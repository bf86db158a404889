/* SPDX-License-Identifier: Apache-2.0 */
/* Listeners hear of their own database's commits, and of none once they are removed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/commits.h"
#include "support/env_test.h"

static void heard(void *ctx) {
    ++*(int *)ctx;
}

static void a_listener_hears_of_its_own_database_until_it_is_removed(void **state) {
    (void)state;
    trib_env_test env;
    trib_commits commits;
    int streams = 0, other = 0;
    trib_env_test_init(&env, true, 1);
    assert_int_equal(trib_commits_init(&commits, &env.env, NULL), TRIB_OK);
    trib_commits_tell(&commits, "streams", 1);
    assert_true(trib_commits_add(&commits, "streams", heard, &streams));
    assert_true(trib_commits_add(&commits, "discovery", heard, &other));
    trib_commits_tell(&commits, "streams", 2);
    trib_commits_tell(&commits, "streams2", 1);
    assert_int_equal(streams, 1);
    assert_int_equal(other, 0);
    trib_commits_remove(&commits, &streams);
    trib_commits_tell(&commits, "streams", 3);
    assert_int_equal(streams, 1);
    trib_commits_deinit(&commits);
    trib_commits_remove(&commits, &other); /* after the end: nothing */
}

static void there_is_room_for_so_many_and_again_for_one_that_goes(void **state) {
    (void)state;
    trib_env_test env;
    trib_commits commits;
    int hears[TRIB_COMMITS_LISTENERS_MAX + 1] = {0};
    trib_env_test_init(&env, true, 1);
    assert_int_equal(trib_commits_init(&commits, &env.env, NULL), TRIB_OK);
    for (int i = 0; i <= TRIB_COMMITS_LISTENERS_MAX; i++)
        assert_int_equal(trib_commits_add(&commits, "streams", heard, &hears[i]), i < TRIB_COMMITS_LISTENERS_MAX);
    trib_commits_remove(&commits, &hears[3]);
    assert_true(trib_commits_add(&commits, "streams", heard, &hears[TRIB_COMMITS_LISTENERS_MAX]));
    trib_commits_tell(&commits, "streams", 1);
    assert_int_equal(hears[3], 0);
    assert_int_equal(hears[TRIB_COMMITS_LISTENERS_MAX], 1);
    trib_commits_deinit(&commits);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_listener_hears_of_its_own_database_until_it_is_removed),
        cmocka_unit_test(there_is_room_for_so_many_and_again_for_one_that_goes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

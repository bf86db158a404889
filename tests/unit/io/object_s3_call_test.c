/* SPDX-License-Identifier: Apache-2.0 */
/* The pauses between tries of a call to S3, in the time of the test: random, growing, bounded, ended by a stop. (The
 * calls themselves: object_s3_test.c.) */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "io/object_s3_int.h"
#include "support/env_test.h"

enum { RETRY_MS = 1000, ROUNDS = 400, TRIES = 12 };

static trib_env_test env;
static trib_object_s3 *s3;

static int setup(void **state) {
    (void)state;
    trib_env_test_init(&env, false, 7);
    const trib_object_s3_config config = {
        .env = &env.env, .bucket = "abc", .credentials_file = "/dev/null", .retry_ms = RETRY_MS};
    return trib_object_s3_new(&config, &s3, NULL) == TRIB_OK ? 0 : -1;
}

static int teardown(void **state) {
    (void)state;
    trib_object_s3_free(s3);
    return 0;
}

static int64_t pause_ms(uint32_t try) {
    int64_t before_ns = trib_env_mono_ns(&env.env);
    assert_true(trib_s3_pause(s3, try));
    return (trib_env_mono_ns(&env.env) - before_ns) / 1000000;
}

static void pauses_are_random_grow_and_have_a_bound(void **state) {
    (void)state;
    for (uint32_t try = 1; try <= TRIES; try++) {
        int64_t most_ms = (int64_t)RETRY_MS << (try < 8 ? try - 1 : 7), least = most_ms, longest = 0, sum = 0;
        for (int i = 0; i < ROUNDS; i++) {
            int64_t ms = pause_ms(try);
            assert_true(ms < most_ms);
            if (ms < least) least = ms;
            if (ms > longest) longest = ms;
            sum += ms;
        }
        /* servers that failed at the same moment do not come back at the same moment */
        assert_true(least < most_ms / 20);
        assert_true(longest > most_ms - most_ms / 20);
        assert_true(sum / ROUNDS > most_ms / 3 && sum / ROUNDS < most_ms * 2 / 3);
    }
}

static void a_stop_ends_the_pauses(void **state) {
    (void)state;
    trib_objects objects = trib_object_s3_objects(s3);
    objects.stop(objects.ctx);
    int64_t before_ns = trib_env_mono_ns(&env.env);
    assert_false(trib_s3_pause(s3, 5));
    assert_int_equal(trib_env_mono_ns(&env.env), before_ns);
}

static void only_what_may_be_better_next_time_is_tried_again(void **state) {
    static const struct {
        trib_code code;
        int status;
        bool may;
    } rows[] = {{TRIB_OK, 200, false},      {TRIB_OK, 403, false},           {TRIB_OK, 404, false},
                {TRIB_OK, 408, true},       {TRIB_OK, 412, false},           {TRIB_OK, 429, true},
                {TRIB_OK, 500, true},       {TRIB_OK, 501, false},           {TRIB_OK, 503, true},
                {TRIB_CONNECT, 0, true},    {TRIB_REQUEST_TIMEOUT, 0, true}, {TRIB_NOMEM, 0, false},
                {TRIB_CANCELLED, 0, false}, {TRIB_CONFIG, 0, false}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_int_equal(trib_s3_may_help(rows[i].code, rows[i].status), rows[i].may);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(pauses_are_random_grow_and_have_a_bound, setup, teardown),
        cmocka_unit_test_setup_teardown(a_stop_ends_the_pauses, setup, teardown),
        cmocka_unit_test_setup_teardown(only_what_may_be_better_next_time_is_tried_again, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

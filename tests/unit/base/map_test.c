/* SPDX-License-Identifier: Apache-2.0 */
/* The map against a plain array under random operations, with collisions, and with every allocation failing. The source
 * is included, so that its malloc can be told to fail. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static long fail_after = -1;

static bool fails_now(void) {
    return fail_after >= 0 && fail_after-- == 0;
}

static void *test_malloc_(size_t n) {
    return fails_now() ? NULL : malloc(n);
}

static void *test_calloc_(size_t count, size_t size) {
    return fails_now() ? NULL : calloc(count, size);
}

#define malloc(n)           test_malloc_(n)
#define calloc(count, size) test_calloc_(count, size)
#include "base/map.c" /* NOLINT */
#undef malloc
#undef calloc

#include <cmocka.h>

static const trib_hash_key seed = {1, 2};
static int values[512];

static trib_str name_of(size_t i, char text[16]) {
    return trib_str_make(text, (size_t)snprintf(text, 16, "key%zu", i));
}

static void set_get_replace_and_take(void **state) {
    (void)state;
    trib_map map;
    void *old = &map;
    trib_map_init(&map, TRIB_MAP_COPY_KEYS, seed);
    assert_null(trib_map_get(&map, TRIB_STR("a")));
    assert_null(trib_map_take(&map, TRIB_STR("a")));
    assert_int_equal(trib_map_set(&map, TRIB_STR("a"), &values[1], &old), TRIB_OK);
    assert_null(old);
    assert_int_equal(trib_map_set(&map, (trib_str){0}, &values[2], NULL), TRIB_OK);
    assert_ptr_equal(trib_map_get(&map, TRIB_STR("a")), &values[1]);
    assert_ptr_equal(trib_map_get(&map, TRIB_STR("")), &values[2]);
    assert_null(trib_map_get(&map, TRIB_STR("A")));
    assert_int_equal(trib_map_set(&map, TRIB_STR("a"), &values[3], &old), TRIB_OK);
    assert_ptr_equal(old, &values[1]);
    assert_int_equal(map.count, 2);
    assert_ptr_equal(trib_map_take(&map, TRIB_STR("a")), &values[3]);
    assert_null(trib_map_get(&map, TRIB_STR("a")));
    assert_int_equal(map.count, 1);
    trib_map_deinit(&map);
    trib_map_deinit(NULL);
}

static void copied_keys_outlive_the_callers_bytes_and_borrowed_ones_follow_the_last_set(void **state) {
    (void)state;
    trib_map map;
    char first[] = "same", second[] = "same";
    size_t cursor = 0;
    trib_str key;
    trib_map_init(&map, TRIB_MAP_COPY_KEYS, seed);
    assert_int_equal(trib_map_set(&map, trib_str_c(first), &values[1], NULL), TRIB_OK);
    first[0] = 'x';
    assert_ptr_equal(trib_map_get(&map, TRIB_STR("same")), &values[1]);
    trib_map_deinit(&map);
    first[0] = 's';
    trib_map_init(&map, TRIB_MAP_BORROW_KEYS, seed);
    assert_int_equal(trib_map_set(&map, trib_str_c(first), &values[1], NULL), TRIB_OK);
    assert_int_equal(trib_map_set(&map, trib_str_c(second), &values[2], NULL), TRIB_OK);
    assert_true(trib_map_next(&map, &cursor, &key, NULL));
    assert_ptr_equal(key.ptr, second);
    trib_map_deinit(&map);
}

/* Few keys, many operations: clusters form, wrap around the end of the table and are closed again. */
static void random_operations_equal_a_plain_array(void **state) {
    (void)state;
    for (uint64_t run = 1; run <= 20; run++) {
        trib_map map;
        void *model[100] = {0};
        size_t count = 0;
        uint64_t random = run * UINT64_C(0x9e3779b97f4a7c15);
        trib_map_init(&map, TRIB_MAP_COPY_KEYS, (trib_hash_key){run, 0});
        for (int step = 0; step < 3000; step++) {
            char text[16];
            random = random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
            size_t i = (size_t)(random >> 33) % (run % 2 ? 10 : 100);
            trib_str key = name_of(i, text);
            if (random >> 62 & 1) {
                void *value = &values[random >> 40 & 511];
                assert_int_equal(trib_map_set(&map, key, value, NULL), TRIB_OK);
                count += model[i] == NULL;
                model[i] = value;
            } else {
                assert_ptr_equal(trib_map_take(&map, key), model[i]);
                count -= model[i] != NULL;
                model[i] = NULL;
            }
            assert_int_equal(map.count, count);
            for (size_t k = 0; k < 100; k++) assert_ptr_equal(trib_map_get(&map, name_of(k, text)), model[k]);
        }
        size_t cursor = 0, seen = 0;
        while (trib_map_next(&map, &cursor, NULL, NULL)) seen++;
        assert_int_equal(seen, count);
        trib_map_deinit(&map);
    }
}

static void a_failing_allocation_leaves_the_map_as_it_was(void **state) {
    (void)state;
    trib_map map;
    char text[16];
    size_t failures = 0;
    trib_map_init(&map, TRIB_MAP_COPY_KEYS, seed);
    for (size_t i = 0; i < 100; i++) {
        for (long allocation = 0;; allocation++) {
            fail_after = allocation;
            trib_code code = trib_map_set(&map, name_of(i, text), &values[i], NULL);
            fail_after = -1;
            if (code == TRIB_OK) break;
            failures++;
            assert_int_equal(code, TRIB_NOMEM);
            assert_int_equal(map.count, i);
            for (size_t k = 0; k <= i; k++) {
                assert_ptr_equal(trib_map_get(&map, name_of(k, text)), k < i ? &values[k] : NULL);
            }
        }
    }
    assert_in_range(failures, 100, 110); /* each key, and each growth */
    trib_map_deinit(&map);
}

static void after_reserve_a_borrowing_map_takes_that_many_without_memory(void **state) {
    (void)state;
    static char texts[100][16];
    trib_map map;
    trib_map_init(&map, TRIB_MAP_BORROW_KEYS, seed);
    assert_int_equal(trib_map_reserve(&map, 100), TRIB_OK);
    assert_int_equal(trib_map_reserve(&map, SIZE_MAX), TRIB_NOMEM);
    fail_after = 0;
    for (size_t i = 0; i < 100; i++)
        assert_int_equal(trib_map_set(&map, name_of(i, texts[i]), &values[i], NULL), TRIB_OK);
    assert_int_equal(fail_after, 0);
    fail_after = -1;
    trib_map_deinit(&map);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(set_get_replace_and_take),
        cmocka_unit_test(copied_keys_outlive_the_callers_bytes_and_borrowed_ones_follow_the_last_set),
        cmocka_unit_test(random_operations_equal_a_plain_array),
        cmocka_unit_test(a_failing_allocation_leaves_the_map_as_it_was),
        cmocka_unit_test(after_reserve_a_borrowing_map_takes_that_many_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

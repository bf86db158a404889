/* SPDX-License-Identifier: Apache-2.0 */
/* The arena: alignment, budget, the sticky failure, and malloc failing. The source is included for that. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

static bool no_memory;

static void *test_malloc_(size_t n) {
    return no_memory ? NULL : malloc(n);
}

#define malloc(n) test_malloc_(n)
#include "base/arena.c" /* NOLINT */
#undef malloc

#include <cmocka.h>

static void pieces_are_aligned_and_do_not_overlap(void **state) {
    (void)state;
    trib_arena arena;
    unsigned char *pieces[500];
    trib_arena_init(&arena, 1 << 22);
    for (size_t i = 0; i < 500; i++) {
        pieces[i] = trib_arena_alloc(&arena, i * 7);
        assert_non_null(pieces[i]);
        assert_int_equal((uintptr_t)pieces[i] % 16, 0);
        memset(pieces[i], (int)i, i * 7);
    }
    for (size_t i = 0; i < 500; i++) {
        for (size_t k = 0; k < i * 7; k++) assert_int_equal(pieces[i][k], (unsigned char)i);
    }
    trib_arena_deinit(&arena);
    trib_arena_deinit(NULL);
}

static void the_budget_holds_and_failure_sticks_until_reset(void **state) {
    (void)state;
    trib_arena arena;
    size_t pieces = 0;
    trib_arena_init(&arena, 10000);
    while (trib_arena_alloc(&arena, 100)) pieces++;
    assert_in_range(pieces, 10000 / 112 / 2, 10000 / 112);
    assert_true(arena.failed);
    assert_true(arena.used_bytes <= 10000);
    assert_null(trib_arena_alloc(&arena, 1));
    assert_null(trib_arena_dup(&arena, TRIB_STR("x")).ptr);
    assert_null(trib_arena_printf(&arena, "x").ptr);
    trib_arena_reset(&arena);
    assert_int_equal(arena.used_bytes, TRIB_ASAN ? 0 : TRIB_ARENA_CHUNK_BYTES);
    assert_non_null(trib_arena_alloc(&arena, 1));
    trib_arena_deinit(&arena);
}

static void impossible_sizes_fail_and_do_not_wrap(void **state) {
    (void)state;
    static const size_t sizes[] = {SIZE_MAX, SIZE_MAX - 15, SIZE_MAX / 2, SIZE_MAX / 2 + 1, 1 << 20};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        trib_arena arena;
        trib_arena_init(&arena, 10000);
        assert_null(trib_arena_alloc(&arena, sizes[i]));
        assert_true(arena.failed);
        trib_arena_deinit(&arena);
    }
    trib_arena arena;
    trib_arena_init(&arena, 10000);
    assert_null(trib_arena_zalloc(&arena, SIZE_MAX / 2, 4));
    assert_true(arena.failed);
    trib_arena_deinit(&arena);
}

static void copies_and_texts_end_in_nul_and_zalloc_in_zeros(void **state) {
    (void)state;
    trib_arena arena;
    trib_arena_init(&arena, 10000);
    trib_str copy = trib_arena_dup(&arena, trib_str_make("a\0bc", 3));
    assert_int_equal(copy.len, 3);
    assert_memory_equal(copy.ptr, "a\0b\0", 4);
    assert_string_equal(trib_arena_dup(&arena, (trib_str){0}).ptr, "");
    assert_string_equal(trib_arena_printf(&arena, "%s-%d", "x", 7).ptr, "x-7");
    unsigned char *zeros = trib_arena_zalloc(&arena, 5, 20);
    for (int i = 0; i < 100; i++) assert_int_equal(zeros[i], 0);
    trib_arena_deinit(&arena);
}

static void without_memory_it_fails_and_stays_usable(void **state) {
    (void)state;
    trib_arena arena;
    trib_arena_init(&arena, 10000);
    no_memory = true;
    assert_null(trib_arena_alloc(&arena, 10));
    no_memory = false;
    assert_null(trib_arena_alloc(&arena, 10));
    trib_arena_reset(&arena);
    assert_non_null(trib_arena_alloc(&arena, 10));
    trib_arena_deinit(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_are_aligned_and_do_not_overlap),
        cmocka_unit_test(the_budget_holds_and_failure_sticks_until_reset),
        cmocka_unit_test(impossible_sizes_fail_and_do_not_wrap),
        cmocka_unit_test(copies_and_texts_end_in_nul_and_zalloc_in_zeros),
        cmocka_unit_test(without_memory_it_fails_and_stays_usable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

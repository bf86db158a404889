/* SPDX-License-Identifier: Apache-2.0 */
/* Distances and suggestions of mistyped words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/suggest.h"

static void distances_count_single_edits(void **state) {
    (void)state;
    static const struct {
        const char *a, *b;
        size_t want;
    } rows[] = {{"", "", 0},           {"a", "", 1},         {"", "abc", 3},        {"serve", "serve", 0},
                {"sevre", "serve", 1}, {"serv", "serve", 1}, {"xerve", "serve", 1}, {"kitten", "sitting", 3},
                {"ab", "ba", 1}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(trib_suggest_distance(trib_str_c(rows[i].a), trib_str_c(rows[i].b)), rows[i].want);
        assert_int_equal(trib_suggest_distance(trib_str_c(rows[i].b), trib_str_c(rows[i].a)), rows[i].want);
    }
}

static void words_that_are_too_long_are_never_near(void **state) {
    (void)state;
    static const char longest[TRIB_SUGGEST_WORD_MAX + 1] = {'a'};
    trib_str word = trib_str_make(longest, TRIB_SUGGEST_WORD_MAX + 1);
    assert_int_equal(trib_suggest_distance(word, word), SIZE_MAX);
}

static void the_nearest_word_is_suggested_and_strangers_are_not(void **state) {
    (void)state;
    static const char *const words[] = {"serve", "shell", "tenant", "token", "version"};
    static const struct {
        const char *typed, *want;
    } rows[] = {{"serv", "serve"}, {"sheel", "shell"}, {"tokne", "token"},    {"ten", "tenant"},
                {"migrate", ""},   {"x", ""},          {"token-dir", "token"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        trib_suggest suggest = {.word = trib_str_c(rows[i].typed)};
        for (size_t k = 0; k < 5; k++) trib_suggest_offer(&suggest, trib_str_c(words[k]));
        assert_true(trib_str_eq_c(suggest.best, rows[i].want));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(distances_count_single_edits),
        cmocka_unit_test(words_that_are_too_long_are_never_near),
        cmocka_unit_test(the_nearest_word_is_suggested_and_strangers_are_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

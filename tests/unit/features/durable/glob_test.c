/* SPDX-License-Identifier: Apache-2.0 */
/* Patterns: by a table, against a plain recursive matcher on all short ones, and that no pattern costs much time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "features/durable/glob.h"

static const struct {
    const char *pattern, *path;
    bool matches;
} rows[] = {
    {"a", "a", true},
    {"a", "b", false},
    {"a", "a/b", false},
    {"events/*", "events/a", true},
    {"events/*", "events", false},
    {"events/*", "events/a/b", false},
    {"*", "a", true},
    {"*", "a/b", false},
    {"**", "a", true},
    {"**", "a/b/c", true},
    {"a/**", "a", true},
    {"a/**", "a/b/c", true},
    {"a/**", "ab", false},
    {"**/z", "z", true},
    {"**/z", "a/b/z", true},
    {"**/z", "a/b/zz", false},
    {"a/**/z", "a/z", true},
    {"a/**/z", "a/b/c/z", true},
    {"a/**/z", "a/b/c", false},
    {"a/**/b/**/c", "a/b/b/c", true},
    {"a/*b/c", "a/xb/c", true},
    {"a/*b/c", "a/b/c", true},
    {"a/*b/c", "a/bx/c", false},
    {"*-*", "a-b", true},
    {"a**b", "axxb", true},
    {"a**b", "a/b", false},
    {"**/**", "a", true},
    {"*/**", "a", true},
    {"*/**", "a/b/c", true},
    {"", "a", false},
};

static void patterns_match_as_the_protocol_says(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (durable_glob_match(trib_str_c(rows[i].pattern), trib_str_c(rows[i].path)) != rows[i].matches)
            fail_msg("\"%s\" and \"%s\"", rows[i].pattern, rows[i].path);
}

/* The slow way: segments are single characters here. */
static bool plain(const char *pattern, const char *path) {
    if (!*pattern) return !*path;
    if (pattern[0] == '2') return plain(pattern + 1, path) || (*path && plain(pattern, path + 1));
    return *path && (pattern[0] == '1' || pattern[0] == *path) && plain(pattern + 1, path + 1);
}

static void spread(const char *from, char *to) {
    for (size_t i = 0; from[i]; i++) {
        if (i) *to++ = '/';
        if (from[i] == '2') *to++ = '*';
        *to++ = from[i] == '1' || from[i] == '2' ? '*' : from[i];
    }
    *to = '\0';
}

static void all_short_patterns_match_as_a_plain_matcher_says(void **state) {
    static const char letters[] = "ab12";
    (void)state;
    for (unsigned p = 0; p < 4 * 4 * 4 * 4; p++) {
        for (unsigned t = 0; t < 2 * 2 * 2 * 2 * 2; t++) {
            char pattern[5], path[6], pattern_text[16], path_text[16];
            for (size_t i = 0; i < 4; i++) pattern[i] = letters[(p >> (2 * i)) & 3];
            for (size_t i = 0; i < 5; i++) path[i] = letters[(t >> i) & 1];
            pattern[4] = '\0';
            for (size_t n = 1; n <= 5; n++) {
                char cut[6];
                memcpy(cut, path, n);
                cut[n] = '\0';
                spread(pattern, pattern_text);
                spread(cut, path_text);
                if (durable_glob_match(trib_str_c(pattern_text), trib_str_c(path_text)) != plain(pattern, cut))
                    fail_msg("%s and %s", pattern_text, path_text);
            }
        }
    }
}

static void the_prefix_is_that_of_all_that_match(void **state) {
    (void)state;
    assert_true(trib_str_eq_c(durable_glob_prefix(TRIB_STR("a/b*")), "a/b"));
    assert_true(trib_str_eq_c(durable_glob_prefix(TRIB_STR("a/**")), "a"));
    assert_true(trib_str_eq_c(durable_glob_prefix(TRIB_STR("**")), ""));
    assert_true(trib_str_eq_c(durable_glob_prefix(TRIB_STR("a/b")), "a/b"));
}

static void no_pattern_takes_long(void **state) {
    char pattern[513], path[513];
    (void)state;
    for (size_t i = 0; i < 512; i++) {
        pattern[i] = "**/a/"[i % 5];
        path[i] = "a/"[i % 2];
    }
    path[511] = 'b';
    pattern[511] = 'c';
    pattern[512] = path[512] = '\0';
    for (int i = 0; i < 100; i++) assert_false(durable_glob_match(trib_str_c(pattern), trib_str_c(path)));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(patterns_match_as_the_protocol_says),
        cmocka_unit_test(all_short_patterns_match_as_a_plain_matcher_says),
        cmocka_unit_test(the_prefix_is_that_of_all_that_match),
        cmocka_unit_test(no_pattern_takes_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

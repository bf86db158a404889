/* SPDX-License-Identifier: Apache-2.0 */
/* Which tenants a list of names and patterns means. */
#include "cli/fleet.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void names_and_patterns_mean_what_a_shell_means_by_them(void **state) {
    static const struct {
        const char *patterns, *name;
        bool is_system, fits;
    } rows[] = {
        {"acme", "acme", false, true},         {"acme", "acme2", false, false},
        {"acme*", "acme2", false, true},       {"*", "acme", false, true},
        {"shop-?", "shop-1", false, true},     {"shop-?", "shop-12", false, false},
        {"shop-[0-4]", "shop-3", false, true}, {"shop-[0-4]", "shop-5", false, false},
        {"a, b ,c*", "b", false, true},        {"a,b,c*", "cc", false, true},
        {"a,b,c*", "d", false, false},         {"", "", false, false},
        {"*", "streams", true, false}, /* a pattern leaves the server's own databases out */
        {"streams", "streams", true, true},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        bool fits = trib_fleet_fits(trib_str_c(rows[i].patterns), trib_str_c(rows[i].name), rows[i].is_system);
        if (fits != rows[i].fits) fail_msg("%s and %s: %d", rows[i].patterns, rows[i].name, fits);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(names_and_patterns_mean_what_a_shell_means_by_them)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Sizes as progress lines show them, and when there are none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "cli/progress.h"

static void sizes_are_read_by_people(void **state) {
    (void)state;
    static const struct {
        int64_t bytes;
        const char *text;
    } rows[] = {{0, "0 B"},
                {999, "999 B"},
                {1000, "1.0 kB"},
                {999949, "999.9 kB"},
                {999960, "1.0 MB"},
                {1500000, "1.5 MB"},
                {INT64_C(64) << 30, "68.7 GB"},
                {INT64_C(5000000000000000), "5000.0 TB"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[32];
        trib_progress_size(rows[i].bytes, text);
        assert_string_equal(text, rows[i].text);
    }
}

static void json_is_quiet_and_a_short_command_too(void **state) {
    (void)state;
    FILE *err = tmpfile();
    trib_cli cli = {.json = true, .err = err};
    trib_progress progress;
    trib_progress_init(&progress, &cli);
    assert_null(progress.out);
    cli.json = false;
    trib_progress_init(&progress, &cli);
    trib_progress_begin(&progress, "reading", "x");
    trib_progress_tell(&progress, 1, 2); /* no ten seconds have gone by */
    trib_progress_end(&progress);
    assert_int_equal(ftell(err), 0);
    progress.told_ns -= INT64_C(60000000000);
    trib_progress_tell(&progress, 1000, 2000);
    rewind(err);
    char line[64] = "";
    assert_non_null(fgets(line, sizeof line, err));
    assert_string_equal(line, "reading x: 1.0 kB of 2.0 kB\n");
    fclose(err);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(sizes_are_read_by_people),
                                       cmocka_unit_test(json_is_quiet_and_a_short_command_too)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

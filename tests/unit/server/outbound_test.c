/* SPDX-License-Identifier: Apache-2.0 */
/* Files that dump_url may name: those below the folder, and no others, whatever their URL looks like. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/outbound.h"

static char root[64], folder[96], inside[128], outside[128], beside[128], link_path[128];
static trib_buf got;

static void write_file(const char *path) {
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    fputs("text", file);
    fclose(file);
}

static int setup(void **state) {
    (void)state;
    snprintf(root, sizeof root, "/tmp/trib-outbound-XXXXXX");
    if (!mkdtemp(root)) return -1;
    snprintf(folder, sizeof folder, "%s/dumps", root);
    snprintf(inside, sizeof inside, "%s/a b.sql", folder);
    snprintf(outside, sizeof outside, "%s/a.sql", root);
    snprintf(beside, sizeof beside, "%s-more.sql", folder);
    snprintf(link_path, sizeof link_path, "%s/link", folder);
    if (mkdir(folder, 0700) != 0 || symlink(outside, link_path) != 0) return -1;
    write_file(inside);
    write_file(outside);
    write_file(beside);
    trib_buf_init(&got, 4096);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    trib_buf_deinit(&got);
    return unlink(inside) | unlink(outside) | unlink(beside) | unlink(link_path) | rmdir(folder) | rmdir(root);
}

static bool take(void *ctx, trib_str bytes) {
    trib_buf_add(&got, bytes);
    return ctx == NULL;
}

static trib_code get(const char *dump_folder, const char *url, void *ctx) {
    trib_config config = {.dump_folder = dump_folder};
    trib_outbound outbound = trib_outbound_of(&config);
    trib_error err;
    trib_buf_clear(&got);
    return outbound.get(outbound.ctx, url, take, ctx, &err);
}

static void a_file_below_the_folder_is_read(void **state) {
    (void)state;
    char url[256];
    snprintf(url, sizeof url, "file://%s/a%%20b.sql", folder);
    assert_int_equal(get(folder, url, NULL), TRIB_OK);
    assert_true(trib_str_eq_c(trib_buf_str(&got), "text"));
    assert_int_equal(get(root, url, NULL), TRIB_OK);
    assert_int_equal(get("/", url, NULL), TRIB_OK);
    assert_int_equal(get(folder, url, &got), TRIB_CANCELLED); /* take has had enough */
}

static void nothing_else_is(void **state) {
    (void)state;
    static const char *const forms[] = {"file://%s/a.sql",
                                        "file://%s/dumps/../a.sql",
                                        "file://%s/dumps/%%2e%%2e/a.sql",
                                        "file://%s/dumps/link",
                                        "file://%s/dumps-more.sql",
                                        "file://%s/dumps",
                                        "file://%s/dumps/none.sql",
                                        "file:%s/dumps/a b.sql",
                                        "%s/dumps/a b.sql",
                                        "file://localhost%s/dumps/a b.sql",
                                        "file://%s/dumps/a b.sql%%00",
                                        "ftp://%s"};
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        char url[256] = "";
        const char *rest = strstr(forms[i], "%s");
        snprintf(url, sizeof url, "%.*s%s", (int)(rest - forms[i]), forms[i], root);
        for (const char *c = rest + 2; *c; c++) {
            size_t n = strlen(url);
            if (*c == '%' && c[1] == '%') c++;
            url[n] = *c;
            url[n + 1] = '\0';
        }
        if (get(folder, url, NULL) != TRIB_BAD_REQUEST) fail_msg("%s", url);
        assert_int_equal(got.len, 0);
    }
    char url[256];
    snprintf(url, sizeof url, "file://%s/a%%20b.sql", folder);
    assert_int_equal(get(NULL, url, NULL), TRIB_BAD_REQUEST); /* the setting is off */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_file_below_the_folder_is_read, setup, teardown),
        cmocka_unit_test_setup_teardown(nothing_else_is, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

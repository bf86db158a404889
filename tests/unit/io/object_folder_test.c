/* SPDX-License-Identifier: Apache-2.0 */
/* A folder of objects: what is there is never replaced, nothing is half there, keys cannot leave it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/object_folder.h"

typedef struct fixture {
    char root[64], path[80];
    trib_object_folder *folder;
    trib_objects objects;
} fixture;

static fixture f;

static int setup(void **state) {
    (void)state;
    snprintf(f.root, sizeof f.root, "/tmp/trib-objects-XXXXXX");
    if (!mkdtemp(f.root)) return -1;
    snprintf(f.path, sizeof f.path, "%s/archive", f.root);
    if (trib_object_folder_new(f.path, &f.folder, NULL) != TRIB_OK) return -1;
    f.objects = trib_object_folder_objects(f.folder);
    return 0;
}

static int teardown(void **state) {
    char command[160];
    (void)state;
    trib_object_folder_free(f.folder);
    snprintf(command, sizeof command, "rm -rf %s", f.root);
    return system(command) == 0 ? 0 : -1; // NOLINT(cert-env33-c): a path of our own making
}

static trib_code put(const char *key, const char *bytes, bool *ret_made, trib_error *err) {
    const trib_object object = {.key = trib_str_c(key), .bytes = trib_str_c(bytes), .sha256 = ""};
    return f.objects.put(f.objects.ctx, &object, ret_made, err);
}

static void is(const char *key, const char *bytes) {
    trib_buf out;
    bool found = false;
    uint64_t size = 0;
    trib_buf_init(&out, 1 << 20);
    assert_int_equal(f.objects.get(f.objects.ctx, trib_str_c(key), &out, &found, NULL), TRIB_OK);
    assert_true(found);
    assert_true(trib_str_eq_c(trib_buf_str(&out), bytes));
    assert_int_equal(f.objects.head(f.objects.ctx, trib_str_c(key), &size, &found, NULL), TRIB_OK);
    assert_int_equal(size, strlen(bytes));
    trib_buf_deinit(&out);
}

static void what_is_there_is_never_replaced(void **state) {
    bool made = false;
    (void)state;
    assert_int_equal(put("a.json", "one", &made, NULL), TRIB_OK);
    assert_true(made);
    assert_int_equal(put("a.json", "two", &made, NULL), TRIB_OK);
    assert_false(made);
    is("a.json", "one");
}

static void what_is_not_there_is_not_found(void **state) {
    trib_buf out;
    bool found = true;
    uint64_t size;
    (void)state;
    trib_buf_init(&out, 10);
    assert_int_equal(f.objects.get(f.objects.ctx, TRIB_STR("no"), &out, &found, NULL), TRIB_OK);
    assert_false(found);
    found = true;
    assert_int_equal(f.objects.head(f.objects.ctx, TRIB_STR("no"), &size, &found, NULL), TRIB_OK);
    assert_false(found);
    trib_buf_deinit(&out);
}

static void an_object_larger_than_what_is_taken_is_an_error(void **state) {
    trib_buf out;
    bool made, found;
    (void)state;
    assert_int_equal(put("a", "0123456789", &made, NULL), TRIB_OK);
    trib_buf_init(&out, 9);
    assert_int_equal(f.objects.get(f.objects.ctx, TRIB_STR("a"), &out, &found, NULL), TRIB_RESPONSE_TOO_LARGE);
    trib_buf_deinit(&out);
}

static void keys_that_lead_elsewhere_are_refused(void **state) {
    static const char *const keys[] = {"", ".", "..", ".tmp", "a/b", "../x", "/etc/x"};
    bool made;
    (void)state;
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        assert_int_equal(put(keys[i], "x", &made, NULL), TRIB_INTERNAL);
}

static void a_link_is_not_followed(void **state) {
    char link[100];
    trib_buf out;
    bool found, made = true;
    (void)state;
    snprintf(link, sizeof link, "%s/l", f.path);
    assert_int_equal(symlink("/etc/passwd", link), 0);
    trib_buf_init(&out, 1 << 20);
    assert_int_equal(f.objects.get(f.objects.ctx, TRIB_STR("l"), &out, &found, NULL), TRIB_IO);
    assert_int_equal(put("l", "x", &made, NULL), TRIB_IO);
    trib_buf_deinit(&out);
}

static void what_a_crash_left_goes_when_the_folder_is_opened(void **state) {
    char path[120];
    struct stat st;
    (void)state;
    snprintf(path, sizeof path, "%s/.tmp/7", f.path);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    close(fd);
    trib_object_folder_free(f.folder);
    assert_int_equal(trib_object_folder_new(f.path, &f.folder, NULL), TRIB_OK);
    f.objects = trib_object_folder_objects(f.folder);
    assert_int_not_equal(stat(path, &st), 0);
}

typedef struct listed {
    char text[200];
    int left;
} listed;

static bool take(void *ctx, trib_str key, uint64_t size) {
    listed *l = ctx;
    size_t n = strlen(l->text);
    snprintf(l->text + n, sizeof l->text - n, "%.*s:%llu ", TRIB_STR_ARG(key), (unsigned long long)size);
    return --l->left > 0;
}

static void a_listing_is_in_order_and_goes_on_behind_a_key(void **state) {
    static const char *const keys[] = {"c", "a", "b", "d"};
    bool made;
    listed all = {.left = 10}, some = {.left = 2};
    (void)state;
    for (size_t i = 0; i < 4; i++) assert_int_equal(put(keys[i], keys[i], &made, NULL), TRIB_OK);
    assert_int_equal(f.objects.list(f.objects.ctx, (trib_str){0}, take, &all, NULL), TRIB_OK);
    assert_string_equal(all.text, "a:1 b:1 c:1 d:1 ");
    assert_int_equal(f.objects.list(f.objects.ctx, TRIB_STR("a"), take, &some, NULL), TRIB_OK);
    assert_string_equal(some.text, "b:1 c:1 ");
}

static void a_folder_that_cannot_be_made_says_so(void **state) {
    trib_object_folder *none = NULL;
    trib_error err;
    (void)state;
    assert_int_equal(trib_object_folder_new("/nowhere/at/all", &none, &err), TRIB_IO);
    assert_null(none);
    assert_non_null(strstr(err.message, "/nowhere/at/all"));
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(what_is_there_is_never_replaced),
        TEST(what_is_not_there_is_not_found),
        TEST(an_object_larger_than_what_is_taken_is_an_error),
        TEST(keys_that_lead_elsewhere_are_refused),
        TEST(a_link_is_not_followed),
        TEST(what_a_crash_left_goes_when_the_folder_is_opened),
        TEST(a_listing_is_in_order_and_goes_on_behind_a_key),
        TEST(a_folder_that_cannot_be_made_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

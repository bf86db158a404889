/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of src/server/stream_types.c: files of a data folder, in order, all problems of all of them. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/stream_types.h"

#define GOOD                                                                                                           \
    "{\"type\":\"mine\",\"roles\":{\"a\":\"\"},\"statuses\":{\"s\":\"\"},\"final\":[\"s\"],\"opcodes\":[{\"opcode\":"  \
    "1,\"name\":\"ONE\",\"roles\":\"any\",\"moves\":[{\"from\":\"start\",\"to\":\"s\"}]}]}"

typedef struct folder {
    char data[64], types[96];
} folder;

static void make_folder(folder *f) {
    snprintf(f->data, sizeof f->data, "/tmp/trib-stream-types-XXXXXX");
    assert_non_null(mkdtemp(f->data));
    snprintf(f->types, sizeof f->types, "%s/stream-types", f->data);
    assert_int_equal(mkdir(f->types, 0700), 0);
}

static void put(const folder *f, const char *name, const char *text) {
    char path[160];
    snprintf(path, sizeof path, "%s/%s", f->types, name);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

static void drop(const folder *f, const char *name) {
    char path[160];
    snprintf(path, sizeof path, "%s/%s", f->types, name);
    assert_int_equal(unlink(path), 0);
}

static void files_of_the_folder_are_added(void **state) {
    folder f;
    trib_deal_registry registry;
    trib_error err = {0};
    (void)state;
    make_folder(&f);
    put(&f, "mine.json", GOOD);
    put(&f, "mine.json~", "not read");
    put(&f, ".mine.json", "not read");
    assert_int_equal(trib_stream_types_load(f.data, &registry, NULL, &err), TRIB_OK);
    assert_int_equal(registry.count, 7);
    assert_non_null(trib_deal_registry_get(&registry, TRIB_STR("mine")));
    trib_deal_registry_deinit(&registry);
    drop(&f, "mine.json");
    drop(&f, "mine.json~");
    drop(&f, ".mine.json");
    assert_int_equal(rmdir(f.types), 0);
    /* no folder: the built-in ones */
    assert_int_equal(trib_stream_types_load(f.data, &registry, NULL, &err), TRIB_OK);
    assert_int_equal(registry.count, 6);
    trib_deal_registry_deinit(&registry);
    assert_int_equal(rmdir(f.data), 0);
    assert_int_equal(trib_stream_types_load(NULL, &registry, NULL, &err), TRIB_OK);
    trib_deal_registry_deinit(&registry);
}

static void problems_of_all_files_are_told(void **state) {
    folder f;
    trib_deal_registry registry;
    trib_buf problems;
    trib_error err = {0};
    (void)state;
    trib_buf_init(&problems, 1 << 16);
    make_folder(&f);
    put(&f, "b.json", "{");
    put(&f, "a.json", "[]");
    put(&f, "c.json", GOOD);
    assert_int_equal(trib_stream_types_load(f.data, &registry, &problems, &err), TRIB_STREAM_TYPE_INVALID);
    trib_buf_add_char(&problems, 0);
    assert_non_null(strstr(err.message, "/a.json:1:1: a stream type must be an object"));
    assert_non_null(strstr(problems.ptr, "/a.json:1:1: "));
    assert_non_null(strstr(problems.ptr, "/b.json:1:2: "));
    assert_non_null(trib_deal_registry_get(&registry, TRIB_STR("mine")));
    trib_deal_registry_deinit(&registry);
    drop(&f, "a.json");
    drop(&f, "b.json");
    drop(&f, "c.json");
    assert_int_equal(rmdir(f.types), 0);
    assert_int_equal(rmdir(f.data), 0);
    trib_buf_deinit(&problems);
}

static void a_file_that_is_not_there_is_told_apart(void **state) {
    trib_buf text;
    trib_error err = {0};
    (void)state;
    trib_buf_init(&text, 1 << 20);
    assert_int_equal(trib_stream_types_read_file("/nonexistent/x.json", &text, &err), TRIB_NOT_FOUND);
    assert_int_equal(trib_stream_types_read_file("/tmp", &text, &err), TRIB_IO);
    /* endless: read no further than needed to see that it is too large */
    assert_int_equal(trib_stream_types_read_file("/dev/zero", &text, &err), TRIB_OK);
    assert_true(text.len > TRIB_DEAL_FILE_MAX_BYTES && text.len <= TRIB_DEAL_FILE_MAX_BYTES + 4096);
    trib_buf_deinit(&text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_of_the_folder_are_added),
        cmocka_unit_test(problems_of_all_files_are_told),
        cmocka_unit_test(a_file_that_is_not_there_is_told_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

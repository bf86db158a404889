/* SPDX-License-Identifier: Apache-2.0 */
/* A spool gives back what was put into it, leaves no file, and is bounded in number by database and in all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <string.h>

#include "store/spool.h"
#include "support/store_test.h"

typedef struct fixture {
    trib_env_test env;
    trib_store *store;
    char folder[300];
} fixture;

static int setup(void **state) {
    fixture *f = calloc(1, sizeof *f);
    trib_env_test_init(&f->env, false, 7);
    trib_test_folder_make(f->folder, sizeof f->folder);
    trib_store_config config = {.data_dir = f->folder, .inline_sync = true};
    assert_int_equal(trib_store_new(&config, &f->env.env, NULL, &f->store, NULL), TRIB_OK);
    *state = f;
    return 0;
}

static int teardown(void **state) {
    fixture *f = *state;
    trib_store_free(f->store);
    store_test_remove_folder(f->folder);
    free(f);
    return 0;
}

static trib_spool *open_one(fixture *f, const char *id) {
    trib_spool *spool = NULL;
    assert_int_equal(trib_spool_open(f->store, trib_str_c(id), &spool, NULL), TRIB_OK);
    return spool;
}

static void gives_back_what_was_added_in_order(void **state) {
    trib_spool *spool = open_one(*state, "a");
    char bytes[100000];
    trib_buf got;
    trib_buf_init(&got, 1 << 20);
    for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (char)(i * 7 % 251);
    assert_int_equal(trib_spool_add(spool, trib_str_make(bytes, sizeof bytes), NULL), TRIB_OK);
    assert_int_equal(trib_spool_add(spool, trib_str_c("end"), NULL), TRIB_OK);
    for (size_t before = 1; before != got.len;) {
        before = got.len;
        assert_int_equal(trib_spool_read(spool, 30001, &got, NULL), TRIB_OK);
        assert_true(got.len - before <= 30001);
    }
    assert_int_equal(got.len, sizeof bytes + 3);
    assert_memory_equal(got.ptr, bytes, sizeof bytes);
    assert_memory_equal(got.ptr + sizeof bytes, "end", 3);
    trib_buf_deinit(&got);
    trib_spool_free(spool);
}

static void repeats_its_end_without_room(void **state) {
    trib_spool *spool = open_one(*state, "a");
    trib_buf got;
    trib_buf_init(&got, 1 << 20);
    assert_int_equal(trib_spool_add(spool, trib_str_c("begin-abc"), NULL), TRIB_OK);
    trib_spool_repeat(spool, 3, 5);
    for (size_t before = 1; before != got.len;) {
        before = got.len;
        assert_int_equal(trib_spool_read(spool, 7, &got, NULL), TRIB_OK);
    }
    assert_int_equal(got.len, 24);
    assert_memory_equal(got.ptr, "begin-abcabcabcabcabcabc", 24);
    trib_buf_deinit(&got);
    trib_spool_free(spool);
}

static void has_no_name_while_it_is_used(void **state) {
    fixture *f = *state;
    trib_spool *spool = open_one(f, "a");
    assert_int_equal(trib_spool_add(spool, trib_str_c("bytes"), NULL), TRIB_OK);
    DIR *dir = opendir(f->folder);
    assert_non_null(dir);
    for (struct dirent *e; (e = readdir(dir));) assert_null(strstr(e->d_name, "spool"));
    closedir(dir);
    trib_spool_free(spool);
}

static void are_bounded_by_database_and_in_all(void **state) {
    fixture *f = *state;
    static trib_spool *spools[TRIB_SPOOLS_MAX];
    trib_spool *more = NULL;
    trib_error err;
    char id[16];
    for (int i = 0; i < TRIB_SPOOLS_MAX; i++) {
        snprintf(id, sizeof id, "id%d", i / TRIB_SPOOLS_PER_DB_MAX);
        if (i == TRIB_SPOOLS_PER_DB_MAX)
            assert_int_equal(trib_spool_open(f->store, trib_str_c("id0"), &more, &err), TRIB_TOO_MANY_REQUESTS);
        spools[i] = open_one(f, id);
    }
    assert_int_equal(trib_spool_open(f->store, trib_str_c("other"), &more, &err), TRIB_TOO_MANY_REQUESTS);
    trib_spool_free(spools[3]);
    spools[3] = open_one(f, "other");
    for (int i = 0; i < TRIB_SPOOLS_MAX; i++) trib_spool_free(spools[i]);
    trib_spool_free(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(gives_back_what_was_added_in_order, setup, teardown),
        cmocka_unit_test_setup_teardown(repeats_its_end_without_room, setup, teardown),
        cmocka_unit_test_setup_teardown(has_no_name_while_it_is_used, setup, teardown),
        cmocka_unit_test_setup_teardown(are_bounded_by_database_and_in_all, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

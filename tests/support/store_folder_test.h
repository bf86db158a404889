/* SPDX-License-Identifier: Apache-2.0 */
/* For cmocka tests of the store: one on a real folder, with a virtual clock and no threads of its own, and one database
 * of it. */
#ifndef TRIB_TESTS_SUPPORT_STORE_FOLDER_TEST_H
#define TRIB_TESTS_SUPPORT_STORE_FOLDER_TEST_H

#include "store/db_int.h"
#include "support/store_test.h"

static const char id_a[] = "00112233445566778899aabbccddeeff";

typedef struct fixture {
    trib_env_test env;
    trib_store *store;
    char folder[300];
    trib_session_vars vars;
    uint64_t commits_heard;
    bool any_id;
} fixture;

static inline void heard(void *ctx, const char *id, uint64_t no) {
    fixture *f = ctx;
    if (!f->any_id) assert_string_equal(id, id_a);
    assert_int_equal(no, f->commits_heard + 1); /* each one once, in order */
    f->commits_heard = no;
}

static inline void open_store(fixture *f, uint32_t checkpoint_bytes) {
    trib_store_config config = {
        .data_dir = f->folder,
        .inline_sync = true,
        .checkpoint_log_bytes = checkpoint_bytes,
        .on_commit = heard,
        .on_commit_ctx = f,
    };
    trib_error err = {0};
    trib_code code = trib_store_new(&config, &f->env.env, NULL, &f->store, &err);
    if (code != TRIB_OK) fail_msg("%s", err.message);
}

static inline int setup(void **state) {
    fixture *f = calloc(1, sizeof *f);
    trib_env_test_init(&f->env, false, 7);
    trib_test_folder_make(f->folder, sizeof f->folder);
    open_store(f, 0);
    *state = f;
    return 0;
}

static inline int teardown(void **state) {
    fixture *f = *state;
    trib_store_free(f->store);
    store_test_remove_folder(f->folder);
    free(f);
    return 0;
}

static inline trib_db *get_db(fixture *f) {
    trib_db *db = NULL;
    trib_error err = {0};
    if (trib_store_db_get(f->store, trib_str_c(id_a), &(trib_db_settings){0}, &db, &err) != TRIB_OK)
        fail_msg("%s", err.message);
    return db;
}

static inline trib_handle *take(trib_db *db) {
    trib_handle *h = NULL;
    trib_error err = {0};
    if (trib_handle_take(db, &h, &err) != TRIB_OK) fail_msg("%s", err.message);
    return h;
}

static inline void enter(fixture *f, trib_handle *h) {
    trib_error err = {0};
    if (trib_handle_enter(h, TRIB_ACCESS_WRITE, &f->vars, &err) != TRIB_OK) fail_msg("%s", err.message);
}

static inline trib_code exec(trib_handle *h, const char *sql, bool turn) {
    int rc;
    trib_code code = store_test_exec(h, sql, turn, NULL, 0, &rc);
    if (code == TRIB_SQL_ERROR) print_message("%s: %s\n", sql, sqlite3_errstr(rc));
    return code;
}

static inline int64_t number(trib_handle *h, const char *sql) {
    char text[64];
    int rc;
    assert_int_equal(store_test_exec(h, sql, false, text, sizeof text, &rc), TRIB_OK);
    return strtoll(text, NULL, 10);
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* A replica that pulls by pages always equals the database it pulls from, whatever happened in between: commits,
 * checkpoints, a new process, a lost map; and pages that it pushes back are taken as a whole or not at all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store/db_int.h"
#include "store/pages.h"
#include "support/store_test.h"

static const char id_a[] = "00112233445566778899aabbccddeeff";
enum { PAGE = TRIB_PAGE_BYTES, PAGES_MAX = 600 };

typedef struct fixture {
    trib_env_test env;
    trib_store *store;
    trib_db *db;
    trib_handle *h;
    trib_session_vars vars;
    char folder[300];
    uint32_t seed;
    /* the replica */
    trib_db_point at;
    uint8_t image[PAGES_MAX * PAGE];
    size_t pulled; /* pages of the last pull */
} fixture;

static void start(fixture *f) {
    trib_store_config config = {.data_dir = f->folder, .inline_sync = true, .checkpoint_log_bytes = 64 << 10};
    assert_int_equal(trib_store_new(&config, &f->env.env, NULL, &f->store, NULL), TRIB_OK);
    assert_int_equal(trib_store_db_get(f->store, trib_str_c(id_a), NULL, &f->db, NULL), TRIB_OK);
}

static void stop(fixture *f) {
    trib_db_unref(f->db);
    trib_store_free(f->store);
}

static int setup(void **state) {
    fixture *f = calloc(1, sizeof *f);
    trib_env_test_init(&f->env, false, 7);
    trib_test_folder_make(f->folder, sizeof f->folder);
    f->seed = 42;
    start(f);
    *state = f;
    return 0;
}

static int teardown(void **state) {
    fixture *f = *state;
    stop(f);
    store_test_remove_folder(f->folder);
    free(f);
    return 0;
}

static uint32_t rnd(fixture *f, uint32_t n) {
    f->seed = f->seed * 1664525 + 1013904223;
    return (f->seed >> 8) % n;
}

static void enter(fixture *f) {
    assert_int_equal(trib_handle_take(f->db, &f->h, NULL), TRIB_OK);
    assert_int_equal(trib_handle_enter(f->h, TRIB_ACCESS_SYSTEM, &f->vars, NULL), TRIB_OK);
}

static void leave(fixture *f) {
    trib_handle_leave(f->h);
    trib_handle_give(f->h);
    trib_store_run_pending(f->store);
}

static void exec(fixture *f, const char *sql) {
    int rc = 0;
    enter(f);
    if (store_test_exec(f->h, sql, true, NULL, 0, &rc) != TRIB_OK)
        fail_msg("%s: %s", sql, sqlite3_errmsg(f->h->sqlite));
    leave(f);
}

/* All pages as they are now. */
static uint32_t read_all(fixture *f, uint8_t *to) {
    sqlite3_stmt *stmt = NULL;
    uint32_t n = 0;
    assert_int_equal(sqlite3_prepare_v2(f->h->sqlite, "SELECT data FROM sqlite_dbpage", -1, &stmt, NULL), SQLITE_OK);
    while (sqlite3_step(stmt) == SQLITE_ROW) memcpy(to + (size_t)n++ * PAGE, sqlite3_column_blob(stmt, 0), PAGE);
    sqlite3_finalize(stmt);
    return n;
}

static void pull(fixture *f) {
    static uint8_t whole[PAGES_MAX * PAGE];
    trib_db_point point = {0};
    trib_buf list, page;
    trib_error err = {0};
    trib_buf_init(&list, 1 << 20);
    trib_buf_init(&page, 2 * PAGE);
    enter(f);
    if (trib_pages_open(f->h, &point, &err) != TRIB_OK) fail_msg("%s", err.message);
    uint64_t since = point.epoch == f->at.epoch ? f->at.frame_no : TRIB_FRAME_NONE;
    assert_int_equal(trib_pages_list(f->h, &point, since, &list, NULL), TRIB_OK);
    f->pulled = list.len / sizeof(trib_page_change);
    for (size_t i = 0; i < f->pulled; i++) {
        trib_page_change c;
        memcpy(&c, list.ptr + i * sizeof c, sizeof c);
        page.len = 0;
        assert_int_equal(trib_pages_read(f->h, c.page, &page, NULL), TRIB_OK);
        memcpy(f->image + (size_t)(c.page - 1) * PAGE, page.ptr, PAGE);
    }
    assert_int_equal(read_all(f, whole), point.page_count);
    for (uint32_t i = 0; i < point.page_count; i++) {
        if (memcmp(whole + (size_t)i * PAGE, f->image + (size_t)i * PAGE, PAGE) != 0)
            fail_msg("page %u differs at frame %d, since %d", i + 1, (int)point.frame_no, (int)since);
    }
    assert_int_equal(trib_pages_close(f->h, NULL), TRIB_OK);
    leave(f);
    f->at = point;
    trib_buf_deinit(&list);
    trib_buf_deinit(&page);
}

static void random_commit(fixture *f) {
    char sql[200];
    switch (rnd(f, 5)) {
    case 0: snprintf(sql, sizeof sql, "DELETE FROM t WHERE id %% 7 = %u", rnd(f, 7)); break;
    case 1: snprintf(sql, sizeof sql, "UPDATE t SET v = randomblob(300) WHERE id = %u", rnd(f, 200)); break;
    default:
        snprintf(sql, sizeof sql, "INSERT OR REPLACE INTO t VALUES (%u, randomblob(%u))", rnd(f, 300), rnd(f, 3000));
        break;
    }
    exec(f, sql);
}

static void replica_equals_database_after_every_pull(void **state) {
    fixture *f = *state;
    size_t sent = 0, whole = 0;
    pull(f); /* of a database that has no files yet */
    assert_int_equal(f->at.page_count, 1);
    assert_int_equal(f->image[18], 2);
    exec(f, "CREATE TABLE t(id INTEGER PRIMARY KEY, v BLOB)");
    uint64_t epoch = f->at.epoch;
    for (int round = 0; round < 150; round++) {
        for (uint32_t n = rnd(f, 4); n > 0; n--) random_commit(f);
        if (rnd(f, 12) == 0) { /* a new process */
            stop(f);
            start(f);
        }
        trib_store_tick(f->store);
        trib_store_run_pending(f->store);
        pull(f);
        sent += f->pulled;
        whole += f->at.page_count;
    }
    assert_true(f->at.epoch == epoch);
    assert_true(sent < whole / 3); /* what did not change was not sent */
    pull(f);
    assert_int_equal(f->pulled, 0);
}

static void lost_map_begins_an_epoch_and_a_generation_beyond_the_next(void **state) {
    fixture *f = *state;
    uint32_t before = 0, after = 0;
    exec(f, "CREATE TABLE t(id INTEGER PRIMARY KEY, v BLOB)");
    exec(f, "INSERT INTO t VALUES (1, randomblob(20000))");
    pull(f);
    assert_int_equal(trib_db_get_generation(f->db, &before, NULL), TRIB_OK);
    assert_int_equal(before, 1);
    uint64_t epoch = f->at.epoch;
    stop(f);
    start(f);
    assert_int_equal(trib_db_get_generation(f->db, &after, NULL), TRIB_OK);
    assert_int_equal(after, before);
    stop(f);
    char path[700];
    snprintf(path, sizeof path, "%s/db/00/11/%s.map", f->folder, id_a);
    assert_int_equal(remove(path), 0);
    start(f);
    assert_int_equal(trib_db_get_generation(f->db, &after, NULL), TRIB_OK);
    assert_int_equal(after, before + 2);
    pull(f);
    assert_true(f->at.epoch != epoch);
    assert_int_equal(f->pulled, f->at.page_count); /* everything, the pages that never changed since too */
}

static void renew(fixture *f) {
    trib_error err = {0};
    enter(f);
    if (trib_pages_renew(f->h, &err) != TRIB_OK) fail_msg("%s", err.message);
    assert_true(trib_handle_autocommit(f->h));
    leave(f);
}

/* In the middle of a log and right behind a checkpoint, with commits before and behind it, over restarts. */
static void an_epoch_that_was_asked_for_begins_anew_and_goes_on(void **state) {
    fixture *f = *state;
    uint32_t before = 0, after = 0;
    exec(f, "CREATE TABLE t(id INTEGER PRIMARY KEY, v BLOB)");
    exec(f, "INSERT INTO t VALUES (1, randomblob(40000))");
    for (int round = 0; round < 6; round++) {
        for (int n = 0; n < round; n++) random_commit(f);
        if (round % 2 == 1) { /* copies the log into the file */
            stop(f);
            start(f);
        }
        pull(f);
        uint64_t epoch = f->at.epoch;
        assert_int_equal(trib_db_get_generation(f->db, &before, NULL), TRIB_OK);
        renew(f);
        assert_int_equal(trib_db_get_generation(f->db, &after, NULL), TRIB_OK);
        assert_int_equal(after, before + 2);
        pull(f);
        assert_true(f->at.epoch != epoch);
        assert_int_equal(f->at.frame_no, 0);
        assert_int_equal(f->pulled, f->at.page_count);
        epoch = f->at.epoch;
        exec(f, "INSERT OR REPLACE INTO t VALUES (1, randomblob(100))");
        if (round % 3 == 0) {
            stop(f);
            start(f);
        }
        pull(f);
        assert_true(f->at.epoch == epoch);
        assert_true(f->pulled > 0 && f->pulled <= f->at.page_count);
        pull(f);
        assert_int_equal(f->pulled, 0);
    }
}

/* ---- pushes ---- */

/* Makes what a replica would write: runs SQL on the image by itself and tells the pages that differ. */
typedef struct offline {
    uint8_t image[PAGES_MAX * PAGE];
    trib_page_bytes pages[PAGES_MAX];
    trib_pages_push push;
} offline;

static offline *write_offline(fixture *f, const char *sql) {
    offline *o = calloc(1, sizeof *o);
    sqlite3 *db = NULL;
    sqlite3_int64 size = (sqlite3_int64)f->at.page_count * PAGE;
    assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
    unsigned char *copy = sqlite3_malloc64((sqlite3_uint64)size);
    memcpy(copy, f->image, (size_t)size);
    copy[18] = copy[19] = 1; /* memory has no log */
    assert_int_equal(sqlite3_deserialize(db, "main", copy, size, size,
                                         SQLITE_DESERIALIZE_FREEONCLOSE | SQLITE_DESERIALIZE_RESIZEABLE),
                     SQLITE_OK);
    char *message = NULL;
    if (sqlite3_exec(db, sql, NULL, NULL, &message) != SQLITE_OK) fail_msg("%s", message);
    unsigned char *now = sqlite3_serialize(db, "main", &size, SQLITE_SERIALIZE_NOCOPY);
    assert_non_null(now);
    memcpy(o->image, now, (size_t)size);
    o->image[18] = o->image[19] = 2;
    sqlite3_close(db);
    o->push = (trib_pages_push){.epoch = f->at.epoch, .since = f->at.frame_no, .pages = o->pages};
    o->push.page_count = (uint32_t)(size / PAGE);
    for (uint32_t i = 0; i < o->push.page_count; i++) {
        const uint8_t *page = o->image + (size_t)i * PAGE;
        if (i < f->at.page_count && memcmp(page, f->image + (size_t)i * PAGE, PAGE) == 0) continue;
        o->pages[o->push.count++] = (trib_page_bytes){.page = i + 1, .bytes = page};
    }
    o->push.until = o->push.since + o->push.count;
    return o;
}

static trib_code push(fixture *f, const offline *o, trib_push_outcome *ret) {
    trib_error err = {0};
    enter(f);
    trib_code code = trib_pages_apply(f->h, &o->push, ret, &err);
    assert_true(trib_handle_autocommit(f->h));
    leave(f);
    return code;
}

static int64_t number(fixture *f, const char *sql) {
    char text[64] = "";
    int rc = 0;
    enter(f);
    assert_int_equal(store_test_exec(f->h, sql, false, text, sizeof text, &rc), TRIB_OK);
    leave(f);
    return strtoll(text, NULL, 10);
}

static void make_table(fixture *f) {
    exec(f, "CREATE TABLE t(id INTEGER PRIMARY KEY, v BLOB)");
    exec(f, "INSERT INTO t VALUES (1, randomblob(20000))");
    pull(f);
}

static void pushed_pages_are_one_commit_that_everybody_sees(void **state) {
    fixture *f = *state;
    trib_push_outcome outcome = TRIB_PUSH_CONFLICT;
    make_table(f);
    offline *o = write_offline(f, "INSERT INTO t VALUES (2, randomblob(30000)); CREATE TABLE u(x); "
                                  "INSERT INTO u VALUES (7)");
    o->push.until += 5; /* it wrote pages twice */
    assert_int_equal(push(f, o, &outcome), TRIB_OK);
    assert_int_equal(outcome, TRIB_PUSH_DONE);
    assert_int_equal(number(f, "SELECT x FROM u"), 7);
    assert_int_equal(number(f, "SELECT count(*) FROM t"), 2);
    trib_db_point now;
    trib_db_get_point(f->db, &now);
    assert_true(now.frame_no == o->push.until);
    assert_true(now.epoch == o->push.epoch);
    /* the answer was lost, it is sent again, also to a new process */
    stop(f);
    start(f);
    assert_int_equal(push(f, o, &outcome), TRIB_OK);
    assert_int_equal(outcome, TRIB_PUSH_REPEATED);
    assert_int_equal(number(f, "SELECT count(*) FROM t"), 2);
    /* others may go on */
    exec(f, "INSERT INTO u VALUES (8)");
    pull(f);
    free(o);
}

static void push_behind_another_commit_conflicts_and_changes_nothing(void **state) {
    fixture *f = *state;
    trib_push_outcome outcome = TRIB_PUSH_DONE;
    make_table(f);
    offline *o = write_offline(f, "INSERT INTO t VALUES (2, randomblob(100))");
    exec(f, "INSERT INTO t VALUES (3, randomblob(100))");
    assert_int_equal(push(f, o, &outcome), TRIB_OK);
    assert_int_equal(outcome, TRIB_PUSH_CONFLICT);
    assert_int_equal(number(f, "SELECT id FROM t ORDER BY id DESC"), 3);
    pull(f);
    free(o);
    o = write_offline(f, "INSERT INTO t VALUES (2, randomblob(100))");
    o->push.epoch++;
    assert_int_equal(push(f, o, &outcome), TRIB_OK);
    assert_int_equal(outcome, TRIB_PUSH_CONFLICT);
    free(o);
}

static void damaged_push_is_refused_as_a_whole(void **state) {
    fixture *f = *state;
    static const char *const names[] = {"a table's root", "the header's size", "page size",        "a page less",
                                        "beyond the end", "a schema of ours",  "schema unnoticed", "no pages"};
    make_table(f);
    exec(f, "CREATE TABLE _trib_own(x)");
    pull(f);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        trib_push_outcome outcome = TRIB_PUSH_CONFLICT;
        offline *o = write_offline(f, i == 5   ? "DROP TABLE _trib_own"
                                      : i == 6 ? "PRAGMA writable_schema=1; UPDATE sqlite_schema SET name='z', "
                                                 "tbl_name='z', sql='CREATE TABLE z(id, v)' WHERE name='t'"
                                               : "INSERT INTO t VALUES (2, randomblob(30000)); CREATE TABLE u(x)");
        assert_int_equal(o->pages[0].page, 1);
        if (i == 0) memset(o->image + (size_t)(o->push.page_count - 1) * PAGE, 0xff, PAGE);
        if (i == 1) o->image[31]++;
        if (i == 2) o->image[16] = 0x20;
        if (i == 3) o->push.count--, o->push.until--;
        if (i == 4) o->pages[o->push.count - 1].page++;
        if (i == 7) o->push.count = 0;
        if (push(f, o, &outcome) == TRIB_OK) fail_msg("%s was taken (%d)", names[i], (int)outcome);
        free(o);
        assert_int_equal(number(f, "SELECT count(*) FROM t"), 1);
        assert_int_equal(number(f, "SELECT count(*) FROM sqlite_schema"), 2);
        pull(f);
        assert_int_equal(f->pulled, 0);
    }
}

int main(void) {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(replica_equals_database_after_every_pull),
        T(lost_map_begins_an_epoch_and_a_generation_beyond_the_next),
        T(an_epoch_that_was_asked_for_begins_anew_and_goes_on),
        T(pushed_pages_are_one_commit_that_everybody_sees),
        T(push_behind_another_commit_conflicts_and_changes_nothing),
        T(damaged_push_is_refused_as_a_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

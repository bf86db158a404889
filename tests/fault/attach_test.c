/* SPDX-License-Identifier: Apache-2.0 */
/* Two databases whose sessions attach each other, on threads: some read across, copy across in one statement, keep
 * transactions open while nobody is inside; others write; and the cut-back of a failed sync, the tick, and old reads
 * strike one or the other at random. It must end (no waiting in a circle), no sanitizer may find anything, no guest may
 * be left, and both databases must be whole.
 *
 *   fault_attach [rounds [seed]] */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "store/attach.h"
#include "support/store_test.h"

enum { SESSIONS = 6, ROUNDS_DEFAULT = 250 };

static const char *const ids[] = {"00112233445566778899aabbccddeeff", "11112233445566778899aabbccddeeff"};
static unsigned rounds = ROUNDS_DEFAULT;
static uint64_t seed = 1;

typedef struct stage {
    trib_env_test env;
    trib_store *store;
    trib_db *db[2];
    _Atomic uint32_t running;
    _Atomic int owners, reads, refused;
} stage;

typedef struct actor {
    trib_attacher attacher; /* first */
    stage *s;
    int own; /* index of its database */
    uint64_t random;
} actor;

static uint64_t draw(uint64_t *state) {
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *state >> 33;
}

static void release(void *owner) {
    atomic_fetch_sub((_Atomic int *)owner, 1);
}

static trib_code find(trib_attacher *attacher, trib_str name, trib_attach_target *ret, trib_error *err) {
    actor *a = (actor *)(void *)attacher;
    (void)name, (void)err;
    memcpy(ret->id, ids[!a->own], TRIB_DB_ID_BYTES + 1);
    ret->owner = &a->s->owners;
    ret->release = release;
    atomic_fetch_add(&a->s->owners, 1);
    return TRIB_OK;
}

static trib_code run(trib_handle *h, const char *sql) {
    trib_str rest = trib_str_c(sql);
    trib_error err;
    for (;;) {
        trib_stmt *stmt = NULL;
        bool row = true;
        trib_code code = trib_stmt_prepare_next(h, &rest, &stmt, &err);
        if (code != TRIB_OK || !stmt) return code;
        while (code == TRIB_OK && row) code = trib_stmt_step(stmt, &row, &err);
        trib_stmt_free(stmt);
        if (code != TRIB_OK) return code;
    }
}

static const char *const scripts[] = {
    "ATTACH 'x' AS o",
    "SELECT count(*), sum(length(v)) FROM o.t",
    "SELECT count(*) FROM t, o.t AS u WHERE t.id = u.id",
    "BEGIN; SELECT max(id) FROM o.t",
    "BEGIN IMMEDIATE; INSERT INTO t(v) SELECT v FROM o.t ORDER BY id DESC LIMIT 2",
    "INSERT INTO t(v) SELECT v FROM o.t LIMIT 1",
    "INSERT INTO t(v) VALUES (hex(randomblob(200)))",
    "COMMIT",
    "ROLLBACK",
    "DETACH o",
};

/* One session after another: a few stays inside, now and then a rest outside with whatever is open. */
static void act(void *arg) {
    actor *a = arg;
    stage *s = a->s;
    trib_session_vars vars = {0};
    for (unsigned i = 0; i < rounds; i++) {
        trib_handle *h = NULL;
        if (trib_handle_take(s->db[a->own], &h, NULL) != TRIB_OK) {
            usleep(200);
            i--;
            continue;
        }
        for (int stay = 0; stay < 6; stay++) {
            trib_gate_need needs[TRIB_ATTACHED_MAX];
            if (trib_handle_enter(h, TRIB_ACCESS_WRITE, &vars, NULL) != TRIB_OK) continue;
            trib_handle_set_attacher(h, &a->attacher);
            for (int n = 0; n < 4; n++) {
                size_t which = n == 0 && stay == 0 ? 0 : draw(&a->random) % (sizeof scripts / sizeof *scripts);
                trib_code code = run(h, scripts[which]);
                atomic_fetch_add(code == TRIB_OK ? &s->reads : &s->refused, 1);
            }
            for (size_t count = trib_handle_take_needs(h, needs); count > 0;) trib_db_unref(needs[--count].db);
            trib_handle_leave(h);
        }
        trib_handle_give(h);
    }
    atomic_fetch_sub(&s->running, 1);
}

static void strike(stage *s, uint64_t *random) {
    trib_db *db = s->db[draw(random) % 2];
    switch (draw(random) % 12) {
    case 0: trib_fail_begin(db); break;
    case 1:
        s->env.offset_ns += INT64_C(31000) * 1000000; /* every open read is too old */
        trib_turn_end_old_reads(db);
        break;
    case 2:
    case 3: trib_guests_evict(db, TRIB_TENANT_NOT_FOUND, false); break;
    default: trib_store_tick(s->store);
    }
}

static void settle(stage *s) {
    for (int i = 0; i < 2; i++) {
        trib_handle *h = NULL;
        trib_session_vars vars = {0};
        char text[64] = "";
        int rc = 0;
        while (trib_handle_take(s->db[i], &h, NULL) != TRIB_OK) usleep(200);
        while (trib_handle_enter(h, TRIB_ACCESS_SYSTEM, &vars, NULL) != TRIB_OK) usleep(200);
        assert_int_equal(store_test_exec(h, "PRAGMA integrity_check", false, text, sizeof text, &rc), TRIB_OK);
        assert_string_equal(text, "ok");
        trib_handle_leave(h);
        trib_handle_give(h);
        assert_int_equal(s->db[i]->guest_count, 0);
        assert_int_not_equal(s->db[i]->state, TRIB_DB_QUARANTINED);
    }
    assert_int_equal(atomic_load(&s->owners), 0);
}

static void databases_that_attach_each_other_survive_everything(void **state) {
    (void)state;
    static stage s;
    actor actors[SESSIONS];
    trib_thread *threads[SESSIONS];
    char folder[300];
    uint64_t random = seed;
    trib_env_test_init(&s.env, true, seed);
    trib_test_folder_make(folder, sizeof folder);
    trib_store_config config = {.data_dir = folder, .sync_threads = 3, .checkpoint_log_bytes = 128 << 10};
    assert_int_equal(trib_store_new(&config, &s.env.env, NULL, &s.store, NULL), TRIB_OK);
    for (int i = 0; i < 2; i++) {
        trib_handle *h = NULL;
        trib_session_vars vars = {0};
        assert_int_equal(trib_store_db_get(s.store, trib_str_c(ids[i]), NULL, &s.db[i], NULL), TRIB_OK);
        assert_int_equal(trib_handle_take(s.db[i], &h, NULL), TRIB_OK);
        assert_int_equal(trib_handle_enter(h, TRIB_ACCESS_WRITE, &vars, NULL), TRIB_OK);
        assert_int_equal(run(h, "CREATE TABLE t(id INTEGER PRIMARY KEY, v); INSERT INTO t(v) VALUES ('a'),('b')"),
                         TRIB_OK);
        trib_handle_leave(h);
        trib_handle_give(h);
    }
    atomic_store(&s.running, SESSIONS);
    for (int i = 0; i < SESSIONS; i++) {
        actors[i] = (actor){.attacher.find = find, .s = &s, .own = i % 2, .random = seed + (uint64_t)i};
        threads[i] = s.env.env.thread_start(s.env.env.ctx, "actor", act, &actors[i]);
        assert_non_null(threads[i]);
    }
    while (atomic_load(&s.running) > 0) {
        strike(&s, &random);
        usleep((useconds_t)(draw(&random) % 5000));
    }
    for (int i = 0; i < SESSIONS; i++) s.env.env.thread_join(s.env.env.ctx, threads[i]);
    settle(&s);
    print_message("%d scripts ran, %d were refused\n", atomic_load(&s.reads), atomic_load(&s.refused));
    assert_true(atomic_load(&s.reads) > 0 && atomic_load(&s.refused) > 0);
    for (int i = 0; i < 2; i++) trib_db_unref(s.db[i]);
    trib_store_free(s.store);
    store_test_remove_folder(folder);
}

int main(int argc, char **argv) {
    if (argc > 1) rounds = (unsigned)strtoul(argv[1], NULL, 10);
    if (argc > 2) seed = strtoull(argv[2], NULL, 10);
    const struct CMUnitTest tests[] = {cmocka_unit_test(databases_that_attach_each_other_survive_everything)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

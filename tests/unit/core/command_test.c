/* SPDX-License-Identifier: Apache-2.0 */
/* Commands over several databases: all or nothing, in any order of names, beside each other, and with parts that are
 * lost behind the commit point. Stops of the process: tests/fault/command_test.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/command_int.h"
#include "core/commands.h"
#include "core/db_start.h"
#include "store/db_int.h"
#include "support/app_test.h"

enum { TENANTS = 4, STOCK = 1000 };

static app_test t;
static const char *const names[TENANTS] = {"ali", "bab-hara", "rami", "zeta"};
static trib_tenant *tenants[TENANTS], *streams;

/* What is to happen at a point of a command, once. */
static void (*_Atomic at_point)(void *ctx, int point);
static void *at_point_ctx;

static void on_point(void *ctx, int point) {
    (void)ctx;
    void (*hook)(void *, int) = atomic_load(&at_point);
    if (hook) hook(at_point_ctx, point);
}

/* ---- SQL on the side ---- */

typedef struct script {
    const char *sql;
    int64_t number;
    char text[200];
} script;

static trib_code take_first(void *ctx, const trib_stmt *stmt, trib_error *err) {
    script *s = ctx;
    (void)err;
    trib_value value = trib_stmt_col_value(stmt, 0);
    if (value.type == TRIB_VALUE_INTEGER) s->number = value.integer;
    if (value.type == TRIB_VALUE_TEXT) snprintf(s->text, sizeof s->text, "%.*s", TRIB_STR_ARG(value.bytes));
    return TRIB_OK;
}

static trib_code run_script(void *ctx, trib_handle *handle, trib_error *err) {
    script *s = ctx;
    return trib_db_start_run(handle, s->sql, NULL, 0, take_first, s, err);
}

static int64_t ask(trib_tenant *tenant, const char *sql) {
    script s = {.sql = sql, .number = -1};
    trib_error err = {0};
    trib_code code = TRIB_NOT_COMMITTED;
    for (int i = 0; i < 2000 && (code == TRIB_NOT_COMMITTED || code == TRIB_COMMAND_PENDING); i++) {
        if (i > 0) usleep(1000); /* the database is being recovered */
        code = trib_db_start(&t.app, tenant, run_script, &s, &err);
    }
    if (code != TRIB_OK) fail_msg("%s: %s", sql, err.message);
    return s.number;
}

static int setup(void **state) {
    (void)state;
    if (app_test_start(&t, true, NULL) != TRIB_OK) return -1;
    t.app.on_command_point = on_point;
    streams = trib_control_find(t.app.control, TRIB_STR("streams"));
    ask(streams, "CREATE TABLE log(name TEXT PRIMARY KEY, n INTEGER)");
    for (int i = 0; i < TENANTS; i++) {
        if (app_test_change(&t, TRIB_CONTROL_CREATE, names[i], NULL) != TRIB_OK) return -1;
        tenants[i] = trib_control_find(t.app.control, trib_str_c(names[i]));
        ask(tenants[i], "CREATE TABLE orders(id TEXT PRIMARY KEY, n INTEGER)");
        ask(tenants[i], "CREATE TABLE stock(n INTEGER CHECK (n >= 0))");
        ask(tenants[i], "INSERT INTO stock VALUES (1000)");
    }
    return 0;
}

static int teardown(void **state) {
    (void)state;
    for (int i = 0; i < TENANTS; i++) trib_tenant_unref(tenants[i]);
    trib_tenant_unref(streams);
    app_test_stop(&t);
    app_test_cleanup(&t);
    return 0;
}

/* ---- a command that moves stock between two tenants and says so ---- */

typedef struct move {
    trib_command command; /* first */
    char name[40];
    const char *from, *to;
    int64_t n;
    bool finished, fails;
    _Atomic int works;
    const char *also; /* found out by work only */
} move;

static trib_code one(trib_handle *handle, const char *sql, const move *m, int64_t n, trib_error *err) {
    trib_arg args[] = {trib_stream_text(trib_str_c(m->name)), trib_stream_integer(n)};
    return trib_stmt_run(handle, sql, args, 2, NULL, NULL, err);
}

static trib_code plan_move(trib_command *command, trib_stream_txn *txn, trib_error *err) {
    const move *m = (const move *)(void *)command;
    assert_false(txn->writes);
    trib_code code = trib_command_add(command, trib_str_c(m->to), NULL, err);
    return code == TRIB_OK ? trib_command_add(command, trib_str_c(m->from), NULL, err) : code;
}

static trib_code work_move(trib_command *command, trib_stream_txn *txn, trib_handle *const *handles, trib_error *err) {
    move *m = (move *)(void *)command;
    m->works++;
    if (m->also && command->tenant_count == 2)
        return trib_command_add(command, trib_str_c(m->also), NULL, err) ? TRIB_INTERNAL : TRIB_AGAIN;
    assert_true(txn->writes);
    trib_code code = one(txn->handle, "INSERT INTO log VALUES (?1, ?2)", m, m->n, err);
    if (code == TRIB_OK) code = one(handles[0], "INSERT INTO orders VALUES (?1, ?2)", m, m->n, err);
    if (code == TRIB_OK) code = one(handles[1], "INSERT INTO orders VALUES (?1, -?2)", m, m->n, err);
    if (code == TRIB_OK) code = one(handles[0], "UPDATE stock SET n = n + ?2 WHERE ?1 <> ''", m, m->n, err);
    if (code == TRIB_OK) code = one(handles[1], "UPDATE stock SET n = n - ?2 WHERE ?1 <> ''", m, m->n, err);
    if (code == TRIB_OK && m->also) code = one(handles[2], "INSERT INTO orders VALUES (?1, ?2)", m, 0, err);
    return code == TRIB_OK && m->fails ? trib_error_set(err, TRIB_BAD_EVENT, "no") : code;
}

static void move_finished(trib_command *command) {
    ((move *)(void *)command)->finished = true;
}

static void start(move *m) {
    m->command.app = &t.app;
    m->command.job.home = &t.home;
    m->command.plan = plan_move;
    m->command.work = work_move;
    m->command.finished = move_finished;
    assert_int_equal(trib_command_submit(&m->command, NULL), TRIB_OK);
}

static trib_code end(move *m) {
    while (!m->finished) app_test_pump(&t);
    trib_command_deinit(&m->command);
    return m->command.code;
}

static int64_t all_stock(void) {
    int64_t sum = 0;
    for (int i = 0; i < TENANTS; i++) sum += ask(tenants[i], "SELECT n FROM stock");
    return sum;
}

static void everything_changes_or_nothing(void **state) {
    (void)state;
    move m = {.name = "ord-1", .from = "bab-hara", .to = "ali", .n = 7};
    start(&m);
    trib_code code = end(&m);
    if (code != TRIB_OK) fail_msg("%s", m.command.err.message);
    assert_int_equal(ask(streams, "SELECT n FROM log WHERE name = 'ord-1'"), 7);
    assert_int_equal(ask(tenants[0], "SELECT n FROM orders WHERE id = 'ord-1'"), 7);
    assert_int_equal(ask(tenants[1], "SELECT n FROM orders WHERE id = 'ord-1'"), -7);
    assert_int_equal(ask(tenants[1], "SELECT n FROM stock"), STOCK - 7);
    move bad = {.name = "ord-2", .from = "bab-hara", .to = "ali", .n = 7, .fails = true};
    start(&bad);
    assert_int_equal(end(&bad), TRIB_BAD_EVENT);
    move much = {.name = "ord-3", .from = "bab-hara", .to = "ali", .n = 5000};
    start(&much);
    assert_int_equal(end(&much), TRIB_SQL_ERROR);
    assert_int_equal(ask(streams, "SELECT count(*) FROM log"), 1);
    assert_int_equal(ask(tenants[0], "SELECT count(*) FROM orders"), 1);
    assert_int_equal(all_stock(), TENANTS * STOCK);
}

static void work_may_name_others(void **state) {
    (void)state;
    move m = {.name = "ord-5", .from = "rami", .to = "zeta", .n = 1, .also = "ali"};
    start(&m);
    assert_int_equal(end(&m), TRIB_OK);
    assert_int_equal(m.works, 2);
    assert_int_equal(ask(tenants[0], "SELECT count(*) FROM orders WHERE id = 'ord-5'"), 1);
}

static void nobody_unknown_takes_part(void **state) {
    (void)state;
    move m = {.name = "ord-6", .from = "nobody", .to = "ali", .n = 1};
    start(&m);
    assert_int_equal(end(&m), TRIB_TENANT_NOT_FOUND);
    move own = {.name = "ord-6", .from = "streams", .to = "ali", .n = 1};
    start(&own);
    assert_int_equal(end(&own), TRIB_BAD_REQUEST);
    assert_int_equal(ask(streams, "SELECT count(*) FROM log WHERE name = 'ord-6'"), 0);
}

/* Every pair in both directions at once: whoever waits in circles hangs here. */
static void commands_on_the_same_tenants_go_one_after_the_other(void **state) {
    (void)state;
    enum { MANY = 60 };
    static move moves[MANY];
    for (int i = 0; i < MANY; i++) {
        moves[i] = (move){.from = names[i % TENANTS], .to = names[(i + 1 + i / TENANTS % 3) % TENANTS], .n = i % 5};
        snprintf(moves[i].name, sizeof moves[i].name, "many-%d", i);
        start(&moves[i]);
    }
    for (int i = 0; i < MANY; i++) assert_int_equal(end(&moves[i]), TRIB_OK);
    assert_int_equal(ask(streams, "SELECT count(*) FROM log WHERE name LIKE 'many-%'"), MANY);
    int64_t orders = 0;
    for (int i = 0; i < TENANTS; i++) orders += ask(tenants[i], "SELECT count(*) FROM orders WHERE id LIKE 'many-%'");
    assert_int_equal(orders, 2 * MANY);
    assert_int_equal(all_stock(), TENANTS * STOCK);
}

static void intents_do_not_stay(void **state) {
    (void)state;
    for (int i = 0; i < 400 && trib_commands_count_intents(t.app.commands) > 0; i++) {
        t.env.offset_ns += INT64_C(200) * 1000000;
        trib_app_tick(&t.app);
        usleep(2000);
    }
    assert_int_equal(trib_commands_count_intents(t.app.commands), 0);
    assert_int_equal(ask(streams, "SELECT count(*) FROM _trib_intent"), 0);
    assert_true(ask(tenants[0], "SELECT count(*) FROM _trib_applied") <= 130);
}

/* ---- parts that are lost behind the commit point ---- */

static void lose_part(void *ctx, int point) {
    trib_db *db = NULL;
    if (point != TRIB_COMMAND_POINT_DURABLE) return;
    atomic_store(&at_point, NULL);
    assert_int_equal(trib_store_db_get(t.app.store, trib_str_c(((trib_tenant *)ctx)->id), NULL, &db, NULL), TRIB_OK);
    trib_fail_begin(db); /* as after a failed sync */
    trib_db_unref(db);
}

static void a_part_that_is_lost_is_done_again(void **state) {
    (void)state;
    move m = {.name = "lost", .from = "bab-hara", .to = "ali", .n = 3};
    int64_t before = ask(tenants[1], "SELECT n FROM stock");
    at_point_ctx = tenants[1];
    atomic_store(&at_point, lose_part);
    start(&m);
    assert_int_equal(end(&m), TRIB_OK);
    assert_int_equal(ask(tenants[0], "SELECT n FROM orders WHERE id = 'lost'"), 3);
    assert_int_equal(ask(tenants[1], "SELECT n FROM orders WHERE id = 'lost'"), -3);
    assert_int_equal(ask(tenants[1], "SELECT n FROM stock"), before - 3);
    assert_int_equal(all_stock(), TENANTS * STOCK);
    intents_do_not_stay(state);
}

/* The database stays in service, as where the disk is full for a moment. */
static void roll_back_part(void *ctx, int point) {
    trib_db *db = NULL;
    if (point != TRIB_COMMAND_POINT_DURABLE) return;
    atomic_store(&at_point, NULL);
    assert_int_equal(trib_store_db_get(t.app.store, trib_str_c(((trib_tenant *)ctx)->id), NULL, &db, NULL), TRIB_OK);
    trib_handle_rollback(db->turn_owner);
    trib_db_unref(db);
}

static void nobody_gets_in_before_it_is_done_again(void **state) {
    move m = {.name = "full", .from = "bab-hara", .to = "ali", .n = 3};
    at_point_ctx = tenants[1];
    atomic_store(&at_point, roll_back_part);
    start(&m);
    assert_int_equal(end(&m), TRIB_OK);
    assert_int_equal(ask(tenants[1], "SELECT n FROM orders WHERE id = 'full'"), -3);
    assert_int_equal(all_stock(), TENANTS * STOCK);
    intents_do_not_stay(state);
}

/* ---- waits ---- */

typedef struct holder {
    trib_db *db;
    trib_handle *handle;
    trib_session_vars vars;
} holder;

static void hold(holder *h, trib_tenant *tenant) {
    trib_stmt *stmt = NULL;
    bool row;
    *h = (holder){.db = NULL};
    trib_db_settings settings = trib_tenant_db_settings(tenant);
    assert_int_equal(trib_store_db_get(t.app.store, trib_str_c(tenant->id), &settings, &h->db, NULL), TRIB_OK);
    assert_int_equal(trib_handle_take(h->db, &h->handle, NULL), TRIB_OK);
    assert_int_equal(trib_handle_enter(h->handle, TRIB_ACCESS_WRITE, &h->vars, NULL), TRIB_OK);
    assert_int_equal(trib_stmt_prepare(h->handle, TRIB_STR("BEGIN IMMEDIATE"), &stmt, NULL), TRIB_OK);
    assert_int_equal(trib_stmt_step(stmt, &row, NULL), TRIB_OK);
    trib_stmt_free(stmt);
    trib_handle_leave(h->handle);
}

static void let_go_of(holder *h) {
    trib_handle_give(h->handle);
    trib_db_unref(h->db);
}

/* With ticks: a clock that jumped may have ended a worker, whose successor begins with one. */
static void wait_for_waiters(trib_db *db, uint32_t count) {
    trib_db_stats stats = {0};
    while (stats.turn_waiters < count) {
        trib_workers_tick(t.app.workers);
        trib_db_get_stats(db, &stats);
        usleep(200);
    }
}

static void a_busy_tenant_holds_up_nobody_else_for_long(void **state) {
    (void)state;
    holder h;
    move m = {.name = "busy", .from = "zeta", .to = "ali", .n = 1},
         other = {.name = "other", .from = "rami", .to = "ali"};
    trib_tenant_set(tenants[3], TRIB_TENANT_TXN_STEAL_MS, 600000);
    hold(&h, tenants[3]);
    start(&m);
    wait_for_waiters(h.db, 1);
    t.env.offset_ns += INT64_C(6000) * 1000000;
    trib_app_tick(&t.app);
    assert_int_equal(end(&m), TRIB_TRANSACTION_BUSY);
    assert_ptr_equal(m.command.kept_by, tenants[3]);
    start(&other); /* the turns that it had in hand went on */
    assert_int_equal(end(&other), TRIB_OK);
    assert_null(other.command.kept_by);
    let_go_of(&h);
    trib_tenant_set(tenants[3], TRIB_TENANT_TXN_STEAL_MS, 0);
    assert_int_equal(ask(streams, "SELECT count(*) FROM log WHERE name = 'busy'"), 0);
}

static void a_peer_that_has_gone_ends_it(void **state) {
    (void)state;
    holder h;
    move m = {.name = "gone", .from = "zeta", .to = "ali", .n = 1},
         next = {.name = "next", .from = "zeta", .to = "ali"};
    hold(&h, tenants[3]);
    start(&m);
    wait_for_waiters(h.db, 1);
    trib_command_cancel(&m.command);
    trib_command_cancel(&m.command);
    assert_int_equal(end(&m), TRIB_CANCELLED);
    let_go_of(&h);
    start(&next);
    assert_int_equal(end(&next), TRIB_OK);
    assert_int_equal(ask(streams, "SELECT count(*) FROM log WHERE name = 'gone'"), 0);
}

/* The transaction on `streams` is too old while somebody waits. */
static void be_slow(void *ctx, int point) {
    if (point != TRIB_COMMAND_POINT_WORKED || !atomic_exchange(&at_point, NULL)) return;
    wait_for_waiters(ctx, 1);
    t.env.offset_ns += INT64_C(2000) * 1000000;
    trib_store_tick(t.app.store);
}

static void a_turn_that_is_taken_away_takes_everything_back(void **state) {
    (void)state;
    trib_db *db = NULL;
    move slow = {.name = "slow", .from = "bab-hara", .to = "ali", .n = 1};
    move quick = {.name = "quick", .from = "rami", .to = "zeta", .n = 1};
    assert_int_equal(trib_store_db_get(t.app.store, trib_str_c(streams->id), NULL, &db, NULL), TRIB_OK);
    trib_db_settings settings = trib_tenant_db_settings(streams);
    trib_db_set_settings(db, &settings);
    at_point_ctx = db;
    atomic_store(&at_point, be_slow);
    start(&slow);
    while (slow.works == 0) usleep(200);
    start(&quick);
    assert_int_equal(end(&slow), TRIB_TRANSACTION_TIMEOUT);
    assert_int_equal(end(&quick), TRIB_OK);
    trib_db_unref(db);
    for (int i = 0; i < TENANTS; i++)
        assert_int_equal(ask(tenants[i], "SELECT count(*) FROM orders WHERE id = 'slow'"), 0);
    assert_int_equal(ask(streams, "SELECT count(*) FROM log WHERE name = 'slow'"), 0);
    assert_int_equal(all_stock(), TENANTS * STOCK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_changes_or_nothing),
        cmocka_unit_test(work_may_name_others),
        cmocka_unit_test(nobody_unknown_takes_part),
        cmocka_unit_test(commands_on_the_same_tenants_go_one_after_the_other),
        cmocka_unit_test(intents_do_not_stay),
        cmocka_unit_test(a_part_that_is_lost_is_done_again),
        cmocka_unit_test(nobody_gets_in_before_it_is_done_again),
        cmocka_unit_test(a_busy_tenant_holds_up_nobody_else_for_long),
        cmocka_unit_test(a_peer_that_has_gone_ends_it),
        cmocka_unit_test(a_turn_that_is_taken_away_takes_everything_back),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Commands over two tenants and `streams`, stopped at every numbered point and at random disk operations, on a
 * simulated disk: a kill (what is written stays) or a power cut (what is not synced may go, or a part of it).
 *
 *   fault_command [--runs N] [--seed S] [--verbose 1]     TRIB_TEST_COMMAND_RUNS is the default of --runs
 *
 * One run: the core on the disk, a few commands at once, the stop at its point, the core ends, the disk loses what the
 * stop means, the core starts again; sometimes that is stopped too, while what is owed is being done. Then:
 *
 *   each order is in `streams` and both tenants, or in none      acknowledged: in all      refused: in none
 *   the customer's and the merchant's stock add up to what there was at the beginning
 *   integrity_check, foreign_key_check, the search index, rows of triggers, of a table without a key, of cascades
 *   nothing is owed in the end
 *
 * The tenants have triggers, FTS5, a table without a key, generated columns, foreign keys and NULL keys. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/command_int.h"
#include "core/commands.h"
#include "core/db_start.h"
#include "store/db_int.h"
#include "support/app_test.h"
#include "support/sim_shared.h"

enum {
    AT_ONCE = 3,
    RUNS_DEFAULT = 3,
    LIFE_RUNS = 12,
    STOCK = 1000000,
    ORDERS_MAX = 4096,
    OPS_POINT = TRIB_COMMAND_POINT_COUNT
};

typedef enum fate { FATE_SENT, FATE_OK, FATE_REFUSED } fate;

typedef struct order {
    trib_command command; /* first */
    int number, pieces;
    bool finished;
} order;

static app_test t;
static sim_shared *disk;
static const char *const names[] = {"ali", "bab-hara"};
static trib_tenant *tenants[2], *streams;
static uint64_t seed = 1, dice_state;
static bool verbose;
static fate fates[ORDERS_MAX];
static int pieces_of[ORDERS_MAX], next_order;
static int stop_point, stop_after;
static unsigned long runs_done, mended, acked, refused, unknown;

static uint64_t dice(uint64_t n) {
    return sim_random(&dice_state) % n;
}

__attribute__((format(printf, 1, 2), noreturn)) static void wrong(const char *format, ...) {
    va_list args;
    va_start(args, format);
    fprintf(stderr, "seed %llu, run %lu: ", (unsigned long long)seed, runs_done);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    exit(1);
}

/* ---- SQL on the side ---- */

typedef struct script {
    const char *const *sql;
    size_t count;
    char text[300];
} script;

static trib_code take_first(void *ctx, const trib_stmt *stmt, trib_error *err) {
    script *s = ctx;
    (void)err;
    trib_value value = trib_stmt_col_value(stmt, 0);
    if (value.type == TRIB_VALUE_INTEGER) snprintf(s->text, sizeof s->text, "%lld", (long long)value.integer);
    else if (value.type == TRIB_VALUE_TEXT) snprintf(s->text, sizeof s->text, "%.*s", TRIB_STR_ARG(value.bytes));
    return TRIB_OK;
}

static trib_code run_script(void *ctx, trib_handle *handle, trib_error *err) {
    script *s = ctx;
    trib_code code = TRIB_OK;
    for (size_t i = 0; code == TRIB_OK && i < s->count; i++)
        code = trib_db_start_run(handle, s->sql[i], NULL, 0, take_first, s, err);
    return code;
}

static trib_code try_sql(trib_tenant *tenant, const char *const *sql, size_t count, char *ret_text) {
    script s = {.sql = sql, .count = count};
    trib_error err = {0};
    trib_code code = trib_db_start(&t.app, tenant, run_script, &s, &err);
    if (code != TRIB_OK && !sim_shared_is_off(disk)) wrong("%s: %s", sql[0], err.message);
    if (ret_text) snprintf(ret_text, sizeof s.text, "%s", s.text);
    return code;
}

static const char *ask(trib_tenant *tenant, const char *sql) {
    static char text[300];
    if (try_sql(tenant, &sql, 1, text) != TRIB_OK) return NULL;
    return text;
}

static const char *const streams_schema[] = {"CREATE TABLE log(id INTEGER PRIMARY KEY, n INTEGER NOT NULL)"};
static const char *const tenant_schema[] = {
    "CREATE TABLE nodes(id TEXT PRIMARY KEY, title TEXT, payload TEXT, len AS (length(title)) VIRTUAL, "
    "kind TEXT AS (coalesce(payload, '-')) STORED)",
    "CREATE INDEX nodes_len ON nodes(len)",
    "CREATE TABLE points(id TEXT PRIMARY KEY, nodeId TEXT REFERENCES nodes(id) ON DELETE CASCADE, qty INTEGER "
    "CHECK (qty >= 0))",
    "CREATE TABLE lines(nodeId TEXT, n INTEGER)", /* no key */
    "CREATE TABLE seen(id INTEGER PRIMARY KEY AUTOINCREMENT, what TEXT, at DEFAULT (random()))",
    "CREATE TABLE holds(k TEXT, n INTEGER, PRIMARY KEY(k)) WITHOUT ROWID",
    "CREATE VIRTUAL TABLE find USING fts5(title, content='nodes', content_rowid='rowid')",
    "CREATE TRIGGER node_in AFTER INSERT ON nodes BEGIN INSERT INTO seen(what) VALUES(new.id); "
    "INSERT INTO find(rowid, title) VALUES(new.rowid, new.title); END",
    "CREATE TRIGGER node_out AFTER DELETE ON nodes BEGIN INSERT INTO find(find, rowid, title) "
    "VALUES('delete', old.rowid, old.title); END",
    "INSERT INTO nodes(id, title) VALUES('stock', 'chicken shawarma'), (NULL, 'no key')",
    "INSERT INTO points VALUES('pt', 'stock', 1000000)",
};

/* ---- the core on the disk ---- */

static trib_code start_app(void) {
    trib_error err = {0};
    memset(&t, 0, sizeof t);
    snprintf(t.folder, sizeof t.folder, "%s", SIM_DISK_ROOT); /* it is there durably */
    trib_env_test_init(&t.env, true, seed + runs_done);
    t.lock = trib_mutex_new(&t.env.env);
    t.cond = trib_cond_new(&t.env.env);
    trib_list_init(&t.posted);
    t.home = (trib_home){.ctx = &t, .post = app_test_post};
    t.app.env = &t.env.env;
    t.app.settings.data_dir = t.folder;
    t.app.settings.worker_threads = 2;
    t.app.settings.base_vfs = "commands";
    t.app.settings.disk = sim_shared_folders(disk);
    trib_code code = trib_app_start(&t.app, &err);
    if (code != TRIB_OK && !sim_shared_is_off(disk)) wrong("start: %s", err.message);
    if (code != TRIB_OK) return code;
    streams = trib_control_find(t.app.control, TRIB_STR("streams"));
    for (int i = 0; i < 2; i++) tenants[i] = trib_control_find(t.app.control, trib_str_c(names[i]));
    return code;
}

static void stop_app(bool started) {
    for (int i = 0; started && i < 2; i++) trib_tenant_unref(tenants[i]);
    if (started) trib_tenant_unref(streams);
    if (started) trib_app_stop(&t.app);
    trib_cond_free(&t.env.env, t.cond);
    trib_mutex_free(&t.env.env, t.lock);
}

static void new_life(void) {
    if (disk) sim_shared_free(disk);
    disk = sim_shared_new("commands", sim_random(&dice_state));
    memset(fates, 0, sizeof fates);
    next_order = 1;
    start_app();
    for (int i = 0; i < 2; i++) {
        if (app_test_change(&t, TRIB_CONTROL_CREATE, names[i], NULL) != TRIB_OK) wrong("no tenant");
        tenants[i] = trib_control_find(t.app.control, trib_str_c(names[i]));
        try_sql(tenants[i], tenant_schema, sizeof tenant_schema / sizeof *tenant_schema, NULL);
    }
    try_sql(streams, streams_schema, 1, NULL);
    stop_app(true);
}

/* ---- an order ---- */

static trib_code one(trib_handle *handle, const char *sql, const order *o, int64_t n, trib_error *err) {
    char id[40];
    snprintf(id, sizeof id, "ord-%d", o->number);
    trib_arg args[] = {trib_stream_text(trib_str_c(id)), trib_stream_integer(n)};
    return trib_stmt_run(handle, sql, args, 2, NULL, NULL, err);
}

static trib_code work_order(trib_command *command, trib_stream_txn *txn, trib_handle *const *handles, trib_error *err) {
    const order *o = (const order *)(void *)command;
    static const char *const sql[] = {
        "INSERT INTO nodes(id, title, payload) VALUES(?1, 'order of ' || ?2, '{}')",
        "INSERT INTO lines VALUES(?1, ?2)",
        "INSERT INTO lines VALUES(?1, ?2)",
        "INSERT INTO points VALUES('p-' || ?1, ?1, abs(?2))",
        "DELETE FROM nodes WHERE id = 'ord-' || (CAST(substr(?1, 5) AS INTEGER) - 40) AND ?2 <> 1000",
        "REPLACE INTO holds VALUES(?1, ?2)",
        "UPDATE points SET qty = qty + ?2 WHERE id = 'pt' AND ?1 <> ''",
        "UPDATE nodes SET title = title || '.' WHERE id IS NULL AND ?1 <> '' AND ?2 <> 1000",
    };
    trib_arg args[] = {trib_stream_integer(o->number), trib_stream_integer(o->pieces)};
    trib_code code = trib_stmt_run(txn->handle, "INSERT INTO log VALUES(?1, ?2)", args, 2, NULL, NULL, err);
    for (size_t i = 0; i < sizeof sql / sizeof *sql && code == TRIB_OK; i++) {
        code = one(handles[0], sql[i], o, o->pieces, err);
        if (code == TRIB_OK) code = one(handles[1], sql[i], o, -o->pieces, err);
    }
    return code;
}

static void order_finished(trib_command *command) {
    ((order *)(void *)command)->finished = true;
}

static void send(order *o) {
    memset(o, 0, sizeof *o);
    o->number = next_order++;
    o->pieces = pieces_of[o->number] = (int)dice(9) + 1;
    o->command.app = &t.app;
    o->command.job.home = &t.home;
    o->command.work = work_order;
    o->command.finished = order_finished;
    bool ok = trib_command_add(&o->command, trib_str_c(names[0]), NULL, NULL) == TRIB_OK &&
              trib_command_add(&o->command, trib_str_c(names[1]), NULL, NULL) == TRIB_OK;
    if (!ok || trib_command_submit(&o->command, NULL) != TRIB_OK) wrong("an order was not taken");
}

/* One job that came home, or a tick of the server. */
static void pump(void) {
    trib_mutex_lock(&t.env.env, t.lock);
    trib_list *link = trib_list_take_first(&t.posted);
    trib_mutex_unlock(&t.env.env, t.lock);
    if (link) {
        trib_job *job = TRIB_LIST_ITEM(link, trib_job, link);
        job->done(job);
        return;
    }
    trib_app_tick(&t.app);
    usleep(200);
}

static void await(order *o) {
    while (!o->finished) pump();
    trib_code code = o->command.code;
    if (code == TRIB_OK) {
        fates[o->number] = FATE_OK;
        acked++;
    } else if (code == TRIB_COMMIT_OUTCOME_UNKNOWN) {
        unknown++;
    } else {
        fates[o->number] = FATE_REFUSED;
        refused++;
        if (!sim_shared_is_off(disk)) wrong("order %d: %s", o->number, o->command.err.message);
    }
    trib_command_deinit(&o->command);
}

/* ---- the stop ---- */

static void on_point(void *ctx, int point) {
    (void)ctx;
    if (point == TRIB_COMMAND_POINT_MENDED) mended++;
    if (point == stop_point && --stop_after <= 0) sim_shared_stop(disk);
}

static void arm(int point) {
    stop_point = point;
    stop_after = 1 + (int)dice(AT_ONCE);
    if (point == OPS_POINT) sim_shared_cut_at(disk, 1 + dice(120));
    t.app.on_command_point = on_point;
}

/* kind 0: killed; else a power cut that keeps nothing, all, or some. */
static void lose(int kind) {
    if (verbose) printf("  lost as %d\n", kind);
    if (kind == 0) sim_disk_resume(sim_shared_disk(disk));
    else sim_disk_power_cut(sim_shared_disk(disk), (sim_survival)(kind - 1));
}

/* ---- what must hold ---- */

static bool check_order(int n) {
    char sql[200];
    int there[3];
    snprintf(sql, sizeof sql, "SELECT count(*) FROM log WHERE id = %d AND n = %d", n, pieces_of[n]);
    const char *text = ask(streams, sql);
    if (!text) return false;
    there[0] = (int)strtol(text, NULL, 10);
    for (int i = 0; i < 2; i++) {
        snprintf(sql, sizeof sql, "SELECT count(*) FROM holds WHERE k = 'ord-%d' AND n = %d", n,
                 i ? -pieces_of[n] : pieces_of[n]);
        if (!(text = ask(tenants[i], sql))) return false;
        there[1 + i] = (int)strtol(text, NULL, 10);
    }
    if (there[0] != there[1] || there[0] != there[2])
        wrong("order %d: %d in streams, %d and %d in the tenants", n, there[0], there[1], there[2]);
    if (fates[n] == FATE_OK && !there[0]) wrong("order %d was acknowledged and is lost", n);
    if (fates[n] == FATE_REFUSED && there[0]) wrong("order %d was refused and is there", n);
    fates[n] = there[0] ? FATE_OK : FATE_REFUSED;
    return true;
}

static bool expect(trib_tenant *tenant, const char *sql, const char *want) {
    const char *text = ask(tenant, sql);
    if (text && strcmp(text, want) != 0) wrong("%s: %s: %s, not %s", tenant->name, sql, text, want);
    return text != NULL;
}

static bool check_tenant(trib_tenant *tenant) {
    static const char search[] = "INSERT INTO find(find, rank) VALUES('integrity-check', 1)";
    const char *const searches[] = {search};
    return expect(tenant, "PRAGMA integrity_check", "ok") &&
           expect(tenant, "SELECT count(*) FROM pragma_foreign_key_check", "0") &&
           expect(tenant, "SELECT 2 * (SELECT count(*) FROM holds) - (SELECT count(*) FROM lines)", "0") &&
           expect(tenant, "SELECT (SELECT count(*) FROM nodes) - (SELECT count(*) FROM points)", "1") &&
           expect(tenant, "SELECT (SELECT count(*) FROM holds) - (SELECT count(*) - 2 FROM seen)", "0") &&
           expect(tenant, "SELECT length(title) - 6 - (SELECT count(*) FROM holds) FROM nodes WHERE id IS NULL", "0") &&
           try_sql(tenant, searches, 1, NULL) == TRIB_OK;
}

/* false: stopped again meanwhile. */
static bool check(void) {
    long long sum = 0;
    for (int i = 1; i < next_order; i++) {
        if ((fates[i] == FATE_SENT || i >= next_order - 2 * AT_ONCE) && !check_order(i)) return false;
    }
    for (int i = 0; i < 2; i++) {
        const char *text = ask(tenants[i], "SELECT qty FROM points WHERE id = 'pt'");
        if (!text || !check_tenant(tenants[i])) return false;
        if (!(text = ask(tenants[i], "SELECT qty FROM points WHERE id = 'pt'"))) return false;
        sum += strtoll(text, NULL, 10);
    }
    if (sum != 2 * STOCK) wrong("stock: %lld pieces", sum);
    for (int i = 0; i < 2000 && trib_commands_count_intents(t.app.commands) > 0; i++) {
        t.env.offset_ns += INT64_C(200) * 1000000;
        trib_app_tick(&t.app);
        usleep(500);
        if (sim_shared_is_off(disk)) return false;
    }
    if (trib_commands_count_intents(t.app.commands) > 0) wrong("something is still owed");
    const char *text = ask(streams, "SELECT count(*) FROM sqlite_schema WHERE name = '_trib_intent'");
    return text && (*text == '0' || expect(streams, "SELECT count(*) FROM _trib_intent", "0"));
}

static void run(int point) {
    order orders[AT_ONCE];
    if (verbose) printf("run %lu: point %d\n", runs_done, point);
    if (start_app() != TRIB_OK) wrong("no start on a disk that works");
    if (dice(2)) { /* something to go on from */
        send(&orders[0]);
        await(&orders[0]);
    }
    arm(point);
    for (int i = 0; i < AT_ONCE; i++) send(&orders[i]);
    for (int i = 0; i < AT_ONCE; i++) await(&orders[i]);
    if (point >= TRIB_COMMAND_POINT_MEND && point != OPS_POINT) sim_shared_stop(disk); /* those come later */
    sim_shared_stop(disk);
    stop_app(true);
    lose((int)dice(4));
    for (int again = 0; again < 3; again++) {
        bool last = again == 2;
        if (!last) arm(point >= TRIB_COMMAND_POINT_MEND ? point : TRIB_COMMAND_POINT_COUNT + 1);
        void (*hook)(void *, int) = on_point;
        if (last) stop_point = -1;
        bool started = start_app() == TRIB_OK;
        t.app.on_command_point = hook;
        bool whole = started && check();
        bool off = sim_shared_is_off(disk);
        sim_shared_cut_at(disk, 0);
        stop_app(started);
        if (whole && !off) break;
        if (last) wrong("it does not come up");
        lose((int)dice(4));
    }
    runs_done++;
}

static unsigned long number_of(const char *text) {
    return text ? strtoul(text, NULL, 10) : 0;
}

int main(int argc, char **argv) {
    unsigned long runs = number_of(getenv("TRIB_TEST_COMMAND_RUNS"));
    if (runs == 0) runs = RUNS_DEFAULT;
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--runs") == 0) runs = number_of(argv[i + 1]);
        if (strcmp(argv[i], "--seed") == 0) seed = number_of(argv[i + 1]);
        if (strcmp(argv[i], "--verbose") == 0) verbose = true;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    dice_state = seed;
    if (trib_policy_init_process(NULL) != TRIB_OK) return 1; /* before the disk starts SQLite */
    for (unsigned long i = 0; i < runs * (TRIB_COMMAND_POINT_COUNT + 1); i++) {
        if (i % LIFE_RUNS == 0) new_life();
        run((int)(i % (TRIB_COMMAND_POINT_COUNT + 1)));
    }
    sim_shared_free(disk);
    printf("%lu stops, %lu orders acknowledged, %lu refused, %lu unknown, %lu parts done again\n", runs_done, acked,
           refused, unknown, mended);
    return 0;
}

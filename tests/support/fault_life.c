/* SPDX-License-Identifier: Apache-2.0 */
/* See fault_life.h. */
#include "support/fault_life.h"

#include <stdarg.h>

#include "store/db_int.h"

enum { FATE_NONE, FATE_OPEN /* nobody can say */, FATE_ACKED, FATE_GONE };

static const char id_main[] = "0123456789abcdef0123456789abcdef";
static const char id_other[] = "abcdef0123456789abcdef0123456789";

__attribute__((format(printf, 2, 3))) static void wrong(fault_life *l, const char *format, ...) {
    if (l->failure[0]) return;
    va_list args;
    va_start(args, format);
    vsnprintf(l->failure, sizeof l->failure, format, args);
    va_end(args);
}

/* What a client gets for `code`: it must be an error with words. */
static trib_code told(fault_life *l, const char *what, trib_code code, const trib_error *err) {
    if (code == TRIB_OK) return code;
    l->errors++;
    if (code == TRIB_DATABASE_QUARANTINED) l->quarantined = true;
    if (err->code != code || !err->message[0])
        wrong(l, "%s: answered %s, and the error says %s \"%s\"", what, trib_code_name(code), trib_code_name(err->code),
              err->message);
    return code;
}

/* ---- opening ---- */

static void stop(fault_life *l) {
    trib_handle_give(l->handle);
    trib_db_unref(l->db);
    trib_store_free(l->store);
    l->handle = NULL;
    l->db = NULL;
    l->store = NULL;
    if (sim_disk_open_files(l->disk) != 0) wrong(l, "%d files were left open", sim_disk_open_files(l->disk));
}

/* Whatever of store, database and handle is missing. */
static bool ensure(fault_life *l) {
    trib_error err = {0};
    trib_store_config config = {
        .data_dir = SIM_DISK_ROOT,
        .base_vfs = "sim",
        .disk = sim_disk_folders(l->disk),
        .inline_sync = true,
        .checkpoint_log_bytes = 40000,
    };
    trib_code code = TRIB_OK;
    if (!l->store) code = told(l, "store_new", trib_store_new(&config, &l->env.env, NULL, &l->store, &err), &err);
    if (code == TRIB_OK && !l->db)
        code = told(l, "db_get", trib_store_db_get(l->store, trib_str_c(id_main), NULL, &l->db, &err), &err);
    if (code == TRIB_OK && !l->handle) code = told(l, "take", trib_handle_take(l->db, &l->handle, &err), &err);
    return code == TRIB_OK;
}

static bool enter(fault_life *l) {
    if (!ensure(l)) return false;
    for (int i = 0; i < 3; i++) {
        trib_error err = {0};
        if (told(l, "enter", trib_handle_enter(l->handle, TRIB_ACCESS_WRITE, &l->vars, &err), &err) == TRIB_OK)
            return true;
        trib_store_run_pending(l->store);
    }
    return false;
}

/* ---- SQL ---- */

typedef struct waiter {
    trib_turn_waiter turn;
    trib_gate_waiter gate;
    trib_code code;
    int calls;
} waiter;

static void granted(trib_turn_waiter *turn, trib_code code) {
    waiter *w = (waiter *)(void *)((char *)turn - offsetof(waiter, turn));
    w->code = code;
    w->calls++;
}

static void resolved(trib_gate_waiter *gate, trib_code code) {
    waiter *w = (waiter *)(void *)((char *)gate - offsetof(waiter, gate));
    w->code = code;
    w->calls++;
}

static trib_code wait_for_turn(fault_life *l, trib_error *err) {
    waiter w = {.turn.granted = granted};
    trib_code code = trib_turn_wait(l->handle, &w.turn, err);
    if (code != TRIB_AGAIN) return code;
    trib_store_run_pending(l->store);
    if (w.calls == 0 && trib_turn_cancel(l->handle, &w.turn)) w.code = TRIB_TRANSACTION_BUSY;
    return w.code == TRIB_OK ? TRIB_OK : trib_error_set(err, w.code, NULL);
}

/* Runs one statement; ret (may be NULL): its first value as text. */
static trib_code run(fault_life *l, const char *sql, char *ret, size_t size) {
    trib_error err = {0};
    trib_stmt *stmt = NULL;
    bool row = false;
    if (ret) ret[0] = '\0';
    trib_code code = trib_stmt_prepare(l->handle, trib_str_c(sql), &stmt, &err);
    if (code == TRIB_OK) {
        code = trib_stmt_step(stmt, &row, &err);
        if (code == TRIB_AGAIN && (code = wait_for_turn(l, &err)) == TRIB_OK) code = trib_stmt_step(stmt, &row, &err);
    }
    for (bool first = true; code == TRIB_OK && row; first = false) {
        trib_value v = trib_stmt_col_value(stmt, 0);
        if (first && ret && v.type == TRIB_VALUE_INTEGER) snprintf(ret, size, "%lld", (long long)v.integer);
        if (first && ret && v.type == TRIB_VALUE_TEXT) snprintf(ret, size, "%.*s", TRIB_STR_ARG(v.bytes));
        code = trib_stmt_step(stmt, &row, &err);
    }
    trib_stmt_free(stmt);
    return told(l, sql, code, &err);
}

/* The gate's verdict; AGAIN never. */
static trib_code gate(fault_life *l) {
    waiter w = {.gate.resolved = resolved};
    trib_code code = trib_gate_wait(l->db, trib_handle_ticket(l->handle), &w.gate);
    if (code != TRIB_AGAIN) return code;
    for (int i = 0; i < 3 && w.calls == 0; i++) trib_store_run_pending(l->store);
    if (w.calls != 1) {
        wrong(l, "an answer at the gate was given %d times", w.calls);
        fprintf(stderr, "%s\n", l->failure);
        abort(); /* the waiter is on this stack */
    }
    return w.code;
}

/* What a client knows after the statement answered `code` and the gate its verdict. */
static int fate(trib_code code, trib_code verdict) {
    if (verdict == TRIB_NOT_COMMITTED) return FATE_GONE;
    if (verdict != TRIB_OK) return FATE_OPEN;
    return code == TRIB_OK ? FATE_ACKED : FATE_GONE;
}

/* ---- the script ---- */

static void make_table(fault_life *l) {
    if (l->schema == FATE_ACKED || !enter(l)) return;
    trib_code code = run(l, "CREATE TABLE IF NOT EXISTS t(n INTEGER PRIMARY KEY, body)", NULL, 0);
    trib_handle_leave(l->handle);
    l->schema = fate(code, gate(l));
}

/* A transaction of one or two rows, of so many bytes each. */
static void insert(fault_life *l, int count, int bytes, bool back) {
    char sql[120];
    int first = l->rows + 1;
    make_table(l);
    l->rows += count;
    for (int n = first; n <= l->rows; n++) {
        l->fates[n] = FATE_GONE;
        l->pairs[n] = count == 2 ? 2 * first + 1 - n : 0;
    }
    if (!enter(l)) return;
    bool explicit = count > 1 || back;
    trib_code code = explicit ? run(l, "BEGIN", NULL, 0) : TRIB_OK;
    for (int n = first; n <= l->rows && code == TRIB_OK; n++) {
        snprintf(sql, sizeof sql, "INSERT INTO t VALUES (%d, randomblob(%d))", n, bytes);
        code = run(l, sql, NULL, 0);
    }
    back |= code != TRIB_OK;
    if (explicit && !trib_handle_autocommit(l->handle)) {
        trib_code last = run(l, back ? "ROLLBACK" : "COMMIT", NULL, 0);
        if (code == TRIB_OK) code = last;
    }
    trib_handle_leave(l->handle);
    trib_code verdict = gate(l);
    if (!trib_handle_autocommit(l->handle)) { /* its end failed: a session that breaks off rolls back */
        trib_handle_give(l->handle);
        l->handle = NULL;
    }
    for (int n = first; n <= l->rows; n++) l->fates[n] = fate(back && code == TRIB_OK ? TRIB_CANCELLED : code, verdict);
}

static void read_count(fault_life *l) {
    char text[40];
    if (!enter(l)) return;
    trib_code code = run(l, "SELECT count(*) FROM sqlite_schema", text, sizeof text);
    trib_handle_leave(l->handle);
    (void)code;
    (void)gate(l);
}

static void pages(fault_life *l) {
    trib_error err = {0};
    trib_db_point point;
    trib_buf changed;
    if (!ensure(l)) return;
    trib_buf_init(&changed, 1 << 20);
    (void)told(l, "changed_pages", trib_db_changed_pages(l->db, 0, &changed, &point, &err), &err);
    trib_buf_deinit(&changed);
}

static void other_database(fault_life *l) {
    trib_error err = {0};
    trib_handle *mine = l->handle;
    trib_db *db = l->db;
    if (!ensure(l)) return;
    mine = l->handle;
    db = l->db;
    bool was = l->quarantined;
    l->db = NULL;
    l->handle = NULL;
    if (told(l, "other db_get", trib_store_db_get(l->store, trib_str_c(id_other), NULL, &l->db, &err), &err) ==
            TRIB_OK &&
        told(l, "other take", trib_handle_take(l->db, &l->handle, &err), &err) == TRIB_OK && enter(l)) {
        (void)run(l, "CREATE TABLE o(x)", NULL, 0);
        trib_handle_leave(l->handle);
        (void)gate(l);
    }
    trib_handle_give(l->handle);
    trib_db_unref(l->db);
    l->handle = mine;
    l->db = db;
    trib_store_run_pending(l->store);
    memset(&err, 0, sizeof err);
    (void)told(l, "delete", trib_store_db_delete(l->store, trib_str_c(id_other), &err), &err);
    l->quarantined = was;
}

static void tick(fault_life *l, int64_t ms) {
    if (!l->store) return;
    l->env.offset_ns += ms * 1000000;
    trib_store_tick(l->store);
    trib_store_run_pending(l->store);
}

void fault_life_run(fault_life *l) {
    insert(l, 1, 10, false);
    insert(l, 2, 3000, false);
    insert(l, 1, 10, true);
    insert(l, 1, 20000, false);
    read_count(l);
    insert(l, 1, 20000, false);
    tick(l, 200);            /* the log is long enough: a checkpoint */
    insert(l, 1, 10, false); /* begins the log anew */
    insert(l, 2, 10, false);
    pages(l);
    other_database(l);
    stop(l);
    insert(l, 1, 10, false);
    read_count(l);
    trib_handle_give(l->handle);
    trib_db_unref(l->db);
    l->handle = NULL;
    l->db = NULL;
    tick(l, TRIB_DB_IDLE_CLOSE_MS + 1); /* closes it */
    insert(l, 1, 10, false);
}

/* ---- the judge ---- */

static void check_rows(fault_life *l) {
    char text[200];
    char sql[80];
    bool there[FAULT_LIFE_ROWS] = {false};
    if (run(l, "PRAGMA integrity_check", text, sizeof text) != TRIB_OK || strcmp(text, "ok") != 0)
        wrong(l, "integrity_check: %s", text);
    (void)run(l, "SELECT count(*) FROM sqlite_schema WHERE name = 't'", text, sizeof text);
    bool table = strcmp(text, "1") == 0;
    if (!table && l->schema == FATE_ACKED) wrong(l, "the acknowledged table is lost");
    if (table && l->schema == FATE_GONE) wrong(l, "the refused table is there");
    for (int n = 1; table && n <= l->rows; n++) {
        snprintf(sql, sizeof sql, "SELECT count(*) FROM t WHERE n = %d", n);
        if (run(l, sql, text, sizeof text) != TRIB_OK) wrong(l, "%s fails", sql);
        there[n] = strcmp(text, "1") == 0;
    }
    for (int n = 1; n <= l->rows; n++) {
        if (l->fates[n] == FATE_ACKED && !there[n]) wrong(l, "acknowledged row %d is lost", n);
        if (l->fates[n] == FATE_GONE && there[n]) wrong(l, "refused row %d is there", n);
        if (l->pairs[n] && there[n] != there[l->pairs[n]]) wrong(l, "row %d is there without its other half", n);
        if (l->fates[n] == FATE_OPEN) l->fates[n] = there[n] ? FATE_ACKED : FATE_GONE;
    }
}

/* Looks at everything, and writes one more row. */
static void check(fault_life *l, const char *when, bool may_quarantine) {
    l->quarantined = false;
    bool in = enter(l);
    if (!in && !(l->quarantined && may_quarantine)) wrong(l, "%s: the database does not open again", when);
    if (!in) return;
    check_rows(l);
    trib_handle_leave(l->handle);
    if (gate(l) != TRIB_OK) wrong(l, "%s: a read does not pass the gate", when);
    insert(l, 1, 10, false);
    if (l->fates[l->rows] != FATE_ACKED) wrong(l, "%s: the database takes no commits", when);
}

/* The fault is over. */
void fault_life_judge(fault_life *l, bool may_quarantine) {
    char before[sizeof l->failure];
    if (l->store) trib_store_run_pending(l->store);
    check(l, "after the fault", may_quarantine);
    sim_disk_stop(l->disk); /* at once: a clean end would copy the log, and so hide what a sync missed */
    memcpy(before, l->failure, sizeof before);
    stop(l);
    memcpy(l->failure, before, sizeof before);
    sim_disk_power_cut(l->disk, SIM_KEEP_NONE);
    check(l, "after a power cut", may_quarantine);
    stop(l);
    check(l, "opened again", may_quarantine);
    stop(l);
}

bool fault_life_begin(fault_life *l, uint64_t seed) {
    memset(l, 0, sizeof *l);
    trib_env_test_init(&l->env, false, seed);
    l->disk = sim_disk_new("sim", seed);
    return l->disk != NULL;
}

void fault_life_end(fault_life *l) {
    stop(l);
    sim_disk_free(l->disk);
    l->disk = NULL;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Power cuts, kills and failed syncs against the store on a simulated disk. One thread, a virtual clock, one seed:
 * every run can be repeated.
 *
 *   powercut_test [--cuts N] [--seed S] [--mutation NAME|all] [--seconds S] [--verbose 1]
 *
 * Cuts: --cuts, else TRIB_TEST_POWER_CUTS, else 5,000. --seconds S ends it earlier.
 *
 * One round: open the store, check what is there, write and read for a while, then the machine stops at some disk
 * operation (power cut: unsynced sectors, sizes, names survive not at all, fully, or by chance; or kill: only the
 * process is gone), which may also happen while the last cut is being recovered. Oracle:
 *
 *   acknowledged, or seen by an answered read   is there for good
 *   refused, or absent in an answered read      never appears
 *   sent, not answered                          may be there, in order: nothing later without it
 *   each transaction whole; integrity_check; the commit number fits; a replica fed by the page map equals the database
 *
 * With --mutation the store leaves out one step and the program succeeds only if the oracle notices within N cuts. */
#include <stdarg.h>

#include "store/db_int.h"
#include "support/sim_disk.h"
#include "support/store_test.h"

enum {
    SEQ_MAX = 4096, /* transactions in one life of the disk */
    ROUNDS_PER_LIFE = 24,
    WAITERS_MAX = 256,
    REPLICA_PAGES_MAX = 4096,
    PAGE = 4096
};

/* Bytes that depend on nothing but their length and `seq`: a transaction that is sent again writes the same pages. */
#define BYTES "substr(replace(hex(zeroblob(%d)), '00', '%d,'), 1, %d)"

static const char db_id[] = "0123456789abcdef0123456789abcdef";

typedef enum fate {
    FATE_NONE,
    FATE_TRIED, /* its statement failed and nobody has said more */
    FATE_SENT,  /* committed as far as SQLite is concerned */
    FATE_ACKED,
    FATE_GONE
} fate;

typedef struct waiter {
    trib_gate_waiter gate; /* first */
    int write_seq;         /* 0: a read */
    bool failed;           /* of the write: its statement */
    int seen_upto;
    trib_code code;
    bool resolved, used;
} waiter;

typedef struct world {
    uint64_t seed, rng, life_seed;
    trib_env_test env;
    sim_disk *disk;
    trib_store *store;
    trib_db *db;
    trib_handle *w, *r;
    trib_session_vars vars;
    uint32_t faults;
    uint8_t fates[SEQ_MAX];
    int next_seq; /* the next to send */
    int end_seq;  /* none from here on was ever sent */
    waiter waiters[WAITERS_MAX];
    /* the replica */
    uint8_t *replica;
    uint64_t epoch, replica_no, replica_commit;
    int64_t number_offset; /* commit number - rows, constant in an epoch */
    uint64_t number_epoch;
    bool has_offset, in_life_acked;
    /* the verdict */
    char failure[300];
    uint64_t cuts, kills, commits, acks, refusals, sync_failures, reads, recut, epochs;
    int armed;           /* failed syncs ordered in this round */
    bool may_quarantine; /* a cut-back may have met a failed sync too */
    bool quarantined;
    bool stop_soon;
    bool verbose;
    time_t until; /* 0: no end but the cuts */
} world;

static uint64_t dice(world *w, uint64_t n) {
    return sim_random(&w->rng) % n;
}

__attribute__((format(printf, 2, 3))) static void wrong(world *w, const char *format, ...) {
    if (w->failure[0]) return;
    va_list args;
    va_start(args, format);
    vsnprintf(w->failure, sizeof w->failure, format, args);
    va_end(args);
}

#define TRACE(w, ...)                                                                                                  \
    do {                                                                                                               \
        if ((w)->verbose) printf(__VA_ARGS__);                                                                         \
    } while (0)

static bool off(const world *w) {
    return sim_disk_is_off(w->disk);
}

/* ---- answers ---- */

static void ack_upto(world *w, int seq) {
    for (int i = 1; i <= seq; i++) {
        if (w->fates[i] == FATE_SENT) w->fates[i] = FATE_ACKED;
    }
}

static void resolved(trib_gate_waiter *g, trib_code code) {
    waiter *a = (waiter *)(void *)g;
    a->code = code;
    a->resolved = true;
}

/* What the clients are told. */
static void deliver(world *w) {
    for (int i = 0; i < WAITERS_MAX; i++) {
        waiter *a = &w->waiters[i];
        if (!a->used || !a->resolved) continue;
        a->used = false;
        if (a->failed) { /* the error has passed the gate: it holds */
            TRACE(w, "  failed %d: %s\n", a->write_seq, trib_code_name(a->code));
            if (a->code == TRIB_OK || a->code == TRIB_NOT_COMMITTED) w->fates[a->write_seq] = FATE_GONE;
        } else if (a->code == TRIB_OK && a->write_seq) {
            if (w->fates[a->write_seq] == FATE_GONE) wrong(w, "commit %d was refused, then acknowledged", a->write_seq);
            w->fates[a->write_seq] = FATE_ACKED;
            w->acks++;
            TRACE(w, "  acked %d\n", a->write_seq);
        } else if (a->code == TRIB_OK) {
            ack_upto(w, a->seen_upto);
            TRACE(w, "  read up to %d answered\n", a->seen_upto);
            w->reads++;
        } else if (a->code == TRIB_NOT_COMMITTED && a->write_seq) {
            w->fates[a->write_seq] = FATE_GONE;
            w->refusals++;
            w->stop_soon |= dice(w, 3) != 0; /* what was refused must stay away, whatever comes next */
            TRACE(w, "  refused %d\n", a->write_seq);
        }
    }
}

static void wait_at_gate(world *w, uint64_t ticket, int write_seq, bool failed, int seen_upto) {
    waiter *a = NULL;
    for (int i = 0; i < WAITERS_MAX && !a; i++) {
        if (!w->waiters[i].used) a = &w->waiters[i];
    }
    if (!a) { /* many answers wait: let the disk work */
        trib_store_run_pending(w->store);
        deliver(w);
        a = &w->waiters[0];
        if (a->used) return;
    }
    *a = (waiter){
        .gate.resolved = resolved, .write_seq = write_seq, .failed = failed, .seen_upto = seen_upto, .used = true};
    trib_code code = trib_gate_wait(w->db, ticket, &a->gate);
    if (code != TRIB_AGAIN) resolved(&a->gate, code);
    deliver(w);
}

/* ---- SQL ---- */

static bool enter(world *w, trib_handle *h) {
    for (int i = 0; i < 3; i++) {
        if (trib_handle_enter(h, TRIB_ACCESS_WRITE, &w->vars, NULL) == TRIB_OK) return true;
        trib_store_run_pending(w->store);
    }
    return false;
}

static trib_code run_text(world *w, trib_handle *h, const char *sql, bool turn, char *text, size_t size, int *rc) {
    if (!h->sqlite) return TRIB_NOT_COMMITTED;
    trib_code code = store_test_exec(h, sql, turn, text, size, rc);
    if (code != TRIB_AGAIN) return code;
    store_test_wait wait;
    store_test_wait_init(&wait);
    code = trib_turn_wait(h, &wait.turn, NULL);
    if (code == TRIB_AGAIN) {
        trib_store_run_pending(w->store);
        code = wait.calls ? (trib_code)wait.code : TRIB_AGAIN;
        if (!wait.calls) trib_turn_cancel(h, &wait.turn);
    }
    return code == TRIB_OK && h->sqlite ? store_test_exec(h, sql, turn, text, size, rc) : code;
}

static trib_code run(world *w, trib_handle *h, const char *sql) {
    int rc;
    return run_text(w, h, sql, true, NULL, 0, &rc);
}

static bool number(world *w, trib_handle *h, const char *sql, int64_t *ret) {
    char text[64];
    int rc;
    if (run_text(w, h, sql, false, text, sizeof text, &rc) != TRIB_OK) return false;
    *ret = strtoll(text, NULL, 10);
    return true;
}

/* ---- work ---- */

/* One transaction: a row, a count, some pages of padding, sometimes an old row less. All but its end follows from
 * seq. */
static trib_code transaction(world *w, int seq) {
    char sql[400];
    uint64_t lot = w->life_seed + (uint64_t)seq;
    bool explicit = sim_random(&lot) % 3 == 0;
    if (explicit && run(w, w->w, "BEGIN IMMEDIATE") != TRIB_OK) return TRIB_TRANSACTION_BUSY;
    int extra = explicit ? (int)(sim_random(&lot) % 4) : 0;
    trib_code code = TRIB_OK;
    for (int i = 0; i < extra && code == TRIB_OK; i++) {
        int key = (int)(sim_random(&lot) % 40);
        int len = (int)(sim_random(&lot) % 9000);
        snprintf(sql, sizeof sql, "INSERT OR REPLACE INTO pad VALUES (%d, " BYTES ")", key, len, seq, len);
        code = run(w, w->w, sql);
    }
    int len = (int)(sim_random(&lot) % 300);
    snprintf(sql, sizeof sql, "INSERT INTO t VALUES (%d, " BYTES ")", seq, len, seq, len);
    if (code == TRIB_OK) code = run(w, w->w, sql); /* the trigger counts it */
    if (!explicit) return code;
    bool back = code != TRIB_OK || dice(w, 8) == 0;
    trib_code end = run(w, w->w, back ? "ROLLBACK" : "COMMIT");
    return back ? TRIB_CANCELLED : end;
}

static void write_one(world *w) {
    if (w->next_seq >= SEQ_MAX || !enter(w, w->w)) return;
    int seq = w->next_seq++;
    w->stop_soon |=
        w->fates[seq] == FATE_GONE && dice(w, 4) == 0; /* sent again: what was sent after it must stay away */
    if (w->next_seq > w->end_seq) w->end_seq = w->next_seq;
    w->commits++;
    trib_code code = transaction(w, seq);
    TRACE(w, "  write %d: %s, op %llu\n", seq, trib_code_name(code), (unsigned long long)sim_disk_ops(w->disk));
    uint64_t ticket = trib_handle_ticket(w->w);
    trib_handle_leave(w->w);
    w->fates[seq] = code == TRIB_OK                                           ? FATE_SENT
                    : code == TRIB_CANCELLED || code == TRIB_TRANSACTION_BUSY ? FATE_GONE
                                                                              : FATE_TRIED;
    if (w->fates[seq] != FATE_GONE) wait_at_gate(w, ticket, seq, code != TRIB_OK, 0);
}

static void read_one(world *w) {
    int64_t upto = 0;
    if (!enter(w, w->r)) return;
    bool ok = number(w, w->r, "SELECT max(seq) FROM t", &upto);
    uint64_t ticket = trib_handle_ticket(w->r);
    trib_handle_leave(w->r);
    if (ok) wait_at_gate(w, ticket, 0, false, (int)upto);
}

/* ---- the oracle ---- */

static void check_fates(world *w, sqlite3 *sqlite) {
    sqlite3_stmt *stmt = NULL;
    static bool there[SEQ_MAX];
    memset(there, 0, sizeof there);
    if (sqlite3_prepare_v2(sqlite, "SELECT seq FROM t", -1, &stmt, NULL) != SQLITE_OK) return;
    int rc;
    while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        int seq = sqlite3_column_int(stmt, 0);
        if (seq > 0 && seq < SEQ_MAX) there[seq] = true;
        if (seq <= 0 || seq >= w->end_seq) wrong(w, "row %d was never sent", seq);
    }
    sqlite3_finalize(stmt);
    if (rc != SQLITE_DONE) return;
    int hole = 0;
    for (int i = 1; i < w->end_seq; i++) {
        if (w->fates[i] == FATE_ACKED && !there[i]) wrong(w, "acknowledged commit %d is lost", i);
        if (w->fates[i] == FATE_GONE && there[i])
            wrong(w, "commit %d was refused or absent before, and is there now", i);
        if (w->fates[i] == FATE_SENT && !there[i]) hole = i;
        if (there[i] && hole) wrong(w, "commit %d is there, the earlier %d is not", i, hole);
    }
    /* what this answered read showed holds from now on */
    for (int i = 1; i < w->end_seq; i++) {
        if (w->fates[i] == FATE_SENT || w->fates[i] == FATE_TRIED) {
            w->fates[i] = there[i] ? FATE_ACKED : FATE_GONE;
            TRACE(w, "  %d is %s\n", i, there[i] ? "there" : "gone");
        }
        w->in_life_acked |= w->fates[i] == FATE_ACKED;
    }
    if (dice(w, 2) == 0) { /* clients send again what was lost */
        w->next_seq = w->end_seq;
        while (w->next_seq > 1 && w->fates[w->next_seq - 1] == FATE_GONE) w->next_seq--;
    }
}

static void check_whole(world *w, trib_handle *h) {
    char text[200];
    int rc = SQLITE_OK;
    trib_code code = run_text(w, h, "PRAGMA integrity_check", false, text, sizeof text, &rc);
    if (!off(w) && (code != TRIB_OK || strcmp(text, "ok") != 0)) wrong(w, "integrity_check: %s (%d)", text, rc);
    int64_t rows = 0;
    int64_t counted = 0;
    if (number(w, h, "SELECT count(*) FROM t", &rows) && number(w, h, "SELECT n FROM head", &counted) &&
        rows != counted)
        wrong(w, "%d rows, %d counted", (int)rows, (int)counted);
    trib_db_stats stats;
    trib_db_get_stats(w->db, &stats);
    int64_t offset = (int64_t)stats.commit_no - rows;
    if (off(w)) return;
    if (w->has_offset && stats.epoch == w->number_epoch && offset != w->number_offset)
        wrong(w, "commit number %d does not fit %d rows (offset %d before)", (int)stats.commit_no, (int)rows,
              (int)w->number_offset);
    if (w->has_offset && stats.epoch != w->number_epoch) {
        w->epochs++;
        if (w->in_life_acked) wrong(w, "the epoch changed without need");
    }
    w->number_offset = offset;
    w->number_epoch = stats.epoch;
    w->has_offset = true;
}

/* Pulls the changed pages into the replica, then compares all. In one transaction of h. */
static void check_replica(world *w, trib_handle *h) {
    trib_buf changed;
    trib_db_point point;
    trib_buf_init(&changed, 1 << 20);
    trib_db_stats stats;
    trib_db_get_stats(w->db, &stats);
    bool resync = stats.epoch != w->epoch || stats.commit_no < w->replica_commit;
    trib_code code = trib_db_changed_pages(w->db, resync ? 0 : w->replica_no, &changed, &point, NULL);
    sqlite3_stmt *stmt = NULL;
    if (code != TRIB_OK || off(w) ||
        sqlite3_prepare_v2(h->sqlite, "SELECT pgno, data FROM sqlite_dbpage", -1, &stmt, NULL) != SQLITE_OK) {
        trib_buf_deinit(&changed);
        return;
    }
    size_t at = 0;
    uint32_t last = 0;
    int rc;
    while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        uint32_t page = (uint32_t)sqlite3_column_int(stmt, 0);
        const void *data = sqlite3_column_blob(stmt, 1);
        last = page;
        if (page > REPLICA_PAGES_MAX || !data) continue;
        uint8_t *mine = w->replica + (size_t)(page - 1) * PAGE;
        uint32_t next = 0;
        if (at + sizeof(trib_page_change) <= changed.len)
            memcpy(&next, changed.ptr + at + offsetof(trib_page_change, page), sizeof next);
        if (next == page) at += sizeof(trib_page_change);
        if (resync || next == page) memcpy(mine, data, PAGE);
        else if (memcmp(mine, data, PAGE) != 0 && !off(w))
            wrong(w, "page %u changed after frame %d, the page map does not say so", page, (int)w->replica_no);
    }
    sqlite3_finalize(stmt);
    if (rc != SQLITE_DONE) { /* the power went: half a replica is none */
        w->epoch = w->replica_no = 0;
        trib_buf_deinit(&changed);
        return;
    }
    if (point.page_count && last && point.page_count != last && !off(w))
        wrong(w, "the page map has %u pages, the database %u", point.page_count, last);
    w->epoch = point.epoch;
    w->replica_no = point.frame_no;
    w->replica_commit = point.commit_no;
    trib_buf_deinit(&changed);
}

static void check(world *w) {
    int64_t tables = 0;
    if (!enter(w, w->r)) return;
    trib_handle *h = w->r;
    bool there = number(w, h, "SELECT count(*) FROM sqlite_schema WHERE name = 'trig'", &tables);
    /* everything shown below must be durable before it counts as shown */
    for (int i = 0;
         i < 4 && trib_gate_wait(w->db, trib_handle_ticket(h), &w->waiters[WAITERS_MAX - 1].gate) == TRIB_AGAIN; i++) {
        w->waiters[WAITERS_MAX - 1] = (waiter){.gate = w->waiters[WAITERS_MAX - 1].gate, .used = false};
        w->waiters[WAITERS_MAX - 1].gate.resolved = resolved;
        trib_store_run_pending(w->store);
    }
    if (there && !off(w) && tables == 0) {
        for (int i = 1; i < w->end_seq; i++) {
            if (w->fates[i] == FATE_ACKED) wrong(w, "acknowledged commit %d is lost with the whole database", i);
            w->fates[i] = FATE_GONE;
        }
    } else if (there && !off(w) && tables == 1) {
        check_whole(w, h);
        if (!off(w)) check_fates(w, h->sqlite);
        if (!off(w)) check_replica(w, h);
    }
    trib_handle_leave(h);
}

static void make_schema(world *w) {
    int64_t tables = 0;
    if (!enter(w, w->w)) return;
    if (number(w, w->w, "SELECT count(*) FROM sqlite_schema WHERE name = 'trig'", &tables) && tables == 0) {
        static const char *const sql[] = {
            "BEGIN IMMEDIATE",
            "CREATE TABLE t(seq INTEGER PRIMARY KEY, body)",
            "CREATE TABLE head(n)",
            "INSERT INTO head VALUES (0)",
            "CREATE TABLE pad(k INTEGER PRIMARY KEY, body)",
            "CREATE TRIGGER trig AFTER INSERT ON t BEGIN UPDATE head SET n = n + 1; "
            "DELETE FROM pad WHERE k = new.seq % 40; INSERT INTO pad VALUES (new.seq % 40, "
            "substr(replace(hex(zeroblob(new.seq * 37 % 5000)), '00', new.seq || ','), 1, new.seq * 37 % 5000)); END",
            "COMMIT",
        };
        trib_code code = TRIB_OK;
        for (size_t i = 0; i < sizeof sql / sizeof *sql && code == TRIB_OK; i++) code = run(w, w->w, sql[i]);
        if (code != TRIB_OK) run(w, w->w, "ROLLBACK");
    }
    trib_handle_leave(w->w);
}

/* ---- rounds ---- */

static bool start(world *w) {
    trib_store_config config = {
        .data_dir = SIM_DISK_ROOT,
        .base_vfs = "sim",
        .disk = sim_disk_folders(w->disk),
        .inline_sync = true,
        .checkpoint_log_bytes = 30000 + (uint32_t)dice(w, 60000),
    };
    trib_error err = {0};
    w->db = NULL;
    w->w = w->r = NULL;
    trib_env_test_init(&w->env, false, w->rng);
    if (trib_store_new(&config, &w->env.env, NULL, &w->store, &err) != TRIB_OK) return false;
    trib_store_set_faults(w->store, w->faults);
    if (dice(w, 2)) trib_store_run_pending(w->store); /* what earlier lives have left is synced before the first open */
    trib_code code = trib_store_db_get(w->store, trib_str_c(db_id), NULL, &w->db, &err);
    if (code == TRIB_OK) code = trib_handle_take(w->db, &w->w, &err);
    if (code == TRIB_OK) code = trib_handle_take(w->db, &w->r, &err);
    w->quarantined = code == TRIB_DATABASE_QUARANTINED && w->may_quarantine;
    if (code != TRIB_OK && !off(w) && !w->quarantined) wrong(w, "cannot be opened: %s", err.message);
    TRACE(w, "  opened: %s, op %llu\n", trib_code_name(code), (unsigned long long)sim_disk_ops(w->disk));
    return code == TRIB_OK;
}

static void stop(world *w) {
    trib_handle_give(w->w);
    trib_handle_give(w->r);
    trib_db_unref(w->db);
    w->w = w->r = NULL;
    w->db = NULL;
    if (w->store) {
        trib_store_run_pending(w->store);
        trib_store_free(w->store);
    }
    w->store = NULL;
    memset(w->waiters, 0, sizeof w->waiters);
    if (sim_disk_open_files(w->disk) != 0) wrong(w, "%d files were left open", sim_disk_open_files(w->disk));
}

/* The second one in a round may hit the cut-back of the first; the rule is then to quarantine. */
static void arm_sync_failure(world *w) {
    w->may_quarantine |= w->armed++ > 0;
    /* 2: the first commit's, after its log's header */
    uint64_t n = w->db->log.appended_end == 0 && dice(w, 2) ? 2 : 1 + dice(w, 3);
    sim_disk_fail_sync_at(w->disk, n, dice(w, 3) == 0 ? 1 + dice(w, 12) : 0);
}

/* Moments when a failed sync does most harm: the next commit begins a log, which would be cut back to nothing; or a
 * checkpoint is about to run. */
static bool is_delicate(const world *w) {
    return w->db->state == TRIB_DB_READY && (w->db->log.appended_end == 0 || w->db->ckpt != TRIB_CKPT_NONE);
}

static void work(world *w) {
    int steps = (int)dice(w, 40);
    for (int i = 0; i < steps && !off(w) && !w->failure[0] && !w->stop_soon; i++) {
        if (w->armed == 0 && is_delicate(w) && dice(w, 3) == 0) arm_sync_failure(w);
        uint64_t what = dice(w, 20);
        if (what < 12) write_one(w);
        else if (what < 15) read_one(w);
        else if (what < 18) trib_store_run_pending(w->store);
        else if (what == 18) trib_store_tick(w->store);
        else if (dice(w, 3) == 0) arm_sync_failure(w);
        deliver(w);
        if (sim_disk_sync_failed(w->disk)) {
            w->sync_failures++;
            TRACE(w, "  a sync failed, op %llu\n", (unsigned long long)sim_disk_ops(w->disk));
        }
    }
}

static void one_round(world *w) {
    uint64_t cut = dice(w, 10) == 0 ? 0 : 1 + (dice(w, 3) == 0 ? dice(w, 30) : dice(w, 400));
    sim_disk_cut_at(w->disk, cut);
    w->armed = 0;
    w->stop_soon = false;
    TRACE(w, "round, cut in %llu\n", (unsigned long long)cut);
    if (start(w)) {
        check(w);
        make_schema(w);
        work(w);
    }
    deliver(w);
    bool kill = !w->stop_soon && dice(w, 3) == 0;
    bool clean = !off(w) && !w->stop_soon && dice(w, 6) == 0;
    if (!clean) sim_disk_stop(w->disk);
    stop(w);
    if (kill || clean) {
        sim_disk_resume(w->disk);
        w->kills++;
        TRACE(w, "%s\n", clean ? "clean end" : "kill");
        return;
    }
    /* nothing survives more often where a refusal must hold */
    uint64_t survival = w->stop_soon && dice(w, 2) == 0 ? 0 : dice(w, 6);
    sim_disk_power_cut(w->disk, survival == 0 ? SIM_KEEP_NONE : survival == 1 ? SIM_KEEP_ALL : SIM_KEEP_RANDOM);
    w->cuts++;
    TRACE(w, "power cut, survival %llu\n", (unsigned long long)survival);
}

static bool begin_life(world *w) {
    TRACE(w, "life\n");
    sim_disk_free(w->disk);
    w->disk = sim_disk_new("sim", w->rng);
    memset(w->fates, 0, sizeof w->fates);
    memset(w->waiters, 0, sizeof w->waiters);
    w->next_seq = w->end_seq = 1;
    w->life_seed = sim_random(&w->rng);
    w->epoch = w->replica_no = 0;
    w->has_offset = w->in_life_acked = w->may_quarantine = w->quarantined = false;
    unsigned seed = (unsigned)dice(w, 1U << 31);
    sqlite3_test_control(SQLITE_TESTCTRL_PRNG_SEED, seed, NULL);
    return w->disk != NULL;
}

/* Runs until `cuts` power cuts or the first failure. */
static void campaign(world *w, uint64_t cuts) {
    w->rng = w->seed;
    w->replica = calloc(REPLICA_PAGES_MAX, PAGE);
    while (w->cuts < cuts && !w->failure[0] && w->replica && (!w->until || time(NULL) < w->until) && begin_life(w)) {
        for (int i = 0; i < ROUNDS_PER_LIFE && w->cuts < cuts && !w->failure[0] && !w->quarantined; i++) one_round(w);
        /* the last state must open, be whole and complete */
        if (!w->failure[0]) {
            if (start(w)) check(w);
            stop(w);
        }
    }
    sim_disk_free(w->disk);
    w->disk = NULL;
    free(w->replica);
}

static const struct {
    const char *name;
    trib_fault fault;
} mutations[] = {
    {"no-write-gate", TRIB_FAULT_NO_WRITE_GATE},   {"no-read-gate", TRIB_FAULT_NO_READ_GATE},
    {"no-open-sync", TRIB_FAULT_NO_OPEN_SYNC},     {"no-earlier-sync", TRIB_FAULT_NO_EARLIER_SYNC},
    {"no-header-sync", TRIB_FAULT_NO_HEADER_SYNC}, {"early-checkpoint", TRIB_FAULT_EARLY_CHECKPOINT},
    {"no-cut-sync", TRIB_FAULT_NO_CUT_SYNC},       {"late-map", TRIB_FAULT_LATE_MAP},
    {"no-folder-sync", TRIB_FAULT_NO_FOLDER_SYNC},
};

static int report(const world *w, const char *mutation) {
    if (!mutation) {
        printf("%llu cuts, %llu kills, %llu sent, %llu acknowledged, %llu refused, %llu failed syncs, %llu reads, seed "
               "%llu: %s\n",
               (unsigned long long)w->cuts, (unsigned long long)w->kills, (unsigned long long)w->commits,
               (unsigned long long)w->acks, (unsigned long long)w->refusals, (unsigned long long)w->sync_failures,
               (unsigned long long)w->reads, (unsigned long long)w->seed, w->failure[0] ? w->failure : "ok");
        return w->failure[0] ? 1 : 0;
    }
    printf("%-18s %s after %llu cuts: %s\n", mutation, w->failure[0] ? "caught" : "NOT CAUGHT",
           (unsigned long long)w->cuts, w->failure[0] ? w->failure : "nothing was noticed");
    return w->failure[0] ? 0 : 1;
}

int main(int argc, char **argv) {
    const char *wish = getenv("TRIB_TEST_POWER_CUTS");
    uint64_t cuts = wish && *wish ? strtoull(wish, NULL, 10) : 5000;
    uint64_t seed = 1;
    const char *mutation = NULL;
    long seconds = 0;
    bool verbose = false;
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--cuts") == 0) cuts = strtoull(argv[i + 1], NULL, 10);
        else if (strcmp(argv[i], "--seed") == 0) seed = strtoull(argv[i + 1], NULL, 10);
        else if (strcmp(argv[i], "--seconds") == 0) seconds = strtol(argv[i + 1], NULL, 10);
        else if (strcmp(argv[i], "--mutation") == 0) mutation = argv[i + 1];
        else if (strcmp(argv[i], "--verbose") == 0) verbose = strcmp(argv[i + 1], "1") == 0;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    static world w;
    if (trib_policy_init_process(NULL) != TRIB_OK) /* before the disk registers its VFS, which would start SQLite */
        return 2;
    if (!mutation) {
        w.seed = seed;
        w.verbose = verbose;
        w.until = seconds > 0 ? time(NULL) + seconds : 0;
        campaign(&w, cuts);
        return report(&w, NULL);
    }
    int bad = 1;
    for (size_t i = 0; i < sizeof mutations / sizeof *mutations; i++) {
        if (strcmp(mutation, "all") != 0 && strcmp(mutation, mutations[i].name) != 0) continue;
        memset(&w, 0, sizeof w);
        w.seed = seed;
        w.verbose = verbose;
        w.faults = mutations[i].fault;
        campaign(&w, cuts);
        int rc = report(&w, mutations[i].name);
        bad = bad == 1 && i == 0 ? rc : (strcmp(mutation, "all") == 0 ? bad | rc : rc);
    }
    return bad;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Promises and seals (seal.h). */
#include "store/seal.h"

#include "store/db_int.h"

void trib_store_set_mender(trib_store *store, const trib_mender *mender) {
    atomic_store(&store->mender, mender);
}

bool trib_db_owes(const trib_db *db) {
    const trib_mender *mender = atomic_load(&db->store->mender);
    return mender && mender->owes(mender->ctx, db->id);
}

uint64_t trib_db_newest_ticket(trib_db *db) {
    return atomic_load(&db->raised);
}

uint64_t trib_handle_own_ticket(const trib_handle *h) {
    return h->own_ticket;
}

void trib_handle_get_tickets(const trib_handle *h, trib_handle_tickets *ret) {
    uint64_t newest = trib_handle_ticket(h);
    bool waits = newest != 0 && h->wrote;
    *ret = (trib_handle_tickets){.first = waits ? h->first_ticket : 0, .own = waits ? h->own_ticket : 0};
    if (h->looked && newest != ret->own) ret->seen = newest;
}

void trib_handle_get_point(trib_handle *h, trib_db_point *ret) {
    h->looked = true;
    trib_db_get_point(h->db, ret);
}

enum { TRIB_MEND_WAIT_MS = 200 };

/* ---- promises ---- */

void trib_handle_bind(trib_handle *h, bool bound) {
    h->bound = bound;
}

trib_code trib_handle_promise(trib_handle *h, trib_error *err) {
    trib_db *db = h->db;
    trib_db_lock(db);
    trib_code code = trib_db_state_error(db, err);
    bool open = h->has_turn && h->sqlite && sqlite3_txn_state(h->sqlite, "main") == SQLITE_TXN_WRITE;
    if (code == TRIB_OK && h->interrupt_code != TRIB_OK) code = trib_error_set(err, h->interrupt_code, NULL);
    if (code == TRIB_OK && !open) code = trib_error_set(err, TRIB_TRANSACTION_TIMEOUT, NULL);
    if (code == TRIB_OK) atomic_store(&h->promised, true);
    trib_db_unlock(db);
    return code;
}

void trib_handle_end_promise(trib_handle *h) {
    atomic_store(&h->promised, false);
}

void trib_seal_if_promised(trib_handle *h) {
    if (atomic_exchange(&h->promised, false)) atomic_store(&h->db->sealed, true);
}

/* ---- mending ---- */

/* Rows go where they were noted, whatever that would set off: all that it set off was noted too. */
static int prepare(sqlite3 *sqlite) {
    static const struct {
        int id, value;
    } configs[] = {
        {SQLITE_DBCONFIG_DEFENSIVE, 0}, /* the shadow tables of FTS5 */
        {SQLITE_DBCONFIG_ENABLE_TRIGGER, 0},
        {SQLITE_DBCONFIG_ENABLE_FKEY, 0},
    };
    for (size_t i = 0; i < sizeof configs / sizeof *configs; i++) {
        int rc = sqlite3_db_config(sqlite, configs[i].id, configs[i].value, NULL);
        if (rc != SQLITE_OK) return rc;
    }
    return sqlite3_exec(sqlite, "PRAGMA ignore_check_constraints=1; PRAGMA max_page_count=4294967294", NULL, NULL,
                        NULL);
}

/* With a connection of its own, that nobody gets afterwards. */
static trib_code mend_with_handle(trib_db *db, trib_error *err) {
    const trib_mender *mender = atomic_load(&db->store->mender);
    trib_session_vars vars = {0};
    trib_handle *h = NULL;
    trib_code code = trib_handle_take_fresh(db, &h, err);
    if (code != TRIB_OK) return code;
    h->access = TRIB_ACCESS_SYSTEM;
    h->vars = &vars;
    h->entered = true;
    trib_stmt_enter(h);
    int rc = prepare(h->sqlite);
    code = rc == SQLITE_OK ? mender->mend(mender->ctx, db->id, h, err) : trib_sqlite_error(h, rc, err);
    if (h->sqlite) {
        trib_handle_rollback(h);
        if (h->sqlite) trib_stmt_leave(h);
    }
    h->vars = NULL;
    h->entered = false;
    trib_handle_drop_inside(h);
    return code;
}

/* Whoever has lost the promised transaction is just letting go of the turn. */
static void wait_for_turn(trib_db *db) {
    const trib_env *env = db->store->env;
    int64_t until_ns = trib_env_mono_ns(env) + (int64_t)TRIB_MEND_WAIT_MS * 1000000;
    trib_db_lock(db);
    while (db->turn_taken && db->state == TRIB_DB_READY && trib_env_mono_ns(env) < until_ns)
        trib_cond_wait(env, db->changed, db->lock, 1000000);
    trib_db_unlock(db);
}

/* The first in the queue may have the turn; or everybody in it hears why not, unless it is a matter of moments. */
static void settle(trib_db *db, trib_code code) {
    trib_db_lock(db);
    if (code == TRIB_OK) atomic_store(&db->sealed, false);
    if (code != TRIB_OK && code != TRIB_COMMAND_PENDING) trib_turn_flush_locked(db, code);
    else if (code == TRIB_OK && !db->turn_taken && db->state == TRIB_DB_READY) trib_turn_release_locked(db);
    trib_db_unlock(db);
}

trib_code trib_db_mend(trib_db *db, trib_error *err) {
    const trib_mender *mender = atomic_load(&db->store->mender);
    trib_error why = {0};
    trib_code code = trib_fail_retry(db, &why);
    wait_for_turn(db);
    if (code == TRIB_OK && mender)
        code = atomic_load(&db->exists) ? mend_with_handle(db, &why) : mender->mend(mender->ctx, db->id, NULL, &why);
    if (code == TRIB_COMMAND_CONFLICT) trib_db_quarantine(db, TRIB_DAMAGE_COMMAND, why.message);
    settle(db, code);
    if (code != TRIB_OK) {
        trib_log_event(db->store->log, code == TRIB_COMMAND_PENDING ? TRIB_LOG_INFO : TRIB_LOG_ERROR,
                       "command_not_applied", TRIB_LOG_C("database", db->id), TRIB_LOG_ERR(&why));
        if (err) *err = why;
    }
    return code;
}

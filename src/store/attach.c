/* SPDX-License-Identifier: Apache-2.0 */
/* Guests: databases attached to the connections of others; see attach.h. */
#include "store/attach.h"

#include <stdlib.h>
#include <string.h>

#include "store/stmt_cache.h"

enum { GUEST_CACHE_KIB = 256, EVICT_LOOK_NS = 1000000, DURABLE_LOOK_NS = 2000000 };

static trib_code sql_error(trib_error *err) {
    if (!err) return TRIB_SQL_ERROR;
    err->detail = SQLITE_ERROR;
    memcpy(err->text_code, "SQLITE_ERROR", sizeof "SQLITE_ERROR");
    return TRIB_SQL_ERROR;
}

static bool is_inline(const trib_db *db) {
    return trib_pool_inline(db->store->pool);
}

/* ---- inside and outside ---- */

static void leave(trib_guest *g) {
    trib_db *db = g->handle.db;
    trib_db_lock(db);
    if (g->handle.inside) {
        g->handle.inside = false;
        db->inside_count--;
        trib_fail_check_locked(db);
    }
    trib_cond_broadcast(db->store->env, db->changed);
    trib_db_unlock(db);
}

static trib_code enter(trib_guest *g, trib_error *err) {
    trib_db *db = g->handle.db;
    trib_error why = {0};
    trib_db_lock(db);
    trib_code code = trib_db_state_error(db, &why);
    if (code == TRIB_OK) {
        g->handle.inside = true;
        g->handle.interrupt_code = TRIB_OK;
        db->inside_count++;
    }
    trib_db_unlock(db);
    atomic_store(&g->handle.interrupted, false);
    if (code != TRIB_OK) trib_error_set(err, code, "attached database %s: %s", g->alias, why.message);
    return code;
}

trib_code trib_guests_enter(trib_handle *host, trib_error *err) {
    host->owes_gates = true;
    for (trib_guest *g = host->guests; g; g = g->next) {
        trib_code code = enter(g, err);
        if (code == TRIB_OK) continue;
        for (trib_guest *back = host->guests; back != g; back = back->next) leave(back);
        return code;
    }
    return TRIB_OK;
}

void trib_guests_leave(trib_handle *host) {
    for (trib_guest *g = host->guests; g; g = g->next) leave(g);
    host->attacher = NULL;
}

void trib_guests_forget_needs(trib_handle *host) {
    host->owes_gates = false;
    while (host->left_count > 0) trib_db_unref(host->left[--host->left_count].db);
}

void trib_handle_take_interrupts(trib_handle *host) {
    for (trib_guest *g = host->guests; g; g = g->next) {
        if (!atomic_load_explicit(&g->handle.interrupted, memory_order_acquire)) continue;
        trib_db_lock(g->handle.db);
        trib_code why = g->handle.interrupt_code;
        trib_db_unlock(g->handle.db);
        trib_db_lock(host->db);
        if (host->interrupt_code == TRIB_OK) host->interrupt_code = why;
        trib_db_unlock(host->db);
        atomic_store(&host->interrupted, true);
    }
}

/* ---- around a step ---- */

void trib_guests_before_step(trib_handle *host) {
    const trib_env *env = host->env;
    for (trib_guest *g = host->guests; g; g = g->next) {
        trib_db *db = g->handle.db;
        if (!atomic_load(&db->hold_reads) || is_inline(db)) continue;
        if (sqlite3_txn_state(host->sqlite, g->alias) != SQLITE_TXN_NONE) continue;
        int64_t until_ns = trib_env_mono_ns(env) + (int64_t)TRIB_RESET_HOLD_MS * 1000000;
        trib_db_lock(db);
        while (atomic_load(&db->hold_reads) && trib_env_mono_ns(env) < until_ns)
            trib_cond_wait(env, db->changed, db->lock, EVICT_LOOK_NS);
        trib_db_unlock(db);
    }
}

void trib_guests_after_step(trib_handle *host) {
    for (trib_guest *g = host->guests; g; g = g->next) {
        bool open = host->sqlite && sqlite3_txn_state(host->sqlite, g->alias) != SQLITE_TXN_NONE;
        if (!open) atomic_store(&g->handle.txn_began_ns, 0);
        else if (atomic_load(&g->handle.txn_began_ns) == 0)
            atomic_store(&g->handle.txn_began_ns, trib_env_mono_ns(host->env));
    }
}

void trib_guests_rolled_back(trib_handle *host) {
    for (trib_guest *g = host->guests; g; g = g->next) {
        atomic_store(&g->handle.interrupted, false);
        atomic_store(&g->handle.txn_began_ns, 0);
    }
}

/* ---- the gates ---- */

size_t trib_handle_take_needs(trib_handle *host, trib_gate_need *ret) {
    size_t count = 0;
    host->owes_gates = false;
    while (host->left_count > 0) ret[count++] = host->left[--host->left_count];
    for (trib_guest *g = host->guests; g; g = g->next) {
        trib_db_ref(g->handle.db);
        ret[count++] = (trib_gate_need){g->handle.db, trib_handle_newest_ticket(&g->handle)};
    }
    return count;
}

/* OK: what is visible in `db` now is durable. */
static trib_code wait_durable(trib_handle *host, trib_db *db, uint64_t ticket) {
    trib_db_lock(db);
    trib_code code = trib_gate_verdict_locked(db, ticket);
    while (code == TRIB_AGAIN && !atomic_load(&host->interrupted)) {
        if (is_inline(db)) {
            trib_db_unlock(db);
            trib_pool_run_pending(db->store->pool);
            trib_db_lock(db);
            code = trib_gate_verdict_locked(db, ticket);
            if (code == TRIB_AGAIN) break;
        } else {
            trib_cond_wait(db->store->env, db->changed, db->lock, DURABLE_LOOK_NS);
            code = trib_gate_verdict_locked(db, ticket);
        }
    }
    trib_db_unlock(db);
    return code;
}

/* SQLite's commit hook: nothing of the commit is written yet, and the snapshots that it was made from are open. Not 0:
 * it is rolled back. Waiting here takes one sync of the other database, which waits for nobody's turn. */
static int before_commit(void *ctx) {
    trib_handle *host = ctx;
    for (trib_guest *g = host->guests; g; g = g->next) {
        trib_db *db = g->handle.db;
        if (sqlite3_txn_state(host->sqlite, g->alias) == SQLITE_TXN_NONE) continue;
        trib_code code = wait_durable(host, db, trib_handle_newest_ticket(&g->handle));
        if (code == TRIB_OK) continue;
        host->commit_failed = true;
        return 1;
    }
    return 0;
}

/* ---- coming and going ---- */

/* The pager is closed; the database may do what it likes again. */
static void end_guest(trib_guest *g, bool kept) {
    trib_db *db = g->handle.db;
    const trib_env *env = db->store->env;
    trib_mutex_lock(env, db->store->guest_lock);
    trib_db_lock(db);
    if (g->handle.inside) db->inside_count--;
    db->guest_count--;
    trib_handle_unlink_locked(&g->handle);
    trib_fail_check_locked(db);
    trib_cond_broadcast(env, db->changed);
    trib_db_unlock(db);
    trib_mutex_unlock(env, db->store->guest_lock);
    if (g->release) g->release(g->owner);
    free(g);
    if (!kept) trib_db_unref(db);
}

/* What the host has shown since the gates were asked for may come from it: the answer still waits there, also when a
 * thief ends the guest while the job waits for its turn. */
static bool keep_need(trib_handle *host, trib_guest *g) {
    if (!host->owes_gates || host->left_count >= TRIB_ATTACHED_MAX) return false;
    host->left[host->left_count++] = (trib_gate_need){g->handle.db, trib_handle_newest_ticket(&g->handle)};
    return true;
}

static void take_out(trib_handle *host, trib_guest *g) {
    for (trib_guest **p = &host->guests; *p; p = &(*p)->next) {
        if (*p != g) continue;
        *p = g->next;
        host->guest_count--;
        break;
    }
    end_guest(g, keep_need(host, g));
}

static void forget_connection(trib_guest *g) {
    trib_db_lock(g->handle.db);
    g->handle.sqlite = NULL;
    trib_db_unlock(g->handle.db);
}

void trib_guests_closing(trib_handle *host) {
    for (trib_guest *g = host->guests; g; g = g->next) forget_connection(g);
}

void trib_guests_closed(trib_handle *host) {
    while (host->guests) take_out(host, host->guests);
}

static trib_guest *find_alias(const trib_handle *host, trib_str alias) {
    for (trib_guest *g = host->guests; g; g = g->next)
        if (trib_str_ieq_c(alias, g->alias)) return g;
    return NULL;
}

/* A place in the database's list, marked as inside. Owns: the reference to `db` and the target's owner, on success. */
static trib_code add_guest(trib_handle *host, trib_db *db, const trib_attach_target *target, trib_str alias,
                           trib_guest **ret, trib_error *err) {
    trib_guest *g = calloc(1, sizeof *g);
    if (!host->left) host->left = calloc(TRIB_ATTACHED_MAX, sizeof *host->left);
    if (!g || !host->left) {
        free(g);
        return trib_error_set(err, TRIB_NOMEM, NULL);
    }
    memcpy(g->alias, alias.ptr, alias.len);
    g->host = host;
    g->owner = target->owner;
    g->release = target->release;
    g->handle.db = db;
    g->handle.env = host->env;
    g->handle.is_guest = true;
    trib_db_lock(db);
    trib_code code = trib_db_state_error(db, err);
    if (code == TRIB_OK && (db->guest_count >= TRIB_GUESTS_PER_DB_MAX || db->handle_count >= TRIB_HANDLES_PER_DB_MAX))
        code = trib_error_set(err, TRIB_TOO_MANY_REQUESTS,
                              "all places of this database for sessions of others (%d), or all of its connections, are "
                              "in use; try again later",
                              TRIB_GUESTS_PER_DB_MAX);
    if (code == TRIB_OK) {
        g->handle.next = db->handles;
        db->handles = &g->handle;
        db->handle_count++;
        db->guest_count++;
        g->handle.inside = true;
        db->inside_count++;
        g->handle.sqlite = host->sqlite;
    }
    trib_db_unlock(db);
    if (code != TRIB_OK) {
        free(g);
        return code;
    }
    g->next = host->guests;
    host->guests = g;
    host->guest_count++;
    *ret = g;
    return TRIB_OK;
}

static int exec_f(sqlite3 *sqlite, const char *format, const char *a, const char *b) {
    char *sql = sqlite3_mprintf(format, a, b);
    int rc = sql ? sqlite3_exec(sqlite, sql, NULL, NULL, NULL) : SQLITE_NOMEM;
    sqlite3_free(sql);
    return rc;
}

static trib_code attach_pager(trib_handle *host, trib_guest *g, trib_error *err) {
    char name[TRIB_PATH_MAX_BYTES + TRIB_VFS_GUEST_MARK_BYTES + 1], limit[80];
    trib_code code = trib_vfs_guest_name(g->handle.db->paths.db, &g->handle, name, sizeof name, err);
    if (code != TRIB_OK) return code;
    sqlite3_commit_hook(host->sqlite, before_commit, host);
    int rc = exec_f(host->sqlite, "ATTACH %Q AS \"%w\"", name, g->alias);
    if (rc == SQLITE_OK) {
        sqlite3_snprintf(sizeof limit, limit, "cache_size=-%d", GUEST_CACHE_KIB);
        rc = exec_f(host->sqlite, "PRAGMA \"%w\".%s", g->alias, limit);
    }
    trib_stmt_cache_forget(host); /* a name may mean another table now */
    if (rc == SQLITE_OK) return TRIB_OK;
    return trib_sqlite_error(host, rc, err);
}

/* The target's database is open and not the host's own. */
static trib_code attach_db(trib_handle *host, trib_db *db, const trib_attach_target *target, trib_str alias,
                           trib_error *err) {
    trib_guest *g = NULL;
    trib_code code = trib_fail_retry(db, err);
    if (code == TRIB_OK) code = add_guest(host, db, target, alias, &g, err);
    if (code != TRIB_OK || !g) { /* both or neither; gcc cannot know */
        if (target->release) target->release(target->owner);
        trib_db_unref(db);
        return code;
    }
    code = attach_pager(host, g, err);
    trib_guests_after_step(host);
    if (code != TRIB_OK) {
        (void)exec_f(host->sqlite, "DETACH \"%w\"", g->alias, NULL);
        forget_connection(g);
        take_out(host, g);
    }
    return code;
}

static trib_code check(const trib_handle *host, trib_str alias, trib_error *err) {
    if (!host->attacher)
        return trib_error_set(err, TRIB_SQL_PARSE_ERROR,
                              "SQL string could not be parsed: unsupported statement: ATTACH; it works in sessions "
                              "of clients only");
    if (trib_str_ieq_c(alias, "main") || trib_str_ieq_c(alias, "temp") || find_alias(host, alias)) {
        trib_error_set(err, TRIB_SQL_ERROR, "SQLite error: database %.*s is already in use", TRIB_STR_ARG(alias));
        return sql_error(err);
    }
    if (host->guest_count + host->left_count < TRIB_ATTACHED_MAX) return TRIB_OK;
    trib_error_set(err, TRIB_SQL_ERROR, "SQLite error: too many attached databases - max %d; DETACH one%s",
                   TRIB_ATTACHED_MAX,
                   host->left_count ? ", and use the other in a later request: those detached in this one count" : "");
    return sql_error(err);
}

trib_code trib_handle_attach(trib_handle *host, trib_str name, trib_str alias, trib_error *err) {
    trib_attach_target target = {.owner = NULL};
    trib_db *db = NULL;
    trib_code code = check(host, alias, err);
    if (code == TRIB_OK) code = host->attacher->find(host->attacher, name, &target, err);
    if (code != TRIB_OK) return code;
    if (strcmp(target.id, host->db->id) == 0) {
        trib_error_set(err, TRIB_SQL_ERROR, "SQLite error: %.*s is this session's own database: use main",
                       TRIB_STR_ARG(name));
        code = sql_error(err);
    }
    for (trib_guest *g = host->guests; g && code == TRIB_OK; g = g->next) {
        if (strcmp(target.id, g->handle.db->id) != 0) continue;
        trib_error_set(err, TRIB_SQL_ERROR, "SQLite error: %.*s is already attached as %s", TRIB_STR_ARG(name),
                       g->alias);
        code = sql_error(err);
    }
    if (code == TRIB_OK) {
        code = trib_store_db_get(host->db->store, trib_str_c(target.id), &target.settings, &db, err);
        trib_policy_set_account(&host->db->account); /* opening has charged others */
    }
    if (code == TRIB_OK) {
        code = attach_db(host, db, &target, alias, err);
        trib_policy_set_account(&host->db->account);
        return code;
    }
    if (target.release) target.release(target.owner);
    return code;
}

trib_code trib_handle_detach(trib_handle *host, trib_str alias, trib_error *err) {
    trib_guest *g = find_alias(host, alias);
    if (!g) {
        bool own = trib_str_ieq_c(alias, "main") || trib_str_ieq_c(alias, "temp");
        trib_error_set(err, TRIB_SQL_ERROR, "SQLite error: %s: %.*s",
                       own ? "cannot detach database" : "no such database", TRIB_STR_ARG(alias));
        return sql_error(err);
    }
    trib_stmt_cache_forget(host);
    int rc = exec_f(host->sqlite, "DETACH \"%w\"", g->alias, NULL);
    if (rc != SQLITE_OK) return trib_sqlite_error(host, rc, err);
    forget_connection(g);
    take_out(host, g);
    return TRIB_OK;
}

void trib_handle_set_attacher(trib_handle *host, trib_attacher *attacher) {
    host->attacher = attacher;
}

void *trib_handle_attached_at(const trib_handle *host, size_t i) {
    trib_guest *g = host->guests;
    while (g && i-- > 0) g = g->next;
    return g ? g->owner : NULL;
}

static void list_one(const trib_guest *g, int *seq, trib_buf *ret) {
    if (!g) return;
    list_one(g->next, seq, ret); /* the oldest first; TRIB_ATTACHED_MAX deep */
    trib_buf_printf(ret, " UNION ALL SELECT %d, '", (*seq)++);
    for (const char *c = g->alias; *c; c++) {
        if (*c == '\'') trib_buf_add_char(ret, '\'');
        trib_buf_add_char(ret, *c);
    }
    trib_buf_add_c(ret, "', ''");
}

void trib_handle_list_databases(const trib_handle *host, trib_buf *ret) {
    int seq = 2; /* 1 is temp */
    trib_buf_add_c(ret, "SELECT 0 AS seq, 'main' AS name, '' AS file");
    list_one(host->guests, &seq, ret);
}

/* ---- for the attached database ---- */

/* Marks the host of a guest of `db` as inside; `wanted` NULL: of any. *ret_any: there is one, free or not. */
static trib_handle *claim_host(trib_db *db, const trib_handle *wanted, bool *ret_any) {
    const trib_env *env = db->store->env;
    trib_handle *host = NULL;
    *ret_any = false;
    trib_mutex_lock(env, db->store->guest_lock);
    trib_db_lock(db);
    for (trib_handle *h = db->handles; h && !host; h = h->next) {
        if (!h->is_guest || (wanted && h != wanted)) continue;
        trib_handle *candidate = ((trib_guest *)(void *)h)->host;
        *ret_any = true;
        trib_db_lock(candidate->db);
        if (!candidate->inside) {
            candidate->inside = true;
            candidate->db->inside_count++;
            host = candidate;
        }
        trib_db_unlock(candidate->db);
    }
    trib_db_unlock(db);
    trib_mutex_unlock(env, db->store->guest_lock);
    return host;
}

void trib_guests_evict(trib_db *db, trib_code lost, bool wait) {
    bool any = true;
    while (any) {
        trib_handle *host = claim_host(db, NULL, &any);
        if (host) {
            trib_turn_steal_finish(host, lost, true);
            continue;
        }
        if (!any || !wait) return;
        trib_db_lock(db);
        trib_cond_wait(db->store->env, db->changed, db->lock, EVICT_LOOK_NS);
        trib_db_unlock(db);
    }
}

bool trib_guest_end_read(trib_db *db, const trib_handle *guest) {
    bool any;
    trib_handle *host = claim_host(db, guest, &any);
    if (host) trib_turn_steal_finish(host, TRIB_SNAPSHOT_TOO_OLD, false);
    return host != NULL;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The authorizer, the deadline and the settings of one connection; see policy.h. */
#include "store/policy.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "store/functions.h"
#include "store/sqlite_seam.h"

static const trib_str hidden_prefix = {"_trib_", 6};

/* ---- the authorizer ---- */

static int deny(trib_policy *policy, trib_denial why, const char *what, const char *name) {
    if (policy->denial != TRIB_DENIED_NOT) return SQLITE_DENY; /* the first cause is the one to tell */
    policy->denial = why;
    policy->denied_what = what;
    trib_str shown = trib_str_sub(trib_str_c(name), 0, sizeof policy->denied_name - 1);
    if (shown.len > 0) memcpy(policy->denied_name, shown.ptr, shown.len);
    policy->denied_name[shown.len] = '\0';
    return SQLITE_DENY;
}

static bool is_hidden(const char *name) {
    return name && trib_str_ieq(trib_str_sub(trib_str_c(name), 0, hidden_prefix.len), hidden_prefix);
}

static bool name_in(const char *name, const char *const *list) {
    for (; name && *list; list++)
        if (trib_str_ieq_c(trib_str_c(name), *list)) return true;
    return false;
}

/* Tables that show pages and b-trees below the schema, other tenants of the page included. */
static const char *const raw_tables[] = {"sqlite_dbpage", "dbstat", "sqlite_stmt", "bytecode", "tables_used", NULL};
static const char *const modules[] = {"fts5", "fts5vocab", "rtree", "rtree_i32", NULL};
static const char *const bad_functions[] = {"load_extension", "fts3_tokenizer", "sqlite_log", NULL};

/* Tables of system databases, which the server made with its triggers: rows go in and out, their shape stays.
 * DENIED_NOT: it is none of them. */
static trib_denial kept_table(const trib_policy *policy, const char *table) {
    static const char *const discovery[] = {"nodes", "points", NULL};
    if (!table) return TRIB_DENIED_NOT;
    trib_db_settings settings = trib_db_settings_of(policy->handle->db);
    if (settings.shared_log && trib_str_ieq_c(trib_str_c(table), "events")) return TRIB_DENIED_LOG;
    return settings.discovery && name_in(table, discovery) ? TRIB_DENIED_INDEX : TRIB_DENIED_NOT;
}

/* What FTS5 and R*Tree keep of the indexes of discovery. Their code writes statements of its own about them, on behalf
 * of a client whose statement fires a trigger; clients themselves may not write to such tables (DEFENSIVE), and may
 * know what is in them. */
static bool is_index_part(const trib_policy *policy, const char *table) {
    static const char *const parts[] = {"_trib_place_node",     "_trib_place_rowid",   "_trib_place_parent",
                                        "_trib_search_data",    "_trib_search_idx",    "_trib_search_content",
                                        "_trib_search_docsize", "_trib_search_config", NULL};
    return name_in(table, parts) && trib_db_settings_of(policy->handle->db).discovery;
}

/* Another database than the session's own: nobody writes to it from here. */
static bool is_attached(const char *schema) {
    trib_str name = trib_str_c(schema);
    return name.len > 0 && !trib_str_ieq_c(name, "main") && !trib_str_ieq_c(name, "temp");
}

static int judge_pragma(trib_policy *policy, const char *name, const char *arg, const char *schema) {
    trib_pragma_class cls = trib_pragma_class_of(trib_str_c(name), arg != NULL);
    bool ok = cls == TRIB_PRAGMA_READ || cls == TRIB_PRAGMA_WRITE || (cls == TRIB_PRAGMA_SET && policy->setting_pragma);
    /* As a table (pragma_database_list) it would show the file's path; the statement itself is answered by stmt.c. */
    if (trib_str_ieq_c(trib_str_c(name), "database_list")) ok = false;
    /* what keeps a stream whole there is a foreign key; an index learns of a REPLACE by a trigger of DELETE */
    if (arg && kept_table(policy, "events") && trib_str_ieq_c(trib_str_c(name), "foreign_keys")) ok = false;
    if (arg && kept_table(policy, "nodes") && trib_str_ieq_c(trib_str_c(name), "recursive_triggers")) ok = false;
    if (!ok) return deny(policy, TRIB_DENIED_PRAGMA, NULL, name);
    if (is_hidden(arg)) return deny(policy, TRIB_DENIED_HIDDEN, NULL, arg);
    if (cls == TRIB_PRAGMA_WRITE) {
        if (policy->handle->access == TRIB_ACCESS_READ || is_attached(schema))
            return deny(policy, TRIB_DENIED_READONLY, NULL, NULL);
        if (policy->collecting) policy->actions.writes = true;
    }
    return SQLITE_OK;
}

/* A change of the schema: `table` is what it creates, drops or alters, `on` the table that an index or trigger belongs
 * to. */
static int judge_schema_change(trib_policy *policy, bool creates, const char *table, const char *on) {
    if (is_hidden(table)) return deny(policy, creates ? TRIB_DENIED_RESERVED : TRIB_DENIED_HIDDEN, NULL, table);
    if (is_hidden(on)) return deny(policy, TRIB_DENIED_HIDDEN, NULL, on);
    if (policy->handle->access == TRIB_ACCESS_READ) return deny(policy, TRIB_DENIED_READONLY, NULL, NULL);
    if (policy->collecting) policy->actions.writes = true;
    return SQLITE_OK;
}

static int judge_rows(trib_policy *policy, int action, const char *table, const char *schema, const char *trigger) {
    /* The server's own triggers, and only they, may touch the server's tables on behalf of a client. */
    if (is_hidden(table) && !is_hidden(trigger) && !is_index_part(policy, table))
        return deny(policy, TRIB_DENIED_HIDDEN, NULL, table);
    if (name_in(table, raw_tables)) return deny(policy, TRIB_DENIED_TABLE, NULL, table);
    if (action == SQLITE_READ) return SQLITE_OK;
    if (policy->handle->access == TRIB_ACCESS_READ || is_attached(schema))
        return deny(policy, TRIB_DENIED_READONLY, NULL, NULL);
    if (!policy->collecting) return SQLITE_OK;
    policy->actions.writes = true;
    if (trigger) return SQLITE_OK;
    if (action == SQLITE_INSERT) policy->actions.inserts = true;
    if (action == SQLITE_UPDATE) policy->actions.updates = true;
    if (action == SQLITE_DELETE) policy->actions.deletes = true;
    return SQLITE_OK;
}

static const char temp_objects[] = "TEMP tables, views, indexes and triggers; make ordinary ones and drop them";

static int judge(trib_policy *policy, int action, const char *a, const char *b, const char *schema,
                 const char *trigger) {
    /* CREATE TABLE temp.x arrives as CREATE TABLE, not as CREATE TEMP TABLE. */
    bool temp = schema && trib_str_ieq_c(trib_str_c(schema), "temp");
    bool reads = action == SQLITE_SELECT || action == SQLITE_RECURSIVE || action == SQLITE_TRANSACTION ||
                 action == SQLITE_SAVEPOINT || action == SQLITE_READ || action == SQLITE_FUNCTION ||
                 action == SQLITE_PRAGMA;
    if (!reads && !is_hidden(a) && is_attached(action == SQLITE_ALTER_TABLE ? a : schema))
        return deny(policy, TRIB_DENIED_READONLY, NULL, NULL);
    switch (action) {
    case SQLITE_SELECT:
    case SQLITE_RECURSIVE:
    case SQLITE_TRANSACTION:
    case SQLITE_SAVEPOINT: return SQLITE_OK;
    case SQLITE_READ:
    case SQLITE_INSERT:
    case SQLITE_UPDATE:
    case SQLITE_DELETE: return judge_rows(policy, action, a, schema, trigger);
    case SQLITE_FUNCTION: return name_in(b, bad_functions) ? deny(policy, TRIB_DENIED_FUNCTION, NULL, b) : SQLITE_OK;
    case SQLITE_PRAGMA: return judge_pragma(policy, a, b, schema);
    case SQLITE_CREATE_TABLE:
    case SQLITE_CREATE_VIEW:
        if (temp) return deny(policy, TRIB_DENIED_STATEMENT, temp_objects, NULL);
        return judge_schema_change(policy, true, a, NULL);
    case SQLITE_CREATE_INDEX:
    case SQLITE_CREATE_TRIGGER:
        if (temp) return deny(policy, TRIB_DENIED_STATEMENT, temp_objects, NULL);
        if (action == SQLITE_CREATE_TRIGGER && kept_table(policy, b))
            return deny(policy, kept_table(policy, b), NULL, b);
        return judge_schema_change(policy, true, a, b);
    case SQLITE_CREATE_VTABLE:
        if (temp) return deny(policy, TRIB_DENIED_STATEMENT, temp_objects, NULL);
        if (!name_in(b, modules)) return deny(policy, TRIB_DENIED_MODULE, NULL, b);
        return judge_schema_change(policy, true, a, NULL);
    case SQLITE_DROP_TABLE:
    case SQLITE_DROP_VIEW:
    case SQLITE_DROP_VTABLE:
    case SQLITE_REINDEX:
        policy->drops_table = action == SQLITE_DROP_TABLE;
        if (action != SQLITE_REINDEX && kept_table(policy, a)) return deny(policy, kept_table(policy, a), NULL, a);
        return judge_schema_change(policy, false, a, NULL);
    case SQLITE_DROP_TRIGGER:
        if (policy->drops_table) return SQLITE_OK; /* also when it is prepared again, while it is stepped */
        return judge_schema_change(policy, false, a, b);
    case SQLITE_DROP_INDEX:
    case SQLITE_ALTER_TABLE: /* a: the schema, b: the table */
        if (action == SQLITE_ALTER_TABLE && kept_table(policy, b)) return deny(policy, kept_table(policy, b), NULL, b);
        return judge_schema_change(policy, false, action == SQLITE_ALTER_TABLE ? NULL : a, b);
    case SQLITE_CREATE_TEMP_INDEX:
    case SQLITE_CREATE_TEMP_TABLE:
    case SQLITE_CREATE_TEMP_TRIGGER:
    case SQLITE_CREATE_TEMP_VIEW:
    case SQLITE_DROP_TEMP_INDEX:
    case SQLITE_DROP_TEMP_TABLE:
    case SQLITE_DROP_TEMP_TRIGGER:
    case SQLITE_DROP_TEMP_VIEW: return deny(policy, TRIB_DENIED_STATEMENT, temp_objects, NULL);
    case SQLITE_ATTACH: return deny(policy, TRIB_DENIED_STATEMENT, "ATTACH", NULL);
    case SQLITE_DETACH: return deny(policy, TRIB_DENIED_STATEMENT, "DETACH", NULL);
    case SQLITE_ANALYZE: return deny(policy, TRIB_DENIED_STATEMENT, "ANALYZE", NULL);
    default: /* an action that this SQLite knows and we do not */
        return deny(policy, TRIB_DENIED_STATEMENT, "this kind of statement", NULL);
    }
}

/* What a system statement does is noted, and everything is allowed. */
static void note_system(trib_policy *policy, int action, const char *a, const char *b, const char *trigger) {
    if (!policy->collecting) return;
    bool reads = action == SQLITE_SELECT || action == SQLITE_RECURSIVE || action == SQLITE_TRANSACTION ||
                 action == SQLITE_SAVEPOINT || action == SQLITE_READ || action == SQLITE_FUNCTION;
    if (action == SQLITE_PRAGMA) reads = trib_pragma_class_of(trib_str_c(a), b != NULL) != TRIB_PRAGMA_WRITE;
    if (!reads) policy->actions.writes = true;
    if (trigger) return;
    if (action == SQLITE_INSERT) policy->actions.inserts = true;
    if (action == SQLITE_UPDATE) policy->actions.updates = true;
    if (action == SQLITE_DELETE) policy->actions.deletes = true;
}

static int authorize(void *ctx, int action, const char *a, const char *b, const char *schema, const char *trigger) {
    trib_policy *policy = ctx;
    if (policy->armed == 0) return SQLITE_OK;
    if (policy->handle->access != TRIB_ACCESS_SYSTEM) return judge(policy, action, a, b, schema, trigger);
    note_system(policy, action, a, b, trigger);
    return SQLITE_OK;
}

/* ---- errors ---- */

trib_code trib_policy_readonly_error(trib_error *err) {
    trib_error_set(err, TRIB_SQL_ERROR, "SQLite error: attempt to write a readonly database");
    if (err) {
        err->detail = SQLITE_READONLY;
        memcpy(err->text_code, "SQLITE_READONLY", sizeof "SQLITE_READONLY");
    }
    return TRIB_SQL_ERROR;
}

trib_code trib_policy_unsupported(trib_error *err, const char *what) {
    return trib_error_set(err, TRIB_SQL_PARSE_ERROR, "SQL string could not be parsed: unsupported statement: %s", what);
}

trib_code trib_policy_denied(trib_policy *policy, trib_error *err) {
    const char *name = policy->denied_name;
    switch (policy->denial) {
    case TRIB_DENIED_READONLY: return trib_policy_readonly_error(err);
    case TRIB_DENIED_STATEMENT: return trib_policy_unsupported(err, policy->denied_what);
    case TRIB_DENIED_PRAGMA:
        return trib_error_set(err, TRIB_SQL_PARSE_ERROR,
                              "SQL string could not be parsed: unsupported statement: "
                              "PRAGMA %s; this setting is not available to clients, or not in this form",
                              name);
    case TRIB_DENIED_HIDDEN: return trib_error_set(err, TRIB_SQL_ERROR, "SQLite error: no such table: %s", name);
    case TRIB_DENIED_RESERVED:
        return trib_error_set(err, TRIB_SQL_DENIED,
                              "the name %s is reserved: names that begin with _trib_ belong to the "
                              "server; choose another one",
                              name);
    case TRIB_DENIED_LOG:
        return trib_error_set(
            err, TRIB_SQL_DENIED,
            "the table %s is the shared log: its rows can be inserted, read and deleted by stream, but "
            "it cannot be dropped, altered or given triggers; make a table of your own",
            name);
    case TRIB_DENIED_INDEX:
        return trib_error_set(
            err, TRIB_SQL_DENIED,
            "the table %s is what everybody searches: its rows can be changed and read, but it cannot be dropped, "
            "altered or given triggers; make a table of your own",
            name);
    case TRIB_DENIED_TABLE:
        return trib_error_set(err, TRIB_SQL_DENIED, "the table %s is not available to clients: it shows raw pages",
                              name);
    case TRIB_DENIED_MODULE:
        return trib_error_set(err, TRIB_SQL_DENIED,
                              "the virtual table module %s is not available to clients; fts5, "
                              "fts5vocab, rtree and rtree_i32 are",
                              name);
    case TRIB_DENIED_FUNCTION:
        return trib_error_set(err, TRIB_SQL_DENIED, "the function %s is not available to clients", name);
    case TRIB_DENIED_NOT: break;
    }
    return trib_error_set(err, TRIB_SQL_DENIED, NULL);
}

int64_t trib_sqlite_number(sqlite3 *sqlite, const char *sql) {
    sqlite3_stmt *stmt = NULL;
    int64_t value = -1;
    if (sqlite3_prepare_v2(sqlite, sql, -1, &stmt, NULL) == SQLITE_OK && sqlite3_step(stmt) == SQLITE_ROW)
        value = sqlite3_column_int64(stmt, 0);
    sqlite3_finalize(stmt);
    return value;
}

const char *trib_sqlite_base_name(int rc) {
    static const char *const names[] = {
        [SQLITE_ERROR] = "ERROR",       [SQLITE_INTERNAL] = "INTERNAL", [SQLITE_PERM] = "PERM",
        [SQLITE_ABORT] = "ABORT",       [SQLITE_BUSY] = "BUSY",         [SQLITE_LOCKED] = "LOCKED",
        [SQLITE_NOMEM] = "NOMEM",       [SQLITE_READONLY] = "READONLY", [SQLITE_INTERRUPT] = "INTERRUPT",
        [SQLITE_IOERR] = "IOERR",       [SQLITE_CORRUPT] = "CORRUPT",   [SQLITE_NOTFOUND] = "NOTFOUND",
        [SQLITE_FULL] = "FULL",         [SQLITE_CANTOPEN] = "CANTOPEN", [SQLITE_PROTOCOL] = "PROTOCOL",
        [SQLITE_SCHEMA] = "SCHEMA",     [SQLITE_TOOBIG] = "TOOBIG",     [SQLITE_CONSTRAINT] = "CONSTRAINT",
        [SQLITE_MISMATCH] = "MISMATCH", [SQLITE_MISUSE] = "MISUSE",     [SQLITE_NOLFS] = "NOLFS",
        [SQLITE_AUTH] = "AUTH",         [SQLITE_RANGE] = "RANGE",       [SQLITE_NOTADB] = "NOTADB",
    };
    size_t base = (size_t)(rc & 0xff);
    return base < sizeof names / sizeof names[0] && names[base] ? names[base] : "UNKNOWN";
}

const char *trib_sqlite_constraint_name(int extended_code) {
    switch (extended_code) {
    case SQLITE_CONSTRAINT_CHECK: return "SQLITE_CONSTRAINT_CHECK";
    case SQLITE_CONSTRAINT_DATATYPE: return "SQLITE_CONSTRAINT_DATATYPE";
    case SQLITE_CONSTRAINT_FOREIGNKEY: return "SQLITE_CONSTRAINT_FOREIGNKEY";
    case SQLITE_CONSTRAINT_NOTNULL: return "SQLITE_CONSTRAINT_NOTNULL";
    case SQLITE_CONSTRAINT_PRIMARYKEY: return "SQLITE_CONSTRAINT_PRIMARYKEY";
    case SQLITE_CONSTRAINT_ROWID: return "SQLITE_CONSTRAINT_ROWID";
    case SQLITE_CONSTRAINT_TRIGGER: return "SQLITE_CONSTRAINT_TRIGGER";
    case SQLITE_CONSTRAINT_UNIQUE: return "SQLITE_CONSTRAINT_UNIQUE";
    case SQLITE_CONSTRAINT_VTAB: return "SQLITE_CONSTRAINT_VTAB";
    default: return NULL;
    }
}

static trib_code stop_error(trib_policy *policy, trib_error *err) {
    if (policy->stop_code != TRIB_STATEMENT_TIMEOUT) return trib_error_set(err, policy->stop_code, NULL);
    uint32_t ms = trib_db_settings_of(policy->handle->db).statement_timeout_ms;
    if (ms == 0) ms = TRIB_STATEMENT_TIMEOUT_MS_DEFAULT;
    return trib_error_set(err, TRIB_STATEMENT_TIMEOUT,
                          "the statement ran longer than %u ms and was interrupted; make it "
                          "touch fewer rows, or add an index",
                          ms);
}

static trib_code nomem_error(trib_handle *handle, trib_error *err) {
    if (handle->policy && handle->policy->too_deep)
        return trib_error_set(err, TRIB_SQL_DENIED,
                              "the statement nests too deep; make its chain of views, triggers, common "
                              "table expressions or JSON levels shorter");
    const trib_mem_account *account = trib_db_account(handle->db);
    int64_t limit = account ? account->limit_bytes : 0;
    if (limit <= 0) return trib_error_set(err, TRIB_NOMEM, NULL);
    return trib_error_set(err, TRIB_NOMEM,
                          "the statement needs more memory than this database may use (%lld bytes); make it "
                          "sort, group or return less at once",
                          (long long)limit);
}

trib_code trib_sqlite_error(trib_handle *handle, int rc, trib_error *err) {
    trib_policy *policy = handle->policy;
    int base = rc & 0xff;
    if (handle->guests) trib_handle_take_interrupts(handle);
    if (policy && policy->stop_code != TRIB_OK && (base == SQLITE_INTERRUPT || base == SQLITE_NOMEM))
        return stop_error(policy, err);
    if (policy && base == SQLITE_INTERRUPT && atomic_load(&handle->interrupted))
        return trib_error_set(err, handle->interrupt_code == TRIB_OK ? TRIB_CANCELLED : handle->interrupt_code, NULL);
    if (base == SQLITE_CONSTRAINT && handle->commit_failed)
        return trib_error_set(err, TRIB_NOT_COMMITTED,
                              "this write read an attached database whose newest changes its disk refused; it was "
                              "undone and may be tried again");
    if (policy && policy->denial != TRIB_DENIED_NOT && (base == SQLITE_AUTH || base == SQLITE_ERROR))
        return trib_policy_denied(policy, err);
    if (base == SQLITE_NOMEM) return nomem_error(handle, err);
    if (base == SQLITE_FULL) {
        /* The page budget fails before the disk is asked; arm cleared errno. */
        bool disk = !policy || policy->max_bytes == 0 || errno == ENOSPC;
        return trib_error_set(err, disk ? TRIB_DISK_FULL : TRIB_DATABASE_FULL, NULL);
    }
    bool partial = sqlite3_extended_errcode(handle->sqlite) == SQLITE_CONSTRAINT_FOREIGNKEY &&
                   trib_db_settings_of(handle->db).shared_log;
    trib_error_set(err, TRIB_SQL_ERROR, "SQLite error: %s%s", sqlite3_errmsg(handle->sqlite),
                   partial ? " (a stream is deleted as a whole or not at all: DELETE FROM events WHERE streamId = ?)"
                           : "");
    if (err) {
        int extended = sqlite3_extended_errcode(handle->sqlite);
        err->detail = (extended & 0xff) == base ? extended : rc;
        const char *name = trib_sqlite_base_name(rc);
        memcpy(err->text_code, "SQLITE_", 7);
        memcpy(err->text_code + 7, name, strlen(name) + 1);
    }
    return TRIB_SQL_ERROR;
}

/* ---- deadline ---- */

/* A heavy tenant's work: sleeps or yields now and then (base/pace.h). Returns how long it slept, in ns. */
static int64_t let_others_go_first(trib_handle *handle) {
    if (!trib_pace_is_heavy(handle->lane)) return 0;
    bool sleeps = trib_pace_must_give_way(handle->lane);
    int64_t slept_ns = sleeps ? trib_pace_give_way(handle->lane, &handle->runs_until_ns) : 0;
    trib_pace_yield(handle->lane, &handle->yields_ns);
    return slept_ns;
}

bool trib_policy_must_stop(trib_policy *policy) {
    if (policy->stop_code != TRIB_OK) return true;
    trib_handle *handle = policy->handle;
    policy->deadline_ns += let_others_go_first(handle);
    if (handle->guests) trib_handle_take_interrupts(handle);
    if (atomic_load_explicit(&handle->interrupted, memory_order_acquire))
        policy->stop_code = handle->interrupt_code == TRIB_OK ? TRIB_CANCELLED : handle->interrupt_code;
    else if (!atomic_load_explicit(&handle->copying, memory_order_relaxed) &&
             trib_env_mono_ns(handle->env) >= policy->deadline_ns)
        policy->stop_code = TRIB_STATEMENT_TIMEOUT;
    return policy->stop_code != TRIB_OK;
}

bool trib_policy_work(trib_policy *policy, uint64_t *work, uint64_t units) {
    uint64_t before = *work >> 16;
    *work += units;
    return (*work >> 16) == before || policy->armed == 0 || !trib_policy_must_stop(policy);
}

static int progress(void *ctx) {
    trib_policy *policy = ctx;
    return policy->armed > 0 && trib_policy_must_stop(policy);
}

void trib_policy_arm(trib_policy *policy, int64_t limit_ns) {
    if (policy->armed++ > 0) return;
    policy->stop_code = TRIB_OK;
    (void)let_others_go_first(policy->handle); /* thousands of short statements never meet the progress handler */
    policy->denial = TRIB_DENIED_NOT;
    policy->stack_base = __builtin_frame_address(0);
    policy->too_deep = false;
    errno = 0;
    policy->deadline_ns = trib_env_mono_ns(policy->handle->env) + limit_ns;
    trib_memory_watch(policy);
}

void trib_policy_disarm(trib_policy *policy) {
    assert(policy->armed > 0);
    if (--policy->armed > 0) return;
    policy->collecting = false;
    trib_memory_watch(NULL);
}

void trib_policy_collect(trib_policy *policy) {
    policy->collecting = true;
    policy->drops_table = false;
    policy->actions = (trib_actions){.writes = false};
    policy->denial = TRIB_DENIED_NOT;
}

/* ---- settings ---- */

static int64_t pragma_value(sqlite3 *sqlite, const char *name) {
    char sql[64];
    sqlite3_stmt *stmt = NULL;
    sqlite3_snprintf(sizeof sql, sql, "PRAGMA %s", name);
    int64_t value = 0;
    if (sqlite3_prepare_v2(sqlite, sql, -1, &stmt, NULL) == SQLITE_OK && sqlite3_step(stmt) == SQLITE_ROW)
        value = sqlite3_column_int64(stmt, 0);
    sqlite3_finalize(stmt);
    return value;
}

static void set_changed(trib_policy *policy, uint32_t bits) {
    policy->pragmas_changed = bits;
    policy->handle->settings_changed = bits != 0;
}

void trib_policy_note_pragma(trib_policy *policy, trib_str name) {
    const char *row;
    for (size_t i = 0; (row = trib_pragma_settable_at(i)) != NULL; i++) {
        if (!trib_str_ieq_c(name, row)) continue;
        uint32_t bit = 1u << i;
        bool changed = (pragma_value(policy->handle->sqlite, row) != 0) != ((policy->pragmas_default & bit) != 0);
        set_changed(policy, changed ? policy->pragmas_changed | bit : policy->pragmas_changed & ~bit);
    }
}

void trib_policy_note_txn_end(trib_policy *policy) {
    if (policy->pragmas_changed) trib_policy_note_pragma(policy, TRIB_STR("defer_foreign_keys"));
}

trib_code trib_policy_reset(trib_handle *handle, trib_error *err) {
    trib_policy *policy = handle->policy;
    const char *name;
    for (size_t i = 0; policy->pragmas_changed && (name = trib_pragma_settable_at(i)) != NULL; i++) {
        uint32_t bit = 1u << i;
        if (!(policy->pragmas_changed & bit)) continue;
        char sql[64];
        sqlite3_snprintf(sizeof sql, sql, "PRAGMA %s=%d", name, (policy->pragmas_default & bit) != 0);
        int rc = sqlite3_exec(handle->sqlite, sql, NULL, NULL, NULL);
        if (rc != SQLITE_OK) return trib_sqlite_error(handle, rc, err);
        set_changed(policy, policy->pragmas_changed & ~bit);
    }
    handle->txn_readonly = false;
    return TRIB_OK;
}

static void set_limits(sqlite3 *sqlite) {
    static const struct {
        int id, value;
    } limits[] = {
        {SQLITE_LIMIT_LENGTH, TRIB_SQL_VALUE_MAX_BYTES},
        {SQLITE_LIMIT_SQL_LENGTH, TRIB_SQL_MAX_BYTES},
        {SQLITE_LIMIT_COLUMN, TRIB_SQL_COLUMNS_MAX},
        {SQLITE_LIMIT_EXPR_DEPTH, TRIB_SQL_EXPR_DEPTH_MAX},
        {SQLITE_LIMIT_COMPOUND_SELECT, TRIB_SQL_COMPOUND_MAX},
        {SQLITE_LIMIT_VDBE_OP, TRIB_SQL_VDBE_OPS_MAX},
        {SQLITE_LIMIT_FUNCTION_ARG, TRIB_SQL_FUNCTION_ARGS_MAX},
        {SQLITE_LIMIT_ATTACHED, TRIB_ATTACHED_MAX},
        {SQLITE_LIMIT_LIKE_PATTERN_LENGTH, TRIB_SQL_LIKE_PATTERN_MAX},
        {SQLITE_LIMIT_VARIABLE_NUMBER, TRIB_SQL_VARIABLES_MAX},
        {SQLITE_LIMIT_TRIGGER_DEPTH, TRIB_SQL_TRIGGER_DEPTH_MAX},
        {SQLITE_LIMIT_WORKER_THREADS, TRIB_SQL_WORKER_THREADS_MAX},
    };
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) sqlite3_limit(sqlite, limits[i].id, limits[i].value);
}

static int set_config(sqlite3 *sqlite) {
    static const struct {
        int id, value;
    } configs[] = {
        {SQLITE_DBCONFIG_DEFENSIVE, 1},
        {SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0},
        {SQLITE_DBCONFIG_WRITABLE_SCHEMA, 0},
        {SQLITE_DBCONFIG_ENABLE_FTS3_TOKENIZER, 0},
        {SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1},
        {SQLITE_DBCONFIG_ENABLE_FKEY,
         1}, /* as libSQL: its clients never ask for it, and their migrate() ends with it on */
    };
    for (size_t i = 0; i < sizeof configs / sizeof configs[0]; i++) {
        int rc = sqlite3_db_config(sqlite, configs[i].id, configs[i].value, NULL);
        if (rc != SQLITE_OK) return rc;
    }
    return sqlite3_exec(sqlite, "PRAGMA temp_store=MEMORY", NULL, NULL, NULL);
}

/* A REPLACE fires triggers of DELETE only with this. */
static int set_discovery(trib_handle *handle) {
    if (!trib_db_settings_of(handle->db).discovery) return SQLITE_OK;
    return sqlite3_exec(handle->sqlite, "PRAGMA recursive_triggers=ON", NULL, NULL, NULL);
}

trib_code trib_policy_init_process(trib_error *err) {
    int rc = trib_memory_install();
    if (rc == SQLITE_OK) rc = sqlite3_config(SQLITE_CONFIG_URI, 0);
    if (rc == SQLITE_OK) rc = sqlite3_initialize();
    /* only this room knows SQLite: if it runs already, an earlier store of this process has started it the same way */
    if (rc == SQLITE_OK || rc == SQLITE_MISUSE) return TRIB_OK;
    return trib_error_set(err, rc == SQLITE_NOMEM ? TRIB_NOMEM : TRIB_INTERNAL, "SQLite could not be started (%s)",
                          sqlite3_errstr(rc));
}

trib_code trib_policy_attach(trib_handle *handle, trib_error *err) {
    trib_policy *policy = calloc(1, sizeof *policy);
    if (!policy) return trib_error_set(err, TRIB_NOMEM, NULL);
    policy->handle = handle;
    handle->policy = policy;
    set_limits(handle->sqlite);
    int rc = set_config(handle->sqlite);
    if (rc == SQLITE_OK) rc = set_discovery(handle);
    if (rc == SQLITE_OK) rc = trib_functions_register(handle);
    if (rc == SQLITE_OK) rc = trib_functions_register_data_version(handle);
    if (rc != SQLITE_OK) {
        trib_sqlite_error(handle, rc, err);
        trib_policy_detach(handle);
        return err ? err->code : TRIB_NOMEM;
    }
    const char *name;
    for (size_t i = 0; (name = trib_pragma_settable_at(i)) != NULL; i++)
        if (pragma_value(handle->sqlite, name) != 0) policy->pragmas_default |= 1u << i;
    /* Set once: every call makes SQLite prepare all its statements again. */
    sqlite3_set_authorizer(handle->sqlite, authorize, policy);
    sqlite3_progress_handler(handle->sqlite, TRIB_PROGRESS_OPS, progress, policy);
    return TRIB_OK;
}

void trib_policy_detach(trib_handle *handle) {
    if (!handle->policy) return;
    sqlite3_set_authorizer(handle->sqlite, NULL, NULL);
    sqlite3_progress_handler(handle->sqlite, 0, NULL, NULL);
    free(handle->policy);
    handle->policy = NULL;
}

/* ---- sessions ---- */

/* The database's size limit as SQLite's bound on pages. SQLite keeps no less than what the file already has. */
static void apply_page_budget(trib_handle *handle) {
    uint64_t max_bytes = trib_db_settings_of(handle->db).max_bytes;
    if (handle->policy->max_bytes == max_bytes) return;
    int64_t page_bytes = pragma_value(handle->sqlite, "page_size");
    if (page_bytes <= 0) return; /* tried again at the next enter */
    uint64_t pages = max_bytes ? max_bytes / (uint64_t)page_bytes : UINT32_MAX - 1;
    if (pages > UINT32_MAX - 1) pages = UINT32_MAX - 1;
    if (pages == 0) pages = 1;
    char sql[64];
    sqlite3_snprintf(sizeof sql, sql, "PRAGMA max_page_count=%llu", (unsigned long long)pages);
    if (sqlite3_exec(handle->sqlite, sql, NULL, NULL, NULL) == SQLITE_OK) handle->policy->max_bytes = max_bytes;
}

void trib_stmt_enter(trib_handle *handle) {
    trib_policy_set_account(trib_db_account(handle->db));
    apply_page_budget(handle);
    if (sqlite3_get_autocommit(handle->sqlite)) handle->txn_readonly = false;
    if (!handle->vars) return;
    sqlite3_set_last_insert_rowid(handle->sqlite, handle->vars->last_insert_rowid);
    trib_sqlite_set_changes(handle->sqlite, handle->vars->changes, handle->vars->total_changes);
}

void trib_stmt_leave(trib_handle *handle) {
    if (handle->vars) {
        handle->vars->last_insert_rowid = sqlite3_last_insert_rowid(handle->sqlite);
        handle->vars->changes = sqlite3_changes64(handle->sqlite);
        handle->vars->total_changes = sqlite3_total_changes64(handle->sqlite);
    }
    trib_memory_watch(NULL);
    trib_policy_set_account(NULL);
}

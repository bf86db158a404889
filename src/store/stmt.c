/* SPDX-License-Identifier: Apache-2.0 */
/* Prepare, bind, step and free (stmt.h), with the policy armed around every call into SQLite that runs a client's SQL.
 *
 * Some kinds of statement never reach SQLite as they were written:
 *   BEGIN READONLY, BEGIN CONCURRENT   libSQL's; run as BEGIN DEFERRED and BEGIN IMMEDIATE
 *   PRAGMA x = 1, class SET            SQLite would act while preparing it; prepared at the first step instead
 *   PRAGMA x = 1, class FIXED          run as PRAGMA x: the value in force
 *   ALTER TABLE ... ALTER COLUMN       libSQL's; run by libsql_alter.c
 *   ATTACH, DETACH                     libSQL's, of tenants by name; run by attach.c
 *   DROP TABLE t, beside a `__new_t`   SQLite's, without the deletes of foreign keys (drop_rebuilt.h)
 *   CREATE TABLE ... RANDOM ROWID      libSQL's; run with a mark instead of the words (libsql_text.h) */
#include "store/stmt.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "store/drop_rebuilt.h"
#include "store/libsql_alter.h"
#include "store/libsql_text.h"
#include "store/sqlite_seam.h"
#include "store/stmt_cache.h"

enum { NS_PER_MS = 1000000 };

static int64_t timeout_ns(const trib_handle *handle) {
    uint32_t set_ms = trib_db_settings_of(handle->db).statement_timeout_ms;
    int64_t ms = set_ms ? set_ms : TRIB_STATEMENT_TIMEOUT_MS_DEFAULT;
    return ms * NS_PER_MS;
}

/* ---- prepare ---- */

static trib_code closed_error(trib_error *err) {
    return trib_error_set(err, TRIB_NOT_COMMITTED,
                          "the database was opened again while this statement waited; run it again");
}

/* What to give SQLite instead of the text; empty: the text itself. `space` holds what is built; it has failed, or
 * not. */
static trib_str replacement(const trib_stmt *stmt, trib_stmt_head head, trib_buf *space) {
    if (head.kind == TRIB_STMT_BEGIN_READONLY) return TRIB_STR("BEGIN DEFERRED");
    if (head.concurrent)
        return stmt->access == TRIB_ACCESS_READ ? TRIB_STR("BEGIN DEFERRED") : TRIB_STR("BEGIN IMMEDIATE");
    if (head.kind != TRIB_STMT_PRAGMA || stmt->access == TRIB_ACCESS_SYSTEM) return TRIB_STR("");
    if (!head.pragma_arg && trib_str_ieq_c(head.pragma, "database_list")) {
        trib_handle_list_databases(stmt->handle, space);
        return trib_buf_str(space);
    }
    if (!head.explain && trib_str_ieq_c(head.pragma, "data_version"))
        return TRIB_STR("SELECT data_version FROM pragma_data_version");
    if (trib_pragma_class_of(head.pragma, head.pragma_arg) != TRIB_PRAGMA_FIXED) return TRIB_STR("");
    trib_buf_printf(space, "PRAGMA %.*s", TRIB_STR_ARG(head.pragma));
    return trib_buf_str(space);
}

/* Refuses what can be told from the first words; SQLite's authorizer refuses the rest. */
static trib_code check_head(trib_handle *handle, trib_stmt_head head, trib_str sql, trib_error *err) {
    if (handle->access == TRIB_ACCESS_SYSTEM) return TRIB_OK;
    if (head.kind == TRIB_STMT_VACUUM) return trib_policy_unsupported(err, "VACUUM");
    if (head.kind == TRIB_STMT_ANALYZE) return trib_policy_unsupported(err, "ANALYZE");
    bool attaches = head.kind == TRIB_STMT_ATTACH || head.kind == TRIB_STMT_DETACH;
    if (attaches && head.explain) return trib_policy_unsupported(err, "EXPLAIN of ATTACH or DETACH");
    if (head.temp) return trib_policy_unsupported(err, "CREATE TEMP; make an ordinary one and drop it");
    bool takes_turn = (head.kind == TRIB_STMT_BEGIN_IMMEDIATE && !head.concurrent) || head.kind == TRIB_STMT_REINDEX;
    if (takes_turn && !head.explain && handle->access == TRIB_ACCESS_READ) return trib_policy_readonly_error(err);
    if (head.kind == TRIB_STMT_ALTER) {
        /* ALTER TABLE x RENAME TO y does not tell the authorizer y. */
        trib_sql_token token;
        do {
            token = trib_sql_next(&sql);
            if (trib_sql_name_starts(token, TRIB_STR("_trib_")))
                return trib_error_set(err, TRIB_SQL_DENIED,
                                      "the name %.*s is reserved: names that begin with _trib_ belong to "
                                      "the server; choose another one",
                                      TRIB_STR_ARG(trib_str_sub(token.text, 0, 64)));
        } while (token.type != TRIB_SQL_END && !trib_sql_is_punct(token, ';'));
    }
    if (head.kind == TRIB_STMT_PRAGMA) {
        trib_pragma_class cls = trib_pragma_class_of(head.pragma, head.pragma_arg);
        trib_str name = trib_str_sub(head.pragma, 0, 64);
        if (cls == TRIB_PRAGMA_REFUSED || (head.explain && cls != TRIB_PRAGMA_READ))
            return trib_error_set(err, TRIB_SQL_PARSE_ERROR,
                                  "SQL string could not be parsed: unsupported statement: %sPRAGMA "
                                  "%.*s; this setting is not available to clients, or not in this form",
                                  head.explain ? "EXPLAIN " : "", TRIB_STR_ARG(name));
    }
    return TRIB_OK;
}

/* The error of a failed prepare. Where SQLite knows the place, the protocol has a code of its own. `from`: where the
 * text that was given to SQLite begins in the client's. */
static trib_code prepare_error(trib_handle *handle, int rc, size_t from, trib_error *err) {
    int offset = sqlite3_error_offset(handle->sqlite);
    bool plain = (rc & 0xff) == SQLITE_ERROR && handle->policy->denial == TRIB_DENIED_NOT;
    if (!plain) return trib_sqlite_error(handle, rc, err);
    const char *message = sqlite3_errmsg(handle->sqlite);
    if (offset >= 0) {
        size_t at = from + (size_t)offset;
        trib_error_set(err, TRIB_SQL_INPUT_ERROR, "SQL input error: %s (at offset %zu)", message, at);
        if (err) err->detail = (int)at;
        return TRIB_SQL_INPUT_ERROR;
    }
    if (strcmp(message, "incomplete input") == 0)
        return trib_error_set(err, TRIB_SQL_PARSE_ERROR, "SQL string could not be parsed: %s", message);
    return trib_sqlite_error(handle, rc, err);
}

static void take_facts(trib_stmt *stmt, trib_stmt_head head, const trib_policy *policy) {
    const trib_actions *actions = &policy->actions;
    stmt->kind = head.kind;
    stmt->explain = head.explain;
    if (head.kind == TRIB_STMT_OTHER) { /* WITH ... INSERT */
        if (actions->deletes) stmt->kind = TRIB_STMT_DELETE;
        if (actions->updates) stmt->kind = TRIB_STMT_UPDATE;
        if (actions->inserts) stmt->kind = TRIB_STMT_INSERT;
    }
    if (head.concurrent && stmt->access == TRIB_ACCESS_READ) stmt->kind = TRIB_STMT_BEGIN;
    stmt->writes =
        !head.explain && (actions->writes || head.kind == TRIB_STMT_VACUUM || head.kind == TRIB_STMT_REINDEX);
    /* What a vtab's integrity check or an unknown opcode writes, the authorizer may not see. */
    if (!head.explain && stmt->sqlite && !sqlite3_stmt_readonly(stmt->sqlite) && head.kind != TRIB_STMT_PRAGMA)
        stmt->writes = true;
    stmt->needs_turn = stmt->writes || (stmt->kind == TRIB_STMT_BEGIN_IMMEDIATE && !head.explain);
}

/* SQLite looks at the schema again when a statement does not compile, once; while others change it all the time, that
 * is not enough, and SQLITE_SCHEMA would be told instead of what is wrong. */
static int prepare_sqlite(sqlite3 *sqlite, trib_str sql, sqlite3_stmt **ret, const char **ret_tail) {
    enum { TRIES = 20 };
    int rc = SQLITE_SCHEMA;
    for (int i = 0; i < TRIES && (rc & 0xff) == SQLITE_SCHEMA; i++)
        rc = sqlite3_prepare_v3(sqlite, sql.ptr, (int)sql.len + 1, SQLITE_PREPARE_PERSISTENT, ret, ret_tail);
    return rc;
}

/* ALTER TABLE: *ret_done: it is libSQL's ALTER COLUMN, and all of its preparing is done. */
static trib_code prepare_alter(trib_stmt *stmt, trib_str sql, trib_stmt_head head, bool *ret_done, trib_error *err) {
    trib_alter_column request;
    trib_error wrong = {.code = TRIB_OK};
    trib_alter_found found = trib_libsql_alter_column(sql, &request, &wrong);
    *ret_done = found != TRIB_ALTER_OTHER;
    if (!*ret_done) return TRIB_OK;
    if (found == TRIB_ALTER_WRONG) {
        if (err) *err = wrong;
        return wrong.code;
    }
    stmt->kind = head.kind;
    stmt->alters_column = stmt->writes = stmt->needs_turn = true;
    return trib_libsql_alter_check(stmt->handle, sql, err);
}

/* Nothing that a path, URI or ":memory:" has in it; who knows the tenants decides the rest. */
static bool is_plain_name(trib_str name) {
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!letter && c != '_' && c != '-') return false;
    }
    return name.len > 0;
}

/* ATTACH [DATABASE] name AS alias; DETACH [DATABASE] alias. Of a client; nothing happens before it is stepped. Names
 * are unquoted; doubled quotes in them stay and fit no tenant. */
static trib_code parse_attach(trib_str rest, bool detach, trib_str *ret_name, trib_str *ret_alias, trib_error *err) {
    trib_sql_token name = trib_sql_next(&rest), alias = name, end;
    if (trib_sql_is_word(name, "DATABASE")) name = alias = trib_sql_next(&rest);
    bool ok = name.type == TRIB_SQL_WORD || name.type == TRIB_SQL_QUOTED;
    if (ok && !detach) {
        ok = trib_sql_is_word(trib_sql_next(&rest), "AS");
        alias = trib_sql_next(&rest);
        ok = ok && (alias.type == TRIB_SQL_WORD || alias.type == TRIB_SQL_QUOTED);
    }
    end = trib_sql_next(&rest);
    if (!ok || (end.type != TRIB_SQL_END && !trib_sql_is_punct(end, ';')))
        return trib_policy_unsupported(err, detach ? "DETACH in this form; write DETACH alias"
                                                   : "ATTACH in this form; write ATTACH 'tenant' AS alias, with the "
                                                     "name of a tenant as it is: no file, expression or parameter");
    *ret_name = trib_sql_unquoted(name);
    *ret_alias = trib_sql_unquoted(alias);
    if (!detach && !is_plain_name(*ret_name))
        return trib_policy_unsupported(err, "ATTACH of what is no tenant's name (no file, no URI); write ATTACH "
                                            "'tenant' AS alias");
    bool quoted_in = trib_str_find(*ret_alias, '"') != SIZE_MAX || trib_str_find(*ret_alias, '\'') != SIZE_MAX;
    if (ret_alias->len == 0 || ret_alias->len > TRIB_ATTACH_ALIAS_BYTES || quoted_in)
        return trib_error_set(err, TRIB_SQL_PARSE_ERROR,
                              "SQL string could not be parsed: the alias of an attached database must have 1 to %d "
                              "bytes, without quotes",
                              TRIB_ATTACH_ALIAS_BYTES);
    return TRIB_OK;
}

static trib_code prepare_attach(trib_stmt *stmt, trib_stmt_head head, trib_error *err) {
    trib_str name, alias;
    stmt->kind = head.kind;
    stmt->attaches = true;
    return parse_attach(head.rest, head.kind == TRIB_STMT_DETACH, &name, &alias, err);
}

static trib_code run_attach(trib_stmt *stmt, trib_error *err) {
    trib_str name, alias;
    bool detach = stmt->kind == TRIB_STMT_DETACH;
    trib_stmt_head head = trib_stmt_head_of(trib_str_make(stmt->sql, stmt->sql_len));
    trib_code code = parse_attach(head.rest, detach, &name, &alias, err);
    if (code != TRIB_OK) return code;
    return detach ? trib_handle_detach(stmt->handle, alias, err) : trib_handle_attach(stmt->handle, name, alias, err);
}

/* CREATE TABLE ... RANDOM ROWID: stmt->sql becomes the text for SQLite, of which *sql is a view. *ret_mark_at: where
 * the mark stands in it; SIZE_MAX: it is another statement. */
static trib_code rewrite_create(trib_stmt *stmt, trib_str *sql, size_t *ret_mark_at, trib_error *err) {
    trib_buf text;
    *ret_mark_at = SIZE_MAX;
    trib_buf_init(&text, TRIB_SQL_MAX_BYTES + sizeof TRIB_RANDOM_ROWID_MARK);
    trib_random_found found =
        trib_libsql_random_rowid(trib_str_sub(*sql, 0, trib_sql_first_len(*sql)), &text, ret_mark_at);
    trib_code code = TRIB_OK;
    trib_buf_add_char(&text, '\0');
    if (found == TRIB_RANDOM_AUTOINCREMENT)
        code = trib_error_set(err, TRIB_SQL_PARSE_ERROR,
                              "SQL string could not be parsed: AUTOINCREMENT not allowed on RANDOM ROWID tables");
    else if (found == TRIB_RANDOM_ROWID && !TRIB_SQLITE_RANDOM_ROWID)
        code = trib_policy_unsupported(err, "RANDOM ROWID; this server was built with another SQLite than its own");
    else if (found == TRIB_RANDOM_ROWID && text.failed) code = trib_error_set(err, TRIB_NOMEM, NULL);
    else if (found == TRIB_RANDOM_ROWID) {
        free(stmt->sql);
        stmt->sql_len = trib_buf_take(&text, &stmt->sql) - 1;
        *sql = trib_str_make(stmt->sql, stmt->sql_len);
    }
    trib_buf_deinit(&text);
    return code;
}

/* Gives the text, or what stands for it, to SQLite. mark_at, whole: of rewrite_create. */
static trib_code give_text(trib_stmt *stmt, trib_stmt_head head, trib_str sql, size_t from, size_t mark_at,
                           size_t whole, size_t *ret_used, trib_error *err) {
    enum { SPACE_BYTES = 8 << 10 }; /* a row for each of TRIB_ATTACHED_MAX aliases */
    trib_handle *handle = stmt->handle;
    trib_buf space;
    trib_buf_init(&space, SPACE_BYTES);
    trib_str instead = replacement(stmt, head, &space);
    stmt->pragma = head.pragma;
    stmt->sets_pragma = head.kind == TRIB_STMT_PRAGMA && stmt->access != TRIB_ACCESS_SYSTEM &&
                        trib_pragma_class_of(head.pragma, head.pragma_arg) == TRIB_PRAGMA_SET;
    trib_policy_collect(handle->policy);
    const char *tail = head.rest.ptr;
    int rc = SQLITE_OK;
    if (space.failed) rc = SQLITE_NOMEM;
    else if (instead.len > 0)
        rc = sqlite3_prepare_v3(handle->sqlite, instead.ptr, (int)instead.len, SQLITE_PREPARE_PERSISTENT, &stmt->sqlite,
                                NULL);
    else if (!stmt->sets_pragma) rc = prepare_sqlite(handle->sqlite, sql, &stmt->sqlite, &tail);
    trib_buf_deinit(&space);
    if (rc != SQLITE_OK && mark_at != SIZE_MAX && sqlite3_error_offset(handle->sqlite) > (int)mark_at)
        from -= sizeof TRIB_RANDOM_ROWID_MARK - 1; /* as the client counts */
    if (rc != SQLITE_OK) return prepare_error(handle, rc, from, err);
    *ret_used = mark_at == SIZE_MAX ? (size_t)(tail - stmt->sql) : whole;
    take_facts(stmt, head, handle->policy);
    return TRIB_OK;
}

/* Prepares the first statement of stmt->sql. from: where that begins in the client's text. *ret_used: bytes of it up to
 * and with that statement. */
static trib_code prepare_text(trib_stmt *stmt, size_t from, size_t *ret_used, trib_error *err) {
    trib_handle *handle = stmt->handle;
    trib_str sql = trib_sql_without_lead(trib_str_make(stmt->sql, stmt->sql_len));
    from += stmt->sql_len - sql.len;
    trib_stmt_head head = trib_stmt_head_of(sql);
    trib_code code = check_head(handle, head, sql, err);
    if (code != TRIB_OK) return code;
    if (head.kind == TRIB_STMT_ALTER && !head.explain) {
        bool done;
        code = prepare_alter(stmt, sql, head, &done, err);
        if (done) *ret_used = (size_t)(sql.ptr - stmt->sql) + trib_sql_first_len(sql);
        if (done || code != TRIB_OK) return code;
    }
    if ((head.kind == TRIB_STMT_ATTACH || head.kind == TRIB_STMT_DETACH) && stmt->access != TRIB_ACCESS_SYSTEM) {
        *ret_used = (size_t)(sql.ptr - stmt->sql) + trib_sql_first_len(sql);
        return prepare_attach(stmt, head, err);
    }
    size_t mark_at = SIZE_MAX, whole = 0;
    if (head.kind == TRIB_STMT_CREATE) {
        whole = (size_t)(sql.ptr - stmt->sql) + trib_sql_first_len(sql);
        code = rewrite_create(stmt, &sql, &mark_at, err);
    }
    return code == TRIB_OK ? give_text(stmt, head, sql, from, mark_at, whole, ret_used, err) : code;
}

static trib_code check_text(trib_str sql, trib_error *err) {
    if (sql.len > TRIB_SQL_MAX_BYTES)
        return trib_error_set(err, TRIB_SQL_PARSE_ERROR,
                              "SQL string could not be parsed: it has %zu bytes and the limit is %d; "
                              "send values as arguments, or split it",
                              sql.len, TRIB_SQL_MAX_BYTES);
    if (trib_str_find(sql, '\0') != SIZE_MAX)
        return trib_error_set(err, TRIB_SQL_PARSE_ERROR,
                              "SQL string could not be parsed: it has a NUL byte in it; send such "
                              "text as an argument");
    return TRIB_OK;
}

static trib_code prepare_new(trib_handle *handle, trib_str sql, size_t from, trib_stmt **ret, size_t *ret_used,
                             trib_error *err) {
    trib_stmt *stmt = trib_stmt_cache_add(handle, sql);
    if (!stmt) return trib_error_set(err, TRIB_NOMEM, NULL);
    handle->looked = true; /* at the schema */
    trib_policy_arm(handle->policy, timeout_ns(handle));
    trib_code code = prepare_text(stmt, from, ret_used, err);
    trib_policy_disarm(handle->policy);
    if (code == TRIB_OK && !stmt->sqlite && !stmt->sets_pragma && !stmt->alters_column && !stmt->attaches)
        code = trib_error_set(err, TRIB_SQL_NO_STATEMENT, NULL);
    if (code != TRIB_OK) {
        trib_stmt_cache_give(stmt);
        /* Preparing reads the schema: a damaged file can show here first. */
        if (code == TRIB_SQL_ERROR && err && err->detail != 0) trib_handle_after_step(handle, err->detail);
        return code;
    }
    *ret = stmt;
    return TRIB_OK;
}

static void begin_run(trib_stmt *stmt) {
    stmt->started = stmt->done = false;
    stmt->left_ns = timeout_ns(stmt->handle);
    stmt->rows_read = stmt->rows_written = 0;
    stmt->counts = (trib_stmt_counts){.affected_rows = 0};
}

trib_code trib_stmt_prepare(trib_handle *handle, trib_str sql, trib_stmt **ret, trib_error *err) {
    if (!handle->sqlite) return closed_error(err);
    trib_policy_set_account(trib_db_account(handle->db)); /* a command is inside several at once */
    trib_stmt_cache_sync(handle);
    trib_stmt *stmt = trib_stmt_cache_take(handle, sql);
    if (!stmt) {
        trib_code code = check_text(sql, err);
        if (code != TRIB_OK) return code;
        size_t used = 0;
        code = prepare_new(handle, sql, 0, &stmt, &used, err);
        if (code != TRIB_OK) return code;
        if (!trib_sql_is_blank(trib_str_sub(sql, used, sql.len))) {
            trib_stmt_cache_give(stmt);
            return trib_error_set(err, TRIB_SQL_MANY_STATEMENTS, NULL);
        }
        stmt->keep = !stmt->attaches;
    }
    begin_run(stmt);
    *ret = stmt;
    return TRIB_OK;
}

trib_code trib_stmt_prepare_next(trib_handle *handle, trib_str *sql, trib_stmt **ret, trib_error *err) {
    if (!handle->sqlite) return closed_error(err);
    trib_stmt_cache_sync(handle);
    /* Cut first: SQLite would copy the whole rest of the script for each of its statements. */
    trib_str rest = trib_sql_without_lead(*sql);
    trib_str first = trib_str_sub(rest, 0, trib_sql_first_len(rest));
    trib_stmt *stmt = NULL;
    size_t used = 0;
    if (first.len > 0) {
        trib_code code = check_text(first, err);
        if (code != TRIB_OK) return code;
        code = prepare_new(handle, first, sql->len - rest.len, &stmt, &used, err);
        if (code != TRIB_OK) return code;
        begin_run(stmt);
    }
    *sql = trib_str_sub(rest, used, rest.len);
    *ret = stmt;
    return TRIB_OK;
}

/* ---- taking back ---- */

/* INSERT ... RETURNING has changed everything before it gives its first row, and SQLite keeps that when it is reset
 * before its last one. Whoever does not read to the end has told its client that the statement failed; so it must have
 * failed. Outside a transaction the interrupt rolls it back (all of it: the statement is the transaction); inside one
 * it would take the client's transaction with it, so there a savepoint stands around the statement. */
static trib_code guard(trib_stmt *stmt, trib_error *err) {
    sqlite3 *sqlite = stmt->handle->sqlite;
    stmt->guarded = false;
    stmt->total_before = sqlite3_total_changes64(sqlite);
    if (!stmt->writes || trib_stmt_col_count(stmt) == 0 || sqlite3_get_autocommit(sqlite)) return TRIB_OK;
    int rc = sqlite3_exec(sqlite, "SAVEPOINT _trib_stmt", NULL, NULL, NULL);
    if (rc != SQLITE_OK) return trib_sqlite_error(stmt->handle, rc, err);
    stmt->guarded = true;
    return TRIB_OK;
}

/* The statement has ended, well or with an error of its own. */
static void unguard(trib_stmt *stmt) {
    if (!stmt->guarded) return;
    stmt->guarded = false;
    sqlite3 *sqlite = stmt->handle->sqlite;
    if (!sqlite3_get_autocommit(sqlite)) (void)sqlite3_exec(sqlite, "RELEASE _trib_stmt", NULL, NULL, NULL);
}

static int take_back(trib_stmt *stmt) {
    sqlite3 *sqlite = stmt->handle->sqlite;
    sqlite3_stmt *back = NULL;
    bool running = stmt->writes && sqlite3_stmt_busy(stmt->sqlite); /* the store may have ended it while it rested */
    if (!running) {
        unguard(stmt);
        return sqlite3_reset(stmt->sqlite);
    }
    bool whole = !stmt->guarded || sqlite3_prepare_v2(sqlite, "ROLLBACK TO _trib_stmt", -1, &back, NULL) != SQLITE_OK;
    if (whole) { /* without memory for less, the transaction goes: nothing may stay of a statement that failed */
        sqlite3_interrupt(sqlite);
        (void)sqlite3_step(stmt->sqlite);
    }
    int rc = sqlite3_reset(stmt->sqlite);
    if (!whole && !sqlite3_get_autocommit(sqlite)) {
        (void)sqlite3_step(back);
        rc = sqlite3_finalize(back);
    }
    trib_redo_undone(stmt->handle, stmt->redo_mark);
    trib_sqlite_set_changes(sqlite, 0, stmt->total_before); /* as after any statement that failed */
    unguard(stmt);
    return rc;
}

void trib_stmt_free(trib_stmt *stmt) {
    if (!stmt) return;
    trib_handle *handle = stmt->handle;
    if (stmt->sqlite && !stmt->closed) {
        int rc = stmt->started && !stmt->done ? take_back(stmt) : sqlite3_reset(stmt->sqlite);
        sqlite3_clear_bindings(stmt->sqlite);
        if (stmt->started && !stmt->done) {
            trib_handle_count_rows(handle, stmt->rows_read, 0);
            trib_handle_after_step(handle, rc);
        }
    }
    trib_stmt_cache_give(stmt);
}

/* ---- step ---- */

/* A transaction that has looked at nothing yet has no snapshot, so its end is told to wait like a read that would open
 * one. It opens none; and who was told to wait, and gives the transaction up, must be able to end it. */
static bool ends_transaction(const trib_stmt *stmt) {
    return !stmt->explain && (stmt->kind == TRIB_STMT_COMMIT || stmt->kind == TRIB_STMT_ROLLBACK);
}

static trib_code start(trib_stmt *stmt, trib_error *err) {
    trib_handle *handle = stmt->handle;
    if (handle->txn_readonly && stmt->needs_turn) return trib_policy_readonly_error(err);
    trib_code code = trib_handle_before_step(handle, stmt->needs_turn, err);
    if (code == TRIB_AGAIN && handle->waits_read && ends_transaction(stmt)) {
        handle->waits_read = false;
        code = TRIB_OK;
    }
    if (code == TRIB_OK) code = guard(stmt, err);
    if (code != TRIB_OK) return code;
    stmt->redo_mark = trib_redo_mark(handle);
    stmt->started = true;
    return TRIB_OK;
}

/* A pragma that sets: prepared and run in one go, because SQLite may act at prepare. */
static int run_pragma(trib_stmt *stmt) {
    trib_handle *handle = stmt->handle;
    sqlite3_stmt *sqlite = NULL;
    handle->policy->setting_pragma = true;
    int rc = sqlite3_prepare_v2(handle->sqlite, stmt->sql, (int)stmt->sql_len, &sqlite, NULL);
    handle->policy->setting_pragma = false;
    while (rc == SQLITE_OK && sqlite3_step(sqlite) == SQLITE_ROW) {}
    if (rc == SQLITE_OK) rc = sqlite3_finalize(sqlite);
    return rc == SQLITE_OK ? SQLITE_DONE : rc;
}

/* *ret_told: what *err says already. */
static int run(trib_stmt *stmt, trib_code *ret_told, trib_error *err) {
    if (stmt->sets_pragma) return run_pragma(stmt);
    sqlite3 *sqlite = stmt->handle->sqlite;
    trib_str sql = trib_sql_without_lead(trib_str_make(stmt->sql, stmt->sql_len));
    if (stmt->kind == TRIB_STMT_DROP && stmt->writes && trib_drop_is_rebuilt(sqlite, sql))
        return trib_drop_step_alone(sqlite, stmt->sqlite);
    if (!stmt->alters_column) return sqlite3_step(stmt->sqlite);
    int rc = SQLITE_OK;
    *ret_told = trib_libsql_alter_run(stmt->handle, sql, &rc, err);
    return *ret_told == TRIB_OK ? SQLITE_DONE : rc == SQLITE_OK ? SQLITE_ERROR : rc;
}

static void finish_counts(trib_stmt *stmt) {
    sqlite3 *sqlite = stmt->handle->sqlite;
    bool inserts = stmt->kind == TRIB_STMT_INSERT;
    bool changes = (inserts || stmt->kind == TRIB_STMT_UPDATE || stmt->kind == TRIB_STMT_DELETE) && !stmt->explain;
    if (changes) {
        stmt->counts.affected_rows = sqlite3_changes64(sqlite);
        stmt->rows_written = (uint64_t)stmt->counts.affected_rows;
        stmt->counts.has_last_insert_rowid = inserts;
        if (inserts) stmt->counts.last_insert_rowid = sqlite3_last_insert_rowid(sqlite);
    }
    if (stmt->sqlite)
        stmt->rows_read += (uint64_t)sqlite3_stmt_status(stmt->sqlite, SQLITE_STMTSTATUS_FULLSCAN_STEP, 1);
    trib_handle_count_rows(stmt->handle, stmt->rows_read, stmt->rows_written);
}

/* What a finished statement means for the session. */
static void note_done(trib_stmt *stmt) {
    trib_handle *handle = stmt->handle;
    if (stmt->explain) return;
    if (stmt->sets_pragma) trib_policy_note_pragma(handle->policy, stmt->pragma);
    if (stmt->kind == TRIB_STMT_BEGIN_READONLY) handle->txn_readonly = true;
    if (stmt->kind == TRIB_STMT_ROLLBACK_TO) trib_redo_undone(handle, SIZE_MAX);
    if (!sqlite3_get_autocommit(handle->sqlite)) return;
    handle->txn_readonly = false;
    if (stmt->kind == TRIB_STMT_COMMIT || stmt->kind == TRIB_STMT_ROLLBACK || stmt->kind == TRIB_STMT_RELEASE)
        trib_policy_note_txn_end(handle->policy);
}

/* The schema may be another one now, for this connection, and behind the transaction for the others. */
static void note_schema(trib_stmt *stmt) {
    trib_handle *handle = stmt->handle;
    trib_stmt_kind kind = stmt->kind;
    bool changes = !stmt->explain && (kind == TRIB_STMT_CREATE || kind == TRIB_STMT_ALTER || kind == TRIB_STMT_DROP);
    if (changes) handle->schema_changed = true;
    if (changes) stmt->keep = false; /* a second CREATE must fail as it is prepared, as the first time it would */
    if (!handle->schema_changed) return;
    if (changes || kind == TRIB_STMT_ROLLBACK_TO) trib_stmt_cache_forget(handle);
    if (!sqlite3_get_autocommit(handle->sqlite)) return;
    handle->schema_changed = false;
    atomic_fetch_add(trib_db_schema_version(handle->db), 1);
}

/* What SQLite's answer means; ALTER COLUMN has told by itself. */
static trib_code run_error(trib_stmt *stmt, int rc, trib_code told, trib_error *err) {
    if (told != TRIB_OK) return told;
    return stmt->sets_pragma ? prepare_error(stmt->handle, rc, 0, err) : trib_sqlite_error(stmt->handle, rc, err);
}

static trib_code finish(trib_stmt *stmt, int rc, trib_code told, trib_error *err) {
    trib_handle *handle = stmt->handle;
    trib_code code = TRIB_OK;
    stmt->done = true;
    if (rc == SQLITE_DONE) {
        finish_counts(stmt);
        note_done(stmt);
    } else {
        trib_redo_undone(handle, stmt->redo_mark);
        code = run_error(stmt, rc, told, err);
        if (stmt->sets_pragma) {
            /* SQLite acts on "PRAGMA foreign_keys=0 x" before it finds the x, but does not tell what it has prepared */
            trib_policy_note_pragma(handle->policy, stmt->pragma);
            trib_stmt_cache_forget(handle);
        }
        trib_handle_count_rows(handle, stmt->rows_read, 0);
        if (sqlite3_get_autocommit(handle->sqlite)) handle->txn_readonly = false;
    }
    if (stmt->sqlite) sqlite3_reset(stmt->sqlite);
    unguard(stmt);
    note_schema(stmt);
    trib_handle_after_step(handle, rc);
    return code;
}

/* Not armed: what it runs is the server's. */
static trib_code finish_attach(trib_stmt *stmt, trib_error *err) {
    trib_code code = run_attach(stmt, err);
    stmt->done = true;
    trib_handle_after_step(stmt->handle, SQLITE_DONE);
    return code;
}

trib_code trib_stmt_step(trib_stmt *stmt, bool *ret_row, trib_error *err) {
    trib_handle *handle = stmt->handle;
    *ret_row = false;
    if (stmt->closed) return closed_error(err);
    if (stmt->done) return TRIB_OK;
    bool first = !stmt->started;
    if (first) {
        trib_code code = start(stmt, err);
        if (code != TRIB_OK) return code;
    } else if (!sqlite3_stmt_busy(stmt->sqlite)) {
        /* The store rolled its transaction back while it waited; stepping would run it from the start. */
        return trib_error_set(err, TRIB_TRANSACTION_TIMEOUT, NULL);
    }
    if (stmt->attaches) return finish_attach(stmt, err);
    trib_policy *policy = handle->policy;
    trib_policy_set_account(trib_db_account(handle->db));
    trib_policy_arm(policy, stmt->left_ns);
    trib_code told = TRIB_OK;
    int rc = run(stmt, &told, err);
    trib_policy_disarm(policy);
    stmt->left_ns = policy->deadline_ns - trib_env_mono_ns(handle->env);
    if (rc != SQLITE_ROW) return finish(stmt, rc, told, err);
    stmt->rows_read++;
    if (first) trib_handle_after_step(handle, rc);
    if (stmt->closed) return closed_error(err);
    *ret_row = true;
    return TRIB_OK;
}

void trib_stmt_get_counts(const trib_stmt *stmt, trib_stmt_counts *ret) {
    *ret = stmt->counts;
    ret->rows_read = stmt->rows_read;
    ret->rows_written = stmt->rows_written;
}

/* ---- columns ---- */

int trib_stmt_col_count(const trib_stmt *stmt) {
    return stmt->sqlite ? sqlite3_column_count(stmt->sqlite) : 0;
}

trib_str trib_stmt_col_name(const trib_stmt *stmt, int col) {
    return trib_str_c(stmt->sqlite ? sqlite3_column_name(stmt->sqlite, col) : NULL);
}

trib_str trib_stmt_col_decltype(const trib_stmt *stmt, int col) {
    return trib_str_c(stmt->sqlite ? sqlite3_column_decltype(stmt->sqlite, col) : NULL);
}

trib_value trib_stmt_col_value(const trib_stmt *stmt, int col) {
    trib_value value = {.type = TRIB_VALUE_NULL};
    sqlite3_stmt *sqlite = stmt->sqlite;
    if (!sqlite) return value;
    switch (sqlite3_column_type(sqlite, col)) {
    case SQLITE_INTEGER:
        value.type = TRIB_VALUE_INTEGER;
        value.integer = sqlite3_column_int64(sqlite, col);
        break;
    case SQLITE_FLOAT:
        value.type = TRIB_VALUE_REAL;
        value.real = sqlite3_column_double(sqlite, col);
        break;
    case SQLITE_TEXT:
        value.type = TRIB_VALUE_TEXT;
        value.bytes.ptr = (const char *)sqlite3_column_text(sqlite, col);
        value.bytes.len = (size_t)sqlite3_column_bytes(sqlite, col);
        break;
    case SQLITE_BLOB:
        value.type = TRIB_VALUE_BLOB;
        value.bytes.ptr = sqlite3_column_blob(sqlite, col);
        value.bytes.len = (size_t)sqlite3_column_bytes(sqlite, col);
        break;
    default: break;
    }
    return value;
}

/* ---- describe ---- */

int trib_stmt_param_count(const trib_stmt *stmt) {
    return stmt->sqlite ? sqlite3_bind_parameter_count(stmt->sqlite) : 0;
}

trib_str trib_stmt_param_name(const trib_stmt *stmt, int index) {
    return trib_str_c(stmt->sqlite ? sqlite3_bind_parameter_name(stmt->sqlite, index) : NULL);
}

bool trib_stmt_is_explain(const trib_stmt *stmt) {
    return stmt->explain;
}

bool trib_stmt_is_readonly(const trib_stmt *stmt) {
    if (stmt->explain) return true;
    if (stmt->writes || stmt->sets_pragma) return false;
    switch (stmt->kind) {
    case TRIB_STMT_OTHER:
    case TRIB_STMT_PRAGMA: return true;
    case TRIB_STMT_INSERT:
    case TRIB_STMT_UPDATE:
    case TRIB_STMT_DELETE:
    case TRIB_STMT_BEGIN:
    case TRIB_STMT_BEGIN_READONLY:
    case TRIB_STMT_BEGIN_IMMEDIATE:
    case TRIB_STMT_COMMIT:
    case TRIB_STMT_ROLLBACK:
    case TRIB_STMT_ROLLBACK_TO:
    case TRIB_STMT_SAVEPOINT:
    case TRIB_STMT_RELEASE:
    case TRIB_STMT_CREATE:
    case TRIB_STMT_ALTER:
    case TRIB_STMT_DROP:
    case TRIB_STMT_REINDEX:
    case TRIB_STMT_VACUUM:
    case TRIB_STMT_ANALYZE:
    case TRIB_STMT_ATTACH:
    case TRIB_STMT_DETACH: break;
    }
    return false;
}

trib_code trib_stmt_run(trib_handle *handle, const char *sql, const trib_arg *args, size_t arg_count,
                        trib_code (*row)(void *ctx, const trib_stmt *stmt, trib_error *err), void *ctx,
                        trib_error *err) {
    trib_stmt *stmt = NULL;
    bool has_row = true;
    trib_code code = trib_stmt_prepare(handle, trib_str_c(sql), &stmt, err);
    if (code == TRIB_OK) code = trib_stmt_bind(stmt, args, arg_count, err);
    while (code == TRIB_OK) {
        code = trib_stmt_step(stmt, &has_row, err);
        if (code != TRIB_OK || !has_row) break;
        if (row) code = row(ctx, stmt, err);
    }
    trib_stmt_free(stmt);
    return code;
}

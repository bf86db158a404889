/* SPDX-License-Identifier: Apache-2.0 */
/* SQL text into a new file; see sql_load.h.
 *
 * Everything runs in one transaction, ours where the text begins none, since a transaction for each row is slow. The
 * authorizer keeps the text in its file. Pragmas that would change how the file is written are passed over. */
#include "store/sql_load.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/sql_text.h"
#include "store/functions.h"
#include "store/libsql_text.h"
#include "store/policy.h"

struct trib_sql_load {
    sqlite3 *sqlite;
    trib_sql_load_bounds bounds;
    trib_buf text;    /* what was not run yet */
    size_t looked_at; /* bytes of it that hold no whole statement: it is looked at again when there is much more */
    int64_t line;     /* at which it begins */
    int64_t statements;
    bool own_txn; /* the transaction that is open is ours */
    bool denied;
};

/* A dump needs these; the others are passed over, which is what it would see of a server. */
static bool is_useful_pragma(const char *name) {
    static const char *const names[] = {"foreign_keys",   "writable_schema",    "user_version",
                                        "application_id", "defer_foreign_keys", "recursive_triggers"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (sqlite3_stricmp(name, names[i]) == 0) return true;
    return false;
}

static int authorize(void *ctx, int action, const char *a, const char *b, const char *c, const char *d) {
    trib_sql_load *load = ctx;
    (void)b, (void)c, (void)d;
    if (action == SQLITE_ATTACH || action == SQLITE_DETACH) {
        load->denied = true;
        return SQLITE_DENY;
    }
    if (action == SQLITE_PRAGMA && a && !is_useful_pragma(a)) return SQLITE_IGNORE;
    return SQLITE_OK;
}

static trib_code sql_error(trib_sql_load *load, int rc, trib_error *err) {
    if ((rc & 0xff) == SQLITE_NOMEM) return trib_error_set(err, TRIB_NOMEM, NULL);
    if ((rc & 0xff) == SQLITE_INTERRUPT) return trib_error_set(err, TRIB_CANCELLED, "the import was cancelled");
    if ((rc & 0xff) == SQLITE_FULL && load->bounds.max_bytes)
        return trib_error_set(err, TRIB_DATABASE_FULL, "line %lld: the database is larger than %llu bytes",
                              (long long)load->line, (unsigned long long)load->bounds.max_bytes);
    if (load->denied)
        return trib_error_set(err, TRIB_SQL_DENIED,
                              "line %lld: ATTACH, DETACH and VACUUM are not for dumps: leave the statement out",
                              (long long)load->line);
    trib_error_set(err, TRIB_SQL_ERROR, "line %lld: SQLite error: %s", (long long)load->line,
                   sqlite3_errmsg(load->sqlite));
    if (err) snprintf(err->text_code, sizeof err->text_code, "SQLITE_%s", trib_sqlite_base_name(rc));
    return TRIB_SQL_ERROR;
}

static int must_stop(void *ctx) {
    const trib_sql_load *load = ctx;
    return load->bounds.must_stop(load->bounds.ctx);
}

/* What one call or one row may take is bounded as for tenants. */
static int set_bounds(trib_sql_load *load) {
    enum { STOP_OPS = 20000 };
    char sql[64];
    uint64_t pages = load->bounds.max_bytes / 4096;
    sqlite3_limit(load->sqlite, SQLITE_LIMIT_LENGTH, 2 * TRIB_SQL_VALUE_MAX_BYTES + (1 << 20));
    sqlite3_limit(load->sqlite, SQLITE_LIMIT_EXPR_DEPTH, TRIB_SQL_EXPR_DEPTH_MAX);
    sqlite3_limit(load->sqlite, SQLITE_LIMIT_COMPOUND_SELECT, TRIB_SQL_COMPOUND_MAX);
    sqlite3_limit(load->sqlite, SQLITE_LIMIT_LIKE_PATTERN_LENGTH, TRIB_SQL_LIKE_PATTERN_MAX);
    sqlite3_limit(load->sqlite, SQLITE_LIMIT_TRIGGER_DEPTH, TRIB_SQL_TRIGGER_DEPTH_MAX);
    sqlite3_limit(load->sqlite, SQLITE_LIMIT_ATTACHED, TRIB_SQL_ATTACHED_MAX);
    if (load->bounds.must_stop) sqlite3_progress_handler(load->sqlite, STOP_OPS, must_stop, load);
    if (pages == 0 || pages > UINT32_MAX - 1) return SQLITE_OK;
    sqlite3_snprintf(sizeof sql, sql, "PRAGMA max_page_count=%llu", (unsigned long long)pages);
    return sqlite3_exec(load->sqlite, sql, NULL, NULL, NULL);
}

trib_code trib_sql_load_open(const char *path, const trib_sql_load_bounds *bounds, trib_sql_load **ret,
                             trib_error *err) {
    trib_sql_load *load = calloc(1, sizeof *load);
    if (!load) return trib_error_set(err, TRIB_NOMEM, NULL);
    if (bounds) load->bounds = *bounds;
    trib_buf_init(&load->text, TRIB_SQL_LOAD_STATEMENT_MAX_BYTES);
    load->line = 1;
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE;
    int rc = sqlite3_open_v2(path, &load->sqlite, flags, load->bounds.vfs);
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(load->sqlite, "PRAGMA synchronous=OFF; PRAGMA page_size=4096; PRAGMA encoding='UTF-8'", NULL,
                          NULL, NULL);
    if (rc == SQLITE_OK) rc = trib_functions_register_fts(load->sqlite, NULL);
    if (rc == SQLITE_OK && bounds) rc = set_bounds(load);
    if (rc == SQLITE_OK) rc = sqlite3_set_authorizer(load->sqlite, authorize, load);
    if (rc != SQLITE_OK) {
        trib_code code = sql_error(load, rc, err);
        trib_sql_load_close(load);
        return code;
    }
    *ret = load;
    return TRIB_OK;
}

void trib_sql_load_close(trib_sql_load *load) {
    if (!load) return;
    (void)sqlite3_close(load->sqlite);
    trib_buf_deinit(&load->text);
    free(load);
}

int64_t trib_sql_load_statements(const trib_sql_load *load) {
    return load->statements;
}

/* ---- one statement ---- */

static int exec(trib_sql_load *load, const char *sql) {
    return sqlite3_exec(load->sqlite, sql, NULL, NULL, NULL);
}

typedef enum kind { OTHER, BEGINS, ENDS, ROLLS_BACK, PRAGMA, VACUUMS } kind;

static kind kind_of(trib_str sql) {
    trib_sql_token first = trib_sql_next(&sql);
    if (trib_sql_is_word(first, "BEGIN")) return BEGINS;
    if (trib_sql_is_word(first, "COMMIT") || trib_sql_is_word(first, "END")) return ENDS;
    if (trib_sql_is_word(first, "PRAGMA")) return PRAGMA;
    if (trib_sql_is_word(first, "VACUUM")) return VACUUMS;
    if (!trib_sql_is_word(first, "ROLLBACK")) return OTHER;
    /* ROLLBACK [TRANSACTION] TO name is an ordinary thing */
    trib_sql_token next = trib_sql_next(&sql);
    if (trib_sql_is_word(next, "TRANSACTION")) next = trib_sql_next(&sql);
    return trib_sql_is_word(next, "TO") ? OTHER : ROLLS_BACK;
}

/* Our transaction makes room for the text's own, and for what works only outside of one. */
static int settle_txn(trib_sql_load *load, kind k) {
    int rc = SQLITE_OK;
    bool open = !sqlite3_get_autocommit(load->sqlite);
    bool outside = k == BEGINS || k == PRAGMA;
    if (load->own_txn && (outside || k == ENDS)) {
        load->own_txn = false;
        return k == ENDS ? SQLITE_OK : exec(load, "COMMIT");
    }
    if (open || k != OTHER) return rc;
    rc = exec(load, "BEGIN");
    load->own_txn = rc == SQLITE_OK;
    return rc;
}

static int run_all(trib_sql_load *load, trib_str sql) {
    sqlite3_stmt *stmt = NULL;
    const char *tail = sql.ptr, *end = sql.ptr + sql.len;
    int rc = SQLITE_OK;
    /* where SQLite sees the end earlier than we do, the rest is a statement too */
    while (rc == SQLITE_OK && tail < end) {
        rc = sqlite3_prepare_v2(load->sqlite, tail, (int)(end - tail), &stmt, &tail);
        while (rc == SQLITE_OK && stmt && (rc = sqlite3_step(stmt)) == SQLITE_ROW) rc = SQLITE_OK;
        if (rc == SQLITE_DONE) rc = SQLITE_OK;
        sqlite3_finalize(stmt);
    }
    return rc;
}

/* A dump that libSQL made has RANDOM ROWID in its own words. */
static int run_plain(trib_sql_load *load, trib_str sql) {
    trib_buf plain;
    size_t mark_at;
    trib_buf_init(&plain, TRIB_SQL_LOAD_STATEMENT_MAX_BYTES);
    if (trib_libsql_random_rowid(sql, &plain, &mark_at) == TRIB_RANDOM_ROWID) sql = trib_buf_str(&plain);
    int rc = plain.failed ? SQLITE_NOMEM : run_all(load, sql);
    trib_buf_deinit(&plain);
    return rc;
}

static trib_code run(trib_sql_load *load, trib_str sql, trib_error *err) {
    if (trib_sql_is_blank(sql)) return TRIB_OK;
    kind k = kind_of(sql);
    if (k == ROLLS_BACK)
        return trib_error_set(
            err, TRIB_IMPORT_REFUSED,
            "line %lld: the text rolls back: whoever made this dump could not finish it; make it anew",
            (long long)load->line);
    load->denied = k == VACUUMS;
    if (k == VACUUMS) return sql_error(load, SQLITE_AUTH, err);
    int rc = settle_txn(load, k);
    if (rc == SQLITE_OK) rc = run_plain(load, sql);
    load->statements++;
    return rc == SQLITE_OK ? TRIB_OK : sql_error(load, rc, err);
}

/* ---- the text ---- */

static void count_lines(trib_sql_load *load, trib_str text) {
    for (size_t i = 0; i < text.len; i++) load->line += text.ptr[i] == '\n';
}

/* The blanks and comments in front do not belong to the statement: its line is the one that is told. */
static trib_code run_at(trib_sql_load *load, trib_str sql, trib_error *err) {
    trib_str body = trib_sql_without_lead(sql);
    size_t lead = sql.len - body.len;
    count_lines(load, trib_str_sub(sql, 0, lead));
    trib_code code = body.len ? run(load, body, err) : TRIB_OK;
    count_lines(load, body);
    return code;
}

trib_code trib_sql_load_feed(trib_sql_load *load, trib_str text, trib_error *err) {
    trib_code code = TRIB_OK;
    size_t used = 0;
    trib_buf_add(&load->text, text);
    if (load->text.failed)
        return trib_error_set(err, TRIB_BODY_TOO_LARGE,
                              "line %lld: a statement is longer than %d MiB; is a quote missing?",
                              (long long)load->line, TRIB_SQL_LOAD_STATEMENT_MAX_BYTES >> 20);
    /* a long statement in small pieces would be read again and again */
    if (load->text.len < load->looked_at + load->looked_at / 2) return TRIB_OK;
    while (code == TRIB_OK) {
        trib_str rest = trib_str_sub(trib_buf_str(&load->text), used, load->text.len);
        size_t len = trib_sql_whole_len(rest);
        if (len == 0) break;
        code = run_at(load, trib_str_sub(rest, 0, len), err);
        used += len;
    }
    trib_buf_consume(&load->text, used);
    load->looked_at = load->text.len;
    return code;
}

trib_code trib_sql_load_finish(trib_sql_load *load, trib_error *err) {
    load->looked_at = 0;
    trib_code code = trib_sql_load_feed(load, trib_str_make("", 0), err);
    trib_str rest = trib_buf_str(&load->text);
    bool in_txn = !sqlite3_get_autocommit(load->sqlite) && !load->own_txn;
    /* COMMIT may be the last word, without its semicolon; half a statement is none */
    if (code == TRIB_OK && (!in_txn || kind_of(trib_sql_without_lead(rest)) != OTHER)) code = run_at(load, rest, err);
    if (code != TRIB_OK) return code;
    if (!sqlite3_get_autocommit(load->sqlite) && !load->own_txn)
        return trib_error_set(err, TRIB_IMPORT_REFUSED,
                              "the text ends inside a transaction (line %lld): it is cut off, or its COMMIT is missing",
                              (long long)load->line);
    int rc = load->own_txn ? exec(load, "COMMIT") : SQLITE_OK;
    load->own_txn = false;
    return rc == SQLITE_OK ? TRIB_OK : sql_error(load, rc, err);
}

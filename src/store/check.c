/* SPDX-License-Identifier: Apache-2.0 */
/* Verifies a database in pieces; see check.h. */
#include "store/check.h"

#include <stdio.h>
#include <string.h>

#include "store/db_int.h"
#include "store/quarantine.h"

enum { PAGE_BYTES_LEAST = 512, SQL_BYTES = 4096 };

typedef trib_code (*on_row)(void *ctx, const trib_stmt *stmt, trib_error *err);

static trib_code run(trib_handle *h, trib_str sql, const trib_arg *arg, on_row row, void *ctx, trib_error *err) {
    trib_stmt *stmt = NULL;
    bool has_row = true;
    trib_code code = trib_stmt_prepare(h, sql, &stmt, err);
    if (code == TRIB_OK && arg) code = trib_stmt_bind(stmt, arg, 1, err);
    while (code == TRIB_OK) {
        code = trib_stmt_step(stmt, &has_row, err);
        if (code != TRIB_OK || !has_row) break;
        code = row(ctx, stmt, err);
    }
    trib_stmt_free(stmt);
    return code;
}

static trib_code take_number(void *ctx, const trib_stmt *stmt, trib_error *err) {
    (void)err;
    *(int64_t *)ctx = trib_stmt_col_value(stmt, 0).integer;
    return TRIB_OK;
}

static void say(trib_db_check *check, trib_str text) {
    size_t max = sizeof check->text - 1;
    snprintf(check->text, sizeof check->text, "%.*s", (int)(text.len < max ? text.len : max), text.ptr ? text.ptr : "");
    for (char *p = check->text; *p; p++) {
        if ((unsigned char)*p < ' ') *p = ' ';
    }
}

static trib_code damaged(trib_handle *h, trib_db_check *check, trib_damage damage, trib_str text, trib_error *err) {
    say(check, text);
    check->damaged = true;
    trib_db_quarantine(h->db, damage, check->text);
    return trib_error_set(err, TRIB_DATABASE_QUARANTINED, "this database is damaged (%s); restore it from a backup",
                          check->text);
}

/* SQLite may have found damage by itself (handle.c). */
static bool is_out_of_service(trib_handle *h) {
    trib_db_lock(h->db);
    bool out = h->db->state == TRIB_DB_QUARANTINED;
    trib_db_unlock(h->db);
    return out;
}

/* ---- the phases ---- */

static trib_code read_sizes(trib_handle *h, int64_t *ret_pages, int64_t *ret_page_bytes, trib_error *err) {
    trib_code code = run(h, TRIB_STR("PRAGMA page_count"), NULL, take_number, ret_pages, err);
    if (code == TRIB_OK) code = run(h, TRIB_STR("PRAGMA page_size"), NULL, take_number, ret_page_bytes, err);
    if (code == TRIB_OK && *ret_page_bytes < PAGE_BYTES_LEAST) *ret_page_bytes = PAGE_BYTES_LEAST;
    return code;
}

/* While the log has pages, the file may be behind; SQLite would take what is missing for zeros. */
static trib_code check_size(trib_handle *h, trib_db_check *check, trib_error *err) {
    const trib_disk *disk = h->db->store->disk;
    int64_t pages = 0, page_bytes = 0;
    char text[TRIB_CHECK_TEXT_BYTES];
    bool log_before = atomic_load(&h->db->log.bytes) > 0;
    trib_code code = read_sizes(h, &pages, &page_bytes, err);
    int64_t size = disk->size(disk->ctx, h->db->paths.db);
    bool log_after = atomic_load(&h->db->log.bytes) > 0;
    if (code == TRIB_OK && !log_before && !log_after && size >= 0 && size / page_bytes < pages) {
        snprintf(text, sizeof text, "the file has %lld bytes, its %lld pages need %lld", (long long)size,
                 (long long)pages, (long long)(pages * page_bytes));
        return damaged(h, check, TRIB_DAMAGE_CHECK_SIZE, trib_str_c(text), err);
    }
    check->phase = TRIB_CHECK_PAGES;
    check->next = 1;
    return code;
}

static trib_code take_page(void *ctx, const trib_stmt *stmt, trib_error *err) {
    (void)err;
    *(uint64_t *)ctx += trib_stmt_col_value(stmt, 0).bytes.len;
    return TRIB_OK;
}

static trib_code check_pages(trib_handle *h, trib_db_check *check, trib_error *err) {
    int64_t pages = 0, page_bytes = 0;
    trib_code code = read_sizes(h, &pages, &page_bytes, err);
    while (code == TRIB_OK && check->next <= pages && check->bytes < TRIB_CHECK_PIECE_BYTES) {
        trib_arg page = {.value = {.type = TRIB_VALUE_INTEGER, .integer = check->next}};
        trib_str sql = TRIB_STR("SELECT data FROM sqlite_dbpage WHERE pgno = ?1");
        code = run(h, sql, &page, take_page, &check->bytes, err);
        /* a disk may need two tries; a page that it refuses twice is lost */
        if (code == TRIB_SQL_ERROR && (err->detail & 0xff) == SQLITE_IOERR)
            code = run(h, sql, &page, take_page, &check->bytes, err);
        if (code == TRIB_SQL_ERROR && (err->detail & 0xff) == SQLITE_IOERR) {
            char text[TRIB_CHECK_TEXT_BYTES];
            snprintf(text, sizeof text, "page %lld cannot be read: %s", (long long)check->next,
                     sqlite3_errstr(err->detail));
            return damaged(h, check, TRIB_DAMAGE_CHECK_PAGE, trib_str_c(text), err);
        }
        check->next++;
    }
    if (code == TRIB_OK && check->next > pages) {
        check->phase = TRIB_CHECK_TABLES;
        check->next = 1;
    }
    return code;
}

typedef struct verdict {
    trib_db_check *check;
    bool broken;
} verdict;

/* SQLite's check says of a tree "*** in database main *** ...", of an index that lacks rows "row 3 missing from index
 * i". What a constraint says about values is the tenant's own business. */
static trib_code take_verdict(void *ctx, const trib_stmt *stmt, trib_error *err) {
    verdict *v = ctx;
    trib_str line = trib_stmt_col_value(stmt, 0).bytes;
    static const char head[] = "*** in database main ***";
    (void)err;
    if (trib_str_eq_c(line, "ok") || v->broken) return TRIB_OK;
    v->broken = trib_str_starts(line, trib_str_c(head));
    if (v->broken) {
        say(v->check, trib_str_trim(trib_str_sub(line, sizeof head - 1, line.len)));
    } else if (memmem(line.ptr, line.len, " index ", 7) && !v->check->told) {
        v->check->told = true;
        say(v->check, line);
    }
    return TRIB_OK;
}

/* sql: a PRAGMA integrity_check. `name`: for messages. */
static trib_code check_tree(trib_handle *h, trib_db_check *check, trib_str sql, trib_str name, trib_error *err) {
    verdict v = {.check = check};
    trib_handle_set_copying(h); /* as long as it takes; given up when the log gets too long */
    trib_code code = run(h, sql, NULL, take_verdict, &v, err);
    if (v.broken) {
        char text[TRIB_CHECK_TEXT_BYTES];
        memcpy(text, check->text, sizeof text);
        return damaged(h, check, TRIB_DAMAGE_CHECK_TREE, trib_str_c(text), err);
    }
    if (code != TRIB_SNAPSHOT_TOO_OLD && code != TRIB_STATEMENT_TIMEOUT) return code;
    check->skipped = true;
    say(check, name);
    return TRIB_OK;
}

typedef struct table {
    int64_t root;
    trib_buf name, sql;
} table;

static trib_code take_table(void *ctx, const trib_stmt *stmt, trib_error *err) {
    table *t = ctx;
    trib_str name = trib_stmt_col_value(stmt, 1).bytes;
    (void)err;
    t->root = trib_stmt_col_value(stmt, 0).integer;
    trib_buf_add(&t->name, name);
    trib_buf_add_c(&t->sql, "PRAGMA integrity_check('");
    for (size_t i = 0; i < name.len; i++) {
        if (name.ptr[i] == '\'') trib_buf_add_char(&t->sql, '\'');
        trib_buf_add_char(&t->sql, name.ptr[i]);
    }
    trib_buf_add_c(&t->sql, "')");
    return TRIB_OK;
}

static trib_code take_bytes(void *ctx, const trib_stmt *stmt, trib_error *err) {
    (void)err;
    *(uint64_t *)ctx += (uint64_t)trib_stmt_col_value(stmt, 0).integer;
    return TRIB_OK;
}

/* What the pace is reckoned by: a table has no size of its own without being read, so its check counts as what it and
 * its indexes take on the average. */
static trib_code guess_bytes(trib_handle *h, uint64_t *ret, trib_error *err) {
    return run(h,
               TRIB_STR("SELECT (SELECT page_count * page_size FROM pragma_page_count, pragma_page_size) / "
                        "max(1, (SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND rootpage > 0))"),
               NULL, take_bytes, ret, err);
}

/* All of a small one, with what no table has: free pages, and pages that nobody has. */
static trib_code check_small(trib_handle *h, trib_db_check *check, bool *ret_is, trib_error *err) {
    int64_t pages = 0, page_bytes = 0;
    trib_code code = read_sizes(h, &pages, &page_bytes, err);
    *ret_is = check->next == 1 && pages * page_bytes <= TRIB_CHECK_WHOLE_BYTES;
    if (code != TRIB_OK || !*ret_is) return code;
    check->bytes = (uint64_t)(pages * page_bytes);
    code = check_tree(h, check, TRIB_STR("PRAGMA integrity_check"), TRIB_STR("all tables"), err);
    if (code == TRIB_OK) check->phase = TRIB_CHECK_DONE;
    return code;
}

static trib_code check_table(trib_handle *h, trib_db_check *check, trib_error *err) {
    bool small = false;
    trib_code code = check_small(h, check, &small, err);
    if (code != TRIB_OK || small) return code;
    table t = {.root = 0};
    trib_arg after = {.value = {.type = TRIB_VALUE_INTEGER, .integer = check->next}};
    trib_buf_init(&t.name, SQL_BYTES);
    trib_buf_init(&t.sql, 2 * SQL_BYTES);
    code = run(h,
               TRIB_STR("SELECT rootpage, name FROM sqlite_schema WHERE type = 'table' AND rootpage > ?1"
                        " ORDER BY rootpage LIMIT 1"),
               &after, take_table, &t, err);
    if (code == TRIB_OK && t.root) {
        bool fits = !t.name.failed && !t.sql.failed;
        if (fits) code = guess_bytes(h, &check->bytes, err);
        if (fits && code == TRIB_OK) code = check_tree(h, check, trib_buf_str(&t.sql), trib_buf_str(&t.name), err);
        check->skipped |= !fits;
        check->next = t.root;
    } else if (code == TRIB_OK) {
        check->phase = TRIB_CHECK_LISTS;
    }
    trib_buf_deinit(&t.name);
    trib_buf_deinit(&t.sql);
    return code;
}

/* `integrity_check(sqlite_schema)`: of one table it leaves out what no table has, so the list of free pages is read by
 * its own page numbers, which must exist. */
static trib_code check_lists(trib_handle *h, trib_db_check *check, trib_error *err) {
    int64_t pages = 0, page_bytes = 0, free_pages = 0;
    trib_code code = read_sizes(h, &pages, &page_bytes, err);
    if (code == TRIB_OK) code = run(h, TRIB_STR("PRAGMA freelist_count"), NULL, take_number, &free_pages, err);
    if (code == TRIB_OK && free_pages > pages) {
        char text[TRIB_CHECK_TEXT_BYTES];
        snprintf(text, sizeof text, "%lld pages are free of %lld", (long long)free_pages, (long long)pages);
        return damaged(h, check, TRIB_DAMAGE_CHECK_TREE, trib_str_c(text), err);
    }
    if (code == TRIB_OK)
        code =
            check_tree(h, check, TRIB_STR("PRAGMA integrity_check('sqlite_schema')"), TRIB_STR("sqlite_schema"), err);
    if (code == TRIB_OK) check->phase = TRIB_CHECK_DONE;
    return code;
}

trib_code trib_db_check_piece(trib_handle *h, trib_db_check *check, trib_error *err) {
    trib_error why = {0};
    check->bytes = 0;
    check->damaged = check->told = check->skipped = false;
    check->text[0] = '\0';
    if (!atomic_load(&h->db->exists)) check->phase = TRIB_CHECK_DONE; /* nothing was ever written */
    if (h->sqlite) (void)sqlite3_db_release_memory(h->sqlite);        /* what is cached proves nothing */
    trib_code code = TRIB_OK;
    h->damage_as = check->phase == TRIB_CHECK_SIZE ? TRIB_DAMAGE_CHECK_SIZE : TRIB_DAMAGE_CHECK_TREE;
    switch (check->phase) {
    case TRIB_CHECK_SIZE: code = check_size(h, check, &why); break;
    case TRIB_CHECK_PAGES: code = check_pages(h, check, &why); break;
    case TRIB_CHECK_TABLES: code = check_table(h, check, &why); break;
    case TRIB_CHECK_LISTS: code = check_lists(h, check, &why); break;
    case TRIB_CHECK_DONE: break;
    }
    h->damage_as = TRIB_DAMAGE_MALFORMED;
    if (code == TRIB_OK) return code;
    if (!check->damaged && is_out_of_service(h)) {
        check->damaged = true;
        say(check, trib_str_c(h->db->quarantine_reason));
        code = trib_db_quarantine_error(h->db, &why);
    }
    if (err) *err = why;
    return code;
}

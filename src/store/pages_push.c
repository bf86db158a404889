/* SPDX-License-Identifier: Apache-2.0 */
/* Pages from a replica, taken in as one commit; see pages.h.
 *
 *   turn -> nobody else wrote since -> put the pages -> check -> count -> COMMIT
 *
 * The scratch copy in which they are checked is the transaction itself: what it wrote is seen by this connection alone,
 * and a ROLLBACK leaves nothing.
 *
 * The replica counts its own frames. Ours are fewer when it wrote a page twice; the difference is skipped in the page
 * map, durably and before the COMMIT: a crash between the two leaves a gap in the numbers, which means nothing. */
#include <stdlib.h>
#include <string.h>

#include "store/db_int.h"
#include "store/pages.h"
#include "store/pages_int.h"
#include "store/sqlite_seam.h"

/* https://sqlite.org/fileformat2.html#the_database_header */
enum {
    HEAD_PAGE_SIZE = 16,
    HEAD_WRITE_VERSION = 18,
    HEAD_RESERVED = 20,
    HEAD_SIZE = 28,
    HEAD_SCHEMA_FORMAT = 44,
    HEAD_AUTO_VACUUM = 52,
    HEAD_ENCODING = 56
};
enum { SCHEMA_MAX_BYTES = 4 << 20 }; /* text of a schema that is compared: memory under the turn */

static trib_code refused(trib_error *err, const char *what) {
    return trib_error_set(err, TRIB_BAD_REQUEST,
                          "the pushed frames were refused: %s; nothing was changed. Delete the replica's files and "
                          "begin anew",
                          what);
}

static const trib_page_bytes *find_page(const trib_pages_push *push, uint32_t page) {
    for (size_t i = 0; i < push->count; i++) {
        if (push->pages[i].page == page) return &push->pages[i];
    }
    return NULL;
}

/* What can be said without the database. */
static trib_code check_shape(const trib_pages_push *push, trib_error *err) {
    if (push->count == 0 || push->count > TRIB_PAGES_PUSH_MAX || push->until < push->since + push->count)
        return refused(err, "they are none, or too many");
    if (push->page_count == 0) return refused(err, "the database would have no pages");
    for (size_t i = 0; i < push->count; i++) {
        if (push->pages[i].page == 0 || push->pages[i].page > push->page_count)
            return refused(err, "a page is outside of the database's size");
    }
    const trib_page_bytes *first = find_page(push, 1);
    if (!first) return TRIB_OK;
    const uint8_t *p = first->bytes;
    bool ok = memcmp(p, "SQLite format 3", 16) == 0 && p[HEAD_PAGE_SIZE] == 0x10 && p[HEAD_PAGE_SIZE + 1] == 0 &&
              p[HEAD_WRITE_VERSION] == 2 && p[HEAD_WRITE_VERSION + 1] == 2 && p[HEAD_RESERVED] == 0 && p[21] == 64 &&
              p[22] == 32 && p[23] == 32 && trib_be32(p + HEAD_AUTO_VACUUM) == 0 &&
              trib_be32(p + HEAD_SCHEMA_FORMAT) <= 4 && trib_be32(p + HEAD_ENCODING) <= 1;
    if (!ok) return refused(err, "page 1 is not the header of a UTF-8 database in WAL mode with pages of 4096 bytes");
    if (trib_be32(p + HEAD_SIZE) != push->page_count) return refused(err, "the header tells another size");
    return TRIB_OK;
}

/* What a commit changes in page 1 by itself: the change counter, and for which one the version is valid. */
static void mask_counters(uint8_t page[TRIB_PAGE_BYTES]) {
    memset(page + 24, 0, 4);
    memset(page + 92, 0, 8);
}

/* Everything that was changed since is what is pushed now. */
static trib_code is_repeated(trib_handle *h, const trib_pages_push *push, const trib_db_point *now, bool *ret,
                             trib_error *err) {
    trib_buf changes, page;
    trib_buf_init(&changes, (TRIB_PAGES_PUSH_MAX + 1) * sizeof(trib_page_change));
    trib_buf_init(&page, 2 * TRIB_PAGE_BYTES);
    *ret = false;
    trib_code code = trib_db_map_changed(h->db, push->since, now, &changes, err);
    size_t n = changes.len / sizeof(trib_page_change);
    bool same = code == TRIB_OK && now->page_count == push->page_count && n <= push->count;
    for (size_t i = 0; same && i < n; i++) same = find_page(push, ((trib_page_change *)(void *)changes.ptr)[i].page);
    for (size_t i = 0; same && code == TRIB_OK && i < push->count; i++) {
        page.len = 0;
        code = trib_pages_read(h, push->pages[i].page, &page, err);
        if (code != TRIB_OK) break;
        uint8_t mine[TRIB_PAGE_BYTES], theirs[TRIB_PAGE_BYTES];
        memcpy(mine, page.ptr, sizeof mine);
        memcpy(theirs, push->pages[i].bytes, sizeof theirs);
        if (push->pages[i].page == 1) {
            mask_counters(mine);
            mask_counters(theirs);
        }
        same = memcmp(mine, theirs, sizeof mine) == 0;
    }
    if (changes.failed) code = TRIB_OK; /* more than can be pushed at once: not the same */
    if (code == TRIB_OK) *ret = same && n > 0 && !changes.failed;
    trib_buf_deinit(&changes);
    trib_buf_deinit(&page);
    return code;
}

/* With the turn: did somebody write since? */
static trib_code compare(trib_handle *h, const trib_pages_push *push, const trib_db_point *now, trib_push_outcome *ret,
                         trib_error *err) {
    trib_buf changes;
    bool repeated = false;
    *ret = TRIB_PUSH_CONFLICT;
    if (push->epoch != now->epoch || push->since > now->frame_no) return TRIB_OK;
    trib_buf_init(&changes, sizeof(trib_page_change));
    trib_code code = trib_db_map_changed(h->db, push->since, now, &changes, err);
    bool changed = changes.len > 0 || changes.failed;
    trib_buf_deinit(&changes);
    if (changed) code = is_repeated(h, push, now, &repeated, err);
    if (code == TRIB_OK && !changed && push->until >= now->frame_no + push->count) *ret = TRIB_PUSH_DONE;
    if (code == TRIB_OK && repeated && now->frame_no == push->until) *ret = TRIB_PUSH_REPEATED;
    return code;
}

#define SCHEMA_TEXT(where)                                                                                             \
    "SELECT coalesce(group_concat(quote(type) || quote(name) || quote(tbl_name) || quote(rootpage) || quote(sql)), "   \
    "'') "                                                                                                             \
    "FROM (SELECT * FROM sqlite_schema " where " ORDER BY rowid)"
#define OWN_TABLES SCHEMA_TEXT("WHERE name LIKE '\\_trib\\_%' ESCAPE '\\' OR tbl_name LIKE '\\_trib\\_%' ESCAPE '\\'")

/* What must not change, and what must not without notice. */
typedef struct schema {
    trib_buf own, all;
    int64_t cookie;
} schema;

static trib_code read_schema(trib_handle *h, schema *ret, trib_error *err) {
    trib_buf_init(&ret->own, SCHEMA_MAX_BYTES);
    trib_buf_init(&ret->all, SCHEMA_MAX_BYTES);
    trib_code code = trib_pages_run(h, OWN_TABLES, NULL, NULL, &ret->own, err);
    if (code == TRIB_OK) code = trib_pages_run(h, SCHEMA_TEXT(""), NULL, NULL, &ret->all, err);
    if (code == TRIB_OK) code = trib_pages_run(h, "PRAGMA schema_version", NULL, &ret->cookie, NULL, err);
    if (code == TRIB_OK && (ret->own.failed || ret->all.failed))
        code = trib_error_set(err, TRIB_BAD_REQUEST, "the schema has more than %d bytes", (int)SCHEMA_MAX_BYTES);
    return code;
}

static void drop_schema(schema *s) {
    trib_buf_deinit(&s->own);
    trib_buf_deinit(&s->all);
}

static bool same_text(const trib_buf *a, const trib_buf *b) {
    return a->len == b->len && (a->len == 0 || memcmp(a->ptr, b->ptr, a->len) == 0);
}

/* The schema can be read, all of it is meant for this place, and what is the server's own is as it was. */
static trib_code check_inside(trib_handle *h, const trib_pages_push *push, const schema *before, trib_error *err) {
    schema now = {.cookie = 0};
    trib_buf verdict;
    trib_error why = {0};
    trib_buf_init(&verdict, 4096);
    trib_code code = read_schema(h, &now, &why);
    if (code == TRIB_OK && !same_text(&now.own, &before->own))
        code = trib_error_set(&why, TRIB_BAD_REQUEST, "tables of the server's own were changed");
    if (code == TRIB_OK && now.cookie == before->cookie && !same_text(&now.all, &before->all))
        code = trib_error_set(&why, TRIB_BAD_REQUEST, "the schema changed and its version did not");
    if (code == TRIB_OK && (uint64_t)push->page_count * TRIB_PAGE_BYTES <= TRIB_PAGES_CHECK_MAX_BYTES) {
        code = trib_pages_run(h, "PRAGMA integrity_check(1)", NULL, NULL, &verdict, &why);
        if (code == TRIB_OK && (verdict.len != 2 || memcmp(verdict.ptr, "ok", 2) != 0))
            code = trib_error_set(&why, TRIB_BAD_REQUEST, "the database would be damaged (%.*s)", (int)verdict.len,
                                  verdict.ptr ? verdict.ptr : "");
    }
    drop_schema(&now);
    trib_buf_deinit(&verdict);
    if (code == TRIB_OK) return code;
    if (code == TRIB_SQL_ERROR || code == TRIB_BAD_REQUEST || code == TRIB_SQL_INPUT_ERROR)
        return refused(err, why.message);
    if (err) *err = why;
    return code;
}

static trib_code put_pages(trib_handle *h, const trib_pages_push *push, trib_error *err) {
    int rc = SQLITE_OK;
    for (size_t i = 0; rc == SQLITE_OK && i < push->count; i++)
        rc = trib_sqlite_put_page(h->sqlite, push->pages[i].page, push->pages[i].bytes);
    if (rc == SQLITE_OK) rc = trib_sqlite_put_size(h->sqlite, push->page_count);
    return rc == SQLITE_OK ? TRIB_OK : trib_sqlite_error(h, rc, err);
}

/* Every page that the database gains must be among the pushed ones. */
static trib_code check_growth(const trib_pages_push *push, const trib_db_point *now, uint64_t max_bytes,
                              trib_error *err) {
    size_t gained = 0;
    if (max_bytes && (uint64_t)push->page_count * TRIB_PAGE_BYTES > max_bytes)
        return trib_error_set(err, TRIB_DATABASE_FULL, NULL);
    for (size_t i = 0; i < push->count; i++) gained += push->pages[i].page > now->page_count;
    if (push->page_count > now->page_count && gained != push->page_count - now->page_count)
        return refused(err, "pages that the database would gain are missing");
    if (push->page_count != now->page_count && !find_page(push, 1))
        return refused(err, "the size changes and page 1 does not");
    return TRIB_OK;
}

/* In the transaction, up to before the COMMIT. */
static trib_code apply(trib_handle *h, const trib_pages_push *push, trib_push_outcome *ret, trib_error *err) {
    trib_db *db = h->db;
    trib_db_point now;
    schema before = {.cookie = 0};
    int64_t pages = 0;
    trib_db_get_point(db, &now);
    trib_code code = trib_pages_run(h, "PRAGMA page_count", NULL, &pages, NULL, err);
    now.page_count = (uint32_t)pages;
    if (code == TRIB_OK) code = compare(h, push, &now, ret, err);
    if (code != TRIB_OK || *ret != TRIB_PUSH_DONE) return code;
    trib_db_settings settings = trib_db_settings_of(db);
    code = check_growth(push, &now, settings.max_bytes, err);
    if (code == TRIB_OK) code = read_schema(h, &before, err);
    if (code == TRIB_OK) code = put_pages(h, push, err);
    if (code == TRIB_OK) code = check_inside(h, push, &before, err);
    drop_schema(&before);
    uint64_t skip = push->until - now.frame_no - push->count;
    if (code == TRIB_OK && skip > 0) {
        /* What the replica has seen is durable, and nothing came after it. */
        trib_db_lock(db);
        bool durable = db->durable_no == db->appended_no;
        trib_db_unlock(db);
        if (!durable) *ret = TRIB_PUSH_CONFLICT;
        else code = trib_db_map_skip(db, skip, err);
    }
    return code;
}

trib_code trib_pages_apply(trib_handle *h, const trib_pages_push *push, trib_push_outcome *ret, trib_error *err) {
    trib_push_outcome outcome = TRIB_PUSH_CONFLICT;
    h->strict = true;
    trib_code code = check_shape(push, err);
    if (code == TRIB_OK) code = trib_pages_run(h, "BEGIN IMMEDIATE", NULL, NULL, NULL, err);
    if (code != TRIB_OK) return code;
    trib_error why = {0};
    code = apply(h, push, &outcome, &why);
    bool commits = code == TRIB_OK && outcome == TRIB_PUSH_DONE;
    if (commits) code = trib_pages_run(h, "COMMIT", NULL, NULL, NULL, &why);
    if (h->sqlite && !trib_handle_autocommit(h)) (void)trib_pages_run(h, "ROLLBACK", NULL, NULL, NULL, NULL);
    if (h->sqlite) trib_sqlite_forget_schema(h->sqlite);
    atomic_fetch_add(trib_db_schema_version(h->db), 1);
    if (code == TRIB_OK) *ret = outcome;
    else if (err) *err = why;
    return code;
}

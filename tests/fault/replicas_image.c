/* SPDX-License-Identifier: Apache-2.0 */
/* Databases as replicas hold them: pages in memory, looked at by plain SQLite on a copy. */
#include <sqlite3.h>

#include "fault/replicas.h"

enum { VERSIONS_AT = 18, COUNTER_AT = 24, VALID_FOR_AT = 92 };

void image_clear(image *im) {
    im->pages = 0;
}

void image_deinit(image *im) {
    free(im->bytes);
    *im = (image){0};
}

void image_resize(image *im, size_t pages) {
    if (pages > im->cap) {
        im->cap = pages + pages / 2 + 16;
        im->bytes = realloc(im->bytes, im->cap * REPLICA_PAGE);
        if (!im->bytes) die("no memory");
    }
    if (pages > im->pages) memset(im->bytes + im->pages * REPLICA_PAGE, 0, (pages - im->pages) * REPLICA_PAGE);
    im->pages = pages;
}

void image_copy(image *to, const image *from) {
    image_resize(to, from->pages);
    if (from->pages) memcpy(to->bytes, from->bytes, from->pages * REPLICA_PAGE);
}

void image_put(image *im, uint32_t page, const uint8_t *bytes) {
    if (page > im->pages) image_resize(im, page);
    memcpy(im->bytes + (size_t)(page - 1) * REPLICA_PAGE, bytes, REPLICA_PAGE);
}

uint64_t image_sum(const image *im) {
    uint8_t first[REPLICA_PAGE];
    if (im->pages == 0) return 1;
    memcpy(first, im->bytes, sizeof first);
    memset(first + COUNTER_AT, 0, 4);
    memset(first + VALID_FOR_AT, 0, 8);
    uint64_t h = replica_hash(im->pages, first, sizeof first);
    return replica_hash(h, im->bytes + REPLICA_PAGE, (im->pages - 1) * REPLICA_PAGE);
}

/* ---- with SQLite ---- */

static bool sql_says(sqlite3 *db, const char *sql, const char *want, char *why, size_t cap) {
    sqlite3_stmt *stmt = NULL;
    const char *got = "nothing";
    if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) != SQLITE_OK) got = sqlite3_errmsg(db);
    else if (sqlite3_step(stmt) == SQLITE_ROW) got = (const char *)sqlite3_column_text(stmt, 0);
    else got = sqlite3_errmsg(db);
    bool same = got && strcmp(got, want) == 0;
    if (!same) snprintf(why, cap, "%.60s: %.300s", sql, got ? got : "NULL");
    sqlite3_finalize(stmt);
    return same;
}

static void add_value(text *to, sqlite3_stmt *stmt, int column) {
    int type = sqlite3_column_type(stmt, column);
    const char *bytes = sqlite3_column_blob(stmt, column);
    int n = sqlite3_column_bytes(stmt, column);
    if (type == SQLITE_INTEGER) text_add(to, "%lld,", (long long)sqlite3_column_int64(stmt, column));
    else if (type == SQLITE_FLOAT) text_add(to, "%a,", sqlite3_column_double(stmt, column));
    else text_add(to, "%d:%d:%016llx,", type, n, (unsigned long long)replica_hash(7, bytes, bytes ? (size_t)n : 0));
}

/* Texts and blobs by their hash: two dumps are equal where their databases are. */
static bool dump_rows(sqlite3 *db, const char *sql, text *to) {
    sqlite3_stmt *stmt = NULL;
    int rc = sqlite3_prepare_v2(db, sql, -1, &stmt, NULL);
    while (rc == SQLITE_OK && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        for (int c = 0; c < sqlite3_column_count(stmt); c++) add_value(to, stmt, c);
        text_add(to, "\n");
        rc = SQLITE_OK;
    }
    sqlite3_finalize(stmt);
    return rc == SQLITE_DONE;
}

static bool dump(sqlite3 *db, text *to, char *why, size_t cap) {
    sqlite3_stmt *names = NULL;
    text_clear(to);
    text_add(to, "schema\n");
    bool fine = dump_rows(db, "SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name", to);
    if (sqlite3_prepare_v2(db, "SELECT name FROM sqlite_schema WHERE type = 'table' AND rootpage > 0 ORDER BY name", -1,
                           &names, NULL) != SQLITE_OK)
        fine = false;
    while (fine && sqlite3_step(names) == SQLITE_ROW) {
        char sql[200];
        const char *name = (const char *)sqlite3_column_text(names, 0);
        text_add(to, "table %s\n", name);
        sqlite3_snprintf(sizeof sql, sql, "SELECT * FROM \"%w\" ORDER BY 1, 2", name);
        fine = dump_rows(db, sql, to);
        /* a table of one column */
        if (!fine) sqlite3_snprintf(sizeof sql, sql, "SELECT * FROM \"%w\" ORDER BY 1", name);
        if (!fine) fine = dump_rows(db, sql, to);
    }
    sqlite3_finalize(names);
    if (!fine) snprintf(why, cap, "cannot be dumped: %.300s", sqlite3_errmsg(db));
    return fine;
}

static bool check(sqlite3 *db, text *ret_dump, char *why, size_t cap) {
    return sql_says(db, "PRAGMA integrity_check", "ok", why, cap) &&
           sql_says(db, "SELECT sum(amount) || ' ' || count(*) FROM account", "0 20", why, cap) &&
           (!ret_dump || dump(db, ret_dump, why, cap));
}

/* A copy that SQLite takes without a log beside it. */
static sqlite3 *open_copy(const image *im) {
    sqlite3 *db = NULL;
    size_t n = im->pages * REPLICA_PAGE;
    uint8_t *bytes = sqlite3_malloc64(n);
    if (!bytes || sqlite3_open(":memory:", &db) != SQLITE_OK) die("no memory");
    memcpy(bytes, im->bytes, n);
    bytes[VERSIONS_AT] = bytes[VERSIONS_AT + 1] = 1;
    if (sqlite3_deserialize(db, "main", bytes, (sqlite3_int64)n, (sqlite3_int64)n,
                            SQLITE_DESERIALIZE_FREEONCLOSE | SQLITE_DESERIALIZE_RESIZEABLE) != SQLITE_OK)
        die("an image could not be opened");
    return db;
}

bool image_check(const image *im, text *ret_dump, char *why, size_t cap) {
    snprintf(why, cap, "it has no pages");
    if (im->pages == 0) return false;
    sqlite3 *db = open_copy(im);
    bool fine = check(db, ret_dump, why, cap);
    sqlite3_close(db);
    return fine;
}

bool image_check_file(const char *path, text *ret_dump, char *why, size_t cap) {
    sqlite3 *db = NULL;
    snprintf(why, cap, "%s cannot be opened", path);
    bool fine = sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL) == SQLITE_OK && check(db, ret_dump, why, cap);
    sqlite3_close(db);
    return fine;
}

/* ---- writing offline ---- */

static void put_be32(uint8_t *p, size_t v) {
    for (int i = 0; i < 4; i++) p[i] = (uint8_t)(v >> (24 - 8 * i));
}

/* The pages in which `now` differs from *im, as one transaction; *im becomes `now`. */
static void add_frames(image *im, uint8_t *now, size_t pages, text *frames) {
    size_t last = 0;
    if (pages > 0) now[VERSIONS_AT] = now[VERSIONS_AT + 1] = 2;
    for (size_t p = 0; p < pages; p++) {
        const uint8_t *bytes = now + p * REPLICA_PAGE;
        if (p < im->pages && memcmp(bytes, im->bytes + p * REPLICA_PAGE, REPLICA_PAGE) == 0) continue;
        uint8_t header[24] = {0};
        put_be32(header, p + 1);
        text_add(frames, "%*s", REPLICA_FRAME, "");
        last = frames->len - REPLICA_FRAME;
        memcpy(frames->ptr + last, header, sizeof header);
        memcpy(frames->ptr + last + sizeof header, bytes, REPLICA_PAGE);
        image_put(im, (uint32_t)p + 1, bytes);
    }
    image_resize(im, pages);
    if (frames->len > 0) put_be32((uint8_t *)frames->ptr + last + 4, pages);
}

bool image_write(image *im, uint64_t *random, int who, text *frames) {
    sqlite3 *db = open_copy(im);
    bool fine = true;
    for (uint64_t n = 1 + replica_random(random) % 3; fine && n > 0; n--) {
        char sql[600];
        uint64_t dice = replica_random(random);
        unsigned rows = 1 + (unsigned)(dice >> 8) % (dice % 7 == 0 ? 600 : 20);
        snprintf(sql, sizeof sql,
                 "BEGIN; UPDATE account SET amount = amount - 5 WHERE id = %u; UPDATE account SET amount = amount + 5 "
                 "WHERE id = %u; %s INSERT INTO item(writer, tag, body) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL "
                 "SELECT i + 1 FROM n WHERE i < %u) SELECT %d, 'offline' || i, randomblob(%u) FROM n; COMMIT",
                 1 + (unsigned)(dice >> 20) % 20, 1 + (unsigned)(dice >> 28) % 20,
                 dice % 5 ? "" : "DROP TABLE IF EXISTS away; CREATE TABLE away(a, b); INSERT INTO away VALUES (1, 2);",
                 rows, 100 + who, 10 + (unsigned)(dice >> 36) % 900);
        sqlite3_int64 size = 0;
        fine = sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK;
        if (!fine) fprintf(stderr, "offline: %s\n", sqlite3_errmsg(db));
        uint8_t *now = fine ? sqlite3_serialize(db, "main", &size, 0) : NULL;
        if (now) add_frames(im, now, (size_t)size / REPLICA_PAGE, frames);
        sqlite3_free(now);
    }
    sqlite3_close(db);
    return fine;
}

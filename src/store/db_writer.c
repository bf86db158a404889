/* SPDX-License-Identifier: Apache-2.0 */
/* Writes the file of a new database; see db_writer.h. */
#include "store/db_writer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/db_int.h"
#include "store/functions.h"
#include "store/policy.h"

struct trib_db_writer {
    trib_task task; /* first */
    trib_store *store;
    sqlite3_vfs *base; /* outlives the store */
    trib_paths paths;
    char tmp[TRIB_PATH_MAX_BYTES + 8];
    sqlite3_file *file;
    sqlite3_int64 at; /* bytes in the file */
    size_t used;      /* bytes in the buffer */
    bool in_place;
    void (*finished)(void *ctx, trib_code code, const trib_error *err);
    void *ctx;
    uint8_t buffer[TRIB_FILE_WRITE_MAX_BYTES];
};

static trib_code flush(trib_db_writer *w, trib_error *err) {
    if (w->used == 0) return TRIB_OK;
    int rc = w->file->pMethods->xWrite(w->file, w->buffer, (int)w->used, w->at);
    if (rc != SQLITE_OK) return trib_file_error("write", w->tmp, rc, err);
    w->at += (sqlite3_int64)w->used;
    w->used = 0;
    return TRIB_OK;
}

trib_code trib_db_writer_add(trib_db_writer *w, trib_str bytes, trib_error *err) {
    while (bytes.len > 0) {
        size_t n = sizeof w->buffer - w->used < bytes.len ? sizeof w->buffer - w->used : bytes.len;
        memcpy(w->buffer + w->used, bytes.ptr, n);
        w->used += n;
        bytes = trib_str_sub(bytes, n, bytes.len);
        trib_code code = w->used == sizeof w->buffer ? flush(w, err) : TRIB_OK;
        if (code != TRIB_OK) return code;
    }
    return TRIB_OK;
}

/* ---- SQL ---- */

trib_code trib_db_writer_begin_sql(trib_db_writer *w, const trib_sql_load_bounds *bounds, trib_sql_load **ret_load,
                                   trib_error *err) {
    trib_sql_load_bounds own = *bounds;
    own.vfs = w->base->zName;
    return trib_sql_load_open(w->tmp, &own, ret_load, err);
}

trib_code trib_db_writer_end_sql(trib_db_writer *w, trib_sql_load *load, bool whole, trib_error *err) {
    sqlite3_int64 bytes = 0;
    trib_code code = whole ? trib_sql_load_finish(load, err) : TRIB_OK;
    trib_sql_load_close(load);
    if (code != TRIB_OK) return code;
    int rc = w->file->pMethods->xFileSize(w->file, &bytes);
    w->at = bytes;
    return rc == SQLITE_OK ? TRIB_OK : trib_file_error("look at", w->tmp, rc, err);
}

/* ---- is it a database? ---- */

/* https://sqlite.org/fileformat2.html#the_database_header */
enum { HEADER_BYTES = 100, HEADER_VERSIONS_AT = 18, HEADER_ENCODING_AT = 56, PAGE_BYTES = 4096 };

/* SQLite begins a list of faults with the database's name, on a line of its own. */
static trib_code refused(trib_error *err, const char *why) {
    const char *line = strchr(why, '\n');
    if (why[0] == '*' && line) why = line + 1;
    return trib_error_set(err, TRIB_IMPORT_REFUSED, "the file cannot become a tenant's database: %s", why);
}

static trib_code check_header(trib_db_writer *w, trib_error *err) {
    uint8_t head[HEADER_BYTES];
    if (w->at < PAGE_BYTES || w->at % PAGE_BYTES != 0) return refused(err, "it is no whole number of 4,096-byte pages");
    int rc = w->file->pMethods->xRead(w->file, head, sizeof head, 0);
    if (rc != SQLITE_OK) return trib_file_error("read", w->tmp, rc, err);
    if (memcmp(head, "SQLite format 3", 16) != 0)
        return refused(err, "it does not begin like a SQLite database; it may be encrypted, or cut off");
    if ((head[16] << 8 | head[17]) != PAGE_BYTES) return refused(err, "its pages are not of 4,096 bytes");
    if (head[HEADER_ENCODING_AT + 3] > 1) return refused(err, "its texts are UTF-16; only UTF-8 is served here");
    return TRIB_OK;
}

/* 1: a rollback journal, which needs no other file; 2: WAL, as the store has it. */
static trib_code set_versions(trib_db_writer *w, uint8_t version, trib_error *err) {
    const uint8_t versions[2] = {version, version};
    int rc = w->file->pMethods->xWrite(w->file, versions, sizeof versions, HEADER_VERSIONS_AT);
    return rc == SQLITE_OK ? TRIB_OK : trib_file_error("write", w->tmp, rc, err);
}

/* The first thing that SQLite finds wrong. */
static trib_code check_integrity(const trib_db_writer *w, sqlite3 *sqlite, trib_error *err) {
    sqlite3_stmt *stmt = NULL;
    trib_code code = TRIB_OK;
    int rc = sqlite3_prepare_v2(sqlite, "PRAGMA integrity_check(1)", -1, &stmt, NULL);
    if (rc == SQLITE_OK) rc = sqlite3_step(stmt);
    const char *word = rc == SQLITE_ROW ? (const char *)sqlite3_column_text(stmt, 0) : sqlite3_errmsg(sqlite);
    if (rc == SQLITE_NOMEM) code = trib_error_set(err, TRIB_NOMEM, NULL);
    else if (rc != SQLITE_ROW || !word || strcmp(word, "ok") != 0) code = refused(err, word ? word : "it is damaged");
    sqlite3_finalize(stmt);
    if (code == TRIB_OK && trib_sqlite_number(sqlite, "PRAGMA page_count") != w->at / PAGE_BYTES)
        code = refused(err, "its length is not what its header says; was it copied while it was written?");
    return code;
}

trib_code trib_db_writer_check(trib_db_writer *w, trib_error *err) {
    sqlite3 *sqlite = NULL;
    trib_code code = flush(w, err);
    if (code == TRIB_OK) code = check_header(w, err);
    if (code == TRIB_OK) code = set_versions(w, 1, err);
    if (code != TRIB_OK) return code;
    int rc = sqlite3_open_v2(w->tmp, &sqlite, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE,
                             w->base->zName);
    /* nothing in it is trusted yet */
    if (rc == SQLITE_OK) rc = sqlite3_db_config(sqlite, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    if (rc == SQLITE_OK) rc = sqlite3_db_config(sqlite, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    if (rc == SQLITE_OK) rc = sqlite3_exec(sqlite, "PRAGMA cell_size_check=ON", NULL, NULL, NULL);
    if (rc == SQLITE_OK) rc = trib_functions_register_fts(sqlite, NULL);
    code = rc == SQLITE_OK ? check_integrity(w, sqlite, err) : trib_file_error("open", w->tmp, rc, err);
    (void)sqlite3_close(sqlite);
    return code == TRIB_OK ? set_versions(w, 2, err) : code;
}

/* ---- the end ---- */

static trib_code put_in_place(trib_db_writer *w, trib_error *err) {
    const trib_disk *disk = w->store->disk;
    trib_code code = flush(w, err);
    if (code != TRIB_OK) return code;
    int rc = w->file->pMethods->xSync(w->file, SQLITE_SYNC_NORMAL);
    trib_file_close(w->file);
    w->file = NULL;
    if (rc != SQLITE_OK) return trib_file_error("sync", w->tmp, rc, err);
    int e = disk->rename(disk->ctx, w->tmp, w->paths.db);
    if (e == 0) w->in_place = true;
    if (e == 0) e = disk->sync_folder(disk->ctx, w->paths.folder);
    if (e == 0) return TRIB_OK;
    return trib_error_set(err, TRIB_IO, "could not put the file of a new database in place (%s); look at the disk",
                          strerror(e));
}

static void run(trib_task *task) {
    trib_db_writer *w = (trib_db_writer *)(void *)task;
    trib_error err = {0};
    trib_code code = put_in_place(w, &err);
    w->finished(w->ctx, code, &err);
}

void trib_db_writer_finish(trib_db_writer *w, void (*finished)(void *ctx, trib_code code, const trib_error *err),
                           void *ctx) {
    w->task.run = run;
    w->finished = finished;
    w->ctx = ctx;
    trib_pool_post(w->store->pool, &w->task);
}

trib_code trib_db_writer_open(trib_store *store, trib_str id, trib_db_writer **ret, trib_error *err) {
    char name[TRIB_DB_ID_BYTES + 1] = "";
    trib_db_writer *w = calloc(1, sizeof *w);
    if (!w) return trib_error_set(err, TRIB_NOMEM, NULL);
    w->store = store;
    w->base = store->base;
    trib_code code = trib_paths_make(store->data_dir, id, &w->paths, err);
    if (code == TRIB_OK) memcpy(name, id.ptr, id.len);
    if (code == TRIB_OK) code = trib_store_make_folders(store, name, &w->paths, err);
    if (code == TRIB_OK) {
        snprintf(w->tmp, sizeof w->tmp, "%s.tmp", w->paths.db);
        int e = store->disk->make_file(store->disk->ctx, w->tmp);
        if (e != 0)
            code = trib_file_error("make", w->tmp, e == ENOSPC || e == EDQUOT ? SQLITE_FULL : SQLITE_CANTOPEN, err);
    }
    if (code == TRIB_OK) code = trib_file_open(store->base, w->tmp, 0, &w->file, err);
    if (code != TRIB_OK) {
        trib_db_writer_free(w);
        return code;
    }
    *ret = w;
    return TRIB_OK;
}

void trib_db_writer_leave(trib_db_writer *w) {
    if (!w) return;
    w->in_place = true;
    trib_db_writer_free(w);
}

void trib_db_writer_free(trib_db_writer *w) {
    if (!w) return;
    trib_file_close(w->file);
    if (w->tmp[0] && !w->in_place) (void)w->base->xDelete(w->base, w->tmp, 0);
    free(w);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Writes the file of a new database; see db_writer.h. */
#include "store/db_writer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/db_int.h"

struct trib_db_writer {
    trib_task task; /* first */
    trib_store *store;
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

void trib_db_writer_free(trib_db_writer *w) {
    if (!w) return;
    trib_file_close(w->file);
    if (w->tmp[0] && !w->in_place) (void)w->store->base->xDelete(w->store->base, w->tmp, 0);
    free(w);
}

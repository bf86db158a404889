/* SPDX-License-Identifier: Apache-2.0 */
/* Large answers on disk; see spool.h. */
#include "store/spool.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/db_int.h"

struct trib_spool {
    trib_store *store;
    int place; /* of store->spool_owners */
    char path[TRIB_PATH_MAX_BYTES];
    sqlite3_file *file;
    int64_t size, at;      /* bytes written, and read */
    size_t repeat;         /* so many of the last bytes come again ... */
    uint64_t repeat_times; /* ... so often still, when the rest was read */
};

/* Takes a place; -1: there is none for this database. */
static int take_place(trib_store *store, trib_str db_id) {
    int free_place = -1, own = 0;
    trib_mutex_lock(store->env, store->lock);
    for (int i = 0; i < TRIB_SPOOLS_MAX; i++) {
        const char *owner = store->spool_owners[i];
        if (owner[0] == '\0') free_place = i;
        else if (trib_str_eq_c(db_id, owner)) own++;
    }
    if (own >= TRIB_SPOOLS_PER_DB_MAX) free_place = -1;
    if (free_place >= 0)
        snprintf(store->spool_owners[free_place], sizeof store->spool_owners[0], "%.*s", (int)db_id.len, db_id.ptr);
    trib_mutex_unlock(store->env, store->lock);
    return free_place;
}

static trib_code open_file(trib_spool *spool, trib_error *err) {
    trib_store *store = spool->store;
    int n = snprintf(spool->path, sizeof spool->path, "%s/spool-%d.tmp", store->data_dir, spool->place);
    if (n < 0 || (size_t)n >= sizeof spool->path) return trib_error_set(err, TRIB_INTERNAL, "a path is too long");
    int made = store->disk->make_file(store->disk->ctx, spool->path);
    if (made != 0) {
        int rc = made == ENOSPC || made == EDQUOT ? SQLITE_FULL : SQLITE_IOERR;
        return trib_file_error("make", spool->path, rc, err);
    }
    trib_code code = trib_file_open(store->base, spool->path, 0, &spool->file, err);
    int rc = store->base->xDelete(store->base, spool->path, 0); /* the descriptor is enough */
    if (code == TRIB_OK && rc != SQLITE_OK) code = trib_file_error("remove", spool->path, rc, err);
    return code;
}

trib_code trib_spool_open(trib_store *store, trib_str db_id, trib_spool **ret, trib_error *err) {
    trib_spool *spool = calloc(1, sizeof *spool);
    if (!spool) return trib_error_set(err, TRIB_NOMEM, NULL);
    spool->store = store;
    spool->place = take_place(store, db_id);
    trib_code code = TRIB_OK;
    if (spool->place < 0)
        code = trib_error_set(err, TRIB_TOO_MANY_REQUESTS,
                              "%d large answers of this database, or %d in all, are being sent; try again when one has "
                              "ended",
                              TRIB_SPOOLS_PER_DB_MAX, TRIB_SPOOLS_MAX);
    if (code == TRIB_OK) code = open_file(spool, err);
    if (code == TRIB_OK) *ret = spool;
    else trib_spool_free(spool);
    return code;
}

/* The bytes count before they are written. */
static trib_code reserve(trib_spool *spool, size_t n, trib_error *err) {
    trib_store *store = spool->store;
    trib_mutex_lock(store->env, store->lock);
    int64_t others = store->spool_bytes - spool->size;
    bool fits = others == 0 || store->spool_bytes + (int64_t)n <= TRIB_SPOOLS_MAX_BYTES;
    if (fits) store->spool_bytes += (int64_t)n;
    trib_mutex_unlock(store->env, store->lock);
    if (fits) return TRIB_OK;
    return trib_error_set(
        err, TRIB_TOO_MANY_REQUESTS,
        "large answers that wait for their readers take %lld GiB of disk; try again when one has ended",
        (long long)(TRIB_SPOOLS_MAX_BYTES >> 30));
}

trib_code trib_spool_add(trib_spool *spool, trib_str bytes, trib_error *err) {
    trib_code code = reserve(spool, bytes.len, err);
    if (code != TRIB_OK) return code;
    int64_t at = spool->size;
    spool->size += (int64_t)bytes.len;
    while (bytes.len > 0) {
        size_t n = bytes.len < TRIB_FILE_WRITE_MAX_BYTES ? bytes.len : TRIB_FILE_WRITE_MAX_BYTES;
        int rc = spool->file->pMethods->xWrite(spool->file, bytes.ptr, (int)n, at);
        if (rc != SQLITE_OK) return trib_file_error("write", spool->path, rc, err);
        at += (int64_t)n;
        bytes = trib_str_sub(bytes, n, bytes.len);
    }
    return TRIB_OK;
}

void trib_spool_repeat(trib_spool *spool, size_t n, uint64_t times) {
    spool->repeat = n;
    spool->repeat_times = n > 0 && n <= TRIB_SPOOL_REPEAT_MAX_BYTES && (int64_t)n <= spool->size ? times : 0;
}

/* Behind the end. */
static trib_code read_again(trib_spool *spool, size_t max_bytes, trib_buf *ret, trib_error *err) {
    char bytes[TRIB_SPOOL_REPEAT_MAX_BYTES];
    int n = (int)spool->repeat;
    if (spool->repeat_times == 0) return TRIB_OK;
    int rc = spool->file->pMethods->xRead(spool->file, bytes, n, spool->size - n);
    if (rc != SQLITE_OK) return trib_file_error("read", spool->path, rc, err);
    for (size_t given = 0; spool->repeat_times > 0 && (given == 0 || given + spool->repeat <= max_bytes);) {
        trib_buf_add_bytes(ret, bytes, spool->repeat);
        given += spool->repeat;
        spool->repeat_times--;
    }
    return ret->failed ? trib_error_set(err, TRIB_NOMEM, NULL) : TRIB_OK;
}

trib_code trib_spool_read(trib_spool *spool, size_t max_bytes, trib_buf *ret, trib_error *err) {
    int64_t left = spool->size - spool->at;
    size_t n = left < (int64_t)max_bytes ? (size_t)left : max_bytes;
    if (n == 0) return read_again(spool, max_bytes, ret, err);
    if (!trib_buf_reserve(ret, n)) return trib_error_set(err, TRIB_NOMEM, NULL);
    int rc = spool->file->pMethods->xRead(spool->file, ret->ptr + ret->len, (int)n, spool->at);
    if (rc != SQLITE_OK) return trib_file_error("read", spool->path, rc, err);
    ret->len += n;
    spool->at += (int64_t)n;
    return TRIB_OK;
}

void trib_spool_free(trib_spool *spool) {
    if (!spool) return;
    trib_store *store = spool->store;
    trib_file_close(spool->file);
    trib_mutex_lock(store->env, store->lock);
    store->spool_bytes -= spool->size;
    if (spool->place >= 0) store->spool_owners[spool->place][0] = '\0';
    trib_mutex_unlock(store->env, store->lock);
    free(spool);
}

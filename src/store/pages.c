/* SPDX-License-Identifier: Apache-2.0 */
/* Pages out of a database, at one snapshot; see pages.h.
 *
 * Where a snapshot stands is read from SQLite itself: sqlite3_snapshot_get gives the head of the wal-index that the
 * connection reads by, with the last frame and the log's salts (https://sqlite.org/walformat.html#walidxfmt), and the
 * page map counts frames. A commit is in the wal-index a moment before its writer has taken it to the map: then the
 * snapshot is opened again. */
#include "store/pages.h"

#include <string.h>

#include "store/db_int.h"
#include "store/pages_int.h"

enum { SETTLE_NS = 200000, INDEX_MX_FRAME = 16, INDEX_SALT = 32 };

trib_code trib_pages_run(trib_handle *handle, const char *sql, const trib_arg *arg, int64_t *ret_integer,
                         trib_buf *ret_bytes, trib_error *err) {
    trib_stmt *stmt = NULL;
    bool row = false;
    trib_code code = trib_stmt_prepare(handle, trib_str_c(sql), &stmt, err);
    if (code == TRIB_OK && arg) code = trib_stmt_bind(stmt, arg, 1, err);
    if (code == TRIB_OK) code = trib_stmt_step(stmt, &row, err);
    if (code == TRIB_OK && row) {
        trib_value value = trib_stmt_col_value(stmt, 0);
        if (ret_integer) *ret_integer = value.type == TRIB_VALUE_INTEGER ? value.integer : 0;
        if (ret_bytes && (value.type == TRIB_VALUE_BLOB || value.type == TRIB_VALUE_TEXT))
            trib_buf_add_bytes(ret_bytes, value.bytes.ptr, value.bytes.len);
    }
    while (code == TRIB_OK && row) code = trib_stmt_step(stmt, &row, err);
    trib_stmt_free(stmt);
    return code;
}

/* Which frame of which log the open snapshot reads up to; 0 when there is no log. */
static trib_code snapshot_frame(trib_handle *handle, uint32_t ret_salt[2], uint32_t *ret_frame, trib_error *err) {
    sqlite3_snapshot *snapshot = NULL;
    int rc = sqlite3_snapshot_get(handle->sqlite, "main", &snapshot);
    ret_salt[0] = ret_salt[1] = *ret_frame = 0;
    if (rc == SQLITE_ERROR) return TRIB_OK; /* nothing was ever in the log */
    if (rc != SQLITE_OK) return trib_sqlite_error(handle, rc, err);
    uint8_t head[48];
    memcpy(head, snapshot, sizeof head);
    sqlite3_snapshot_free(snapshot);
    memcpy(ret_frame, head + INDEX_MX_FRAME, sizeof *ret_frame);
    ret_salt[0] = trib_be32(head + INDEX_SALT);
    ret_salt[1] = trib_be32(head + INDEX_SALT + 4);
    return TRIB_OK;
}

/* false: the commit is not in the map yet. */
static bool find_point(trib_db *db, const uint32_t salt[2], uint32_t frame, trib_db_point *ret, bool *ret_broken) {
    trib_db_lock(db);
    bool found = trib_db_map_frame_no_locked(db, salt, frame, &ret->frame_no);
    ret->epoch = db->map.epoch;
    *ret_broken = db->map.broken;
    if (db->map.broken) trib_ckpt_want_locked(db, true); /* which makes a new map */
    if (!found && !db->map.broken) trib_cond_wait(db->store->env, db->changed, db->lock, SETTLE_NS);
    trib_db_unlock(db);
    return found;
}

static trib_code begin_read(trib_handle *handle, int64_t *ret_pages, trib_error *err) {
    int64_t page_bytes = 0;
    trib_code code = TRIB_OK;
    if (trib_handle_autocommit(handle)) code = trib_pages_run(handle, "BEGIN", NULL, NULL, NULL, err);
    /* a read first: the pragma alone opens no snapshot that lasts */
    if (code == TRIB_OK) code = trib_pages_run(handle, "SELECT 1 FROM sqlite_schema LIMIT 1", NULL, NULL, NULL, err);
    if (code == TRIB_OK) code = trib_pages_run(handle, "PRAGMA page_count", NULL, ret_pages, NULL, err);
    if (code == TRIB_OK) code = trib_pages_run(handle, "PRAGMA page_size", NULL, &page_bytes, NULL, err);
    if (code == TRIB_OK && page_bytes != TRIB_PAGE_BYTES)
        code = trib_error_set(err, TRIB_BAD_REQUEST,
                              "this database has pages of %d bytes and replicas need %d; copy its contents into a new "
                              "database",
                              (int)page_bytes, TRIB_PAGE_BYTES);
    return code;
}

trib_code trib_pages_open(trib_handle *handle, trib_db_point *ret, trib_error *err) {
    trib_db *db = handle->db;
    const trib_env *env = db->store->env;
    int64_t until_ns = trib_env_mono_ns(env) + TRIB_PAGES_SETTLE_MS * 1000000LL;
    handle->strict = true;
    trib_code code = atomic_load(&db->exists) ? TRIB_OK : trib_db_materialise(db, err);
    while (code == TRIB_OK) {
        uint32_t salt[2], frame;
        int64_t pages = 0;
        bool broken = false;
        code = begin_read(handle, &pages, err);
        if (code == TRIB_OK) code = snapshot_frame(handle, salt, &frame, err);
        if (code == TRIB_AGAIN) return code;
        if (code != TRIB_OK) break;
        trib_db_point point = {.page_count = (uint32_t)pages};
        if (find_point(db, salt, frame, &point, &broken)) {
            *ret = point;
            return TRIB_OK;
        }
        code = trib_pages_close(handle, err);
        if (code == TRIB_OK && (broken || trib_env_mono_ns(env) >= until_ns))
            code = trib_error_set(err, TRIB_TOO_MANY_REQUESTS,
                                  "the page map of this database is being made anew; try again in a moment");
    }
    if (!trib_handle_autocommit(handle)) (void)trib_pages_run(handle, "ROLLBACK", NULL, NULL, NULL, NULL);
    return code;
}

trib_code trib_pages_list(trib_handle *handle, const trib_db_point *point, uint64_t since, trib_buf *ret,
                          trib_error *err) {
    if (since != TRIB_FRAME_NONE) return trib_db_map_changed(handle->db, since, point, ret, err);
    for (uint32_t page = 1; page <= point->page_count; page++) {
        trib_page_change change = {.frame_no = point->frame_no, .page = page};
        if (page != TRIB_PAGE_OF_LOCK) trib_buf_add_bytes(ret, &change, sizeof change);
    }
    return ret->failed ? trib_error_set(err, TRIB_NOMEM, NULL) : TRIB_OK;
}

trib_code trib_pages_read(trib_handle *handle, uint32_t page, trib_buf *ret, trib_error *err) {
    trib_arg arg = {.value = {.type = TRIB_VALUE_INTEGER, .integer = page}};
    size_t before = ret->len;
    trib_code code = trib_pages_run(handle, "SELECT data FROM sqlite_dbpage WHERE pgno = ?1", &arg, NULL, ret, err);
    if (code == TRIB_OK && ret->failed) code = trib_error_set(err, TRIB_NOMEM, NULL);
    if (code == TRIB_OK && ret->len != before + TRIB_PAGE_BYTES)
        code = trib_error_set(err, TRIB_INTERNAL, "page %u of a database cannot be read", page);
    return code;
}

trib_code trib_pages_close(trib_handle *handle, trib_error *err) {
    return trib_pages_run(handle, "COMMIT", NULL, NULL, NULL, err);
}

/* ---- the generation ---- */

enum { GEN_BYTES = 24 };
static const char gen_magic[8] = {'T', 'R', 'I', 'B', 'G', 'E', 'N', '1'};

static void put_number(uint8_t *p, uint64_t v) {
    for (int i = 0; i < 8; i++) p[i] = (uint8_t)(v >> (8 * i));
}

static uint64_t get_number(const uint8_t *p) {
    uint64_t v = 0;
    for (int i = 7; i >= 0; i--) v = v << 8 | p[i];
    return v;
}

/* What is known of it: 0 without a file. A file is replaced as a whole, so it is whole or damaged by the disk: then
 * clients must begin anew, as without one. */
static trib_code read_generation(trib_db *db, uint64_t *ret_epoch, uint32_t *ret, trib_error *err) {
    trib_buf buf;
    bool found = false;
    trib_buf_init(&buf, 4096);
    trib_code code = trib_file_read(db->store->base, db->paths.gen, &buf, &found, err);
    *ret_epoch = 0;
    *ret = 0;
    if (code == TRIB_OK && found && buf.len == GEN_BYTES && memcmp(buf.ptr, gen_magic, sizeof gen_magic) == 0) {
        *ret_epoch = get_number((const uint8_t *)buf.ptr + 8);
        *ret = (uint32_t)get_number((const uint8_t *)buf.ptr + 16);
    }
    trib_buf_deinit(&buf);
    return code;
}

static trib_code write_generation(trib_db *db, uint64_t epoch, uint32_t generation, trib_error *err) {
    trib_store *store = db->store;
    uint8_t bytes[GEN_BYTES];
    memcpy(bytes, gen_magic, sizeof gen_magic);
    put_number(bytes + 8, epoch);
    put_number(bytes + 16, generation);
    trib_code code = trib_file_replace(store->base, store->disk, db->paths.gen,
                                       trib_str_make((const char *)bytes, sizeof bytes), err);
    if (code != TRIB_OK) return code;
    int e = store->disk->sync_folder(store->disk->ctx, db->paths.folder);
    return e == 0 ? TRIB_OK : trib_error_set(err, TRIB_IO, "could not sync the folder of a database (%s)", strerror(e));
}

trib_code trib_db_get_generation(trib_db *db, uint32_t *ret, trib_error *err) {
    const trib_env *env = db->store->env;
    trib_code code = atomic_load(&db->exists) ? TRIB_OK : trib_db_materialise(db, err);
    if (code != TRIB_OK) return code;
    trib_mutex_lock(env, db->open_lock);
    trib_db_lock(db);
    uint64_t epoch = db->map.epoch;
    bool known = db->gen_epoch == epoch && db->generation != 0;
    uint32_t generation = db->generation;
    trib_db_unlock(db);
    uint64_t old = 0;
    if (!known) code = read_generation(db, &old, &generation, err);
    if (code == TRIB_OK && !known && (old != epoch || generation == 0)) {
        generation = generation == 0 ? 1 : generation + 2;
        code = write_generation(db, epoch, generation, err);
    }
    if (code == TRIB_OK && !known) {
        trib_db_lock(db);
        db->gen_epoch = epoch;
        db->generation = generation;
        trib_db_unlock(db);
    }
    trib_mutex_unlock(env, db->open_lock);
    if (code == TRIB_OK) *ret = generation;
    return code;
}

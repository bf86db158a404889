/* SPDX-License-Identifier: Apache-2.0 */
/* Notes of databases that are out of service; see quarantine.h. Putting one back is in store.c, where databases are
 * opened and closed. */
#include "store/quarantine.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "store/db_int.h"

enum { NOTE_MAX_BYTES = 4096 };

static const char *const codes[] = {
#define X(name, code, meaning) code,
    TRIB_DAMAGE_TABLE(X)
#undef X
};
static const char *const meanings[] = {
#define X(name, code, meaning) meaning,
    TRIB_DAMAGE_TABLE(X)
#undef X
};

const char *trib_damage_code(trib_damage damage) {
    return codes[damage];
}

const char *trib_damage_meaning(trib_damage damage) {
    return meanings[damage];
}

static void copy(char *out, size_t size, trib_str text) {
    snprintf(out, size, "%.*s", (int)(text.len < size ? text.len : size - 1), text.ptr ? text.ptr : "");
}

/* Lines are kept apart by what is in them, so that a newer version may add some. */
static void parse(trib_str text, trib_quarantine *ret) {
    *ret = (trib_quarantine){.since_ms = 0};
    copy(ret->code, sizeof ret->code, trib_str_c(codes[TRIB_DAMAGE_UNKNOWN]));
    for (bool first = true; text.len; first = false) {
        size_t end = trib_str_find(text, '\n');
        trib_str line = trib_str_sub(text, 0, end == SIZE_MAX ? text.len : end);
        uint64_t since;
        text = trib_str_sub(text, line.len + 1, text.len);
        if (first) copy(ret->reason, sizeof ret->reason, line);
        else if (trib_str_starts(line, TRIB_STR("code ")))
            copy(ret->code, sizeof ret->code, trib_str_sub(line, 5, line.len));
        else if (trib_str_starts(line, TRIB_STR("since_ms ")) && trib_str_u64(trib_str_sub(line, 9, line.len), &since))
            ret->since_ms = since <= INT64_MAX ? (int64_t)since : 0;
    }
}

static trib_code read_note(trib_store *store, const trib_paths *paths, trib_quarantine *ret, bool *ret_found,
                           trib_error *err) {
    trib_buf buf;
    trib_buf_init(&buf, NOTE_MAX_BYTES);
    trib_code code = trib_file_read(store->base, paths->quarantine, &buf, ret_found, err);
    if (code == TRIB_OK && *ret_found) parse(trib_buf_str(&buf), ret);
    trib_buf_deinit(&buf);
    return code;
}

trib_code trib_store_quarantine_get(trib_store *store, trib_str id, trib_quarantine *ret, bool *ret_found,
                                    trib_error *err) {
    trib_paths paths;
    trib_code code = trib_paths_make(store->data_dir, id, &paths, err);
    return code == TRIB_OK ? read_note(store, &paths, ret, ret_found, err) : code;
}

trib_code trib_db_quarantine_error(const trib_db *db, trib_error *err) {
    return trib_error_set(err, TRIB_DATABASE_QUARANTINED, "this database is damaged (%s); restore it from a backup",
                          db->quarantine_reason);
}

trib_code trib_db_quarantine_read(trib_db *db, trib_error *err) {
    trib_quarantine note;
    bool found = false;
    trib_code code = read_note(db->store, &db->paths, &note, &found, err);
    if (code != TRIB_OK || !found) return code;
    trib_db_lock(db);
    memcpy(db->quarantine_reason, note.reason, sizeof db->quarantine_reason);
    db->state = TRIB_DB_QUARANTINED;
    trib_db_unlock(db);
    return trib_db_quarantine_error(db, err);
}

void trib_db_quarantine(trib_db *db, trib_damage damage, const char *reason) {
    trib_store *store = db->store;
    trib_buf note;
    trib_db_lock(db);
    bool was = db->state == TRIB_DB_QUARANTINED;
    if (!was) {
        db->state = TRIB_DB_QUARANTINED;
        snprintf(db->quarantine_reason, sizeof db->quarantine_reason, "%s", reason);
        db->quarantine_reason[strcspn(db->quarantine_reason, "\r\n")] = '\0';
        trib_handle_interrupt_all(db, TRIB_DATABASE_QUARANTINED);
        trib_turn_flush_locked(db, TRIB_DATABASE_QUARANTINED);
    }
    trib_db_unlock(db);
    if (was) return;
    atomic_fetch_add(&store->quarantined, 1);
    trib_log_event(store->log, TRIB_LOG_ERROR, "database_quarantined", TRIB_LOG_C("database", db->id),
                   TRIB_LOG_C("code", codes[damage]), TRIB_LOG_C("reason", db->quarantine_reason));
    /* Best effort: on a disk that cannot even take this note, the damage is found again at the next open. */
    trib_buf_init(&note, NOTE_MAX_BYTES);
    trib_buf_printf(&note, "%s\ncode %s\nsince_ms %" PRId64 "\n", db->quarantine_reason, codes[damage],
                    trib_env_wall_ms(store->env));
    if (!note.failed &&
        trib_file_replace(store->base, store->disk, db->paths.quarantine, trib_buf_str(&note), NULL) == TRIB_OK)
        (void)store->disk->sync_folder(store->disk->ctx, db->paths.folder);
    trib_buf_deinit(&note);
}

uint64_t trib_store_count_quarantined(trib_store *store) {
    return atomic_load(&store->quarantined);
}

/* ---- notes of the server itself ---- */

static trib_code note_path(const trib_store *store, const char *name, char out[TRIB_PATH_MAX_BYTES], trib_error *err) {
    int n = snprintf(out, TRIB_PATH_MAX_BYTES, "%s/%s", store->data_dir, name);
    return n > 0 && n < TRIB_PATH_MAX_BYTES ? TRIB_OK : trib_error_set(err, TRIB_INTERNAL, "a path is too long");
}

trib_code trib_store_note_set(trib_store *store, const char *name, trib_str text, trib_error *err) {
    char path[TRIB_PATH_MAX_BYTES];
    trib_code code = note_path(store, name, path, err);
    return code == TRIB_OK ? trib_file_replace(store->base, store->disk, path, text, err) : code;
}

trib_code trib_store_note_get(trib_store *store, const char *name, trib_buf *ret, bool *ret_found, trib_error *err) {
    char path[TRIB_PATH_MAX_BYTES];
    trib_code code = note_path(store, name, path, err);
    return code == TRIB_OK ? trib_file_read(store->base, path, ret, ret_found, err) : code;
}

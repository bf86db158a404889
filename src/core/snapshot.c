/* SPDX-License-Identifier: Apache-2.0 */
/* The pages of a database at one moment; see snapshot.h. */
#include "core/snapshot.h"

#include "core/control_int.h"

enum { PAGE_BYTES = 4096 };

static trib_code take_count(void *ctx, const trib_stmt *stmt, trib_error *err) {
    (void)err;
    *(int64_t *)ctx = trib_stmt_col_value(stmt, 0).integer;
    return TRIB_OK;
}

static trib_code begin(trib_snapshot *s, trib_handle *handle, trib_error *err) {
    trib_code code = TRIB_OK;
    trib_handle_set_copying(handle);
    if (trib_handle_autocommit(handle)) code = trib_stmt_run(handle, "BEGIN", NULL, 0, NULL, NULL, err);
    /* a read first: the pragma alone opens no snapshot that lasts */
    if (code == TRIB_OK) code = trib_stmt_run(handle, "SELECT 1 FROM sqlite_schema LIMIT 1", NULL, 0, NULL, NULL, err);
    if (code == TRIB_OK) code = trib_stmt_run(handle, "PRAGMA page_count", NULL, 0, take_count, &s->page_count, err);
    s->begun = code == TRIB_OK;
    return code;
}

typedef struct taker {
    trib_code (*add)(void *ctx, trib_str page, trib_error *err);
    void *ctx;
} taker;

static trib_code take_page(void *ctx, const trib_stmt *stmt, trib_error *err) {
    const taker *to = ctx;
    return to->add(to->ctx, trib_stmt_col_value(stmt, 0).bytes, err);
}

trib_code trib_snapshot_read(trib_snapshot *s, trib_handle *handle, size_t max_bytes,
                             trib_code (*add)(void *ctx, trib_str page, trib_error *err), void *ctx, bool *ret_done,
                             trib_error *err) {
    taker to = {add, ctx};
    size_t given = 0;
    trib_code code = s->begun ? TRIB_OK : begin(s, handle, err);
    while (code == TRIB_OK && s->page < s->page_count && given < max_bytes) {
        trib_arg page = {.value = {.type = TRIB_VALUE_INTEGER, .integer = s->page + 1}};
        code = trib_stmt_run(handle, "SELECT data FROM sqlite_dbpage WHERE pgno = ?1", &page, 1, take_page, &to, err);
        if (code == TRIB_OK) s->page++;
        given += PAGE_BYTES;
    }
    if (code != TRIB_OK) return code;
    *ret_done = s->page >= s->page_count;
    return *ret_done ? trib_stmt_run(handle, "COMMIT", NULL, 0, NULL, NULL, err) : TRIB_OK;
}

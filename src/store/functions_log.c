/* SPDX-License-Identifier: Apache-2.0 */
/* _trib_link(link, n, id, streamId, opcode, nodeId, pointId, delta, payload, ts), which the triggers of the shared log
 * use: the link of event n in the hash chain of its stream, behind the link given. deal/chain.h gives the bytes and
 * checks chains with code of its own. It is harmless in other databases. */
#include <string.h>

#include "base/buf.h"
#include "base/f64.h"
#include "crypto/hash.h"
#include "store/functions.h"
#include "store/sqlite_seam.h"

enum { ARGS = 10, ARG_LINK = 0, ARG_N, ARG_COLUMNS };

static void add_number(trib_buf *to, uint64_t n, int bytes) {
    while (bytes-- > 0) trib_buf_add_char(to, (char)(n >> 8 * bytes));
}

static void add_text(trib_buf *to, trib_str text) {
    trib_buf_add_char(to, 't');
    add_number(to, text.len, 4);
    trib_buf_add(to, text);
}

/* The table is STRICT: a column has its type or is NULL. */
static void add_column(trib_buf *to, sqlite3_value *value) {
    char digits[TRIB_F64_BYTES];
    switch (sqlite3_value_type(value)) {
    case SQLITE_NULL: trib_buf_add_char(to, 'n'); break;
    case SQLITE_INTEGER:
        trib_buf_add_char(to, 'i');
        add_number(to, (uint64_t)sqlite3_value_int64(value), 8);
        break;
    case SQLITE_FLOAT: add_text(to, trib_str_make(digits, trib_f64_format(sqlite3_value_double(value), digits))); break;
    default: {
        const char *text = (const char *)sqlite3_value_text(value);
        add_text(to, trib_str_make(text, text ? (size_t)sqlite3_value_bytes(value) : 0));
    }
    }
}

static void fn_link(sqlite3_context *ctx, int count, sqlite3_value **values) {
    static const char version[] = "trib-ev1";
    trib_buf bytes;
    uint8_t digest[TRIB_SHA256_BYTES];
    (void)count;
    const void *link = sqlite3_value_blob(values[ARG_LINK]);
    if (!link || sqlite3_value_bytes(values[ARG_LINK]) != TRIB_SHA256_BYTES) {
        sqlite3_result_error(ctx, "a link has 32 bytes", -1);
        return;
    }
    trib_buf_init(&bytes, (size_t)TRIB_SQL_VALUE_MAX_BYTES + TRIB_SQL_LINK_EXTRA);
    trib_buf_add_bytes(&bytes, version, sizeof version - 1);
    trib_buf_add_bytes(&bytes, link, TRIB_SHA256_BYTES);
    add_number(&bytes, (uint64_t)sqlite3_value_int64(values[ARG_N]), 8);
    for (int i = ARG_COLUMNS; i < ARGS; i++) add_column(&bytes, values[i]);
    if (bytes.failed || trib_crypto_sha256(trib_buf_str(&bytes), digest) != TRIB_OK) sqlite3_result_error_nomem(ctx);
    else sqlite3_result_blob(ctx, digest, sizeof digest, SQLITE_TRANSIENT);
    trib_buf_deinit(&bytes);
}

int trib_functions_register_log(trib_handle *handle) {
    enum { FLAGS = SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS };
    return sqlite3_create_function_v2(handle->sqlite, "_trib_link", ARGS, FLAGS, NULL, fn_link, NULL, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Answers of proxy.Proxy (wire/pb_proxy.h): a program is a batch, its result one message for each step, in their order.
 * Requests of other types do not exist there. */
#include "features/hrana/codec.h"
#include "wire/pb_proxy.h"

enum { SQLITE_ERROR_CODE = 1, SQLITE_BUSY_CODE = 5 }; /* sqlite.org/rescode.html */

/* What is not SQLite's own word has no number there: a plain error, or busy. */
static int32_t extended_of(const trib_error *err) {
    if (err->code == TRIB_SQL_ERROR && err->detail > 0) return err->detail;
    return err->code == TRIB_TRANSACTION_BUSY || err->code == TRIB_TRANSACTION_TIMEOUT ? SQLITE_BUSY_CODE
                                                                                       : SQLITE_ERROR_CODE;
}

static trib_proxy_error kind_of(const trib_error *err) {
    if (err->code == TRIB_TRANSACTION_BUSY) return TRIB_PROXY_BUSY;
    if (err->code == TRIB_TRANSACTION_TIMEOUT) return TRIB_PROXY_TIMEOUT;
    return trib_code_http(err->code) >= 500 ? TRIB_PROXY_INTERNAL : TRIB_PROXY_SQL_ERROR;
}

static void add_columns(hrana_exec *x, const trib_stmt *stmt) {
    int count = trib_stmt_col_count(stmt);
    for (int i = 0; i < count; i++)
        trib_proxy_column(&x->pw, trib_stmt_col_name(stmt, i), trib_stmt_col_decltype(stmt, i));
}

static void result_begin(hrana_exec *x, const trib_stmt *stmt) {
    trib_proxy_rows_begin(&x->pw);
    add_columns(x, stmt);
}

static void result_row(hrana_exec *x, const trib_stmt *stmt) {
    int count = trib_stmt_col_count(stmt);
    trib_proxy_row_begin(&x->pw);
    for (int i = 0; i < count; i++) trib_proxy_value(&x->pw, trib_stmt_col_value(stmt, i));
    trib_proxy_row_end(&x->pw);
}

static void result_end(hrana_exec *x, const trib_stmt *stmt) {
    trib_stmt_counts counts;
    trib_stmt_get_counts(stmt, &counts);
    trib_proxy_rows_end(&x->pw, (uint64_t)counts.affected_rows,
                        counts.has_last_insert_rowid ? &counts.last_insert_rowid : NULL);
}

static void batch_begin(hrana_exec *x) {
    (void)x;
}

static void batch_skip(hrana_exec *x) {
    const trib_error *failure = hrana_batch_error(x, x->step);
    if (failure) {
        trib_proxy_write_error(&x->pw, kind_of(failure), trib_str_c(failure->message), extended_of(failure));
        return;
    }
    trib_proxy_rows_begin(&x->pw);
    trib_proxy_rows_end(&x->pw, 0, NULL);
}

static void batch_end(hrana_exec *x) {
    (void)x;
}

/* A client takes the names of parameters one off, and aborts when it comes behind the last one: with a name that is
 * never used before them it takes the right ones. */
static void describe(hrana_exec *x, const trib_stmt *stmt) {
    int params = trib_stmt_param_count(stmt);
    trib_proxy_describe_begin(&x->pw);
    add_columns(x, stmt);
    if (params) trib_proxy_param(&x->pw, TRIB_STR("_"));
    for (int i = 1; i <= params; i++) trib_proxy_param(&x->pw, trib_stmt_param_name(stmt, i));
    trib_proxy_describe_end(&x->pw, (uint64_t)params);
}

/* ---- the envelope of Describe ---- */

static void envelope_begin(hrana_exec *x, hrana_request_type type) {
    (void)x, (void)type;
}

static void envelope_end(hrana_exec *x) {
    (void)x;
}

/* Here clients take the code for SQLite's own, and show it by name. */
static void envelope_error(hrana_exec *x, const trib_error *err) {
    int32_t extended = extended_of(err);
    trib_proxy_describe_error(&x->pw, extended & 0xff, trib_str_c(err->message), extended);
}

static const hrana_envelope envelope = {envelope_begin, envelope_end, envelope_error};

const hrana_codec hrana_codec_proxy = {
    .http = &envelope,
    .result = {0, result_begin, result_row, result_end},
    .batch_begin = batch_begin,
    .batch_skip = batch_skip,
    .batch_end = batch_end,
    .describe = describe,
};

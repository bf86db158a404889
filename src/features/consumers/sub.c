/* SPDX-License-Identifier: Apache-2.0 */
/* A subscription as it is stored: read, written, shown, deleted. The handlers are in subs.c. */
#include <stdlib.h>

#include "features/consumers/consumers_int.h"

#define SUB_SELECT                                                                                                     \
    "SELECT s.id, s.owner, s.owner_name, s.name, s.type, s.prefix, s.opcodes, s.lease_ms, s.max_retries, "             \
    "s.created_ms, s.url, s.secret, s.failures, s.failing_ms, s.ok_ms, s.disabled_ms, s.last_error, c.pos, "           \
    "c.generation, c.parked FROM _trib_sub s JOIN _trib_cursor c ON c.sub = s.id WHERE "

typedef struct sub_row {
    trib_arena *arena;
    consumers_sub *sub;
    bool found;
} sub_row;

/* "[501,301]" */
static void read_opcodes(consumers_sub *sub) {
    const char *at = sub->opcodes.ptr;
    const char *end = at ? at + sub->opcodes.len : NULL;
    sub->opcode_count = 0;
    while (at && at < end && sub->opcode_count < CONSUMERS_OPCODES_MAX) {
        int64_t opcode;
        size_t n = 0;
        while (at + n < end && at[n] >= '0' && at[n] <= '9') n++;
        if (n > 0 && trib_str_i64(trib_str_make(at, n), &opcode)) sub->opcode[sub->opcode_count++] = opcode;
        at += n ? n : 1;
    }
}

static trib_str text(const sub_row *to, const trib_stmt *stmt, int col) {
    trib_value value = trib_stmt_col_value(stmt, col);
    return value.type == TRIB_VALUE_NULL ? (trib_str){0} : trib_arena_dup(to->arena, value.bytes);
}

static trib_code take_sub(void *ctx, const trib_stmt *stmt, trib_error *err) {
    sub_row *to = ctx;
    consumers_sub *s = to->sub;
    to->found = true;
    *s = (consumers_sub){.id = trib_stmt_col_value(stmt, 0).integer,
                         .owner = text(to, stmt, 1),
                         .owner_name = text(to, stmt, 2),
                         .name = text(to, stmt, 3),
                         .type = text(to, stmt, 4),
                         .prefix = text(to, stmt, 5),
                         .opcodes = text(to, stmt, 6),
                         .lease_ms = trib_stmt_col_value(stmt, 7).integer,
                         .max_retries = trib_stmt_col_value(stmt, 8).integer,
                         .created_ms = trib_stmt_col_value(stmt, 9).integer,
                         .url = text(to, stmt, 10),
                         .secret = text(to, stmt, 11),
                         .failures = trib_stmt_col_value(stmt, 12).integer,
                         .failing_ms = trib_stmt_col_value(stmt, 13).integer,
                         .ok_ms = trib_stmt_col_value(stmt, 14).integer,
                         .disabled_ms = trib_stmt_col_value(stmt, 15).integer,
                         .last_error = text(to, stmt, 16),
                         .cursor = trib_stmt_col_value(stmt, 17).integer,
                         .generation = trib_stmt_col_value(stmt, 18).integer,
                         .parked = trib_stmt_col_value(stmt, 19).integer};
    read_opcodes(s);
    return to->arena->failed ? trib_error_set(err, TRIB_NOMEM, NULL) : TRIB_OK;
}

static trib_code load(trib_stream_txn *txn, const char *sql, const trib_arg *args, size_t count, consumers_sub *ret,
                      trib_error *err) {
    sub_row to = {txn->arena, ret, false};
    trib_code code = trib_stmt_run(txn->handle, sql, args, count, take_sub, &to, err);
    if (code != TRIB_OK || to.found) return code;
    return trib_error_set(err, TRIB_SUBSCRIPTION_NOT_FOUND, NULL);
}

trib_code consumers_sub_load(trib_stream_txn *txn, trib_str owner, trib_str name, consumers_sub *ret, trib_error *err) {
    trib_arg args[] = {trib_stream_text(owner.ptr ? owner : TRIB_STR("")), trib_stream_text(name)};
    trib_code code = load(txn, SUB_SELECT "s.owner = ?1 AND s.name = ?2", args, 2, ret, err);
    if (code != TRIB_SUBSCRIPTION_NOT_FOUND) return code;
    return trib_error_set(err, code, "there is no subscription \"%.*s\" here; make it with PUT /api/subscriptions/%.*s",
                          TRIB_STR_ARG(name), TRIB_STR_ARG(name));
}

trib_code consumers_sub_load_id(trib_stream_txn *txn, int64_t id, consumers_sub *ret, trib_error *err) {
    trib_arg arg = trib_stream_integer(id);
    return load(txn, SUB_SELECT "s.id = ?1", &arg, 1, ret, err);
}

trib_code consumers_sub_save(trib_stream_txn *txn, const consumers_sub *sub, trib_error *err) {
    trib_arg args[] = {trib_stream_integer(sub->id), trib_stream_integer(sub->cursor),
                       trib_stream_integer(sub->generation), trib_stream_integer(sub->parked)};
    return trib_stmt_run(txn->handle, "UPDATE _trib_cursor SET pos = ?2, generation = ?3, parked = ?4 WHERE sub = ?1",
                         args, 4, NULL, NULL, err);
}

trib_code consumers_sub_delete(trib_stream_txn *txn, int64_t id, trib_error *err) {
    static const char *const sql[] = {"DELETE FROM _trib_sub WHERE id = ?1", "DELETE FROM _trib_cursor WHERE sub = ?1",
                                      "DELETE FROM _trib_flight WHERE sub = ?1",
                                      "DELETE FROM _trib_parked WHERE sub = ?1"};
    trib_arg arg = trib_stream_integer(id);
    trib_code code = TRIB_OK;
    for (size_t i = 0; code == TRIB_OK && i < sizeof sql / sizeof *sql; i++)
        code = trib_stmt_run(txn->handle, sql[i], &arg, 1, NULL, NULL, err);
    return code;
}

/* ---- as JSON ---- */

static trib_code take_integers(void *ctx, const trib_stmt *stmt, trib_error *err) {
    int64_t *to = ctx;
    (void)err;
    for (int i = 0; i < trib_stmt_col_count(stmt); i++) to[i] = trib_stmt_col_value(stmt, i).integer;
    return TRIB_OK;
}

static void write_text(trib_json_writer *w, const char *key, trib_str value) {
    if (value.ptr) trib_jw_member_str(w, key, value);
    else trib_jw_member_null(w, key);
}

static void write_time(trib_json_writer *w, const char *key, int64_t value_ms) {
    if (value_ms) trib_jw_member_i64(w, key, value_ms);
    else trib_jw_member_null(w, key);
}

static void write_hook(const consumers_sub *sub, trib_json_writer *w) {
    trib_jw_key_c(w, "webhook");
    if (!sub->url.ptr) {
        trib_jw_null(w);
        return;
    }
    trib_jw_object_begin(w);
    trib_jw_member_str(w, "url", sub->url);
    trib_jw_member_bool(w, "disabled", sub->disabled_ms != 0);
    trib_jw_member_i64(w, "failures", sub->failures);
    write_time(w, "failingSinceMs", sub->failing_ms);
    write_time(w, "lastOkMs", sub->ok_ms);
    write_text(w, "lastError", sub->last_error);
    trib_jw_object_end(w);
}

trib_code consumers_sub_write(trib_stream_txn *txn, const consumers_sub *sub, trib_json_writer *w, trib_error *err) {
    int64_t counts[3] = {0};
    trib_arg arg = trib_stream_integer(sub->id);
    trib_code code = trib_stmt_run(txn->handle,
                                   "SELECT (SELECT coalesce(max(pos), 0) FROM _trib_ev), "
                                   "(SELECT count(*) FROM _trib_flight WHERE sub = ?1), "
                                   "(SELECT count(*) FROM _trib_parked WHERE sub = ?1 AND again = 1)",
                                   &arg, 1, take_integers, counts, err);
    trib_jw_object_begin(w);
    trib_jw_member_str(w, "name", sub->name);
    write_text(w, "type", sub->type);
    write_text(w, "prefix", sub->prefix);
    trib_jw_key_c(w, "opcodes");
    if (sub->opcodes.ptr) trib_jw_raw(w, sub->opcodes);
    else trib_jw_null(w);
    trib_jw_member_i64(w, "leaseMs", sub->lease_ms);
    trib_jw_member_i64(w, "maxRetries", sub->max_retries);
    trib_jw_member_i64(w, "createdMs", sub->created_ms);
    trib_jw_member_i64(w, "position", sub->cursor);
    trib_jw_member_i64(w, "lag", counts[0] > sub->cursor ? counts[0] - sub->cursor : 0);
    trib_jw_member_i64(w, "inFlight", counts[1]);
    trib_jw_member_i64(w, "parked", sub->parked);
    trib_jw_member_i64(w, "toReplay", counts[2]);
    trib_jw_member_bool(w, "stalled", sub->parked >= CONSUMERS_PARKED_MAX);
    write_hook(sub, w);
    return code;
}

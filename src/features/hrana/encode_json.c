/* SPDX-License-Identifier: Apache-2.0 */
/* Hrana results as JSON: integers as decimal strings, blobs as Base64 without padding, every array present, because
 * clients check all of it (docs/reference/libsql.md, "Decoder strictness"). */
#include "features/hrana/codec.h"

static void text_or_null(trib_json_writer *w, trib_str s) {
    if (s.len) trib_jw_str(w, s);
    else trib_jw_null(w);
}

void hrana_encode_cols(trib_json_writer *w, const trib_stmt *stmt) {
    int count = trib_stmt_col_count(stmt);
    trib_jw_key(w, TRIB_STR("cols"));
    trib_jw_array_begin(w);
    for (int i = 0; i < count; i++) {
        trib_jw_object_begin(w);
        trib_jw_key(w, TRIB_STR("name"));
        trib_jw_str(w, trib_stmt_col_name(stmt, i));
        trib_jw_key(w, TRIB_STR("decltype"));
        text_or_null(w, trib_stmt_col_decltype(stmt, i));
        trib_jw_object_end(w);
    }
    trib_jw_array_end(w);
}

static void encode_value(trib_json_writer *w, trib_value value) {
    trib_jw_object_begin(w);
    trib_jw_key(w, TRIB_STR("type"));
    switch (value.type) {
    case TRIB_VALUE_NULL: trib_jw_str(w, TRIB_STR("null")); break;
    case TRIB_VALUE_INTEGER:
        trib_jw_str(w, TRIB_STR("integer"));
        trib_jw_key(w, TRIB_STR("value"));
        trib_jw_i64_string(w, value.integer);
        break;
    case TRIB_VALUE_REAL:
        trib_jw_str(w, TRIB_STR("float"));
        trib_jw_key(w, TRIB_STR("value"));
        trib_jw_f64(w, value.real);
        break;
    case TRIB_VALUE_TEXT:
        trib_jw_str(w, TRIB_STR("text"));
        trib_jw_key(w, TRIB_STR("value"));
        trib_jw_str(w, value.bytes);
        break;
    case TRIB_VALUE_BLOB:
        trib_jw_str(w, TRIB_STR("blob"));
        trib_jw_key(w, TRIB_STR("base64"));
        trib_jw_base64(w, value.bytes.ptr, value.bytes.len);
        break;
    }
    trib_jw_object_end(w);
}

void hrana_encode_row(trib_json_writer *w, const trib_stmt *stmt) {
    int count = trib_stmt_col_count(stmt);
    trib_jw_array_begin(w);
    for (int i = 0; i < count; i++) encode_value(w, trib_stmt_col_value(stmt, i));
    trib_jw_array_end(w);
}

void hrana_encode_counts(trib_json_writer *w, const trib_stmt *stmt) {
    trib_stmt_counts counts;
    trib_stmt_get_counts(stmt, &counts);
    trib_jw_key(w, TRIB_STR("affected_row_count"));
    trib_jw_i64(w, counts.affected_rows);
    trib_jw_key(w, TRIB_STR("last_insert_rowid"));
    if (counts.has_last_insert_rowid) trib_jw_i64_string(w, counts.last_insert_rowid);
    else trib_jw_null(w);
    trib_jw_key(w, TRIB_STR("replication_index"));
    trib_jw_null(w);
    trib_jw_key(w, TRIB_STR("rows_read"));
    trib_jw_u64(w, counts.rows_read);
    trib_jw_key(w, TRIB_STR("rows_written"));
    trib_jw_u64(w, counts.rows_written);
}

void hrana_encode_error(trib_json_writer *w, const trib_error *err) {
    trib_jw_object_begin(w);
    trib_jw_key(w, TRIB_STR("message"));
    trib_jw_str_c(w, err->message);
    trib_jw_key(w, TRIB_STR("code"));
    trib_jw_str_c(w, trib_error_wire_code(err));
    const char *extended = err->code == TRIB_SQL_ERROR ? trib_sqlite_constraint_name(err->detail) : NULL;
    if (extended) {
        trib_jw_key(w, TRIB_STR("extended_code"));
        trib_jw_str_c(w, extended);
    }
    trib_jw_object_end(w);
}

void hrana_encode_describe(trib_json_writer *w, const trib_stmt *stmt) {
    int params = trib_stmt_param_count(stmt);
    trib_jw_object_begin(w);
    trib_jw_key(w, TRIB_STR("params"));
    trib_jw_array_begin(w);
    for (int i = 1; i <= params; i++) {
        trib_jw_object_begin(w);
        trib_jw_key(w, TRIB_STR("name"));
        text_or_null(w, trib_stmt_param_name(stmt, i));
        trib_jw_object_end(w);
    }
    trib_jw_array_end(w);
    hrana_encode_cols(w, stmt);
    trib_jw_member_bool(w, "is_explain", trib_stmt_is_explain(stmt));
    trib_jw_member_bool(w, "is_readonly", trib_stmt_is_readonly(stmt));
    trib_jw_object_end(w);
}

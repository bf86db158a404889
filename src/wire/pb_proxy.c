/* SPDX-License-Identifier: Apache-2.0 */
/* The messages of proxy.Proxy; see pb_proxy.h. A value is a blob of its own making, little-endian:
 *
 *   tag u32: 0 null | 1 integer i64 | 2 real f64 | 3 text: length u64, bytes | 4 blob: length u64, bytes */
#include "wire/pb_proxy.h"

#include <string.h>

#include <trib_proto/proxy.pb-c.h>

#include "wire/pb_cond.h"
#include "wire/pb_int.h"

typedef Trib__Proxy__Cond pb_cond;

enum { TAG_BYTES = 4, NUMBER_BYTES = 8 };
typedef enum value_tag { TAG_NULL, TAG_INTEGER, TAG_REAL, TAG_TEXT, TAG_BLOB } value_tag;

static trib_code bad(trib_error *err, const char *what) {
    return trib_error_set(err, TRIB_BAD_REQUEST, "Could not decode the program from Protobuf: %s", what);
}

static trib_code unpack(trib_arena *arena, const ProtobufCMessageDescriptor *type, trib_str bytes, const void **ret,
                        trib_error *err) {
    return trib_pb_unpack_as(arena, type, bytes, TRIB_BAD_REQUEST, ret, err);
}

/* ---- values ---- */

static uint64_t get_le(const char *at, unsigned bytes) {
    uint64_t value = 0;
    for (unsigned i = 0; i < bytes; i++) value |= (uint64_t)(unsigned char)at[i] << (8 * i);
    return value;
}

static trib_code get_value(const Trib__Proxy__Value *from, trib_value *ret, trib_error *err) {
    trib_str data = trib_pb_str(from->data);
    if (data.len < TAG_BYTES) return bad(err, "a value without a type");
    uint64_t tag = get_le(data.ptr, TAG_BYTES);
    *ret = (trib_value){.type = TRIB_VALUE_NULL};
    if (tag == TAG_NULL) return data.len == TAG_BYTES ? TRIB_OK : bad(err, "a null with a value");
    if (data.len < TAG_BYTES + NUMBER_BYTES) return bad(err, "a value is cut short");
    uint64_t number = get_le(data.ptr + TAG_BYTES, NUMBER_BYTES);
    size_t left = data.len - TAG_BYTES - NUMBER_BYTES;
    if (tag == TAG_INTEGER || tag == TAG_REAL) {
        if (left) return bad(err, "a number is too long");
        ret->type = tag == TAG_INTEGER ? TRIB_VALUE_INTEGER : TRIB_VALUE_REAL;
        if (tag == TAG_INTEGER) ret->integer = (int64_t)number;
        else memcpy(&ret->real, &number, sizeof number);
        return TRIB_OK;
    }
    if (tag != TAG_TEXT && tag != TAG_BLOB) return bad(err, "a value of an unknown type");
    if (number != left) return bad(err, "the length of a text or blob is wrong");
    ret->type = tag == TAG_TEXT ? TRIB_VALUE_TEXT : TRIB_VALUE_BLOB;
    ret->bytes = trib_str_sub(data, TAG_BYTES + NUMBER_BYTES, data.len);
    return tag == TAG_BLOB || trib_str_utf8_valid(ret->bytes) ? TRIB_OK : bad(err, "a text is not UTF-8");
}

void trib_proxy_value(trib_pb_writer *w, trib_value value) {
    char head[TAG_BYTES + NUMBER_BYTES], *to = head;
    trib_str bytes = {0};
    uint64_t bits;
    switch (value.type) {
    case TRIB_VALUE_NULL: to = trib_put_le(to, TAG_NULL, TAG_BYTES); break;
    case TRIB_VALUE_INTEGER:
        to = trib_put_le(trib_put_le(to, TAG_INTEGER, TAG_BYTES), (uint64_t)value.integer, NUMBER_BYTES);
        break;
    case TRIB_VALUE_REAL:
        memcpy(&bits, &value.real, sizeof bits);
        to = trib_put_le(trib_put_le(to, TAG_REAL, TAG_BYTES), bits, NUMBER_BYTES);
        break;
    case TRIB_VALUE_TEXT:
    case TRIB_VALUE_BLOB:
        bytes = value.bytes;
        to = trib_put_le(trib_put_le(to, value.type == TRIB_VALUE_TEXT ? TAG_TEXT : TAG_BLOB, TAG_BYTES), bytes.len,
                         NUMBER_BYTES);
        break;
    }
    trib_pw_open(w, 1); /* of Row */
    trib_pw_begin_bytes(w, 1, (size_t)(to - head) + bytes.len);
    trib_buf_add_bytes(w->buf, head, (size_t)(to - head));
    trib_buf_add(w->buf, bytes);
    trib_pw_close(w);
}

/* ---- conditions ---- */

static trib_code unpack_cond(trib_arena *arena, trib_str bytes, const void **ret, trib_error *err) {
    return unpack(arena, &trib__proxy__cond__descriptor, bytes, ret, err);
}

static trib_code cond_level(const void *message, trib_pb_level *ret, trib_error *err) {
    const pb_cond *from = message;
    switch ((int)from->cond_case) {
    case TRIB__PROXY__COND__COND_OK: *ret = (trib_pb_level){HRANA_COND_OK, from->ok->step, NULL, 0}; return TRIB_OK;
    case TRIB__PROXY__COND__COND_ERR:
        *ret = (trib_pb_level){HRANA_COND_ERROR, from->err->step, NULL, 0};
        return TRIB_OK;
    case TRIB__PROXY__COND__COND_NEGATED:
        *ret = (trib_pb_level){HRANA_COND_NOT, 0, &from->negated->cond, 1};
        return TRIB_OK;
    case TRIB__PROXY__COND__COND_ALL:
        *ret = (trib_pb_level){HRANA_COND_AND, 0, from->all->conds, from->all->n_conds};
        return TRIB_OK;
    case TRIB__PROXY__COND__COND_ANY:
        *ret = (trib_pb_level){HRANA_COND_OR, 0, from->any->conds, from->any->n_conds};
        return TRIB_OK;
    case TRIB__PROXY__COND__COND_IS_AUTOCOMMIT: ret->type = HRANA_COND_IS_AUTOCOMMIT; return TRIB_OK;
    default: return bad(err, "a condition of an unknown type");
    }
}

static const trib_pb_cond_face cond_face = {unpack_cond, cond_level, bad};

/* ---- programs ---- */

static trib_code get_args(trib_arena *arena, const Trib__Proxy__Query *from, hrana_stmt *ret, trib_error *err) {
    Trib__Proxy__Value *const *values = NULL;
    const Trib__Proxy__Named *named = NULL;
    if (from->params_case == TRIB__PROXY__QUERY__PARAMS_POSITIONAL) {
        values = from->positional->values;
        ret->arg_count = from->positional->n_values;
    } else if (from->params_case == TRIB__PROXY__QUERY__PARAMS_NAMED) {
        named = from->named;
        values = named->values;
        ret->arg_count = named->n_values;
        if (named->n_names != named->n_values) return bad(err, "there are not as many names as values");
    }
    ret->has_named = named && ret->arg_count;
    ret->has_positional = !named && ret->arg_count;
    ret->args = trib_arena_zalloc(arena, ret->arg_count, sizeof *ret->args);
    if (!ret->args) return trib_hrana_decode_nomem(err);
    for (size_t i = 0; i < ret->arg_count; i++) {
        if (named) ret->args[i].name = trib_pb_str(named->names[i]);
        if (named && ret->args[i].name.len == 0) return bad(err, "a named argument needs a name");
        trib_code code = get_value(values[i], &ret->args[i].value, err);
        if (code != TRIB_OK) return code;
    }
    return TRIB_OK;
}

static trib_code get_query(trib_arena *arena, const Trib__Proxy__Query *from, hrana_stmt *ret, trib_error *err) {
    if (!from) return bad(err, "a step without a query");
    ret->has_sql = true;
    ret->sql = from->stmt.len ? trib_pb_str(from->stmt) : TRIB_STR("");
    ret->want_rows = !from->skip_rows;
    if (!trib_str_utf8_valid(ret->sql)) return bad(err, "the SQL text is not UTF-8");
    return get_args(arena, from, ret, err);
}

trib_code trib_proxy_decode_execute(trib_arena *arena, trib_str message, trib_proxy_req *ret, trib_error *err) {
    const void *got;
    trib_code code = unpack(arena, &trib__proxy__program_req__descriptor, message, &got, err);
    if (code != TRIB_OK) return code;
    const Trib__Proxy__ProgramReq *from = got;
    *ret = (trib_proxy_req){.client_id = trib_pb_str(from->client_id)};
    hrana_batch *program = &ret->program;
    program->count = from->pgm ? from->pgm->n_steps : 0;
    code = trib_hrana_check_steps(program->count, err);
    if (code != TRIB_OK) return code;
    program->steps = trib_arena_zalloc(arena, program->count, sizeof *program->steps);
    if (!program->steps) return trib_hrana_decode_nomem(err);
    for (size_t i = 0; code == TRIB_OK && i < program->count; i++) {
        const Trib__Proxy__Step *step = from->pgm->steps[i];
        code = get_query(arena, step->query, &program->steps[i].stmt, err);
        if (code == TRIB_OK && step->cond)
            code = trib_pb_get_cond(&cond_face, arena, step->cond, i, &program->steps[i].condition, err);
    }
    return code;
}

trib_code trib_proxy_decode_describe(trib_arena *arena, trib_str message, trib_proxy_req *ret, trib_error *err) {
    const void *got;
    trib_code code = unpack(arena, &trib__proxy__describe_request__descriptor, message, &got, err);
    if (code != TRIB_OK) return code;
    const Trib__Proxy__DescribeRequest *from = got;
    *ret = (trib_proxy_req){.client_id = trib_pb_str(from->client_id), .stmt = trib_pb_str(from->stmt)};
    return trib_str_utf8_valid(ret->stmt) ? TRIB_OK : bad(err, "the SQL text is not UTF-8");
}

trib_code trib_proxy_decode_disconnect(trib_arena *arena, trib_str message, trib_proxy_req *ret, trib_error *err) {
    const void *got;
    trib_code code = unpack(arena, &trib__proxy__disconnect_message__descriptor, message, &got, err);
    if (code != TRIB_OK) return code;
    *ret = (trib_proxy_req){.client_id = trib_pb_str(((const Trib__Proxy__DisconnectMessage *)got)->client_id)};
    return TRIB_OK;
}

/* ---- results ---- */

static void add_error(trib_pb_writer *w, int32_t code, trib_str message, int32_t extended_code) {
    trib_pw_open(w, 1);
    if (code) trib_pw_i64(w, 1, code);
    trib_pw_str(w, 2, message);
    if (extended_code) trib_pw_i64(w, 3, extended_code);
    trib_pw_close(w);
}

void trib_proxy_write_error(trib_pb_writer *w, trib_proxy_error code, trib_str message, int32_t extended_code) {
    trib_pw_open(w, 1); /* QueryResult */
    add_error(w, (int32_t)code, message, extended_code);
    trib_pw_close(w);
}

void trib_proxy_rows_begin(trib_pb_writer *w) {
    trib_pw_open(w, 1); /* QueryResult */
    trib_pw_open(w, 2); /* ResultRows */
}

void trib_proxy_column(trib_pb_writer *w, trib_str name, trib_str decltype) {
    trib_pw_open(w, 1);
    trib_pw_str(w, 1, name);
    if (decltype.len) trib_pw_str(w, 3, decltype);
    trib_pw_close(w);
}

void trib_proxy_row_begin(trib_pb_writer *w) {
    trib_pw_open(w, 2);
}

void trib_proxy_row_end(trib_pb_writer *w) {
    trib_pw_close(w);
}

void trib_proxy_rows_end(trib_pb_writer *w, uint64_t affected_rows, const int64_t *last_insert_rowid) {
    if (affected_rows) trib_pw_u64(w, 3, affected_rows);
    if (last_insert_rowid) trib_pw_i64(w, 4, *last_insert_rowid);
    trib_pw_close(w);
    trib_pw_close(w);
}

void trib_proxy_end(trib_pb_writer *w, trib_proxy_state state, const uint64_t *frame_no) {
    if (state) trib_pw_u64(w, 2, state);
    if (frame_no) trib_pw_u64(w, 3, *frame_no);
}

void trib_proxy_describe_error(trib_pb_writer *w, int32_t sqlite_code, trib_str message, int32_t extended_code) {
    add_error(w, sqlite_code, message, extended_code);
}

void trib_proxy_describe_begin(trib_pb_writer *w) {
    trib_pw_open(w, 2);
}

void trib_proxy_param(trib_pb_writer *w, trib_str name) {
    trib_pw_str(w, 2, name);
}

void trib_proxy_describe_end(trib_pb_writer *w, uint64_t param_count) {
    if (param_count) trib_pw_u64(w, 3, param_count);
    trib_pw_close(w);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Hrana messages from protobuf; see pb_hrana.h. protobuf-c makes its structs in the arena, then the messages of
 * wire/hrana.h are made of them. A message inside a message that was not sent is the empty one (proto3). */
#include "wire/pb_hrana.h"

#include <trib_proto/hrana.pb-c.h>

#include "wire/pb.h"
#include "wire/pb_cond.h"
#include "wire/pb_int.h"

typedef Trib__Hrana__Stmt pb_stmt;
typedef Trib__Hrana__Value pb_value;
typedef Trib__Hrana__Batch pb_batch;
typedef Trib__Hrana__BatchCond pb_cond;
typedef Trib__Hrana__StreamRequest pb_request;
typedef Trib__Hrana__RequestMsg pb_request_msg;

static const pb_stmt no_stmt = TRIB__HRANA__STMT__INIT;
static const pb_batch no_batch = TRIB__HRANA__BATCH__INIT;

static trib_code bad(trib_error *err, const char *what) {
    return trib_error_set(err, TRIB_PROTOCOL, "Could not decode client message from Protobuf: %s", what);
}

static trib_code not_recognized(trib_error *err, const char *what) {
    return trib_error_set(err, TRIB_PROTOCOL, "%s type not recognized", what);
}

static trib_code unpack(trib_arena *arena, const ProtobufCMessageDescriptor *type, trib_str bytes, const void **ret,
                        trib_error *err) {
    *ret = trib_pb_unpack(arena, type, bytes);
    if (*ret) return TRIB_OK;
    return arena->failed ? trib_hrana_decode_nomem(err) : bad(err, "the bytes are no such message, or were cut short");
}

/* A string of the protocol; never with ptr NULL, which says that there is none. */
static trib_code get_text(ProtobufCBinaryData bytes, const char *what, trib_str *ret, trib_error *err) {
    *ret = bytes.len ? trib_pb_str(bytes) : TRIB_STR("");
    if (trib_str_utf8_valid(*ret)) return TRIB_OK;
    return trib_error_set(err, TRIB_PROTOCOL, "Could not decode client message from Protobuf: %s is not UTF-8", what);
}

static trib_code get_value(const pb_value *from, trib_value *ret, trib_error *err) {
    switch ((int)from->value_case) {
    case TRIB__HRANA__VALUE__VALUE_NONE: *ret = (trib_value){.type = TRIB_VALUE_NULL}; return TRIB_OK;
    case TRIB__HRANA__VALUE__VALUE_INTEGER:
        *ret = (trib_value){.type = TRIB_VALUE_INTEGER, .integer = from->integer};
        return TRIB_OK;
    case TRIB__HRANA__VALUE__VALUE_REAL:
        *ret = (trib_value){.type = TRIB_VALUE_REAL, .real = from->real};
        return TRIB_OK;
    case TRIB__HRANA__VALUE__VALUE_TEXT:
        ret->type = TRIB_VALUE_TEXT;
        return get_text(from->text, "a text", &ret->bytes, err);
    case TRIB__HRANA__VALUE__VALUE_BLOB:
        *ret = (trib_value){.type = TRIB_VALUE_BLOB, .bytes = from->blob.len ? trib_pb_str(from->blob) : TRIB_STR("")};
        return TRIB_OK;
    default: return not_recognized(err, "Value");
    }
}

static trib_code get_args(trib_arena *arena, const pb_stmt *from, hrana_stmt *ret, trib_error *err) {
    trib_code code = TRIB_OK;
    ret->has_positional = from->n_args > 0;
    ret->has_named = from->n_named_args > 0;
    ret->arg_count = from->n_args + from->n_named_args;
    ret->args = trib_arena_zalloc(arena, ret->arg_count, sizeof *ret->args);
    if (!ret->args) return trib_hrana_decode_nomem(err);
    trib_arg *arg = ret->args;
    for (size_t i = 0; code == TRIB_OK && i < from->n_args; i++, arg++)
        code = get_value(from->args[i], &arg->value, err);
    for (size_t i = 0; code == TRIB_OK && i < from->n_named_args; i++, arg++) {
        const Trib__Hrana__NamedArg *named = from->named_args[i];
        code = get_text(named->name, "the name of an argument", &arg->name, err);
        if (code == TRIB_OK && arg->name.len == 0) code = bad(err, "a named argument needs a name");
        if (code == TRIB_OK)
            code = named->value ? get_value(named->value, &arg->value, err) : not_recognized(err, "Value");
    }
    return code;
}

static trib_code get_sql(protobuf_c_boolean has_sql, ProtobufCBinaryData sql, protobuf_c_boolean has_sql_id,
                         int32_t sql_id, hrana_stmt *ret, trib_error *err) {
    ret->has_sql = has_sql;
    ret->has_sql_id = has_sql_id;
    ret->sql_id = sql_id;
    ret->want_rows = true;
    trib_code code = has_sql ? get_text(sql, "the SQL text", &ret->sql, err) : TRIB_OK;
    return code == TRIB_OK ? trib_hrana_check_sql(ret, err) : code;
}

static trib_code get_stmt(trib_arena *arena, const pb_stmt *from, hrana_stmt *ret, trib_error *err) {
    if (!from) from = &no_stmt;
    trib_code code = get_sql(from->has_sql, from->sql, from->has_sql_id, from->sql_id, ret, err);
    if (code != TRIB_OK) return code;
    ret->want_rows = !from->has_want_rows || from->want_rows;
    return get_args(arena, from, ret, err);
}

/* ---- conditions ---- */

static trib_code unpack_cond(trib_arena *arena, trib_str bytes, const void **ret, trib_error *err) {
    return unpack(arena, &trib__hrana__batch_cond__descriptor, bytes, ret, err);
}

static trib_code cond_level(const void *message, trib_pb_level *ret, trib_error *err) {
    const pb_cond *from = message;
    switch ((int)from->cond_case) {
    case TRIB__HRANA__BATCH_COND__COND_OK: *ret = (trib_pb_level){HRANA_COND_OK, from->ok, NULL, 0}; return TRIB_OK;
    case TRIB__HRANA__BATCH_COND__COND_ERROR:
        *ret = (trib_pb_level){HRANA_COND_ERROR, from->error, NULL, 0};
        return TRIB_OK;
    case TRIB__HRANA__BATCH_COND__COND_NEGATED:
        *ret = (trib_pb_level){HRANA_COND_NOT, 0, &from->negated, 1};
        return TRIB_OK;
    case TRIB__HRANA__BATCH_COND__COND_ALL:
        *ret = (trib_pb_level){HRANA_COND_AND, 0, from->all->conds, from->all->n_conds};
        return TRIB_OK;
    case TRIB__HRANA__BATCH_COND__COND_ANY:
        *ret = (trib_pb_level){HRANA_COND_OR, 0, from->any->conds, from->any->n_conds};
        return TRIB_OK;
    case TRIB__HRANA__BATCH_COND__COND_IS_AUTOCOMMIT: ret->type = HRANA_COND_IS_AUTOCOMMIT; return TRIB_OK;
    default: return not_recognized(err, "BatchCond");
    }
}

static const trib_pb_cond_face cond_face = {unpack_cond, cond_level, bad};

static trib_code get_batch(trib_arena *arena, const pb_batch *from, hrana_batch *ret, trib_error *err) {
    if (!from) from = &no_batch;
    ret->count = from->n_steps;
    if (trib_hrana_check_steps(ret->count, err) != TRIB_OK) return TRIB_PROTOCOL;
    ret->steps = trib_arena_zalloc(arena, ret->count, sizeof *ret->steps);
    if (!ret->steps) return trib_hrana_decode_nomem(err);
    for (size_t i = 0; i < ret->count; i++) {
        const Trib__Hrana__BatchStep *step = from->steps[i];
        trib_code code = get_stmt(arena, step->stmt, &ret->steps[i].stmt, err);
        if (code == TRIB_OK && step->condition)
            code = trib_pb_get_cond(&cond_face, arena, step->condition, i, &ret->steps[i].condition, err);
        if (code != TRIB_OK) return code;
    }
    return TRIB_OK;
}

/* ---- requests ---- */

/* sql_id has no presence here: 0 is not sent. */
static trib_code get_store_sql(const Trib__Hrana__StoreSqlReq *from, hrana_stmt *ret, trib_error *err) {
    ret->has_sql_id = ret->has_sql = true;
    ret->sql_id = from->sql_id;
    return get_text(from->sql, "the SQL text", &ret->sql, err);
}

static void get_close_sql(const Trib__Hrana__CloseSqlReq *from, hrana_stmt *ret) {
    ret->has_sql_id = true;
    ret->sql_id = from->sql_id;
}

static trib_code get_request(trib_arena *arena, const pb_request *from, hrana_request *ret, trib_error *err) {
    const Trib__Hrana__SqlReq *sql;
    switch ((int)from->request_case) {
    case TRIB__HRANA__STREAM_REQUEST__REQUEST_CLOSE: ret->type = HRANA_CLOSE; return TRIB_OK;
    case TRIB__HRANA__STREAM_REQUEST__REQUEST_GET_AUTOCOMMIT: ret->type = HRANA_GET_AUTOCOMMIT; return TRIB_OK;
    case TRIB__HRANA__STREAM_REQUEST__REQUEST_EXECUTE:
        ret->type = HRANA_EXECUTE;
        return get_stmt(arena, from->execute->stmt, &ret->stmt, err);
    case TRIB__HRANA__STREAM_REQUEST__REQUEST_BATCH:
        ret->type = HRANA_BATCH;
        return get_batch(arena, from->batch->batch, &ret->batch, err);
    case TRIB__HRANA__STREAM_REQUEST__REQUEST_SEQUENCE:
    case TRIB__HRANA__STREAM_REQUEST__REQUEST_DESCRIBE:
        ret->type =
            from->request_case == TRIB__HRANA__STREAM_REQUEST__REQUEST_SEQUENCE ? HRANA_SEQUENCE : HRANA_DESCRIBE;
        sql = ret->type == HRANA_SEQUENCE ? from->sequence : from->describe;
        return get_sql(sql->has_sql, sql->sql, sql->has_sql_id, sql->sql_id, &ret->stmt, err);
    case TRIB__HRANA__STREAM_REQUEST__REQUEST_STORE_SQL:
        ret->type = HRANA_STORE_SQL;
        return get_store_sql(from->store_sql, &ret->stmt, err);
    case TRIB__HRANA__STREAM_REQUEST__REQUEST_CLOSE_SQL:
        ret->type = HRANA_CLOSE_SQL;
        get_close_sql(from->close_sql, &ret->stmt);
        return TRIB_OK;
    default: return not_recognized(err, "StreamRequest");
    }
}

static trib_code get_baton(protobuf_c_boolean has_baton, ProtobufCBinaryData baton, trib_str *ret, trib_error *err) {
    *ret = (trib_str){0};
    trib_code code = has_baton ? get_text(baton, "the baton", ret, err) : TRIB_OK;
    return code == TRIB_OK ? trib_hrana_check_baton(*ret, err) : code;
}

trib_code trib_hrana_pb_decode_pipeline(trib_arena *arena, trib_str body, hrana_pipeline *ret, trib_error *err) {
    const void *message;
    trib_code code = unpack(arena, &trib__hrana__pipeline_req_body__descriptor, body, &message, err);
    if (code != TRIB_OK) return code;
    const Trib__Hrana__PipelineReqBody *from = message;
    code = get_baton(from->has_baton, from->baton, &ret->baton, err);
    ret->count = from->n_requests;
    if (code == TRIB_OK) code = trib_hrana_check_requests(ret->count, err);
    if (code != TRIB_OK) return code;
    ret->requests = trib_arena_zalloc(arena, ret->count, sizeof *ret->requests);
    if (!ret->requests) return trib_hrana_decode_nomem(err);
    for (size_t i = 0; code == TRIB_OK && i < ret->count; i++)
        code = get_request(arena, from->requests[i], &ret->requests[i], err);
    return code;
}

trib_code trib_hrana_pb_decode_cursor(trib_arena *arena, trib_str body, trib_str *ret_baton, hrana_batch *ret,
                                      trib_error *err) {
    const void *message;
    trib_code code = unpack(arena, &trib__hrana__cursor_req_body__descriptor, body, &message, err);
    if (code != TRIB_OK) return code;
    const Trib__Hrana__CursorReqBody *from = message;
    code = get_baton(from->has_baton, from->baton, ret_baton, err);
    return code == TRIB_OK ? get_batch(arena, from->batch, ret, err) : code;
}

/* ---- WebSocket ---- */

static trib_code get_ws_sql(const Trib__Hrana__WsSqlReq *from, hrana_request_type type, hrana_client_msg *ret,
                            trib_error *err) {
    ret->request.type = type;
    ret->stream_id = from->stream_id;
    return get_sql(from->has_sql, from->sql, from->has_sql_id, from->sql_id, &ret->request.stmt, err);
}

/* Requests that HTTP has too. */
static trib_code get_ws_request(trib_arena *arena, const pb_request_msg *from, hrana_client_msg *ret, trib_error *err) {
    hrana_request *request = &ret->request;
    ret->type = HRANA_MSG_REQUEST;
    switch ((int)from->request_case) {
    case TRIB__HRANA__REQUEST_MSG__REQUEST_EXECUTE:
        request->type = HRANA_EXECUTE;
        ret->stream_id = from->execute->stream_id;
        return get_stmt(arena, from->execute->stmt, &request->stmt, err);
    case TRIB__HRANA__REQUEST_MSG__REQUEST_BATCH:
        request->type = HRANA_BATCH;
        ret->stream_id = from->batch->stream_id;
        return get_batch(arena, from->batch->batch, &request->batch, err);
    case TRIB__HRANA__REQUEST_MSG__REQUEST_SEQUENCE: return get_ws_sql(from->sequence, HRANA_SEQUENCE, ret, err);
    case TRIB__HRANA__REQUEST_MSG__REQUEST_DESCRIBE: return get_ws_sql(from->describe, HRANA_DESCRIBE, ret, err);
    case TRIB__HRANA__REQUEST_MSG__REQUEST_STORE_SQL:
        request->type = HRANA_STORE_SQL;
        return get_store_sql(from->store_sql, &request->stmt, err);
    case TRIB__HRANA__REQUEST_MSG__REQUEST_CLOSE_SQL:
        request->type = HRANA_CLOSE_SQL;
        get_close_sql(from->close_sql, &request->stmt);
        return TRIB_OK;
    case TRIB__HRANA__REQUEST_MSG__REQUEST_GET_AUTOCOMMIT:
        request->type = HRANA_GET_AUTOCOMMIT;
        ret->stream_id = from->get_autocommit->stream_id;
        return TRIB_OK;
    default: return not_recognized(err, "Request");
    }
}

static trib_code get_request_msg(trib_arena *arena, const pb_request_msg *from, hrana_client_msg *ret,
                                 trib_error *err) {
    ret->request_id = from->request_id;
    switch ((int)from->request_case) {
    case TRIB__HRANA__REQUEST_MSG__REQUEST_OPEN_STREAM:
        ret->type = HRANA_MSG_OPEN_STREAM;
        ret->stream_id = from->open_stream->stream_id;
        return TRIB_OK;
    case TRIB__HRANA__REQUEST_MSG__REQUEST_CLOSE_STREAM:
        ret->type = HRANA_MSG_CLOSE_STREAM;
        ret->stream_id = from->close_stream->stream_id;
        return TRIB_OK;
    case TRIB__HRANA__REQUEST_MSG__REQUEST_OPEN_CURSOR:
        ret->type = HRANA_MSG_OPEN_CURSOR;
        ret->stream_id = from->open_cursor->stream_id;
        ret->cursor_id = from->open_cursor->cursor_id;
        ret->request.type = HRANA_BATCH;
        return get_batch(arena, from->open_cursor->batch, &ret->request.batch, err);
    case TRIB__HRANA__REQUEST_MSG__REQUEST_CLOSE_CURSOR:
        ret->type = HRANA_MSG_CLOSE_CURSOR;
        ret->cursor_id = from->close_cursor->cursor_id;
        return TRIB_OK;
    case TRIB__HRANA__REQUEST_MSG__REQUEST_FETCH_CURSOR:
        ret->type = HRANA_MSG_FETCH_CURSOR;
        ret->cursor_id = from->fetch_cursor->cursor_id;
        ret->max_count = from->fetch_cursor->max_count;
        return TRIB_OK;
    default: return get_ws_request(arena, from, ret, err);
    }
}

trib_code trib_hrana_pb_decode_client_msg(trib_arena *arena, trib_str frame, hrana_client_msg *ret, trib_error *err) {
    const void *message;
    trib_code code = unpack(arena, &trib__hrana__client_msg__descriptor, frame, &message, err);
    if (code != TRIB_OK) return code;
    const Trib__Hrana__ClientMsg *from = message;
    *ret = (hrana_client_msg){0};
    switch ((int)from->msg_case) {
    case TRIB__HRANA__CLIENT_MSG__MSG_HELLO:
        ret->type = HRANA_MSG_HELLO;
        return from->hello->has_jwt ? get_text(from->hello->jwt, "the token", &ret->jwt, err) : TRIB_OK;
    case TRIB__HRANA__CLIENT_MSG__MSG_REQUEST: return get_request_msg(arena, from->request, ret, err);
    default: return not_recognized(err, "ClientMsg");
    }
}

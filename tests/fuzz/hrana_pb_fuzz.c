// SPDX-License-Identifier: Apache-2.0
// Fuzz target of everything that is decoded from protobuf: Hrana's pipeline, cursor and WebSocket frame, pull-updates,
// the replication log and the write proxy. The first byte chooses.
// rooms: wire base
//
// What is taken obeys the limits that the executor relies on: conditions look back and nest no deeper than the limit,
// texts are UTF-8, a named argument has its name; what is refused says why. A small budget, so that running out of it
// is reached too. Running what was decoded is hrana_fuzz's part: behind the decoders there is one executor.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wire/pb_hrana.h"
#include "wire/pb_proxy.h"
#include "wire/pb_pull.h"
#include "wire/pb_replica.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { BUDGET_BYTES = 1 << 18 };
enum { PIPELINE, CURSOR, CLIENT_MSG, PULL, OFFSET, HELLO, EXECUTE, DESCRIBE, DISCONNECT, FACES };

static void check(bool ok, const char *what) {
    if (ok) return;
    fprintf(stderr, "%s\n", what);
    abort();
}

static void check_str(trib_str text) {
    check(text.len == 0 || text.ptr, "bytes without a place");
    check(trib_str_utf8_valid(text), "a text that is not UTF-8");
}

static void check_stmt(const hrana_stmt *stmt) {
    check(stmt->has_sql || stmt->has_sql_id, "a statement without SQL");
    check_str(stmt->sql);
    check(!(stmt->arg_count && !stmt->has_positional && !stmt->has_named), "arguments of no kind");
    for (size_t i = 0; i < stmt->arg_count; i++) {
        const trib_value *value = &stmt->args[i].value;
        check(stmt->has_positional || stmt->args[i].name.len, "an argument without its name");
        if (value->type == TRIB_VALUE_TEXT) check_str(value->bytes);
        if (value->type == TRIB_VALUE_BLOB) check(!value->bytes.len || value->bytes.ptr, "a blob without a place");
    }
}

static void check_cond(const hrana_cond *cond, size_t step, unsigned depth) {
    check(depth <= TRIB_HRANA_COND_DEPTH_MAX, "conditions are nested too deeply");
    if (cond->type == HRANA_COND_OK || cond->type == HRANA_COND_ERROR) check(cond->step < step, "a later step");
    if (cond->type == HRANA_COND_NOT) check(cond->first && !cond->first->next, "not of one");
    for (const hrana_cond *at = cond->first; at; at = at->next) check_cond(at, step, depth + 1);
}

static void check_batch(const hrana_batch *batch) {
    check(batch->count <= TRIB_HRANA_STEPS_MAX, "too many steps");
    for (size_t i = 0; i < batch->count; i++) {
        check_stmt(&batch->steps[i].stmt);
        if (batch->steps[i].condition) check_cond(batch->steps[i].condition, i, 0);
    }
}

static void check_request(const hrana_request *request) {
    if (request->type == HRANA_BATCH) check_batch(&request->batch);
    else if (request->type != HRANA_GET_AUTOCOMMIT && request->type != HRANA_CLOSE) check_stmt(&request->stmt);
}

static trib_code decode_hrana(trib_arena *arena, unsigned face, trib_str body, trib_error *err) {
    hrana_pipeline pipeline = {0};
    hrana_batch batch = {0};
    hrana_client_msg msg = {0};
    trib_str baton = {0};
    trib_code code;
    if (face == PIPELINE) {
        code = trib_hrana_pb_decode_pipeline(arena, body, &pipeline, err);
        for (size_t i = 0; code == TRIB_OK && i < pipeline.count; i++) check_request(&pipeline.requests[i]);
        return code;
    }
    if (face == CURSOR) {
        code = trib_hrana_pb_decode_cursor(arena, body, &baton, &batch, err);
        if (code == TRIB_OK) check_batch(&batch);
        return code;
    }
    code = trib_hrana_pb_decode_client_msg(arena, body, &msg, err);
    if (code == TRIB_OK && msg.type == HRANA_MSG_REQUEST) check_request(&msg.request);
    if (code == TRIB_OK && msg.type == HRANA_MSG_OPEN_CURSOR) check_batch(&msg.request.batch);
    if (code == TRIB_OK && msg.type == HRANA_MSG_HELLO) check_str(msg.jwt);
    return code;
}

static trib_code decode(trib_arena *arena, unsigned face, trib_str body, trib_error *err) {
    trib_pull_req pull;
    trib_replica_offset offset;
    trib_proxy_req proxy;
    uint64_t version;
    trib_code code = TRIB_OK;
    switch (face) {
    case PULL: return trib_pull_decode(arena, body, &pull, err);
    case OFFSET: return trib_replica_decode_offset(arena, body, &offset, err);
    case HELLO: return trib_replica_decode_hello(arena, body, &version, err);
    case EXECUTE:
        code = trib_proxy_decode_execute(arena, body, &proxy, err);
        if (code == TRIB_OK) check_batch(&proxy.program);
        return code;
    case DESCRIBE:
        code = trib_proxy_decode_describe(arena, body, &proxy, err);
        if (code == TRIB_OK) check_str(proxy.stmt);
        return code;
    case DISCONNECT: return trib_proxy_decode_disconnect(arena, body, &proxy, err);
    default: return decode_hrana(arena, face, body, err);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    trib_arena arena;
    trib_error err = {0};
    if (size == 0) return 0;
    trib_arena_init(&arena, BUDGET_BYTES);
    trib_code code = decode(&arena, data[0] % FACES, trib_str_make((const char *)data + 1, size - 1), &err);
    check(code == TRIB_OK || (err.code == code && err.message[0]), "a refusal without a reason");
    check(code != TRIB_NOMEM || arena.failed, "out of a memory that was not used up");
    trib_arena_deinit(&arena);
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* POST /v1/execute and /v1/batch: one statement or one batch in a session that ends with the request.
 *
 *   {"stmt":{...}}  -> {"result":{...}}          {"batch":{...}} -> {"result":{...}}
 *
 * A statement that fails is the request's failure, with the statuses that this version has; in a batch it is in the
 * result. */
#include "features/hrana/codec.h"

/* Version 1 tells by the status whose fault it was: 500 is SQLite's word about the statement, a constraint too. */
static int status_of(trib_code code) {
    static const struct {
        trib_code code;
        int status;
    } rows[] = {
        {TRIB_SQL_ERROR, 500},        {TRIB_ARGS_BOTH, 501}, {TRIB_TRANSACTION_TIMEOUT, 503},
        {TRIB_TRANSACTION_BUSY, 503}, {TRIB_BLOCKED, 400},   {TRIB_RESPONSE_TOO_LARGE, 400},
        {TRIB_ROW_TOO_LARGE, 400},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (rows[i].code == code) return rows[i].status;
    return trib_code_http(code);
}

static trib_code work(trib_db_job *job, trib_handle *handle, trib_error *err) {
    hrana_exec *x = (hrana_exec *)(void *)job;
    const hrana_request *request = x->pipeline.requests;
    trib_code code = request->type == HRANA_EXECUTE
                         ? hrana_run_stmt(x, handle, &request->stmt, &x->codec->result, false, err)
                         : hrana_run_batch(x, handle, &request->batch, err);
    if (code == TRIB_AGAIN) return code;
    job->close_session = true;
    if (code != TRIB_OK) return code;
    trib_jw_object_end(&x->w);
    hrana_pack_whole(x);
    return code;
}

static trib_code decode(hrana_exec *x, hrana_request_type type, trib_error *err) {
    hrana_request *request = trib_arena_zalloc(x->arena, 1, sizeof *request);
    if (!request) return trib_error_set(err, TRIB_NOMEM, NULL);
    x->pipeline = (hrana_pipeline){.requests = request, .count = 1};
    trib_code code = hrana_decode_v1(x->arena, x->http->body, type, request, err);
    return code == TRIB_OK ? hrana_batch_check(x, &request->batch, err) : code;
}

static trib_code decode_execute(hrana_exec *x, trib_error *err) {
    return decode(x, HRANA_EXECUTE, err);
}

static trib_code decode_batch(hrana_exec *x, trib_error *err) {
    return decode(x, HRANA_BATCH, err);
}

static trib_code begin(hrana_exec *x, trib_error *err) {
    trib_code code = hrana_exec_open(x, (trib_str){0}, err);
    if (code != TRIB_OK) return code;
    trib_jw_init(&x->w, &x->out);
    trib_jw_object_begin(&x->w);
    trib_jw_key(&x->w, TRIB_STR("result"));
    return TRIB_OK;
}

void hrana_handle_v1_execute(trib_http_request *http) {
    static const hrana_way way = {&hrana_codec_json, decode_execute, begin, work, hrana_exec_finish, status_of};
    hrana_exec_serve(http, &way);
}

void hrana_handle_v1_batch(trib_http_request *http) {
    static const hrana_way way = {&hrana_codec_json, decode_batch, begin, work, hrana_exec_finish, status_of};
    hrana_exec_serve(http, &way);
}

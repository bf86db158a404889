/* SPDX-License-Identifier: Apache-2.0 */
/* One request about subscriptions: who asks, a job on `streams` with one transaction, one answer, which leaves when
 * what it says is durable. */
#include <stdlib.h>
#include <string.h>

#include "features/consumers/consumers_int.h"

static consumers_ask *of_job(trib_db_job *job) {
    return (consumers_ask *)(void *)job;
}

static void ask_free(consumers_ask *ask) {
    trib_buf_deinit(&ask->out);
    trib_arena_deinit(&ask->arena);
    free(ask);
}

static trib_code body(void *ctx, trib_error *err) {
    consumers_ask *ask = ctx;
    trib_buf_clear(&ask->out);
    ask->empty = false;
    trib_code code = ask->body(ask, err);
    return code == TRIB_OK && ask->out.failed ? trib_error_set(err, TRIB_RESPONSE_TOO_LARGE, NULL) : code;
}

static trib_code work(trib_db_job *job, trib_handle *handle, trib_error *err) {
    consumers_ask *ask = of_job(job);
    return trib_stream_txn_run(&ask->txn, job, handle, body, ask, err);
}

void consumers_ask_refuse(consumers_ask *ask, const trib_error *err) {
    trib_http_request *http = ask->http;
    trib_error why = *err;
    http->on_cancel = NULL;
    ask_free(ask);
    trib_http_answer_error(http, &why);
}

void consumers_ask_answer(consumers_ask *ask) {
    trib_http_request *http = ask->http;
    http->on_cancel = NULL;
    trib_http_answer answer = {
        .status = ask->status, .content_type = ask->out.len ? "application/json" : NULL, .body = &ask->out};
    trib_http_answer_send(http, &answer);
    ask_free(ask);
}

static void finished(trib_db_job *job) {
    consumers_ask *ask = of_job(job);
    if (job->code != TRIB_OK) {
        consumers_ask_refuse(ask, &job->err);
        return;
    }
    if (ask->after) ask->after(ask);
    if (ask->empty && !ask->http->cancelled && consumers_wait(ask)) return;
    consumers_ask_answer(ask);
}

static trib_code check_name(trib_str name, trib_error *err) {
    bool ok = name.len > 0 && name.len <= CONSUMERS_NAME_MAX_BYTES;
    for (size_t i = 0; ok && i < name.len; i++) {
        char c = name.ptr[i];
        ok = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
             c == '.';
    }
    return ok ? TRIB_OK
              : trib_error_set(err, TRIB_BAD_REQUEST,
                               "a subscription's name has 1 to %d letters, digits, dashes, dots and underscores",
                               CONSUMERS_NAME_MAX_BYTES);
}

consumers_ask *consumers_ask_new(trib_http_request *http, bool writes, trib_error *err) {
    consumers_ask *ask = calloc(1, sizeof *ask);
    if (!ask) {
        trib_error_set(err, TRIB_NOMEM, NULL);
        trib_http_answer_error(http, err);
        return NULL;
    }
    ask->http = http;
    ask->module = http->module_state;
    ask->txn = (trib_stream_txn){.app = http->app, .arena = &ask->arena};
    ask->status = 200;
    trib_buf_init(&ask->out, CONSUMERS_ANSWER_MAX_BYTES);
    trib_arena_init(&ask->arena, TRIB_STREAM_ARENA_MAX_BYTES);
    trib_code code = trib_stream_txn_name_asker(&ask->txn, http, &ask->may_write, err);
    if (code == TRIB_OK && http->path_param_count > 0) {
        ask->name = http->path_params[0];
        code = check_name(ask->name, err);
    }
    if (code == TRIB_OK && writes && !ask->may_write)
        code = trib_error_set(err, TRIB_FORBIDDEN, "this token may only read; a consumer's needs access \"rw\"");
    if (code == TRIB_OK) return ask;
    consumers_ask_refuse(ask, err);
    return NULL;
}

void consumers_ask_submit(consumers_ask *ask) {
    trib_error err;
    memset(&ask->job, 0, sizeof ask->job);
    ask->txn.begun = false;
    ask->seen = atomic_load(&ask->module->head);
    ask->job.tenant = ask->module->tenant;
    ask->job.access = TRIB_ACCESS_SYSTEM;
    ask->job.work = work;
    ask->job.finished = finished;
    if (trib_db_job_submit_for(&ask->job, ask->http, &err) != TRIB_OK) consumers_ask_refuse(ask, &err);
}

/* ---- bodies ---- */

trib_code consumers_ask_json(const consumers_ask *ask, const char *const *known, const trib_json **ret,
                             trib_error *err) {
    *ret = NULL;
    if (ask->http->body.len == 0) return TRIB_OK;
    trib_code code = trib_json_parse(ask->http->arena, ask->http->body, ret, err);
    if (code != TRIB_OK) return code;
    if (!trib_json_is(*ret, TRIB_JSON_OBJECT))
        return trib_error_set(err, TRIB_BAD_REQUEST, "the body must be a JSON object");
    for (const trib_json *m = trib_json_first(*ret); m; m = trib_json_next(m)) {
        size_t i = 0;
        while (known[i] && !trib_str_eq_c(m->key, known[i])) i++;
        if (!known[i])
            return trib_error_set(err, TRIB_BAD_REQUEST,
                                  "there is no member \"%.*s\" here; the first of those there "
                                  "are is \"%s\"",
                                  TRIB_STR_ARG(trib_str_sub(m->key, 0, 64)), known[0]);
    }
    return TRIB_OK;
}

trib_code consumers_ask_number(const trib_json *object, const char *member, int64_t least, int64_t most, int64_t *ret,
                               trib_error *err) {
    const trib_json *value = trib_json_get(object, member);
    int64_t number;
    if (trib_json_absent(value)) return TRIB_OK;
    if (!trib_json_i64(value, &number) || number < least || number > most)
        return trib_error_set(err, TRIB_BAD_REQUEST, "\"%s\" must be a whole number from %lld to %lld", member,
                              (long long)least, (long long)most);
    *ret = number;
    return TRIB_OK;
}

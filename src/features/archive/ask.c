/* SPDX-License-Identifier: Apache-2.0 */
/* One request to the archive: who asks, then its work on a thread that may block, then one answer. */
#include <stdio.h>
#include <stdlib.h>

#include "features/archive/archive_int.h"

static void ask_free(archive_ask *ask) {
    trib_buf_deinit(&ask->out);
    trib_arena_deinit(&ask->arena);
    free(ask);
}

static void refuse(archive_ask *ask, const trib_error *why) {
    trib_http_request *http = ask->http;
    trib_error err = *why;
    ask_free(ask);
    trib_http_answer_error(http, &err);
}

static void run(trib_archive_task *task) {
    archive_ask *ask = (archive_ask *)(void *)task;
    trib_jw_init(&ask->w, &ask->out);
    task->code = ask->run(ask, &task->err);
    if (task->code == TRIB_OK && (ask->out.failed || ask->arena.failed))
        task->code = trib_error_set(&task->err, TRIB_NOMEM, NULL);
}

static void done(trib_job *job) {
    archive_ask *ask = (archive_ask *)(void *)job;
    if (ask->task.code != TRIB_OK) {
        refuse(ask, &ask->task.err);
        return;
    }
    trib_http_answer answer = {.status = ask->status, .content_type = "application/json", .body = &ask->out};
    trib_http_answer_send(ask->http, &answer);
    ask_free(ask);
}

static trib_code read_query(archive_ask *ask, trib_error *err) {
    trib_query query;
    trib_code code = trib_query_parse(ask->http->arena, ask->http->query, &query, err);
    if (code != TRIB_OK) return code;
    const trib_str *after = trib_query_get(&query, "after"), *limit = trib_query_get(&query, "limit");
    if (after) ask->after = *after;
    if (limit && (!trib_str_u64(*limit, &ask->limit) || ask->limit == 0 || ask->limit > ARCHIVE_ASK_MAX))
        return trib_error_set(err, TRIB_BAD_REQUEST, "\"limit\" must be a number from 1 to %d", ARCHIVE_ASK_MAX);
    return TRIB_OK;
}

static trib_code prepare(archive_ask *ask, bool writes, trib_error *err) {
    trib_http_request *http = ask->http;
    trib_code code = TRIB_OK;
    ask->may_write = true;
    if (!ask->module->archive)
        return trib_error_set(err, TRIB_BAD_REQUEST,
                              "this server has no archive; the setting archive says where it is");
    if (http->tenant) code = trib_stream_txn_name_asker(&ask->who, http, &ask->may_write, err);
    if (code == TRIB_OK && writes && !ask->may_write)
        code = trib_error_set(err, TRIB_FORBIDDEN, "the token may read only; the archive needs one of access rw");
    if (code == TRIB_OK && http->path_param_count > 0) {
        ask->stream_id = http->path_params[0];
        code = trib_stream_check_id(ask->stream_id, err);
    }
    return code == TRIB_OK ? read_query(ask, err) : code;
}

void archive_start(trib_http_request *http, bool writes, trib_code (*body)(archive_ask *ask, trib_error *err)) {
    trib_error err;
    archive_ask *ask = calloc(1, sizeof *ask);
    if (!ask) {
        trib_error_set(&err, TRIB_NOMEM, NULL);
        trib_http_answer_error(http, &err);
        return;
    }
    ask->http = http;
    ask->module = http->module_state;
    ask->status = 200;
    ask->run = body;
    trib_arena_init(&ask->arena, TRIB_ARCHIVE_ARENA_MAX_BYTES);
    trib_buf_init(&ask->out, ARCHIVE_ANSWER_MAX_BYTES);
    ask->who = (trib_stream_txn){.app = http->app, .arena = &ask->arena};
    ask->task.job.home = http->home;
    ask->task.job.done = done;
    ask->task.run = run;
    trib_code code = prepare(ask, writes, &err);
    if (code == TRIB_OK) code = trib_archive_submit(ask->module->archive, &ask->task, &err);
    if (code != TRIB_OK) refuse(ask, &err);
}

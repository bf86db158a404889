/* SPDX-License-Identifier: Apache-2.0 */
/* One request about streams: who asks, a job with one transaction on the database `streams`, one answer. The answer
 * leaves when the commit, or what was read, is durable (core/db_job.h). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/tenant.h"
#include "features/streams/streams_int.h"

/* Two ids, each byte of them as %XX, and what fits into headers. */
enum { LINKS_MAX_BYTES = 2 * 3 * TRIB_STREAM_ID_MAX_BYTES + 1024 };

static streams_ask *of_job(trib_db_job *job) {
    return (streams_ask *)(void *)job;
}

static void ask_free(streams_ask *ask) {
    trib_buf_deinit(&ask->out);
    trib_buf_deinit(&ask->links);
    trib_arena_deinit(&ask->arena);
    free(ask);
}

/* ---- on a worker ---- */

static trib_code body(void *ctx, trib_error *err) {
    streams_ask *ask = ctx;
    trib_buf_clear(&ask->out);
    trib_buf_clear(&ask->links);
    ask->is_archived = false;
    trib_code code = ask->body(ask, err);
    return code == TRIB_OK && ask->out.failed ? trib_error_set(err, TRIB_RESPONSE_TOO_LARGE, NULL) : code;
}

static trib_code work(trib_db_job *job, trib_handle *handle, trib_error *err) {
    streams_ask *ask = of_job(job);
    return trib_stream_txn_run(&ask->txn, job, handle, body, ask, err);
}

/* ---- on the loop ---- */

void streams_ask_refuse(streams_ask *ask, const trib_error *err) {
    trib_http_request *http = ask->http;
    http->on_cancel = NULL;
    ask_free(ask);
    trib_http_answer_error(http, err);
}

static void finished(trib_db_job *job) {
    streams_ask *ask = of_job(job);
    trib_http_request *http = ask->http;
    if (job->code != TRIB_OK) {
        trib_error err = job->err;
        streams_ask_refuse(ask, &err);
        return;
    }
    http->on_cancel = NULL;
    if (ask->is_archived) streams_ask_fetch(ask);
    else streams_ask_answer(ask);
}

void streams_ask_answer(streams_ask *ask) {
    trib_http_request *http = ask->http;
    trib_buf_add_c(&ask->links, ask->headers);
    trib_http_answer answer = {.status = ask->status,
                               .content_type = ask->out.len ? "application/json" : NULL,
                               .body = &ask->out,
                               .extra_headers = trib_buf_str(&ask->links)};
    trib_http_answer_send(http, &answer);
    ask_free(ask);
}

streams_ask *streams_ask_new(trib_http_request *http, trib_error *err) {
    streams_ask *ask = calloc(1, sizeof *ask);
    if (!ask) {
        trib_error_set(err, TRIB_NOMEM, NULL);
        trib_http_answer_error(http, err);
        return NULL;
    }
    ask->http = http;
    ask->module = http->module_state;
    ask->txn = (trib_stream_txn){.app = http->app, .arena = &ask->arena};
    ask->status = 200;
    trib_buf_init(&ask->out, STREAMS_ANSWER_MAX_BYTES);
    trib_buf_init(&ask->links, LINKS_MAX_BYTES);
    trib_arena_init(&ask->arena, TRIB_STREAM_ARENA_MAX_BYTES);
    trib_code code = trib_stream_txn_name_asker(&ask->txn, http, &ask->may_write, err);
    if (code == TRIB_OK && http->path_param_count > 0) {
        ask->stream_id = http->path_params[0];
        code = trib_stream_check_id(ask->stream_id, err);
    }
    if (code == TRIB_OK) return ask;
    streams_ask_refuse(ask, err);
    return NULL;
}

void streams_ask_submit(streams_ask *ask) {
    trib_error err;
    ask->job.tenant = ask->module->tenant;
    ask->job.access = TRIB_ACCESS_SYSTEM;
    ask->job.work = work;
    ask->job.finished = finished;
    if (trib_db_job_submit_for(&ask->job, ask->http, &err) != TRIB_OK) streams_ask_refuse(ask, &err);
}

void streams_ask_describe(streams_ask *ask, const trib_stream *s, uint64_t next) {
    char head[2 * TRIB_SHA256_BYTES + 1];
    for (size_t i = 0; i < TRIB_SHA256_BYTES; i++) snprintf(head + 2 * i, 3, "%02x", s->head[i]);
    trib_str status = s->type ? trib_deal_status_name(s->type, s->state.status) : (trib_str){0};
    snprintf(ask->headers, sizeof ask->headers,
             "ETag: \"%s\"\r\nX-Stream-Version: %llu\r\nStream-Next-Offset: %llu\r\n%s%s%.*s%s%s", head,
             (unsigned long long)s->version, (unsigned long long)next,
             next >= s->version ? "Stream-Up-To-Date: true\r\n" : "", status.len ? "X-Stream-Status: " : "",
             TRIB_STR_ARG(status), status.len ? "\r\n" : "", s->is_closed ? "Stream-Closed: true\r\n" : "");
}

void streams_add_link(trib_buf *headers, const char *name, trib_str id) {
    if (!id.len) return;
    trib_buf_add_c(headers, name);
    trib_percent_encode(id, headers); /* an id may have any byte */
    trib_buf_add_c(headers, "\r\n");
}

void streams_ask_link(streams_ask *ask, const trib_stream_links *links) {
    ask->neighbours = *links;
    trib_buf_clear(&ask->links);
    streams_add_link(&ask->links, "Stream-Continues: ", links->origin.stream_id);
    streams_add_link(&ask->links, "Stream-Continued-By: ", links->continued_by);
}

trib_code streams_ask_find_links(streams_ask *ask, trib_str id, trib_error *err) {
    trib_stream_links links;
    trib_code code = trib_stream_find_links(&ask->txn, id, &links, err);
    if (code == TRIB_OK) streams_ask_link(ask, &links);
    return code;
}

trib_code streams_ask_limit(streams_ask *ask, const trib_query *query, trib_error *err) {
    const trib_str *limit = trib_query_get(query, "limit");
    if (limit && (!trib_str_u64(*limit, &ask->limit) || ask->limit == 0 || ask->limit > STREAMS_PAGE_MAX))
        return trib_error_set(err, TRIB_BAD_REQUEST, "\"limit\" must be a number from 1 to %d", STREAMS_PAGE_MAX);
    return TRIB_OK;
}

trib_code streams_ask_page(streams_ask *ask, trib_error *err) {
    trib_query query;
    trib_code code = trib_query_parse(ask->http->arena, ask->http->query, &query, err);
    if (code != TRIB_OK) return code;
    const trib_str *after = trib_query_get(&query, "after");
    if (after && (!trib_str_u64(*after, &ask->after) || ask->after > INT64_MAX))
        return trib_error_set(err, TRIB_BAD_REQUEST, "\"after\" must be the seq of an event, a number from 0");
    return streams_ask_limit(ask, &query, err);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* GET and HEAD of deals/ID: the shared log of a deal, for its members, as a JSON stream that is written elsewhere. A
 * position is the number of an event; what a read answers is what GET /api/streams/ID answers. Of an archived deal the
 * events are read from its object, behind the transaction, on a thread of the archive. */
#include "features/durable/durable_int.h"
#include "wire/json.h"

static void show(durable_ask *ask, const trib_stream *deal) {
    ask->position = ask->deal_from;
    for (size_t i = 0; i < deal->count && ask->out.len < DURABLE_READ_BYTES; i++) {
        trib_json_writer w;
        if (deal->events[i].seq <= ask->deal_from) continue;
        if (ask->out.len > 0) trib_buf_add_char(&ask->out, ',');
        trib_jw_init(&w, &ask->out);
        trib_stream_write_event(&w, deal->events[i].values);
        ask->position = deal->events[i].seq;
    }
    /* removed events leave numbers without anything */
    if (ask->out.len < DURABLE_READ_BYTES) ask->position = ask->deal.tail;
    durable_answer_describe(ask, &ask->deal, ask->deal_from);
}

static void fetch(trib_archive_task *task) {
    durable_ask *ask = TRIB_LIST_ITEM(task, durable_ask, fetch);
    trib_stream deal;
    trib_buf text;
    trib_buf_init(&text, TRIB_ARCHIVE_BODY_MAX_BYTES);
    task->code = trib_archive_load(&ask->deals, &ask->row, &text, &deal, &task->err);
    if (task->code == TRIB_OK) show(ask, &deal);
    if (task->code == TRIB_OK && (ask->out.failed || ask->headers.failed))
        task->code = trib_error_set(&task->err, ask->out.failed ? TRIB_RESPONSE_TOO_LARGE : TRIB_NOMEM, NULL);
    trib_buf_deinit(&text);
}

trib_code durable_fetch_deal(durable_ask *ask, void (*done)(trib_job *job), trib_error *err) {
    ask->is_elsewhere = false;
    ask->fetch = (trib_archive_task){.job = {.home = ask->http->home, .done = done}, .run = fetch};
    return trib_archive_submit_for(ask->http->app, &ask->fetch, err);
}

trib_code durable_read_deal(durable_ask *ask, trib_error *err) {
    trib_stream deal;
    trib_str id = trib_str_sub(ask->head.path, sizeof DURABLE_DEALS - 1, ask->head.path.len);
    ask->deals.handle = ask->handle;
    trib_code code = trib_stream_open(&ask->deals, id, &deal, err);
    if (code == TRIB_OK && !deal.exists) code = trib_stream_not_found(id, err);
    if (code != TRIB_OK) return code;
    /* numbers are never used twice: the path and two of them say all that a tag of a cache must */
    ask->is_elsewhere = false;
    ask->deal = (durable_stream){.exists = true,
                                 .type = TRIB_STR("application/json"),
                                 .tail = deal.version,
                                 .json = true,
                                 .closed = deal.is_closed,
                                 .ttl_s = -1,
                                 .expires_ms = -1};
    code = durable_read_begin(ask, &ask->deal, &ask->deal_from, err);
    if (code != TRIB_OK || ask->head.is_head) return code;
    if (deal.is_archived && ask->deal_from < deal.version) {
        ask->is_elsewhere = true;
        return trib_archive_find_object(&ask->deals, id, &ask->row, err);
    }
    show(ask, &deal);
    return code;
}

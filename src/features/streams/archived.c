/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a stream whose events are in an object: the transaction has said who may read it and what it was; a thread of
 * the archive fetches the object, checks its hash, and the same functions show it. */
#include "features/streams/streams_int.h"

trib_code streams_find_object(trib_stream_txn *txn, trib_str id, trib_archive_row *ret, trib_error *err) {
    bool found = false;
    trib_code code = trib_archive_find(txn, id, ret, &found, err);
    if (code == TRIB_OK && (!found || ret->state != TRIB_ARCHIVE_ARCHIVED))
        code = trib_error_set(err, TRIB_INTERNAL, "a stream is archived, and the archive does not know it");
    return code;
}

trib_code streams_ask_archived(streams_ask *ask, trib_stream *s, streams_show *show, trib_error *err) {
    trib_code code = streams_find_object(&ask->txn, s->id, &ask->row, err);
    if (code != TRIB_OK) return code;
    trib_archive_describe(ask->http->app, &ask->row, s);
    streams_ask_describe(ask, s, s->version);
    ask->show = show;
    ask->is_archived = true;
    return TRIB_OK;
}

trib_code streams_load_archived(trib_stream_txn *txn, const trib_archive_row *row, trib_buf *text, trib_stream *ret,
                                trib_error *err) {
    trib_code code = trib_archive_read(txn->app->archive, row, text, err);
    return code == TRIB_OK ? trib_archive_read_stream(txn, row, trib_buf_str(text), ret, err) : code;
}

trib_code streams_submit_fetch(trib_app *app, trib_archive_task *task, trib_error *err) {
    if (app->archive) return trib_archive_submit(app->archive, task, err);
    return trib_error_set(err, TRIB_INTERNAL,
                          "the stream is archived, and this server has no archive; set archive to where it is");
}

static streams_ask *of_task(trib_archive_task *task) {
    return TRIB_LIST_ITEM(task, streams_ask, fetch);
}

static void fetch(trib_archive_task *task) {
    streams_ask *ask = of_task(task);
    trib_stream s;
    trib_buf text;
    if (!ask->show) {
        task->code = trib_archive_read(ask->http->app->archive, &ask->row, &ask->out, &task->err);
        return;
    }
    trib_buf_init(&text, TRIB_ARCHIVE_BODY_MAX_BYTES);
    trib_code code = streams_load_archived(&ask->txn, &ask->row, &text, &s, &task->err);
    if (code == TRIB_OK) code = ask->show(ask, &s, &task->err);
    if (code == TRIB_OK && ask->out.failed) code = trib_error_set(&task->err, TRIB_RESPONSE_TOO_LARGE, NULL);
    trib_buf_deinit(&text);
    task->code = code;
}

static void fetched(trib_job *job) {
    streams_ask *ask = of_task((trib_archive_task *)(void *)job);
    if (ask->fetch.code == TRIB_OK) {
        streams_ask_answer(ask);
        return;
    }
    trib_error err = ask->fetch.err;
    streams_ask_refuse(ask, &err);
}

void streams_ask_fetch(streams_ask *ask) {
    trib_error err;
    ask->fetch.job.home = ask->http->home;
    ask->fetch.job.done = fetched;
    ask->fetch.run = fetch;
    if (streams_submit_fetch(ask->http->app, &ask->fetch, &err) != TRIB_OK) streams_ask_refuse(ask, &err);
}

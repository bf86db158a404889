/* SPDX-License-Identifier: Apache-2.0 */
/* A worker's side: which offers there are, and what he says to one.
 *
 *   accept: one command - the row has this worker and this generation -> his point offered -> at work, the event; the
 *   row
 *           goes                                                      └ no: NOT_AVAILABLE, nothing happens
 *   decline: one command - his point is idle again, the row waits for somebody else */
#include "features/dispatch/ask_int.h"

/* "12-3": the row's number, the offer's generation. */
static bool read_id(trib_str text, int64_t *ret_no, int64_t *ret_generation) {
    size_t dash = trib_str_find(text, '-');
    return dash != SIZE_MAX && text.len <= 40 && trib_str_i64(trib_str_sub(text, 0, dash), ret_no) &&
           trib_str_i64(trib_str_sub(text, dash + 1, text.len), ret_generation) && *ret_no > 0;
}

static trib_code not_open(trib_error *err) {
    return trib_error_set(err, TRIB_NOT_AVAILABLE,
                          "there is no such offer for this tenant now: it was answered, or its time is over");
}

static trib_code load_row(const dispatch_ask *ask, trib_stream_txn *txn, dispatch_row *row, trib_error *err) {
    trib_code code = dispatch_row_load(txn, ask->no, row, err);
    if (code != TRIB_OK) return code;
    bool mine = row->found && row->generation == ask->generation && row->tenant_id.len &&
                trib_str_eq(row->tenant_id, ask->command.tenant_id);
    return mine ? TRIB_OK : not_open(err);
}

static trib_code respond(dispatch_ask *ask, trib_stream_txn *txn, const dispatch_row *row, const char *status,
                         uint64_t version, trib_error *err) {
    for (int duplicate = 0; duplicate < 2; duplicate++) {
        trib_json_writer w;
        trib_buf buf;
        if (duplicate && !ask->key.len) break;
        trib_buf_init(&buf, DISPATCH_ANSWER_MAX_BYTES);
        trib_jw_init(&w, &buf);
        trib_jw_object_begin(&w);
        trib_jw_member_str(&w, "id", ask->http->path_params[0]);
        trib_jw_member_str(&w, "streamId", row->deal_id);
        trib_jw_member_str(&w, "role", row->role);
        trib_jw_member_str(&w, "status", trib_str_c(status));
        if (version) trib_jw_member_i64(&w, "version", (int64_t)version);
        trib_jw_member_bool(&w, "duplicate", duplicate);
        trib_jw_object_end(&w);
        trib_str first = ask->response;
        trib_code code = dispatch_ask_respond(ask, txn->arena, &buf, err);
        if (code == TRIB_OK && duplicate) {
            code = trib_stream_remember(txn, row->deal_id, ask->key, ask->request, ask->response, err);
            ask->response = first;
        }
        if (code != TRIB_OK) return code;
    }
    return TRIB_OK;
}

/* The deal needs nobody any more: he is idle again, and hears so. */
static trib_code withdraw(dispatch_ask *ask, trib_stream_txn *txn, trib_handle *const *handles, const dispatch_row *row,
                          trib_error *err) {
    dispatch_set_idle(handles[0], row->point);
    trib_error_set(&ask->late, TRIB_NOT_AVAILABLE, "the deal needs nobody any more; the offer is taken back");
    return dispatch_row_delete(txn, row->no, err);
}

static trib_code accept(dispatch_ask *ask, trib_stream_txn *txn, trib_handle *const *handles, const dispatch_row *row,
                        trib_error *err) {
    const trib_deal_jobs *jobs = &txn->app->deal_jobs;
    trib_deal_job job;
    trib_stream s;
    uint64_t version = 0;
    trib_code code = trib_stream_load(txn, row->deal_id, &s, err);
    if (code != TRIB_OK) return code;
    code = jobs->find(jobs->deals, txn, &s, row->role, &job, err);
    if (code == TRIB_BAD_TRANSITION || code == TRIB_BAD_REQUEST || (code == TRIB_OK && s.is_closed))
        return withdraw(ask, txn, handles, row, err);
    trib_deal_claim claim = {.command = &ask->command,
                             .txn = txn,
                             .handles = handles,
                             .deal_id = row->deal_id,
                             .role = row->role,
                             .worker = ask->command.tenant_name,
                             .point = row->point,
                             .availability = "offered"};
    if (code == TRIB_OK) code = trib_json_parse(txn->arena, row->body, &claim.body, err);
    /* before the deal changes, so that nobody need look at it for this row */
    if (code == TRIB_OK) code = dispatch_row_give(txn, row, job.may_come_back, err);
    if (code == TRIB_OK) code = jobs->claim(jobs->deals, &claim, &version, err);
    ask->waited_ms = trib_env_wall_ms(txn->app->env) - row->since_ms;
    return code == TRIB_OK ? respond(ask, txn, row, "accepted", version, err) : code;
}

static trib_code work(trib_command *command, trib_stream_txn *txn, trib_handle *const *handles, trib_error *err) {
    dispatch_ask *ask = (dispatch_ask *)(void *)command;
    dispatch_row row;
    bool found = false;
    trib_code code = TRIB_OK;
    ask->late = (trib_error){.code = TRIB_OK};
    if (ask->key.len) code = trib_stream_recall(txn, ask->key, ask->request, &ask->response, &found, err);
    if (code != TRIB_OK || found) return code;
    code = load_row(ask, txn, &row, err);
    if (code != TRIB_OK) return code;
    if (ask->accepts) return accept(ask, txn, handles, &row, err);
    dispatch_set_idle(handles[0], row.point);
    code = dispatch_row_take_back(txn, &row, INT64_MAX, false, err);
    return code == TRIB_OK ? respond(ask, txn, &row, "declined", 0, err) : code;
}

static void after(dispatch_ask *ask) {
    dispatch_module *m = ask->module;
    if (ask->command.code != TRIB_OK) return;
    (void)dispatch_holds_end(m->holds, ask->command.tenant_id);
    atomic_store(&m->news, true);
    if (ask->late.code != TRIB_OK) {
        dispatch_count(m->withdrawn, 1);
    } else if (ask->accepts) {
        dispatch_count(m->accepted, 1);
        dispatch_count(m->assigned, 1);
        dispatch_count(m->waited_ms, ask->waited_ms > 0 ? (uint64_t)ask->waited_ms : 0);
    } else {
        dispatch_count(m->declined, 1);
    }
}

static trib_code read_key(dispatch_ask *ask, trib_error *err) {
    trib_http_request *http = ask->http;
    trib_str whole = trib_arena_printf(http->arena, "offers/%s/%.*s", ask->accepts ? "accept" : "decline",
                                       TRIB_STR_ARG(http->path_params[0]));
    return trib_stream_take_key(http, whole, &ask->key, ask->request, err);
}

static void answer_offer(trib_http_request *http, bool accepts) {
    trib_error err;
    size_t at;
    dispatch_ask *ask = dispatch_ask_new(http, &err);
    if (!ask) return;
    ask->accepts = accepts;
    ask->command.work = work;
    ask->after = after;
    trib_code code = TRIB_OK;
    if (!ask->command.tenant_id.len)
        code =
            trib_error_set(&err, TRIB_BAD_REQUEST, "an offer is answered by the tenant that it was made to; name it");
    else if (trib_json_first(ask->body)) code = trib_error_set(&err, TRIB_BAD_REQUEST, "the body must be empty");
    else if (!read_id(http->path_params[0], &ask->no, &ask->generation)) code = not_open(&err);
    if (code == TRIB_OK) code = read_key(ask, &err);
    if (code == TRIB_OK) code = trib_command_add(&ask->command, ask->command.tenant_name, &at, &err);
    if (code == TRIB_OK) dispatch_ask_submit(ask);
    else dispatch_ask_refuse(ask, &err);
}

void dispatch_handle_accept(trib_http_request *http) {
    answer_offer(http, true);
}

void dispatch_handle_decline(trib_http_request *http) {
    answer_offer(http, false);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Somebody is looked for: POST /api/dispatch, DELETE /api/dispatch/:id, the action of timers, and what is given back.
 * The row that says so is written where the deal's stream is; rounds find it there. */
#include "base/geo.h"
#include "features/dispatch/ask_int.h"

/* ---- POST /api/dispatch ---- */

static trib_code read_numbers(dispatch_ask *ask, trib_error *err) {
    const trib_json *body = ask->body;
    const trib_json *lat = trib_json_get(body, "lat"), *lng = trib_json_get(body, "lng");
    const trib_json *far = trib_json_get(body, "maxDistance"), *secs = trib_json_get(body, "offerSeconds");
    const trib_json *automatic = trib_json_get(body, "auto");
    int64_t seconds = DISPATCH_OFFER_MS / 1000;
    dispatch_row *row = &ask->row;
    row->max_m = DISPATCH_NEAR_M;
    row->has_place = row->is_placed = !trib_json_absent(lat) || !trib_json_absent(lng);
    if (row->has_place &&
        (!trib_json_f64(lat, &row->lat) || !trib_json_f64(lng, &row->lng) || !trib_geo_is_place(row->lat, row->lng)))
        return trib_error_set(err, TRIB_BAD_REQUEST, "\"lat\" and \"lng\" must be a place: 25.2650 and 55.3320");
    if (!trib_json_absent(far) &&
        (!trib_json_f64(far, &row->max_m) || !(row->max_m > 0) || row->max_m > DISPATCH_NEAR_MAX_M))
        return trib_error_set(err, TRIB_BAD_REQUEST, "\"maxDistance\" must be metres, above 0 and at most %d",
                              DISPATCH_NEAR_MAX_M);
    if (!trib_json_absent(secs) &&
        (!trib_json_i64(secs, &seconds) || seconds < 1 || seconds > DISPATCH_OFFER_MAX_MS / 1000))
        return trib_error_set(err, TRIB_BAD_REQUEST, "\"offerSeconds\" must be a number from 1 to %d",
                              DISPATCH_OFFER_MAX_MS / 1000);
    if (!trib_json_absent(automatic) && !trib_json_bool(automatic, &row->automatic))
        return trib_error_set(err, TRIB_BAD_REQUEST, "\"auto\" must be true or false");
    row->offer_ms = seconds * 1000;
    return TRIB_OK;
}

static trib_code read_body(dispatch_ask *ask, trib_error *err) {
    static const char *const known[] = {"streamId",    "role",         "lat",  "lng",
                                        "maxDistance", "offerSeconds", "auto", "details"};
    const trib_json *role = trib_json_get(ask->body, "role");
    for (const trib_json *m = trib_json_first(ask->body); m; m = trib_json_next(m)) {
        bool found = false;
        for (size_t i = 0; i < sizeof known / sizeof *known; i++) found = found || trib_str_eq_c(m->key, known[i]);
        if (!found)
            return trib_error_set(err, TRIB_BAD_REQUEST,
                                  "the body has a member \"%.*s\", which this route does not know",
                                  TRIB_STR_ARG(trib_str_sub(m->key, 0, 64)));
    }
    if (!trib_json_str(trib_json_get(ask->body, "streamId"), &ask->deal_id) || ask->deal_id.len == 0 ||
        ask->deal_id.len > TRIB_STREAM_ID_MAX_BYTES)
        return trib_error_set(err, TRIB_BAD_REQUEST, "\"streamId\" must name the deal");
    if (!trib_json_absent(role) && (!trib_json_str(role, &ask->role) || ask->role.len > DISPATCH_ROLE_MAX_BYTES))
        return trib_error_set(err, TRIB_BAD_REQUEST, "\"role\" must be a role of the deal's type");
    ask->details = trib_json_get(ask->body, "details");
    if (trib_json_absent(ask->details)) ask->details = NULL;
    if (ask->details && !trib_json_is(ask->details, TRIB_JSON_OBJECT))
        return trib_error_set(err, TRIB_BAD_REQUEST, "\"details\" must be an object");
    return read_numbers(ask, err);
}

static trib_code find_job(const dispatch_ask *ask, trib_stream_txn *txn, const trib_stream *s, trib_deal_job *job,
                          trib_error *err) {
    const trib_deal_jobs *jobs = &txn->app->deal_jobs;
    return jobs->find(jobs->deals, txn, s, ask->role, job, err);
}

/* Where nobody says the place, the seller's point may: his database takes part. */
static trib_code plan(trib_command *command, trib_stream_txn *txn, trib_error *err) {
    dispatch_ask *ask = (dispatch_ask *)(void *)command;
    trib_deal_job job;
    trib_stream s;
    trib_error ignored;
    size_t at;
    trib_code code = trib_stream_open(txn, ask->deal_id, &s, err);
    ask->has_seller = false;
    if (code != TRIB_OK || ask->row.has_place) return code;
    if (find_job(ask, txn, &s, &job, &ignored) != TRIB_OK || !job.seller.len) return TRIB_OK;
    ask->has_seller = trib_command_add(command, job.seller, &at, &ignored) == TRIB_OK;
    return TRIB_OK;
}

static trib_code details_text(const dispatch_ask *ask, trib_arena *arena, trib_str *ret, trib_error *err) {
    trib_json_writer w;
    trib_buf buf;
    *ret = TRIB_STR("{}");
    if (!ask->details) return TRIB_OK;
    trib_buf_init(&buf, DISPATCH_BODY_MAX_BYTES);
    trib_jw_init(&w, &buf);
    trib_jw_value(&w, ask->details);
    bool failed = buf.failed;
    *ret = trib_arena_dup(arena, trib_buf_str(&buf));
    trib_buf_deinit(&buf);
    return failed || !ret->ptr ? trib_error_set(err, TRIB_NOMEM, NULL) : TRIB_OK;
}

static trib_code respond(dispatch_ask *ask, trib_arena *arena, const dispatch_row *row, bool duplicate,
                         trib_error *err) {
    trib_json_writer w;
    trib_buf buf;
    trib_buf_init(&buf, DISPATCH_ANSWER_MAX_BYTES);
    trib_jw_init(&w, &buf);
    trib_jw_object_begin(&w);
    trib_jw_member_str(&w, "streamId", row->deal_id);
    trib_jw_member_str(&w, "role", row->role);
    trib_jw_key_c(&w, "lat");
    if (row->has_place) trib_jw_f64_js(&w, row->lat);
    else trib_jw_null(&w);
    trib_jw_key_c(&w, "lng");
    if (row->has_place) trib_jw_f64_js(&w, row->lng);
    else trib_jw_null(&w);
    trib_jw_key_c(&w, "maxDistance");
    trib_jw_f64_js(&w, row->max_m);
    trib_jw_member_i64(&w, "offerSeconds", row->offer_ms / 1000);
    trib_jw_member_bool(&w, "auto", row->automatic);
    trib_jw_member_bool(&w, "duplicate", duplicate);
    trib_jw_object_end(&w);
    ask->status = duplicate ? 200 : 201;
    return dispatch_ask_respond(ask, arena, &buf, err);
}

static trib_code work(trib_command *command, trib_stream_txn *txn, trib_handle *const *handles, trib_error *err) {
    dispatch_ask *ask = (dispatch_ask *)(void *)command;
    const trib_deal_jobs *jobs = &txn->app->deal_jobs;
    dispatch_row row = ask->row;
    trib_deal_job job;
    trib_stream s;
    bool duplicate = false;
    trib_code code = trib_stream_open(txn, ask->deal_id, &s, err);
    if (code == TRIB_OK) code = find_job(ask, txn, &s, &job, err);
    if (code == TRIB_OK) code = jobs->check(jobs->deals, txn, &s, trib_str_c(job.role), ask->details, err);
    if (code == TRIB_OK && !row.has_place)
        code = dispatch_find_place(&s, &job, txn->arena, ask->has_seller ? handles[0] : NULL, &row, err);
    if (code == TRIB_OK && !row.has_place)
        return trib_error_set(
            err, TRIB_BAD_REQUEST,
            "nobody knows where the job begins: say \"lat\" and \"lng\", or give the seller's own node "
            "a point that has them");
    if (code == TRIB_OK) code = details_text(ask, txn->arena, &row.body, err);
    if (code != TRIB_OK) return code;
    row.deal_id = s.id;
    row.role = trib_str_c(job.role);
    row.worker = trib_str_c(job.worker);
    row.asker = txn->tenant_id;
    row.since_ms = trib_env_wall_ms(txn->app->env);
    code = dispatch_row_add(txn, &row, &duplicate, err);
    return code == TRIB_OK ? respond(ask, txn->arena, &row, duplicate, err) : code;
}

static void tell(dispatch_ask *ask) {
    if (ask->command.code == TRIB_OK) atomic_store(&ask->module->news, true);
}

void dispatch_handle_search(trib_http_request *http) {
    trib_error err;
    dispatch_ask *ask = dispatch_ask_new(http, &err);
    if (!ask) return;
    trib_code code = read_body(ask, &err);
    ask->command.plan = plan;
    ask->command.work = work;
    ask->after = tell;
    if (code == TRIB_OK) dispatch_ask_submit(ask);
    else dispatch_ask_refuse(ask, &err);
}

/* ---- DELETE /api/dispatch/:id ---- */

static trib_code work_stop(trib_command *command, trib_stream_txn *txn, trib_handle *const *handles, trib_error *err) {
    dispatch_ask *ask = (dispatch_ask *)(void *)command;
    const trib_deal_jobs *jobs = &txn->app->deal_jobs;
    dispatch_row rows[DISPATCH_JOBS_MAX];
    trib_stream s;
    trib_buf buf;
    size_t count = 0, stopped = 0;
    (void)handles;
    ask->taken_back_count = 0;
    trib_code code = trib_stream_open(txn, ask->deal_id, &s, err);
    trib_arg id = trib_stream_text(ask->deal_id);
    if (code == TRIB_OK) code = dispatch_rows_load(txn, "streamId = ?1", &id, 1, DISPATCH_JOBS_MAX, rows, &count, err);
    for (size_t i = 0; code == TRIB_OK && i < count; i++) {
        code = jobs->check(jobs->deals, txn, &s, rows[i].role, NULL, err);
        if (code == TRIB_BAD_TRANSITION) code = TRIB_OK; /* somebody has the job; the row is of no use to anybody */
        if (code == TRIB_OK) code = dispatch_row_withdraw(txn, &rows[i], err);
        if (rows[i].tenant_id.len) ask->taken_back[ask->taken_back_count++] = rows[i].tenant_id;
        stopped++;
    }
    if (code != TRIB_OK) return code;
    trib_buf_init(&buf, 256);
    trib_buf_printf(&buf, "{\"stopped\":%zu}", stopped);
    return dispatch_ask_respond(ask, txn->arena, &buf, err);
}

/* Those who were offered it are idle as soon as the next round has told them so. */
static void tell_stopped(dispatch_ask *ask) {
    if (ask->command.code != TRIB_OK) return;
    for (size_t i = 0; i < ask->taken_back_count; i++) (void)dispatch_holds_end(ask->module->holds, ask->taken_back[i]);
    tell(ask);
}

void dispatch_handle_stop(trib_http_request *http) {
    trib_error err;
    dispatch_ask *ask = dispatch_ask_new(http, &err);
    if (!ask) return;
    ask->deal_id = http->path_params[0];
    ask->command.work = work_stop;
    ask->after = tell_stopped;
    if (ask->deal_id.len > 0 && ask->deal_id.len <= TRIB_STREAM_ID_MAX_BYTES) {
        dispatch_ask_submit(ask);
        return;
    }
    trib_stream_not_found(ask->deal_id, &err);
    dispatch_ask_refuse(ask, &err);
}

/* ---- a timer ---- */

/* Inside the timer's transaction, which has no way into the seller's database: the place is found out later. */
trib_code dispatch_action(void *module, trib_stream_txn *txn, trib_stream *s, trib_str timer, trib_error *err) {
    dispatch_module *m = module;
    const trib_deal_jobs *jobs = &txn->app->deal_jobs;
    trib_deal_job job;
    bool duplicate;
    (void)timer;
    trib_code code = jobs->find(jobs->deals, txn, s, TRIB_STR(""), &job, err);
    if (code == TRIB_BAD_TRANSITION || code == TRIB_BAD_REQUEST) return TRIB_OK; /* somebody has it, or need not */
    if (code != TRIB_OK) return code;
    const dispatch_row row = {.deal_id = s->id,
                              .role = trib_str_c(job.role),
                              .worker = trib_str_c(job.worker),
                              .body = TRIB_STR("{}"),
                              .since_ms = trib_env_wall_ms(txn->app->env),
                              .max_m = DISPATCH_NEAR_M,
                              .offer_ms = DISPATCH_OFFER_MS};
    atomic_store(&m->asked_ns, trib_env_mono_ns(txn->app->env));
    return dispatch_row_add(txn, &row, &duplicate, err);
}

/* ---- given back ---- */

trib_code dispatch_come_back(void *module, trib_stream_txn *txn, trib_str deal_id, trib_str role,
                             const trib_tenant *worker, trib_error *err) {
    dispatch_module *m = module;
    atomic_store(&m->asked_ns, trib_env_mono_ns(txn->app->env));
    return dispatch_row_come_back(txn, deal_id, role, worker ? trib_str_c(worker->id) : (trib_str){0}, err);
}

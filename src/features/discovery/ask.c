/* SPDX-License-Identifier: Apache-2.0 */
/* One question to discovery: a job with one read transaction, one answer. Everybody who has a token for some tenant may
 * ask; all that is there is public. */
#include <stdlib.h>

#include "base/geo.h"
#include "core/auth.h"
#include "core/tenant.h"
#include "features/discovery/discovery_int.h"

static discovery_ask *of_job(trib_db_job *job) {
    return (discovery_ask *)(void *)job;
}

static void ask_free(discovery_ask *ask) {
    trib_buf_deinit(&ask->out);
    free(ask);
}

static trib_code run(trib_handle *handle, const char *sql, trib_error *err) {
    return trib_stmt_run(handle, sql, NULL, 0, NULL, NULL, err);
}

static trib_code work(trib_db_job *job, trib_handle *handle, trib_error *err) {
    discovery_ask *ask = of_job(job);
    trib_error ignored;
    trib_code code = trib_db_job_take_pending(job, err);
    if (code == TRIB_OK) code = run(handle, "BEGIN", err);
    if (code != TRIB_OK) return code;
    code = ask->body(ask, handle, err);
    if (code == TRIB_OK && ask->out.failed) code = trib_error_set(err, TRIB_RESPONSE_TOO_LARGE, NULL);
    (void)run(handle, "ROLLBACK", &ignored);
    return code;
}

static void refuse(discovery_ask *ask, const trib_error *err) {
    trib_http_request *http = ask->http;
    http->on_cancel = NULL;
    ask_free(ask);
    trib_http_answer_error(http, err);
}

static void finished(trib_db_job *job) {
    discovery_ask *ask = of_job(job);
    trib_http_request *http = ask->http;
    if (job->code != TRIB_OK) {
        trib_error err = job->err;
        refuse(ask, &err);
        return;
    }
    http->on_cancel = NULL;
    trib_http_answer answer = {.status = 200, .content_type = "application/json", .body = &ask->out};
    trib_http_answer_send(http, &answer);
    ask_free(ask);
}

void discovery_ask_run(trib_http_request *http, trib_code (*read)(discovery_ask *, trib_error *),
                       trib_code (*body)(discovery_ask *, trib_handle *, trib_error *)) {
    trib_error err;
    discovery_ask *ask = calloc(1, sizeof *ask);
    if (!ask) {
        trib_error_set(&err, TRIB_NOMEM, NULL);
        trib_http_answer_error(http, &err);
        return;
    }
    ask->http = http;
    ask->module = http->module_state;
    ask->body = body;
    trib_buf_init(&ask->out, DISCOVERY_ANSWER_MAX_BYTES);
    ask->job.tenant = ask->module->tenant;
    ask->job.access = TRIB_ACCESS_SYSTEM;
    ask->job.work = work;
    ask->job.finished = finished;
    trib_code code = trib_query_parse(http->arena, http->query, &ask->query, &err);
    if (code == TRIB_OK) code = read(ask, &err);
    if (code == TRIB_OK) code = trib_db_job_submit_for(&ask->job, http, &err);
    if (code != TRIB_OK) refuse(ask, &err);
}

/* ---- parameters ---- */

/* A number as JSON writes it. */
static bool take_number(trib_str text, double *ret) {
    char space[40], *end;
    if (text.len == 0 || text.len >= sizeof space) return false;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (!((c >= '0' && c <= '9') || c == '.' || c == '-' || c == '+' || c == 'e' || c == 'E')) return false;
        space[i] = c;
    }
    space[text.len] = '\0';
    *ret = strtod(space, &end);
    return *end == '\0';
}

static bool take_place(trib_str text, discovery_ask *ask) {
    size_t comma = trib_str_find(text, ',');
    return comma != SIZE_MAX && take_number(trib_str_trim(trib_str_sub(text, 0, comma)), &ask->lat) &&
           take_number(trib_str_trim(trib_str_sub(text, comma + 1, text.len)), &ask->lng) &&
           trib_geo_is_place(ask->lat, ask->lng);
}

trib_code discovery_ask_read(discovery_ask *ask, int64_t limit_max, trib_error *err) {
    const trib_str *near = trib_query_get(&ask->query, "near"), *max_m = trib_query_get(&ask->query, "max_m");
    const trib_str *limit = trib_query_get(&ask->query, "limit"), *type = trib_query_get(&ask->query, "type");
    ask->max_m = -1;
    ask->limit = DISCOVERY_LIMIT_DEFAULT;
    ask->has_near = near != NULL;
    if (type && type->len) ask->type = *type;
    if (near && !take_place(*near, ask))
        return trib_error_set(err, TRIB_BAD_REQUEST,
                              "\"near\" must be a latitude and a longitude in degrees, like near=25.2650,55.3320");
    if (max_m && (!take_number(*max_m, &ask->max_m) || !(ask->max_m >= 0)))
        return trib_error_set(err, TRIB_BAD_REQUEST, "\"max_m\" must be a distance in metres, a number from 0");
    if (max_m && !near) return trib_error_set(err, TRIB_BAD_REQUEST, "\"max_m\" is a distance from \"near\": add it");
    if (limit && (!trib_str_i64(*limit, &ask->limit) || ask->limit < 1 || ask->limit > limit_max))
        return trib_error_set(err, TRIB_BAD_REQUEST, "\"limit\" must be a number from 1 to %lld", (long long)limit_max);
    return TRIB_OK;
}

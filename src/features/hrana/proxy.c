/* SPDX-License-Identifier: Apache-2.0 */
/* proxy.Proxy: the statements of embedded replicas that speak V1 (gRPC-web). A program of theirs is what Hrana calls a
 * batch, so it is run as one; features/replica serves what they read.
 *
 *   Execute     a batch in the session that the client names; where it stands then, and the newest frame
 *   Describe    as in Hrana
 *   Disconnect  the session ends
 *
 * A client may send two statements at once; the second waits until the session is free (core/session.h). Between two
 * calls a session is kept only for an open transaction or a changed setting. */
#include "core/grpc.h"
#include "features/hrana/codec.h"
#include "wire/grpcweb.h"
#include "wire/pb_replica.h"

static hrana_exec *of_job(trib_db_job *job) {
    return (hrana_exec *)(void *)job;
}

/* ---- the session ---- */

static void on_again(trib_session_waiter *waiter) {
    hrana_exec *x = (hrana_exec *)(void *)((char *)waiter - offsetof(hrana_exec, wait));
    x->http->on_cancel = NULL;
    hrana_exec_go_on(x);
}

static void on_cancel(trib_http_request *http) {
    hrana_exec *x = http->feature;
    trib_error err;
    if (!trib_session_stop_waiting(http->app->sessions, &x->wait)) return; /* it is on its way home */
    trib_error_set(&err, TRIB_CANCELLED, NULL);
    hrana_exec_fail(x, &err);
}

static trib_code begin(hrana_exec *x, trib_error *err) {
    trib_http_request *http = x->http;
    x->wait.home = http->home;
    x->wait.again = on_again;
    trib_code code = trib_session_acquire_named(http->app->sessions, x->proxy.client_id, http->tenant, http->principal,
                                                &x->wait, &x->job.session, err);
    if (code == TRIB_AGAIN) {
        http->feature = x;
        http->on_cancel = on_cancel;
    }
    if (code != TRIB_OK) return code;
    x->by_baton = true; /* who lost the connection comes back by the name */
    x->envelope = x->codec->http;
    trib_pw_init(&x->pw, &x->out);
    x->frame_place = trib_grpcweb_begin(&x->out);
    return TRIB_OK;
}

/* ---- on the worker ---- */

static trib_code end(hrana_exec *x, const trib_handle *handle) {
    x->job.session->in_transaction = !trib_handle_autocommit(handle);
    trib_grpcweb_end(&x->out, x->frame_place);
    trib_grpcweb_trailer(&x->out, 0, (trib_str){0});
    return TRIB_OK;
}

static trib_code work_execute(trib_db_job *job, trib_handle *handle, trib_error *err) {
    hrana_exec *x = of_job(job);
    trib_db_point point;
    trib_code code = hrana_run_batch(x, handle, &x->proxy.program, err);
    if (code != TRIB_OK) return code;
    trib_handle_get_point(handle, &point);
    uint64_t frame_no = point.page_count ? trib_replica_newest_frame(point.frame_no, point.page_count) : 0;
    trib_proxy_end(&x->pw, trib_handle_autocommit(handle) ? TRIB_PROXY_AUTOCOMMIT : TRIB_PROXY_IN_TRANSACTION,
                   point.page_count ? &frame_no : NULL);
    return end(x, handle);
}

static trib_code work_describe(trib_db_job *job, trib_handle *handle, trib_error *err) {
    hrana_exec *x = of_job(job);
    hrana_request request = {.type = HRANA_DESCRIBE, .stmt = {.has_sql = true, .sql = x->proxy.stmt}};
    trib_code code = hrana_run_request(x, handle, &request, err);
    return code == TRIB_OK ? end(x, handle) : code;
}

static trib_code work_disconnect(trib_db_job *job, trib_handle *handle, trib_error *err) {
    (void)err;
    job->close_session = true;
    return end(of_job(job), handle); /* Ack is an empty message */
}

/* ---- the calls ---- */

static void finished(trib_db_job *job) {
    hrana_exec *x = of_job(job);
    char baton[TRIB_BATON_BYTES];
    if (hrana_exec_settle(x, !job->close_session, baton)) hrana_exec_answer(x, TRIB_GRPC_CONTENT_TYPE);
}

static trib_code decode_with(hrana_exec *x, trib_code (*decode)(trib_arena *, trib_str, trib_proxy_req *, trib_error *),
                             trib_error *err) {
    trib_str message;
    trib_code code = trib_grpc_message(x->http, &message, err);
    if (code == TRIB_OK) code = decode(x->arena, message, &x->proxy, err);
    return code == TRIB_OK ? hrana_batch_check(x, &x->proxy.program, err) : code;
}

static trib_code decode_execute(hrana_exec *x, trib_error *err) {
    return decode_with(x, trib_proxy_decode_execute, err);
}

static trib_code decode_describe(hrana_exec *x, trib_error *err) {
    return decode_with(x, trib_proxy_decode_describe, err);
}

static trib_code decode_disconnect(hrana_exec *x, trib_error *err) {
    return decode_with(x, trib_proxy_decode_disconnect, err);
}

void hrana_handle_proxy_execute(trib_http_request *http) {
    static const hrana_way way = {&hrana_codec_proxy, decode_execute, begin, work_execute, finished, NULL};
    hrana_exec_serve(http, &way);
}

void hrana_handle_proxy_describe(trib_http_request *http) {
    static const hrana_way way = {&hrana_codec_proxy, decode_describe, begin, work_describe, finished, NULL};
    hrana_exec_serve(http, &way);
}

void hrana_handle_proxy_disconnect(trib_http_request *http) {
    static const hrana_way way = {&hrana_codec_proxy, decode_disconnect, begin, work_disconnect, finished, NULL};
    hrana_exec_serve(http, &way);
}

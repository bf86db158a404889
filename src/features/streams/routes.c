/* SPDX-License-Identifier: Apache-2.0 */
/* The routes of the shared streams, and the module's start. */
#include <stdlib.h>

#include "core/control.h"
#include "features/streams/tails_int.h"

static const trib_route routes[] = {
    {"GET", "/api/streams", TRIB_LISTENER_USER, TRIB_AUTH_TENANT, 0, streams_handle_list,
     "the streams that the tenant is a member of"},
    {"GET", "/api/streams/live", TRIB_LISTENER_USER, TRIB_AUTH_TENANT, 0, streams_handle_socket,
     "a WebSocket that follows many streams"},
    {"GET", "/api/streams/:id", TRIB_LISTENER_USER, TRIB_AUTH_TENANT, 0, streams_handle_events,
     "the events of a stream, in order; live=sse and live=long-poll follow it"},
    {"GET", "/api/streams/:id/state", TRIB_LISTENER_USER, TRIB_AUTH_TENANT, 0, streams_handle_state,
     "what they amount to: status, money, tasks, stock"},
    {"GET", "/api/streams/:id/verify", TRIB_LISTENER_USER, TRIB_AUTH_TENANT, 0, streams_handle_verify,
     "whether every event is as it came, in its place"},
    {"POST", "/api/streams/:id/events", TRIB_LISTENER_USER, TRIB_AUTH_TENANT, STREAMS_BODY_MAX_BYTES,
     streams_handle_append, "append events, all or nothing"},
    {"POST", "/api/streams/:id/close", TRIB_LISTENER_USER, TRIB_AUTH_TENANT, STREAMS_BODY_MAX_BYTES,
     streams_handle_close, "no event comes any more"},
    {"POST", "/api/streams/:id/continue", TRIB_LISTENER_USER, TRIB_AUTH_TENANT, STREAMS_BODY_MAX_BYTES,
     streams_handle_continue, "the stream that takes what comes after the end, opened where there is none"},
};

static void stop(void *state) {
    streams_module *module = state;
    if (!module) return;
    streams_hub_free(module->hub);
    free(module->counts);
    free(module);
}

static trib_code start(trib_app *app, void **ret_state, trib_error *err) {
    streams_module *module = calloc(1, sizeof *module);
    if (!module) return trib_error_set(err, TRIB_NOMEM, NULL);
    module->app = app;
    trib_code code = trib_control_find_system(app->control, "streams", &module->tenant, err);
    if (code == TRIB_OK) code = streams_prepare(app, module->tenant, err);
    if (code == TRIB_OK) code = trib_stream_continue_prepare(app, module->tenant, err);
    if (code == TRIB_OK) code = streams_counts_new(app, &module->counts, err);
    if (code == TRIB_OK) code = streams_hub_new(module, &module->hub, err);
    if (code != TRIB_OK) {
        stop(module);
        return code;
    }
    *ret_state = module;
    return TRIB_OK;
}

const trib_module trib_streams_module = {
    .name = "streams", .routes = routes, .route_count = sizeof routes / sizeof routes[0], .start = start, .stop = stop};

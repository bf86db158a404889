/* SPDX-License-Identifier: Apache-2.0 */
/* The routes of the archive, and the module's start. */
#include <stdlib.h>

#include "core/control.h"
#include "features/archive/archive_int.h"

static const trib_route routes[] = {
    {"POST", "/api/streams/:id/archive", TRIB_LISTENER_USER, TRIB_AUTH_TENANT, ARCHIVE_BODY_MAX_BYTES,
     archive_handle_ask, "close a stream that has ended and move it into the archive"},
    {"GET", "/api/streams/:id/archive", TRIB_LISTENER_USER, TRIB_AUTH_TENANT, 0, archive_handle_show,
     "how far that is, and the object's key and hash"},
    {"POST", "/api/streams/archive", TRIB_LISTENER_USER, TRIB_AUTH_TENANT, ARCHIVE_BODY_MAX_BYTES,
     archive_handle_ask_all, "archive all streams that are closed or have ended"},
    {"POST", "/api/streams/:id/restore", TRIB_LISTENER_USER, TRIB_AUTH_TENANT, ARCHIVE_BODY_MAX_BYTES,
     archive_handle_restore, "put the events of an archived stream back into the database"},
    {"GET", "/v1/archive", TRIB_LISTENER_ADMIN, TRIB_AUTH_ADMIN, 0, archive_handle_status,
     "where the archive is, its backlog, and what has stopped"},
    {"GET", "/v1/archive/verify", TRIB_LISTENER_ADMIN, TRIB_AUTH_ADMIN, 0, archive_handle_verify,
     "read a page of objects and compare them with their streams"},
    {"GET", "/v1/archive/unknown", TRIB_LISTENER_ADMIN, TRIB_AUTH_ADMIN, 0, archive_handle_unknown,
     "a page of objects, and those that belong to no stream"},
    {"POST", "/v1/archive/streams/:id", TRIB_LISTENER_ADMIN, TRIB_AUTH_ADMIN, ARCHIVE_BODY_MAX_BYTES,
     archive_handle_ask, "close a stream and move it into the archive"},
    {"GET", "/v1/archive/streams/:id", TRIB_LISTENER_ADMIN, TRIB_AUTH_ADMIN, 0, archive_handle_show,
     "how far that is, and the object's key and hash"},
    {"POST", "/v1/archive/streams/:id/restore", TRIB_LISTENER_ADMIN, TRIB_AUTH_ADMIN, ARCHIVE_BODY_MAX_BYTES,
     archive_handle_restore, "put the events of an archived stream back into the database"},
};

static void stop(void *state) {
    archive_module *module = state;
    if (!module) return;
    module->app->archive = NULL;
    trib_archive_free(module->archive);
    free(module);
}

static trib_code start(trib_app *app, void **ret_state, trib_error *err) {
    archive_module *module = calloc(1, sizeof *module);
    if (!module) return trib_error_set(err, TRIB_NOMEM, NULL);
    module->app = app;
    trib_code code = trib_control_find_system(app->control, "streams", &module->streams, err);
    if (code == TRIB_OK && app->objects.put) code = trib_archive_new(app, &module->archive, err);
    if (code != TRIB_OK) {
        stop(module);
        return code;
    }
    app->archive = module->archive;
    *ret_state = module;
    return TRIB_OK;
}

const trib_module trib_archive_module = {
    .name = "archive", .routes = routes, .route_count = sizeof routes / sizeof routes[0], .start = start, .stop = stop};

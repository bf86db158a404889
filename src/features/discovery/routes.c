/* SPDX-License-Identifier: Apache-2.0 */
/* The routes of discovery, and the module's start. */
#include <stdlib.h>

#include "core/control.h"
#include "features/discovery/outbox_int.h"

static const trib_route routes[] = {
    {"GET", "/api/search", TRIB_LISTENER_USER, TRIB_AUTH_TENANT, 0, discovery_handle_search,
     "what is public, by words, type and distance"},
    {"GET", "/api/nearest", TRIB_LISTENER_USER, TRIB_AUTH_TENANT, 0, discovery_handle_nearest,
     "the nearest open places"},
    {"POST", "/v1/discovery/rebuild", TRIB_LISTENER_ADMIN, TRIB_AUTH_ADMIN, 4096, discovery_handle_rebuild,
     "everything published is read from the tenants anew"},
};

static void stop(void *state) {
    discovery_module *module = state;
    if (!module) return;
    discovery_carrier_free(module->carrier);
    free(module);
}

static trib_code start(trib_app *app, void **ret_state, trib_error *err) {
    discovery_module *module = calloc(1, sizeof *module);
    if (!module) return trib_error_set(err, TRIB_NOMEM, NULL);
    module->app = app;
    trib_code code = trib_control_find_system(app->control, "discovery", &module->tenant, err);
    if (code == TRIB_OK) code = discovery_prepare(app, module->tenant, err);
    if (code == TRIB_OK) code = discovery_carrier_new(module, &module->carrier, err);
    if (code != TRIB_OK) {
        stop(module);
        return code;
    }
    *ret_state = module;
    return TRIB_OK;
}

const trib_module trib_discovery_module = {.name = "discovery",
                                           .routes = routes,
                                           .route_count = sizeof routes / sizeof routes[0],
                                           .start = start,
                                           .stop = stop};

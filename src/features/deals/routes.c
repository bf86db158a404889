/* SPDX-License-Identifier: Apache-2.0 */
/* The routes of the deals, and the module's start. What an :action is, table.c says. */
#include <stdlib.h>

#include "core/control.h"
#include "features/deals/deals_int.h"

#define BEGIN(summary) TRIB_LISTENER_USER, TRIB_AUTH_TENANT, DEALS_BODY_MAX_BYTES, deals_handle_open, summary
#define ACT(summary)   TRIB_LISTENER_USER, TRIB_AUTH_TENANT, DEALS_BODY_MAX_BYTES, deals_handle_action, summary

static const trib_route routes[] = {
    {"POST", "/api/orders", BEGIN("a customer orders food")},
    {"POST", "/api/orders/:id/:action", ACT("what happens to the order next")},
    {"POST", "/api/rides", BEGIN("a passenger asks for a ride")},
    {"POST", "/api/rides/:id/:action", ACT("what happens to the ride next")},
    {"POST", "/api/groceries", BEGIN("a customer orders from a store")},
    {"POST", "/api/groceries/:id/:action", ACT("what happens to the groceries next")},
    {"POST", "/api/parcels", BEGIN("a buyer orders from a seller")},
    {"POST", "/api/parcels/:id/:action", ACT("what happens to the parcel next")},
    {"POST", "/api/bookings", BEGIN("a customer books a slot of a provider")},
    {"POST", "/api/bookings/:id/:action", ACT("what happens to the booking next")},
    {"POST", "/api/rentals", BEGIN("a guest rents a thing for some days")},
    {"POST", "/api/rentals/:id/:action", ACT("what happens to the rental next")},
};

static void stop(void *state) {
    free(state);
}

static trib_code start(trib_app *app, void **ret_state, trib_error *err) {
    deals_module *module = calloc(1, sizeof *module);
    if (!module) return trib_error_set(err, TRIB_NOMEM, NULL);
    module->app = app;
    trib_code code = trib_control_find_system(app->control, "streams", &module->tenant, err);
    if (code == TRIB_OK) code = deals_facts_prepare(app, module->tenant, err);
    if (code == TRIB_OK && !deals_timers_join(module))
        code = trib_error_set(err, TRIB_INTERNAL, "there are more modules that do timers than there is room for");
    if (code != TRIB_OK) {
        stop(module);
        return code;
    }
    deals_jobs_offer(module);
    *ret_state = module;
    return TRIB_OK;
}

const trib_module trib_deals_module = {
    .name = "deals", .routes = routes, .route_count = sizeof routes / sizeof routes[0], .start = start, .stop = stop};

/* SPDX-License-Identifier: Apache-2.0 */
/* POST /api/motion {"lat","lng"[,"pointId"]}: a position, kept in memory (core/motion.h) and answered on the loop: no
 * job, no database. */
#include "core/auth.h"
#include "core/motion.h"
#include "core/tenant.h"
#include "features/motion/motion.h"
#include "wire/json.h"

enum { MOTION_BODY_MAX_BYTES = 4096 }; /* there are thousands a second: no room for more than a position */

static trib_code ping(trib_http_request *http, trib_error *err) {
    const trib_json *body = NULL;
    trib_str point = {0};
    double lat, lng;
    const trib_app *app = http->app;
    trib_code code = trib_may(http->principal, http->tenant, TRIB_ACTION_WRITE, trib_env_wall_ms(app->env), err);
    if (code == TRIB_OK && http->tenant->system)
        code = trib_error_set(err, TRIB_BAD_REQUEST, "\"%s\" does not move; name a tenant", http->tenant->name);
    if (code == TRIB_OK) code = trib_json_parse(http->arena, http->body, &body, err);
    if (code != TRIB_OK) return code;
    const trib_json *id = trib_json_get(body, "pointId");
    if (!trib_json_f64(trib_json_get(body, "lat"), &lat) || !trib_json_f64(trib_json_get(body, "lng"), &lng) ||
        (!trib_json_absent(id) && !trib_json_str(id, &point)))
        return trib_error_set(
            err, TRIB_BAD_REQUEST,
            "the body must be {\"lat\": 25.2650, \"lng\": 55.3320}, with a \"pointId\" where the tenant "
            "has several that move");
    return trib_motion_ping(app->motion, http->tenant, point, lat, lng, err);
}

static void handle_motion(trib_http_request *http) {
    trib_error err;
    if (ping(http, &err) != TRIB_OK) trib_http_answer_error(http, &err);
    else trib_http_answer_text(http, 200, "application/json", TRIB_STR("{\"ok\":true}"));
}

static const trib_route routes[] = {
    {"POST", "/api/motion", TRIB_LISTENER_USER, TRIB_AUTH_TENANT, MOTION_BODY_MAX_BYTES, handle_motion,
     "where the tenant's driver is"},
};

const trib_module trib_motion_module = {
    .name = "motion", .routes = routes, .route_count = sizeof routes / sizeof routes[0]};

/* SPDX-License-Identifier: Apache-2.0 */
/* GET /api/nearest?near=lat,lng&type=&max_m=&limit=: open places, the nearest first (store/nearest.h). */
#include "core/stream.h"
#include "features/discovery/discovery_int.h"
#include "store/nearest.h"

static trib_code take_row(void *ctx, const trib_stmt *stmt, trib_error *err) {
    static const char *const members[] = {"workspaceId",  "id",  "nodeId", "nodeType",  "title",
                                          "availability", "lat", "lng",    "distance_m"};
    trib_json_writer *w = ctx;
    (void)err;
    trib_jw_object_begin(w);
    for (int i = 0; i < (int)(sizeof members / sizeof *members); i++)
        discovery_write_value(w, members[i], trib_stmt_col_value(stmt, i));
    trib_jw_object_end(w);
    return TRIB_OK;
}

static trib_code nearest(discovery_ask *ask, trib_handle *handle, trib_error *err) {
    trib_json_writer w;
    trib_arg args[] = {discovery_number(true, ask->lat), discovery_number(true, ask->lng),
                       trib_stream_integer(ask->limit), discovery_number(ask->max_m >= 0, ask->max_m),
                       trib_stream_text(ask->type)};
    trib_jw_init(&w, &ask->out);
    trib_jw_object_begin(&w);
    trib_jw_key_c(&w, "items");
    trib_jw_array_begin(&w);
    trib_code code = trib_stmt_run(handle, "SELECT * FROM nearest(?1, ?2, ?3, ?4, ?5)", args, 5, take_row, &w, err);
    trib_jw_array_end(&w);
    trib_jw_object_end(&w);
    return code;
}

static trib_code read_nearest(discovery_ask *ask, trib_error *err) {
    trib_code code = discovery_ask_read(ask, TRIB_NEAREST_MAX, err);
    if (code != TRIB_OK || ask->has_near) return code;
    return trib_error_set(err, TRIB_BAD_REQUEST,
                          "\"near\" must be there, a latitude and a longitude: near=25.2650,55.3320");
}

void discovery_handle_nearest(trib_http_request *http) {
    discovery_ask_run(http, read_nearest, nearest);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* trib_distance_m(lat1, lng1, lat2, lng2): the great-circle distance in metres, for any database; NULL where something
 * is no place. _trib_near(lat, lng, max_m, kind) orders an R*Tree of (lat, lng, kind) by it: see nearest.c. */
#include "base/geo.h"
#include "store/functions.h"
#include "store/sqlite_seam.h"

static bool take_number(sqlite3_value *value, double *ret) {
    int type = sqlite3_value_numeric_type(value);
    if (type != SQLITE_INTEGER && type != SQLITE_FLOAT) return false;
    *ret = sqlite3_value_double(value);
    return true;
}

static void fn_distance(sqlite3_context *ctx, int count, sqlite3_value **values) {
    double n[4];
    for (int i = 0; i < count; i++)
        if (!take_number(values[i], &n[i])) return;
    if (!trib_geo_is_place(n[0], n[1]) || !trib_geo_is_place(n[2], n[3])) return;
    sqlite3_result_double(ctx, trib_geo_distance_m(n[0], n[1], n[2], n[3]));
}

/* SQLite goes on with the lowest score first. */
static int near_score(sqlite3_rtree_query_info *info) {
    enum { LAT, LNG, MAX_M, KIND, PARAMS, COORDS = 6 };
    if (info->nParam != PARAMS || info->nCoord != COORDS) return SQLITE_ERROR;
    const sqlite3_rtree_dbl *p = info->aParam, *c = info->aCoord;
    info->eWithin = NOT_WITHIN;
    if (p[KIND] >= 0 && (p[KIND] < c[4] || p[KIND] > c[5])) return SQLITE_OK;
    trib_geo_from from = trib_geo_from_make(p[LAT], p[LNG]);
    info->rScore = trib_geo_box_distance_m(&from, c[0], c[1], c[2], c[3]);
    if (info->rScore <= p[MAX_M]) info->eWithin = PARTLY_WITHIN;
    return SQLITE_OK;
}

int trib_functions_register_geo(trib_handle *handle) {
    enum { FLAGS = SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS };
    int rc =
        sqlite3_create_function_v2(handle->sqlite, "trib_distance_m", 4, FLAGS, NULL, fn_distance, NULL, NULL, NULL);
    if (rc == SQLITE_OK) rc = sqlite3_rtree_query_callback(handle->sqlite, "_trib_near", near_score, NULL, NULL);
    return rc;
}

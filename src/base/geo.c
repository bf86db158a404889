/* SPDX-License-Identifier: Apache-2.0 */
/* Distances; see geo.h. */
#include "base/geo.h"

#include <math.h>

#define RAD 0.017453292519943295 /* pi / 180 */

bool trib_geo_is_place(double lat, double lng) {
    return lat >= -90 && lat <= 90 && lng >= -180 && lng <= 180; /* false for what is no number */
}

trib_geo_from trib_geo_from_make(double lat, double lng) {
    return (trib_geo_from){lat, lng, sin(lat * RAD), cos(lat * RAD)};
}

/* The haversine: exact for near places, where the law of cosines loses its digits. */
double trib_geo_distance_m(double lat1, double lng1, double lat2, double lng2) {
    double a = sin((lat2 - lat1) * RAD / 2), b = sin((lng2 - lng1) * RAD / 2);
    double h = a * a + cos(lat1 * RAD) * cos(lat2 * RAD) * b * b;
    return 2 * TRIB_GEO_RADIUS_M * asin(h < 1 ? sqrt(h) : 1);
}

/* Degrees between two longitudes, the short way round. */
static double lng_apart(double a, double b) {
    double d = fabs(a - b);
    return d > 180 ? 360 - d : d;
}

/* Beside the box, the nearest place lies on the nearer one of its two meridians. On a meridian that is d away the
 * cosine of the distance at latitude x is
 *
 *   sin(lat) sin(x) + cos(lat) cos(d) cos(x)
 *
 * which has one top, at atan2 of the two factors; where the top is outside of the box, its nearer edge is the best. */
double trib_geo_box_distance_m(const trib_geo_from *from, double lat1, double lat2, double lng1, double lng2) {
    enum { SLACK_M = 1 }; /* what acos loses near 1 is less */
    if (from->lng >= lng1 && from->lng <= lng2) {
        double off = from->lat < lat1 ? lat1 - from->lat : from->lat > lat2 ? from->lat - lat2 : 0;
        return fmax(0, off * RAD * TRIB_GEO_RADIUS_M - SLACK_M);
    }
    double d = fmin(lng_apart(from->lng, lng1), lng_apart(from->lng, lng2)) * RAD;
    double a = from->sin_lat, b = from->cos_lat * cos(d), top = atan2(a, b) / RAD, best;
    if (top >= lat1 && top <= lat2) best = sqrt(a * a + b * b);
    else best = fmax(a * sin(lat1 * RAD) + b * cos(lat1 * RAD), a * sin(lat2 * RAD) + b * cos(lat2 * RAD));
    return fmax(0, acos(fmin(1, fmax(-1, best))) * TRIB_GEO_RADIUS_M - SLACK_M);
}

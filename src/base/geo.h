/* SPDX-License-Identifier: Apache-2.0 */
/* Places on the earth, taken as a sphere: great-circle distances, and how near a box of latitudes and longitudes can
 * be. Right at the poles and across the antimeridian. Units: degrees (latitude -90 to 90, longitude -180 to 180) and
 * metres. Pure. */
#ifndef TRIB_BASE_GEO_H
#define TRIB_BASE_GEO_H

#include <stdbool.h>

#define TRIB_GEO_RADIUS_M 6371008.8 /* the mean one: at most 0.6 % from the distance on the ellipsoid */

/* A place that many others are compared with. */
typedef struct trib_geo_from {
    double lat, lng;
    double sin_lat, cos_lat;
} trib_geo_from;

bool trib_geo_is_place(double lat, double lng);
trib_geo_from trib_geo_from_make(double lat, double lng);
double trib_geo_distance_m(double lat1, double lng1, double lat2, double lng2);
/* The least distance to any place with lat1 <= latitude <= lat2 and lng1 <= longitude <= lng2, or up to 1 m less. */
double trib_geo_box_distance_m(const trib_geo_from *from, double lat1, double lat2, double lng1, double lng2);

#endif

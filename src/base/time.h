/* SPDX-License-Identifier: Apache-2.0 */
/* Wall-clock milliseconds (since 1970-01-01T00:00:00Z) to text and back. Pure arithmetic on the Gregorian calendar: no
 * zone files, no locale, nothing of the OS. The clock itself is trib_env_wall_ms. */
#ifndef TRIB_BASE_TIME_H
#define TRIB_BASE_TIME_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

enum {
    TRIB_TIME_ISO_BYTES = 25,  /* "2026-11-21T14:28:00.123Z" and a NUL */
    TRIB_TIME_HTTP_BYTES = 30, /* "Sun, 06 Nov 1994 08:49:37 GMT" and a NUL */
};

/* The years that four digits can say; writing clamps to them. */
#define TRIB_TIME_MIN_MS INT64_C(-62167219200000) /* 0000-01-01T00:00:00.000Z */
#define TRIB_TIME_MAX_MS INT64_C(253402300799999) /* 9999-12-31T23:59:59.999Z */

/* ISO 8601 in UTC with milliseconds. */
void trib_time_to_iso(int64_t wall_ms, char ret_text[TRIB_TIME_ISO_BYTES]);
/* IMF-fixdate (RFC 9110 §5.6.7), for Date, Last-Modified, Expires. */
void trib_time_to_http(int64_t wall_ms, char ret_text[TRIB_TIME_HTTP_BYTES]);

/* RFC 3339: YYYY-MM-DD, then optionally T (or a space), hh:mm:ss, a fraction (cut to milliseconds), and Z or +hh:mm. A
 * date alone is its midnight in UTC. A time without a zone is refused, and so is a date that does not exist or second
 * 60. false leaves *ret alone. */
bool trib_time_from_iso(trib_str text, int64_t *ret_wall_ms);

/* Days since 1970-01-01 of a date, month 1-12, day 1-31; the date must exist (trib_time_date_exists). */
int64_t trib_time_days_from_date(int64_t year, unsigned month, unsigned day);
bool trib_time_date_exists(int64_t year, unsigned month, unsigned day);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Durations and sizes as people write them in settings and tokens: "30d", "2w1d30m", "500ms"; "256mb", "1GiB". */
#ifndef TRIB_BASE_UNITS_H
#define TRIB_BASE_UNITS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

/* Numbers with a unit, largest unit first, each at most once: w d h m s ms. "0" needs no unit, every other number does
 * (a bare "30" would be seconds to one reader and days to another). false on anything else or overflow, *ret untouched
 * then. */
bool trib_units_duration_ms(trib_str text, int64_t *ret_ms);

/* A whole number and a unit in any case, a space between them allowed: none or B = bytes; K KB, M MB, G GB, T TB =
 * powers of 1000; KiB MiB GiB TiB = powers of 1024. false on anything else or overflow; *ret untouched. */
bool trib_units_bytes(trib_str text, uint64_t *ret_bytes);

#endif

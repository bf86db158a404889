/* SPDX-License-Identifier: Apache-2.0 */
/* Sets of 32-bit numbers as RoaringBitmap writes them (portable serialisation,
 * github.com/RoaringBitmap/RoaringFormatSpec), read in place: clients name pages by them. Nothing is unpacked, so a
 * small body cannot ask for a large set.
 *
 *   cookie | (bits: which containers are runs) | key, count-1 of each container | (offsets) | containers
 *   container: sorted 16-bit values, or 8 KiB of bits, or runs (start, length-1) */
#ifndef TRIB_WIRE_ROARING_H
#define TRIB_WIRE_ROARING_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

enum { TRIB_ROARING_CONTAINERS_MAX = 65536 };

typedef struct trib_roaring {
    trib_str bytes;     /* borrowed; must outlive the set */
    uint32_t count;     /* containers */
    const uint8_t *run; /* NULL: none is one of runs */
    const uint8_t *keys;
} trib_roaring;

/* Checks all of it, so that trib_roaring_has reads nothing outside. False: malformed. Empty bytes: the empty set. */
bool trib_roaring_read(trib_str bytes, trib_roaring *ret);
bool trib_roaring_has(const trib_roaring *set, uint32_t value);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Exact decimals of deals: money and quantities as integers of their smallest unit, never as binary fractions.
 *
 *   "12.50" with 2 decimals  <->  1250          "0.333" with 6 decimals  <->  333000
 *
 * Outside a delta is a number of JSON or of a REAL column. A double carries 15 decimal digits exactly, so amounts have
 * at most 15: the shortest digits of the double (trib_f64_format) are then the decimal that was written. Pure. */
#ifndef TRIB_DEAL_AMOUNT_H
#define TRIB_DEAL_AMOUNT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

/* Largest amount in its smallest unit. Stops sums from overflowing, and amounts that a REAL column would round. */
#define TRIB_DEAL_AMOUNT_MAX INT64_C(999999999999999)

enum {
    TRIB_DEAL_DECIMALS_MAX = 6,    /* of any amount: more would leave too few digits before the point */
    TRIB_DEAL_QTY_DECIMALS = 6,    /* of quantities */
    TRIB_DEAL_AMOUNT_BYTES = 32,   /* of the text of an amount */
    TRIB_DEAL_TOKEN_MAX_BYTES = 64 /* of a number that is read: stops walks over a million zeros */
};

/* A number as JSON writes it ("46", "46.0", "-2", "4.6e1") in smallest units. False, *ret untouched: not a number, more
 * digits behind the point than `decimals` (trailing zeros do not count), or past TRIB_DEAL_AMOUNT_MAX. */
bool trib_deal_amount_parse(trib_str token, unsigned decimals, int64_t *ret);
/* The same of a double, by its shortest digits. */
bool trib_deal_amount_from_f64(double value, unsigned decimals, int64_t *ret);

/* As JavaScript prints the number: 4600 with 2 decimals is "46", 1250 is "12.5". Returns the length; no NUL. */
size_t trib_deal_amount_format(int64_t amount, unsigned decimals, char out[TRIB_DEAL_AMOUNT_BYTES]);
/* With all decimals, for people: "46.00". */
size_t trib_deal_amount_format_fixed(int64_t amount, unsigned decimals, char out[TRIB_DEAL_AMOUNT_BYTES]);

/* quantity (TRIB_DEAL_QTY_DECIMALS) x price, rounded half away from zero to the price's smallest unit. False: past
 * TRIB_DEAL_AMOUNT_MAX. */
bool trib_deal_amount_times(int64_t qty, int64_t price, int64_t *ret);
/* a + b; false past TRIB_DEAL_AMOUNT_MAX, *ret untouched. */
bool trib_deal_amount_add(int64_t a, int64_t b, int64_t *ret);

#endif

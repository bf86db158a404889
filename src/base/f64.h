/* SPDX-License-Identifier: Apache-2.0 */
/* Doubles as decimal text, as JSON and JavaScript write them, and back. Neither direction depends on the locale.
 * Pure. */
#ifndef TRIB_BASE_F64_H
#define TRIB_BASE_F64_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

/* The nearest double of a JSON number token; independent of the locale. False if it is past the range. The token's
 * syntax is the caller's business (the reader checked it). */
bool trib_f64_parse(trib_str token, double *ret);

/* Enough for the longest text of a double: sign, 17 digits, point, five zeros or an exponent. */
enum { TRIB_F64_BYTES = 32 };
/* The shortest digits that read back as `value`, laid out as JavaScript does: 46, 0.1, 1e+21, -0.0 as 0, Infinity, NaN.
 * Returns the length; no NUL. */
size_t trib_f64_format(double value, char out[TRIB_F64_BYTES]);

#endif

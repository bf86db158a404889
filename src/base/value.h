/* SPDX-License-Identifier: Apache-2.0 */
/* One SQL value, borrowed: what statements bind and rows give, whatever wire it came over. */
#ifndef TRIB_BASE_VALUE_H
#define TRIB_BASE_VALUE_H

#include <stdint.h>

#include "base/str.h"

typedef enum trib_value_type {
    TRIB_VALUE_NULL,
    TRIB_VALUE_INTEGER,
    TRIB_VALUE_REAL,
    TRIB_VALUE_TEXT,
    TRIB_VALUE_BLOB
} trib_value_type;

typedef struct trib_value {
    trib_value_type type;
    union {
        int64_t integer;
        double real;
        trib_str bytes; /* TEXT and BLOB; the owner of the bytes is said by whoever hands the value over */
    };
} trib_value;

/* A parameter of a statement. */
typedef struct trib_arg {
    trib_str name; /* len 0: positional. With or without its prefix : @ $ */
    trib_value value;
} trib_arg;

#endif

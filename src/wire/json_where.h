/* SPDX-License-Identifier: Apache-2.0 */
/* Where in its text a value of a parsed tree stands, for messages about files that people write: line and column.
 *
 *   {"a": [1, {"b": 2}]}      the text and the tree are walked side by side until the value is reached
 *             ^ place of the inner object
 *
 * The tree keeps no positions (they would cost every request memory), so a place costs a walk over the text: for the
 * few values that a message names, never for each value of a document. Pure. */
#ifndef TRIB_WIRE_JSON_WHERE_H
#define TRIB_WIRE_JSON_WHERE_H

#include "wire/json.h"

typedef struct trib_json_place {
    size_t offset;         /* byte in the text */
    uint32_t line, column; /* from 1; columns are characters */
} trib_json_place;

/* Line and column of a byte; past the end: of the end. */
trib_json_place trib_json_place_at(trib_str text, size_t offset);

/* The place where `value` begins. `text` is what `root` was parsed from, `value` is root or below it. False if it is
 * not in the tree; *ret is untouched then. */
bool trib_json_place_of(trib_str text, const trib_json *root, const trib_json *value, trib_json_place *ret);
/* The place of a member's name. The same as above for what is no member. */
bool trib_json_place_of_key(trib_str text, const trib_json *root, const trib_json *member, trib_json_place *ret);

#endif

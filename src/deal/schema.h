/* SPDX-License-Identifier: Apache-2.0 */
/* Payload schemas: a subset of JSON Schema, read once with the type and checked with every event.
 *
 *   type required properties additionalProperties (true, false) items enum minimum maximum minLength maxLength minItems
 *   maxItems; title and description for people
 *
 * Other keywords are errors on load, so that nobody believes in a rule that is not kept. `pattern` is not there: a
 * regular expression of a peer's choice is a cost of a peer's choice. Pure; a check allocates nothing. */
#ifndef TRIB_DEAL_SCHEMA_H
#define TRIB_DEAL_SCHEMA_H

#include "base/buf.h"
#include "deal/problems.h"

enum {
    TRIB_DEAL_SCHEMA_DEPTH_MAX = 16,      /* stops recursion from exhausting the stack */
    TRIB_DEAL_SCHEMA_PROPERTIES_MAX = 64, /* of an object; a bit each for what was seen */
    TRIB_DEAL_SCHEMA_ENUM_MAX = 64,
    TRIB_DEAL_PATH_BYTES = 160 /* of a JSON path in a refusal; longer ones are cut */
};

/* Bits of the keyword `type`. */
enum {
    TRIB_DEAL_IS_NULL = 1,
    TRIB_DEAL_IS_BOOL = 2,
    TRIB_DEAL_IS_INTEGER = 4,
    TRIB_DEAL_IS_NUMBER = 8, /* integers too */
    TRIB_DEAL_IS_STRING = 16,
    TRIB_DEAL_IS_ARRAY = 32,
    TRIB_DEAL_IS_OBJECT = 64
};

typedef struct trib_deal_schema {
    unsigned types; /* 0: any */
    bool closed;    /* additionalProperties: false */
    bool has_minimum, has_maximum;
    double minimum, maximum;
    int64_t min_length, max_length; /* characters; -1: none */
    int64_t min_items, max_items;   /* -1: none */
    trib_str description;
    struct trib_deal_property *properties;
    size_t property_count;
    const struct trib_deal_schema *items; /* NULL: any */
    const trib_json *enumeration;         /* array, NULL: any */
} trib_deal_schema;

typedef struct trib_deal_property {
    trib_str name;
    bool required;
    const trib_deal_schema *schema;
} trib_deal_property;

/* Reads the keyword object `value`. What is wrong goes into `problems`; *ret is set anyway, NULL only without memory.
 * Owns: *ret lives in `arena` and borrows from the tree and its text. */
void trib_deal_schema_read(trib_arena *arena, const trib_json *value, trib_deal_problems *problems,
                           const trib_deal_schema **ret);

/* Whether `value` (NULL, no payload: as {}) fits. If not: path of the place ("$.items[2].qty") and one sentence what is
 * wanted there, in *err with the code BAD_EVENT.
 * Thread: any. */
trib_code trib_deal_schema_check(const trib_deal_schema *schema, const trib_json *value,
                                 char ret_path[TRIB_DEAL_PATH_BYTES], trib_error *err);

/* The type in TypeScript: `{ items: { id: string; qty: number }[]; notes?: string }`. */
void trib_deal_schema_typescript(const trib_deal_schema *schema, trib_buf *out);

#endif

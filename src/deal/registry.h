/* SPDX-License-Identifier: Apache-2.0 */
/* All stream types that a program knows: those built in, and files that are added, by name.
 *
 *   built in:  food ride grocery parcel service rental        src/deal/types/NAME.json, embedded at build time
 *   added:     a file with a name of these replaces it, any other one comes behind them
 *
 * Pure: whoever has the files hands their bytes in. Filled once, then read by any number of threads. */
#ifndef TRIB_DEAL_REGISTRY_H
#define TRIB_DEAL_REGISTRY_H

#include "deal/type.h"

enum { TRIB_DEAL_TYPES_MAX = 256 }; /* of a registry: looked up by walking */

typedef struct trib_deal_builtin {
    const char *name, *text;
} trib_deal_builtin;
/* The table made from src/deal/types (cmake/StreamTypes.cmake). */
extern const trib_deal_builtin trib_deal_builtins[];
extern const size_t trib_deal_builtin_count;

typedef struct trib_deal_entry {
    const trib_deal_type *type;
    trib_str source; /* file it came from; empty: built in */
    trib_str text;   /* of the file, or of the built-in one */
    trib_arena arena;
} trib_deal_entry;

typedef struct trib_deal_registry {
    trib_deal_entry *entries[TRIB_DEAL_TYPES_MAX]; /* in order: built in ones first */
    size_t count;
} trib_deal_registry;

/* The built-in types. Errors: NOMEM. Owns: trib_deal_registry_deinit, also after an error. */
trib_code trib_deal_registry_init(trib_deal_registry *registry, trib_error *err);
void trib_deal_registry_deinit(trib_deal_registry *registry);

/* Reads a file's text (copied) and adds or replaces its type. `source` is for messages. A type that the file would
 * replace stays if the file is wrong.
 * Errors: STREAM_TYPE_INVALID, one line a problem in *ret_problems (may be NULL: only the first, in *err) as
 *         "SOURCE:LINE:COLUMN: TEXT"; also for one type too many and for a name that another file has; NOMEM. */
trib_code trib_deal_registry_add(trib_deal_registry *registry, trib_str source, trib_str text, trib_buf *ret_problems,
                                 trib_error *err);

/* NULL: there is none. */
const trib_deal_type *trib_deal_registry_get(const trib_deal_registry *registry, trib_str name);
/* The type of a stream whose first event is this one: what its payload's member "streamType" says, else the first type
 * that the opcode opens (food for 501). NULL: none; the stream has no rules but its version. */
const trib_deal_type *trib_deal_registry_opened_by(const trib_deal_registry *registry, int64_t opcode,
                                                   trib_str payload);

/* All types as one page of Markdown (docs/reference/stream-types.md is that of the built-in ones), and as one module of
 * TypeScript. (registry_write.c) */
void trib_deal_registry_markdown(const trib_deal_registry *registry, trib_buf *out);
void trib_deal_registry_typescript(const trib_deal_registry *registry, trib_buf *out);

#endif

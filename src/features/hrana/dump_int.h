/* SPDX-License-Identifier: Apache-2.0 */
/* The SQL text of a dump, piece by piece: what dump.c puts together. Everything appends to a buffer, whose failure is
 * checked by whoever owns it. Pure. */
#ifndef TRIB_FEATURES_HRANA_DUMP_INT_H
#define TRIB_FEATURES_HRANA_DUMP_INT_H

#include "base/buf.h"
#include "base/value.h"

/* The statement of an object as sqlite_schema has it, to be run again; a table's with IF NOT EXISTS. */
void hrana_dump_schema(trib_buf *out, trib_str sql);
/* What sqlite_schema says of a virtual table. Running it would make its shadow tables, which the dump has anyway. */
void hrana_dump_virtual(trib_buf *out, trib_str name, trib_str sql);

bool hrana_dump_is_virtual(trib_str sql);
/* The table has a row in sqlite_sequence. */
bool hrana_dump_is_autoincrement(trib_str sql);
/* SQLite's or the server's own: not dumped as they are. */
bool hrana_dump_is_internal(trib_str name);

#endif

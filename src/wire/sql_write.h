/* SPDX-License-Identifier: Apache-2.0 */
/* Names and values as SQL text, for dumps of the server and of the shell. Everything appends to a buffer, whose failure
 * is checked by whoever owns it. Pure. */
#ifndef TRIB_WIRE_SQL_WRITE_H
#define TRIB_WIRE_SQL_WRITE_H

#include "base/buf.h"
#include "base/value.h"

/* "na""me", as SQL takes any name. */
void trib_sql_write_name(trib_buf *out, trib_str name);
/* A literal, or an expression of built-ins, that gives exactly this value in every SQLite since 3.8. No line of it ends
 * inside a text, so that readers that go by lines can restore it. */
void trib_sql_write_value(trib_buf *out, trib_value value);

#endif

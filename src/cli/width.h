/* SPDX-License-Identifier: Apache-2.0 */
/* How many cells of a terminal a text takes: two for the scripts of East Asia and for pictures, none for marks that
 * stand on the character before. The same on every machine: no locale is asked. Pure. */
#ifndef TRIB_CLI_WIDTH_H
#define TRIB_CLI_WIDTH_H

#include "base/str.h"

/* The character at text[at]: its code point and bytes. A malformed byte counts as one character, U+FFFD. */
uint32_t trib_width_char(trib_str text, size_t at, size_t *ret_bytes);
/* Cells of a code point: 0, 1 or 2. */
unsigned trib_width_cells(uint32_t code_point);
/* Cells of a text. A picture made of several (joined by U+200D) counts as its parts do: terminals disagree there. */
size_t trib_width_text(trib_str text);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Private to `trib shell`: splitting what is typed into statements, and the commands with a dot. Pure. */
#ifndef TRIB_CLI_SHELL_H
#define TRIB_CLI_SHELL_H

#include <stdbool.h>

#include "base/str.h"

/* Length of the first whole statement of `text`, its semicolon included; 0 if it is not complete yet. Knows strings,
 * quoted names, comments, and the bodies of triggers, which hold semicolons. */
size_t trib_shell_statement_end(trib_str text);
/* True when there is nothing but blanks and comments. */
bool trib_shell_is_blank(trib_str text);

/* Takes the next word of a dot command's line: blanks apart, "..." or '...' holds blanks. Empty at the end. */
trib_str trib_shell_take_word(trib_str *line);

#endif

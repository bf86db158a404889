/* SPDX-License-Identifier: Apache-2.0 */
/* Private to `trib shell`: splitting what is typed into statements, and the commands with a dot. Pure. */
#ifndef TRIB_CLI_SHELL_H
#define TRIB_CLI_SHELL_H

#include <stdbool.h>

#include "base/str.h"

/* Takes the next word of a dot command's line: blanks apart, "..." or '...' holds blanks. Empty at the end. */
trib_str trib_shell_take_word(trib_str *line);

#endif

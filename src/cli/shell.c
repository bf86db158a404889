/* SPDX-License-Identifier: Apache-2.0 */
/* What is typed, cut into words; see shell.h. */
#include "cli/shell.h"

static bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f';
}

trib_str trib_shell_take_word(trib_str *line) {
    size_t at = 0;
    while (at < line->len && is_blank(line->ptr[at])) at++;
    char quote = at < line->len && (line->ptr[at] == '"' || line->ptr[at] == '\'') ? line->ptr[at] : 0;
    if (quote) at++;
    size_t from = at;
    while (at < line->len && (quote ? line->ptr[at] != quote : !is_blank(line->ptr[at]))) at++;
    trib_str word = trib_str_sub(*line, from, at);
    if (quote && at < line->len) at++;
    *line = trib_str_sub(*line, at, line->len);
    return word;
}

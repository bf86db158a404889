/* SPDX-License-Identifier: Apache-2.0 */
/* The pages of docs/errors inside the program: what an error means, when it comes, how to mend it, what a client may
 * do.
 *
 *   trib: there is no tenant acme ...                        what and why, from the place where it happened
 *     fix:  `trib tenant list` shows the tenants ...         the page's first sentence behind **Fix.**
 *     code: TENANT_NOT_FOUND (trib help errors TENANT_NOT_FOUND)
 *
 * The table is made at build time (cmake/ErrorPages.cmake). Thread: any; static storage. */
#ifndef TRIB_CLI_ERROR_PAGE_H
#define TRIB_CLI_ERROR_PAGE_H

#include <stddef.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/error.h"

typedef struct trib_error_page_row {
    const char *code, *markdown;
} trib_error_page_row;

extern const trib_error_page_row trib_error_pages[];
extern const size_t trib_error_page_count;

/* The page of a code in any case, in Markdown; SQLite's codes ("SQLITE_BUSY") share the one of SQLITE_ERROR. NULL:
 * there is no such code. */
const char *trib_error_page_get(trib_str code);
/* As above, but the code as its page has it. */
const char *trib_error_page_code(trib_str code);
/* Without the signs of Markdown. */
void trib_error_page_add_plain(trib_buf *out, trib_str markdown);
/* The first sentence of the paragraph behind **WORD.** (When, Fix, Client), on one line and plain; adds nothing if the
 * page has no such paragraph. */
void trib_error_page_add_first(trib_buf *out, const char *page, const char *word);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Private to pages.c and pages_push.c. */
#ifndef TRIB_STORE_PAGES_INT_H
#define TRIB_STORE_PAGES_INT_H

#include "store/stmt.h"

/* Runs a statement to its end: the first column of its first row goes to *ret_integer, or behind *ret_bytes; each may
 * be NULL. */
trib_code trib_pages_run(trib_handle *handle, const char *sql, const trib_arg *arg, int64_t *ret_integer,
                         trib_buf *ret_bytes, trib_error *err);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* The stream types of a data folder: the built-in ones, and the operator's files.
 *
 *   <data>/stream-types/NAME.json    replaces the built-in type of the name in the file, or adds one */
#ifndef TRIB_SERVER_STREAM_TYPES_H
#define TRIB_SERVER_STREAM_TYPES_H

#include "deal/registry.h"

/* All of them; files in the order of their names, those without .json or with a dot first are passed over. A folder
 * that is not there is empty. data_dir NULL: the built-in ones only.
 * Errors: STREAM_TYPE_INVALID: every problem of every file is a line in *ret_problems (may be NULL); IO, NOMEM.
 * Owns:   trib_deal_registry_deinit, also after an error. Thread: main. */
trib_code trib_stream_types_load(const char *data_dir, trib_deal_registry *ret, trib_buf *ret_problems,
                                 trib_error *err);

/* A file as a whole, at most one byte more than a stream type may have. Errors: NOT_FOUND, IO, NOMEM. */
trib_code trib_stream_types_read_file(const char *path, trib_buf *ret_text, trib_error *err);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Copies of database files for commands (store/db_copy.h, store/sql_load.h), but never of the files of a running
 * server, which only it may open. */
#ifndef TRIB_SERVER_LOCAL_COPY_H
#define TRIB_SERVER_LOCAL_COPY_H

#include "store/db_copy.h"
#include "store/sql_load.h"

/* As trib_db_copy_take. Errors also: NOT_FOUND, DATA_FOLDER_LOCKED. Thread: main. */
trib_code trib_local_copy_take(const char *from, const char *to, trib_copy_progress progress, trib_error *err);

#endif

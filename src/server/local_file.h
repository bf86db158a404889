/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a database file may be opened by a command. The files of a running server may not: its locks live inside its
 * own process, so a second one would write beside it. While a file of a data folder is open here, no server starts on
 * it.
 *
 *   <data>/db/aa/bb/ID.db   three folders up there is <data>/lock: taken (shared) here, held (alone) by a server */
#ifndef TRIB_SERVER_LOCAL_FILE_H
#define TRIB_SERVER_LOCAL_FILE_H

#include "base/error.h"
#include "store/plain_file.h"

typedef struct trib_local_file {
    trib_plain_file *file;
    int lock_fd; /* of the data folder; -1: the file is in none */
} trib_local_file;

/* Owns: trib_local_file_close, also after an error. Errors: NOT_FOUND, DATA_FOLDER_LOCKED (a server runs on the
 *       folder),
 * and those of trib_plain_file_open. Thread: main. */
trib_code trib_local_file_open(const char *path, trib_local_file *ret, trib_error *err);
/* Only the look: *ret_fd: a descriptor that keeps servers off the data folder until it is closed; -1: the file is in
 * none.
 * Errors: NOT_FOUND, DATA_FOLDER_LOCKED. */
trib_code trib_local_file_lock(const char *path, int *ret_fd, trib_error *err);
void trib_local_file_close(trib_local_file *file);

#endif

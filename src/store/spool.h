/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes of a large answer that wait on disk for a slow reader, so that no read transaction has to wait for it: written
 * once from the first to the last, then read once in order.
 *
 *   open -> add ... add -> read ... read (nothing more: the end) -> free
 *
 * The file <data>/spool-N.tmp loses its name as soon as it is open: nothing is left of it after a crash, however the
 * process ends. */
#ifndef TRIB_STORE_SPOOL_H
#define TRIB_STORE_SPOOL_H

#include "store/store.h"

enum {
    TRIB_SPOOLS_MAX = 256,       /* at once: descriptors, held by readers that take their time */
    TRIB_SPOOLS_PER_DB_MAX = 32, /* of one database: a tenant cannot take all of them */
    TRIB_SPOOL_REPEAT_MAX_BYTES = 8192
};
/* In all spools together, but for one that is alone: a disk that readers could fill by being slow. */
#define TRIB_SPOOLS_MAX_BYTES (INT64_C(16) << 30)

typedef struct trib_spool trib_spool;

/* db_id: whose answer it is, for the bound. Owns: *ret by trib_spool_free, before trib_store_free. Errors:
 * TOO_MANY_REQUESTS, IO, DISK_FULL, NOMEM. Thread: one at a time, a worker. */
trib_code trib_spool_open(trib_store *store, trib_str db_id, trib_spool **ret, trib_error *err);
/* Appends. Errors: TOO_MANY_REQUESTS (TRIB_SPOOLS_MAX_BYTES), IO, DISK_FULL. */
trib_code trib_spool_add(trib_spool *spool, trib_str bytes, trib_error *err);
/* The end, without taking room: the last n bytes that were added come `times` times more. Once, after the last add; n
 * at most TRIB_SPOOL_REPEAT_MAX_BYTES. */
void trib_spool_repeat(trib_spool *spool, size_t n, uint64_t times);
/* Appends the next bytes, at most max_bytes, to *ret; none: all have been read. Errors: IO, NOMEM. */
trib_code trib_spool_read(trib_spool *spool, size_t max_bytes, trib_buf *ret, trib_error *err);
/* Takes NULL. Thread: any. */
void trib_spool_free(trib_spool *spool);

#endif

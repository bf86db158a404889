/* SPDX-License-Identifier: Apache-2.0 */
/* Private to core/archive*.c.
 *
 *   archive.c        threads, tasks, the queue        archive_step.c   one stream's way into its object
 *   archive_rows.c   the table                        archive_read.c   objects, for those who read; back again
 *   archive_sweep.c  streams that have ended */
#ifndef TRIB_CORE_ARCHIVE_INT_H
#define TRIB_CORE_ARCHIVE_INT_H

#include "core/archive.h"

/* archive_rows.c. In a transaction; what a row has become is also in *row. */
trib_code trib_archive_claim_row(trib_stream_txn *txn, trib_archive_row *row, const trib_stream *s, trib_error *err);
/* Nothing, where another generation has it. alarm: it stops until somebody asks again. */
trib_code trib_archive_fail_row(trib_stream_txn *txn, const trib_archive_row *row, bool alarm, const char *why,
                                trib_error *err);
trib_code trib_archive_finish_row(trib_stream_txn *txn, const trib_archive_row *row, trib_error *err);

typedef enum trib_archive_end {
    TRIB_ARCHIVE_END_NONE, /* nothing to do: another has it, or it is gone */
    TRIB_ARCHIVE_END_DONE,
    TRIB_ARCHIVE_END_LATER,  /* failed; is tried again */
    TRIB_ARCHIVE_END_ALARM,  /* stopped */
    TRIB_ARCHIVE_END_LEAVING /* the server ends */
} trib_archive_end;

/* archive_step.c: the whole way of one stream. *ret_bytes: of its object. Logs what went wrong. */
trib_archive_end trib_archive_step(trib_archive *archive, trib_str stream_id, uint64_t *ret_bytes);

/* archive_sweep.c: asks for the streams behind `after` that have ended for `older_ms`, at most a page of them; *after
 * goes on, and is empty at the end. Counts those asked for. */
trib_code trib_archive_sweep(trib_archive *archive, trib_buf *after, int64_t older_ms, uint64_t *ret_asked,
                             trib_error *err);

/* May a stream that failed have a line of the log now? One in a while may: a store that is away fails all of them.
 * *ret_more: how many were without one since the last. Thread: any. */
bool trib_archive_may_log(trib_archive *archive, uint64_t *ret_more);

trib_app *trib_archive_app(const trib_archive *archive);

#endif

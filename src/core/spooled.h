/* SPDX-License-Identifier: Apache-2.0 */
/* Large answers at their reader's pace: a job writes all of it to a spool (store/spool.h) while its snapshot is open
 * and ends; then it goes out without handle or transaction.
 *
 *   db_job: pages -> spool, and done -> gate -> loop: trib_spooled_send
 *     worker: reads a piece -> loop: chunk -> room? -> worker: the next ... -> the end */
#ifndef TRIB_CORE_SPOOLED_H
#define TRIB_CORE_SPOOLED_H

#include "core/app.h"
#include "core/tenant.h"
#include "store/spool.h"

enum {
    TRIB_SPOOLED_FROM_BYTES = 256 << 10,  /* a longer answer takes the way over the disk */
    TRIB_SPOOLED_SLICE_BYTES = 1 << 20,   /* written in one go: a few ms of a worker */
    TRIB_SPOOLED_CHUNK_BYTES = 256 << 10, /* read and sent in one go: what a reader that never reads makes us keep */
    TRIB_SPOOLED_OUT_MAX_BYTES = 8 << 20  /* of the buffer in between: its limit, a chunk and a page more */
};

/* Moves what is in *out to *spool, which is opened where it is NULL. Errors: those of trib_spool_open and _add; NOMEM
 * where the buffer has failed. Thread: a worker. */
trib_code trib_spooled_add(trib_spool **spool, trib_app *app, const trib_tenant *tenant, trib_buf *out,
                           trib_error *err);
/* Answers with what is in the spool, which may be shown by now. `head` without a body. A reading that fails breaks the
 * connection. Owns: takes the spool, and answers the request in any case. Thread: the request's loop. */
void trib_spooled_send(trib_http_request *http, trib_tenant *tenant, const trib_http_answer *head, trib_spool *spool);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* What comes after the end of a stream goes into its continuation, a stream of its own that begins where that one ended
 * (deal/continuation.h).
 *
 *   ord-1  closed, archived  <-- ord-1~2  closed, archived  <-- ord-1~3  takes what comes now
 *
 * A closed stream stays as it is for ever: its head, its object, what its readers have seen. The table _trib_continue
 * says which stream continues which. */
#ifndef TRIB_CORE_STREAM_CONTINUE_H
#define TRIB_CORE_STREAM_CONTINUE_H

#include "core/stream.h"
#include "deal/continuation.h"

enum { TRIB_STREAM_CONTINUE_TRIES = 100 /* ids that are looked at: others may have taken some */ };

/* The neighbours of a stream; ids live in the transaction's arena, and are empty where there is none. */
typedef struct trib_stream_links {
    trib_str continued_by;
    trib_deal_origin origin; /* what it continues, as that one is now */
} trib_stream_links;

/* Errors: as trib_db_start. Thread: the one that starts the server, after the tables of the streams. */
trib_code trib_stream_continue_prepare(trib_app *app, const trib_tenant *streams, trib_error *err);
/* What continues `id`; empty: nothing does. *ret lives in the transaction's arena. Errors: the store's. */
trib_code trib_stream_find_next(trib_stream_txn *txn, trib_str id, trib_str *ret, trib_error *err);
/* Errors: CHAIN_BROKEN (the origin's head), the store's. */
trib_code trib_stream_find_links(trib_stream_txn *txn, trib_str id, trib_stream_links *ret, trib_error *err);
/* Does the stream's first event say of its origin what there is? Errors: CHAIN_BROKEN, NOMEM. Thread: any. */
trib_code trib_stream_check_origin(trib_arena *arena, const trib_stream *s, const trib_stream_links *links,
                                   trib_error *err);
/* The last one of those that continue each other, among which is `id`: itself where there is no other. */
trib_code trib_stream_find_last(trib_stream_txn *txn, trib_str id, trib_str *ret, trib_error *err);
/* Opens the continuation of `s`, which is closed, is the last one, and has its state, from the database or from its
 * object. Its members are those of `s`, by the names that they have now. txn->writes.
 * Errors: BAD_REQUEST (no id is left for it), and as trib_stream_append. */
trib_code trib_stream_continue(trib_stream_txn *txn, const trib_stream *s, trib_stream *ret, trib_error *err);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* The first event of a continuation: a stream that takes what comes after the end of another one, a late refund say. It
 * says which stream, and brings what that one amounted to, so that the same rules go on from there:
 *
 *   opcode 1000000, nodeId = the ended stream's id, payload
 *   {"streamType":"food","continues":{"streamId":"ord-1","version":10,"head":"9f..."},"status":"settled",
 *    "currency":"AED","charged":46,"paid":46,"refunded":0,"paidOut":46,"members":{"customer":"ali"}}
 *
 * Status, ledger and members are carried; tasks and stock are not: they are at their end. The head binds the new chain
 * to the old one. A stream without a type has the first member alone. Pure. */
#ifndef TRIB_DEAL_CONTINUATION_H
#define TRIB_DEAL_CONTINUATION_H

#include "deal/chain.h"
#include "deal/state.h"

enum {
    TRIB_DEAL_CONTINUES = TRIB_DEAL_OPCODE_MAX + 1, /* no type file can have it: it is the server's */
    TRIB_DEAL_CONTINUATION_MAX_BYTES = TRIB_DEAL_PAYLOAD_MAX_BYTES
};

/* What is continued, as it was at its end. */
typedef struct trib_deal_origin {
    trib_str stream_id;
    uint64_t version;
    uint8_t head[TRIB_DEAL_LINK_BYTES];
} trib_deal_origin;

/* Appends the payload. type NULL: state is not looked at. Errors: out->failed. */
void trib_deal_continuation_write(const trib_deal_type *type, const trib_deal_state *state,
                                  const trib_deal_origin *origin, trib_buf *out);
/* What an event continues, from its opcode and payload; texts live in `arena`. False: it is no such event. */
bool trib_deal_continuation_read(trib_arena *arena, int64_t opcode, trib_str payload, trib_deal_origin *ret);
/* Makes a fresh state the one that the payload carries, with version 1; part of trib_deal_apply.
 * Errors: BAD_EVENT (the state is as before), NOMEM. */
trib_code trib_deal_continuation_begin(const trib_deal_type *type, trib_deal_state *state, trib_str payload,
                                       trib_error *err);

#endif

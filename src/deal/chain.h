/* SPDX-License-Identifier: Apache-2.0 */
/* The hash chain of a stream: each event is bound to all before it, so that nobody can change, drop, add or reorder one
 * and go unseen by who knows the last link (the head).
 *
 *   link 0 = 32 zero bytes          link n = SHA-256("trib-ev1" link(n-1) n id streamId opcode nodeId pointId delta
 *                                                    payload ts)
 *
 * "trib-ev1" is 8 bytes; n, the sequence number from 1, is 8 bytes, big endian; a column is
 *
 *   'n'                                    NULL
 *   'i' 8 bytes, big endian                opcode, two's complement
 *   't' length, 4 bytes, big endian; text  texts as they are stored (UTF-8), and delta as JavaScript prints the number
 *
 * Only the eight columns of `events` count, so that a chain can be made again from an archived stream; delta is a text
 * because that is how the archive has it (46, not 46.0). docs/reference/streams.md says the same. Pure: SHA-256 is
 * handed in. */
#ifndef TRIB_DEAL_CHAIN_H
#define TRIB_DEAL_CHAIN_H

#include "base/buf.h"
#include "base/error.h"
#include "wire/json.h"

enum {
    TRIB_DEAL_LINK_BYTES = 32,
    TRIB_DEAL_CHAIN_MAX_BYTES = 4 << 20 /* of one event's bytes: past any that a stream takes */
};

/* As trib_crypto_sha256. Errors: NOMEM. */
typedef trib_code trib_deal_sha256(trib_str data, uint8_t ret_digest[TRIB_DEAL_LINK_BYTES]);

/* A row of `events`; ptr NULL is SQL's NULL. */
typedef struct trib_deal_row {
    trib_str id, stream_id;
    int64_t opcode;
    trib_str node_id, point_id;
    double delta;
    bool delta_is_null;
    trib_str payload, ts;
} trib_deal_row;

typedef struct trib_deal_chain {
    uint8_t head[TRIB_DEAL_LINK_BYTES]; /* link of the last event */
    uint64_t seq;                       /* of the last event; 0: none yet */
    trib_deal_sha256 *sha256;
    trib_buf bytes; /* of one event, reused */
} trib_deal_chain;

/* At the beginning (head NULL, seq 0), or behind the event `seq` whose link is `head`. Owns: trib_deal_chain_deinit. */
void trib_deal_chain_init(trib_deal_chain *chain, trib_deal_sha256 *sha256, const uint8_t *head, uint64_t seq);
void trib_deal_chain_deinit(trib_deal_chain *chain);

/* Goes on by one event; its link is then chain->head. Errors: NOMEM (too long, too), the chain is as before. */
trib_code trib_deal_chain_add(trib_deal_chain *chain, const trib_deal_row *row, trib_error *err);
/* The same, and compares with the stored link. Errors: CHAIN_BROKEN with the sequence number, the chain is as before;
 * NOMEM. */
trib_code trib_deal_chain_verify(trib_deal_chain *chain, const trib_deal_row *row,
                                 const uint8_t link[TRIB_DEAL_LINK_BYTES], trib_error *err);
/* A row of an archived stream, an object with the eight members; borrows from it. Errors: BAD_JSON. */
trib_code trib_deal_row_from_json(const trib_json *object, trib_deal_row *ret, trib_error *err);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* GET and HEAD of deals/ID: the shared log of a deal, for its members, as a JSON stream that is written elsewhere. A
 * position is the number of an event; what a read answers is what GET /api/streams/ID answers. */
#include "features/durable/durable_int.h"
#include "wire/json.h"

trib_code durable_read_deal(durable_ask *ask, trib_error *err) {
    trib_stream deal;
    uint64_t from = 0;
    trib_str id = trib_str_sub(ask->head.path, sizeof DURABLE_DEALS - 1, ask->head.path.len);
    ask->deals.handle = ask->handle;
    trib_code code = trib_stream_open(&ask->deals, id, &deal, err);
    if (code == TRIB_OK && !deal.exists) code = trib_stream_not_found(id, err);
    if (code != TRIB_OK) return code;
    /* numbers are never used twice: the path and two of them say all that a tag of a cache must */
    durable_stream s = {.exists = true,
                        .type = TRIB_STR("application/json"),
                        .tail = deal.version,
                        .json = true,
                        .closed = deal.is_closed,
                        .ttl_s = -1,
                        .expires_ms = -1};
    code = durable_read_begin(ask, &s, &from, err);
    if (code != TRIB_OK || ask->head.is_head) return code;
    ask->position = from;
    for (size_t i = 0; i < deal.count && ask->out.len < DURABLE_READ_BYTES; i++) {
        trib_json_writer w;
        if (deal.events[i].seq <= from) continue;
        if (ask->out.len > 0) trib_buf_add_char(&ask->out, ',');
        trib_jw_init(&w, &ask->out);
        trib_stream_write_event(&w, deal.events[i].values);
        ask->position = deal.events[i].seq;
    }
    /* removed events leave numbers without anything */
    if (ask->out.len < DURABLE_READ_BYTES) ask->position = s.tail;
    durable_answer_describe(ask, &s, from);
    return code;
}

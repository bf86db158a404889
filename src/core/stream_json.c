/* SPDX-License-Identifier: Apache-2.0 */
/* The events of a stream as JSON, and back (stream.h). */
#include <string.h>

#include "core/stream.h"
#include "deal/chain.h"

/* ---- writing ---- */

void trib_stream_write_events(const trib_stream *s, trib_buf *out) {
    trib_json_writer w;
    trib_jw_init(&w, out);
    trib_jw_array_begin(&w);
    for (size_t i = 0; i < s->count; i++) trib_stream_write_event(&w, s->events[i].values);
    trib_jw_array_end(&w);
}

/* ---- reading ---- */

static trib_value text_value(trib_str text) {
    if (!text.ptr) return (trib_value){.type = TRIB_VALUE_NULL};
    return (trib_value){.type = TRIB_VALUE_TEXT, .bytes = text};
}

static void fill(const trib_deal_row *row, const trib_deal_chain *chain, trib_stream_event *ret) {
    trib_value *v = ret->values;
    v[TRIB_STREAM_COL_ID] = text_value(row->id);
    v[TRIB_STREAM_COL_STREAM] = text_value(row->stream_id);
    v[TRIB_STREAM_COL_OPCODE] = (trib_value){.type = TRIB_VALUE_INTEGER, .integer = row->opcode};
    v[TRIB_STREAM_COL_NODE] = text_value(row->node_id);
    v[TRIB_STREAM_COL_POINT] = text_value(row->point_id);
    v[TRIB_STREAM_COL_DELTA] = (trib_value){.type = row->delta_is_null ? TRIB_VALUE_NULL : TRIB_VALUE_REAL};
    if (!row->delta_is_null) v[TRIB_STREAM_COL_DELTA].real = row->delta;
    v[TRIB_STREAM_COL_PAYLOAD] = text_value(row->payload);
    v[TRIB_STREAM_COL_TS] = text_value(row->ts);
    ret->seq = chain->seq;
    memcpy(ret->link, chain->head, sizeof ret->link);
}

static trib_code chain_up(const trib_json *list, trib_stream *s, trib_deal_chain *chain, trib_error *err) {
    size_t i = 0;
    trib_code code = TRIB_OK;
    for (const trib_json *item = trib_json_first(list); code == TRIB_OK && item; item = trib_json_next(item)) {
        trib_deal_row row;
        code = trib_deal_row_from_json(item, &row, err);
        if (code == TRIB_OK && !trib_str_eq(row.stream_id, s->id))
            code = trib_error_set(err, TRIB_CHAIN_BROKEN, "an event belongs to another stream");
        if (code == TRIB_OK) code = trib_deal_chain_add(chain, &row, err);
        if (code == TRIB_OK) fill(&row, chain, &s->events[i++]);
    }
    if (code != TRIB_OK) return code;
    if (chain->seq == s->version && memcmp(chain->head, s->head, sizeof s->head) == 0) return TRIB_OK;
    return trib_error_set(err, TRIB_CHAIN_BROKEN, "the events do not lead to the head that the stream has");
}

trib_code trib_stream_read_events(trib_stream_txn *txn, trib_str text, trib_stream *s, trib_error *err) {
    const trib_json *list;
    trib_deal_chain chain;
    trib_code code = trib_json_parse(txn->arena, text, &list, err);
    if (code == TRIB_NOMEM)
        return trib_error_set(err, TRIB_RESPONSE_TOO_LARGE, "the stream is too large to be read as a whole");
    if (code == TRIB_OK && !trib_json_is(list, TRIB_JSON_ARRAY))
        code = trib_error_set(err, TRIB_BAD_JSON, "this is no list of events");
    if (code != TRIB_OK) return code;
    s->count = trib_json_count(list);
    s->events = trib_arena_zalloc(txn->arena, s->count, sizeof *s->events);
    if (!s->events && s->count) return trib_error_set(err, TRIB_RESPONSE_TOO_LARGE, NULL);
    trib_deal_chain_init(&chain, trib_crypto_sha256, s->base_head, s->base_version);
    code = chain_up(list, s, &chain, err);
    trib_deal_chain_deinit(&chain);
    return code == TRIB_OK ? trib_stream_fold(txn, s, err) : code;
}

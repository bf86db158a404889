/* SPDX-License-Identifier: Apache-2.0 */
/* The hash chain of a stream; see chain.h. */
#include "deal/chain.h"

#include <inttypes.h>
#include <string.h>

void trib_deal_chain_init(trib_deal_chain *chain, trib_deal_sha256 *sha256, const uint8_t *head, uint64_t seq) {
    *chain = (trib_deal_chain){.sha256 = sha256, .seq = seq};
    if (head) memcpy(chain->head, head, sizeof chain->head);
    trib_buf_init(&chain->bytes, TRIB_DEAL_CHAIN_MAX_BYTES);
}

void trib_deal_chain_deinit(trib_deal_chain *chain) {
    trib_buf_deinit(&chain->bytes);
}

static void add_number(trib_buf *out, uint64_t value, unsigned bytes) {
    while (bytes-- > 0) trib_buf_add_char(out, (char)(value >> (8 * bytes) & 0xFF));
}

static void add_text(trib_buf *out, trib_str text) {
    if (!text.ptr) {
        trib_buf_add_char(out, 'n');
        return;
    }
    trib_buf_add_char(out, 't');
    add_number(out, text.len, 4); /* the buffer's maximum is far below 4 GiB */
    trib_buf_add(out, text);
}

static void add_delta(trib_buf *out, const trib_deal_row *row) {
    char text[TRIB_F64_BYTES];
    add_text(out, row->delta_is_null ? (trib_str){0} : trib_str_make(text, trib_f64_format(row->delta, text)));
}

static trib_code make_link(trib_deal_chain *chain, const trib_deal_row *row, uint8_t ret[TRIB_DEAL_LINK_BYTES],
                           trib_error *err) {
    trib_buf *out = &chain->bytes;
    trib_buf_clear(out);
    trib_buf_add(out, TRIB_STR("trib-ev1"));
    trib_buf_add_bytes(out, chain->head, sizeof chain->head);
    add_number(out, chain->seq + 1, 8);
    add_text(out, row->id);
    add_text(out, row->stream_id);
    trib_buf_add_char(out, 'i');
    add_number(out, (uint64_t)row->opcode, 8);
    add_text(out, row->node_id);
    add_text(out, row->point_id);
    add_delta(out, row);
    add_text(out, row->payload);
    add_text(out, row->ts);
    if (out->failed || chain->sha256(trib_buf_str(out), ret) != TRIB_OK) return trib_error_set(err, TRIB_NOMEM, NULL);
    return TRIB_OK;
}

trib_code trib_deal_chain_add(trib_deal_chain *chain, const trib_deal_row *row, trib_error *err) {
    uint8_t link[TRIB_DEAL_LINK_BYTES];
    trib_code code = make_link(chain, row, link, err);
    if (code != TRIB_OK) return code;
    memcpy(chain->head, link, sizeof chain->head);
    chain->seq++;
    return TRIB_OK;
}

trib_code trib_deal_chain_verify(trib_deal_chain *chain, const trib_deal_row *row,
                                 const uint8_t link[TRIB_DEAL_LINK_BYTES], trib_error *err) {
    uint8_t made[TRIB_DEAL_LINK_BYTES];
    trib_code code = make_link(chain, row, made, err);
    if (code != TRIB_OK) return code;
    if (memcmp(made, link, sizeof made) != 0)
        return trib_error_set(err, TRIB_CHAIN_BROKEN,
                              "event %" PRIu64 " of stream %.*s (id %.*s) is not what was written, or one before it is "
                              "missing; compare with the archive or a backup",
                              chain->seq + 1, TRIB_STR_ARG(row->stream_id), TRIB_STR_ARG(row->id));
    memcpy(chain->head, made, sizeof chain->head);
    chain->seq++;
    return TRIB_OK;
}

/* A string, or JSON null. */
static bool text_of(const trib_json *object, const char *name, trib_str *ret) {
    const trib_json *value = trib_json_get(object, name);
    *ret = (trib_str){0};
    if (trib_json_is_null(value)) return true;
    if (!trib_json_str(value, ret)) return false;
    if (!ret->ptr) ret->ptr = ""; /* empty, but not NULL */
    return true;
}

trib_code trib_deal_row_from_json(const trib_json *object, trib_deal_row *ret, trib_error *err) {
    trib_deal_row row = {0};
    const trib_json *delta = trib_json_get(object, "delta");
    row.delta_is_null = trib_json_is_null(delta);
    bool fits =
        trib_json_count(object) == 8 && text_of(object, "id", &row.id) && text_of(object, "streamId", &row.stream_id) &&
        trib_json_i64(trib_json_get(object, "opcode"), &row.opcode) && text_of(object, "nodeId", &row.node_id) &&
        text_of(object, "pointId", &row.point_id) && (row.delta_is_null || trib_json_f64(delta, &row.delta)) &&
        text_of(object, "payload", &row.payload) && text_of(object, "ts", &row.ts);
    if (!fits)
        return trib_error_set(
            err, TRIB_BAD_JSON,
            "an event must have the members id, streamId, opcode, nodeId, pointId, delta, payload and "
            "ts, texts or null, opcode and delta numbers");
    *ret = row;
    return TRIB_OK;
}

// SPDX-License-Identifier: Apache-2.0
// Fuzz target of the reader of stream types, and of the fold of events over a type that it let in.
// rooms: deal wire base
//
// The bytes are a file; behind its first NUL, if there is one, they are events. A refused file has problems with places
// inside it. With an accepted one: pages can be written, events never break a state, and a refused event changes
// nothing.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "deal/registry.h"
#include "deal/state.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok) {
    if (!ok) abort();
}

static void write_pages(const trib_deal_type *type) {
    trib_buf out;
    trib_json_writer w;
    trib_arena arena;
    const trib_json *again = NULL;
    trib_buf_init(&out, 64 << 20);
    trib_deal_type_markdown(type, &out);
    trib_deal_type_typescript(type, &out);
    check(!out.failed);
    trib_buf_clear(&out);
    trib_jw_init(&w, &out);
    trib_deal_type_json(type, &w);
    check(trib_jw_done(&w) && !out.failed);
    trib_arena_init(&arena, 64 << 20);
    check(trib_json_parse_unique(&arena, trib_buf_str(&out), &again, NULL) == TRIB_OK);
    trib_arena_deinit(&arena);
    trib_buf_deinit(&out);
}

static trib_str write_state(const trib_deal_type *type, const trib_deal_state *state, trib_buf *out) {
    trib_json_writer w;
    trib_buf_clear(out);
    trib_jw_init(&w, out);
    trib_deal_state_write(type, state, &w);
    check(trib_jw_done(&w) && !out->failed);
    return trib_buf_str(out);
}

/* Events of up to 16 bytes of control and payload each. */
static void play(const trib_deal_type *type, const uint8_t *data, size_t size) {
    trib_arena arena;
    trib_deal_state state;
    trib_buf before, after;
    trib_buf_init(&before, 16 << 20);
    trib_buf_init(&after, 16 << 20);
    trib_arena_init(&arena, 16 << 20);
    trib_deal_state_init(&state, &arena);
    for (int i = 0; i < 64 && size >= 4; i++) {
        size_t n = data[3] % 48 < size - 4 ? data[3] % 48 : size - 4;
        char delta[2] = {(char)('0' + data[1] % 10), 0};
        trib_deal_event event = {
            .opcode = data[0] % 2 ? type->ops[data[0] % type->op_count].opcode : data[0],
            .node_id = data[1] & 16 ? TRIB_STR("n") : (trib_str){0},
            .point_id = data[1] & 32 ? TRIB_STR("p") : (trib_str){0},
            .delta = trib_str_c(delta),
            .payload = {(const char *)data + 4, n},
            .actor = {.tenant = TRIB_STR("n"), .roles = data[2], .is_trusted = data[1] & 64},
        };
        write_state(type, &state, &before);
        trib_code code = trib_deal_apply(type, &state, &event, NULL, NULL);
        write_state(type, &state, &after);
        if (code != TRIB_OK) check(trib_str_eq(trib_buf_str(&before), trib_buf_str(&after)));
        check(trib_deal_balance(&state) >= 0);
        data += 4 + n;
        size -= 4 + n;
    }
    trib_arena_deinit(&arena);
    trib_buf_deinit(&before);
    trib_buf_deinit(&after);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const uint8_t *end = size ? memchr(data, 0, size) : NULL;
    trib_str text = {(const char *)data, end ? (size_t)(end - data) : size};
    trib_arena arena;
    trib_deal_problems problems;
    const trib_deal_type *type = NULL;
    trib_error err = {0};
    trib_arena_init(&arena, TRIB_DEAL_TYPE_ARENA_BYTES);
    trib_code code = trib_deal_type_read(&arena, text, &problems, &type, &err);
    if (code == TRIB_OK) {
        check(type && !problems.total && type->op_count);
        write_pages(type);
        if (end) play(type, end + 1, size - text.len - 1);
    } else if (code == TRIB_STREAM_TYPE_INVALID) {
        check(problems.count && problems.count <= problems.total && !type);
        for (size_t i = 0; i < problems.count; i++) {
            check(problems.items[i].line && problems.items[i].line <= size + 1 && problems.items[i].column <= size + 1);
            check(trib_str_utf8_valid(problems.items[i].text));
        }
    } else check(code == TRIB_NOMEM);
    trib_arena_deinit(&arena);
    return 0;
}

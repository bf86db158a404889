/* SPDX-License-Identifier: Apache-2.0 */
/* Conditions out of protobuf; see pb_cond.h. */
#include "wire/pb_cond.h"

#include "wire/pb.h"

_Static_assert((int)TRIB_HRANA_COND_DEPTH_MAX <= (int)TRIB_PB_NESTING_MAX,
               "conditions nest less deeply than messages may");

static trib_code get(const trib_pb_cond_face *face, trib_arena *arena, const void *message, size_t step, unsigned depth,
                     hrana_cond **ret, trib_error *err) {
    trib_pb_level level = {0};
    hrana_cond *cond = trib_arena_zalloc(arena, 1, sizeof *cond);
    if (!cond) return trib_hrana_decode_nomem(err);
    trib_code code = face->level(message, &level, err);
    if (code != TRIB_OK) return code;
    *ret = cond;
    cond->type = level.type;
    if (level.type == HRANA_COND_OK || level.type == HRANA_COND_ERROR) {
        if (level.step < 0 || (uint64_t)level.step >= step) return trib_hrana_bad_reference(err);
        cond->step = (uint32_t)level.step;
    }
    hrana_cond **tail = &cond->first;
    for (size_t i = 0; i < level.child_count; i++) {
        const void *child;
        if (depth >= TRIB_HRANA_COND_DEPTH_MAX) return face->bad(err, "the conditions are nested too deeply");
        code = face->unpack(arena, trib_pb_str(level.children[i]), &child, err);
        if (code == TRIB_OK) code = get(face, arena, child, step, depth + 1, tail, err);
        if (code != TRIB_OK) return code;
        tail = &(*tail)->next;
    }
    return TRIB_OK;
}

trib_code trib_pb_get_cond(const trib_pb_cond_face *face, trib_arena *arena, const void *message, size_t step,
                           hrana_cond **ret, trib_error *err) {
    return get(face, arena, message, step, 0, ret, err);
}

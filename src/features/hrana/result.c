/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a batch whose result is part of an answer, for pipelines, WebSocket and HTTP v1. A cursor's is in cursor.c. */
#include "features/hrana/codec.h"

trib_code hrana_run_batch(hrana_exec *x, trib_handle *handle, const hrana_batch *batch, trib_error *err) {
    if (!x->batch) {
        trib_code code = hrana_batch_begin(x, batch, err);
        if (code != TRIB_OK) return code;
        x->codec->batch_begin(x);
    }
    for (; x->step < x->batch->count; x->step++) {
        const hrana_step *step = &x->batch->steps[x->step];
        if (hrana_cond_true(x, handle, step->condition)) {
            trib_code code = hrana_run_stmt(x, handle, &step->stmt, &x->codec->result, false, err);
            if (code == TRIB_AGAIN || code == TRIB_CANCELLED) return code;
            if (code == TRIB_OK) {
                x->step_state[x->step] = HRANA_STEP_OK;
                continue;
            }
            hrana_batch_failed(x, err);
        }
        x->codec->batch_skip(x);
    }
    x->codec->batch_end(x);
    x->batch = NULL;
    return TRIB_OK;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Results of statements and batches in the protocol's JSON, for every face that answers with a whole body:
 *
 *   {"cols":[...],"rows":[...],"affected_row_count":0,...}                     a statement's
 *   {"step_results":[...],"step_errors":[...],"replication_index":null}       a batch's */
#include "features/hrana/hrana_int.h"

static void result_begin(hrana_exec *x, const trib_stmt *stmt) {
    trib_jw_object_begin(&x->w);
    hrana_encode_cols(&x->w, stmt);
    trib_jw_key(&x->w, TRIB_STR("rows"));
    trib_jw_array_begin(&x->w);
}

static void result_row(hrana_exec *x, const trib_stmt *stmt) {
    hrana_encode_row(&x->w, stmt);
}

static void result_end(hrana_exec *x, const trib_stmt *stmt) {
    trib_jw_array_end(&x->w);
    hrana_encode_counts(&x->w, stmt);
    trib_jw_object_end(&x->w);
}

const hrana_sink hrana_result_sink = {0, result_begin, result_row, result_end};

static void batch_close(hrana_exec *x) {
    trib_error lost;
    trib_error_set(&lost, TRIB_NOMEM, NULL);
    trib_jw_array_end(&x->w);
    trib_jw_key(&x->w, TRIB_STR("step_errors"));
    trib_jw_array_begin(&x->w);
    for (size_t i = 0; i < x->batch->count; i++) {
        if (x->step_state[i] == HRANA_STEP_FAILED)
            hrana_encode_error(&x->w, x->step_errors[i] ? x->step_errors[i] : &lost);
        else trib_jw_null(&x->w);
    }
    trib_jw_array_end(&x->w);
    trib_jw_key(&x->w, TRIB_STR("replication_index"));
    trib_jw_null(&x->w);
    trib_jw_object_end(&x->w);
}

trib_code hrana_run_batch(hrana_exec *x, trib_handle *handle, const hrana_batch *batch, trib_error *err) {
    if (!x->batch) {
        trib_code code = hrana_batch_begin(x, batch, err);
        if (code != TRIB_OK) return code;
        trib_jw_object_begin(&x->w);
        trib_jw_key(&x->w, TRIB_STR("step_results"));
        trib_jw_array_begin(&x->w);
    }
    for (; x->step < x->batch->count; x->step++) {
        const hrana_step *step = &x->batch->steps[x->step];
        if (hrana_cond_true(x, handle, step->condition)) {
            trib_code code = hrana_run_stmt(x, handle, &step->stmt, &hrana_result_sink, false, err);
            if (code == TRIB_AGAIN || code == TRIB_CANCELLED) return code;
            if (code == TRIB_OK) {
                x->step_state[x->step] = HRANA_STEP_OK;
                continue;
            }
            hrana_batch_failed(x, err);
        }
        trib_jw_null(&x->w);
    }
    batch_close(x);
    x->batch = NULL;
    return TRIB_OK;
}

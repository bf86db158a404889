/* SPDX-License-Identifier: Apache-2.0 */
/* Hrana messages: what is checked in the same way and words whatever a message was encoded in. */
#include "wire/hrana.h"

trib_code trib_hrana_check_sql(const hrana_stmt *stmt, trib_error *err) {
    if (!stmt->has_sql && !stmt->has_sql_id)
        return trib_error_set(err, TRIB_PROTOCOL, "Either `sql` or `sql_id` are required");
    if (stmt->has_sql && stmt->has_sql_id)
        return trib_error_set(err, TRIB_PROTOCOL, "Either `sql` or `sql_id` are required, but not both");
    return TRIB_OK;
}

trib_code trib_hrana_check_steps(size_t count, trib_error *err) {
    if (count <= TRIB_HRANA_STEPS_MAX) return TRIB_OK;
    return trib_error_set(err, TRIB_PROTOCOL, "a batch of %zu steps is over the limit of %d; send several batches",
                          count, TRIB_HRANA_STEPS_MAX);
}

trib_code trib_hrana_check_requests(size_t count, trib_error *err) {
    if (count <= TRIB_HRANA_REQUESTS_MAX) return TRIB_OK;
    return trib_error_set(err, TRIB_PROTOCOL, "a pipeline of %zu requests is over the limit of %d; send several", count,
                          TRIB_HRANA_REQUESTS_MAX);
}

trib_code trib_hrana_check_baton(trib_str baton, trib_error *err) {
    /* taken for none, it would run outside of any transaction what was meant for one */
    return baton.ptr && baton.len == 0 ? trib_error_set(err, TRIB_BATON_INVALID, NULL) : TRIB_OK;
}

trib_code trib_hrana_bad_reference(trib_error *err) {
    return trib_error_set(err, TRIB_PROTOCOL, "Invalid reference to step in a batch condition");
}

trib_code trib_hrana_decode_nomem(trib_error *err) {
    return trib_error_set(err, TRIB_NOMEM,
                          "the request is too large to be decoded within its memory budget; send less at once");
}

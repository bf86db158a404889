/* SPDX-License-Identifier: Apache-2.0 */
/* Errors of gRPC-web calls; see grpc.h. */
#include "core/grpc.h"

#include <stdio.h>

#include "wire/grpcweb.h"

enum { MESSAGE_BYTES = TRIB_ERROR_CODE_BYTES + TRIB_ERROR_MESSAGE_BYTES };

bool trib_grpc_is_call(trib_str content_type) {
    static const char type[] = "application/grpc-web";
    if (content_type.len < sizeof type - 1) return false;
    trib_str rest = trib_str_sub(content_type, sizeof type - 1, content_type.len);
    return trib_str_ieq_c(trib_str_sub(content_type, 0, sizeof type - 1), type) &&
           (rest.len == 0 || rest.ptr[0] == ';' || trib_str_ieq_c(rest, "+proto"));
}

/* What replicas of libSQL compare with; NULL: nothing. */
static const char *known_word(trib_code code) {
    if (code == TRIB_TENANT_NOT_FOUND) return "NAMESPACE_DOESNT_EXIST";
    return code == TRIB_NO_HELLO ? "NO_HELLO" : NULL;
}

void trib_grpc_error_body(trib_buf *buf, const trib_error *err) {
    char message[MESSAGE_BYTES];
    const char *word = known_word(err->code);
    if (word) snprintf(message, sizeof message, "%s", word);
    else snprintf(message, sizeof message, "%s: %s", trib_error_wire_code(err), err->message);
    trib_grpcweb_trailer(buf, trib_code_grpc(err->code), trib_str_c(message));
}

trib_code trib_grpc_message(const trib_http_request *request, trib_str *ret, trib_error *err) {
    if (!trib_grpc_is_call(request->content_type))
        return trib_error_set(err, TRIB_BAD_REQUEST, "gRPC-web is spoken here: send Content-Type application/grpc-web");
    return trib_grpcweb_request(request->body, ret, err);
}

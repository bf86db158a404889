// SPDX-License-Identifier: Apache-2.0
// Fuzz target of gRPC-web's frames: any bytes as a body.
// rooms: wire base
//
// Frames that were taken, written again, are the bytes that they were taken from; a body is a request exactly if it is
// one frame of data; a trailer of any message is one frame of printable text.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wire/grpcweb.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok, const char *what) {
    if (ok) return;
    fprintf(stderr, "%s\n", what);
    abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    trib_str body = trib_str_make((const char *)data, size), rest = body, message, request;
    uint8_t flags = 0, first_flags = 0xff;
    trib_error err = {0};
    trib_buf again;
    size_t frames = 0;
    trib_buf_init(&again, 1 << 24);
    while (trib_grpcweb_take(&rest, &flags, &message)) {
        size_t place = trib_grpcweb_begin(&again);
        again.ptr[place] = (char)flags;
        trib_buf_add(&again, message);
        trib_grpcweb_end(&again, place);
        if (frames++ == 0) first_flags = flags;
    }
    check(again.len + rest.len == size && (!again.len || memcmp(again.ptr, data, again.len) == 0),
          "not the same frames");
    bool one = frames == 1 && rest.len == 0 && first_flags == 0;
    check((trib_grpcweb_request(body, &request, &err) == TRIB_OK) == one, "what a request is");
    trib_buf_clear(&again);
    trib_grpcweb_trailer(&again, size ? data[0] : 0, body);
    rest = trib_buf_str(&again);
    check(trib_grpcweb_take(&rest, &flags, &message) && rest.len == 0 && flags == TRIB_GRPCWEB_TRAILER, "no trailer");
    for (size_t i = 0; i + 2 < message.len; i++) {
        unsigned char c = (unsigned char)message.ptr[i];
        check((c >= ' ' && c <= '~') || c == '\r' || c == '\n', "a trailer with a raw byte");
    }
    trib_buf_deinit(&again);
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* gRPC-web frames; see grpcweb.h. */
#include "wire/grpcweb.h"

static uint32_t get_u32(const char *at) {
    const unsigned char *b = (const unsigned char *)at;
    return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

bool trib_grpcweb_take(trib_str *rest, uint8_t *ret_flags, trib_str *ret) {
    if (rest->len < TRIB_GRPCWEB_HEAD_BYTES) return false;
    size_t len = get_u32(rest->ptr + 1);
    if (len > rest->len - TRIB_GRPCWEB_HEAD_BYTES) return false;
    *ret_flags = (uint8_t)rest->ptr[0];
    *ret = trib_str_sub(*rest, TRIB_GRPCWEB_HEAD_BYTES, TRIB_GRPCWEB_HEAD_BYTES + len);
    *rest = trib_str_sub(*rest, TRIB_GRPCWEB_HEAD_BYTES + len, rest->len);
    return true;
}

trib_code trib_grpcweb_request(trib_str body, trib_str *ret, trib_error *err) {
    uint8_t flags;
    trib_str message;
    if (!trib_grpcweb_take(&body, &flags, &message))
        return trib_error_set(err, TRIB_BAD_REQUEST,
                              "the body is no whole gRPC-web frame (a byte of flags, four of length)");
    if (flags & TRIB_GRPCWEB_COMPRESSED)
        return trib_error_set(err, TRIB_BAD_REQUEST, "compressed gRPC-web frames are not taken; send them as they are");
    if (flags || body.len) return trib_error_set(err, TRIB_BAD_REQUEST, "the body is not one gRPC-web frame of data");
    *ret = message;
    return TRIB_OK;
}

size_t trib_grpcweb_begin(trib_buf *out) {
    size_t place = out->len;
    trib_buf_add_bytes(out, "\0\0\0\0", TRIB_GRPCWEB_HEAD_BYTES);
    return place;
}

void trib_grpcweb_end(trib_buf *out, size_t place) {
    if (out->failed) return;
    size_t len = out->len - place - TRIB_GRPCWEB_HEAD_BYTES;
    if (len > UINT32_MAX) {
        out->failed = true;
        return;
    }
    for (size_t i = 0; i < 4; i++) out->ptr[place + 1 + i] = (char)(len >> (24 - 8 * i));
}

void trib_grpcweb_head(trib_buf *out, uint32_t len) {
    char head[TRIB_GRPCWEB_HEAD_BYTES] = {0};
    for (size_t i = 0; i < 4; i++) head[1 + i] = (char)(len >> (24 - 8 * i));
    trib_buf_add_bytes(out, head, sizeof head);
}

/* Percent-encoding of grpc-message: everything but printable ASCII, the percent sign, and the colon, because the client
 * of embedded replicas takes what stands between two colons of a trailer for its value. */
static void add_encoded(trib_buf *out, trib_str text) {
    static const char hex[] = "0123456789ABCDEF";
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (c >= ' ' && c <= '~' && c != '%' && c != ':') {
            trib_buf_add_char(out, (char)c);
            continue;
        }
        trib_buf_add_char(out, '%');
        trib_buf_add_char(out, hex[c >> 4]);
        trib_buf_add_char(out, hex[c & 15]);
    }
}

void trib_grpcweb_trailer(trib_buf *out, int status, trib_str message) {
    size_t place = trib_grpcweb_begin(out);
    if (!out->failed) out->ptr[place] = (char)TRIB_GRPCWEB_TRAILER;
    trib_buf_printf(out, "grpc-status:%d\r\n", status);
    if (message.len) {
        trib_buf_add(out, TRIB_STR("grpc-message:"));
        add_encoded(out, message);
        trib_buf_add(out, TRIB_STR("\r\n"));
    }
    trib_grpcweb_end(out, place);
}

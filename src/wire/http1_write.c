/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP/1.1 writer; see http1_write.h. */
#include "wire/http1_write.h"

#include <string.h>

#include "wire/http1.h"

/* Eight hexadecimal digits hold any chunk that fits in a buffer of 4 GiB; leading zeros are valid (RFC 9112 §7.1). */
enum { CHUNK_DIGITS = 8, CHUNK_LINE_BYTES = CHUNK_DIGITS + 2 };

/* RFC 9110 §15 and what error_table.h answers with; ordered by status. */
#define REASON_TABLE(X)                                                                                                \
    X(100, "Continue")                                                                                                 \
    X(101, "Switching Protocols")                                                                                      \
    X(200, "OK") X(201, "Created") X(202, "Accepted") X(204, "No Content") X(206, "Partial Content")                   \
        X(301, "Moved Permanently") X(302, "Found") X(303, "See Other") X(304, "Not Modified")                         \
            X(307, "Temporary Redirect") X(308, "Permanent Redirect") X(400, "Bad Request") X(401, "Unauthorized")     \
                X(402, "Payment Required") X(403, "Forbidden") X(404, "Not Found") X(405, "Method Not Allowed")        \
                    X(406, "Not Acceptable") X(408, "Request Timeout") X(409, "Conflict") X(410, "Gone")               \
                        X(411, "Length Required") X(412, "Precondition Failed") X(413, "Content Too Large")            \
                            X(414, "URI Too Long") X(415, "Unsupported Media Type") X(416, "Range Not Satisfiable")    \
                                X(417, "Expectation Failed") X(421, "Misdirected Request")                             \
                                    X(422, "Unprocessable Content") X(425, "Too Early") X(426, "Upgrade Required")     \
                                        X(428, "Precondition Required") X(429, "Too Many Requests")                    \
                                            X(431, "Request Header Fields Too Large") X(499, "Client Closed Request")  \
                                                X(500, "Internal Server Error") X(501, "Not Implemented")              \
                                                    X(502, "Bad Gateway") X(503, "Service Unavailable")                \
                                                        X(504, "Gateway Timeout") X(505, "HTTP Version Not Supported") \
                                                            X(507, "Insufficient Storage")

const char *trib_http1_reason(int status) {
    switch (status) {
#define X(code, text)                                                                                                  \
    case code: return text;
        REASON_TABLE(X)
#undef X
    default: return "";
    }
}

static trib_code refuse(trib_buf *out, trib_error *err, const char *why) {
    out->failed = true;
    return trib_error_set(err, TRIB_BAD_REQUEST, "%s", why);
}

static void add_line(trib_buf *out, const char *name, trib_str value) {
    trib_buf_add_c(out, name);
    trib_buf_add(out, value);
    trib_buf_add(out, TRIB_STR("\r\n"));
}

void trib_http1_begin_response(trib_buf *out, int status, trib_str date) {
    if (status == 200) {
        trib_buf_add(out, TRIB_STR("HTTP/1.1 200 OK\r\n"));
    } else if (status < 100 || status > 599) {
        out->failed = true;
    } else {
        trib_buf_add(out, TRIB_STR("HTTP/1.1 "));
        trib_buf_add_u64(out, (uint64_t)status);
        add_line(out, " ", trib_str_c(trib_http1_reason(status)));
    }
    if (!trib_http1_is_field_text(date)) out->failed = true;
    if (date.len) add_line(out, "Date: ", date);
}

trib_code trib_http1_begin_request(trib_buf *out, trib_str method, trib_str target, trib_str host, trib_error *err) {
    if (!trib_http1_is_token(method)) return refuse(out, err, "the method is not an HTTP token");
    bool star = trib_str_eq_c(target, "*") && trib_str_eq_c(method, "OPTIONS");
    if (!star && (target.len == 0 || target.ptr[0] != '/' || !trib_http1_is_target(target)))
        return refuse(out, err, "the target must start with / and have no space, control or non-ASCII character");
    if (!trib_http1_is_host(host)) return refuse(out, err, "the host is not a host name with an optional port");
    trib_buf_add(out, method);
    trib_buf_add_char(out, ' ');
    trib_buf_add(out, target);
    trib_buf_add(out, TRIB_STR(" HTTP/1.1\r\n"));
    add_line(out, "Host: ", host);
    return TRIB_OK;
}

trib_code trib_http1_add_header(trib_buf *out, trib_str name, trib_str value, trib_error *err) {
    if (!trib_http1_is_token(name)) return refuse(out, err, "the header name is not an HTTP token");
    if (!trib_http1_is_field_text(value)) return refuse(out, err, "the header value has a control character");
    if (trib_str_ieq_c(name, "content-length") || trib_str_ieq_c(name, "transfer-encoding") ||
        trib_str_ieq_c(name, "connection"))
        return refuse(out, err, "the header is written by the functions for the end of the head and the connection");
    trib_buf_add(out, name);
    add_line(out, ": ", value);
    return TRIB_OK;
}

void trib_http1_add_connection(trib_buf *out, bool keep_alive, int minor_version) {
    if (!keep_alive) {
        trib_buf_add(out, TRIB_STR("Connection: close\r\n"));
    } else if (minor_version == 0) {
        trib_buf_add(out, TRIB_STR("Connection: keep-alive\r\n"));
    }
}

void trib_http1_add_upgrade(trib_buf *out, const char *protocol) {
    trib_buf_add(out, TRIB_STR("Connection: upgrade\r\n"));
    add_line(out, "Upgrade: ", trib_str_c(protocol));
}

void trib_http1_end_head_length(trib_buf *out, uint64_t body_bytes) {
    trib_buf_add(out, TRIB_STR("Content-Length: "));
    trib_buf_add_u64(out, body_bytes);
    trib_buf_add(out, TRIB_STR("\r\n\r\n"));
}

void trib_http1_end_head_chunked(trib_buf *out) {
    trib_buf_add(out, TRIB_STR("Transfer-Encoding: chunked\r\n\r\n"));
}

void trib_http1_end_head_bare(trib_buf *out) {
    trib_buf_add(out, TRIB_STR("\r\n"));
}

void trib_http1_add_chunk(trib_buf *out, trib_str bytes) {
    size_t at = trib_http1_open_chunk(out);
    trib_buf_add(out, bytes);
    trib_http1_close_chunk(out, at);
}

size_t trib_http1_open_chunk(trib_buf *out) {
    size_t at = out->len;
    trib_buf_add(out, TRIB_STR("00000000\r\n"));
    return at;
}

void trib_http1_close_chunk(trib_buf *out, size_t at) {
    if (out->failed) return;
    size_t size = out->len - at - CHUNK_LINE_BYTES;
    if (size == 0) {
        out->len = at;
        return;
    }
    if ((uint64_t)size >> (4 * CHUNK_DIGITS)) {
        out->failed = true;
        return;
    }
    trib_buf_add(out, TRIB_STR("\r\n"));
    for (size_t i = CHUNK_DIGITS; i-- > 0; size >>= 4) out->ptr[at + i] = "0123456789abcdef"[size & 15];
}

void trib_http1_end_chunks(trib_buf *out) {
    trib_buf_add(out, TRIB_STR("0\r\n\r\n"));
}

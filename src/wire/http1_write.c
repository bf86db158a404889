/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP/1.1 writer; see http1_write.h. */
#include "wire/http1_write.h"

#include <string.h>

#include "wire/http1.h"

/* Eight hexadecimal digits hold any chunk that fits in a buffer of 4 GiB; leading zeros are valid (RFC 9112 §7.1). */
enum { CHUNK_DIGITS = 8, CHUNK_LINE_BYTES = CHUNK_DIGITS + 2 };

/* RFC 9110 §15 and what error_table.h answers with. */
const char *trib_http1_reason(int status) {
    switch (status) {
    case 100: return "Continue";
    case 101: return "Switching Protocols";
    case 200: return "OK";
    case 201: return "Created";
    case 202: return "Accepted";
    case 204: return "No Content";
    case 206: return "Partial Content";
    case 301: return "Moved Permanently";
    case 302: return "Found";
    case 303: return "See Other";
    case 304: return "Not Modified";
    case 307: return "Temporary Redirect";
    case 308: return "Permanent Redirect";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 402: return "Payment Required";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 406: return "Not Acceptable";
    case 408: return "Request Timeout";
    case 409: return "Conflict";
    case 410: return "Gone";
    case 411: return "Length Required";
    case 412: return "Precondition Failed";
    case 413: return "Content Too Large";
    case 414: return "URI Too Long";
    case 415: return "Unsupported Media Type";
    case 416: return "Range Not Satisfiable";
    case 417: return "Expectation Failed";
    case 421: return "Misdirected Request";
    case 422: return "Unprocessable Content";
    case 425: return "Too Early";
    case 426: return "Upgrade Required";
    case 428: return "Precondition Required";
    case 429: return "Too Many Requests";
    case 431: return "Request Header Fields Too Large";
    case 499: return "Client Closed Request";
    case 500: return "Internal Server Error";
    case 501: return "Not Implemented";
    case 502: return "Bad Gateway";
    case 503: return "Service Unavailable";
    case 504: return "Gateway Timeout";
    case 505: return "HTTP Version Not Supported";
    case 507: return "Insufficient Storage";
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

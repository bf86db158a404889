/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of an HTTP/1.1 head into slices, and the rules that hold over the whole head; see http1.h.
 * Fields are stored as 16-bit offsets from the head's start, so that a head whose bytes moved is repaired by one
 * pointer. */
#include <string.h>

#include "wire/http1_int.h"

enum { METHOD = 0, TARGET = 1, PATH = 2, REASON = 3 }; /* rows of parser->start_at */

enum { IS_TOKEN = 1, IS_TARGET = 2, IS_HOST = 4 };

/* RFC 9110 §5.6.2 tchar; RFC 3986 characters of a target (VCHAR without '#' and quotes that no URI has; `|^{}[]` are
 * let through, clients send them raw); characters of uri-host [":" port]. */
static const uint8_t classes[256] = {
    ['a' ... 'z'] = IS_TOKEN | IS_TARGET | IS_HOST,
    ['A' ... 'Z'] = IS_TOKEN | IS_TARGET | IS_HOST,
    ['0' ... '9'] = IS_TOKEN | IS_TARGET | IS_HOST,
    ['!'] = IS_TOKEN | IS_TARGET | IS_HOST,
    ['$'] = IS_TOKEN | IS_TARGET | IS_HOST,
    ['%'] = IS_TOKEN | IS_TARGET | IS_HOST,
    ['&'] = IS_TOKEN | IS_TARGET | IS_HOST,
    ['\''] = IS_TOKEN | IS_TARGET | IS_HOST,
    ['*'] = IS_TOKEN | IS_TARGET | IS_HOST,
    ['+'] = IS_TOKEN | IS_TARGET | IS_HOST,
    ['-'] = IS_TOKEN | IS_TARGET | IS_HOST,
    ['.'] = IS_TOKEN | IS_TARGET | IS_HOST,
    ['_'] = IS_TOKEN | IS_TARGET | IS_HOST,
    ['~'] = IS_TOKEN | IS_TARGET | IS_HOST,
    ['#'] = IS_TOKEN,
    ['`'] = IS_TOKEN,
    ['^'] = IS_TOKEN | IS_TARGET,
    ['|'] = IS_TOKEN | IS_TARGET,
    ['('] = IS_TARGET | IS_HOST,
    [')'] = IS_TARGET | IS_HOST,
    [','] = IS_TARGET | IS_HOST,
    [':'] = IS_TARGET | IS_HOST,
    [';'] = IS_TARGET | IS_HOST,
    ['='] = IS_TARGET | IS_HOST,
    ['['] = IS_TARGET | IS_HOST,
    [']'] = IS_TARGET | IS_HOST,
    ['/'] = IS_TARGET,
    ['?'] = IS_TARGET,
    ['@'] = IS_TARGET,
    ['{'] = IS_TARGET,
    ['}'] = IS_TARGET,
};

typedef struct known_row {
    trib_str name;
    bool once;
} known_row;

static const known_row known_rows[TRIB_HTTP1_KNOWN_COUNT] = {
#define X(id, text, once) [TRIB_HTTP1_##id] = {{text, sizeof(text) - 1}, once},
    TRIB_HTTP1_KNOWN_TABLE(X)
#undef X
};

/* First row of a name length + 1; the rows are ordered by length. */
enum { MAX_KNOWN_NAME_BYTES = 17 };
static const uint8_t first_known[MAX_KNOWN_NAME_BYTES + 1] = {
    [4] = TRIB_HTTP1_HOST + 1,
    [6] = TRIB_HTTP1_EXPECT + 1,
    [7] = TRIB_HTTP1_UPGRADE + 1,
    [10] = TRIB_HTTP1_CONNECTION + 1,
    [11] = TRIB_HTTP1_X_NAMESPACE + 1,
    [12] = TRIB_HTTP1_CONTENT_TYPE + 1,
    [13] = TRIB_HTTP1_AUTHORIZATION + 1,
    [14] = TRIB_HTTP1_CONTENT_LENGTH + 1,
    [15] = TRIB_HTTP1_X_NAMESPACE_BIN + 1,
    [17] = TRIB_HTTP1_TRANSFER_ENCODING + 1,
};

static size_t span(trib_str s, uint8_t class) {
    size_t i = 0;
    while (i < s.len && (classes[(uint8_t)s.ptr[i]] & class)) i++;
    return i;
}

bool trib_http1_is_token(trib_str s) {
    return s.len > 0 && span(s, IS_TOKEN) == s.len;
}

bool trib_http1_is_target(trib_str s) {
    return span(s, IS_TARGET) == s.len;
}

bool trib_http1_is_host(trib_str s) {
    return span(s, IS_HOST) == s.len;
}

/* Eight bytes at a time: a byte below 0x20 or equal to 0x7F sets its high bit in `hit`. The trick may also flag a good
 * byte behind a bad one, and TAB; the slow loop has the last word. */
bool trib_http1_is_field_text(trib_str s) {
    const uint64_t ones = 0x0101010101010101u, highs = 0x8080808080808080u;
    size_t i = 0;
    for (; i + 8 <= s.len; i += 8) {
        uint64_t x;
        memcpy(&x, s.ptr + i, 8);
        uint64_t low = (x - ones * 0x20) & ~x;
        uint64_t del = x ^ (ones * 0x7f);
        uint64_t hit = (low | ((del - ones) & ~del)) & highs;
        if (hit) break;
    }
    for (; i < s.len; i++) {
        uint8_t c = (uint8_t)s.ptr[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f) return false;
    }
    return true;
}

void trib_http1_head_clear(trib_http1_parser *p) {
    trib_http1_head *h = &p->head;
    memset(h, 0, offsetof(trib_http1_head, fields));
    memset(p->start_at, 0, sizeof p->start_at);
    memset(p->start_len, 0, sizeof p->start_len);
}

static trib_str start_slice(const trib_http1_parser *p, int row) {
    return (trib_str){p->head.bytes + p->start_at[row], p->start_len[row]};
}

void trib_http1_head_set_bytes(trib_http1_parser *p, const char *bytes) {
    trib_http1_head *h = &p->head;
    h->bytes = bytes;
    if (p->is_response) {
        h->reason = start_slice(p, REASON);
        return;
    }
    h->method = start_slice(p, METHOD);
    h->target = start_slice(p, TARGET);
    h->path = p->start_len[PATH] ? start_slice(p, PATH) : TRIB_STR("/");
}

/* "HTTP/1.0" or "HTTP/1.1" (RFC 9112 §2.3). A well-formed other version has its own answer. */
static trib_code take_version(trib_http1_parser *p, trib_str s, trib_error *err) {
    bool formed = s.len == 8 && memcmp(s.ptr, "HTTP/", 5) == 0 && s.ptr[5] >= '0' && s.ptr[5] <= '9' &&
                  s.ptr[6] == '.' && s.ptr[7] >= '0' && s.ptr[7] <= '9';
    if (!formed) return trib_error_set(err, TRIB_BAD_HTTP, "the first line does not name a version such as HTTP/1.1");
    if (s.ptr[5] != '1' || s.ptr[7] > '1') return trib_error_set(err, TRIB_HTTP_VERSION, NULL);
    p->head.minor_version = (uint8_t)(s.ptr[7] - '0');
    return TRIB_OK;
}

static void set_start(trib_http1_parser *p, int row, size_t at, size_t len) {
    p->start_at[row] = (uint16_t)at;
    p->start_len[row] = (uint16_t)len;
}

/* RFC 9112 §3.2: origin-form, absolute-form, or asterisk-form with OPTIONS. Finds the path; start_len[PATH] stays 0
 * when an absolute-form has none. */
static trib_code take_target(trib_http1_parser *p, trib_str method, trib_str target, size_t at, trib_error *err) {
    if (target.len == 0 || !trib_http1_is_target(target))
        return trib_error_set(err, TRIB_BAD_HTTP, "the target is empty or has characters that must be percent-encoded");
    set_start(p, TARGET, at, target.len);
    if (target.ptr[0] == '/') {
        set_start(p, PATH, at, target.len);
        return TRIB_OK;
    }
    if (trib_str_eq_c(target, "*")) {
        if (!trib_str_eq_c(method, "OPTIONS"))
            return trib_error_set(err, TRIB_BAD_HTTP, "the target * is for OPTIONS only");
        set_start(p, PATH, at, 1);
        return TRIB_OK;
    }
    size_t skip = trib_str_ieq_c(trib_str_sub(target, 0, 7), "http://")    ? 7
                  : trib_str_ieq_c(trib_str_sub(target, 0, 8), "https://") ? 8
                                                                           : 0;
    size_t authority = span(trib_str_sub(target, skip, target.len), IS_HOST);
    size_t end = skip + authority;
    if (skip == 0 || authority == 0 || (end < target.len && target.ptr[end] != '/'))
        return trib_error_set(err, TRIB_BAD_HTTP, "the target must start with / or http://host/");
    set_start(p, PATH, at + end, target.len - end);
    return TRIB_OK;
}

trib_code trib_http1_head_request_line(trib_http1_parser *p, trib_str line, trib_error *err) {
    trib_str method = trib_str_sub(line, 0, span(line, IS_TOKEN));
    if (method.len == 0 || method.len == line.len || line.ptr[method.len] != ' ')
        return trib_error_set(err, TRIB_BAD_HTTP, "the request line is not METHOD SP TARGET SP HTTP/1.1");
    if (method.len > TRIB_HTTP1_MAX_METHOD_BYTES || trib_str_eq_c(method, "CONNECT"))
        return trib_error_set(err, TRIB_NOT_IMPLEMENTED_HTTP, "this method is not supported");
    set_start(p, METHOD, 0, method.len);
    size_t at = method.len + 1;
    trib_str rest = trib_str_sub(line, at, line.len);
    size_t target_len = trib_str_find(rest, ' ');
    if (target_len == SIZE_MAX)
        return trib_error_set(err, TRIB_BAD_HTTP, "the request line is not METHOD SP TARGET SP HTTP/1.1");
    if (target_len > TRIB_HTTP1_MAX_TARGET_BYTES) return trib_error_set(err, TRIB_URI_TOO_LONG, NULL);
    trib_code code = take_version(p, trib_str_sub(rest, target_len + 1, rest.len), err);
    if (code) return code;
    return take_target(p, method, trib_str_sub(rest, 0, target_len), at, err);
}

/* "HTTP/1.1 200 OK"; the space behind the status is part of the line even without a reason (RFC 9112 §4). */
trib_code trib_http1_head_status_line(trib_http1_parser *p, trib_str line, trib_error *err) {
    trib_code code = take_version(p, trib_str_sub(line, 0, 8), err);
    if (code) return code;
    int status = 0;
    bool good = line.len >= 13 && line.ptr[8] == ' ' && line.ptr[12] == ' ';
    for (size_t i = 9; good && i < 12; i++) {
        good = line.ptr[i] >= '0' && line.ptr[i] <= '9';
        status = status * 10 + (line.ptr[i] - '0');
    }
    if (!good || status < 100 || status > 599 || !trib_http1_is_field_text(line))
        return trib_error_set(err, TRIB_BAD_HTTP, "the status line is not HTTP/1.1 SP 3DIGIT SP reason");
    p->head.status = status;
    set_start(p, REASON, 13, line.len - 13);
    return TRIB_OK;
}

trib_code trib_http1_field_split(trib_str line, trib_http1_field *ret_field, trib_error *err) {
    size_t name = span(line, IS_TOKEN);
    if (name == 0 || name == line.len || line.ptr[name] != ':') {
        bool blank = name < line.len && (line.ptr[name] == ' ' || line.ptr[name] == '\t');
        /* RFC 9112 §5.1 and §5.2: both were used to hide a header from one of two servers */
        if (blank && name == 0) return trib_error_set(err, TRIB_BAD_HTTP, "a header is folded over two lines");
        if (blank) return trib_error_set(err, TRIB_BAD_HTTP, "a header name is followed by white space");
        return trib_error_set(err, TRIB_BAD_HTTP,
                              "a header is not NAME: VALUE or its name has a character that is not allowed");
    }
    size_t from = name + 1, to = line.len;
    while (from < to && (line.ptr[from] == ' ' || line.ptr[from] == '\t')) from++;
    while (to > from && (line.ptr[to - 1] == ' ' || line.ptr[to - 1] == '\t')) to--;
    if (!trib_http1_is_field_text(trib_str_sub(line, from, to)))
        return trib_error_set(err, TRIB_BAD_HTTP, "a header value has a control character");
    *ret_field = (trib_http1_field){0, (uint16_t)name, (uint16_t)from, (uint16_t)(to - from)};
    return TRIB_OK;
}

trib_code trib_http1_head_field(trib_http1_parser *p, trib_str line, size_t at, trib_error *err) {
    trib_http1_head *h = &p->head;
    if (h->field_count == TRIB_HTTP1_MAX_HEADERS)
        return trib_error_set(err, TRIB_HEADERS_TOO_LARGE, "there are more than %d headers", TRIB_HTTP1_MAX_HEADERS);
    trib_http1_field f = {0};
    trib_code code = trib_http1_field_split(line, &f, err);
    if (code) return code;
    trib_str name = {line.ptr, f.name_len};
    f.name_at = (uint16_t)at;
    f.value_at = (uint16_t)(at + f.value_at);
    h->fields[h->field_count++] = f;
    if (name.len > MAX_KNOWN_NAME_BYTES || !first_known[name.len]) return TRIB_OK;
    for (size_t k = first_known[name.len] - 1u; k < TRIB_HTTP1_KNOWN_COUNT && known_rows[k].name.len == name.len; k++) {
        if (!trib_str_ieq(known_rows[k].name, name)) continue;
        if (!h->known[k]) {
            h->known[k] = (uint8_t)h->field_count;
        } else if (known_rows[k].once) {
            return trib_error_set(err, TRIB_BAD_HTTP, "the header %s appears more than once", known_rows[k].name.ptr);
        }
        break;
    }
    return TRIB_OK;
}

/* Is `word` one of the comma-separated elements of this header, in any of its lines? */
static bool list_has(const trib_http1_head *h, trib_http1_known known, const char *word) {
    if (!h->known[known]) return false;
    for (size_t i = h->known[known] - 1u; i < h->field_count; i++) {
        if (!trib_str_ieq(trib_http1_field_name(h, i), known_rows[known].name)) continue;
        trib_str rest = trib_http1_field_value(h, i);
        while (rest.len) {
            size_t comma = trib_str_find(rest, ',');
            if (comma == SIZE_MAX) comma = rest.len;
            if (trib_str_ieq_c(trib_str_trim(trib_str_sub(rest, 0, comma)), word)) return true;
            rest = trib_str_sub(rest, comma + 1, rest.len);
        }
    }
    return false;
}

/* RFC 9112 §3.2: exactly one Host in 1.1, valid; an absolute-form target must agree with it, else two servers could
 * route the same request to different tenants. */
static trib_code check_host(const trib_http1_parser *p, trib_error *err) {
    const trib_http1_head *h = &p->head;
    trib_str host = trib_http1_known_get(h, TRIB_HTTP1_HOST);
    if (!host.ptr && h->minor_version == 1) return trib_error_set(err, TRIB_BAD_HTTP, "the Host header is missing");
    if (!trib_http1_is_host(host)) return trib_error_set(err, TRIB_BAD_HTTP, "the Host header is not a host name");
    if (h->target.ptr[0] == '/' || h->target.ptr[0] == '*') return TRIB_OK;
    size_t from = trib_str_find(h->target, '/') + 2;
    trib_str authority = trib_str_sub(h->target, from, h->target.len - p->start_len[PATH]);
    if (!trib_str_ieq(authority, host))
        return trib_error_set(err, TRIB_BAD_HTTP, "the Host header and the target name different hosts");
    return TRIB_OK;
}

/* RFC 9112 §6: the rules that decide where the message ends. Anything that two readers could see differently is
 * refused. */
static trib_code find_framing(trib_http1_parser *p, trib_error *err) {
    trib_http1_head *h = &p->head;
    trib_str coding = trib_http1_known_get(h, TRIB_HTTP1_TRANSFER_ENCODING);
    trib_str length = trib_http1_known_get(h, TRIB_HTTP1_CONTENT_LENGTH);
    if (coding.ptr) {
        if (length.ptr)
            return trib_error_set(err, TRIB_BAD_HTTP, "Content-Length and Transfer-Encoding exclude each other");
        if (h->minor_version == 0) return trib_error_set(err, TRIB_BAD_HTTP, "HTTP/1.0 has no Transfer-Encoding");
        if (!trib_str_ieq_c(coding, "chunked"))
            return trib_error_set(err, TRIB_NOT_IMPLEMENTED_HTTP, "the only supported Transfer-Encoding is chunked");
        h->framing = TRIB_HTTP1_CHUNKED;
    } else if (length.ptr) {
        if (!trib_str_u64(length, &h->content_length))
            return trib_error_set(err, TRIB_BAD_HTTP, "Content-Length is not a number");
        h->framing = h->content_length ? TRIB_HTTP1_LENGTH : TRIB_HTTP1_NO_BODY;
    } else if (p->is_response) {
        h->framing = TRIB_HTTP1_UNTIL_CLOSE;
    }
    /* RFC 9112 §6.3 rule 1: these never have a body, whatever their headers say */
    if (p->is_response && (p->answers_head || h->status < 200 || h->status == 204 || h->status == 304))
        h->framing = TRIB_HTTP1_NO_BODY;
    return TRIB_OK;
}

trib_code trib_http1_head_finish(trib_http1_parser *p, trib_error *err) {
    trib_http1_head *h = &p->head;
    trib_code code = p->is_response ? TRIB_OK : check_host(p, err);
    if (!code) code = find_framing(p, err);
    if (code) return code;
    bool close = list_has(h, TRIB_HTTP1_CONNECTION, "close");
    h->keep_alive = !close && (h->minor_version == 1 || list_has(h, TRIB_HTTP1_CONNECTION, "keep-alive")) &&
                    h->framing != TRIB_HTTP1_UNTIL_CLOSE;
    h->upgrade = h->minor_version == 1 && h->known[TRIB_HTTP1_UPGRADE] && list_has(h, TRIB_HTTP1_CONNECTION, "upgrade");
    /* RFC 9110 §10.1.1: a 1.0 client cannot mean it */
    h->expect_continue = !p->is_response && h->minor_version == 1 && list_has(h, TRIB_HTTP1_EXPECT, "100-continue");
    return TRIB_OK;
}

trib_str trib_http1_field_name(const trib_http1_head *h, size_t i) {
    return (trib_str){h->bytes + h->fields[i].name_at, h->fields[i].name_len};
}

trib_str trib_http1_field_value(const trib_http1_head *h, size_t i) {
    return (trib_str){h->bytes + h->fields[i].value_at, h->fields[i].value_len};
}

trib_str trib_http1_known_get(const trib_http1_head *h, trib_http1_known known) {
    return h->known[known] ? trib_http1_field_value(h, h->known[known] - 1u) : (trib_str){NULL, 0};
}

trib_str trib_http1_header(const trib_http1_head *h, const char *name) {
    trib_str wanted = trib_str_c(name);
    for (size_t i = 0; i < h->field_count; i++)
        if (trib_str_ieq(trib_http1_field_name(h, i), wanted)) return trib_http1_field_value(h, i);
    return (trib_str){NULL, 0};
}

/* SPDX-License-Identifier: Apache-2.0 */
/* URLs; see url.h. A request target goes through one decoding, in this order: split off the query, decode, then look at
 * what the decoded path says. Looking first would let "%2e%2e" and "%2F" pass. */
#include "wire/url.h"

#include <string.h>

/* ---- percent coding ---- */

static int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

bool trib_percent_decode(trib_str s, bool plus_is_space, char *out, size_t *ret_n) {
    size_t n = 0;
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        if (c == '%') {
            if (s.len - i < 3) return false;
            int high = hex_digit(s.ptr[i + 1]), low = hex_digit(s.ptr[i + 2]);
            if (high < 0 || low < 0) return false;
            c = (char)(high << 4 | low);
            i += 2;
        } else if (c == '+' && plus_is_space) {
            c = ' ';
        }
        out[n++] = c;
    }
    *ret_n = n;
    return true;
}

static bool is_alnum(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool is_unreserved(char c) {
    return is_alnum(c) || c == '-' || c == '.' || c == '_' || c == '~';
}

void trib_percent_encode(trib_str s, trib_buf *buf) {
    static const char hex[] = "0123456789ABCDEF";
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        if (is_unreserved(s.ptr[i])) {
            trib_buf_add_char(buf, s.ptr[i]);
        } else {
            char escape[3] = {'%', hex[c >> 4], hex[c & 15]};
            trib_buf_add_bytes(buf, escape, sizeof escape);
        }
    }
}

/* ---- request target ---- */

static trib_code bad(trib_error *err, const char *what) {
    return trib_error_set(err, TRIB_BAD_REQUEST, "%s", what);
}

static trib_code no_memory(trib_error *err) {
    return trib_error_set(err, TRIB_NOMEM, NULL);
}

/* True if s has a byte that may not stand in a target or URL unescaped: controls, space, DEL and beyond, '#'. */
static bool has_raw_junk(trib_str s) {
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        if (c <= 0x20 || c >= 0x7F || c == '#') return true;
    }
    return false;
}

/* "http://" and "https://" in any case; the length of the prefix or 0. */
static size_t absolute_prefix(trib_str target) {
    if (trib_str_ieq(trib_str_sub(target, 0, 7), TRIB_STR("http://"))) return 7;
    if (trib_str_ieq(trib_str_sub(target, 0, 8), TRIB_STR("https://"))) return 8;
    return 0;
}

/* Index of the first of `chars`, or s.len. A NUL is none of them, although strchr would find it. */
static size_t find_any(trib_str s, const char *chars) {
    size_t i = 0;
    while (i < s.len && (s.ptr[i] == '\0' || !strchr(chars, s.ptr[i]))) i++;
    return i;
}

/* Nearly every path is plain: nothing to decode, no dots, no double slash. Then it is borrowed as it is. */
static bool path_is_plain(trib_str path) {
    for (size_t i = 0; i < path.len; i++) {
        char c = path.ptr[i];
        if (c == '%') return false;
        if (c == '/' && i + 1 < path.len && (path.ptr[i + 1] == '/' || path.ptr[i + 1] == '.')) return false;
    }
    return true;
}

static bool is_dot_segment(trib_str segment) {
    return trib_str_eq_c(segment, ".") || trib_str_eq_c(segment, "..");
}

/* Where the first "%2F" will be when everything before it is decoded; SIZE_MAX: there is none. */
static size_t find_encoded_slash(trib_str path) {
    size_t at = 0;
    for (size_t i = 0; i < path.len; at++) {
        bool escape = path.ptr[i] == '%' && i + 2 < path.len;
        if (escape && path.ptr[i + 1] == '2' && (path.ptr[i + 2] | 0x20) == 'f') return at;
        i += escape ? 3 : 1;
    }
    return SIZE_MAX;
}

/* Decodes `path` into the arena, collapses slashes and refuses what hides something. */
static trib_code clean_path(trib_arena *arena, trib_str path, trib_str *ret, size_t *ret_slash_at, trib_error *err) {
    char *out = trib_arena_alloc(arena, path.len);
    size_t n, len = 0, slash_at = find_encoded_slash(path);
    if (!out) return no_memory(err);
    if (!trib_percent_decode(path, false, out, &n)) {
        return bad(err, "the path has a '%' that is not followed by two hexadecimal digits; write a plain '%' as %25");
    }
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)out[i];
        if (c < 0x20 || c == 0x7F) return bad(err, "the path has an encoded control character; remove it");
        if (i == slash_at) *ret_slash_at = len;
        if (c == '/' && len > 0 && out[len - 1] == '/') continue;
        out[len++] = out[i];
    }
    trib_str clean = {out, len};
    if (!trib_str_utf8_valid(clean)) return bad(err, "the path is not UTF-8 after decoding; encode it as UTF-8");
    for (trib_str rest = clean; rest.len > 1;) {
        if (is_dot_segment(trib_path_take_segment(&rest))) {
            return bad(err, "the path has a '.' or '..' segment; send the path it stands for");
        }
    }
    *ret = clean;
    return TRIB_OK;
}

trib_code trib_target_parse(trib_arena *arena, trib_str target, trib_target *ret, trib_error *err) {
    trib_target t = {.slash_at = SIZE_MAX};
    trib_str rest = target;
    if (has_raw_junk(target)) {
        return bad(err, "the request target has a control, space, '#' or non-ASCII character; write it as %XX");
    }
    size_t prefix = absolute_prefix(target);
    if (prefix > 0) {
        rest = trib_str_sub(target, prefix, target.len);
        size_t n = find_any(rest, "/?");
        t.authority = trib_str_sub(rest, 0, n);
        rest = trib_str_sub(rest, n, rest.len);
        if (n == 0 || trib_str_find(t.authority, '@') != SIZE_MAX) {
            return bad(err, "the request target has no host or has a user name in it; send only the path");
        }
    } else if (trib_str_eq_c(target, "*")) {
        ret->path = target;
        ret->query = ret->authority = (trib_str){0};
        ret->slash_at = SIZE_MAX;
        return TRIB_OK;
    } else if (target.len == 0 || target.ptr[0] != '/') {
        return bad(err, "the request target must begin with '/'");
    }
    size_t mark = find_any(rest, "?");
    t.path = trib_str_sub(rest, 0, mark);
    t.query = trib_str_sub(rest, mark + 1, rest.len);
    if (t.path.len == 0) t.path = TRIB_STR("/");
    if (!path_is_plain(t.path)) {
        trib_code code = clean_path(arena, t.path, &t.path, &t.slash_at, err);
        if (code) return code;
    }
    *ret = t;
    return TRIB_OK;
}

trib_str trib_path_take_segment(trib_str *path) {
    trib_str rest = path->len && path->ptr[0] == '/' ? trib_str_sub(*path, 1, path->len) : *path;
    size_t n = find_any(rest, "/");
    trib_str segment = trib_str_sub(rest, 0, n);
    *path = n < rest.len ? trib_str_sub(rest, n, rest.len) : TRIB_STR("/");
    return segment;
}

/* ---- query ---- */

/* Nothing to decode is borrowed. */
static trib_code decode_part(trib_arena *arena, trib_str raw, trib_str *ret, trib_error *err) {
    size_t n;
    if (find_any(raw, "%+") == raw.len) {
        if (memchr(raw.len ? raw.ptr : "", 0, raw.len) || !trib_str_utf8_valid(raw)) {
            return bad(err, "the query has a NUL or bytes that are not UTF-8; encode them");
        }
        *ret = raw;
        return TRIB_OK;
    }
    char *out = trib_arena_alloc(arena, raw.len);
    if (!out) return no_memory(err);
    if (!trib_percent_decode(raw, true, out, &n)) {
        return bad(err, "the query has a '%' that is not followed by two hexadecimal digits; write a plain '%' as %25");
    }
    if (memchr(out, 0, n) || !trib_str_utf8_valid((trib_str){out, n})) {
        return bad(err, "the query has a NUL or bytes that are not UTF-8 after decoding; encode it as UTF-8");
    }
    *ret = (trib_str){out, n};
    return TRIB_OK;
}

trib_code trib_query_parse(trib_arena *arena, trib_str query, trib_query *ret, trib_error *err) {
    size_t max = 1, count = 0;
    for (size_t i = 0; i < query.len; i++) max += query.ptr[i] == '&';
    if (max > TRIB_QUERY_MAX_PARAMS) return bad(err, "the query has more than 100 parameters; send fewer");
    trib_query_param *params = trib_arena_zalloc(arena, max, sizeof *params);
    if (!params) return no_memory(err);
    for (trib_str rest = query; rest.len > 0;) {
        size_t end = find_any(rest, "&");
        trib_str pair = trib_str_sub(rest, 0, end);
        rest = trib_str_sub(rest, end + 1, rest.len);
        if (pair.len == 0) continue;
        size_t equals = find_any(pair, "=");
        trib_code code = decode_part(arena, trib_str_sub(pair, 0, equals), &params[count].name, err);
        if (!code) code = decode_part(arena, trib_str_sub(pair, equals + 1, pair.len), &params[count].value, err);
        if (code) return code;
        count++;
    }
    *ret = (trib_query){params, count};
    return TRIB_OK;
}

const trib_str *trib_query_get(const trib_query *query, const char *name) {
    for (size_t i = 0; i < query->count; i++) {
        if (trib_str_eq_c(query->params[i].name, name)) return &query->params[i].value;
    }
    return NULL;
}

/* ---- URLs of servers ---- */

typedef struct scheme_row {
    const char *name;
    bool tls;
} scheme_row;

static const scheme_row schemes[] = {
    [TRIB_URL_HTTP] = {"http", false}, [TRIB_URL_HTTPS] = {"https", true}, [TRIB_URL_LIBSQL] = {"libsql", true},
    [TRIB_URL_WS] = {"ws", false},     [TRIB_URL_WSS] = {"wss", true},
};

const char *trib_url_scheme_text(trib_url_scheme scheme) {
    return schemes[scheme].name;
}

static trib_code parse_scheme(trib_str *rest, trib_url *url, trib_error *err) {
    size_t n = find_any(*rest, ":/?");
    trib_str name = trib_str_sub(*rest, 0, n);
    if (trib_str_starts(trib_str_sub(*rest, n, rest->len), TRIB_STR("://"))) {
        for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
            if (!trib_str_ieq_c(name, schemes[i].name)) continue;
            url->scheme = (trib_url_scheme)i;
            url->tls = schemes[i].tls;
            *rest = trib_str_sub(*rest, n + 3, rest->len);
            return TRIB_OK;
        }
    }
    return bad(err, "a server URL begins with http://, https://, libsql://, ws:// or wss://, "
                    "as in http://127.0.0.1:8080/name/");
}

static trib_code parse_host(trib_str host, trib_url *url, trib_error *err) {
    bool colon = false;
    if (host.len == 0) return bad(err, "the URL has no host; write one behind '://'");
    if (host.len > TRIB_URL_MAX_HOST_BYTES) return bad(err, "the host of the URL is longer than 255 bytes");
    for (size_t i = 0; i < host.len; i++) {
        char c = host.ptr[i];
        bool fits = url->is_ipv6 ? hex_digit(c) >= 0 || c == ':' || c == '.' : is_alnum(c) || strchr("-._", c);
        if (!fits) return bad(err, "the URL's host has a character that no host name has; use the xn-- form");
        colon = colon || c == ':';
    }
    if (url->is_ipv6 && !colon) return bad(err, "what stands in [ ] is not an IPv6 address; leave the brackets away");
    url->host = host;
    return TRIB_OK;
}

/* host, host:port, [address], [address]:port */
static trib_code parse_authority(trib_str authority, trib_url *url, trib_error *err) {
    trib_str host, port;
    uint64_t number;
    if (trib_str_find(authority, '@') != SIZE_MAX) {
        return bad(err, "the URL has a user name or password; remove it and give the token with --token");
    }
    url->is_ipv6 = authority.len > 0 && authority.ptr[0] == '[';
    size_t end = find_any(authority, url->is_ipv6 ? "]" : ":");
    host = trib_str_sub(authority, url->is_ipv6, end);
    if (url->is_ipv6 && end == authority.len) return bad(err, "the URL has a '[' without its ']'");
    port = trib_str_sub(authority, end + url->is_ipv6, authority.len);
    url->port = url->tls ? 443 : 80;
    if (port.len > 0) {
        port = port.ptr[0] == ':' ? trib_str_sub(port, 1, port.len) : (trib_str){0};
        if (!trib_str_u64(port, &number) || number == 0 || number > UINT16_MAX) {
            return bad(err, "the port of the URL is not a number from 1 to 65535");
        }
        url->port = (uint16_t)number;
    } else if (url->scheme == TRIB_URL_LIBSQL && !url->tls) {
        return bad(err, "a libsql:// URL with ?tls=0 needs a port, as in libsql://127.0.0.1:8080/?tls=0");
    }
    return parse_host(host, url, err);
}

/* ?tls=0 and ?tls=1 of libsql URLs. Asking for less than wss or https promise is refused rather than ignored. */
static trib_code apply_tls_param(trib_url *url, trib_error *err) {
    trib_str rest = url->query;
    while (rest.len > 0) {
        size_t end = find_any(rest, "&");
        trib_str pair = trib_str_sub(rest, 0, end);
        rest = trib_str_sub(rest, end + 1, rest.len);
        if (!trib_str_starts(pair, TRIB_STR("tls="))) continue;
        bool on = trib_str_eq_c(pair, "tls=1");
        if (!on && !trib_str_eq_c(pair, "tls=0")) return bad(err, "the URL's parameter tls is neither 0 nor 1");
        if (url->scheme != TRIB_URL_LIBSQL && on != url->tls) {
            return bad(err, "the URL's parameter tls contradicts its scheme; use http:// or ws:// without TLS, "
                            "https:// or wss:// with");
        }
        url->tls = on;
    }
    return TRIB_OK;
}

trib_code trib_url_parse(trib_str text, trib_url *ret, trib_error *err) {
    trib_url url = {0};
    trib_str rest = text;
    if (has_raw_junk(text)) {
        return bad(err, "the URL has a control, space, '#' or non-ASCII character; remove it or write it as %XX");
    }
    trib_code code = parse_scheme(&rest, &url, err);
    if (code) return code;
    size_t end = find_any(rest, "/?");
    trib_str authority = trib_str_sub(rest, 0, end);
    rest = trib_str_sub(rest, end, rest.len);
    size_t mark = find_any(rest, "?");
    url.path = mark > 0 ? trib_str_sub(rest, 0, mark) : TRIB_STR("/");
    url.query = trib_str_sub(rest, mark + 1, rest.len);
    code = apply_tls_param(&url, err);
    if (!code) code = parse_authority(authority, &url, err);
    if (!code) *ret = url;
    return code;
}

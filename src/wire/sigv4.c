/* SPDX-License-Identifier: Apache-2.0 */
/* See sigv4.h. The canonical request:
 *
 *   METHOD \n path, coded \n query, coded and sorted \n name:value \n ... \n \n names;of;headers \n hash of the payload
 */
#include "wire/sigv4.h"

#include <stdio.h>
#include <string.h>

#include "base/time.h"
#include "wire/url.h"

void trib_sigv4_time(int64_t wall_ms, char ret_text[TRIB_SIGV4_TIME_BYTES]) {
    char iso[TRIB_TIME_ISO_BYTES]; /* 2015-08-30T12:36:00.000Z */
    trib_time_to_iso(wall_ms, iso);
    snprintf(ret_text, TRIB_SIGV4_TIME_BYTES, "%.4s%.2s%.2sT%.2s%.2s%.2sZ", iso, iso + 5, iso + 8, iso + 11, iso + 14,
             iso + 17);
}

static void to_hex(const uint8_t digest[TRIB_SHA256_BYTES], char ret_hex[2 * TRIB_SHA256_BYTES + 1]) {
    for (size_t i = 0; i < TRIB_SHA256_BYTES; i++) snprintf(ret_hex + 2 * i, 3, "%02x", digest[i]);
}

trib_code trib_sigv4_payload_hash(trib_str payload, char ret_hex[2 * TRIB_SHA256_BYTES + 1], trib_error *err) {
    uint8_t digest[TRIB_SHA256_BYTES];
    trib_code code = trib_crypto_sha256(payload, digest);
    if (code != TRIB_OK) return trib_error_set(err, code, NULL);
    to_hex(digest, ret_hex);
    return TRIB_OK;
}

/* ---- the spelling that is signed ---- */

static void add_path(trib_str path, trib_buf *out) {
    while (path.len) {
        size_t slash = trib_str_find(path, '/');
        size_t len = slash == SIZE_MAX ? path.len : slash;
        trib_percent_encode(trib_str_sub(path, 0, len), out);
        if (slash != SIZE_MAX) trib_buf_add_char(out, '/');
        path = trib_str_sub(path, len + (slash != SIZE_MAX), path.len);
    }
}

typedef struct order {
    size_t at[TRIB_SIGV4_PAIRS_MAX];
    size_t count;
} order;

static int compare_lower(trib_str a, trib_str b) {
    size_t n = a.len < b.len ? a.len : b.len;
    for (size_t i = 0; i < n; i++) {
        int x = a.ptr[i] >= 'A' && a.ptr[i] <= 'Z' ? a.ptr[i] + 32 : a.ptr[i];
        int y = b.ptr[i] >= 'A' && b.ptr[i] <= 'Z' ? b.ptr[i] + 32 : b.ptr[i];
        if (x != y) return x - y;
    }
    return a.len < b.len ? -1 : a.len > b.len;
}

/* Stable: values of one header keep their order. Few pairs, so by insertion. */
static void sort(const trib_sigv4_pair *pairs, size_t count, bool are_headers, order *ret) {
    ret->count = count < TRIB_SIGV4_PAIRS_MAX ? count : TRIB_SIGV4_PAIRS_MAX;
    for (size_t i = 0; i < ret->count; i++) {
        size_t j = i;
        for (; j > 0; j--) {
            const trib_sigv4_pair *a = &pairs[ret->at[j - 1]], *b = &pairs[i];
            int before = are_headers ? compare_lower(a->name, b->name) : trib_str_cmp(a->name, b->name);
            if (before == 0 && !are_headers) before = trib_str_cmp(a->value, b->value);
            if (before <= 0) break;
            ret->at[j] = ret->at[j - 1];
        }
        ret->at[j] = i;
    }
}

static void add_query(const trib_sigv4_pair *query, size_t count, trib_buf *out) {
    order sorted;
    sort(query, count, false, &sorted);
    for (size_t i = 0; i < sorted.count; i++) {
        const trib_sigv4_pair *pair = &query[sorted.at[i]];
        if (i) trib_buf_add_char(out, '&');
        trib_percent_encode(pair->name, out);
        trib_buf_add_char(out, '=');
        trib_percent_encode(pair->value, out);
    }
}

void trib_sigv4_target(trib_str path, const trib_sigv4_pair *query, size_t query_count, trib_buf *out) {
    add_path(path, out);
    if (query_count == 0) return;
    trib_buf_add_char(out, '?');
    add_query(query, query_count, out);
}

/* ---- headers ---- */

static void add_lower(trib_str name, trib_buf *out) {
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        trib_buf_add_char(out, c >= 'A' && c <= 'Z' ? (char)(c + 32) : c);
    }
}

/* Trimmed, and runs of spaces become one. */
static void add_value(trib_str value, trib_buf *out) {
    value = trib_str_trim(value);
    for (size_t i = 0; i < value.len; i++)
        if (value.ptr[i] != ' ' || value.ptr[i - 1] != ' ') trib_buf_add_char(out, value.ptr[i]);
}

static void add_headers(const trib_sigv4_request *r, const order *sorted, trib_buf *out) {
    for (size_t i = 0; i < sorted->count; i++) {
        const trib_sigv4_pair *pair = &r->headers[sorted->at[i]];
        bool same = i > 0 && compare_lower(r->headers[sorted->at[i - 1]].name, pair->name) == 0;
        if (same) {
            out->len -= out->len > 0; /* the line goes on */
            trib_buf_add_char(out, ',');
        } else {
            add_lower(pair->name, out);
            trib_buf_add_char(out, ':');
        }
        add_value(pair->value, out);
        trib_buf_add_char(out, '\n');
    }
}

static void add_names(const trib_sigv4_request *r, const order *sorted, trib_buf *out) {
    for (size_t i = 0; i < sorted->count; i++) {
        trib_str name = r->headers[sorted->at[i]].name;
        if (i > 0 && compare_lower(r->headers[sorted->at[i - 1]].name, name) == 0) continue;
        if (i > 0) trib_buf_add_char(out, ';');
        add_lower(name, out);
    }
}

void trib_sigv4_canonical(const trib_sigv4_request *r, trib_buf *out) {
    order headers;
    sort(r->headers, r->header_count, true, &headers);
    trib_buf_add(out, r->method);
    trib_buf_add_char(out, '\n');
    add_path(r->path, out);
    trib_buf_add_char(out, '\n');
    add_query(r->query, r->query_count, out);
    trib_buf_add_char(out, '\n');
    add_headers(r, &headers, out);
    trib_buf_add_char(out, '\n');
    add_names(r, &headers, out);
    trib_buf_add_char(out, '\n');
    trib_buf_add(out, r->payload_hash);
}

/* ---- the signature ---- */

static trib_str bytes_of(const uint8_t mac[TRIB_SHA256_BYTES]) {
    return trib_str_make((const char *)mac, TRIB_SHA256_BYTES);
}

/* HMAC(HMAC(HMAC(HMAC("AWS4" secret, date), region), service), "aws4_request"), then of the text. */
static trib_code derive(const trib_sigv4_request *r, trib_str secret, trib_str text, uint8_t ret_mac[TRIB_SHA256_BYTES],
                        trib_error *err) {
    const trib_str parts[] = {trib_str_make(r->time, 8), r->region, r->service, TRIB_STR("aws4_request"), text};
    uint8_t key[TRIB_SHA256_BYTES];
    trib_buf first;
    trib_buf_init(&first, 4096);
    trib_buf_add_c(&first, "AWS4");
    trib_buf_add(&first, secret);
    trib_code code = first.failed ? TRIB_NOMEM : TRIB_OK;
    for (size_t i = 0; code == TRIB_OK && i < sizeof parts / sizeof *parts; i++) {
        uint8_t next[TRIB_SHA256_BYTES];
        code = trib_crypto_hmac_sha256(i ? bytes_of(key) : trib_buf_str(&first), parts[i], next);
        if (code == TRIB_OK) memcpy(key, next, sizeof key);
    }
    if (code == TRIB_OK) memcpy(ret_mac, key, sizeof key);
    trib_crypto_wipe(key, sizeof key);
    if (first.ptr) trib_crypto_wipe(first.ptr, first.cap);
    trib_buf_deinit(&first);
    return code == TRIB_OK ? code : trib_error_set(err, code, NULL);
}

trib_code trib_sigv4_sign(const trib_sigv4_request *r, const trib_sigv4_credentials *credentials, trib_buf *out,
                          trib_error *err) {
    char hex[2 * TRIB_SHA256_BYTES + 1], scope[256];
    uint8_t mac[TRIB_SHA256_BYTES];
    order headers;
    trib_buf text;
    if (r->query_count > TRIB_SIGV4_PAIRS_MAX || r->header_count > TRIB_SIGV4_PAIRS_MAX)
        return trib_error_set(err, TRIB_INTERNAL, "a request with so many headers or parameters cannot be signed");
    snprintf(scope, sizeof scope, "%.8s/%.*s/%.*s/aws4_request", r->time, TRIB_STR_ARG(r->region),
             TRIB_STR_ARG(r->service));
    trib_buf_init(&text, TRIB_SIGV4_TEXT_MAX_BYTES);
    trib_sigv4_canonical(r, &text);
    trib_code code =
        text.failed ? trib_error_set(err, TRIB_NOMEM, NULL) : trib_sigv4_payload_hash(trib_buf_str(&text), hex, err);
    trib_buf_clear(&text);
    trib_buf_printf(&text, "AWS4-HMAC-SHA256\n%s\n%s\n%s", r->time, scope, hex);
    if (code == TRIB_OK && text.failed) code = trib_error_set(err, TRIB_NOMEM, NULL);
    if (code == TRIB_OK) code = derive(r, credentials->secret, trib_buf_str(&text), mac, err);
    trib_buf_deinit(&text);
    if (code != TRIB_OK) return code;
    to_hex(mac, hex);
    sort(r->headers, r->header_count, true, &headers);
    trib_buf_printf(out, "AWS4-HMAC-SHA256 Credential=%.*s/%s, SignedHeaders=", TRIB_STR_ARG(credentials->key_id),
                    scope);
    add_names(r, &headers, out);
    trib_buf_printf(out, ", Signature=%s", hex);
    return out->failed ? trib_error_set(err, TRIB_NOMEM, NULL) : TRIB_OK;
}

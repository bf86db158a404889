/* SPDX-License-Identifier: Apache-2.0 */
/* The opening handshake; see ws_handshake.h. Each header that decides something must be there exactly once: two readers
 * could pick different ones. */
#include "wire/ws_handshake.h"

#include <string.h>

#include "crypto/hash.h"
#include "wire/base64.h"

#define GUID "258EAFA5-E914-47DA-95CA-C5AB0DC85B11" /* RFC 6455 §1.3 */

enum { KEY_BYTES = 16, KEY_CHARS = 24 };

/* Does any header of this name have `word` among its comma-separated elements? */
static bool offers(const trib_http1_head *head, const char *name, const char *word, bool any_case) {
    trib_str wanted = trib_str_c(name), element;
    for (size_t i = 0; i < head->field_count; i++) {
        if (!trib_str_ieq(trib_http1_field_name(head, i), wanted)) continue;
        trib_str rest = trib_http1_field_value(head, i);
        while (rest.len) {
            size_t comma = trib_str_find(rest, ',');
            if (comma == SIZE_MAX) comma = rest.len;
            element = trib_str_trim(trib_str_sub(rest, 0, comma));
            if (any_case ? trib_str_ieq_c(element, word) : trib_str_eq_c(element, word)) return true;
            rest = trib_str_sub(rest, comma + 1, rest.len);
        }
    }
    return false;
}

static size_t count_headers(const trib_http1_head *head, const char *name) {
    size_t n = 0;
    trib_str wanted = trib_str_c(name);
    for (size_t i = 0; i < head->field_count; i++) n += trib_str_ieq(trib_http1_field_name(head, i), wanted);
    return n;
}

bool trib_ws_handshake_asked(const trib_http1_head *head) {
    return offers(head, "upgrade", "websocket", true) || count_headers(head, "sec-websocket-key") > 0;
}

static trib_code bad(trib_error *err, const char *why) {
    return trib_error_set(err, TRIB_BAD_REQUEST, "%s", why);
}

trib_code trib_ws_handshake_check(const trib_http1_head *head, char ret_accept[TRIB_WS_ACCEPT_BYTES], trib_error *err) {
    char text[KEY_CHARS + sizeof GUID - 1];
    uint8_t key_bytes[KEY_BYTES + 2], digest[TRIB_SHA1_BYTES];
    size_t n = 0;
    if (!trib_str_eq_c(head->method, "GET") || head->minor_version < 1)
        return bad(err, "a WebSocket begins with a GET of HTTP/1.1");
    if (!head->upgrade || !offers(head, "upgrade", "websocket", true))
        return bad(err, "a WebSocket needs the headers `Connection: Upgrade` and `Upgrade: websocket`; a proxy in "
                        "front must pass both on");
    if (head->framing != TRIB_HTTP1_NO_BODY) return bad(err, "a request for a WebSocket has no body");
    trib_str version = trib_http1_header(head, "sec-websocket-version");
    if (count_headers(head, "sec-websocket-version") != 1 || !trib_str_eq_c(version, "13"))
        return trib_error_set(err, TRIB_UPGRADE_REQUIRED, NULL);
    trib_str key = trib_http1_header(head, "sec-websocket-key");
    if (count_headers(head, "sec-websocket-key") != 1 || key.len != KEY_CHARS ||
        !trib_base64_decode(TRIB_BASE64_STD, TRIB_BASE64_LENIENT, key, key_bytes, &n) || n != KEY_BYTES)
        return bad(err, "Sec-WebSocket-Key must be there once, with 16 bytes in Base64");
    memcpy(text, key.ptr, KEY_CHARS);
    memcpy(text + KEY_CHARS, GUID, sizeof GUID - 1);
    trib_code code = trib_crypto_sha1(trib_str_make(text, sizeof text), digest);
    if (code != TRIB_OK) return trib_error_set(err, code, NULL);
    ret_accept[trib_base64_encode(TRIB_BASE64_STD, true, digest, sizeof digest, ret_accept)] = '\0';
    return TRIB_OK;
}

trib_code trib_ws_handshake_choose(const trib_http1_head *head, const char *const *spoken, int count, int *ret_index,
                                   trib_error *err) {
    *ret_index = -1;
    if (count_headers(head, "sec-websocket-protocol") == 0) return TRIB_OK;
    for (int i = 0; i < count; i++) {
        if (!offers(head, "sec-websocket-protocol", spoken[i], false)) continue;
        *ret_index = i;
        return TRIB_OK;
    }
    return trib_error_set(err, TRIB_BAD_REQUEST,
                          "none of the offered WebSocket subprotocols is spoken here; offer %s, or none at all",
                          count ? spoken[0] : "none");
}

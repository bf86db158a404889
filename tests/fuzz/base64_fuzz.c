// SPDX-License-Identifier: Apache-2.0
// Fuzz target of Base64.
// rooms: wire base
//
// Bytes come back from their text in every alphabet and mode; a text that is accepted in canonical mode is the one text
// of its bytes, and is accepted in lenient mode with the same bytes.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "wire/base64.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok) {
    if (!ok) abort();
}

static void there_and_back(trib_base64_alphabet alphabet, bool pad, trib_str bytes) {
    size_t n = 0;
    char *text = malloc(trib_base64_encoded_max(bytes.len) + 1);
    size_t len = trib_base64_encode(alphabet, pad, bytes.ptr, bytes.len, text);
    check(len <= trib_base64_encoded_max(bytes.len));
    char *back = malloc(trib_base64_decoded_max(len));
    check(trib_base64_decode(alphabet, TRIB_BASE64_LENIENT, trib_str_make(text, len), back, &n));
    check(trib_str_eq(trib_str_make(back, n), bytes));
    if (!pad) {
        /* in place */
        check(trib_base64_decode(alphabet, TRIB_BASE64_CANONICAL, trib_str_make(text, len), text, &n));
        check(trib_str_eq(trib_str_make(text, n), bytes));
    }
    free(text);
    free(back);
}

static void decode_any(trib_base64_alphabet alphabet, trib_str text) {
    size_t n = 0, m = 0;
    char *out = malloc(trib_base64_decoded_max(text.len)), *lenient = malloc(trib_base64_decoded_max(text.len));
    bool canonical = trib_base64_decode(alphabet, TRIB_BASE64_CANONICAL, text, out, &n);
    bool accepted = trib_base64_decode(alphabet, TRIB_BASE64_LENIENT, text, lenient, &m);
    if (accepted) check(m <= trib_base64_decoded_max(text.len));
    if (canonical) {
        check(accepted && trib_str_eq(trib_str_make(out, n), trib_str_make(lenient, m)));
        char *again = malloc(trib_base64_encoded_max(n) + 1);
        size_t len = trib_base64_encode(alphabet, false, out, n, again);
        check(trib_str_eq(trib_str_make(again, len), text));
        free(again);
    }
    free(out);
    free(lenient);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    trib_str input = {(const char *)data, size};
    for (int alphabet = TRIB_BASE64_STD; alphabet <= TRIB_BASE64_URL; alphabet++) {
        there_and_back((trib_base64_alphabet)alphabet, true, input);
        there_and_back((trib_base64_alphabet)alphabet, false, input);
        decode_any((trib_base64_alphabet)alphabet, input);
    }
    return 0;
}

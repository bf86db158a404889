/* SPDX-License-Identifier: Apache-2.0 */
/* Error table look-ups and message formatting; see error.h. */
#include "base/error.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

typedef struct error_row {
    const char *name, *code, *meaning;
    int http, grpc;
    bool retry;
} error_row;

static const error_row rows[TRIB_CODE_COUNT] = {[TRIB_OK] = {"OK", "OK", "no error", 200, 0, false},
#define X(name, code, http, grpc, retry, meaning) [TRIB_##name] = {#name, code, meaning, http, grpc, retry},
                                                TRIB_ERROR_TABLE(X)
#undef X
};

static const error_row *row(trib_code code) {
    assert((int)code >= 0 && code < TRIB_CODE_COUNT);
    return &rows[code];
}

const char *trib_code_text(trib_code code) {
    return row(code)->code;
}

const char *trib_code_name(trib_code code) {
    return row(code)->name;
}

const char *trib_code_meaning(trib_code code) {
    return row(code)->meaning;
}

int trib_code_http(trib_code code) {
    return row(code)->http;
}

int trib_code_grpc(trib_code code) {
    return row(code)->grpc;
}

bool trib_code_retry(trib_code code) {
    return row(code)->retry;
}

/* vsnprintf may cut inside a character: drop the incomplete tail so that the message stays UTF-8. */
static void drop_cut_character(char *text) {
    size_t n = strlen(text);
    while (n > 0 && !trib_str_utf8_valid(trib_str_make(text, n)) && n + 4 > strlen(text)) n--;
    if (trib_str_utf8_valid(trib_str_make(text, n))) text[n] = '\0';
}

trib_code(trib_error_set)(trib_error *err, trib_code code, const char *format, ...) {
    if (!err) return code;
    err->code = code;
    err->detail = 0;
    err->text_code[0] = '\0';
    if (!format) {
        snprintf(err->message, sizeof err->message, "%s", trib_code_meaning(code));
        return code;
    }
    va_list args;
    va_start(args, format);
    int n = vsnprintf(err->message, sizeof err->message, format, args);
    va_end(args);
    if (n >= (int)sizeof err->message) drop_cut_character(err->message);
    return code;
}

const char *trib_error_wire_code(const trib_error *err) {
    return err->text_code[0] ? err->text_code : trib_code_text(err->code);
}

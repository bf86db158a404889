/* SPDX-License-Identifier: Apache-2.0 */
/* Exact decimals; see amount.h. */
#include "deal/amount.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

#include "wire/json.h"

static const int64_t powers[TRIB_DEAL_DECIMALS_MAX + 1] = {1, 10, 100, 1000, 10000, 100000, 1000000};

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/* "e+12" at text[at, len): false if it is none or past what matters. */
static bool read_exponent(trib_str text, size_t at, int *ret) {
    bool negative = false;
    int value = 0;
    if (++at < text.len && (text.ptr[at] == '+' || text.ptr[at] == '-')) negative = text.ptr[at++] == '-';
    if (at == text.len) return false;
    for (; at < text.len; at++) {
        if (!is_digit(text.ptr[at]) || value > 999) return false;
        value = value * 10 + (text.ptr[at] - '0');
    }
    *ret = negative ? -value : value;
    return true;
}

/* value * 10^shift; false if digits would be lost or it grows past the largest amount. */
static bool scale(int64_t value, int shift, int64_t *ret) {
    if (value == 0) shift = 0;
    for (; shift > 0; shift--) {
        if (value > TRIB_DEAL_AMOUNT_MAX / 10) return false;
        value *= 10;
    }
    for (; shift < 0; shift++) {
        if (value % 10) return false;
        value /= 10;
    }
    *ret = value;
    return value <= TRIB_DEAL_AMOUNT_MAX;
}

bool trib_deal_amount_parse(trib_str token, unsigned decimals, int64_t *ret) {
    assert(decimals <= TRIB_DEAL_DECIMALS_MAX);
    bool negative = token.len > 0 && token.ptr[0] == '-', after_point = false;
    size_t at = negative ? 1 : 0, digits = 0;
    int64_t value = 0;
    int places = 0, exponent = 0;
    if (token.len > TRIB_DEAL_TOKEN_MAX_BYTES) return false;
    for (; at < token.len; at++) {
        char c = token.ptr[at];
        if (c == '.' && !after_point && digits) {
            after_point = true;
            digits = 0;
            continue;
        }
        if (!is_digit(c)) break;
        digits++;
        places += after_point;
        /* a run of zeros at the end is taken back below by scale(); anything longer than 18 digits is too much */
        if (value > (INT64_MAX - 9) / 10) return false;
        value = value * 10 + (c - '0');
    }
    if (!digits) return false;
    if (at < token.len && (token.ptr[at] | 0x20) == 'e') {
        if (!read_exponent(token, at, &exponent)) return false;
        at = token.len;
    }
    if (at != token.len || !scale(value, (int)decimals - places + exponent, &value)) return false;
    *ret = negative ? -value : value;
    return true;
}

bool trib_deal_amount_from_f64(double value, unsigned decimals, int64_t *ret) {
    char text[TRIB_F64_BYTES];
    if (!(value > -1e16 && value < 1e16)) return false; /* NaN and infinities too */
    return trib_deal_amount_parse(trib_str_make(text, trib_f64_format(value, text)), decimals, ret);
}

size_t trib_deal_amount_format_fixed(int64_t amount, unsigned decimals, char out[TRIB_DEAL_AMOUNT_BYTES]) {
    assert(decimals <= TRIB_DEAL_DECIMALS_MAX);
    uint64_t size = amount < 0 ? 0 - (uint64_t)amount : (uint64_t)amount, one = (uint64_t)powers[decimals];
    int n = snprintf(out, TRIB_DEAL_AMOUNT_BYTES, "%s%" PRIu64, amount < 0 ? "-" : "", size / one);
    if (decimals) n += snprintf(out + n, TRIB_DEAL_AMOUNT_BYTES - (size_t)n, ".%0*" PRIu64, (int)decimals, size % one);
    return (size_t)n;
}

size_t trib_deal_amount_format(int64_t amount, unsigned decimals, char out[TRIB_DEAL_AMOUNT_BYTES]) {
    size_t n = trib_deal_amount_format_fixed(amount, decimals, out);
    if (!decimals) return n;
    while (out[n - 1] == '0') n--;
    return out[n - 1] == '.' ? n - 1 : n;
}

bool trib_deal_amount_times(int64_t qty, int64_t price, int64_t *ret) {
    int64_t product, one = powers[TRIB_DEAL_QTY_DECIMALS];
    if (__builtin_mul_overflow(qty, price, &product)) return false;
    int64_t whole = product / one, rest = product % one;
    if (2 * rest >= one) whole++;
    if (2 * rest <= -one) whole--;
    if (whole > TRIB_DEAL_AMOUNT_MAX || whole < -TRIB_DEAL_AMOUNT_MAX) return false;
    *ret = whole;
    return true;
}

bool trib_deal_amount_add(int64_t a, int64_t b, int64_t *ret) {
    int64_t sum;
    if (__builtin_add_overflow(a, b, &sum) || sum > TRIB_DEAL_AMOUNT_MAX || sum < -TRIB_DEAL_AMOUNT_MAX) return false;
    *ret = sum;
    return true;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Token to double and double to its shortest text; see f64.h. */
#include "base/f64.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    /* No decimal with more digits lies exactly between two doubles, so the rest matters only as zero or not. */
    MAX_DIGITS = 780,
    /* Keeps sums of exponents small; everything past it is 0 or out of range with any digits the text can hold. */
    MAX_EXPONENT = 100000000,
    EXACT_POWERS = 22,
    /* Fractions of up to this many places are tried without printf: prices, coordinates, percentages. */
    SHORT_PLACES = 9,
};

static const double powers[EXACT_POWERS + 1] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                                1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

/* ---- token to double ---- */

/* digits * 10^exponent, digits without leading zeros */
typedef struct decimal {
    bool negative;
    bool cut; /* non-zero digits were dropped behind the last one */
    size_t n;
    int64_t exponent;
    char digits[MAX_DIGITS];
} decimal;

static int64_t read_exponent(trib_str text) {
    size_t i = text.len && (text.ptr[0] == '-' || text.ptr[0] == '+');
    bool negative = text.len && text.ptr[0] == '-';
    int64_t exponent = 0;
    for (; i < text.len; i++) {
        if (exponent < MAX_EXPONENT) exponent = exponent * 10 + (text.ptr[i] - '0');
    }
    return negative ? -exponent : exponent;
}

static void split_token(trib_str token, decimal *d) {
    size_t i = token.len && token.ptr[0] == '-';
    bool point = false;
    d->negative = i > 0;
    d->cut = false;
    d->n = 0;
    d->exponent = 0;
    for (; i < token.len && token.ptr[i] != 'e' && token.ptr[i] != 'E'; i++) {
        char c = token.ptr[i];
        if (c == '.') {
            point = true;
            continue;
        }
        if (point) d->exponent--;
        if (c == '0' && d->n == 0) continue;
        if (d->n < MAX_DIGITS) {
            d->digits[d->n++] = c;
        } else {
            d->exponent++;
            d->cut = d->cut || c != '0';
        }
    }
    if (i < token.len) d->exponent += read_exponent(trib_str_sub(token, i + 1, token.len));
}

/* Both operands are exact doubles, so the one operation rounds correctly (Clinger's fast path). */
static bool exact_f64(const decimal *d, double *ret) {
    uint64_t mantissa = 0;
    if (d->n > 18 || d->exponent < -EXACT_POWERS || d->exponent > EXACT_POWERS) return false;
    for (size_t i = 0; i < d->n; i++) mantissa = mantissa * 10 + (uint64_t)(d->digits[i] - '0');
    if (mantissa > UINT64_C(1) << 53) return false;
    double value = (double)mantissa;
    value = d->exponent < 0 ? value / powers[-d->exponent] : value * powers[d->exponent];
    *ret = d->negative ? -value : value;
    return true;
}

bool trib_f64_parse(trib_str token, double *ret) {
    decimal d;
    char text[MAX_DIGITS + 32];
    split_token(token, &d);
    if (d.n == 0) {
        *ret = d.negative ? -0.0 : 0.0;
        return true;
    }
    if (exact_f64(&d, ret)) return true;
    /* digits and an exponent only: strtod's decimal point depends on the locale. A dropped tail counts as one digit
     * more. */
    memcpy(text, d.digits, d.n);
    if (d.cut) {
        text[d.n++] = '1';
        d.exponent--;
    }
    snprintf(text + d.n, sizeof text - d.n, "e%lld", (long long)d.exponent);
    double value = strtod(text, NULL);
    if (isinf(value)) return false;
    *ret = d.negative ? -value : value;
    return true;
}

/* ---- double to text ---- */

static size_t put_u64(char *out, uint64_t value) {
    char space[TRIB_U64_DIGITS];
    trib_str digits = trib_str_of_u64(value, space);
    memcpy(out, digits.ptr, digits.len);
    return digits.len;
}

/* A value with few decimal places is m / 10^places with both exact, which reads back as the same double; with at most
 * 15 digits no shorter text can. Gives its digits and how many stand before the point. */
static size_t short_digits(double value, char *digits, int *ret_point) {
    if (value < 1e-3 || value >= 1e6) return 0;
    for (int places = 1; places <= SHORT_PLACES; places++) {
        double scaled = (double)(uint64_t)(value * powers[places] + 0.5);
        if (scaled / powers[places] == value) {
            size_t n = put_u64(digits, (uint64_t)scaled);
            *ret_point = (int)n - places;
            return n;
        }
    }
    return 0;
}

/* The shortest of 1..17 significant digits that reads back; 17 always does (IEEE 754). Normal doubles keep any 15
 * digits, so their search starts there; subnormal ones may need a single digit. */
static size_t search_digits(double value, char *digits, int *ret_point) {
    char text[40], token[40];
    size_t n = 0;
    int exponent = 0;
    for (int wanted = value < 2.2250738585072014e-308 ? 1 : 15; wanted <= 17; wanted++) {
        snprintf(text, sizeof text, "%.*e", wanted - 1, value);
        /* D.DDDDe-XX, where '.' is whatever the locale has, or nothing for a single digit */
        const char *e = strchr(text, 'e');
        n = 0;
        for (const char *at = text; at < e; at++) {
            if (*at >= '0' && *at <= '9') digits[n++] = *at;
        }
        exponent = (int)strtol(e + 1, NULL, 10);
        int written = snprintf(token, sizeof token, "%.*se%d", (int)n, digits, exponent - (int)n + 1);
        double back;
        if (trib_f64_parse(trib_str_make(token, (size_t)written), &back) && back == value) break;
    }
    while (n > 1 && digits[n - 1] == '0') n--;
    *ret_point = exponent + 1;
    return n;
}

/* Number::toString of ECMA-262 (§6.1.6.1.20): `point` digits stand before the decimal point. */
static size_t lay_out(const char *digits, size_t n, int point, char *out) {
    char *at = out;
    int count = (int)n;
    if (point > 21 || point <= -6) {
        *at++ = digits[0];
        if (n > 1) {
            *at++ = '.';
            memcpy(at, digits + 1, n - 1);
            at += n - 1;
        }
        *at++ = 'e';
        *at++ = point > 0 ? '+' : '-';
        at += put_u64(at, (uint64_t)(point > 0 ? point - 1 : 1 - point));
    } else if (point <= 0) {
        memcpy(at, "0.", 2);
        memset(at + 2, '0', (size_t)-point);
        at += 2 - point;
        memcpy(at, digits, n);
        at += n;
    } else if (count <= point) {
        memcpy(at, digits, n);
        memset(at + n, '0', (size_t)(point - count));
        at += point;
    } else {
        memcpy(at, digits, (size_t)point);
        at[point] = '.';
        memcpy(at + point + 1, digits + point, n - (size_t)point);
        at += n + 1;
    }
    return (size_t)(at - out);
}

size_t trib_f64_format(double value, char out[TRIB_F64_BYTES]) {
    char digits[24], *at = out;
    int point = 0;
    if (value == 0) {
        *out = '0';
        return 1;
    }
    if (value < 0) {
        *at++ = '-';
        value = -value;
    }
    if (!isfinite(value)) { /* SQL has them: 9e999 */
        trib_str name = isnan(value) ? TRIB_STR("NaN") : TRIB_STR("Infinity");
        memcpy(at, name.ptr, name.len);
        return (size_t)(at - out) + name.len;
    }
    if (value < 9007199254740992.0 && value == (double)(uint64_t)value) {
        at += put_u64(at, (uint64_t)value);
        return (size_t)(at - out);
    }
    size_t n = short_digits(value, digits, &point);
    if (n == 0) n = search_digits(value, digits, &point);
    at += lay_out(digits, n, point, at);
    return (size_t)(at - out);
}

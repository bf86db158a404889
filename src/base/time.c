/* SPDX-License-Identifier: Apache-2.0 */
/* Calendar arithmetic; see time.h. Years are counted from March, so that the leap day is the last day of its year and
 * the months before it have fixed lengths: day of year = (153 * m + 2) / 5 for m = 0 (March) .. 11 (February). 400
 * years, an "era", have 146097 days always. */
#include "base/time.h"

enum { DAYS_PER_ERA = 146097, DAYS_TO_1970 = 719468, MS_PER_DAY = 86400000 };

typedef struct civil {
    int64_t year;
    unsigned month, day, hour, minute, second, ms, weekday; /* weekday: 0 = Sunday */
} civil;

static int64_t floor_div(int64_t a, int64_t b) {
    return a / b - (a % b < 0);
}

bool trib_time_date_exists(int64_t year, unsigned month, unsigned day) {
    static const unsigned char lengths[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (month < 1 || month > 12 || day < 1) return false;
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return day <= lengths[month - 1] + (leap && month == 2 ? 1u : 0u);
}

int64_t trib_time_days_from_date(int64_t year, unsigned month, unsigned day) {
    if (month <= 2) year--;
    int64_t era = floor_div(year, 400);
    int64_t year_of_era = year - era * 400;
    int64_t month_from_march = month > 2 ? (int64_t)month - 3 : (int64_t)month + 9;
    int64_t day_of_year = (153 * month_from_march + 2) / 5 + (int64_t)day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * DAYS_PER_ERA + day_of_era - DAYS_TO_1970;
}

static civil civil_from_ms(int64_t wall_ms) {
    if (wall_ms < TRIB_TIME_MIN_MS) wall_ms = TRIB_TIME_MIN_MS;
    if (wall_ms > TRIB_TIME_MAX_MS) wall_ms = TRIB_TIME_MAX_MS;
    int64_t days = floor_div(wall_ms, MS_PER_DAY);
    int64_t ms = wall_ms - days * MS_PER_DAY;
    int64_t from_march = days + DAYS_TO_1970;
    int64_t era = floor_div(from_march, DAYS_PER_ERA);
    int64_t day_of_era = from_march - era * DAYS_PER_ERA;
    int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t month_from_march = (5 * day_of_year + 2) / 153;
    civil c = {
        .day = (unsigned)(day_of_year - (153 * month_from_march + 2) / 5 + 1),
        .month = (unsigned)(month_from_march < 10 ? month_from_march + 3 : month_from_march - 9),
        .year = year_of_era + era * 400,
        .hour = (unsigned)(ms / 3600000),
        .minute = (unsigned)(ms / 60000 % 60),
        .second = (unsigned)(ms / 1000 % 60),
        .ms = (unsigned)(ms % 1000),
        .weekday = (unsigned)((days % 7 + 11) % 7), /* 1970-01-01 was a Thursday */
    };
    if (c.month <= 2) c.year++;
    return c;
}

/* `width` decimal digits; returns the place behind them. */
static char *put(char *at, unsigned value, int width) {
    for (int i = width - 1; i >= 0; i--) {
        at[i] = (char)('0' + value % 10);
        value /= 10;
    }
    return at + width;
}

static char *put_text(char *at, const char *text, int width) {
    for (int i = 0; i < width; i++) at[i] = text[i];
    return at + width;
}

static char *put_clock(char *at, const civil *c) {
    at = put(at, c->hour, 2);
    *at++ = ':';
    at = put(at, c->minute, 2);
    *at++ = ':';
    return put(at, c->second, 2);
}

void trib_time_to_iso(int64_t wall_ms, char ret_text[TRIB_TIME_ISO_BYTES]) {
    civil c = civil_from_ms(wall_ms);
    char *at = put(ret_text, (unsigned)c.year, 4);
    *at++ = '-';
    at = put(at, c.month, 2);
    *at++ = '-';
    at = put(at, c.day, 2);
    *at++ = 'T';
    at = put_clock(at, &c);
    *at++ = '.';
    at = put(at, c.ms, 3);
    *at++ = 'Z';
    *at = '\0';
}

void trib_time_to_http(int64_t wall_ms, char ret_text[TRIB_TIME_HTTP_BYTES]) {
    static const char weekdays[] = "SunMonTueWedThuFriSat";
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    civil c = civil_from_ms(wall_ms);
    char *at = put_text(ret_text, weekdays + 3 * c.weekday, 3);
    at = put_text(at, ", ", 2);
    at = put(at, c.day, 2);
    *at++ = ' ';
    at = put_text(at, months + 3 * (c.month - 1), 3);
    *at++ = ' ';
    at = put(at, (unsigned)c.year, 4);
    *at++ = ' ';
    at = put_clock(at, &c);
    at = put_text(at, " GMT", 4);
    *at = '\0';
}

/* Reads exactly `width` digits off the front of *text. */
static bool take_digits(trib_str *text, size_t width, unsigned *ret) {
    uint64_t value;
    if (text->len < width || !trib_str_u64(trib_str_sub(*text, 0, width), &value)) return false;
    *text = trib_str_sub(*text, width, text->len);
    *ret = (unsigned)value;
    return true;
}

static bool take_char(trib_str *text, char c) {
    if (text->len == 0 || text->ptr[0] != c) return false;
    *text = trib_str_sub(*text, 1, text->len);
    return true;
}

static bool take_date(trib_str *text, civil *c) {
    unsigned year;
    if (!take_digits(text, 4, &year) || !take_char(text, '-') || !take_digits(text, 2, &c->month) ||
        !take_char(text, '-') || !take_digits(text, 2, &c->day)) {
        return false;
    }
    c->year = year;
    return trib_time_date_exists(c->year, c->month, c->day);
}

/* A dot and digits; the first three are milliseconds, the rest is cut off. */
static bool take_fraction(trib_str *text, unsigned *ret_ms) {
    unsigned scale = 100, digits = 0, digit;
    *ret_ms = 0;
    if (!take_char(text, '.')) return true;
    for (; take_digits(text, 1, &digit); digits++) {
        *ret_ms += digit * scale;
        scale /= 10;
    }
    return digits > 0;
}

static bool take_clock(trib_str *text, civil *c) {
    return take_digits(text, 2, &c->hour) && take_char(text, ':') && take_digits(text, 2, &c->minute) &&
           take_char(text, ':') && take_digits(text, 2, &c->second) && take_fraction(text, &c->ms) && c->hour < 24 &&
           c->minute < 60 && c->second < 60;
}

/* Z or +hh:mm or -hh:mm, the end of the text. */
static bool take_zone(trib_str *text, int64_t *ret_offset_ms) {
    unsigned hour, minute;
    *ret_offset_ms = 0;
    if (take_char(text, 'Z') || take_char(text, 'z')) return text->len == 0;
    bool west = take_char(text, '-');
    if (!west && !take_char(text, '+')) return false;
    if (!take_digits(text, 2, &hour) || !take_char(text, ':') || !take_digits(text, 2, &minute)) return false;
    int64_t offset = ((int64_t)hour * 60 + minute) * 60000;
    *ret_offset_ms = west ? -offset : offset;
    return text->len == 0 && hour < 24 && minute < 60;
}

bool trib_time_from_iso(trib_str text, int64_t *ret_wall_ms) {
    civil c = {0};
    int64_t offset_ms = 0;
    if (!take_date(&text, &c)) return false;
    if (text.len) {
        if (!take_char(&text, 'T') && !take_char(&text, 't') && !take_char(&text, ' ')) return false;
        if (!take_clock(&text, &c) || !take_zone(&text, &offset_ms)) return false;
    }
    int64_t days = trib_time_days_from_date(c.year, c.month, c.day);
    *ret_wall_ms = days * MS_PER_DAY + (((int64_t)c.hour * 60 + c.minute) * 60 + c.second) * 1000 + c.ms - offset_ms;
    return true;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* SQL literals; see sql_write.h. What a literal cannot say, or what does not survive on the way (NUL, CR and LF, bytes
 * that are not UTF-8, infinities), is said by an expression. */
#include "wire/sql_write.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "wire/json.h"

/* `text` with every `quote` doubled. */
static void add_doubled(trib_buf *out, trib_str text, char quote) {
    size_t at;
    while ((at = trib_str_find(text, quote)) != SIZE_MAX) {
        trib_buf_add(out, trib_str_sub(text, 0, at + 1));
        trib_buf_add_char(out, quote);
        text = trib_str_sub(text, at + 1, text.len);
    }
    trib_buf_add(out, text);
}

void trib_sql_write_name(trib_buf *out, trib_str name) {
    trib_buf_add_char(out, '"');
    add_doubled(out, name, '"');
    trib_buf_add_char(out, '"');
}

static void add_blob(trib_buf *out, trib_str bytes) {
    static const char digits[] = "0123456789abcdef";
    trib_buf_add(out, TRIB_STR("x'"));
    if (!trib_buf_reserve(out, bytes.len * 2 + 1)) return;
    for (size_t i = 0; i < bytes.len; i++) {
        unsigned char c = (unsigned char)bytes.ptr[i];
        out->ptr[out->len++] = digits[c >> 4];
        out->ptr[out->len++] = digits[c & 15];
    }
    trib_buf_add_char(out, '\'');
}

/* Older SQLite multiplies the digits up in a long double, and is a bit off where the decimal lies near the middle of
 * two doubles; the shortest decimal may lie there. Twenty digits lie next to the double itself. Only at the ends of the
 * range the shortest do better: with twenty digits the tiniest numbers become zero, the largest infinite. */
static void add_real(trib_buf *out, double value) {
    enum { REAL_BYTES = 40 };
    char text[REAL_BYTES];
    if (isnan(value)) trib_buf_add(out, TRIB_STR("NULL"));
    else if (isinf(value)) trib_buf_add_c(out, value < 0 ? "-1e999" : "1e999");
    else {
        bool at_the_end = value != 0 && (fabs(value) < 1e-300 || fabs(value) > 1e300);
        size_t len = at_the_end ? trib_f64_format(value, text) : (size_t)snprintf(text, sizeof text, "%.20g", value);
        trib_buf_add_bytes(out, text, len);
        if (!memchr(text, '.', len) && !memchr(text, 'e', len)) trib_buf_add(out, TRIB_STR(".0"));
    }
}

/* Stands for a line break inside a text; NULL: the text has both candidates. */
static const char *unused_mark(trib_str text, const char *first, const char *second) {
    if (!memmem(text.ptr, text.len, first, strlen(first))) return first;
    return memmem(text.ptr, text.len, second, strlen(second)) ? NULL : second;
}

static void add_marked(trib_buf *out, trib_str text, const char *lf, const char *cr) {
    size_t from = 0;
    for (size_t i = 0; i < text.len; i++) {
        const char *mark = text.ptr[i] == '\n' ? lf : text.ptr[i] == '\r' ? cr : text.ptr[i] == '\'' ? "''" : NULL;
        if (!mark) continue;
        trib_buf_add(out, trib_str_sub(text, from, i));
        trib_buf_add_c(out, mark);
        from = i + 1;
    }
    trib_buf_add(out, trib_str_sub(text, from, text.len));
}

static void add_text(trib_buf *out, trib_str text) {
    bool has_lf = trib_str_find(text, '\n') != SIZE_MAX, has_cr = trib_str_find(text, '\r') != SIZE_MAX;
    const char *lf = "", *cr = "";
    if (has_lf) lf = unused_mark(text, "\\n", "\\012");
    if (has_cr) cr = unused_mark(text, "\\r", "\\015");
    if (!lf || !cr || trib_str_find(text, '\0') != SIZE_MAX || !trib_str_utf8_valid(text)) {
        trib_buf_add(out, TRIB_STR("CAST("));
        add_blob(out, text);
        trib_buf_add(out, TRIB_STR(" AS TEXT)"));
        return;
    }
    if (has_lf) trib_buf_add(out, TRIB_STR("replace("));
    if (has_cr) trib_buf_add(out, TRIB_STR("replace("));
    trib_buf_add_char(out, '\'');
    if (has_lf || has_cr) add_marked(out, text, lf, cr);
    else add_doubled(out, text, '\'');
    trib_buf_add_char(out, '\'');
    if (has_cr) trib_buf_printf(out, ",'%s',char(13))", cr);
    if (has_lf) trib_buf_printf(out, ",'%s',char(10))", lf);
}

void trib_sql_write_value(trib_buf *out, trib_value value) {
    switch (value.type) {
    case TRIB_VALUE_NULL: trib_buf_add(out, TRIB_STR("NULL")); break;
    case TRIB_VALUE_INTEGER: trib_buf_add_i64(out, value.integer); break;
    case TRIB_VALUE_REAL: add_real(out, value.real); break;
    case TRIB_VALUE_TEXT: add_text(out, value.bytes); break;
    case TRIB_VALUE_BLOB: add_blob(out, value.bytes); break;
    }
}

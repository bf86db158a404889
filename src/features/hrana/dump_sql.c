/* SPDX-License-Identifier: Apache-2.0 */
/* SQL text for dumps; see dump_int.h. What a literal cannot say, or what does not survive on the way (NUL, CR and LF,
 * bytes that are not UTF-8, infinities), is said by an expression. */
#include "features/hrana/dump_int.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "store/stmt_kind.h"
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

void hrana_dump_name(trib_buf *out, trib_str name) {
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
        size_t len =
            at_the_end ? trib_json_format_f64(value, text) : (size_t)snprintf(text, sizeof text, "%.20g", value);
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

void hrana_dump_value(trib_buf *out, trib_value value) {
    switch (value.type) {
    case TRIB_VALUE_NULL: trib_buf_add(out, TRIB_STR("NULL")); break;
    case TRIB_VALUE_INTEGER: trib_buf_add_i64(out, value.integer); break;
    case TRIB_VALUE_REAL: add_real(out, value.real); break;
    case TRIB_VALUE_TEXT: add_text(out, value.bytes); break;
    case TRIB_VALUE_BLOB: add_blob(out, value.bytes); break;
    }
}

typedef enum tail { TAIL_CLOSED, TAIL_OPEN_LINE, TAIL_UNCLOSED } tail;

/* How blanks and comments end: SQLite keeps those behind a view or an index, and one of them may swallow a
 * semicolon. */
static tail tail_of(trib_str text) {
    while (text.len >= 2) {
        bool line = text.ptr[0] == '-' && text.ptr[1] == '-', block = text.ptr[0] == '/' && text.ptr[1] == '*';
        const char *end = text.ptr + 1;
        if (line) end = memchr(text.ptr, '\n', text.len);
        if (block) end = memmem(text.ptr + 2, text.len - 2, "*/", 2);
        if (!end) return line ? TAIL_OPEN_LINE : TAIL_UNCLOSED;
        text = trib_str_sub(text, (size_t)(end - text.ptr) + (block ? 2 : line), text.len);
    }
    return TAIL_CLOSED;
}

void hrana_dump_schema(trib_buf *out, trib_str sql) {
    static const char table[] = "CREATE TABLE "; /* SQLite's own spelling, whatever the client wrote */
    trib_str rest = sql, text = sql;
    size_t end = 0; /* of the last token */
    while (trib_sql_next(&rest).type != TRIB_SQL_END) end = sql.len - rest.len;
    tail closing = tail_of(trib_str_sub(sql, end, sql.len));
    if (closing == TAIL_UNCLOSED) text = trib_str_sub(sql, 0, end);
    if (trib_str_starts(text, trib_str_c(table))) {
        trib_buf_add(out, TRIB_STR("CREATE TABLE IF NOT EXISTS "));
        text = trib_str_sub(text, sizeof table - 1, text.len);
    }
    trib_buf_add(out, text);
    trib_buf_add(out, closing == TAIL_OPEN_LINE ? TRIB_STR("\n;\n") : TRIB_STR(";\n"));
}

void hrana_dump_virtual(trib_buf *out, trib_str name, trib_str sql) {
    trib_value name_value = {.type = TRIB_VALUE_TEXT, .bytes = name};
    trib_value sql_value = {.type = TRIB_VALUE_TEXT, .bytes = sql};
    trib_buf_add(out, TRIB_STR("INSERT INTO sqlite_schema(type,name,tbl_name,rootpage,sql) VALUES('table',"));
    hrana_dump_value(out, name_value);
    trib_buf_add_char(out, ',');
    hrana_dump_value(out, name_value);
    trib_buf_add(out, TRIB_STR(",0,"));
    hrana_dump_value(out, sql_value);
    trib_buf_add(out, TRIB_STR(");\n"));
}

bool hrana_dump_is_virtual(trib_str sql) {
    return trib_str_starts(sql, TRIB_STR("CREATE VIRTUAL TABLE "));
}

bool hrana_dump_is_autoincrement(trib_str sql) {
    trib_sql_token token;
    do {
        token = trib_sql_next(&sql);
        if (trib_sql_is_word(token, "AUTOINCREMENT")) return true;
    } while (token.type != TRIB_SQL_END);
    return false;
}

bool hrana_dump_is_internal(trib_str name) {
    return trib_str_ieq_c(trib_str_sub(name, 0, 7), "sqlite_") || trib_str_ieq_c(trib_str_sub(name, 0, 6), "_trib_");
}

/* SPDX-License-Identifier: Apache-2.0 */
/* SQL text for dumps; see dump_int.h. */
#include "features/hrana/dump_int.h"

#include <string.h>

#include "store/stmt_kind.h"
#include "wire/sql_write.h"

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
    trib_sql_write_value(out, name_value);
    trib_buf_add_char(out, ',');
    trib_sql_write_value(out, name_value);
    trib_buf_add(out, TRIB_STR(",0,"));
    trib_sql_write_value(out, sql_value);
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

/* SPDX-License-Identifier: Apache-2.0 */
/* Finding a page and reading it as plain text; see error_page.h. The Markdown is our own and plain: a title,
 * paragraphs, links, code, tables. */
#include "cli/error_page.h"

#include <string.h>
#include <strings.h>

static const trib_error_page_row *find(trib_str code) {
    static const trib_str sqlite = {"SQLITE_", 7}, sqlite_error = {"SQLITE_ERROR", 12};
    for (size_t i = 0; i < trib_error_page_count; i++) {
        const char *name = trib_error_pages[i].code;
        if (strlen(name) == code.len && strncasecmp(name, code.ptr, code.len) == 0) return &trib_error_pages[i];
    }
    bool of_sqlite = code.len > sqlite.len && strncasecmp(code.ptr, sqlite.ptr, sqlite.len) == 0;
    return of_sqlite && !trib_str_eq(code, sqlite_error) ? find(sqlite_error) : NULL;
}

const char *trib_error_page_get(trib_str code) {
    const trib_error_page_row *row = find(code);
    return row ? row->markdown : NULL;
}

const char *trib_error_page_code(trib_str code) {
    const trib_error_page_row *row = find(code);
    return row ? row->code : NULL;
}

/* [text](target) at the beginning: the bytes of it and of its text; 0 if it is no link. */
static size_t link_bytes(trib_str at, trib_str *ret_text) {
    size_t close = trib_str_find(at, ']');
    if (at.len == 0 || at.ptr[0] != '[' || close == SIZE_MAX || close + 1 >= at.len || at.ptr[close + 1] != '(')
        return 0;
    size_t end = trib_str_find(trib_str_sub(at, close, at.len), ')');
    if (end == SIZE_MAX) return 0;
    *ret_text = trib_str_sub(at, 1, close);
    return close + end + 1;
}

void trib_error_page_add_plain(trib_buf *out, trib_str markdown) {
    bool line_start = true;
    for (size_t i = 0, n; i < markdown.len; i += n) {
        trib_str at = trib_str_sub(markdown, i, markdown.len), text;
        if ((n = link_bytes(at, &text))) trib_buf_add(out, text);
        else if (trib_str_starts(at, TRIB_STR("**"))) n = 2;
        else if (line_start && trib_str_starts(at, TRIB_STR("# "))) n = 2;
        else trib_buf_add_char(out, at.ptr[n++]);
        line_start = at.ptr[0] == '\n';
    }
}

/* A full stop that ends a sentence: behind it the text ends, or a capital letter or code begins. */
static bool is_end(trib_str text, size_t i) {
    if (text.ptr[i] != '.') return false;
    if (i + 1 >= text.len) return true;
    if (text.ptr[i + 1] != ' ' || i + 2 >= text.len) return false;
    char next = text.ptr[i + 2];
    return (next >= 'A' && next <= 'Z') || next == '`';
}

void trib_error_page_add_first(trib_buf *out, const char *page, const char *word) {
    char mark[32];
    snprintf(mark, sizeof mark, "\n**%s.** ", word);
    const char *begin = strstr(page, mark);
    if (!begin) return;
    begin += strlen(mark);
    const char *end = strstr(begin, "\n\n");
    trib_str paragraph = trib_str_make(begin, end ? (size_t)(end - begin) : strlen(begin));
    trib_buf plain;
    trib_buf_init(&plain, strlen(page) + 1);
    trib_error_page_add_plain(&plain, paragraph);
    trib_str text = trib_str_trim(trib_buf_str(&plain));
    for (size_t i = 0; i < text.len; i++) {
        trib_buf_add_char(out, text.ptr[i] == '\n' ? ' ' : text.ptr[i]);
        if (is_end(text, i)) break;
    }
    if (plain.failed) out->failed = true;
    trib_buf_deinit(&plain);
}

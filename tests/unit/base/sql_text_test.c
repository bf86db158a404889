/* SPDX-License-Identifier: Apache-2.0 */
/* Where a statement ends, and what is none. */
#include "base/sql_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void statements_end_at_the_semicolon_that_counts(void **state) {
    /* the first statement, what follows it; whole NULL: not complete */
    static const struct {
        const char *text, *whole;
    } rows[] = {
        {"select 1; select 2;", "select 1;"},
        {"select 1", NULL},
        {"select ';'; x", "select ';';"},
        {"select 'it''s;'; x", "select 'it''s;';"},
        {"select 'open;", NULL},
        {"select \"a;b\", `c;d`, [e;f]; x", "select \"a;b\", `c;d`, [e;f];"},
        {"select 1 -- no; end\n; x", "select 1 -- no; end\n;"},
        {"select 1 /* no; */; x", "select 1 /* no; */;"},
        {"select 1 /* open;", NULL},
        {"select 1 - -1; x", "select 1 - -1;"},
        {"create table trigger_log(a); x", "create table trigger_log(a);"},
        {"create trigger t after insert on a begin select 1; end; x",
         "create trigger t after insert on a begin select 1; end;"},
        {"CREATE TEMP TRIGGER t BEGIN SELECT 1; END", NULL},
        {"create trigger t after insert on a begin update b set c = case when 1 then 2 end; end; x",
         "create trigger t after insert on a begin update b set c = case when 1 then 2 end; end;"},
        {"create trigger t after insert on a begin select 1; /* x */ END ; x",
         "create trigger t after insert on a begin select 1; /* x */ END ;"},
        {";", ";"},
        {"", NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        size_t wanted = rows[i].whole ? strlen(rows[i].whole) : 0;
        size_t got = trib_sql_whole_len(trib_str_c(rows[i].text));
        if (got != wanted) fail_msg("%s: ends at %zu, not %zu", rows[i].text, got, wanted);
    }
}

static void blanks_and_comments_are_no_statement(void **state) {
    (void)state;
    assert_true(trib_sql_is_blank(TRIB_STR(" \n\t; -- x\n /* y; */ ;")));
    assert_true(trib_sql_is_blank(TRIB_STR("")));
    assert_false(trib_sql_is_blank(TRIB_STR(" - ")));
    assert_false(trib_sql_is_blank(TRIB_STR("-- x\nselect")));
}

static void names_are_the_same_however_they_are_quoted(void **state) {
    static const struct {
        const char *a, *b;
        bool same;
    } rows[] = {
        {"name", "NAME", true},     {"\"a b\"", "[A B]", true}, {"`q``q`", "'q`q'", true},
        {"\"\"\"\"", "'\"'", true}, {"[a]]", "[a", false},      {"a", "ab", false},
        {"ab", "a", false},         {"\"\"", "[]", true},       {"\"\xc3\x84\"", "\"\xc3\xa4\"", false},
        {"\"open", "open", false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        trib_str a = trib_str_c(rows[i].a), b = trib_str_c(rows[i].b);
        if (trib_sql_same_name(trib_sql_next(&a), trib_sql_next(&b)) != rows[i].same)
            fail_msg("%s and %s", rows[i].a, rows[i].b);
    }
    char plain[32];
    trib_str text = TRIB_STR("\"a\"\"b]\"\"\"");
    assert_int_equal(trib_sql_name_copy(trib_sql_next(&text), plain), 5);
    assert_string_equal(plain, "a\"b]\"");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(statements_end_at_the_semicolon_that_counts),
        cmocka_unit_test(blanks_and_comments_are_no_statement),
        cmocka_unit_test(names_are_the_same_however_they_are_quoted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* What TAB offers, by what stands before the cursor. */
#include "cli/complete.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "catalog_support.h"

static const char *const dots[] = {".tables", ".timer", ".import", ".dump"};

static void offers_follow_what_stands_before(void **state) {
    static const struct {
        const char *text, *offers;
    } rows[] = {
        {"SELECT * FROM or", "orders "},
        {"select * from ", "items open_orders orders "},
        {"SELECT * FROM orders WHERE st", "state strict "}, /* a column, and a keyword in the typed letters */
        {"SELECT * FROM orders o JOIN items i ON o.", "created_at customer id state "},
        {"SELECT * FROM orders o JOIN items i ON i.order_id = o.i", "id "},
        {"SELECT items.q", "qty "},
        {"INSERT INTO it", "items "},
        {"UPDATE ", "items open_orders orders "},
        {"SELECT qt", "qty "}, /* before the table is named */
        {"sel", "select "},
        {"SEL", "SELECT "},
        {"current_d", "current_date "},
        {"SELECT 'st", ""}, /* inside a text */
        {"SELECT * FROM orders WHERE state = 'x", ""},
        {"SELECT o.cus", "customer "}, /* an alias that comes later */
        {"SELECT nope.", ""},
        {"SELECT nope.cus FROM orders WHERE nope.cus", ""},
        {"-- a comment", ""},
        {".ti", ".timer "},
        {".t", ".tables .timer "},
        {".timer ", "off on "},
        {".mode m", "markdown "},
        {".dump o", "open_orders orders "},
        {".dump orders ", ""},
        {".import a.csv it", "items "},
        {".import --header a.csv it", "items "},
        {".explain SELECT * FROM orders WHERE cus", "customer "},
        {".help .d", ".dump "},
        {".nope x", ""},
    };
    trib_catalog catalog;
    trib_arena arena;
    (void)state;
    make_catalog(&catalog);
    trib_arena_init(&arena, 1 << 20);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        trib_complete c;
        char got[2000] = "";
        size_t at = 0;
        trib_complete_init(&c, &arena, trib_str_c(rows[i].text));
        trib_complete_offer_words(&c, &catalog, dots, sizeof dots / sizeof *dots);
        trib_complete_sort(&c);
        for (size_t k = 0; k < c.count; k++)
            at += (size_t)snprintf(got + at, sizeof got - at, "%.*s ", TRIB_STR_ARG(c.items[k]));
        if (!trib_str_eq_c(trib_str_c(got), rows[i].offers)) fail_msg("%s: %s", rows[i].text, got);
    }
    trib_arena_deinit(&arena);
    trib_catalog_deinit(&catalog);
}

static void files_and_tenants_are_left_to_the_caller(void **state) {
    static const struct {
        const char *text, *word;
        trib_complete_kind kind;
    } rows[] = {
        {".read dir/fi", "dir/fi", TRIB_COMPLETE_FILE}, {".import ", "", TRIB_COMPLETE_FILE},
        {".import --csv da", "da", TRIB_COMPLETE_FILE}, {".connect ac", "ac", TRIB_COMPLETE_TARGET},
        {".each sh", "sh", TRIB_COMPLETE_TENANT},       {".each shop SELECT na", "na", TRIB_COMPLETE_SQL},
    };
    trib_arena arena;
    (void)state;
    trib_arena_init(&arena, 1 << 20);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        trib_complete c;
        trib_complete_init(&c, &arena, trib_str_c(rows[i].text));
        assert_int_equal(c.kind, rows[i].kind);
        assert_true(trib_str_eq_c(c.word, rows[i].word));
    }
    trib_arena_deinit(&arena);
}

static void offers_share_a_beginning_that_can_be_typed_for_the_user(void **state) {
    trib_arena arena;
    trib_complete c;
    (void)state;
    trib_arena_init(&arena, 1 << 20);
    trib_complete_init(&c, &arena, TRIB_STR(".read a"));
    assert_int_equal(trib_complete_common(&c).len, 0);
    trib_complete_offer(&c, TRIB_STR("abc\xc3\xa9"));
    trib_complete_offer(&c, TRIB_STR("abc\xc3\xa9")); /* once */
    assert_int_equal(c.count, 1);
    trib_complete_offer(&c, TRIB_STR("ABc\xc3\xa8"));
    trib_complete_offer(&c, TRIB_STR("abc\x1b[2J"));  /* would steer the terminal */
    trib_complete_offer(&c, TRIB_STR("abc\xc2\x9b")); /* so would this */
    trib_complete_offer(&c, TRIB_STR("xyz"));         /* does not begin with the word */
    assert_int_equal(c.count, 2);
    assert_true(trib_str_eq_c(trib_complete_common(&c), "abc")); /* whole characters */
    trib_arena_deinit(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(offers_follow_what_stands_before),
        cmocka_unit_test(files_and_tenants_are_left_to_the_caller),
        cmocka_unit_test(offers_share_a_beginning_that_can_be_typed_for_the_user),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

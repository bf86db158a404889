/* SPDX-License-Identifier: Apache-2.0 */
/* The intrusive list as a queue. */
#include "base/list.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

typedef struct item {
    int number;
    trib_list link;
} item;

/* The numbers in order as decimal digits, and the same backwards must be the mirror. */
static int digits(const trib_list *list) {
    int forward = 0, backward = 0, scale = 1;
    TRIB_LIST_EACH(link, list) forward = forward * 10 + TRIB_LIST_ITEM(link, item, link)->number;
    for (const trib_list *link = list->prev; link != list; link = link->prev, scale *= 10) {
        backward += TRIB_LIST_ITEM(link, item, link)->number * scale;
    }
    assert_int_equal(forward, backward);
    return forward;
}

static void pushes_takes_and_removes_in_order(void **state) {
    (void)state;
    trib_list list;
    item items[4];
    trib_list_init(&list);
    assert_true(trib_list_is_empty(&list));
    assert_null(trib_list_first(&list));
    assert_null(trib_list_last(&list));
    assert_null(trib_list_take_first(&list));
    for (int i = 0; i < 4; i++) {
        items[i].number = i + 1;
        trib_list_init(&items[i].link);
        assert_false(trib_list_is_linked(&items[i].link));
    }
    trib_list_push_back(&list, &items[1].link);
    trib_list_push_back(&list, &items[2].link);
    trib_list_push_front(&list, &items[0].link);
    trib_list_insert_before(&items[2].link, &items[3].link);
    assert_int_equal(digits(&list), 1243);
    assert_true(trib_list_is_linked(&items[3].link));
    trib_list_remove(&items[1].link);
    trib_list_remove(&items[1].link);
    assert_false(trib_list_is_linked(&items[1].link));
    assert_int_equal(digits(&list), 143);
    assert_ptr_equal(trib_list_take_first(&list), &items[0].link);
    assert_ptr_equal(trib_list_last(&list), &items[2].link);
    assert_int_equal(digits(&list), 43);
    TRIB_LIST_EACH_SAFE(link, &list) trib_list_remove(link);
    assert_true(trib_list_is_empty(&list));
}

static void splicing_moves_everything_in_order(void **state) {
    (void)state;
    trib_list a, b;
    item items[4];
    trib_list_init(&a);
    trib_list_init(&b);
    trib_list_splice_back(&a, &b);
    assert_true(trib_list_is_empty(&a));
    for (int i = 0; i < 4; i++) {
        items[i].number = i + 1;
        trib_list_push_back(i < 2 ? &a : &b, &items[i].link);
    }
    trib_list_splice_back(&a, &b);
    assert_int_equal(digits(&a), 1234);
    assert_true(trib_list_is_empty(&b));
    trib_list_splice_back(&b, &a);
    assert_int_equal(digits(&b), 1234);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pushes_takes_and_removes_in_order),
        cmocka_unit_test(splicing_moves_everything_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

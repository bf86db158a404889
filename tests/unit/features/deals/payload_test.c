/* SPDX-License-Identifier: Apache-2.0 */
/* Payloads by their templates. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "features/deals/deals_int.h"

typedef struct fixture {
    trib_arena arena;
    trib_deal_registry registry;
    deals_ask ask;
    trib_stream_txn txn;
    deals_run run;
} fixture;
static fixture f;

static int setup(void **state) {
    trib_error err;
    (void)state;
    memset(&f, 0, sizeof f);
    trib_arena_init(&f.arena, 1 << 20);
    if (trib_deal_registry_init(&f.registry, &err) != TRIB_OK) return -1;
    f.txn.arena = &f.arena;
    f.ask.vertical = deals_vertical_find(TRIB_STR("orders"));
    f.run.ask = &f.ask;
    f.run.txn = &f.txn;
    f.run.type = trib_deal_registry_get(&f.registry, TRIB_STR("food"));
    return 0;
}

static int teardown(void **state) {
    (void)state;
    trib_deal_registry_deinit(&f.registry);
    trib_arena_deinit(&f.arena);
    return 0;
}

static const trib_json *json(const char *text) {
    const trib_json *value = NULL;
    assert_int_equal(trib_json_parse(&f.arena, trib_str_c(text), &value, NULL), TRIB_OK);
    return value;
}

static void is(const char *template, const char *wanted) {
    trib_str got;
    trib_error err;
    assert_int_equal(deals_payload(&f.run, template, 1000, &got, &err), TRIB_OK);
    assert_string_equal(got.ptr, wanted);
}

static void members_come_in_the_order_of_the_template(void **state) {
    (void)state;
    f.ask.body = json("{\"station\":\"grill\",\"chef\":\"Hassan\",\"other\":1}");
    is("chef station", "{\"chef\":\"Hassan\",\"station\":\"grill\"}");
    is("task=kitchen-prep estMinutes", "{\"task\":\"kitchen-prep\"}");
    is("", "{}");
    f.ask.body = json("{\"chef\":null}");
    is("chef", "{}");
}

static void a_deal_that_begins_names_its_tenants_and_prices(void **state) {
    (void)state;
    f.ask.body = json("{}");
    f.run.buyer = TRIB_STR("ali");
    f.run.seller = TRIB_STR("bab-hara");
    f.run.total = 4600;
    f.run.items[0] = (deals_item){.id = TRIB_STR("shw"), .qty = 2000000, .price = 1850};
    f.run.items[1] = (deals_item){.id = TRIB_STR("lbn"), .qty = 500000, .price = 500, .asked_point = TRIB_STR("p\"1")};
    f.run.item_count = 2;
    is("customer@customer restaurant@merchant driver@driver items$ total$ start$",
       "{\"customer\":\"ali\",\"restaurant\":\"bab-hara\",\"items\":[{\"id\":\"shw\",\"qty\":2,\"price\":18.5},"
       "{\"id\":\"lbn\",\"qty\":0.5,\"price\":5,\"point\":\"p\\\"1\"}],\"total\":46}");
    is("confirmedItems#", "{\"confirmedItems\":2.5}");
}

static void a_later_event_takes_from_the_first_one(void **state) {
    (void)state;
    deals_worker worker = {.job = &(const deals_job){.role = "driver"}, .tenant = TRIB_STR("rami")};
    f.ask.body = json("{\"deliverTo\":\"elsewhere\"}");
    f.run.opening = json("{\"deliveryAddress\":{\"a\":[1,2]}}");
    is("deliverTo^deliveryAddress notes^notes driver@driver", "{\"deliverTo\":{\"a\":[1,2]}}");
    f.run.claimed = &worker;
    is("driver@driver", "{\"driver\":\"rami\"}");
}

static void only_members_of_the_template_are_taken(void **state) {
    (void)state;
    assert_true(deals_payload_takes("task=x chef station", TRIB_STR("chef")));
    assert_false(deals_payload_takes("task=x chef station", TRIB_STR("task")));
    assert_false(deals_payload_takes("driver@driver", TRIB_STR("driver")));
    assert_false(deals_payload_takes(NULL, TRIB_STR("driver")));
    assert_true(deals_payload_asked("chef station", json("{\"station\":1}")));
    assert_false(deals_payload_asked("task=x chef", json("{\"task\":1,\"chef\":null}")));
}

static void a_payload_has_a_bound(void **state) {
    trib_str got = {0};
    trib_error err;
    (void)state;
    f.ask.body = json("{\"text\":\"0123456789\"}");
    assert_int_equal(deals_payload(&f.run, "text", 10, &got, &err), TRIB_BAD_REQUEST);
    assert_null(got.ptr);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(members_come_in_the_order_of_the_template, setup, teardown),
        cmocka_unit_test_setup_teardown(a_deal_that_begins_names_its_tenants_and_prices, setup, teardown),
        cmocka_unit_test_setup_teardown(a_later_event_takes_from_the_first_one, setup, teardown),
        cmocka_unit_test_setup_teardown(only_members_of_the_template_are_taken, setup, teardown),
        cmocka_unit_test_setup_teardown(a_payload_has_a_bound, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

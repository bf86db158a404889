/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of the deals against the stream types that they play by. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "features/deals/deals_int.h"

static trib_deal_registry registry;

static int setup(void **state) {
    trib_error err;
    (void)state;
    return trib_deal_registry_init(&registry, &err) == TRIB_OK ? 0 : -1;
}

static int teardown(void **state) {
    (void)state;
    trib_deal_registry_deinit(&registry);
    return 0;
}

static void has_role(const trib_deal_type *type, const char *role) {
    if (trib_deal_role_find(type, trib_str_c(role)) < 0)
        fail_msg("type %.*s has no role %s", TRIB_STR_ARG(type->name), role);
}

static void each_kind_begins_its_own_stream_type(void **state) {
    (void)state;
    for (size_t i = 0; i < deals_vertical_count; i++) {
        const deals_vertical *v = &deals_verticals[i];
        const trib_deal_type *type = trib_deal_registry_get(&registry, trib_str_c(v->type));
        char payload[100];
        assert_non_null(type);
        has_role(type, v->buyer);
        if (v->seller) has_role(type, v->seller);
        const trib_deal_op *op = trib_deal_op_get(type, v->opcode);
        assert_non_null(op);
        assert_true(op->moves[0].opens);
        /* what the template writes tells the type */
        bool says = strstr(v->payload, "streamType=") != NULL;
        snprintf(payload, sizeof payload, "{\"streamType\":\"%s\"}", v->type);
        assert_ptr_equal(
            trib_deal_registry_opened_by(&registry, v->opcode, says ? trib_str_c(payload) : TRIB_STR("{}")), type);
    }
}

static void every_action_writes_opcodes_and_names_roles_that_its_type_has(void **state) {
    (void)state;
    for (size_t i = 0; i < deals_vertical_count; i++) {
        const deals_vertical *v = &deals_verticals[i];
        const trib_deal_type *type = trib_deal_registry_get(&registry, trib_str_c(v->type));
        assert_non_null(type);
        for (size_t a = 0; a < v->action_count; a++) {
            const deals_action *action = &v->actions[a];
            assert_true(action->step_count > 0 && action->step_count <= DEALS_STEPS_MAX);
            for (size_t k = 0; k < action->step_count; k++) {
                const deals_step *step = &action->steps[k];
                if (step->opcode && !trib_deal_op_get(type, step->opcode))
                    fail_msg("%s/%s writes %d, which %s does not have", v->path, action->name, (int)step->opcode,
                             v->type);
                if (step->kind == DEALS_EVENT || step->kind == DEALS_CLAIM) assert_non_null(step->payload);
                if (step->job) has_role(type, step->job->role);
                if (step->kind == DEALS_STOCK || step->kind == DEALS_DAYS) assert_non_null(v->seller);
            }
            size_t known = deals_lists(action->who, TRIB_STR("any")), words = 1;
            for (const char *c = action->who; *c; c++) words += *c == ' ';
            for (size_t r = 0; r < type->role_count; r++) known += deals_lists(action->who, type->roles[r].name);
            if (known != words) fail_msg("%s/%s names roles that %s does not have", v->path, action->name, v->type);
        }
    }
}

/* What a member of the deal may ask for, he may also write, or the server writes it for him. */
static void nobody_is_let_in_only_to_be_refused_by_the_type(void **state) {
    (void)state;
    for (size_t i = 0; i < deals_vertical_count; i++) {
        const deals_vertical *v = &deals_verticals[i];
        const trib_deal_type *type = trib_deal_registry_get(&registry, trib_str_c(v->type));
        assert_non_null(type);
        for (size_t a = 0; a < v->action_count; a++)
            for (size_t r = 0; r < type->role_count; r++) {
                const deals_step *step = &v->actions[a].steps[0];
                const trib_deal_op *op = step->kind == DEALS_EVENT ? trib_deal_op_get(type, step->opcode) : NULL;
                if (!op || step->by_platform || !deals_lists(v->actions[a].who, type->roles[r].name)) continue;
                if (!(op->roles >> r & 1))
                    fail_msg("%s/%s lets %.*s in, the type does not", v->path, v->actions[a].name,
                             TRIB_STR_ARG(type->roles[r].name));
            }
    }
}

static void actions_are_found_by_their_words(void **state) {
    (void)state;
    const deals_vertical *orders = deals_vertical_find(TRIB_STR("orders"));
    assert_non_null(orders);
    assert_null(deals_vertical_find(TRIB_STR("order")));
    assert_non_null(deals_action_find(orders, TRIB_STR("cancel")));
    assert_null(deals_action_find(orders, TRIB_STR("cance")));
    assert_null(deals_action_find(orders, TRIB_STR("")));
    assert_true(deals_lists("a bc d", TRIB_STR("bc")));
    assert_true(deals_lists("a bc d", TRIB_STR("d")));
    assert_false(deals_lists("a bc d", TRIB_STR("b")));
    assert_false(deals_lists("a bc d", TRIB_STR("")));
    assert_false(deals_lists(NULL, TRIB_STR("a")));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_kind_begins_its_own_stream_type),
        cmocka_unit_test(every_action_writes_opcodes_and_names_roles_that_its_type_has),
        cmocka_unit_test(nobody_is_let_in_only_to_be_refused_by_the_type),
        cmocka_unit_test(actions_are_found_by_their_words),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}

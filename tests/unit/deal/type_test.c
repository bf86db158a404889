/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of src/deal/type_*.c: a small right file, and it with one mistake at a time, each told where it is. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

#include "deal/type.h"

#define HEAD     "{\"type\": \"t\","
#define ROLES    "\n\"roles\": {\"a\": \"x\", \"d\": {\"payload\": \"d\"}},"
#define STATUSES "\n\"statuses\": {\"s\": \"\", \"m\": \"\", \"e\": \"\"}, \"final\": [\"e\"],"
#define START    "{\"from\": \"start\", \"to\": \"s\"}"
#define MOVES    "\"moves\": "
#define OPEN     "{\"opcode\": 1, \"name\": \"ONE\", \"roles\": [\"a\"], " MOVES "[" START "]}"
#define TWO      "{\"opcode\": 2, \"name\": \"TWO\", \"roles\": \"any\", \"moves\": [{\"from\": \"s\", \"to\": \"m\"}]}"
#define END      "{\"opcode\": 3, \"name\": \"END\", \"roles\": [\"a\"], " MOVES "[{\"from\": [\"m\"], \"to\": \"e\"}]}"
#define OPS      "\n\"opcodes\": [\n" OPEN ",\n" TWO ",\n" END "]"
#define GOOD     HEAD ROLES STATUSES OPS "}"
/* a file whose fifth line is this opcode; the others are right */
#define WITH(op)       HEAD ROLES STATUSES "\n\"opcodes\": [\n" op ",\n" OPEN ",\n" TWO ",\n" END "]}"
#define OP(members)    "{\"opcode\": 9, \"name\": \"NINE\", \"roles\": [\"a\"], " members "}"
#define STAY           "\"moves\": [{\"from\": \"s\"}]"
#define TIMER(members) HEAD ROLES STATUSES OPS ",\n\"timers\": [\n{" members "}]}"

static const struct {
    const char *text;
    uint32_t line, column;
    const char *what;
} bad[] = {
    {"", 1, 1, "JSON"},
    {"[]", 1, 1, "a stream type must be an object, not an array"},
    {"{\"type\": \"t\",\n\"type\": \"u\"}", 2, 1, "\"type\" stands here a second time"},
    {"{\"type\": \"T\"," ROLES STATUSES OPS "}", 1, 10, "lower-case"},
    {HEAD "\"ttle\": \"\"," ROLES STATUSES OPS "}", 1, 14,
     "a stream type has no member \"ttle\" (did you mean title?)"},
    {HEAD "\"decimals\": 7," ROLES STATUSES OPS "}", 1, 26, "0 to 6"},
    {HEAD "\"open\": 1," ROLES STATUSES OPS "}", 1, 22, "true or false, not a number"},
    {HEAD "\"about\": \"a\\nb\"," ROLES STATUSES OPS "}", 1, 23, "one line"},
    {HEAD "\n\"roles\": {\"a\": {\"pay\": \"\"}, \"d\": \"\"}," STATUSES OPS "}", 2, 17,
     "a role has no member \"pay\""},
    {HEAD ROLES "\n\"statuses\": {\"s\": \"\", \"m\": \"\", \"e\": \"\", \"x\": \"\"}, \"final\": [\"e\"]," OPS "}", 3,
     41, "the status x is never reached"},
    {HEAD ROLES "\n\"statuses\": {\"s\": \"\", \"m\": \"\", \"e\": \"\"}, \"final\": [\"s\"]," OPS "}", 6, 56,
     "this leaves a final status"},
    {HEAD ROLES "\n\"statuses\": {\"s\": \"\", \"m\": \"\", \"e\": \"\"}, \"final\": [\"ee\"]," OPS "}", 3, 52,
     "there is no status \"ee\" (did you mean e?)"},
    {HEAD ROLES "\n\"statuses\": {\"s\": \"\", \"any\": \"\"}, \"final\": [\"s\"]," OPS "}", 3, 23,
     "\"any\" has a meaning of its own"},
    {WITH(OP("\"moves\": [{\"from\": \"s\", \"to\": \"mm\"}]")), 5, 77, "there is no status \"mm\""},
    {WITH(OP("\"moves\": [{\"from\": \"s\"}, {\"from\": [\"m\", \"s\"]}]")), 5, 72, "stands in two moves"},
    {WITH(OP("\"moves\": [{\"from\": [\"s\", \"s\"]}]")), 5, 72, "stands here twice"},
    {WITH(OP("\"moves\": [{\"from\": \"start\"}]")), 5, 57, "needs \"to\", the first status"},
    {WITH(OP("\"moves\": [{\"from\": \"s\", \"when\": \"always\"}]")), 5, 79, "\"when\" without \"to\""},
    {WITH(OP("\"moves\": [{\"from\": \"s\", \"to\": \"m\", \"when\": \"soon\"}]")), 5, 90,
     "must be one of: always ledger-zero compensated"},
    {WITH(OP("\"moves\": []")), 5, 56, "1 to 8 objects"},
    {WITH(OP("\"once\": true")), 5, 1, "this opcode has no \"moves\""},
    {WITH("{\"opcode\": 2, \"name\": \"NINE\", \"roles\": [\"a\"], " STAY "}"), 7, 1,
     "opcode 2 is defined a second time"},
    {WITH("{\"opcode\": 9, \"name\": \"TWO\", \"roles\": [\"a\"], " STAY "}"), 7, 1,
     "the name TWO is that of opcode 9"},
    {WITH("{\"opcode\": 0, \"name\": \"NINE\", \"roles\": [\"a\"], " STAY "}"), 5, 12, "1 to 999999"},
    {WITH("{\"opcode\": 9, \"name\": \"nine\", \"roles\": [\"a\"], " STAY "}"), 5, 23, "upper-case"},
    {WITH("{\"opcode\": 9, \"name\": \"NINE\", \"roles\": [\"b\"], " STAY "}"), 5, 41, "there is no role \"b\""},
    {WITH(OP(STAY ", \"delta\": \"<=0\"")), 5, 82, "must be one of: any 0 >0 <0 >=0"},
    {WITH(OP(STAY ", \"delta\": {\"fees\": \"f\"}")), 5, 82, "\"sum\" must name the array"},
    {WITH(OP(STAY ", \"ledger\": \"gift\"")), 5, 83, "must be one of: none charge payment refund payout"},
    {WITH(OP(STAY ", \"ledger\": \"charge\", \"stock\": true, \"nodeId\": true")), 5, 1, "exclude each other"},
    {WITH(OP(STAY ", \"ledger\": \"charge\", \"delta\": \"0\"")), 5, 1, "nothing can be booked"},
    {WITH(OP(STAY ", \"ledger\": \"payout\"")), 5, 1, "a payout needs \"delta\": \">0\""},
    {WITH(OP(STAY ", \"ledger\": \"payment\", \"delta\": \">0\"")), 4, 1, "a payment needs an opcode"},
    {WITH(OP(STAY ", \"stock\": true")), 5, 1, "\"stock\" needs \"pointId\""},
    {WITH(OP(STAY ", \"needs\": [\"a\"]")), 5, 1, "no opcode assigns the role a"},
    {WITH(OP(STAY ", \"releases\": [\"a\"]")), 5, 1, "no opcode assigns the role a that is released"},
    {WITH(OP(STAY ", \"assigns\": [\"a\"]")), 5, 1, "nothing says who gets the role a"},
    {WITH(OP(STAY ", \"task\": \"finished\"")), 5, 81, "must be one of: open assigned started"},
    {WITH(OP(STAY ", \"payload\": {\"type\": \"objekt\"}")), 5, 93, "\"type\" must be one of"},
    {WITH(OP(STAY ", \"rolls\": 1")), 5, 73, "an opcode has no member \"rolls\" (did you mean roles?)"},
    {HEAD ROLES STATUSES "\n\"opcodes\": [\n" TWO ",\n" END "]}", 4, 1, "no opcode opens a stream"},
    {HEAD ROLES STATUSES "\n\"opcodes\": [\n" OPEN ",\n" TWO "]}", 3, 23, "no final status is reached"},
    {TIMER("\"name\": \"n\", \"status\": \"s\", \"after\": \"5 min\", \"opcode\": 2"), 9, 39, "a time as in"},
    {TIMER("\"name\": \"n\", \"status\": \"s\", \"after\": \"5m\", \"opcode\": 7"), 9, 55, "there is no opcode 7"},
    {TIMER("\"name\": \"n\", \"status\": \"s\", \"after\": \"5m\", \"opcode\": 3"), 9, 55,
     "is not allowed in the timer's status s"},
    {TIMER("\"name\": \"n\", \"status\": \"e\", \"after\": \"5m\", \"opcode\": 2"), 9, 1, "nothing to do"},
    {TIMER("\"name\": \"n\", \"status\": \"s\", \"after\": \"5m\""), 9, 1, "needs an \"opcode\" or an \"action\""},
    {TIMER("\"name\": \"n\", \"status\": \"s\", \"after\": \"500d\", \"opcode\": 2"), 9, 39, "at most 400 days"},
    {TIMER("\"name\": \"n\", \"status\": \"s\", \"after\": \"5m\", \"action\": \"call-them\""), 9, 55,
     "the server has no action \"call-them\"; there are: remind-payment, look-for-driver"},
    {TIMER("\"name\": \"n\", \"status\": \"s\", \"after\": \"5m\", \"action\": \"remind-payments\""), 9, 55,
     "(did you mean remind-payment?)"},
    {TIMER("\"name\": \"n\", \"status\": \"s\", \"after\": \"5m\", \"action\": \"remind-payment\""), 9, 1,
     "needs the \"opcode\" that it writes"},
    {TIMER("\"name\": \"n\", \"status\": \"s\", \"after\": \"5m\", \"opcode\": 2, \"action\": \"look-for-driver\""), 9,
     1, "writes no \"opcode\""},
};

static trib_code read_text(trib_arena *arena, trib_str text, trib_deal_problems *problems, const trib_deal_type **ret,
                           trib_error *err) {
    trib_arena_init(arena, TRIB_DEAL_TYPE_ARENA_BYTES);
    return trib_deal_type_read(arena, text, problems, ret, err);
}

static void a_right_file_is_read_whole(void **state) {
    trib_arena arena;
    trib_deal_problems problems;
    const trib_deal_type *type = NULL;
    trib_error err = {0};
    (void)state;
    if (read_text(&arena, TRIB_STR(GOOD), &problems, &type, &err) != TRIB_OK) fail_msg("%s", err.message);
    assert_true(trib_str_eq_c(type->name, "t") && trib_str_eq_c(type->title, "t") && type->decimals == 2);
    assert_int_equal(type->op_count, 3);
    assert_int_equal(trib_deal_op_get(type, 2)->roles, UINT32_MAX);
    assert_null(trib_deal_op_get(type, 4));
    assert_null(trib_deal_op_get(type, INT64_C(4294967298)));
    assert_int_equal(trib_deal_status_find(type, TRIB_STR("m")), 1);
    assert_int_equal(trib_deal_status_find(type, TRIB_STR("x")), -1);
    assert_int_equal(trib_deal_role_bit(type, TRIB_STR("d")), 2);
    assert_int_equal(trib_deal_role_bit(type, TRIB_STR("x")), 0);
    assert_true(trib_str_eq_c(trib_deal_status_name(type, TRIB_DEAL_NO_STATUS), "-"));
    assert_true(type->statuses[2].is_final && !type->statuses[0].is_final);
    trib_arena_deinit(&arena);
}

static void each_mistake_is_told_where_it_is(void **state) {
    size_t wrong = 0;
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        trib_arena arena;
        trib_deal_problems problems;
        const trib_deal_type *type = NULL;
        trib_error err = {0};
        assert_int_equal(read_text(&arena, trib_str_c(bad[i].text), &problems, &type, &err), TRIB_STREAM_TYPE_INVALID);
        assert_null(type);
        const trib_deal_problem *found = NULL;
        for (size_t k = 0; k < problems.count && !found; k++) {
            const trib_deal_problem *p = &problems.items[k];
            if (p->line == bad[i].line && p->column == bad[i].column && strstr(p->text.ptr, bad[i].what)) found = p;
        }
        if (!found) print_error("row %zu (%s): %s\n", i, bad[i].what, err.message);
        wrong += !found;
        trib_arena_deinit(&arena);
    }
    assert_int_equal(wrong, 0);
}

static void several_mistakes_are_told_in_one_run(void **state) {
    static const char text[] = HEAD "\"ttle\": 1, \"decimals\": 9," ROLES STATUSES "\n\"opcodes\": [\n" OP(
        "\"moves\": [{\"from\": \"q\", \"to\": \"w\"}], \"x\": 1") ",\n" OPEN ",\n" TWO ",\n" END "]}";
    trib_arena arena;
    trib_deal_problems problems;
    const trib_deal_type *type = NULL;
    (void)state;
    assert_int_equal(read_text(&arena, TRIB_STR(text), &problems, &type, NULL), TRIB_STREAM_TYPE_INVALID);
    assert_int_equal(problems.count, 5);
    for (size_t i = 1; i < problems.count; i++) assert_true(problems.items[i - 1].line <= problems.items[i].line);
    trib_arena_deinit(&arena);
}

static void timers_are_walked_by_status(void **state) {
    trib_arena arena;
    trib_deal_problems problems;
    const trib_deal_type *type = NULL;
    trib_error err = {0};
    (void)state;
    static const char text[] = HEAD ROLES STATUSES OPS
        ",\n\"timers\": [{\"name\": \"n\", \"status\": \"s\", \"after\": \"1h30m\", \"opcode\": 2},"
        "{\"name\": \"o\", \"status\": \"m\", \"after\": \"1d\", \"opcode\": 3},"
        "{\"name\": \"p\", \"status\": \"s\", \"after\": \"5s\", \"action\": \"remind-payment\", \"opcode\": 2}]}";
    if (read_text(&arena, TRIB_STR(text), &problems, &type, &err) != TRIB_OK) fail_msg("%s", err.message);
    const trib_deal_timer *timer = trib_deal_timer_next(type, 0, NULL);
    assert_true(timer && timer->after_ms == 5400000 && timer->opcode == 2);
    timer = trib_deal_timer_next(type, 0, timer);
    assert_true(timer && trib_str_eq_c(timer->action, "remind-payment") && timer->opcode == 2);
    assert_null(trib_deal_timer_next(type, 0, timer));
    assert_null(trib_deal_timer_next(type, 2, NULL));
    trib_buf out;
    trib_buf_init(&out, 1 << 16);
    trib_deal_type_markdown(type, &out);
    trib_buf_add_char(&out, 0);
    assert_non_null(strstr(out.ptr, "| n | s | 1h30m | opcode 2 |\n| o | m | 1d | opcode 3 |\n| p | s | 5s | action "
                                    "remind-payment: opcode 2 |\n"));
    trib_buf_deinit(&out);
    trib_arena_deinit(&arena);
}

static void a_file_too_large_or_without_memory_is_refused(void **state) {
    static char large[TRIB_DEAL_FILE_MAX_BYTES + 1];
    trib_arena arena;
    trib_deal_problems problems;
    const trib_deal_type *type = NULL;
    (void)state;
    memset(large, ' ', sizeof large);
    assert_int_equal(read_text(&arena, trib_str_make(large, sizeof large), &problems, &type, NULL),
                     TRIB_STREAM_TYPE_INVALID);
    assert_non_null(strstr(problems.items[0].text.ptr, "has 262145 bytes"));
    trib_arena_deinit(&arena);
    for (size_t budget = 0; budget < 40000; budget += 1000) {
        trib_arena_init(&arena, budget);
        trib_code code = trib_deal_type_read(&arena, TRIB_STR(GOOD), &problems, &type, NULL);
        assert_true(code == TRIB_OK || code == TRIB_NOMEM);
        trib_arena_deinit(&arena);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_right_file_is_read_whole),
        cmocka_unit_test(each_mistake_is_told_where_it_is),
        cmocka_unit_test(several_mistakes_are_told_in_one_run),
        cmocka_unit_test(timers_are_walked_by_status),
        cmocka_unit_test(a_file_too_large_or_without_memory_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

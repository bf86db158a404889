/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of src/deal/state.c and state_write.c: the fold of events, and what never changes it. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "deal_support.h"

typedef struct fixture {
    trib_deal_registry registry;
    trib_arena arena;
    trib_deal_state state;
} fixture;

static int set_up(void **state) {
    static fixture f;
    assert_int_equal(trib_deal_registry_init(&f.registry, NULL), TRIB_OK);
    trib_arena_init(&f.arena, 64 << 20);
    trib_deal_state_init(&f.state, &f.arena);
    *state = &f;
    return 0;
}

static int tear_down(void **state) {
    fixture *f = *state;
    trib_deal_registry_deinit(&f->registry);
    trib_arena_deinit(&f->arena);
    return 0;
}

static const trib_deal_type *type_of(const fixture *f, const char *name) {
    const trib_deal_type *type = trib_deal_registry_get(&f->registry, trib_str_c(name));
    assert_non_null(type);
    return type;
}

static void play(fixture *f, const trib_deal_type *type, const step *steps, size_t count) {
    for (size_t i = 0; i < count; i++) {
        trib_error err = {0};
        trib_deal_event event = event_of(type, &steps[i]);
        trib_code code = trib_deal_apply(type, &f->state, &event, NULL, &err);
        if (code != TRIB_OK) fail_msg("step %zu: %s", i, err.message);
        if (steps[i].status && !trib_str_eq_c(trib_deal_status_name(type, f->state.status), steps[i].status))
            fail_msg("step %zu: status %.*s, wanted %s", i, TRIB_STR_ARG(trib_deal_status_name(type, f->state.status)),
                     steps[i].status);
    }
}

static trib_str json_of(const trib_deal_type *type, const trib_deal_state *state, trib_buf *buf) {
    trib_json_writer w;
    trib_buf_clear(buf);
    trib_jw_init(&w, buf);
    trib_deal_state_write(type, state, &w);
    assert_true(trib_jw_done(&w) && !buf->failed);
    return trib_buf_str(buf);
}

static void the_documents_order_passes_and_settles(void **state) {
    fixture *f = *state;
    const trib_deal_type *food = type_of(f, "food");
    trib_buf buf;
    trib_buf_init(&buf, 1 << 20);
    play(f, food, documents_order, DOCUMENTS_STEPS);
    assert_true(trib_deal_is_final(food, &f->state));
    assert_int_equal(trib_deal_balance(&f->state), 0);
    assert_int_equal(f->state.version, 12);
    assert_int_equal(f->state.charged, 4600);
    trib_str text = json_of(food, &f->state, &buf);
    static const char want[] =
        "{\"type\":\"food\",\"status\":\"settled\",\"final\":true,\"version\":12,\"misfits\":0,\"currency\":\"AED\","
        "\"charged\":46,\"paid\":46,\"refunded\":0,\"paidOut\":46,\"balance\":0,\"members\":{\"customer\":\"ali\","
        "\"merchant\":\"bab-hara\",\"driver\":\"rami\"},\"tasks\":[{\"task\":\"kitchen-prep\",\"state\":\"done\"},{"
        "\"task\":\"delivery\",\"state\":\"done\",\"tenant\":\"rami\"}],\"stock\":[{\"id\":\"pt-shw\",\"moved\":-2},{"
        "\"id\":\"pt-lbn\",\"moved\":-1}],\"allowed\":[207,311,405]}";
    if (!trib_str_eq_c(text, want)) fail_msg("%.*s", TRIB_STR_ARG(text));
    trib_buf_deinit(&buf);
}

static void a_cancelled_order_ends_when_everything_is_back(void **state) {
    fixture *f = *state;
    static const step rest[] = {
        {504, "ord-5001", NULL, "0", "{\"reason\":\"closed\"}", "merchant", "bab-hara", "cancelling"},
        {103, "prod-shw", "pt-shw", "2", NULL, "platform", "hub", "cancelling"},
        {207, "ord-5001", NULL, "46", NULL, "platform", "hub", "cancelling"},
        {309, "ord-5001", NULL, "0", NULL, "platform", "hub", "cancelling"},
        {103, "prod-lbn", "pt-lbn", "1", NULL, "platform", "hub", "cancelled"},
    };
    const trib_deal_type *food = type_of(f, "food");
    play(f, food, documents_order, 8);
    play(f, food, rest, sizeof rest / sizeof *rest);
    assert_true(trib_deal_is_compensated(food, &f->state) && trib_deal_is_final(food, &f->state));
}

static const step ride[] = {
    {601, "r1", NULL, "20", "{\"passenger\":\"ali\"}", "passenger", "ali", "requested"},
    {302, "rami", NULL, "0", "{\"driver\":\"rami\"}", "dispatch", "hub", "matched"},
    {304, "r1", NULL, "0", NULL, "driver", "rami", "matched"},
    {602, "r1", NULL, "0", NULL, "driver", "rami", "riding"},
    {603, "r1", NULL, "22.5", NULL, "driver", "rami", "done"},
    {203, "r1", NULL, "22.5", NULL, "passenger", "ali", "done"},
    {402, "rami", NULL, "18", NULL, "platform", "hub", "done"},
    {401, "hub", NULL, "4.5", NULL, "platform", "hub", "settled"},
};
static const step grocery[] = {
    {501, "g1", NULL, "10", "{\"streamType\":\"grocery\",\"customer\":\"ali\",\"store\":\"shop\",\"items\":[{}]}",
     "customer", "ali", "placed"},
    {203, "g1", NULL, "10", NULL, "payment", "pay", "placed"},
    {301, "g1", NULL, "0", NULL, "merchant", "shop", "accepted"},
    {302, "g1", NULL, "0", "{\"task\":\"picking\",\"picker\":\"pia\"}", "dispatch", "hub", "accepted"},
    {303, "g1", NULL, "0", NULL, "picker", "pia", "picking"},
    {102, "milk", "pt-milk", "-0.5", NULL, "picker", "pia", "picking"},
    {302, "g1", NULL, "0", "{\"task\":\"delivery\",\"driver\":\"rami\"}", "dispatch", "hub", "picking"},
    {207, "g1", NULL, "1.25", NULL, "platform", "hub", "picking"},
    {305, "g1", NULL, "0", NULL, "picker", "pia", "ready"},
    {502, "g1", NULL, "0", NULL, "driver", "rami", "shipped"},
    {503, "g1", NULL, "0", NULL, "customer", "ali", "delivered"},
    {402, "rami", NULL, "3", NULL, "platform", "hub", "delivered"},
    {401, "shop", NULL, "5.75", NULL, "platform", "hub", "settled"},
};
static const step parcel[] = {
    {501, "p1", NULL, "10", "{\"streamType\":\"parcel\",\"buyer\":\"ali\",\"seller\":\"shop\",\"items\":[{}]}", "buyer",
     "ali", "placed"},
    {203, "p1", NULL, "10", NULL, "buyer", "ali", "placed"},
    {301, "p1", NULL, "0", NULL, "seller", "shop", "accepted"},
    {102, "x", "pt-x", "-1", NULL, "seller", "shop", "accepted"},
    {305, "p1", NULL, "0", NULL, "seller", "shop", "packed"},
    {302, "cora", NULL, "0", NULL, "dispatch", "hub", "packed"},
    {502, "p1", NULL, "0", NULL, "courier", "cora", "shipped"},
    {306, "p1", NULL, "0", NULL, "courier", "cora", "shipped"},
    {503, "p1", NULL, "0", NULL, "courier", "cora", "delivered"},
    {401, "shop", NULL, "10", NULL, "platform", "hub", "settled"},
};
static const step service[] = {
    {611, "b1", "slot-9", "80",
     "{\"customer\":\"ali\",\"provider\":\"bob\",\"start\":\"2026-01-01T09:00Z\",\"end\":"
     "\"2026-01-01T10:00Z\",\"items\":[{\"price\":80}],\"fees\":0}",
     "customer", "ali", "booked"},
    {102, "b1", "slot-9", "-1", NULL, "customer", "ali", "booked"},
    {301, "b1", NULL, "0", NULL, "provider", "bob", "confirmed"},
    {303, "b1", NULL, "0", NULL, "provider", "bob", "running"},
    {201, "b1", NULL, "15", NULL, "provider", "bob", "running"},
    {305, "b1", NULL, "0", NULL, "provider", "bob", "done"},
    {203, "b1", NULL, "95", NULL, "customer", "ali", "done"},
    {612, "b1", NULL, "0", NULL, "customer", "ali", "completed"},
    {401, "bob", NULL, "95", NULL, "platform", "hub", "settled"},
};
static const step rental[] = {
    {611, "flat", NULL, "300",
     "{\"streamType\":\"rental\",\"guest\":\"ali\",\"host\":\"hana\",\"start\":"
     "\"2026-01-01\",\"end\":\"2026-01-04\"}",
     "guest", "ali", "requested"},
    {203, "flat", NULL, "300", NULL, "guest", "ali", "requested"},
    {301, "flat", NULL, "0", NULL, "host", "hana", "confirmed"},
    {621, "flat", NULL, "0", NULL, "host", "hana", "staying"},
    {622, "flat", NULL, "0", NULL, "guest", "ali", "ended"},
    {401, "hana", NULL, "300", NULL, "platform", "hub", "settled"},
};

static void every_other_vertical_plays_through(void **state) {
    static const struct {
        const char *type;
        const step *steps;
        size_t count;
    } rows[] = {
        {"ride", ride, sizeof ride / sizeof *ride},         {"grocery", grocery, sizeof grocery / sizeof *grocery},
        {"parcel", parcel, sizeof parcel / sizeof *parcel}, {"service", service, sizeof service / sizeof *service},
        {"rental", rental, sizeof rental / sizeof *rental},
    };
    fixture *f = *state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        trib_deal_event first = event_of(type_of(f, rows[i].type), &rows[i].steps[0]);
        trib_deal_state_init(&f->state, &f->arena);
        assert_ptr_equal(trib_deal_registry_opened_by(&f->registry, first.opcode, first.payload),
                         i == 3 ? type_of(f, "service") : type_of(f, rows[i].type));
        play(f, type_of(f, rows[i].type), rows[i].steps, rows[i].count);
        assert_true(trib_deal_is_final(type_of(f, rows[i].type), &f->state));
        assert_int_equal(trib_deal_balance(&f->state), 0);
    }
}

static void a_copy_goes_its_own_way(void **state) {
    fixture *f = *state;
    const trib_deal_type *food = type_of(f, "food");
    trib_deal_state copy;
    trib_arena arena;
    trib_buf one, two;
    trib_buf_init(&one, 1 << 20);
    trib_buf_init(&two, 1 << 20);
    trib_arena_init(&arena, 1 << 20);
    play(f, food, documents_order, 8);
    assert_int_equal(trib_deal_state_copy(&f->state, &arena, &copy, NULL), TRIB_OK);
    assert_true(trib_str_eq(json_of(food, &f->state, &one), json_of(food, &copy, &two)));
    for (size_t i = 8; i < DOCUMENTS_STEPS; i++) {
        trib_deal_event event = event_of(food, &documents_order[i]);
        assert_int_equal(trib_deal_apply(food, &copy, &event, NULL, NULL), TRIB_OK);
    }
    assert_true(trib_deal_is_final(food, &copy) && !trib_deal_is_final(food, &f->state));
    assert_true(trib_str_eq(json_of(food, &f->state, &two), trib_buf_str(&one)));
    trib_buf_deinit(&one);
    trib_buf_deinit(&two);
    trib_arena_deinit(&arena);
    trib_arena_init(&arena, 16); /* too little */
    assert_int_equal(trib_deal_state_copy(&f->state, &arena, &copy, NULL), TRIB_NOMEM);
    trib_arena_deinit(&arena);
}

static void stored_events_that_do_not_fit_are_counted_without_effect(void **state) {
    fixture *f = *state;
    const trib_deal_type *food = type_of(f, "food");
    static const step odd = {503, "ord-5001", NULL, "0", "not json", NULL, NULL, NULL};
    trib_deal_event event = event_of(food, &odd);
    play(f, food, documents_order, 2);
    assert_int_equal(trib_deal_replay(food, &f->state, &event, NULL), TRIB_OK);
    assert_int_equal(f->state.version, 3);
    assert_int_equal(f->state.misfits, 1);
    assert_true(trib_str_eq_c(trib_deal_status_name(food, f->state.status), "placed"));
    /* a member without a role was let in when it was stored */
    event = event_of(food, &documents_order[2]);
    event.actor = (trib_deal_actor){0};
    assert_int_equal(trib_deal_apply(food, &f->state, &event, NULL, NULL), TRIB_FORBIDDEN);
    assert_int_equal(trib_deal_replay(food, &f->state, &event, NULL), TRIB_OK);
    assert_int_equal(f->state.misfits, 1);
}

static void without_memory_nothing_changes(void **state) {
    fixture *f = *state;
    const trib_deal_type *food = type_of(f, "food");
    trib_deal_state small;
    trib_arena arena;
    trib_arena_init(&arena, 0);
    trib_deal_state_init(&small, &arena);
    trib_deal_event event = event_of(food, &documents_order[0]);
    assert_int_equal(trib_deal_apply(food, &small, &event, NULL, NULL), TRIB_NOMEM);
    assert_int_equal(small.version, 0);
    assert_int_equal(small.status, TRIB_DEAL_NO_STATUS);
    assert_int_equal(small.charged, 0);
    trib_arena_deinit(&arena);
}

/* ---- a type of its own, for what the built-in ones show only together ---- */

/* with ' for " */
static const char own_type[] =
    "{'type':'own','open':true,'roles':{'a':'','d':''},'statuses':{'s':'','c':'','x':''},'final':['x'],'opcodes':["
    "{'opcode':1,'name':'OPEN','roles':'any','delta':'>=0','ledger':'charge','moves':[{'from':'start','to':'s'}]},"
    "{'opcode':2,'name':'DISCOUNT','roles':'any','delta':'<0','ledger':'charge','moves':[{'from':'s'}]},"
    "{'opcode':3,'name':'PAY','roles':'any','delta':'>0','ledger':'payment','moves':[{'from':'s'}]},"
    "{'opcode':4,'name':'ONCE','roles':'any','once':true,'moves':[{'from':'s'}]},"
    "{'opcode':5,'name':'TASK','roles':'any','task':'open','moves':[{'from':'s'}]},"
    "{'opcode':6,'name':'ASSIGN','roles':'any','nodeId':true,'assigns':['d'],'moves':[{'from':'s'}]},"
    "{'opcode':7,'name':'CANCEL','roles':'any','moves':[{'from':'s','to':'c'}]},"
    "{'opcode':8,'name':'REFUND','roles':'any','delta':'>=0','ledger':'refund',"
    "'moves':[{'from':'c','to':'x','when':'compensated'}]},"
    "{'opcode':9,'name':'VOID','roles':'any','task':'void','moves':[{'from':'c','to':'x','when':'compensated'}]},"
    "{'opcode':10,'name':'RELEASE','roles':'any','releases':['d'],"
    "'moves':[{'from':'c','to':'x','when':'compensated'}]}]}";

static const trib_deal_type *own(fixture *f) {
    trib_error err = {0};
    char text[sizeof own_type];
    for (size_t i = 0; i < sizeof text; i++) text[i] = own_type[i] == '\'' ? '"' : own_type[i];
    trib_code code = trib_deal_registry_add(&f->registry, TRIB_STR("own.json"), trib_str_c(text), NULL, &err);
    if (code != TRIB_OK) fail_msg("%s", err.message);
    return type_of(f, "own");
}

static trib_deal_refusal_kind refused(fixture *f, const trib_deal_type *type, const step *s) {
    trib_deal_refusal refusal;
    trib_deal_event event = event_of(type, s);
    assert_int_not_equal(trib_deal_apply(type, &f->state, &event, &refusal, NULL), TRIB_OK);
    for (size_t i = 0; i < refusal.allowed_count && refusal.kind == TRIB_DEAL_REFUSED_REPEATED; i++)
        assert_int_not_equal(refusal.allowed[i], s->opcode);
    return refusal.kind;
}

static void a_cancelled_stream_ends_when_the_last_of_money_tasks_and_people_is_back(void **state) {
    static const step money[] = {
        {1, "n", NULL, "5", NULL, NULL, NULL, "s"},  {3, "n", NULL, "5", NULL, NULL, NULL, "s"},
        {7, "n", NULL, NULL, NULL, NULL, NULL, "c"}, {9, "n", NULL, NULL, NULL, NULL, NULL, "c"},
        {8, "n", NULL, "4", NULL, NULL, NULL, "c"},  {8, "n", NULL, "1", NULL, NULL, NULL, "x"}};
    static const step task[] = {{1, "n", NULL, "5", NULL, NULL, NULL, "s"},
                                {5, "n", NULL, NULL, NULL, NULL, NULL, "s"},
                                {7, "n", NULL, NULL, NULL, NULL, NULL, "c"},
                                {8, "n", NULL, "0", NULL, NULL, NULL, "c"},
                                {9, "n", NULL, NULL, NULL, NULL, NULL, "x"}};
    static const step people[] = {{1, "n", NULL, "5", NULL, NULL, NULL, "s"},
                                  {6, "n", NULL, NULL, NULL, NULL, NULL, "s"},
                                  {7, "n", NULL, NULL, NULL, NULL, NULL, "c"},
                                  {8, "n", NULL, "0", NULL, NULL, NULL, "c"},
                                  {10, "n", NULL, NULL, NULL, NULL, NULL, "x"}};
    fixture *f = *state;
    const trib_deal_type *type = own(f);
    play(f, type, money, sizeof money / sizeof *money);
    trib_deal_state_init(&f->state, &f->arena);
    play(f, type, task, sizeof task / sizeof *task);
    trib_deal_state_init(&f->state, &f->arena);
    play(f, type, people, sizeof people / sizeof *people);
}

static void what_may_be_written_once_is_refused_the_second_time(void **state) {
    static const step steps[] = {{1, "n", NULL, "5", NULL, NULL, NULL, "s"},
                                 {4, "n", NULL, NULL, NULL, NULL, NULL, "s"}};
    fixture *f = *state;
    const trib_deal_type *type = own(f);
    play(f, type, steps, 2);
    assert_int_equal(refused(f, type, &steps[1]), TRIB_DEAL_REFUSED_REPEATED);
}

static void a_total_never_falls_below_what_is_paid(void **state) {
    static const step steps[] = {{1, "n", NULL, "5", NULL, NULL, NULL, "s"},
                                 {3, "n", NULL, "4", NULL, NULL, NULL, "s"},
                                 {2, "n", NULL, "-1", NULL, NULL, NULL, "s"}};
    static const step more = {2, "n", NULL, "-0.01", NULL, NULL, NULL, NULL};
    fixture *f = *state;
    const trib_deal_type *type = own(f);
    play(f, type, steps, 3);
    assert_int_equal(refused(f, type, &more), TRIB_DEAL_REFUSED_MONEY);
    assert_int_equal(f->state.charged, 400);
}

static void an_open_type_stores_opcodes_that_it_does_not_list(void **state) {
    static const step steps[] = {{1, "n", NULL, "5", NULL, NULL, NULL, "s"},
                                 {777, NULL, NULL, "1e300", "{\"any\":1}", "a", "t", "s"}};
    static const step broken = {777, NULL, NULL, NULL, "{", "a", "t", NULL};
    fixture *f = *state;
    const trib_deal_type *type = own(f);
    play(f, type, steps, 2);
    assert_int_equal(f->state.version, 2);
    assert_int_equal(f->state.charged, 500);
    assert_int_equal(refused(f, type, &broken), TRIB_DEAL_REFUSED_PAYLOAD);
}

/* ---- properties, on random sequences ---- */

static uint64_t next_random(uint64_t *seed) {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

/* An event that has a chance to fit: an opcode of the type with a delta of the right sort, most of the time. */
static trib_deal_event random_event(const trib_deal_type *type, uint64_t *seed, char delta[16]) {
    static const char *const payloads[] = {
        NULL,
        "{\"task\":\"delivery\",\"driver\":\"rami\",\"picker\":\"pia\",\"courier\":\"cora\"}",
        "{\"task\":\"picking\",\"picker\":\"pia\",\"currency\":\"AED\"}",
        "{\"customer\":\"a\",\"restaurant\":\"b\",\"store\":\"b\",\"buyer\":\"a\",\"seller\":\"b\",\"passenger\":\"a\","
        "\"provider\":\"b\",\"guest\":\"a\",\"host\":\"b\",\"start\":\"2026-01-01\",\"end\":\"2026-01-02\",\"items\":[{"
        "}]}",
        "{\"currency\":\"EUR\",\"missing\":\"customer\"}",
        "{broken",
    };
    static const char *const tenants[] = {"a", "b", "rami", "pia", "cora"};
    const trib_deal_op *op = &type->ops[next_random(seed) % type->op_count];
    int size = (int)(next_random(seed) % 40);
    if (next_random(seed) % 3 == 0) size = 0;
    if (op->delta == TRIB_DEAL_DELTA_NEGATIVE) size = -size;
    snprintf(delta, 16, "%d.%d", size, (int)(next_random(seed) % 2) * 5);
    return (trib_deal_event){
        .opcode = op->opcode,
        .node_id = TRIB_STR("rami"),
        .point_id = next_random(seed) % 2 ? TRIB_STR("pt-1") : TRIB_STR("pt-2"),
        .delta = trib_str_c(op->delta == TRIB_DEAL_DELTA_ZERO ? "0" : delta),
        .payload = str_of(payloads[next_random(seed) % (sizeof payloads / sizeof *payloads)]),
        .actor = {.tenant = trib_str_c(tenants[next_random(seed) % 5]),
                  .roles = (uint32_t)next_random(seed),
                  .is_trusted = next_random(seed) % 2 == 0},
    };
}

enum { ROUNDS = 150, EVENTS = 150 };

static void random_sequences_keep_the_rules(void **state) {
    fixture *f = *state;
    uint64_t seed = 0x9E3779B97F4A7C15U, applied = 0, refused = 0, settled = 0;
    trib_buf before, after;
    trib_buf_init(&before, 1 << 20);
    trib_buf_init(&after, 1 << 20);
    for (size_t round = 0; round < ROUNDS * f->registry.count; round++) {
        const trib_deal_type *type = f->registry.entries[round % f->registry.count]->type;
        trib_arena arena, again_arena;
        trib_deal_state one, again;
        trib_arena_init(&arena, 1 << 20);
        trib_arena_init(&again_arena, 1 << 20);
        trib_deal_state_init(&one, &arena);
        trib_deal_state_init(&again, &again_arena);
        for (int i = 0; i < EVENTS && !trib_deal_is_final(type, &one); i++) {
            char delta[16];
            int64_t paid = one.paid, out = one.paid_out + one.refunded;
            trib_deal_event event = random_event(type, &seed, delta);
            json_of(type, &one, &before);
            trib_code checked = trib_deal_check(type, &one, &event, NULL, NULL);
            assert_true(trib_str_eq(json_of(type, &one, &after), trib_buf_str(&before)));
            trib_code code = trib_deal_apply(type, &one, &event, NULL, NULL);
            assert_int_equal(code, checked); /* a check says what applying does */
            json_of(type, &one, &after);
            if (code != TRIB_OK) {
                assert_true(code == TRIB_BAD_EVENT || code == TRIB_BAD_TRANSITION || code == TRIB_FORBIDDEN);
                assert_true(trib_str_eq(trib_buf_str(&after), trib_buf_str(&before)));
                refused++;
                continue;
            }
            applied++;
            assert_true(one.paid >= paid && one.paid_out + one.refunded >= out);
            assert_true(trib_deal_balance(&one) >= 0 && one.paid - one.refunded <= one.charged);
            /* prefix and one event more = the whole, folded anew from what is stored */
            assert_int_equal(trib_deal_replay(type, &again, &event, NULL), TRIB_OK);
            assert_int_equal(again.misfits, 0);
            assert_true(trib_str_eq(json_of(type, &again, &before), trib_buf_str(&after)));
        }
        if (trib_deal_is_final(type, &one)) {
            settled++;
            assert_int_equal(trib_deal_balance(&one), 0);
        }
        trib_arena_deinit(&arena);
        trib_arena_deinit(&again_arena);
    }
    trib_buf_deinit(&before);
    trib_buf_deinit(&after);
    print_message("applied %d, refused %d, ended %d\n", (int)applied, (int)refused, (int)settled);
    assert_true(applied > 3000 && refused > 3000 && settled > 20); /* the sequences reach what they are about */
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH(the_documents_order_passes_and_settles),
        WITH(a_cancelled_order_ends_when_everything_is_back),
        WITH(every_other_vertical_plays_through),
        WITH(a_copy_goes_its_own_way),
        WITH(stored_events_that_do_not_fit_are_counted_without_effect),
        WITH(without_memory_nothing_changes),
        WITH(a_cancelled_stream_ends_when_the_last_of_money_tasks_and_people_is_back),
        WITH(what_may_be_written_once_is_refused_the_second_time),
        WITH(a_total_never_falls_below_what_is_paid),
        WITH(an_open_type_stores_opcodes_that_it_does_not_list),
        WITH(random_sequences_keep_the_rules),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

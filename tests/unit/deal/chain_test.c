/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of src/deal/chain.c: links equal those that another program made from the description, and every change of a
 * stored or archived stream is found at its event. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "crypto/hash.h"
#include "deal/chain.h"

static const trib_deal_row rows[] = {
    {.id = TRIB_STR("evt-1"),
     .stream_id = TRIB_STR("ord-5001"),
     .opcode = 501,
     .node_id = TRIB_STR("ord-5001"),
     .delta = 46.0,
     .payload = TRIB_STR("{\"customer\":\"ali\"}"),
     .ts = TRIB_STR("2026-01-01T12:30:00Z")},
    {.id = TRIB_STR("evt-2"),
     .stream_id = TRIB_STR("ord-5001"),
     .opcode = 102,
     .node_id = TRIB_STR("prod-shw"),
     .point_id = TRIB_STR("pt-shw"),
     .delta = -0.5,
     .payload = TRIB_STR("{\"reason\":\"\xC3\xA4\"}"),
     .ts = TRIB_STR("2026-01-01T12:32:05Z")},
    {.id = TRIB_STR("evt-3"),
     .stream_id = TRIB_STR("ord-5001"),
     .opcode = -7,
     .node_id = TRIB_STR(""),
     .delta_is_null = true,
     .ts = TRIB_STR("")},
};
/* by Python's hashlib and struct, from docs/reference/streams.md */
static const char *const links[] = {
    "ef4f23589ef5264167158d500849d969983a2b72116f6a63ab308cdd0b08f4fd",
    "e51438c3313e0881df90c03b7cb67f7ffaa8cd3ecf6c009f9ac7c8d73401b4ee",
    "d8fdaf51201d8fcf30ac4dffed720cf98e02897bff9bd5a3884a60774728dcf8",
};
enum { ROWS = sizeof rows / sizeof *rows };

static void assert_link(const uint8_t link[TRIB_DEAL_LINK_BYTES], const char *hex) {
    char text[2 * TRIB_DEAL_LINK_BYTES + 1];
    for (size_t i = 0; i < TRIB_DEAL_LINK_BYTES; i++) snprintf(text + 2 * i, 3, "%02x", link[i]);
    assert_string_equal(text, hex);
}

static void links_equal_those_of_another_program(void **state) {
    trib_deal_chain chain;
    (void)state;
    trib_deal_chain_init(&chain, trib_crypto_sha256, NULL, 0);
    for (size_t i = 0; i < ROWS; i++) {
        assert_int_equal(trib_deal_chain_add(&chain, &rows[i], NULL), TRIB_OK);
        assert_int_equal(chain.seq, i + 1);
        assert_link(chain.head, links[i]);
    }
    trib_deal_chain_deinit(&chain);
}

static void a_chain_goes_on_from_a_stored_head(void **state) {
    trib_deal_chain chain, rest;
    (void)state;
    trib_deal_chain_init(&chain, trib_crypto_sha256, NULL, 0);
    assert_int_equal(trib_deal_chain_add(&chain, &rows[0], NULL), TRIB_OK);
    assert_int_equal(trib_deal_chain_add(&chain, &rows[1], NULL), TRIB_OK);
    trib_deal_chain_init(&rest, trib_crypto_sha256, chain.head, chain.seq);
    assert_int_equal(trib_deal_chain_add(&rest, &rows[2], NULL), TRIB_OK);
    assert_link(rest.head, links[2]);
    trib_deal_chain_deinit(&chain);
    trib_deal_chain_deinit(&rest);
}

static void an_archived_stream_gives_the_same_links(void **state) {
    static const char archive[] =
        "[{\"id\":\"evt-1\",\"streamId\":\"ord-5001\",\"opcode\":501,\"nodeId\":\"ord-5001\",\"pointId\":null,"
        "\"delta\":46,"
        "\"payload\":\"{\\\"customer\\\":\\\"ali\\\"}\",\"ts\":\"2026-01-01T12:30:00Z\"},"
        "{\"id\":\"evt-2\",\"streamId\":\"ord-5001\",\"opcode\":102,\"nodeId\":\"prod-shw\",\"pointId\":\"pt-shw\","
        "\"delta\":"
        "-0.5,\"payload\":\"{\\\"reason\\\":\\\"\xC3\xA4\\\"}\",\"ts\":\"2026-01-01T12:32:05Z\"},"
        "{\"id\":\"evt-3\",\"streamId\":\"ord-5001\",\"opcode\":-7,\"nodeId\":\"\",\"pointId\":null,\"delta\":null,"
        "\"payload\":null,\"ts\":\"\"}]";
    trib_deal_chain chain;
    trib_arena arena;
    const trib_json *root = NULL;
    (void)state;
    trib_arena_init(&arena, 1 << 20);
    trib_deal_chain_init(&chain, trib_crypto_sha256, NULL, 0);
    assert_int_equal(trib_json_parse_unique(&arena, TRIB_STR(archive), &root, NULL), TRIB_OK);
    for (const trib_json *e = trib_json_first(root); e; e = trib_json_next(e)) {
        trib_deal_row row;
        assert_int_equal(trib_deal_row_from_json(e, &row, NULL), TRIB_OK);
        assert_int_equal(trib_deal_chain_add(&chain, &row, NULL), TRIB_OK);
    }
    assert_link(chain.head, links[ROWS - 1]);
    trib_deal_chain_deinit(&chain);
    trib_arena_deinit(&arena);
}

static void what_is_no_event_is_refused(void **state) {
    static const char *const bad[] = {
        "[]",
        "{}",
        "{\"id\":1,\"streamId\":\"s\",\"opcode\":1,\"nodeId\":null,\"pointId\":null,\"delta\":0,\"payload\":null,"
        "\"ts\":\"\"}",
        "{\"id\":\"e\",\"streamId\":\"s\",\"opcode\":1.5,\"nodeId\":null,\"pointId\":null,\"delta\":0,\"payload\":null,"
        "\"ts\":\"\"}",
        "{\"id\":\"e\",\"streamId\":\"s\",\"opcode\":1,\"nodeId\":null,\"pointId\":null,\"delta\":\"0\",\"payload\":"
        "null,"
        "\"ts\":\"\"}",
        "{\"id\":\"e\",\"streamId\":\"s\",\"opcode\":1,\"nodeId\":null,\"pointId\":null,\"delta\":0,\"payload\":{},"
        "\"ts\":"
        "\"\"}",
        "{\"id\":\"e\",\"streamId\":\"s\",\"opcode\":1,\"nodeId\":null,\"pointId\":null,\"delta\":0,\"payload\":null,"
        "\"ts\":"
        "\"\",\"more\":1}",
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        trib_arena arena;
        trib_deal_row row = {.opcode = 77};
        const trib_json *root = NULL;
        trib_arena_init(&arena, 1 << 20);
        assert_int_equal(trib_json_parse(&arena, trib_str_c(bad[i]), &root, NULL), TRIB_OK);
        assert_int_equal(trib_deal_row_from_json(root, &row, NULL), TRIB_BAD_JSON);
        assert_int_equal(row.opcode, 77);
        trib_arena_deinit(&arena);
    }
}

/* Verifies the stored links over these rows; how many fit before one does not. */
static size_t verified(const trib_deal_row *changed, const uint8_t stored[ROWS][TRIB_DEAL_LINK_BYTES],
                       trib_error *err) {
    trib_deal_chain chain;
    trib_deal_chain_init(&chain, trib_crypto_sha256, NULL, 0);
    size_t i = 0;
    while (i < ROWS && trib_deal_chain_verify(&chain, &changed[i], stored[i], err) == TRIB_OK) i++;
    assert_int_equal(chain.seq, i); /* what does not fit leaves the chain where it was */
    trib_deal_chain_deinit(&chain);
    return i;
}

static void every_change_is_found_at_its_event(void **state) {
    uint8_t stored[ROWS][TRIB_DEAL_LINK_BYTES];
    trib_deal_chain chain;
    trib_error err = {0};
    (void)state;
    trib_deal_chain_init(&chain, trib_crypto_sha256, NULL, 0);
    for (size_t i = 0; i < ROWS; i++) {
        assert_int_equal(trib_deal_chain_add(&chain, &rows[i], NULL), TRIB_OK);
        memcpy(stored[i], chain.head, sizeof stored[i]);
    }
    trib_deal_chain_deinit(&chain);
    assert_int_equal(verified(rows, stored, NULL), ROWS);
    for (int change = 0; change < 12; change++) {
        trib_deal_row changed[ROWS];
        memcpy(changed, rows, sizeof rows);
        trib_deal_row *row = &changed[1];
        switch (change) {
        case 0: row->id = TRIB_STR("evt-9"); break;
        case 1: row->stream_id = TRIB_STR("ord-5002"); break;
        case 2: row->opcode = 103; break;
        case 3: row->node_id = TRIB_STR(""); break;
        case 4: row->point_id = (trib_str){0}; break;
        case 5: row->delta = 0.5; break;
        case 6: row->delta_is_null = true; break;
        case 7: row->payload = TRIB_STR("{\"reason\":\"a\"}"); break;
        case 8: row->ts = TRIB_STR("2026-01-01T12:32:06Z"); break;
        case 9: /* a byte moves over a border */
            row->node_id = TRIB_STR("prod-shwp");
            row->point_id = TRIB_STR("t-shw");
            break;
        case 10: /* dropped */ *row = rows[2]; break;
        default: /* NULL is not the empty text */ row->payload = (trib_str){0}; break;
        }
        assert_int_equal(verified(changed, stored, &err), 1);
        assert_int_equal(err.code, TRIB_CHAIN_BROKEN);
        assert_non_null(strstr(err.message, "event 2 of stream"));
    }
}

static trib_code no_sha256(trib_str data, uint8_t ret_digest[TRIB_DEAL_LINK_BYTES]) {
    (void)data;
    (void)ret_digest;
    return TRIB_NOMEM;
}

static void without_memory_the_chain_stays(void **state) {
    trib_deal_chain chain;
    (void)state;
    trib_deal_chain_init(&chain, no_sha256, NULL, 0);
    assert_int_equal(trib_deal_chain_add(&chain, &rows[0], NULL), TRIB_NOMEM);
    assert_int_equal(chain.seq, 0);
    trib_deal_chain_deinit(&chain);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(links_equal_those_of_another_program),    cmocka_unit_test(a_chain_goes_on_from_a_stored_head),
        cmocka_unit_test(an_archived_stream_gives_the_same_links), cmocka_unit_test(what_is_no_event_is_refused),
        cmocka_unit_test(every_change_is_found_at_its_event),      cmocka_unit_test(without_memory_the_chain_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

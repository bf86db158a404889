/* SPDX-License-Identifier: Apache-2.0 */
/* WebSocket frames by the sections of RFC 6455. Every case is read whole and a byte at a time, with the same events. */
#include "wire/ws.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/ws_frame.h"

enum { BYTES_MAX = 2 << 20, MESSAGE_MAX = 4096 };

/* Frames to read, and what they are expected to give: "T:hello P:x C1000:bye E1002". */
typedef struct stream {
    unsigned char bytes[BYTES_MAX];
    size_t len;
} stream;

static stream in;

static void put(uint8_t opcode, bool fin, const char *payload, size_t n) {
    ws_frame f = {.fin = fin, .opcode = opcode, .masked = true};
    in.len += ws_frame_write(f, payload, n, in.bytes + in.len);
}

static void put_text(uint8_t opcode, bool fin, const char *payload) {
    put(opcode, fin, payload, strlen(payload));
}

static void describe(trib_buf *out, trib_ws_event event, const trib_ws_reader *r) {
    if (out->len) trib_buf_add_char(out, ' ');
    switch (event) {
    case TRIB_WS_NEED: return;
    case TRIB_WS_MESSAGE: trib_buf_add_c(out, r->is_text ? "T:" : "B:"); break;
    case TRIB_WS_PING: trib_buf_add_c(out, "P:"); break;
    case TRIB_WS_PONG: trib_buf_add_c(out, "O:"); break;
    case TRIB_WS_CLOSE: trib_buf_printf(out, "C%u:", r->close_code); break;
    case TRIB_WS_ERROR: trib_buf_printf(out, "E%u", r->close_code); return;
    }
    if (r->payload.len > 64) trib_buf_printf(out, "[%zu]", r->payload.len);
    else trib_buf_add(out, r->payload);
}

static void read_in_steps(size_t step, trib_buf *out) {
    trib_ws_reader r;
    trib_ws_reader_init(&r, true, MESSAGE_MAX);
    size_t at = 0;
    bool failed = false;
    while (at < in.len && !failed) {
        trib_error err;
        size_t used, n = in.len - at < step ? in.len - at : step;
        /* memory of its own, so that a sanitizer sees a pointer that was kept into it */
        char *shown = malloc(n);
        assert_non_null(shown);
        memcpy(shown, in.bytes + at, n);
        trib_ws_event event;
        size_t seen = 0;
        do {
            event = trib_ws_reader_next(&r, trib_str_make(shown + seen, n - seen), &used, &err);
            seen += used;
            if (event != TRIB_WS_NEED) describe(out, event, &r);
            failed = event == TRIB_WS_ERROR;
        } while (event != TRIB_WS_NEED && !failed);
        if (!failed) assert_int_equal(seen, n);
        at += n;
        free(shown);
    }
    if (!failed && !trib_ws_reader_is_partial(&r)) assert_null(r.frame); /* at rest nothing is kept */
    if (!failed && !trib_ws_reader_is_partial(&r)) assert_null(r.message.ptr);
    trib_ws_reader_deinit(&r);
}

static void expect(const char *want) {
    static const size_t steps[] = {BYTES_MAX, 1, 3, 7, 4096};
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        trib_buf got;
        trib_buf_init(&got, BYTES_MAX);
        read_in_steps(steps[i], &got);
        trib_buf_add_char(&got, '\0');
        assert_string_equal(got.ptr, want);
        trib_buf_deinit(&got);
    }
    in.len = 0;
}

/* §5.7: the examples of the specification, with the client's mask */
static void a_message_is_read_with_its_mask_taken_off(void **state) {
    (void)state;
    static const unsigned char hello[] = {0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58};
    memcpy(in.bytes, hello, in.len = sizeof hello);
    expect("T:Hello");
    put_text(2, true, "bin");
    put_text(1, true, "");
    expect("B:bin T:");
}

/* §5.2: lengths of 7, 16 and 64 bits, each in its shortest form only */
static void lengths_have_three_forms_and_only_the_shortest_counts(void **state) {
    (void)state;
    static char long_text[70000];
    memset(long_text, 'x', sizeof long_text);
    static const size_t lengths[] = {1, 124, 125, 126, 127, 128, 4095, 4096};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        char want[32];
        put(1, true, long_text, lengths[i]);
        snprintf(want, sizeof want, lengths[i] > 64 ? "T:[%zu]" : "T:x", lengths[i]);
        expect(want);
    }
    for (int form = 2; form <= 8; form += 6) {
        ws_frame f = {.fin = true, .opcode = 1, .masked = true, .length_form = form};
        in.len = ws_frame_write(f, long_text, 100, in.bytes);
        expect("E1002");
    }
    ws_frame f = {.fin = true, .opcode = 1, .masked = true, .length_form = 8};
    in.len = ws_frame_write(f, long_text, 3000, in.bytes);
    expect("E1002");
    in.bytes[0] = 0x81;
    in.bytes[1] = 0xff;
    memset(in.bytes + 2, 0xff, in.len = 40);
    expect("E1002");
}

/* §5.1: a server closes on a frame without a mask; a client on one with it */
static void a_mask_is_required_of_clients_and_forbidden_to_servers(void **state) {
    (void)state;
    in.len = ws_frame_write((ws_frame){.fin = true, .opcode = 1}, "hello", 5, in.bytes);
    expect("E1002");
    trib_ws_reader r;
    size_t used;
    trib_error err;
    unsigned char bytes[32];
    trib_ws_reader_init(&r, false, MESSAGE_MAX);
    size_t n = ws_frame_write((ws_frame){.fin = true, .opcode = 1}, "hello", 5, bytes);
    assert_int_equal(trib_ws_reader_next(&r, trib_str_make((char *)bytes, n), &used, &err), TRIB_WS_MESSAGE);
    assert_true(trib_str_eq_c(r.payload, "hello"));
    n = ws_frame_write((ws_frame){.fin = true, .opcode = 1, .masked = true}, "hello", 5, bytes);
    assert_int_equal(trib_ws_reader_next(&r, trib_str_make((char *)bytes, n), &used, &err), TRIB_WS_ERROR);
    assert_int_equal(r.close_code, 1002);
    assert_int_equal(trib_ws_reader_next(&r, trib_str_make("", 0), &used, &err), TRIB_WS_ERROR);
    trib_ws_reader_deinit(&r);
}

/* §5.2 */
static void reserved_bits_and_unknown_opcodes_are_refused(void **state) {
    (void)state;
    for (uint8_t rsv = 1; rsv < 8; rsv++) {
        in.len = ws_frame_write((ws_frame){.fin = true, .opcode = 1, .masked = true, .rsv = rsv}, "x", 1, in.bytes);
        expect("E1002");
    }
    static const uint8_t reserved[] = {3, 4, 5, 6, 7, 11, 12, 13, 14, 15};
    for (size_t i = 0; i < sizeof reserved; i++) {
        put_text(reserved[i], true, "x");
        expect("E1002");
    }
}

/* §5.4, §5.5 */
static void fragments_are_joined_and_control_frames_may_come_between(void **state) {
    (void)state;
    put_text(1, false, "he");
    put_text(9, true, "ping");
    put_text(0, false, "");
    put_text(0, false, "ll");
    put_text(10, true, "");
    put_text(0, true, "o");
    put_text(2, true, "next");
    expect("P:ping O: T:hello B:next");
    put_text(0, true, "nothing to go on with");
    expect("E1002");
    put_text(1, false, "a");
    put_text(1, true, "b");
    expect("E1002");
    put_text(1, true, "a");
    put_text(0, true, "b");
    expect("T:a E1002");
}

/* §5.5 */
static void control_frames_are_whole_and_short(void **state) {
    (void)state;
    char payload[126];
    memset(payload, 'p', sizeof payload);
    put(9, true, payload, 125);
    expect("P:[125]");
    for (uint8_t opcode = 8; opcode <= 10; opcode++) {
        put(opcode, true, payload, 126);
        expect("E1002");
        put(opcode, false, payload, 1);
        expect("E1002");
    }
}

/* §8.1, §5.6 */
static void text_must_be_utf8_also_across_fragments(void **state) {
    (void)state;
    put_text(1, true, "\xce\xba\xe1\xbd\xb9\xf0\x9f\x98\x80");
    expect("T:\xce\xba\xe1\xbd\xb9\xf0\x9f\x98\x80");
    put_text(1, false, "\xf0\x9f");
    put_text(0, false, "\x98");
    put_text(0, true, "\x80!");
    expect("T:\xf0\x9f\x98\x80!");
    static const char *const bad[] = {
        "\x80", "\xc0\xaf", "\xed\xa0\x80",   "\xf4\x90\x80\x80", "ab\xe2\x82",      "\xf0\x9f\x98",
        "\xff", "\xc2",     "ok\xf5\x80\x80", "\xe0\x80\x80 abc", "\xf0\x80\x80\x80"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        put_text(1, true, bad[i]);
        expect("E1007");
        put_text(2, true, "");
        put_text(1, false, bad[i]);
        put_text(0, true, "");
        expect("B: E1007");
    }
    put(2, true, "\xff\xfe", 2); /* bytes are bytes */
    expect("B:\xff\xfe");
    put_text(1, false, "fine");
    put_text(0, false, "\xff wrong at once, not only at the end");
    expect("E1007");
}

/* §5.5.1, §7.4 */
static void close_codes_are_those_that_may_be_sent(void **state) {
    (void)state;
    put_text(8, true, "");
    put_text(1, true, "after the end nothing counts");
    expect("C1005:");
    put(8, true,
        "\x03\xe8"
        "bye",
        5);
    expect("C1000:bye");
    put(8, true, "\x03", 1);
    expect("E1002");
    put(8, true, "\x03\xe8\xff", 3);
    expect("E1007");
    for (unsigned code = 0; code < 65536; code = code < 1020 || code > 2990 ? code + 1 : 2991) {
        bool good = (code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006) ||
                    (code >= 3000 && code <= 4999);
        if (code > 5010 && code < 65530) code = 65530;
        if (code < 990 && code > 2) code = 990;
        char body[2] = {(char)(code >> 8), (char)code}, want[16];
        put(8, true, body, 2);
        if (good) snprintf(want, sizeof want, "C%u:", code);
        else snprintf(want, sizeof want, "E1002");
        expect(want);
    }
}

/* §10.4 */
static void a_message_over_the_limit_is_refused_by_its_head(void **state) {
    (void)state;
    static char big[MESSAGE_MAX + 1];
    memset(big, 'x', sizeof big);
    put(1, true, big, sizeof big);
    expect("E1009");
    put(1, false, big, MESSAGE_MAX);
    put_text(0, true, "");
    expect("T:[4096]");
    put(1, false, big, MESSAGE_MAX);
    put_text(0, true, "x");
    expect("E1009");
    /* 2^62 bytes are announced: nothing is allocated for them */
    static const unsigned char head[] = {0x82, 0xff, 0x40, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5};
    memcpy(in.bytes, head, in.len = sizeof head);
    expect("E1009");
}

static void a_message_of_endless_empty_fragments_is_refused(void **state) {
    (void)state;
    put_text(1, false, "");
    for (int i = 1; i < TRIB_WS_FRAGMENTS_MAX; i++) put_text(0, false, "");
    put_text(0, true, "");
    trib_buf got;
    trib_buf_init(&got, BYTES_MAX);
    read_in_steps(4096, &got);
    trib_buf_add_char(&got, '\0');
    assert_string_equal(got.ptr, "E1009");
    trib_buf_deinit(&got);
    in.len = 0;
}

static void a_message_can_be_moved_out(void **state) {
    (void)state;
    trib_ws_reader r;
    trib_error err;
    trib_buf mine;
    size_t used, used_next;
    trib_ws_reader_init(&r, true, MESSAGE_MAX);
    put_text(1, true, "first");
    put_text(1, true, "second");
    size_t first = 6 + strlen("first");
    trib_str bytes = trib_str_make((char *)in.bytes, in.len);
    assert_int_equal(trib_ws_reader_next(&r, bytes, &used, &err), TRIB_WS_MESSAGE);
    assert_int_equal(used, first); /* nothing behind it is taken: reading may pause here */
    trib_ws_reader_take(&r, &mine);
    bytes = trib_str_sub(bytes, used, bytes.len);
    assert_int_equal(trib_ws_reader_next(&r, bytes, &used_next, &err), TRIB_WS_MESSAGE);
    assert_true(trib_str_eq_c(r.payload, "second"));
    assert_true(trib_str_eq_c(trib_buf_str(&mine), "first"));
    trib_buf_deinit(&mine);
    trib_ws_reader_deinit(&r);
    in.len = 0;
}

static void what_is_written_is_read_back(void **state) {
    (void)state;
    static const size_t lengths[] = {0, 1, 125, 126, 65535, 65536};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        trib_ws_reader r;
        trib_error err;
        trib_buf out;
        size_t used;
        trib_buf_init(&out, BYTES_MAX);
        trib_ws_reader_init(&r, false, BYTES_MAX);
        trib_ws_write(&out, TRIB_WS_OP_BINARY, trib_str_make((char *)in.bytes, lengths[i]));
        assert_false(out.failed);
        trib_ws_event event;
        for (size_t at = 0;; at += used) {
            event = trib_ws_reader_next(&r, trib_str_sub(trib_buf_str(&out), at, out.len), &used, &err);
            if (event != TRIB_WS_NEED) break;
        }
        assert_int_equal(event, TRIB_WS_MESSAGE);
        assert_int_equal(r.payload.len, lengths[i]);
        trib_ws_reader_deinit(&r);
        trib_buf_deinit(&out);
    }
}

static void a_close_reason_is_cut_between_characters(void **state) {
    (void)state;
    char reason[200];
    trib_buf out;
    trib_buf_init(&out, 1024);
    memset(reason, 'r', sizeof reason);
    memcpy(reason + 122, "\xc3\xa9", 2); /* its second byte would be the 124th */
    trib_ws_write_close(&out, 1008, trib_str_make(reason, sizeof reason));
    assert_int_equal(out.len, 2 + 2 + 122);
    assert_memory_equal(out.ptr, "\x88\x7c\x03\xf0", 4);
    trib_buf_clear(&out);
    trib_ws_write_close(&out, TRIB_WS_CLOSE_NONE, TRIB_STR("not sent"));
    assert_int_equal(out.len, 2);
    trib_buf_deinit(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_is_read_with_its_mask_taken_off),
        cmocka_unit_test(lengths_have_three_forms_and_only_the_shortest_counts),
        cmocka_unit_test(a_mask_is_required_of_clients_and_forbidden_to_servers),
        cmocka_unit_test(reserved_bits_and_unknown_opcodes_are_refused),
        cmocka_unit_test(fragments_are_joined_and_control_frames_may_come_between),
        cmocka_unit_test(control_frames_are_whole_and_short),
        cmocka_unit_test(text_must_be_utf8_also_across_fragments),
        cmocka_unit_test(close_codes_are_those_that_may_be_sent),
        cmocka_unit_test(a_message_over_the_limit_is_refused_by_its_head),
        cmocka_unit_test(a_message_of_endless_empty_fragments_is_refused),
        cmocka_unit_test(a_message_can_be_moved_out),
        cmocka_unit_test(what_is_written_is_read_back),
        cmocka_unit_test(a_close_reason_is_cut_between_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

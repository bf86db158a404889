/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of src/wire/base64.c: vectors of RFC 4648, what each mode accepts, and the way there and back. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

#include "wire/base64.h"

static const struct {
    trib_str bytes;
    const char *std, *url;
} vectors[] = {
    {TRIB_STR(""), "", ""},
    {TRIB_STR("f"), "Zg==", "Zg=="},
    {TRIB_STR("fo"), "Zm8=", "Zm8="},
    {TRIB_STR("foo"), "Zm9v", "Zm9v"},
    {TRIB_STR("foob"), "Zm9vYg==", "Zm9vYg=="},
    {TRIB_STR("fooba"), "Zm9vYmE=", "Zm9vYmE="},
    {TRIB_STR("foobar"), "Zm9vYmFy", "Zm9vYmFy"},
    {TRIB_STR("\x01\x02\x03"), "AQID", "AQID"},
    {TRIB_STR("\0"), "AA==", "AA=="},
    {TRIB_STR("\xFB\xFF\xBF"), "+/+/", "-_-_"},
    {TRIB_STR("\xFF\xFF"), "//8=", "__8="},
};

static void bytes_become_the_text_of_the_rfc(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        for (int pad = 0; pad <= 1; pad++) {
            for (int a = TRIB_BASE64_STD; a <= TRIB_BASE64_URL; a++) {
                char out[32];
                trib_str want = trib_str_c(a == TRIB_BASE64_STD ? vectors[i].std : vectors[i].url);
                while (!pad && want.len && want.ptr[want.len - 1] == '=') want.len--;
                size_t n =
                    trib_base64_encode((trib_base64_alphabet)a, pad, vectors[i].bytes.ptr, vectors[i].bytes.len, out);
                assert_true(trib_str_eq(trib_str_make(out, n), want));
                assert_true(n <= trib_base64_encoded_max(vectors[i].bytes.len));
            }
        }
    }
}

static bool decode(int alphabet, int mode, trib_str text, trib_str want) {
    size_t n = 777;
    /* exact copies: the sanitizer sees a byte too much, read or written */
    char *in = malloc(text.len ? text.len : 1), *out = malloc(trib_base64_decoded_max(text.len));
    if (text.len) memcpy(in, text.ptr, text.len);
    bool ok = trib_base64_decode((trib_base64_alphabet)alphabet, (trib_base64_mode)mode, trib_str_make(in, text.len),
                                 out, &n);
    if (ok) assert_true(trib_str_eq(trib_str_make(out, n), want));
    else assert_int_equal(n, 777);
    free(in);
    free(out);
    return ok;
}

static void texts_become_the_bytes_of_the_rfc(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        for (int a = TRIB_BASE64_STD; a <= TRIB_BASE64_URL; a++) {
            trib_str padded = trib_str_c(a == TRIB_BASE64_STD ? vectors[i].std : vectors[i].url), bare = padded;
            while (bare.len && bare.ptr[bare.len - 1] == '=') bare.len--;
            assert_true(decode(a, TRIB_BASE64_LENIENT, padded, vectors[i].bytes));
            assert_true(decode(a, TRIB_BASE64_LENIENT, bare, vectors[i].bytes));
            assert_true(decode(a, TRIB_BASE64_CANONICAL, bare, vectors[i].bytes));
            assert_int_equal(decode(a, TRIB_BASE64_CANONICAL, padded, vectors[i].bytes), padded.len == bare.len);
        }
    }
}

static void what_is_not_base64_is_refused(void **state) {
    static const trib_str texts[] = {
        TRIB_STR("A"),
        TRIB_STR("AAAAA"),
        TRIB_STR("="),
        TRIB_STR("=="),
        TRIB_STR("===="),
        TRIB_STR("A==="),
        TRIB_STR("AA="),
        TRIB_STR("AAA=="),
        TRIB_STR("AAAA="),
        TRIB_STR("AAAA=="),
        TRIB_STR("AAAA===="),
        TRIB_STR("AA==AA=="),
        TRIB_STR("AA=A"),
        TRIB_STR("=AAA"),
        TRIB_STR("AA A"),
        TRIB_STR("AA\nA"),
        TRIB_STR("AAA\0"),
        TRIB_STR("AA.A"),
        TRIB_STR("AA*A"),
        TRIB_STR("AAAA AAAA"),
        TRIB_STR(" AAAA"),
        TRIB_STR("AAAA\n"),
        TRIB_STR("\xFF\xFF\xFF\xFF"),
        TRIB_STR("AA\x80"
                 "A"),
        TRIB_STR("@[`{"),
    };
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        for (int a = TRIB_BASE64_STD; a <= TRIB_BASE64_URL; a++) {
            for (int m = TRIB_BASE64_LENIENT; m <= TRIB_BASE64_CANONICAL; m++) {
                if (decode(a, m, texts[i], (trib_str){0})) fail_msg("accepted %.*s", TRIB_STR_ARG(texts[i]));
            }
        }
    }
    assert_false(decode(TRIB_BASE64_STD, TRIB_BASE64_LENIENT, TRIB_STR("-_-_"), (trib_str){0}));
    assert_false(decode(TRIB_BASE64_URL, TRIB_BASE64_LENIENT, TRIB_STR("+/+/"), (trib_str){0}));
}

static void unused_bits_must_be_zero_in_canonical_mode(void **state) {
    static const struct {
        trib_str text, bytes;
    } rows[] = {
        /* each unused bit alone */
        {TRIB_STR("Zh"), TRIB_STR("f")}, {TRIB_STR("Zi"), TRIB_STR("f")},   {TRIB_STR("Zk"), TRIB_STR("f")},
        {TRIB_STR("Zo"), TRIB_STR("f")}, {TRIB_STR("Zm9"), TRIB_STR("fo")}, {TRIB_STR("Zm-"), TRIB_STR("fo")},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_true(decode(TRIB_BASE64_URL, TRIB_BASE64_LENIENT, rows[i].text, rows[i].bytes));
        assert_false(decode(TRIB_BASE64_URL, TRIB_BASE64_CANONICAL, rows[i].text, rows[i].bytes));
    }
}

static void each_value_has_exactly_one_canonical_text(void **state) {
    (void)state;
    for (unsigned v = 0; v < 0x10000; v++) {
        unsigned char bytes[2] = {(unsigned char)(v >> 8), (unsigned char)v}, back[8];
        char text[8];
        size_t n, texts = 0;
        size_t len = trib_base64_encode(TRIB_BASE64_URL, false, bytes, 2, text);
        for (const char *last = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"; *last; last++) {
            text[2] = *last;
            if (trib_base64_decode(TRIB_BASE64_URL, TRIB_BASE64_CANONICAL, trib_str_make(text, len), back, &n)) {
                texts += memcmp(back, bytes, 2) == 0;
            }
        }
        assert_int_equal(texts, 1);
    }
}

static void the_arena_and_buffer_forms_agree(void **state) {
    trib_arena arena;
    trib_buf buf;
    trib_str out;
    (void)state;
    trib_arena_init(&arena, 8192);
    trib_buf_init(&buf, 4096);
    trib_base64_encode_buf(TRIB_BASE64_STD, true, "fooba", 5, &buf);
    trib_base64_encode_buf(TRIB_BASE64_STD, true, NULL, 0, &buf);
    assert_true(trib_str_eq_c(trib_buf_str(&buf), "Zm9vYmE="));
    assert_true(trib_base64_decode_arena(TRIB_BASE64_STD, TRIB_BASE64_LENIENT, trib_buf_str(&buf), &arena, &out));
    assert_true(trib_str_eq_c(out, "fooba"));
    trib_arena_deinit(&arena);
    trib_arena_init(&arena, 0);
    assert_false(trib_base64_decode_arena(TRIB_BASE64_STD, TRIB_BASE64_LENIENT, trib_buf_str(&buf), &arena, &out));
    assert_true(arena.failed);
    trib_buf_deinit(&buf);
    trib_arena_deinit(&arena);
}

static void sizes_never_overflow(void **state) {
    (void)state;
    assert_int_equal(trib_base64_encoded_max(0), 0);
    assert_int_equal(trib_base64_encoded_max(4), 8);
    assert_true(trib_base64_encoded_max(SIZE_MAX) == SIZE_MAX);
    assert_true(trib_base64_encoded_max(SIZE_MAX / 4 * 3) == SIZE_MAX);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_become_the_text_of_the_rfc),
        cmocka_unit_test(texts_become_the_bytes_of_the_rfc),
        cmocka_unit_test(what_is_not_base64_is_refused),
        cmocka_unit_test(unused_bits_must_be_zero_in_canonical_mode),
        cmocka_unit_test(each_value_has_exactly_one_canonical_text),
        cmocka_unit_test(the_arena_and_buffer_forms_agree),
        cmocka_unit_test(sizes_never_overflow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

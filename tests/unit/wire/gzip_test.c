/* SPDX-License-Identifier: Apache-2.0 */
/* gzip: who takes it, pieces that can be decoded one by one, pieces that are taken back, bounds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "support/gunzip.h"
#include "wire/gzip.h"

static void weights_decide_whether_it_is_taken(void **state) {
    (void)state;
    static const struct {
        const char *header;
        bool taken;
    } rows[] = {
        {NULL, false},
        {"", false},
        {"gzip", true},
        {"GZIP", true},
        {"x-gzip", true},
        {"gzip, deflate, br", true},
        {"br;q=1.0, gzip;q=0.8, *;q=0.1", true},
        {"deflate,gzip;q=0.001", true},
        {"*", true},
        {" gzip ; q=1 ", true},
        {"gzip;q=0", false},
        {"gzip;q=0.000", false},
        {"*;q=0", false},
        {"gzip;q=0, *", false},
        {"identity", false},
        {"br, deflate", false},
        {"gzipped", false},
        {"gzip;q=0.5, identity;q=0.6", false},
        {"gzip;q=0.5, identity;q=0.5", true},
        {"identity;q=0, gzip;q=0.2", true},
        {"identity;q=1, *;q=0", false},
        {"gzip;q=2", false},
        {"gzip;q=1.1", false},
        {"gzip;q=", false},
        {"gzip;q=0.1234", false},
        {"gzip;level=9", false},
        {";;;,,,gzip", true},
        {"application/protobuf", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (trib_gzip_accepted(trib_str_c(rows[i].header)) != rows[i].taken)
            fail_msg("%s", rows[i].header ? rows[i].header : "none");
    }
}

/* Rows as they are sent, with a part that does not compress. */
static void fill(trib_buf *buf, size_t bytes) {
    uint32_t random = 7;
    while (buf->len < bytes) {
        random = random * 1664525 + 1013904223;
        trib_buf_printf(buf, "{\"type\":\"integer\",\"value\":\"%u\"},", random);
    }
    buf->len = bytes;
}

static void assert_decodes(const trib_buf *packed, const trib_buf *plain, bool whole) {
    trib_buf out;
    bool ended;
    trib_buf_init(&out, 64 << 20);
    assert_true(gunzip(trib_buf_str(packed), &out, &ended));
    assert_int_equal(ended, whole);
    assert_int_equal(out.len, plain->len);
    assert_memory_equal(out.ptr ? out.ptr : "", plain->ptr ? plain->ptr : "", out.len);
    trib_buf_deinit(&out);
}

static void every_piece_can_be_decoded_when_it_has_arrived(void **state) {
    (void)state;
    static const size_t pieces[] = {0, 1, 100, 65536, 5, 1 << 20, 4096, 4095, 70000};
    trib_buf plain, packed, piece;
    trib_buf_init(&plain, 64 << 20);
    trib_buf_init(&packed, 64 << 20);
    trib_gzip *gzip = trib_gzip_new();
    for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
        trib_buf_init(&piece, 2 << 20);
        fill(&piece, pieces[i]);
        trib_buf_add(&plain, trib_buf_str(&piece));
        trib_gzip_add(gzip, trib_buf_str(&piece), false, &packed);
        assert_false(packed.failed);
        if (packed.len) assert_decodes(&packed, &plain, false);
        trib_buf_deinit(&piece);
    }
    trib_gzip_add(gzip, TRIB_STR("end"), true, &packed);
    trib_buf_add_c(&plain, "end");
    assert_decodes(&packed, &plain, true);
    assert_true(packed.len < plain.len / 3);
    trib_gzip_free(gzip);
    trib_buf_deinit(&plain);
    trib_buf_deinit(&packed);
}

static void an_empty_stream_is_whole(void **state) {
    (void)state;
    trib_buf plain, packed;
    trib_buf_init(&plain, 1);
    trib_buf_init(&packed, 1 << 20);
    trib_gzip *gzip = trib_gzip_new();
    trib_gzip_add(gzip, (trib_str){0}, true, &packed);
    assert_decodes(&packed, &plain, true);
    trib_gzip_free(gzip);
    trib_buf_deinit(&packed);
}

static void a_piece_that_is_not_sent_leaves_no_trace(void **state) {
    (void)state;
    for (int sent_before = 0; sent_before < 2; sent_before++) {
        trib_buf plain, packed, lost, piece;
        trib_buf_init(&plain, 1 << 20);
        trib_buf_init(&packed, 1 << 20);
        trib_buf_init(&lost, 1 << 20);
        trib_buf_init(&piece, 1 << 20);
        fill(&piece, 50000);
        trib_gzip *gzip = trib_gzip_new();
        if (sent_before) {
            trib_gzip_add(gzip, trib_buf_str(&piece), false, &packed);
            trib_buf_add(&plain, trib_buf_str(&piece));
        }
        trib_gzip_keep(gzip);
        trib_gzip_add(gzip, trib_buf_str(&piece), false, &lost);
        trib_gzip_add(gzip, TRIB_STR("the last words"), false, &lost);
        trib_gzip_drop(gzip);
        trib_gzip_add(gzip, TRIB_STR("the last words, {\"type\":\"integer\""), true, &packed);
        trib_buf_add_c(&plain, "the last words, {\"type\":\"integer\"");
        assert_decodes(&packed, &plain, true);
        trib_gzip_free(gzip);
        trib_buf_deinit(&plain);
        trib_buf_deinit(&packed);
        trib_buf_deinit(&lost);
        trib_buf_deinit(&piece);
    }
}

static void output_past_its_bound_fails_and_stays_so(void **state) {
    (void)state;
    trib_buf plain, packed;
    trib_buf_init(&plain, 2 << 20);
    trib_buf_init(&packed, 8192);
    fill(&plain, 1 << 20);
    trib_gzip *gzip = trib_gzip_new();
    trib_gzip_add(gzip, trib_buf_str(&plain), false, &packed);
    assert_true(packed.failed);
    trib_gzip_add(gzip, TRIB_STR("more"), true, &packed);
    assert_true(packed.failed);
    trib_gzip_free(gzip);
    trib_gzip_free(NULL);
    trib_buf_deinit(&plain);
    trib_buf_deinit(&packed);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(weights_decide_whether_it_is_taken),
        cmocka_unit_test(every_piece_can_be_decoded_when_it_has_arrived),
        cmocka_unit_test(an_empty_stream_is_whole),
        cmocka_unit_test(a_piece_that_is_not_sent_leaves_no_trace),
        cmocka_unit_test(output_past_its_bound_fails_and_stays_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

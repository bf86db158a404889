/* SPDX-License-Identifier: Apache-2.0 */
/* The S3 driver against the scratch server, which checks signatures by itself: what is put is there, whole and in
 * parts; what is there stays; faults are tried again or told, and nothing is ever overwritten. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/env_native.h"
#include "io/object_s3.h"
#include "support/scratch_s3.h"

static struct {
    scratch_s3 *server;
    trib_object_s3 *s3;
    trib_objects objects;
    char credentials[64];
} f;

static void write_credentials(const char *secret) {
    FILE *file = fopen(f.credentials, "we");
    assert_non_null(file);
    fprintf(file,
            "# a comment\n[default]\naws_access_key_id = %s\naws_secret_access_key=%s\r\naws_session_token = %s\n",
            SCRATCH_S3_KEY, secret, SCRATCH_S3_TOKEN);
    fprintf(file, "[other]\naws_access_key_id = x\n");
    fclose(file);
}

/* A server that stalls is given up after STALLED_MS; where none does, a busy machine may take its time. */
enum { STALLED_MS = 250, PATIENT_MS = 30000 };

static void begin_with(scratch_s3_condition condition, uint64_t multipart_bytes, uint32_t timeout_ms) {
    char endpoint[64];
    f.server = scratch_s3_start(condition);
    snprintf(f.credentials, sizeof f.credentials, "/tmp/trib-s3-%d", (int)getpid());
    write_credentials(SCRATCH_S3_SECRET);
    snprintf(endpoint, sizeof endpoint, "http://127.0.0.1:%d", scratch_s3_port(f.server));
    const trib_object_s3_config config = {.env = trib_env_native(),
                                          .endpoint = endpoint,
                                          .region = SCRATCH_S3_REGION,
                                          .bucket = SCRATCH_S3_BUCKET,
                                          .prefix = "pre/",
                                          .credentials_file = f.credentials,
                                          .timeout_ms = timeout_ms,
                                          .retry_ms = 4,
                                          .multipart_bytes = multipart_bytes,
                                          .part_bytes = 10};
    assert_int_equal(trib_object_s3_new(&config, &f.s3, NULL), TRIB_OK);
    f.objects = trib_object_s3_objects(f.s3);
}

static void begin(scratch_s3_condition condition, uint64_t multipart_bytes) {
    begin_with(condition, multipart_bytes, PATIENT_MS);
}

static void end(void) {
    assert_int_equal(scratch_s3_overwritten(f.server), 0);
    trib_object_s3_free(f.s3);
    scratch_s3_stop(f.server);
    unlink(f.credentials);
}

static trib_code put(const char *key, const char *bytes, bool *ret_made, trib_error *err) {
    static const trib_object_note note = {"head", {"abc", 3}};
    trib_object object = {.key = trib_str_c(key), .bytes = trib_str_c(bytes), .notes = {note}, .note_count = 1};
    return f.objects.put(f.objects.ctx, &object, ret_made, err);
}

static trib_code get(const char *key, char *out, size_t cap, bool *ret_found, trib_error *err) {
    trib_buf buf;
    trib_buf_init(&buf, cap - 1);
    trib_code code = f.objects.get(f.objects.ctx, trib_str_c(key), &buf, ret_found, err);
    if (code == TRIB_OK) snprintf(out, cap, "%.*s", TRIB_STR_ARG(trib_buf_str(&buf)));
    trib_buf_deinit(&buf);
    return code;
}

static void is(const char *key, const char *bytes) {
    char out[100] = "";
    bool found = false;
    uint64_t size = 0;
    assert_int_equal(get(key, out, sizeof out, &found, NULL), TRIB_OK);
    assert_true(found);
    assert_string_equal(out, bytes);
    assert_int_equal(f.objects.head(f.objects.ctx, trib_str_c(key), &size, &found, NULL), TRIB_OK);
    assert_int_equal(size, strlen(bytes));
}

static void what_is_put_is_there_and_stays(void **state) {
    bool made, found = true;
    char out[100];
    (void)state;
    for (int condition = SCRATCH_S3_OBEYS; condition <= SCRATCH_S3_IGNORES; condition++) {
        begin((scratch_s3_condition)condition, 0);
        assert_int_equal(get("a.json", out, sizeof out, &found, NULL), TRIB_OK);
        assert_false(found);
        assert_int_equal(put("a.json", "first", &made, NULL), TRIB_OK);
        assert_true(made);
        assert_int_equal(put("a.json", "second", &made, NULL), TRIB_OK);
        assert_false(made);
        is("a.json", "first");
        char *kept = scratch_s3_get(f.server, "pre/a.json", NULL);
        assert_string_equal(kept, "first");
        free(kept);
        assert_int_equal(scratch_s3_wrong(f.server), 0);
        end();
    }
}

static void large_ones_go_in_parts(void **state) {
    static const char bytes[] = "0123456789abcdefghijklmnopqrstuvwxyz";
    bool made;
    (void)state;
    for (int condition = SCRATCH_S3_OBEYS; condition <= SCRATCH_S3_REFUSES; condition++) {
        begin((scratch_s3_condition)condition, 20);
        assert_int_equal(put("big", bytes, &made, NULL), TRIB_OK);
        assert_true(made);
        is("big", bytes);
        assert_int_equal(scratch_s3_open_uploads(f.server), 0);
        assert_int_equal(put("big", "another one that is large, too", &made, NULL), TRIB_OK);
        assert_false(made);
        is("big", bytes);
        end();
    }
}

/* What a fault at any request of a put leaves: told as made and there; or told as a failure. */
static void a_fault_at_any_request_is_tried_again_or_told(void **state) {
    static const char bytes[] = "0123456789abcdefghijklmnopqrstuvwxyz";
    (void)state;
    for (int large = 0; large <= 1; large++) {
        begin_with(SCRATCH_S3_OBEYS, large ? 20 : 0, STALLED_MS);
        for (int kind = SCRATCH_S3_DROP_BEFORE; kind < SCRATCH_S3_KILL_BEFORE; kind++) {
            for (int at = 1; at <= (large ? 7 : 2); at++) {
                char key[40];
                bool made = false;
                snprintf(key, sizeof key, "k%d-%d", kind, at);
                scratch_s3_fault(f.server, (scratch_s3_fault_kind)kind, at, 1, NULL, NULL);
                trib_code code = put(key, bytes, &made, NULL);
                scratch_s3_fault(f.server, SCRATCH_S3_NONE, 0, 0, NULL, NULL);
                bool lies = kind == SCRATCH_S3_FORGET || kind == SCRATCH_S3_TRUNCATE || kind == SCRATCH_S3_LIE_THERE;
                if (code == TRIB_OK && !lies) is(key, bytes); /* what lies is found out by reading */
                if (code != TRIB_OK && kind != SCRATCH_S3_DENIED)
                    fail_msg("%s at request %d: %s", scratch_s3_fault_text((scratch_s3_fault_kind)kind), at,
                             trib_code_text(code));
            }
        }
        end();
    }
}

static void a_fault_that_lasts_is_told(void **state) {
    static const struct {
        scratch_s3_fault_kind kind;
        trib_code code;
    } rows[] = {{SCRATCH_S3_DROP_BEFORE, TRIB_CONNECT},
                {SCRATCH_S3_ERROR_BEFORE, TRIB_REMOTE},
                {SCRATCH_S3_SLOW_DOWN, TRIB_REMOTE},
                {SCRATCH_S3_DENIED, TRIB_REMOTE},
                {SCRATCH_S3_STALL_BEFORE, TRIB_REQUEST_TIMEOUT},
                {SCRATCH_S3_CUT, TRIB_CONNECT}};
    trib_error err;
    char out[100];
    bool found;
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        begin_with(SCRATCH_S3_OBEYS, 0, rows[i].kind == SCRATCH_S3_STALL_BEFORE ? STALLED_MS : PATIENT_MS);
        assert_int_equal(put("a", "0123456789", &found, NULL), TRIB_OK);
        scratch_s3_fault(f.server, rows[i].kind, 1, 1000, NULL, NULL);
        assert_int_equal(get("a", out, sizeof out, &found, &err), rows[i].code);
        assert_null(strstr(err.message, SCRATCH_S3_SECRET));
        end();
    }
}

static void a_wrong_secret_is_refused_and_a_new_one_counts_at_once(void **state) {
    trib_error err;
    bool made;
    (void)state;
    begin(SCRATCH_S3_OBEYS, 0);
    write_credentials("wrong");
    assert_int_equal(put("a", "x", &made, &err), TRIB_REMOTE);
    assert_non_null(strstr(err.message, "403"));
    assert_true(scratch_s3_wrong(f.server) > 0);
    write_credentials(SCRATCH_S3_SECRET);
    assert_int_equal(put("a", "x", &made, NULL), TRIB_OK);
    unlink(f.credentials);
    assert_int_equal(put("b", "x", &made, &err), TRIB_CONFIG);
    end();
}

static bool take(void *ctx, trib_str key, uint64_t size) {
    char *text = ctx;
    size_t n = strlen(text);
    snprintf(text + n, 200 - n, "%.*s:%llu ", TRIB_STR_ARG(key), (unsigned long long)size);
    return n < 30;
}

static void a_listing_goes_through_all_pages(void **state) {
    static const char *const keys[] = {"g", "a", "c", "b", "e", "d", "f", "h"};
    char all[200] = "", some[200] = "";
    bool made;
    (void)state;
    begin(SCRATCH_S3_OBEYS, 0);
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) assert_int_equal(put(keys[i], "x", &made, NULL), TRIB_OK);
    assert_int_equal(f.objects.list(f.objects.ctx, (trib_str){0}, take, all, NULL), TRIB_OK);
    assert_string_equal(all, "a:1 b:1 c:1 d:1 e:1 f:1 g:1 h:1 ");
    assert_int_equal(f.objects.list(f.objects.ctx, TRIB_STR("f"), take, some, NULL), TRIB_OK);
    assert_string_equal(some, "g:1 h:1 ");
    end();
}

static void a_stop_ends_what_is_under_way(void **state) {
    trib_error err;
    char out[100];
    bool found;
    (void)state;
    begin(SCRATCH_S3_OBEYS, 0);
    f.objects.stop(f.objects.ctx);
    assert_int_equal(get("a", out, sizeof out, &found, &err), TRIB_CANCELLED);
    assert_int_equal(scratch_s3_requests(f.server), 0);
    end();
}

static void settings_that_cannot_work_are_refused(void **state) {
    trib_error err;
    trib_object_s3 *s3 = NULL;
    (void)state;
    begin(SCRATCH_S3_OBEYS, 0);
    const trib_object_s3_config good = {.env = trib_env_native(), .bucket = "abc", .credentials_file = f.credentials};
    trib_object_s3_config bad = good;
    bad.bucket = "a/b";
    assert_int_equal(trib_object_s3_new(&bad, &s3, &err), TRIB_CONFIG);
    bad = good;
    bad.endpoint = "https://host/bucket";
    assert_int_equal(trib_object_s3_new(&bad, &s3, &err), TRIB_CONFIG);
    bad = good;
    bad.credentials_file = "/nowhere";
    assert_int_equal(trib_object_s3_new(&bad, &s3, &err), TRIB_CONFIG);
    assert_int_equal(trib_object_s3_new(&good, &s3, &err), TRIB_OK);
    trib_object_s3_free(s3);
    end();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_put_is_there_and_stays),
        cmocka_unit_test(large_ones_go_in_parts),
        cmocka_unit_test(a_fault_at_any_request_is_tried_again_or_told),
        cmocka_unit_test(a_fault_that_lasts_is_told),
        cmocka_unit_test(a_wrong_secret_is_refused_and_a_new_one_counts_at_once),
        cmocka_unit_test(a_listing_goes_through_all_pages),
        cmocka_unit_test(a_stop_ends_what_is_under_way),
        cmocka_unit_test(settings_that_cannot_work_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of certificate files: what is taken, what is refused and why, when it is time to load them again. */
#include "io/tls.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "io/env_native.h"
#include "io/tls_int.h"
#include "support/tls_pair.h"

enum { DAY_S = 24 * 60 * 60 };

typedef struct folder {
    char path[64], cert[96], key[96], other[96];
} folder;

static int make_folder(void **state) {
    folder *f = calloc(1, sizeof *f);
    if (!f) return -1;
    memcpy(f->path, "/tmp/trib-tls-XXXXXX", 21);
    if (!mkdtemp(f->path)) return -1;
    snprintf(f->cert, sizeof f->cert, "%s/cert.pem", f->path);
    snprintf(f->key, sizeof f->key, "%s/key.pem", f->path);
    snprintf(f->other, sizeof f->other, "%s/other.pem", f->path);
    *state = f;
    return tls_pair_write(f->cert, f->key, "first", -60, 10 * DAY_S, NULL) ? 0 : -1;
}

static int remove_folder(void **state) {
    folder *f = *state;
    unlink(f->cert);
    unlink(f->key);
    unlink(f->other);
    rmdir(f->path);
    free(f);
    return 0;
}

static trib_tls *load(const folder *f) {
    trib_tls *tls = NULL;
    trib_error err = {0};
    if (trib_tls_new(trib_env_native(), f->cert, f->key, &tls, &err) != TRIB_OK) fail_msg("%s", err.message);
    return tls;
}

static void write_text(const char *path, const char *text) {
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

static void a_pair_gives_sessions_its_end_and_its_pin(void **state) {
    char pin[TRIB_TLS_PIN_BYTES];
    trib_tls *tls = load(*state);
    int64_t left_ms = trib_tls_expires_ms(tls) - trib_env_wall_ms(trib_env_native());
    assert_in_range(left_ms, (int64_t)10 * DAY_S * 1000 - 600000, (int64_t)10 * DAY_S * 1000 + 600000);
    trib_tls_get_pin(tls, pin);
    assert_memory_equal(pin, "sha256//", 8);
    assert_int_equal(strlen(pin), 8 + 44);
    SSL *ssl = trib_tls_session_new(tls);
    assert_non_null(ssl);
    trib_tls_free(tls); /* a connection that outlives the listener */
    SSL_free(ssl);
}

static void expect_refused(const char *cert, const char *key, const char *word, const char *path) {
    trib_tls *tls = NULL;
    trib_error err = {0};
    assert_int_equal(trib_tls_new(trib_env_native(), cert, key, &tls, &err), TRIB_CONFIG);
    assert_null(tls);
    if (!strstr(err.message, word) || !strstr(err.message, path)) fail_msg("%s", err.message);
}

static void what_cannot_be_used_is_refused_with_file_and_reason(void **state) {
    const folder *f = *state;
    expect_refused("/nowhere/cert.pem", f->key, "No such file", "/nowhere/cert.pem");
    expect_refused(f->cert, "/nowhere/key.pem", "No such file", "/nowhere/key.pem");
    expect_refused(f->key, f->key, "must be PEM", f->key);
    expect_refused(f->cert, f->cert, "private key", f->cert);
    write_text(f->other, "junk\n");
    expect_refused(f->other, f->key, "must be PEM", f->other);
    expect_refused(f->cert, f->other, "private key", f->other);
    expect_refused(f->cert, "/tmp", "private key", "/tmp");
}

static void the_key_of_another_certificate_is_refused(void **state) {
    folder *f = *state;
    char cert[128];
    snprintf(cert, sizeof cert, "%s/cert2.pem", f->path);
    assert_true(tls_pair_write(cert, f->other, "second", -60, DAY_S, NULL));
    unlink(cert);
    expect_refused(f->cert, f->other, "mismatch", f->other);
}

static void a_key_with_a_passphrase_is_refused_without_asking(void **state) {
    folder *f = *state;
    assert_true(tls_pair_write(f->cert, f->key, "locked", -60, DAY_S, "secret"));
    expect_refused(f->cert, f->key, "without a passphrase", f->key);
}

static void a_reload_takes_a_new_pair_and_keeps_the_old_one_if_it_cannot(void **state) {
    folder *f = *state;
    char first[TRIB_TLS_PIN_BYTES], second[TRIB_TLS_PIN_BYTES], now[TRIB_TLS_PIN_BYTES];
    trib_error err = {0};
    trib_tls *tls = load(f);
    trib_tls_get_pin(tls, first);
    assert_true(tls_pair_write(f->cert, f->key, "second", -60, 20 * DAY_S, NULL));
    assert_int_equal(trib_tls_reload(tls, &err), TRIB_OK);
    trib_tls_get_pin(tls, second);
    assert_string_not_equal(first, second);
    int64_t expires_ms = trib_tls_expires_ms(tls);

    assert_true(tls_pair_write(f->cert, f->other, "third", -60, 30 * DAY_S, NULL)); /* without its key */
    assert_int_equal(trib_tls_reload(tls, &err), TRIB_CONFIG);
    assert_true(tls_pair_write(f->cert, f->key, "old", -2 * DAY_S, -DAY_S, NULL));
    assert_int_equal(trib_tls_reload(tls, &err), TRIB_CONFIG);
    assert_non_null(strstr(err.message, "has expired"));
    assert_true(tls_pair_write(f->cert, f->key, "early", DAY_S, 2 * DAY_S, NULL));
    assert_int_equal(trib_tls_reload(tls, &err), TRIB_CONFIG);
    assert_non_null(strstr(err.message, "not valid yet"));
    unlink(f->key);
    assert_int_equal(trib_tls_reload(tls, &err), TRIB_CONFIG);
    trib_tls_get_pin(tls, now);
    assert_string_equal(now, second);
    assert_int_equal(trib_tls_expires_ms(tls), expires_ms);
    trib_tls_free(tls);
}

static void an_expired_certificate_still_starts_a_server(void **state) {
    folder *f = *state;
    assert_true(tls_pair_write(f->cert, f->key, "old", -2 * DAY_S, -DAY_S, NULL));
    trib_tls *tls = load(f);
    assert_true(trib_tls_expires_ms(tls) < trib_env_wall_ms(trib_env_native()));
    trib_tls_free(tls);
}

static void files_are_loaded_once_they_changed_and_have_rested(void **state) {
    folder *f = *state;
    trib_error err;
    trib_tls *tls = load(f);
    assert_false(trib_tls_is_due(tls));
    assert_false(trib_tls_is_due(tls));
    assert_true(tls_pair_write(f->cert, f->key, "second", -60, DAY_S, NULL));
    assert_false(trib_tls_is_due(tls)); /* it may be half of what will be written */
    assert_true(trib_tls_is_due(tls));
    assert_int_equal(trib_tls_reload(tls, &err), TRIB_OK);
    assert_false(trib_tls_is_due(tls));
    write_text(f->key, "junk, and longer than before\n");
    assert_false(trib_tls_is_due(tls));
    assert_true(trib_tls_is_due(tls));
    assert_int_equal(trib_tls_reload(tls, &err), TRIB_CONFIG);
    assert_false(trib_tls_is_due(tls)); /* a bad pair is not tried again and again */
    assert_false(trib_tls_is_due(tls));
    trib_tls_free(tls);
}

static int64_t later_ns;
static int64_t late_clock(void *ctx) {
    (void)ctx;
    return later_ns;
}

static void the_ticket_key_is_renewed_every_day(void **state) {
    trib_env env = *trib_env_native();
    folder *f = *state;
    trib_tls *tls = NULL;
    trib_error err;
    env.mono_ns = late_clock;
    later_ns = 5;
    assert_int_equal(trib_tls_new(&env, f->cert, f->key, &tls, &err), TRIB_OK);
    later_ns += (int64_t)TRIB_TLS_TICKET_KEY_MS * 1000000;
    assert_false(trib_tls_is_due(tls));
    later_ns += 1000000;
    assert_true(trib_tls_is_due(tls));
    assert_int_equal(trib_tls_reload(tls, &err), TRIB_OK);
    assert_false(trib_tls_is_due(tls));
    trib_tls_free(tls);
}

#define WITH_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_FOLDER(a_pair_gives_sessions_its_end_and_its_pin),
        WITH_FOLDER(what_cannot_be_used_is_refused_with_file_and_reason),
        WITH_FOLDER(the_key_of_another_certificate_is_refused),
        WITH_FOLDER(a_key_with_a_passphrase_is_refused_without_asking),
        WITH_FOLDER(a_reload_takes_a_new_pair_and_keeps_the_old_one_if_it_cannot),
        WITH_FOLDER(an_expired_certificate_still_starts_a_server),
        WITH_FOLDER(files_are_loaded_once_they_changed_and_have_rested),
        WITH_FOLDER(the_ticket_key_is_renewed_every_day),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

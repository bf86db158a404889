/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of the certificates of a running server: which listener gets one, what is logged and counted when they
 * change. */
#include "server/certs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "io/env_native.h"
#include "support/tls_pair.h"

enum { DAY_S = 24 * 60 * 60, LOG_BYTES = 8192 };

static int64_t clock_ns;
static int64_t get_clock_ns(void *ctx) {
    (void)ctx;
    return clock_ns;
}

typedef struct place {
    char folder[64], cert[96], key[96], log_text[LOG_BYTES];
    trib_env env;
    trib_log log;
    trib_config config;
    trib_metrics *metrics;
    trib_certs certs;
} place;

static void keep_line(void *ctx, trib_log_level level, const char *line, size_t len) {
    place *p = ctx;
    size_t have = strlen(p->log_text);
    (void)level;
    if (have + len >= sizeof p->log_text) return;
    memcpy(p->log_text + have, line, len);
    p->log_text[have + len] = '\0';
}

static int set_up(void **state) {
    trib_error err;
    place *p = calloc(1, sizeof *p);
    if (!p) return -1;
    *state = p;
    memcpy(p->folder, "/tmp/trib-tls-XXXXXX", 21);
    if (!mkdtemp(p->folder)) return -1;
    snprintf(p->cert, sizeof p->cert, "%s/cert.pem", p->folder);
    snprintf(p->key, sizeof p->key, "%s/key.pem", p->folder);
    p->env = *trib_env_native();
    p->env.mono_ns = get_clock_ns;
    clock_ns = 1000000000;
    trib_log_init(&p->log, &p->env, TRIB_LOG_INFO, TRIB_LOG_TEXT, keep_line, p);
    if (trib_config_init(&p->config, &err) || trib_metrics_new(&p->metrics, &err)) return -1;
    return tls_pair_write(p->cert, p->key, "first", -60, 30 * DAY_S, NULL) ? 0 : -1;
}

static int tear_down(void **state) {
    place *p = *state;
    trib_metrics_free(p->metrics);
    trib_certs_deinit(&p->certs);
    trib_config_deinit(&p->config);
    unlink(p->cert);
    unlink(p->key);
    rmdir(p->folder);
    free(p);
    return 0;
}

static trib_code init(place *p, trib_error *err) {
    return trib_certs_init(&p->certs, &p->config, &p->env, &p->log, p->metrics, err);
}

static void start_user(place *p) {
    trib_error err;
    p->config.tls_cert = p->cert;
    p->config.tls_key = p->key;
    assert_int_equal(init(p, &err), TRIB_OK);
}

static bool metrics_have(place *p, const char *line) {
    trib_buf page;
    trib_buf_init(&page, TRIB_METRICS_TEXT_MAX);
    trib_metrics_write(p->metrics, &page);
    trib_buf_add_char(&page, '\0');
    assert_false(page.failed);
    bool found = strstr(page.ptr, line) != NULL;
    if (!found) print_message("%s\n", page.ptr);
    trib_buf_deinit(&page);
    return found;
}

static void without_files_both_listeners_are_plain(void **state) {
    place *p = *state;
    trib_error err;
    assert_int_equal(init(p, &err), TRIB_OK);
    assert_null(trib_certs_get(&p->certs, TRIB_LISTENER_USER));
    assert_null(trib_certs_get(&p->certs, TRIB_LISTENER_ADMIN));
    assert_true(trib_certs_reload(&p->certs));
    assert_false(trib_certs_poll(&p->certs));
    assert_string_equal(p->log_text, "");
}

static void each_listener_has_its_own_pair(void **state) {
    place *p = *state;
    trib_error err;
    p->config.admin_tls_cert = p->cert;
    p->config.admin_tls_key = p->key;
    assert_int_equal(init(p, &err), TRIB_OK);
    assert_null(trib_certs_get(&p->certs, TRIB_LISTENER_USER));
    assert_non_null(trib_certs_get(&p->certs, TRIB_LISTENER_ADMIN));
    assert_non_null(strstr(p->log_text, "INFO certificate listener=admin expires="));
    assert_true(metrics_have(p, "trib_tls_certificate_expires_seconds{listener=\"admin\"} "));
}

static void a_pair_that_cannot_be_used_does_not_start(void **state) {
    place *p = *state;
    trib_error err;
    p->config.tls_cert = p->key;
    p->config.tls_key = p->key;
    assert_int_equal(init(p, &err), TRIB_CONFIG);
}

static void reloads_are_counted_and_a_bad_pair_is_told_and_kept_out(void **state) {
    place *p = *state;
    char before[TRIB_TLS_PIN_BYTES], now[TRIB_TLS_PIN_BYTES];
    start_user(p);
    trib_tls_get_pin(trib_certs_get(&p->certs, TRIB_LISTENER_USER), before);
    assert_true(trib_certs_reload(&p->certs));
    assert_true(tls_pair_write(p->key, p->cert, "swapped", -60, DAY_S, NULL));
    assert_false(trib_certs_reload(&p->certs));
    trib_tls_get_pin(trib_certs_get(&p->certs, TRIB_LISTENER_USER), now);
    assert_string_equal(now, before);
    assert_non_null(strstr(p->log_text, "INFO certificate_reloaded listener=user"));
    assert_non_null(strstr(p->log_text, "WARN certificate_kept listener=user why=\"the certificate "));
    assert_true(metrics_have(p, "trib_tls_reloads_total{listener=\"user\",result=\"ok\"} 1\n"));
    assert_true(metrics_have(p, "trib_tls_reloads_total{listener=\"user\",result=\"failed\"} 1\n"));
}

static void changed_files_are_loaded_within_two_looks(void **state) {
    place *p = *state;
    start_user(p);
    assert_true(tls_pair_write(p->cert, p->key, "second", -60, 2 * DAY_S, NULL));
    assert_false(trib_certs_poll(&p->certs));
    assert_false(trib_certs_poll(&p->certs)); /* too soon for another look */
    clock_ns += (int64_t)TRIB_CERTS_POLL_MS * 1000000;
    assert_true(trib_certs_poll(&p->certs));
    clock_ns += (int64_t)TRIB_CERTS_POLL_MS * 1000000;
    assert_false(trib_certs_poll(&p->certs));
    /* the new one ends in two days */
    assert_non_null(strstr(p->log_text, "WARN certificate_reloaded listener=user"));
    assert_non_null(strstr(p->log_text, "expires_soon=true"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(without_files_both_listeners_are_plain),    TEST(each_listener_has_its_own_pair),
        TEST(a_pair_that_cannot_be_used_does_not_start), TEST(reloads_are_counted_and_a_bad_pair_is_told_and_kept_out),
        TEST(changed_files_are_loaded_within_two_looks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* An app with the module of discovery, for its tests: SQL as the server itself or as a client, questions by HTTP. */
#ifndef TRIB_TESTS_DISCOVERY_TEST_H
#define TRIB_TESTS_DISCOVERY_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/db_start.h"
#include "features/discovery/discovery_int.h"
#include "support/app_test.h"

static app_test t;
static void *module;

static inline trib_tenant *tenant_of(const char *name) {
    trib_tenant *tenant = trib_control_find(t.app.control, trib_str_c(name));
    assert_non_null(tenant);
    trib_tenant_unref(tenant);
    return tenant;
}

typedef struct test_sql {
    const char *text;
    char *out;
    size_t out_bytes, len;
} test_sql;

static inline trib_code take_test_row(void *ctx, const trib_stmt *stmt, trib_error *err) {
    test_sql *sql = ctx;
    (void)err;
    for (int i = 0; sql->out && i < trib_stmt_col_count(stmt); i++) {
        trib_value v = trib_stmt_col_value(stmt, i);
        const char *sep = i ? "," : sql->len ? ";" : "";
        size_t left = sql->out_bytes - sql->len;
        if (v.type == TRIB_VALUE_TEXT)
            sql->len += (size_t)snprintf(sql->out + sql->len, left, "%s%.*s", sep, TRIB_STR_ARG(v.bytes));
        if (v.type == TRIB_VALUE_INTEGER)
            sql->len += (size_t)snprintf(sql->out + sql->len, left, "%s%lld", sep, (long long)v.integer);
        if (v.type == TRIB_VALUE_REAL) sql->len += (size_t)snprintf(sql->out + sql->len, left, "%s%.6f", sep, v.real);
        if (v.type == TRIB_VALUE_NULL) sql->len += (size_t)snprintf(sql->out + sql->len, left, "%s-", sep);
        assert_true(sql->len < sql->out_bytes);
    }
    return TRIB_OK;
}

static inline trib_code run_test_sql(void *ctx, trib_handle *handle, trib_error *err) {
    test_sql *sql = ctx;
    return trib_db_start_run(handle, sql->text, NULL, 0, take_test_row, sql, err);
}

/* One statement in a tenant's database, past all rules for clients. */
static inline void run(const char *tenant, const char *text) {
    trib_error err = {0};
    test_sql sql = {.text = text};
    if (trib_db_start(&t.app, tenant_of(tenant), run_test_sql, &sql, &err) != TRIB_OK)
        fail_msg("%s: %s", text, err.message);
}

/* Its rows: columns with ',', rows with ';' between them. */
static inline const char *rows(const char *tenant, const char *text) {
    static char out[1 << 20];
    trib_error err = {0};
    test_sql sql = {.text = text, .out = out, .out_bytes = sizeof out};
    out[0] = '\0';
    if (trib_db_start(&t.app, tenant_of(tenant), run_test_sql, &sql, &err) != TRIB_OK)
        fail_msg("%s: %s", text, err.message);
    return out;
}

/* As a client with a token that may write; waits for the turn, which a checkpoint or the carrier may have. */
static inline trib_code run_as_client(void *ctx, trib_handle *handle, trib_error *err) {
    static trib_session_vars vars; /* until the handle is left */
    test_sql *sql = ctx;
    trib_code code = TRIB_AGAIN;
    for (int i = 0; code == TRIB_AGAIN && i < 20000; i++) {
        if (i > 0) usleep(200);
        trib_handle_leave(handle);
        code = trib_handle_enter(handle, TRIB_ACCESS_WRITE, &vars, err);
        if (code == TRIB_OK) code = trib_stmt_run(handle, sql->text, NULL, 0, take_test_row, sql, err);
    }
    return code;
}

static inline trib_code client(const char *tenant, const char *text, trib_error *err) {
    test_sql sql = {.text = text};
    return trib_db_start(&t.app, tenant_of(tenant), run_as_client, &sql, err);
}

static inline int discovery_setup(void **state) {
    (void)state;
    if (app_test_start(&t, true, NULL) != TRIB_OK) return -1;
    return trib_discovery_module.start(&t.app, &module, NULL) == TRIB_OK ? 0 : -1;
}

static inline int discovery_teardown(void **state) {
    (void)state;
    app_test_stop(&t); /* ends what the module has under way */
    trib_discovery_module.stop(module);
    module = NULL;
    app_test_cleanup(&t);
    return 0;
}

static const char *asked_query;
static void (*asked)(trib_http_request *);
static inline void ask_with_query(trib_http_request *request) {
    request->query = trib_str_c(asked_query);
    request->module_state = module;
    asked(request);
}

/* The answer to a GET; *ret_status may be NULL. */
static inline const char *get(void (*handle)(trib_http_request *), const char *query, int *ret_status) {
    static char out[1 << 20];
    static trib_principal principal;
    http_test h;
    app_test_principal(&principal, 1);
    asked = handle;
    asked_query = query;
    http_test_begin(&t, &h, ask_with_query, tenant_of("discovery"), &principal, "");
    snprintf(out, sizeof out, "%s", http_test_wait(&t, &h));
    if (ret_status) *ret_status = h.status;
    http_test_end(&h);
    return out;
}

static inline void expect(const char *got, const char *text) {
    if (!strstr(got, text)) fail_msg("wanted %s, got %s", text, got);
}

#endif

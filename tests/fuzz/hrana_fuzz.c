// SPDX-License-Identifier: Apache-2.0
// Fuzz target of the Hrana face: any bytes as the body of a pipeline, a cursor, HTTP v1 or v0, decoded, run, encoded.
// rooms: features core store wire base
//
// Every answer is JSON in the protocol's shape: 200 with a result per request, each ok with the request's type or an
// error with message and code, or an error body with another status. A cursor answers in lines. Small limits, so that
// answers past them are reached; what is left over in the database is dropped now and then.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "features/hrana/hrana_int.h"
#include "support/app_test.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { INPUT_MAX = 1 << 15, CLEAN_EVERY = 64 };

/* By the first byte's lowest bits. */
static void (*const faces[])(trib_http_request *) = {hrana_handle_pipeline, hrana_handle_cursor,
                                                     hrana_handle_v1_execute, hrana_handle_v1_batch, hrana_handle_v0};
enum { PIPELINE, CURSOR, V1_EXECUTE, V1_BATCH, V0, FACES };

static app_test app;
static trib_tenant *tenant;
static trib_principal me;

static void check(bool ok, const char *what, const char *answer) {
    if (ok) return;
    fprintf(stderr, "%s: %s\n", what, answer ? answer : "");
    abort();
}

static void clean_up(void) {
    app_test_cleanup(&app);
}

static void start_once(void) {
    trib_error err;
    if (tenant) return;
    if (access("/dev/shm", W_OK) == 0) setenv("TMPDIR", "/dev/shm", 0);
    check(app_test_start(&app, true, &err) == TRIB_OK, "start", err.message);
    atexit(clean_up);
    app.app.settings.max_response_bytes = 16 << 10;
    app.app.settings.max_row_bytes = 4 << 10;
    check(app_test_change(&app, TRIB_CONTROL_CREATE, "t", &err) == TRIB_OK, "create", err.message);
    tenant = trib_control_find(app.app.control, TRIB_STR("t"));
    trib_tenant_set(tenant, TRIB_TENANT_STATEMENT_TIMEOUT_MS, 30);
    trib_tenant_set(tenant, TRIB_TENANT_MAX_BYTES, 4 << 20);
    trib_tenant_set(tenant, TRIB_TENANT_TXN_STEAL_MS, 1);
    app_test_principal(&me, 1);
}

static bool is_str(const trib_json *value) {
    return trib_json_is(value, TRIB_JSON_STRING);
}

static bool is_error(const trib_json *error) {
    return is_str(trib_json_get(error, "message")) && is_str(trib_json_get(error, "code"));
}

static bool is_baton(const trib_json *value) {
    return trib_json_is_null(value) || is_str(value);
}

static bool is_result(const trib_json *result) {
    const trib_json *cols = trib_json_get(result, "cols"), *rows = trib_json_get(result, "rows");
    const trib_json *rowid = trib_json_get(result, "last_insert_rowid");
    if (!trib_json_is(cols, TRIB_JSON_ARRAY) || !trib_json_is(rows, TRIB_JSON_ARRAY)) return false;
    for (const trib_json *at = trib_json_first(rows); at; at = trib_json_next(at))
        if (!trib_json_is(at, TRIB_JSON_ARRAY) || trib_json_count(at) != trib_json_count(cols)) return false;
    return trib_json_is(trib_json_get(result, "affected_row_count"), TRIB_JSON_NUMBER) && is_baton(rowid);
}

static bool is_batch_result(const trib_json *result) {
    const trib_json *results = trib_json_get(result, "step_results"), *errors = trib_json_get(result, "step_errors");
    if (!trib_json_is(results, TRIB_JSON_ARRAY) || !trib_json_is(errors, TRIB_JSON_ARRAY) ||
        trib_json_count(results) != trib_json_count(errors))
        return false;
    const trib_json *e = trib_json_first(errors);
    for (const trib_json *r = trib_json_first(results); r; r = trib_json_next(r), e = trib_json_next(e)) {
        if (!trib_json_is_null(r) && (!is_result(r) || !trib_json_is_null(e))) return false;
        if (!trib_json_is_null(e) && !is_error(e)) return false;
    }
    return true;
}

static bool is_response(const trib_json *response) {
    trib_str type;
    const trib_json *result = trib_json_get(response, "result");
    if (!trib_json_str(trib_json_get(response, "type"), &type)) return false;
    if (trib_str_eq_c(type, "execute")) return is_result(result);
    if (trib_str_eq_c(type, "batch")) return is_batch_result(result);
    if (trib_str_eq_c(type, "describe"))
        return trib_json_is(trib_json_get(result, "params"), TRIB_JSON_ARRAY) &&
               trib_json_is(trib_json_get(result, "cols"), TRIB_JSON_ARRAY) &&
               trib_json_is(trib_json_get(result, "is_readonly"), TRIB_JSON_BOOL);
    if (trib_str_eq_c(type, "get_autocommit"))
        return trib_json_is(trib_json_get(response, "is_autocommit"), TRIB_JSON_BOOL);
    return !result;
}

static void check_pipeline(const trib_json *root, const char *answer) {
    const trib_json *results = trib_json_get(root, "results");
    check(trib_json_is_null(trib_json_get(root, "base_url")) && is_baton(trib_json_get(root, "baton")), "head", answer);
    check(trib_json_is(results, TRIB_JSON_ARRAY), "results", answer);
    for (const trib_json *at = trib_json_first(results); at; at = trib_json_next(at)) {
        trib_str type;
        check(trib_json_str(trib_json_get(at, "type"), &type), "a result without a type", answer);
        if (trib_str_eq_c(type, "ok")) check(is_response(trib_json_get(at, "response")), "a response", answer);
        else check(trib_str_eq_c(type, "error") && is_error(trib_json_get(at, "error")), "an error", answer);
    }
}

static const trib_json *parse(trib_arena *arena, trib_str text) {
    const trib_json *root = NULL;
    trib_error err = {0};
    check(trib_json_parse(arena, text, &root, &err) == TRIB_OK, err.message, text.ptr);
    return root;
}

/* Lines; the first has the baton, the last is the end mark or an error of the whole. */
static void check_cursor(trib_arena *arena, const char *answer, char baton[64]) {
    bool first = true, ended = false;
    for (const char *at = answer; *at; first = false) {
        const char *end = strchr(at, '\n');
        trib_str type, text;
        check(end != NULL, "a line without an end", at);
        const trib_json *line = parse(arena, trib_str_make(at, (size_t)(end - at)));
        check(!ended, "a line behind the end", answer);
        if (first) {
            check(is_baton(trib_json_get(line, "baton")), "the first line", answer);
            if (trib_json_str(trib_json_get(line, "baton"), &text)) snprintf(baton, 64, "%.*s", TRIB_STR_ARG(text));
        } else {
            check(trib_json_str(trib_json_get(line, "type"), &type), "a line without a type", at);
            ended = trib_str_eq_c(type, "replication_index") || trib_str_eq_c(type, "error");
            if (trib_str_eq_c(type, "row"))
                check(trib_json_is(trib_json_get(line, "row"), TRIB_JSON_ARRAY), "a row", at);
            if (trib_str_eq_c(type, "step_error")) check(is_error(trib_json_get(line, "error")), "an error", at);
        }
        at = end + 1;
    }
    check(ended, "a cursor without an end", answer);
}

/* A list of results and errors, none behind an error. */
static void check_v0(const trib_json *root, const char *answer) {
    bool failed = false;
    check(trib_json_is(root, TRIB_JSON_ARRAY), "no list", answer);
    for (const trib_json *at = trib_json_first(root); at; at = trib_json_next(at)) {
        const trib_json *results = trib_json_get(at, "results");
        check(failed == trib_json_is_null(at), "what was run and what was not", answer);
        if (failed) continue;
        failed = is_str(trib_json_get(at, "error"));
        check(failed || (trib_json_is(trib_json_get(results, "columns"), TRIB_JSON_ARRAY) &&
                         trib_json_is(trib_json_get(results, "rows"), TRIB_JSON_ARRAY)),
              "a result", answer);
    }
}

static int ask(int face, const char *body, char baton[64]) {
    http_test h;
    trib_arena arena;
    trib_str text;
    baton[0] = '\0';
    http_test_begin(&app, &h, faces[face], tenant, &me, body);
    const char *answer = http_test_wait(&app, &h);
    int status = h.status;
    trib_arena_init(&arena, 64 << 20);
    if (status == 200 && face == CURSOR) {
        check_cursor(&arena, answer, baton);
    } else {
        const trib_json *root = parse(&arena, trib_str_c(answer));
        if (status == 200 && face == V0) {
            check_v0(root, answer);
        } else if (status == 200 && face != PIPELINE) {
            const trib_json *result = trib_json_get(root, "result");
            check(face == V1_EXECUTE ? is_result(result) : is_batch_result(result), "a result of v1", answer);
        } else if (status == 200) {
            check_pipeline(root, answer);
            if (trib_json_str(trib_json_get(root, "baton"), &text)) snprintf(baton, 64, "%.*s", TRIB_STR_ARG(text));
        } else {
            check(is_error(root), "an error body", answer);
        }
    }
    trib_arena_deinit(&arena);
    http_test_end(&h);
    return status;
}

static void close_session(const char *baton) {
    char body[200], next[64];
    snprintf(body, sizeof body, "{\"baton\":\"%s\",\"requests\":[{\"type\":\"close\"}]}", baton);
    check(ask(PIPELINE, body, next) == 200 && next[0] == '\0', "the session does not close", NULL);
}

/* Names of tables and views, to drop them. */
static void empty_database(void) {
    char next[64];
    ask(PIPELINE,
        "{\"requests\":[{\"type\":\"sequence\",\"sql\":\"DROP TABLE IF EXISTS t; DROP VIEW IF EXISTS v; DROP TABLE IF "
        "EXISTS "
        "a; CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT); INSERT INTO t VALUES(1,'x'),(2,'y'); CREATE VIEW v AS "
        "SELECT "
        "* FROM t\"},{\"type\":\"close\"}]}",
        next);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static unsigned count;
    char baton[64];
    if (size < 1 || size > INPUT_MAX) return 0;
    start_once();
    if (count++ % CLEAN_EVERY == 0) empty_database();
    char *body = malloc(size);
    memcpy(body, data + 1, size - 1);
    body[size - 1] = '\0';
    (void)ask((data[0] & 7) % FACES, body, baton);
    if (baton[0]) close_session(baton);
    free(body);
    return 0;
}

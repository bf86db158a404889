/* SPDX-License-Identifier: Apache-2.0 */
/* Who is asking and for which tenant: what each token opens, what is refused and how it looks, the places that name a
 * tenant, blocks, and tenants that are made at first use while others make or delete them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/app_test.h"

static app_test t;
/* Of a connection that lives through a whole test: what is asked over it must be answered as over a new one. */
static trib_auth_memo connection;

static int setup(void **state) {
    (void)state;
    if (app_test_start(&t, true, NULL) != TRIB_OK) return -1;
    return app_test_change(&t, TRIB_CONTROL_CREATE, "ali", NULL) == TRIB_OK &&
                   app_test_change(&t, TRIB_CONTROL_CREATE, "rami", NULL) == TRIB_OK
               ? 0
               : -1;
}

static int teardown(void **state) {
    (void)state;
    trib_auth_memo_deinit(&connection);
    app_test_stop(&t);
    app_test_cleanup(&t);
    return 0;
}

/* ---- asking ---- */

typedef struct verdict {
    trib_code code;
    trib_error err;
    char tenant[TRIB_TENANT_NAME_BYTES + 1], rest[64];
    bool may_write, admin;
} verdict;

static verdict take(trib_code code, trib_tenant *tenant, trib_principal *principal, trib_str rest,
                    const trib_error *err) {
    verdict v = {.code = code};
    if (code != TRIB_OK) {
        v.err = *err;
        return v;
    }
    snprintf(v.rest, sizeof v.rest, "%.*s", TRIB_STR_ARG(rest));
    v.admin = principal->admin;
    if (tenant) {
        snprintf(v.tenant, sizeof v.tenant, "%s", tenant->name);
        int64_t now_ms = trib_env_wall_ms(t.app.env);
        v.may_write = trib_may(principal, tenant, TRIB_ACTION_WRITE, now_ms, NULL) == TRIB_OK;
    }
    trib_auth_release(t.app.auth, tenant, principal);
    return v;
}

static verdict ask_once(trib_auth_query query, trib_auth_memo *memo) {
    trib_tenant *tenant = NULL;
    trib_principal *principal = NULL;
    trib_str rest = {0};
    trib_error err = {0};
    query.now_ms = trib_env_wall_ms(t.app.env);
    query.memo = memo;
    if (!query.listener) query.listener = TRIB_LISTENER_USER;
    trib_code code = trib_auth_resolve(t.app.auth, &query, &tenant, &principal, &rest, &err);
    return take(code, tenant, principal, rest, &err);
}

static verdict ask(trib_auth_query query) {
    verdict fresh = ask_once(query, NULL);
    for (int i = 0; i < 2; i++) { /* another token may lie in the memo, then this one does */
        verdict kept = ask_once(query, &connection);
        assert_int_equal(kept.code, fresh.code);
        assert_string_equal(kept.tenant, fresh.tenant);
        assert_string_equal(kept.err.message, fresh.err.message);
        assert_int_equal(kept.may_write, fresh.may_write);
        assert_int_equal(kept.admin, fresh.admin);
    }
    return fresh;
}

static verdict ask_path(const char *path, const char *authorization) {
    return ask((trib_auth_query){
        .auth_class = TRIB_AUTH_TENANT, .path = trib_str_c(path), .authorization = trib_str_c(authorization)});
}

/* ---- tokens ---- */

static char token_text[2048];

/* "Bearer <token>", valid until the next call. */
static const char *bearer(const trib_jwt_claims *claims) {
    trib_buf buf;
    trib_error err;
    trib_buf_init(&buf, sizeof token_text);
    trib_control_keys *keys = trib_control_get_keys(t.app.control);
    if (trib_jwt_create(claims, trib_str_c(keys->kids[0]), keys->keys[0], &buf, &err) != TRIB_OK)
        fail_msg("%s", err.message);
    trib_control_keys_release(keys);
    snprintf(token_text, sizeof token_text, "Bearer %.*s", TRIB_STR_ARG(trib_buf_str(&buf)));
    trib_buf_deinit(&buf);
    return token_text;
}

static int64_t gen_of(const char *name) {
    trib_tenant *tenant = trib_control_find(t.app.control, trib_str_c(name));
    int64_t gen = tenant ? (int64_t)atomic_load(&tenant->token_epoch) : 0;
    trib_tenant_unref(tenant);
    return gen;
}

static trib_jwt_claims claims_for(const char *name, trib_jwt_access access) {
    return (trib_jwt_claims){.has_id = true, .id = trib_str_c(name), .a = access, .has_gen = true, .gen = gen_of(name)};
}

static const char *token_for(const char *name, trib_jwt_access access) {
    trib_jwt_claims claims = claims_for(name, access);
    return bearer(&claims);
}

static void a_token_opens_its_own_tenant_with_its_own_right(void **state) {
    (void)state;
    verdict rw = ask_path("/ali/v2/pipeline", token_for("ali", TRIB_JWT_ACCESS_RW));
    assert_int_equal(rw.code, TRIB_OK);
    assert_string_equal(rw.tenant, "ali");
    assert_string_equal(rw.rest, "/v2/pipeline");
    assert_true(rw.may_write);
    verdict ro = ask_path("/ali/v2/pipeline", token_for("ali", TRIB_JWT_ACCESS_RO));
    assert_int_equal(ro.code, TRIB_OK);
    assert_false(ro.may_write);
    /* the token alone names its tenant, in every way that a request without a tenant comes */
    assert_string_equal(ask_path("/v2/pipeline", token_for("ali", TRIB_JWT_ACCESS_RO)).tenant, "ali");
}

static void a_tenant_of_somebody_else_looks_like_one_that_is_not_there(void **state) {
    (void)state;
    const char *token = token_for("ali", TRIB_JWT_ACCESS_RW);
    verdict foreign = ask_path("/rami/v2/pipeline", token), missing = ask_path("/nemo/v2/pipeline", token);
    assert_int_equal(foreign.code, TRIB_TENANT_NOT_FOUND);
    assert_int_equal(missing.code, TRIB_TENANT_NOT_FOUND);
    char *name = strstr(foreign.err.message, "rami");
    assert_non_null(name);
    memcpy(name, "nemo", 4);
    assert_string_equal(foreign.err.message, missing.err.message);
    /* system databases are no exception, and the registry has no name at all */
    assert_int_equal(ask_path("/streams/v2/pipeline", token).code, TRIB_TENANT_NOT_FOUND);
    assert_int_equal(ask_path("/control/v2/pipeline", token).code, TRIB_TENANT_NOT_FOUND);
}

#define LATER_MS 4102444800000 /* 2100: no tenant of these tests is made later */

static void a_wide_token_opens_what_it_lists(void **state) {
    (void)state;
    trib_str both[] = {TRIB_STR("ali"), TRIB_STR("streams")}, all[] = {TRIB_STR("*")};
    trib_jwt_claims claims = {.has_p = true, .has_gen = true, .gen = LATER_MS};
    claims.p[TRIB_JWT_RIGHT_RO] = (trib_jwt_scope){.ns = both, .ns_count = 2};
    const char *token = bearer(&claims);
    assert_int_equal(ask_path("/ali/v2/pipeline", token).code, TRIB_OK);
    verdict streams = ask_path("/streams/v2/pipeline", token);
    assert_int_equal(streams.code, TRIB_OK);
    assert_false(streams.may_write);
    assert_int_equal(ask_path("/rami/v2/pipeline", token).code, TRIB_TENANT_NOT_FOUND);
    assert_int_equal(ask_path("/v2/pipeline", token).code, TRIB_TENANT_MISSING);
    /* a name in a list means the tenant that had it when the list was made */
    claims.gen = 1;
    assert_int_equal(ask_path("/ali/v2/pipeline", bearer(&claims)).code, TRIB_TENANT_NOT_FOUND);
    claims = (trib_jwt_claims){.has_p = true, .has_gen = true, .gen = LATER_MS};
    claims.p[TRIB_JWT_RIGHT_RW] = (trib_jwt_scope){.ns = all, .ns_count = 1};
    verdict everywhere = ask_path("/rami/v2/pipeline", bearer(&claims));
    assert_int_equal(everywhere.code, TRIB_OK);
    assert_true(everywhere.may_write);
}

static void rename_tenant(const char *old, const char *name) {
    trib_control_op op = {.type = TRIB_CONTROL_RENAME, .new_name = trib_str_c(name)};
    assert_int_equal(app_test_run(&t, &op, old, NULL), TRIB_OK);
}

static void a_token_for_a_name_never_opens_who_takes_that_name_later(void **state) {
    (void)state;
    trib_str names[] = {TRIB_STR("ali")};
    int64_t now_ms = trib_env_wall_ms(t.app.env);
    char *one = strdup(token_for("ali", TRIB_JWT_ACCESS_RW));
    trib_jwt_claims claims = {.has_p = true, .has_gen = true, .gen = now_ms + 1};
    claims.p[TRIB_JWT_RIGHT_RW] = (trib_jwt_scope){.ns = names, .ns_count = 1};
    t.env.offset_ns += 2000000;
    char *list = strdup(bearer(&claims));
    assert_int_equal(ask_path("/ali/v2/pipeline", one).code, TRIB_OK);
    assert_int_equal(ask_path("/ali/v2/pipeline", list).code, TRIB_OK);
    rename_tenant("ali", "ali2");
    assert_int_equal(ask_path("/ali/v2/pipeline", one).code, TRIB_TENANT_NOT_FOUND);
    assert_int_equal(ask_path("/ali2/v2/pipeline", one).code, TRIB_TENANT_NOT_FOUND);
    assert_int_equal(ask_path("/ali2/v2/pipeline", list).code, TRIB_TENANT_NOT_FOUND);
    assert_int_equal(ask_path("/ali2/v2/pipeline", token_for("ali2", TRIB_JWT_ACCESS_RW)).code, TRIB_OK);
    /* rami is as old as the list, but has had the name for a moment only */
    rename_tenant("rami", "ali");
    assert_int_equal(ask_path("/ali/v2/pipeline", one).code, TRIB_AUTH_JWT_INVALID);
    assert_int_equal(ask_path("/ali/v2/pipeline", list).code, TRIB_TENANT_NOT_FOUND);
    /* the same after a restart, and for a tenant that is new */
    app_test_stop(&t);
    assert_int_equal(app_test_start(&t, false, NULL), TRIB_OK);
    assert_int_equal(ask_path("/ali/v2/pipeline", list).code, TRIB_TENANT_NOT_FOUND);
    assert_int_equal(app_test_change(&t, TRIB_CONTROL_DELETE, "ali", NULL), TRIB_OK);
    assert_int_equal(app_test_change(&t, TRIB_CONTROL_CREATE, "ali", NULL), TRIB_OK);
    assert_int_equal(ask_path("/ali/v2/pipeline", one).code, TRIB_AUTH_JWT_INVALID);
    assert_int_equal(ask_path("/ali/v2/pipeline", list).code, TRIB_TENANT_NOT_FOUND);
    free(one);
    free(list);
}

static void bad_tokens_are_told_apart_by_code(void **state) {
    (void)state;
    assert_int_equal(ask_path("/ali/v2/pipeline", "").code, TRIB_AUTH_HEADER_NOT_FOUND);
    assert_int_equal(ask_path("/ali/v2/pipeline", "Basic abc").code, TRIB_AUTH_HEADER_INVALID);
    assert_int_equal(ask_path("/ali/v2/pipeline", "Bearer ").code, TRIB_AUTH_HEADER_INVALID);
    assert_int_equal(ask_path("/ali/v2/pipeline", "Bearer a.b.c").code, TRIB_AUTH_JWT_INVALID);
    char long_token[9000];
    memset(long_token, 'a', sizeof long_token);
    memcpy(long_token, "Bearer ", 7);
    long_token[sizeof long_token - 1] = '\0';
    assert_int_equal(ask_path("/ali/v2/pipeline", long_token).code, TRIB_AUTH_JWT_INVALID);
    char *token = strdup(token_for("ali", TRIB_JWT_ACCESS_RW));
    token[strlen(token) - 10] ^= 1;
    assert_int_equal(ask_path("/ali/v2/pipeline", token).code, TRIB_AUTH_JWT_INVALID);
    free(token);
}

static void a_token_ends_also_when_it_is_remembered(void **state) {
    (void)state;
    trib_jwt_claims claims = claims_for("ali", TRIB_JWT_ACCESS_RW);
    claims.has_exp = true;
    claims.exp_s = trib_env_wall_ms(t.app.env) / 1000 + 60;
    const char *token = bearer(&claims);
    assert_int_equal(ask_path("/ali/v2/pipeline", token).code, TRIB_OK);
    t.env.offset_ns += INT64_C(70) * 1000000000;
    assert_int_equal(ask_path("/ali/v2/pipeline", token).code, TRIB_AUTH_JWT_EXPIRED);
}

static void a_revocation_voids_what_was_made_before(void **state) {
    (void)state;
    char *old = strdup(token_for("ali", TRIB_JWT_ACCESS_RW));
    assert_int_equal(ask_path("/ali/v2/pipeline", old).code, TRIB_OK);
    assert_int_equal(app_test_change(&t, TRIB_CONTROL_REVOKE, "ali", NULL), TRIB_OK);
    assert_int_equal(ask_path("/ali/v2/pipeline", old).code, TRIB_AUTH_JWT_INVALID);
    assert_int_equal(ask_path("/ali/v2/pipeline", token_for("ali", TRIB_JWT_ACCESS_RW)).code, TRIB_OK);
    assert_int_equal(ask_path("/rami/v2/pipeline", token_for("rami", TRIB_JWT_ACCESS_RW)).code, TRIB_OK);
    free(old);
}

static void rotating_keeps_old_tokens_good(void **state) {
    (void)state;
    char *old = strdup(token_for("ali", TRIB_JWT_ACCESS_RW));
    assert_int_equal(app_test_change(&t, TRIB_CONTROL_ROTATE_KEY, "", NULL), TRIB_OK);
    assert_int_equal(ask_path("/ali/v2/pipeline", old).code, TRIB_OK);
    assert_int_equal(ask_path("/ali/v2/pipeline", token_for("ali", TRIB_JWT_ACCESS_RW)).code, TRIB_OK);
    free(old);
}

static void dropping_all_keys_voids_old_tokens_at_once(void **state) {
    (void)state;
    char *old = strdup(token_for("ali", TRIB_JWT_ACCESS_RW));
    bool finished = false;
    trib_control_op op = {.type = TRIB_CONTROL_ROTATE_KEY,
                          .drop_all = true,
                          .home = &t.home,
                          .finished = app_test_op_finished,
                          .owner = &finished};
    assert_int_equal(ask_path("/ali/v2/pipeline", old).code, TRIB_OK);
    assert_int_equal(trib_control_submit(t.app.control, &op, NULL), TRIB_OK);
    while (!finished) app_test_pump(&t);
    assert_int_equal(op.code, TRIB_OK);
    assert_int_equal(ask_path("/ali/v2/pipeline", old).code, TRIB_AUTH_JWT_INVALID);
    free(old);
}

/* ---- where ---- */

static void places_that_name_a_tenant_must_agree(void **state) {
    (void)state;
    t.app.settings.no_auth = true;
    t.app.settings.tenant_domain = "db.example.com";
    static const struct {
        const char *name, *path, *host, *x_namespace, *x_namespace_bin;
        trib_code code;
        const char *tenant;
    } rows[] = {
        {"path", "/ali/v2/pipeline", "h:1", "", "", TRIB_OK, "ali"},
        {"sqld's path", "/dev/ali/v2/pipeline", "h:1", "", "", TRIB_OK, "ali"},
        {"host label", "/v2/pipeline", "ali.db.example.com:8080", "", "", TRIB_OK, "ali"},
        {"header", "/v2/pipeline", "h:1", "ali", "", TRIB_OK, "ali"},
        {"all three", "/ali/v2/pipeline", "ali.db.example.com", "ali", "", TRIB_OK, "ali"},
        {"path and host", "/ali/v2/pipeline", "rami.db.example.com", "", "", TRIB_TENANT_AMBIGUOUS, ""},
        {"path and header", "/ali/v2/pipeline", "h:1", "rami", "", TRIB_TENANT_AMBIGUOUS, ""},
        {"a label of another domain", "/v2/pipeline", "ali.example.org", "", "", TRIB_TENANT_MISSING, ""},
        {"gRPC's header alone", "/v2/pipeline", "h:1", "", "YWxp", TRIB_OK, "ali"},
        {"gRPC's header is no contradiction", "/ali/v2/pipeline", "h:1", "", "MTI3", TRIB_OK, "ali"},
        {"nothing", "/v2/pipeline", "h:1", "", "", TRIB_TENANT_MISSING, ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        verdict v = ask((trib_auth_query){.auth_class = TRIB_AUTH_TENANT,
                                          .path = trib_str_c(rows[i].path),
                                          .host = trib_str_c(rows[i].host),
                                          .x_namespace = trib_str_c(rows[i].x_namespace),
                                          .x_namespace_bin = trib_str_c(rows[i].x_namespace_bin)});
        if (v.code != rows[i].code || strcmp(v.tenant, rows[i].tenant) != 0)
            fail_msg("%s: %s, \"%s\"", rows[i].name, trib_code_text(v.code), v.tenant);
    }
}

static void nothing_is_ever_mapped_to_the_only_tenant(void **state) {
    (void)state;
    t.app.settings.no_auth = true;
    assert_int_equal(app_test_change(&t, TRIB_CONTROL_DELETE, "rami", NULL), TRIB_OK);
    verdict v = ask_path("/v2/pipeline", "");
    assert_int_equal(v.code, TRIB_TENANT_MISSING);
    assert_non_null(strstr(v.err.message, "slash"));
}

static void the_admin_class_wants_the_key(void **state) {
    (void)state;
    char right[128], wrong[] = "Basic 0123";
    snprintf(right, sizeof right, "Basic %s", t.app.settings.admin_key);
    trib_auth_query query = {
        .auth_class = TRIB_AUTH_ADMIN, .listener = TRIB_LISTENER_ADMIN, .path = TRIB_STR("/metrics")};
    assert_int_equal(ask(query).code, TRIB_UNAUTHORIZED);
    query.authorization = trib_str_c(wrong);
    assert_int_equal(ask(query).code, TRIB_UNAUTHORIZED);
    /* a tenant's token is no key */
    query.authorization = trib_str_c(token_for("ali", TRIB_JWT_ACCESS_RW));
    assert_int_equal(ask(query).code, TRIB_UNAUTHORIZED);
    query.authorization = trib_str_c(right);
    verdict v = ask(query);
    assert_int_equal(v.code, TRIB_OK);
    assert_true(v.admin);
}

static void blocked_reads_close_the_tenant_with_the_reason(void **state) {
    (void)state;
    trib_tenant *ali = trib_control_find(t.app.control, TRIB_STR("ali"));
    assert_int_equal(trib_tenant_set_reason(ali, TRIB_STR("unpaid since June"), NULL), TRIB_OK);
    trib_tenant_set(ali, TRIB_TENANT_BLOCK_WRITES, true);
    verdict v = ask_path("/ali/v2/pipeline", token_for("ali", TRIB_JWT_ACCESS_RW));
    assert_int_equal(v.code, TRIB_OK);
    assert_false(v.may_write);
    trib_tenant_set(ali, TRIB_TENANT_BLOCK_READS, true);
    v = ask_path("/ali/v2/pipeline", token_for("ali", TRIB_JWT_ACCESS_RW));
    assert_int_equal(v.code, TRIB_BLOCKED);
    assert_string_equal(v.err.message, "Operation was blocked: unpaid since June");
    /* who may not see it does not learn that it is blocked */
    assert_int_equal(ask_path("/ali/v2/pipeline", token_for("rami", TRIB_JWT_ACCESS_RW)).code, TRIB_TENANT_NOT_FOUND);
    trib_tenant_unref(ali);
}

/* ---- tenants made at first use ---- */

static bool resolved;

static void on_resolved(trib_auth_wait *wait) {
    (void)wait;
    assert_false(resolved);
    resolved = true;
}

static void start_waiting(trib_auth_wait *wait, const char *path) {
    resolved = false;
    *wait = (trib_auth_wait){.query = {.auth_class = TRIB_AUTH_TENANT,
                                       .listener = TRIB_LISTENER_USER,
                                       .path = trib_str_c(path),
                                       .now_ms = trib_env_wall_ms(t.app.env)},
                             .home = &t.home,
                             .resolved = on_resolved};
    assert_int_equal(trib_auth_resolve_async(t.app.auth, wait, NULL), TRIB_OK);
    assert_false(resolved); /* never inside the call */
}

static verdict end_waiting(trib_auth_wait *wait) {
    while (!resolved) app_test_pump(&t);
    return take(wait->code, wait->tenant, wait->principal, wait->path_rest, &wait->err);
}

static void a_tenant_is_made_when_it_is_first_named(void **state) {
    (void)state;
    trib_auth_wait wait;
    t.app.settings.no_auth = t.app.settings.auto_create_tenants = true;
    assert_int_equal(ask_path("/fresh/v2/pipeline", "").code, TRIB_AGAIN);
    assert_int_equal(ask_path("/Bad/v2/pipeline", "").code, TRIB_TENANT_NAME_INVALID);
    start_waiting(&wait, "/fresh/v2/pipeline");
    verdict v = end_waiting(&wait);
    assert_int_equal(v.code, TRIB_OK);
    assert_string_equal(v.tenant, "fresh");
    assert_string_equal(v.rest, "/v2/pipeline");
    assert_int_equal(ask_path("/fresh/v2/pipeline", "").code, TRIB_OK);
}

static void a_tenant_that_was_made_between_the_two_looks_is_found(void **state) {
    (void)state;
    trib_auth_wait wait;
    t.app.settings.no_auth = t.app.settings.auto_create_tenants = true;
    assert_int_equal(ask_path("/race/v2/pipeline", "").code, TRIB_AGAIN);
    assert_int_equal(app_test_change(&t, TRIB_CONTROL_CREATE, "race", NULL), TRIB_OK);
    start_waiting(&wait, "/race/v2/pipeline");
    verdict v = end_waiting(&wait);
    assert_int_equal(v.code, TRIB_OK);
    assert_string_equal(v.tenant, "race");
}

/* A home that keeps what comes until the test looks: another loop that is busy. */
static trib_job *_Atomic kept;

static void keep(trib_home *home, trib_job *job) {
    (void)home;
    atomic_store(&kept, job);
}

static void a_tenant_that_another_loop_is_making_is_waited_for(void **state) {
    (void)state;
    trib_home busy = {.post = keep};
    trib_auth_wait wait;
    bool finished = false;
    trib_control_op op = {
        .type = TRIB_CONTROL_CREATE, .home = &busy, .finished = app_test_op_finished, .owner = &finished};
    snprintf(op.name, sizeof op.name, "race");
    t.app.settings.no_auth = t.app.settings.auto_create_tenants = true;
    atomic_store(&kept, NULL);
    assert_int_equal(trib_control_submit(t.app.control, &op, NULL), TRIB_OK);
    while (!atomic_load(&kept)) usleep(1000); /* durable, but that loop has not heard of it */
    start_waiting(&wait, "/race/v2/pipeline");
    usleep(50000);
    trib_mutex_lock(&t.env.env, t.lock);
    bool early = !trib_list_is_empty(&t.posted);
    trib_mutex_unlock(&t.env.env, t.lock);
    assert_false(early);
    trib_job *job = atomic_load(&kept);
    job->done(job);
    assert_true(finished);
    assert_int_equal(op.code, TRIB_OK);
    trib_tenant_unref(op.tenant);
    verdict v = end_waiting(&wait);
    assert_int_equal(v.code, TRIB_OK);
    assert_string_equal(v.tenant, "race");
}

static void a_tenant_that_is_deleted_while_it_is_made_is_not_found(void **state) {
    (void)state;
    trib_auth_wait wait;
    t.app.settings.no_auth = t.app.settings.auto_create_tenants = true;
    assert_int_equal(app_test_change(&t, TRIB_CONTROL_CREATE, "race", NULL), TRIB_OK);
    start_waiting(&wait, "/race/v2/pipeline");
    /* the answer is on its way home; the deletion overtakes it */
    trib_mutex_lock(&t.env.env, t.lock);
    trib_job *answer = TRIB_LIST_ITEM(trib_list_take_first(&t.posted), trib_job, link);
    trib_mutex_unlock(&t.env.env, t.lock);
    assert_int_equal(app_test_change(&t, TRIB_CONTROL_DELETE, "race", NULL), TRIB_OK);
    answer->done(answer);
    assert_int_equal(end_waiting(&wait).code, TRIB_TENANT_NOT_FOUND);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_token_opens_its_own_tenant_with_its_own_right),
        TEST(a_tenant_of_somebody_else_looks_like_one_that_is_not_there),
        TEST(a_wide_token_opens_what_it_lists),
        TEST(a_token_for_a_name_never_opens_who_takes_that_name_later),
        TEST(bad_tokens_are_told_apart_by_code),
        TEST(a_token_ends_also_when_it_is_remembered),
        TEST(a_revocation_voids_what_was_made_before),
        TEST(rotating_keeps_old_tokens_good),
        TEST(dropping_all_keys_voids_old_tokens_at_once),
        TEST(places_that_name_a_tenant_must_agree),
        TEST(nothing_is_ever_mapped_to_the_only_tenant),
        TEST(the_admin_class_wants_the_key),
        TEST(blocked_reads_close_the_tenant_with_the_reason),
        TEST(a_tenant_is_made_when_it_is_first_named),
        TEST(a_tenant_that_was_made_between_the_two_looks_is_found),
        TEST(a_tenant_that_another_loop_is_making_is_waited_for),
        TEST(a_tenant_that_is_deleted_while_it_is_made_is_not_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

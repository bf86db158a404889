/* SPDX-License-Identifier: Apache-2.0 */
/* Subscriptions to durable streams over sockets, with tokens: what the routes without a client's token take and tell,
 * tenants apart, addresses that are not sent to, encoded slashes. (What each call answers: the protocol's own suite;
 * kills: tests/fault/durable_test.c.) */
#include "integration/talk.h"

static int failed;
static const char *const args[] = {"--log-level", "error", NULL};
static char key[200], token_a[1000], token_b[1000];

static void check(bool fine, const char *what) {
    if (!fine) failed++;
    printf("%s %s\n", fine ? "ok    " : "FAILED", what);
}

static void member(const char *from, const char *name, char *out, size_t n) {
    char want[60];
    snprintf(want, sizeof want, "\"%s\":\"", name);
    const char *at = from ? strstr(from, want) : NULL;
    snprintf(out, n, "%.*s", at ? (int)strcspn(at + strlen(want), "\"") : 0, at ? at + strlen(want) : "");
}

static void make_tenant(const server *s, const char *name, char bearer[1000]) {
    char path[100], token[900];
    talk t;
    talk_init(&t, s->admin_port);
    snprintf(path, sizeof path, "/v1/namespaces/%s/create", name);
    if (talk_ask(&t, "POST", path, key, "{}") != 200) die("no tenant");
    snprintf(path, sizeof path, "/v1/namespaces/%s/tokens", name);
    if (talk_ask(&t, "POST", path, key, "{}") != 200) die("no token");
    member(t.body, "token", token, sizeof token);
    snprintf(bearer, 1000, "Bearer %s", token);
    talk_deinit(&t);
}

/* The answers for somebody who has no token of a wake, for each place that asks for one. */
static void nobody_learns_anything_without_a_token(talk *t) {
    static const char *const calls[] = {"callback", "ack", "release"};
    static const char *const places[] = {"a/v1/stream/__ds/subscriptions/pull", "a/v1/stream/__ds/subscriptions/none",
                                         "nobody/v1/stream/__ds/subscriptions/pull",
                                         "streams/v1/stream/__ds/subscriptions/pull"};
    static const char *const shown[] = {NULL, "Bearer x", "Bearer dst_1_AAAA", token_a};
    bool same = true;
    for (size_t c = 0; c < 3; c++) {
        for (size_t p = 0; p < 4; p++) {
            for (size_t k = 0; k < 4; k++) {
                char path[100];
                snprintf(path, sizeof path, "/%s/%s", places[p], calls[c]);
                int status = talk_ask(t, "POST", path, shown[k], "{\"wake_id\":\"w\",\"generation\":1}");
                same = same && status == 401 &&
                       talk_says(t, "{\"error\":{\"code\":\"TOKEN_INVALID\",\"message\":\"this needs");
            }
        }
    }
    check(same, "without the token of a wake the answer is the same everywhere");
    check(talk_ask(t, "GET", "/nobody/v1/stream/__ds/jwks.json", NULL, NULL) == 200 && talk_says(t, "\"kid\":\"ds_"),
          "a name that nobody has shows keys as well");
    check(talk_ask(t, "GET", "/a/v1/stream/__ds/subscriptions", NULL, NULL) == 401, "all else needs a client's token");
}

static void keys_are_each_tenants_own(talk *t) {
    char a[100], b[100];
    talk_ask(t, "GET", "/a/v1/stream/__ds/jwks.json", NULL, NULL);
    check(t->status == 200 && strcasestr(t->head, "content-type: application/jwk-set+json"),
          "keys are there for anybody");
    member(t->body, "kid", a, sizeof a);
    talk_ask(t, "GET", "/b/v1/stream/__ds/jwks.json", NULL, NULL);
    member(t->body, "kid", b, sizeof b);
    check(a[0] && b[0] && strcmp(a, b) != 0, "and others for another tenant");
}

static void a_worker_needs_no_more_than_the_claim_gave(talk *t) {
    char wake[100], token[200], bearer[220], body[300];
    check(talk_ask(t, "PUT", "/a/v1/stream/__ds/subscriptions/pull", token_a,
                   "{\"type\":\"pull-wake\",\"pattern\":\"x/*\",\"wake_stream\":\"w\"}") == 201,
          "a subscription is made");
    check(talk_ask(t, "PUT", "/b/v1/stream/__ds/subscriptions/pull", token_b,
                   "{\"type\":\"pull-wake\",\"pattern\":\"x/*\",\"wake_stream\":\"w\"}") == 201,
          "another tenant has one of the same id");
    talk_ask(t, "PUT", "/a/v1/stream/x%2Fy", token_a, "[1,2]");
    check(t->status == 201, "a stream, its slash encoded");
    check(talk_ask(t, "POST", "/b/v1/stream/__ds/subscriptions/pull/claim", token_b, "{\"worker\":\"w\"}") == 409,
          "of which the other tenant hears nothing");
    talk_ask(t, "POST", "/a/v1/stream/__ds/subscriptions/pull/claim", token_a, "{\"worker\":\"w\"}");
    check(t->status == 200 && talk_says(t, "\"path\":\"x/y\""), "a worker claims");
    member(t->body, "wake_id", wake, sizeof wake);
    member(t->body, "token", token, sizeof token);
    snprintf(bearer, sizeof bearer, "Bearer %s", token);
    snprintf(body, sizeof body,
             "{\"wake_id\":\"%s\",\"generation\":1,\"done\":true,\"acks\":[{\"stream\":\"x/y\",\"offset\":"
             "\"0000000000000000_0000000000000002\"}]}",
             wake);
    check(talk_ask(t, "POST", "/b/v1/stream/__ds/subscriptions/pull/ack", bearer, body) == 401,
          "the token of the claim opens nothing of another tenant");
    check(talk_ask(t, "GET", "/a/v1/stream/x/y", bearer, NULL) == 401, "and nothing else of this one");
    check(talk_ask(t, "POST", "/a/v1/stream/__ds/subscriptions/pull/ack", bearer, body) == 200, "it acknowledges");
    check(talk_ask(t, "POST", "/a/v1/stream/__ds/subscriptions/pull/ack", bearer, body) == 409 &&
              talk_says(t, "FENCED"),
          "once");
}

static void slashes_are_encoded_where_a_star_is_only(talk *t) {
    check(talk_ask(t, "GET", "/a/v1/stream/__ds/subscriptions%2Fpull", token_a, NULL) == 400,
          "not in a subscription's path");
    check(talk_ask(t, "GET", "/a%2Fv1/stream/x/y", token_a, NULL) == 400, "nor in a tenant's");
    check(talk_ask(t, "DELETE", "/a/v1/stream/__ds/subscriptions/pull/streams/p%2Fq", token_a, NULL) == 204,
          "but in a stream's");
    check(talk_ask(t, "PUT", "/a/v1/stream/__ds/other", token_a, "") == 404, "no stream begins with __ds/");
}

static void webhooks_go_to_public_addresses_only(talk *t) {
    static const char *const urls[] = {"http://127.0.0.1:1/", "http://localhost/", "https://10.0.0.1/",
                                       "https://[::1]/"};
    char body[200];
    bool all = true;
    for (size_t i = 0; i < 4; i++) {
        snprintf(body, sizeof body, "{\"type\":\"webhook\",\"pattern\":\"x\",\"webhook\":{\"url\":\"%s\"}}", urls[i]);
        all = all && talk_ask(t, "PUT", "/a/v1/stream/__ds/subscriptions/h", token_a, body) == 400 &&
              talk_says(t, "{\"error\":{\"code\":\"WEBHOOK_URL_REJECTED\"");
    }
    check(all, "addresses, and what is no https, are refused");
    /* a name that only turns out to be private */
    talk_ask(t, "PUT", "/a/v1/stream/__ds/subscriptions/h", token_a,
             "{\"type\":\"webhook\",\"streams\":[\"x/y\"],\"webhook\":{\"url\":\"https://ip6-localhost/\"}}");
    check(t->status == 201, "a name is taken");
    talk_ask(t, "POST", "/a/v1/stream/x/y", token_a, "3");
    for (int i = 0; i < 200; i++) {
        talk_ask(t, "GET", "/a/v1/stream/__ds/subscriptions/h", token_a, NULL);
        if (talk_says(t, "\"failures\"")) break;
        usleep(50000);
    }
    check(talk_says(t, "\"status\":\"failed\"") && talk_says(t, "\"last_error\":\""), "and not sent to");
}

int main(void) {
    talk t;
    server s = server_start(args);
    talk_admin_key(&s, key, sizeof key);
    make_tenant(&s, "a", token_a);
    make_tenant(&s, "b", token_b);
    talk_init(&t, s.port);
    a_worker_needs_no_more_than_the_claim_gave(&t);
    nobody_learns_anything_without_a_token(&t);
    keys_are_each_tenants_own(&t);
    slashes_are_encoded_where_a_star_is_only(&t);
    webhooks_go_to_public_addresses_only(&t);
    talk_deinit(&t);
    check(server_stop(&s), "and it ends cleanly");
    return failed ? 1 : 0;
}

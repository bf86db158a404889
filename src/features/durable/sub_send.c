/* SPDX-License-Identifier: Apache-2.0 */
/* Sending one webhook: the protocol's section 7.1. The answer {"done":true} acknowledges what it said. */
#include <stdio.h>
#include <string.h>

#include "features/durable/keys.h"
#include "features/durable/sub_int.h"

enum { ANSWER_ARENA_BYTES = 256 * 1024 };

void durable_sub_url(const trib_app *app, const char *tenant_name, trib_buf *out) {
    trib_buf_add_c(out, app->settings.public_url ? app->settings.public_url : "/");
    trib_buf_add_c(out, tenant_name);
    trib_buf_add_c(out, "/v1/stream/__ds/");
}

/* What is no JSON, or too long to be this, says nothing. */
static bool says_done(trib_str answer) {
    trib_arena arena;
    const trib_json *root = NULL;
    bool done = false;
    trib_arena_init(&arena, ANSWER_ARENA_BYTES);
    if (trib_json_parse(&arena, answer, &root, NULL) == TRIB_OK)
        (void)trib_json_bool(trib_json_get(root, "done"), &done);
    trib_arena_deinit(&arena);
    return done;
}

static trib_code send(durable_delivery *d, void *session, const _Atomic bool *stop, trib_buf *answer, int *ret_status,
                      trib_error *err) {
    trib_app *app = d->app;
    char agent[80];
    trib_buf signature;
    int64_t now_s = trib_env_wall_ms(app->env) / 1000;
    if (!app->outbound.send) return trib_error_set(err, TRIB_CONNECT, "this server sends nothing to others");
    snprintf(agent, sizeof agent, "Tributary/%.40s", app->version ? app->version : "0");
    trib_buf_init(&signature, 512);
    trib_code code = durable_keys_sign(app, trib_str_c(d->owner), now_s, trib_buf_str(&d->body), &signature, err);
    if (code == TRIB_OK) {
        const trib_outbound_header headers[] = {{"content-type", TRIB_STR("application/json")},
                                                {"user-agent", trib_str_c(agent)},
                                                {"webhook-signature", trib_buf_str(&signature)}};
        const trib_outbound_request request = {.method = "POST",
                                               .url = trib_buf_str(&d->url),
                                               .headers = headers,
                                               .header_count = sizeof headers / sizeof *headers,
                                               .body = trib_buf_str(&d->body),
                                               .timeout_ms = DURABLE_SEND_TIMEOUT_MS,
                                               .public_only = !app->settings.webhook_private,
                                               .stop = stop,
                                               .answer = answer};
        code = app->outbound.send(app->outbound.ctx, session, &request, ret_status, err);
    }
    trib_buf_deinit(&signature);
    return code;
}

void durable_delivery_send(durable_delivery *d, void *session, const _Atomic bool *stop) {
    int status = 0;
    trib_error err = {0};
    trib_buf answer;
    trib_buf_init(&answer, DURABLE_SEND_ANSWER_MAX_BYTES);
    trib_code code = atomic_load(stop) ? TRIB_CANCELLED : send(d, session, stop, &answer, &status, &err);
    d->sent.is_unsent = code == TRIB_CANCELLED; /* nobody knows whether it arrived: it is sent again */
    d->sent.ok = code == TRIB_OK && status >= 200 && status < 300;
    d->sent.done = d->sent.ok && !answer.failed && says_done(trib_buf_str(&answer));
    if (code == TRIB_OK) snprintf(d->sent.why, sizeof d->sent.why, "HTTP status %d", status);
    else snprintf(d->sent.why, sizeof d->sent.why, "%.150s", err.message);
    trib_buf_deinit(&answer);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* A delivery in the format of Standard Webhooks (standardwebhooks.com):
 *
 *   webhook-id: msg_3_1017          the same each time that the event is sent
 *   webhook-timestamp: 1700000000   of this sending, in seconds: a receiver refuses what is too old
 *   webhook-signature: v1,K5oZ...   Base64 of HMAC-SHA-256(secret, id "." timestamp "." body) */
#include <stdio.h>

#include "crypto/hash.h"
#include "features/consumers/consumers_int.h"
#include "wire/base64.h"

trib_code consumers_hook_sign(trib_str secret, trib_str id, int64_t timestamp_s, trib_str body, trib_buf *out,
                              trib_error *err) {
    trib_buf text;
    uint8_t mac[TRIB_SHA256_BYTES];
    trib_buf_init(&text, body.len + 1024);
    trib_buf_printf(&text, "%.*s.%lld.", TRIB_STR_ARG(id), (long long)timestamp_s);
    trib_buf_add(&text, body);
    trib_code code = text.failed ? TRIB_NOMEM : trib_crypto_hmac_sha256(secret, trib_buf_str(&text), mac);
    trib_buf_deinit(&text);
    if (code != TRIB_OK) return trib_error_set(err, code, NULL);
    trib_buf_add_c(out, "v1,");
    trib_base64_encode_buf(TRIB_BASE64_STD, true, mac, sizeof mac, out);
    return out->failed ? trib_error_set(err, TRIB_NOMEM, NULL) : TRIB_OK;
}

trib_code consumers_hook_send(trib_app *app, void *session, const consumers_message *message, const _Atomic bool *stop,
                              int *ret_status, trib_error *err) {
    char timestamp[32], agent[80];
    trib_buf signature;
    int64_t now_s = trib_env_wall_ms(app->env) / 1000;
    if (!app->outbound.send) return trib_error_set(err, TRIB_CONNECT, "this server sends nothing to others");
    snprintf(timestamp, sizeof timestamp, "%lld", (long long)now_s);
    snprintf(agent, sizeof agent, "Tributary/%.40s", app->version ? app->version : "0");
    trib_buf_init(&signature, 256);
    trib_code code = consumers_hook_sign(message->secret, message->id, now_s, message->body, &signature, err);
    if (code == TRIB_OK) {
        const trib_outbound_header headers[] = {{"content-type", TRIB_STR("application/json")},
                                                {"user-agent", trib_str_c(agent)},
                                                {"webhook-id", message->id},
                                                {"webhook-timestamp", trib_str_c(timestamp)},
                                                {"webhook-signature", trib_buf_str(&signature)}};
        const trib_outbound_request request = {.method = "POST",
                                               .url = message->url,
                                               .headers = headers,
                                               .header_count = sizeof headers / sizeof *headers,
                                               .body = message->body,
                                               .timeout_ms = message->timeout_ms,
                                               .public_only = !app->settings.webhook_private,
                                               .stop = stop};
        code = app->outbound.send(app->outbound.ctx, session, &request, ret_status, err);
    }
    trib_buf_deinit(&signature);
    return code;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Keys of subscriptions, all derived from the server's signing keys (core/control.h) and kept nowhere:
 *
 *   signing key of the server --HMAC("webhooks", tenant)--> seed of an Ed25519 key, the tenant's: signs its webhooks
 *                             --HMAC("tokens")------------> signs what a callback, an ack or a release shows
 *
 * A key for each tenant, since receivers believe what is signed: one tenant's webhooks must not pass for another's.
 * They are rotated with the server's keys; those of older ones stay published as long as the older ones are kept. */
#ifndef TRIB_FEATURES_DURABLE_KEYS_H
#define TRIB_FEATURES_DURABLE_KEYS_H

#include "core/app.h"

enum {
    DURABLE_KID_BYTES = 48,  /* "ds_" and a thumbprint (RFC 7638), with a NUL */
    DURABLE_TOKEN_BYTES = 80 /* with a NUL */
};

/* The name of the key that signs now. Errors: NOMEM. Thread: any, for all of these. */
trib_code durable_keys_kid(trib_app *app, trib_str tenant_id, char ret[DURABLE_KID_BYTES], trib_error *err);
/* The JSON Web Key Set of the tenant, newest first. Errors: NOMEM. */
trib_code durable_keys_publish(trib_app *app, trib_str tenant_id, trib_buf *out, trib_error *err);
/* "t=1700000000,kid=ds_...,ed25519=...": the signature of "1700000000." and the body. Errors: NOMEM. */
trib_code durable_keys_sign(trib_app *app, trib_str tenant_id, int64_t timestamp_s, trib_str body, trib_buf *out,
                            trib_error *err);
/* What whoever works on this wake shows. Errors: NOMEM. */
trib_code durable_keys_token(trib_app *app, trib_str tenant_id, trib_str subscription, int64_t generation,
                             char ret[DURABLE_TOKEN_BYTES], trib_error *err);
/* Whether it is one of this subscription, of any generation, which it tells. */
bool durable_keys_token_read(trib_app *app, trib_str tenant_id, trib_str subscription, trib_str token,
                             int64_t *ret_generation);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* The certificate of a listener: two PEM files, which may be loaded again at any time.
 *
 *   files --trib_tls_new, trib_tls_reload--> context --each new connection takes the newest--> conn_tls.c
 *
 * A connection keeps the context that it began with, so a reload disturbs nobody. A pair that cannot be used leaves the
 * one before in place. TLS 1.2 and 1.3, ciphers with forward secrecy, no renegotiation, no early data; session tickets
 * whose key lives as long as the context, at most TRIB_TLS_TICKET_KEY_MS. */
#ifndef TRIB_IO_TLS_H
#define TRIB_IO_TLS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/env.h"
#include "base/error.h"

typedef struct trib_tls trib_tls;

enum {
    TRIB_TLS_PIN_BYTES = 56,                      /* "sha256//" and 44 characters, NUL-terminated */
    TRIB_TLS_TICKET_KEY_MS = 24 * 60 * 60 * 1000, /* who steals a ticket key reads the TLS 1.2 traffic of this time */
};

/* cert_path: the server's certificate, then those between it and the root; key_path: its private key, without a
 * passphrase. Both are copied. A certificate that has expired is taken; see trib_tls_expires_ms.
 * Owns: *ret is the caller's (trib_tls_free). `env` is borrowed. Errors: CONFIG (which file, why, what to do),
 * NOMEM. */
trib_code trib_tls_new(const trib_env *env, const char *cert_path, const char *key_path, trib_tls **ret,
                       trib_error *err);
/* No listener may use it any more; connections may still be closing. Takes NULL. */
void trib_tls_free(trib_tls *tls);

/* Loads the files again for new connections. Errors: CONFIG (as new, and a certificate that has expired or is not valid
 * yet), NOMEM; then everything stays as it was. Thread: one at a time, not a loop's. */
trib_code trib_tls_reload(trib_tls *tls, trib_error *err);
/* True when it is time to reload: the files are others than those of the last try and have not changed since the last
 * call (a pair that is just being written is let alone), or the ticket key is old. Thread: as reload. */
bool trib_tls_is_due(trib_tls *tls);

/* End of the certificate in force, in milliseconds since 1970. Thread: any. */
int64_t trib_tls_expires_ms(trib_tls *tls);
/* The public key in force, as curl pins it: "sha256//BASE64". Thread: any. */
void trib_tls_get_pin(trib_tls *tls, char out[TRIB_TLS_PIN_BYTES]);

#endif

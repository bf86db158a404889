/* SPDX-License-Identifier: Apache-2.0 */
/* What conn_tls.c takes from tls.c. */
#ifndef TRIB_IO_TLS_INT_H
#define TRIB_IO_TLS_INT_H

#include <openssl/ssl.h>

#include "io/tls.h"

/* A server's half of a session with the newest certificate; it has no BIO yet.
 * Owns: the caller's (SSL_free). NULL: no memory. Thread: any. */
SSL *trib_tls_session_new(trib_tls *tls);
/* How OpenSSL reaches a connection's bytes (conn_tls.c makes it). NULL: no memory. */
BIO_METHOD *trib_conn_tls_method_new(void);
const BIO_METHOD *trib_tls_method(const trib_tls *tls);

#endif

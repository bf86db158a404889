/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates in files; see tls.h. The newest context is taken and replaced under a lock that is held for a few
 * instructions; OpenSSL counts who still uses an older one. */
#include "io/tls.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "crypto/hash.h"
#include "io/tls_int.h"
#include "wire/base64.h"

/* What changes when a file, or the one a link leads to, is another. */
typedef struct stamp {
    dev_t dev;
    ino_t ino;
    off_t bytes;
    struct timespec changed;
} stamp;

typedef struct stamps {
    stamp cert, key;
} stamps;

/* A pair that was read and fits. */
typedef struct loaded {
    SSL_CTX *ctx;
    int64_t begins_ms, expires_ms;
    char pin[TRIB_TLS_PIN_BYTES];
} loaded;

struct trib_tls {
    const trib_env *env;
    char *cert_path, *key_path;
    BIO_METHOD *method;
    stamps tried, seen; /* the reloading thread only */
    int64_t tried_ns;
    trib_mutex *mutex; /* guards `now` */
    loaded now;
};

/* ---- reading a pair ---- */

static const char *openssl_reason(void) {
    const char *reason = ERR_reason_error_string(ERR_peek_error());
    return reason ? reason : "no reason given";
}

/* OpenSSL's own message for a file that is not there says less than the system's. */
static trib_code check_readable(const char *what, const char *path, trib_error *err) {
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd >= 0) {
        close(fd);
        return TRIB_OK;
    }
    const char *fix = errno == EACCES ? "let the user that the server runs as read it" : "correct the path";
    return trib_error_set(err, TRIB_CONFIG, "cannot read the %s %s: %s; %s", what, path, strerror(errno), fix);
}

/* A key with a passphrase must be an error: OpenSSL would ask for it on the terminal. */
static int no_passphrase(char *buf, int size, int writing, void *arg) {
    (void)buf;
    (void)size;
    (void)writing;
    (void)arg;
    return -1;
}

/* RFC 7301: HTTP/1.1, or nothing that we could speak. */
static int choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_bytes, const unsigned char *offered,
                           unsigned bytes, void *arg) {
    static const char ours[] = "http/1.1";
    (void)ssl;
    (void)arg;
    for (unsigned at = 0; at < bytes; at += 1 + offered[at]) {
        if (offered[at] != sizeof ours - 1 || at + sizeof ours > bytes) continue;
        if (memcmp(offered + at + 1, ours, sizeof ours - 1) != 0) continue;
        *out = offered + at + 1;
        *out_bytes = sizeof ours - 1;
        return SSL_TLSEXT_ERR_OK;
    }
    return SSL_TLSEXT_ERR_ALERT_FATAL;
}

static bool set_rules(SSL_CTX *ctx) {
    SSL_CTX_set_default_passwd_cb(ctx, no_passphrase);
    SSL_CTX_set_alpn_select_cb(ctx, choose_protocol, NULL);
    /* renegotiation lets a client make us work for nothing; compression leaks secrets (CRIME) */
    SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE |
                                 SSL_OP_PRIORITIZE_CHACHA);
    /* an idle connection keeps no record buffers (2 x 16 KiB) */
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
    /* sessions live in the clients' tickets, so that they cost us nothing */
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    return SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) &&
           SSL_CTX_set_cipher_list(ctx, "ECDHE+AESGCM:ECDHE+CHACHA20") &&
           SSL_CTX_set_session_id_context(ctx, (const unsigned char *)"trib", 4);
}

static int64_t time_ms(const ASN1_TIME *time) {
    struct tm tm;
    return ASN1_TIME_to_tm(time, &tm) ? (int64_t)timegm(&tm) * 1000 : 0;
}

static trib_code describe(loaded *to, trib_error *err) {
    const X509 *cert = SSL_CTX_get0_certificate(to->ctx);
    uint8_t digest[TRIB_SHA256_BYTES];
    unsigned char *der = NULL;
    to->begins_ms = time_ms(X509_get0_notBefore(cert));
    to->expires_ms = time_ms(X509_get0_notAfter(cert));
    int bytes = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert), &der);
    if (bytes <= 0) return trib_error_set(err, TRIB_NOMEM, NULL);
    trib_code code = trib_crypto_sha256(trib_str_make((const char *)der, (size_t)bytes), digest);
    OPENSSL_free(der);
    if (code != TRIB_OK) return trib_error_set(err, code, NULL);
    static const char prefix[] = "sha256//";
    memcpy(to->pin, prefix, sizeof prefix - 1);
    size_t n = trib_base64_encode(TRIB_BASE64_STD, true, digest, sizeof digest, to->pin + sizeof prefix - 1);
    to->pin[sizeof prefix - 1 + n] = '\0';
    return TRIB_OK;
}

/* Owns: ret->ctx is the caller's, also after an error (then it may be NULL). */
static trib_code load(const trib_tls *tls, loaded *ret, trib_error *err) {
    *ret = (loaded){0};
    trib_code code = check_readable("certificate", tls->cert_path, err);
    if (code == TRIB_OK) code = check_readable("key", tls->key_path, err);
    if (code != TRIB_OK) return code;
    ERR_clear_error();
    ret->ctx = SSL_CTX_new(TLS_server_method());
    if (!ret->ctx || !set_rules(ret->ctx)) return trib_error_set(err, TRIB_NOMEM, NULL);
    if (SSL_CTX_use_certificate_chain_file(ret->ctx, tls->cert_path) != 1)
        return trib_error_set(err, TRIB_CONFIG,
                              "the certificate %s cannot be used: %s; it must be PEM, the server's own certificate "
                              "first, then those that lead to the root",
                              tls->cert_path, openssl_reason());
    if (SSL_CTX_use_PrivateKey_file(ret->ctx, tls->key_path, SSL_FILETYPE_PEM) != 1) {
        bool other = ERR_GET_REASON(ERR_peek_error()) == X509_R_KEY_VALUES_MISMATCH;
        const char *fix = other ? "give the key that this certificate was made for"
                                : "it must be a PEM private key without a passphrase";
        return trib_error_set(err, TRIB_CONFIG, "the key %s cannot be used: %s; %s", tls->key_path, openssl_reason(),
                              fix);
    }
    if (SSL_CTX_check_private_key(ret->ctx) != 1)
        return trib_error_set(err, TRIB_CONFIG,
                              "the key %s does not belong to the certificate %s: %s; give the key that it was made for",
                              tls->key_path, tls->cert_path, openssl_reason());
    return describe(ret, err);
}

/* ---- the files ---- */

static stamp stamp_of(const char *path) {
    struct stat info;
    if (stat(path, &info) != 0) return (stamp){0};
    return (stamp){.dev = info.st_dev, .ino = info.st_ino, .bytes = info.st_size, .changed = info.st_mtim};
}

static bool stamp_eq(const stamp *a, const stamp *b) {
    return a->dev == b->dev && a->ino == b->ino && a->bytes == b->bytes && a->changed.tv_sec == b->changed.tv_sec &&
           a->changed.tv_nsec == b->changed.tv_nsec;
}

static bool stamps_eq(const stamps *a, const stamps *b) {
    return stamp_eq(&a->cert, &b->cert) && stamp_eq(&a->key, &b->key);
}

static stamps stamps_now(const trib_tls *tls) {
    return (stamps){.cert = stamp_of(tls->cert_path), .key = stamp_of(tls->key_path)};
}

bool trib_tls_is_due(trib_tls *tls) {
    stamps now = stamps_now(tls);
    bool rested = stamps_eq(&now, &tls->seen);
    tls->seen = now;
    if (rested && !stamps_eq(&now, &tls->tried)) return true;
    return trib_env_mono_ns(tls->env) - tls->tried_ns > (int64_t)TRIB_TLS_TICKET_KEY_MS * 1000000;
}

/* ---- life ---- */

/* Before the files are read: what changes meanwhile is tried again. */
static void note_try(trib_tls *tls) {
    stamps now = stamps_now(tls);
    tls->tried = now;
    tls->seen = now;
    tls->tried_ns = trib_env_mono_ns(tls->env);
}

trib_code trib_tls_new(const trib_env *env, const char *cert_path, const char *key_path, trib_tls **ret,
                       trib_error *err) {
    trib_tls *tls = calloc(1, sizeof *tls);
    if (!tls) return trib_error_set(err, TRIB_NOMEM, NULL);
    tls->env = env;
    tls->cert_path = strdup(cert_path);
    tls->key_path = strdup(key_path);
    tls->mutex = trib_mutex_new(env);
    tls->method = trib_conn_tls_method_new();
    trib_code code = TRIB_OK;
    if (!tls->cert_path || !tls->key_path || !tls->mutex || !tls->method) {
        code = trib_error_set(err, TRIB_NOMEM, NULL);
    } else {
        note_try(tls);
        code = load(tls, &tls->now, err);
    }
    if (code != TRIB_OK) {
        trib_tls_free(tls);
        return code;
    }
    *ret = tls;
    return TRIB_OK;
}

void trib_tls_free(trib_tls *tls) {
    if (!tls) return;
    SSL_CTX_free(tls->now.ctx);
    BIO_meth_free(tls->method);
    trib_mutex_free(tls->env, tls->mutex);
    free(tls->cert_path);
    free(tls->key_path);
    free(tls);
}

trib_code trib_tls_reload(trib_tls *tls, trib_error *err) {
    loaded next;
    note_try(tls);
    trib_code code = load(tls, &next, err);
    int64_t now_ms = trib_env_wall_ms(tls->env);
    if (code == TRIB_OK && next.expires_ms <= now_ms)
        code = trib_error_set(err, TRIB_CONFIG, "the certificate %s has expired; give a new one", tls->cert_path);
    if (code == TRIB_OK && next.begins_ms > now_ms)
        code = trib_error_set(err, TRIB_CONFIG, "the certificate %s is not valid yet; check this machine's clock",
                              tls->cert_path);
    if (code != TRIB_OK) {
        SSL_CTX_free(next.ctx);
        return code;
    }
    trib_mutex_lock(tls->env, tls->mutex);
    SSL_CTX *before = tls->now.ctx;
    tls->now = next;
    trib_mutex_unlock(tls->env, tls->mutex);
    SSL_CTX_free(before);
    return TRIB_OK;
}

int64_t trib_tls_expires_ms(trib_tls *tls) {
    trib_mutex_lock(tls->env, tls->mutex);
    int64_t expires_ms = tls->now.expires_ms;
    trib_mutex_unlock(tls->env, tls->mutex);
    return expires_ms;
}

void trib_tls_get_pin(trib_tls *tls, char out[TRIB_TLS_PIN_BYTES]) {
    trib_mutex_lock(tls->env, tls->mutex);
    memcpy(out, tls->now.pin, TRIB_TLS_PIN_BYTES);
    trib_mutex_unlock(tls->env, tls->mutex);
}

SSL *trib_tls_session_new(trib_tls *tls) {
    trib_mutex_lock(tls->env, tls->mutex);
    SSL_CTX *ctx = tls->now.ctx;
    SSL_CTX_up_ref(ctx);
    trib_mutex_unlock(tls->env, tls->mutex);
    SSL *ssl = SSL_new(ctx);
    SSL_CTX_free(ctx);
    return ssl;
}

const BIO_METHOD *trib_tls_method(const trib_tls *tls) {
    return tls->method;
}

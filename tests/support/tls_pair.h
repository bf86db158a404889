/* SPDX-License-Identifier: Apache-2.0 */
/* For tests: certificates that sign themselves, as PEM files. */
#ifndef TRIB_TESTS_SUPPORT_TLS_PAIR_H
#define TRIB_TESTS_SUPPORT_TLS_PAIR_H

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* Writes a file beside the path and renames it, so that nobody sees half of it. */
static inline FILE *tls_pair_open(const char *path, char temp[512]) {
    snprintf(temp, 512, "%s.new", path);
    return fopen(temp, "w");
}

/* A fresh P-256 key and a certificate for CN=name, 127.0.0.1 and so on; valid from begins_s to ends_s, counted from
 * now. passphrase: of the key file; may be NULL. False: something failed. */
static inline bool tls_pair_write(const char *cert_path, const char *key_path, const char *name, long begins_s,
                                  long ends_s, const char *passphrase) {
    char temp[512];
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = X509_new();
    bool good = key && cert && X509_set_version(cert, 2) && ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
    good = good && X509_gmtime_adj(X509_getm_notBefore(cert), begins_s) &&
           X509_gmtime_adj(X509_getm_notAfter(cert), ends_s) && X509_set_pubkey(cert, key);
    X509_NAME *subject = good ? X509_get_subject_name(cert) : NULL;
    good = subject && X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0) &&
           X509_set_issuer_name(cert, subject) && X509_sign(cert, key, EVP_sha256()) > 0;
    FILE *file = good ? tls_pair_open(key_path, temp) : NULL;
    good = file != NULL;
    if (good) {
        const EVP_CIPHER *cipher = passphrase ? EVP_aes_256_cbc() : NULL;
        int n = passphrase ? (int)strlen(passphrase) : 0;
        good = PEM_write_PrivateKey(file, key, cipher, (const unsigned char *)passphrase, n, NULL, NULL) == 1;
        good = fclose(file) == 0 && rename(temp, key_path) == 0 && good;
    }
    file = good ? tls_pair_open(cert_path, temp) : NULL;
    if (file) {
        good = PEM_write_X509(file, cert) == 1;
        good = fclose(file) == 0 && rename(temp, cert_path) == 0 && good;
    }
    X509_free(cert);
    EVP_PKEY_free(key);
    return good && file;
}

#endif

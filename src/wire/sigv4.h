/* SPDX-License-Identifier: Apache-2.0 */
/* AWS Signature Version 4, in the Authorization header (docs.aws.amazon.com, "Create a signed AWS API request"), as S3
 * and everything that speaks like it wants it: the path is coded once and never normalised.
 *
 *   method, path, query, headers, hash of the payload -> canonical request -> string to sign -> signature -> header
 *
 * Paths and queries come decoded; trib_sigv4_target writes them into the URL in the one spelling that is signed. */
#ifndef TRIB_WIRE_SIGV4_H
#define TRIB_WIRE_SIGV4_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "crypto/hash.h"

enum {
    TRIB_SIGV4_TIME_BYTES = 17, /* "20150830T123600Z" and a NUL */
    TRIB_SIGV4_PAIRS_MAX = 32,  /* headers, or parameters: ours to choose, so more is a mistake of the caller */
    TRIB_SIGV4_TEXT_MAX_BYTES = 64 << 10 /* of the canonical request */
};

/* Instead of the payload's hash, where it is not known before it is sent. */
#define TRIB_SIGV4_UNSIGNED "UNSIGNED-PAYLOAD"

/* A header (its name in any case) or a parameter of the query. */
typedef struct trib_sigv4_pair {
    trib_str name, value;
} trib_sigv4_pair;

typedef struct trib_sigv4_credentials {
    trib_str key_id, secret;
    trib_str session_token; /* sent and signed as x-amz-security-token by the caller; only kept together here */
} trib_sigv4_credentials;

typedef struct trib_sigv4_request {
    trib_str method;
    trib_str path; /* decoded, begins with '/' */
    const trib_sigv4_pair *query;
    size_t query_count;
    const trib_sigv4_pair *headers; /* all are signed: host and x-amz-date among them */
    size_t header_count;
    trib_str payload_hash; /* lower-case hex, or TRIB_SIGV4_UNSIGNED */
    trib_str region, service;
    const char *time; /* as in x-amz-date */
} trib_sigv4_request;

void trib_sigv4_time(int64_t wall_ms, char ret_text[TRIB_SIGV4_TIME_BYTES]);
/* Lower-case hex of the SHA-256. Errors: NOMEM. */
trib_code trib_sigv4_payload_hash(trib_str payload, char ret_hex[2 * TRIB_SHA256_BYTES + 1], trib_error *err);
/* "/a%20b?x=1", parameters in the order of the signature. Failure sticks in the buffer. */
void trib_sigv4_target(trib_str path, const trib_sigv4_pair *query, size_t query_count, trib_buf *out);
/* The value of the header Authorization, appended. Errors: NOMEM, INTERNAL (more than TRIB_SIGV4_PAIRS_MAX). */
trib_code trib_sigv4_sign(const trib_sigv4_request *request, const trib_sigv4_credentials *credentials, trib_buf *out,
                          trib_error *err);
/* Only the text whose hash is signed; for tests, and for what a server says about a wrong signature. */
void trib_sigv4_canonical(const trib_sigv4_request *request, trib_buf *out);

#endif

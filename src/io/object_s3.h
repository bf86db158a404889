/* SPDX-License-Identifier: Apache-2.0 */
/* A store of objects (base/objects.h) in a bucket of S3, or of what speaks like it.
 *
 *   call -> credentials of the file -> signed (wire/sigv4.h) -> sent; a connection that broke, a timeout, 429 and 5xx
 *        are tried again after a random pause that grows
 *
 * Nothing is overwritten: a put asks first, and then puts with `If-None-Match: *`; a server that answers 501 to that is
 * asked before each try. The credentials file is read at each call, so that a new one counts at once:
 *
 *   aws_access_key_id = ...        lines as in AWS's own file, of its first section;
 *   aws_secret_access_key = ...    aws_session_token may be missing */
#ifndef TRIB_IO_OBJECT_S3_H
#define TRIB_IO_OBJECT_S3_H

#include "base/env.h"
#include "base/objects.h"

enum {
    TRIB_OBJECT_S3_TRIES = 4,
    TRIB_OBJECT_S3_RETRY_MS = 200,                 /* the first pause is random below this, the next below twice ... */
    TRIB_OBJECT_S3_TIMEOUT_MS = 60 * 1000,         /* of one call; and a second for each MiB */
    TRIB_OBJECT_S3_MULTIPART_BYTES = 64 << 20,     /* above it, in parts */
    TRIB_OBJECT_S3_PART_BYTES = 16 << 20,          /* at least 5 MiB, says S3 */
    TRIB_OBJECT_S3_CREDENTIALS_MAX_BYTES = 8 << 10 /* a path to something else is a mistake */
};

typedef struct trib_object_s3 trib_object_s3;

/* Borrowed until new returns, but for env. 0 and NULL: the default. */
typedef struct trib_object_s3_config {
    const trib_env *env;
    const char *endpoint; /* http[s]://HOST[:PORT]; NULL: Amazon's of the region */
    const char *region, *bucket;
    const char *prefix;           /* of every key; ends with '/' or is empty */
    bool virtual_host;            /* https://BUCKET.HOST/KEY instead of https://HOST/BUCKET/KEY */
    const char *credentials_file; /* must be set */
    uint32_t timeout_ms, tries, retry_ms;
    uint64_t multipart_bytes, part_bytes;
} trib_object_s3_config;

/* Asks nobody. Errors: CONFIG (endpoint, bucket; the credentials file is looked at), NOMEM. Owns: *ret by
 * trib_object_s3_free. Thread: main. */
trib_code trib_object_s3_new(const trib_object_s3_config *config, trib_object_s3 **ret, trib_error *err);
/* After the last call has ended. Takes NULL. */
void trib_object_s3_free(trib_object_s3 *s3);
/* Borrows `s3`. Errors of its functions also: CONFIG (the credentials file). */
trib_objects trib_object_s3_objects(trib_object_s3 *s3);

#endif

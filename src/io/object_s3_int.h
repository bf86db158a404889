/* SPDX-License-Identifier: Apache-2.0 */
/* Private to io/object_s3*.c: one signed call, with and without trying again. */
#ifndef TRIB_IO_OBJECT_S3_INT_H
#define TRIB_IO_OBJECT_S3_INT_H

#include <stdatomic.h>

#include "io/http_client.h"
#include "io/object_s3.h"
#include "wire/sigv4.h"

enum {
    S3_CLIENTS_MAX = 8, /* kept with their connections */
    S3_QUERY_MAX = 4,
    S3_HEADERS_MAX = 12,
    S3_XML_MAX_BYTES = 4 << 20, /* of an answer that is read as XML: a page of a listing */
    S3_KEY_MAX_BYTES = 1024
};

struct trib_object_s3 {
    const trib_env *env;
    char *scheme_host; /* "https://host[:port]", with the bucket in front of the host where it belongs there */
    char *host, *region, *bucket, *prefix, *credentials_file, *where;
    bool virtual_host;
    uint32_t timeout_ms, tries, retry_ms;
    uint64_t multipart_bytes, part_bytes;
    _Atomic bool no_conditions; /* the server does not know If-None-Match */
    trib_mutex *lock;
    trib_cond *stopping;                    /* for pauses */
    bool stopped;                           /* under lock */
    int stop_fd;                            /* can be read once stopped: calls under way end */
    trib_http_client *idle[S3_CLIENTS_MAX]; /* under lock */
    size_t idle_count;
};

typedef struct s3_call {
    const char *method;
    trib_str key; /* empty: the bucket itself */
    trib_sigv4_pair query[S3_QUERY_MAX];
    size_t query_count;
    trib_sigv4_pair headers[S3_HEADERS_MAX]; /* beside host, time, hash and token */
    size_t header_count;
    trib_str body;
    const char *sha256; /* of the body, hex; NULL: is made here */
    size_t max_body_bytes;
} s3_call;

/* Once. Any status is TRIB_OK. Owns: as trib_http_client_call. Errors: as there, and CONFIG. */
trib_code trib_s3_once(trib_object_s3 *s3, const s3_call *call, trib_http_client_reply *ret, trib_error *err);
/* Until the answer is none that another try may better. */
trib_code trib_s3_call(trib_object_s3 *s3, const s3_call *call, trib_http_client_reply *ret, trib_error *err);
/* True: code, or the status where it is TRIB_OK, may be another one next time. */
bool trib_s3_may_help(trib_code code, int status);
/* Before try number `try`, from 1. False: it was stopped. */
bool trib_s3_pause(trib_object_s3 *s3, uint32_t try);
/* REMOTE with the status and the code that the server gives; detail = status. */
trib_code trib_s3_refused(const s3_call *call, const trib_http_client_reply *reply, trib_error *err);
/* The text between <name> and </name>, from *at on, which goes behind it; ptr NULL: there is none. */
trib_str trib_s3_xml(trib_str text, const char *name, size_t *at);

/* object_s3_put.c. As of trib_objects. */
trib_code trib_s3_put(void *ctx, const trib_object *object, bool *ret_made, trib_error *err);
/* object_s3.c */
trib_code trib_s3_head(void *ctx, trib_str key, uint64_t *ret_size, bool *ret_found, trib_error *err);

#endif

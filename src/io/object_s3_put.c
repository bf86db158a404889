/* SPDX-License-Identifier: Apache-2.0 */
/* Putting an object into S3 where there is none; see object_s3.h.
 *
 *   HEAD: there? -> [large: create an upload -> parts] -> PUT or complete, If-None-Match: * -> made, or 412: was there
 *
 * The whole of it is tried again, beginning with HEAD: an answer that got lost must not lead to a second object, also
 * where the server does not know If-None-Match. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/object_s3_int.h"

enum { PARTS_MAX = 10000 /* says S3 */, PART_NUMBER_BYTES = 8, ETAG_MAX_BYTES = 80 };

static void add_condition(const trib_object_s3 *s3, s3_call *call) {
    if (atomic_load(&s3->no_conditions)) return;
    call->headers[call->header_count++] = (trib_sigv4_pair){TRIB_STR("if-none-match"), TRIB_STR("*")};
}

/* Names of x-amz-meta-... live in `space`. */
static void add_notes(const trib_object *object, char space[TRIB_OBJECT_NOTES_MAX][48], s3_call *call) {
    call->headers[call->header_count++] = (trib_sigv4_pair){TRIB_STR("content-type"), TRIB_STR("application/json")};
    for (size_t i = 0; i < object->note_count; i++) {
        snprintf(space[i], sizeof space[i], "x-amz-meta-%s", object->notes[i].name);
        call->headers[call->header_count++] = (trib_sigv4_pair){trib_str_c(space[i]), object->notes[i].value};
    }
}

/* What a PUT or a completion was answered with. Errors: AGAIN (without the condition), REMOTE. */
static trib_code judge(trib_object_s3 *s3, const s3_call *call, const trib_http_client_reply *reply, bool *ret_made,
                       trib_error *err) {
    if (reply->status == 412) {
        *ret_made = false;
        return TRIB_OK;
    }
    if (reply->status >= 200 && reply->status < 300) {
        size_t at = 0;
        /* a completion may say 200, work on, and then fail */
        if (trib_s3_xml(trib_buf_str(&reply->body), "Error", &at).ptr) return trib_s3_refused(call, reply, err);
        *ret_made = true;
        return TRIB_OK;
    }
    if (reply->status == 501 && !atomic_load(&s3->no_conditions)) {
        atomic_store(&s3->no_conditions, true);
        return TRIB_AGAIN;
    }
    return trib_s3_refused(call, reply, err);
}

static trib_code put_whole(trib_object_s3 *s3, const trib_object *object, bool *ret_made, trib_error *err) {
    char names[TRIB_OBJECT_NOTES_MAX][48];
    trib_http_client_reply reply = {0};
    s3_call call = {.method = "PUT",
                    .key = object->key,
                    .body = object->bytes,
                    .sha256 = object->sha256,
                    .max_body_bytes = S3_XML_MAX_BYTES};
    add_notes(object, names, &call);
    add_condition(s3, &call);
    trib_code code = trib_s3_once(s3, &call, &reply, err);
    if (code == TRIB_OK) code = judge(s3, &call, &reply, ret_made, err);
    trib_http_client_reply_deinit(&reply);
    return code;
}

/* ---- in parts ---- */

typedef struct upload {
    trib_object_s3 *s3;
    const trib_object *object;
    char *id;
    trib_buf list; /* <Part>... of the completion */
} upload;

static trib_code create(upload *u, trib_error *err) {
    char names[TRIB_OBJECT_NOTES_MAX][48];
    size_t at = 0;
    trib_http_client_reply reply = {0};
    s3_call call = {.method = "POST",
                    .key = u->object->key,
                    .query = {{TRIB_STR("uploads"), {0}}},
                    .query_count = 1,
                    .max_body_bytes = S3_XML_MAX_BYTES};
    add_notes(u->object, names, &call);
    trib_code code = trib_s3_call(u->s3, &call, &reply, err);
    if (code != TRIB_OK) return code;
    trib_str id = trib_s3_xml(trib_buf_str(&reply.body), "UploadId", &at);
    if (reply.status != 200 || !id.len) code = trib_s3_refused(&call, &reply, err);
    else u->id = strndup(id.ptr, id.len);
    if (code == TRIB_OK && !u->id) code = trib_error_set(err, TRIB_NOMEM, NULL);
    trib_http_client_reply_deinit(&reply);
    return code;
}

static trib_code put_part(upload *u, unsigned number, trib_str bytes, trib_error *err) {
    char digits[PART_NUMBER_BYTES];
    trib_http_client_reply reply = {0};
    snprintf(digits, sizeof digits, "%u", number);
    const s3_call call = {
        .method = "PUT",
        .key = u->object->key,
        .query = {{TRIB_STR("partNumber"), trib_str_c(digits)}, {TRIB_STR("uploadId"), trib_str_c(u->id)}},
        .query_count = 2,
        .body = bytes,
        .max_body_bytes = S3_XML_MAX_BYTES};
    trib_code code = trib_s3_call(u->s3, &call, &reply, err);
    if (code != TRIB_OK) return code;
    trib_str etag = trib_http_client_reply_header(&reply, "etag");
    if (reply.status != 200 || !etag.len || etag.len > ETAG_MAX_BYTES) code = trib_s3_refused(&call, &reply, err);
    else
        trib_buf_printf(&u->list, "<Part><PartNumber>%u</PartNumber><ETag>%.*s</ETag></Part>", number,
                        TRIB_STR_ARG(etag));
    trib_http_client_reply_deinit(&reply);
    return code;
}

static trib_code put_parts(upload *u, trib_error *err) {
    trib_str rest = u->object->bytes;
    uint64_t part = u->s3->part_bytes;
    while (rest.len / part >= PARTS_MAX) part *= 2;
    trib_code code = TRIB_OK;
    for (unsigned number = 1; code == TRIB_OK && rest.len; number++) {
        trib_str bytes = trib_str_sub(rest, 0, part);
        code = put_part(u, number, bytes, err);
        rest = trib_str_sub(rest, bytes.len, rest.len);
    }
    return code;
}

static trib_code complete(upload *u, bool *ret_made, trib_error *err) {
    trib_http_client_reply reply = {0};
    trib_buf_add_c(&u->list, "</CompleteMultipartUpload>");
    if (u->list.failed) return trib_error_set(err, TRIB_NOMEM, NULL);
    s3_call call = {.method = "POST",
                    .key = u->object->key,
                    .query = {{TRIB_STR("uploadId"), trib_str_c(u->id)}},
                    .query_count = 1,
                    .body = trib_buf_str(&u->list),
                    .max_body_bytes = S3_XML_MAX_BYTES};
    add_condition(u->s3, &call);
    trib_code code = trib_s3_once(u->s3, &call, &reply, err);
    if (code == TRIB_OK) code = judge(u->s3, &call, &reply, ret_made, err);
    trib_http_client_reply_deinit(&reply);
    return code;
}

/* Parts that nobody completes cost money. */
static void give_up(upload *u) {
    trib_http_client_reply reply = {0};
    const s3_call call = {.method = "DELETE",
                          .key = u->object->key,
                          .query = {{TRIB_STR("uploadId"), trib_str_c(u->id)}},
                          .query_count = 1,
                          .max_body_bytes = S3_XML_MAX_BYTES};
    if (trib_s3_once(u->s3, &call, &reply, NULL) == TRIB_OK) trib_http_client_reply_deinit(&reply);
}

static trib_code put_in_parts(trib_object_s3 *s3, const trib_object *object, bool *ret_made, trib_error *err) {
    upload u = {.s3 = s3, .object = object};
    trib_buf_init(&u.list, S3_XML_MAX_BYTES);
    trib_buf_add_c(&u.list, "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">");
    *ret_made = false;
    trib_code code = create(&u, err);
    if (code == TRIB_OK) code = put_parts(&u, err);
    if (code == TRIB_OK) code = complete(&u, ret_made, err);
    if (u.id && (code != TRIB_OK || !*ret_made)) give_up(&u);
    free(u.id);
    trib_buf_deinit(&u.list);
    return code;
}

/* ---- both ---- */

static trib_code put_once(trib_object_s3 *s3, const trib_object *object, bool *ret_made, trib_error *err) {
    uint64_t size;
    bool found = false;
    trib_code code = trib_s3_head(s3, object->key, &size, &found, err);
    *ret_made = false;
    if (code != TRIB_OK || found) return code;
    if (object->bytes.len > s3->multipart_bytes) return put_in_parts(s3, object, ret_made, err);
    return put_whole(s3, object, ret_made, err);
}

trib_code trib_s3_put(void *ctx, const trib_object *object, bool *ret_made, trib_error *err) {
    trib_object_s3 *s3 = ctx;
    for (uint32_t try = 1;; try++) {
        trib_error why = {0};
        trib_code code = put_once(s3, object, ret_made, &why);
        int status = code == TRIB_REMOTE ? why.detail : 0;
        /* 409: another condition is being looked at; 404: an upload that is gone */
        bool again = code == TRIB_AGAIN || trib_s3_may_help(code == TRIB_REMOTE ? TRIB_OK : code, status) ||
                     status == 409 || status == 404;
        if (code == TRIB_OK) return code;
        if (try >= s3->tries + (code == TRIB_AGAIN) || !again || (code != TRIB_AGAIN && !trib_s3_pause(s3, try))) {
            if (err) *err = why;
            return code == TRIB_AGAIN ? trib_error_set(err, TRIB_REMOTE, "the object store takes no object") : code;
        }
    }
}

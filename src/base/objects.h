/* SPDX-License-Identifier: Apache-2.0 */
/* A store of objects: bytes under a key, written once and never changed. What keeps archives: a local folder
 * (io/object_folder.h), or S3 and what speaks like it (io/object_s3.h). Tests give one that fails as they like.
 *
 * Calls block as long as they take; several may run at once, on any threads but those of loops. */
#ifndef TRIB_BASE_OBJECTS_H
#define TRIB_BASE_OBJECTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/str.h"

enum {
    TRIB_OBJECT_KEY_MAX_BYTES = 240, /* with room for what a folder's file names may have, 255 */
    TRIB_OBJECT_NOTES_MAX = 4
};

/* What goes with an object, for people and other programs that find it; nothing here depends on it. Names are lower
 * case with '-', values ASCII. */
typedef struct trib_object_note {
    const char *name;
    trib_str value;
} trib_object_note;

typedef struct trib_object {
    trib_str key; /* unreserved characters of URLs only, no '/' */
    trib_str bytes;
    const char *sha256; /* of the bytes, lower-case hex */
    trib_object_note notes[TRIB_OBJECT_NOTES_MAX];
    size_t note_count;
} trib_object;

typedef struct trib_objects {
    void *ctx;
    /* Puts it where nothing is. *ret_made false: something was there already, and it stays as it is; the caller reads
     * it. TRIB_OK means that the store has said that it is durable. After an error it may be there or not.
     * Errors: CONNECT, REQUEST_TIMEOUT, REMOTE (err->detail: HTTP status), IO, DISK_FULL, CANCELLED, NOMEM. */
    trib_code (*put)(void *ctx, const trib_object *object, bool *ret_made, trib_error *err);
    /* Appends the whole object to *ret, which has its maximum. *ret_found false: there is none.
     * Errors: as above; RESPONSE_TOO_LARGE. */
    trib_code (*get)(void *ctx, trib_str key, trib_buf *ret, bool *ret_found, trib_error *err);
    /* Its size. Errors: as above. */
    trib_code (*head)(void *ctx, trib_str key, uint64_t *ret_size, bool *ret_found, trib_error *err);
    /* Every key behind `after`, in byte order, with its size; `take` answers false to end it. Errors: as above. */
    trib_code (*list)(void *ctx, trib_str after, bool (*take)(void *take_ctx, trib_str key, uint64_t size),
                      void *take_ctx, trib_error *err);
    /* Calls under way, and all to come, end with CANCELLED soon. May be NULL. Thread: any. */
    void (*stop)(void *ctx);
    const char *where; /* for people, without credentials; lives as long as ctx */
} trib_objects;

#endif

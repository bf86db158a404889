/* SPDX-License-Identifier: Apache-2.0 */
/* Where streams are archived, from the settings:
 *
 *   archive = (empty)              the folder <data>/archive
 *   archive = /FOLDER              that folder
 *   archive = s3://BUCKET/PREFIX   with archive_s3_*
 *   archive = off                  nowhere */
#ifndef TRIB_SERVER_OBJECTS_H
#define TRIB_SERVER_OBJECTS_H

#include "base/env.h"
#include "base/objects.h"
#include "server/config.h"

typedef struct trib_object_folder trib_object_folder;
typedef struct trib_object_s3 trib_object_s3;

typedef struct trib_archive_store {
    trib_objects objects; /* `put` NULL: nowhere */
    trib_object_folder *folder;
    trib_object_s3 *s3;
} trib_archive_store;

/* Makes folders; asks no server. Errors: CONFIG, IO, NOMEM. Owns: trib_archive_store_close, also after an error.
 * Thread: main. */
trib_code trib_archive_store_open(const trib_config *config, const trib_env *env, trib_archive_store *ret,
                                  trib_error *err);
void trib_archive_store_close(trib_archive_store *store);
/* Only whether the settings can be used; nothing is made. Errors: CONFIG. */
trib_code trib_archive_store_check(const trib_config *config, const trib_env *env, trib_error *err);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* A store of objects (base/objects.h) in a local folder: a file each, readable by its owner only.
 *
 *   <folder>/ord-5001.json        whole and durable, or not there
 *   <folder>/.tmp/<random>        while it is written: what a crash leaves there is removed when the folder is opened
 */
#ifndef TRIB_IO_OBJECT_FOLDER_H
#define TRIB_IO_OBJECT_FOLDER_H

#include "base/objects.h"

typedef struct trib_object_folder trib_object_folder;

/* Makes the folder (not those above it) and .tmp in it. Owns: *ret by trib_object_folder_free. Errors: IO, NOMEM.
 * Thread: main. */
trib_code trib_object_folder_new(const char *path, trib_object_folder **ret, trib_error *err);
/* After the last call has ended. Takes NULL. */
void trib_object_folder_free(trib_object_folder *folder);
/* Borrows `folder`. */
trib_objects trib_object_folder_objects(trib_object_folder *folder);

#endif

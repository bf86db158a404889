/* SPDX-License-Identifier: Apache-2.0 */
/* A data folder of sqld, read without changing anything in it: which namespaces it has, with which settings, and their
 * files as copies.
 *
 *   DIR/dbs/<namespace>/data (-wal)    a database each; beside it wallog, stats.json, .sentinel, which hold no data
 *   DIR/metastore/data (-wal)          namespace_configs(namespace, config): their settings
 *   DIR/data (-wal)                    instead of dbs, before version 0.18: the one database, "default"
 *
 * A namespace is served by sqld when the metastore lists it, "default" always; where the metastore lists none, every
 * folder is one. */
#ifndef TRIB_CLI_SQLD_FOLDER_H
#define TRIB_CLI_SQLD_FOLDER_H

#include <limits.h>

#include "base/arena.h"
#include "server/local_copy.h"
#include "wire/pb_sqld.h"

typedef struct trib_sqld_namespace {
    trib_str name;    /* as sqld has it; any text */
    const char *path; /* of its `data`; NULL: it has no file, an empty database */
    int64_t bytes;    /* of `data` and `data-wal` */
    bool has_config;  /* the metastore has one */
    bool bad_config;  /* that cannot be read */
    bool unlisted;    /* a folder that sqld does not serve */
    trib_sqld_config config;
} trib_sqld_namespace;

typedef struct trib_sqld_folder {
    trib_arena arena;
    const char *path;
    trib_sqld_namespace *items; /* by name */
    size_t count;
} trib_sqld_folder;

/* scratch: a private folder, where the metastore is copied to.
 * Owns: trib_sqld_folder_close, also after an error.
 * Errors: NOT_FOUND (no such folder, or none of sqld's), IMPORT_REFUSED (a sqld runs on it; databases in libSQL's own
 *         log), IO, NOMEM, SQL_ERROR. */
trib_code trib_sqld_folder_open(trib_sqld_folder *folder, const char *path, const char *scratch, trib_error *err);
void trib_sqld_folder_close(trib_sqld_folder *folder);
/* Copies `data` and its log to `to` and `to`-wal. Errors: IMPORT_REFUSED when the files are in use, or changed
 * meanwhile; IO, DISK_FULL. */
trib_code trib_sqld_folder_copy(const trib_sqld_namespace *ns, const char *to, trib_copy_progress progress,
                                trib_error *err);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Files of the store: the one function that builds paths, whole-file reads, atomic replacement, and the few operations
 * on folders that a SQLite VFS lacks.
 *
 *   <data>/lock                          held for the life of the process
 *   <data>/control.db (-wal .map)        system databases, by name
 *   <data>/db/<aa>/<bb>/<id>.db          tenants; aa, bb are the first four digits of the id
 *   <data>/db/<aa>/<bb>/<id>.db-wal .map .gen .quarantine, and *.tmp while one of them is replaced
 *
 * File contents always go through the base VFS, folder operations through a trib_disk, so that a simulated disk sees
 * all. */
#ifndef TRIB_STORE_FILES_H
#define TRIB_STORE_FILES_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/str.h"

enum {
    TRIB_PATH_MAX_BYTES = 512, /* longest path of a database file: SQLite's own bound on full names */
    /* most for one xWrite of a VFS: SQLite's own takes the size of a write modulo 128 KiB, because it never writes
     * more */
    TRIB_FILE_WRITE_MAX_BYTES = 64 << 10,
    TRIB_FILE_MAX_BYTES = 1 << 30 /* most that is ever read as a whole file (a page map): a damaged size asks no more */
};

/* What a VFS cannot do. Every function returns 0 or an errno. ctx is the implementation's. Thread: any. */
typedef struct trib_disk {
    void *ctx;
    int (*make_folder)(void *ctx, const char *path); /* 0 also if it exists */
    int (*sync_folder)(void *ctx, const char *path); /* its entries become durable */
    int (*rename)(void *ctx, const char *from, const char *to);
    /* An empty file that only its owner may read (0600), whatever the umask; one that is there is emptied. Never a
     * database that is open: see native_make_file. */
    int (*make_file)(void *ctx, const char *path);
    /* Exclusive for this process until unlock; EWOULDBLOCK: somebody else has it. */
    int (*lock)(void *ctx, const char *path, void **ret);
    void (*unlock)(void *ctx, void *lock);
    /* Drops clean cached pages of the file, so that the next read comes from the device. Best effort. */
    void (*evict)(void *ctx, const char *path);
    /* Size in bytes; -1: it does not exist; -2: cannot be told. */
    int64_t (*size)(void *ctx, const char *path);
    /* All that was written so far into the file system of this folder becomes durable. NULL: it cannot. */
    int (*sync_all)(void *ctx, const char *path);
} trib_disk;

/* The operating system's. Thread: any; static storage. */
const trib_disk *trib_disk_native(void);

typedef struct trib_paths {
    char folder[TRIB_PATH_MAX_BYTES]; /* holds the files */
    char db[TRIB_PATH_MAX_BYTES];
    char wal[TRIB_PATH_MAX_BYTES];
    char map[TRIB_PATH_MAX_BYTES];
    char quarantine[TRIB_PATH_MAX_BYTES];
    char gen[TRIB_PATH_MAX_BYTES]; /* the generation of its replicas (pages.h) */
    bool tenant;                   /* under db/<aa>/<bb> */
} trib_paths;

/* The only place where an id becomes a path. id: 32 lower-case hex digits, or a name of a system database.
 * Errors: INTERNAL for any other id, the empty one above all: a path must never fall back to a folder that others
 *         share. */
trib_code trib_paths_make(const char *data_dir, trib_str id, trib_paths *ret, trib_error *err);

/* The folders <data>/db, <data>/db/<aa> of a tenant path, outermost first; depth 0..2. false: no such depth. */
bool trib_paths_parent(const char *data_dir, const trib_paths *paths, int depth, char *ret, size_t size);

/* Errors: IO, DISK_FULL with what and where; detail = errno. */
trib_code trib_file_error(const char *what, const char *path, int rc, trib_error *err);

/* The whole file. *ret_found false: there is none. Owns: the buffer is the caller's. Errors: IO, NOMEM. */
trib_code trib_file_read(sqlite3_vfs *base, const char *path, trib_buf *ret, bool *ret_found, trib_error *err);

/* path's contents become `bytes`, or stay as they were, whatever happens: written to <path>.tmp, synced, renamed. The
 * caller syncs the folder. Errors: IO, DISK_FULL. */
trib_code trib_file_replace(sqlite3_vfs *base, const trib_disk *disk, const char *path, trib_str bytes,
                            trib_error *err);

/* Opens a plain file (no locks, no wal-index) of the base VFS. Owns: *ret by trib_file_close. flags: SQLITE_OPEN_CREATE
 * or 0. */
trib_code trib_file_open(sqlite3_vfs *base, const char *path, int flags, sqlite3_file **ret, trib_error *err);
void trib_file_close(sqlite3_file *file);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* The VFS that all database files go through: a shim over another VFS (unix-excl; in tests a simulated disk).
 *
 *   main file   opened lazily: until a database has files, it shows an empty database and touches nothing
 *   -wal file   its writes are read: a header starts a log, a frame with a size is a commit. The commit's ticket is
 *               raised before the frame is written, hence before any reader can see the commit
 *               (docs/decisions/0001-tickets.md)
 *
 * A write to either by a connection without the turn is refused: it would be a bug that costs data. */
#ifndef TRIB_STORE_VFS_H
#define TRIB_STORE_VFS_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#include "store/store.h"

typedef struct trib_vfs trib_vfs;

/* Registers a VFS of its own name. Errors: NOMEM. base must stay registered. */
trib_code trib_vfs_new(sqlite3_vfs *base, trib_vfs **ret, trib_error *err);
/* All connections must be closed. Takes NULL. */
void trib_vfs_free(trib_vfs *vfs);
const char *trib_vfs_name(const trib_vfs *vfs);

/* Ties a fresh connection's main file to its handle; before anything is read. false: not our VFS. */
bool trib_vfs_attach(trib_handle *handle);

/* The name under which a connection attaches the database at `path` for `guest` (attach.h): its file is opened
 * read-only for SQLite, and is the guest's from the first byte on. No client ever names a file. Errors: IO (too
 * long). */
enum { TRIB_VFS_GUEST_MARK_BYTES = 17 };
trib_code trib_vfs_guest_name(const char *path, const trib_handle *guest, char *out, size_t size, trib_error *err);

/* Is the commit that ends at `frame` of the log `salt` visible to readers? Looks into the shared wal-index. Thread:
 * inside, or the only user. */
bool trib_vfs_commit_visible(trib_handle *handle, const uint32_t salt[2], uint32_t frame);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Databases that are out of service, and why; the way back.
 *
 *   damage --trib_db_quarantine--> <id>.quarantine, every request is answered DATABASE_QUARANTINED, others go on
 *   an operator puts good files in its place --trib_store_release--> checked, then in service
 *
 * The note beside the database: the reason, and lines "code CODE" and "since_ms N"; older notes have the reason only.
 * The files stay as they were found. */
#ifndef TRIB_STORE_QUARANTINE_H
#define TRIB_STORE_QUARANTINE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/str.h"
#include "store/store.h"

enum { TRIB_QUARANTINE_REASON_BYTES = 160, TRIB_QUARANTINE_CODE_BYTES = 24 };

/* Why; the codes stay. X(name, code, meaning) */
#define TRIB_DAMAGE_TABLE(X)                                                                                           \
    X(MALFORMED, "MALFORMED", "SQLite met a damaged page while it worked")                                             \
    X(NOT_A_DATABASE, "NOT_A_DATABASE", "the file does not begin as a database does")                                  \
    X(FILE_MISSING, "FILE_MISSING", "the database file is gone, its log is there")                                     \
    X(RECOVERY_FAILED, "RECOVERY_FAILED", "the disk refused a step of the recovery after a failed sync")               \
    X(CHECK_TREE, "CHECK_TREE", "a check found a table, an index or the list of free pages damaged")                   \
    X(CHECK_PAGE, "CHECK_PAGE", "a check could not read a page from the disk")                                         \
    X(CHECK_SIZE, "CHECK_SIZE", "a check found the file shorter than the database")                                    \
    X(COMMAND, "COMMAND", "a command's change, promised before a stop, does not fit what is there")                    \
    X(UNKNOWN, "UNKNOWN", "an older version of the server did not say")

typedef enum trib_damage {
#define X(name, code, meaning) TRIB_DAMAGE_##name,
    TRIB_DAMAGE_TABLE(X)
#undef X
        TRIB_DAMAGE_COUNT
} trib_damage;
const char *trib_damage_code(trib_damage damage);
const char *trib_damage_meaning(trib_damage damage);

typedef struct trib_quarantine {
    char code[TRIB_QUARANTINE_CODE_BYTES];
    char reason[TRIB_QUARANTINE_REASON_BYTES];
    int64_t since_ms; /* 0: not known */
} trib_quarantine;

/* Takes a database out of service; nothing if it is already. Thread: any, inside or not. */
void trib_db_quarantine(trib_db *db, trib_damage damage, const char *reason);
/* The note of a database, which is not opened for it; *ret_found false: it is in service. Errors: IO, NOMEM, INTERNAL.
 * Thread: worker. */
trib_code trib_store_quarantine_get(trib_store *store, trib_str id, trib_quarantine *ret, bool *ret_found,
                                    trib_error *err);
/* Opens what now lies there, checks all of it unless `unchecked`, and puts it into service. Its page map is thrown
 * away, since the files may be of another time: a new epoch begins. Errors: TRANSACTION_BUSY (sessions still hold it),
 * DATABASE_QUARANTINED with what the check has found (it stays out of service), IO, NOMEM. Nothing to do is OK.
 * Thread: worker; takes as long as reading the database does, others who ask for this one wait. */
trib_code trib_store_release(trib_store *store, trib_str id, bool unchecked, trib_error *err);
/* How many were taken out of service since the start. Thread: any. */
uint64_t trib_store_count_quarantined(trib_store *store);

#endif

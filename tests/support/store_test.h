/* SPDX-License-Identifier: Apache-2.0 */
/* Drives the connection side of a store the way a job does, with raw SQLite statements: what stmt.c does around each
 * step, and no more. */
#ifndef TRIB_TESTS_SUPPORT_STORE_TEST_H
#define TRIB_TESTS_SUPPORT_STORE_TEST_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/store_int.h"
#include "support/env_test.h"

/* Runs one statement on a handle that is inside. ret_text: first column of the first row; may be NULL. AGAIN: wants the
 * turn. Other failures: *ret_rc is SQLite's answer. */
static inline trib_code store_test_exec(trib_handle *h, const char *sql, bool needs_turn, char *ret_text, size_t size,
                                        int *ret_rc) {
    sqlite3_stmt *stmt = NULL;
    trib_error err = {0};
    int rc = sqlite3_prepare_v2(h->sqlite, sql, -1, &stmt, NULL);
    *ret_rc = rc;
    if (ret_text && size) *ret_text = '\0';
    if (rc != SQLITE_OK) {
        trib_handle_after_step(h, rc);
        return TRIB_SQL_ERROR;
    }
    trib_code code = trib_handle_before_step(h, needs_turn, &err);
    if (code != TRIB_OK) {
        sqlite3_finalize(stmt);
        return code;
    }
    bool first = true;
    while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        if (first && ret_text) snprintf(ret_text, size, "%s", (const char *)sqlite3_column_text(stmt, 0));
        first = false;
        trib_handle_after_step(h, rc);
    }
    trib_handle_after_step(h, rc);
    *ret_rc = rc;
    code = rc == SQLITE_DONE ? TRIB_OK : TRIB_SQL_ERROR;
    if (rc == SQLITE_INTERRUPT && h->interrupt_code != TRIB_OK) code = h->interrupt_code;
    if (!h->sqlite) return code; /* the store closed the connection, and finalized the statement with it */
    rc = sqlite3_finalize(stmt);
    trib_handle_after_step(h, rc == SQLITE_OK ? SQLITE_DONE : rc);
    return code;
}

/* A waiter for turn or gate that remembers what it was told. */
typedef struct store_test_wait {
    trib_turn_waiter turn;
    trib_gate_waiter gate;
    _Atomic int calls;
    _Atomic int code;
} store_test_wait;

static inline void store_test_granted(trib_turn_waiter *w, trib_code code) {
    store_test_wait *t = (store_test_wait *)(void *)((char *)w - offsetof(store_test_wait, turn));
    t->code = (int)code;
    t->calls++;
}

static inline void store_test_resolved(trib_gate_waiter *w, trib_code code) {
    store_test_wait *t = (store_test_wait *)(void *)((char *)w - offsetof(store_test_wait, gate));
    t->code = (int)code;
    t->calls++;
}

static inline void store_test_wait_init(store_test_wait *t) {
    memset(t, 0, sizeof *t);
    t->turn.granted = store_test_granted;
    t->gate.resolved = store_test_resolved;
}

static inline void store_test_remove_folder(const char *folder) {
    char command[600];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    if (system(command) != 0) fprintf(stderr, "could not remove %s\n", folder);
}

#endif

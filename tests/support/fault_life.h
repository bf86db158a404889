/* SPDX-License-Identifier: Apache-2.0 */
/* The scripted life of a database on a simulated disk, for tests that let the n-th operation fail: create, commits, a
 * checkpoint, a read, the page map, another database made and deleted, close, open again, go on. Every step goes on
 * after an error, as a server does; what clients were told is remembered.
 *
 *   fault_life_begin, arm the fault, fault_life_run, disarm, fault_life_judge, fault_life_end
 *
 * The judge: no acknowledged commit is lost, now and after a power cut; nothing that was refused is there; each
 * transaction whole; integrity_check; every failure had a code and a message; the database takes commits again, or says
 * that it is quarantined where the caller allows that; no file is left open. */
#ifndef TRIB_TESTS_SUPPORT_FAULT_LIFE_H
#define TRIB_TESTS_SUPPORT_FAULT_LIFE_H

#include "store/store.h"
#include "support/env_test.h"
#include "support/sim_disk.h"

enum { FAULT_LIFE_ROWS = 64 };

typedef struct fault_life {
    trib_env_test env;
    sim_disk *disk;
    trib_store *store;
    trib_db *db;
    trib_handle *handle;
    trib_session_vars vars;
    int schema;                 /* fate of the table */
    int fates[FAULT_LIFE_ROWS]; /* by row number, from 1 */
    int pairs[FAULT_LIFE_ROWS]; /* the row that shares its transaction; 0: alone */
    int rows;
    int errors; /* told to clients */
    bool quarantined;
    char failure[600]; /* empty: all is well */
} fault_life;

/* false: no memory. */
bool fault_life_begin(fault_life *life, uint64_t seed);
void fault_life_run(fault_life *life);
void fault_life_judge(fault_life *life, bool may_quarantine);
void fault_life_end(fault_life *life);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* A new tenant whose database comes from elsewhere, as the bytes of a SQLite file.
 *
 *   begin: the id that will be, durable -> add ... add: onto the disk, bounded memory
 *     -> finish: checked as a whole -> sync, put in place -> CREATE: the tenant, durable
 *
 * Each step is asked for by itself, from any loop, and ends with `done`; one at a time. Before CREATE nobody can see
 * the tenant; whatever ends the import before it, a crash too, leaves an id in control's list of files that must go. */
#ifndef TRIB_CORE_IMPORT_H
#define TRIB_CORE_IMPORT_H

#include "core/control.h"
#include "store/db_writer.h"

enum { TRIB_IMPORT_LOAD_MS = 3600 * 1000 /* a text that never ends, or that never lets go, holds a worker */ };

typedef struct trib_import trib_import;
struct trib_import {
    /* set by the caller of new, and before each step */
    trib_app *app;
    char name[TRIB_TENANT_NAME_BYTES + 1];
    trib_home *home;
    void (*done)(trib_import *import); /* home loop, exactly once a step; code and err are valid */
    void *owner;
    const trib_tenant_change *change; /* finish: settings of the new tenant, the caller's until done; NULL: defaults */
    _Atomic bool cancelled;           /* load: set by the caller, from any thread: end soon */
    /* results */
    trib_code code;
    trib_error err;
    int64_t bytes;       /* that were added */
    trib_tenant *tenant; /* after finish: a reference for the caller; NULL after an error */
    /* private */
    char id[TRIB_DB_ID_BYTES + 1];
    trib_control_op op;
    trib_job job;
    trib_str chunk;
    const char *url;
    trib_sql_load *load;
    int64_t until_ns;
    trib_work_queue *queue; /* while a job is under way */
    trib_db_writer *writer;
};

/* Owns: *ret by trib_import_free. Errors: NOMEM. */
trib_code trib_import_new(trib_app *app, trib_str name, trib_import **ret, trib_error *err);
/* No step under way. What was not finished goes. Takes NULL. */
void trib_import_free(trib_import *import);
/* The same with the files' end left to a worker, for loops. Thread: any, while the server runs. */
void trib_import_abandon(trib_import *import);

/* All three: OK: `done` will be called. Else it will not; NOMEM, TOO_MANY_REQUESTS, SHUTTING_DOWN, and those named. */
/* Errors: TENANT_NAME_INVALID, TENANT_EXISTS. */
trib_code trib_import_begin(trib_import *import, trib_error *err);
/* bytes: the caller's until done. Later: IO, DISK_FULL; then only free. */
trib_code trib_import_add(trib_import *import, trib_str bytes, trib_error *err);
/* Instead of add, once: the SQL text at `url` (app->outbound), the caller's until done, makes the file. Later: what the
 * text or the way to it lacks; DATABASE_FULL and BODY_TOO_LARGE (max_import), CANCELLED. */
trib_code trib_import_load(trib_import *import, const char *url, trib_error *err);
/* Nothing was added: an empty tenant. Later: IMPORT_REFUSED, TENANT_EXISTS, IO, DISK_FULL; then only free. */
trib_code trib_import_finish(trib_import *import, trib_error *err);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Reads and checks databases while they are in use (store/check.h), one or all, at a pace, and goes on after a restart
 * where it was.
 *
 *   start or schedule -> next database -> a piece as a job in that tenant's queue -> rest as long as its bytes take at
 *   the pace -> next piece ... -> next database ... -> the end
 *
 * One piece is under way at a time, and one comes home per tick (20 ms), so that at most 50 databases or 50 MiB are
 * checked in a second whatever the pace; a tenant has never more than one of its places taken. A damaged database is
 * quarantined by the store, and the scrub goes on with the next. <data>/scrub.state has where it is and how the last
 * whole one ended. */
#ifndef TRIB_CORE_SCRUB_H
#define TRIB_CORE_SCRUB_H

#include "core/app.h"
#include "core/tenant.h"
#include "store/check.h"

enum {
    TRIB_SCRUB_FINDINGS_MAX = 64, /* kept to be shown; all are counted and logged */
    TRIB_SCRUB_SAVE_MS = 10000    /* between two notes of where it is: a restart repeats at most that much */
};

typedef struct trib_scrub_finding {
    char tenant[TRIB_TENANT_NAME_BYTES + 1];
    const char *kind; /* "damaged": out of service now; "index"; "skipped"; static */
    char text[TRIB_CHECK_TEXT_BYTES];
    int64_t at_ms;
} trib_scrub_finding;

typedef struct trib_scrub_status {
    bool running, all, scheduled;
    bool stopped;                            /* the last one was ended before its end */
    char tenant[TRIB_TENANT_NAME_BYTES + 1]; /* the one under way, or the last one */
    uint64_t bytes_per_s;                    /* 0: no pace */
    int64_t began_ms, ended_ms;              /* 0: not yet */
    int64_t full_ms;                         /* when the last whole one of all ended; 0: never */
    uint64_t databases, bytes;               /* of this run */
    uint64_t damaged, told, skipped, failed; /* databases: out of service now; with an index that differs; tables that
                                              * could not be checked now; databases that could not be read now */
    size_t finding_count;
    trib_scrub_finding findings[TRIB_SCRUB_FINDINGS_MAX]; /* the first ones of this run */
} trib_scrub_status;

/* Reads the state; what was under way goes on. Errors: NOMEM. After the registry. */
trib_code trib_scrub_new(trib_app *app, trib_scrub **ret, trib_error *err);
/* After trib_control_close, which ends its last piece. Takes NULL. */
void trib_scrub_free(trib_scrub *scrub);

/* tenant: one, or NULL: all whose names come behind `after` ("": really all). A reference is taken.
 * Errors: TOO_MANY_REQUESTS (one is under way). Thread: any. */
trib_code trib_scrub_start(trib_scrub *scrub, trib_tenant *tenant, trib_str after, uint64_t bytes_per_s,
                           trib_error *err);
/* Ends it after the piece that is under way. Thread: any. */
void trib_scrub_stop(trib_scrub *scrub);
void trib_scrub_get(trib_scrub *scrub, trib_scrub_status *ret);
/* Every 20 ms. Thread: the tick's. */
void trib_scrub_tick(trib_scrub *scrub);

#endif

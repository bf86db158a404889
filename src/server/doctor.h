/* SPDX-License-Identifier: Apache-2.0 */
/* Looks a data folder and the machine over, and says what is wrong with them, why that matters and how to mend it: the
 * checks of `trib doctor` that need no server. Those that ask a running one are in cli/doctor_live.c; all of them are
 * rows of the table below, from which docs/reference/doctor.md is compared.
 *
 *   open (folder, settings) -> is a server running? its process, the registry's ids when it is not
 *     trib_doctor_look_system    limits, file system, syncs, clock, space, memory
 *     trib_doctor_look_settings  what contradicts itself
 *     trib_doctor_look_folder    modes, owners, orphans, logs, quarantine     with `fix`: mends what is safe to mend
 *   -> findings
 *
 * While it looks at the folder of a stopped server it holds the folder's lock, so that none starts on it. Of a running
 * one it looks at names, sizes and modes only: its files are opened by nobody else. Thread: one. */
#ifndef TRIB_SERVER_DOCTOR_H
#define TRIB_SERVER_DOCTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/map.h"
#include "server/config.h"
#include "server/doctor_table.h"

enum {
    TRIB_DOCTOR_FINDINGS_MAX = 96, /* a finding sums up all files of its kind; there are not more kinds */
    TRIB_DOCTOR_WHAT_BYTES = 1024,
    TRIB_DOCTOR_NAMES_MAX = 5,      /* files that a finding names, of those that it counts */
    TRIB_DOCTOR_SYNCS = 16,         /* measured writes with a sync */
    TRIB_DOCTOR_SYNC_MS = 2000,     /* and how long they may take in all */
    TRIB_DOCTOR_YOUNG_S = 600,      /* files of a running server that are younger may be on their way */
    TRIB_DOCTOR_FILES_MAX = 4000000 /* looked at; more is no data folder of ours */
};
#define TRIB_DOCTOR_LOST_FOLDER "lost-and-found" /* below the data folder: where orphans are moved to */

typedef enum trib_doctor_severity { TRIB_DOCTOR_INFO, TRIB_DOCTOR_WARNING, TRIB_DOCTOR_ERROR } trib_doctor_severity;

typedef enum trib_doctor_check {
#define X(name, id, severity, fixes, looks, why, fix) TRIB_DOCTOR_##name,
    TRIB_DOCTOR_TABLE(X)
#undef X
        TRIB_DOCTOR_CHECK_COUNT
} trib_doctor_check;

typedef struct trib_doctor_row {
    const char *id; /* stays: scripts know it */
    trib_doctor_severity severity;
    bool fixes;            /* --fix mends it */
    const char *looks;     /* what is looked at */
    const char *why, *fix; /* what it leads to; what to do */
} trib_doctor_row;
/* check below TRIB_DOCTOR_CHECK_COUNT. */
const trib_doctor_row *trib_doctor_row_at(size_t check);
const char *trib_doctor_severity_text(trib_doctor_severity severity);

typedef struct trib_doctor_finding {
    trib_doctor_check check;
    char what[TRIB_DOCTOR_WHAT_BYTES];
    bool fixed; /* it was so, and --fix has mended it */
} trib_doctor_finding;

typedef struct trib_doctor {
    const trib_config *config; /* the caller's */
    const char *data;
    bool fix;
    bool running; /* a server has the folder */
    int64_t pid;  /* its process; 0: not known */
    bool has_folder;
    bool knows_ids;    /* `ids` is the whole registry */
    trib_map ids;      /* of the databases that the registry names; the value is not used */
    int64_t newest_ms; /* when its newest tenant was made; 0: not known */
    size_t count;
    trib_doctor_finding findings[TRIB_DOCTOR_FINDINGS_MAX];
    /* private */
    int lock_fd;
} trib_doctor;

/* Owns: trib_doctor_close, also after an error. `config` and its strings are borrowed.
 * Errors: NOMEM; INTERNAL without randomness. What is wrong with the folder is a finding. */
trib_code trib_doctor_open(trib_doctor *doctor, const trib_config *config, bool fix, trib_error *err);
void trib_doctor_close(trib_doctor *doctor);

void trib_doctor_look_system(trib_doctor *doctor);
void trib_doctor_look_settings(trib_doctor *doctor);
/* After the ids are known: by open, where no server runs; else by the caller, who asks it (trib_doctor_add_id). */
void trib_doctor_look_folder(trib_doctor *doctor);
/* Errors: NOMEM. */
trib_code trib_doctor_add_id(trib_doctor *doctor, trib_str id, trib_error *err);

/* Adds a finding; past the maximum it is dropped. */
void trib_doctor_add(trib_doctor *doctor, trib_doctor_check check, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Of the last one: --fix has mended it. */
void trib_doctor_set_fixed(trib_doctor *doctor);
/* The worst that was found and not mended; INFO if nothing was. */
trib_doctor_severity trib_doctor_worst(const trib_doctor *doctor);

#endif

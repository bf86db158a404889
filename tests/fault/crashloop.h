/* SPDX-License-Identifier: Apache-2.0 */
/* The crash loop's own words; how it works is told in crashloop_test.c.
 *
 *   unit: rows that must appear together or not at all: one statement, or one transaction
 *
 *     OPEN --commit sent--> UNKNOWN --answer--> ACKED   must be there, now and after every later restart
 *       |                      |  \--error----> REFUSED must never be there
 *       |                      `--after the restart: ACKED if it is there, REFUSED if not
 *       `--the server was killed, or ROLLBACK: REFUSED */
#ifndef TRIB_TESTS_FAULT_CRASHLOOP_H
#define TRIB_TESTS_FAULT_CRASHLOOP_H

#include <pthread.h>
#include <stdatomic.h>

#include "integration/talk.h"

enum {
    CRASH_CLIENTS = 6,
    CRASH_TENANTS = 3,
    CRASH_TOKEN_BYTES = 1024,
    CRASH_UNIT_ROWS_MAX = 8,
};

typedef enum crash_outcome {
    CRASH_OPEN,
    CRASH_UNKNOWN,
    CRASH_ACKED,
    CRASH_REFUSED,
    CRASH_SHUT_OUT /* no answer at a graceful end: as good as refused */
} crash_outcome;

typedef struct crash_unit {
    crash_outcome outcome;
    uint32_t first_seq, rows;
    uint32_t request; /* units of one request are committed in order */
    uint32_t found;   /* rows seen by the verification under way */
} crash_unit;

/* What one client wrote to one tenant. Only that client's thread touches it while the server runs. */
typedef struct crash_slot {
    crash_unit *units;
    size_t unit_count, unit_cap;
    uint32_t *unit_of_seq;
    size_t seq_count, seq_cap;
    int64_t last_present; /* greatest seq of an ACKED unit; -1: none */
} crash_slot;

typedef struct crash_tenant {
    char name[32];
    char token[CRASH_TOKEN_BYTES]; /* "Bearer ..." */
    uint64_t serial;
    int age; /* cycles */
    crash_slot slots[CRASH_CLIENTS];
} crash_tenant;

typedef struct crash_totals {
    atomic_ulong acked, refused, unanswered, rows_checked, tenants_made, tenants_deleted, revoked;
    atomic_ulong lost, phantom, corrupt, other; /* the failures */
} crash_totals;

/* A tenant of which only the existence, one row and the tokens matter. */
typedef enum crash_name_state { NAME_CREATING, NAME_THERE, NAME_DELETING, NAME_GONE } crash_name_state;
typedef enum crash_step { STEP_NOT_SENT, STEP_SENT, STEP_ACKED } crash_step;
typedef struct crash_name {
    char name[32];
    crash_name_state state;
    uint64_t serial;
    crash_step row, revoke;
    bool touched; /* in the cycle under way */
    bool listed;
    char token[CRASH_TOKEN_BYTES], old_token[CRASH_TOKEN_BYTES]; /* old_token: void once `revoke` is ACKED */
} crash_name;

/* One life of the server. */
typedef struct crash_run {
    server *server;
    char admin_key[160];
    crash_tenant *tenants[CRASH_TENANTS];
    crash_totals *totals;
    bool heavy;          /* large rows, so that the log grows and checkpoints run */
    atomic_bool ending;  /* a signal is about to be sent: lost connections are expected */
    bool graceful;       /* SIGTERM alone: what got no answer must not have happened */
    atomic_bool unquiet; /* a client saw what must not be */
    crash_name *names;   /* all of the registry test; grows in the admin's thread only */
    size_t name_count;
    size_t name_cap;
    uint32_t rotations; /* so far in the whole test */
} crash_run;

typedef struct crash_client {
    crash_run *run;
    int no;
    uint64_t random;
    uint32_t request;
    pthread_t thread;
} crash_client;

/* Counts and tells a failure. */
__attribute__((format(printf, 3, 4))) void crash_fail(atomic_ulong *counter, const char *kind, const char *format, ...);
uint64_t crash_random(uint64_t *state);
/* The 16 characters that a row's body repeats: they depend on all its other columns. */
void crash_tag(const crash_tenant *tenant, int client, uint32_t seq, uint32_t unit, uint32_t k, uint32_t m, uint32_t r,
               char out[17]);

/* Adds a unit of `rows` rows; returns its number. */
uint32_t crash_unit_add(crash_slot *slot, uint32_t rows, uint32_t request);
void crash_unit_set(crash_run *run, crash_slot *slot, uint32_t unit, crash_outcome outcome);

/* Compares the database with what was sent and settles what was unknown. */
void crash_tenant_verify(crash_run *run, talk *t, crash_tenant *tenant);
void crash_names_verify(crash_run *run, talk *user, talk *admin, uint64_t *random);
void crash_tenant_deinit(crash_tenant *tenant);

/* Threads. */
void *crash_writer(void *client);
void *crash_admin(void *client);
/* Makes a tenant and a token and returns true, or false with the server's answer in *admin. */
bool crash_make_token(crash_run *run, talk *admin, const char *name, char token[CRASH_TOKEN_BYTES]);
/* Runs one statement on its own; true if it has worked. */
bool crash_sql(talk *t, const char *name, const char *token, const char *sql);

#endif

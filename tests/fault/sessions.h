/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the session oracle share: requests as the generator makes them, and a slot: one session of the
 * server beside its model, a plain SQLite connection on a database file of its own.
 *
 *   sessions_gen.c    makes random requests from a table of SQL templates
 *   sessions_model.c  runs a request on the plain connection and writes the answer that the server must give
 *   sessions_test.c   interleaves the sessions and compares */
#ifndef TRIB_TESTS_FAULT_SESSIONS_H
#define TRIB_TESTS_FAULT_SESSIONS_H

#include <stddef.h>
#include <stdint.h>

#include <sqlite3.h>

#include "features/hrana/hrana_int.h"
#include "support/app_test.h"

enum {
    SS_TENANTS = 4,
    SS_SLOTS = 6, /* sessions of one tenant */
    SS_ARGS_MAX = 3,
    SS_STEPS_MAX = 6,
    SS_ENTRIES_MAX = 4,
    SS_SQL_BYTES = 2400,
    SS_STORED_MAX = 4,    /* ids of stored SQL: 1 .. */
    SS_SHARED_KEYS = 5,   /* rows of the table that all sessions of a tenant change */
    SS_MAX_ROW = 8 << 10, /* limits of the server under test: the templates for too large answers fit them */
    SS_MAX_RESPONSE = 48 << 10
};

/* What the model does with a statement. */
typedef enum ss_treat {
    SS_RUN,      /* the same text, or the template's `instead` */
    SS_REFUSED,  /* nothing: the policy refuses it with the template's code */
    SS_TOO_LARGE /* the same, and then takes it back: its rows do not fit the answer */
} ss_treat;

enum {
    SS_WRITES = 1 << 0, /* may need the turn */
    SS_TXN = 1 << 1,    /* begins or ends a transaction or savepoint */
    SS_DDL = 1 << 2,
    SS_SETS = 1 << 3,       /* a pragma that sets: acts while it is prepared, so describe must not */
    SS_IMMEDIATE = 1 << 4,  /* a BEGIN that takes the turn */
    SS_CONCURRENT = 1 << 5, /* ... unless a reader asks */
    SS_READONLY = 1 << 6,   /* BEGIN READONLY */
    SS_NAMED = 1 << 7,      /* arguments by name */
    SS_SHARED = 1 << 8,     /* changes the rows of all */
    SS_MANY_ROWS = 1 << 9,  /* too large by the answer, not by a row */
    SS_SCRIPT = 1 << 10,    /* many statements: for sequences only */
    SS_RARE = 1 << 11,
    /* Only between BEGIN and COMMIT: SQLite turns defer_foreign_keys off behind any read outside a transaction, also
     * behind the one by which a connection learns of another's change of the schema. */
    SS_IN_TXN = 1 << 12,
    /* Not in a deferred transaction: a connection that sees an FTS5 table for the first time reads it while it
     * prepares, and so takes the snapshot, one that knows it does not. */
    SS_FTS = 1 << 13
};

typedef struct ss_template {
    const char *sql; /* %P prefix, %N 1..20, %B 0..1, %K shared key, %D 0..2, %T a tag that never comes again */
    int args;
    unsigned flags;
    ss_treat treat;
    const char *code;    /* REFUSED, TOO_LARGE */
    const char *instead; /* for the model */
} ss_template;

typedef enum ss_cond {
    SS_ALWAYS,
    SS_OK,
    SS_ERROR,
    SS_NOT_OK,
    SS_AUTO,
    SS_NOT_AUTO,
    SS_OK_IN_TXN,
    SS_ERROR_OR_AUTO
} ss_cond;

typedef struct ss_stmt {
    const ss_template *row;
    char sql[SS_SQL_BYTES];
    int32_t stored_id; /* not 0: run by this id */
    int arg_count;
    trib_value args[SS_ARGS_MAX];
    bool no_rows; /* want_rows false */
    ss_cond cond; /* in a batch, on the step before */
} ss_stmt;

typedef struct ss_entry {
    hrana_request_type type;
    size_t count;
    ss_stmt steps[SS_STEPS_MAX];
} ss_entry;

typedef struct ss_request {
    bool cursor; /* its only entry is a batch */
    bool reader; /* asked without the right to write */
    size_t count;
    ss_entry entries[SS_ENTRIES_MAX];
} ss_request;

typedef struct ss_slot ss_slot;
typedef struct ss_tenant {
    trib_tenant *tenant;
    char name[16];
    trib_db *db;
    ss_slot *owner; /* has the turn in the model */
    ss_slot *queue[SS_SLOTS];
    size_t waiting;
    uint64_t commits; /* that changed the file */
    char (*log)[24];  /* tags of the shared changes, in the order of their commits */
    size_t log_count, log_room, log_checked;
} ss_tenant;

struct ss_slot {
    ss_tenant *tenant;
    char prefix[12];
    char path[300];
    sqlite3 *db;    /* the model; NULL: no session */
    sqlite3 *rival; /* a second connection to the model's file: commits of others, and a look at what is committed */
    char baton[TRIB_BATON_BYTES];
    bool made; /* its tables exist */
    bool txn_readonly, has_snapshot, wal_grew;
    uint64_t snapshot; /* tenant->commits when it was taken */
    int64_t shared_seen;
    const char *lost; /* the code that the next statement must be told */
    const char *stored[SS_STORED_MAX + 1];
    char stored_sql[SS_STORED_MAX + 1][SS_SQL_BYTES];
    ss_stmt stored_stmt[SS_STORED_MAX + 1];

    /* the request that runs */
    ss_request request;
    char *body;
    http_test http;
    trib_buf expected;
    trib_json_writer w;
    size_t entry, step, script;
    bool batch_open;
    unsigned char state[SS_STEPS_MAX];
    trib_error errors[SS_STEPS_MAX];
    bool closed, broken; /* the session has ended: by close, by a breach of the protocol */
    bool reader;
    uint64_t early_busy; /* SQLITE_BUSY without a commit of others */
    bool denied;         /* the model's authorizer said no */
};

typedef struct ss_random {
    uint64_t state;
    uint64_t tags;
} ss_random;

static inline uint64_t ss_below(ss_random *r, uint64_t n) {
    return env_test_next(&r->state) % n;
}
static inline bool ss_chance(ss_random *r, unsigned percent) {
    return ss_below(r, 100) < percent;
}

/* Says what went wrong, with seed and step, and ends the program. */
_Noreturn void ss_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
static inline void ss_check(bool ok, const char *what) {
    if (!ok) ss_fail("%s", what);
}

/* The answer to the slot's request, waited for. */
const char *ss_answer_of(ss_slot *slot);

/* ---- sessions_gen.c ---- */

typedef enum ss_mode {
    SS_FREE,      /* anything */
    SS_CONTENDED, /* others hold or want the turn: takes it at most once, so that the order is certain */
    SS_INSIDE,    /* in a transaction of the request's own */
    SS_CALM       /* beside other sessions: nothing that others could see or that stays open */
} ss_mode;

/* The tables of a slot, as one script. */
const char *ss_schema_of_slot(void);
/* The shared tables: in the server once per tenant, in every model. */
extern const char ss_shared_schema[];
void ss_make_request(ss_random *r, const ss_slot *slot, ss_mode mode, ss_request *ret);
/* A request that is only `sql` as a sequence. */
void ss_make_script(const ss_slot *slot, const char *sql, ss_request *ret);
/* `sql` with the placeholders filled in. */
void ss_fill(ss_random *r, const ss_slot *slot, const char *sql, char *ret, size_t size);
/* The body; the caller frees it. */
char *ss_body_of(const ss_slot *slot, const ss_request *request);
size_t ss_statements_of(const ss_request *request);

/* ---- sessions_model.c ---- */

/* Opens the plain connection of a new session, with the documented defaults. */
void ss_model_open(ss_slot *slot);
void ss_model_close(ss_slot *slot);
/* Rolls back what was taken away; the next statement is told `code`. */
void ss_model_lose(ss_slot *slot, const char *code);
void ss_model_begin(ss_slot *slot);
/* Runs on until the end (true) or until a statement must wait for the turn (false). */
bool ss_model_continue(ss_slot *slot);

#endif

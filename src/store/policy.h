/* SPDX-License-Identifier: Apache-2.0 */
/* What untrusted SQL may do. One trib_policy hangs on every connection: it answers SQLite's authorizer, stops
 * statements at their deadline, and knows which settings a client may read, set, or only believe to have set.
 *
 *   armed      statements of clients run; between trib_policy_arm and trib_policy_disarm. Everything else that the
 *              store runs on the connection (its own pragmas, BEGIN, ROLLBACK) is not judged.
 *   collecting one client's statement is being prepared: what it would do is noted. Statements that virtual tables
 *              prepare later, while a row is stepped, are judged but not noted. */
#ifndef TRIB_STORE_POLICY_H
#define TRIB_STORE_POLICY_H

#include "base/asan.h"
#include "store/store_int.h"

/* Every bound that SQLite checks itself (sqlite3_limit), with the attack it stops. */
enum {
    TRIB_SQL_VALUE_MAX_BYTES =
        6 << 20,                 /* a value or row: one built-in call can make that much without a progress callback */
    TRIB_SQL_COLUMNS_MAX = 2000, /* result sets and tables that are all width */
    TRIB_SQL_EXPR_DEPTH_MAX = 1000,   /* parser and code generator recurse: stack */
    TRIB_SQL_COMPOUND_MAX = 100,      /* SELECT UNION SELECT ...: each term costs a coroutine and planner time */
    TRIB_SQL_VDBE_OPS_MAX = 1000000,  /* program memory, and straight code without a progress callback */
    TRIB_SQL_FUNCTION_ARGS_MAX = 100, /* work that one call can be given */
    TRIB_SQL_ATTACHED_MAX = 0,        /* other files: what is built apart from tenants. Theirs: TRIB_ATTACHED_MAX */
    TRIB_SQL_LIKE_PATTERN_MAX = 1000, /* pattern x text steps */
    TRIB_SQL_VARIABLES_MAX = TRIB_STMT_ARGS_MAX,
    TRIB_SQL_TRIGGER_DEPTH_MAX = 100, /* recursive triggers: memory and stack */
    TRIB_SQL_WORKER_THREADS_MAX = 0   /* threads that nobody counts */
};

/* Stack below trib_policy_arm, of the 8 MB that a thread has; sanitizers blow frames up. Recursion that SQLite does not
 * bound would end the process. */
#define TRIB_SQL_STACK_MAX_BYTES (TRIB_ASAN ? 5 << 20 : 1 << 20)

enum {
    TRIB_PROGRESS_OPS = 250, /* machine steps between two looks at the clock */
    TRIB_STATEMENT_TIMEOUT_MS_DEFAULT = 30000
};

/* Why the authorizer refused: decides code and text of the error. */
typedef enum trib_denial {
    TRIB_DENIED_NOT,
    TRIB_DENIED_READONLY,  /* a write by a reader, or to an attached database: SQLITE_READONLY */
    TRIB_DENIED_STATEMENT, /* TEMP, ATTACH, ...: SQL_PARSE_ERROR "unsupported statement" */
    TRIB_DENIED_PRAGMA,
    TRIB_DENIED_HIDDEN,   /* _trib_*: as if it did not exist */
    TRIB_DENIED_RESERVED, /* creating a name that starts with _trib_ */
    TRIB_DENIED_LOG,      /* the shape of `events` in the database `streams` */
    TRIB_DENIED_INDEX,    /* the shape of `nodes` and `points` in the database `discovery` */
    TRIB_DENIED_TABLE,    /* sqlite_dbpage, dbstat */
    TRIB_DENIED_MODULE,
    TRIB_DENIED_FUNCTION
} trib_denial;

/* What a statement would do, told by the authorizer while it was prepared. */
typedef struct trib_actions {
    bool writes;                    /* the database file: rows, schema, header */
    bool inserts, updates, deletes; /* of the statement itself, not of its triggers */
    bool selects;
} trib_actions;

enum { TRIB_DENIED_NAME_BYTES = 64 };

struct trib_policy {
    trib_handle *handle;
    int armed; /* depth */
    bool collecting;
    bool drops_table;    /* the statement being prepared is DROP TABLE: triggers go with it, ours too */
    bool setting_pragma; /* a pragma of class SET runs, checked by stmt.c */
    trib_actions actions;
    trib_denial denial;
    const char *denied_what; /* static text */
    char denied_name[TRIB_DENIED_NAME_BYTES];

    int64_t deadline_ns;
    const void *stack_base; /* of the thread, when armed */
    bool too_deep;          /* SQLite was refused memory because it had recursed too deep */
    trib_code stop_code;    /* why the progress handler stopped the statement; TRIB_OK: it did not */

    uint64_t max_bytes;       /* the page budget in force; 0: none */
    uint32_t pragmas_changed; /* bit i: row i of the session pragmas is not at its default */
    uint32_t pragmas_default; /* bit i: its default is on */
};

/* Statements of the client behind `handle` from here on; limit_ns: how long until STATEMENT_TIMEOUT. Nestable. */
void trib_policy_arm(trib_policy *policy, int64_t limit_ns);
void trib_policy_disarm(trib_policy *policy);
/* True once the deadline has passed or the handle was interrupted; sets stop_code. Thread: inside. */
bool trib_policy_must_stop(trib_policy *policy);
/* For functions that can run long: checks the clock about every 64K units of work. `*work` starts at 0. */
bool trib_policy_work(trib_policy *policy, uint64_t *work, uint64_t units);
/* Starts noting actions; refusals are remembered from here on. */
void trib_policy_collect(trib_policy *policy);
/* The error of the remembered refusal; call only if `denial` is set. */
trib_code trib_policy_denied(trib_policy *policy, trib_error *err);
/* "attempt to write a readonly database" in the words and with the code of SQLite. */
trib_code trib_policy_readonly_error(trib_error *err);
trib_code trib_policy_unsupported(trib_error *err, const char *what);
/* Notes the value that a session pragma has now; keeps handle->settings_changed. */
void trib_policy_note_pragma(trib_policy *policy, trib_str name);
/* A transaction ended: SQLite turned defer_foreign_keys off by itself. */
void trib_policy_note_txn_end(trib_policy *policy);

/* ---- policy_pragma.c ---- */

typedef enum trib_pragma_class {
    TRIB_PRAGMA_REFUSED,
    TRIB_PRAGMA_READ,  /* runs as it is */
    TRIB_PRAGMA_SET,   /* session state, on or off; runs when stepped, restored by trib_policy_reset */
    TRIB_PRAGMA_FIXED, /* belongs to the server: answered with the value in force, changes nothing */
    TRIB_PRAGMA_WRITE  /* changes the database: needs the turn */
} trib_pragma_class;

typedef struct trib_pragma_row {
    const char *name;
    trib_pragma_class without_arg, with_arg;
} trib_pragma_row;

/* Rows by index; NULL past the end. For tests and documentation. */
const trib_pragma_row *trib_pragma_row_at(size_t index);
/* REFUSED for unknown names. */
trib_pragma_class trib_pragma_class_of(trib_str name, bool has_arg);
/* The pragmas of class SET, in the order of the bits of trib_policy.pragmas_changed; NULL past the end. */
const char *trib_pragma_settable_at(size_t index);

/* ---- memory.c ---- */

/* Installs the allocator; once, before sqlite3_initialize. SQLite's code. */
int trib_memory_install(void);
/* While set, big allocations of this thread first ask whether the statement must stop, and fail if so: the only place
 * where a built-in that the progress handler cannot reach (hex, printf, json ...) can be stopped between two calls.
 * NULL: nobody asks. Returns what was set before. */
trib_policy *trib_memory_watch(trib_policy *policy);

/* "CONSTRAINT" for SQLITE_CONSTRAINT and all its extended codes. Pure. */
const char *trib_sqlite_base_name(int rc);
/* The first value of a query on a connection of nobody else; -1 where there is none, after errors too. */
int64_t trib_sqlite_number(sqlite3 *sqlite, const char *sql);

#endif

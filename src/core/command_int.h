/* SPDX-License-Identifier: Apache-2.0 */
/* Private to core/command*.c: a command under way, and what the databases of tenants are owed.
 *
 *   command.c           the way of a command: plan, turns, work, commit point, parts
 *   command_commit.c    from the end of work to the commit point
 *   command_intent.c    intents in memory and in `streams`; who owes what (store/seal.h)
 *   command_keep.c      removing what is done with, at leisure; giving up waits */
#ifndef TRIB_CORE_COMMAND_INT_H
#define TRIB_CORE_COMMAND_INT_H

#include "base/ids.h"
#include "core/command.h"
#include "core/metrics.h"
#include "store/redo.h"
#include "store/seal.h"

enum {
    COMMAND_SEATS_MAX = TRIB_COMMAND_TENANTS_MAX + 1, /* `streams` is the last */
    COMMAND_INTENTS_MAX = 4096,                       /* not done with: stops memory where a tenant's disk hangs */
    COMMAND_WAIT_MS = 5000,                           /* for one turn, with those of other databases in hand */
    COMMAND_REMOVE_MAX = 64,                          /* intents that are done with, removed by one transaction */
    COMMAND_REMOVE_IDLE_MS = 1000                     /* such wait so long for a command that takes them along */
};

/* Places where a stop of the process is tested: app->on_command_point. */
typedef enum trib_command_point {
    TRIB_COMMAND_POINT_TURNS,     /* all turns are there, nothing has begun */
    TRIB_COMMAND_POINT_WORKED,    /* all has been written, nothing committed */
    TRIB_COMMAND_POINT_PROMISED,  /* the intents stand in the transaction of `streams` */
    TRIB_COMMAND_POINT_COMMITTED, /* `streams` has committed, not yet durable */
    TRIB_COMMAND_POINT_DURABLE,   /* the commit point */
    TRIB_COMMAND_POINT_PART,      /* one tenant has committed */
    TRIB_COMMAND_POINT_PARTS,     /* all have, none durable perhaps */
    TRIB_COMMAND_POINT_MEND,      /* before a part is done again */
    TRIB_COMMAND_POINT_MENDED,    /* after that */
    TRIB_COMMAND_POINT_REMOVING,  /* intents are deleted, not committed */
    TRIB_COMMAND_POINT_REMOVED,   /* that is committed */
    TRIB_COMMAND_POINT_COUNT
} trib_command_point;

typedef enum intent_state {
    INTENT_PROMISED,  /* the commit point has not passed, or nobody knows yet */
    INTENT_OWED,      /* it is in `streams`, or may be; the tenant has not committed */
    INTENT_COMMITTED, /* the tenant has; `ticket` says when it is durable */
    INTENT_DONE,      /* that is durable: the row in `streams` can go */
    INTENT_REMOVING   /* it goes with a transaction that is under way */
} intent_state;

/* What one database is owed. Under commands->lock. */
typedef struct trib_intent {
    trib_list link; /* commands->intents, by no */
    int64_t no;     /* of its row; never used twice */
    trib_id key;    /* tells it from a row of another `streams` with the same number */
    char db_id[TRIB_DB_ID_BYTES + 1];
    intent_state state;
    int64_t since_ns;
    trib_db *db; /* COMMITTED: a reference */
    uint64_t ticket;
} trib_intent;

struct trib_commands {
    trib_app *app;
    trib_tenant *streams;
    trib_mender mender;
    trib_mutex *lock;
    trib_cond *idle; /* no run needs a worker any more */
    trib_list intents, runs;
    size_t working; /* runs that do */
    bool draining;
    size_t intent_count;
    int64_t next_no;
    _Atomic bool has_table; /* of the intents, durably */
    _Atomic bool removing, mending;
    trib_job mend_job;
    char mend_id[TRIB_DB_ID_BYTES + 1];
    int64_t mend_not_before_ns;
    trib_counter *done, *failed, *owed, *conflicts;
};

typedef struct command_seat {
    trib_tenant *tenant; /* borrowed from the command, or `streams` */
    size_t index;        /* in command->tenants */
    trib_db *db;
    trib_turn_waiter turn;
    struct trib_command_run *run;
    bool claimed; /* the turn is kept for `turn` */
    trib_handle *handle;
    bool inside;
    trib_session_vars vars;
    trib_buf redo;
    trib_intent *intent; /* NULL: nothing has changed there */
} command_seat;

typedef struct trib_command_run {
    trib_command *command;
    trib_commands *commands;
    trib_list link; /* commands->runs */
    trib_code (*step)(struct trib_command_run *run, trib_error *err);
    command_seat seats[COMMAND_SEATS_MAX]; /* by id of the database */
    size_t count, at;
    int rounds;
    bool plan_writes, begun, gated;
    bool waits; /* for the turn of seats[at] */
    trib_handle_waiter handle;
    trib_turn_waiter turn; /* of the plan */
    trib_gate_waiter gate;
    trib_code woke; /* what the last wait has said */
    bool commit_failed;
    trib_error commit_err;
    trib_intent *removing[COMMAND_REMOVE_MAX];
    size_t removing_count;
    /* under commands->lock: where it stands in a queue, since when, with others' turns in hand */
    trib_db *waits_in;
    trib_turn_waiter *waits_as;
    int64_t waits_since_ns;
    bool expired;
} trib_command_run;

static inline command_seat *command_streams(trib_command_run *run) {
    return &run->seats[run->count - 1];
}
/* Every 20 ms, command_keep.c and command.c. */
void trib_commands_expire(trib_commands *commands);

static inline void command_point(const trib_app *app, trib_command_point point) {
    if (app->on_command_point) app->on_command_point(app->on_command_point_ctx, (int)point);
}

/* ---- command_commit.c. Inside all handles. ---- */

/* Writes the intents and commits `streams`. *ret_sent: the commit may be in its log, whatever the code; its fate is the
 * gate's to tell. */
trib_code trib_command_commit(trib_command_run *run, bool *ret_sent, trib_error *err);
/* The commit point has passed: commits the tenants. Outside of all handles. */
void trib_command_commit_parts(trib_command_run *run);
trib_code trib_command_exec(trib_handle *handle, const char *sql, trib_error *err);

/* ---- command_intent.c ---- */

/* A new intent, PROMISED, in the list. Errors: NOMEM, TOO_MANY_REQUESTS. */
trib_code trib_intent_new(trib_commands *commands, const char *db_id, trib_intent **ret, trib_error *err);
/* Out of the list and away. */
void trib_intent_free(trib_commands *commands, trib_intent *intent);
void trib_intent_set_state(trib_commands *commands, trib_intent *intent, intent_state state);
/* The tenant has committed; takes over the reference. */
void trib_intent_committed(trib_commands *commands, trib_intent *intent, trib_db *db);
/* Those whose tenants are durable become DONE, those that were lost OWED. Thread: any. */
void trib_intents_look(trib_commands *commands);
/* Up to COMMAND_REMOVE_MAX that are DONE become REMOVING. */
size_t trib_intents_take_done(trib_commands *commands, int64_t before_ns, trib_intent **ret);
/* What take_done has given: gone (`removed`), or DONE again. */
void trib_intents_removed(trib_commands *commands, trib_intent *const *list, size_t count, bool removed);
trib_code trib_intents_delete_rows(trib_handle *streams, trib_intent *const *list, size_t count, trib_error *err);
/* The number below which no row of an intent is left in `streams`. */
int64_t trib_intents_low(trib_commands *commands);
trib_code trib_intents_make_table(trib_handle *streams, trib_error *err);
/* That the tenant has done it, in the transaction that does. */
trib_code trib_intent_note_applied(trib_commands *commands, trib_handle *tenant, const trib_intent *intent,
                                   trib_error *err);
/* Reads the intents that a stop has left. */
trib_code trib_intents_load(trib_commands *commands, trib_error *err);
/* store/seal.h; ctx is the commands. */
bool trib_intents_owes(void *ctx, const char *db_id);
trib_code trib_intents_mend(void *ctx, const char *db_id, trib_handle *handle, trib_error *err);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Private to features/dispatch.
 *
 *   POST /api/dispatch, a timer --search.c--> a row that waits (tables.c)
 *
 *   tick --round.c--> job on `streams`: offers whose time is over end, and searches of deals that need nobody any more
 *                     (look.c); the oldest rows that wait; who is near them (core/motion.h) and not on hold (holds.c);
 *                     who gets which (match.c)
 *        --attempt.c--> a command each: the worker's point becomes 'offered', the row says to whom
 *
 *   GET /api/offers --read.c--> what is there; POST /api/offers/:id/accept, decline --offers.c--> a command: the job is
 *   his, or he is idle again
 *
 * Rows say all that counts; what is in memory is only to ask nobody in vain. */
#ifndef TRIB_FEATURES_DISPATCH_DISPATCH_INT_H
#define TRIB_FEATURES_DISPATCH_DISPATCH_INT_H

#include "core/app.h"
#include "core/command.h"
#include "core/control.h"
#include "core/db_job.h"
#include "core/metrics.h"
#include "core/motion.h"
#include "core/stream.h"
#include "core/waiters.h"
#include "features/dispatch/dispatch.h"
#include "features/dispatch/match.h"

enum {
    DISPATCH_BODY_MAX_BYTES = 16 * 1024, /* kept with each row that waits */
    DISPATCH_ANSWER_MAX_BYTES = 1 << 20,
    DISPATCH_WAITING_MAX = 100000,  /* rows: one tenant's orders must not fill the disk that all deals share */
    DISPATCH_OF_TENANT_MAX = 10000, /* of those that one tenant asked for: others wait behind them */
    DISPATCH_OFFER_MS = 30 * 1000,  /* how long an offer is open, if nobody says */
    DISPATCH_OFFER_MAX_MS = 10 * 60 * 1000,
    DISPATCH_NEAR_M = 20000,          /* how far away a worker may be, if nobody says */
    DISPATCH_NEAR_MAX_M = 200 * 1000, /* each round measures everybody who is nearer */
    DISPATCH_ROUND_MS = 100,          /* between two rounds: what comes meanwhile is matched together */
    DISPATCH_POLL_MS = 1000,          /* and without news while somebody waits: workers come without a word */
    DISPATCH_IDLE_MS = 60 * 1000,
    DISPATCH_RETRY_MS = 2000,              /* after a failure of `streams` */
    DISPATCH_HEAD = 32,                    /* the oldest rows, in every round */
    DISPATCH_WALK = 32,                    /* and so many of the others, round after round */
    DISPATCH_NEAR = 16,                    /* workers that a row may choose among */
    DISPATCH_ATTEMPTS_MAX = 32,            /* commands at once: others have work, too */
    DISPATCH_JOBS_MAX = 4,                 /* of one deal */
    DISPATCH_LOOK_MAX = 32,                /* deals that have changed, looked at in one transaction */
    DISPATCH_EXPIRE_MAX = 64,              /* offers of one transaction, which keeps the turn that all deals share */
    DISPATCH_OWED_MAX = 1024,              /* rows looked at by a round */
    DISPATCH_BUSY_MS = 15 * 1000,          /* who was not idle is asked again then, unless it is heard that he is */
    DISPATCH_NO_WORKER_MS = 5 * 60 * 1000, /* who does no such work */
    DISPATCH_STUCK_MS = 5 * 60 * 1000,     /* whose database kept a command waiting: 32 of them would stop everything */
    DISPATCH_PASSED_MS = 5 * 60 * 1000,    /* who did not answer is not offered the same deal for so long */
    DISPATCH_PASSED_MAX = 64,              /* of a deal, in one round */
    DISPATCH_HOLDS_MAX = 100000,           /* 10 MB */
    DISPATCH_COUNTED = 10000,              /* as far as the gauges count */
    DISPATCH_OFFERS_MAX = 100,             /* of one answer */
    DISPATCH_ROLE_MAX_BYTES = 64,
    DISPATCH_OWED_KEY_BYTES = TRIB_MOTION_POINT_MAX_BYTES + 2,
    DISPATCH_WAIT_MAX_S = 25,    /* of one GET /api/offers */
    DISPATCH_WAITERS_MAX = 10000 /* of those at once: each holds a request */
};

/* ---- rows (tables.c) ---- */

typedef struct dispatch_row {
    bool found;
    int64_t no;
    trib_str deal_id, role, worker, body;
    trib_str asker; /* id of the tenant who asked; only of a row that is added */
    int64_t since_ms, offer_ms;
    bool is_placed; /* it is known where the job begins, or that nobody knows */
    bool has_place;
    double lat, lng, max_m;
    bool automatic;
    int64_t generation; /* of the offer */
    trib_str tenant_id; /* empty: it waits */
    trib_str point;     /* empty: the worker has none that is taken */
    int64_t until_ms;
} dispatch_row;

/* Errors: as trib_db_start. */
trib_code dispatch_tables_prepare(trib_app *app, const trib_tenant *streams, trib_error *err);
/* Rows behind `where`, at most `max`; returns how many in *ret_count. Texts live in txn->arena. Errors: NOMEM. */
trib_code dispatch_rows_load(trib_stream_txn *txn, const char *where, const trib_arg *args, size_t arg_count,
                             size_t max, dispatch_row *ret, size_t *ret_count, trib_error *err);
/* One; ret->found says whether there is. */
trib_code dispatch_row_load(trib_stream_txn *txn, int64_t no, dispatch_row *ret, trib_error *err);
trib_code dispatch_row_delete(trib_stream_txn *txn, int64_t no, trib_error *err);
/* It waits. *ret_duplicate: for this deal and role there is a row already, which stays as it is.
 * Errors: TOO_MANY_REQUESTS. */
trib_code dispatch_row_add(trib_stream_txn *txn, const dispatch_row *row, bool *ret_duplicate, trib_error *err);
/* This worker is not offered it until then. */
trib_code dispatch_row_pass(trib_stream_txn *txn, int64_t no, trib_str tenant_id, trib_str point, int64_t until_ms,
                            trib_error *err);
/* The offer is open. Errors: NOT_AVAILABLE (the worker has an offer). */
trib_code dispatch_row_offer(trib_stream_txn *txn, const dispatch_row *row, trib_str tenant_id, trib_str point,
                             int64_t until_ms, trib_error *err);
/* It waits again, without this worker until pass_ms. owes: his point is still 'offered'. */
trib_code dispatch_row_take_back(trib_stream_txn *txn, const dispatch_row *row, int64_t pass_ms, bool owes,
                                 trib_error *err);
/* Nobody is looked for any more; who was offered it is owed that he is idle again. */
trib_code dispatch_row_withdraw(trib_stream_txn *txn, const dispatch_row *row, trib_error *err);
/* Somebody has the job: the row goes. may_come_back: how it was looked for is kept, as long as the deal is there. */
trib_code dispatch_row_give(trib_stream_txn *txn, const dispatch_row *row, bool may_come_back, trib_error *err);
/* The job was given back: it waits again in its old place, and not for this worker (empty: anybody). Nothing happens
 * where no search had found him. */
trib_code dispatch_row_come_back(trib_stream_txn *txn, trib_str deal_id, trib_str role, trib_str tenant_id,
                                 trib_error *err);
trib_code dispatch_run(const trib_stream_txn *txn, const char *sql, const trib_arg *args, size_t count,
                       trib_error *err);
/* The first column of the only row; *ret stays where there is none. */
trib_code dispatch_get_integer(const trib_stream_txn *txn, const char *sql, const trib_arg *args, size_t count,
                               int64_t *ret, trib_error *err);

/* ---- who need not be asked now (holds.c) ---- */

typedef struct dispatch_holds dispatch_holds;
/* Errors: NOMEM. */
trib_code dispatch_holds_new(const trib_env *env, dispatch_holds **ret, trib_error *err);
void dispatch_holds_free(dispatch_holds *holds);
/* Until then (monotonic): `id` and one of its points, for this kind of worker or (empty) any.
 * Without memory nothing happens: it is a hint. Thread: any, as of all of these. */
void dispatch_hold(dispatch_holds *holds, trib_str id, trib_str point, trib_str worker, int64_t until_ms);
/* The same, if he is held now: what has ended that hold is newer than what the caller knows. */
void dispatch_hold_on(dispatch_holds *holds, trib_str id, trib_str point, trib_str worker, int64_t until_ms);
/* All points of `id`, and no holds_end ends it. */
void dispatch_hold_firmly(dispatch_holds *holds, trib_str id, int64_t until_ms);
/* False: there were none. */
bool dispatch_holds_end(dispatch_holds *holds, trib_str id);
/* This point, or all of them. */
bool dispatch_is_held(dispatch_holds *holds, trib_str id, trib_str point, trib_str worker, int64_t now_ms);
/* What is owed to a worker's point is held under a name of its own, so that it need not wait until the point may be
 * asked again. */
trib_str dispatch_owed_key(trib_str point, char space[DISPATCH_OWED_KEY_BYTES]);

/* ---- the module ---- */

typedef struct dispatch_module dispatch_module;

typedef enum dispatch_attempt_kind {
    DISPATCH_OFFER, /* to a worker, or the job at once */
    DISPATCH_PLACE, /* finds out where the job begins */
    DISPATCH_FREE   /* a worker whose offer was taken back is idle again */
} dispatch_attempt_kind;

typedef enum dispatch_outcome {
    DISPATCH_STALE, /* somebody else was quicker; nothing was done */
    DISPATCH_OFFERED,
    DISPATCH_ASSIGNED,
    DISPATCH_GONE, /* the deal needs nobody any more */
    DISPATCH_DONE
} dispatch_outcome;

typedef struct dispatch_attempt {
    trib_command command; /* first */
    dispatch_module *module;
    dispatch_attempt_kind kind;
    bool used;
    int64_t no;
    trib_tenant *tenant; /* a reference; NULL: none (PLACE), or it is no more (FREE) */
    char tenant_id[TRIB_DB_ID_BYTES + 1];
    char point[TRIB_MOTION_POINT_MAX_BYTES + 1]; /* as the worker tells it; "" */
    char worker[DISPATCH_ROLE_MAX_BYTES + 1];
    /* of the last run of work */
    dispatch_outcome outcome;
    bool no_worker; /* he does no such work */
    bool keeps;     /* he has it alone: no use to ask him about another one */
    int64_t until_ms, waited_ms;
} dispatch_attempt;

/* What a round has found to be done; texts live in the module's arena. */
typedef struct dispatch_todo {
    dispatch_attempt_kind kind;
    int64_t no;
    trib_str worker, tenant_id, point;
    trib_tenant *tenant; /* a reference, or NULL */
} dispatch_todo;

typedef struct dispatch_round {
    dispatch_todo todos[DISPATCH_ATTEMPTS_MAX];
    size_t count, places; /* places: free attempts when it began */
    bool sweeps;          /* ends what is over: offers, searches of deals that have changed */
    uint64_t expired, withdrawn;
    int64_t waiting, open, owed, oldest_ms, next_ms, after;
    bool more;
} dispatch_round;

/* One for the process. */
struct dispatch_module {
    trib_app *app;
    trib_tenant *tenant; /* `streams`; the registry's */
    dispatch_holds *holds;
    struct trib_counter *offered, *accepted, *declined, *timed_out, *withdrawn, *assigned, *waited_ms;
    _Atomic int64_t waiting, open, oldest_ms; /* of the last round */
    _Atomic bool news;
    _Atomic bool changed;     /* a deal has, perhaps */
    _Atomic int64_t asked_ns; /* a timer has asked, in a transaction that may not be durable yet */

    /* the tick's */
    bool under_way, walks, swept; /* swept: the last round has ended something, or failed when it wanted to */
    int64_t not_before_ns, look_ns, next_ms, after;
    size_t used;
    dispatch_attempt attempts[DISPATCH_ATTEMPTS_MAX];

    /* the round's, on a worker between submission and finished */
    trib_db_job job;
    trib_stream_txn txn;
    trib_arena arena;
    int64_t now_ms; /* wall */
    dispatch_round round;

    /* requests that wait for offers */
    trib_waiters waiters;
    int64_t waiters_ns;           /* the tick's: when it looks at them again */
    _Atomic uint32_t offers_made; /* what they wait for: one more */
};

static inline int64_t dispatch_mono_ms(const dispatch_module *m) {
    return trib_env_mono_ns(m->app->env) / 1000000;
}
static inline void dispatch_count(struct trib_counter *counter, uint64_t n) {
    if (counter && n) trib_counter_add(counter, n);
}

/* round.c */
trib_code dispatch_round_run(void *module, trib_error *err);
void dispatch_tick(void *module);
/* As trib_deal_jobs.freed. */
void dispatch_freed(void *module, const trib_tenant *tenant);

/* attempt.c. Thread: the tick's. */
void dispatch_attempt_start(dispatch_module *m, dispatch_todo *todo);
/* A worker's point that was offered is idle again, in a command. What his database refuses is left. */
void dispatch_set_idle(trib_handle *worker, trib_str point);
/* Where the job begins, as the deal's first event or the seller's point says. `seller` may be NULL.
 * Errors: NOMEM. */
trib_code dispatch_find_place(const trib_stream *s, const trib_deal_job *job, trib_arena *arena, trib_handle *seller,
                              dispatch_row *row, trib_error *err);

/* look.c, in a round: deals that have changed while somebody is looked for; the searches of those that need nobody any
 * more end. Errors: AGAIN (txn.writes is set), NOMEM, the store's. */
trib_code dispatch_look(dispatch_module *m, trib_error *err);

/* search.c, read.c, offers.c: handlers of routes.c, the action of timers, and what the deals call */
void dispatch_handle_search(trib_http_request *http);
void dispatch_handle_show(trib_http_request *http);
void dispatch_handle_stop(trib_http_request *http);
trib_code dispatch_action(void *module, trib_stream_txn *txn, trib_stream *s, trib_str timer, trib_error *err);
/* As trib_deal_jobs.come_back. */
trib_code dispatch_come_back(void *module, trib_stream_txn *txn, trib_str deal_id, trib_str role,
                             const trib_tenant *worker, trib_error *err);
void dispatch_handle_offers(trib_http_request *http);
void dispatch_handle_accept(trib_http_request *http);
void dispatch_handle_decline(trib_http_request *http);
/* read.c. An offer to this tenant is there: who waits for it hears it. Thread: the tick's, as of the next. */
void dispatch_offer_made(dispatch_module *m, const char *tenant_id);
/* Answers those whose time is over. */
void dispatch_offers_tick(dispatch_module *m);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Private to hook.c (who does what when) and hook_round.c (a round's transaction). */
#ifndef TRIB_FEATURES_CONSUMERS_HOOK_INT_H
#define TRIB_FEATURES_CONSUMERS_HOOK_INT_H

#include "core/senders.h"
#include "features/consumers/consumers_int.h"

enum {
    HOOK_BATCH = 16,             /* events of one round */
    HOOK_ROUNDS_MAX = 16,        /* begun in one tick: they are in the queue of all requests about streams */
    HOOK_TIMEOUT_MS = 10 * 1000, /* of one delivery */
    HOOK_BATCH_MS = 30 * 1000,   /* after this, the rest of a batch goes back */
    HOOK_FAILURES_MAX = 3,       /* in a row: the endpoint is down */
    HOOK_LEASE_MS = 10 * 60 * 1000,
    HOOK_RETRY_MS = 1000,       /* after a failure of the database */
    HOOK_LOOK_MS = 60 * 1000,   /* a webhook is looked at as often when nothing has come */
    HOOK_ABSENT_MS = 60 * 1000, /* and whether its tenant is there again */
    HOOK_BACKOFF_MAX_MS = 5 * 60 * 1000,
    HOOK_BACKOFF_CHANCE = 50,   /* percent: the events of an endpoint that was down must not come back together */
    HOOK_KEPT_BYTES = 16 << 20, /* of the messages of a batch */
    HOOK_WHY_BYTES = 200
};
#define HOOK_GIVE_UP_MS (INT64_C(3) * 24 * 3600 * 1000) /* without one success: disabled */

typedef enum hook_state { HOOK_IDLE, HOOK_ROUND, HOOK_QUEUED, HOOK_SENDING, HOOK_SENT } hook_state;
typedef enum hook_outcome { HOOK_UNSENT, HOOK_OK, HOOK_FAILED } hook_outcome;

typedef struct hook_delivery {
    int64_t pos, generation, tries;
    trib_str id, body; /* in `kept` */
    hook_outcome outcome;
    int status;
    char why[HOOK_WHY_BYTES];
} hook_delivery;

/* One webhook. Whoever its state names has it: the tick (IDLE, SENT), a worker (ROUND), a thread (SENDING). */
typedef struct consumers_hook {
    trib_send_task task; /* first */
    trib_list link;      /* under lock, as are state, removed and not_before_ns */
    consumers_hooks *hooks;
    int64_t id;
    char owner[TRIB_DB_ID_BYTES + 1], owner_name[TRIB_TENANT_NAME_BYTES + 1];
    hook_state state;
    bool removed;
    int64_t not_before_ns;
    bool backs_off, retrying;
    int64_t seen; /* head of the log at its last round; under lock */
    bool may_claim;
    /* a round */
    trib_db_job job;
    trib_stream_txn txn;
    trib_arena arena;
    hook_delivery deliveries[HOOK_BATCH]; /* the last batch, with what became of it */
    size_t count;
    hook_delivery fresh[HOOK_BATCH]; /* the next one */
    size_t fresh_count;
    trib_arena kept; /* their texts */
    trib_str url, secret;
    int64_t wait_ms; /* until the next round */
    bool is_over;    /* deleted, disabled, or no webhook any more */
    bool gave_up;    /* in this round */
} consumers_hook;

struct consumers_hooks {
    consumers_module *module;
    trib_mutex *lock;
    trib_list all;
    size_t count;
};

/* hook_round.c */
/* In a transaction: settles `deliveries`, fills `fresh`. Errors: AGAIN, and the database's. Thread: a worker. */
trib_code consumers_hook_round(void *hook, trib_error *err);
/* Those that there are when the server starts. */
trib_code consumers_hooks_load(consumers_hooks *hooks, trib_error *err);

#endif

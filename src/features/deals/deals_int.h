/* SPDX-License-Identifier: Apache-2.0 */
/* Private to features/deals.
 *
 *   a timer that is due -------timer.c-->
 *   POST /api/orders/:id/accept --ask.c--> command --plan.c--> tenants that take part
 *                                             |
 *                                             └--work.c--> steps of the action (table.c), each one event or more
 *                                                           open.c     the first event: prices, slot, days; the nodes
 *                                                           rows.c     stock, workers and days in the tenants' rows
 *                                                           settle.c   payouts, and what a cancellation gives back
 *                                                           payload.c  payloads by their templates
 *                                                           facts.c    what a deal must remember beside its events
 *   core/deal_jobs.h --jobs.c--> one claim, as a part of somebody else's command */
#ifndef TRIB_FEATURES_DEALS_DEALS_INT_H
#define TRIB_FEATURES_DEALS_DEALS_INT_H

#include "core/app.h"
#include "core/command.h"
#include "core/deal_jobs.h"
#include "core/stream.h"
#include "deal/amount.h"
#include "features/deals/deals.h"
#include "wire/json.h"

enum {
    DEALS_BODY_MAX_BYTES = 64 * 1024,    /* as large as a payload: it becomes one */
    DEALS_ITEMS_MAX = 50,                /* of one deal: each is a look-up and an update while other tenants wait */
    DEALS_NODE_MAX_BYTES = 256 * 1024,   /* payload of a node */
    DEALS_ANSWER_MAX_BYTES = 128 * 1024, /* of TRIB_STREAM_EVENTS_MAX events */
    DEALS_JOBS_MAX = 4,                  /* roles of a type that somebody is assigned to */
    DEALS_TIMER_ARENA_BYTES = 4096       /* of an empty body */
};

/* ---- what can be done (table.c) ---- */

typedef enum deals_kind {
    DEALS_EVENT,  /* one event */
    DEALS_STOCK,  /* each item leaves the seller's stock, or the action fails: an event an item */
    DEALS_CLAIM,  /* takes a worker who is idle: an event, his node and his point */
    DEALS_FREE,   /* the worker of a role is idle again: no event */
    DEALS_DAYS,   /* the days of a rental become `word`; "confirmed" checks that they are free: an event */
    DEALS_PAID,   /* fails unless everything is paid: no event */
    DEALS_PAYOUT, /* pays out if the status asks for it and everything is paid */
    DEALS_UNDO    /* gives back what a cancelled deal has taken */
} deals_kind;

/* delta of a DEALS_EVENT */
typedef enum deals_delta {
    DEALS_ZERO,
    DEALS_LEFT,  /* body's "amount", or what is left to pay */
    DEALS_FARE,  /* body's "fare", or what the first event said */
    DEALS_AMOUNT /* body's "amount", which must be there */
} deals_delta;

/* Somebody who works for a deal. */
typedef struct deals_job {
    const char *role;
    const char *worker;  /* nodeType of who can do it, in his own database */
    const char *word;    /* availability while he does; NULL: he does several at once, and is not claimed */
    const char *node;    /* nodeType of the job's node */
    const char *title;   /* "Delivery" */
    const char *payload; /* of the job's node */
    const char *fee;     /* payload type of his payout */
} deals_job;

/* A payload's template: members with a blank between them.
 *   name           the body's member, if it is there     name=text      this text
 *   name@role      the tenant of the role                name^member    the first event's member, if it is there
 *   name$          items, total, start, end of the deal that begins     name#   how many items it has */
typedef struct deals_step {
    deals_kind kind;
    int32_t opcode;
    const char *payload;
    const deals_job *job;
    const char *word;
    deals_delta delta;
    bool by_platform; /* the server's own doing: the type's roles do not hold it; the action's `who` does */
    bool if_asked;    /* only if the body has "start": true or a member of the template, or the step before was done */
} deals_step;

enum { DEALS_STEPS_MAX = 4 };
typedef struct deals_action {
    const char *name;    /* last segment of the path */
    const char *who;     /* roles that may ask, with a blank between them; "any". `streams` always may */
    const char *members; /* of the body beside those of templates, with a blank between them; NULL: none */
    deals_step steps[DEALS_STEPS_MAX];
    size_t step_count;
    const char *summary; /* for the docs */
} deals_action;

typedef enum deals_opening { DEALS_OF_ITEMS, DEALS_OF_FARE, DEALS_OF_SLOT, DEALS_OF_DAYS } deals_opening;

typedef struct deals_vertical {
    const char *path; /* "orders": /api/orders */
    const char *type; /* of the stream */
    const char *prefix;
    deals_opening opening;
    int32_t opcode;
    const char *payload, *members; /* of the first event */
    const char *buyer, *seller;    /* roles; seller NULL: nobody sells */
    const char *seller_node;       /* nodeType by which a tenant says that it sells */
    const char *node, *title;      /* nodeType and title of the deal's nodes */
    const char *buyer_payload, *seller_payload;
    const char *revenue; /* payload type of the seller's payout */
    const deals_action *actions;
    size_t action_count;
} deals_vertical;

extern const deals_vertical deals_verticals[];
extern const size_t deals_vertical_count;
/* NULL: there is none. */
const deals_vertical *deals_vertical_find(trib_str path);
const deals_action *deals_action_find(const deals_vertical *vertical, trib_str name);
/* Whether `word` is among the words of a list with a blank between them. */
bool deals_lists(const char *list, trib_str word);

/* ---- one request ---- */

/* One for the process. */
typedef struct deals_module {
    trib_app *app;
    trib_tenant *tenant; /* `streams`; the registry's */
} deals_module;

typedef struct deals_ask {
    trib_command command;                /* first */
    trib_http_request *http;             /* NULL: a timer asks */
    struct trib_stream_timer_run *timer; /* NULL: a request asks */
    trib_arena own;                      /* of a timer: its body */
    deals_module *module;
    const deals_vertical *vertical;
    const deals_action *action; /* NULL: it begins */
    trib_str deal_id;
    const trib_json *body;
    trib_str key; /* empty: none */
    uint8_t request[TRIB_SHA256_BYTES];
    /* of the last run of work, in the command's arena */
    bool is_duplicate;
    trib_str response;
} deals_ask;

/* ---- what a deal remembers (facts.c) ---- */

typedef struct deals_worker {
    const deals_job *job;
    trib_str tenant, point; /* point empty: none was claimed */
    int64_t fee;            /* of the worker; of a ride: of the platform */
} deals_worker;

typedef struct deals_facts {
    trib_str currency, seller_node; /* empty: not known */
    deals_worker workers[DEALS_JOBS_MAX];
    size_t worker_count;
} deals_facts;

/* Tables of the module in the database `streams`. Errors: as trib_db_start. */
trib_code deals_facts_prepare(trib_app *app, const trib_tenant *streams, trib_error *err);
/* What is there of a deal; nothing for one that a gateway began by SQL. */
trib_code deals_facts_load(trib_stream_txn *txn, const deals_vertical *vertical, trib_str deal_id, deals_facts *ret,
                           trib_error *err);
trib_code deals_facts_store(trib_stream_txn *txn, trib_str deal_id, const deals_facts *facts, trib_error *err);
trib_code deals_facts_store_worker(trib_stream_txn *txn, trib_str deal_id, const deals_worker *worker, trib_error *err);
/* NULL: nobody has the job. */
const deals_worker *deals_facts_worker(const deals_facts *facts, const deals_job *job);

/* ---- one run of the work ---- */

typedef struct deals_item {
    trib_str id, point;
    trib_str asked_point; /* empty: the seller's first */
    int64_t qty;          /* TRIB_DEAL_QTY_DECIMALS */
    int64_t price;        /* the type's decimals */
} deals_item;

typedef struct deals_run {
    deals_ask *ask;
    trib_command *command; /* ask->command, or that of who claims (jobs.c) */
    trib_stream_txn *txn;
    trib_handle *const *handles; /* of ask->command.tenants */
    const trib_deal_type *type;
    trib_stream s;
    deals_facts facts;
    const trib_json *opening; /* payload of the first event; NULL while it is made */
    /* of a deal that begins */
    trib_str buyer, seller;
    deals_item items[DEALS_ITEMS_MAX];
    size_t item_count;
    int64_t total;
    trib_str start, end, node, point, parent;
    const deals_worker *claimed; /* by the step at hand */
    struct {
        trib_str role, worker, point; /* worker empty: the body says who; point empty: the first that is free */
        const char *availability;     /* NULL: "idle" */
    } given;
    bool asked; /* an if_asked step was done */
    trib_stream_draft drafts[TRIB_STREAM_EVENTS_MAX];
    size_t draft_count, flushed_count;
    uint64_t rows[TRIB_COMMAND_TENANTS_MAX]; /* changed, by tenant */
} deals_run;

/* plan.c */
trib_code deals_plan(trib_command *command, trib_stream_txn *txn, trib_error *err);
/* Adds the tenants that the request alone tells, before it is submitted. *ret_all false: a plan must look. */
trib_code deals_guess(deals_ask *ask, bool *ret_all, trib_error *err);
/* The tenant of a role as of the state; empty: nobody. */
trib_str deals_role(const trib_deal_type *type, const trib_deal_state *state, const char *role);
/* The body's text member; empty if it is not there. */
trib_str deals_text(const trib_json *body, trib_str member);
/* The member of a payload that names the role's tenant. */
trib_str deals_member(const trib_deal_type *type, const char *role);

/* work.c */
trib_code deals_work(trib_command *command, trib_stream_txn *txn, trib_handle *const *handles, trib_error *err);
/* One event more; empty texts are NULL. Errors: BAD_REQUEST (too many), NOMEM. */
trib_code deals_draft(deals_run *run, int32_t opcode, trib_str node, trib_str point, trib_value delta, trib_str payload,
                      bool by_platform, trib_error *err);
/* Appends the drafts that are not yet; run->s is as of now. */
trib_code deals_flush(deals_run *run, trib_error *err);
/* An amount of money, or with TRIB_DEAL_QTY_DECIMALS a quantity, as the column delta has it. */
trib_value deals_amount(int64_t amount, unsigned decimals);
/* A body's member as an amount. *ret_there (may be NULL: it must be there). Errors: BAD_REQUEST. */
trib_code deals_body_amount(const deals_run *run, const char *member, int64_t *ret, bool *ret_there, trib_error *err);
/* The time that rows of this command get: that of its first event. */
trib_code deals_now(deals_run *run, trib_str *ret, trib_error *err);
/* What the first event, the items and the facts say of a deal whose s and type are there. */
trib_code deals_load_opening(deals_run *run, trib_error *err);
/* Errors: FORBIDDEN. */
trib_code deals_check_asker(const deals_run *run, trib_error *err);

/* open.c */
trib_code deals_open(deals_run *run, trib_error *err);
/* The items of a first event's payload. Errors: BAD_EVENT, NOMEM. */
trib_code deals_read_items(const trib_json *opening, deals_item ret[DEALS_ITEMS_MAX], size_t *ret_count,
                           trib_error *err);

/* rows.c: rows of the tenants. Errors of all: TABLES_MISSING; AGAIN (the command begins anew with that tenant too);
 * what the tenant's database refuses. */

/* The database of a tenant that takes part; *ret NULL: the tenant is not there any more. Errors: BLOCKED. */
trib_code deals_tenant(deals_run *run, trib_str name, size_t *ret_at, bool *ret_there, trib_error *err);
/* A statement on it; *ret_rows (may be NULL): rows that came back. Statements that write end in RETURNING. */
typedef trib_code (*deals_take)(void *ctx, const trib_stmt *stmt, trib_error *err);
trib_code deals_sql(deals_run *run, size_t at, const char *sql, const trib_arg *args, size_t arg_count, deals_take take,
                    void *ctx, uint64_t *ret_rows, trib_error *err);
trib_code deals_insert_node(deals_run *run, size_t at, const char *node_type, trib_str title, trib_str payload,
                            trib_str parent, trib_error *err);
/* Errors: OUT_OF_STOCK. */
trib_code deals_take_stock(deals_run *run, trib_error *err);
trib_code deals_claim(deals_run *run, const deals_step *step, trib_error *err);
/* What the worker gets, from the body. Errors: FORBIDDEN, BAD_REQUEST. */
trib_code deals_fee_of(const deals_run *run, deals_worker *worker, trib_error *err);
/* The worker is idle; undo: his node goes, too. A tenant that is gone is left out. */
trib_code deals_free(deals_run *run, const deals_worker *worker, bool undo, trib_error *err);
/* Errors: NOT_AVAILABLE (confirmed: somebody has some of the days). */
trib_code deals_set_days(deals_run *run, const deals_step *step, trib_error *err);
/* Nobody has a day from start to end. Errors: NOT_AVAILABLE. */
trib_code deals_check_days(deals_run *run, size_t at, trib_str thing, trib_str start, trib_str end, trib_error *err);

/* settle.c */
trib_code deals_check_paid(const deals_run *run, trib_error *err);
trib_code deals_pay_out(deals_run *run, trib_error *err);
trib_code deals_undo(deals_run *run, trib_error *err);

/* payload.c: JSON in the run's arena. Errors: BAD_REQUEST (too large), NOMEM. */
trib_code deals_payload(const deals_run *run, const char *template, size_t max_bytes, trib_str *ret, trib_error *err);
/* Whether the body has a member that the template takes from it. */
bool deals_payload_asked(const char *template, const trib_json *body);
/* Whether a member is one that a template takes from the body. */
bool deals_payload_takes(const char *template, trib_str member);

/* timer.c: timers of deals are commands from here on. False: there is no room. */
bool deals_timers_join(deals_module *module);
/* jobs.c: fills the deals' part of core/deal_jobs.h; tells dispatch that a command has changed a deal, and whom it may
 * have freed. */
void deals_jobs_offer(deals_module *module);
void deals_jobs_freed(const deals_ask *ask);
/* The worker has given his job back, in the command at hand: dispatch looks for another one, if it had found him. The
 * drafts are appended before. Errors: as deals_flush, deals_tenant, and dispatch's. */
trib_code deals_jobs_come_back(deals_run *run, const deals_worker *worker, trib_error *err);

/* ask.c: handlers of routes.c */
void deals_handle_open(trib_http_request *http);
void deals_handle_action(trib_http_request *http);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* The running server as the features see it: store, workers, tenants, tokens, sessions, settings. One per process, made
 * by server/main.c and passed everywhere; nothing is global. */
#ifndef TRIB_CORE_APP_H
#define TRIB_CORE_APP_H

#include <stdatomic.h>

#include "base/env.h"
#include "base/log.h"
#include "base/objects.h"
#include "core/commits.h"
#include "core/deal_jobs.h"
#include "core/http.h"
#include "core/job.h"
#include "core/mistakes.h"
#include "core/ws.h"
#include "deal/registry.h"
#include "store/store.h"

typedef struct trib_control trib_control;   /* control.h: tenants, keys */
typedef struct trib_auth trib_auth;         /* auth.h: who is asking, and for which tenant */
typedef struct trib_sessions trib_sessions; /* session.h: batons */
typedef struct trib_scrub trib_scrub;       /* scrub.h: reads and checks databases */
typedef struct trib_archive trib_archive;   /* archive.h: streams that have ended, in objects */
typedef struct trib_commands trib_commands; /* commands.h: changes of several databases at once */
typedef struct trib_outbox trib_outbox;     /* outbox.h: which tenants may have something for discovery */
typedef struct trib_motion trib_motion;     /* motion.h: who is where now */
typedef struct trib_senders trib_senders;   /* senders.h: threads that send webhooks */

typedef struct trib_settings {
    const char *data_dir;
    bool no_auth;                /* --no-auth; loopback only */
    bool auto_create_tenants;    /* trib dev */
    const char *tenant_domain;   /* --tenant-domain; NULL: host labels name nobody */
    const char *public_url;      /* printed and returned to clients; with the slash */
    const char *imported_keys;   /* public keys that others sign tokens with, as trib_jwt_keys_from_text takes them */
    const char *admin_key;       /* NULL: none needed on a loopback or unix listener */
    uint32_t worker_threads;     /* 0: cores */
    uint32_t open_databases;     /* how many stay open while nobody uses them; 0: 1,000 */
    uint32_t session_idle_ms;    /* 0: 60,000 */
    uint32_t slow_statement_ms;  /* statements that run as long are logged; 0: none */
    uint32_t delete_grace_ms;    /* how long a deleted tenant can come back; 0: not at all */
    uint32_t scrub_every_ms;     /* all databases are read and checked as often; 0: only when asked */
    uint64_t scrub_bytes_per_s;  /* how fast; 0: as the disk can */
    uint64_t max_response_bytes; /* 0: 10 MB */
    uint64_t max_row_bytes;      /* 0: 5 MB */
    bool test_hooks;             /* --test-hooks: SQL texts that break the connection, for suites of clients */
    uint64_t max_import_bytes;   /* of one imported file; 0: no limit but the disk's */
    const char *base_vfs;        /* tests: a simulated disk (store.h); NULL: the system's */
    const struct trib_disk *disk;
    uint32_t max_batch_steps;  /* 0: the protocol's own, TRIB_HRANA_STEPS_MAX */
    uint32_t archive_after_ms; /* streams that have ended for so long are archived; 0: only when asked */
    bool webhook_private;      /* webhooks may go to http:// and to private addresses */
} trib_settings;

/* Databases whose syncs are counted apart. */
enum { TRIB_APP_SYNC_STREAMS, TRIB_APP_SYNC_DISCOVERY, TRIB_APP_SYNC_CONTROL, TRIB_APP_SYNC_TENANTS, TRIB_APP_SYNCS };

/* What tenants do, in all; per tenant: tenant.h. NULL without metrics. */
typedef struct trib_app_counters {
    struct trib_counter *requests, *rows_read, *rows_written;
    struct trib_counter *syncs[TRIB_APP_SYNCS], *synced_commits[TRIB_APP_SYNCS];
    struct trib_histogram *sync_seconds[TRIB_APP_SYNCS];
} trib_app_counters;

enum { TRIB_APP_TICKERS_MAX = 16 };
typedef struct trib_app_ticker {
    void (*tick)(void *ctx);
    void *ctx;
} trib_app_ticker;

typedef struct trib_outbound_header {
    const char *name;
    trib_str value;
} trib_outbound_header;

/* Borrowed for the call. */
typedef struct trib_outbound_request {
    const char *method;
    trib_str url;
    const trib_outbound_header *headers;
    size_t header_count;
    trib_str body;
    uint32_t timeout_ms;
    bool public_only; /* connect to addresses of the public internet only, looked at after the name's resolution */
    const _Atomic bool *stop; /* true: it ends within about a second, with CANCELLED. NULL: it does not */
    trib_buf *answer;         /* gets the answer's body, as far as it fits. NULL: it is dropped */
} trib_outbound_request;

/* What is read from elsewhere and sent there: the server fills it. NULL: nothing is. */
typedef struct trib_outbound {
    void *ctx;
    /* Gives what is at a URL to `take`, in pieces; false there ends it with CANCELLED. Blocks as long as it takes.
     * Errors: BAD_REQUEST (such a URL is not read), CONNECT, REMOTE, IO, CANCELLED, NOMEM. Thread: a worker. */
    trib_code (*get)(void *ctx, const char *url, bool (*take)(void *ctx, trib_str bytes), void *take_ctx,
                     trib_error *err);
    /* Sends one request; any status is OK, redirects are not followed. Blocks for up to
     * timeout_ms. `session`: keeps connections between the calls of one thread; NULL: none.
     * Errors: CONNECT (also: an address that public_only forbids), REQUEST_TIMEOUT, BAD_REQUEST (such a URL or header
     * is not sent), CANCELLED, NOMEM. Thread: one that may block; never a worker or a loop. */
    trib_code (*send)(void *ctx, void *session, const trib_outbound_request *request, int *ret_status, trib_error *err);
    void *(*session_new)(void *ctx); /* NULL: no memory */
    void (*session_free)(void *ctx, void *session);
} trib_outbound;

struct trib_app {
    const trib_env *env;
    trib_log *log;
    trib_settings settings;
    trib_store *store;
    trib_workers *workers;
    trib_control *control;
    trib_auth *auth;
    trib_sessions *sessions;
    trib_scrub *scrub;
    trib_commands *commands;
    trib_motion *motion;
    trib_outbox *outbox;
    struct trib_motion_writer *motion_writer;
    trib_senders *senders;
    trib_http_ops http;
    trib_ws_ops ws;
    trib_outbound outbound;
    trib_objects objects;     /* where streams are archived; `put` NULL: nowhere. The server fills it */
    trib_archive *archive;    /* of the module archive; NULL: there is none */
    trib_deal_jobs deal_jobs; /* of the modules deals and dispatch */
    trib_metrics *metrics;    /* never NULL in the server; made before trib_app_start */
    trib_app_counters counters;
    trib_mistakes mistakes;
    trib_commits commits; /* durable ones, for modules that follow a database */
    const char *version;
    /* What the server read from built-in and the operator's files; the built-in ones where it gives none. */
    const trib_deal_registry *stream_types;
    trib_deal_registry built_in_types;
    struct trib_stream_timers *stream_timers;      /* stream_timer.h; NULL: none run */
    trib_app_ticker tickers[TRIB_APP_TICKERS_MAX]; /* of modules */
    _Atomic uint32_t ticker_count;                 /* written by one thread, modules start one after the other */
    _Atomic bool starting; /* modules are started one after the other: none of them ticks before all are there */
    /* NULL but in tests: a command has come to a place (trib_command_point) where a stop of the process is of
     * interest */
    void (*on_command_point)(void *ctx, int point);
    void *on_command_point_ctx;
    _Atomic bool draining; /* the server ends: no new work, health says so */
};

/* Makes store, workers, control, commands, auth, sessions in this order. Errors: as theirs. */
trib_code trib_app_start(trib_app *app, trib_error *err);
/* In-flight jobs have been answered before. */
void trib_app_stop(trib_app *app);
/* Every 20 ms from a timer: workers, store, sessions, modules. */
void trib_app_tick(trib_app *app);
/* From a module's start only: tick(ctx) runs with every tick, on the timer's thread, and must be quick. False: there is
 * no room for more. */
bool trib_app_add_ticker(trib_app *app, void (*tick)(void *ctx), void *ctx);

#endif

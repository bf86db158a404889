/* SPDX-License-Identifier: Apache-2.0 */
/* Private to `trib demo`: the food order of an application with shared streams, step by step.
 *
 *   cmd_demo.c     options, a server of its own if there is none, the order of the parts
 *   demo_data.c    what there is before, and the requests of each step
 *   demo_steps.c   plays the steps
 *   demo_check.c   three readers, the archive, what the answers counted
 *   demo_kinds.c   the other kinds of deals: --vertical
 *   demo_city.c    many deals at once: --city (city.h) */
#ifndef TRIB_CLI_DEMO_H
#define TRIB_CLI_DEMO_H

#include "cli/admin.h"
#include "cli/sql.h"

enum {
    DEMO_PINGS_TO_SHOP = 50,      /* step 7: 5.5 minutes of driving */
    DEMO_PINGS_TO_CUSTOMER = 150, /* step 9: 16.5 minutes */
    DEMO_PINGS = DEMO_PINGS_TO_SHOP + DEMO_PINGS_TO_CUSTOMER,
    DEMO_EVENTS = 12,
    DEMO_READERS = 3,
    DEMO_STEPS = 11,
    DEMO_ARGS_MAX = 8,
    DEMO_NEWS_MS = 10000, /* for discovery to hear of something, which takes some tens of milliseconds; for a position
                           * to be written, about a second */
    DEMO_NEWS_LOOK_MS = 20,
    DEMO_PATH_BYTES = 4096
};

#define DEMO_ORDER "ord-5001"

typedef enum demo_db { DEMO_STREAMS, DEMO_ALI, DEMO_SHOP, DEMO_RAMI, DEMO_DISCOVERY, DEMO_DBS } demo_db;

/* A database of the demo: who it belongs to and how many rows an order writes there; GPS pings write none. */
typedef struct demo_target {
    const char *name, *label;
    bool system;
    uint64_t writes;
} demo_target;
extern const demo_target demo_targets[DEMO_DBS];

typedef struct demo_stmt {
    const char *what; /* for people */
    const char *sql;
    trib_value args[DEMO_ARGS_MAX];
    unsigned arg_count;
} demo_stmt;

/* One request to one database; several statements are one transaction. */
typedef struct demo_call {
    demo_db db;
    const demo_stmt *stmts;
    unsigned count;
} demo_call;

/* A request about a deal, by the tenant that asks; "streams" is the platform. */
typedef struct demo_post {
    const char *tenant, *path, *body;
} demo_post;

/* What discovery hears of a step, from the tenant whose rows have changed: the statement then finds a row. */
typedef struct demo_news {
    const char *what, *sql;
} demo_news;

/* First the request, then what discovery hears of it. */
typedef struct demo_step {
    int number;
    const char *title, *time;
    demo_post post; /* path NULL: none */
    demo_news news; /* sql NULL: none */
} demo_step;

/* Steps 1 to 10, 6's look-up and the pings of 7 and 9 apart. */
extern const demo_step demo_steps[];
extern const unsigned demo_step_count;
/* Step 0: schema, then rows; rows of an earlier run of the same order are removed. */
extern const demo_call demo_setup[];
extern const unsigned demo_setup_count;
extern const demo_news demo_first_news;

/* What the stream must hold in the end. */
typedef struct demo_event {
    int64_t opcode;
    const char *name, *node;
    double delta;
    const char *time;
} demo_event;
extern const demo_event demo_events[DEMO_EVENTS];

extern const char demo_read_sql[], demo_nearest_sql[], demo_stands_sql[], demo_delete_sql[];

/* Another kind of deal: statements of one tenant each before it, then its requests. */
typedef struct demo_sql {
    const char *tenant, *sql;
} demo_sql;
typedef struct demo_kind {
    const char *name, *title, *stream;
    const demo_sql *setup;
    unsigned setup_count;
    const demo_post *posts;
    unsigned post_count;
} demo_kind;
enum { DEMO_KINDS_MAX = 8, DEMO_STATUS_BYTES = 32 };
extern const demo_kind demo_kinds[];
extern const unsigned demo_kind_count;
/* CREATE TABLE of nodes and points, as step 0 has them. */
extern const char *const demo_tenant_schema[2];

typedef struct demo_outcome {
    const demo_kind *kind;
    char status[DEMO_STATUS_BYTES];
    int64_t events;
    bool ledger_zero;
} demo_outcome;

/* A place on the way, step by step from one to the other; at = 1..count. Pure. */
typedef struct demo_place {
    double lat, lng;
} demo_place;
extern const demo_place demo_place_start, demo_place_shop, demo_place_customer;
demo_place demo_on_the_way(demo_place from, demo_place to, unsigned at, unsigned count);

typedef struct demo_state {
    trib_cli *cli;
    trib_admin admin;
    const char *url;
    const char *tls_pin; /* of url; see trib_remote_set_pin */
    const char *archive_dir;
    bool own_server;          /* it runs in this process */
    trib_remote db[DEMO_DBS]; /* the application's token: all tenants */
    trib_http_client *reader_http[DEMO_READERS];
    trib_remote reader[DEMO_READERS];
    trib_arena arena;
    uint64_t counted[DEMO_DBS]; /* rows, as the answers said */
    uint64_t food_counted[DEMO_DBS];
    uint64_t pings, events; /* events: of all answers */
    bool food, food_ok;     /* is played; is as it must be */
    bool city_ok;
    demo_outcome outcomes[DEMO_KINDS_MAX];
    unsigned outcome_count;
    char archive_path[DEMO_PATH_BYTES];
    bool reads_equal, archive_equal, events_right, counts_right;
} demo_state;

/* Prints for people; nothing with --json. */
void demo_say(const demo_state *demo, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* demo_steps.c: tenants and tokens, step 0, then steps 1 to 10. */
trib_code demo_connect(demo_state *demo, trib_error *err);
trib_code demo_ensure_tenant(demo_state *demo, const char *name, trib_error *err);
/* The application's connection to any tenant. Errors: as trib_remote_init. */
trib_code demo_remote(demo_state *demo, const char *tenant, trib_remote *ret, trib_error *err);
/* Sends the request, shows what it has written and counts it. */
trib_code demo_send(demo_state *demo, const demo_post *post, trib_error *err);
trib_code demo_prepare(demo_state *demo, trib_error *err);
trib_code demo_play(demo_state *demo, trib_error *err);

/* demo_kinds.c: plays a kind; its outcome is noted. */
trib_code demo_play_kind(demo_state *demo, const demo_kind *kind, trib_error *err);

/* demo_check.c */
/* Reads the stream by three connections, shows it, archives and deletes it (step 11), compares. */
trib_code demo_finish_stream(demo_state *demo, trib_error *err);
/* Shows what was counted; true if all is as it must be. */
bool demo_judge(demo_state *demo);
/* The rows are the events of the order, in order. Pure. */
bool demo_events_match(const trib_sql_rows *rows);
/* "2026-02-20T12:30:00.000Z" -> "12:30:00". Pure. */
trib_str demo_clock(trib_str ts);

/* demo_city.c: many deals at once. *ret_ok: no error, and nothing was wrong. Errors: USAGE, CONNECT, and others that
 * ended it. */
trib_code demo_play_city(demo_state *demo, bool *ret_ok, trib_error *err);

#endif

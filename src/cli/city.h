/* SPDX-License-Identifier: Apache-2.0 */
/* Private to `trib demo --city`: many deals of all kinds at once, and drivers that move, over HTTP on one thread.
 *
 *   demo_city.c     options, the order of the parts, the verdict
 *   city_kinds.c    the requests of each kind, as templates
 *   city_people.c   tenants, their rows before, and what must stand in them in the end
 *   city_deal.c     one deal: its requests, one after the other, and what their answers must be
 *   city_ping.c     drivers that move
 *   city_play.c     the clock: deals that begin, steps and pings that are due
 *   city_show.c     what /metrics says, the table, the summary
 *
 * N deals are open at once and begin at an even rate, so each takes N / rate: its requests are spread over that time.
 * What falls due while the server is slow waits, and its waiting counts. */
#ifndef TRIB_CLI_CITY_H
#define TRIB_CLI_CITY_H

#include "base/latency.h"
#include "cli/demo.h"
#include "io/http_many.h"

enum {
    CITY_DEALS_MAX = 20000,
    CITY_SECONDS_MAX = 7 * 24 * 3600,
    CITY_STEPS_MAX = 10,
    CITY_KINDS = 6,
    CITY_PING_CALLS_MAX = 256, /* under way at once */
    CITY_NAME_BYTES = 24,
    CITY_ID_BYTES = 40,
    CITY_REQUEST_MAX_BYTES = 16 * 1024,
    CITY_TICK_MS = 2,
    CITY_CALL_TIMEOUT_MS = 15 * 1000,
    CITY_END_PACE_MS = 700, /* between two requests of a deal that is open then, at most */
    CITY_END_MAX_S = 60,    /* for the deals that are open when the time is over */
    CITY_ERRORS_MAX = 32,
    CITY_STOP_AT_ERRORS = 1000, /* nothing is learnt from more */
    CITY_SCARCE_EVERY = 16,     /* one food order in so many wants what runs out */
    CITY_SCARCE_STOCK = 3,
    CITY_STOCK = 100000000,
    CITY_PROBE_EVERY = 8, /* one driver in so many is first looked for among those who have a job */
    CITY_SAMPLE = 500     /* streams whose ledger is read in the end */
};

/* The documents' city: what --rate multiplies. */
#define CITY_DEALS_A_SECOND  12.0
#define CITY_EVENTS_A_SECOND 116.0
#define CITY_PINGS_A_SECOND  2000.0

typedef enum city_who { CITY_BUYER, CITY_SELLER, CITY_DRIVER, CITY_PICKER, CITY_COURIER, CITY_PLATFORM } city_who;
enum { CITY_CROWDS = CITY_COURIER + 1 };

/* What a step has to do with workers and stock beside its request. */
typedef enum city_need {
    CITY_NOTHING,
    CITY_TAKES_DRIVER, /* one who is idle */
    CITY_TAKES_PICKER,
    CITY_FREES_DRIVER, /* he is idle when it is answered */
    CITY_FREES_PICKER,
    CITY_TAKES_STOCK /* may be refused where it has run out */
} city_need;

/* In a body: %i the deal's id, %s seller, %w driver, %p picker, %c courier, %y and %x a place, %d and %e days. */
typedef struct city_step {
    city_who who;
    const char *action; /* "" begins the deal */
    const char *body;
    city_need need;
} city_step;

typedef struct city_kind {
    const char *name, *path, *prefix;
    const char *seller_sql; /* what a seller has; NULL: nobody sells */
    const city_step *steps;
    unsigned step_count;
    unsigned stock; /* units that a deal takes from the seller's points */
    int64_t start;  /* what they have in the beginning */
} city_kind;
extern const city_kind city_kinds[CITY_KINDS];
extern const city_step city_scarce_step, city_cancel_step;
extern const char city_tables_sql[], city_driver_sql[], city_picker_sql[], city_courier_sql[];

typedef struct city city;

/* A tenant. */
typedef struct city_person {
    char name[CITY_NAME_BYTES];
    double lat, lng, to_lat, to_lng; /* of a driver */
    uint64_t sold, jobs, day;        /* as the answers said */
    struct city_person *next_idle;
} city_person;

/* Tenants of one part. Drivers and pickers are idle in the order in which they became so. */
typedef struct city_crowd {
    city_person *people;
    unsigned count;
    city_person *first_idle, *last_idle;
} city_crowd;

typedef enum city_deal_state { CITY_FREE, CITY_WAITS, CITY_ASKS, CITY_PROBES } city_deal_state;

typedef struct city_deal {
    trib_http_many_call call; /* first */
    city *city;
    city_deal_state state;
    const city_kind *kind;
    unsigned step;
    bool scarce, cancelled, held;
    char id[CITY_ID_BYTES];
    city_person *buyer, *seller, *driver, *picker, *courier;
    struct city_deal *probed; /* whose driver was asked for */
    int64_t due_ns, answered_ns;
    trib_buf request;
} city_deal;

typedef struct city_ping {
    trib_http_many_call call; /* first */
    city *city;
    bool used;
    trib_buf request;
} city_ping;

typedef struct city_error {
    char code[TRIB_ERROR_CODE_BYTES];
    char message[160]; /* of the first */
    uint64_t count;
} city_error;

/* What the server says of itself. */
typedef struct city_metrics {
    double database_bytes, log_bytes, free_bytes, archived, backlog, stopped, events, syncs, commits, all_syncs, lag;
    double rss_bytes, cpu_seconds;
} city_metrics;

typedef struct city_counts {
    uint64_t deals, cancelled, requests, events, pings, probes, sold_out, late_pings;
} city_counts;

struct city {
    demo_state *demo;
    trib_http_many *many;
    trib_remote metrics_remote;
    unsigned deals_open, deals_max, seconds;
    double rate;
    char host[256], path[64], authorization[TRIB_REMOTE_SECRET_BYTES + 8];
    city_crowd buyers, sellers[CITY_KINDS], drivers, pickers, couriers;
    city_deal *deals;
    city_ping pings[CITY_PING_CALLS_MAX];
    unsigned ping_at;
    uint64_t begun, seed;
    int64_t began_ns, played_ns;
    bool ending; /* nothing begins any more */
    int64_t ended_ns;
    bool stops; /* nothing can be played any more; `why` */
    trib_error why;
    uint64_t error_count, invariants_broken;
    city_error errors[CITY_ERRORS_MAX];
    char broken[200];                  /* the first invariant that did not hold */
    city_counts counts, played;        /* until now; until nothing began any more */
    trib_latency *append, *append_now; /* of all, and since the last look */
    char (*sample)[CITY_ID_BYTES];
    unsigned sample_count;
    uint64_t samples_seen;
    trib_arena arena; /* of one answer */
    /* the table */
    city_counts shown;
    city_metrics first, before, now, peak;
    int64_t shown_ns, next_show_ns;
    double best_deals, best_events, best_pings; /* a second, between two looks */
    bool terminal;
    unsigned lines;
};

/* ---- pure ---- */

/* The body of a step. False: it does not fit. */
bool city_write_body(const city_deal *deal, const city_step *step, trib_buf *out);
/* The day so many days after 2026-01-01: "2026-02-01". */
void city_day(uint64_t day, char ret[16]);
/* "12", "0.5", "1e3"; false for anything else. */
bool city_number(trib_str text, double *ret);
/* Reads what is wanted of a page in OpenMetrics. */
void city_metrics_read(trib_str page, city_metrics *ret);
const city_step *city_step_of(const city_deal *deal);
/* How far a driver goes at once: towards his aim. True: he is there. */
bool city_drive(city_person *driver);

/* ---- playing ---- */

uint64_t city_random(city *c);
void city_note_error(city *c, const char *code, trib_str message);
void city_note_broken(city *c, const char *format, ...) __attribute__((format(printf, 2, 3)));
void city_stop(city *c, trib_code code, const char *why);
/* What an answer that is no success says: its code and message. */
void city_note_answer(city *c, const trib_http_many_answer *answer, const char *what);
/* POST to a tenant's path, whole; GET where there is no body. Key "": none. False: no memory. */
bool city_write_request(const city *c, trib_buf *out, const char *tenant, const char *path, const char *key,
                        trib_str body);

city_person *city_take_idle(city_crowd *crowd);
void city_give_idle(city_crowd *crowd, city_person *person);

trib_code city_people_make(city *c, trib_error *err);
void city_people_free(city *c);
trib_code city_people_check(city *c, trib_error *err);

void city_deal_begin(city *c, city_deal *deal, int64_t now_ns);
/* Sends the next request, if its worker is to be had. */
void city_deal_step(city_deal *deal, int64_t now_ns);
/* Between two requests of a deal of this kind. */
int64_t city_pace_ns(const city *c, const city_kind *kind);

void city_pings_send(city *c, int64_t now_ns);

trib_code city_play(city *c, trib_error *err);

trib_code city_show_begin(city *c, trib_error *err);
/* Looks at /metrics and shows a line, where it is time; at once with `now`. */
void city_show(city *c, bool now);
void city_show_end(city *c, bool ok);

#endif

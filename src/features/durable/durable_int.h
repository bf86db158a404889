/* SPDX-License-Identifier: Apache-2.0 */
/* Private to features/durable.
 *
 *   routes.c -> head.c (what the request says) -> ask.c: a job on the tenant's own database, one transaction
 *                                                   create.c append.c remove.c read.c, on tables.c
 *                                                   -> answer.c, or live.c: waits for the next append
 *
 * A reader that waits holds no thread and no connection of the database. An append that is durable wakes those who wait
 * for its stream, and brings what it wrote along: they are answered from memory. */
#ifndef TRIB_FEATURES_DURABLE_DURABLE_INT_H
#define TRIB_FEATURES_DURABLE_DURABLE_INT_H

#include "base/list.h"
#include "base/map.h"
#include "core/app.h"
#include "core/archive.h"
#include "core/db_job.h"
#include "core/http.h"
#include "core/stream.h"
#include "features/durable/checked.h"
#include "features/durable/durable.h"
#include "features/durable/offset.h"
#include "features/durable/producer.h"
#include "wire/url.h"

enum {
    DURABLE_BODY_MAX_BYTES = 4 << 20,        /* of one append, which holds the turn: one row of the database */
    DURABLE_BODY_READ_BYTES = 16 << 20,      /* is read to its end, so that who sends it hears that it is too long */
    DURABLE_JSON_ARENA_MAX_BYTES = 48 << 20, /* to read it: two bytes of JSON become a node of 48 */
    DURABLE_ARENA_MAX_BYTES = 256 * 1024,    /* of a transaction: texts of the rows that it visits */
    DURABLE_PATH_MAX_BYTES = 512,            /* of a stream: a key of an index */
    DURABLE_TYPE_MAX_BYTES = 200,            /* of a content type, which is kept and told */
    DURABLE_SEQ_MAX_BYTES = 512,             /* of Stream-Seq, which is kept */
    DURABLE_PRODUCER_MAX_BYTES = 256,        /* of Producer-Id, which is kept */
    DURABLE_READ_BYTES = 1 << 20,            /* of one answer; a longer stream is read in pieces */
    DURABLE_SSE_READ_BYTES = 64 << 10,       /* of one event: six times as many of the worst text are under way */
    DURABLE_OUT_MAX_BYTES = 3 * DURABLE_BODY_MAX_BYTES, /* one JSON message goes out whole */
    DURABLE_STREAMS_MAX = 100000, /* of a tenant: a loop of PUT makes rows without a byte of content */
    DURABLE_FORK_DEPTH_MAX = 16,  /* forks of forks: a read visits each of them */
    DURABLE_LONG_POLL_MS = 20000, /* unless ?timeout= says less or more */
    DURABLE_LONG_POLL_MAX_S = 60,
    DURABLE_SSE_LIFE_MS = 60000,        /* then the client comes back: tokens end, proxies collapse */
    DURABLE_SSE_BEAT_MS = 15000,        /* a quiet stream shows that it is there, and finds peers that are not */
    DURABLE_WAITERS_MAX = 50000,        /* that read live at once, of all tenants: memory */
    DURABLE_TENANT_WAITERS_MAX = 20000, /* of one tenant */
    DURABLE_SWEEP_PARTS = 64,           /* rows of a deleted stream in one transaction: others want the turn, too */
    DURABLE_SWEEP_SLICES = 256,         /* of them with one DELETE; */
    DURABLE_SWEEP_SLICES_OTHER = 4,     /* with one PUT: what is left goes with later ones */
    DURABLE_EXPIRED_MAX = 8,            /* streams whose time is over that one PUT looks after */
    DURABLE_HEADERS_MAX_BYTES = 4096
};

/* Of a stream's time to live, a hundred years: sums of milliseconds stay far from their end. */
#define DURABLE_TTL_MAX_S UINT64_C(3153600000)
/* Where the shared log of deals is read. */
#define DURABLE_DEALS "deals/"

typedef enum durable_op { DURABLE_CREATE, DURABLE_APPEND, DURABLE_REMOVE, DURABLE_READ, DURABLE_CALL } durable_op;
typedef enum durable_live { DURABLE_LIVE_NOT, DURABLE_LIVE_POLL, DURABLE_LIVE_SSE } durable_live;
typedef enum durable_from { DURABLE_FROM_START, DURABLE_FROM_NOW, DURABLE_FROM_POSITION } durable_from;
/* What is counted about wakes. */
typedef enum durable_counted {
    DURABLE_COUNT_NOTHING,
    DURABLE_COUNT_CLAIMED,
    DURABLE_COUNT_ACKED,
    DURABLE_COUNT_FENCED,
    DURABLE_COUNT_SENT,
    DURABLE_COUNT_FAILED,
    DURABLE_COUNT_ANNOUNCED,
    DURABLE_COUNT_EXPIRED,
    DURABLE_COUNTS
} durable_counted;

/* What a request says; texts are in its arena. */
typedef struct durable_head {
    trib_str path;
    trib_str type; /* empty: no Content-Type */
    bool closes;   /* Stream-Closed: true */
    /* create */
    bool has_ttl, has_expires;
    uint64_t ttl_s;
    int64_t expires_ms;
    trib_str fork_of; /* the path of a stream of the same tenant; empty: no fork */
    bool has_fork_position;
    uint64_t fork_position, fork_sub;
    /* append */
    trib_str seq;      /* ptr NULL: none */
    trib_str producer; /* empty: none */
    uint64_t epoch, producer_seq;
    /* read */
    bool is_head;
    durable_live live;
    durable_from from;
    uint64_t position, cursor;
    uint32_t timeout_ms;
    trib_str if_none_match;
    struct durable_call *call; /* about a subscription: sub_int.h; NULL: about a stream */
} durable_head;

/* A row of _trib_ds_stream; texts are in the transaction's arena. */
typedef struct durable_stream {
    bool exists;
    int64_t id, created_ms, touched_ms, source; /* source 0: it is no fork */
    trib_str type, seq;                         /* seq.ptr NULL: none yet */
    uint64_t tail, fork_position;
    int64_t depth; /* of forks */
    bool json, closed, gone;
    int64_t ttl_s, expires_ms, dies_ms; /* -1: not set */
} durable_stream;

/* What an append has done, for those who wait. Counted: as many waiters as there are look at the same. */
typedef struct durable_news {
    _Atomic uint32_t refs;
    uint64_t position, end;
    bool closed;
    trib_buf raw; /* the bytes; messages with a comma between them */
    trib_buf sse; /* the same as an event; empty where there are none */
} durable_news;

typedef struct durable_module durable_module;
typedef struct durable_ask durable_ask;
typedef struct durable_rounds durable_rounds;

struct durable_ask {
    trib_db_job job;         /* first */
    trib_http_request *http; /* NULL: a round (sub_rounds.c) */
    trib_tenant *tenant;     /* whose streams they are; borrowed */
    trib_str bytes;          /* to append */
    durable_module *module;
    durable_op op;
    durable_head head;
    /* ---- the transaction, on a worker ---- */
    trib_code (*body)(durable_ask *ask, trib_error *err);
    trib_code (*next)(durable_ask *ask,
                      trib_error *err); /* what comes when body is durable, on the tenant; NULL: none */
    trib_handle *handle;
    bool is_deal; /* on the database `streams` */
    struct durable_round *round;
    trib_stream_txn deals; /* who asks, there */
    bool is_elsewhere;     /* the deal's events from deal_from on are in its object: durable_fetch_deal */
    durable_stream deal;
    uint64_t deal_from;
    trib_archive_row row;
    trib_archive_task fetch;
    trib_arena arena; /* of the transaction */
    trib_arena json;  /* of the request's messages, which are read once */
    trib_buf messages;
    bool has_tables, has_subs; /* has_subs: subscriptions may look at what is done */
    bool nudges;               /* they have something to do */
    durable_counted counted;
    bool has_messages, writes, done; /* done: the transaction has ended, what follows is housekeeping */
    uint64_t units;                  /* of the body: bytes, or messages */
    int64_t now_ms;
    unsigned slices;  /* of sweeping to do */
    int64_t touch_id; /* a stream whose time to live begins anew; 0: none */
    /* ---- the answer ---- */
    int status;
    char type[DURABLE_TYPE_MAX_BYTES + 1];
    trib_buf out, headers;
    bool tells; /* those who wait hear of it */
    uint64_t told_from, told_to;
    bool json_mode, text_mode, closed;
    /* ---- reading ---- */
    uint64_t position, tail; /* up to where it was read, and where the stream ends */
    bool read_any;
    /* ---- live ---- */
    bool streaming, sending, no_credit, must_read;
    int64_t until_ns;
    trib_job wake;
    /* under the module's lock */
    struct durable_entry *entry;
    trib_list in_entry, in_slot;
    bool waiting, posted, dirty;
    durable_news *news;
};

/* ---- head.c: on the loop. Errors: BAD_REQUEST, NOMEM. ---- */
trib_code durable_head_create(trib_http_request *http, durable_head *ret, trib_error *err);
trib_code durable_head_append(trib_http_request *http, durable_head *ret, trib_error *err);
trib_code durable_head_read(trib_http_request *http, durable_head *ret, trib_error *err);
bool durable_path_is_deal(trib_str path);
trib_code durable_head_path(trib_http_request *http, durable_head *ret, trib_error *err);

/* ---- ask.c ---- */
/* An ask without a request, or with one. NULL: no memory. */
durable_ask *durable_ask_new(durable_module *module, trib_http_request *http, trib_tenant *tenant);
/* trib_db_job.work of every ask. */
trib_code durable_ask_work(trib_db_job *job, trib_handle *handle, trib_error *err);
/* A job with a transaction; answers and frees itself, whatever happens. Thread: the request's loop. */
void durable_ask_start(trib_http_request *http, durable_op op, const durable_head *head,
                       trib_code (*body)(durable_ask *ask, trib_error *err));
/* Once more, for a live reader. */
void durable_ask_submit(durable_ask *ask);
/* deals.c: behind the transaction that has found a deal elsewhere; `done` gets ask->fetch.job, and its code says how it
 * went. Errors: as trib_archive_submit_for: nothing has moved. */
trib_code durable_fetch_deal(durable_ask *ask, void (*done)(trib_job *job), trib_error *err);
void durable_ask_free(durable_ask *ask);

/* ---- messages.c ---- */
/* The messages of a JSON text, each on a line of its own: an array's elements, or the one value.
 * Errors: BAD_JSON, BODY_TOO_LARGE (too many values), NOMEM. Pure. */
trib_code durable_messages_split(trib_arena *arena, trib_str text, trib_buf *ret, uint64_t *ret_count, trib_error *err);
/* Of `lines`, which has as many messages as it has line ends + 1: those from number `skip` on, at most `most`, with
 * commas between them and before the first if `out` is not empty. Stops before `out` is longer than `limit`, but not
 * before the first. Returns how many. */
uint64_t durable_messages_add(trib_str lines, uint64_t skip, uint64_t most, size_t limit, trib_buf *out);
/* An event of an event stream: `event: data` and the text in lines of `data:`. */
void durable_event_text(trib_str text, trib_buf *out);
void durable_event_base64(trib_str bytes, trib_buf *out);
void durable_event_control(const char *offset, uint64_t cursor, bool up_to_date, bool closed, trib_buf *out);

/* ---- tables.c: in a transaction, on a worker ---- */
/* First in a transaction: ask->has_tables. Errors: INTERNAL (they are not ours). */
trib_code durable_tables_check(durable_ask *ask, trib_error *err);
trib_code durable_tables_make(durable_ask *ask, trib_error *err);
/* The same of subscriptions; sets has_subs. */
trib_code durable_sub_tables_make(durable_ask *ask, trib_error *err);
/* A stream of the tenant. One whose time is over does not exist (but has an id), or is `gone` where it has forks. */
trib_code durable_load(durable_ask *ask, trib_str path, durable_stream *ret, trib_error *err);
trib_code durable_load_by_id(durable_ask *ask, int64_t id, durable_stream *ret, trib_error *err);
/* The same, and it must be there. Errors: STREAM_NOT_FOUND, STREAM_GONE. */
trib_code durable_open(durable_ask *ask, trib_str path, durable_stream *ret, trib_error *err);
/* *ret->id is set. */
trib_code durable_insert(durable_ask *ask, trib_str path, durable_stream *ret, trib_error *err);
/* Adds the request's body at the end of `s`; tail, closed, seq and the time of use are written. */
trib_code durable_add(durable_ask *ask, durable_stream *s, trib_error *err);
trib_code durable_producer_load(durable_ask *ask, const durable_stream *s, durable_producer *ret, trib_error *err);
trib_code durable_producer_store(durable_ask *ask, const durable_stream *s, trib_error *err);
/* Away, or gone while it has forks; with it those before it that were kept for this one. */
trib_code durable_kill(durable_ask *ask, durable_stream *s, trib_error *err);
trib_code durable_kill_expired(durable_ask *ask, trib_error *err);
/* The length in units of what stands in one append at `position`, at least 1 unit before `tail`; 0: nothing. */
trib_code durable_length_at(durable_ask *ask, const durable_stream *s, uint64_t position, uint64_t *ret,
                            trib_error *err);
/* Outside a transaction: one slice of what is left of streams that were removed. *ret_more: there may be more.
 * Errors: AGAIN (the job's own), the store's. */
trib_code durable_sweep(durable_ask *ask, bool *ret_more, trib_error *err);
trib_code durable_touch(durable_ask *ask, trib_error *err);
/* When a stream that is used now dies; -1: it does not. */
int64_t durable_dies_ms(const durable_stream *s, int64_t now_ms);

/* ---- sub_rows.c: what streams tell subscriptions, where ask->has_subs ---- */
enum { DURABLE_SUB_TABLES = 4 };
extern const char *const durable_sub_tables[DURABLE_SUB_TABLES];
/* Something was appended behind `before`; sets ask->nudges. */
trib_code durable_link_note(durable_ask *ask, trib_str path, uint64_t before, trib_error *err);
/* A stream begins with `tail`: a fork. */
trib_code durable_link_made(durable_ask *ask, trib_str path, uint64_t tail, trib_error *err);
/* A stream ends. */
trib_code durable_link_forget(durable_ask *ask, int64_t stream, trib_error *err);

/* ---- pieces.c ---- */
/* What `s` and those it is a fork of have from `position` on, into ask->out, at most `limit` bytes; *ret_end: up to
 * where. */
trib_code durable_pieces_read(durable_ask *ask, const durable_stream *s, uint64_t position, size_t limit,
                              uint64_t *ret_end, trib_error *err);

/* ---- create.c append.c read.c deals.c: bodies of a transaction ---- */
trib_code durable_create(durable_ask *ask, trib_error *err);
trib_code durable_append(durable_ask *ask, trib_error *err);
trib_code durable_remove(durable_ask *ask, trib_error *err);
trib_code durable_read(durable_ask *ask, trib_error *err);
trib_code durable_read_deal(durable_ask *ask, trib_error *err);
/* What both reads begin with: where to. A HEAD is answered by it. */
trib_code durable_read_begin(durable_ask *ask, const durable_stream *s, uint64_t *ret_from, trib_error *err);
/* The request's messages, once it is known whether they are JSON. */
trib_code durable_take_body(durable_ask *ask, bool json, trib_error *err);

/* ---- answer.c ---- */
/* A header line; failure sticks. */
void durable_header(durable_ask *ask, const char *name, const char *format, ...) __attribute__((format(printf, 3, 4)));
void durable_header_offset(durable_ask *ask, uint64_t position);
/* Sends what ask has; the ask is freed. */
void durable_answer(durable_ask *ask);
void durable_answer_error(durable_ask *ask, const trib_error *err);
/* Without an ask. */
void durable_refuse(trib_http_request *http, const trib_error *err);
/* The head of an event stream, which begins with ask->out. */
void durable_stream_begin(durable_ask *ask, void (*on_credit)(trib_http_request *));
/* Where a read has ended. */
void durable_answer_place(durable_ask *ask);
/* The same with what a cache needs. 304 where the client has it already. */
void durable_answer_describe(durable_ask *ask, const durable_stream *s, uint64_t from);
uint64_t durable_next_cursor(const durable_ask *ask);

/* ---- live.c ---- */
trib_code durable_live_start(trib_app *app, void **ret_state, trib_error *err);
void durable_live_stop(void *state);
durable_checked *durable_module_checked(const durable_module *module);
durable_rounds *durable_module_rounds(const durable_module *module);
void durable_module_count(const durable_module *module, durable_counted what, uint64_t n);
trib_tenant *durable_module_deals(const durable_module *module);
/* Before the first read of a live reader: from now on nothing is missed. Errors: TOO_MANY_REQUESTS, NOMEM. */
trib_code durable_live_join(durable_ask *ask, trib_error *err);
/* A read of a live reader has ended: answers, sends, reads on or waits. Home loop. */
void durable_live_go_on(durable_ask *ask);
/* It has failed. */
void durable_live_failed(durable_ask *ask, const trib_error *err);
void durable_live_leave(durable_ask *ask);
/* What ask has done is durable. Thread: any, the owner of ask. */
void durable_live_tell(durable_ask *ask);

/* ---- sub_rounds.c: when subscriptions have something to do ---- */
/* Errors: NOMEM, and those of the database `streams`, where the tenants are noted that have any. Thread: the one that
 * starts. */
trib_code durable_rounds_new(durable_module *module, trib_app *app, const trib_tenant *streams, durable_rounds **ret,
                             trib_error *err);
void durable_rounds_free(durable_rounds *rounds);
/* Whether the tenant may have subscriptions: it is noted. Thread: any. */
bool durable_rounds_knows(durable_rounds *rounds, const trib_tenant *tenant);
/* It is noted by now. Errors: NOMEM. Thread: any. */
trib_code durable_rounds_add(durable_rounds *rounds, const trib_tenant *tenant, trib_error *err);
/* Its subscriptions have something to do. Thread: any. */
void durable_rounds_nudge(durable_rounds *rounds, const trib_tenant *tenant);
void durable_rounds_tick(durable_rounds *rounds);
/* Tenants that are noted. */
size_t durable_rounds_count(durable_rounds *rounds);

#endif

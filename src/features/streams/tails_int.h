/* SPDX-License-Identifier: Apache-2.0 */
/* Tails: readers who follow a stream, over SSE, long polls and WebSockets. Private to features/streams.
 *
 *   commit durable --> hub.c: a pump is under way, or one begins
 *   worker             pump.c: one look at what is new in all streams --> one news a stream that somebody follows
 *   each loop          its lane takes the news and shows them to its tails, some at a time
 *
 * A tail is a place in a stream (`seq`: the last event that it has shown) and one of three states:
 *
 *   READING   a job reads the events behind `seq` from the database
 *   LIVE      it has all of them; news are shown as they are, their bytes made once for everybody
 *   RESTING   its peer takes no more: nothing is kept for it, it reads on from the database when there is room again
 *
 * Nothing is skipped and nothing comes twice, because a tail shows nothing but what follows `seq`: news that begin
 * later send it back to READING, news that it has had are dropped, and it stands in the hub before it reads, so that
 * what the read does not see comes as news. Reads and pumps are jobs, whose results pass the gate: all that is shown is
 * durable. */
#ifndef TRIB_FEATURES_STREAMS_TAILS_INT_H
#define TRIB_FEATURES_STREAMS_TAILS_INT_H

#include "base/list.h"
#include "base/map.h"
#include "core/metrics.h"
#include "features/streams/streams_int.h"

enum {
    STREAMS_TAILS_MAX = 50000,           /* of the process: about 1 KB each, and a socket */
    STREAMS_TAILS_OF_TENANT_MAX = 10000, /* one tenant cannot take all of them */
    STREAMS_TAILS_OF_SOCKET_MAX = 256,   /* subscriptions: each may read the database once the socket has room */
    STREAMS_MESSAGE_MAX_BYTES = 4096,    /* from a WebSocket's peer: a name and a number */
    STREAMS_READ_EVENTS = 500,           /* that one read of a tail takes: others want the database too */
    STREAMS_READ_BYTES = 64 << 10,       /* the same: what a peer that does not read can make us keep more */
    STREAMS_READ_FETCHES = 64,        /* of an archived stream, at most: a tail of a large one is shown larger pieces */
    STREAMS_NEWS_BYTES = 256 << 10,   /* of one stream in one look; each tail reads the rest itself */
    STREAMS_PUMP_EVENTS = 1000,       /* that one look takes, then it begins again */
    STREAMS_LANES_MAX = 64,           /* loops */
    STREAMS_LANE_NEWS_MAX = 1024,     /* that wait for one loop; past it its tails read the database */
    STREAMS_LANE_SLICE = 200,         /* tails that are shown news before the loop's sockets get their turn */
    STREAMS_PAUSE_FACTOR = 3,         /* times as long as the last news took to be shown, no new ones are looked for: */
    STREAMS_PAUSE_LEAST_MS = 5,       /* where that is as long as this, and no longer than the next. Readers of one */
    STREAMS_PAUSE_MAX_MS = 100,       /* stream do not take a loop from everybody else */
    STREAMS_BEAT_MS = 250,            /* tails are looked after so often: time-outs, tokens, reads to be tried again */
    STREAMS_HEARTBEAT_MS = 10 * 1000, /* without an event: a comment, so that nobody on the way closes the socket */
    STREAMS_CENSUS_MS = 1000,         /* without a tail the log is looked at so often, to count it */
    STREAMS_POLL_S = 25,              /* that a long poll waits where it does not say */
    STREAMS_POLL_MAX_S = 60,
    STREAMS_MARKS_KEPT = 1000 /* of streams that were closed or deleted; a hub that is further behind reads all */
};

typedef struct streams_hub streams_hub;
typedef struct streams_lane streams_lane;
typedef struct streams_topic streams_topic;
typedef struct streams_tail streams_tail;

/* X(id, label) */
#define STREAMS_TAIL_KIND_TABLE(X)                                                                                     \
    X(SSE, "sse")                                                                                                      \
    X(POLL, "long_poll")                                                                                               \
    X(SOCKET, "websocket")

/* X(id, label): why a tail ends */
#define STREAMS_TAIL_END_TABLE(X)                                                                                      \
    X(CLOSED, "closed")     /* the stream is, and everything was shown */                                              \
    X(DELETED, "deleted")   /* its events were */                                                                      \
    X(REFUSED, "refused")   /* token or membership do not count any more; or they never did */                         \
    X(FAILED, "failed")     /* the database cannot be read */                                                          \
    X(ANSWERED, "answered") /* a long poll */                                                                          \
    X(LEFT, "left")         /* the peer is gone, or was cut off by net because it took nothing */                      \
    X(DRAINED, "drained")   /* the server ends */

typedef enum streams_tail_kind {
#define X(id, label) STREAMS_TAIL_##id,
    STREAMS_TAIL_KIND_TABLE(X)
#undef X
        STREAMS_TAIL_KINDS
} streams_tail_kind;

typedef enum streams_tail_end {
#define X(id, label) STREAMS_END_##id,
    STREAMS_TAIL_END_TABLE(X)
#undef X
        STREAMS_TAIL_ENDS
} streams_tail_end;

/* ---- news.c ---- */

/* What was seen of one stream in one snapshot: some of its events, in every form that they are sent in. Shared and
 * never changed once it is made. */
typedef struct streams_news {
    _Atomic uint32_t refs;
    trib_list link;              /* its maker's */
    uint64_t first, last, count; /* of the events, without a gap between; count 0: none */
    uint64_t version;            /* of the stream */
    bool exists, is_closed, is_deleted;
    bool is_elsewhere; /* archived: the events are in an object, and none is here until streams_news_take */
    bool members_known;
    size_t member_count;
    char (*members)[TRIB_DB_ID_BYTES + 1];
    trib_buf json, sse, ws; /* objects with commas between; frames of an event stream; one message */
    trib_buf at;            /* news_place of each event */
    char etag[2 * TRIB_SHA256_BYTES + 1];
    trib_str id; /* in id_text */
    char id_text[TRIB_STREAM_ID_MAX_BYTES];
    trib_str continued_by; /* of a closed stream, in next_text; empty: nothing continues it yet */
    char next_text[TRIB_STREAM_ID_MAX_BYTES];
} streams_news;

typedef struct streams_news_ask {
    trib_str id;
    uint64_t after;    /* events behind this one */
    bool from_end;     /* none, whatever `after` says */
    bool admit;        /* txn's tenant must be a member */
    bool with_members; /* say who is one */
    size_t max_bytes;  /* at least one event is read */
    uint64_t max_events;
    trib_archive_row *row; /* filled for an archived stream, in the arena of txn; NULL: its events are not asked for */
} streams_news_ask;

/* Errors: STREAM_NOT_FOUND (admit), AGAIN (txn->writes is set now: it must be folded), NOMEM, and the store's. Thread:
 * worker, in the transaction. */
trib_code streams_news_read(trib_stream_txn *txn, const streams_news_ask *ask, streams_news **ret, trib_error *err);
/* The events of a stream that was read from its object, where streams_news_read has found it elsewhere. Errors: NOMEM.
 * Thread: any. */
trib_code streams_news_take(streams_news *news, const streams_news_ask *ask, const trib_stream *s, trib_error *err);
streams_news *streams_news_ref(streams_news *news);
void streams_news_unref(streams_news *news);
/* The events from the `from`-th on, borrowed. */
trib_str streams_news_json(const streams_news *news, size_t from);
trib_str streams_news_sse(const streams_news *news, size_t from);
/* A message like news->ws with fewer events. */
void streams_news_write_ws(const streams_news *news, size_t from, trib_buf *out);
bool streams_news_has_member(const streams_news *news, const char *tenant_id);

/* ---- tail.c: thread: the tail's loop ---- */

typedef enum streams_tail_state { STREAMS_TAIL_READING, STREAMS_TAIL_LIVE, STREAMS_TAIL_RESTING } streams_tail_state;

/* What a kind of tails does. */
typedef struct streams_tail_ops {
    streams_tail_kind kind;
    /* The first read has come, with events or not: the tail may be shown things from here on. */
    void (*opened)(streams_tail *tail, const streams_news *news);
    /* May be NULL: yes. May it be shown something now? Where it may not, streams_tail_go_on comes later. */
    bool (*has_room)(const streams_tail *tail);
    /* Events from the `from`-th on, at least one. False: no more until streams_tail_go_on. */
    bool (*show)(streams_tail *tail, const streams_news *news, size_t from);
    /* Now and then. */
    void (*beat)(streams_tail *tail, int64_t now_ns);
    /* The tail is over and may be freed; `opened` may not have been called. err: for REFUSED, DELETED and FAILED. */
    void (*ended)(streams_tail *tail, streams_tail_end why, const trib_error *err);
} streams_tail_ops;

struct streams_tail {
    /* set by the kind before streams_tail_begin */
    const streams_tail_ops *ops;
    streams_module *module;
    trib_home *home;
    trib_tenant *tenant; /* borrowed, like principal and id, as long as the tail lives */
    trib_principal *principal;
    trib_str id;
    uint64_t seq;  /* the last event that was shown */
    bool from_end; /* the first read puts seq there */
    /* private to tail.c */
    streams_tail_state state;
    bool is_open, is_over, saw_deleted, retry;
    bool has_no_room;            /* it is shown nothing, and does not read */
    bool is_busy;                /* one of its functions is under way: not freed under its feet */
    bool read_again;             /* READING: something came that the read may not have seen */
    const streams_news *at_hand; /* what it is shown right now; NULL: nothing */
    uint64_t read_until, known_version;
    struct streams_read *read;
    streams_tail_end why;
    trib_error err;
    /* private to hub.c */
    streams_lane *lane;
    streams_topic *topic;
    uint64_t shown_no;
    trib_list in_topic, in_lane;
};

/* Who asks is in tenant and principal. OK: ops->ended will be called, once. Errors: TOO_MANY_REQUESTS, BAD_REQUEST, as
 * trib_may, NOMEM: it will not. */
trib_code streams_tail_begin(streams_tail *tail, trib_error *err);
/* There is room again. */
void streams_tail_go_on(streams_tail *tail);
/* It ends, at once or when its read is home. Idempotent. err may be NULL. */
void streams_tail_finish(streams_tail *tail, streams_tail_end why, const trib_error *err);
/* In `opened`, `show` and `ended`: the stream that continues this one, which is closed. Empty: none, or not known.
 * Borrowed from the news. */
trib_str streams_tail_next(const streams_tail *tail);
/* For hub.c. */
void streams_tail_hear(streams_tail *tail, const streams_news *news, int64_t now_ms);
/* Something was missed: it reads. */
void streams_tail_catch_up(streams_tail *tail);
void streams_tail_beat(streams_tail *tail, int64_t now_ms, int64_t now_ns);

/* ---- hub.c ---- */

/* Errors: NOMEM, and as trib_db_start. Thread: the one that starts the server. */
trib_code streams_hub_new(streams_module *module, streams_hub **ret, trib_error *err);
/* No loop runs any more. Takes NULL. */
void streams_hub_free(streams_hub *hub);
/* From here on news come to it. Errors: TOO_MANY_REQUESTS, NOMEM. Thread: the tail's loop. */
trib_code streams_hub_add(streams_hub *hub, streams_tail *tail, trib_error *err);
void streams_hub_remove(streams_hub *hub, streams_tail *tail);

/* For pump.c. Is the stream followed, and by tenants (whose membership may end)? Thread: any. */
bool streams_hub_follows(streams_hub *hub, trib_str id, bool *ret_by_tenants);

/* ---- counts.c ---- */

typedef struct streams_counts {
    trib_counter none; /* instead of any of these without metrics */
    trib_counter *shown[STREAMS_TAIL_KINDS], *ended[STREAMS_TAIL_ENDS], *reads, *looks;
    const trib_deal_registry *types;
    trib_counter *events[TRIB_DEAL_TYPES_MAX + 1]; /* by type, as in the registry; then those of none */
    _Atomic size_t open[STREAMS_TAIL_KINDS];
    _Atomic uint64_t database_bytes, log_bytes, free_bytes; /* as of the last look */
} streams_counts;

/* Thread: the one that starts the server. Errors: NOMEM. Owns: free. */
trib_code streams_counts_new(trib_app *app, streams_counts **ret, trib_error *err);
/* `type` empty, or not known: none. Thread: any. */
void streams_counts_add_events(streams_counts *counts, trib_str type, uint64_t events);

/* ---- pump.c ---- */

/* One look at the log: what is new behind `pos` and `mark`. */
typedef struct streams_pump streams_pump;
struct streams_pump {
    trib_db_job job; /* first */
    streams_hub *hub;
    int64_t pos, mark; /* the newest event and mark that were looked at; set by the look */
    bool more;         /* there may be more at once */
    bool lost;         /* marks are gone that nobody has looked at */
    trib_list news;    /* streams_news.link; whoever takes them owns them */
    void (*looked)(streams_pump *pump);
    /* private */
    streams_module *module;
    trib_stream_txn txn;
    trib_arena arena;
    trib_hash_key seed;
    int64_t weigh_ns; /* not before */
    struct streams_look *look;
};

/* Makes the table of the marks and reads where the log ends now. Thread: the one that starts the server. */
trib_code streams_pump_init(streams_pump *pump, streams_module *module, trib_error *err);
void streams_pump_deinit(streams_pump *pump);
/* `looked` will be called, on a worker or a sync thread; job.code says how it went. Errors: TOO_MANY_REQUESTS,
 * SHUTTING_DOWN: it will not. */
trib_code streams_pump_submit(streams_pump *pump, trib_error *err);

/* ---- the kinds ---- */

/* tail_http.c: answers GET /api/streams/:id?live=. */
void streams_handle_live(trib_http_request *http, trib_str live, const trib_query *query);
/* tail_ws.c: GET /api/streams/live. */
void streams_handle_socket(trib_http_request *http);

#endif

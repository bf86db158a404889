/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions: one client's connection state in a database (libSQL calls it a stream), found again by a baton.
 *
 *   new -> busy (a job runs) -> idle (baton handed out) -> busy -> ... -> closed
 *                     └ idle too long: expired; its id is remembered for a while, so that the next request is told so
 *                       instead of "invalid baton"
 *
 * A session without state costs about 200 bytes: its handle is kept only while a transaction is open or a setting
 * changed.
 *
 * A client may also name its session itself (proxy.Proxy does), and be in it from several connections at once: the one
 * that comes second waits. */
#ifndef TRIB_CORE_SESSION_H
#define TRIB_CORE_SESSION_H

#include "base/ids.h"
#include "base/list.h"
#include "core/app.h"
#include "core/tenant.h"
#include "store/store.h"

enum {
    TRIB_SESSIONS_MAX = 100000,              /* of the process; then the idle one that was used longest ago ends */
    TRIB_SESSION_STORED_SQL_MAX = 150,       /* texts stored in a session */
    TRIB_SESSION_STORED_BYTES_MAX = 1 << 20, /* all of them together: stops a session from parking megabytes */
    TRIB_SESSION_IDLE_MS_DEFAULT = 60000,
    TRIB_SESSION_REMEMBER_MS = 300000, /* how long an expired id is told apart from an unknown one */
    TRIB_SESSION_REMEMBER_MAX = 16384, /* expired ids kept for that: bounds the memory of a session flood */
    TRIB_SESSION_WAITERS_MAX = 16,     /* requests that wait for one that its client names: each holds its body */
    TRIB_SESSION_NAME_MAX_BYTES = 64,  /* such a name; it is a UUID where clients make it */
    TRIB_BATON_BYTES = 28              /* 27 characters and a NUL */
};

typedef struct trib_stored_sql {
    struct trib_stored_sql *next;
    int32_t id;
    size_t len;
    char text[];
} trib_stored_sql;

typedef struct trib_session trib_session;
struct trib_session {
    trib_tenant *tenant;
    trib_handle *handle; /* between jobs, while it has state */
    trib_session_vars vars;
    trib_stored_sql *stored;
    uint32_t stored_count;
    size_t stored_bytes;
    trib_code lost; /* what the next statement must be told: TRANSACTION_TIMEOUT, ... */
    trib_error lost_err;
    bool in_transaction; /* of a named one: its work says so */
    /* private to session.c */
    trib_id id;
    uint64_t fingerprint[2];
    uint32_t seq;
    bool busy, announced, named;
    trib_list waiters; /* trib_session_waiter.link */
    int64_t idle_since_ms;
    trib_list link; /* idle ones, oldest first */
};

trib_code trib_sessions_new(trib_app *app, trib_sessions **ret, trib_error *err);
/* No job may be running. */
void trib_sessions_free(trib_sessions *sessions);
/* Those that a baton can find. Thread: any. */
size_t trib_sessions_count(trib_sessions *sessions);
/* Ends what was idle too long; handles with state are given back by a worker. Thread: the tick's. */
void trib_sessions_tick(trib_sessions *sessions);
/* The tenant was deleted: its idle sessions are rolled back now, busy ones when they are released. Thread: any. */
void trib_sessions_end_tenant(trib_sessions *sessions, const trib_tenant *tenant);
/* The server ends: idle sessions are rolled back now, busy ones when they are released, because nobody can come back to
 * them and those in flight would wait for their turns. Thread: any. */
void trib_sessions_drain(trib_sessions *sessions);

/* A busy session that is not registered yet: it costs nothing to drop. Errors: NOMEM. Thread: any. */
trib_code trib_session_new(trib_sessions *sessions, trib_tenant *tenant, const trib_principal *principal,
                           trib_session **ret, trib_error *err);
/* The session of a baton, now busy. Errors: BATON_INVALID (unknown, another tenant's or principal's: all look the
 * same), BATON_REUSED, STREAM_EXPIRED, SHUTTING_DOWN. */
trib_code trib_session_acquire(trib_sessions *sessions, trib_str baton, const trib_tenant *tenant,
                               const trib_principal *principal, trib_session **ret, trib_error *err);
/* Who waits for a session that is busy. */
typedef struct trib_session_waiter trib_session_waiter;
struct trib_session_waiter {
    trib_home *home;
    void (*again)(trib_session_waiter *waiter); /* on the home loop, once: acquire again */
    /* private to session.c */
    trib_list link;
    trib_job wake;
};
/* The session that the client itself names, now busy; a new one where there is none. Names of different tenants and
 * principals are different. It is kept after release only while it has state (a transaction, a setting), until it is
 * idle for too long; where that ended a transaction, the next statement is told TRANSACTION_TIMEOUT.
 * Errors: AGAIN: it is busy, waiter->again follows. TOO_MANY_REQUESTS (TRIB_SESSION_WAITERS_MAX), BAD_REQUEST (no name,
 * or over TRIB_SESSION_NAME_MAX_BYTES), NOMEM. Thread: a loop. */
trib_code trib_session_acquire_named(trib_sessions *sessions, trib_str name, trib_tenant *tenant,
                                     const trib_principal *principal, trib_session_waiter *waiter, trib_session **ret,
                                     trib_error *err);
/* True: it does not wait any more. False: `again` is on its way. Thread: the waiter's home. */
bool trib_session_stop_waiting(trib_sessions *sessions, trib_session_waiter *waiter);
/* Registers it if it is new and writes the next baton already; it stays busy until release, which writes the same one.
 * Errors: NOMEM. Thread: a loop. */
trib_code trib_session_announce(trib_sessions *sessions, trib_session *session, char ret_baton[TRIB_BATON_BYTES],
                                trib_error *err);
/* Registers it if it is new, makes it idle and writes the next baton; an empty one if the server drains: the session
 * has ended then. Errors: NOMEM: the session was ended. Thread: a loop. */
trib_code trib_session_release(trib_sessions *sessions, trib_session *session, char ret_baton[TRIB_BATON_BYTES],
                               trib_error *err);
/* Ends a busy session. Its handle, if any, is given back by a worker. Thread: any. */
void trib_session_close(trib_sessions *sessions, trib_session *session);

/* Stored SQL. Errors: SQL_STORE_TOO_MANY, SQL_STORE_TOO_LARGE, NOMEM, PROTOCOL ("SQL text N already exists"). */
trib_code trib_session_store_sql(trib_session *session, int32_t id, trib_str sql, trib_error *err);
void trib_session_close_sql(trib_session *session, int32_t id);
/* Errors: PROTOCOL "SQL text N not found". */
trib_code trib_session_get_sql(const trib_session *session, int32_t id, trib_str *ret, trib_error *err);

#endif

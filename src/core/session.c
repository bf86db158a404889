/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions and their batons; see session.h.
 *
 * baton = base64url( id: 128 random bits | seq: u32 big-endian ). The id is the secret; seq goes up with each use, so
 * that a baton works once. A session that its client names has an id made from the name, tenant and principal, with a
 * secret of this run: it lies in the same table, and no baton can be made for it. */

/* gcc -fanalyzer loses sight of memory that an object beyond a function owns; LeakSanitizer watches instead. */
#if defined TRIB_ANALYZE && !defined __clang__
#pragma GCC diagnostic ignored "-Wanalyzer-malloc-leak"
#endif

#include "core/session.h"

#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "core/db_job.h"
#include "crypto/hash.h"
#include "wire/base64.h"

typedef struct gone_id {
    trib_id id;
    int64_t at_ms;
} gone_id;

struct trib_sessions {
    trib_app *app;
    trib_mutex *lock;
    trib_map by_id; /* keys lie in the sessions */
    trib_list idle; /* trib_session.link, oldest first */
    gone_id *gone;  /* ring of expired ids */
    size_t gone_next;
    char secret[16]; /* in the ids of named ones */
    bool draining;   /* no session outlives its request any more */
};

static trib_str id_key(const trib_session *session) {
    return trib_str_make((const char *)session->id.bytes, sizeof session->id.bytes);
}

static uint64_t idle_ms(const trib_sessions *sessions) {
    return sessions->app->settings.session_idle_ms ? sessions->app->settings.session_idle_ms
                                                   : TRIB_SESSION_IDLE_MS_DEFAULT;
}

static int64_t now_ms(const trib_sessions *sessions) {
    return trib_env_mono_ns(sessions->app->env) / 1000000;
}

trib_code trib_sessions_new(trib_app *app, trib_sessions **ret, trib_error *err) {
    trib_hash_key seed;
    trib_sessions *sessions = calloc(1, sizeof *sessions);
    if (!sessions) return trib_error_set(err, TRIB_NOMEM, NULL);
    sessions->app = app;
    trib_list_init(&sessions->idle);
    sessions->lock = trib_mutex_new(app->env);
    sessions->gone = calloc(TRIB_SESSION_REMEMBER_MAX, sizeof *sessions->gone);
    if (!sessions->lock || !sessions->gone || !trib_env_random(app->env, &seed, sizeof seed) ||
        !trib_env_random(app->env, sessions->secret, sizeof sessions->secret)) {
        trib_mutex_free(app->env, sessions->lock);
        free(sessions->gone);
        free(sessions);
        return trib_error_set(err, TRIB_NOMEM, NULL);
    }
    trib_map_init(&sessions->by_id, TRIB_MAP_BORROW_KEYS, seed);
    *ret = sessions;
    return TRIB_OK;
}

static void session_free(trib_session *session) {
    while (session->stored) {
        trib_stored_sql *next = session->stored->next;
        free(session->stored);
        session->stored = next;
    }
    trib_tenant_unref(session->tenant);
    free(session);
}

void trib_sessions_free(trib_sessions *sessions) {
    if (!sessions) return;
    trib_list *link;
    while ((link = trib_list_take_first(&sessions->idle))) {
        trib_session *session = TRIB_LIST_ITEM(link, trib_session, link);
        if (session->handle) trib_handle_give(session->handle);
        session_free(session);
    }
    trib_map_deinit(&sessions->by_id);
    trib_mutex_free(sessions->app->env, sessions->lock);
    free(sessions->gone);
    free(sessions);
}

trib_code trib_session_new(trib_sessions *sessions, trib_tenant *tenant, const trib_principal *principal,
                           trib_session **ret, trib_error *err) {
    trib_session *session = calloc(1, sizeof *session);
    if (!session) return trib_error_set(err, TRIB_NOMEM, NULL);
    session->tenant = trib_tenant_ref(tenant);
    memcpy(session->fingerprint, principal->fingerprint, sizeof session->fingerprint);
    session->busy = true;
    trib_list_init(&session->link);
    trib_list_init(&session->waiters);
    (void)sessions;
    *ret = session;
    return TRIB_OK;
}

/* A job that only gives the handle of an ended session back, on a worker. */
typedef struct close_job {
    trib_job job;
    trib_session *session;
} close_job;

static trib_job_verdict close_run(trib_job *base) {
    close_job *job = (close_job *)(void *)base;
    trib_handle_give(job->session->handle);
    job->session->handle = NULL;
    return TRIB_JOB_DONE;
}

static void close_done(trib_job *base) {
    close_job *job = (close_job *)(void *)base;
    session_free(job->session);
    free(job);
}

/* The session is in no table any more. */
static void end(trib_session *session) {
    if (!session->handle) {
        session_free(session);
        return;
    }
    close_job *job = calloc(1, sizeof *job);
    if (job) {
        job->session = session;
        job->job.run = close_run;
        job->job.done = close_done;
        job->job.queue = session->tenant->queue;
        if (trib_job_submit(&job->job, NULL) == TRIB_OK) return;
        free(job);
    }
    /* no memory or the queue is full: an open transaction must not stay; a rollback on this thread is the lesser
     * evil */
    trib_handle_give(session->handle);
    session->handle = NULL;
    session_free(session);
}

/* In the place of a named session whose transaction ends with it: what tells its client so. Without memory nobody does.
 * Lock held. */
static void leave_word(trib_sessions *sessions, const trib_session *session, int64_t at_ms) {
    trib_principal principal = {0};
    trib_session *word = NULL;
    if (!session->handle || !session->in_transaction || sessions->draining) return;
    memcpy(principal.fingerprint, session->fingerprint, sizeof principal.fingerprint);
    if (trib_session_new(sessions, session->tenant, &principal, &word, NULL) != TRIB_OK) return;
    word->id = session->id;
    word->named = true;
    word->busy = false;
    word->lost = trib_error_set(&word->lost_err, TRIB_TRANSACTION_TIMEOUT,
                                "the transaction was idle for too long and was rolled back; begin it anew");
    word->idle_since_ms = at_ms;
    if (trib_map_set(&sessions->by_id, id_key(word), word, NULL) != TRIB_OK) session_free(word);
    else trib_list_push_back(&sessions->idle, &word->link);
}

/* Takes an idle session out of the tables and remembers its id. Lock held. */
static void expire(trib_sessions *sessions, trib_session *session, int64_t at_ms) {
    trib_list_remove(&session->link);
    trib_map_take(&sessions->by_id, id_key(session));
    if (session->named) {
        leave_word(sessions, session, at_ms);
        return;
    }
    sessions->gone[sessions->gone_next] = (gone_id){session->id, at_ms};
    sessions->gone_next = (sessions->gone_next + 1) % TRIB_SESSION_REMEMBER_MAX;
}

size_t trib_sessions_count(trib_sessions *sessions) {
    trib_mutex_lock(sessions->app->env, sessions->lock);
    size_t count = sessions->by_id.count;
    trib_mutex_unlock(sessions->app->env, sessions->lock);
    return count;
}

void trib_sessions_tick(trib_sessions *sessions) {
    int64_t now = now_ms(sessions);
    for (;;) {
        trib_mutex_lock(sessions->app->env, sessions->lock);
        trib_list *first = trib_list_first(&sessions->idle);
        trib_session *session = first ? TRIB_LIST_ITEM(first, trib_session, link) : NULL;
        bool due = session && (now - session->idle_since_ms >= (int64_t)idle_ms(sessions) ||
                               sessions->by_id.count > TRIB_SESSIONS_MAX);
        if (due) expire(sessions, session, now);
        trib_mutex_unlock(sessions->app->env, sessions->lock);
        if (!due) return;
        end(session);
    }
}

void trib_sessions_end_tenant(trib_sessions *sessions, const trib_tenant *tenant) {
    trib_list ended;
    trib_list_init(&ended);
    trib_mutex_lock(sessions->app->env, sessions->lock);
    TRIB_LIST_EACH_SAFE(link, &sessions->idle) {
        trib_session *session = TRIB_LIST_ITEM(link, trib_session, link);
        if (session->tenant != tenant) continue;
        expire(sessions, session, now_ms(sessions));
        trib_list_push_back(&ended, &session->link);
    }
    trib_mutex_unlock(sessions->app->env, sessions->lock);
    for (trib_list *link; (link = trib_list_take_first(&ended));) end(TRIB_LIST_ITEM(link, trib_session, link));
}

void trib_sessions_drain(trib_sessions *sessions) {
    for (;;) {
        trib_mutex_lock(sessions->app->env, sessions->lock);
        sessions->draining = true;
        trib_list *first = trib_list_first(&sessions->idle);
        trib_session *session = first ? TRIB_LIST_ITEM(first, trib_session, link) : NULL;
        if (session) expire(sessions, session, now_ms(sessions));
        trib_mutex_unlock(sessions->app->env, sessions->lock);
        if (!session) return;
        end(session);
    }
}

/* 20 raw bytes of a baton; false if it is not one. */
static bool baton_decode(trib_str baton, trib_id *ret_id, uint32_t *ret_seq) {
    unsigned char raw[24];
    size_t n;
    if (baton.len != TRIB_BATON_BYTES - 1 ||
        !trib_base64_decode(TRIB_BASE64_URL, TRIB_BASE64_CANONICAL, baton, raw, &n) || n != 20) {
        return false;
    }
    memcpy(ret_id->bytes, raw, 16);
    *ret_seq = (uint32_t)raw[16] << 24 | (uint32_t)raw[17] << 16 | (uint32_t)raw[18] << 8 | raw[19];
    return true;
}

/* Lock held. */
static bool was_expired(const trib_sessions *sessions, trib_id id, int64_t now) {
    for (size_t i = 0; i < TRIB_SESSION_REMEMBER_MAX; i++) {
        if (trib_id_eq(sessions->gone[i].id, id)) return now - sessions->gone[i].at_ms <= TRIB_SESSION_REMEMBER_MS;
    }
    return false;
}

/* Lock held. */
static trib_code look_up(trib_sessions *sessions, trib_str baton, const trib_tenant *tenant,
                         const trib_principal *principal, trib_session **ret, trib_error *err) {
    trib_id id;
    uint32_t seq;
    if (!baton_decode(baton, &id, &seq) || trib_id_is_zero(id)) return trib_error_set(err, TRIB_BATON_INVALID, NULL);
    trib_session *session = trib_map_get(&sessions->by_id, trib_str_make((const char *)id.bytes, sizeof id.bytes));
    if (!session && sessions->draining) return trib_error_set(err, TRIB_SHUTTING_DOWN, NULL);
    if (!session) {
        bool expired = was_expired(sessions, id, now_ms(sessions));
        return trib_error_set(err, expired ? TRIB_STREAM_EXPIRED : TRIB_BATON_INVALID, NULL);
    }
    if (session->tenant != tenant ||
        memcmp(session->fingerprint, principal->fingerprint, sizeof session->fingerprint) != 0) {
        return trib_error_set(err, TRIB_BATON_INVALID, NULL);
    }
    if (session->busy || session->seq != seq) return trib_error_set(err, TRIB_BATON_REUSED, NULL);
    *ret = session;
    return TRIB_OK;
}

trib_code trib_session_acquire(trib_sessions *sessions, trib_str baton, const trib_tenant *tenant,
                               const trib_principal *principal, trib_session **ret, trib_error *err) {
    trib_mutex_lock(sessions->app->env, sessions->lock);
    trib_code code = look_up(sessions, baton, tenant, principal, ret, err);
    if (code == TRIB_OK) {
        (*ret)->busy = true;
        trib_list_remove(&(*ret)->link);
    }
    trib_mutex_unlock(sessions->app->env, sessions->lock);
    return code;
}

/* ---- named by their clients ---- */

static trib_code id_of_name(const trib_sessions *sessions, trib_str name, const trib_tenant *tenant,
                            const trib_principal *principal, trib_id *ret, trib_error *err) {
    char bytes[16 + sizeof principal->fingerprint + sizeof tenant->id + TRIB_SESSION_NAME_MAX_BYTES], *at = bytes;
    uint8_t digest[TRIB_SHA256_BYTES];
    if (name.len == 0 || name.len > TRIB_SESSION_NAME_MAX_BYTES)
        return trib_error_set(err, TRIB_BAD_REQUEST, "the client's id must have 1 to %d bytes; send a UUID",
                              TRIB_SESSION_NAME_MAX_BYTES);
    memcpy(at, sessions->secret, sizeof sessions->secret);
    at += sizeof sessions->secret;
    memcpy(at, principal->fingerprint, sizeof principal->fingerprint);
    at += sizeof principal->fingerprint;
    memcpy(at, tenant->id, sizeof tenant->id);
    at += sizeof tenant->id;
    memcpy(at, name.ptr, name.len);
    at += name.len;
    trib_code code = trib_crypto_sha256(trib_str_make(bytes, (size_t)(at - bytes)), digest);
    if (code != TRIB_OK) return trib_error_set(err, code, NULL);
    memcpy(ret->bytes, digest, sizeof ret->bytes);
    return TRIB_OK;
}

static void woken(trib_job *job) {
    trib_session_waiter *waiter = (trib_session_waiter *)(void *)((char *)job - offsetof(trib_session_waiter, wake));
    waiter->again(waiter);
}

/* Lock held. */
static trib_code wait_for(trib_session *session, trib_session_waiter *waiter, trib_error *err) {
    size_t waiting = 0;
    for (const trib_list *at = session->waiters.next; at != &session->waiters; at = at->next) waiting++;
    if (waiting >= TRIB_SESSION_WAITERS_MAX)
        return trib_error_set(err, TRIB_TOO_MANY_REQUESTS,
                              "%d statements of this connection wait already; send them one after another",
                              TRIB_SESSION_WAITERS_MAX);
    waiter->wake = (trib_job){.done = woken, .home = waiter->home};
    trib_list_push_back(&session->waiters, &waiter->link);
    return trib_error_set(err, TRIB_AGAIN, NULL);
}

/* All of them: one that is woken alone may be gone by then. Lock held. */
static void wake_waiters(trib_session *session) {
    for (trib_list *link; (link = trib_list_take_first(&session->waiters));) {
        trib_session_waiter *waiter = TRIB_LIST_ITEM(link, trib_session_waiter, link);
        waiter->home->post(waiter->home, &waiter->wake);
    }
}

/* Lock held. */
static trib_code new_named(trib_sessions *sessions, trib_id id, trib_tenant *tenant, const trib_principal *principal,
                           trib_session **ret, trib_error *err) {
    trib_session *session = NULL;
    trib_code code = trib_session_new(sessions, tenant, principal, &session, err);
    if (code != TRIB_OK) return code;
    session->id = id;
    session->named = true;
    code = trib_map_set(&sessions->by_id, id_key(session), session, NULL);
    if (code != TRIB_OK) {
        session_free(session);
        return trib_error_set(err, code, NULL);
    }
    *ret = session;
    return TRIB_OK;
}

trib_code trib_session_acquire_named(trib_sessions *sessions, trib_str name, trib_tenant *tenant,
                                     const trib_principal *principal, trib_session_waiter *waiter, trib_session **ret,
                                     trib_error *err) {
    trib_id id;
    trib_list_init(&waiter->link);
    trib_code code = id_of_name(sessions, name, tenant, principal, &id, err);
    if (code != TRIB_OK) return code;
    trib_mutex_lock(sessions->app->env, sessions->lock);
    trib_session *session = trib_map_get(&sessions->by_id, trib_str_make((const char *)id.bytes, sizeof id.bytes));
    if (!session) {
        code = new_named(sessions, id, tenant, principal, ret, err);
    } else if (session->busy) {
        code = wait_for(session, waiter, err);
    } else {
        session->busy = true;
        trib_list_remove(&session->link);
        *ret = session;
    }
    trib_mutex_unlock(sessions->app->env, sessions->lock);
    return code;
}

bool trib_session_stop_waiting(trib_sessions *sessions, trib_session_waiter *waiter) {
    trib_mutex_lock(sessions->app->env, sessions->lock);
    bool waits = trib_list_is_linked(&waiter->link);
    if (waits) trib_list_remove(&waiter->link);
    trib_mutex_unlock(sessions->app->env, sessions->lock);
    return waits;
}

/* Lock held: a new session gets its id and its place in the table. */
static trib_code enroll(trib_sessions *sessions, trib_session *session, trib_error *err) {
    if (!trib_id_is_zero(session->id)) return TRIB_OK;
    trib_code code = trib_id_random(sessions->app->env, &session->id, err);
    if (code != TRIB_OK) return code;
    code = trib_map_set(&sessions->by_id, id_key(session), session, NULL);
    if (code != TRIB_OK) session->id = (trib_id){{0}};
    return code == TRIB_OK ? code : trib_error_set(err, code, NULL);
}

static void baton_write(const trib_session *session, char ret_baton[TRIB_BATON_BYTES]) {
    unsigned char raw[20];
    memcpy(raw, session->id.bytes, 16);
    for (int i = 0; i < 4; i++) raw[16 + i] = (unsigned char)(session->seq >> (24 - 8 * i));
    trib_base64_encode(TRIB_BASE64_URL, false, raw, sizeof raw, ret_baton);
    ret_baton[TRIB_BATON_BYTES - 1] = '\0';
}

/* Lock held. */
static trib_code announce(trib_sessions *sessions, trib_session *session, char ret_baton[TRIB_BATON_BYTES],
                          trib_error *err) {
    trib_code code = enroll(sessions, session, err);
    if (code != TRIB_OK) return code;
    if (!session->announced) session->seq++;
    session->announced = true;
    baton_write(session, ret_baton);
    return TRIB_OK;
}

trib_code trib_session_announce(trib_sessions *sessions, trib_session *session, char ret_baton[TRIB_BATON_BYTES],
                                trib_error *err) {
    trib_mutex_lock(sessions->app->env, sessions->lock);
    trib_code code = announce(sessions, session, ret_baton, err);
    trib_mutex_unlock(sessions->app->env, sessions->lock);
    return code;
}

trib_code trib_session_release(trib_sessions *sessions, trib_session *session, char ret_baton[TRIB_BATON_BYTES],
                               trib_error *err) {
    trib_mutex_lock(sessions->app->env, sessions->lock);
    bool empty = session->named && !session->handle && session->lost == TRIB_OK;
    bool ends = empty || sessions->draining || atomic_load(&session->tenant->deleted);
    if (ends && !trib_id_is_zero(session->id)) trib_map_take(&sessions->by_id, id_key(session));
    trib_code code = ends ? TRIB_OK : announce(sessions, session, ret_baton, err);
    if (!ends && code == TRIB_OK) {
        session->announced = session->busy = false;
        session->idle_since_ms = now_ms(sessions);
        trib_list_push_back(&sessions->idle, &session->link);
    }
    wake_waiters(session);
    trib_mutex_unlock(sessions->app->env, sessions->lock);
    if (ends || code != TRIB_OK) {
        ret_baton[0] = '\0';
        end(session);
    }
    return code;
}

void trib_session_close(trib_sessions *sessions, trib_session *session) {
    if (!session) return;
    trib_mutex_lock(sessions->app->env, sessions->lock);
    if (!trib_id_is_zero(session->id)) trib_map_take(&sessions->by_id, id_key(session));
    wake_waiters(session);
    trib_mutex_unlock(sessions->app->env, sessions->lock);
    end(session);
}

trib_code trib_session_store_sql(trib_session *session, int32_t id, trib_str sql, trib_error *err) {
    for (trib_stored_sql *at = session->stored; at; at = at->next) {
        if (at->id == id) return trib_error_set(err, TRIB_PROTOCOL, "SQL text %d already exists", (int)id);
    }
    if (session->stored_count >= TRIB_SESSION_STORED_SQL_MAX) {
        return trib_error_set(err, TRIB_SQL_STORE_TOO_MANY,
                              "The server already stores %u SQL texts, it cannot store more", session->stored_count);
    }
    if (sql.len > TRIB_SESSION_STORED_BYTES_MAX - session->stored_bytes) {
        return trib_error_set(err, TRIB_SQL_STORE_TOO_LARGE,
                              "The statement is too large to be stored: %zu bytes, %zu are left of %d", sql.len,
                              TRIB_SESSION_STORED_BYTES_MAX - session->stored_bytes, TRIB_SESSION_STORED_BYTES_MAX);
    }
    trib_stored_sql *stored = malloc(sizeof *stored + sql.len);
    if (!stored) return trib_error_set(err, TRIB_NOMEM, NULL);
    *stored = (trib_stored_sql){.next = session->stored, .id = id, .len = sql.len};
    if (sql.len) memcpy(stored->text, sql.ptr, sql.len);
    session->stored = stored;
    session->stored_count++;
    session->stored_bytes += sql.len;
    return TRIB_OK;
}

void trib_session_close_sql(trib_session *session, int32_t id) {
    for (trib_stored_sql **at = &session->stored; *at; at = &(*at)->next) {
        if ((*at)->id != id) continue;
        trib_stored_sql *gone = *at;
        *at = gone->next;
        session->stored_count--;
        session->stored_bytes -= gone->len;
        free(gone);
        return;
    }
}

trib_code trib_session_get_sql(const trib_session *session, int32_t id, trib_str *ret, trib_error *err) {
    for (const trib_stored_sql *at = session->stored; at; at = at->next) {
        if (at->id == id) {
            *ret = trib_str_make(at->text, at->len);
            return TRIB_OK;
        }
    }
    return trib_error_set(err, TRIB_PROTOCOL, "SQL text %d not found", (int)id);
}

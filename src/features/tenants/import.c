/* SPDX-License-Identifier: Apache-2.0 */
/* Imports over the admin API: a SQLite file in pieces, so that no request is large and a broken one costs one piece.
 *
 *   POST /v1/namespaces/:ns/import      {}          -> {"import":ID,"chunk_bytes":N}
 *   POST /v1/imports/:id?offset=BYTES   bytes       -> {"bytes":BYTES so far}     ... in order, to the end
 *   POST /v1/imports/:id/finish         settings    -> the tenant: it was not there before, now it is whole
 *   DELETE /v1/imports/:id                          -> {"deleted":true}
 *
 * An import that nobody goes on with makes room for another one after TENANTS_IMPORT_IDLE_MS. */
#include <stdlib.h>
#include <string.h>

#include "core/import.h"
#include "features/tenants/tenants_int.h"
#include "wire/url.h"

typedef struct slot {
    trib_list link;
    trib_import *import;
    bool busy; /* a step is under way: it belongs to that request */
    int64_t used_ns;
    struct tenants_state *state;
    trib_http_request *http;
    const char *url; /* of a dump, in the request's arena */
} slot;

struct tenants_state {
    const trib_env *env;
    trib_mutex *lock;
    trib_list slots;
    size_t count;
};

trib_code tenants_start(trib_app *app, void **ret_state, trib_error *err) {
    struct tenants_state *state = calloc(1, sizeof *state);
    if (state) state->lock = trib_mutex_new(app->env);
    if (!state || !state->lock) {
        free(state);
        return trib_error_set(err, TRIB_NOMEM, NULL);
    }
    state->env = app->env;
    trib_list_init(&state->slots);
    *ret_state = state;
    return TRIB_OK;
}

/* The server has ended: the next start removes what is left. */
void tenants_stop(void *ctx) {
    struct tenants_state *state = ctx;
    for (trib_list *link; (link = trib_list_take_first(&state->slots));) {
        slot *s = TRIB_LIST_ITEM(link, slot, link);
        trib_import_free(s->import);
        free(s);
    }
    trib_mutex_free(state->env, state->lock);
    free(state);
}

/* ---- the list ---- */

static void drop_locked(slot *s) {
    trib_list_remove(&s->link);
    s->state->count--;
}

/* Its files go, unless they became the tenant's. */
static void end(slot *s, bool finished) {
    const trib_env *env = s->state->env;
    trib_mutex_lock(env, s->state->lock);
    drop_locked(s);
    trib_mutex_unlock(env, s->state->lock);
    if (finished) trib_import_free(s->import);
    else trib_import_abandon(s->import);
    free(s);
}

static void rest(slot *s) {
    trib_mutex_lock(s->state->env, s->state->lock);
    s->busy = false;
    s->used_ns = trib_env_mono_ns(s->state->env);
    trib_mutex_unlock(s->state->env, s->state->lock);
}

/* A forgotten one, taken out of the list; NULL: none. Lock held. */
static slot *take_idle(struct tenants_state *state, int64_t now_ns) {
    TRIB_LIST_EACH(link, &state->slots) {
        slot *s = TRIB_LIST_ITEM(link, slot, link);
        if (s->busy || now_ns - s->used_ns < (int64_t)TENANTS_IMPORT_IDLE_MS * 1000000) continue;
        drop_locked(s);
        return s;
    }
    return NULL;
}

static trib_code add_slot(struct tenants_state *state, slot *s, trib_error *err) {
    slot *idle = NULL;
    trib_mutex_lock(state->env, state->lock);
    bool full = state->count >= TENANTS_IMPORTS_MAX;
    if (full) idle = take_idle(state, trib_env_mono_ns(state->env));
    if (!full || idle) {
        trib_list_push_back(&state->slots, &s->link);
        state->count++;
    }
    trib_mutex_unlock(state->env, state->lock);
    if (full && !idle)
        return trib_error_set(err, TRIB_TOO_MANY_REQUESTS, "%d imports are under way; try again when one has ended",
                              TENANTS_IMPORTS_MAX);
    if (idle) {
        trib_import_abandon(idle->import);
        free(idle);
    }
    return TRIB_OK;
}

/* The import that ":id" names, for this request alone. */
static trib_code take(trib_http_request *http, slot **ret, trib_error *err) {
    struct tenants_state *state = http->module_state;
    slot *found = NULL;
    trib_mutex_lock(state->env, state->lock);
    TRIB_LIST_EACH(link, &state->slots) {
        slot *s = TRIB_LIST_ITEM(link, slot, link);
        if (trib_str_eq_c(http->path_params[0], s->import->id)) found = s;
    }
    bool busy = found && found->busy;
    if (found) found->busy = true;
    trib_mutex_unlock(state->env, state->lock);
    if (busy)
        return trib_error_set(err, TRIB_TOO_MANY_REQUESTS,
                              "another request of this import is under way; send its pieces one after the other");
    if (!found)
        return trib_error_set(
            err, TRIB_NOT_FOUND,
            "there is no such import any more: it failed, ended, or was idle for too long; begin anew");
    found->http = http;
    found->import->home = http->home;
    found->import->owner = found;
    *ret = found;
    return TRIB_OK;
}

/* ---- begin ---- */

static void begun(trib_import *import) {
    slot *s = import->owner;
    trib_http_request *http = s->http;
    tenants_reply reply;
    if (import->code != TRIB_OK) {
        trib_error err = import->err;
        end(s, false);
        tenants_answer_failed(http, &err);
        return;
    }
    tenants_reply_begin(&reply);
    trib_jw_member_str(&reply.w, "import", trib_str_c(import->id));
    trib_jw_member_i64(&reply.w, "chunk_bytes", TENANTS_IMPORT_CHUNK_BYTES);
    rest(s);
    tenants_reply_send(&reply, http);
}

/* The name is ":ns". The slot is busy: this request's. */
static trib_code make_slot(trib_http_request *http, slot **ret, trib_error *err) {
    slot *s = calloc(1, sizeof *s);
    if (!s) return trib_error_set(err, TRIB_NOMEM, NULL);
    *s = (slot){.busy = true, .state = http->module_state, .http = http};
    trib_list_init(&s->link);
    trib_code code = trib_import_new(http->app, http->path_params[0], &s->import, err);
    if (code == TRIB_OK) code = add_slot(s->state, s, err);
    if (code != TRIB_OK) {
        trib_import_free(s->import);
        free(s);
        return code;
    }
    s->import->home = http->home;
    s->import->owner = s;
    *ret = s;
    return TRIB_OK;
}

static trib_code begin(slot *s, void (*done)(trib_import *), trib_error *err) {
    s->import->done = done;
    trib_code code = trib_import_begin(s->import, err);
    if (code != TRIB_OK) end(s, true); /* there are no files yet */
    return code;
}

void tenants_handle_import(trib_http_request *http) {
    static const char *const members[] = {NULL};
    const trib_json *body;
    slot *s = NULL;
    trib_error err;
    trib_code code = tenants_parse_body(http, members, &body, &err);
    if (code == TRIB_OK) code = make_slot(http, &s, &err);
    if (code == TRIB_OK) code = begin(s, begun, &err);
    if (code != TRIB_OK) tenants_answer_failed(http, &err);
}

/* ---- pieces ---- */

/* False: the step of the import failed, with which it ends; that was answered. */
static bool went_well(const trib_import *import) {
    slot *s = import->owner;
    trib_http_request *http = s->http;
    if (import->code == TRIB_OK) return true;
    trib_error err = import->err;
    end(s, false);
    tenants_answer_failed(http, &err);
    return false;
}

static void added(trib_import *import) {
    slot *s = import->owner;
    trib_http_request *http = s->http;
    tenants_reply reply;
    if (!went_well(import)) return;
    tenants_reply_begin(&reply);
    trib_jw_member_i64(&reply.w, "bytes", import->bytes);
    rest(s);
    tenants_reply_send(&reply, http);
}

static trib_code check_piece(trib_http_request *http, const trib_import *import, trib_error *err) {
    uint64_t offset = 0, most = http->app->settings.max_import_bytes;
    trib_query params;
    trib_code code = trib_query_parse(http->arena, http->query, &params, err);
    if (code != TRIB_OK) return code;
    const trib_str *value = trib_query_get(&params, "offset");
    if (!value || !trib_str_u64(*value, &offset) || offset != (uint64_t)import->bytes)
        return trib_error_set(err, TRIB_BAD_REQUEST, "\"offset\" must be what is there so far: %lld bytes",
                              (long long)import->bytes);
    if (most && offset + http->body.len > most)
        return trib_error_set(err, TRIB_BODY_TOO_LARGE,
                              "an import has at most %llu bytes here; the setting max_import says so",
                              (unsigned long long)most);
    return TRIB_OK;
}

void tenants_handle_import_piece(trib_http_request *http) {
    slot *s = NULL;
    trib_error err;
    trib_code code = take(http, &s, &err);
    if (code == TRIB_OK) {
        code = check_piece(http, s->import, &err);
        s->import->done = added;
        if (code == TRIB_OK) code = trib_import_add(s->import, http->body, &err);
        if (code != TRIB_OK) rest(s);
    }
    if (code != TRIB_OK) trib_http_answer_error(http, &err);
}

/* ---- the end ---- */

static void finished(trib_import *import) {
    slot *s = import->owner;
    trib_http_request *http = s->http;
    tenants_reply reply;
    if (!went_well(import)) return;
    trib_tenant *tenant = import->tenant;
    tenants_reply_begin(&reply);
    tenants_write_registry(&reply.w, http->app, tenant);
    trib_jw_member_i64(&reply.w, "imported_bytes", import->bytes);
    trib_tenant_unref(tenant);
    end(s, true);
    tenants_reply_send(&reply, http);
}

void tenants_handle_import_finish(trib_http_request *http) {
    slot *s = NULL;
    trib_error err;
    trib_tenant_change *change = trib_arena_zalloc(http->arena, 1, sizeof *change);
    trib_code code = change ? tenants_parse_settings(http, change, &err) : trib_error_set(&err, TRIB_NOMEM, NULL);
    if (code == TRIB_OK) code = take(http, &s, &err);
    if (code == TRIB_OK) {
        s->import->done = finished;
        s->import->change = change;
        code = trib_import_finish(s->import, &err);
        if (code != TRIB_OK) rest(s);
    }
    if (code != TRIB_OK) tenants_answer_failed(http, &err);
}

/* ---- dump_url of create: all steps in one request ---- */

static void on_cancel(trib_http_request *http) {
    slot *s = http->feature;
    atomic_store(&s->import->cancelled, true);
}

static void fail(slot *s, const trib_error *err) {
    trib_http_request *http = s->http;
    trib_error why = *err;
    http->on_cancel = NULL;
    end(s, false);
    tenants_answer_failed(http, &why);
}

static void dump_loaded(trib_import *import) {
    slot *s = import->owner;
    trib_error err = import->err;
    s->http->on_cancel = NULL;
    import->done = finished;
    trib_code code = import->code;
    if (code == TRIB_OK) code = trib_import_finish(import, &err);
    if (code != TRIB_OK) fail(s, &err);
}

static void dump_begun(trib_import *import) {
    slot *s = import->owner;
    trib_error err = import->err;
    import->done = dump_loaded;
    trib_code code = import->code;
    s->http->feature = s;
    s->http->on_cancel = on_cancel;
    if (code == TRIB_OK) code = trib_import_load(import, s->url, &err);
    if (code != TRIB_OK) fail(s, &err);
}

void tenants_create_from_dump(trib_http_request *http, trib_str url, const trib_tenant_change *change) {
    slot *s = NULL;
    trib_error err;
    trib_str copy = trib_arena_printf(http->arena, "%.*s", TRIB_STR_ARG(url));
    trib_code code = TRIB_OK;
    if (!copy.ptr) code = trib_error_set(&err, TRIB_NOMEM, NULL);
    else if (memchr(copy.ptr, 0, url.len))
        code = trib_error_set(&err, TRIB_BAD_REQUEST, "\"dump_url\" has a zero byte in it");
    if (code == TRIB_OK) code = make_slot(http, &s, &err);
    if (code == TRIB_OK) {
        s->url = copy.ptr;
        s->import->change = change;
        code = begin(s, dump_begun, &err);
    }
    if (code != TRIB_OK) tenants_answer_failed(http, &err);
}

void tenants_handle_import_drop(trib_http_request *http) {
    slot *s = NULL;
    tenants_reply reply;
    trib_error err;
    if (take(http, &s, &err) != TRIB_OK) {
        trib_http_answer_error(http, &err);
        return;
    }
    end(s, false);
    tenants_reply_begin(&reply);
    trib_jw_member_bool(&reply.w, "deleted", true);
    tenants_reply_send(&reply, http);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* PUT, GET and DELETE of subscriptions. A PUT of one that is there changes what the body says and keeps its place in
 * the log, so that a program may PUT it at each of its starts. */
#include <stdlib.h>
#include <string.h>

#include "features/consumers/consumers_int.h"
#include "wire/base64.h"
#include "wire/url.h"

static const char secret_prefix[] = "whsec_";

typedef struct wanted {
    trib_str type, prefix, opcodes; /* opcodes as JSON text */
    int64_t lease_ms, max_retries;
    int64_t from; /* -1: now */
    trib_str url;
    trib_str secret; /* decoded; ptr NULL: keep, or make one */
    trib_str shown;  /* of a secret that was made here: as text */
    bool changed_hook;
    int64_t id;
} wanted;

/* ---- the body ---- */

static trib_code parse_text(const trib_json *body, const char *member, size_t most, trib_str *ret, trib_error *err) {
    const trib_json *value = trib_json_get(body, member);
    if (trib_json_absent(value)) return TRIB_OK;
    if (!trib_json_str(value, ret) || ret->len == 0 || ret->len > most)
        return trib_error_set(err, TRIB_BAD_REQUEST, "\"%s\" must be a text of 1 to %zu bytes", member, most);
    return TRIB_OK;
}

static trib_code parse_opcodes(consumers_ask *ask, const trib_json *value, wanted *ret, trib_error *err) {
    trib_buf buf;
    if (trib_json_absent(value)) return TRIB_OK;
    size_t count = trib_json_count(value);
    bool ok = trib_json_is(value, TRIB_JSON_ARRAY) && count > 0 && count <= CONSUMERS_OPCODES_MAX;
    trib_buf_init(&buf, 4096);
    for (const trib_json *v = ok ? trib_json_first(value) : NULL; ok && v; v = trib_json_next(v)) {
        int64_t opcode;
        ok = trib_json_i64(v, &opcode) && opcode >= 0;
        if (ok) trib_buf_printf(&buf, "%c%lld", buf.len ? ',' : '[', (long long)opcode);
    }
    trib_buf_add_char(&buf, ']');
    ret->opcodes = trib_arena_dup(ask->http->arena, trib_buf_str(&buf));
    bool failed = buf.failed || !ret->opcodes.ptr;
    trib_buf_deinit(&buf);
    if (!ok)
        return trib_error_set(err, TRIB_BAD_REQUEST, "\"opcodes\" must be an array of 1 to %d opcodes",
                              CONSUMERS_OPCODES_MAX);
    return failed ? trib_error_set(err, TRIB_NOMEM, NULL) : TRIB_OK;
}

static trib_code parse_from(const trib_json *value, wanted *ret, trib_error *err) {
    trib_str word;
    if (trib_json_absent(value)) return TRIB_OK;
    if (trib_json_i64(value, &ret->from) && ret->from >= 0) return TRIB_OK;
    if (trib_json_str(value, &word)) {
        ret->from = trib_str_eq_c(word, "now") ? -1 : 0;
        if (ret->from == -1 || trib_str_eq_c(word, "beginning")) return TRIB_OK;
    }
    return trib_error_set(
        err, TRIB_BAD_REQUEST,
        "\"from\" must be \"beginning\", \"now\", or a position: the first event is the one behind it");
}

static trib_code parse_url(const consumers_ask *ask, trib_str text, trib_error *err) {
    trib_url url;
    bool private = ask->module->app->settings.webhook_private;
    trib_code code = trib_url_parse(text, &url, err);
    if (code != TRIB_OK) return code;
    if (url.scheme == TRIB_URL_HTTPS || (private && url.scheme == TRIB_URL_HTTP)) return TRIB_OK;
    return trib_error_set(err, TRIB_BAD_REQUEST,
                          "a webhook's URL begins with https://: what it is sent is nobody else's business");
}

static trib_code parse_secret(consumers_ask *ask, trib_str text, wanted *ret, trib_error *err) {
    trib_str coded = trib_str_sub(text, sizeof secret_prefix - 1, text.len);
    bool ok = trib_str_starts(text, TRIB_STR("whsec_")) &&
              trib_base64_decode_arena(TRIB_BASE64_STD, TRIB_BASE64_LENIENT, coded, ask->http->arena, &ret->secret) &&
              ret->secret.len >= CONSUMERS_SECRET_MIN_BYTES && ret->secret.len <= CONSUMERS_SECRET_MAX_BYTES;
    return ok ? TRIB_OK
              : trib_error_set(err, TRIB_BAD_REQUEST,
                               "\"secret\" must be whsec_ and %d to %d bytes in Base64; leave it out and the server "
                               "makes one",
                               CONSUMERS_SECRET_MIN_BYTES, CONSUMERS_SECRET_MAX_BYTES);
}

/* For where none is given: kept if there is one already. */
static trib_code make_secret(consumers_ask *ask, wanted *ret, trib_error *err) {
    char bytes[CONSUMERS_SECRET_BYTES], text[64 + sizeof secret_prefix];
    if (!trib_env_random(ask->module->app->env, bytes, sizeof bytes))
        return trib_error_set(err, TRIB_INTERNAL, "no randomness for the webhook's secret");
    memcpy(text, secret_prefix, sizeof secret_prefix - 1);
    size_t n = trib_base64_encode(TRIB_BASE64_STD, true, bytes, sizeof bytes, text + sizeof secret_prefix - 1);
    ret->secret = trib_arena_dup(ask->http->arena, trib_str_make(bytes, sizeof bytes));
    ret->shown = trib_arena_dup(ask->http->arena, trib_str_make(text, n + sizeof secret_prefix - 1));
    return ret->secret.ptr && ret->shown.ptr ? TRIB_OK : trib_error_set(err, TRIB_NOMEM, NULL);
}

static trib_code parse_hook(consumers_ask *ask, const trib_json *hook, wanted *ret, trib_error *err) {
    trib_str secret = {0};
    if (trib_json_absent(hook)) return TRIB_OK;
    if (!trib_json_is(hook, TRIB_JSON_OBJECT))
        return trib_error_set(err, TRIB_BAD_REQUEST, "\"webhook\" must be an object with \"url\" and \"secret\"");
    trib_code code = parse_text(hook, "url", CONSUMERS_URL_MAX_BYTES, &ret->url, err);
    if (code == TRIB_OK && !ret->url.ptr) code = trib_error_set(err, TRIB_BAD_REQUEST, "a webhook needs a \"url\"");
    if (code == TRIB_OK) code = parse_url(ask, ret->url, err);
    if (code == TRIB_OK) code = parse_text(hook, "secret", 200, &secret, err);
    if (code == TRIB_OK) code = secret.ptr ? parse_secret(ask, secret, ret, err) : make_secret(ask, ret, err);
    return code;
}

static trib_code parse(consumers_ask *ask, wanted *ret, trib_error *err) {
    static const char *const known[] = {"type", "opcodes", "prefix", "from", "leaseMs", "maxRetries", "webhook", NULL};
    const trib_json *body;
    *ret = (wanted){.lease_ms = CONSUMERS_LEASE_DEFAULT_MS, .max_retries = CONSUMERS_RETRIES_DEFAULT};
    trib_code code = consumers_ask_json(ask, known, &body, err);
    if (code == TRIB_OK) code = parse_text(body, "type", TRIB_DEAL_NAME_MAX_BYTES, &ret->type, err);
    if (code == TRIB_OK) code = parse_text(body, "prefix", TRIB_STREAM_ID_MAX_BYTES, &ret->prefix, err);
    if (code == TRIB_OK) code = parse_opcodes(ask, trib_json_get(body, "opcodes"), ret, err);
    if (code == TRIB_OK) code = parse_from(trib_json_get(body, "from"), ret, err);
    if (code == TRIB_OK)
        code =
            consumers_ask_number(body, "leaseMs", CONSUMERS_LEASE_MIN_MS, CONSUMERS_LEASE_MAX_MS, &ret->lease_ms, err);
    if (code == TRIB_OK)
        code = consumers_ask_number(body, "maxRetries", 0, CONSUMERS_RETRIES_MAX, &ret->max_retries, err);
    return code == TRIB_OK ? parse_hook(ask, trib_json_get(body, "webhook"), ret, err) : code;
}

/* ---- PUT ---- */

static trib_code take_integer(void *ctx, const trib_stmt *stmt, trib_error *err) {
    (void)err;
    *(int64_t *)ctx = trib_stmt_col_value(stmt, 0).integer;
    return TRIB_OK;
}

static trib_code check_room(consumers_ask *ask, trib_str owner, trib_error *err) {
    int64_t own = 0, all = 0;
    trib_arg arg = trib_stream_text(owner);
    trib_code code = trib_stmt_run(ask->txn.handle, "SELECT count(*) FROM _trib_sub WHERE owner = ?1", &arg, 1,
                                   take_integer, &own, err);
    if (code == TRIB_OK)
        code = trib_stmt_run(ask->txn.handle, "SELECT count(*) FROM _trib_sub", NULL, 0, take_integer, &all, err);
    if (code != TRIB_OK || (own < CONSUMERS_PER_OWNER_MAX && all < CONSUMERS_MAX)) return code;
    return trib_error_set(err, TRIB_TOO_MANY_REQUESTS,
                          "there are %lld subscriptions of this tenant and %lld in all; %d and %d are allowed: delete "
                          "those that nobody uses",
                          (long long)own, (long long)all, CONSUMERS_PER_OWNER_MAX, CONSUMERS_MAX);
}

static trib_arg secret_arg(trib_str secret) {
    trib_arg arg = {.value = {.type = secret.ptr ? TRIB_VALUE_BLOB : TRIB_VALUE_NULL}};
    if (secret.ptr) arg.value.bytes = secret;
    return arg;
}

static trib_code insert(consumers_ask *ask, wanted *w, trib_str owner, trib_str owner_name, trib_error *err) {
    int64_t head = 0;
    trib_code code = check_room(ask, owner, err);
    if (code != TRIB_OK) return code;
    trib_arg args[] = {trib_stream_text(owner),
                       trib_stream_text(ask->name),
                       trib_stream_text(owner_name),
                       trib_stream_text(w->type),
                       trib_stream_text(w->prefix),
                       trib_stream_text(w->opcodes),
                       trib_stream_integer(w->lease_ms),
                       trib_stream_integer(w->max_retries),
                       trib_stream_text(w->url),
                       secret_arg(w->secret),
                       trib_stream_integer(trib_env_wall_ms(ask->module->app->env))};
    code = trib_stmt_run(ask->txn.handle,
                         "INSERT INTO _trib_sub(owner, name, owner_name, type, prefix, opcodes, lease_ms, max_retries, "
                         "url, secret, created_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
                         args, 11, NULL, NULL, err);
    if (code == TRIB_OK && w->from < 0)
        code = trib_stmt_run(ask->txn.handle, "SELECT coalesce(max(pos), 0) FROM _trib_ev", NULL, 0, take_integer,
                             &head, err);
    trib_arg cursor[] = {args[0], args[1], trib_stream_integer(w->from < 0 ? head : w->from)};
    if (code == TRIB_OK)
        code = trib_stmt_run(ask->txn.handle,
                             "INSERT INTO _trib_cursor SELECT id, ?3, 0, 0 FROM _trib_sub WHERE owner = ?1 AND "
                             "name = ?2",
                             cursor, 3, NULL, NULL, err);
    ask->status = 201;
    return code;
}

/* A webhook that was given up begins anew. Its secret stays where the body brings none. */
static trib_code update(consumers_ask *ask, wanted *w, const consumers_sub *old, trib_str owner_name, trib_error *err) {
    if (w->shown.ptr && old->secret.ptr) {
        w->shown = (trib_str){0};
        w->secret = old->secret;
    }
    trib_arg args[] = {trib_stream_integer(old->id),
                       trib_stream_text(owner_name),
                       trib_stream_text(w->type),
                       trib_stream_text(w->prefix),
                       trib_stream_text(w->opcodes),
                       trib_stream_integer(w->lease_ms),
                       trib_stream_integer(w->max_retries),
                       trib_stream_text(w->url),
                       secret_arg(w->url.ptr ? w->secret : old->secret)};
    return trib_stmt_run(ask->txn.handle,
                         "UPDATE _trib_sub SET owner_name = ?2, type = ?3, prefix = ?4, opcodes = ?5, lease_ms = ?6, "
                         "max_retries = ?7, url = ?8, secret = ?9, failures = 0, failing_ms = NULL, last_error = NULL, "
                         "disabled_ms = NULL WHERE id = ?1",
                         args, 9, NULL, NULL, err);
}

static trib_code put(consumers_ask *ask, trib_error *err) {
    wanted w = *(const wanted *)ask->own;
    consumers_sub sub;
    trib_error why;
    trib_json_writer jw;
    trib_str owner = ask->txn.tenant_id.ptr ? ask->txn.tenant_id : TRIB_STR("");
    trib_str owner_name = ask->txn.tenant_name.ptr ? ask->txn.tenant_name : TRIB_STR("");
    ask->status = 200;
    trib_code code = consumers_sub_load(&ask->txn, owner, ask->name, &sub, &why);
    if (code == TRIB_SUBSCRIPTION_NOT_FOUND) code = insert(ask, &w, owner, owner_name, err);
    else if (code == TRIB_OK) code = update(ask, &w, &sub, owner_name, err);
    else return trib_error_set(err, code, "%s", why.message);
    if (code == TRIB_OK) code = consumers_sub_load(&ask->txn, owner, ask->name, &sub, err);
    if (code != TRIB_OK) return code;
    ((wanted *)ask->own)->id = sub.id;
    trib_jw_init(&jw, &ask->out);
    code = consumers_sub_write(&ask->txn, &sub, &jw, err);
    if (w.shown.ptr) trib_jw_member_str(&jw, "secret", w.shown);
    trib_jw_object_end(&jw);
    return code;
}

static void after_put(consumers_ask *ask) {
    const wanted *w = ask->own;
    consumers_module *m = ask->module;
    if (ask->status == 201) atomic_fetch_add(&m->subs, 1);
    consumers_hooks_remove(m->hooks, w->id);
    if (w->url.ptr) (void)consumers_hooks_add(m->hooks, w->id, ask->txn.tenant_id, ask->txn.tenant_name, NULL);
}

void consumers_handle_put(trib_http_request *http) {
    trib_error err;
    consumers_ask *ask = consumers_ask_new(http, true, &err);
    if (!ask) return;
    wanted *w = trib_arena_zalloc(http->arena, 1, sizeof *w);
    trib_code code = w ? parse(ask, w, &err) : trib_error_set(&err, TRIB_NOMEM, NULL);
    if (code != TRIB_OK) {
        consumers_ask_refuse(ask, &err);
        return;
    }
    ask->own = w;
    ask->txn.writes = true;
    ask->body = put;
    ask->after = after_put;
    consumers_ask_submit(ask);
}

/* ---- GET, DELETE ---- */

static trib_code get(consumers_ask *ask, trib_error *err) {
    consumers_sub sub;
    trib_json_writer w;
    trib_code code = consumers_sub_load(&ask->txn, ask->txn.tenant_id, ask->name, &sub, err);
    if (code != TRIB_OK) return code;
    trib_jw_init(&w, &ask->out);
    code = consumers_sub_write(&ask->txn, &sub, &w, err);
    trib_jw_object_end(&w);
    return code;
}

void consumers_handle_get(trib_http_request *http) {
    trib_error err;
    consumers_ask *ask = consumers_ask_new(http, false, &err);
    if (!ask) return;
    ask->body = get;
    consumers_ask_submit(ask);
}

typedef struct ids {
    int64_t rows[CONSUMERS_PER_OWNER_MAX];
    size_t count;
} ids;

static trib_code take_id(void *ctx, const trib_stmt *stmt, trib_error *err) {
    ids *to = ctx;
    (void)err;
    if (to->count < CONSUMERS_PER_OWNER_MAX) to->rows[to->count++] = trib_stmt_col_value(stmt, 0).integer;
    return TRIB_OK;
}

static trib_code list(consumers_ask *ask, trib_error *err) {
    ids all = {0};
    trib_json_writer w;
    trib_arg arg = trib_stream_text(ask->txn.tenant_id.ptr ? ask->txn.tenant_id : TRIB_STR(""));
    trib_code code = trib_stmt_run(ask->txn.handle, "SELECT id FROM _trib_sub WHERE owner = ?1 ORDER BY name", &arg, 1,
                                   take_id, &all, err);
    trib_jw_init(&w, &ask->out);
    trib_jw_object_begin(&w);
    trib_jw_key_c(&w, "subscriptions");
    trib_jw_array_begin(&w);
    for (size_t i = 0; code == TRIB_OK && i < all.count; i++) {
        consumers_sub sub;
        code = consumers_sub_load_id(&ask->txn, all.rows[i], &sub, err);
        if (code != TRIB_OK) break;
        code = consumers_sub_write(&ask->txn, &sub, &w, err);
        trib_jw_object_end(&w);
    }
    if (code != TRIB_OK) return code;
    trib_jw_array_end(&w);
    trib_jw_object_end(&w);
    return TRIB_OK;
}

void consumers_handle_list(trib_http_request *http) {
    trib_error err;
    consumers_ask *ask = consumers_ask_new(http, false, &err);
    if (!ask) return;
    ask->body = list;
    consumers_ask_submit(ask);
}

static trib_code drop(consumers_ask *ask, trib_error *err) {
    consumers_sub sub;
    trib_code code = consumers_sub_load(&ask->txn, ask->txn.tenant_id, ask->name, &sub, err);
    if (code == TRIB_OK) code = consumers_sub_delete(&ask->txn, sub.id, err);
    if (code != TRIB_OK) return code;
    *(int64_t *)ask->own = sub.id;
    trib_buf_add_c(&ask->out, "{\"deleted\":true}");
    return TRIB_OK;
}

static void after_drop(consumers_ask *ask) {
    atomic_fetch_sub(&ask->module->subs, 1);
    consumers_hooks_remove(ask->module->hooks, *(const int64_t *)ask->own);
}

void consumers_handle_delete(trib_http_request *http) {
    trib_error err;
    consumers_ask *ask = consumers_ask_new(http, true, &err);
    if (!ask) return;
    ask->own = trib_arena_zalloc(http->arena, 1, sizeof(int64_t));
    if (!ask->own) {
        trib_error_set(&err, TRIB_NOMEM, NULL);
        consumers_ask_refuse(ask, &err);
        return;
    }
    ask->txn.writes = true;
    ask->body = drop;
    ask->after = after_drop;
    consumers_ask_submit(ask);
}

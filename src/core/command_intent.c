/* SPDX-License-Identifier: Apache-2.0 */
/* Intents: what databases are owed, in memory and in `streams` (command_int.h).
 *
 *   streams:  _trib_intent(no, key, db, redo)       from the commit point until `db` has it durably
 *   a tenant: _trib_applied(no, key)                written with the part itself: so nobody does it twice. Rows go with
 *                                                   the next part, once their intents are gone for good
 *
 * In memory there is only what names them; `redo` is read when it must be done again. */
#include <stdlib.h>
#include <string.h>

#include "core/command_int.h"
#include "core/commands.h"
#include "core/db_start.h"

static void lock(trib_commands *commands) {
    trib_mutex_lock(commands->app->env, commands->lock);
}

static void unlock(trib_commands *commands) {
    trib_mutex_unlock(commands->app->env, commands->lock);
}

static trib_arg blob(const trib_id *key) {
    return (trib_arg){
        .value = {.type = TRIB_VALUE_BLOB, .bytes = trib_str_make((const char *)key->bytes, TRIB_ID_BYTES)}};
}

/* ---- the list ---- */

static trib_intent *add_locked(trib_commands *commands, int64_t no, const char *db_id, intent_state state) {
    trib_intent *intent = calloc(1, sizeof *intent);
    if (!intent) return NULL;
    intent->no = no;
    intent->state = state;
    intent->since_ns = trib_env_mono_ns(commands->app->env);
    memcpy(intent->db_id, db_id, strnlen(db_id, TRIB_DB_ID_BYTES));
    trib_list_init(&intent->link);
    trib_list_push_back(&commands->intents, &intent->link);
    commands->intent_count++;
    return intent;
}

trib_code trib_intent_new(trib_commands *commands, const char *db_id, trib_intent **ret, trib_error *err) {
    trib_id key;
    trib_intent *intent = NULL;
    trib_code code = trib_id_random(commands->app->env, &key, err);
    if (code != TRIB_OK) return code;
    lock(commands);
    bool full = commands->intent_count >= COMMAND_INTENTS_MAX;
    if (!full) intent = add_locked(commands, commands->next_no++, db_id, INTENT_PROMISED);
    if (intent) intent->key = key;
    unlock(commands);
    if (full)
        return trib_error_set(err, TRIB_TOO_MANY_REQUESTS,
                              "%d changes of commands are not durable in their databases yet; look at the disk",
                              COMMAND_INTENTS_MAX);
    if (!intent) return trib_error_set(err, TRIB_NOMEM, NULL);
    *ret = intent;
    return TRIB_OK;
}

/* Under the lock. */
static void free_locked(trib_commands *commands, trib_intent *intent) {
    trib_list_remove(&intent->link);
    commands->intent_count--;
    free(intent);
}

void trib_intent_free(trib_commands *commands, trib_intent *intent) {
    lock(commands);
    free_locked(commands, intent);
    unlock(commands);
}

void trib_intent_set_state(trib_commands *commands, trib_intent *intent, intent_state state) {
    lock(commands);
    intent->state = state;
    unlock(commands);
}

void trib_intent_committed(trib_commands *commands, trib_intent *intent, trib_db *db) {
    lock(commands);
    intent->db = db;
    intent->state = INTENT_COMMITTED;
    unlock(commands);
}

void trib_intents_look(trib_commands *commands) {
    trib_db *loose[COMMAND_REMOVE_MAX];
    size_t count = 0;
    lock(commands);
    TRIB_LIST_EACH(link, &commands->intents) {
        trib_intent *intent = TRIB_LIST_ITEM(link, trib_intent, link);
        if (intent->state != INTENT_COMMITTED || count == COMMAND_REMOVE_MAX) continue;
        trib_code code = trib_gate_look(intent->db, intent->ticket);
        if (code == TRIB_AGAIN) continue;
        intent->state = code == TRIB_OK ? INTENT_DONE : INTENT_OWED; /* lost: the database is sealed */
        intent->since_ns = trib_env_mono_ns(commands->app->env);
        loose[count++] = intent->db;
        intent->db = NULL;
    }
    unlock(commands);
    for (size_t i = 0; i < count; i++) trib_db_unref(loose[i]);
}

size_t trib_intents_take_done(trib_commands *commands, int64_t before_ns, trib_intent **ret) {
    size_t count = 0;
    lock(commands);
    TRIB_LIST_EACH(link, &commands->intents) {
        trib_intent *intent = TRIB_LIST_ITEM(link, trib_intent, link);
        if (intent->state != INTENT_DONE || intent->since_ns > before_ns || count == COMMAND_REMOVE_MAX) continue;
        intent->state = INTENT_REMOVING;
        ret[count++] = intent;
    }
    unlock(commands);
    return count;
}

void trib_intents_removed(trib_commands *commands, trib_intent *const *list, size_t count, bool removed) {
    lock(commands);
    for (size_t i = 0; i < count; i++) {
        if (removed) free_locked(commands, list[i]);
        else list[i]->state = INTENT_DONE;
    }
    unlock(commands);
}

int64_t trib_intents_low(trib_commands *commands) {
    lock(commands);
    int64_t low = commands->next_no;
    TRIB_LIST_EACH(link, &commands->intents) {
        const trib_intent *intent = TRIB_LIST_ITEM(link, trib_intent, link);
        if (intent->no < low) low = intent->no;
    }
    unlock(commands);
    return low;
}

size_t trib_commands_count_intents(trib_commands *commands) {
    lock(commands);
    size_t count = commands->intent_count;
    unlock(commands);
    return count;
}

/* ---- rows ---- */

trib_code trib_intents_make_table(trib_handle *streams, trib_error *err) {
    return trib_command_exec(streams,
                             "CREATE TABLE IF NOT EXISTS _trib_intent(no INTEGER PRIMARY KEY AUTOINCREMENT, "
                             "key BLOB NOT NULL, db TEXT NOT NULL, redo BLOB NOT NULL)",
                             err);
}

trib_code trib_intents_delete_rows(trib_handle *streams, trib_intent *const *list, size_t count, trib_error *err) {
    trib_code code = TRIB_OK;
    for (size_t i = 0; i < count && code == TRIB_OK; i++) {
        trib_arg args[] = {trib_stream_integer(list[i]->no), blob(&list[i]->key)};
        code = trib_stmt_run(streams, "DELETE FROM _trib_intent WHERE no = ?1 AND key = ?2", args, 2, NULL, NULL, err);
    }
    return code;
}

static trib_code insert_applied(trib_handle *tenant, const trib_intent *intent, trib_error *err) {
    trib_arg args[] = {trib_stream_integer(intent->no), blob(&intent->key)};
    return trib_stmt_run(tenant, "INSERT OR REPLACE INTO _trib_applied VALUES (?1, ?2)", args, 2, NULL, NULL, err);
}

trib_code trib_intent_note_applied(trib_commands *commands, trib_handle *tenant, const trib_intent *intent,
                                   trib_error *err) {
    trib_error why;
    trib_arg low = trib_stream_integer(trib_intents_low(commands));
    trib_code code = insert_applied(tenant, intent, &why);
    bool no_table = code == TRIB_SQL_ERROR || code == TRIB_SQL_INPUT_ERROR;
    if (no_table && !trib_handle_autocommit(tenant)) { /* the first part of this tenant */
        code = trib_command_exec(
            tenant, "CREATE TABLE IF NOT EXISTS _trib_applied(no INTEGER PRIMARY KEY, key BLOB NOT NULL)", err);
        return code == TRIB_OK ? insert_applied(tenant, intent, err) : code;
    }
    if (code != TRIB_OK) {
        if (err) *err = why;
        return code;
    }
    return trib_stmt_run(tenant, "DELETE FROM _trib_applied WHERE no < ?1", &low, 1, NULL, NULL, err);
}

/* ---- after a stop ---- */

static trib_code take_intent(void *ctx, const trib_stmt *stmt, trib_error *err) {
    trib_commands *commands = ctx;
    trib_str key = trib_stmt_col_value(stmt, 1).bytes, db = trib_stmt_col_value(stmt, 2).bytes;
    char db_id[TRIB_DB_ID_BYTES + 1] = "";
    if (key.len != TRIB_ID_BYTES || db.len == 0 || db.len > TRIB_DB_ID_BYTES)
        return trib_error_set(err, TRIB_INTERNAL, "the database streams has an intent that names no database");
    memcpy(db_id, db.ptr, db.len);
    lock(commands);
    trib_intent *intent = add_locked(commands, trib_stmt_col_value(stmt, 0).integer, db_id, INTENT_OWED);
    if (intent) memcpy(intent->key.bytes, key.ptr, key.len);
    unlock(commands);
    return intent ? TRIB_OK : trib_error_set(err, TRIB_NOMEM, NULL);
}

static trib_code take_integer(void *ctx, const trib_stmt *stmt, trib_error *err) {
    (void)err;
    *(int64_t *)ctx = trib_stmt_col_value(stmt, 0).integer;
    return TRIB_OK;
}

static trib_code load(void *ctx, trib_handle *handle, trib_error *err) {
    trib_commands *commands = ctx;
    int64_t tables = 0;
    commands->next_no = 0;
    trib_code code = trib_db_start_run(handle, "SELECT count(*) FROM sqlite_schema WHERE name = '_trib_intent'", NULL,
                                       0, take_integer, &tables, err);
    if (code != TRIB_OK || tables == 0) return code;
    atomic_store(&commands->has_table, true);
    code = trib_db_start_run(handle, "SELECT seq FROM sqlite_sequence WHERE name = '_trib_intent'", NULL, 0,
                             take_integer, &commands->next_no, err);
    if (code == TRIB_OK)
        code = trib_db_start_run(handle, "SELECT no, key, db FROM _trib_intent ORDER BY no", NULL, 0, take_intent,
                                 commands, err);
    return code;
}

trib_code trib_intents_load(trib_commands *commands, trib_error *err) {
    trib_code code = trib_db_start(commands->app, commands->streams, load, commands, err);
    commands->next_no++;
    return code;
}

/* ---- doing what is owed ---- */

bool trib_intents_owes(void *ctx, const char *db_id) {
    trib_commands *commands = ctx;
    bool owes = false;
    trib_intents_look(commands);
    lock(commands);
    TRIB_LIST_EACH(link, &commands->intents) {
        const trib_intent *intent = TRIB_LIST_ITEM(link, trib_intent, link);
        owes = owes || (intent->state <= INTENT_COMMITTED && strcmp(intent->db_id, db_id) == 0);
    }
    unlock(commands);
    return owes;
}

typedef struct owed {
    int64_t no;
    trib_id key;
    bool found;
    trib_buf redo;
} owed;

/* The first that is owed to this database; what it has committed and lost again is OWED by then. false: nothing is.
 * *ret_pending: it is not known yet whether it is. */
static bool find_owed(trib_commands *commands, const char *db_id, owed *ret, bool *ret_pending) {
    bool found = false;
    lock(commands);
    TRIB_LIST_EACH(link, &commands->intents) {
        const trib_intent *intent = TRIB_LIST_ITEM(link, trib_intent, link);
        if (found || intent->state > INTENT_OWED || strcmp(intent->db_id, db_id) != 0) continue;
        found = true;
        ret->no = intent->no;
        ret->key = intent->key;
        *ret_pending = intent->state == INTENT_PROMISED;
    }
    unlock(commands);
    return found;
}

static trib_code take_redo(void *ctx, const trib_stmt *stmt, trib_error *err) {
    owed *o = ctx;
    o->found = true;
    trib_buf_add(&o->redo, trib_stmt_col_value(stmt, 0).bytes);
    return o->redo.failed ? trib_error_set(err, TRIB_NOMEM, NULL) : TRIB_OK;
}

/* What `streams` says of it. Not found: it never passed the commit point. */
static trib_code read_redo(trib_commands *commands, owed *o, trib_error *err) {
    trib_session_vars vars = {0};
    trib_db_settings settings = trib_tenant_db_settings(commands->streams);
    trib_arg args[] = {trib_stream_integer(o->no), blob(&o->key)};
    trib_db *db = NULL;
    trib_handle *handle = NULL;
    trib_error why = {0};
    trib_code code = trib_store_db_get(commands->app->store, trib_str_c(commands->streams->id), &settings, &db, &why);
    if (code == TRIB_OK) code = trib_handle_take(db, &handle, &why);
    if (code == TRIB_OK) code = trib_handle_enter(handle, TRIB_ACCESS_SYSTEM, &vars, &why);
    if (code == TRIB_OK) {
        code = trib_stmt_run(handle, "SELECT redo FROM _trib_intent WHERE no = ?1 AND key = ?2", args, 2, take_redo, o,
                             &why);
        trib_handle_leave(handle);
    }
    trib_handle_give(handle);
    trib_db_unref(db);
    if (code == TRIB_OK) return code;
    return trib_error_set(err,
                          code == TRIB_NOMEM || code == TRIB_AGAIN ? TRIB_COMMAND_PENDING : TRIB_COMMIT_OUTCOME_UNKNOWN,
                          "what a command owes to this database cannot be read from streams: %s", why.message);
}

static trib_code note_row(void *ctx, const trib_stmt *stmt, trib_error *err) {
    (void)stmt, (void)err;
    *(bool *)ctx = true;
    return TRIB_OK;
}

/* Inside the write transaction. */
static trib_code apply(trib_commands *commands, trib_handle *handle, const owed *o, trib_error *err) {
    trib_arg args[] = {trib_stream_integer(o->no), blob(&o->key)};
    trib_intent intent = {.no = o->no, .key = o->key};
    bool applied = false;
    trib_error why = {0};
    trib_code code = trib_stmt_run(handle, "SELECT 1 FROM _trib_applied WHERE no = ?1 AND key = ?2", args, 2, note_row,
                                   &applied, &why);
    bool no_table = code == TRIB_SQL_ERROR || code == TRIB_SQL_INPUT_ERROR;
    if (code != TRIB_OK && !no_table) {
        if (err) *err = why;
        return code;
    }
    if (applied) return TRIB_OK;
    code = trib_redo_apply(handle, trib_buf_str(&o->redo), err);
    return code == TRIB_OK ? trib_intent_note_applied(commands, handle, &intent, err) : code;
}

static trib_code apply_whole(trib_commands *commands, trib_handle *handle, const owed *o, trib_error *err) {
    trib_error ignored;
    command_point(commands->app, TRIB_COMMAND_POINT_MEND);
    trib_code code = trib_command_exec(handle, "BEGIN IMMEDIATE", err);
    if (code == TRIB_AGAIN) return trib_error_set(err, TRIB_COMMAND_PENDING, NULL);
    if (code == TRIB_OK) code = apply(commands, handle, o, err);
    if (code == TRIB_OK) code = trib_command_exec(handle, "COMMIT", err);
    if (code != TRIB_OK) (void)trib_command_exec(handle, "ROLLBACK", &ignored);
    if (code == TRIB_OK) command_point(commands->app, TRIB_COMMAND_POINT_MENDED);
    return code;
}

/* It is done, by this commit or an earlier one; or it never was to be. */
static void note_done(trib_commands *commands, const owed *o, trib_handle *handle) {
    trib_db *db = handle ? trib_handle_db(handle) : NULL;
    lock(commands);
    TRIB_LIST_EACH_SAFE(link, &commands->intents) {
        trib_intent *intent = TRIB_LIST_ITEM(link, trib_intent, link);
        if (intent->no != o->no || intent->db) continue;
        if (db) {
            trib_db_ref(db);
            intent->db = db;
            intent->ticket = trib_db_newest_ticket(db);
            intent->state = INTENT_COMMITTED;
        } else if (o->found) {
            intent->state = INTENT_DONE;
        } else {
            free_locked(commands, intent);
        }
    }
    unlock(commands);
}

trib_code trib_intents_mend(void *ctx, const char *db_id, trib_handle *handle, trib_error *err) {
    trib_commands *commands = ctx;
    trib_code code = TRIB_OK;
    bool pending = false;
    for (;;) {
        owed o = {.found = false};
        trib_intents_look(commands);
        if (!find_owed(commands, db_id, &o, &pending)) return TRIB_OK;
        if (pending) return trib_error_set(err, TRIB_COMMAND_PENDING, NULL);
        trib_buf_init(&o.redo, TRIB_REDO_MAX_BYTES + 1);
        code = read_redo(commands, &o, err);
        if (code == TRIB_OK && o.found && handle) code = apply_whole(commands, handle, &o, err);
        trib_buf_deinit(&o.redo);
        if (code == TRIB_COMMAND_CONFLICT && commands->conflicts) trib_counter_add(commands->conflicts, 1);
        if (code != TRIB_OK) return code;
        note_done(commands, &o, o.found ? handle : NULL);
    }
}

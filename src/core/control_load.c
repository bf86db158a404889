/* SPDX-License-Identifier: Apache-2.0 */
/* Opens the registry: schema, first keys, and every tenant into memory. Runs before the loops and workers have anything
 * to do, so it may block, and the turn is always free. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/ids.h"
#include "core/control_int.h"
#include "core/db_start.h"
#include "crypto/hash.h"

/* The file's format by PRAGMA user_version: the statements of step i lead from version i to i + 1. */
static const char *const step_0[] = {
    "CREATE TABLE IF NOT EXISTS tenant("
    " name TEXT PRIMARY KEY, id TEXT NOT NULL UNIQUE, created_ms INTEGER NOT NULL,"
    " token_epoch INTEGER NOT NULL DEFAULT 0, block_reads INTEGER NOT NULL DEFAULT 0,"
    " block_writes INTEGER NOT NULL DEFAULT 0, block_reason TEXT NOT NULL DEFAULT '',"
    " max_bytes INTEGER NOT NULL DEFAULT 0, txn_steal_ms INTEGER NOT NULL DEFAULT 0,"
    " statement_timeout_ms INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS signing_key(kid TEXT PRIMARY KEY, seed BLOB NOT NULL, created_ms INTEGER NOT NULL)",
    "CREATE TABLE IF NOT EXISTS setting(name TEXT PRIMARY KEY, value TEXT NOT NULL)",
    /* whose files must go: written with the deletion itself, so that a crash between the two leaves no data behind */
    "CREATE TABLE IF NOT EXISTS removal(id TEXT PRIMARY KEY) WITHOUT ROWID",
    "DROP TRIGGER IF EXISTS tenant_removal",
    /* a tenant that was deleted keeps its row while it can come back, and its name is free */
    "ALTER TABLE tenant RENAME TO tenant_0",
    "CREATE TABLE tenant("
    " id TEXT PRIMARY KEY, name TEXT NOT NULL, created_ms INTEGER NOT NULL, named_ms INTEGER NOT NULL,"
    " deleted_ms INTEGER NOT NULL DEFAULT 0, purge_ms INTEGER NOT NULL DEFAULT 0,"
    " token_epoch INTEGER NOT NULL DEFAULT 0, block_reads INTEGER NOT NULL DEFAULT 0,"
    " block_writes INTEGER NOT NULL DEFAULT 0, block_reason TEXT NOT NULL DEFAULT '',"
    " max_bytes INTEGER NOT NULL DEFAULT 0, statement_timeout_ms INTEGER NOT NULL DEFAULT 0,"
    " txn_steal_ms INTEGER NOT NULL DEFAULT 0, durability INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID",
    "CREATE UNIQUE INDEX tenant_name ON tenant(name) WHERE deleted_ms = 0",
    "INSERT INTO tenant(id, name, created_ms, named_ms, token_epoch, block_reads, block_writes, block_reason, "
    "max_bytes,"
    " statement_timeout_ms, txn_steal_ms) SELECT id, name, created_ms, created_ms, token_epoch, block_reads,"
    " block_writes, block_reason, max_bytes, statement_timeout_ms, txn_steal_ms FROM tenant_0",
    "DROP TABLE tenant_0",
    ("CREATE TRIGGER tenant_removal AFTER DELETE ON tenant"
     " BEGIN INSERT OR IGNORE INTO removal VALUES (old.id); END"),
    /* files that were made before their tenant: from here on they are its */
    "CREATE TRIGGER tenant_made AFTER INSERT ON tenant BEGIN DELETE FROM removal WHERE id = new.id; END",
};
static const char *const step_1[] = {
    "ALTER TABLE tenant ADD COLUMN replica_v1 INTEGER NOT NULL DEFAULT 0",
};
static const char *const step_2[] = {
    "ALTER TABLE tenant ADD COLUMN jwt_key TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE tenant ADD COLUMN revoked_ms INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE tenant ADD COLUMN old_tokens INTEGER NOT NULL DEFAULT 0",
};
static const char *const step_3[] = {
    "ALTER TABLE tenant ADD COLUMN allow_attach INTEGER NOT NULL DEFAULT 0",
};
static const char *const step_4[] = {
    "ALTER TABLE tenant ADD COLUMN publish INTEGER NOT NULL DEFAULT 0",
};
static const struct {
    const char *const *sql;
    size_t count;
} steps[] = {{step_0, sizeof step_0 / sizeof *step_0},
             {step_1, sizeof step_1 / sizeof *step_1},
             {step_2, sizeof step_2 / sizeof *step_2},
             {step_3, sizeof step_3 / sizeof *step_3},
             {step_4, sizeof step_4 / sizeof *step_4}};
enum { SCHEMA_VERSION = sizeof steps / sizeof *steps };

static trib_code load_version(void *ctx, const trib_stmt *stmt, trib_error *err) {
    (void)err;
    *(int64_t *)ctx = trib_stmt_col_value(stmt, 0).integer;
    return TRIB_OK;
}

/* All or nothing: a stop in the middle begins at the old version again. */
static trib_code upgrade(trib_handle *handle, trib_error *err) {
    int64_t version = 0;
    char sql[48];
    trib_code code = trib_db_start_run(handle, "PRAGMA user_version", NULL, 0, load_version, &version, err);
    if (code != TRIB_OK || version == SCHEMA_VERSION) return code;
    if (version > SCHEMA_VERSION)
        return trib_error_set(err, TRIB_CONFIG,
                              "the data folder was used by a newer version of trib (registry %d, this one knows %d); "
                              "start that version",
                              (int)version, SCHEMA_VERSION);
    code = trib_db_start_run(handle, "BEGIN IMMEDIATE", NULL, 0, NULL, NULL, err);
    for (int64_t v = version; code == TRIB_OK && v < SCHEMA_VERSION; v++) {
        for (size_t i = 0; code == TRIB_OK && i < steps[v].count; i++)
            code = trib_db_start_run(handle, steps[v].sql[i], NULL, 0, NULL, NULL, err);
    }
    snprintf(sql, sizeof sql, "PRAGMA user_version = %d", SCHEMA_VERSION);
    if (code == TRIB_OK) code = trib_db_start_run(handle, sql, NULL, 0, NULL, NULL, err);
    return code == TRIB_OK ? trib_db_start_run(handle, "COMMIT", NULL, 0, NULL, NULL, err) : code;
}

/* The columns in front of the settings. */
enum {
    COL_NAME,
    COL_ID,
    COL_CREATED,
    COL_NAMED,
    COL_EPOCH,
    COL_DELETED,
    COL_PURGE,
    COL_REASON,
    COL_KEY,
    COL_REVOKED,
    COL_SETTINGS
};
#define SETTING_COLUMN(field, name, type, least, most, meaning) ", " #name
static const char tenant_sql[] = "SELECT name, id, created_ms, named_ms, token_epoch, deleted_ms, purge_ms,"
                                 " block_reason, jwt_key, revoked_ms" TRIB_TENANT_SETTING_TABLE(SETTING_COLUMN)
    /* in order: the tree of control_known.c then grows at its end, whose nodes are at hand */
    " FROM tenant ORDER BY name";

static trib_code fill_tenant(trib_tenant *tenant, const trib_stmt *stmt, trib_error *err) {
    tenant->created_ms = trib_stmt_col_value(stmt, COL_CREATED).integer;
    tenant->deleted_ms = trib_stmt_col_value(stmt, COL_DELETED).integer;
    tenant->purge_ms = trib_stmt_col_value(stmt, COL_PURGE).integer;
    atomic_store(&tenant->named_ms, trib_stmt_col_value(stmt, COL_NAMED).integer);
    atomic_store(&tenant->token_epoch, (uint32_t)trib_stmt_col_value(stmt, COL_EPOCH).integer);
    atomic_store(&tenant->deleted, tenant->deleted_ms != 0);
    for (int i = 0; i < TRIB_TENANT_SETTING_COUNT; i++)
        trib_tenant_set(tenant, (trib_tenant_setting)i, trib_stmt_col_value(stmt, COL_SETTINGS + i).integer);
    atomic_store(&tenant->revoked_ms, trib_stmt_col_value(stmt, COL_REVOKED).integer);
    trib_code code = trib_tenant_set_jwt_key(tenant, trib_stmt_col_value(stmt, COL_KEY).bytes, err);
    return code == TRIB_OK ? trib_tenant_set_reason(tenant, trib_stmt_col_value(stmt, COL_REASON).bytes, err) : code;
}

static trib_code load_tenant(void *ctx, const trib_stmt *stmt, trib_error *err) {
    trib_control *control = ctx;
    trib_str name = trib_stmt_col_value(stmt, COL_NAME).bytes, id = trib_stmt_col_value(stmt, COL_ID).bytes;
    if (name.len == 0 || name.len > TRIB_TENANT_NAME_BYTES || id.len == 0 || id.len > TRIB_DB_ID_BYTES) {
        return trib_error_set(err, TRIB_INTERNAL, "the control database has a tenant with a malformed name or id");
    }
    trib_tenant *tenant = trib_tenant_new(control->app->workers, name, id);
    if (!tenant) return trib_error_set(err, TRIB_NOMEM, NULL);
    trib_code code = fill_tenant(tenant, stmt, err);
    int64_t named_ms = atomic_load(&tenant->named_ms);
    if (named_ms > atomic_load(&control->naming_ms)) atomic_store(&control->naming_ms, named_ms);
    if (tenant->jwt_key[0]) atomic_store(&control->tenant_keys, true);
    if (code == TRIB_OK && tenant->deleted_ms) {
        trib_list_push_back(&control->deleted, &tenant->link);
        return TRIB_OK;
    }
    if (code == TRIB_OK) code = trib_control_know(control, tenant);
    if (code == TRIB_OK) return code;
    trib_tenant_unref(tenant);
    return trib_error_set(err, code, NULL);
}

static trib_code load_key(void *ctx, const trib_stmt *stmt, trib_error *err) {
    trib_control *control = ctx;
    return trib_control_keys_add(control->keys, trib_stmt_col_value(stmt, 0).bytes, trib_stmt_col_value(stmt, 1).bytes,
                                 err);
}

static trib_code load_imported(void *ctx, const trib_stmt *stmt, trib_error *err) {
    trib_control *control = ctx;
    return trib_control_keys_import(control->keys, trib_stmt_col_value(stmt, 0).bytes, false, err);
}

static trib_code load_admin_key(void *ctx, const trib_stmt *stmt, trib_error *err) {
    trib_control *control = ctx;
    trib_str key = trib_stmt_col_value(stmt, 0).bytes;
    if (key.len >= sizeof control->admin_key)
        return trib_error_set(err, TRIB_INTERNAL, "the stored admin key is malformed");
    memcpy(control->admin_key, key.ptr, key.len);
    return TRIB_OK;
}

static trib_code make_first_keys(trib_control *control, trib_handle *handle, trib_error *err) {
    uint8_t seed[TRIB_ED25519_KEY_BYTES];
    char kid[TRIB_ID_HEX_BYTES];
    trib_id id;
    trib_code code = TRIB_OK;
    const trib_env *env = control->app->env;
    if (control->keys->count == 0) {
        code = trib_id_random(env, &id, err);
        if (code != TRIB_OK) return code;
        trib_id_to_hex(id, kid);
        if (!trib_env_random(env, seed, sizeof seed))
            return trib_error_set(err, TRIB_INTERNAL, "the system gives no randomness");
        trib_arg args[3] = {{.value = {.type = TRIB_VALUE_TEXT, .bytes = trib_str_c(kid)}},
                            {.value = {.type = TRIB_VALUE_BLOB, .bytes = {(const char *)seed, sizeof seed}}},
                            {.value = {.type = TRIB_VALUE_INTEGER, .integer = trib_env_wall_ms(env)}}};
        code = trib_db_start_run(handle, "INSERT INTO signing_key VALUES (?, ?, ?)", args, 3, NULL, NULL, err);
        if (code == TRIB_OK) {
            code = trib_control_keys_add(control->keys, trib_str_c(kid), trib_str_make((const char *)seed, sizeof seed),
                                         err);
        }
        trib_crypto_wipe(seed, sizeof seed);
    }
    if (code == TRIB_OK && control->admin_key[0] == '\0') {
        code = trib_id_random(env, &id, err);
        if (code != TRIB_OK) return code;
        trib_id_to_hex(id, control->admin_key);
        trib_arg arg = {.value = {.type = TRIB_VALUE_TEXT, .bytes = trib_str_c(control->admin_key)}};
        code = trib_db_start_run(handle, "INSERT INTO setting VALUES ('admin_key', ?)", &arg, 1, NULL, NULL, err);
    }
    return code;
}

static trib_code load_removal(void *ctx, const trib_stmt *stmt, trib_error *err) {
    char *id = ctx;
    trib_str found = trib_stmt_col_value(stmt, 0).bytes;
    if (found.len == 0 || found.len > TRIB_DB_ID_BYTES)
        return trib_error_set(err, TRIB_INTERNAL, "the control database has a malformed id in its list of removals");
    memcpy(id, found.ptr, found.len);
    id[found.len] = '\0';
    return TRIB_OK;
}

/* Removes what is left of deleted tenants. Most of it is gone already: then the list is only shortened. What cannot be
 * removed stays in the list for the next start. */
static trib_code finish_removals(trib_control *control, trib_handle *handle, trib_error *err) {
    char last[TRIB_DB_ID_BYTES + 1] = "", id[TRIB_DB_ID_BYTES + 1];
    for (;;) {
        trib_arg arg = {.value = {.type = TRIB_VALUE_TEXT, .bytes = trib_str_c(last)}};
        trib_error why;
        id[0] = '\0';
        trib_code code = trib_db_start_run(handle,
                                           "SELECT id FROM removal WHERE id > ?1 AND id NOT IN (SELECT id FROM tenant) "
                                           "ORDER BY id LIMIT 1",
                                           &arg, 1, load_removal, id, err);
        if (code != TRIB_OK || !id[0]) return code;
        memcpy(last, id, sizeof last);
        if (trib_store_db_delete(control->app->store, trib_str_c(id), &why) != TRIB_OK) {
            trib_log_event(control->app->log, TRIB_LOG_WARN, "tenant_files_left", TRIB_LOG_C("id", id),
                           TRIB_LOG_ERR(&why));
            continue;
        }
        arg.value.bytes = trib_str_c(id);
        code = trib_db_start_run(handle, "DELETE FROM removal WHERE id = ?1", &arg, 1, NULL, NULL, err);
        if (code != TRIB_OK) return code;
    }
}

static trib_code load(void *ctx, trib_handle *handle, trib_error *err) {
    trib_control *control = ctx;
    trib_code code = upgrade(handle, err);
    if (code == TRIB_OK) code = trib_db_start_run(handle, tenant_sql, NULL, 0, load_tenant, control, err);
    if (code == TRIB_OK) {
        code = trib_db_start_run(handle, "SELECT kid, seed FROM signing_key ORDER BY rowid DESC", NULL, 0, load_key,
                                 control, err);
    }
    if (code == TRIB_OK) {
        code = trib_db_start_run(handle, "SELECT value FROM setting WHERE name = 'admin_key'", NULL, 0, load_admin_key,
                                 control, err);
    }
    if (code == TRIB_OK) code = finish_removals(control, handle, err);
    if (code == TRIB_OK) code = make_first_keys(control, handle, err);
    /* behind our own, which have no room behind these */
    const char *setting = control->app->settings.imported_keys;
    if (code == TRIB_OK && setting) code = trib_control_keys_import(control->keys, trib_str_c(setting), true, err);
    if (code != TRIB_OK) return code;
    return trib_db_start_run(handle, "SELECT value FROM setting WHERE name = 'jwt_key'", NULL, 0, load_imported,
                             control, err);
}

/* Whoever waits for a system database waits in its queue: it works for all tenants, and is no heavy one. */
static void make_system(trib_tenant *tenant) {
    tenant->system = true;
    trib_work_queue_set_shared(tenant->queue);
}

/* streams and discovery are there from the start, like tenants that nobody can delete. */
static trib_code add_system(trib_control *control, const char *name, trib_error *err) {
    trib_tenant *tenant = trib_tenant_new(control->app->workers, trib_str_c(name), trib_str_c(name));
    if (!tenant) return trib_error_set(err, TRIB_NOMEM, NULL);
    make_system(tenant);
    trib_code code = trib_control_know(control, tenant);
    if (code == TRIB_OK) return code;
    trib_tenant_unref(tenant);
    return trib_error_set(err, code, NULL);
}

trib_code trib_control_open(trib_app *app, trib_control **ret, trib_error *err) {
    trib_hash_key seed;
    trib_control *control = calloc(1, sizeof *control);
    if (!control) return trib_error_set(err, TRIB_NOMEM, NULL);
    control->app = app;
    trib_list_init(&control->creating);
    trib_list_init(&control->deleted);
    control->lock = trib_mutex_new(app->env);
    control->keys = calloc(1, sizeof *control->keys);
    bool ok = trib_control_purge_init(control) && control->lock && control->keys &&
              trib_env_random(app->env, &seed, sizeof seed);
    trib_code code = ok ? TRIB_OK : trib_error_set(err, TRIB_NOMEM, NULL);
    if (ok) {
        trib_map_init(&control->by_name, TRIB_MAP_BORROW_KEYS, seed);
        trib_map_init(&control->by_id, TRIB_MAP_BORROW_KEYS, seed);
        RB_INIT(&control->in_order);
        atomic_store(&control->keys->refs, 1);
        control->keys->generation = 1;
        control->self = trib_tenant_new(control->app->workers, TRIB_STR("control"), TRIB_STR("control"));
        if (control->self) make_system(control->self);
        else code = trib_error_set(err, TRIB_NOMEM, NULL);
    }
    if (code == TRIB_OK) code = trib_db_start(app, control->self, load, control, err);
    if (code == TRIB_OK) code = add_system(control, "streams", err);
    if (code == TRIB_OK) code = add_system(control, "discovery", err);
    if (code != TRIB_OK) {
        trib_control_close(control);
        return code;
    }
    *ret = control;
    return TRIB_OK;
}

void trib_control_close(trib_control *control) {
    size_t cursor = 0;
    void *tenant;
    if (!control) return;
    trib_control_purge_deinit(control);
    while (trib_map_next(&control->by_name, &cursor, NULL, &tenant)) trib_tenant_unref(tenant);
    trib_map_deinit(&control->by_name);
    trib_map_deinit(&control->by_id);
    for (trib_list *link; (link = trib_list_take_first(&control->deleted));)
        trib_tenant_unref(TRIB_LIST_ITEM(link, trib_tenant, link));
    trib_tenant_unref(control->self);
    trib_control_keys_release(control->keys);
    trib_mutex_free(control->app->env, control->lock);
    trib_crypto_wipe(control->admin_key, sizeof control->admin_key);
    free(control);
}

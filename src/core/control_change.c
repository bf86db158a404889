/* SPDX-License-Identifier: Apache-2.0 */
/* Changes of the registry: prepared on the caller's loop, made durable by a job on `control`, then applied in memory;
 * see control.h.
 *
 * A tenant has one change under way at a time, so memory and file see its changes in the same order. Names need no more
 * than that: a name is free in memory only after it is free in the file, where an index lets one live tenant have
 * it. */
#include <stdlib.h>
#include <string.h>

#include "base/ids.h"
#include "core/control_int.h"
#include "core/outbox.h"
#include "core/session.h"
#include "crypto/hash.h"
#include "wire/tenant_name.h"

static trib_code exists_error(trib_str name, trib_error *err) {
    return trib_error_set(err, TRIB_TENANT_EXISTS, "tenant \"%.*s\" already exists", TRIB_STR_ARG(name));
}

/* ---- in the file ---- */

/* Named arguments; what is not given is NULL and stays as it is. */
#define SETTING_COLUMN(field, name, type, least, most, meaning) ", " #name " = coalesce(:" #name ", " #name ")"

#define SETTING_NAME(field, name, type, least, most, meaning) ", " #name
#define SETTING_ARG(field, name, type, least, most, meaning)  ", :" #name

static const char *const op_sql[] = {
    [TRIB_CONTROL_CREATE] = "INSERT INTO tenant(name, id, created_ms, named_ms, token_epoch, "
                            "block_reason, jwt_key" TRIB_TENANT_SETTING_TABLE(
                                SETTING_NAME) ") VALUES (:name, :id, :now, :named, :epoch, "
                                              ":reason, :jwt_key" TRIB_TENANT_SETTING_TABLE(SETTING_ARG) ")",
    [TRIB_CONTROL_FILES] = "INSERT INTO removal VALUES (:id)",
    [TRIB_CONTROL_DELETE] = "UPDATE tenant SET deleted_ms = :now, purge_ms = :purge WHERE id = :id",
    [TRIB_CONTROL_UNDELETE] = "UPDATE tenant SET deleted_ms = 0, purge_ms = 0, name = :name, named_ms = :named,"
                              " old_tokens = 0 WHERE id = :id",
    [TRIB_CONTROL_PURGE] = "DELETE FROM tenant WHERE id = :id",
    [TRIB_CONTROL_SETTINGS] =
        "UPDATE tenant SET block_reason = coalesce(:block_reason, block_reason),"
        " jwt_key = coalesce(:jwt_key, jwt_key)" TRIB_TENANT_SETTING_TABLE(SETTING_COLUMN) " WHERE id = :id",
    [TRIB_CONTROL_RENAME] = "UPDATE tenant SET name = :name, named_ms = :named, old_tokens = 0 WHERE id = :id",
    [TRIB_CONTROL_REVOKE] = "UPDATE tenant SET token_epoch = token_epoch + 1, revoked_ms = :now WHERE id = :id",
    [TRIB_CONTROL_ROTATE_KEY] = "INSERT INTO signing_key(kid, seed, created_ms) VALUES (:kid, :seed, :now)",
    [TRIB_CONTROL_DROP_OLD_KEYS] = "DELETE FROM signing_key WHERE kid <> :kid",
    [TRIB_CONTROL_IMPORT_KEYS] = "INSERT OR REPLACE INTO setting(name, value) VALUES ('jwt_key', :text)",
};

enum { OP_ARGS_MAX = TRIB_TENANT_SETTING_COUNT + 8 };
typedef struct op_args {
    trib_arg args[OP_ARGS_MAX];
    size_t count;
} op_args;

static bool changes_keys(const trib_control_op *op) {
    return op->type == TRIB_CONTROL_ROTATE_KEY || op->type == TRIB_CONTROL_DROP_OLD_KEYS ||
           op->type == TRIB_CONTROL_IMPORT_KEYS;
}

/* Gives a tenant that is there a name. */
static bool names(const trib_control_op *op) {
    return op->type == TRIB_CONTROL_RENAME || op->type == TRIB_CONTROL_UNDELETE;
}

static void add_arg(op_args *to, const char *name, trib_value value) {
    to->args[to->count++] = (trib_arg){.name = trib_str_c(name), .value = value};
}

static void add_str(op_args *to, const char *name, trib_str text) {
    add_arg(to, name, (trib_value){.type = TRIB_VALUE_TEXT, .bytes = text});
}

static void add_text(op_args *to, const char *name, const char *text) {
    add_str(to, name, trib_str_c(text));
}

static void add_integer(op_args *to, const char *name, int64_t integer) {
    add_arg(to, name, (trib_value){.type = TRIB_VALUE_INTEGER, .integer = integer});
}

static void add_change(op_args *to, const trib_tenant_change *change) {
    static const trib_value keep = {.type = TRIB_VALUE_NULL};
    if (change->has_reason) add_text(to, "block_reason", change->reason);
    else add_arg(to, "block_reason", keep);
    if (change->has_jwt_key) add_str(to, "jwt_key", change->jwt_key);
    else add_arg(to, "jwt_key", keep);
    for (size_t i = 0; i < TRIB_TENANT_SETTING_COUNT; i++) {
        const char *name = trib_tenant_setting_row_at(i)->name;
        if (change->given & (1U << i)) add_integer(to, name, change->values[i]);
        else add_arg(to, name, keep);
    }
}

/* A deletion without grace, or of a tenant that was deleted before. */
static bool for_good(const trib_control_op *op) {
    return op->now || op->control->app->settings.delete_grace_ms == 0;
}

static int64_t purge_ms(const trib_control_op *op) {
    return op->now_ms + op->control->app->settings.delete_grace_ms;
}

static const char *sql_of(const trib_control_op *op) {
    bool purges = op->type == TRIB_CONTROL_DELETE && for_good(op);
    return op_sql[purges ? TRIB_CONTROL_PURGE : op->type];
}

static void make_args(const trib_control_op *op, op_args *to) {
    const trib_tenant *made = op->prepared;
    to->count = 0;
    switch (op->type) {
    case TRIB_CONTROL_CREATE:
        add_text(to, "name", made->name);
        add_text(to, "id", made->id);
        add_integer(to, "now", made->created_ms);
        add_integer(to, "named", op->named_ms);
        add_integer(to, "epoch", atomic_load(&made->token_epoch));
        add_text(to, "reason", made->block_reason);
        add_text(to, "jwt_key", made->jwt_key);
        for (size_t i = 0; i < TRIB_TENANT_SETTING_COUNT; i++)
            add_integer(to, trib_tenant_setting_row_at(i)->name, trib_tenant_get(made, (trib_tenant_setting)i));
        break;
    case TRIB_CONTROL_FILES: add_str(to, "id", op->id); break;
    case TRIB_CONTROL_SETTINGS:
        add_change(to, op->change);
        add_text(to, "id", op->target->id);
        break;
    case TRIB_CONTROL_RENAME:
    case TRIB_CONTROL_UNDELETE:
        add_str(to, "name", op->new_name);
        add_integer(to, "named", op->named_ms);
        add_text(to, "id", op->target->id);
        break;
    case TRIB_CONTROL_DELETE:
        if (!for_good(op)) {
            add_integer(to, "now", op->now_ms);
            add_integer(to, "purge", purge_ms(op));
        }
        add_text(to, "id", op->target->id);
        break;
    case TRIB_CONTROL_REVOKE:
        add_integer(to, "now", op->now_ms);
        add_text(to, "id", op->target->id);
        break;
    case TRIB_CONTROL_PURGE: add_text(to, "id", op->target->id); break;
    case TRIB_CONTROL_ROTATE_KEY:
        add_text(to, "kid", op->kid);
        add_arg(to, "seed", (trib_value){.type = TRIB_VALUE_BLOB, .bytes = {(const char *)op->seed, sizeof op->seed}});
        add_integer(to, "now", op->now_ms);
        break;
    case TRIB_CONTROL_DROP_OLD_KEYS: add_text(to, "kid", op->kid); break;
    case TRIB_CONTROL_IMPORT_KEYS: add_str(to, "text", op->imported); break;
    }
}

static trib_code op_work(trib_db_job *job, trib_handle *handle, trib_error *err) {
    trib_control_op *op = (trib_control_op *)(void *)((char *)job - offsetof(trib_control_op, job));
    op_args args;
    make_args(op, &args);
    trib_code code = trib_db_job_take_pending(job, err);
    if (code != TRIB_OK) return code;
    if (op->type == TRIB_CONTROL_ROTATE_KEY && op->drop_all) {
        /* one transaction: the new key is in and the old ones are out, or neither */
        static const char *const drop[] = {"BEGIN IMMEDIATE", "DELETE FROM signing_key"};
        for (size_t i = 0; i < 2; i++) {
            code = trib_stmt_run(handle, drop[i], NULL, 0, NULL, NULL, err);
            if (code != TRIB_OK) return code;
        }
        code = trib_stmt_run(handle, sql_of(op), args.args, args.count, NULL, NULL, err);
        return code == TRIB_OK ? trib_stmt_run(handle, "COMMIT", NULL, 0, NULL, NULL, err) : code;
    }
    return trib_stmt_run(handle, sql_of(op), args.args, args.count, NULL, NULL, err);
}

/* ---- creates of one name ---- */

/* Two creates of one name: the database knows the winner before by_name does, because the winner comes home to a loop
 * of its own. So the second one does not ask the database but follows the first. */

/* true: it follows another one; else it leads. */
static bool follow_or_lead(trib_control *control, trib_control_op *op) {
    trib_control_op *leader = NULL;
    trib_list_init(&op->link);
    trib_list_init(&op->followers);
    trib_control_lock(control);
    TRIB_LIST_EACH_SAFE(link, &control->creating) {
        trib_control_op *other = TRIB_LIST_ITEM(link, trib_control_op, link);
        if (strcmp(other->name, op->name) == 0) leader = other;
    }
    trib_list_push_back(leader ? &leader->followers : &control->creating, &op->link);
    trib_control_unlock(control);
    return leader != NULL;
}

static void follower_done(trib_job *job) {
    trib_control_op *op = (trib_control_op *)(void *)((char *)job - offsetof(trib_control_op, job));
    op->finished(op);
}

/* by_name has the tenant, or never will. */
static void end_creating(trib_control *control, trib_control_op *op, trib_code code, const trib_error *err) {
    trib_list followers;
    trib_list_init(&followers);
    trib_control_lock(control);
    trib_list_remove(&op->link);
    trib_list_splice_back(&followers, &op->followers);
    trib_control_unlock(control);
    for (trib_list *link; (link = trib_list_take_first(&followers));) {
        trib_control_op *follower = TRIB_LIST_ITEM(link, trib_control_op, link);
        trib_tenant_unref(follower->prepared);
        follower->prepared = NULL;
        follower->code = code;
        if (code != TRIB_OK) follower->err = *err;
        else follower->code = exists_error(trib_str_c(follower->name), &follower->err);
        follower->job.job.done = follower_done;
        follower->home->post(follower->home, &follower->job.job);
    }
}

/* ---- in memory ---- */

/* The database hears of it at once, not with its next job: whoever waits in it now is meant too. */
static void apply_settings(trib_control *control, trib_tenant *tenant, const trib_tenant_change *change) {
    for (size_t i = 0; i < TRIB_TENANT_SETTING_COUNT; i++) {
        if (change->given & (1U << i)) trib_tenant_set(tenant, (trib_tenant_setting)i, change->values[i]);
    }
    /* its text was reserved: this cannot fail */
    if (change->has_reason) (void)trib_tenant_set_reason(tenant, trib_str_c(change->reason), NULL);
    if (change->has_jwt_key) (void)trib_tenant_set_jwt_key(tenant, change->jwt_key, NULL);
    if (change->jwt_key.len) atomic_store(&control->tenant_keys, true);
    trib_db_settings settings = trib_tenant_db_settings(tenant);
    trib_store_set_settings(control->app->store, trib_str_c(tenant->id), &settings);
}

/* Lock held. The texts were reserved, and with RENAME the maps have the room of the old entries. */
static trib_code apply_name(trib_control *control, const trib_control_op *op) {
    trib_tenant *tenant = op->target;
    if (op->type == TRIB_CONTROL_RENAME) trib_control_forget(control, tenant);
    /* before the name: whoever sees the new one must not take a list of before for one that means it */
    atomic_store(&tenant->named_ms, op->named_ms);
    trib_tenant_set(tenant, TRIB_TENANT_OLD_TOKENS, 0);
    (void)trib_tenant_set_name(tenant, op->new_name, NULL);
    return trib_control_know(control, tenant);
}

/* Lock held. The reference of by_name goes to the list of the deleted, or is given back by the caller. */
static trib_tenant *apply_delete(trib_control *control, const trib_control_op *op) {
    trib_tenant *tenant = op->target;
    bool known = !atomic_load(&tenant->deleted);
    if (known) trib_control_forget(control, tenant);
    else trib_list_remove(&tenant->link);
    atomic_store(&tenant->deleted, true);
    if (op->type == TRIB_CONTROL_PURGE || for_good(op)) {
        atomic_fetch_add(&control->gone, 1);
        return tenant;
    }
    atomic_store(&tenant->deleted_ms, op->now_ms);
    atomic_store(&tenant->purge_ms, purge_ms(op));
    trib_list_push_back(&control->deleted, &tenant->link);
    if (purge_ms(op) < control->next_purge_ms) control->next_purge_ms = purge_ms(op);
    return NULL;
}

/* Lock held. */
static trib_code apply_undelete(trib_control *control, const trib_control_op *op) {
    trib_tenant *tenant = op->target;
    trib_code code = apply_name(control, op);
    if (code != TRIB_OK) { /* without memory: the file knows it as living, and so does the next start */
        atomic_store(&tenant->purge_ms, INT64_MAX);
        return code;
    }
    trib_list_remove(&tenant->link);
    atomic_store(&tenant->deleted_ms, 0);
    atomic_store(&tenant->purge_ms, 0);
    atomic_store(&tenant->deleted, false);
    return code;
}

/* The change is durable: memory follows. */
static trib_code op_apply(trib_control *control, trib_control_op *op) {
    trib_tenant *gone = NULL, *target = op->target;
    trib_code code = TRIB_OK;
    if (changes_keys(op)) return trib_control_keys_change(control, op, &op->err);
    bool deletes = op->type == TRIB_CONTROL_DELETE || op->type == TRIB_CONTROL_PURGE;
    trib_control_lock(control);
    if (op->type == TRIB_CONTROL_CREATE) {
        code = trib_control_know(control, op->prepared);
        if (code == TRIB_OK && op->prepared->jwt_key[0]) atomic_store(&control->tenant_keys, true);
        if (code == TRIB_OK) op->tenant = trib_tenant_ref(op->prepared);
        if (code == TRIB_OK) op->prepared = NULL;
    }
    if (deletes) gone = apply_delete(control, op);
    if (op->type == TRIB_CONTROL_UNDELETE) code = apply_undelete(control, op);
    if (op->type == TRIB_CONTROL_RENAME) code = apply_name(control, op);
    if (op->type == TRIB_CONTROL_SETTINGS) apply_settings(control, target, op->change);
    if (op->type == TRIB_CONTROL_REVOKE) atomic_store(&target->revoked_ms, op->now_ms);
    if (op->type == TRIB_CONTROL_REVOKE) atomic_fetch_add(&target->token_epoch, 1);
    if (target && code == TRIB_OK) op->tenant = trib_tenant_ref(target);
    trib_control_unlock(control);
    if (control->app->outbox && op->tenant) trib_outbox_mark(control->app->outbox, op->tenant);
    trib_tenant_unref(gone); /* `target` is another reference */
    if (deletes) trib_sessions_end_tenant(control->app->sessions, target);
    return code == TRIB_OK ? code : trib_error_set(&op->err, code, NULL);
}

/* What prepare took, as far as it was not handed over. */
static void op_forget(trib_control *control, trib_control_op *op) {
    trib_tenant *target = op->target;
    trib_tenant_unref(op->prepared);
    op->prepared = op->target = NULL;
    if (!changes_keys(op) && !target) return;
    trib_control_lock(control);
    if (target) target->changing = false;
    else control->keys_changing = false;
    trib_control_unlock(control);
    trib_tenant_unref(target);
}

static void op_finished(trib_db_job *job) {
    trib_control_op *op = (trib_control_op *)(void *)((char *)job - offsetof(trib_control_op, job));
    trib_control *control = op->control;
    op->code = job->code;
    op->err = job->err;
    /* the index of names: somebody was faster */
    if (op->code == TRIB_SQL_ERROR && op->type == TRIB_CONTROL_CREATE)
        op->code = exists_error(trib_str_c(op->name), &op->err);
    if (op->code == TRIB_SQL_ERROR && names(op)) op->code = exists_error(op->new_name, &op->err);
    if (op->code == TRIB_OK) op->code = op_apply(control, op);
    if (op->type == TRIB_CONTROL_CREATE) {
        bool there = op->code == TRIB_OK || op->code == TRIB_TENANT_EXISTS;
        end_creating(control, op, there ? TRIB_OK : op->code, &op->err);
    }
    op_forget(control, op);
    trib_crypto_wipe(op->seed, sizeof op->seed);
    op->finished(op);
}

static trib_code prepare_keys(trib_control *control, trib_control_op *op, trib_error *err) {
    trib_id id;
    trib_code code = TRIB_OK;
    trib_control_lock(control);
    bool other = control->keys_changing, older = control->keys->count > 1;
    if (op->type == TRIB_CONTROL_DROP_OLD_KEYS) memcpy(op->kid, control->keys->kids[0], sizeof op->kid);
    control->keys_changing = true;
    trib_control_unlock(control);
    if (other)
        return trib_error_set(err, TRIB_TOO_MANY_REQUESTS,
                              "another change of the signing keys is under way; try again");
    if (op->type == TRIB_CONTROL_ROTATE_KEY) {
        code = trib_id_random(control->app->env, &id, err);
        if (code == TRIB_OK && !trib_env_random(control->app->env, op->seed, sizeof op->seed))
            code = trib_error_set(err, TRIB_INTERNAL, "the system gives no randomness for a new key");
        if (code == TRIB_OK) trib_id_to_hex(id, op->kid);
    } else if (op->type == TRIB_CONTROL_DROP_OLD_KEYS && !older) {
        code = trib_error_set(err, TRIB_BAD_REQUEST,
                              "there is no older key to drop: one key signs and checks every token; rotate first, "
                              "or drop all keys if this one was stolen");
    }
    if (code != TRIB_OK) op_forget(control, op);
    return code;
}

/* A tenant may be given this name, as far as memory knows; the file decides. */
static trib_code check_free(trib_control *control, trib_str name, trib_error *err) {
    trib_code code = trib_tenant_name_check(name, err);
    if (code != TRIB_OK) return code;
    trib_tenant *known = trib_control_find(control, name);
    trib_tenant_unref(known);
    return known || trib_tenant_name_system(name) ? exists_error(name, err) : TRIB_OK;
}

/* Above the time of every token that was made for a former tenant of the name, which is free by now. */
static int64_t next_naming(trib_control *control) {
    int64_t last = atomic_load(&control->naming_ms), now_ms = trib_env_wall_ms(control->app->env), next;
    do next = now_ms > last ? now_ms : last + 1;
    while (!atomic_compare_exchange_weak(&control->naming_ms, &last, next));
    return next;
}

int64_t trib_control_naming_ms(trib_control *control) {
    int64_t last = atomic_load(&control->naming_ms), now_ms = trib_env_wall_ms(control->app->env);
    while (now_ms > last && !atomic_compare_exchange_weak(&control->naming_ms, &last, now_ms)) {}
    return now_ms > last ? now_ms : last;
}

static trib_code prepare_create(trib_control *control, trib_control_op *op, trib_error *err) {
    char hex[TRIB_ID_HEX_BYTES];
    trib_id id;
    uint32_t epoch;
    trib_str name = trib_str_c(op->name);
    trib_code code = check_free(control, name, err);
    if (code != TRIB_OK) return code;
    code = trib_id_random(control->app->env, &id, err);
    if (code != TRIB_OK) return code;
    /* random, so that tokens of a former tenant of this name do not open the new one; room above for revocations */
    if (!trib_env_random(control->app->env, &epoch, sizeof epoch))
        return trib_error_set(err, TRIB_INTERNAL, "the system gives no randomness for a new tenant");
    trib_id_to_hex(id, hex);
    op->prepared = trib_tenant_new(control->app->workers, name, op->id.len ? op->id : trib_str_c(hex));
    for (int i = 0; op->prepared && op->like && i < TRIB_TENANT_SETTING_COUNT; i++) {
        /* blocks, which tokens count, and what is shown to everybody are about the other tenant */
        bool own = i == TRIB_TENANT_BLOCK_READS || i == TRIB_TENANT_BLOCK_WRITES || i == TRIB_TENANT_OLD_TOKENS ||
                   i == TRIB_TENANT_PUBLISH;
        if (!own)
            trib_tenant_set(op->prepared, (trib_tenant_setting)i, trib_tenant_get(op->like, (trib_tenant_setting)i));
    }
    if (!op->prepared) return trib_error_set(err, TRIB_NOMEM, NULL);
    for (int i = 0; op->change && i < TRIB_TENANT_SETTING_COUNT; i++)
        if (op->change->given & (1U << i)) trib_tenant_set(op->prepared, (trib_tenant_setting)i, op->change->values[i]);
    if (op->change && op->change->has_reason)
        code = trib_tenant_set_reason(op->prepared, trib_str_c(op->change->reason), err);
    if (code == TRIB_OK && op->change && op->change->has_jwt_key)
        code = trib_tenant_set_jwt_key(op->prepared, op->change->jwt_key, err);
    if (code != TRIB_OK) {
        trib_tenant_unref(op->prepared);
        op->prepared = NULL;
        return code;
    }
    op->prepared->created_ms = op->now_ms;
    op->named_ms = next_naming(control);
    atomic_store(&op->prepared->named_ms, op->named_ms);
    atomic_store(&op->prepared->token_epoch, epoch >> 1);
    return TRIB_OK;
}

/* Lock held: the tenant is the change's own until op_forget. */
static trib_code claim(trib_control_op *op, trib_tenant *tenant, trib_error *err) {
    if (tenant->changing)
        return trib_error_set(err, TRIB_TOO_MANY_REQUESTS, "another change of tenant \"%s\" is under way; try again",
                              tenant->name);
    trib_code code = TRIB_OK;
    if (op->type == TRIB_CONTROL_SETTINGS && op->change->has_reason)
        code = trib_tenant_reserve_text(tenant, trib_str_c(op->change->reason), err);
    if (code == TRIB_OK && op->type == TRIB_CONTROL_SETTINGS && op->change->has_jwt_key)
        code = trib_tenant_reserve_text(tenant, op->change->jwt_key, err);
    if (names(op)) code = trib_tenant_reserve_text(tenant, op->new_name, err);
    if (code != TRIB_OK) return code;
    tenant->changing = true;
    op->target = trib_tenant_ref(tenant);
    return TRIB_OK;
}

/* Lock held: the one deleted tenant that had the name, or that is meant by its id. */
static trib_code find_deleted(trib_control *control, const trib_control_op *op, trib_tenant **ret, trib_error *err) {
    size_t count = 0;
    TRIB_LIST_EACH(link, &control->deleted) {
        trib_tenant *tenant = TRIB_LIST_ITEM(link, trib_tenant, link);
        if (strcmp(tenant->name, op->name) != 0 || (op->id.len && !trib_str_eq_c(op->id, tenant->id))) continue;
        *ret = tenant;
        count++;
    }
    if (count == 1) return TRIB_OK;
    if (count == 0)
        return trib_error_set(
            err, TRIB_TENANT_NOT_FOUND,
            "there is no deleted tenant \"%s\"; `trib tenant list --deleted` shows those that there are", op->name);
    return trib_error_set(
        err, TRIB_BAD_REQUEST,
        "%zu deleted tenants had the name \"%s\"; `trib tenant list --deleted` shows their ids: say which", count,
        op->name);
}

/* Lock held. */
static trib_code find_target(trib_control *control, const trib_control_op *op, trib_tenant **ret, trib_error *err) {
    if (op->type == TRIB_CONTROL_UNDELETE) return find_deleted(control, op, ret, err);
    if (op->type == TRIB_CONTROL_PURGE) {
        *ret = op->target;
        return TRIB_OK;
    }
    trib_tenant *known = trib_map_get(&control->by_name, trib_str_c(op->name));
    if (known && known->system) known = NULL;
    if (op->type == TRIB_CONTROL_DELETE && op->now && (!known || (op->id.len && !trib_str_eq_c(op->id, known->id))))
        return find_deleted(control, op, ret, err);
    *ret = known;
    if (known) return TRIB_OK;
    return trib_error_set(err, TRIB_TENANT_NOT_FOUND,
                          "tenant \"%s\" doesn't exist; `trib tenant list` shows those that do", op->name);
}

static trib_code op_prepare(trib_control *control, trib_control_op *op, trib_error *err) {
    trib_tenant *target = NULL;
    op->control = control;
    op->prepared = op->tenant = NULL;
    op->now_ms = trib_env_wall_ms(control->app->env);
    if (op->type != TRIB_CONTROL_PURGE) op->target = NULL;
    if (changes_keys(op)) return prepare_keys(control, op, err);
    if (op->type == TRIB_CONTROL_CREATE) return prepare_create(control, op, err);
    if (op->type == TRIB_CONTROL_FILES) return check_free(control, trib_str_c(op->name), err);
    if (op->type == TRIB_CONTROL_UNDELETE && op->new_name.len == 0) op->new_name = trib_str_c(op->name);
    trib_code code = names(op) ? check_free(control, op->new_name, err) : TRIB_OK;
    if (code == TRIB_TENANT_EXISTS && op->type == TRIB_CONTROL_UNDELETE)
        code = trib_error_set(err, TRIB_TENANT_EXISTS,
                              "tenant \"%.*s\" exists: give the one that comes back another name (undelete --as NAME)",
                              TRIB_STR_ARG(op->new_name));
    if (code != TRIB_OK) return code;
    trib_control_lock(control);
    code = find_target(control, op, &target, err);
    op->target = NULL;
    if (code == TRIB_OK) code = claim(op, target, err);
    trib_control_unlock(control);
    if (code == TRIB_OK && names(op)) op->named_ms = next_naming(control);
    return code;
}

trib_code trib_control_submit(trib_control *control, trib_control_op *op, trib_error *err) {
    trib_code code = op_prepare(control, op, err);
    if (code != TRIB_OK) return code;
    memset(&op->job, 0, sizeof op->job);
    op->job.app = control->app;
    op->job.tenant = control->self;
    op->job.access = TRIB_ACCESS_SYSTEM;
    op->job.job.home = op->home;
    op->job.work = op_work;
    op->job.finished = op_finished;
    if (op->type == TRIB_CONTROL_CREATE && follow_or_lead(control, op)) return TRIB_OK;
    code = trib_db_job_submit(&op->job, &op->err);
    if (code != TRIB_OK) {
        if (err) *err = op->err;
        if (op->type == TRIB_CONTROL_CREATE) end_creating(control, op, code, &op->err);
        op_forget(control, op);
    }
    return code;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The registry in memory and its changes; see control.h. Reading it at start is in control_load.c. */
#include "core/control.h"

#include <stdlib.h>
#include <string.h>

#include "base/ids.h"
#include "core/control_int.h"
#include "crypto/hash.h"
#include "wire/tenant_name.h"

static void lock(trib_control *control) {
    trib_mutex_lock(control->app->env, control->lock);
}

static void unlock(trib_control *control) {
    trib_mutex_unlock(control->app->env, control->lock);
}

/* ---- tenants ---- */

trib_tenant *trib_tenant_ref(trib_tenant *tenant) {
    if (tenant) atomic_fetch_add(&tenant->refs, 1);
    return tenant;
}

void trib_tenant_unref(trib_tenant *tenant) {
    if (!tenant || atomic_fetch_sub(&tenant->refs, 1) != 1) return;
    trib_work_queue_free(tenant->queue);
    free(tenant);
}

trib_tenant *trib_control_tenant_new(trib_control *control, trib_str name, trib_str id) {
    trib_tenant *tenant = calloc(1, sizeof *tenant);
    if (!tenant) return NULL;
    memcpy(tenant->name, name.ptr, name.len);
    memcpy(tenant->id, id.ptr, id.len);
    atomic_store(&tenant->refs, 1);
    tenant->queue = trib_work_queue_new(control->app->workers);
    if (tenant->queue) return tenant;
    free(tenant);
    return NULL;
}

trib_tenant *trib_control_find(trib_control *control, trib_str name) {
    lock(control);
    trib_tenant *tenant = trib_tenant_ref(trib_map_get(&control->by_name, name));
    unlock(control);
    return tenant;
}

size_t trib_control_count(trib_control *control) {
    lock(control);
    size_t count = control->by_name.count;
    unlock(control);
    return count;
}

static int by_name(const void *a, const void *b) {
    return strcmp((*(trib_tenant *const *)a)->name, (*(trib_tenant *const *)b)->name);
}

/* Keeps the `max` smallest names seen so far: a sorted page, filled by insertion. */
static void page_insert(trib_tenant **page, size_t *count, size_t max, trib_tenant *tenant) {
    size_t at = *count;
    if (at == max) {
        if (by_name(&tenant, &page[max - 1]) >= 0) return;
        at--;
    } else {
        (*count)++;
    }
    while (at > 0 && by_name(&tenant, &page[at - 1]) < 0) {
        page[at] = page[at - 1];
        at--;
    }
    page[at] = tenant;
}

size_t trib_control_list(trib_control *control, trib_str after, size_t max, trib_tenant **ret) {
    size_t cursor = 0, count = 0;
    trib_str name;
    void *value;
    if (max == 0) return 0;
    lock(control);
    while (trib_map_next(&control->by_name, &cursor, &name, &value)) {
        if (after.len && trib_str_cmp(name, after) <= 0) continue;
        page_insert(ret, &count, max, value);
    }
    for (size_t i = 0; i < count; i++) trib_tenant_ref(ret[i]);
    unlock(control);
    return count;
}

/* ---- keys ---- */

trib_control_keys *trib_control_get_keys(trib_control *control) {
    lock(control);
    trib_control_keys *keys = control->keys;
    atomic_fetch_add(&keys->refs, 1);
    unlock(control);
    return keys;
}

void trib_control_keys_release(trib_control_keys *keys) {
    if (!keys || atomic_fetch_sub(&keys->refs, 1) != 1) return;
    for (size_t i = 0; i < keys->count; i++) trib_ed25519_key_free(keys->keys[i]);
    free(keys);
}

trib_code trib_control_keys_add(trib_control_keys *keys, trib_str kid, trib_str seed, trib_error *err) {
    size_t at = keys->count;
    if (at == TRIB_SIGNING_KEYS_MAX || kid.len >= sizeof keys->kids[0]) return TRIB_OK;
    trib_code code = trib_ed25519_key_new(seed, &keys->keys[at], err);
    if (code != TRIB_OK) return code;
    memcpy(keys->kids[at], kid.ptr, kid.len);
    keys->kids[at][kid.len] = '\0';
    keys->verify[at] = (trib_jwt_key){trib_str_c(keys->kids[at]), trib_ed25519_key_get_pub(keys->keys[at])};
    keys->count++;
    return TRIB_OK;
}

static trib_code keys_copy(trib_control_keys *to, const trib_control_keys *from, size_t at, trib_error *err) {
    uint8_t seed[TRIB_ED25519_KEY_BYTES];
    trib_code code = trib_ed25519_key_get_seed(from->keys[at], seed);
    if (code == TRIB_OK) {
        code =
            trib_control_keys_add(to, trib_str_c(from->kids[at]), trib_str_make((const char *)seed, sizeof seed), err);
    }
    trib_crypto_wipe(seed, sizeof seed);
    return code;
}

/* Which of the old keys stay: after a rotation all or none, else the one that signs. */
static size_t keys_kept(const trib_control_keys *old, const trib_control_op *op) {
    if (op->type == TRIB_CONTROL_DROP_OLD_KEYS) return 1;
    return op->drop_all ? 0 : old->count;
}

static trib_code keys_change(trib_control *control, const trib_control_op *op, trib_error *err) {
    trib_control_keys *old = trib_control_get_keys(control);
    trib_control_keys *keys = calloc(1, sizeof *keys);
    trib_code code = keys ? TRIB_OK : trib_error_set(err, TRIB_NOMEM, NULL);
    if (code == TRIB_OK) {
        atomic_store(&keys->refs, 1);
        keys->generation = old->generation + 1;
        if (op->type == TRIB_CONTROL_ROTATE_KEY)
            code = trib_control_keys_add(keys, trib_str_c(op->kid),
                                         trib_str_make((const char *)op->seed, sizeof op->seed), err);
    }
    for (size_t i = 0; code == TRIB_OK && i < keys_kept(old, op); i++) code = keys_copy(keys, old, i, err);
    if (code == TRIB_OK) {
        lock(control);
        trib_control_keys *gone = control->keys;
        control->keys = keys;
        unlock(control);
        trib_control_keys_release(gone);
    } else {
        trib_control_keys_release(keys);
    }
    trib_control_keys_release(old); // NOLINT(clang-analyzer-unix.Malloc): `gone` gave up another reference
    return code;
}

const char *trib_control_admin_key(const trib_control *control) {
    return control->admin_key;
}

/* ---- changes ---- */

static const char *const op_sql[] = {
    [TRIB_CONTROL_CREATE] = "INSERT INTO tenant(name, id, created_ms, token_epoch) VALUES (?1, ?2, ?3, ?4)",
    [TRIB_CONTROL_DELETE] = "DELETE FROM tenant WHERE id = ?1",
    [TRIB_CONTROL_REVOKE] = "UPDATE tenant SET token_epoch = token_epoch + 1 WHERE id = ?1",
    [TRIB_CONTROL_ROTATE_KEY] = "INSERT INTO signing_key(kid, seed, created_ms) VALUES (?1, ?2, ?3)",
    [TRIB_CONTROL_DROP_OLD_KEYS] = "DELETE FROM signing_key WHERE kid <> ?1",
};

static bool changes_keys(const trib_control_op *op) {
    return op->type == TRIB_CONTROL_ROTATE_KEY || op->type == TRIB_CONTROL_DROP_OLD_KEYS;
}

static trib_arg text_arg(const char *text) {
    return (trib_arg){.value = {.type = TRIB_VALUE_TEXT, .bytes = trib_str_c(text)}};
}

static size_t op_args(const trib_control_op *op, int64_t now_ms, trib_arg args[4]) {
    args[2] = (trib_arg){.value = {.type = TRIB_VALUE_INTEGER, .integer = now_ms}};
    if (op->type == TRIB_CONTROL_ROTATE_KEY) {
        args[0] = text_arg(op->kid);
        args[1] = (trib_arg){.value = {.type = TRIB_VALUE_BLOB, .bytes = {(const char *)op->seed, sizeof op->seed}}};
        return 3;
    }
    args[0] = text_arg(op->type == TRIB_CONTROL_CREATE ? op->name : changes_keys(op) ? op->kid : op->id);
    if (op->type != TRIB_CONTROL_CREATE) return 1;
    args[1] = text_arg(op->prepared->id);
    args[3] = (trib_arg){.value = {.type = TRIB_VALUE_INTEGER, .integer = atomic_load(&op->prepared->token_epoch)}};
    return 4;
}

static trib_code op_work(trib_db_job *job, trib_handle *handle, trib_error *err) {
    trib_control_op *op = (trib_control_op *)(void *)((char *)job - offsetof(trib_control_op, job));
    trib_arg args[4];
    size_t count = op_args(op, trib_env_wall_ms(job->app->env), args);
    trib_code code = trib_db_job_take_pending(job, err);
    if (code != TRIB_OK) return code;
    if (op->type == TRIB_CONTROL_ROTATE_KEY && op->drop_all) {
        /* one transaction: the new key is in and the old ones are out, or neither */
        static const char *const drop[] = {"BEGIN IMMEDIATE", "DELETE FROM signing_key"};
        for (size_t i = 0; i < 2; i++) {
            code = trib_control_run(handle, drop[i], NULL, 0, NULL, NULL, err);
            if (code != TRIB_OK) return code;
        }
        code = trib_control_run(handle, op_sql[op->type], args, count, NULL, NULL, err);
        return code == TRIB_OK ? trib_control_run(handle, "COMMIT", NULL, 0, NULL, NULL, err) : code;
    }
    return trib_control_run(handle, op_sql[op->type], args, count, NULL, NULL, err);
}

/* Two creates of one name: the database knows the winner before by_name does, because the winner comes home to a loop
 * of its own. So the second one does not ask the database but follows the first. */

/* true: it follows another one; else it leads. */
static bool follow_or_lead(trib_control *control, trib_control_op *op) {
    trib_control_op *leader = NULL;
    trib_list_init(&op->link);
    trib_list_init(&op->followers);
    lock(control);
    TRIB_LIST_EACH_SAFE(link, &control->creating) {
        trib_control_op *other = TRIB_LIST_ITEM(link, trib_control_op, link);
        if (strcmp(other->name, op->name) == 0) leader = other;
    }
    trib_list_push_back(leader ? &leader->followers : &control->creating, &op->link);
    unlock(control);
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
    lock(control);
    trib_list_remove(&op->link);
    trib_list_splice_back(&followers, &op->followers);
    unlock(control);
    for (trib_list *link; (link = trib_list_take_first(&followers));) {
        trib_control_op *follower = TRIB_LIST_ITEM(link, trib_control_op, link);
        trib_tenant_unref(follower->prepared);
        follower->prepared = NULL;
        follower->code = code;
        if (code != TRIB_OK) follower->err = *err;
        else
            follower->code =
                trib_error_set(&follower->err, TRIB_TENANT_EXISTS, "tenant \"%s\" already exists", follower->name);
        follower->job.job.done = follower_done;
        follower->home->post(follower->home, &follower->job.job);
    }
}

/* The change is durable: memory follows. */
static trib_code op_apply(trib_control *control, trib_control_op *op) {
    trib_tenant *gone = NULL;
    trib_code code = TRIB_OK;
    if (changes_keys(op)) return keys_change(control, op, &op->err);
    lock(control);
    trib_tenant *known = trib_map_get(&control->by_name, trib_str_c(op->name));
    bool meant = known && strcmp(known->id, op->id) == 0;
    if (op->type == TRIB_CONTROL_CREATE) {
        code = trib_map_set(&control->by_name, trib_str_c(op->prepared->name), op->prepared, NULL);
        if (code == TRIB_OK) op->tenant = trib_tenant_ref(op->prepared);
        if (code == TRIB_OK) op->prepared = NULL;
    } else if (meant && op->type == TRIB_CONTROL_DELETE) {
        gone = trib_map_take(&control->by_name, trib_str_c(op->name));
        atomic_store(&gone->deleted, true);
    } else if (meant) {
        op->tenant = trib_tenant_ref(known);
        atomic_fetch_add(&known->token_epoch, 1);
    }
    unlock(control);
    trib_tenant_unref(gone);
    return code == TRIB_OK ? code : trib_error_set(&op->err, code, NULL);
}

/* What prepare took, as far as it was not handed over. */
static void op_forget(trib_control *control, trib_control_op *op) {
    trib_tenant_unref(op->prepared);
    op->prepared = NULL;
    if (!changes_keys(op)) return;
    lock(control);
    control->keys_changing = false;
    unlock(control);
}

static void op_finished(trib_db_job *job) {
    trib_control_op *op = (trib_control_op *)(void *)((char *)job - offsetof(trib_control_op, job));
    trib_control *control = op->control;
    op->code = job->code;
    op->err = job->err;
    if (op->code == TRIB_SQL_ERROR && op->type == TRIB_CONTROL_CREATE) {
        op->code = trib_error_set(&op->err, TRIB_TENANT_EXISTS, "tenant \"%s\" already exists", op->name);
    }
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
    lock(control);
    bool other = control->keys_changing, older = control->keys->count > 1;
    if (op->type == TRIB_CONTROL_DROP_OLD_KEYS) memcpy(op->kid, control->keys->kids[0], sizeof op->kid);
    control->keys_changing = true;
    unlock(control);
    if (other)
        return trib_error_set(err, TRIB_TOO_MANY_REQUESTS,
                              "another change of the signing keys is under way; try again");
    if (op->type == TRIB_CONTROL_ROTATE_KEY) {
        code = trib_id_random(control->app->env, &id, err);
        if (code == TRIB_OK && !trib_env_random(control->app->env, op->seed, sizeof op->seed))
            code = trib_error_set(err, TRIB_INTERNAL, "the system gives no randomness for a new key");
        if (code == TRIB_OK) trib_id_to_hex(id, op->kid);
    } else if (!older) {
        code = trib_error_set(err, TRIB_BAD_REQUEST,
                              "there is no older key to drop: one key signs and checks every token; rotate first, "
                              "or drop all keys if this one was stolen");
    }
    if (code != TRIB_OK) op_forget(control, op);
    return code;
}

static trib_code op_prepare(trib_control *control, trib_control_op *op, trib_error *err) {
    char hex[TRIB_ID_HEX_BYTES];
    trib_id id;
    trib_str name = trib_str_c(op->name);
    trib_code code = TRIB_OK;
    op->prepared = NULL;
    op->tenant = NULL;
    if (changes_keys(op)) return prepare_keys(control, op, err);
    trib_tenant *known = trib_control_find(control, name);
    bool exists = known != NULL, is_system = known && known->system;
    if (exists) memcpy(op->id, known->id, sizeof op->id);
    trib_tenant_unref(known);
    if (op->type != TRIB_CONTROL_CREATE) {
        if (exists && !is_system) return TRIB_OK;
        return trib_error_set(err, TRIB_TENANT_NOT_FOUND,
                              "tenant \"%s\" doesn't exist; `trib tenant list` shows those that do", op->name);
    }
    code = trib_tenant_name_check(name, err);
    if (code != TRIB_OK) return code;
    if (exists || trib_tenant_name_system(name)) {
        return trib_error_set(err, TRIB_TENANT_EXISTS, "tenant \"%s\" already exists", op->name);
    }
    code = trib_id_random(control->app->env, &id, err);
    if (code != TRIB_OK) return code;
    trib_id_to_hex(id, hex);
    op->prepared = trib_control_tenant_new(control, name, trib_str_c(hex));
    if (!op->prepared) return trib_error_set(err, TRIB_NOMEM, NULL);
    op->prepared->created_ms = trib_env_wall_ms(control->app->env);
    /* random, so that tokens of a former tenant of this name do not open the new one; room above for revocations */
    uint32_t epoch;
    if (!trib_env_random(control->app->env, &epoch, sizeof epoch)) {
        trib_tenant_unref(op->prepared);
        op->prepared = NULL;
        return trib_error_set(err, TRIB_INTERNAL, "the system gives no randomness for a new tenant");
    }
    atomic_store(&op->prepared->token_epoch, epoch >> 1);
    return TRIB_OK;
}

trib_code trib_control_submit(trib_control *control, trib_control_op *op, trib_error *err) {
    trib_code code = op_prepare(control, op, err);
    if (code != TRIB_OK) return code;
    op->control = control;
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

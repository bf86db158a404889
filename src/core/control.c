/* SPDX-License-Identifier: Apache-2.0 */
/* The registry in memory; see control.h. Reading it at start is in control_load.c, changes are in control_change.c. */
#include "core/control.h"

#include <stdlib.h>
#include <string.h>

#include "core/control_int.h"
#include "crypto/hash.h"

/* ---- tenants ---- */

trib_tenant *trib_control_find(trib_control *control, trib_str name) {
    trib_control_lock(control);
    trib_tenant *tenant = trib_tenant_ref(trib_map_get(&control->by_name, name));
    trib_control_unlock(control);
    return tenant;
}

trib_code trib_control_find_system(trib_control *control, const char *name, trib_tenant **ret, trib_error *err) {
    *ret = trib_control_find(control, trib_str_c(name));
    trib_tenant_unref(*ret); /* the registry keeps it */
    return *ret ? TRIB_OK : trib_error_set(err, TRIB_INTERNAL, "the registry has no database for %s", name);
}

trib_tenant *trib_control_find_id(trib_control *control, trib_str id) {
    trib_control_lock(control);
    trib_tenant *found = trib_tenant_ref(trib_map_get(&control->by_id, id));
    trib_control_unlock(control);
    return found;
}

bool trib_control_knows_id(trib_control *control, trib_str id) {
    trib_control_lock(control); /* once: it may be on its way from one to the other */
    bool known = trib_map_get(&control->by_id, id) != NULL;
    TRIB_LIST_EACH(link, &control->deleted) {
        if (trib_str_eq_c(id, TRIB_LIST_ITEM(link, trib_tenant, link)->id)) known = true;
    }
    trib_control_unlock(control);
    return known;
}

uint64_t trib_control_count_gone(const trib_control *control) {
    return atomic_load(&control->gone);
}

size_t trib_control_count(trib_control *control) {
    trib_control_lock(control);
    size_t count = control->by_name.count;
    trib_control_unlock(control);
    return count;
}

/* By name, and by id where deleted tenants had the same one. */
static int compare(const trib_tenant *a, const trib_tenant *b) {
    int order = strcmp(a->name, b->name);
    return order ? order : strcmp(a->id, b->id);
}

/* Keeps the `max` smallest seen so far: a sorted page, filled by insertion. */
static void page_insert(trib_tenant **page, size_t *count, size_t max, trib_tenant *tenant) {
    size_t at = *count;
    if (at == max) {
        if (compare(tenant, page[max - 1]) >= 0) return;
        at--;
    } else {
        (*count)++;
    }
    while (at > 0 && compare(tenant, page[at - 1]) < 0) {
        page[at] = page[at - 1];
        at--;
    }
    page[at] = tenant;
}

size_t trib_control_list_deleted(trib_control *control, trib_str after, trib_str after_id, size_t max,
                                 trib_tenant **ret) {
    size_t count = 0;
    if (max == 0) return 0;
    trib_control_lock(control);
    TRIB_LIST_EACH(link, &control->deleted) {
        trib_tenant *tenant = TRIB_LIST_ITEM(link, trib_tenant, link);
        int order = trib_str_cmp(trib_str_c(tenant->name), after);
        if (order == 0) order = trib_str_cmp(trib_str_c(tenant->id), after_id);
        if (order > 0) page_insert(ret, &count, max, tenant);
    }
    for (size_t i = 0; i < count; i++) trib_tenant_ref(ret[i]);
    trib_control_unlock(control);
    return count;
}

bool trib_control_take_fork(trib_control *control) {
    trib_control_lock(control);
    bool ok = control->forks < TRIB_FORKS_MAX;
    control->forks += ok;
    trib_control_unlock(control);
    return ok;
}

void trib_control_give_fork(trib_control *control) {
    trib_control_lock(control);
    control->forks--;
    trib_control_unlock(control);
}

/* ---- keys ---- */

trib_control_keys *trib_control_get_keys(trib_control *control) {
    trib_control_lock(control);
    trib_control_keys *keys = control->keys;
    atomic_fetch_add(&keys->refs, 1);
    trib_control_unlock(control);
    return keys;
}

void trib_control_keys_release(trib_control_keys *keys) {
    if (!keys || atomic_fetch_sub(&keys->refs, 1) != 1) return;
    for (size_t i = 0; i < keys->count; i++) trib_ed25519_key_free(keys->keys[i]);
    for (size_t i = 0; i < keys->imported_count; i++) trib_ed25519_pub_free(keys->imported[i]);
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

static void add_imported(trib_control_keys *keys, trib_ed25519_pub *pub) {
    keys->verify[keys->count + keys->imported_count] = (trib_jwt_key){.pub = pub};
    keys->imported[keys->imported_count++] = pub;
}

trib_code trib_control_keys_import(trib_control_keys *keys, trib_str text, bool setting, trib_error *err) {
    trib_ed25519_pub *found[TRIB_IMPORTED_KEYS_MAX] = {0};
    size_t count = 0;
    if (text.len == 0) return TRIB_OK;
    trib_code code = trib_jwt_keys_from_text(text, TRIB_IMPORTED_KEYS_MAX, found, &count, err);
    if (code != TRIB_OK) return code;
    for (size_t i = 0; i < count; i++) add_imported(keys, found[i]);
    if (setting) keys->setting_count = keys->imported_count;
    return TRIB_OK;
}

/* Those that stay are made anew from their bytes: a snapshot owns its keys. */
static trib_code keys_import(trib_control_keys *to, const trib_control_keys *from, const trib_control_op *op,
                             trib_error *err) {
    bool changes = op->type == TRIB_CONTROL_IMPORT_KEYS;
    size_t kept = changes ? from->setting_count : from->imported_count;
    for (size_t i = 0; i < kept; i++) {
        uint8_t raw[TRIB_ED25519_KEY_BYTES];
        trib_ed25519_pub *pub = NULL;
        trib_ed25519_pub_get_raw(from->imported[i], raw);
        trib_code code = trib_ed25519_pub_new(trib_str_make((const char *)raw, sizeof raw), &pub, err);
        if (code != TRIB_OK) return code;
        add_imported(to, pub);
    }
    to->setting_count = from->setting_count;
    return changes ? trib_control_keys_import(to, op->imported, false, err) : TRIB_OK;
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
    if (op->type == TRIB_CONTROL_IMPORT_KEYS) return old->count;
    return op->drop_all ? 0 : old->count;
}

trib_code trib_control_keys_change(trib_control *control, const trib_control_op *op, trib_error *err) {
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
    if (code == TRIB_OK) code = keys_import(keys, old, op, err);
    if (code == TRIB_OK) {
        trib_control_lock(control);
        trib_control_keys *gone = control->keys;
        control->keys = keys;
        trib_control_unlock(control);
        trib_control_keys_release(gone);
    } else {
        trib_control_keys_release(keys);
    }
    trib_control_keys_release(old); // NOLINT(clang-analyzer-unix.Malloc): `gone` gave up another reference
    return code;
}

bool trib_control_has_tenant_keys(const trib_control *control) {
    return atomic_load_explicit(&control->tenant_keys, memory_order_acquire);
}

const char *trib_control_admin_key(const trib_control *control) {
    return control->admin_key;
}

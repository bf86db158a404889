/* SPDX-License-Identifier: Apache-2.0 */
/* Marks; see outbox.h. The list runs through the tenants themselves, so that marking needs no memory. */
#include "core/outbox.h"

#include <stdlib.h>

struct trib_outbox {
    const trib_env *env;
    trib_mutex *lock;
    trib_list marked; /* their outbox_link */
};

trib_code trib_outbox_new(const trib_env *env, trib_outbox **ret, trib_error *err) {
    trib_outbox *outbox = calloc(1, sizeof *outbox);
    if (outbox) outbox->lock = trib_mutex_new(env);
    if (!outbox || !outbox->lock) {
        free(outbox);
        return trib_error_set(err, TRIB_NOMEM, NULL);
    }
    outbox->env = env;
    trib_list_init(&outbox->marked);
    *ret = outbox;
    return TRIB_OK;
}

void trib_outbox_free(trib_outbox *outbox) {
    if (!outbox) return;
    for (trib_tenant *tenant; (tenant = trib_outbox_take(outbox)) != NULL;) trib_tenant_unref(tenant);
    trib_mutex_free(outbox->env, outbox->lock);
    free(outbox);
}

void trib_outbox_mark(trib_outbox *outbox, trib_tenant *tenant) {
    trib_mutex_lock(outbox->env, outbox->lock);
    if (!trib_list_is_linked(&tenant->outbox_link)) {
        trib_list_push_back(&outbox->marked, &tenant->outbox_link);
        trib_tenant_ref(tenant);
    }
    trib_mutex_unlock(outbox->env, outbox->lock);
}

trib_tenant *trib_outbox_take(trib_outbox *outbox) {
    trib_mutex_lock(outbox->env, outbox->lock);
    trib_list *first = trib_list_take_first(&outbox->marked);
    trib_mutex_unlock(outbox->env, outbox->lock);
    return first ? TRIB_LIST_ITEM(first, trib_tenant, outbox_link) : NULL;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The tenants that there are: by name, by id, and in the order of their names. All of them under the registry's lock,
 * which requests take, too: nothing here walks over all tenants. */
#include <string.h>

#include "core/control_int.h"

static int compare_names(const trib_tenant *a, const trib_tenant *b) {
    return strcmp(atomic_load(&a->name), atomic_load(&b->name));
}

RB_GENERATE_INTERNAL(trib_tenants, trib_tenant, by_name, compare_names, static __attribute__((unused)))

trib_code trib_control_know(trib_control *control, trib_tenant *tenant) {
    trib_code code = trib_map_set(&control->by_name, trib_str_c(tenant->name), tenant, NULL);
    if (code != TRIB_OK) return code;
    code = trib_map_set(&control->by_id, trib_str_c(tenant->id), tenant, NULL);
    if (code != TRIB_OK) (void)trib_map_take(&control->by_name, trib_str_c(tenant->name));
    else (void)RB_INSERT(trib_tenants, &control->in_order, tenant);
    return code;
}

void trib_control_forget(trib_control *control, trib_tenant *tenant) {
    (void)RB_REMOVE(trib_tenants, &control->in_order, tenant);
    (void)trib_map_take(&control->by_id, trib_str_c(tenant->id));
    (void)trib_map_take(&control->by_name, trib_str_c(tenant->name));
}

/* The first one behind that name. Lock held. */
static trib_tenant *first_behind(trib_control *control, trib_str after) {
    char name[TRIB_TENANT_NAME_BYTES + 1];
    if (after.len == 0) return RB_MIN(trib_tenants, &control->in_order);
    trib_str head = trib_str_sub(after, 0, TRIB_TENANT_NAME_BYTES); /* no name is longer */
    memcpy(name, head.ptr, head.len);
    name[head.len] = '\0';
    trib_tenant probe = {.name = name};
    trib_tenant *first = RB_NFIND(trib_tenants, &control->in_order, &probe);
    bool is_same = first && compare_names(first, &probe) == 0;
    return is_same ? RB_NEXT(trib_tenants, &control->in_order, first) : first;
}

size_t trib_control_list(trib_control *control, trib_str after, size_t max, trib_tenant **ret) {
    size_t count = 0;
    trib_control_lock(control);
    trib_tenant *tenant = first_behind(control, after);
    for (; tenant && count < max; tenant = RB_NEXT(trib_tenants, &control->in_order, tenant))
        ret[count++] = trib_tenant_ref(tenant);
    trib_control_unlock(control);
    return count;
}

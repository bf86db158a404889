/* SPDX-License-Identifier: Apache-2.0 */
/* A tenant in memory; see tenant.h. Its texts can change while others read them without a lock: each stays where it is
 * until the tenant goes, and a text that was there before is taken again. */
#include "core/tenant.h"

#include <stdlib.h>
#include <string.h>

typedef struct trib_tenant_text {
    struct trib_tenant_text *next;
    char text[];
} tenant_text;

static const trib_tenant_setting_row rows[TRIB_TENANT_SETTING_COUNT] = {
#define X(field, name, type, least, most, meaning) {#name, TRIB_TENANT_##type, least, most, meaning},
    TRIB_TENANT_SETTING_TABLE(X)
#undef X
};

const trib_tenant_setting_row *trib_tenant_setting_row_at(size_t setting) {
    return &rows[setting];
}

/* The kept copy of a text; a new one if need be. NULL: *ret_code says why. */
static const char *keep(trib_tenant *tenant, trib_str text, trib_code *ret_code, trib_error *err) {
    for (tenant_text *at = tenant->texts; at; at = at->next) {
        if (trib_str_eq_c(text, at->text)) return at->text;
    }
    if (tenant->text_count >= TRIB_TENANT_TEXTS_MAX) {
        *ret_code =
            trib_error_set(err, TRIB_TOO_MANY_REQUESTS,
                           "name, block_reason and jwt_key of this tenant had %d values since the server started; "
                           "use one of them again, or restart the server",
                           TRIB_TENANT_TEXTS_MAX);
        return NULL;
    }
    tenant_text *kept = malloc(sizeof *kept + text.len + 1);
    if (!kept) {
        *ret_code = trib_error_set(err, TRIB_NOMEM, NULL);
        return NULL;
    }
    if (text.len) memcpy(kept->text, text.ptr, text.len);
    kept->text[text.len] = '\0';
    kept->next = tenant->texts;
    tenant->texts = kept;
    tenant->text_count++;
    return kept->text;
}

trib_code trib_tenant_reserve_text(trib_tenant *tenant, trib_str text, trib_error *err) {
    trib_code code = TRIB_OK;
    (void)keep(tenant, text, &code, err);
    return code;
}

trib_code trib_tenant_set_name(trib_tenant *tenant, trib_str name, trib_error *err) {
    trib_code code = TRIB_OK;
    const char *kept = keep(tenant, name, &code, err);
    if (kept) atomic_store(&tenant->name, kept);
    return code;
}

trib_code trib_tenant_set_reason(trib_tenant *tenant, trib_str reason, trib_error *err) {
    trib_code code = TRIB_OK;
    const char *kept = reason.len ? keep(tenant, reason, &code, err) : "";
    if (kept) atomic_store(&tenant->block_reason, kept);
    return code;
}

trib_code trib_tenant_set_jwt_key(trib_tenant *tenant, trib_str key, trib_error *err) {
    trib_code code = TRIB_OK;
    const char *kept = key.len ? keep(tenant, key, &code, err) : "";
    if (kept) atomic_store(&tenant->jwt_key, kept);
    return code;
}

trib_tenant *trib_tenant_new(trib_workers *workers, trib_str name, trib_str id) {
    trib_tenant *tenant = calloc(1, sizeof *tenant);
    if (!tenant) return NULL;
    memcpy(tenant->id, id.ptr, id.len);
    trib_list_init(&tenant->outbox_link);
    atomic_store(&tenant->refs, 1);
    atomic_store(&tenant->block_reason, "");
    atomic_store(&tenant->jwt_key, "");
    tenant->queue = trib_work_queue_new(workers);
    if (tenant->queue && trib_tenant_set_name(tenant, name, NULL) == TRIB_OK) return tenant;
    trib_tenant_unref(tenant);
    return NULL;
}

trib_tenant *trib_tenant_ref(trib_tenant *tenant) {
    if (tenant) atomic_fetch_add(&tenant->refs, 1);
    return tenant;
}

void trib_tenant_unref(trib_tenant *tenant) {
    if (!tenant || atomic_fetch_sub(&tenant->refs, 1) != 1) return;
    trib_work_queue_free(tenant->queue);
    while (tenant->texts) {
        tenant_text *next = tenant->texts->next;
        free(tenant->texts);
        tenant->texts = next;
    }
    free(tenant);
}

trib_db_settings trib_tenant_db_settings(const trib_tenant *tenant) {
    return (trib_db_settings){
        .system = tenant->system,
        .shared_log = tenant->system && strcmp(tenant->id, "streams") == 0,
        .discovery = tenant->system && strcmp(tenant->id, "discovery") == 0,
        .relaxed = trib_tenant_get(tenant, TRIB_TENANT_RELAXED) != 0,
        .max_bytes = (uint64_t)trib_tenant_get(tenant, TRIB_TENANT_MAX_BYTES),
        .statement_timeout_ms = (uint32_t)trib_tenant_get(tenant, TRIB_TENANT_STATEMENT_TIMEOUT_MS),
        .txn_steal_ms = (uint32_t)trib_tenant_get(tenant, TRIB_TENANT_TXN_STEAL_MS),
    };
}

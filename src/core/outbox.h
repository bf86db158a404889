/* SPDX-License-Identifier: Apache-2.0 */
/* Which publishing tenants may have something new for discovery: marked by whoever has written to one or changed it,
 * taken by the one who carries it over (features/discovery). A mark is a hint, in memory only; what there is to publish
 * stands in the tenant's own database, and at the start everybody is marked.
 *
 * Who writes to a tenant past trib_db_job calls trib_outbox_mark when the commit is durable. Thread: any. */
#ifndef TRIB_CORE_OUTBOX_H
#define TRIB_CORE_OUTBOX_H

#include "core/app.h"
#include "core/tenant.h"

typedef struct trib_outbox trib_outbox;

/* Errors: NOMEM. */
trib_code trib_outbox_new(const trib_env *env, trib_outbox **ret, trib_error *err);
/* Takes NULL. */
void trib_outbox_free(trib_outbox *outbox);
/* Once, however often it is called before somebody takes it. Keeps a reference. */
void trib_outbox_mark(trib_outbox *outbox, trib_tenant *tenant);
/* The one that was marked first, with its reference; NULL: none is. A mark that comes from now on counts again. */
trib_tenant *trib_outbox_take(trib_outbox *outbox);

#endif

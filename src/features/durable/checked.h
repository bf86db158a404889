/* SPDX-License-Identifier: Apache-2.0 */
/* Which databases have durable streams, and whether the tables are those that this server makes: known by the version
 * of the schema, so that a request costs a look-up and not a walk through the schema. */
#ifndef TRIB_FEATURES_DURABLE_CHECKED_H
#define TRIB_FEATURES_DURABLE_CHECKED_H

#include "base/env.h"
#include "base/error.h"
#include "base/str.h"

enum { DURABLE_CHECKED_MAX = 20000 }; /* databases; past it all are looked at again: memory */
/* What a database has: bits. */
enum { DURABLE_HAS_STREAMS = 1, DURABLE_HAS_SUBS = 2 };

typedef struct durable_checked durable_checked;

/* NULL: no memory. */
durable_checked *durable_checked_new(const trib_env *env);
void durable_checked_free(durable_checked *checked);
/* False: this version has not been looked at. Thread: any. */
bool durable_checked_get(durable_checked *checked, trib_str id, int64_t version, unsigned *ret_has);
/* Nothing is kept without memory. Thread: any. */
void durable_checked_set(durable_checked *checked, trib_str id, int64_t version, unsigned has);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* The list of features. They are started in this order and stopped in the reverse one: `streams` makes the tables that
 * others look at, `timers` lets others join. */
#include "server/modules.h"

#include "features/archive/archive.h"
#include "features/consumers/consumers.h"
#include "features/deals/deals.h"
#include "features/discovery/discovery.h"
#include "features/dispatch/dispatch.h"
#include "features/durable/durable.h"
#include "features/health/health.h"
#include "features/hrana/hrana.h"
#include "features/motion/motion.h"
#include "features/replica/replica.h"
#include "features/streams/streams.h"
#include "features/tenants/tenants.h"
#include "features/timers/timers.h"

const trib_module *const trib_modules[] = {
    &trib_health_module,  &trib_streams_module, &trib_timers_module,   &trib_archive_module,   &trib_discovery_module,
    &trib_tenants_module, &trib_hrana_module,   &trib_replica_module,  &trib_consumers_module, &trib_deals_module,
    &trib_durable_module, &trib_motion_module,  &trib_dispatch_module,
};
const size_t trib_module_count = sizeof trib_modules / sizeof *trib_modules;

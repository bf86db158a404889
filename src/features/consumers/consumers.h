/* SPDX-License-Identifier: Apache-2.0 */
/* Consumers of the shared log: subscriptions that hand each event out until it is acknowledged. README.md of this
 * folder. */
#ifndef TRIB_FEATURES_CONSUMERS_CONSUMERS_H
#define TRIB_FEATURES_CONSUMERS_CONSUMERS_H

#include "core/http.h"

extern const trib_module trib_consumers_module;

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* What is public: search, the nearest places, and how tenants get there. */
#ifndef TRIB_FEATURES_DISCOVERY_DISCOVERY_H
#define TRIB_FEATURES_DISCOVERY_DISCOVERY_H

#include "core/http.h"

extern const trib_module trib_discovery_module;

#endif

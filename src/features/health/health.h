/* SPDX-License-Identifier: Apache-2.0 */
/* Is it up, what is it, how is it doing: /health, /version, /metrics. README.md says more. */
#ifndef TRIB_FEATURES_HEALTH_H
#define TRIB_FEATURES_HEALTH_H

#include "core/http.h"

extern const trib_module trib_health_module;

#endif

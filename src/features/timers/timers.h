/* SPDX-License-Identifier: Apache-2.0 */
/* Fires the timers of streams. README.md of this folder. */
#ifndef TRIB_FEATURES_TIMERS_TIMERS_H
#define TRIB_FEATURES_TIMERS_TIMERS_H

#include "core/http.h"

extern const trib_module trib_timers_module;

#endif

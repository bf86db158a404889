/* SPDX-License-Identifier: Apache-2.0 */
/* POST /api/motion: where a driver is. */
#ifndef TRIB_FEATURES_MOTION_MOTION_H
#define TRIB_FEATURES_MOTION_MOTION_H

#include "core/http.h"

extern const trib_module trib_motion_module;

#endif

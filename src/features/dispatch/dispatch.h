/* SPDX-License-Identifier: Apache-2.0 */
/* Finds somebody for the jobs of deals. README.md of this folder. */
#ifndef TRIB_FEATURES_DISPATCH_DISPATCH_H
#define TRIB_FEATURES_DISPATCH_DISPATCH_H

#include "core/http.h"

extern const trib_module trib_dispatch_module;

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* The admin API of tenants and tokens, on the admin listener. README.md says what it serves. */
#ifndef TRIB_FEATURES_TENANTS_H
#define TRIB_FEATURES_TENANTS_H

#include "core/http.h"

extern const trib_module trib_tenants_module;

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Durable Streams (a public HTTP protocol for append-only streams) at /v1/stream/{path}; README.md says what is
 * where. */
#ifndef TRIB_FEATURES_DURABLE_H
#define TRIB_FEATURES_DURABLE_H

#include "core/http.h"

extern const trib_module trib_durable_module;

#endif

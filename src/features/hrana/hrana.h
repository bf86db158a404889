/* SPDX-License-Identifier: Apache-2.0 */
/* The libSQL face: Hrana 2 and 3 over HTTP. README.md says what it serves. */
#ifndef TRIB_FEATURES_HRANA_H
#define TRIB_FEATURES_HRANA_H

#include "core/http.h"

extern const trib_module trib_hrana_module;

#endif

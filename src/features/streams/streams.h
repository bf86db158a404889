/* SPDX-License-Identifier: Apache-2.0 */
/* Shared streams: the log of a deal that several tenants read and write. README.md of this folder. */
#ifndef TRIB_FEATURES_STREAMS_STREAMS_H
#define TRIB_FEATURES_STREAMS_STREAMS_H

#include "core/http.h"

extern const trib_module trib_streams_module;

#endif

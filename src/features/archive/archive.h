/* SPDX-License-Identifier: Apache-2.0 */
/* The archive over HTTP: streams that have ended leave the database for objects. README.md of this folder. */
#ifndef TRIB_FEATURES_ARCHIVE_ARCHIVE_H
#define TRIB_FEATURES_ARCHIVE_ARCHIVE_H

#include "core/http.h"

extern const trib_module trib_archive_module;

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* The features that this server has. Adding one = its folder and one line in modules.c. */
#ifndef TRIB_SERVER_MODULES_H
#define TRIB_SERVER_MODULES_H

#include <stddef.h>

#include "core/http.h"

extern const trib_module *const trib_modules[];
extern const size_t trib_module_count;

#endif

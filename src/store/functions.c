/* SPDX-License-Identifier: Apache-2.0 */
/* Our versions of built-in functions; see policy.h. */
#include "store/policy.h"

int trib_functions_register(trib_handle *handle) {
    (void)handle;
    return SQLITE_OK;
}

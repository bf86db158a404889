// SPDX-License-Identifier: Apache-2.0
// Fuzz target of RoaringBitmaps.
// rooms: wire base
//
// Whatever is accepted can be asked for any number without a look outside of its bytes.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "wire/roaring.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    trib_roaring set;
    uint32_t value = 0;
    if (size < 4) return 0;
    memcpy(&value, data, 4);
    char *copy = malloc(size - 3);
    if (!copy) return 0;
    memcpy(copy, data + 4, size - 4);
    if (trib_roaring_read(trib_str_make(copy, size - 4), &set)) {
        for (uint32_t i = 0; i < 64; i++) (void)trib_roaring_has(&set, value + i * 4099);
        for (uint32_t i = 0; i < 64; i++) (void)trib_roaring_has(&set, i);
        (void)trib_roaring_has(&set, UINT32_MAX);
    }
    free(copy);
    return 0;
}

// SPDX-License-Identifier: Apache-2.0
// Fuzz target of requests to /pull-updates: the message, and the set of pages inside of it.
// rooms: wire base
#include <stdint.h>
#include <stdlib.h>

#include "wire/pb_pull.h"
#include "wire/roaring.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    trib_arena arena;
    trib_pull_req request;
    trib_roaring pages;
    trib_arena_init(&arena, 1 << 20);
    if (trib_pull_decode(&arena, trib_str_make((const char *)data, size), &request, NULL) == TRIB_OK &&
        trib_roaring_read(request.server_pages_selector, &pages)) {
        for (uint32_t i = 0; i < 100; i++) (void)trib_roaring_has(&pages, i * 997);
    }
    trib_arena_deinit(&arena);
    return 0;
}

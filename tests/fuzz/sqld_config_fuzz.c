// SPDX-License-Identifier: Apache-2.0
// Fuzz target of sqld's settings, which come from a file that somebody else wrote.
// rooms: wire base
//
// A prefix of fields never makes a whole message wrong, and reading twice is equal.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "wire/pb_sqld.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok) {
    if (!ok) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    trib_str message = trib_str_make((const char *)data, size);
    trib_sqld_config one, two;
    trib_arena arena;
    trib_arena_init(&arena, 16 << 20);
    if (!trib_sqld_config_parse(&arena, message, &one)) {
        trib_arena_deinit(&arena);
        return 0;
    }
    /* repeated as a whole, the last of each field counts: the same again */
    char *doubled = malloc(2 * size + 1);
    check(doubled != NULL);
    if (size) memcpy(doubled, data, size);
    if (size) memcpy(doubled + size, data, size);
    check(trib_sqld_config_parse(&arena, trib_str_make(doubled, 2 * size), &two));
    check(one.max_db_pages == two.max_db_pages && one.block_writes == two.block_writes);
    check(trib_str_eq(one.block_reason, two.block_reason));
    free(doubled);
    trib_arena_deinit(&arena);
    return 0;
}
